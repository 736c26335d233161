"""The trends of a digest as one drawing: a row of bars for each, week by week.

SVG that stands in a page: no script, no outside reference, and its colours are those of the
page around it (``currentColor``), so that it reads in dark and light.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from curator.digest.document import DigestDocument, Trend
from curator.digest.formats.words import percent, shown

__all__ = ["MOST_ROWS", "chart_of", "trend_words"]

MOST_ROWS = 12
# In units of the drawing, which is about a phone's width.
_WIDTH, _ROW, _HEAD, _FOOT = 360, 44, 6, 20
_LEFT, _RIGHT, _BAR_TOP, _BAR_HIGH = 128, 308, 6, 28
_MOST_LETTERS = 18  # of a name beside its bars


def chart_of(document: DigestDocument) -> str:
    """The drawing as ``<svg>``, or "" where there are no trends. Bars are shares of the papers
    of each week, each row by its own largest; the last one is marked."""
    rows = [trend for trend in document["trends"] if trend["counts"]][:MOST_ROWS]
    if not rows:
        return ""
    high = _HEAD + _ROW * len(rows) + _FOOT
    drawn = "".join(
        _row(trend, document["sizes"], _HEAD + _ROW * place) for place, trend in enumerate(rows)
    )
    weeks = [shown(week) for week in document["weeks"]]
    axis = _axis(weeks, high - 4) if weeks else ""
    said = "; ".join(trend_words(trend) for trend in rows)
    over = f" from {weeks[0]} to {weeks[-1]}" if weeks else ""
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {high}" role="img" '
        'aria-labelledby="chart-title chart-desc" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="chart-title">{escape(f"Shares of papers week by week{over}")}</title>'
        f'<desc id="chart-desc">{escape(said)}.</desc>{drawn}{axis}</svg>'
    )


def trend_words(trend: Trend) -> str:
    """``Agents rose: 4 of 9 papers (44 %), before that 2 of 40 (5 %)``."""
    verb = "rose" if trend["direction"] > 0 else "fell"
    return (
        f"{shown(trend['title'])} {verb}: {trend['count']:,} of {trend['of']:,} papers "
        f"({percent(trend['count'], trend['of'])}), before that {trend['before']:,} of "
        f"{trend['of_before']:,} ({percent(trend['before'], trend['of_before'])})"
    )


def _row(trend: Trend, sizes: Sequence[int], top: int) -> str:
    shares = [
        count / size if (size := sizes[place] if place < len(sizes) else 0) else 0.0
        for place, count in enumerate(trend["counts"])
    ]
    most = max(shares) or 1.0
    base = top + _BAR_TOP + _BAR_HIGH
    step = (_RIGHT - _LEFT) / len(shares)
    bars = []
    for place, share in enumerate(shares):
        tall = max(round(_BAR_HIGH * share / most, 2), 1)  # a week without any is a line
        now = place == len(shares) - 1
        look = 'class="now"' if now else 'fill-opacity="0.4"'
        bars.append(
            f'<rect {look} x="{_LEFT + place * step:.2f}" y="{base - tall:.2f}" '
            f'width="{max(step - 3, 1):.2f}" height="{tall:.2f}" fill="currentColor"/>'
        )
    name = shown(trend["title"])
    if len(name) > _MOST_LETTERS:
        name = name[: _MOST_LETTERS - 1].rstrip() + "…"
    arrow = "▲" if trend["direction"] > 0 else "▼"
    middle = top + _BAR_TOP + _BAR_HIGH - 8
    return str(
        Markup(
            '<g><text x="0" y="{y}" font-size="13" fill="currentColor">{name}</text>{bars}'
            '<text class="share" x="{right}" y="{y}" font-size="13" text-anchor="end" '
            'fill="currentColor">{arrow} {share}</text></g>'
        ).format(
            y=middle,
            name=name,
            bars=Markup("".join(bars)),
            right=_WIDTH,
            arrow=arrow,
            share=percent(trend["count"], trend["of"]),
        )
    )


def _axis(weeks: Sequence[str], y: int) -> str:
    first = Markup('<text x="{}" y="{}" font-size="11.5" fill="currentColor">{}</text>').format(
        _LEFT, y, weeks[0]
    )
    if len(weeks) == 1:
        return str(first)
    last = Markup(
        '<text x="{}" y="{}" font-size="11.5" text-anchor="end" fill="currentColor">{}</text>'
    ).format(_RIGHT - 3, y, weeks[-1])
    return str(first + last)
