"""The papers that tag scores are standardised against: those of the sample library.

They come with the program, in our own words, so they are the same for everyone (ADR 4).
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from curator.errors import MissingError
from curator.paper import Paper

__all__ = ["background_papers"]


@lru_cache(maxsize=1)
def background_papers() -> tuple[Paper, ...]:
    """The sample library.

    Raises:
        MissingError: it is not there.
    """
    packaged = Path(__file__).parents[1] / "_samples"
    folder = packaged if packaged.is_dir() else Path(__file__).parents[2] / "samples"
    file = folder / "library.jsonl"
    try:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise MissingError(
            f"{file} cannot be read: {error}.",
            remedy="It comes with the program: install that again.",
        ) from error
    return tuple(
        Paper(f"background {number}", row["title"], row["abstract"])
        for number, row in enumerate(rows)
    )
