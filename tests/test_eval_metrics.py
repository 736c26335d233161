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

    @pytest.mark.parametrize("bad", [None, math.nan, "text"])
    def test_a_part_that_is_no_number(self, bad: Any) -> None:
        odd = Row("a", "a", {"tp": 1, "fp": bad, "fn": 0})
        good = Row("b", "b", {"tp": 1, "fp": 0, "fn": 0})
        found = F1.estimate([odd, good])
        assert (found.value, found.n, found.unscored) == (1.0, 1, 1)

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
        # Ten samples of each of six papers, that say the same: six samples, in truth.
        pairs = [Row(str(i), str(i % 6), {"x": v}) for i, v in enumerate(values)]
        together = MEAN.estimate(pairs)
        assert together.clusters == 6 and alone.clusters == 60
        assert together.value == alone.value
        assert together.low is not None and together.high is not None
        assert alone.low is not None and alone.high is not None
        assert together.high - together.low > 2.5 * (alone.high - alone.low)

    def test_four_clusters_have_no_interval(self) -> None:
        found = MEAN.estimate(rows([0.1, 0.4, 0.3, 0.2]))
        assert found.value == pytest.approx(0.25)
        assert (found.low, found.high) == (None, None)

    def test_none_of_many_in_few_samples_is_no_certainty_either(self) -> None:
        found = F1.estimate([Row(n, n, {"tp": 0, "fp": 3, "fn": 2}) for n in "ab"])
        assert found.value == 0.0 and found.high is not None and found.high > 0.5

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
        needs=("x",),
    )

    def test_it_sees_only_what_is_scored(self) -> None:
        found = self.MEDIAN.estimate(rows([0.2, None, 0.9]))
        assert (found.value, found.n, found.unscored) == (0.9, 2, 1)

    @pytest.mark.parametrize("bad", [None, math.nan, [0.5, None], [[0.1, math.inf]]])
    def test_a_fact_that_it_needs_and_that_is_not_whole(self, bad: Any) -> None:
        found = self.MEDIAN.estimate([*rows([0.2]), Row("odd", "odd", {"x": bad})])
        assert (found.value, found.n, found.unscored) == (0.2, 1, 1)
        assert self.MEDIAN.estimate([Row("a", "a", {})]).unscored == 1

    def test_one_that_is_not_defined_has_no_value(self) -> None:
        lost = Statistic("lost", "lost", prepare=lambda _: lambda _: math.nan)
        assert lost.estimate(rows([1.0, 2.0])).value is None


class TestDifference:
    def test_a_fall_of_every_sample_is_seen(self) -> None:
        found = difference(MEAN, rows([0.9] * 20), rows([0.7] * 20))
        assert found.value == pytest.approx(-0.2)
        assert found.high is not None and found.high < 0
        assert found.p is not None and found.p < 0.01

    def test_one_sample_is_no_evidence_of_a_difference(self) -> None:
        found = difference(MEAN, rows([0.62]), rows([0.5]))
        assert found.value == pytest.approx(-0.12)
        assert (found.low, found.high, found.p, found.clusters) == (None, None, None, 1)

    def test_no_change_is_no_difference(self) -> None:
        table = rows([0.0, 1.0, 0.4, 0.3, 0.9])
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


class TestAgainstLibraries:
    """Our own sums, where many draws are made at once, are what scikit-learn computes."""

    def test_macro_f1(self) -> None:
        from sklearn.metrics import f1_score

        from evals.tasks.tag import _macro_f1

        rng = np.random.default_rng(0)
        names = list("abcdef")
        for _ in range(20):
            facts = [
                {
                    "gold": [n for n in names if rng.random() < 0.3],
                    "given": [n for n in names if rng.random() < 0.3],
                }
                for _ in range(12)
            ]
            labels = sorted({n for f in facts for n in f["gold"]})
            truth = [[n in f["gold"] for n in labels] for f in facts]
            said = [[n in f["given"] for n in labels] for f in facts]
            wanted = f1_score(truth, said, average="macro", zero_division=0.0)
            assert _macro_f1(facts)(np.ones(12)) == pytest.approx(wanted)

    def test_balanced_accuracy(self) -> None:
        from sklearn.metrics import balanced_accuracy_score

        from evals.tasks.grounding import _balanced_accuracy

        rng = np.random.default_rng(1)
        for _ in range(20):
            truth, said = rng.integers(0, 2, (2, 30)).astype(bool)
            weights = rng.integers(1, 4, 30).astype(float)
            facts = [
                {"supported": bool(t), "passed": bool(s)} for t, s in zip(truth, said, strict=True)
            ]
            wanted = balanced_accuracy_score(truth, said, sample_weight=weights)
            assert _balanced_accuracy(facts)(weights) == pytest.approx(wanted)

    def test_calibration_error(self) -> None:
        from evals.tasks.tag import _calibration_error

        sure = {"confidences": [[0.9, True]] * 9 + [[0.9, False]]}
        vain = {"confidences": [[0.9, False]] * 10}
        assert _calibration_error([sure])(np.ones(1)) == pytest.approx(0.0)
        assert _calibration_error([vain])(np.ones(1)) == pytest.approx(0.9)
        assert math.isnan(_calibration_error([{"confidences": []}])(np.ones(1)))


@pytest.mark.parametrize(
    ("said", "ways", "share"),
    [
        ("It gains 3% there.", [["3%"]], 1.0),
        ("It gains 13% there.", [["3%"]], 0.0),
        ("It gains 3.5% there.", [["3"]], 0.0),
        ("From 14.8 to 8.2.", [["4.8"], ["8.2"]], 0.5),
        (r"It gains 5\% on T\"ulu.", [["5%"], ["tülu"]], 1.0),
        ("Foundation Models, human data", [["FMs", "foundation model"], ["human"]], 1.0),
    ],
)
def test_what_must_be_said(said: str, ways: list[list[str]], share: float) -> None:
    from evals.tasks.base import held

    assert held(said, ways) == share
