"""The command that makes digests come by themselves: schedule."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.terminal import command, flags, note, put

if TYPE_CHECKING:
    from curator.delivery.schedule import Plan

__all__ = ["schedule"]


@command
def schedule(
    at: Annotated[str, typer.Option(help="The day and the hour.")] = "Mon 07:00",
    cron: Annotated[
        bool, typer.Option("--cron", help="Print lines for a crontab (the default).")
    ] = False,
    systemd: Annotated[
        Path | None,
        typer.Option(help="Write a timer and its service into this folder.", show_default=False),
    ] = None,
    github: Annotated[
        Path | None,
        typer.Option(help="Write a workflow of GitHub Actions to this file.", show_default=False),
    ] = None,
    reader: Annotated[
        str | None, typer.Option(help="Whose digest (default: yours).", show_default=False)
    ] = None,
    all_readers: Annotated[
        bool, typer.Option("--all", "--all-readers", help="Those of all readers.")
    ] = False,
    zone: Annotated[
        str,
        typer.Option(
            help="The time zone of --at, like Europe/Berlin (default: this machine's; with "
            "--github, UTC).",
            show_default=False,
        ),
    ] = "",
    sync: Annotated[bool, typer.Option(help="Pull the feeds before.")] = True,
    send: Annotated[bool, typer.Option("--send", help="Send it by mail.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that say something else.")
    ] = False,
) -> None:
    """Have the digest of the last week made by itself, every week.

    Nothing is installed: it prints lines for cron, or writes files, and says what to do with
    them. Each week `curator sync` runs, and then `curator digest --week last`.

    curator schedule --send --at "Mon 07:00" --zone Europe/Berlin

    curator schedule --send --systemd ~/.config/systemd/user

    curator schedule --send --github .github/workflows/digest.yml --zone Europe/Berlin

    It runs in the folder that you are in now, so that the .env here is read.
    """
    from curator.delivery.schedule import cron as cron_lines
    from curator.errors import UsageError

    if cron + (systemd is not None) + (github is not None) > 1:
        raise UsageError("Give one of --cron, --systemd and --github.")
    plan = _plan(at, zone, reader, all_readers, sync, send)
    if github is not None:
        _github(plan, github, force)
    elif systemd is not None:
        _systemd(plan, systemd, force)
    else:
        put(cron_lines(plan, plan.home / "schedule.log"), end="")
        note("Add these lines with: crontab -e")
    _warn(plan, github is not None)


def _plan(
    at: str, zone: str, reader: str | None, all_readers: bool, sync: bool, send: bool
) -> Plan:
    from curator.delivery.schedule import Plan, parse_at
    from curator.settings import load_settings

    beside = Path(sys.executable).with_name("curator")
    program = (str(beside),) if beside.is_file() else (sys.executable, "-m", "curator")
    return Plan(
        program=program,
        home=load_settings(home=flags.home).home.expanduser().absolute(),
        folder=Path.cwd(),
        at=parse_at(at),
        zone=zone,
        reader=reader or "",
        all_readers=all_readers,
        sync=sync,
        send=send,
    )


def _systemd(plan: Plan, folder: Path, force: bool) -> None:
    from curator.delivery.schedule import systemd, unit_name

    _write({folder.expanduser() / name: text for name, text in systemd(plan).items()}, force)
    note(
        f"Start it: systemctl --user daemon-reload && "
        f"systemctl --user enable --now {unit_name(plan)}.timer"
    )
    note("To have it run while you are not logged in: loginctl enable-linger")


def _github(plan: Plan, file: Path, force: bool) -> None:
    from datetime import UTC, datetime

    from curator import __version__
    from curator.delivery.workflow import github

    _write({file.expanduser(): github(plan, __version__, datetime.now(UTC).date())}, force)
    note("Commit it in a private repository, and set the secrets and variables it names.")


def _write(files: dict[Path, str], force: bool) -> None:
    """Writes all of them, or none if one is there that says something else.

    Raises:
        UsageError: one is.
        InputError: one is there and cannot be read.
        StorageError: one cannot be written.
    """
    from curator.cli.files import write_whole
    from curator.errors import InputError, UsageError

    there: dict[Path, bool] = {}
    for file, text in files.items():
        try:
            there[file] = file.exists() and file.read_text("utf-8", "replace") == text
            if file.exists() and not there[file] and not force:
                raise UsageError(
                    f"{str(file)!r} is there already and says something else.",
                    remedy="Look at it, and write over it with --force, or name another place.",
                )
        except OSError as error:
            raise InputError(f"{str(file)!r} cannot be read: {error.strerror}.") from error
    for file, text in files.items():
        if not there[file]:
            write_whole(file, text)
        note(f"{'Unchanged' if there[file] else 'Written'}: {file}")


def _warn(plan: Plan, elsewhere: bool) -> None:
    """What will be missing when it runs."""
    from datetime import UTC, datetime

    from curator.delivery.schedule import missing_hours

    for day in missing_hours(plan, datetime.now(UTC).date()):
        note(f"On {day} the clocks of {plan.zone} leave out this hour; take another.")
    if elsewhere:
        return
    given = [
        name
        for name in sorted(os.environ)
        if name.startswith(("CURATOR_", "OPENAI_"))
        and os.environ[name]
        and name not in ("CURATOR_HOME", "CURATOR_DEBUG")
    ]
    file = plan.folder / ".env"
    try:
        lines = file.read_text("utf-8", "replace").splitlines() if file.is_file() else []
    except OSError:
        lines = []
    written = {line.partition("=")[0].removeprefix("export ").strip() for line in lines}
    lost = [name for name in given if name not in written]
    if lost:
        note(
            f"Set in this shell, and not there when it runs by itself: {', '.join(lost)}. "
            f"Put them into {file}."
        )
    if plan.send and "CURATOR_SMTP_URL" not in {*written, *lost}:
        note(f"Put CURATOR_SMTP_URL, CURATOR_SMTP_PASSWORD and CURATOR_MAIL_FROM into {file}.")
