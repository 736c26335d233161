"""The check itself: does it stop what the source does not say, and let pass what it does?

The claim is given with the whole source text; the check compares it with each sentence. What
the rules leave open has a probability, which is measured, too. No model takes part:
`evals.fit_check` measures what one adds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

from curator.entailment import RuleJudge
from curator.sentences import split_sentences
from evals.gold import Claim
from evals.metrics import Facts, Floats, Prepared, Statistic, ratio
from evals.record import Table
from evals.tasks.base import Bench, EvalTask, Finding, Output

__all__ = ["GroundingTask"]


def _balanced_accuracy(facts: Sequence[Facts], fact: str = "passed") -> Prepared:
    import numpy as np

    truth = np.array([f["supported"] for f in facts], dtype=bool)
    said = np.array([f[fact] for f in facts], dtype=bool)

    def value(weights: Floats) -> float:
        # As sklearn.metrics.balanced_accuracy_score, which warns where a class is not drawn.
        yes, no = weights[truth].sum(), weights[~truth].sum()
        if not yes or not no:
            return math.nan
        right = weights * (truth == said)
        return float((right[truth].sum() / yes + right[~truth].sum() / no) / 2)

    return value


def _auroc(facts: Sequence[Facts]) -> Prepared:
    import numpy as np
    from sklearn.metrics import roc_auc_score

    truth = np.array([f["supported"] for f in facts], dtype=int)
    score = np.array([f["score"] for f in facts], dtype=float)

    def value(weights: Floats) -> float:
        drawn = weights > 0
        if len(set(truth[drawn])) < 2:
            return math.nan
        return float(roc_auc_score(truth[drawn], score[drawn], sample_weight=weights[drawn]))

    return value


class GroundingTask(EvalTask[Claim]):
    """One claim and its source, as every drafted sentence is checked."""

    name = "grounding"
    row = Claim
    uses_model = False
    kinds: ClassVar[dict[str, str]] = {
        "false_passed": "a claim that its source does not support was passed",
        "true_stopped": "a claim that its source supports was stopped",
    }
    metrics = (
        Statistic(
            "balanced_accuracy",
            "balanced accuracy",
            gate=True,
            prepare=_balanced_accuracy,
            needs=("supported", "passed"),
        ),
        Statistic(
            "balanced_accuracy_probable",
            "balanced accuracy of a probability of at least 0.5",
            prepare=partial(_balanced_accuracy, fact="probable"),
            needs=("supported", "probable"),
        ),
        Statistic(
            "auroc",
            "AUROC of the probability",
            gate=True,
            prepare=_auroc,
            needs=("supported", "score"),
        ),
        ratio(
            "brier",
            "squared error of the probability (0.25: it says nothing)",
            lambda f: ((f["score"] - float(f["supported"])) ** 2, 1.0),
            better="lower",
        ),
        ratio("cost", "processor time of a check", "milliseconds", better="lower", unit="ms"),
        ratio(
            "false_passed",
            "false claims that were passed",
            lambda f: (float(f["passed"]), 1.0) if not f["supported"] else (0.0, 0.0),
            better="lower",
            gate=True,
        ),
        ratio(
            "true_passed",
            "true claims that were passed",
            lambda f: (float(f["passed"]), 1.0) if f["supported"] else (0.0, 0.0),
            gate=True,
        ),
    )

    @cached_property
    def judge(self) -> RuleJudge:
        return RuleJudge()

    def run(self, bench: Bench, row: Claim) -> Output:
        started = time.thread_time()
        sentences = [span.text for span in split_sentences(row.source)]
        verdict = bench.library.grounder.check(row.claim, sentences, row.title)
        probability = self.judge.probability(row.claim, verdict, sentences, row.title)
        return {
            "supported": verdict.supported,
            "probability": probability,
            "milliseconds": 1000 * (time.thread_time() - started),
            "reason": verdict.reason,
            "quote": verdict.quote,
        }

    def facts(self, bench: Bench, row: Claim, output: Output) -> dict[str, Any]:
        return {
            "supported": row.supported,
            "passed": output["supported"],
            "score": output["probability"],
            "probable": output["probability"] >= 0.5,
            "milliseconds": output["milliseconds"],
            "edits": row.edits,
            "reason": output["reason"].partition(":")[0],
        }

    def findings(self, row: Claim, output: Output, facts: Facts) -> list[Finding]:
        if row.supported == output["supported"]:
            return []
        kind = "true_stopped" if row.supported else "false_passed"
        wanted = "supported" if row.supported else f"not supported ({', '.join(row.edits)})"
        got = "passed" if output["supported"] else f"stopped: {output['reason']}"
        return [Finding(kind, row.claim, wanted, f"{got}; nearest: {output['quote']}")]

    def tables(self, facts: Sequence[Facts]) -> list[Table]:
        kinds = sorted({edit for f in facts for edit in f["edits"]})
        rows: list[list[str | int | float | None]] = []
        for kind in kinds:
            own = [f for f in facts if kind in f["edits"] and not f["supported"]]
            if own:
                passed = sum(f["passed"] for f in own)
                rows.append([kind, len(own), passed, round(1 - passed / len(own), 3)])
        columns = ["edit", "false claims", "passed", "caught"]
        tables = [Table(title="By kind of edit", columns=columns, rows=rows)] if rows else []
        why: dict[str, int] = {}
        for f in facts:
            if f["supported"] and not f["passed"]:
                why[f["reason"]] = why.get(f["reason"], 0) + 1
        if why:
            ordered = sorted(why.items(), key=lambda item: (-item[1], item[0]))[:10]
            tables.append(
                Table(
                    title="Why true claims were stopped",
                    columns=["reason", "claims"],
                    rows=[[reason, n] for reason, n in ordered],
                )
            )
        return tables

    def shown(self, row: Claim) -> tuple[dict[str, Any], dict[str, Any]]:
        fields = {"claim": row.claim, "title": row.title, "source": row.source}
        return fields, {"supported": row.supported, "edits": row.edits}
