"""Papers of the catalog: which records are one paper, and finding papers again."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select, update

from curator.batches import batched
from curator.catalog.adding import AddReport, ChunkWriter, Reading
from curator.catalog.blocks import hash_of
from curator.catalog.conditions import filtered, require_sources
from curator.catalog.placing import Change
from curator.catalog.schema import aliases, papers, record_keys, records, removed, sources
from curator.catalog.store import Store
from curator.errors import NotFoundError
from curator.filters import Filters
from curator.identifiers import arxiv_id_of, doi_of, identifiers_in
from curator.paper import Entry, Paper
from curator.text import title_key

__all__ = ["AddReport", "Filters", "Papers", "filtered", "paper_of"]

CHUNK = 4000
# SQLite's default limit of variables in one statement is 32,766.
MANY = 5_000


class Papers:
    """Adds and finds papers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # ------------------------------------------------------------------ adding

    def add(
        self,
        entries: Iterable[Entry],
        source: str,
        report: AddReport | None = None,
        *,
        kind: str = "jsonl",
        complete: bool = True,
        follow: Callable[[Change], None] | None = None,
    ) -> Iterator[AddReport]:
        """Stores entries and yields the growing report after each committed chunk.

        A killed run keeps its whole chunks, and running it again adds only the rest. ``kind``
        is the kind of source (`curator.merging.RANKS`). Where the entries are ``complete``
        (all that the source has), what was wrong with it before and is not any more is mended.
        ``follow`` is told what each stored chunk changed of the papers' texts.
        """
        report = report or AddReport()
        reading = Reading(source, kind, datetime.now(UTC).isoformat(), complete)
        with _few_collections() as collect:
            for chunk in batched(entries, CHUNK):
                with self._store.write() as connection:
                    writer = ChunkWriter(connection, reading, report)
                    writer.write(chunk)
                if follow and writer.change:
                    follow(writer.change)
                collect()
                yield report
        if complete and source != "-" and reading.source_id:
            self._mend(reading)

    def paging(self, source: str, kind: str, report: AddReport) -> Paging:
        """One reading of a feed, page by page."""
        started = datetime.now(UTC).isoformat()
        return Paging(self._store, Reading(source, kind, started, complete=False), report)

    def _mend(self, reading: Reading) -> None:
        gone = (
            update(records)
            .where(
                records.c.source_id == reading.source_id,
                records.c.status == "rejected",
                records.c.last_seen < reading.started,
            )
            .values(status="mended")
        )
        with self._store.write() as connection:
            connection.execute(gone)

    # ----------------------------------------------------------------- finding

    def count(self) -> int:
        with self._store.read() as connection:
            return connection.execute(select(func.count()).select_from(papers)).scalar_one()

    def last_seq(self) -> int:
        with self._store.read() as connection:
            last = connection.execute(select(func.max(papers.c.seq))).scalar() or 0
            return max(last, connection.execute(select(func.max(removed.c.seq))).scalar() or 0)

    def get(self, paper_ids: Iterable[str]) -> dict[str, Paper]:
        """Papers by id, in the order asked; unknown ids are left out."""
        wanted = list(dict.fromkeys(paper_ids))
        found: dict[str, Paper] = {}
        with self._store.read() as connection:
            for part in batched(wanted, MANY):
                for row in connection.execute(select(papers).where(papers.c.id.in_(part))):
                    found[row.id] = paper_of(row)
        return {paper_id: found[paper_id] for paper_id in wanted if paper_id in found}

    def at(self, seqs: Iterable[int]) -> dict[int, Paper]:
        """Papers by the number of their present text; numbers of former texts are left out."""
        found: dict[int, Paper] = {}
        with self._store.read() as connection:
            for part in batched(seqs, MANY):
                for row in connection.execute(select(papers).where(papers.c.seq.in_(part))):
                    found[row.seq] = paper_of(row)
        return found

    def texts_at(self, seqs: Iterable[int]) -> dict[int, tuple[str, str]]:
        """Only title and abstract of what `at` gives, for those who read many."""
        found: dict[int, tuple[str, str]] = {}
        for part in batched(seqs, MANY):
            numbers = ",".join(str(int(seq)) for seq in part)
            rows = self._store.glances(
                f"SELECT seq, title, abstract FROM papers WHERE seq IN ({numbers})"
            )
            found.update((seq, (title, abstract)) for seq, title, abstract in rows)
        return found

    def changed_since(self, seq: int) -> Iterator[Paper]:
        """Papers whose text came or changed after ``seq``, oldest change first."""
        query = select(papers).where(papers.c.seq > seq).order_by(papers.c.seq)
        with self._store.read() as connection:
            for row in connection.execution_options(yield_per=1000).execute(query):
                yield paper_of(row)

    def select(
        self, filters: Filters | None = None, *, limit: int | None = None, newest_first: bool = True
    ) -> list[Paper]:
        """Papers that pass the filters, by day.

        Raises:
            NotFoundError: a filter names a source from which nothing was ever read.
        """
        chosen = filters or Filters()
        query = filtered(select(papers), chosen)
        order = (papers.c.day.desc(), papers.c.seq.desc()) if newest_first else (papers.c.seq,)
        with self._store.read() as connection:
            require_sources(connection, chosen.expression)
            return [
                paper_of(row) for row in connection.execute(query.order_by(*order).limit(limit))
            ]

    def select_ids(self, filters: Filters) -> set[str]:
        """The ids of those that `select` gives."""
        with self._store.read() as connection:
            require_sources(connection, filters.expression)
            return set(connection.execute(filtered(select(papers.c.id), filters)).scalars())

    def days(self) -> list[str]:
        """The days that papers belong to, in order."""
        with self._store.read() as connection:
            query = select(papers.c.day).distinct().order_by(papers.c.day)
            return list(connection.execute(query).scalars())

    def resolve(self, name: str) -> Paper:
        """The paper a person means: an id (or its beginning), arXiv id, DOI, or title.

        Raises:
            NotFoundError: no paper, or more than one, is meant.
        """
        text = name.strip()
        conditions = [papers.c.id == text, papers.c.id.in_(_once_named(text))]
        if arxiv := arxiv_id_of(text):
            conditions.append(_identified("arxiv", arxiv[0]))
        if doi := doi_of(text):
            conditions.append(_identified("doi", doi))
        conditions += [_identified(*pair) for pair in identifiers_in(text)]
        if key := title_key(text):
            titled = select(records.c.paper_id).where(records.c.title_key == key)
            named = papers.c.id.in_(titled)
            conditions += [and_(named, papers.c.title_key == key), named]
        if len(text) >= 4:
            conditions.append(papers.c.id.startswith(text, autoescape=True))
        if len(key) >= 4:
            conditions.append(papers.c.title_key.startswith(key, autoescape=True))
        with self._store.read() as connection:
            for condition in conditions:
                rows = connection.execute(select(papers).where(condition).limit(6)).all()
                if len(rows) == 1:
                    return paper_of(rows[0])
                if rows:
                    choices = "; ".join(f"{row.id} {row.title!r}" for row in rows[:5])
                    raise NotFoundError(
                        f"{name!r} may mean several papers: {choices}.",
                        remedy="Give the id of one of them.",
                    )
        raise NotFoundError(
            f"No paper {name!r} in this library.",
            remedy="Give a paper's id, arXiv id, DOI or the beginning of its title; "
            "`curator search WORDS` finds ids.",
        )

    def seen(self, paper_id: str) -> list[dict[str, Any]]:
        """Where a paper was seen, oldest first: once for each source."""
        query = (
            select(
                sources.c.name.label("source"),
                records.c.place,
                func.min(records.c.listed).label("listed"),
                func.min(records.c.first_seen).label("first_seen"),
                func.max(records.c.last_seen).label("last_seen"),
            )
            .join(sources, sources.c.id == records.c.source_id)
            .where(records.c.paper_id == paper_id)
            .group_by(sources.c.name)
            .order_by(func.min(records.c.id))
        )
        with self._store.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def source_named(self, name: str) -> str:
        """The source that a person means: its name, or the file of that name.

        Raises:
            NotFoundError: nothing was ever read from such a source.
        """
        names = [name, str(Path(name).absolute())]
        with self._store.read() as connection:
            query = select(sources.c.name).where(sources.c.name.in_(names))
            found = connection.execute(query).scalars().all()
        if not found:
            raise NotFoundError(
                f"Nothing was ever added from {name!r}.",
                remedy="`curator status --sources` lists the sources.",
            )
        return name if name in found else found[0]

    def of_source(self, name: str) -> set[str]:
        """Ids of the papers that a source has, or had."""
        query = (
            select(records.c.paper_id)
            .join(sources, sources.c.id == records.c.source_id)
            .where(sources.c.name == name, records.c.paper_id.is_not(None))
        )
        with self._store.read() as connection:
            return set(connection.execute(query).scalars())

    def removed_since(self, seq: int) -> list[tuple[str, int]]:
        """``(id, number of change)`` of papers that were joined to others or named anew."""
        query = select(removed.c.paper_id, removed.c.seq).where(removed.c.seq > seq)
        with self._store.read() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]


