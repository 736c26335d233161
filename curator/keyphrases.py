"""Keyphrases of a paper: phrases of its title and abstract that say what it is about.

Each stands in the paper's text as it is shown. Candidates are runs of words
(`curator.phrase_candidates`); a logistic regression over what stands in and around them
(`curator.phrase_features`) says how likely somebody who indexes papers would choose each; the
weights are in ``curator/fitted/keyphrases.json``, made by ``evals/fit_keyphrases.py`` from the
indexers' terms of Inspec (Hulth 2003). No model, no vectors, and nothing is stored: it takes
some hundredths of a second.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from curator.fitted import FITTED, read_fitted
from curator.phrase_candidates import Candidate, Place, Run, candidates_of, key_of, runs_of
from curator.phrase_features import Features, Words, features_of

if TYPE_CHECKING:
    from curator.paper import Paper

__all__ = ["TOP", "Keyphrase", "PhraseScorer", "keyphrases_of", "pick"]

TOP = 10
# What scores less is seldom worth showing; the first few are shown all the same, since the
# scorer knows little of other languages and of very short texts.
MIN_SCORE = 0.1
ALWAYS = 3
# A phrase within a better one must occur so often without it.
OUTSIDE = 2


@dataclass(frozen=True)
class Keyphrase:
    """``phrase`` stands so in the paper's title or abstract; ``score`` (0 to 1) is how likely
    an indexer would choose it."""

    phrase: str
    score: float


@dataclass(frozen=True)
class PhraseScorer:
    """Weights of features by their names; what has none counts nothing."""

    name: str
    bias: float
    weights: dict[str, float]

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls, file: Path = FITTED / "keyphrases.json") -> PhraseScorer:
        """The scorer in a file of ``evals/fit_keyphrases.py``.

        Raises:
            MissingError: the file is not there, or is not whole.
        """
        kept = read_fitted(file, ("name", "bias", "weights"))
        return cls(kept["name"], kept["bias"], kept["weights"])

    def score(self, features: Features) -> float:
        """The probability that a candidate is chosen."""
        get = self.weights.get
        logit = self.bias + sum(get(name, 0.0) * value for name, value in features.items())
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def keyphrases_of(
    paper: Paper, top: int = TOP, *, scorer: PhraseScorer | None = None, words: Words | None = None
) -> list[Keyphrase]:
    """At most ``top`` keyphrases of a paper, best first; fewer, or none, where its text has no
    more. An acronym and what it stands for are one, shown written out; so are the forms of one
    phrase, shown as the paper mostly writes it.

    Raises:
        MissingError: the fitted numbers are not there.
    """
    scorer, words = scorer or PhraseScorer.load(), words or Words.load()
    runs = runs_of(paper)
    candidates = candidates_of(runs)
    scores = [scorer.score(features) for features in features_of(paper, candidates, words)]
    candidates, scores = _join_acronyms(paper.text, runs, candidates, scores)
    return [
        Keyphrase(_writing(paper.text, candidates[i].places), round(scores[i], 4))
        for rank, i in enumerate(pick(candidates, scores, top))
        if rank < ALWAYS or scores[i] >= MIN_SCORE
    ]


def pick(candidates: Sequence[Candidate], scores: Sequence[float], top: int) -> list[int]:
    """Numbers of the best candidates, best first. Of two of which one is part of the other the
    better is taken; the shorter also where it occurs `OUTSIDE` times or more on its own."""
    taken: list[int] = []
    for i in sorted(range(len(candidates)), key=lambda i: -scores[i]):
        if len(taken) >= top:
            break
        if not any(_same(candidates[i], candidates[j]) for j in taken):
            taken.append(i)
    return taken


def _same(one: Candidate, taken: Candidate) -> bool:
    """Whether a candidate adds too little to one that is taken."""
    short, long = sorted((one, taken), key=lambda candidate: len(candidate.key))
    if not _within(short.key, long.key):
        return False
    return len(short.places) - len(long.places) < OUTSIDE


def _within(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    size = len(short)
    return any(long[i : i + size] == short for i in range(len(long) - size + 1))


def _writing(text: str, places: Sequence[Place]) -> str:
    """The commonest writing; else one within a sentence, then one of the abstract, which have
    capitals only where they belong; else the first."""
    forms = Counter(text[place.start : place.end] for place in places)
    best = max(
        places,
        key=lambda place: (
            forms[text[place.start : place.end]],
            place.run.sentence > 0 and (place.first > 0 or place.run.before != "^"),
            place.run.sentence > 0,
            -place.start,
        ),
    )
    return text[best.start : best.end]


def _join_acronyms(
    text: str, runs: Sequence[Run], candidates: Sequence[Candidate], scores: Sequence[float]
) -> tuple[list[Candidate], list[float]]:
    """Without the acronyms that the text explains; what each stands for has the better score."""
    place_of = {candidate.key: i for i, candidate in enumerate(candidates)}
    joined, gone = list(scores), set()
    for acronym, long in _acronyms(text, runs):
        short_at, long_at = place_of.get(acronym), place_of.get(long)
        if short_at is not None and long_at is not None and short_at != long_at:
            joined[long_at] = max(joined[long_at], joined[short_at])
            gone.add(short_at)
    kept = [i for i in range(len(candidates)) if i not in gone]
    return [candidates[i] for i in kept], [joined[i] for i in kept]


def _acronyms(text: str, runs: Sequence[Run]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Keys of acronyms in brackets, each with that of the words before them whose initials it
    has, in order (as Schwartz and Hearst 2003)."""
    for before, run in pairwise(runs):
        if len(run.tokens) != 1 or run.before != "(" or run.after != ")":
            continue
        token = run.tokens[0]
        written = text[token.start : token.end]
        letters = [c.lower() for c in written if c.isupper()]
        if before.sentence != run.sentence or before.after != "(" or len(letters) < 2:
            continue
        for first in range(len(before.tokens) - 1, max(-1, len(before.tokens) - 9), -1):
            words = before.tokens[first:]
            initials = [part[0] for w in words for part in w.word.split("-") if part]
            content = [w for w in words if not w.joins]
            named = [part[0] for w in content for part in w.word.split("-") if part]
            if letters in (initials, named):
                yield key_of([token]), key_of(words)
                break
