"""Digests by themselves: weeks of readers far away, crontabs, timers, workflows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer
import yaml
from commands import Result
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from curator.cli.schedule import schedule
from curator.delivery.schedule import (
    At,
    Plan,
    commands,
    cron,
    missing_hours,
    moments,
    parse_at,
    systemd,
)
from curator.delivery.weeks import today_in, week_of
from curator.delivery.workflow import github
from curator.errors import UsageError

SYSTEMD = shutil.which("systemd-analyze")
UGLY = '/srv/it\'s 100% "$HOME" `x` & ü/lib'


def plan(**changes: Any) -> Plan:
    made = Plan(
        program=("/opt/curator/bin/curator",),
        home=Path("/srv/library"),
        folder=Path("/srv/work"),
        at=At(4, 7, 0),
        zone="Europe/Berlin",
        send=True,
    )
    return replace(made, **changes)


# ------------------------------------------------------------------------------- weeks


@pytest.mark.parametrize(
    ("moment", "zone", "this", "last"),
    [
        ("2026-11-22T12:00+00:00", "UTC", "2026-W47", "2026-W46"),
        ("2026-11-22T23:30+00:00", "Europe/Berlin", "2026-W48", "2026-W47"),  # Monday there
        ("2026-11-22T23:30+00:00", "America/New_York", "2026-W47", "2026-W46"),
        ("2026-11-22T10:00+00:00", "Pacific/Kiritimati", "2026-W48", "2026-W47"),
        ("2026-11-23T11:59+00:00", "Pacific/Niue", "2026-W48", "2026-W47"),
        ("2026-11-23T10:59+00:00", "Pacific/Niue", "2026-W47", "2026-W46"),
        ("2026-11-22T18:15+00:00", "Asia/Kathmandu", "2026-W48", "2026-W47"),
        ("2026-11-22T18:14+00:00", "Asia/Kathmandu", "2026-W47", "2026-W46"),
        # 2026 has 53 weeks, and the first days of January are still in the last of them.
        ("2026-12-31T12:00+00:00", "UTC", "2026-W53", "2026-W52"),
        ("2027-01-03T12:00+00:00", "UTC", "2026-W53", "2026-W52"),
        ("2027-01-04T00:00+00:00", "UTC", "2027-W01", "2026-W53"),
        ("2027-01-03T23:30+00:00", "Europe/Berlin", "2027-W01", "2026-W53"),
        ("2024-12-30T12:00+00:00", "UTC", "2025-W01", "2024-W52"),
        ("2021-01-03T12:00+00:00", "UTC", "2020-W53", "2020-W52"),
        # Sundays on which the clocks change: the day has 23 hours, or 25.
        ("2026-03-29T21:59+00:00", "Europe/Berlin", "2026-W13", "2026-W12"),
        ("2026-03-29T22:00+00:00", "Europe/Berlin", "2026-W14", "2026-W13"),
        ("2026-10-25T22:59+00:00", "Europe/Berlin", "2026-W43", "2026-W42"),
        ("2026-10-25T23:00+00:00", "Europe/Berlin", "2026-W44", "2026-W43"),
    ],
)
def test_weeks(moment: str, zone: str, this: str, last: str) -> None:
    when = datetime.fromisoformat(moment)
    assert (week_of(when, zone, last=False), week_of(when, zone, last=True)) == (this, last)


def test_this_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        when = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
        assert week_of(when, "") == "2026-W48" and today_in(when, "") == date(2026, 11, 23)
        assert moments(plan(zone=""), date(2026, 11, 20))[0].utcoffset() == timedelta(hours=9)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "../etc/passwd", "/etc/localtime", "America", "x\0"]
)
def test_zones_that_are_none(zone: str) -> None:
    with pytest.raises(UsageError, match="no time zone") as caught:
        week_of(datetime(2026, 11, 22, tzinfo=UTC), zone)
    assert "Europe/Berlin" in caught.value.remedy


def test_a_moment_knows_its_zone() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        week_of(datetime(2026, 11, 22), "UTC")


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))
def test_the_last_week_is_the_one_before(moment: datetime) -> None:
    when = moment.replace(tzinfo=UTC)
    assert week_of(when, "Asia/Tokyo", last=True) == week_of(when - timedelta(7), "Asia/Tokyo")
    year, week = week_of(when, "UTC").split("-W")
    assert date.fromisocalendar(int(year), int(week), 1) <= when.date()


# --------------------------------------------------------------------------------- when


def test_times_as_people_write_them() -> None:
    assert parse_at("Fri 07:00") == At(4, 7, 0) == parse_at(" friday  7:00 ")
    assert str(parse_at("sun, 23:59")) == "Sun 23:59"


@pytest.mark.parametrize("text", ["", "07:00", "Fri", "Fry 07:00", "T 7:00", "Fri 24:00",
                                  "Fri 07:60", "Fri 07:00; rm -rf /", "Fri\n07:00x"])  # fmt: skip
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--at") as caught:
        parse_at(text)
    assert "Fri 07:00" in caught.value.remedy


def test_what_runs() -> None:
    start = ("/opt/curator/bin/curator", "--home", "/srv/library")
    digest = (*start, "digest", "--week", "last")
    assert commands(plan()) == [(*start, "sync"), (*digest, "--send")]
    assert commands(plan(sync=False, send=False, reader="jane")) == [(*digest, "--reader", "jane")]
    assert commands(plan(sync=False, all_readers=True)) == [(*digest, "--all-readers", "--send")]


def test_plans_that_cannot_be() -> None:
    for changes in (
        {"reader": "x; rm -rf /"},
        {"reader": "${{ secrets.X }}"},
        {"reader": "jane", "all_readers": True},
        {"zone": "Mars/Olympus"},
        {"home": Path("/srv/a\nb")},
        {"folder": Path("/srv/a\rb")},
        {"program": ("/opt/\x1b[31m",)},
    ):
        with pytest.raises(UsageError):
            plan(**changes)


def test_hours_that_the_clocks_leave_out() -> None:
    early = plan(at=At(6, 2, 30))
    found = missing_hours(early, date(2026, 11, 22))
    assert found == [date(2027, 3, 28), date(2028, 3, 26)]
    assert not missing_hours(plan(at=At(6, 3, 30)), date(2026, 11, 22))
    assert not missing_hours(plan(at=At(6, 2, 30), zone="UTC"), date(2026, 11, 22))


# --------------------------------------------------------------------------------- cron


def parsed(text: str) -> tuple[list[set[int]], str]:
    """The fields of the one line of a crontab, and what cron gives to the shell: everything up to
    the first % without a backslash before it, and `\\%` as %."""
    (line,) = [one for one in text.splitlines() if one and not one.startswith("#")]
    *fields, command = line.split(" ", 5)
    every = [range(60), range(24), range(1, 32), range(1, 13), range(7)]
    sets = [
        set(all_) if field == "*" else {int(part) for part in field.split(",")}
        for field, all_ in zip(fields, every, strict=True)
    ]
    assert all(one <= set(all_) for one, all_ in zip(sets, every, strict=True))
    whole = re.split(r"(?<!\\)%", command)
    assert len(whole) == 1, "cron would end the command there"
    return sets, command.replace("\\%", "%")


def fires(fields: list[set[int]], local: datetime) -> bool:
    values = (local.minute, local.hour, local.day, local.month, local.isoweekday() % 7)
    return all(value in field for value, field in zip(values, fields, strict=True))


def test_cron_by_this_machines_clock() -> None:
    text = cron(plan(zone=""), Path("/srv/library/log"))
    fields, command = parsed(text)
    assert fields[0] == {0} and fields[1] == {7} and fields[4] == {5}
    assert "TZ" not in text and command.endswith(">> /srv/library/log 2>&1")
    assert parsed(cron(plan(zone="", at=At(6, 0, 5)), Path("/l")))[0][4] == {0}, "Sunday"


@pytest.mark.parametrize("machine", ["UTC", "America/New_York", "Asia/Kathmandu",
                                     "Pacific/Kiritimati", "Pacific/Niue"])  # fmt: skip
@pytest.mark.parametrize(("zone", "at"), [("Europe/Berlin", At(0, 7, 10)),
                                          ("Australia/Lord_Howe", At(6, 0, 0)),
                                          ("Asia/Kolkata", At(2, 23, 55))])  # fmt: skip
def test_cron_in_another_zone(machine: str, zone: str, at: At) -> None:
    """Exactly once a week, at the right moment, wherever the machine stands and whatever the
    clocks do."""
    fields, command = parsed(cron(plan(zone=zone, at=at), Path("/l")))
    match = re.match(r'\[ "\$\(TZ=(\S+) date \+(\S+)\)" = (\S+) \] && ', command)
    assert match and match[1] == zone
    here, there = ZoneInfo(machine), ZoneInfo(zone)
    moment, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 4, 20, tzinfo=UTC)
    ran = []
    while moment < end:
        if fires(fields, moment.astimezone(here)):
            local = moment.astimezone(there)
            if local.strftime(match[2].replace("%u", str(local.isoweekday()))) == match[3]:
                ran.append(moment)
        moment += timedelta(minutes=5)
    wanted = [one.astimezone(UTC) for one in moments(plan(zone=zone, at=at), date(2026, 9, 30))]
    assert ran == [one for one in wanted if datetime(2026, 10, 1, tzinfo=UTC) <= one < end]


def fake(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize("zone", ["", "Europe/Berlin"])
def test_the_shell_understands_it(tmp_path: Path, zone: str) -> None:
    """Run as cron would, with paths full of what shells and cron take for something else."""
    root = Path(f"{tmp_path}{UGLY}")
    said = root / "said"
    program = fake(root / "bin", "cura tor", 'printf "%s|" "$PWD" "$@" >> "$SAID"; exit 5')
    moment = int(datetime(2026, 11, 27, 6, 0, tzinfo=UTC).timestamp())
    fake(tmp_path / "bin", "date", f'exec /bin/date -d "@{moment}" "$@"')
    ugly = plan(program=(str(program),), home=root / "home", folder=root, zone=zone, reader="jane")
    _, command = parsed(cron(ugly, root / "the log"))
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "SAID": str(said)}
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("", ""), done
    home = str(root / "home")
    digest = [str(root), "--home", home, "digest", "--week", "last", "--reader", "jane", "--send"]
    assert said.read_text().split("|")[:-1] == [str(root), "--home", home, "sync", *digest]
    if zone:  # an hour later it is not the time
        fake(tmp_path / "bin", "date", f'exec /bin/date -d "@{moment + 3600}" "$@"')
        said.unlink()
        subprocess.run(["/bin/sh", "-c", command], env=environment, check=False)
        assert not said.exists()


def test_no_backslash_in_a_crontab() -> None:
    with pytest.raises(UsageError, match="backslash"):
        cron(plan(home=Path("/srv/a\\b")), Path("/l"))


# ------------------------------------------------------------------------------ systemd


def words(line: str) -> list[str]:
    """The words of a command line as systemd reads them."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', line)
    plain = [re.sub(r"\\(.)", r"\1", quoted or bare).replace("%%", "%") for quoted, bare in found]
    return [plain[0], *(word.replace("$$", "$") for word in plain[1:])]


