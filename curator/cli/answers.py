"""Commands that answer: ask, chat."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
)
from curator.cli.terminal import budget_of, command, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.answers import Answer, AnswerSentence
    from curator.catalog import Filters
    from curator.library import Library


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
    for sentence in answer["sentences"]:
        put(sentence_line(sentence, numbers))
    if not answer["abstained"]:
        put("\nSources:")
    for source in answer["sources"]:
        put(f"  [{numbers[source['paper_id']]}] {_plain(source['title'])}  {source['paper_id']}")


def sentence_line(sentence: AnswerSentence, numbers: dict[str, int]) -> str:
    """One sentence with its source numbers and how the reader can trust it."""
    cited = sorted({numbers[c["paper_id"]] for c in sentence["citations"]})
    marks = "".join(f"[{n}]" for n in cited)
    how = "quoted" if sentence["origin"] == "quote" else f"checked {sentence['score']:.2f}"
    return f"{_plain(sentence['text'])} {marks} ({how})"


def _plain(text: str) -> str:
    from curator.text import plain

    return plain(text)


HELP = """\
Ask about your papers; a follow-up may point back ("how does it compare ...").
  /sources   the papers of the last answer      /why N    the stored words behind sentence N
  /threads   conversations                      /forget   forget this conversation
  /help      this text                          /quit     leave (Ctrl-D)
Ctrl-C stops an answer, not the program."""


@command
def chat(
    thread: Annotated[
        str, typer.Option(help="The conversation to go on with, or a new name.")
    ] = "default",
    model: ModelName = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_minutes: MaxMinutes = None,
) -> None:
    """Talk with your library; conversations are kept and can be gone on with."""
    with open_library(model=model, budget=budget_of(max_calls, max_tokens, max_minutes)) as library:
        library.llm  # noqa: B018 - says at once if the weights are missing
        turns = library.threads.turns(thread)
        asks = sys.stdin.isatty()
        if asks:
            put(f"Conversation {thread!r}, {len(turns)} turns so far. /help says what you can do.")
            _enable_history(library)
        _converse(library, thread, asks)


def _converse(library: Library, thread: str, asks: bool) -> None:
    from curator.errors import BudgetExhausted, CuratorError

    last: Answer | None = None
    while True:
        try:
            line = input("› " if asks else "").strip()
        except EOFError:
            if asks:
                put()
            return
        except KeyboardInterrupt:
            put("\n/quit or Ctrl-D leaves.")
            continue
        if not line:
            continue
        if line.startswith("/"):
            if line in {"/quit", "/exit"}:
                return
            _obey(line, library, thread, last)
            last = None if line == "/forget" else last
            continue
        try:
            last = library.ask(line, on_event=_show_event, thread=thread)
        except KeyboardInterrupt:
            note("Stopped.")
        except BudgetExhausted:
            raise
        except CuratorError as error:
            last = None
            if not asks:
                raise  # a script must see it
            note(f"Error: {error}")


def _show_event(event: dict[str, Any]) -> None:
    """Shows an answer as it comes: sentence by sentence, each checked already."""
    if event["event"] == "sentence":
        sentence: AnswerSentence = event["sentence"]
        how = "quoted" if sentence["origin"] == "quote" else f"checked {sentence['score']:.2f}"
        papers = ", ".join(dict.fromkeys(c["paper_id"] for c in sentence["citations"]))
        put(f"  {_plain(sentence['text'])} ({how}: {papers})")
    elif event["event"] == "abstained":
        from curator.answerable import NO_ANSWER

        put(f"  {NO_ANSWER} ({event['reason']})")


def _obey(line: str, library: Library, thread: str, last: Answer | None) -> None:
    name, _, rest = line.partition(" ")
    if name == "/help":
        put(HELP)
    elif name == "/threads":
        for known in library.threads.names():
            put(f"  {known}{' (this one)' if known == thread else ''}")
    elif name == "/forget":
        library.threads.forget(thread)
        put(f"  Forgotten: {thread}")
    elif name == "/sources":
        for source in (last or {"sources": []})["sources"]:
            put(
                f"  {source['paper_id']}  {_plain(source['title'])}  {source['url'] or ''}".rstrip()
            )
    elif name == "/why":
        sentences = last["sentences"] if last else []
        number = int(rest) if rest.strip().isdigit() else 0
        if 1 <= number <= len(sentences):
            for citation in sentences[number - 1]["citations"]:
                put(f"  {citation['paper_id']}: “{citation['quote']}”")
        else:
            put(f"  Give a number from 1 to {len(sentences)}." if sentences else "  No answer yet.")
    else:
        put(f"  {name} is not known. /help says what is.")


def _enable_history(library: Library) -> None:
    """Arrow keys bring back earlier questions, where the system has readline."""
    try:
        import atexit
        import readline
    except ImportError:  # Windows
        return
    file = library.home.root / "chat_history"
    try:
        readline.read_history_file(file)
    except OSError:
        file.touch()
    readline.set_history_length(1000)
    atexit.register(readline.write_history_file, file)
