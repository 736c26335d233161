"""CSL-JSON: items as their file had them, with our tags; other papers as new items.

https://docs.citationstyles.org/en/stable/specification.html, appendix IV; for names and dates
https://citeproc-js.readthedocs.io/en/latest/csl-json/markup.html.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from curator.exports.base import (
    ExportEntry,
    Keys,
    Kind,
    keywords,
    kind_of,
    link,
    missing,
    name_of,
)
from curator.paper import Paper
from curator.text import plain

__all__ = ["write"]

TYPES: Mapping[Kind, str] = {
    "article": "article-journal", "conference": "paper-conference", "preprint": "article",
    "other": "document",
}  # fmt: skip
_SEPARATOR = re.compile(r"\s*[;,]\s*")


def write(entries: Iterable[ExportEntry]) -> Iterator[str]:
    """One JSON array, an item at a time."""
    keys = Keys()
    mark = "["
    for entry in entries:
        extra = entry.extra_of("csl")
        if extra:
            item = _tagged(extra["item"], entry.tags) if entry.paper else extra["item"]
        elif entry.paper:
            item = _new(entry, entry.paper, keys.key(entry.paper))
        else:
            continue
        yield f"{mark}\n{json.dumps(item, ensure_ascii=False, indent=2)}"
        mark = ","
    yield "\n]\n" if mark == "," else "[]\n"


def _tagged(item: Mapping[str, Any], tags: Iterable[str]) -> Mapping[str, Any]:
    there = item.get("keyword")
    if isinstance(there, list):
        words = missing((word for word in there if isinstance(word, str)), tags)
        return {**item, "keyword": [*there, *words]} if words else item
    text = there if isinstance(there, str) else ""
    words = missing(_SEPARATOR.split(text), tags)
    if not words:
        return item
    separator = _SEPARATOR.search(text)
    mark = separator[0] if separator else ", "
    kept = text.rstrip(" ,;")
    return {**item, "keyword": mark.join([*filter(None, [kept]), *words])}


def _new(entry: ExportEntry, paper: Paper, key: str) -> dict[str, Any]:
    ids = dict(entry.ids)
    words = keywords(entry)
    mark = "; " if any("," in word for word in words) else ", "
    item = {
        "id": key,
        "type": TYPES[kind_of(paper)],
        "title": plain(paper.title),
        "author": [_author(plain(name)) for name in paper.authors],
        "issued": _date(paper.published),
        "abstract": plain(paper.abstract),
        "container-title": plain(paper.venue or ""),
        "DOI": paper.doi,
        "URL": link(paper),
        "number": f"arXiv:{paper.arxiv_id}" if paper.arxiv_id else "",
        "PMID": ids.get("pmid"),
        "PMCID": ids.get("pmcid", "").upper(),
        "keyword": mark.join(words),
        "note": plain(entry.tldr or ""),
    }
    return {name: value for name, value in item.items() if value}


def _author(text: str) -> dict[str, str]:
    name = name_of(text)
    if not name.given:
        return {"literal": name.family}
    suffix = {"suffix": name.suffix} if name.suffix else {}
    return {"family": name.family, "given": name.given, **suffix}


def _date(day: str | None) -> dict[str, Any] | None:
    return {"date-parts": [[int(part) for part in day.split("-")]]} if day else None
