"""The closed list of tags: facets, names, descriptions, parents."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from curator.errors import InputError
from curator.prompting import builtin_prompts

__all__ = ["Facet", "Tag", "Taxonomy", "load_taxonomy"]


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
    """One tag; ``parent`` comes along wherever the tag is given."""

    name: str
    facet: str
    description: str
    parent: str | None = None
    excludes: str = ""
    aliases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    cue: str = ""


@dataclass(frozen=True)
class Taxonomy:
    """All tags, in the order of the file. ``hash`` names its content (16 hex digits)."""

    facets: tuple[Facet, ...]
    tags: tuple[Tag, ...]
    hash: str

    @cached_property
    def by_name(self) -> dict[str, Tag]:
        return {tag.name: tag for tag in self.tags}

    def ancestors(self, name: str) -> list[str]:
        """The parents of a tag, nearest first."""
        found: list[str] = []
        parent = self.by_name[name].parent
        while parent:
            found.append(parent)
            parent = self.by_name[parent].parent
        return found

    def resolve(self, name: str) -> str | None:
        """A tag by its name or one of its aliases."""
        wanted = name.strip().lower().replace(" ", "-")
        if wanted in self.by_name:
            return wanted
        return next((tag.name for tag in self.tags if wanted in tag.aliases), None)


def load_taxonomy(path: Path | None = None) -> Taxonomy:
    """Reads a taxonomy file, the built-in one by default.

    Raises:
        InputError: the file cannot be read, or is not a sound taxonomy; all faults are named.
    """
    file = path or builtin_prompts() / "taxonomy.yaml"
    try:
        text = file.read_text("utf-8")
        data = yaml.load(
            text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        )  # ten times as quick
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The taxonomy {str(file)!r} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        raise InputError(f"The taxonomy {str(file)!r} is not YAML: {error}.") from error
    if not isinstance(data, dict) or not isinstance(data.get("tags"), list):
        raise InputError(
            f"The taxonomy {str(file)!r} has no list of tags.",
            remedy="See prompts/taxonomy.yaml for the form.",
        )
    faults: list[str] = []
    facets = tuple(_facet(item, faults) for item in data.get("facets") or [])
    tags = tuple(tag for item in data["tags"] if (tag := _tag(item, faults)) is not None)
    faults += _inconsistencies(facets, tags)
    if faults:
        raise InputError(
            f"The taxonomy {str(file)!r} is not sound: {'; '.join(faults[:8])}.",
            remedy="See prompts/taxonomy.yaml for the form.",
        )
    return Taxonomy(facets, tags, hashlib.sha256(repr((facets, tags)).encode()).hexdigest()[:16])


def _facet(item: Any, faults: list[str]) -> Facet:
    if isinstance(item, str):
        return Facet(item, "")
    if not isinstance(item, dict) or not item.get("name"):
        faults.append(f"a facet has no name: {str(item)[:60]}")
        return Facet("", "")
    return Facet(
        item["name"], item.get("description", ""), item.get("rule", "any"), item.get("fallback")
    )


def _tag(item: Any, faults: list[str]) -> Tag | None:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        faults.append(f"a tag has no name: {str(item)[:60]}")
        return None
    name = item["name"]
    if not item.get("description"):
        faults.append(f"the tag {name!r} has no description")
    return Tag(
        name=name,
        facet=str(item.get("facet", "")),
        description=str(item.get("description", "")),
        parent=item.get("parent"),
        excludes=str(item.get("not", "")),
        aliases=tuple(item.get("aliases") or ()),
        examples=tuple(item.get("examples") or ()),
        cue=str(item.get("cue", "")),
    )


def _inconsistencies(facets: tuple[Facet, ...], tags: tuple[Tag, ...]) -> list[str]:
    faults = []
    names = [tag.name for tag in tags]
    parents = {tag.name: tag.parent for tag in tags}
    known_facets = {facet.name for facet in facets}
    if not tags:
        faults.append("there are no tags")
    for name in sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"the tag {name!r} occurs twice")
    for facet in facets:
        if facet.rule not in {"any", "at-least-one", "exactly-one"}:
            faults.append(f"the facet {facet.name!r} has the unknown rule {facet.rule!r}")
        if facet.fallback and facet.fallback not in parents:
            faults.append(f"the facet {facet.name!r} has the unknown fallback {facet.fallback!r}")
    for tag in tags:
        if facets and tag.facet not in known_facets:
            faults.append(f"the tag {tag.name!r} has the unknown facet {tag.facet!r}")
        if tag.parent and tag.parent not in parents:
            faults.append(f"the tag {tag.name!r} has the unknown parent {tag.parent!r}")
        seen, parent = {tag.name}, tag.parent
        while parent and parent in parents:
            if parent in seen:
                faults.append(f"the tag {tag.name!r} is its own ancestor")
                break
            seen.add(parent)
            parent = parents[parent]
    return faults
