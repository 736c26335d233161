"""Sending by a process that is killed in the middle, or that another runs beside.

The server is a real one, and what it took is what counts: a second run never delivers twice, and
does deliver what was surely not sent.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback_smtp import MailRoom, mail_room, wait_for

from curator.catalog import Catalog
from curator.catalog.deliveries import Deliveries

# What a process is killed in: the function, and whether before or after it ran.
PROGRAM = """
import functools, json, os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from pydantic import SecretStr
from digests import example
from curator.catalog import Catalog
from curator.catalog.deliveries import Deliveries
from curator.delivery.sending import send_all
from curator.delivery.smtp import Mailer, MailSettings
from curator.readers import Profile
from test_delivery import compose

job = json.loads(sys.argv[2])

def deadly(owner, name, when, call):
    real, calls = getattr(owner, name), []
    @functools.wraps(real)
    def wrapped(*args, **kwargs):
        calls.append(1)
        if when == "before" and len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if when == "after" and len(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, wrapped)

if job["dies"]:
    place, when, call = job["dies"]
    owner, _, name = place.partition(".")
    deadly({"Mailer": Mailer, "Deliveries": Deliveries}[owner], name, when, call)
time.sleep(max(0.0, job["start"] - time.time()))
catalog = Catalog(Path(job["catalog"]))
mailer = Mailer(MailSettings(job["url"], SecretStr(job["password"]), "digest@example.org"))
readers = [Profile(name=n, address=f"{n}@example.org") for n in job["readers"]]
report = send_all(
    [({**example(), "reader": one.name}, one) for one in readers],
    compose, Deliveries(catalog.store), mailer, again=job["again"],
)
print(json.dumps({one.reader: one.state for one in report.results}))
sys.exit(report.exit_code)
"""


class Sender:
    """Starts processes that send the same digests by one server."""

    def __init__(self, folder: Path, room: MailRoom) -> None:
        self.catalog = folder / "catalog.sqlite3"
        Catalog(self.catalog).close()
        self._room = room

    def start(
        self,
        dies: tuple[str, str, int] | None = None,
        *,
        readers: tuple[str, ...] = ("ada", "bo"),
        again: bool = False,
        start: float = 0.0,
    ) -> subprocess.Popen[bytes]:
        settings = self._room.settings("smtp", f"?ca={self._room.ca}")
        job: dict[str, Any] = {
            "catalog": str(self.catalog),
            "url": settings.url,
            "password": "",
            "dies": dies,
            "readers": readers,
            "again": again,
            "start": start,
        }
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), json.dumps(job)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )

    def dies(self, *dies: Any) -> None:
        process = self.start(dies)
        _, err = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, err.decode()

    def run(self, **options: Any) -> tuple[int, dict[str, str]]:
        return told(self.start(**options))

    def states(self) -> dict[str, str]:
        opened = Catalog(self.catalog)
        try:
            return {one.reader: one.state for one in Deliveries(opened.store).all()}
        finally:
            opened.close()


def told(process: subprocess.Popen[bytes]) -> tuple[int, dict[str, str]]:
    out, err = process.communicate(timeout=120)
    assert process.returncode in (0, 1), err.decode()
    return process.returncode, json.loads(out)


def took(room: MailRoom) -> list[str]:
    return sorted(name.partition("@")[0] for one in room.letters for name in one.recipients)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[MailRoom]:
    with mail_room(tmp_path, tls="starttls") as running:
        yield running


@pytest.fixture
def sender(tmp_path: Path, room: MailRoom) -> Sender:
    return Sender(tmp_path, room)


@pytest.mark.parametrize(
    ("place", "when", "call"),
    [
        ("Mailer.deliver", "before", 1),
        ("Mailer._open", "before", 1),
        ("Mailer._open", "after", 1),
        ("Mailer._envelope", "before", 1),
        ("Mailer._envelope", "after", 1),  # all but the end is with the server
        ("Deliveries.begin", "before", 1),
    ],
)
def test_surely_not_sent(sender: Sender, room: MailRoom, place: str, when: str, call: int) -> None:
    """Killed before it claimed anything: the second run sends to both."""
    sender.dies(place, when, call)
    assert not room.letters and not sender.states()
    assert sender.run() == (0, {"ada": "sent", "bo": "sent"})
    assert sender.run() == (0, {"ada": "already", "bo": "already"})
    assert took(room) == ["ada", "bo"]


@pytest.mark.parametrize(
    ("place", "when", "taken"),
    [
        ("Deliveries.begin", "after", False),
        ("Mailer._end", "before", False),
        ("Mailer._end", "after", True),
        ("Deliveries.sent", "before", True),
    ],
)
def test_perhaps_sent(sender: Sender, room: MailRoom, place: str, when: str, taken: bool) -> None:
    """Killed with the claim in the catalog: nobody can know, so it is not sent by itself."""
    sender.dies(place, when, 1)
    assert took(room) == (["ada"] if taken else [])
    assert sender.states() == {"ada": "sending"}
    for _ in range(2):
        code, states = sender.run()
        assert code == 1 and states["ada"] == "perhaps"
    assert took(room) == (["ada", "bo"] if taken else ["bo"])
    code, states = sender.run(again=True)
    assert (code, states) == (0, {"ada": "sent", "bo": "already"})
    assert sender.run(again=True) == (0, {"ada": "already", "bo": "already"})
    assert took(room).count("bo") == 1 and took(room).count("ada") == 1 + taken


def test_killed_while_the_server_thinks(sender: Sender, room: MailRoom) -> None:
    """The server has the message and has not answered."""
    room.slow = 30
    process = sender.start()
    wait_for(lambda: room.letters)
    process.kill()
    process.communicate(timeout=60)
    room.slow = 0
    assert sender.run() == (1, {"ada": "perhaps", "bo": "sent"})
    assert took(room) == ["ada", "bo"]


def test_killed_after_the_first(sender: Sender, room: MailRoom) -> None:
    sender.dies("Deliveries.sent", "after", 1)
    assert sender.states() == {"ada": "sent"} and took(room) == ["ada"]
    assert sender.run() == (0, {"ada": "already", "bo": "sent"})
    assert took(room) == ["ada", "bo"]


def test_killed_at_any_moment(sender: Sender, room: MailRoom) -> None:
    """Whenever the signal comes, nobody gets two, and none is lost without a word."""
    names = tuple(f"r{n:02}" for n in range(12))
    room.slow = 0.02
    for delay in (0.0, 0.03, 0.08, 0.15, 0.25):
        before = len(room.seen)
        process = sender.start(readers=names)
        wait_for(
            lambda process=process, before=before: (  # type: ignore[misc]
                len(room.seen) > before or process.poll() is not None
            )
        )
        time.sleep(delay)
        process.kill()
        process.communicate(timeout=60)
    code, states = sender.run(readers=names)
    counted = took(room)
    assert len(counted) == len(set(counted)), "nobody has it twice"
    for name in names:
        assert name in counted or states[name] == "perhaps"
    assert code == ("perhaps" in states.values())
    assert set(states.values()) <= {"already", "sent", "perhaps"}


def test_two_processes_at_once(sender: Sender, room: MailRoom) -> None:
    names = tuple(f"r{n:02}" for n in range(8))
    room.slow = 0.05
    start = time.time() + 3
    both = [sender.start(readers=names, start=start) for _ in range(2)]
    reports = [told(process)[1] for process in both]
    assert took(room) == list(names), "each once"
    for name in names:
        states = [report[name] for report in reports]
        assert states.count("sent") == 1
        assert set(states) <= {"sent", "already", "perhaps"}, "perhaps: being sent just then"
    assert set(sender.states().values()) == {"sent"}


def test_two_readers_one_refused(sender: Sender, room: MailRoom) -> None:
    room.answers["RCPT ada@example.org"] = "550 no such user"
    assert sender.run() == (1, {"ada": "failed", "bo": "sent"})
    assert took(room) == ["bo"] and sender.states() == {"ada": "failed", "bo": "sent"}
    room.answers.clear()
    assert sender.run() == (0, {"ada": "sent", "bo": "already"})
