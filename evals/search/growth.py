"""How latency, memory and disk change from 10,000 papers to 500,000.

There are 100,000 real abstracts, so larger libraries are made of them: each paper takes the odd
sentences of one and the even ones of another, half of one's title and half of the other's, and
one's vector moved at random (cosine about .9 to what it was). Each size is a library of its own,
searched by a fresh process (`evals.search.probe`).
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curator.batches import batched
from curator.errors import ModelError
from curator.evidence import paper_sentences
from curator.paper import Paper
from curator.settings import load_settings
from curator.shelf import Shelf
from curator.text import plain
from evals.search.bare import Brute
from evals.search.figures import digest_of, ms, table
from evals.search.libraries import Libraries, mark_ready, ready
from evals.search.sets import Asked, latency_queries
from evals.suites.base import write_papers

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = ["Base", "disk_of", "measure_growth", "moved_at_random", "number_of", "recombined"]

FILE = 50_000  # papers that are written, and taken in, at a time
BATCH = 5_000  # vectors that are stored at a time
COSINE = 0.9
QUERIES = 300
# An arXiv id has five digits after the month since 1501, and ours go no further than this.
_MONTHLY, _FIRST_YEAR = 20_000, 15
_PARTS = {
    "catalog": ("catalog.sqlite3", "catalog.sqlite3-wal", "catalog.sqlite3-shm"),
    "words": ("index/lexical",),
    "Chroma": ("index/vectors",),
    "mirror": ("index/vectors-mirror",),
}


@dataclass(frozen=True)
class Base:
    """What the papers are made of: titles, sentences of abstracts, and vectors of shape
    (papers, dimensions), in one order."""

    titles: Sequence[str]
    sentences: Sequence[Sequence[str]]
    days: Sequence[str]
    vectors: Vectors


def measure_growth(libraries: Libraries, sizes: Sequence[int]) -> tuple[str, dict[str, Any]]:
    """Markdown, and all numbers."""
    builder = _Builder(libraries)
    pool = latency_queries(libraries.data)
    asked = random.Random(libraries.seed).sample(pool, min(QUERIES, len(pool)))
    points = []
    with tempfile.TemporaryDirectory() as folder:
        queries = _write_queries(Path(folder), asked, libraries)
        for size in sorted(sizes):
            home = builder.library(size)
            libraries.notify(f"growth: searching {size:,} papers ...")
            found = _probe(home, libraries.embedder.fingerprint, queries)
            points.append({**found, "disk": disk_of(home)})
    return _shown(points, asked), {"queries": [query.id for query in asked], "points": points}


# ------------------------------------------------------------------------ building


class _Builder:
    """Makes the libraries that are not there yet."""

    def __init__(self, libraries: Libraries) -> None:
        self._libraries = libraries
        self._fingerprint = libraries.embedder.fingerprint

    @cached_property
    def _base(self) -> Base:
        self._libraries.notify("growth: reading the papers that larger libraries are made of ...")
        with self._libraries.arxiv() as library:
            brute = Brute(library)
            at = {int(seq): row for row, seq in enumerate(brute.seqs)}
            rows, titles, sentences, days = [], [], [], []
            for paper in library.catalog.papers.changed_since(0):
                if paper.seq in at:
                    rows.append(at[paper.seq])
                    titles.append(paper.title)
                    sentences.append(paper_sentences(paper))
                    days.append(paper.day)
            return Base(titles, sentences, days, brute.rows[rows])

    def library(self, size: int) -> Path:
        """The folder of a finished library."""
        place = self._libraries.folder / f"growth-{size}"
        made_of = {
            "papers": size,
            "of": self._libraries.distractors,
            "seed": self._libraries.seed,
            "embedder": self._fingerprint,
        }
        home = place / "library"
        settings = load_settings(home=home).model_copy(update={"chroma_url": None})
        with Shelf(settings, notify=self._libraries.notify) as shelf:
            if ready(place) != made_of:
                self._add(shelf, size, place / "papers")
                self._embed(shelf, size)
                mark_ready(place, made_of)
                shutil.rmtree(place / "papers", ignore_errors=True)
            shelf.index(vectors=False)  # another release may want its word index anew
        return home

    def _add(self, shelf: Shelf, size: int, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        seed = self._libraries.seed
        for numbers in batched(range(size), FILE):
            file = folder / f"papers-{numbers[0]:07d}.jsonl"
            rows = (recombined(self._base, number, seed) for number in numbers)
            report = shelf.add([str(write_papers(file, rows))], embed=False)
            if report.rejected:
                raise ModelError(f"A made paper was rejected: {report.rejected[0][1].reason}")
            file.unlink()
            self._libraries.progress(f"growth to {size:,}: papers", numbers[-1] + 1, size)

    def _embed(self, shelf: Shelf, size: int) -> None:
        from curator.index.vectors import VectorIndex

        log = shelf.catalog.vectors
        index = VectorIndex(shelf.home.vectors, log, self._fingerprint)
        missing = log.missing_seqs(self._fingerprint)
        done = size - len(missing)
        for seqs in batched(missing, BATCH):
            papers = log.missing_among(self._fingerprint, seqs)
            rng = np.random.default_rng([self._libraries.seed, seqs[0]])
            index.add(papers, moved_at_random(self._base.vectors[self._rows(papers)], rng))
            done += len(seqs)
            self._libraries.progress(f"growth to {size:,}: vectors", done, size)
        index.close()

    def _rows(self, papers: Sequence[Paper]) -> list[int]:
        count = len(self._base.titles)
        return [number_of(paper.arxiv_id or "") % count for paper in papers]


def recombined(base: Base, number: int, seed: int = 0) -> dict[str, Any]:
    """A paper of two: title, abstract, day and an id that is this paper's alone. Papers with
    different numbers differ."""
    count = len(base.titles)
    first, turn = number % count, number // count
    shift = random.Random(f"{seed} {turn // max(1, count - 1)}").randrange(count)
    second = (first + 1 + (shift + turn) % max(1, count - 1)) % count
    one, other = base.titles[first].split(), base.titles[second].split()
    pairs = enumerate(zip_longest(base.sentences[first], base.sentences[second]))
    chosen = [pair[place % 2] or pair[1 - place % 2] for place, pair in pairs]
    length = (len(base.sentences[first]) + len(base.sentences[second]) + 1) // 2
    return {
        "title": " ".join([*one[: (len(one) + 1) // 2], *other[len(other) // 2 :]]),
        "abstract": " ".join(chosen[: max(1, length)]),
        "arxiv_id": _id_of(number),
        "published": base.days[first],
    }


def _id_of(number: int) -> str:
    month, place = divmod(number, _MONTHLY)
    return f"{_FIRST_YEAR + month // 12:02d}{month % 12 + 1:02d}.{place:05d}"


def number_of(arxiv_id: str) -> int:
    """The number of a made paper, by its id."""
    months = 12 * (int(arxiv_id[:2]) - _FIRST_YEAR) + int(arxiv_id[2:4]) - 1
    return months * _MONTHLY + int(arxiv_id[5:])


def moved_at_random(vectors: Vectors, rng: np.random.Generator, cosine: float = COSINE) -> Vectors:
    """Vectors of length 1, each about as near to the given one as ``cosine`` says."""
    noise = rng.standard_normal(vectors.shape)
    noise -= (noise * vectors).sum(axis=1, keepdims=True) * vectors
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    moved = cosine * vectors + np.sqrt(1 - cosine**2) * noise
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)


# ----------------------------------------------------------------------- measuring


def _write_queries(folder: Path, asked: Sequence[Asked], libraries: Libraries) -> Path:
    texts = [plain(query.text) for query in asked]
    vectors = np.stack([libraries.embedder.embed_query(text) for text in texts])
    np.save(folder / "vectors.npy", vectors)
    (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
    return folder


def _probe(home: Path, fingerprint: str, queries: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "evals.search.probe", str(home), fingerprint, str(queries)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ModelError(f"Searching {str(home)!r} failed: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    if not found["papers"] == found["words"] == found["vectors"]:
        raise ModelError(
            f"The library in {str(home)!r} has {found['papers']:,} papers, {found['words']:,} in "
            f"its words and {found['vectors']:,} vectors.",
            remedy=f"Delete {str(home.parent)!r}; it is made again.",
        )
    return found


def disk_of(home: Path) -> dict[str, int]:
    """Bytes that the parts of a library take on the disk (holes take none)."""
    return {name: sum(_taken(home / part) for part in parts) for name, parts in _PARTS.items()}


def _taken(path: Path) -> int:
    files: Iterator[Path] = path.rglob("*") if path.is_dir() else iter([path])
    # 512 whatever the disk's own blocks are: POSIX says so of `st_blocks`.
    return sum(512 * file.stat().st_blocks for file in files if file.is_file())


# --------------------------------------------------------------------------- shown


def _shown(points: Sequence[dict[str, Any]], asked: Sequence[Asked]) -> str:
    rows = []
    least = points[0]
    for point in points:
        papers = point["papers"]
        more = papers - least["papers"]
        grown = point["memory"]["searching"] - least["memory"]["searching"]
        disk = point["disk"]
        rows.append(
            [
                papers,
                ms(point["hybrid"]["p50"]),
                ms(point["hybrid"]["p95"]),
                ms(point["lexical"]["p50"]),
                ms(point["dense"]["p50"]),
                ms(point["filtered"]["p50"]),
                f"{point['first_seconds']:.2f}",
                f"{point['memory']['searching'] / 1e6:,.0f}",
                f"{grown / more / 1e3:.2f}" if more else None,
                f"{point['memory']['filters'] / papers / 1e3:.2f}",
                f"{sum(disk.values()) / 1e6:,.0f}",
                *(f"{size / papers / 1e3:.2f}" for size in disk.values()),
            ]
        )
    head = ["papers", "hybrid p50, ms", "p95", "words", "vectors", "with a filter"]
    head += ["first search, s", "memory, MB", "KB a further paper", "filters, KB a paper"]
    head += ["disk, MB", *(f"{name}, KB a paper" for name in _PARTS)]
    return (
        "## Growth\n\n"
        f"Papers recombined from real ones, vectors moved at random (cosine {COSINE}); "
        f"{len(asked)} queries ({digest_of(query.id for query in asked)}), their vectors made "
        "beforehand, in a fresh process for each size. Memory is what that process grew by from "
        "when all was imported to when all queries had been asked twice; that of filters comes on "
        "top. *A further paper*: beyond the smallest size. Files that are mapped count as far as "
        "they were looked at.\n\n" + table(head, rows)
    )
