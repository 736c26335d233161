"""A digest on an editor's desk: what is shown of each paper, and what each answer does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from curator.cli.shown import counted, dim, shown_text
from curator.cli.terminal import note, put, strong

if TYPE_CHECKING:
    from curator.digest.desk import DigestDesk
    from curator.digest.document import DigestPaper
    from curator.digest.edits import Move
    from graphs.digest_review import DigestReview

__all__ = ["DigestReviewing", "typed"]

HELP = (
    "k keep, go on  p pin or unpin  d drop  e TEXT rewrite the summary  n TEXT add a note\n"
    "  + up  - down  m SECTION move it there  w why  u undo  q quit  ? this"
)
WITH_TEXT = "enm"  # keys after which a line is typed


class DigestReviewing:
    """Shows what is asked, and does what is said. ``asks`` says that a person sits there: what
    cannot be understood is then asked again, where a script ends."""

    def __init__(self, desk: DigestDesk, review: DigestReview, *, asks: bool = False) -> None:
        self._desk = desk
        self._review = review
        self._asks = asks
        self._shown = ""

    def run(self, lines: Iterator[str]) -> None:
        """Answers question after question until all papers were looked at, or one says to leave.

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
            self._sum_up()

    def summary(self) -> str:
        """The summary of the paper that is shown."""
        return self._place()[2]["tldr"] if self._review.paper_id else ""

    # ------------------------------------------------------------------- asking

    def _ask(self) -> bool:
        if not self._review.paper_id:
            more = " u undoes, q leaves." if self._review.can_undo else ""
            put(f"All papers were looked at.{more}")
            self._shown = ""
            return self._review.can_undo
        if self._review.paper_id != self._shown:
            self._show()
        return True

    def _show(self) -> None:
        self._shown = self._review.paper_id
        tag, ids, paper = self._place()
        title = self._desk.lists()[tag][0]
        order = self._desk.papers()
        on, off = strong()
        pinned = ", pinned" if paper["pinned"] else ""
        put(
            f"\n[{order.index(self._shown) + 1} of {len(order)}]  "
            f"{on}{shown_text(paper['title'])}{off}"
        )
        place = f"{shown_text(title)}, {ids.index(self._shown) + 1} of {len(ids)}{pinned}"
        parts = (place, self._shown, shown_text(paper["url"] or ""))
        put(f"  {dim('  '.join(filter(None, parts)))}")
        put(f"  {shown_text(paper['tldr'])} ({_mark(paper)})")
        for one in paper["notes"]:
            trouble = "" if one["supported"] else f" (not supported: {shown_text(one['reason'])})"
            put(f"  > {shown_text(one['text'])}{trouble}")

    def _sum_up(self) -> None:
        from curator.digest.document import ME
        from curator.digest.edits import dropped_ids

        edits = self._desk.edits()
        document = self._desk.document
        if edits:
            notes = sum(map(len, edits["notes"].values()))
            note(
                f"{sum(edits['pinned'].values())} pinned, {len(dropped_ids(edits))} dropped, "
                f"{counted(len(edits['tldrs']), 'summary').replace('summarys', 'summaries')} "
                f"rewritten, {counted(notes, 'note')}, {len(edits['moves'])} moved."
            )
        when = f"--week {document['name']}"
        if ".." in document["name"]:
            when = f"--since {document['since']} --until {document['until']}"
        whose = "" if document["reader"] == ME else f" --reader {document['reader']}"
        note(f"To write it so: curator digest {when}{whose} --out DIR")

    # ---------------------------------------------------------------- answering

    def _obey(self, line: str) -> None:
        from curator.errors import UsageError

        word, _, text = line.partition(" ")
        word, text = word.lower(), text.strip()
        if not line:
            return
        if word in ("?", "h", "help"):
            put(f"  {HELP}")
        elif word in ("u", "undo"):
            self._undo()
        elif not self._review.paper_id:
            raise UsageError("All papers were looked at.", remedy="u undoes, q leaves.")
        elif self._review.paper_id not in self._desk.papers():
            put("  That paper was taken out elsewhere meanwhile.")
            self._review.answer("look")
        elif word in ("e", "edit", "n", "note", "m", "move"):
            if not text:
                raise UsageError(f"{word!r} needs a text.", remedy=f"{word} TEXT")
            {"e": self._rewrite, "n": self._add_note, "m": self._move_into}[word[0]](text)
        elif text or word not in _KEYS:
            raise UsageError(f"{shown_text(line)[:40]!r} is no answer.", remedy="? lists them.")
        else:
            _KEYS[word](self)

    def _keep(self) -> None:
        self._review.answer("keep")

    def _pin(self) -> None:
        pinned = not self._place()[2]["pinned"]
        self._change({"pinned": {self._review.paper_id: pinned}})
        put("  pinned" if pinned else "  not pinned any more")

    def _drop(self) -> None:
        self._review.answer("change", {"dropped": {self._review.paper_id: True}}, on=True)
        put("  dropped")

    def _rewrite(self, text: str) -> None:
        self._change({"tldrs": {self._review.paper_id: text}})
        self._shown = ""

    def _add_note(self, text: str) -> None:
        texts = [one["text"] for one in self._place()[2]["notes"]]
        self._change({"notes": {self._review.paper_id: [*texts, text]}})
        self._shown = ""

    def _up(self) -> None:
        tag, ids, _ = self._place()
        at = ids.index(self._review.paper_id)
        self._move(tag, [one for one in ids if one != self._review.paper_id], at - 1)

    def _down(self) -> None:
        tag, ids, _ = self._place()
        at = ids.index(self._review.paper_id)
        self._move(tag, [one for one in ids if one != self._review.paper_id], at + 1)

    def _move_into(self, text: str) -> None:
        tag = _section_named(text, {t: title for t, (title, _) in self._desk.lists().items()})
        ids = [p["paper_id"] for p in self._desk.lists()[tag][1]]
        others = [one for one in ids if one != self._review.paper_id]
        self._move(tag, others, len(others))

    def _move(self, tag: str, others: list[str], at: int) -> None:
        from curator.errors import UsageError

        if not 0 <= at <= len(others):
            raise UsageError(
                f"It is the {'first' if at < 0 else 'last'} of its section.",
                remedy="m SECTION moves it into another.",
            )
        move: Move = {
            "paper": self._review.paper_id,
            "section": tag,
            "after": others[at - 1] if at else "",
            "before": others[at] if at < len(others) else "",
        }
        self._change({"moves": [move]})
        self._shown = ""

    def _undo(self) -> None:
        if not self._review.can_undo:
            put("  There is nothing to undo.")
            return
        self._review.answer("undo")
        self._shown = ""
        if self._review.is_stale:
            put("  The digest was edited elsewhere since; what was said here stays.")
        else:
            put("  Taken back.")

    def _why(self) -> None:
        paper = self._place()[2]
        for reason in paper["why"]:
            put(f"  here for: {shown_text(reason['text'])}")
        if paper["reason"]:
            put(f"  {shown_text(paper['reason'])}")
        if paper["quote"]:
            put(f"  “{shown_text(paper['quote'])}” (the stored sentence)")
        put(f"  {shown_text(self._desk.abstract(paper['paper_id']))}")

    # ------------------------------------------------------------------ helpers

    def _change(self, edits: dict[str, Any]) -> None:
        self._review.answer("change", edits)

    def _place(self) -> tuple[str, list[str], DigestPaper]:
        """Tag of its section, the ids there, and the paper that is asked about."""
        for tag, (_, papers) in self._desk.lists().items():
            ids = [paper["paper_id"] for paper in papers]
            if self._review.paper_id in ids:
                return tag, ids, papers[ids.index(self._review.paper_id)]
        raise KeyError(self._review.paper_id)


