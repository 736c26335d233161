"""Vectors on a real Chroma server (``chroma run`` on 127.0.0.1): as in a folder, and what to say
when there is none. Parts of test_vectors.py run against it, too."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import inline, write_lines
from fakes import FakeEmbedder, many
from loopback import (
    Loopback,
    drop,
    hang,
    loopback_fixture,  # noqa: F401
    ok,
    raw,
    redirect,
    status,
)
from processes import (
    ChromaServer,
    CountedEmbedder,
    Peer,
    chroma_server_fixture,  # noqa: F401
    embedded,
    opened,
    row,
)

from curator.errors import CuratorError, ServerUnavailable, UsageError
from curator.filters import Filters
from curator.index.failures import address_of
from curator.library import Library
from curator.retrieval import Mode

COUNT = 500
ROWS = [
    row(one.title, one.abstract, categories=["cs.CL" if n % 2 else "cs.LG"])
    for n, one in enumerate(many(COUNT))
]
TITLE = ROWS[123]["title"]
HALF = Filters(categories=("cs.CL",))
WAYS: list[tuple[Mode, Filters | None]] = [("dense", None), ("hybrid", None), ("dense", HALF)]


def add(library: Library, rows: list[dict[str, Any]], *, embed: bool = True) -> None:
    file = write_lines(library.home.root / "papers.jsonl", *rows)
    library.add([str(file)], embed=embed)


def first(library: Library, title: str = TITLE, **options: Any) -> str:
    """The title of the paper that its own title finds."""
    return library.search(title, 3, **options)[0].paper.title


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library whose papers have no vectors."""
    home = tmp_path_factory.mktemp("bare") / "home"
    library = opened(home)
    add(library, ROWS, embed=False)
    library.close()
    return home


@pytest.fixture
def home(bare: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bare, tmp_path / "served"))


@pytest.fixture
def library(home: Path, chroma_server: ChromaServer) -> Iterator[Library]:
    """With all its vectors on the server."""
    library = opened(home, chroma_url=chroma_server.url)
    assert library.index()["vectors"] == COUNT
    yield library
    library.close()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ChromaServer]:
    """One that a test may kill."""
    server = ChromaServer(tmp_path / "chroma")
    server.start()
    yield server
    server.kill()


