"""The vectors of one collection once more, as a plain matrix on disk.

Chroma answers an unfiltered question in a millisecond or two and a filtered one twenty to forty
times slower, and one process does not see what another has added (FACTS). Here a filter costs
next to nothing, and what others added is seen at once. Row ``n`` is the vector of the text whose
`Paper.seq` is ``n``, so a row never changes once it is written.

Few rows are compared as they are. Of many, each row's signs are compared with the question's
first (one bit for each dimension, about the mean: binary quantisation), and only the rows with
most signs in common as they are. Of the nearest 100 of 100,000 papers that finds .995; of
the nearest 10, all (docs/benchmarks.md).

The files: ``rows.f32`` (capacity x dimensions; holes take no space on disk), ``marks.u32`` (for
each row the generation of the vector index that wrote it, 0 for none), ``signs-N.u8`` and
``mean-N.f32`` (made when there were N rows, and again when there are four times as many). All
can be made again from Chroma's collection, and that from these. They are read as mapped memory,
and written as files: a hole that the full disk has no block for ends a process that maps it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Numbers = NDArray[np.int64]

__all__ = ["Mirror"]

GROW = 4096  # rows that the files grow by, at least
EXACT_BELOW = 4_000  # so few rows are compared as they are
COMPARED = 8_000  # rows that are compared as they are after their signs
MEAN_OF = 20_000  # rows that a mean is taken of
_WIDER = 4  # times as many rows, and the mean is taken anew
_TRIES = 3
_PART = 50_000  # rows whose signs are compared at a time: they stay in the processor's cache


@dataclass(frozen=True)
class _Shape:
    """What ``shape.json`` says. ``centred`` is the N of the names of files."""

    dimensions: int
    centred: int


class Mirror:
    """The matrix in ``folder``. One process writes at a time (the caller holds the writer's
    lock); readers see what was there when they last called `refresh`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: Floats = np.zeros((0, 0), np.float32)
        self.close()

    # ------------------------------------------------------------------ state

    def close(self) -> None:
        self._key: tuple[_Shape, int, int] | None = None
        # As wide as before: a question that is under way puts rows of before and after together.
        self._rows = np.zeros((0, self.dimensions), np.float32)
        self._marks: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._signs: NDArray[np.uint64] = np.zeros((0, 0), np.uint64)
        self._mean: Floats = np.zeros(0, np.float32)

    def refresh(self) -> None:
        """Maps the files as they are now, where they have grown or were made anew."""
        for _ in range(_TRIES):  # a writer may put others in their place while they are opened
            try:
                self._map()
            except (OSError, ValueError, TypeError, ArithmeticError):
                self.close()
            else:
                return

    def _map(self) -> None:
        shape = _Shape(**json.loads((self._folder / "shape.json").read_text("utf-8")))
        files = self._files(shape)
        capacity = min(file.stat().st_size // width for file, width in files)
        # A killed process may have grown only some of them.
        key = (shape, capacity, files[1][0].stat().st_ino)
        mean = np.fromfile(self._mean_file(shape), np.float32)
        if not capacity or len(mean) != shape.dimensions:
            raise ValueError
        if key != self._key:
            rows, marks, signs = self._maps(shape, capacity)
            # As plain arrays: what numpy does for memmaps at each slice costs more than the slice.
            self._rows, self._marks = rows.view(np.ndarray), marks.view(np.ndarray)
            self._signs = signs.view(np.ndarray)
            self._key, self._mean = key, mean

    def _files(self, shape: _Shape) -> list[tuple[Path, int]]:
        """The files of rows, marks and signs, and the bytes of a row in each."""
        return [
            (self._folder / "rows.f32", 4 * shape.dimensions),
            (self._folder / "marks.u32", 4),
            (self._folder / f"signs-{shape.centred}.u8", 8 * _words(shape.dimensions)),
        ]

    def _maps(
        self, shape: _Shape, capacity: int
    ) -> tuple[Floats, NDArray[np.uint32], NDArray[np.uint64]]:
        rows, marks, signs = (file for file, _ in self._files(shape))
        wide = (capacity, shape.dimensions)
        bits = (capacity, _words(shape.dimensions))
        return (
            np.memmap(rows, np.float32, "r", shape=wide),
            np.memmap(marks, np.uint32, "r", shape=(capacity,)),
            np.memmap(signs, np.uint64, "r", shape=bits),
        )

    def __len__(self) -> int:
        return int(np.count_nonzero(self._marks))

    @property
    def dimensions(self) -> int:
        return int(self._rows.shape[1])

    def present(self) -> Numbers:
        """The numbers of the rows that are filled, in order."""
        return np.flatnonzero(self._marks)

    def newer_than(self, generation: int) -> Numbers:
        """The numbers of the rows that were written after a generation."""
        return np.flatnonzero(self._marks > generation)

    # ---------------------------------------------------------------- writing

    def write(self, seqs: Sequence[int], rows: Floats, generation: int) -> None:
        """Stores vectors of shape (seqs, dimensions).

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        if not len(seqs):
            return
        rows = np.asarray(rows, np.float32)
        numbers = np.asarray(seqs, np.int64)
        self._grow(int(numbers.max()) + 1, rows)
        assert self._key is not None
        into, marks, signs = (file for file, _ in self._files(self._key[0]))
        _put(into, numbers, rows)
        _put(signs, numbers, _signs(rows, self._mean))
        # A row is marked only once it is there.
        _put(marks, numbers, np.full((len(numbers), 1), generation, np.uint32))
        shape = self._key[0]
        if len(self) >= _WIDER * shape.centred:
            self._centre(_Shape(shape.dimensions, len(self)))

    def forget(self, seqs: Sequence[int] | Numbers) -> None:
        """Takes rows out."""
        self.refresh()
        numbers = np.asarray(seqs, np.int64)
        numbers = numbers[numbers < len(self._marks)]
        if len(numbers):
            nothing = np.zeros((len(numbers), 1), np.uint32)
            _put(self._folder / "marks.u32", numbers, nothing)

    def drop(self) -> None:
        """Deletes the files."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _grow(self, needed: int, rows: Floats) -> None:
        """Makes room for ``needed`` rows of the width of ``rows``."""
        self.refresh()
        have = len(self._marks)
        if have and self.dimensions == rows.shape[1]:
            if have >= needed:
                return
            assert self._key is not None
            shape = self._key[0]
        else:  # nothing, or nothing of use
            self.drop()
            self._folder.mkdir(parents=True)
            shape = _Shape(rows.shape[1], len(rows))
            rows.mean(axis=0).astype(np.float32).tofile(self._mean_file(shape))
            have = 0
        # Growing by a share of what is there: readers map the files anew at each growth.
        capacity = -(-max(needed, have + have // 4) // GROW) * GROW
        for file, width in self._files(shape):
            file.touch()
            os.truncate(file, capacity * width)
        self._declare(shape)

    def _centre(self, shape: _Shape) -> None:
        """Takes the mean of what is there now, and all signs about it. Readers go on with the
        former ones until they look again."""
        numbers = self.present()
        step = max(1, len(numbers) // MEAN_OF)
        mean = np.asarray(self._rows[numbers[::step]]).mean(axis=0).astype(np.float32)
        file, width = self._files(shape)[2]
        end = int(numbers[-1]) + 1
        with file.open("wb") as signs:
            for start in range(0, end, _PART):
                part = np.asarray(self._rows[start : min(start + _PART, end)])
                signs.write(_signs(part, mean).tobytes())
            signs.truncate(len(self._marks) * width)
            signs.flush()
            os.fsync(signs.fileno())
        mean.tofile(self._mean_file(shape))
        self._declare(shape)
        for old in (*self._folder.glob("signs-*.u8"), *self._folder.glob("mean-*.f32")):
            if old.stem.partition("-")[2] != str(shape.centred):
                old.unlink(missing_ok=True)

    def _mean_file(self, shape: _Shape) -> Path:
        return self._folder / f"mean-{shape.centred}.f32"

    def _declare(self, shape: _Shape) -> None:
        part = self._folder / "shape.json.new"
        part.write_text(json.dumps(shape.__dict__), "utf-8")
        part.replace(self._folder / "shape.json")
        self.refresh()

    # --------------------------------------------------------------- searching

    def search(
        self,
        vector: Floats,
        limit: int,
        allowed: NDArray[np.bool_] | None = None,
        among: Numbers | None = None,
    ) -> tuple[Numbers, Floats]:
        """The nearest rows: numbers and dot products, best first, equals by number.

        ``allowed`` (by number; beyond its end nothing is) or ``among`` (numbers) bound what is
        compared.
        """
        if not len(self._marks) or limit <= 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        numbers = among
        if numbers is None:
            alive = self._marks > 0
            if allowed is not None:
                size = min(len(alive), len(allowed))
                alive = alive[:size] & allowed[:size]
            numbers = np.flatnonzero(alive)
        if len(numbers) > max(EXACT_BELOW, limit):
            numbers = self._likely(vector, numbers, max(COMPARED, 10 * limit))
        scores = np.asarray(self._rows[numbers] @ vector)
        return _best(numbers, scores, limit)

    def with_newer(
        self, found: tuple[Numbers, Floats], vector: Floats, limit: int, generation: int
    ) -> tuple[Numbers, Floats]:
        """The best of what was found elsewhere and of the rows that were written after a
        generation."""
        numbers, scores = found
        more, theirs = self.search(vector, limit, among=self.newer_than(generation))
        fresh = ~np.isin(more, numbers)
        numbers = np.concatenate([numbers, more[fresh]])
        return _best(numbers, np.concatenate([scores, theirs[fresh]]), limit)

    def _likely(self, vector: Floats, numbers: Numbers, count: int) -> Numbers:
        """The rows whose signs are most like the question's."""
        asked = _signs(vector[None], self._mean)[0]
        every = 2 * len(numbers) > len(self._marks)  # then looking at all is quicker
        differ = np.empty(len(self._marks) if every else len(numbers), np.uint16)
        for start in range(0, len(differ), _PART):
            part = slice(start, start + _PART)
            signs = self._signs[part] if every else self._signs[numbers[part]]
            np.bitwise_count(signs ^ asked).sum(axis=1, dtype=np.uint16, out=differ[part])
        if every:
            differ = differ[numbers]
        if count >= len(numbers):
            return numbers
        # Differences are small whole numbers: counting them is quicker than partitioning.
        bound = int(np.searchsorted(np.cumsum(np.bincount(differ)), count))
        return numbers[differ <= bound]

    def has(self, seqs: Numbers) -> NDArray[np.bool_]:
        """Which of the rows are filled."""
        there = np.zeros(len(seqs), np.bool_)
        inside = np.flatnonzero(seqs < len(self._marks))
        there[inside] = self._marks[seqs[inside]] > 0
        return there

    def take(self, seqs: Sequence[int] | Numbers) -> tuple[Floats, NDArray[np.bool_]]:
        """The rows of numbers, of shape (numbers, dimensions), and which of them are filled
        (the others are zeros)."""
        seqs = np.asarray(seqs, np.int64)
        rows = np.zeros((len(seqs), self.dimensions), np.float32)
        there = self.has(seqs)
        rows[there] = self._rows[seqs[there]]
        return rows, there


def _words(dimensions: int) -> int:
    """64-bit words that hold a bit for each dimension."""
    return -(-dimensions // 64)


def _put(file: Path, numbers: Numbers, rows: NDArray[np.generic]) -> None:
    """Writes rows of shape (numbers, width) into a file, and to the disk.

    Raises:
        OSError: the disk is full.
    """
    order = np.argsort(numbers)
    numbers, rows = numbers[order], rows[order]
    starts = np.flatnonzero(np.diff(numbers, prepend=-2) != 1).tolist()  # of rows in a run
    with file.open("r+b") as open_file:
        for start, end in pairwise([*starts, len(rows)]):
            open_file.seek(int(numbers[start]) * rows[0].nbytes)
            open_file.write(rows[start:end].tobytes())
        open_file.flush()
        os.fsync(open_file.fileno())


def _signs(rows: Floats, mean: Floats) -> NDArray[np.uint64]:
    """A bit for each dimension, of shape (rows, words): whether it is above the mean."""
    width = 8 * _words(rows.shape[1])
    packed = np.zeros((len(rows), width), np.uint8)
    bits = np.packbits(rows > mean, axis=1)
    packed[:, : bits.shape[1]] = bits
    return packed.view(np.uint64)


def _best(numbers: Numbers, scores: Floats, limit: int) -> tuple[Numbers, Floats]:
    if len(scores) > limit:
        # All that equal the last one that fits, so that the order of numbers decides.
        bound = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        kept = np.flatnonzero(scores >= bound)
        numbers, scores = numbers[kept], scores[kept]
    order = np.lexsort((numbers, -scores))[:limit]
    return numbers[order], scores[order]
