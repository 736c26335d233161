"""CSV (RFC 4180): a header, then a line for each paper.

Spreadsheets take a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, which can
run programs (https://owasp.org/www-community/attacks/CSV_Injection). Such cells get an
apostrophe, which is taken off again by `unguarded`. All cells are quoted, so that a semicolon in
a title does not begin a cell where semicolons separate.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

from curator.exports.base import ExportEntry, link

__all__ = ["COLUMNS", "guarded", "unguarded", "write"]

COLUMNS = (
    "id", "title", "authors", "published", "listed", "venue", "arxiv_id", "doi", "url",
    "categories", "upvotes", "tags", "tldr", "abstract",
)  # fmt: skip

# The full-width forms too, which some spreadsheets take for the others.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet computes."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """What was given to `guarded`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


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
