"""The body of a request: counted while it comes, and looked into for a form's token.

What was read for the token is given to the route once more; nothing but that is ever held here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.types import Message, Receive

__all__ = ["Body", "BodyRefused"]

LINGER = 1.5  # seconds; closing at once would take the answer away from who still sends
FIELD = 1024  # bytes of a field that can still be a token
FIELDS = 10_000
AHEAD = 1 << 20  # bytes of an upload in which the field must come


class BodyRefused(Exception):
    """A body that is too large or too slow; ``status`` is that of HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Body:
    """The messages of a request. ``limit`` is in bytes; ``seconds`` is how long the whole body
    may take from the first time it is asked for.

    After a refusal (`receive` raised `BodyRefused` once) there is nothing but a disconnect.
    """

    def __init__(self, receive: Receive, *, limit: int, seconds: float) -> None:
        self._source = receive
        self._limit, self._seconds = limit, seconds
        self._until: float | None = None
        self._kept: deque[Message] = deque()
        self.size = 0
        self.whole = False  # whether all of it came, or the client left
        self.refused = False

    async def receive(self) -> Message:
        """The next message.

        Raises:
            BodyRefused: the body is larger than the limit, or took too long.
        """
        return self._kept.popleft() if self._kept else await self._next()

    async def field(self, name: str, content_type: str) -> str | None:
        """The value of a field of a form, or None: no such field, or no form. What is read for it
        comes once more from `receive`; of an upload that is no more than needed.

        Raises:
            BodyRefused: as `receive`.
        """
        kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
        if kind == b"application/x-www-form-urlencoded":
            return await self._urlencoded(name)
        if kind == b"multipart/form-data" and options.get(b"boundary"):
            return await self._multipart(name, options[b"boundary"])
        return None

    async def linger(self) -> None:
        """Throws away what still comes, for a moment."""
        self.refused = True
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                while not self.whole:
                    self._count(await self._source())

    async def _next(self) -> Message:
        if self.refused:
            return {"type": "http.disconnect"}
        if self.whole:
            return await self._source()  # the disconnect, whenever that is
        loop = asyncio.get_running_loop()
        self._until = self._until or loop.time() + self._seconds
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._source()
        except TimeoutError:
            self.refused = True
            raise BodyRefused(408) from None
        self._count(message)
        if self.size > self._limit:
            self.refused = True
            self._kept.clear()
            raise BodyRefused(413)
        return message

    def _count(self, message: Message) -> None:
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
            self.whole = not message.get("more_body", False)
        else:
            self.whole = True

    async def _keep(self) -> bytes | None:
        """The next piece, to be given out once more; None at the end."""
        if self.whole:
            return None
        message = await self._next()
        self._kept.append(message)
        return bytes(message.get("body", b"")) if message["type"] == "http.request" else None

    async def _urlencoded(self, name: str) -> str | None:
        pieces = []
        while (piece := await self._keep()) is not None:
            pieces.append(piece)
        try:
            fields = parse_qsl(b"".join(pieces).decode("latin-1"), max_num_fields=FIELDS)
        except ValueError:
            return None
        return next((value for key, value in fields if key == name), None)

    async def _multipart(self, name: str, boundary: bytes) -> str | None:
        try:
            reader = _Field(name.encode("ascii"), boundary)
            while reader.value is None and self.size <= AHEAD:
                piece = await self._keep()
                if piece is None:
                    break
                reader.parser.write(piece)
        except FormParserError:
            return None
        return reader.value.decode("latin-1") if reader.value is not None else None


class _Field:
    """Reads one field of a multipart form, piece by piece."""

    def __init__(self, name: bytes, boundary: bytes) -> None:
        self.value: bytes | None = None
        self._name = name
        self._header, self._content = b"", b""
        self._said = b""
        self._inside = False
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._header = self._said = self._content = b""
        self._inside = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._said += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._said)
            self._inside = options.get(b"name") == self._name and b"filename" not in options
        self._header = self._said = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._inside and len(self._content) <= FIELD:
            self._content += data[start : min(end, start + FIELD + 1)]

    def _end(self) -> None:
        if self._inside and self.value is None:
            self.value = self._content
