"""``python -m evals.first_sentence``: how soon the reader reads something.

Ours beside a plain baseline, five whole abstracts in one prompt, with the same local model in
one process: the seconds from the question to the end of the first sentence on the screen. Ours
shows it checked or quoted, the baseline as it comes. Questions that ours refuses are left out
of both. One system after the other, so that each keeps its own prefix in llama.cpp's cache.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curator.library import Library
from curator.llm.local import LocalLLM
from curator.text import plain
from curator.weights import DEFAULTS
from evals.gold import Question
from evals.peers.ours import home_settings
from evals.peers.stuffed import MAX_TOKENS, PAPERS, SYSTEM, prompt
from evals.suites import suites_for
from evals.suites.base import pick

__all__ = ["main", "sentence_ends"]

DATA = Path(__file__).parents[2] / "shared" / "data"
SUITE = "ask-gold"

# A full stop with a space or a citation after it; not that of "e.g." or a decimal.
_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\bal)[.!?](?:\s|\[)")


def sentence_ends(text: str) -> bool:
    """Whether a first sentence is complete in a text that may still grow: a full stop at its
    very end may still become a decimal."""
    return _END.search(text) is not None


def ours_first(library: Library, question: str) -> float | None:
    """Seconds to the first sentence of ours; None if it refuses."""
    first: list[float] = []
    started = time.perf_counter()

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "sentence" and not first:
            first.append(time.perf_counter() - started)

    library.ask(question, on_event=listen)
    return first[0] if first else None


def stuffed_first(library: Library, llama: Any, question: str) -> float:
    """Seconds to the end of the baseline's first sentence."""
    started = time.perf_counter()
    papers = [hit.paper for hit in library.search(question, PAPERS, mode="dense")]
    text = ""
    for chunk in llama.create_chat_completion(
        messages=[
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": prompt(plain(question), papers)},
        ],
        temperature=0.0,
        max_tokens=MAX_TOKENS,
        stream=True,
    ):
        text += chunk["choices"][0]["delta"].get("content") or ""
        if sentence_ends(text):
            break
    return time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path(".evals/first-sentence"))
    parser.add_argument("--limit", type=int, default=30, help="how many answerable questions")
    parser.add_argument("--model", default=DEFAULTS["generate"], help="a local model")
    chosen = parser.parse_args(arguments)
    chosen.work.mkdir(parents=True, exist_ok=True)
    suite = suites_for([SUITE], full=True, data=chosen.data)[0]
    rows = [row for row in suite.sample(chosen.data, None, 0) if isinstance(row, Question)]
    rows = [row for row in rows if row.kind != "unanswerable"]
    rows = list(pick(rows, chosen.limit, 0, lambda row: row.kind))
    settings = home_settings(chosen.work / "home")
    settings = settings.model_copy(update={"model": f"local:{chosen.model}"})
    with Library(settings, notify=print) as library:
        files = suite.corpus.files(chosen.data, chosen.work) if suite.corpus else ()
        library.add([str(file) for file in files])
        library.index(sentences=-1)  # as `curator index` does when papers have come in
        backend = library.llm.backend
        assert isinstance(backend, LocalLLM)
        ours_first(library, "Is everything loaded, and which paper says so?")
        started = time.perf_counter()
        ours = {row.id: ours_first(library, row.question) for row in rows}
        print(f"ours: {time.perf_counter() - started:.0f} s", flush=True)
        answered = [row for row in rows if ours[row.id] is not None]
        with backend.loaded() as llama:
            stuffed_first(library, llama, "Is it loaded?")
            plainly = {row.id: stuffed_first(library, llama, row.question) for row in answered}
    mine = [ours[row.id] or 0.0 for row in answered]
    theirs = [plainly[row.id] for row in answered]
    print(f"{len(answered)} questions of {len(rows)} answered; {library.llm.identity}")
    for name, seconds in (("ours", mine), ("five abstracts", theirs)):
        print(
            f"{name:<16} median {statistics.median(seconds):6.2f} s   "
            f"mean {statistics.fmean(seconds):6.2f} s   worst {max(seconds):6.2f} s"
        )
    ratios = [m / t for m, t in zip(mine, theirs, strict=True)]
    print(
        f"ratio of medians {statistics.median(mine) / statistics.median(theirs):.2f}, "
        f"of means {statistics.fmean(mine) / statistics.fmean(theirs):.2f}, "
        f"median of ratios {statistics.median(ratios):.2f}"
    )


if __name__ == "__main__":
    main()
