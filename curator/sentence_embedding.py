"""The vectors of papers' sentences: kept ones where there are any, else made and kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from curator.embedding import Embedder
from curator.errors import StorageError
from curator.paper import Paper

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = ["SentenceEmbedder", "SentenceStore"]

_Read = tuple[Paper, Sequence[str]]  # a paper with the texts of its sentences


class SentenceStore(Protocol):
    """Keeps the vectors of papers' sentences (`curator.catalog.SentenceVectors`)."""

    def get(self, fingerprint: str, wanted: Sequence[_Read]) -> list[Vectors | None]: ...

    def put(
        self, fingerprint: str, made: Sequence[tuple[Paper, Sequence[str], Vectors]]
    ) -> int: ...


class SentenceEmbedder:
    """Embeds sentences, but only those that the store lacks; they are stored if that can be
    done at once."""

    def __init__(self, embedder: Embedder, store: SentenceStore | None = None) -> None:
        self._embedder = embedder
        self._store = store

    def of(self, read: Sequence[_Read], dimensions: int) -> list[Vectors]:
        """For each paper, with the texts of its sentences, the vectors of those, of shape
        (texts, dimensions). Kept ones with other dimensions are damaged, and made again."""
        import numpy as np

        some = [one for one in read if one[1]]
        kept: list[Vectors | None] = [None] * len(some)
        if self._store is not None and some:
            with suppress(StorageError):  # without what is kept it takes longer, no more
                kept = self._store.get(self._embedder.fingerprint, some)
        kept = [rows if rows is None or rows.shape[1] == dimensions else None for rows in kept]
        made = iter(self._made([one for one, rows in zip(some, kept, strict=True) if rows is None]))
        found = iter([next(made) if rows is None else rows for rows in kept])
        return [
            next(found) if texts else np.zeros((0, dimensions), np.float32) for _, texts in read
        ]

    def _made(self, read: Sequence[_Read]) -> list[Vectors]:
        """The vectors of each paper's sentences, made now and kept."""
        if not read:
            return []
        rows = self._embedder.embed([text for _, texts in read for text in texts])
        ends = accumulate(len(texts) for _, texts in read)
        made = [rows[end - len(texts) : end] for end, (_, texts) in zip(ends, read, strict=True)]
        if self._store is not None:
            parts = [(*one, its) for one, its in zip(read, made, strict=True)]
            with suppress(StorageError):
                self._store.put(self._embedder.fingerprint, parts)
        return made
