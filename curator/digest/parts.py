"""What a digest is made with, out of a library: the parts of ``graphs.digest``'s context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from curator.catalog import Filters
from curator.digest.human import HumanCheck
from curator.digest.reader import ReaderParts, ReaderView
from curator.digest.trends import top_topics, trends_of

if TYPE_CHECKING:
    from curator.digest.period import Period
    from curator.grounding import Grounder
    from curator.llm.metered import MeteredLLM
    from curator.paper import Paper
    from curator.readers import Profile

__all__ = ["DigestLibrary", "digest_parts"]


class DigestLibrary(ReaderParts, Protocol):
    """What of a library is needed (`curator.library.Library` has it)."""

    @property
    def llm(self) -> MeteredLLM: ...

    @property
    def grounder(self) -> Grounder: ...

    @property
    def tag_questions(self) -> int: ...

    def tag_of(self, paper: Paper) -> object: ...

    def tldr_of(self, paper: Paper) -> object: ...


def digest_parts(library: DigestLibrary, period: Period, profile: Profile) -> dict[str, Any]:
    """The fields of ``graphs.context.DigestContext`` for one reader's digest of a period."""
    catalog, taxonomy = library.catalog, library.taxonomy
    view = ReaderView(library, profile, period)
    desk = HumanCheck(
        lambda paper_id: catalog.papers.get([paper_id]).get(paper_id),
        library.grounder,
        catalog.papers.resolve,
        library.search,
    )
    return {
        "papers": catalog.papers,
        "period_papers": lambda since, until: catalog.papers.select(
            Filters(since=since, until=until)
        ),
        "tags": catalog.outputs,
        "tldrs": catalog.outputs,
        "tag_paper": library.tag_of,
        "tldr_of": library.tldr_of,
        "taxonomy": taxonomy,
        "model": library.llm.identity,
        "workers": library.llm.concurrency,
        "signals": view.signals,
        "reasons": view.reasons,
        "vectors": view.vectors,
        "trends": lambda since, until: trends_of(catalog, taxonomy, since, until),
        "topics": lambda since, until: top_topics(catalog, taxonomy, since, until),
        "check": desk.check,
        "tag_all": not library.tag_questions,
    }
