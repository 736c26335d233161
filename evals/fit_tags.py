"""``python -m evals.fit_tags``: fits what turns a tag's features into log-odds, and measures it.

On gold_tags_dev (100 papers; borderline tags count neither way). All that is reported is on papers
that the fit, its threshold included, has not seen: by folds over papers, and for what is learned
from corrections by teaching it half of the papers and measuring the other half, over 20 splits.
The shipped weights are then fitted on all of them. Nothing fitted is per tag.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curator.embedding import open_embedder
from curator.embedding.kept import KeptVectors
from curator.fitted import read_fitted
from curator.library import Library
from curator.paper import Paper
from curator.settings import load_settings
from curator.tagging.background import background_papers
from curator.tagging.features import NAMES, Reader, TagFeatures
from curator.tagging.heads import Heads
from curator.tagging.scoring import FILE
from curator.tagging.trust import Trust
from curator.taxonomy import Taxonomy, load_taxonomy
from curator.text import title_key
from evals.peers.ours import home_settings
from evals.suites.shared import SHARED_SUITES

__all__ = ["Gold", "closed", "fitted", "load", "main", "micro_f1"]

Floats = NDArray[np.float64]

SUITE = "tag-gold"
FOLDS, REPEATS, INNER, SPLITS = 5, 4, 5, 20
THRESHOLDS = np.arange(-2.5, 1.5, 0.1)
# Log-odds around the threshold where a tag is uncertain.
BELOW, ABOVE = 1.4, 0.6
ASKED = 4  # the most uncertain tags of a paper that a model is asked about when its word is fitted


@dataclass(frozen=True)
class Gold:
    """Labelled papers: ``features`` (papers, tags, features), ``directions`` (papers,
    dimensions), ``right`` and ``counts`` (papers, tags): what is right, and what is scored."""

    taxonomy: Taxonomy
    papers: list[Paper]
    features: Floats
    directions: Floats
    right: NDArray[np.bool_]
    counts: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.papers)


def load(data: Path, vectors: Path | None = None) -> Gold:
    """Reads the papers, their tags and their features."""
    suite = next(s for s in SHARED_SUITES if s.name == SUITE)
    rows = {title_key(row.title): row for row in suite.rows(data)}  # type: ignore[attr-defined]
    assert suite.corpus is not None
    with TemporaryDirectory() as folder, Library.open(folder) as library:
        files = suite.corpus.files(data, Path(folder))
        library.add([str(file) for file in files], embed=False)
        papers = [p for p in library.catalog.papers.select() if title_key(p.title) in rows]
    papers.sort(key=lambda paper: title_key(paper.title))
    taxonomy = load_taxonomy()
    embedder = KeptVectors(lambda: open_embedder(load_settings()), vectors)
    reader = Reader(embedder)
    background, reads = reader.read(background_papers()), reader.read(papers)
    scored = TagFeatures(taxonomy, embedder, background)
    features = scored.of([scored.heard(read) for read in reads])
    middle = np.stack([read.vector for read in background]).mean(axis=0)
    directions = np.stack([read.vector for read in reads]).astype(float) - middle
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    embedder.save()
    places = {tag.name: place for place, tag in enumerate(taxonomy.tags)}
    right = np.zeros((len(papers), len(places)), dtype=bool)
    counts = np.ones_like(right)
    for at, paper in enumerate(papers):
        row: Any = rows[title_key(paper.title)]
        for tag in row.tags:
            right[at, [places[name] for name in (tag, *taxonomy.ancestors(tag))]] = True
        for tag in row.borderline:
            counts[at, places[tag]] = right[at, places[tag]]
    return Gold(taxonomy, papers, features.astype(float), directions, right, counts)


# ------------------------------------------------------------------------ the parts


def fitted(gold: Gold, rows: Sequence[int], columns: Sequence[int] | None = None) -> Any:
    """A logistic regression on the pairs of these papers; ``columns`` are the features used."""
    from sklearn.linear_model import LogisticRegression

    chosen = list(range(len(NAMES))) if columns is None else list(columns)
    scored = gold.counts[rows].ravel()
    inputs = gold.features[rows][..., chosen].reshape(-1, len(chosen))[scored]
    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit(inputs, gold.right[rows].ravel()[scored])
    weights = np.zeros(len(NAMES))
    weights[chosen] = model.coef_[0]
    return weights, float(model.intercept_[0])


def odds_of(gold: Gold, rows: Sequence[int], model: Any) -> Floats:
    """Log-odds of shape (papers, tags)."""
    weights, intercept = model
    odds: Floats = gold.features[rows] @ weights + intercept
    return odds


def closed(taxonomy: Taxonomy, odds: Floats, threshold: float, default: float = 0.0) -> Floats:
    """Log-odds of the tags that are given, -inf for all others: those at the threshold, their
    parents, and the default of a facet that needs one. As `graphs.tag` settles them."""
    places = {tag.name: place for place, tag in enumerate(taxonomy.tags)}
    given = np.where(odds >= threshold, odds, -np.inf)
    for row in given:
        for facet in taxonomy.facets:
            own = [places[tag.name] for tag in taxonomy.tags if tag.facet == facet.name]
            if facet.fallback and not np.isfinite(row[own]).any():
                row[places[facet.fallback]] = default
        for at in np.flatnonzero(np.isfinite(row)):
            for parent in taxonomy.ancestors(taxonomy.tags[at].name):
                row[places[parent]] = max(row[places[parent]], row[at])
    return given


def micro_f1(gold: Gold, rows: Sequence[int], given: NDArray[np.bool_]) -> float:
    """Over all pairs that are scored."""
    counts, right = gold.counts[rows], gold.right[rows]
    both = float((given & right & counts).sum())
    return 2 * both / float((given & counts).sum() + (right & counts).sum())


def best_threshold(gold: Gold, rows: Sequence[int], odds: Floats) -> float:
    """The one with the best micro-F1 on these papers, whose log-odds are from other papers."""

    def score(threshold: float) -> float:
        return micro_f1(gold, rows, np.isfinite(closed(gold.taxonomy, odds, threshold)))

    return float(max(THRESHOLDS, key=score))


def usual_threshold(gold: Gold) -> float:
    """The median of the best thresholds of many folds: near the best, F1 is flat, and one
    set's best is an accident."""
    found = []
    for repeat in range(REPEATS):
        for rest, _ in folds(range(len(gold)), FOLDS, repeat):
            found.append(best_threshold(gold, rest, crossed(gold, rest, lambda r: fitted(gold, r))))
    return float(np.median(found))


