"""What a reader would choose, learned from few ratings in closed form.

The direction from what the reader does not want to what they want (Rocchio, *Relevance feedback in
information retrieval*, 1971), in the space of vectors and words (`curator.interest.space`); and,
for two thirds of the score, where that direction leads through the background's covariance: what
goes along with it in the papers that nobody rated. That finds what is worded otherwise. It is one
step of spreading the ratings over the graph of similarities (Zhou, Bousquet, Lal, Weston and
Schoelkopf, *Learning with local and global consistency*, 2004), and yet linear, so that each word
and each liked paper has its own share of the score. With 20 ratings a logistic regression in the
same space was no better than this (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.interest.space import DEFAULT, Direction, Points, Space, Weighing, distinct
from curator.interest.words import as_written, word_counts
from curator.paper import Paper

if TYPE_CHECKING:
    from curator.interest.space import Floats, Row, Vectors

__all__ = ["Interest", "Why", "learn"]

# Not fitted to anything.
WRITTEN = 2.0  # what a reader wrote counts as so many liked papers
HALF_SURE = 2.0  # liked papers after which a score goes half of the way from .5
STEEP = 2.0  # log-odds of a paper one standard deviation above the mean, when all is sure
TINY = 1e-9


@dataclass(frozen=True)
class Why:
    """What carries a paper's score.

    ``words`` are words of the paper as it writes them, each with how far the log-odds of its score
    would fall without it (its vector left as it is); ``papers`` are ids of liked papers, each with
    its share of the log-odds. All weights are above zero, highest first.
    """

    words: tuple[tuple[str, float], ...] = ()
    papers: tuple[tuple[str, float], ...] = ()


class Interest:
    """What was learned. Made by `learn`."""

    def __init__(
        self,
        space: Space,
        liked: Sequence[Paper],
        points: Points,
        shares: Floats,
        direction: Direction | None,
        parts: tuple[float, float],
    ) -> None:
        self._space, self._liked, self._points = space, list(liked), points
        self._shares, self._direction, self._parts = shares, direction, parts

    @property
    def knows(self) -> bool:
        """Whether there was anything to learn from."""
        return self._direction is not None

    def log_odds(self, papers: Sequence[Paper]) -> list[float]:
        """The scores before they are squeezed between 0 and 1; 0 is the background's mean."""
        if self._direction is None or not papers:
            return [0.0] * len(papers)
        far = self._space.along(self._space.points(papers), self._direction)
        return [float(value) for value in far]

    def scores(self, papers: Sequence[Paper]) -> list[float]:
        """How likely the reader is to choose each paper, from 0 to 1.

        They order papers for one reader, and are no calibrated probabilities. .5 is what is as
        good as the average of the background, or all that there is to say without ratings.
        """
        import numpy as np

        odds = np.clip(np.array(self.log_odds(papers)), -30, 30)
        return [float(value) for value in 1 / (1 + np.exp(-odds))]

    def why(self, paper: Paper, *, words: int = 5, papers: int = 3) -> Why:
        """What carries the paper's score: at most so many words and liked papers."""
        if self._direction is None:
            return Why()
        point = self._space.points([paper])
        return Why(self._words(paper, point, words), self._papers(paper, point, papers))

    def _words(self, paper: Paper, point: Points, most: int) -> tuple[tuple[str, float], ...]:
        """The words without which the score falls most. Without a word the others weigh more, so
        that a word that says little can hold the score down even if the model likes it."""
        import numpy as np

        assert self._direction is not None
        liking = self._direction.words
        values, columns = point.words.values, point.words.columns
        each = values * liking[columns]
        rest = np.sqrt(np.maximum(1 - values**2, TINY))
        falls = each.sum() - (each.sum() - each) / rest
        counts = word_counts(paper.title, paper.abstract)
        known = self._space.vocabulary.has(counts.keys)
        names = [word for word, one in zip(counts.words, known, strict=True) if one]
        order = sorted(range(len(names)), key=lambda at: (-falls[at], names[at]))
        best = {names[at]: float(falls[at]) for at in order[: 2 * most] if falls[at] > TINY}
        written = as_written(f"{paper.title}\n{paper.abstract}", list(best))
        found = [(written[name], fall) for name, fall in best.items() if name in written]
        return tuple(found[:most])

    def _papers(self, paper: Paper, point: Points, most: int) -> tuple[tuple[str, float], ...]:
        """The liked papers' shares. The score is linear in what was liked: they are exact."""
        import numpy as np

        if not self._liked:
            return ()
        own = self._space.sums(point, np.ones(1))
        first, second = self._parts
        both = Direction(first * own.dense, first * own.words)
        both = both.plus(self._space.spread(own), second)
        shares = self._shares * self._space.along(self._points, both)
        order = sorted(range(len(self._liked)), key=lambda at: (-shares[at], self._liked[at].id))
        return tuple(
            (self._liked[at].id, float(shares[at]))
            for at in order
            if shares[at] > TINY and self._liked[at].id != paper.id
        )[:most]


