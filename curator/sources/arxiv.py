"""The feed ``arxiv:``: categories, searches and single papers, by arXiv's search service.

A search is asked for by days of submission and read from the oldest on, so that papers that
come in meanwhile stand at the end and move nothing. The service is known to give empty pages,
the same page twice and results out of order, and to refuse what lies behind the 10,000th
result; so nothing here depends on the order, a page is only believed if it can be the one that
was asked for, and a long list is asked for in shorter spans of days.

A new version of an old paper has the old day of submission: `oai:` and `arxiv-rss:` bring those.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from curator.errors import FetchError, InputError, UsageError
from curator.fetch import Fetcher
from curator.identifiers import arxiv_id_of
from curator.paper import Record, Rejected
from curator.sources.arxiv_atom import ArxivError, Results, parse_results
from curator.sources.arxiv_query import categories_in, dated, query_of
from curator.sources.base import Cursor, FeedState, Page
from curator.sources.xml import NotXML, answer

__all__ = ["ArxivPapers", "ArxivSearch", "of"]

API = "https://export.arxiv.org/api/query"
PAGE = 100
DEEPEST = 10_000  # results of one search that can be paged through
FIRST = timedelta(days=7)  # what a first reading goes back
# A paper keeps its day of submission while moderators and weekends hold it back.
LATE = timedelta(days=7)
OVERLAP = 5  # entries read again with each page: papers taken back move the rest up
_EMPTY = "an empty page"
_TRIES = 4
_MINUTE = "%Y%m%d%H%M"  # how arXiv wants moments, in UTC


def of(rest: str) -> ArxivPapers | ArxivSearch:
    """The feed of a spec without its ``arxiv:``.

    ``cs.CL``, ``cs.CL+cs.LG``, ``2401.01234v2,2401.01235``, ``"tree of thoughts"``, ``au:Tarjan
    AND cat:cs.DS``; each but the papers may end in ``@2026-11-01``, the day to start from.

    Raises:
        UsageError: it is none of these, or looks like one and is not.
    """
    text = rest.strip()
    if not text:
        raise UsageError("arxiv: says nothing to get.", remedy=_REMEDY)
    words, since = dated(text)
    if since and arxiv_id_of(words):
        raise UsageError("A single paper has no day to start from.", remedy=f"Use arxiv:{words}.")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    names = [arxiv_id_of(part) for part in parts]
    if any(names) or all(re.match(r"\d{4}\.\d+|[a-z-]+/\d", part) for part in parts):
        for part, name in zip(parts, names, strict=True):
            if name is None:
                raise UsageError(
                    f"{part[:60]!r} is not an arXiv identifier.",
                    remedy="They look like 2401.01234, 2401.01234v2 or hep-th/9901001.",
                )
        return ArxivPapers([name for name in names if name])
    spec = f"arxiv:{text}"
    categories = categories_in(words)
    query = " OR ".join(categories) if categories else query_of(words)
    return ArxivSearch(spec, query, since)


_REMEDY = (
    "Give a category (arxiv:cs.CL), papers (arxiv:2401.01234), or words to search for "
    "('arxiv:\"tree of thoughts\"')."
)


class ArxivPapers:
    """Papers named by their numbers. Each reading gets all of them: they may have changed."""

    kind = "arxiv"

    def __init__(self, names: list[tuple[str, int | None]]) -> None:
        written = [f"{name}v{version}" if version else name for name, version in names]
        self._ids = list(dict.fromkeys(written))
        self.spec = f"arxiv:{','.join(self._ids)}"

    def pages(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        """100 papers a page. A number that arXiv does not know comes as `Rejected`."""
        for done in range(_number(state.cursor, "done") or 0, len(self._ids), PAGE):
            asked = self._ids[done : done + PAGE]
            results = _results(fetch, {"id_list": ",".join(asked), "max_results": len(asked)})
            found = {e.arxiv_id for e in results.entries if isinstance(e, Record)}
            missing = [
                Rejected(f"arXiv:{one}", "arXiv has no paper of this number")
                for one in asked
                if (name := arxiv_id_of(one)) and name[0] not in found
            ]
            done_then = done + len(asked)
            yield Page(
                [*_placed(results, done), *missing],
                cursor={"done": done_then} if done_then < len(self._ids) else None,
                of=len(self._ids),
            )


@dataclass(frozen=True, slots=True)
class _Span:
    """What is being read: the days from ``start`` to ``end`` of all until ``last``, of which
    ``offset`` results are done. ``of`` is how many there were in all at the beginning, ``shown``
    the day on which the last one came in."""

    start: datetime
    end: datetime
    last: datetime
    offset: int = 0
    of: int | None = None
    shown: str | None = None

    def cursor(self) -> Cursor:
        return {
            "start": self.start.strftime(_MINUTE),
            "end": self.end.strftime(_MINUTE),
            "last": self.last.strftime(_MINUTE),
            "offset": self.offset,
            "of": self.of,
            "shown": self.shown,
        }

    @classmethod
    def from_cursor(cls, cursor: Cursor | None) -> _Span | None:
        moments = [(cursor or {}).get(name) for name in ("start", "end", "last")]
        try:
            start, end, last = (
                datetime.strptime(str(at), _MINUTE).replace(tzinfo=UTC) for at in moments
            )
        except ValueError:
            return None  # none, or written by another version: what is read twice does no harm
        offset, of = _number(cursor, "offset") or 0, _number(cursor, "of")
        shown = (cursor or {}).get("shown")
        return cls(start, end, last, offset, of, shown if isinstance(shown, str) else None)


class ArxivSearch:
    """A search, or the new papers of categories, by day of submission."""

    kind = "arxiv"

    def __init__(self, spec: str, query: str, since: date | None) -> None:
        self.spec = spec
        self._query = query
        self._since = since

    def pages(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        """100 papers a page, from the oldest on.

        The first reading begins at the day that the spec names, else a week ago; each other
        one a week before the end of the last, since papers come in late.

        Raises:
            FetchError: arXiv refuses the search, or does not give a page that it should have.
        """
        resumed = _Span.from_cursor(state.cursor)
        span = resumed or self._fresh(state)
        before: set[str] = set()  # what the last page had
        while True:
            try:
                results = _results(fetch, self._wanted(span), span.offset, before)
            except _EmptyPage:
                if span != resumed or not span.offset:
                    raise
                # The last reading ended so too: the count is wrong, or arXiv out of order for
                # long. The next one begins at the last paper that was seen, so that new ones
                # come in and none is lost.
                yield Page([], shown_until=span.shown or span.start.isoformat())
                return
            total = results.total if results.total is not None else len(results.entries)
            days = [e.published for e in results.entries if isinstance(e, Record) and e.published]
            span = replace(
                span,
                of=total if span.of is None else span.of,
                shown=max(days, default=span.shown),
            )
            if not span.offset and total > DEEPEST - PAGE:
                span = _halved(span)
                continue
            reached = span.offset + len(results.entries)
            fresh = [e for e in _placed(results, span.offset) if _key(e) not in before]
            before = {_key(entry) for entry in results.entries}
            covered = None
            following: _Span | None
            if reached < total or len(results.entries) >= PAGE:
                # Fewer than were asked for is no sign of the end, and a full page always one of
                # more, whatever the total says.
                following = replace(span, offset=max(span.offset + 1, reached - OVERLAP))
            else:
                at = min(filter(None, (span.end, state.now, _moment(results.updated))))
                covered = at.astimezone(UTC).isoformat(timespec="seconds")
                following = None
                if span.end < span.last:
                    following = replace(span, start=span.end, end=span.last, offset=0)
                    before = set()
            yield Page(
                fresh,
                cursor=following.cursor() if following else None,
                shown_until=covered,
                of=span.of,
            )
            if following is None:
                return
            span = following

    def _fresh(self, state: FeedState) -> _Span:
        last = state.now + timedelta(days=1)  # a day for clocks that are not right
        start = state.now - FIRST
        if self._since:
            start = datetime(self._since.year, self._since.month, self._since.day, tzinfo=UTC)
        if read := _moment(state.since):
            start = max(read - LATE, start) if self._since else read - LATE
        return _Span(min(start, last), last, last)

    def _wanted(self, span: _Span) -> dict[str, str | int]:
        days = f"[{span.start.strftime(_MINUTE)} TO {span.end.strftime(_MINUTE)}]"
        return {
            "search_query": f"({self._query}) AND submittedDate:{days}",
            "start": span.offset,
            "max_results": PAGE,
            "sortBy": "submittedDate",
            "sortOrder": "ascending",
        }


class _EmptyPage(FetchError):
    """A page without results, though arXiv's count says that there are more."""


