"""What holds for every test: no network, no settings from outside, a folder of one's own.

And what makes them quick: their folders lie in memory where there is enough of it, and a catalog
that is to be made is a copy of an empty one. Both hold for pytest's own process; what tests start
makes its catalogs itself.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeEmbedder, OverlapReranker
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from curator.catalog import Catalog
from curator.catalog.store import Store

# The same examples on every machine; two busy cores are no reason to fail.
settings.register_profile("paper-curator", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("paper-curator")
# Its tables of Unicode take seconds to make; each test would make them in its own folder.
set_hypothesis_home_dir(Path(__file__).parents[1] / ".hypothesis")

# Before any test changes the environment: where the real weights lie, if not in the usual place.
_MODELS_DIR = os.environ.get("CURATOR_MODELS_DIR")

# Whole modules of tests that start processes and kill them, measure whole evaluations, or run
# the program from a server of their own into a library: they are not for every few minutes.
# `make test-fast` leaves them out; `make test` runs them.
SLOW = {
    *("test_chroma_server", "test_cli", "test_eval_browser", "test_eval_report", "test_eval_run"),
    *(
        "test_batch_api",
        "test_batch_kill",
        "test_delivery_kill",
        "test_digest_cli",
        "test_freshness",
        "test_index_kill",
        "test_indexing",
        "test_schedule",
        "test_serve_cli",
        "test_api_fuzz",
        "test_web_browser",
        "test_search_bench",
        "test_switching",
        "test_tag_batch",
    ),
    "test_sync",
}
MEMORY = Path("/dev/shm")
ENOUGH = 4 << 30  # bytes; all tests together leave less than a tenth of it

_numbers = itertools.count()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: starts and kills processes, or takes long")
    with contextlib.suppress(OSError):  # tests wait for the disk as long as they compute
        if shutil.disk_usage(MEMORY).free > ENOUGH and os.access(MEMORY, os.W_OK):
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
            os.environ.setdefault("TMPDIR", str(MEMORY))
            tempfile.tempdir = None  # pytest has asked for one already


@pytest.hookimpl(tryfirst=True)  # before -m is looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures: set[str] = set(getattr(item, "fixturenames", ()))
        if item.path.stem in SLOW or fixtures & {"chroma_server", "terminal"}:
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def no_home() -> None:
    """``--home`` of another test that ran the program in this process says nothing here."""
    if terminal := sys.modules.get("curator.cli.terminal"):
        terminal.flags.home = None


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """As pytest's own, which looks through the folders of all tests before to find a number."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    path = tmp_path_factory.getbasetemp() / f"{name}-{next(_numbers)}"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture(autouse=True)
def isolated(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No setting of the person who runs the tests reaches them. Tests marked ``model`` find
    the real weights, all others none."""
    for name in list(os.environ):
        if name.startswith(("CURATOR_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CURATOR_HOME", str(tmp_path / "home"))
    if request.node.get_closest_marker("model") is None:
        monkeypatch.setenv("CURATOR_MODELS_DIR", str(tmp_path / "models"))
    elif _MODELS_DIR:
        monkeypatch.setenv("CURATOR_MODELS_DIR", _MODELS_DIR)
    here = tmp_path / "here"  # a .env lies in no test's folder unless it puts one there
    here.mkdir()
    monkeypatch.chdir(here)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this machine can be connected to."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def check(sock: socket.socket, address: Any) -> None:
        local = sock.family == getattr(socket, "AF_UNIX", None) or (
            isinstance(address, tuple)
            and (str(address[0]).startswith("127.") or address[0] in ("localhost", "::1"))
        )
        if not local:
            raise RuntimeError(f"a test tried to connect to {address!r}")

    def guarded(sock: socket.socket, address: Any) -> None:
        check(sock, address)
        connect(sock, address)

    def guarded_ex(sock: socket.socket, address: Any) -> int:
        check(sock, address)
        return connect_ex(sock, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_ex)


@pytest.fixture(scope="session")
def empty_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog file with its tables, made once: that takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "catalog.sqlite3"
    Catalog(path).close()
    return path


@pytest.fixture(scope="session", autouse=True)
def quick_catalogs(empty_catalog: Path) -> Iterator[None]:
    """A catalog that would be made from nothing is a copy of the empty one instead, and all
    share the statements that SQLAlchemy has compiled, which it keeps by dialect."""
    real, numbers = Store.__init__, itertools.count()
    shared: list[Any] = []

    def quick(self: Store, path: Path) -> None:
        if not path.exists():
            whole = path.with_name(f"{path.name}.{next(numbers)}")
            # Not over what another makes meanwhile; where it cannot be, the real one says why.
            with contextlib.suppress(OSError):
                shutil.copyfile(empty_catalog, whole)
                os.link(whole, path)
            with contextlib.suppress(OSError):
                whole.unlink()
        real(self, path)
        engine: Any = self.engine
        if not shared:
            shared.extend((engine.dialect, engine._compiled_cache))
        engine.dialect, engine._compiled_cache = shared

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "__init__", quick)
        yield


@pytest.fixture
def catalog(tmp_path: Path, empty_catalog: Path) -> Iterator[Catalog]:
    """An empty catalog."""
    shutil.copyfile(empty_catalog, tmp_path / "catalog.sqlite3")
    opened = Catalog(tmp_path / "catalog.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def reranker() -> OverlapReranker:
    return OverlapReranker()