def learn(
    liked: Sequence[Paper],
    disliked: Sequence[Paper],
    others: Sequence[Paper],
    vectors: Vectors,
    *,
    text_vectors: Sequence[Row] = (),
    text: str = "",
    weighing: Weighing = DEFAULT,
) -> Interest:
    """Learns from what a reader rated and wrote.

    Args:
        liked, disliked: what was rated; a paper that is in both teaches nothing.
        others: papers that were not rated, the candidates among them. They say which words are
            rare, what the average paper is, and what goes along with what is liked. Some thousands
            are enough: a thousand take 30 ms, and 300 more the first time that they are read.
        vectors: gives unit vectors by the ids of papers; some may be missing.
        text_vectors: vectors of what the reader wrote, of the same embedder.
        text: what the reader wrote about their work.
        weighing: for measuring.

    The order of papers changes nothing. With neither ratings nor text all scores are .5.

    Raises:
        InputError: vectors differ in length.
    """
    import numpy as np

    both = {paper.id for paper in liked} & {paper.id for paper in disliked}
    wanted = [paper for paper in distinct(liked) if paper.id not in both]
    unwanted = [paper for paper in distinct(disliked) if paper.id not in both]
    space = Space(distinct([*others, *liked, *disliked]), vectors, weighing)
    for_it, against = space.points(wanted), space.points(unwanted)
    written = space.written(text, text_vectors)
    has_text = float(bool(word_counts("", text).words) or bool(written.dense.any()))

    sure = len(wanted) + WRITTEN * has_text
    weight = 1 / sure if sure else 0.0
    direction = space.sums(for_it, np.full(len(wanted), weight))
    direction = direction.plus(space.sums(written, np.ones(1)), weight * WRITTEN * has_text)
    doubt = len(unwanted) / (len(unwanted) + weighing.doubt)
    if unwanted:
        average = space.sums(against, np.full(len(unwanted), 1 / len(unwanted)))
        direction = direction.plus(average, -doubt)
    along = space.spread(direction)
    first, second = _parts(space, direction, along, weighing.spread)
    gain = STEEP * max(sure / (sure + HALF_SURE), doubt)
    if not first or not gain:
        return Interest(space, wanted, for_it, np.zeros(len(wanted)), None, (0.0, 0.0))
    parts = (gain * first, gain * second)
    learned = Direction(parts[0] * direction.dense, parts[0] * direction.words)
    learned = learned.plus(along, parts[1])
    return Interest(space, wanted, for_it, np.full(len(wanted), weight), learned, parts)


def _parts(
    space: Space, direction: Direction, along: Direction, spread: float
) -> tuple[float, float]:
    """What a direction, and where the background leads it, are multiplied with, so that in the
    background their sum has a standard deviation of 1 and each part its share of it; zeros if
    there is no direction."""
    import numpy as np

    near, far = (space.along(space.background, one) for one in (direction, along))
    if not len(near) or np.sqrt(np.mean(near**2)) < TINY:
        return 0.0, 0.0
    first = 1 / float(np.sqrt(np.mean(near**2)))
    second = spread / max(float(np.sqrt(np.mean(far**2))), TINY)
    whole = float(np.sqrt(np.mean((first * near + second * far) ** 2)))
    return first / whole, second / whole
