"""Vectors of the sentences that evidence is chosen from, kept so that no question waits for them.

A cache, and nothing more: losing it costs time. A row is used only for exactly the texts that it
was made of, by the same embedder, so a corrected abstract or another way of splitting sentences
makes it void. As 4-byte floats, which give exactly the scores that fresh vectors give: an answer
does not change because its question was asked before.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.sqlite import insert

from curator.batches import batched
from curator.catalog.papers import MANY
from curator.catalog.schema import papers, sentence_vectors
from curator.catalog.store import Store
from curator.paper import Paper

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

__all__ = ["MOMENT", "SentenceVectors"]

# Seconds that a question waits for another process that writes.
MOMENT = 0.1
_FLOAT = "<f4"


class SentenceVectors:
    """For each paper and embedder the vectors of its sentences, in the order of the texts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(
        self, fingerprint: str, wanted: Sequence[tuple[Paper, Sequence[str]]]
    ) -> list[Vectors | None]:
        """For each paper with the texts of its sentences their vectors, of shape
        (texts, dimensions); None where there are none of exactly these texts."""
        columns = sentence_vectors.c
        query = select(columns.paper_id, columns.texts_hash, columns.vectors)
        query = query.where(columns.fingerprint == fingerprint)
        stored: dict[tuple[str, str], bytes] = {}
        with self._store.read() as connection:
            for part in batched(dict.fromkeys(paper.id for paper, _ in wanted), MANY):
                for row in connection.execute(query.where(columns.paper_id.in_(part))):
                    stored[row.paper_id, row.texts_hash] = row.vectors
        return [
            _rows(stored.get((paper.id, _hash_of(texts)), b""), len(texts))
            for paper, texts in wanted
        ]

    def put(
        self,
        fingerprint: str,
        made: Iterable[tuple[Paper, Sequence[str], Vectors]],
        patience: float = MOMENT,
    ) -> int:
        """Stores vectors in place of those that a paper had, and leaves out papers that are no
        more; how many were stored. Waits ``patience`` seconds at most for who writes.

        Raises:
            StorageError: they cannot be stored; the catalog is as it was.
        """
        rows: list[dict[str, Any]] = [
            {
                "paper_id": paper.id,
                "fingerprint": fingerprint,
                "text_hash": paper.text_hash,
                "texts_hash": _hash_of(texts),
                "vectors": vectors.astype(_FLOAT).tobytes(),
            }
            for paper, texts, vectors in made
        ]
        if not rows:
            return 0
        statement = insert(sentence_vectors)
        replaced = {
            name: statement.excluded[name] for name in ("text_hash", "texts_hash", "vectors")
        }
        statement = statement.on_conflict_do_update(
            index_elements=["paper_id", "fingerprint"], set_=replaced
        )
        with self._store.write(patience) as connection:
            there: set[str] = set()
            for part in batched(dict.fromkeys(row["paper_id"] for row in rows), MANY):
                query = select(papers.c.id).where(papers.c.id.in_(part))
                there.update(connection.execute(query).scalars())
            rows = [row for row in rows if row["paper_id"] in there]
            if rows:
                connection.execute(statement, rows)
        return len(rows)

    def due(self, fingerprint: str, newest: int) -> array[int]:
        """The numbers of the present texts, among so many of the newest papers (all, if
        negative), that no vectors of sentences were made of; newest paper first."""
        columns = sentence_vectors.c
        chosen = (
            select(papers.c.id, papers.c.seq, papers.c.day, papers.c.text_hash)
            .order_by(papers.c.day.desc(), papers.c.seq.desc())
            .limit(newest)
            .subquery()
        )
        made = select(columns.paper_id).where(
            columns.paper_id == chosen.c.id,
            columns.fingerprint == fingerprint,
            columns.text_hash == chosen.c.text_hash,
        )
        query = select(chosen.c.seq).where(~made.exists())
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(chosen.c.day.desc(), chosen.c.seq.desc()))
            return array("q", rows.scalars())

    def counts(self) -> dict[str, int]:
        """Papers with vectors of their sentences, by fingerprint."""
        column = sentence_vectors.c.fingerprint
        with self._store.read() as connection:
            return dict(connection.execute(select(column, func.count()).group_by(column)).all())

    def forget(self, fingerprint: str) -> None:
        """Deletes what an embedder has made."""
        with self._store.write() as connection:
            connection.execute(
                delete(sentence_vectors).where(sentence_vectors.c.fingerprint == fingerprint)
            )

    def prune(self, keep: str) -> None:
        """Deletes what other embedders have made."""
        for other in self.counts().keys() - {keep}:
            self.forget(other)


def _hash_of(texts: Sequence[str]) -> str:
    """Names these texts, and where each of them ends."""
    digest = hashlib.sha256()
    for text in texts:
        written = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(written) + written)
    return digest.hexdigest()[:32]


def _rows(written: bytes, count: int) -> Vectors | None:
    """An array of shape (count, dimensions) from its bytes; None for what cannot be one."""
    import numpy as np

    if not written or not count or len(written) % (4 * count):
        return None
    return np.frombuffer(written, _FLOAT).reshape(count, -1).astype(np.float32, copy=False)
