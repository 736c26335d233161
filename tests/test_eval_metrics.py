"""Intervals, unscored samples, and the comparison of two runs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics import Row, Statistic, difference, ratio

MEAN = ratio("mean", "mean", "x")
F1 = ratio("f1", "F1", lambda f: (2 * f["tp"], 2 * f["tp"] + f["fp"] + f["fn"]))


def rows(values: list[Any], cluster: str | None = None) -> list[Row]:
    return [Row(str(i), cluster or str(i), {"x": v}) for i, v in enumerate(values)]


class TestUnscored:
    def test_none_is_counted_apart_and_never_zero(self) -> None:
        found = MEAN.estimate(rows([1.0, None, 0.0, None]))
        assert (found.value, found.n, found.unscored) == (0.5, 2, 2)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_nan_never_reaches_a_mean(self, bad: float) -> None:
        found = MEAN.estimate(rows([1.0, bad, 1.0]))
        assert found.value == 1.0
        assert found.unscored == 1
        assert all(math.isfinite(v) for v in (found.value, found.low or 0, found.high or 0))

    def test_a_sample_that_failed_is_unscored_for_every_metric(self) -> None:
        table = [*rows([1.0]), Row("lost", "lost", None)]
        assert MEAN.estimate(table).unscored == 1
        assert F1.estimate([Row("lost", "lost", None)]).unscored == 1

    def test_what_a_metric_is_not_about_is_neither_scored_nor_unscored(self) -> None:
        table = [Row("a", "a", {}), Row("b", "b", {"x": 1.0})]
        found = MEAN.estimate(table)
        assert (found.value, found.n, found.unscored) == (1.0, 1, 0)

    def test_nothing_scored_has_no_value(self) -> None:
        found = MEAN.estimate(rows([None, math.nan]))
        assert (found.value, found.low, found.high, found.n, found.unscored) == (
            None, None, None, 0, 2,
        )  # fmt: skip
        assert MEAN.estimate([]).value is None

    def test_a_fact_that_a_metric_needs_and_that_is_missing(self) -> None:
        assert F1.estimate([Row("a", "a", {"tp": 1, "fp": 0})]).unscored == 1


class TestIntervals:
    def test_the_interval_holds_the_value_and_shrinks_with_more_samples(self) -> None:
        rng = np.random.default_rng(1)
        widths = []
        for count in (20, 200, 2000):
            found = MEAN.estimate(rows([float(v) for v in rng.integers(0, 2, count)]))
            assert found.low is not None and found.high is not None and found.value is not None
            assert found.low <= found.value <= found.high
            widths.append(found.high - found.low)
        assert widths[0] > widths[1] > widths[2]

    def test_it_is_about_as_wide_as_theory_says(self) -> None:
        rng = np.random.default_rng(2)
        values = [float(v) for v in rng.normal(0, 1, 400)]
        found = MEAN.estimate(rows(values))
        assert found.low is not None and found.high is not None
        wanted = 2 * 1.96 * float(np.std(values)) / math.sqrt(400)
        assert found.high - found.low == pytest.approx(wanted, rel=0.1)

    def test_samples_of_one_cluster_are_no_independent_evidence(self) -> None:
        values = [0.0, 1.0] * 30
        alone = MEAN.estimate(rows(values))
        # Thirty samples of each of two papers, that say the same: two samples, in truth.
        pairs = [Row(str(i), str(i % 2), {"x": v}) for i, v in enumerate(values)]
        together = MEAN.estimate(pairs)
        assert together.clusters == 2 and alone.clusters == 60
        assert together.value == alone.value
        assert together.low == 0.0 and together.high == 1.0
        assert alone.low is not None and alone.low > 0.3

    def test_none_of_forty_is_no_certainty(self) -> None:
        found = MEAN.estimate(rows([0.0] * 40))
        assert found.value == 0.0 and found.low == 0.0
        assert found.high == pytest.approx(0.088, abs=0.01)  # Wilson

    def test_the_same_seed_gives_the_same_interval(self) -> None:
        table = rows([float(v) for v in np.random.default_rng(5).normal(size=50)])
        assert MEAN.estimate(table, 3) == MEAN.estimate(table, 3)
        assert MEAN.estimate(table, 3) != MEAN.estimate(table, 4)

    def test_a_ratio_of_sums_is_no_mean_of_ratios(self) -> None:
        table = [
            Row("a", "a", {"tp": 1, "fp": 0, "fn": 0}),
            Row("b", "b", {"tp": 0, "fp": 9, "fn": 0}),
        ]
        assert F1.estimate(table).value == pytest.approx(2 / 11)

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
    def test_weights_of_one_give_the_plain_mean(self, values: list[float]) -> None:
        found = MEAN.estimate(rows(values))
        assert found.value == pytest.approx(sum(values) / len(values))


class TestStatistic:
    MEDIAN = Statistic(
        "spread",
        "largest",
        prepare=lambda facts: (
            lambda weights: max(f["x"] for f, w in zip(facts, weights, strict=True) if w)
        ),
        applies=lambda f: f["x"] is not None or None,
    )

    def test_it_sees_only_what_is_scored(self) -> None:
        found = self.MEDIAN.estimate(rows([0.2, None, 0.9]))
        assert (found.value, found.n, found.unscored) == (0.9, 2, 1)

    def test_one_that_is_not_defined_has_no_value(self) -> None:
        lost = Statistic("lost", "lost", prepare=lambda _: lambda _: math.nan)
        assert lost.estimate(rows([1.0, 2.0])).value is None


class TestDifference:
    def test_a_fall_of_every_sample_is_seen(self) -> None:
        found = difference(MEAN, rows([0.9] * 20), rows([0.7] * 20))
        assert found.value == pytest.approx(-0.2)
        assert found.high is not None and found.high < 0
        assert found.p is not None and found.p < 0.01

    def test_no_change_is_no_difference(self) -> None:
        table = rows([0.0, 1.0, 0.4])
        found = difference(MEAN, table, table)
        assert (found.value, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)

    def test_pairing_sees_what_two_intervals_would_hide(self) -> None:
        rng = np.random.default_rng(0)
        base = [float(v) for v in rng.uniform(0, 1, 60)]
        worse = [v - 0.05 for v in base]
        first, second = MEAN.estimate(rows(base)), MEAN.estimate(rows(worse))
        assert first.low is not None and second.value is not None
        assert second.value > first.low  # inside the other's interval
        found = difference(MEAN, rows(base), rows(worse))
        assert found.high is not None and found.high < 0

    def test_only_samples_that_both_scored_count(self) -> None:
        first = rows([1.0, 1.0, None, 0.0])
        second = rows([1.0, None, 1.0])
        found = difference(MEAN, first, second)
        assert found.n == 1
        assert found.value == 0.0

    def test_noise_is_not_called_a_difference(self) -> None:
        wrong = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            a, b = rng.normal(0, 1, (2, 80))
            found = difference(MEAN, rows(list(map(float, a))), rows(list(map(float, b))))
            assert found.low is not None and found.high is not None
            wrong += not found.low <= 0 <= found.high
        assert wrong <= 6  # 2 expected at 95 %

    def test_runs_without_a_common_sample(self) -> None:
        found = difference(MEAN, rows([1.0]), [Row("other", "other", {"x": 1.0})])
        assert found.n == 0 and found.value is None
