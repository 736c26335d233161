"""Keeping the derived indexes up to the catalog: words at once, vectors as they are made."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import TYPE_CHECKING

from curator.catalog import Catalog
from curator.embedding import Embedder
from curator.embedding.bulk import TICK, Callers, Made, embed_pages
from curator.errors import ModelError, StorageError
from curator.index.lexical import LexicalIndex
from curator.index.vectors import VectorIndex
from curator.paper import Paper

if TYPE_CHECKING:
    from curator.embedding.base import Vectors

__all__ = ["sync_vectors", "sync_words"]

PAGE = 1024  # papers that are read, and whose texts are sorted by length, at a time
# What is made is stored after so many seconds or papers: so much a kill can lose.
STORE_SECONDS = 5.0
STORE_PAPERS = 512
MOST_WAITING = 16_384  # papers that wait to be stored, while another process writes
# With more than these to embed a process waits for its turn: two at it at once would do the same
# work twice, and neither would be done sooner.
FEW = 128
PATIENCE = 10.0  # seconds for storing the last, after Ctrl-C

Lock = Callable[[], AbstractContextManager[None]]
Progress = Callable[[int, int], None]


def sync_words(
    lexical: LexicalIndex,
    lock: Lock,
    *,
    rebuild: bool = False,
    notify: Callable[[int], None] | None = None,
) -> int:
    """Adds what the word index lacks; the number of papers written. A killed process leaves
    an index that this mends."""
    if not rebuild and not lexical.behind():
        return 0
    with lock():
        return lexical.sync(rebuild=rebuild, notify=notify)


def sync_vectors(
    catalog: Catalog,
    vectors: VectorIndex,
    embedder: Embedder,
    lock: Lock,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
) -> int:
    """Embeds what is missing, newest papers first; the number of papers embedded.

    The lock is held only while vectors are stored, so that others can write in between; papers
    that come in meanwhile are embedded, too. One process at a time embeds many papers; a second
    one waits for its end, and takes over if it dies. ``progress`` is told at least each second
    how many are done, of how many; ``notify`` what a person should know.

    Raises:
        ModelError: the model fails time after time. What was made until then is stored.
        CuratorError: no server, no weights, no device; or the index cannot be written.
    """
    with lock():
        vectors.heal()
    return _VectorSync(catalog, vectors, embedder, lock, progress, notify).run()


class _VectorSync:
    def __init__(
        self,
        catalog: Catalog,
        vectors: VectorIndex,
        embedder: Embedder,
        lock: Lock,
        progress: Progress | None,
        notify: Callable[[str], None] | None,
    ) -> None:
        self._catalog = catalog
        self._vectors = vectors
        self._embedder = embedder
        self._lock = lock
        self._progress = progress or (lambda _done, _of: None)
        self._notify = notify or (lambda _: None)
        self._done = self._total = 0
        self._failed: list[tuple[Paper, ModelError]] = []

    def run(self) -> int:
        seen = self._catalog.papers.last_seq()
        todo = self._missing()
        self._total = len(todo)
        if len(todo) <= FEW:
            return self._embed(todo, seen)
        with self._turn():
            seen = self._catalog.papers.last_seq()
            todo = self._missing()
            self._total = self._done + len(todo)
            return self._embed(todo, seen)

    def _missing(self, after: int = -1) -> array[int]:
        return self._catalog.vectors.missing_seqs(self._vectors.fingerprint, after)

    def _embed(self, todo: array[int], seen: int) -> int:
        writer = _Writer(self._store, self._tick)
        pages = self._pages(todo, max(seen, max(todo, default=-1)))
        patience = PATIENCE
        try:
            with closing(embed_pages(self._embedder, pages, lambda: self._tick(writer))) as stream:
                for made in stream:
                    self._failed += made.failed
                    self._done += len(made.papers) + len(made.failed)
                    writer.put(made)
                    self._tick(writer)
            patience = float("inf")
        except Exception:
            patience = float("inf")
            raise
        finally:
            writer.close(patience)
        self._tell_failed()
        return writer.stored

    def _pages(self, todo: array[int], seen: int) -> Iterator[list[Paper]]:
        """Papers to embed; also those that come in while others are embedded, which are later
        than ``seen``."""
        while True:
            newest = self._catalog.papers.last_seq()
            if newest > seen:
                came = self._missing(after=seen)
                self._total += len(came)
                todo, seen = came + todo, max(newest, max(came, default=-1))
            if not todo:
                return
            page, todo = todo[:PAGE], todo[PAGE:]
            papers = self._catalog.vectors.missing_among(self._vectors.fingerprint, page)
            self._done += len(page) - len(papers)  # by others, or joined, or changed since
            yield papers

    def _store(self, made: list[Made]) -> int:
        """Stores vectors, but of papers that were joined, changed or embedded by others since
        they were read; how many."""
        import numpy as np

        papers = [paper for one in made for paper in one.papers]
        rows: Vectors = np.concatenate([one.rows for one in made if one.rows is not None])
        log = self._catalog.vectors
        with self._lock():
            due = log.missing_among(self._vectors.fingerprint, [paper.seq for paper in papers])
            wanted = {paper.seq for paper in due}
            kept = [i for i, paper in enumerate(papers) if paper.seq in wanted]
            if kept:
                self._vectors.add([papers[i] for i in kept], rows[kept])
        return len(kept)

    def _tick(self, writer: _Writer | None = None) -> None:
        if writer is not None:
            writer.tick()
        if self._total:
            self._progress(min(self._done, self._total), self._total)

    def _tell_failed(self) -> None:
        if not self._failed:
            return
        paper, error = self._failed[0]
        others = f" and {len(self._failed) - 1} more" if len(self._failed) > 1 else ""
        self._notify(
            f"No vector could be made of {paper.title[:80]!r} ({paper.id}){others}: "
            f"{error.message} They are found by their words; `curator index` tries again."
        )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Holds the lock of those who embed many papers."""
        from filelock import FileLock, Timeout

        path = self._catalog.store.path.with_name("embed.lock")
        lock = FileLock(path)
        told = False
        while True:
            try:
                lock.acquire(timeout=2 * TICK)
                break
            except Timeout:
                if not told:
                    told = True
                    self._notify(
                        "Another curator process is making the vectors; waiting for it ..."
                    )
                missing = self._catalog.vectors.missing_count(self._vectors.fingerprint)
                self._done = max(0, self._total - missing)
                self._tick()
            except OSError as error:
                raise StorageError(
                    f"The lock file {str(path)!r} cannot be made ({error.strerror or error}).",
                    remedy="Make the folder writable, or choose another with --home DIR.",
                ) from error
        try:
            yield
        finally:
            lock.release()


