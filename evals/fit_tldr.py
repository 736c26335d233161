"""``python -m evals.fit_tldr``: fits the scorer of one-sentence summaries, and measures it.

Fitted on SciTLDR's training part: the weights of the features for which the candidate that is
chosen has most ROUGE-1 F1 (best reference) in expectation, where the scores give the chances of
being chosen (a softmax over a paper's candidates; as ListNet, Cao et al. 2007, with the expected
gain in place of the cross-entropy). The strength of the ridge is chosen by cross-validation over
papers of the training part. Then, once, on the development part: what is chosen, beside the
floors, by the ROUGE of the suite ``tldr-scitldr``; no language model is asked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curator.embedding import open_embedder
from curator.embedding.kept import KeptVectors
from curator.evidence import paper_sentences
from curator.fitted import FITTED
from curator.grounding import RuleGrounder
from curator.paper import Paper
from curator.roles import RoleClassifier
from curator.settings import load_settings
from curator.tldr_candidates import Candidate, candidates_of
from curator.tldr_context import Context, context_of
from curator.tldr_scoring import BACKGROUND_COST, Scorer, features_of, reader_costs
from evals.metrics import Row, difference, ratio
from evals.suites.base import read_rows
from evals.suites.inputs import papers_of

if TYPE_CHECKING:
    pass

__all__ = ["KeptVectors", "Labelled", "Rouge", "fit", "labelled"]

FILE = "scitldr_train_dev.jsonl.gz"
FOLDS = 5
STRENGTHS = (0.1, 0.3, 1.0)
# Scores that differ by this much, in ROUGE-1, make a difference of e in the chance to be chosen.
TEMPERATURE = 0.05

# The floor: the sentence that a rule of thumb takes.
_CUE = re.compile(
    r"\b(we|this (?:paper|work|article)|our)\b.{0,60}?\b"
    r"(propose|present|introduce|develop|describe|show|study|investigate|demonstrate)",
    re.IGNORECASE,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """A paper with its candidates, their features (candidates by features), ROUGE-1 F1, and what
    the program takes off their scores."""

    paper: Paper
    sentences: list[str]
    references: list[str]
    candidates: list[Candidate]
    context: Context
    table: Floats
    rouge: Floats
    costs: Floats


class Rouge:
    """ROUGE-1 F1 of the best reference, as the suite computes it: stemmed."""

    def __init__(self) -> None:
        from rouge_score.rouge_scorer import RougeScorer

        self._scorer = RougeScorer(["rouge1"], use_stemmer=True)

    def __call__(self, text: str, references: Sequence[str]) -> float:
        return max(float(self._scorer.score(r, text)["rouge1"].fmeasure) for r in references)


def labelled(data: Path, split: str, vectors: KeptVectors) -> list[Labelled]:
    """Papers of a part, in the data's order."""
    rows = {row["id"]: row for row in read_rows(data / FILE) if row["split"] == split}
    papers = papers_of((row["id"], row["title"], row["abstract"]) for row in rows.values())
    rouge, grounder, classifier = Rouge(), RuleGrounder(), RoleClassifier.load()
    found = []
    for name, of in papers.items():
        paper = Paper(id=f"p{name}", title=of["title"], abstract=of["abstract"])
        sentences = paper_sentences(paper)
        context = context_of(paper, sentences, vectors, classifier)
        candidates = candidates_of(paper, sentences, grounder)
        gold = rows[name]["tldrs"]
        scores = np.array([rouge(c.text, gold) for c in candidates])
        table = np.array([list(features_of(c, context).values()) for c in candidates])
        costs = np.array([reader_costs(c, context) for c in candidates])
        found.append(Labelled(paper, sentences, gold, candidates, context, table, scores, costs))
    return found


def fit(papers: Sequence[Labelled], strength: float) -> tuple[Floats, Floats, Floats]:
    """Weights, means and scales of the features. The choice is that of the program: what it takes
    off is taken off here, and titles and background have no part where there is anything else."""
    from scipy.optimize import minimize

    stacked = np.concatenate([paper.table for paper in papers])
    means, scales = stacked.mean(axis=0), stacked.std(axis=0)
    scales[scales < 1e-6] = 1.0
    allowed = [_allowed(paper) for paper in papers]
    parts = [((p.table - means) / scales)[a] for p, a in zip(papers, allowed, strict=True)]
    inputs = np.concatenate(parts)
    gains = np.concatenate([p.rouge[a] for p, a in zip(papers, allowed, strict=True)])
    costs = np.concatenate([p.costs[a] for p, a in zip(papers, allowed, strict=True)])
    counts = np.array([len(part) for part in parts])
    of = np.repeat(np.arange(len(parts)), counts)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = (inputs @ weights - costs) / TEMPERATURE
        powers = np.exp(scores - np.maximum.reduceat(scores, starts)[of])
        chances = powers / np.add.reduceat(powers, starts)[of]
        expected = np.add.reduceat(chances * gains, starts)
        slope = inputs.T @ (chances * (gains - expected[of])) / TEMPERATURE / len(parts)
        return (
            float(strength * weights @ weights - expected.mean()),
            2 * strength * weights - slope,
        )

    start = _ridge(inputs, gains - (np.add.reduceat(gains, starts) / counts)[of])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 150})
    return np.asarray(found.x), means, scales


