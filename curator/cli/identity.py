"""Commands about which records are one paper: dedupe, merge, split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.options import AsJson
from curator.cli.terminal import command, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.catalog.decisions import Explained


@command
def dedupe(
    papers: Annotated[
        list[str] | None,
        typer.Argument(
            help="Papers (default: all that several sources have, or that share titles)."
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say what joined each record, and what kept out others."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show which entries were taken as one paper, and which near ones were not.

    Papers are kept apart and joined as they come in; this shows how, and `merge` and `split`
    correct it.
    """
    with open_library() as library:
        wanted = [library.catalog.papers.resolve(name).id for name in papers or ()]
        names = wanted or list(library.catalog.decisions.doubtful())
        found = [library.catalog.decisions.explain(name) for name in names]
    if as_json:
        put_json([_explained(item) for item in found])
        return
    for item in found:
        put(f"{item.paper_id}  {item.title}")
        for record in item.records:
            line = f"  {record.number}. {record.source}, {record.place}"
            if explain and record.reason:
                line += f" ({record.reason})"
            if not record.current:
                line += " (since changed by its source)"
            put(line)
        if explain:
            for other, reason in item.apart:
                put(f"  not {other}: {reason}")
    note(
        f"{len(found)} {'paper' if len(found) == 1 else 'papers'}. `curator merge A B` makes one "
        "of two; `curator split PAPER NUMBER` takes entries out."
    )


def _explained(item: Explained) -> dict[str, Any]:
    return {
        "paper_id": item.paper_id,
        "title": item.title,
        "records": [
            {
                "number": record.number,
                "source": record.source,
                "where": record.place,
                "title": record.title,
                "seen": record.seen,
                "reason": record.reason,
                "current": record.current,
            }
            for record in item.records
        ],
        "apart": [{"paper_id": other, "reason": reason} for other, reason in item.apart],
    }


@command
def merge(
    papers: Annotated[list[str], typer.Argument(help="Two or more papers that are one.")],
    as_json: AsJson = False,
) -> None:
    """Make one paper of several. Holds when their sources are added again."""
    with open_library() as library:
        name = library.merge([library.catalog.papers.resolve(paper).id for paper in papers])
    if as_json:
        put_json({"paper_id": name})
    else:
        put(f"One paper: {name}")


@command
def split(
    paper: Annotated[str, typer.Argument(help="The paper.")],
    numbers: Annotated[
        list[int], typer.Argument(help="Its entries (as `dedupe PAPER` numbers them) to take out.")
    ],
    as_json: AsJson = False,
) -> None:
    """Take entries out of a paper that are another's. Holds when their sources are added again."""
    with open_library() as library:
        names = library.split(library.catalog.papers.resolve(paper).id, numbers)
    if as_json:
        put_json({"papers": names})
    else:
        put(f"{len(names)} papers: {', '.join(names)}")
