"""The XML of the ACL Anthology, and the feed ``acl:`` that gets it.

The files, one for each collection (``2022.acl``, ``P19``), with their schema:
https://github.com/acl-org/acl-anthology/tree/master/data. Identifiers:
https://aclanthology.org/info/ids/.

The front matter of a volume (its title pages) is a part of the volume's frame here, like its
title and editors, and no entry: it is neither taken nor counted. What stands among the papers
and is none (a disclaimer, an index) is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from curator.errors import FetchError, UsageError
from curator.fetch import Fetcher
from curator.identifiers import identifier_of
from curator.paper import Record, Rejected
from curator.sources.base import FeedState, Page
from curator.sources.xml import Element, answer, elements, local, root_name
from curator.sources.xml_entry import entry
from curator.sources.xml_text import path, text, texts

__all__ = ["AclFeed", "looks_like", "of", "parse"]

ADDRESS = "https://raw.githubusercontent.com/acl-org/acl-anthology/master/data/xml/{}.xml"
_NAME = re.compile(r"(\d{4}\.[a-z][a-z0-9]*|[a-z]\d{2})(?:-([a-z0-9]+))?$", re.IGNORECASE)


def looks_like(head: str) -> bool:
    """Whether a document that begins so is a collection of the ACL Anthology."""
    return root_name(head) == "collection" and bool(re.search(r"<volume\b|<event\b", head))


def parse(stream: BinaryIO) -> Iterator[Record | Rejected]:
    """The papers, in constant memory; ``where`` is like ``paper 2022.naloma-1.4``.

    Raises:
        InputError: it is no XML, or broken; what came before has been yielded.
    """
    yield from _papers(stream, None)


def _papers(stream: BinaryIO, volume: str | None) -> Iterator[Record | Rejected]:
    frame: dict[str, str] = {}
    collection = last = ""
    for element in elements(stream, {"meta", "paper"}):
        around = element.getparent()
        if around is None or local(around) != "volume":
            continue  # an event's, which has no papers
        top = around.getparent()
        collection = collection if top is None else top.get("id") or collection
        number = around.get("id") or ""
        if number != last:
            frame, last = {}, number
        if volume not in (None, number):
            continue
        if local(element) == "meta":
            frame = _frame(element)
        elif (element.get("id") or "") != "0":  # so older files number the front matter
            yield _paper(element, frame, collection, number)


def _frame(meta: Element) -> dict[str, str]:
    """What all papers of a volume have from it."""
    month = re.split(r"[-–/]", text(meta, "month"))[0]
    return {
        "venue": text(meta, "booktitle") or text(meta, "journal-title"),
        "published": " ".join(filter(None, (month, text(meta, "year")))),
    }


def _paper(
    paper: Element, frame: dict[str, str], collection: str, volume: str
) -> Record | Rejected:
    name = _identifier(paper, collection, volume)
    where = f"paper {name}" if name else f"paper {collection}-{volume}, {paper.get('id')}"
    kind = paper.get("type")
    if kind in ("backmatter", "disclaimer", "frontmatter"):
        return Rejected(where, f"no paper, but {kind} of its volume: {text(paper, 'title')[:60]}")
    written = [_name(author) for author in paper.findall(path("author"))]
    address = text(paper, "url")
    known = identifier_of("acl", name)
    return entry(
        where,
        title=text(paper, "title"),
        abstract=text(paper, "abstract"),
        doi=text(paper, "doi"),
        authors=[name for name in written if name],
        published=_published(paper) or frame.get("published"),
        url=f"https://aclanthology.org/{name}/" if known else address,
        venue=frame.get("venue"),
        source_id=name,
        ids=[("acl", name)],
        hints={
            "awards": texts(paper, "award"),
            "language": text(paper, "language"),
            "name_variants": [
                " = ".join((_name(author), *map(_name, variants)))
                for author in paper.findall(path("author"))
                if (variants := author.findall(path("variant")))
            ],
            "retracted": _said(paper, "retracted"),
            "removed": _said(paper, "removed"),
        },
    )


def _said(paper: Element, mark: str) -> str | bool:
    """Why a paper was retracted, if it was."""
    return text(paper, mark) or paper.find(path(mark)) is not None


def _published(paper: Element) -> str | None:
    year = text(paper, "year")
    return " ".join(filter(None, (text(paper, "month"), year))) if year else None


def _name(author: Element) -> str:
    parts = (text(author, part) for part in ("first", "last", "suffix"))
    return " ".join(filter(None, parts)) or ("" if len(author) else text(author))


def _identifier(paper: Element, collection: str, volume: str) -> str:
    """``2022.naloma-1.4`` or ``P19-1001``: as the paper's address has it, else put together."""
    address = text(paper, "url")
    if identifier_of("acl", address):
        return address
    number = paper.get("id") or ""
    if re.match(r"\d{4}\.", collection):
        return f"{collection}-{volume}.{number}" if number else ""
    if not (collection and number.isdecimal() and volume.isdecimal()):
        return ""
    # Workshops have two digits for the volume: https://aclanthology.org/info/ids/
    wide = collection[0] == "W" or collection == "C69" or (collection == "D19" and int(volume) >= 5)
    numbers = f"{int(volume):02}{int(number):02}" if wide else f"{int(volume)}{int(number):03}"
    return f"{collection}-{numbers}"


def of(rest: str) -> AclFeed:
    """The feed of a spec without its ``acl:``: a collection (``2022.naloma``, ``P19``), or one
    volume of it (``2022.acl-long``).

    Raises:
        UsageError: it has another shape.
    """
    text_ = rest.strip()
    match = _NAME.match(text_)
    if not match:
        raise UsageError(
            f"{text_[:60]!r} is no collection of the ACL Anthology.",
            remedy="They look like acl:2022.naloma, acl:2022.acl-long or acl:P19; "
            "https://aclanthology.org lists them.",
        )
    name = match[1].lower() if match[1][0].isdecimal() else match[1].upper()
    return AclFeed(name, match[2])


class AclFeed:
    """A collection, which is one file; it changes when papers are mended or added."""

    kind = "acl"

    def __init__(self, collection: str, volume: str | None = None) -> None:
        self.spec = f"acl:{collection}-{volume}" if volume else f"acl:{collection}"
        self._collection = collection
        self._volume = volume

    def pages(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        """One page, empty where the file has not changed.

        Raises:
            FetchError: there is no such collection or volume, or the file is broken.
        """
        address = ADDRESS.format(self._collection)
        known = state.validators.get(address, {})
        try:
            fetched = fetch.get(address, validators=known)
        except FetchError as error:
            if error.status != 404:
                raise
            raise self._unknown("collection", self._collection) from error
        if fetched.unchanged:
            yield Page([], validators={address: known})
            return
        papers = answer(fetched, lambda stream: list(_papers(stream, self._volume)))
        if self._volume and not papers:
            raise self._unknown("volume", self._volume)
        yield Page(papers, validators={address: fetched.validators}, of=len(papers))

    def _unknown(self, what: str, name: str) -> FetchError:
        return FetchError(
            f"The ACL Anthology has no {what} {name!r} ({self.spec}).",
            remedy="https://aclanthology.org lists them.",
            retryable=False,
        )
