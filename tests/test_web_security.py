"""Who gets in, what a foreign page cannot do, and what too much is: at real servers."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from hypothesis import given
from hypothesis import strategies as st
from served import live, make_home, open_library

from curator.errors import UsageError
from curator.web.addresses import (
    host_and_port,
    known_names,
    local_path,
    peer_group,
    same_origin,
)
from curator.web.limits import Buckets, Full, Underway
from curator.web.security import Guard, Limits, client_of, csrf_token, login
from curator.web.sessions import Sessions

TOKEN = "a-token-that-nobody-guesses-0123"
HOSTS = ("localhost", "127.0.0.1", "[::1]", "Lab.Example")
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Small:
    """An application that counts what reaches it."""

    def __init__(self) -> None:
        self.changes: list[str] = []
        self.sizes: list[int] = []
        self.left = threading.Event()
        self.go_on = threading.Event()
        self.app = FastAPI()
        self.app.include_router(login)
        for path in ("/change", "/api/change", "/v1/change", "/mcp/change", "/api/ask"):
            self.app.add_api_route(path, self.change, methods=["POST", "DELETE"])
        self.app.add_api_route("/form", self.form, methods=["POST"])
        self.app.add_api_route("/api/upload", self.upload, methods=["POST"])
        self.app.add_api_route("/page", self.page)
        self.app.add_api_route("/api/page", self.page)
        self.app.add_api_route("/api/who", self.who)
        self.app.add_api_route("/v1/who", self.who)
        self.app.add_api_route("/api/stream", self.stream)
        self.app.add_api_route("/own", self.own)
        self.app.add_api_route("/fails", self.fails)

    async def change(self, request: Request) -> Any:
        body = await request.body()
        self.changes.append(request.url.path)
        self.sizes.append(len(body))
        return {"ok": True}

    async def form(self, request: Request) -> Any:
        async with request.form() as form:
            values = {k: v if isinstance(v, str) else len(await v.read()) for k, v in form.items()}
        self.changes.append("/form")
        return values

    async def upload(self, request: Request) -> Any:
        size = 0
        async for piece in request.stream():
            size += len(piece)
        self.changes.append("/api/upload")
        return size

    async def page(self, request: Request) -> Response:
        return HTMLResponse(f'<meta name="csrf" content="{csrf_token(request)}">')

    async def who(self, request: Request) -> Any:
        return client_of(request)

    async def stream(self) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                yield b'{"n":1}\n'
                while not self.go_on.is_set():
                    await asyncio.sleep(0.01)
                yield b'{"n":2}\n'
            finally:
                self.left.set()

        return StreamingResponse(pieces(), media_type="application/x-ndjson")

    async def own(self) -> Response:
        headers = {
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": "public, max-age=9999",
        }
        return JSONResponse({}, headers=headers)

    async def fails(self) -> None:
        raise RuntimeError("it broke")


@contextmanager
def served(token: str | None = None, **limits: Any) -> Iterator[tuple[Small, str]]:
    small = Small()
    serving = SimpleNamespace(token=token)
    bounds = Limits(**{"guess_delay": 0.0, **limits})
    small.app.add_middleware(Guard, serving=serving, hosts=HOSTS, limits=bounds)  # type: ignore[arg-type]
    config = uvicorn.Config(small.app, port=0, log_config=None, log_level="debug", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield small, f"http://127.0.0.1:{port}"
    finally:
        small.go_on.set()
        server.should_exit = True
        thread.join(20)


def raw(url: str, *pieces: bytes | float) -> tuple[int, str, bytes]:
    """Sends bytes as they are (a number is a pause); status, headers and body that come back."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as sock:
        for piece in pieces:
            if isinstance(piece, float):
                time.sleep(piece)
                continue
            try:
                sock.sendall(piece)
            except OSError:  # it does not want more; what it said is still there
                break
        answer = b""
        try:
            while piece_of_it := sock.recv(65536):
                answer += piece_of_it
        except OSError:
            pass
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]) if head else 0, head.decode("latin-1").lower(), body


