"""Commands that make something of papers: tldr, tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.options import (
    AsJson,
    MaxCalls,
    MaxMinutes,
    MaxTokens,
    ModelName,
    Since,
    Until,
    filters_of,
)
from curator.cli.terminal import budget_of, command, flags, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.batch import Outcome
    from curator.catalog import StoredTag, StoredTldr
    from curator.library import Library
    from curator.paper import Paper

Names = Annotated[
    list[str] | None, typer.Argument(help="Papers by id, arXiv id, DOI or title; else --new.")
]
New = Annotated[bool, typer.Option("--new", help="Those not done yet (the default).")]
All = Annotated[bool, typer.Option("--all", help="All papers; what is done already is quick.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many, newest first.")]


@command
def tldr(
    papers: Names = None,
    new: New = False,
    everything: All = False,
    limit: Limit = None,
    since: Since = None,
    until: Until = None,
    model: ModelName = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_minutes: MaxMinutes = None,
    parts: Annotated[
        bool,
        typer.Option(
            "--structured",
            help="Problem, method, result and limits of the papers named, each quoted; no model.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Summarise papers in one sentence each, quoted or checked.

    Killed or out of budget, running it again goes on where it stopped.
    """
    _one_choice(papers, new, everything)
    if parts:
        _structured(papers, everything, limit, filters_of(since, until), as_json)
        return
    with open_library(model=model, budget=budget_of(max_calls, max_tokens, max_minutes)) as library:
        filters = filters_of(since, until)
        recipe = library.tldr_writer.recipe
        chosen = _choose(library, "tldr", recipe, papers, everything, limit, filters)

        def show(outcome: Outcome[Paper, StoredTldr]) -> None:
            made = outcome.result
            assert made is not None
            if as_json:
                put_json(
                    {
                        "paper_id": made.paper_id,
                        "tldr": made.text,
                        "origin": made.origin,
                        "supported": made.supported,
                        "score": made.score,
                        "quote": made.quote,
                    },
                    lines=True,
                )
            else:
                how = "quoted" if made.origin == "quote" else f"checked {made.score:.2f}"
                put(f"{made.paper_id}  {_plain(outcome.item.title)}")
                put(f"    {_plain(made.text)} ({how})")

        _run(library, library.tldr(chosen), len(chosen), "summarised", show)


def _structured(
    names: list[str] | None, everything: bool, limit: int | None, filters: Any, as_json: bool
) -> None:
    """Prints the summaries in four parts; nothing of them is stored."""
    from dataclasses import asdict

    from curator.errors import UsageError
    from curator.roles import RoleClassifier, structured

    if not names and not everything:
        raise UsageError(
            "--structured needs papers.",
            remedy="Name them by id, arXiv id, DOI or title, or add --all.",
        )
    with open_library() as library:
        chosen = _choose(library, "tldr", "", names, everything, limit, filters)
        classifier = RoleClassifier.load()
        for paper in chosen:
            summary = asdict(structured(paper, classifier, library.embedder))
            if as_json:
                put_json(summary, lines=True)
                continue
            put(f"{paper.id}  {_plain(paper.title)}")
            for part in ("problem", "method", "result", "limits"):
                quote = summary[part]
                put(f"    {part + ':':<9}{_plain(quote) if quote else '(not said)'}")


