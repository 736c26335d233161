"""Tagging papers of a library: what is due, what a change of the taxonomy leaves as it is, and
what was learned from corrections.

How one paper is tagged is `graphs.tag`; the façade hands it in as ``decide``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from curator.batches import batched
from curator.catalog import Catalog, StoredTag
from curator.catalog.ledger import key_of
from curator.paper import Paper
from curator.tagging.scoring import chance_of
from curator.taxonomy import Taxonomy
from curator.taxonomy.change import compare

if TYPE_CHECKING:
    from curator.tagging import EmbeddingTagScorer

__all__ = ["Decide", "Tagger"]

SCORED_AT_ONCE = 32
# After a correction: so many waiting papers are looked at, and so many of those whose confidence
# moved this far are tagged anew at once; the rest when `curator tag` runs next.
MOST_WAITING, TAGGED_AGAIN, MOVED = 256, 48, 0.02

# A paper's id, the tags to decide (None: all) and the tags that stay → the graph's last state.
Decide = Callable[[str, "list[str] | None", "list[dict[str, Any]]"], Mapping[str, Any]]


class Tagger:
    """Tags papers by one taxonomy. ``rest`` names all that tags depend on besides text and
    taxonomy; it changes with what is learned. ``former`` gives taxonomies of earlier runs by
    their hash, where they are known."""

    def __init__(
        self,
        catalog: Catalog,
        taxonomy: Taxonomy,
        scorer: EmbeddingTagScorer,
        decide: Decide,
        *,
        rest: Callable[[], str],
        former: Callable[[str], Taxonomy | None] = lambda _: None,
    ) -> None:
        self._catalog = catalog
        self.taxonomy = taxonomy
        self.scorer = scorer
        self._decide = decide
        self._rest = rest
        self._former = former
        self._changes: dict[str, _Change | None] = {}
        self.learn()

    def learn(self) -> None:
        """Takes in all corrections there are."""
        said = self._catalog.corrections.all()
        self.scorer.learn(list(self._catalog.papers.get(said).values()), said)

    @property
    def recipe(self) -> str:
        """Names all that a paper's tags depend on, besides its text."""
        return f"{self.taxonomy.hash}.{self._rest()}"

    def corrected(self) -> int:
        """Takes in new corrections, and tags anew the waiting papers for which they change most,
        so that the next question is the right one; how many."""
        self.learn()
        waiting = self._catalog.outputs.undecided(0.0, 0.0)
        papers = list(self._catalog.papers.get(islice(waiting, MOST_WAITING)).values())
        self.scorer.prepare(papers)
        moved = {paper.id: self._moved(paper, waiting[paper.id]) for paper in papers}
        first = sorted(papers, key=lambda paper: (-moved[paper.id], paper.id))[:TAGGED_AGAIN]
        again = [paper for paper in first if moved[paper.id] >= MOVED]
        for paper in again:
            self.tag(paper)
        return len(again)

    def _moved(self, paper: Paper, tags: Sequence[StoredTag]) -> float:
        """How far the confidence of what waits is from what is stored, at most."""
        odds = self.scorer.score(paper).odds
        known = [tag for tag in tags if tag.tag in odds]
        return max((abs(chance_of(odds[t.tag]) - t.confidence) for t in known), default=0.0)

    def prepared(self, papers: Iterable[Paper]) -> Iterator[Paper]:
        """The papers, scored some at a time, which is quicker than one by one."""
        for part in batched(papers, SCORED_AT_ONCE):
            self.scorer.prepare([paper for paper in part if not self._is_done(paper)])
            yield from part

    def tag(self, paper: Paper) -> list[StoredTag]:
        """The tags of one paper: the stored ones if they are of this recipe, else new ones that
        are then stored.

        Raises:
            ModelError: the model failed; nothing is stored.
        """
        if not self._is_done(paper):
            change = self._change(paper)
            only, kept = None, []
            if change is not None:
                stored = self._catalog.outputs.tags([paper.id]).get(paper.id, [])
                only, kept = change.todo, change.staying(stored)
            state = self._decide(paper.id, only, [asdict(tag) for tag in kept])
            self._catalog.outputs.save_tags(
                paper,
                [StoredTag(**tag) for tag in state["tags"]],
                taxonomy=self.taxonomy.hash,
                model=state["model"],
                recipe=self.recipe,
                ancestors=self.taxonomy.ancestors,
            )
        return self._catalog.outputs.tags([paper.id]).get(paper.id, [])

    def _is_done(self, paper: Paper) -> bool:
        return self._catalog.ledger.is_done(paper, "tag", self.recipe)

    def _change(self, paper: Paper) -> _Change | None:
        """What changed in the taxonomy since the paper was tagged, if nothing else did and its
        taxonomy of then is known."""
        key = self._catalog.ledger.key_of_done(paper.id, "tag")
        prefix, _, rest = (key or "").rpartition(".")
        if rest != self._rest() or not prefix.startswith(key_of(paper, "")):
            return None
        hash = prefix.removeprefix(key_of(paper, ""))
        if hash not in self._changes:
            before = self._former(hash)
            self._changes[hash] = None if before is None else _Change(before, self.taxonomy)
        return self._changes[hash]


class _Change:
    """From one taxonomy to another: which tags are to be decided anew."""

    def __init__(self, before: Taxonomy, now: Taxonomy) -> None:
        change = compare(before, now)
        self.renamed = {old: new for new, old in change.renamed.items()}
        again = {*change.to_decide, *change.joined.values()}
        self.todo = [t.name for t in now.tags if t.name in again or t.facet in change.facets]
        self._now = set(now.by_name)

    def staying(self, stored: Sequence[StoredTag]) -> list[StoredTag]:
        """The stored tags that the change does not touch, by their names of now."""
        names = {tag.tag: self.renamed.get(tag.tag, tag.tag) for tag in stored}
        return [
            StoredTag(**(asdict(tag) | {"tag": names[tag.tag]}))
            for tag in stored
            if names[tag.tag] in self._now
            and names[tag.tag] not in self.todo
            # parents and defaults are worked out again from what stays
            and tag.source not in {"parent", "default"}
        ]
