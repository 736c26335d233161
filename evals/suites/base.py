"""What a set of gold data is: rows for one task, the papers they are about, and whose they are."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from curator.errors import InputError
from evals.gold import GoldRow

__all__ = [
    "OWN",
    "Corpus",
    "Suite",
    "TaskName",
    "own_rows",
    "pick",
    "read_rows",
    "write_papers",
]

TaskName = Literal["retrieval", "ask", "tldr", "tag", "grounding", "digest", "safety"]

OWN = Path(__file__).parents[1] / "data"
T = TypeVar("T", bound=GoldRow)


@dataclass(frozen=True)
class Corpus:
    """The papers that a suite's library must hold. ``files`` gets the folder of ``--data``
    (None for our own) and a folder to write into, and gives what `Library.add` is to read."""

    name: str
    files: Callable[[Path | None, Path], Sequence[Path]]


@dataclass(frozen=True)
class Suite:
    """One set of gold data for one task.

    ``needs`` are files below the folder of ``--data``; a suite without any is our own and is
    always there. ``quick`` suites run by default, with ``quick_limit`` samples (None: all).
    ``taxonomy`` writes the taxonomy that tags are from, where it is not the built-in one;
    ``stratum`` says of which kind a row is, so that fewer rows are still of all kinds.
    """

    name: str
    task: TaskName
    title: str
    licence: str
    source: str
    rows: Callable[[Path | None], Sequence[GoldRow]]
    corpus: Corpus | None = None
    needs: tuple[str, ...] = ()
    quick: bool = False
    quick_limit: int | None = None
    taxonomy: Callable[[Path, Path], Path] | None = None
    stratum: Callable[[Any], str] | None = None

    def missing(self, data: Path | None) -> str:
        """Why the suite cannot run; empty where it can."""
        if not self.needs:
            return ""
        if data is None:
            return "needs --data DIR"
        absent = [name for name in self.needs if not (data / name).exists()]
        return f"{', '.join(absent)} not in the folder of --data" if absent else ""

    def sample(self, data: Path | None, limit: int | None, seed: int) -> list[GoldRow]:
        """The rows, or ``limit`` of them drawn by ``seed``, in their order.

        Raises:
            InputError: the data is not what its adapter expects.
        """
        try:
            rows = list(self.rows(data))
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            OSError,
            EOFError,
            zlib.error,
        ) as error:
            raise InputError(
                f"The data of the suite {self.name} cannot be read: "
                f"{type(error).__name__}: {error}.",
                remedy="Is it whole, and the data that docs/evaluation.md names?",
            ) from error
        return pick(rows, limit, seed, self.stratum)


def pick(
    rows: Sequence[T],
    limit: int | None,
    seed: int,
    stratum: Callable[[T], str] | None = None,
) -> list[T]:
    """``limit`` rows drawn by ``seed``, in their order. The same seed draws the same rows on
    every machine, and a larger limit draws those and more; with ``stratum``, each kind has
    its share of the limit (largest remainders), and a larger limit draws mostly the same."""
    if limit is None or limit >= len(rows):
        return list(rows)
    if stratum is not None:
        kinds = Counter(stratum(row) for row in rows)
        shares = {kind: limit * count / len(rows) for kind, count in kinds.items()}
        counts = {kind: int(share) for kind, share in shares.items()}
        by_remainder = sorted(shares, key=lambda kind: (counts[kind] - shares[kind], kind))
        for kind in by_remainder[: limit - sum(counts.values())]:
            counts[kind] += 1
        drawn = {
            row.id
            for kind, count in counts.items()
            for row in pick([row for row in rows if stratum(row) == kind], count, seed)
        }
        return [row for row in rows if row.id in drawn]

    def place(row: T) -> str:
        return hashlib.sha256(f"{seed}\0{row.id}".encode()).hexdigest()

    chosen = {row.id for row in sorted(rows, key=place)[:limit]}
    return [row for row in rows if row.id in chosen]


def read_rows(file: Path) -> Iterator[dict[str, Any]]:
    """The records of a JSON Lines file, packed or not.

    Raises:
        InputError: a line is not a JSON object.
    """
    with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(f"{file.name}, line {number}: {error}.") from error
            if not isinstance(row, dict):
                raise InputError(f"{file.name}, line {number}: no JSON object.")
            yield row


def own_rows(name: str, kind: type[T]) -> Callable[[Path | None], list[T]]:
    """Reads a file of ``evals/data``."""

    def rows(_: Path | None) -> list[T]:
        found = []
        for number, row in enumerate(read_rows(OWN / name), 1):
            try:
                found.append(kind.model_validate(row))
            except ValidationError as error:
                raise InputError(f"{name}, row {number}: {error.errors()[0]['msg']}.") from error
        return found

    return rows


def write_papers(file: Path, papers: Iterable[dict[str, Any]]) -> Path:
    """Papers as JSON Lines (``title``, ``abstract`` and what else `curator add` reads)."""
    with file.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(paper, ensure_ascii=False) + "\n" for paper in papers)
    return file
