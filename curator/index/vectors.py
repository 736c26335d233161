"""The vector index. The only file that imports chromadb.

Chroma holds one collection, whose metadata says which embedder filled it. The catalog keeps
account of what should be in it (``catalog.vectors``); where the two differ, what is missing
is embedded again. Vectors are always passed in: Chroma's default embedder would download.
"""

from __future__ import annotations

import functools
import shutil
import sys
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from curator.batches import batched
from curator.catalog import VectorLog
from curator.errors import IndexMismatch, StorageError
from curator.paper import Paper

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = ["VectorIndex"]

COLLECTION = "papers"
MAX_BATCH = 5_000  # Chroma takes at most 5,461 records a call (FACTS)
EXACT_BELOW = 2_000  # so few allowed papers are compared one by one


P = ParamSpec("P")
R = TypeVar("R")


def _alone(
    method: Callable[Concatenate[VectorIndex, P], R],
) -> Callable[Concatenate[VectorIndex, P], R]:
    """One thread at a time: the client may be opened anew in the middle of any call."""

    @functools.wraps(method)
    def guarded(index: VectorIndex, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with index._guard:
            return method(index, *args, **kwargs)

    return guarded


class VectorIndex:
    """Vectors of the papers of one library, made by the embedder with ``fingerprint``.

    Raises:
        IndexMismatch: the collection was filled by another embedder.
        StorageError: the folder cannot be used.
    """

    def __init__(self, path: Path, log: VectorLog, fingerprint: str) -> None:
        self._path = path
        self._log = log
        self.fingerprint = fingerprint
        self._collection: Any = None
        self._generation = -1
        self._guard = RLock()  # an API model's answers are worked on in several threads

    # ------------------------------------------------------------------ state

    @_alone
    def heal(self) -> None:
        """Forgets in the catalog's account what Chroma has lost (its folder was deleted, or
        the machine died between the two writes), so that it is made again; and takes out of
        Chroma what the catalog knows no more (papers that were joined to others).

        The caller holds the writer's lock.
        """
        if self.count() == self._log.done_count(self.fingerprint):
            return
        present = set(self._open().get(include=[])["ids"])
        known = self._log.done(self.fingerprint)
        self._log.forget(self.fingerprint, [i for i in known if i not in present])
        gone = sorted(present - known.keys())
        for part in batched(gone, MAX_BATCH):
            self._open().delete(ids=part)
        if gone:
            self._log.mark(self.fingerprint, {})  # so that other processes look again
            self._generation = self._log.generation()

    @_alone
    def count(self) -> int:
        return int(self._open().count())

    # ---------------------------------------------------------------- writing

    @_alone
    def add(self, ids: Sequence[str], vectors: Vectors, text_hashes: Sequence[str]) -> None:
        """Stores vectors of shape (ids, dimensions); replaces those that were there.

        The caller holds the writer's lock.
        """
        try:
            try:
                self._upsert(ids, vectors, text_hashes)
            except Exception as error:
                if "readonly" not in str(error):
                    raise
                self._close()  # another process has rebuilt the index: these files are gone
                self._upsert(ids, vectors, text_hashes)
        except Exception as error:
            raise self._trouble(error) from error
        self._log.mark(self.fingerprint, dict(zip(ids, text_hashes, strict=True)))
        self._generation = self._log.generation()

    def _upsert(self, ids: Sequence[str], vectors: Vectors, text_hashes: Sequence[str]) -> None:
        for part in batched(range(len(ids)), MAX_BATCH):
            self._open().upsert(
                ids=[ids[i] for i in part],
                embeddings=vectors[part],
                metadatas=[{"text_hash": text_hashes[i]} for i in part],
            )

    @_alone
    def clear(self) -> None:
        """Throws the index away, whatever built it."""
        self._close()
        shutil.rmtree(self._path, ignore_errors=True)
        self._log.forget_all()

    # --------------------------------------------------------------- searching

    @_alone
    def search(
        self, vector: Vectors, limit: int, allowed: Set[str] | None = None
    ) -> list[tuple[str, float]]:
        """``(paper id, cosine similarity)``, best first, ``allowed`` papers only."""
        total = self.count()
        if not total or limit <= 0 or (allowed is not None and not allowed):
            return []
        try:
            if allowed is None:
                return self._query(vector, min(limit, total))
            if len(allowed) <= EXACT_BELOW:
                inside = [i for i in self._log.done(self.fingerprint) if i in allowed]
                if not inside:
                    return []
                return self._query(vector, min(limit, len(inside)), ids=inside)
            wanted = min(limit, len(allowed))
            width = limit
            while True:  # ask for more until enough of what comes is allowed
                width = min(total, width * 4)
                hits = [hit for hit in self._query(vector, width) if hit[0] in allowed]
                if len(hits) >= wanted or width >= total:
                    return hits[:limit]
        except Exception as error:
            raise self._trouble(error) from error

    @_alone
    def vectors(self, papers: Sequence[Paper]) -> dict[str, Vectors]:
        """Stored vectors by paper id; papers without one of their present text are left out."""
        texts = {paper.id: paper.text_hash for paper in papers}
        found: dict[str, Vectors] = {}
        for part in batched(texts, MAX_BATCH):
            rows = self._open().get(ids=part, include=["embeddings", "metadatas"])
            for paper_id, vector, about in zip(
                rows["ids"], rows["embeddings"], rows["metadatas"], strict=True
            ):
                if about["text_hash"] == texts[paper_id]:
                    found[paper_id] = vector
        return found

    def _query(
        self, vector: Vectors, limit: int, ids: list[str] | None = None
    ) -> list[tuple[str, float]]:
        options: dict[str, Any] = {"ids": ids} if ids is not None else {}
        rows = self._open().query(
            query_embeddings=[vector], n_results=limit, include=["distances"], **options
        )
        hits = [
            (paper_id, 1.0 - float(distance))
            for paper_id, distance in zip(rows["ids"][0], rows["distances"][0], strict=True)
        ]
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))

    @_alone
    def close(self) -> None:
        """Lets go of Chroma's files; the next use opens them again."""
        self._close()

    # ------------------------------------------------------------------ files

    def _open(self) -> Any:
        """The collection, opened again when another process has written to it: a client
        never sees the vectors that others add (FACTS)."""
        generation = self._log.generation()
        if self._collection is None or generation != self._generation:
            self._close()
            self._collection = self._connect()
            self._generation = generation
        return self._collection

    def _connect(self, *, again: bool = True) -> Any:
        import chromadb
        from chromadb.config import Settings

        try:
            self._path.mkdir(parents=True, exist_ok=True)
            client = chromadb.PersistentClient(
                path=str(self._path), settings=Settings(anonymized_telemetry=False)
            )
            collection = client.get_or_create_collection(
                COLLECTION,
                metadata={"fingerprint": self.fingerprint},
                configuration={"hnsw": {"space": "cosine", "ef_search": 100}},
                embedding_function=None,
            )
            collection.count()
        except OSError as error:
            raise self._trouble(error) from error
        except Exception as error:
            if not again or _is_storage(error):
                raise self._trouble(error) from error
            # Damaged files: vectors are derived, so start anew and let them be made again.
            self._close()
            shutil.rmtree(self._path, ignore_errors=True)
            return self._connect(again=False)
        found = (collection.metadata or {}).get("fingerprint")
        if found != self.fingerprint:
            self._close()
            raise IndexMismatch(
                f"The vectors were made by another embedder ({found!r}, now "
                f"{self.fingerprint!r}); mixing them would give nonsense.",
                remedy="Run `curator index --rebuild`, or set CURATOR_EMBEDDING back.",
            )
        return collection

    def _close(self) -> None:
        """Chroma keeps what it opened for a path, broken or deleted, and hands it out again,
        also when there is no collection to show for it."""
        self._collection = None
        if "chromadb" in sys.modules:
            from chromadb.api.shared_system_client import SharedSystemClient

            SharedSystemClient.clear_system_cache()

    def _trouble(self, error: Exception) -> Exception:
        if isinstance(error, IndexMismatch | StorageError):
            return error
        return StorageError(
            f"The vector index in {str(self._path)!r} failed ({error}). "
            "The papers themselves are safe.",
            remedy="Free some space or make the folder writable and run the command again; "
            "`curator index --rebuild` makes the index anew.",
            retryable=True,
        )


def _is_storage(error: Exception) -> bool:
    said = str(error).lower()
    return any(word in said for word in ("full", "readonly", "read-only", "permission", "locked"))
