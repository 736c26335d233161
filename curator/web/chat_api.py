"""What the chat page's script asks for, and any other program may."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from curator.serving import Serving
from curator.serving.answering import asked
from curator.text import clean
from curator.threads import thread_name
from curator.web.chat_passage import passage
from curator.web.chat_stream import Event, EventLines, first_of
from curator.web.chat_threads import (
    Only,
    at_rest,
    chosen,
    known,
    listed,
    new_name,
    take_back,
)
from curator.web.chat_view import address_of
from curator.web.pages import Client, Served

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["chat"])


class Question(BaseModel):
    """A question; with ``thread`` the next of that conversation, which begins with it if there is
    none of that name. ``new``: the first of a new one, whose name is made from it. With neither,
    it belongs to none, and nothing is written down. ``again``: it is the last question of
    ``thread``, and the new answer takes the place of the stored one."""

    model_config = ConfigDict(extra="forbid")

    question: str
    thread: str | None = None
    new: bool = False
    again: bool = False
    filters: Only = Field(default_factory=Only)


class TakenBack(BaseModel):
    """Which question is meant to be the last."""

    model_config = ConfigDict(extra="forbid")

    question: str | None = None


@router.post(
    "/ask",
    response_class=EventLines,
    status_code=200,
    responses={200: {"description": "Events, one a line.", "content": {EventLines.media_type: {}}}},
)
async def ask(question: Question, serving: Served, client: Client) -> EventLines:
    """Answers, as lines of JSON that are written as they come. The first may be ``{"event":
    "thread", "thread", "address"}``; then as `curator.serving.Answering.ask` tells."""
    text, thread, filters = await run_in_threadpool(_understood, serving, question)
    again = question.again and thread is not None
    stream = serving.answering.ask(client, text, filters, thread=thread, again=again)
    before: list[Event] = []
    if thread is not None:
        before = [{"event": "thread", "thread": thread, "address": address_of(thread)}]
    return EventLines([*before, await first_of(stream)], stream)


def _understood(serving: Serving, question: Question) -> tuple[str, str | None, Any]:
    text = asked(clean(question.question))
    filters = chosen(serving.library, question.filters)
    if question.thread is None:
        return text, (new_name(serving, text) if question.new else None), filters
    thread = thread_name(question.thread)
    at_rest(serving, thread)
    return text, thread, filters


@router.get("/passage")
def stored_passage(
    serving: Served,
    paper_id: Annotated[str, Query(max_length=200)],
    quote: Annotated[str, Query(min_length=1, max_length=20_000)],
) -> dict[str, Any]:
    """The stored text of a paper with the quoted sentence in it."""
    return passage(serving.library, paper_id, quote)


@router.get("/threads")
def threads(serving: Served) -> dict[str, Any]:
    """The conversations, the newest first."""
    return {"threads": [vars(one) for one in listed(serving.library)]}


@router.post("/threads/{name:path}/undo")
def undo(name: str, serving: Served, last: TakenBack | None = None) -> dict[str, str]:
    """Takes the last question of a conversation back, as if it had never been asked."""
    thread = known(serving.library, name)
    taken = take_back(serving, thread, last.question if last else None)
    return {"thread": thread, "question": taken.question}
