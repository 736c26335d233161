"""RIS: records as their file had them, with our tags; other papers as new records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from curator.exports.base import (
    ExportEntry,
    Kind,
    keywords,
    kind_of,
    laid_out,
    link,
    missing,
    name_of,
)
from curator.paper import Paper
from curator.sources.ris import AFTER, SEPARATOR, restored
from curator.text import squeeze

__all__ = ["lines_of", "record", "tagged", "write"]

TYPES: Mapping[Kind, str] = {
    "article": "JOUR", "conference": "CONF", "preprint": "UNPB", "other": "GEN",
}  # fmt: skip


def write(entries: Iterable[ExportEntry]) -> Iterator[str]:
    """A whole file. Records of the Web of Science go back in their own form."""
    return laid_out(_parts(entries), AFTER)


def _parts(
    entries: Iterable[ExportEntry],
) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    for entry in entries:
        extra = entry.extra_of("ris")
        if extra and not entry.paper:
            yield restored(extra), extra
        elif extra and "fields" in extra:
            yield restored(tagged(extra, entry.tags)), extra
        elif entry.paper:
            yield record(lines_of(entry, entry.paper, TYPES)), None


def tagged(extra: Mapping[str, Any], tags: Iterable[str]) -> Mapping[str, Any]:
    """A record's ``extra`` with our tags among its keywords; the same if they are all there."""
    is_wos = extra.get("flavour") == "wos"
    tag, default = ("DE", " ") if is_wos else ("KW", SEPARATOR)
    fields: list[list[str]] = extra["fields"]
    places = [at for at, (name, _) in enumerate(fields) if name == tag]
    there = [word for at in places for word in re.split(r"[;\n]", fields[at][1])]
    new = missing(there, tags)
    if not new:
        return extra
    marks = extra.get("separators", SEPARATOR)
    marks = [marks] * len(fields) if isinstance(marks, str) else list(marks)
    only = fields[places[0]][1] if len(places) == 1 else ""
    if is_wos or ";" in only or "\n" in only:
        # One field holds them all, parted by semicolons or line ends.
        mark = "; " if is_wos or ";" in only else "\n"
        if not places:
            added, at = [[tag, mark.join(new)]], len(fields)
        else:
            at = places[0]
            kept = only.rstrip().rstrip(";").rstrip()
            value = mark.join([*filter(None, [kept]), *new])
            changed = [*fields[:at], [tag, value], *fields[at + 1 :]]
            return {**extra, "fields": changed}
    else:
        added = [[tag, word] for word in new]
        at = places[-1] + 1 if places else len(fields)
    mark = marks[places[-1]] if places and marks[places[-1]].endswith(" ") else default
    return {
        **extra,
        "fields": [*fields[:at], *added, *fields[at:]],
        "separators": [*marks[:at], *[mark] * len(added), *marks[at:]],
    }


def lines_of(entry: ExportEntry, paper: Paper, types: Mapping[Kind, str]) -> list[tuple[str, str]]:
    """A paper's tags and values, the empty ones too."""
    kind = kind_of(paper)
    year, month, day, *_ = [*(paper.published or "").split("-"), "", "", ""]
    ids = dict(entry.ids)
    return [
        ("TY", types[kind]),
        ("ID", paper.id),
        ("TI", paper.title),
        *(("AU", _author(name)) for name in paper.authors),
        ("PY", year),
        ("DA", f"{year}/{month}/{day}/" if month else ""),
        ("T2", paper.venue or ""),
        ("AB", paper.abstract),
        *(("KW", word.replace(";", ",")) for word in keywords(entry)),
        ("DO", paper.doi or ""),
        ("UR", link(paper) or ""),
        ("AN", _accession(paper, ids)),
        ("C2", ids.get("pmcid", "").upper()),
        ("N1", entry.tldr or ""),
    ]


def record(lines: Iterable[tuple[str, str]]) -> str:
    """The text of a record."""
    written = [f"{tag}{SEPARATOR}{squeeze(value)}" for tag, value in lines if value]
    return "\n".join([*written, "ER  - "])


def _accession(paper: Paper, ids: Mapping[str, str]) -> str:
    if paper.arxiv_id:
        return f"arXiv:{paper.arxiv_id}"
    return f"PMID:{ids['pmid']}" if "pmid" in ids else ""


def _author(name: str) -> str:
    parts = name_of(name.replace(",", " ").replace(";", " "))
    return ", ".join(filter(None, (parts.family, parts.given, parts.suffix)))
