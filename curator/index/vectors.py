"""The vector index. The only file that imports chromadb.

Each embedder has a collection of its own in Chroma (in a folder of the library, or on a server),
whose metadata says which embedder filled it; its records are named by the number of the text
(`Paper.seq`) that the vector is of. The catalog keeps account of what should be there
(``catalog.vectors``); where the two differ, what is missing is embedded again. Vectors are
always passed in: Chroma's default embedder would download.

Beside it lies its mirror (`curator.index.mirror`), which answers what Chroma is slow at (filtered
questions, what another process has added since) or cannot answer, being damaged or made anew.
Readers make and delete nothing; who writes holds the writer's lock.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from curator.catalog import VectorLog
from curator.errors import CuratorError
from curator.index.agreement import agree, take_over, upsert
from curator.index.failures import (
    ANSWER_SECONDS,
    answering,
    folder_failed,
    is_gone,
    is_storage,
    no_panic,
    persist,
    server_failed,
)
from curator.index.place import Place, WriteMark
from curator.paper import Paper

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.embedding import Vectors
    from curator.index.mirror import Mirror

    Found = tuple[NDArray[np.int64], NDArray[np.float32]]

__all__ = ["VectorIndex"]

# So many vectors that others have added are compared one by one; with more, Chroma is opened anew.
REOPEN_AFTER = 5_000
# Denser than by default (100, 16, 100): an approximate graph may miss what is near.
HNSW = {"space": "cosine", "ef_construction": 200, "max_neighbors": 32, "ef_search": 200}
LOOK_AGAIN = 1.0  # seconds after which a search that could not open Chroma tries again
_FIRST_COLLECTION = "papers"  # of the first releases, whose records are named by paper ids

P = ParamSpec("P")
R = TypeVar("R")


def _alone(
    method: Callable[Concatenate[VectorIndex, P], R],
) -> Callable[Concatenate[VectorIndex, P], R]:
    """One thread at a time: the client may be opened anew in the middle of any call. What goes
    wrong in Chroma or the files is said in the reader's words."""

    @functools.wraps(method)
    def guarded(index: VectorIndex, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with index._guard:
            try:
                return method(index, *args, **kwargs)
            except CuratorError:
                raise
            except Exception as error:
                raise index._trouble(error) from error

    return guarded


class VectorIndex:
    """Vectors of the papers of one library, made by the embedder with ``fingerprint``.

    ``path`` is the folder of all vectors of the library; ``url`` a Chroma server that holds
    the collections instead of that folder, ``token`` what it asks for.

    Raises:
        StorageError: the folder cannot be used.
        ServerUnavailable: the server does not answer.
    """

    def __init__(
        self,
        path: Path,
        log: VectorLog,
        fingerprint: str,
        *,
        url: str | None = None,
        token: str | None = None,
    ) -> None:
        self._path = path
        self._place = Place(path)
        self._log = log
        self.fingerprint = fingerprint
        self._url, self._token = url, token
        self._key = hashlib.sha256(fingerprint.encode()).hexdigest()[:12]
        self._mirrors = path.with_name(path.name + "-mirror")
        self._writing = WriteMark(None if url else self._mirrors / f"{self._key}.writing")
        self._mirror: Mirror | None = None
        self._mirrored = -1  # the generation that the mirror was last mapped at
        self._client: Any = None
        self._opened: Path | None = None  # the folder of the client
        self._collection: Any = None
        self._generation = -1  # that the open client has
        self._look_at = 0.0  # not before this time (monotonic) a search opens Chroma
        self._counted: tuple[object, int] = (None, 0)
        self.lost = 0  # how often Chroma could not be asked, or had fewer than it should
        self._damaged = False  # Chroma's files, as they were at that generation
        self._guard = RLock()  # an API model's answers are worked on in several threads

    # ------------------------------------------------------------------ state

    @_alone
    def heal(self) -> None:
        """Makes the three agree (`curator.index.agreement`). The caller holds the writer's lock."""
        persist(self._mend, self._is_lost)

    @no_panic()
    def _mend(self) -> None:
        collection = self._writable()
        self._place.tidy()
        former = self._named(_FIRST_COLLECTION)
        if former is not None and (former.metadata or {}).get("fingerprint") == self.fingerprint:
            with self._writing.set():
                take_over(former, collection, self._log)
            self._client.delete_collection(_FIRST_COLLECTION)
        if not self.is_sound():
            mirror = self._mapped()
            agree(self._writable(), mirror, self._log, self.fingerprint, self._writing)
            self._generation = self._mirrored = self._log.generation()

    @_alone
    def is_sound(self) -> bool:
        """Whether the mirror, and Chroma where it is open, have as many vectors as they should."""
        known = self._log.done_count(self.fingerprint)
        if self._damaged or self._writing.left() or len(self._mapped()) != known:
            return False
        try:
            return self._collection is None or self._total() == known
        except Exception as error:
            if not self._is_lost(error):
                if self._url:
                    raise
                self._close()  # locked, or the disk is full: whoever writes will say so
            # A folder's collection that others have made anew is opened anew.
            return not (self._damaged or self._url)

    @_alone
    def count(self) -> int:
        """Vectors in Chroma's collection; 0 if there is none."""
        return self._total()

    @no_panic()
    def _total(self) -> int:
        collection = self._readable()
        return int(collection.count()) if collection else 0

    # ---------------------------------------------------------------- writing

    @_alone
    def add(self, papers: Sequence[Paper], vectors: Vectors) -> None:
        """Stores the vectors of papers' present texts, of shape (papers, dimensions).

        The caller holds the writer's lock.
        """
        seqs = [paper.seq for paper in papers]
        lost = persist(lambda: self._store(seqs, vectors), self._is_lost)
        # Followed by a mark in the account, which makes this generation the present one.
        self._mapped().write(seqs, vectors, self._log.generation() + 1)
        restated = self._log.mark(self.fingerprint, {p.id: p.text_hash for p in papers})
        self._generation = self._mirrored = self._log.generation()
        if restated or lost:
            self.heal()  # takes out the vectors of the former texts, brings back what was lost

    @no_panic()
    def _store(self, seqs: Sequence[int], vectors: Vectors) -> None:
        collection = self._writable()
        with self._writing.set():
            upsert(collection, seqs, vectors)

    @_alone
    def clear(self) -> None:
        """Throws this embedder's vectors away."""
        self._mapped().drop()
        if not self._url and set(self._log.counts()) <= {self.fingerprint}:
            self._close()
            self._place.renew()  # no other collection: rid of damaged files, too
        else:
            self._writable()
            self._client.delete_collection(self._name())
        self._close()
        self._damaged = False
        self._writing.clear()
        self._log.forget_all(self.fingerprint)

    # --------------------------------------------------------------- searching

    @_alone
    def search(
        self,
        vector: Vectors,
        limit: int,
        allowed: NDArray[np.bool_] | None = None,
        *,
        exact: bool = False,
    ) -> Found:
        """The nearest texts: their numbers (`Paper.seq`) and cosines, best first.

        ``allowed`` is a mask over numbers; with it, or where ``exact``, every vector that
        counts is compared. Else Chroma's approximate index answers, together with what other
        processes have added since it was opened; or, where Chroma has lost some or does not yet
        know that some were taken out, the mirror.
        """
        mirror = self._mapped()
        if exact or allowed is not None or limit <= 0 or not len(mirror):
            return mirror.search(vector, limit, allowed)
        found = self._nearest(vector, limit, len(mirror))
        self.lost += found is None
        if found is None or not mirror.has(found[0]).all():
            return mirror.search(vector, limit)
        return mirror.with_newer(found, vector, limit, self._generation)

    def _nearest(self, vector: Vectors, limit: int, wanted: int) -> Found | None:
        """What Chroma finds; None if it cannot be asked, or has fewer vectors than ``wanted``."""
        import numpy as np

        if self._collection is None and not self._url:
            if time.monotonic() < self._look_at:
                return None
            self._look_at = time.monotonic() + LOOK_AGAIN
        try:
            with no_panic():
                collection = self._readable(self._mirrored)
                if collection is None or (total := self._known_total(collection)) < wanted:
                    return None
                rows = collection.query(
                    query_embeddings=[vector], n_results=min(limit, total), include=["distances"]
                )
        except Exception as error:
            if not self._is_lost(error):
                if self._url:
                    raise
                self._close()  # locked, or the disk is full
            return None
        numbers = np.array([int(name) for name in rows["ids"][0]], np.int64)
        return numbers, 1 - np.array(rows["distances"][0], np.float32)

    @_alone
    def missing(self) -> int:
        """How many papers have no vector of their present text."""
        import numpy as np

        return int(np.count_nonzero(~self._mapped().has(self._log.paper_seqs())))

    def _known_total(self, collection: Any) -> int:
        """How many vectors Chroma has. Counting takes it longer than finding the nearest, so it
        is asked once after each change."""
        key = (id(collection), self._generation, self._mirrored)
        if self._counted[0] != key:
            self._counted = key, int(collection.count())
        return self._counted[1]

    @_alone
    def rows(self, seqs: NDArray[np.int64]) -> tuple[Vectors, NDArray[np.bool_]]:
        """Vectors by number, (seqs, dimensions), and which are there, as the last search saw it."""
        return (self._mapped() if self._mirror is None else self._mirror).take(seqs)

    @_alone
    def vectors(self, papers: Sequence[Paper]) -> dict[str, Vectors]:
        """Stored vectors by paper id; papers without one of their present text are left out."""
        import numpy as np

        rows, there = self._mapped().take(np.array([paper.seq for paper in papers], np.int64))
        return {paper.id: rows[i] for i, paper in enumerate(papers) if there[i]}

    @_alone
    def close(self) -> None:
        """Lets go of Chroma's files; the next use opens them again."""
        self._close()
        if self._mirror is not None:
            self._mirror.close()
            self._mirrored = -1

    # ------------------------------------------------------------- collections

    @_alone
    def prune(self, keep: Sequence[str]) -> list[str]:
        """Deletes the collections of this library's other embedders; their fingerprints. The
        caller holds the writer's lock."""
        dropped = []
        self._writable()
        for other in sorted(set(self._log.counts()) - set(keep) - {self.fingerprint}):
            index = VectorIndex(self._path, self._log, other, url=self._url, token=self._token)
            for name in (index._name(), _FIRST_COLLECTION):
                found = self._named(name)
                if found is not None and (found.metadata or {}).get("fingerprint") == other:
                    self._client.delete_collection(name)
            index._mapped().drop()
            index._writing.clear()
            self._log.forget_all(other)
            dropped.append(other)
        return dropped

    def _name(self) -> str:
        if self._url:  # several libraries may share a server
            return f"curator-{self._log.library_number():x}-{self._key}"
        return f"papers-{self._key}"

    def _named(self, name: str) -> Any | None:
        try:
            return self._client.get_collection(name, embedding_function=None)
        except Exception as error:
            if not is_gone(error):
                raise
            return None

    # ------------------------------------------------------------------ files

    def _mapped(self) -> Mirror:
        """The mirror, as other processes have left it."""
        generation = self._log.generation()
        if self._mirror is None:
            from curator.index.mirror import Mirror

            self._mirror = Mirror(self._mirrors / self._key)
        if generation != self._mirrored:
            self._mirror.refresh()
            self._mirrored = generation
        return self._mirror

    def _readable(self, known: int | None = None) -> Any | None:
        """The collection, if there is one. A client in this process never sees the vectors that
        others add (FACTS): it is opened anew after many; a server has no such trouble."""
        generation = self._log.generation() if known is None else known
        if self._collection is not None and generation != self._generation:
            if self._url:
                self._generation = generation
            elif (
                self._place.now != self._opened
                or not self._opened.exists()
                or len(self._mapped().newer_than(self._generation)) > REOPEN_AFTER
            ):
                self._close()
        if self._collection is None:
            self._generation = generation
            there = self._url or (self._place.now / "chroma.sqlite3").exists()
            if not there or self._writing.left():
                return None
            self._client = self._open()
            self._collection = self._named(self._name())
        return self._collection

    def _writable(self) -> Any:
        """The collection as it is now, made if there is none."""
        generation = self._log.generation()
        # What was damaged may have been mended by another process since.
        damaged = self._writing.left() or (self._damaged and generation == self._generation)
        self._damaged = False
        if self._collection is None or damaged or generation != self._generation:
            self._collection = self._connect(damaged=damaged)
            self._generation = generation
        return self._collection

    def _connect(self, *, damaged: bool) -> Any:
        """Opens Chroma to write. What cannot be opened is deleted: first this collection, then
        all; the vectors are in the mirrors, or are made again."""
        for attempt in range(1 if damaged else 0, 3):
            try:
                with no_panic():
                    return self._connected(attempt)
            except Exception as error:
                if self._url or attempt == 2 or is_storage(error):
                    raise
        raise AssertionError

    def _connected(self, attempt: int) -> Any:
        self._close()
        if attempt == 2:
            self._place.renew()
        self._client = self._open()
        if attempt == 1:
            with suppress(Exception):
                self._client.delete_collection(self._name())
        collection = self._client.get_or_create_collection(
            self._name(),
            metadata={"fingerprint": self.fingerprint},
            configuration={"hnsw": HNSW},
            embedding_function=None,
        )
        collection.count()
        return collection

    def _is_lost(self, error: Exception) -> bool:
        """Whether an error says that what was opened is there no more, or is damaged. Then it is
        closed, and opened or made anew when it is next needed."""
        gone = is_gone(error)
        if isinstance(error, CuratorError) or is_storage(error) or (self._url and not gone):
            return False
        # What others have deleted or made anew fails in many ways.
        self._damaged = not gone and self._log.generation() == self._generation
        self._close()
        return True

    def _open(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        if not self._url:
            self._opened = self._place.now
            self._opened.mkdir(parents=True, exist_ok=True)
            return chromadb.PersistentClient(path=str(self._opened), settings=settings)
        address = answering(self._url, self._token)
        client = chromadb.HttpClient(
            host=address.host,
            port=address.port,
            ssl=address.secure,
            headers={"Authorization": f"Bearer {self._token}"} if self._token else None,
            settings=settings,
        )
        client._server._session.timeout = ANSWER_SECONDS  # type: ignore[attr-defined]
        return client

    def _close(self) -> None:
        """Chroma keeps what it opened for a path, broken or deleted, and hands it out again,
        also when there is no collection to show for it."""
        if self._url and self._client is not None:
            for client in (self._client, self._client._admin_client):
                client._server._session.close()
        self._collection = self._client = None
        if "chromadb" in sys.modules:
            from chromadb.api.shared_system_client import SharedSystemClient

            SharedSystemClient.clear_system_cache()

    def _trouble(self, error: Exception) -> Exception:
        return server_failed(self._url, error) if self._url else folder_failed(self._path, error)
