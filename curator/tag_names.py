"""The tag that a person means: by its name, an alias, a former name, or as it is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Protocol

from curator.errors import NotFoundError, UsageError
from curator.filters import Filters
from curator.taxonomy import Taxonomy
from curator.text import clean
from curator.where import And, Expr, Leaf, Not, Or, all_of, any_of, not_, parse_where

__all__ = ["StoredNames", "TagNames", "names_tags", "tag_named"]

NEAR = 5


class StoredNames(Protocol):
    """The tags that papers have (`curator.catalog.tagcounts.TagCounts`)."""

    def has(self, tag: str) -> bool: ...

    def names(self) -> list[str]: ...


def names_tags(filters: Filters) -> bool:
    """Whether a filter says anything of tags."""
    return bool(filters.tags) or any(
        leaf.field == "tag" for leaf in _leaves(filters.where and parse_where(filters.where))
    )


class TagNames:
    """Finds tags by what people call them."""

    def __init__(self, taxonomy: Taxonomy, stored: StoredNames) -> None:
        self._taxonomy = taxonomy
        self._stored = stored

    def meant(self, name: str) -> tuple[str, ...]:
        """The names under which papers have the tag: the taxonomy's, former ones that are still
        stored, and the very name given if another taxonomy stored it.

        Raises:
            NotFoundError: neither the taxonomy nor the library has such a tag.
        """
        typed = name.strip()
        known = typed if typed in self._taxonomy.by_name else self._taxonomy.resolve(typed)
        others = [typed]
        if known is not None:
            others += self._taxonomy.by_name[known].was
        found = [known] if known is not None else []
        found += [other for other in others if other != known and self._stored.has(other)]
        if not found:
            found = [tag for tag in self._stored.names() if tag.casefold() == typed.casefold()]
        if not found:
            raise self._unknown(typed)
        return tuple(dict.fromkeys(found))

    def resolve(self, name: str) -> str:
        """The one name that the tag goes by.

        Raises:
            NotFoundError: neither the taxonomy nor the library has such a tag.
        """
        return self.meant(name)[0]

    def in_filters(self, filters: Filters) -> Filters:
        """The same filters with tags as papers have them.

        Raises:
            NotFoundError: neither the taxonomy nor the library has one of them.
        """
        alternatives = [self.meant(tag) for tag in filters.tags]
        tags = tuple(names[0] for names in alternatives if len(names) == 1)
        parts = [any_of(Leaf("tag", n) for n in names) for names in alternatives if len(names) > 1]
        if filters.where:
            parts.append(_mapped(parse_where(filters.where), self._leaf))
        where = all_of(part for part in parts if part)
        return replace(filters, tags=tags, where=str(where) if where else None)

    def _leaf(self, leaf: Leaf) -> Expr:
        if leaf.field != "tag":
            return leaf
        return any_of(Leaf("tag", name) for name in self.meant(leaf.value)) or leaf

    def _unknown(self, name: str) -> NotFoundError:
        near = self._near(name)
        return NotFoundError(
            f"There is no tag {name!r} in the taxonomy or on any paper.",
            remedy=(f"Near it: {', '.join(near)}. " if near else "")
            + "`curator tags` lists the tags.",
        )

    def _near(self, name: str) -> list[str]:
        """Tags that are written alike, the most alike first; by their own names."""
        writings = {tag.name.casefold(): tag.name for tag in self._taxonomy.tags}
        for tag in self._taxonomy.tags:
            for other in tag.aliases:
                writings.setdefault(other.casefold(), tag.name)
        for stored in self._stored.names():
            writings.setdefault(stored.casefold(), stored)
        wanted = "-".join(name.casefold().split())
        alike = get_close_matches(wanted, writings, n=4 * NEAR, cutoff=0.6)
        if len(wanted) > 2:
            alike += [writing for writing in writings if wanted in writing]
        return list(dict.fromkeys(writings[writing] for writing in alike))[:NEAR]


def _leaves(expression: Expr | str | None) -> Sequence[Leaf]:
    match expression:
        case Leaf():
            return [expression]
        case Not(part):
            return _leaves(part)
        case And(parts) | Or(parts):
            return [leaf for part in parts for leaf in _leaves(part)]
    return []


def _mapped(expression: Expr, change: Callable[[Leaf], Expr]) -> Expr:
    match expression:
        case Leaf():
            return change(expression)
        case Not(part):
            return not_(_mapped(part, change))
        case And(parts):
            return all_of(_mapped(part, change) for part in parts) or expression
        case Or(parts):
            return any_of(_mapped(part, change) for part in parts) or expression
    return expression


def tag_named(taxonomy: Taxonomy, text: str, others: Sequence[str] = ()) -> str:
    """The tag that a person means: by name, alias, or the beginning of one name.

    Raises:
        UsageError: none is meant, or more than one.
    """
    wanted = text.strip().lower().replace(" ", "-")
    if exact := taxonomy.resolve(text) or next((n for n in others if n == text.strip()), None):
        return exact
    names = list(dict.fromkeys([*taxonomy.by_name, *others]))
    begun = [name for name in names if wanted and name.startswith(wanted)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise UsageError(f"{text.strip()!r} may mean {', '.join(begun[:8])}.")
    aliases = {alias: tag.name for tag in taxonomy.tags for alias in tag.aliases}
    near = get_close_matches(wanted, [*names, *aliases], 3, 0.6)
    hints = dict.fromkeys(aliases.get(name, name) for name in near)
    raise UsageError(
        f"There is no tag {clean(text.strip())[:60]!r}.",
        remedy=f"Did you mean {' or '.join(hints)}?" if hints else "",
    )
