"""Taking papers in: files, addresses and feeds, of which some may be unusable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.catalog import AddReport, Catalog, Change
from curator.errors import CuratorError, FetchError, InputError, UsageError
from curator.paper import Entry, Rejected
from curator.sources import is_address

if TYPE_CHECKING:
    from curator.fetch import Fetcher
    from curator.sources import SourceReading
    from curator.sources.base import Feed

__all__ = ["FeedOutcome", "Intake", "SyncReport"]

Follow = Callable[[Change], None]
Progress = Callable[[str, int, int | None], None]

# So often may one reading come to the same place. A list that is begun anew, since its place was
# no longer known, comes there twice; one that leads round in circles never ends.
_ROUNDS = 3


@dataclass
class FeedOutcome:
    """What one feed brought in one pull. ``error`` says why it broke off, if it did."""

    spec: str
    report: AddReport
    error: CuratorError | None = None


@dataclass
class SyncReport:
    """What all feeds brought."""

    feeds: list[FeedOutcome] = field(default_factory=list)

    @property
    def new(self) -> int:
        """Entries that brought something: new papers, and what changes one (but for votes)."""
        reports = [outcome.report for outcome in self.feeds]
        return sum(report.added + report.updated - report.votes for report in reports)

    @property
    def failed(self) -> list[FeedOutcome]:
        return [outcome for outcome in self.feeds if outcome.error]


class Intake:
    """Stores what sources have.

    ``bulk`` holds the library's write lock and gives whom to tell what each stored chunk
    changed: for files, which come as fast as they can be stored. ``fresh`` brings the word
    index up to date: after each page of a feed, for which nobody else should have to wait.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        open_feed: Callable[[str], Feed | None],
        open_fetcher: Callable[[], Fetcher],
        bulk: Callable[[], AbstractContextManager[Follow]],
        fresh: Callable[[], object],
        progress: Progress,
        notify: Callable[[str], None],
    ) -> None:
        self._catalog = catalog
        self._open_feed = open_feed
        self._open_fetcher = open_fetcher
        self._bulk = bulk
        self._fresh = fresh
        self._progress = progress
        self._notify = notify

    def add(
        self,
        sources: Sequence[str],
        *,
        mapping: Mapping[str, str] | None = None,
        kind: str | None = None,
    ) -> AddReport:
        """Stores the entries of all sources; what cannot be read is in the report and in the
        ledger, with the reason.

        Raises:
            InputError, UsageError, FetchError: no source could be read at all.
        """
        adding = _Adding(self._catalog, mapping, kind)
        for remote, group in groupby(sources, key=self._is_remote):
            if remote:
                for source in group:
                    with adding.refusing(source):
                        self._add_remote(source, adding)
            else:
                with self._bulk() as follow:
                    for source in group:
                        with adding.refusing(source):
                            for current in adding.files(source, follow):
                                self._progress("read", current.entries, None)
        adding.raise_if_unusable()
        return adding.report

    def _is_remote(self, source: str) -> bool:
        if is_address(source):
            return True
        try:
            return self._open_feed(source) is not None
        except UsageError:
            return True  # said again, with its remedy, where errors are gathered

    def _add_remote(self, source: str, adding: _Adding) -> None:
        from curator.sources import fetched

        feed = self._open_feed(source)
        if feed is not None:
            outcome = self._pull(feed, adding.report)
            adding.usable = adding.usable or bool(outcome.report.entries) or not outcome.error
            if outcome.error:
                raise outcome.error
            return
        with self._open_fetcher() as fetch:
            answer = fetch.get(source)
        reading = fetched(source, answer, mapping=adding.mapping, kind=adding.kind)
        for current in adding.store(reading, lambda _: None):
            self._progress("read", current.entries, None)
        self._fresh()

    # ------------------------------------------------------------------ feeds

    def sync(self, specs: Sequence[str]) -> SyncReport:
        """Pulls feeds, one after the other; a feed that fails keeps what it brought, and does
        not keep the others from being read.

        Raises:
            UsageError: one of the specs is none, and is not subscribed to. Nothing was pulled.
        """
        wanted = [(spec, self._opened(spec)) for spec in dict.fromkeys(specs)]
        return SyncReport(
            [
                FeedOutcome(spec, AddReport(), found)
                if isinstance(found, CuratorError)
                else self._pull(found, AddReport())
                for spec, found in wanted
            ]
        )

    def _opened(self, spec: str) -> Feed | CuratorError:
        """The feed of a spec. One that is subscribed to and cannot be read any more (another
        version's, or a file has its name) is a feed that fails, no reason to read no other."""
        try:
            feed = self._open_feed(spec)
            if feed is None:
                raise UsageError(f"{spec!r} is not a feed.", remedy="`curator feeds` lists them.")
        except UsageError as error:
            row = self._catalog.feeds.get(spec)
            if not row.subscribed:
                raise
            self._catalog.feeds.fail(row, str(error))
            return error
        return feed

    def _pull(self, feed: Feed, report: AddReport) -> FeedOutcome:
        from curator.sources.base import FeedState

        now = FeedState().now
        row = self._catalog.feeds.get(feed.spec)
        row = replace(row, since=_not_after(now, row.since))
        state = FeedState(row.since, row.cursor, row.validators, now)
        writer = self._catalog.papers.paging(feed.spec, feed.kind, report)
        places: Counter[str] = Counter()
        error: CuratorError | None = None
        with self._open_fetcher() as fetch:
            try:
                with closing(_generator(feed.pages(fetch, state))) as pages:
                    for page in pages:
                        with writer.page(page.entries) as connection:
                            row = self._catalog.feeds.advance(
                                connection,
                                row,
                                cursor=page.cursor,
                                validators=page.validators,
                                shown_until=_not_after(now, page.shown_until),
                            )
                        self._fresh()
                        if page.note:
                            self._notify(page.note)
                        self._progress(feed.spec, report.entries, page.of)
                        if page.cursor is not None:
                            _count_round(places, repr(page.cursor))
            except (FetchError, InputError, UsageError) as trouble:
                error = trouble
                self._catalog.feeds.fail(row, str(trouble))
            else:
                self._catalog.feeds.succeed(row)
        return FeedOutcome(feed.spec, report, error)


