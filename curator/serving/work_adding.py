"""Jobs that take papers in: from services and addresses, from pasted text, from what failed.

Who reaches the server is not who owns the machine: no local file is opened for them, and no
address of the machine's own network is fetched, whatever the owner's settings allow the owner.
"""

from __future__ import annotations

import copy
import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from curator.batch import Outcome
from curator.errors import AddressRefused, InputError, UsageError
from curator.fetch.guard import NOTHING, check_host, checked_url
from curator.intake import SyncReport
from curator.paper import Entry, Paper, Rejected
from curator.settings import Settings
from curator.sources import read
from curator.sources.feeds import FEEDS, open_feed
from curator.sources.formats import KINDS
from curator.text import strip_controls

if TYPE_CHECKING:
    from curator.catalog import AddReport
    from curator.library import Library
    from curator.serving.jobs import Job
    from curator.serving.serving import Serving

__all__ = [
    "add_job",
    "add_records_job",
    "counts_of",
    "hide_queries",
    "outside_only",
    "retry_job",
]

MOST = 50  # sources at once
LISTED = 20  # rejections that a result lists; it counts all
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_INSIDE = re.compile(r"https?://\S+", re.IGNORECASE)
_QUERY = re.compile(r"(https?://[^\s?]*)\?\S*", re.IGNORECASE)
_REMEDY = "Give feeds (arxiv:cs.CL, hf:daily, rss:https://…) or http(s) addresses."


def hide_queries(text: str) -> str:
    """Addresses without their queries, in which feeds and services have keys."""
    return _QUERY.sub(r"\1?…", text)


def public_source(source: str) -> str:
    """A source as everybody may see it: without the folders of this machine, and without keys in
    addresses."""
    if source.startswith(("/", "\\")) or source[1:3] in (":\\", ":/"):
        return source.replace("\\", "/").rsplit("/", 1)[-1]
    return hide_queries(source)


def outside_only(sources: Sequence[str]) -> list[str]:
    """The sources, without what is around them, where all are feeds or http(s) addresses of
    public hosts. Nothing is opened, nothing is asked for. What a name of a host stands for is
    seen only when it is fetched.

    Raises:
        UsageError: there is none, there are too many, or one is a file, a folder, a glob, the
            pipe, or no feed.
        AddressRefused: one is an address that is not fetched on principle.
    """
    wanted = list(dict.fromkeys(text for source in sources if (text := source.strip())))
    if not wanted:
        raise UsageError("Nothing to add was given.", remedy=_REMEDY)
    if len(wanted) > MOST:
        raise UsageError(f"{len(wanted)} sources are too many.", remedy=f"Add {MOST} at once.")
    for source in wanted:
        _check(source)
    return wanted


def _check(source: str) -> None:
    is_feed = source.partition(":")[0].lower() in FEEDS and not _ADDRESS.match(source)
    # A file of such a name would be opened in place of the feed or address.
    if not (is_feed or _ADDRESS.match(source)) or "\0" in source or os.path.lexists(source):
        shown = strip_controls(hide_queries(source)[:80])
        raise UsageError(f"{shown!r} is not added from here.", remedy=_REMEDY)
    try:
        for address in [source] if not is_feed else _INSIDE.findall(source):
            check_host(checked_url(address).host, NOTHING)
    except AddressRefused as error:
        remedy = error.remedy
        if "ALLOW_PRIVATE" in remedy:  # which is not for who sits at the page
            remedy = "Who owns the library can add it at the terminal: curator add ADDRESS"
        raise AddressRefused(error.message, remedy=remedy) from None
    open_feed(source, Settings.model_construct())  # a spec that cannot be is told at once


def add_job(serving: Serving, sources: Sequence[str]) -> Job:
    """Adds the papers of feeds and addresses.

    Raises:
        UsageError, AddressRefused: as `outside_only`; or the same is under way.
    """
    wanted = outside_only(sources)
    library = serving.library

    def work() -> dict[str, Any]:
        report = _guarded(library).add(wanted, index=False)
        library.index()
        return counts_of(report)

    title = hide_queries(", ".join(wanted))
    return serving.jobs.start("add", f"Add {_short(title)}", work)


