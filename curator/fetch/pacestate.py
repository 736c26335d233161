"""What is known of the pace of services, shared by all processes and kept between runs.

A cron job and a person at the terminal are one caller to a service that wants three seconds
between requests. So the times lie in one small JSON file, read and written under a lock that is
held for moments only. Where the file cannot be used (no folder for it, read-only, damaged) the
times are kept in memory and nothing else changes.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["DAY", "Entry", "PaceState"]

DAY = 86_400.0
# How far apart the clocks of machines that share a home may be. An entry written later than
# that in the future tells that a clock was set back; it is forgotten, not waited for.
_SKEW = 60.0
_MOST_BYTES = 1_000_000
_LOCK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One service or host. Times are seconds since 1970; ``until`` is when it may be asked
    again, ``failures`` how many documents in a row were given up, ``asked`` whether the server
    itself named that time, ``at`` when this was written."""

    at: float = 0.0
    until: float = 0.0
    failures: int = 0
    asked: bool = False


class PaceState:
    """Entries by name, in a file or (``path`` None) in memory."""

    def __init__(self, path: Path | None, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        self._thread_lock = threading.Lock()

    @contextmanager
    def open(self) -> Iterator[dict[str, Entry]]:
        """The entries, to be changed in place; written when the block ends without an error.

        Entries too old to matter, and those that no working clock can have written, are left
        out. Entries are replaced, never
        changed, with their ``at`` set.
        """
        with self._thread_lock:
            # None after five seconds: better without the lock than never.
            release = self.take("all", _LOCK_SECONDS) or _nothing
            try:
                before = self._read()
                entries = {name: entry for name, entry in before.items() if self._holds(entry)}
                yield entries
                self._entries = entries
                if entries != before:
                    self._write(entries)
            finally:
                release()

    def take(self, name: str, seconds: float) -> Callable[[], None] | None:
        """Takes the lock ``name`` among processes and returns how to release it; None when
        another process held it for ``seconds``. The system frees it when a process dies."""
        lock = self._lock(f".{name}.lock")
        if lock is None:
            return _nothing
        try:
            lock.acquire(timeout=max(0.0, seconds), poll_interval=0.1)
        except TimeoutError:
            return None
        except OSError:  # a folder that cannot be written: nothing to share then
            return _nothing
        return partial(lock.release)

    def _lock(self, suffix: str) -> BaseFileLock | None:
        if self._path is None:
            return None
        from filelock import FileLock

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        return FileLock(self._path.with_name(self._path.name + suffix))

    def _holds(self, entry: Entry) -> bool:
        now = self._clock()
        return entry.at <= now + _SKEW and now - DAY < entry.until <= entry.at + DAY + _SKEW

    def _read(self) -> dict[str, Entry]:
        if self._path is None:
            return self._entries
        try:
            with self._path.open("rb") as file:
                data = file.read(_MOST_BYTES)
            stored = json.loads(data)["entries"]
            return {str(name): _entry(fields) for name, fields in stored.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return self._entries  # none yet, or damaged: what this process knows
        except (RecursionError, OverflowError):  # what only malice writes
            return self._entries

    def _write(self, entries: dict[str, Entry]) -> None:
        if self._path is None:
            return
        stored = {name: asdict(entry) for name, entry in sorted(entries.items())}
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        try:
            part.write_text(json.dumps({"version": 1, "entries": stored}, indent=1), "utf-8")
            part.replace(self._path)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _entry(fields: dict[str, Any]) -> Entry:
    failures = min(max(int(fields["failures"]), 0), 1_000)
    return Entry(float(fields["at"]), float(fields["until"]), failures, fields["asked"] is True)


def _nothing() -> None:
    """Releases what was not taken."""
