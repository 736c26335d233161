"""How much one client, and all of them together, may ask for.

Clients are counted by the address they come from. All tables are bounded: what is dropped from
them is what was not seen for longest.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from curator.serving import Busy

__all__ = ["Buckets", "Full", "Limits", "Underway"]


@dataclass(frozen=True)
class Limits:
    """What a server bears.

    ``body`` and ``upload`` (the paths below ``/api/upload``) are bytes of a request's body, which
    must have come whole after ``body_seconds`` seconds. Within ``window`` seconds a client may
    send ``requests``, ``model_requests`` of those that start a model, and ``guesses`` wrong
    tokens; all clients together may send ``all_guesses`` wrong ones before each login is slowed
    down by ``guess_delay`` seconds. ``connections`` requests of a client may be under way, and
    ``all_connections`` of all.
    """

    body: int = 1 << 20
    upload: int = 20 << 20
    body_seconds: float = 120.0
    window: float = 10.0
    requests: int = 200
    model_requests: int = 20
    guesses: int = 5
    all_guesses: int = 100
    guess_delay: float = 1.0
    connections: int = 32
    all_connections: int = 256
    clients: int = 10_000  # of how many the counts are kept


class Buckets:
    """Token buckets: each client's holds ``size`` and is full again after ``seconds``."""

    def __init__(
        self,
        size: int,
        seconds: float,
        *,
        most: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._size, self._rate = size, size / seconds
        self._most, self._clock = most, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def wait(self, client: str) -> float:
        """Seconds until this client may take one; 0: it may now."""
        return max(0.0, (1 - self._now(client)) / self._rate)

    def take(self, client: str) -> float:
        """Takes one if there is one; else the seconds until there is, always more than 0."""
        left = self._now(client)
        if left < 1:
            return (1 - left) / self._rate
        self._left[client] = (left - 1, self._clock())
        self._left.move_to_end(client)
        while len(self._left) > self._most:
            self._left.popitem(last=False)
        return 0.0

    def _now(self, client: str) -> float:
        left, then = self._left.get(client, (float(self._size), self._clock()))
        return min(float(self._size), left + (self._clock() - then) * self._rate)


class Full(Busy):
    """As much is under way as the server bears."""

    wait = 2


class Underway:
    """What is under way, of each client and in all."""

    def __init__(self, per_client: int, in_all: int) -> None:
        self._per_client, self._in_all = per_client, in_all
        self._counts: dict[str, int] = {}  # bounded by ``in_all``

    @property
    def count(self) -> int:
        """How many are under way."""
        return sum(self._counts.values())

    @contextmanager
    def one(self, client: str) -> Iterator[None]:
        """While one more of ``client`` is under way.

        Raises:
            Full: there are as many as may be.
        """
        if self.count >= self._in_all:
            raise Full("The server is busy with others.", remedy="Try again in a moment.")
        if self._counts.get(client, 0) >= self._per_client:
            raise Full(
                f"{self._per_client} of your requests are under way already.",
                remedy="Wait for one of them to end, or close a page.",
            )
        self._counts[client] = self._counts.get(client, 0) + 1
        try:
            yield
        finally:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]
