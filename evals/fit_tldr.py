"""``python -m evals.fit_tldr``: fits the scorer of one-sentence summaries, and measures it.

Fitted on 700 papers of SciTLDR's training part: a ridge regression of each candidate's ROUGE-1
F1 (best reference) on its features, both less their mean over the paper, since only the choice
within a paper matters. The strength of the ridge is chosen by cross-validation over papers of
the training part. Then, once, on the development part: what is chosen, beside the floors, by
the ROUGE of the suite ``tldr-scitldr``; no language model is asked.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from curator.embedding import Embedder, open_embedder
from curator.evidence import paper_sentences
from curator.fitted import FITTED
from curator.grounding import RuleGrounder
from curator.paper import Paper
from curator.settings import load_settings
from curator.tldr_candidates import Candidate, candidates_of
from curator.tldr_scoring import TITLE_COST, Context, Scorer, context_of, features_of
from evals.metrics import Row, difference, ratio
from evals.suites.base import read_rows
from evals.suites.inputs import papers_of

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = ["KeptVectors", "Labelled", "Rouge", "fit", "labelled"]

FILE = "scitldr_train_dev.jsonl.gz"
PAPERS = 700
FOLDS = 5
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
SEED = 0
# In the fit a title may be chosen if it is so much better; the program takes none where
# anything else is there (`curator.tldr_scoring.TITLE_COST`). Both are reported.
COMPETING = 0.05

# The floor: the sentence that a rule of thumb takes.
_CUE = re.compile(
    r"\b(we|this (?:paper|work|article)|our)\b.{0,60}?\b"
    r"(propose|present|introduce|develop|describe|show|study|investigate|demonstrate)",
    re.IGNORECASE,
)

Floats = NDArray[np.float64]


class KeptVectors:
    """An embedder whose vectors are kept in a file, so that the next run is short."""

    def __init__(self, make: Callable[[], Embedder], file: Path | None) -> None:
        self._make, self._file = make, file
        self._embedder: Embedder | None = None
        self._rows: dict[str, Vectors] = {}
        if file is not None and file.exists():
            with np.load(file) as kept:
                self._rows = dict(zip(kept["keys"].tolist(), kept["rows"], strict=True))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (texts, dimensions)."""
        keys = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
        if new:
            self._embedder = self._embedder or self._make()
            made = self._embedder.embed(list(new.values()))
            self._rows |= dict(zip(new, made, strict=True))
        return np.stack([self._rows[key] for key in keys])

    def save(self) -> None:
        """Writes what it has, if it has a file."""
        if self._file is not None:
            rows = np.stack(list(self._rows.values()))
            np.savez(self._file, keys=np.array(list(self._rows)), rows=rows)


@dataclass(frozen=True)
class Labelled:
    """A paper with its candidates, their features (candidates by features) and ROUGE-1 F1."""

    paper: Paper
    sentences: list[str]
    references: list[str]
    candidates: list[Candidate]
    context: Context
    table: Floats
    rouge: Floats


class Rouge:
    """ROUGE-1 F1 of the best reference, as the suite computes it: stemmed."""

    def __init__(self) -> None:
        from rouge_score.rouge_scorer import RougeScorer

        self._scorer = RougeScorer(["rouge1"], use_stemmer=True)

    def __call__(self, text: str, references: Sequence[str]) -> float:
        return max(float(self._scorer.score(r, text)["rouge1"].fmeasure) for r in references)


def labelled(data: Path, split: str, count: int | None, vectors: KeptVectors) -> list[Labelled]:
    """Papers of a part, in the data's order or ``count`` of them at random."""
    rows = {row["id"]: row for row in read_rows(data / FILE) if row["split"] == split}
    papers = papers_of((row["id"], row["title"], row["abstract"]) for row in rows.values())
    ids = list(papers)
    if count is not None and count < len(ids):
        ids = random.Random(SEED).sample(ids, count)
    rouge, grounder = Rouge(), RuleGrounder()
    found = []
    for name in ids:
        paper = Paper(id=f"p{name}", title=papers[name]["title"], abstract=papers[name]["abstract"])
        sentences = paper_sentences(paper)
        context = context_of(paper, sentences, vectors)
        candidates = candidates_of(paper, sentences, grounder)
        rows_of = [list(features_of(c, context).values()) for c in candidates]
        gold = rows[name]["tldrs"]
        scores = np.array([rouge(c.text, gold) for c in candidates])
        found.append(
            Labelled(paper, sentences, gold, candidates, context, np.array(rows_of), scores)
        )
    return found


