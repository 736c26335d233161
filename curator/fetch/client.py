"""The one HTTP client of the project: it gets a document, or says in plain words why not.

Whoever asks need not know about waiting, trying again, redirects, mirrors or limits: `get`
returns a whole document, or raises `FetchError`.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from curator import __version__
from curator.errors import AddressRefused, FetchError, UsageError
from curator.fetch import guard
from curator.fetch.body import MAX_BODY, beginning, read_body
from curator.fetch.failures import Failure, charset_of, failure_of, refusal
from curator.fetch.mirrors import Mirrors
from curator.fetch.pace import Pacer, Patience, span

if TYPE_CHECKING:
    import httpcore
    import httpx

    from curator.fetch.wire import Network

__all__ = ["Fetched", "Fetcher"]

MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_BACKOFF, _LONGEST_BACKOFF = 2.0, 60.0  # seconds, doubled with each try
# What another host may see of the caller's headers: nothing that could be a key.
_HARMLESS = {"accept", "accept-language", "if-none-match", "if-modified-since"}
_OURS = {"host", "user-agent", "accept-encoding", "connection", "content-length", "te"}
_VALIDATORS = (
    ("etag", "ETag", "If-None-Match"),
    ("last_modified", "Last-Modified", "If-Modified-Since"),
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_CONTACT = re.compile(r"[^\s()<>@\"\\]{1,64}@[^\s()<>@\"\\]{1,190}")
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole answer: decompressed, within the size limit, status 200 or 304.

    ``content`` is empty with 304 (``unchanged``). ``url`` is the address after redirects;
    ``validators`` what to send next time (``{"etag": …, "last_modified": …}``, may be empty).
    """

    url: str
    status: int
    content: bytes
    media_type: str = ""  # "application/atom+xml", lower case, without parameters
    charset: str | None = None  # as the Content-Type header declares it
    validators: dict[str, str] = field(default_factory=dict)

    @property
    def unchanged(self) -> bool:
        return self.status == 304


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a request goes: ``url`` as it is known, ``target`` where it is really sent."""

    url: httpx.URL
    target: httpx.URL
    permit: guard.Permit

    @property
    def host(self) -> str:
        return self.target.raw_host.decode()

    @property
    def netloc(self) -> str:
        return self.target.netloc.decode()

    @property
    def origin(self) -> tuple[str, str]:
        return self.target.scheme, self.netloc


@dataclass(slots=True)
class _Trip:
    """What is left for one document, over all tries and redirects."""

    patience: Patience  # of waiting
    seconds: float  # of transfer


class Fetcher:
    """Gets documents for one thread; a context manager.

    ``allow_private`` lets addresses of this machine and private networks through. ``mirrors``
    says for a host where it is got from instead. ``contact`` is the e-mail address that
    services are told. ``state`` is the file in which the times of requests are shared with
    other processes and later runs; without it they are this object's own. ``notify`` is told
    of each wait longer than five seconds. Proxies are taken from ``HTTP_PROXY``,
    ``HTTPS_PROXY`` and ``NO_PROXY``; a proxy looks names up itself, so that with one only
    literal addresses are checked.

    For one document at most ``patience`` seconds are waited (for the service's pace, after
    failures, because it asked for that), at most ``retries`` further tries made after one that
    failed, and at most ``deadline`` seconds spent on connections and transfer.

    ``resolve`` (a name to its IP addresses), ``sleep`` and ``clock`` (seconds since 1970) are
    for tests; the last two belong together. ``deadline`` is always measured on the real clock.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        mirrors: Mapping[str, str] | None = None,
        contact: str | None = None,
        state: Path | None = None,
        notify: Callable[[str], None] | None = None,
        patience: float = 120.0,
        retries: int = 4,
        deadline: float = 300.0,
        resolve: Callable[[str], Sequence[str]] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises `UsageError` for a mirror or contact that cannot be used."""
        if contact and not (contact.isascii() and _CONTACT.fullmatch(contact)):
            raise UsageError(
                f"The contact {contact[:60]!r} is not an e-mail address.",
                remedy="Set CURATOR_CONTACT=you@example.org, or unset it.",
            )
        self._permit = guard.ALL if allow_private else guard.NOTHING
        self._mirrors = Mirrors(mirrors or {})
        agent = f"paper-curator/{__version__}"
        self._agent = f"{agent} (+mailto:{contact})" if contact else agent
        self._patience, self._retries, self._deadline = patience, retries, deadline
        self._resolve, self._clock = resolve, clock
        self._pacer = Pacer(state, clock=clock, sleep=sleep, notify=notify or (lambda _: None))
        self._network: Network | None = None

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        if self._network is not None:
            self._network.close()

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        validators: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Fetched:
        """Gets one document; waits, retries and gives up as the host's rules say.

        ``params`` are added to those of the address. ``validators`` are those of an earlier
        answer: an unchanged document then comes as 304, without content. ``limit`` is the
        greatest size in bytes, decompressed (default 50 MB).

        Raises:
            AddressRefused: the address, or one that it redirects to, is not fetched.
            UsageError: a header cannot be sent, or the proxy set in the environment not used.
            FetchError: there is no such document or it cannot be got now; ``status`` is the
                server's status, ``wait`` the seconds after which it may be tried again.
        """
        place = self._place(guard.checked_url(url, params), None)
        sent = {**_checked_headers(headers or {}), **_conditions(validators or {})}
        trip = _Trip(Patience(self._patience), self._deadline)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._persist(place, sent, trip, MAX_BODY if limit is None else limit)
            if isinstance(answer, Fetched):
                if answer.unchanged:
                    answer.validators.update({**(validators or {}), **answer.validators})
                return answer
            following = self._follow(place, answer)
            if following.host != place.host or following.target.port != place.target.port:
                sent = {name: value for name, value in sent.items() if name.lower() in _HARMLESS}
            place = following
        raise FetchError(
            f"{guard.shown(place.url)} redirects more than {MAX_REDIRECTS} times.",
            remedy="Check the address.",
            retryable=False,
        )

    def _place(self, url: httpx.URL, before: _Place | None) -> _Place:
        """Where ``url`` is got from; ``before`` is the place that redirects there."""
        mirror = self._mirrors.of(url)
        if mirror is not None:
            return _Place(url, mirror, guard.ALL)  # the user's own choice
        place = _Place(url, url, self._permit)
        if before is not None and place.origin == before.origin:
            place = _Place(url, url, before.permit)
        elif before is not None and place.host == before.host:
            place = _Place(url, url, self._permit & before.permit)
        elif before is not None:
            # Not even one who lets private addresses through wants to be led to the page with
            # a cloud machine's keys.
            place = _Place(url, url, self._permit & guard.PRIVATE)
        guard.check_host(place.host, place.permit)
        return place

    def _follow(self, place: _Place, location: str) -> _Place:
        try:
            url = guard.checked_url(_joined(place.target, location))
            following = self._place(url, place)
            is_mirror = following.target is not following.url
            if place.target.scheme == "https" and url.scheme == "http" and not is_mirror:
                raise AddressRefused(
                    f"{guard.shown(url)} is not fetched: it gives up the secure connection.",
                    remedy="If you trust it, ask for that address itself.",
                )
        except AddressRefused as error:
            raise AddressRefused(
                f"{guard.shown(place.url)} redirects elsewhere. {error.message}",
                remedy=error.remedy,
            ) from None
        return following

    def _persist(
        self, place: _Place, sent: Mapping[str, str], trip: _Trip, limit: int
    ) -> Fetched | str:
        """Asks until there is an answer: a document, or where it redirects to."""
        tries, why = 0, ""
        while True:
            with self._pacer.turn(place.host, place.netloc, trip.patience, why):
                tries += 1
                try:
                    answer = self._ask(place, sent, trip, limit)
                except Failure as failure:
                    self._after(failure, place, tries, trip)
                    why = f"it {failure.what}"
                else:
                    self._pacer.succeeded(place.netloc)
                    return answer

    def _after(self, failure: Failure, place: _Place, tries: int, trip: _Trip) -> None:
        """Sees to it that the next try comes in due time, or raises that there is none."""
        retries = self._retries if failure.retries is None else failure.retries
        # Full jitter: two who failed together do not come back together (M. Brooker,
        # "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
        pause = random.uniform(0.0, min(_LONGEST_BACKOFF, _BACKOFF * 2.0 ** (tries - 1)))
        pause = max(pause, failure.wait or 0.0)
        if tries <= min(retries, self._retries):
            if pause <= trip.patience.left:
                self._pacer.hold(place.host, pause)
                return
            if failure.wait is not None and failure.wait > trip.patience.left:
                self._pacer.asked_for(place.netloc, failure.wait)
                failure.what += f", and asks to wait {span(failure.wait)}"
                raise failure.error(guard.shown(place.url), tries)
        if failure.counts:
            self._pacer.gave_up(place.netloc, for_good=failure.status == 429)
        elif failure.status is not None:
            self._pacer.succeeded(place.netloc)
        if failure.wait:  # others, and the next run, keep to it too
            self._pacer.hold(place.host, failure.wait)
        raise failure.error(guard.shown(place.url), tries)

    def _ask(
        self, place: _Place, sent: Mapping[str, str], trip: _Trip, limit: int
    ) -> Fetched | str:
        """One request. Raises `Failure`."""
        from curator.fetch.wire import TROUBLES, Network, time_limit

        if self._network is None:
            self._network = Network(self._resolve)
        ours = {"User-Agent": self._agent, "Accept-Encoding": "gzip"}
        if not any(name.lower() == "accept" for name in sent):
            ours["Accept"] = "*/*"  # some servers take its absence for a robot's
        began = time.monotonic()
        reading = False
        try:
            with (
                time_limit(trip.seconds),
                self._network.stream(place.target, {**sent, **ours}, place.permit) as response,
            ):
                reading = True
                return self._answer(place, sent, response, limit)
        except TROUBLES as error:
            raise failure_of(error, reading=reading) from error
        finally:
            trip.seconds -= time.monotonic() - began

    def _answer(
        self, place: _Place, sent: Mapping[str, str], response: httpcore.Response, limit: int
    ) -> Fetched | str:
        headers: dict[str, str] = {}
        for name, value in response.headers:
            headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        status = response.status
        if status in _REDIRECTS and headers.get("location"):
            return _text_of(headers["location"].encode("latin-1"))
        if status == 304 and any(name in sent for _, _, name in _VALIDATORS):
            content = b""
        elif status in (200, 203):  # 203: a proxy changed something on the way
            status = 200
            content = read_body(response.iter_stream(), headers, limit)
        else:
            page = beginning(response.iter_stream(), headers)
            raise refusal(status, headers, page, self._clock())
        kind = headers.get("content-type", "")
        media = kind.partition(";")[0].strip().lower()
        return Fetched(
            url=str(place.url),
            status=status,
            content=content,
            media_type=media if _MEDIA_TYPE.fullmatch(media) else "",
            charset=charset_of(kind),
            validators={
                ours: headers[theirs.lower()]
                for ours, theirs, _ in _VALIDATORS
                if _is_sendable(headers.get(theirs.lower(), ""))
            },
        )


def _text_of(header: bytes) -> str:
    try:
        return header.decode("utf-8")  # not allowed, but sent all the same
    except UnicodeDecodeError:
        return header.decode("latin-1")


def _joined(base: httpx.URL, location: str) -> str:
    from urllib.parse import urljoin

    try:
        return urljoin(str(base), location.strip())
    except ValueError:
        return location


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, given in headers.items():
        value = given.strip()  # a key read from a file ends with a line end
        if not _HEADER_NAME.fullmatch(name) or not (value.isascii() and value.isprintable()):
            raise UsageError(
                f"The header {name[:40]!r} has characters that cannot be sent.",
                remedy="If it is a key, check how it is set: it is one line of plain letters.",
            )
        if name.lower() not in _OURS:
            found[name] = value
    return found


def _conditions(validators: Mapping[str, str]) -> dict[str, str]:
    """Those that cannot be sent (stored and damaged) are left out: the document comes whole."""
    return {
        header: validators[name]
        for name, _, header in _VALIDATORS
        if _is_sendable(validators.get(name, ""))
    }


def _is_sendable(value: str) -> bool:
    return 0 < len(value) <= 500 and value.isascii() and value.isprintable()
