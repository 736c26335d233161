"""The command line. This module and what it imports must stay light: `curator --help` is
answered within 0.3 s, so models, indexes and graphs are imported inside the commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from curator import __version__
from curator.cli import (
    admin,
    answers,
    chat,
    check,
    curate,
    digest,
    digest_review,
    evaluate,
    export,
    feeds,
    identity,
    keyphrases,
    marks,
    papers,
    profile,
    review,
    schedule,
    search,
    serve,
    tags,
    taxonomy,
    twowords,
)
from curator.cli.terminal import flags, put

__all__ = ["app"]

app = typer.Typer(
    name="curator",
    cls=twowords.Commands,
    help="Keep up with research papers: search, cited answers, tags and digests in which "
    "every sentence is quoted from a stored abstract or checked against it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Start with: curator models pull, then curator add FILE. "
    "Exit codes: 0 done, 1 some items failed, 2 bad usage or input, 3 something is missing, "
    "4 budget used up, 5 nothing new (sync), 130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        put(__version__)
        raise typer.Exit


@app.callback()
def everywhere(
    home: Annotated[
        str | None,
        typer.Option(
            "--home",
            envvar="CURATOR_HOME",
            help="The folder of the library.",
            show_default="the platform's user data folder",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    flags.home = home


_GROUPS: dict[str, tuple[Callable[..., None], ...]] = {
    "Papers": (papers.add, search.search, search.similar, papers.show, export.export),
    "Feeds": (feeds.subscribe, feeds.unsubscribe, feeds.feeds, feeds.sync),
    "Answers": (answers.ask, chat.chat, check.check),
    "Curation": (
        curate.tldr,
        curate.tag,
        review.review,
        tags.tags,
        keyphrases.keyphrases,
    ),
    "Digests": (digest.digest, digest_review.review, schedule.schedule),
    "Serving": (serve.serve, serve.mcp),
    "Marks": (marks.like, marks.dislike, marks.read),
    "Library": (admin.status, admin.retry, admin.index, admin.doctor),
    "Duplicates": (identity.dedupe, identity.merge, identity.split),
}
_TWO_WORDS = {review.review: review.NAME, digest_review.review: digest_review.NAME}
for group, functions in _GROUPS.items():
    for function in functions:
        name = _TWO_WORDS.get(function)
        app.command(name, rich_help_panel=group)(function)
app.add_typer(profile.profile, name="profile")
app.add_typer(taxonomy.taxonomy, name="taxonomy")
app.add_typer(admin.models, name="models")
app.add_typer(evaluate.evaluate, name="eval")
