"""The library's papers: finding them, one of them, those like it, and files for other programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from curator.errors import UsageError
from curator.filters import Filters
from curator.query import ParsedQuery
from curator.web.pages import Served, render, shown
from curator.web.papers_asked import AskedFor
from curator.web.papers_changes import paper_named
from curator.web.papers_changes import router as changes
from curator.web.papers_found import FacetCounts, find, hits_of, ids_found, pieces
from curator.web.papers_page import page_of

if TYPE_CHECKING:
    from curator.library import Library
    from curator.serving import Serving

__all__ = ["router"]

router = APIRouter()
router.include_router(changes)

TAGS_SHOWN = 8  # of a facet, before "more"
CATEGORIES_SHOWN = 12
SIMILAR = 8

# Name of a format: how its file ends, and of which kind it is.
_FILES = {
    "bibtex": ("bib", "application/x-bibtex"),
    "ris": ("ris", "application/x-research-info-systems"),
    "csl": ("json", "application/vnd.citationstyles.csl+json"),
    "zotero": ("ris", "application/x-research-info-systems"),
    "csv": ("csv", "text/csv"),
    "md": ("md", "text/markdown"),
    "jsonl": ("jsonl", "application/x-ndjson"),
}

Format = Annotated[str, Query(max_length=40)]


# ---------------------------------------------------------------------- the library


@router.get("/library", response_class=HTMLResponse, include_in_schema=False)
def library_page(request: Request, asked: AskedFor, serving: Served) -> HTMLResponse:
    """The papers that are asked for, a page of them; else the newest."""
    library = serving.library
    found = find(library, asked)
    tags, categories = _facet_counts(request, serving).of(asked.filters(library))
    groups = _grouped(library, [pair for pair in tags if pair[0] not in asked.tag])
    left = [pair for pair in categories if pair[0] not in asked.category]
    return render(
        request,
        "library.html",
        title=f"{asked.q} – Library" if asked.q else "Library",
        asked=asked,
        found=found,
        groups=groups,
        categories=left,
        tags_shown=TAGS_SHOWN,
        categories_shown=CATEGORIES_SHOWN,
        formats=_FILES,
        papers=library.catalog.papers.count(),
        names=_tag_names(library),
        back=asked.address(),
        pieces=pieces,
    )


@router.get("/api/search")
def search(asked: AskedFor, serving: Served) -> dict[str, Any]:
    """Papers, best first (without ``q``: newest first), 20 a page. ``matches`` are places (start,
    end) in ``snippet``; ``total`` is null where a search ranks all papers."""
    found = find(serving.library, asked)
    return {
        "query": asked.q,
        "hits": found.hits,
        "took_ms": round(found.took_ms, 2),
        "total": found.total,
        "page": asked.page,
        "more": found.more,
    }


@router.get("/library/export", include_in_schema=False)
def export_library(asked: AskedFor, serving: Served, format: Format = "bibtex") -> Response:
    """A file with the papers that pass the filters; of a search, with those shown so far."""
    filters = asked.filters(serving.library)
    if asked.q:
        filters = Filters(paper_ids=tuple(ids_found(serving.library, asked)) or ("-",))
    return _file(serving.library, filters, format, "papers")


# ------------------------------------------------------------------------ one paper


@router.get("/papers/{paper_id}", response_class=HTMLResponse, include_in_schema=False)
def paper_page(request: Request, paper_id: str, serving: Served, similar: bool = False) -> Response:
    """One paper; a former id, or another name of it, leads to its present one."""
    library = serving.library
    paper = paper_named(library, paper_id)
    if paper.id != paper_id:
        return RedirectResponse(f"/papers/{quote(paper.id, safe='')}", status_code=303)
    return render(
        request,
        "paper.html",
        title=shown(paper.title) or paper.id,
        paper=page_of(library, paper),
        similar=_similar(library, paper_id)["hits"] if similar else None,
        formats=_FILES,
        names=_tag_names(library),
        back=f"/papers/{paper.id}",
        pieces=pieces,
    )


@router.get("/api/papers/{paper_id}/similar")
def similar(
    paper_id: str, serving: Served, limit: Annotated[int, Query(ge=1, le=100)] = SIMILAR
) -> dict[str, Any]:
    """Papers like one, the most alike first."""
    return _similar(serving.library, paper_id, limit)


@router.get("/papers/{paper_id}/export", include_in_schema=False)
def export_paper(paper_id: str, serving: Served, format: Format = "bibtex") -> Response:
    """The paper as a file for another program."""
    paper = paper_named(serving.library, paper_id)
    return _file(serving.library, Filters(paper_ids=(paper.id,)), format, paper.id)


def _similar(library: Library, paper_id: str, limit: int = SIMILAR) -> dict[str, Any]:
    started = time.monotonic()
    paper = paper_named(library, paper_id)
    found = [(hit.paper, hit.score) for hit in library.similar(paper, limit)]
    hits = hits_of(library, found, ParsedQuery(""))
    took = 1000 * (time.monotonic() - started)
    title = shown(paper.title)
    return {"paper_id": paper.id, "query": title, "hits": hits, "took_ms": round(took, 2)}


# --------------------------------------------------------------------------- parts


def _facet_counts(request: Request, serving: Serving) -> FacetCounts:
    state = request.app.state
    if not hasattr(state, "facet_counts"):
        state.facet_counts = FacetCounts(serving.library.catalog)
    counts: FacetCounts = state.facet_counts
    return counts


def _grouped(
    library: Library, tags: list[tuple[str, int]]
) -> list[tuple[str, list[tuple[str, int]]]]:
    """Tags with their counts by the facets of the taxonomy; what is in none comes last."""
    known = library.taxonomy.by_name
    groups: dict[str, list[tuple[str, int]]] = {f.name: [] for f in library.taxonomy.facets}
    for name, count in tags:
        facet = known[name].facet if name in known else ""
        groups.setdefault(facet or "other tags", []).append((name, count))
    return [(facet, pairs) for facet, pairs in groups.items() if pairs]


def _tag_names(library: Library) -> list[str]:
    return [tag.name for tag in library.taxonomy.tags]


def _file(library: Library, filters: Filters, format: str, name: str) -> Response:
    """A file to be saved.

    Raises:
        UsageError: there is no such format.
    """
    from curator import exporting, exports

    if format not in _FILES:
        raise UsageError(
            f"{format!r} is no format that papers are written in.",
            remedy=f"The formats are {', '.join(_FILES)}.",
        )
    ending, kind = _FILES[format]
    if format == "jsonl":
        papers = library.catalog.papers.select(filters, newest_first=False)
        rows = exporting.rows(library.catalog, papers)
        lines: Iterator[str] = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        lines = exports.write(format, exporting.entries(library.catalog, format, filters))
    # The first part now: what cannot be done is told before the reply begins.
    text = _begun(lines)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    return StreamingResponse(text, media_type=f"{kind}; charset=utf-8", headers=headers)


def _begun(parts: Iterator[str]) -> Iterator[bytes]:
    first = next(parts, "")

    def rest() -> Iterator[bytes]:
        yield first.encode("utf-8", "replace")
        for part in parts:
            yield part.encode("utf-8", "replace")

    return rest()
