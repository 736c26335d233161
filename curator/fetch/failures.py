"""What went wrong, in words, and whether trying again can help.

A `Failure` is about one attempt. Its text is what the server did, as the end of a sentence that
begins with the address: "https://example.org/feed *answered 404 (not found)*".
"""

from __future__ import annotations

import html
import re
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from curator.errors import FetchError
from curator.text import squeeze, strip_controls

__all__ = ["Failure", "charset_of", "failure_of", "refusal", "retry_after"]

_EXCERPT = 200  # characters
# "Try again" by their meaning; 425 and 52x are those of proxies in front of a server.
_RETRIED = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524}
_REMEDIES = {
    400: "The service did not understand the request; check what was asked for.",
    401: "It wants a key, or another one.",
    403: "It refuses access: it may want a key, or have had too many requests from here.",
    404: "Check the address.",
    407: "Check the proxy's user name and password in HTTPS_PROXY.",
    410: "Check the address.",
    414: "Ask for less at once.",
    429: "Try again later.",
    451: "It may not be read from here, for legal reasons.",
}
_LATER = "Try again later."
_NETWORK = "Check the network and the address."
_CERTIFICATE = (
    "Check this machine's clock and the address. Behind a proxy that inspects connections, set "
    "SSL_CERT_FILE to its certificates."
)
_HIDDEN = re.compile(r"<(script|style|svg)\b.*?(</\1\s*>|\Z)|<!--.*?(-->|\Z)", re.DOTALL | re.I)
_TAG = re.compile(r"<[!/?a-zA-Z][^<>]*(>|\Z)")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]{1,40})", re.I)
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,6})?")
_PROBLEM = re.compile(r"\[SSL[^\]]*\]\s*|\s*\(_ssl\.c:\d+\)")


class Failure(Exception):
    """One attempt that failed.

    ``retries`` bounds how often this kind is tried again (None: as often as anything);
    ``counts`` tells whether it was the host's doing, so that many such close it for a while.
    """

    def __init__(
        self,
        what: str,
        *,
        remedy: str = _LATER,
        retries: int | None = 0,
        counts: bool = True,
        status: int | None = None,
        wait: float | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.retries = retries
        self.counts = counts
        self.status = status
        self.wait = wait

    def error(self, address: str, tries: int) -> FetchError:
        """The error for the reader after ``tries`` attempts."""
        tried = f" (tried {tries} times)" if tries > 1 else ""
        can_help = self.retries is None or self.retries > 0
        error = FetchError(f"{address} {self.what}{tried}.", remedy=self.remedy, retryable=can_help)
        error.status, error.wait = self.status, self.wait
        return error


def refusal(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Failure:
    """The failure that an answer with an error status is. ``now`` is in seconds since 1970."""
    try:
        phrase = HTTPStatus(status).phrase.lower()
    except ValueError:
        phrase = "not a status that HTTP knows"
    said = _excerpt(body, headers.get("content-type", ""))
    retried = status in _RETRIED
    return Failure(
        f"answered {status} ({phrase})" + (f", saying: {said!r}" if said else ""),
        remedy=_REMEDIES.get(status, _LATER if status >= 500 else "Check the address."),
        retries=None if retried else 0,
        counts=retried,
        status=status,
        wait=retry_after(headers, now) if retried else None,
    )


def failure_of(error: Exception, *, reading: bool) -> Failure:
    """The failure that an exception of the network is; ``reading`` when the answer had begun."""
    import httpcore

    from curator.fetch.wire import OutOfTime

    if isinstance(error, OutOfTime):
        return Failure("took too long: it sends, but too slowly to go on waiting")
    if isinstance(error, httpcore.ProxyError):
        return Failure(
            f"cannot be reached through the proxy ({strip_controls(str(error))[:80]})",
            remedy="Check HTTPS_PROXY and HTTP_PROXY.",
            counts=False,
        )
    for cause in _causes(error):
        if found := _of_cause(cause):
            return found
    if isinstance(error, httpcore.RemoteProtocolError) and not (
        reading or "disconnected" in str(error)
    ):
        return Failure("answered something that is not HTTP", remedy="Check the address.")
    remedy = _LATER
    if isinstance(error, httpcore.ConnectTimeout):
        what, remedy = "cannot be reached: it does not answer the call", _NETWORK
    elif isinstance(error, httpcore.TimeoutException):
        what = "stopped in the middle of its answer" if reading else "did not answer the request"
    elif reading:
        what = "was cut off in the middle of its answer"
    else:
        what = "closed the connection without an answer"
    return Failure(what, remedy=remedy, retries=None)


def _of_cause(cause: BaseException) -> Failure | None:
    if isinstance(cause, socket.gaierror):
        again = cause.errno == socket.EAI_AGAIN
        return Failure(
            "cannot be reached: "
            + ("the name server does not answer" if again else "no host of that name is known"),
            remedy=_NETWORK,
            retries=1 if again else 0,
            counts=False,  # no server was asked
        )
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Failure(
            f"has no valid certificate ({cause.verify_message or 'unknown reason'})",
            remedy=_CERTIFICATE,
        )
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionResetError):
        return None  # a lost connection, of this kind or that
    if isinstance(cause, ssl.SSLError):
        problem = _PROBLEM.sub("", str(cause.args[-1] if cause.args else cause))[:80]
        return Failure(f"makes no secure connection ({problem})", remedy=_CERTIFICATE)
    if isinstance(cause, ConnectionRefusedError):
        return Failure("refuses connections", remedy=_NETWORK, retries=None)
    if isinstance(cause, OSError) and cause.errno in _NO_WAY:
        return Failure(
            f"cannot be reached ({(cause.strerror or 'no network').lower()})",
            remedy=_NETWORK,
            retries=1,
            counts=False,
        )
    return None


def _no_way() -> set[int]:
    import errno

    names = (
        "ENETUNREACH",
        "EHOSTUNREACH",
        "ENETDOWN",
        "EHOSTDOWN",
        "EADDRNOTAVAIL",
        "EPERM",
        "EACCES",
    )
    return {getattr(errno, name) for name in names if hasattr(errno, name)}


_NO_WAY = _no_way()


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3); None for nonsense.

    A date is taken against the server's own clock (its ``Date`` header) where it shows that.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    until = _moment(text)
    if until is None:
        return None
    shown = _moment(headers.get("date", ""))
    return max(0.0, until - (now if shown is None else shown))


def _moment(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text[:100])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def charset_of(content_type: str) -> str | None:
    """The charset that a Content-Type header declares, as it is written there."""
    found = _CHARSET.search(content_type)
    return found[1] if found else None


def _excerpt(body: bytes, content_type: str) -> str:
    media = content_type.partition(";")[0].strip().lower()
    if media and not re.search(r"^text/|json|xml", media):
        return ""
    try:
        text = body.decode(charset_of(content_type) or "utf-8", "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    if "\0" in text:
        return ""
    text = html.unescape(_TAG.sub(" ", _HIDDEN.sub(" ", text)))
    text = squeeze(strip_controls(text))
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 3] + "..."
