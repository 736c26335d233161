"""The command by which people decide the tags that are in doubt: ``curator tag review``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.options import AsJson
from curator.cli.shown import counted
from curator.cli.terminal import command, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.library import Library
    from curator.review import ReviewItem

__all__ = ["NAME", "review"]

NAME = "tag review"


@command
def review(
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many papers.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only questions about this tag.")] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the questions as a table (.csv, .tsv) instead of asking them."),
    ] = None,
    imported: Annotated[
        Path | None,
        typer.Option("--import", help="Take the answers from such a table, column “right”."),
    ] = None,
    taxonomy: Annotated[
        Path | None, typer.Option(help="A taxonomy file instead of the built-in one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide the tags that are in doubt, the question that teaches most first.

    y or n answers, a says that all are right, w shows why, s skips, u undoes, q leaves; ? lists
    all keys. What was said holds for good, and the tagger learns from it. Left or killed, it
    goes on at the same question. From a pipe, each line is an answer.

    --json lists the questions. For several people: --export, fill in y or n, --import.
    """
    from curator.errors import UsageError

    if export and imported:
        raise UsageError("--export and --import do not go together.")
    if imported and (limit or tag):
        raise UsageError("--import takes the whole table.", remedy="Leave --limit and --tag out.")
    with open_library(taxonomy=taxonomy) as library:
        if imported:
            _import(library, imported, as_json)
            return
        from curator.catalog.tagcounts import TagCounts
        from curator.review import ReviewQueue
        from curator.tag_names import tag_named

        stored = tuple(TagCounts(library.catalog.store).names())
        name = tag_named(library.taxonomy, tag, stored) if tag else None
        queue = ReviewQueue(library.catalog, name)
        if export:
            _export(library, queue.ordered()[:limit], export)
        elif as_json:
            _list(library, queue.ordered()[:limit])
        else:
            _review(library, queue, name, limit)


def _review(library: Library, queue: Any, tag: str | None, limit: int | None) -> None:
    from curator.cli.reviewing import Reviewing, keys, script
    from curator.errors import StorageError
    from curator.locks import free_lock
    from curator.threads import Threads
    from graphs.review import Review, ReviewContext

    context = ReviewContext(
        queue=queue,
        corrections=library.catalog.corrections,
        ancestors=library.taxonomy.ancestors,
        on_corrected=library.on_corrected,
    )
    home = library.home.root
    threads = Threads(home / "review.sqlite3")
    with free_lock(home / "review.lock") as free, threads.saver() as saver:
        if not free:
            raise StorageError(
                "Another process is reviewing this library's tags.",
                remedy="End it, or work in a table: curator tag review --export FILE.csv",
                retryable=True,
            )
        asks = sys.stdin.isatty()
        thread = f"review {tag}" if tag else "review"
        talk = Reviewing(library, Review(saver, context, thread), queue, limit=limit, asks=asks)
        if not asks:
            talk.run(script())
            return
        put("y right, n wrong, s skip, u undo, q quit; ? lists all keys.")
        with keys(list(library.taxonomy.by_name)) as typed:
            talk.run(typed)


def _list(library: Library, items: Sequence[ReviewItem]) -> None:
    from curator.review import evidence_in

    papers = library.catalog.papers.get(item.paper_id for item in items)
    put_json(
        [
            {
                "paper_id": item.paper_id,
                "title": papers[item.paper_id].title,
                "tags": [
                    {
                        "tag": tag.tag,
                        "confidence": tag.confidence,
                        "source": tag.source,
                        "evidence": evidence_in(tag, papers[item.paper_id].text),
                    }
                    for tag in item.tags
                ],
            }
            for item in items
            if item.paper_id in papers
        ]
    )


def _export(library: Library, items: Sequence[ReviewItem], file: Path) -> None:
    from curator.cli.files import write_whole
    from curator.reviewsheet import mark_of, written

    mark = mark_of(file)
    papers = library.catalog.papers.get(item.paper_id for item in items)
    write_whole(file, "".join(written(items, papers, mark)))
    rows = sum(len(item.tags) for item in items if item.paper_id in papers)
    note(f"Written: {file} ({counted(rows, 'question')} about {counted(len(papers), 'paper')})")


def _import(library: Library, file: Path, as_json: bool) -> None:
    from curator.reviewsheet import read

    sheet = read(file, _paper_named(library), _tag_named(library))
    changed = library.catalog.corrections.set_all(sheet.said, library.taxonomy.ancestors)
    if changed:
        library.on_corrected(list(changed))
    new = [sheet.said[paper][tag] for paper, before in changed.items() for tag in before]
    known = sum(map(len, sheet.said.values())) - len(new)
    counts = {
        "rows": sheet.rows,
        "right": sum(new),
        "wrong": len(new) - sum(new),
        "known": known + sheet.repeated,
        "open": sheet.open,
    }
    if as_json:
        failed = [{"line": line, "reason": reason} for line, reason in sheet.failed]
        put_json({**counts, "failed": failed})
    else:
        put(
            f"{counted(sheet.rows, 'row')}: {counts['right']} right, {counts['wrong']} wrong, "
            f"{counts['known']} known already, {sheet.open} left open, "
            f"{len(sheet.failed)} failed"
        )
    for line, reason in sheet.failed:
        note(f"Line {line}: {reason}")
    if sheet.failed:
        raise typer.Exit(1)


def _paper_named(library: Library) -> Callable[[str], str | None]:
    """Finds a paper by an id that names one paper, not by words."""
    import re
    from functools import cache

    from curator.errors import NotFoundError
    from curator.identifiers import arxiv_id_of, doi_of

    @cache
    def named(text: str) -> str | None:
        if not (re.fullmatch(r"p[0-9a-f]{12}", text) or arxiv_id_of(text) or doi_of(text)):
            return None
        try:
            return library.catalog.papers.resolve(text).id
        except NotFoundError:
            return None

    return named


def _tag_named(library: Library) -> Callable[[str, str], str | None]:
    def named(paper_id: str, text: str) -> str | None:
        if known := library.taxonomy.resolve(text):
            return known
        stored = library.catalog.outputs.tags([paper_id]).get(paper_id, [])
        said = library.catalog.corrections.of([paper_id]).get(paper_id, {})
        return text if text in said or any(tag.tag == text for tag in stored) else None

    return named