def folds(rows: Sequence[int], count: int, seed: int) -> list[tuple[list[int], list[int]]]:
    """(the others, the fold) for each of ``count`` folds."""
    order = np.random.default_rng(seed).permutation(np.asarray(rows))
    return [
        (np.sort(np.concatenate([order[j::count] for j in range(count) if j != i])).tolist(),
         np.sort(order[i::count]).tolist())
        for i in range(count)
    ]  # fmt: skip


def crossed(gold: Gold, rows: Sequence[int], model_of: Callable[[list[int]], Any]) -> Floats:
    """Log-odds of each paper from models that have not seen it, of shape (rows, tags)."""
    odds = np.zeros((len(gold), len(gold.taxonomy.tags)))
    for rest, held in folds(rows, INNER, 3):
        odds[held] = odds_of(gold, held, model_of(rest))
    return odds[list(rows)]


def default_odds(gold: Gold, rows: Sequence[int], odds: Floats, threshold: float) -> float:
    """How often a default is right where nothing else of its facet is sure."""
    marker = -123.0
    given = closed(gold.taxonomy, odds, threshold, marker)
    asked = (given == marker) & gold.counts[rows]
    right = int((asked & gold.right[rows]).sum())
    return float(np.log((right + 1) / (int(asked.sum()) - right + 1)))


# ------------------------------------------------------------------------ measures


def unseen(gold: Gold, columns: Sequence[int] | None = None) -> tuple[list[float], list[Floats]]:
    """Micro-F1, and the log-odds of what is given, over repeats of the folds."""
    scores, every = [], []
    for repeat in range(REPEATS):
        given = np.full(gold.right.shape, -np.inf)
        for rest, held in folds(range(len(gold)), FOLDS, repeat):
            inner = crossed(gold, rest, lambda rows: fitted(gold, rows, columns))
            threshold = best_threshold(gold, rest, inner)
            default = default_odds(gold, rest, inner, threshold)
            odds = odds_of(gold, held, fitted(gold, rest, columns))
            given[held] = closed(gold.taxonomy, odds, threshold, default)
        scores.append(micro_f1(gold, range(len(gold)), np.isfinite(given)))
        every.append(given)
    return scores, every


def learned(
    gold: Gold,
    train: Sequence[int],
    before: Floats,
    labels: NDArray[np.int8],
    test: Sequence[int],
    plain: Floats,
) -> Floats:
    """The log-odds of some papers after corrections of others, as the program learns."""
    trust = Trust(before, labels)
    heads = Heads(gold.directions[train], trust(before), labels)
    return heads(gold.directions[test], trust(plain))