def asked(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", *headers, "Connection: close", "", ""]).encode(
        "latin-1"
    )


def token_of(client: httpx.Client, url: str, page: str = "/page") -> str:
    found = re.search(r'name="csrf" (?:content|value)="([0-9a-f]+)"', client.get(url + page).text)
    assert found
    return found[1]


def log_in(client: httpx.Client, url: str, token: str = TOKEN, **more: str) -> httpx.Response:
    form = {"token": token, "csrf": token_of(client, url, "/login"), **more}
    return client.post(f"{url}/login", data=form)


# ---------------------------------------------------------------------------------- Host


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("127.0.0.1:8377", 200),
        ("127.0.0.1.", 200),
        ("[::1]:1", 200),
        ("[0:0:0:0:0:0:0:1]", 200),
        ("lab.example", 200),
        ("evil.example", 421),
        ("evil.example:8377", 421),
        ("localhost.evil.example", 421),
        ("evil.example.", 421),
        ("127.0.0.1.nip.io", 421),
        ("127.0.0.2", 421),
        ("0.0.0.0", 421),
        ("[::2]", 421),
        ("2130706433", 421),
        ("", 400),
        ("localhost:99999", 400),
        ("localhost:", 400),
        ("::1", 400),
        ("user@localhost", 400),
        ("localhost/evil", 400),
        ("localhost, evil.example", 400),
        ("localhost\xe9", 400),
    ],
)
def test_only_its_own_names_are_answered(host: str, status: int) -> None:
    with served() as (_, url):
        got, _, body = raw(url, asked("GET", "/api/who", f"Host: {host}"))
        assert got == status
        if status == 421:
            assert b"curator serve --allow-host" in raw(url, asked("GET", "/", f"Host: {host}"))[2]
            assert json.loads(body)["remedy"].startswith("If it should be")


def test_no_host_and_two_hosts() -> None:
    with served() as (_, url):
        assert raw(url, b"GET /page HTTP/1.0\r\n\r\n")[0] == 400
        two = asked("GET", "/page", "Host: localhost", "Host: evil.example")
        assert raw(url, two)[0] == 400
        # What a proxy is told: the name in the line, another as Host.
        assert raw(url, asked("GET", "http://localhost/page", "Host: evil.example"))[0] == 421


def test_a_rebound_name_changes_nothing() -> None:
    with served() as (small, url):
        there = asked("POST", "/v1/change", "Host: evil.example", "Content-Length: 0")
        assert raw(url, there)[0] == 421
        assert small.changes == []


def test_names_of_hosts_as_people_write_them() -> None:
    names = known_names(["::1", "[::1]", " Curator.Lab.Example:8377 ", "bücher.example"])
    assert names == {"[::1]", "curator.lab.example", "xn--bcher-kva.example"}
    for wrong in ("http://lab.example", "lab.example/x", "", "a b", "*", "*.example"):
        with pytest.raises(UsageError):
            known_names([wrong])


@given(st.text(max_size=40))
def test_any_host_is_read_or_refused(text: str) -> None:
    read = host_and_port(text)
    if read is None:
        return
    name, port = read
    assert re.fullmatch(r"[a-z0-9._\-]+|\[[0-9a-f:.]+\]", name)
    again = host_and_port(name if port is None else f"{name}:{port}")
    assert again == read  # one writing


@given(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,5}){0,2}", fullmatch=True), st.integers(1, 65535))
def test_origins_compare_by_scheme_name_and_port(name: str, port: int) -> None:
    host = f"{name}:{port}"
    assert same_origin(f"http://{name.upper()}:{port}", "http", host)
    assert same_origin(f"http://{name}", "http", host) == (port == 80)
    assert not same_origin(f"https://{host}", "http", host)
    assert not same_origin(f"http://{name}:{port % 65535 + 1}", "http", host)
    assert not same_origin(f"http://{host}.evil.example", "http", host)
    assert not same_origin("null", "http", host)


