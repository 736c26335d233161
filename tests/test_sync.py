"""The promise of `curator sync`: against a server that misbehaves in every way, nothing is lost
and nothing comes twice.

A real server plays the services; the real command line pulls from it into a real library. What
each service *is* (its paging, its dates, its answers in good order) is a class below; what goes
wrong is put in the place of single answers.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest
import typer
from commands import ROOT, Result, inline
from loopback import (
    START,
    FakeClock,
    Handler,
    Loopback,
    Reply,
    bomb,
    chunked_cut,
    drip,
    drop,
    gzipped,
    hang,
    loopback_fixture,  # noqa: F401
    ok,
    raw,
    redirect,
    send,
    status,
    truncated,
)

from curator.catalog import Catalog, FeedRow
from curator.fetch import Fetcher, wire
from curator.library import Library
from curator.sources import arxiv, openalex

FORMATS = ROOT.parent / "shared" / "data" / "formats"
NOW = datetime.fromtimestamp(START, UTC)  # 2026-11-18, a Wednesday
PAGE = 4
Wrong = Callable[[bytes], Reply]  # of the right answer makes the wrong one


@dataclass(frozen=True)
class Paper:
    """A paper as the services know it."""

    number: int
    version: int = 1
    said: str = ""

    @property
    def at(self) -> datetime:
        """When it came in: one after the other, six a day, the 11th just now, and so on from
        each thousand on. Those from the 100th to the 199th are old."""
        age = timedelta(days=100) if 100 <= self.number < 200 else timedelta(0)
        return NOW + timedelta(hours=4 * (self.number % 100 - 11)) - age

    @property
    def arxiv_id(self) -> str:
        return f"2611.{self.number:05d}"

    @property
    def title(self) -> str:
        return f"On Boats in Harbour {self.number}"

    @property
    def abstract(self) -> str:
        return self.said or (
            f"We count the boats of harbour {self.number} at each tide of a year. Most leave with "
            "the ebb and come back with the flood. A model of three numbers says how many lie "
            "there at any hour, and it is wrong by less than one boat in ten. In winter it is "
            f"wrong more often, which we explain by ice. Version {self.version} of our count."
        )


def some(count: int, start: int = 1) -> list[Paper]:
    return [Paper(n) for n in range(start, start + count)]


# --- The services --------------------------------------------------------------------------------


class Service:
    """One service: what it has, what it was asked, and what goes wrong.

    ``wrong`` has replies for single requests, by their number from 1; ``always`` is for all.
    """

    host = ""
    prefix = ""
    path = ""
    spec = ""
    media = "application/xml"
    generation = 0  # of tokens: those of another are not known any more

    def __init__(self, papers: Sequence[Paper] = ()) -> None:
        self.papers = list(papers)
        self.wrong: dict[int, Wrong] = {}
        self.always: Wrong | None = None
        self.asked: list[dict[str, str]] = []
        self.now = NOW  # by the service's own clock

    def reply(self, handler: Handler) -> None:
        parts = urlsplit(handler.path)
        self.asked.append({name: v[0] for name, v in parse_qs(parts.query).items()})
        body = self.body(self.asked[-1])
        wrong = self.wrong.pop(len(self.asked), self.always)
        (wrong(body) if wrong else ok(body, self.media))(handler)

    def body(self, asked: dict[str, str]) -> bytes:
        raise NotImplementedError


class Arxiv(Service):
    host, prefix = "export.arxiv.org", "/arxiv"
    path = "/arxiv/api/query"
    spec = "arxiv:cs.CL"
    media = "application/atom+xml"
    total: int | None = None  # what it says, if that is a lie

    def body(self, asked: dict[str, str]) -> bytes:
        if "id_list" in asked:
            found = [p for p in self.papers if p.arxiv_id in asked["id_list"].split(",")]
        else:
            days = re.search(r"submittedDate:\[(\d{12}) TO (\d{12})\]", asked["search_query"])
            assert days
            found = sorted(
                (p for p in self.papers if days[1] <= f"{p.at:%Y%m%d%H%M}" <= days[2]),
                key=lambda paper: paper.at,
            )
        start, size = int(asked.get("start", 0)), int(asked["max_results"])
        return atom(
            found[start : start + size],
            total=len(found) if self.total is None else self.total,
            start=start,
            updated=self.now,
        )


def atom(papers: Sequence[Paper], *, total: int, start: int = 0, updated: datetime = NOW) -> bytes:
    entries = "\n".join(
        f"""<entry><id>http://arxiv.org/abs/{p.arxiv_id}v{p.version}</id><title>{p.title}</title>
<summary>{escape(p.abstract)}</summary><published>{p.at:%Y-%m-%dT%H:%M:%SZ}</published>
<updated>{p.at:%Y-%m-%dT%H:%M:%SZ}</updated><author><name>Ida Strand</name></author>
<category term="cs.CL"/></entry>"""
        for p in papers
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"
 xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">
<id>http://arxiv.org/api/x</id><title>ArXiv Query</title><updated>{updated.isoformat()}</updated>
<opensearch:totalResults>{total}</opensearch:totalResults>
<opensearch:startIndex>{start}</opensearch:startIndex>
{entries}</feed>""".encode()


class Daily(Service):
    """Hugging Face: a page is a day."""

    host, prefix = "huggingface.co", "/hf"
    path = "/hf/api/daily_papers"
    spec = "hf:2026-W47"
    media = "application/json"

    def body(self, asked: dict[str, str]) -> bytes:
        size, number = int(asked["limit"]), int(asked.get("p", 0))
        of_day = [p for p in self.papers if f"{p.at:%Y-%m-%d}" == asked["date"]]
        return json.dumps(
            [
                {
                    "paper": {
                        "id": p.arxiv_id,
                        "title": p.title,
                        "summary": p.abstract,
                        "authors": [{"name": "Ida Strand"}],
                        "publishedAt": f"{p.at:%Y-%m-%d}T00:00:00.000Z",
                        "upvotes": 7,
                    },
                    "title": p.title,
                }
                for p in of_day[size * number : size * (number + 1)]
            ]
        ).encode()


class Archive(Service):
    """OAI-PMH by a list that goes by days."""

    host, prefix = "oaipmh.arxiv.org", "/o"
    path = "/o/oai"
    spec = "oai:cs"
    media = "text/xml"

    def body(self, asked: dict[str, str]) -> bytes:
        begin, start = asked.get("from", ""), 0
        if token := asked.get("resumptionToken"):
            generation, begin, at = token.split("|")
            if int(generation) != self.generation:
                return self.document('<error code="badResumptionToken">too old</error>')
            start = int(at)
        found = sorted(
            (p for p in self.papers if f"{p.at:%Y-%m-%d}" >= begin), key=lambda paper: paper.at
        )
        if not found:
            return self.document('<error code="noRecordsMatch">nothing</error>')
        end = start + PAGE
        more = f"{self.generation}|{begin}|{end}" if end < len(found) else ""
        return self.document(
            "<ListRecords>"
            + "\n".join(map(self.record, found[start:end]))
            + f'<resumptionToken completeListSize="{len(found)}">{more}</resumptionToken>'
            + "</ListRecords>"
        )

    def document(self, inside: str) -> bytes:
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">
<responseDate>{self.now:%Y-%m-%dT%H:%M:%SZ}</responseDate><request>x</request>
{inside}</OAI-PMH>""".encode()

    @staticmethod
    def record(p: Paper) -> str:
        return f"""<record><header><identifier>oai:arXiv.org:{p.arxiv_id}</identifier>
