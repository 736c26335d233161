"""One entry of an RSS or Atom feed as a paper, with what its text can be taken for.

A feed's text is an abstract only if it can be one: journals put teasers there, lists of links,
or where and when the paper appeared. What is none is kept as a hint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from curator.identifiers import arxiv_id_of
from curator.paper import Record, Rejected
from curator.sources.names import names_of
from curator.sources.values import doi_in, excerpt
from curator.sources.xml_entry import entry
from curator.sources.xml_text import from_html
from curator.text import squeeze

__all__ = ["record"]

SHORTEST = 200  # characters of an abstract; teasers are shorter
LONGEST = 10_000  # what is longer is a whole article
_MOST = 200_000  # characters of markup that are looked at
# https://info.arxiv.org/help/rss_specifications.html
_ARXIV = re.compile(
    r"arXiv:(\S{1,40})\s+Announce Type:\s*([\w-]{1,30})\s*(?:Abstract:)?(.*)", re.DOTALL
)
_ARXIV_OLD = re.compile(  # as it was until 2023, and still is in saved feeds
    r"(.+?)\.?\s*\(arXiv:(\S{1,40})\s+\[[\w.-]+\](?:\s+(UPDATED|CROSS LISTED))?\)\s*$", re.DOTALL
)
_CUT_OFF = re.compile(
    r"(?:…|\.\.\.|\[…\]|\[\.\.\.\]|\(more\W*\)|read (?:more|the rest|on)|continue reading)"
    r"[^.]{0,80}$",
    re.IGNORECASE,
)
_NOT_TEXT = re.compile(
    r"(?:publication date|source|authors?(?:\(s\))?|article url|comments url|volume|pages?)\s*:"
    r"|submitted by\b|the post .{0,200} appeared first on",
    re.IGNORECASE,
)
# "Abstract interpretation finds …" begins with no heading.
_HEAD = re.compile(r"\s*(?:(?i:abstract|summary)\s*[:.—–]|ABSTRACT\b)\s*")
_PLACE = re.compile(
    r"[^.;:]{2,100}, Published online: [^;]{4,40}; doi:\s*10\.\S+\s*", re.IGNORECASE
)
_LINK = re.compile(r"<a\b[^<>]{0,2000}>(.{0,2000}?)</a>", re.IGNORECASE | re.DOTALL)
# What publishers put behind a DOI in an address.
_DOI_TAIL = re.compile(
    r"/(?:full|abstract|pdf|epdf|html|meta|fulltext)/?$|(?<=\d)v\d{1,2}(?:\.\w+)*$"
)


def record(item: Mapping[str, Any], where: str, feed: str) -> Record | Rejected:
    """``item`` as feedparser gives it; ``feed`` is the title of its feed."""
    title = str(item.get("title") or "")[:_MOST]
    if re.match(r"comments? (?:on|for)\b", feed, re.IGNORECASE):
        return Rejected(where, f"a reader's comment, not a paper: {excerpt(title)}")
    summary = str(item.get("summary") or "")[:_MOST]
    old = _ARXIV_OLD.match(title)
    new = _ARXIV.match(summary)
    if new or old:
        return _of_arxiv(item, where, title, summary)
    detail = item.get("title_detail") or {}
    link = str(item.get("link") or "")
    abstract, hints = _abstract(item)
    tags = [tag.get("term") for tag in item.get("tags") or () if tag.get("term")]
    return entry(
        where,
        title=title if detail.get("type") == "text/plain" else from_html(title),
        abstract=abstract,
        doi=_doi(item, link),
        authors=_authors(item),
        published=_day(item),
        url=link or str(item.get("id") or ""),
        source_id=str(item.get("id") or link),
        venue=from_html(str(item.get("prism_publicationname") or "")),
        hints={**hints, "keywords": tags, "feed": feed},
    )


def _of_arxiv(item: Mapping[str, Any], where: str, title: str, summary: str) -> Record | Rejected:
    """arXiv's own lists. Their text is TeX and no HTML: "<" is a less-than sign there."""
    if new := _ARXIV.match(summary):
        name, kind, abstract = new.groups()
        authors = _authors(item)
    else:
        old = _ARXIV_OLD.match(title)
        assert old is not None
        title, name = old[1], old[2]
        kind = {"UPDATED": "replace", "CROSS LISTED": "cross"}.get(old[3] or "", "new")
        abstract = from_html(summary)
        authors = names_of(from_html(", ".join(_names(item)))) or []
    day = _day(item)
    replaced = kind.startswith("replace")
    found = arxiv_id_of(name)
    return entry(
        where,
        title=title,
        abstract=abstract,
        arxiv_id=name if found else str(item.get("id") or ""),
        doi=item.get("arxiv_doi"),
        authors=authors,
        # A new version is listed again, which makes the paper no newer.
        listed=None if replaced else day,
        updated=day if replaced else None,
        url=str(item.get("link") or "") or None,
        categories=[str(tag.get("term")) for tag in item.get("tags") or () if tag.get("term")],
        source_id=str(item.get("id") or name),
        hints={
            "announce_type": kind,
            "journal_ref": str(item.get("arxiv_journal_reference") or ""),
        },
    )


