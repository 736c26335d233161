"""``python -m evals.fit_answerable``: which sentences are chosen, and which questions refused.

Measures both, the refusals also with weights that were fitted on other questions than those
measured; ``--write`` stores the weights of `curator.answerable`, fitted on both sets. (The
features themselves were made with an eye on both sets, which no split undoes.)

No language model takes part. The papers are retrieved once, from libraries below ``--work``,
and what the embedder and the cross-encoder say is remembered there; so a change to
`curator.evidence` or `curator.answer_features` is measured in seconds.
"""

from __future__ import annotations

import argparse
import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curator.answer_features import features
from curator.answerable import answerable
from curator.evidence import Evidence, EvidenceSelector
from curator.paper import Paper
from curator.settings import load_settings
from curator.text import title_key
from evals.gold import Question
from evals.suites.own import OWN_SUITES
from evals.suites.shared import SHARED_SUITES
from evals.tasks.ask import OVERLAP
from evals.tasks.base import held, overlap

__all__ = ["Case", "Fit", "Remembered", "crossed", "fit", "load_cases", "main"]

DATA = Path(__file__).parents[2] / "shared" / "data"
SETS = {"own": "ask-samples", "dev": "ask-gold"}
PAPERS, EVIDENCE, SHOWN = 8, 6, 8
FITTED = Path(__file__).parents[1] / "curator" / "fitted" / "answerable.json"

# What each feature is expected to weigh, in logits, before any question is seen: each lack
# speaks against an answer. So few questions could not tell that of each of them.
EXPECTED = {
    "far": 2.0, "name_unknown": 2.0, "names_apart": 1.0, "name_apart": 1.0, "first_lacks": 0.5,
    "unbound": 1.0, "asks_number": 0.5, "several": 0.0, "no_figure": 2.0, "count_unsaid": 1.2,
    "measure_unsaid": 2.0, "kind_unsaid": 1.5,
}  # fmt: skip
FOR_AN_ANSWER = ("several",)  # all others may only speak against one
LOOSENESS = 1.0  # the variance of the weights around what is expected
FOLDS = 8
REFUSED = 0.04  # share of the answerable that the bound may refuse, in cross-validation


@dataclass(frozen=True)
class Case:
    """A question and the papers that were retrieved for it, best first."""

    row: Question
    papers: list[Paper]
    gold: frozenset[str]

    @property
    def answerable(self) -> bool:
        return self.row.kind != "unanswerable"


class Remembered:
    """An embedder and a reranker that compute nothing twice, not even in another process."""

    name = "remembered"

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[Any, Any] = pickle.loads(file.read_bytes()) if file.exists() else {}
        self._models: dict[str, Any] = {}
        self._new = 0

    @property
    def fingerprint(self) -> str:
        return str(self.model("embedder").fingerprint)

    def model(self, which: str) -> Any:
        if which not in self._models:
            from curator.embedding import open_embedder
            from curator.reranking import open_reranker

            settings = load_settings()
            opened = open_embedder(settings, print) if which == "embedder" else None
            self._models[which] = opened or open_reranker(settings)
        return self._models[which]

    def embed(self, texts: Sequence[str]) -> Any:
        import numpy as np

        keys = [("text", text) for text in texts]
        missing = [key[1] for key in dict.fromkeys(keys) if key not in self._known]
        if missing:
            made = self.model("embedder").embed(missing)
            self._learn({("text", t): v for t, v in zip(missing, made, strict=True)})
        return np.stack([self._known[key] for key in keys])

    def embed_query(self, text: str) -> Any:
        if ("query", text) not in self._known:
            self._learn({("query", text): self.model("embedder").embed_query(text)})
        return self._known["query", text]

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        missing = [text for text in dict.fromkeys(texts) if (query, text) not in self._known]
        if missing:
            made = self.model("reranker").score(query, missing)
            self._learn({(query, t): s for t, s in zip(missing, made, strict=True)})
        return [self._known[query, text] for text in texts]

    def _learn(self, new: dict[Any, Any]) -> None:
        self._known.update(new)
        self._new += len(new)

    def save(self) -> None:
        if self._new:
            part = self._file.with_suffix(".part")
            part.write_bytes(pickle.dumps(self._known))
            part.replace(self._file)
            self._new = 0