<datestamp>{p.at:%Y-%m-%d}</datestamp></header><metadata>
<arXiv xmlns="http://arxiv.org/OAI/arXiv/"><id>{p.arxiv_id}</id><created>{p.at:%Y-%m-%d}</created>
<authors><author><keyname>Strand</keyname><forenames>Ida</forenames></author></authors>
<title>{p.title}</title><categories>cs.CL</categories><abstract>{escape(p.abstract)}</abstract>
</arXiv></metadata></record>"""


class Scholar(Service):
    """Semantic Scholar's bulk search: the newest first, pages by tokens."""

    host, prefix = "api.semanticscholar.org", "/s2"
    path = "/s2/graph/v1/paper/search/bulk"
    spec = "s2:boats in harbours"
    media = "application/json"

    def body(self, asked: dict[str, str]) -> bytes:
        since = asked.get("publicationDateOrYear", "").rstrip(":")
        found = [p for p in self.papers if f"{p.at:%Y-%m-%d}" >= since][::-1]
        generation, at = (asked.get("token") or f"{self.generation}|0").split("|")
        start, end = int(at), int(at) + PAGE
        return json.dumps(
            {
                "total": len(found),
                "token": f"{generation}|{end}" if end < len(found) else None,
                "data": [
                    {
                        "paperId": f"{p.number:040x}",
                        "corpusId": p.number,
                        "externalIds": {"ArXiv": p.arxiv_id},
                        "title": p.title,
                        "abstract": p.abstract,
                        "authors": [{"name": "Ida Strand"}],
                        "publicationDate": f"{p.at:%Y-%m-%d}",
                    }
                    for p in found[start:end]
                ],
            }
        ).encode()


class Alex(Service):
    """OpenAlex without a key: pages have numbers."""

    host, prefix = "api.openalex.org", "/alex"
    path = "/alex/works"
    spec = "openalex:boats in harbours"
    media = "application/json"

    def body(self, asked: dict[str, str]) -> bytes:
        since = re.search(r"from_publication_date:([\d-]+)", asked.get("filter", ""))
        found = [p for p in self.papers if f"{p.at:%Y-%m-%d}" >= (since[1] if since else "")]
        number, size = int(asked["page"]), int(asked["per_page"])
        return json.dumps(
            {
                "meta": {"count": len(found), "page": number, "per_page": size},
                "results": [
                    {
                        "id": f"https://openalex.org/W{10_000 + p.number}",
                        "doi": f"https://doi.org/10.48550/arxiv.{p.arxiv_id}",
                        "display_name": p.title,
                        "publication_date": f"{p.at:%Y-%m-%d}",
                        "authorships": [{"author": {"display_name": "Ida Strand"}}],
                        "abstract_inverted_index": inverted(p.abstract),
                    }
                    for p in found[size * (number - 1) : size * number]
                ],
            }
        ).encode()


def inverted(text: str) -> dict[str, list[int]]:
    index: dict[str, list[int]] = {}
    for place, word in enumerate(text.split()):
        index.setdefault(word, []).append(place)
    return index


class Listed(Service):
    """arXiv's list of the day, as RSS."""

    host, prefix = "rss.arxiv.org", "/r"
    path = "/r/rss/cs.CL"
    spec = "arxiv-rss:cs.CL"
    media = "application/rss+xml"

    def body(self, asked: dict[str, str]) -> bytes:
        items = "\n".join(
            f"""<item><title>{p.title}</title><link>https://arxiv.org/abs/{p.arxiv_id}</link>
<description>arXiv:{p.arxiv_id}v{p.version} Announce Type: new
Abstract: {escape(p.abstract)}</description><guid>oai:arXiv.org:{p.arxiv_id}v{p.version}</guid>
<pubDate>{p.at:%a, %d %b %Y} 00:00:00 -0500</pubDate><dc:creator>Ida Strand</dc:creator>
<category>cs.CL</category></item>"""
            for p in self.papers
        )
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>cs.CL</title>
<link>http://rss.arxiv.org/rss/cs.CL</link>
{items}</channel></rss>""".encode()


KINDS = (Arxiv, Daily, Archive, Scholar, Alex, Listed)


def crowd(*kinds: type[Service]) -> list[Service]:
    """Services, each with six papers of its own."""
    return [kind(some(6, 1_000 * n + 1)) for n, kind in enumerate(kinds)]


def papers_of(services: Sequence[Service]) -> list[Paper]:
    return [paper for service in services for paper in service.papers]


# --- The library ---------------------------------------------------------------------------------


class World:
    """A library that pulls from services, in a time that passes only when somebody waits."""

    def __init__(
        self, home: Path, monkeypatch: pytest.MonkeyPatch, stack: contextlib.ExitStack
    ) -> None:
        self.home = home
        self.clock = FakeClock()
        self.deadline = 60.0
        self._stack = stack
        self._patch = monkeypatch
        self._mirrors: list[str] = []

    def start(self, *services: Service, at: str = "127.0.0.1") -> None:
        """Each service on a server of its own."""
        for service in services:
            server = self._stack.enter_context(Loopback())
            server.on(service.path, service.reply)
            self._mirrors.append(f"{service.host}=http://{at}:{server.port}{service.prefix}")
        self._patch.setenv("CURATOR_MIRRORS", " ".join(self._mirrors))

    def run(self, *args: str, code: int) -> Result:
        result = inline(*args)
        assert result.code == code, (result.code, result.out, result.err)
        for text in (result.out, result.err):
            assert not re.search(r"Traceback|unforeseen|Error\(|<class|\w+Error\b", text), text
        return result

    def sync(self, *specs: str, code: int) -> Result:
        return self.run("sync", *specs, "--no-embed", "--json", code=code)

    def later(self, *services: Service, **time: float) -> None:
        """Time passes here and there."""
        self.clock.now += timedelta(**time).total_seconds()
        for service in services:
            service.now += timedelta(**time)

    def has(self, *papers: Paper) -> dict[str, Any]:
        """That just these papers are in the library, once each, and that all numbers add up."""
        assert sorted(self.texts()) == sorted((p.arxiv_id, p.abstract) for p in papers)
        found: dict[str, Any] = self.run("status", "--json", code=0).json
        entries = dict(found["entries"])
        assert entries.pop("all") == sum(entries.values())
        assert found["papers"] == found["words"] == len(papers)
        return found

    def texts(self) -> list[tuple[str, str]]:
        """arXiv id and abstract of each paper in the library."""
        with contextlib.closing(sqlite3.connect(self.home / "catalog.sqlite3")) as file:
            return file.execute("SELECT arxiv_id, abstract FROM papers").fetchall()

    def feed(self, spec: str) -> FeedRow:
        """What is on record of a feed, also of one that is not subscribed to."""
        with contextlib.closing(Catalog(self.home / "catalog.sqlite3")) as catalog:
            return catalog.feeds.get(spec)


@pytest.fixture
def world(
    no_network: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_catalog: Path
) -> Iterator[World]:
    """Its pages are short and its waits take no time; no name is looked up. A connection to
    another machine is refused by `no_network`, and makes the test fail even if it is refused
    in silence."""
    (tmp_path / "home").mkdir()
    shutil.copyfile(empty_catalog, tmp_path / "home" / "catalog.sqlite3")
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("typer.testing._get_command", _command)
    monkeypatch.setattr(arxiv, "PAGE", PAGE)
    monkeypatch.setattr(arxiv, "OVERLAP", 1)
    monkeypatch.setattr(openalex, "_PAGE", PAGE)
    called: list[Any] = []
    connect = socket.socket.connect

    def noted(sock: socket.socket, address: Any) -> None:
        called.append(address)
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    with contextlib.ExitStack() as stack:
        found = World(tmp_path / "home", monkeypatch, stack)
        make = Fetcher.__init__

        def quick(self: Fetcher, **options: Any) -> None:
            options |= {"clock": found.clock, "sleep": found.clock.sleep}
            make(self, **options, deadline=found.deadline, resolve=_resolve)

        class Today(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return datetime.fromtimestamp(found.clock.now, tz)

        monkeypatch.setattr(Fetcher, "__init__", quick)
        monkeypatch.setattr("curator.sources.base.datetime", Today)
        yield found
    assert all(address[0].startswith("127.") for address in called), called


_command = functools.cache(typer.main.get_command)  # takes longer to make than most of these runs


def _resolve(host: str) -> Sequence[str]:
    """Names as a test needs them; one is of an address inside."""
    known = {"localhost": ["127.0.0.1"], "inside.example.org": ["10.0.0.1"]}
    if host not in known:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")
    return known[host]


# --- One answer that is wrong --------------------------------------------------------------------

CAPTCHA = b"""<!DOCTYPE html><html><head><title>arXiv reCAPTCHA</title></head><body>
Please verify that you are human.</body></html>"""
LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;">]><feed xmlns="http://www.w3.org/2005/Atom"><title>&c;</title></feed>"""
REFUSED = b"""<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom">
<entry><id>http://arxiv.org/api/errors#sortBy_must_be_in</id><title>Error</title>
<summary>sortBy must be in: relevance, lastUpdatedDate, submittedDate</summary></entry></feed>"""


