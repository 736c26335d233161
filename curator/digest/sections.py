"""The sections of a digest: papers in groups that a tag of the taxonomy names truthfully.

It is clustering in which only tags may be centres (facility location, as k-medoids): a few tags
are chosen so that each paper finds one among them that it has and that fits it well. How well
follows from where the paper lies beside the others with the tag, by its vector and by all its tags
together. So every section has a name from the start, and each of its papers has been given that
tag, or one below it. Suggestions that wait for a person name nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from curator.catalog import StoredTag
from curator.paper import Paper
from curator.taxonomy import Taxonomy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MOST", "OTHER", "given_tags", "section_title", "sections_of"]

OTHER = "other"
FEWEST, MOST = 3, 7
PER_SECTION = 4  # papers, where there are enough for `FEWEST` sections and too few for `MOST`
SMALLEST = 2
LARGEST = 0.5  # of all papers
# What a tag is worth that says how a paper helps its readers ("benchmark") and not what it is on.
_KIND = 0.6
_TOO_LARGE = 0.75  # what each paper beyond `LARGEST` takes off, as a part of what it adds
_ROUNDS = 4
_WRITTEN = {
    "llm": "LLM", "llms": "LLMs", "vlm": "VLM", "rl": "RL", "ai": "AI", "3d": "3D", "2d": "2D",
    "nlp": "NLP", "rag": "RAG", "gui": "GUI", "ml": "ML", "gan": "GAN", "gpu": "GPU", "hci": "HCI",
}  # fmt: skip


def section_title(tag: str) -> str:
    """A heading from a tag's name: ``llm-agents`` → ``LLM agents``."""
    text = " ".join(_WRITTEN.get(word, word) for word in tag.split("-") if word)
    return text[:1].upper() + text[1:] if text else tag


def sections_of(
    papers: Sequence[Paper],
    tags: Mapping[str, Sequence[StoredTag]],
    vectors: Mapping[str, NDArray[np.floating[Any]]],
    taxonomy: Taxonomy,
) -> list[tuple[str, str, list[str]]]:
    """``(tag, title, paper ids)`` of each section; ``papers`` are given best first.

    Every paper is in one section. There are 3 to 7 of them for ten papers and more, where the tags
    allow it, and the section with the best paper comes first. `OTHER` is last, with papers that
    fit none. ``tags`` and ``vectors`` (of one length) are by paper id and may be incomplete.
    """
    papers = list({paper.id: paper for paper in papers}.values())
    if not papers:
        return []
    # In the order of ids, so that equal choices do not depend on the papers' ranks.
    ids = sorted(paper.id for paper in papers)
    own = {i: given_tags(tags.get(i, ()), taxonomy) for i in ids}
    names = _candidates(own, taxonomy, len(papers))
    chosen = _assigned(ids, own, vectors, names, taxonomy) if names else {}
    grouped: dict[str, list[str]] = {}
    for paper in papers:
        grouped.setdefault(chosen.get(paper.id, OTHER), []).append(paper.id)
    rest = grouped.pop(OTHER, [])
    found = [(tag, section_title(tag), members) for tag, members in grouped.items()]
    if rest:
        found.append((OTHER, "Other papers" if found else "Papers", rest))
    return found


def given_tags(stored: Iterable[StoredTag], taxonomy: Taxonomy) -> dict[str, float]:
    """The tags that a paper was given, by their present names and with all above them, each with
    its confidence (or that of the surest below it). Suggestions, tags that are no more in the
    taxonomy, and those given only because a facet asks for one are left out."""
    former = {old: tag.name for tag in taxonomy.tags for old in tag.was}
    found: dict[str, float] = {}
    for tag in stored:
        name = tag.tag if tag.tag in taxonomy.by_name else former.get(tag.tag, "")
        if not name or tag.needs_review or tag.source == "default":
            continue
        for true in (name, *taxonomy.ancestors(name)):
            found[true] = max(found.get(true, 0.0), min(1.0, max(0.0, tag.confidence)))
    return found


def _candidates(
    own: Mapping[str, Mapping[str, float]], taxonomy: Taxonomy, papers: int
) -> list[str]:
    """Tags that may name a section, in the taxonomy's order."""
    members: dict[str, list[str]] = {}
    for paper_id, given in own.items():
        for name in given:
            members.setdefault(name, []).append(paper_id)
    # What every paper has one of (a benchmark, a survey) is no topic.
    kinds = {facet.name for facet in taxonomy.facets if facet.fallback}
    dull = {tag.name for tag in taxonomy.tags if tag.facet in kinds} | {OTHER}
    # Where all papers of a tag have one below it, that says more.
    for name, those in members.items():
        dull |= {up for up in taxonomy.ancestors(name) if members[up] == those}
    least = min(SMALLEST, papers)
    return [
        tag.name
        for tag in taxonomy.tags
        if len(members.get(tag.name, ())) >= least and tag.name not in dull
    ]


def _assigned(
    ids: Sequence[str],
    own: Mapping[str, Mapping[str, float]],
    vectors: Mapping[str, NDArray[np.floating[Any]]],
    names: Sequence[str],
    taxonomy: Taxonomy,
) -> dict[str, str]:
    """The section of each paper that has one."""
    fits = _fits(_places(ids, own, vectors), ids, own, names, taxonomy)
    chosen = _chosen(fits, _wanted(len(ids)))
    member = _members(fits, chosen)
    return {i: names[chosen[at]] for i, at in zip(ids, member, strict=True) if at >= 0}


