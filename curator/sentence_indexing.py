"""Making the vectors of papers' sentences before anybody asks (see `curator.catalog`)."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from curator.batches import batched
from curator.catalog import Catalog
from curator.catalog.store import BUSY_SECONDS
from curator.embedding import Embedder
from curator.embedding.base import bulk_of
from curator.embedding.bulk import AHEAD, PATIENCE, TICK, Callers
from curator.errors import ModelError, StorageError
from curator.evidence import sentence_texts
from curator.locks import free_lock
from curator.paper import Paper

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = ["sync_sentences"]

PAGE = 64  # papers that are read at a time
# What is made is stored after so many seconds or papers: so much a kill can lose.
STORE_SECONDS = 5.0
STORE_PAPERS = 64

Read = tuple[Paper, list[str]]


@dataclass
class _Made:
    """The vectors of some papers' sentences, and what went wrong with the other papers."""

    parts: list[tuple[Paper, list[str], Vectors]] = field(default_factory=list)
    failed: list[ModelError] = field(default_factory=list)


def sync_sentences(
    catalog: Catalog,
    embedder: Embedder,
    newest: int,
    progress: Callable[[int, int], None] | None = None,
    notify: Callable[[str], None] | None = None,
) -> int:
    """Embeds the sentences of those of the ``newest`` papers (all, if negative) for which that
    was not done, newest first; how many papers were stored.

    Killed, it goes on where it stopped. Only one process at a time does this; another one goes
    without. A paper whose sentences cannot be embedded is passed over: a question that needs
    them tries again.

    Raises:
        ModelError: the model fails time after time. What was made until then is stored.
        CuratorError: no server, no weights, no device; or the catalog cannot be written.
    """
    tell = notify or (lambda _: None)
    with free_lock(catalog.store.path.with_name("sentences.lock")) as free:
        if not free:
            tell("Another curator process is making the vectors of sentences; left to it.")
            return 0
        return _SentenceSync(catalog, embedder, progress or (lambda _done, _of: None)).run(newest)


class _SentenceSync:
    def __init__(
        self, catalog: Catalog, embedder: Embedder, progress: Callable[[int, int], None]
    ) -> None:
        self._catalog = catalog
        self._embedder = embedder
        self._progress = progress
        self._waiting: list[tuple[Paper, list[str], Vectors]] = []
        self._since = time.monotonic()
        self._done = self._stored = 0

    def run(self, newest: int) -> int:
        todo = self._catalog.sentences.due(self._embedder.fingerprint, newest)
        bulk = bulk_of(self._embedder)
        callers = Callers(self._made, bulk.calls, "sentences")
        parts = self._parts(todo, bulk.texts)
        failures = 0
        try:
            while True:
                while callers.under_way < bulk.calls + AHEAD:
                    if (part := next(parts, None)) is None:
                        break
                    callers.put(part)
                if not callers.under_way:
                    break
                done = callers.get(TICK)
                if done is not None:
                    if done.error is not None:
                        raise done.error
                    made = done.result or _Made()
                    failures = 0 if made.parts else failures + len(made.failed)
                    self._take(made)
                    if failures >= PATIENCE:
                        raise made.failed[-1]
                self._progress(self._done, len(todo))
            self._store()
        except BaseException:
            callers.close()
            with suppress(StorageError):  # what went wrong first is what is said
                self._store(patience=TICK)
            raise
        callers.close()
        return self._stored

    def _parts(self, todo: array[int], size: int) -> Iterator[list[Read]]:
        """Papers with the texts of their sentences, so many that it is worth a call."""
        part: list[Read] = []
        for page in batched(todo, PAGE):
            found = self._catalog.papers.at(page)
            self._done += len(page) - len(found)  # joined to others or changed since
            for paper in (found[seq] for seq in page if seq in found):
                part.append((paper, sentence_texts(paper)))
                if sum(len(texts) for _, texts in part) >= size:
                    yield part
                    part = []
        if part:
            yield part

    def _made(self, part: Sequence[Read]) -> _Made:
        """A call; where it is refused, one for each paper."""
        try:
            return _Made(self._embedded(part))
        except ModelError as error:
            if len(part) == 1:
                return _Made(failed=[error])
        alone = [self._made([read]) for read in part]
        return _Made(
            [done for one in alone for done in one.parts],
            [error for one in alone for error in one.failed],
        )

    def _embedded(self, part: Sequence[Read]) -> list[tuple[Paper, list[str], Vectors]]:
        import numpy as np

        texts = [text for _, its in part for text in its]
        rows = self._embedder.embed(texts) if texts else np.zeros((0, 0), dtype=np.float32)
        ends = accumulate(len(its) for _, its in part)
        return [
            (paper, its, rows[end - len(its) : end])
            for end, (paper, its) in zip(ends, part, strict=True)
        ]

    def _take(self, made: _Made) -> None:
        self._waiting += made.parts
        self._done += len(made.parts) + len(made.failed)
        late = time.monotonic() - self._since >= STORE_SECONDS
        if late or len(self._waiting) >= STORE_PAPERS:
            self._store()

    def _store(self, patience: float = BUSY_SECONDS) -> None:
        fingerprint = self._embedder.fingerprint
        self._stored += self._catalog.sentences.put(fingerprint, self._waiting, patience)
        self._waiting, self._since = [], time.monotonic()
