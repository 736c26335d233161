"""Fitted numbers, ours to ship: each file is written by a script of ``evals`` that says on what.

`evals.fit_tldr` (which sentence summarises), `evals.fit_roles` (what a sentence does in an
abstract), `evals.fit_answerable` (whether the evidence answers a question), `evals.fit_check`
(how likely a sentence is right), `evals.fit_tags` (how likely a tag is), `evals.fit_keyphrases`
(which phrases say what a paper is about).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curator.errors import MissingError

__all__ = ["FITTED", "REMEDY", "read_fitted"]

FITTED = Path(__file__).parent
REMEDY = "It comes with the program: install that again."


def read_fitted(file: Path, keys: Sequence[str]) -> dict[str, Any]:
    """What a fitting script wrote, which has at least these keys.

    Raises:
        MissingError: the file is not there, or is not whole.
    """
    try:
        kept: dict[str, Any] = json.loads(file.read_text("utf-8"))
        lacking = [key for key in keys if key not in kept]
    except (OSError, ValueError) as error:
        raise MissingError(f"{file} cannot be read: {error}.", remedy=REMEDY) from error
    if lacking:
        raise MissingError(f"{file} has no {lacking[0]!r}.", remedy=REMEDY)
    return kept