def load_cases(name: str, work: Path, data: Path = DATA) -> list[Case]:
    """The questions of a set with what is retrieved for them, from a file if it was before."""
    suite = next(s for s in (*OWN_SUITES, *SHARED_SUITES) if s.name == SETS[name])
    rows = [row for row in suite.sample(data, None, 0) if isinstance(row, Question)]
    file = work / f"{name}-retrieved.json"
    if not file.exists():
        file.write_text(json.dumps(_retrieve(suite, rows, work / name, data)), "utf-8")
    stored = json.loads(file.read_text("utf-8"))
    return [
        Case(
            row,
            [Paper(**paper) for paper in stored[row.id]["papers"]],
            frozenset(stored[row.id]["gold"]),
        )
        for row in rows
    ]


def _retrieve(suite: Any, rows: Sequence[Question], home: Path, data: Path) -> dict[str, Any]:
    """What `curator ask` retrieves for each question, in a library of the suite's papers."""
    from curator.shelf import Shelf

    with Shelf.open(home) as shelf:
        shelf.add([str(file) for file in suite.corpus.files(data, home)])
        shelf.index()
        ids = {title_key(paper.title): paper.id for paper in shelf.catalog.papers.select()}
        return {
            row.id: {
                "papers": [
                    {"id": hit.paper.id, "title": hit.paper.title, "abstract": hit.paper.abstract}
                    for hit in shelf.search(row.question, PAPERS)
                ],
                "gold": [ids[title_key(title)] for title in row.gold_titles],
            }
            for row in rows
        }


# ------------------------------------------------------------------- the decision


@dataclass(frozen=True)
class Fit:
    """A logistic regression: the log-odds that there is no answer."""

    weights: dict[str, float]
    intercept: float

    def doubt(self, found: dict[str, float]) -> float:
        return self.intercept + sum(self.weights[name] * value for name, value in found.items())


def fit(rows: Sequence[dict[str, float]], refused: Sequence[bool]) -> Fit:
    """The most probable weights given `EXPECTED`, by projected gradient descent: none may
    point the wrong way."""
    import numpy as np

    x = np.array([[1.0, *(row[name] for name in EXPECTED)] for row in rows])
    y = np.array(refused, dtype=float)
    expected = np.array([0.0, *EXPECTED.values()])
    pull = np.array([0.0] + [1 / LOOSENESS] * len(EXPECTED))
    low = [0.0 if name not in FOR_AN_ANSWER else -np.inf for name in EXPECTED]
    high = [np.inf if name not in FOR_AN_ANSWER else 0.0 for name in EXPECTED]
    weights = np.array([-2.0, *EXPECTED.values()])
    step = 1 / (1 / LOOSENESS + 0.25 * np.linalg.norm(x, 2) ** 2)
    for _ in range(4000):
        gradient = x.T @ (1 / (1 + np.exp(-x @ weights)) - y) + pull * (weights - expected)
        weights = weights - step * gradient
        weights[1:] = np.clip(weights[1:], low, high)
    return Fit(
        dict(zip(EXPECTED, (round(float(w), 3) for w in weights[1:]), strict=True)),
        round(float(weights[0]), 3),
    )


def crossed(rows: Sequence[dict[str, float]], refused: Sequence[bool]) -> list[float]:
    """The doubt of each row by a fit on the others (`FOLDS` parts, each kind in each)."""
    order = sorted(range(len(rows)), key=lambda i: refused[i])
    doubts = [0.0] * len(rows)
    for part in range(FOLDS):
        aside = set(order[part::FOLDS])
        rest = [i for i in range(len(rows)) if i not in aside]
        fitted = fit([rows[i] for i in rest], [refused[i] for i in rest])
        for i in aside:
            doubts[i] = fitted.doubt(rows[i])
    return doubts


def bound_of(doubts: Sequence[float], refused: Sequence[bool]) -> float:
    """The lowest bound that refuses at most `REFUSED` of the answerable."""
    answered = sorted((d for d, no in zip(doubts, refused, strict=True) if not no), reverse=True)
    return answered[int(REFUSED * len(answered))]


def _told(name: str, said: Sequence[bool], refused: Sequence[bool]) -> str:
    right = sum(s and r for s, r in zip(said, refused, strict=True))
    wrong = sum(said) - right
    f1 = 2 * right / max(1, sum(said) + sum(refused))
    return (
        f"{name:<44}P {right / max(1, sum(said)):.3f}  R {right / sum(refused):.3f}  F1 {f1:.3f}  "
        f"answerable refused {wrong / (len(refused) - sum(refused)):.3f}"
    )


# ------------------------------------------------------------------- the sentences


