"""``python -m evals.fit_keyphrases``: fits the scorer of keyphrases, and measures it.

Two files are written. ``words.json``: classes of the commonest words and in how many abstracts
each is, counted in every second abstract of ``arxiv_100k`` (metadata of arXiv, CC0), whatever
the keyphrases are. ``keyphrases.json``: a logistic regression fitted on the training part of
Inspec (Hulth 2003; its uncontrolled terms), the strength of its ridge chosen by cross-validation
there, measured once on the validation part beside plain baselines.

F1 of the first k phrases, Porter-stemmed and compared whole, a mean over the papers that have
gold; precision over the phrases given. Against all gold, and against that which is in the text.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from curator.fitted import FITTED
from curator.keyphrases import PhraseScorer, keyphrases_of, pick
from curator.paper import Paper
from curator.phrase_candidates import FUNCTION, Candidate, candidates_of, runs_of
from curator.phrase_features import STEPS, Words, features_of
from evals.suites.base import read_rows

__all__ = ["Gold", "f1_at", "normal", "word_table"]

FILE, WORDS_FILE = "inspec_train_val.jsonl.gz", "arxiv_100k.jsonl.gz"
FOLDS = 3
STRENGTHS = (0.05, 0.1, 0.2, 0.4)
# Features of fewer candidates of the training part are left out.
MIN_CANDIDATES = 30
CUTS = (5, 10, 15)
COMMONEST, CLASSES = 10_000, 26
SMOOTHING = 10.0  # as many more places before and after each word, of the average kind

Gold = tuple[Paper, frozenset[str], frozenset[str]]
"""A paper, its gold phrases as `normal` writes them, and those of them in its text."""
Extract = Callable[[Paper], Sequence[str]]

_KINDS = (
    "to",
    "a an the this that these those its our their your his her each every any some no such",
    "can could may might must shall should will would cannot not we they",
    "is are was were be been being has have had",
    "of",
    "in on at by for from with into onto over under within without between among through during "
    "via per as",
    "and or but which who whose than while where when",
)
_KIND = {word: kind for kind, words in enumerate(_KINDS) for word in words.split()}
_MARK, _OTHER = len(_KINDS), len(_KINDS) + 1
_PIECE = re.compile(r"[a-z][a-z-]*[a-z]|[a-z]|[^\sa-z]+")


@cache
def _porter(word: str) -> str:
    from nltk.stem import PorterStemmer  # type: ignore[import-untyped]

    return str(PorterStemmer().stem(word))


def normal(text: str) -> str:
    """Lower case, Porter-stemmed, punctuation as spaces."""
    return " ".join(_porter(word.lower()) for word in re.findall(r"[^\W_]+", text))


def f1_at(
    golds: Sequence[Gold], given: Sequence[Sequence[str]], cut: int, *, present: bool
) -> float:
    """The mean F1 of the first ``cut`` distinct phrases given for each paper."""
    scores = []
    for (_, every, inside), phrases in zip(golds, given, strict=True):
        gold = inside if present else every
        if not gold:
            continue
        first = list(dict.fromkeys(normal(phrase) for phrase in phrases))[:cut]
        right = len(gold.intersection(first))
        scores.append(2 * right / (len(gold) + len(first)))
    return float(np.mean(scores))


def word_table(abstracts: Iterator[str]) -> dict[str, Any]:
    """Classes of words by the kinds of words before and after them, and how rare each is."""
    from sklearn.cluster import KMeans

    beside: defaultdict[str, Any] = defaultdict(lambda: np.zeros(2 * (_OTHER + 1)))
    within: Counter[str] = Counter()
    papers = 0
    for text in abstracts:
        papers += 1
        pieces = _PIECE.findall(text.lower())
        kinds = [_KIND.get(p, _OTHER) if p[0].isalpha() else _MARK for p in pieces]
        around = [_MARK, *kinds, _MARK]
        for i, piece in enumerate(pieces):
            if kinds[i] == _OTHER:
                counts = beside[piece]
                counts[around[i]] += 1
                counts[_OTHER + 1 + around[i + 2]] += 1
        within.update({piece for piece in pieces if piece[0].isalpha()})
    commonest = sorted(within, key=lambda word: (-within[word], word))
    words = [w for w in commonest if len(w) > 1 and w in beside and w not in FUNCTION]
    words = words[:COMMONEST]
    table = np.array([beside[word] for word in words])
    table += SMOOTHING * 2 * table.sum(axis=0) / table.sum()
    # Hellinger's distance between what stands before, and what after, two words.
    roots = np.concatenate([np.sqrt(h / h.sum(1, keepdims=True)) for h in np.split(table, 2, 1)], 1)
    found = KMeans(CLASSES, n_init=2, random_state=0).fit(roots).labels_
    classes: list[defaultdict[str, list[str]]] = [defaultdict(list) for _ in range(CLASSES)]
    for word, number in zip(words, found, strict=True):
        classes[number][str(round(STEPS * math.log(papers / within[word])))].append(word)
    return {
        "papers": papers,
        "classes": [{step: " ".join(ws) for step, ws in sorted(c.items())} for c in classes],
    }


def main() -> None:
    """Fits, prints what it measured, and writes the files."""
    parser = argparse.ArgumentParser(description="Fits the scorer of keyphrases.")
    parser.add_argument("--data", type=Path, required=True, help=f"the folder with {FILE}")
    parser.add_argument("--words", action="store_true", help="make words.json, not the other")
    parser.add_argument("--out", type=Path, default=FITTED, help="the folder for both files")
    chosen = parser.parse_args()
    if chosen.words:
        _write(chosen.out / "words.json", chosen.data / WORDS_FILE, _word_table(chosen.data))
        return
    words = Words.load(chosen.out / "words.json")
    rows = list(read_rows(chosen.data / FILE))
    train, held = ([_gold(r) for r in rows if r["split"] == s] for s in ("training", "validation"))
    scorer, figures = _fit(train, words)
    for name, extract in _extractors(scorer, words, train).items():
        given = [extract(paper) for paper, _, _ in held]
        every, inside = (
            [round(f1_at(held, given, cut, present=p), 3) for cut in CUTS] for p in (False, True)
        )
        print(f"{name:<28} {len(held)} papers, F1@{CUTS}: all gold {every}, present {inside}")
        if name == OURS:
            figures |= {"f1_held_out": every, "f1_held_out_present": inside}
            print(f"{name:<28} {_calibration(held, scorer, words)}")
    kept = {"papers": len(train), **figures, "bias": scorer.bias, "weights": scorer.weights}
    _write(chosen.out / "keyphrases.json", chosen.data / FILE, kept)


OURS = "this scorer"


def _word_table(data: Path) -> dict[str, Any]:
    with gzip.open(data / WORDS_FILE, "rt", encoding="utf-8") as lines:
        rows = (json.loads(line) for number, line in enumerate(lines) if number % 2)
        return word_table(f"{row['title']} . {row['abstract']}" for row in rows)


def _write(file: Path, data: Path, kept: dict[str, Any]) -> None:
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    about = {
        "name": f"{file.stem} {day}",
        "date": day,
        "data": data.name,
        "data_sha256": hashlib.sha256(data.read_bytes()).hexdigest(),
    }
    text = json.dumps(about | kept, separators=(",", ":"), ensure_ascii=False)
    file.write_text(text + "\n", "utf-8")


def _gold(row: dict[str, Any]) -> Gold:
    paper = Paper(id=f"p{row['id']}", title=row["title"], abstract=row["abstract"])
    gold = frozenset(filter(None, map(normal, row["uncontrolled"])))
    text = f" {normal(paper.text)} "
    return paper, gold, frozenset(phrase for phrase in gold if f" {phrase} " in text)


def _fit(golds: Sequence[Gold], words: Words) -> tuple[PhraseScorer, dict[str, Any]]:
    from sklearn.feature_extraction import DictVectorizer

    candidates = [candidates_of(runs_of(paper)) for paper, _, _ in golds]
    texts = [_texts(g[0], found) for g, found in zip(golds, candidates, strict=True)]
    chosen = np.array(
        [normal(t) in gold for (_, gold, _), ts in zip(golds, texts, strict=True) for t in ts]
    )
    whose = np.repeat(np.arange(len(golds)), [len(found) for found in candidates])
    vectorizer = DictVectorizer()
    table = vectorizer.fit_transform(
        features
        for (paper, _, _), found in zip(golds, candidates, strict=True)
        for features in features_of(paper, found, words)
    )
    often = np.asarray((table != 0).sum(axis=0)).ravel() >= MIN_CANDIDATES
    table, names = table[:, often], vectorizer.get_feature_names_out()[often]

    def cross_validated(strength: float) -> float:
        given: list[Sequence[str]] = [()] * len(golds)
        for fold in range(FOLDS):
            apart = whose % FOLDS == fold
            model = _regression(table[~apart], chosen[~apart], strength)
            scores = dict(
                zip(np.flatnonzero(apart), model.decision_function(table[apart]), strict=True)
            )
            for i in range(fold, len(golds), FOLDS):
                mine = [scores[row] for row in np.flatnonzero(whose == i)]
                given[i] = [texts[i][j] for j in pick(candidates[i], mine, max(CUTS))]
        found = f1_at(golds, given, 10, present=False)
        print(f"C {strength}: F1@10 {found:.4f}, {FOLDS} folds of {len(golds)} papers", flush=True)
        return found

    tried = {strength: cross_validated(strength) for strength in STRENGTHS}
    best = max(tried, key=lambda strength: tried[strength])
    model = _regression(table, chosen, best)
    named = zip(names, model.coef_[0], strict=True)
    weights = {str(name): round(float(weight), 3) for name, weight in named}
    weights = {name: weight for name, weight in weights.items() if weight}
    scorer = PhraseScorer("being fitted", round(float(model.intercept_[0]), 4), weights)
    return scorer, {"strength": best, "f1_at_10_cross_validated": round(tried[best], 4)}


def _regression(table: Any, chosen: Any, strength: float) -> Any:
    """``strength`` is the inverse of the ridge's."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=1000).fit(table, chosen)


