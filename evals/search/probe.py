"""A process that searches one library, and says how long that took and what memory it grew by.

``python -m evals.search.probe HOME FINGERPRINT FOLDER``: the folder holds ``texts.json`` and
``vectors.npy``, the queries and their vectors. Prints one JSON object.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from curator.filters import Filters
from curator.index.vectors import VectorIndex
from curator.settings import load_settings
from curator.shelf import Shelf
from evals.search.figures import timed, times_of
from evals.search.libraries import Remembered, retriever_of

__all__ = ["main", "memory_now"]

LIMIT = 10
FILTERS = (
    Filters(since="2015-01-01"),
    Filters(author="wang"),
    Filters(where="venue:none or category:none or since:2016-01-01"),
    Filters(where="not (tag:none or liked or read)"),
)


class _Named:
    """An embedder's name, which is all that is needed of it."""

    def __init__(self, fingerprint: str) -> None:
        self.name = self.fingerprint = fingerprint

    def embed(self, texts: Any) -> Any:
        raise AssertionError("nothing is embedded here")

    embed_query = embed


class _Probed(Shelf):
    """A library with vectors by an embedder that is not opened."""

    fingerprint = ""

    @cached_property
    def vectors(self) -> VectorIndex:
        return VectorIndex(self.home.vectors, self.catalog.vectors, self.fingerprint)


def main(arguments: list[str]) -> None:
    home, fingerprint, folder = arguments
    texts = json.loads((Path(folder) / "texts.json").read_text("utf-8"))
    vectors = np.load(Path(folder) / "vectors.npy")
    embedder = Remembered(_Named(fingerprint), texts, vectors)
    _import()
    settings = load_settings(home=home).model_copy(update={"chroma_url": None})
    with _Probed(settings) as shelf:
        shelf.fingerprint = fingerprint
        start = memory_now()
        first, _ = timed(lambda: retriever_of(shelf, embedder).search(texts[0], LIMIT))
        retriever = retriever_of(shelf, embedder)
        times: dict[str, list[float]] = {"hybrid": [], "lexical": [], "dense": []}
        for counted in (False, True):
            for number, text in enumerate(texts):
                for mode in random.Random(number).sample(list(times), len(times)):
                    search = partial(retriever.search, text, LIMIT, mode=mode)  # type: ignore[arg-type]
                    seconds, _ = timed(search)
                    if counted:
                        times[mode].append(seconds)
        searching = memory_now()
        filtered = _filtered(retriever.search, texts)
        report = {
            "papers": shelf.catalog.papers.count(),
            "words": shelf.lexical.count(),
            "vectors": shelf.catalog.vectors.done_count(fingerprint),
            "first_seconds": first,
            **{mode: asdict(times_of(seconds)) for mode, seconds in times.items()},
            "filtered": asdict(times_of(filtered)),
            "memory": {
                "start": start,
                "searching": searching - start,
                "filters": memory_now() - searching,
            },
        }
    sys.stdout.write(json.dumps(report) + "\n")


def _filtered(search: Callable[..., Any], texts: list[str]) -> list[float]:
    for filters in FILTERS:
        search(texts[0], LIMIT, filters)
    return [
        timed(partial(search, text, LIMIT, FILTERS[number % len(FILTERS)]))[0]
        for number, text in enumerate(texts)
    ]


def _import() -> None:
    """What would else count as memory of the papers."""
    import chromadb
    import chromadb.api.rust  # noqa: F401
    import tantivy  # noqa: F401

    import curator.catalog.facets
    import curator.fusion
    import curator.index.mirror  # noqa: F401


def memory_now() -> int:
    """Bytes of this process that are in memory, mapped files included; where the system does
    not say, the most there ever were."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    main(sys.argv[1:])
