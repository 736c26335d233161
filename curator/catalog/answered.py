"""What became of the questions: how many were answered, by which rung of the ladder, at what cost.

The words of a question are not kept here (a conversation is, where one is asked for).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from curator.catalog.schema import answers, now
from curator.catalog.store import Store

if TYPE_CHECKING:
    from curator.answers import Answer

__all__ = ["Answered"]

_SUMMED = tuple(name for name in answers.c.keys() if name not in ("id", "at", "model"))  # noqa: SIM118


class Answered:
    """The record of all answers of a library."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, answer: Answer) -> None:
        """Counts one answer."""
        usage = answer["usage"]
        values = {
            "at": now(),
            "model": answer["model"],
            "abstained": answer["abstained"],
            **answer["rungs"],
            "llm_calls": usage["llm_calls"],
            "tokens": usage["prompt_tokens"] + usage["completion_tokens"],
            "seconds": usage["seconds"],
        }
        with self._store.write() as connection:
            connection.execute(insert(answers).values(values))

    def summary(self) -> dict[str, float]:
        """How many ``questions`` there were, and the sum of each column, since the library was
        made."""
        sums = (func.coalesce(func.sum(answers.c[name]), 0).label(name) for name in _SUMMED)
        with self._store.read() as connection:
            row = connection.execute(select(func.count().label("questions"), *sums)).mappings()
            return dict(row.one())
