"""Answers for many people at once, each as a stream of events in an event loop.

The answer is made in a thread; its events are handed over as they come. Who leaves (the stream
is closed) frees the place: one that waits at once, one that is answered at the model's next word.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from curator.errors import UsageError
from curator.serving.queue import FairQueue, Ticket

if TYPE_CHECKING:
    from curator.catalog import Filters
    from curator.library import Library
    from graphs.state import Turn

__all__ = ["LONGEST", "Answering"]

Event = dict[str, Any]

THREADS = 32  # those of readers who left may wait for a server's answer for long
LONGEST = 2_000  # characters of a question; the local model's context is what bounds it


class _Left(BaseException):  # no handler of errors on its way may take it for one
    pass


class Answering:
    """Asks ``library`` for everybody who waits in ``queue``. ``one_model``: it is in this process,
    so a place is free only once the model has let go."""

    def __init__(self, library: Library, queue: FairQueue, *, one_model: bool = True) -> None:
        self._library = library
        self.queue = queue
        self._one_model = one_model
        # Threads of its own: those that serve pages are never all taken by answers.
        self._threads = ThreadPoolExecutor(THREADS, "answer")
        self._talking: set[str] = set()

    async def ask(
        self,
        client: str,
        question: str,
        filters: Filters | None = None,
        *,
        thread: str | None = None,
        again: bool = False,
        turns: Sequence[Turn] = (),
    ) -> AsyncGenerator[Event]:
        """The events of one answer: ``{"event": "queued", "position": n}`` while others are
        served before, ``{"event": "started"}``, those of the graph (``retrieved``, ``evidence``,
        ``writing``, ``sentence``, ``refused``, ``abstained``, …), at last ``{"event": "answer",
        "answer": Answer}``. With ``thread``, it is the next turn of that conversation, and is
        written down there; ``again``: it is that conversation's last question, and this answer
        takes the place of the stored one, once there is one. With ``turns``, it is the next of
        one that the client keeps.

        Close the stream (``aclose``, or by cancelling who reads it) to stop it.

        Raises:
            Busy: too many wait already.
            UsageError: there is no question, it is too long, or the conversation is being
                answered already.
            MissingError: weights, key or server are missing.
            BudgetExhausted: the server's budget is used up.
        """
        question = asked(question)
        if thread is not None and thread in self._talking:
            raise UsageError(
                "This conversation is being answered.", remedy="Wait for its end, or stop it."
            )
        ticket = self.queue.enter(client)
        if thread is not None:
            self._talking.add(thread)
        # A call to a server cannot be taken back, but another one need not wait for it.
        freed = None if self._one_model else ticket.leave
        work = _Work(lambda: self._done(ticket, thread), freed)
        try:
            async for position in ticket.positions():
                yield {"event": "queued", "position": position}
            yield {"event": "started"}
            given = _Given(question, filters, thread, again, turns)
            work.begin(self._threads, lambda: self._answer(work, given))
            while (event := await work.events.get()) is not None:
                yield event
            if work.error is not None:
                raise work.error
        finally:
            work.leave()

    def talking(self, thread: str) -> bool:
        """Whether a conversation is being answered, or the model has not let go of it yet."""
        return thread in self._talking

    def _answer(self, work: _Work, given: _Given) -> None:
        """Runs in a thread."""
        evidence: list[Any] = []
        thread, turns = given.thread, given.turns
        if given.again and thread is not None:
            turns = self._without_last(thread, given.question)

        def on_event(event: Event) -> None:
            if work.left.is_set():
                raise _Left
            if event["event"] == "evidence":
                evidence[:] = event["evidence"]
            work.tell(event)

        answer = self._library.ask(
            given.question,
            given.filters,
            on_event=on_event,
            thread=None if given.again else thread,
            turns=turns,
            left=work.left,
        )
        if thread is not None:
            where = str(given.filters.expression) if given.filters else ""
            threads = self._library.threads
            write = threads.replace_last if given.again else threads.record
            write(thread, answer, evidence, where)
        work.tell({"event": "answer", "answer": answer})

    def _without_last(self, thread: str, question: str) -> list[Turn]:
        """The turns of a conversation before its last question.

        Raises:
            UsageError: the last question is another one.
        """
        threads = self._library.threads
        last = next(iter(threads.said(thread, 1)), None)
        if last is None or last.question != question:
            raise UsageError(
                "Something else was asked here meanwhile.", remedy="Load the page again."
            )
        turns = [cast("Turn", turn) for turn in threads.turns(thread)]
        # A question that was not answered has left no turn.
        if turns and turns[-1]["question"] == question and not last.answer["abstained"]:
            turns = turns[:-1]
        return turns

    def _done(self, ticket: Ticket, thread: str | None) -> None:
        ticket.leave()
        if thread is not None:
            self._talking.discard(thread)

    def close(self) -> None:
        """Takes no more; what is being answered ends at its next word if its reader left."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class _Given:
    """What is asked."""

    question: str
    filters: Filters | None
    thread: str | None
    again: bool
    turns: Sequence[Turn]


class _Work:
    """One answer between the loop and its thread; ``done`` is called in the loop, once, when
    neither needs its place any more; ``left``, where given, as soon as nobody reads on."""

    def __init__(self, done: Callable[[], None], left: Callable[[], None] | None = None) -> None:
        self._done = done
        self._when_left = left
        self._loop = asyncio.get_running_loop()
        self._running = False
        self.left = threading.Event()
        self.events: asyncio.Queue[Event | None] = asyncio.Queue()
        self.error: BaseException | None = None

    def begin(self, threads: Executor, work: Callable[[], None]) -> None:
        """Does the work in a thread."""
        threads.submit(self._run, work)
        self._running = True

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except _Left:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by who reads the stream
            self.error = error
        self._hand_over(self._ended)

    def tell(self, event: Event) -> None:
        self._hand_over(lambda: self.events.put_nowait(event))

    def _hand_over(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the loop is closed: the server has ended
            self.left.set()

    def _ended(self) -> None:
        self._running = False
        self.events.put_nowait(None)
        self._done()

    def leave(self) -> None:
        """Nobody reads on. The place is free once the thread has let go of the model."""
        self.left.set()
        if not self._running:
            self._done()
        elif self._when_left is not None:
            self._when_left()


def asked(question: str) -> str:
    """A question as it is put, without what is around it.

    Raises:
        UsageError: there is none, or it is too long.
    """
    question = question.strip()
    if not question:
        raise UsageError("There is no question.", remedy="Ask one.")
    if len(question) > LONGEST:
        raise UsageError(
            f"The question has {len(question):,} characters.",
            remedy=f"Ask it in {LONGEST:,} or fewer.",
        )
    return question
