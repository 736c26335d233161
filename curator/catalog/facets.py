"""Which papers pass a filter, as a mask over their numbers: the hot path of a filtered search.

The answer is that of `curator.catalog.conditions`, from columns in memory. A column is loaded when
a filter first needs it, from an index that holds all of it. Each question begins with one small
query for how far the catalog is, so what another process wrote counts at once: new papers are
added to the columns, and after any other change what it concerns is loaded anew.

Memory, by paper: 4 bytes for days, 4 for categories, 28 and the text itself (some 46 bytes) for
authors, as much for venues, 4 for each source and for each tag that was asked for, and a byte for
each of the up to `KEPT` masks. Distinct days and categories come on top, some 200 bytes each.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from curator.catalog.columns import Coded, Lists, Mask, Seqs, Texts, mask_of
from curator.catalog.conditions import lower, source_ids
from curator.catalog.store import Store
from curator.catalog.values import dumps, loads
from curator.filters import Filters
from curator.text import fold
from curator.where import And, Expr, Ids, Leaf, Not, Or, span_of

__all__ = ["Facets"]

KEPT = 32
MANY_TAGS = 1_000

_STATE = """
SELECT name, value FROM counters WHERE name IN ('seq', 'papers', 'records', 'tags', 'marks')
UNION ALL SELECT 'last_record', max(id) FROM records
UNION ALL SELECT 'last_source', max(id) FROM sources
"""
_PAPERS = "SELECT group_concat(seq), group_concat({column}, char(10)) FROM papers WHERE seq > ?"
# SQLite would rather go by the primary key, from which it has to look up each long row.
_SEQ_OF = "JOIN papers INDEXED BY ix_papers_id_seq ON papers.id = {table}.paper_id"
_SOURCES = (
    "SELECT group_concat(papers.seq), group_concat(records.source_id) FROM records "
    f"{_SEQ_OF.format(table='records')} WHERE records.id > ?"
)
# All of them are read fastest in the order of the index that both tables have by paper.
_ALL_SOURCES = (
    "SELECT group_concat(papers.seq), group_concat(records.source_id) "
    "FROM papers INDEXED BY ix_papers_id_seq "
    "CROSS JOIN records INDEXED BY ix_records_paper_source ON papers.id = records.paper_id"
)
_TAGGED = (
    f"SELECT group_concat(papers.seq) FROM tags {_SEQ_OF.format(table='tags')} "
    "WHERE tags.tag = ? AND NOT tags.needs_review"
)
_MARKED = (
    f"SELECT group_concat(papers.seq) FROM marks {_SEQ_OF.format(table='marks')} "
    "WHERE marks.kind = ?"
)
_NAMED = (
    "SELECT group_concat(seq) FROM papers INDEXED BY ix_papers_id_seq "
    "WHERE id IN (SELECT value FROM json_each(?))"
)
_DAYS = "SELECT group_concat(seq) FROM papers WHERE day BETWEEN ? AND ?"
_FOLDED = {"author": "authors_folded", "venue": "venue_folded"}


class _State(NamedTuple):
    """How far the catalog is: numbers that only grow."""

    seq: int = 0
    papers: int = -1  # changes of papers that were there
    records: int = 0
    tags: int = 0
    marks: int = 0
    last_record: int = 0
    last_source: int = 0


Column = TypeVar("Column", Coded, Texts)
Listed = NDArray[np.int32]


class Facets:
    """Masks for filters. May be asked by several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._state = _State()
        self._masks: OrderedDict[tuple[Filters, str], Mask] = OrderedDict()
        self._columns: dict[str, tuple[int, Coded | Texts]] = {}  # up to which number, and it
        self._questions = 0
        self._days_since: int | None = None  # the question that was the first one about days
        self._present: Mask | None = None
        self._sources: tuple[int, Lists] | None = None  # up to which record
        self._meant: dict[tuple[str, str], list[int]] = {}  # sources, by what was said where
        self._tagged: dict[str, Listed] = {}
        self._marked: dict[str, Listed] = {}

    def mask(self, filters: Filters) -> Mask:
        """Which papers pass: True at the number (``seq``) of each, over 0 to the last number that
        was given. Not to be written to: it is kept for the next time.

        Raises:
            NotFoundError: a filter names a source from which nothing was ever read.
        """
        key = (filters, _folder() if filters.sources or filters.where else "")
        with self._lock, self._store.read() as connection:
            self._follow(_state(connection))
            mask = self._masks.get(key)
            if mask is None:
                self._questions += 1
                expression = filters.expression
                mask = self._of(expression, connection) if expression else self._all(connection)
                mask.flags.writeable = False
                self._masks[key] = mask
                if len(self._masks) > KEPT:
                    self._masks.popitem(last=False)
            else:
                self._masks.move_to_end(key)
            return mask

    def _follow(self, state: _State) -> None:
        """Forgets what is true no more."""
        was, self._state = self._state, state
        if state == was:
            return
        self._masks.clear()
        self._present = None if state.seq != was.seq else self._present
        if state.papers != was.papers:
            self._columns.clear()
            self._days_since = None
            self._present = None
        if (state.papers, state.records) != (was.papers, was.records):
            self._sources = None
        if state.last_source != was.last_source:
            self._meant.clear()
        if (state.papers, state.tags) != (was.papers, was.tags):
            self._tagged.clear()
        if (state.papers, state.marks) != (was.papers, was.marks):
            self._marked.clear()

    # -------------------------------------------------------------- conditions

    def _of(self, expression: Expr, connection: Connection) -> Mask:
        match expression:
            case Leaf(field, value):
                return self._leaf(field, value, connection)
            case Ids(ids):
                return mask_of(_seqs(connection, _NAMED, dumps(ids)), self._size)
            case Not(part):
                return self._all(connection) & ~self._of(part, connection)
            case And(parts):
                mask = self._of(parts[0], connection)
                for part in parts[1:]:
                    np.logical_and(mask, self._of(part, connection), out=mask)
                return mask
            case Or(parts):
                mask = self._of(parts[0], connection)
                for part in parts[1:]:
                    np.logical_or(mask, self._of(part, connection), out=mask)
                return mask

    def _leaf(self, field: str, value: str, connection: Connection) -> Mask:
        """A mask that is the caller's own."""
        match field:
            case "since":
                return self._between(value, None, connection)
            case "until":
                return self._between(None, value, connection)
            case "day":
                return self._between(*span_of(value), connection)
            case "category":
                names = self._column("categories", _categories, connection)
                return names.having(lower(value))
            case "author" | "venue":
                return self._column(_FOLDED[field], Texts, connection).containing(fold(value))
            case "source":
                name = (value, _folder())
                if name not in self._meant:
                    self._meant[name] = source_ids(connection, value)
                return self._read_from(connection).of(self._meant[name], self._size)
            case "tag":
                return self._listed(self._tagged, _TAGGED, value, connection)
            case _:
                return self._listed(self._marked, _MARKED, value, connection)

    # ------------------------------------------------------------------ loading

    @property
    def _size(self) -> int:
        return self._state.seq + 1

    def _all(self, connection: Connection) -> Mask:
        if self._present is None:
            query = "SELECT group_concat(seq) FROM papers WHERE seq > ?"
            self._present = mask_of(_seqs(connection, query, -1), self._size)
        return self._present.copy()

    def _between(self, first: str | None, last: str | None, connection: Connection) -> Mask:
        """Papers of these days, inclusive. A single question, as a command asks it, is answered
        sooner without the column."""
        if self._days_since is None:
            self._days_since = self._questions
        if self._days_since == self._questions:
            # No text comes before the empty one, and none after the last character there is.
            bounds = (first or "", chr(sys.maxunicode) if last is None else last)
            return mask_of(_seqs(connection, _DAYS, *bounds), self._size)
        return self._column("day", Coded, connection).between(first, last)

    def _column(self, name: str, make: Callable[[], Column], connection: Connection) -> Column:
        """A column with all papers in it. None of its values has a line end: neither days nor
        JSON nor folded text do."""
        # One that could not be extended to the end is not kept.
        last, column = self._columns.pop(name, (-1, None))
        column = column or make()
        if last < self._state.seq:
            query = _PAPERS.format(column=name)
            seqs, lines = connection.exec_driver_sql(query, (last,)).one()
            column.extend(_numbers(seqs), lines or "", self._size)
        self._columns[name] = (self._state.seq, column)
        return column  # type: ignore[return-value] # each name has one type

    def _read_from(self, connection: Connection) -> Lists:
        known, self._sources = self._sources, None
        last, lists = known or (0, Lists())
        if last < self._state.last_record:
            run = connection.exec_driver_sql
            row = run(_SOURCES, (last,)).one() if known else run(_ALL_SOURCES).one()
            lists.extend(_numbers(row[0]), _numbers(row[1]))
        self._sources = (self._state.last_record, lists)
        return lists

    def _listed(
        self, kept: dict[str, Listed], query: str, value: str, connection: Connection
    ) -> Mask:
        if value not in kept:
            if len(kept) == MANY_TAGS:
                kept.clear()
            kept[value] = _seqs(connection, query, value).astype(np.int32)
        return mask_of(kept[value], self._size)


def _state(connection: Connection) -> _State:
    return _State(**{name: value or 0 for name, value in connection.exec_driver_sql(_STATE)})


def _seqs(connection: Connection, query: str, *parameters: str | int) -> Seqs:
    return _numbers(connection.exec_driver_sql(query, parameters).scalar())


def _numbers(text: str | None) -> Seqs:
    return np.fromstring(text, np.int64, sep=",") if text else np.zeros(0, np.int64)


def _categories() -> Coded:
    # As one document, which is read some five times as fast as one by one. Escapes in JSON are
    # the same in small letters.
    return Coded(lambda lists: loads(f"[{lower(','.join(lists))}]"))


def _folder() -> str:
    """What a file's name is relative to."""
    try:
        return str(Path.cwd())
    except OSError:
        return ""
