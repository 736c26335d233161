"""A conversation: questions, and the commands that begin with a slash."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.cli.options import with_tags
from curator.cli.shown import Shown, counted, dim, shown_text
from curator.cli.stoppable import Stoppable
from curator.cli.terminal import note, put

if TYPE_CHECKING:
    from curator.answers import Answer
    from curator.catalog import Filters
    from curator.library import Library
    from curator.threads import Said

__all__ = ["AtPrompt", "Conversation"]

MAX_QUESTION = 4000  # characters: a pasted abstract is a question, a pasted paper is none


class AtPrompt(Exception):  # an event, as KeyboardInterrupt is
    """Ctrl-C while a line was being typed."""


class Conversation:
    """A conversation at the terminal or from a script, and the answer that was shown last.

    ``asks`` says that a person sits there: errors are then shown and the conversation goes on,
    where a script ends.
    """

    def __init__(self, library: Library, thread: str, filters: Filters, *, asks: bool) -> None:
        self.library = library
        self.filters = filters
        self.asks = asks
        self.last = self._shown()
        self._work: Stoppable | None = None
        self._go_to(thread)

    def greet(self) -> None:
        """Says where the conversation stands."""
        count = self.library.threads.count(self.thread)
        put(f"Conversation {self.thread!r}, {counted(count, 'question')} so far. ", end="")
        put("/help says what you can do.")
        if self.filters:
            self.filter("")

    def run(self, lines: Iterator[str]) -> None:
        """Answers line after line until there are no more, or one says to leave.

        Raises:
            BudgetExhausted: the command's budget is used up.
            CuratorError: whatever goes wrong in a script.
            KeyboardInterrupt: Ctrl-C in a script.
        """
        from curator.errors import BudgetExhausted, CuratorError

        while True:
            try:
                line = next(lines, "/quit")
                if line.lower() in ("/quit", "/exit"):
                    self._settle()
                    return
                if line.startswith("/"):
                    self.obey(line)
                elif line:
                    self.ask(line)
            except AtPrompt:
                put("\n  /quit or Ctrl-D leaves.")
            except KeyboardInterrupt:
                if not self.asks:
                    raise
                note("  Stopped. (/quit or Ctrl-D leaves.)")
            except BudgetExhausted:
                raise
            except CuratorError as error:
                if not self.asks:
                    raise
                note(f"  {error.message}" + (f"\n  → {error.remedy}" if error.remedy else ""))

    # ------------------------------------------------------------------- answering

    def ask(self, question: str) -> None:
        """Shows the answer as it comes, and writes it down.

        Raises:
            UsageError: the question is too long to be one.
        """
        from curator.errors import UsageError
        from curator.text import clean

        if len(question) > MAX_QUESTION:
            raise UsageError(
                f"A question has at most {MAX_QUESTION:,} characters; this has {len(question):,}.",
                remedy="Ask about a part of it, or add it to the library and ask about that.",
            )
        question = clean(question)
        if not question:
            return
        self.last = self._shown()
        answer = self._answer(question)
        where = str(self.filters.expression or "")
        self.library.threads.record(self.thread, answer, self.last.evidence, where)
        self.last.finish(answer)

    def _answer(self, question: str) -> Answer:
        def work(on_event: Callable[[dict[str, Any]], None]) -> Answer:
            return self.library.ask(question, self.filters, on_event=on_event, thread=self.thread)

        if not self.asks:
            return work(self.last.event)
        self._settle()
        self._work = Stoppable(work)
        return self._work.follow(self.last.event)

    def _settle(self) -> None:
        """Waits for an answer that was stopped while a model was at it: two at once would
        overwrite each other's turns."""
        if self._work is not None and not self._work.done(0.2):
            note(dim("  waiting for the model to let go of the answer that was stopped"))
            self._work.done(None)
        self._work = None

    # -------------------------------------------------------------------- commands

    def obey(self, line: str) -> None:
        """Does what a line that begins with ``/`` says.

        Raises:
            UsageError: there is no such command, or it was given what it cannot use.
        """
        from difflib import get_close_matches

        from curator.errors import UsageError

        name, _, rest = line.partition(" ")
        name = name.lower()
        found = _COMMANDS.get(name)
        if found is None:
            near = get_close_matches(name, [*_COMMANDS, "/quit"], 1, 0.5)
            raise UsageError(
                f"There is no {shown_text(name)[:40]}.",
                remedy=f"Did you mean {near[0]}?" if near else "/help says what there is.",
            )
        found.run(self, rest.strip())

    def sources(self, _: str) -> None:
        self.last.list_sources()

    def why(self, text: str) -> None:
        self.last.why(text)

    def more(self, _: str) -> None:
        self.last.more()

    def filter(self, text: str) -> None:
        from curator.catalog import Filters as Chosen

        if text:
            off = text.lower() == "off"
            self.filters = Chosen() if off else with_tags(self.library, Chosen(where=text))
        if self.filters:
            count = len(self.library.catalog.papers.select_ids(self.filters))
            put(f"  Only papers with: {self.filters.expression} ({counted(count, 'paper')})")
        else:
            put("  No filter: all papers count.")

    def threads(self, _: str) -> None:
        names = self.library.threads.names()
        for name in names:
            count = self.library.threads.count(name)
            here = " (this one)" if name == self.thread else ""
            put(f"  {shown_text(name)}{here}, {counted(count, 'question')}")
        if not names:
            put("  No conversations yet.")

    def new(self, text: str) -> None:
        from curator.errors import UsageError
        from curator.threads import thread_name

        name = thread_name(text)
        if name in self.library.threads.names():
            raise UsageError(
                f"There is a conversation {name!r} already.", remedy=f"/thread {name} goes on."
            )
        self._go_to(name)
        put(f"  New conversation {name!r}.")

    def thread_(self, text: str) -> None:
        from curator.errors import NotFoundError
        from curator.threads import thread_name

        name = thread_name(text)
        if name not in self.library.threads.names():
            raise NotFoundError(
                f"There is no conversation {name!r}.",
                remedy="/threads lists them, /new begins one.",
            )
        self._go_to(name)
        self.greet()

    def undo(self, _: str) -> None:
        self._settle()
        taken = self.library.threads.undo(self.thread)
        self._go_to(self.thread)
        put(f"  Taken back: {shown_text(taken.question)}" if taken else "  Nothing was asked yet.")

    def forget(self, _: str) -> None:
        self._settle()
        count = self.library.threads.forget(self.thread)
        self._go_to(self.thread)
        put(f"  Forgotten: {self.thread} ({counted(count, 'question')})")

    def export(self, text: str) -> None:
        from curator.cli.files import write_whole
        from curator.errors import UsageError
        from curator.transcript import to_markdown

        words = text.split(maxsplit=1)
        force = bool(words) and words[0] == "--force"
        if force:
            text = words[1] if len(words) > 1 else ""
        if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            text = text[1:-1]
        safe = re.sub(r"[^\w.-]+", "-", self.thread).strip(".-") or "conversation"
        file = Path(text or f"{safe}.md").expanduser()
        said = self.library.threads.said(self.thread)
        if not said:
            put("  Nothing was asked yet.")
            return
        if file.is_dir():
            raise UsageError(f"{str(file)!r} is a folder.", remedy="Give the name of a file.")
        there = os.path.lexists(file)
        if there and not force:
            raise UsageError(
                f"{str(file)!r} is there already.",
                remedy=f"Give another name, or overwrite it: /export --force {file}",
            )
        write_whole(file, to_markdown(self.thread, said, self.last.title))
        done = "overwritten" if there else "written"
        put(f"  {counted(len(said), 'question')} and what was answered: {file} {done}.")

    def help(self, _: str) -> None:
        put(_help())

    def _go_to(self, thread: str) -> None:
        """Goes on with a conversation where it was left."""
        self.thread = thread
        self.last = self._shown(self.library.threads.said(thread, 1))

    def _shown(self, said: Sequence[Said] = ()) -> Shown:
        return Shown(self.library.catalog.papers, said)


