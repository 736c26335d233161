"""RIS files, and the tagged files of the Web of Science, which look alike.

A record is the lines from ``TY`` (``PT``) to ``ER``. A line begins with a tag of two characters;
one without goes on with the value above it. ``extra`` of a record has its ``fields``, pairs of a
tag and a raw value with its line ends, in their order, and what else is needed to write the file
as it was.

``rispy`` knows which tags of the Web of Science hold lists. Its parser was measured on the
samples and is not used: it keeps the first of repeated tags only, drops a record without ``ER``
or joins it with the next, loses the order and what stands between records, and fails where a
record begins with a line without a tag. On sound records both agree, which a test holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from curator.identifiers import doi_of
from curator.paper import Entry, Record, Rejected, Verbatim
from curator.sources.bibliography import arxiv_in, date_of, mended, reference, remark, same_year
from curator.sources.names import flipped, names_of
from curator.sources.values import doi_in, excerpt, keywords_of
from curator.text import squeeze

__all__ = ["AFTER", "SEPARATOR", "looks_like", "parse", "restored"]

AFTER = "\n\n"  # the white space after most records; where it is another, `extra` has it
SEPARATOR = "  - "  # between tag and value

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_TAG = re.compile(r"([A-Z][A-Z0-9])(  - ?)")
_LOOSE_TAG = re.compile(r"([A-Z][A-Z0-9])([ \t]{0,3}[-–][ \t]?)")
_WOS_TAG = re.compile(r"([A-Z][A-Z0-9])( |$)")
_START = re.compile(r"TY[ \t]{0,3}[-–]")
_WOS_START = re.compile(r"PT [A-Z][a-z]{0,9}\s*$")
_LOOKS = re.compile(r"^(?:TY {1,2}- ?\w[\w ]*$|FN .*\nVR |PT [JBSP]\nAU )", re.MULTILINE)
_SPACE = re.compile(r"\s*+")
_INITIALS_LAST = re.compile(r"\S.* (?:[^\W\d_]\.-?){1,4}$")

# Where a field is looked for, in this order: RIS as EndNote, Zotero, Ovid and publishers write
# it (https://en.wikipedia.org/wiki/RIS_(file_format)), and the Web of Science
# (https://images.webofknowledge.com/images/help/WOS/hs_wos_fieldtags.html).
_TITLES = ("TI", "T1", "CT", "BT", "ST")
_VENUES = ("JF", "T2", "JO", "BT", "JA", "J2", "T3", "PB")
_WOS_VENUES = ("SO", "CT", "J9", "PU")
_NAMES_ARXIV = ("AN", "M1", "M3", "JF", "JO", "T2", "UR")

Values = Mapping[str, list[str]]  # by tag, on one line each


def looks_like(head: str) -> bool:
    """Whether a file that starts so is RIS or of the Web of Science."""
    return bool(_LOOKS.search(head.removeprefix("\ufeff")))


def parse(text: str) -> Iterator[Entry]:
    """Reads a whole file; ``where`` is like ``record 2, line 17``.

    A record without a title is rejected by itself, and so is one with bytes that are not UTF-8
    (read as `surrogateescape` does). A record without ``ER`` ends where the next begins.
    Nothing is raised.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.removeprefix("\ufeff")
    readable, damaged = mended(text)
    first = len(readable) - len(readable.lstrip())
    records = 0
    for part in _parts(readable):
        values = part.values()
        extra = part.extra(values)
        after = _SPACE.match(readable, part.end)
        if after and after[0] != AFTER:
            extra["after"] = after[0]
        if part.start == first > 0:
            extra["before"] = readable[:first]
        if not part.fields:
            yield Verbatim(f"line {part.line}", extra)
            continue
        records += 1
        where = f"record {records}, line {part.line}"
        if damaged and mended(text[part.start : part.end])[1]:
            reason = "has bytes that are not UTF-8 (convert the file to UTF-8)"
            yield Rejected(where, f"{reason}: {_about(values)}", extra)
        else:
            yield (_wos_entry if part.wos else _entry)(values, where, extra)


