"""One model, many people: who is next, and what place everybody else has.

Turns go round among clients: of those who wait, the one who was served longest ago is next, so
that somebody with ten questions does not keep others from their first (round-robin fair queueing,
Nagle 1987). All of this runs in one event loop; no locks are needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from curator.errors import CuratorError

__all__ = ["Busy", "FairQueue", "Ticket"]

MOST = 64  # who waits behind so many would rather be told to come back
PER_CLIENT = 8


class Busy(CuratorError):
    """More wait already than the queue takes; ``wait`` is after how many seconds to try again."""

    exit_code = 3
    retryable = True
    wait = 10


class Ticket:
    """A place in the queue; `FairQueue.enter` gives it, and it must be given back (`leave`)."""

    def __init__(self, queue: FairQueue, client: str) -> None:
        self._queue = queue
        self.client = client
        self.serving = False
        self._changed = asyncio.Event()

    @property
    def position(self) -> int:
        """How many are served before this one, those at it included; 0: it is its turn."""
        return 0 if self.serving else self._queue.position_of(self)

    async def positions(self) -> AsyncIterator[int]:
        """Its position, whenever that changes, until it is its turn; nothing if it is at once."""
        told = 0
        while not self.serving:
            position = self.position
            self._changed.clear()
            if position != told:
                told = position
                yield position
                continue  # it may have changed while somebody was told
            await self._changed.wait()

    def leave(self) -> None:
        """Gives the place back, served or not; a second time it does nothing."""
        self._queue.remove(self)

    def moved(self) -> None:
        self._changed.set()


class FairQueue:
    """``slots`` are served at once. ``most`` may wait, ``per_client`` of one client."""

    def __init__(self, slots: int = 1, *, most: int = MOST, per_client: int = PER_CLIENT) -> None:
        self._slots = slots
        self._most, self._per_client = most, per_client
        self._waiting: list[Ticket] = []
        self._served: list[Ticket] = []
        self._turns: dict[str, int] = {}  # when a client was served last, by a count of turns
        self._count = 0

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    @property
    def serving(self) -> int:
        """How many are being served."""
        return len(self._served)

    def enter(self, client: str) -> Ticket:
        """A place for a client.

        Raises:
            Busy: the queue is full, or this client has too many places in it.
        """
        if len(self._waiting) >= self._most:
            raise Busy(
                f"{len(self._waiting)} questions are waiting already.",
                remedy="Try again in a little while.",
            )
        if sum(t.client == client for t in [*self._waiting, *self._served]) >= self._per_client:
            raise Busy(
                f"{self._per_client} of your questions are waiting already.",
                remedy="Wait for one of them to be answered, or stop it.",
            )
        ticket = Ticket(self, client)
        self._waiting.append(ticket)
        self._go_on()
        return ticket

    def remove(self, ticket: Ticket) -> None:
        for tickets in (self._waiting, self._served):
            if ticket in tickets:
                tickets.remove(ticket)
        ticket.serving = False
        self._go_on()

    def position_of(self, ticket: Ticket) -> int:
        order = self._order()
        return len(self._served) + order.index(ticket) if ticket in order else 0

    def _order(self) -> list[Ticket]:
        """Those who wait, in the order of their turns: each client's first, then the seconds."""
        rounds: dict[str, int] = {}
        keys = {}
        now_served = {ticket.client for ticket in self._served}
        for place, ticket in enumerate(self._waiting):
            # A client that is being served has had its turn of this round.
            number = rounds.get(ticket.client, int(ticket.client in now_served))
            rounds[ticket.client] = number + 1
            keys[ticket] = (number, self._turns.get(ticket.client, 0), place)
        return sorted(self._waiting, key=lambda ticket: keys[ticket])

    def _go_on(self) -> None:
        """Serves who is next while there is a slot, and tells the others."""
        while len(self._served) < self._slots and self._waiting:
            ticket = self._order()[0]
            self._waiting.remove(ticket)
            self._served.append(ticket)
            self._count += 1
            self._turns[ticket.client] = self._count
            ticket.serving = True
            ticket.moved()
        if not self._waiting and not self._served:
            self._turns.clear()  # nobody waits whom it could be unfair to
        for ticket in self._waiting:
            ticket.moved()
