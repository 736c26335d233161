"""Phrases that some papers have in common and others have not, as the papers write them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from curator.grounding import stems
from curator.injections import is_injection, stated
from curator.paper import Paper
from curator.text import plain

__all__ = ["Common", "common_phrases", "phrase_keys", "said"]

LONGEST = 3  # words
# So many of the papers have it, and so many more than of the others: of one word, of several.
SHARE = (0.3, 0.2)
TELLING = (0.2, 0.15)
_LONGER = 1.7  # times: what a second word is worth: "dark matter" names more than "matter"
_IN_TITLES = 0.5  # what standing in titles is worth beside standing in texts

_BREAK = re.compile(r"[.,;:!?)\]](?:\s|$)|[(\[]|\s[-–—]\s|\n")
_WORD = re.compile(r"[^\W\d_][\w'’+-]*")
# Words of how papers are written, not of what they are about.
_GENERIC = frozenset(
    stem
    for word in (
        *("result", "problem", "model", "data", "system", "technique", "framework", "analysis"),
        *("algorithm", "performance", "theory", "application", "experiment", "state", "art"),
        *("large", "small", "high", "low", "different", "several", "general", "simple", "first"),
        *("second", "important", "real", "world", "number", "case", "example", "use", "using"),
        *("however", "order", "effect", "property", "process", "structure", "function", "value"),
        *("recent", "recently", "open", "question", "class", "type", "set", "form", "part"),
        *("towards", "toward", "via", "between", "under", "among", "across", "through"),
    )
    for stem in stems(word)
)

Key = tuple[str, ...]


@dataclass(frozen=True)
class Common:
    """A phrase as papers write it; ``papers`` is the share of the papers that have it."""

    text: str
    key: Key
    papers: float


def said(paper: Paper) -> tuple[str, str]:
    """Title and abstract without what gives orders to the program that reads them."""
    title = "" if is_injection(paper.title) else paper.title
    return title, " ".join(span.text for span in stated(paper.abstract))


def phrase_keys(text: str) -> dict[Key, str]:
    """The phrases of a text without stop words inside, by their stems, as first written."""
    found: dict[Key, str] = {}
    for part in _BREAK.split("\n".join(map(plain, text.split("\n")))):
        words = [(word, stems(word)) for word in _WORD.findall(part)]
        for start in range(len(words)):
            key: Key = ()
            for end in range(start, min(start + LONGEST, len(words))):
                word, stemmed = words[end]
                if not stemmed or len(word) < 2:
                    break
                key = (*key, *stemmed)
                written = " ".join(w for w, _ in words[start : end + 1])
                if len(written) > 2:
                    found.setdefault(key, written)
    return found


def common_phrases(
    members: Sequence[Paper], others: Sequence[Iterable[Key]], limit: int = 8
) -> list[Common]:
    """The phrases that most tell ``members`` from ``others`` (the phrases of each), best first.
    Each stands in one of the titles and in two of the texts at least; none is within another."""
    titles: list[dict[Key, str]] = []
    texts: list[dict[Key, str]] = []
    for paper in members:
        title, abstract = said(paper)
        titles.append(phrase_keys(title))
        texts.append(phrase_keys(f"{title}\n{abstract}"))
    inside = Counter(key for text in texts for key in text)
    titled = Counter(key for title in titles for key in title)
    wanted = {key for key in titled if inside[key] > 1}
    outside = Counter(key for keys in others for key in keys if key in wanted)
    scores: dict[Key, float] = {}
    for key in wanted:
        share = inside[key] / len(members)
        gain = share - outside[key] / max(1, len(others))
        several = len(key) > 1
        if share < SHARE[several] or gain < TELLING[several] or _GENERIC.issuperset(key):
            continue
        # What others have as well names less, however many of these have it.
        told = gain * (gain / share) + _IN_TITLES * titled[key] / len(members)
        scores[key] = told * (_LONGER if several else 1.0)
    chosen: list[Key] = []
    for key in sorted(scores, key=lambda key: (-scores[key], key)):
        if len(chosen) == limit:
            break
        if not any(_within(key, other) or _within(other, key) for other in chosen):
            chosen.append(key)
    return [
        Common(_as_written(key, [*titles, *texts]), key, inside[key] / len(members))
        for key in chosen
    ]


def _within(inner: Key, outer: Key) -> bool:
    return any(outer[i : i + len(inner)] == inner for i in range(len(outer) - len(inner) + 1))


def _as_written(key: Key, texts: Sequence[dict[Key, str]]) -> str:
    """The most frequent writing, without capitals that only begin a sentence or title."""
    written = Counter(text[key] for text in texts if key in text)
    lower = Counter(" ".join(map(_lowered, text.split())) for text in written.elements())
    return min(lower, key=lambda text: (-lower[text], text))


def _lowered(word: str) -> str:
    return word if any(c.isupper() for c in word[1:]) else word.lower()