@contextmanager
def _few_collections() -> Iterator[Callable[[], object]]:
    """Puts the garbage collector off, and gives how to call it: after each chunk.

    A chunk is some hundred thousand objects without a cycle among them, which it would look
    through again and again: a fifth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield lambda: gc.collect(0)
    finally:
        if was_on:
            gc.enable()


class Paging:
    """Stores the pages of a feed, each in one transaction with what else is to be noted."""

    def __init__(self, store: Store, reading: Reading, report: AddReport) -> None:
        self._store = store
        self._reading = reading
        self._report = report

    @contextmanager
    def page(self, entries: Sequence[Entry]) -> Iterator[Connection]:
        """Stores a page; what the caller writes in the connection stands or falls with it."""
        with self._store.write() as connection:
            for chunk in batched(entries, CHUNK):
                ChunkWriter(connection, self._reading, self._report).write(chunk)
            yield connection


def _once_named(name: str) -> Select[Any]:
    """Papers that have borne a name which they do not bear now."""
    return select(aliases.c.paper_id).where(aliases.c.alias == name)


def _identified(scheme: str, value: str) -> ColumnElement[bool]:
    """A paper may have more identifiers of a scheme than the one it shows."""
    found = select(records.c.paper_id).join(record_keys, record_keys.c.record_id == records.c.id)
    return papers.c.id.in_(found.where(record_keys.c.key == hash_of(scheme, value)))


def paper_of(row: Row[Any]) -> Paper:
    return Paper(
        id=row.id,
        title=row.title,
        abstract=row.abstract,
        authors=tuple(row.authors),
        published=row.published,
        listed=row.listed,
        added=row.added,
        url=row.url,
        arxiv_id=row.arxiv_id,
        doi=row.doi,
        categories=tuple(row.categories),
        upvotes=row.upvotes,
        venue=row.venue,
        seq=row.seq,
        text_hash=row.text_hash,
    )
