"""The digest by itself, every week: a line for cron, or a timer for systemd.

What runs each week is ``curator sync`` and then ``curator digest --week last``, whatever became of
the former: the papers that came before are reason enough for a digest. `curator.delivery.workflow`
does the same with GitHub Actions.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from curator.delivery.weeks import zone_of
from curator.errors import UsageError

__all__ = [
    "DAYS",
    "At",
    "Plan",
    "commands",
    "cron",
    "missing_hours",
    "moments",
    "parse_at",
    "systemd",
    "unit_name",
]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AT = re.compile(r"([a-z]{3,9})[ ,]+([0-9]{1,2}):([0-9]{2})", re.I)
_READER = re.compile(r"[a-z0-9_-]{1,40}")


@dataclass(frozen=True)
class At:
    """A time of the week. ``day`` is 0 for Monday, as in `datetime.date.weekday`."""

    day: int
    hour: int
    minute: int

    def __str__(self) -> str:
        return f"{DAYS[self.day]} {self.hour:02d}:{self.minute:02d}"


@dataclass(frozen=True)
class Plan:
    """What is to run, and when.

    ``program`` is how this program is called, by absolute paths; ``home`` the library's folder;
    ``folder`` where it runs, so that the ``.env`` there is read; ``zone`` the IANA zone of ``at``
    ("": this machine's). ``reader`` is one reader, ``all_readers`` means all of them.

    Raises:
        UsageError: a part of it cannot be written into such a file.
    """

    program: tuple[str, ...]
    home: Path
    folder: Path
    at: At
    zone: str = ""
    reader: str = ""
    all_readers: bool = False
    sync: bool = True
    send: bool = False

    def __post_init__(self) -> None:
        zone_of(self.zone)
        if self.reader and self.all_readers:
            raise UsageError("Give --reader or --all, not both.")
        if self.reader and not _READER.fullmatch(self.reader):
            raise UsageError(
                f"{self.reader[:60]!r} is no name of a reader.",
                remedy="`curator profile list` shows them.",
            )
        for path in (*self.program, str(self.home), str(self.folder)):
            # In a crontab or a unit such a path would end the line that it stands in.
            if any(not character.isprintable() for character in path):
                raise UsageError(
                    f"The path {path!r} holds a character that no schedule can hold.",
                    remedy="Rename the folder.",
                )

    @property
    def when(self) -> str:
        """In words."""
        return f"{self.at} in {self.zone}" if self.zone else f"{self.at} by this machine's clock"


def parse_at(text: str) -> At:
    """A time of the week as people write it: ``Fri 07:00``, ``friday 7:00``.

    Raises:
        UsageError: it is none.
    """
    match = _AT.fullmatch(text.strip())
    name = match[1].lower() if match else ""
    found = [n for n, day in enumerate(_FULL) if name and day.startswith(name)]
    hour, minute = (int(match[2]), int(match[3])) if match else (99, 99)
    if len(found) != 1 or hour > 23 or minute > 59:
        raise UsageError(
            f"--at cannot be {text[:40]!r}.", remedy='Give a day and an hour: --at "Fri 07:00".'
        )
    return At(found[0], hour, minute)


def commands(plan: Plan, *, home: bool = True) -> list[tuple[str, ...]]:
    """What runs each week, one after the other."""
    start = (*plan.program, "--home", str(plan.home)) if home else plan.program
    whose = (
        ("--reader", plan.reader) if plan.reader else ("--all-readers",) if plan.all_readers else ()
    )
    digest = (*start, "digest", "--week", "last", *whose, *(("--send",) if plan.send else ()))
    return [(*start, "sync"), digest] if plan.sync else [digest]


def moments(plan: Plan, first: date, weeks: int = 110) -> list[datetime]:
    """When it runs from a day on, week after week, each with its time zone."""
    start = first + timedelta(days=(plan.at.day - first.weekday()) % 7)
    clock = time(plan.at.hour, plan.at.minute)
    zone = zone_of(plan.zone)
    naive = [datetime.combine(start + timedelta(weeks=week), clock) for week in range(weeks)]
    return [one.replace(tzinfo=zone) if zone else one.astimezone() for one in naive]


def missing_hours(plan: Plan, first: date) -> list[date]:
    """The days of the next two years on which the clocks leave out the hour of the plan."""
    zone = zone_of(plan.zone)
    return [
        one.date()
        for one in moments(plan, first)
        if zone and one.astimezone(UTC).astimezone(zone).hour != one.hour
    ]


def cron(plan: Plan, log: Path) -> str:
    """Lines for a crontab (``crontab -e``); what the commands say goes into a file ``log``.

    Not every cron knows ``CRON_TZ`` (Debian's does not; cronie holds it for all lines that
    follow). So where a zone is named, the line is looked at every quarter of an hour, by which all
    zones differ, and asks for the time in that zone itself. That is right also when the clocks
    change, under every cron.

    Raises:
        UsageError: a path holds a backslash, which not all of them take for the same.
    """
    at = plan.at
    if any("\\" in path for path in (*plan.program, str(plan.home), str(plan.folder), str(log))):
        raise UsageError(
            "A path with a backslash cannot be put into a crontab.",
            remedy="Rename the folder, or use --systemd DIR.",
        )
    steps = "; ".join(shlex.join(one) for one in commands(plan))
    job = f"cd {shlex.quote(str(plan.folder))} && {{ {steps}; }} >> {shlex.quote(str(log))} 2>&1"
    lines = [f"# Paper Curator: the digest of the last week, each {plan.when}."]
    if plan.zone:
        minutes = ",".join(str(at.minute % 15 + 15 * quarter) for quarter in range(4))
        # cron's 0 is Sunday; the day before and after, as the machine may be in another zone.
        days = ",".join(str(day) for day in sorted({(at.day + n) % 7 for n in (0, 1, 2)}))
        wanted = f"{at.day + 1}-{at.hour:02d}:{at.minute:02d}"
        job = f'[ "$(TZ={shlex.quote(plan.zone)} date +%u-%H:%M)" = {wanted} ] && {job}'
        when = f"{minutes} * * * {days}"
        lines.append(
            "# Looked at every quarter of an hour: it asks for the time in that zone itself, as not"
        )
        lines.append(
            "# every cron knows CRON_TZ. Do not put it below a CRON_TZ line of another zone."
        )
    else:
        when = f"{at.minute} {at.hour} * * {(at.day + 1) % 7}"
    # For cron a % ends the command, in quotes too, unless there is a backslash before it.
    lines.append(f"{when} {job.replace('%', chr(92) + '%')}")
    return "\n".join(lines) + "\n"


def unit_name(plan: Plan) -> str:
    """What the units of systemd are called, without an ending."""
    return f"paper-curator-{plan.reader}" if plan.reader else "paper-curator"


def systemd(plan: Plan) -> dict[str, str]:
    """``{file name: text}`` of a service and its timer, for a user's systemd."""
    name, at = unit_name(plan), plan.at
    steps = commands(plan)
    # A dash: what sync says (5: nothing new, 1: a feed failed) does not stop the digest.
    starts = [f"ExecStart=-{_exec(one)}" for one in steps[:-1]] + [f"ExecStart={_exec(steps[-1])}"]
    zone = f" {plan.zone}" if plan.zone else ""
    service = [
        "[Unit]",
        "Description=Paper Curator: the digest of the last week",
        "",
        "[Service]",
        "Type=oneshot",
        f"WorkingDirectory={_percent(str(plan.folder))}",
        *starts,
    ]
    timer = [
        "[Unit]",
        f"Description=Paper Curator: each {plan.when}",
        "",
        "[Timer]",
        f"OnCalendar={DAYS[at.day]} *-*-* {at.hour:02d}:{at.minute:02d}:00{zone}",
        "# If the machine was off at that time, it runs when it is on again.",
        "Persistent=true",
        f"Unit={name}.service",
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return {
        f"{name}.service": "\n".join(service) + "\n",
        f"{name}.timer": "\n".join(timer) + "\n",
    }


def _exec(words: Sequence[str]) -> str:
    """A command line in the quoting of systemd (systemd.service(5), "Command lines"). Variables
    are not put into the path of the program, so that a $ stands for itself there; one with
    quotes or backslashes is refused, so that a shell has to start it."""
    if re.search(r"[\"'\\]", words[0]):
        words = ("/bin/sh", "-c", 'exec "$0" "$@"', *words)
    program, *rest = words
    return " ".join([_quoted(program), *(_quoted(word.replace("$", "$$")) for word in rest)])


def _quoted(word: str) -> str:
    escaped = _percent(word.replace("\\", "\\\\").replace('"', '\\"'))
    return escaped if re.fullmatch(r"[\w./:=@%+,$-]+", escaped) else f'"{escaped}"'


def _percent(text: str) -> str:
    return text.replace("%", "%%")
