"""How many requests a server is sent at once: all who ask it slow down together.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain 1989): each answer lets a
little more through, a refusal (HTTP 429 or 503) half as much. Until the moment that the server
named in ``Retry-After`` nobody asks it anything; where it names none, the pauses double.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from threading import Condition, Event

from curator.errors import ServerUnavailable

__all__ = ["CROWDED", "IN_BATCH", "NO_MONEY", "Pressure", "backoff", "may_pass", "pause_asked"]

# HTTP statuses that say: not so much at once.
CROWDED = (429, 503)
# The code of the 429 that no waiting helps against.
NO_MONEY = "insufficient_quota"

# The first pause where the server names none, and the longest, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
# So many refusals in a row, and the pause that the server names is taken as it is.
BELIEVED = 4


# Set where this is work on many papers, which can wait, unlike somebody at a terminal. The event
# says that nobody wants the work any more.
IN_BATCH: ContextVar[Event | None] = ContextVar("IN_BATCH", default=None)
# How soon who waits for a turn hears of that, in seconds.
_LISTENS = 0.2


class Pressure:
    """How much of the ``most`` requests may be under way, shared by all threads.

    Who asks calls ``begin`` and then, whatever happens, one of ``answered``, ``refused`` and
    ``failed``. ``patience`` is how long a server may refuse everything, in seconds, before a
    batch gives up.
    """

    def __init__(
        self, most: int, *, patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._limit = most, float(most)
        self._patience, self._clock = patience, clock
        self._changed = Condition()
        self._under_way = 0
        self._decreases = 0
        self._in_a_row = 0
        self._resume = -math.inf
        self._refusing_since = math.inf

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        return int(self._limit)

    def begin(self) -> int:
        """Waits until one more request may start; gives the ticket to hand to ``refused``.

        Raises:
            ServerUnavailable: the batch was stopped meanwhile.
        """
        stopped = IN_BATCH.get()
        with self._changed:
            while (pause := self._resume - self._clock()) > 0 or self._under_way >= self.limit:
                if stopped is not None and stopped.is_set():
                    raise ServerUnavailable("The work was stopped while the server was busy.")
                self._changed.wait(min(pause, _LISTENS) if pause > 0 else _LISTENS)
            self._under_way += 1
            return self._decreases

    def answered(self) -> None:
        """Notes that the server took a request."""
        with self._changed:
            self._limit = min(self._most, self._limit + 1 / self._limit)
            self._in_a_row, self._refusing_since = 0, math.inf
            self._end()

    def failed(self) -> None:
        """Notes that a request ended in a way that says nothing about the load."""
        with self._changed:
            self._end()

    def refused(self, ticket: int, wait: float | None, *, last: bool) -> bool:
        """Notes that the server refused a request and asked for a pause of ``wait`` seconds
        (None: it did not say). Says whether to ask again.

        ``last`` says that the retries of this request are used up. In a batch it still goes on,
        as long as the patience lasts.
        """
        with self._changed:
            now = self._clock()
            self._refusing_since = min(self._refusing_since, now)
            pause = wait or 0.0
            # Requests sent before the limit was last lowered tell nothing new: one burst that is
            # refused lowers it once.
            if ticket == self._decreases:
                self._decreases += 1
                self._limit = max(1.0, self._limit / 2)
                # Some servers name a moment that is too near, again and again.
                if wait is None:
                    pause = backoff(self._in_a_row)
                elif self._in_a_row >= BELIEVED:
                    pause = max(pause, backoff(self._in_a_row - BELIEVED))
                self._in_a_row += 1
            if hopeful := pause <= self._patience:
                self._resume = max(self._resume, now + pause)
                in_time = self._resume - self._refusing_since <= self._patience
                hopeful = not last or (IN_BATCH.get() is not None and in_time)
            self._end()
            return hopeful

    def _end(self) -> None:
        self._under_way -= 1
        self._changed.notify_all()


def backoff(before: int) -> float:
    """How long to pause after so many failures in a row, in seconds, with a jitter of a quarter."""
    longest: float = min(FIRST_PAUSE * 2 ** min(before, 10), LONGEST_PAUSE)
    return longest * (1 - random.random() / 4)


def may_pass(status: int, code: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a request that failed with this HTTP status and error code may succeed later."""
    told = headers.get("x-should-retry")  # the server of OpenAI sometimes knows
    if told in ("true", "false"):
        return told == "true"
    return (status in (408, 409, 429) or status >= 500) and code != NO_MONEY


def pause_asked(headers: Mapping[str, str]) -> float | None:
    """The pause that a server asks for, in seconds; None if it names none.

    ``retry-after-ms`` is OpenAI's own; ``Retry-After`` has seconds or a date.
    """
    from curator.fetch.failures import retry_after

    pause: float | None = None
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        with suppress(ValueError):
            pause = float(headers.get(name, "")) / unit
            break
    else:
        pause = retry_after(headers, time.time())
    return pause if pause is not None and 0 < pause < math.inf else None
