"""Embedding very many papers: several calls at once, in an order that keeps the pace even, and
without one bad text ending it all."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from curator.batches import batched
from curator.embedding.base import Embedder, bulk_of, embedding_text
from curator.errors import ModelError
from curator.paper import Paper

if TYPE_CHECKING:
    from curator.embedding.base import Vectors

T = TypeVar("T")
R = TypeVar("R")

__all__ = ["TICK", "Callers", "Made", "embed_pages"]

TICK = 0.5  # seconds after which whoever waits is told that time passes
AHEAD = 4  # calls that lie ready, so that no thread waits for the next
# So many failures in a row, without a success between, and it is not the texts. One that may
# pass by itself (a rate limit, a timeout) has been tried several times, and counts twice.
PATIENCE = 8
_GOLDEN = 0.6180339887498949

Part = list[tuple[str, Paper]]


@dataclass(frozen=True)
class Made:
    """Papers with their vectors (shape (papers, dimensions)), and those that have none."""

    papers: list[Paper]
    rows: Vectors | None
    failed: list[tuple[Paper, ModelError]] = field(default_factory=list)


@dataclass(frozen=True)
class Done(Generic[T, R]):
    """What became of one call."""

    task: T
    result: R | None = None
    error: BaseException | None = None


class Callers(Generic[T, R]):
    """A function that is called in ``count`` threads. They are daemons: a server that does not
    answer does not keep the program from ending. After an error no more calls are begun."""

    def __init__(self, function: Callable[[T], R], count: int, name: str) -> None:
        self._function = function
        self._tasks: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Done[T, R]] = queue.SimpleQueue()
        self._count = count
        self._error: BaseException | None = None
        self.under_way = 0
        for _ in range(count):
            threading.Thread(target=self._work, name=name, daemon=True).start()

    def put(self, task: T) -> None:
        self.under_way += 1
        self._tasks.put(task)

    def get(self, timeout: float) -> Done[T, R] | None:
        """The next call that has ended; None if none does in so many seconds."""
        try:
            done = self._done.get(timeout=timeout) if timeout else self._done.get_nowait()
        except queue.Empty:
            return None
        self.under_way -= 1
        return done

    def clear(self) -> None:
        """Takes back what was not begun."""
        with suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
                self.under_way -= 1

    def close(self) -> None:
        """Lets the threads end."""
        self.clear()
        for _ in range(self._count):
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            self._done.put(self._attempt(task))

    def _attempt(self, task: T) -> Done[T, R]:
        if self._error is not None:
            return Done(task, error=self._error)
        try:
            return Done(task, self._function(task))
        except BaseException as error:  # noqa: BLE001 - raised by who takes it
            self._error = error
            return Done(task, error=error)


def embed_pages(
    embedder: Embedder, pages: Iterable[Sequence[Paper]], tick: Callable[[], None]
) -> Generator[Made, None, None]:
    """Vectors of papers, page by page, in parts of texts of like length, as they are ready.

    ``tick`` is called at least every `TICK` seconds. A text that cannot be embedded costs its
    own paper only. What ends everything (an error of another kind, Ctrl-C) is raised once the
    calls under way have ended and have been handed out; a second Ctrl-C at once.

    Raises:
        ModelError: too many calls in a row have failed.
        CuratorError: no server, no weights, no device.
    """
    bulk = bulk_of(embedder)
    callers = Callers(_Embedding(embedder).made, bulk.calls, "embed")
    parts = (part for page in pages for part in _parts(page, bulk.texts))
    stop: BaseException | None = None
    try:
        while True:
            done = None
            try:
                while stop is None and callers.under_way < bulk.calls + AHEAD:
                    if (part := next(parts, None)) is None:
                        break
                    callers.put(part)
                if not callers.under_way:
                    break
                done = callers.get(TICK)
                tick()
            except BaseException as error:
                if stop is not None:
                    raise
                stop = error
                callers.clear()
            if done is not None and done.error is not None:
                stop = stop or done.error
                callers.clear()
            elif done is not None and done.result is not None:
                yield done.result
    finally:
        callers.close()
    if stop is not None:
        raise stop


def _parts(page: Sequence[Paper], size: int) -> Iterator[Part]:
    """Texts of like length together, since what is computed at once is as long as the longest;
    short and long parts in turn, so that the time left can be told from the pace."""
    texts = sorted(((embedding_text(p), p) for p in page), key=lambda pair: len(pair[0]))
    parts = list(batched(texts, size))
    yield from (parts[i] for i in sorted(range(len(parts)), key=lambda i: i * _GOLDEN % 1))


class _Embedding:
    """Embeds parts; where one is refused, its texts one by one."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._failures = 0
        self._lock = threading.Lock()

    def made(self, part: Part) -> Made:
        papers = [paper for _, paper in part]
        try:
            rows = self._embedder.embed([text for text, _ in part])
        except ModelError as error:
            self._failed(error)
            return self._one_by_one(part, error)
        self._failures = 0
        return Made(papers, rows)

    def _one_by_one(self, part: Part, error: ModelError) -> Made:
        import numpy as np

        papers: list[Paper] = []
        rows: list[Vectors] = []
        failed: list[tuple[Paper, ModelError]] = []
        for text, paper in part:
            try:
                if len(part) > 1:
                    rows.append(self._embedder.embed([text]))
                else:
                    raise error
            except ModelError as trouble:
                if len(part) > 1:
                    self._failed(trouble)
                failed.append((paper, trouble))
            else:
                self._failures = 0
                papers.append(paper)
        return Made(papers, np.concatenate(rows) if rows else None, failed)

    def _failed(self, error: ModelError) -> None:
        with self._lock:
            self._failures += 2 if error.retryable else 1
            if self._failures >= PATIENCE:
                raise error
