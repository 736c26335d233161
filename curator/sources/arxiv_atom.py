"""The Atom documents of arXiv's search service, saved or just fetched.

What they hold: https://info.arxiv.org/help/api/user-manual.html. arXiv's daily lists, which are
Atom too, are another thing (`curator.sources.rss`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from curator.errors import InputError
from curator.identifiers import arxiv_id_of
from curator.paper import Record, Rejected
from curator.sources.values import excerpt
from curator.sources.xml import Element, elements, local, root_name
from curator.sources.xml_entry import entry
from curator.sources.xml_text import inner, path, text, texts

__all__ = ["ArxivError", "Results", "looks_like", "parse", "parse_results"]


class ArxivError(InputError):
    """arXiv answered with an error of its own, in the shape of a feed."""


@dataclass(slots=True)
class Results:
    """One page of search results. ``total`` and ``start`` are as arXiv says, None if it does
    not; ``updated`` is the moment at which arXiv answered (a timestamp)."""

    entries: list[Record | Rejected] = field(default_factory=list)
    total: int | None = None
    start: int | None = None
    updated: str | None = None


def looks_like(head: str) -> bool:
    """Whether a document that begins so is an answer of arXiv's search service."""
    if root_name(head) != "feed":
        return False
    frame = re.split(r"<entry\b", head, maxsplit=1)[0]
    return bool(re.search(r"arxiv\.org/(?:api/|schemas/atom)|arXiv Search Results", frame)) and (
        "rss.arxiv.org" not in frame
    )


def parse(stream: BinaryIO) -> Iterator[Record | Rejected]:
    """The entries, in constant memory; ``where`` is like ``entry 3``.

    Raises:
        ArxivError: the document is an error message of arXiv's.
        InputError: it is no XML, or broken; what came before has been yielded.
    """
    for number, element in enumerate(elements(stream, {"entry"}), start=1):
        yield _entry(element, f"entry {number}")


def parse_results(stream: BinaryIO) -> Results:
    """A whole page with what arXiv says of it. Raises as `parse`, and yields nothing then."""
    results = Results()
    for element in elements(stream, {"entry", "totalResults", "startIndex", "updated"}):
        name = local(element)
        if name == "entry":
            results.entries.append(_entry(element, f"entry {len(results.entries) + 1}"))
        elif name == "updated":
            results.updated = inner(element) or None
        elif (number := inner(element)).isdecimal() and len(number) < 12:
            if name == "totalResults":
                results.total = int(number)
            else:
                results.start = int(number)
    return results


def _entry(element: Element, where: str) -> Record | Rejected:
    name = text(element, "id")
    title = text(element, "title")
    summary = text(element, "summary")
    if "/api/errors" in name:
        raise ArxivError(f"arXiv answers with an error: {excerpt(summary or title)}.")
    links = {link.get("rel"): link.get("href") or "" for link in element.findall(path("link"))}
    page = links.get("alternate") or name
    comment = text(element, "comment")
    return entry(
        where,
        title=title,
        abstract=summary,
        arxiv_id=next((one for one in (name, page) if arxiv_id_of(one)), None),
        doi=text(element, "doi"),
        authors=texts(element, "author/name"),
        published=text(element, "published"),
        updated=text(element, "updated"),
        url=re.sub(r"^http://", "https://", page),
        categories=_categories(element),
        source_id=name,
        hints={
            "comment": comment,
            "journal_ref": text(element, "journal_ref"),
            "withdrawn": is_withdrawn(comment, summary),
        },
    )


def is_withdrawn(comment: str, abstract: str) -> bool:
    """Whether authors or arXiv say so: a withdrawn paper keeps its number and its page."""
    said = r"(?:has been|is(?: being)?|was) (?:withdrawn|retracted)"
    return bool(
        re.search(rf"\b{said}|^withdrawn\b", comment, re.I)
        or re.match(
            rf"(?:this|the) (?:paper|article|manuscript|submission|work) {said}", abstract, re.I
        )
    )


def _categories(element: Element) -> list[str]:
    """arXiv's categories, the primary one first. ACM and MSC classes, which stand between
    them in one long string, are not categories."""
    first = element.find(path("primary_category"))
    found = [] if first is None else [first]
    terms = [one.get("term") or "" for one in found + element.findall(path("category"))]
    return list(dict.fromkeys(t for t in terms if re.fullmatch(r"[a-z-]+(?:\.[A-Za-z-]+)?", t)))
