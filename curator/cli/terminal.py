"""What the commands share: output, progress, errors, exit codes. Only light imports.

Answers go to stdout; progress, notes and errors go to stderr, always. Colour and moving bars
are for terminals only.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import typer

from curator.errors import CuratorError

if TYPE_CHECKING:
    from curator.library import Library
    from curator.llm.metered import Budget

P = ParamSpec("P")
R = TypeVar("R")

__all__ = [
    "Flags",
    "Progress",
    "budget_of",
    "command",
    "flags",
    "note",
    "open_library",
    "put",
    "put_json",
    "strong",
]

# Without a terminal, a line of progress at most this often, in seconds.
QUIET_SECONDS = 10.0
# What of the time until now tells how fast it goes on, in seconds.
RECENT_SECONDS = 60.0


@dataclass
class Flags:
    """What was given before the command's name."""

    home: str | None = None
    progress: Progress | None = field(default=None, repr=False)


flags = Flags()


def strong() -> tuple[str, str]:
    """What is printed before and after what should stand out; nothing where there is no
    terminal, or nobody wants it (https://no-color.org)."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    plain = unwanted or not sys.stdout.isatty()
    return ("", "") if plain else ("\x1b[1m", "\x1b[0m")


def put(text: str = "", *, end: str = "\n") -> None:
    """A line on stdout."""
    if flags.progress:
        flags.progress.clear()
    sys.stdout.write(text + end)
    sys.stdout.flush()


def put_json(value: Any, *, lines: bool = False) -> None:
    """One JSON document (or one line of JSON Lines) on stdout."""
    put(json.dumps(value, ensure_ascii=False, indent=None if lines else 2))


def note(text: str) -> None:
    """A sentence on stderr."""
    if flags.progress:
        flags.progress.clear()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class Progress:
    """A line on stderr that says what is done, how fast, and how long it will take.

    How fast is that of the last minute: after a resumption the first papers cost nothing, and
    a server may slow down. ``counts`` are told as well, where they are not 0:
    ``progress("tagged", 120, 500, uncertain=14, failed=1)``.
    """

    def __init__(self) -> None:
        self._moving = sys.stderr.isatty()
        self._what = ""
        self._shown = 0.0
        self._first = 0
        self._seen: deque[tuple[float, int]] = deque()
        self._dirty = False

    def __call__(self, what: str, done: int, of: int | None, **counts: int) -> None:
        now = time.monotonic()
        if what != self._what or done < self._first:
            self._what, self._first = what, done
            self._seen = deque([(now, done)])
            self._shown = now if not self._moving else 0.0
        if now - self._seen[-1][0] >= 0.5:
            self._seen.append((now, done))
            while len(self._seen) > 2 and now - self._seen[1][0] >= RECENT_SECONDS:
                self._seen.popleft()
        pause = 0.1 if self._moving else QUIET_SECONDS
        if now - self._shown < pause and not (self._moving and done == of):
            return
        self._shown = now
        text = self._text(what, done, of, now, counts)
        if self._moving:
            # A line that is longer than the terminal is wide could not be taken back.
            width = shutil.get_terminal_size().columns - 1
            text = text if len(text) <= width else text[: max(0, width - 1)] + "…"
            sys.stderr.write(f"\r\x1b[2K{text}")
            self._dirty = True
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Takes the moving line away before something else is written."""
        if self._dirty:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._dirty = False

    def _text(
        self, what: str, done: int, of: int | None, now: float, counts: dict[str, int]
    ) -> str:
        since, before = self._seen[0]
        seconds = now - since
        rate = (done - before) / seconds if seconds > 0.5 else 0.0
        text = f"{what} {done:,}" + (f" of {of:,}" if of is not None else "")
        if told := [
            f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count
        ]:
            text += f" ({', '.join(told)})"
        if rate:
            text += f", {rate:,.1f}/s" if rate >= 1 else f", {1 / rate:,.1f} s each"
            if of is not None and of > done:
                text += f", {_duration((of - done) / rate)} left"
        return text


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def command(function: Callable[P, R]) -> Callable[P, R]:
    """Turns errors into a message with its remedy and the exit code; never a traceback.

    ``CURATOR_DEBUG=1`` shows the traceback of what nobody foresaw.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except CuratorError as error:
            note(f"Error: {error.message}")
            if error.remedy:
                note(f"  → {error.remedy}")
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            note("Interrupted. What was done is kept; run the command again to go on.")
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader of a pipe (head, less) has seen enough.
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if os.environ.get("CURATOR_DEBUG"):
                raise
            note(f"Error: something unforeseen happened ({type(error).__name__}: {error}).")
            note("  → Nothing that was stored is lost. CURATOR_DEBUG=1 shows where it happened.")
            raise typer.Exit(1) from None

    return wrapped


@contextlib.contextmanager
def open_library(
    *, model: str | None = None, budget: Budget | None = None, **settings: Any
) -> Iterator[Library]:
    """The library that the flags name, with progress and notes on the terminal."""
    from curator.library import Library
    from curator.settings import load_settings

    progress = flags.progress = Progress()
    chosen = load_settings(home=flags.home, model=model, **settings)
    try:
        with Library(chosen, notify=note, progress=progress, budget=budget) as library:
            yield library
    finally:
        progress.clear()
        flags.progress = None


def budget_of(max_calls: int | None, max_tokens: int | None, max_minutes: float | None) -> Budget:
    """The budget of a command: its flags, else the settings."""
    from curator.llm.metered import Budget
    from curator.settings import load_settings

    chosen = load_settings(max_calls=max_calls, max_tokens=max_tokens, max_minutes=max_minutes)
    return Budget(chosen.max_calls, chosen.max_tokens, chosen.max_minutes)
