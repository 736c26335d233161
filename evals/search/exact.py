"""Filter first, then rank, with nothing left out: what a filtered search is compared with.

The same fusion code (`curator.retrieval`) gets a mask that SQL made, every vector that passes
compared with float32, and the full ranking by words cut down to what passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sqlalchemy import select

from curator.catalog.schema import papers as papers_table
from curator.index.lexical import LexicalIndex
from curator.index.vectors import VectorIndex
from curator.retrieval import HybridRetriever

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.catalog import Catalog, Filters
    from curator.catalog.facets import Facets
    from curator.embedding import Embedder, Vectors
    from curator.library import Library
    from curator.query import ParsedQuery
    from evals.search.bare import Brute

    Mask = NDArray[np.bool_]

__all__ = ["exact_retriever"]


class _SqlMasks:
    """Masks from the catalog's own answer."""

    def __init__(self, catalog: Catalog) -> None:
        self._papers = catalog.papers
        with catalog.store.read() as connection:
            rows = connection.execute(select(papers_table.c.id, papers_table.c.seq))
            self._seqs: dict[str, int] = dict(rows.all())

    def mask(self, filters: Filters) -> Mask:
        mask = np.zeros(self._papers.last_seq() + 1, np.bool_)
        mask[[self._seqs[name] for name in self._papers.select_ids(filters)]] = True
        return mask


class _AllWords(LexicalIndex):
    """Ranks all papers and looks at the filter afterwards."""

    def ranked(
        self,
        query: ParsedQuery,
        limit: int,
        allowed: Mask | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> Any:
        seqs, scores = super().ranked(query, max(limit, self.count()), None, weights)
        if allowed is not None:
            inside = seqs < len(allowed)
            inside[inside] = allowed[seqs[inside]]
            seqs, scores = seqs[inside], scores[inside]
        if len(scores) > limit > 0:
            kept = scores >= scores[limit - 1]  # those as good as the last, too
            seqs, scores = seqs[kept], scores[kept]
        return seqs, scores


class _AllVectors(VectorIndex):
    """Compares every vector."""

    brute: Brute

    def search(
        self,
        vector: Vectors,
        limit: int,
        allowed: Mask | None = None,
        *,
        exact: bool = False,
    ) -> Any:
        return self.brute.search(vector, limit, allowed)


def exact_retriever(library: Library, embedder: Embedder, brute: Brute) -> HybridRetriever:
    """A retriever whose answers are those of ranking only what passes."""
    catalog = library.catalog
    vectors = _AllVectors(library.home.vectors, catalog.vectors, embedder.fingerprint)
    vectors.brute = brute
    masks = _SqlMasks(catalog)
    return HybridRetriever(
        catalog.papers,
        _AllWords(library.home.lexical, catalog.papers),
        vectors,
        embedder,
        facets=lambda: cast("Facets", masks),
    )
