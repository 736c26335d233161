"""A review at the terminal or from a script: one paper at a time, a key for each answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curator.cli.shown import counted, dim, shown_text
from curator.cli.terminal import note, put, strong

if TYPE_CHECKING:
    from curator.catalog import StoredTag
    from curator.library import Library
    from curator.paper import Paper
    from curator.review import ReviewItem, ReviewQueue
    from graphs.review import Review

__all__ = ["Reviewing", "keys", "script"]

EVIDENCE_SHOWN = 150  # characters in the list; w shows all
HELP = (
    "y right  n wrong  a all right  1-9 right, again: wrong  +TAG -TAG another tag\n"
    "  w why  s skip  u undo  q quit  ? this"
)


@dataclass
class _Step:
    said: dict[str, bool]
    skipped: bool = False
    moved: bool = False


class Reviewing:
    """Shows what is asked, and does what is said. ``asks`` says that a person sits there: what
    cannot be understood is then asked again, where a script ends. ``limit`` is in papers."""

    def __init__(
        self,
        library: Library,
        review: Review,
        queue: ReviewQueue,
        *,
        limit: int | None = None,
        asks: bool = False,
    ) -> None:
        self._library = library
        self._review = review
        self._queue = queue
        self._limit = limit
        self._asks = asks
        self._steps: list[_Step] = []
        self._shown = ""
        self._listed: list[str] = []

    def run(self, lines: Iterator[str]) -> None:
        """Answers question after question until nothing is left, or one says to leave.

        Raises:
            UsageError: a script says what is no answer.
        """
        from curator.errors import UsageError

        try:
            while self._ask():
                line = next(lines, "q").strip()
                if line.lower() in ("q", "quit"):
                    break
                try:
                    self._obey(line)
                except UsageError as error:
                    if not self._asks:
                        raise
                    note(f"  {error}")
        finally:
            self._review.leave()
            self._sum_up()

    # ------------------------------------------------------------------- asking

    def _ask(self) -> bool:
        """Shows the question; whether there is one, or something to take back."""
        if self._limit is not None and self._papers >= self._limit:
            return False
        if not self._review.paper_id:
            put("Nothing is left to decide." + (" u undoes, q leaves." if self._steps else ""))
            self._shown = ""
            return bool(self._steps)
        if self._review.paper_id != self._shown:
            self._show()
        if item := self._queue.item(self._shown):
            put(f"{shown_text(self._next(item).tag)}?", end=" " if self._asks else "\n")
        return True

    def _show(self) -> None:
        """Shows a paper with its numbered tags."""
        from curator.review import evidence_in

        self._shown = self._review.paper_id
        paper, item = self._paper(), self._queue.item(self._shown)
        said = self._said()
        waiting = {tag.tag: tag for tag in (item.tags if item else ())}
        self._listed = [*waiting, *(tag for tag in said if tag not in waiting)]
        left = self._queue.count(self._review.skipped)
        on, off = strong()
        put(f"\n[{self._papers} done, {left} left]  {on}{shown_text(paper.title)}{off}")
        put(f"  {dim(' '.join(filter(None, (paper.id, shown_text(paper.url or '')))))}")
        width = max(map(len, self._listed), default=0)
        for number, name in enumerate(self._listed, 1):
            tag = waiting.get(name)
            if tag is None:
                put(f"  {number}. {shown_text(name):<{width}}  {_word(said[name])}")
                continue
            quote = shown_text(evidence_in(tag, paper.text))
            cut = f"{quote[: EVIDENCE_SHOWN - 1]}…" if len(quote) > EVIDENCE_SHOWN else quote
            how = "suggested" if tag.needs_review else tag.source
            put(
                f"  {number}. {shown_text(name):<{width}}  {tag.confidence:.2f} {how}"
                + (f"  “{cut}”" if cut else "")
            )
        given = self._library.catalog.outputs.tags([paper.id]).get(paper.id, [])
        if others := [t.tag for t in given if t.tag not in self._listed and not t.needs_review]:
            put(dim(f"  also: {', '.join(map(shown_text, others))}"))

    def _sum_up(self) -> None:
        said = [right for step in self._steps for right in step.said.values()]
        left = self._queue.count()
        skipped = sum(step.skipped for step in self._steps)
        note(
            f"{sum(said)} right, {len(said) - sum(said)} wrong, {skipped} skipped; "
            f"{counted(left, 'paper')} left to decide."
        )

    # ---------------------------------------------------------------- answering

    def _obey(self, line: str) -> None:
        from curator.errors import UsageError

        word = line.lower()
        if not line:
            return
        if word in ("?", "h", "help"):
            put(f"  {HELP}")
        elif word in ("u", "undo"):
            self._undo()
        elif not self._review.paper_id:
            raise UsageError("Nothing is left to decide.", remedy="u undoes, q leaves.")
        elif (item := self._queue.item(self._shown)) is None:
            put("  That was decided elsewhere meanwhile.")
            self._review.answer("look")
        elif word in ("s", "skip"):
            self._answer({}, skipped=True)
        elif word in ("y", "yes", "n", "no"):
            self._answer({self._next(item).tag: word[0] == "y"})
        elif word in ("a", "all"):
            self._answer({tag.tag: True for tag in item.tags})
        elif word in ("w", "why"):
            self._why(self._next(item))
        elif word.isascii() and word.isdigit() and len(word) < 4:
            self._answer(self._toggled(int(word)))
        elif line[0] in "+-" and line[1:].strip():
            from curator.tag_names import tag_named

            name = tag_named(self._library.taxonomy, line[1:], self._names())
            self._answer({name: line[0] == "+"})
        else:
            raise UsageError(f"{shown_text(line)[:40]!r} is no answer.", remedy="? lists them.")

    def _toggled(self, number: int) -> dict[str, bool]:
        from curator.errors import UsageError

        if not 1 <= number <= len(self._listed):
            raise UsageError(f"There is no {number}.", remedy=f"1 to {len(self._listed)} are.")
        name = self._listed[number - 1]
        return {name: not self._said().get(name, False)}

    def _answer(self, said: dict[str, bool], *, skipped: bool = False) -> None:
        before = self._review.paper_id
        for name, right in said.items():
            put(f"  {_word(right)}: {shown_text(name)}")
        self._review.answer("skip" if skipped else "decide", said)
        moved = self._review.paper_id != before
        self._steps.append(_Step(said, skipped, moved))

    def _undo(self) -> None:
        if not self._review.can_undo:
            put("  There is nothing to undo.")
            return
        self._review.answer("undo")
        if self._steps:
            self._steps.pop()
        self._shown = ""
        put("  Taken back.")

    def _why(self, tag: StoredTag) -> None:
        """The words that speak for the tag that is asked about, and what the tag means."""
        from curator.evidence import best_sentence
        from curator.review import evidence_in
        from curator.text import clean

        paper = self._paper()
        known = self._library.taxonomy.by_name.get(tag.tag)
        meaning = known.description if known else ""
        put(f"  {shown_text(tag.tag)}: {shown_text(meaning) or '(not in the taxonomy)'}")
        quote, what = evidence_in(tag, paper.text), "speaks for it"
        if not quote:
            words = tag.tag.replace("-", " ")
            quote, what = best_sentence(paper, f"{words} {meaning}"), "nearest in words"
        put(f"  “{clean(quote)}” ({what})")
        put(f"  {shown_text(paper.abstract)}")

    # ------------------------------------------------------------------ helpers

    @property
    def _papers(self) -> int:
        """How many papers were left behind in this sitting."""
        return sum(step.moved for step in self._steps)

    def _next(self, item: ReviewItem) -> StoredTag:
        """The first of the list that is open."""
        waiting = {tag.tag: tag for tag in item.tags}
        return next((waiting[name] for name in self._listed if name in waiting), item.tags[0])

    def _paper(self) -> Paper:
        paper_id = self._review.paper_id
        return self._library.catalog.papers.get([paper_id])[paper_id]

    def _said(self) -> dict[str, bool]:
        paper_id = self._review.paper_id
        return self._library.catalog.corrections.of([paper_id]).get(paper_id, {})

    def _names(self) -> list[str]:
        """The paper's tags, which may be of another taxonomy."""
        given = self._library.catalog.outputs.tags([self._shown]).get(self._shown, [])
        return [*self._listed, *(tag.tag for tag in given)]


