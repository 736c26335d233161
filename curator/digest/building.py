"""Building a digest's document from chosen papers, their summaries and their tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from curator.catalog import StoredTag, StoredTldr
from curator.digest.document import (
    ME,
    DigestDocument,
    DigestPaper,
    DigestSection,
    Failure,
    Ledger,
)
from curator.digest.period import Period
from curator.paper import Paper
from curator.taxonomy import Taxonomy

__all__ = ["build_document", "choose", "section_title"]

# Facets that name a topic, best first; a section is named by a paper's surest such tag.
TOPIC_FACETS = ("problem", "method", "modality", "domain", "concern")
OTHER = "other"
MIN_SECTION = 2


def choose(papers: Sequence[Paper], limit: int) -> list[Paper]:
    """The papers of the period that go in: most upvoted first, then the latest."""
    latest = sorted(papers, key=lambda p: (p.day, p.id), reverse=True)
    return sorted(latest, key=lambda p: -(p.upvotes or 0))[:limit]


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
) -> DigestDocument:
    """Puts papers into sections by topic; ``papers`` are in order of importance."""
    by_topic: dict[str, list[DigestPaper]] = defaultdict(list)
    named = [paper for paper in papers if paper.id in tldrs]
    topics = _topics(named, tags, taxonomy)
    for paper in named:
        by_topic[topics[paper.id]].append(_entry(paper, tldrs[paper.id], tags.get(paper.id, ())))
    order = sorted(by_topic, key=lambda tag: (tag == OTHER, -len(by_topic[tag]), tag))
    not_chosen = seen - len(named) - len(failed)
    return DigestDocument(
        version=2,
        reader=ME,
        name=period.name,
        since=period.since,
        until=period.until,
        zone="",
        seen=seen,
        chosen=len(named),
        not_chosen=not_chosen,
        lead=[],
        notes=[],
        sections=[
            DigestSection(tag=tag, title=section_title(tag), papers=by_topic[tag], notes=[])
            for tag in order
        ],
        notable=[],
        weeks=[],
        sizes=[],
        trends=[],
        ledger=Ledger(
            seen=seen,
            chosen=len(named),
            notable=0,
            shown_before=0,
            dropped=0,
            disliked=0,
            no_abstract=0,
            not_chosen=not_chosen,
            failed=len(failed),
        ),
        failed=list(failed),
        untagged=list(untagged),
        model=model,
    )


def section_title(tag: str) -> str:
    """A heading from a tag's name: ``llm-agents`` → ``LLM agents``."""
    short = {"llm": "LLM", "rl": "RL", "ai": "AI", "3d": "3D", "nlp": "NLP"}
    words = [short.get(word, word) for word in tag.split("-")]
    text = " ".join(words)
    return text[0].upper() + text[1:]


def _topics(
    papers: Sequence[Paper], tags: Mapping[str, Sequence[StoredTag]], taxonomy: Taxonomy
) -> dict[str, str]:
    """One topic for each paper: the surest of its topic tags that at least two papers share,
    so that a digest does not fall apart into sections of one."""
    choices: dict[str, list[str]] = {}
    for paper in papers:
        own = [t for t in tags.get(paper.id, ()) if not t.needs_review]
        known = [t for t in own if t.tag in taxonomy.by_name]
        rank = {facet: n for n, facet in enumerate(TOPIC_FACETS)}
        topical = [t for t in known if taxonomy.by_name[t.tag].facet in rank]
        topical.sort(key=lambda t: (rank[taxonomy.by_name[t.tag].facet], -t.confidence, t.tag))
        choices[paper.id] = [t.tag for t in topical]
    counts: dict[str, int] = defaultdict(int)
    for names in choices.values():
        for name in names:
            counts[name] += 1
    assigned = {
        paper_id: next((name for name in names if counts[name] >= MIN_SECTION), OTHER)
        for paper_id, names in choices.items()
    }
    sizes: dict[str, int] = defaultdict(int)
    for name in assigned.values():
        sizes[name] += 1
    return {
        paper_id: name if sizes[name] >= MIN_SECTION else OTHER
        for paper_id, name in assigned.items()
    }


def _entry(paper: Paper, tldr: StoredTldr, tags: Sequence[StoredTag]) -> DigestPaper:
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
        why=[],
        pinned=False,
        notes=[],
        tags=[t.tag for t in tags if not t.needs_review],
    )