def _texts(paper: Paper, candidates: Sequence[Candidate]) -> list[str]:
    return [paper.text[c.places[0].start : c.places[0].end] for c in candidates]


def _extractors(scorer: PhraseScorer, words: Words, train: Sequence[Gold]) -> dict[str, Extract]:
    within: Counter[tuple[str, ...]] = Counter()
    for paper, _, _ in train:
        within.update(candidate.key for candidate in candidates_of(runs_of(paper)))

    def ours(paper: Paper) -> list[str]:
        return [
            found.phrase for found in keyphrases_of(paper, max(CUTS), scorer=scorer, words=words)
        ]

    def tfidf(paper: Paper) -> list[str]:
        found = [c for c in candidates_of(runs_of(paper)) if len(c.key) <= 3]
        rare = [math.log(len(train) / (1 + within[c.key])) for c in found]
        scores = [len(c.places) * r for c, r in zip(found, rare, strict=True)]
        return [_texts(paper, found)[i] for i in np.argsort(-np.array(scores), kind="stable")]

    def chunks(paper: Paper) -> list[str]:
        return _texts(paper, _chunks(paper))

    def often(paper: Paper) -> list[str]:
        found = _chunks(paper)
        order = sorted(range(len(found)), key=lambda i: -len(found[i].places))
        return [_texts(paper, found)[i] for i in order]

    return {
        OURS: ours,
        "tf-idf, 1 to 3 words": tfidf,
        "chunks, first ones": chunks,
        "chunks, most frequent ones": often,
    }


def _calibration(golds: Sequence[Gold], scorer: PhraseScorer, words: Words) -> str:
    """How far scores are from how often phrases are right, of the first 15 of each paper."""
    scores, right = [], []
    for paper, gold, _ in golds:
        for found in keyphrases_of(paper, max(CUTS), scorer=scorer, words=words):
            scores.append(found.score)
            right.append(normal(found.phrase) in gold)
    bins = np.minimum((np.array(scores) * 10).astype(int), 9)
    gaps = [abs(float(np.sum((np.array(scores) - np.array(right))[bins == b]))) for b in range(10)]
    return (
        f"{len(scores)} phrases: mean score {np.mean(scores):.3f}, right {np.mean(right):.3f}, "
        f"expected calibration error {sum(gaps) / len(scores):.3f}"
    )


def _chunks(paper: Paper) -> list[Candidate]:
    """What stands between words that join, punctuation and the ends of sentences, whole."""
    found = []
    for candidate in candidates_of(runs_of(paper)):
        place = candidate.places[0]
        run = place.run.tokens
        ends = place.first == 0 or run[place.first - 1].joins
        if ends and (place.last + 1 == len(run) or run[place.last + 1].joins):
            found.append(candidate)
    return found


if __name__ == "__main__":
    main()
