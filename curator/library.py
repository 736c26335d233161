"""One library, opened: everything the faces do, in one place.

This is the façade over the core and the graphs; the graphs never import it. Parts that are
costly to load (models, Chroma, LangGraph) are loaded when first used and kept.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from curator.batch import Outcome, run_batch
from curator.catalog import Filters, StoredTag, StoredTldr, Task
from curator.digest.document import ME
from curator.errors import MissingError, ModelError, StorageError
from curator.llm.metered import Budget, Usage
from curator.paper import Paper
from curator.settings import Settings
from curator.shelf import Notify, Progress, Shelf
from curator.threads import Threads, config_of

if TYPE_CHECKING:
    from curator.answers import Answer
    from curator.checking import CheckedSentence
    from curator.digest.document import DigestDocument
    from curator.digest.edits import Edits
    from curator.digest.period import Period
    from curator.entailment import Judge
    from curator.evidence import EvidenceSelector
    from curator.grounding import Grounder
    from curator.keyphrases import Keyphrase
    from curator.library_answers import CatalogAnswers
    from curator.llm.batch_api import BatchReport
    from curator.llm.metered import MeteredLLM
    from curator.tagger import Tagger
    from curator.tagging.voting import Voter
    from curator.taxonomy import Taxonomy
    from curator.tldr import TldrWriter
    from graphs.state import TagState, Turn

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

    @property
    def usage(self) -> Usage:
        """What the first model was used for; it is not opened for it."""
        return self.llm.usage if "llm" in self.__dict__ else Usage()

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
        turns: Sequence[Turn] = (),
        left: threading.Event | None = None,
    ) -> Answer:
        """One checked answer; with ``thread``, as the next turn of that conversation; with
        ``turns``, as the next of one that the caller keeps. Once ``left`` is set, nobody waits
        for it: the model stops at its next word.

        Raises:
            MissingError: weights, key or server are missing.
            BudgetExhausted: the command's budget is used up.
        """
        from graphs.ask import build, graph

        state: dict[str, Any] = {
            "question": question,
            "filters": (filters or Filters()).to_dict(),
            **({"turns": list(turns)} if turns else {}),
        }
        left = left or threading.Event()
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

    def check(
        self, text: str, *, judge: Judge | None = None, **options: Any
    ) -> list[CheckedSentence]:
        """The sentences of your own text, each supported by the library's papers or not; the
        ``options`` are those of `curator.checking.DraftChecker.check`, ``judge`` is its."""
        from curator.checking import DraftChecker

        papers = self.catalog.papers
        return DraftChecker(papers.resolve, self.search, self.grounder, judge).check(
            text, **options
        )

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

        return EvidenceSelector(self.embedder, self.reranker, self.catalog.sentences)

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
    def tagger(self) -> Tagger:
        """Tags papers by this library's taxonomy, with what corrections taught.

        Raises:
            UsageError: a local model is to decide uncertain tags of which nothing good is known.
        """
        from curator.tagging.voters import open_voter

        asks = self.tag_questions
        return self._tagger_with(open_voter(self.llm, self.settings.prompts) if asks else None)

    def _tagger_with(self, voter: Voter | None) -> Tagger:
        from curator.tagger import Tagger
        from curator.tagging import EmbeddingTagScorer, Reader
        from curator.taxonomy.kept import keep, kept
        from graphs.context import TagContext
        from graphs.tag import graph, recipe

        taxonomy = self.taxonomy  # first: a file that cannot be read is told before all else
        keep(self.home.root, taxonomy)
        reader = Reader(self.embedder, self.vectors.vectors, self.catalog.sentences)
        scorer = EmbeddingTagScorer(taxonomy, self.embedder, reader, folder=self.home.tagging)
        context = TagContext(self.catalog.papers, scorer, taxonomy, voter, self.tag_questions)

        def decide(paper_id: str, only: list[str] | None, kept: list[dict[str, Any]]) -> Any:
            state: TagState = {"paper_id": paper_id, "kept": kept}
            return graph.invoke(state if only is None else {**state, "only": only}, context=context)

        def rest() -> str:
            asked = f"{voter.recipe} {context.questions}" if voter else ""
            return recipe(self.embedder.fingerprint, scorer.fingerprint, asked)

        return Tagger(
            self.catalog,
            taxonomy,
            scorer,
            decide,
            rest=rest,
            former=lambda hash: kept(self.home.root, hash),
        )

    @property
    def tag_questions(self) -> int:
        """How many of a paper's uncertain tags are put to the model."""
        asked = self.settings.tag_questions
        if asked is not None:
            return asked
        return 2 if self.settings.model.startswith("openai:") else 0

    def tag(self, papers: Iterable[Paper]) -> Iterator[Outcome[Paper, list[StoredTag]]]:
        """Tags from the taxonomy, stored as they come; as ``tldr``."""
        workers = self.llm.concurrency if self.tag_questions else 1
        return run_batch(self._in_time(papers), self.tag_of, workers=workers)

    def _in_time(self, papers: Iterable[Paper]) -> Iterator[Paper]:
        """The papers, read ahead for the tagger, until the command's minutes are over."""
        for paper in self.tagger.prepared(papers):
            self._budget.check_time()
            yield paper

    def batch_tags(
        self, papers: Iterable[Paper], *, wait: bool = False
    ) -> tuple[BatchReport, list[Paper]]:
        """Hands questions about tags over to a server (`curator.tag_batches.hand_over`).

        Raises:
            UsageError: the model is none behind an API.
        """
        from curator.llm.batch_api import BatchApi
        from curator.tag_batches import hand_over
        from curator.tagging.voters import open_voter

        api = BatchApi(self.llm, self.catalog, notify=self.notify, progress=self.progress)
        return hand_over(
            api,
            self.llm,
            lambda llm: self._tagger_with(open_voter(llm, self.settings.prompts)),
            papers,
            self.catalog.api_batches.outcomes,
            wait=wait,
        )

    def tag_of(self, paper: Paper) -> list[StoredTag]:
        """The tags of one paper, surest first, with suggestions that wait for a person."""
        with self._failure_noted(paper, "tag", self.tagger.recipe):
            return self.tagger.tag(paper)

    def on_corrected(self, paper_ids: Sequence[str]) -> None:
        """What follows from corrections: they are learned from at once, or, where there are no
        weights, when papers are tagged next."""
        if paper_ids:
            try:
                self.tagger.corrected()
            except MissingError as error:
                self._notify_once("not learned", f"What you said is kept, not learned yet: {error}")

    def keyphrases_of(self, paper: Paper, top: int = 10) -> list[Keyphrase]:
        """Phrases of the paper's own text that say what it is about, best first."""
        from curator.keyphrases import keyphrases_of

        return keyphrases_of(paper, top)

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
        self,
        period: Period,
        *,
        limit: int = 20,
        also: int = 0,
        reader: str = ME,
        edits: Edits | None = None,
        on_event: Event | None = None,
    ) -> DigestDocument:
        """A reader's digest of a period, stored under its name: ``limit`` papers in sections,
        ``also`` notable ones, an editor's changes (``edits``, or those that are stored).

        Raises:
            NotFoundError: there is no such reader.
            ModelError: not one paper could be summarised.
            BudgetExhausted: before all was done; what was done is kept.
            StorageError: somebody changed its edits while it was made.
        """
        from curator.digest.parts import digest_parts
        from graphs.context import DigestContext
        from graphs.digest import graph

        profile = self.catalog.readers.require(reader)
        self.tldr_writer, self.tagger  # noqa: B018 - not in each thread
        before = self.catalog.digests.edits(period.name, reader)
        stored = before if edits is None else edits
        state: dict[str, Any] = {
            **asdict(period),
            "reader": reader,
            "zone": profile.zone,
            "limit": limit,
            "also": also,
            "edits": stored,
        }
        context = DigestContext(**digest_parts(self, period, profile))
        document = self._run(graph, state, context, on_event)["document"]
        self.catalog.digests.save(document, dict(stored) if stored else None, before=before)
        return document  # type: ignore[no-any-return]

    # ----------------------------------------------------------------- status

    def status(self) -> dict[str, Any]:
        """Counts that add up: every paper is done, failed, skipped or waiting in each task."""
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
            "sentences": self.catalog.sentences.counts(),
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
            "digests": self.catalog.digests.names(None),
            "answers": self.catalog.answered.summary(),
            "model_usage": self.catalog.cache.usage(),
        }

    def retry(self) -> dict[str, Any]:
        """Does again what failed; how much of it went well now, and how much did not."""
        from curator.retrying import retry

        return retry(self)
