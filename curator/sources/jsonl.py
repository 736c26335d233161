"""JSON Lines: one object per line with ``title``, ``abstract`` and what else is known.

Also read: a file that is one JSON document (`curator.sources.documents` knows which). Unknown
fields are ignored; a bad line is rejected with its number and spoils no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, NoReturn, TextIO

from curator.errors import FetchError, InputError
from curator.fetch import Fetched
from curator.paper import Entry, Rejected
from curator.sources.values import excerpt

__all__ = [
    "answer",
    "load",
    "looks_like_array",
    "looks_like_document",
    "looks_like_lines",
    "parse_array",
    "parse_document",
    "parse_lines",
]

MAX_LINE = 5_000_000  # characters; the longest abstract that is taken has 50,000
# So many lines without any object are not JSON Lines with a bad start. Their rejections are
# held back until an object is seen, for which this is also the bound.
_PATIENCE = 1_000
_TRIED = 100  # objects within which each column of a user's mapping has to be seen

_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # as `surrogateescape` reads them
_ARRAY = re.compile(r"\s*\[\s*[\[{\]]")
# How a document goes on whose first line ends so; `},` and `{` are an array without its brackets.
_GOES_ON = {"{": re.compile(r'\s*["}]'), "[": re.compile(r'\s*["{\[\]]'), ",": re.compile(r'\s*"')}


class _BadLine(ValueError):
    """Not a JSON object; the message is a reason for the reader."""


def looks_like_array(head: str) -> bool:
    """Whether a file that starts so is one JSON array of objects (or of arrays of them)."""
    return bool(_ARRAY.match(head))


def looks_like_document(head: str, *, whole: bool) -> bool:
    """Whether a file that starts so is one JSON object rather than one for each line.

    ``head`` is how the file starts, ``whole`` whether that is all of it. An object that
    stands on one line whole is left to `parse_lines`, which opens it too.
    """
    first, _, rest = head.lstrip("\ufeff \t\r\n").partition("\n")
    if not first.startswith("{") or _is_object(first):
        return False
    if not rest.strip():
        return not whole and bool(re.match(r'\{\s*"', first))  # one line, longer than the head
    goes_on = _GOES_ON.get(first.rstrip()[-1:])
    return goes_on is not None and bool(goes_on.match(rest))


def looks_like_lines(lines: Sequence[str]) -> bool:
    """Whether the first lines of a file are JSON Lines, or were meant to be."""
    seen = [line for line in lines if line.strip()][:_PATIENCE]
    if seen and re.match(r'\s*\{\s*"', seen[0]):
        return True
    return bool(seen) and 2 * sum(map(_is_object, seen)) >= len(seen)


def parse_lines(stream: TextIO, mapping: Mapping[str, str] | None = None) -> Iterator[Entry]:
    """Reads line by line, in constant memory; ``where`` is like ``line 17``.

    ``mapping`` names the columns of our fields, where others are meant than those that are
    known: ``{"title": "Paper Title", "abstract": "meta.text"}``. A line that is a page of
    results of some service gives all of its papers (``line 17, entry 3``). One object that is
    all there is, and no paper, is read as `parse_document` does.

    Raises:
        InputError: no line is a JSON object, or none has a column of the mapping, or all there
            is is a document without papers. Nothing has been yielded by then.
        UsageError: the mapping names a field that is none of ours.
    """
    # Here, since `documents` needs the services' modules, and those need `answer` below.
    from curator.sources import documents
    from curator.sources.fields import columns_missing, dig, title_columns

    items = documents.Items(mapping)
    objects = _objects(stream)
    tried = list(islice(objects, _TRIED if items.mapping else 2))
    alone = tried[0][1] if len(tried) == 1 else None
    if isinstance(alone, dict) and not items.mapping and not title_columns(alone):
        yield from documents.parse(alone)[1]
        return
    if items.mapping:
        seen = [fields for _, fields in tried if isinstance(fields, dict)]
        lost = [c for c in items.mapping.values() if all(dig(f, c) is None for f in seen)]
        if seen and lost:
            columns = dict.fromkeys(name for fields in seen for name in fields)
            raise columns_missing(items.mapping, lost, columns)
    for where, fields in chain(tried, objects):
        if isinstance(fields, Rejected):
            yield fields
        else:
            yield from items.of(fields, where)


def _objects(stream: TextIO) -> Iterator[tuple[str, dict[str, Any] | Rejected]]:
    """The object of each line, or why there is none; bad lines at the start are held back."""
    held: list[tuple[str, Rejected]] = []
    objects = 0
    for number, line in _numbered(stream):
        where = f"line {number}"
        try:
            if line is None:
                raise _BadLine(f"longer than {MAX_LINE:,} characters; no paper is")
            fields = _object(line)
        except _BadLine as error:
            bad = Rejected(where, str(error))
            if objects:
                yield where, bad
            elif len(held) < _PATIENCE:
                held.append((where, bad))
            else:
                break
        else:
            if not objects:
                yield from held
            objects += 1
            yield where, fields
    if not objects:
        first = f" The first: {held[0][0]}: {held[0][1].reason}." if held else ""
        raise InputError(
            f"It is not JSON Lines: no line of it is a JSON object.{first}",
            remedy="Write each paper as one JSON object on a line of its own, "
            "with `title` and `abstract` (`jq -c '.[]'` does this to an array).",
        )


def parse_array(text: str, mapping: Mapping[str, str] | None = None) -> Iterator[Entry]:
    """Reads the objects of one JSON array; ``where`` is like ``entry 17``.

    Raises:
        InputError: the text is no JSON array, or one without any object.
    """
    return parse_document(text, mapping)[1]


def parse_document(
    text: str, mapping: Mapping[str, str] | None = None
) -> tuple[str, Iterator[Entry]]:
    """``(kind, entries)`` of one JSON document: an array, or an object with a list of papers.

    Raises:
        InputError: it is no JSON, or has no papers.
        UsageError: the mapping names a field that is none of ours.
    """
    from curator.sources import documents

    damaged = not text.isascii() and bool(_NOT_UTF8.search(text))
    return documents.parse(load(text), mapping, damaged=damaged)


def load(text: str) -> Any:
    """A JSON document. Raises `InputError` with the place where it breaks."""
    try:
        return _load(text)
    except _BadLine as error:
        start = text.lstrip("\ufeff \t\r\n")[:1]
        what = {"[": "a JSON array", "{": "a JSON object"}.get(start, "JSON")
        raise InputError(
            f"It starts as {what} but is {error}.",
            remedy="Export it again, or write one JSON object per line.",
        ) from None


def answer(fetched: Fetched, service: str) -> Any:
    """The JSON that a service answered with.

    Raises:
        FetchError: it is none (an error page, say), or it is not UTF-8.
    """
    try:
        return _load(fetched.content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        reason = "text that is not UTF-8"
    except _BadLine as error:
        reason = str(error)
    raise FetchError(
        f"{service} answered with something else than its usual JSON: {reason}.",
        remedy="Try again later; what was got before is kept.",
    )


def _numbered(stream: TextIO) -> Iterator[tuple[int, str | None]]:
    """Lines that are not blank, with their numbers; None for one that is too long."""
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE and not line.endswith("\n"):
            while (rest := stream.readline(MAX_LINE)) and not rest.endswith("\n"):
                pass
            yield number, None
        elif not line.isspace():
            yield number, line.rstrip("\n")


def _refuse_constant(name: str) -> NoReturn:
    raise _BadLine(f"not valid JSON ({name} is no JSON value)")


_DECODE = json.JSONDecoder(
    parse_constant=_refuse_constant
).decode  # once: json.loads makes one a call


def _load(text: str) -> Any:
    try:
        return _DECODE(text.lstrip("\ufeff"))
    except _BadLine as error:
        raise _BadLine(f"{error}: {excerpt(text)}") from None
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        place = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise _BadLine(
            f"not valid JSON ({reason} at {place}character {error.colno}): {excerpt(text)}"
        ) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; [[[[…
        why = "nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
        raise _BadLine(f"not valid JSON ({why}): {excerpt(text)}") from None


def _object(line: str) -> dict[str, Any]:
    if not line.isascii() and _NOT_UTF8.search(line):
        raise _BadLine(f"has bytes that are not UTF-8: {excerpt(line)}")
    value = _load(line)
    if not isinstance(value, dict):
        raise _BadLine(f"not a JSON object: {excerpt(line)}")
    return value


def _is_object(line: str) -> bool:
    try:
        return line.lstrip().startswith("{") and bool(_object(line))
    except _BadLine:
        return False
