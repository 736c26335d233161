"""The state that flows through each graph: plain values and ids, so that any checkpointer can
store it. Papers and models are reached through the context, never kept in the state."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from typing_extensions import TypedDict

from curator.answers import Answer, AnswerSentence, Rungs
from curator.digest.document import Failure, Reason
from curator.threads import summarised

__all__ = [
    "AskInput",
    "AskOutput",
    "AskState",
    "DigestState",
    "EvidenceItem",
    "Route",
    "TagState",
    "Turn",
]


class Turn(TypedDict):
    """One finished exchange of a conversation; ``answer`` is empty once it is an old one."""

    question: str
    answer: str
    paper_ids: list[str]


# Who answers: the catalog, an overview of many papers, or a few sentences as always.
Route = Literal["library", "overview", "ordinary"]


class EvidenceItem(TypedDict):
    """One numbered stored sentence."""

    number: int
    paper_id: str
    quote: str
    score: float


class AskInput(TypedDict, total=False):
    """``filters`` are the fields of ``curator.catalog.Filters``; ``turns`` what was said before,
    where no checkpointer remembers it."""

    question: str
    filters: dict[str, Any]
    turns: Annotated[list[Turn], add_turns]


class AskOutput(TypedDict):
    answer: Answer


def add_turns(old: list[Turn] | None, new: list[Turn] | None) -> list[Turn]:
    """Conversations grow, and old turns in them are summarised; giving None forgets them."""
    return [] if new is None else cast("list[Turn]", summarised([*(old or []), *new]))


class AskState(AskInput, total=False):
    route: Route
    query: str
    evidence: list[EvidenceItem]
    nearest: list[str]
    decision: Literal["answer", "abstain"]
    reason: str
    draft: list[dict[str, Any]]
    model: str
    usage: dict[str, float]
    rungs: Rungs | None
    sentences: list[AnswerSentence]
    answer: Answer


class TagState(TypedDict, total=False):
    """``only``: the tags that are to be decided (default: all); ``kept``: those of the paper
    that stay as they are."""

    paper_id: str
    only: list[str]
    kept: list[dict[str, Any]]
    scores: dict[str, float]
    accepted: dict[str, float]
    uncertain: dict[str, float]
    votes: dict[str, float]
    model: str
    tags: list[dict[str, Any]]


class DigestState(TypedDict, total=False):
    """``limit`` papers are chosen and ``also`` as notable ones; ``edits`` are an editor's
    (``curator.digest.edits.Edits``), ``every_id`` all papers of the period."""

    name: str
    since: str
    until: str
    reader: str
    zone: str
    limit: int
    also: int
    edits: dict[str, Any] | None
    seen: int
    paper_ids: list[str]
    notable_ids: list[str]
    every_id: list[str]
    left: dict[str, str]
    why: dict[str, list[Reason]]
    topics: list[tuple[str, int]]
    untagged: list[Failure]
    failed: list[Failure]
    document: dict[str, Any]
