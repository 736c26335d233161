"""A library in a process of its own, and what two of them do to each other; a Chroma server.

::

    with Peer(home) as writer, Peer(home) as reader:
        writer.ask("add", [row("Owls at night", "Owls see at night.")])
        assert reader.ask("search", "owls") == ["Owls at night"]

The processes are forked from a server that has loaded the program and opened nothing, so one
starts in a tenth of a second. They embed with `CountedEmbedder`, which notes in ``embedded.log``
how many texts each call had, so that a killed process has left its count.
"""

from __future__ import annotations

import functools
import importlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fakes import FakeEmbedder

from curator.catalog import StoredTag
from curator.embedding import Bulk
from curator.errors import CuratorError
from curator.filters import Filters
from curator.library import Library
from curator.locks import writer_lock
from curator.settings import Settings

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = [
    "ChromaServer",
    "CountedEmbedder",
    "Peer",
    "Watched",
    "chroma_server_fixture",
    "embedded",
    "opened",
    "revised",
    "row",
]

PATIENCE = 120.0  # seconds that a process may take for an answer on a busy machine

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "processes",
        "chromadb",
        "chromadb.api.rust",
        "curator.embedding.bulk",
        "curator.index.mirror",
        "curator.index.vectors",
        "curator.intake",
        "curator.retrieval",
        "tantivy",
    ]
)


def row(title: str, abstract: str, **fields: Any) -> dict[str, Any]:
    """A line of a JSON Lines file."""
    return {"title": title, "abstract": abstract, **fields}


def revised(paper: dict[str, Any], abstract: str, version: int = 2) -> dict[str, Any]:
    """A later version of a paper with an arXiv id, which has another text."""
    return {**paper, "abstract": abstract, "arxiv_id": f"{paper['arxiv_id']}v{version}"}


class CountedEmbedder(FakeEmbedder):
    """Notes how many texts it embedded in a file; takes ``seconds`` for each call."""

    bulk = Bulk(calls=1, texts=8)

    def __init__(self, log: Path, fingerprint: str = "fake 32d", seconds: float = 0.0) -> None:
        super().__init__(fingerprint)
        self.name = fingerprint.partition(" ")[0]
        self._log = log
        self._seconds = seconds

    def embed(self, texts: Sequence[str]) -> Vectors:
        time.sleep(self._seconds)
        with self._log.open("a") as file:
            file.write(f"{len(texts)}\n")
        return super().embed(texts)


def embedded(home: Path) -> int:
    """How many texts the processes of a library have embedded until now."""
    log = home / "embedded.log"
    return sum(map(int, log.read_text().split())) if log.exists() else 0


def opened(
    home: Path,
    fingerprint: str = "fake 32d",
    *,
    seconds: float = 0.0,
    said: list[str] | None = None,
    **settings: Any,
) -> Library:
    """A library with a fake embedder. ``said`` takes what it notifies of."""
    notify = None if said is None else said.append
    library = Library(Settings(home=home, **settings), notify=notify)
    library.embedder = CountedEmbedder(home / "embedded.log", fingerprint, seconds)
    return library


# ------------------------------------------------------------------ the other process


@dataclass
class Watched:
    """What a process saw that searched on and on. ``seen`` says when each title was found in
    every way (``time.monotonic``, which all processes share)."""

    searches: int = 0
    longest: float = 0.0
    errors: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)