def test_the_same_is_found_as_in_a_folder(library: Library, home: Path, bare: Path) -> None:
    assert not (home / "index" / "vectors").exists()
    other = opened(Path(shutil.copytree(bare, home.with_name("folder"))))
    other.index()
    assert library.vectors.count() == other.vectors.count() == COUNT
    for number in range(0, COUNT, COUNT // 50):
        query = f"{ROWS[number]['title']} about a case {number * number}"
        for mode, filters in WAYS:
            there, here = (
                [
                    (hit.paper.id, round(hit.score, 3))
                    for hit in one.search(query, 10, filters, mode)
                ]
                for one in (library, other)
            )
            assert len(there) == 10
            assert there == here
    other.close()


def test_two_libraries_on_one_server_do_not_mix(
    library: Library, tmp_path: Path, chroma_server: ChromaServer
) -> None:
    other = opened(tmp_path / "other", chroma_url=chroma_server.url)
    add(other, [row("Newts in ponds", "Newts live in ponds."), ROWS[0]])
    assert (library.vectors.count(), other.vectors.count()) == (COUNT, 2)
    assert first(other, "newts ponds", mode="dense") == "Newts in ponds"
    assert all(hit.paper.title != "Newts in ponds" for hit in library.search("newts", 500))
    other.vectors.clear()
    assert (library.vectors.count(), other.vectors.count()) == (COUNT, 0)
    other.index()
    library.vectors.clear()
    assert (library.vectors.count(), other.vectors.count()) == (0, 2)
    other.close()


def test_what_another_process_does_is_seen(
    library: Library, home: Path, chroma_server: ChromaServer
) -> None:
    assert first(library, mode="dense") == TITLE
    with Peer(home, chroma_url=chroma_server.url) as peer:
        peer.ask("add", [row("Newts in ponds", "Newts live in ponds.")])
        assert first(library, "Newts in ponds", mode="dense") == "Newts in ponds"
        peer.ask("index", rebuild=True)  # the collection that is open here is deleted
        for mode in ("dense", "hybrid"):
            assert first(library, mode=mode) == TITLE
        add(library, [row("Foxes by day", "Foxes walk by day.")])
        assert peer.ask("search", "Foxes by day", "dense")[0] == "Foxes by day"
    assert library.vectors.count() == COUNT + 2 and library.vectors.is_sound()


def test_from_a_folder_to_a_server_and_back(
    library: Library, home: Path, chroma_server: ChromaServer
) -> None:
    """The vectors are copied, not made again."""
    made = embedded(home)
    library.close()
    folder = opened(home)
    assert folder.index()["vectors"] == 0
    assert first(folder, mode="dense") == TITLE
    folder.close()
    back = opened(home, chroma_url=chroma_server.url)
    assert back.index()["vectors"] == 0
    assert first(back, mode="dense") == TITLE
    back.close()
    assert embedded(home) == made


def test_without_the_server_words_are_found(home: Path, own_server: ChromaServer) -> None:
    library = opened(home, chroma_url=own_server.url)
    library.index()
    assert first(library) == TITLE
    own_server.kill()
    other = opened(home, chroma_url=own_server.url)
    for one in (library, other):  # it was open, or never
        for mode in (None, "dense", "hybrid"):
            with pytest.raises(ServerUnavailable) as raised:
                one.search(TITLE, mode=mode)
            assert raised.value.exit_code == 3
            assert own_server.url in raised.value.message
            assert "chroma run" in raised.value.remedy
        with pytest.raises(ServerUnavailable):
            one.index()
        assert first(one, mode="lexical") == TITLE
    # Who asks only once compares with the mirror, and needs no server.
    assert first(other, mode="dense", once=True) == TITLE
    other.close()
    own_server.start()
    assert first(library, mode="dense") == TITLE
    assert library.index() == {"words": 0, "vectors": 0}
    library.close()


@pytest.mark.parametrize("kept", [True, False])
def test_the_server_is_killed_while_vectors_are_made(
    home: Path, own_server: ChromaServer, tmp_path: Path, kept: bool
) -> None:
    """It comes back with its folder, or without: then what was stored is copied to it."""
    library = opened(home, chroma_url=own_server.url, seconds=0.02)
    embedder = library.embedder
    assert isinstance(embedder, CountedEmbedder)
    real = embedder.embed

    def dies(texts: list[str]) -> Any:
        if len(embedder.texts) >= 200:
            own_server.kill()
        return real(texts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedder, "embed", dies)
        patch.setattr("curator.indexing.STORE_PAPERS", 64)
        with pytest.raises(ServerUnavailable) as raised:
            library.index()
    assert "safe" in raised.value.message
    stored = library.catalog.vectors.counts()["fake 32d"]
    assert 64 <= stored < COUNT
    own_server.start(None if kept else tmp_path / "empty")
    before = embedded(home)
    assert library.index()["vectors"] == COUNT - stored
    assert embedded(home) == before + COUNT - stored
    assert library.vectors.count() == COUNT and library.vectors.is_sound()
    assert first(library, mode="dense") == TITLE
    library.close()


# ------------------------------------------------------------------ what else may be there


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:8000", "http://"),
        ("127.0.0.1", "http://"),
        ("ftp://127.0.0.1:8000", "http://"),
        ("http://", "names no server"),
        ("http://127.0.0.1:port", "port"),
        ("http://127.0.0.1:99999", "port"),
        ("http://[::1", "ipv6"),
        ("http://127.0.0.1:8000/chroma", "no path"),
        ("http://127.0.0.1:8000/?tenant=a", "no path"),
        ("http://me:secret@127.0.0.1:8000", "CURATOR_CHROMA_TOKEN"),
        ("http://me:secret@127.0.0.1:port", "port"),
    ],
)
def test_addresses_of_no_server(home: Path, url: str, said: str) -> None:
    library = opened(home, chroma_url=url)
    with pytest.raises(UsageError) as raised:
        library.index()
    assert said in raised.value.message and "CURATOR_CHROMA_URL" in raised.value.message
    assert "http://HOST:PORT" in raised.value.remedy
    assert "secret" not in str(raised.value)
    assert first(library, mode="lexical") == TITLE
    library.close()


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("http://localhost:9000", "http://localhost:9000"),
        ("http://localhost", "http://localhost:8000"),
        ("http://localhost:9000/", "http://localhost:9000"),
        (" HTTPS://Chroma.example ", "https://chroma.example:443"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_addresses_of_servers(url: str, meant: str) -> None:
    assert address_of(url).url == meant


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (status(404), "no Chroma server that this program can use (status 404"),
        (status(410), "status 410"),  # what Chroma says to clients of another version
        (status(500), "status 500"),
        (status(401), "refuses us"),
        (ok("<html>Welcome</html>"), "status 200"),
        (redirect("/elsewhere"), "status 302"),
        (drop(), "No Chroma server answers"),
        (raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "No Chroma server answers"),
        (hang(), "No Chroma server answers"),
    ],
)
def test_servers_of_another_kind(
    home: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch, reply: Any, said: str
) -> None:
    monkeypatch.setattr("curator.index.failures.CONNECT_SECONDS", 0.3)
    loopback.on("/api/v2/heartbeat", reply)
    library = opened(home, chroma_url=loopback.url)
    with pytest.raises(ServerUnavailable) as raised:
        library.index()
    assert said in raised.value.message and loopback.url in raised.value.message
    assert raised.value.remedy
    library.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_server_that_says_only_how_it_is(home: Path, loopback: Loopback) -> None:
    """All else is 404. (Chroma's client lets go of its connection without closing it.)"""
    loopback.on("/api/v2/heartbeat", ok(json.dumps({"nanosecond heartbeat": 1})))
    library = opened(home, chroma_url=loopback.url)
    with pytest.raises(ServerUnavailable) as raised:
        library.index()
    assert loopback.url in raised.value.message
    library.close()
    del raised
    gc.collect()


