"""Writing papers into the word index in the order of the catalog's changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from curator.catalog import Change, Papers
from curator.index.wordstate import writing

__all__ = ["WordFeed", "WordWriter"]

COMMIT_EVERY = 50_000  # papers; what a killed process has to index again at most


class WordWriter(Protocol):
    """The word index, as it is written to."""

    @property
    def path(self) -> Path: ...

    def writer(self) -> Any: ...

    def document(
        self, paper_id: str, seq: int, title: str, abstract: str, authors: Sequence[str]
    ) -> Any: ...

    def save_state(self, seq: int) -> None: ...


class WordFeed:
    """Follows the catalog's changes. ``seq`` is the last change that the index has; changes that
    other processes made in between are fetched from the catalog."""

    def __init__(self, index: WordWriter, papers: Papers, seq: int) -> None:
        self._index = index
        self._papers = papers
        self._writer: Any = None
        self._uncommitted = 0
        self.seq = seq
        self.written = 0

    def take(self, change: Change) -> None:
        """Follows one transaction of the catalog."""
        if change.first != self.seq + 1:
            self.catch_up(before=change.first)
        with writing(self._index.path):
            for paper_id in change.removed:
                self._delete(paper_id)
            for paper in change.changed:
                self._delete(paper[0])
                self._add(*paper)
            for paper in change.inserted:
                self._add(*paper)
        self.seq = change.last
        if self._uncommitted >= COMMIT_EVERY:
            self.commit()

    def catch_up(
        self, notify: Callable[[int], None] | None = None, before: int | None = None
    ) -> None:
        """Fetches from the catalog what is missing (up to the change ``before``)."""
        start, last = self.seq, self.seq
        with writing(self._index.path):
            for paper_id, seq in self._papers.removed_since(start):
                if before is None or seq < before:
                    self._delete(paper_id)
                    last = max(last, seq)
            for paper in self._papers.changed_since(start):
                if before is not None and paper.seq >= before:
                    break
                if start:
                    self._delete(paper.id)
                self._add(paper.id, paper.seq, paper.title, paper.abstract, paper.authors)
                last = max(last, paper.seq)
                if notify and self.written % 1000 == 0:
                    notify(self.written)
        self.seq = last

    def _delete(self, paper_id: str) -> None:
        self._open().delete_documents_by_term("id", paper_id)
        self._uncommitted += 1

    def _add(
        self, paper_id: str, seq: int, title: str, abstract: str, authors: Sequence[str]
    ) -> None:
        document = self._index.document(paper_id, seq, title, abstract, authors)
        self._open().add_document(document)
        self.written += 1
        self._uncommitted += 1

    def _open(self) -> Any:
        if self._writer is None:
            self._writer = self._index.writer()
        return self._writer

    def commit(self) -> None:
        """Makes what was taken found, and says up to which change that goes."""
        with writing(self._index.path):
            if self._writer is not None and self._uncommitted:
                self._writer.commit()
            self._uncommitted = 0
            self._index.save_state(self.seq)

    def close(self) -> None:
        """Commits, and lets go of the writer's lock on the folder."""
        self.commit()
        if self._writer is not None:
            with writing(self._index.path):
                self._writer.wait_merging_threads()
            self._writer = None
