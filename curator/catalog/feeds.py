"""Feeds: what is subscribed to, and how far each has been read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from curator.catalog.schema import feeds, now
from curator.catalog.store import Store

__all__ = ["FeedRow", "Feeds"]


@dataclass(frozen=True)
class FeedRow:
    """One feed. ``since`` is up to when it has been read, by its own dates; ``cursor`` where a
    reading that was cut short goes on, and ``reading_since`` how far that one has got."""

    spec: str
    subscribed: bool
    created: str
    since: str | None
    cursor: dict[str, Any] | None
    validators: dict[str, dict[str, str]]
    reading_since: str | None
    last_try: str | None
    last_success: str | None
    failures: int
    error: str


class Feeds:
    """Keeps feeds. A page's entries and its cursor are stored in one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def subscribe(self, spec: str) -> bool:
        """Subscribes; says whether that is new."""
        with self._store.write() as connection:
            known = _get(connection, spec)
            if known is None:
                connection.execute(insert(feeds).values(**_empty(spec, subscribed=True)))
            elif not known.subscribed:
                same = update(feeds).where(feeds.c.spec == spec)
                connection.execute(same.values(subscribed=True))
        return known is None or not known.subscribed

    def unsubscribe(self, spec: str) -> bool:
        """Forgets a feed and how far it was read (its papers stay); says whether it was there."""
        with self._store.write() as connection:
            return bool(connection.execute(delete(feeds).where(feeds.c.spec == spec)).rowcount)

    def all(self, *, subscribed: bool = True) -> list[FeedRow]:
        """The subscribed feeds, oldest first; without ``subscribed`` all that were ever read."""
        query = select(feeds).order_by(feeds.c.created, feeds.c.spec)
        if subscribed:
            query = query.where(feeds.c.subscribed)
        with self._store.read() as connection:
            return [FeedRow(**row) for row in connection.execute(query).mappings()]

    def get(self, spec: str) -> FeedRow:
        """What is known of a feed; a new row's values for one that was never read."""
        with self._store.read() as connection:
            return _get(connection, spec) or FeedRow(**_empty(spec, subscribed=False))

    def advance(
        self,
        connection: Connection,
        row: FeedRow,
        *,
        cursor: dict[str, Any] | None,
        validators: dict[str, dict[str, str]],
        shown_until: str | None,
    ) -> FeedRow:
        """Notes, in the caller's transaction, that a page has been stored; gives the new row."""
        reached = max(filter(None, (row.reading_since, shown_until)), default=None)
        values: dict[str, Any] = {
            "cursor": cursor,
            "validators": {**row.validators, **validators},
            "reading_since": reached,
            "last_try": now(),
        }
        _put(connection, row, values)
        return FeedRow(**{**row.__dict__, **values})

    def succeed(self, row: FeedRow) -> None:
        """Notes that a feed has been read to its end."""
        since = max(filter(None, (row.since, row.reading_since)), default=None)
        at = now()
        values = {
            "since": since,
            "cursor": None,
            "reading_since": None,
            "last_try": at,
            "last_success": at,
            "failures": 0,
            "error": "",
        }
        with self._store.write() as connection:
            _put(connection, row, values)

    def fail(self, row: FeedRow, reason: str) -> None:
        """Notes why a reading broke off; its cursor stays."""
        values = {"last_try": now(), "failures": row.failures + 1, "error": reason}
        with self._store.write() as connection:
            _put(connection, row, values)


def _get(connection: Connection, spec: str) -> FeedRow | None:
    row = connection.execute(select(feeds).where(feeds.c.spec == spec)).mappings().first()
    return FeedRow(**row) if row else None


def _empty(spec: str, *, subscribed: bool) -> dict[str, Any]:
    optional = ("since", "cursor", "reading_since", "last_try", "last_success")
    return {
        "spec": spec,
        "subscribed": subscribed,
        "created": now(),
        "validators": {},
        "failures": 0,
        "error": "",
        **dict.fromkeys(optional),
    }


def _put(connection: Connection, row: FeedRow, values: dict[str, Any]) -> None:
    # What is not there was never subscribed to, or is not any more: while it was being read.
    statement = insert(feeds).values(**{**row.__dict__, **values, "subscribed": False})
    connection.execute(statement.on_conflict_do_update(index_elements=["spec"], set_=values))
