"""The review queue as a table for a spreadsheet, and what people wrote into it.

A row for each tag to decide, with an empty column ``right``. What comes back may have gone
through any spreadsheet: other marks between cells, other encodings, columns moved or left out,
rows deleted, added and sorted. Only ``paper_id``, ``tag`` and ``right`` are read.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from curator.cells import guarded, unguarded
from curator.errors import InputError, UsageError
from curator.review import evidence_in

if TYPE_CHECKING:
    from curator.paper import Paper
    from curator.review import ReviewItem

__all__ = ["COLUMNS", "NO", "YES", "Sheet", "mark_of", "read", "written"]

COLUMNS = (
    "paper_id", "title", "url", "tag", "confidence", "source", "evidence", "right", "note",
)  # fmt: skip
YES = frozenset({"y", "yes", "1", "true", "t", "x", "✓", "right"})
NO = frozenset({"n", "no", "0", "false", "f", "wrong"})

_NEEDED = ("paper_id", "tag", "right")
_MARKS = ",;\t|"
_MAX_CELL = 200_000
_MAX_SIZE = 200_000_000  # bytes


@dataclass
class Sheet:
    """What a table says. The numbers add up to ``rows``: ``open`` are undecided, ``repeated``
    say again what another row said, ``failed`` are (line, reason); the others are in ``said``."""

    rows: int = 0
    open: int = 0
    repeated: int = 0
    said: dict[str, dict[str, bool]] = field(default_factory=dict)
    failed: list[tuple[int, str]] = field(default_factory=list)


def mark_of(file: Path) -> str:
    """What parts the cells of a file of this name.

    Raises:
        UsageError: it is not to be a text file.
    """
    suffix = file.suffix.lower()
    if suffix in (".xlsx", ".xls", ".ods", ".numbers"):
        raise UsageError(
            f"{str(file)!r}: tables are read and written as text.",
            remedy="Use a name with .csv or .tsv; spreadsheets open both and save as “CSV UTF-8”.",
        )
    return "\t" if suffix in (".tsv", ".tab") else ","


def written(
    items: Iterable[ReviewItem], papers: Mapping[str, Paper], mark: str = ","
) -> Iterator[str]:
    """The lines of the table. It begins with a byte order mark, without which Excel takes the
    text for another encoding."""
    line = io.StringIO(newline="")
    writer = csv.writer(line, delimiter=mark, quoting=csv.QUOTE_ALL)
    line.write("\ufeff")
    writer.writerow(COLUMNS)
    for item in items:
        paper = papers.get(item.paper_id)
        for tag in item.tags if paper else ():
            assert paper
            row = (paper.id, paper.title, paper.url or "", tag.tag, f"{tag.confidence:.2f}")
            cells = (*row, tag.source, evidence_in(tag, paper.text), "", "")
            writer.writerow([guarded(cell) for cell in cells])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    if line.tell():
        yield line.getvalue()


def read(
    file: Path,
    paper_of: Callable[[str], str | None],
    tag_of: Callable[[str, str], str | None],
) -> Sheet:
    """Reads a table that `written` wrote and people filled in.

    ``paper_of`` gives the id of the paper that is named, ``tag_of`` the tag that is named for a
    paper; None where there is none. Contradicting rows all fail.

    Raises:
        InputError: the file cannot be read, is no such table, or is of another library.
        UsageError: it is not a text file by its name.
    """
    mark_of(file)
    rows = _rows(file)
    head = next(rows, None)
    names = head[1] if head else []
    columns = _columns(file, names)
    sheet = Sheet()
    answers: dict[tuple[str, str], list[tuple[int, bool]]] = {}
    strangers: set[str] = set()
    known = 0
    for line, cells in rows:
        sheet.rows += 1
        place = {
            name: unguarded(cells[n]).strip() if n < len(cells) else ""
            for name, n in columns.items()
        }
        paper_id = paper_of(place["paper_id"]) if place["paper_id"] else None
        known += paper_id is not None
        if paper_id is None and place["paper_id"]:
            strangers.add(place["paper_id"])
        right = place["right"].lower()
        if not right:
            sheet.open += 1
            continue
        tag = tag_of(paper_id, place["tag"]) if paper_id and place["tag"] else None
        torn = any(cell.strip() for cell in cells[len(names) :])
        if reason := _fault(place, paper_id, tag, right, torn):
            sheet.failed.append((line, reason))
            continue
        assert paper_id and tag
        answers.setdefault((paper_id, tag), []).append((line, right in YES))
    if sheet.rows and not known and strangers:
        raise InputError(
            f"{str(file)!r} is of another library: none of its papers is in this one.",
            remedy="Choose the library with --home DIR, or add the papers first.",
        )
    for (paper_id, tag), given in answers.items():
        if len({right for _, right in given}) > 1:
            lines = " and ".join(str(line) for line, _ in given)
            reason = f"lines {lines} contradict each other on {tag!r} of {paper_id}"
            sheet.failed += [(line, reason) for line, _ in given]
        else:
            sheet.said.setdefault(paper_id, {})[tag] = given[0][1]
            sheet.repeated += len(given) - 1
    sheet.failed.sort()
    return sheet


def _fault(
    place: Mapping[str, str], paper_id: str | None, tag: str | None, right: str, torn: bool
) -> str:
    """Why a row cannot be taken; empty where it can."""
    if torn:
        return "has more cells than the head (a cell with a comma has to stand in quotation marks)"
    if not place["paper_id"]:
        return "names no paper"
    if paper_id is None:
        return f"no paper {_shown(place['paper_id'])} in this library"
    if not place["tag"]:
        return "names no tag"
    if tag is None:
        return f"no tag {_shown(place['tag'])} in the taxonomy"
    if right not in YES | NO:
        return f"“right” cannot be {_shown(place['right'])}: y, n, or nothing"
    return ""


def _columns(file: Path, head: list[str]) -> dict[str, int]:
    names = [unguarded(name).strip().lower().replace(" ", "_") for name in head]
    if lost := [name for name in _NEEDED if name not in names]:
        raise InputError(
            f"{str(file)!r} has no column {' and no '.join(lost)}"
            + (f"; it has {', '.join(map(_shown, filter(None, names)))}." if any(names) else "."),
            remedy="Its first row has to have paper_id, tag and right, as --export writes them.",
        )
    return {name: names.index(name) for name in _NEEDED}


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the line it begins in."""
    text = _text(file)
    stream = io.StringIO(text, newline="")
    first = stream.readline()
    line = 1
    if first.strip().strip('"').lower().startswith("sep=") and len(first.strip().strip('"')) == 5:
        mark = first.strip().strip('"')[4]
    elif first.strip().strip('"').lower() == "sep=":  # a tab that was stripped
        mark = "\t"
    else:
        mark = max(_MARKS, key=first.count)
        stream.seek(0)
        line = 0
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(stream, delimiter=mark, strict=True)
    begins = line + 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield begins, row
            begins = line + reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{str(file)!r}, line {begins}: a quotation mark is missing or one too many ({error}).",
            remedy="Nothing was taken. Mend that row in a text editor, or export it again.",
        ) from error


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > _MAX_SIZE:
            raise InputError(f"{str(file)!r} is too large for a table of tags.")
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{str(file)!r} cannot be read: {error.strerror or error}.") from error
    if data[:4] == b"PK\x03\x04":
        raise InputError(
            f"{str(file)!r} is a spreadsheet's own file, not a text.",
            remedy="In the spreadsheet, save it as “CSV UTF-8”.",
        )
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        # Excel's plain “CSV”. Ids and tags are ASCII, and of the rest nothing is read.
        text = data.decode("cp1252", "replace")
    if "\0" in text:
        raise InputError(f"{str(file)!r} is no text.")
    return text


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
