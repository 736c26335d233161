"""``make bench``: how fast it is, as ratios to the bare parts, measured in this one run.

Uses 3,000 abstracts of arXiv from ``../shared/data`` where they are, else the sample library.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from curator.cli.terminal import note
from curator.embedding import OnnxEmbedder, embedding_text
from curator.library import Library
from curator.llm.base import Completion, Request
from curator.text import plain
from curator.tldr import TldrDraft
from evals.suites.base import read_rows
from evals.suites.own import SAMPLES

SHARED = Path(__file__).parents[2] / "shared" / "data"

COUNT = 3000
EMBEDDED = 256
QUERIES = 200
CALLS = 6


def main() -> None:
    """Prints one table row for each figure: ours, the bare part, and the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        source = _source(Path(folder))
        with Library.open(Path(folder) / "home") as library:
            print(f"{'':44}{'ours':>12}{'bare':>12}{'ratio':>8}")
            _ingest(library, source, Path(folder))
            _embed(library)
            _search(library)
            _model(library)
    _help()


def _row(name: str, ours: float, bare: float | None, unit: str, *, faster: bool = True) -> None:
    """``ratio`` is the share of the bare speed that is reached."""
    if bare is None:
        print(f"{name:<44}{ours:>12,.1f}{'':>12}{'':>8}  {unit}")
        return
    ratio = ours / bare if faster else bare / ours
    print(f"{name:<44}{ours:>12,.1f}{bare:>12,.1f}{ratio:>8.2f}  {unit}")


def _source(folder: Path) -> Path:
    if not SHARED.is_dir():
        note("../shared is absent: the sample library serves, and the rates mean little.")
        return SAMPLES
    file = folder / "papers.jsonl"
    with file.open("w") as out:
        for row in islice(read_rows(SHARED / "arxiv_100k.jsonl.gz"), COUNT):
            fields = {name: row[name] for name in ("title", "abstract")}
            out.write(json.dumps({**fields, "arxiv_id": row["id"]}) + "\n")
    return file


def _ingest(library: Library, source: Path, folder: Path) -> None:
    import tantivy

    started = time.perf_counter()
    report = library.add([str(source)], embed=False)
    ours = report.entries / (time.perf_counter() - started)
    builder = tantivy.SchemaBuilder()
    for name in ("id", "title", "abstract"):
        builder.add_text_field(name)
    (folder / "bare").mkdir()
    started = time.perf_counter()
    writer = tantivy.Index(builder.build(), path=str(folder / "bare")).writer(64_000_000, 1)
    for line in source.open():
        row = json.loads(line)
        writer.add_document(
            tantivy.Document(id=row["arxiv_id"], title=row["title"], abstract=row["abstract"])
        )
    writer.commit()
    bare = report.entries / (time.perf_counter() - started)
    _row("ingest: parse, catalog, words (bare: tantivy)", ours, bare, "papers/s")


def _embed(library: Library) -> None:
    embedder = library.embedder
    assert isinstance(embedder, OnnxEmbedder)
    papers = library.catalog.papers.select(limit=EMBEDDED)
    texts = sorted((embedding_text(paper) for paper in papers), key=len)
    embedder.embed(texts[:16])  # warm
    started = time.perf_counter()
    for start in range(0, len(texts), 16):
        embedder.embed(texts[start : start + 16])
    bare = len(texts) / (time.perf_counter() - started)
    started = time.perf_counter()
    for start in range(0, len(papers), 128):
        part = papers[start : start + 128]
        vectors = embedder.embed([embedding_text(paper) for paper in part])
        library.vectors.add(part, vectors)
    ours = len(papers) / (time.perf_counter() - started)
    _row("embed and store (bare: onnxruntime, sorted)", ours, bare, "papers/s")


def _search(library: Library) -> None:
    import numpy as np

    papers = library.catalog.papers.select(limit=QUERIES)
    queries = [plain(paper.title) for paper in papers]
    vectors = library.embedder.embed(queries)
    stored = library.vectors.vectors(library.catalog.papers.select(limit=EMBEDDED))
    matrix = np.array(list(stored.values()))
    for name, ours, bare in (
        (
            "search: words",
            _median(lambda i: library.lexical.search(queries[i], 100), len(queries)),
            None,
        ),
        (
            "search: vectors (bare: numpy, all compared)",
            _median(lambda i: library.vectors.search(vectors[i], 100), len(queries)),
            _median(lambda i: np.argsort(-(matrix @ vectors[i]))[:100], len(queries)),
        ),
    ):
        _row(name + ", p50", ours * 1000, bare * 1000 if bare else None, "ms", faster=False)
    one = _median(lambda i: library.embedder.embed_query(queries[i]), 50)
    whole = _median(lambda i: library.search(queries[i], 10), 50)
    _row("search: the query's vector, p50", one * 1000, None, "ms")
    _row(
        "search: hybrid in all (bare: query vector), p50",
        whole * 1000,
        one * 1000,
        "ms",
        faster=False,
    )


def _median(call: Callable[[int], Any], count: int) -> float:
    seconds = []
    for i in range(count):
        started = time.perf_counter()
        call(i)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _model(library: Library) -> None:
    """The same prompts and the same number of tokens, bare and through our path (grammar,
    validation, cache, check)."""
    from curator.llm.local import LocalLLM

    backend = library.llm.backend
    assert isinstance(backend, LocalLLM)
    papers = library.catalog.papers.select(limit=CALLS + 1)
    library.tldr_of(papers[0])  # loads the model
    asked: list[tuple[Request, Completion]] = []
    original = backend.complete

    def listening(request: Request) -> Completion:
        asked.append((request, original(request)))
        return asked[-1][1]

    backend.complete = listening  # type: ignore[method-assign]
    started = time.perf_counter()
    for paper in papers[1:]:
        library.tldr_of(paper)
    ours = time.perf_counter() - started
    generated = sum(answer.completion_tokens for _, answer in asked)
    read = sum(answer.prompt_tokens for _, answer in asked)
    # The bare run comes second; were the prompts still in its cache, it would be flattered.
    llama = backend._load()
    llama.reset()
    started = time.perf_counter()
    made = 0
    for request, answer in asked:
        messages = [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.user},
        ]
        said = llama.create_chat_completion(
            messages=messages, max_tokens=answer.completion_tokens, temperature=0.0
        )
        made += said["usage"]["completion_tokens"]
    bare = time.perf_counter() - started
    _row("tldr: model tokens written (bare: llama.cpp)", generated / ours, made / bare, "tokens/s")
    _row(
        "tldr: tokens read and written in all",
        (read + generated) / ours,
        (read + made) / bare,
        "tokens/s",
    )
    _row("tldr: one paper", ours / CALLS, bare / len(asked), "s", faster=False)
    assert TldrDraft is asked[0][0].output


def _help() -> None:
    def run(*command: str) -> float:
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - started

    ours = min(run(sys.executable, "-m", "curator", "--help") for _ in range(5))
    bare = min(run(sys.executable, "-c", "import typer") for _ in range(5))
    _row("curator --help (bare: import typer)", ours * 1000, bare * 1000, "ms", faster=False)


if __name__ == "__main__":
    main()
