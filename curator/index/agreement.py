"""Making the three agree that know of vectors: the catalog's account, Chroma, and the mirror.

Each can lose what the others have: a folder was deleted, or a process died between two writes.
A vector is never in doubt, since it is named by the number of the text that it is of; so what one
has lost is copied from another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from curator.batches import batched
from curator.catalog import VectorLog

if TYPE_CHECKING:
    from curator.embedding import Vectors
    from curator.index.mirror import Mirror
    from curator.index.place import WriteMark

__all__ = ["agree", "take_over", "upsert"]

MAX_BATCH = 5_000  # Chroma takes at most 5,461 records a call (FACTS)
MAX_BYTES = 24 << 20  # of vectors in a call: a server takes 40 MiB, and base64 is a third longer
COPIED = 2_000  # vectors that are read at a time where they are copied


def agree(
    collection: Any, mirror: Mirror, log: VectorLog, fingerprint: str, writing: WriteMark
) -> None:
    """Copies what Chroma or the mirror has lost from the other; forgets in the account what both
    have lost, so that it is made again; and takes out what the catalog knows no more (papers that
    were joined to others, former texts). The caller holds the writer's lock.

    The mirror comes first: whoever is killed while Chroma is written needs it whole.
    """
    present = {int(name) for name in collection.get(include=[])["ids"]}
    mirrored = set(mirror.present().tolist())
    known = log.done_seqs(fingerprint)
    mirror.forget(sorted(mirrored - known))
    for part in batched(sorted(known & present - mirrored), COPIED):
        rows = collection.get(ids=[str(seq) for seq in part], include=["embeddings"])
        seqs = [int(name) for name in rows["ids"]]
        mirror.write(seqs, rows["embeddings"], log.generation() + 1)
    with writing.set():
        for part in batched(sorted(present - known), MAX_BATCH):
            collection.delete(ids=[str(seq) for seq in part])
        for part in batched(sorted(known & mirrored - present), COPIED):
            upsert(collection, part, mirror.take(part)[0])
    if lost := sorted(known - present - mirrored):
        log.forget_seqs(fingerprint, lost)
    log.mark(fingerprint, {})  # so that other processes look again


def take_over(former: Any, collection: Any, log: VectorLog) -> None:
    """Copies the vectors of present texts from a collection of the first releases, whose records
    are named by paper ids."""
    for part in batched(former.get(include=[])["ids"], COPIED):
        rows = former.get(ids=part, include=["embeddings", "metadatas"])
        hashes = {
            name: str(about["text_hash"])
            for name, about in zip(rows["ids"], rows["metadatas"], strict=True)
        }
        seqs = log.seqs_of(hashes)
        kept = [i for i, name in enumerate(rows["ids"]) if name in seqs]
        upsert(collection, [seqs[rows["ids"][i]] for i in kept], rows["embeddings"][kept])


def upsert(collection: Any, seqs: Sequence[int], vectors: Vectors) -> None:
    """Stores vectors of shape (seqs, dimensions) in Chroma."""
    if not len(seqs):
        return
    most = max(1, min(MAX_BATCH, MAX_BYTES // vectors[0].nbytes))
    for part in batched(range(len(seqs)), most):
        collection.upsert(ids=[str(seqs[i]) for i in part], embeddings=vectors[part])
