"""Columns of the papers in memory, as numpy arrays that are asked for a mask.

A mask has one place for each number of change (`papers.seq`), 0 to ``size - 1``; numbers that no
paper has (any more) are False in all of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Coded", "Lists", "Mask", "Seqs", "Texts", "mask_of"]

Mask = NDArray[np.bool_]
Seqs = NDArray[np.int64]

# So many texts are looked into one by one; so many get their signatures at a time.
_MANY = 5_000
_ROWS = 4_096


def mask_of(seqs: Seqs | NDArray[np.int32] | list[int], size: int) -> Mask:
    """The mask of these numbers."""
    mask = np.zeros(size, np.bool_)
    mask[seqs] = True
    return mask


class Coded:
    """A value of which many papers share each: 4 bytes a paper, and each distinct value once.

    ``keys`` gives, for each of some values, the keys under which `having` finds it.
    """

    def __init__(self, keys: Callable[[list[str]], Iterable[list[str]]] | None = None) -> None:
        self._keys = keys
        self._codes = np.zeros(0, np.int32)  # by number of change; 0 where there is no paper
        self._code_of: dict[str, int] = {}
        self._codes_of_key: dict[str, list[int]] = {}
        self._ordered: list[str] = []
        self._order = np.zeros(0, np.int32)

    def extend(self, seqs: Seqs, lines: str, size: int) -> None:
        """Takes in papers: a value of each, none with a line end, joined by those. ``size`` is the
        new length of masks."""
        values = lines.split("\n") if len(seqs) else []
        known = len(self._code_of)
        new = [value for value in dict.fromkeys(values) if value not in self._code_of]
        self._code_of.update(zip(new, range(known + 1, known + 1 + len(new)), strict=True))
        if self._keys:
            for code, keys in enumerate(self._keys(new), known + 1):
                for key in keys:
                    self._codes_of_key.setdefault(key, []).append(code)
        elif new:
            self._ordered = sorted(self._code_of)
            self._order = _codes(self._code_of, self._ordered)
        codes = np.zeros(size, np.int32)
        codes[: len(self._codes)] = self._codes
        codes[seqs] = _codes(self._code_of, values)
        self._codes = codes

    def between(self, first: str | None, last: str | None) -> Mask:
        """From the first to the last, inclusive; None is without bound. (Only without keys.)"""
        begin = 0 if first is None else bisect_left(self._ordered, first)
        end = len(self._ordered) if last is None else bisect_right(self._ordered, last)
        return self._mask(self._order[begin:end])

    def having(self, key: str) -> Mask:
        return self._mask(self._codes_of_key.get(key, []))

    def _mask(self, codes: Sequence[int] | NDArray[np.int32]) -> Mask:
        table = np.zeros(len(self._code_of) + 1, np.bool_)
        table[codes] = True
        return np.take(table, self._codes)


class Texts:
    """Folded texts in which parts are looked for: their bytes, and 28 bytes a paper.

    From the second question on, each text has a signature: 128 bits, of which every two bytes
    that follow each other set one (a Bloom filter of bigrams). Only texts with all the bits of
    what is looked for are looked into. Where too many have them, all texts are, two bytes at a
    time, which numpy does some three times as fast as ``bytes.find``.
    """

    def __init__(self) -> None:
        self._text = b""  # each text with a line end
        self._starts = np.zeros(1, np.int64)
        self._seqs = np.zeros(0, np.int32)
        self._size = 0
        self._asked = False
        self._signatures = np.zeros((2, 0), np.uint64)
        self._counts = np.zeros(0, np.int64)  # how often each two bytes are there

    def extend(self, seqs: Seqs, lines: str, size: int) -> None:
        """Takes in papers, as `Coded.extend` does."""
        self._size = size
        if len(seqs):
            added = (lines + "\n").encode()
            ends = np.flatnonzero(np.frombuffer(added, np.uint8) == ord("\n"))
            self._starts = np.concatenate([self._starts, ends + len(self._text) + 1])
            self._seqs = np.concatenate([self._seqs, seqs.astype(np.int32)])
            self._text += added
            self._counts = np.zeros(0, np.int64)

    def containing(self, part: str) -> Mask:
        """``part`` has no line end, so it never reaches from one text into the next."""
        if not part or not len(self._seqs):
            return mask_of(self._seqs if not part else [], self._size)
        wanted = part.encode()
        rows = self._like(wanted) if self._asked and len(wanted) > 1 else None
        self._asked = True
        if rows is None or len(rows) > _MANY:
            rows = np.searchsorted(self._starts, self._places(wanted), side="right") - 1
            return mask_of(self._seqs[rows], self._size)
        starts, ends, find = self._starts[rows].tolist(), self._starts[rows + 1], self._text.find
        spans = zip(rows.tolist(), starts, ends.tolist(), strict=True)
        found = [row for row, start, end in spans if find(wanted, start, end) >= 0]
        return mask_of(self._seqs[found], self._size)

    def _like(self, part: bytes) -> Seqs:
        """The texts with all bits of ``part``."""
        if self._signatures.shape[1] < len(self._seqs):
            self._sign()
        low, high = (np.bitwise_or.reduce(bits) for bits in _bits(np.frombuffer(part, np.uint8)))
        having = (self._signatures[0] & low) == low
        having &= (self._signatures[1] & high) == high
        return np.flatnonzero(having)

    def _sign(self) -> None:
        letters, made = np.frombuffer(self._text, np.uint8), [self._signatures]
        for first in range(self._signatures.shape[1], len(self._seqs), _ROWS):
            starts = self._starts[first : first + _ROWS + 1]
            # Of a text's last letter and its line end, and of that and the next text's first, two
            # bits more are set, which costs a look. (An array must not end with a text's start.)
            bits = _bits(np.append(letters[starts[0] : starts[-1]], np.uint8(0)))
            whose = starts[:-1] - starts[0]
            made.append(np.stack([np.bitwise_or.reduceat(half, whose) for half in bits]))
        self._signatures = np.concatenate(made, axis=1)

    def _places(self, part: bytes) -> Seqs:
        """Where ``part`` begins in the text."""
        letters = np.frombuffer(self._text, np.uint8)
        if len(part) < 3:
            return _checked(np.flatnonzero(letters == part[0]), letters, part)
        twos = letters[: len(letters) // 2 * 2].view(np.uint16)
        if not len(self._counts):
            self._counts = np.bincount(twos, minlength=1 << 16)
        found = []
        for first in (0, 1):
            # Wherever it begins, each second of its pairs of bytes is one of ours. The rarest of
            # them leaves the fewest places to look at.
            pairs = np.frombuffer(part[first : first + (len(part) - first) // 2 * 2], np.uint16)
            rarest = int(np.argmin(self._counts[pairs]))
            places = np.flatnonzero(twos == pairs[rarest]) * 2 - first - 2 * rarest
            found.append(_checked(places, letters, part))
        return np.concatenate(found)


class Lists:
    """The papers of each of some numbered things; a paper may be in several: 4 bytes each time."""

    def __init__(self) -> None:
        self._seqs: dict[int, NDArray[np.int32]] = {}

    def extend(self, seqs: Seqs, things: Seqs) -> None:
        """Takes in papers, and the thing that each of them is of."""
        order = np.argsort(things, kind="stable")
        found, starts = np.unique(things[order], return_index=True)
        parts = np.split(seqs[order].astype(np.int32), starts[1:])
        for thing, part in zip(found.tolist(), parts, strict=False):  # no things: one empty part
            known = self._seqs.get(thing)
            self._seqs[thing] = part if known is None else np.concatenate([known, part])

    def of(self, things: Iterable[int], size: int) -> Mask:
        mask = np.zeros(size, np.bool_)
        for thing in things:
            mask[self._seqs.get(thing, [])] = True
        return mask


def _bits(letters: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The bit of each two letters that follow each other, in one of two halves."""
    wide = letters.astype(np.uint16)
    # Multiplicative hashing (Knuth, TAOCP 6.4): the upper bits of odd multiples are well mixed.
    number = (wide[:-1] * np.uint16(40503) + wide[1:] * np.uint16(20021)) >> np.uint16(9)
    bits = np.left_shift(np.uint64(1), (number & 63).astype(np.uint64))
    upper = number > 63
    return np.where(upper, np.uint64(0), bits), np.where(upper, bits, np.uint64(0))


def _checked(places: Seqs, letters: NDArray[np.uint8], part: bytes) -> Seqs:
    """The places where ``part`` really is."""
    places = places[(places >= 0) & (places <= len(letters) - len(part))]
    for n, byte in enumerate(part):
        places = places[letters[places + n] == byte]
    return places


def _codes(code_of: dict[str, int], values: Sequence[str]) -> NDArray[np.int32]:
    return np.fromiter(map(code_of.__getitem__, values), np.int32, len(values))
