"""Our own answers, over the same loopback server as the others: `Library.ask`, as it is.

Only the model is set (``CURATOR_MODEL=openai:…``); a fallback model, a folder of prompts or a
budget of the person who runs this would be another program, so they are taken out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from curator.library import Library
from curator.settings import Settings, load_settings
from curator.shelf import Notify

__all__ = ["asking", "home_settings", "line_of", "timed"]

Asked = Callable[[str], dict[str, Any]]

# A model on busy cores is slow, not gone.
TIMEOUT = 900.0


def home_settings(home: Path, address: str = "", model: str = "") -> Settings:
    """The default settings with this home and, where there is one, this server."""
    fixed: dict[str, Any] = {
        **{"home": home, "embedding": "local", "reranker": "local", "fallback_model": None},
        **{"prompts": None, "taxonomy": None, "api_timeout": TIMEOUT},
        **{"max_calls": None, "max_tokens": None, "max_minutes": None},
    }
    if address:
        key = SecretStr("none")
        fixed |= {"model": f"openai:{model}", "openai_base_url": address, "openai_api_key": key}
    return load_settings(home=home).model_copy(update=fixed)


@contextmanager
def asking(home: Path, address: str, model: str, notify: Notify | None = None) -> Iterator[Asked]:
    """Gives a function from a question to its line. Models are loaded before the first one, as
    the other systems' servers are."""
    import graphs.ask  # noqa: F401

    with Library(home_settings(home, address, model), notify=notify) as library:
        found = [hit.paper for hit in library.search("loaded", 1)]
        library.ask_context.selector.select("Is it loaded?", found, 1)

        def ask(question: str) -> dict[str, Any]:
            answer, seconds = timed(lambda: library.ask(question))
            return line_of(answer, seconds)

        yield ask


def line_of(answer: Any, seconds: float) -> dict[str, Any]:
    """The common line, from an `Answer`. Citations that do not exist cannot occur: what the
    model cites is looked up, and a sentence whose citation is not there is dropped with it."""
    titles = {source["paper_id"]: source["title"] for source in answer["sources"]}
    cited = [c["paper_id"] for s in answer["sentences"] for c in s["citations"]]
    usage = answer["usage"]
    return {
        "answer": answer["answer"],
        "text": " ".join(s["text"] for s in answer["sentences"]) or answer["answer"],
        "contexts": [
            {"title": titles.get(c["paper_id"], ""), "text": c["quote"], "score": s["score"]}
            for s in answer["sentences"]
            for c in s["citations"]
        ],
        "cited_titles": [titles[paper] for paper in dict.fromkeys(cited) if paper in titles],
        "invented": sorted({paper for paper in cited if paper not in titles}),
        "refused": bool(answer["abstained"]),
        "seconds": round(seconds, 3),
        "llm_calls": usage["llm_calls"],
        "prompt_tokens": usage["prompt_tokens"],
        "completion_tokens": usage["completion_tokens"],
        "error": None,
        "sentences": answer["sentences"],
    }


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call gives, and its seconds."""
    started = time.monotonic()
    made = call()
    return made, time.monotonic() - started
