"""Building a digest's document from chosen papers, their summaries and their tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from curator.catalog import StoredTag, StoredTldr
from curator.digest.choosing import Left
from curator.digest.document import (
    ME,
    DigestDocument,
    DigestPaper,
    DigestSection,
    Failure,
    Ledger,
    Reason,
    Trend,
)
from curator.digest.lead import lead_of
from curator.digest.period import Period
from curator.digest.sections import sections_of
from curator.grounding import stems
from curator.paper import Paper
from curator.taxonomy import Taxonomy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["build_document"]

# Two summaries that share so much of their words (Jaccard, stems) say the same thing.
SAME_WORDS = 0.8


def build_document(
    period: Period,
    seen: int,
    papers: Sequence[Paper],
    tldrs: Mapping[str, StoredTldr],
    tags: Mapping[str, Sequence[StoredTag]],
    failed: Sequence[Failure],
    taxonomy: Taxonomy,
    model: str,
    untagged: Sequence[Failure] = (),
    *,
    reader: str = ME,
    zone: str = "",
    notable: Sequence[Paper] = (),
    left: Mapping[str, Left] | None = None,
    why: Mapping[str, Sequence[Reason]] | None = None,
    pinned: Sequence[str] = (),
    vectors: Mapping[str, NDArray[np.floating[Any]]] | None = None,
    trends: tuple[Sequence[str], Sequence[int], Sequence[Trend]] = ((), (), ()),
    topics: Sequence[tuple[str, int]] = (),
) -> DigestDocument:
    """The whole digest, before an editor's changes. ``papers`` and ``notable`` are in order of
    importance; one without a summary failed, one whose summary says what an earlier one says is
    left out. ``left`` says why each other paper of the period is not in it; ``topics`` are what
    most papers of the period are on, with how many."""
    entries: dict[str, DigestPaper] = {}
    said: list[frozenset[str]] = []
    for paper in [*papers, *notable]:
        if (tldr := tldrs.get(paper.id)) is None:
            continue
        words = frozenset(stems(tldr.text))
        if paper.id not in pinned and any(_same(words, other) for other in said):
            continue
        said.append(words)
        entries[paper.id] = _entry(
            paper, tldr, tags.get(paper.id, ()), (why or {}).get(paper.id, ()), paper.id in pinned
        )
    named = [paper for paper in papers if paper.id in entries]
    also = [entries[paper.id] for paper in notable if paper.id in entries]
    counts = Counter((left or {}).values())
    passed = {kind: counts[kind] for kind in ("shown_before", "dropped", "disliked", "no_abstract")}
    rest = seen - len(named) - len(also) - len(failed) - sum(passed.values())
    weeks, sizes, moved = trends
    document = DigestDocument(
        version=2,
        reader=reader,
        name=period.name,
        since=period.since,
        until=period.until,
        zone=zone,
        seen=seen,
        chosen=len(named),
        not_chosen=rest,
        lead=[],
        notes=[],
        sections=[
            DigestSection(tag=tag, title=title, papers=[entries[i] for i in ids], notes=[])
            for tag, title, ids in sections_of(named, tags, vectors or {}, taxonomy)
        ],
        notable=also,
        weeks=list(weeks),
        sizes=list(sizes),
        trends=list(moved),
        ledger=Ledger(
            seen=seen,
            chosen=len(named),
            notable=len(also),
            shown_before=passed["shown_before"],
            dropped=passed["dropped"],
            disliked=passed["disliked"],
            no_abstract=passed["no_abstract"],
            not_chosen=rest,
            failed=len(failed),
        ),
        failed=list(failed),
        untagged=list(untagged),
        model=model,
    )
    document["lead"] = lead_of(document, topics, best=[paper.id for paper in named])
    return document


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= SAME_WORDS * max(1, len(one | other))


def _entry(
    paper: Paper,
    tldr: StoredTldr,
    tags: Sequence[StoredTag],
    why: Sequence[Reason],
    pinned: bool,
) -> DigestPaper:
    return DigestPaper(
        paper_id=paper.id,
        title=paper.title,
        url=paper.url,
        authors=list(paper.authors),
        day=paper.day,
        upvotes=paper.upvotes,
        tldr=tldr.text,
        origin="quote" if tldr.origin == "quote" else "model",
        supported=tldr.supported,
        score=tldr.score,
        quote=tldr.quote,
        reason="",
        tags=[t.tag for t in tags if not t.needs_review],
        why=list(why),
        pinned=pinned,
        notes=[],
    )
