"""A library without its models: papers come in, are indexed, and are found.

`curator.library.Library` adds what models make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from curator.catalog import AddReport, Catalog, Change, Filters
from curator.errors import MissingError, StorageError, WeightsMissing
from curator.index.lexical import LexicalIndex
from curator.indexing import sync_vectors, sync_words
from curator.intake import Intake, SyncReport
from curator.locks import free_lock, writer_lock
from curator.paths import Home
from curator.settings import Settings, load_settings

if TYPE_CHECKING:
    from curator.embedding import Embedder
    from curator.fetch import Fetcher
    from curator.index.vectors import VectorIndex
    from curator.retrieval import Hit, HybridRetriever, Mode
    from curator.sources.base import Feed

__all__ = ["Notify", "Progress", "Shelf"]

Notify = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]

# So few papers without vectors are embedded before a search; more are left to `index`.
EMBED_BEFORE_SEARCH = 64


class Shelf:
    """A folder with a catalog and its indexes.

    ``notify`` gets sentences for the person at the terminal, ``progress`` gets
    ``(what, done, of)``; both default to silence.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        notify: Notify | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.settings = settings
        self.home = Home(settings.home.expanduser()).create()
        self.notify: Notify = notify or (lambda _: None)
        self.progress: Progress = progress or (lambda _what, _done, _of: None)
        self._said: set[str] = set()
        self.catalog = Catalog(self.home.catalog)
        self.lexical = LexicalIndex(self.home.lexical, self.catalog.papers)

    @classmethod
    def open(cls, home: str | Path | None = None, **options: Any) -> Self:
        """The library in ``home`` (else ``CURATOR_HOME``, else the platform's data folder).

        Raises:
            StorageError: the folder or its catalog cannot be used.
        """
        return cls(load_settings(home=home), **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if "vectors" in self.__dict__:
            self.vectors.close()
        self.catalog.close()

    @cached_property
    def embedder(self) -> Embedder:
        from curator.embedding import open_embedder

        return open_embedder(self.settings)

    @cached_property
    def vectors(self) -> VectorIndex:
        from curator.index.vectors import VectorIndex

        return VectorIndex(self.home.vectors, self.catalog.vectors, self.embedder.fingerprint)

    def _notify_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.notify(text)

    def _lock(self) -> AbstractContextManager[None]:
        return writer_lock(self.home.write_lock, self.notify)

    # -------------------------------------------------------------- taking in

    def add(
        self,
        sources: Sequence[str],
        *,
        index: bool = True,
        embed: bool = True,
        mapping: Mapping[str, str] | None = None,
        kind: str | None = None,
    ) -> AddReport:
        """Adds the papers of files, addresses and feeds; what cannot be read is in the report,
        with the reason.

        Papers are stored and found by words first, then embedded; killed at any moment, running
        it again goes on. ``mapping`` names columns (`curator.sources.read`), ``kind`` a format.

        Raises:
            InputError: no source could be read at all.
        """
        report = self._intake.add(sources, mapping=mapping, kind=kind)
        if index:
            self.index(vectors=embed)
        return report

    def sync(self, specs: Sequence[str] = (), *, embed: bool = True) -> SyncReport:
        """Pulls feeds since they were last read (default: all that are subscribed to).

        Raises:
            StorageError: another process is at it.
        """
        wanted = list(specs) or [row.spec for row in self.catalog.feeds.all()]
        with free_lock(self.home.sync_lock) as free:
            if not free:
                raise StorageError(
                    "Another process is pulling this library's feeds.",
                    remedy="Wait for it to end.",
                    retryable=True,
                )
            report = self._intake.sync(wanted)
        if report.new:
            self.index(vectors=embed)
        return report

    def feed(self, spec: str) -> Feed | None:
        """The feed of a spec; None for what is no spec.

        Raises:
            UsageError: it is the spec of no feed, or of one that cannot be.
        """
        from curator.sources.feeds import open_feed

        return open_feed(spec, self.settings)

    def merge(self, paper_ids: Sequence[str]) -> str:
        """Makes one paper of several, for good; its id."""
        name, _ = self.catalog.decisions.merge(paper_ids)
        sync_words(self.lexical, self._lock)
        return name

    def split(self, paper_id: str, numbers: Sequence[int]) -> list[str]:
        """Takes records out of a paper, for good; the ids of what there is then."""
        names, _ = self.catalog.decisions.split(paper_id, numbers)
        sync_words(self.lexical, self._lock)
        return names

    @property
    def _intake(self) -> Intake:
        return Intake(
            self.catalog,
            open_feed=self.feed,
            open_fetcher=self._fetcher,
            bulk=self._bulk,
            fresh=lambda: sync_words(self.lexical, self._lock),
            progress=self.progress,
            notify=self.notify,
        )

    @contextmanager
    def _bulk(self) -> Iterator[Callable[[Change], None]]:
        with self._lock(), self.lexical.feeding() as words:
            yield words.take

    def _fetcher(self) -> Fetcher:
        from curator.fetch import Fetcher, mirrors_of

        return Fetcher(
            allow_private=self.settings.allow_private,
            mirrors=mirrors_of(self.settings.mirrors),
            contact=self.settings.contact,
            state=self.home.hosts,
            notify=self.notify,
        )

    def index(self, *, rebuild: bool = False, vectors: bool = True) -> dict[str, int]:
        """Brings both indexes up to the catalog; how many papers each one took in."""
        done = {"words": sync_words(self.lexical, self._lock, rebuild=rebuild)}
        if not vectors:
            return done
        try:
            if rebuild:
                with self._lock():
                    self.vectors.clear()
            done["vectors"] = sync_vectors(
                self.catalog,
                self.vectors,
                self.embedder,
                self._lock,
                lambda n, of: self.progress("embedded", n, of),
            )
        except WeightsMissing as error:
            if rebuild:
                raise
            self.notify(
                f"Vectors wait: {error.message} Papers are found by their words. {error.remedy}"
            )
        return done

    # ---------------------------------------------------------------- finding

    def search(
        self,
        query: str,
        limit: int = 10,
        filters: Filters | None = None,
        mode: Mode | None = None,
    ) -> list[Hit]:
        """Papers for a query, best first. Without ``mode``: hybrid, or by words alone where
        no embedding weights are there (said by ``notify``)."""
        return self._retriever(mode).search(query, limit, filters, mode or "hybrid")

    def _retriever(self, mode: Mode | None, *, need_vectors: bool = False) -> HybridRetriever:
        from curator.retrieval import HybridRetriever

        self._freshen_words()
        if mode == "lexical":
            return HybridRetriever(self.catalog.papers, self.lexical)
        try:
            embedder = self.embedder
        except MissingError as error:
            if mode is not None or need_vectors:
                raise
            self._notify_once(f"Searching by words only: {error}")
            return HybridRetriever(self.catalog.papers, self.lexical)
        with free_lock(self.home.write_lock) as free:
            if free:
                self.vectors.heal()
        missing = self.catalog.vectors.missing_count(self.vectors.fingerprint)
        if 0 < missing <= EMBED_BEFORE_SEARCH:
            sync_vectors(self.catalog, self.vectors, embedder, self._lock)
        elif missing > 0:
            self._notify_once(
                f"{missing} papers have no vector of their present text yet and are found by "
                "their words (or by a former text); `curator index` makes them."
            )
        return HybridRetriever(self.catalog.papers, self.lexical, self.vectors, embedder)

    def _freshen_words(self) -> None:
        """Takes in what is new, unless another process is at it: readers do not wait."""
        if self.lexical.behind():
            with free_lock(self.home.write_lock) as free:
                if free or not self.lexical.count():  # nothing to search yet: wait for it
                    sync_words(self.lexical, nullcontext if free else self._lock)