# ------------------------------------------------------------------------- foreign pages

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://127.0.0.1"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Sec-Fetch-Site": "made-up"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_foreign_page_changes_nothing(headers: dict[str, str]) -> None:
    with served() as (small, url), httpx.Client() as client:
        csrf = token_of(client, url)
        for path in ("/change", "/api/change", "/v1/change", "/mcp/change", "/login", "/form"):
            sent = {"X-CSRF-Token": csrf, "Content-Type": "application/json", **headers}
            reply = client.post(url + path, headers=sent, content=b"{}")
            assert reply.status_code == 403, path
            assert "set-cookie" not in reply.headers
        assert small.changes == []


def test_a_foreign_page_is_refused_even_with_the_token() -> None:
    with served(TOKEN) as (small, url):
        sent = {**BEARER, "Content-Type": "application/json", "Origin": "https://evil.example"}
        assert httpx.post(f"{url}/v1/change", headers=sent, content=b"{}").status_code == 403
        assert small.changes == []


def test_no_page_of_another_site_loads_anything() -> None:
    with served() as (small, url):
        for mode, where in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
            sent = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": where}
            assert httpx.get(f"{url}/page", headers=sent).status_code == 403
        asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        for path in ("/v1/change", "/api/change", "/mcp/change"):
            reply = httpx.options(url + path, headers=asking)
            assert reply.status_code == 403
            assert not [name for name in reply.headers if name.startswith("access-control")]
        assert httpx.options(f"{url}/v1/change").status_code == 405
        assert small.changes == []


def test_its_own_pages_change_things() -> None:
    with served() as (small, url), httpx.Client() as client:
        sent = {"X-CSRF-Token": token_of(client, url)}
        for more in (
            {"Origin": url},
            {"Origin": url, "Sec-Fetch-Site": "same-origin"},
            {"Origin": "null", "Sec-Fetch-Site": "same-origin"},  # a form without a referrer
            {},
        ):
            assert client.post(f"{url}/api/change", headers={**sent, **more}).status_code == 200
        assert len(small.changes) == 4


def test_a_link_on_another_site_keeps_the_session() -> None:
    """The browser withholds the cookie; a new one would push the reader's own out."""
    sent = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with served(TOKEN) as (_, url):
        reply = httpx.get(f'{url}/page?q=1&x="><script>', headers=sent)
        assert reply.status_code == 200 and "set-cookie" not in reply.headers
        assert f'content="0;url={url}/page?q=1&amp;x=%22%3E%3Cscript%3E"' in reply.text
        odd = raw(
            url, asked("GET", "//evil.example/x", f"Host: {urlsplit(url).netloc}", *lines(sent))
        )
        assert f'url={url}//evil.example/x"'.encode() in odd[2]
        assert httpx.get(f"{url}/api/page", headers=sent).status_code == 401


