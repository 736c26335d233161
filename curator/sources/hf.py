"""Hugging Face Daily Papers: answers of its API, scrapes of its pages, and the feed ``hf:``.

The API: https://huggingface.co/docs/hub/en/api#get-apidailypapers. It knows ``week`` and
``month`` too, but 100 papers are the most that one answer holds, and a month has a thousand; a
day mostly fits, and one that does not is paged. A day in the future is an error there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from curator.errors import FetchError, UsageError
from curator.fetch import Fetcher
from curator.paper import Entry, Record, Rejected
from curator.sources.base import FeedState, Page
from curator.sources.fields import about
from curator.sources.jsonl import answer
from curator.sources.names import names_of
from curator.sources.values import arxiv_of, count_of, day_of, excerpt, hints_of

__all__ = ["HuggingFace", "entry", "fits", "fits_scrape", "of", "scraped"]

API = "https://huggingface.co/api/daily_papers"
_FIRST = date(2023, 5, 4)  # the first day that has a page
_DAYS = 7  # what the first pull reads
# Lists grow for a while, and a service in trouble shows a day as empty. Days that have not
# changed cost next to nothing.
LATE = timedelta(days=2)
_PAGE = 100  # https://github.com/huggingface/huggingface_hub: HfApi.list_daily_papers
_PAGES = 20
_HINTS = ("ai_summary", "ai_keywords", "ai_summary_model", "organization", "githubRepo",
          "githubStars", "projectPage", "numComments")  # fmt: skip
_ID = re.compile(r"[\w./-]{1,80}", re.ASCII)

# What people write under a paper, which scrapes take for its abstract.
_EMOJI = re.compile("[\u2600-\u27bf\u20e3\ufe0f\U0001f000-\U0001faff]")
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)
_TALK = re.compile(
    r"\b(?:stay tuned|excited to|happy to|glad to|proud to|check ?out|coming soon|working on"
    r"|feel free|join us|follow us|new paper|our (?:blog|tweet|thread)|tl;?dr|thanks?)\b"
    r"|(?:project page|github(?: repo)?|code|demo|blog|links?|keywords|highlights|arxiv|paper)\s*:",
    re.IGNORECASE,
)
_SHORT = 400  # characters; one abstract of arXiv in twenty is shorter, and most comments are


def fits(keys: Collection[str]) -> bool:
    """Whether an object with these fields is a paper of the API, in its wrapper or without."""
    if "abstract" in keys:
        return False
    if "paper" in keys:
        return "title" in keys or "publishedAt" in keys or len(keys) == 1
    return (
        {"id", "summary", "publishedAt"} <= set(keys)
        and not {"upvotes", "submittedOnDailyAt", "ai_summary", "discussionId"}.isdisjoint(keys)
    )  # fmt: skip


def fits_scrape(keys: Collection[str]) -> bool:
    """Whether an object with these fields was scraped off the site's pages."""
    return "details" in keys and ("paper_url" in keys or "scraped_date" in keys)


def entry(item: Mapping[str, Any], where: str, listed: str | None = None) -> Record | Rejected:
    """A record of one paper. ``listed`` is its day where the answer does not say it.

    ``summary`` is the abstract; ``ai_summary`` is a model's sentence and so a hint.
    """
    inner = item.get("paper")
    paper: Mapping[str, Any] = inner if isinstance(inner, dict) else item
    both = {**item, **paper}
    name = both.get("id")
    arxiv = arxiv_of(name)
    url = None
    if arxiv is None and isinstance(name, str) and _ID.fullmatch(name):
        url = f"https://huggingface.co/papers/{name}"
    try:
        return Record.make(
            where=where,
            title=paper.get("title") or item.get("title"),
            abstract=both.get("summary") if isinstance(both.get("summary"), str) else None,
            needs_abstract=False,
            source_id=name if isinstance(name, str | int) else None,
            arxiv_id=arxiv,
            authors=names_of(both.get("authors")) or (),
            published=day_of(both.get("publishedAt")),
            listed=day_of(both.get("submittedOnDailyAt")) or listed,
            url=url,
            upvotes=count_of(both.get("upvotes")),
            hints=hints_of(both, _HINTS),
        )
    except ValueError as error:
        return Rejected(where, f"{error}: {about(paper)}")


def scraped(item: Mapping[str, Any], where: str) -> Record | Rejected:
    """A record of one scraped card, where what stands for its abstract is one.

    On these pages the first text under a title is often a comment by whoever posted the paper,
    and the names beside it are a few of the authors, or of those who voted, in any order. So
    the names are only hints, and a text that may be a comment is refused.
    """
    inner = item.get("details")
    details: Mapping[str, Any] = inner if isinstance(inner, dict) else {}
    title = item.get("title") or details.get("title")
    text = details.get("abstract") or item.get("abstract")
    listed = day_of(item.get("scraped_date") or details.get("scraped_at"))
    feed = f"; `curator add hf:{listed}` gets it" if listed and len(listed) == 10 else ""
    if isinstance(text, str) and text.strip() and _is_talk(text):
        what = excerpt(title) if isinstance(title, str) else about(item)
        return Rejected(
            where,
            "what stands where the abstract should be looks like a comment from the page"
            f"{feed}: {what}",
        )
    addresses = (details.get("arxiv_page_url"), item.get("paper_url"), details.get("page_url"))
    try:
        return Record.make(
            where=where,
            title=title,
            abstract=text if isinstance(text, str) else None,
            arxiv_id=next((found for url in addresses if (found := arxiv_of(url))), None),
            listed=listed,
            hints=hints_of(
                {"names_on_page": item.get("authors"), **details}, ("names_on_page", "github_links")
            ),
        )
    except ValueError as error:
        return Rejected(where, f"{error}{feed}: {about(item)}")