class _Adding:
    """One `add`: what it has stored so far, and what it could not use."""

    def __init__(
        self, catalog: Catalog, mapping: Mapping[str, str] | None, kind: str | None
    ) -> None:
        self._catalog = catalog
        self.mapping = mapping
        self.kind = kind
        self.report = AddReport()
        self.usable = False
        self._unusable: list[CuratorError] = []

    @contextmanager
    def refusing(self, source: str) -> Iterator[None]:
        """What cannot be used is noted, and the next source is read all the same."""
        try:
            yield
        except InputError as error:
            self._refuse(_stored_name(source), error)
        except FetchError as error:
            if is_address(source):
                self._refuse(source, error)
            else:  # a feed's own row says what is wrong with it
                self._say(source, error)
        except UsageError as error:  # a word that is no source is nothing that came in
            self._say(source, error)

    def files(self, source: str, follow: Follow) -> Iterator[AddReport]:
        """Stores what a file, the pipe, a glob or a folder has."""
        from curator.sources import expand, read

        for name in expand([source]):
            with self.refusing(name):
                reading = read(name, mapping=self.mapping, kind=self.kind)
                yield from self.store(reading, follow)

    def store(self, reading: SourceReading, follow: Follow) -> Iterator[AddReport]:
        """Stores one reading, chunk by chunk."""
        self.usable = True
        entries = _to_the_end(reading)
        yield from self._catalog.papers.add(
            entries, reading.name, self.report, kind=reading.kind, follow=follow
        )

    def _say(self, source: str, error: CuratorError) -> None:
        self._unusable.append(error)
        self.report.rejected.append((source, Rejected("", str(error))))

    def _refuse(self, source: str, error: CuratorError) -> None:
        self._unusable.append(error)
        entry = Rejected("", str(error))
        for _ in self._catalog.papers.add([entry], source, self.report, complete=False):
            pass

    def raise_if_unusable(self) -> None:
        """Wholly unusable input is an error, not a list of rejections."""
        if self._unusable and not self.usable:
            first = self._unusable[0]
            raise (
                first
                if len(self._unusable) == 1
                else InputError(" ".join(map(str, self._unusable)))
            )


def _stored_name(source: str) -> str:
    """The name that a file's entries are stored under, so that reading it mends its refusal."""
    plain = source == "-" or is_address(source)
    return source if plain else str(Path(source).expanduser().absolute())


def _not_after(now: datetime, shown: str | None) -> str | None:
    """An ISO date or timestamp, but not one after ``now``; None for what is none.

    Either clock may be wrong, the service's or ours. What is asked for from too early a day on
    is read twice; from too late a day on, it would be lost in silence.
    """
    try:
        moment = datetime.fromisoformat((shown or "").strip())
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return shown if moment <= now else now.isoformat(timespec="seconds")


def _count_round(places: Counter[str], place: str) -> None:
    places[place] += 1
    if places[place] >= _ROUNDS:
        raise FetchError(
            f"The service leads round in circles: its list came to one place {_ROUNDS} times.",
            remedy="What it brought is kept. Try again later.",
        )


def _generator(pages: Iterator[Any]) -> Any:
    """Feeds are generators, which close what they hold when they are closed."""
    yield from pages


def _to_the_end(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Entries of a source; where it breaks off (bad bytes, say), what came before stays."""
    try:
        yield from entries
    except InputError as error:
        yield Rejected("the rest", str(error))
