"""The mail server that a person named: what its address means, and what is refused of it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from curator.errors import MissingError, UsageError

__all__ = ["MailServer", "MailSettings", "bare_address", "mail_server"]

Tls = Literal["implicit", "starttls", "none"]

_PORTS = {"smtp": 587, "smtps": 465}
_REMEDY = (
    "Set CURATOR_SMTP_URL to an address like smtp://you@mail.example.org:587 or "
    "smtps://you@mail.example.org:465, and CURATOR_SMTP_PASSWORD to the password."
)
# What no address may hold: what would end a line or a command, or begin another.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f<>()\[\]\\,;:\"\u0080-\u009f\u2028\u2029]")


@dataclass(frozen=True)
class MailSettings:
    """What a person set. ``url`` is CURATOR_SMTP_URL, ``sender`` CURATOR_MAIL_FROM (a bare
    address or ``Name <address>``), ``unsubscribe`` CURATOR_UNSUBSCRIBE (``mailto:`` or
    ``https:``, "" for none)."""

    url: str
    password: SecretStr | None = None
    sender: str = ""
    unsubscribe: str = ""


@dataclass(frozen=True)
class MailServer:
    """Where mail goes, and how: ``tls`` from the first byte ("implicit"), by the command STARTTLS,
    or not at all. ``ca`` is a file of certificates to trust instead of the system's."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    ca: Path | None = None

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def mail_server(settings: MailSettings) -> MailServer:
    """The server that the settings name, and whether all else that they say can be used.

    ``smtp://`` asks for STARTTLS and sends nothing without it, but to this machine;
    ``?tls=none`` does without anywhere, where no password would be shown by that;
    ``?tls=starttls`` asks for it on this machine too; ``?ca=/path`` names the certificates that
    are trusted. No message of an error holds the address as a whole: a password may stand in it.

    Raises:
        MissingError: the address of the server, the sender or the password is not set, or the file
            of certificates is not there.
        UsageError: one of them cannot be used.
    """
    if not settings.url.strip():
        raise MissingError("No mail server is set.", remedy=_REMEDY)
    if not settings.sender.strip():
        raise MissingError(
            "No sender is set for the mail.",
            remedy="Set CURATOR_MAIL_FROM to an address, like digest@example.org.",
        )
    bare_address(settings.sender, "CURATOR_MAIL_FROM")
    _check_unsubscribe(settings.unsubscribe)
    server = _parsed(settings.url.strip())
    password = settings.password.get_secret_value() if settings.password else ""
    if server.user and not password:
        raise MissingError(
            f"There is no password for {server.user!r} at {server.place}.",
            remedy="Set CURATOR_SMTP_PASSWORD, or leave the name out of CURATOR_SMTP_URL if the "
            "server asks for none.",
        )
    if server.user and server.tls == "none" and not _is_here(server.host):
        raise UsageError(
            f"With ?tls=none the password would go to {server.place} for everybody to read.",
            remedy="Leave ?tls=none out, or the name and the password.",
        )
    return server


def bare_address(text: str, name: str) -> str:
    """The one address in a text like ``Ada <ada@example.org>``. ``name`` is what an error calls
    the text.

    Raises:
        UsageError: it has none, or more, or one that could not be put into a command.
    """
    address = "" if _line_end(text) else parseaddr(text)[1]
    local, at, domain = address.rpartition("@")
    # parseaddr takes spaces out of an address, and the first of several.
    fits = local and at and domain and len(address) <= 254 and address in text
    if not fits or _FORBIDDEN.search(address) or text.count("@") != 1 or ".." in address:
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        raise UsageError(
            f"{name} cannot be {shown!r}: it is not one e-mail address.",
            remedy="Give an address like ada@example.org.",
        )
    return address


def _parsed(url: str) -> MailServer:
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(
            "CURATOR_SMTP_URL cannot be read as an address.", remedy=_REMEDY
        ) from error
    if scheme not in _PORTS or not host or parts.path.strip("/") or parts.fragment:
        raise UsageError("CURATOR_SMTP_URL is not the address of a mail server.", remedy=_REMEDY)
    if parts.password is not None:
        raise UsageError(
            "A password stands in CURATOR_SMTP_URL.",
            remedy="Put it into CURATOR_SMTP_PASSWORD, where it is never shown, and write "
            "@ in the name as %40.",
        )
    user = unquote(parts.username or "")
    if not re.fullmatch(r"[\w.:-]+", host) or _line_end(user):
        raise UsageError("CURATOR_SMTP_URL is not the address of a mail server.", remedy=_REMEDY)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    tls = _tls(scheme, host, options.pop("tls", None), "ca" in options)
    ca = options.pop("ca", None)
    if options:
        raise UsageError(
            f"CURATOR_SMTP_URL has an option {next(iter(options))!r}, which there is not.",
            remedy="There are ?tls=none, ?tls=starttls and ?ca=/path/to/certificates.pem.",
        )
    if ca is not None and not Path(ca).is_file():
        raise MissingError(
            f"The file of certificates {ca!r}, which CURATOR_SMTP_URL names, is not there.",
            remedy="Give the path of a PEM file: ?ca=/path/to/certificates.pem.",
        )
    return MailServer(host, port or _PORTS[scheme], tls, user, Path(ca) if ca else None)


def _tls(scheme: str, host: str, said: str | None, ca: bool) -> Tls:
    if said not in (None, "none", "starttls") or (scheme == "smtps" and said is not None):
        raise UsageError(
            f"CURATOR_SMTP_URL cannot have tls={said}.",
            remedy="smtps:// is TLS from the start; smtp:// takes ?tls=starttls (the default, "
            "but for this machine) or ?tls=none.",
        )
    if scheme == "smtps":
        return "implicit"
    if said is not None:
        return "none" if said == "none" else "starttls"
    return "none" if _is_here(host) and not ca else "starttls"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_unsubscribe(address: str) -> None:
    if not address:
        return
    scheme = address.partition(":")[0].lower()
    if scheme not in ("mailto", "https") or re.search(r"[\x00-\x20\x7f<>,]", address):
        raise UsageError(
            "CURATOR_UNSUBSCRIBE cannot be used.",
            remedy="Give one address: mailto:stop@example.org or https://example.org/stop.",
        )


def _line_end(text: str) -> bool:
    return any(unprintable < " " or unprintable == "\x7f" for unprintable in text)
