"""The papers that a request asks for, as pages and programs are given them, and how many papers
have which tags and categories."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from curator.errors import UsageError
from curator.filters import Filters
from curator.query import ParsedQuery, parse_query
from curator.web.pages import shown
from curator.web.papers_asked import MOST_FOUND, PAGE, Asked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.catalog import Catalog
    from curator.library import Library
    from curator.paper import Paper
    from curator.retrieval import Hit

__all__ = [
    "FacetCounts",
    "Found",
    "find",
    "hits_of",
    "ids_found",
    "links_of",
    "pieces",
    "safe",
    "tags_of",
]

SNIPPET = 420  # characters
BEFORE = 90  # of them before the first match, where a sentence is longer
# So many of the most relevant papers are put in the order of their days.
NEWEST_AMONG = 100

Row = dict[str, Any]
Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Found:
    """``hits`` of one page (plain values, as ``/api/search`` gives them); ``total`` is how many
    papers there are, None where a search ranks them all; ``more``: there is another page."""

    hits: list[Row]
    total: int | None
    more: bool
    took_ms: float


def find(library: Library, asked: Asked) -> Found:
    """One page of the papers: by relevance to the words, or the newest first.

    Raises:
        UsageError: what is asked for cannot be read, or is too far down a ranking.
    """
    started = time.monotonic()
    filters = asked.filters(library)
    start, end = PAGE * (asked.page - 1), PAGE * asked.page
    parsed, total = parse_query(asked.q), None
    chosen: list[tuple[Paper, float | None]]
    if asked.q:
        ranked = _ranked(library, asked, parsed, filters, end)
        chosen = [(hit.paper, hit.score) for hit in ranked]
    else:
        total = int(library.catalog.facets.mask(filters).sum())
        newest = library.catalog.papers.select(filters, limit=end + 1) if start < total else []
        chosen = [(paper, None) for paper in newest]
    hits = hits_of(library, chosen[start:end], parsed, first=start + 1)
    return Found(hits, total, len(chosen) > end, 1000 * (time.monotonic() - started))


def ids_found(library: Library, asked: Asked) -> list[str]:
    """The ids of a search's papers up to the end of its page.

    Raises:
        UsageError: what is asked for cannot be read, or is too far down a ranking.
    """
    end = asked.page * PAGE
    hits = _ranked(library, asked, parse_query(asked.q), asked.filters(library), end)
    return [hit.paper.id for hit in hits[:end]]


def _ranked(
    library: Library, asked: Asked, parsed: ParsedQuery, filters: Filters, end: int
) -> list[Hit]:
    if end > MOST_FOUND:
        raise UsageError(
            f"A search shows its best {MOST_FOUND:,} papers.", remedy="Add words or filters."
        )
    if asked.sort == "newest":
        best = library.search(parsed, max(NEWEST_AMONG, end + 1), filters)
        return sorted(best, key=lambda hit: (hit.paper.day, hit.paper.seq), reverse=True)
    return library.search(parsed, end + 1, filters)


def hits_of(
    library: Library,
    papers: Sequence[tuple[Paper, float | None]],
    parsed: ParsedQuery,
    *,
    first: int = 1,
) -> list[Row]:
    """Papers with all that a list shows of each, numbered from ``first``. All texts are as people
    read them, without TeX and control characters; ``matches`` are places in ``snippet``."""
    ids = [paper.id for paper, _ in papers]
    catalog = library.catalog
    tldrs, marks, tags = catalog.outputs.tldrs(ids), catalog.marks.of(ids), tags_of(library, ids)
    rows = []
    for rank, (paper, score) in enumerate(papers, first):
        tldr = tldrs.get(paper.id)
        text, matches = _snippet(library, parsed, paper)
        rows.append(
            {
                "rank": rank,
                "paper_id": paper.id,
                "title": shown(paper.title) or paper.id,
                "day": paper.day,
                "authors": [shown(author) for author in paper.authors],
                "venue": shown(paper.venue),
                "url": next((address for _, address in links_of(paper)), None),
                "snippet": text,
                "matches": [list(span) for span in matches],
                "tldr": tldr
                and {
                    "text": shown(tldr.text),
                    "origin": tldr.origin,
                    "supported": tldr.supported,
                    "score": round(tldr.score, 4),
                },
                **tags[paper.id],
                "marks": list(marks.get(paper.id, {})),
                "score": None if score is None else round(score, 6),
            }
        )
    return rows


def tags_of(library: Library, paper_ids: Sequence[str]) -> dict[str, Row]:
    """By paper its ``tags`` (surest first, suggestions at the end; ``said`` is what a person said
    of it, if anything) and those ``removed`` by a person."""
    outputs, corrections = library.catalog.outputs, library.catalog.corrections
    stored, said = outputs.tags(paper_ids), corrections.of(paper_ids)
    return {
        paper_id: {
            "tags": [
                {
                    "tag": tag.tag,
                    "confidence": round(tag.confidence, 4),
                    "source": tag.source,
                    "needs_review": tag.needs_review,
                    "said": said.get(paper_id, {}).get(tag.tag),
                }
                for tag in stored.get(paper_id, ())
            ],
            "removed": [tag for tag, right in said.get(paper_id, {}).items() if not right],
        }
        for paper_id in paper_ids
    }


def links_of(paper: Paper) -> list[tuple[str, str]]:
    """``(what, address)`` of a paper elsewhere, the best first; only such as may be followed."""
    from curator.exports.base import link

    named = [("Source", paper.url or "")]
    if paper.arxiv_id:
        named.append(("arXiv", f"https://arxiv.org/abs/{paper.arxiv_id}"))
    if paper.doi:
        named.append(("DOI", f"https://doi.org/{paper.doi}"))
    named.append(("Source", link(paper) or ""))
    addresses: dict[str, str] = {}
    for what, address in named:
        if (usable := safe(address)) is not None:
            addresses.setdefault(usable, what)
    return [(what, address) for address, what in addresses.items()]


def safe(address: str | None) -> str | None:
    """The address if a page may link to it: http(s), nothing that hides in it."""
    whole = (address or "").strip()
    return whole if re.fullmatch(r"https?://[^\s<>\"'\\]+", whole, re.IGNORECASE) else None


# ------------------------------------------------------------------------- snippets


def _snippet(library: Library, parsed: ParsedQuery, paper: Paper) -> tuple[str, Spans]:
    """The sentence with most of the words, as `curator.snippets` chooses it; but whether one gives
    orders to programs is looked at only where it would be shown, which is ten times as quick."""
    from curator.evidence import MIN_WORDS
    from curator.injections import is_injection
    from curator.sentences import split_sentences

    def matches(text: str) -> Spans:
        return library.lexical.highlights(text, parsed) if parsed.text else []

    def worth(sentence: str) -> tuple[bool, int]:
        words = {sentence[start:end].lower() for start, end in matches(sentence)}
        return len(sentence.split()) >= MIN_WORDS, len(words)

    sentences = sorted((s.text for s in split_sentences(paper.abstract)), key=worth, reverse=True)
    chosen = next((s for s in sentences if not is_injection(s)), paper.title)
    # Places are those in the text that is shown, which may be shorter than the stored one.
    text = shown(chosen)
    return _cut(text, matches(text))


def _cut(text: str, matches: Spans) -> tuple[str, Spans]:
    """What stands around the first match, where a sentence is too long to be shown."""
    if len(text) <= SNIPPET:
        return text, matches
    start = max(0, matches[0][0] - BEFORE) if matches and matches[0][1] > SNIPPET else 0
    end = min(len(text), start + SNIPPET)
    before, after = "… " if start else "", " …" if end < len(text) else ""
    moved = len(before) - start
    inside = [(a + moved, b + moved) for a, b in matches if a >= start and b <= end]
    return f"{before}{text[start:end]}{after}", inside


def pieces(text: str, matches: Iterable[Sequence[int]]) -> list[tuple[str, bool]]:
    """The text in parts, each with whether it is a match."""
    inside = {(a, b) for a, b in matches}
    edges = sorted({0, len(text), *(edge for span in inside for edge in span)})
    return [(text[a:b], (a, b) in inside) for a, b in pairwise(edges)]


# --------------------------------------------------------------------------- facets


@dataclass(frozen=True)
class _Read:
    state: tuple[int, int]
    tags: dict[str, NDArray[np.int64]]
    categories: dict[str, NDArray[np.int64]]


class FacetCounts:
    """How many papers that pass a filter have each tag and category. What papers have is read
    once and kept until the catalog changes; threads may share it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._read: _Read | None = None

    def of(self, filters: Filters) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
        """Tags and categories with the number of papers, the most frequent first."""
        known = self._current()
        mask = self._catalog.facets.mask(filters)

        def counted(lists: dict[str, NDArray[np.int64]]) -> list[tuple[str, int]]:
            found = [
                (name, int(mask[seqs[seqs < len(mask)]].sum())) for name, seqs in lists.items()
            ]
            return sorted(((n, c) for n, c in found if c), key=lambda pair: (-pair[1], pair[0]))

        return counted(known.tags), counted(known.categories)

    def _current(self) -> _Read:
        from curator.catalog.tagcounts import TagCounts

        store = self._catalog.store
        # Counters only grow, so that their sum tells of any change.
        changes = int(store.glance("SELECT sum(value) FROM counters") or 0)
        state = (changes, self._catalog.papers.last_seq())
        with self._lock:
            if self._read is None or self._read.state != state:
                tags = dict(TagCounts(store).read().decided)
                self._read = _Read(state, tags, self._categories())
            return self._read

    def _categories(self) -> dict[str, NDArray[np.int64]]:
        import numpy as np

        from curator.catalog.values import loads

        found: dict[str, list[int]] = {}
        rows = self._catalog.store.glances("SELECT seq, categories FROM papers")
        for seq, names in rows:
            for name in loads(names):
                found.setdefault(name, []).append(seq)
        return {name: np.array(seqs, np.int64) for name, seqs in found.items()}