def add_records_job(
    serving: Serving, text: str | bytes, kind: str | None = None, *, name: str = ""
) -> Job:
    """Adds pasted or uploaded records: BibTeX, RIS, JSON Lines and whatever else is read.
    ``kind`` is the format, where it is not to be found out; ``name`` what the file was called.

    Raises:
        UsageError: it is empty, or there is no such format; or the same is under way.
        InputError: it is no text.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if not data.strip():
        raise UsageError("There are no records in it.", remedy="Paste BibTeX, RIS or JSON Lines.")
    if kind is not None and kind not in KINDS:
        raise UsageError(f"There is no format {kind!r}.", remedy=f"Use {', '.join(KINDS)}.")
    if b"\0" in data[:100_000] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(
            "It is no text.", remedy="Give BibTeX, RIS, JSON Lines or a table, not compressed."
        )
    how = f"uploaded {_short(strip_controls(name), 60)}" if name else "pasted"
    source = f"{how}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    library = serving.library

    def work() -> dict[str, Any]:
        from curator.catalog import AddReport

        report = AddReport()
        try:
            reading = read("-", stdin=io.BytesIO(data), kind=kind)
        except InputError as error:  # which takes it for what came by a pipe
            what = f"What was {how.partition(' ')[0]}"
            message = error.message.replace("The pipe", what, 1)
            raise InputError(message, remedy=error.remedy) from error
        entries = _to_the_end(reading)
        for current in library.catalog.papers.add(entries, source, report, kind=reading.kind):
            serving.jobs.progress("read", current.entries)
        library.index()
        return counts_of(report)

    return serving.jobs.start("add", f"Add what was {how} ({len(data):,} bytes)", work)


def retry_job(serving: Serving) -> Job:
    """Does again what failed: sources, feeds, summaries and tags.

    Raises:
        UsageError: it is under way.
    """

    def work() -> dict[str, Any]:
        from curator.retrying import retry

        return retry(_Again(serving))

    return serving.jobs.start("retry", "Do again what failed", work)


class _Again:
    """The library as `curator.retrying.Retries`, telling of each step. What clients named is
    fetched under the same guard as the first time; the owner's own feeds as the owner does."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._library = serving.library
        self.catalog = serving.library.catalog

    def add(self, sources: Sequence[str]) -> AddReport:
        report = _guarded(self._library).add(sources, index=False)
        self._library.index()
        return report

    def sync(self, specs: Sequence[str] = ()) -> SyncReport:
        own = {row.spec for row in self.catalog.feeds.all()}
        report = SyncReport()
        for library, some in (
            (self._library, [spec for spec in specs if spec in own]),
            (_guarded(self._library), [spec for spec in specs if spec not in own]),
        ):
            if some:
                report.feeds += library.sync(some, embed=False).feeds
        self._library.index()
        return report

    def tldr(self, papers: Iterable[Paper]) -> Iterator[Outcome[Paper, Any]]:
        return self._told("summarised", self._library.tldr(papers))

    def tag(self, papers: Iterable[Paper]) -> Iterator[Outcome[Paper, Any]]:
        return self._told("tagged", self._library.tag(papers))

    def _told(self, what: str, outcomes: Iterable[Outcome[Paper, Any]]) -> Iterator[Any]:
        for done, outcome in enumerate(outcomes, 1):
            yield outcome
            self._serving.jobs.progress(what, done)


def counts_of(report: AddReport) -> dict[str, Any]:
    """What came of adding, as plain values; the first of the rejections and papers are named."""
    return {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "rejected": len(report.rejected),
        "entries": report.entries,
        "papers": list(report.paper_ids)[:LISTED],
        "reasons": [
            {"source": hide_queries(source), "where": item.where, "reason": item.reason}
            for source, item in report.rejected[:LISTED]
        ],
    }


def _guarded(library: Library) -> Library:
    """The same library, but private addresses are refused. Only for taking in: what it opened
    for itself, nobody would close."""
    guarded = copy.copy(library)
    guarded.settings = library.settings.model_copy(update={"allow_private": False})
    return guarded


def _to_the_end(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Where a text breaks off, what came before stays."""
    try:
        yield from entries
    except InputError as error:
        yield Rejected("the rest", str(error))


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