def half(body: bytes) -> bytes:
    return body[: len(body) // 2]


@pytest.mark.parametrize(
    ("faults", "waits"),
    [
        (
            {
                Arxiv: lambda _: status(500),
                Daily: lambda body: truncated(half(body)),
                Archive: lambda _: drop(),
                Scholar: lambda _: status(429),
                Alex: lambda _: status(503, retry_after=30),
            },
            30,
        ),
        (
            {
                # The length is right, but the document ends in the middle.
                Arxiv: lambda body: ok(half(body)),
                Archive: lambda body: chunked_cut(half(body)),
                Alex: lambda body: gzipped(body, cut=20),
            },
            0,
        ),
    ],
)
def test_a_fault_that_passes_is_not_noticed(
    world: World, faults: dict[type[Service], Wrong], waits: float
) -> None:
    services = crowd(*faults)
    world.start(*services)
    for service, wrong in zip(services, faults.values(), strict=True):
        service.wrong[2] = wrong
    world.sync(*(service.spec for service in services), code=0)
    assert waits <= sum(world.clock.slept) <= waits + 2 * len(faults)
    for service in services:
        assert service.asked[1] == service.asked[2]
        assert world.feed(service.spec).cursor is None
    world.has(*papers_of(services))


@pytest.mark.parametrize(
    "faults",
    [
        {
            Arxiv: (lambda _: ok(CAPTCHA, "text/html"), "asks for proof of being human"),
            Daily: (lambda _: ok(CAPTCHA, "text/html"), "Hugging Face answered with something"),
            Archive: (lambda _: ok(b""), "It is empty"),
            Scholar: (lambda _: raw(b"SSH-2.0-Harbour\r\n\r\n"), "not HTTP"),
            Alex: (lambda _: status(403, "no"), "answered 403 (forbidden)"),
            Listed: (lambda _: bomb(20_000_000), "expands more than 300-fold"),
        },
        {
            Arxiv: (lambda _: status(400, REFUSED), "sortBy must be in: relevance"),
            Daily: (lambda body: ok(half(body)), "not valid JSON"),
            Alex: (lambda _: ok(b'{"error": "busy"}'), "with no list of works"),
            Listed: (lambda _: ok(LAUGHS), "declares entities"),
        },
        {Arxiv: (lambda _: ok(REFUSED), "sortBy must be in: relevance")},
        {Arxiv: (lambda _: status(429, retry_after=5_000), "asks to wait 83 min")},
    ],
)
def test_a_fault_that_ends_a_reading_costs_nothing(
    world: World, faults: dict[type[Service], tuple[Wrong, str]]
) -> None:
    """What came before it is kept, and the next sync asks for what is missing, no more."""
    services = crowd(*faults)
    world.start(*services)
    for service, (wrong, _) in zip(services, faults.values(), strict=True):
        service.wrong[1 if isinstance(service, Listed) else 2] = wrong
    specs = [service.spec for service in services]
    result = world.sync(*specs, code=1)
    asked = [len(service.asked) for service in services]
    for service, told in zip(services, result.json["feeds"], strict=True):
        said = faults[type(service)][1]
        assert said in told["error"]
        assert re.search(f"Failed: {re.escape(service.spec)}: .*{re.escape(said)}", result.err)
        assert told["added"] == {Listed: 0, Daily: 2}.get(type(service), PAGE)
        row = world.feed(service.spec)
        assert (row.cursor is None) is isinstance(service, Listed)
        assert (row.failures, row.last_success, row.since) == (1, None, None)
    assert len(world.texts()) == sum(told["added"] for told in result.json["feeds"])
    assert world.clock.slept == []
    world.later(hours=2)
    world.sync(*specs, code=0)
    for service, before in zip(services, asked, strict=True):
        assert service.asked[before] == service.asked[before - 1]
        assert isinstance(service, Listed) or service.asked[0] not in service.asked[1:]
        row = world.feed(service.spec)
        assert (row.cursor, row.failures, row.error) == (None, 0, "")
    world.has(*papers_of(services))


def test_nobody_is_led_to_where_nobody_should_go(world: World) -> None:
    services = [kind(some(6)) for kind in (Arxiv, Daily, Scholar, Alex)]
    world.start(*services)
    led = (
        ("http://169.254.169.254/latest", "where cloud machines keep their keys"),
        ("http://10.0.0.1/", "it is in a private network"),
        ("http://inside.example.org/", "it is in a private network"),
        ("file:///etc/passwd", "only http and https are"),
    )
    for service, (address, _) in zip(services, led, strict=True):
        service.wrong[2] = lambda _, to=address: redirect(to)  # type: ignore[misc]
    specs = [service.spec for service in services]
    result = world.sync(*specs, code=1)
    for feed, (_, said) in zip(result.json["feeds"], led, strict=True):
        assert said in feed["error"]
    world.sync(*specs, code=0)
    assert all(service.asked[1] == service.asked[2] for service in services)
    world.has(*some(6))


def test_who_lets_private_addresses_through_is_not_led_to_a_clouds_keys(
    world: World, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATOR_ALLOW_PRIVATE", "1")
    body = Listed(some(2)).body({})
    spec = f"rss:{loopback.on('/feed', redirect('http://169.254.169.254/latest'), ok(body))}"
    assert "keep their keys" in world.sync(spec, code=1).err
    world.sync(spec, code=0)
    world.has(*some(2))


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        (Archive, lambda _: status(500), "answered 500 (internal server error) (tried 5 times)"),
        (Arxiv, truncated, "cut off in the middle"),
        (Daily, lambda _: status(503, retry_after=40), "answered 503"),
        (Arxiv, lambda _: ok(LAUGHS), "declares entities"),
    ],
)
def test_a_fault_that_stays(world: World, kind: type[Service], wrong: Wrong, said: str) -> None:
    """It is said each time, and each time the reading stays where it is."""
    service = kind(some(6))
    world.start(service)
    world.run("subscribe", service.spec, code=0)
    service.always = lambda body: wrong(body) if len(service.asked) > 1 else ok(body)
    first = world.sync(code=1)
    assert said in first.err
    cursor, asked = world.feed(service.spec).cursor, len(service.asked)
    assert cursor is not None and asked <= 6 and sum(world.clock.slept) <= 120
    world.sync(code=1)
    assert world.feed(service.spec).cursor == cursor
    assert service.asked[0] not in service.asked[1:]
    (told,) = world.run("feeds", "--json", code=0).json
    assert (told["unfinished"], told["failures"]) == (True, 2) and said in told["error"]
    assert "goes on from there" in world.run("feeds", code=0).out
    service.always = None
    world.sync(code=0)
    assert service.asked[0] not in service.asked[1:]
    world.has(*some(6))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda _: hang(), "did not answer the request (tried 5 times)"),
        (lambda body: drip(body, 0.02), "too slowly to go on waiting"),
    ],
)
def test_a_service_that_says_nothing_holds_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch, wrong: Wrong, said: str
) -> None:
    service = Daily(some(6))
    world.start(service)
    service.always = lambda body: wrong(body) if len(service.asked) > 1 else ok(body)
    with monkeypatch.context() as patch:
        patch.setattr(wire, "READ_SECONDS", 0.1)
        world.deadline = 0.6
        assert said in world.sync(service.spec, code=1).err
    service.always, world.deadline = None, 60.0
    world.sync(service.spec, code=0)
    assert service.asked[0] not in service.asked[1:]
    world.has(*some(6))


