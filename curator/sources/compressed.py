"""Reads through gzip, zstd, bzip2 and xz, in constant memory and without being blown up.

Downloads and snapshots come compressed, often in several members one after another, sometimes
cut off, and now and then made to fill memory. What can be read before the damage is given out
first; the error comes when the reader gets there.
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol, cast

from curator.errors import InputError

__all__ = ["decompressed"]

LIMIT = 50_000_000_000  # bytes out; ten times the largest list of papers there is
# No list of papers shrinks to a thousandth. Below the first bytes any ratio is let through,
# since a small file of blanks harms nobody.
_RATIO = 1_000
_RATIO_FROM = 50_000_000
_MEMORY = 1 << 27  # bytes of window that a decoder may want; zstd's own bound without --long
_PIECE = 1 << 13  # bytes out at a time, which is what damage can cost of the good before it
_READ = 1 << 16
# zstandard gives out all that a piece of input expands to, which is at most 128 kB for each of
# its four-byte blocks (RFC 8878, 3.1.1.2): so it gets a kilobyte at a time.
_READ_ZSTD = 1 << 10
_HEAD = 10  # bytes that tell the format

_MAGIC = (
    (re.compile(rb"\x1f\x8b"), "gzip"),
    # A frame, or one to be skipped such as pzstd puts first.
    (re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), "zstd"),
    # "BZh" begins words too: the first block's or the end's mark has to follow.
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "bzip2"),
    (re.compile(rb"\xfd7zXZ\x00"), "xz"),
)
_COMMANDS = {"gzip": "gunzip -k", "zstd": "unzstd", "bzip2": "bunzip2 -k", "xz": "unxz -k"}


class _Decoder(Protocol):
    """One member of a compressed stream, as zlib, bz2, lzma and zstandard decode it."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


def decompressed(
    stream: BinaryIO, *, owned: bool = False, limit: int = LIMIT
) -> tuple[BinaryIO, str | None]:
    """A stream of the contents, and the compression that was found by its first bytes.

    Nothing is sought, so pipes work. What is not compressed is passed through as it is, with
    None. If ``owned``, closing the result closes ``stream``.

    Reading the result raises `InputError` where the data are damaged, cut off, compressed
    twice, larger than ``limit`` bytes or a bomb; everything before that has been given out.
    Its message begins with "It" or "Its", for whoever names the file.

    Raises:
        OSError: the stream cannot be read.
    """
    head = _up_to(stream, _HEAD)
    kind = _kind_of(head)
    pieces = _plain(head, stream) if kind is None else _Unpacking(head, stream, kind, limit).run()
    return cast(BinaryIO, _Pieces(pieces, stream if owned else None)), kind


def _kind_of(head: bytes) -> str | None:
    return next((kind for magic, kind in _MAGIC if magic.match(head)), None)


def _up_to(stream: BinaryIO, size: int) -> bytes:
    head = b""
    while len(head) < size and (part := stream.read(size - len(head))):
        head += part
    return head


