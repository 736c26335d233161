"""Clusters of papers whose vectors are near each other, without saying how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = ["clusters"]


def clusters(vectors: Vectors, bound: float) -> list[list[int]]:
    """Joins unit vectors, (papers, dimensions), as long as the papers of two clusters have a mean
    cosine of ``bound`` or more: agglomerative clustering with average linkage, by chains of
    nearest neighbours (Benzécri 1982; Murtagh 1983), which takes time and memory with the square
    of the papers. Largest first; the same vectors in the same order give the same clusters."""
    import numpy as np

    count = len(vectors)
    if not count:
        return []
    cosines = np.asarray(vectors @ vectors.T, np.float64)
    np.fill_diagonal(cosines, -np.inf)
    members: list[list[int]] = [[i] for i in range(count)]
    active = np.ones(count, dtype=bool)
    done: list[list[int]] = []
    chain: list[int] = []
    while active.any():
        if not chain:
            chain.append(int(np.flatnonzero(active)[0]))
        last = chain[-1]
        row = np.where(active, cosines[last], -np.inf)
        nearest = int(row.argmax())
        # Of equally near ones the one that the chain comes from, or it would never end.
        if len(chain) > 1 and row[chain[-2]] >= row[nearest]:
            nearest = chain[-2]
        if row[nearest] < bound:
            # Joining others brings nothing nearer (average linkage is reducible).
            done.append(sorted(members[last]))
            active[last] = False
            chain.pop()
        elif len(chain) > 1 and nearest == chain[-2]:
            del chain[-2:]
            kept, gone = sorted((last, nearest))
            a, b = len(members[kept]), len(members[gone])
            joined = (a * cosines[kept] + b * cosines[gone]) / (a + b)
            cosines[kept], cosines[:, kept] = joined, joined
            cosines[kept, kept] = -np.inf
            members[kept] += members[gone]
            active[gone] = False
        else:
            chain.append(nearest)
    return sorted(done, key=lambda own: (-len(own), own))