def restored(extra: Mapping[str, Any]) -> str:
    """The text of a part from its ``extra``, without the white space around it."""
    if "raw" in extra:
        return str(extra["raw"])
    fields = extra["fields"]
    marks = extra.get("separators", SEPARATOR)
    marks = [marks] * len(fields) if isinstance(marks, str) else marks
    lines = [f"{tag}{mark}{value}" for mark, (tag, value) in zip(marks, fields, strict=True)]
    return "\n".join([*lines, *([extra["end"]] if extra["end"] else [])])


@dataclass
class _Part:
    """A record, or lines that belong to none (``raw``), from ``start`` to ``end`` (characters).

    ``last`` is the line ``ER``; it is empty where there is none.
    """

    line: int
    start: int
    end: int = 0
    raw: str = ""
    wos: bool = False
    fields: list[list[str]] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    last: str = ""

    def holding(self, text: str) -> _Part:
        self.raw = text[self.start : self.end]
        return self

    def takes(self, line: str) -> bool:
        """Adds a line of the record; False if another record or the file's end begins with it."""
        found = self.tag(line)
        if found and self.fields and found[1] in (("PT", "EF") if self.wos else ("TY",)):
            return False
        if found and found[1] == "ER":
            self.last = line
        elif found:
            self.fields.append([found[1], line[found.end() :]])
            self.marks.append(found[2])
        else:
            self.fields[-1].append(line)  # joined by `closed`: a value may have 100,000 lines
        return True

    def tag(self, line: str) -> re.Match[str] | None:
        if self.wos:
            return _WOS_TAG.match(line)
        # Other spaces are taken for a tag's only in a file that writes them so from the start.
        loose = self.marks and self.marks[0] not in ("  - ", "  -")
        return (_LOOSE_TAG if loose or not self.marks else _TAG).match(line)

    def closed(self) -> _Part:
        final = self.fields[-1]
        while not self.last and len(final) > 2 and not final[-1].strip():
            final.pop()
        for item in self.fields:
            item[1:] = ["\n".join(item[1:])]
        return self

    def extra(self, values: Values) -> dict[str, Any]:
        found: dict[str, Any] = {"format": "ris"}
        if not self.fields:
            return found | {"raw": self.raw}
        if self.wos:
            found["flavour"] = "wos"
        found["type"] = self.fields[0][1].strip()
        found["key"] = (values.get("UT" if self.wos else "ID") or [""])[0]
        found["fields"] = self.fields
        found["end"] = self.last
        if set(self.marks) != {SEPARATOR}:
            found["separators"] = self.marks[0] if len(set(self.marks)) == 1 else self.marks
        return found

    def values(self) -> dict[str, list[str]]:
        """The values of each tag, on one line each, without the empty ones."""
        lists = _wos_lists() if self.wos else ("KW",)
        found: dict[str, list[str]] = {}
        for tag, raw in self.fields:
            texts = raw.split("\n") if tag in lists else [raw]
            found.setdefault(tag, []).extend(filter(None, map(squeeze, texts)))
        return found


def _parts(text: str) -> Iterator[_Part]:
    record: _Part | None = None
    free: _Part | None = None
    for number, match in enumerate(_LINE.finditer(text), start=1):
        line = match[0].rstrip("\n")
        end = match.start() + len(line)
        if record and record.takes(line):
            if line.strip():
                record.end = end
            if record.last:
                yield record.closed()
                record = None
            continue
        if record:
            yield record.closed()
            record = None
        is_wos = bool(_WOS_START.match(line))
        if is_wos or _START.match(line):
            if free:
                yield free.holding(text)
            free = None
            record = _Part(number, match.start(), end, wos=is_wos)
            record.takes(line)
        elif line.strip():
            free = free or _Part(number, end - len(line.lstrip()))
            free.end = match.start() + len(line.rstrip())
    if record:
        yield record.closed()
    if free:
        yield free.holding(text)


