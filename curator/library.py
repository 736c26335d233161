"""One library, opened: everything the faces do, in one place.

This is the façade over the core and the graphs; the graphs never import it. Parts that are
costly to load (models, Chroma, LangGraph) are loaded when first used and kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from curator.batch import Outcome, run_batch
from curator.catalog import AddReport, Catalog, Filters, StoredTag, StoredTldr, Task
from curator.errors import (
    MissingError,
    ModelError,
    WeightsMissing,
)
from curator.index.lexical import LexicalIndex
from curator.indexing import sync_vectors, sync_words
from curator.ingest import ingest
from curator.llm.metered import Budget
from curator.locks import free_lock, writer_lock
from curator.paper import Paper
from curator.paths import Home
from curator.settings import Settings, load_settings
from curator.threads import Threads, config_of

if TYPE_CHECKING:
    from curator.answers import Answer
    from curator.digest.document import DigestDocument
    from curator.digest.period import Period
    from curator.embedding import Embedder
    from curator.evidence import EvidenceSelector
    from curator.grounding import Grounder
    from curator.index.vectors import VectorIndex
    from curator.llm.metered import MeteredLLM
    from curator.retrieval import Hit, HybridRetriever, Mode
    from curator.taxonomy import Taxonomy
    from curator.tldr import TldrWriter

__all__ = ["Library"]

Notify = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]
Event = Callable[[dict[str, Any]], None]

# So few papers without vectors are embedded before a search; more are left to `index`.
EMBED_BEFORE_SEARCH = 64


class Library:
    """A folder with a catalog and its indexes, and the models to work on them.

    ``notify`` gets sentences for the person at the terminal, ``progress`` gets
    ``(what, done, of)``; both default to silence.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        notify: Notify | None = None,
        progress: Progress | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.settings = settings
        self.home = Home(settings.home.expanduser()).create()
        self.notify: Notify = notify or (lambda _: None)
        self.progress: Progress = progress or (lambda _what, _done, _of: None)
        self._said: set[str] = set()
        self._budget = budget or Budget(
            settings.max_calls, settings.max_tokens, settings.max_minutes
        )
        # LangGraph would send questions and papers to a tracing service if these were set
        # for another program. Nothing leaves this machine unless it was asked for here.
        os.environ["LANGSMITH_TRACING"] = os.environ["LANGCHAIN_TRACING_V2"] = "false"
        self.catalog = Catalog(self.home.catalog)
        self.lexical = LexicalIndex(self.home.lexical, self.catalog.papers)
        self.threads = Threads(self.home.threads)

    @classmethod
    def open(cls, home: str | Path | None = None, **options: Any) -> Library:
        """The library in ``home`` (else ``CURATOR_HOME``, else the platform's data folder).

        Raises:
            StorageError: the folder or its catalog cannot be used.
        """
        return cls(load_settings(home=home), **options)

    def __enter__(self) -> Library:
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

    # ------------------------------------------------------------------ parts

    @cached_property
    def embedder(self) -> Embedder:
        from curator.embedding import open_embedder

        return open_embedder(self.settings)

    @cached_property
    def vectors(self) -> VectorIndex:
        from curator.index.vectors import VectorIndex

        return VectorIndex(self.home.vectors, self.catalog.vectors, self.embedder.fingerprint)

    @cached_property
    def llm(self) -> MeteredLLM:
        return self.open_model(self.settings.model)

    @cached_property
    def fallback(self) -> MeteredLLM:
        """The second model, opened only when the first one's text fails."""
        return self.open_model(self.settings.fallback_model or self.settings.model)

    @cached_property
    def taxonomy(self) -> Taxonomy:
        from curator.taxonomy import load_taxonomy

        return load_taxonomy(self.settings.taxonomy)

    def open_model(self, spec: str) -> MeteredLLM:
        """A model by its name, behind this library's cache and the command's budget."""
        from curator.llm import open_llm
        from curator.llm.metered import MeteredLLM

        return MeteredLLM(open_llm(self.settings, spec), self.catalog.cache, self._budget)

    def _notify_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.notify(text)

    def _lock(self) -> AbstractContextManager[None]:
        return writer_lock(self.home.write_lock, self.notify)

    # -------------------------------------------------------------- taking in

    def add(self, sources: Sequence[str], *, index: bool = True, embed: bool = True) -> AddReport:
        """Adds the papers of files; what cannot be read is in the report, with the reason.

        Papers are stored first, then found by words, then embedded; killed at any moment,
        running it again goes on.

        Raises:
            InputError: no source could be read at all.
        """
        with self._lock(), self.lexical.feeding() as words:
            report = ingest(
                self.catalog.papers,
                sources,
                lambda entries: self.progress("read", entries, None),
                words.take,
            )
        if index:
            self.index(vectors=embed)
        return report

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

    # -------------------------------------------------------------- answering

    def ask(
        self,
        question: str,
        filters: Filters | None = None,
        *,
        on_event: Event | None = None,
        thread: str | None = None,
    ) -> Answer:
        """One checked answer; with ``thread``, as the next turn of that conversation.

        Raises:
            MissingError: weights, key or server are missing.
            BudgetExhausted: the command's budget is used up.
        """
        from dataclasses import asdict

        from graphs.ask import build, graph

        state = {
            "question": question,
            "filters": {
                k: list(v) if isinstance(v, tuple) else v
                for k, v in asdict(filters or Filters()).items()
            },
        }
        if thread is None:
            return self._run(graph, state, self.ask_context, on_event)["answer"]  # type: ignore[no-any-return]
        with self.threads.saver() as saver:
            compiled = build().compile(checkpointer=saver)
            final = self._run(compiled, state, self.ask_context, on_event, config_of(thread))
            return final["answer"]  # type: ignore[no-any-return]

    @staticmethod
    def _run(
        graph: Any,
        state: dict[str, Any],
        context: Any,
        on_event: Event | None = None,
        config: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Runs a graph to its end, handing on its events, and gives its last state."""
        final: dict[str, Any] = {}
        for kind, value in graph.stream(
            state, config, context=context, stream_mode=["custom", "values"]
        ):
            if kind == "values":
                final = value
            elif on_event:
                on_event(value)
        return final

    @property
    def ask_context(self) -> Any:
        from graphs.context import AskContext

        return AskContext(
            retriever=self._retriever(None, need_vectors=True),
            papers=self.catalog.papers,
            selector=self.selector,
            grounder=self.grounder,
            llm=self.llm,
            fallback=(lambda: self.fallback) if self.settings.fallback_model else None,
            prompts=self.settings.prompts,
        )

    @cached_property
    def grounder(self) -> Grounder:
        """The check that every sentence of a model has to pass."""
        from curator.grounding import RuleGrounder

        return RuleGrounder()

    @cached_property
    def selector(self) -> EvidenceSelector:
        from curator.evidence import EvidenceSelector
        from curator.reranking import open_reranker

        return EvidenceSelector(self.embedder, open_reranker(self.settings))

    # ---------------------------------------------------------------- curating

    @cached_property
    def tldr_writer(self) -> TldrWriter:
        from curator.tldr import TldrWriter

        return TldrWriter(self.llm, self.grounder, self.embedder, self.settings.prompts)

    def tldr(self, papers: Iterable[Paper]) -> Iterator[Outcome[Paper, StoredTldr]]:
        """One-sentence summaries, stored as they come. A paper done before by the same
        recipe is not done again."""
        self.tldr_writer  # noqa: B018 - made here, not in each of the threads
        return run_batch(papers, self.tldr_of, workers=self.llm.concurrency)

    def tldr_of(self, paper: Paper) -> StoredTldr:
        """The TLDR of one paper: the stored one, or a new one that is then stored."""
        recipe = self.tldr_writer.recipe
        if not self.catalog.ledger.is_done(paper, "tldr", recipe):
            with self._failure_noted(paper, "tldr", recipe):
                made = self.tldr_writer.write(paper)
            self.catalog.outputs.save_tldr(paper, made, recipe)
        return self.catalog.outputs.tldrs([paper.id])[paper.id]

    @cached_property
    def tag_context(self) -> Any:
        from curator.tagging import EmbeddingTagScorer
        from graphs.context import TagContext

        return TagContext(
            papers=self.catalog.papers,
            scorer=EmbeddingTagScorer(self.taxonomy, self.embedder, self.vectors.vectors),
            taxonomy=self.taxonomy,
            llm=self.llm,
            prompts=self.settings.prompts,
        )

    @cached_property
    def tag_recipe(self) -> str:
        """Names all that a paper's tags depend on, besides its text."""
        from graphs.tag import recipe

        return recipe(
            self.taxonomy, self.llm.identity, self.embedder.fingerprint, self.settings.prompts
        )

    def tag(self, papers: Iterable[Paper]) -> Iterator[Outcome[Paper, list[StoredTag]]]:
        """Tags from the taxonomy, stored as they come; as ``tldr``."""
        self.tag_context, self.tag_recipe  # noqa: B018 - made here, not in each thread
        return run_batch(papers, self.tag_of, workers=self.llm.concurrency)

    def tag_of(self, paper: Paper) -> list[StoredTag]:
        """The tags of one paper, surest first, with suggestions that wait for a person."""
        from graphs.tag import graph

        if not self.catalog.ledger.is_done(paper, "tag", self.tag_recipe):
            with self._failure_noted(paper, "tag", self.tag_recipe):
                state = graph.invoke({"paper_id": paper.id}, context=self.tag_context)
            found = [StoredTag(**tag) for tag in state["tags"]]
            self.catalog.outputs.save_tags(
                paper,
                found,
                taxonomy=self.taxonomy.hash,
                model=state["model"],
                recipe=self.tag_recipe,
            )
        return self.catalog.outputs.tags([paper.id]).get(paper.id, [])

    @contextmanager
    def _failure_noted(self, paper: Paper, task: Task, recipe: str) -> Iterator[None]:
        """A failure stands in the ledger, whoever asked for the work."""
        try:
            yield
        except ModelError as error:
            self.catalog.outputs.fail(paper, task, str(error), recipe)
            raise

    # ----------------------------------------------------------------- digest

    def digest(
        self, period: Period, *, limit: int = 20, on_event: Event | None = None
    ) -> DigestDocument:
        """The digest of a period, stored in the catalog under its name.

        Raises:
            ModelError: not one paper could be summarised.
            BudgetExhausted: before all was done; what was done is kept.
        """
        from graphs.context import DigestContext
        from graphs.digest import graph

        self.tldr_writer, self.tag_context, self.tag_recipe  # noqa: B018 - not in each thread
        context = DigestContext(
            papers=self.catalog.papers,
            period_papers=lambda since, until: self.catalog.papers.select(
                Filters(since=since, until=until)
            ),
            tags=self.catalog.outputs,
            tldrs=self.catalog.outputs,
            tag_paper=self.tag_of,
            tldr_of=self.tldr_of,
            taxonomy=self.taxonomy,
            model=self.llm.identity,
            workers=self.llm.concurrency,
        )
        state: dict[str, Any] = {
            "name": period.name,
            "since": period.since,
            "until": period.until,
            "limit": limit,
        }
        document = self._run(graph, state, context, on_event)["document"]
        self.catalog.outputs.save_digest(period.name, period.since, period.until, document)
        return document  # type: ignore[no-any-return]

    # ----------------------------------------------------------------- status

    def status(self) -> dict[str, Any]:
        """Counts that add up: every paper is done, failed, skipped or waiting in each task."""
        from dataclasses import asdict

        papers = self.catalog.papers.count()
        ledger = self.catalog.ledger
        return {
            "home": str(self.home.root),
            "papers": papers,
            "rejected_entries": len(ledger.rejected()),
            "words": self.lexical.count(),
            "vectors": self.catalog.vectors.counts(),
            "tldr": asdict(ledger.tally("tldr")),
            "tag": asdict(ledger.tally("tag")),
            "digests": self.catalog.outputs.digest_names(),
            "model_usage": self.catalog.cache.usage(),
        }