def test_units() -> None:
    units = systemd(plan(reader="jane"))
    assert list(units) == ["paper-curator-jane.service", "paper-curator-jane.timer"]
    service, timer = units.values()
    assert "OnCalendar=Fri *-*-* 07:00:00 Europe/Berlin\n" in timer
    assert "Persistent=true\n" in timer and "Unit=paper-curator-jane.service\n" in timer
    assert service.count("ExecStart=") == 2 and "ExecStart=-" in service
    assert "OnCalendar=Fri *-*-* 07:00:00\n" in systemd(plan(zone=""))["paper-curator.timer"]
    assert next(iter(systemd(plan(all_readers=True)))) == "paper-curator.service"


def test_units_with_ugly_paths() -> None:
    ugly = plan(program=(f"{UGLY}/cura tor",), home=Path(UGLY), folder=Path(f"{UGLY}\\b"))
    service = systemd(ugly)["paper-curator.service"]
    starts = re.findall(r"^ExecStart=-?(.*)$", service, re.M)
    shell = ["/bin/sh", "-c", 'exec "$0" "$@"']  # systemd takes no quotes in a program's path
    assert [words(line) for line in starts] == [[*shell, *one] for one in commands(ugly)]
    (folder,) = re.findall(r"^WorkingDirectory=(.*)$", service, re.M)
    assert folder.replace("%%", "%") == f"{UGLY}\\b"
    spaced = plan(program=("/opt/100% $HOME ü/curator",))
    service = systemd(spaced)["paper-curator.service"]
    starts = re.findall(r"^ExecStart=-?(.*)$", service, re.M)
    assert [words(line) for line in starts] == [list(one) for one in commands(spaced)]


