"""One writer at a time, across processes, with a word to whoever waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from curator.errors import StorageError

__all__ = ["free_lock", "writer_lock"]

WAIT_SECONDS = 600.0


@contextmanager
def free_lock(path: Path) -> Iterator[bool]:
    """Holds the library's write lock if nobody else does; says whether.

    For readers, who would rather go on with what is there than wait.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def writer_lock(path: Path, notify: Callable[[str], None] | None = None) -> Iterator[None]:
    """Holds the library's write lock. The system frees it when a process dies.

    Raises:
        StorageError: another process held it for ten minutes, or the file cannot be made.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        try:
            lock.acquire(timeout=0.5)
        except Timeout:
            if notify:
                notify("Another curator process is writing to this library; waiting for it ...")
            lock.acquire(timeout=WAIT_SECONDS)
    except Timeout as error:
        raise StorageError(
            f"Another process has been writing to this library for over {WAIT_SECONDS:.0f} s.",
            remedy="Wait for it, or stop it, and run the command again.",
            retryable=True,
        ) from error
    except OSError as error:
        raise StorageError(
            f"The lock file {str(path)!r} cannot be made ({error.strerror or error}).",
            remedy="Make the folder writable, free some space, or choose another with --home DIR.",
        ) from error
    try:
        yield
    finally:
        lock.release()
