"""``python -m evals.fit_check``: how probable it is that a text supports a sentence.

Fits `curator.calibration` for the rules (on our own claims) and for local models (``--model``,
on the ``--sets``), measures both on papers that the fit has not seen, and stores the weights with
``--write``; those of a model only if it did better than chance. What a model makes of each claim
takes a second or more and is remembered below ``--work``, so that the next run takes none.

All folds are by source text: SummEdits has 223 claims about only 8 abstracts, so its claims are
no independent samples and its intervals are wide. Nothing about a claim is taken from other
claims on the same text.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.calibration import FILE, Calibration
from curator.entailment import rule_facts
from curator.grounding import RuleGrounder, Verdict
from curator.sentences import split_sentences
from evals.gold import Claim
from evals.metrics import Row
from evals.suites.own import OWN_SUITES
from evals.suites.shared import SHARED_SUITES
from evals.tasks.grounding import GroundingTask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.judging import ModelJudge

    Floats = NDArray[np.float64]

__all__ = ["FACTS", "FOR", "Case", "crossed", "fit", "layered", "load_cases", "main"]

DATA = Path(__file__).parents[2] / "shared" / "data"
SETS = {
    "own": "grounding-samples",
    "summedits": "grounding-summedits",
    "scifact": "grounding-scifact",
}
FACTS = [
    "passed", "contradicted", "lacking", "apart", "scattered", "number", "name", "turned",
    "opposite", "denied", "bound", "distance",
]  # fmt: skip
# Facts that may only speak for a claim; all others may only speak against it.
FOR = ("passed", "stated")
FOLDS = 10
RIDGE = 1.0
STEPS = 4000
CHANCE = 0.5  # AUROC


@dataclass
class Case:
    """A claim, what the rules say of it, and the facts about it. ``seconds`` of processor
    time they took."""

    row: Claim
    sentences: list[str]
    verdict: Verdict
    facts: dict[str, float]
    seconds: float

    @property
    def is_open(self) -> bool:
        """Whether a model is asked about it: the rules neither passed nor contradicted it."""
        return self.verdict.status == "unsupported"


def load_cases(name: str, data: Path = DATA) -> list[Case]:
    """The claims of a set, checked by the rules."""
    suite = next(s for s in (*OWN_SUITES, *SHARED_SUITES) if s.name == SETS[name])
    grounder = RuleGrounder()
    cases = []
    for row in suite.sample(data, None, 0):
        assert isinstance(row, Claim)
        started = time.process_time()
        sentences = [span.text for span in split_sentences(row.source)]
        verdict = grounder.check(row.claim, sentences, row.title)
        facts = rule_facts(row.claim, verdict, sentences, row.title)
        cases.append(Case(row, sentences, verdict, facts, time.process_time() - started))
    return cases


# ------------------------------------------------------------------------ fitting


def fit(
    rows: Sequence[dict[str, float]], supported: Sequence[bool], names: Sequence[str]
) -> Calibration:
    """Logistic regression by projected gradient descent, with a ridge; no weight may point the
    wrong way (`FOR`)."""
    import numpy as np

    x = np.array([[1.0, *(row.get(name, 0.0) for name in names)] for row in rows])
    y = np.array(supported, dtype=float)
    low = np.array([0.0 if name in FOR else -np.inf for name in names])
    high = np.array([np.inf if name in FOR else 0.0 for name in names])
    weights = np.zeros(x.shape[1])
    step = 1 / (RIDGE + 0.25 * np.linalg.norm(x, 2) ** 2)
    for _ in range(STEPS):
        gradient = x.T @ (1 / (1 + np.exp(-x @ weights)) - y)
        gradient[1:] += RIDGE * weights[1:]
        weights = weights - step * gradient
        weights[1:] = np.clip(weights[1:], low, high)
    return Calibration(
        dict(zip(names, (round(float(w), 3) for w in weights[1:]), strict=True)),
        round(float(weights[0]), 3),
    )


def crossed(
    cases: Sequence[Case], others: Sequence[Case], names: Sequence[str]
) -> tuple[list[float], list[bool]]:
    """Of each case the probability by a fit on cases about other texts (and ``others``), and
    whether it is above the share of true claims among those: the threshold is not tuned."""
    import random

    texts = sorted({case.row.source for case in cases})
    random.Random(0).shuffle(texts)
    parts = [set(texts[i::FOLDS]) for i in range(min(FOLDS, len(texts)))]
    values, said = [0.0] * len(cases), [False] * len(cases)
    for part in parts:
        rest = [case for case in cases if case.row.source not in part] + [
            case for case in others if case.row.source not in part
        ]
        truth = [case.row.supported for case in rest]
        fitted = fit([case.facts for case in rest], truth, names)
        for i, case in enumerate(cases):
            if case.row.source in part:
                values[i] = fitted.probability(_only(case.facts, names))
                said[i] = values[i] > sum(truth) / len(truth)
    return values, said


def _only(facts: dict[str, float], names: Sequence[str]) -> dict[str, float]:
    return {name: value for name, value in facts.items() if name in names}


# ---------------------------------------------------------------------- measuring


def _told(what: str, cases: Sequence[Case], values: Sequence[float], said: Sequence[bool]) -> str:
    rows = [
        Row(
            case.row.id,
            case.row.source,
            {"supported": case.row.supported, "passed": passed, "score": value},
        )
        for case, value, passed in zip(cases, values, said, strict=True)
    ]
    parts = [f"{what:<40}"]
    for metric in GroundingTask.metrics:
        if metric.name in ("balanced_accuracy", "auroc"):
            found = metric.estimate(rows)
            low, high = found.low, found.high
            around = f" ({low:.3f}-{high:.3f})" if low is not None and high is not None else ""
            parts.append(f"{metric.name} {found.value:.3f}{around}")
    off = sum((v - c.row.supported) ** 2 for v, c in zip(values, cases, strict=True)) / len(cases)
    parts.append(f"Brier {off:.3f}")
    return "  ".join(parts)


def _by_edit(cases: Sequence[Case], said: Sequence[bool]) -> list[str]:
    """How many false claims of each kind of edit were caught."""
    kinds = sorted({edit for case in cases for edit in case.row.edits})
    lines = []
    for kind in kinds:
        own = [
            passed
            for case, passed in zip(cases, said, strict=True)
            if kind in case.row.edits and not case.row.supported
        ]
        if own:
            lines.append(f"    {kind:<34}{len(own):>4}  caught {1 - sum(own) / len(own):.2f}")
    true = [passed for case, passed in zip(cases, said, strict=True) if case.row.supported]
    lines.append(f"    {'(true claims)':<34}{len(true):>4}  passed {sum(true) / len(true):.2f}")
    return lines


def _reliability(cases: Sequence[Case], values: Sequence[float]) -> list[str]:
    """What share of the claims in each fifth of probabilities is true."""
    lines = []
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = [
            (value, case.row.supported)
            for value, case in zip(values, cases, strict=True)
            if low <= value < low + 0.2 or (low == 0.8 and value >= 1)
        ]
        if inside:
            mean = sum(value for value, _ in inside) / len(inside)
            true = sum(supported for _, supported in inside) / len(inside)
            lines.append(f"    said {mean:.2f}  true {true:.2f}  of {len(inside)}")
    return lines


def _doubted(what: str, cases: Sequence[Case], values: Sequence[float]) -> str:
    """How many claims `curator check` calls doubtful, and how many of those are true."""
    from curator.checking import DOUBTFUL

    low = [c for c, value in zip(cases, values, strict=True) if value < DOUBTFUL]
    true = sum(case.row.supported for case in low)
    false = sum(not case.row.supported for case in cases)
    return f"{what}: {len(low)} of {len(cases)} doubtful ({false} are false), {true} of them true"


# --------------------------------------------------------------------- the models


def _read(judge: ModelJudge, sets: dict[str, list[Case]], file: Path) -> dict[str, float]:
    """The model's log-odds of each open claim, by `_key`; those made before are not made again."""
    known: dict[str, float] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    todo = [case for cases in sets.values() for case in cases if case.is_open]
    todo = [case for case in todo if _key(judge, case) not in known]
    todo.sort(key=lambda case: case.row.source)  # so that each text is read once
    started = time.monotonic()
    for made, case in enumerate(todo, 1):
        known[_key(judge, case)] = judge.facts(case.row.claim, case.sentences)["stated"]
        if made % 20 == 0 or made == len(todo):
            part = file.with_suffix(".part")
            part.write_text(json.dumps(known), "utf-8")
            part.replace(file)
    if todo:
        spent = time.monotonic() - started
        print(f"{judge.name}: {len(todo)} claims, {spent / len(todo):.2f} s each")
    return known