def _wanted(papers: int) -> int:
    """How many sections so many papers should have, at most."""
    if papers < FEWEST * PER_SECTION:
        return max(1, min(FEWEST, (papers + 1) // 3))
    return min(MOST, max(FEWEST, round(papers / PER_SECTION)))


def _places(
    ids: Sequence[str],
    own: Mapping[str, Mapping[str, float]],
    vectors: Mapping[str, NDArray[np.floating[Any]]],
) -> NDArray[np.float64]:
    """Unit rows: where each paper lies beside the others, half by its vector and half by its
    tags, the rarer ones counting more. Rows are 0 where nothing is known."""
    import numpy as np

    known = [i for i in ids if i in vectors]
    size = max((len(vectors[i]) for i in known), default=0)
    text = np.zeros((len(ids), size))
    for at, i in enumerate(ids):
        if i in vectors and len(vectors[i]) == size:
            text[at] = vectors[i]
    text[~np.isfinite(text).all(axis=1)] = 0.0
    full = np.linalg.norm(text, axis=1) > 0
    if full.sum() > 1:
        # All papers of a field point the same way; what tells them apart is the rest.
        text[full] -= text[full].mean(axis=0)
    every = sorted({name for given in own.values() for name in given})
    column = {name: at for at, name in enumerate(every)}
    topics = np.zeros((len(ids), len(every)))
    for at, i in enumerate(ids):
        for name in own[i]:
            topics[at, column[name]] = 1.0
    if every:
        topics *= np.log((1 + len(ids)) / (1 + topics.sum(axis=0)))
    return _unit(np.hstack([_unit(text), _unit(topics)]))


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    made: NDArray[np.float64] = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 1e-9)
    return made


def _fits(
    places: NDArray[np.float64],
    ids: Sequence[str],
    own: Mapping[str, Mapping[str, float]],
    names: Sequence[str],
    taxonomy: Taxonomy,
) -> NDArray[np.float64]:
    """How well each tag fits each paper: 0 where the paper has it not, else about 0.1 to 1. More
    for papers near the middle of those with the tag, for surer tags and for those that tell more
    papers apart."""
    import numpy as np

    found = np.zeros((len(ids), len(names)))
    kinds = {facet.name for facet in taxonomy.facets if facet.fallback}
    for at, name in enumerate(names):
        members = np.array([n for n, i in enumerate(ids) if name in own[i]])
        sure = np.array([own[ids[n]][name] for n in members])
        middle = places[members].sum(axis=0)
        norm = float(np.linalg.norm(middle))
        near = (1 + places[members] @ (middle / norm if norm > 1e-9 else middle)) / 2
        telling = 1 - len(members) / len(ids) / 2
        worth = _KIND if taxonomy.by_name[name].facet in kinds else 1.0
        found[members, at] = worth * telling * (0.4 + 0.6 * near) * (0.5 + 0.5 * sure)
    # Sums may differ in the last bits from machine to machine.
    return np.round(found, 6)


def _chosen(fits: NDArray[np.float64], wanted: int) -> list[int]:
    """Columns of at most ``wanted`` tags: the best one after the other, then exchanged as long as
    that is better."""
    chosen: list[int] = []
    value = 0.0
    while len(chosen) < wanted:
        rest = [at for at in range(fits.shape[1]) if at not in chosen]
        best, at = max(((_value(fits, [*chosen, at]), -at) for at in rest), default=(0.0, 0))
        if best <= value:
            break
        chosen, value = [*chosen, -at], best
    for _ in range(_ROUNDS):
        before = value
        for place in range(len(chosen)):
            for at in range(fits.shape[1]):
                tried = [*chosen[:place], at, *chosen[place + 1 :]]
                if at not in chosen and (other := _value(fits, tried)) > value:
                    chosen, value = tried, other
        if value == before:
            break
    # `MOST` counts the section of those that fit none.
    if len(chosen) == MOST and (_members(fits, chosen) < 0).any():
        worths = [(_value(fits, [c for c in chosen if c != at]), -at) for at in chosen]
        worst = -max(worths)[1]
        chosen = [at for at in chosen if at != worst]
    return chosen


def _value(fits: NDArray[np.float64], chosen: Sequence[int]) -> float:
    """What a choice of tags is worth: how well papers fit, less what is too large."""
    import numpy as np

    member = _members(fits, chosen)
    inside = np.flatnonzero(member >= 0)
    worth = fits[inside, np.asarray(chosen)[member[inside]]]
    sizes = np.bincount(member[inside], minlength=len(chosen))
    each = np.bincount(member[inside], worth, minlength=len(chosen))
    over = np.maximum(0, sizes - max(SMALLEST, LARGEST * len(fits))) / np.maximum(1, sizes)
    return round(float(each.sum() - _TOO_LARGE * (over * each).sum()), 6)


def _members(fits: NDArray[np.float64], chosen: Sequence[int]) -> NDArray[np.int64]:
    """For each paper which of the chosen tags it goes to, or -1. Sections that stay too small are
    given up, the smallest first, and their papers go elsewhere."""
    import numpy as np

    least = min(SMALLEST, len(fits))
    left = list(range(len(chosen)))
    while left:
        own = fits[:, [chosen[at] for at in left]]
        best = np.asarray(own.argmax(axis=1), dtype=np.int64)
        member = np.where(own.max(axis=1) > 0, np.asarray(left)[best], -1)
        sizes = np.bincount(member[member >= 0], minlength=len(chosen))
        small = [at for at in left if sizes[at] < least]
        if not small:
            return member
        left.remove(min(small, key=lambda at: (sizes[at], chosen[at])))
    return np.full(len(fits), -1, np.int64)
