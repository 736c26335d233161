"""Digests as an Atom feed (RFC 4287): an entry each, with its whole text as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

from lxml import etree

from curator.digest.document import ME, DigestDocument
from curator.digest.formats.templating import render
from curator.digest.formats.view import DigestView, view_of
from curator.digest.formats.words import safe_url, shown
from curator.errors import UsageError

__all__ = ["to_atom"]

_ATOM = "http://www.w3.org/2005/Atom"
_XML = "http://www.w3.org/XML/1998/namespace"
# Ids must never change, not even when the feed moves: so they name no place where it lies.
# RFC 4151; ".invalid" is nobody's domain (RFC 2606).
_TAG = "tag:paper-curator.invalid,2026:digest"
_NEVER = "1970-01-01T00:00:00Z"  # of a feed without entries


def to_atom(
    documents: Sequence[DigestDocument], *, url: str = "", templates: Path | None = None
) -> bytes:
    """The feed, newest issue first; of documents of one reader and name the last one stands.

    ``url`` is where the feed will be (its ``self`` link). ``updated`` is the end of a digest's
    last day in its reader's time zone, so that the same digests give the same bytes.
    ``templates`` is a folder with ``feed.html.j2`` in place of ours.

    Raises:
        UsageError: ``url`` is no web address, or a template has a mistake.
    """
    if url and not safe_url(url):
        raise UsageError(
            f"{shown(url)[:80]!r} is no address for a feed.",
            remedy="Give one that begins with https:// or http://.",
        )
    issues = {(one["reader"], one["name"]): one for one in documents}
    newest = sorted(
        issues.values(), key=lambda d: (_instant(d), d["name"], d["reader"]), reverse=True
    )
    readers = {document["reader"] for document in newest}
    reader = readers.pop() if len(readers) == 1 else ME
    feed = etree.Element(_name("feed"), {f"{{{_XML}}}lang": "en"}, nsmap={None: _ATOM})
    _add(feed, "id", _tag(reader))
    _add(feed, "title", "Paper digests" if reader == ME else f"Paper digests for {shown(reader)}")
    _add(feed, "updated", _written(_instant(newest[0])) if newest else _NEVER)
    if place := safe_url(url):
        _add(feed, "link", rel="self", type="application/atom+xml", href=place)
    _add(_add(feed, "author"), "name", "Paper Curator")
    _add(feed, "generator", "Paper Curator")
    for document in newest:
        _entry(feed, document, templates)
    etree.indent(feed)
    written: bytes = etree.tostring(feed, xml_declaration=True, encoding="utf-8")
    return written + b"\n"


def _entry(feed: etree._Element, document: DigestDocument, templates: Path | None) -> None:
    digest = view_of(document)
    entry = _add(feed, "entry")
    _add(entry, "id", _tag(document["reader"], document["name"]))
    _add(entry, "title", _title(digest))
    _add(entry, "updated", _written(_instant(document)))
    _add(entry, "summary", "No papers." if digest.empty else f"{digest.counts}.", type="text")
    content = render("feed.html.j2", templates, digest=digest)
    _add(entry, "content", _of_xml(content), type="html")


def _title(digest: DigestView) -> str:
    return f"Paper digest: {digest.title}"


def _name(local: str) -> str:
    return f"{{{_ATOM}}}{local}"


def _add(parent: etree._Element, local: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, _name(local), attributes)
    if text:
        element.text = _of_xml(text)
    return element


def _of_xml(text: str) -> str:
    """Without the characters that XML 1.0 has no way to write."""
    return "".join(
        c
        for c in text
        if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000"
    )


def _tag(*parts: str) -> str:
    return "/".join([_TAG, *(quote(part, safe="", errors="replace") for part in parts)])


def _instant(document: DigestDocument) -> datetime:
    """The last second of the digest's last day; UTC where the time zone is not known."""
    try:
        day = date.fromisoformat(document["until"])
    except ValueError:
        raise UsageError(
            f"The digest {shown(document['name'])!r} ends on no day: "
            f"{shown(document['until'])[:40]!r}.",
            remedy="Make it again with --week or --until.",
        ) from None
    try:
        zone = ZoneInfo(document["zone"]) if document["zone"] else UTC
    except (ValueError, OSError, LookupError):  # ZoneInfoNotFoundError is a KeyError
        zone = UTC
    return datetime.combine(day, time(23, 59, 59), zone)


def _written(instant: datetime) -> str:
    """RFC 3339, with Z for UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
