"""Terms of very many papers at once: how many papers of each week have each.

A term is a run of words of one title or abstract, without punctuation, mathematics or words that
only join others between them ("chain of thought" may have its "of"), and its forms are one: words
are stems, and a hyphen is a blank. A paper has a term or has it not, however often. All runs of up
to `LONGEST` words that enough papers have are counted, as numbers in arrays; what a paper's
keyphrases are (`curator.keyphrases`) is asked only of the few terms that are news.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curator.phrase_candidates import FUNCTION, INSIDE, Token, key_of
from curator.stemming import STOP
from curator.text import fold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

__all__ = ["FEWEST", "LONGEST", "Term", "Text", "count_terms", "is_generic", "written_as"]

Text = tuple[str, str]  # title and abstract, as stored
Key = tuple[str, ...]

LONGEST = 4  # words
FEWEST = 5  # papers
_MOST_TEXT = 20_000  # characters of a paper: longer than any abstract

# Words that only join others say something in front of a hyphen: "in-context", "few-shot".
_JOINED = "[Ii]n|[Oo](?:n|ff|ut|ver|ne)|[Uu](?:nder|p)|[Ff]ew|[Mm]any|[Aa](?:ll|ny)"
_TOKEN = re.compile(
    rf"(?=[IiOoUuFfMmAa])(?:{_JOINED})(?:[-‐‑–][^\W_]+)+|"
    r"[^\W_]+(?:\.\d+)*|[^\s\w‐‑–-]|_"
)
_NOT_TEXT = re.compile(
    r"\$[^$]{1,200}\$|\\[A-Za-z]+|(?:https?://|www\.)\S+|</?[A-Za-z][^<>]{0,200}>|&#?\w{2,8};"
)
_BREAK = " ; "
_QUANTITY = re.compile(r"\d[\d.]*[^\W\d_]{0,2}")

# Words that nearly any paper may have: by themselves or with each other they are no news.
_GENERIC = frozenset(
    part
    for word in (
        *("large", "language", "model", "foundation", "general", "neural", "network", "deep"),
        *("learning", "training", "trained", "data", "dataset", "task", "system", "framework"),
        *("approach", "method", "methodology", "evaluation", "evaluate", "benchmark", "ability"),
        *("capability", "performance", "result", "new", "novel", "real", "world", "artificial"),
        *("intelligence", "machine", "human", "high", "low", "quality", "llm", "ai", "state"),
        *("art", "application", "research", "problem", "technique", "analysis", "algorithm"),
        *("theory", "experiment", "experimental", "small", "different", "several", "simple"),
        *("first", "second", "third", "important", "number", "case", "example", "use", "used"),
        *("effect", "property", "process", "structure", "function", "value", "recent", "recently"),
        *("open", "question", "class", "type", "set", "form", "part", "extensive", "significant"),
        *(
            "significantly",
            "demonstrate",
            "outperform",
            "existing",
            "previous",
            "code",
            "available",
        ),
        *(
            "publicly",
            "source",
            "github",
            "http",
            "https",
            "www",
            "com",
            "best",
            "better",
            "strong",
        ),
        *("comprehensive", "effective", "effectively", "efficient", "efficiency", "accuracy"),
        *("challenge", "challenging", "complex", "diverse", "key", "insight", "paradigm"),
        *("improve", "improvement", "achieve", "enable", "propose", "introduce", "present", "show"),
        *("study", "paper", "work", "author", "input", "output", "step", "level", "time", "way"),
        *("base", "based", "driven", "aware", "end", "wide", "range", "domain", "specific", "gap"),
        *("multiple", "single", "various", "future", "practical", "potential", "good", "point"),
    )
    for part in key_of([Token(0, len(word), word)])
)


@dataclass(frozen=True)
class Term:
    """``key`` are its stems; ``counts`` how many papers of each week have it; ``texts`` are
    those papers, by their places in what was counted, in order."""

    key: Key
    counts: tuple[int, ...]
    texts: Numbers


def is_generic(key: Key) -> bool:
    """Whether a term is made of words that any paper may have."""
    return all(stem in _GENERIC or stem in INSIDE or stem in STOP for stem in key)


def count_terms(texts: Sequence[Text], weeks: Sequence[int], fewest: int = FEWEST) -> list[Term]:
    """The terms that ``fewest`` papers have or more and that are not generic, in the order of
    their keys; ``weeks`` has the number of each text's week, from 0."""
    import numpy as np

    if not texts:
        return []
    week = np.asarray(weeks, dtype=np.int64)
    many, size = len(texts), int(week.max()) + 1
    keys, stems, edges, papers = _read(texts)
    found: list[Term] = []
    # Each run of words is a number: of its first word, then of that run and its next word.
    at = np.flatnonzero(edges)
    codes, shorter = stems[at], [()]
    for length in range(1, LONGEST + 1):
        once = _distinct(codes * many + papers[at])
        run, paper = once // many, once % many
        starts = np.flatnonzero(np.diff(run, prepend=-1))
        totals = np.diff(starts, append=len(run))
        kept = totals >= fewest
        frequent, starts, totals = run[starts][kept], starts[kept], totals[kept]
        if not len(frequent):
            break
        names = [(*shorter[c // len(keys)], *keys[c % len(keys)]) for c in frequent.tolist()]
        place = np.minimum(np.searchsorted(frequent, codes), len(frequent) - 1)
        inside = frequent[place] == codes
        at, runs = at[inside], place[inside]
        # A run that ends with "of" is no term, but may grow into one.
        ends = np.zeros(len(names), np.bool_)
        ends[runs] = edges[at + length - 1]
        for number in np.flatnonzero(ends).tolist():
            if not is_generic(names[number]):
                own = paper[starts[number] : starts[number] + totals[number]]
                counts = np.bincount(week[own], minlength=size)
                found.append(Term(names[number], tuple(counts.tolist()), own))
        following = at + length
        inside = following < len(stems)
        at, runs, following = at[inside], runs[inside], following[inside]
        inside = stems[following] >= 0
        at, codes = at[inside], runs[inside] * len(keys) + stems[following[inside]]
        shorter = names
    return sorted(found, key=lambda term: term.key)


def written_as(texts: Sequence[Text], key: Key, titles: bool = False) -> str:
    """The term as these texts mostly write it within their abstracts (with ``titles``: anywhere);
    "" if none has it there."""
    forms: Counter[str] = Counter()
    for title, abstract in texts:
        forms.update(_writings(abstract, key))
        if titles:
            forms.update(_writings(title, key))
    if not forms:
        return "" if titles else written_as(texts, key, titles=True)
    # The fewest capitals last: "In Diffusion models" begins many sentences.
    best = min(forms, key=lambda form: (-forms[form], sum(map(str.isupper, form)), form))
    return _uncapitalised(best)


def _distinct(numbers: Numbers) -> Numbers:
    """The different ones, in order: much faster than ``np.unique`` on a million."""
    import numpy as np

    ordered = np.sort(numbers)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=-1))]


