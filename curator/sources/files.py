"""Opens a file, the pipe or a fetched document, whatever format it is in."""

from __future__ import annotations

import glob
import io
import os
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from curator.errors import InputError
from curator.paper import Entry
from curator.sources.formats import READS, Content, entries_of
from curator.sources.replay import HEAD, Replay

if TYPE_CHECKING:
    from curator.fetch import Fetched

__all__ = ["SourceReading", "expand", "fetched", "is_address", "read"]

# What a directory is searched for, compressed or not.
_SUFFIXES = {
    ".txt", ".jsonl", ".ndjson", ".json", ".bib", ".ris", ".nbib", ".csv", ".tsv", ".xml",
    ".html", ".htm",
}  # fmt: skip
_PACKED = {".gz", ".zst", ".bz2", ".xz"}
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class SourceReading:
    """One source, opened: its entries, once, in their order, read as they are asked for.

    ``name`` is what is stored as the source (an absolute path, an address, or ``-`` for the
    pipe), and ``kind`` the format that was found. Iterating raises `InputError` if the disk
    fails, or where the document is damaged.
    """

    def __init__(self, name: str, kind: str, entries: Iterator[Entry]) -> None:
        self.name = name
        self.kind = kind
        self._entries = entries

    def __iter__(self) -> Iterator[Entry]:
        return self._entries


def is_address(source: str) -> bool:
    """Whether a source is an address (``https://…``) rather than a file of such a name."""
    return bool(_ADDRESS.match(source)) and not os.path.lexists(source)


def expand(sources: list[str]) -> list[str]:
    """Files for globs that the shell left alone and for directories; the rest as it is.

    Keeps the order and drops repeated files. A directory stands for the files in it that have
    the ending of a format that is read, not those of directories inside.

    Raises:
        InputError: a glob matches no file, or a directory has none that is read.
    """
    found: dict[str, str] = {}
    for source in sources:
        for file in _matches(source):
            found.setdefault("-" if file == "-" else str(_path(file).absolute()), file)
    return list(found.values())


def _matches(source: str) -> list[str]:
    path = _path(source)
    try:
        if source != "-" and path.is_dir():
            files = sorted(str(file) for file in path.iterdir() if _is_read(file))
            if not files:
                raise InputError(
                    f"The directory {source!r} has no files of a kind that is read.",
                    remedy="Name the files, or a directory that has some.",
                )
            return files
        if re.search(r"[*?\[]", source) and not path.exists():
            # Like a shell, and unlike Path.glob, this leaves out hidden files.
            found = glob.glob(str(path), recursive=True)  # noqa: PTH207
            files = sorted(file for file in found if Path(file).is_file())
            if not files:
                raise InputError(f"No file matches {source!r}.", remedy="Check the pattern.")
            return files
    except (OSError, ValueError):
        pass  # no permission, a name too long, a NUL in it: reading it will say so
    return [source]


def _is_read(file: Path) -> bool:
    endings = [ending.lower() for ending in file.suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    return bool(endings) and endings[-1] in _SUFFIXES and file.is_file()


def read(
    source: str,
    *,
    today: date | None = None,
    stdin: BinaryIO | None = None,
    mapping: Mapping[str, str] | None = None,
    kind: str | None = None,
) -> SourceReading:
    """Opens a file, or the pipe for ``-``, and finds its format by its content.

    ``today`` is the latest day that a page's date without a year can mean (default: the day
    the file was last changed; for the pipe, today). ``mapping`` names the columns of our
    fields; ``kind`` the format (`curator.sources.formats.KINDS`), where it is not to be found
    out. What is compressed (gzip, zstd, bzip2, xz) is unpacked as it is read.

    Raises:
        InputError: it cannot be read at all; the message says what it looks like.
        UsageError: there is no such kind, or no such field in a mapping.
    """
    if source == "-":
        stream: BinaryIO = stdin or sys.stdin.buffer
        return _read("-", stream, today or date.today(), mapping, kind, owned=False)
    path = _path(source)
    try:
        if path.is_dir():
            raise InputError(f"{source!r} is a directory.", remedy="Name its files.")
        stream = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"There is no file {source!r}.", remedy="Check the name.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"The file {source!r} cannot be opened: {_why(error)}.") from None
    changed = date.fromtimestamp(max(0.0, os.fstat(stream.fileno()).st_mtime))
    return _read(str(path.absolute()), stream, today or changed, mapping, kind, owned=True)


def fetched(
    address: str,
    answer: Fetched,
    *,
    mapping: Mapping[str, str] | None = None,
    kind: str | None = None,
) -> SourceReading:
    """The entries of a document that was got from an address; as `read`."""
    stream = io.BytesIO(answer.content)
    charset = answer.charset
    return _read(address, stream, date.today(), mapping, kind, owned=True, charset=charset)


def _read(
    name: str,
    stream: BinaryIO,
    today: date,
    mapping: Mapping[str, str] | None,
    kind: str | None,
    *,
    owned: bool,
    charset: str | None = None,
) -> SourceReading:
    from curator.sources.compressed import decompressed

    shown = "The pipe" if name == "-" else f"The file {name!r}"
    if is_address(name):
        shown = f"What {name} sent"
    replay: Replay | None = None
    try:
        unpacked, _ = decompressed(stream, owned=owned)
        replay = Replay(unpacked, owned=True)
        content = Content(name, replay, replay.peek(HEAD), today, mapping, charset)
        found, entries = entries_of(content, kind)
        # The first entry is fetched now, so that an unusable file is refused at once.
        first = next(entries, None)
        if first is None:
            raise InputError("It has no entries.", remedy=READS)
    except InputError as error:
        _close(replay, stream, owned=owned)
        raise InputError(f"{shown} cannot be used. {error.message}", remedy=error.remedy) from None
    except OSError as error:
        _close(replay, stream, owned=owned)
        raise InputError(f"{shown} cannot be read: {_why(error)}.") from None
    return SourceReading(name, found, _guarded(chain([first], entries), replay, shown))


def _close(replay: Replay | None, stream: BinaryIO, *, owned: bool) -> None:
    if replay is not None:
        replay.close()
    elif owned:
        stream.close()


def _guarded(entries: Iterator[Entry], replay: Replay, shown: str) -> Iterator[Entry]:
    try:
        yield from entries
    except InputError as error:
        raise InputError(
            f"{shown} cannot be read to its end. {error.message}", remedy=error.remedy
        ) from None
    except OSError as error:
        raise InputError(f"{shown} cannot be read to its end: {_why(error)}.") from None
    finally:
        replay.close()


def _path(source: str) -> Path:
    return Path(source).expanduser() if source.startswith("~/") else Path(source)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
