"""How likely each tag is right for a paper, and which stored sentence speaks for it.

A logistic regression, the same for all tags of all taxonomies, turns what is known of a (paper,
tag) pair (`curator.tagging.features`) into log-odds; heads move them by what corrections taught
(`curator.tagging.heads`). Its weights were fitted on 100 labelled papers
(``python -m evals.fit_tags``); nothing of it is per tag, so other taxonomies can be brought along.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from curator.embedding import Embedder
from curator.embedding.kept import KeptVectors
from curator.fitted import FITTED, read_fitted
from curator.paper import Paper
from curator.tagging.background import background_papers
from curator.tagging.features import NAMES, Read, Reader, TagFeatures
from curator.tagging.heads import Heads
from curator.tagging.trust import Trust
from curator.tagging.voting import Vote
from curator.taxonomy import Taxonomy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = [
    "Bounds",
    "EmbeddingTagScorer",
    "PaperScores",
    "TagScorer",
    "Weights",
    "chance_of",
    "fitted_tags",
]

FILE = FITTED / "tags.json"
KEPT = 512  # papers that are kept as they were read (some 15 kB each)
NO_LABEL = -1


@dataclass(frozen=True)
class Bounds:
    """Log-odds. A tag at ``accept`` or above is given; one between ``low`` and ``high`` is
    uncertain: a model may be asked, and a person. Where a facet needs a tag and none is sure, its
    default is right with log-odds ``default``."""

    accept: float
    low: float
    high: float
    default: float


@dataclass(frozen=True)
class Weights:
    """Of the features, in the order of `NAMES`."""

    features: tuple[float, ...]
    intercept: float
    bounds: Bounds
    votes: Mapping[str, Vote] = field(default_factory=dict)
    fingerprint: str = field(default="", compare=False)


@lru_cache(maxsize=1)
def fitted_tags() -> Weights:
    """The weights that come with the program.

    Raises:
        MissingError: they are not there.
    """
    kept = read_fitted(FILE, ["weights", "intercept", "bounds", "votes"])
    return Weights(
        tuple(float(kept["weights"][name]) for name in NAMES),
        float(kept["intercept"]),
        Bounds(**kept["bounds"]),
        {name: Vote(**vote) for name, vote in kept["votes"].items()},
        hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:12],
    )


@dataclass(frozen=True)
class _Known:
    """A paper that was read: its log-odds without heads, and its direction for them."""

    read: Read
    offsets: Floats
    direction: Floats


def _key(paper: Paper) -> tuple[str, str]:
    return paper.id, paper.text_hash


def chance_of(odds: float) -> float:
    """The probability that belongs to log-odds, to three digits."""
    return round(1 / (1 + exp(-max(-30.0, min(30.0, odds)))), 3)


@dataclass(frozen=True)
class PaperScores:
    """The log-odds of every tag for one paper; ``evidence`` gives the stored sentence that
    speaks most for a tag, verbatim (the title, where there is no other)."""

    odds: Mapping[str, float]
    evidence: Callable[[str], str] = field(compare=False)


class TagScorer(Protocol):
    """Scores all tags of a taxonomy for one paper."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def bounds(self) -> Bounds: ...

    def score(self, paper: Paper) -> PaperScores: ...


