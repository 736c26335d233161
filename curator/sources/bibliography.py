"""What the readers of bibliographies share: dates as they are written there, arXiv ids in
remarks, and bytes of other encodings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from curator.identifiers import arxiv_id_of
from curator.paper import Record, Rejected
from curator.sources.values import day_of
from curator.text import squeeze, strip_controls

__all__ = ["arxiv_in", "date_of", "mended", "reference", "remark", "same_year"]

MAX_REMARK = 5_000  # characters of a note that are kept as a hint; all of it is in `extra`

# "2001/2003", "2001--03", "1995/96", "2016-2017", "2016-12/2017-01": of a span, its beginning.
_SPAN = re.compile(
    r"(\d{4}(?:-\d\d){0,2})\s*(?:/|--+|–|—|\bto\b|-(?=\d{4}))\s*(?:\d{2,4}(?:-\d\d){0,2})?$"
)
_SLASHES = re.compile(r"(\d{4})/(\d{0,2})(?:/(\d{0,2})(?:/.*)?)?$", re.DOTALL)
_MONTH_NUMBER = re.compile(r"0?([1-9]|1[0-2])$")
_NAMES_ARXIV = re.compile(
    r"arxiv(?:\.org/(?:abs|pdf)/|\s*(?:preprints?|e-?prints?)?\s*[:.]?\s*(?:arxiv:)?\s*|:)"
    r"([\w.-]{1,30}(?:/\d{7})?(?:v\d+)?)",
    re.IGNORECASE,
)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # as `surrogateescape` reads such bytes


def reference(
    *, where: str, about: str, extra: Mapping[str, Any], **fields: Any
) -> Record | Rejected:
    """One entry of a bibliography; it may have no abstract. ``about`` says which entry it is.

    An entry that can be no paper keeps ``extra`` all the same, to be written back.
    """
    try:
        return Record.make(where=where, extra=extra, needs_abstract=False, **fields)
    except ValueError as error:
        return Rejected(where, f"{error}: {about}", extra)


def date_of(
    year: str | None, month: str | None = None, day: str | None = None, *, slashes: bool = False
) -> str | None:
    """``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``, as exact as the parts say; None if they do not.

    ``year`` may hold a whole date or a span, ``month`` a number, a name or ``jan 1``. With
    ``slashes`` two parts between slashes are a year and a month, as in RIS.
    """
    text = squeeze(re.sub(r"[~{}]", " ", year or ""))[:100]
    span = _SPAN.match(text)
    parts = _SLASHES.match(text)
    if parts and (slashes or parts[3]):
        text = "-".join(part for part in parts.groups() if part)
    elif span:
        text = span[1]
    # A month or day that does not exist costs itself only.
    found = day_of(text) or day_of(text[:7]) or day_of(text[:4])
    if found is None or len(found) > 4 or not month:
        return found
    name = squeeze(re.sub(r"[~{}.,]", " ", month))[:100]
    number = _MONTH_NUMBER.match(name)
    if number:
        with_month = f"{found}-{int(number[1]):02d}"
        return day_of(f"{with_month}-{(day or '').strip()}") or day_of(with_month)
    return day_of(f"{name} {(day or '').strip()} {found}") or day_of(f"{name} {found}") or found


def same_year(one: str | None, other: str | None) -> str | None:
    """The more exact of two dates if both are of one year, else the first that there is."""
    if one and other and one[:4] == other[:4]:
        return max(one, other, key=len)
    return one or other


def arxiv_in(*texts: str | None, remarks: Iterable[str] = ()) -> str | None:
    """The first arXiv id that is named as such (``arXiv preprint arXiv:1706.03762v5``).

    Of ``remarks`` only those that begin so count: others may speak of another paper.
    """
    for text in (*texts, *(text for text in remarks if text[:5].lower() == "arxiv")):
        for match in _NAMES_ARXIV.finditer((text or "")[:10_000]):
            name = match[1].rstrip(".-")
            if arxiv_id_of(name):
                return name
    return None


def remark(texts: Iterable[str | None]) -> str | None:
    """Notes as one line of text."""
    found = (squeeze(strip_controls(text)) for text in texts if text)
    return " ".join(dict.fromkeys(filter(None, found)))[:MAX_REMARK] or None


def mended(text: str) -> tuple[str, bool]:
    """Text whose bytes that are not UTF-8 are read as Windows-1252 does, of the same length, and
    whether there were any. What is written back is then readable, and nothing is left out."""
    changed, count = _NOT_UTF8.subn(
        lambda m: bytes([ord(m[0]) - 0xDC00]).decode("cp1252", "ignore") or chr(ord(m[0]) - 0xDC00),
        text,
    )
    return changed, count > 0
