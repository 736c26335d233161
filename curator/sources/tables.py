"""Tables: CSV and its kin, as reference managers, databases and spreadsheets export them.

Commas, semicolons, tabs or bars part the cells; cells in quotation marks may hold line ends.
The first row that names a column for titles is the head; what stands above it is left out.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TextIO

from curator.cells import unguarded
from curator.errors import InputError
from curator.paper import Entry, Rejected
from curator.sources.fields import (
    Reader,
    checked,
    columns_missing,
    columns_shown,
    normal,
    title_columns,
)
from curator.sources.values import excerpt

__all__ = ["looks_like", "parse"]

MAX_CELL = 200_000  # characters; an abstract has at most 50,000, so this is a missing mark
_MARKS = "\t;,|"
_LONGEST = 1 << 20  # characters of a line
_HEAD_ROWS = 10  # rows within which the head has to come
_TAKEN_BACK = 1_000  # rows with a quotation mark too many whose lines are read once more
_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # as `surrogateescape` reads them
_SEP = re.compile(r"\ufeff?\s*\"?sep=(.)\"?\s*$", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?:,]$|\S\s+\S+\s+\S+\s+\S+\s+\S+\s+\S")  # or more than five words
_MAP = "Name the columns, for example: --map title=COLUMN,abstract=COLUMN."


def looks_like(head: str) -> bool:
    """Whether a file that starts so is a table. Prose with commas is none.

    A row among the first names a column for titles, or at least all rows have one number of
    cells, three or more (or two parted by a tab), and the first reads like names of columns.
    """
    lines = head.lstrip("\ufeff").splitlines(keepends=True)[:400]
    if not lines or lines[0].lstrip()[:1] in {"{", "[", "<", "@", "%"}:
        return False
    if _SEP.match(lines[0]):
        return True
    for mark in _MARKS:
        rows = [row for row in _sample(lines, mark) if any(map(str.strip, row))]
        if any(_is_head(row) for row in rows[:_HEAD_ROWS]):
            return True
        width = len(rows[0]) if rows else 0
        if (
            len(rows) > 1
            and width >= (2 if mark == "\t" else 3)
            and len({name.strip().casefold() for name in rows[0]}) == width
            and all(0 < len(name.strip()) <= 60 for name in rows[0])
            and not any(_SENTENCE.search(name.strip()) for name in rows[0])
            and sum(len(row) == width for row in rows) >= 0.9 * len(rows)
        ):
            return True
    return False


def parse(stream: TextIO, mapping: Mapping[str, str] | None = None) -> Iterator[Entry]:
    """The rows of a table, one by one; ``where`` is like ``row 17``, as a spreadsheet counts.

    ``mapping`` names the columns of our fields, where others are meant than those that are
    known: ``{"title": "Paper Title", "abstract": "Notes"}``. A table may lack abstracts.

    Raises:
        InputError: no row names a column for titles, or one of the mapping. Nothing has been
            yielded by then.
        UsageError: the mapping names a field that is none of ours.
    """
    wanted = checked(mapping)
    rows = _Rows(stream, wanted)
    columns = _head(rows, wanted)
    read = Reader(_resolved(wanted, columns), ours=False)
    for row in rows:
        where = f"row {rows.number}"
        if isinstance(row, str):
            yield Rejected(where, row)
            continue
        while len(row) > len(columns) and not row[-1].strip():
            row.pop()  # spreadsheets fill rows up to their longest
        if not any(cell and not cell.isspace() for cell in row):
            continue
        shown = excerpt(" | ".join(filter(None, map(str.strip, row))))
        if len(row) > len(columns) or len(row) == 1:  # part of a cell that was torn
            marks = f"a cell with a line end or {rows.mark!r} in it has to stand in quotation marks"
            yield Rejected(
                where,
                f"{len(row)} of {len(columns)} cells ({marks}): {shown}",
            )
        elif _NOT_UTF8.search("".join(row)):
            yield Rejected(
                where,
                "has bytes that are not UTF-8 (save the table as “CSV UTF-8”, or convert it: "
                f"iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW): {shown}",
            )
        else:
            yield read(_cells(columns, row), where)


def _cells(columns: list[str], row: list[str]) -> dict[str, str]:
    """A row by its columns; of two columns with one name, the first that is filled."""
    found = dict.fromkeys(columns, "")
    for name, cell in zip(columns, row, strict=False):  # a row that is cut short has less
        if not found[name] and not cell.isspace():
            found[name] = unguarded(cell)
    return found


def _head(rows: _Rows, mapping: Mapping[str, str]) -> list[str]:
    """The names of the columns. Leaves ``rows`` at the first row below."""
    above: list[list[str]] = []
    for row in islice(rows, _HEAD_ROWS):
        names = [name.strip() for name in row] if isinstance(row, list) else []
        while names and not names[-1]:
            names.pop()
        there = _resolved(mapping, names)
        if names and len(there) == len(mapping) and ("title" in mapping or _is_head(names)):
            rows.width = len(names)
            return names
        if names:
            above.append(names)
    if not above:
        raise InputError("It is a table without any row.", remedy=_MAP)
    widest = max(above, key=len)
    lost = [mapping[ours] for ours in mapping if ours not in _resolved(mapping, widest)]
    if lost:
        raise columns_missing(mapping, lost, widest)
    raise InputError(
        "It looks like a table, but none of its columns is called title; its first row is "
        f"{columns_shown(widest)}.",
        remedy=f"{_MAP} A table without a row of names needs one.",
    )


def _resolved(mapping: Mapping[str, str], names: list[str]) -> dict[str, str]:
    """The mapping as the table writes its columns, without those that are not there."""
    known = {normal(name): name for name in reversed(names)}
    found = {
        ours: column if column in names else known.get(normal(column), "")
        for ours, column in mapping.items()
    }
    return {ours: column for ours, column in found.items() if column}


def _is_head(names: Iterable[str]) -> bool:
    cells = [name.strip() for name in names]
    return (
        len([name for name in cells if name]) > 1
        and bool(title_columns(cells))
        and all(len(name) <= 80 for name in cells)
    )


def _sample(lines: list[str], mark: str) -> list[list[str]]:
    """The first rows; the last is left out, since it may be cut."""
    csv.field_size_limit(MAX_CELL)
    found = []
    try:
        for row in islice(csv.reader(lines, delimiter=mark), 60):
            found.append(row)
    except csv.Error:
        pass
    return found if len(found) < 3 else found[:-1]


class _Rows:
    """Rows of a table, or why there is none, with the number a spreadsheet gives them.

    A quotation mark that is never closed makes one cell of all that follows. So where a row of
    several lines cannot be right, only its first line is given up, and the rest is read again.
    """

    def __init__(self, stream: TextIO, mapping: Mapping[str, str]) -> None:
        csv.field_size_limit(MAX_CELL)
        self.number = 0
        self.width = 0  # of the head, once it is known
        self._stream = stream
        self._used: list[str] = []  # lines of the row that is being read
        self._taken_back = 0
        lines = list(islice(iter(self._line, ""), 400))
        lines[:1] = [line.lstrip("\ufeff") for line in lines[:1]]
        if lines and (given := _SEP.match(lines[0])):
            lines, self.mark = lines[1:], given[1]
        else:
            self.mark = _mark(lines, mapping)
        self._again = deque(lines)
        self._reader = csv.reader(self._lines(), delimiter=self.mark)

    def __iter__(self) -> Iterator[list[str] | str]:
        while True:
            self._used.clear()
            self.number += 1
            row: list[str] = []
            try:
                row = next(self._reader)
                sound = self._is_sound(row)
            except StopIteration:
                return
            except csv.Error:
                sound = False
            if sound:
                yield row
                continue
            if len(self._used) > 1 and self._taken_back < _TAKEN_BACK:
                self._taken_back += 1
                self._again.extendleft(reversed(self._used[1:]))
                self._reader = csv.reader(self._lines(), delimiter=self.mark)
            start = excerpt(self._used[0]) if self._used else ""
            yield (
                "a quotation mark is missing or one too many (inside a cell it is written twice), "
                f"or a cell is too long: {start}"
            )

    def _is_sound(self, row: list[str]) -> bool:
        """Whether the row's marks are where they should be, and it has not eaten others."""
        if len(self._used) > 1 and self.width:
            if len(row) < self.width or any(map(str.strip, row[self.width :])):
                return False
        elif '"' not in self._used[0]:
            return True
        try:
            return bool(list(csv.reader(self._used, delimiter=self.mark, strict=True)))
        except csv.Error:
            return False

    def _line(self) -> str:
        return self._stream.readline(_LONGEST)

    def _lines(self) -> Iterator[str]:
        while line := self._again.popleft() if self._again else self._line():
            self._used.append(line)
            yield line


def _mark(lines: list[str], mapping: Mapping[str, str]) -> str:
    """What parts the cells: with it, the head is found, and has the most columns."""

    def fit(mark: str) -> tuple[int, int]:
        rows = _sample(lines, mark)[:_HEAD_ROWS]
        heads = (_is_head(row) or (mapping and _resolved(mapping, row)) for row in rows)
        return sum(map(bool, heads)), max(map(len, rows), default=0)

    return max(_MARKS, key=fit)
