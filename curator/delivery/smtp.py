"""Handing one message to a mail server, such that it is always known whether the server has it.

A server takes a message over with its answer to the line with a single dot that ends it (RFC
5321, 4.1.1.4); what it was sent before, it must forget if the connection ends (4.1.1.5, 4.1.1.10).
So all is sent but that dot; then the caller claims the right to send, and only with that the dot
follows. What goes wrong before it is "surely not sent" (`DeliveryError`). What goes wrong
between it and the answer is "perhaps sent" (`PerhapsSent`): nobody can know.
"""

from __future__ import annotations

import base64
import io
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.errors import MessageError
from email.generator import BytesGenerator
from email.message import EmailMessage, Message
from email.policy import SMTP, SMTPUTF8, Policy

from curator.delivery.mailserver import MailServer, MailSettings, bare_address, mail_server
from curator.errors import CuratorError, ServerUnavailable

__all__ = ["DeliveryError", "MailSettings", "Mailer", "PerhapsSent"]

# As Thunderbird does, this tells the server nothing of the machine, and asks no name server.
_HELLO = "[127.0.0.1]"
_SHOWN = 200  # characters of a server's answer


class DeliveryError(CuratorError):
    """The server surely did not take the message. ``permanent``: nor will it, as it is."""

    exit_code = 1
    permanent = False


class PerhapsSent(DeliveryError):
    """The connection was lost, or the answer cannot be read, after the message was complete."""