@pytest.mark.skipif(SYSTEMD is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("ugly", [False, True])
def test_systemd_takes_them(tmp_path: Path, ugly: bool) -> None:
    root = tmp_path / ('it\'s 100% "$HOME" ü' if ugly else "plain")
    program = fake(root / "bin", "cura tor" if ugly else "curator", "true")
    made = plan(program=(str(program),), home=root / "home", folder=root)
    files = []
    for name, text in systemd(made).items():
        files.append(tmp_path / name)
        files[-1].write_text(text)
    assert SYSTEMD
    done = subprocess.run(
        [SYSTEMD, "verify", "--user", "--man=no", *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "LC_ALL": "C.UTF-8"},
    )
    ours = [line for line in done.stderr.splitlines() if "paper-curator" in line]
    assert not ours and str(program) not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    (calendar,) = re.findall(r"^OnCalendar=(.*)$", files[1].read_text(), re.M)
    shown = subprocess.run(
        [SYSTEMD, "calendar", "--iterations=60", "--base-time=2026-11-22 00:00 UTC", calendar],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
    ).stdout
    elapse = re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d UTC", shown)
    wanted = [one.astimezone(UTC) for one in moments(made, date(2026, 11, 22), 60)]
    assert elapse == [one.strftime("%Y-%m-%d %H:%M") for one in wanted]


# ------------------------------------------------------------------------------- github


def workflow(**changes: Any) -> tuple[str, Any]:
    text = github(plan(**changes), "0.1.0", date(2026, 11, 22))
    return text, yaml.safe_load(text)


def steps(read: Any) -> Iterator[Any]:
    for job in read["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize(
    ("zone", "at", "wanted"),
    [
        ("Europe/Berlin", At(4, 7, 0), {"0 5 * * 5", "0 6 * * 5"}),
        ("Asia/Tokyo", At(0, 7, 0), {"0 22 * * 0"}),  # Sunday in UTC
        ("America/New_York", At(6, 22, 30), {"30 2 * * 1", "30 3 * * 1"}),
        ("Asia/Kathmandu", At(0, 5, 30), {"45 23 * * 0"}),
        ("", At(2, 7, 0), {"0 7 * * 3"}),
    ],
)
def test_the_workflows_clock(tmp_path: Path, zone: str, at: At, wanted: set[str]) -> None:
    """Each week exactly one of the times that start it is the right one, says the real shell."""
    _, read = workflow(zone=zone, at=at)
    crons = [one["cron"] for one in read["on"]["schedule"]]
    assert set(crons) == wanted and len(crons) == len(wanted)
    script = next(steps(read))["run"]

    def decided(cron_line: str, moment: datetime) -> str:
        # GitHub may start it an hour late.
        late = int(moment.timestamp()) + 3000
        fake(tmp_path / "bin", "date", f'exec /bin/date -d "@{late}" "$@"')
        out = tmp_path / "out"
        out.write_text("")
        environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "SCHEDULE": cron_line}
        subprocess.run(
            ["bash", "-e", "-c", script], env={**environment, "GITHUB_OUTPUT": str(out)}, check=True
        )
        return out.read_text().strip()

    every = moments(plan(zone=zone or "UTC", at=at), date(2026, 11, 22), 60)
    for moment in (every[0], every[10], every[35]):
        utc = moment.astimezone(UTC)
        right = f"{utc.minute} {utc.hour} * * {utc.isoweekday() % 7}"
        for one in crons:
            # The other time is an hour before or after.
            said = decided(one, moment)
            assert said == ("now=yes" if one == right else "now=no")
        assert decided("", moment) == "now=yes", "by hand"