def _read(
    texts: Sequence[Text],
) -> tuple[list[Key], Numbers, NDArray[np.bool_], Numbers]:
    """The different stems; for each word of all texts the number of its stem (-1: it ends a
    run), whether a term may begin and end with it, and its text."""
    import numpy as np

    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    every: list[int] = []
    lengths: list[int] = []
    for title, abstract in texts:
        words = _TOKEN.findall(_readable(f"{title}{_BREAK}{abstract}").lower())
        every += map(numbers.__getitem__, words)
        every.append(numbers[";"])
        lengths.append(len(words) + 1)
    places: dict[Key, int] = {}
    stems = np.full(len(numbers), -1, np.int64)
    edges = np.zeros(len(numbers), np.bool_)
    for word, number in numbers.items():
        key, edge = _stemmed(word)
        if key:
            stems[number] = places.setdefault(key, len(places))
            edges[number] = edge
    words_at = np.asarray(every, dtype=np.int64)
    papers = np.repeat(np.arange(len(texts)), lengths)
    return list(places), stems[words_at], edges[words_at], papers


def _readable(text: str) -> str:
    text = text[:_MOST_TEXT]
    if any(mark in text for mark in "$\\<&/"):
        text = _NOT_TEXT.sub(_BREAK, text)
    return text


def _stemmed(word: str) -> tuple[Key, bool]:
    """The stem of a word, and whether a term may begin or end with it. None for what ends a
    run."""
    if not word[0].isalnum():
        return (), False
    folded = word if word.isascii() else fold(word)
    if folded in INSIDE:
        return (folded,), False
    if folded in FUNCTION or _QUANTITY.fullmatch(folded) or not any(map(str.isalpha, folded)):
        return (), False
    if "." in folded:
        return (folded,), True
    key = key_of([Token(0, len(folded), folded)])
    return key, len(folded) > 1


def _writings(text: str, key: Key) -> Iterator[str]:
    shown = _readable(text)
    tokens = [(_stemmed(m.group().lower())[0], *m.span()) for m in _TOKEN.finditer(shown)]
    for first in range(len(tokens)):
        said: Key = ()
        for stems, _, end in tokens[first:]:
            said = (*said, *stems)
            if not stems or said != key[: len(said)]:
                break
            if said == key:
                yield " ".join(shown[tokens[first][1] : end].split())


def _uncapitalised(phrase: str) -> str:
    """As in running text: ``Mobile GUI`` → ``mobile GUI``."""
    return re.sub(
        r"[^\W\d_]+",
        lambda m: m[0] if any(map(str.isupper, m[0][1:])) else m[0].lower(),
        phrase,
    )
