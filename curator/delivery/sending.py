"""Sending digests: each to its reader, once, whatever stops us and however often we are started.

What is claimed when, and why a message never goes out twice, is told in `curator.delivery.smtp` and
`curator.catalog.deliveries`.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import partial
from typing import Literal, Protocol, get_args

from curator.catalog.deliveries import Deliveries, Delivery
from curator.delivery.mailserver import bare_address
from curator.delivery.smtp import PerhapsSent
from curator.digest.document import DigestDocument, every_paper
from curator.errors import CuratorError, ServerUnavailable, StorageError, UsageError
from curator.readers import Profile

__all__ = ["Delivered", "SendReport", "SendState", "Sends", "is_empty", "send", "send_all"]

# sent: the server took it now. already: it did before. empty: no paper is in it, and nobody asked
# for it all the same. failed: the server surely does not have it. perhaps: nobody can know.
SendState = Literal["sent", "already", "empty", "failed", "perhaps"]

# After so many times in a row that the server could not be reached, the rest is not tried.
_PATIENT = 2


class Sends(Protocol):
    """What sends a message: `curator.delivery.smtp.Mailer`."""

    def deliver(
        self,
        message: EmailMessage,
        recipient: str,
        *,
        claim: Callable[[], bool],
        taken: Callable[[], None],
    ) -> bool: ...


@dataclass(frozen=True)
class Delivered:
    """What became of one digest for one reader; ``reason`` and ``remedy`` say why it is neither
    sent nor was."""

    state: SendState
    reason: str = ""
    remedy: str = ""
    reader: str = ""
    name: str = ""
    address: str = ""


@dataclass(frozen=True)
class SendReport:
    """What became of each reader's digest, by their names."""

    results: list[Delivered] = field(default_factory=list)

    @property
    def counts(self) -> dict[SendState, int]:
        """How many are in each state; they add up to all that were to be sent."""
        found = Counter(one.state for one in self.results)
        states: tuple[SendState, ...] = get_args(SendState)
        return {state: found[state] for state in states}

    @property
    def exit_code(self) -> int:
        """0, or 1 if somebody has no digest who should have one, or perhaps has none."""
        return int(any(one.state in ("failed", "perhaps") for one in self.results))


def is_empty(document: DigestDocument) -> bool:
    """Whether no paper is shown in it."""
    return not every_paper(document)