class EmbeddingTagScorer:
    """The scores described above. The vectors of the taxonomy and of the background are kept in
    ``folder``, if there is one."""

    def __init__(
        self,
        taxonomy: Taxonomy,
        embedder: Embedder,
        reader: Reader | None = None,
        *,
        weights: Weights | None = None,
        background: Sequence[Paper] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.taxonomy = taxonomy
        name = hashlib.sha256(embedder.fingerprint.encode()).hexdigest()[:12]
        file = folder / f"{name}.npz" if folder is not None else None
        self._phrases = KeptVectors(lambda: embedder, file)
        self._reader = reader or Reader(embedder)
        self._weights = weights or fitted_tags()
        self._papers = background_papers() if background is None else tuple(background)
        self._heads: Callable[[Floats, Floats], Floats] | None = None
        self._taught = ""
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._gold: dict[tuple[str, str], tuple[Floats, Floats]] = {}

    @property
    def bounds(self) -> Bounds:
        return self._weights.bounds

    @property
    def fingerprint(self) -> str:
        """Names the weights and what was learned; the taxonomy and the embedder have names of
        their own."""
        return self._weights.fingerprint + self._taught

    def learn(self, papers: Sequence[Paper], right: Mapping[str, Mapping[str, bool]]) -> None:
        """Takes in what people said: for each paper (by id) which tags are right and which are
        not. A tag that is right in a facet with exactly one makes its others wrong."""
        import numpy as np

        self._heads, self._taught = None, ""
        said = {paper.id: self._said(right.get(paper.id, {})) for paper in papers}
        papers = [paper for paper in papers if said[paper.id]]
        if not papers:
            return
        places = {tag.name: place for place, tag in enumerate(self.taxonomy.tags)}
        labels = np.full((len(papers), len(places)), NO_LABEL, dtype=np.int8)
        for row, paper in enumerate(papers):
            for tag, is_right in said[paper.id].items():
                labels[row, places[tag]] = is_right
        gold = self._lessons(papers)
        directions = np.stack([direction for direction, _ in gold])
        offsets = np.stack([offsets for _, offsets in gold])
        trust = Trust(offsets, labels)
        heads = Heads(directions, trust(offsets), labels)
        self._heads = lambda directions, offsets: heads(directions, trust(offsets))
        told = sorted((p.id, p.text_hash, sorted(said[p.id].items())) for p in papers)
        self._taught = "+" + hashlib.sha256(repr(told).encode()).hexdigest()[:8]

    def _said(self, tags: Mapping[str, bool]) -> dict[str, bool]:
        known = {tag: right for tag, right in tags.items() if tag in self.taxonomy.by_name}
        for facet in self.taxonomy.facets:
            own = [tag.name for tag in self.taxonomy.tags if tag.facet == facet.name]
            if facet.rule == "exactly-one" and any(known.get(tag) for tag in own):
                known |= {tag: known.get(tag, False) for tag in own}
        return known

    def _lessons(self, papers: Sequence[Paper]) -> list[tuple[Floats, Floats]]:
        """Direction and log-odds without heads of papers that teach; kept, since they are
        taken again with each further correction."""
        new = [paper for paper in papers if _key(paper) not in self._gold]
        for start in range(0, len(new), KEPT):
            for known in self._read(new[start : start + KEPT]):
                self._gold[_key(known.read.paper)] = known.direction, known.offsets
        return [self._gold[_key(paper)] for paper in papers]

    def prepare(self, papers: Sequence[Paper]) -> None:
        """Reads papers at once (at most `KEPT`), which is quicker; `score` then finds them."""
        self._read(papers[:KEPT])

    def score(self, paper: Paper) -> PaperScores:
        (known,) = self._read([paper])
        row = known.offsets[None, :]
        if self._heads is not None:
            row = self._heads(known.direction[None, :], row)
        return self._scores(known.read, row[0])

    def _read(self, papers: Sequence[Paper]) -> list[_Known]:
        new = [paper for paper in papers if _key(paper) not in self._known]
        if new:
            reads = [self._features.heard(read) for read in self._reader.read(new)]
            rows = zip(reads, self._offsets(reads), self._directions(reads), strict=True)
            for read, offsets, direction in rows:
                self._known[_key(read.paper)] = _Known(read, offsets, direction)
        found = [self._known[_key(paper)] for paper in papers]
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found

    def _offsets(self, reads: Sequence[Read]) -> Floats:
        import numpy as np

        features = self._features.of(reads).astype(float)
        odds: Floats = features @ np.array(self._weights.features) + self._weights.intercept
        return odds

    def _directions(self, reads: Sequence[Read]) -> Floats:
        """The papers' vectors as heads take them: from the background's middle, of length 1."""
        import numpy as np

        rows = np.stack([read.vector for read in reads]).astype(float) - self._middle
        directions: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return directions

    def _scores(self, read: Read, row: Floats) -> PaperScores:
        odds = {
            tag.name: round(float(value), 4)
            for tag, value in zip(self.taxonomy.tags, row, strict=True)
        }
        near: list[NDArray[np.float32]] = []

        def evidence(tag: str) -> str:
            if not read.sentences:
                return read.paper.title
            if not near:
                near.append(self._features.by_sentence(read))
            place = self._places[tag]
            spoken = [
                float(near[0][at, place]) * NEAR + self._features.words.speaks(place, words)
                for at, words in enumerate(read.words.sentences)
            ]
            return read.sentences[max(range(len(spoken)), key=lambda at: spoken[at])]

        return PaperScores(odds, evidence)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {tag.name: place for place, tag in enumerate(self.taxonomy.tags)}

    @cached_property
    def _background(self) -> list[Read]:
        return Reader(self._phrases).read(self._papers)

    @cached_property
    def _features(self) -> TagFeatures:
        features = TagFeatures(self.taxonomy, self._phrases, self._background)
        self._phrases.save()
        return features

    @cached_property
    def _middle(self) -> Floats:
        import numpy as np

        if not self._background:
            return np.zeros(1)
        middle: Floats = np.stack([read.vector for read in self._background]).mean(axis=0)
        return middle.astype(float)


# What a cosine of 1 counts beside shared words when the sentence for a tag is chosen.
NEAR = 60.0
