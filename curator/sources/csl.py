"""References as JSON: CSL-JSON, what Crossref's service answers, and Zotero's own items.

CSL-JSON (https://docs.citationstyles.org/en/stable/specification.html, appendix IV) is what
Zotero, Pandoc and citation.js exchange; Crossref answers in nearly the same form. Zotero's
service and "Better BibTeX JSON" write Zotero's items instead, which have an ``itemType``.

``extra`` of an entry has the whole ``item`` as it was loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from curator.paper import Entry, Record, Rejected, Verbatim
from curator.sources.bibliography import arxiv_in, date_of, reference, remark
from curator.sources.names import names_of
from curator.sources.values import day_of, doi_in, excerpt, keywords_of, untagged
from curator.text import squeeze

__all__ = ["looks_like", "looks_like_document", "parse"]

MAX_SEEN = 20  # items by which a document is known

# No other JSON that is read here has these. `author` must hold names in parts.
_OWN_KEYS = {"issued", "container-title", "citation-key", "container-title-short", "itemType"}
_LOOKS = re.compile(
    r'\s*+[\[{].*?"(?:itemType|date-parts|container-title|citation-key|citationKey|message-type)"\s*:',
    re.DOTALL,
)
_NOT_UNICODE = re.compile("[\ud800-\udfff]")
# Zotero's items that hang below others: they are kept, and are no references.
_NO_REFERENCES = {"attachment", "note", "annotation"}
_VENUES = ("publicationTitle", "proceedingsTitle", "bookTitle", "conferenceName", "repository",
           "websiteTitle", "blogTitle", "university", "institution", "publisher")  # fmt: skip
_IN_EXTRA = re.compile(r"^\s*([A-Za-z ]{2,20}?)\s*:\s*(\S.*?)\s*$", re.MULTILINE)

Item = Mapping[str, Any]


def looks_like(head: str) -> bool:
    """Whether a file that starts so is JSON of references."""
    return bool(_LOOKS.match(head[:100_000]))


def looks_like_document(value: object) -> bool:
    """Whether a loaded JSON value holds references in one of the forms read here."""
    found = _items(value)
    seen = [item for item in found[:MAX_SEEN] if isinstance(item, dict)]
    return bool(seen) and 2 * sum(map(_is_reference, seen)) >= len(seen)


def parse(value: Any) -> Iterator[Entry]:
    """Reads a loaded JSON document; ``where`` is like ``entry 17``. Nothing is raised."""
    for number, item in enumerate(_items(value), start=1):
        where = f"entry {number}"
        try:
            shown = json.dumps(item, ensure_ascii=False)
        except (ValueError, RecursionError):
            yield Rejected(where, "is nested too deeply")
            continue
        if _NOT_UNICODE.search(shown):
            kept = json.loads(_NOT_UNICODE.sub("\ufffd", shown))
            reason = "has characters that are not Unicode"
            yield Rejected(where, f"{reason}: {_about(kept, shown)}", _extra(kept))
        elif not isinstance(item, dict):
            yield Rejected(where, f"not a JSON object: {excerpt(shown)}", _extra(item))
        elif _zotero(item) is None:
            yield _csl_entry(item, where, _about(item, shown))
        elif _zotero(item)["itemType"] in _NO_REFERENCES:
            yield Verbatim(where, _extra(item))
        else:
            yield _zotero_entry(item, where, _about(item, shown))


def _items(value: object) -> list[Any]:
    """The items of a document: a list, an envelope of one, or one by itself."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or _is_reference(value):
        return [value]
    for name in ("items", "message", "data"):
        inner = value.get(name)
        if isinstance(inner, list):
            return inner
        if name == "message" and isinstance(inner, dict):  # Crossref: a list of works, or a work
            works = inner.get("items")
            return works if isinstance(works, list) else [inner]
    found: list[Any] = []  # by DOI or key
    for inner in value.values():
        found += inner if isinstance(inner, list) else [inner]
    return found if any(_is_reference(item) for item in found[:MAX_SEEN]) else [value]


def _is_reference(item: object) -> bool:
    if not isinstance(item, dict):
        return False
    if _zotero(item) is not None or not _OWN_KEYS.isdisjoint(item):
        return True
    people = item.get("author")
    person = people[0] if isinstance(people, list) and people else None
    named = isinstance(person, dict) and not {"family", "given", "literal"}.isdisjoint(person)
    return named and ("title" in item or "DOI" in item)


def _zotero(item: Item) -> Any:
    """The fields of Zotero's item, which its service wraps in ``data``; None if it is none."""
    for fields in (item, item.get("data")):
        if isinstance(fields, dict) and isinstance(fields.get("itemType"), str):
            return fields
    return None


def _extra(item: Any) -> dict[str, Any]:
    is_zotero = isinstance(item, dict) and _zotero(item) is not None
    return {"format": "zotero-json" if is_zotero else "csl", "item": item}


def _about(item: Any, shown: str) -> str:
    fields = (_zotero(item) or item) if isinstance(item, dict) else {}
    return excerpt(_text(fields, "title") or _text(fields, "DOI") or shown)


