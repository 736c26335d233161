"""Tags: the right ones, and confidences that mean what they say.

Borderline tags count neither for nor against: they are left out of both sides.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from curator.trace import traced
from evals.gold import TagGold
from evals.metrics import Facts, Floats, Prepared, Statistic, ratio
from evals.record import Curve, Table
from evals.tasks.base import (
    Bench,
    EvalTask,
    Finding,
    Output,
    as_json,
    common,
    common_facts,
    waited,
)

__all__ = ["TagTask"]

BINS = 10


def _macro_f1(facts: Sequence[Facts]) -> Prepared:
    """The mean F1 of the tags that some paper of the draw has. As scikit-learn's
    ``f1_score(average="macro")`` with those tags as labels (a test holds the two together),
    for many draws at once: a tag that a draw has no paper of is not in its mean."""
    import numpy as np

    names = sorted({tag for f in facts for tag in f["gold"]})
    wanted = np.array([[tag in f["gold"] for tag in names] for f in facts], dtype=float)
    given = np.array([[tag in f["given"] for tag in names] for f in facts], dtype=float)

    def value(weights: Floats) -> float:
        right = weights @ (wanted * given)
        gold, said = weights @ wanted, weights @ given
        there = gold > 0
        if not there.any():
            return math.nan
        return float(np.mean(2 * right[there] / (gold + said)[there]))

    return value


def _calibration_error(facts: Sequence[Facts]) -> Prepared:
    """Expected calibration error over ten bins of equal width (Guo et al. 2017): how far, on
    average, confidence is from the share that is right."""
    import numpy as np

    pairs = [(i, c, right) for i, f in enumerate(facts) for c, right in f["confidences"]]
    if not pairs:
        return lambda _: math.nan
    rows = np.array([i for i, _, _ in pairs])
    confidence = np.array([c for _, c, _ in pairs])
    right = np.array([r for _, _, r in pairs], dtype=float)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)

    def value(weights: Floats) -> float:
        own = weights[rows]
        gaps = [abs(float((own * (right - confidence))[bins == b].sum())) for b in range(BINS)]
        return sum(gaps) / float(own.sum()) if own.sum() else math.nan

    return value


class TagTask(EvalTask[TagGold]):
    """One paper, as ``curator tag`` tags it."""

    name = "tag"
    row = TagGold
    kinds: ClassVar[dict[str, str]] = {
        "missed": "a tag that the paper has was not given",
        "wrong": "a tag was given that the paper does not have",
    }
    metrics = (
        ratio(
            "micro_f1",
            "micro-F1",
            lambda f: (2 * f["right"], 2 * f["right"] + f["wrong"] + f["missed"]),
            gate=True,
        ),
        Statistic(
            "macro_f1",
            "macro-F1 (tags that occur)",
            gate=True,
            prepare=_macro_f1,
            applies=lambda f: bool(f["gold"]),
            needs=("gold", "given"),
        ),
        ratio("precision", "precision", lambda f: (f["right"], f["right"] + f["wrong"])),
        ratio("recall", "recall", lambda f: (f["right"], f["right"] + f["missed"])),
        Statistic(
            "calibration_error",
            "calibration error of confidence",
            better="lower",
            gate=True,
            prepare=_calibration_error,
            applies=lambda f: bool(f["confidences"]),
            needs=("confidences",),
        ),
        ratio("tags", "tags per paper", lambda f: (len(f["given"]), 1.0), better="neither"),
        ratio("needs_review", "papers with a tag to review", "needs_review", better="neither"),
        *common(
            "schema_valid", "escalation", "calls", "tokens",
            "tokens_per_success", "seconds_per_success",
        ),
        ratio("seconds", "seconds per paper", "seconds", better="lower", unit="s"),
    )  # fmt: skip

    def prepare(self, bench: Bench) -> None:
        bench.library.index()
        bench.library.tagger  # noqa: B018 - else the first paper is timed with it

    def run(self, bench: Bench, row: TagGold) -> Output:
        paper = bench.paper(row.title)
        started = time.perf_counter()
        with traced() as trace:
            tags = bench.library.tag_of(paper)
        seconds = time.perf_counter() - started + waited(trace)
        return {
            "tags": [
                {
                    "tag": t.tag,
                    "confidence": t.confidence,
                    "source": t.source,
                    "needs_review": t.needs_review,
                }
                for t in tags
            ],
            "seconds": seconds,
            "trace": as_json(trace),
        }

    def facts(self, bench: Bench, row: TagGold, output: Output) -> dict[str, Any]:
        gold, either = set(row.tags), set(row.borderline) - set(row.tags)
        tags = [t for t in output["tags"] if t["tag"] not in either]
        given = {t["tag"] for t in tags if not t["needs_review"]}
        right = len(given & gold)
        return {
            "gold": sorted(gold),
            "given": sorted(given),
            "right": right,
            "wrong": len(given - gold),
            "missed": len(gold - given),
            "confidences": [[t["confidence"], t["tag"] in gold] for t in tags],
            "needs_review": float(any(t["needs_review"] for t in output["tags"])),
            "seconds": output["seconds"],
            # A paper is done well when more of its tags are right than wrong or missed.
            **common_facts(
                output,
                bench.library.llm.identity,
                success=2 * right > len(given - gold) + len(gold - given),
            ),
        }

    def findings(self, row: TagGold, output: Output, facts: Facts) -> list[Finding]:
        gold, given = set(facts["gold"]), set(facts["given"])
        wanted, got = ", ".join(sorted(gold)), ", ".join(sorted(given))
        found = []
        if gold - given:
            missed = ", ".join(sorted(gold - given))
            found.append(Finding("missed", row.title, wanted, f"{got} (without {missed})"))
        if given - gold:
            extra = ", ".join(sorted(given - gold))
            found.append(Finding("wrong", row.title, wanted, f"{got} (too many: {extra})"))
        return found

    def curves(self, facts: Sequence[Facts]) -> list[Curve]:
        pairs = sorted(((c, r) for f in facts for c, r in f["confidences"]), reverse=True)
        if not pairs:
            return []
        reliable: list[tuple[float, float, int]] = []
        for low in range(BINS):
            own = [(c, r) for c, r in pairs if low == min(int(c * BINS), BINS - 1)]
            if own:
                reliable.append(
                    (
                        sum(c for c, _ in own) / len(own),
                        sum(r for _, r in own) / len(own),
                        len(own),
                    )
                )
        right, x, y = 0, [], []
        for n, (_, hit) in enumerate(pairs, 1):
            right += hit
            # One point for each twentieth of the tags; the first few say nothing.
            if n * 20 // len(pairs) != (n - 1) * 20 // len(pairs):
                x.append(n / len(pairs))
                y.append(right / n)
        return [
            Curve(
                name="calibration",
                title="Calibration of tag confidence",
                x_label="confidence",
                y_label="share that is right",
                x=[c for c, _, _ in reliable],
                y=[r for _, r, _ in reliable],
                size=[n for _, _, n in reliable],
                style="reliability",
            ),
            Curve(
                name="coverage",
                title="Coverage and accuracy, surest tags first",
                x_label="share of the suggested tags that is kept",
                y_label="share of those that is right",
                x=x,
                y=y,
            ),
        ]

    def tables(self, facts: Sequence[Facts]) -> list[Table]:
        right: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        missed: Counter[str] = Counter()
        confused: Counter[tuple[str, str]] = Counter()
        for f in facts:
            gold, given = set(f["gold"]), set(f["given"])
            right.update(gold & given)
            wrong.update(given - gold)
            missed.update(gold - given)
            confused.update((m, w) for m in gold - given for w in given - gold)
        rows: list[list[str | int | float | None]] = []
        for tag in sorted({*right, *wrong, *missed}, key=lambda t: (-right[t] - missed[t], t)):
            f1 = 2 * right[tag] / (2 * right[tag] + wrong[tag] + missed[tag])
            rows.append(
                [tag, right[tag] + missed[tag], right[tag], wrong[tag], missed[tag], round(f1, 3)]
            )
        swapped: list[list[str | int | float | None]] = [
            [m, w, n] for (m, w), n in confused.most_common(10) if n > 1
        ]
        tables = [
            Table(
                title="By tag", columns=["tag", "gold", "right", "wrong", "missed", "F1"], rows=rows
            )
        ]
        if swapped:
            title = "Tags that were given where another was missed"
            tables.append(Table(title=title, columns=["missed", "given", "papers"], rows=swapped))
        return tables

    def shown(self, row: TagGold) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"title": row.title}, {"tags": row.tags, "borderline": row.borderline}
