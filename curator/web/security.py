"""Who may ask for what: the one place that every request passes before any route sees it.

In this order a request is refused whose ``Host`` is not this server's (400, 421), that is more
than a client may ask for (429, 503), that is too large (413, 431), that another site's page made
(403), that comes without the server's token where one is set (401, or the page to log in), and a
change without the token of the page that makes it (403). A refused request changes nothing. What
passes is given on as it is: bodies and answers are never held back, and who leaves is gone.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from curator.serving import Busy
from curator.web.addresses import host_and_port, known_names
from curator.web.asked import Asked
from curator.web.bodies import Body, BodyRefused
from curator.web.limits import Buckets, Full, Limits, Underway
from curator.web.logins import login
from curator.web.refusals import Refused, refusal
from curator.web.sessions import equal
from curator.web.visits import KEY, Door, Visit, client_of, csrf_token

if TYPE_CHECKING:
    from curator.serving import Serving

__all__ = ["Guard", "Limits", "client_of", "csrf_token", "login"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "frame-src 'self'"
)
HEADERS = {
    b"x-content-type-options": b"nosniff",
    # Nothing is told to other sites. (With "no-referrer" a browser would also send a form of this
    # very server with "Origin: null".)
    b"referrer-policy": b"same-origin",
    b"x-frame-options": b"SAMEORIGIN",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
}
UPLOADS = "/api/upload"
SESSION, VISITOR = "curator", "curator-visitor"  # cookies of who logged in, and of others


class Guard:
    """ASGI middleware around ``app``. ``hosts`` are the names it answers to.

    Raises:
        UsageError: one of ``hosts`` is no name of a host.
    """

    def __init__(
        self, app: ASGIApp, *, serving: Serving, hosts: Iterable[str], limits: Limits
    ) -> None:
        self._app = app
        self._names = known_names(hosts)
        self._limits = limits
        self._door = Door(serving.token, limits)
        self._requests = Buckets(limits.requests, limits.window, most=limits.clients)
        self._models = Buckets(limits.model_requests, limits.window, most=limits.clients)
        self._underway = Underway(limits.connections, limits.all_connections)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Asked(scope)
        visit = Visit(self._door, asked.peer)
        scope[KEY] = visit
        limit = self._limits.upload if asked.path.startswith(UPLOADS) else self._limits.body
        body = Body(receive, limit=limit, seconds=self._limits.body_seconds)
        answer = _Answer(send, asked, visit)
        with ExitStack() as held:
            try:
                reply = await self._check(asked, visit, body, limit, held)
            except (Refused, Busy, BodyRefused) as error:
                await self._refuse(scope, asked, body, answer, _said(error, limit))
                return
            if reply is not None:
                await reply(scope, body.receive, answer.send)
            else:
                await self._pass_on(scope, asked, body, answer, limit)

    async def _pass_on(
        self, scope: Scope, asked: Asked, body: Body, answer: _Answer, limit: int
    ) -> None:
        async def receive() -> Message:
            try:
                return await body.receive()
            except BodyRefused as refused:
                # Routes have their own words for a body that fails: this is said over their heads.
                await self._refuse(scope, asked, body, answer, _said(refused, limit))
                return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if not body.refused:
                await answer.send(message)

        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:
            if body.refused:
                return
            if not answer.started:
                await _unforeseen(scope, answer, error)
            raise

    async def _refuse(
        self, scope: Scope, asked: Asked, body: Body, answer: _Answer, refused: Refused
    ) -> None:
        if answer.started:
            return
        response = refusal(scope, refused, asked.one("accept"))
        comes = asked.length > 0 or bool(asked.all("transfer-encoding"))
        if comes and not body.whole:
            # Who still sends would not see the answer if the connection were closed at once.
            response.headers["Connection"] = "close"
            headers = response.raw_headers
            await answer.send(
                {"type": "http.response.start", "status": refused.status, "headers": headers}
            )
            content = bytes(response.body)
            await answer.send({"type": "http.response.body", "body": content, "more_body": True})
            if not asked.all("expect"):
                await body.linger()
            await answer.send({"type": "http.response.body", "body": b""})
        else:
            await response(scope, body.receive, answer.send)

    # ------------------------------------------------------------------------------ checks

    async def _check(
        self, asked: Asked, visit: Visit, body: Body, limit: int, held: ExitStack
    ) -> Response | None:
        """An answer, if the request ends with that; None: it may go on. What it holds while it
        is under way is put into ``held``."""
        self._check_host(asked)
        self._recognise(asked, visit)
        held.enter_context(self._underway.one(asked.peer))
        self._check_rate(asked)
        self._check_size(asked, limit)
        self._check_source(asked)
        reply = self._enter(asked, visit)
        if reply is None:
            await self._check_change(asked, visit, body)
        return reply

    def _check_host(self, asked: Asked) -> None:
        read = host_and_port(asked.host)
        if read is None:
            raise Refused(400, "The request does not say which host it is for.")
        if read[0] not in self._names:
            raise Refused(
                421,
                f"This server is not known as {read[0]}.",
                remedy=f"If it should be, start it with: curator serve --allow-host {read[0]}",
            )

    def _check_rate(self, asked: Asked) -> None:
        if asked.kind == "static":
            return
        wait = self._requests.take(asked.peer)
        if not wait and asked.asks_model:
            wait = self._models.take(asked.peer)
        if wait:
            seconds = math.ceil(wait)
            raise Refused(
                429,
                "Too many requests came from your address.",
                remedy=f"Try again in {seconds} s.",
                headers={"Retry-After": str(seconds)},
                page=True,
            )

    def _check_size(self, asked: Asked, limit: int) -> None:
        if asked.too_long:
            raise Refused(431, "The headers of the request are too long.")
        if asked.all("transfer-encoding") and asked.all("content-length"):
            raise Refused(400, "The request says its length in two ways.")
        if asked.length > limit:
            raise BodyRefused(413)

    def _check_source(self, asked: Asked) -> None:
        if asked.method == "OPTIONS" and asked.all("access-control-request-method"):
            raise Refused(403, "Pages of other sites may not use this server.")
        if asked.changes and asked.foreign_change:
            raise Refused(
                403,
                "The request was made by a page of another site.",
                remedy="Use this server's own pages. (A proxy in front of it must pass on Host "
                "and X-Forwarded-Proto.)",
            )
        if not asked.changes and asked.foreign and not asked.navigates:
            raise Refused(403, "Pages of other sites may not load anything from this server.")

    def _recognise(self, asked: Asked, visit: Visit) -> None:
        sessions, cookies = self._door.sessions, asked.cookies
        known = sessions.read(cookies.get(asked.cookie_name(SESSION), ""))
        if known is not None and sessions.is_in(known):
            visit.session, visit.inside = known, True
        else:
            visit.session = sessions.read(cookies.get(asked.cookie_name(VISITOR), ""))
        visit.bearer = asked.bearer or b""

    def _enter(self, asked: Asked, visit: Visit) -> Response | None:
        if not visit.session and asked.foreign and asked.kind in ("page", "login"):
            # A link on another site was followed, so the browser kept the cookies to itself.
            # It sends them when this page asks for the same address once more.
            place = html.escape(asked.address)
            return HTMLResponse(
                '<!DOCTYPE html><html lang="en"><title>Paper Curator</title>'
                f'<meta http-equiv="refresh" content="0;url={place}">'
                f'<p><a href="{place}">Go on</a></p></html>'
            )
        if asked.kind in ("static", "login") or not self._door.locked:
            return None
        if asked.bearer is not None:
            visit.program = self._door.right(asked.bearer, asked.peer)
        if visit.inside or visit.program:
            return None
        if asked.kind == "page":
            wanted = asked.here if asked.method in ("GET", "HEAD") else "/"
            return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", status_code=303)
        raise Refused(
            401,
            "This server's token is needed." if asked.bearer is None else "The token is wrong.",
            remedy="Send it as: Authorization: Bearer TOKEN",
            headers={"WWW-Authenticate": "Bearer"},
        )

    async def _check_change(self, asked: Asked, visit: Visit, body: Body) -> None:
        """That a change was made by who it seems to be."""
        if not asked.changes or visit.program:
            return
        kind = asked.one("content-type")
        if asked.kind == "endpoint":
            # Another site's page can send no JSON without asking first, which is refused.
            is_json = kind.partition(";")[0].strip().lower() == "application/json"
            if asked.method == "POST" and not is_json:
                raise Refused(415, "The body must be JSON (Content-Type: application/json).")
            return
        given: str | None = asked.one("x-csrf-token")
        if not given:
            given = await body.field("csrf", kind)
        right = self._door.sessions.csrf(visit.session) if visit.session else None
        if not given or right is None or not equal(given.encode(), right.encode()):
            raise Refused(
                403,
                "The change was not made by a page of this server, or by one of before it was "
                "started anew.",
                remedy="Load the page again, then repeat it.",
                page=True,
            )


class _Answer:
    """Sends an answer with the headers that all have, and the cookie where one is due."""

    def __init__(self, send: Send, asked: Asked, visit: Visit) -> None:
        self._send, self._asked, self._visit = send, asked, visit
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message = {**message, "headers": self._headers(message)}
        await self._send(message)

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        fixed = dict(HEADERS)
        is_static = self._asked.path.startswith("/static/") and message["status"] in (200, 304)
        fixed[b"cache-control"] = b"no-cache" if is_static else b"no-store"
        given = [
            (name, value)
            for name, value in message.get("headers", ())
            if name.lower() not in fixed and not name.lower().startswith(b"access-control-")
        ]
        if not any(name.lower() == b"content-security-policy" for name, _ in given):
            fixed[b"content-security-policy"] = POLICY.encode()
        return [*given, *fixed.items(), *self._cookies()]

    def _cookies(self) -> list[tuple[bytes, bytes]]:
        asked, visit = self._asked, self._visit
        rules = "; Path=/; HttpOnly; SameSite=Strict"
        if asked.scheme == "https":
            rules += "; Secure"
        if visit.ended:
            text = f"{asked.cookie_name(SESSION)}={rules}; Max-Age=0"
        elif visit.fresh and visit.session and not asked.foreign:
            name = asked.cookie_name(SESSION if visit.inside else VISITOR)
            text = f"{name}={visit.door.sessions.cookie(visit.session)}{rules}"
        else:
            return []
        return [(b"set-cookie", text.encode("ascii"))]


def _said(error: Refused | Busy | BodyRefused, limit: int) -> Refused:
    """The refusal that tells of an error; ``limit`` is that of the body, in bytes."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, Busy):
        status, headers = 503 if isinstance(error, Full) else 429, {"Retry-After": str(error.wait)}
        return Refused(status, error.message, remedy=error.remedy, headers=headers, page=True)
    if error.status == 413:
        allowed = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
        return Refused(413, f"The request is larger than {allowed}.", page=True)
    return Refused(error.status, "The request did not come to its end in time.", page=True)


async def _unforeseen(scope: Scope, answer: _Answer, error: Exception) -> None:
    """Answers with the application's own words for the unforeseen. Here, as what Starlette would
    send for it goes out past this middleware, without its headers."""
    handlers = getattr(scope.get("app"), "exception_handlers", {})
    handler = handlers.get(Exception) or handlers.get(500)
    response: Response = PlainTextResponse("Something unforeseen happened.\n", 500)
    if handler is not None:
        response = await handler(Request(scope), error)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await response(scope, receive, answer.send)
