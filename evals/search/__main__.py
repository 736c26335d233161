"""``python -m evals.search``: the benchmark of search.

One table in Markdown for each part on stdout, all numbers with ``--out FILE.json``. The libraries
it needs are built once below ``--home``; the 100,000 vectors of the largest take about an hour on
two cores, and a build that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curator.cli.terminal import Progress, note
from curator.errors import CuratorError, UsageError
from evals.provenance import code_hash
from evals.search.cold import measure_cold
from evals.search.growth import measure_growth
from evals.search.latency import measure_latency
from evals.search.libraries import Libraries
from evals.search.plot import growth_svg
from evals.search.quality import measure_quality

SHARED = Path(__file__).parents[3] / "shared" / "data"
PARTS = ("quality", "latency", "growth", "cold")
PACKAGES = ("chromadb", "numpy", "onnxruntime", "sqlalchemy", "tantivy", "tokenizers")


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    progress = Progress()

    def notify(text: str) -> None:
        progress.clear()
        note(text)

    try:
        _run(_read(arguments), notify, progress)
    except CuratorError as error:
        notify(f"Error: {error.message}")
        if error.remedy:
            notify(f"  → {error.remedy}")
        return error.exit_code
    except KeyboardInterrupt:
        notify("Interrupted. What was built is kept; run it again to go on.")
        return 130
    return 0


def _read(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evals.search", description=__doc__)
    add = parser.add_argument
    add("--home", type=Path, default=Path(".evals/search"), help="folder of what is built")
    add("--data", type=Path, default=SHARED, help="folder of the shared data")
    add("--distractors", type=int, default=100_000, help="arXiv papers to search among")
    add("--growth", type=_sizes, default=_sizes("10000,30000,100000,500000"), metavar="N,N,...")
    add("--only", choices=PARTS, action="append", help="a part (may be given several times)")
    add("--seed", type=int, default=0, help="of samples, draws and orders (default 0)")
    add("--rerank", action="store_true", help="quality with the cross-encoder, too")
    add("--rerank-minutes", type=float, default=10.0, help="how long that may take in all")
    add("--plot", type=Path, metavar="FILE.svg", help="draws how it grows")
    add("--out", type=Path, metavar="FILE.json", help="writes all numbers")
    return parser.parse_args(arguments)


def _sizes(text: str) -> list[int]:
    sizes = sorted({int(part) for part in text.split(",")})
    if not sizes or sizes[0] < 1:
        raise argparse.ArgumentTypeError("numbers of papers, joined by commas")
    return sizes


def _run(chosen: argparse.Namespace, notify: Callable[[str], None], progress: Progress) -> None:
    if chosen.distractors < 1:
        raise UsageError("--distractors is at least 1.")
    parts = chosen.only or list(PARTS)
    if chosen.plot and "growth" not in parts:
        raise UsageError("--plot needs the part growth.")
    libraries = Libraries(
        chosen.home, chosen.data, chosen.distractors, chosen.seed, notify, progress
    )
    measure: dict[str, Callable[[], tuple[str, dict[str, Any]]]] = {
        "quality": lambda: measure_quality(
            libraries, rerank=chosen.rerank, rerank_minutes=chosen.rerank_minutes
        ),
        "latency": lambda: measure_latency(libraries),
        "growth": lambda: measure_growth(libraries, chosen.growth),
        "cold": lambda: measure_cold(libraries),
    }
    about = _about(libraries)
    numbers: dict[str, Any] = {"about": about}
    _put(_shown(about), progress)
    for part in PARTS:
        if part not in parts:
            continue
        started = time.monotonic()
        text, numbers[part] = measure[part]()
        numbers[part]["seconds"] = time.monotonic() - started
        _put(text, progress)
        notify(f"{part}: {numbers[part]['seconds']:,.0f} s")
        if part == "growth" and chosen.plot:
            chosen.plot.parent.mkdir(parents=True, exist_ok=True)
            chosen.plot.write_text(growth_svg(numbers[part]["points"]), "utf-8")
        if chosen.out:  # after each part: a later one may fail
            chosen.out.parent.mkdir(parents=True, exist_ok=True)
            chosen.out.write_text(json.dumps(numbers, indent=1) + "\n", "utf-8")


def _put(text: str, progress: Progress) -> None:
    progress.clear()
    sys.stdout.write(text + "\n\n")
    sys.stdout.flush()


def _about(libraries: Libraries) -> dict[str, Any]:
    return {
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "code": code_hash(),
        "embedder": libraries.embedder.fingerprint,
        "distractors": libraries.distractors,
        "seed": libraries.seed,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _shown(about: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    return (
        f"# Search, {about['when']}\n\n{about['distractors']:,} arXiv papers, seed "
        f"{about['seed']}, code {about['code']}, {about['embedder']}, {about['cores']} cores, "
        f"Python {about['python']}, {packages}. What stands in brackets after a number of queries "
        "names their ids."
    )


if __name__ == "__main__":
    sys.exit(main())
