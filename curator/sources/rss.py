"""RSS and Atom feeds of any kind, and the feeds ``rss:`` and ``arxiv-rss:`` that get them.

feedparser reads them, from mended bytes only: it never sees an address or a file name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import unquote, urljoin, urlsplit

from curator.errors import FetchError, InputError, UsageError
from curator.fetch import Fetched, Fetcher
from curator.paper import Entry, Record, Rejected
from curator.sources import arxiv_atom
from curator.sources.arxiv_query import category_of
from curator.sources.base import FeedState, Page
from curator.sources.rss_entry import record
from curator.sources.values import excerpt
from curator.sources.xml import NotXML, answer, root_name, root_of
from curator.sources.xml_mend import utf8

__all__ = ["RssFeed", "looks_like", "of", "of_arxiv", "parse"]

# A feed is read whole, at some seconds a megabyte if it is broken. arXiv's largest list of a day
# has 5 MB and 2,000 entries.
MAX_FEED = 15_000_000  # bytes
MAX_ENTRIES = 20_000
ARXIV = "https://rss.arxiv.org/rss/"
_ROOTS = {"rss", "rdf", "feed", "channel"}
# feedparser looks for an e-mail address in names and for each keyword among those before it:
# for long ones that takes hours.
_LONG_NAME = re.compile(
    rb"(<(?:[\w.-]{1,40}:)?(?:author|name|email|creator|contributor|editor|managingEditor|owner"
    rb"|publisher|webMaster|keywords|tags)\b[^<>]{0,500}>(?:\s*<!\[CDATA\[)?[^<]{3000})[^<]+",
    re.IGNORECASE,
)
_TAGS = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:category|subject|tags)\b", re.IGNORECASE)
_MOST_TAGS = 1_000  # of one entry
_OPENED = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:item|entry)[\s/>]")
_CLOSED = re.compile(
    rb"</(?:[\w.-]{1,40}:)?(?:item|entry)\s*>|<(?:[\w.-]{1,40}:)?(?:item|entry)\b[^<>]{0,500}/>"
)
_ADVERTISED = re.compile(
    rb"<link\b[^<>]{0,500}\btype=[\"']application/(?:rss|atom)\+xml[\"'][^<>]{0,1000}>",
    re.IGNORECASE,
)


def looks_like(head: str) -> bool:
    """Whether a document that begins so is a feed, but no answer of arXiv's search service."""
    root = root_name(head).lower()
    if root == "rdf":
        return bool(re.search(r"purl\.org/rss/|<(?:\w+:)?channel\b", head))
    return root in _ROOTS and not arxiv_atom.looks_like(head)


def parse(stream: BinaryIO, charset: str | None = None) -> Iterator[Record | Rejected]:
    """The entries; ``where`` is like ``entry 3``. ``charset`` is what a server called the
    encoding, for feeds that do not say.

    A feed is read whole. What is wrong in it seldom matters to feedparser; where it costs
    entries, that is said.

    Raises:
        InputError: it is no feed, or far too large for one, or ends in the middle; in that case
            what came before has been yielded.
    """
    content = _whole(stream, charset)
    root = root_of(content)
    if root.lower() not in _ROOTS:
        raise InputError(f"It is XML, but no feed: it begins with <{excerpt(root)}>.")
    parts = _OPENED.split(content)
    if len(parts) > MAX_ENTRIES or any(len(_TAGS.findall(part)) > _MOST_TAGS for part in parts):
        raise InputError(f"It has more than {MAX_ENTRIES:,} entries, or far too many keywords.")
    parsed = _parsed(content)
    items: list[Any] = parsed.entries
    title = str(parsed.feed.get("title") or "")
    opened, closed = len(parts) - 1, len(_CLOSED.findall(content))
    cut = _ends_early(content, root) if parsed.bozo else False
    for number, item in enumerate(items, start=1):
        where = f"entry {number}"
        if cut and opened > closed and number == len(items):
            about = excerpt(str(item.get("title") or "nothing else is said of it"))
            yield Rejected(where, f"the feed ends in the middle of it: {about}")
        else:
            yield record(item, where, title)
    if cut:
        raise InputError(
            "It ends in the middle. What comes before was read.",
            remedy="It was cut short when it was saved or loaded: get it again.",
        )
    if parsed.bozo and (lost := opened - len(items)) > 0:
        yield Rejected("the feed", f"{lost} of its entries cannot be read: its XML is broken")