def taught(gold: Gold, splits: int = SPLITS) -> list[tuple[float, float]]:
    """Micro-F1 on one half of the papers without and with heads from the other half."""
    labels = np.where(gold.counts, gold.right, -1).astype(np.int8)
    scores = []
    for split in range(splits):
        order = np.random.default_rng(split).permutation(len(gold)).tolist()
        train, test = sorted(order[:50]), sorted(order[50:])
        before = crossed(gold, train, lambda rows: fitted(gold, rows))
        after = np.zeros_like(before)
        place = {row: at for at, row in enumerate(train)}
        for rest, held in folds(train, INNER, 1):
            mine, theirs = [place[r] for r in rest], [place[r] for r in held]
            after[theirs] = learned(gold, rest, before[mine], labels[rest], held, before[theirs])
        plain = odds_of(gold, test, fitted(gold, train))
        heads = learned(gold, train, before, labels[train], test, plain)
        both = []
        for inner, outer in ((before, plain), (after, heads)):
            threshold = best_threshold(gold, train, inner)
            given = closed(gold.taxonomy, outer, threshold)
            both.append(micro_f1(gold, test, np.isfinite(given)))
        scores.append((both[0], both[1]))
    return scores


def calibration_error(gold: Gold, given: Floats, bins: int = 10) -> float:
    """Expected calibration error of the tags that are given, in bins of equal width."""
    chosen = np.isfinite(given) & gold.counts
    chance = 1 / (1 + np.exp(-given[chosen]))
    right = gold.right[chosen].astype(float)
    at = np.minimum((chance * bins).astype(int), bins - 1)
    return float(sum(abs((right - chance)[at == b].sum()) for b in range(bins)) / len(chance))


def caught(gold: Gold, odds: Floats, given: Floats, share: float = 0.2) -> tuple[float, int, int]:
    """The share of all wrong decisions (given and wrong, or missed) that are in the first
    ``share`` of the queue: every (paper, tag) whose chance is 2 % or more, least sure first.
    Also the length of the queue and the number of wrong decisions."""
    chance = np.where(np.isfinite(given), given, odds)
    chance = 1 / (1 + np.exp(-chance))
    wrong = (np.isfinite(given) != gold.right) & gold.counts
    queue = np.argwhere((chance >= 0.02) & gold.counts)
    order = np.argsort([abs(chance[i, j] - 0.5) for i, j in queue], kind="stable")
    first = queue[order[: round(share * len(queue))]]
    return float(sum(wrong[i, j] for i, j in first) / wrong.sum()), len(queue), int(wrong.sum())


# ------------------------------------------------------------------------ a model's word

Readings = dict[str, float]
"""``title key/tag`` → a model's log-odds of yes."""


def read(gold: Gold, library: Any, odds: Floats, threshold: float, file: Path) -> Readings:
    """What a local model says of each paper's most uncertain tags; kept in ``file``."""
    from curator.tagging.voting import OddsVoter, Vote

    kept: Readings = json.loads(file.read_text("utf-8")) if file.exists() else {}
    voter = OddsVoter(library.llm.log_odds, library.llm.identity, Vote(1.0, 0.0))
    for paper, row in zip(gold.papers, odds, strict=True):
        near = np.argsort(abs(row - threshold), kind="stable")[:ASKED]
        tags = [gold.taxonomy.tags[at] for at in near if abs(row[at] - threshold) < BELOW]
        new = [t for t in tags if f"{title_key(paper.title)}/{t.name}" not in kept]
        said = voter.votes(paper, new)
        kept |= {f"{title_key(paper.title)}/{name}": value for name, value in said.items()}
        file.write_text(json.dumps(kept), "utf-8")
    return kept


def fitted_vote(odds: Floats, said: Floats, right: Floats) -> tuple[float, float]:
    """Weight and centre: the most probable ones where the log-odds are ``odds`` plus the vote,
    by Newton's method, with a little ridge."""
    inputs = np.stack([said, np.ones_like(said)], axis=1)
    values = np.zeros(2)
    for _ in range(30):
        chance = 1 / (1 + np.exp(-(odds + inputs @ values)))
        gradient = inputs.T @ (right - chance) - 0.1 * values
        curved = inputs.T @ (inputs * (chance * (1 - chance))[:, None]) + 0.1 * np.eye(2)
        values = values + np.linalg.solve(curved, gradient)
    weight = float(values[0])
    return weight, float(-values[1] / weight) if weight else 0.0


