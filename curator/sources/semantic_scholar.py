"""Semantic Scholar: answers of its Graph API, files of its data sets, and the feed ``s2:``.

The API: https://api.semanticscholar.org/api-docs/graph. Its bulk search gives no ``tldr``
(https://github.com/allenai/s2-folks/issues/161), so only single papers are asked for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from curator.errors import FetchError, UsageError
from curator.fetch import Fetcher
from curator.paper import Record, Rejected
from curator.sources.base import FeedState, Page
from curator.sources.fields import about
from curator.sources.jsonl import answer
from curator.sources.names import names_of
from curator.sources.values import (
    day_of,
    doi_in,
    hints_of,
    keywords_of,
    name_in,
    starting_day,
    untagged,
)

__all__ = ["SemanticScholar", "entry", "fits", "of"]

_EMPTY = 3  # pages without a paper, though the list goes on, after which it is given up
API = "https://api.semanticscholar.org/graph/v1/paper"
# Papers get into the index some weeks after the day they are published.
LATE = timedelta(days=30)
_FIELDS = (
    "paperId,corpusId,externalIds,url,title,abstract,venue,publicationVenue,journal,year,"
    "publicationDate,authors,citationCount,fieldsOfStudy,publicationTypes"
)
_PREFIXES = {
    prefix.lower(): prefix
    for prefix in ("ARXIV", "DOI", "CorpusId", "PMID", "PMCID", "ACL", "MAG", "URL")
}
_SINGLE = re.compile(rf"(?:({'|'.join(_PREFIXES)}):(\S+)|[0-9a-f]{{40}})", re.IGNORECASE)
_HINTS = ("citationCount", "citationcount", "fieldsOfStudy", "publicationTypes")
_SCHEMES = {"acl": "acl", "pubmed": "pmid", "pubmedcentral": "pmcid", "dblp": "dblp"}
# A preprint server is no venue: kept, it would stand in the way of the real one.
_NO_VENUE = {"arxiv", "arxiv.org", "biorxiv", "medrxiv", "corr"}


def fits(keys: Collection[str]) -> bool:
    """Whether an object with these fields is a paper of Semantic Scholar."""
    return (
        "externalIds" in keys
        or "externalids" in keys
        or ("paperId" in keys and "abstract" not in keys and "summary" not in keys)
        or ("paperId" in keys and ("corpusId" in keys or "publicationVenue" in keys))
        or ("paperAbstract" in keys and "inCitations" in keys)
    )


def entry(paper: Mapping[str, Any], where: str) -> Record | Rejected:
    """A record of one paper, whose abstract is empty where Semantic Scholar has none.

    ``tldr`` is a model's sentence: it becomes a hint, never text.
    """
    lower = {key.lower(): value for key, value in paper.items()}  # data sets write corpusid
    given = lower.get("externalids")
    outer = {str(k).lower(): v for k, v in given.items()} if isinstance(given, dict) else {}
    doi = doi_in(outer.get("doi") or lower.get("doi"))
    number = lower.get("corpusid") or outer.get("corpusid")
    ids: list[tuple[str, object]] = [("arxiv", outer.get("arxiv"))]
    for name, scheme in _SCHEMES.items():
        value = str(outer.get(name) or "")
        ids.append((scheme, f"PMC{value}" if scheme == "pmcid" and value.isdecimal() else value))
    # One of its two names for a paper: records that had one each would seem to be two papers.
    ids.append(("s2", number or lower.get("paperid")))
    hints = hints_of(paper, _HINTS)
    tldr = lower.get("tldr")
    if isinstance(tldr, dict):
        said = hints_of(tldr, ("text", "model"))
        hints |= {f"tldr_{name}" if name != "text" else "tldr": said[name] for name in said}
    if "fieldsOfStudy" not in hints and (words := keywords_of(lower.get("s2fieldsofstudy"))):
        hints["fieldsOfStudy"] = list(dict.fromkeys(words))
    url = lower.get("url") or lower.get("s2url")
    venues = [name_in(lower.get(name)) for name in ("venue", "publicationvenue", "journal")]
    title, abstract = lower.get("title"), lower.get("abstract") or lower.get("paperabstract")
    try:
        return Record.make(
            where=where,
            title=untagged(title) if isinstance(title, str) else title,
            abstract=untagged(abstract) if isinstance(abstract, str) else None,
            needs_abstract=False,
            source_id=str(lower.get("paperid") or lower.get("id") or number or ""),
            doi=doi,
            authors=names_of(lower.get("authors")) or (),
            published=day_of(lower.get("publicationdate")) or day_of(lower.get("year")),
            # Its own page only where nothing better leads to the paper.
            url=url if isinstance(url, str) and not (doi or outer.get("arxiv")) else None,
            venue=next((v for v in venues if v and v.lower() not in _NO_VENUE), None),
            ids=ids,
            hints=hints,
        )
    except ValueError as error:
        return Rejected(where, f"{error}: {about(paper)}")


def of(rest: str, api_key: str | None = None) -> SemanticScholar:
    """The feed named by what stands after ``s2:``. Raises `UsageError` where that is empty."""
    query = " ".join(rest.split())
    if not query:
        raise UsageError(
            "s2: needs a search or the name of a paper.",
            remedy="For example s2:retrieval augmented generation, or s2:ARXIV:2401.01234.",
        )
    return SemanticScholar(query, api_key)


class SemanticScholar:
    """The feed ``s2:``: a search (``s2:words of a query``) or one paper (``s2:ARXIV:2401.01234``).

    A search gives the newest first, 1,000 a page. What it gave before is not asked for again,
    but for the last weeks, in which papers still come in late.
    """

    kind = "s2"

    def __init__(self, query: str, api_key: str | None = None) -> None:
        self.spec = f"{self.kind}:{query}"
        self._query = query
        self._headers = {"x-api-key": api_key} if api_key else None

    def pages(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        """See `curator.sources.base.Feed`."""
        single = _SINGLE.fullmatch(self._query)
        if single:
            prefix = f"{_PREFIXES[single[1].lower()]}:{single[2]}" if single[1] else self._query
            yield self._paper(fetch, prefix)
        else:
            yield from self._search(fetch, state)

    def _paper(self, fetch: Fetcher, name: str) -> Page:
        try:
            fetched = fetch.get(
                f"{API}/{quote(name, safe=':/')}",
                params={"fields": f"{_FIELDS},tldr"},
                headers=self._headers,
            )
        except FetchError as error:
            if error.status == 404:
                return Page([Rejected(name, f"Semantic Scholar does not know this paper: {name}")])
            raise
        paper = answer(fetched, "Semantic Scholar")
        if not isinstance(paper, dict):
            raise _odd("no paper")
        return Page([entry(paper, name)], of=1)

    def _search(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        cursor = state.cursor or {}
        token, since = cursor.get("token"), cursor.get("from")
        # What comes in while this is read belongs to the next time.
        until = cursor.get("until") or state.today.isoformat()
        if not cursor:
            since = starting_day(state.since, LATE)
        empty = 0
        while True:
            params = {"query": self._query, "fields": _FIELDS, "sort": "publicationDate:desc"}
            if since:
                params["publicationDateOrYear"] = f"{since}:"
            if token:
                params["token"] = token
            try:
                fetched = fetch.get(f"{API}/search/bulk", params=params, headers=self._headers)
            except FetchError as error:
                if token and token == cursor.get("token") and error.status in {400, 404}:
                    token, cursor = None, {}  # tokens expire: the search is begun again
                    continue
                raise
            value = answer(fetched, "Semantic Scholar")
            papers = value.get("data") if isinstance(value, dict) else None
            if not isinstance(papers, list):
                raise _odd("no list of papers")
            before, token = token, value.get("token")  # an empty page may still have one
            empty = 0 if papers else empty + 1
            if token and empty >= _EMPTY:
                yield Page([])  # the next reading begins anew: this place leads nowhere
                raise _odd(f"{empty} empty pages, one after the other")
            if token is not None and (not isinstance(token, str) or token == before):
                raise _odd("the same page again")
            total = value.get("total")
            yield Page(
                [_listed(paper, number) for number, paper in enumerate(papers, start=1)],
                cursor={"token": token, "from": since, "until": until} if token else None,
                shown_until=None if token else until,
                of=total if isinstance(total, int) else None,
            )
            if not token:
                return


def _listed(paper: Any, number: int) -> Record | Rejected:
    if not isinstance(paper, dict):
        return Rejected(f"entry {number}", "Semantic Scholar does not know this paper")
    name = paper.get("paperId")
    return entry(paper, f"paper {name}" if isinstance(name, str) else f"entry {number}")


def _odd(what: str) -> FetchError:
    return FetchError(f"Semantic Scholar answered with {what}.", remedy="Try again later.")
