"""Reviewing tags: one paper at a time, until nothing is left to decide or the person leaves.

Each answer is stored before the next question is asked, and the graph waits at an `interrupt`,
so a review that is killed goes on at the same question. The state holds ids and names of tags;
papers and corrections are in the catalog. ``choose`` takes nothing for granted that the state
says: tags may have been made anew, or decided elsewhere, since the question was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Protocol, cast

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from curator.review import RUN, ReviewItem, leader
from curator.threads import config_of

__all__ = [
    "Review",
    "ReviewAnswer",
    "ReviewContext",
    "ReviewState",
    "build",
    "graph",
]

KEPT = 200  # answers that can be undone

Ancestors = Callable[[str], Sequence[str]]


class Queue(Protocol):
    """What waits (``curator.review.ReviewQueue``)."""

    def ordered(
        self, skipped: Collection[str] = (), recent: Sequence[str] = ()
    ) -> list[ReviewItem]: ...

    def item(self, paper_id: str) -> ReviewItem | None: ...


class CorrectionStore(Protocol):
    """What people said of tags (``curator.catalog.Corrections``)."""

    def set(
        self, paper_id: str, said: Mapping[str, bool | None], ancestors: Ancestors | None = None
    ) -> object: ...

    def of(self, paper_ids: Sequence[str]) -> dict[str, dict[str, bool]]: ...


@dataclass(frozen=True)
class ReviewContext:
    """What ``graphs.review`` needs. ``ancestors`` gives the parents of a tag, nearest first;
    ``on_corrected`` is told which papers were corrected, once each is left."""

    queue: Queue
    corrections: CorrectionStore
    ancestors: Ancestors
    on_corrected: Callable[[Sequence[str]], object] = lambda _: None


class ReviewAnswer(TypedDict):
    """What a person does at a question. ``decide`` says of tags whether the paper has them
    (None: takes back what was said); ``look`` asks for the question again, after a restart."""

    action: Literal["decide", "skip", "undo", "look"]
    said: NotRequired[dict[str, bool | None]]


class Step(TypedDict):
    """An answer that can be undone: what was said before of the paper's tags, or a skip."""

    paper_id: str
    before: dict[str, bool | None]
    skipped: bool


class ReviewState(TypedDict, total=False):
    """``paper_id`` is the paper asked about ("" for none), ``leader`` the tag for whose sake,
    ``had`` what was said of it; ``touched`` names papers of which something was said since
    ``on_corrected`` was called last."""

    paper_id: str
    leader: str
    had: dict[str, bool]
    skipped: list[str]
    recent: list[str]
    touched: list[str]
    history: list[Step]
    answer: ReviewAnswer


def choose(state: ReviewState, runtime: Runtime[ReviewContext]) -> ReviewState:
    """Stays with the paper while something of it is to be decided, else takes the next one."""
    context = runtime.context
    paper_id, recent = state.get("paper_id", ""), state.get("recent", [])
    skipped, touched = state.get("skipped", []), state.get("touched", [])
    if paper_id in skipped or not paper_id or context.queue.item(paper_id) is None:
        if touched:
            context.on_corrected(touched)
        if state.get("leader"):
            recent = [*recent, state["leader"]][-RUN:]
        waiting = context.queue.ordered(skipped, recent)
        paper_id = waiting[0].paper_id if waiting else ""
        chosen = {"leader": leader(waiting[0]) if waiting else "", "touched": []}
    else:
        chosen = {"touched": touched}
    had = context.corrections.of([paper_id]).get(paper_id, {})
    return cast(ReviewState, {"paper_id": paper_id, "recent": recent, "had": had, **chosen})


def ask(state: ReviewState) -> ReviewState:
    """Waits for a person. Nothing is done before: this runs again when the answer comes."""
    answer = interrupt({"paper_id": state["paper_id"]}, response_schema=ReviewAnswer)
    return {"answer": answer}


