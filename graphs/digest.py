"""The digest of a period: choose → tag what has no tags → summarise → arrange."""

from __future__ import annotations

from typing import cast

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from curator.batch import run_batch
from curator.digest.building import build_document, choose
from curator.digest.document import Failure
from curator.digest.period import Period
from curator.errors import ModelError
from curator.paper import Paper
from graphs.context import DigestContext
from graphs.state import DigestState

__all__ = ["build", "graph"]


def choose_papers(state: DigestState, runtime: Runtime[DigestContext]) -> DigestState:
    """The papers of the period, the most important first."""
    week = runtime.context.period_papers(state["since"], state["until"])
    chosen = choose(week, state["limit"])
    runtime.stream_writer({"event": "chosen", "seen": len(week), "chosen": len(chosen)})
    return {"seen": len(week), "paper_ids": [paper.id for paper in chosen]}


def tag_papers(state: DigestState, runtime: Runtime[DigestContext]) -> DigestState:
    """Tags the chosen papers, where that was not done yet. A failure only costs a section."""
    context = runtime.context
    papers = list(context.papers.get(state["paper_ids"]).values())
    untagged: list[Failure] = []
    for done, outcome in enumerate(
        run_batch(papers, context.tag_paper, workers=context.workers), 1
    ):
        runtime.stream_writer(
            {"event": "tagged", "done": done, "of": len(papers), "paper_id": outcome.item.id}
        )
        if outcome.error is not None:
            untagged.append(_failure(outcome.item, outcome.error))
    return {"untagged": sorted(untagged, key=lambda f: f["paper_id"])}


def summarise(state: DigestState, runtime: Runtime[DigestContext]) -> DigestState:
    """One checked or quoted sentence for each chosen paper."""
    context = runtime.context
    papers = list(context.papers.get(state["paper_ids"]).values())
    failed: list[Failure] = []
    done: set[str] = set()
    for outcome in run_batch(papers, context.tldr_of, workers=context.workers):
        paper = outcome.item
        if outcome.error is not None:
            failed.append(_failure(paper, outcome.error))
        else:
            done.add(paper.id)
        runtime.stream_writer(
            {
                "event": "summarised",
                "done": len(done) + len(failed),
                "of": len(papers),
                "paper_id": paper.id,
            }
        )
    if papers and not done:
        # One failure is the paper's; all of them are the model's.
        raise ModelError(f"No paper could be summarised: {failed[0]['reason']}", retryable=True)
    return {"failed": sorted(failed, key=lambda f: f["paper_id"])}


def arrange(state: DigestState, runtime: Runtime[DigestContext]) -> DigestState:
    """Puts the papers into sections."""
    context = runtime.context
    papers = list(context.papers.get(state["paper_ids"]).values())
    lost = {failure["paper_id"] for failure in state["failed"]}
    document = build_document(
        Period(state["name"], state["since"], state["until"]),
        state["seen"],
        [paper for paper in papers if paper.id not in lost],
        context.tldrs.tldrs(state["paper_ids"]),
        context.tags.tags(state["paper_ids"]),
        state["failed"],
        context.taxonomy,
        context.model,
        state["untagged"],
    )
    return {"document": cast("dict[str, object]", document)}


def _failure(paper: Paper, error: ModelError) -> Failure:
    return Failure(paper_id=paper.id, title=paper.title, reason=str(error))


def build() -> StateGraph[DigestState, DigestContext, DigestState, DigestState]:
    """The graph, not yet compiled."""
    builder = StateGraph(DigestState, context_schema=DigestContext)
    builder.add_node("choose_papers", choose_papers)
    builder.add_node("tag_papers", tag_papers)
    builder.add_node("summarise", summarise)
    builder.add_node("arrange", arrange)
    builder.add_edge(START, "choose_papers")
    builder.add_edge("choose_papers", "tag_papers")
    builder.add_edge("tag_papers", "summarise")
    builder.add_edge("summarise", "arrange")
    builder.add_edge("arrange", END)
    return builder


graph = build().compile()
