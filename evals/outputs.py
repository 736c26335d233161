"""Outputs that were made before, by what they were made of.

A run with nothing changed takes every output from here, with the seconds and tokens that it
cost when it was made, so that its numbers are the same. Failures are never kept.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any

from evals import libraries
from evals.gold import GoldRow
from evals.tasks import base
from evals.tasks.base import EvalTask

__all__ = ["Outputs"]


class Outputs:
    """Stored outputs, one small file each, below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @staticmethod
    def key(task: EvalTask[Any], row: GoldRow, papers: str, system: str) -> str:
        """Names an output by all that it depends on: the code that asks for it, the row, the
        papers, and the system (`evals.provenance.system_hash`)."""
        modules = (inspect.getmodule(type(task)), base, libraries)
        code = "".join(inspect.getsource(module) for module in modules if module)
        parts = (task.name, code, row.model_dump_json(), papers, system)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def get(self, key: str) -> dict[str, Any] | None:
        try:
            found = json.loads(self._file(key).read_text("utf-8"))
        except (OSError, ValueError):  # never made, or cut short: it is made again
            return None
        return found if isinstance(found, dict) else None

    def put(self, key: str, output: dict[str, Any]) -> None:
        file = self._file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(output, ensure_ascii=True), "utf-8")
        part.replace(file)

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key[2:]}.json"
