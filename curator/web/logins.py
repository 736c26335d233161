"""Logging in with the server's token, and out again."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from curator.serving import Busy
from curator.web.addresses import local_path
from curator.web.visits import visit_of

__all__ = ["login"]

login = APIRouter(include_in_schema=False)


@login.get("/login")
async def ask_token(request: Request) -> Response:
    """The form; for who is inside, the way out."""
    if not visit_of(request).door.locked:
        return RedirectResponse("/", status_code=303)
    return _form(request, request.query_params.get("next", "/"))


@login.post("/login")
async def enter(request: Request) -> Response:
    """Takes the token of the form."""
    visit = visit_of(request)
    if not visit.door.locked:
        return RedirectResponse("/", status_code=303)
    async with request.form(max_files=0, max_fields=20) as form:
        given, wanted = str(form.get("token", "")), str(form.get("next", "/"))
    if visit.door.hurried:
        await asyncio.sleep(visit.door.limits.guess_delay)
    try:
        right = visit.door.right(given.strip().encode("utf-8", "replace"), visit.peer)
    except Busy as busy:
        page = _form(request, wanted, str(busy), 429)
        page.headers["Retry-After"] = str(busy.wait)
        return page
    if not right:
        return _form(request, wanted, "That is not this server’s token.", 403)
    visit.log_in()
    return RedirectResponse(local_path(wanted), status_code=303)


@login.post("/logout")
async def leave(request: Request) -> Response:
    """Ends the session."""
    visit_of(request).log_out()
    return RedirectResponse("/login", status_code=303)


def _form(request: Request, wanted: str, wrong: str = "", status: int = 200) -> Response:
    from curator.web.pages import render

    visit = visit_of(request)
    page = render(
        request,
        "login.html",
        title="Log in",
        next=local_path(wanted),
        wrong=wrong,
        inside=visit.inside,
    )
    page.status_code = status
    return page
