"""Weeks and months in a row, and whether the last one differs from those before by more than
chance.

The test is the exact conditional one for two rates (Przyborowski and Wilenski, *Homogeneity of
results in testing samples from Poisson series*, Biometrika 31, 1940): of all papers with a tag,
the number that fall in the last week is binomial, with that week's part of all papers as its
chance, if the tag's share is the same in all weeks. Two-sided by doubling the smaller tail. It
compares shares and not counts, so that a week of which half has passed, or a holiday, is no
change. Many tags are looked at together, and so a change counts only where it stands after Holm's
correction (Scandinavian Journal of Statistics 6, 1979): where nothing changes, one list in twenty
at most has a mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, lgamma, log, log1p
from typing import Literal

__all__ = ["By", "Change", "change_p", "changes", "labels", "starts"]

By = Literal["week", "month"]
LEVEL = 0.05


@dataclass(frozen=True)
class Change:
    """The share of papers with a tag in the last week (or month), and in those before taken
    together. ``p_value`` is that of the tag alone; ``direction`` is 1 or -1 where the difference
    is more than chance with all tags looked at, else 0."""

    last: float
    before: float
    p_value: float
    direction: int


def starts(first: date, last: date, by: By, at_most: int) -> list[date]:
    """The first days of the ISO weeks or months from that of ``first`` to that of ``last``; only
    the latest where there are more than ``at_most``."""
    found = [_start(last, by)]
    begin = _start(first, by)
    while found[-1] > begin and len(found) < at_most:
        found.append(_start(found[-1] - timedelta(days=1), by))
    return found[::-1]


def labels(days: Sequence[date], by: By) -> list[str]:
    """``2026-W47`` or ``2026-11`` for the first day of each."""
    if by == "month":
        return [f"{day:%Y-%m}" if day.year > 999 else day.isoformat()[:7] for day in days]
    return ["{}-W{:02d}".format(*day.isocalendar()[:2]) for day in days]


def _start(day: date, by: By) -> date:
    return day.replace(day=1) if by == "month" else day - timedelta(days=day.weekday())


def changes(counts: Sequence[Sequence[int]], sizes: Sequence[int]) -> list[Change | None]:
    """What changed in the last week: ``counts`` has for each tag how many papers have it in each
    week, ``sizes`` how many papers there are. None where there is nothing to compare."""
    if len(sizes) < 2 or not sizes[-1] or not sum(sizes[:-1]):
        return [None] * len(counts)
    last, before = sizes[-1], sum(sizes[:-1])
    rows = [(row[-1], sum(row[:-1])) for row in counts]
    p_values = [change_p(a, last, b, before) if a + b else 1.0 for a, b in rows]
    looked_at = sum(bool(a + b) for a, b in rows)
    marked: set[int] = set()
    for rank, at in enumerate(sorted(range(len(rows)), key=lambda i: p_values[i])):
        if p_values[at] > LEVEL / max(1, looked_at - rank):
            break
        marked.add(at)
    return [
        Change(a / last, b / before, p, (1 if a / last > b / before else -1) * (at in marked))
        for at, ((a, b), p) in enumerate(zip(rows, p_values, strict=True))
    ]


def change_p(last: int, of_last: int, before: int, of_before: int) -> float:
    """How likely a difference like that between ``last`` of ``of_last`` papers and ``before`` of
    ``of_before`` is by chance alone (see above). Each number of papers is above 0."""
    total = last + before
    chance = of_last / (of_last + of_before)
    if last * (of_last + of_before) >= total * of_last:
        tail = _upper(last, total, chance)
    else:
        tail = _upper(before, total, 1 - chance)
    return min(1.0, 2 * tail)


def _upper(least: int, total: int, chance: float) -> float:
    """P(X ≥ least) for a binomial X, where ``least`` is not below its mean."""
    term = exp(
        lgamma(total + 1)
        - lgamma(least + 1)
        - lgamma(total - least + 1)
        + least * log(chance)
        + (total - least) * log1p(-chance)
    )
    found = term
    for k in range(least, total):
        term *= (total - k) / (k + 1) * chance / (1 - chance)
        found += term
        if term < found * 1e-12:
            break
    return found
