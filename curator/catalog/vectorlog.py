"""Which papers have a vector: the catalog's account of the vector index."""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Select, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from curator.batches import batched
from curator.catalog.papers import MANY, paper_of
from curator.catalog.schema import counters, embedded, papers
from curator.catalog.store import Store
from curator.paper import Paper

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["VectorLog"]


class VectorLog:
    """Which papers have a vector, of which text, by which fingerprint."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def done(self, fingerprint: str) -> dict[str, str]:
        """``{paper id: hash of the text that was embedded}``."""
        query = select(embedded.c.paper_id, embedded.c.text_hash).where(
            embedded.c.fingerprint == fingerprint
        )
        with self._store.read() as connection:
            return dict(connection.execute(query).all())

    def done_seqs(self, fingerprint: str) -> set[int]:
        """The numbers of the papers' present texts that have a vector."""
        query = (
            select(papers.c.seq)
            .join(embedded, embedded.c.paper_id == papers.c.id)
            .where(
                embedded.c.fingerprint == fingerprint,
                embedded.c.text_hash == papers.c.text_hash,
            )
        )
        with self._store.read() as connection:
            return set(connection.execute(query).scalars())

    def seqs_of(self, text_hashes: dict[str, str]) -> dict[str, int]:
        """``{paper id: number of its present text}`` where that is the text with the hash."""
        found: dict[str, int] = {}
        with self._store.read() as connection:
            for part in batched(text_hashes, MANY):
                query = select(papers.c.id, papers.c.seq, papers.c.text_hash)
                for row in connection.execute(query.where(papers.c.id.in_(part))):
                    if row.text_hash == text_hashes[row.id]:
                        found[row.id] = row.seq
        return found

    def library_number(self) -> int:
        """A number that no other library has: several may share one Chroma server."""
        query = select(counters.c.value).where(counters.c.name == "library")
        with self._store.read() as connection:
            found = connection.execute(query).scalar()
        if found is not None:
            return int(found)
        fresh = insert(counters).values(name="library", value=secrets.randbits(40))
        with self._store.write() as connection:
            connection.execute(fresh.on_conflict_do_nothing())
            return int(connection.execute(query).scalar_one())

    def paper_seqs(self) -> NDArray[np.int64]:
        """The numbers of all papers' present texts, in no order."""
        import numpy as np

        numbers = self._store.glance("SELECT group_concat(seq) FROM papers") or ""
        return np.fromstring(numbers, np.int64, sep=",")

    def done_count(self, fingerprint: str) -> int:
        return self.counts().get(fingerprint, 0)

    def missing(self, fingerprint: str) -> list[Paper]:
        """Papers without a vector of their present text, newest first."""
        query = self._missing(fingerprint, select(papers))
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(papers.c.day.desc(), papers.c.seq.desc()))
            return [paper_of(row) for row in rows]

    def missing_seqs(self, fingerprint: str, after: int = -1) -> array[int]:
        """The numbers of the present texts without a vector that are larger than ``after``,
        newest paper first. Eight bytes each, however many there are."""
        query = self._missing(fingerprint, select(papers.c.seq)).where(papers.c.seq > after)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(papers.c.day.desc(), papers.c.seq.desc()))
            return array("q", rows.scalars())

    def missing_among(self, fingerprint: str, seqs: Sequence[int]) -> list[Paper]:
        """Those of the papers with these numbers that are still there with that text, and still
        have no vector of it."""
        query = self._missing(fingerprint, select(papers))
        found: list[Row[Any]] = []
        with self._store.read() as connection:
            for part in batched(seqs, MANY):
                found += connection.execute(query.where(papers.c.seq.in_(part))).all()
        return [paper_of(row) for row in found]

    def missing_count(self, fingerprint: str) -> int:
        query = self._missing(fingerprint, select(func.count()).select_from(papers))
        with self._store.read() as connection:
            return int(connection.execute(query).scalar_one())

    @staticmethod
    def _missing(fingerprint: str, query: Select[Any]) -> Select[Any]:
        present = (
            select(embedded.c.paper_id)
            .where(
                embedded.c.paper_id == papers.c.id,
                embedded.c.fingerprint == fingerprint,
                embedded.c.text_hash == papers.c.text_hash,
            )
            .exists()
        )
        return query.where(~present)

    def counts(self) -> dict[str, int]:
        """Papers with a vector, by fingerprint."""
        query = select(embedded.c.fingerprint, func.count()).group_by(embedded.c.fingerprint)
        with self._store.read() as connection:
            return dict(connection.execute(query).all())

    def mark(self, fingerprint: str, text_hashes: dict[str, str]) -> int:
        """Notes that vectors are stored, and tells other processes that they changed; how many
        of the papers had a vector before."""
        rows: list[dict[str, str]] = []
        before = 0
        with self._store.write() as connection:
            for part in batched(text_hashes, MANY):
                # Papers that were joined to others since they were read are there no more.
                there = connection.execute(select(papers.c.id).where(papers.c.id.in_(part)))
                rows += [
                    {"paper_id": i, "fingerprint": fingerprint, "text_hash": text_hashes[i]}
                    for i in there.scalars()
                ]
                had = select(func.count()).where(
                    embedded.c.fingerprint == fingerprint, embedded.c.paper_id.in_(part)
                )
                before += connection.execute(had).scalar_one()
            if rows:
                statement = insert(embedded)
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["paper_id", "fingerprint"],
                        set_={"text_hash": statement.excluded.text_hash},
                    ),
                    rows,
                )
            _changed(connection)
        return before

    def forget_seqs(self, fingerprint: str, seqs: Sequence[int]) -> None:
        """Notes that the vectors of some papers' present texts are gone."""
        for part in batched(seqs, MANY):
            of = select(papers.c.id).where(papers.c.seq.in_(part))
            query = delete(embedded).where(
                embedded.c.fingerprint == fingerprint, embedded.c.paper_id.in_(of)
            )
            with self._store.write() as connection:
                connection.execute(query)

    def forget_all(self, fingerprint: str) -> None:
        """Notes that there are no vectors of an embedder."""
        with self._store.write() as connection:
            connection.execute(delete(embedded).where(embedded.c.fingerprint == fingerprint))
            _changed(connection)

    def generation(self) -> int:
        """Grows with each change of the vectors, by whichever process."""
        return self._store.glance("SELECT value FROM counters WHERE name = 'vectors'") or 0


def _changed(connection: Connection) -> None:
    """Tells other processes to open the index anew."""
    statement = insert(counters).values(name="vectors", value=1)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"value": counters.c.value + 1}
        )
    )
