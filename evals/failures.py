"""An error report that a person can act on: failures grouped by kind, with worked examples.

After the idea of LLM-as-a-qualitative-judge (Chirkova et al. 2025): kinds with counts and
examples say what to mend, a score does not. Here kinds are found by rule, from facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evals.gold import GoldRow
from evals.record import Example, Failure, SampleRecord
from evals.tasks.base import EvalTask

__all__ = ["grouped"]

EXAMPLES = 3
LONGEST = 600


def grouped(
    task: EvalTask[Any], rows: Sequence[GoldRow], samples: Sequence[SampleRecord]
) -> list[Failure]:
    """Failures by kind, the most frequent first; what could not be run or scored at all is a
    kind of its own."""
    found: dict[str, list[Example]] = {}
    hit: dict[str, set[str]] = {}
    for row, sample in zip(rows, samples, strict=True):
        if sample.facts is None:
            kind = "not_run" if sample.status == "failed" else "not_scored"
            asked = _short(next(iter(sample.input.values()), ""))
            example = Example(sample=row.id, asked=asked, expected="", got=_short(sample.reason))
            found.setdefault(kind, []).append(example)
            hit.setdefault(kind, set()).add(row.id)
            continue
        output = {**sample.output, "trace": sample.trace}
        for finding in task.found(row, output, sample.facts):
            hit.setdefault(finding.kind, set()).add(row.id)
            found.setdefault(finding.kind, []).append(
                Example(
                    sample=row.id,
                    asked=_short(finding.asked),
                    expected=_short(finding.expected),
                    got=_short(finding.got),
                )
            )
    meanings = {
        **task.kinds,
        "not_run": "the output could not be made",
        "not_scored": "the output could not be graded",
    }
    return [
        Failure(
            kind=kind,
            meaning=meanings[kind],
            count=len(hit[kind]),
            of=len(samples),
            examples=examples[:EXAMPLES],
        )
        for kind, examples in sorted(found.items(), key=lambda item: (-len(hit[item[0]]), item[0]))
    ]


def _short(text: Any) -> str:
    text = str(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
