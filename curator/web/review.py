"""Deciding the tags that are in doubt: a page, its forms, and the same for programs."""

from __future__ import annotations

from typing import Annotated, Any
from weakref import WeakKeyDictionary

from fastapi import APIRouter, BackgroundTasks, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from curator.errors import CuratorError, UsageError
from curator.serving import Serving
from curator.web.pages import Served, render
from curator.web.review_state import Action, Learning, Sitting

__all__ = ["router"]

router = APIRouter()

MOVED = "The review is at another paper now; nothing was done."
MOVED_REMEDY = "It went on elsewhere. Look at the paper that is shown, and answer again."

_learning: WeakKeyDictionary[Serving, Learning] = WeakKeyDictionary()


class ReviewedTags(BaseModel):
    """What a person did: ``decide`` says of tags whether the paper has them (null: takes back what
    was said). ``paper_id`` is the paper they were looking at, "" if none was left."""

    model_config = ConfigDict(extra="forbid")

    action: Action
    paper_id: str = Field(max_length=100)
    said: dict[Annotated[str, Field(max_length=200)], StrictBool | None] = {}


@router.get("/review", include_in_schema=False)
def page(request: Request, serving: Served, tasks: BackgroundTasks, told: str = "") -> Response:
    sitting = Sitting(serving)
    state = sitting.look()
    taxonomy = serving.library.taxonomy
    _learn(serving, tasks, sitting)
    return render(
        request,
        "review.html",
        title="Review tags",
        told=MOVED if told == "moved" else "",
        names=[tag.name for tag in taxonomy.tags],
        **state,
    )


@router.post("/review", include_in_schema=False)
def form(
    serving: Served,
    tasks: BackgroundTasks,
    answer: Annotated[str, Form(max_length=300)],
    paper_id: Annotated[str, Form(max_length=100)] = "",
    tag: Annotated[str, Form(max_length=200)] = "",
    listed: Annotated[list[str] | None, Form(max_length=100)] = None,
) -> Response:
    """``answer`` is ``skip``, ``undo``, ``all`` (the ``listed`` tags are right), ``add`` (of
    ``tag``), or ``yes TAG``, ``no TAG``, ``open TAG``."""
    action, said = _understood(answer, tag, listed or [])
    sitting = Sitting(serving)
    _, done = sitting.answer(action, paper_id, said)
    _learn(serving, tasks, sitting)
    return RedirectResponse("/review" if done else "/review?told=moved", status_code=303)


def _understood(answer: str, tag: str, listed: list[str]) -> tuple[Action, dict[str, bool | None]]:
    word, _, name = answer.partition(" ")
    if word == "skip":
        return "skip", {}
    if word == "undo":
        return "undo", {}
    if word == "all":
        return "decide", dict.fromkeys(listed, True)
    if word == "add":
        if not tag.strip():
            raise UsageError("No tag is named.", remedy="Type the name of a tag.")
        return "decide", {tag: True}
    says: dict[str, bool | None] = {"yes": True, "no": False, "open": None}
    if word not in says or not name:
        raise UsageError("That is no answer.", remedy="Say yes, no, skip or undo.")
    return "decide", {name: says[word]}


@router.get("/api/review")
def asked(serving: Served, tasks: BackgroundTasks) -> dict[str, Any]:
    """The paper that is asked about, with the tags that are in doubt."""
    sitting = Sitting(serving)
    state = sitting.look()
    _learn(serving, tasks, sitting)
    return state


@router.post("/api/review", response_model=None)
def answered(
    body: ReviewedTags, serving: Served, tasks: BackgroundTasks
) -> dict[str, Any] | JSONResponse:
    """Answers; the reply is the next state. 409, with that state, if another paper is asked about
    by now: then nothing is done."""
    sitting = Sitting(serving)
    state, done = sitting.answer(body.action, body.paper_id, body.said)
    _learn(serving, tasks, sitting)
    if done:
        return state
    refused = {"error": MOVED, "remedy": MOVED_REMEDY, **state}
    return JSONResponse(refused, 409, background=tasks)


def _learn(serving: Serving, tasks: BackgroundTasks, sitting: Sitting) -> None:
    """Has what was said learned from once the reply is sent: it takes from 0.2 to some seconds."""
    if sitting.touched:
        with serving.changing:
            learning = _learning.setdefault(serving, Learning())
        tasks.add_task(_learned, serving, learning, list(sitting.touched))


def _learned(serving: Serving, learning: Learning, paper_ids: list[str]) -> None:
    try:
        learning.learn(paper_ids, serving.library.on_corrected)
    except CuratorError as error:  # what was said is kept, and learned with the next tagging
        serving.library.notify(f"What was said of tags is kept, not learned yet: {error}")
