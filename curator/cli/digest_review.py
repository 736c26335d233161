"""The command by which an editor goes through a digest: ``curator digest review``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options import AsJson
from curator.cli.terminal import command, open_library, put, put_json

if TYPE_CHECKING:
    from curator.digest.desk import DigestDesk
    from curator.library import Library

__all__ = ["NAME", "review"]

NAME = "digest review"


@command
def review(
    name: Annotated[
        str | None, typer.Argument(help="The digest's name, like 2026-W47; by default the last.")
    ] = None,
    week: Annotated[str | None, typer.Option(help="The ISO week instead, like 2026-W47.")] = None,
    reader: Annotated[str, typer.Option(help="Whose digest it is.")] = "me",
    as_json: AsJson = False,
) -> None:
    """Go through a digest paper by paper, and say what is to be otherwise.

    k keeps and goes on, p pins, d drops, e rewrites the summary, n adds a note, + and - move it
    up and down, m into another section, w shows why, u undoes, q leaves; ? lists all keys. Each
    answer is stored at once; left or killed, it goes on at the same paper. From a pipe, each line
    is an answer ("e A better summary.").

    What was said is done when the digest is written again. --json prints all edits instead.
    """
    from curator.errors import UsageError

    if name and week:
        raise UsageError("Give a name or --week, not both.")
    with open_library() as library:
        desk = _desk(library, name, week, reader)
        if as_json:
            put_json(desk.edits())
        else:
            _review(library, desk)


def _desk(library: Library, name: str | None, week: str | None, reader: str) -> DigestDesk:
    from curator.digest.desk import DigestDesk
    from curator.digest.period import period_of
    from curator.errors import NotFoundError

    digests = library.catalog.digests
    names = digests.names(reader)
    chosen = period_of(week, None, None).name if week else name or (names[-1] if names else "")
    document = digests.get(chosen, reader) if chosen else None
    whose = "" if reader == "me" else f" of the reader {reader!r}"
    if document is None:
        what = f"no digest {chosen!r}{whose}" if chosen else f"no digest{whose} yet"
        known = f"There are {', '.join(names[-8:])}. " if names else ""
        raise NotFoundError(
            f"There is {what}.",
            remedy=f"{known}curator digest --week 2026-W47 --out DIR makes one.",
        )
    if document.get("version") != 2:
        raise NotFoundError(
            f"The digest {chosen!r} was made by an earlier release, and cannot be edited.",
            remedy=f"Make it again: curator digest --week {chosen} --out DIR",
        )
    return DigestDesk(library.catalog, library.grounder, document)


def _review(library: Library, desk: DigestDesk) -> None:
    from curator.cli.digest_desk import DigestReviewing, typed
    from curator.cli.reviewing import script
    from curator.errors import StorageError
    from curator.locks import free_lock
    from curator.threads import Threads
    from graphs.digest_review import DigestReview, DigestReviewContext

    home = library.home.root
    threads = Threads(home / "digest-review.sqlite3")
    with free_lock(home / "digest-review.lock") as free, threads.saver() as saver:
        if not free:
            raise StorageError(
                "Another process is reviewing a digest of this library.",
                remedy="End it, or edit the file that curator digest --out DIR wrote.",
                retryable=True,
            )
        begun = DigestReview(saver, DigestReviewContext(desk), desk.thread)
        asks = sys.stdin.isatty()
        talk = DigestReviewing(desk, begun, asks=asks)
        if not asks:
            talk.run(script())
            return
        put("k keep, p pin, d drop, e rewrite, n note, u undo, q quit; ? lists all keys.")
        with typed(talk.summary) as lines:
            talk.run(lines)
