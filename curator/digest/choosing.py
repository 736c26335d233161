"""Choosing the papers of a digest: what this reader would have chosen, and not five of one kind.

A paper is worth what the reader's interest model says (`curator.interest`; 0.5 where it knows
nothing), half as much again for what the community thinks of it, something for what the reader
follows, and very little for being typical of what came in: where nothing else is known, that
decides. Papers are taken one after the other, the most valuable first; each taken one
makes those that are like it worth less (maximal marginal relevance, Carbonell and Goldstein,
SIGIR 1998), so that one busy topic does not fill the list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import log1p
from typing import TYPE_CHECKING, Literal

from curator.digest.document import Reason
from curator.injections import stated
from curator.paper import Paper

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Choice", "Left", "Signals", "choose", "community", "typical", "worth"]

Left = Literal["shown_before", "dropped", "disliked", "no_abstract", "not_chosen"]

COMMUNITY = 0.5
# Most upvotes are worth this part of the community's say, the number of lists the rest.
UPVOTES = 0.8
FOLLOWED = {"author": 0.35, "search": 0.25, "tag": 0.15}
MOST_FOLLOWED = 0.5
TYPICAL = 0.001
# bge's cosines of two papers are seldom below .5; from .75 on they are about much the same.
ALIKE, SAME = 0.75, 0.95
LIKENESS = 0.1  # what a paper loses that is the same as one that is taken
KIND = 0.8  # from this cosine on they are of one kind
ENOUGH = 3  # of one kind, after which each more loses
CROWDED = 0.1


@dataclass(frozen=True)
class Signals:
    """What is known of the candidates, by paper id. ``interest``: 0 to 1; ``follows``: what the
    reader follows that they match; ``sources``: how many lists showed them; ``vectors``: of
    length 1; ``shown``: the digest that had them before. ``pinned`` ones are always chosen, and
    ``kept`` ones, which an editor worked on, are always there and move no other."""

    interest: Mapping[str, float] = field(default_factory=dict)
    follows: Mapping[str, Sequence[Reason]] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    disliked: Collection[str] = ()
    pinned: Collection[str] = ()
    kept: Collection[str] = ()
    dropped: Collection[str] = ()


@dataclass(frozen=True)
class Choice:
    """``chosen`` and then ``notable``, best first; ``left`` says why each other paper is not
    among them."""

    chosen: tuple[Paper, ...]
    notable: tuple[Paper, ...]
    left: Mapping[str, Left]


def choose(candidates: Sequence[Paper], limit: int, also: int, signals: Signals) -> Choice:
    """At most ``limit`` papers (more if more are pinned) and ``also`` notable ones.

    A paper that another digest has shown, that the reader dislikes or an editor dropped, or that
    says nothing, is left out unless it is pinned. The order of ``candidates`` does not matter:
    of equal ones the later comes first.
    """
    left: dict[str, Left] = {}
    open_: list[Paper] = []
    for paper in candidates:
        asked = paper.id in signals.pinned or paper.id in signals.kept
        if not asked and (reason := _passed_over(paper, signals)):
            left[paper.id] = reason
        else:
            open_.append(paper)
    open_.sort(key=lambda paper: (paper.day, paper.id), reverse=True)
    value = worth(open_, signals)
    for paper_id, share in typical(open_, signals.vectors).items():
        value[paper_id] += TYPICAL * share
    open_.sort(key=lambda paper: -value[paper.id])
    pinned = [paper for paper in open_ if paper.id in signals.pinned]
    others = [paper for paper in open_ if paper.id not in signals.pinned]
    many = max(limit, len(pinned))
    taken, silent = _unlike(pinned, others, value, signals.vectors, many + also)
    _stays(taken, [paper for paper in others if paper.id in signals.kept], many, many + also)
    silent -= {paper.id for paper in taken}
    chosen = taken[:many]
    notable = taken[len(chosen) :]
    among = {paper.id for paper in taken}
    for paper in open_:
        if paper.id not in among:
            left[paper.id] = "no_abstract" if paper.id in silent else "not_chosen"
    return Choice(tuple(chosen), tuple(notable), left)


def _stays(taken: list[Paper], kept: Sequence[Paper], many: int, wanted: int) -> None:
    """Puts what is to stay in the last places of other papers, where it is not taken already."""
    there, staying = {paper.id for paper in taken}, {paper.id for paper in kept}
    for paper in kept:
        if paper.id in there:
            continue
        free = [at for at, one in enumerate(taken) if one.id not in staying]
        if len(taken) >= wanted and free:
            del taken[free[-1]]
        taken.insert(min(many - 1, len(taken)), paper)


def _passed_over(paper: Paper, signals: Signals) -> Left | None:
    if paper.id in signals.dropped:
        return "dropped"
    if paper.id in signals.shown:
        return "shown_before"
    if paper.id in signals.disliked:
        return "disliked"
    return None if paper.abstract.strip() else "no_abstract"


def worth(papers: Sequence[Paper], signals: Signals) -> dict[str, float]:
    """What each paper is worth by itself."""
    crowd = community(papers, signals.sources)
    found = {}
    for paper in papers:
        kinds = {reason["kind"] for reason in signals.follows.get(paper.id, ())}
        followed = min(MOST_FOLLOWED, sum(FOLLOWED.get(kind, 0.0) for kind in kinds))
        interest = signals.interest.get(paper.id, 0.5)
        found[paper.id] = interest + COMMUNITY * crowd[paper.id] + followed
    return found


def community(papers: Sequence[Paper], sources: Mapping[str, int]) -> dict[str, float]:
    """0 to 1: a paper's upvotes beside the most of any of these papers, on a logarithmic scale,
    and on how many lists it was. All 0 where no list says anything."""
    most = max((paper.upvotes or 0 for paper in papers), default=0)
    lists = max((sources.get(paper.id, 1) for paper in papers), default=1)
    found = {}
    for paper in papers:
        voted = log1p(max(0, paper.upvotes or 0)) / log1p(most) if most > 0 else 0.0
        listed = (sources.get(paper.id, 1) - 1) / (lists - 1) if lists > 1 else 0.0
        found[paper.id] = UPVOTES * voted + (1 - UPVOTES) * listed
    return found


def typical(
    papers: Sequence[Paper], vectors: Mapping[str, NDArray[np.float32]]
) -> dict[str, float]:
    """0 to 1: the place of each paper by its mean cosine with the others, the most typical 1.
    Papers without a vector are left out."""
    import numpy as np

    known = [paper.id for paper in papers if paper.id in vectors]
    if len(known) < 2:
        return {}
    rows = np.stack([vectors[paper_id] for paper_id in known])
    near = np.round(rows @ rows.mean(axis=0), 5).tolist()
    order = sorted(range(len(known)), key=lambda i: (near[i], known[i]))
    return {known[i]: place / (len(known) - 1) for place, i in enumerate(order)}


def _unlike(
    first: Sequence[Paper],
    others: Sequence[Paper],
    value: Mapping[str, float],
    vectors: Mapping[str, NDArray[np.float32]],
    wanted: int,
) -> tuple[list[Paper], set[str]]:
    """``first`` and as many others as are wanted, by worth and unlikeness; and the ids of those
    whose turn it was and that say nothing: an abstract may do nothing but give orders."""
    import numpy as np

    taken, silent = list(first), set[str]()
    if not others:
        return taken[:wanted], silent
    size = next((len(vector) for vector in vectors.values()), 1)
    nothing = np.zeros(size, np.float32)
    rows = np.stack([vectors.get(paper.id, nothing) for paper in others])
    worths = np.asarray([value[paper.id] for paper in others])
    nearest = np.zeros(len(others))
    crowd = np.zeros(len(others))
    left = np.ones(len(others), np.bool_)

    def took(vector: NDArray[np.float32]) -> None:
        nonlocal nearest, crowd
        cosines = rows @ vector
        nearest = np.maximum(nearest, np.clip((cosines - ALIKE) / (SAME - ALIKE), 0, 1))
        crowd = crowd + (cosines >= KIND)

    for paper in first:
        took(vectors.get(paper.id, nothing))
    while len(taken) < wanted and left.any():
        lost = LIKENESS * nearest + CROWDED * np.maximum(0, crowd - ENOUGH + 1)
        # Rounded, so that the last digits of another processor's cosines decide nothing; of
        # equal ones the first, which is the more valuable by itself, or the later.
        best = int(np.argmax(np.where(left, np.round(worths - lost, 6), -np.inf)))
        left[best] = False
        if not stated(others[best].abstract):
            silent.add(others[best].id)
            continue
        taken.append(others[best])
        took(rows[best])
    return taken, silent
