"""Days as people say them inside a question: "since May", "last week", "in 2025".

`curator.digest.period.days_of` reads days as they are typed at a command; this finds them in the
middle of a sentence and says where they end. What could mean several years means the last one
that has begun. "Last week" is the calendar week before this one, "the last week" and "the past
week" are the seven days up to today.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from curator.digest.period import days_of
from curator.errors import UsageError

__all__ = ["Span", "spans_at"]

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_COUNTS = {
    "a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "twelve": 12,
}  # fmt: skip

_MONTH = "(?:" + "|".join(f"{m[:3]}(?:{m[3:]})?" if m[3:] else m for m in _MONTHS) + r"|sept)\.?"
_WEEKDAY = "(?:" + "|".join(_DAYS) + ")"
_YEAR = r"(?:19|20)\d\d"
_DAY = r"[0-3]?\d(?:st|nd|rd|th)?"
_COUNT = r"(?:\d{1,3}|" + "|".join(_COUNTS) + ")"
_UNIT = "(?:day|week|month|year)"
_POINT = (
    rf"(?:{_YEAR}-\d\d-\d\d|{_YEAR}-W\d\d|{_YEAR}-\d\d|{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?"
    rf"|{_MONTH} {_DAY}(?!\d)(?:,? {_YEAR})?|(?:last )?{_MONTH}(?:,? (?:of )?{_YEAR})?|{_YEAR}"
    rf"|(?:last |this )?{_WEEKDAY}|(?:last|this) (?:week|month|year)|yesterday|today"
    rf"|the (?:start|beginning) of (?:the|this|last) (?:week|month|year)|{_COUNT} {_UNIT}s? ago)"
)
_END = r"(?![\w-])"
_ROLLING = re.compile(
    rf"(?:(?:in|over|during|within|from|of) )?(?:the )?(?:last|past|previous) ({_COUNT}) "
    rf"({_UNIT})s?{_END}",
    re.I,
)
_ROLLING_ONE = re.compile(
    rf"(?:(?:in|over|during|within|from|of) )?(?:the (?:last|past)|past) ({_UNIT}){_END}", re.I
)
_ONE = re.compile(
    rf"(?:(?:in|during|on|from|of|so far) )?({_POINT}|(?:this|last|previous) (?:week|month|year))"
    rf"(?: so far)?{_END}",
    re.I,
)
_SINCE = re.compile(rf"(?:(?:ever )?since|from) ({_POINT})(?: on| onwards?)?{_END}", re.I)
_AFTER = re.compile(rf"(?:after|later than) ({_POINT}){_END}", re.I)
_BEFORE = re.compile(rf"(?:before|earlier than|prior to) ({_POINT}){_END}", re.I)
_UNTIL = re.compile(rf"(?:until|till|up to|through) ({_POINT}){_END}", re.I)
_BETWEEN = re.compile(
    rf"(?:between ({_POINT}) and|from ({_POINT}) (?:to|until|till|through)) ({_POINT}){_END}", re.I
)
# A year, or a bare month, says a time only after a word that makes it one ("may" is a verb).
_NEEDS_WORD = re.compile(rf"(?:{_MONTH}|{_YEAR}).*|\d.*", re.I)


@dataclass(frozen=True)
class Span:
    """What stands before ``end`` means the days from ``since`` to ``until`` (inclusive ISO days,
    None where it is open). ``vague`` where only years were named."""

    end: int
    since: str | None
    until: str | None
    vague: bool = False


def spans_at(text: str, start: int, today: date) -> Iterator[Span]:
    """What could be meant by the words that begin at ``start``: the longest reading first."""
    found = [span for span in _read(text, start, today) if span is not None]
    yield from sorted(found, key=lambda span: -span.end)


def _read(text: str, at: int, today: date) -> Iterator[Span | None]:
    if match := _BETWEEN.match(text, at):
        first, last = match[1] or match[2], match[3]
        one, other = _point(first, today), _point(last, today)
        if one and other and one[0] <= other[1]:
            years = bool(re.fullmatch(_YEAR, first) and re.fullmatch(_YEAR, last))
            yield Span(match.end(), one[0], other[1], years)
    for pattern, which in ((_SINCE, 0), (_AFTER, 1), (_BEFORE, 2), (_UNTIL, 3)):
        match = pattern.match(text, at)
        days = _point(match[1], today) if match else None
        # "from 2024" is that year; "from May on" is not that month alone.
        if not match or not days or re.fullmatch(rf"from {_POINT}", match[0], re.I):
            continue
        vague = bool(re.fullmatch(_YEAR, match[1]))
        first_after = _shifted(days[1], 1)
        last_before = _shifted(days[0], -1)
        bounds = ((days[0], None), (first_after, None), (None, last_before), (None, days[1]))
        since, until = bounds[which]
        yield Span(match.end(), since, until, vague)
    if match := _ROLLING.match(text, at):
        yield _rolling(match.end(), _count(match[1]), match[2], today)
    if match := _ROLLING_ONE.match(text, at):
        yield _rolling(match.end(), 1, match[1], today)
    if (match := _ONE.match(text, at)) and not _NEEDS_WORD.fullmatch(match[0]):
        days = _point(match[1], today)
        if days:
            yield Span(match.end(), *days, bool(re.fullmatch(_YEAR, match[1])))


def _rolling(end: int, count: int, unit: str, today: date) -> Span | None:
    """The days up to today; a week has seven of them, with today."""
    try:
        first, _ = days_of(f"{count}{unit[0].lower()}", "", today)
    except UsageError:
        return None
    return Span(end, _shifted(first, 1), today.isoformat())


def _count(text: str) -> int:
    return _COUNTS.get(text.lower()) or int(text)


def _shifted(day: str, by: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=by)).isoformat()


def _point(words: str, today: date) -> tuple[str, str] | None:
    """The first and last day of what is named; None for a day that is none (31 June)."""
    text = re.sub(r"[.,]", "", words.lower()).strip()
    try:
        return _named(text, today)
    except (ValueError, UsageError, OverflowError):
        return None


def _named(text: str, today: date) -> tuple[str, str]:
    if match := re.fullmatch(r"the (?:start|beginning) of (the|this|last) (\w+)", text):
        first, _ = _unit(match[2], today, last=match[1] == "last")
        return first.isoformat(), first.isoformat()
    if match := re.fullmatch(rf"({_COUNT}) (day|week|month|year)s? ago", text):
        return days_of(f"{_count(match[1])}{match[2][0]}", "", today)
    if match := re.fullmatch(r"(this|last|previous) (week|month|year)", text):
        begin, end = _unit(match[2], today, last=match[1] != "this")
        return begin.isoformat(), end.isoformat()
    words = text.replace("last ", "").replace("this ", "").replace(" of ", " ").split()
    if words[0] in _DAYS:
        back = (today.weekday() - _DAYS.index(words[0])) % 7
        back = back or (7 if text.startswith("last ") else 0)
        day = (today - timedelta(days=back)).isoformat()
        return day, day
    months = [
        _MONTHS.index(m) + 1 for w in words for m in _MONTHS if w.isalpha() and m[:3] == w[:3]
    ]
    if not months:
        return days_of(text.upper() if "w" in text else text, "", today)
    numbers = [int(re.sub(r"\D", "", w)) for w in words if w[0].isdigit()]
    years = [n for n in numbers if n > 31]
    days = [n for n in numbers if n <= 31]
    month = months[0]
    if not years:
        before = (today.month, today.day) < (month, days[0] if days else 1)
        again = text.startswith("last ") and month == today.month
        years = [today.year - (before or again)]
    named = f"{years[0]:04d}-{month:02d}" + (f"-{days[0]:02d}" if days else "")
    return days_of(named, "", today)


def _unit(unit: str, today: date, *, last: bool) -> tuple[date, date]:
    """The calendar week, month or year of today, or the one before; up to today at the most."""
    if unit == "week":
        first = today - timedelta(days=today.weekday() + (7 if last else 0))
        return first, min(today, first + timedelta(days=6))
    if unit == "month":
        first = today.replace(day=1)
        if not last:
            return first, today
        end = first - timedelta(days=1)
        return end.replace(day=1), end
    if last:
        return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)
    return date(today.year, 1, 1), today
