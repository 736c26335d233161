"""Reads the body of an answer: decompressed piece by piece, never more than was allowed.

The limit is on what comes out, and it holds while reading: ten kilobytes on the wire can be
ten megabytes of zeros, and those of a bomb are never all in memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from curator.fetch.failures import Failure

__all__ = ["MAX_BODY", "beginning", "read_body"]

MAX_BODY = 50_000_000  # bytes, where the caller says nothing else
_PIECE = 1 << 16
_PAGE_BYTES, _PAGE_SECONDS = 8_192, 5.0
# Text of feeds shrinks to a tenth, lists of the same words to a fiftieth. What expands more than
# this is no document (DEFLATE can do 1,032).
_RATIO = 300
_RATIO_FROM = 1_000_000  # bytes out


def read_body(chunks: Iterable[bytes], headers: Mapping[str, str], limit: int) -> bytes:
    """The whole body, decompressed.

    Raises:
        Failure: it is larger than ``limit`` bytes, was cut off, is damaged or compressed in a
            way that was not asked for.
    """
    length = headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > limit:
        raise _too_large(limit)
    body = bytearray()
    for piece in _decoded(chunks, headers):
        if len(body) + len(piece) > limit:
            raise _too_large(limit)
        body += piece
    return bytes(body)


def beginning(chunks: Iterable[bytes], headers: Mapping[str, str]) -> bytes:
    """The first bytes of an error's page; what can soon be had of them, never an error."""
    from curator.fetch.wire import TROUBLES, time_limit

    body = bytearray()
    # The status is what matters; the page must cost nothing.
    with suppress(Failure, *TROUBLES), time_limit(_PAGE_SECONDS):
        for piece in _decoded(chunks, headers):
            body += piece
            if len(body) >= _PAGE_BYTES:
                break
    return bytes(body[:_PAGE_BYTES])


def _decoded(chunks: Iterable[bytes], headers: Mapping[str, str]) -> Iterator[bytes]:
    codings = [c.strip().lower() for c in headers.get("content-encoding", "").split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return iter(chunks)
    if codings in (["gzip"], ["x-gzip"]):
        return _inflated(chunks, gzip=True)
    if codings == ["deflate"]:
        return _inflated(chunks, gzip=False)
    raise Failure(
        f"sent its answer compressed by {', '.join(codings)[:40]!r}, which was not asked for",
        remedy="The server does not keep to HTTP; tell its keeper.",
    )


def _inflated(chunks: Iterable[bytes], *, gzip: bool) -> Iterator[bytes]:
    """Undoes gzip, of several members too, or deflate with or without its zlib header."""
    decoder = None
    taken = given = 0
    for chunk in chunks:
        data, waiting = chunk, False
        taken += len(chunk)
        while data or waiting:
            if decoder is None:
                # RFC 9110, 8.4.1.2: some send deflate without the header, which starts with x8.
                bits = 31 if gzip else 15 if data[0] & 0x0F == 8 else -15
                decoder = zlib.decompressobj(bits)
            try:
                piece = decoder.decompress(data, _PIECE)
            except zlib.error:
                raise Failure("sent a damaged compressed answer", retries=None) from None
            given += len(piece)
            if given > _RATIO_FROM and given > _RATIO * taken:
                raise Failure(
                    f"sent an answer that expands more than {_RATIO}-fold, as only a trap does",
                    remedy="It is not read. Check the address.",
                )
            if piece:
                yield piece
            data = decoder.unconsumed_tail
            waiting = len(piece) == _PIECE and not decoder.eof
            if decoder.eof:
                data, decoder = decoder.unused_data, None
                if not gzip or (data and data[0] != 0x1F):
                    return  # what is left, if anything, is padding
    if decoder is not None:
        raise Failure("was cut off in the middle of its answer", retries=None)


def _too_large(limit: int) -> Failure:
    size = f"{limit / 1e6:,.0f} MB" if limit >= 1_000_000 else f"{limit:,} bytes"
    return Failure(f"sent more than {size}", remedy="Ask for less at once.", counts=False)
