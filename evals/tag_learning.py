"""``python -m evals.tag_learning``: learning arXiv's categories from 20 examples of each.

The tagger's heads (with what the descriptions of `prompts/arxiv.yaml` say, and without) beside a
multinomial logistic regression on the same vectors of the papers, its strength chosen by
cross-validation on the same examples. One label a paper (its primary category), the one with the
highest log-odds is taken; macro-F1 on papers that none of them has seen, in one run.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.embedding import embedding_text, open_embedder
from curator.embedding.kept import KeptVectors
from curator.evidence import paper_sentences
from curator.paper import Paper
from curator.settings import load_settings
from curator.tagging.background import background_papers
from curator.tagging.features import Read, Reader, TagFeatures
from curator.tagging.heads import Heads
from curator.tagging.scoring import fitted_tags
from curator.tagging.trust import Trust
from curator.tagging.words import paper_words
from curator.taxonomy import load_taxonomy
from evals.suites.base import read_rows

__all__ = ["main"]

Floats = NDArray[np.float64]

DATA = Path(__file__).parents[2] / "shared" / "data"
FILE = "arxiv_categories_dev.jsonl.gz"
TAXONOMY = Path(__file__).parents[1] / "prompts" / "arxiv.yaml"
TAUGHT, HELD = 20, 10
STRENGTHS = (1.0, 2.0, 5.0, 10.0, 20.0)
FOLDS = 4


def papers(data: Path, names: Sequence[str], seed: int) -> tuple[list[Paper], list[str]]:
    """`TAUGHT` + `HELD` papers of each category, in that order, and their categories."""
    by_category: dict[str, list[dict[str, Any]]] = {}
    for row in read_rows(data / FILE):
        by_category.setdefault(row["primary"], []).append(row)
    chosen, labels = [], []
    for name in sorted(set(names) & set(by_category)):
        rows = sorted(by_category[name], key=lambda row: str(row["id"]))
        random.Random(seed).shuffle(rows)
        for row in rows[: TAUGHT + HELD]:
            chosen.append(Paper(f"{name} {row['id']}", row["title"], row["abstract"]))
            labels.append(name)
    return chosen, labels


def macro_f1(gold: Any, said: Any) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(gold, said, average="macro"))


def regression(inputs: Floats, labels: Floats) -> Any:
    """The best multinomial logistic regression by cross-validation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    scores = {}
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=400)
        scores[strength] = macro_f1(labels, cross_val_predict(model, inputs, labels, cv=FOLDS))
    best = max(scores, key=lambda strength: scores[strength])
    return best, LogisticRegression(C=best, max_iter=400).fit(inputs, labels)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--vectors", type=Path, help="a .npz file to keep the vectors in")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--whole", action="store_true", help="no vectors of sentences (ten times as quick)"
    )
    chosen = parser.parse_args(arguments)
    taxonomy = load_taxonomy(TAXONOMY)
    names = [tag.name for tag in taxonomy.tags]
    rows, labels = papers(chosen.data, names, chosen.seed)
    embedder = KeptVectors(lambda: open_embedder(load_settings()), chosen.vectors)
    reads = []
    for start in range(0, len(rows), 256):
        reads += _read(embedder, rows[start : start + 256], chosen.whole)
        print(f"{len(reads)} of {len(rows)} read", flush=True)
        embedder.save()
    background = _read(embedder, background_papers(), chosen.whole)
    features = TagFeatures(taxonomy, embedder, background).of(reads).astype(float)
    embedder.save()
    weights = fitted_tags()
    offsets = features @ np.array(weights.features) + weights.intercept
    vectors = np.stack([read.vector for read in reads]).astype(float)
    vectors -= np.stack([read.vector for read in background]).mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    gold = np.array([names.index(label) for label in labels])
    place = np.arange(len(rows)) % (TAUGHT + HELD)
    train, test = np.flatnonzero(place < TAUGHT), np.flatnonzero(place >= TAUGHT)
    print(f"{len(set(labels))} categories, {len(train)} papers taught, {len(test)} held out")
    asked = sorted(set(gold))
    said = np.array(asked)[offsets[test][:, asked].argmax(axis=1)]
    print(f"descriptions alone            macro-F1 {macro_f1(gold[test], said):.3f}")
    started = time.perf_counter()
    best, model = regression(vectors[train], gold[train])
    found = model.predict(vectors[test])
    print(f"logistic regression, C {best:<4g}   macro-F1 {macro_f1(gold[test], found):.3f}   "
          f"{time.perf_counter() - started:.0f} s with its choice of C")  # fmt: skip
    right = np.zeros((len(train), len(names)), dtype=np.int8)
    right[np.arange(len(train)), gold[train]] = 1
    flat = np.full_like(offsets, -np.log(len(asked)))
    for name, base in (("heads alone", flat), ("heads and descriptions", offsets)):
        started = time.perf_counter()
        trust = Trust(base[train], right)
        heads = Heads(vectors[train], trust(base[train]), right)
        taught = time.perf_counter() - started
        said = np.array(asked)[heads(vectors[test], trust(base[test]))[:, asked].argmax(axis=1)]
        print(f"{name:<29} macro-F1 {macro_f1(gold[test], said):.3f}   "
              f"{1000 * taught / len(asked):.0f} ms a tag")  # fmt: skip


def _read(embedder: KeptVectors, rows: Sequence[Paper], whole: bool) -> list[Read]:
    if not whole:
        return Reader(embedder).read(rows)

    reads = []
    vectors = embedder.embed([embedding_text(paper) for paper in rows])
    for paper, vector in zip(rows, vectors, strict=True):
        own = tuple(paper_sentences(paper))
        reads.append(Read(paper, own, paper_words(paper.title, own), vector, vector[None, :]))
    return reads


if __name__ == "__main__":
    main()
