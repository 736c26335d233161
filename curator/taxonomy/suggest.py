"""Tags that a taxonomy may lack, from papers that fit none of its tags.

Papers whose best fit is weak are clustered by their vectors; a cluster is named by a phrase of
its own titles, and described by phrases of its papers and nothing else. A person decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from curator.paper import Paper
from curator.taxonomy.clusters import clusters
from curator.taxonomy.fit import TagFit
from curator.taxonomy.keywords import tag_name
from curator.taxonomy.model import Tag, Taxonomy
from curator.taxonomy.phrases import Common, common_phrases, phrase_keys, said
from curator.text import plain

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = ["FEWEST", "WEAK", "Suggested", "Suggestion", "snippet", "suggest"]

# A paper fits no tag if its best fit (`TagFit`, bge-small, built-in taxonomy) is lower: so are 2 of
# a hundred of the seeds' 568 papers, and 92 of a hundred of 840 from 28 other fields of arXiv.
WEAK = 1.8
FEWEST = 4  # papers that make a tag
MOST = 3_000  # papers that are clustered, the newest; time and memory grow with their square
MOST_OTHERS = 1_000  # papers that a phrase is compared with

# Two clusters are joined if their papers' mean cosine is nearer to that of nearest neighbours than
# to that of papers that have nothing to do with each other, by this share of the way: what is near
# depends on embedder and field. docs/taxonomy.md says how good it is.
_WAY = 0.55


@dataclass(frozen=True)
class Suggestion:
    """A tag that papers speak for. ``description`` is made of ``phrases``, which the papers
    themselves have; ``papers`` come nearest to the middle of all first."""

    tag: Tag
    phrases: tuple[Common, ...]
    papers: tuple[Paper, ...]


@dataclass(frozen=True)
class Suggested:
    """What was found among ``papers`` papers, of which ``weak`` fit no tag (``looked_at`` of them
    were clustered); ``unnamed`` are clusters whose papers have no telling phrase in common."""

    papers: int
    weak: int
    looked_at: int
    unnamed: int
    suggestions: tuple[Suggestion, ...]


def suggest(
    taxonomy: Taxonomy,
    fit: TagFit,
    papers: Sequence[Paper],
    vectors: Vectors,
    *,
    tagged: Mapping[str, float] | None = None,
    limit: int = 5,
    weak_below: float = WEAK,
) -> Suggested:
    """Proposals of tags, largest cluster first.

    ``vectors`` are those of ``papers``, (papers, dimensions), newest first; ``tagged`` is, where it
    is known, how sure a tagger is of a paper's best tag: half sure or more is no weak fit. Tags
    of facets that ask for one on every paper do not count as fitting.
    """
    import numpy as np

    open_ended = [
        i
        for i, tag in enumerate(taxonomy.tags)
        if taxonomy.facet_of.get(tag.name) is None or taxonomy.facet_of[tag.name].rule == "any"
    ] or list(range(len(taxonomy.tags)))
    sure = tagged or {}
    best = fit(vectors)[:, open_ended].max(axis=1) if len(papers) else np.zeros(0)
    weak = [
        i for i, paper in enumerate(papers) if best[i] < weak_below and sure.get(paper.id, 0) < 0.5
    ]
    chosen = weak[:MOST]
    if len(chosen) < FEWEST:
        return Suggested(len(papers), len(weak), len(chosen), 0, ())
    rows = vectors[chosen]
    found: list[Suggestion] = []
    unnamed = 0
    names: set[str] = set()
    texts = {i: frozenset(phrase_keys(papers[i].text)) for i in _spread(len(papers), MOST_OTHERS)}
    fitting = sorted(set(range(len(papers))) - set(weak))
    bound = _bound(rows, vectors[fitting][:: max(1, len(fitting) // MOST_OTHERS)])
    for cluster in clusters(rows, bound):
        if len(cluster) < FEWEST or len(found) == limit:
            break
        own = _central_first(rows, cluster)
        members = [papers[chosen[i]] for i in own]
        inside = {chosen[i] for i in own}
        others = [keys for i, keys in texts.items() if i not in inside]
        phrases = common_phrases(members, others)
        tag = _tag(taxonomy, members, phrases, names)
        if tag is None:
            unnamed += 1
            continue
        names.add(tag.name)
        found.append(Suggestion(tag, tuple(phrases), tuple(members)))
    return Suggested(len(papers), len(weak), len(chosen), unnamed, tuple(found))


def _spread(count: int, most: int) -> range:
    return range(0, count, max(1, -(-count // most)))


def _bound(rows: Vectors, others: Vectors) -> float:
    """The mean cosine of two clusters that are joined, from the papers that are clustered and
    others of the library."""
    import numpy as np

    cosines = (rows @ rows.T).astype(np.float64)
    np.fill_diagonal(cosines, -np.inf)
    nearest = cosines.max(axis=1).mean()
    unlike = cosines[np.triu_indices(len(rows), 1)].mean()
    if len(others):
        unlike = min(unlike, float((rows @ others.T).mean()))
    return float(unlike + _WAY * (nearest - unlike))


def _central_first(rows: Vectors, cluster: Sequence[int]) -> list[int]:
    centre = rows[list(cluster)].mean(axis=0)
    nearness = {i: round(float(rows[i] @ centre), 6) for i in cluster}
    return sorted(cluster, key=lambda i: (-nearness[i], i))


def _tag(
    taxonomy: Taxonomy, members: Sequence[Paper], phrases: Sequence[Common], taken: set[str]
) -> Tag | None:
    """The tag as it might stand in the file; None where no phrase can name it."""
    for phrase in phrases:
        name = tag_name(phrase.text)
        if name and name not in taken and taxonomy.resolve(name) is None:
            break
    else:
        return None
    facet = next((facet.name for facet in taxonomy.facets if facet.rule == "any"), "")
    return Tag(
        name=name,
        facet=facet,
        description="; ".join(p.text for p in [phrase, *(o for o in phrases if o is not phrase)]),
        examples=tuple(plain(paper.title) for paper in members if said(paper)[0])[:3],
        cue=f"Is the paper about {phrase.text}?",
    )


def snippet(tag: Tag) -> str:
    """The tag as YAML, to be pasted below ``tags:`` and reworded."""
    values = {
        "name": tag.name,
        "facet": tag.facet,
        "description": tag.description,
        "examples": list(tag.examples),
        "cue": tag.cue,
    }
    kept = {key: value for key, value in values.items() if value}
    return yaml.safe_dump([kept], sort_keys=False, allow_unicode=True, width=100)
