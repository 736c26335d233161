"""The plots of the report, each as an SVG element: curves, intervals, and how figures moved."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from evals.record import Curve, MetricRecord, SuiteRecord
from evals.report.show import arrow, clip, interval_of, number, one_line, value_of
from evals.report.svg import ACCENT, FAINT, GRID, INK, PAPER, canvas, to_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Point", "counted", "curve_plot", "forest_plot", "history_plot"]

WIDTH, HEIGHT = 360, 280
LEFT, RIGHT, TOP, BOTTOM = 46, 16, 26, 40
STRIP = 40  # the bars below a reliability diagram
# With more points than this, a line is enough.
MARKED = 24


@dataclass(frozen=True)
class Point:
    """A metric in one run."""

    when: datetime
    value: float
    low: float | None
    high: float | None
    current: bool


def _place(
    top: float, bottom: float, width: float, height: float
) -> tuple[float, float, float, float]:
    """Axes at pixels from the figure's upper edge, as fractions from its lower left corner."""
    return (
        LEFT / width,
        1 - bottom / height,
        (width - LEFT - RIGHT) / width,
        (bottom - top) / height,
    )


def _tick(value: float, _: object = None) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1000 if letter == 'k' else size):g}{letter}"
    return f"{value:.4g}"


def _axes(axes: Axes, x_label: str, y_label: str) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_xlabel(clip(one_line(x_label), 52), labelpad=5)
    # Above the axis, where it can be read without turning one's head.
    axes.figure.text(0, 1 - 14 / HEIGHT, clip(one_line(y_label), 60), color=FAINT)
    axes.grid(axis="y")
    axes.xaxis.set_major_formatter(_tick)
    axes.yaxis.set_major_formatter(_tick)
    axes.locator_params(axis="y", nbins=5)
    if axes.get_xscale() == "log":
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.locator_params(axis="x", nbins=6)


def _range(values: Sequence[float], *, zero: bool = False) -> tuple[float, float]:
    """Where an axis begins and ends: 0 to 1 for shares, else what the values need."""
    low, high = min(values), max(values)
    if low >= 0 and high <= 1:
        return -0.02, 1.02
    if zero and low >= 0:
        return 0.0, high * 1.06
    pad = (high - low) * 0.06 or abs(high) * 0.1 or 0.5
    return low - pad, high + pad


def counted(curve: Curve) -> tuple[list[float], list[float]]:
    """The points of a curve. A histogram may give the measured values alone, which are then
    counted; it has one ``x`` more than ``y``, the edges of its bars."""
    x, y = curve.x, curve.y
    if curve.style == "histogram" and x and not y:
        import numpy as np

        # Rice's rule; rules that look at the spread want a million bars for one slow answer.
        bars = min(max(round(2 * len(x) ** (1 / 3)), 5), 30)
        low, high = min(x), max(x)
        counts, edges = np.histogram(x, bars, (0.0 if 0 <= low < high / 2 else low, high))
        return edges.tolist(), counts.astype(float).tolist()
    if curve.style == "histogram" and len(x) == len(y) + 1:
        return x, y
    return x[: len(y)], y[: len(x)]


def curve_plot(curve: Curve, key: str) -> str:
    """A curve in its style; empty where it has no points."""
    x, y = counted(curve)
    if not y:
        return ""
    label = f"{one_line(curve.title)}: {one_line(curve.y_label)} by {one_line(curve.x_label)}."
    sizes = curve.size if curve.size and len(curve.size) == len(y) else None
    strip = curve.style == "reliability" and sizes is not None
    with canvas(WIDTH, HEIGHT) as figure:
        bottom = HEIGHT - BOTTOM
        main = bottom - STRIP - 12 if strip else bottom
        axes = figure.add_axes(_place(TOP, main, WIDTH, HEIGHT))
        if curve.style == "histogram":
            _histogram(axes, x, y)
        else:
            _line(axes, x, y, sizes, diagonal=curve.style == "reliability")
        _axes(axes, curve.x_label, curve.y_label)
        if strip and sizes:
            axes.set_xlabel("")
            axes.tick_params(axis="x", labelbottom=False)
            below = figure.add_axes(_place(main + 12, bottom, WIDTH, HEIGHT))
            _strip(below, x, sizes, axes.get_xlim(), curve.x_label)
        return to_svg(figure, key, label)


