"""Commands by which a reader says what a paper was worth: like, dislike, read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options import AsJson
from curator.cli.terminal import command, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.catalog import Catalog, Mark
    from curator.paper import Paper

Papers = Annotated[
    list[str],
    typer.Argument(
        help="Ids, arXiv ids, DOIs or titles; - reads them from standard input, one a line."
    ),
]
Undo = Annotated[bool, typer.Option("--undo", help="Take it back.")]


@command
def like(papers: Papers, undo: Undo = False, as_json: AsJson = False) -> None:
    """Mark papers as liked, which takes a dislike back.

    Example: curator like 2401.01234 "Attention is all you need"
    """
    _mark("liked", papers, undo, as_json)


@command
def dislike(papers: Papers, undo: Undo = False, as_json: AsJson = False) -> None:
    """Mark papers as disliked, which takes a like back."""
    _mark("disliked", papers, undo, as_json)


@command
def read(papers: Papers, undo: Undo = False, as_json: AsJson = False) -> None:
    """Mark papers as read; --unread leaves them out where papers are chosen."""
    _mark("read", papers, undo, as_json)


def _mark(kind: Mark, given: Sequence[str], undo: bool, as_json: bool) -> None:
    from curator.errors import UsageError

    names = _names(given)
    if not names:
        raise UsageError("No paper is named.", remedy="Give ids, or one a line on standard input.")
    with open_library() as library:
        found, unknown = _resolved(library.catalog, names)
        marks = library.catalog.marks
        changed = (marks.unset if undo else marks.set)(kind, found)
    if as_json:
        put_json(
            {
                "mark": kind,
                "undone": undo,
                "papers": list(found),
                "changed": changed,
                "unknown": [{"name": name, "reason": reason} for name, reason in unknown],
            }
        )
    for paper_id, paper in {} if as_json else found.items():
        put(f"{_said(kind, undo, paper_id in changed):<16}  {paper_id}  {_title(paper)}")
    for _, reason in unknown:
        note(f"Not marked: {reason}")
    if unknown:
        raise typer.Exit(1 if found else 2)


def _names(given: Sequence[str]) -> list[str]:
    """What is named, with the lines of standard input where ``-`` stands."""
    names: list[str] = []
    for name in given:
        if name == "-":
            text = sys.stdin.buffer.read().decode("utf-8-sig", "replace")
            names += [line.strip() for line in text.splitlines() if line.strip()]
        else:
            names.append(name)
    return names


def _resolved(
    catalog: Catalog, names: Sequence[str]
) -> tuple[dict[str, Paper], list[tuple[str, str]]]:
    """The papers that are meant, by id, and for other names why they mean none."""
    from curator.errors import NotFoundError

    found: dict[str, Paper] = {}
    unknown: list[tuple[str, str]] = []
    for name in names:
        try:
            paper = catalog.papers.resolve(name)
        except NotFoundError as error:
            unknown.append((name, str(error)))
        else:
            found[paper.id] = paper
    return found, unknown


def _said(kind: Mark, undo: bool, changed: bool) -> str:
    if undo:
        return f"not {kind}" if changed else f"was not {kind}"
    return kind if changed else f"{kind} already"


def _title(paper: Paper) -> str:
    from curator.text import plain

    return plain(paper.title)
