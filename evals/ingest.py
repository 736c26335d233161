"""``make bench-ingest``: how fast a large file goes in, in how much memory, and whether killing
the command ten times loses or repeats anything.

``python -m evals.ingest [FILE.jsonl.gz]``; the default is ``../shared/data/arxiv_100k.jsonl.gz``.
The bare parts do the least that has to be done with each record (unpack, parse as JSON, one row
in SQLite, one document in tantivy), one after the other in this process.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from curator.shelf import Shelf

SHARED = Path(__file__).parents[2] / "shared" / "data" / "arxiv_100k.jsonl.gz"
KILLS = 10
SEED = 7


def main() -> None:
    """Prints one line for each figure."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    with tempfile.TemporaryDirectory() as folder:
        bare, count = _bare(file, Path(folder))
        home = Path(folder) / "whole"
        seconds, peak, code = _add(file, home)
        ours = count / seconds
        print(f"{'records':<40}{count:>12,}")
        print(f"{'added to catalog and words, a second':<40}{ours:>12,.0f}  (exit {code})")
        print(f"{'bare gzip, json, SQLite, tantivy':<40}{bare:>12,.0f}")
        print(f"{'share of the bare rate':<40}{ours / bare:>12.2f}")
        print(f"{'peak memory, MB':<40}{peak / 1e6:>12,.0f}")
        _tell("after one run", home)
        seconds, _, _ = _add(file, home)
        print(f"{'added again, records a second':<40}{count / seconds:>12,.0f}")
        _tell("after adding again", home)
        _killed(file, Path(folder) / "killed", count / ours)


def _bare(file: Path, folder: Path) -> tuple[float, int]:
    """The rate of the bare parts, and the number of records."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    for name in ("title", "abstract", "authors"):
        builder.add_text_field(name, tokenizer_name="en_stem")
    (folder / "bare").mkdir()
    index = tantivy.Index(builder.build(), path=str(folder / "bare"))
    database = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE papers (id TEXT PRIMARY KEY, title, abstract, authors, rest)")
    started = time.perf_counter()
    writer = index.writer(64_000_000, 1)
    rows: list[tuple[Any, ...]] = []
    count = 0
    database.execute("BEGIN")
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        for line in stream:
            count += 1
            row = json.loads(line)
            rows.append((row["id"], row["title"], row["abstract"], row["authors"], line[:200]))
            writer.add_document(
                tantivy.Document(
                    title=row["title"], abstract=row["abstract"], authors=row["authors"]
                )
            )
            if len(rows) == 4_000:
                database.executemany("INSERT INTO papers VALUES (?, ?, ?, ?, ?)", rows)
                rows.clear()
    database.executemany("INSERT INTO papers VALUES (?, ?, ?, ?, ?)", rows)
    database.execute("COMMIT")
    writer.commit()
    writer.wait_merging_threads()
    database.close()
    return count / (time.perf_counter() - started), count


def _command(file: Path, home: Path) -> list[str]:
    return [sys.executable, "-m", "curator", "--home", str(home), "add", str(file), "--no-embed"]


def _add(file: Path, home: Path) -> tuple[float, int, int]:
    """Seconds, peak memory in bytes and exit code of one `curator add`."""
    started = time.perf_counter()
    process = subprocess.Popen(
        _command(file, home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return seconds, usage.ru_maxrss * 1024, process.returncode


def _killed(file: Path, home: Path, seconds: float) -> None:
    rng = random.Random(SEED)
    for _ in range(KILLS):
        process = subprocess.Popen(
            _command(file, home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(rng.uniform(0.3, max(1.0, seconds / 4)))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    _, _, code = _add(file, home)
    _tell(f"after {KILLS} SIGKILLs and a last run (exit {code})", home)


def _tell(when: str, home: Path) -> None:
    """What is in the library, and whether its numbers add up."""
    with Shelf.open(home) as shelf:
        entries = shelf.catalog.ledger.entries()
        papers, words = shelf.catalog.papers.count(), shelf.lexical.count()
    parts = sum(number for name, number in entries.items() if name != "all")
    adds_up = parts == entries["all"] and papers == entries["added"] == words
    print(f"{when}: {papers:,} papers, {words:,} in the words, {entries['all']:,} entries")
    print(f"  {'the ledger adds up' if adds_up else f'THE LEDGER DOES NOT ADD UP: {entries}'}")


if __name__ == "__main__":
    main()
