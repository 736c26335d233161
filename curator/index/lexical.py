"""The word index. The only file that imports tantivy.

Titles count twice. Text is folded first (``curator.text.fold``), so that TeX accents and
Unicode find each other, then stemmed. The index says in ``state.json`` what built it and up
to which change of the catalog it goes; whatever is newer is added before the next search.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curator.catalog import Change, Papers
from curator.errors import IndexMismatch, StorageError
from curator.text import fold

__all__ = ["FINGERPRINT", "LexicalIndex", "WordFeed"]

FINGERPRINT = "words 1: folded title^2, abstract, authors; english stems"
TITLE_BOOST = 2.0
COMMIT_EVERY = 50_000  # papers; what a killed process has to index again at most
_STATE = "state.json"


class LexicalIndex:
    """Words of all papers of one library.

    Raises:
        IndexMismatch: it was built by another recipe.
        StorageError: its folder cannot be written.
    """

    def __init__(self, path: Path, papers: Papers) -> None:
        self._path = path
        self._papers = papers
        self._index: Any = None
        self._analyzer = _analyzer()

    # ----------------------------------------------------------------- syncing

    def behind(self) -> bool:
        """Whether the catalog has changes that the index lacks (or the index is gone)."""
        state = self._state()
        return state is None or state["seq"] != self._papers.last_seq()

    def sync(self, *, rebuild: bool = False, notify: Callable[[int], None] | None = None) -> int:
        """Brings the index up to the catalog; the number of papers written.

        One process at a time may call this (the caller holds the writer's lock). Killed in
        the middle, it does the same papers again: each is deleted by id before it is added.
        """
        state = None if rebuild else self._state()
        if state is None or state["seq"] > self._papers.last_seq():
            return self._write(0, fresh=True, notify=notify)
        written = self._write(state["seq"], fresh=False, notify=notify)
        self._open().reload()
        if self._open().searcher().num_docs != self._papers.count():
            return self._write(0, fresh=True, notify=notify)  # somebody touched the files
        return written

    def _write(self, seq: int, *, fresh: bool, notify: Callable[[int], None] | None) -> int:
        with self.feeding(seq, fresh=fresh) as feed:
            feed.catch_up(notify)
        return feed.written

    @contextmanager
    def feeding(self, seq: int | None = None, *, fresh: bool = False) -> Iterator[WordFeed]:
        """Takes changes as the catalog makes them, from ``seq`` on (default: where the index
        is); they are found once the context ends. The caller holds the writer's lock.

        Whatever ends it, what was taken is kept; what a killed process had not committed is
        taken again by the next `sync`.
        """
        with self.storage():
            if fresh:
                self._index = None
                shutil.rmtree(self._path, ignore_errors=True)
                self._path.mkdir(parents=True, exist_ok=True)
                self._open(create=True)
        if seq is None:
            self.sync()
            state = self._state()
            seq = state["seq"] if state else 0
        feed = WordFeed(self, self._papers, seq)
        try:
            if fresh:
                feed.commit()  # an empty index, too, says what built it
            yield feed
        finally:
            feed.close()
            self._open().reload()

    @contextmanager
    def storage(self) -> Iterator[None]:
        """Says in the reader's words what writing the index failed of."""
        try:
            yield
        except (OSError, ValueError) as error:
            raise StorageError(
                f"The word index in {str(self._path)!r} could not be written ({error}). "
                "The papers themselves are safe.",
                remedy="Free some space or make the folder writable; the next command mends it.",
                retryable=True,
            ) from error

    # --------------------------------------------------------------- searching

    def search(
        self, query: str, limit: int, allowed: Set[str] | None = None
    ) -> list[tuple[str, float]]:
        """``(paper id, BM25 score)`` of papers with any of the words, best first."""
        import tantivy

        terms = list(dict.fromkeys(self._analyzer.analyze(fold(query))))
        if not terms or limit <= 0 or (allowed is not None and not allowed):
            return []
        index = self._open()
        schema = index.schema
        clauses: list[Any] = []
        for term in terms[:64]:
            title = tantivy.Query.term_query(schema, "title", term)
            clauses += [
                (tantivy.Occur.Should, tantivy.Query.boost_query(title, TITLE_BOOST)),
                (tantivy.Occur.Should, tantivy.Query.term_query(schema, "abstract", term)),
                (tantivy.Occur.Should, tantivy.Query.term_query(schema, "authors", term)),
            ]
        words = tantivy.Query.boolean_query(clauses)
        if allowed is not None:
            inside = tantivy.Query.term_set_query(schema, "id", sorted(allowed))
            words = tantivy.Query.boolean_query(
                [
                    (tantivy.Occur.Must, words),
                    (tantivy.Occur.Must, tantivy.Query.const_score_query(inside, 0.0)),
                ]
            )
        searcher = index.searcher()
        hits = searcher.search(words, limit, count=False).hits
        found = [(searcher.doc(address).get_first("id"), float(score)) for score, address in hits]
        # Equal scores in id order, so that the same question has the same answer anywhere.
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))

    def words(self, text: str) -> list[str]:
        """The stems that a text is searched by."""
        return list(self._analyzer.analyze(fold(text)))

    def count(self) -> int:
        return 0 if self._state() is None else int(self._open().searcher().num_docs)

    # ------------------------------------------------------------------ files

    def _open(self, *, create: bool = False) -> Any:
        import tantivy

        if self._index is None:
            if create and not tantivy.Index.exists(str(self._path)):
                self._index = tantivy.Index(_schema(), path=str(self._path))
            else:
                self._index = tantivy.Index.open(str(self._path))
            self._index.register_tokenizer("folded", self._analyzer)
        self._index.reload()
        return self._index

    def _state(self) -> dict[str, Any] | None:
        """What the index says of itself; None when it is gone or unreadable."""
        import tantivy

        try:
            state = json.loads((self._path / _STATE).read_text("utf-8"))
            if state["fingerprint"] != FINGERPRINT:
                raise IndexMismatch(
                    f"The word index was built by another recipe ({state['fingerprint']!r}).",
                    remedy="Run `curator index --rebuild`.",
                )
            seq = int(state["seq"])
            if not tantivy.Index.exists(str(self._path)):
                return None
            self._open()
        except (OSError, ValueError, KeyError, TypeError):
            self._index = None
            return None
        return {"seq": seq}

    def writer(self) -> Any:
        """Tantivy's writer, of which there is one at a time."""
        return self._open(create=True).writer(heap_size=64_000_000, num_threads=1)

    def save_state(self, seq: int) -> None:
        """Says up to which change of the catalog the index goes."""
        text = json.dumps({"fingerprint": FINGERPRINT, "seq": seq})
        temporary = self._path / (_STATE + ".new")
        temporary.write_text(text, "utf-8")
        temporary.replace(self._path / _STATE)