def test_a_storm_of_refusals_ends_soon_and_is_left_alone(world: World) -> None:
    service = Scholar(some(6))
    world.start(service)
    service.always = lambda body: status(429) if len(service.asked) > 1 else ok(body)
    assert "429 (too many requests)" in world.sync(service.spec, code=1).err
    assert len(service.asked) == 6
    assert "is left alone until" in world.sync(service.spec, code=1).err
    assert len(service.asked) == 6  # not even one more
    service.always = None
    world.later(minutes=6)
    world.sync(service.spec, code=0)
    assert service.asked[6] == service.asked[1]
    world.has(*some(6))


def test_a_service_that_asks_for_time_gets_it(world: World) -> None:
    service = Arxiv(some(6))
    world.start(service)
    service.wrong[2] = lambda _: status(429, retry_after=5_000)
    world.sync(service.spec, code=1)
    world.later(minutes=80)
    assert "longer than this command waits" in world.sync(service.spec, code=1).err
    assert len(service.asked) == 2
    world.later(minutes=2)  # the rest is waited for
    result = world.sync(service.spec, code=0)
    assert "Waiting " in result.err and sum(world.clock.slept) == pytest.approx(80, abs=1)
    world.has(*some(6))


# --- Documents that are not what they say --------------------------------------------------------


def test_bytes_of_another_encoding_than_declared(world: World) -> None:
    """Nothing is guessed: those papers are named, and come in when they can be read."""
    fixed = some(6)
    broken = [
        replace(paper, said=paper.abstract.replace("boats", "båter")) if paper.number > 3 else paper
        for paper in fixed
    ]
    service = Archive(broken)
    world.start(service)
    service.always = lambda body: ok(body.decode().encode("latin-1"))
    result = world.sync(service.spec, code=0)
    rejected = result.json["feeds"][0]["rejected"]
    assert [r["where"][-10:] for r in rejected] == [p.arxiv_id for p in broken[3:]]
    assert all("bytes that are not UTF-8: On Boats" in r["reason"] for r in rejected)
    assert "curator status --failed" in result.err
    world.has(*fixed[:3])
    service.always = None
    world.sync(service.spec, code=0)
    found = world.has(*broken)
    assert found["entries"]["added"] == 6


def test_an_encoding_that_is_a_lie(world: World) -> None:
    """What reads as UTF-8 is no Latin-1: nobody writes such letters one after the other."""
    papers = [replace(paper, said=paper.abstract.replace("boats", "båter")) for paper in some(2)]
    service = Archive(papers)
    world.start(service)
    service.always = lambda body: ok(body.replace(b'"UTF-8"', b'"ISO-8859-1"'))
    world.sync(service.spec, code=0)
    world.has(*papers)


@pytest.mark.parametrize("kind", [Arxiv, Listed])
def test_encodings_that_are_what_they_say(world: World, kind: type[Service]) -> None:
    papers = [replace(paper, said=paper.abstract.replace("boats", "båter")) for paper in some(3)]
    service = kind(papers)
    world.start(service)
    service.always = lambda body: ok(
        body.decode().replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16"),
        "application/xml; charset=iso-8859-1",
    )
    world.sync(service.spec, code=0)
    world.has(*papers)


def test_a_list_with_talk_where_abstracts_should_be(world: World, loopback: Loopback) -> None:
    """What people wrote under a paper does not become its abstract; the service's own does."""
    talk = "Excited to share our new paper! Code: https://example.org/x 🚀"
    papers = [Paper(1), replace(Paper(2), said=talk)]
    cards = [
        {
            "title": paper.title,
            "paper_url": f"https://huggingface.co/papers/{paper.arxiv_id}",
            "scraped_date": "2026-11-16",
            "details": {"abstract": paper.abstract * (2 if paper.number == 1 else 1)},
        }
        for paper in papers
    ]
    loopback.on("/scrape.json", ok(json.dumps(cards), "application/json"))
    daily = Daily(some(2))
    world.start(daily)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CURATOR_ALLOW_PRIVATE", "1")
        result = world.run("add", loopback.at("/scrape.json"), "--no-embed", "--json", code=1)
    (rejected,) = result.json["rejected"]
    assert "looks like a comment" in rejected["reason"] and "hf:2026-11-16" in rejected["reason"]
    assert result.json["added"] == 1
    result = world.run("add", "hf:2026-11-16", "--no-embed", "--json", code=0)
    assert (result.json["added"], result.json["rejected"]) == (1, [])
    world.has(*some(2))


def test_what_stands_before_a_break_is_taken_in(world: World) -> None:
    """The message says so, and the document may never come whole."""
    service = Listed(some(4))
    world.start(service)
    service.always = lambda body: ok(body[: body.index(b"<guid>oai:arXiv.org:2611.00003")])
    result = world.sync(service.spec, code=1)
    assert "It ends in the middle. What comes before was read." in result.err
    world.has(*some(2))
    service.always = None
    world.sync(service.spec, code=0)
    world.has(*some(4))


def test_a_record_that_breaks_its_page_costs_no_other(world: World) -> None:
    """It would stop the harvest there for good."""
    service = Archive(some(11))
    world.start(service)
    service.always = lambda body: ok(body.replace(b"of harbour 6 at", b"of <harbour 6 at"))
    inline("sync", service.spec, "--no-embed")
    world.has(*(paper for paper in some(11) if paper.number != 6))
    rejected = world.run("status", "--failed", "--json", code=0).json["rejections"]
    assert [row["place"] for row in rejected] == ["record oai:arXiv.org:2611.00006"]


# --- Lists that do not hold still ----------------------------------------------------------------


def test_an_empty_feed_is_no_fault(world: World) -> None:
    services = [kind() for kind in KINDS]
    world.start(*services)
    specs = [service.spec for service in services]
    result = world.sync(*specs, code=5)
    assert (result.json["new"], result.err) == (0, "")
    for spec in specs:
        row = world.feed(spec)
        assert row.last_success and not row.error and row.cursor is None
    for number, service in enumerate(services, start=1):
        service.papers = some(1, number)
    world.sync(*specs, code=0)
    world.has(*some(len(KINDS)))


def reply_as(change: Callable[[], object], service: Service) -> Wrong:
    """The right answer, after something has changed."""

    def wrong(_: bytes) -> Reply:
        change()
        return ok(service.body(service.asked[-1]), service.media)

    return wrong


