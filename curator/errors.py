"""Every error a user can meet, as one tree.

::

    CuratorError                exit 2
    ├── UsageError              exit 2   the command was given something it cannot use
    ├── InputError              exit 2   a source cannot be read at all
    ├── NotFoundError           exit 2   no paper, thread or file of that name
    ├── PromptError             exit 2   a prompt file and the code that fills it disagree
    ├── MissingError            exit 3   something needed is not there
    │   ├── WeightsMissing      exit 3   model weights were never pulled
    │   ├── WeightsCorrupt      exit 3   a file's hash is not the pinned one
    │   ├── ServerUnavailable   exit 3   a model server does not answer
    │   └── StorageError        exit 3   the home is read-only, full or damaged
    ├── FetchError              exit 1   a server did not give what it should
    │   └── AddressRefused      exit 2   an address that is not fetched on principle
    ├── DeliveryError           exit 1   a mail server surely did not take a message
    │   └── PerhapsSent         exit 1   (`curator.delivery.smtp`) it may have taken it
    ├── ModelError              exit 1   one call to a model failed
    │   └── ModelOutputError    exit 1   the model's output does not fit its schema
    └── BudgetExhausted         exit 4   --max-calls, --max-tokens or --max-minutes reached

Each carries what went wrong, what to do next (``remedy``) and whether trying again can
help (``retryable``). Only the faces (command line, web) print them.
"""

from __future__ import annotations

__all__ = [
    "AddressRefused",
    "BudgetExhausted",
    "CuratorError",
    "FetchError",
    "InputError",
    "MissingError",
    "ModelError",
    "ModelOutputError",
    "NotFoundError",
    "PromptError",
    "ServerUnavailable",
    "StorageError",
    "UsageError",
    "WeightsCorrupt",
    "WeightsMissing",
]


class CuratorError(Exception):
    """Base of all errors that are meant for the reader.

    ``remedy`` is a sentence or a command that helps; ``retryable`` says whether the same
    call may succeed later without any change.
    """

    exit_code = 2
    retryable = False

    def __init__(self, message: str, *, remedy: str = "", retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UsageError(CuratorError):
    """The command was given something it cannot use."""


class InputError(CuratorError):
    """A source cannot be read at all (missing, binary, not what it claims to be)."""


class NotFoundError(CuratorError):
    """No paper, thread or file of that name."""


class PromptError(CuratorError):
    """A prompt file and the code that fills it disagree."""


class MissingError(CuratorError):
    """Something the command needs is not there; the remedy says how to get it."""

    exit_code = 3


class WeightsMissing(MissingError):
    """Model weights that were never pulled."""


class WeightsCorrupt(MissingError):
    """A weights file whose hash is not the pinned one. It is never used."""


class ServerUnavailable(MissingError):
    """A model server that does not answer, or refuses the key."""

    retryable = True


class StorageError(MissingError):
    """The library's folder is read-only, full or damaged."""


class FetchError(CuratorError):
    """A server did not give what it should: an error status, a timeout, a broken or wrong
    document. What was got before stays. ``wait`` is the number of seconds after which the
    server asked to be tried again, where it said so."""

    exit_code = 1
    retryable = True
    wait: float | None = None
    status: int | None = None


class AddressRefused(FetchError):
    """An address that is not fetched on principle (not http(s), or not a public host)."""

    exit_code = 2
    retryable = False


class ModelError(CuratorError):
    """One call to a model failed; other items can still succeed. A backend notes on it what
    the call cost all the same: requests that were answered, tokens, seconds of wall time."""

    exit_code = 1
    calls = 1
    prompt_tokens = 0
    completion_tokens = 0
    seconds = 0.0


class ModelOutputError(ModelError):
    """The model's output does not fit the schema it was asked for."""


class BudgetExhausted(CuratorError):
    """A budget given with ``--max-calls``, ``--max-tokens`` or ``--max-minutes`` is used up."""

    exit_code = 4
    retryable = True
