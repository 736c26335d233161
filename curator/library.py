"""One library, opened: everything the faces do, in one place.

This is the façade over the core and the graphs; the graphs never import it. Parts that are
costly to load (models, Chroma, LangGraph) are loaded when first used and kept.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.batch import Outcome, run_batch
from curator.catalog import AddReport, Filters, StoredTag, StoredTldr, Task
from curator.errors import ModelError, StorageError
from curator.intake import SyncReport
from curator.llm.metered import Budget
from curator.paper import Paper
from curator.settings import Settings
from curator.shelf import Notify, Progress, Shelf
from curator.threads import Threads, config_of

if TYPE_CHECKING:
    from curator.answers import Answer
    from curator.digest.document import DigestDocument
    from curator.digest.period import Period
    from curator.evidence import EvidenceSelector
    from curator.grounding import Grounder
    from curator.library_answers import CatalogAnswers
    from curator.llm.metered import MeteredLLM
    from curator.taxonomy import Taxonomy
    from curator.tldr import TldrWriter

__all__ = ["Library"]

Event = Callable[[dict[str, Any]], None]


class Library(Shelf):
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
        super().__init__(settings, notify=notify, progress=progress)
        self._budget = budget or Budget(
            settings.max_calls, settings.max_tokens, settings.max_minutes
        )
        # LangGraph would send questions and papers to a tracing service if these were set
        # for another program. Nothing leaves this machine unless it was asked for here.
        os.environ["LANGSMITH_TRACING"] = os.environ["LANGCHAIN_TRACING_V2"] = "false"
        self.threads = Threads(self.home.threads)

    # ------------------------------------------------------------------ parts

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
        from graphs.ask import build, graph

        state = {"question": question, "filters": (filters or Filters()).to_dict()}
        left = threading.Event()
        try:
            if thread is None:
                final = self._run(graph, state, self._ask_parts(left), on_event)
            else:
                with self.threads.saver() as saver:
                    chat, config = build().compile(checkpointer=saver), config_of(thread)
                    final = self._run(chat, state, self._ask_parts(left), on_event, config)
        except BaseException:
            left.set()  # nobody waits for the answer: the model need not write on
            raise
        answer: Answer = final["answer"]
        with suppress(StorageError):  # another process writes for long: a lost count, no more
            self.catalog.answered.note(answer)
        return answer

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

    def _ask_parts(self, left: threading.Event) -> Any:
        """What a question needs; models are opened only if it is none about the library. Once
        ``left`` is set, nobody waits for it."""
        from graphs.context import OpenedLater

        self._freshen_words()  # the librarian counts by words
        parts = {
            "librarian": self.librarian,
            "papers": self.catalog.papers,
            "cancelled": left.is_set,
        }
        return OpenedLater(parts, lambda: self.ask_context)

    @property
    def ask_context(self) -> Any:
        """What ``graphs.ask`` needs, opened.

        Raises:
            MissingError: weights, key or server are missing.
        """
        from graphs.context import AskContext

        return AskContext(
            retriever=self._retriever(None, need_vectors=True),
            papers=self.catalog.papers,
            selector=self.selector,
            grounder=self.grounder,
            llm=self.llm,
            fallback=(lambda: self.fallback) if self.settings.fallback_model else None,
            prompts=self.settings.prompts,
            librarian=self.librarian,
            reranker=self.reranker,
            tags=self.catalog.outputs,
            taxonomy=self.taxonomy,
            vectors=self._serving()[1].vectors,
        )

    @cached_property
    def librarian(self) -> CatalogAnswers:
        """Answers questions about the library itself."""
        from curator.library_answers import CatalogAnswers

        return CatalogAnswers(self.catalog, self.lexical, lambda: self.taxonomy)

    @cached_property
    def grounder(self) -> Grounder:
        """The check that every sentence of a model has to pass."""
        from curator.grounding import RuleGrounder

        return RuleGrounder()

    @cached_property
    def selector(self) -> EvidenceSelector:
        from curator.evidence import EvidenceSelector

        return EvidenceSelector(self.embedder, self.reranker)

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
        entries = ledger.entries()
        return {
            "home": str(self.home.root),
            "papers": papers,
            "entries": entries,
            "rejected_entries": entries["rejected"],
            "words": self.lexical.count(),
            "vectors": self.catalog.vectors.counts(),
            "tldr": asdict(ledger.tally("tldr")),
            "tag": asdict(ledger.tally("tag")),
            "feeds": [
                {
                    "feed": row.spec,
                    "last_success": row.last_success,
                    "failures": row.failures,
                    "error": row.error,
                }
                for row in self.catalog.feeds.all()
            ],
            "marks": self.catalog.marks.counts(),
            "digests": self.catalog.outputs.digest_names(),
            "answers": self.catalog.answered.summary(),
            "model_usage": self.catalog.cache.usage(),
        }

    def retry(self) -> dict[str, Any]:
        """Does again what failed; how much of it went well now, and how much did not."""
        from curator.sources import is_address

        failed = {row["source"] for row in self.catalog.ledger.rejected()}
        again = sorted(
            name for name in failed if name != "-" and (is_address(name) or Path(name).is_file())
        )
        report = self.add(again) if again else AddReport()
        feeds = [row.spec for row in self.catalog.feeds.all(subscribed=False) if row.error]
        pulled = self.sync(feeds) if feeds else SyncReport()
        done: dict[str, Any] = {
            "sources": len(again),
            "added": report.added,
            "rejected": len(report.rejected),
            "unusable": sum(not item.where for _, item in report.rejected),
            "feeds": len(pulled.feeds),
            "feeds_failed": len(pulled.failed),
        }
        failures = self.catalog.ledger.failures()
        runs: dict[str, Callable[[Iterable[Paper]], Iterable[Outcome[Paper, Any]]]]
        runs = {"tldr": self.tldr, "tag": self.tag}
        for task, run in runs.items():
            ids = [row["paper_id"] for row in failures if row["task"] == task]
            outcomes = list(run(self.catalog.papers.get(ids).values())) if ids else []
            bad = sum(outcome.error is not None for outcome in outcomes)
            done[task] = {"done": len(outcomes) - bad, "failed": bad}
        return done
