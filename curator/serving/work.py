"""What a server does in the background: pulling feeds, indexing, summaries, tags, digests.

Each function starts a job and gives it. Between two papers a job can be stopped, and stands back
while somebody waits for an answer; what it did until then is kept, and starting it again goes on.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from curator.batch import Outcome
from curator.digest.document import ME
from curator.errors import CuratorError, UsageError
from curator.paper import Paper
from curator.serving.work_adding import add_job, add_records_job, outside_only, retry_job

if TYPE_CHECKING:
    from curator.digest.document import DigestDocument
    from curator.library import Library
    from curator.serving.jobs import Job
    from curator.serving.serving import Serving

__all__ = [
    "add_job",
    "add_records_job",
    "digest_job",
    "index_job",
    "outside_only",
    "retry_job",
    "sync_job",
    "tag_job",
    "tldr_job",
]

R = TypeVar("R")

_LOOK = 0.1  # seconds between looks whether somebody still waits


def sync_job(serving: Serving) -> Job:
    """Pulls the feeds that are subscribed to.

    Raises:
        UsageError: there are none, or it is under way.
    """
    library = serving.library
    if not library.catalog.feeds.all():
        raise UsageError(
            "There are no feeds to pull.", remedy="At the terminal: curator subscribe hf:daily"
        )

    def work() -> dict[str, Any]:
        from curator.serving.work_adding import hide_queries

        report = library.sync(embed=False)
        if report.new:
            library.index()
        for outcome in report.failed:
            serving.jobs.note(hide_queries(f"Failed: {outcome.spec}: {outcome.error}"))
        parts = [outcome.report for outcome in report.feeds]
        return {
            "feeds": len(report.feeds),
            "feeds_failed": len(report.failed),
            "added": sum(part.added for part in parts),
            "updated": sum(part.updated for part in parts),
            "unchanged": sum(part.unchanged for part in parts),
            "rejected": sum(len(part.rejected) for part in parts),
        }

    return serving.jobs.start("sync", "Pull the feeds", work)


def index_job(serving: Serving) -> Job:
    """Brings both indexes up to the catalog.

    Raises:
        UsageError: it is under way.
    """
    return serving.jobs.start("index", "Index what is new", lambda: dict(serving.library.index()))


def tldr_job(serving: Serving) -> Job:
    """Summarises the papers that have no summary by the present recipe, newest first.

    Raises:
        UsageError: it is under way.
    """
    library = serving.library

    def work() -> dict[str, Any]:
        papers = library.catalog.ledger.pending("tldr", library.tldr_writer.recipe)
        return _each(serving, "summarised", len(papers), library.tldr(papers))

    return serving.jobs.start("tldr", "Summarise what is new", work)


def tag_job(serving: Serving) -> Job:
    """Tags the papers that have no tags by the present recipe, newest first.

    Raises:
        UsageError: it is under way.
    """
    library = serving.library

    def work() -> dict[str, Any]:
        from curator.tagging import wants_review

        papers = library.catalog.ledger.pending("tag", library.tagger.recipe)
        doubtful = 0

        def look(outcome: Outcome[Paper, Any]) -> None:
            nonlocal doubtful
            doubtful += outcome.error is None and wants_review(outcome.result or [])

        counts = _each(serving, "tagged", len(papers), library.tag(papers), look)
        return {**counts, "to_review": doubtful}

    return serving.jobs.start("tag", "Tag what is new", work)


def _each(
    serving: Serving,
    what: str,
    total: int,
    outcomes: Iterable[Outcome[Paper, Any]],
    look: Callable[[Outcome[Paper, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Goes through the outcomes, telling of each; how many went well, and how many did not."""
    done = failed = 0
    serving.jobs.progress(what, 0, total)
    for outcome in outcomes:
        look(outcome)
        if outcome.error is None:
            done += 1
        else:
            failed += 1
            serving.jobs.note(f"Failed: {outcome.item.id}: {outcome.error}")
        serving.jobs.progress(what, done + failed, total)
    return {"of": total, "done": done, "failed": failed}


def digest_job(serving: Serving, week: str | None = None, reader: str = ME, limit: int = 20) -> Job:
    """Writes a reader's digest of an ISO week (default: the present one where the reader
    lives), with the editor's changes that are stored.

    Raises:
        NotFoundError: there is no such reader.
        UsageError: that is no week, or it is under way.
    """
    from curator.delivery.weeks import today_in, week_of
    from curator.digest.period import period_of

    library = serving.library
    profile = library.catalog.readers.require(reader)
    if not 1 <= limit <= 100:
        raise UsageError(f"A digest cannot have {limit} papers.", remedy="Ask for 1 to 100.")
    now = datetime.now(UTC)
    chosen = (week or "").strip().lower()
    if chosen in ("", "this", "last"):
        week = week_of(now, profile.zone, last=chosen == "last")
    try:
        period = period_of(week, None, None, today=today_in(now, profile.zone))
        if period.since < "1900":
            raise OverflowError
    except OverflowError:  # the last days of the year 9999, and those before all papers
        raise UsageError(f"There is no week {week!r}.", remedy="Give one like 2026-W47.") from None

    def work() -> dict[str, Any]:
        turns = _Turns(serving)

        def on_event(event: dict[str, Any]) -> None:
            if event["event"] in ("tagged", "summarised"):
                with turns.ending():  # before the graph is closed, which waits for its node
                    serving.jobs.progress(event["event"], event["done"], event["of"])

        with turns.ending():
            made = turns.library.digest(period, limit=limit, reader=profile.name, on_event=on_event)
        return _made(made)

    title = f"Digest of {period.name} for {profile.name}"
    return serving.jobs.start("digest", title, work)


def _made(document: DigestDocument) -> dict[str, Any]:
    ledger = document["ledger"]
    return {
        "name": document["name"],
        "reader": document["reader"],
        "seen": document["seen"],
        "chosen": ledger["chosen"],
        "notable": ledger["notable"],
        "failed": len(document["failed"]),
        "untagged": len(document["untagged"]),
    }


class _Over(CuratorError):
    """The job was stopped; no failure of a paper."""


class _Turns:
    """A library whose work on a paper waits for its turn.

    A graph's nodes run in threads of their own, which go on when its reader is gone. So each
    paper looks itself whether the job is ``over``, and stands back while somebody asks.
    """

    def __init__(self, serving: Serving) -> None:
        self.over = threading.Event()
        self._queue = serving.queue
        whole = serving.library
        whole.llm, whole.embedder, whole.tldr_writer, whole.tagger  # noqa: B018 - made once, there
        whole.vectors, whole.reranker, whole.grounder  # noqa: B018
        self.library: Library = copy.copy(whole)
        turned = {"tldr_of": self._turn(whole.tldr_of), "tag_of": self._turn(whole.tag_of)}
        vars(self.library).update(turned)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Ends the work on further papers where what is inside is left by an error."""
        try:
            yield
        except BaseException:
            self.over.set()
            raise

    def _turn(self, work: Callable[[Paper], R]) -> Callable[[Paper], R]:
        def taken(paper: Paper) -> R:
            while not self.over.is_set() and (self._queue.serving or self._queue.waiting):
                time.sleep(_LOOK)
            if self.over.is_set():
                raise _Over("The job was stopped.")
            return work(paper)

        return taken
