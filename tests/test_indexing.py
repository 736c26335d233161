"""Embedding what is missing: in order, at a pace, killed and resumed, beside other processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fakes import FakeEmbedder, add, many, record

from curator import indexing
from curator.catalog import Catalog
from curator.embedding import bulk as bulk_module
from curator.embedding import embedding_text
from curator.embedding.base import Bulk
from curator.errors import CuratorError, ModelError, ServerUnavailable, StorageError
from curator.index.vectors import VectorIndex
from curator.indexing import FEW, sync_vectors
from curator.locks import free_lock, writer_lock

if TYPE_CHECKING:
    from curator.embedding import Vectors

PRINT = "quick 32d"


class Quick:
    """Vectors of one text each, made at a pace. ``refuses`` says why a text has none."""

    name = "quick"
    fingerprint = PRINT

    def __init__(self, bulk: Bulk | None = None, *, pause: float = 0.0) -> None:
        self.bulk = bulk or Bulk(2, 8)
        self.pause = pause
        self.refuses: Callable[[str], CuratorError | None] = lambda _: None
        self.before: Callable[[int], None] = lambda _: None
        self.calls: list[list[str]] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call]

    def embed(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            self.calls.append(list(texts))
            number = len(self.calls)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.before(number)
            time.sleep(self.pause)
            for text in texts:
                if error := self.refuses(text):
                    raise error
            return np.stack([FakeEmbedder._vector(text) for text in texts])
        finally:
            with self._lock:
                self.at_once -= 1

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed([text])[0]
        return vector


class Desk:
    """A library of papers without vectors."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.catalog, self.folder = catalog, folder
        self.index = VectorIndex(folder / "vectors", catalog.vectors, PRINT)
        self.told: list[tuple[float, int, int]] = []
        self.notes: list[str] = []
        self.processes: list[subprocess.Popen[str]] = []

    def sync(self, embedder: Quick) -> int:
        return sync_vectors(
            self.catalog,
            self.index,
            embedder,
            lambda: writer_lock(self.folder / "lock"),
            lambda done, of: self.told.append((time.monotonic(), done, of)),
            self.notes.append,
        )

    @property
    def stored(self) -> int:
        return self.catalog.vectors.done_count(PRINT)

    def check(self, missing: int = 0) -> None:
        """Catalog, Chroma and mirror agree, and each vector is that of its paper."""
        assert self.catalog.vectors.missing_count(PRINT) == missing
        assert self.index.is_sound() and self.index.count() == self.stored
        papers = self.catalog.papers.select()
        assert self.stored == len(papers) - missing
        stored = self.index.vectors(papers)
        assert len(stored) == self.stored
        for paper in papers:
            if paper.id in stored:
                wanted = FakeEmbedder._vector(embedding_text(paper))
                assert np.allclose(stored[paper.id], wanted, atol=1e-5)