def test_papers_that_come_in_while_the_lists_are_read(world: World) -> None:
    """They push others to the next page, or come at the end."""
    services = crowd(Arxiv, Archive, Scholar, Alex)
    world.start(*services)
    services[3].papers.reverse()  # the newest first
    for n, service in enumerate(services):
        place = 0 if isinstance(service, Alex) else len(service.papers)
        new = (place, Paper(1_000 * n + 11))
        comes = functools.partial(service.papers.insert, *new)
        service.wrong[2] = reply_as(comes, service)
    specs = [service.spec for service in services]
    world.sync(*specs, code=0)
    again = world.sync(*specs, code=0).json["feeds"]
    assert [told["added"] for told in again] == [0, 0, 1, 1]
    found = world.has(*papers_of(services))
    assert found["entries"]["added"] == found["entries"]["all"] == 28


def test_papers_that_are_taken_back_while_the_list_is_read(world: World) -> None:
    """Those behind move up, onto the page that was read."""
    service = Arxiv(some(8))
    world.start(service)
    service.wrong[2] = reply_as(lambda: service.papers.pop(0), service)
    world.sync(service.spec, code=0)
    world.has(*some(8))


@pytest.mark.parametrize("kind", [Arxiv, Scholar])
def test_the_same_page_twice(world: World, kind: type[Service]) -> None:
    service = kind(some(7))
    world.start(service)
    pages: list[bytes] = []
    service.wrong[1] = lambda body: pages.append(body) or ok(body)  # type: ignore[func-returns-value]
    service.wrong[2] = lambda _: ok(pages[0])
    result = world.sync(service.spec, code=0 if kind is Arxiv else 1)
    if kind is Scholar:  # its token leads back to the same page
        assert "the same page again" in result.err
        world.sync(service.spec, code=0)
    found = world.has(*some(7))
    assert found["entries"]["all"] == 7


def test_an_empty_page_in_the_middle_is_asked_for_again(world: World) -> None:
    service = Arxiv(some(6))
    world.start(service)
    empty = ok(atom([], total=6, start=3))
    service.wrong[2] = service.wrong[3] = lambda _: empty
    world.sync(service.spec, code=0)
    world.has(*some(6))
    service.papers += some(3, 7)
    asked = len(service.asked)
    service.always = lambda body: ok(atom([], total=9, start=3)) if ask(service, 3) else ok(body)
    assert "an empty page after 3 of 9 results" in world.sync(service.spec, code=1).err
    assert len(service.asked) == asked + 5
    service.always = None
    world.sync(service.spec, code=0)
    world.has(*some(9))


def ask(service: Service, start: int) -> bool:
    return service.asked[-1].get("start") == str(start)


def test_an_empty_page_that_stays_for_some_syncs_loses_nothing(world: World) -> None:
    """Also what is too old for the next reading to come by it again."""
    service = Arxiv(some(9, 100))
    service.spec = "arxiv:cs.CL@2026-01-01"
    world.start(service)
    service.always = lambda body: ok(atom([], total=9, start=3)) if ask(service, 3) else ok(body)
    for _ in range(3):
        inline("sync", service.spec, "--no-embed")
    service.always = None
    world.sync(service.spec, code=0)
    world.has(*service.papers)


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (Archive, 0),
        (Archive, 3),
        (Scholar, 0),
        (Scholar, 3),
        (Alex, 0),
        (Alex, 3),
    ],
)
def test_an_empty_or_short_page_in_the_middle_is_not_the_end(
    world: World, kind: type[Service], size: int
) -> None:
    """The list says that it goes on."""
    service = kind(some(10))
    world.start(service)
    service.wrong[2] = lambda body: thinned(body, size)
    world.sync(service.spec, code=0)
    assert len(world.texts()) == 6 + size


def thinned(body: bytes, size: int) -> Reply:
    if body.startswith(b"<"):
        gone = iter([False] * size)
        records = rb"<record>.*?</record>"
        return ok(re.sub(records, lambda m: b"" if next(gone, True) else m[0], body, flags=re.S))
    value = json.loads(body)
    return ok(
        json.dumps({**value, **{n: value[n][:size] for n in ("data", "results") if n in value}})
    )


def test_a_day_that_was_empty_by_mistake_is_read_again(world: World) -> None:
    service = Daily(some(6))
    service.spec = "hf:daily"
    world.start(service)
    service.always = lambda body: ok(
        b"[]" if service.asked[-1]["date"] == "2026-11-17" else body, service.media
    )
    world.sync(service.spec, code=0)
    assert len(world.texts()) == 2
    service.always = None
    world.later(service, days=1)
    world.sync(service.spec, code=0)
    world.has(*some(6))


@pytest.mark.parametrize("total", [5, None])
def test_a_total_that_is_too_low_hides_nothing(world: World, total: int | None) -> None:
    service = Arxiv(some(11))
    world.start(service)
    said = b"" if total is None else b"<totalResults>%d</totalResults>" % total
    service.always = lambda body: ok(re.sub(rb"<opensearch:total.*Results>", said, body))
    world.sync(service.spec, code=0)
    world.has(*some(11))


def test_a_total_that_is_too_high_for_a_while(world: World) -> None:
    """Nothing shows that it is a lie: it is said, and the reading goes on when it is none."""
    service = Arxiv(some(6))
    world.start(service)
    service.total = 9
    assert "an empty page after 6 of 9 results" in world.sync(service.spec, code=1).err
    world.has(*some(6))
    service.total = None
    world.sync(service.spec, code=5)
    assert service.asked[0] not in service.asked[1:]
    world.has(*some(6))


def test_a_total_that_is_always_too_high_hides_no_new_paper(world: World) -> None:
    service = Arxiv(some(6))
    world.start(service)
    service.always = lambda body: ok(
        re.sub(rb"Results>(\d+)<", lambda match: b"Results>%d<" % (int(match[1]) + 3), body)
    )
    for day in range(4):
        inline("sync", service.spec, "--no-embed")
        world.later(service, days=2)
        service.papers += some(2, 12 + 12 * day)
    inline("sync", service.spec, "--no-embed")
    world.has(*service.papers)


@pytest.mark.parametrize("kind", [Scholar, Alex])
def test_a_list_without_end_hides_no_new_paper(world: World, kind: type[Service]) -> None:
    """It says that it goes on, and has nothing more."""
    service = kind(some(6))
    world.start(service)
    places = iter(range(1_000))

    def endless(body: bytes) -> Reply:
        value = json.loads(body)
        if "meta" in value:
            value["meta"]["count"] += 1_000
        else:
            value["token"] = value["token"] or f"0|{100 + next(places)}"
        return ok(json.dumps(value))

    service.always = endless
    assert "empty pages" in world.sync(service.spec, code=1).err
    assert len(service.asked) < 10
    service.papers.append(Paper(11))
    world.sync(service.spec, code=1)
    world.has(*some(6), Paper(11))


# --- Places that are no longer known -------------------------------------------------------------


@pytest.mark.parametrize("when", ["between two syncs", "in the middle of one"])
def test_a_token_that_expires(world: World, when: str) -> None:
    """The harvest goes on from the day that it had reached, not from its beginning."""
    service = Archive(some(11))
    world.start(service)

    def expire(_: bytes) -> Reply:
        service.generation += 1
        return status(503) if when.startswith("between") else ok(service.body(service.asked[-1]))

    service.always = lambda body: expire(body) if len(service.asked) == 3 else ok(body)
    if when.startswith("between"):
        service.always = lambda body: status(503) if len(service.asked) > 2 else ok(body)
        world.sync(service.spec, code=1)
        service.generation, service.always = 1, None
    world.sync(service.spec, code=0)
    begun = [asked["from"] for asked in service.asked if "from" in asked]
    assert begun == ["2026-11-11", "2026-11-17"]
    found = world.has(*some(11))
    assert found["entries"]["all"] == 11


