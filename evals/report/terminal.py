"""A run, and the comparison of two, as tables on stdout.

In a pipe they are plain text: no colour, no boxes, and lines as long as the table needs.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Sequence
from typing import Protocol

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from curator.cli.terminal import put
from evals.metrics import Better
from evals.record import MetricRecord, RunRecord, SuiteRecord
from evals.report import show

__all__ = ["ComparisonRow", "print_comparison", "print_run"]

# Wide enough for any table: in a pipe nothing is folded.
UNFOLDED = 10_000
_VERDICTS = {"better": "green", "worse": "bold red", "same": "", "not comparable": "yellow"}


class ComparisonRow(Protocol):
    """A metric in two runs. ``verdict`` is better, worse, same or not comparable."""

    @property
    def suite(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def better(self) -> Better: ...
    @property
    def first(self) -> float | None: ...
    @property
    def second(self) -> float | None: ...
    @property
    def difference(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def p(self) -> float | None: ...
    @property
    def n(self) -> int: ...
    @property
    def verdict(self) -> str: ...


def print_run(run: RunRecord) -> None:
    """Each suite's metrics and failures, then the suites that did not run."""
    parts: list[RenderableType] = [_title(run)]
    for suite in run.suites:
        parts += ["", *_suite(suite)]
    skipped = show.skipped_of(run)
    if skipped:
        table = _table("Not run", "Why")
        for name, reason in skipped:
            table.add_row(_text(name), _text(reason))
        parts += ["", table]
    _put(Group(*parts))


def print_comparison(rows: Sequence[ComparisonRow]) -> None:
    """One table of all that two runs have in common."""
    if not rows:
        put("The two runs have no metric in common.")
        return
    table = _table(
        *("Suite", "Metric", ">First", ">Second", ">Difference", ">95 % interval", ">p", ">n"),
        "Verdict",
    )
    before = None
    for row in rows:
        change = show.number(row.difference)
        table.add_row(
            # In a pipe each line stands alone.
            _text(row.suite if row.suite != before or not sys.stdout.isatty() else ""),
            _named(row.title, row.better),
            show.number(row.first),
            _text(show.number(row.second)),
            f"+{change}" if (row.difference or 0) > 0 else change,
            _text(show.interval(row.low, row.high)),
            show.number(row.p),
            show.number(row.n),
            _text(row.verdict, _VERDICTS.get(row.verdict, "")),
        )
        before = row.suite
    _put(table)


def _title(run: RunRecord) -> Text:
    title = _text(f"Run {run.run_id}", "bold")
    if run.label:
        title.append(f" — {show.one_line(run.label)}")
    dirty = " with uncommitted changes" if run.provenance.get("dirty") else ""
    facts = [
        show.model_of(run),
        f"commit {show.commit_of(run)}{dirty}",
        show.moment(run),
        show.duration(run.seconds),
    ]
    title.append("\n" + ", ".join(map(show.one_line, facts)), "dim")
    return title


def _suite(suite: SuiteRecord) -> list[RenderableType]:
    heading = _text(suite.name, "bold")
    heading.append(f" — {show.one_line(suite.title)}: ", "none")
    heading.append(f"{len(suite.samples)} samples", "none")
    for status, style in (("unscored", "yellow"), ("failed", "red")):
        if count := suite.count(status):
            heading.append(", ", "none")
            heading.append(f"{count} {status}", style)
    parts: list[RenderableType] = [heading]
    if suite.metrics:
        table = _table("Metric", ">Value", ">95 % interval", ">n", ">Unscored")
        for metric in suite.metrics:
            table.add_row(*_cells(metric))
        parts.append(table)
    else:
        parts.append("Nothing was measured.")
    failures = [failure for failure in suite.failures if failure.count]
    if failures:
        table = _table("Failures", ">Count", "Meaning")
        for failure in failures:
            table.add_row(
                _text(failure.kind), f"{failure.count} of {failure.of}", _text(failure.meaning)
            )
        parts += ["", table]
    return parts


def _cells(metric: MetricRecord) -> tuple[Text, Text, Text, Text, Text]:
    return (
        _named(metric.title, metric.better),
        _text(show.value_of(metric), "bold" if metric.gate else ""),
        _text(show.interval_of(metric)),
        _text(show.number(metric.n)),
        _text(show.number(metric.unscored), "yellow" if metric.unscored else ""),
    )


def _named(title: str, better: Better) -> Text:
    return _text(f"{title} {show.arrow(better)}")


def _text(text: str, style: str = "") -> Text:
    """Text that no markup and no control character in it can colour, move or hide."""
    return Text(show.one_line(text), style)


def _table(*columns: str) -> Table:
    """A ``>`` before a column's name aligns it to the right."""
    if sys.stdout.isatty():
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    else:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        right = name.startswith(">")
        table.add_column(
            name.removeprefix(">"),
            justify="right" if right else "left",
            no_wrap=right,
            header_style="dim" if sys.stdout.isatty() else "",
        )
    return table


def _put(what: RenderableType) -> None:
    tty = sys.stdout.isatty()
    out = io.StringIO()
    Console(
        file=out,
        force_terminal=tty,
        width=shutil.get_terminal_size().columns if tty else UNFOLDED,
        highlight=False,
        markup=False,
        emoji=False,
        color_system="auto" if tty else None,
    ).print(what)
    put("\n".join(line.rstrip() for line in out.getvalue().rstrip("\n").split("\n")))
