"""From records to papers: forming the papers that some records are of, and writing the change.

What is written is the difference between the papers as they were and as they should be now:
papers that are new, changed, joined, split or named anew. What was made of a paper (summary,
tags) moves with it, and a name that it had goes on naming it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, delete, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from curator.catalog.blocks import values
from curator.catalog.corrections import move_corrections
from curator.catalog.marks import move_marks
from curator.catalog.readers import move_ratings
from curator.catalog.schema import (
    aliases,
    counters,
    decisions,
    embedded,
    papers,
    records,
    removed,
    tags,
    tldrs,
    work,
)
from curator.catalog.values import dumps
from curator.identity import Link, cluster, is_generic
from curator.merging import Entered, base_id, folded_authors, merged, salt_of
from curator.paper import id_of_key
from curator.text import fold

__all__ = ["Change", "Formed", "Placing", "decided"]

Row = dict[str, Any]
_COLUMNS = tuple(column.name for column in papers.c)
_IN_ORDER = itemgetter(*_COLUMNS)
_MARKS = ", ".join("?" * len(_COLUMNS))
_TEXT = ("title", "abstract", "authors")  # what the indexes hold


@dataclass
class Change:
    """What one transaction changed of the papers' texts: what the indexes have to follow.

    ``first`` to ``last`` are its numbers of change, one for each paper of ``inserted``,
    ``changed`` and ``removed``. A paper here is ``(id, seq, title, abstract, authors)``.
    """

    first: int
    last: int
    inserted: list[tuple[str, int, str, str, Sequence[str]]]
    changed: list[tuple[str, int, str, str, Sequence[str]]]
    removed: list[str]


@dataclass(eq=False)
class Formed:
    """One paper as its records have it, or (``id`` None) records without any abstract."""

    members: list[Entered]
    links: list[Link] = field(default_factory=list)
    fields: Row | None = None
    id: str | None = None


class Placing:
    """Forms papers inside one transaction. ``started`` is the time of the reading;
    ``complete`` whether it goes over all that the source has."""

    def __init__(self, connection: Connection, started: str, *, complete: bool = True) -> None:
        self._connection = connection
        self._run = connection.execute
        self._now = started
        self._complete = complete
        self._formed: list[Formed] = []
        self._old: dict[str, Row] = {}  # papers as they are stored, by id
        self._gone: dict[str, str | None] = {}  # former id → the id that stands for it now
        self._new_aliases: set[tuple[str, str]] = set()
        self._replaced_by: dict[int, int] = {}
        self._former: dict[int, tuple[str | None, bool]] = {}

    # ---------------------------------------------------------------- forming

    def place(self, fresh: Sequence[Entered], stored: Sequence[Entered]) -> list[Formed]:
        """Forms the papers of ``fresh`` and ``stored`` records (all that bear on each other)."""
        if not fresh and not stored:
            return []
        self._former = {r.order: (r.paper_id, r.current) for r in stored}
        self._former |= {r.order: (None, True) for r in fresh}
        together, apart = decided(self._connection, [*fresh, *stored])
        for record in stored:
            new = next((r for r in fresh if self._replaces(r, record)), None)
            if new is not None:
                record.current = False
                self._replaced_by[record.order] = new.order
                self._inherit(record, new, together, apart)
        current = [r for r in (*fresh, *stored) if r.current]
        clusters = cluster(current, together=together, apart=apart)
        formed = [Formed(list(found.members), found.links) for found in clusters]  # type: ignore[arg-type]
        self._attach([r for r in (*fresh, *stored) if not r.current], formed)
        for paper in formed:
            paper.fields = merged(paper.members)
        self._name([paper for paper in formed if paper.fields])
        self._formed += formed
        return formed

    def place_alone(self, records: Sequence[Entered]) -> list[Formed]:
        """Forms papers of records that no other record bears on: the common case, made quick."""
        formed = [Formed([record], fields=merged([record])) for record in records]
        for paper in formed:
            if paper.fields:
                self._set_id(paper, alone=True)
        self._untangle(formed, set())
        self._formed += formed
        return formed

    def _inherit(self, old: Entered, new: Entered, *pairs: list[tuple[int, int]]) -> None:
        """What a person said of a record holds for what its source makes of it later."""
        for kind, made in zip(("together", "apart"), pairs, strict=True):
            for pair in [pair for pair in made if old.order in pair]:
                other = pair[1] if pair[0] == old.order else pair[0]
                low, high = sorted((new.order, other))
                if low != high:
                    made.append((low, high))
                    row = {"one": low, "other": high, "kind": kind, "at": self._now}
                    self._run(insert(decisions).values(**row).on_conflict_do_nothing())

    def _replaces(self, new: Entered, old: Entered) -> bool:
        """Whether a source told ``old`` in an earlier reading and tells it as ``new`` now. (If
        it tells both, the old one comes in again in this reading, and is current again.)"""
        if new.source != old.source or not old.current or old.last_seen >= self._now:
            return False
        if old.abstract and not new.abstract:
            return False
        if new.native and old.native:
            return new.native == old.native
        if new.arxiv_id and old.arxiv_id:
            same_version = not (new.arxiv_version and old.arxiv_version) or (
                new.arxiv_version == old.arxiv_version
            )
            return new.arxiv_id == old.arxiv_id and same_version
        if new.doi and new.doi == old.doi:
            return True
        # A feed brings another editorial each time; a file that has only one has changed it.
        same_title = new.title_key == old.title_key and not is_generic(new.title_key)
        return same_title and (self._complete or not (new.doi and old.doi))

    def _attach(self, replaced: Iterable[Entered], formed: list[Formed]) -> None:
        """Gives what its source has replaced to the paper of what replaced it; what it replaced
        in earlier readings stays with the other records of its paper."""
        homes = {member.order: paper for paper in formed for member in paper.members}
        by_paper = {m.paper_id: paper for paper in formed for m in paper.members if m.paper_id}
        # Those that are replaced now come first: their paper may have no other record left.
        for record in sorted(replaced, key=lambda r: r.order not in self._replaced_by):
            home = homes.get(self._replaced_by.get(record.order, -1))
            if home is None and record.paper_id:
                home = by_paper.get(record.paper_id)
            if home is None:
                home = Formed([])
                formed.append(home)
            home.members.append(record)
            if record.paper_id:
                by_paper.setdefault(record.paper_id, home)

    # ----------------------------------------------------------------- naming

    def _name(self, formed: list[Formed]) -> None:
        by_base: dict[str, list[Formed]] = defaultdict(list)
        for paper in formed:
            by_base[base_id(paper.members)].append(paper)
        for base, sharing in by_base.items():
            for paper in sharing:
                self._set_id(paper, alone=len(sharing) == 1)
                if len(sharing) > 1 and paper.id:
                    self._new_aliases.add((base, paper.id))
        own = {m.paper_id for paper in formed for m in paper.members}
        self._untangle(formed, own)

    def _untangle(self, formed: Sequence[Formed], own: Collection[str | None]) -> None:
        """Gives other ids where two titles have one hash. ``own`` are ids that these papers
        may well have already."""
        taken = self._taken({paper.id for paper in formed if paper.id} - set(own))
        taken |= {paper.id for paper in self._formed if paper.id}
        for paper in formed:
            if paper.id in taken:
                salt = salt_of(paper.members) + str(min(m.order for m in paper.members))
                paper.id = id_of_key(paper.members[0].title_key, salt)
            if paper.id:
                taken.add(paper.id)

    @staticmethod
    def _set_id(paper: Formed, *, alone: bool) -> None:
        key = (paper.fields or {})["title_key"]
        if not alone or is_generic(key):
            paper.id = id_of_key(paper.members[0].title_key, salt_of(paper.members))
        else:
            paper.id = base_id(paper.members)

    def _taken(self, ids: Collection[str | None]) -> set[str]:
        if not ids:
            return set()
        query = select(papers.c.id).where(papers.c.id.in_(values(ids)))
        return set(self._run(query).scalars())

    # ---------------------------------------------------------------- writing

    def write_papers(self) -> Change | None:
        """Stores new and changed papers; what of it the indexes have to follow.

        To be called before the records are stored, which refer to papers.
        """
        former = {m.paper_id for paper in self._formed for m in paper.members if m.paper_id}
        former |= {former_id for former_id, _ in self._former.values() if former_id}
        if former:
            query = select(papers).where(papers.c.id.in_(values(former)))
            self._old = {row["id"]: dict(row) for row in self._run(query).mappings()}
        kept = [paper for paper in self._formed if paper.id]
        inserts: list[Row] = []
        updates: list[Row] = []
        renumbered: list[Row] = []
        for paper in kept:
            row = self._row(paper)
            old = self._old.get(row["id"])
            if old is None:
                inserts.append(row)
                renumbered.append(row)
            elif any(row[name] != old[name] for name in row):
                updates.append(row)
                if any(row[name] != old[name] for name in _TEXT):
                    renumbered.append(row)
                else:
                    row["seq"] = old["seq"]
        ids = {paper.id for paper in kept}
        lost = sorted(self._old.keys() - ids)
        span = self._numbers(len(renumbered) + len(lost))
        for seq, row in enumerate(renumbered, start=span[0]):
            row["seq"] = seq
        if inserts:
            self._insert(inserts)
        for row in updates:
            self._run(papers.update().where(papers.c.id == row["id"]).values(**row))
        for seq, paper_id in enumerate(lost, start=span[0] + len(renumbered)):
            self._gone[paper_id] = self._heir(paper_id)
            values_ = {"seq": seq}
            self._run(
                insert(removed)
                .values(paper_id=paper_id, **values_)
                .on_conflict_do_update(index_elements=["paper_id"], set_=values_)
            )
        if inserts and self._former:  # a paper that is there again is not removed any more
            back = [row["id"] for row in inserts]
            self._run(delete(removed).where(removed.c.paper_id.in_(values(back))))
        if not renumbered and not lost:
            return None
        new = {id(row) for row in inserts}
        return Change(
            *span,
            inserted=[_indexed(row) for row in inserts],
            changed=[_indexed(row) for row in renumbered if id(row) not in new],
            removed=lost,
        )

    def _insert(self, rows: list[Row]) -> None:
        ready = [
            {**row, "authors": dumps(row["authors"]), "categories": dumps(row["categories"])}
            for row in rows
        ]
        statement = f"INSERT INTO papers ({', '.join(_COLUMNS)}) VALUES ({_MARKS})"
        self._connection.exec_driver_sql(statement, list(map(_IN_ORDER, ready)))

    def _row(self, paper: Formed) -> Row:
        assert paper.fields is not None
        olds = [self._old[m.paper_id] for m in paper.members if m.paper_id in self._old]
        row: Row = dict(paper.fields)
        row["id"] = paper.id
        row["authors_folded"] = folded_authors(row["authors"])
        row["venue_folded"] = fold(row["venue"] or "")
        row["added"] = min((old["added"] for old in olds), default=self._now)
        row["day"] = _day(row)
        return row

    def _heir(self, paper_id: str) -> str | None:
        """The paper that most records of a former one are of now."""
        votes: Counter[str] = Counter()
        for paper in self._formed:
            if paper.id:
                votes[paper.id] += sum(
                    self._former.get(m.order, (None, True))[0] == paper_id for m in paper.members
                )
        best = min(votes, key=lambda name: (-votes[name], name), default=None)
        return best if best and votes[best] else None

    def write_moves(self) -> None:
        """Moves stored records and what was made of papers that are no more, and deletes those.

        To be called after the new records are stored.
        """
        for paper in self._formed:
            for member in paper.members:
                before = self._former.get(member.order)
                if before is None or before == (paper.id, member.current):
                    continue
                values_: Row = {"paper_id": paper.id, "current": member.current}
                if paper.id and member.status == "rejected":
                    values_ |= {"status": "merged", "reason": reason_of(paper, member)}
                elif paper.id is None and before[0]:
                    values_ |= {"status": "rejected", "reason": "no abstract"}
                self._run(update(records).where(records.c.id == member.id).values(**values_))
        for former, heir in self._gone.items():
            self._move_outputs(former, heir)
            self._rename_aliases(former)
        for former in self._gone:
            self._run(delete(papers).where(papers.c.id == former))
        rows = [{"alias": alias, "paper_id": paper_id} for alias, paper_id in self._new_aliases]
        if rows:
            self._run(insert(aliases).on_conflict_do_nothing(), rows)

    def _move_outputs(self, former: str, heir: str | None) -> None:
        self._run(delete(embedded).where(embedded.c.paper_id == former))
        move_corrections(self._connection, former, heir)
        for table in (tldrs, tags, work):
            if heir:
                # What the heir has already is newer, or as good.
                move = update(table).where(table.c.paper_id == former).values(paper_id=heir)
                self._run(move.prefix_with("OR IGNORE", dialect="sqlite"))
            self._run(delete(table).where(table.c.paper_id == former))
        move_marks(self._connection, former, heir)
        move_ratings(self._connection, former, heir)

    def _rename_aliases(self, former: str) -> None:
        """All papers that have records of the former one go on being found by its name."""
        heirs = {
            paper.id
            for paper in self._formed
            for m in paper.members
            if paper.id and self._former.get(m.order, (None, True))[0] == former
        }
        query = select(aliases.c.alias).where(aliases.c.paper_id == former)
        names = [former, *self._run(query).scalars()]
        self._run(delete(aliases).where(aliases.c.paper_id == former))
        self._new_aliases = {pair for pair in self._new_aliases if pair[1] != former}
        self._new_aliases |= {(name, heir) for name in names for heir in heirs}

    def was_current(self, record: Entered) -> bool:
        """Whether a stored record was its source's present word before this change."""
        return self._former.get(record.order, (None, False))[1]

    def current_id(self, paper_id: str | None) -> str | None:
        """The id of a paper after this change."""
        return self._gone.get(paper_id, paper_id) if paper_id else None

    def _numbers(self, count: int) -> tuple[int, int]:
        """Reserves ``count`` numbers of change: the first and the last."""
        if not count:
            return 0, 0
        statement = insert(counters).values(name="seq", value=count)
        statement = statement.on_conflict_do_update(
            index_elements=["name"], set_={"value": counters.c.value + count}
        )
        self._run(statement)
        query = select(counters.c.value).where(counters.c.name == "seq")
        last = int(self._run(query).scalar_one())
        return last - count + 1, last


def decided(
    connection: Connection, block: Sequence[Entered]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The pairs (of `Described.order`) that a person put together, and apart."""
    orders = values([r.order for r in block])
    query = select(decisions).where(or_(decisions.c.one.in_(orders), decisions.c.other.in_(orders)))
    made: dict[str, list[tuple[int, int]]] = {"together": [], "apart": []}
    for row in connection.execute(query):
        made[row.kind].append((row.one, row.other))
    return made["together"], made["apart"]


def _indexed(row: Row) -> tuple[str, int, str, str, Sequence[str]]:
    return row["id"], row["seq"], row["title"], row["abstract"], row["authors"]


def reason_of(paper: Formed, member: Entered) -> str:
    """Why a record belongs to its paper, in words; empty for a paper's only record."""
    for link in paper.links:
        if member in {link.one, link.other}:
            return link.reason
    return ""


def _day(row: Row) -> str:
    for value in (row["listed"], row["published"]):
        if value and len(value) == len("2024-11-05"):
            return str(value)
    return str(row["added"][:10])