class Worker:
    """What another process can be asked for: every method is a command of `Peer.ask`."""

    def __init__(self, connection: Connection, home: Path, **options: Any) -> None:
        self._connection = connection
        self._home = home
        self._said: list[str] = []
        self._library = opened(home, said=self._said, **options)
        self._held: Any = None

    # ----------------------------------------------------------------- writing

    def add(
        self, rows: list[dict[str, Any]], embed: bool = True, file: str = "papers.jsonl"
    ) -> float:
        """Adds papers; when that was done."""
        path = self._home / file
        path.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
        self._library.add([str(path)], embed=embed)
        return time.monotonic()

    def add_steadily(
        self, rows: list[dict[str, Any]], others: list[dict[str, Any]], pause: float
    ) -> dict[str, float]:
        """Adds papers one by one, and when each was there. In between the texts of ``others``
        are changed, and the last two of them joined."""
        done = {}
        others = list(others)
        for number, one in enumerate(rows):
            done[one["title"]] = self.add([one])
            if number % 3 == 1 and others:
                other = others[number % len(others)]
                self.add([revised(other, f"Now {number}. {other['abstract']}", number + 2)])
            if number % 5 == 4 and len(others) > 2:
                self.merge([others.pop()["title"], others.pop()["title"]])
                self._library.index()
            time.sleep(pause)
        return done

    def merge(self, titles: list[str]) -> str:
        resolve = self._library.catalog.papers.resolve
        return self._library.merge([resolve(title).id for title in titles])

    def tag(self, title: str, tag: str) -> None:
        paper = self._library.catalog.papers.resolve(title)
        found = [StoredTag(tag, 1.0, "human")]
        save = self._library.catalog.outputs.save_tags
        save(paper, found, taxonomy="t", model="m", recipe="r")

    def index(self, rebuild: bool = False) -> dict[str, int]:
        return self._library.index(rebuild=rebuild)

    def heal(self) -> None:
        with writer_lock(self._library.home.write_lock):
            self._library.vectors.heal()

    def prune(self) -> list[str]:
        return self._library.prune()

    def lock(self, seconds: float) -> None:
        """Holds the writer's lock for so long; answers twice, first when it has it."""
        with writer_lock(self._library.home.write_lock):
            self._connection.send(("done", None))
            time.sleep(seconds)

    # ----------------------------------------------------------------- reading

    def search(self, query: str, mode: Any = None, limit: int = 10, **options: Any) -> list[str]:
        """Titles."""
        hits = self._library.search(query, limit, mode=mode, **options)
        return [hit.paper.title for hit in hits]

    def hold(self) -> None:
        """Keeps the retriever that a question is answered with."""
        self._held = self._library._retriever(None, need_vectors=True)

    def held(self, query: str, mode: Any = "hybrid") -> list[str]:
        return [hit.paper.title for hit in self._held.search(query, 10, None, mode)]

    def said(self) -> list[str]:
        return list(self._said)

    def watch(self, probes: list[str], filters: Filters, once: bool = False) -> Watched:
        """Searches on and on, for one title after the other, each until it is found in every
        way. Ends when it is asked for something else, which is not done."""
        watched = Watched()
        ways: list[tuple[Any, Filters | None]] = [
            (mode, where) for mode in ("lexical", "dense", "hybrid") for where in (None, filters)
        ]
        todo = list(probes)
        while not self._connection.poll():
            probe = todo[0] if todo else probes[watched.searches % len(probes)]
            found = [self._look(watched, probe, mode, where, once) for mode, where in ways]
            if todo and all(found):
                watched.seen[todo.pop(0)] = time.monotonic()
        self._connection.recv()
        return watched

    def _look(
        self, watched: Watched, probe: str, mode: Any, filters: Filters | None, once: bool
    ) -> bool:
        papers = self._library.catalog.papers
        before, started = papers.last_seq(), time.monotonic()
        try:
            hits = self._library.search(probe, 10, filters, mode, once=once)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            watched.errors.append(f"{type(error).__name__}: {error}")
            return False
        watched.longest = max(watched.longest, time.monotonic() - started)
        watched.searches += 1
        ids = [hit.paper.id for hit in hits]
        if len(set(ids)) < len(ids):
            watched.faults.append(f"{probe} ({mode}): twice the same in {ids}")
        gone = {paper_id for paper_id, _ in papers.removed_since(before)}
        for paper_id in set(ids) - set(papers.get(ids)) - gone:
            watched.faults.append(f"{probe} ({mode}): {paper_id} was gone before")
        return any(hit.paper.title == probe for hit in hits[:3])


