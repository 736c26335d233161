"""What corrections teach: for each tag a small linear head on the papers' vectors.

A head moves the log-odds that a tag has from its description: by a shift, and along a direction in
the space of vectors. Both start at nothing (a Gaussian prior), so a tag with one correction moves
a little and one with fifty has learned its own boundary. This is Bayesian logistic regression
with an offset, at its most probable weights (Newton's method; Bishop, *Pattern Recognition and
Machine Learning*, 2006, 4.5), in the dual where there are fewer examples than dimensions. It takes
milliseconds a tag, and none of it depends on the order of the corrections.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Heads"]

# Variances of the priors, found by cross-validation on gold_tags_dev (evals.fit_tags).
SHIFT = 0.5
DIRECTION = 5.0
STEPS = 20
ENOUGH = 1e-5  # of the log-likelihood: what gains less changes nothing that is seen
SHORTEST = 1e-3
TINY = 1e-9
MOST_EXAMPLES = 1200  # of those against a tag, the ones nearest to it teach


class Heads:
    """Heads for the tags of a taxonomy, by their place.

    ``vectors`` has shape (papers, dimensions), ``offsets`` (papers, tags) the log-odds without
    heads, ``labels`` (papers, tags): 1 right, 0 wrong, -1 not said.
    """

    def __init__(self, vectors: Floats, offsets: Floats, labels: NDArray[np.int8]) -> None:
        import numpy as np

        tags = labels.shape[1]
        self._weights = np.zeros((tags, vectors.shape[1] + 1))
        inputs = _inputs(vectors)
        for tag in range(tags):
            chosen = _examples(labels[:, tag], offsets[:, tag])
            if len(chosen):
                right = (labels[chosen, tag] == 1).astype(float)
                self._weights[tag] = _fitted(inputs[chosen], offsets[chosen, tag], right)

    def __call__(self, vectors: Floats, offsets: Floats) -> Floats:
        """The log-odds with what was learned, of shape (papers, tags)."""
        moved: Floats = offsets + _inputs(vectors) @ self._weights.T
        return moved


def _inputs(vectors: Floats) -> Floats:
    """With a column for the shift; scaled so that all weights have the prior N(0, 1)."""
    import numpy as np

    ones = np.full((len(vectors), 1), np.sqrt(SHIFT))
    return np.concatenate([ones, np.sqrt(DIRECTION) * np.asarray(vectors, dtype=float)], axis=1)


def _examples(labels: NDArray[np.int8], offsets: Floats) -> Sequence[int]:
    """The places of what teaches a tag: all that is right, and of what is wrong the examples
    that were taken for it most."""
    import numpy as np

    right, wrong = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    if len(wrong) > MOST_EXAMPLES:
        wrong = wrong[np.argsort(-offsets[wrong], kind="stable")[:MOST_EXAMPLES]]
    return np.sort(np.concatenate([right, wrong]))  # type: ignore[return-value]


def _fitted(inputs: Floats, offsets: Floats, right: Floats) -> Floats:
    """The most probable weights, of shape (inputs,)."""
    import numpy as np

    few = len(inputs) <= inputs.shape[1]
    kernel = inputs @ inputs.T if few else None

    def loss(weights: Floats) -> float:
        odds = offsets + inputs @ weights
        return float(np.logaddexp(0, odds).sum() - right @ odds + weights @ weights / 2)

    weights: Floats = np.zeros(inputs.shape[1])
    least = loss(weights)
    for _ in range(STEPS):
        moved = inputs @ weights
        chance = 1 / (1 + np.exp(-np.clip(offsets + moved, -30, 30)))
        certain = np.maximum(chance * (1 - chance), TINY)
        target = certain * moved + right - chance
        if kernel is not None:
            # (X'CX + I)^-1 X't without an inverse of the size of the weights.
            root = np.sqrt(certain)
            inner = np.linalg.solve(
                np.eye(len(inputs)) + root[:, None] * kernel * root, target / root
            )
            aim = inputs.T @ (root * inner)
        else:
            precision = inputs.T @ (inputs * certain[:, None]) + np.eye(inputs.shape[1])
            aim = np.linalg.solve(precision, inputs.T @ target)
        step = 1.0  # a whole step of Newton's can go too far where the odds are long
        while (tried := loss(weights + step * (aim - weights))) > least and step > SHORTEST:
            step /= 2
        if tried >= least - ENOUGH:
            break
        weights, least = weights + step * (aim - weights), tried
    return weights