def _key(judge: ModelJudge, case: Case) -> str:
    return json.dumps([judge.prompt_hash, " ".join(case.row.source.split()), case.row.claim])


def layered(
    cases: Sequence[Case], others: Sequence[Case], rules: Calibration
) -> tuple[list[float], list[bool]]:
    """As `crossed`, for the rules with a model behind them: what they pass is true, what they
    contradict false, and of the rest the model's probability decides. The threshold is the one
    of the highest balanced accuracy on the other texts."""
    texts = sorted({case.row.source for case in cases})
    values, said = [0.0] * len(cases), [False] * len(cases)
    for part in (set(texts[i :: min(FOLDS, len(texts))]) for i in range(min(FOLDS, len(texts)))):
        near = [case for case in cases if case.row.source not in part]
        rest = [case for case in (*near, *others) if case.is_open]
        fitted = fit([c.facts for c in rest], [c.row.supported for c in rest], ["stated"])

        def value(case: Case, fitted: Calibration = fitted) -> float:
            return (fitted if case.is_open else rules).probability(case.facts)

        bound = _bound([(value(case), case.row.supported) for case in near if case.is_open])
        for i, case in enumerate(cases):
            if case.row.source in part:
                values[i] = value(case)
                said[i] = values[i] >= bound if case.is_open else case.verdict.supported
    return values, said


