"""Two runs side by side, and the gate that a change has to pass.

A metric is worse when the interval of the paired difference lies wholly on its bad side: the
fall is larger than chance among these samples explains. Where there are too few clusters for
an interval, the gate goes by the size of the fall; where a metric is to be perfect, any fall
counts. The gate also stops a run in which a suite of the baseline, the score of a sample or a
gated metric has gone missing, since what is not measured cannot be seen to fall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evals.metrics import Better, Metric, difference
from evals.record import RunRecord, SuiteRecord
from evals.tasks import TASKS

__all__ = ["ComparisonRow", "GateReport", "compare", "gate", "smaller"]

# A fall that counts where fewer than five clusters leave no interval.
FEW_MARGIN = 0.25
# Without a draft there is nothing to measure, which need not be worse.
_OF_DRAFTS = ("schema_valid", "verifier_pass", "draft_score")

Verdict = Literal["better", "worse", "same", "not comparable"]


@dataclass(frozen=True)
class ComparisonRow:
    """One metric of two runs; ``difference`` is second minus first on the ``n`` samples that
    both scored, ``first`` and ``second`` are of those samples too."""

    suite: str
    metric: str
    title: str
    better: Better
    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    verdict: Verdict
    gate: bool = False
    exact: bool = False


@dataclass(frozen=True)
class GateReport:
    """``fallen`` metrics and ``missing`` measurements; the gate is passed without either."""

    rows: list[ComparisonRow]
    fallen: list[ComparisonRow]
    missing: list[str]

    @property
    def passed(self) -> bool:
        return not self.fallen and not self.missing


def compare(first: RunRecord, second: RunRecord) -> list[ComparisonRow]:
    """All metrics of the suites that both runs have."""
    rows = []
    for suite in first.suites:
        other = second.suite(suite.name)
        if other is not None and suite.task in TASKS:
            rows += [_row(metric, suite, other) for metric in TASKS[suite.task].metrics]
    return rows


def _row(metric: Metric, first: SuiteRecord, second: SuiteRecord) -> ComparisonRow:
    found = difference(metric, first.rows(), second.rows())
    verdict: Verdict = "same"
    if found.low is None or found.high is None:
        # Too few clusters for an interval; where nothing changed, none is needed.
        verdict = "same" if found.value == 0.0 else "not comparable"
    elif metric.better != "neither" and (found.low > 0 or found.high < 0):
        verdict = "better" if (found.low > 0) == (metric.better == "higher") else "worse"
    return ComparisonRow(
        suite=first.name,
        metric=metric.name,
        title=metric.title,
        better=metric.better,
        first=found.first,
        second=found.second,
        difference=found.value,
        low=found.low,
        high=found.high,
        p=found.p,
        n=found.n,
        verdict=verdict,
        gate=metric.gate,
        exact=metric.exact,
    )


def gate(baseline: RunRecord, run: RunRecord, margin: float = 0.0) -> GateReport:
    """Whether a run is no worse than a baseline in what is gated. A fall of less than
    ``margin`` is let pass, however sure it is: other processors give other last digits."""
    missing: list[str] = []
    rows: list[ComparisonRow] = []
    for suite in baseline.suites:
        other = run.suite(suite.name)
        if other is None:
            missing.append(f"{suite.name} was not run")
            continue
        if suite.task not in TASKS:
            missing.append(f"{suite.name}: there is no task {suite.task!r} any more")
            continue
        metrics = [m for m in TASKS[suite.task].metrics if m.gate]
        known = {metric.name for metric in metrics}
        missing += [
            f"{suite.name}: {metric.title} is gated no longer"
            for metric in suite.metrics
            if metric.gate and metric.name not in known
        ]
        missing += lost_scores(suite, other, metrics)
        own = [_row(metric, suite, other) for metric in metrics]
        missing += [
            f"{suite.name}: {row.title} is no longer measured"
            for row in own
            if row.first is not None and row.second is None and row.metric not in _OF_DRAFTS
        ]
        rows += own
    return GateReport(rows, [row for row in rows if _fell(row, margin)], missing)


def _fell(row: ComparisonRow, margin: float) -> bool:
    change = row.difference or 0.0
    fall = change if row.better == "lower" else -change
    if row.better == "neither" or fall <= 0:
        return False
    if row.exact:
        return True
    if row.low is None:
        return fall >= max(margin, FEW_MARGIN) - 1e-9
    return row.verdict == "worse" and fall >= margin


def smaller(baseline: RunRecord, run: RunRecord) -> list[str]:
    """What a baseline measures and a run does not: making the run the new baseline would
    gate less than before."""
    found = []
    for suite in baseline.suites:
        other = run.suite(suite.name)
        if other is None:
            found.append(f"{suite.name} was not run")
        elif suite.task in TASKS:
            found += lost_scores(suite, other, [m for m in TASKS[suite.task].metrics if m.gate])
    return found


def lost_scores(suite: SuiteRecord, other: SuiteRecord, metrics: Sequence[Metric]) -> list[str]:
    """Samples and scores that the baseline has and the run lacks."""
    mine = {row.id: row for row in suite.rows() if row.facts is not None}
    theirs = {row.id: row for row in other.rows()}
    absent = [name for name in mine if name not in theirs]
    failed = [n for n in mine if n in theirs and theirs[n].facts is None]
    lost = []
    if absent:
        lost.append(f"{suite.name}: {len(absent)} of {len(mine)} samples were not run")
    if failed:
        lost.append(f"{suite.name}: {len(failed)} of {len(mine)} samples failed or were unscored")
    for metric in metrics:
        unscored = [
            name
            for name, row in mine.items()
            if metric.usable(row.facts)
            and name in theirs
            and theirs[name].facts is not None
            and metric.usable(theirs[name].facts) is None
        ]
        if unscored:
            lost.append(f"{suite.name}: {metric.title}: {len(unscored)} samples are now unscored")
    return lost
