"""Tags of papers from a closed list: how likely each one is, and what people taught.

``words`` and ``features`` say what is known of a paper and a tag, ``scoring`` makes log-odds of it,
``heads`` learns from corrections, ``background`` is what is usual. What is done with the scores
is in `graphs.tag`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from curator.tagging.features import Reader
from curator.tagging.scoring import (
    Bounds,
    EmbeddingTagScorer,
    PaperScores,
    TagScorer,
    Weights,
    chance_of,
    fitted_tags,
)

if TYPE_CHECKING:
    from curator.catalog import StoredTag

__all__ = [
    "Bounds",
    "EmbeddingTagScorer",
    "PaperScores",
    "Reader",
    "TagScorer",
    "Weights",
    "chance_of",
    "fitted_tags",
    "wants_review",
]


def wants_review(tags: Sequence[StoredTag]) -> bool:
    """Whether a person should look: a suggestion is open."""
    return any(t.needs_review for t in tags if t.source != "human")
