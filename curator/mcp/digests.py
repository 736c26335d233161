"""Digests as tools and resources give them: their names, and one in a format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from curator.digest.desk import desk_of
from curator.digest.document import ME
from curator.mcp.results import DigestName

if TYPE_CHECKING:
    from curator.library import Library

__all__ = ["digest_names", "digest_text"]

Format = Literal["markdown", "text", "html", "json"]


def digest_names(library: Library) -> list[DigestName]:
    """All digests of all readers, the newest first."""
    digests = library.catalog.digests
    readers = {name.rpartition("/")[0] or ME for name in digests.names(None)}
    rows = [
        DigestName(
            name=str(document.get("name", "")),
            reader=reader,
            since=str(document.get("since", "")),
            until=str(document.get("until", "")),
            papers=int(document.get("chosen", 0)),
        )
        for reader in sorted(readers)
        for document in digests.documents(reader)
    ]
    return sorted(rows, key=lambda row: (row.until, row.since, row.name), reverse=True)


def digest_text(library: Library, name: str, reader: str, format: Format) -> str:
    """A digest with what an editor did to it.

    Raises:
        NotFoundError: there is none of that name, or a former version wrote it.
    """
    from curator.digest.formats import to_html, to_json
    from curator.digest.formats.plaintext import to_text
    from curator.digest.formats.view import view_of
    from curator.digest.markdown import to_markdown

    document = desk_of(library.catalog, library.grounder, reader, name).edited()
    match format:
        case "json":
            return to_json(document)
        case "html":
            return to_html(document)
        case "text":
            return to_text(view_of(document))
    return to_markdown(document)