_KEYS: dict[str, Callable[[DigestReviewing], None]] = {
    "k": DigestReviewing._keep,
    "keep": DigestReviewing._keep,
    "p": DigestReviewing._pin,
    "pin": DigestReviewing._pin,
    "d": DigestReviewing._drop,
    "drop": DigestReviewing._drop,
    "+": DigestReviewing._up,
    "-": DigestReviewing._down,
    "w": DigestReviewing._why,
    "why": DigestReviewing._why,
}


def _mark(paper: DigestPaper) -> str:
    if paper["origin"] == "human":
        return "yours" if paper["supported"] else f"yours, not supported: {paper['reason']}"
    return "quoted" if paper["origin"] == "quote" else f"checked {paper['score']:.2f}"


def _section_named(text: str, titles: dict[str, str]) -> str:
    """The section that a person means: by its tag or title, or the beginning of one.

    Raises:
        UsageError: none is meant, or more than one.
    """
    from curator.errors import UsageError
    from curator.text import fold

    wanted = fold(text)
    forms = {tag: (fold(tag), fold(title)) for tag, title in titles.items()}
    same = [tag for tag, own in forms.items() if wanted in own]
    begun = [tag for tag, own in forms.items() if any(o.startswith(wanted) for o in own)]
    found = same or begun
    if len(found) == 1:
        return found[0]
    known = ", ".join(shown_text(title) for title in titles.values())
    what = "may mean several sections" if found else "is no section"
    raise UsageError(f"{shown_text(text)[:60]!r} {what}.", remedy=f"There are: {known}.")


