"""What the scorer of keyphrases sees of a candidate: its words, its neighbours, its places.

Whether words are a phrase shows at its ends: before "the support vector machine is" stands an
article, after it a verb. No tagger of parts of speech is needed for that: `Words` has a class
for each of the commonest words of abstracts, found by clustering the words by what stands
before and after them (as Schütze 1995), and in how many of 50,000 abstracts each is. Endings of
words stand for the rest. Where and how often a phrase occurs says whether it matters (Turney
2000; Witten et al. 1999).
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from curator.fitted import FITTED, read_fitted
from curator.phrase_candidates import FUNCTION, Candidate, Place

if TYPE_CHECKING:
    from curator.paper import Paper

__all__ = ["Features", "Words", "features_of"]

Features = dict[str, float]

# A word that is not in the table counts as one of so many abstracts.
UNKNOWN_IN = 2
# Steps of the inverse document frequencies in the table, a nat each so many.
STEPS = 10


@dataclass(frozen=True)
class Words:
    """``classes``: the number of the class of a word; ``rarity``: its inverse document
    frequency in nats, ln(papers / papers with it)."""

    papers: int
    classes: dict[str, int]
    rarity: dict[str, float]

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls, file: Path = FITTED / "words.json") -> Words:
        """The table in a file of ``evals/fit_keyphrases.py``.

        Raises:
            MissingError: the file is not there, or is not whole.
        """
        kept = read_fitted(file, ("papers", "classes"))
        classes: dict[str, int] = {}
        rarity: dict[str, float] = {}
        for number, steps in enumerate(kept["classes"]):
            for step, words in steps.items():
                for word in words.split():
                    classes[word], rarity[word] = number, int(step) / STEPS
        return cls(kept["papers"], classes, rarity)

    def rarity_of(self, word: str) -> float:
        """That of the rarest part of a compound; 0 for words that only join others."""
        if word in FUNCTION:
            return 0.0
        unknown = math.log(self.papers / (1 + UNKNOWN_IN))
        return max((self.rarity.get(part, unknown) for part in _parts(word)), default=0.0)

    def class_of(self, word: str) -> str:
        """A name for the kind of word: itself if it joins others, its class, its ending."""
        if word in FUNCTION:
            return word
        if word in self.classes:
            return f"c{self.classes[word]}"
        if "-" in word:
            return f"-c{self.classes.get(word.rsplit('-', 1)[1], '?')}"
        return "#" if any(c.isdigit() for c in word) else "~" + word[-2:]


def features_of(paper: Paper, candidates: Sequence[Candidate], words: Words) -> list[Features]:
    """For each candidate of a paper, in order, its features by name; about 60 each."""
    alone: Counter[str] = Counter()
    for candidate in candidates:
        if len(candidate.key) == 1:
            alone[candidate.key[0]] = len(candidate.places)
    found = []
    for candidate in candidates:
        features: defaultdict[str, float] = defaultdict(float)
        for place in candidate.places:
            for name in (*_around(place, words), *_written(paper.text, place)):
                features[name] += 1 / len(candidate.places)
        features.update(_whole(candidate, alone, words, len(paper.text)))
        found.append(dict(features))
    return found


def _around(place: Place, words: Words) -> Iterator[str]:
    """Of one place: the kinds of words at its ends, of those beside it, and pairs of them."""
    run, inside = place.run.tokens, [token.word for token in place.tokens]
    before = run[place.first - 1].word if place.first else None
    after = run[place.last + 1].word if place.last + 1 < len(run) else None
    left = f"b{place.run.before}" if before is None else words.class_of(before)
    right = f"a{place.run.after}" if after is None else words.class_of(after)
    first, last = words.class_of(inside[0]), words.class_of(inside[-1])
    yield from (f"p:{left}", f"n:{right}", f"pa:{left}|{first}", f"zn:{last}|{right}")
    if len(inside) == 1:
        yield from (f"1:{first}", f"1p:{first}|{left}", f"1n:{first}|{right}")
    else:
        yield from (f"a:{first}", f"z:{last}", f"ab:{len(inside)}:{first}")
        for one, two in pairwise(inside):
            yield f"m:{words.class_of(one)}|{words.class_of(two)}"
    yield from (f"sa:{inside[0][-3:]}", f"sz:{inside[-1][-3:]}")
    goes_on = [beside is not None and beside not in FUNCTION for beside in (before, after)]
    if goes_on[0]:
        yield f"sp:{str(before)[-3:]}"
    if goes_on[1]:
        yield f"sn:{str(after)[-3:]}"
    more = f"{goes_on[0]:d}{goes_on[1]:d}"
    yield from (f"max:{more}", f"maxn:{more}:{min(len(inside), 4)}")


def _written(text: str, place: Place) -> Iterator[str]:
    """Of one place: capitals, digits, hyphens."""
    raw = text[place.start : place.end]
    if place.run.sentence and place.first and raw[0].isupper():
        yield "Cap"
    if raw.isupper() and len(raw) > 1:
        yield "ALL"
    elif sum(c.isupper() for c in raw) > len(place.tokens):
        yield "Mixed"
    if any(c.isdigit() for c in raw):
        yield "dig"
    if "-" in raw:
        yield f"hyph:{min(len(place.tokens), 3)}"


def _whole(
    candidate: Candidate, alone: Counter[str], words: Words, length: int
) -> Iterator[tuple[str, float]]:
    """Of all places: how long, how early, how often, how rare the words are elsewhere, and how
    often they occur here (``alone``, by their stems)."""
    times, place = len(candidate.places), candidate.places[0]
    count = len(place.tokens)
    share = place.start / max(1, length)
    yield from ((f"n:{count}", 1.0), ("pos", share), ("pos2", share * share))
    yield ("sent", min(place.run.sentence, 8) / 8)
    if place.run.sentence == 0:
        yield from (("title", 1.0), (f"title:{min(count, 4)}", 1.0), ("title+tf", times > 1))
    yield from ((f"tf:{min(times, 4)}", 1.0), ("logtf", math.log(times)))
    yield (f"tfn:{min(times, 4)}:{min(len(candidate.key), 3)}", 1.0)
    rare = [words.rarity_of(token.word) / 5 for token in place.tokens if not token.joins]
    yield from (("idfmean", sum(rare) / len(rare)), ("idfmin", min(rare)), ("idfmax", max(rare)))
    yield ("idflast", rare[-1])
    if len(rare) == 1:
        yield from (("idf1", rare[0]), (f"idf1b:{int(rare[0] * 5)}", 1.0))
    here = [alone[stem] for stem in candidate.key]
    mean = sum(here) / max(1, len(here))
    yield from (("wtf", math.log1p(mean)), ("wtfmax", math.log1p(max(here, default=0))))
    yield from (("wtflast", math.log1p(here[-1])), ("wtfmin", math.log1p(min(here))))
    yield ("short", min(length, 2500) / 2500)
    if len(candidate.key) > 1:
        yield from (("coh", times / max(1, *here)), ("cohmin", times / max(1, min(here))))


def _parts(word: str) -> list[str]:
    return [part for part in re.split(r"[-/'.]", word) if part]
