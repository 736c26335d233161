"""A stream whose beginning can be looked at before it is read."""

from __future__ import annotations

import io
from typing import BinaryIO

__all__ = ["HEAD", "Replay"]

HEAD = 1 << 18  # bytes that decide the format


class Replay(io.RawIOBase):
    """A stream whose first bytes can be looked at and are then given out all the same.

    Works for pipes and ``/dev/fd/63`` too, which cannot be rewound.
    """

    def __init__(self, stream: BinaryIO, *, owned: bool) -> None:
        self._stream = stream
        self._owned = owned
        self._left = b""

    def peek(self, size: int) -> bytes:
        """The first bytes, up to ``size``."""
        while len(self._left) < size and (part := self._stream.read(size - len(self._left))):
            self._left += part
        return self._left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        part = self._left[: len(buffer)] or self._stream.read(len(buffer))
        self._left = self._left[len(part) :]
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        if self._owned:  # standard input stays open for whoever asks the user next
            self._stream.close()
        super().close()