def _entry(values: Values, where: str, extra: Mapping[str, Any]) -> Record | Rejected:
    def first(*tags: str) -> str | None:
        return next((value for tag in tags for value in values.get(tag, ())), None)

    database = " ".join(values.get("DB", []) + values.get("DP", [])).lower()
    accession = first("AN") or ""
    by_number = accession if "pubmed" in database or "medline" in database else ""
    title_tag = next((tag for tag in _TITLES if values.get(tag)), "")
    return _reference(
        values,
        where,
        extra,
        title=first(title_tag),
        abstract=first("AB", "N2"),
        source_id=first("ID"),
        arxiv_id=arxiv_in(
            *(value for tag in _NAMES_ARXIV for value in values.get(tag, ())),
            remarks=values.get("N1", ()),
        ),
        doi=doi_in(values.get("DO"))
        or next(
            (v for tag in ("M3", "UR", "L3", "LK") for v in values.get(tag, ()) if doi_of(v)), None
        ),
        authors=_people(values, "AU", "A1") or _people(values, "A2", "ED", "A3"),
        published=same_year(
            date_of(first("PY", "Y1"), slashes=True), date_of(first("DA"), slashes=True)
        ),
        url=_url(values),
        venue=first(*(tag for tag in _VENUES if tag != title_tag)),
        ids=[
            ("pmid", by_number or (accession if accession.upper().startswith("PMID") else "")),
            ("pmcid", first("C2")),
        ],
        keywords=[word for text in values.get("KW", ()) for word in text.split(";")],
        note=remark(values.get("N1", []) + values.get("RN", [])),
    )


def _wos_entry(values: Values, where: str, extra: Mapping[str, Any]) -> Record | Rejected:
    def joined(*tags: str) -> str:
        return next((" ".join(values[tag]) for tag in tags if values.get(tag)), "")

    return _reference(
        values,
        where,
        extra,
        title=joined("TI"),
        abstract=joined("AB"),
        source_id=joined("UT"),
        doi=doi_in(joined("DI")),
        authors=_people(values, "AF") or _people(values, "AU") or _people(values, "BF", "BA", "BE"),
        published=date_of(joined("PY", "EY"), joined("PD")),
        venue=joined(*_WOS_VENUES),
        ids=[("pmid", joined("PM"))],
        keywords=[word for tag in ("DE", "ID") for word in joined(tag).split(";")],
        note=None,
    )


def _reference(
    values: Values,
    where: str,
    extra: Mapping[str, Any],
    *,
    keywords: list[str],
    note: str | None,
    **fields: Any,
) -> Record | Rejected:
    words = keywords_of([word for word in keywords if word.strip()])
    hints = {**({"keywords": words} if words else {}), **({"note": note} if note else {})}
    return reference(where=where, about=_about(values), extra=extra, hints=hints, **fields)


def _people(values: Values, *tags: str) -> list[str]:
    found: list[str] = []
    for text in (value for tag in tags for value in values.get(tag, ())):
        if ";" in text or ("," not in text and _INITIALS_LAST.match(text)):
            found += names_of(text) or []
        else:
            found.append(flipped(text).strip(" ,"))
    return [name for name in found if name]


def _url(values: Values) -> str | None:
    """The first address; several may stand in one value, parted by semicolons."""
    for text in (value for tag in ("UR", "LK", "L2", "L1") for value in values.get(tag, ())):
        for address in re.split(r";\s*(?=https?://)|\s+", text):
            if address.startswith(("http://", "https://")):
                return address.rstrip(";,")
    return None


def _about(values: Values) -> str:
    """Which record it is, for a reader: its title, or its first values."""
    for tag in _TITLES:
        if values.get(tag):
            return excerpt(values[tag][0])
    return excerpt(", ".join(f"{tag} {texts[0]}" for tag, texts in values.items() if texts))


@cache
def _wos_lists() -> frozenset[str]:
    from rispy.config import WOK_LIST_TYPE_TAGS

    return frozenset(WOK_LIST_TYPE_TAGS)
