"""What a person said about which records are one paper, and why the program thinks so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product

from sqlalchemy import Connection, delete, func, or_, select
from sqlalchemy.dialects.sqlite import insert

from curator.catalog.blocks import extended, values
from curator.catalog.placing import Change, Placing, decided
from curator.catalog.schema import decisions, now, papers, records, sources
from curator.catalog.store import Store
from curator.errors import UsageError
from curator.identity import cluster
from curator.merging import Entered

__all__ = ["Decisions", "Explained", "Joined"]


@dataclass(frozen=True)
class Joined:
    """One record of a paper. ``number`` names it in ``split``; ``reason`` says what joined it
    to the others (empty for the first); ``current`` is false once its source changed it."""

    number: int
    source: str
    place: str
    title: str
    abstract: str
    text_hash: str
    arxiv_version: int | None
    seen: str
    reason: str
    current: bool


@dataclass(frozen=True)
class Explained:
    """A paper with its records, and the papers that are near it but were kept apart."""

    paper_id: str
    title: str
    records: list[Joined]
    apart: list[tuple[str, str]]  # (paper id, what tells it apart)


class Decisions:
    """Explains and corrects identity. Corrections hold for the records they were made on, and
    for what their sources say of them later."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # -------------------------------------------------------------- explaining

    def explain(self, paper_id: str) -> Explained:
        """Why a paper's records are one paper."""
        with self._store.read() as connection:
            block = _block(connection, [paper_id])
            own = sorted((r for r in block if r.paper_id == paper_id), key=lambda r: r.id or 0)
            names = _source_names(connection, own)
            seen = _first_seen(connection, own)
            title = connection.execute(
                select(papers.c.title).where(papers.c.id == paper_id)
            ).scalar_one()
            together, apart = decided(connection, block)
        clusters = cluster([r for r in block if r.current], together=together, apart=apart)
        homes = {id(member): found for found in clusters for member in found.members}
        papers_of = {id(r): r.paper_id for r in block}
        joined = []
        for number, record in enumerate(own, start=1):
            links = homes[id(record)].links if id(record) in homes else []
            reasons = [n.reason for n in links if record in {n.one, n.other}]
            joined.append(
                Joined(
                    number,
                    names[record.source],
                    record.place,
                    record.title,
                    record.abstract,
                    record.text_hash,
                    record.arxiv_version,
                    seen[record.id or 0],
                    reasons[0] if reasons else "",
                    record.current,
                )
            )
        refused: dict[str, str] = {}
        for found in clusters:
            for link, against in found.refused:
                sides = {papers_of.get(id(link.one)), papers_of.get(id(link.other))}
                if paper_id in sides and len(sides) == 2:
                    (other,) = sides - {paper_id}
                    if other:
                        refused.setdefault(other, f"{link.reason}, but {against}")
        return Explained(paper_id, title, joined, sorted(refused.items()))

    def doubtful(self) -> Iterator[str]:
        """Papers that were joined from several sources, or share a title with another."""
        many = (
            select(records.c.paper_id)
            .where(records.c.paper_id.is_not(None))
            .group_by(records.c.paper_id)
            .having(func.count(func.distinct(records.c.source_id)) > 1)
        )
        titles = (
            select(records.c.title_key)
            .where(records.c.paper_id.is_not(None))
            .group_by(records.c.title_key)
            .having(func.count(func.distinct(records.c.paper_id)) > 1)
        )
        same = select(records.c.paper_id).where(records.c.title_key.in_(titles))
        query = select(papers.c.id).where(or_(papers.c.id.in_(many), papers.c.id.in_(same)))
        with self._store.read() as connection:
            ids = list(
                connection.execute(query.order_by(papers.c.title_key, papers.c.id)).scalars()
            )
        yield from ids

    # -------------------------------------------------------------- correcting

    def merge(self, paper_ids: Sequence[str]) -> tuple[str, Change | None]:
        """Makes one paper of several; its id, and what changed.

        Raises:
            UsageError: fewer than two papers are named.
        """
        wanted = list(dict.fromkeys(paper_ids))
        if len(wanted) < 2:
            raise UsageError("Name at least two different papers to merge.")
        with self._store.write() as connection:
            block = _block(connection, wanted)
            groups = [[r for r in block if r.paper_id == name] for name in wanted]
            for one, other in product(groups[0], [r for group in groups[1:] for r in group]):
                _forget(connection, one, other, "apart")
            firsts = [min(group, key=lambda r: (not r.current, r.order)) for group in groups]
            for other in firsts[1:]:
                _decide(connection, firsts[0], other, "together")
            change = _again(connection, block)
            return _paper_of(connection, firsts[0]), change

    def split(self, paper_id: str, numbers: Sequence[int]) -> tuple[list[str], Change | None]:
        """Takes some records (by their number in `explain`) out of a paper, which become papers
        of their own; the ids of all, and what changed.

        Raises:
            UsageError: there is no such record, or none would be left.
        """
        with self._store.write() as connection:
            block = _block(connection, [paper_id])
            own = sorted((r for r in block if r.paper_id == paper_id), key=lambda r: r.id or 0)
            unknown = [n for n in numbers if not 1 <= n <= len(own)]
            if unknown or not numbers:
                raise UsageError(
                    f"The paper has no record {', '.join(map(str, unknown)) or 'of that kind'}; "
                    f"it has {len(own)}.",
                    remedy="`curator dedupe PAPER` numbers them.",
                )
            out = [own[n - 1] for n in dict.fromkeys(numbers)]
            stay = [r for r in own if r not in out]
            if not any(r.current and r.abstract for r in stay):
                raise UsageError(
                    "No record with an abstract would be left in the paper.",
                    remedy="Name fewer records.",
                )
            for one, other in product(out, stay):
                _forget(connection, one, other, "together")
                _decide(connection, one, other, "apart")
            change = _again(connection, block)
            ids = [_paper_of(connection, r) for r in own if r.current]
            return [name for name in dict.fromkeys(ids) if name], change


