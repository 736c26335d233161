"""The feed ``oai:``: harvests an archive by OAI-PMH, page after page, as its tokens lead.

What changed since the last harvest is asked for by the archive's own clock. A token is good
only for some hours; where it is too old, the harvest goes on from the day that was reached,
or from its beginning where the archive does not list by date. What is read twice does no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from curator.errors import FetchError, InputError, UsageError
from curator.fetch import Fetcher
from curator.sources.arxiv_query import category_of, dated
from curator.sources.base import Cursor, FeedState, Page
from curator.sources.oai import BadResumptionToken, Listing, OaiError, parse_listing, parse_pieces
from curator.sources.values import starting_day
from curator.sources.xml import NotXML, answer

__all__ = ["OaiFeed", "of"]

ARXIV = "https://oaipmh.arxiv.org/oai"
FIRST = timedelta(days=7)  # what a first harvest of arXiv goes back
# Archives give days, and put records in under a day that is over.
LATE = timedelta(days=2)
_TRIES = 3
_PHYSICS = ("astro-ph", "cond-mat", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph",
            "nlin", "nucl-ex", "nucl-th", "quant-ph")  # fmt: skip
_KNOWN = {"verb", "set", "metadataPrefix", "from", "until"}
_REMEDY = (
    "Name a set of arXiv (oai:cs, oai:cs.CL) or an archive "
    "(oai:https://host/oai?set=x&metadataPrefix=oai_dc&from=2026-01-01)."
)


def of(rest: str) -> OaiFeed:
    """The feed of a spec without its ``oai:``.

    ``cs``, ``cs.CL`` and ``physics:hep-th`` are sets of arXiv, and may end in ``@2026-11-01``,
    the day to start from (else a week ago); an address is any other archive's.

    Raises:
        UsageError: it is neither, or the address asks for what a harvest cannot have.
    """
    text = rest.strip()
    if re.match(r"https?://", text, re.IGNORECASE):
        return _of_address(text)
    name, since = dated(text)
    category = category_of(name)
    if category:
        name = _set_of(category)
    elif not re.fullmatch(r"[a-z-]+(?::[A-Za-z-]+){1,2}", name):
        raise UsageError(f"{text[:60]!r} is no set of arXiv and no address.", remedy=_REMEDY)
    # arXivRaw names the version; the format called arXiv does not, and a text without a number
    # cannot be told from an older one.
    asked = {"set": name, "metadataPrefix": "arXivRaw"}
    if since:
        asked["from"] = since.isoformat()
    return OaiFeed(f"oai:{text}", ARXIV, asked, first=FIRST)


def _set_of(category: str) -> str:
    """``cs:cs:CL``, as arXiv's sets are called since 2025; ``physics:hep-th``, ``cs``."""
    archive, _, subject = category.partition(".")
    group = "physics" if archive in _PHYSICS else archive
    if subject:
        return f"{group}:{archive}:{subject}"
    return archive if group == archive else f"{group}:{archive}"


def _of_address(address: str) -> OaiFeed:
    try:
        parts = urlsplit(address)
    except ValueError:
        raise UsageError(f"{address[:80]!r} is not an address.", remedy=_REMEDY) from None
    asked = dict(parse_qsl(parts.query))
    if asked.pop("verb", "ListRecords") != "ListRecords":
        raise UsageError("Only verb=ListRecords gives papers.", remedy="Leave the verb out.")
    if strange := sorted(asked.keys() - _KNOWN):
        raise UsageError(
            f"The address has {strange[0][:40]!r}, which a harvest does not need.",
            remedy="Leave it out; set, metadataPrefix, from and until are passed on.",
        )
    for name in ("from", "until"):
        try:
            if name in asked:  # in days: both have to be equally exact, and ours are days
                asked[name] = date.fromisoformat(asked[name][:10]).isoformat()
        except ValueError:
            raise UsageError(
                f"{name}={asked[name][:40]} is not a day.", remedy="Write it as 2026-01-01."
            ) from None
    base = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    return OaiFeed(f"oai:{address}", base, {"metadataPrefix": "oai_dc", **asked})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a harvest is: its first day, the token to go on with (none at its beginning), the
    last day that was seen, and whether days have only gone up so far. ``answered`` is the
    archive's clock at the beginning, ``done`` and ``of`` count records."""

    start: str | None = None
    token: str | None = None
    reached: str | None = None
    ordered: bool = True
    several: bool = False
    answered: str | None = None
    of: int | None = None

    def cursor(self) -> Cursor:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_cursor(cls, cursor: Cursor | None) -> _Place | None:
        if not cursor or not isinstance(cursor.get("token"), str):
            return None  # none, or written by another version: the harvest begins anew
        return cls(**{name: cursor[name] for name in cls.__slots__ if name in cursor})

    def after(self, listing: Listing) -> _Place:
        """The place after a page that ends with a token."""
        assert listing.token is not None
        days = ([self.reached] if self.reached else []) + listing.days
        return replace(
            self,
            token=listing.token.value,
            reached=max(days, default=None),
            ordered=self.ordered and days == sorted(days),
            several=self.several or len(set(days)) > 1,
            answered=self.answered or listing.answered,
            of=self.of if listing.token.size is None else listing.token.size,
        )

    def anew(self) -> _Place:
        """Where to begin when the token is not known any more.

        From the day reached only if the list was seen to go by days: a list in another order
        may have older ones still to come.
        """
        start = self.reached if self.ordered and self.several else self.start
        return _Place(start, reached=start, answered=self.answered)