def _word(right: bool) -> str:
    return "right" if right else "wrong"


# ------------------------------------------------------------------- where answers come from


def script() -> Iterator[str]:
    """The lines of standard input.

    Raises:
        InputError: they are no text in UTF-8.
    """
    from curator.errors import InputError

    try:
        for line in sys.stdin:
            yield line.lstrip("\ufeff")
    except UnicodeDecodeError as error:
        raise InputError("Standard input is not text in UTF-8.") from error


@contextmanager
def keys(names: Sequence[str]) -> Iterator[Iterator[str]]:
    """What a person types: a key for each answer, a line after ``+`` or ``-``, for which the
    tab key completes ``names``. Where the system cannot give single keys, lines."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield iter(lambda: _line("› "), None)
        return
    stdin = sys.stdin.fileno()
    cooked = termios.tcgetattr(stdin)

    def typed() -> Iterator[str]:
        while True:
            data = os.read(stdin, 64)
            if not data or data == b"\x04":  # Ctrl-D
                put()
                return
            if data.startswith(b"\x1b"):  # arrows and the like
                continue
            text = data.decode("utf-8", "ignore")
            for place, key in enumerate(text):
                if key in "+-":
                    termios.tcsetattr(stdin, termios.TCSADRAIN, cooked)
                    # What was pasted with it belongs to the line.
                    line = _line(key, names, text[place + 1 :])
                    tty.setcbreak(stdin, termios.TCSADRAIN)
                    yield f"{key}{line}" if line else ""
                    break
                if key.isprintable() and not key.isspace():
                    put(key)
                    yield key

    tty.setcbreak(stdin, termios.TCSADRAIN)
    try:
        yield typed()
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, cooked)


def _line(prompt: str, names: Sequence[str] = (), begun: str = "") -> Any:
    """A line of input; None at its end."""
    if begun.endswith(("\r", "\n")):
        put(prompt + begun.strip())
        return begun.strip()
    readline = _readline()
    if readline:
        found: list[str] = []

        def complete(text: str, state: int) -> str | None:
            if state == 0:
                found[:] = [name for name in names if name.startswith(text.lower())]
            return found[state] if state < len(found) else None

        readline.set_completer(complete)
        readline.set_completer_delims(" ")
        readline.parse_and_bind("tab: complete")
        readline.set_startup_hook((lambda: readline.insert_text(begun)) if begun else None)
    try:
        return input(prompt)
    except EOFError:
        return None
    finally:
        if readline:
            readline.set_startup_hook(None)


def _readline() -> Any:
    try:
        import readline
    except ImportError:
        return None
    return readline
