"""OAI-PMH documents: lists of records that archives and libraries give to harvesters.

The protocol: https://www.openarchives.org/OAI/openarchivesprotocol.html. The feed that
harvests is in `curator.sources.oai_feed`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from typing import BinaryIO

from curator.errors import InputError
from curator.paper import Record, Rejected
from curator.sources.oai_records import record
from curator.sources.values import day_of
from curator.sources.xml import Element, elements, local, root_name
from curator.sources.xml_mend import utf8
from curator.sources.xml_text import inner, text

__all__ = [
    "BadResumptionToken", "Listing", "OaiError", "ResumptionToken", "looks_like", "parse",
    "parse_listing", "parse_pieces",
]  # fmt: skip


class OaiError(InputError):
    """The archive answered with an error of the protocol; ``code`` is its name there."""

    def __init__(self, code: str, said: str) -> None:
        words = f" ({said[:200]})" if said else ""
        what, remedy = _ERRORS.get(code, (f"with the error {code[:40]!r}", ""))
        super().__init__(f"The archive answers {what}{words}.", remedy=remedy)
        self.code = code


class BadResumptionToken(OaiError):
    """The place at which a list was to go on is not known, or no longer."""


_ERRORS = {
    "badArgument": ("that the request is wrong", "Check the set and the dates."),
    "badVerb": ("that the request is wrong", "Check the address: it ends before the '?'."),
    "badResumptionToken": ("that it does not know where the list was to go on",
                           "Start the list anew."),
    "cannotDisseminateFormat": ("that it does not have this format",
                                "Use metadataPrefix=oai_dc, which every archive has."),
    "idDoesNotExist": ("that there is no record of this name", "Check the identifier."),
    "noMetadataFormats": ("that this record has no metadata", ""),
    "noSetHierarchy": ("that it has no sets", "Leave out the set."),
}  # fmt: skip
_RECORD = re.compile(rb"<(?:[\w.-]{1,40}:)?record[\s>]")
_RECORD_END = re.compile(rb"</(?:[\w.-]{1,40}:)?record\s*>")
# Documents of the protocol that hold no papers, by the elements that only they have.
_OTHERS = {
    "ListIdentifiers": "It lists only the identifiers of records, without titles or abstracts.",
    "Identify": "It describes an archive and holds no papers.",
    "ListSets": "It lists the sets of an archive and holds no papers.",
    "ListMetadataFormats": "It lists the formats of an archive and holds no papers.",
}


@dataclass(frozen=True, slots=True)
class ResumptionToken:
    """Where a list goes on. ``value`` is empty on the last page; ``size`` is how many records
    there are in all, ``cursor`` how many came before; ``expires`` a timestamp."""

    value: str
    size: int | None = None
    cursor: int | None = None
    expires: str | None = None


@dataclass(slots=True)
class Listing:
    """One answer to ListRecords. ``days`` are the records' datestamps, in their order."""

    entries: list[Record | Rejected] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    token: ResumptionToken | None = None
    answered: str | None = None  # the archive's own clock


def looks_like(head: str) -> bool:
    """Whether a document that begins so is one of OAI-PMH, or a record taken out of one."""
    root = root_name(head)
    return root == "OAI-PMH" or (
        root in ("record", "ListRecords", "GetRecord") and "<header" in head
    )


def parse(stream: BinaryIO) -> Iterator[Record | Rejected]:
    """The records, in constant memory; ``where`` is like ``record oai:arXiv.org:0901.2443``.

    "No records match" is an empty list.

    Raises:
        OaiError: the document is another error of the protocol.
        InputError: it holds no records (only identifiers, say), is no XML, or broken.
    """
    yield from _read(stream, Listing())


def parse_listing(stream: BinaryIO) -> Listing:
    """A whole answer. Raises as `parse`."""
    listing = Listing()
    listing.entries.extend(_read(stream, listing))
    return listing


def parse_pieces(content: bytes) -> Listing:
    """An answer whose XML is broken in some record: each record is read by itself, and those
    that cannot be are named.

    Raises:
        InputError: what is around the records is broken too, or cut off.
    """
    text_ = re.sub(rb"\A\s*<\?xml[^>]{0,500}\?>", b"", b"".join(utf8(BytesIO(content))))
    starts = [match.start() for match in _RECORD.finditer(text_)]
    end = max((match.end() for match in _RECORD_END.finditer(text_)), default=0)
    if not starts or end < starts[-1]:
        raise InputError("It ends in the middle of a record.")
    head, tail = text_[: starts[0]], text_[end:]
    listing = parse_listing(BytesIO(head + tail))
    for number, (start, stop) in enumerate(pairwise([*starts, end]), start=1):
        piece = text_[start:stop]
        try:
            one = parse_listing(BytesIO(head + piece + tail))
        except InputError as error:
            named = re.search(rb"<(?:[\w.-]{1,40}:)?identifier>\s*([^<\s]{1,200})", piece)
            where = named[1].decode("utf-8", "replace") if named else str(number)
            reason = f"its XML is broken: {error.message}"
            listing.entries.append(Rejected(f"record {where}", reason))
        else:
            listing.entries += one.entries
            listing.days += one.days
    return listing


def _read(stream: BinaryIO, listing: Listing) -> Iterator[Record | Rejected]:
    """The records; what the document says besides is put into ``listing``."""
    number = 0
    # The first header outside a record tells what a whole list of identifiers is.
    wanted = {"record", "error", "resumptionToken", "responseDate", "header", "set"}
    for element in elements(stream, wanted | {"Identify", "metadataFormat"}):
        name = local(element)
        if name == "record":
            number += 1
            yield record(element, number)
            if day := day_of(text(element, "header/datestamp")):
                listing.days.append(day)
        elif name == "error":
            _raise(element)
        elif name == "responseDate":
            listing.answered = inner(element) or None
        elif name == "resumptionToken":
            listing.token = ResumptionToken(
                value=inner(element),
                size=_number(element.get("completeListSize")),
                cursor=_number(element.get("cursor")),
                expires=element.get("expirationDate"),
            )
        else:
            verb = {"header": "ListIdentifiers", "set": "ListSets", "Identify": "Identify"}
            what = _OTHERS[verb.get(name, "ListMetadataFormats")]
            raise InputError(what, remedy="Ask the archive with verb=ListRecords.")


def _raise(element: Element) -> None:
    code = element.get("code") or "unknown"
    if code == "noRecordsMatch":
        return
    kind = BadResumptionToken if code == "badResumptionToken" else OaiError
    raise kind(code, inner(element))


def _number(value: str | None) -> int | None:
    return int(value) if value and value.isdecimal() and len(value) < 12 else None