def send(
    document: DigestDocument,
    profile: Profile,
    message: EmailMessage,
    deliveries: Deliveries,
    mailer: Sends,
    *,
    again: bool = False,
    empty: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Delivered:
    """Sends a digest to its reader, unless they have it, or perhaps do.

    ``message`` is sent with a Date, and if it has no Message-ID, with one that is the same whenever
    this digest is sent to this reader, so that mail programs show it once. With ``again`` what
    was perhaps sent is sent once more (nobody else may be sending it meanwhile), and with
    ``empty`` also what shows no paper.

    Raises:
        StorageError: the catalog cannot be written, so that nothing can be sent safely.
        ServerUnavailable: as `Mailer.deliver`; noted as failed, for all that follows fails too.
    """
    if document["reader"] != profile.name:
        raise ValueError(f"the digest of {document['reader']!r} is not for {profile.name!r}")
    return _send(
        document,
        profile,
        lambda: message,
        deliveries,
        mailer,
        again=again,
        empty=empty,
        clock=clock,
    )


def send_all(
    digests: Iterable[tuple[DigestDocument, Profile]],
    compose: Callable[[DigestDocument, Profile], EmailMessage],
    deliveries: Deliveries,
    mailer: Sends,
    *,
    again: bool = False,
    empty: bool = False,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_result: Callable[[Delivered], None] = lambda result: None,
) -> SendReport:
    """Sends each reader their digest, in the order of their names; what fails for one of them
    stops no other. A message is composed only where it is to be sent. If the server cannot be
    reached twice in a row, the readers that are left are noted as failed and not tried.

    Raises:
        StorageError: the catalog cannot be written, so that nothing can be sent safely.
    """
    results: list[Delivered] = []
    unreachable: list[ServerUnavailable] = []
    for document, profile in sorted(digests, key=lambda one: (one[1].name, one[0]["name"])):
        trying = mailer if len(unreachable) < _PATIENT else _GivenUp(unreachable[-1])
        try:
            result = _send(
                document,
                profile,
                partial(compose, document, profile),
                deliveries,
                trying,
                again=again,
                empty=empty,
                clock=clock,
            )
        except ServerUnavailable as error:
            unreachable.append(error)
            result = _delivered("failed", document, profile, error.message, error.remedy)
        else:
            if result.state in ("sent", "failed", "perhaps") and trying is mailer:
                unreachable.clear()
        results.append(result)
        on_result(result)
    return SendReport(results)


def _send(
    document: DigestDocument,
    profile: Profile,
    message: Callable[[], EmailMessage],
    deliveries: Deliveries,
    mailer: Sends,
    *,
    again: bool,
    empty: bool,
    clock: Callable[[], datetime],
) -> Delivered:
    reader, name, address = profile.name, document["name"], profile.address
    before = deliveries.of(name).get(reader)
    if before and before.state == "sending" and again:
        deliveries.resolve(before, arrived=False)
        before = deliveries.of(name).get(reader)
    if before and before.state != "failed":
        return _known(before)
    if is_empty(document) and not empty:
        return _delivered("empty", document, profile, "No paper is in it.")
    claims: list[bool] = []
    message_id = ""

    def claim() -> bool:
        claims.append(deliveries.begin(reader, name, address, message_id))
        return claims[-1]

    def fail(error: CuratorError) -> None:
        deliveries.failed(
            reader,
            name,
            error.message,
            address=address,
            message_id=message_id,
            claimed=claims == [True],
        )

    try:
        if not address:
            raise UsageError(
                f"The reader {reader!r} has no e-mail address.",
                remedy=f"Set it: curator profile set --reader {reader} --address ADDRESS",
            )
        bare_address(address, "The reader's address")
        letter = copy.deepcopy(message())
        if not letter["Message-ID"]:
            letter["Message-ID"] = _message_id(document, letter)
        message_id = str(letter["Message-ID"])
        del letter["Date"]
        letter["Date"] = format_datetime(clock())
        went = mailer.deliver(
            letter, address, claim=claim, taken=lambda: deliveries.sent(reader, name)
        )
    except PerhapsSent as error:
        return _delivered("perhaps", document, profile, error.message, error.remedy)
    except StorageError:
        raise
    except ServerUnavailable as error:
        fail(error)
        raise
    except CuratorError as error:
        fail(error)
        return _delivered("failed", document, profile, error.message, error.remedy)
    if went:
        return _delivered("sent", document, profile)
    # Another process was quicker by as much as the message takes.
    other = deliveries.of(name).get(reader)
    return _known(other) if other else _delivered("already", document, profile)


def _message_id(document: DigestDocument, letter: EmailMessage) -> str:
    domain = parseaddr(str(letter["From"] or ""))[1].rpartition("@")[2] or "localhost"
    whose = json.dumps([document["reader"], document["name"], domain])
    return f"<digest.{hashlib.sha256(whose.encode()).hexdigest()[:32]}@{domain}>"


class _GivenUp:
    """In place of a server that cannot be reached."""

    def __init__(self, error: ServerUnavailable) -> None:
        self._error = error

    def deliver(self, *_: object, **__: object) -> bool:
        raise ServerUnavailable(
            f"Not tried any more: {self._error.message}",
            remedy=self._error.remedy,
            retryable=self._error.retryable,
        )


def _known(delivery: Delivery) -> Delivered:
    """What the catalog says became of it."""
    state: SendState
    reason, remedy = delivery.reason, ""
    if delivery.state == "failed":  # of another process, just now
        state = "failed"
    elif delivery.state == "sent":
        state, reason = "already", f"It was sent to {delivery.address} at {delivery.at}."
    else:
        state = "perhaps"
        reason = (
            f"It was being sent to {delivery.address} at {delivery.at}, and what became of it "
            "is not known."
        )
        remedy = "Ask the reader. It is not sent again by itself; --again does."
    return Delivered(state, reason, remedy, delivery.reader, delivery.name, delivery.address)


def _delivered(
    state: SendState,
    document: DigestDocument,
    profile: Profile,
    reason: str = "",
    remedy: str = "",
) -> Delivered:
    return Delivered(state, reason, remedy, profile.name, document["name"], profile.address)
