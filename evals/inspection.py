"""Our tasks as inspect-ai tasks: it runs the samples and keeps the log; our code does the rest.

The solver is our own library; inspect's model is never called. What a solver gives is kept
in the sample's metadata, the facts in its score's, so that `inspect view` shows both.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import anyio
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import SampleScore, Score, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from curator.errors import CuratorError, ModelError
from evals.gold import GoldRow
from evals.metrics import Metric, Row
from evals.outputs import Outputs
from evals.provenance import prompt_hashes
from evals.record import SampleRecord, finite
from evals.suites.base import Suite
from evals.tasks.base import Bench, EvalTask

__all__ = ["Attempt", "measure"]

NO_MODEL = "none/none"


@dataclass
class Attempt:
    """One suite, about to be measured. ``system`` and ``papers`` name what outputs depend on;
    ``reuse``: outputs that were made before by the same serve again."""

    suite: Suite
    task: EvalTask[Any]
    bench: Bench
    rows: Sequence[GoldRow]
    outputs: Outputs
    system: str
    papers: str
    reuse: bool = True
    workers: int = 1
    progress: Callable[[int, int], None] = lambda _done, _of: None
    provenance: dict[str, Any] = field(default_factory=dict)
    prompts: dict[str, str] = field(default_factory=dict)
    fatal: list[BaseException] = field(default_factory=list)
    _done: int = 0
    _prepared: bool = False
    _lock: Lock = field(default_factory=Lock)

    def output(self, row: GoldRow) -> tuple[dict[str, Any], bool]:
        """The output for a row, and whether it was there already."""
        if self.fatal:
            raise RuntimeError("not begun: the run was stopped")
        try:
            key = Outputs.key(self.task, row, self.papers, self.system)
            found = self.outputs.get(key) if self.reuse else None
            if found is not None:
                return found, True
            self._prepare()
            made = finite(self.task.run(self.bench, row))
            if not _passing(made) and prompt_hashes(self.bench.library.settings) == self.prompts:
                self.outputs.put(key, made)
        except ModelError:
            raise  # one sample's failure
        except CuratorError as error:  # no weights, no server, budget used up: everybody's
            self.fatal.append(error)
            raise
        else:
            return made, False
        finally:
            with self._lock:
                self._done += 1
                self.progress(self._done, len(self.rows))

    def _prepare(self) -> None:
        with self._lock:
            if not self._prepared:
                self.task.prepare(self.bench)
                self._prepared = True


def _passing(output: dict[str, Any]) -> bool:
    """Whether an output is what it is because something was not to be had for the moment (a
    server, a budget): such a one is measured, and not kept."""
    calls = output.get("trace", {}).get("calls", ())
    return bool(output.get("incomplete")) or any(call["failed"] for call in calls)


@solver
def our_own(attempt: Attempt) -> Solver:
    """Has the library make the output."""
    rows = {row.id: row for row in attempt.rows}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        row = rows[str(state.sample_id)]
        output, cached = await anyio.to_thread.run_sync(attempt.output, row)
        state.metadata |= {"output": output, "cached": cached}
        state.output = ModelOutput.from_content(
            "paper-curator", json.dumps({k: v for k, v in output.items() if k != "trace"})
        )
        state.completed = True
        return state

    return solve


@metric
def figures(attempt: Attempt) -> Any:
    """The task's metrics, for inspect's own views."""

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        rows = [
            Row(str(s.sample_id), str(s.sample_id), (s.score.metadata or {}).get("facts"))
            for s in scores
        ]
        found = {m.name: point(m, rows) for m in attempt.task.metrics}
        return {name: value for name, value in found.items() if value is not None}

    return compute


@scorer(metrics=[])
def the_facts(attempt: Attempt) -> Any:
    """States the facts about an output; where it cannot, the sample is unscored."""
    rows = {row.id: row for row in attempt.rows}

    async def score(state: TaskState, target: Target) -> Score:
        output = state.metadata.get("output")
        if output is None:
            return Score.unscored(reason="no output")
        row = rows[str(state.sample_id)]
        try:
            facts = finite(
                await anyio.to_thread.run_sync(attempt.task.facts, attempt.bench, row, output)
            )
        except Exception as error:  # noqa: BLE001 - whatever it was, this sample has no grade
            return Score.unscored(reason=f"{type(error).__name__}: {error}")
        found = attempt.task.found(row, output, facts)
        return Score(
            value=0.0 if found else 1.0,
            answer=state.output.completion[:500],
            explanation=", ".join(finding.kind for finding in found) or "nothing found wrong",
            metadata={"facts": facts},
        )

    return score


def point(one: Metric, rows: Sequence[Row]) -> float | None:
    """A metric's value, without an interval."""
    import numpy as np

    used = [row for row in rows if one.usable(row.facts)]
    if not used:
        return None
    value = float(one.values([used], np.ones((1, len(used))))[0][0])
    return value if math.isfinite(value) else None


def measure(attempt: Attempt, logs: Path) -> tuple[EvalLog, list[SampleRecord]]:
    """Runs a suite and gives inspect's log and what became of each row.

    Raises:
        CuratorError: something is missing that every sample needs, or a budget is used up.
        KeyboardInterrupt: somebody stopped it; outputs that were made are kept.
    """
    shown = {row.id: attempt.task.shown(row) for row in attempt.rows}
    dataset = MemoryDataset(
        [
            Sample(
                id=row.id,
                input=json.dumps(shown[row.id][0], ensure_ascii=False),
                target=json.dumps(shown[row.id][1], ensure_ascii=False),
                metadata={"cluster": row.group},
            )
            for row in attempt.rows
        ],
        name=attempt.suite.name,
    )
    task = Task(
        dataset=dataset,
        solver=our_own(attempt),
        scorer=the_facts(attempt),
        metrics=[figures(attempt)],
        name=attempt.suite.name,
        metadata=attempt.provenance,
    )
    (log,) = inspect_eval(
        task,
        model=NO_MODEL,
        display="none",
        log_dir=str(logs),
        fail_on_error=False,
        max_samples=attempt.workers,
        log_realtime=False,
        score_display=False,
    )
    if attempt.fatal:
        raise attempt.fatal[0]
    if log.status == "cancelled":
        raise KeyboardInterrupt
    if log.status != "success":
        raise RuntimeError(log.error.message if log.error else log.status)
    by_id = {str(sample.id): sample for sample in log.samples or ()}
    return log, [_record(row, shown[row.id], by_id.get(row.id)) for row in attempt.rows]


def _record(
    row: GoldRow, shown: tuple[dict[str, Any], dict[str, Any]], sample: EvalSample | None
) -> SampleRecord:
    asked, target = shown
    base: dict[str, Any] = {
        "id": row.id, "cluster": row.group, "input": finite(asked), "target": finite(target),
    }  # fmt: skip
    if sample is None or sample.error is not None:
        reason = sample.error.message if sample is not None and sample.error else "not run"
        return SampleRecord(**base, status="failed", reason=reason)
    output = dict(sample.metadata["output"])
    trace = output.pop("trace", {})
    base |= {"output": output, "trace": trace, "cached": bool(sample.metadata["cached"])}
    score = next(iter((sample.scores or {}).values()), None)
    facts = (score.metadata or {}).get("facts") if score is not None else None
    if facts is None:
        reason = str(score.reason) if score is not None and score.reason else "no score"
        return SampleRecord(**base, status="unscored", reason=reason)
    return SampleRecord(**base, status="scored", facts=facts)