class Mailer:
    """Sends messages by way of one mail server, each by a connection of its own.

    ``timeout`` is how long each step may take in seconds, ``patience`` how long the server may
    think about a complete message (RFC 5321, 4.5.3.2.6, asks for ten minutes: who gives up
    sooner does not know what became of it).

    Raises:
        UsageError: a setting cannot be used.
        MissingError: one is missing.
    """

    def __init__(
        self, settings: MailSettings, *, timeout: float = 30.0, patience: float = 600.0
    ) -> None:
        self.server: MailServer = mail_server(settings)
        self.sender = bare_address(settings.sender, "CURATOR_MAIL_FROM")
        self._password = settings.password.get_secret_value() if settings.password else ""
        self._timeout = timeout
        self._patience = patience

    def deliver(
        self,
        message: EmailMessage,
        recipient: str,
        *,
        claim: Callable[[], bool],
        taken: Callable[[], None],
    ) -> bool:
        """Sends a message; False if ``claim``, which is asked when all but the end of it is sent,
        says that it is not to be. ``taken`` is called as soon as the server has it.

        Raises:
            UsageError: the recipient is no address.
            ServerUnavailable: the server cannot be reached, is not who it says it is, or does not
                let us in. Not sent.
            DeliveryError: it does not take the message, or not for this recipient. Not sent.
            PerhapsSent: what became of it cannot be known.
        """
        to = bare_address(recipient, "The reader's address")
        with self._connected() as connection:
            with self._surely_not_sent():
                self._envelope(connection, message, to)
            if not claim():
                return False
            self._end(connection)
            taken()
            with suppress(smtplib.SMTPException, OSError):
                _wait(connection, min(self._timeout, 5.0))
                connection.quit()
        return True

    # ------------------------------------------------------------------- the connection

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    def _open(self) -> smtplib.SMTP:
        server = self.server
        try:
            context = ssl.create_default_context(cafile=server.ca)
        except (ssl.SSLError, OSError) as error:
            raise ServerUnavailable(
                f"The certificates in {str(server.ca)!r} cannot be read: {error}.",
                remedy="Give a PEM file with ?ca=/path in CURATOR_SMTP_URL.",
                retryable=False,
            ) from error
        connection: smtplib.SMTP | None = None
        try:
            if server.tls == "implicit":
                connection = smtplib.SMTP_SSL(
                    server.host, server.port, _HELLO, timeout=self._timeout, context=context
                )
            else:
                connection = smtplib.SMTP(server.host, server.port, _HELLO, timeout=self._timeout)
            connection.ehlo_or_helo_if_needed()
            if server.tls == "starttls":
                self._start_tls(connection, context)
            if server.user:
                self._log_in(connection)
        except BaseException as error:
            if connection:
                connection.close()
            # A name with an empty or too long part is a UnicodeError.
            if isinstance(error, smtplib.SMTPException | OSError | UnicodeError):
                raise self._unavailable(error) from error
            raise
        return connection

    def _start_tls(self, connection: smtplib.SMTP, context: ssl.SSLContext) -> None:
        if not connection.has_extn("starttls"):
            raise ServerUnavailable(
                f"The mail server {self.server.place} does not offer encryption (STARTTLS), so "
                "nothing is sent.",
                remedy="Use its smtps:// address, or add ?tls=none if that is what you want.",
                retryable=False,
            )
        code, said = connection.starttls(context=context)
        if code != 220:
            raise ServerUnavailable(
                f"The mail server {self.server.place} refuses encryption: "
                f"{self._quoted(code, said)}",
                remedy="Try again later, or use its smtps:// address.",
            )
        connection.ehlo_or_helo_if_needed()

    def _log_in(self, connection: smtplib.SMTP) -> None:
        """By AUTH PLAIN or LOGIN, in UTF-8 (RFC 4616); smtplib's own takes ASCII only."""
        offered = connection.esmtp_features.get("auth", "").upper().split()
        user, password = self.server.user, self._password
        if "PLAIN" in offered:
            secret = _base64(f"\0{user}\0{password}")
            code, said = connection.docmd("AUTH", f"PLAIN {secret}")
        elif "LOGIN" in offered:
            code, said = connection.docmd("AUTH", "LOGIN")
            for answer in (user, password):
                if code == 334:
                    code, said = connection.docmd(_base64(answer))
        else:
            raise ServerUnavailable(
                f"The mail server {self.server.place} offers no login by password"
                + (f" (only {', '.join(offered)})." if offered else "."),
                remedy="Leave the name out of CURATOR_SMTP_URL if it asks for none; else ask your "
                "provider for SMTP with an app password.",
                retryable=False,
            )
        if code not in (235, 503):  # 503: we are in already
            raise ServerUnavailable(
                f"The mail server {self.server.place} does not let {user!r} in: "
                f"{self._quoted(code, said)}",
                remedy="Check the name in CURATOR_SMTP_URL and CURATOR_SMTP_PASSWORD; many "
                "providers want an app password here.",
                retryable=400 <= code < 500,
            )

    def _unavailable(self, error: Exception) -> ServerUnavailable:
        place = self.server.place
        if isinstance(error, ssl.SSLCertVerificationError):
            return ServerUnavailable(
                f"The mail server {place} cannot prove who it is "
                f"({_plain(error.verify_message)}), so nothing is sent.",
                remedy="Use the name that is in its certificate; for one of your own, add "
                "?ca=/path/to/certificates.pem to CURATOR_SMTP_URL.",
                retryable=False,
            )
        if isinstance(error, ssl.SSLError):
            return ServerUnavailable(
                f"No encrypted connection to the mail server {place} "
                f"({_plain(error.reason or str(error))}).",
                remedy="smtps:// is usually on port 465, smtp:// (STARTTLS) on 587.",
                retryable=False,
            )
        if isinstance(error, TimeoutError):
            why = f"no answer within {self._timeout:g} seconds"
        elif isinstance(error, socket.gaierror | UnicodeError):
            why = "there is no such name"
        elif isinstance(error, smtplib.SMTPServerDisconnected):
            why = "it ended the connection"
        elif isinstance(error, smtplib.SMTPResponseException):
            why = self._quoted(error.smtp_code, error.smtp_error).rstrip(".")
        else:
            why = _plain(getattr(error, "strerror", None) or str(error))
        return ServerUnavailable(
            f"The mail server {place} cannot be reached: {why}.",
            remedy="Check CURATOR_SMTP_URL and the network, and run the command again; nothing "
            "was sent by this.",
        )

    # ---------------------------------------------------------------------- the message

    def _envelope(self, connection: smtplib.SMTP, message: EmailMessage, to: str) -> None:
        """Everything but the dot at the end."""
        international = not (_local(self.sender) + _local(to)).isascii()
        if international and not connection.has_extn("smtputf8"):
            raise self._refusal(
                f"The mail server {self.server.place} cannot send to or from addresses with "
                "letters beyond ASCII (SMTPUTF8).",
                "Use another address.",
                permanent=True,
            )
        eight_bit = connection.has_extn("8bitmime")
        body = _flat(message, SMTPUTF8 if international else SMTP, eight_bit=eight_bit)
        options = ["SMTPUTF8"] if international else []
        if not body.isascii():
            options.append("BODY=8BITMIME")
        if connection.has_extn("size"):
            self._check_size(connection, len(body))
            options.append(f"size={len(body)}")
        encode = (lambda address: address) if international else _ascii
        self._step(
            connection.mail(encode(self.sender), options),
            f"does not take mail from {self.sender}",
            "Check CURATOR_MAIL_FROM: most servers only take addresses of their own.",
        )
        self._step(
            connection.rcpt(encode(to)),
            f"does not take mail for {to}",
            "Check the reader's address (`curator profile set --address`).",
        )
        code, said = connection.docmd("DATA")
        if code != 354:
            refused = code if code >= 400 else 500  # 250 would be no leave to go on
            self._step((refused, said), "does not take the message", "Ask who runs the server why.")
        connection.send(body)

    def _check_size(self, connection: smtplib.SMTP, size: int) -> None:
        limit = connection.esmtp_features.get("size", "").strip()
        if limit.isdigit() and 0 < int(limit) < size:
            raise self._refusal(
                f"The message has {size:,} bytes, and the mail server {self.server.place} takes "
                f"{int(limit):,}.",
                "Choose fewer papers with --limit.",
                permanent=True,
            )

    def _end(self, connection: smtplib.SMTP) -> None:
        """The dot, and the answer to it."""
        try:
            _wait(connection, self._patience)
            connection.send(b".\r\n")
            code, said = connection.getreply()
        except (smtplib.SMTPException, OSError) as error:
            raise self._perhaps("no answer came.") from error
        if 400 <= code < 600:
            self._step((code, said), "does not take the message", "Ask who runs the server why.")
        if not 200 <= code < 300:
            raise self._perhaps(f"its answer was {self._quoted(code, said)}")

    def _perhaps(self, why: str) -> PerhapsSent:
        return PerhapsSent(
            f"The mail server {self.server.place} had the whole message and perhaps sent it: {why}",
            remedy="Ask the reader. It is not sent again by itself; --again does.",
        )

    def _step(self, answer: tuple[int, bytes], what: str, remedy: str) -> None:
        """Goes on if the answer is good.

        Raises:
            DeliveryError: it is not.
        """
        code, said = answer
        if 200 <= code < 300:
            return
        permanent = code >= 500
        raise self._refusal(
            f"The mail server {self.server.place} {what}: {self._quoted(code, said)}",
            remedy if permanent else "It may later: run the command again in a while.",
            permanent=permanent,
        )

    @contextmanager
    def _surely_not_sent(self) -> Iterator[None]:
        try:
            yield
        except (smtplib.SMTPException, OSError) as error:
            why = "no answer in time" if isinstance(error, TimeoutError) else "lost"
            raise self._refusal(
                f"The connection to the mail server {self.server.place} broke ({why}) before the "
                "message was complete.",
                "Run the command again.",
                permanent=False,
            ) from error

    def _refusal(self, message: str, remedy: str, *, permanent: bool) -> DeliveryError:
        error = DeliveryError(message, remedy=remedy, retryable=not permanent)
        error.permanent = permanent
        return error

    def _quoted(self, code: int, said: bytes | str) -> str:
        """A server's answer, as one line that is no longer than need be and holds no password."""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        plain = f"\0{self.server.user}\0{self._password}"
        for secret in (_base64(plain), _base64(self._password), self._password):
            text = text.replace(secret, "…") if self._password else text
        text = _plain(text)
        return f"“{code} {text}”."


