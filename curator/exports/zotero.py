"""A file that Zotero imports (File → Import…) with titles, authors, abstracts and *tags*.

This is RIS, since of the formats that both Zotero and this program write only RIS and BibTeX
bring tags in: Zotero's reader of CSL-JSON has no place for keywords
(``Zotero.Utilities.Item.itemFromCSLJSON`` in github.com/zotero/utilities, read in 2026), and the
JSON of its own service can be sent to the service only. In RIS (``RIS.js`` in
github.com/zotero/translators) each ``KW`` becomes a tag, ``AB`` the abstract and ``N1`` a note
below the item; names, dates and DOIs arrive in their fields without TeX.

Where it differs from `curator.exports.ris`: Zotero knows no ``UNPB`` and has no type for
preprints in RIS, and takes unknown types for articles of a journal, so that preprints are
manuscripts here; the archive is named in ``DB`` (with ``AN`` Zotero's "Loc. in Archive"); TeX
is shown as text, since Zotero keeps titles as they are; there is no ``ID``, which it ignores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from curator.exports.base import ExportEntry, Kind, laid_out
from curator.exports.ris import lines_of, record, tagged
from curator.paper import Paper
from curator.sources.ris import AFTER, restored
from curator.text import plain

__all__ = ["write"]

TYPES: Mapping[Kind, str] = {
    "article": "JOUR", "conference": "CONF", "preprint": "MANSCPT", "other": "GEN",
}  # fmt: skip
_SHOWN = {"TI", "AU", "T2", "AB", "N1"}


def write(entries: Iterable[ExportEntry]) -> Iterator[str]:
    """A whole file. What came from RIS goes back as it was, but for parts that are no record:
    Zotero looks for the first one among the first lines only."""
    return laid_out(_parts(entries), AFTER)


def _parts(
    entries: Iterable[ExportEntry],
) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    for entry in entries:
        extra = entry.extra_of("ris")
        if extra and "fields" in extra and extra.get("flavour") != "wos":
            tags = entry.tags if entry.paper else ()
            yield restored(tagged(extra, tags)), extra
        elif entry.paper:
            yield record(_lines(entry, entry.paper)), None


def _lines(entry: ExportEntry, paper: Paper) -> Iterator[tuple[str, str]]:
    for tag, value in lines_of(entry, paper, TYPES):
        if tag == "AN" and paper.arxiv_id:
            yield "DB", "arXiv"
        if tag != "ID":
            yield tag, plain(value) if tag in _SHOWN else value