def _csl_entry(item: Item, where: str, about: str) -> Record | Rejected:
    title, subtitle = _text(item, "title"), _text(item, "subtitle")
    if title and subtitle and subtitle.casefold() not in title.casefold():
        title = f"{title} {subtitle}" if title[-1] in ":?!." else f"{title}: {subtitle}"
    note = _text(item, "note")
    more = _in_extra(item.get("note"))
    extra = _extra(item) | {"type": _text(item, "type"), "key": _key(item)}
    keywords = keywords_of(item.get("keyword")) or keywords_of(item.get("subject"))
    return reference(
        where=where,
        about=about,
        extra=extra,
        title=title,
        abstract=_text(item, "abstract"),
        source_id=_key(item),
        arxiv_id=arxiv_in(
            *(_text(item, name) for name in ("number", "archive_location")),
            f"arxiv:{more.get('arxiv', '')}",
        ),
        doi=doi_in(item.get("DOI")) or doi_in(more.get("doi")),
        authors=_people(item),
        published=next(filter(None, (_date(item.get(name)) for name in _DATES)), None),
        url=_text(item, "URL"),
        venue=_text(item, "container-title")
        or _text(item, "event-title")
        or _text(item, "publisher"),
        ids=[
            ("pmid", _text(item, "PMID") or more.get("pmid")),
            ("pmcid", _text(item, "PMCID") or more.get("pmcid")),
        ],
        hints=_hints(keywords, note),
    )


_DATES = ("issued", "published", "published-print", "published-online", "posted", "created")


def _zotero_entry(item: Item, where: str, about: str) -> Record | Rejected:
    fields = _zotero(item)
    more = _in_extra(fields.get("extra"))
    notes = fields.get("notes")
    note = remark(
        _text(entry, "note") if isinstance(entry, dict) else None
        for entry in (notes if isinstance(notes, list) else ())
    )
    tags = fields.get("tags")
    words = (
        [tag.get("tag") if isinstance(tag, dict) else tag for tag in tags]
        if isinstance(tags, list)
        else []
    )
    key = next(filter(None, (_text(fields, n) for n in ("citationKey", "citekey"))), "")
    key = key or more.get("citation key", "") or _text(fields, "key") or _text(item, "key")
    extra = _extra(item) | {"type": fields["itemType"], "key": key}
    return reference(
        where=where,
        about=about,
        extra=extra,
        title=_text(fields, "title") or _text(fields, "caseName") or _text(fields, "subject"),
        abstract=_text(fields, "abstractNote"),
        source_id=key,
        arxiv_id=arxiv_in(
            *(_text(fields, n) for n in ("archiveID", "archiveLocation", "reportNumber", "number")),
            f"arxiv:{more.get('arxiv', '')}",
        ),
        doi=doi_in(fields.get("DOI")) or doi_in(more.get("doi")),
        authors=_creators(fields),
        published=date_of(_text(fields, "date"), slashes=True),
        url=_text(fields, "url"),
        venue=next(filter(None, (_text(fields, name) for name in _VENUES)), None),
        ids=[("pmid", more.get("pmid")), ("pmcid", more.get("pmcid"))],
        hints=_hints(keywords_of([word for word in words if isinstance(word, str)]), note),
    )


def _hints(keywords: list[str] | None, note: str | None) -> dict[str, Any]:
    return {**({"keywords": keywords} if keywords else {}), **({"note": note} if note else {})}


def _text(item: Item, name: str) -> str:
    """A field as text without markup; of a list the first that is text."""
    value = item.get(name)
    if isinstance(value, list):
        value = next((entry for entry in value if isinstance(entry, str) and entry.strip()), "")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return squeeze(untagged(value)) if isinstance(value, str) else ""


def _key(item: Item) -> str:
    return _text(item, "citation-key") or _text(item, "id")


def _in_extra(value: object) -> dict[str, str]:
    """Zotero's "Extra" field, where people put what has no field: ``PMID: 123`` on a line."""
    text = value[:20_000] if isinstance(value, str) else ""
    return {name.lower(): found for name, found in _IN_EXTRA.findall(text)}


def _people(item: Item) -> list[str]:
    for role in ("author", "editor", "container-author"):
        people = item.get(role)
        if isinstance(people, list) and (found := names_of(list(map(_person, people)))):
            return found
    return []


def _person(person: object) -> object:
    """A name with its particles, which CSL keeps apart (``van``, ``de``)."""
    if not isinstance(person, dict):
        return person
    family = " ".join(
        filter(
            None,
            (_text(person, n) for n in ("dropping-particle", "non-dropping-particle", "family")),
        )
    )
    return {**person, "family": family} if family else person


def _creators(fields: Item) -> list[str]:
    creators = fields.get("creators")
    people = [c for c in creators if isinstance(c, dict)] if isinstance(creators, list) else []
    for role in ("author", None, "editor"):
        # Of a programme or a talk the first role is its own ("programmer", "presenter").
        wanted = role or (people[0].get("creatorType") if people else None)
        chosen = [person for person in people if person.get("creatorType") == wanted]
        if found := names_of(chosen):
            return found
    return []


def _date(value: object) -> str | None:
    """``date-parts``, of a span the beginning; or a date in words."""
    if isinstance(value, str):
        return date_of(value)
    if not isinstance(value, dict):
        return None
    parts = value.get("date-parts")
    if isinstance(parts, list) and parts and isinstance(parts[0], list):
        known = [str(part).strip() for part in parts[0][:3] if isinstance(part, int | str)]
        for length in range(len(known), 0, -1):
            year, *rest = known[:length]
            if found := day_of("-".join([year, *(part.zfill(2) for part in rest)])):
                return found
    words = value.get("raw") or value.get("literal")
    return date_of(words) if isinstance(words, str) else None
