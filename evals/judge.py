"""A model as a second grader, for who wants one: its agreement with gold stands beside it.

The judge gives its reason before its verdict. On answers it is checked against what must be
said (`must_include`), on claims against their labels, in the same run; where there is not
enough gold to check it, its figures are labelled so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from curator.errors import ModelError
from curator.prompting import Prompt, load_prompt
from evals.metrics import Row, ratio
from evals.record import MetricRecord, SampleRecord, SuiteRecord, Table, finite

if TYPE_CHECKING:
    from curator.llm.metered import MeteredLLM

__all__ = ["JudgeVerdict", "judge_run"]

ENOUGH = 20  # verdicts with gold, below which agreement says too little
MAX_TOKENS = 220


class JudgeVerdict(BaseModel):
    """What a judge writes: the reason first, so that the verdict follows from it."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(min_length=1, max_length=500)
    verdict: Literal["yes", "no"]


def judge_run(
    llm: MeteredLLM,
    folder: Path | None,
    suites: Iterable[SuiteRecord],
    notify: Callable[[str], None],
    progress: Callable[[str, int, int | None], None],
) -> None:
    """Has a model grade the answers and claims of a run; adds what it says to the suites'
    metrics, tables and notes. ``folder`` may hold other prompts than the built-in ones.

    Raises:
        MissingError, BudgetExhausted: as the commands.
    """
    for suite in suites:
        if suite.task == "ask":
            prompt = load_prompt(
                "judge_answer", {"question", "reference", "answer"}, "JudgeVerdict", folder=folder
            )
            graded = [
                (sample, _answer_values(sample), sample.facts.get("correct"))
                for sample in suite.samples
                if sample.facts and not sample.facts["unanswerable"] and not sample.facts["refused"]
            ]
        elif suite.task == "grounding":
            prompt = load_prompt(
                "judge_support", {"source", "claim"}, "JudgeVerdict", folder=folder
            )
            graded = [
                (
                    sample,
                    {"source": sample.input["source"], "claim": sample.input["claim"]},
                    float(sample.facts["supported"]),
                )
                for sample in suite.samples
                if sample.facts
            ]
        else:
            continue
        for done, (sample, values, gold) in enumerate(graded, 1):
            _grade(llm, prompt, sample, values, gold)
            progress(f"judging {suite.name}", done, len(graded))
        _summarise(suite, llm.name, [sample for sample, _, _ in graded])
        notify(suite.notes[-1])


def _answer_values(sample: SampleRecord) -> dict[str, Any]:
    return {
        "question": sample.input["question"],
        "reference": sample.target["answer"] or "; ".join(sample.target["evidence"]),
        "answer": sample.output["answer"]["answer"],
    }


def _grade(
    llm: MeteredLLM, prompt: Prompt, sample: SampleRecord, values: dict[str, Any], gold: Any
) -> None:
    assert sample.facts is not None
    try:
        made = llm.generate(prompt, JudgeVerdict, max_tokens=MAX_TOKENS, **values)
    except ModelError as error:  # no grade is no "no"
        sample.facts |= {"judge": None, "judge_gold": gold}
        sample.trace["judge"] = {"error": str(error)}
        return
    sample.facts |= {"judge": float(made.value.verdict == "yes"), "judge_gold": gold}
    sample.trace["judge"] = made.value.model_dump()


def _summarise(suite: SuiteRecord, spec: str, samples: Sequence[SampleRecord]) -> None:
    from dataclasses import asdict

    yes = ratio("judge_yes", f"judge {spec}: yes", "judge", better="neither")
    rows = [Row(s.id, s.cluster, s.facts) for s in samples]
    suite.metrics.append(
        MetricRecord(
            name=yes.name,
            title=yes.title,
            better=yes.better,
            gate=False,
            **finite(asdict(yes.estimate(rows))),
        )
    )
    pairs = [
        (bool(s.facts["judge_gold"]), bool(s.facts["judge"]))
        for s in samples
        if s.facts and s.facts["judge"] is not None and s.facts["judge_gold"] is not None
    ]
    if len(pairs) < ENOUGH or len({gold for gold, _ in pairs}) < 2:
        suite.notes.append(
            f"The judge {spec} was NOT CHECKED against gold here ({len(pairs)} graded samples "
            f"have it, {ENOUGH} of both kinds are needed): its figures may mean nothing."
        )
        return
    from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score

    gold, said = [g for g, _ in pairs], [s for _, s in pairs]
    agreement = sum(g == s for g, s in pairs) / len(pairs)
    kappa, balanced = cohen_kappa_score(gold, said), balanced_accuracy_score(gold, said)
    suite.notes.append(
        f"The judge {spec} agrees with gold on {agreement:.0%} of {len(pairs)} samples "
        f"(Cohen's kappa {kappa:.2f}, balanced accuracy {balanced:.2f})."
    )
    suite.tables.append(
        Table(
            title=f"Judge {spec} against gold",
            columns=["gold", "judge: yes", "judge: no"],
            rows=[
                [name, pairs.count((value, True)), pairs.count((value, False))]
                for name, value in (("yes", True), ("no", False))
            ],
        )
    )