# ------------------------------------------------------------------- where answers come from


@contextmanager
def typed(summary: Callable[[], str]) -> Iterator[Iterator[str]]:
    """What a person types: a key for each answer, and a line after those that need one. A summary
    is edited with the program that VISUAL or EDITOR names, if one does. Where the system cannot
    give single keys, lines."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield iter(lambda: _line("› ") or "q", None)
        return
    stdin = sys.stdin.fileno()
    cooked = termios.tcgetattr(stdin)

    def answers() -> Iterator[str]:
        while True:
            data = os.read(stdin, 64)
            if not data or data == b"\x04":  # Ctrl-D
                put()
                return
            if data.startswith(b"\x1b"):  # arrows and the like
                continue
            text = data.decode("utf-8", "ignore")
            for place, key in enumerate(text):
                if key in WITH_TEXT:
                    termios.tcsetattr(stdin, termios.TCSADRAIN, cooked)
                    line = _text_for(key, text[place + 1 :], summary)
                    tty.setcbreak(stdin, termios.TCSADRAIN)
                    yield f"{key} {line}" if line else ""
                    break
                if key.isprintable() and not key.isspace():
                    put(key)
                    yield key

    tty.setcbreak(stdin, termios.TCSADRAIN)
    try:
        yield answers()
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, cooked)


def _text_for(key: str, pasted: str, summary: Callable[[], str]) -> str:
    """The line that belongs to a key; "" if the person thought better of it."""
    from curator.text import clean

    if pasted.strip():  # what was pasted with the key belongs to it
        return clean(pasted)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if key == "e" and editor:
        before = summary()
        after = _edited(before, editor)
        return "" if after is None or clean(after) == clean(before) else clean(after)
    line = _line({"e": "summary: ", "n": "note: ", "m": "section: "}[key])
    return clean(line or "")


def _line(prompt: str) -> str | None:
    try:
        return input(prompt)
    except EOFError:
        return None


def _edited(text: str, editor: str) -> str | None:
    """The text as the person left it in their editor; None if that failed."""
    import shlex
    import subprocess
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "summary.txt"
        file.write_text(f"{text}\n", "utf-8")
        try:
            done = subprocess.run([*shlex.split(editor), str(file)], check=False)
            return file.read_text("utf-8") if done.returncode == 0 else None
        except (OSError, ValueError) as error:
            note(f"  {editor!r} could not be used: {error}")
            return None