@dataclass(frozen=True)
class _Command:
    run: Callable[[Conversation, str], None]
    argument: str
    what: str


_COMMANDS = {
    "/sources": _Command(Conversation.sources, "", "the papers of the last answer"),
    "/why": _Command(Conversation.why, "N", "the stored words behind sentence N"),
    "/more": _Command(Conversation.more, "", "further stored sentences on the last question"),
    "/filter": _Command(
        Conversation.filter, "WHERE", "only these papers: tag:rag and since:2w; off ends it"
    ),
    "/undo": _Command(Conversation.undo, "", "take the last question and answer back"),
    "/export": _Command(Conversation.export, "[FILE]", "write the conversation as Markdown"),
    "/threads": _Command(Conversation.threads, "", "all conversations"),
    "/thread": _Command(Conversation.thread_, "NAME", "go on with another one"),
    "/new": _Command(Conversation.new, "NAME", "begin another one"),
    "/forget": _Command(Conversation.forget, "", "delete this conversation"),
    "/help": _Command(Conversation.help, "", "this text"),
}


def _help() -> str:
    lines = [
        'Ask about your papers; follow-ups may point back ("how does it compare?", "and on '
        'GSM8K?").',
        *(f"  {f'{name} {c.argument}':16}{c.what}" for name, c in _COMMANDS.items()),
        f"  {'/quit':16}leave (Ctrl-D)",
        "Ctrl-C stops an answer, not the program.",
    ]
    return "\n".join(lines)
