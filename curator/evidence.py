"""Choosing the few stored sentences that answer a question.

First the sentences of the papers found are compared with the question by their vectors, then
the cross-encoder reads question and sentence together, each sentence with its paper's title
(the name of a system often stands only there). Method and figures: FACTS, *Evidence first*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from curator.embedding import Embedder
from curator.grounding import stems
from curator.paper import Paper
from curator.reranking import Reranker
from curator.sentences import split_sentences
from curator.text import plain

__all__ = ["Evidence", "EvidenceSelector", "Selector", "best_sentence", "paper_sentences"]

KEPT_BY_VECTORS = 24
MIN_WORDS = 4


@dataclass(frozen=True)
class Evidence:
    """One stored sentence, numbered for a prompt. ``quote`` is verbatim from the paper's
    abstract, or its title; ``score`` says how well it answers (higher is better)."""

    number: int
    paper: Paper
    quote: str
    score: float


class Selector(Protocol):
    """Chooses evidence."""

    def select(self, question: str, papers: Sequence[Paper], limit: int) -> list[Evidence]: ...


class EvidenceSelector:
    """The selector described above; without a reranker the vectors alone decide."""

    def __init__(self, embedder: Embedder, reranker: Reranker | None) -> None:
        self._embedder = embedder
        self.reranker = reranker

    def select(self, question: str, papers: Sequence[Paper], limit: int = 6) -> list[Evidence]:
        """The best ``limit`` sentences, best first, numbered from 1."""
        candidates = [(paper, sentence) for paper in papers for sentence in paper_sentences(paper)]
        if not candidates:
            return []
        texts = [f"{plain(paper.title)}: {plain(sentence)}" for paper, sentence in candidates]
        query = self._embedder.embed_query(plain(question))
        scores = [float(s) for s in self._embedder.embed(texts) @ query]
        order = sorted(range(len(texts)), key=lambda i: -scores[i])[:KEPT_BY_VECTORS]
        if self.reranker is not None:
            deep = self.reranker.score(plain(question), [texts[i] for i in order])
            ranked = sorted(zip(deep, order, strict=True), key=lambda pair: (-pair[0], pair[1]))
        else:
            ranked = [(_as_logit(scores[i]), i) for i in order]
        return [
            Evidence(number, candidates[i][0], candidates[i][1], score)
            for number, (score, i) in enumerate(ranked[:limit], 1)
        ]


def _as_logit(cosine: float) -> float:
    """A similarity of BGE vectors on about the scale of the cross-encoder, so that bounds on
    scores mean the same without a reranker: .65 (another topic) is 0, .8 (an answer) is 6."""
    return (cosine - 0.65) * 40


def paper_sentences(paper: Paper) -> list[str]:
    """The sentences of an abstract that can say something on their own."""
    spans = split_sentences(paper.abstract)
    return [s.text for s in spans if len(s.text.split()) >= MIN_WORDS] or [s.text for s in spans]


def best_sentence(paper: Paper, query: str) -> str:
    """The sentence that shares most words with a query; the first one if none does."""
    wanted = set(stems(query))
    sentences = paper_sentences(paper) or [paper.title]
    return max(sentences, key=lambda s: len(wanted & set(stems(s))))
