"""How near papers are to tags, for whole libraries at once: a coarse look, without any model.

`curator.tagging` decides; this says cheaply which papers it need not be asked about, and which
papers are near no tag at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curator.embedding import Embedder
from curator.taxonomy.files import arxiv_taxonomy
from curator.taxonomy.model import Tag, Taxonomy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.embedding import Vectors

__all__ = ["TagFit", "tag_text"]

_EXAMPLES_SHARE = 0.3
_FEW = 20  # tags
_AT_ONCE = 1_024  # phrases


def tag_text(tag: Tag) -> str:
    """What is embedded of a tag besides its examples."""
    return f"{tag.name.replace('-', ' ')}: {tag.description}"


class TagFit:
    """The vectors of a taxonomy's tags.

    A paper's fit is its cosine to the tag's description, mixed with that to the best of its
    examples, less the mean over the phrases of all other tags and divided by their deviation:
    tags differ in how near they are to everything. A small taxonomy says little about everything;
    the descriptions of arXiv's categories help out.
    """

    def __init__(self, taxonomy: Taxonomy, embedder: Embedder) -> None:
        import numpy as np

        self.tags = taxonomy.tags
        described = [tag_text(tag) for tag in self.tags]
        examples = [phrase for tag in self.tags for phrase in tag.examples]
        more = [t.description for t in arxiv_taxonomy().tags] if len(self.tags) < _FEW else []
        phrases = embedder.embed([*described, *examples, *more])
        count = len(described)
        self.descriptions: Vectors = phrases[:count]
        self._examples: Vectors = phrases[count : count + len(examples)]
        owners = np.array(
            [*range(count), *(i for i, tag in enumerate(self.tags) for _ in tag.examples)]
            + [-1] * len(more)
        )
        self._owned = [
            np.flatnonzero(owners[count : count + len(examples)] == i) for i in range(count)
        ]
        raw = self._raw(phrases).astype(np.float64)
        others = owners[:, None] != np.arange(count)
        self._mean = np.array([raw[others[:, i], i].mean() for i in range(count)])
        apart = np.array([raw[others[:, i], i].var() for i in range(count)])
        # Few phrases say little about one tag's deviation, more about that of all.
        self._deviation = np.maximum(np.sqrt((apart + apart.mean()) / 2), 1e-6)

    def __call__(self, vectors: Vectors) -> NDArray[np.float32]:
        """Fits of papers, from their unit vectors, (papers, dimensions) → (papers, tags)."""
        import numpy as np

        return np.asarray((self._raw(vectors) - self._mean) / self._deviation, np.float32)

    def likeness(self) -> NDArray[np.float32]:
        """How like one another the tags are, (tags, tags): the mean of the cosine of the
        descriptions and of the best pairs of phrases, from each side."""
        import numpy as np

        described = self.descriptions @ self.descriptions.T
        blocks = [
            np.concatenate([self.descriptions[i : i + 1], self._examples[own]])
            for i, own in enumerate(self._owned)
        ]
        phrases = np.concatenate(blocks)
        sizes = np.array([len(block) for block in blocks])
        starts = np.cumsum(sizes) - sizes
        # For each phrase its best in each tag, some phrases at a time: all at once are many.
        nearest = np.concatenate(
            [
                np.maximum.reduceat(phrases[i : i + _AT_ONCE] @ phrases.T, starts, axis=1)
                for i in range(0, len(phrases), _AT_ONCE)
            ]
        )
        best = np.add.reduceat(nearest, starts, axis=0) / sizes[:, None]
        return np.asarray((described + (best + best.T) / 2) / 2, np.float32)

    def _raw(self, vectors: Vectors) -> Vectors:
        import numpy as np

        described = vectors @ self.descriptions.T
        similar = vectors @ self._examples.T
        best = [
            similar[:, own].max(axis=1) if len(own) else described[:, i]
            for i, own in enumerate(self._owned)
        ]
        mixed = (1 - _EXAMPLES_SHARE) * described + _EXAMPLES_SHARE * np.stack(best, axis=1)
        return np.asarray(mixed, np.float32)