def _parsed(content: bytes) -> Any:
    import feedparser

    try:
        return feedparser.parse(
            # Without its declaration, which names the encoding that it had.
            BytesIO(_LONG_NAME.sub(rb"\1", re.sub(rb"\A<\?xml[^>]{0,500}\?>", b"", content))),
            # What it would make of HTML is not wanted: arXiv's TeX is none.
            sanitize_html=False,
            resolve_relative_uris=False,
            response_headers={"content-type": "application/xml; charset=utf-8"},
        )
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError,
            RecursionError) as error:  # fmt: skip
        # It trusts feeds in many places, and has no error of its own.
        raise InputError(
            f"It is a feed that cannot be read ({type(error).__name__}).",
            remedy="Get it again from where it came.",
        ) from None


def _ends_early(content: bytes, root: str) -> bool:
    """Whether the root is never closed. Servers write things behind its end, too."""
    end = rb"</(?:[\w.-]{1,40}:)?" + re.escape(root.encode()) + rb"\s*>"
    last = max((match.end() for match in _CLOSED.finditer(content)), default=0)
    return re.compile(end).search(content, last) is None


def _whole(stream: BinaryIO, charset: str | None) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in utf8(stream, charset):
        parts.append(part)
        size += len(part)
        if size > MAX_FEED:
            raise InputError(f"It is larger than {MAX_FEED // 1_000_000} MB; no feed is.")
    return b"".join(parts).lstrip()


def of(rest: str) -> RssFeed:
    """The feed of a spec without its ``rss:``: the address of any feed.

    Raises:
        UsageError: it is no address.
    """
    text = rest.strip()
    address = re.sub(r"^feed:(?://)?(?=https?://)|^feed://", "", text, flags=re.IGNORECASE)
    if address != text and not re.match(r"https?://", address, re.IGNORECASE):
        address = f"https://{address}"
    if not re.match(r"https?://[^\s/]+", address, re.IGNORECASE):
        raise UsageError(
            f"{text[:80]!r} is not an address.", remedy="Write it as rss:https://host/feed.xml."
        )
    return RssFeed("rss", f"rss:{address}", address)


def of_arxiv(rest: str) -> RssFeed:
    """The feed of a spec without its ``arxiv-rss:``: categories joined by ``+``. It has what
    arXiv announced today, new versions too, and nothing at weekends.

    Raises:
        UsageError: some of it is no category.
    """
    parts = [part.strip() for part in re.split(r"[+,]", rest) if part.strip()]
    names = [category_of(part) for part in parts]
    for part, name in zip(parts, names, strict=True):
        if name is None:
            raise UsageError(
                f"{part[:60]!r} is not a category of arXiv.",
                remedy="They look like cs.CL, math.AG or hep-th; join several by a plus.",
            )
    if not parts:
        raise UsageError("arxiv-rss: names no category.", remedy="Write it as arxiv-rss:cs.CL.")
    joined = "+".join(dict.fromkeys(filter(None, names)))
    return RssFeed("arxiv-rss", f"arxiv-rss:{joined}", ARXIV + joined)


class RssFeed:
    """One feed."""

    def __init__(self, kind: str, spec: str, address: str) -> None:
        self.kind = kind
        self.spec = spec
        self._address = address

    def pages(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        """One page, empty where the feed has not changed.

        Raises:
            FetchError: there is no feed at the address, or it is broken.
        """
        known = state.validators.get(self._address, {})
        fetched = fetch.get(self._address, validators=known)
        note = ""
        if not _same(fetched.url, self._address):
            note = f"{self.spec} was found at {fetched.url}; subscribe to that, if it has moved."
        validators = {self._address: fetched.validators or known}
        if fetched.unchanged:
            yield Page([], validators=validators, note=note)
            return
        entries: list[Entry] = []
        try:
            answer(fetched, lambda stream: entries.extend(parse(stream, fetched.charset)))
        except FetchError as error:
            if entries:  # what comes before the break; the document may never come whole
                yield Page(entries, note=note)
            found = _advertised(fetched) if isinstance(error.__cause__, NotXML) else None
            if found is None:
                raise
            raise FetchError(
                f"{error.message} It names a feed, though: {found}",
                remedy=f"Use rss:{found}",
                retryable=False,
            ) from error
        yield Page(entries, validators=validators, of=len(entries), note=note)


def _same(one: str, other: str) -> bool:
    """Whether two addresses differ in nothing but their writing."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.netloc.lower(), unquote(first.path).rstrip("/"), unquote(first.query)) == (
        second.netloc.lower(), unquote(second.path).rstrip("/"), unquote(second.query)
    )  # fmt: skip


def _advertised(fetched: Fetched) -> str | None:
    """The feed that a web page names for itself."""
    link = _ADVERTISED.search(fetched.content[:500_000])
    href = re.search(rb"\bhref=[\"']([^\"'<>\s]{1,1000})", link[0], re.I) if link else None
    if not href:
        return None
    try:
        found = urljoin(fetched.url, href[1].decode("ascii"))
        return found if urlsplit(found).scheme in ("http", "https") else None
    except ValueError:
        return None