class WordFeed:
    """Writes papers into the word index in the order of the catalog's changes.

    ``seq`` is the last change that it has; changes that other processes made in between are
    fetched from the catalog.
    """

    def __init__(self, index: LexicalIndex, papers: Papers, seq: int) -> None:
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
        with self._index.storage():
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
        with self._index.storage():
            for paper_id, seq in self._papers.removed_since(start):
                if before is None or seq < before:
                    self._delete(paper_id)
                    last = max(last, seq)
            for paper in self._papers.changed_since(start):
                if before is not None and paper.seq >= before:
                    break
                if start:
                    self._delete(paper.id)
                self._add(paper.id, paper.title, paper.abstract, paper.authors)
                last = max(last, paper.seq)
                if notify and self.written % 1000 == 0:
                    notify(self.written)
        self.seq = last

    def _delete(self, paper_id: str) -> None:
        self._open().delete_documents_by_term("id", paper_id)
        self._uncommitted += 1

    def _add(self, paper_id: str, title: str, abstract: str, authors: Sequence[str]) -> None:
        import tantivy

        self._open().add_document(
            tantivy.Document(
                id=[paper_id],
                title=[fold(title)],
                abstract=[fold(abstract)],
                authors=[fold(" ; ".join(authors))],
            )
        )
        self.written += 1
        self._uncommitted += 1

    def _open(self) -> Any:
        if self._writer is None:
            self._writer = self._index.writer()
        return self._writer

    def commit(self) -> None:
        """Makes what was taken found, and says up to which change that goes."""
        with self._index.storage():
            if self._writer is not None and self._uncommitted:
                self._writer.commit()
            self._uncommitted = 0
            self._index.save_state(self.seq)

    def close(self) -> None:
        """Commits, and lets go of the writer's lock on the folder."""
        self.commit()
        if self._writer is not None:
            with self._index.storage():
                self._writer.wait_merging_threads()
            self._writer = None


def _analyzer() -> Any:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(60))
        .filter(Filter.lowercase())
        .filter(Filter.stopword("english"))
        .filter(Filter.stemmer("english"))
        .build()
    )


def _schema() -> Any:
    from tantivy import SchemaBuilder

    builder = SchemaBuilder()
    builder.add_text_field("id", stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    for name in ("title", "abstract", "authors"):
        builder.add_text_field(name, tokenizer_name="folded", index_option="position")
    return builder.build()
