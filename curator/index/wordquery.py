"""What a query asks of the word index, in terms of its fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from curator.query import Constraint, ParsedQuery
from curator.sources.names import flipped

__all__ = ["MIDDLE_NAMES", "Asked", "Phrase", "asked", "own_stems", "phrases_of"]

MOST_TERMS = 64  # of a query; the rest of a text that long changes nothing
MIDDLE_NAMES = 2  # that `author:"Donald Knuth"` passes over

# The terms of a text and their places. Places count words that are not indexed.
Tokens = list[tuple[str, int]]
Analyzer = Callable[[str], Tokens]


@dataclass(frozen=True)
class Phrase:
    """Terms in a field, each in its place after the first."""

    field: str
    tokens: Tokens


@dataclass(frozen=True)
class Asked:
    """``ranking``: ``(field, term, weight)``. Of each of ``required`` and ``unwanted`` one phrase
    (or none) has to be there."""

    ranking: list[tuple[str, str, float]]
    required: list[list[Phrase]]
    unwanted: list[list[Phrase]]

    def __bool__(self) -> bool:
        return bool(self.ranking or self.required or self.unwanted)


def asked(
    query: ParsedQuery, weights: Mapping[str, float], stemmed: Analyzer, named: Analyzer
) -> Asked:
    """``stemmed`` analyzes titles and abstracts, ``named`` names of authors; ``weights`` as in
    `LexicalIndex.search`."""
    made = Asked(_ranking(query, weights, stemmed, named), [], [])
    for constraint in query.constraints:
        if phrases := phrases_of(constraint, stemmed, named):
            (made.unwanted if constraint.negative else made.required).append(phrases)
    return made


def _ranking(
    query: ParsedQuery, weights: Mapping[str, float], stemmed: Analyzer, named: Analyzer
) -> list[tuple[str, str, float]]:
    """Each stem in the text, and the word as it was written in authors."""
    words = {place: name for name, place in named(query.text)}
    stems = own_stems(query, stemmed)
    stems |= {stem: weights[stem] for stem in stems if stem in weights}
    names: dict[str, float] = {}
    for stem, place in stemmed(query.text):
        if stem in stems:
            names[words[place]] = min(1.0, stems[stem])
    stems |= {stem: weight for stem, weight in weights.items() if stem not in stems}
    for part in query.constraints:
        if part.field == "author" and not part.negative:
            names |= {name: 1.0 for name, _ in named(part.text)}
    return [
        (field, term, weight)
        for field, terms in (("text", stems), ("authors", names))
        for term, weight in terms.items()
        if weight > 0
    ]


def own_stems(query: ParsedQuery, stemmed: Analyzer) -> dict[str, float]:
    """The stems that a query ranks by, each with the weight that it has if none is given: how
    often the query says it."""
    counts = Counter(stem for stem, _ in stemmed(query.text))
    return {stem: float(count) for stem, count in list(counts.items())[:MOST_TERMS]}


def phrases_of(constraint: Constraint, stemmed: Analyzer, named: Analyzer) -> list[Phrase]:
    """The phrases of which a paper has one, if it has what a constraint names. None where that
    is nothing which is indexed: there is nothing to check then, as with stop words in a phrase.
    """
    if constraint.field == "author":
        return [Phrase("authors", form) for form in _forms(named(flipped(constraint.text)))]
    stems = stemmed(constraint.text)
    if not stems:
        return []
    if constraint.field:
        return [Phrase(constraint.field, stems)]
    names = named(constraint.text)
    return [Phrase("title", stems), Phrase("abstract", stems), Phrase("authors", names)]


def _forms(names: Tokens) -> list[Tokens]:
    """A name as it is, and with middle names before its last word."""
    if len(names) < 2:
        return [names] if names else []
    *given, (family, place) = names
    return [[*given, (family, place + more)] for more in range(MIDDLE_NAMES + 1)]
