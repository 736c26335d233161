"""``python -m evals.fit_roles``: fits the classifier of sentences' roles, and measures it.

On CSAbstruct (Cohan et al. 2019): fitted on abstracts of its training part, the strength of the
ridge chosen by cross-validation over those abstracts, measured once on its test part. No
abstract is on both sides of any split.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from curator.embedding import open_embedder
from curator.embedding.kept import KeptVectors
from curator.fitted import FITTED
from curator.roles import ROLES, inputs_of
from curator.settings import load_settings
from curator.text import plain
from evals.fit_tldr import Floats
from evals.suites.base import read_rows

__all__ = ["Abstract", "fit_roles"]

FILE = "csabstruct.jsonl.gz"
ABSTRACTS = 500
FOLDS = 5
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)
SEED = 0

Abstract = tuple[list[str], list[str]]
"""Plain sentences of one abstract, and the role of each."""


def fit_roles(tables: Sequence[Floats], roles: Sequence[Sequence[str]], strength: float) -> Any:
    """A multinomial logistic regression; ``strength`` is the inverse of the ridge's."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit(np.concatenate(tables), np.concatenate([np.array(r) for r in roles]))
    return model


def macro_f1(
    model: Any, tables: Sequence[Floats], roles: Sequence[Sequence[str]]
) -> tuple[float, float, dict[str, float]]:
    """Macro-F1, accuracy, and the F1 of each role."""
    from sklearn.metrics import f1_score

    gold = np.concatenate([np.array(r) for r in roles])
    said = model.predict(np.concatenate(tables))
    each = f1_score(gold, said, labels=list(ROLES), average=None, zero_division=0)
    return float(each.mean()), float((gold == said).mean()), dict(zip(ROLES, each, strict=True))


def main() -> None:
    """Fits, prints what it measured, and writes the file of weights."""
    parser = argparse.ArgumentParser(description="Fits the classifier of sentences' roles.")
    parser.add_argument("--data", type=Path, required=True, help=f"the folder with {FILE}")
    parser.add_argument("--vectors", type=Path, help="a .npz file to keep the vectors in")
    parser.add_argument("--out", type=Path, default=FITTED / "roles.json")
    chosen = parser.parse_args()
    rows = list(read_rows(chosen.data / FILE))
    train = [row for row in rows if row["split"] == "train"]
    train = random.Random(SEED).sample(train, min(ABSTRACTS, len(train)))
    test = [row for row in rows if row["split"] == "test"]
    seen = {" ".join(row["sentences"]) for row in train}
    test = [row for row in test if " ".join(row["sentences"]) not in seen]
    embedder = KeptVectors(lambda: open_embedder(load_settings()), chosen.vectors)
    parts: dict[str, Any] = {}
    for name in ("with_vectors", "without"):
        parts[name] = _part(name, [_read(r) for r in train], [_read(r) for r in test], embedder)
    embedder.save()
    kept = {
        "name": f"roles {datetime.now(UTC):%Y-%m-%d}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "data": FILE,
        "data_sha256": hashlib.sha256((chosen.data / FILE).read_bytes()).hexdigest(),
        "abstracts": len(train),
        "embedder": open_embedder(load_settings()).fingerprint,
        "roles": list(ROLES),
        **parts,
    }
    chosen.out.write_text(json.dumps(kept, separators=(",", ":")) + "\n", "utf-8")


def _read(row: dict[str, Any]) -> Abstract:
    return [plain(s) for s in row["sentences"]], row["labels"]


def _part(
    name: str, train: Sequence[Abstract], test: Sequence[Abstract], embedder: KeptVectors
) -> dict[str, Any]:
    def tables(rows: Sequence[Abstract]) -> list[Floats]:
        return [
            np.asarray(inputs_of(s, embedder.embed(s) if name == "with_vectors" else None))
            for s, _ in rows
        ]

    mine, roles = tables(train), [labels for _, labels in train]
    tried = {s: _cross_validated(mine, roles, s) for s in STRENGTHS}
    best = max(tried, key=lambda s: tried[s])
    model = fit_roles(mine, roles, best)
    score, accuracy, each = macro_f1(model, tables(test), [labels for _, labels in test])
    print(
        f"{name}: cross-validated on {len(train)} abstracts: macro-F1 {tried[best]:.3f} at C {best}"
    )
    print(f"{name}: {len(test)} held-out abstracts: macro-F1 {score:.3f}, accuracy {accuracy:.3f}")
    print(", ".join(f"{role} {value:.2f}" for role, value in each.items()))
    order = [list(model.classes_).index(role) for role in ROLES]
    return {
        "strength": best,
        "macro_f1_cross_validated": round(tried[best], 4),
        "macro_f1_held_out": round(score, 4),
        "weights": [[round(float(w), 4) for w in model.coef_[i]] for i in order],
        "bias": [round(float(model.intercept_[i]), 4) for i in order],
    }


def _cross_validated(
    tables: Sequence[Floats], roles: Sequence[Sequence[str]], strength: float
) -> float:
    scores = []
    for fold in range(FOLDS):
        rest = [i for i in range(len(tables)) if i % FOLDS != fold]
        held = [i for i in range(len(tables)) if i % FOLDS == fold]
        model = fit_roles([tables[i] for i in rest], [roles[i] for i in rest], strength)
        scores.append(macro_f1(model, [tables[i] for i in held], [roles[i] for i in held])[0])
    return float(np.mean(scores))


if __name__ == "__main__":
    main()
