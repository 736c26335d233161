"""What the reader said of papers: liked, disliked, read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from sqlalchemy import Connection, Delete, delete, func, literal, select, update
from sqlalchemy.dialects.sqlite import insert

from curator.batches import batched
from curator.catalog.blocks import values
from curator.catalog.schema import marks, now, papers
from curator.catalog.store import Store

__all__ = ["KINDS", "Mark", "Marks", "move_marks"]

Mark = Literal["liked", "disliked", "read"]

KINDS: tuple[Mark, ...] = ("liked", "disliked", "read")
OPINIONS: tuple[Mark, ...] = ("liked", "disliked")
_MANY = 5_000


class Marks:
    """Sets and reads marks. A paper is liked or disliked, never both; the later word holds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def set(self, kind: Mark, paper_ids: Iterable[str]) -> list[str]:
        """Marks papers; the ids of those that were not marked so before, in the order given.

        Ids of no paper are passed over. Liking takes a dislike back, and the other way round.
        """
        wanted = list(dict.fromkeys(paper_ids))
        with self._store.write() as connection:
            there = select(papers.c.id).where(papers.c.id.in_(values(wanted)))
            known = set(connection.execute(there).scalars())
            before = _marked(connection, kind, wanted)
            new = [name for name in wanted if name in known - before]
            if kind in OPINIONS:
                (other,) = {*OPINIONS} - {kind}
                connection.execute(_of(other, wanted))
            if new:
                rows = select(papers.c.id, literal(kind), literal(now()))
                chosen = rows.where(papers.c.id.in_(values(new)))
                connection.execute(insert(marks).from_select(["paper_id", "kind", "at"], chosen))
        return new

    def unset(self, kind: Mark, paper_ids: Iterable[str]) -> list[str]:
        """Takes a mark back; the ids of those that had it, in the order given."""
        wanted = list(dict.fromkeys(paper_ids))
        with self._store.write() as connection:
            before = _marked(connection, kind, wanted)
            if before:
                connection.execute(_of(kind, wanted))
        return [name for name in wanted if name in before]

    def of(self, paper_ids: Iterable[str]) -> dict[str, dict[Mark, str]]:
        """``{paper id: {mark: when}}``; papers without any are left out."""
        found: dict[str, dict[Mark, str]] = {}
        with self._store.read() as connection:
            for part in batched(paper_ids, _MANY):
                query = select(marks).where(marks.c.paper_id.in_(part)).order_by(marks.c.kind)
                for row in connection.execute(query):
                    found.setdefault(row.paper_id, {})[row.kind] = row.at
        return found

    def ids(self, kind: Mark) -> list[str]:
        """The papers marked so, latest first."""
        query = select(marks.c.paper_id).where(marks.c.kind == kind)
        with self._store.read() as connection:
            ordered = query.order_by(marks.c.at.desc(), marks.c.paper_id)
            return list(connection.execute(ordered).scalars())

    def counts(self) -> dict[Mark, int]:
        """How many papers are marked so."""
        query = select(marks.c.kind, func.count()).group_by(marks.c.kind)
        with self._store.read() as connection:
            found = {row[0]: int(row[1]) for row in connection.execute(query)}
        return {kind: found.get(kind, 0) for kind in KINDS}


def move_marks(connection: Connection, former: str, heir: str | None) -> None:
    """Gives what was said of a paper that is no more to the one that stands for it (None: to
    no other), in the caller's transaction. Where both were liked or disliked, the later word
    holds; at the same second, what was said of the heir."""
    rows = connection.execute(select(marks).where(marks.c.paper_id == former)).all()
    if not rows:
        return
    if heir:
        had = connection.execute(select(marks).where(marks.c.paper_id == heir)).all()
        said = max((row.at for row in had if row.kind in OPINIONS), default="")
        for row in rows:
            if row.kind in OPINIONS:
                if row.at <= said:
                    continue
                connection.execute(
                    delete(marks).where(marks.c.paper_id == heir, marks.c.kind.in_(OPINIONS))
                )
            same = (marks.c.paper_id == former, marks.c.kind == row.kind)
            move = update(marks).where(*same).values(paper_id=heir)
            connection.execute(move.prefix_with("OR IGNORE", dialect="sqlite"))
    connection.execute(delete(marks).where(marks.c.paper_id == former))


def _marked(connection: Connection, kind: Mark, paper_ids: Sequence[str]) -> set[str]:
    query = select(marks.c.paper_id).where(
        marks.c.kind == kind, marks.c.paper_id.in_(values(paper_ids))
    )
    return set(connection.execute(query).scalars())


def _of(kind: Mark, paper_ids: Sequence[str]) -> Delete:
    return delete(marks).where(marks.c.kind == kind, marks.c.paper_id.in_(values(paper_ids)))
