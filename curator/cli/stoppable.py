"""Work that Ctrl-C leaves behind at once.

LangGraph runs the nodes of a graph whose events are followed in threads of its own, and on
Ctrl-C waits for them: for a model's whole call. So at the terminal an answer is made in a thread,
its events are shown by the main one, and Ctrl-C only leaves; what was left stops at its next
event, before it has changed the conversation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curator.answers import Answer

__all__ = ["Stoppable"]

Event = dict[str, Any]

# So often the main thread looks up: on Windows nothing interrupts a thread that waits.
_LOOK_UP = 0.2


class _Left(BaseException):  # no handler of errors on its way may take it for one
    pass


class Stoppable:
    """Begins ``work`` in a thread; it gets a function to hand its events to."""

    def __init__(self, work: Callable[[Callable[[Event], None]], Answer]) -> None:
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._left = threading.Event()
        self._answer: Answer | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[Callable[[Event], None]], Answer]) -> None:
        try:
            self._answer = work(self._take)
        except BaseException as error:  # noqa: BLE001 - raised again by who follows
            self._error = error
        self._events.put(None)

    def _take(self, event: Event) -> None:
        if self._left.is_set():
            raise _Left
        self._events.put(event)

    def follow(self, on_event: Callable[[Event], None]) -> Answer:
        """Hands each event on as it comes, and gives the answer.

        Raises:
            KeyboardInterrupt: Ctrl-C; the work goes on to its next event and ends there.
            BaseException: whatever the work raised.
        """
        try:
            while True:
                try:
                    event = self._events.get(timeout=_LOOK_UP)
                except Empty:
                    continue
                if event is None:
                    break
                on_event(event)
        except BaseException:
            self._left.set()
            raise
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer

    def done(self, seconds: float | None) -> bool:
        """Waits so long (None: as long as it takes) for its end; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()
