"""Which papers count: filters, as commands, graphs and programs give them.

The conditions that they stand for, and the language of ``--where``, are those of `curator.where`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from curator.errors import UsageError
from curator.where import Expr, Ids, Leaf, Not, all_of, any_of, parse_where, whole

__all__ = ["Expr", "Filters", "parse_where"]


@dataclass(frozen=True)
class Filters:
    """Which papers count; all that is given has to hold.

    Dates are inclusive ISO days. All ``tags`` are required; of ``categories``, ``venues``,
    ``sources`` and ``paper_ids`` one each. ``author``, and each venue, is a part of the folded
    text. ``unread`` and ``liked`` ask for papers with no mark of being read, and with one of being
    liked. ``where`` is a condition as text, which is parsed, put in its normal form
    (with days instead of ``2w``) and so kept: all values are plain, for JSON.

    Raises:
        UsageError: ``where`` cannot be read.
    """

    since: str | None = None
    until: str | None = None
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    author: str | None = None
    paper_ids: tuple[str, ...] = ()
    venues: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    unread: bool = False
    liked: bool = False
    where: str | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("tags", "categories", "paper_ids", "venues", "sources"):
            given = getattr(self, name) or ()
            several = (given,) if isinstance(given, str) else given
            put(self, name, tuple(map(whole, several)))
        put(self, "author", self.author and whole(self.author))
        where = self.where and self.where.strip()
        put(self, "where", str(parse_where(where)) if where else None)

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    @property
    def expression(self) -> Expr | None:
        """All of it as one condition; None where every paper passes."""
        parts: list[Expr | None] = [
            Leaf("since", self.since) if self.since else None,
            Leaf("until", self.until) if self.until else None,
            *(Leaf("tag", tag) for tag in self.tags),
            any_of(Leaf("category", name) for name in self.categories),
            Leaf("author", self.author) if self.author else None,
            any_of(Leaf("venue", name) for name in self.venues),
            any_of(Leaf("source", name) for name in self.sources),
            Not(Leaf("mark", "read")) if self.unread else None,
            Leaf("mark", "liked") if self.liked else None,
            Ids(self.paper_ids) if self.paper_ids else None,
            parse_where(self.where) if self.where else None,
        ]
        return all_of(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values of what is given, for the state of a graph."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in given.items() if v}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> Filters:
        """The inverse of `to_dict`.

        Raises:
            UsageError: there is no such filter (a later version made it), or it is broken.
        """
        given = dict(data or {})
        unknown = given.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise UsageError(
                f"There is no filter {', '.join(sorted(map(repr, unknown)))}.",
                remedy="Upgrade paper-curator, or leave it out.",
            )
        return cls(**given)