def lines(headers: dict[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


# ------------------------------------------------------------------------------- the token


WRONG = [
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": f"Bearer {TOKEN[:-1]}"},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": "Bearer"},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": TOKEN},
    {"Cookie": f"curator={TOKEN}"},
    {"X-CSRF-Token": TOKEN},
]


@pytest.mark.parametrize("headers", WRONG, ids=str)
def test_without_the_token_nothing_is_read_or_changed(headers: dict[str, str]) -> None:
    with served(TOKEN) as (small, url):
        for path in ("/api/change", "/v1/change", "/mcp/change"):
            reply = httpx.post(url + path, headers=headers, json={})
            assert reply.status_code == 401
            assert reply.headers["www-authenticate"] == "Bearer"
            error = reply.json()["error"]
            if path.startswith("/api"):
                assert isinstance(error, str) and "Bearer" in reply.json()["remedy"]
            else:
                assert {"message", "type", "code", "param"} == set(error)
        page = httpx.get(f"{url}/page?q=a b", headers=headers)
        assert page.status_code in (303, 429)
        assert small.changes == []


def test_a_page_without_the_token_leads_to_the_login() -> None:
    with served(TOKEN) as (_, url):
        reply = httpx.get(f"{url}/page?q=ä&next=//x")
        assert reply.status_code == 303
        place = urlsplit(reply.headers["location"])
        assert (place.netloc, place.path) == ("", "/login")
        assert unquote(place.query) == "next=/page?q=%C3%A4&next=//x"
        assert httpx.get(f"{url}/openapi.json").status_code == 303
        assert httpx.post(f"{url}/change").headers["location"] == "/login?next=/"


def test_odd_bytes_for_a_token() -> None:
    host = "Host: localhost"
    for token in ("schlüssel-für-die-bibliothek", TOKEN):
        with served(token) as (_, url):
            for given_one in (b"\xff\xfe", "ü€".encode(), b"x" * 8000):
                line = b"Authorization: Bearer " + given_one
                head = asked("GET", "/api/who", host)[:-2]
                assert raw(url, head + line + b"\r\n\r\n")[0] == 401
            right = b"Authorization: Bearer " + token.encode()
            assert raw(url, asked("GET", "/api/who", host)[:-2] + right + b"\r\n\r\n")[0] == 200
            twice = asked("GET", "/api/who", host, *lines(BEARER), *lines(BEARER))
            assert raw(url, twice)[0] == 401


def test_the_token_in_an_address_is_none() -> None:
    with served(TOKEN) as (_, url):
        for name in ("token", "access_token", "api_key", "key", "Authorization"):
            assert httpx.get(f"{url}/api/who?{name}={TOKEN}").status_code == 401


def test_programs_need_the_token_and_nothing_else() -> None:
    with served(TOKEN) as (small, url):
        for path in ("/change", "/api/change", "/v1/change", "/mcp/change"):
            assert httpx.post(url + path, headers=BEARER).status_code == 200
        assert len(small.changes) == 4
        assert httpx.get(f"{url}/page", headers={"Authorization": f"bearer  {TOKEN}"}).is_success


def test_logging_in_and_out() -> None:
    with served(TOKEN) as (small, url), httpx.Client() as client:
        wrong = log_in(client, url, "wrong")
        assert wrong.status_code == 403 and "is not this server’s token" in wrong.text
        assert client.get(f"{url}/api/who").status_code == 401
        right = log_in(client, url, f" {TOKEN} ", next="/page?a=b")
        assert (right.status_code, right.headers["location"]) == (303, "/page?a=b")
        cookie = right.headers["set-cookie"]
        assert cookie.startswith(f"curator-{urlsplit(url).port}=")
        assert all(rule in cookie for rule in ("HttpOnly", "SameSite=Strict", "Path=/"))
        assert "Secure" not in cookie and TOKEN not in cookie
        csrf = token_of(client, url)
        sent = {"X-CSRF-Token": csrf}
        assert client.post(f"{url}/api/change", headers=sent).status_code == 200
        assert client.post(f"{url}/logout").status_code == 403
        kept = dict(client.cookies)
        assert client.post(f"{url}/logout", headers=sent).headers["location"] == "/login"
        assert client.get(f"{url}/api/who").status_code == 401
        # Nor does the cookie help who kept it.
        assert httpx.get(f"{url}/api/who", cookies=kept).status_code == 401
        assert small.changes == ["/api/change"]


def test_https_makes_the_cookie_secure() -> None:
    with served(TOKEN) as (_, url):
        reply = httpx.get(f"{url}/login", headers={"X-Forwarded-Proto": "https"})
        assert reply.headers["set-cookie"].endswith("; Secure")


def test_a_session_known_before_the_login_is_worth_nothing() -> None:
    with served(TOKEN) as (_, url), httpx.Client() as victim:
        planted = httpx.get(f"{url}/login")
        victim.cookies.update(planted.cookies)
        before = dict(victim.cookies)
        assert log_in(victim, url).status_code == 303
        assert victim.get(f"{url}/api/who").status_code == 200
        name = f"curator-{urlsplit(url).port}"
        visitor = f"curator-visitor-{urlsplit(url).port}"
        for value in before.values():
            for guess in ({visitor: value}, {name: value}):
                assert httpx.get(f"{url}/api/who", cookies=guess).status_code == 401
        assert victim.cookies[name] not in before.values()


def test_made_up_and_changed_cookies() -> None:
    with served(TOKEN) as (_, url), httpx.Client() as client:
        log_in(client, url)
        name = f"curator-{urlsplit(url).port}"
        good = client.cookies[name]
        for value in ("", "x", good[:-8], "A" * 88, good.swapcase(), "é", good + "A", "=" * 9):
            reply = raw(url, asked("GET", "/api/who", "Host: localhost", f"Cookie: {name}={value}"))
            assert reply[0] == 401
        other = Sessions()
        assert other.read(good) is None  # of another start of the server


def test_where_a_login_leads() -> None:
    with served(TOKEN) as (_, url):
        for wanted in (
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/\t/evil",
            "x",
        ):
            with httpx.Client() as client:
                assert log_in(client, url, next=wanted).headers["location"] == "/"
                assert (
                    f'value="{wanted}"'
                    not in client.get(f"{url}/login", params={"next": wanted}).text
                )


@given(st.one_of(st.text(max_size=30), st.text("/\\:.@?#%ae\t\n", max_size=12)))
def test_next_never_leaves_the_server(text: str) -> None:
    kept = local_path(text)
    base = "http://127.0.0.1:8377"
    # What browsers do first: they drop tabs and line ends, and take \ for /.
    seen = re.sub(r"[\t\r\n]", "", kept).strip().replace("\\", "/")
    assert urljoin(base, seen).startswith(f"{base}/")
    assert kept in (text, "/")


def test_guessing_is_slowed_down() -> None:
    with served(TOKEN, guesses=3) as (_, url), httpx.Client() as client:
        assert [log_in(client, url, f"wrong{i}").status_code for i in range(3)] == [403] * 3
        late = log_in(client, url)  # even the right one is not looked at
        assert late.status_code == 429 and int(late.headers["retry-after"]) > 1
        program = httpx.get(f"{url}/api/who", headers=BEARER)
        assert program.status_code == 429 and program.headers["retry-after"]
    with served(TOKEN, all_guesses=1, guess_delay=0.4) as (_, url), httpx.Client() as client:
        log_in(client, url, "wrong")
        began = time.monotonic()
        assert log_in(client, url).status_code == 303
        assert time.monotonic() - began >= 0.4


def test_logins_are_bounded_and_end() -> None:
    now = [0.0]
    sessions = Sessions(most=2, idle=10, clock=lambda: now[0])
    first, second = sessions.log_in(), sessions.log_in()
    now[0] = 5
    assert sessions.is_in(first)
    third = sessions.log_in()  # the second was not seen for longest
    assert [sessions.is_in(s) for s in (first, second, third)] == [True, False, True]
    now[0] = 15.5
    assert not sessions.is_in(first)


# ----------------------------------------------------------------------------------- CSRF


def test_changes_need_the_token_of_the_page() -> None:
    with served() as (small, url), httpx.Client() as client, httpx.Client() as other:
        mine, theirs = token_of(client, url), token_of(other, url)
        assert mine != theirs
        for wrong in (None, "", "x", theirs, mine[:-1], mine.upper() + "0"):
            headers = {"X-CSRF-Token": wrong} if wrong is not None else {}
            for path in ("/change", "/api/change"):
                assert client.post(url + path, headers=headers).status_code == 403
                assert client.delete(url + path, headers=headers).status_code == 403
            form = {"csrf": wrong or "", "text": "a"}
            assert client.post(f"{url}/form", data=form).status_code == 403
        assert httpx.post(f"{url}/change", headers={"X-CSRF-Token": mine}).status_code == 403
        refused = client.post(f"{url}/change", headers={"Accept": "text/html"})
        assert refused.status_code == 403 and "Load the page again" in refused.text
        assert small.changes == []


def test_a_form_is_read_by_the_route_as_it_was_sent() -> None:
    with served() as (small, url), httpx.Client() as client:
        csrf = token_of(client, url)
        form = {"text": "ä & b" * 20_000, "csrf": csrf}
        assert client.post(f"{url}/form", data=form).json() == form
        files = {"file": ("x.bin", b"\r\n--x" * 90_000)}
        sent = client.post(f"{url}/form", data={"csrf": csrf, "text": "t"}, files=files)
        assert sent.json() == {"csrf": csrf, "text": "t", "file": 450_000}
        # A file that calls itself so is not the field; nor is a part of another name.
        for bad in ({"csrf": ("csrf", csrf.encode())}, {"scrf": (None, csrf.encode())}):
            assert client.post(f"{url}/form", files=bad).status_code == 403
        broken = {"Content-Type": "multipart/form-data; boundary=x"}
        reply = client.post(f"{url}/form", headers=broken, content=b"--y\r\n\r\n" + b"\0" * 99)
        assert reply.status_code == 403
        assert small.changes == ["/form", "/form"]


def test_endpoints_take_only_json_from_who_has_no_token() -> None:
    with served() as (small, url):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            headers = {"Content-Type": kind}
            for path in ("/v1/change", "/mcp/change"):
                assert httpx.post(url + path, headers=headers, content=b"{}").status_code == 415
        assert small.changes == []
        good = {"Content-Type": "Application/JSON; charset=utf-8"}
        assert httpx.post(f"{url}/v1/change", headers=good, content=b"{}").status_code == 200


def test_clients_have_names_that_tell_nothing() -> None:
    with served(TOKEN) as (_, url), httpx.Client() as one, httpx.Client() as two:
        names = [httpx.get(f"{url}/v1/who", headers=BEARER).json() for _ in range(2)]
        for client in (one, two):
            log_in(client, url)
            names += [client.get(f"{url}/v1/who").json() for _ in range(2)]
        assert names[0] == names[1] and names[2] == names[3] and names[4] == names[5]
        assert len(set(names)) == 3
        assert not any(TOKEN in name or "127.0.0.1" in name for name in names)


# --------------------------------------------------------------------------------- limits


def test_a_body_that_says_it_is_too_large() -> None:
    with served(body=1000, upload=5000) as (small, url), httpx.Client() as client:
        sent = {"X-CSRF-Token": token_of(client, url)}
        for path, size, status in (
            ("/api/change", 1000, 200),
            ("/api/change", 1001, 413),
            ("/api/change", 3_000_000, 413),
            ("/api/upload", 5000, 200),
            ("/api/upload", 5001, 413),
        ):
            reply = client.post(url + path, headers=sent, content=b"x" * size)
            assert reply.status_code == status
        assert small.sizes == [1000] and len(small.changes) == 2


def test_a_body_that_does_not_say_it_is_too_large() -> None:
    with served(body=1000) as (small, url), httpx.Client() as client:
        sent = {"X-CSRF-Token": token_of(client, url)}

        def pieces(count: int, size: int = 100) -> Iterator[bytes]:
            yield from [b"x" * size] * count

        assert client.post(f"{url}/api/change", headers=sent, content=pieces(10)).status_code == 200
        kind = {"Content-Type": "application/json"}
        for path, content in (
            ("/api/change", pieces(11)),
            ("/v1/change", pieces(11)),
            ("/api/upload", pieces(22, 1 << 20)),
        ):
            reply = client.post(url + path, headers={**sent, **kind}, content=content)
            assert reply.status_code == 413
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = client.post(f"{url}/form", headers=form, content=pieces(11))
        assert reply.status_code == 413
        assert small.changes == ["/api/change"]


def test_a_length_that_lies() -> None:
    with served(body=1000, body_seconds=0.3) as (small, url), httpx.Client() as client:
        token = token_of(client, url)
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        own = (f"Host: {urlsplit(url).netloc}", f"X-CSRF-Token: {token}", f"Cookie: {cookie}")
        # More than it says: the rest is no part of it.
        more = raw(url, asked("POST", "/api/change", *own, "Content-Length: 3") + b"x" * 3000)
        assert more[0] == 200 and small.sizes == [3]
        # Less than it says, and silence.
        began = time.monotonic()
        less = raw(url, asked("POST", "/api/change", *own, "Content-Length: 900") + b"x")
        assert less[0] == 408 and 0.25 < time.monotonic() - began < 5
        # Too much, said before any of it is sent: it is not asked to go on.
        long = ("Content-Length: 5000", "Expect: 100-continue")
        assert raw(url, asked("POST", "/api/change", *own, *long))[0] == 413
        # Two lengths.
        both = asked("POST", "/api/change", *own, "Content-Length: 3", "Transfer-Encoding: chunked")
        assert raw(url, both + b"0\r\n\r\n")[0] == 400
        for length in ("-1", "1e3", "x", "9" * 30):
            reply = raw(url, asked("POST", "/api/change", *own, f"Content-Length: {length}"))
            assert reply[0] in (400, 413)
        assert len(small.changes) == 1


def test_headers_that_are_too_long() -> None:
    with served() as (_, url):
        head = asked("GET", "/page", "Host: localhost", "X-Long: " + "a" * 70_000)
        assert raw(url, head)[0] in (400, 431)
        assert raw(url, asked("GET", "/page?" + "a" * 70_000, "Host: localhost"))[0] in (400, 431)


def test_too_many_requests() -> None:
    with served(requests=8, model_requests=2, window=3600) as (small, url):
        kind = {"Content-Type": "application/json"}
        with httpx.Client() as client:
            sent = {"X-CSRF-Token": token_of(client, url), **kind}
            codes = [client.post(f"{url}/api/ask", headers=sent).status_code for _ in range(4)]
            assert codes == [200, 200, 429, 429]
            codes = [client.get(f"{url}/page").status_code for _ in range(5)]
            assert codes == [200, 200, 200, 429, 429]
            last = client.get(f"{url}/v1/who")
            assert int(last.headers["retry-after"]) > 0
            assert last.json()["error"]["type"] == "rate_limit_error"
        assert len(small.changes) == 2


def test_too_many_at_once_and_places_that_are_freed() -> None:
    with served(connections=2) as (small, url):
        with (
            httpx.stream("GET", f"{url}/api/stream") as one,
            httpx.stream("GET", f"{url}/api/stream") as two,
        ):
            assert (one.status_code, two.status_code) == (200, 200)
            third = httpx.get(f"{url}/api/who")
            assert third.status_code == 503 and third.headers["retry-after"]
        assert small.left.wait(10)
        deadline = time.monotonic() + 10
        while httpx.get(f"{url}/api/who").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_counts_are_bounded() -> None:
    now = [0.0]
    buckets = Buckets(2, 10, most=50, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 5]
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets) == 50
    underway = Underway(1, 2)
    with underway.one("a"), underway.one("b"):
        for client in ("a", "c"):
            with pytest.raises(Full), underway.one(client):
                pass
    assert underway.count == 0