def test_the_workflow_is_safe() -> None:
    text, read = workflow(reader="jane")
    for step in steps(read):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
        else:
            assert "${{" not in step["run"], "nothing is pasted into a script"
            subprocess.run(["bash", "-n", "-c", step["run"]], check=True)
    assert read["permissions"] == {"actions": "read"}
    names = set(re.findall(r"\$\{\{ secrets\.(\w+) \}\}", text))
    assert names == {
        "CURATOR_SMTP_URL",
        "CURATOR_SMTP_PASSWORD",
        "CURATOR_MAIL_FROM",
        "CURATOR_UNSUBSCRIBE",
        "CURATOR_READER_ADDRESS",
    }
    digest = next(one for one in steps(read) if one.get("name") == "The digest")
    assert digest["run"].splitlines() == [
        'curator sync || echo "::warning::curator sync ended with $?"',
        "curator digest --week last --reader jane --send",
    ]
    assert read["concurrency"]["cancel-in-progress"] is False
    keep = list(steps(read))[-1]
    assert keep["if"].startswith("always()") and keep["with"]["retention-days"] == 90


def test_a_workflow_that_does_not_send_has_no_passwords() -> None:
    text, read = workflow(send=False, sync=False)
    assert "secrets.CURATOR_SMTP" not in text
    assert next(one for one in steps(read) if one.get("name") == "The digest")["run"] == (
        "curator digest --week last\n"
    )


