"""The OpenAI-compatible endpoint: any chat client can ask the library, with any model name it has.

Answers come as sentences with footnotes, and as data in a field ``curator`` of the message.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from curator.errors import CuratorError, MissingError, NotFoundError, UsageError
from curator.web.openai_models import (
    ChatRequest,
    Choice,
    Completion,
    Embedding,
    Embeddings,
    EmbeddingsRequest,
    EmbeddingsSpent,
    Failure,
    Model,
    Models,
    Spoken,
)
from curator.web.openai_text import Writing, conversation, known, spent
from curator.web.pages import Client, Served

if TYPE_CHECKING:
    from curator.answers import Answer
    from curator.library import Library

__all__ = ["router"]

NAME = "curator"
TEXTS, LONGEST = 64, 8_000  # of one request for embeddings; characters of each
STARTED = int(time.time())

Event = dict[str, Any]
T = TypeVar("T")

_log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/v1",
    tags=["OpenAI-compatible"],
    responses={status: {"model": Failure} for status in (400, 401, 404, 422, 429, 503)},
)


class Gone(Exception):
    """Who asked has left; nobody reads the response."""


# ------------------------------------------------------------------------ answers


@router.post(
    "/chat/completions",
    response_model=Completion,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "The answer; with `stream`, a chunk for each checked sentence, then "
            "the footnotes. While others are served, comments like `: position 3`.",
        }
    },
)
async def chat_completions(
    body: ChatRequest, request: Request, serving: Served, client: Client
) -> Any:
    """Answers the last message from the library: each sentence is quoted from a paper's stored
    text or was checked against it, and the footnotes say which.

    The earlier messages are the conversation, so that follow-ups work. `temperature`,
    `max_tokens`, `seed`, `user` and the like are taken without effect; `n` above 1, `tools`,
    `response_format`, `logprobs`, images and audio are refused.
    """
    _refuse(body)
    question, turns = conversation(body.messages)
    events = serving.answering.ask(client, question, turns=turns)
    try:
        if body.stream:
            # The first events: what is wrong from the start is still told by the status.
            held = [await _while_there(request, anext(events))]
            if held[0]["event"] == "started":
                held.append(await _while_there(request, anext(events)))
        else:
            async with aclosing(events):
                return _completion(await _while_there(request, _answer(events)))
    except Gone:
        return Response(status_code=499)
    except BaseException:
        await events.aclose()
        raise
    usage = bool(body.stream_options and body.stream_options.include_usage)
    return _Streamed(events, _chunks(_all(held, events), usage))


def _refuse(body: ChatRequest) -> None:
    """
    Raises:
        NotFoundError: another model is asked for.
        UsageError: what is asked for cannot be had.
    """
    if body.model != NAME:
        raise NotFoundError(f"There is no model {body.model[:80]!r}.", remedy=f"Ask {NAME!r}.")
    texts = body.response_format is None or body.response_format.type == "text"
    for wanted, what, remedy in (
        (body.n not in (None, 1), "n", "Ask for one answer."),
        (bool(body.tools or body.functions), "tools", "Leave them out; over MCP the library is "
         "a set of tools itself."),
        (not texts, "response_format", "Take the message's field `curator`: the answer as data."),
        (bool(body.logprobs or body.top_logprobs), "logprobs", "Leave them out."),
        (bool(body.audio or set(body.modalities or ()) - {"text"}), "modalities", "Take text."),
    ):  # fmt: skip
        if wanted:
            raise UsageError(f"{what} cannot be had here.", remedy=remedy)


async def _answer(events: AsyncGenerator[Event]) -> Answer:
    async for event in events:
        if event["event"] == "answer":
            answer: Answer = event["answer"]
            return answer
    raise CuratorError("The answer broke off.", remedy="Ask again.", retryable=True)


def _completion(answer: Answer) -> Completion:
    writing = Writing()
    message = Spoken(content=writing.rest(answer), curator=known(answer))
    return Completion(
        id=_id(), created=int(time.time()), choices=[Choice(message=message)], usage=spent(answer)
    )


def _id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


# ---------------------------------------------------------------------- streaming


class _Streamed(StreamingResponse):
    """Events of an answer, which is stopped when the client leaves, at whatever moment."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[Event], content: AsyncGenerator[str]) -> None:
        super().__init__(content, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        self._events, self._content = events, content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events), aclosing(self._content):
            await super().__call__(scope, receive, send)


async def _all(held: list[Event], events: AsyncGenerator[Event]) -> AsyncIterator[Event]:
    for event in held:
        yield event
    async for event in events:
        yield event


