"""Two dimensions of many: papers that are near in meaning are drawn near each other.

t-SNE (van der Maaten and Hinton 2008), begun from the first two principal components and with a
rate of n/12, which keeps the coarse order too (Kobak and Berens, "The art of using t-SNE for
single-cell transcriptomics", 2019). It compares all pairs, so of many papers a sample is laid
out, and the others are put among their nearest neighbours of it. The same vectors give the same
picture: chance has no part but for a seeded sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

__all__ = ["lay_out", "pca", "place_among", "trustworthiness"]

SAMPLE = 2_000  # papers whose pairs are all compared
COMPONENTS = 30
PERPLEXITY = 30.0
STEPS = 400
_EARLY = 100  # steps in which neighbours attract each other more
_EXAGGERATION = 12.0
_SEED = 7
_NEIGHBOURS = 10  # that a later paper is put among
_PART = 2_000  # rows whose similarities are computed at a time

Step = Callable[[int, int], None]


def pca(vectors: Floats, components: int) -> Floats:
    """The first principal components, (n, at most ``components``); signs are fixed, so that the
    picture is not mirrored from one machine to another."""
    centred = vectors - vectors.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    axes = axes[:, np.argsort(-values)[:components]]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(centred @ axes, np.float32)


def lay_out(vectors: Floats, step: Step | None = None, *, sample: int = SAMPLE) -> Floats:
    """Places in the square from -1 to 1, (n, 2), of unit vectors, (n, dimensions). ``step`` is
    told how many steps are done, and of how many."""
    count = len(vectors)
    if count <= sample:
        return _scaled(_tsne(vectors, step or (lambda _done, _of: None)))
    chosen = np.sort(np.random.default_rng(_SEED).choice(count, sample, replace=False))
    places = np.zeros((count, 2), np.float32)
    places[chosen] = _scaled(_tsne(vectors[chosen], step or (lambda _done, _of: None)))
    rest = np.setdiff1d(np.arange(count), chosen)
    places[rest] = place_among(vectors[rest], vectors[chosen], places[chosen])
    return places


def place_among(new: Floats, old: Floats, places: Floats) -> Floats:
    """Where new papers belong, (new, 2), among old ones (old, dimensions) at ``places``
    (old, 2), which stay where they are.

    Each goes to the middle of its nearest neighbours, of those only that lie together: between
    two groups there may be nothing that it has to do with.
    """
    if not len(old):
        return _scaled(pca(new, 2)) if len(new) > 1 else np.zeros((len(new), 2), np.float32)
    found = np.zeros((len(new), 2), np.float32)
    for start in range(0, len(new), _PART):
        near = new[start : start + _PART] @ old.T
        count = min(_NEIGHBOURS, near.shape[1])
        best = np.argsort(-near, axis=1, kind="stable")[:, :count]
        spots = places[best]
        apart = np.linalg.norm(spots[:, :, None] - spots[:, None], axis=-1)
        weights = np.clip(np.take_along_axis(near, best, 1), 0.01, None) ** 4
        # The neighbour with most weight around it is the middle; who lies far from it has none.
        around = (weights[:, None] * np.exp(-((apart / 0.15) ** 2))).sum(axis=2) * weights
        middle = around.argmax(axis=1)
        weights = weights * (apart[np.arange(len(best)), middle] < 0.2)
        found[start : start + _PART] = (spots * weights[:, :, None]).sum(1) / weights.sum(
            1, keepdims=True
        )
    return found + _aside(new, 0.012)


def _aside(vectors: Floats, size: float) -> Floats:
    """A small step, the same for the same vector, so that no paper hides another."""
    numbers = np.abs(vectors[:, :4] * 1e4).astype(np.int64).sum(axis=1)
    angle = (numbers * 2.399963).astype(np.float32)  # the golden angle: evenly around
    far = size * np.sqrt((numbers % 97) / 97 + 0.05).astype(np.float32)
    return np.stack([far * np.cos(angle), far * np.sin(angle)], axis=1)


def trustworthiness(vectors: Floats, places: Floats, neighbours: int = 10) -> float:
    """How far those who are drawn as neighbours are neighbours (Venna and Kaski 2001): 1 is
    best, about one half is chance. Unit vectors, compared by their cosine."""
    count = len(vectors)
    order = np.argsort(np.argsort(-(vectors @ vectors.T), axis=1), axis=1)
    drawn = -np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(drawn, -np.inf)
    near = np.argsort(-drawn, axis=1)[:, :neighbours]
    ranks = np.take_along_axis(order, near, 1)  # 0 is the paper itself
    wrong = np.clip(ranks - neighbours, 0, None).sum()
    return float(1 - wrong * 2 / (count * neighbours * (2 * count - 3 * neighbours - 1)))


# ---------------------------------------------------------------------------------- t-SNE


def _tsne(vectors: Floats, step: Step) -> Floats:
    count = len(vectors)
    if count < 4:
        angle = np.arange(count) * 2 * np.pi / max(1, count)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    reduced = pca(vectors, COMPONENTS)
    wanted = _affinities(reduced, min(PERPLEXITY, (count - 1) / 3))
    places = reduced[:, :2] / max(float(reduced[:, 0].std()), 1e-12) * 1e-4
    moved, gain = np.zeros_like(places), np.ones_like(places)
    rate = max(count / _EXAGGERATION, 50.0)
    for number in range(STEPS):
        early = number < _EARLY
        pull = _gradient(wanted * _EXAGGERATION if early else wanted, places)
        same = np.sign(pull) == np.sign(moved)
        gain = np.clip(np.where(same, gain * 0.8, gain + 0.2), 0.01, None)
        moved = (0.5 if early else 0.8) * moved - rate * gain * pull
        places = places + moved
        places -= places.mean(axis=0)
        if number % 5 == 0:
            step(number, STEPS)
    return places.astype(np.float32)


def _affinities(points: Floats, perplexity: float) -> Floats:
    """How likely each would choose each other as its neighbour, (n, n), both ways, in sum 1.
    The width of each one's view is found by bisection."""
    squares = (points**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0)
    np.fill_diagonal(apart, np.inf)
    apart -= apart.min(axis=1, keepdims=True)  # the nearest counts fully: nothing underflows
    low, high = np.zeros(len(points)), np.full(len(points), np.inf)
    sharp = 1 / np.maximum(np.median(np.where(np.isinf(apart), 0, apart), axis=1), 1e-12)
    finite = np.where(np.isinf(apart), 0, apart)
    for _ in range(50):
        likely = np.exp(-apart * sharp[:, None])
        total = likely.sum(axis=1)
        entropy = np.log(total) + sharp * (finite * likely).sum(axis=1) / total
        if np.abs(entropy - np.log(perplexity)).max() < 1e-4:
            break
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, sharp, low), np.where(wide, high, sharp)
        sharp = np.where(np.isinf(high), sharp * 2, (low + high) / 2)
    likely /= likely.sum(axis=1, keepdims=True)
    both = likely + likely.T
    return np.asarray(both / both.sum(), np.float32)


def _gradient(wanted: Floats, places: Floats) -> Floats:
    squares = (places**2).sum(axis=1)
    near = squares[:, None] + squares
    near -= 2 * places @ places.T
    np.maximum(near, 0, out=near)
    near += 1
    np.reciprocal(near, out=near)
    np.fill_diagonal(near, 0)
    force = near * (-1 / near.sum())
    force += wanted
    force *= near
    pull: Floats = 4 * (force.sum(axis=1)[:, None] * places - force @ places)
    return pull


def _scaled(places: Floats) -> Floats:
    """In the square from -1 to 1, with the same scale both ways."""
    if not len(places):
        return places
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    size = float(np.abs(places - middle).max())
    return np.asarray((places - middle) / (size or 1.0), np.float32)