@pytest.mark.parametrize(("kind", "code"), [(Archive, 400), (Archive, 410), (Scholar, 400)])
def test_a_place_that_is_refused_is_no_dead_end(
    world: World, kind: type[Service], code: int
) -> None:
    """Not all who forget a token say so in the words of their protocol."""
    service = kind(some(11))
    world.start(service)
    service.always = lambda body: status(403) if len(service.asked) > 2 else ok(body)
    world.sync(service.spec, code=1)
    service.generation = 1

    def forgetful(body: bytes) -> Reply:
        token = service.asked[-1].get("resumptionToken") or service.asked[-1].get("token") or ""
        return status(code) if token.startswith("0") else ok(body)

    service.always = forgetful
    world.sync(service.spec, code=0)
    world.has(*some(11))


@pytest.mark.parametrize("kind", [Archive, Scholar])
def test_a_list_that_leads_round_in_circles_ends(world: World, kind: type[Service]) -> None:
    service = kind(some(11))
    world.start(service)
    back: Wrong = lambda body: ok(  # noqa: E731
        body.replace(b"></resumptionToken>", b">0|2026-11-11|4</resumptionToken>").replace(
            b'"token": null', b'"token": "0|4"'
        )
    )
    service.always = lambda body: back(body) if len(service.asked) < 50 else status(500)
    assert "round in circles" in world.sync(service.spec, code=1).err
    assert len(service.asked) < 12
    service.always = None
    world.sync(service.spec, code=5)
    world.has(*some(11))


# --- Clocks --------------------------------------------------------------------------------------

YEAR = timedelta(days=365)


@pytest.mark.parametrize("ours", [YEAR, -YEAR])
def test_our_clock_was_a_year_off(world: World, ours: timedelta) -> None:
    services = crowd(Arxiv, Archive, Scholar)
    world.start(*services)
    specs = [service.spec for service in services]
    world.clock.now += ours.total_seconds()
    for _ in range(2):
        inline("sync", *specs, "--no-embed")
    world.clock.now = START
    for n, service in enumerate(services):
        service.papers += some(3, 1_000 * n + 12)
    world.later(*services, days=1)
    world.sync(*specs, code=0)
    world.has(*papers_of(services))
    assert all((world.feed(spec).since or "").startswith("2026-11-19") for spec in specs)


@pytest.mark.parametrize("ours", [30, -30])
def test_our_clock_was_a_month_off_when_days_were_read(world: World, ours: float) -> None:
    """Days to come are an error there."""
    service = Daily(some(6))
    service.spec = "hf:daily"
    service.always = lambda body: (
        ok(body) if service.asked[-1]["date"] <= f"{service.now:%Y-%m-%d}" else status(400)
    )
    world.start(service)
    world.sync(service.spec, code=0)
    world.later(days=ours)
    world.sync(service.spec, code=1 if ours > 0 else 5)
    world.later(days=-ours)
    service.papers += some(6, 12)  # some of them still today
    for _ in range(2):
        world.later(service, days=1)
        inline("sync", service.spec, "--no-embed")
    world.has(*service.papers)


@pytest.mark.parametrize("theirs", [YEAR, -YEAR])
def test_the_clock_of_a_service_is_a_year_off(world: World, theirs: timedelta) -> None:
    services = crowd(Arxiv, Archive)
    for service in services:
        service.now += theirs
    world.start(*services)
    specs = [service.spec for service in services]
    world.sync(*specs, code=0)
    world.sync(*specs, code=5)
    for n, service in enumerate(services):
        service.papers += some(3, 1_000 * n + 12)
    world.later(*services, days=1)
    world.sync(*specs, code=0)
    world.has(*papers_of(services))


def test_a_date_that_is_none_does_not_stop_the_reading_of_what_is_new(world: World) -> None:
    service = Archive(some(6))
    service.always = lambda body: ok(re.sub(rb"Date>[^<]*<", b"Date>yesterday<", body))
    world.start(service)
    world.sync(service.spec, code=0)
    assert world.feed(service.spec).since is None
    service.papers += some(3, 12)
    world.later(service, days=1)
    world.sync(service.spec, code=0)
    world.has(*service.papers)


# --- The same paper again ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Arxiv, Archive, Daily])
def test_new_versions(world: World, kind: type[Service]) -> None:
    """Several papers get a new text: they stay the papers that they are."""
    service = kind(some(5))
    world.start(service)
    world.sync(service.spec, code=0)
    service.papers = [replace(p, version=2) if p.number in (2, 4) else p for p in service.papers]
    result = world.sync(service.spec, code=0)
    (told,) = result.json["feeds"]
    assert (result.json["new"], told["added"], told["updated"], told["unchanged"]) == (2, 0, 2, 3)
    world.sync(service.spec, code=5)
    found = world.has(*service.papers)
    assert found["entries"] == {
        **{"added": 5, "updated": 2, "merged": 0, "rejected": 0, "mended": 0, "all": 7}
    }
    for number in (2, 4):
        shown = world.run("show", f"2611.{number:05d}", "--versions", "--json", code=0).json
        one, two = shown["versions"]
        assert (one["title"], two["title"]) == (f"On Boats in Harbour {number}",) * 2
        assert (one["abstract"], two["abstract"]) == (
            Paper(number).abstract,
            Paper(number, version=2).abstract,
        )
        (edit,) = two["changes"]
        assert (edit["before"], edit["after"]) == ("1", "2")
        if kind is Arxiv:
            assert (one["arxiv_version"], two["arxiv_version"]) == (1, 2)
    assert "Version [-1-]{+2+}" in world.run("show", "2611.00002", "--versions", code=0).out


def test_what_changes_around_a_paper_makes_no_new_one(world: World) -> None:
    """Votes, and what a model says of it: each reading has others."""
    service = Daily(some(6))
    world.start(service)
    world.sync(service.spec, code=0)
    for day in range(3):
        service.always = lambda body, n=day: ok(
            body.replace(b'"upvotes": 7', b'"upvotes": 7, "numComments": %d' % n)
        )
        (told,) = world.sync(service.spec, code=5).json["feeds"]
        assert (told["added"], told["updated"], told["unchanged"]) == (0, 0, 6)
    found = world.has(*some(6))
    assert found["entries"]["added"] == 6
    for paper in some(6):
        (seen,) = world.run("show", paper.arxiv_id, "--json", code=0).json["seen"]
        assert seen["place"].endswith(paper.arxiv_id)


def test_more_votes_are_nothing_new(world: World) -> None:
    service = Daily(some(2))
    world.start(service)
    world.sync(service.spec, code=0)
    service.always = lambda body: ok(body.replace(b'"upvotes": 7', b'"upvotes": 9'))
    assert world.sync(service.spec, code=5).json["new"] == 0
    assert {row["upvotes"] for row in world.run("export", code=0).lines} == {9}


def test_a_paper_without_votes_is_not_updated_again_and_again(world: World) -> None:
    service = Daily(some(2))
    world.start(service)
    service.always = lambda body: ok(body.replace(b'"upvotes": 7', b'"upvotes": 0'))
    world.sync(service.spec, code=0)
    (told,) = world.sync(service.spec, code=5).json["feeds"]
    assert (told["updated"], told["unchanged"]) == (0, 2)


def test_one_paper_of_many_feeds(world: World) -> None:
    services = [kind(some(3)) for kind in KINDS]
    world.start(*services)
    specs = [service.spec for service in services]
    result = world.sync(*specs, code=0)
    assert [feed["added"] for feed in result.json["feeds"]] == [3, 0, 0, 0, 0, 0]
    world.sync(*specs, code=5)
    found = world.has(*some(3))
    assert (found["entries"]["added"], found["entries"]["all"]) == (3, 18)
    shown = world.run("show", "2611.00002", "--json", code=0).json
    assert [seen["source"] for seen in shown["seen"]] == specs


