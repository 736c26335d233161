"""What is searched in and for: three test collections, and titles asked of their abstracts.

Cranfield, CISI and SciFact are those of `evals.suites.retrieval`; SciFact's abstracts lie among
arXiv papers. The data is read in place, from the folder of ``--data``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from curator.errors import InputError
from curator.text import title_key
from evals.gold import Query
from evals.suites.base import Suite, read_rows, write_papers
from evals.suites.retrieval import RETRIEVAL_SUITES

__all__ = [
    "ARXIV",
    "OTHERS",
    "PARTS",
    "Asked",
    "QuerySet",
    "arxiv_files",
    "arxiv_rows",
    "collection_files",
    "files_of",
    "latency_queries",
    "need",
    "query_sets",
    "title_files",
]

ARXIV = "arxiv_100k.jsonl.gz"
OTHERS = "arxiv_categories_dev.jsonl.gz"  # some of which are not in the other file
ABSTRACTS, TITLES = 5_000, 600
# The weights in `curator.fusion` were found with the draws of --seed 0.
_ABSTRACTS_SEED, _TITLES_SEED = 7, 3
PARTS = 40  # files that the arXiv papers are read from, so that there are sources to filter by

_NAMES = {
    "cranfield": "Cranfield",
    "cisi": "CISI",
    "scifact": "SciFact claims",
    "titles": "arXiv titles",
}
_VENUE = re.compile(r"10\.\d+/([A-Za-z][A-Za-z.]*[A-Za-z])?")


@dataclass(frozen=True)
class QuerySet:
    """Queries with judgements, over the papers of one library. The even ones (0, 2, ... in this
    order) are those that `curator.fusion` was tuned on."""

    name: str
    title: str
    queries: Sequence[Query]


@dataclass(frozen=True)
class Asked:
    """A query that is only timed. ``kind``: ``title``, ``keywords`` or ``claim``."""

    id: str
    kind: str
    text: str


def need(data: Path, *names: str) -> bool:
    """True.

    Raises:
        InputError: a file of the data is not there.
    """
    absent = [name for name in names if not (data / name).exists()]
    if absent:
        raise InputError(
            f"{', '.join(absent)} not in {str(data)!r}.",
            remedy="Give the folder of the shared data with --data.",
        )
    return True


def _suite(name: str) -> Suite:
    return next(suite for suite in RETRIEVAL_SUITES if suite.name == f"retrieval-{name}")


# ------------------------------------------------------------------------- queries


def query_sets(data: Path, seed: int) -> list[QuerySet]:
    """The four sets, in a fixed order each.

    Raises:
        InputError: the data is not there, or not what is expected.
    """
    need(data, ARXIV, *(name for key in ("cranfield", "cisi", "scifact") for name in files_of(key)))
    judged = {name: _judged(name, data) for name in ("cranfield", "cisi", "scifact")}
    judged["titles"] = _title_queries(data, seed)
    return [QuerySet(name, _NAMES[name], queries) for name, queries in judged.items()]


def files_of(name: str) -> tuple[str, ...]:
    """The files that a test collection lies in, below the folder of the data."""
    return _suite(name).needs


def _judged(name: str, data: Path) -> list[Query]:
    return [row for row in _suite(name).sample(data, None, 0) if isinstance(row, Query)]


def _drawn(data: Path, seed: int) -> list[dict[str, Any]]:
    rows = list(read_rows(data / ARXIV))
    count = min(ABSTRACTS, len(rows))
    numbers = random.Random(_ABSTRACTS_SEED + seed).sample(range(len(rows)), count)
    return [rows[number] for number in sorted(numbers)]


def _title_queries(data: Path, seed: int) -> list[Query]:
    rows = _drawn(data, seed)
    count = min(TITLES, len(rows))
    chosen = random.Random(_TITLES_SEED + seed).sample(range(len(rows)), count)
    return [
        Query(id=rows[i]["id"], query=rows[i]["title"], relevant={rows[i]["id"]: 1}) for i in chosen
    ]


def latency_queries(data: Path) -> list[Asked]:
    """Titles of arXiv papers that are in none of the libraries, every other of them cut to the
    latter half of its words (as somebody types keywords), and SciFact's claims."""
    need(data, ARXIV, OTHERS, *files_of("scifact"))
    known = {title_key(row["title"]) for row in read_rows(data / ARXIV)}
    fresh = [row for row in read_rows(data / OTHERS) if title_key(row["title"]) not in known]
    asked = []
    for number, row in enumerate(fresh):
        words = row["title"].split()
        if number % 2:
            asked.append(Asked(row["id"], "keywords", " ".join(words[len(words) // 2 :])))
        else:
            asked.append(Asked(row["id"], "title", row["title"]))
    claims = _judged("scifact", data)
    return asked + [Asked(row.id, "claim", row.query) for row in claims]


# -------------------------------------------------------------------------- papers


def arxiv_rows(data: Path, count: int) -> Iterator[dict[str, Any]]:
    """The first ``count`` arXiv papers. They have no venue; where there is a DOI, who registered
    it stands for one, with the beginning of what follows (``10.1103 PhysRevA``)."""
    for row in islice(read_rows(data / ARXIV), count):
        yield {**row, "venue": _venue(row.get("doi") or "")}


def _venue(doi: str) -> str:
    found = _VENUE.match(doi)
    return f"{doi.partition('/')[0]} {found[1] or ''}".strip() if found else ""


def collection_files(name: str, data: Path, folder: Path) -> list[Path]:
    """The papers of a test collection, as files for `Library.add`."""
    corpus = _suite(name).corpus
    assert corpus is not None
    return list(corpus.files(data, folder))


def arxiv_files(data: Path, folder: Path, count: int) -> list[Path]:
    """SciFact's abstracts, and ``count`` arXiv papers in `PARTS` files."""
    rows = list(arxiv_rows(data, count))
    if len(rows) < count:
        raise InputError(f"{ARXIV} has {len(rows):,} papers only.", remedy="Ask for fewer.")
    size = -(-count // PARTS)
    files = [
        write_papers(folder / f"arxiv-{start // size:02d}.jsonl", rows[start : start + size])
        for start in range(0, count, size)
    ]
    return [*collection_files("scifact", data, folder), *files]


def title_files(data: Path, folder: Path, seed: int) -> list[Path]:
    """Abstracts that do not have their titles: a paper needs one, so it is the arXiv id."""
    papers = ({"title": row["id"], "abstract": row["abstract"]} for row in _drawn(data, seed))
    return [write_papers(folder / "abstracts.jsonl", papers)]