class OaiFeed:
    """All records of one set of one archive, or of the whole of it."""

    kind = "oai"

    def __init__(
        self, spec: str, base: str, asked: Mapping[str, str], *, first: timedelta | None = None
    ) -> None:
        self.spec = spec
        self._base = base
        self._asked = dict(asked)
        self._first = first

    def pages(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        """A page for each answer of the archive; the records that were deleted there come as
        `Rejected`.

        Raises:
            FetchError: the archive refuses, or its answers lead nowhere.
        """
        place = _Place.from_cursor(state.cursor) or _Place(self._start(state))
        if (place.start or "") > self._asked.get("until", "9999"):
            yield Page([], shown_until=state.since)  # all that was asked for has been read
            return
        restarted: set[str | None] = set()
        while True:
            try:
                listing = self._listing(fetch, place)
            except FetchError as error:
                # Not all archives that forget a token say so in the protocol's words.
                forgotten = isinstance(error.__cause__, BadResumptionToken) or (
                    error.status in {400, 404, 410, 422}
                )
                if not forgotten or place.token is None:
                    raise
                place = place.anew()
                if place.start in restarted:  # its tokens are too old as soon as they are given
                    raise
                restarted.add(place.start)
                continue
            if listing.token is None or not listing.token.value:
                yield Page(
                    listing.entries, shown_until=place.answered or listing.answered, of=place.of
                )
                return
            if listing.token.value == place.token:
                raise FetchError(
                    f"The archive {self._host} gives the same page again and again.",
                    remedy="Tell its keepers; what was read before is kept.",
                    retryable=False,
                )
            place = place.after(listing)
            yield Page(listing.entries, cursor=place.cursor(), of=place.of)

    def _start(self, state: FeedState) -> str | None:
        named = self._asked.get("from")
        if again := starting_day(state.since, LATE):
            return max(again, named) if named else again
        return named or ((state.today - self._first).isoformat() if self._first else None)

    @property
    def _host(self) -> str:
        return urlsplit(self._base).hostname or self._base

    def _listing(self, fetch: Fetcher, place: _Place) -> Listing:
        wanted = {"verb": "ListRecords"}
        if place.token is not None:
            wanted["resumptionToken"] = place.token  # which says all the rest
        else:
            wanted |= self._asked
            if place.start:
                wanted["from"] = place.start
        tries = 0
        while True:
            tries += 1
            fetched = fetch.get(self._base, params=wanted)
            try:
                return answer(fetched, parse_listing)
            except FetchError as error:
                if isinstance(error.__cause__, OaiError):
                    error.retryable = isinstance(error.__cause__, BadResumptionToken)
                passing = isinstance(error.__cause__, InputError) and not isinstance(
                    error.__cause__, OaiError | NotXML
                )  # a page that broke off on its way
                if passing and tries == _TRIES:
                    with suppress(InputError):  # then it is the document that is broken
                        return parse_pieces(fetched.content)
                if not passing or tries == _TRIES:
                    raise
