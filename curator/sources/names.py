"""Names of people as exports write them, each brought to "Given Family"."""

from __future__ import annotations

import re
from typing import Any

from curator.text import squeeze

__all__ = ["flipped", "names_of"]

_MOST = 10_000  # the largest collaborations have some 5,000 authors
_SPECIAL = re.compile(r"[;|\n]| and | & ")
_AND = re.compile(r"\s*,?\s+(?:and|&)\s+")
_SUFFIXES = {"jr", "sr", "ii", "iii", "iv"}
_DEGREES = {"phd", "ph.d", "md", "m.d", "msc", "bsc", "prof", "dr"}
_OTHERS = {"et al", "et al.", "et. al.", "others", "and others", "[et al.]", "..."}
_NUMBER = re.compile(r"\s*\((?:\d{5,}|[\d-]{9,}X?)\)\s*$")  # Scopus: "Strand, Ida (57193001234)"
_INITIALS = re.compile(r"(?:[^\W\d_a-z]\.?[ -]?){1,4}")
_DOTTED = re.compile(r"(?:[^\W\d_a-z]\.-?){1,4}")
_UNDOTTED = re.compile(r"[A-Z]{1,3}")


def names_of(value: object) -> list[str] | None:
    """Each author as "Given Family", from a list, an object or one text; None if it is none.

    Texts part names by ``;``, ``|``, line ends, ``and`` or commas. Whether "Strand, Ida" is one
    name or two follows from how all of the text is written: pairs whose second part is
    initials, or two lone words, are one name.
    """
    if isinstance(value, str):
        found = _split(value)
    elif isinstance(value, list | tuple):
        if all(type(item) is str and "," not in item for item in value):
            found = list(value[:_MOST])
        else:
            found = [_person(item) for item in value[:_MOST]]
    elif isinstance(value, dict):
        found = [_person(value)]
    else:
        return None
    return [name for name in found if name and name.strip().lower() not in _OTHERS]


def flipped(name: str) -> str:
    """ "Strand, Ida" as "Ida Strand"; a name without a comma as it is."""
    if "," not in name:
        return name
    name = _NUMBER.sub("", name)
    family, *rest = (part.strip() for part in name.split(","))
    ends = {part: part.rstrip(".").lower() for part in rest if part}
    suffix = [part for part, end in ends.items() if end in _SUFFIXES]
    given = [part for part, end in ends.items() if end not in _SUFFIXES | _DEGREES]
    if len(given) > 1 or " and " in name:
        return name  # "Harbour, Port and Tide Consortium"
    return " ".join(filter(None, [*given, family, *suffix]))


def _person(item: Any) -> str:
    if isinstance(item, str):
        return flipped(item)
    if not isinstance(item, dict):
        return ""
    for key in ("name", "display_name", "literal", "fullname", "full_name", "raw_author_name"):
        if isinstance(item.get(key), str) and item[key].strip():
            return flipped(item[key])
    inner = item.get("author")
    if isinstance(inner, str | dict) and inner is not item:
        return _person(inner if isinstance(inner, str) else inner | {"author": None})
    parts = [
        _first(item, "given", "first", "firstName", "first_name", "forename", "givenName"),
        _first(item, "middle", "middleName", "middle_name"),
        _first(item, "family", "last", "lastName", "last_name", "surname", "familyName"),
        _first(item, "suffix"),
    ]
    return " ".join(filter(None, parts))


def _first(item: dict[str, Any], *keys: str) -> str:
    for key in keys:
        value = item.get(key)
        if isinstance(value, list):
            value = " ".join(part for part in value if isinstance(part, str))
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def _split(text: str) -> list[str]:
    if "," in text and not _SPECIAL.search(text):
        # "Ida Strand, Jo Vik": whole names, as arXiv has them. The rest of this is for others.
        names = text.split(", ")
        plain = all(name[-1:].islower() for name in names[:2])
        if plain and all(" " in name.strip() for name in names):
            return names[:_MOST]
    for mark in (";", "|", "\n"):
        if mark in text:
            return _ends(flipped(part.strip()) for part in text.split(mark)[:_MOST])
    if " and " in text or " & " in text:
        parts = _AND.split(text)
        if all(part.count(",") == 1 for part in parts) and not all(
            " " in half.strip() for part in parts for half in part.split(",")
        ):
            return [flipped(part) for part in parts[:_MOST]]
        text = ", ".join(parts)
    if "," not in text:
        return _ends([text.strip()])
    return _listed([part for raw in text.split(",")[:_MOST] if (part := squeeze(raw))])


def _listed(parts: list[str]) -> list[str]:
    """Names from what stands between commas."""
    firsts, seconds = parts[0::2], parts[1::2]
    if len(firsts) == len(seconds):
        initials = all(_INITIALS.fullmatch(part) for part in seconds)
        words = not any(" " in part for part in firsts) and (
            len(parts) == 2 or not any(" " in part for part in seconds)
        )
        particle = len(parts) == 2 and firsts[0][:1].islower() and " " not in seconds[0]
        if initials or words or particle:
            return [f"{second} {first}" for first, second in zip(firsts, seconds, strict=True)]
    names: list[str] = []
    for part in parts:
        if names and part.rstrip(".").lower() in _SUFFIXES:
            names[-1] += f" {part}"
        elif part.rstrip(".").lower() not in _DEGREES:
            names.append(part)
    return _ends(names)


def _ends(names: Any) -> list[str]:
    """ "Strand I." as "I. Strand", where all of the names are written so."""
    found = [name for name in names if name]
    halves = [name.rpartition(" ") for name in found]
    dotted = all(family and _DOTTED.fullmatch(end) for family, _, end in halves)
    undotted = len(found) > 1 and all(
        family and _UNDOTTED.fullmatch(end) for family, _, end in halves
    )
    if found and (dotted or undotted):
        return [f"{end} {family}" for family, _, end in halves]
    return found