def fit(papers: Sequence[Labelled], strength: float) -> tuple[Floats, Floats, Floats]:
    """Weights, means and scales of the features."""
    from sklearn.linear_model import Ridge

    stacked = np.concatenate([paper.table for paper in papers])
    means, scales = stacked.mean(axis=0), stacked.std(axis=0)
    scales[scales < 1e-6] = 1.0
    tables = [(p.table - p.table.mean(axis=0)) / scales for p in papers]
    targets = [p.rouge - p.rouge.mean() for p in papers]
    model = Ridge(alpha=strength, fit_intercept=False)
    model.fit(np.concatenate(tables), np.concatenate(targets))
    return np.asarray(model.coef_), means, scales


def chosen(papers: Sequence[Labelled], weights: Floats, scales: Floats) -> list[int]:
    """The number of the candidate that is chosen, for each paper."""
    return [
        int(np.argmax((p.table / scales) @ weights - COMPETING * _are_titles(p))) for p in papers
    ]


def _are_titles(paper: Labelled) -> Floats:
    return np.array([float(candidate.kind == "title") for candidate in paper.candidates])


def cross_validated(papers: Sequence[Labelled], strength: float) -> float:
    """The mean ROUGE-1 of what is chosen, each paper by a fit that has not seen it."""
    scores = []
    for fold in range(FOLDS):
        rest = [p for i, p in enumerate(papers) if i % FOLDS != fold]
        held = [p for i, p in enumerate(papers) if i % FOLDS == fold]
        weights, _, scales = fit(rest, strength)
        scores += [p.rouge[i] for p, i in zip(held, chosen(held, weights, scales), strict=True)]
    return float(np.mean(scores))


def main() -> None:
    """Fits, writes the file of weights, and prints what it measured on the development part."""
    parser = argparse.ArgumentParser(description="Fits the scorer of one-sentence summaries.")
    parser.add_argument("--data", type=Path, required=True, help=f"the folder with {FILE}")
    parser.add_argument("--vectors", type=Path, help="a .npz file to keep the vectors in")
    parser.add_argument("--out", type=Path, default=FITTED / "tldr.json")
    asked = parser.parse_args()
    vectors = KeptVectors(lambda: open_embedder(load_settings()), asked.vectors)
    train = labelled(asked.data, "train", PAPERS, vectors)
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
        "embedder": open_embedder(load_settings()).fingerprint,
        "features": list(features_of(train[0].candidates[0], train[0].context)),
        "weights": [round(float(w), 6) for w in weights],
        "means": [round(float(m), 6) for m in means],
        "scales": [round(float(s), 6) for s in scales],
    }
    asked.out.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    report(labelled(asked.data, "dev", None, vectors), Scorer.load(asked.out))
    vectors.save()


def _competing(paper: Labelled, scorer: Scorer) -> Candidate:
    """What would be chosen if a title might be a summary."""
    scores = scorer.scores(paper.candidates, paper.context)
    free = [(TITLE_COST - COMPETING) * (c.kind == "title") for c in paper.candidates]
    return paper.candidates[int(np.argmax(np.asarray(scores) + free))]


def report(papers: Sequence[Labelled], scorer: Scorer) -> None:
    """Prints the floors, what the scorer chooses, and how far it is above them."""
    rouge, grounder = Rouge(), RuleGrounder()
    best = [scorer.best(p.candidates, p.context) for p in papers]
    ways = {
        "title": [p.paper.title for p in papers],
        "first sentence": [p.sentences[0] for p in papers],
        "cue sentence": [cue_sentence(p.sentences) for p in papers],
        "chosen": [c.text for c in best],
        "chosen, titles competing": [_competing(p, scorer).text for p in papers],
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
