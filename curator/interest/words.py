"""Papers as weighted words: tf-idf over a background, as rows of a sparse matrix.

A word is a stem (`curator.stemming`); numbers and single letters are none. A word's weight in a
paper is (1 + ln count) · idf, rows are scaled to length 1, and the title counts twice (Salton and
Buckley, *Term-weighting approaches in automatic text retrieval*, 1988). A word that the background
does not have is as rare as can be: it counts for the length of the row, and for nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from typing import TYPE_CHECKING, Any, NamedTuple

from curator.stemming import STOP, stem
from curator.text import fold, plain, strip_controls

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Counts", "Rows", "Vocabulary", "as_written", "word_counts"]

IN_TITLE = 2  # what one occurrence in the title counts
SHORTEST, LONGEST = 2, 40  # letters of a word
MOST = 16_384  # papers whose words are kept: reading them is most of the time of learning

_WORD = re.compile(r"[^\W_]+")


class Counts(NamedTuple):
    """The different words of a text in the order in which they are met, their keys (a hash that is
    the same everywhere, so that words are told apart as numbers) and their counts."""

    words: tuple[str, ...]
    keys: NDArray[np.int64]
    counts: Floats


@lru_cache(maxsize=MOST)
def word_counts(title: str, abstract: str) -> Counts:
    """How often each word is in a text."""
    import numpy as np

    found = Counter(_stems(title))
    for word in found:
        found[word] *= IN_TITLE
    found.update(_stems(abstract))
    keys = np.array([_key(word) for word in found], dtype=np.int64)
    return Counts(tuple(found), keys, np.array(list(found.values()), dtype=float))


@lru_cache(maxsize=65_536)
def _key(word: str) -> int:
    hashed = hashlib.blake2b(word.encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "little", signed=True)


def _stems(text: str) -> list[str]:
    # As `curator.stemming.stems`, less its care for numbers, in a quarter of its time.
    return [
        stem(word)
        for word in _WORD.findall(fold(text))
        if word not in STOP and SHORTEST <= len(word) <= LONGEST and not word[0].isdigit()
    ]


def as_written(text: str, wanted: Sequence[str]) -> dict[str, str]:
    """For each of the stems, the first word of the text that has it, as it is written there."""
    found: dict[str, str] = {}
    missing = set(wanted)
    for match in _WORD.finditer(strip_controls(plain(text))):
        if not missing:
            break
        for name in _stems(match.group()):
            if name in missing:
                found[name] = match.group()
                missing.discard(name)
    return found


@dataclass(frozen=True)
class Rows:
    """A sparse matrix of shape (``count``, ``width``): the entries' rows, columns and values."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Floats
    count: int
    width: int

    def times(self, vector: Floats) -> Floats:
        """The product with a vector of shape (width,)."""
        import numpy as np

        weights = self.values * vector[self.columns]
        return np.bincount(self.rows, weights=weights, minlength=self.count).astype(float)

    def transposed_times(self, vector: Floats) -> Floats:
        """The transposed matrix's product with a vector of shape (count,)."""
        import numpy as np

        weights = self.values * vector[self.rows]
        return np.bincount(self.columns, weights=weights, minlength=self.width).astype(float)

    def sketch(self, size: int) -> Floats:
        """Dense rows of shape (count, size) whose products are about those of these (a count
        sketch: Charikar, Chen and Farach-Colton, 2002, with fixed signs and places)."""
        import numpy as np

        dice = np.random.default_rng(0)
        places = dice.integers(0, size, self.width)
        signs = dice.choice((-1.0, 1.0), self.width)
        made = np.bincount(
            self.rows * size + places[self.columns],
            weights=self.values * signs[self.columns],
            minlength=self.count * size,
        )
        return made.reshape(self.count, size).astype(float)


class Vocabulary:
    """The words of a background, and how rare each is in it. ``background`` are its rows."""

    def __init__(self, texts: Sequence[Counts]) -> None:
        import numpy as np

        keys = _joined([text.keys for text in texts]).astype(np.int64)
        self._keys, columns, holding = np.unique(keys, return_inverse=True, return_counts=True)
        known = np.log((1 + len(texts)) / (1 + holding)) + 1
        self._rarity = np.append(known, log(1 + len(texts)) + 1)  # the last is of unknown words
        self.background = self._rows(texts, columns)

    def rows(self, texts: Sequence[Counts]) -> Rows:
        """One row for each text, of length 1 (one without words is empty)."""
        import numpy as np

        keys = _joined([text.keys for text in texts]).astype(np.int64)
        return self._rows(texts, np.where(self.has(keys), np.searchsorted(self._keys, keys), -1))

    def has(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the keys are those of words of the background."""
        import numpy as np

        if not len(self._keys):
            return np.zeros(len(keys), dtype=bool)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.equal(self._keys[places], keys)

    def _rows(self, texts: Sequence[Counts], columns: NDArray[np.int64]) -> Rows:
        import numpy as np

        counts = _joined([text.counts for text in texts])
        rows = np.repeat(np.arange(len(texts)), [len(text.words) for text in texts])
        values = (1 + np.log(counts)) * self._rarity[columns]
        lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=len(texts)))
        values = values / lengths[rows]
        known = columns >= 0
        return Rows(rows[known], columns[known], values[known], len(texts), len(self._keys))


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    import numpy as np

    return np.concatenate(parts) if parts else np.zeros(0)
