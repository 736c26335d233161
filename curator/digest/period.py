"""Days as people write them, and the days that a digest covers."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from curator.errors import UsageError
from curator.paper import iso_date

__all__ = ["Period", "day_of", "days_of", "period_of"]

_WEEK = re.compile(r"([0-9]{4})-?W([0-9]{1,2})", re.IGNORECASE)
_AGO = re.compile(r"([0-9]{1,5}) ?([dwmy])", re.IGNORECASE)
_REMEDY = (
    "Give a day (2026-11-20), a week (2026-W47), a month (2026-11), a year, today, yesterday, "
    "or how long ago: 7d, 2w, 3m, 1y."
)


@dataclass(frozen=True)
class Period:
    """Inclusive ISO days, and the name the digest goes by (``2026-W47``)."""

    name: str
    since: str
    until: str


def period_of(
    week: str | None, since: str | None, until: str | None, today: date | None = None
) -> Period:
    """An ISO week, or two days, or by default the last seven days.

    Raises:
        UsageError: they are no days, or the wrong way round.
    """
    today = today or date.today()
    if week:
        if since or until:
            raise UsageError("Give either --week or --since/--until, not both.")
        try:
            monday = _monday(week)
        except ValueError:
            raise UsageError(
                f"--week cannot be {week!r}.", remedy="Give an ISO week like 2026-W47."
            ) from None
        sunday = monday + timedelta(days=6)
        year, number, _ = monday.isocalendar()
        return Period(f"{year}-W{number:02d}", monday.isoformat(), sunday.isoformat())
    last = day_of(until, "--until", today=today, last=True) or today.isoformat()
    first = day_of(since, "--since", today=today)
    first = first or (date.fromisoformat(last) - timedelta(days=6)).isoformat()
    if first > last:
        raise UsageError(f"--since {first} is after --until {last}.")
    return Period(f"{first}..{last}", first, last)


def day_of(
    value: str | None, name: str, *, today: date | None = None, last: bool = False
) -> str | None:
    """One day, as ISO text: the first of the days that are meant (`days_of`), or the last.
    ``name`` is what an error calls the value; blank is None.

    Raises:
        UsageError: it means no days.
    """
    if not value or not value.strip():
        return None
    return days_of(value, name, today)[1 if last else 0]


def days_of(value: str, name: str, today: date | None = None) -> tuple[str, str]:
    """The first and the last day, inclusive ISO days, that a person means.

    A day, a week (``2026-W47``), a month (``2026-11``), a year (``2026``), ``today``,
    ``yesterday``, or a day so long ago: ``7d``, ``2w``, ``3m`` (months, the same day of the
    month or its last one), ``1y``. ``0d`` is today.

    Raises:
        UsageError: it is none of these, or lies before the year 1.
    """
    today = today or date.today()
    text = value.strip()
    try:
        first, last = _span(text, today)
    except (ValueError, OverflowError):
        shown = text if len(text) <= 40 else text[:40] + "…"
        raise UsageError(f"{name} cannot be {shown!r}.", remedy=_REMEDY) from None
    return first.isoformat(), last.isoformat()


def _span(text: str, today: date) -> tuple[date, date]:
    if text.lower() in ("today", "yesterday"):
        day = today - timedelta(days=text.lower() == "yesterday")
        return day, day
    if match := _AGO.fullmatch(text):
        day = _ago(int(match[1]), match[2].lower(), today)
        return day, day
    if _WEEK.fullmatch(text):
        monday = _monday(text)
        return monday, monday + timedelta(days=6)
    found = iso_date(text) or ""
    year, month, day_ = (int(part) for part in (found + "-0-0").split("-")[:3])
    if not month:
        return date(year, 1, 1), date(year, 12, 31)
    if not day_:
        return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
    return (same := date(year, month, day_)), same


def _ago(count: int, unit: str, today: date) -> date:
    if unit in "dw":
        return today - timedelta(days=count * (7 if unit == "w" else 1))
    months = today.year * 12 + today.month - 1 - count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    if year < 1:
        raise ValueError
    return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))


def _monday(week: str) -> date:
    match = _WEEK.fullmatch(week.strip())
    if not match:
        raise ValueError
    return date.fromisocalendar(int(match[1]), int(match[2]), 1)