def _plain(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    yield head
    while part := stream.read(_READ):
        yield part


class _Unpacking:
    """The pieces of one compressed stream, with what was read and given out so far."""

    def __init__(self, head: bytes, stream: BinaryIO, kind: str, limit: int) -> None:
        self._head = head
        self._stream = stream
        self._kind = kind
        self._limit = limit
        self._taken = 0
        self._given = 0
        self._start = b""  # of the contents, as long as the format in it cannot be told

    def run(self) -> Iterator[bytes]:
        try:
            yield from self._members()
        except InputError:
            if self._start:
                yield self._start
            raise
        if self._start:
            yield self._start

    def _members(self) -> Iterator[bytes]:
        decoder: _Decoder | None = None
        for chunk in self._chunks():
            data = chunk
            while data:
                if decoder is None:
                    data = data.lstrip(b"\0")  # tapes and xz pad with zeros
                    if not data:
                        break
                    decoder = _decoder(self._kind)
                for piece in self._decoded(decoder, data):
                    yield from self._checked(piece)
                data = b""
                if decoder.eof:
                    data, decoder = decoder.unused_data, None
        if decoder is not None:
            raise self._bad("is cut off in the middle")

    def _chunks(self) -> Iterator[bytes]:
        size = _READ_ZSTD if self._kind == "zstd" else _READ
        chunk = self._head
        while chunk:
            self._taken += len(chunk)
            yield chunk
            chunk = self._stream.read(size)

    def _decoded(self, decoder: _Decoder, data: bytes) -> Iterator[bytes]:
        """What comes out for ``data``, in small pieces: those before the damage count."""
        try:
            yield from _DECODE[self._kind](decoder, data)
        except _errors(self._kind) as error:
            if "memory" not in str(error).lower():
                raise self._bad("is damaged") from None
            option = " --long=31" if self._kind == "zstd" else ""
            raise InputError(
                f"Its {self._kind} compression wants more than {_MEMORY >> 20} MB of memory.",
                remedy=f"Unpack it first: {_COMMANDS[self._kind]}{option} FILE.",
            ) from None

    def _checked(self, piece: bytes) -> Iterator[bytes]:
        before = self._given
        self._given += len(piece)
        if self._given > _RATIO_FROM and self._given > _RATIO * self._taken:
            raise self._bad(f"expands more than {_RATIO:,}-fold, as only a trap does", "")
        if self._given > self._limit:
            raise self._bad(f"expands to more than {self._limit:,} bytes", "Split it.")
        if before < _HEAD:
            piece = self._start + piece
            inner = _kind_of(piece)
            if inner:
                self._start = b""
                raise InputError(
                    f"It is compressed twice ({inner} inside {self._kind}).",
                    remedy=f"Unpack it once: {_COMMANDS[self._kind]} FILE.",
                )
            self._start = piece if len(piece) < _HEAD else b""
            if self._start:
                return
        yield piece

    def _bad(self, what: str, remedy: str = "Get the file again.") -> InputError:
        return InputError(
            f"Its {self._kind} compression {what} (after {self._given:,} bytes of contents).",
            remedy=remedy,
        )


class _Pieces(io.BufferedIOBase):
    """A readable stream of pieces.

    Unlike io.BufferedReader it gives out what it has when the next piece is an error, and
    raises that error at the next reading (and each one after).
    """

    def __init__(self, pieces: Iterator[bytes], source: BinaryIO | None) -> None:
        self._pieces = pieces
        self._source = source
        self._buffer = b""
        self._at = 0
        self._error: InputError | OSError | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = -1 if size is None else size
        parts: list[bytes] = []
        while wanted and self._fill(raises=not parts):
            part = self._take(wanted)
            parts.append(part)
            wanted -= len(part) if wanted > 0 else 0
        return b"".join(parts)

    def read1(self, size: int = -1, /) -> bytes:
        return self._take(size) if size and self._fill() else b""

    def peek(self, size: int = 0, /) -> bytes:
        """What is at hand, without taking it: with this ``readline`` is not byte by byte."""
        return self._buffer[self._at :] if self._fill() else b""

    def close(self) -> None:
        if self._source is not None and not self.closed:
            self._source.close()
        super().close()

    def _fill(self, *, raises: bool = True) -> bool:
        """Whether there is something in the buffer, now or after the next piece."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        while self._at >= len(self._buffer):
            try:
                if self._error is None:
                    self._buffer, self._at = next(self._pieces), 0
                    continue
            except StopIteration:
                return False
            except (InputError, OSError) as error:
                self._error = error
            if raises:
                raise self._error
            return False
        return True

    def _take(self, size: int) -> bytes:
        end = len(self._buffer) if size < 0 else self._at + size
        part = self._buffer[self._at : end]
        self._at += len(part)
        return part


def _decoder(kind: str) -> Any:
    if kind == "gzip":
        return zlib.decompressobj(31)  # with gzip's header and checksum
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    if kind == "xz":
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
    from zstandard import ZstdDecompressor

    return ZstdDecompressor(max_window_size=_MEMORY).decompressobj()


def _errors(kind: str) -> tuple[type[Exception], ...]:
    if kind == "zstd":
        from zstandard import ZstdError

        return (ZstdError,)
    return (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


def _decode_zlib(decoder: Any, data: bytes) -> Iterator[bytes]:
    more = True
    while more:
        piece = decoder.decompress(data, _PIECE)
        yield piece
        data = decoder.unconsumed_tail
        more = not decoder.eof and (bool(data) or len(piece) == _PIECE)


def _decode_file(decoder: Any, data: bytes) -> Iterator[bytes]:
    yield decoder.decompress(data, _PIECE)
    while not (decoder.eof or decoder.needs_input):
        yield decoder.decompress(b"", _PIECE)


def _decode_zstd(decoder: Any, data: bytes) -> Iterator[bytes]:
    yield decoder.decompress(data)


_DECODE: dict[str, Callable[[Any, bytes], Iterator[bytes]]] = {
    "gzip": _decode_zlib,
    "bzip2": _decode_file,
    "xz": _decode_file,
    "zstd": _decode_zstd,
}