def _abstract(item: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The text that can be an abstract, and hints that say whose it is; or it as a hint."""
    written = [item.get("summary_detail") or {}, *(item.get("content") or ())]
    teaser = ""
    found = ""
    for part in written:
        markup = str(part.get("value") or "")
        if len(markup) > _MOST:
            continue
        plain = part.get("type") == "text/plain"
        words = squeeze(markup) if plain else from_html(markup)
        for frame in (_PLACE, _HEAD):
            if match := frame.match(words):
                words = words[match.end() :]
        if _is_abstract(words, "" if plain else markup):
            found = max(found, words, key=len)
        elif len(words) <= LONGEST:
            teaser = max(teaser, words, key=len)
    if found:
        return found, {"feed_summary": True}
    return "", {"teaser": teaser}


def _is_abstract(words: str, markup: str) -> bool:
    if not SHORTEST <= len(words) <= LONGEST or _CUT_OFF.search(words) or _NOT_TEXT.match(words):
        return False
    linked = sum(len(from_html(match[1])) for match in _LINK.finditer(markup))
    # Else it is a menu. Where words stand without spaces, a full stop has to do.
    sentences = re.split(r"(?<=[.!?)])\s", words)
    return linked <= len(words) / 2 and (
        any(len(one.split()) >= 8 and one[-1] in ".!?)" for one in sentences) or "。" in words
    )


def _names(item: Mapping[str, Any]) -> list[str]:
    return [str(one["name"]) for one in item.get("authors") or () if one.get("name")]


def _authors(item: Mapping[str, Any]) -> list[str]:
    names = [from_html(name) for name in _names(item)]
    return names_of(names[0] if len(names) == 1 else names) or []


def _day(item: Mapping[str, Any]) -> str | None:
    """The day of publication in UTC, as feedparser has read it."""
    # Not `get`: feedparser's own gives one of the two for the other, with a warning.
    for key in ("published_parsed", "updated_parsed"):
        parsed = dict.get(item, key) if isinstance(item, dict) else None
        if parsed:
            return f"{parsed[0]:04d}-{parsed[1]:02d}-{parsed[2]:02d}"
    return None


def _doi(item: Mapping[str, Any], link: str) -> str | None:
    for key in ("prism_doi", "dc_identifier", "dc_source", "id"):
        value = str(item.get(key) or "")
        if not value.startswith("http") and (doi := doi_in(value)):
            return doi
    for address in (link, str(item.get("id") or "")):
        try:
            path = unquote(urlsplit(address).path)
        except ValueError:
            continue
        if doi := doi_in(path):
            return _DOI_TAIL.sub("", doi)
    return None
