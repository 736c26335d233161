"""OpenAlex: answers of ``/works``, lines of its snapshot, and the feed ``openalex:``.

The API: https://developers.openalex.org. Since February 2026 it gives little without a (free)
key and ignores ``mailto``; 100 works a page is the most. Paging by cursor needs a key; without
one, pages have numbers, up to the 10,000th work.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from curator.errors import FetchError, UsageError
from curator.fetch import Fetcher
from curator.paper import Entry, Record, Rejected
from curator.sources.base import Cursor, FeedState, Page
from curator.sources.fields import about
from curator.sources.jsonl import answer
from curator.sources.names import flipped
from curator.sources.values import (
    day_of,
    doi_in,
    hints_of,
    keywords_of,
    name_in,
    starting_day,
    untagged,
)

__all__ = ["OpenAlex", "abstract_of", "entry", "fits", "of"]

_EMPTY = 3  # pages without a work, though the list goes on, after which it is given up
API = "https://api.openalex.org/works"
# OpenAlex learns of papers late, and only who pays may ask for what it has learnt since a day
# (`from_created_date`), so that weeks already read are read again.
LATE = timedelta(days=30)
_PAGE = 100
_DEEPEST = 10_000
_WORK = re.compile(r"(?:https?://(?:api\.)?openalex\.org/(?:works/)?)?(W\d{4,12})", re.IGNORECASE)
_ARXIV = re.compile(r"^https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf)/", re.IGNORECASE)
_FROM = re.compile(r"(?:^|,)(?:from_)?publication_(?:date|year):")
# Where a preprint lies is no venue: kept, it would stand in the way of the real one.
_NO_VENUE = re.compile(r"arxiv|biorxiv|medrxiv|zenodo|ssrn|pubmed|hal\b|\bdoaj\b", re.IGNORECASE)
_HINTS = ("type", "language", "cited_by_count", "is_retracted")


def fits(keys: Collection[str]) -> bool:
    """Whether an object with these fields is a work of OpenAlex."""
    return "abstract_inverted_index" in keys or (
        "authorships" in keys and ("display_name" in keys or "title" in keys)
    )


def abstract_of(index: object) -> str | None:
    """The text of an ``abstract_inverted_index``: words, each with the places it stands at.

    Places are only put in order, never counted up to, so that gaps and a place of 10⁹ cost
    nothing. Those that are no whole numbers are left out. None where there is no word.
    """
    if not isinstance(index, dict):
        return None
    places = [
        (place, word)
        for word, positions in index.items()
        if isinstance(positions, list)
        for place in positions
        if type(place) is int and place >= 0
    ]
    places.sort(key=lambda item: item[0])
    return " ".join(word for _, word in places) or None


def entry(work: Mapping[str, Any], where: str) -> Record | Rejected:
    """A record of one work, whose abstract is empty where OpenAlex has none.

    Keywords, topics and concepts are a model's work, and so hints.
    """
    given = work.get("ids")
    outer = given if isinstance(given, dict) else {}
    places = [work.get("primary_location"), *_list(work.get("locations"))]
    locations = [place for place in places if isinstance(place, dict)]
    addresses = [
        url
        for place in locations
        for name in ("landing_page_url", "pdf_url")
        if isinstance(url := place.get(name), str)
    ]
    arxiv = next((url for url in addresses if _ARXIV.match(url)), None)
    doi = doi_in(work.get("doi") or outer.get("doi"))
    sources = (name_in(place.get("source")) for place in locations)
    venue = next((name for name in sources if name and not _NO_VENUE.search(name)), None)
    own_id = work.get("id") or outer.get("openalex")
    pmid, pmcid = (str(outer.get(key) or "").rstrip("/") for key in ("pmid", "pmcid"))
    pmcid = pmcid.rpartition("/")[2]
    hints = hints_of(work, _HINTS)
    for key in ("keywords", "topics", "concepts"):
        if words := keywords_of(work.get(key)):
            hints[key] = words
    if not hints.get("is_retracted"):
        hints.pop("is_retracted", None)  # so that the hint says something where it is there
    title = work.get("display_name") or work.get("title")
    abstract = abstract_of(work.get("abstract_inverted_index"))
    try:
        return Record.make(
            where=where,
            title=untagged(title) if isinstance(title, str) else title,
            abstract=untagged(abstract) if abstract else None,
            needs_abstract=False,
            source_id=own_id if isinstance(own_id, str) else None,
            doi=doi,
            authors=[
                author for item in _list(work.get("authorships")) if (author := _author(item))
            ],
            published=day_of(work.get("publication_date")) or day_of(work.get("publication_year")),
            updated=None,  # its own `updated_date` is that of counts and links
            url=None if doi or arxiv else next(iter(addresses), None),
            venue=venue,
            ids=[
                ("arxiv", arxiv),
                ("openalex", own_id),
                ("pmid", pmid.rpartition("/")[2]),
                ("pmcid", f"PMC{pmcid}" if pmcid.isdecimal() else pmcid),
            ],
            hints=hints,
        )
    except ValueError as error:
        return Rejected(where, f"{error}: {about(work)}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _author(item: Any) -> str | None:
    if not isinstance(item, dict):
        return None
    name = name_in(item.get("author")) or name_in(item.get("raw_author_name"))
    return flipped(name) if name else None


def of(rest: str, api_key: str | None = None, contact: str | None = None) -> OpenAlex:
    """The feed named by what stands after ``openalex:``.

    Raises:
        UsageError: it names nothing.
    """
    query = " ".join(rest.split())
    if not query.removeprefix("filter=").strip(" ,"):
        raise UsageError(
            "openalex: needs a search, a filter or the name of a work.",
            remedy="For example openalex:retrieval augmented generation, "
            "openalex:filter=primary_topic.id:T10181, or openalex:W2741809807.",
        )
    return OpenAlex(query, api_key, contact)


class OpenAlex:
    """The feed ``openalex:``: a search, ``filter=…`` in OpenAlex's own words, or one work.

    A search gives the best matches first, a filter the newest. What was read before is not
    asked for again, but for the last weeks, in which works still come in late.
    """

    kind = "openalex"

    def __init__(self, query: str, api_key: str | None = None, contact: str | None = None) -> None:
        self.spec = f"{self.kind}:{query}"
        self._query = query
        self._key = api_key
        self._contact = contact

    def pages(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        """See `curator.sources.base.Feed`."""
        single = _WORK.fullmatch(self._query)
        doi = doi_in(self._query) if " " not in self._query and "=" not in self._query else None
        if single:
            yield self._work(fetch, single[1].upper())
        elif doi:
            yield self._work(fetch, f"doi:{doi}")
        else:
            yield from self._works(fetch, state)

    def _access(self) -> dict[str, str | int]:
        if self._key:
            return {"api_key": self._key}
        return {"mailto": self._contact} if self._contact else {}

    def _work(self, fetch: Fetcher, name: str) -> Page:
        try:
            fetched = fetch.get(f"{API}/{quote(name, safe=':/')}", params=self._access())
        except FetchError as error:
            if error.status == 404:
                return Page([Rejected(name, f"OpenAlex does not know this work: {name}")])
            raise
        work = answer(fetched, "OpenAlex")
        if not isinstance(work, dict):
            raise _odd("no work")
        return Page([entry(work, name)], of=1)

    def _works(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        start: Cursor = {
            "from": starting_day(state.since, LATE),
            "until": state.today.isoformat(),  # what comes in meanwhile belongs to the next time
            "next": "*" if self._key else 1,
        }
        cursor = state.cursor or start
        empty = 0
        while True:
            try:
                fetched = fetch.get(API, params=self._asked(cursor))
            except FetchError as error:
                if cursor is state.cursor and error.status in {400, 401, 404}:
                    cursor = start  # cursors expire: the search is begun again
                    continue
                raise
            value = answer(fetched, "OpenAlex")
            works = value.get("results") if isinstance(value, dict) else None
            if not isinstance(works, list):
                raise _odd("no list of works")
            meta = value["meta"] if isinstance(value.get("meta"), dict) else {}
            count = meta.get("count")
            entries: list[Entry] = [_listed(work, n) for n, work in enumerate(works, start=1)]
            following = self._following(cursor["next"], meta, len(works), count)
            empty = 0 if works else empty + 1
            if following and empty >= _EMPTY:
                yield Page([])  # the next reading begins anew: this place leads nowhere
                raise _odd(f"{empty} empty pages, one after the other")
            if isinstance(following, int) and following * _PAGE > _DEEPEST:
                # Not an error: a reading that ends so would never get beyond this place.
                entries.append(
                    Rejected(
                        "the rest",
                        f"without a key OpenAlex gives the first {_DEEPEST:,} works only; get a "
                        "free key at openalex.org/settings/api, or narrow the search",
                    )
                )
                following = None
            after = cursor | {"next": following} if following else None
            yield Page(
                entries,
                cursor=after,
                shown_until=None if after else cursor["until"],
                of=count if isinstance(count, int) else None,
            )
            if after is None:
                return
            cursor = after

    def _asked(self, cursor: Cursor) -> dict[str, str | int]:
        asked = self._access() | {"per_page": _PAGE}
        asked["cursor" if isinstance(cursor["next"], str) else "page"] = cursor["next"]
        filters = []
        if self._query.startswith("filter="):
            filters.append(self._query.removeprefix("filter=").strip(" ,"))
            asked["sort"] = "publication_date:desc"
        else:
            asked["search"] = self._query
        if cursor["from"] and not _FROM.search(",".join(filters)):
            filters.append(f"from_publication_date:{cursor['from']}")
        if filters:
            asked["filter"] = ",".join(filters)
        return asked

    def _following(
        self, now: str | int, meta: Mapping[str, Any], got: int, count: object
    ) -> str | int | None:
        if isinstance(now, str):
            following = meta.get("next_cursor")
            if following == now:
                raise _odd("the same page again")
            return following if isinstance(following, str) else None
        # A page can have fewer works than it should, or none, and not be the last.
        more = got >= _PAGE or (isinstance(count, int) and now * _PAGE < count)
        return now + 1 if more else None


def _listed(work: Any, number: int) -> Record | Rejected:
    if not isinstance(work, dict):
        return Rejected(f"entry {number}", "not a JSON object")
    name = work.get("id")
    return entry(
        work, f"work {name.rpartition('/')[2]}" if isinstance(name, str) else f"entry {number}"
    )


def _odd(what: str) -> FetchError:
    return FetchError(f"OpenAlex answered with {what}.", remedy="Try again later.")
