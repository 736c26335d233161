"""BibTeX and BibLaTeX files: each entry a reference, all else kept to be written back.

``extra`` of an entry is `bibtex_syntax.Block.extra`: type, key, fields with raw values in their
order, and the layout, so that the file can be written again as it was. In the record itself
abbreviations (``@string``) are put in, what an entry has from the one it refers to by
``crossref`` is taken over, and braces that only protect are gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from curator.paper import Entry, Record, Rejected, Verbatim
from curator.sources import bibtex_syntax
from curator.sources.bibliography import arxiv_in, date_of, mended, reference, remark, same_year
from curator.sources.bibtex_names import people
from curator.sources.bibtex_syntax import Block, restored
from curator.sources.bibtex_values import address_of, text_of, unbraced
from curator.sources.values import doi_in, excerpt, keywords_of

__all__ = ["looks_like", "parse"]

# Entries that programs keep their settings or shared fields in.
_NO_REFERENCES = {"control", "ieeetranbstctl", "set", "xdata"}
_VENUES = ("booktitle", "journaltitle", "journal")
_PUBLISHERS = ("publisher", "school", "institution", "organization")
# What an entry has from the one that it is a part of (a paper from its proceedings).
_INHERITED = (*_VENUES, *_PUBLISHERS, "year", "month", "date")
_MAX_PARENTS = 5
_LOOKS = re.compile(
    r"^[ \t\ufeff]*@[ \t]*(?:(?:string|preamble|comment)[ \t]*[{(]"
    r"|[a-z][\w-]*\s*[{(]\s*[^\s,{}()=]*\s*,\s*(?:[}%)]|[^\s=,{}]+\s*=))",
    re.IGNORECASE | re.MULTILINE,
)

_URL = re.compile(r"(https?://[^\s{}\"]+)")
_ONLY_URL = re.compile(r"^[{\"]\s*(?:\\url\s*\{)?(https?://[^\s{}\"]+)\}?\s*[}\"]$")

Fields = Mapping[str, str]  # raw values by lower-case name, the first where a name repeats


def looks_like(head: str) -> bool:
    """Whether a file that starts so is BibTeX: a line of it begins an entry."""
    return bool(_LOOKS.search(head))


def parse(text: str) -> Iterator[Entry]:
    """Reads a whole file; ``where`` is like ``line 17``.

    An entry that is broken, repeats a key or has no title is rejected by itself, and so is one
    with bytes that are not UTF-8 (read as `surrogateescape` does). Nothing is raised.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.removeprefix("\ufeff")
    readable, damaged = mended(text)
    blocks = list(bibtex_syntax.scan(readable))
    file = _File(blocks)
    for block in blocks:
        where = f"line {block.line}"
        spoilt = damaged and mended(text[block.start : block.end])[1]
        if spoilt and block.kind in ("entry", "string", "broken"):
            reason = "has bytes that are not UTF-8 (convert the file to UTF-8)"
            yield Rejected(where, f"{reason}: {_about(block)}", block.extra)
        elif block.kind == "broken":
            yield Rejected(where, f"{block.reason}: {_about(block)}", block.extra)
        elif block.kind != "entry" or block.extra["type"].lower() in _NO_REFERENCES:
            yield Verbatim(where, block.extra)
        else:
            yield file.entry(block, where)


def _about(block: Block) -> str:
    """Which part it is, for a reader: ``@book{knuth84}``, or its beginning."""
    if block.extra.get("key"):
        return f"@{block.extra['type']}{{{excerpt(block.extra['key'])}}}"
    return excerpt(restored(block.extra))


