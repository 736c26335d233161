"""Figures and how they are shown: times, tables in Markdown, and an average with its interval."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from evals.metrics import LEVEL, MIN_CLUSTERS, RESAMPLES

__all__ = [
    "Average",
    "Times",
    "average_difference",
    "digest_of",
    "ms",
    "share",
    "table",
    "timed",
    "times_of",
    "with_interval",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Times:
    """The median and the 95th percentile of ``n`` times, in milliseconds."""

    p50: float
    p95: float
    n: int


@dataclass(frozen=True)
class Average:
    """A mean over sets, each of which counts the same, with its interval (None where a set has
    too few clusters for one)."""

    value: float
    low: float | None
    high: float | None


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what came out."""
    started = perf_counter()
    result = call()
    return perf_counter() - started, result


def times_of(seconds: Sequence[float]) -> Times:
    if not len(seconds):
        return Times(float("nan"), float("nan"), 0)
    middle, high = np.quantile(np.asarray(seconds) * 1e3, [0.5, 0.95])
    return Times(float(middle), float(high), len(seconds))


def average_difference(
    sets: Sequence[tuple[Sequence[float], Sequence[str]]], seed: int = 0
) -> Average:
    """The mean over sets of each set's mean difference.

    A set is ``(differences, clusters)``, one of each for a query. The interval is that of the
    cluster bootstrap in which each set's clusters are drawn on their own (`evals.metrics`).
    """
    values = [float(np.mean(differences)) for differences, _ in sets]
    whole = float(np.mean(values))
    if any(len(set(clusters)) < MIN_CLUSTERS for _, clusters in sets):
        return Average(whole, None, None)
    total: NDArray[np.float64] = np.zeros(RESAMPLES)
    for number, (differences, clusters) in enumerate(sets):
        names = sorted(set(clusters))
        place = {name: i for i, name in enumerate(names)}
        rng = np.random.default_rng([seed, number])
        counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
        weights = counts[:, [place[name] for name in clusters]]
        total += weights @ np.asarray(differences, np.float64) / weights.sum(axis=1)
    low, high = np.quantile(total / len(sets), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Average(whole, float(low), float(high))


def digest_of(names: Iterable[str]) -> str:
    """Names a list of ids, so that two runs can be seen to have asked the same."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:12]


# --------------------------------------------------------------------------- shown


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; numbers stand to the right."""
    written = [[_cell(value) for value in row] for row in rows]
    right = [
        bool(written) and all(row[i][:1] in "0123456789.+−-–" for row in written)
        for i in range(len(head))
    ]
    lines = [
        "| " + " | ".join(map(_cell, head)) + " |",
        "|" + "|".join("---:" if numbers else "---" for numbers in right) + "|",
        *("| " + " | ".join(row) + " |" for row in written),
    ]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def ms(milliseconds: float | None) -> str:
    """Milliseconds with as many digits as say something."""
    if milliseconds is None or not np.isfinite(milliseconds):
        return "–"
    digits = 2 if milliseconds < 10 else 1 if milliseconds < 100 else 0
    return f"{milliseconds:,.{digits}f}"


def share(value: float | None, *, signed: bool = False) -> str:
    """``.412``, or ``+.021``."""
    if value is None or not np.isfinite(value):
        return "–"
    thousandths = round(value * 1000)
    text = f"{abs(thousandths) / 1000:.3f}".removeprefix("0")
    sign = "−" if thousandths < 0 else "+" if signed and thousandths > 0 else ""
    return sign + text


def with_interval(
    value: float | None, low: float | None, high: float | None, *, signed: bool = False
) -> str:
    """``.412 [.380, .444]``; without an interval the value alone."""
    shown = share(value, signed=signed)
    if low is None or high is None:
        return shown
    return f"{shown} [{share(low, signed=signed)}, {share(high, signed=signed)}]"
