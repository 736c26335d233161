"""Values as exports write them, brought to what a `Record` takes: dates, names, identifiers,
markup, remarks.

Nothing here raises. What cannot be read becomes None, so that a bad value of a field that a
paper can do without costs this field and not the paper.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from curator.identifiers import arxiv_id_of, doi_of
from curator.text import squeeze, strip_controls

__all__ = [
    "arxiv_of",
    "categories_of",
    "count_of",
    "day_of",
    "doi_in",
    "excerpt",
    "hints_of",
    "keywords_of",
    "name_in",
    "starting_day",
    "untagged",
]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})(?:\2(\d{1,2})(?:[T ].*)?)?)?$", re.ASCII | re.S)
_NUMERIC = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?!\d)", re.ASCII)
_TIME = re.compile(r"\d{1,2}:\d\d.*", re.ASCII | re.S)
_MONTH = re.compile(
    r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:[a-z]{0,6})\b", re.IGNORECASE
)
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)", re.ASCII)
_DAY = re.compile(r"(?<!\d)([12]?\d|3[01])(?:st|nd|rd|th)?(?!\d)", re.ASCII | re.IGNORECASE)
_DOI_INSIDE = re.compile(r"10\.\d{4,9}/[^\s\"'<>,;]+", re.ASCII)
_AS_NUMBER = re.compile(r"\d{3,4}\.\d{1,20}", re.ASCII)
_CATEGORY = re.compile(r"[a-z]+(?:-[a-z]+)*(?:\.[A-Za-z]{2}|\.[a-z]+(?:-[a-z]+)*)?", re.ASCII)
_HEADING = re.compile(r"<(?:jats:)?title>\s*(?:abstract|summary)[.:]?\s*</(?:jats:)?title>", re.I)
_BLOCK = re.compile(r"</?(?:jats:)?(?:p|title|sec|div|br|li|ul|ol|list|list-item)\b[^<>]*>", re.I)
_INLINE = re.compile(
    r"</?(?:jats:)?(?:i|b|em|strong|sub|sup|u|span|a|font|italic|bold|underline|sc|scp|tt"
    r"|ext-link|xref|inline-formula|tex-math|named-content|styled-content|mml:\w+)\b[^<>]*>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]\w{1,30});", re.IGNORECASE)

_LONGEST_HINT = 5_000  # characters
_MOST_HINTS = 200  # items of a list


def excerpt(text: str) -> str:
    """Up to 60 characters that show a reader what is meant, without control characters."""
    text = strip_controls(text[:200]).strip()
    return text if len(text) <= 60 else text[:57] + "..."


def day_of(value: object) -> str | None:
    """``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD`` of a date in any usual writing, or None.

    Reads ISO dates, ``5 Nov 2024``, ``Nov. 5, 2024``, e-mail dates, years, and seconds or
    milliseconds since 1970. Of ``7/12/2023`` only the year is known: it is December in Europe
    and July in the USA. A date that does not exist is none.
    """
    if isinstance(value, str):
        return _day(value.strip()[:100])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if 1500 <= value <= 2100:
        return str(int(value))
    return _since_1970(value)


@lru_cache(maxsize=8192)
def _day(text: str) -> str | None:
    match = _ISO.match(text)
    if match:
        year, _, month, day = match.groups()
        if match[2] == "." and month.strip("0") == "":
            return _date(year, None, None)  # "2024.0", as spreadsheets and pandas write years
        return _date(year, month, day)
    if text.isdecimal() and text.isascii():
        if len(text) == 8:
            return _date(text[:4], text[4:6], text[6:])
        return _since_1970(int(text)) if len(text) in {10, 13} else None
    match = _NUMERIC.match(text)
    return _of_numbers(match) if match else _of_words(_TIME.sub("", text))


def _of_numbers(match: re.Match[str]) -> str | None:
    one, mark, other, year = match.groups()
    if mark == "." or int(one) > 12 or one == other:
        return _date(year, other, one)
    return _date(year, one, other) if int(other) > 12 else _date(year, None, None)


def _of_words(text: str) -> str | None:
    years = set(_YEAR.findall(text))
    if len(years) != 1:
        return None
    year = years.pop()
    months = {name.lower() for name in _MONTH.findall(text)}
    if len(months) != 1:
        return _date(year, None, None)
    month = str(_MONTHS.index(months.pop()) + 1)
    days = set(_DAY.findall(text.replace(year, " ")))
    return _date(year, month, days.pop()) if len(days) == 1 else _date(year, month, None)


def _date(year: str, month: str | None, day: str | None) -> str | None:
    try:
        found = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    if not 1500 <= found.year <= 2100:
        return None  # 0001-01-01 and 9999-12-31 stand for "unknown" in databases
    return found.isoformat()[: 10 if day else 7 if month else 4]


def _since_1970(number: float) -> str | None:
    seconds = number / 1000 if abs(number) >= 1e11 else number
    if not 1e8 <= seconds < 4e9:  # 1973 to 2096; smaller numbers are no times
        return None
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def doi_in(value: object) -> str | None:
    """The DOI that a value is, or the first that stands in it."""
    for text in value if isinstance(value, list) else (value,):
        if isinstance(text, str):
            found = doi_of(text)
            if found is None and (match := _DOI_INSIDE.search(text)):
                found = doi_of(match[0])
            if found:
                return found
    return None


def arxiv_of(value: object, day: str | None = None) -> str | None:
    """A value that names an arXiv paper, mended where it has been through a spreadsheet.

    As a number, 1306.2560 loses its end, 0812.0233 its start, and 1612.01312 may become
    1612.0131199999998. How many digits there were follows from the month: four after the point
    until 2014, five since (https://info.arxiv.org/help/arxiv_identifier.html). A text that
    looks so is mended only where ``day``, on which the paper appeared, is in that month or
    beside it; a number can be nothing else.
    """
    if isinstance(value, str):
        text = value.strip()
        if arxiv_id_of(text):
            return text
        number = float(text) if _AS_NUMBER.fullmatch(text) else None
    elif isinstance(value, float):
        number, text = value, ""
    else:
        return None
    if number is None or not 700 < number < 10_000:
        return None
    year, month = divmod(int(number), 100)
    width = 5 if number >= 1501 else 4
    digits = number * 10**width
    if not 1 <= month <= 12 or abs(digits - round(digits)) > 0.02:
        return None
    if text:
        if not day or len(day) < 7:
            return None
        apart = (int(day[:4]) - 2000 - year) * 12 + int(day[5:7]) - month
        if abs(apart) > 1:
            return None
    whole = f"{round(digits):0{4 + width}d}"
    found = f"{whole[:4]}.{whole[4:]}"
    return found if arxiv_id_of(found) else None


def categories_of(value: object) -> list[str] | None:
    """Categories from a list or a text, in which spaces part arXiv's, ``;`` or ``,`` phrases."""
    if isinstance(value, str):
        words = value.replace(",", " ").replace(";", " ").split()
        if all(map(_CATEGORY.fullmatch, words)) and ("." in value or len(words) == 1):
            return words
        return [text.strip() for text in re.split(r"[;|,]", value) if text.strip()]
    if isinstance(value, list):
        if all(type(item) is str for item in value):
            return value or None
        names = (name_in(item) for item in value)
        return [name for name in names if name] or None
    return None


def keywords_of(value: object) -> list[str] | None:
    """Keywords from a list, or from a text that parts them by ``;``, ``|`` or ``,``."""
    if isinstance(value, str):
        mark = ";" if ";" in value else "|" if "|" in value else ","
        found = [squeeze(strip_controls(part)) for part in value.split(mark)]
    elif isinstance(value, list):
        found = [name_in(item) or "" for item in value]
    else:
        return None
    return [word[:200] for word in found if word][:_MOST_HINTS] or None


def name_in(value: object) -> str | None:
    """The name of a thing that is given as text, or as an object that has one."""
    if isinstance(value, list):
        value = next((item for item in value if item), None)
    if isinstance(value, dict):
        keys = ("name", "display_name", "title", "keyword", "category", "term", "value")
        value = next((value[key] for key in keys if isinstance(value.get(key), str)), None)
    return (squeeze(strip_controls(value)) or None) if isinstance(value, str) else None


def count_of(value: object) -> int | None:
    """A whole number from 0 to 2³¹ − 1, also one written ``1,204`` or ``12.0``."""
    if isinstance(value, str) and len(value) < 20:
        text = value.strip().replace(",", "").removesuffix(".0")
        value = int(text) if text.isdecimal() and text.isascii() else None
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < 2**31 else None


def untagged(text: str) -> str:
    """Text without the tags of formatting that Crossref, OpenAlex and web pages leave in it.

    Only names of formatting elements count as tags, so that ``a < b`` and ``<unk>`` stay.
    """
    if "&" in text:
        if "<" not in text and "&lt;" in text:
            text = html.unescape(text)  # tags that were escaped as a whole
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if "<" in text:
        text = _HEADING.sub(" ", text)
        text = _INLINE.sub("", _BLOCK.sub(" ", text))
    return text


def hints_of(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """What a source says besides a paper's text, under the source's own names.

    Long texts and lists are cut; objects are left out, but for their name.
    """
    found = {name: _hint(fields.get(name)) for name in names}
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def _hint(value: Any) -> Any:
    if isinstance(value, str):
        return squeeze(strip_controls(value[:_LONGEST_HINT]))
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < 2**53 else None  # so NaN and the infinite are left out too
    if isinstance(value, dict):
        return name_in(value.get("fullname")) or name_in(value)
    if isinstance(value, list):
        items = (_hint(item) for item in value[:_MOST_HINTS] if not isinstance(item, list))
        return [item for item in items if item not in (None, "")]
    return None


def starting_day(since: str | None, before: timedelta) -> str | None:
    """The ISO day that lies ``before`` a feed's last reading; None where there was none."""
    try:
        return (date.fromisoformat((since or "")[:10]) - before).isoformat()
    except (ValueError, OverflowError):
        return None
