"""Metrics with honest intervals: what is not scored is counted apart, never as zero.

A task states facts about each sample; a metric turns facts into a number. Most are ratios of
sums (a mean, precision, micro-F1): a sample gives a numerator and a denominator, (0, 0)
says that the metric is not about it, and ``None`` that it could not be scored. The others
(AUROC, macro-F1) are functions of all samples and their weights.

Intervals are 95 % percentile intervals of the cluster bootstrap (Davison & Hinkley 1997,
§3.8): clusters, not samples, are drawn again, since questions about one paper are no
independent evidence. Two runs are compared on the samples that both scored, drawn together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Better",
    "Difference",
    "Estimate",
    "Facts",
    "Floats",
    "Metric",
    "Prepared",
    "Row",
    "Statistic",
    "difference",
    "ratio",
]

Better = Literal["higher", "lower", "neither"]
Facts = Mapping[str, Any]
Floats = NDArray[np.float64]

RESAMPLES = 2000
# A statistic is computed anew for each draw, a ratio for all draws at once.
STATISTIC_RESAMPLES = 300
LEVEL = 0.95
# Fewer clusters than this say nothing about how far another draw would be off.
MIN_CLUSTERS = 5


@dataclass(frozen=True)
class Row:
    """One scored sample: who it is, what it is drawn with, and the facts about it. A sample
    that failed has no facts."""

    id: str
    cluster: str
    facts: Facts | None


@dataclass(frozen=True)
class Estimate:
    """A value with its interval. ``n`` samples count, ``unscored`` could not be scored, the
    rest is not what the metric is about. ``value`` is None where nothing could be scored."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    clusters: int


@dataclass(frozen=True)
class Difference:
    """``second - first`` on the samples that both runs scored, with its interval and the
    two-sided bootstrap p-value of no difference."""

    first: float | None
    second: float | None
    value: float | None
    low: float | None
    high: float | None
    p: float | None
    n: int
    clusters: int = 0


@dataclass(frozen=True)
class Metric:
    """A number about a suite. ``gate``: a fall of it stops a change; ``exact``: any fall at
    all, since it is to be perfect."""

    name: str
    title: str
    better: Better = "higher"
    gate: bool = False
    unit: str = ""
    exact: bool = False

    def usable(self, facts: Facts | None) -> bool | None:
        """Whether the metric applies to a sample; None where it could not be scored."""
        raise NotImplementedError

    def values(self, tables: Sequence[Sequence[Row]], weights: Floats) -> list[Floats]:
        """For each table of rows (of the same samples): the value under each of the weights
        (draws by rows)."""
        raise NotImplementedError

    @property
    def resamples(self) -> int:
        return RESAMPLES

    def estimate(self, rows: Sequence[Row], seed: int = 0) -> Estimate:
        """The value over all rows that count."""
        states = [self.usable(row.facts) for row in rows]
        used = [row for row, state in zip(rows, states, strict=True) if state]
        unscored = sum(state is None for state in states)
        if not used:
            return Estimate(None, None, None, 0, unscored, 0)
        names, members = _clusters(used)
        whole = self.values([used], np.ones((1, len(used))))[0][0]
        if not math.isfinite(whole):
            return Estimate(None, None, None, len(used), unscored, len(names))
        low, high = self._bounds(whole, used, len(names))
        if low is None and len(names) >= MIN_CLUSTERS:
            draws = self.values([used], _draws(len(names), members, self.resamples, seed))[0]
            low, high = _percentiles(draws, whole)
        return Estimate(float(whole), low, high, len(used), unscored, len(names))

    def _bounds(
        self, whole: float, rows: Sequence[Row], clusters: int
    ) -> tuple[float | None, float | None]:
        """An interval that is known without drawing, if there is one."""
        return None, None


@dataclass(frozen=True)
class _Ratio(Metric):
    parts: Callable[[Facts], tuple[float, float] | None] = lambda _: None

    def _parts(self, facts: Facts | None) -> tuple[float, float] | None:
        if facts is None:
            return None
        try:
            parts = self.parts(facts)
            # NaN and infinity are grades that could not be computed.
            return parts if parts is not None and all(map(math.isfinite, parts)) else None
        except (KeyError, TypeError, ValueError):  # a fact that is missing or None
            return None

    def usable(self, facts: Facts | None) -> bool | None:
        parts = self._parts(facts)
        return None if parts is None else parts != (0.0, 0.0)

    def values(self, tables: Sequence[Sequence[Row]], weights: Floats) -> list[Floats]:
        found = []
        for rows in tables:
            parts = np.array([self._parts(row.facts) or (0.0, 0.0) for row in rows])
            sums = weights @ parts
            with np.errstate(invalid="ignore", divide="ignore"):
                found.append(np.where(sums[:, 1] != 0, sums[:, 0] / sums[:, 1], np.nan))
        return found

    def _bounds(
        self, whole: float, rows: Sequence[Row], clusters: int
    ) -> tuple[float | None, float | None]:
        parts = [self._parts(row.facts) or (0.0, 0.0) for row in rows]
        if whole in (0.0, 1.0) and all(0 <= num <= den for num, den in parts):
            # "None of 40" is no certainty, though every resample of it is the same.
            from scipy.stats import binomtest

            wilson = binomtest(int(whole) * clusters, clusters).proportion_ci(LEVEL, "wilson")
            return float(wilson.low), float(wilson.high)
        return None, None


