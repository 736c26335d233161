"""A library without its models: papers come in, are indexed, and are found.

`curator.library.Library` adds what models make of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property, partial
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
    from curator.paper import Paper
    from curator.query import ParsedQuery
    from curator.reranking import Reranker
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
        self._ready: dict[bool, tuple[object, HybridRetriever]] = {}
        self._formers: dict[str, tuple[Embedder, VectorIndex] | None] = {}
        self.catalog = Catalog(self.home.catalog)
        self.lexical = LexicalIndex(self.home.lexical, self.catalog.papers, self.notify)

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
        for former in self._formers.values():
            if former is not None:
                former[1].close()
        self.catalog.close()

    @cached_property
    def embedder(self) -> Embedder:
        from curator.embedding import open_embedder

        return open_embedder(self.settings, self.notify)

    @cached_property
    def vectors(self) -> VectorIndex:
        return self._vectors_of(self.embedder.fingerprint)

    def _vectors_of(self, fingerprint: str) -> VectorIndex:
        from curator.index.vectors import VectorIndex

        token = self.settings.chroma_token
        return VectorIndex(
            self.home.vectors,
            self.catalog.vectors,
            fingerprint,
            url=self.settings.chroma_url,
            token=token.get_secret_value() if token else None,
        )

    def _serving(self) -> tuple[Embedder, VectorIndex]:
        """The embedder that answers, with its vectors: the one that is set, but a former one as
        long as that has made more vectors."""
        counts = self.catalog.vectors.counts()
        wanted = self.embedder.fingerprint
        most = max(counts, key=lambda fingerprint: counts[fingerprint], default=wanted)
        if counts.get(most, 0) <= counts.get(wanted, 0):
            return self.embedder, self.vectors
        former = self._former(most)
        if former is None:
            return self.embedder, self.vectors
        self._notify_once(
            f"serving {most}",
            f"{self.embedder.name} has made vectors of {counts.get(wanted, 0):,} papers; until it "
            f"has made as many as {former[0].name} ({counts[most]:,}), those serve. "
            "`curator index` goes on.",
        )
        return former

    def _former(self, fingerprint: str) -> tuple[Embedder, VectorIndex] | None:
        """An embedder that was used before, if it can still be had, with its vectors."""
        if fingerprint not in self._formers:
            from curator.embedding import open_embedder
            from curator.errors import CuratorError

            self._formers[fingerprint] = None
            name = fingerprint.partition(";")[0].split(" ")[0]
            try:
                chosen = self.settings.model_copy(update={"embedding": name})
                embedder = open_embedder(chosen, self.notify)
            except CuratorError:
                return None
            if embedder.fingerprint == fingerprint:
                self._formers[fingerprint] = (embedder, self._vectors_of(fingerprint))
        return self._formers[fingerprint]

    def _notify_once(self, about: str, text: str) -> None:
        if about not in self._said:
            self._said.add(about)
            self.notify(text)

    def _lock(self) -> AbstractContextManager[None]:
        # Once: who embeds much asks for the lock every few seconds.
        return writer_lock(self.home.write_lock, partial(self._notify_once, "waiting"))

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

    def index(
        self, *, rebuild: bool = False, vectors: bool = True, sentences: int = 0
    ) -> dict[str, int]:
        """Brings both indexes up to the catalog; how many papers each one took in.

        Then the sentences of so many of the newest papers (all, if negative) get vectors as
        well, so that answers need not wait for them.
        """
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
                self.notify,
            )
            if sentences:
                done["sentences"] = self._index_sentences(sentences, rebuild=rebuild)
        except WeightsMissing as error:
            if rebuild:
                raise
            self.notify(
                f"Vectors wait: {error.message} Papers are found by their words. {error.remedy}"
            )
        return done

    def _index_sentences(self, newest: int, *, rebuild: bool) -> int:
        from curator.sentence_indexing import sync_sentences

        if rebuild:
            self.catalog.sentences.forget(self.embedder.fingerprint)
        return sync_sentences(
            self.catalog,
            self.embedder,
            newest,
            lambda n, of: self.progress("sentences of papers", n, of),
            self.notify,
        )

    def prune(self) -> list[str]:
        """Deletes the vectors of former embedders, which do not serve any more; what they were."""
        serving, _ = self._serving()
        self.catalog.sentences.prune(self.embedder.fingerprint)
        with self._lock():
            return self.vectors.prune([serving.fingerprint])

    # ---------------------------------------------------------------- finding

    def search(
        self,
        query: str | ParsedQuery,
        limit: int = 10,
        filters: Filters | None = None,
        mode: Mode | None = None,
        *,
        diverse: bool = False,
        rerank_seconds: float = 0.0,
        once: bool = False,
    ) -> list[Hit]:
        """Papers for a query, best first. Without ``mode``: hybrid, or by words alone where
        no embedding weights are there (said by ``notify``). ``once``: the process asks only
        this, so nothing is opened that pays off later (`HybridRetriever`).

        A text is words and nothing else; `curator.query.parse_query` reads fields, phrases and
        what is not wanted.
        """
        return self._retriever(mode, once=once).search(
            query,
            limit,
            filters,
            mode or "hybrid",
            diverse=diverse,
            rerank_seconds=rerank_seconds,
        )

    def similar(
        self, paper: Paper, limit: int = 10, filters: Filters | None = None, *, once: bool = False
    ) -> list[Hit]:
        """Papers like one, without that one."""
        return self._retriever(None, once=once).similar(paper, limit, filters)

    def _retriever(
        self, mode: Mode | None, *, need_vectors: bool = False, once: bool = False
    ) -> HybridRetriever:
        from curator.retrieval import HybridRetriever

        self._freshen_words()
        parts: dict[str, Any] = {"facets": lambda: self.catalog.facets}
        if mode == "lexical":
            return HybridRetriever(self.catalog.papers, self.lexical, **parts)
        # What follows looks at every paper; it is done again once something has changed.
        state = self.catalog.papers.last_seq(), self.catalog.vectors.generation()
        ready = self._ready.get(once)
        if ready is not None and ready[0] == (*state, ready[1].lost):
            return ready[1]
        try:
            embedder, vectors = self._serving()
        except MissingError as error:
            if mode is not None or need_vectors:
                raise
            self._notify_once("words only", f"Searching by words only: {error}")
            return HybridRetriever(self.catalog.papers, self.lexical, **parts)
        done = self._freshen_vectors(embedder, vectors)
        retriever = HybridRetriever(
            self.catalog.papers,
            self.lexical,
            vectors,
            embedder,
            reranker=lambda: self.reranker,
            exact=once,
            **parts,
        )
        if done:
            self._ready[once] = (*state, retriever.lost), retriever
        return retriever

    @cached_property
    def reranker(self) -> Reranker | None:
        """The cross-encoder that may have a say in the order of papers."""
        from curator.reranking import open_reranker

        return open_reranker(self.settings)

    def _freshen_vectors(self, embedder: Embedder, vectors: VectorIndex) -> bool:
        """Mends what is wrong and makes the few vectors that are missing, unless another
        process is at it: readers do not wait. False where the next search has to look again."""
        done = True
        missing = vectors.missing()
        few = missing <= EMBED_BEFORE_SEARCH and vectors is self.vectors
        if (missing and few) or not vectors.is_sound():
            with free_lock(self.home.write_lock) as done:
                if done and not vectors.is_sound():
                    vectors.heal()
                if done and few:
                    self._embed_few(embedder, vectors)
        if missing and not few:
            self._notify_once(
                "missing",
                f"{missing:,} papers have no vector of their present text yet and are found by "
                "their words; `curator index` makes them.",
            )
        return done

    def _embed_few(self, embedder: Embedder, vectors: VectorIndex) -> None:
        """Not all that is missing, as `index` does: more may come in all the time, and whoever
        embeds it may wait for the lock that is held here."""
        from curator.embedding.bulk import embed_pages

        papers = self.catalog.vectors.missing(vectors.fingerprint)[:EMBED_BEFORE_SEARCH]
        for made in embed_pages(embedder, [papers], lambda: None):
            if made.rows is not None:
                vectors.add(made.papers, made.rows)

    def _freshen_words(self) -> None:
        """Takes in what is new, unless another process is at it: readers do not wait."""
        if self.lexical.behind():
            with free_lock(self.home.write_lock) as free:
                if free:
                    sync_words(self.lexical, nullcontext)
                elif not self.lexical.count():
                    self._notify_once(
                        "no words",
                        "Another curator process is making the word index; until it is done, "
                        "nothing is found by words.",
                    )
