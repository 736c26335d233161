"""How a refusal is said: as JSON to programs, as a page to people, as a line of text else."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

from curator.errors import CuratorError

__all__ = ["Kind", "Refused", "kind_of", "refusal"]

Kind = str  # "static", "login", "page", "api", "endpoint"


class Refused(CuratorError):
    """A request that goes no further. ``status`` and ``headers`` are of the answer; ``page``: it
    can be the reader's own doing, so it is said on a page."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
        page: bool = False,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status, self.page = status, page
        self.headers = dict(headers or {})


def kind_of(path: str) -> Kind:
    """What a path is part of: ``static``, ``login``, ``api`` (of the pages), ``endpoint`` (of
    programs: /v1 and /mcp) or ``page`` (everything else)."""
    if path.startswith("/static/") or path == "/favicon.ico":
        return "static"
    if path == "/login":
        return "login"
    first = path.split("/")[1] if path.startswith("/") else ""
    return {"api": "api", "v1": "endpoint", "mcp": "endpoint"}.get(first, "page")


def refusal(scope: Scope, refused: Refused, accept: str) -> Response:
    """The answer to a request that is refused, in the forms of `curator.web.app`."""
    kind, status, headers = kind_of(scope["path"]), refused.status, refused.headers
    message, remedy = refused.message, refused.remedy
    if kind == "endpoint":
        kinds = {401: "authentication_error", 429: "rate_limit_error"}
        error = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
        body = {"message": str(refused), "type": error, "code": None, "param": None}
        return JSONResponse({"error": body}, status, headers)
    if kind == "api":
        return JSONResponse({"error": message, "remedy": remedy}, status, headers)
    if refused.page and "text/html" in accept:
        from curator.web.pages import render

        page = render(
            Request(scope),
            "error.html",
            status=status,
            title="Error",
            message=message,
            remedy=remedy,
        )
        page.status_code = status
        page.headers.update(headers)
        return page
    return PlainTextResponse(f"{refused}\n", status, headers)