def ratio(
    name: str,
    title: str,
    parts: Callable[[Facts], tuple[float, float] | None] | str,
    *,
    better: Better = "higher",
    gate: bool = False,
    unit: str = "",
    exact: bool = False,
) -> Metric:
    """A ratio of sums. ``parts`` may name a fact, whose mean it then is; a fact that is None
    was not scored, one that is absent does not apply."""
    if isinstance(parts, str):
        fact = parts

        def mean(facts: Facts) -> tuple[float, float] | None:
            if fact not in facts:
                return (0.0, 0.0)
            return None if facts[fact] is None else (float(facts[fact]), 1.0)

        return _Ratio(name, title, better, gate, unit, exact, mean)
    return _Ratio(name, title, better, gate, unit, exact, parts)


Prepared = Callable[[Floats], float]


@dataclass(frozen=True)
class Statistic(Metric):
    """A function of all samples. ``prepare`` gets the facts of those that count and returns
    the value as a function of their weights; NaN where it is not defined. A sample of which
    one of the facts ``needs`` is missing or not finite was not scored."""

    prepare: Callable[[Sequence[Facts]], Prepared] = lambda _: lambda _: math.nan
    applies: Callable[[Facts], bool] = lambda _: True
    needs: tuple[str, ...] = ()

    @property
    def resamples(self) -> int:
        return STATISTIC_RESAMPLES

    def usable(self, facts: Facts | None) -> bool | None:
        if facts is None or not all(_whole(facts.get(name)) for name in self.needs):
            return None
        return self.applies(facts)

    def values(self, tables: Sequence[Sequence[Row]], weights: Floats) -> list[Floats]:
        found = []
        for rows in tables:
            compute = self.prepare([row.facts or {} for row in rows])
            found.append(np.array([compute(w) for w in weights]))
        return found


def _whole(value: Any) -> bool:
    """Whether a fact is there, and finite in whatever depth."""
    if isinstance(value, list):
        return all(map(_whole, value))
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def difference(
    metric: Metric, first: Sequence[Row], second: Sequence[Row], seed: int = 0
) -> Difference:
    """Compares two runs on the samples that both scored and that the metric is about in
    either of them."""
    mine, other = {row.id: row for row in first}, {row.id: row for row in second}
    pairs = []
    for name in sorted(mine.keys() & other.keys()):
        states = metric.usable(mine[name].facts), metric.usable(other[name].facts)
        if None not in states and any(states):
            pairs.append((mine[name], other[name]))
    if not pairs:
        return Difference(None, None, None, None, None, None, 0)
    tables = [[a for a, _ in pairs], [b for _, b in pairs]]
    names, members = _clusters(tables[0])
    one = [values[0] for values in metric.values(tables, np.ones((1, len(pairs))))]
    a, b = (float(v) if math.isfinite(v) else None for v in one)
    if a is None or b is None:
        return Difference(a, b, None, None, None, None, len(pairs), len(names))
    if len(names) < MIN_CLUSTERS:
        return Difference(a, b, b - a, None, None, None, len(pairs), len(names))
    drawn = metric.values(tables, _draws(len(names), members, metric.resamples, seed))
    change = drawn[1] - drawn[0]
    change = change[np.isfinite(change)]
    if not len(change):
        return Difference(a, b, b - a, None, None, None, len(pairs), len(names))
    low, high = _percentiles(change, b - a)
    # The share of draws on the other side of zero, twice; one is added so that it is never 0.
    side = min(int((change <= 0).sum()), int((change >= 0).sum()))
    p = min(1.0, 2 * (side + 1) / (len(change) + 1))
    return Difference(a, b, b - a, low, high, p, len(pairs), len(names))


def _clusters(rows: Sequence[Row]) -> tuple[list[str], NDArray[np.int64]]:
    names = sorted({row.cluster for row in rows})
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place[row.cluster] for row in rows])


def _draws(clusters: int, members: NDArray[np.int64], count: int, seed: int) -> Floats:
    """How often each row is drawn, for ``count`` draws of as many clusters as there are."""
    counts = np.random.default_rng(seed).multinomial(
        clusters, np.full(clusters, 1 / clusters), size=count
    )
    return np.asarray(counts[:, members], dtype=np.float64)


def _percentiles(draws: Floats, whole: float) -> tuple[float, float]:
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return whole, whole
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