def _serve(
    connection: Connection,
    home: Path,
    patches: dict[str, Any],
    dies: tuple[str, str, int] | None,
    options: dict[str, Any],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name, value in patches.items():
        owner, attribute = _place_of(name)
        setattr(owner, attribute, value)
    if dies:
        _fatal(*dies)
    worker = Worker(connection, home, **options)
    while True:
        try:
            name, args, kwargs = connection.recv()
        except EOFError:
            return
        try:
            answer = ("done", getattr(worker, name)(*args, **kwargs))
        except CuratorError as error:
            answer = ("error", f"{type(error).__name__}: {error}")
        except Exception:  # noqa: BLE001 - the test that asked shows it
            answer = ("error", traceback.format_exc())
        connection.send(answer)


def _place_of(name: str) -> tuple[Any, str]:
    """What ``package.module:Class.attribute`` is an attribute of, and its name."""
    module, _, path = name.partition(":")
    *owners, attribute = path.split(".")
    return functools.reduce(getattr, owners, importlib.import_module(module)), attribute


def _fatal(name: str, when: str, call: int) -> None:
    """Kills this process before or after a function's n-th call, as a crash would."""
    owner, attribute = _place_of(name)
    real: Callable[..., Any] = getattr(owner, attribute)
    calls: list[int] = []

    @functools.wraps(real)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, attribute, deadly)


class Peer:
    """Another process with the same library; a context manager.

    ``patches`` sets attributes there (``{"curator.indexing:STORE_PAPERS": 64}``); with ``dies``
    it is killed before or after the n-th call of a function
    (``("curator.index.vectors:upsert", "after", 2)``). The rest is for `opened`.
    """

    def __init__(
        self,
        home: Path,
        *,
        patches: dict[str, Any] | None = None,
        dies: tuple[str, str, int] | None = None,
        **options: Any,
    ) -> None:
        self._ours, theirs = _context.Pipe()
        self._process = _context.Process(
            target=_serve, args=(theirs, home, patches or {}, dies, options), daemon=True
        )
        self._process.start()
        theirs.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ours.close()
        self._process.join(5)
        self.kill()
        self._process.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def tell(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Asks for something and does not wait for it."""
        self._ours.send((name, args, kwargs))

    def answer(self) -> Any:
        """The answer to what was asked.

        Raises:
            RuntimeError: it is an error, or there is none.
        """
        if not self._ours.poll(PATIENCE):
            raise RuntimeError(f"no answer in {PATIENCE:.0f} s")
        kind, value = self._ours.recv()
        if kind == "error":
            raise RuntimeError(value)
        return value

    def ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.tell(name, *args, **kwargs)
        return self.answer()

    def dies_of(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Asks for something of which it is killed."""
        self.tell(name, *args, **kwargs)
        with suppress(EOFError):
            raise AssertionError(f"it lives, and says {self.answer()!r}")
        self._process.join(PATIENCE)
        assert self._process.exitcode == -signal.SIGKILL


# ------------------------------------------------------------------------ the server


class ChromaServer:
    """``chroma run`` in a folder, on a port of 127.0.0.1 that it keeps."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, folder: Path | None = None) -> None:
        """Starts it (in another folder), and waits until it answers."""
        program = Path(sys.executable).with_name("chroma")
        where = ["--path", str(folder or self._folder), "--port", str(self.port)]
        self._process = subprocess.Popen(
            [str(program), "run", *where, "--host", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder)},
        )
        until = time.monotonic() + PATIENCE
        while True:
            with suppress(httpx.HTTPError):
                httpx.get(f"{self.url}/api/v2/heartbeat", trust_env=False).raise_for_status()
                return
            assert self._process.poll() is None and time.monotonic() < until
            time.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(scope="module", name="chroma_server")
def chroma_server_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    """A running Chroma server."""
    server = ChromaServer(tmp_path_factory.mktemp("chroma"))
    server.start()
    yield server
    server.kill()
