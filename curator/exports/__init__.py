"""Papers written for other programs: reference managers, spreadsheets, text.

A paper that came from a bibliography goes back into one of that format as it was written there
(key, unknown fields, order, layout), with our tags added to its keywords; any other is written
anew. Parts of a bibliography that are no paper are written back as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module

from curator.errors import UsageError
from curator.exports.base import ExportEntry

__all__ = ["FORMATS", "ExportEntry", "write"]

# Name of a format: what it is.
FORMATS = {
    "bibtex": "BibTeX or BibLaTeX (.bib)",
    "ris": "RIS (.ris), for EndNote, Mendeley and others",
    "csl": "CSL-JSON (.json), for Pandoc and citation.js",
    "zotero": "a file that Zotero imports with tags and abstracts (.ris)",
    "csv": "a table with a header (.csv)",
    "md": "a list in Markdown (.md)",
}
_MODULES = {"csv": "table", "md": "markdown"}


def write(format: str, entries: Iterable[ExportEntry]) -> Iterator[str]:
    """The text of a file in one of `FORMATS`, in pieces.

    BibTeX keys are unique in a file, so that for this format all entries are held in memory;
    the others are written as the entries come.

    Raises:
        UsageError: there is no such format.
    """
    if format not in FORMATS:
        raise UsageError(
            f"{format!r} is no format that papers are written in.",
            remedy=f"The formats are {', '.join(FORMATS)}.",
        )
    module = import_module(f"curator.exports.{_MODULES.get(format, format)}")
    writer: Callable[[Iterable[ExportEntry]], Iterator[str]] = module.write
    return writer(entries)
