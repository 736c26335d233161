"""``python -m evals.embedding``: how fast papers are embedded, beside onnxruntime alone.

Raw: the same texts, tokenized beforehand and sorted by length over all of them, and then
``session.run`` and nothing else, in the way that proves quickest here (how many texts a run, and
whether one run has all cores or each core runs of its own). Ours: `sync_vectors`, from the
catalog to Chroma, the mirror and the account, with the model and Chroma loaded. Both take turns
over parts of the papers, so that a machine that slows down slows both.

Real abstracts come from ``../shared/data/arxiv_100k.jsonl.gz``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from curator.batches import batched
from curator.embedding import OnnxEmbedder, embedding_text
from curator.indexing import sync_vectors
from curator.shelf import Shelf
from evals.suites.base import read_rows

SHARED = Path(__file__).parents[2] / "shared" / "data" / "arxiv_100k.jsonl.gz"
TRIED = 32  # texts that each raw way is tried on, twice
QUERIES = 100

Feeds = dict[str, Any]
Way = Callable[[list[Feeds]], None]


def main() -> None:
    """Prints one line for each figure."""
    parser = argparse.ArgumentParser(description="The rate of embedding, beside the raw one.")
    parser.add_argument("--count", type=int, default=1000, help="papers")
    parser.add_argument("--rounds", type=int, default=4, help="turns that each of the two takes")
    parser.add_argument("--file", type=Path, default=SHARED, help="JSON lines of papers")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shelves = _shelves(chosen.file, Path(folder), chosen.count, chosen.rounds)
        _rates(shelves)
        _queries(shelves[0])
        for shelf in shelves:
            shelf.close()
    _cold()


def _shelves(file: Path, folder: Path, count: int, rounds: int) -> list[Shelf]:
    """A library for each round, of papers without vectors."""
    rows = list(islice(read_rows(file), count))
    shelves = []
    for number in range(rounds):
        source = folder / f"{number}.jsonl"
        with source.open("w", encoding="utf-8") as out:
            for row in rows[number::rounds]:
                fields = {name: row[name] for name in ("title", "abstract")}
                out.write(json.dumps({**fields, "arxiv_id": row["id"]}) + "\n")
        shelf = Shelf.open(folder / str(number))
        shelf.add([str(source)], embed=False)
        shelves.append(shelf)
    return shelves


# ------------------------------------------------------------------------ rates


def _rates(shelves: list[Shelf]) -> None:
    embedder = shelves[0].embedder
    assert isinstance(embedder, OnnxEmbedder)
    model = embedder._model
    tokenizer, _ = model._loading.result()
    parts = []
    for shelf in shelves:
        texts = [embedding_text(paper) for paper in shelf.catalog.papers.select()]
        encoded = tokenizer.encode_batch_fast(texts)
        parts.append(sorted(encoded, key=lambda one: -len(one.ids)))
        shelf.vectors.heal()  # opens Chroma
    tokens = [len(one.ids) for part in parts for one in part]
    print(f"{'papers':<44}{len(tokens):>10,}")
    print(f"{'tokens of a paper, mean':<44}{statistics.mean(tokens):>10.0f}")
    size, name, way = _quickest(model._paths[0], model._threads, parts[0])
    raw = ours = 0.0
    for number, (shelf, part) in enumerate(zip(shelves, parts, strict=True)):
        feeds = _feeds(part, size)
        if number % 2:
            ours += _sync(shelf, embedder)
            raw += _seconds(way, feeds)
        else:
            raw += _seconds(way, feeds)
            ours += _sync(shelf, embedder)
    print(f"{f'raw: {name}, papers/s':<44}{len(tokens) / raw:>10.1f}")
    print(f"{'ours, catalog to index, papers/s':<44}{len(tokens) / ours:>10.1f}")
    print(f"{'share of the raw rate':<44}{raw / ours:>10.2f}")


def _quickest(model: Path, cores: int, encoded: list[Any]) -> tuple[int, str, Way]:
    """The way in which onnxruntime is quickest: texts a run, its name, and itself."""
    import onnxruntime as ort

    def session(threads: int) -> Any:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    whole, single = session(cores), session(1)
    pool = ThreadPoolExecutor(cores)

    def in_turn(feeds: list[Feeds]) -> None:
        for feed in feeds:
            whole.run(None, feed)

    def at_once(feeds: list[Feeds]) -> None:
        list(pool.map(lambda feed: single.run(None, feed), feeds))

    ways: list[tuple[int, str, Way]] = [
        (size, f"{size} a run, {cores} threads each", in_turn) for size in (1, 4, 16, 32)
    ]
    ways += [(size, f"{size} a run, {cores} runs at once", at_once) for size in (1, 4)]
    sample = encoded[:: max(1, len(encoded) // TRIED)][:TRIED]
    at_once(_feeds(sample[-2:], 1))  # warm
    in_turn(_feeds(sample[-2:], 1))
    tried: list[float] = []
    for size, _, way in ways:
        feeds = _feeds(sample, size)
        tried.append(min(_seconds(way, feeds) for _ in range(2)))
    for (_, name, _), seconds in zip(ways, tried, strict=True):
        print(f"{f'  tried: {name}':<44}{len(sample) / seconds:>10.1f}")
    return ways[tried.index(min(tried))]


def _feeds(encoded: Sequence[Any], size: int) -> list[Feeds]:
    import numpy as np

    feeds = []
    for group in batched(encoded, size):
        ids = np.zeros((len(group), max(len(one.ids) for one in group)), np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(group):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = 1
        feeds.append(
            {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        )
    return feeds


def _seconds(way: Way, feeds: list[Feeds]) -> float:
    started = time.perf_counter()
    way(feeds)
    return time.perf_counter() - started


def _sync(shelf: Shelf, embedder: OnnxEmbedder) -> float:
    started = time.perf_counter()
    sync_vectors(shelf.catalog, shelf.vectors, embedder, shelf._lock)
    seconds = time.perf_counter() - started
    assert shelf.vectors.is_sound()
    assert not shelf.catalog.vectors.missing_count(embedder.fingerprint)
    return seconds


# ---------------------------------------------------------------------- queries


def _queries(shelf: Shelf) -> None:
    queries = [paper.title for paper in shelf.catalog.papers.select(limit=QUERIES)]
    shelf.embedder.embed_query("warm")
    seconds = []
    for query in queries:
        started = time.perf_counter()
        shelf.embedder.embed_query(query)
        seconds.append(time.perf_counter() - started)
    cuts = statistics.quantiles(seconds, n=20)
    print(f"{'a query (a title), p50, ms':<44}{statistics.median(seconds) * 1000:>10.1f}")
    print(f"{'a query (a title), p95, ms':<44}{cuts[18] * 1000:>10.1f}")


_STEPS = """
import json, time
t = [time.perf_counter()]
def step(): t.append(time.perf_counter())
import numpy; step()
import onnxruntime; step()
from tokenizers import Tokenizer; step()
from curator.embedding import open_embedder
from curator.settings import load_settings; step()
embedder = open_embedder(load_settings()); step()
embedder._model._loading.result(); step()
embedder.embed_query("a question about something"); step()
print(json.dumps([b - a for a, b in zip(t, t[1:])]))
"""
_WHOLE = """
import json, time
t = time.perf_counter()
from curator.embedding import open_embedder
from curator.settings import load_settings
embedder = open_embedder(load_settings())
a = time.perf_counter()
embedder.embed_query("a question about something")
print(json.dumps([a - t, time.perf_counter() - t]))
"""


def _cold() -> None:
    """A process that embeds one query: where its time goes; medians of five."""

    def runs(code: str) -> list[float]:
        told = [
            json.loads(
                subprocess.run(
                    [sys.executable, "-c", code], check=True, capture_output=True, text=True
                ).stdout
            )
            for _ in range(5)
        ]
        return [statistics.median(column) * 1000 for column in zip(*told, strict=True)]

    names = (
        *("import numpy", "import onnxruntime", "import tokenizers", "import ours, settings"),
        *("open the embedder", "wait for model and tokenizer", "the first query"),
    )
    for name, ms in zip(names, runs(_STEPS), strict=True):
        print(f"{f'cold: {name}, ms':<44}{ms:>10.0f}")
    opened, whole = runs(_WHOLE)
    print(f"{'cold: until the embedder is opened, ms':<44}{opened:>10.0f}")
    print(f"{'cold: until the first vector, ms':<44}{whole:>10.0f}")


if __name__ == "__main__":
    main()
