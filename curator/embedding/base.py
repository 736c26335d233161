"""What makes vectors looks like, and which text of a paper it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from curator.text import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.paper import Paper

    Vectors = NDArray[np.float32]

__all__ = ["TEXT_RECIPE", "Bulk", "Embedder", "bulk_of", "embedding_text", "unit"]

# Changing how a paper becomes text changes every vector, hence every fingerprint.
TEXT_RECIPE = "title. abstract; plain; 1"


class Embedder(Protocol):
    """Texts in, unit vectors out. ``fingerprint`` names all that the vectors depend on.

    An embedder may have an attribute ``bulk`` (`Bulk`); then ``embed`` may be called from that
    many threads at once.
    """

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (texts, dimensions), each of length 1, in the order given."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question, of shape (dimensions,)."""
        ...


@dataclass(frozen=True)
class Bulk:
    """How an embedder is best called for very many texts: ``calls`` of ``embed`` at once, each
    with ``texts`` texts."""

    calls: int = 1
    texts: int = 128


def bulk_of(embedder: Embedder) -> Bulk:
    """What the embedder says of itself, else one call at a time."""
    bulk = getattr(embedder, "bulk", None)
    return bulk if isinstance(bulk, Bulk) else Bulk()


def embedding_text(paper: Paper) -> str:
    """The text of a paper that is embedded: a name may stand in the title alone."""
    return f"{plain(paper.title)}. {plain(paper.abstract)}"


def unit(rows: Vectors) -> Vectors:
    """Rows of shape (n, dimensions), each scaled to length 1."""
    import numpy as np

    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-9), dtype=np.float32)