async def _chunks(events: AsyncIterator[Event], usage: bool) -> AsyncGenerator[str]:
    """The server-sent events of one answer."""
    head = {"id": _id(), "object": "chat.completion.chunk", "created": int(time.time())}
    head["model"] = NAME
    more: dict[str, Any] = {"usage": None} if usage else {}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data({**head, "choices": [choice], **more})

    writing = Writing()
    yield chunk({"role": "assistant", "content": ""})
    try:
        async for event in events:
            kind = event["event"]
            if kind == "queued":
                yield f": position {event['position']}\n\n"
            elif kind == "sentence":
                delta = writing.sentence(event["sentence"])
                yield chunk({"content": delta})
            elif kind == "answer":
                answer: Answer = event["answer"]
                data = known(answer).model_dump()
                yield chunk({"content": writing.rest(answer), "curator": data})
                yield chunk({}, "stop")
                if usage:
                    yield _data({**head, "choices": [], "usage": spent(answer).model_dump()})
            elif kind != "writing":
                yield f": {kind}\n\n"  # what is between the client and us sees that we are there
    except CuratorError as error:
        yield _failure(str(error))
    except Exception:  # noqa: BLE001 - the stream has begun: only in it can anything be said
        _log.exception("an answer failed")
        yield _failure("Something unforeseen happened. The server's log says what.")
    else:
        yield "data: [DONE]\n\n"


def _data(value: Any) -> str:
    return f"data: {json.dumps(value)}\n\n"


def _failure(message: str) -> str:
    return _data(
        {"error": {"message": message, "type": "server_error", "code": None, "param": None}}
    )


async def _while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What comes of the work, which is cancelled if the client leaves before.

    Raises:
        Gone: it left.
    """

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks: tuple[asyncio.Task[T], asyncio.Task[None]]
    tasks = asyncio.ensure_future(work), asyncio.ensure_future(left())
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            raise Gone
        return tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# ----------------------------------------------------------- models and embeddings


@router.get("/models")
def models(serving: Served) -> Models:
    """What can be asked, and what makes embeddings, if its weights are there."""
    names = [NAME]
    with suppress(MissingError):
        names.append(serving.library.embedder.name)
    return Models(data=[Model(id=name, created=STARTED) for name in names])


@router.get("/models/{model_id:path}")
def model(model_id: str, serving: Served) -> Model:
    """One of them."""
    for one in models(serving).data:
        if one.id == model_id:
            return one
    raise NotFoundError(f"There is no model {model_id[:80]!r}.", remedy="See /v1/models.")


@router.post("/embeddings")
def embeddings(body: EmbeddingsRequest, serving: Served) -> Embeddings:
    """Vectors by the model that the library is searched with, made as those of its papers are
    (with `input_type` `query`: as those of searches)."""
    texts = _texts(body.input)
    library: Library = serving.library
    embedder = library.embedder
    if body.model != embedder.name:
        raise NotFoundError(
            f"There is no embedding model {body.model[:80]!r}.", remedy=f"Ask {embedder.name!r}."
        )
    if body.input_type == "query":
        rows = [embedder.embed_query(text) for text in texts]
    else:
        rows = list(embedder.embed(texts))
    if body.dimensions not in (None, len(rows[0])):
        raise UsageError(
            f"The vectors have {len(rows[0])} dimensions, not {body.dimensions}.",
            remedy="Leave `dimensions` out.",
        )
    data = [
        Embedding(
            index=place,
            embedding=base64.b64encode(row.astype("<f4").tobytes()).decode()
            if body.encoding_format == "base64"
            else [float(number) for number in row],
        )
        for place, row in enumerate(rows)
    ]
    return Embeddings(
        data=data, model=embedder.name, usage=EmbeddingsSpent(prompt_tokens=0, total_tokens=0)
    )


def _texts(given: str | list[str] | list[int] | list[list[int]]) -> list[str]:
    """
    Raises:
        UsageError: there is no text, too much of it, or numbers in its place.
    """
    several = [given] if isinstance(given, str) else list(given)
    if not several or len(several) > TEXTS:
        raise UsageError(f"The input has {len(several):,} texts.", remedy=f"Send 1 to {TEXTS}.")
    texts = [one for one in several if isinstance(one, str)]
    if len(texts) < len(several):
        raise UsageError("The input has numbers of tokens.", remedy="Send text.")
    for text in texts:
        if not text.strip():
            raise UsageError("The input has an empty text.", remedy="Leave it out.")
        if len(text) > LONGEST:
            raise UsageError(
                f"A text has {len(text):,} characters.", remedy=f"Send {LONGEST:,} at most."
            )
    return texts
