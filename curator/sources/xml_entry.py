"""One entry of an XML source, made with forgiveness: a bad date or DOI never costs the paper.

Only what a paper cannot do without rejects an entry: its title, and text that can be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from curator.identifiers import arxiv_id_of
from curator.paper import Record, Rejected
from curator.sources.values import day_of, doi_in, excerpt, hints_of
from curator.sources.xml_mend import BAD_BYTES
from curator.text import squeeze

__all__ = ["entry"]

_LONGEST_NAME = 300  # characters; names of collaborations with all their groups fit
_MOST_NAMES = 10_000


def entry(
    where: str,
    *,
    title: str | None,
    abstract: str | None = "",
    arxiv_id: str | None = None,
    doi: str | None = None,
    authors: Iterable[str] = (),
    published: str | None = None,
    listed: str | None = None,
    updated: str | None = None,
    url: str | None = None,
    categories: Sequence[str] = (),
    ids: Iterable[tuple[str, str | None]] = (),
    source_id: str | None = None,
    venue: str | None = None,
    hints: Mapping[str, Any] | None = None,
) -> Record | Rejected:
    """A record, whose abstract may be empty, or why there is none.

    What is no date, DOI or arXiv id is left out; of several DOIs in one field the first is
    taken. Empty hints are left out, long ones cut.
    """
    about = squeeze(excerpt(title or abstract or source_id or "nothing else is said of it"))
    for name, value in (("title", title), ("abstract", abstract)):
        if value and BAD_BYTES in value:
            return Rejected(where, f"the {name} has bytes that are not UTF-8: {about}")
    said = {name: value for name, value in (hints or {}).items() if value}
    try:
        return Record.make(
            title=title,
            abstract=abstract,
            where=where,
            source_id=source_id,
            arxiv_id=arxiv_id if arxiv_id_of(arxiv_id) else None,
            doi=doi_in(doi),
            authors=[name[:_LONGEST_NAME] for name in authors][:_MOST_NAMES],
            published=day_of(published),
            listed=day_of(listed),
            updated=day_of(updated),
            url=url,
            categories=list(categories),
            ids=ids,
            venue=venue,
            hints=hints_of(said, said),
            needs_abstract=False,
        )
    except ValueError as error:
        return Rejected(where, f"{error}: {about}")
