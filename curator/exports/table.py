"""CSV (RFC 4180): a header, then a line for each paper.

Cells that a spreadsheet would take for a formula are guarded (`curator.cells`). All cells are
quoted, so that a semicolon in a title does not begin a cell where semicolons separate.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from curator.cells import guarded
from curator.exports.base import ExportEntry, link

__all__ = ["COLUMNS", "write"]

COLUMNS = (
    "id", "title", "authors", "published", "listed", "venue", "arxiv_id", "doi", "url",
    "categories", "upvotes", "tags", "tldr", "abstract",
)  # fmt: skip


def write(entries: Iterable[ExportEntry]) -> Iterator[str]:
    """A line at a time. Lists are joined by ``; ``."""
    line = io.StringIO(newline="")
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for entry in entries:
        if entry.paper:
            writer.writerow(map(guarded, _cells(entry)))
            yield line.getvalue()
            line.seek(0)
            line.truncate()
    if line.tell():  # no papers at all
        yield line.getvalue()


def _cells(entry: ExportEntry) -> list[str]:
    paper = entry.paper
    assert paper  # checked by the caller
    return [
        paper.id,
        paper.title,
        "; ".join(paper.authors),
        paper.published or "",
        paper.listed or "",
        paper.venue or "",
        paper.arxiv_id or "",
        paper.doi or "",
        link(paper) or "",
        " ".join(paper.categories),
        "" if paper.upvotes is None else str(paper.upvotes),
        "; ".join(entry.tags),
        entry.tldr or "",
        paper.abstract,
    ]