def _line(
    axes: Axes, x: Sequence[float], y: Sequence[float], sizes: list[int] | None, *, diagonal: bool
) -> None:
    axes.set_xlim(*_range(x))
    axes.set_ylim(*_range(y, zero=True))
    if min(x) >= 1 and max(x) >= 50 * min(x) and not diagonal:  # 1, 2, 5, ... 100
        axes.set_xscale("log")
        axes.set_xlim(min(x) / 1.15, max(x) * 1.15)
    if diagonal:
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, dashes=(4, 3))
    axes.plot(x, y, color=ACCENT)
    if len(y) > MARKED:
        return
    most = max(sizes) if sizes else 0
    area = [18 + 90 * size / most for size in sizes] if sizes and most > 0 else [20.0] * len(y)
    axes.scatter(x, y, s=area, color=ACCENT, edgecolors=PAPER, linewidths=1, zorder=3)


def _histogram(axes: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    """Bars between the edges, where there is one more of them, else around each place."""
    if len(x) > len(y):
        left, width = list(x[:-1]), [b - a for a, b in itertools.pairwise(x)]
    else:
        steps = [b - a for a, b in itertools.pairwise(x) if b > a]
        step = min(steps, default=1.0)
        left, width = [at - step / 2 for at in x], [step] * len(x)
    axes.bar(left, y, width, align="edge", color=ACCENT, alpha=0.75, edgecolor=PAPER)
    high = max(y)
    axes.set_xlim(min(left), max(map(sum, zip(left, width, strict=True))))
    axes.set_ylim(min(0.0, *y), high * 1.06 if high > 0 else 1)


def _strip(
    axes: Axes, x: Sequence[float], sizes: list[int], limits: tuple[float, float], label: str
) -> None:
    """How many items stand behind each point."""
    steps = [b - a for a, b in itertools.pairwise(sorted(x)) if b > a]
    axes.bar(x, sizes, min([*steps, 0.08]) * 0.8, color=FAINT, alpha=0.5)
    axes.set_xlim(*limits)
    most = max(*sizes, 1)
    axes.set_ylim(0, most)
    axes.set_yticks([0, most], labels=["0", _tick(most)])
    axes.set_xlabel(clip(one_line(label), 52), labelpad=5)
    axes.xaxis.set_major_formatter(_tick)
    axes.locator_params(axis="x", nbins=6)


def forest_plot(suites: Sequence[SuiteRecord], key: str) -> str:
    """The gated metrics of all suites with their intervals, one panel for each scale; empty
    where there are none."""
    panels: dict[tuple[str, bool], list[tuple[SuiteRecord, list[MetricRecord]]]] = {}
    for suite in suites:
        own: dict[tuple[str, bool], list[MetricRecord]] = {}
        for metric in (m for m in suite.metrics if m.gate):
            own.setdefault(_scale(metric), []).append(metric)
        for scale, metrics in own.items():
            panels.setdefault(scale, []).append((suite, metrics))
    if not panels:
        return ""
    ordered = sorted(panels.items(), key=lambda item: not item[0][1])  # shares come first
    heights = [sum(27 + 33 * len(ms) for _, ms in groups) + 8 for _, groups in ordered]
    width, top = 380.0, 2.0
    height = sum(heights) + 32.0 * len(ordered)
    with canvas(width, height) as figure:
        for (scale, groups), tall in zip(ordered, heights, strict=True):
            rect = (4 / width, 1 - (top + tall) / height, (width - 66) / width, tall / height)
            _panel(figure.add_axes(rect), groups, tall, scale)
            top += tall + 32
        said = "; ".join(
            f"{one_line(suite.title)}, {one_line(m.title)} {one_line(value_of(m))}"
            f" {interval_of(m)}".rstrip()
            for _, groups in ordered
            for suite, metrics in groups
            for m in metrics
        )
        return to_svg(figure, key, f"Gated metrics with their 95 % intervals: {said}.")


def _scale(metric: MetricRecord) -> tuple[str, bool]:
    """Metrics share an axis if they have a unit and a range in common."""
    seen = [v for v in (metric.value, metric.low, metric.high) if v is not None]
    return metric.unit, not metric.unit and all(0 <= v <= 1 for v in seen)


def _panel(
    axes: Axes,
    groups: Sequence[tuple[SuiteRecord, list[MetricRecord]]],
    tall: float,
    scale: tuple[str, bool],
) -> None:
    unit, share = scale
    axes.set_ylim(tall, 0)  # pixels from above
    values = [
        v
        for _, metrics in groups
        for m in metrics
        for v in (m.value, m.low, m.high)
        if v is not None
    ]
    axes.set_xlim(*((-0.01, 1.01) if share else _range([*values, 0.0], zero=True)))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(_tick)
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x")
    if unit:
        axes.set_xlabel(clip(one_line(unit), 40), labelpad=2)
    across = axes.get_yaxis_transform()
    at = 0.0
    for suite, metrics in groups:
        at += 21
        axes.text(0, at, clip(one_line(suite.title), 50), transform=across, weight="bold")
        at += 6
        for metric in metrics:
            title = f"{clip(one_line(metric.title), 50)} {arrow(metric.better)}".rstrip()
            axes.text(0, at + 11, title, transform=across, color=FAINT, fontsize=10)
            at += 21
            shown = "not scored" if metric.value is None else number(metric.value)
            axes.text(1.02, at + 4, shown, transform=across, fontsize=10)
            if metric.low is not None and metric.high is not None:
                axes.hlines(at, metric.low, metric.high, color=ACCENT, linewidth=2.2)
            if metric.value is not None:
                dot = axes.plot([metric.value], [at], "o", color=ACCENT, mec=PAPER, ms=8, mew=1.2)
                dot[0].set_clip_on(False)  # at 0 and 1 it lies half outside
            at += 12


def history_plot(title: str, points: Sequence[Point], key: str) -> str:
    """A metric in the runs so far, oldest first; the one of this report stands out."""
    width, height = 280.0, 128.0
    times = [point.when.timestamp() for point in points]
    values = [point.value for point in points]
    bounds = [v for p in points for v in (p.value, p.low, p.high) if v is not None]
    with canvas(width, height) as figure:
        axes = figure.add_axes(
            (40 / width, 26 / height, (width - 40 - 20) / width, (height - 26 - 12) / height)
        )
        axes.grid(axis="y")
        for point, at in zip(points, times, strict=True):
            if point.low is not None and point.high is not None:
                axes.vlines(at, point.low, point.high, color=ACCENT, linewidth=4, alpha=0.25)
        axes.plot(times, values, color=ACCENT, linewidth=1.4)
        for point, at in zip(points, times, strict=True):
            face, size = (ACCENT, 7) if point.current else (PAPER, 5)
            axes.plot([at], [point.value], "o", color=face, mec=ACCENT, mew=1.3, ms=size, zorder=3)
        first, last = min(times), max(times)
        pad = (last - first) * 0.06 or 3600.0
        axes.set_xlim(first - pad, last + pad)
        low, high = min(bounds), max(bounds)
        pad = (high - low) * 0.12 or abs(high) * 0.1 or 0.5
        axes.set_ylim(low - pad, high + pad)
        axes.locator_params(axis="y", nbins=4)
        axes.yaxis.set_major_formatter(_tick)
        _dates(axes, points)
        said = ", ".join(f"{number(p.value)} on {p.when:%Y-%m-%d}" for p in points)
        return to_svg(figure, key, f"{one_line(title)} over time: {said}.")


def _dates(axes: Axes, points: Sequence[Point]) -> None:
    """The first and the last date below the axis, with the time where both are of one day."""
    first, last = points[0].when, points[-1].when
    form = "%m-%d %H:%M" if first.date() == last.date() else "%Y-%m-%d"
    ends: list[tuple[datetime, Literal["left", "right"]]] = [(first, "left")]
    if first != last:
        ends.append((last, "right"))
    axes.set_xticks([when.timestamp() for when, _ in ends], labels=[f"{w:{form}}" for w, _ in ends])
    for text, (_, side) in zip(axes.get_xticklabels(), ends, strict=True):
        text.set_horizontalalignment(side)
        text.set_color(INK if side == "right" else FAINT)
    axes.spines["bottom"].set_color(GRID)
