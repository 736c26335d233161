"""The digest of a period: choose → tag what has no tags → summarise → arrange → edit."""

from __future__ import annotations

from typing import Any, cast

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from curator.batch import run_batch
from curator.digest.building import build_document
from curator.digest.choosing import choose
from curator.digest.document import Failure
from curator.digest.edits import (
    Edits,
    apply_edits,
    dropped_ids,
    explicitly_pinned,
    pinned_ids,
)
from curator.digest.lead import lead_of
from curator.digest.period import Period
from curator.errors import ModelError
from curator.paper import Paper
from graphs.context import DigestContext
from graphs.state import DigestState

__all__ = ["build", "graph"]


def choose_papers(state: DigestState, runtime: Runtime[DigestContext]) -> DigestState:
    """The papers of the period that this reader would choose, the best first."""
    context = runtime.context
    week = list(context.period_papers(state["since"], state["until"]))
    edits = cast("Edits | None", state.get("edits"))
    kept = pinned_ids(edits)
    known = {paper.id for paper in week}
    week += context.papers.get(i for i in kept if i not in known).values()
    signals = context.signals(week, explicitly_pinned(edits), dropped_ids(edits), kept)
    choice = choose(week, state["limit"], state.get("also", 0), signals)
    runtime.stream_writer({"event": "chosen", "seen": len(week), "chosen": len(choice.chosen)})
    taken = [*choice.chosen, *choice.notable]
    return {
        "seen": len(week),
        "paper_ids": [paper.id for paper in choice.chosen],
        "notable_ids": [paper.id for paper in choice.notable],
        "every_id": [paper.id for paper in week],
        "left": dict(choice.left),
        "why": context.reasons(taken, week, signals),
    }


def tag_papers(state: DigestState, runtime: Runtime[DigestContext]) -> DigestState:
    """Tags the papers, where that was not done yet: all of the period, since trends count them,
    or only the chosen ones where tagging costs calls. A failure only costs a section."""
    context = runtime.context
    chosen = {*state["paper_ids"], *state["notable_ids"]}
    wanted = state["every_id"] if context.tag_all else [*state["paper_ids"], *state["notable_ids"]]
    papers = list(context.papers.get(wanted).values())
    untagged: list[Failure] = []
    workers = context.workers
    for done, outcome in enumerate(run_batch(papers, context.tag_paper, workers=workers), 1):
        runtime.stream_writer(
            {"event": "tagged", "done": done, "of": len(papers), "paper_id": outcome.item.id}
        )
        if outcome.error is not None and outcome.item.id in chosen:
            untagged.append(_failure(outcome.item, outcome.error))
    return {"untagged": sorted(untagged, key=lambda f: f["paper_id"])}


def summarise(state: DigestState, runtime: Runtime[DigestContext]) -> DigestState:
    """One checked or quoted sentence for each chosen paper."""
    context = runtime.context
    papers = list(context.papers.get([*state["paper_ids"], *state["notable_ids"]]).values())
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
    """Puts the papers into sections, and says what moved."""
    context = runtime.context
    ids = [*state["paper_ids"], *state["notable_ids"]]
    papers = context.papers.get(ids)
    topics = list(context.topics(state["since"], state["until"]))
    lost = {failure["paper_id"] for failure in state["failed"]}
    document = build_document(
        Period(state["name"], state["since"], state["until"]),
        state["seen"],
        [papers[i] for i in state["paper_ids"] if i in papers and i not in lost],
        context.tldrs.tldrs(ids),
        context.tags.tags(ids),
        state["failed"],
        context.taxonomy,
        context.model,
        state["untagged"],
        reader=state.get("reader", "me"),
        zone=state.get("zone", ""),
        notable=[papers[i] for i in state["notable_ids"] if i in papers and i not in lost],
        left=cast("dict[str, Any]", state["left"]),
        why=state["why"],
        pinned=explicitly_pinned(cast("Edits | None", state.get("edits"))),
        vectors=context.vectors(list(papers.values())),
        trends=context.trends(state["since"], state["until"]),
        topics=topics,
    )
    return {"document": cast("dict[str, Any]", document), "topics": topics}


def edit(state: DigestState, runtime: Runtime[DigestContext]) -> DigestState:
    """Does once more what an editor did to it. Their sentences are checked, never changed."""
    edits = cast("Edits | None", state.get("edits"))
    edited = apply_edits(
        cast(Any, state["document"]),
        edits,
        runtime.context.check,
        lambda document: lead_of(document, state["topics"], state["paper_ids"]),
    )
    return {"document": cast("dict[str, Any]", edited)}


def _failure(paper: Paper, error: ModelError) -> Failure:
    return Failure(paper_id=paper.id, title=paper.title, reason=str(error))


def build() -> StateGraph[DigestState, DigestContext, DigestState, DigestState]:
    """The graph, not yet compiled."""
    builder = StateGraph(DigestState, context_schema=DigestContext)
    builder.add_node("choose_papers", choose_papers)
    builder.add_node("tag_papers", tag_papers)
    builder.add_node("summarise", summarise)
    builder.add_node("arrange", arrange)
    builder.add_node("edit", edit)
    builder.add_edge(START, "choose_papers")
    builder.add_edge("choose_papers", "tag_papers")
    builder.add_edge("tag_papers", "summarise")
    builder.add_edge("summarise", "arrange")
    builder.add_edge("arrange", "edit")
    builder.add_edge("edit", END)
    return builder


graph = build().compile()
