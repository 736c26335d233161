"""Work on many papers: one failure is one failure, a stop keeps what is done."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator

import pytest

from curator.batch import Outcome, run_batch
from curator.cli import terminal
from curator.errors import BudgetExhausted, CuratorError, ModelError, ModelOutputError

WORKERS = pytest.mark.parametrize("workers", [1, 4])


def double(n: int) -> int:
    if n % 5 == 3:
        raise ModelOutputError(f"no {n}")
    return 2 * n


@WORKERS
def test_an_items_error_is_its_outcome(workers: int) -> None:
    outcomes = {o.item: o for o in run_batch(range(10), double, workers=workers)}
    assert set(outcomes) == set(range(10))
    assert outcomes[4] == Outcome(4, 8)
    assert outcomes[3].result is None
    assert str(outcomes[3].error) == "no 3"
    assert sum(o.error is not None for o in outcomes.values()) == 2


@WORKERS
@pytest.mark.parametrize(
    "error", [BudgetExhausted("used up"), RuntimeError("crash"), KeyboardInterrupt()]
)
def test_a_fatal_error_comes_after_what_was_done(workers: int, error: BaseException) -> None:
    begun: list[int] = []

    def work(n: int) -> int:
        begun.append(n)
        if n == 5:
            raise error
        time.sleep(0.01)
        return n

    finished: list[int] = []
    with pytest.raises(type(error)):
        for outcome in run_batch(range(1000), work, workers=workers):
            finished.append(outcome.item)
    assert set(finished) == set(begun) - {5}
    assert {0, 1, 2, 3, 4} <= set(finished)
    assert len(begun) < 30


@WORKERS
def test_no_items(workers: int) -> None:
    assert list(run_batch([], double, workers=workers)) == []


def test_workers_work_at_once_but_never_more_of_them() -> None:
    lock, at_once, most = threading.Lock(), 0, 0

    def work(n: int) -> int:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        return n

    assert sorted(o.item for o in run_batch(range(16), work, workers=4)) == list(range(16))
    assert most == 4


def test_items_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for n in range(1000):
            taken.append(n)
            yield n

    batch = run_batch(items(), lambda n: n, workers=4)
    for _ in range(5):
        next(batch)
    assert len(taken) < 20
    batch.close()  # type: ignore[attr-defined]


@WORKERS
def test_a_broken_source_of_items_is_raised(workers: int) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise CuratorError("torn")

    done: list[int] = []
    with pytest.raises(CuratorError, match="torn"):
        for outcome in run_batch(items(), double, workers=workers):
            done.append(outcome.item)
    assert done == [1] or workers > 1


@WORKERS
def test_all_may_fail(workers: int) -> None:
    def fail(_: int) -> int:
        raise ModelError("down")

    assert all(o.error for o in run_batch(range(5), fail, workers=workers))


# -------------------------------------------------------------- the line of progress


class Screen(io.StringIO):
    def __init__(self, tty: bool) -> None:
        super().__init__()
        self.isatty = lambda: tty  # type: ignore[method-assign]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("curator.cli.terminal.time.monotonic", lambda: now[0])
    return now


def shown(
    monkeypatch: pytest.MonkeyPatch, tty: bool, columns: int = 200
) -> tuple[Screen, terminal.Progress]:
    screen = Screen(tty)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", str(columns))
    return screen, terminal.Progress()


def test_progress_without_a_terminal_is_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    screen, progress = shown(monkeypatch, tty=False)
    for n in range(101):  # four papers a second
        progress("tagged", n, 400, uncertain=n // 10, failed=0, from_the_cache=3)
        clock[0] += 0.25
    lines = screen.getvalue().splitlines()
    assert lines == [
        "tagged 40 of 400 (4 uncertain, 3 from the cache), 4.0/s, 2 min left",
        "tagged 80 of 400 (8 uncertain, 3 from the cache), 4.0/s, 80 s left",
    ]


def test_progress_at_a_terminal_is_one_line_never_too_wide(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    screen, progress = shown(monkeypatch, tty=True, columns=30)
    for n in range(20):
        progress("tagged", n, 20, uncertain=n, failed=n)
        clock[0] += 1
    pieces = screen.getvalue().split("\r\x1b[2K")
    assert "\n" not in screen.getvalue() and len(pieces) == 21
    assert max(map(len, pieces)) == 29 and pieces[-1].endswith("…")
    progress.clear()
    assert screen.getvalue().endswith("\r\x1b[2K")


def test_the_time_left_is_told_by_the_last_minute(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    """A thousand papers of the cache in a second, then one in two seconds."""
    screen, progress = shown(monkeypatch, tty=False)
    for n in range(1000):
        progress("tagged", n, 1200)
        clock[0] += 0.001
    for n in range(1000, 1061):
        clock[0] += 2
        progress("tagged", n, 1200)
    assert screen.getvalue().splitlines()[-1].endswith(" of 1,200, 2.0 s each, 5 min left")


def test_progress_of_something_else_begins_anew(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    screen, progress = shown(monkeypatch, tty=False)
    for what in ("embedded", "tagged"):
        for n in range(11):
            progress(what, n, None)
            clock[0] += 1
    assert screen.getvalue().splitlines() == ["embedded 10, 1.0/s", "tagged 10, 1.0/s"]
