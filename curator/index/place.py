"""Where Chroma's files lie, and whether somebody died while writing them.

They are in a folder whose name is never used again.
Another process may have the files open that one deletes to make them anew. SQLite finds a
database's journal by its name, so the open connection would take the journal of the new database
for its own, and roll it back or delete it
(https://sqlite.org/howtocorrupt.html, "unlinking or renaming a database file while in use").
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Place", "WriteMark"]


class Place:
    """``path``, and after the first renewal ``path.1``, ``path.2`` and so on: the last one there
    is. Only one process may renew at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def now(self) -> Path:
        return self._numbered(max(self._numbers(), default=0))

    def renew(self) -> None:
        """Makes an empty folder with a name of its own. The former one stays for whoever opens it
        in this moment."""
        numbers = self._numbers()
        self._numbered(max(numbers, default=0) + 1).mkdir(parents=True)
        self._delete({0, *numbers} - {max(numbers, default=0)})

    def tidy(self) -> None:
        """Deletes former folders."""
        if numbers := self._numbers():
            self._delete({0, *numbers} - {max(numbers)})

    def _delete(self, numbers: set[int]) -> None:
        for number in numbers:
            shutil.rmtree(self._numbered(number), ignore_errors=True)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def _numbers(self) -> list[int]:
        names = (path.name for path in self._path.parent.glob(f"{self._path.name}.*"))
        ends = (name.removeprefix(f"{self._path.name}.") for name in names)
        return [int(end) for end in ends if end.isdecimal()]


class WriteMark:
    """A file that is there while Chroma's graph may be written. Whoever finds it when nobody
    writes knows that a process died: the graph may be half there, and Chroma reads that without
    a look, which may end the process that reads it. Without a path there is nothing to know."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def left(self) -> bool:
        return self._path is not None and self._path.exists()

    def clear(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    @contextmanager
    def set(self) -> Iterator[None]:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch()
        try:
            yield
        finally:
            self.clear()
