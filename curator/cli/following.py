"""What readers follow, rate and bring: ``curator profile follow``, ``unfollow``, ``rate`` and
``import``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from curator.cli.options import AsJson
from curator.cli.shown import counted, shown_text
from curator.cli.terminal import command, note, open_library, put, put_json
from curator.digest.document import ME

if TYPE_CHECKING:
    from curator.library import Library
    from curator.readers import Profile

__all__ = ["Reader", "follow", "import_", "rate", "unfollow"]

Reader = Annotated[
    str,
    typer.Option("--reader", help="Whose profile: me is that of `curator like` and `dislike`."),
]
What = Annotated[
    list[str],
    typer.Argument(help='tag:NAME, author:"Full Name" or search:"a query"; several at once.'),
]

_KINDS = {"tag": "tags", "author": "authors", "search": "searches"}
_REJECTED = 10  # entries of a bibliography of which it is said why they are none


@command
def follow(what: What, reader: Reader = ME, as_json: AsJson = False) -> None:
    """Favour papers that have a tag, are by an author, or match a search, and say so in the
    digest.

    A search is a query of `curator search`; a paper matches it if it has all of its words.

    Example: curator profile follow tag:llm-agents author:"Ada Lovelace" search:'sparse attention'
    """
    from dataclasses import replace

    from curator.errors import NotFoundError, UsageError
    from curator.profiles import papers_of

    with open_library() as library:
        readers = library.catalog.readers
        before = readers.require(reader)
        good: list[tuple[str, str]] = []
        failed: list[tuple[str, NotFoundError | UsageError]] = []
        for item in map(_readable, what):
            try:
                good.append(_followable(library, item))
            except (NotFoundError, UsageError) as error:
                failed.append((item, error))
        if not good:
            raise failed[0][1]

        def more(stored: Profile) -> Profile:
            wanted: dict[str, Any] = {
                field: getattr(stored, field) + tuple(name for k, name in good if k == kind)
                for kind, field in _KINDS.items()
            }
            return replace(stored, **wanted)

        readers.update(reader, more)
        done = [
            {
                "kind": kind,
                "name": name,
                "new": not _followed(before, kind, name),
                "papers": papers_of(library, kind, name),
            }
            for kind, name in dict.fromkeys(good)
        ]
    _report(reader, "followed", done, failed, as_json)


@command
def unfollow(what: What, reader: Reader = ME, as_json: AsJson = False) -> None:
    """Take back what `follow` said; `curator profile show` lists what is followed."""
    from dataclasses import replace

    from curator.errors import NotFoundError, UsageError

    with open_library() as library:
        readers = library.catalog.readers
        known = readers.require(reader)
        gone: list[tuple[str, str]] = []
        failed: list[tuple[str, NotFoundError | UsageError]] = []
        for item in map(_readable, what):
            try:
                kind, name = _kind_of(item)
                same = _followed(known, kind, name)
                if not same and kind == "tag":
                    same = _followed(known, kind, library.taxonomy.resolve(name) or "")
                if not same:
                    raise NotFoundError(
                        f"{reader} does not follow {kind}:{shown_text(name)[:60]}.",
                        remedy="`curator profile show` lists what is followed.",
                    )
                gone += [(kind, n) for n in same]
            except (NotFoundError, UsageError) as error:
                failed.append((item, error))
        if not gone:
            raise failed[0][1]

        def left(stored: Profile) -> Profile:
            kept: dict[str, Any] = {
                field: tuple(n for n in getattr(stored, field) if (kind, n) not in gone)
                for kind, field in _KINDS.items()
            }
            return replace(stored, **kept)

        readers.update(reader, left)
    done = [{"kind": kind, "name": name} for kind, name in gone]
    _report(reader, "unfollowed", done, failed, as_json)


def _followed(known: Profile, kind: str, name: str) -> list[str]:
    """What is followed under a name, as it is stored."""
    from curator.text import clean, fold

    key = fold if kind == "author" else clean
    return [stored for stored in getattr(known, _KINDS[kind]) if key(stored) == key(name)]


def _kind_of(item: str) -> tuple[str, str]:
    from curator.errors import UsageError

    kind, colon, name = item.partition(":")
    if not colon or kind.strip().lower() not in _KINDS or not name.strip():
        raise UsageError(
            f"{shown_text(item)[:60]!r} does not say what to follow.",
            remedy='Write tag:NAME, author:"Full Name" or search:"a query".',
        )
    return kind.strip().lower(), name.strip()


def _followable(library: Library, item: str) -> tuple[str, str]:
    """What is meant, by the name under which it is followed."""
    from curator.profiles import check_author, check_search, tag_names

    kind, name = _kind_of(item)
    if kind == "tag":
        return kind, tag_names(library).resolve(name)
    if kind == "author":
        return kind, check_author(name)
    return kind, check_search(library, name)


def _report(
    reader: str,
    verb: str,
    done: Sequence[dict[str, Any]],
    failed: Sequence[tuple[str, Exception]],
    as_json: bool,
) -> None:
    if as_json:
        problems = [{"name": name, "reason": str(error)} for name, error in failed]
        put_json({"reader": reader, verb: list(done), "failed": problems})
    for item in () if as_json else done:
        known = "already " if item.get("new") is False else ""
        papers = f"  ({counted(item['papers'], 'paper')} here)" if "papers" in item else ""
        put(f"{known}{verb}  {item['kind']}:{shown_text(item['name'])}{papers}")
    for _, error in failed:
        note(f"Not {verb}: {error}")
    if failed:
        raise typer.Exit(1)


@command
def rate(
    verdict: Annotated[
        Literal["like", "dislike", "none"],
        typer.Argument(help="What the reader thinks; none takes it back."),
    ],
    papers: Annotated[
        list[str],
        typer.Argument(
            help="Ids, arXiv ids, DOIs or titles; - reads them from standard input, one a line."
        ),
    ],
    reader: Reader = ME,
    as_json: AsJson = False,
) -> None:
    """Rate papers, for any reader (`curator like` and `dislike` do it for me).

    Example: curator profile rate like 2401.01234 --reader jane
    """
    from curator.errors import NotFoundError, UsageError

    names = _named(papers)
    if not names:
        raise UsageError("No paper is named.", remedy="Give ids, or one a line on standard input.")
    found: dict[str, str] = {}
    unknown: list[tuple[str, str]] = []
    with open_library() as library:
        readers = library.catalog.readers
        readers.require(reader)
        for name in names:
            try:
                paper = library.catalog.papers.resolve(name)
                found[paper.id] = paper.title
            except NotFoundError as error:
                unknown.append((name, str(error)))
        liked = {"like": True, "dislike": False, "none": None}[verdict]
        changed = readers.rate(reader, found, liked)
    if as_json:
        put_json(
            {
                "reader": reader,
                "verdict": verdict,
                "papers": list(found),
                "changed": changed,
                "unknown": [{"name": name, "reason": reason} for name, reason in unknown],
            }
        )
    said = {"like": "liked", "dislike": "disliked", "none": "not rated"}[verdict]
    for paper_id, title in {} if as_json else found.items():
        before = "was not rated" if verdict == "none" else f"{said} already"
        how = said if paper_id in changed else before
        put(f"{how:<17} {paper_id}  {shown_text(title)}")
    for _, reason in unknown:
        note(f"Not rated: {reason}")
    if unknown:
        raise typer.Exit(1 if found else 2)


def _named(given: Sequence[str]) -> list[str]:
    """What is named, with the lines of standard input where ``-`` stands."""
    import sys

    names: list[str] = []
    for name in given:
        if name == "-":
            text = sys.stdin.buffer.read().decode("utf-8-sig", "replace")
            names += [line.strip() for line in text.splitlines() if line.strip()]
        else:
            names.append(_readable(name))
    return names


def _readable(text: str) -> str:
    """A word of the command line whose bytes need not be text."""
    return text.encode("utf-8", "replace").decode("utf-8")


@command
def import_(
    file: Annotated[
        str, typer.Argument(help="BibTeX, RIS, CSL-JSON or any format of `curator add`; - too.")
    ],
    replace_all: Annotated[
        bool, typer.Option("--replace", help="Forget what was imported before.")
    ] = False,
    reader: Reader = ME,
    as_json: AsJson = False,
) -> None:
    """Take a bibliography as papers that the reader likes, without adding them to the library.

    Entries that are papers of the library are recognised by arXiv id, DOI or title; imported
    again, nothing is there twice. `curator profile set --no-bibliography` forgets all of it.

    Example: curator profile import my-own-papers.bib
    """
    from dataclasses import replace

    from curator.bibliographies import joined, read_bibliography

    with open_library() as library:
        readers = library.catalog.readers
        readers.require(reader)
        read = read_bibliography(library, file)
        known = readers.update(
            reader,
            lambda stored: replace(
                stored,
                bibliography=joined(() if replace_all else stored.bibliography, read.entries),
            ),
        )
    if as_json:
        put_json(
            {
                "reader": reader,
                "read": len(read.entries),
                "in_library": read.known,
                "bibliography": len(known.bibliography),
                "rejected": [{"where": r.where, "reason": r.reason} for r in read.rejected],
            }
        )
    else:
        put(
            f"{counted(len(read.entries), 'paper')} read, {read.known:,} of them in the library; "
            f"the bibliography has {len(known.bibliography):,}."
        )
    for entry in read.rejected[:_REJECTED]:
        note(f"Not read: {entry.where}: {shown_text(entry.reason)}")
    if len(read.rejected) > _REJECTED:
        note(f"… and {len(read.rejected) - _REJECTED:,} more")
    if read.rejected:
        raise typer.Exit(1)
