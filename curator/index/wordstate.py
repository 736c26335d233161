"""What the word index says of itself: what built it, and up to which change it goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from curator.errors import StorageError

__all__ = ["WordState", "writing"]

_NAME = "state.json"


@dataclass(frozen=True)
class WordState:
    """``seq`` is the last change of the catalog that the index has."""

    fingerprint: str
    seq: int

    @classmethod
    def read(cls, folder: Path) -> WordState | None:
        """None where there is none, or none that can be read."""
        try:
            state = json.loads((folder / _NAME).read_text("utf-8"))
            return cls(str(state["fingerprint"]), int(state["seq"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        temporary = folder / (_NAME + ".new")
        temporary.write_text(json.dumps(vars(self)), "utf-8")
        temporary.replace(folder / _NAME)

    @staticmethod
    def forget(folder: Path) -> None:
        (folder / _NAME).unlink(missing_ok=True)

    @staticmethod
    def stamp(folder: Path) -> tuple[int, ...]:
        """Another one after each commit.

        Raises:
            OSError: there is no index.
        """
        stats = [(folder / name).stat() for name in (_NAME, "meta.json")]  # ours and tantivy's
        return tuple(value for stat in stats for value in (stat.st_ino, stat.st_mtime_ns))


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Says in the reader's words what writing the index failed of.

    Raises:
        StorageError: it did.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        raise StorageError(
            f"The word index in {str(folder)!r} could not be written ({error}). "
            "The papers themselves are safe.",
            remedy="Free some space or make the folder writable; the next command mends it.",
            retryable=True,
        ) from error
