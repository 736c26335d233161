"""How far a tag's description is to be believed once people have said much.

The log-odds without heads were fitted on AI papers and the built-in taxonomy. On another one they
may be worth less, and heads that start from them would have to unlearn them, tag by tag. So they
are scaled, all alike, by Platt scaling (Platt 1999) on what people said; and the more right
examples a tag has, the more its head starts from the mere share of right tags instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Trust"]

# With so many right examples a description counts half. Tried on gold_tags_dev and on arXiv's
# categories (evals.fit_tags, evals.tag_learning).
HALF = 30
# The priors: slope 1 and shift 0, and so many labels of which so many are right. A single
# correction must not move other tags.
RIDGE, STEPS = 200.0, 30
PSEUDO_RIGHT, PSEUDO_LABELS = 7, 100


class Trust:
    """What log-odds without heads (papers, tags) become, given ``labels`` as of `Heads`."""

    def __init__(self, offsets: Floats, labels: NDArray[np.int8]) -> None:
        import numpy as np

        said = labels >= 0
        right = (labels[said] == 1).astype(float)
        self._slope, self._shift = _platt(offsets[said], right)
        share = (right.sum() + PSEUDO_RIGHT) / (len(right) + PSEUDO_LABELS)
        self._usual = float(np.log(share / (1 - share)))
        self._share = HALF / (HALF + (labels == 1).sum(axis=0))

    def __call__(self, offsets: Floats) -> Floats:
        scaled = self._slope * offsets + self._shift
        mixed: Floats = self._share * scaled + (1 - self._share) * self._usual
        return mixed


def _platt(odds: Floats, right: Floats) -> tuple[float, float]:
    """Slope and shift at their most probable values, near 1 and 0 where little is known."""
    import numpy as np

    inputs = np.stack([odds, np.ones_like(odds)], axis=1)
    start = np.array([1.0, 0.0])
    values = start.copy()
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ values, -30, 30)))
        gradient = inputs.T @ (right - chance) - RIDGE * (values - start)
        curved = inputs.T @ (inputs * (chance * (1 - chance))[:, None]) + RIDGE * np.eye(2)
        step = np.linalg.solve(curved, gradient)
        values = values + step
        if np.abs(step).max() < 1e-6:
            break
    return float(values[0]), float(values[1])