def test_https_where_http_is_spoken(home: Path, chroma_server: ChromaServer) -> None:
    library = opened(home, chroma_url=chroma_server.url.replace("http:", "https:"))
    with pytest.raises(ServerUnavailable) as raised:
        library.index()
    assert "https://127.0.0.1" in raised.value.message
    library.close()


def test_the_token_is_sent(home: Path, loopback: Loopback) -> None:
    loopback.on("/api/v2/heartbeat", status(403))
    library = opened(home, chroma_url=loopback.url, chroma_token="a-token")
    with pytest.raises(ServerUnavailable) as raised:
        library.index()
    assert "CURATOR_CHROMA_TOKEN" in raised.value.remedy and "a-token" not in str(raised.value)
    assert loopback.requests[0].headers["authorization"] == "Bearer a-token"
    library.close()


@pytest.mark.parametrize(
    ("url", "code"), [("http://127.0.0.1:9", 3), ("127.0.0.1:9", 2), ("http://h/path", 2)]
)
def test_the_command_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch, url: str, code: int
) -> None:
    monkeypatch.setattr("curator.embedding.open_embedder", lambda *_: FakeEmbedder())
    monkeypatch.setenv("CURATOR_CHROMA_URL", url)
    result = inline("--home", home, "index")
    assert result.code == code
    assert result.err.startswith("Error: ") and "Traceback" not in result.err
    assert "→" in result.err
    assert inline("--home", home, "search", TITLE, "--mode", "lexical").code == 0


def test_an_error_is_one_of_ours(home: Path, own_server: ChromaServer) -> None:
    """Whatever is asked of an open index whose server is gone."""
    library = opened(home, chroma_url=own_server.url)
    library.index()
    index = library.vectors
    own_server.kill()
    vector = library.embedder.embed_query("a")
    for ask in (
        index.count,
        index.is_sound,
        index.heal,
        lambda: index.search(vector, 3),
        index.clear,
    ):
        with pytest.raises(CuratorError):
            ask()
    library.close()
