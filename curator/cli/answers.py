"""The command that answers: ask (`curator.cli.chat` is the same in conversation)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options import (
    AsJson,
    Author,
    Category,
    Liked,
    MaxCalls,
    MaxMinutes,
    MaxTokens,
    ModelName,
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
from curator.cli.terminal import budget_of, command, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.answers import Answer, AnswerSentence
    from curator.catalog import Filters
    from curator.library import Library

__all__ = ["ask", "sentence_line", "show_answer"]


@command
def ask(
    question: Annotated[str | None, typer.Argument(help="A question about your papers.")] = None,
    *,
    paper: Annotated[
        list[str] | None, typer.Option("--paper", help="Answer from this paper only.")
    ] = None,
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
    questions: Annotated[
        Path | None, typer.Option(help='Many questions: JSON Lines {"id", "question"}.')
    ] = None,
    model: ModelName = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_minutes: MaxMinutes = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question, with citations.

    Each sentence is either quoted from a stored abstract or was written by the model and
    checked against it, and says which. Where the library does not answer, it says so.
    """
    from curator.errors import UsageError

    if question and questions is not None:
        raise UsageError("Give a question or --questions, not both.")
    with open_library(model=model, budget=budget_of(max_calls, max_tokens, max_minutes)) as library:
        ids = tuple(library.catalog.papers.resolve(name).id for name in paper or ())
        filters = filters_of(
            since,
            until,
            tag,
            category,
            author,
            ids,
            venues=venue,
            sources=source,
            unread=unread,
            liked=liked,
            where=where,
        )
        filters = with_tags(library, filters)
        if questions is not None:
            _ask_many(library, questions, filters)
            return
        if not question or not question.strip():
            raise UsageError("No question.", remedy='Try: curator ask "What is ...?"')
        answer = library.ask(question.strip(), filters)
    if as_json:
        put_json(answer)
    else:
        show_answer(answer)


def _ask_many(library: Library, file: Path, filters: Filters) -> None:
    from curator.cli.files import read_lines
    from curator.errors import ModelError

    rows = read_lines(file, ("id", "question"))
    failed = 0
    for done, row in enumerate(rows, 1):
        try:
            put_json({"id": row["id"], **library.ask(row["question"], filters)}, lines=True)
        except ModelError as error:
            failed += 1
            note(f"Failed: {row['id']}: {error}")
        library.progress("answered", done, len(rows))
    if failed:
        raise typer.Exit(1)


def show_answer(answer: Answer) -> None:
    """An answer for people: sentences, then what they rest on."""
    numbers = {source["paper_id"]: n for n, source in enumerate(answer["sources"], 1)}
    if answer["abstained"]:
        put(f"{answer['answer']}" + (f" ({answer['reason']})" if answer["reason"] else ""))
        if answer["sources"]:
            put("\nNearest papers:")
    group = ""
    listing = answer["model"] == "catalog"  # its quotes are titles, which stand below anyway
    for sentence in answer["sentences"]:
        if listing and sentence["origin"] == "quote":
            continue
        if sentence.get("group", "") != group:
            group = sentence.get("group", "")
            put(f"{_plain(group)}:" if group else "")
        put(sentence_line(sentence, numbers))
    if answer["sources"] and not answer["abstained"]:
        put("\nPapers:" if listing else "\nSources:")
    for source in answer["sources"]:
        put(f"  [{numbers[source['paper_id']]}] {_plain(source['title'])}  {source['paper_id']}")


def sentence_line(sentence: AnswerSentence, numbers: dict[str, int]) -> str:
    """One sentence with its source numbers and how the reader can trust it."""
    from curator.answers import known_from

    cited = sorted({numbers[c["paper_id"]] for c in sentence["citations"]})
    marks = "".join(f"[{n}]" for n in cited)
    parts = (_plain(sentence["text"]), marks, f"({known_from(sentence)})")
    return " ".join(part for part in parts if part)


def _plain(text: str) -> str:
    from curator.text import plain

    return plain(text)
