"""The ledger of work: what became of every paper in every task, and what is still to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.dialects.sqlite import insert

from curator.catalog.papers import Filters, filtered, paper_of
from curator.catalog.schema import now, papers, records, sources, work
from curator.catalog.store import Store
from curator.paper import Paper

__all__ = ["Ledger", "Status", "Tally", "Task", "key_of", "mark"]

Task = Literal["tldr", "tag"]
Status = Literal["done", "failed", "skipped"]


@dataclass(frozen=True)
class Tally:
    """How many papers of the library are in each state of one task; they add up to all."""

    done: int
    failed: int
    skipped: int
    waiting: int


def mark(
    connection: Connection, paper_id: str, task: Task, status: Status, key: str, reason: str = ""
) -> None:
    """Notes the outcome of ``task`` for a paper, in the transaction that stores its result.

    ``key`` names all that the outcome depends on (text, recipe); another key later means
    that the task is to be done again.
    """
    values = {"status": status, "reason": reason, "key": key, "at": now()}
    connection.execute(
        insert(work)
        .values(paper_id=paper_id, task=task, **values)
        .on_conflict_do_update(index_elements=["paper_id", "task"], set_=values)
    )


class Ledger:
    """Reads the ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def pending(
        self, task: Task, recipe: str, *, limit: int | None = None, filters: Filters | None = None
    ) -> list[Paper]:
        """Papers for which ``task`` was never done, failed, or was done on another text or
        by another recipe; newest first."""
        current = papers.c.text_hash + "/" + recipe
        joined = papers.outerjoin(work, and_(work.c.paper_id == papers.c.id, work.c.task == task))
        query = (
            select(papers)
            .select_from(joined)
            .where(or_(work.c.status.is_(None), work.c.status == "failed", work.c.key != current))
            .order_by(papers.c.day.desc(), papers.c.seq.desc())
            .limit(limit)
        )
        with self._store.read() as connection:
            rows = connection.execute(filtered(query, filters or Filters()))
            return [paper_of(row) for row in rows]

    def is_done(self, paper: Paper, task: Task, recipe: str) -> bool:
        """Whether ``task`` was done on the paper's present text by this recipe."""
        return self.key_of_done(paper.id, task) == key_of(paper, recipe)

    def key_of_done(self, paper_id: str, task: Task) -> str | None:
        """By what text and recipe the task was last done for a paper."""
        query = select(work.c.key).where(
            work.c.paper_id == paper_id, work.c.task == task, work.c.status == "done"
        )
        with self._store.read() as connection:
            return connection.execute(query).scalar()

    def tally(self, task: Task) -> Tally:
        """Counts by the last outcome on the papers' present texts, whatever the recipe."""
        query = (
            select(work.c.status, func.count())
            .join(papers, papers.c.id == work.c.paper_id)
            .where(work.c.task == task, work.c.key.startswith(papers.c.text_hash))
            .group_by(work.c.status)
        )
        with self._store.read() as connection:
            counts = {row[0]: int(row[1]) for row in connection.execute(query)}
            total = connection.execute(select(func.count()).select_from(papers)).scalar_one()
        return Tally(
            done=counts.get("done", 0),
            failed=counts.get("failed", 0),
            skipped=counts.get("skipped", 0),
            waiting=total - sum(counts.values()),
        )

    def failures(self) -> list[dict[str, Any]]:
        """Each task that failed, with its reason."""
        query = (
            select(work.c.task, work.c.paper_id, papers.c.title, work.c.reason, work.c.at)
            .join(papers, papers.c.id == work.c.paper_id)
            .where(work.c.status == "failed")
            .order_by(work.c.task, work.c.paper_id)
        )
        with self._store.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def rejected(self) -> list[dict[str, Any]]:
        """Each entry that became no paper, with the reason."""
        query = (
            select(
                sources.c.name.label("source"),
                records.c.place,
                records.c.title,
                records.c.reason,
                records.c.last_seen.label("seen_at"),
            )
            .join(sources, sources.c.id == records.c.source_id)
            .where(records.c.status == "rejected")
            .order_by(sources.c.name, records.c.position)
        )
        with self._store.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def entries(self) -> dict[str, int]:
        """How many entries ever came in, by what became of them; they add up to all."""
        query = (
            select(records.c.status, func.count())
            .where(records.c.status != "verbatim")
            .group_by(records.c.status)
        )
        with self._store.read() as connection:
            counts = {row[0]: int(row[1]) for row in connection.execute(query)}
        names = ("added", "updated", "merged", "rejected", "mended")
        return {name: counts.get(name, 0) for name in names} | {"all": sum(counts.values())}


def key_of(paper: Paper, recipe: str) -> str:
    """The ledger key of a task done on this text by this recipe."""
    return f"{paper.text_hash}/{recipe}"