def decide(state: ReviewState, runtime: Runtime[ReviewContext]) -> ReviewState:
    """Stores what was said. Run twice, after a kill, it comes to the same."""
    said, paper_id = state["answer"].get("said", {}), state["paper_id"]
    if not said or not paper_id:
        return {}
    runtime.context.corrections.set(paper_id, said, runtime.context.ancestors)
    before = {tag: state["had"].get(tag) for tag in said}
    return {
        "history": _more(state, Step(paper_id=paper_id, before=before, skipped=False)),
        "touched": list(dict.fromkeys([*state.get("touched", []), paper_id])),
    }


def skip(state: ReviewState) -> ReviewState:
    """Leaves the paper for later."""
    paper_id = state["paper_id"]
    if not paper_id:
        return {}
    step = Step(paper_id=paper_id, before={}, skipped=True)
    return {
        "history": _more(state, step),
        "skipped": list(dict.fromkeys([*state.get("skipped", []), paper_id])),
    }


def undo(state: ReviewState, runtime: Runtime[ReviewContext]) -> ReviewState:
    """Takes the last answer back and returns to its paper."""
    if not state.get("history"):
        return {}
    *history, last = state["history"]
    paper_id = last["paper_id"]
    if last["skipped"]:
        left = [name for name in state.get("skipped", []) if name != paper_id]
        return {"history": history, "skipped": left, "paper_id": paper_id, "leader": ""}
    runtime.context.corrections.set(paper_id, last["before"], runtime.context.ancestors)
    touched = list(dict.fromkeys([*state.get("touched", []), paper_id]))
    return {"history": history, "touched": touched, "paper_id": paper_id, "leader": ""}


def look(state: ReviewState, runtime: Runtime[ReviewContext]) -> ReviewState:
    """Begins anew with what was skipped where nothing else is left."""
    left = runtime.context.queue.ordered(state.get("skipped", []))
    return {} if left else {"skipped": []}


def which(state: ReviewState) -> str:
    return state["answer"]["action"]


def _more(state: ReviewState, step: Step) -> list[Step]:
    return [*state.get("history", []), step][-KEPT:]


def build() -> StateGraph[ReviewState, ReviewContext, ReviewState, ReviewState]:
    """The graph, not yet compiled; it needs a checkpointer."""
    builder = StateGraph(ReviewState, context_schema=ReviewContext)
    builder.add_node("choose", choose)
    builder.add_node("ask", ask)
    builder.add_edge(START, "choose")
    builder.add_edge("choose", "ask")
    builder.add_conditional_edges("ask", which, ["decide", "skip", "undo", "look"])
    for name, node in (("decide", decide), ("skip", skip), ("undo", undo), ("look", look)):
        builder.add_node(name, node)
        builder.add_edge(name, "choose")
    return builder


graph = build().compile()


class Review:
    """A review that was begun, now or before this process; ``saver`` is a checkpointer."""

    def __init__(self, saver: Any, context: ReviewContext, thread: str = "review") -> None:
        self._graph = build().compile(checkpointer=saver)
        self._context = context
        self._config = config_of(thread)
        self._state: ReviewState = {}
        pending = self._graph.get_state(self._config)
        if pending.next == ("ask",):
            self.answer("look")
        else:  # never begun, or killed while an answer was being stored
            self._run(None if pending.next else {})

    @property
    def paper_id(self) -> str:
        """The paper that is asked about; "" once nothing is left."""
        return self._state.get("paper_id", "")

    @property
    def skipped(self) -> list[str]:
        """Papers left for later."""
        return self._state.get("skipped", [])

    @property
    def can_undo(self) -> bool:
        return bool(self._state.get("history"))

    def answer(
        self,
        action: Literal["decide", "skip", "undo", "look"],
        said: Mapping[str, bool | None] | None = None,
    ) -> None:
        """Answers the question; it is stored when this returns."""
        answer = ReviewAnswer(action=action)
        if said:
            answer["said"] = dict(said)
        self._run(Command(resume=answer))

    def leave(self) -> None:
        """Tells of the paper that is left in the middle."""
        if touched := self._state.get("touched"):
            self._context.on_corrected(touched)

    def _run(self, given: Any) -> None:
        # "sync": the question is asked once the last answer is on disk.
        result = self._graph.invoke(given, self._config, context=self._context, durability="sync")
        self._state = cast(ReviewState, result)
