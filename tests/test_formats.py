"""Every real file of ../shared/data/formats is read, or refused for a reason; docs/sources.md
has the outcome of each."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from curator.errors import InputError
from curator.paper import Record, Rejected, Verbatim
from curator.sources import read

FORMATS = Path(__file__).parents[2] / "shared" / "data" / "formats"
DOCS = Path(__file__).parents[1] / "docs" / "sources.md"
FILES = sorted(p for p in FORMATS.rglob("*") if p.is_file()) if FORMATS.is_dir() else []
BEGIN, END = "<!-- made by tests/test_formats.py -->\n", "<!-- to here -->"
SECONDS = 10  # for one file; the slowest takes a fifth of one here

pytestmark = [
    pytest.mark.seeds,
    pytest.mark.skipif(not FORMATS.is_dir(), reason="../shared is absent"),
]


def outcome(file: Path) -> tuple[str, int, int, int, str]:
    """``(format, papers, references without an abstract, rejected, first reason)``.

    Of a reason only what comes before the excerpt: other people's words stay where they are.
    """
    try:
        reading = read(str(file))
        entries = list(reading)
    except InputError as error:
        said = error.message.partition("cannot be used. ")[2] or error.message
        return "", 0, 0, 0, bare(said)
    records = [e for e in entries if isinstance(e, Record)]
    rejected = [e for e in entries if isinstance(e, Rejected)]
    assert len(records) + len(rejected) + sum(isinstance(e, Verbatim) for e in entries) == len(
        entries
    )
    whole = sum(bool(r.abstract) for r in records)
    reason = bare(rejected[0].reason) if rejected else ""
    return reading.kind, whole, len(records) - whole, len(rejected), reason


def bare(reason: str) -> str:
    """A reason without names and excerpts, which are the file's own words."""
    return re.split(r": |; its first row| \(|'", reason, maxsplit=1)[0].rstrip(" .")


@pytest.mark.parametrize("file", FILES, ids=lambda p: str(p.relative_to(FORMATS)))
def test_every_real_file_is_read_or_refused_for_a_reason(file: Path) -> None:
    started = time.monotonic()
    kind, whole, bare_references, rejected, reason = outcome(file)
    assert time.monotonic() - started < SECONDS
    assert kind or reason
    assert bool(rejected) <= bool(reason)
    if kind:
        assert whole + bare_references + rejected > 0
    assert "Traceback" not in reason


def test_the_table_in_the_docs_is_this_one() -> None:
    """``CURATOR_WRITE_DOCS=1 pytest tests/test_formats.py`` writes it anew."""
    rows = [
        "| file | read as | papers | no abstract | rejected | because |",
        "|---|---|---|---|---|---|",
    ]
    for file in FILES:
        name = str(file.relative_to(FORMATS))
        kind, *counts, reason = outcome(file)
        numbers = " | ".join(str(count or "") for count in counts)
        rows.append(f"| {name} | {kind or 'refused'} | {numbers} | {reason} |")
    table = "\n".join(rows) + "\n"
    text = DOCS.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    written, mark, after = rest.partition(END)
    assert mark, f"{DOCS} lacks its marks"
    if os.environ.get("CURATOR_WRITE_DOCS"):
        DOCS.write_text(before + BEGIN + table + mark + after, "utf-8")
    else:
        assert written == table, "write the table anew (see above)"
