"""The catalog: the truth about papers and all that was made of them, in one SQLite file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from curator.catalog.adding import AddReport
from curator.catalog.answered import Answered
from curator.catalog.api_batches import ApiBatch, ApiBatches, Arrived
from curator.catalog.cache import CachedOutput, ModelCache
from curator.catalog.corrections import Corrections
from curator.catalog.decisions import Decisions
from curator.catalog.deliveries import Deliveries
from curator.catalog.digests import Digests
from curator.catalog.feeds import FeedRow, Feeds
from curator.catalog.ledger import Ledger, Tally, Task, key_of
from curator.catalog.marks import Mark, Marks
from curator.catalog.outputs import Outputs, StoredTag, StoredTldr
from curator.catalog.papers import Papers
from curator.catalog.placing import Change
from curator.catalog.readers import Readers
from curator.catalog.records import Part, Records
from curator.catalog.sentencevectors import SentenceVectors
from curator.catalog.store import Store
from curator.catalog.vectorlog import VectorLog
from curator.filters import Filters

if TYPE_CHECKING:
    from curator.catalog.facets import Facets

__all__ = [
    "AddReport",
    "Answered",
    "ApiBatch",
    "ApiBatches",
    "Arrived",
    "CachedOutput",
    "Catalog",
    "Change",
    "Corrections",
    "Decisions",
    "Deliveries",
    "Digests",
    "FeedRow",
    "Feeds",
    "Filters",
    "Ledger",
    "Mark",
    "Marks",
    "ModelCache",
    "Outputs",
    "Papers",
    "Part",
    "Readers",
    "Records",
    "SentenceVectors",
    "StoredTag",
    "StoredTldr",
    "Tally",
    "Task",
    "VectorLog",
    "key_of",
]


class Catalog:
    """One library's catalog, opened. Its parts each have one concern.

    Raises:
        StorageError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self.papers = Papers(self.store)
        self.ledger = Ledger(self.store)
        self.outputs = Outputs(self.store)
        self.records = Records(self.store)
        self.decisions = Decisions(self.store)
        self.feeds = Feeds(self.store)
        self.cache = ModelCache(self.store)
        self.answered = Answered(self.store)
        self.api_batches = ApiBatches(self.store)
        self.vectors = VectorLog(self.store)
        self.sentences = SentenceVectors(self.store)
        self.marks = Marks(self.store)
        self.corrections = Corrections(self.store)
        self.digests = Digests(self.store)
        self.readers = Readers(self.store)
        self.deliveries = Deliveries(self.store)

    @cached_property
    def facets(self) -> Facets:
        """What passes filters, in memory. Loads numpy, which finding by words does without."""
        from curator.catalog.facets import Facets

        return Facets(self.store)

    def close(self) -> None:
        self.store.close()
