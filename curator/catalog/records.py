"""Reading the ledger of what came in: the entries of a paper, of a source, of a bibliography."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from curator.batches import batched
from curator.catalog.papers import MANY
from curator.catalog.schema import records, sources
from curator.catalog.store import Store

__all__ = ["Part", "Records"]


@dataclass(frozen=True)
class Part:
    """One part of a bibliography as it was written: an entry, or what stands between entries."""

    source: str
    paper_id: str | None
    status: str
    extra: dict[str, Any]


class Records:
    """Reads records."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def bibliography(self, format: str, source: str | None = None) -> Iterator[Part]:
        """The parts of all bibliographies of a format (or of one source), in their order, as
        they were when each was last read."""
        query = (
            select(sources.c.name, records.c.paper_id, records.c.status, records.c.extra)
            .join(sources, sources.c.id == records.c.source_id)
            .where(
                records.c.extra.is_not(None),
                records.c.current,
                records.c.last_seen == sources.c.last_read,
            )
            .order_by(records.c.source_id, records.c.position)
        )
        if source is not None:
            query = query.where(sources.c.name == source)
        with self._store.read() as connection:
            for row in connection.execution_options(yield_per=500).execute(query):
                if row.extra.get("format") == format:
                    yield Part(row.name, row.paper_id, row.status, row.extra)

    def lists(self, paper_ids: Iterable[str]) -> dict[str, int]:
        """On how many lists each of these papers was: sources that say on which day they showed
        it. Papers that were on none are left out."""
        found: dict[str, int] = {}
        count = func.count(records.c.source_id.distinct())
        with self._store.read() as connection:
            for part in batched(paper_ids, MANY):
                query = (
                    select(records.c.paper_id, count)
                    .where(records.c.paper_id.in_(part), records.c.listed.is_not(None))
                    .group_by(records.c.paper_id)
                )
                found.update((row[0], row[1]) for row in connection.execute(query))
        return found

    def sources(self) -> list[dict[str, Any]]:
        """Every source that was ever read, oldest first."""
        query = select(sources).order_by(sources.c.id)
        with self._store.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def besides(self, paper_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What is known of papers besides their own fields: identifiers of other schemes, and
        hints with the source that each came from."""
        found: dict[str, dict[str, Any]] = {}
        query = (
            select(records.c.paper_id, records.c.ids, records.c.hints, sources.c.name)
            .join(sources, sources.c.id == records.c.source_id)
            .where(records.c.current)
            .order_by(records.c.fingerprint)
        )
        with self._store.read() as connection:
            for part in batched(paper_ids, MANY):
                for row in connection.execute(query.where(records.c.paper_id.in_(part))):
                    about = found.setdefault(row.paper_id, {"ids": {}, "hints": []})
                    about["ids"].update(dict.fromkeys(map(tuple, row.ids)))
                    if row.hints:
                        about["hints"].append({"source": row.name, **row.hints})
        return {
            paper_id: {"ids": list(about["ids"]), "hints": about["hints"]}
            for paper_id, about in found.items()
        }