def test_the_same_plan_the_same_file() -> None:
    assert workflow()[0] == workflow()[0]


# -------------------------------------------------------------------------- the command


def run(*args: str | Path) -> Result:
    app = typer.Typer()
    app.command()(schedule)
    done = CliRunner().invoke(app, [str(arg) for arg in args])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Result(done.exit_code, done.stdout, done.stderr)


def test_it_prints_a_crontab() -> None:
    done = run("--send", "--at", "Fri 07:00", "--zone", "Europe/Berlin")
    assert done.code == 0 and "crontab -e" in done.err
    _, command = parsed(done.out)
    inside = shlex.split(command)
    program = inside[inside.index("{") + 1]
    assert Path(program).is_absolute() and Path(program).exists()
    assert os.environ["CURATOR_HOME"] in inside and str(Path.cwd()) in inside
    assert "CURATOR_SMTP_URL" in done.err, "what has to be set"


def test_settings_of_the_shell_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATOR_SMTP_URL", "smtp://secret@mail.example.org")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("CURATOR_MODEL", "openai:x")
    Path(".env").write_text("# mine\nCURATOR_MODEL=openai:x\n")
    done = run("--send")
    assert "CURATOR_SMTP_URL" in done.err and "OPENAI_API_KEY" in done.err
    assert "CURATOR_MODEL," not in done.err and "secret" not in done.out + done.err


def test_it_writes_over_nothing(tmp_path: Path) -> None:
    folder, file = tmp_path / "units", tmp_path / "flows" / "digest.yml"
    assert run("--systemd", folder).code == 0
    before = {one.name: one.read_text() for one in folder.iterdir()}
    assert set(before) == {"paper-curator.service", "paper-curator.timer"}
    again = run("--systemd", folder)
    assert again.code == 0 and again.err.count("Unchanged") == 2
    (folder / "paper-curator.timer").write_text("# mine\n")
    (folder / "paper-curator.service").unlink()
    refused = run("--systemd", folder)
    assert refused.code == 2 and "--force" in refused.err
    assert [one.read_text() for one in folder.iterdir()] == ["# mine\n"], "all or nothing"
    assert run("--systemd", folder, "--force").code == 0
    assert {one.name: one.read_text() for one in folder.iterdir()} == before
    assert run("--github", file, "--zone", "Europe/Berlin").code == 0
    file.write_text("name: other\n")
    assert run("--github", file).code == 2 and file.read_text() == "name: other\n"
    assert run("--github", tmp_path / "units").code == 2, "a folder"


@pytest.mark.parametrize(
    "args",
    [
        ("--at", "sometime"),
        ("--zone", "Mars/Olympus"),
        ("--reader", "../x"),
        ("--reader", "jane", "--all"),
        ("--cron", "--github", "x.yml"),
        ("--systemd", "units", "--github", "x.yml"),
    ],
)
def test_what_it_cannot_use(args: tuple[str, ...]) -> None:
    done = run(*args)
    assert done.code == 2 and done.err.startswith("Error: ") and not done.out
    assert not list(Path.cwd().iterdir())


def test_hours_that_do_not_exist_are_told() -> None:
    done = run("--at", "Sun 02:30", "--zone", "Europe/Berlin")
    assert done.code == 0 and "take another" in done.err