def _selection(name: str, cases: Sequence[Case], chosen: Sequence[list[Evidence]]) -> list[str]:
    # What an answer is made of belongs to the graph, which loads langgraph.
    from graphs.ask import relevant

    pairs = [(c, e) for c, e in zip(cases, chosen, strict=True) if c.answerable]
    passages = [(p, e) for c, e in pairs for p in c.row.evidence]
    single = [(c, e) for c, e in pairs if c.row.kind != "multi"]

    def recall(count: int) -> float:
        found = [any(overlap(x.quote, p) >= OVERLAP for x in e[:count]) for p, e in passages]
        return sum(found) / len(found)

    def said(shown: Sequence[Sequence[Evidence]]) -> float:
        parts = [
            held(" ".join(x.quote for x in e), c.row.must_include) or 0.0
            for (c, _), e in zip(pairs, shown, strict=True)
        ]
        return sum(parts) / len(parts)

    near = [relevant(c.row.question, e[:EVIDENCE]) for c, e in pairs]
    shown = [(c, relevant(c.row.question, e[:EVIDENCE])) for c, e in single]
    right = [any(x.paper.id in c.gold for x in e) for c, e in shown]
    cited = [x.paper.id in c.gold for (c, _), e in zip(pairs, near, strict=True) for x in e]
    first = [e[0].paper.id in c.gold for c, e in single]
    return [
        f"{name}: gold passages among 4 / 6 / 8     "
        + " / ".join(f"{recall(k):.3f}" for k in (4, 6, 8)),
        f"{name}: must be said, in best 1 / 2 / 3   "
        + " / ".join(f"{said([e[:k] for _, e in pairs]):.3f}" for k in (1, 2, 3)),
        f"{name}: must be said, in what is shown    {said(near):.3f} "
        f"({sum(map(len, near)) / len(near):.2f} sentences)",
        f"{name}: right paper first / shown         "
        f"{sum(first) / len(first):.3f} / {sum(right) / len(right):.3f}",
        f"{name}: sentences of a gold paper, shown  {sum(cited) / len(cited):.3f}",
    ]


def main() -> None:
    """Prints the tables; with ``--write`` the weights become those of the program."""
    parser = argparse.ArgumentParser(description="Evidence and refusals, without a model.")
    parser.add_argument("--work", type=Path, default=Path(".evals/answerable"))
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--write", action="store_true", help="store the weights fitted on both")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    models = Remembered(chosen.work / "scores.pickle")
    selector = EvidenceSelector(models, models)
    rows: dict[str, list[dict[str, float]]] = {}
    refused: dict[str, list[bool]] = {}
    now: dict[str, list[bool]] = {}
    for name in SETS:
        cases = load_cases(name, chosen.work, chosen.data)
        found = [selector.select(c.row.question, c.papers, SHOWN) for c in cases]
        models.save()
        print(*_selection(name, cases, found), sep="\n")
        pairs = [(c.row.question, e[:EVIDENCE]) for c, e in zip(cases, found, strict=True)]
        rows[name] = [features(question, evidence) for question, evidence in pairs]
        refused[name] = [not case.answerable for case in cases]
        now[name] = [not answerable(question, evidence).answer for question, evidence in pairs]
    for name in SETS:
        print(_told(f"{name}: the program as it is", now[name], refused[name]))
    for one, other in (("own", "dev"), ("dev", "own")):
        bound = bound_of(crossed(rows[one], refused[one]), refused[one])
        fitted = fit(rows[one], refused[one])
        said = [fitted.doubt(row) > bound for row in rows[other]]
        print(_told(f"{other}: fitted and bounded on {one} only", said, refused[other]))
    both, no = [r for name in SETS for r in rows[name]], [r for n in SETS for r in refused[n]]
    doubts = crossed(both, no)
    bound = bound_of(doubts, no)
    start = 0
    for name in SETS:
        part = [d > bound for d in doubts[start : start + len(rows[name])]]
        print(_told(f"{name}: cross-validated over both", part, refused[name]))
        start += len(rows[name])
    fitted = fit(both, no)
    made = {
        "made_by": "python -m evals.fit_answerable --write",
        "questions": len(both),
        "intercept": fitted.intercept,
        "weights": fitted.weights,
        "bound": round(bound, 3),
    }
    print(json.dumps(made["weights"]), made["intercept"], made["bound"])
    if chosen.write:
        FITTED.write_text(json.dumps(made, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
