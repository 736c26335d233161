"""One paper from all that is recorded of it: the best field wins, by stated rules.

The rules look only at what the records say, never at which came first:

- **Title and abstract** come from one record, so that a quote stands in one text: the highest
  arXiv version; then the source nearest to the authors (`RANKS`); then one that is not cut
  short; then the longer abstract.
- **Authors, venue, link**: the highest rank that has them; of several, the fuller.
- **Published**: the earliest full date, else the most exact. **Listed**: the earliest.
- **Categories**: all. **Upvotes**: the most ever seen.

What a source has replaced in a later reading speaks no more, except for the day it was listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from curator.identifiers import is_preprint_doi
from curator.identity import Described, is_cut
from curator.paper import id_of_key
from curator.text import fold

__all__ = ["RANKS", "Entered", "base_id", "folded_authors", "merged", "salt_of"]

# How near a kind of source is to the authors' own words. Kinds that are not here have rank 1.
RANKS = {
    "arxiv": 4, "oai": 4, "arxiv-rss": 4, "arxiv-json": 4, "acl": 4, "pubmed": 4,
    "s2": 3, "s2-json": 3, "openalex": 3, "openalex-json": 3, "hf": 3, "hf-json": 3,
    "bibtex": 2, "ris": 2, "csl-json": 2, "jsonl": 2, "json": 2, "table": 2,
    "html": 1, "hf-scrape": 1, "rss": 1, "daily-papers-text": 0,
}  # fmt: skip
_DAY = len("2024-11-05")


@dataclass(eq=False)
class Entered(Described):
    """A record as the catalog has it. ``rank`` is its source's; ``current`` is false once its
    source tells it differently."""

    id: int | None = None
    paper_id: str | None = None
    rank: int = 1
    current: bool = True
    arxiv_version: int | None = None
    listed: str | None = None
    updated: str | None = None
    url: str | None = None
    venue: str | None = None
    categories: Sequence[str] = ()
    upvotes: int | None = None
    last_seen: str = ""
    place: str = ""
    status: str = ""
    keys: list[int] | None = None  # what it is found by, once that was made out


def merged(records: Iterable[Entered]) -> dict[str, Any] | None:
    """The fields of the paper that ``records`` are of; None if none of them has an abstract."""
    everything = list(records)
    if len(everything) == 1:
        return _alone(everything[0]) if everything[0].abstract else None
    speaking = [r for r in everything if r.current] or everything
    if not any(r.abstract for r in speaking):
        speaking = everything
    texts = [r for r in speaking if r.abstract]
    if not texts:
        return None
    text = max(texts, key=_best_text)
    ranked = sorted(speaking, key=lambda r: (-r.rank, r.order))
    dois = sorted({r.doi for r in speaking if r.doi}, key=lambda d: (is_preprint_doi(d), d))
    authors = min(
        (r.authors for r in _top(ranked, "authors")),
        key=lambda names: (-len(names), list(names)),
        default=(),
    )
    categories = list(dict.fromkeys(c for r in ranked for c in r.categories))
    if len({tuple(r.categories) for r in _top(ranked, "categories")}) > 1:
        categories.sort()  # no source's first category is surer than another's
    upvotes = [r.upvotes for r in everything if r.upvotes is not None]
    listed = [r.listed for r in everything if r.listed]
    versions = [r.arxiv_version for r in speaking if r.arxiv_version]
    return {
        "title": text.title,
        "abstract": text.abstract,
        "title_key": text.title_key,
        "text_hash": text.text_hash,
        "authors": list(authors),
        "published": _published([r.published for r in speaking if r.published]),
        "listed": min(listed, default=None),
        "url": min((r.url for r in _top(ranked, "url") if r.url), default=None),
        "arxiv_id": min((r.arxiv_id for r in speaking if r.arxiv_id), default=None),
        "arxiv_version": max(versions, default=None),
        "doi": dois[0] if dois else None,
        "venue": min((r.venue for r in _top(ranked, "venue") if r.venue), default=None),
        "categories": categories,
        "upvotes": max(upvotes, default=None),
    }


def _alone(record: Entered) -> dict[str, Any]:
    return {
        "title": record.title,
        "abstract": record.abstract,
        "title_key": record.title_key,
        "text_hash": record.text_hash,
        "authors": list(record.authors),
        "published": record.published,
        "listed": record.listed,
        "url": record.url,
        "arxiv_id": record.arxiv_id,
        "arxiv_version": record.arxiv_version,
        "doi": record.doi,
        "venue": record.venue,
        "categories": list(record.categories),
        "upvotes": record.upvotes,
    }


def _best_text(record: Entered) -> tuple[object, ...]:
    whole = not (is_cut(record.title) or is_cut(record.abstract))
    version = record.arxiv_version or 0
    return (version, record.rank, whole, record.updated or "", len(record.abstract), -record.order)


def _top(ranked: Sequence[Entered], name: str) -> list[Entered]:
    """Those of the highest rank that has the field at all."""
    having = [r for r in ranked if getattr(r, name)]
    return [r for r in having if r.rank == having[0].rank]


def _published(days: Sequence[str]) -> str | None:
    full = [day for day in days if len(day) == _DAY]
    return min(full) if full else max(days, key=lambda day: (len(day), day), default=None)


def base_id(records: Sequence[Entered]) -> str:
    """The id that a paper has as long as no other has its title: from the title of the first
    version that is known, so that a later version's new title does not change it."""
    if len(records) == 1:
        return id_of_key(records[0].title_key)
    speaking = [r for r in records if r.current and r.abstract] or list(records)
    first = min(speaking, key=lambda r: (r.arxiv_version or 0, r.title_key, r.order))
    return id_of_key(first.title_key)


def salt_of(records: Iterable[Entered]) -> str:
    """What tells a paper from others of its title, for its id."""
    speaking = [r for r in records if r.current] or list(records)
    for name in ("arxiv_id", "doi"):
        values = [value for r in speaking if (value := getattr(r, name))]
        if values:
            return f"{name}:{min(values)}"
    ids = [":".join(pair) for r in speaking for pair in r.ids]
    return min(ids) if ids else f"text:{min(r.text_hash for r in speaking)}"


def folded_authors(names: Sequence[str]) -> str:
    """Authors in the form that the author filter compares."""
    return fold("; ".join(names))
