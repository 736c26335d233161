"""Answering a broad question: many papers, each with its best stored sentence, in groups.

No model is called: all that is shown is quoted, so nothing has to be checked. What counts as
relevant is the cross-encoder's score of a paper's sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from curator.answers import AnswerSentence, quotation
from curator.broad_questions import broad_topic
from curator.catalog import Filters
from curator.evidence import Evidence, best_sentence, paper_sentences
from curator.grounding import names_in
from curator.grouping import grouped
from curator.paper import Paper
from curator.text import fold, plain
from graphs.context import AskContext
from graphs.state import AskState, EvidenceItem

__all__ = ["best_of_each", "overview"]

PAPERS = 24
PER_GROUP = 3
# The cross-encoder's logit of a sentence that has to do with the topic, and how far below the
# best one it may lie. Set on ten topics that the seeds' 568 papers treat (best sentence from -2.0
# to 9.1) and six that they do not (-5.9 at the most).
RELEVANT = -4.0
NEAR = 6.0
# What a sentence on the paper's own work is preferred by to one on what is known.
OWN_WORK = 2.0
_OWN = re.compile(
    r"\b(?:we|our|this (?:paper|work|study|survey|review|article|thesis)|"
    r"(?:is|are) (?:proposed|introduced|presented))\b",
    re.I,
)
# What every paper has, and what says nothing of a topic.
_NOT_TOPICS = ("contribution",)


def overview(state: AskState, runtime: Runtime[AskContext]) -> AskState:
    """Finds papers on the topic and quotes each one's best sentence, in groups."""
    context = runtime.context
    topic = broad_topic(state["query"]) or state["query"]
    filters = Filters.from_dict(state.get("filters"))
    papers = [hit.paper for hit in context.retriever.search(topic, PAPERS, filters or None)]
    runtime.stream_writer({"event": "retrieved", "paper_ids": [paper.id for paper in papers]})
    relevant, reason = _relevant(best_of_each(topic, papers, context), topic)
    evidence = [
        EvidenceItem(number=e.number, paper_id=e.paper.id, quote=e.quote, score=e.score)
        for e in relevant
    ]
    runtime.stream_writer({"event": "evidence", "evidence": evidence})
    sentences = _sentences(relevant, topic, context)
    for sentence in sentences:
        runtime.stream_writer({"event": "sentence", "sentence": sentence})
    return {
        "query": topic,
        "nearest": [paper.id for paper in papers],
        "evidence": evidence,
        "decision": "answer" if sentences else "abstain",
        "reason": reason,
        "draft": [],
        "sentences": sentences,
        "model": "",
        "usage": {},
    }


def best_of_each(topic: str, papers: Sequence[Paper], context: AskContext) -> list[Evidence]:
    """Each paper's best sentence on a topic, best first, numbered from 1.

    Of each paper the cross-encoder reads the sentence that the selector chose (else the one that
    shares most words with the topic) and the first one on the paper's own work, for that is what
    such a question asks for. The selector's own scores also say how a paper was ranked, and so
    not whether it is relevant; they serve where there is no cross-encoder.
    """
    chosen: dict[str, Evidence] = {}
    for item in context.selector.select(topic, papers, PAPERS) if papers else ():
        chosen.setdefault(item.paper.id, item)
    found = list(chosen.values())
    if context.reranker is not None:
        found = []
        for paper in papers:
            quotes = [chosen[paper.id].quote if paper.id in chosen else best_sentence(paper, topic)]
            own = next((s for s in paper_sentences(paper) if _OWN.search(s)), None)
            quotes += [own] if own and own not in quotes else []
            found += [Evidence(0, paper, quote, 0.0) for quote in quotes]
        texts = [f"{plain(item.paper.title)}: {plain(item.quote)}" for item in found]
        scores = context.reranker.score(plain(topic), texts) if texts else []
        found = [replace(item, score=score) for item, score in zip(found, scores, strict=True)]
    best: dict[str, Evidence] = {}
    for item in sorted(found, key=lambda e: -e.score - OWN_WORK * bool(_OWN.search(e.quote))):
        best.setdefault(item.paper.id, item)
    ranked = sorted(best.values(), key=lambda item: -item.score)
    return [replace(item, number=number) for number, item in enumerate(ranked, 1)]


def _relevant(found: Sequence[Evidence], topic: str) -> tuple[list[Evidence], str]:
    """What is on the topic, or why nothing is. A name in the topic must be in one of the papers."""
    if not found or found[0].score < RELEVANT:
        return [], "nothing in the library is close to the question"
    worst = max(RELEVANT, found[0].score - NEAR)
    relevant = [item for item in found if item.score >= worst]
    texts = " ".join(_letters(item.paper.text) for item in relevant)
    names = sorted(names_in(topic))
    missing = [name for name in names if _letters(name).strip().removesuffix("s") not in texts]
    if missing:
        return [], f"no paper found names {', '.join(missing)}"
    return relevant, ""


def _letters(text: str) -> str:
    """Folded words with nothing but spaces between them: ``GPT-4`` and ``GPT4`` are one."""
    return " ".join("".join(c for c in word if c.isalnum()) for word in fold(text).split())


def _sentences(found: Sequence[Evidence], topic: str, context: AskContext) -> list[AnswerSentence]:
    papers = [item.paper for item in found]
    quotes = {item.paper.id: item for item in found}
    vectors = context.vectors(papers) if context.vectors is not None else {}
    groups = grouped(papers, topic, _tags(papers, context), vectors)
    if not groups:
        return [quotation(item.paper.id, item.quote) for item in found[: 2 * PER_GROUP]]
    return [
        quotation(paper_id, quotes[paper_id].quote, group.name)
        for group in groups
        for paper_id in group.paper_ids[:PER_GROUP]
    ]


def _tags(papers: Sequence[Paper], context: AskContext) -> Mapping[str, Sequence[str]]:
    """The decided tags of papers that say what they are about."""
    if context.tags is None:
        return {}
    known: Mapping[str, Any] = context.taxonomy.by_name if context.taxonomy else {}
    return {
        paper_id: [
            tag.tag
            for tag in tags
            if not tag.needs_review
            and not (tag.tag in known and known[tag.tag].facet in _NOT_TOPICS)
        ]
        for paper_id, tags in context.tags.tags(paper.id for paper in papers).items()
    }
