"""Counting papers: which pass, and by whom, where and from where they are.

Unlike a search, nothing is ranked and nothing is left out, so that a number is the number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select

from curator.catalog.blocks import values
from curator.catalog.conditions import filtered, require_sources
from curator.catalog.schema import marks, papers, records, sources, tags
from curator.catalog.store import Store
from curator.filters import Filters
from curator.text import fold

__all__ = ["Counting", "Dated", "local_day"]

Dated = Literal["day", "added", "liked", "disliked", "read"]
Shelf = Literal["authors", "venues", "categories", "tags", "sources"]


class Counting:
    """Counts papers by the numbers of their texts (``seq``)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def seqs(
        self,
        filters: Filters,
        dated: Dated = "day",
        since: str | None = None,
        until: str | None = None,
        *,
        oldest: bool = False,
    ) -> list[tuple[int, str]]:
        """``(seq, when)`` of the papers that pass, the latest first (or the ``oldest``).

        ``when`` is what ``dated`` says: the paper's own day, or the moment (UTC) at which it was
        added or so marked; papers without that mark are left out. ``since`` and ``until`` are
        inclusive days of it, as the clock of this machine has them.

        Raises:
            NotFoundError: a filter names a source from which nothing was ever read.
        """
        query: Any
        if dated in ("day", "added"):
            column: ColumnElement[str] = papers.c.day if dated == "day" else papers.c.added
            query = select(papers.c.seq, column)
        else:
            column = marks.c.at
            query = (
                select(papers.c.seq, column)
                .join(marks, marks.c.paper_id == papers.c.id)
                .where(marks.c.kind == dated)
            )
        if since:
            query = query.where(column >= (since if dated == "day" else _moment(since)))
        if until:
            end = _shifted(until)
            query = query.where(column < (end if dated == "day" else _moment(end)))
        order = (column, papers.c.seq) if oldest else (column.desc(), papers.c.seq.desc())
        with self._store.read() as connection:
            require_sources(connection, filters.expression)
            rows = connection.execute(filtered(query, filters).order_by(*order))
            return [(int(row[0]), str(row[1])) for row in rows]

    def by_author(self, name: str) -> set[int]:
        """The papers with an author of this name: all its words are words of the author's, or
        initials of them ("A. Lovelace", "Lovelace, Ada")."""
        wanted = _words(name)
        if not wanted:
            return set()
        longest = max(wanted, key=len)
        query = select(papers.c.seq, papers.c.authors).where(
            func.instr(papers.c.authors_folded, longest) > 0
        )
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return {row.seq for row in rows if any(_is_named(a, wanted) for a in row.authors)}

    def in_venue(self, name: str) -> set[int]:
        """The papers in whose venue's name these words stand one after the other."""
        wanted = f" {' '.join(_words(name))} "
        query = select(papers.c.seq, papers.c.venue_folded).where(papers.c.venue_folded != "")
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        known = {venue: wanted in f" {' '.join(_words(venue))} " for venue in {r[1] for r in rows}}
        return {int(seq) for seq, venue in rows if known[venue]} if wanted.strip() else set()

    def shelf(self, kind: Shelf, seqs: Iterable[int]) -> Counter[str]:
        """How many of these papers each author, venue, category, tag or source has.

        Names that differ only in case and accents (and of authors in which name comes first
        before a comma) are one, in the writing that most papers have.
        """
        chosen = values(sorted(seqs))
        query: Any
        if kind == "tags":
            query = select(tags.c.tag).join(papers, papers.c.id == tags.c.paper_id)
            query = query.where(~tags.c.needs_review)
        elif kind == "sources":
            query = (
                select(sources.c.name)
                .select_from(papers)
                .join(records, records.c.paper_id == papers.c.id)
                .join(sources, sources.c.id == records.c.source_id)
                .group_by(papers.c.id, sources.c.id)
            )
        else:
            column = {"authors": papers.c.authors, "venues": papers.c.venue}
            query = select(column.get(kind, papers.c.categories))
        with self._store.read() as connection:
            found = connection.execute(query.where(papers.c.seq.in_(chosen))).scalars().all()
        if kind in ("tags", "sources"):
            return Counter(found)
        lists: list[Sequence[str]] = [[v] if isinstance(v, str) else v or [] for v in found]
        return _counted(lists, _flipped if kind == "authors" else str)

    def tagged(self, seqs: Iterable[int]) -> int:
        """How many of these papers have any tag that is decided."""
        query = (
            select(func.count(func.distinct(tags.c.paper_id)))
            .join(papers, papers.c.id == tags.c.paper_id)
            .where(~tags.c.needs_review, papers.c.seq.in_(values(sorted(seqs))))
        )
        with self._store.read() as connection:
            return int(connection.execute(query).scalar_one())


def local_day(moment: str) -> str:
    """The day that a stored moment (UTC) or day is on, by this machine's clock."""
    if len(moment) <= len("2026-11-22"):
        return moment
    return datetime.fromisoformat(moment).astimezone().date().isoformat()


def _moment(day: str) -> str:
    """The beginning of a local day in UTC, as far as stored moments are alike (seconds)."""
    begin = datetime.combine(date.fromisoformat(day), time.min).astimezone(UTC)
    return begin.isoformat()[: len("2026-11-22T00:00:00")]


def _shifted(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", fold(text))


def _is_named(author: str, wanted: Sequence[str]) -> bool:
    """Whether an author's name has the words, each once. A single letter asks for an initial."""
    words = _words(author)
    for part in wanted:
        match = next((w for w in words if w == part or (len(part) == 1 and w[0] == part)), None)
        if match is None:
            return False
        words.remove(match)
    return True


def _flipped(author: str) -> str:
    """``Lovelace, Ada`` → ``Ada Lovelace``."""
    family, comma, given = author.partition(", ")
    return f"{given} {family}" if comma and ", " not in given else author


def _counted(lists: Iterable[Sequence[str]], written: Callable[[str], str]) -> Counter[str]:
    writings: dict[str, Counter[str]] = {}
    for names in lists:
        for folded, name in {fold(written(name)): written(name) for name in names}.items():
            writings.setdefault(folded, Counter())[name] += 1
    found: Counter[str] = Counter()
    for counts in writings.values():
        name = min(counts, key=lambda n: (-counts[n], n))
        found[name] = counts.total()
    return found
