"""Requests that were handed to a server in batches, and what became of each."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from curator.batches import batched
from curator.catalog.schema import api_batches, api_requests, now
from curator.catalog.store import Store

__all__ = ["ApiBatch", "ApiBatches", "Arrived"]

_AT_ONCE = 500  # values in one statement
_CAME = ("outcome", "reason", "output", "prompt_tokens", "completion_tokens")


@dataclass(frozen=True)
class ApiBatch:
    """One batch. ``id`` is ours, ``remote`` the server's (None until it has answered);
    ``requests`` says how many there are, ``completed`` and ``failed`` what the server counts."""

    id: str
    model: str
    status: str
    remote: str | None
    input_file: str | None
    output_file: str | None
    error_file: str | None
    requests: int
    completed: int
    failed: int
    collected: bool
    created: str
    updated: str


@dataclass(frozen=True)
class Arrived:
    """What came for one request: the answer, or the ``reason`` why there is none."""

    output: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reason: str = ""


class ApiBatches:
    """The account of batches, in the catalog: it is what survives a kill."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, model: str, keys: Sequence[str]) -> str:
        """Notes a batch that is going to be made of the requests with these keys, of which none
        may be in another; its id."""
        name = uuid.uuid4().hex
        batch: dict[str, Any] = dict.fromkeys(("remote", "input_file", "output_file", "error_file"))
        batch |= {"id": name, "model": model, "status": "making", "requests": len(keys)}
        batch |= {"completed": 0, "failed": 0, "collected": False}
        empty: dict[str, Any] = {"outcome": "waiting", "reason": "", "output": ""}
        empty |= {"prompt_tokens": 0, "completion_tokens": 0}
        with self._store.write() as connection:
            connection.execute(api_batches.insert().values(**batch, created=now(), updated=now()))
            rows = [{**empty, "key": key, "batch_id": name} for key in keys]
            connection.execute(api_requests.insert(), rows)
        return name

    def note(self, name: str, **values: Any) -> None:
        """Sets columns of a batch."""
        with self._store.write() as connection:
            connection.execute(
                update(api_batches).where(api_batches.c.id == name).values(**values, updated=now())
            )

    def forget(self, name: str) -> None:
        """Strikes a batch that never was; its requests may be handed over again."""
        with self._store.write() as connection:
            connection.execute(delete(api_requests).where(api_requests.c.batch_id == name))
            connection.execute(delete(api_batches).where(api_batches.c.id == name))

    def open(self, model: str) -> list[ApiBatch]:
        """The batches of a model that are not collected, oldest first."""
        query = (
            select(api_batches)
            .where(api_batches.c.model == model, api_batches.c.collected.is_(False))
            .order_by(api_batches.c.created, api_batches.c.id)
        )
        with self._store.read() as connection:
            return [ApiBatch(**row) for row in connection.execute(query).mappings()]

    def outcomes(self, keys: Iterable[str]) -> dict[str, str]:
        """``waiting``, ``arrived`` or ``left`` for each key that was handed over."""
        return {key: row["outcome"] for key, row in self._rows(keys).items()}

    def reasons(self, keys: Iterable[str]) -> dict[str, str]:
        """Why there is no answer to those that are left."""
        rows = self._rows(keys)
        return {key: row["reason"] for key, row in rows.items() if row["outcome"] == "left"}

    def waiting(self, name: str) -> set[str]:
        """The keys of a batch for which nothing has come yet."""
        query = select(api_requests.c.key).where(
            api_requests.c.batch_id == name, api_requests.c.outcome == "waiting"
        )
        with self._store.read() as connection:
            return set(connection.execute(query).scalars())

    def arrive(self, name: str, came: Mapping[str, Arrived], *, rest: str) -> None:
        """Stores all that came of a batch, which is then collected. ``rest`` is the reason of
        those for which nothing came."""
        with self._store.write() as connection:
            if came:
                connection.execute(
                    update(api_requests)
                    .where(api_requests.c.key == bindparam("name"), api_requests.c.batch_id == name)
                    .values({column: bindparam(f"new_{column}") for column in _CAME}),
                    [{"name": key} | _row(one) for key, one in came.items()],
                )
            connection.execute(
                update(api_requests)
                .where(api_requests.c.batch_id == name, api_requests.c.outcome == "waiting")
                .values(outcome="left", reason=rest)
            )
            connection.execute(
                update(api_batches)
                .where(api_batches.c.id == name)
                .values(collected=True, updated=now())
            )

    def arrived(self, keys: Iterable[str]) -> dict[str, Arrived]:
        """The answers that came and were not looked at yet."""
        return {
            key: Arrived(row["output"], row["prompt_tokens"], row["completion_tokens"])
            for key, row in self._rows(keys).items()
            if row["outcome"] == "arrived"
        }

    def settle(self, cached: Iterable[str], left: Mapping[str, str]) -> None:
        """Strikes the requests whose answers are in the cache, and gives those that are of no
        use their reason."""
        with self._store.write() as connection:
            for some in batched(cached, _AT_ONCE):
                connection.execute(delete(api_requests).where(api_requests.c.key.in_(some)))
            for key, reason in left.items():
                connection.execute(
                    update(api_requests)
                    .where(api_requests.c.key == key)
                    .values(outcome="left", reason=reason, output="")
                )

    def _rows(self, keys: Iterable[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        with self._store.read() as connection:
            for some in batched(keys, _AT_ONCE):
                query = select(api_requests).where(api_requests.c.key.in_(some))
                found.update({row["key"]: row for row in connection.execute(query).mappings()})
        return found


def _row(one: Arrived) -> dict[str, Any]:
    outcome = "left" if one.reason else "arrived"
    values = (outcome, one.reason, one.output, one.prompt_tokens, one.completion_tokens)
    return dict(zip((f"new_{column}" for column in _CAME), values, strict=True))
