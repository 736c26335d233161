"""A real mail server on 127.0.0.1 (aiosmtpd) that keeps what it took, with TLS by trustme.

It can be told to refuse, to fall silent or to hang up at any step. ``letters`` is all that it took
over, whether or not the sender ever heard of it.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from curator.delivery.smtp import MailSettings

__all__ = ["PASSWORD", "Letter", "MailRoom", "mail_room", "wait_for"]

PASSWORD = "pässword “quoted” 7"


@dataclass(frozen=True)
class Letter:
    """A message that the server took. ``options`` are those of MAIL FROM."""

    sender: str
    recipients: tuple[str, ...]
    options: tuple[str, ...]
    content: bytes
    tls: bool
    user: bool

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


class MailRoom:
    """The server, running in a thread; use `mail_room`.

    ``answers`` gives another answer to a step ("EHLO", "MAIL", "RCPT ada@…" or "RCPT", "DATA" for
    the message as a whole); ``None`` as an answer hangs up, without one for "DATA" after having
    taken the message. ``slow`` is how long it thinks about a message before it answers.
    """

    def __init__(self, port: int, ca: Path, login: bool) -> None:
        self.port = port
        self.ca = ca
        self.login = login
        self.letters: list[Letter] = []
        self.seen: list[str] = []
        self.answers: dict[str, str | None] = {}
        self.slow = 0.0
        self.on_letter: Callable[[Letter], None] = lambda letter: None
        self._lock = threading.Lock()

    def settings(self, scheme: str = "smtp", options: str = "", user: str = "") -> MailSettings:
        """How a sender reaches it; with TLS, its certificates are trusted."""
        login = f"{user}@" if user else ""
        return MailSettings(
            url=f"{scheme}://{login}localhost:{self.port}{options}",
            password=SecretStr(PASSWORD) if user else None,
            sender="Digest <digest@example.org>",
            unsubscribe="mailto:stop@example.org",
        )

    # ------------------------------------------------- what aiosmtpd calls, by name

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, name: str, responses: list[str]
    ) -> list[str]:
        session.host_name = name
        self._note("EHLO")
        if (said := self.answers.get("EHLO", "")) != "":
            self._hang_up(server, said)
            return [said or "421 bye"]
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._note("MAIL")
        if (said := self.answers.get("MAIL", "")) != "":
            self._hang_up(server, said)
            return said or "421 bye"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._note(f"RCPT {address}")
        said = self.answers.get(f"RCPT {address}", self.answers.get("RCPT", ""))
        if said != "":
            self._hang_up(server, said)
            return said or "421 bye"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        said = self.answers.get("DATA", "")
        if not said:  # it takes it, whatever it says afterwards
            content = envelope.content
            letter = Letter(
                envelope.mail_from or "",
                tuple(envelope.rcpt_tos),
                tuple(envelope.mail_options),
                content if isinstance(content, bytes) else (content or "").encode(),
                session.ssl is not None,
                bool(session.authenticated),
            )
            with self._lock:
                self.letters.append(letter)
            self.on_letter(letter)
        if self.slow:
            await asyncio.sleep(self.slow)
        self._note("DATA")
        if said is None:
            self._hang_up(server, None)
        return said or "250 Taken"

    def authenticate(self, *args: Any) -> AuthResult:
        given = args[-1]
        assert isinstance(given, LoginPassword)
        fits = given.login == b"j\xc3\xa4ne@example.org" and given.password == PASSWORD.encode()
        return AuthResult(success=fits, handled=False)

    def _note(self, what: str) -> None:
        with self._lock:
            self.seen.append(what)

    @staticmethod
    def _hang_up(server: SMTP, said: str | None) -> None:
        if said is None and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()


@contextmanager
def mail_room(
    folder: Path, *, tls: str = "none", login: bool = False, known: str = "localhost", **fields: Any
) -> Iterator[MailRoom]:
    """A server: ``tls`` is none, starttls or implicit, ``known`` the name in its certificate."""
    authority = trustme.CA()
    ca = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(known).configure_cert(context)
    room = MailRoom(0, ca, login)
    options: dict[str, Any] = {
        "hostname": "mail.example.org",
        "enable_SMTPUTF8": True,
        "auth_required": login,
        "auth_require_tls": tls == "starttls",
        "authenticator": room.authenticate if login else None,
        **fields,
    }
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    loops: list[asyncio.AbstractEventLoop] = []
    protocols: list[SMTP] = []
    ready = threading.Event()
    end = asyncio.Event()

    def connected() -> SMTP:
        made = SMTP(room, loop=loops[0], **options)
        protocols.append(made)
        return made

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        server = await loops[0].create_server(
            connected,
            "127.0.0.1",
            0,
            ssl=context if tls == "implicit" else None,
        )
        room.port = server.sockets[0].getsockname()[1]
        ready.set()
        await end.wait()
        server.close()
        for protocol in protocols:
            if isinstance(protocol.transport, asyncio.Transport):
                protocol.transport.abort()
        await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield room
    finally:
        loops[0].call_soon_threadsafe(end.set)
        thread.join(30)


def wait_for(true: Callable[[], object], seconds: float = 30.0) -> None:
    """Waits until something holds."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it does not come true"
        time.sleep(0.01)
