"""The MEDLINE text format (``.nbib``, "PubMed" on the website): a tag and a value a line.

The tags: https://www.nlm.nih.gov/bsd/mms/medlineelements.html. A value goes on in the lines
that begin with spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from curator.errors import InputError
from curator.paper import Record, Rejected
from curator.sources.names import flipped
from curator.sources.pubmed import notice_of, untranslated
from curator.sources.xml_entry import entry
from curator.sources.xml_mend import BAD_BYTES
from curator.text import squeeze

__all__ = ["looks_like", "parse"]

MAX_ENTRY = 5_000_000  # characters; a paper with a thousand authors has 200,000
_LINE = 1 << 20  # bytes that are read of one line at a time
_TAG = re.compile(r"(?=.{4}-)([A-Z][A-Z0-9]{1,3}) *- ?(.*)$", re.DOTALL)
_ID = re.compile(r"(.+?)\s*\[doi\]$")
_BAD = re.compile("[\ud800-\udfff]+")  # as `surrogateescape` leaves them
_TOO_LONG = "too long"  # among the tags, which are in capitals

Fields = dict[str, list[str]]


def looks_like(head: str) -> bool:
    """Whether a text that begins so is in the MEDLINE format."""
    return bool(re.match(r"\s*PMID- ?\d", head.removeprefix("\ufeff")))


def parse(stream: BinaryIO) -> Iterator[Record | Rejected]:
    """The records, in constant memory; ``where`` is like ``PMID 12230038, line 2``.

    Raises:
        InputError: there is no line with a tag.
    """
    any_read = False
    for line, fields in _records(stream):
        any_read = True
        yield _entry(fields, line)
    if not any_read:
        raise InputError(
            "It has no line with a tag, as in 'PMID- 123'.",
            remedy="Save it from PubMed in the format PubMed.",
        )


def _records(stream: BinaryIO) -> Iterator[tuple[int, Fields]]:
    """Each record with the line it starts at. The next begins with the next PMID, or with a
    tag after a blank line; mere text after one still belongs to the value before."""
    fields: dict[str, list[list[str]]] = {}  # values in lines: joined once, not line by line
    began = size = 0
    tag, gap = "", False
    for number, line in _lines(stream):
        match = _TAG.match(line)
        if match:
            if fields and (gap or (match[1] == "PMID" and "PMID" in fields)):
                yield began, _joined(fields)
                fields, size = {}, 0
            began = began if fields else number
            tag = match[1]
            fields.setdefault(tag, []).append([])
        gap = not line.strip() and bool(fields)
        value = match[2] if match else line
        size += len(value)
        if size >= MAX_ENTRY:
            fields[_TOO_LONG] = []
        elif tag:  # else a heading of the file
            fields[tag][-1].append(value)
    if fields:
        yield began, _joined(fields)


def _joined(fields: dict[str, list[list[str]]]) -> Fields:
    return {tag: [squeeze(" ".join(lines)) for lines in many] for tag, many in fields.items()}


def _lines(stream: BinaryIO) -> Iterator[tuple[int, str]]:
    number = 1
    while raw := stream.readline(_LINE):
        line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        yield number, _BAD.sub(BAD_BYTES, line.decode("utf-8", "surrogateescape").rstrip("\r\n"))
        number += raw.endswith(b"\n")


def _entry(fields: Fields, line: int) -> Record | Rejected:
    def one(*tags: str) -> str:
        return next((fields[tag][0] for tag in tags if tag in fields and fields[tag][0]), "")

    def many(tag: str) -> list[str]:
        return [value for value in fields.get(tag, ()) if value]

    pmid = one("PMID")
    where = f"PMID {pmid[:20]}, line {line}" if pmid else f"the record at line {line}"
    if _TOO_LONG in fields:
        return Rejected(where, f"longer than {MAX_ENTRY:,} characters; no paper is")
    title, translated = untranslated(one("TI", "BTI"))
    kinds = many("PT")
    dois = [match[1] for value in many("LID") + many("AID") if (match := _ID.match(value))]
    full = "FAU" in fields
    return entry(
        where,
        title=title or one("TT", "CTI"),
        abstract=one("AB", "OAB"),
        doi=dois[0] if dois else None,
        authors=[*map(flipped if full else _short, many("FAU" if full else "AU")), *many("CN")],
        published=one("DEP") or re.split(r"[-–/]", one("DP", "DA"))[0],
        url=f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/" if pmid.isdecimal() else None,
        venue=one("JT", "TA") or (one("BTI") if one("TI") else ""),
        source_id=f"PMID:{pmid}" if pmid else None,
        ids=[("pmid", pmid), ("pmcid", one("PMC"))],
        hints={
            "mesh": [heading.replace("*", "") for heading in many("MH")],
            "keywords": many("OT"),
            "publication_types": kinds,
            "language": next((name for name in many("LA") if name != "eng"), ""),
            "original_title": one("TT") if translated else "",
            **notice_of(kinds, many("RIN")),
        },
    )


def _short(name: str) -> str:
    """``Mangalam HJ`` → ``HJ Mangalam``, where the full name is not given."""
    family, _, initials = name.rpartition(" ")
    return f"{initials} {family}" if family and initials.isupper() else name
