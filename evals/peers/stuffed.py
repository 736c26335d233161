"""The plain baseline: five abstracts in one prompt, one call, the answer as it comes.

The five are those nearest to the question among our vectors. There is no selection of
evidence, no decision, no check: what is better than this is better because of those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curator.errors import ModelError
from curator.library import Library
from curator.llm.api import make_client, translated
from curator.paper import Paper
from curator.shelf import Notify
from curator.text import plain
from evals.peers.ours import Asked, home_settings, timed

__all__ = ["MAX_TOKENS", "PAPERS", "REFUSAL", "SYSTEM", "asking", "citations", "line_of", "prompt"]

PAPERS = 5
# As much as ours may write. Without a bound a small model may copy abstracts to the context's end.
MAX_TOKENS = 320
REFUSAL = "The papers do not answer this question."

SYSTEM = (
    "You answer a question from the abstracts of research papers. Write one to three short "
    "sentences that answer the question, and nothing else; do not repeat the abstracts. Use only "
    "what the abstracts say. End each sentence with the number of its abstract in brackets, such "
    f'as [2]. If the abstracts do not answer the question, write only: "{REFUSAL}"'
)
_MARK = re.compile(
    r"\s*[\[【]\s*(?:papers?\s*)?(\d+(?:\s*(?:,|;|-|–|and|&)\s*(?:papers?\s*)?\d+)*)\s*[\]】]", re.I
)


@contextmanager
def asking(home: Path, address: str, model: str, notify: Notify | None = None) -> Iterator[Asked]:
    """Gives a function from a question to its line."""
    settings = home_settings(home, address, model)
    client = make_client(settings)
    with Library(settings, notify=notify) as library:
        library.search("loaded", 1, mode="dense")

        def retrieve_and_ask(question: str) -> tuple[list[Paper], Any]:
            papers = [hit.paper for hit in library.search(question, PAPERS, mode="dense")]
            with translated(f"openai:{model}"):
                made = client.chat.completions.create(
                    model=model,
                    messages=[
                        {"role": "system", "content": SYSTEM},
                        {"role": "user", "content": prompt(question, papers)},
                    ],
                    temperature=0,
                    max_tokens=MAX_TOKENS,
                )
            if not made.choices:
                raise ModelError(f"openai:{model} gave no answer.")
            return papers, made

        def ask(question: str) -> dict[str, Any]:
            (papers, made), seconds = timed(lambda: retrieve_and_ask(question))
            line = line_of(made.choices[0].message.content or "", papers, seconds)
            if made.usage:
                line["prompt_tokens"] = made.usage.prompt_tokens
                line["completion_tokens"] = made.usage.completion_tokens
            return line

        yield ask


def prompt(question: str, papers: Sequence[Paper]) -> str:
    """What the user asks: the papers, numbered from 1, and the question after them."""
    abstracts = "\n\n".join(
        f"Abstract [{number}]: {plain(paper.title)}\n{plain(paper.abstract)}"
        for number, paper in enumerate(papers, 1)
    )
    # Said again at the end, where a small model heeds it most; the 0.5B often does not even so.
    form = "one to three sentences, each ending with the number of its abstract, such as [2]"
    return f"{abstracts}\n\nQuestion: {question}\n\nAnswer ({form}):"


def line_of(said: str, papers: Sequence[Paper], seconds: float) -> dict[str, Any]:
    """The common line, from what the model said about these papers."""
    cited = citations(said)
    return {
        "answer": said.strip(),
        "text": _MARK.sub("", said).strip(),
        "contexts": [
            {"title": paper.title, "text": paper.abstract, "score": None} for paper in papers
        ],
        "cited_titles": [papers[n - 1].title for n in cited if 0 < n <= len(papers)],
        "invented": [f"[{n}]" for n in cited if not 0 < n <= len(papers)],
        "refused": REFUSAL.rstrip(".").lower() in said.lower(),
        "seconds": round(seconds, 3),
        "llm_calls": 1,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "error": None,
    }


def citations(said: str) -> list[int]:
    """The numbers cited, each once, in order: ``[1, 3]``, ``[Paper 2]``. A span like ``[1-3]``
    cites all that it spans."""
    found: dict[int, None] = {}
    for marks in _MARK.findall(said):
        for part in re.split(r"[,;&]|and", marks.lower()):
            ends = [int(number) for number in re.findall(r"\d+", part)]
            if len(ends) == 2 and ends[0] < ends[1] < ends[0] + 100:
                found.update(dict.fromkeys(range(ends[0], ends[1] + 1)))
            else:
                found.update(dict.fromkeys(ends))
    return list(found)
