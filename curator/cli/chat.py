"""The command that talks, and where its lines come from: a person, or a script."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from curator.cli.conversation import AtPrompt, Conversation
from curator.cli.options import (
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
from curator.cli.terminal import budget_of, command, note, open_library, put

__all__ = ["chat", "split_paste"]

PROMPT, PROMPT_MORE = "› ", "… "
PASTE_SECONDS = 0.05  # the lines of what is pasted are there at once
HISTORY_LINES = 1000


@command
def chat(
    thread: Annotated[
        str, typer.Option(help="The conversation to go on with, or a new name.")
    ] = "default",
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
    model: ModelName = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_minutes: MaxMinutes = None,
) -> None:
    """Talk with your library; conversations are kept and can be gone on with.

    Each sentence is shown as soon as it is checked, with a number; /why 1 shows what it rests
    on, /help what else can be done. From a pipe, each line is a question or a /command, and
    the first error ends it.
    """
    from curator.threads import thread_name

    name = thread_name(thread)
    with open_library(model=model, budget=budget_of(max_calls, max_tokens, max_minutes)) as library:
        ids = tuple(library.catalog.papers.resolve(text).id for text in paper or ())
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
        library.llm  # noqa: B018 - says at once if the weights are missing
        asks = sys.stdin.isatty()
        talk = Conversation(library, name, filters, asks=asks)
        if not asks:
            talk.run(_script_lines())
            return
        talk.greet()
        with _history(library.home.root / "chat_history"):
            talk.run(_TypedLines())


class _TypedLines:
    """What a person types or pastes, a question or a command at a time."""

    def __init__(self) -> None:
        self._waiting: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self._waiting:
            self._waiting = split_paste(self._read()) or [""]
        return self._waiting.pop(0)

    def _read(self) -> list[str]:
        """Lines until none is there at once. Most terminals hand over what is pasted whole,
        as one line that has line ends inside; the others give one line after the other."""
        lines: list[str] = []
        try:
            lines += input(PROMPT).splitlines()
            while _more_is_there():
                lines += input(PROMPT_MORE).splitlines()
        except EOFError:
            put()
            if not lines:
                raise StopIteration from None
        except KeyboardInterrupt:
            raise AtPrompt from None
        except UnicodeDecodeError:
            note("  That is not readable text; nothing was asked.")
            return []
        return lines


def _more_is_there() -> bool:
    import select

    try:
        return bool(select.select([sys.stdin], [], [], PASTE_SECONDS)[0])
    except (OSError, ValueError):  # Windows has this for sockets only
        return False


def split_paste(lines: Sequence[str]) -> list[str]:
    """What pasted lines say: each that begins with ``/`` is a command, and those between are
    one question. ``["What is", "LoRA?", "/sources"]`` is ``["What is LoRA?", "/sources"]``."""
    said: list[str] = []
    question: list[str] = []
    for line in [*(line.strip() for line in lines), "/"]:
        if not line.startswith("/"):
            question.append(line)
            continue
        if any(question):
            said.append(" ".join(part for part in question if part))
        question = []
        said.append(line)
    return said[:-1]


def _script_lines() -> Iterator[str]:
    """The lines of standard input.

    Raises:
        InputError: they are no text in UTF-8.
    """
    from curator.errors import InputError

    try:
        for line in sys.stdin:
            yield line.lstrip("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise InputError("Standard input is not text in UTF-8.") from error


@contextmanager
def _history(file: Path) -> Iterator[None]:
    """Arrow keys bring back earlier lines, where the system has readline. A history that
    cannot be read or kept is no reason not to talk."""
    try:
        import readline
    except ImportError:  # Windows
        yield
        return
    with suppress(OSError, UnicodeDecodeError):
        file.touch(mode=0o600)
        readline.read_history_file(file)
    readline.set_history_length(HISTORY_LINES)
    try:
        yield
    finally:
        with suppress(OSError):
            readline.write_history_file(file)
