"""``python -m evals.serving``: ten readers at once, with the real server and the local model.

Starts ``curator serve`` on a library, then: searches with nobody asking; ten clients (each with
its own session) that ask at the same moment, two of which leave, one while it waits and one while
it is answered; and searches all the while. Prints who got what, and how long searches took
beside a model call and without one. Queries are the questions that are asked.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

__all__ = ["main"]

ROOT = Path(__file__).parents[1]
QUESTIONS = ROOT / "evals/data/questions.jsonl"
CLIENTS = 10
SEARCHES = 200  # in peace; beside the model they go on as long as somebody waits
PAUSE = 0.15  # seconds between two searches, as of somebody who types
_CSRF = re.compile(r'<meta name="csrf" content="([^"]+)"')


@dataclass
class Asked:
    """What one client saw: the places it was told, when (seconds) its first sentence and its
    answer came, or why there was none."""

    places: list[int] = field(default_factory=list)
    first: float | None = None
    answered: float | None = None
    left: str = ""
    error: str = ""


async def _session(address: str) -> httpx.AsyncClient:
    client = httpx.AsyncClient(base_url=address, timeout=600)
    page = await client.get("/chat")
    token = _CSRF.search(page.text)
    assert token is not None, page.text[:500]
    client.headers.update({"X-CSRF-Token": token[1], "Origin": address})
    return client


async def _events(client: httpx.AsyncClient, question: str) -> AsyncGenerator[dict[str, Any]]:
    async with client.stream("POST", "/api/ask", json={"question": question}) as reply:
        if reply.status_code != 200:
            await reply.aread()
            yield {"event": "error", "error": f"{reply.status_code}: {reply.text[:200]}"}
            return
        async for line in reply.aiter_lines():
            if line:
                yield json.loads(line)


async def _ask(address: str, question: str, leave: str = "") -> Asked:
    """One client. ``leave`` is the event at which it goes: queued, or writing."""
    seen, started = Asked(), time.monotonic()
    client = await _session(address)
    try:
        stream = _events(client, question)
        async with contextlib.aclosing(stream) as events:
            async for event in events:
                if event["event"] == "queued":
                    seen.places.append(event["position"])
                elif event["event"] == "sentence" and seen.first is None:
                    seen.first = time.monotonic() - started
                elif event["event"] == "answer":
                    seen.answered = time.monotonic() - started
                elif event["event"] == "error":
                    seen.error = event["error"]
                # One that was to leave while it waits may be served at once.
                if leave and event["event"] in (leave, "writing"):
                    seen.left = event["event"]
                    break
    finally:
        await client.aclose()
    return seen


async def _search(client: httpx.AsyncClient, query: str) -> float:
    """Milliseconds of one search."""
    started = time.perf_counter()
    reply = await client.get("/api/search", params={"q": query})
    reply.raise_for_status()
    assert reply.json()["hits"], "a search found nothing"
    return (time.perf_counter() - started) * 1000


async def _queue(client: httpx.AsyncClient) -> tuple[int, int]:
    """How many are served and wait."""
    queue = (await client.get("/api/status")).json()["queue"]
    return queue["serving"], queue["waiting"]


def _spread(times: Sequence[float]) -> str:
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return (
        f"median {statistics.median(ordered):5.1f} ms, p95 {p95:5.1f} ms, most {ordered[-1]:5.1f} "
        f"ms ({len(ordered)} searches)"
    )


async def _measure(address: str, questions: Sequence[str]) -> None:
    searcher = await _session(address)
    for query in questions[:5]:  # what is opened at the first search is not a search
        await _search(searcher, query)
    calm = []
    for i in range(SEARCHES):
        calm.append(await _search(searcher, questions[i % len(questions)]))
        await asyncio.sleep(PAUSE / 10)
    print(f"searches, nobody asks        {_spread(calm)}")

    await _ask(address, questions[-1])  # loads the model
    leaving = {3: "queued", 6: "writing"}
    tasks = [
        asyncio.create_task(_ask(address, question, leaving.get(i, "")))
        for i, question in enumerate(questions[:CLIENTS])
    ]
    busy: list[float] = []
    while not all(task.done() for task in tasks):
        await asyncio.sleep(PAUSE)
        number = len(busy) % len(questions)
        taken = await _search(searcher, questions[number])
        if not all(task.done() for task in tasks):
            busy.append(taken)
    print(f"searches, the model at work  {_spread(busy)}")
    for number, task in enumerate(tasks):
        seen = task.result()
        places = f"told {', '.join(map(str, seen.places))}" if seen.places else "served at once"
        end = f"left while {seen.left}" if seen.left else seen.error
        if seen.answered is not None:
            end = f"answered after {seen.answered:.1f} s"
        print(f"client {number + 1:>2}: {places}; {end}")
    deadline = time.monotonic() + 30
    while (left := await _queue(searcher)) != (0, 0) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    print(f"places still taken: {left[0]} served, {left[1]} waiting")
    answered = sum(task.result().answered is not None for task in tasks)
    left_early = sum(bool(task.result().left) for task in tasks)
    print(f"{answered} answered, {left_early} left, of {len(tasks)}")
    await searcher.aclose()


def _fresh(home: Path, folder: str) -> Path:
    """A copy of a library in which no model has answered anything yet."""
    copy = Path(folder) / "home"
    shutil.copytree(home, copy)
    with contextlib.closing(sqlite3.connect(copy / "catalog.sqlite3")) as catalog:
        catalog.execute("DELETE FROM model_outputs")
        catalog.commit()
    return copy


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="a library with vectors")
    parser.add_argument("--model", default="local")
    parser.add_argument(
        "--questions", type=Path, default=QUESTIONS, help='JSON Lines with "question"'
    )
    given = parser.parse_args(arguments)
    rows = [json.loads(line) for line in given.questions.read_text("utf-8").splitlines()]
    questions = [row["question"] for row in rows if not row.get("unanswerable")]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [
                *(sys.executable, "-m", "curator", "--home", str(_fresh(given.home, folder))),
                *("serve", "--port", "0", "--model", given.model),
            ],
            stderr=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        try:
            assert server.stderr is not None
            address = None
            for line in server.stderr:
                if found := re.search(r"at (http://\S+)", line):
                    address = found[1]
                    break
            assert address, "the server did not start"
            asyncio.run(_measure(address, questions))
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
