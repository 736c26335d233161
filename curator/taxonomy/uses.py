"""What a library has of tags, and which of its papers come near some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from curator.paper import Paper
from curator.taxonomy.fit import TagFit
from curator.taxonomy.model import Taxonomy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.catalog import Catalog

__all__ = ["NEAR", "nearness", "stored_tags", "tagged_papers", "used_hashes"]

# A paper comes near a tag whose fit lies so many deviations above the mean of its fits. Of the tags
# that people gave 100 papers (gold_tags_dev, facets without a rule) 88 in a hundred do, and 29 in a
# hundred of all pairs of a paper and a tag.
NEAR = 0.5
_AT_ONCE = 4_096  # papers


def used_hashes(catalog: Catalog) -> dict[str, int]:
    """The hashes of the taxonomies that stored tags are of, with the number of papers, most
    papers first."""
    rows = catalog.store.glances(
        "SELECT taxonomy, count(DISTINCT paper_id) FROM tags WHERE source != 'human' "
        "GROUP BY taxonomy ORDER BY count(DISTINCT paper_id) DESC, max(created) DESC, taxonomy"
    )
    return {str(name): int(papers) for name, papers in rows}


def tagged_papers(catalog: Catalog) -> list[str]:
    """The ids of the papers that were tagged, also of those that got no tag, in order."""
    rows = catalog.store.glances(
        "SELECT paper_id FROM work WHERE task = 'tag' AND status = 'done' "
        "UNION SELECT paper_id FROM tags ORDER BY paper_id"
    )
    return [str(row[0]) for row in rows]


def stored_tags(
    catalog: Catalog, taxonomy: Taxonomy | None = None, *, suggested: bool = False
) -> dict[str, list[str]]:
    """The names of the tags of each tagged paper, with those that wait for a person if
    ``suggested``. Of a ``taxonomy``: former names as the present ones, without what it does not
    know."""
    found: dict[str, list[str]] = {paper_id: [] for paper_id in tagged_papers(catalog)}
    where = "" if suggested else "WHERE NOT needs_review "
    for paper_id, tag in catalog.store.glances(
        f"SELECT paper_id, tag FROM tags {where}ORDER BY paper_id, tag"
    ):
        name = str(tag) if taxonomy is None else taxonomy.resolve(str(tag))
        if name is not None and name not in found[str(paper_id)]:
            found[str(paper_id)].append(name)
    return found


def nearness(
    fit: TagFit, papers: Sequence[Paper], vectors: Mapping[str, NDArray[np.float32]]
) -> dict[str, set[str]]:
    """For each tag the ids of the papers that come near it; papers without a vector come near
    all of them, since nothing is known of them."""
    import numpy as np

    names = [tag.name for tag in fit.tags]
    near: dict[str, set[str]] = {name: set() for name in names}
    known = [paper.id for paper in papers if paper.id in vectors]
    for start in range(0, len(known), _AT_ONCE):
        part = known[start : start + _AT_ONCE]
        fits = fit(np.stack([vectors[paper_id] for paper_id in part]))
        spread = np.maximum(fits.std(axis=1, keepdims=True), 1e-6)
        above = (fits - fits.mean(axis=1, keepdims=True)) / spread >= NEAR
        if len(names) < 4:  # of so few none can stand out
            above[:] = True
        for i, j in np.argwhere(above):
            near[names[j]].add(part[i])
    unknown = {paper.id for paper in papers} - set(known)
    return {name: ids | unknown for name, ids in near.items()}
