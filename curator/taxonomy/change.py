"""What a change of the taxonomy means for the papers that are tagged already.

Tags are matched by name, then by former name (``was``). A tag is *edited* if what decides whether
a paper fits it has changed (`Tag.fingerprint`), *moved* if its parent or facet has. A paper is
decided again for a tag that is new or edited, and only where it has the tag or comes near it;
everything else is settled anew from what is stored (parents, rules of facets), or stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from curator.taxonomy.model import Facet, Tag, Taxonomy

__all__ = ["Affected", "Change", "Near", "affected", "compare"]

# For each of the tags named, the ids of the papers whose score for it is not plainly low.
Near = Callable[[Sequence[str]], Mapping[str, Collection[str]]]

_FIELDS = ("description", "excludes", "aliases", "examples", "counterexamples", "cue")


@dataclass(frozen=True)
class Change:
    """From one taxonomy to another. Names are those of the new one, except ``removed``.

    ``renamed``: new name → old one. ``edited``: → the fields that changed. ``moved``: → what its
    parents were. ``joined``: removed tag → the one that has its name as an alias now.
    ``facets``: those whose rule or fallback changed, or that are new. ``like_renames``: a removed
    tag → an added one with all but the name the same, which nobody called a rename.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    edited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    joined: Mapping[str, str] = field(default_factory=dict)
    facets: tuple[str, ...] = ()
    like_renames: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_none(self) -> bool:
        """Whether nothing that decides about tags changed."""
        return not (
            self.added or self.removed or self.renamed or self.edited or self.moved or self.facets
        )

    @property
    def to_decide(self) -> tuple[str, ...]:
        """Tags that have to be decided again, or for the first time."""
        return (*self.added, *self.edited)


def compare(old: Taxonomy, new: Taxonomy) -> Change:
    """What is different in ``new``."""
    before: dict[str, Tag] = {}
    renamed: dict[str, str] = {}
    for tag in new.tags:
        if tag.name in old.by_name:
            before[tag.name] = old.by_name[tag.name]
            continue
        former = next((n for n in tag.was if n in old.by_name and n not in new.by_name), None)
        if former is not None and former not in renamed.values():
            before[tag.name] = old.by_name[former]
            renamed[tag.name] = former
    added = tuple(tag.name for tag in new.tags if tag.name not in before)
    gone = {tag.name for tag in before.values()}
    removed = tuple(tag.name for tag in old.tags if tag.name not in gone)
    now = {tag.name: name for name, tag in before.items()}
    edited = {
        name: changed
        for name, tag in before.items()
        if (changed := _changed(tag, new.by_name[name]))
    }
    moved = tuple(
        name
        for name, tag in before.items()
        if tag.facet != new.by_name[name].facet
        or [now.get(p, p) for p in old.ancestors(tag.name)] != new.ancestors(name)
    )
    return Change(
        added=added,
        removed=removed,
        renamed=renamed,
        edited=edited,
        moved=moved,
        joined={name: into for name in removed if (into := new.resolve(name)) is not None},
        facets=_changed_facets(old, new, now),
        like_renames=_like_renames(old, new, removed, added),
    )


def _changed(old: Tag, new: Tag) -> tuple[str, ...]:
    if old.fingerprint == new.fingerprint:
        return ()
    return tuple(name for name in _FIELDS if getattr(old, name) != getattr(new, name))


def _changed_facets(old: Taxonomy, new: Taxonomy, now: Mapping[str, str]) -> tuple[str, ...]:
    before = {facet.name: facet for facet in old.facets}

    def differs(facet: Facet) -> bool:
        former = before.get(facet.name)
        if former is None:
            return facet.rule != "any"
        fallback = now.get(former.fallback or "", former.fallback)
        return (former.rule, fallback) != (facet.rule, facet.fallback)

    return tuple(facet.name for facet in new.facets if differs(facet))


def _like_renames(
    old: Taxonomy, new: Taxonomy, removed: Sequence[str], added: Sequence[str]
) -> dict[str, str]:
    by_content = {new.by_name[name].fingerprint: name for name in added}
    pairs = {name: by_content.get(old.by_name[name].fingerprint) for name in removed}
    return {name: like for name, like in pairs.items() if like is not None}


@dataclass(frozen=True)
class Affected:
    """Papers by what a change means for them; the three groups are apart and add up to all that
    were tagged. ``decide``: paper → the tags to be decided again. ``settle``: papers whose tags
    only have to be put in order (removed and moved tags, rules of facets). ``renamed``: how many
    papers keep a tag under its new name; they may be in any group."""

    decide: Mapping[str, frozenset[str]]
    settle: frozenset[str]
    stay: frozenset[str]
    renamed: int = 0

    def counts(self) -> dict[str, int]:
        """How many papers are to be decided again for each tag, most first."""
        counted = Counter(tag for tags in self.decide.values() for tag in tags)
        return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def affected(
    change: Change, new: Taxonomy, stored: Mapping[str, Collection[str]], near: Near
) -> Affected:
    """The papers that a change concerns.

    ``stored`` has every paper that was tagged, with the names of all its stored tags, also of
    those that are only suggested (none is no reason to leave a paper out). ``near`` says which
    papers come near a tag; it is asked about `Change.to_decide` only.
    """
    former = change.renamed
    have: dict[str, set[str]] = {}
    for paper_id, names in stored.items():
        for name in names:
            have.setdefault(name, set()).add(paper_id)
    decide: dict[str, set[str]] = {}
    close = near(change.to_decide) if change.to_decide else {}
    into: dict[str, set[str]] = {}
    for name, target in change.joined.items():
        into.setdefault(target, set()).update(have.get(name, ()))
    for tag in dict.fromkeys((*change.to_decide, *into)):
        papers = have.get(former.get(tag, tag), set()) | into.get(tag, set())
        if tag in change.to_decide:
            papers = papers | (set(close.get(tag, ())) & stored.keys())
        for paper_id in papers:
            decide.setdefault(paper_id, set()).add(tag)
    settle: set[str] = set()
    for tag in (*change.removed, *(former.get(name, name) for name in change.moved)):
        settle |= have.get(tag, set())
    settle |= _against_rules(change, new, stored)
    settle -= decide.keys()
    return Affected(
        decide={paper_id: frozenset(tags) for paper_id, tags in sorted(decide.items())},
        settle=frozenset(settle),
        stay=frozenset(stored.keys() - decide.keys() - settle),
        renamed=len(set().union(*(have.get(name, set()) for name in former.values()))),
    )


def _against_rules(
    change: Change, new: Taxonomy, stored: Mapping[str, Collection[str]]
) -> set[str]:
    """Papers whose stored tags do not obey the rule that a facet has now, or have its fallback."""
    now = {old: name for name, old in change.renamed.items()}
    found: set[str] = set()
    for facet in new.facets:
        if facet.name not in change.facets:
            continue
        own = {tag.name for tag in new.tags if tag.facet == facet.name}
        least = 0 if facet.rule == "any" else 1
        most = 1 if facet.rule == "exactly-one" else len(own)
        for paper_id, names in stored.items():
            given = {now.get(name, name) for name in names} & own
            if not least <= len(given) <= most or facet.fallback in given:
                found.add(paper_id)
    return found
