"""The space that interest is learned in: a paper's vector and its words, about their mean.

A paper is one long row: its embedding, less the background's mean and scaled to length 1; and its
tf-idf words, less their mean, scaled so that on average their square is `Weighing.words`. The
product of two rows is thus a sum of two similarities. Papers without a vector, or without any
word, are in that part where the mean is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curator.errors import InputError
from curator.interest.words import Rows, Vocabulary, word_counts
from curator.paper import Paper

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Row = NDArray[np.floating[Any]]
    Vectors = Callable[[Sequence[Paper]], Mapping[str, NDArray[np.float32]]]

__all__ = ["DEFAULT", "Direction", "Points", "Space", "Weighing", "distinct"]

FEW = 5  # so many papers at the origin are added to the background: the mean of few is no mean
TINY = 1e-9


def distinct(papers: Iterable[Paper]) -> list[Paper]:
    """Each paper once, in the order of their ids, so that nothing depends on the order given."""
    return [paper for _, paper in sorted({paper.id: paper for paper in papers}.items())]


@dataclass(frozen=True)
class Weighing:
    """All that was chosen by measuring: each of two data sets chose these, and the other was then
    ranked with them (`evals.interest`).

    ``words`` is what words count, vectors being 1; ``doubt`` the dislikes after which what is not
    wanted counts half as much as what is; ``spread`` what the part of a score that goes through
    the background's covariance counts, the direct part being 1.
    """

    words: float = 4.0
    doubt: float = 40.0
    spread: float = 2.0


DEFAULT = Weighing()


@dataclass(frozen=True)
class Points:
    """Papers of the space: ``dense`` of shape (papers, dimensions), and words that are not yet
    centred or scaled; ``worded`` (papers,) is 1 where there are words, else 0."""

    dense: Floats
    words: Rows
    worded: Floats

    def __len__(self) -> int:
        return len(self.dense)


@dataclass(frozen=True)
class Direction:
    """A linear function of the space's points."""

    dense: Floats
    words: Floats

    def plus(self, other: Direction, factor: float) -> Direction:
        """This one and ``factor`` times the other."""
        return Direction(self.dense + factor * other.dense, self.words + factor * other.words)


class Space:
    """Made of the papers of a background, in which rare words and the mean are counted."""

    def __init__(
        self, papers: Sequence[Paper], vectors: Vectors, weighing: Weighing = DEFAULT
    ) -> None:
        import numpy as np

        self._vectors = vectors
        counts = [word_counts(paper.title, paper.abstract) for paper in papers]
        self.vocabulary = Vocabulary(counts)
        words = self.vocabulary.background
        raw, known = self._raw(papers, None)
        self.dimensions = raw.shape[1]
        self._mean = raw[known].sum(axis=0) / (known.sum() + FEW)
        self._word_mean = words.transposed_times(np.ones(len(papers))) / (len(papers) + FEW)
        # The mean square of rows of length 1 about their mean.
        self.scale = weighing.words / max(1 - float(self._word_mean @ self._word_mean), 0.1)
        self.background = Points(self._centred(raw, known), words, _worded(words))

    def points(self, papers: Sequence[Paper]) -> Points:
        """Papers that need not be of the background."""
        counts = [word_counts(paper.title, paper.abstract) for paper in papers]
        words = self.vocabulary.rows(counts)
        return Points(self._centred(*self._raw(papers, self.dimensions)), words, _worded(words))

    def written(self, text: str, vectors: Sequence[Row]) -> Points:
        """One point for what a reader wrote: its words, and the mean of its vectors."""
        import numpy as np

        words = self.vocabulary.rows([word_counts("", text)])
        rows = [np.asarray(v, dtype=float) for v in vectors]
        if any(row.shape != (self.dimensions,) for row in rows) and self.dimensions:
            raise _other_embedder()
        rows = [row for row in rows if self.dimensions and np.isfinite(row).all() and row.any()]
        parts = self._centred(np.array(rows), np.ones(len(rows), dtype=bool)) if rows else None
        dense = np.zeros((1, self.dimensions)) if parts is None else parts.mean(axis=0)[None]
        return Points(dense, words, _worded(words))

    def sums(self, points: Points, weights: Floats) -> Direction:
        """The weighted sum of points, of which the products are then taken."""
        words = points.words.transposed_times(weights)
        centre = float(weights @ points.worded)
        return Direction(weights @ points.dense, self.scale * (words - centre * self._word_mean))

    def along(self, points: Points, direction: Direction) -> Floats:
        """How far each point is along a direction, of shape (points,)."""
        centre = float(self._word_mean @ direction.words)
        words = points.words.times(direction.words) - centre * points.worded
        far: Floats = points.dense @ direction.dense + words
        return far

    def spread(self, direction: Direction) -> Direction:
        """The background's covariance times a direction: what goes with it in the background."""
        import numpy as np

        weights = self.along(self.background, direction) / max(len(self.background), 1)
        return self.sums(self.background, np.asarray(weights))

    def compact(self, points: Points) -> Floats:
        """Rows of length 1 at most, of shape (points, some hundreds), for many products."""
        import numpy as np

        words = points.words.sketch(256) * (self.scale**0.5)
        mean = self.background.words.sketch(256).mean(axis=0) * (self.scale**0.5)
        words -= mean * points.worded[:, None]
        rows = np.concatenate([points.dense, words], axis=1)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Floats = rows / np.maximum(lengths, TINY)
        return unit

    def _raw(
        self, papers: Sequence[Paper], dimensions: int | None
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """The vectors as they are, zeros where there is none, and where there is one."""
        import numpy as np

        given = self._vectors(papers) if papers else {}
        there = [place for place, paper in enumerate(papers) if paper.id in given]
        rows = [given[papers[place].id] for place in there]
        shapes = {row.shape for row in rows}
        size = dimensions
        if size is None:
            size = rows[0].shape[-1] if rows else 0
        raw, known = np.zeros((len(papers), size)), np.zeros(len(papers), dtype=bool)
        if rows and size:
            if shapes != {(size,)}:
                raise _other_embedder()
            raw[there] = np.stack(rows)
            known[there] = True
            # A vector of zeros is what some embedders make of an empty text.
            known &= np.isfinite(raw).all(axis=1) & raw.any(axis=1)
            raw[~known] = 0.0
        return raw, known

    def _centred(self, raw: Floats, known: NDArray[np.bool_]) -> Floats:
        import numpy as np

        rows = (raw - self._mean) * known[:, None]
        unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), TINY)
        return unit


def _worded(words: Rows) -> Floats:
    import numpy as np

    return (np.bincount(words.rows, minlength=words.count) > 0).astype(float)


def _other_embedder() -> InputError:
    return InputError(
        "The vectors that interest is learned from differ in length.",
        remedy="They are of different embedders: run `curator index` and try again.",
    )
