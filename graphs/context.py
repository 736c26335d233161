"""What graph nodes may use, as protocols: no node imports chromadb, openai, llama_cpp or typer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from curator.digest.choosing import Signals
from curator.digest.document import Reason, Sentence, Trend
from curator.evidence import Selector
from curator.grounding import Grounder
from curator.llm.base import Writer
from curator.paper import Paper
from curator.reranking import Reranker
from curator.retrieval import Retriever
from curator.tagging import TagScorer
from curator.tagging.voting import Voter
from curator.taxonomy import Taxonomy

if TYPE_CHECKING:
    from curator.catalog import Filters, StoredTag, StoredTldr
    from curator.library_answers import LibraryAnswer
    from curator.library_questions import LibraryQuestion

__all__ = [
    "AskContext",
    "DigestContext",
    "Librarian",
    "OpenedLater",
    "PaperStore",
    "TagContext",
    "TagStore",
    "TldrStore",
    "Writer",
]


class PaperStore(Protocol):
    """Papers by id (``curator.catalog.Papers``)."""

    def get(self, paper_ids: Iterable[str]) -> dict[str, Paper]: ...


class TagStore(Protocol):
    """Stored tags by paper id (``curator.catalog.Outputs``)."""

    def tags(self, paper_ids: Iterable[str]) -> dict[str, list[StoredTag]]: ...


class Librarian(Protocol):
    """Answers questions about the library (``curator.library_answers.CatalogAnswers``)."""

    def parse(self, text: str) -> LibraryQuestion | None: ...

    def answer(
        self, question: LibraryQuestion, filters: Filters | None = None
    ) -> LibraryAnswer | None: ...


@dataclass(frozen=True)
class AskContext:
    """What ``graphs.ask`` needs. Without a ``librarian``, questions about the library are taken
    for questions about its papers. ``reranker`` says what is relevant to an overview; ``tags``
    (those of a ``taxonomy``, if given) and ``vectors`` (by paper id) are what it is grouped by.
    Once ``cancelled`` says so, nobody waits for the answer, and its model stops."""

    retriever: Retriever
    papers: PaperStore
    selector: Selector
    grounder: Grounder
    llm: Writer
    fallback: Callable[[], Writer] | None = None
    prompts: Path | None = None
    librarian: Librarian | None = None
    reranker: Reranker | None = None
    tags: TagStore | None = None
    taxonomy: Taxonomy | None = None
    vectors: Callable[[Sequence[Paper]], Mapping[str, Any]] | None = None
    cancelled: Callable[[], bool] = lambda: False


class OpenedLater:
    """An `AskContext` of which some parts are there, and the others are opened, all at once,
    when the first of them is asked for: a question that is answered from the catalog needs no
    model, and any other one is told what is missing before anything is shown."""

    def __init__(self, parts: Mapping[str, Any], open_all: Callable[[], AskContext]) -> None:
        self.__dict__.update(parts)
        self._open_all = open_all

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # Python itself asks for some, to copy or to show it
            raise AttributeError(name)
        return getattr(self._opened, name)

    @cached_property
    def _opened(self) -> AskContext:
        return self._open_all()


@dataclass(frozen=True)
class TagContext:
    """What ``graphs.tag`` needs. ``voter`` has a say on so many of a paper's most uncertain
    tags as ``questions``; None: nobody has."""

    papers: PaperStore
    scorer: TagScorer
    taxonomy: Taxonomy
    voter: Voter | None = None
    questions: int = 2


class TldrStore(Protocol):
    """Stored TLDRs by paper id (``curator.catalog.Outputs``)."""

    def tldrs(self, paper_ids: Iterable[str]) -> dict[str, StoredTldr]: ...


def _no_signals(
    papers: Sequence[Paper], pinned: Sequence[str], dropped: Sequence[str], kept: Sequence[str]
) -> Signals:
    return Signals(pinned=pinned, dropped=dropped, kept=kept)


def _unchecked(text: str, paper_id: str | None) -> Sentence:
    from curator.digest.human import unchecked  # reads Markdown, which other graphs do without

    return unchecked(text, paper_id)


@dataclass(frozen=True)
class DigestContext:
    """What ``graphs.digest`` needs. ``tldr_of`` and ``tag_paper`` store what they make, so
    that a digest that is killed finds it again; ``workers`` of them run at once.

    ``signals`` says what the reader and the lists make of papers, given those that an editor
    pinned, dropped and worked on; ``reasons`` why the first papers are chosen of the second;
    ``vectors`` are by paper id; ``trends`` and ``topics`` are of a period. ``check`` judges an
    editor's sentence about a paper. With ``tag_all`` the papers that are not chosen are tagged too.
    """

    papers: PaperStore
    period_papers: Callable[[str, str], Sequence[Paper]]
    tags: TagStore
    tldrs: TldrStore
    tag_paper: Callable[[Paper], object]
    tldr_of: Callable[[Paper], object]
    taxonomy: Taxonomy
    model: str
    workers: int = 1
    signals: Callable[[Sequence[Paper], Sequence[str], Sequence[str], Sequence[str]], Signals] = (
        _no_signals
    )
    reasons: Callable[[Sequence[Paper], Sequence[Paper], Signals], dict[str, list[Reason]]] = (
        lambda taken, week, signals: {}
    )
    vectors: Callable[[Sequence[Paper]], Mapping[str, Any]] = lambda papers: {}
    trends: Callable[[str, str], tuple[list[str], list[int], list[Trend]]] = lambda since, until: (
        [],
        [],
        [],
    )
    topics: Callable[[str, str], Sequence[tuple[str, int]]] = lambda since, until: ()
    check: Callable[[str, str | None], Sentence] = _unchecked
    tag_all: bool = False
