"""Doing again what failed: sources, feeds, summaries and tags."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from curator.batch import Outcome
from curator.catalog import AddReport, Catalog
from curator.intake import SyncReport
from curator.paper import Paper

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Retries", "retry"]


class Retries(Protocol):
    """What of a library is needed (`curator.library.Library` has it)."""

    catalog: Catalog

    def add(self, sources: Sequence[str]) -> AddReport: ...

    def sync(self, specs: Sequence[str] = ()) -> SyncReport: ...

    def tldr(self, papers: Iterable[Paper]) -> Iterable[Outcome[Paper, Any]]: ...

    def tag(self, papers: Iterable[Paper]) -> Iterable[Outcome[Paper, Any]]: ...


def retry(library: Retries) -> dict[str, Any]:
    """How much of what had failed went well now, and how much did not."""
    from curator.sources import is_address

    failed = {row["source"] for row in library.catalog.ledger.rejected()}
    again = sorted(
        name for name in failed if name != "-" and (is_address(name) or Path(name).is_file())
    )
    report = library.add(again) if again else AddReport()
    feeds = [row.spec for row in library.catalog.feeds.all(subscribed=False) if row.error]
    pulled = library.sync(feeds) if feeds else SyncReport()
    done: dict[str, Any] = {
        "sources": len(again),
        "added": report.added,
        "rejected": len(report.rejected),
        "unusable": sum(not item.where for _, item in report.rejected),
        "feeds": len(pulled.feeds),
        "feeds_failed": len(pulled.failed),
    }
    failures = library.catalog.ledger.failures()
    runs: dict[str, Callable[[Iterable[Paper]], Iterable[Outcome[Paper, Any]]]]
    runs = {"tldr": library.tldr, "tag": library.tag}
    for task, run in runs.items():
        ids = [row["paper_id"] for row in failures if row["task"] == task]
        outcomes = list(run(library.catalog.papers.get(ids).values())) if ids else []
        bad = sum(outcome.error is not None for outcome in outcomes)
        done[task] = {"done": len(outcomes) - bad, "failed": bad}
    return done