class _File:
    """What entries of one file have from each other."""

    def __init__(self, blocks: list[Block]) -> None:
        self.strings: dict[str, str] = {}
        self.first: dict[str, Block] = {}  # entry of each key
        wanted: set[str] = set()
        for block in blocks:
            if block.kind == "string":
                for name, raw in block.extra["fields"]:
                    self.strings[name.lower()] = text_of(raw, self.strings)
            elif block.kind == "entry":
                self.first.setdefault(block.extra["key"], block)
                for name, raw in block.extra["fields"]:
                    if name.lower() == "crossref":
                        wanted.add(self.text(raw))
        self.parents = {key: _fields(self.first[key]) for key in wanted if key in self.first}

    def text(self, raw: str | None) -> str:
        return unbraced(text_of(raw, self.strings)) if raw else ""

    def entry(self, block: Block, where: str) -> Record | Rejected:
        key = block.extra["key"]
        first = self.first[key]
        if key and first.start != block.start:
            reason = f"the key {excerpt(key)!r} is that of the entry in line {first.line}"
            shown = excerpt(self.title(_fields(block))) or _about(block)
            return Rejected(where, f"{reason}: {shown}", block.extra)
        fields = self.with_parents(_fields(block), key)
        get = {name: self.text(raw) for name, raw in fields.items()}.get
        eprint, eprint_type = self.eprint(fields)
        url = address_of(text_of(fields.get("url", ""), self.strings)) or _url_in(fields)
        keywords = keywords_of(get("keywords") or get("keyword") or "")
        note = remark(get(name) for name in ("note", "annote", "annotation"))
        return reference(
            where=where,
            about=_about(block),
            extra=block.extra,
            title=self.title(fields),
            abstract=get("abstract") or "",
            source_id=key,
            arxiv_id=self.arxiv(fields, eprint, eprint_type, url),
            doi=self.doi(fields, url),
            authors=self.names(fields.get("author")) or self.names(fields.get("editor")),
            published=_published(get),
            url=url,
            categories=(get("primaryclass") or "").split()[:1] if eprint_type == "arxiv" else (),
            venue=_first(get, *_VENUES, "howpublished" if not url else "", *_PUBLISHERS),
            ids=[
                ("pmid", get("pmid") or (eprint if eprint_type == "pubmed" else "")),
                ("pmcid", get("pmcid") or get("pmc")),
                ("dblp", key if key.startswith("DBLP:") else ""),
            ],
            hints={
                **({"keywords": keywords} if keywords else {}),
                **({"note": note} if note else {}),
            },
        )

    def title(self, fields: Fields) -> str:
        title, subtitle = (self.text(fields.get(name)).strip() for name in ("title", "subtitle"))
        if title and subtitle:
            return f"{title} {subtitle}" if title[-1] in ":?!." else f"{title}: {subtitle}"
        return title

    def with_parents(self, fields: Fields, key: str) -> Fields:
        """An entry's fields and those that it has from what it is a part of."""
        found = dict(fields)
        seen = {key}
        parent = self.text(fields.get("crossref"))
        while parent not in seen and parent in self.parents and len(seen) <= _MAX_PARENTS:
            seen.add(parent)
            theirs = self.parents[parent]
            for name in _INHERITED:
                if name in theirs:
                    found.setdefault(name, theirs[name])
            if "title" in theirs and not any(name in found for name in _VENUES):
                found["booktitle"] = theirs["title"]
            parent = self.text(theirs.get("crossref"))
        return found

    def names(self, raw: str | None) -> list[str]:
        return people(text_of(raw, self.strings)) if raw else []

    def eprint(self, fields: Fields) -> tuple[str, str]:
        """The identifier that a server of preprints gave, and the server's name."""
        eprint = address_of(text_of(fields.get("eprint", ""), self.strings))
        server = self.text(fields.get("eprinttype") or fields.get("archiveprefix"))
        return eprint, server.strip().lower()

    def arxiv(self, fields: Fields, eprint: str, server: str, url: str) -> str | None:
        places = [f"arxiv:{self.text(fields.get('arxivid'))}"]
        if server in ("", "arxiv"):
            places.append(f"arxiv:{eprint}")
        volume = self.text(fields.get("volume"))
        if volume.startswith("abs/"):  # so DBLP lists what is on arXiv: CoRR, abs/1706.03762
            places.append(f"arxiv:{volume[4:]}")
        for name in ("arxiv", "journal", "journaltitle", "howpublished"):
            places.append(address_of(text_of(fields.get(name, ""), self.strings)))
        return arxiv_in(*places, url, remarks=[self.text(fields.get("note")).strip()])

    def doi(self, fields: Fields, url: str) -> str | None:
        raw = fields.get("doi")
        given = address_of(text_of(raw, self.strings)) if raw else None
        return doi_in(given) or (doi_in(url) if "doi.org/" in url else None)


def _fields(block: Block) -> Fields:
    found: dict[str, str] = {}
    for name, raw in block.extra["fields"]:
        if raw and raw not in ("{}", '""'):
            found.setdefault(name.lower(), raw)
    return found


def _published(get: Any) -> str | None:
    given = date_of(get("date"), get("month"), get("day"))
    return same_year(given, date_of(get("year"), get("month"), get("day")))


def _first(get: Any, *names: str) -> str | None:
    return next((value for name in names if (value := get(name))), None)


def _url_in(fields: Fields) -> str:
    """An address that stands in another field; in a note, one that is all of it."""
    for name in ("ee", "link", "howpublished", "note"):
        found = (_ONLY_URL if name == "note" else _URL).search(fields.get(name, ""))
        if found:
            return address_of(found[1]).rstrip(".,;)")
    return ""
