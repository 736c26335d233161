"""How long a whole `curator search` takes from a cold start, beside importing Chroma alone.

The processes take turns, so that all see the same machine; files are in the system's cache
after the first of them.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from curator.errors import ModelError
from evals.search.figures import table
from evals.search.libraries import Libraries

__all__ = ["measure_cold", "seconds_of", "summed_up"]

RUNS = 7
QUERY = "learning to search in large networks"
CHROMA = "import chromadb"


def measure_cold(libraries: Libraries) -> tuple[str, dict[str, Any]]:
    """Markdown, and all numbers."""
    homes = {}
    for name, opened in (("arxiv", libraries.arxiv()), ("samples", libraries.samples())):
        with opened as library:
            homes[name] = (library.home.root, library.catalog.papers.count())
    commands: dict[str, list[str]] = {CHROMA: [sys.executable, "-c", CHROMA]}
    for home, papers in homes.values():
        for mode, options in (("hybrid", []), ("words", ["--mode", "lexical"])):
            commands[f"curator search, {mode}, {papers:,} papers"] = [
                *_curator(), "--home", str(home), "search", QUERY, *options
            ]  # fmt: skip
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(RUNS):
        for name, command in commands.items():
            times[name].append(seconds_of(command))
        libraries.progress("started cold", turn + 1, RUNS)
    numbers = summed_up(times)
    return _shown(numbers), {"query": QUERY, "runs": RUNS, "commands": numbers}


def _curator() -> list[str]:
    """The command as it is installed, else by the module's name."""
    script = Path(sys.executable).with_name("curator")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "curator"]


def seconds_of(command: Sequence[str]) -> float:
    """How long a command takes that has nothing to complain of: one that says that it searches
    by words alone, say, would be measured as what it is not.

    Raises:
        ModelError: it failed, or said something on stderr.
    """
    started = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    seconds = perf_counter() - started
    if done.returncode or done.stderr.strip():
        said = done.stderr.strip()[-300:]
        raise ModelError(f"{' '.join(command)} ended with {done.returncode} and said: {said}")
    return seconds


def _environment() -> dict[str, str]:
    """Without a server of the reader's own, which the other parts do not use either."""
    return {name: value for name, value in os.environ.items() if name != "CURATOR_CHROMA_URL"}


def summed_up(times: dict[str, list[float]]) -> dict[str, dict[str, Any]]:
    """Best and median of each, and their ratios to importing Chroma."""
    base = times[CHROMA]
    return {
        name: {
            "best": min(seconds),
            "median": statistics.median(seconds),
            "best_ratio": min(seconds) / min(base),
            "median_ratio": statistics.median(seconds) / statistics.median(base),
            "seconds": seconds,
        }
        for name, seconds in times.items()
    }


def _shown(numbers: dict[str, dict[str, Any]]) -> str:
    rows = [
        [
            f"`{name}`" if name == CHROMA else name,
            f"{found['best']:.2f}",
            f"{found['best_ratio']:.2f}",
            f"{found['median']:.2f}",
            f"{found['median_ratio']:.2f}",
        ]
        for name, found in numbers.items()
    ]
    head = ["whole process", f"best of {RUNS}, s", "to Chroma's import", "median, s", "ratio"]
    return f"## Cold start\n\nQuery: *{QUERY}*.\n\n" + table(head, rows)
