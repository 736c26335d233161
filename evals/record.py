"""A run on paper: everything that was measured, and all that is needed to measure it again.

``run.json`` of a run's folder holds one `RunRecord`. The report, ``compare`` and ``gate`` read
nothing else, so a run can be looked at where neither the models nor the data are.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from curator.errors import InputError
from evals.metrics import Better, Row

__all__ = [
    "Curve",
    "Example",
    "Failure",
    "MetricRecord",
    "RunRecord",
    "SampleRecord",
    "SuiteRecord",
    "Table",
    "load_run",
]

FORMAT = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class MetricRecord(_Record):
    """One figure; ``value`` is null where nothing could be scored."""

    name: str
    title: str
    better: Better
    gate: bool
    unit: str = ""
    value: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    clusters: int


class SampleRecord(_Record):
    """One sample. ``facts`` is what metrics are made of; ``output`` what the reader would have
    got; ``trace`` what happened on the way (model calls, checks, events)."""

    id: str
    cluster: str
    status: Literal["scored", "unscored", "failed"]
    reason: str = ""
    cached: bool = False
    input: dict[str, Any] = {}
    target: dict[str, Any] = {}
    output: dict[str, Any] = {}
    facts: dict[str, Any] | None = None
    trace: dict[str, Any] = {}


class Example(_Record):
    """A worked example of a failure: what was asked, what should have come, what came."""

    sample: str
    asked: str
    expected: str
    got: str


class Failure(_Record):
    """Failures of one kind: how many, of how many samples, and up to three examples."""

    kind: str
    meaning: str
    count: int
    of: int
    examples: list[Example]


class Curve(_Record):
    """Points of a plot. ``style`` ``reliability`` draws the diagonal; ``size`` is the number
    of items behind each point, where that matters. A ``histogram`` without ``y`` is of the
    values in ``x``."""

    name: str
    title: str
    x_label: str
    y_label: str
    x: list[float]
    y: list[float]
    size: list[int] | None = None
    style: Literal["line", "reliability", "histogram"] = "line"


class Table(_Record):
    """Rows for people; cells are text, numbers or null."""

    title: str
    columns: list[str]
    rows: list[list[str | int | float | None]]


class SuiteRecord(_Record):
    """One set of gold data, measured."""

    name: str
    task: str
    title: str
    licence: str
    source: str
    log: str | None = None
    seconds: float
    metrics: list[MetricRecord]
    failures: list[Failure] = []
    curves: list[Curve] = []
    tables: list[Table] = []
    notes: list[str] = []
    samples: list[SampleRecord]

    def count(self, status: str) -> int:
        return sum(sample.status == status for sample in self.samples)

    def rows(self) -> list[Row]:
        return [Row(s.id, s.cluster, s.facts) for s in self.samples]


class RunRecord(_Record):
    """One run. ``provenance`` has commit, dirty, settings, models with the hash of their
    weights, prompts with their hashes, packages, machine; ``skipped`` says which suites were
    not run, and why."""

    format: int = FORMAT
    run_id: str
    started: str
    finished: str
    seconds: float
    label: str = ""
    provenance: dict[str, Any]
    usage: dict[str, float]
    suites: list[SuiteRecord]
    skipped: list[dict[str, str]] = []

    def suite(self, name: str) -> SuiteRecord | None:
        return next((suite for suite in self.suites if suite.name == name), None)

    def save(self, path: Path) -> None:
        """Writes ``run.json`` whole or not at all."""
        part = path.with_suffix(".part")
        part.write_text(self.model_dump_json(indent=1), "utf-8")
        part.replace(path)

    def baseline(self) -> RunRecord:
        """The run without texts: what ``gate`` needs, small enough to keep beside the code."""
        no_text: dict[str, Any] = {
            "input": {},
            "target": {},
            "output": {},
            "trace": {},
            "reason": "",
        }
        bare = [
            suite.model_copy(
                update={
                    "failures": [], "curves": [], "tables": [], "log": None,
                    "samples": [
                        s.model_copy(update=no_text)
                        for s in suite.samples
                    ],
                }
            )
            for suite in self.suites
        ]  # fmt: skip
        return self.model_copy(update={"suites": bare, "skipped": []})


def load_run(path: Path) -> RunRecord:
    """A run from its folder, its ``run.json``, or a baseline file.

    Raises:
        InputError: there is none, or it is of a format that this version does not know.
    """
    file = path / "run.json" if path.is_dir() else path
    try:
        raw = json.loads(file.read_text("utf-8"), parse_constant=_no_constant)
    except FileNotFoundError as error:
        raise InputError(
            f"There is no evaluation run in {str(path)!r}.",
            remedy="`curator eval runs` lists those that there are; `curator eval gate --update` "
            "makes the last one a baseline.",
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"The run {str(file)!r} cannot be read: {error}.") from error
    written = raw.get("format") if isinstance(raw, dict) else None
    if written != FORMAT:
        raise InputError(
            f"The run {str(file)!r} is of format {written!r}; this version reads format {FORMAT}.",
            remedy="Make it anew: `curator eval`.",
        )
    try:
        return RunRecord.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"The run {str(file)!r} is damaged at {'.'.join(map(str, first['loc']))}: "
            f"{first['msg']}."
        ) from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def finite(value: Any) -> Any:
    """A JSON value with NaN and infinities as null, in whatever depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    return value
