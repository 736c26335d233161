"""Work on many papers: one that fails costs itself only, what is done is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from threading import Event
from typing import Generic, TypeVar

from curator.errors import ModelError
from curator.llm.pressure import IN_BATCH

T = TypeVar("T")
R = TypeVar("R")

__all__ = ["Outcome", "run_batch"]


@dataclass(frozen=True)
class Outcome(Generic[T, R]):
    """What became of one item: a result, or the reason why there is none."""

    item: T
    result: R | None
    error: ModelError | None = None


def run_batch(
    items: Iterable[T], work: Callable[[T], R], *, workers: int = 1
) -> Iterator[Outcome[T, R]]:
    """Outcomes as they are ready. An item's ModelError is its outcome.

    Any other error (no server, no weights, budget used up) ends the batch: it is raised once
    the items under way are done and handed out. Items not begun are not begun.
    """
    stopped = Event()
    if workers <= 1:
        for item in items:
            yield _attempt(item, work, stopped)
        return
    stream = iter(items)
    fatal: BaseException | None = None
    with ThreadPoolExecutor(workers) as pool:
        running: set[Future[Outcome[T, R]]] = set()
        try:
            while True:
                # Only as many as there are workers: a stop then loses nothing that was queued.
                while fatal is None and len(running) < workers:
                    try:
                        item = next(stream)
                    except StopIteration:
                        break
                    running.add(pool.submit(copy_context().run, _attempt, item, work, stopped))
                if not running:
                    break
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    error = future.exception()
                    if error is None:
                        yield future.result()
                    else:
                        fatal = fatal or error
        except BaseException:
            stopped.set()  # or the pool would wait for those who wait for a busy server
            raise
    if fatal is not None:
        raise fatal


def _attempt(item: T, work: Callable[[T], R], stopped: Event) -> Outcome[T, R]:
    token = IN_BATCH.set(stopped)
    try:
        return Outcome(item, work(item))
    except ModelError as error:
        return Outcome(item, None, error)
    finally:
        IN_BATCH.reset(token)
