"""Work in the background: in order, stopped when asked, standing back, never lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from curator.errors import BudgetExhausted, InputError, NotFoundError, UsageError
from curator.serving.jobs import KEPT, MOST, NOTES, Job, Jobs


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def ended(job: Job) -> Job:
    until(lambda: bool(job.ended))
    return job


class Panic(BaseException):
    """What a library written in Rust raises."""


class Held:
    """Work of steps that goes on only when it is let."""

    def __init__(self, jobs: Jobs, steps: int = 1000) -> None:
        self.began = threading.Event()
        self.go = threading.Event()
        self.jobs, self.steps, self.done = jobs, steps, 0

    def __call__(self) -> dict[str, Any]:
        self.began.set()
        assert self.go.wait(10)
        for n in range(1, self.steps + 1):
            self.done = n
            self.jobs.progress("stepping", n, self.steps)
        return {"steps": self.done}


def test_one_after_the_other_in_their_order(jobs: Jobs) -> None:
    seen: list[int] = []
    overlap = []
    inside = threading.Lock()

    def work(number: int) -> dict[str, Any]:
        overlap.append(not inside.acquire(blocking=False))
        time.sleep(0.01)
        seen.append(number)
        inside.release()
        return {"number": number}

    made = [jobs.start("k", f"job {n}", lambda n=n: work(n)) for n in range(5)]  # type: ignore[misc]
    for job in made:
        assert ended(job).state == "done"
    assert seen == [0, 1, 2, 3, 4]
    assert not any(overlap)
    assert [job.result["number"] for job in made] == seen
    assert [job.id for job in jobs.all()] == [5, 4, 3, 2, 1]


def test_a_running_job_stops_before_its_next_step(jobs: Jobs) -> None:
    work = Held(jobs)
    job = jobs.start("k", "long", work)
    assert work.began.wait(5)
    assert jobs.stop(job.id).state == "running"
    work.go.set()
    assert ended(job).state == "stopped"
    assert work.done == 1, "not one step more"
    again = jobs.start("k", "long", lambda: {"fresh": 1})
    assert ended(again).state == "done", "the stop was of the other job"


def test_a_waiting_job_stops_at_once_and_never_begins(jobs: Jobs) -> None:
    first, second = Held(jobs, 1), Held(jobs, 1)
    running = jobs.start("k", "first", first)
    waiting = jobs.start("k", "second", second)
    assert first.began.wait(5)
    stopped = jobs.stop(waiting.id)
    assert stopped.state == "stopped"
    assert stopped.ended
    first.go.set()
    assert ended(running).state == "done"
    assert ended(jobs.start("k", "third", lambda: None)).state == "done"
    assert not second.began.is_set()


def test_stopping_what_has_ended_changes_nothing(jobs: Jobs) -> None:
    job = ended(jobs.start("k", "one", lambda: {"n": 1}))
    assert jobs.stop(job.id).state == "done"
    with pytest.raises(NotFoundError):
        jobs.stop(99)


def test_work_stands_back_while_somebody_asks() -> None:
    busy = threading.Event()
    busy.set()
    jobs = Jobs(busy=busy.is_set)
    try:
        steps: list[int] = []

        def work() -> dict[str, Any]:
            for n in range(3):
                jobs.progress("stepping", n, 3)
                steps.append(n)
            return {}

        job = jobs.start("k", "polite", work)
        until(lambda: job.state == "running")
        time.sleep(0.3)
        assert steps == [], "it began while somebody waited"
        busy.clear()
        assert ended(job).state == "done"
        assert steps == [0, 1, 2]
    finally:
        jobs.close()


def test_work_that_stands_back_can_be_stopped() -> None:
    jobs = Jobs(busy=lambda: True)
    try:
        job = jobs.start("k", "polite", lambda: {"never": 1})
        until(lambda: job.state == "running")
        jobs.stop(job.id)
        assert ended(job).state == "stopped"
        assert job.result == {}
    finally:
        jobs.close()


def test_the_same_job_is_not_taken_twice(jobs: Jobs) -> None:
    work = Held(jobs, 1)
    job = jobs.start("tldr", "Summarise", work)
    with pytest.raises(UsageError, match="under way"):
        jobs.start("tldr", "Summarise", lambda: None)
    work.go.set()
    ended(job)
    assert ended(jobs.start("tldr", "Summarise", lambda: None)).state == "done"


def test_not_too_many_wait(jobs: Jobs) -> None:
    work = Held(jobs, 1)
    jobs.start("k", "first", work)
    for n in range(MOST - 1):
        jobs.start("k", f"job {n}", lambda: None)
    with pytest.raises(UsageError, match="waiting"):
        jobs.start("k", "one too many", lambda: None)
    work.go.set()


def test_only_the_last_jobs_and_notes_are_kept(jobs: Jobs) -> None:
    def chatty() -> None:
        for n in range(NOTES + 20):
            jobs.note(f"note {n}")

    talk = ended(jobs.start("k", "chatty", chatty))
    assert len(talk.to_dict()["notes"]) == NOTES
    assert talk.notes[-1] == f"note {NOTES + 19}"
    for n in range(KEPT + 10):
        ended(jobs.start("k", f"job {n}", lambda: None))
    assert len(jobs.all()) <= KEPT + 1
    with pytest.raises(NotFoundError):
        jobs.get(talk.id)


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (InputError("It is torn.", remedy="Mend it."), "failed", "It is torn. Mend it."),
        (BudgetExhausted("No calls are left."), "stopped", "No calls are left."),
        (ValueError("sk-secret in an unforeseen error"), "failed", "ValueError"),
        (Panic("index out of bounds"), "failed", "Panic"),
    ],
)
def test_an_error_is_kept_and_the_next_job_is_done(
    jobs: Jobs, error: BaseException, state: str, said: str
) -> None:
    def bad() -> None:
        raise error

    job = ended(jobs.start("k", "bad", bad))
    assert job.state == state
    assert said in job.error
    assert "sk-secret" not in str(job.to_dict())
    assert ended(jobs.start("k", "good", lambda: None)).state == "done"


def test_progress_of_no_job_is_let_be(jobs: Jobs) -> None:
    jobs.progress("elsewhere", 1, 2)
    jobs.note("elsewhere")
    assert jobs.all() == []


def test_closing_stops_what_runs_and_takes_no_more() -> None:
    jobs = Jobs()
    work = Held(jobs)
    job = jobs.start("k", "long", work)
    waiting = jobs.start("k", "later", lambda: {"never": 1})
    assert work.began.wait(5)
    closing = threading.Thread(target=jobs.close)
    closing.start()
    work.go.set()
    closing.join(10)
    assert ended(job).state == "stopped"
    assert waiting.result == {}
    with pytest.raises(UsageError):
        jobs.start("k", "late", lambda: None)


def test_closing_lets_go_of_work_that_stands_back() -> None:
    jobs = Jobs(busy=lambda: True)
    job = jobs.start("k", "polite", lambda: {})
    until(lambda: job.state == "running")
    began = time.monotonic()
    jobs.close()
    assert time.monotonic() - began < 3
    assert ended(job).state == "stopped"
