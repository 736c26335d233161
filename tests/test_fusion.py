"""Two rankings made one, questions made richer, and results made diverse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.fusion import WORD_TERMS, diverse, expanded, idf_of, mixed, moved

scores = st.lists(st.floats(0, 50), min_size=1, max_size=30)
cosines = st.lists(st.floats(-1, 1), min_size=30, max_size=30)


def array(*values: float) -> np.ndarray:
    return np.array(values, float)


def test_each_half_runs_from_nothing_to_its_best() -> None:
    mix = mixed(array(10, 5, 0), array(0.2, 0.8, 0.5), depth=3)
    assert mix == pytest.approx([0.5, 0.25 + 0.5, 0.25])


def test_what_is_beyond_the_depth_counts_less_than_nothing() -> None:
    mix = mixed(array(0, 0, 0, 0), array(0.9, 0.8, 0.7, 0.1), depth=3)
    assert mix == pytest.approx([0.5, 0.25, 0.0, -1.5])


@given(scores, cosines)
def test_a_paper_that_is_better_in_both_is_better(words: list[float], near: list[float]) -> None:
    one, other = np.array(words), np.array(near[: len(words)])
    mix = mixed(one, other, depth=10)
    for i in range(len(mix)):
        for j in range(len(mix)):
            if one[i] >= one[j] and other[i] >= other[j]:
                assert mix[i] >= mix[j] - 1e-9


def test_without_words_or_vectors_the_other_half_decides() -> None:
    assert mixed(array(0, 0), array(0.1, 0.9), 10) == pytest.approx([0, 0.5])
    nothing = array(np.nan, np.nan)
    assert mixed(array(4, 2), nothing, 10) == pytest.approx([1.0, 0.5])
    some = mixed(array(4, 4, 4), array(np.nan, 0.9, 0.1), 10)
    assert some == pytest.approx([1.0, 1.0, 0.5])  # unknown: judged by its words
    assert len(mixed(array(), array(), 10)) == 0
    assert mixed(array(1, 1), array(0.5, 0.5), 10) == pytest.approx([0.5, 0.5])


def test_a_question_moves_towards_the_papers() -> None:
    query, papers = array(1, 0), np.array([[0.0, 1.0], [0.0, 1.0]])
    near = moved(query, papers, share=0.5)
    assert np.linalg.norm(near) == pytest.approx(1)
    assert near[1] / near[0] == pytest.approx(0.5)
    assert moved(query, papers[:0]) is query


def test_terms_that_tell_papers_from_others_join_the_query() -> None:
    frequent = {"model": 900, "owl": 5, "night": 40}
    papers = [["owl", "owl", "night", "model"], ["owl", "model", "model"]]
    weights = expanded(
        {"bird": 1.0, "night": 2.0},
        papers,
        lambda stems: [idf_of(frequent[stem], 1000) for stem in stems],
        share=0.5,
    )
    assert weights["bird"] == 1.0
    assert weights["owl"] == pytest.approx(0.75)  # the best term: half of the usual weight, 1.5
    assert 2.0 < weights["night"] < 2.75
    assert weights["model"] < weights["owl"] / 10
    assert expanded({"bird": 1.0}, [], lambda _: []) == {"bird": 1.0}
    assert expanded({}, [["owl"]], lambda _: [1.0]) == {"owl": 0.5}


@given(st.lists(st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=40), max_size=12))
def test_expanding_adds_a_bounded_number_of_terms(papers: list[list[str]]) -> None:
    def rare(stems: Sequence[str]) -> list[float]:
        return [1.0 + ord(stem[0]) % 3 for stem in stems]

    weights = expanded({"query": 1.0}, papers, rare)
    assert weights["query"] == 1.0
    assert len(weights) <= 1 + WORD_TERMS
    assert all(0 <= weight <= 1.5 for weight in weights.values())
    assert weights == expanded({"query": 1.0}, papers, rare)


def test_what_is_alike_comes_later() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    good = array(1.0, 0.95, 0.6, 0.0)
    assert diverse(good, vectors, 3) == [0, 2, 1]
    assert diverse(good, vectors, 3, relevance=1.0) == [0, 1, 2]
    assert diverse(good, vectors, 10) == [0, 2, 1, 3]
    assert diverse(array(), vectors[:0], 3) == []


@given(st.lists(st.floats(0, 1), max_size=12), st.integers(0, 15))
def test_diverse_results_are_some_of_the_candidates(good: list[float], limit: int) -> None:
    vectors = np.eye(12)[: len(good)]
    chosen = diverse(np.array(good), vectors, limit)
    assert len(set(chosen)) == len(chosen) == min(limit, len(good))
    if chosen:
        assert good[chosen[0]] == max(good)
