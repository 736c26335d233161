"""Getting documents: only from where one may, not too often, and never for ever."""

from __future__ import annotations

import datetime
import gzip
import json
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import (
    START,
    FakeClock,
    Loopback,
    Reply,
    bomb,
    chunked_cut,
    drip,
    drop,
    gzipped,
    hang,
    loopback_fixture,
    ok,
    raw,
    redirect,
    send,
    slow,
    status,
    truncated,
    with_etag,
)

from curator import __version__
from curator.errors import AddressRefused, FetchError, UsageError
from curator.fetch import Fetched, Fetcher, guard, mirrors_of, wire
from curator.fetch.failures import Failure, failure_of, retry_after
from curator.fetch.pace import Pacer, Patience, rule_of, span

__all__ = ["loopback_fixture"]

PUBLIC = "93.184.216.34"  # stands for a server out there; calls to it end at the loopback
OTHER = "8.8.8.8"
SYSTEM_RESOLVE = wire.system_resolve  # which `calls` puts out of reach


class Calls:
    """Every connection that was attempted. None leaves: public addresses are those of `route`."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.timeouts: list[float] = []
        self.route: dict[str, int] = {}

    def connect(self, inner: Callable[..., Any], host: str, port: int, *rest: Any) -> Any:
        self.made.append(host)
        self.timeouts.append(rest[0])
        if host in self.route:
            host, port = "127.0.0.1", self.route[host]
        assert host.startswith("127."), f"a connection to {host} was attempted"
        return inner(host, port, *rest)


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    found = Calls()
    inner = httpcore.SyncBackend.connect_tcp

    def connect_tcp(self: httpcore.SyncBackend, host: str, port: int, *rest: Any) -> Any:
        return found.connect(lambda *args: inner(self, *args), host, port, *rest)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_tcp)

    def no_look_up(*args: object, **kwargs: object) -> None:
        raise AssertionError("a name was looked up outside the test")

    monkeypatch.setattr(wire, "system_resolve", no_look_up)
    return found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


Make = Callable[..., Fetcher]


@pytest.fixture
def make(clock: FakeClock) -> Iterator[Make]:
    """Fetchers that may call this machine, in a time that costs none."""
    made: list[Fetcher] = []

    def new(**options: Any) -> Fetcher:
        fetcher = Fetcher(
            **{"allow_private": True, "sleep": clock.sleep, "clock": clock, **options}
        )
        made.append(fetcher)
        return fetcher

    yield new
    for fetcher in made:
        fetcher.close()


@pytest.fixture
def fetch(make: Make) -> Fetcher:
    return make()


def names(**addresses: str | Sequence[str]) -> Callable[[str], Sequence[str]]:
    """A name server that knows these (``_`` for a dot) and no others."""
    known = {name.replace("_", "."): address for name, address in addresses.items()}

    def resolve(host: str) -> Sequence[str]:
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [found] if isinstance(found := known[host], str) else found

    return resolve


def failure(fetch: Fetcher, url: str, **options: Any) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch.get(url, **options)
    assert caught.value.message[0] != " "
    assert "\n" not in str(caught.value)
    return caught.value


# --- What is got ----------------------------------------------------------------------------


def test_a_document_comes_whole_with_what_is_said_about_it(
    loopback: Loopback, fetch: Fetcher
) -> None:
    headers = {"ETag": '"v1"', "Last-Modified": "Fri, 20 Nov 2026 08:00:00 GMT"}
    url = loopback.on("/feed", ok("grün", 'Application/Atom+XML; Charset="UTF-8"', headers))
    found = fetch.get(f"{url}?a=1#top")
    assert found == Fetched(
        url=f"{url}?a=1",
        status=200,
        content="grün".encode(),
        media_type="application/atom+xml",
        charset="UTF-8",
        validators={"etag": '"v1"', "last_modified": "Fri, 20 Nov 2026 08:00:00 GMT"},
    )
    assert not found.unchanged


def test_who_asks_is_told(loopback: Loopback, make: Make) -> None:
    url = loopback.on("/", ok())
    make(contact="me@example.org").get(url)
    sent = loopback.requests[0].headers
    assert sent["user-agent"] == f"paper-curator/{__version__} (+mailto:me@example.org)"
    assert sent["host"] == f"127.0.0.1:{loopback.port}"
    assert sent["accept-encoding"] == "gzip"
    make().get(url, headers={"Accept": "text/xml", "User-Agent": "other", "Host": "other"})
    sent = loopback.requests[1].headers
    assert sent["user-agent"] == f"paper-curator/{__version__}"
    assert (sent["accept"], sent["host"]) == ("text/xml", f"127.0.0.1:{loopback.port}")


@pytest.mark.parametrize("contact", ["me", "me@example.org\r\nX: y", "me) x@y", "ich@exämple.org"])
def test_a_contact_is_an_address(contact: str) -> None:
    with pytest.raises(UsageError, match="not an e-mail address"):
        Fetcher(contact=contact)


def test_parameters_join_those_of_the_address(loopback: Loopback, fetch: Fetcher) -> None:
    url = loopback.on("/q", ok())
    params: dict[str, str | int] = {
        "search": "cat:cs.CL AND a&b",
        "start": 0,
        "evil": "x\r\nX-Evil: 1",
    }
    fetch.get(f"{url}?x=a%20b", params=params)
    request = loopback.requests[0]
    assert request.query == {
        "x": ["a b"],
        "search": ["cat:cs.CL AND a&b"],
        "start": ["0"],
        "evil": ["x\r\nX-Evil: 1"],
    }
    assert "x-evil" not in request.headers


def test_a_key_with_a_line_end_is_sent_without_and_one_with_a_line_inside_not_at_all(
    loopback: Loopback, fetch: Fetcher
) -> None:
    url = loopback.on("/", ok())
    fetch.get(url, headers={"x-api-key": "secret\n"})
    assert loopback.requests[0].headers["x-api-key"] == "secret"
    for name, value in (("x-api-key", "sec\r\nX-Evil: 1"), ("x-key", "é"), ("a b", "c"), ("", "")):
        with pytest.raises(UsageError) as caught:
            fetch.get(url, headers={name: value})
        assert "sec" not in str(caught.value)
    assert len(loopback.requests) == 1


def test_an_unchanged_document_has_no_content(loopback: Loopback, fetch: Fetcher) -> None:
    modified = "Fri, 20 Nov 2026 08:00:00 GMT"
    url = loopback.on("/feed", with_etag("news", '"v1"', modified))
    first = fetch.get(url)
    again = fetch.get(url, validators=first.validators)
    assert (again.status, again.content, again.unchanged) == (304, b"", True)
    assert again.validators == first.validators
    sent = loopback.requests[1].headers
    assert (sent["if-none-match"], sent["if-modified-since"]) == ('"v1"', modified)
    only_etag = fetch.get(url, validators={"etag": '"v1"'})
    assert only_etag.unchanged


def test_damaged_validators_are_left_out(loopback: Loopback, fetch: Fetcher) -> None:
    url = loopback.on("/feed", with_etag("news"))
    damaged = {"etag": '"v1"\r\nX-Evil: 1', "last_modified": "", "else": "x"}
    assert fetch.get(url, validators=damaged).content == b"news"
    assert (
        not {"if-none-match", "if-modified-since", "x-evil"} & loopback.requests[0].headers.keys()
    )


def test_validators_that_could_not_be_sent_back_are_not_given(
    loopback: Loopback, fetch: Fetcher
) -> None:
    url = loopback.on("/", ok(headers={"ETag": "x" * 501}))
    assert fetch.get(url).validators == {}


def test_unchanged_without_being_asked_is_an_error(loopback: Loopback, fetch: Fetcher) -> None:
    assert failure(fetch, loopback.on("/", status(304))).status == 304


@pytest.mark.parametrize(
    ("kind", "media", "charset"),
    [
        ("", "", None),
        ("text/xml", "text/xml", None),
        ("text/xml; charset=latin-1", "text/xml", "latin-1"),
        ("text/xml; charset='x-odd'; q=1", "text/xml", "x-odd"),
        ("nonsense", "", None),
        ("text/xml; charset=" + "x" * 60, "text/xml", "x" * 40),
    ],
)
def test_media_types(
    loopback: Loopback, fetch: Fetcher, kind: str, media: str, charset: str | None
) -> None:
    found = fetch.get(loopback.on("/", ok("x", kind)))
    assert (found.media_type, found.charset) == (media, charset)


# --- Which addresses are called -------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", "public"),
        ("172.15.0.1", "public"),
        ("172.32.0.1", "public"),
        ("2606:4700::1111", "public"),
        ("2001:4860:4860::8888", "public"),
        ("127.0.0.1", "loopback"),
        ("127.8.9.10", "loopback"),
        ("::1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("198.18.0.1", "private"),
        ("fc00::1", "private"),
        ("fd12:3456::1", "private"),
        ("fec0::1", "private"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("100.100.100.200", "link-local"),
        ("fd00:ec2::254", "link-local"),
        ("0.0.0.0", "never"),
        ("0.1.2.3", "never"),
        ("192.0.2.1", "never"),
        ("224.0.0.1", "never"),
        ("240.0.0.1", "never"),
        ("255.255.255.255", "never"),
        ("::", "never"),
        ("ff02::1", "never"),
        ("2001:db8::1", "never"),
        ("2001:0:1::1", "never"),
        ("4000::1", "never"),
        ("64:ff9b:1::1", "never"),
        ("not an address", "never"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:8.8.8.8", "public"),
        ("::127.0.0.1", "never"),
        ("2002:7f00:1::", "loopback"),
        ("2002:a9fe:a9fe::1", "link-local"),
        ("2002:808:808::", "public"),
        ("64:ff9b::c0a8:101", "private"),
        ("64:ff9b::8.8.8.8", "public"),
    ],
)
def test_kinds_of_addresses(address: str, kind: str) -> None:
    assert guard.kind_of(address) == kind


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.0.0.1:8080/x",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://a.localhost/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://[fe80::1%25eth0]/",
        "http://[fe80::1%eth0]/",
        "http://[2606:4700::1%25eth0]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://127.0.0.1.:80/",
        "http://127。0。0。1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://１２７.0.0.1/",
        "http://127%2e0.0.1/",
        "http://example.org@127.0.0.1/",
        "http://user:secret@example.org/",
        "http://@example.org/",
        "http://example.org\\@127.0.0.1/",
        "http://exa mple.org/",
        "http://example.org/ x",
        "http://example.org/\r\nX-Evil: 1",
        "http://example.org/\nx",
        "http://example.org/\tx",
        "http://example.org/\0",
        " http://example.org/",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:99999999999/",
        "http://example.org:x/",
        "http://",
        "http:///x",
        "http:example.org",
        "//example.org/",
        "example.org",
        "",
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "javascript:alert(1)",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
        "http://" + "a" * 64 + ".org/",
        "http://a..org/",
        "http://" + "a." * 130 + "org/",
        "http://[::1",
        "http://[1.2.3]/",
        "http://\ud800.org/",
        "http://example.org/\ud800",
        "http://ex_ample;.org/",
        "http://-.ex*ample/",
        "http://example.org/" + "x" * 8_000,
        "http://example.org/" + "é" * 3_000,
        "x" * 10_000_000,
    ],
)
def test_what_is_never_called(calls: Calls, make: Make, url: str) -> None:
    fetch = make(allow_private=False, resolve=names())
    error = failure(fetch, url)
    assert isinstance(error, AddressRefused)
    assert not error.retryable
    assert error.exit_code == 2
    assert "secret" not in str(error)
    assert len(str(error)) < 400
    assert calls.made == []


def test_a_parameter_can_make_an_address_too_long(make: Make, calls: Calls) -> None:
    error = failure(make(), "http://127.0.0.1/", params={"q": "x" * 9_000})
    assert "8,000 characters" in error.message
    error = failure(make(), "http://127.0.0.1/", params={"q": "\ud800"})
    assert isinstance(error, AddressRefused)
    assert calls.made == []


def test_the_remedy_for_private_addresses_is_named(make: Make) -> None:
    error = failure(make(allow_private=False), "http://192.168.1.1/x")
    assert str(error) == (
        "192.168.1.1 is not fetched: it is in a private network. "
        "If you trust it, set CURATOR_ALLOW_PRIVATE=1."
    )
    # What nobody can allow has no such remedy.
    assert "ALLOW" not in str(failure(make(), "http://0.0.0.0/"))


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], [PUBLIC, "127.0.0.1"], ["::1", PUBLIC], [PUBLIC, "10.1.2.3"], ["::ffff:a00:1"],
     ["169.254.169.254"], ["0.0.0.0"], ["no address"]],
)  # fmt: skip
def test_every_address_of_a_name_has_to_be_public(
    calls: Calls, make: Make, answers: list[str]
) -> None:
    fetch = make(allow_private=False, resolve=names(evil_example=answers))
    assert isinstance(failure(fetch, "http://evil.example/"), AddressRefused)
    assert calls.made == []


def test_the_address_that_was_checked_is_the_one_called(
    loopback: Loopback, calls: Calls, make: Make
) -> None:
    loopback.on("/", drop(), ok())
    calls.route[PUBLIC] = loopback.port
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    asked = []

    def rebinding(host: str) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    fetch = make(allow_private=False, resolve=rebinding)
    # The first connection is lost, so that the name is looked up again: now it is this machine.
    error = failure(fetch, "http://evil.example/")
    assert isinstance(error, AddressRefused)
    assert error.message.startswith("evil.example (127.0.0.1) is not fetched")
    assert asked == ["evil.example"] * 2  # once for each connection, never a second time
    assert calls.made == [PUBLIC]
    assert len(loopback.requests) == 1
    assert loopback.requests[0].headers["host"] == "evil.example"


def test_addresses_are_tried_in_turn(loopback: Loopback, calls: Calls, make: Make) -> None:
    loopback.on("/", ok("there"))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        calls.route |= {"2606:4700::1": closed.getsockname()[1], PUBLIC: loopback.port}
        fetch = make(allow_private=False, resolve=names(a_example=["2606:4700::1", PUBLIC]))
        assert fetch.get("http://a.example/").content == b"there"
    assert calls.made == ["2606:4700::1", PUBLIC]
    # Where IPv6 leads nowhere, not every request costs ten seconds.
    assert calls.timeouts == [pytest.approx(4.0), pytest.approx(10.0)]


def test_few_of_many_addresses_are_tried_of_both_families(calls: Calls, make: Make) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        many = [f"2606:4700::{n}" for n in range(1, 20)]
        calls.route = {a: closed.getsockname()[1] for a in [*many, PUBLIC]}
        fetch = make(allow_private=False, retries=0, resolve=names(a_example=[*many, PUBLIC]))
        failure(fetch, "http://a.example/")
    assert calls.made == [*many[:3], PUBLIC]


def test_international_names(loopback: Loopback, calls: Calls, make: Make) -> None:
    loopback.on("/", ok("fine"))
    calls.route[PUBLIC] = loopback.port
    asked = []

    def resolve(host: str) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC]

    fetch = make(allow_private=False, resolve=resolve)
    assert fetch.get("http://Bücher.example/").content == b"fine"
    assert asked == ["xn--bcher-kva.example"]
    assert loopback.requests[0].headers["host"] == "xn--bcher-kva.example"


def test_private_addresses_can_be_allowed(loopback: Loopback, make: Make) -> None:
    loopback.on("/", ok("mine"))
    fetch = make(resolve=names(my_lab="127.0.0.1"))
    assert fetch.get(f"http://my.lab:{loopback.port}/").content == b"mine"
    assert fetch.get(f"http://127.0.0.1:{loopback.port}/").content == b"mine"
    assert isinstance(failure(make(), "http://0.0.0.0/"), AddressRefused)
    assert isinstance(failure(make(), "http://2130706433/"), AddressRefused)


def test_sockets_of_this_machine_are_no_servers() -> None:
    with pytest.raises(NotImplementedError):
        wire.CheckedBackend(guard.ALL, lambda host: []).connect_unix_socket("/run/docker.sock")


# --- Redirects ------------------------------------------------------------------------------


def test_redirects_are_followed(loopback: Loopback, fetch: Fetcher) -> None:
    loopback.on("/a", redirect("b?x=1", 301))
    loopback.on("/b", redirect(loopback.at("/ç#part"), 307))
    loopback.on("/%C3%A7", ok("end"))
    found = fetch.get(loopback.at("/a"))
    assert (found.url, found.content) == (loopback.at("/%C3%A7"), b"end")


def test_a_location_may_be_of_raw_bytes(loopback: Loopback, fetch: Fetcher) -> None:
    location = "/ç".encode().decode("latin-1")  # as http.server writes it: UTF-8 on the wire
    loopback.on("/a", redirect(location))
    loopback.on("/%C3%A7", ok("end"))
    assert fetch.get(loopback.at("/a")).content == b"end"


def test_five_redirects_are_enough(loopback: Loopback, fetch: Fetcher) -> None:
    url = loopback.on("/a", redirect("/a"))
    error = failure(fetch, url)
    assert "redirects more than 5 times" in error.message
    assert not error.retryable
    assert len(loopback.requests) == 6


@pytest.mark.parametrize(
    "to",
    ["http://127.0.0.1:{port}/secret", "http://localhost:{port}/", "file:///etc/passwd",
     "http://user:pass@{there}/", "//127.0.0.1:{port}/", "http://2130706433:{port}/",
     "http://inner.example:{port}/", "http://169.254.169.254/", "http://[::1"],
)  # fmt: skip
def test_every_redirect_is_checked(loopback: Loopback, calls: Calls, make: Make, to: str) -> None:
    calls.route[PUBLIC] = loopback.port
    loopback.on("/", redirect(to.format(port=loopback.port, there="out.example")))
    loopback.on("/secret", ok("secret"))
    resolve = names(out_example=PUBLIC, inner_example="127.0.0.1")
    error = failure(make(allow_private=False, resolve=resolve), "http://out.example/")
    assert isinstance(error, AddressRefused)
    assert calls.made == [PUBLIC]
    assert loopback.paths == ["/"]


@pytest.mark.parametrize("target", ["169.254.169.254", "metadata.example"])
def test_nobody_is_led_to_the_keys_of_a_cloud_machine(
    loopback: Loopback, calls: Calls, make: Make, target: str
) -> None:
    loopback.on("/", redirect(f"http://{target}/latest/"))
    loopback.on("/latest/", ok("keys"))
    calls.route["169.254.169.254"] = loopback.port
    fetch = make(resolve=names(metadata_example="169.254.169.254"))
    # Who allows private addresses may ask for it, and only so is it given. The connection that
    # is open then is not used for another who was led there.
    assert fetch.get(f"http://{target}/latest/").content == b"keys"
    error = failure(fetch, loopback.at("/"))
    assert isinstance(error, AddressRefused)
    assert "Another server led there" in error.remedy
    assert loopback.paths == ["/latest/", "/"]


def test_who_was_led_somewhere_is_not_led_on_by_another_port(
    loopback: Loopback, calls: Calls, make: Make
) -> None:
    loopback.on("/", redirect(f"http://evil.example:{loopback.port}/on"))
    loopback.on("/on", redirect("http://evil.example:81/latest/"))
    answers = iter(["127.0.0.1", "169.254.169.254"])
    error = failure(make(resolve=lambda host: [next(answers)]), loopback.at("/"))
    assert isinstance(error, AddressRefused)
    assert calls.made == ["127.0.0.1"] * 2


def test_a_redirect_to_another_private_server_is_allowed_with_the_rest(
    loopback: Loopback, make: Make
) -> None:
    loopback.on("/a", redirect(f"http://my.lab:{loopback.port}/b"))
    loopback.on("/b", ok("b"))
    assert make(resolve=names(my_lab="127.0.0.1")).get(loopback.at("/a")).content == b"b"


def test_keys_stay_with_the_host_they_are_for(loopback: Loopback, make: Make) -> None:
    loopback.on("/a", redirect("/b"))
    loopback.on("/b", redirect(f"http://my.lab:{loopback.port}/c"))
    loopback.on("/c", redirect(loopback.at("/d")))
    loopback.on("/d", ok())
    headers = {"X-API-Key": "secret", "Authorization": "secret", "Cookie": "c", "Accept": "text/x"}
    fetch = make(resolve=names(my_lab="127.0.0.1"))
    fetch.get(loopback.at("/a"), headers=headers, validators={"etag": '"v1"'})
    for request in loopback.requests[:2]:
        assert request.headers["x-api-key"] == request.headers["authorization"] == "secret"
    for request in loopback.requests[2:]:  # and they do not come back
        assert not {"x-api-key", "authorization", "cookie"} & request.headers.keys()
        assert request.headers["accept"] == "text/x"
        assert request.headers["if-none-match"] == '"v1"'
    assert len(loopback.requests) == 4


def test_another_port_is_another_host(loopback: Loopback, fetch: Fetcher) -> None:
    with Loopback() as other:
        other.on("/", ok())
        loopback.on("/", redirect(other.at("/")))
        fetch.get(loopback.at("/"), headers={"x-api-key": "secret"})
        assert "x-api-key" not in other.requests[0].headers


def test_a_redirect_without_a_target(loopback: Loopback, fetch: Fetcher) -> None:
    error = failure(fetch, loopback.on("/", status(302)))
    assert error.status == 302


# --- Mirrors and proxies --------------------------------------------------------------------


def test_mirrors_of_a_setting() -> None:
    assert mirrors_of("") == {}
    assert mirrors_of(
        " HuggingFace.co=https://hf-mirror.com, arxiv.org=http://127.0.0.1:1/x/ "
    ) == {
        "huggingface.co": "https://hf-mirror.com",
        "arxiv.org": "http://127.0.0.1:1/x/",
    }


@pytest.mark.parametrize(
    "text",
    ["huggingface.co", "=https://x.org", "a.org=", "a.org=ftp://x.org", "a.org=x.org",
     "a.org=https://x.org a.org=https://y.org", "https://a.org=https://x.org",
     "a.org=https://user:secret@x.org", "a.org=https://x.org/?q=", "a/b=https://x.org"],
)  # fmt: skip
def test_mirrors_that_are_none(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        mirrors_of(text)
    assert "CURATOR_MIRRORS" in str(caught.value) or "Keep one" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_mirror_takes_the_place_of_its_host(
    loopback: Loopback, make: Make, clock: FakeClock
) -> None:
    mirrors = {"HuggingFace.co": f"{loopback.url}/prefix/"}
    # Chosen by the user, it may be on this machine without anything else being so.
    fetch = make(allow_private=False, mirrors=mirrors, resolve=names())
    loopback.on("/prefix/api", ok("list"))
    found = fetch.get("https://huggingface.co/api?x=a%2Fb", headers={"x-key": "k"})
    assert (found.content, found.url) == (b"list", "https://huggingface.co/api?x=a%2Fb")
    assert loopback.requests[0].target == "/prefix/api?x=a%2Fb"
    assert loopback.requests[0].headers["x-key"] == "k"
    fetch.get("https://huggingface.co/api")
    assert clock.slept == []  # this machine's pace, not the pace of the host
    assert isinstance(failure(fetch, loopback.at("/prefix/api")), AddressRefused)


def test_redirects_of_a_mirror(loopback: Loopback, calls: Calls, make: Make) -> None:
    fetch = make(allow_private=False, mirrors={"a.org": f"{loopback.url}/m"}, resolve=names())
    loopback.on("/m/1", redirect("https://a.org/2"))
    loopback.on("/m/2", redirect("/m/3"))
    loopback.on("/m/3", ok("three"))
    assert fetch.get("https://a.org/1").content == b"three"
    with Loopback() as other:
        loopback.on("/m/4", redirect(other.at("/")))
        assert isinstance(failure(fetch, "https://a.org/4"), AddressRefused)
        assert other.requests == []


def test_a_proxy_that_is_set_is_used(
    loopback: Loopback, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://user:p%40ss@127.0.0.1:{loopback.port}")
    monkeypatch.setenv("NO_PROXY", "near.example")
    loopback.on("/feed", ok("through"))
    fetch = make(allow_private=False, resolve=names(near_example="127.0.0.1"))
    assert fetch.get("http://far.example/feed").content == b"through"
    request = loopback.requests[0]
    assert request.target == "http://far.example/feed"
    assert request.headers["host"] == "far.example"
    assert request.headers["proxy-authorization"].startswith("Basic ")
    # Literal addresses are refused all the same, and so are those behind names without a proxy.
    for url in ("http://10.0.0.1/", "http://localhost/", "http://near.example/"):
        assert isinstance(failure(fetch, url), AddressRefused)
    assert len(loopback.requests) == 1


def test_a_proxy_that_refuses(
    loopback: Loopback, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{loopback.port}")  # and it knows no CONNECT
    error = failure(make(), "https://far.example/feed")
    assert "through the proxy" in error.message
    assert "HTTPS_PROXY" in error.remedy


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://[", "http://x:y"])
def test_a_proxy_that_cannot_be_used(
    loopback: Loopback, make: Make, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(UsageError, match="HTTPS_PROXY cannot be used"):
        make().get("https://far.example/")


# --- TLS ------------------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(*[True] * 2, *[False] * 3, True, *[False] * 3), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(built.public_bytes(pem))
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


class Secure:
    """A TLS server for single connections; ``names`` are those that clients asked for (SNI)."""

    def __init__(self, cert: Path, key: Path, answer: bytes) -> None:
        self.names: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.sni_callback = lambda sock, name, ctx: self.names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, args=(context, answer))
        self._thread.start()

    def _serve(self, context: ssl.SSLContext, answer: bytes) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            with plain:
                try:
                    with context.wrap_socket(plain, server_side=True) as sock:
                        sock.recv(4096)
                        sock.sendall(answer)
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Callable[..., Secure]]:
    made: list[Secure] = []
    cert, key = certificate(tmp_path, "feeds.example")

    def start(location: str = "") -> Secure:
        head = b"HTTP/1.1 200 OK" if not location else b"HTTP/1.1 302 Found\r\nLocation: "
        answer = head + location.encode() + b"\r\nContent-Length: 2\r\n\r\nok"
        made.append(Secure(cert, key, answer))
        return made[-1]

    yield start
    for server in made:
        server.close()


def test_tls_is_for_the_name_though_the_address_is_called(
    loopback: Loopback, secure: Callable[..., Secure], calls: Calls, make: Make, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    server = secure()
    calls.route[PUBLIC] = server.port
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    fetch = make(allow_private=False, resolve=names(feeds_example=PUBLIC, other_example=PUBLIC))
    assert fetch.get("https://feeds.example/").content == b"ok"
    assert calls.made == [PUBLIC]
    assert server.names == ["feeds.example"]
    error = failure(fetch, "https://other.example/")
    assert "no valid certificate" in error.message
    assert "mismatch" in error.message.lower()
    assert len(calls.made) == 2  # trying again cannot help


def test_a_certificate_of_nobody(
    loopback: Loopback, secure: Callable[..., Secure], calls: Calls, make: Make
) -> None:
    calls.route[PUBLIC] = secure().port
    error = failure(make(resolve=names(feeds_example=PUBLIC)), "https://feeds.example/")
    assert re.search(r"no valid certificate \(self.signed certificate\)", error.message)
    assert "SSL_CERT_FILE" in error.remedy
    assert not error.retryable


def test_the_secure_connection_is_not_given_up(
    loopback: Loopback, secure: Callable[..., Secure], calls: Calls, make: Make, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    calls.route |= {PUBLIC: secure("http://open.example/").port, OTHER: loopback.port}
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    fetch = make(resolve=names(feeds_example=PUBLIC, open_example=OTHER))
    error = failure(fetch, "https://feeds.example/x")
    assert isinstance(error, AddressRefused)
    assert "secure connection" in error.message
    assert calls.made == [PUBLIC]


def test_no_tls_where_it_should_be(loopback: Loopback, fetch: Fetcher) -> None:
    error = failure(fetch, f"https://127.0.0.1:{loopback.port}/")
    assert "no secure connection" in error.message
    assert "_ssl" not in error.message


def test_certificates_that_are_not_there(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "nowhere.pem")
    with pytest.raises(UsageError, match="SSL_CERT_FILE"):
        make(resolve=names(a_org=PUBLIC)).get("https://a.org/")


# --- Pace -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "service", "interval"),
    [
        ("export.arxiv.org", "arxiv.org", 3.0),
        ("arxiv.org", "arxiv.org", 3.0),
        ("RSS.arxiv.org.", "arxiv.org", 3.0),
        ("oaipmh.arxiv.org", "arxiv.org", 3.0),
        ("notarxiv.org", "notarxiv.org", 1.0),
        ("arxiv.org.evil.example", "arxiv.org.evil.example", 1.0),
        ("api.semanticscholar.org", "api.semanticscholar.org", 1.0),
        ("api.openalex.org", "api.openalex.org", 0.1),
        ("api.crossref.org", "api.crossref.org", 0.1),
        ("huggingface.co", "huggingface.co", 0.5),
        ("eutils.ncbi.nlm.nih.gov", "eutils.ncbi.nlm.nih.gov", 0.34),
        ("example.org", "example.org", 1.0),
        ("127.0.0.1", "127.0.0.1", 0.0),
        ("localhost", "localhost", 0.0),
        ("::1", "::1", 0.0),
    ],
)
def test_rules(host: str, service: str, interval: float) -> None:
    assert (rule_of(host).service, rule_of(host).interval) == (service, interval)


@pytest.fixture
def arxiv(loopback: Loopback, calls: Calls, make: Make, tmp_path: Path) -> Make:
    """Fetchers that see arXiv, which is the loopback, and share their times."""
    calls.route[PUBLIC] = loopback.port
    loopback.on("/", ok())
    resolve = names(export_arxiv_org=PUBLIC, rss_arxiv_org=PUBLIC, a_example=PUBLIC)
    state = tmp_path / "home" / "pace.json"

    def new(**options: Any) -> Fetcher:
        return make(**{"resolve": resolve, "state": state, **options})

    return new


def test_a_service_is_asked_at_its_pace(arxiv: Make, clock: FakeClock) -> None:
    fetch = arxiv(state=None)
    fetch.get("http://export.arxiv.org/")
    assert clock.slept == []
    fetch.get("http://rss.arxiv.org/")
    assert clock.slept == [pytest.approx(3.0)]  # all hosts of arXiv together
    fetch.get("http://a.example/")
    assert len(clock.slept) == 1
    clock.now += 2.0
    fetch.get("http://export.arxiv.org/")
    assert clock.slept[1:] == [pytest.approx(1.0)]


def test_redirects_keep_the_pace(arxiv: Make, clock: FakeClock, loopback: Loopback) -> None:
    loopback.on("/a", redirect("/"))
    arxiv().get("http://export.arxiv.org/a")
    assert clock.slept == [pytest.approx(3.0)]


def test_the_pace_is_that_of_all_processes_and_of_later_runs(
    arxiv: Make, clock: FakeClock, tmp_path: Path
) -> None:
    arxiv().get("http://export.arxiv.org/")
    clock.now += 1.0
    arxiv().get("http://rss.arxiv.org/")
    assert clock.slept == [pytest.approx(2.0)]
    stored = json.loads((tmp_path / "home" / "pace.json").read_text("utf-8"))
    assert list(stored["entries"]) == ["service arxiv.org"]


@pytest.mark.parametrize("hours", [0.05, 0.5, 24, 24 * 365])
def test_a_clock_that_was_set_back_makes_nobody_wait(
    arxiv: Make, clock: FakeClock, hours: float, loopback: Loopback
) -> None:
    loopback.on("/bad", status(503, retry_after=3_600))
    failure(arxiv(), "http://export.arxiv.org/bad")
    clock.now -= hours * 3_600
    arxiv().get("http://export.arxiv.org/")
    assert sum(clock.slept) <= 3.0


def test_a_clock_that_was_set_forward_loses_the_pace_only_once(
    arxiv: Make, clock: FakeClock
) -> None:
    arxiv().get("http://export.arxiv.org/")
    clock.now += 365 * 86_400
    arxiv().get("http://export.arxiv.org/")
    assert clock.slept == []
    arxiv().get("http://export.arxiv.org/")
    assert clock.slept == [pytest.approx(3.0)]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", '{"entries": 3}', '{"entries": {"service arxiv.org": 3}}',
     '{"entries": {"service arxiv.org": {"at": NaN, "until": 1, "failures": 0, "asked": false}}}',
     '{"entries": {"service arxiv.org": {"at": 0, "until": 1e400, "failures": 0, "asked": 1}}}',
     '{"entries": {"service arxiv.org": {"at": 1795000000, "until": 1e300, "failures": 0,'
     ' "asked": true}}}',
     '{"entries": {"host export.arxiv.org": {"at": 1795000000, "until": 1e15, "failures": 1e300,'
     ' "asked": false}}}',
     '{"entries": {"host export.arxiv.org": {"at": 0, "until": 0, "failures": 1e400, "asked": 0}}}',
     f'{{"entries": {{"service arxiv.org": {{"at": 1{"0" * 400}, "until": 0, "failures": 0}}}}}}',
     "[" * 100_000, "\x00\xff"],
)  # fmt: skip
def test_a_damaged_state_is_no_obstacle(
    arxiv: Make, clock: FakeClock, tmp_path: Path, content: str
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "pace.json").write_text(content, "latin-1")
    fetch = arxiv()
    fetch.get("http://export.arxiv.org/")
    fetch.get("http://export.arxiv.org/")
    assert clock.slept == [pytest.approx(3.0)]


def test_a_state_that_cannot_be_written_is_kept_in_memory(
    arxiv: Make, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for state in (tmp_path / "file" / "pace.json", tmp_path / "folder"):  # below a file; a folder
        fetch = arxiv(state=state)
        clock.slept.clear()
        clock.now += 60
        fetch.get("http://export.arxiv.org/")
        fetch.get("http://export.arxiv.org/")
        assert clock.slept == [pytest.approx(3.0)]
    assert not [file for file in tmp_path.rglob("*") if file.suffix == ".part"]


_TURNS = """
import sys, time
from pathlib import Path
from curator.fetch.pace import Pacer, Patience
pacer = Pacer(Path(sys.argv[1]), clock=time.time, sleep=time.sleep, notify=print)
for _ in range(4):
    with pacer.turn("api.openalex.org", "api.openalex.org", Patience(60.0)):
        print(time.time())
