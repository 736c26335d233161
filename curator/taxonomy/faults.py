"""What is wrong with a taxonomy: all of it, each with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from curator.errors import InputError
from curator.taxonomy.model import RULES, Facet, Tag, folded_name

__all__ = ["LONGEST_NAME", "Fault", "UnsoundTaxonomy", "inconsistencies", "name_fault"]

LONGEST_NAME = 80
_SIGNS = frozenset("-_.+#/&'")
_SHOWN = 20


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong; ``line`` counts from 1."""

    message: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.message} (line {self.line})" if self.line else self.message


class UnsoundTaxonomy(InputError):
    """A file that can be read and is no sound taxonomy; ``faults`` are all that was found."""

    def __init__(self, name: str, faults: Sequence[Fault], remedy: str) -> None:
        self.faults = tuple(faults)
        shown = [str(fault) for fault in faults[:_SHOWN]]
        if len(faults) > _SHOWN:
            shown.append(f"and {len(faults) - _SHOWN} more")
        listed = "\n  - ".join(["", *shown]) if len(shown) > 1 else f" {shown[0]}."
        super().__init__(f"The taxonomy {name!r} is not sound:{listed}", remedy=remedy)


def name_fault(name: str) -> str | None:
    """Why something cannot be the name of a tag; None if it can. Names stand in conditions, in
    lists with commas, in spreadsheets and on command lines."""
    shown = repr(name[:LONGEST_NAME])
    if not name:
        return "a name is empty"
    if len(name) > LONGEST_NAME:
        return f"the name {shown}... has more than {LONGEST_NAME} characters"
    if not name.isprintable():
        return f"the name {shown} has control characters or invisible ones"
    if " " in name:
        return f"the name {shown} has blanks; use hyphens, as in {folded_name(name)!r}"
    bad = sorted({c for c in name if not (c.isalnum() or c in _SIGNS or _is_mark(c))})
    if bad:
        return f"the name {shown} has {' '.join(bad)!r}; letters, digits and {_signs()} can be used"
    if not name[0].isalnum():
        return f"the name {shown} does not begin with a letter or digit"
    return None


def _is_mark(character: str) -> bool:
    """Vowel signs and accents, without which many scripts cannot be written."""
    import unicodedata

    return unicodedata.category(character).startswith("M")


def _signs() -> str:
    return " ".join(sorted(_SIGNS))


def inconsistencies(
    facets: Sequence[Facet],
    tags: Sequence[Tag],
    tag_lines: Sequence[int | None],
    facet_lines: Sequence[int | None],
) -> list[Fault]:
    """Where facets and tags, each sound by itself, contradict each other."""
    return [
        *_of_facets(facets, facet_lines, {tag.name for tag in tags}),
        *_of_tags(facets, tags, tag_lines),
        *_of_names(tags, tag_lines),
    ]


def _of_facets(
    facets: Sequence[Facet], lines: Sequence[int | None], tags: set[str]
) -> Iterator[Fault]:
    counts = Counter(facet.name for facet in facets)
    for facet, line in zip(facets, lines, strict=True):
        if not facet.name:
            continue  # said where it was read
        if counts[facet.name] > 1:
            yield Fault(f"the facet {facet.name!r} occurs twice", line)
        if facet.rule not in RULES:
            known = ", ".join(RULES)
            yield Fault(
                f"the facet {facet.name!r} has the unknown rule {facet.rule!r}; it can be {known}",
                line,
            )
        if facet.fallback and facet.fallback not in tags:
            yield Fault(
                f"the facet {facet.name!r} has the unknown fallback {facet.fallback!r}", line
            )


def _of_tags(
    facets: Sequence[Facet], tags: Sequence[Tag], lines: Sequence[int | None]
) -> Iterator[Fault]:
    known = {facet.name for facet in facets}
    parents: dict[str, str | None] = {tag.name: tag.parent for tag in tags}
    if not tags:
        yield Fault("there are no tags")
    for tag, line in zip(tags, lines, strict=True):
        if facets and tag.facet not in known:
            said = f"the unknown facet {tag.facet!r}" if tag.facet else "no facet"
            yield Fault(f"the tag {tag.name!r} has {said}", line)
        if tag.parent and tag.parent not in parents:
            yield Fault(f"the tag {tag.name!r} has the unknown parent {tag.parent!r}", line)
        elif _is_own_ancestor(tag.name, parents):
            yield Fault(f"the tag {tag.name!r} is its own ancestor", line)


def _is_own_ancestor(name: str, parents: Mapping[str, str | None]) -> bool:
    seen: set[str] = set()
    parent = parents.get(name)
    while parent and parent not in seen:
        if parent == name:
            return True
        seen.add(parent)
        parent = parents.get(parent)
    return False


def _of_names(tags: Sequence[Tag], lines: Sequence[int | None]) -> Iterator[Fault]:
    """Each name, alias and former name means one tag."""
    first: dict[str, tuple[Tag, int | None]] = {}
    for tag, line in zip(tags, lines, strict=True):
        before = first.setdefault(folded_name(tag.name), (tag, line))
        if before[0] is not tag:
            also = f"; first in line {before[1]}" if before[1] else ""
            as_what = "" if before[0].name == tag.name else f" as {before[0].name!r}"
            yield Fault(f"the tag {tag.name!r} occurs twice{as_what}{also}", line)
    owners: dict[str, Tag] = {name: tag for name, (tag, _) in first.items()}
    for tag, line in zip(tags, lines, strict=True):
        for kind, names in (("alias", tag.aliases), ("former name", tag.was)):
            for name in names:
                owner = owners.setdefault(folded_name(name), tag)
                if owner.name == tag.name:
                    continue
                which = "is" if folded_name(owner.name) == folded_name(name) else "belongs to"
                yield Fault(
                    f"{name!r}, {'an' if kind == 'alias' else 'a'} {kind} of the tag {tag.name!r}, "
                    f"{which} the tag {owner.name!r}" + (", too" if which != "is" else ""),
                    line,
                )