class _Writer:
    """Stores vectors in a thread of its own, some seconds' worth at a time, so that embedding
    never waits for the disk or for another process that writes."""

    def __init__(self, store: Callable[[list[Made]], int], tick: Callable[[], None]) -> None:
        self._callers: Callers[list[Made], int] = Callers(store, 1, "store")
        self._tick = tick
        self._made: list[Made] = []
        self._size = 0
        self._waiting = 0
        self._since = time.monotonic()
        self._broken = False
        self.stored = 0

    def put(self, made: Made) -> None:
        """Raises what storing raised."""
        if made.papers:
            self._made.append(made)
            self._size += len(made.papers)
        self.tick()
        while self._waiting > MOST_WAITING:
            self._take(TICK)
            self._tick()

    def tick(self) -> None:
        """Stores what has waited long enough."""
        self._take(0)
        if self._size >= STORE_PAPERS or time.monotonic() - self._since >= STORE_SECONDS:
            self._hand_over()

    def close(self, patience: float) -> None:
        """Stores the rest; waits so many seconds for that at most."""
        until = time.monotonic() + patience
        try:
            if not self._broken:
                self._hand_over()
            while not self._broken and self._callers.under_way and time.monotonic() < until:
                self._take(TICK)
                self._tick()
        finally:
            self._callers.close()

    def _hand_over(self) -> None:
        self._since = time.monotonic()
        if self._made:
            self._callers.put(self._made)
            self._waiting += self._size
            self._made, self._size = [], 0

    def _take(self, timeout: float) -> None:
        done = self._callers.get(timeout)
        if done is None:
            return
        self._waiting -= sum(len(made.papers) for made in done.task)
        if done.error is not None:
            self._broken = True
            raise done.error
        self.stored += done.result or 0
