"""Which digest was sent to which reader, so that none is ever sent twice.

The right to send is claimed in the catalog *before* the server is told that a message is
complete (`curator.delivery.smtp`), and the claim is on the disk by then. So a row is one of three
things: ``sent``: the server took it; ``failed``: it surely did not; ``sending``: a process has
claimed it, and if that was killed, the reader perhaps has the message. Such a row is never claimed
again, until a person says what became of it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, cast

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert

from curator.catalog.schema import deliveries, now
from curator.catalog.store import Store

__all__ = ["Deliveries", "Delivery", "DeliveryState"]

DeliveryState = Literal["sending", "sent", "failed"]


@dataclass(frozen=True)
class Delivery:
    """What became of one digest for one reader. ``at`` is when (UTC, ISO text), ``reason`` why it
    failed ("" else)."""

    reader: str
    name: str
    state: DeliveryState
    address: str
    message_id: str
    reason: str
    at: str


class Deliveries:
    """Claims, notes and reads deliveries. There is one for each reader and name of a digest."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, reader: str, name: str, address: str, message_id: str) -> bool:
        """Claims the right to send this digest to this reader; whether it was free. It is not if
        it was sent, or is being sent, or perhaps was; it is if it failed before."""
        values = _values("sending", address, message_id, "")
        claimed = self._put(reader, name, values)
        if claimed:
            self._to_disk()
        return claimed

    def sent(self, reader: str, name: str) -> None:
        """The server took what was claimed."""
        self._settle(reader, name, "sent", "")

    def failed(
        self,
        reader: str,
        name: str,
        reason: str,
        *,
        address: str = "",
        message_id: str = "",
        claimed: bool = False,
    ) -> None:
        """The server surely did not take it. ``claimed``: after `begin` said yes; without it
        nothing is changed that was sent, or that another process has claimed."""
        if claimed:
            self._settle(reader, name, "failed", reason)
        else:
            self._put(reader, name, _values("failed", address, message_id, reason))

    def resolve(self, delivery: Delivery, *, arrived: bool) -> bool:
        """What a person says became of a claim that a killed process left; whether it still
        stood as it was read. If it did not arrive, it may be sent again."""
        state: DeliveryState = "sent" if arrived else "failed"
        reason = "" if arrived else "It did not arrive, someone said."
        change = (
            update(deliveries)
            .where(*_is(delivery.reader, delivery.name), deliveries.c.state == "sending")
            .where(deliveries.c.at == delivery.at)
            .values(state=state, reason=reason, at=now())
        )
        with self._store.write() as connection:
            return connection.execute(change).rowcount > 0

    def of(self, name: str) -> dict[str, Delivery]:
        """``{reader: delivery}`` of the digests of one name."""
        return {one.reader: one for one in self._read(name)}

    def all(self) -> list[Delivery]:
        """All of them, by name of the digest, then by reader."""
        return self._read(None)

    # ------------------------------------------------------------------ the rows

    def _put(self, reader: str, name: str, values: dict[str, Any]) -> bool:
        """Writes a row where none is, or a failed one."""
        row = insert(deliveries).values(reader=reader, name=name, **values)
        free = row.on_conflict_do_update(
            index_elements=["reader", "name"], set_=values, where=deliveries.c.state == "failed"
        )
        with self._store.write() as connection:
            return connection.execute(free).rowcount > 0

    def _settle(self, reader: str, name: str, state: DeliveryState, reason: str) -> None:
        claim = update(deliveries).where(*_is(reader, name), deliveries.c.state == "sending")
        with self._store.write() as connection:
            connection.execute(claim.values(state=state, reason=reason, at=now()))

    def _read(self, name: str | None) -> list[Delivery]:
        query = select(deliveries).order_by(deliveries.c.name, deliveries.c.reader)
        if name is not None:
            query = query.where(deliveries.c.name == name)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return [
            Delivery(
                reader=row.reader,
                name=row.name,
                state=cast(DeliveryState, row.state),
                address=row.address,
                message_id=row.message_id,
                reason=row.reason or "",
                at=row.at,
            )
            for row in rows
        ]

    def _to_disk(self) -> None:
        """Waits until the claim is on the disk. The catalog's commits survive the end of the
        process, but the last of them not a power cut (``PRAGMA synchronous`` is NORMAL), after
        which a message that was sent would count as not sent. SQLite holds no lock on this file
        that closing it here would free."""
        wal = self._store.path.with_name(f"{self._store.path.name}-wal")
        with suppress(FileNotFoundError), wal.open("r+b") as file:
            os.fsync(file.fileno())


def _is(reader: str, name: str) -> tuple[Any, Any]:
    return deliveries.c.reader == reader, deliveries.c.name == name


def _values(state: DeliveryState, address: str, message_id: str, reason: str) -> dict[str, Any]:
    return {
        "state": state,
        "address": address,
        "message_id": message_id,
        "reason": reason,
        "at": now(),
    }
