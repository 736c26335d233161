"""The parts underneath, asked by themselves: tantivy, Chroma with and without ``where``, and one
product with all vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import select

from curator.batches import batched
from curator.catalog.schema import papers as papers_table
from curator.errors import StorageError
from evals.search.libraries import mark_ready, ready

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.embedding import Vectors
    from curator.library import Library

    Seqs = NDArray[np.int64]

__all__ = ["BareWords", "Brute", "own_collection", "with_metadata"]

LISTED = 100
_BATCH = 5_000
_NAME = "bare"


class BareWords:
    """Tantivy's own search in the library's word index."""

    def __init__(self, library: Library) -> None:
        import tantivy

        self._index = tantivy.Index.open(str(library.home.lexical))
        self._searcher = self._index.searcher()
        self._stems = library.lexical.words

    def query(self, text: str) -> Any:
        """A text's stems in title (twice) and abstract, compiled: any of them."""
        from tantivy import Occur, Query

        schema = self._index.schema
        clauses = []
        for stem in dict.fromkeys(self._stems(text)):
            term = Query.term_query(schema, "title", stem)
            clauses.append((Occur.Should, Query.boost_query(term, 2.0)))
            clauses.append((Occur.Should, Query.term_query(schema, "abstract", stem)))
        return Query.boolean_query(clauses)

    def search(self, query: Any) -> int:
        """How many of the first 100 there are."""
        return len(self._searcher.search(query, LISTED, count=False).hits)


class Brute:
    """All vectors of a library in memory, compared one by one with float32."""

    def __init__(self, library: Library) -> None:
        fingerprint = library.embedder.fingerprint
        self.seqs = np.array(sorted(library.catalog.vectors.done_seqs(fingerprint)), np.int64)
        parts = [library.vectors.rows(np.array(part)) for part in batched(self.seqs, _BATCH)]
        if not all(there.all() for _, there in parts):
            raise _unsound(library)
        self.rows: Vectors = np.concatenate([rows for rows, _ in parts])

    def search(
        self, vector: Vectors, limit: int = LISTED, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[Seqs, NDArray[np.float32]]:
        """The nearest: numbers and cosines, best first, equals by number."""
        rows, seqs = self.rows, self.seqs
        if allowed is not None:
            inside = np.flatnonzero(allowed[np.minimum(seqs, len(allowed) - 1)])
            inside = inside[seqs[inside] < len(allowed)]
            rows, seqs = rows[inside], seqs[inside]
        scores = rows @ vector
        if len(scores) > limit:
            bound = np.partition(scores, len(scores) - limit)[len(scores) - limit]
            kept = np.flatnonzero(scores >= bound)
            seqs, scores = seqs[kept], scores[kept]
        order = np.lexsort((seqs, -scores))[:limit]
        return seqs[order], scores[order]


def own_collection(library: Library) -> Any:
    """The collection that the library itself has filled, opened with Chroma alone."""
    client = _client(library.home.vectors)
    for found in client.list_collections():
        collection = client.get_collection(found.name, embedding_function=None)
        if (collection.metadata or {}).get("fingerprint") == library.embedder.fingerprint:
            return collection
    raise _unsound(library)


def _unsound(library: Library) -> StorageError:
    return StorageError(
        f"Vectors of the library in {str(library.home.root)!r} are gone.",
        remedy=f"Delete {str(library.home.root.parent)!r}; it is made again.",
    )


def with_metadata(library: Library, brute: Brute, progress: Callable[..., None]) -> Any:
    """A collection in Chroma's default configuration (but for cosines) with the same vectors,
    and ``day`` and ``category`` as metadata; made once, beside the library."""
    place = library.home.root.parent / "chroma"
    client = _client(place)
    made_of = {"embedder": library.embedder.fingerprint, "vectors": len(brute.seqs)}
    if ready(place) == made_of:
        return client.get_collection(_NAME, embedding_function=None)
    if any(found.name == _NAME for found in client.list_collections()):
        client.delete_collection(_NAME)
    collection = client.create_collection(
        _NAME, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
    )
    about = _about(library)
    for part in batched(range(len(brute.seqs)), _BATCH):
        seqs = brute.seqs[part].tolist()
        collection.add(
            ids=[str(seq) for seq in seqs],
            embeddings=brute.rows[part],
            metadatas=[about[seq] for seq in seqs],
        )
        progress("put into a bare Chroma", part[-1] + 1, len(brute.seqs))
    mark_ready(place, made_of)
    return collection


def _client(place: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    # The same settings as the library's own: Chroma takes one set of them for a folder.
    return chromadb.PersistentClient(path=str(place), settings=Settings(anonymized_telemetry=False))


def _about(library: Library) -> dict[int, dict[str, Any]]:
    columns = papers_table.c
    query = select(columns.seq, columns.day, columns.categories)
    with library.catalog.store.read() as connection:
        return {
            row.seq: {
                "day": int((row.day or "0").replace("-", "")[:8] or 0),
                "category": row.categories[0] if row.categories else "none",
            }
            for row in connection.execute(query)
        }


def recall(found: Sequence[int], wanted: Sequence[int]) -> float:
    """The share of ``wanted`` that was found."""
    return len(set(found) & set(wanted)) / len(wanted) if len(wanted) else 1.0