def test_a_feed_that_has_not_changed_says_so(world: World) -> None:
    listed, daily = Listed(some(3)), Daily(some(3))
    daily.spec = "hf:2026-11-16"
    conditions: list[tuple[str | None, str | None]] = []

    def unchanged(body: bytes) -> Reply:
        def reply(handler: Handler) -> None:
            given = handler.headers.get("If-None-Match")
            conditions.append((given, etag))
            same = given == etag
            send(handler, 304 if same else 200, b"" if same else body, {"ETag": etag})

        etag = f'"{len(body)}"'
        return reply

    listed.always = daily.always = unchanged
    world.start(listed, daily)
    world.sync(listed.spec, daily.spec, code=0)
    result = world.sync(listed.spec, daily.spec, code=5)
    assert conditions[:2] == [(None, conditions[0][1]), (None, conditions[1][1])]
    assert conditions[2:] == [(etag, etag) for _, etag in conditions[:2]]
    assert [feed["unchanged"] for feed in result.json["feeds"]] == [0, 0]
    assert not any(feed["error"] for feed in result.json["feeds"])
    listed.papers.append(Paper(4))
    world.sync(listed.spec, daily.spec, code=0)
    world.has(*some(4))


# --- Several feeds -------------------------------------------------------------------------------


def test_a_broken_feed_does_not_keep_the_others_from_being_read(world: World) -> None:
    bad, good, last = Arxiv(some(6)), Archive(some(2, 7)), Alex(some(2, 9))
    world.start(bad)
    world.start(good, last, at="localhost")
    specs = [bad.spec, good.spec, last.spec]
    world.run("subscribe", *specs, code=0)
    bad.wrong[2] = lambda _: status(429, retry_after=5_000)
    result = world.sync(code=1)
    assert [bool(feed["error"]) for feed in result.json["feeds"]] == [True, False, False]
    assert result.json["new"] == 8
    assert result.err.count("Failed: ") == 1
    lines = world.run("feeds", code=0).out.splitlines()
    assert len(lines) == 5 and "failed 1x" in lines[2]
    (told,) = [f for f in world.run("status", "--json", code=0).json["feeds"] if f["error"]]
    assert told["feed"] == bad.spec
    world.later(hours=2)
    world.sync(code=0)
    world.has(*some(10))


def test_one_subscription_that_cannot_be_read_any_more(world: World) -> None:
    """One that an older version knew, say."""
    service = Arxiv(some(2))
    world.start(service)
    with Library.open() as library:
        library.catalog.feeds.subscribe("gone:feed")
    world.run("subscribe", service.spec, code=0)
    result = world.sync(code=1)
    assert "There is no feed 'gone'" in result.err
    world.has(*some(2))
    assert world.feed("gone:feed").failures == 1
    world.run("unsubscribe", "gone:feed", code=0)
    world.sync(code=5)


