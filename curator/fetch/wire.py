"""The way to the server: each name is looked up once, checked, and the checked address called.

httpcore asks its network backend to connect to a *name*. The backend here looks the name up,
checks every address it has and connects to one of just those, so that a name server cannot show
a public address to the check and a private one to the connection (DNS rebinding). TLS and the
Host header still see the name.

The connection is also where time is kept: the limits of httpcore are for single reads, which a
server that sends a byte now and then never exceeds.
"""

from __future__ import annotations

import contextvars
import socket
import ssl
import threading
import time
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import httpcore
import httpx
from httpcore import NetworkBackend, NetworkStream

from curator.errors import UsageError
from curator.fetch.guard import NOTHING, Permit, check_address, is_address

__all__ = ["TROUBLES", "Network", "OutOfTime", "Resolve", "system_resolve", "time_limit"]

Resolve = Callable[[str], Sequence[str]]  # a name to its IP addresses; raises socket.gaierror

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
# While other addresses are left, one that is silent (IPv6 without a route, say) gets less.
_FIRST_TRY_SECONDS = 4.0
_MOST_ADDRESSES = 4
_SOCKET_OPTION = httpcore.SOCKET_OPTION
_until: contextvars.ContextVar[float] = contextvars.ContextVar("until", default=float("inf"))


class OutOfTime(Exception):
    """The time for one document is used up."""


