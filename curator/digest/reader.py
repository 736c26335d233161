"""What one reader makes of papers: what they rated and follow, as signals for choosing, and as
reasons to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from curator.bibliographies import Taught, taught
from curator.digest.choosing import Signals, worth
from curator.digest.document import Reason
from curator.digest.period import Period
from curator.digest.reasons import reasons
from curator.grounding import stems
from curator.injections import injected, stated
from curator.paper import Paper
from curator.profiles import Parts, matches
from curator.readers import Profile
from curator.tagging import Reader as PaperReader
from curator.text import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.embedding import Embedder
    from curator.index.vectors import VectorIndex
    from curator.interest import Interest

__all__ = ["ReaderParts", "ReaderView"]

NEAR = 200  # papers that may be chosen, of those of a period


class ReaderParts(Parts, Protocol):
    """What of a library is needed (`curator.library.Library` has it)."""

    @property
    def embedder(self) -> Embedder: ...

    @property
    def vectors(self) -> VectorIndex: ...


class ReaderView:
    """Looks at papers with one reader's eyes. ``period`` are the days of the digest that is made:
    what earlier ones showed is known."""

    def __init__(self, library: ReaderParts, profile: Profile, period: Period) -> None:
        self._library = library
        self._profile = profile
        self._period = period
        self._kept: dict[str, NDArray[np.floating[Any]]] = {}
        self._interest: Interest | None = None

    @cached_property
    def _taught(self) -> Taught:
        return taught(self._library, self._profile)

    @property
    def knows(self) -> bool:
        """Whether anything is known of what the reader likes."""
        return self._taught != Taught()

    def vectors(self, papers: Sequence[Paper]) -> dict[str, NDArray[np.floating[Any]]]:
        """The papers' vectors, of length 1, by id."""
        new = [paper for paper in papers if paper.id not in self._kept]
        if new:
            self._kept.update(self._library.vectors.vectors(new))
            if missing := [paper for paper in new if paper.id not in self._kept]:
                self._read(missing)
        return {paper.id: self._kept[paper.id] for paper in papers}

    def _read(self, papers: Sequence[Paper]) -> None:
        """Vectors of what the papers say, without orders to whoever reads them."""
        library = self._library
        made = PaperReader(library.embedder, library.vectors.vectors).paper_vectors(papers)
        self._kept.update(zip((paper.id for paper in papers), made, strict=True))

    def signals(
        self,
        papers: Sequence[Paper],
        pinned: Sequence[str],
        dropped: Sequence[str],
        kept: Sequence[str] = (),
    ) -> Signals:
        """What is known of the papers of a period."""
        library, name = self._library, self._profile.name
        ids = [paper.id for paper in papers]
        vectors = self.vectors(papers)
        interest: dict[str, float] = {}
        if self.knows and papers:
            self._learn(papers)
            assert self._interest is not None
            interest = dict(zip(ids, self._interest.scores(papers), strict=True))
        found = Signals(
            interest=interest,
            follows=matches(library, self._profile, ids),
            sources=library.catalog.records.lists(ids),
            vectors=vectors,
            shown=library.catalog.digests.shown(
                name, but=self._period.name, before=(self._period.since, self._period.until)
            ),
            disliked={paper.id for paper in self._taught.disliked},
            pinned=tuple(pinned),
            dropped=tuple(dropped),
            kept=tuple(kept),
        )
        return self._without_orders(papers, found)

    def _without_orders(self, papers: Sequence[Paper], found: Signals) -> Signals:
        """The same, where an abstract that gives orders counts for what else it says. To look for
        orders takes 10 ms a paper, so only those that come near being chosen are looked at: what
        pushes itself up comes among these."""
        value = worth(papers, found)
        near = sorted(papers, key=lambda paper: (-value[paper.id], paper.id))[:NEAR]
        poisoned = [paper for paper in near if injected(paper.abstract)]
        if not poisoned:
            return found
        self._read(poisoned)
        heard = [
            replace(paper, abstract=" ".join(span.text for span in stated(paper.abstract)))
            for paper in poisoned
        ]
        interest = dict(found.interest)
        if self._interest is not None:
            scores = self._interest.scores(heard)
            interest |= {paper.id: score for paper, score in zip(heard, scores, strict=True)}
        return replace(found, interest=interest, vectors=self.vectors(papers))

    def _learn(self, papers: Sequence[Paper]) -> None:
        from curator.interest import learn

        known = self._taught
        rows = self._library.embedder.embed(known.texts) if known.texts else ()
        rated = {paper.id for paper in (*known.liked, *known.disliked)}
        self._interest = learn(
            known.liked,
            known.disliked,
            [paper for paper in papers if paper.id not in rated],
            self.vectors,
            text_vectors=list(rows),
            text="\n".join(known.texts),
        )

    def reasons(
        self, taken: Sequence[Paper], papers: Sequence[Paper], signals: Signals
    ) -> dict[str, list[Reason]]:
        """Why each of the ``taken`` is chosen of the ``papers``."""
        order = sorted((p.upvotes for p in papers if p.upvotes), reverse=True)
        places: dict[int, int] = {}
        for place, votes in enumerate(order, 1):
            places.setdefault(votes, place)
        liked: Mapping[str, Paper] = {paper.id: paper for paper in self._taught.liked}
        said = frozenset(stem for paper in liked.values() for stem in stems(plain(paper.text)))
        return {
            paper.id: reasons(
                paper,
                interest=self._interest,
                liked=liked,
                said=said,
                wrote=bool(self._taught.texts),
                follows=signals.follows.get(paper.id, ()),
                place=(places[paper.upvotes], len(papers)) if paper.upvotes else None,
                sources=signals.sources.get(paper.id, 1),
                pinned=paper.id in signals.pinned,
            )
            for paper in taken
        }