def _is_talk(text: str) -> bool:
    return (
        len(text) < _SHORT
        or bool(_EMOJI.search(text))
        or bool(_TALK.search(text))
        or len(_ADDRESS.findall(text)) > 1
    )


def of(rest: str) -> HuggingFace:
    """The feed named by what stands after ``hf:``.

    Raises:
        UsageError: that is no period, or one before there were Daily Papers.
    """
    rest = rest.strip()
    if rest in {"", "daily"}:
        return HuggingFace("daily")
    try:
        first, last = _period(rest)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{rest[:40]!r} is no day, week or month.",
            remedy="Write hf:2026-11-20, hf:2026-W47, hf:2026-11 or hf:daily.",
        ) from None
    if last < _FIRST:
        raise UsageError(
            f"There were no Daily Papers in {rest}.", remedy=f"The first are of {_FIRST}."
        )
    return HuggingFace(rest, max(first, _FIRST), last)


class HuggingFace:
    """The feed ``hf:``: the papers of a day, a week, a month, or of each day up to today.

    A page of the feed is a day. What has no end (``hf:`` and ``hf:daily``) goes on from the
    last days read, which are read again since they may have grown; the first time it reads a
    week.
    """

    kind = "hf"

    def __init__(self, rest: str, first: date | None = None, last: date | None = None) -> None:
        self.spec = f"{self.kind}:{rest}"
        self._first, self._last = first, last

    def pages(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        """See `curator.sources.base.Feed`."""
        read = _day(state.since)
        day = self._first or (read - LATE if read else state.today - timedelta(days=_DAYS - 1))
        day = _day((state.cursor or {}).get("day")) or day
        last, first = min(self._last or state.today, state.today), day
        if day > last:
            yield Page([], of=0)
            return
        while day <= last:
            try:
                entries, validators = self._papers(fetch, state, day)
            except FetchError as error:
                if error.status == 400 and day > first:
                    # To the service this day is still to come: our clock is wrong. Then the day
                    # before it may be today there, and still grow.
                    yesterday = day - timedelta(days=1)
                    yield Page([], cursor={"day": yesterday.isoformat()})
                raise
            following = day + timedelta(days=1)
            yield Page(
                entries,
                cursor={"day": following.isoformat()} if following <= last else None,
                validators=validators,
                shown_until=day.isoformat(),
            )
            day = following

    def _papers(
        self, fetch: Fetcher, state: FeedState, day: date
    ) -> tuple[list[Entry], dict[str, dict[str, str]]]:
        found: dict[str, Entry] = {}
        for number in range(_PAGES):
            params: dict[str, str | int] = {"date": day.isoformat(), "limit": _PAGE}
            if number:
                params["p"] = number
            key = f"{API}?{urlencode(params)}"
            known = state.validators.get(key)
            fetched = fetch.get(API, params=params, validators=known)
            if fetched.unchanged:
                return list(found.values()), {key: fetched.validators or known or {}}
            items = answer(fetched, "Hugging Face")
            if not isinstance(items, list):
                raise FetchError(
                    "Hugging Face answered with no list of papers.", remedy="Try again later."
                )
            before = len(found)
            for item in items:
                name = _name(item) or f"entry {len(found) + 1}"
                found.setdefault(name, _listed(item, f"{day}, {name}", day))
            if len(items) < _PAGE or len(found) == before:
                # Of several pages no one alone says that nothing has changed.
                validators = {key: fetched.validators} if not number and fetched.validators else {}
                return list(found.values()), validators
        return list(found.values()), {}


def _name(item: Any) -> str | None:
    inner = item.get("paper") if isinstance(item, dict) else None
    name = inner.get("id") if isinstance(inner, dict) else None
    return f"paper {name[:60]}" if isinstance(name, str) else None


def _listed(item: Any, where: str, day: date) -> Record | Rejected:
    if not isinstance(item, dict):
        return Rejected(where, "not a JSON object")
    return entry(item, where, day.isoformat())


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text or "")[:10])
    except ValueError:
        return None


def _period(text: str) -> tuple[date, date]:
    """The first and the last day of ``2026-11-20``, ``2026-W47`` or ``2026-11``."""
    if match := re.fullmatch(r"(\d{4})-W(\d{1,2})", text, re.ASCII | re.IGNORECASE):
        monday = date.fromisocalendar(int(match[1]), int(match[2]), 1)
        return monday, monday + timedelta(days=6)
    if match := re.fullmatch(r"(\d{4})-(\d{2})", text, re.ASCII):
        first = date(int(match[1]), int(match[2]), 1)
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError
    day = date.fromisoformat(text)
    return day, day