"""


def test_processes_share_one_pace(tmp_path: Path) -> None:
    began = time.time()
    command = [sys.executable, "-c", _TURNS, str(tmp_path / "pace.json")]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    taken = [float(line) for worker in workers for line in worker.communicate()[0].split()]
    assert len(taken) == 8
    assert max(taken) - began > 0.69  # seven times 0.1 s; four turns of one take 0.3


def test_one_connection_at_a_time_where_that_is_asked(
    arxiv: Make, loopback: Loopback, tmp_path: Path
) -> None:
    loopback.on("/slow", slow(30.0))
    told: list[str] = []
    first, second = arxiv(), arxiv(patience=0.1, notify=told.append)
    thread = threading.Thread(target=first.get, args=("http://export.arxiv.org/slow",))
    thread.start()
    while not loopback.requests:
        time.sleep(0.01)
    error = failure(second, "http://rss.arxiv.org/")
    loopback.release()
    thread.join()
    assert "one at a time" in error.message
    assert told == ["Another curator process is asking arxiv.org; waiting for it ..."]
    assert loopback.paths == ["/slow"]


# --- Persistence ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        status(429),
        status(500),
        status(502),
        status(503),
        status(504),
        status(408),
        status(522),
        drop(),
        truncated(),
        chunked_cut(),
        gzipped("x" * 10_000, cut=9),
        gzipped("x" * 10_000, cut=1),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"),
    ],
)
def test_what_may_pass_is_tried_again(
    loopback: Loopback, fetch: Fetcher, clock: FakeClock, bad: Reply
) -> None:
    url = loopback.on("/", bad, bad, ok("at last"))
    assert fetch.get(url).content == b"at last"
    assert len(loopback.requests) == 3
    assert sum(clock.slept) <= 6.0


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 418, 451, 501, 204, 206, 999])
def test_what_will_not_pass_is_not(loopback: Loopback, fetch: Fetcher, code: int) -> None:
    error = failure(fetch, loopback.on("/x", status(code, retry_after=5)))
    assert error.status == code
    assert error.wait is None
    assert str(code) in error.message
    assert not error.retryable
    assert len(loopback.requests) == 1
    for _ in range(5):  # the server lives: it is not shut out for these
        failure(fetch, loopback.at("/x"))
    assert len(loopback.requests) == 6


def test_trying_again_ends(loopback: Loopback, make: Make, clock: FakeClock) -> None:
    url = loopback.on("/x", status(500, "<h1>Out of order</h1>"))
    error = failure(make(), f"{url}?api_key=secret")
    assert len(loopback.requests) == 5
    assert error.message == (
        f"{url} answered 500 (internal server error), saying: 'Out of order' (tried 5 times)."
    )
    assert error.remedy == "Try again later."
    assert (error.status, error.retryable, error.exit_code) == (500, True, 1)
    assert all(0 <= pause <= 2.0 * 2**n for n, pause in enumerate(clock.slept))
    failure(make(retries=0), loopback.on("/y", status(500)))
    assert len(loopback.requests) == 6


def test_pauses_grow_and_differ(loopback: Loopback, make: Make) -> None:
    loopback.on("/x", status(500))
    seen = []
    for _ in range(12):
        clock = FakeClock()
        failure(make(sleep=clock.sleep, clock=clock), loopback.at("/x"))
        seen.append(clock.slept)
    assert len({tuple(slept) for slept in seen}) == 12
    last = [slept[-1] for slept in seen]
    assert max(last) > 4.0  # of at most 16 s: one in four would be so small


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-5", None),
        ("", None),
        ("soon", None),
        ("7, 8", None),
        ("1000000000", 1e9),
        ("9" * 5_000, None),
        ("٣", None),
        (formatdate(START + 90, usegmt=True), 90.0),
        (formatdate(START - 90, usegmt=True), 0.0),
        ("Fri, 99 Foo 2026 99:99:99 GMT", None),
        ("Fri, 20 Nov 99999999999 00:00:00 GMT", None),
        ("NaN", None),
        ("inf", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    found = retry_after({"retry-after": text}, START)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=1.0))


def test_a_date_is_taken_by_the_clock_of_the_server() -> None:
    headers = {"retry-after": formatdate(1_000_060), "date": formatdate(1_000_000)}
    assert retry_after(headers, START) == 60.0


@given(st.text(max_size=60))
def test_any_retry_after_is_a_time_or_none(text: str) -> None:
    found = retry_after({"retry-after": text, "date": text[::-1]}, START)
    assert found is None or found >= 0


def test_the_server_is_given_the_time_it_asks_for(
    loopback: Loopback, make: Make, clock: FakeClock
) -> None:
    told: list[str] = []
    date = {"Date": formatdate(clock.now, usegmt=True)}
    url = loopback.on(
        "/",
        status(503, retry_after=30),
        status(429, retry_after=formatdate(clock.now + 70, usegmt=True), headers=date),
        ok("there"),
    )
    assert make(notify=told.append).get(url).content == b"there"
    assert clock.slept == [pytest.approx(30, abs=0.1), pytest.approx(70, abs=0.1)]
    assert told == [
        "Waiting 30 s for 127.0.0.1: it answered 503 (service unavailable) ...",
        "Waiting 70 s for 127.0.0.1: it answered 429 (too many requests) ...",
    ]


def test_short_waits_are_not_spoken_of(loopback: Loopback, make: Make, clock: FakeClock) -> None:
    told: list[str] = []
    make(notify=told.append).get(loopback.on("/", status(503, retry_after=4), ok()))
    assert sum(clock.slept) == pytest.approx(4)
    assert told == []


@pytest.mark.parametrize("seconds", [121, 10**9])
def test_who_asks_for_too_much_is_left_alone(
    loopback: Loopback, make: Make, clock: FakeClock, tmp_path: Path, seconds: int
) -> None:
    url = loopback.on("/", status(429, retry_after=seconds), ok("there"))
    state = tmp_path / "pace.json"
    error = failure(make(state=state), url)
    assert clock.slept == []
    assert (error.wait, error.status) == (seconds, 429)
    assert "asks to wait" in error.message
    heeded = min(seconds, 86_400)
    again = failure(make(state=state), url)  # in another process, say
    assert again.wait == pytest.approx(heeded)
    assert len(loopback.requests) == 1
    clock.now += heeded - 30.0  # what is left can be waited for
    assert make(state=state).get(url).content == b"there"
    assert clock.slept == [pytest.approx(30.0)]


def test_what_the_last_answer_asks_for_is_kept_to_later(
    loopback: Loopback, make: Make, tmp_path: Path
) -> None:
    url = loopback.on("/", status(503, retry_after=3_600), ok())
    state = tmp_path / "pace.json"
    assert failure(make(retries=0, state=state), url).wait == 3_600
    error = failure(make(state=state), url)
    assert error.wait == pytest.approx(3_600)
    assert len(loopback.requests) == 1


def test_patience_is_for_all_waits_together(
    loopback: Loopback, make: Make, clock: FakeClock
) -> None:
    url = loopback.on("/", status(503, retry_after=50))
    error = failure(make(), url)
    assert clock.slept == [pytest.approx(50, abs=0.1)] * 2
    assert error.wait == 50.0
    assert len(loopback.requests) == 3


def test_a_sleep_that_does_not_pass_the_time_ends_too(loopback: Loopback, make: Make) -> None:
    url = loopback.on("/", status(503, retry_after=50), ok())
    error = failure(make(sleep=lambda seconds: None), url)
    assert "longer than this command waits" in error.message


def test_absurd_waits_are_not_believed(
    loopback: Loopback, fetch: Fetcher, clock: FakeClock
) -> None:
    url = loopback.on("/", status(503, retry_after=-1), status(503, retry_after="soon"), ok())
    fetch.get(url)
    assert sum(clock.slept) < 6.0


def test_a_short_pause_does_not_end_a_long_one(clock: FakeClock, tmp_path: Path) -> None:
    pacer = Pacer(tmp_path / "p", clock=clock, sleep=clock.sleep, notify=lambda text: None)
    pacer.hold("a.example", 60)
    pacer.hold("a.example", 2)
    with pacer.turn("a.example", "a.example", Patience(100)):
        assert clock.slept == [pytest.approx(60)]


def test_nothing_is_written_where_there_is_nothing_to_share(
    loopback: Loopback, make: Make, tmp_path: Path
) -> None:
    make(state=tmp_path / "pace.json").get(loopback.on("/", ok()))
    assert not (tmp_path / "pace.json").exists()


def test_documents_given_up_close_the_host(
    loopback: Loopback, make: Make, clock: FakeClock, tmp_path: Path
) -> None:
    state = tmp_path / "pace.json"
    fetch = make(state=state, retries=1)
    url = loopback.on("/x", status(500))
    for _ in range(3):
        assert failure(fetch, url).status == 500
    assert len(loopback.requests) == 6
    error = failure(make(state=state), loopback.on("/y", ok("there")))
    until = datetime.datetime.fromtimestamp(clock.now + 300).astimezone()
    assert error.message == (
        f"127.0.0.1:{loopback.port} is left alone until {until:%H:%M}, "
        "since it failed to give 3 documents in a row."
    )
    assert error.wait == pytest.approx(300)
    assert len(loopback.requests) == 6
    # After the time one try is made. If it fails, the host is closed for longer at once.
    clock.now += 301
    assert failure(fetch, url).status == 500
    assert failure(fetch, url).wait == pytest.approx(600, abs=1)
    clock.now += 601
    assert fetch.get(loopback.at("/y")).content == b"there"
    for _ in range(2):
        assert failure(fetch, url).status == 500  # and all is forgotten
    assert fetch.get(loopback.at("/y")).content == b"there"


def test_a_page_that_is_not_there_is_an_answer(loopback: Loopback, make: Make) -> None:
    fetch = make(retries=0)
    bad, missing = loopback.on("/x", status(500)), loopback.at("/missing")
    for url in (bad, bad, missing, bad, bad, missing, bad):
        assert failure(fetch, url).status in (404, 500)


def test_the_time_of_closing_has_an_end(loopback: Loopback, make: Make, clock: FakeClock) -> None:
    fetch = make(retries=0)
    url = loopback.on("/x", drop())
    for _ in range(40):
        failure(fetch, url)
        clock.now += 4_000
    failure(fetch, url)
    assert failure(fetch, url).wait == pytest.approx(3_600, abs=1)


def test_too_many_requests_to_the_last_close_the_host_at_once(
    loopback: Loopback, make: Make
) -> None:
    fetch = make()
    url = loopback.on("/x", status(429))
    assert failure(fetch, url).status == 429
    error = failure(fetch, url)
    assert error.wait == pytest.approx(300, abs=1)
    assert len(loopback.requests) == 5


def test_a_closed_host_closes_no_other(loopback: Loopback, make: Make) -> None:
    fetch = make(retries=0)
    for _ in range(4):
        failure(fetch, loopback.on("/x", drop()))
    with Loopback() as other:
        assert fetch.get(other.on("/", ok("there"))).content == b"there"


# --- What went wrong, in words --------------------------------------------------------------


def test_no_such_name(calls: Calls, make: Make, clock: FakeClock) -> None:
    error = failure(make(resolve=names()), "https://nosuch.example/feed")
    assert error.message == (
        "https://nosuch.example/feed cannot be reached: no host of that name is known."
    )
    assert error.remedy == "Check the network and the address."
    assert (calls.made, clock.slept) == ([], [])


def test_no_name_server(make: Make, clock: FakeClock) -> None:
    asked = []

    def resolve(host: str) -> Sequence[str]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    fetch = make(resolve=resolve)
    for _ in range(5):
        error = failure(fetch, "https://a.example/")
        assert "the name server does not answer (tried 2 times)" in error.message
    # Nobody was bothered, and without a network nobody wants to wait.
    assert len(asked) == 10


def test_no_network(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: object) -> None:
        try:
            raise OSError(101, "Network is unreachable")
        except OSError as error:
            raise httpcore.ConnectError(error) from error

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", unreachable)
    error = failure(make(resolve=names(a_example=PUBLIC)), "http://a.example/")
    assert "cannot be reached (network is unreachable)" in error.message


def test_nobody_listens(make: Make, loopback: Loopback) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        error = failure(make(retries=1), f"http://127.0.0.1:{closed.getsockname()[1]}/")
    assert "refuses connections (tried 2 times)" in error.message


def test_no_answer(loopback: Loopback, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "READ_SECONDS", 0.2)
    error = failure(make(retries=1), loopback.on("/", hang()))
    assert "did not answer the request (tried 2 times)" in error.message
    error = failure(make(retries=0), loopback.on("/", drip(pause=1.0)))
    assert "stopped in the middle of its answer" in error.message


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (drop(), "closed the connection without an answer"),
        (truncated(), "was cut off in the middle of its answer"),
        (chunked_cut(), "was cut off in the middle of its answer"),
        (gzipped("x" * 100, cut=3), "was cut off in the middle of its answer"),
        (raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), "answered something that is not HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000), "not HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"), "not HTTP"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz"), "cut off"),
        (ok("x", headers={"Content-Encoding": "br"}), "compressed by 'br'"),
        (ok("x", headers={"Content-Encoding": "gzip, gzip"}), "compressed by 'gzip, gzip'"),
        (ok("no gzip", headers={"Content-Encoding": "gzip"}), "damaged compressed answer"),
    ],
)
def test_broken_answers(loopback: Loopback, make: Make, reply: Reply, words: str) -> None:
    assert words in failure(make(retries=0), loopback.on("/", reply)).message


@pytest.mark.parametrize(
    ("body", "media", "shown"),
    [
        ("", "text/html", None),
        ("<html><style>p {}</style><script>x()</script><p>No &amp; such\n  page", "text/html",
         "No & such page"),
        ('{"error": "no field \\"x\\""}', "application/json", '{"error": "no field \\"x\\""}'),
        ("\x1b[31mred\x00\x07", "text/plain", None),
        ("\x1b[31mred\x07 \u202eback", "text/plain", "[31mred back"),
        (b"caf\xe9", "text/plain; charset=latin-1", "café"),
        (b"caf\xe9", "text/plain; charset=no-such", "caf\ufffd"),
        (b"\x89PNG", "image/png", None),
        ("x" * 9_000, "text/plain", "x" * 197 + "..."),
        ("<" * 8_000, "text/html", "<" * 197 + "..."),
        ("<script" * 3_000, "text/html", None),
    ],
)  # fmt: skip
def test_what_the_server_says_is_shown(
    loopback: Loopback, fetch: Fetcher, body: str | bytes, media: str, shown: str | None
) -> None:
    error = failure(fetch, loopback.on("/", status(404, body, media_type=media)))
    said = error.message.partition("404 (not found)")[2]
    assert said == ("." if shown is None else f", saying: {shown!r}.")


def test_a_broken_page_of_an_error_hides_not_the_error(
    loopback: Loopback, fetch: Fetcher, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = {"Content-Encoding": "gzip"}
    assert failure(fetch, loopback.on("/a", status(404, b"no gzip", headers=head))).status == 404
    cut = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 50\r\n\r\nGo away"
    assert failure(fetch, loopback.on("/b", raw(cut))).message.endswith("'Go away'.")
    endless = status(404, headers={"Content-Length": "50000"})
    began = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr("curator.fetch.body._PAGE_SECONDS", 0.1)
        assert failure(fetch, loopback.on("/c", endless)).status == 404
    assert failure(make(deadline=0.2), loopback.at("/c")).status == 404
    assert time.monotonic() - began < 2.0


def test_errors_of_the_code_itself_are_not_hidden() -> None:
    with pytest.raises(FetchError) as caught:
        raise failure_of(httpcore.ReadError("gone"), reading=False).error("http://a/", 1)
    assert caught.value.message == "http://a/ closed the connection without an answer."
    assert failure_of(wire.OutOfTime(), reading=True).retries == 0
    assert isinstance(failure_of(httpcore.ConnectTimeout(), reading=False), Failure)


def test_spans() -> None:
    assert [span(s) for s in (0.2, 45.4, 99, 100, 720, 3_600, 86_400)] == [
        "1 s", "45 s", "99 s", "2 min", "12 min", "60 min", "24 h",
    ]  # fmt: skip


# --- Limits ---------------------------------------------------------------------------------


def test_nobody_is_held_by_a_drip(loopback: Loopback, make: Make) -> None:
    for path, reply in (("/a", drip()), ("/b", drip(headers=True)), ("/c", hang())):
        began = time.monotonic()
        error = failure(make(deadline=0.15), loopback.on(path, reply))
        assert "too slowly" in error.message
        assert time.monotonic() - began < 1.0
        loopback.release()
        loopback._released.clear()
    assert len(loopback.requests) == 3  # there is no time left to try again


def test_the_time_is_for_all_tries_together(loopback: Loopback, make: Make) -> None:
    began = time.monotonic()
    error = failure(make(deadline=0.2), loopback.on("/", slow(0.08, drop())))
    assert time.monotonic() - began < 1.0
    assert 1 < len(loopback.requests) <= 3  # of five tries
    assert "too slowly" in error.message


def test_a_name_server_cannot_hold_us(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()

    def stuck(*args: object, **kwargs: object) -> list[object]:
        done.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    monkeypatch.setattr(wire, "CONNECT_SECONDS", 0.1)
    with pytest.raises(socket.gaierror) as caught:
        SYSTEM_RESOLVE("a.example")
    assert caught.value.errno == socket.EAI_AGAIN
    done.set()


def test_names_are_looked_up_by_the_system() -> None:
    assert "127.0.0.1" in SYSTEM_RESOLVE("localhost")
    for name in ("a" * 70 + ".example", "a..example"):
        with pytest.raises(socket.gaierror):
            SYSTEM_RESOLVE(name)


@pytest.mark.parametrize(
    "reply",
    [
        ok(b"x" * 2_001),
        gzipped(b"x" * 2_001),
        gzipped(b"x" * 100_000),
        raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_001),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
    ],
)
def test_the_size_has_a_limit(loopback: Loopback, fetch: Fetcher, reply: Reply) -> None:
    error = failure(fetch, loopback.on("/x", reply), limit=2_000)
    assert "sent more than 2,000 bytes" in error.message
    assert len(loopback.requests) == 1
    assert fetch.get(loopback.on("/x", ok(b"x" * 2_000)), limit=2_000).content == b"x" * 2_000


def test_no_limit_given_is_fifty_megabytes(loopback: Loopback, fetch: Fetcher) -> None:
    big = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50000001\r\n\r\n")
    assert "more than 50 MB" in failure(fetch, loopback.on("/", big)).message


def test_a_bomb_does_not_go_off(loopback: Loopback, fetch: Fetcher) -> None:
    url = loopback.on("/bomb", bomb(400_000_000))
    tracemalloc.start()
    try:
        error = failure(fetch, url, limit=10**12)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "expands more than 300-fold" in error.message
    assert not error.retryable
    # The server, in this process too, holds a megabyte of zeros and what it packs.
    assert peak < 12_000_000, f"{peak:,}"


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzip.compress(b"abc" * 5_000, mtime=0)),
        ("x-gzip", gzip.compress(b"abc" * 5_000, mtime=0)),
        ("GZIP", gzip.compress(b"abc" * 2_000, mtime=0) + gzip.compress(b"abc" * 3_000, mtime=0)),
        ("gzip", gzip.compress(b"abc" * 5_000, mtime=0) + b"\0" * 700),
        ("identity, gzip", gzip.compress(b"abc" * 5_000, mtime=0)),
        ("deflate", zlib.compress(b"abc" * 5_000)),
        ("deflate", zlib.compress(b"abc" * 5_000)[2:-4]),
        ("identity", b"abc" * 5_000),
        ("", b"abc" * 5_000),
    ],
)
@pytest.mark.parametrize("piece", [1_000_000, 7])
def test_codings(loopback: Loopback, fetch: Fetcher, coding: str, data: bytes, piece: int) -> None:
    def reply(handler: Any) -> None:
        chunks = [data[i : i + piece] for i in range(0, len(data), piece)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
        send(handler, 200, body, {"Transfer-Encoding": "chunked", "Content-Encoding": coding})

    assert fetch.get(loopback.on("/", reply)).content == b"abc" * 5_000


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072])
@pytest.mark.parametrize("bits", [31, 15, -15])
def test_the_last_bytes_of_a_piece_are_not_lost(
    loopback: Loopback, fetch: Fetcher, size: int, bits: int
) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    data = packer.compress(b"a" * size) + packer.flush()
    coding = "gzip" if bits == 31 else "deflate"
    url = loopback.on("/", ok(data, headers={"Content-Encoding": coding}))
    assert fetch.get(url).content == b"a" * size


def test_nothing_compressed_is_nothing(loopback: Loopback, fetch: Fetcher) -> None:
    url = loopback.on("/", ok(b"", headers={"Content-Encoding": "gzip"}))
    assert fetch.get(url).content == b""


# --- Being stopped --------------------------------------------------------------------------


def test_ctrl_c_stops_a_wait(loopback: Loopback, make: Make, tmp_path: Path) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    state = tmp_path / "pace.json"
    url = loopback.on("/", status(503, retry_after=30), ok("there"))
    with pytest.raises(KeyboardInterrupt):
        make(sleep=interrupted, state=state).get(url)
    assert make(state=state).get(url).content == b"there"  # no lock was left behind


def test_ctrl_c_stops_a_transfer(
    loopback: Loopback, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> bytes:
        raise KeyboardInterrupt

    fetch = make()
    url = loopback.on("/", ok("there"))
    with monkeypatch.context() as patch:
        patch.setattr("curator.fetch.client.read_body", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch.get(url)
    assert fetch.get(url).content == b"there"


def test_a_fetcher_can_be_closed_twice_and_used_again(loopback: Loopback, make: Make) -> None:
    url = loopback.on("/", ok("there"))
    with make() as fetch:
        fetch.get(url)
    fetch.close()
    assert fetch.get(url).content == b"there"
