"""Conditions on papers, as ``--where`` takes them.

One is ``tag:rag and since:2026-10-01 and not (tag:survey or disliked)``:

========================= =======================================================================
``tag:NAME``              has this tag (one that was decided, not a suggestion)
``category:NAME``         has this category, in any case (``cs.CL``)
``author:TEXT``           a part of the author list, without accents and case
``venue:TEXT``            a part of the venue, the same
``source:NAME``           was read from there: the source's whole name (an address, a feed like
                          ``arxiv:cs.CL``, a file's path); else all files of that name; else all
                          sources that have it in their name
``since:DAY until:DAY``   of this day or later, or earlier (`curator.digest.period.days_of`: also
``day:DAY  day:DAY..DAY`` ``2w``, ``2026-W47``, ``2026-11``), or of one of these days
``id:ID``                 this paper
``liked disliked read``   what the reader said of it; ``unread`` is ``not read``
========================= =======================================================================

Values with spaces, parentheses or quotes are quoted, ``author:"Ada Lovelace"``, and a quote
inside them doubled. ``not`` (or ``-`` right before a condition) binds closest, then ``and`` (or
nothing between two conditions), then ``or``; parentheses group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NoReturn

from curator.digest.period import days_of
from curator.errors import UsageError

__all__ = [
    "And",
    "Expr",
    "Ids",
    "Leaf",
    "Not",
    "Or",
    "all_of",
    "any_of",
    "not_",
    "parse_where",
    "span_of",
    "whole",
]

# SQLite's parser has a stack of 100, of which a pair of parentheses takes up to four; its
# expressions may be 1,000 deep, and a chain of `and` is as deep as it is long.
MAX_DEPTH = 16
MAX_LEAVES = 200

_FIELDS = ("tag", "category", "author", "venue", "source", "since", "until", "day", "id")
_MARKS = ("liked", "disliked", "read", "unread")
_REMEDY = (
    f'Write {", ".join(f"{name}:" for name in _FIELDS)} with a word or a "quoted text" right '
    f"after it, or {', '.join(_MARKS)}; join them by and, or, not and parentheses."
)
_OPENING, _CLOSING = '"“„', {'"': '"', "“": "”“", "„": "“”"}
_WORD = re.compile(r"[^\s()\"“”„]+")
_FIELD = re.compile(r"([A-Za-z]+):")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition. ``field`` is ``tag``, ``category``, ``author``, ``venue``, ``source``,
    ``since``, ``until``, ``day`` (one, or the first and last joined by ``..``) or ``mark``
    (liked, disliked, read)."""

    field: str
    value: str

    def __str__(self) -> str:
        return self.value if self.field == "mark" else f"{self.field}:{_quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Ids:
    """One of these papers."""

    ids: tuple[str, ...]

    def __str__(self) -> str:
        return " or ".join(f"id:{_quoted(name)}" for name in self.ids)


@dataclass(frozen=True, slots=True)
class Not:
    part: Expr

    def __str__(self) -> str:
        return f"not {_grouped(self.part)}"


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Expr, ...]

    def __str__(self) -> str:
        return " and ".join(map(_grouped, self.parts))


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Expr, ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


Expr = Leaf | Ids | Not | And | Or


def all_of(parts: Iterable[Expr]) -> Expr | None:
    """What holds where all parts do, flat; None for no parts, which is no condition."""
    flat: list[Expr] = []
    for part in parts:
        flat += part.parts if isinstance(part, And) else (part,)
    return And(tuple(flat)) if len(flat) > 1 else next(iter(flat), None)


def any_of(parts: Iterable[Expr]) -> Expr | None:
    """What holds where one of the parts does, flat; None for no parts."""
    flat: list[Expr] = []
    ids: dict[str, None] = {}
    place = 0
    for part in parts:
        for one in part.parts if isinstance(part, Or) else (part,):
            if isinstance(one, Ids):
                place = place if ids else len(flat)
                ids |= dict.fromkeys(one.ids)
            else:
                flat.append(one)
    if ids:
        flat.insert(place, Ids(tuple(ids)))
    return Or(tuple(flat)) if len(flat) > 1 else next(iter(flat), None)


def span_of(value: str) -> tuple[str, str]:
    """The first and the last day of a ``day`` leaf."""
    first, dots, last = value.partition("..")
    return first, last if dots else first


def not_(part: Expr) -> Expr:
    return part.part if isinstance(part, Not) else Not(part)


def parse_where(text: str, *, today: date | None = None) -> Expr:
    """A condition from its text; ``str()`` of it is its normal form, which means the same.

    Relative days (``2w``) are days counted from ``today`` (default: this day).

    Raises:
        UsageError: it is none; at which place, and what may stand there.
    """
    return _parsed(whole(text), today or date.today())


@lru_cache(maxsize=256)
def _parsed(text: str, today: date) -> Expr:
    return _Parser(text, today).whole()