def voted(gold: Gold, odds: Floats, readings: Readings, threshold: float) -> dict[str, Any]:
    """What the model's word is worth, by folds over the papers that it was asked about."""
    from sklearn.metrics import roc_auc_score

    places = {tag.name: at for at, tag in enumerate(gold.taxonomy.tags)}
    titles = [title_key(paper.title) for paper in gold.papers]
    asked = [
        (titles.index(title), places[tag], value)
        for key, value in readings.items()
        for title, _, tag in [key.rpartition("/")]
        if tag in places and gold.counts[titles.index(title), places[tag]]
    ]
    own = sorted({i for i, _, _ in asked})
    at = np.array([(i, j) for i, j, _ in asked])
    said = np.array([value for _, _, value in asked])
    base, right = odds[at[:, 0], at[:, 1]], gold.right[at[:, 0], at[:, 1]].astype(float)
    moved, joined = odds.copy(), np.zeros(len(asked))
    for rest, held in folds(own, FOLDS, 0):
        mine, theirs = np.isin(at[:, 0], rest), np.isin(at[:, 0], held)
        weight, centre = fitted_vote(base[mine], said[mine], right[mine])
        joined[theirs] = base[theirs] + weight * (said[theirs] - centre)
    moved[at[:, 0], at[:, 1]] = joined

    def score(values: Floats) -> float:
        return micro_f1(gold, own, np.isfinite(closed(gold.taxonomy, values[own], threshold)))

    weight, centre = fitted_vote(base, said, right)
    print(
        f"{len(asked)} uncertain tags of {len(own)} papers: AUROC without the model "
        f"{roc_auc_score(right, base):.3f}, of its odds alone {roc_auc_score(right, said):.3f}, "
        f"both {roc_auc_score(right, joined):.3f}; micro-F1 {score(odds):.3f} -> {score(moved):.3f}"
    )
    return {"weight": round(weight, 3), "centre": round(centre, 3)}


def main() -> None:
    """Prints what it measured; with ``--write``, stores the weights."""
    parser = argparse.ArgumentParser(description="Fits the tagger's weights.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--vectors", type=Path, help="a .npz file to keep the vectors in")
    parser.add_argument("--model", default="", help="a local model whose word is to be fitted")
    parser.add_argument(
        "--kept", action="store_true", help="take what the model said before, and ask nothing"
    )
    parser.add_argument("--work", type=Path, default=Path(".evals/fit-tags"))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--out", type=Path, default=FILE)
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    gold = load(chosen.data, chosen.vectors)
    every = list(range(len(gold)))
    scores, given = unseen(gold)
    print(f"{len(gold)} papers, unseen: micro-F1 {np.mean(scores):.3f} (repeats {_listed(scores)})")
    words = [NAMES.index(name) for name in ("words", "in_title", "in_abstract")]
    vectors = [NAMES.index(name) for name in ("sentence", "example")]
    print(f"words alone {np.mean(unseen(gold, words)[0]):.3f}, "
          f"vectors alone {np.mean(unseen(gold, vectors)[0]):.3f}")  # fmt: skip
    errors = [calibration_error(gold, g) for g in given]
    print(f"calibration error of what is given {np.mean(errors):.3f} ({_listed(errors)})")
    odds = np.zeros(gold.right.shape)
    for rest, held in folds(every, FOLDS, 0):
        odds[held] = odds_of(gold, held, fitted(gold, rest))
    share, length, wrong = caught(gold, odds, given[0])
    print(f"queue: {share:.2f} of {wrong} wrong decisions in the first fifth of {length}")
    halves = taught(gold)
    for name, place in (("before", 0), ("after", 1)):
        own = [pair[place] for pair in halves]
        print(f"{name} learning from 50: {np.mean(own):.3f} +- {np.std(own) / len(own) ** 0.5:.3f}")
    model = fitted(gold, every)
    inner = crossed(gold, every, lambda rows: fitted(gold, rows))
    threshold = usual_threshold(gold)
    votes = read_fitted(chosen.out, ["votes"])["votes"] if chosen.out.exists() else {}
    if chosen.model:
        settings = home_settings(chosen.work / "home")
        settings = settings.model_copy(update={"model": chosen.model})
        with Library(settings, notify=print) as library:
            name = library.llm.name.removeprefix("local:")
            file = chosen.work / f"{name}.json"
            readings: Readings = json.loads(file.read_text("utf-8")) if chosen.kept else {}
            readings = readings or read(gold, library, odds, threshold, file)
        votes[name] = voted(gold, odds, readings, threshold)
    kept = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "data": "gold_tags_dev.jsonl",
        "data_sha256": hashlib.sha256(
            (chosen.data / "gold_tags_dev.jsonl").read_bytes()
        ).hexdigest(),
        "weights": dict(zip(NAMES, (round(float(w), 4) for w in model[0]), strict=True)),
        "intercept": round(model[1], 4),
        "bounds": {
            "accept": round(threshold, 2),
            "low": round(threshold - BELOW, 2),
            "high": round(threshold + ABOVE, 2),
            "default": round(default_odds(gold, every, inner, threshold), 3),
        },
        "votes": votes,
    }
    print(json.dumps(kept, indent=2))
    if chosen.write:
        chosen.out.write_text(json.dumps(kept, indent=2) + "\n", "utf-8")


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    main()
