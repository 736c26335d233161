"""Facets, tags, and the closed list of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property

__all__ = ["RULES", "Facet", "Tag", "Taxonomy", "folded_name", "taxonomy_hash"]

RULES = ("any", "at-least-one", "exactly-one")


@dataclass(frozen=True)
class Facet:
    """A question that tags answer. ``rule`` is ``any``, ``at-least-one`` or ``exactly-one``;
    where it asks for a tag and none is sure, ``fallback`` is given."""

    name: str
    description: str
    rule: str = "any"
    fallback: str | None = None


@dataclass(frozen=True)
class Tag:
    """One tag; ``parent`` comes along wherever the tag is given.

    ``examples`` and ``counterexamples`` are phrases of papers that have it, and of papers that
    look like it and have it not; ``excludes`` says the latter in words. ``was`` are names that
    the tag had before: what is stored under them is this tag's.
    """

    name: str
    facet: str
    description: str
    parent: str | None = None
    excludes: str = ""
    aliases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    cue: str = ""
    counterexamples: tuple[str, ...] = ()
    was: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """Names all in the file that decides whether a paper fits the tag (16 hex digits). Not
        the name: a rename changes nothing. Nor parent and facet: they decide what else a paper
        gets, and that is settled anew from what is known of the tag."""
        deciding = (
            self.description,
            self.excludes,
            self.aliases,
            self.examples,
            self.cue,
            self.counterexamples,
        )
        return hashlib.sha256(repr(deciding).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Taxonomy:
    """All tags, in the order of the file. ``hash`` names its content (16 hex digits)."""

    facets: tuple[Facet, ...]
    tags: tuple[Tag, ...]
    hash: str

    @classmethod
    def of(cls, facets: Iterable[Facet], tags: Iterable[Tag]) -> Taxonomy:
        """With the hash that belongs to it."""
        facets, tags = tuple(facets), tuple(tags)
        return cls(facets, tags, taxonomy_hash(facets, tags))

    @cached_property
    def by_name(self) -> dict[str, Tag]:
        return {tag.name: tag for tag in self.tags}

    @cached_property
    def facet_of(self) -> dict[str, Facet]:
        """The facet of each tag, by the tag's name; tags of no listed facet are left out."""
        known = {facet.name: facet for facet in self.facets}
        return {tag.name: known[tag.facet] for tag in self.tags if tag.facet in known}

    @cached_property
    def _names(self) -> dict[str, str]:
        """Name, alias or former name, folded → name. A name goes before another's alias."""
        found: dict[str, str] = {}
        for tag in self.tags:
            found.setdefault(folded_name(tag.name), tag.name)
        for tag in self.tags:
            for other in (*tag.aliases, *tag.was):
                found.setdefault(folded_name(other), tag.name)
        return found

    def ancestors(self, name: str) -> list[str]:
        """The parents of a tag, nearest first; a tag of another taxonomy has none."""
        found: list[str] = []
        parent = self.by_name[name].parent if name in self.by_name else None
        while parent:
            found.append(parent)
            parent = self.by_name[parent].parent
        return found

    def resolve(self, name: str) -> str | None:
        """A tag by its name, one of its aliases or a former name, in any case, with blanks or
        hyphens."""
        return self._names.get(folded_name(name))


def folded_name(name: str) -> str:
    """As names of tags are compared: ``LLM Agents`` → ``llm-agents``."""
    return "-".join(name.lower().split())


def taxonomy_hash(facets: tuple[Facet, ...], tags: tuple[Tag, ...]) -> str:
    """Names the content of a taxonomy (16 hex digits).

    It is written as ``repr`` wrote it when tags had eight fields, so that taxonomies that use
    no more keep their hashes, and papers that were tagged with them their tags.
    """
    written = f"({_tuple(map(_written, facets))}, {_tuple(map(_written, tags))})"
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def _written(item: Facet | Tag) -> str:
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    values.pop("was", None)  # decides nothing
    if not values.get("counterexamples"):
        values.pop("counterexamples", None)
    return f"{type(item).__name__}({', '.join(f'{k}={v!r}' for k, v in values.items())})"


def _tuple(parts: Iterable[str]) -> str:
    listed = list(parts)
    return f"({listed[0]},)" if len(listed) == 1 else f"({', '.join(listed)})"