# All that an honest try can end in: socket.gaierror and ssl.SSLError are OSErrors.
TROUBLES = (
    OutOfTime,
    OSError,
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Whatever this thread sends or receives inside has to be done by then (`OutOfTime`)."""
    token = _until.set(min(_until.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _until.reset(token)


def _seconds_left(timeout: float | None) -> float:
    left = _until.get() - time.monotonic()
    if left <= 0:
        raise OutOfTime
    return left if timeout is None else min(timeout, left)


def system_resolve(host: str) -> Sequence[str]:
    """The addresses of a name, as the system orders them.

    The look-up runs in a thread of its own, since the C library can take minutes and cannot be
    interrupted meanwhile.

    Raises:
        socket.gaierror: there is none, or no answer in time.
    """
    found: list[str] = []
    failed: list[OSError] = []
    done = threading.Event()

    def look_up() -> None:
        try:
            answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))
        except OSError as error:
            failed.append(error)
        except UnicodeError:  # a name that the codec for names cannot write
            failed.append(socket.gaierror(socket.EAI_NONAME, "not a name"))
        done.set()

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    if not done.wait(_seconds_left(CONNECT_SECONDS)):
        raise socket.gaierror(socket.EAI_AGAIN, "no answer from the name server")
    if failed:
        raise failed[0]
    return found


class _TimedStream(NetworkStream):
    """A connection each of whose operations ends by the document's time."""

    def __init__(self, stream: NetworkStream) -> None:
        self._stream = stream

    @contextmanager
    def _timed(self, timeout: float | None) -> Iterator[float]:
        seconds = _seconds_left(timeout)
        try:
            yield seconds
        except httpcore.TimeoutException:
            _seconds_left(None)  # raises OutOfTime where that was the reason
            raise

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._timed(timeout) as seconds:
            return self._stream.read(max_bytes, seconds)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with self._timed(timeout) as seconds:
            self._stream.write(buffer, seconds)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        with self._timed(timeout) as seconds:
            return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> typing.Any:
        return self._stream.get_extra_info(info)


class CheckedBackend(NetworkBackend):
    """Connects to addresses that were checked; ``permit`` None leaves names and addresses to
    the system (for the way to a proxy, which the user set up)."""

    def __init__(self, permit: Permit | None, resolve: Resolve) -> None:
        self._permit = permit
        self._resolve = resolve
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        addresses = self._addresses(host)
        for number, address in enumerate(addresses, start=1):
            is_last = number == len(addresses)
            seconds = _seconds_left(timeout)
            try:
                stream = self._inner.connect_tcp(
                    address,
                    port,
                    seconds if is_last else min(seconds, _FIRST_TRY_SECONDS),
                    local_address,
                    socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if is_last:
                    _seconds_left(None)
                    raise
            else:
                return _TimedStream(stream)
        raise AssertionError("there is always an address")

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[_SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        raise NotImplementedError("sockets of this machine are not fetched from")

    def _addresses(self, host: str) -> Sequence[str]:
        if self._permit is None:
            return [host]
        found = [host] if is_address(host) else list(dict.fromkeys(self._resolve(host)))
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        for address in found:  # all of them: one bad address among good ones is an attack too
            check_address(address, host, self._permit)
        first = [a for a in found if (":" in a) == (":" in found[0])]
        other = [a for a in found if a not in first]
        return [*first[: _MOST_ADDRESSES - min(len(other), 1)], *other][:_MOST_ADDRESSES]


class Network:
    """Pools of connections, one for each set of permitted addresses and each proxy.

    They are kept apart so that a connection which was allowed for one request is never used
    for another for which it would not have been.

    Proxies are taken from ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` of the environment,
    as they were when this was made. A proxy looks the names up itself: then only literal
    addresses are checked, and what lies behind a name is for the proxy to allow.
    """

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve or system_resolve
        self._proxies = getproxies_environment()
        self._pools: dict[tuple[str, Permit, str], httpcore.ConnectionPool] = {}
        self._tls: ssl.SSLContext | None = None

    @contextmanager
    def stream(
        self, url: httpx.URL, headers: Mapping[str, str], permit: Permit = NOTHING
    ) -> Iterator[httpcore.Response]:
        """Sends a GET request and yields the answer, its body not yet read.

        Raises:
            AddressRefused: the host has an address that is not permitted.
            One of `TROUBLES`: no answer, or none in time.
        """
        timeouts = {"connect": CONNECT_SECONDS, "read": READ_SECONDS, "write": READ_SECONDS}
        with self._pool(url, permit).stream(
            "GET",
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=[("Host", url.netloc.decode()), *headers.items()],
            extensions={"timeout": timeouts},
        ) as response:
            yield response

    def close(self) -> None:
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _pool(self, url: httpx.URL, permit: Permit) -> httpcore.ConnectionPool:
        host = url.raw_host.decode()
        proxy = self._proxies.get(url.scheme, "")
        if proxy and proxy_bypass(host):
            proxy = ""
        key = (url.scheme, permit, proxy)
        if key not in self._pools:
            tls = self._tls_context() if url.scheme == "https" else None
            self._pools[key] = (
                self._proxy_pool(proxy, url.scheme, tls)
                if proxy
                else httpcore.ConnectionPool(
                    ssl_context=tls,
                    keepalive_expiry=15.0,
                    network_backend=CheckedBackend(permit, self._resolve),
                )
            )
        return self._pools[key]

    def _proxy_pool(
        self, proxy: str, scheme: str, tls: ssl.SSLContext | None
    ) -> httpcore.ConnectionPool:
        try:
            parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            usable = parts.scheme in ("http", "https") and parts.hostname is not None
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            usable = False
        if not usable:
            raise UsageError(
                f"The proxy set in {scheme.upper()}_PROXY cannot be used.",
                remedy="It has to be like http://proxy.example.org:3128.",
            )
        user = (unquote(parts.username or ""), unquote(parts.password or ""))
        return httpcore.HTTPProxy(
            proxy_url=httpcore.URL(
                scheme=parts.scheme.encode(),
                host=str(parts.hostname).encode("idna"),
                port=port,
                target=b"/",
            ),
            proxy_auth=user if any(user) else None,
            ssl_context=tls,
            keepalive_expiry=15.0,
            network_backend=CheckedBackend(None, self._resolve),
        )

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            try:
                self._tls = httpx.create_ssl_context()  # heeds SSL_CERT_FILE and SSL_CERT_DIR
            except OSError as error:
                raise UsageError(
                    f"The certificates that SSL_CERT_FILE names cannot be read: {error}.",
                    remedy="Correct SSL_CERT_FILE, or unset it.",
                ) from None
        return self._tls
