"""Work on many papers by the real program against a server on loopback: killed, out of budget or
refused for a while, and then resumed. The server's own counts say what was paid for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from commands import CURATOR, Result, curator, write_lines
from loopback_batches import BatchServer

PAPERS = 40


def draft(body: dict[str, Any]) -> str:
    return json.dumps({"tldr": "A lamp of a new kind burns longer than lamps did before."})


class Program:
    """The program with a library of its own, whose models are all behind the server."""

    def __init__(self, server: BatchServer, home: Path, ending: str = "") -> None:
        home.mkdir(exist_ok=True)
        self.server = server
        self.env = {
            "CURATOR_HOME": str(home),
            "CURATOR_MODEL": "openai:small",
            "CURATOR_EMBEDDING": "openai:e",
            "CURATOR_RERANKER": "none",
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "k",
            "CURATOR_API_CONCURRENCY": "4",
            **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), ""),
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), ""),
        }
        rows = [
            {
                "title": f"Lamps, part {n}",
                "abstract": f"We build lamp number {n} of a new kind, and light it every evening. "
                f"It burns {n + 2} hours, which is longer than lamps did before.{ending}",
            }
            for n in range(PAPERS)
        ]
        self.run("add", write_lines(home / "lamps.jsonl", *rows), "--no-embed")

    def run(self, *args: str | Path) -> Result:
        return curator(*args, env=self.env)

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*CURATOR, *args],
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @property
    def tally(self) -> dict[str, int]:
        tally: dict[str, int] = self.run("status", "--json").json["tldr"]
        return tally

    @property
    def calls(self) -> Counter[str]:
        return Counter(self.server.calls)


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer(draft).running() as running:
        yield running


@pytest.fixture
def program(server: BatchServer, tmp_path: Path) -> Program:
    return Program(server, tmp_path)


def test_killed_and_resumed(server: BatchServer, program: Program) -> None:
    """Killed twice, each time with calls under way: those alone are asked again."""
    gate = threading.Event()
    begun = 0
    lock = threading.Lock()

    def slowly(body: dict[str, Any]) -> str:
        nonlocal begun
        with lock:
            begun += 1
        gate.wait(0.02)
        return draft(body)

    server.answer = slowly
    done = 0
    for stop in (10, 24):
        process = program.start("tldr", "--new")
        assert process.stdout is not None
        for line in process.stdout:  # two lines for each paper that is done
            done += line.startswith(b"p")
            if done >= stop:
                break
        process.send_signal(signal.SIGKILL)
        with suppress(ValueError):
            done += sum(
                line.startswith(b"p") for line in process.communicate(timeout=60)[0].splitlines()
            )
        assert process.returncode == -signal.SIGKILL
        tally = program.tally
        assert tally["done"] >= done, "what was shown is stored"
        assert tally["failed"] == 0 and tally["done"] < PAPERS
        done = tally["done"]
    last = program.run("tldr", "--new", "--json")
    assert last.code == 0
    assert len(last.lines) == PAPERS - done
    assert program.tally["done"] == PAPERS
    assert len(program.calls) == PAPERS, "nothing is lost"
    again = program.calls.total() - PAPERS
    assert again <= 2 * 4, "only what was under way when it was killed"
    before = program.calls
    assert program.run("tldr", "--new").code == 0
    assert program.run("tldr", "--all").code == 0
    assert program.calls == before, "nothing is asked twice"


@pytest.mark.parametrize("count", [0, 7])
def test_out_of_calls(server: BatchServer, program: Program, count: int) -> None:
    stopped = program.run("tldr", "--new", "--max-calls", str(count), "--json")
    assert stopped.code == 4 and "--max-calls" in stopped.err
    assert program.calls.total() == count == len(stopped.lines) == program.tally["done"]
    assert f"{count} summarised, 0 failed, {PAPERS - count} left of {PAPERS}" in stopped.err
    rest = program.run("tldr", "--new", "--json")
    assert rest.code == 0 and len(rest.lines) == PAPERS - count
    assert set(program.calls.values()) == {1} and len(program.calls) == PAPERS


def test_out_of_minutes(server: BatchServer, program: Program) -> None:
    def slowly(body: dict[str, Any]) -> str:
        time.sleep(0.5)
        return draft(body)

    server.answer = slowly
    stopped = program.run("tldr", "--new", "--max-minutes", "0.03", "--json")
    assert stopped.code == 4 and "--max-minutes" in stopped.err
    done = program.tally["done"]
    assert 4 <= done == len(stopped.lines) == program.calls.total() < PAPERS
    server.answer = draft
    assert program.run("tldr", "--new").code == 0
    assert set(program.calls.values()) == {1} and len(program.calls) == PAPERS


def test_a_storm_of_refusals(server: BatchServer, program: Program) -> None:
    """In the middle all is refused for a while, and then half of it."""
    codes: list[int] = []
    real = server.take

    def take(what: str, sent: bytes) -> tuple[int, Any]:
        if what == "POST /chat/completions":
            with server._lock:
                turn = len(codes)
                refused = 8 <= turn < 20 or (20 <= turn < 40 and turn % 2)
                codes.append(429 if refused else 200)
            if refused:
                return 429, {"error": {"message": "Slow down."}}
        return real(what, sent)

    server.take = take  # type: ignore[method-assign]
    result = program.run("tldr", "--new", "--json")
    assert result.code == 0 and len(result.lines) == PAPERS
    assert codes.count(429) == 22 and codes.count(200) == PAPERS
    assert set(program.calls.values()) == {1} and len(program.calls) == PAPERS
    assert program.tally["done"] == PAPERS


def test_answers_of_no_form_cost_nobody_a_summary(server: BatchServer, program: Program) -> None:
    said = ["Sure! Here it is.", '{"tldr": "too sho', "[]", '{"tldr": 3}', ""]
    turn = iter(range(10_000))
    server.answer = lambda _: said[next(turn) % len(said)]
    result = program.run("tldr", "--new", "--json")
    assert result.code == 0 and len(result.lines) == PAPERS
    assert {line["origin"] for line in result.lines} <= {"quote", "model"}
    assert program.tally["done"] == PAPERS
