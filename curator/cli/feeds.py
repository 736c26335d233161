"""Commands about feeds: subscribe, unsubscribe, feeds, sync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.options import AsJson
from curator.cli.terminal import command, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.catalog import FeedRow
    from curator.intake import FeedOutcome
    from curator.library import Library

NOTHING_NEW = 5  # the exit code of a sync that brought nothing new, and had no trouble

Specs = Annotated[list[str], typer.Argument(help="Feeds, like arxiv:cs.CL or hf:daily.")]


@command
def subscribe(specs: Specs, as_json: AsJson = False) -> None:
    """Subscribe to feeds, which `curator sync` then pulls.

    Feeds: hf:daily (Hugging Face Daily Papers), arxiv:cs.CL (a category),
    'arxiv:"tree of thoughts"' (a search), arxiv-rss:cs.CL+cs.LG, oai:cs (all of an arXiv set),
    s2:WORDS (Semantic Scholar), openalex:WORDS, acl:2022.naloma (ACL Anthology), and
    rss:https://... for any RSS or Atom feed.
    """
    with open_library() as library:
        names = [_spec(library, spec) for spec in specs]
        new = [name for name in names if library.catalog.feeds.subscribe(name)]
    if as_json:
        put_json({"subscribed": new, "already": [name for name in names if name not in new]})
        return
    for name in names:
        put(f"{'Subscribed to' if name in new else 'Already subscribed to'} {name}")
    note("`curator sync` pulls what is new.")


@command
def unsubscribe(specs: Specs, as_json: AsJson = False) -> None:
    """Take feeds off the list. Their papers stay."""
    from curator.errors import CuratorError, NotFoundError

    with open_library() as library:
        gone = []
        for spec in specs:
            try:
                name = _spec(library, spec)
            except CuratorError:
                name = spec  # a feed of an older version, perhaps
            if not library.catalog.feeds.unsubscribe(name):
                raise NotFoundError(
                    f"There is no subscription to {spec!r}.", remedy="`curator feeds` lists them."
                )
            gone.append(name)
    if as_json:
        put_json({"unsubscribed": gone})
    else:
        for name in gone:
            put(f"No longer subscribed to {name}")


def _spec(library: Library, spec: str) -> str:
    from curator.errors import UsageError

    feed = library.feed(spec)
    if feed is None:
        raise UsageError(
            f"{spec!r} is not a feed.",
            remedy="For a page that is a feed write rss:ADDRESS; `curator add` takes files.",
        )
    return feed.spec


@command
def feeds(as_json: AsJson = False) -> None:
    """List the feeds that are subscribed to, and how far each has been read."""
    with open_library() as library:
        rows = library.catalog.feeds.all()
    if as_json:
        put_json([_row(row) for row in rows])
        return
    for row in rows:
        put(f"{row.spec:<32} read {row.last_success or 'never'}")
        if row.cursor:
            put(f"{'':<32} was cut short; the next sync goes on from there")
        if row.error:
            put(f"{'':<32} failed {row.failures}x: {row.error}")
    if not rows:
        note("No feeds. Try: curator subscribe hf:daily arxiv:cs.CL")


def _row(row: FeedRow) -> dict[str, Any]:
    return {
        "feed": row.spec,
        "since": row.since,
        "last_try": row.last_try,
        "last_success": row.last_success,
        "unfinished": row.cursor is not None,
        "failures": row.failures,
        "error": row.error,
    }


@command
def sync(
    specs: Annotated[
        list[str] | None, typer.Argument(help="Feeds (default: all that are subscribed to).")
    ] = None,
    embed: Annotated[
        bool, typer.Option(help="Make vectors at once; else `curator index` does later.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Pull feeds: what is new since each was last read to its end.

    Safe to run from cron. Exit 0: something new came. 5: nothing new, no trouble. 1: a feed
    failed; what it brought is kept, and the next sync goes on from there. A second sync that
    starts meanwhile leaves the work to the first (exit 3).
    """
    from curator.errors import CuratorError, UsageError

    trouble: CuratorError | None = None
    with open_library() as library:
        if not specs and not library.catalog.feeds.all():
            raise UsageError(
                "There are no feeds to pull.", remedy="Try: curator subscribe hf:daily arxiv:cs.CL"
            )
        report = library.sync(specs or (), embed=False)
        if report.new:
            try:
                library.index(vectors=embed)
            except CuratorError as error:  # the papers are in: the report comes first
                trouble = error
    if as_json:
        put_json({"new": report.new, "feeds": [_outcome(outcome) for outcome in report.feeds]})
    else:
        for outcome in report.feeds:
            got = outcome.report
            put(
                f"{outcome.spec:<32} {got.added} added, {got.updated} updated, "
                f"{got.unchanged} unchanged, {len(got.rejected)} rejected"
            )
    for outcome in report.feeds:
        if outcome.error:
            note(f"Failed: {outcome.spec}: {outcome.error.message} {outcome.error.remedy}".rstrip())
    rejected = sum(len(outcome.report.rejected) for outcome in report.feeds)
    if rejected:
        note(f"{rejected} entries were rejected; `curator status --failed` says why.")
    if trouble is not None:
        raise trouble
    if report.failed:
        raise typer.Exit(1)
    if not report.new:
        raise typer.Exit(NOTHING_NEW)


def _outcome(outcome: FeedOutcome) -> dict[str, Any]:
    report = outcome.report
    return {
        "feed": outcome.spec,
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "rejected": [{"where": r.where, "reason": r.reason} for _, r in report.rejected],
        "papers": list(report.paper_ids),
        "error": str(outcome.error) if outcome.error else None,
    }
