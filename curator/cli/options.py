"""Options that several commands take, said once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from curator.filters import Filters
    from curator.library import Library

__all__ = [
    "AsJson",
    "Author",
    "Category",
    "Liked",
    "MaxCalls",
    "MaxMinutes",
    "MaxTokens",
    "ModelName",
    "Since",
    "Source",
    "TagName",
    "Unread",
    "Until",
    "Venue",
    "Where",
    "filters_of",
    "with_tags",
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="local, local:NAME, local:PATH.gguf, local:hf:REPO/FILE@REVISION or openai:MODEL "
        "(default: CURATOR_MODEL).",
        show_default=False,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        help="Only papers of this day or later: 2024-11-05, 2026-W47, 2026-11, 2w, yesterday."
    ),
]
Until = Annotated[
    str | None,
    typer.Option(help="Only papers of this day (or the last one of a month) or earlier."),
]
TagName = Annotated[
    list[str] | None,
    typer.Option("--tag", help="Only papers with this tag, by its name or an alias."),
]
Category = Annotated[
    list[str] | None,
    typer.Option("--category", help="Only papers of this arXiv category; several are or-ed."),
]
Author = Annotated[str | None, typer.Option(help="Only papers by an author of this name.")]
Venue = Annotated[
    list[str] | None,
    typer.Option("--venue", help="Only papers with this in their venue; several are or-ed."),
]
Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        help="Only what came from this file, address or feed, or from all that have this in "
        "their name; several are or-ed.",
    ),
]
Unread = Annotated[bool, typer.Option("--unread", help="Only papers not marked by `curator read`.")]
Liked = Annotated[bool, typer.Option("--liked", help="Only papers marked by `curator like`.")]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        help="A condition: tag: category: author: venue: source: since: until: day: id: with a "
        'word or a "quoted text", liked, disliked, read, unread; and, or, not, ( ). '
        "'tag:rag and since:2w and not author:\"Ada Low\"'",
    ),
]
MaxCalls = Annotated[
    int | None, typer.Option(min=0, help="Stop (exit 4) after so many model calls.")
]
MaxTokens = Annotated[
    int | None, typer.Option(min=0, help="Stop (exit 4) after so many model tokens.")
]
MaxMinutes = Annotated[
    float | None, typer.Option(min=0, help="Stop (exit 4) after so many minutes.")
]


def filters_of(
    since: str | None = None,
    until: str | None = None,
    tags: list[str] | None = None,
    categories: list[str] | None = None,
    author: str | None = None,
    paper_ids: tuple[str, ...] = (),
    *,
    venues: list[str] | None = None,
    sources: list[str] | None = None,
    unread: bool = False,
    liked: bool = False,
    where: str | None = None,
) -> Filters:
    """Filters from options.

    Raises:
        UsageError: a day is no day, the period is the wrong way round, or the condition cannot
            be read.
    """
    from curator.digest.period import day_of
    from curator.errors import UsageError
    from curator.filters import Filters

    first, last = day_of(since, "--since"), day_of(until, "--until", last=True)
    if first and last and first > last:
        raise UsageError(f"--since {first} is after --until {last}.")
    return Filters(
        since=first,
        until=last,
        tags=tuple(tags or ()),
        categories=tuple(categories or ()),
        author=author,
        paper_ids=paper_ids,
        venues=tuple(venues or ()),
        sources=tuple(sources or ()),
        unread=unread,
        liked=liked,
        where=where,
    )


def with_tags(library: Library, filters: Filters) -> Filters:
    """The same filters with tags by the names that papers have them under, also where an alias
    was given.

    Raises:
        NotFoundError: neither the taxonomy nor the library has such a tag.
    """
    from curator.tag_names import TagNames, names_tags

    if not names_tags(filters):
        return filters
    from curator.catalog.tagcounts import TagCounts

    return TagNames(library.taxonomy, TagCounts(library.catalog.store)).in_filters(filters)