@pytest.fixture
def desk(catalog: Catalog, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(catalog, tmp_path)
    yield made
    made.index.close()
    for process in made.processes:
        process.kill()
        with process:
            pass


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and patience for tests."""
    monkeypatch.setattr(indexing, "PAGE", 64)
    monkeypatch.setattr(bulk_module, "TICK", 0.02)
    monkeypatch.setattr(indexing, "TICK", 0.02)


# --------------------------------------------------------------------- what is done


@pytest.mark.parametrize("count", [0, 1, 65, 200])
@pytest.mark.parametrize("bulk", [Bulk(1, 8), Bulk(3, 5)])
def test_all_that_is_missing_and_nothing_twice(desk: Desk, count: int, bulk: Bulk) -> None:
    add(desk.catalog, *many(count))
    embedder = Quick(bulk)
    assert desk.sync(embedder) == count
    desk.check()
    assert len(embedder.texts) == len(set(embedder.texts)) == count
    assert embedder.most_at_once <= bulk.calls
    assert all(len(call) <= bulk.texts for call in embedder.calls)
    if count:
        assert desk.told[-1][1:] == (count, count)
    assert desk.sync(embedder) == 0
    assert len(embedder.texts) == count


def test_the_newest_first_and_texts_of_like_length_together(desk: Desk) -> None:
    random = np.random.default_rng(3)
    add(
        desk.catalog,
        *(
            record(
                f"Paper {n}",
                "word " * int(random.integers(5, 200)),
                published=f"20{n % 25:02d}-03-{n % 28 + 1:02d}",
            )
            for n in range(256)
        ),
    )
    embedder = Quick(Bulk(1, 8))
    desk.sync(embedder)
    papers = {embedding_text(p): p for p in desk.catalog.papers.select()}
    order = [(papers[text].day, papers[text].seq) for text in embedder.texts]
    pages = [order[n : n + 64] for n in range(0, 256, 64)]
    for one, other in pairwise(pages):
        assert min(one) > max(other)
    spread = [max(map(len, call)) - min(map(len, call)) for call in embedder.calls]
    assert np.mean(spread) < 200  # of up to 1,000 characters
    # Long and short calls take turns, so that the pace tells the time that is left.
    lengths = [sum(map(len, call)) for call in embedder.calls[:8]]
    assert abs(sum(lengths[:4]) - sum(lengths[4:])) < 0.5 * sum(lengths[:4])


def test_progress_is_told_all_the_time(desk: Desk) -> None:
    add(desk.catalog, *many(100))
    embedder = Quick(Bulk(2, 25), pause=1.0)
    desk.sync(embedder)
    times = [at for at, _, _ in desk.told]
    assert max(b - a for a, b in pairwise(times)) < 0.7
    done = [n for _, n, _ in desk.told]
    assert done == sorted(done) and len(set(done)) >= 5 and done[-1] == 100
    assert {of for _, _, of in desk.told} == {100}


def test_papers_that_come_in_meanwhile_are_next(desk: Desk) -> None:
    add(desk.catalog, *many(200))

    def adds(number: int) -> None:
        if number == 3:
            add(desk.catalog, record("Brand new", "News.", published="2026-11-20"))

    embedder = Quick(Bulk(1, 8))
    embedder.before = adds
    assert desk.sync(embedder) == 201
    desk.check()
    (place,) = [n for n, text in enumerate(embedder.texts) if text.startswith("Brand new")]
    assert place < 64 * 2 + 8
    assert desk.told[-1][1:] == (201, 201)


def test_papers_that_change_or_go_meanwhile(desk: Desk) -> None:
    add(desk.catalog, *many(200))
    oldest = desk.catalog.papers.select()[-3:]

    def changes(number: int) -> None:
        if number == 3:  # not yet read
            add(desk.catalog, record(oldest[0].title, "Quite another abstract."))
            desk.catalog.decisions.merge([oldest[1].id, oldest[2].id])
        if number == 4:  # under way, or made and not yet stored
            done = [p for p in desk.catalog.papers.select() if embedding_text(p) in embedder.texts]
            add(desk.catalog, record(done[0].title, "It says something else now."))
            desk.catalog.decisions.merge([done[1].id, done[2].id])

    embedder = Quick(Bulk(1, 8))
    embedder.before = changes
    desk.sync(embedder)
    desk.sync(embedder)
    desk.check()
    assert desk.catalog.papers.count() == 198


# ------------------------------------------------------------------------ what fails


def refused(word: str, *, retryable: bool = False) -> Callable[[str], CuratorError | None]:
    def refuses(text: str) -> CuratorError | None:
        if f" {word} " not in f" {text} ":
            return None
        return ModelError(f"refused: {word}.", retryable=retryable)

    return refuses


@pytest.mark.parametrize("retryable", [False, True])
def test_a_text_that_fails_costs_itself_only(desk: Desk, retryable: bool) -> None:
    add(desk.catalog, *many(100), record("A poison paper", "Its text is bad."))
    embedder = Quick()
    embedder.refuses = refused("poison", retryable=retryable)
    assert desk.sync(embedder) == 100
    desk.check(missing=1)
    assert desk.told[-1][1:] == (101, 101)
    (note,) = desk.notes
    assert "A poison paper" in note and "refused: poison." in note
    embedder.refuses = lambda _: None
    assert desk.sync(embedder) == 1
    desk.check()


def test_many_bad_texts_in_a_row_are_told_apart_from_a_bad_model(desk: Desk) -> None:
    """Texts of like length stand together, and so do those that are too long."""
    bad = [record(f"Poison {n}", "poison " * 300) for n in range(5)]
    add(desk.catalog, *many(60), *bad)
    embedder = Quick(Bulk(1, 8))
    embedder.refuses = refused("poison")
    assert desk.sync(embedder) == 60
    desk.check(missing=5)
    assert "4 more" in desk.notes[0]


@pytest.mark.parametrize(("retryable", "most"), [(False, 12), (True, 8)])
def test_a_model_that_always_fails_ends_it_soon(desk: Desk, retryable: bool, most: int) -> None:
    add(desk.catalog, *many(500))
    embedder = Quick()
    embedder.refuses = lambda _: ModelError("no such thing", retryable=retryable)
    with pytest.raises(ModelError, match="no such thing"):
        desk.sync(embedder)
    assert len(embedder.calls) <= most
    desk.check(missing=500)


@pytest.mark.parametrize(
    "error", [ServerUnavailable("gone"), KeyboardInterrupt(), RuntimeError("a mistake of ours")]
)
def test_what_was_made_is_kept_whatever_ends_it(desk: Desk, error: BaseException) -> None:
    add(desk.catalog, *many(300))

    def dies(number: int) -> None:
        if number == 10:
            raise error

    embedder = Quick(Bulk(2, 8), pause=0.01)
    embedder.before = dies
    with pytest.raises(type(error)):
        desk.sync(embedder)
    assert 9 * 8 - 8 <= desk.stored <= 11 * 8
    desk.check(missing=300 - desk.stored)
    before = desk.stored
    embedder.before = lambda _: None
    embedder.calls.clear()
    assert desk.sync(embedder) == 300 - before == len(embedder.texts)
    desk.check()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A job in the background (CI) is started with Ctrl-C ignored, and hands that on."""
    import chromadb  # noqa: F401 - or Ctrl-C would come in the midst of that

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_in_this_thread_waits_for_what_is_under_way(desk: Desk) -> None:
    add(desk.catalog, *many(300))
    embedder = Quick(Bulk(2, 8), pause=1.0)  # 19 s for all
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        desk.sync(embedder)
    timer.join()
    assert time.monotonic() - started < 12
    assert desk.stored == len(embedder.texts) > 0
    desk.check(missing=300 - desk.stored)


@pytest.mark.usefixtures("interruptible")
def test_a_second_ctrl_c_does_not_wait(desk: Desk) -> None:
    """As with a server that does not answer."""
    add(desk.catalog, *many(20))
    embedder = Quick(Bulk(1, 20))
    release = threading.Event()

    def hangs(_: int) -> None:
        release.wait(20)

    embedder.before = hangs
    main = threading.main_thread().ident
    assert main is not None
    timers = [
        threading.Timer(after, signal.pthread_kill, (main, signal.SIGINT)) for after in (0.3, 0.6)
    ]
    for timer in timers:
        timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        desk.sync(embedder)
    took = time.monotonic() - started
    with suppress(KeyboardInterrupt):  # should one come late, it ends no other test
        for timer in timers:
            timer.join()
    release.set()
    assert 0.5 < took < 15


def test_an_index_that_cannot_be_written_ends_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "STORE_SECONDS", 0.05)
    add(desk.catalog, *many(500))
    embedder = Quick(Bulk(2, 8), pause=0.02)

    def full(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(desk.index, "add", full)
    with pytest.raises(StorageError, match="disk is full"):
        desk.sync(embedder)
    assert len(embedder.texts) < 200
    monkeypatch.undo()
    desk.check(missing=500)


# ------------------------------------------------------------------- beside others


def test_stored_every_few_seconds_with_the_lock_held_only_then(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "STORE_SECONDS", 0.1)
    add(desk.catalog, *many(160))
    embedder = Quick(Bulk(1, 8), pause=0.05)
    seen: list[int] = []
    free: list[bool] = []

    def looks(_: int) -> None:
        seen.append(desk.stored)
        with free_lock(desk.folder / "lock") as is_free:
            free.append(is_free)

    embedder.before = looks
    assert desk.sync(embedder) == 160
    assert len(set(seen)) >= 3  # others see the vectors come
    assert free[0] and sum(free) > 1
    desk.check()


def test_who_holds_the_lock_does_not_stop_the_embedding(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "STORE_SECONDS", 0.05)
    add(desk.catalog, *many(120))
    desk.sync(Quick())  # Chroma is open
    add(desk.catalog, *many(100, start=1000))
    locked, release = threading.Event(), threading.Event()

    def holds() -> None:
        with writer_lock(desk.folder / "lock"):
            locked.set()
            release.wait(20)

    embedder = Quick(Bulk(1, 8))
    thread = threading.Thread(target=holds)

    def before(number: int) -> None:
        if number == 1:
            thread.start()
            locked.wait(20)
        if number == 12:
            assert desk.stored == 120
            release.set()

    embedder.before = before
    assert desk.sync(embedder) == 100
    thread.join()
    desk.check()


SCRIPT = """
import sys, time, os
from pathlib import Path
sys.path[:0] = [{tests!r}]
from test_indexing import Quick, PRINT
from curator import indexing
from curator.catalog import Catalog
from curator.embedding.base import Bulk
from curator.index.vectors import VectorIndex
from curator.locks import free_lock, writer_lock
folder, log = Path(sys.argv[1]), Path(sys.argv[2])
indexing.PAGE, indexing.STORE_SECONDS = 64, 0.2
embedder = Quick(Bulk(2, 8), pause=float(sys.argv[3]))
real = embedder.embed
out = log.open("a")
def embed(texts):
    rows = real(texts)
    out.write("".join(text.replace("\\n", " ") + "\\n" for text in texts)); out.flush()
    return rows
embedder.embed = embed
catalog = Catalog(folder / "catalog.sqlite3")
index = VectorIndex(folder / "vectors", catalog.vectors, PRINT)
lock = lambda: writer_lock(folder / "lock")
with lock():
    index.heal()
print("ready", flush=True)
input()
print(indexing.sync_vectors(catalog, index, embedder, lock, None, lambda t: print(t, flush=True)))
"""


def start(desk: Desk, log: Path, pause: float = 0.02) -> subprocess.Popen[str]:
    """A process that embeds the desk's papers once it is told to (`go`)."""
    code = SCRIPT.format(tests=str(Path(__file__).parent))
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(desk.folder), str(log), str(pause)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    desk.processes.append(process)
    return process


def go(*processes: subprocess.Popen[str]) -> None:
    """Lets processes begin, once all of them are ready to."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def wait_for(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


def test_two_processes_do_nothing_twice(desk: Desk, tmp_path: Path) -> None:
    add(desk.catalog, *many(400))
    logs = [tmp_path / "one", tmp_path / "other"]
    processes = [start(desk, log, pause=0.05) for log in logs]
    go(*processes)
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert all(error == "" for _, error in said), said
    desk.check()
    texts = Counter(line for log in logs for line in log.read_text().splitlines())
    assert len(texts) == sum(texts.values()) == 400
    assert sum(int(out.split()[-1]) for out, _ in said) == 400
    assert sum("Another curator process" in out for out, _ in said) == 1


def test_a_few_papers_wait_for_no_turn(desk: Desk) -> None:
    """As those that a search embeds while `curator index` is at work elsewhere."""
    add(desk.catalog, *many(FEW))
    with writer_lock(desk.folder / "embed.lock"):
        assert desk.sync(Quick()) == FEW
    desk.check()


def test_killed_again_and_again_it_goes_on(desk: Desk, tmp_path: Path) -> None:
    add(desk.catalog, *many(400))
    log = tmp_path / "log"
    for _ in range(2):
        before = desk.stored
        process = start(desk, log)
        go(process)
        wait_for(lambda: desk.stored >= before + 40, process)  # noqa: B023
        process.send_signal(signal.SIGKILL)
        process.communicate()
    embedder = Quick()
    left = desk.catalog.vectors.missing_count(PRINT)
    assert 0 < left <= 320
    assert desk.sync(embedder) <= left
    desk.check()
    # Twice is done at most what was made and not stored: a fifth of a second's work here.
    texts = Counter([*log.read_text().splitlines(), *embedder.texts])
    assert len(texts) == 400
    assert sum(texts.values()) - 400 <= 2 * 200


def test_who_waits_takes_over_from_who_dies(desk: Desk, tmp_path: Path) -> None:
    add(desk.catalog, *many(400))
    first = start(desk, tmp_path / "one", pause=1.0)
    second = start(desk, tmp_path / "other", pause=0.0)
    go(first)
    wait_for(lambda: desk.stored > 0, first)
    go(second)
    assert second.stdout is not None
    assert "Another curator process" in second.stdout.readline()
    assert not (tmp_path / "other").read_text()
    first.send_signal(signal.SIGKILL)
    first.communicate()
    out, error = second.communicate(timeout=60)
    assert (second.returncode, error) == (0, "")
    assert int(out.split()[-1]) > 0
    desk.check()
