"""The command that writes papers for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from curator.cli.options import (
    Author,
    Category,
    Liked,
    Since,
    TagName,
    Unread,
    Until,
    Venue,
    Where,
    filters_of,
    with_tags,
)
from curator.cli.terminal import command, note, open_library, put, put_json


@command
def export(
    format: Annotated[
        str,
        typer.Option("--format", "-f", help="jsonl, bibtex, ris, csl, zotero, csv or md."),
    ] = "jsonl",
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A file; default is standard output.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Only what came from this file or feed; a bibliography comes back whole."
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    tag: TagName = None,
    category: Category = None,
    author: Author = None,
    venue: Venue = None,
    unread: Unread = False,
    liked: Liked = False,
    where: Where = None,
    suggested: Annotated[
        bool,
        typer.Option("--suggested", help="Also tags that wait for a person, marked as suggested."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The same as --format jsonl, which is the default.")
    ] = False,
) -> None:
    """Write papers with their summaries and tags for other programs.

    A bibliography that was added comes back in its own format as it was, keys, unknown fields
    and order included, with tags as keywords:
    curator add refs.bib; curator tag; curator export -f bibtex --source refs.bib -o refs.bib

    JSON Lines (the default) tell of each tag how sure it is, who decided it, and the sentence
    that speaks for it. They are read by `add`; summaries and tags are made anew there.
    """
    import json

    from curator import exporting, exports
    from curator.cli.files import writing
    from curator.errors import UsageError

    if as_json and format != "jsonl":
        raise UsageError(f"--json and --format {format} contradict each other.")
    if format != "jsonl" and format not in exports.FORMATS:
        exports.write(format, ())  # says which there are
    filters = filters_of(
        since, until, tag, category, author, venues=venue, unread=unread, liked=liked, where=where
    )
    with open_library() as library:
        filters = with_tags(library, filters)
        name = library.catalog.papers.source_named(source) if source else None
        count = 0
        with writing(out) as file:
            if format == "jsonl":
                papers = library.catalog.papers.select(filters, newest_first=False)
                if name:
                    inside = library.catalog.papers.of_source(name)
                    papers = [paper for paper in papers if paper.id in inside]
                for row in exporting.rows(library.catalog, papers, suggested=suggested):
                    count += 1
                    if file is None:
                        put_json(row, lines=True)
                    else:
                        file.write(json.dumps(row, ensure_ascii=False) + "\n")
            else:
                entries = list(
                    exporting.entries(library.catalog, format, filters, name, suggested=suggested)
                )
                count = sum(entry.paper is not None for entry in entries)
                for text in exports.write(format, entries):
                    if file is None:
                        put(text, end="")
                    else:
                        file.write(text)
    if out is not None:
        note(f"{count} papers written to {out}")
