"""Keeping the derived indexes up to the catalog: words at once, vectors as they are made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from curator.batches import batched
from curator.catalog import Catalog
from curator.embedding import Embedder, embedding_text
from curator.index.lexical import LexicalIndex
from curator.index.vectors import VectorIndex

__all__ = ["sync_vectors", "sync_words"]

# Embedded and stored together: small enough that a kill loses little, large enough to sort
# by length. At 30 papers a second about four seconds of work.
CHUNK = 128

Lock = Callable[[], AbstractContextManager[None]]
Progress = Callable[[int, int], None]


def sync_words(
    lexical: LexicalIndex,
    lock: Lock,
    *,
    rebuild: bool = False,
    notify: Callable[[int], None] | None = None,
) -> int:
    """Adds what the word index lacks; the number of papers written. A killed process leaves
    an index that this mends."""
    if not rebuild and not lexical.behind():
        return 0
    with lock():
        return lexical.sync(rebuild=rebuild, notify=notify)


def sync_vectors(
    catalog: Catalog,
    vectors: VectorIndex,
    embedder: Embedder,
    lock: Lock,
    progress: Progress | None = None,
) -> int:
    """Embeds what is missing and stores it chunk by chunk; the number of papers embedded.

    The lock is held only while a chunk is stored, so that others can write in between. What
    another process has stored meanwhile is left out.
    """
    with lock():
        vectors.heal()
    papers = catalog.vectors.missing(vectors.fingerprint)
    done = 0
    for chunk in batched(papers, CHUNK):
        stored = catalog.vectors.done(vectors.fingerprint)
        fresh = [paper for paper in chunk if stored.get(paper.id) != paper.text_hash]
        if fresh:
            rows = embedder.embed([embedding_text(paper) for paper in fresh])
            with lock():
                vectors.add([p.id for p in fresh], rows, [p.text_hash for p in fresh])
        done += len(chunk)
        if progress:
            progress(done, len(papers))
    return done
