"""The fit of the scorer of summaries, on made-up papers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder, paper

from curator.evidence import paper_sentences
from curator.roles import RoleClassifier
from curator.tldr_candidates import Candidate
from curator.tldr_context import context_of
from curator.tldr_scoring import BACKGROUND_COST, TITLE_COST
from evals.fit_tldr import KeptVectors, Labelled, Rouge, chosen, cross_validated, fit

pytest.importorskip("rouge_score")
pytest.importorskip("scipy")

OWL = paper("Seeing at Night", "We propose OwlNet. It sees at night. Owls see at night too.")


def labelled(seed: int, costs: tuple[float, ...] = (TITLE_COST, 0.0, 0.0, 0.0)) -> Labelled:
    """A paper whose second feature tells how good a candidate is, and whose first misleads."""
    sentences = paper_sentences(OWL)
    draw = np.random.default_rng(seed)
    rouge = draw.uniform(0, 1, 4)
    table = np.stack([draw.uniform(0, 1, 4), rouge * 3, np.ones(4)], axis=1)
    found = [Candidate("title", OWL.title, OWL.title, -1)]
    found += [Candidate("sentence", s, s, i) for i, s in enumerate(sentences)]
    context = context_of(OWL, sentences, FakeEmbedder(), RoleClassifier.load())
    return Labelled(OWL, sentences, ["x"], found, context, table, rouge, np.array(costs))


def test_the_fit_finds_the_feature_that_tells() -> None:
    papers = [labelled(seed) for seed in range(60)]
    weights, means, scales = fit(papers, 0.01)
    assert weights[1] > 5 * abs(weights[0])
    assert np.all(np.isfinite(weights)) and np.all(scales > 0) and means[2] == 1
    for one in (labelled(seed) for seed in range(100, 120)):
        assert chosen(one, weights, scales) == 1 + int(np.argmax(one.rouge[1:]))


def test_what_the_program_takes_off_is_taken_off_in_the_fit() -> None:
    costs = (TITLE_COST, BACKGROUND_COST, 0.0, 0.0)
    papers = [labelled(seed, costs) for seed in range(40)]
    weights, _, scales = fit(papers, 0.01)
    assert all(chosen(one, weights, scales) in {2, 3} for one in papers)


def test_titles_alone_are_chosen_from() -> None:
    papers = [labelled(seed, (TITLE_COST,) * 4) for seed in range(20)]
    weights, _, scales = fit(papers, 0.01)
    reached = np.mean([p.rouge[chosen(p, weights, scales)] for p in papers])
    assert reached > np.mean([p.rouge.max() for p in papers]) - 0.02
    assert 0 in {chosen(p, weights, scales) for p in papers}


def test_cross_validation_reaches_the_best_where_a_feature_tells() -> None:
    papers = [labelled(seed) for seed in range(60)]
    best = float(np.mean([p.rouge[1:].max() for p in papers]))
    assert cross_validated(papers, 0.01) == pytest.approx(best, abs=0.01)
    assert cross_validated(papers, 1e6) < best


def test_vectors_are_kept_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "vectors.npz"
    first = KeptVectors(FakeEmbedder, file)
    made = first.embed(["owls", "night", "owls"])
    first.save()

    def never() -> FakeEmbedder:
        raise AssertionError("asked once more")

    again = KeptVectors(never, file).embed(["night", "owls"])
    assert np.array_equal(again, made[[1, 0]])


def test_rouge_is_that_of_the_best_reference() -> None:
    rouge = Rouge()
    assert rouge("owls see", ["cats", "owls see"]) == 1
    assert rouge("owls see", ["cats"]) == 0
