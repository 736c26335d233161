"""The feed: what RFC 4287 asks for, and nothing of the time of writing."""

from __future__ import annotations

import json
import re
from datetime import datetime
from urllib.parse import urlsplit

import feedparser
import pytest
from digests import empty_digest, example
from lxml import etree
from test_digest_html import hostile

from curator.digest.formats import to_atom
from curator.errors import UsageError

ATOM = "{http://www.w3.org/2005/Atom}"
# Sections 4.1.1 and 4.1.2: how often an element must and may stand.
FEED = {"id": (1, 1), "title": (1, 1), "updated": (1, 1), "generator": (0, 1), "subtitle": (0, 1)}
ENTRY = {"id": (1, 1), "title": (1, 1), "updated": (1, 1), "summary": (0, 1), "content": (0, 1)}


def checked(feed: bytes) -> etree._Element:
    """The feed, of which each MUST that can be seen in a file holds."""
    root = etree.fromstring(feed)
    assert root.tag == f"{ATOM}feed"
    entries = root.findall(f"{ATOM}entry")
    for element, counts in [(root, FEED), *((entry, ENTRY) for entry in entries)]:
        for name, (least, most) in counts.items():
            assert least <= len(element.findall(ATOM + name)) <= most, name
        iri = element.findtext(f"{ATOM}id") or ""
        assert re.fullmatch(r"tag:[a-z.-]+,\d{4}:[\w/:%.~-]+", iri, re.ASCII)
        updated = element.findtext(f"{ATOM}updated") or ""
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", updated)
        datetime.fromisoformat(updated)
    assert root.findall(f"{ATOM}author"), "of a feed whose entries name none"
    assert all((one.text or "").strip() for one in root.iter(f"{ATOM}name"))
    for link in root.iter(f"{ATOM}link"):
        assert urlsplit(link.get("href")).scheme in ("http", "https")
    for entry in entries:
        content = entry.find(f"{ATOM}content")
        assert content is not None and content.get("type") == "html" and len(content) == 0
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(ids) == len(set(ids))
    read = feedparser.parse(feed)
    assert not read.bozo, read.get("bozo_exception")
    assert read.version == "atom10"
    assert len(read.entries) == len(entries)
    return root


def test_an_entry_for_each_digest_newest_first() -> None:
    older = empty_digest(name="2026-W46", since="2026-11-09", until="2026-11-15")
    root = checked(to_atom([older, example()], url="https://example.org/feed.xml?a=1&b=2"))
    titles = [one.text for one in root.iterfind(f"{ATOM}entry/{ATOM}title")]
    assert titles == ["Paper digest: Week 47 of 2026", "Paper digest: Week 46 of 2026"]
    assert root.findtext(f"{ATOM}updated") == "2026-11-22T23:59:59Z"
    link = root.find(f"{ATOM}link")
    assert link is not None and link.get("rel") == "self"
    assert link.get("href") == "https://example.org/feed.xml?a=1&b=2"
    content = root.findtext(f"{ATOM}entry/{ATOM}content") or ""
    assert "checked .93" in content and "<script>" not in content


def test_the_same_digests_give_the_same_bytes_in_any_order() -> None:
    older = empty_digest(name="2026-W46", since="2026-11-09", until="2026-11-15")
    same = json.loads(json.dumps([older, example()]))
    assert to_atom([example(), older]) == to_atom(same)


def test_ids_stay_when_the_feed_moves_and_differ_by_reader() -> None:
    def ids(feed: bytes) -> list[str | None]:
        return [one.text for one in etree.fromstring(feed).iter(f"{ATOM}id")]

    assert ids(to_atom([example()])) == ids(to_atom([example()], url="https://new.example/f"))
    both = checked(to_atom([example(), empty_digest(reader="jane"), empty_digest(reader="j/x é")]))
    assert len(both.findall(f"{ATOM}entry")) == 3


def test_of_one_issue_the_last_document_stands() -> None:
    root = checked(to_atom([empty_digest(), example()]))
    assert root.findtext(f"{ATOM}entry/{ATOM}summary") == "3 papers chosen from 9."


def test_the_end_of_the_day_is_that_of_the_readers_zone() -> None:
    for zone, updated in (
        ("Asia/Tokyo", "2026-11-22T14:59:59Z"),
        ("America/New_York", "2026-11-23T04:59:59Z"),
        ("No/Where", "2026-11-22T23:59:59Z"),
        ("../etc", "2026-11-22T23:59:59Z"),
    ):
        root = checked(to_atom([empty_digest(zone=zone)]))
        assert root.findtext(f"{ATOM}updated") == updated


def test_no_digest_hostile_digests_and_what_cannot_be() -> None:
    assert not checked(to_atom([])).findall(f"{ATOM}entry")
    bad = hostile()
    content = checked(to_atom([bad])).findtext(f"{ATOM}entry/{ATOM}content") or ""
    assert not re.search(r"<(script|img|iframe)|<[^>]*\son\w+=|href=\"(?!https?:|mailto:)", content)
    with pytest.raises(UsageError):
        to_atom([example()], url="javascript:x")
    with pytest.raises(UsageError, match="ends on no day"):
        to_atom([empty_digest(until="soon")])