@command
def tag(
    papers: Names = None,
    new: New = False,
    everything: All = False,
    limit: Limit = None,
    since: Since = None,
    until: Until = None,
    taxonomy: Annotated[
        str | None,
        typer.Option(help="A taxonomy file, or arxiv:cs.*,stat.ML, instead of the built-in one."),
    ] = None,
    model: ModelName = None,
    ask: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=20,
            help="How many of a paper's most uncertain tags the model decides.",
            show_default="2 for models behind an API, else 0",
        ),
    ] = None,
    batch_api: Annotated[
        bool, typer.Option("--batch-api", help="Hand questions over by OpenAI's Batch API.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --batch-api: stay until they are answered.")
    ] = False,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_minutes: MaxMinutes = None,
    as_json: AsJson = False,
) -> None:
    """Tag papers from the taxonomy, with a confidence and the sentence that speaks for each tag.

    Words and vectors decide what is plain, what you corrected before teaches, and with --ask
    the model decides what is uncertain. The rest is for people: `curator tag review`. Killed or
    out of budget, running it again goes on where it stopped.
    """
    from curator.errors import UsageError
    from curator.tagging import wants_review

    _one_choice(papers, new, everything)
    if wait and not batch_api:
        raise UsageError("--wait is for --batch-api.", remedy="Add --batch-api.")
    with open_library(
        model=model,
        budget=budget_of(max_calls, max_tokens, max_minutes),
        taxonomy=taxonomy,
        tag_questions=ask,
    ) as library:
        filters = filters_of(since, until)
        chosen = _choose(library, "tag", library.tagger.recipe, papers, everything, limit, filters)
        if batch_api:
            chosen = _handed_over(library, chosen, wait)

        def show(outcome: Outcome[Paper, list[StoredTag]]) -> None:
            tags = outcome.result or []
            if as_json:
                put_json(_tag_line(outcome.item, tags), lines=True)
                return
            listed = ", ".join(f"{t.tag} {t.confidence:.2f}" for t in tags if not t.needs_review)
            put(f"{outcome.item.id}  {_plain(outcome.item.title)}")
            put(f"    {listed or '(none)'}{'  [to review]' if wants_review(tags) else ''}")

        _run(library, library.tag(chosen), len(chosen), "tagged", show, uncertain=wants_review)


def _tag_line(paper: Paper, tags: Sequence[StoredTag]) -> dict[str, Any]:
    from curator.tagging import wants_review

    return {
        "paper_id": paper.id,
        "tags": [
            {
                "tag": t.tag,
                "confidence": t.confidence,
                "source": t.source,
                "evidence": t.evidence,
            }
            for t in tags
            if not t.needs_review
        ],
        "needs_review": wants_review(tags),
    }


def _handed_over(library: Library, papers: list[Paper], wait: bool) -> list[Paper]:
    """The papers that need not wait for a batch."""
    report, ready = library.batch_tags(papers, wait=wait)
    note(
        f"{report.wanted} questions: {report.cached} answered, {report.submitted} handed over "
        f"now, {report.waiting} waiting, {sum(report.left.values())} left to be asked one by one"
    )
    if report.waiting:
        note(
            f"{len(papers) - len(ready)} papers wait for the server. Run the same command again "
            "to collect; with --wait it stays until they are done."
        )
    return ready


def _one_choice(names: list[str] | None, new: bool, everything: bool) -> None:
    from curator.errors import UsageError

    if sum((bool(names), new, everything)) > 1:
        raise UsageError("Give papers, or --new, or --all; only one of them.")


def _choose(
    library: Library,
    task: Any,
    recipe: str,
    names: list[str] | None,
    everything: bool,
    limit: int | None,
    filters: Any,
) -> list[Paper]:
    if names:
        return [library.catalog.papers.resolve(name) for name in names][:limit]
    if everything:
        return library.catalog.papers.select(filters, limit=limit)
    return library.catalog.ledger.pending(task, recipe, limit=limit, filters=filters)


def _run(
    library: Library,
    outcomes: Iterator[Outcome[Paper, Any]],
    total: int,
    what: str,
    show: Callable[[Outcome[Paper, Any]], None],
    uncertain: Callable[[Any], bool] | None = None,
) -> None:
    """Shows outcomes as they come, and at the end a summary that adds up. ``uncertain`` says
    which results a person should look at."""
    done = failed = doubtful = 0
    try:
        for outcome in outcomes:
            if outcome.error is None:
                done += 1
                doubtful += uncertain is not None and uncertain(outcome.result)
                show(outcome)
            else:
                failed += 1
                note(f"Failed: {outcome.item.id}: {outcome.error}")
            if flags.progress:
                counts = {"uncertain": doubtful} if uncertain else {}
                cached = library.usage.cached
                flags.progress(what, done + failed, total, **counts, failed=failed, cached=cached)
    finally:
        usage = library.usage
        looked = f" ({doubtful} with something to review)" if uncertain else ""
        note(
            f"{done} {what}{looked}, {failed} failed, {total - done - failed} left of {total}; "
            f"{usage.llm_calls} model calls ({usage.cached} more from the cache), "
            f"{usage.prompt_tokens + usage.completion_tokens:,} tokens, {usage.seconds:.1f} s"
        )
    if failed:
        raise typer.Exit(1)


def _plain(text: str) -> str:
    from curator.text import plain

    return plain(text)
