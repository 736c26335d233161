"""What of a request decides whether it goes any further, read once."""

from __future__ import annotations

from functools import cached_property
from urllib.parse import quote

from starlette.requests import cookie_parser
from starlette.types import Scope

from curator.web.addresses import host_and_port, peer_group, same_origin
from curator.web.refusals import kind_of

__all__ = ["Asked"]

READING = ("GET", "HEAD", "OPTIONS")
# What starts a model when it is posted to; the last is the form of a page without scripts.
MODEL_PATHS = ("/api/ask", "/v1/chat/completions", "/chat/")
MOST_HEADERS = 64 << 10  # bytes


class Asked:
    """A request, from its ASGI scope."""

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"].upper()
        self.path: str = scope["path"]
        self.kind = kind_of(self.path)
        self.scheme: str = scope.get("scheme", "http")
        client = scope.get("client")
        self.peer = peer_group(client[0]) if client else "?"
        self._scope = scope
        self._headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            self._headers.setdefault(name.lower(), []).append(value)

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return [value.decode("latin-1") for value in self._headers.get(name.encode(), [])]

    def one(self, name: str) -> str:
        """The value of a header; one that is given twice is like none that could be right."""
        values = self.all(name)
        return values[0].strip() if len(values) == 1 else ", ".join(values)

    @property
    def too_long(self) -> bool:
        """Whether its headers and its address are longer than any that are meant."""
        sizes = (len(n) + len(v) for n, values in self._headers.items() for v in values)
        address = len(self._scope.get("raw_path") or b"") + len(self._scope["query_string"])
        return sum(sizes) + address > MOST_HEADERS

    @property
    def length(self) -> int:
        """What ``Content-Length`` says, in bytes; 0 where it is not said."""
        text = self.one("content-length")
        return int(text[:20]) if text.isascii() and text.isdigit() else 0

    @property
    def changes(self) -> bool:
        """Whether it may change something."""
        return self.method not in READING

    @property
    def asks_model(self) -> bool:
        """Whether it starts a model."""
        return self.method == "POST" and any(
            self.path.startswith(path) if path.endswith("/") else self.path == path
            for path in MODEL_PATHS
        )

    @cached_property
    def host(self) -> str:
        """The ``Host`` as it was said; empty where there is none, or more than one."""
        values = self.all("host")
        return values[0].strip() if len(values) == 1 else ""

    @property
    def foreign(self) -> bool:
        """Whether a browser says that the request was made by a page of somebody else."""
        return self.one("sec-fetch-site").lower() not in ("", "none", "same-origin")

    @property
    def foreign_change(self) -> bool:
        """The same of a request that changes something, by all that can be known of it."""
        origins = self.all("origin")
        if not origins or self.foreign:
            return self.foreign
        if origins == ["null"] and self.one("sec-fetch-site").lower() == "same-origin":
            # What a browser sends with a form of a page whose policy is "no-referrer"; pages of
            # others cannot make it say "same-origin".
            return False
        return len(origins) > 1 or not same_origin(origins[0].strip(), self.scheme, self.host)

    @property
    def navigates(self) -> bool:
        """Whether a person follows a link, as against a page that loads something."""
        mode, where = self.one("sec-fetch-mode").lower(), self.one("sec-fetch-dest").lower()
        return mode == "navigate" and where in ("", "document")

    @property
    def bearer(self) -> bytes | None:
        """What is given as ``Authorization: Bearer``."""
        scheme, _, token = self.one("authorization").partition(" ")
        return token.strip().encode("latin-1") if scheme.lower() == "bearer" else None

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies, by their names."""
        return cookie_parser("; ".join(self.all("cookie")))

    def cookie_name(self, what: str) -> str:
        """A cookie's name, which says the port: browsers give a host's cookies to all its ports,
        and two servers must not overwrite each other's."""
        read = host_and_port(self.host)
        return f"{what}-{read[1]}" if read and read[1] else what

    @property
    def here(self) -> str:
        """Path and query, in ASCII."""
        path = "/" + quote(self.path.removeprefix("/"), safe="/~!$&'()*+,;=:@")
        query = quote(self._scope["query_string"].decode("latin-1"), safe="/~!$&'()*+,;=:@?%")
        return f"{path}?{query}" if query else path

    @property
    def address(self) -> str:
        """The whole address, in ASCII."""
        return f"{self.scheme}://{self.host}{self.here}"
