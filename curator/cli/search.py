"""Commands that find papers: search, similar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.options import (
    AsJson,
    Author,
    Category,
    Liked,
    Since,
    Source,
    TagName,
    Unread,
    Until,
    Venue,
    Where,
    filters_of,
    with_tags,
)
from curator.cli.terminal import command, note, open_library, put, put_json, strong

if TYPE_CHECKING:
    from collections.abc import Callable

    from curator.library import Library
    from curator.query import ParsedQuery
    from curator.retrieval import Hit, Mode
    from curator.snippets import Snippet

__all__ = ["search", "similar"]

MODES = ("hybrid", "dense", "lexical")
RERANK_SECONDS = 2.0

Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many papers.")]


@command
def search(
    query: Annotated[str | None, typer.Argument(help="Words or a question.")] = None,
    *,
    limit: Limit = 10,
    since: Since = None,
    until: Until = None,
    tag: TagName = None,
    category: Category = None,
    author: Author = None,
    venue: Venue = None,
    source: Source = None,
    unread: Unread = False,
    liked: Liked = False,
    where: Where = None,
    mode: Annotated[
        str | None,
        typer.Option(help="hybrid, dense or lexical (default: hybrid where vectors are there)."),
    ] = None,
    diverse: Annotated[
        bool, typer.Option("--diverse", help="Each paper also unlike those before it.")
    ] = False,
    rerank: Annotated[
        bool,
        typer.Option(
            "--rerank",
            help=f"Let a cross-encoder read the best papers with the query, for up to "
            f"{RERANK_SECONDS:.0f} s.",
        ),
    ] = False,
    queries: Annotated[
        Path | None, typer.Option(help='Many queries: JSON Lines {"id", "query"}.')
    ] = None,
    trec: Annotated[
        Path | None, typer.Option(help="Write the hits of --queries as a TREC run file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find papers by words and meaning.

    Every word helps and none is required, but "quoted phrases" have to occur, as have
    title:WORD and author:NAME (or author:"Ada Lovelace"), and what follows a minus must not:

    curator search 'retrieval "knowledge graph" -survey author:chen' --since 2w

    Filters say which papers count at all; --where joins them by and, or, not:

    curator search agents --where 'tag:rag and since:2026-10-01 and not tag:survey'

    A query that begins with a minus goes after --: curator search -- '-survey agents'
    """
    import time

    from curator.errors import UsageError
    from curator.query import parse_query

    if mode is not None and mode not in MODES:
        raise UsageError(f"--mode cannot be {mode!r}.", remedy=f"Use {', '.join(MODES)}.")
    if mode == "lexical" and (diverse or rerank):
        option = "--diverse" if diverse else "--rerank"
        raise UsageError(f"{option} needs vectors.", remedy="Leave --mode lexical away.")
    if trec is not None and queries is None:
        raise UsageError("--trec needs --queries.")
    if query and queries is not None:
        raise UsageError("Give a query or --queries, not both.")
    filters = filters_of(
        since=since,
        until=until,
        tags=tag,
        categories=category,
        author=author,
        venues=venue,
        sources=source,
        unread=unread,
        liked=liked,
        where=where,
    )
    options: dict[str, Any] = {
        "diverse": diverse,
        "rerank_seconds": RERANK_SECONDS if rerank else 0.0,
    }
    with open_library() as library:
        filters = with_tags(library, filters)

        def find(text: ParsedQuery, *, once: bool = False) -> list[Hit]:
            chosen: Mode | None = mode  # type: ignore[assignment]
            return library.search(text, limit, filters, chosen, once=once, **options)

        if queries is not None:
            _search_many(library, queries, trec, find)
            return
        if not query or not query.strip():
            raise UsageError("Nothing to search for.", remedy='Try: curator search "your words"')
        parsed = parse_query(query)
        started = time.monotonic()
        hits = find(parsed, once=True)
        took = (time.monotonic() - started) * 1000
        if as_json:
            put_json(_found(library, query, parsed, hits, took))
        else:
            _show(library, parsed, hits)


@command
def similar(
    paper: Annotated[str, typer.Argument(help="A paper's id, arXiv id, DOI, or title.")],
    *,
    limit: Limit = 10,
    since: Since = None,
    until: Until = None,
    tag: TagName = None,
    category: Category = None,
    author: Author = None,
    venue: Venue = None,
    source: Source = None,
    unread: Unread = False,
    liked: Liked = False,
    where: Where = None,
    as_json: AsJson = False,
) -> None:
    """Find papers like one: near in meaning, and with the words that tell it from others.

    Example: curator similar 2401.01234 --unread --since 3m
    """
    import time

    from curator.query import ParsedQuery
    from curator.text import plain

    filters = filters_of(
        since=since,
        until=until,
        tags=tag,
        categories=category,
        author=author,
        venues=venue,
        sources=source,
        unread=unread,
        liked=liked,
        where=where,
    )
    with open_library() as library:
        found = library.catalog.papers.resolve(paper)
        filters = with_tags(library, filters)
        started = time.monotonic()
        hits = library.similar(found, limit, filters, once=True)
        took = (time.monotonic() - started) * 1000
        about = ParsedQuery(plain(found.title))
        if as_json:
            data = _found(library, plain(found.title), about, hits, took)
            put_json({"paper_id": found.id, **data})
        else:
            _show(library, about, hits)


def _search_many(
    library: Library,
    file: Path,
    trec: Path | None,
    find: Callable[[ParsedQuery], list[Hit]],
) -> None:
    import time

    from curator.cli.files import read_lines, writing
    from curator.errors import InputError
    from curator.query import parse_query

    rows = read_lines(file, ("id", "query"))
    for row in rows if trec is not None else ():
        if len(row["id"].split()) != 1:
            raise InputError(
                f"The query id {row['id']!r} cannot stand in a TREC run file.",
                remedy="Use ids without spaces.",
            )
    with writing(trec) as out:
        for done, row in enumerate(rows, 1):
            started = time.monotonic()
            parsed = parse_query(row["query"])
            hits = find(parsed)
            if out is None:
                took = (time.monotonic() - started) * 1000
                found = _found(library, row["query"], parsed, hits, took)
                put_json({"id": row["id"], **found}, lines=True)
            else:
                for hit in hits:
                    out.write(
                        f"{row['id']} Q0 {hit.paper.id} {hit.rank} {hit.score:.8f} paper-curator\n"
                    )
            library.progress("searched", done, len(rows))


def _found(
    library: Library, query: str, parsed: ParsedQuery, hits: list[Hit], took: float
) -> dict[str, Any]:
    rows = []
    for hit in hits:
        snippet = _snippet(library, parsed, hit)
        rows.append(
            {
                "rank": hit.rank,
                "paper_id": hit.paper.id,
                "title": hit.paper.title,
                "score": round(hit.score, 6),
                "snippet": snippet.text,
                "matches": [list(span) for span in snippet.matches],
            }
        )
    return {"query": query, "hits": rows, "took_ms": round(took, 2)}


def _show(library: Library, parsed: ParsedQuery, hits: list[Hit]) -> None:
    from curator.text import plain

    for hit in hits:
        put(f"{hit.rank:>3}. {plain(hit.paper.title)}")
        snippet = _snippet(library, parsed, hit).marked(*strong())
        put(f"     {hit.paper.id}  {hit.paper.day}  {snippet}")
    if not hits:
        note("Nothing found.")


def _snippet(library: Library, parsed: ParsedQuery, hit: Hit) -> Snippet:
    from curator.snippets import snippet_of

    return snippet_of(hit.paper, lambda text: library.lexical.highlights(text, parsed))
