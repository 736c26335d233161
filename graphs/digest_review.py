"""Reviewing a digest: one paper at a time, until all were looked at or the editor leaves.

Each answer is stored before the next question is asked, and the graph waits at an `interrupt`,
so a review that is killed goes on at the same paper. The state holds ids and edits; the digest
and its edits are in the catalog. ``choose`` takes nothing for granted that the state says: the
digest may have been made anew, or its file edited, since the question was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, Protocol, cast

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from curator.digest.edits import Edits, merge_edits, no_edits
from curator.threads import config_of

__all__ = ["DigestAnswer", "DigestReview", "DigestReviewContext", "build", "graph"]

KEPT = 30  # answers that can be undone; each keeps the edits of before

Action = Literal["change", "keep", "undo", "look"]


class Desk(Protocol):
    """The digest on an editor's desk: its papers with the edits done, in order, and the edits."""

    def papers(self) -> Sequence[str]: ...

    def edits(self) -> Edits | None: ...

    def save(self, edits: Edits) -> None: ...


@dataclass(frozen=True)
class DigestReviewContext:
    """What ``graphs.digest_review`` needs."""

    desk: Desk


class DigestAnswer(TypedDict):
    """What an editor does. ``change`` merges ``edits`` and stays with the paper unless ``on``;
    ``keep`` goes on; ``look`` asks again, after a restart."""

    action: Action
    edits: NotRequired[dict[str, Any]]
    on: NotRequired[bool]


class Step(TypedDict):
    """An answer that can be undone: the edits before and after it (None: they stayed), and
    whether it went on."""

    paper_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    on: bool


class DigestReviewState(TypedDict, total=False):
    """``paper_id`` is the paper asked about ("" for none), ``had`` the edits when it was asked,
    ``done`` the papers that were left behind; ``stale``: an undo found other edits than it left."""

    paper_id: str
    had: dict[str, Any]
    done: list[str]
    history: list[Step]
    stale: bool
    answer: DigestAnswer


def choose(state: DigestReviewState, runtime: Runtime[DigestReviewContext]) -> DigestReviewState:
    """Stays with the paper until it is left behind, else takes the first that was not."""
    desk = runtime.context.desk
    order, done = desk.papers(), set(state.get("done", []))
    paper_id = state.get("paper_id", "")
    if paper_id in done or paper_id not in order:
        paper_id = next((paper for paper in order if paper not in done), "")
    return {"paper_id": paper_id, "had": cast(dict[str, Any], desk.edits() or no_edits())}


def ask(state: DigestReviewState) -> DigestReviewState:
    """Waits for a person. Nothing is done before: this runs again when the answer comes."""
    return {"answer": interrupt({"paper_id": state["paper_id"]}, response_schema=DigestAnswer)}


def change(state: DigestReviewState, runtime: Runtime[DigestReviewContext]) -> DigestReviewState:
    """Stores an edit. Run twice, after a kill, it comes to the same."""
    desk, answer = runtime.context.desk, state["answer"]
    given = cast(Edits, {**no_edits(), **answer.get("edits", {})})
    merged = merge_edits(desk.edits(), given)
    desk.save(merged)
    return _left(state, answer.get("on", False), cast(dict[str, Any], merged))


def keep(state: DigestReviewState) -> DigestReviewState:
    """Goes on to the next paper."""
    return _left(state, True, None) if state["paper_id"] else {}


def _left(state: DigestReviewState, on: bool, after: dict[str, Any] | None) -> DigestReviewState:
    paper_id = state["paper_id"]
    before = state["had"] if after is not None else None
    step = Step(paper_id=paper_id, before=before, after=after, on=on)
    done = state.get("done", [])
    return {
        "history": [*state.get("history", []), step][-KEPT:],
        "done": list(dict.fromkeys([*done, paper_id])) if on else done,
        "stale": False,
    }


def undo(state: DigestReviewState, runtime: Runtime[DigestReviewContext]) -> DigestReviewState:
    """Takes the last answer back and returns to its paper; not where the edits are others now
    than that answer left, for those would be lost."""
    if not state.get("history"):
        return {}
    desk = runtime.context.desk
    *history, last = state["history"]
    if last["before"] is not None:
        now = cast(dict[str, Any], desk.edits() or no_edits())
        if now not in (last["after"], last["before"]):
            return {"stale": True, "history": []}
        desk.save(cast(Edits, last["before"]))
    done = [name for name in state.get("done", []) if name != last["paper_id"]]
    return {"history": history, "done": done, "paper_id": last["paper_id"], "stale": False}


def look(state: DigestReviewState, runtime: Runtime[DigestReviewContext]) -> DigestReviewState:
    """Begins anew where all papers were looked at."""
    left = set(runtime.context.desk.papers()) - set(state.get("done", []))
    return {} if left else {"done": [], "paper_id": ""}


def which(state: DigestReviewState) -> str:
    return state["answer"]["action"]


def build() -> StateGraph[
    DigestReviewState, DigestReviewContext, DigestReviewState, DigestReviewState
]:
    """The graph, not yet compiled; it needs a checkpointer."""
    builder = StateGraph(DigestReviewState, context_schema=DigestReviewContext)
    builder.add_node("choose", choose)
    builder.add_node("ask", ask)
    builder.add_edge(START, "choose")
    builder.add_edge("choose", "ask")
    builder.add_conditional_edges("ask", which, ["change", "keep", "undo", "look"])
    for name, node in (("change", change), ("keep", keep), ("undo", undo), ("look", look)):
        builder.add_node(name, node)
        builder.add_edge(name, "choose")
    return builder


graph = build().compile()


class DigestReview:
    """A review that was begun, now or before this process; ``saver`` is a checkpointer, and
    ``thread`` names the digest and its reader."""

    def __init__(self, saver: Any, context: DigestReviewContext, thread: str) -> None:
        self._graph = build().compile(checkpointer=saver)
        self._context = context
        self._config = config_of(thread)
        self._state: DigestReviewState = {}
        pending = self._graph.get_state(self._config)
        if pending.next == ("ask",):
            self.answer("look")
        else:  # never begun, or killed while an answer was being stored
            self._run(None if pending.next else {})

    @property
    def paper_id(self) -> str:
        """The paper that is asked about; "" once all were looked at."""
        return self._state.get("paper_id", "")

    @property
    def done(self) -> list[str]:
        """Papers that were left behind."""
        return self._state.get("done", [])

    @property
    def can_undo(self) -> bool:
        return bool(self._state.get("history"))

    @property
    def is_stale(self) -> bool:
        """Whether the last undo was refused, since the edits were changed elsewhere."""
        return self._state.get("stale", False)

    def answer(
        self, action: Action, edits: Mapping[str, Any] | None = None, *, on: bool = False
    ) -> None:
        """Answers the question; it is stored when this returns. ``edits`` are those fields of
        `curator.digest.edits.Edits` that change."""
        answer = DigestAnswer(action=action, on=on)
        if edits:
            answer["edits"] = dict(edits)
        self._run(Command(resume=answer))

    def _run(self, given: Any) -> None:
        # "sync": the question is asked once the last answer is on disk.
        result = self._graph.invoke(given, self._config, context=self._context, durability="sync")
        self._state = cast(DigestReviewState, result)
