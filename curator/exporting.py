"""Papers with all that was made of them, as rows and as entries for other programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from curator.batches import batched
from curator.catalog import Catalog, Filters, Part, StoredTag
from curator.exports import ExportEntry
from curator.paper import Paper

__all__ = ["entries", "rows"]

MANY = 500
# Fields of an entry that name others by their keys.
_REFERRING = {"crossref", "xref", "xdata", "related"}


def rows(
    catalog: Catalog, papers: Sequence[Paper], *, suggested: bool = False
) -> Iterator[dict[str, Any]]:
    """Papers with summaries and tags as JSON objects, in their order. Tags that wait for a
    person are in it only if they are asked for, and marked by ``suggested``."""
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
                    _tag(t, paper)
                    for t in tags.get(paper.id, ())
                    if suggested or not t.needs_review
                ],
            }


def _tag(tag: StoredTag, paper: Paper) -> dict[str, Any]:
    """``evidence`` is empty where it is not in the stored text (any more): it would be no quote."""
    return {
        "tag": tag.tag,
        "confidence": tag.confidence,
        "source": tag.source,
        "evidence": tag.evidence if tag.evidence in paper.text else "",
        "suggested": tag.needs_review,
    }


def entries(
    catalog: Catalog,
    format: str,
    filters: Filters,
    source: str | None = None,
    *,
    suggested: bool = False,
) -> Iterator[ExportEntry]:
    """What a file of one of `curator.exports.FORMATS` holds: first the bibliographies of that
    format as they came (with entries that are no paper here), then the other papers.

    With filters only the papers that pass, and of bibliographies only what belongs to those.
    With ``source``, what that bibliography has, or the papers of that source. What several
    bibliographies have comes once, as the one that was added first has it. Tags that wait for a
    person come only if ``suggested``, as ``NAME (suggested)``.
    """
    chosen = {paper.id: paper for paper in catalog.papers.select(filters, newest_first=False)}
    if source is not None:
        inside = catalog.papers.of_source(source)
        chosen = {name: paper for name, paper in chosen.items() if name in inside}
    parts = list(catalog.records.bibliography("ris" if format == "zotero" else format, source))
    written = {part.paper_id for part in parts if part.paper_id}
    about = _about(catalog, [*dict.fromkeys([*written, *chosen])], suggested)
    kept = {part.source for part in parts if part.paper_id in chosen}
    wanted = (
        part
        for part in parts
        if part.paper_id in chosen
        or (part.paper_id is None and (not filters or _goes_along(part.status, part.source, kept)))
    )
    for part in _once(wanted, _referred_to(parts)):
        if part.paper_id is None:
            yield ExportEntry(None, extra=part.extra)
        else:
            yield ExportEntry(chosen[part.paper_id], extra=part.extra, **about[part.paper_id])
    if source is not None and parts:
        return  # the bibliography as it is now: what was taken out of it stays out
    for name, paper in chosen.items():
        if name not in written:
            yield ExportEntry(paper, **about[name])


def _goes_along(status: str, source: str, kept: set[str]) -> bool:
    """What stands between entries (abbreviations) is needed by those that pass the filter."""
    return status == "verbatim" and source in kept


def _once(parts: Iterable[Part], referred_to: set[tuple[str, str]]) -> Iterator[Part]:
    """Without what an earlier bibliography has, too. Inside one bibliography all of it stays, as
    do abbreviations, which mean what the last one before an entry says, and an entry that others
    of its file name by a key that is not there yet."""
    first: dict[str, str] = {}
    keys: set[str] = set()
    for part in parts:
        key = str(part.extra.get("key", "")).lower()
        again = first.setdefault(_what(part), part.source) != part.source
        needed = (part.source, key) in referred_to and key not in keys
        if not again or needed or str(part.extra.get("type", "")).lower() == "string":
            keys.add(key)
            yield part


def _what(part: Part) -> str:
    if part.paper_id is not None:
        return part.paper_id
    ignored = {"before", "after"} | ({"layout", "separators"} if "fields" in part.extra else set())
    told = {name: value for name, value in part.extra.items() if name not in ignored}
    return json.dumps(told, sort_keys=True)


def _referred_to(parts: Iterable[Part]) -> set[tuple[str, str]]:
    """``(source, key)`` of the entries that others name."""
    found = set()
    for part in parts:
        for name, value, *_ in part.extra.get("fields", ()):
            if name.lower() in _REFERRING:
                found |= {(part.source, key.lower()) for key in re.findall(r'[^\s{}",]+', value)}
    return found


def _about(catalog: Catalog, paper_ids: list[str], suggested: bool) -> dict[str, dict[str, Any]]:
    tldrs, tags = catalog.outputs.tldrs(paper_ids), catalog.outputs.tags(paper_ids)
    besides = catalog.records.besides(paper_ids)
    found = {}
    for name in paper_ids:
        other = besides.get(name, {"ids": [], "hints": []})
        words = [w for hint in other["hints"] for w in hint.get("keywords", ())]
        found[name] = {
            "tldr": tldrs[name].text if name in tldrs else None,
            "tags": tuple(
                f"{t.tag} (suggested)" if t.needs_review else t.tag
                for t in tags.get(name, ())
                if suggested or not t.needs_review
            ),
            "ids": tuple(other["ids"]),
            "hints": {"keywords": list(dict.fromkeys(words))},
        }
    return found
