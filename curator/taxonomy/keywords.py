"""Taxonomies that are only lists: keywords line by line, in YAML, or a table with descriptions.

A keyword becomes a tag with a name in the usual form (``Large language models`` →
``large-language-models``), a description, and the question that a model is asked.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence

import yaml

from curator.taxonomy.faults import Fault, inconsistencies, name_fault
from curator.taxonomy.model import Facet, Tag, Taxonomy, folded_name
from curator.taxonomy.nodes import Nodes, line_of
from curator.taxonomy.written import MOST_TAGS

__all__ = ["from_lines", "from_sequence", "from_table", "tag_name"]

FACET = Facet("topic", "What the paper is about.")

_COLUMNS = ("name", "description", "facet", "parent", "not", "aliases", "examples", "cue")
_NAMES = {"tag": "name", "keyword": "name", "term": "name", "label": "name", "topic": "name"}
_BULLETS = ("- ", "* ", "• ")


MAX_CELL = 1 << 17  # characters; more is a table that was not closed somewhere


def from_lines(text: str) -> tuple[Taxonomy, list[Fault]]:
    """A keyword a line. Bullets and empty lines do not count, nor does what follows a ``#`` at
    the beginning of a line."""
    keywords: list[tuple[str, int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        keyword = line.strip()
        for bullet in _BULLETS:
            keyword = keyword.removeprefix(bullet).strip()
        if keyword and not keyword.startswith("#"):
            keywords.append((keyword, number))
    return _listed(keywords, [])


def from_sequence(document: yaml.SequenceNode) -> tuple[Taxonomy, list[Fault]]:
    """A YAML list of keywords."""
    nodes = Nodes()
    read = [(nodes.text(node, "a keyword"), line_of(node)) for node in document.value]
    return _listed([(keyword, line) for keyword, line in read if keyword], nodes.faults)


def _listed(
    keywords: Sequence[tuple[str, int]], faults: Sequence[Fault]
) -> tuple[Taxonomy, list[Fault]]:
    tags = [_tag(keyword) for keyword, _ in keywords]
    return _checked([FACET], tags, [line for _, line in keywords], faults)


def _tag(keyword: str) -> Tag:
    return Tag(
        tag_name(keyword),
        FACET.name,
        _described(keyword),
        aliases=_aliases(keyword),
        cue=f"Is the paper about {keyword}?",
    )


def _described(keyword: str) -> str:
    return f"The paper is about {keyword}."


def _aliases(keyword: str) -> tuple[str, ...]:
    """The keyword as it is written, where its name is more than that with hyphens."""
    return () if folded_name(keyword) == folded_name(tag_name(keyword)) else (keyword,)


def tag_name(keyword: str) -> str:
    """``C++ & Rust`` → ``c++-rust``: what a name can have, the rest as hyphens."""
    kept = "".join(
        c if c.isalnum() or c in "+#._" or unicodedata.category(c)[0] == "M" else " "
        for c in keyword.lower()
    )
    return "-".join(kept.split()).lstrip("+#._-")


def _checked(
    facets: Sequence[Facet], tags: Sequence[Tag], lines: Sequence[int], faults: Sequence[Fault]
) -> tuple[Taxonomy, list[Fault]]:
    found = list(faults)
    if len(tags) > MOST_TAGS:
        found.append(Fault(f"there are more than {MOST_TAGS:,} tags", lines[MOST_TAGS]))
        tags, lines = tags[:MOST_TAGS], lines[:MOST_TAGS]
    for tag, line in zip(tags, lines, strict=True):
        if wrong := name_fault(tag.name):
            found.append(Fault(wrong, line))
        for alias in tag.aliases:
            if "," in alias:
                found.append(Fault(f"{alias!r} has a comma; one keyword stands in a line", line))
            elif not alias.isprintable():
                found.append(Fault(f"{alias!r} has control characters", line))
    if tags or not found:
        found += inconsistencies(facets, tags, lines, [None] * len(facets))
    return Taxonomy.of(facets, tags), sorted(found, key=lambda fault: fault.line or 0)


def from_table(text: str, delimiter: str | None = None) -> tuple[Taxonomy, list[Fault]]:
    """CSV or TSV with a line of column names: ``name``, and any of ``description``, ``facet``,
    ``parent``, ``not``, ``aliases``, ``examples``, ``cue``. Several aliases or examples in a
    cell are parted by semicolons."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    chosen = delimiter or max(",;\t", key=first.count)
    csv.field_size_limit(MAX_CELL)  # of the whole process: others that read tables set it too
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=chosen)
    faults: list[Fault] = []
    try:
        header = next((row for row in rows if any(cell.strip() for cell in row)), [])
        columns = [_NAMES.get(name, name) for name in (c.strip().lower() for c in header)]
        if "name" not in columns:
            faults.append(
                Fault("the first line does not name the columns, as in: name,description", 1)
            )
            return Taxonomy.of((), ()), faults
        for column in sorted(set(columns) - set(_COLUMNS) - {""}):
            faults.append(Fault(f"the column {column!r} is unknown", 1))
        for column in sorted({c for c in columns if c and columns.count(c) > 1}):
            faults.append(Fault(f"the column {column!r} occurs twice", 1))
        if faults:
            return Taxonomy.of((), ()), faults
        tags: list[Tag] = []
        lines: list[int] = []
        for tag, line in _rows(rows, columns, faults):
            tags.append(tag)
            lines.append(line)
    except csv.Error as error:
        faults.append(Fault(f"the table cannot be read: {error}", rows.line_num))
        return Taxonomy.of((), ()), faults
    names = list(dict.fromkeys(tag.facet for tag in tags))
    facets = [FACET if name == FACET.name else Facet(name, "") for name in names]
    return _checked(facets, tags, lines, faults)


def _rows(
    rows: Iterator[list[str]], columns: Sequence[str], faults: list[Fault]
) -> Iterator[tuple[Tag, int]]:
    line = 1
    for row in rows:
        # What reads the table says where a row ends; where it begins follows from its cells.
        line = rows.line_num - sum(cell.count("\n") for cell in row)  # type: ignore[attr-defined]
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
            faults.append(Fault("the row has more cells than there are columns", line))
        cells = dict(zip(columns, (" ".join(c.split()) for c in row), strict=False))
        keyword = cells.get("name", "")
        if not keyword:
            faults.append(Fault("the row has no name", line))
            continue
        yield (
            Tag(
                tag_name(keyword) if " " in keyword else keyword,
                cells.get("facet") or FACET.name,
                cells.get("description") or _described(keyword),
                cells.get("parent") or None,
                cells.get("not", ""),
                _several(cells.get("aliases", "")),
                _several(cells.get("examples", "")),
                cells.get("cue") or f"Is the paper about {keyword}?",
            ),
            line,
        )


def _several(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in cell.split(";") if part.strip()))
