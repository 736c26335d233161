"""``python -m evals.interest``: how soon a ranking learned from 20 ratings finds what is wanted.

Two systematic reviews: somebody wrote down which of many papers they took in. 20 papers are rated
by that; all others are ranked, and read from the top. How the 20 are drawn:

a  10 wanted and 10 unwanted ones at random;
b  20 at random, drawn again until at least one is wanted and one is not (most often one is);
c1 1 wanted one at random is given; `ask_next` asks for 4, 5, 5 and 5 more;
c0 nothing is given; `ask_next` asks for 10, 5 and 5, of nine tenths of the papers at random. Where
   none of the 20 is wanted, that stands: the ranking then knows only what is not wanted.

And without any rating, from the review's title as what the reader wrote (one ranking, no mean).

Beside it, on the same ratings, scikit-learn's logistic regression on tf-idf, class-balanced, in 12
settings (words, or words and pairs; stop words in or out; C of 0.1, 1 and 10): the one that is
best over a and b **on the very data set that is reported**, which flatters it. For ours, the
`Weighing` of a small grid is chosen on one data set (a and b, half of the seeds) and reported on
the other, both ways round. Both chose the same, which is what is shipped. The method itself, the
grid and `LIKELY` of `ask_next` were chosen with both sets in sight.

Vectors are kept below ``--work``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.embedding import embedding_text, open_embedder
from curator.embedding.kept import KeptVectors
from curator.interest import ask_next, learn
from curator.interest.space import DEFAULT, Weighing
from curator.interest.words import word_counts
from curator.paper import Paper
from curator.settings import load_settings
from evals.suites.base import read_rows

__all__ = ["Plain", "Ranker", "Review", "draws", "load", "main", "ours", "read_until"]

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Ranker = Callable[["Review", Places], Floats]

DATA = Path(__file__).parents[2] / "shared" / "data"
WRITTEN = {
    "Kitchenham_2010": "Systematic literature reviews in software engineering",
    "Nagtegaal_2019": "Nudging healthcare professionals towards evidence-based medicine",
}
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
FOUND = 0.95
GRID = [
    Weighing(*values) for values in product((1.0, 2.0, 4.0), (10.0, 20.0, 40.0), (0.0, 1.0, 2.0))
]
PLAIN = list(product((1, 2), (None, "english"), (0.1, 1.0, 10.0)))
WAYS = ("a", "b", "c1", "c0")


@dataclass(frozen=True)
class Review:
    """Papers, which of them are wanted, their vectors of shape (papers, dimensions), and that of
    what the review is about."""

    name: str
    papers: list[Paper]
    wanted: NDArray[np.bool_]
    rows: NDArray[np.float32]
    written: NDArray[np.float32] | None = None

    def vectors(self, papers: Sequence[Paper]) -> Mapping[str, NDArray[np.float32]]:
        """The vectors by the ids of papers, which end in their place in the file."""
        return {paper.id: self.rows[int(paper.id.rpartition(":")[2])] for paper in papers}

    def part(self, places: Places) -> Review:
        """Only these papers. The vectors stay, since they are found by ids."""
        papers = [self.papers[place] for place in places]
        return Review(self.name, papers, self.wanted[places], self.rows)


def load(file: Path, work: Path) -> Review:
    """Reads a review, and embeds its papers unless that was done before."""
    rows = list(read_rows(file))
    papers = [
        Paper(f"{file.stem}:{place}", row["title"], row["abstract"] or "")
        for place, row in enumerate(rows)
    ]
    texts = [embedding_text(paper) for paper in papers]
    embedder = KeptVectors(lambda: open_embedder(load_settings()), work / f"{file.stem}.npz")
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    for start in range(0, len(order), 64):
        embedder.embed([texts[place] for place in order[start : start + 64]])
    written = embedder.embed([WRITTEN[file.stem]])[0]
    embedder.save()
    wanted = np.array([bool(row["included"]) for row in rows])
    return Review(file.stem, papers, wanted, embedder.embed(texts), written)


# ---------------------------------------------------------------------- the ratings


def draws(review: Review, how: str, seeds: int) -> Iterator[tuple[Review, Places]]:
    """For each seed a review (or a part of one), and the places of what is rated in it."""
    every = np.arange(len(review.papers))
    wanted, unwanted = np.flatnonzero(review.wanted), np.flatnonzero(~review.wanted)
    for seed in range(seeds):
        dice = np.random.default_rng(seed)
        if how == "a":
            drawn = [dice.choice(group, 10, replace=False) for group in (wanted, unwanted)]
            yield review, np.concatenate(drawn)
        elif how == "b":
            rated = dice.choice(every, 20, replace=False)
            while not 0 < review.wanted[rated].sum() < 20:
                rated = dice.choice(every, 20, replace=False)
            yield review, rated
        elif how == "c1":
            yield review, _asked(review, [int(dice.choice(wanted))], (4, 5, 5, 5))
        else:
            kept = np.sort(dice.choice(every, round(0.9 * len(every)), replace=False))
            part = review.part(kept)
            yield part, _asked(part, [], (10, 5, 5))


def _asked(review: Review, rated: list[int], rounds: Sequence[int]) -> Places:
    places = {paper.id: place for place, paper in enumerate(review.papers)}
    for count in rounds:
        liked, disliked = _rated(review, np.array(rated, dtype=np.int64))
        asked = ask_next(review.papers, review.vectors, liked=liked, disliked=disliked, count=count)
        rated = rated + [places[paper.id] for paper in asked]
    return np.array(rated)


def _rated(review: Review, rated: Places) -> tuple[list[Paper], list[Paper]]:
    liked = [review.papers[place] for place in rated if review.wanted[place]]
    return liked, [review.papers[place] for place in rated if not review.wanted[place]]


# ---------------------------------------------------------------------- the rankings


def ours(review: Review, rated: Places, weighing: Weighing = DEFAULT) -> Floats:
    """What a model of this reader gives each paper."""
    liked, disliked = _rated(review, rated)
    known = {paper.id for paper in (*liked, *disliked)}
    others = [paper for paper in review.papers if paper.id not in known]
    interest = learn(liked, disliked, others, review.vectors, weighing=weighing)
    return np.array(interest.log_odds(review.papers))


def _by_title(review: Review, _: Places) -> Floats:
    assert review.written is not None
    text, vector = WRITTEN[review.name], [review.written]
    interest = learn([], [], review.papers, review.vectors, text=text, text_vectors=vector)
    return np.array(interest.log_odds(review.papers))


class Plain:
    """Logistic regression on tf-idf of titles and abstracts."""

    def __init__(self, pairs: int, stop: str | None, strength: float) -> None:
        self._pairs, self._stop, self._strength = pairs, stop, strength
        self._inputs: dict[tuple[str, int], Any] = {}

    def __call__(self, review: Review, rated: Places) -> Floats:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        right = review.wanted[rated]
        if right.all() or not right.any():
            return np.zeros(len(review.papers))  # it cannot be fitted to one class
        key = (review.name, len(review.papers))
        if key not in self._inputs or len(review.papers) < len(review.rows):
            words = TfidfVectorizer(
                ngram_range=(1, self._pairs), sublinear_tf=self._pairs > 1, stop_words=self._stop
            )
            texts = [f"{paper.title} {paper.abstract}" for paper in review.papers]
            self._inputs[key] = words.fit_transform(texts)
        inputs = self._inputs[key]
        model = LogisticRegression(C=self._strength, class_weight="balanced", max_iter=1000)
        odds: Floats = model.fit(inputs[rated], right).decision_function(inputs)
        return odds


def read_until(scores: Floats, wanted: NDArray[np.bool_], rated: Places) -> list[float]:
    """The share of the unrated papers that is read until `FOUND` of the wanted ones among them
    are found, then the share of the wanted ones that is found after each of `SHARES`."""
    # The files have wanted papers first: equal scores must not leave them there.
    rest = np.random.default_rng(0).permutation(np.setdiff1d(np.arange(len(wanted)), rated))
    order = rest[np.argsort(-scores[rest], kind="stable")]
    found = np.cumsum(wanted[order])
    need = ceil(FOUND * int(found[-1]) - 1e-9)
    read = (int(np.searchsorted(found, need)) + 1) / len(rest)
    return [read, *(float(found[max(round(s * len(rest)), 1) - 1] / found[-1]) for s in SHARES)]


# ---------------------------------------------------------------------- what is printed


def measured(drawn: Sequence[tuple[Review, Places]], rank: Ranker) -> Floats:
    """The mean of `read_until` over draws."""
    rows = [read_until(rank(part, rated), part.wanted, rated) for part, rated in drawn]
    return np.asarray(np.mean(rows, axis=0))


Drawn = Mapping[str, list[tuple[Review, Places]]]


def _best(drawn: Drawn, ways: Sequence[Any], seeds: int) -> Any:
    """Of some rankers, the one that reads least in the mean of the draws a and b."""
    both = [drawn["a"][:seeds], drawn["b"][:seeds]]
    return min(ways, key=lambda rank: sum(measured(drawn, rank)[0] for drawn in both))


def _line(name: str, drawn: Sequence[tuple[Review, Places]], rank: Ranker) -> None:
    values = measured(drawn, rank)
    print(f"  {name:<28}" + "".join(f"{value:>8.3f}" for value in values), flush=True)


def main() -> None:
    """Prints a table for each data set and way of drawing, then the time that learning takes."""
    parser = argparse.ArgumentParser(description="Learning what a reader wants from 20 ratings.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path(".evals/interest"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="of drawing")
    parser.add_argument("--quick", action="store_true", help="without choosing a weighing")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    reviews = [load(chosen.data / f"{name}.jsonl", chosen.work) for name in WRITTEN]
    drawn = [
        {
            how: list(draws(review, how, chosen.seeds))
            for how in dict.fromkeys(("a", "b", *chosen.ways))
        }
        for review in reviews
    ]
    plain = [_best(own, [Plain(*setting) for setting in PLAIN], chosen.seeds) for own in drawn]
    grid = [partial(ours, weighing=weighing) for weighing in GRID]
    best = [] if chosen.quick else [_best(own, grid, ceil(chosen.seeds / 2)) for own in drawn]
    for at, (review, own) in enumerate(zip(reviews, drawn, strict=True)):
        print(f"{review.name}: {int(review.wanted.sum())} of {len(review.papers)} papers wanted")
        if best:
            print(f"  chosen on the other: {best[1 - at].keywords['weighing']}")
        print(f"  {'read for 95 %, found after:':<36}" + "".join(f"{s:>8.0%}" for s in SHARES))
        for how in chosen.ways:
            draw = own[how]
            likes = [int(part.wanted[rated].sum()) for part, rated in draw]
            print(f" {how}: wanted among the 20: {min(likes)} to {max(likes)}, "
                  f"mean {statistics.mean(likes):.1f}")  # fmt: skip
            if best:
                _line("ours, held out", draw, best[1 - at])
            _line("ours, as shipped", draw, ours)
            _line("logistic regression, tf-idf", draw, plain[at])
        _line("the title alone", [(review, np.array([], dtype=np.int64))], _by_title)
    _times(reviews[1])


def _times(review: Review) -> None:
    """Milliseconds to learn from 50 ratings of 2,000 papers: medians of five."""
    dice = np.random.default_rng(0)
    rated = [np.flatnonzero(group)[:25] for group in (review.wanted, ~review.wanted)]
    liked, disliked = _rated(review, np.concatenate(rated))
    known = {paper.id for paper in (*liked, *disliked)}
    free = [paper for paper in review.papers if paper.id not in known]
    others = [free[place] for place in dice.permutation(len(free))[:2000]]
    kept = review.vectors([*others, *liked, *disliked])

    def seconds(run: Callable[[], Any]) -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    def cold() -> None:
        word_counts.cache_clear()
        for paper in others:
            word_counts(paper.title, paper.abstract)

    interest = learn(liked, disliked, others, lambda _: kept)
    ways: dict[str, Callable[[], Any]] = {
        "reading the papers' words, once": cold,
        "learning, words read before": lambda: learn(liked, disliked, others, lambda _: kept),
        "scoring": lambda: interest.scores(others),
        "why one paper": lambda: interest.why(others[0]),
        "asking for 10, nothing rated": lambda: ask_next(others, lambda _: kept),
    }
    print(f"{len(others)} unrated papers, 50 ratings, ms")
    for name, run in ways.items():
        print(f"  {name:<36}{statistics.median(seconds(run) for _ in range(5)) * 1000:>8.1f}")


if __name__ == "__main__":
    main()