def test_a_network_of_addresses_is_one_peer() -> None:
    assert peer_group("2001:db8::1") == peer_group("2001:db8::ffff%eth0")
    assert peer_group("2001:db8::1") != peer_group("2001:db8:0:1::1")
    assert peer_group("::ffff:10.0.0.1") == peer_group("10.0.0.1") != peer_group("10.0.0.2")
    assert len(peer_group("x" * 999)) <= 64


# ---------------------------------------------------------------------------- what goes out


def test_answers_come_as_they_are_made_and_who_leaves_is_gone() -> None:
    with served() as (small, url):
        with httpx.stream("GET", f"{url}/api/stream", timeout=10) as reply:
            assert next(reply.iter_lines()) == '{"n":1}'
            assert not small.left.is_set()
        assert small.left.wait(10)  # nobody told it to go on


ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def test_all_answers_have_the_headers() -> None:
    with served() as (_, url):
        replies = {
            200: httpx.get(f"{url}/page"),
            303: httpx.get(f"{url}/login"),
            404: httpx.get(f"{url}/nothing"),
            405: httpx.put(f"{url}/v1/change"),
            403: httpx.post(f"{url}/change"),
            415: httpx.post(f"{url}/v1/change"),
            421: httpx.get(f"{url}/page", headers={"Host": "evil.example"}),
            413: httpx.post(f"{url}/change", content=b"x" * 2_000_000),
            500: httpx.get(f"{url}/fails"),
        }
        for status, reply in replies.items():
            assert reply.status_code == status
            assert {name: reply.headers.get(name) for name in ALWAYS} == ALWAYS
            assert reply.headers["content-security-policy"].startswith("default-src 'none'; script")
            assert "camera=()" in reply.headers["permissions-policy"]
        own = httpx.get(f"{url}/own")
        assert own.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert own.headers.get_list("cache-control") == ["no-store"]
        assert "access-control-allow-origin" not in own.headers