def _bound(known: Sequence[tuple[float, bool]]) -> float:
    """The probability from which on a claim is called true, for the highest balanced accuracy."""
    true = sum(supported for _, supported in known)
    false = len(known) - true

    def accuracy(bound: float) -> float:
        right = sum(value >= bound and supported for value, supported in known) / max(1, true)
        return right + sum(v < bound and not s for v, s in known) / max(1, false)

    return max(sorted({value for value, _ in known}), key=accuracy, default=0.5)


def _with_model(
    model: str, sets: dict[str, list[Case]], rules: Calibration, work: Path
) -> dict[str, Any] | None:
    """What is to be kept of a model; None if it did no better than chance on other texts."""
    from sklearn.metrics import roc_auc_score

    from curator.judging import ModelJudge
    from curator.llm import open_llm
    from curator.llm.odds import odds_of
    from curator.settings import load_settings

    judge = ModelJudge(odds_of(open_llm(load_settings(), f"local:{model}")), rules)
    known = _read(judge, sets, work / f"{model}.json")
    measured = []
    useful = False
    for cases in sets.values():
        for case in cases:
            if case.is_open:
                case.facts = {"stated": known[_key(judge, case)]}
    for name, cases in sets.items():
        others = [case for other, rest in sets.items() if other != name for case in rest]
        values, said = layered(cases, others, rules)
        measured.append(_told(f"rules, then {model}: {name}", cases, values, said))
        print(measured[-1], *_by_edit(cases, said), *_reliability(cases, values), sep="\n")
        left = [i for i, case in enumerate(cases) if case.is_open]
        truth = [cases[i].row.supported for i in left]
        useful |= bool(roc_auc_score(truth, [values[i] for i in left]) > CHANCE)
        picked = [cases[i] for i in left], [values[i] for i in left], [said[i] for i in left]
        measured.append(_told(f"{model} on what the rules leave open: {name}", *picked))
        measured.append(_doubted(f"{model}: {name}", *picked[:2]))
        print(*measured[-2:], sep="\n")
    rest = [case for cases in sets.values() for case in cases if case.is_open]
    final = fit([case.facts for case in rest], [case.row.supported for case in rest], ["stated"])
    print(model, final, "" if useful else "no better than chance: not kept")
    if not useful:
        return None
    return {
        "weights": dict(final.weights),
        "intercept": final.intercept,
        "fitted_on": list(sets),
        "measured": measured,
    }


def _fitted_rules(sets: dict[str, list[Case]]) -> dict[str, Any]:
    """Measured on our own claims by folds, and on the other sets, which it does not learn from."""
    own = sets["own"]
    final = fit([case.facts for case in own], [case.row.supported for case in own], FACTS)
    base = sum(case.row.supported for case in own) / len(own)
    measured = []
    for name, cases in sets.items():
        if name == "own":
            values, said = crossed(cases, [], FACTS)
        else:
            values = [final.probability(case.facts) for case in cases]
            said = [value > base for value in values]
        measured.append(_told(f"rules: {name}", cases, values, said))
        print(measured[-1], *_by_edit(cases, said), *_reliability(cases, values), sep="\n")
    print("rules", final)
    return {
        "weights": dict(final.weights),
        "intercept": final.intercept,
        "fitted_on": ["own"],
        "measured": measured,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, and writes the fitted numbers if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the dev sets")
    parser.add_argument("--work", type=Path, default=Path("var/fit_check"), help="kept between")
    parser.add_argument("--model", action="append", default=[], help="a local model's name")
    parser.add_argument("--sets", nargs="+", default=["summedits"], choices=list(SETS))
    parser.add_argument("--write", action="store_true", help="store the weights")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    sets = {name: load_cases(name, options.data) for name in SETS}
    for name, cases in sets.items():
        spent = sum(case.seconds for case in cases) / len(cases)
        texts = len({case.row.source for case in cases})
        print(f"{name}: {len(cases)} claims, {texts} texts, {1000 * spent:.1f} ms a claim")
    fits = {"rules": _fitted_rules(sets)}
    rules = Calibration(fits["rules"]["weights"], fits["rules"]["intercept"])
    for model in options.model:
        chosen = {name: load_cases(name, options.data) for name in options.sets}
        if found := _with_model(model, chosen, rules, options.work):
            fits[model] = found
    if options.write:
        _write(fits)


def _write(fits: dict[str, Any]) -> None:
    kept = json.loads(FILE.read_text("utf-8"))["fits"] if FILE.exists() else {}
    whole = {"written_by": "evals/fit_check.py", "fits": {**kept, **fits}}
    FILE.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"wrote {FILE}")


if __name__ == "__main__":
    main()
