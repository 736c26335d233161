"""Which format a document is in, found out by its content, and the parser that reads it."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

from curator.errors import InputError, UsageError
from curator.paper import Entry
from curator.sources.replay import HEAD, Replay

__all__ = ["KINDS", "READS", "Content", "entries_of"]

MAX_WHOLE = 200_000_000  # bytes of a document that is read whole
READS = (
    "Read are BibTeX, RIS, CSL-JSON and Zotero exports, JSON Lines, JSON, CSV and TSV, arXiv, "
    "OAI-PMH, RSS, ACL and PubMed XML, saved HTML pages, and Daily Papers pages saved as text."
)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # as `surrogateescape` reads them
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY = (
    (b"%PDF", "a PDF", "Save the page or the abstracts as text."),
    (b"PK\x03\x04", "a zip archive or an office document", "Unpack it, or save it as text."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it."),
    (b"Rar!", "a RAR archive", "Unpack it."),
    (b"SQLite format 3", "an SQLite database", "Export the papers as JSON Lines."),
    (b"PAR1", "a Parquet file", "Export the papers as JSON Lines."),
    (b"\xd0\xcf\x11\xe0", "an old office document", "Save it as text or CSV."),
)  # fmt: skip


@dataclass
class Content:
    """One document, of which the beginning is known. It is read once, by one of its methods.

    ``name`` decides nothing but breaks ties; ``today`` is the latest day that a page's date
    without a year can mean; ``mapping`` names the columns of our fields.
    """

    name: str
    raw: Replay
    head: bytes
    today: date
    mapping: Mapping[str, str] | None = None
    charset: str | None = None  # as the server that sent it declared

    def __post_init__(self) -> None:
        self.encoding = self._encoding()
        self._errors = "surrogateescape" if self.encoding == "utf-8-sig" else "replace"
        text = codecs.getincrementaldecoder(self.encoding)(self._errors).decode(self.head)
        self.start = text.lstrip("\ufeff \t\r\n")
        self.lines = io.StringIO(text, newline=None).readlines()
        self.whole_in_head = len(self.head) < HEAD

    def _encoding(self) -> str:
        """The encoding, by the mark at the start. Raises `InputError` for what is not text."""
        for magic, what, remedy in _BINARY:
            if self.head.startswith(magic):
                raise InputError(f"It is {what}.", remedy=f"{remedy} {READS}")
        for mark, encoding in _BOMS:
            if self.head.startswith(mark):
                return encoding
        if b"\0" in self.head[:4096] and not self.head.lstrip().startswith((b"{", b"[", b"<")):
            raise InputError(
                "It is binary, or UTF-16 without a mark at its start.",
                remedy=f"Save it as UTF-8. {READS}",
            )
        if self.charset and _is_not_utf8(self.head):
            try:
                return codecs.lookup(self.charset).name
            except LookupError:
                pass
        return "utf-8-sig"

    def binary(self) -> BinaryIO:
        """The bytes, from their beginning (for XML and HTML, which say their encoding)."""
        return io.BufferedReader(self.raw, 1 << 16)

    def text(self) -> io.TextIOWrapper:
        """The text as it is read; bytes that are not UTF-8 are surrogates."""
        return io.TextIOWrapper(self.binary(), self.encoding, self._errors)

    def whole(self) -> str:
        """All of the text. Raises `InputError` where that is too much."""
        text = self.text().read(MAX_WHOLE + 1)
        if len(text) > MAX_WHOLE:
            raise _too_large()
        return text

    def whole_bytes(self) -> bytes:
        """All of the bytes. Raises `InputError` where those are too many."""
        content = self.binary().read(MAX_WHOLE + 1)
        if len(content) > MAX_WHOLE:
            raise _too_large()
        return content

    def page(self) -> Iterator[str]:
        """The lines of a page that a person saved, which has to be UTF-8."""
        # A page that was cut inside a character loses that character only.
        whole = re.sub("[\udc80-\udcff]{1,3}\\Z", "", self.whole())
        # Damaged UTF-8 still has good characters beyond ASCII, or its damage in one place;
        # another encoding has neither.
        bad = [n for n, line in enumerate(io.StringIO(whole), 1) if _NOT_UTF8.search(line)]
        if len(bad) > 1 and not re.search("[\u0080-\ud7ff\ue000-\U0010ffff]", whole):
            raise _not_utf8(bad[0])
        return io.StringIO(whole)


def entries_of(content: Content, kind: str | None = None) -> tuple[str, Iterator[Entry]]:
    """``(kind, entries)`` of a document, by its content, or as the ``kind`` that is named.

    Raises:
        InputError: no parser reads it; the message says what it looks like.
        UsageError: there is no such kind.
    """
    if kind is not None:
        if kind not in KINDS:
            raise UsageError(
                f"There is no format {kind!r}.", remedy=f"Use one of {', '.join(KINDS)}."
            )
        return KINDS[kind](content)
    if not content.start:
        raise InputError("It is empty.", remedy=READS)
    return _chosen(content)(content)


_Read = Callable[[Content], tuple[str, Iterator[Entry]]]


def _chosen(content: Content) -> _Read:
    """The first format that the beginning of a document looks like."""
    from curator.sources import documents

    start = content.start
    if documents.looks_like_cassette(start):
        raise documents.cassette_error()
    if re.match(r"\{\\rtf", start):
        raise InputError("It looks like an RTF document.", remedy=f"Save it as text. {READS}")
    looks = _markup if start.startswith("<") else _text
    for kind, likely in looks(content):
        if likely:
            return KINDS[kind]
    if start.startswith("<"):
        from curator.sources.xml import root_name

        name = root_name(start)
        what = f"XML of a kind that is not known (<{name}>)" if name else "markup, but no page"
        raise InputError(f"It is {what}.", remedy=READS)
    for number, line in enumerate(content.lines, start=1):
        if _NOT_UTF8.search(line):
            raise _not_utf8(number)
    raise InputError(f"It looks like {_guess(content.lines)}, not like papers.", remedy=READS)


def _text(content: Content) -> Iterator[tuple[str, bool]]:
    from curator.sources import bibtex, csl, daily_papers, jsonl, medline, ris, tables

    start, lines = content.start, content.lines
    if start.startswith(("{", "[")):
        yield "json", jsonl.looks_like_array(start) or csl.looks_like(start)
        yield "json", jsonl.looks_like_document(start, whole=content.whole_in_head)
        yield "jsonl", jsonl.looks_like_lines(lines)
    yield "daily-papers-text", daily_papers.has_head(lines)
    yield "ris", ris.looks_like(start)
    yield "medline", medline.looks_like(start)
    yield "bibtex", bibtex.looks_like(start)
    yield "table", tables.looks_like(start)
    yield "jsonl", jsonl.looks_like_lines(lines)
    yield "daily-papers-text", daily_papers.looks_like_listing(lines)
    # Whoever names columns has a table; a file of that name says what is wrong, or knows better.
    yield "table", bool(content.mapping)
    yield "jsonl", content.name.lower().endswith((".jsonl", ".ndjson"))


def _markup(content: Content) -> Iterator[tuple[str, bool]]:
    from curator.sources import acl, arxiv_atom, html, oai, pubmed, rss

    start = content.start
    yield "arxiv", arxiv_atom.looks_like(start)
    yield "oai", oai.looks_like(start)
    yield "acl", acl.looks_like(start)
    yield "pubmed", pubmed.looks_like(start)
    yield "rss", rss.looks_like(start)
    yield "html", html.looks_like(start)


# ------------------------------------------------------------------------ parsers


def _jsonl(content: Content) -> tuple[str, Iterator[Entry]]:
    from curator.sources import jsonl

    return "jsonl", jsonl.parse_lines(content.text(), content.mapping)


def _json(content: Content) -> tuple[str, Iterator[Entry]]:
    from curator.sources import jsonl

    return jsonl.parse_document(content.whole(), content.mapping)


def _table(content: Content) -> tuple[str, Iterator[Entry]]:
    from curator.sources import tables

    return "table", tables.parse(content.text(), content.mapping)


def _daily_papers(content: Content) -> tuple[str, Iterator[Entry]]:
    from curator.sources import daily_papers

    return "daily-papers-text", daily_papers.parse(content.page(), content.today)


def _bibtex(content: Content) -> tuple[str, Iterator[Entry]]:
    from curator.sources import bibtex

    return "bibtex", bibtex.parse(content.whole())


def _ris(content: Content) -> tuple[str, Iterator[Entry]]:
    from curator.sources import ris

    return "ris", ris.parse(content.whole())


def _html(content: Content) -> tuple[str, Iterator[Entry]]:
    from curator.sources import html

    return "html", html.parse(content.whole_bytes())


def _binary(kind: str, module: str) -> _Read:
    def read(content: Content) -> tuple[str, Iterator[Entry]]:
        import importlib

        parse = importlib.import_module(f"curator.sources.{module}").parse
        return kind, parse(content.binary())

    return read


KINDS: dict[str, _Read] = {
    "jsonl": _jsonl,
    "json": _json,
    "table": _table,
    "bibtex": _bibtex,
    "ris": _ris,
    "medline": _binary("pubmed", "medline"),
    "pubmed": _binary("pubmed", "pubmed"),
    "arxiv": _binary("arxiv", "arxiv_atom"),
    "oai": _binary("oai", "oai"),
    "acl": _binary("acl", "acl"),
    "rss": _binary("rss", "rss"),
    "html": _html,
    "daily-papers-text": _daily_papers,
}


# ------------------------------------------------------------------------- errors


def _is_not_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(head)
    except UnicodeDecodeError:
        return True
    return False


def _guess(lines: list[str]) -> str:
    seen = [line for line in lines if line.strip()][:10]
    if seen[0].startswith("{"):
        return "one JSON document over several lines"
    return "plain text"


def _too_large() -> InputError:
    return InputError(
        f"It is larger than {MAX_WHOLE // 1_000_000} MB.",
        remedy="Split it, or write JSON Lines, which may be of any size.",
    )


def _not_utf8(line: int) -> InputError:
    return InputError(
        f"It is not text in UTF-8 (see line {line}).",
        remedy="Convert it, for example: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW.",
    )
