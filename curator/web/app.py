"""The application: routes, the pages' templates, and what becomes of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import Route

from curator import __version__
from curator.errors import (
    AddressRefused,
    BudgetExhausted,
    CuratorError,
    FetchError,
    MissingError,
    ModelError,
    NotFoundError,
)
from curator.serving import Busy, Serving
from curator.web import chat, digests, evals, mapped, openai_api, papers, review, status
from curator.web.pages import render
from curator.web.security import Guard, Limits, login

__all__ = ["create_app"]

HERE = Path(__file__).parent


def create_app(
    serving: Serving,
    *,
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]"),
    limits: Limits | None = None,
) -> FastAPI:
    """The whole server of a library. ``hosts`` are the names it answers to (without ports); any
    other is refused, so that no foreign page can reach it under a name of its own."""
    from curator.mcp import mounted

    mcp = mounted(serving)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        async with mcp.running():
            yield
        serving.close()

    app = FastAPI(
        title="Paper Curator",
        version=__version__,
        summary="A library of research papers: answers in which every sentence is checked.",
        docs_url=None,  # these pages load scripts from other machines
        redoc_url=None,
        lifespan=running,
    )
    app.state.serving = serving
    for part in (chat, papers, review, digests, status, evals, mapped, openai_api):
        app.include_router(part.router)
    app.include_router(login)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    # Also without the slash: a redirect would ask clients to send their request twice.
    app.router.routes.append(Route("/mcp", mcp.app, include_in_schema=False))
    app.mount("/mcp", mcp.app)
    app.add_exception_handler(CuratorError, _told)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(Exception, _unforeseen)
    app.add_middleware(Guard, serving=serving, hosts=hosts, limits=limits or Limits())

    @app.get("/", include_in_schema=False)
    def home() -> RedirectResponse:
        return RedirectResponse("/chat", status_code=303)

    return app


# ------------------------------------------------------------------------------- errors


def status_of(error: CuratorError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, Busy):
        return 429
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, AddressRefused):
        return 400
    if isinstance(error, MissingError | BudgetExhausted):
        return 503
    return 502 if isinstance(error, FetchError | ModelError) else 400


def _answer(
    request: Request, status: int, message: str, remedy: str = "", wait: int | None = None
) -> Response:
    """An error, as a page for people and as JSON for programs."""
    headers = {"Retry-After": str(wait)} if wait else {}
    if request.url.path.startswith("/v1/"):
        kind = "invalid_request_error" if status < 500 else "server_error"
        body = {"message": f"{message} {remedy}".strip(), "type": kind, "code": None, "param": None}
        return JSONResponse({"error": body}, status, headers)
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": message, "remedy": remedy}, status, headers)
    page = render(
        request, "error.html", status=status, title="Error", message=message, remedy=remedy
    )
    page.status_code = status
    page.headers.update(headers)
    return page


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, CuratorError)
    wait = error.wait if isinstance(error, Busy) else None
    message, remedy = (_without_folders(request, text) for text in (error.message, error.remedy))
    return _answer(request, status_of(error), message, remedy, wait)


def _without_folders(request: Request, text: str) -> str:
    """Where others use the server, its folders are nobody's business but its owner's."""
    serving: Serving = request.app.state.serving
    if serving.token is None:
        return text
    for folder in (serving.library.home.root, serving.library.settings.models_dir):
        text = text.replace(str(folder), "…")
    return text


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    nothing = error.status_code == 404 and error.detail == "Not Found"
    told = "There is nothing at this address." if nothing else str(error.detail)
    return _answer(request, error.status_code, told)


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return _answer(request, 422, f"{where or 'the request'}: {first['msg']}.")


async def _unforeseen(request: Request, _: Exception) -> Response:
    # What happened is in the server's log; the page says nothing that could be a secret.
    return _answer(request, 500, "Something unforeseen happened.", "The server's log says what.")
