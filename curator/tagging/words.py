"""What the words of a paper say about its tags, without any model.

Two things count: whether the paper has a tag's name or one of its other names, as a phrase; and
how many of the words it shares with all that the taxonomy says of the tag, rare words for more.
On 100 labelled papers (gold_tags_dev) the words alone do nearly as well as words and vectors
(docs/benchmarks.md).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

from curator.stemming import stems
from curator.taxonomy import Tag, Taxonomy
from curator.text import plain

__all__ = ["PaperWords", "TagWords", "WordCounts", "paper_words"]

MOST_OFTEN = 3  # a word or phrase that occurs more often than this does not count for more
IN_TITLE = 2.0  # what a word in the title counts, one in the abstract alone being 1


_HASHTAG = re.compile(r"(?<!\w)#\w[\w-]*")  # in a title: what its author wants it to be found by


@dataclass(frozen=True)
class PaperWords:
    """The stems of a title and of each sentence of an abstract, in order."""

    title: tuple[str, ...]
    sentences: tuple[tuple[str, ...], ...]

    @property
    def all(self) -> frozenset[str]:
        return frozenset(self.title).union(*self.sentences)


def paper_words(title: str, sentences: Iterable[str]) -> PaperWords:
    """The stems of a paper's text."""
    return PaperWords(
        tuple(stems(_HASHTAG.sub(" ", plain(title)))),
        tuple(tuple(stems(plain(text))) for text in sentences),
    )


class WordCounts:
    """In how many of some papers each word occurs, for telling rare words from common ones."""

    def __init__(self, papers: Sequence[PaperWords]) -> None:
        self._papers = len(papers)
        self._holding = Counter(word for paper in papers for word in paper.all)

    def rarity(self, word: str) -> float:
        """The inverse document frequency, as a natural logarithm."""
        return log((self._papers + 1) / (self._holding[word] + 0.5))


class TagWords:
    """The words of a taxonomy's tags."""

    def __init__(self, taxonomy: Taxonomy, counts: WordCounts) -> None:
        self._names = [_names(tag) for tag in taxonomy.tags]
        self._weights: dict[str, list[tuple[int, float]]] = {}
        for place, tag in enumerate(taxonomy.tags):
            for word, often in _own_words(tag).items():
                weight = counts.rarity(word) * min(often, MOST_OFTEN)
                self._weights.setdefault(word, []).append((place, weight))

    def shared(self, paper: PaperWords) -> list[float]:
        """For each tag, the weight of the words that it and the paper have in common."""
        found = [0.0] * len(self._names)
        title = set(paper.title)
        for word in paper.all:
            times = IN_TITLE if word in title else 1.0
            for place, weight in self._weights.get(word, ()):
                found[place] += times * weight
        return found

    def named(self, paper: PaperWords) -> tuple[list[float], list[float]]:
        """For each tag: 1 where the title has one of its names, else 0; and how often the
        abstract has them, at most `MOST_OFTEN`."""
        there = paper.all
        in_title, in_abstract = [], []
        for names in self._names:
            possible = [name for name in names if there.issuperset(name)]
            in_title.append(float(any(_count(name, paper.title) for name in possible)))
            often = sum(_count(name, s) for name in possible for s in paper.sentences)
            in_abstract.append(float(min(often, MOST_OFTEN)))
        return in_title, in_abstract

    def count_named(self, sentence: Sequence[str]) -> int:
        """How many tags a sentence (its stems) names."""
        there, words = set(sentence), tuple(sentence)
        return sum(
            any(there.issuperset(name) and _count(name, words) for name in names)
            for names in self._names
        )

    def speaks(self, place: int, sentence: Sequence[str]) -> float:
        """How much one sentence (its stems) says for the tag at ``place``: shared words by
        weight, and the tag's own names above all."""
        words = set(sentence)
        shared = sum(
            weight for word in words for at, weight in self._weights.get(word, ()) if at == place
        )
        named = any(_count(name, tuple(sentence)) for name in self._names[place])
        return shared + (NAMED if named else 0.0)


NAMED = 20.0  # a sentence that names the tag comes before any that does not


def _names(tag: Tag) -> list[tuple[str, ...]]:
    """The names of a tag as stems; none of them is empty."""
    written = (tag.name, *tag.aliases)
    return list(dict.fromkeys(s for name in written if (s := tuple(stems(name.replace("-", " "))))))


def _own_words(tag: Tag) -> Counter[str]:
    texts = (tag.description, *tag.examples, *(a.replace("-", " ") for a in tag.aliases))
    return Counter(word for text in texts for word in stems(text))


def _count(phrase: Sequence[str], words: Sequence[str]) -> int:
    size, wanted = len(phrase), tuple(phrase)
    return sum(tuple(words[i : i + size]) == wanted for i in range(len(words) - size + 1))
