"""The events of an answer as lines of JSON, written as they come.

Who closes the connection closes the answer's stream with it, which frees the place in the queue;
that is noticed at once, also while there is nothing to write.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from curator.errors import CuratorError
from curator.web.chat_view import Numbers, answer_view, sentence_view

__all__ = ["ALIVE", "EventLines", "Left", "first_of", "unless_left"]

Event = dict[str, Any]
T = TypeVar("T")

ALIVE = 10.0  # seconds; proxies give up a connection on which nothing comes for a minute or less

_log = logging.getLogger(__name__)


class Left(Exception):
    """Whoever asked has closed the connection."""


async def first_of(stream: AsyncGenerator[Event]) -> Event:
    """The first event, before anything is written, so that what is raised until then can still
    be an HTTP error; the stream goes on with the second.

    Raises:
        CuratorError: whatever the stream raises at its beginning; it is closed then.
    """
    try:
        return await anext(stream)
    except BaseException:
        await stream.aclose()
        raise


class EventLines(StreamingResponse):
    """One JSON object a line (``application/x-ndjson``): ``before``, then what ``stream`` gives.

    ``sentence`` and ``answer`` events have ``shown`` beside them, as pages show it
    (`curator.web.chat_view`); ``writing`` is told once in a row; ``{"event": "alive"}`` comes
    when for ``alive`` seconds nothing else did. An error is the last line: ``{"event": "error",
    "error", "remedy"}``.
    """

    media_type = "application/x-ndjson"

    def __init__(
        self, before: Sequence[Event], stream: AsyncGenerator[Event], *, alive: float | None = None
    ) -> None:
        self._stream = stream
        self._lines = _lines(before, stream, ALIVE if alive is None else alive)
        # Proxies are not to collect what is written line by line.
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(self._lines, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        try:
            with suppress(Left):
                await unless_left(receive, self.stream_response(send))
        finally:
            await self._lines.aclose()
            await self._stream.aclose()  # nothing may have been written yet


async def unless_left(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What comes of ``work``, which is cancelled when the client closes the connection. The
    request's body must have been read.

    Raises:
        Left: it did.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Left
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lines(
    before: Sequence[Event], stream: AsyncGenerator[Event], alive: float
) -> AsyncGenerator[str]:
    try:
        for event in before:
            yield _line(event)
        last, numbers = "", Numbers()
        async with aclosing(_kept_alive(stream, alive)) as events:
            async for event in events:
                if event["event"] == last == "writing":
                    continue
                if event["event"] != "alive":
                    last = event["event"]
                yield _line(_with_shown(event, numbers))
    except CuratorError as error:
        yield _line({"event": "error", "error": error.message, "remedy": error.remedy})
    except Exception:  # noqa: BLE001 - the status is sent; this is how it can still be told
        _log.exception("an answer ended unforeseen")
        remedy = "The server's log says what."
        yield _line({"event": "error", "error": "Something unforeseen happened.", "remedy": remedy})
    finally:
        await stream.aclose()


async def _kept_alive(stream: AsyncGenerator[Event], alive: float) -> AsyncGenerator[Event]:
    coming: asyncio.Future[Event | None] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(_next(stream))
            done, _ = await asyncio.wait({coming}, timeout=alive)
            if not done:
                yield {"event": "alive"}
                continue
            event = coming.result()
            if event is None:
                return
            coming = None
            yield event
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _next(stream: AsyncGenerator[Event]) -> Event | None:
    return await anext(stream, None)


def _with_shown(event: Event, numbers: Numbers) -> Event:
    if event["event"] == "sentence":
        return {**event, "shown": sentence_view(event["sentence"], numbers)}
    if event["event"] == "answer":
        return {**event, "shown": answer_view(event["answer"])}
    return event


def _line(event: Mapping[str, Any]) -> str:
    # ASCII only: some readers of lines take U+2028 and its like for the end of one.
    return json.dumps(event) + "\n"