def _ridge(inputs: Floats, targets: Floats) -> Floats:
    square = inputs.T @ inputs + 100 * np.eye(inputs.shape[1])
    return np.asarray(np.linalg.solve(square, inputs.T @ targets))


def _allowed(paper: Labelled) -> NDArray[np.bool_]:
    return np.asarray(paper.costs < paper.costs.min() + BACKGROUND_COST / 2)


def chosen(paper: Labelled, weights: Floats, scales: Floats) -> int:
    """The number of the candidate that the program would choose."""
    return int(np.argmax((paper.table / scales) @ weights - paper.costs))


def cross_validated(papers: Sequence[Labelled], strength: float) -> float:
    """The mean ROUGE-1 of what is chosen, each paper by a fit that has not seen it."""
    scores = []
    for fold in range(FOLDS):
        rest = [p for i, p in enumerate(papers) if i % FOLDS != fold]
        held = [p for i, p in enumerate(papers) if i % FOLDS == fold]
        weights, _, scales = fit(rest, strength)
        scores += [p.rouge[chosen(p, weights, scales)] for p in held]
    return float(np.mean(scores))


def main() -> None:
    """Fits, writes the file of weights, and prints what it measured on the development part."""
    parser = argparse.ArgumentParser(description="Fits the scorer of one-sentence summaries.")
    parser.add_argument("--data", type=Path, required=True, help=f"the folder with {FILE}")
    parser.add_argument("--vectors", type=Path, help="a .npz file to keep the vectors in")
    parser.add_argument("--out", type=Path, default=FITTED / "tldr.json")
    parser.add_argument("--no-dev", action="store_true", help="leave the development part alone")
    asked = parser.parse_args()
    vectors = KeptVectors(lambda: open_embedder(load_settings()), asked.vectors)
    train = labelled(asked.data, "train", vectors)
    tried = {strength: cross_validated(train, strength) for strength in STRENGTHS}
    best = max(tried, key=lambda strength: tried[strength])
    for strength, score in tried.items():
        print(
            f"ridge {strength:g}: ROUGE-1 {100 * score:.2f}, cross-validated on {len(train)} papers"
        )
    weights, means, scales = fit(train, best)
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    kept = {
        "name": f"scitldr {day}",
        "date": day,
        "data": FILE,
        "data_sha256": hashlib.sha256((asked.data / FILE).read_bytes()).hexdigest(),
        "papers": len(train),
        "ridge": best,
        "rouge1_cross_validated": round(tried[best], 4),
        "check": RuleGrounder().name,
        "roles": RoleClassifier.load().name,
        "embedder": vectors.fingerprint,
        "features": list(features_of(train[0].candidates[0], train[0].context)),
        "weights": [round(float(w), 6) for w in weights],
        "means": [round(float(m), 6) for m in means],
        "scales": [round(float(s), 6) for s in scales],
    }
    asked.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    if not asked.no_dev:
        report(labelled(asked.data, "dev", vectors), Scorer.load(asked.out))
    vectors.save()


def report(papers: Sequence[Labelled], scorer: Scorer) -> None:
    """Prints the floors, what the scorer chooses, and how far it is above them."""
    rouge, grounder = Rouge(), RuleGrounder()
    best = [scorer.best(p.candidates, p.context) for p in papers]
    ways = {
        "title": [p.paper.title for p in papers],
        "first sentence": [p.sentences[0] for p in papers],
        "cue sentence": [cue_sentence(p.sentences) for p in papers],
        "chosen": [c.text for c in best],
    }
    metric = ratio("rouge1", "ROUGE-1 F (best reference)", "rouge1")
    rows = {
        way: [
            Row(p.paper.id, p.paper.id, {"rouge1": rouge(text, p.references)})
            for p, text in zip(papers, texts, strict=True)
        ]
        for way, texts in ways.items()
    }
    print(f"development part, {len(papers)} papers, ROUGE-1 (best reference), 95 % bootstrap:")
    for way, scored in rows.items():
        found = metric.estimate(scored)
        print(f"  {way}: {_points(found.value)} ({_points(found.low)} to {_points(found.high)})")
    oracle = np.mean([p.rouge.max() for p in papers])
    print(f"  the best candidate there is: {100 * oracle:.1f}")
    for floor in ("title", "cue sentence"):
        above = difference(metric, rows[floor], rows["chosen"])
        print(
            f"  chosen above {floor}: {_points(above.value)} "
            f"({_points(above.low)} to {_points(above.high)})"
        )
    print(f"  kinds: {dict(Counter(c.kind for c in best))}")
    words = [len(c.text.split()) for c in best]
    failed = sum(
        not grounder.check(c.text, [c.quote], p.paper.title).supported
        for c, p in zip(best, papers, strict=True)
    )
    print(f"  words: {np.mean(words):.1f} on average, {max(words)} at most; unsupported: {failed}")


def cue_sentence(sentences: Sequence[str]) -> str:
    """The first sentence that says what was done; the first of all if none does."""
    return next((s for s in sentences if _CUE.search(s)), sentences[0])


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


if __name__ == "__main__":
    main()
