"""Papers with all that was made of them, as rows and as entries for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from curator.batches import batched
from curator.catalog import Catalog, Filters
from curator.exports import ExportEntry
from curator.paper import Paper

__all__ = ["entries", "rows"]

MANY = 500


def rows(catalog: Catalog, papers: Sequence[Paper]) -> Iterator[dict[str, Any]]:
    """Papers with summaries and tags as JSON objects, in their order."""
    for part in batched(papers, MANY):
        ids = [paper.id for paper in part]
        tldrs, tags = catalog.outputs.tldrs(ids), catalog.outputs.tags(ids)
        besides = catalog.records.besides(ids)
        for paper in part:
            tldr = tldrs.get(paper.id)
            about = besides.get(paper.id, {"ids": [], "hints": []})
            yield {
                "id": paper.id,
                "title": paper.title,
                "abstract": paper.abstract,
                "authors": list(paper.authors),
                "published": paper.published,
                "listed": paper.listed,
                "added": paper.added,
                "url": paper.url,
                "arxiv_id": paper.arxiv_id,
                "doi": paper.doi,
                "ids": dict(about["ids"]),
                "venue": paper.venue,
                "categories": list(paper.categories),
                "upvotes": paper.upvotes,
                "hints": about["hints"],
                "tldr": tldr
                and {
                    "text": tldr.text,
                    "origin": tldr.origin,
                    "supported": tldr.supported,
                    "score": tldr.score,
                    "quote": tldr.quote,
                    "model": tldr.model,
                },
                "tags": [
                    {"tag": t.tag, "confidence": t.confidence, "source": t.source}
                    for t in tags.get(paper.id, ())
                    if not t.needs_review
                ],
            }


def entries(
    catalog: Catalog, format: str, filters: Filters, source: str | None = None
) -> Iterator[ExportEntry]:
    """What a file of one of `curator.exports.FORMATS` holds: first the bibliographies of that
    format as they came (with entries that are no paper here), then the other papers.

    With filters only the papers that pass, and of bibliographies only what belongs to those.
    With ``source``, what that bibliography has, or the papers of that source.
    """
    chosen = {paper.id: paper for paper in catalog.papers.select(filters, newest_first=False)}
    if source is not None:
        inside = catalog.papers.of_source(source)
        chosen = {name: paper for name, paper in chosen.items() if name in inside}
    parts = list(catalog.records.bibliography("ris" if format == "zotero" else format, source))
    written = {part.paper_id for part in parts if part.paper_id}
    about = _about(catalog, [*dict.fromkeys([*written, *chosen])])
    kept = {part.source for part in parts if part.paper_id in chosen}
    for part in parts:
        if part.paper_id in chosen:
            paper = chosen[part.paper_id]
            yield ExportEntry(paper, extra=part.extra, **about[paper.id])
        elif part.paper_id is None and (not filters or _goes_along(part.status, part.source, kept)):
            yield ExportEntry(None, extra=part.extra)
    if source is not None and parts:
        return  # the bibliography as it is now: what was taken out of it stays out
    for name, paper in chosen.items():
        if name not in written:
            yield ExportEntry(paper, **about[name])


def _goes_along(status: str, source: str, kept: set[str]) -> bool:
    """What stands between entries (abbreviations) is needed by those that pass the filter."""
    return status == "verbatim" and source in kept


def _about(catalog: Catalog, paper_ids: list[str]) -> dict[str, dict[str, Any]]:
    tldrs, tags = catalog.outputs.tldrs(paper_ids), catalog.outputs.tags(paper_ids)
    besides = catalog.records.besides(paper_ids)
    found = {}
    for name in paper_ids:
        other = besides.get(name, {"ids": [], "hints": []})
        words = [w for hint in other["hints"] for w in hint.get("keywords", ())]
        found[name] = {
            "tldr": tldrs[name].text if name in tldrs else None,
            "tags": tuple(t.tag for t in tags.get(name, ()) if not t.needs_review),
            "ids": tuple(other["ids"]),
            "hints": {"keywords": list(dict.fromkeys(words))},
        }
    return found