def test_sockets_are_refused() -> None:
    with served() as (_, url):
        upgrade = asked(
            "GET",
            "/api/stream",
            "Host: localhost",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            "Upgrade: websocket",
        ).replace(b"Connection: close", b"Connection: Upgrade")
        assert raw(url, upgrade)[0] == 403


def test_no_secret_in_answers_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), served(TOKEN) as (_, url), httpx.Client() as client:
        said = [log_in(client, url, "a-wrong-secret"), log_in(client, url)]
        csrf = token_of(client, url)
        said.append(client.get(f"{url}/fails"))
        said.append(httpx.get(f"{url}/fails", headers=BEARER))
        said.append(httpx.get(f"{url}/api/who", headers={"Authorization": "Bearer a-wrong-secret"}))
        said.append(client.get(f"{url}/login"))
        session = client.cookies[f"curator-{urlsplit(url).port}"]
    own = "\n".join(
        record.getMessage() + (record.exc_text or "")
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))
    )
    assert "it broke" in own  # the server did log
    assert not any(secret in own for secret in (TOKEN, "a-wrong-secret", session, csrf))
    for reply in said:
        assert "it broke" not in reply.text
        assert TOKEN not in reply.text + str(reply.headers) and "a-wrong-secret" not in reply.text


# ------------------------------------------------------------------------- the whole server


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    home = make_home(tmp_path_factory.mktemp("whole") / "home")
    with open_library(home) as library, live(library, limits=Limits(requests=5000)) as url:
        yield library, url


