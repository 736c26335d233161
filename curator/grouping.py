"""Groups of papers on one topic, each with a name that its papers bear out.

Where the papers have tags, a group is what shares one. Otherwise it is a cluster of their vectors
(agglomerative, average linkage of cosines), named by a phrase that several of its papers have and
the others have less, and that the title of one of them has: titles say what papers are about.
Papers that fit nowhere come last.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curator.grounding import stems
from curator.paper import Paper
from curator.text import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["OTHER", "Group", "grouped"]

OTHER = "other work"

MOST_GROUPS = 4
FEWEST_PAPERS = 4  # fewer are not worth grouping
LONGEST_PHRASE = 3  # words
TELLING = 0.3  # how much more of its papers than of the others must have a group's phrase
_EACH_WORD = 0.2  # what a longer phrase is worth more
# Tags of nearly all papers tell nothing apart.
_COMMON = 0.8

# Words that half of all abstracts have: alone or with each other they name nothing.
_GENERIC = frozenset(
    stem
    for word in (
        *("large", "language", "model", "foundation", "general", "neural", "network", "deep"),
        *("learning", "training", "data", "dataset", "task", "system", "framework", "approach"),
        *("method", "evaluation", "evaluate", "benchmark", "ability", "capability", "performance"),
        *("result", "new", "novel", "real", "world", "artificial", "intelligence", "machine"),
        *("human", "high", "quality", "llm", "llms", "state", "art", "application", "research"),
    )
    for stem in stems(word)
)
_BREAK = re.compile(r"[.,;:!?()]\s|\s[-–—]\s|\n")
_WORD = re.compile(r"[^\W\d_][\w-]*")


@dataclass(frozen=True)
class Group:
    """``paper_ids`` in the order in which the papers were given."""

    name: str
    paper_ids: tuple[str, ...]


def grouped(
    papers: Sequence[Paper],
    topic: str,
    tags: Mapping[str, Sequence[str]],
    vectors: Mapping[str, Any],
    limit: int = MOST_GROUPS,
) -> list[Group]:
    """At most ``limit`` groups of papers that are given best first; each paper is in one. The
    group with the best paper comes first, `OTHER` last. No groups where there are too few
    papers. ``tags`` and ``vectors`` (unit vectors) are by paper id and may be incomplete."""
    if len(papers) < FEWEST_PAPERS:
        return []
    tagged = [paper for paper in papers if tags.get(paper.id)]
    if 2 * len(tagged) >= len(papers):
        named = _by_tags(papers, tags, limit)
    else:
        named = _by_vectors(papers, topic, vectors)
    place = {paper.id: n for n, paper in enumerate(papers)}
    named.sort(key=lambda group: (-len(group.paper_ids), place[group.paper_ids[0]]))
    taken = {paper_id for group in named for paper_id in group.paper_ids}
    rest = [paper.id for paper in papers if paper.id not in taken]
    kept = named[: limit - bool(rest) if len(named) < limit else limit]
    kept.sort(key=lambda group: place[group.paper_ids[0]])
    if rest and kept and len(kept) < limit:
        kept.append(Group(OTHER, tuple(rest)))
    return kept


def _by_tags(papers: Sequence[Paper], tags: Mapping[str, Sequence[str]], limit: int) -> list[Group]:
    """Tag after tag: the one that most of the papers left have, but not nearly all of all."""
    everywhere = Counter(tag for paper in papers for tag in set(tags.get(paper.id, ())))
    common = {tag for tag, count in everywhere.items() if count > _COMMON * len(papers)}
    left = [paper.id for paper in papers]
    found: list[Group] = []
    while len(found) < limit:
        counts = Counter(t for i in left for t in dict.fromkeys(tags.get(i, ())) if t not in common)
        if not counts:
            break
        # Of tags with as many papers the rarer one says more.
        best = min(counts, key=lambda tag: (-counts[tag], everywhere[tag], tag))
        if counts[best] < 2:
            break
        members = tuple(i for i in left if best in tags.get(i, ()))
        found.append(Group(best, members))
        left = [i for i in left if i not in members]
    return found


def _by_vectors(papers: Sequence[Paper], topic: str, vectors: Mapping[str, Any]) -> list[Group]:
    """Clusters of two papers and more that have a phrase to be named by."""
    import numpy as np

    known = [paper for paper in papers if paper.id in vectors]
    if len(known) < FEWEST_PAPERS:
        return []
    rows = np.stack([np.asarray(vectors[paper.id], dtype=np.float64) for paper in known])
    phrases = {paper.id: _phrases(paper.text) for paper in papers}
    titles = {paper.id: set(_phrases(paper.title)) for paper in papers}
    found: list[Group] = []
    names: set[str] = set()
    for cluster in _clusters(rows, max(2, min(MOST_GROUPS + 2, len(known) // 3))):
        members = [known[i].id for i in cluster]
        name = _name(members, phrases, titles, set(stems(topic))) if len(members) > 1 else None
        if name and name not in names:
            names.add(name)
            found.append(Group(name, tuple(members)))
    return found


def _clusters(rows: NDArray[np.float64], count: int) -> list[list[int]]:
    """Joins the two clusters that are nearest on average until ``count`` are left."""
    cosines = rows @ rows.T
    clusters = [[i] for i in range(len(rows))]
    while len(clusters) > count:
        pairs = [(a, b) for b in range(len(clusters)) for a in range(b)]
        near = [float(cosines[clusters[a]][:, clusters[b]].mean()) for a, b in pairs]
        a, b = pairs[max(range(len(pairs)), key=lambda n: (near[n], -n))]
        clusters[a] = sorted(clusters[a] + clusters.pop(b))
    return clusters


def _phrases(text: str) -> dict[tuple[str, ...], str]:
    """The phrases of a text without stop words inside, by their stems, as first written."""
    found: dict[tuple[str, ...], str] = {}
    for part in _BREAK.split("\n".join(map(plain, text.split("\n")))):
        words = [(word, stems(word)) for word in _WORD.findall(part)]
        for start in range(len(words)):
            key: tuple[str, ...] = ()
            for end in range(start, min(start + LONGEST_PHRASE, len(words))):
                word, stemmed = words[end]
                if not stemmed or len(word) < 3:
                    break
                key = (*key, *stemmed)
                found.setdefault(key, " ".join(w for w, _ in words[start : end + 1]))
    return found


def _name(
    members: Sequence[str],
    phrases: Mapping[str, dict[tuple[str, ...], str]],
    titles: Mapping[str, set[tuple[str, ...]]],
    topic: set[str],
) -> str | None:
    """The phrase that most tells these papers from the others; None if none tells enough."""
    others = [paper_id for paper_id in phrases if paper_id not in members]
    inside = Counter(key for i in members for key in phrases[i])
    outside = Counter(key for i in others for key in phrases[i])
    titled = {key for i in members for key in titles[i]}
    scores = {}
    for key, count in inside.items():
        if count < 2 or 2 * count < len(members) or key not in titled:
            continue
        if (topic | _GENERIC).issuperset(key) or not _names_a_thing(phrases, members, key):
            continue
        gain = count / len(members) - outside[key] / max(1, len(others))
        if gain >= TELLING:
            scores[key] = gain + _EACH_WORD * (len(key) - 1)
    if not scores:
        return None
    best = min(scores, key=lambda key: (-scores[key], key))
    written = Counter(_uncapitalised(phrases[i][best]) for i in members if best in phrases[i])
    return min(written, key=lambda text: (-written[text], text))


def _names_a_thing(
    phrases: Mapping[str, dict[tuple[str, ...], str]], members: Sequence[str], key: tuple[str, ...]
) -> bool:
    """Whether a phrase is more than one plain word ("visual", "across")."""
    written = next(phrases[i][key] for i in members if key in phrases[i])
    return " " in written or "-" in written or any(c.isupper() for c in written[1:])


def _uncapitalised(phrase: str) -> str:
    """As in running text: ``Mobile GUI`` → ``mobile GUI``."""
    return " ".join(w if any(c.isupper() for c in w[1:]) else w.lower() for w in phrase.split())