def _block(connection: Connection, paper_ids: Sequence[str]) -> list[Entered]:
    query = select(records.c.id).where(records.c.paper_id.in_(values(paper_ids)))
    return extended(connection, [], set(connection.execute(query).scalars()))


def _again(connection: Connection, block: list[Entered]) -> Change | None:
    placing = Placing(connection, datetime.now(UTC).isoformat())
    placing.place([], block)
    change = placing.write_papers()
    placing.write_moves()
    return change


def _decide(connection: Connection, one: Entered, other: Entered, kind: str) -> None:
    low, high = sorted((one.order, other.order))
    row = {"kind": kind, "at": now()}
    connection.execute(
        insert(decisions)
        .values(one=low, other=high, **row)
        .on_conflict_do_update(index_elements=["one", "other"], set_=row)
    )


def _forget(connection: Connection, one: Entered, other: Entered, kind: str) -> None:
    low, high = sorted((one.order, other.order))
    same = (decisions.c.one == low, decisions.c.other == high, decisions.c.kind == kind)
    connection.execute(delete(decisions).where(*same))


def _paper_of(connection: Connection, record: Entered) -> str:
    query = select(records.c.paper_id).where(records.c.id == record.id)
    return connection.execute(query).scalar() or ""


def _source_names(connection: Connection, block: Sequence[Entered]) -> dict[int, str]:
    query = select(sources.c.id, sources.c.name).where(
        sources.c.id.in_(values({r.source for r in block}))
    )
    return {row.id: row.name for row in connection.execute(query)}


def _first_seen(connection: Connection, block: Sequence[Entered]) -> dict[int, str]:
    query = select(records.c.id, records.c.first_seen).where(
        records.c.id.in_(values([r.id for r in block]))
    )
    return {row.id: row.first_seen for row in connection.execute(query)}