def _results(
    fetch: Fetcher, wanted: dict[str, str | int], offset: int = 0, before: Collection[str] = ()
) -> Results:
    """A page that can be the one that was asked for; asked again where it is not."""
    for _ in range(_TRIES):
        try:
            results = answer(fetch.get(API, params=wanted), parse_results)
        except FetchError as error:
            problem = _passing(error)
        else:
            problem = _problem(results, offset, before)
            if not problem:
                return results
    kind = _EmptyPage if problem.startswith(_EMPTY) else FetchError
    raise kind(
        f"arXiv gives {problem}, also when asked {_TRIES} times.",
        remedy="Try again later: it goes on from here.",
    )


def _passing(error: FetchError) -> str:
    """What was wrong, if asking again can help; else raises what the reader should know."""
    cause = error.__cause__
    if isinstance(cause, ArxivError) or error.status == 400:
        what = cause.message if isinstance(cause, ArxivError) else error.message
        raise FetchError(
            f"arXiv cannot read the search. {what}",
            remedy="Check its fields (ti, au, abs, cat, all), quotes and brackets.",
            retryable=False,
        ) from error
    # A web page in place of the answer asks for patience, not for more requests; and what the
    # fetcher gave up on it has tried often enough.
    if not isinstance(cause, InputError) or isinstance(cause, NotXML):
        raise error
    return f"a broken answer ({cause.message.rstrip('.')})"


