"""Work in the background: one job after the other, with progress, and stopped when asked.

A job does its work in steps and tells of each; between two steps it can be stopped, and stands
back while somebody waits for an answer: the machine's cores and its one model are theirs first.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, Literal

from curator.errors import BudgetExhausted, CuratorError, NotFoundError, UsageError

__all__ = ["Job", "JobStopped", "Jobs", "State"]

State = Literal["waiting", "running", "done", "failed", "stopped"]

KEPT = 30  # jobs that have ended
NOTES = 50  # of a job, the last ones
MOST = 20  # that wait
_LOOK = 0.1  # seconds

_log = logging.getLogger(__name__)


class JobStopped(BaseException):
    """Somebody stopped the job; no handler of errors on its way may take it for one."""


@dataclass
class Job:
    """One piece of work. ``done`` and ``of`` count its steps (``of`` None: not known), ``doing``
    says what they are; times are in UTC; ``result`` is what came of it, plain values."""

    id: int
    kind: str
    title: str
    state: State = "waiting"
    doing: str = ""
    done: int = 0
    of: int | None = None
    asked: str = ""
    started: str = ""
    ended: str = ""
    error: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=NOTES))

    def to_dict(self) -> dict[str, Any]:
        return {**vars(self), "result": dict(self.result), "notes": list(self.notes)}


class Jobs:
    """The jobs of one server. ``busy`` says whether somebody waits for the model."""

    def __init__(self, busy: Callable[[], bool] = lambda: False) -> None:
        self._busy = busy
        self._lock = threading.Lock()
        self._jobs: dict[int, Job] = {}
        self._stopping: set[int] = set()
        self._todo: SimpleQueue[tuple[Job, Callable[[], dict[str, Any] | None]] | None]
        self._todo = SimpleQueue()
        self._here = threading.local()
        self._thread: threading.Thread | None = None
        self._count = 0
        self._closed = False

    def start(self, kind: str, title: str, work: Callable[[], dict[str, Any] | None]) -> Job:
        """Has ``work`` done after what waits already; it tells of its steps by `progress`, and
        may raise `CuratorError`. What it gives is the job's result.

        Raises:
            UsageError: the same is waiting or being done already, or too much waits.
        """
        with self._lock:
            left = [job for job in self._jobs.values() if job.state in ("waiting", "running")]
            if any((job.kind, job.title) == (kind, title) for job in left):
                raise UsageError(f"“{title}” is under way already.", remedy="See Status.")
            if len(left) >= MOST or self._closed:
                raise UsageError(f"{len(left)} jobs are waiting.", remedy="Wait for one to end.")
            self._count += 1
            job = Job(self._count, kind, title, asked=_now())
            self._jobs[job.id] = job
            ended = [one for one in self._jobs.values() if one.ended]
            for old in ended[: max(0, len(ended) - KEPT)]:
                del self._jobs[old.id]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._thread.start()
        self._todo.put((job, work))
        return job

    def all(self) -> list[Job]:
        """The newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: -job.id)

    def get(self, number: int) -> Job:
        """
        Raises:
            NotFoundError: there is none of that number.
        """
        with self._lock:
            if number not in self._jobs:
                raise NotFoundError(f"There is no job {number}.", remedy="See Status.")
            return self._jobs[number]

    def stop(self, number: int) -> Job:
        """Stops a job before its next step. What it did is kept.

        Raises:
            NotFoundError: there is none of that number.
        """
        job = self.get(number)
        with self._lock:
            if job.state == "waiting":
                job.state, job.ended = "stopped", _now()
            elif job.state == "running":
                self._stopping.add(number)
        return job

    def progress(self, doing: str, done: int, of: int | None = None) -> None:
        """A step of the job that the calling thread does; elsewhere it does nothing.

        Raises:
            JobStopped: somebody stopped it.
        """
        job = self._current
        if job is None:
            return
        job.doing, job.done, job.of = doing, done, of
        while True:
            if job.id in self._stopping or self._closed:
                raise JobStopped
            if not self._busy():
                return
            time.sleep(_LOOK)

    def note(self, text: str) -> None:
        """Something to say of the job that the calling thread does."""
        if self._current is not None:
            self._current.notes.append(text)

    def close(self) -> None:
        """Stops what is under way, before its next step. A second time it does nothing."""
        if self._closed:
            return
        self._closed = True
        self._todo.put(None)
        if self._thread is not None:
            self._thread.join(5)

    @property
    def _current(self) -> Job | None:
        return getattr(self._here, "job", None)

    def _run(self) -> None:
        while (task := self._todo.get()) is not None and not self._closed:
            job, work = task
            with self._lock:
                if job.state != "waiting":
                    continue
                job.state, job.started = "running", _now()
            self._here.job = job
            state: State = "done"
            try:
                self.progress(job.doing, 0)
                job.result = work() or {}
            except JobStopped:
                state = "stopped"
            except BudgetExhausted as error:
                state, job.error = "stopped", str(error)
            except CuratorError as error:
                state, job.error = "failed", str(error)
            # A panic of a library in Rust is no Exception; the next job must still be done.
            except BaseException as error:  # noqa: BLE001
                state, job.error = "failed", f"Something unforeseen: {type(error).__name__}."
                _log.exception("The job %r ended unforeseen", job.title)
            finally:
                self._here.job = None
                with self._lock:
                    self._stopping.discard(job.id)
                    job.ended, job.state = _now(), state


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
