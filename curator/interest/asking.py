"""Which papers a reader is asked to rate next, chosen so that their answers teach most.

The papers that stand for the most others: greedily, each next one is the paper that brings the sum
of all papers' similarities to the nearest one asked furthest up (facility location; Wei, Iyer and
Bilmes, *Submodularity in data subset selection and active learning*, 2015). A rated paper stands
for its neighbours already. As soon as something is known of what the reader likes, papers that are
likely to be liked count for more in that sum. Asking for the likeliest ones instead finds more to
like, and teaches less (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from curator.interest.model import learn
from curator.interest.space import Space, distinct
from curator.paper import Paper

if TYPE_CHECKING:
    from curator.interest.space import Floats, Row, Vectors

__all__ = ["ask_next"]

LIKELY = 0.5  # a paper one standard deviation likelier counts e to this power more (evals.interest)
MOST_LIKELY = 4.0  # standard deviations above which nothing counts more
MOST = 2_000  # papers that are looked at, since each is compared with each


def ask_next(
    papers: Sequence[Paper],
    vectors: Vectors,
    *,
    liked: Sequence[Paper] = (),
    disliked: Sequence[Paper] = (),
    others: Sequence[Paper] = (),
    text_vectors: Sequence[Row] = (),
    text: str = "",
    count: int = 10,
) -> list[Paper]:
    """At most ``count`` of the ``papers`` that are not rated, the most telling first.

    The arguments are those of `curator.interest.learn`; ``others`` is background besides the
    papers. The same papers in any order give the same answer.

    Raises:
        InputError: vectors differ in length.
    """
    import numpy as np

    rated = distinct([*liked, *disliked])
    known = {paper.id for paper in rated}
    free = [paper for paper in distinct(papers) if paper.id not in known]
    if not free or count < 1:
        return []
    background = [*free, *others]
    interest = learn(liked, disliked, background, vectors, text_vectors=text_vectors, text=text)
    scores = np.zeros(len(free))
    if interest.knows and (liked or text or len(text_vectors)):
        scores = np.array(interest.log_odds(free))
        scores = (scores - scores.mean()) / max(float(scores.std()), 1e-9)
    kept = _thinned(scores)
    free, scores = [free[place] for place in kept], scores[kept]
    weights = np.exp(LIKELY * np.minimum(scores, MOST_LIKELY))
    return [free[place] for place in _telling(free, rated, vectors, weights, count)]


def _telling(
    free: Sequence[Paper],
    rated: Sequence[Paper],
    vectors: Vectors,
    weights: Floats,
    count: int,
) -> list[int]:
    """The places of those that stand for the most of the others' weight, best first."""
    import numpy as np

    space = Space(distinct([*free, *rated]), vectors)
    rows, theirs = space.compact(space.points(free)), space.compact(space.points(rated))
    alike = np.maximum(rows @ rows.T, 0.0)
    covered = (rows @ theirs.T).max(axis=1, initial=0.0)
    chosen: list[int] = []
    while len(chosen) < min(count, len(free)):
        gains = np.maximum(alike - covered, 0.0) @ weights
        gains[chosen] = -np.inf
        # Rounded, so that which of two equal ones it is does not depend on the last bit.
        chosen.append(int(np.argmax(np.round(gains, 9))))
        covered = np.maximum(covered, alike[chosen[-1]])
    return chosen


def _thinned(scores: Floats) -> Sequence[int]:
    """The places of `MOST` papers at the most: the likeliest, and as many over all others."""
    import numpy as np

    if len(scores) <= MOST:
        return range(len(scores))
    order = np.argsort(-scores, kind="stable")
    best, rest = order[: MOST // 2], np.sort(order[MOST // 2 :])
    spread = rest[np.arange(MOST - MOST // 2) * len(rest) // (MOST - MOST // 2)]
    return [int(place) for place in np.sort(np.concatenate([best, spread]))]
