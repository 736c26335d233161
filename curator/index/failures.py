"""What can be wrong with Chroma's folder or server, in the reader's words.

Chroma's client takes an address as it comes (what it does not know it leaves out, silently) and
waits for an answer for ever, so both are looked at before it is opened.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from curator.errors import ServerUnavailable, StorageError, UsageError

__all__ = [
    "ANSWER_SECONDS",
    "ServerAddress",
    "address_of",
    "answering",
    "folder_failed",
    "is_gone",
    "is_storage",
    "no_panic",
    "persist",
    "server_failed",
]

LOCKED_PAUSES = (0.05, 0.2, 1.0, 5.0)  # seconds
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 120.0  # thousands of vectors may be stored in one call
_STORAGE = ("is full", "read-only", "permission", "locked", "no space", "too many open", "disk i/o")
_REMEDY = (
    "Is it running (chroma run --path DIR)? Unset CURATOR_CHROMA_URL to keep vectors in the "
    "library's folder."
)


class ServerAddress(NamedTuple):
    """A server, without a path."""

    host: str
    port: int
    secure: bool

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}"


def address_of(url: str) -> ServerAddress:
    """Reads ``CURATOR_CHROMA_URL``.

    Raises:
        UsageError: it is no address of a server, or has parts that would not be used.
    """
    wrong = ""
    try:
        parts = urlsplit(url.strip())
        secure = parts.scheme == "https"
        address = ServerAddress(
            parts.hostname or "", parts.port or (443 if secure else 8000), secure
        )
    except ValueError as error:
        raise _unusable(url, str(error).lower()) from error
    if parts.scheme not in ("http", "https"):
        wrong = "it does not begin with http:// or https://"
    elif not address.host:
        wrong = "it names no server"
    elif parts.username is not None or parts.password is not None:
        wrong = "names and passwords are not sent; CURATOR_CHROMA_TOKEN is"
    elif parts.path.strip("/") or parts.query or parts.fragment:
        wrong = "a server has no path"
    if wrong:
        raise _unusable(url, wrong)
    return address


def _unusable(url: str, why: str) -> UsageError:
    shown = url.rpartition("@")[2]  # without a password
    return UsageError(
        f"CURATOR_CHROMA_URL cannot be {shown!r}: {why}.",
        remedy="Give the server's address as http://HOST:PORT or https://HOST:PORT.",
    )


def answering(url: str, token: str | None) -> ServerAddress:
    """The address of a Chroma server of this client's kind that answers.

    Raises:
        UsageError: ``url`` is no address of a server.
        ServerUnavailable: none answers there.
    """
    import httpx

    address = address_of(url)
    asked = f"{address.url}/api/v2/heartbeat"
    try:
        answer = httpx.get(
            asked,
            timeout=CONNECT_SECONDS,
            headers={"Authorization": f"Bearer {token}"} if token else None,
        )
    except httpx.HTTPError as error:
        raise ServerUnavailable(
            f"No Chroma server answers at {address.url} ({_said(error)}). The papers themselves "
            "are safe.",
            remedy=_REMEDY,
        ) from error
    if answer.status_code in (401, 403):
        raise ServerUnavailable(
            f"The Chroma server at {address.url} refuses us (status {answer.status_code}).",
            remedy="Give its token in CURATOR_CHROMA_TOKEN.",
            retryable=False,
        )
    if answer.status_code != 200 or "heartbeat" not in answer.text[:200]:
        raise ServerUnavailable(
            f"What answers at {address.url} is no Chroma server that this program can use "
            f"(status {answer.status_code} where Chroma 1 says how it is).",
            remedy="It takes Chroma 1.0 or later (`chroma --version`). " + _REMEDY,
            retryable=False,
        )
    return address


def server_failed(url: str, error: Exception) -> ServerUnavailable:
    """What to say where a server that answered does so no more."""
    return ServerUnavailable(
        f"The Chroma server at {url!r} failed ({_said(error)}). The papers themselves are safe.",
        remedy=_REMEDY,
    )


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def folder_failed(path: Path, error: Exception) -> StorageError:
    """What to say where the folder of vectors cannot be read or written."""
    return StorageError(
        f"The vector index in {str(path)!r} failed ({_said(error)}). "
        "The papers themselves are safe.",
        remedy="Free some space or make the folder writable and run the command again; "
        "`curator index --rebuild` makes the index anew.",
        retryable=True,
    )


def is_storage(error: Exception) -> bool:
    """Whether the disk, its rights or this process are at fault, and not what is on the disk."""
    said = str(error).lower()
    ours = OSError, ImportError, AttributeError, MemoryError
    return isinstance(error, ours) or any(word in said for word in _STORAGE)


def is_gone(error: Exception) -> bool:
    """Whether a collection is not there (any more)."""
    return type(error).__name__ == "NotFoundError"


@contextmanager
def no_panic() -> Iterator[None]:
    """Chroma's compiled part ends in panic where a file is deleted while it opens it. What Python
    makes of that is no Exception, and would end the program."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise RuntimeError(str(error)) from error
        raise


def persist(write: Callable[[], None], is_lost: Callable[[Exception], bool]) -> bool:
    """Writes; once more where what was opened is lost, and says whether it was. Chroma's files
    are locked for a moment when another process opens them."""
    lost = False
    for pause in LOCKED_PAUSES:
        try:
            write()
        except Exception as error:
            if "locked" in str(error):
                time.sleep(pause)
            elif lost or not is_lost(error):
                raise
            else:
                lost = True
        else:
            return lost
    write()
    return lost
