"""What is questionable about a sound taxonomy, as `curator taxonomy check` says it.

Tags that mean nearly the same are found by their vectors and by their words; tags that overlap
and tags that are never used by what the library has of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

from curator.grounding import stems
from curator.taxonomy.fit import TagFit
from curator.taxonomy.model import Tag, Taxonomy, folded_name

__all__ = ["LIKE", "Finding", "UsedTags", "lint"]

# Likeness of two tags (`TagFit.likeness`), by bge-small. Of the built-in 60 the two most alike that
# are no parent and child have .80; ten of them said again in other words, with and without
# examples, had .79 to .89 with themselves, 18 of the 20 more than .82. The other two share .60 of
# their words.
LIKE = 0.82
SHARED_WORDS = 0.6  # of the words of the shorter description; .33 at most among the built-in

SHORTEST = 6  # words of a description
LONGEST = 120  # words; embedders cut long texts
LONGEST_CUE = 40  # words

OVERLAP = 0.8  # shared papers of all papers of two tags
OVERLAP_PAPERS = 8  # so many of each are needed to say so
ENOUGH_PAPERS = 100  # tagged papers, before a tag that none of them has counts as never used

_MANY = 12  # more findings of a kind are said as one

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """``kind`` is a word for programs (``near-duplicate``, ``never-used``...); ``tags`` are
    those it is about."""

    level: Level
    kind: str
    message: str
    tags: tuple[str, ...] = ()
    line: int | None = None


@dataclass(frozen=True)
class UsedTags:
    """What a library has of tags: by paper, those that were decided; ``papers`` were tagged."""

    papers: int = 0
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)


def lint(taxonomy: Taxonomy, fit: TagFit | None, used: UsedTags) -> list[Finding]:
    """All that is questionable, in the order in which it matters. Without ``fit`` tags are
    compared by their words alone."""
    return [
        *_alike(taxonomy, fit),
        *_overlapping(taxonomy, used),
        *_never_used(taxonomy, used),
        *_places(taxonomy),
        *_gathered(list(_texts(taxonomy.tags))),
    ]


def _related(taxonomy: Taxonomy, a: Tag, b: Tag) -> bool:
    return a.name in taxonomy.ancestors(b.name) or b.name in taxonomy.ancestors(a.name)


def _alike(taxonomy: Taxonomy, fit: TagFit | None) -> Iterator[Finding]:
    found: list[tuple[float, Finding]] = []
    likeness = fit.likeness() if fit is not None and len(taxonomy.tags) > 1 else None
    words = [frozenset(stems(f"{t.name.replace('-', ' ')} {t.description}")) for t in taxonomy.tags]
    for a, b in combinations(range(len(taxonomy.tags)), 2):
        one, other = taxonomy.tags[a], taxonomy.tags[b]
        if _related(taxonomy, one, other):
            continue
        like = float(likeness[a, b]) if likeness is not None else 0.0
        fewer = min(len(words[a]), len(words[b]))
        shared = len(words[a] & words[b]) / fewer if fewer >= SHORTEST else 0.0
        if words[a] == words[b] and words[a]:
            shared = 1.0
        if like < LIKE and shared < SHARED_WORDS:
            continue
        how = (
            f"likeness {like:.2f}" if like >= LIKE else f"{shared:.0%} of their words are the same"
        )
        message = (
            f"{one.name} and {other.name} mean nearly the same ({how}): join them, or say in "
            "their descriptions and in 'not' what parts them"
        )
        kind = "near-duplicate"
        found.append((max(like, shared), Finding("warning", kind, message, (one.name, other.name))))
    found.sort(key=lambda pair: (-pair[0], pair[1].tags))
    yield from (finding for _, finding in found)


def _overlapping(taxonomy: Taxonomy, used: UsedTags) -> Iterator[Finding]:
    """Tags that most of their papers share. Contribution types and the like are on so many that
    others lie within them: that counts only where both have about as many."""
    counts: Counter[str] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    for names in used.tags.values():
        known = sorted({name for name in names if name in taxonomy.by_name})
        counts.update(known)
        together.update(combinations(known, 2))
    found = []
    for (a, b), both in together.items():
        if min(counts[a], counts[b]) < OVERLAP_PAPERS:
            continue
        if _related(taxonomy, taxonomy.by_name[a], taxonomy.by_name[b]):
            continue
        share = both / (counts[a] + counts[b] - both)
        if share >= OVERLAP:
            message = (
                f"{a} and {b} are on the same papers ({both} of "
                f"{counts[a] + counts[b] - both} have both): one may be enough"
            )
            found.append((share, Finding("warning", "overlap", message, (a, b))))
    found.sort(key=lambda pair: (-pair[0], pair[1].tags))
    yield from (finding for _, finding in found)


def _never_used(taxonomy: Taxonomy, used: UsedTags) -> Iterator[Finding]:
    if used.papers < ENOUGH_PAPERS:
        return
    seen = {name for names in used.tags.values() for name in names}
    for tag in taxonomy.tags:
        if tag.name not in seen:
            message = f"{tag.name} is on none of {used.papers:,} tagged papers"
            yield Finding("warning", "never-used", message, (tag.name,))


def _places(taxonomy: Taxonomy) -> Iterator[Finding]:
    """Facets and parents that do not go together."""
    by_name = taxonomy.by_name
    for tag in taxonomy.tags:
        parent = by_name.get(tag.parent or "")
        if parent is not None and parent.facet != tag.facet:
            yield Finding(
                "warning",
                "parent-in-another-facet",
                f"{tag.name} is in the facet {tag.facet!r}, its parent {parent.name} in "
                f"{parent.facet!r}: the parent counts there wherever this tag is given",
                (tag.name, parent.name),
            )
        for alias in tag.aliases:
            if folded_name(alias) == folded_name(tag.name):
                message = f"{tag.name} has its own name as an alias"
                yield Finding("warning", "own-alias", message, (tag.name,))
    for facet in taxonomy.facets:
        own = [tag.name for tag in taxonomy.tags if tag.facet == facet.name]
        if not own:
            message = f"the facet {facet.name!r} has no tags"
            yield Finding("warning", "empty-facet", message)
        elif facet.fallback and facet.fallback not in own:
            yield Finding(
                "warning",
                "fallback-in-another-facet",
                f"the fallback {facet.fallback!r} of the facet {facet.name!r} is a tag of another",
                (facet.fallback,),
            )
        if facet.fallback and facet.rule == "any":
            message = f"the facet {facet.name!r} asks for no tag, so its fallback is never given"
            yield Finding("warning", "idle-fallback", message, (facet.fallback,))


def _texts(tags: Sequence[Tag]) -> Iterator[Finding]:
    for tag in tags:
        words = len(tag.description.split())
        if words < SHORTEST:
            message = (
                f"{tag.name} is described in {words} word{'s' * (words != 1)}: say in a sentence "
                "what papers with it are about"
            )
            yield Finding("warning", "short-description", message, (tag.name,))
        elif words > LONGEST:
            message = f"{tag.name} is described in {words} words, of which the last may not count"
            yield Finding("warning", "long-description", message, (tag.name,))
        if not tag.examples:
            message = f"{tag.name} has no examples: phrases of titles that have it"
            yield Finding("warning", "no-examples", message, (tag.name,))
        if not tag.cue:
            message = f"{tag.name} has no cue: the yes/no question that a model is asked"
            yield Finding("warning", "no-cue", message, (tag.name,))
        elif not tag.cue.endswith(("?", "？", "؟")):
            message = f"the cue of {tag.name} is no question"
            yield Finding("warning", "cue-is-no-question", message, (tag.name,))
        elif len(tag.cue.split()) > LONGEST_CUE:
            message = f"the cue of {tag.name} has more than {LONGEST_CUE} words"
            yield Finding("warning", "long-cue", message, (tag.name,))


def _gathered(findings: Sequence[Finding]) -> list[Finding]:
    """By kind; very many of one kind as one."""
    kinds = list(dict.fromkeys(finding.kind for finding in findings))
    gathered: list[Finding] = []
    for kind in kinds:
        own = [finding for finding in findings if finding.kind == kind]
        if len(own) <= _MANY:
            gathered += own
            continue
        names = tuple(name for finding in own for name in finding.tags)
        message = f"{len(own)} tags: as {own[0].message}"
        gathered.append(Finding("warning", kind, message, names))
    return gathered