def test_a_key_that_cannot_be_sent_is_one_feeds_trouble(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CURATOR_S2_API_KEY", "schlüssel")
    scholar, service = Scholar(some(2)), Arxiv(some(2))
    world.start(scholar, service)
    assert "characters that cannot be sent" in world.sync(scholar.spec, service.spec, code=1).err
    assert not scholar.asked
    world.has(*some(2))


def test_usage(world: World) -> None:
    service = Arxiv(some(2))
    world.start(service)
    assert "no feeds to pull" in world.run("sync", "--no-embed", code=2).err
    assert "no feed 'nonsense'" in world.run("sync", service.spec, "nonsense:x", code=2).err
    assert "is not a feed" in world.run("sync", "papers.bib", code=2).err
    assert service.asked == []  # nothing is pulled before all of it is known to make sense
    world.run("subscribe", "arxiv:nonsense.XX", code=2)
    world.run("unsubscribe", service.spec, code=2)
    world.has()


def test_unsubscribing_forgets_how_far_a_feed_was_read(world: World) -> None:
    service = Scholar(some(6))
    world.start(service)
    world.run("subscribe", service.spec, code=0)
    service.wrong[2] = lambda _: status(404)
    world.sync(code=1)
    world.run("unsubscribe", service.spec, code=0)
    assert world.run("feeds", "--json", code=0).json == []
    world.has(*some(6)[2:])
    assert "Already" not in world.run("subscribe", service.spec, code=0).out
    asked = len(service.asked)
    world.sync(code=0)
    assert service.asked[asked] == service.asked[0]
    world.has(*some(6))
    world.run("unsubscribe", service.spec, code=0)
    world.run("subscribe", service.spec, code=0)
    (told,) = world.sync(code=5).json["feeds"]
    assert told["unchanged"] == 6
    world.has(*some(6))


def test_unsubscribing_while_the_feed_is_read_holds(world: World) -> None:
    service = Scholar(some(6))
    world.start(service)
    world.run("subscribe", service.spec, code=0)

    def unsubscribe() -> None:
        file = Path(os.environ["CURATOR_HOME"]) / "catalog.sqlite3"
        with contextlib.closing(Catalog(file)) as catalog:
            assert catalog.feeds.unsubscribe(service.spec)

    service.wrong[2] = reply_as(unsubscribe, service)
    world.sync(code=0)
    assert world.run("feeds", "--json", code=0).json == []
    world.run("sync", "--no-embed", code=2)
    world.has(*some(6))


def test_single_papers(world: World) -> None:
    service = Arxiv(some(3))
    world.start(service)
    result = world.run("add", "arxiv:2611.00001,2611.00009", "--no-embed", "--json", code=1)
    assert result.json["added"] == 1
    (rejected,) = result.json["rejected"]
    assert (rejected["where"], rejected["reason"]) == (
        "arXiv:2611.00009",
        "arXiv has no paper of this number",
    )
    service.always = lambda _: status(400, REFUSED)
    assert "sortBy" in world.run("add", "arxiv:2611.00002", "--no-embed", code=1).err
    service.always = None
    world.run("add", "arxiv:2611.00002", "https://arxiv.org/abs/2611.00003", "--no-embed", code=0)
    world.has(*some(3))


# --- Ends that nobody chose ----------------------------------------------------------------------

# Runs the program in a process of its own, as often as it is told to: a fork of one that has all
# modules loaded already. It can be told to die in the middle of storing its second page.
RUNNER = """
import json, os, signal, sys
import curator.fetch.wire, curator.library, curator.sources.oai_feed
from curator import shelf
from curator.catalog.feeds import Feeds
from curator.cli.app import app

def dying(holder, name):
    def dies(*args, **options):
        dies.times += 1
        if dies.times == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*args, **options)
    step, dies.times = getattr(holder, name), 0
    setattr(holder, name, dies)

for line in sys.stdin:
    task = json.loads(line)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.chdir(task["folder"])
        os.environ.clear()
        os.environ.update(task["environment"])
        if task["dies"]:
            dying({"Feeds": Feeds, "shelf": shelf}[task["dies"][0]], task["dies"][1])
        app(task["args"])
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Runner:
    """Processes, one at a time; what they write on stderr goes to a file."""

    def __init__(self, errors: Path) -> None:
        self._errors = errors
        self._seen = 0
        with errors.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-c", RUNNER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def start(self, *args: str, dies: tuple[str, str] | None = None) -> int:
        """The number of the new process."""
        here = {"folder": str(Path.cwd()), "environment": dict(os.environ)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"args": args, "dies": dies, **here}) + "\n")
        self._process.stdin.flush()
        return self._line()

    def end(self) -> tuple[int, str]:
        """The exit code (-9: killed) and what was written on stderr."""
        code = self._line()
        said = self._errors.read_text("utf-8")[self._seen :]
        self._seen += len(said)
        assert "Traceback" not in said, said
        return code, said

    def _line(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with Runner(tmp_path_factory.mktemp("runner") / "stderr") as found:
        yield found


def test_killed_at_any_moment(world: World, runner: Runner) -> None:
    """While a page is stored, before the index has it, before it is asked for and while it
    comes: each page that was stored stays, and is not asked for again."""
    service = Archive(some(24))
    service.spec = "oai:cs@2026-11-01"  # the clock of another process is the real one
    world.start(service)

    def killing(sent: int) -> Wrong:
        def reply(handler: Handler, body: bytes) -> None:
            send(handler, 200, body[:sent], {"Content-Length": str(len(body))})
            os.kill(process, signal.SIGKILL)
            handler.close_connection = True

        return lambda body: lambda handler: reply(handler, body)

    stored = 0
    moments: tuple[tuple[tuple[str, str] | None, int | None], ...] = (
        (("Feeds", "advance"), None),
        (("shelf", "sync_words"), None),
        (None, 0),
        (None, 1_000),
    )
    for dies, sent in moments:
        if sent is not None:
            service.wrong[len(service.asked) + 2] = killing(sent)
        process = runner.start("sync", service.spec, "--no-embed", dies=dies)
        assert runner.end() == (-signal.SIGKILL, "")
        stored += 2 if dies == ("shelf", "sync_words") else 1
        assert len(world.texts()) == PAGE * stored
    world.sync(service.spec, code=0)
    places = [int(asked.get("resumptionToken", "0").rpartition("|")[2]) for asked in service.asked]
    assert [place // PAGE + 1 for place in places] == [1, 2, 2, 3, 4, 5, 5, 6, 6]
    found = world.has(*some(24))
    assert found["entries"]["all"] == found["entries"]["added"] == 24


def test_interrupted_while_another_sync_would_like_to_begin(world: World, runner: Runner) -> None:
    service = Archive(some(6))
    service.spec = "oai:cs@2026-11-01"
    world.start(service)
    reached = threading.Event()

    def holding(_: bytes) -> Reply:
        reached.set()
        return hang()

    service.wrong[2] = holding
    process = runner.start("sync", service.spec, "--no-embed")
    assert reached.wait(30)
    second = world.sync(service.spec, code=3)
    assert "Another process is pulling" in second.err and "Wait for it" in second.err
    assert len(service.asked) == 2
    os.kill(process, signal.SIGINT)
    code, said = runner.end()
    assert code == 130 and "run the command again" in said
    world.has(*some(4))
    world.sync(service.spec, code=0)
    assert service.asked[2] == service.asked[1]
    world.has(*some(6))


# --- Recorded answers ----------------------------------------------------------------------------


class Replayed(Archive):
    def body(self, asked: dict[str, str]) -> bytes:
        return b""


@pytest.mark.seeds
@pytest.mark.skipif(not FORMATS.is_dir(), reason="../shared is absent")
class TestRecorded:
    """What services did answer, read in place."""

    def test_arxiv_page_after_page(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sixty results of a search for `testing`, of which it has 214,881."""
        monkeypatch.setattr(arxiv, "PAGE", 10)
        monkeypatch.setattr(arxiv, "OVERLAP", 0)
        pages = {
            int(found[1]): file.read_bytes()
            for file in (FORMATS / "arxiv_atom").glob("q_testing_s*_m10_*.xml")
            if (found := re.search(r"_s(\d+0|0)_", file.name))
        }
        assert sorted(pages) == [0, 10, 20, 30, 40, 50]
        service = Arxiv()
        service.spec = "arxiv:testing@2000-01-01"

        def page(_: bytes) -> Reply:
            recorded = pages.get(int(service.asked[-1]["start"]), atom([], total=60, start=60))
            return ok(re.sub(rb"totalResults>\d+<", b"totalResults>60<", recorded))

        service.always = page
        service.wrong[3] = lambda _: status(404)
        world.start(service)
        world.sync(service.spec, code=1)
        rows = world.run("export", code=0).lines
        assert len(rows) == 20
        world.sync(service.spec, code=0)
        assert [int(asked["start"]) for asked in service.asked] == [0, 10, 20, 20, 30, 40, 50, 60]
        rows = world.run("export", code=0).lines
        names = [row["arxiv_id"] for row in rows]
        said = re.findall(rb"<id>http://arxiv.org/abs/(.+?)v\d+</id>", b"".join(pages.values()))
        assert sorted(names) == sorted({name.decode() for name in said})
        assert all(len(row["abstract"]) > 100 and row["authors"] for row in rows)

    def test_the_captcha_that_arxiv_sent(self, world: World) -> None:
        page = (FORMATS / "arxiv_atom" / "xiv_captcha.html").read_bytes()
        service = Arxiv(some(6))
        service.wrong[2] = lambda _: ok(page, "text/html")
        world.start(service)
        assert "proof of being human" in world.sync(service.spec, code=1).err
        world.sync(service.spec, code=0)
        world.has(*some(6))

    def test_a_day_of_hugging_face(self, world: World) -> None:
        day = (FORMATS / "hf_daily_papers" / "api_daily_papers_2026-06.json").read_bytes()
        service = Daily()
        service.spec = "hf:2026-06-12"
        service.always = lambda _: ok(day, service.media)
        service.wrong[1] = lambda _: truncated(half(day))
        world.start(service)
        (told,) = world.sync(service.spec, code=0).json["feeds"]
        assert (told["added"], told["rejected"]) == (30, [])
        (told,) = world.sync(service.spec, code=5).json["feeds"]
        assert told["unchanged"] == 30
        rows = world.run("export", code=0).lines
        wanted = {item["paper"]["id"] for item in json.loads(day)}
        assert {row["arxiv_id"] for row in rows} == wanted and len(rows) == 30

    def test_a_harvest_of_an_archive(self, world: World) -> None:
        """One and the same record on four pages, and deleted ones; a token expires on the way."""
        folder = FORMATS / "oai_pmh_generic"
        service = Replayed()
        service.spec = "oai:https://oaipmh.arxiv.org/oai?metadataPrefix=oai_dc"

        def page(_: bytes) -> Reply:
            name = service.asked[-1].get("resumptionToken", "ListRecords.xml")
            expired = len(service.asked) == 3
            return ok((folder / ("badResumptionToken.xml" if expired else name)).read_bytes())

        service.always = page
        world.start(service)
        (told,) = world.sync(service.spec, code=0).json["feeds"]
        assert (told["added"], told["unchanged"], told["error"]) == (1, 5, None)
        (told,) = world.sync(service.spec, code=5).json["feeds"]
        assert (told["added"], told["unchanged"], told["error"]) == (0, 4, None)
        deleted = ["record oai:test.example.com:1585310"] * 3 + ["record 1"]
        assert [row["where"] for row in told["rejected"]] == deleted
        assert all("deleted at the source" in row["reason"] for row in told["rejected"])
        found = world.run("status", "--json", code=0).json
        assert (found["papers"], found["entries"]["rejected"], found["entries"]["all"]) == (1, 2, 3)
        assert world.feed(service.spec).since == "2013-02-27T09:10:56Z"

    def test_a_search_of_semantic_scholar(self, world: World) -> None:
        answer = json.loads((FORMATS / "semantic_scholar" / "search_transformer.json").read_text())
        service = Scholar()
        service.always = lambda _: ok(json.dumps({"total": 5, "data": answer["data"]}))
        service.wrong[1] = lambda _: status(429, '{"message": "Too Many Requests."}')
        world.start(service)
        (told,) = world.sync(service.spec, code=0).json["feeds"]
        assert (told["added"], told["rejected"]) == (5, [])
        world.sync(service.spec, code=5)
        titles = {row["title"] for row in world.run("export", code=0).lines}
        assert len(titles) == 5 and titles == {paper["title"] for paper in answer["data"]}