TRAVERSALS = [
    "/static/../app.py",
    "/static/../../errors.py",
    "/static/%2e%2e/app.py",
    "/static/..%2fapp.py",
    "/static/%2e%2e%2f%2e%2e%2ferrors.py",
    "/static/..%5capp.py",
    "/static/..\\app.py",
    "/static//etc/passwd",
    "/static/%2fetc%2fpasswd",
    "/static/style.css%00.png",
    "/static/....//app.py",
    "/static/%252e%252e/app.py",
    "/static/./../templates/base.html",
    "/static/",
    "/static",
    "/login/../static/../app.py",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_file_but_those_of_the_pages(whole: tuple[Any, str], path: str) -> None:
    _, url = whole
    status, _, body = raw(url, asked("GET", path, "Host: localhost"))
    assert status in (307, 400, 404, 405)
    assert b"import" not in body and b"root:" not in body and b"{%" not in body


def test_files_of_the_pages_are_given(whole: tuple[Any, str]) -> None:
    _, url = whole
    reply = httpx.get(f"{url}/static/style.css")
    assert reply.status_code == 200 and reply.headers["cache-control"] == "no-cache"
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_no_refusal_changes_the_library(whole: tuple[Any, str]) -> None:
    library, url = whole
    paper = library.search("owl", limit=1)[0].paper.id
    address = f"{url}/api/papers/{paper}/marks"
    before = library.catalog.marks.counts()
    body = {"mark": "liked", "on": True}
    with httpx.Client() as client:
        good = {"X-CSRF-Token": token_of(client, url, "/library"), "Origin": url}
        for wrong in (
            {"X-CSRF-Token": ""},
            {"X-CSRF-Token": "0" * 64},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Host": "evil.example"},
        ):
            reply = client.post(address, headers={**good, **wrong}, json=body)
            assert reply.status_code in (403, 421), wrong
        long = {**body, "mark": "liked" + " " * (2 << 20)}
        assert client.post(address, headers=good, json=long).status_code == 413
        assert library.catalog.marks.counts() == before
        assert client.post(address, headers=good, json=body).status_code == 200
        assert library.catalog.marks.counts() != before