def _flat(message: EmailMessage, policy: Policy[Message], *, eight_bit: bool) -> bytes:
    """The message as it goes over the wire, ready for the dot: lines end in CRLF and nothing
    else, and none is a dot alone, so that no text in it can end it early.

    Raises:
        DeliveryError: it cannot be written so.
    """
    wanted = policy.clone(cte_type="8bit" if eight_bit else "7bit")
    out = io.BytesIO()
    generator: BytesGenerator[Message] = BytesGenerator(out, policy=wanted)
    try:
        generator.flatten(message)
    except (ValueError, LookupError, MessageError) as error:
        raise DeliveryError(
            f"The message cannot be written as mail ({_plain(str(error))}).",
            remedy="Look at its .eml file (`curator digest --format email`).",
        ) from error
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", out.getvalue())
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", lines)


def _wait(connection: smtplib.SMTP, seconds: float) -> None:
    if connection.sock is not None:
        connection.sock.settimeout(seconds)


def _local(address: str) -> str:
    return address.rpartition("@")[0]


def _ascii(address: str) -> str:
    """With a domain like ``bücher.example`` in the writing that every server knows (IDNA).

    Raises:
        DeliveryError: there is no such writing.
    """
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError as error:
        raise DeliveryError(
            f"{domain!r} cannot be the name of a mail server.", remedy="Check the address."
        ) from error


def _plain(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")
