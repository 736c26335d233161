"""Every answer a model ever gave, by what it was asked: no call is paid for twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.dialects.sqlite import insert

from curator.batches import batched
from curator.catalog.schema import model_outputs, now
from curator.catalog.store import Store

__all__ = ["CachedOutput", "ModelCache"]

_AT_ONCE = 500  # values in one statement


@dataclass(frozen=True)
class CachedOutput:
    """One stored answer, with all that made it."""

    key: str
    model: str
    prompt: str
    prompt_hash: str
    schema_hash: str
    input_hash: str
    output: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float


class ModelCache:
    """Stored model outputs. An answer is written as soon as the call ends, so that a process
    killed right after loses no call that had ended."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str) -> CachedOutput | None:
        names = list(CachedOutput.__dataclass_fields__)
        query = select(*(model_outputs.c[name] for name in names)).where(model_outputs.c.key == key)
        with self._store.read() as connection:
            row = connection.execute(query).mappings().first()
        return CachedOutput(**row) if row else None

    def having(self, keys: Iterable[str]) -> set[str]:
        """Which of these keys have an answer."""
        found: set[str] = set()
        with self._store.read() as connection:
            for some in batched(keys, _AT_ONCE):
                query = select(model_outputs.c.key).where(model_outputs.c.key.in_(some))
                found.update(connection.execute(query).scalars())
        return found

    def put(self, output: CachedOutput) -> None:
        self.put_all([output])

    def put_all(self, outputs: Sequence[CachedOutput]) -> None:
        """Stores all of these or none. What is there already stays as it is."""
        names = CachedOutput.__dataclass_fields__
        rows = [
            {**{name: getattr(one, name) for name in names}, "created": now()} for one in outputs
        ]
        if rows:
            with self._store.write() as connection:
                connection.execute(insert(model_outputs).on_conflict_do_nothing(), rows)

    def usage(self) -> dict[str, dict[str, float]]:
        """Calls, tokens and seconds by model, since the library was made."""
        columns = model_outputs.c
        query = select(
            columns.model,
            func.count().label("calls"),
            func.sum(columns.prompt_tokens).label("prompt_tokens"),
            func.sum(columns.completion_tokens).label("completion_tokens"),
            func.sum(columns.seconds).label("seconds"),
        ).group_by(columns.model)
        with self._store.read() as connection:
            return {
                row["model"]: {k: v for k, v in row.items() if k != "model"}
                for row in connection.execute(query).mappings()
            }
