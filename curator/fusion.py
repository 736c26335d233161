"""One ranking from two: scores of words and of vectors put on one scale and mixed.

Mixing scores keeps what reciprocal ranks throw away, by how much one paper is better than the
next (Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023).
How the weights here were found, and what reciprocal ranks reach: docs/benchmarks.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating]
    Scores = NDArray[np.float64]

__all__ = ["diverse", "expanded", "mixed", "moved"]

WEIGHT = 0.5  # of the vectors; the words have the rest

# Pseudo-relevance feedback: the first papers found are taken for relevant, and the question is
# moved towards them.
VECTOR_PAPERS = 3
VECTOR_SHARE = 0.3
WORD_PAPERS = 10
WORD_TERMS = 10
WORD_SHARE = 0.5

# Saturation and length of Okapi BM25, as tantivy has them; 110 stems is a usual abstract.
_K1, _B, _LENGTH = 1.2, 0.75, 110

RELEVANCE = 0.5  # of maximal marginal relevance; the rest is for being unlike what is there


def mixed(words: Floats, cosines: Floats, depth: int, weight: float = WEIGHT) -> Scores:
    """One score for each candidate.

    ``words`` are BM25 scores, 0 where no word of the question occurs; ``cosines`` may hold NaN
    for candidates without a vector, which are judged by their words alone. Words are divided by
    their best; cosines run from 0 for the worst of the ``depth`` nearest to 1 for the nearest.
    """
    best = float(words.max(initial=0.0))
    by_words = words / best if best > 0 else np.zeros_like(words)
    unknown = np.isnan(cosines)
    if unknown.all():
        return by_words.astype(float)
    nearest = np.sort(cosines[~unknown])[::-1][:depth]
    low, high = float(nearest[-1]), float(nearest[0])
    by_vectors = (cosines - low) / max(high - low, 1e-9)
    mix: Scores = np.where(unknown, by_words, (1 - weight) * by_words + weight * by_vectors)
    return mix


def moved(query: Floats, papers: Floats, share: float = VECTOR_SHARE) -> Floats:
    """The query's vector moved towards the mean of ``papers`` (papers, dimensions), of length
    1 (Rocchio, "Relevance Feedback in Information Retrieval", 1971)."""
    if not len(papers):
        return query
    vector = query + share * papers.mean(axis=0)
    result: Floats = vector / max(float(np.linalg.norm(vector)), 1e-9)
    return result


def expanded(
    query: Mapping[str, float],
    papers: Sequence[Sequence[str]],
    idf: Callable[[Sequence[str]], Sequence[float]],
    share: float = WORD_SHARE,
) -> dict[str, float]:
    """The query's stems with weights, and the ``WORD_TERMS`` stems that tell ``papers`` (stems
    of each) from others best, with weights of up to ``share`` of the query's own.

    Terms are chosen by their BM25 weight summed over the papers, as in Lavrenko and Croft's
    relevance model interpolated with the query (RM3: Abdul-Jaleel et al., TREC 2004).
    """
    weights = dict(query)
    if not papers:
        return weights
    sums: dict[str, float] = {}
    for stems in papers:
        longer = _K1 * (1 - _B + _B * len(stems) / _LENGTH)
        for stem, count in Counter(stems).items():
            sums[stem] = sums.get(stem, 0.0) + count / (count + longer)
    # Rare stems weigh more, but idf is looked up only for those that can still win.
    likely = sorted(sums, key=lambda stem: (-sums[stem], stem))[: 10 * WORD_TERMS]
    scored = [(sums[stem] * rare, stem) for stem, rare in zip(likely, idf(likely), strict=True)]
    best = sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:WORD_TERMS]
    usual = sum(query.values()) / len(query) if query else 1.0
    top = best[0][0] if best else 0.0
    for score, stem in best:
        if top > 0:
            weights[stem] = weights.get(stem, 0.0) + share * usual * score / top
    return weights


def idf_of(count: int, total: int) -> float:
    """How telling a stem is that ``count`` of ``total`` papers have."""
    return math.log((total + 1) / (count + 0.5))


def diverse(scores: Floats, vectors: Floats, limit: int, relevance: float = RELEVANCE) -> list[int]:
    """Positions of ``limit`` candidates in the order of maximal marginal relevance (Carbonell
    and Goldstein, SIGIR 1998): each is good itself and unlike those before it.

    ``scores`` of shape (candidates,), ``vectors`` (candidates, dimensions) of length 1 or 0.
    """
    if not len(scores):
        return []
    low, high = float(scores.min()), float(scores.max())
    good = (scores - low) / max(high - low, 1e-9)
    likeness = np.zeros(len(scores))
    chosen: list[int] = []
    left = np.ones(len(scores), np.bool_)
    while len(chosen) < min(limit, len(scores)):
        value = np.where(left, relevance * good - (1 - relevance) * likeness, -np.inf)
        best = int(np.argmax(value))
        chosen.append(best)
        left[best] = False
        likeness = np.maximum(likeness, vectors @ vectors[best])
    return chosen