class _Parser:
    """Recursive descent: or, and, not, leaf. Only parentheses recurse, `MAX_DEPTH` deep."""

    def __init__(self, text: str, today: date) -> None:
        self._text = text
        self._today = today
        self._at = 0
        self._leaves = 0

    def whole(self) -> Expr:
        found = self._or(0)
        if self._next():
            self._fail("This ) closes nothing", self._at)
        return found

    def _or(self, depth: int) -> Expr:
        parts = [self._and(depth)]
        while self._keyword("or"):
            parts.append(self._and(depth))
        return any_of(parts) or parts[0]

    def _and(self, depth: int) -> Expr:
        parts = [self._not(depth)]
        while self._keyword("and") or (self._next() not in ("", ")") and not self._peek("or")):
            parts.append(self._not(depth))
        return all_of(parts) or parts[0]

    def _not(self, depth: int) -> Expr:
        negative = False
        while self._keyword("not"):
            negative = not negative
        if self._next() == "-" and self._text[self._at + 1 : self._at + 2].strip().strip("-"):
            self._at += 1
            negative = not negative
        part = self._one(depth)
        return not_(part) if negative else part

    def _one(self, depth: int) -> Expr:
        start = self._at
        following = self._next()
        if following == "(":
            start = self._at
            if depth == MAX_DEPTH:
                self._fail(f"More than {MAX_DEPTH} parentheses lie inside each other", start)
            self._at += 1
            found = self._or(depth + 1)
            if self._next() != ")":
                self._fail("This ( is not closed", start)
            self._at += 1
            return found
        if not following:
            self._fail("A condition is missing", len(self._text.rstrip()))
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            self._fail(f"There are more than {MAX_LEAVES} conditions", self._at)
        return self._leaf()

    def _leaf(self) -> Expr:
        start = self._at
        if field := _FIELD.match(self._text, start):
            name = field[1].lower()
            if name not in _FIELDS:
                self._fail(f"There is no condition {name!r}", start)
            self._at = field.end()
            return self._condition(name, self._value(name), start)
        word = _WORD.match(self._text, start)
        name = word[0].lower() if word else ""
        if word and name in _MARKS:
            self._at = word.end()
            mark = Leaf("mark", name.removeprefix("un"))
            return Not(mark) if name == "unread" else mark
        shown = repr(word[0][:30]) if word else f"This {self._text[start]}"
        self._fail(f"{shown} is no condition", start)

    def _value(self, name: str) -> str:
        start = self._at
        opening = self._text[start : start + 1]
        if opening and opening in _OPENING:
            return self._quotation(_CLOSING[opening])
        word = _WORD.match(self._text, start)
        if not word:
            self._fail(f"Nothing stands after {name}:", start)
        self._at = word.end()
        return word[0]

    def _quotation(self, closing: str) -> str:
        start = self._at
        at = start + 1
        while at < len(self._text):
            if self._text[at] not in closing:
                at += 1
            elif self._text.startswith('""', at):
                at += 2
            else:
                inside = self._text[start + 1 : at].replace('""', '"')
                self._at = at + 1
                return inside
        self._fail("This quotation is not closed", start)

    def _condition(self, name: str, value: str, start: int) -> Expr:
        if not value.strip():
            self._fail(f"Nothing stands after {name}:", start)
        if name == "id":
            return Ids((value,))
        if name not in ("since", "until", "day"):
            return Leaf(name, value)
        one, dots, other = value.partition("..") if name == "day" else (value, "", "")
        try:
            first, last = days_of(one, f"{name}:", self._today)
            last = days_of(other, f"{name}:", self._today)[1] if dots else last
        except UsageError as error:
            self._fail(error.message.rstrip("."), start, error.remedy)
        if first > last:
            self._fail(f"{first} is after {last}", start)
        if name == "day":
            return Leaf(name, first if first == last else f"{first}..{last}")
        return Leaf(name, first if name == "since" else last)

    # ----------------------------------------------------------------- reading

    def _next(self) -> str:
        """The next character that is no space; empty at the end."""
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _peek(self, keyword: str) -> bool:
        self._next()
        word = _WORD.match(self._text, self._at)
        return bool(word) and word[0].lower() == keyword  # type: ignore[index]

    def _keyword(self, keyword: str) -> bool:
        found = self._peek(keyword)
        self._at += len(keyword) if found else 0
        return found

    def _fail(self, problem: str, at: int, remedy: str = _REMEDY) -> NoReturn:
        begin = max(0, at - 40)
        shown = "".join(c if c.isprintable() else " " for c in self._text[begin : at + 30])
        left, right = "…" if begin else "", "…" if at + 30 < len(self._text) else ""
        marker = " " * (len(left) + at - begin) + "^"
        raise UsageError(
            f"--where cannot be read at character {at + 1}. {problem}:\n"
            f"  {left}{shown}{right}\n  {marker}",
            remedy=remedy,
        )


def whole(text: str) -> str:
    """Text that can be stored and compared: an argument that was no text has halves of letters."""
    return text.encode("utf-8", "replace").decode()


def _quoted(value: str) -> str:
    if _WORD.fullmatch(value):
        return value
    return '"' + value.replace('"', '""') + '"'


def _grouped(part: Expr) -> str:
    wide = isinstance(part, Or | And) or (isinstance(part, Ids) and len(part.ids) > 1)
    return f"({part})" if wide else str(part)
