"""What a condition (`curator.where`) means in SQL.

`curator.catalog.facets` gives the same answer from columns in memory, for search; this is for
everything else, and what the other is tested against.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from curator.catalog.blocks import values
from curator.catalog.schema import marks, papers, records, sources, tags
from curator.errors import NotFoundError
from curator.filters import Filters
from curator.text import fold
from curator.where import And, Expr, Ids, Leaf, Not, Or, span_of

__all__ = [
    "absolute",
    "filtered",
    "lower",
    "require_sources",
    "source_ids",
    "sources_meant",
    "where",
]

# Names that are written in JSON as they are.
_UNESCAPED = re.compile(r"[\w.:/ -]+", re.ASCII)


def filtered(query: Select[Any], filters: Filters) -> Select[Any]:
    """A query of papers, with only those that pass."""
    expression = filters.expression
    return query if expression is None else query.where(where(expression))


def where(expression: Expr) -> ColumnElement[bool]:
    """A condition on ``papers``. Nothing in it is ever NULL, so that ``not`` is its complement."""
    match expression:
        case Leaf(field, value):
            return _LEAVES[field](value)
        case Ids(ids):
            return papers.c.id.in_(values(ids))
        case Not(part):
            return not_(where(part))
        case And(parts):
            return and_(true(), *map(where, parts))
        case Or(parts):
            return or_(*map(where, parts))


def _tag(name: str) -> ColumnElement[bool]:
    tagged = select(tags.c.paper_id).where(tags.c.tag == name, ~tags.c.needs_review)
    return papers.c.id.in_(tagged)


def _category(name: str) -> ColumnElement[bool]:
    each = func.json_each(papers.c.categories).table_valued("value")
    one = select(literal(1)).select_from(each).where(func.lower(each.c.value) == lower(name))
    if not _UNESCAPED.fullmatch(name):
        return one.exists()
    # Only where the name is somewhere in the JSON is it looked for in the list: a quarter of the
    # time.
    return and_(func.instr(func.lower(papers.c.categories), f'"{lower(name)}"') > 0, one.exists())


def _part_of(column: ColumnElement[str]) -> Callable[[str], ColumnElement[bool]]:
    return lambda text: func.instr(column, fold(text)) > 0


def _source(name: str) -> ColumnElement[bool]:
    # A NULL among the ids would make `not in` true of nothing.
    read = select(records.c.paper_id).where(
        records.c.paper_id.is_not(None), records.c.source_id.in_(sources_meant(name))
    )
    return papers.c.id.in_(read)


def _mark(kind: str) -> ColumnElement[bool]:
    return papers.c.id.in_(select(marks.c.paper_id).where(marks.c.kind == kind))


_LEAVES: dict[str, Callable[[str], ColumnElement[bool]]] = {
    "since": lambda day: papers.c.day >= day,
    "until": lambda day: papers.c.day <= day,
    "day": lambda days: papers.c.day.between(*span_of(days)),
    "tag": _tag,
    "category": _category,
    "author": _part_of(papers.c.authors_folded),
    "venue": _part_of(papers.c.venue_folded),
    "source": _source,
    "mark": _mark,
}


def lower(text: str) -> str:
    """Small letters where SQLite's ``lower`` makes them: of ASCII only."""
    return text.encode().lower().decode()


# --------------------------------------------------------------------------- sources


def sources_meant(name: str) -> Select[Any]:
    """Ids of the sources that a person means: of this name, or file; else all files of this
    name, in whatever folder; else all that have it in their name, in any case."""
    column = sources.c.name
    whole = column.in_([name, absolute(name)])
    ends = or_(
        *(
            func.substr(column, -len(name) - 1) == mark + name
            for mark in {"/", os.sep, os.altsep}
            if mark
        )
    )
    part = func.instr(func.lower(column), lower(name)) > 0
    ids = select(sources.c.id)
    no_whole = ~select(literal(1)).where(whole).exists()
    no_end = ~select(literal(1)).where(ends).exists()
    return ids.where(or_(whole, and_(no_whole, ends), and_(no_whole, no_end, part)))


def absolute(name: str) -> str:
    """The name that a file's entries are stored under."""
    try:
        return str(Path(os.path.expanduser(name)).absolute())  # noqa: PTH111 - never raises
    except OSError:  # this folder is there no more
        return name


def source_ids(connection: Connection, name: str) -> list[int]:
    """What `sources_meant` gives.

    Raises:
        NotFoundError: nothing was ever read from such a source.
    """
    found = list(connection.execute(sources_meant(name)).scalars())
    if not found:
        raise NotFoundError(
            f"Nothing was ever added from {name!r}.",
            remedy="`curator status --sources` lists the sources.",
        )
    return found


def require_sources(connection: Connection, expression: Expr | None) -> None:
    """Sees to it that each source that a condition names is there.

    Raises:
        NotFoundError: nothing was ever read from one of them.
    """
    for name in _sources_in(expression):
        source_ids(connection, name)


def _sources_in(expression: Expr | None) -> Iterator[str]:
    match expression:
        case Leaf("source", name):
            yield name
        case Not(part):
            yield from _sources_in(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _sources_in(part)
