"""A real HTTP server on 127.0.0.1 that does what a test says, good and bad.

::

    def test_waits_and_tries_again(loopback: Loopback) -> None:
        loopback.on("/feed", status(503, retry_after=7), ok("<rss/>", "application/rss+xml"))
        clock = FakeClock()
        with Fetcher(allow_private=True, sleep=clock.sleep, clock=clock) as fetch:
            assert fetch.get(loopback.at("/feed"), params={"page": 2}).content == b"<rss/>"
        assert clock.slept == [pytest.approx(7, abs=1)]
        assert loopback.requests[-1].query == {"page": ["2"]}

Each request to a path takes the next of its replies; the last one is repeated. A path without
replies answers 404. ``on`` with ``query`` replies only to requests that have those parameters.
Replies are made by the functions below; a reply is any function of the handler, so a test can
write its own: ``lambda handler: send(handler, 200, handler.path.encode())``.

``FakeClock`` stands for time: what sleeps on it takes none, and is recorded.

With the fixture in a test module: ``from loopback import loopback_fixture  # noqa: F401``.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

import pytest

__all__ = [
    "FakeClock",
    "Handler",
    "Loopback",
    "Reply",
    "Request",
    "bomb",
    "chunked_cut",
    "drip",
    "drop",
    "gzipped",
    "hang",
    "loopback_fixture",
    "ok",
    "raw",
    "redirect",
    "send",
    "slow",
    "status",
    "truncated",
    "with_etag",
]

START = 1_795_000_000.0  # November 2026


@dataclass
class FakeClock:
    """Time that passes only while something sleeps. Call it for the time, in s since 1970."""

    now: float = START
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass(frozen=True)
class Request:
    """What was asked: header names are in lower case, ``at`` is ``time.monotonic()``."""

    path: str
    target: str  # path and query as sent; a whole address where this was used as a proxy
    query: dict[str, list[str]]
    headers: dict[str, str]
    at: float


class Loopback:
    """The server; a context manager. ``url`` is its address, without a slash at the end."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._scripts: list[tuple[str, dict[str, str], list[Reply]]] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.loopback = self
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Loopback:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.002,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()  # waits for the threads of the connections
        self._thread.join()

    def at(self, path: str) -> str:
        """The address of a path."""
        return self.url + path

    def on(self, path: str, *replies: Reply, query: Mapping[str, str] | None = None) -> str:
        """Sets what a path replies, in turn, and returns its address."""
        assert replies
        with self._lock:
            wanted = dict(query or {})
            self._scripts = [s for s in self._scripts if (s[0], s[1]) != (path, wanted)]
            self._scripts.append((path, wanted, list(replies)))
            self._scripts.sort(key=lambda script: -len(script[1]))
        return self.at(path)

    def release(self) -> None:
        """Lets everything go on that hangs, drips or is slow."""
        self._released.set()

    def wait(self, seconds: float) -> None:
        """For replies: waits so long, or until the test lets go."""
        self._released.wait(seconds)

    @property
    def paths(self) -> list[str]:
        """The paths asked for, in their order."""
        return [request.path for request in self.requests]

    def reply_to(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            for path, wanted, replies in self._scripts:
                given = {name: values[0] for name, values in request.query.items()}
                if path == request.path and wanted.items() <= given.items():
                    return replies.pop(0) if len(replies) > 1 else replies[0]
        return status(404)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that server_close() waits for them
    loopback: Loopback

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def process_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._open.add(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are the subject of many tests, not their failure."""


class Handler(BaseHTTPRequestHandler):
    """One connection, of as many requests as the client likes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body in two small packets: 40 ms otherwise
    server: _Server

    @property
    def loopback(self) -> Loopback:
        return self.server.loopback

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        request = Request(
            path=parts.path,
            target=self.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            at=time.monotonic(),
        )
        self.server.loopback.reply_to(request)(self)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


Reply = Callable[[Handler], None]


def send(
    handler: Handler, code: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """Sends a whole answer, with its length unless ``headers`` say otherwise."""
    named = {name.lower() for name in headers or {}}
    if "date" in named:
        handler.send_response_only(code)
    else:
        handler.send_response(code)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    if not named & {"content-length", "transfer-encoding"} and code != 304:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def ok(
    body: str | bytes = b"fine",
    media_type: str = "text/plain; charset=utf-8",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """200 with a body; a wrong charset is told by ``media_type``."""
    data = body.encode() if isinstance(body, str) else body
    return lambda handler: send(handler, 200, data, {"Content-Type": media_type, **(headers or {})})


def status(
    code: int,
    body: str | bytes = b"",
    *,
    retry_after: str | int | None = None,
    headers: Mapping[str, str] | None = None,
    media_type: str = "text/html",
) -> Reply:
    """Any status, with ``Retry-After`` where one is given."""
    data = body.encode() if isinstance(body, str) else body
    wait = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return lambda handler: send(
        handler, code, data, {"Content-Type": media_type, **wait, **(headers or {})}
    )


def redirect(to: str, code: int = 302) -> Reply:
    """To any address, absolute or not."""
    return lambda handler: send(handler, code, b"moved", {"Location": to})


def gzipped(body: str | bytes, media_type: str = "text/plain", *, cut: int = 0) -> Reply:
    """A gzip body; its last ``cut`` bytes are missing, though the length is right."""
    data = gzip.compress(body.encode() if isinstance(body, str) else body)
    headers = {"Content-Encoding": "gzip", "Content-Type": media_type}
    return lambda handler: send(handler, 200, data[: len(data) - cut], headers)


def bomb(size: int = 1_000_000_000) -> Reply:
    """A gzip body of ``size`` zeros, made while it is sent."""

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Connection", "close")
        handler.end_headers()
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        for _ in range(size // 1_000_000):
            handler.wfile.write(packer.compress(bytes(1_000_000)))
        handler.wfile.write(packer.flush())
        handler.close_connection = True

    return reply


def truncated(body: str | bytes = b"half a", missing: int = 100) -> Reply:
    """Promises ``missing`` bytes more than come."""
    data = body.encode() if isinstance(body, str) else body

    def reply(handler: Handler) -> None:
        send(handler, 200, data, {"Content-Length": str(len(data) + missing)})
        handler.close_connection = True

    return reply


def chunked_cut(body: bytes = b"half a") -> Reply:
    """A chunked body without its end."""

    def reply(handler: Handler) -> None:
        chunk = b"%x\r\n%b\r\n" % (len(body), body)
        send(handler, 200, chunk, {"Transfer-Encoding": "chunked"})
        handler.close_connection = True

    return reply


def hang(seconds: float = 60.0) -> Reply:
    """Says nothing until ``release`` (at the end of the test at the latest), then hangs up."""

    def reply(handler: Handler) -> None:
        handler.loopback.wait(seconds)
        handler.close_connection = True

    return reply


def slow(seconds: float, then: Reply | None = None) -> Reply:
    """Waits, then replies."""

    def reply(handler: Handler) -> None:
        handler.loopback.wait(seconds)
        (then or ok())(handler)

    return reply


def drip(body: bytes = b"x" * 1_000, pause: float = 0.05, *, headers: bool = False) -> Reply:
    """Sends the body byte by byte; with ``headers`` it is those that never end."""

    def reply(handler: Handler) -> None:
        if headers:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        else:
            send(handler, 200, b"", {"Content-Length": str(len(body))})
        for byte in body:
            handler.loopback.wait(pause)
            handler.wfile.write(bytes([byte]))
        handler.close_connection = True

    return reply


def drop() -> Reply:
    """Closes the connection without a word."""

    def reply(handler: Handler) -> None:
        handler.close_connection = True

    return reply


def raw(data: bytes) -> Reply:
    """Any bytes in place of an answer."""

    def reply(handler: Handler) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return reply


def with_etag(body: str | bytes, etag: str = '"v1"', last_modified: str | None = None) -> Reply:
    """200 with validators, or 304 to who has them already."""
    data = body.encode() if isinstance(body, str) else body
    headers = {"ETag": etag} | ({"Last-Modified": last_modified} if last_modified else {})

    def reply(handler: Handler) -> None:
        same = handler.headers.get("If-None-Match") == etag or (
            last_modified is not None and handler.headers.get("If-Modified-Since") == last_modified
        )
        send(handler, 304 if same else 200, b"" if same else data, headers)

    return reply


@pytest.fixture(name="loopback")
def loopback_fixture(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A server for one test, which no proxy of the machine stands before."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Loopback() as server:
        yield server
