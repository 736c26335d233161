"""Choosing the few stored sentences that answer a question.

First the sentences of the papers found are compared with the question by their vectors, then
the cross-encoder reads question and sentence together, each sentence with its paper's title
(the name of a system often stands only there). It has little to say of a question that
paraphrases freely, so the place of the paper among those found counts as well, and that
abstracts begin with what was known before and end, at length, with what was found. What a paper
says of what others introduced comes after what those say themselves. Method and figures: FACTS,
*Evidence first*; weights: ``python -m evals.fit_answerable``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from curator.answer_features import for_length, names_several
from curator.embedding import Embedder
from curator.grounding import stems
from curator.injections import stated
from curator.introducing import of_others
from curator.paper import Paper
from curator.reranking import Reranker
from curator.sentence_embedding import SentenceEmbedder, SentenceStore
from curator.text import plain

__all__ = [
    "Evidence",
    "EvidenceSelector",
    "Selector",
    "best_sentence",
    "paper_sentences",
    "sentence_texts",
]

KEPT_BY_VECTORS = 24
MIN_WORDS = 4

# What else counts, in logits of the cross-encoder. Rounded from logistic regressions on the
# gold evidence of both sets of questions; other values near these measure about the same.
SIMILARITY, USUAL_SIMILARITY = 10.0, 0.7  # for a cosine of 1; what counts as nothing
FIRST_PAPER = 5.0  # divided by the paper's rank
LAST_SENTENCE, FIRST_SENTENCE = 2.0, -3.0
# What each further sentence of one paper loses where the question is about several.
REPEATED = 4.0
# What a sentence about others' work loses where their own paper is at hand: so much that none
# of it belongs to an answer beside that paper's words.
OF_OTHERS = 16.0


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
    """The selector described above; without a reranker the vectors alone decide. Where there is
    a store, only sentences whose vectors it lacks are embedded; they are stored if that can be
    done at once."""

    def __init__(
        self, embedder: Embedder, reranker: Reranker | None, store: SentenceStore | None = None
    ) -> None:
        self._embedder = embedder
        self.reranker = reranker
        self._sentences = SentenceEmbedder(embedder, store)

    def select(self, question: str, papers: Sequence[Paper], limit: int = 6) -> list[Evidence]:
        """The best ``limit`` sentences, best first, numbered from 1."""
        import numpy as np

        candidates = [
            _Candidate(paper, sentence, rank, place, len(sentences))
            for rank, paper in enumerate(papers, 1)
            for sentences in [paper_sentences(paper)]
            for place, sentence in enumerate(sentences)
        ]
        if not candidates:
            return []
        read = [(paper, sentence_texts(paper)) for paper in papers]
        texts = [text for _, of_paper in read for text in of_paper]
        query = self._embedder.embed_query(plain(question))
        rows = np.concatenate(self._sentences.of(read, len(query)))
        similar = [float(s) for s in rows @ query]
        order = sorted(range(len(texts)), key=lambda i: -similar[i])[:KEPT_BY_VECTORS]
        if self.reranker is not None:
            deep = self.reranker.score(plain(question), [texts[i] for i in order])
        else:
            deep = [_as_logit(similar[i]) for i in order]
        is_of_others = of_others(question, papers)
        losses = [OF_OTHERS * is_of_others(c.paper, c.sentence) for c in candidates]
        bonuses = [c.bonus - loss for c, loss in zip(candidates, losses, strict=True)]
        scored = [
            (score + SIMILARITY * (similar[i] - USUAL_SIMILARITY) + bonuses[i], i)
            for score, i in zip(deep, order, strict=True)
        ]
        repeated = REPEATED if names_several(question, [p.title for p in papers]) else 0.0
        return [
            Evidence(number, candidates[i].paper, candidates[i].sentence, score)
            for number, (score, i) in enumerate(_best(scored, candidates, repeated, limit), 1)
        ]


@dataclass(frozen=True)
class _Candidate:
    """A sentence, the rank of its paper (from 1) and its place in it (from 0)."""

    paper: Paper
    sentence: str
    rank: int
    place: int
    count: int

    @property
    def bonus(self) -> float:
        """What speaks for the sentence whatever the question."""
        first = FIRST_SENTENCE if self.place == 0 < self.count - 1 else 0.0
        return (
            FIRST_PAPER / self.rank
            + LAST_SENTENCE * self.place / max(1, self.count - 1)
            + first
            + for_length(self.sentence)
        )


def _best(
    scored: list[tuple[float, int]], candidates: Sequence[_Candidate], repeated: float, limit: int
) -> list[tuple[float, int]]:
    """The best ones, each taken with what it loses by those of its paper taken before."""
    left = sorted(scored, key=lambda pair: (-pair[0], pair[1]))
    taken: list[tuple[float, int]] = []
    seen: Counter[str] = Counter()
    while left and len(taken) < limit:
        losses = [repeated * seen[candidates[i].paper.id] for _, i in left]
        at = max(range(len(left)), key=lambda k: left[k][0] - losses[k])
        score, i = left.pop(at)
        taken.append((score - losses[at], i))
        seen[candidates[i].paper.id] += 1
    return taken


def _as_logit(cosine: float) -> float:
    """A similarity of BGE vectors on about the scale of the cross-encoder, so that bounds on
    scores mean the same without a reranker: .65 (another topic) is 0, .8 (an answer) is 6."""
    return (cosine - 0.65) * 40


def paper_sentences(paper: Paper) -> list[str]:
    """The sentences of an abstract that can say something on their own, without those that
    give orders to the program which reads them (`curator.injections`); none, where no others
    are left."""
    spans = stated(paper.abstract)
    return [s.text for s in spans if len(s.text.split()) >= MIN_WORDS] or [s.text for s in spans]


def sentence_texts(paper: Paper) -> list[str]:
    """What is embedded and read for each of the `paper_sentences`: a name may stand in the
    title alone."""
    title = plain(paper.title)
    return [f"{title}: {plain(sentence)}" for sentence in paper_sentences(paper)]


def best_sentence(paper: Paper, query: str) -> str:
    """The sentence that shares most words with a query; the first one if none does."""
    wanted = set(stems(query))
    sentences = paper_sentences(paper) or [paper.title]
    return max(sentences, key=lambda s: len(wanted & set(stems(s))))
