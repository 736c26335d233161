"""The figure of growth: latency, and what a paper takes on disk and in memory, by papers.

Written as SVG that stands by itself, light or dark as the reader's screen is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["growth_svg", "ticks"]

WIDTH, HEIGHT = 790, 300
LEFT, TOP, BOTTOM = 44, 44, 46
PANEL = 250  # pixels that a panel's axis is wide
GAP = 130  # between panels: room for names at the ends of lines
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #444 } .title { font-weight: 600; fill: #111 }
.axis { stroke: #999 } .grid { stroke: #ddd } path { fill: none; stroke-width: 2 }
.c0 { stroke: #0b62a4 } .c1 { stroke: #c4500c } .c2 { stroke: #5a7d1a } .c3 { stroke: #7a3e9d }
.c4 { stroke: #777 } circle { stroke: none } circle.c0 { fill: #0b62a4 } circle.c1 { fill: #c4500c }
circle.c2 { fill: #5a7d1a } circle.c3 { fill: #7a3e9d } circle.c4 { fill: #777 }
@media (prefers-color-scheme: dark) {
text { fill: #bbb } .title { fill: #eee } .grid { stroke: #333 } .axis { stroke: #777 }
.c0 { stroke: #62a8e5 } .c1 { stroke: #f0955a } .c2 { stroke: #9cc255 } .c3 { stroke: #c08fe0 }
circle.c0 { fill: #62a8e5 } circle.c1 { fill: #f0955a } circle.c2 { fill: #9cc255 }
circle.c3 { fill: #c08fe0 } }
"""

Lines = Mapping[str, Sequence[float]]


def growth_svg(points: Sequence[Mapping[str, Any]]) -> str:
    """The figure, of the points that `evals.search.growth` measured, smallest library first."""
    papers = [int(point["papers"]) for point in points]
    latency = {
        "hybrid p95": [point["hybrid"]["p95"] for point in points],
        "hybrid p50": [point["hybrid"]["p50"] for point in points],
        "vectors p50": [point["dense"]["p50"] for point in points],
        "words p50": [point["lexical"]["p50"] for point in points],
    }
    sizes: dict[str, list[float]] = {
        f"disk: {name}": [point["disk"][name] / point["papers"] / 1e3 for point in points]
        for name in points[0]["disk"]
    }
    sizes["memory"] = [point["memory"]["searching"] / point["papers"] / 1e3 for point in points]
    said = "; ".join(
        f"{count:,} papers: hybrid p50 {p50:.1f} ms"
        for count, p50 in zip(papers, latency["hybrid p50"], strict=True)
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(f"Search latency by size of the library. {said}.")}">',
            f"<style>{_STYLE}</style>",
            *_panel(LEFT, "Milliseconds a search", papers, latency),
            *_panel(LEFT + PANEL + GAP, "Kilobytes a paper", papers, sizes),
            "</svg>\n",
        ]
    )


def _panel(left: float, title: str, papers: Sequence[int], lines: Lines) -> list[str]:
    """Axes, the lines, and a name at the end of each."""
    bottom = HEIGHT - BOTTOM
    marks = ticks(max(max(line) for line in lines.values()))
    first, last = math.log(papers[0]), math.log(papers[-1])

    def across(count: float) -> float:
        part = (math.log(count) - first) / (last - first) if last > first else 0.5
        return left + 8 + part * (PANEL - 16)

    def up(value: float) -> float:
        return bottom - value / marks[-1] * (bottom - TOP)

    out = [f'<text class="title" x="{left - 30:.0f}" y="20">{escape(title)}</text>']
    for mark in marks:
        y = up(mark)
        out.append(
            f'<line class="grid" x1="{left:.1f}" x2="{left + PANEL:.1f}" y1="{y:.1f}" '
            f'y2="{y:.1f}"/><text x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">'
            f"{mark:g}</text>"
        )
    out.append(
        f'<line class="axis" x1="{left:.1f}" x2="{left + PANEL:.1f}" y1="{bottom}" y2="{bottom}"/>'
    )
    for count in papers:
        out.append(
            f'<text x="{across(count):.1f}" y="{bottom + 18}" text-anchor="middle">'
            f"{_short(count)}</text>"
        )
    out.append(
        f'<text x="{left + PANEL / 2:.1f}" y="{bottom + 36}" text-anchor="middle">papers</text>'
    )
    ends = _apart({name: up(line[-1]) for name, line in lines.items()}, bottom)
    for number, (name, line) in enumerate(lines.items()):
        places = [(across(count), up(value)) for count, value in zip(papers, line, strict=True)]
        path = " ".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(places))
        out.append(f'<path class="c{number % 5}" d="{path}"/>')
        out += [
            f'<circle class="c{number % 5}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places
        ]
        out.append(
            f'<text x="{left + PANEL + 6:.1f}" y="{ends[name] + 4:.1f}">{escape(name)}</text>'
        )
    return out


def ticks(high: float) -> list[float]:
    """Round numbers from 0 to at least ``high``, four to six of them."""
    if high <= 0 or not math.isfinite(high):
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(high / 4))
    step = next(power * size for size in (1, 2, 2.5, 5, 10) if power * size >= high / 5)
    return [round(step * n, 10) for n in range(math.ceil(high / step - 1e-9) + 1)]


def _short(count: int) -> str:
    return f"{count / 1000:g}k" if count >= 1000 else str(count)


def _apart(places: Mapping[str, float], bottom: float) -> dict[str, float]:
    """Heights for the names, none nearer than a line to the next."""
    line = 14.0
    moved: dict[str, float] = {}
    at = bottom + line
    for name in sorted(places, key=lambda name: -places[name]):
        at = min(places[name], at - line)
        moved[name] = at
    return moved