def _problem(results: Results, offset: int, before: Collection[str]) -> str:
    """Why a page cannot be the one that was asked for; empty if it can."""
    if not results.entries and results.total is not None and results.total > offset:
        return f"{_EMPTY} after {offset:,} of {results.total:,} results"
    if results.start is not None and results.start != offset and results.entries:
        return f"the results from {results.start:,} on in place of those from {offset:,} on"
    keys = {_key(entry) for entry in results.entries}
    if len(keys) > OVERLAP and keys <= set(before):
        return "the same page again"
    return ""


def _halved(span: _Span) -> _Span:
    # To whole minutes, which is all that arXiv knows.
    middle = (span.start + (span.end - span.start) / 2).replace(second=0, microsecond=0)
    if not span.start < middle < span.end:
        raise FetchError(
            f"arXiv has more than {DEEPEST:,} results for {span.start:%Y-%m-%d %H:%M}.",
            remedy="Narrow the search, or use oai: for all of arXiv.",
            retryable=False,
        )
    return replace(span, end=middle)


def _key(entry: Record | Rejected) -> str:
    return (entry.source_id or entry.title) if isinstance(entry, Record) else entry.reason


def _placed(results: Results, offset: int = 0) -> list[Record | Rejected]:
    """With places that mean something: nobody sees the page that has an ``entry 3``."""
    return [
        replace(
            entry,
            where=f"arXiv:{entry.arxiv_id}"
            if isinstance(entry, Record) and entry.arxiv_id
            else f"result {offset + number}",
        )
        for number, entry in enumerate(results.entries, start=1)
    ]


def _moment(text: str | None) -> datetime | None:
    """An ISO date or timestamp, in UTC; None for what is neither."""
    try:
        found = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _number(cursor: Cursor | None, name: str) -> int | None:
    value = (cursor or {}).get(name)
    return value if type(value) is int and value >= 0 else None
