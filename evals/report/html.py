"""The report: one HTML file that needs no network, no script, and nothing beside it.

What a template prints goes through two doors, and there is no third: `visible`, then Jinja's
escaping. Only the plots are markup of their own, written by `evals.report.svg`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evals.record import Curve, MetricRecord, RunRecord, SampleRecord, SuiteRecord, finite
from evals.report import plots, show

__all__ = ["write_report"]

# What a page can hold and a browser still opens at once; run.json has the rest.
MOST_SAMPLES = 400
LONGEST = 20_000
EXAMPLE = 1500
# Points of a curve that are also written out.
MOST_ROWS = 60

Cell = str | int | float | None


@dataclass(frozen=True)
class Grid:
    """A table of any shape. A column of figures is aligned to the right."""

    caption: str
    columns: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[tuple[str, bool]]]


@dataclass(frozen=True)
class Plot:
    """An SVG element with its caption and, for few points, the numbers behind it."""

    title: str
    svg: Markup
    grid: Grid | None = None
    group: str = ""


@dataclass(frozen=True)
class SampleView:
    """A sample as the page shows it: its place and its parts as JSON."""

    record: SampleRecord
    anchor: str
    gist: str
    parts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class SuiteView:
    """A suite as the page shows it. ``links`` leads from sample ids to their places."""

    record: SuiteRecord
    anchor: str
    counts: Mapping[str, int]
    gated: Sequence[MetricRecord]
    plots: Sequence[Plot]
    tables: Sequence[Grid]
    samples: Sequence[SampleView]
    links: Mapping[str, str]


class _Anchors:
    """Ids that are made of hostile names and are nevertheless each the only one."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, *names: str) -> str:
        words = "-".join(re.findall(r"[a-z0-9]+", "-".join(names).lower()))[:60] or "x"
        anchor, number = words, 1
        while anchor in self._taken:
            number += 1
            anchor = f"{words}-{number}"
        self._taken.add(anchor)
        return anchor


def write_report(run: RunRecord, history: Sequence[RunRecord], path: Path) -> None:
    """Writes the report of a run, whole or not at all. ``history`` are older runs of the same
    suites, in any order."""
    part = path.with_suffix(".part")
    # A lone surrogate is shown as its code point, so everything is UTF-8.
    part.write_text(_render(run, history), "utf-8", newline="\n")
    part.replace(path)


def _render(run: RunRecord, history: Sequence[RunRecord]) -> str:
    anchor = _Anchors()
    for own in ("summary", "over-time", "skipped", "provenance", "top"):
        anchor(own)
    suites = [_suite(suite, anchor) for suite in run.suites]
    runs = _in_order([*(r for r in history if r.run_id != run.run_id), run])
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        arrow=show.arrow,
        clip=show.clip,
        duration=show.duration,
        interval=show.interval_of,
        moment=show.moment,
        value=show.value_of,
        commit=show.commit_of,
        model=show.model_of,
    )
    return environment.get_template("template.html.j2").render(
        run=run,
        suites=suites,
        machine=show.machine_of(run),
        dirty=bool(run.provenance.get("dirty")),
        forest=Markup(plots.forest_plot(run.suites, anchor("forest"))),
        history=_history(run, runs, anchor),
        runs=_runs(runs),
        skipped=show.skipped_of(run),
        facts=list(_provenance(run)),
        command="inspect view --log-dir logs",
        example=EXAMPLE,
    )


def _finalize(value: Any) -> Any:
    """What the template prints, before it is escaped."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, (int, float)):
        return show.number(value)
    return show.visible(str(value))


def _grid(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Grid:
    """A table whose figures have as many decimals as the largest of their column needs."""
    right, places = [], []
    for at in range(max([len(columns), *map(len, rows)])):
        cells = [row[at] for row in rows if at < len(row) and row[at] is not None]
        figures = [cell for cell in cells if isinstance(cell, (int, float))]
        right.append(len(figures) == len(cells) > 0)
        places.append(show.places_of(*figures))
    return Grid(
        caption,
        [(name, right[at]) for at, name in enumerate(columns)],
        [
            [
                (_said(cell, places[at] if right[at] else None), right[at])
                for at, cell in enumerate(row)
            ]
            for row in rows
        ],
    )


def _said(cell: Cell, places: int | None) -> str:
    return cell if isinstance(cell, str) else show.number(cell, places=places)


def _suite(suite: SuiteRecord, anchor: _Anchors) -> SuiteView:
    name = anchor("suite", suite.name)
    samples = [_sample(sample, anchor(name, sample.id)) for sample in _chosen(suite)]
    links: dict[str, str] = {}
    for sample in samples:
        links.setdefault(sample.record.id, sample.anchor)
    return SuiteView(
        record=suite,
        anchor=name,
        counts={status: suite.count(status) for status in ("scored", "unscored", "failed")},
        gated=[metric for metric in suite.metrics if metric.gate],
        plots=[_curve(curve, anchor(name, "plot", curve.name)) for curve in suite.curves],
        tables=[_grid(table.title, table.columns, table.rows) for table in suite.tables],
        samples=samples,
        links=links,
    )


def _chosen(suite: SuiteRecord) -> list[SampleRecord]:
    """All samples, or so many that those count first which a reader wants to see."""
    if len(suite.samples) <= MOST_SAMPLES:
        return list(suite.samples)
    named = {example.sample for failure in suite.failures for example in failure.examples}

    def rank(place: int) -> tuple[int, int]:
        sample = suite.samples[place]
        return (0 if sample.id in named else 1 if sample.status != "scored" else 2), place

    places = sorted(range(len(suite.samples)), key=rank)[:MOST_SAMPLES]
    return [suite.samples[place] for place in sorted(places)]


def _sample(sample: SampleRecord, anchor: str) -> SampleView:
    parts = {
        "Input": sample.input,
        "Target": sample.target,
        "Output": sample.output,
        "Facts": sample.facts,
        "Trace": sample.trace,
    }
    texts = (v for v in sample.input.values() if isinstance(v, str) and v.strip())
    return SampleView(
        record=sample,
        anchor=anchor,
        gist=show.clip(show.one_line(next(texts, "")), 110),
        parts=[(name, _json(value)) for name, value in parts.items() if value],
    )


def _json(value: Any) -> str:
    text = json.dumps(finite(value), ensure_ascii=False, indent=2, default=str)
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} characters more are in run.json"


def _curve(curve: Curve, key: str) -> Plot:
    xs, ys = plots.counted(curve)
    sized = curve.size if curve.size and len(curve.size) == len(ys) else None
    rows: list[list[Cell]] = []
    if len(ys) <= MOST_ROWS:
        rows = [
            [x, y, *([sized[i]] if sized else [])]
            for i, (x, y) in enumerate(zip(xs, ys, strict=False))
        ]
    from_x = f"{curve.x_label}, from" if len(xs) > len(ys) else curve.x_label
    columns = [from_x, curve.y_label, *(["n"] if sized else [])]
    grid = _grid(curve.title, columns, rows) if rows else None
    return Plot(curve.title, Markup(plots.curve_plot(curve, key)), grid)


def _in_order(runs: Iterable[RunRecord]) -> list[RunRecord]:
    """The runs that say when they began, oldest first."""
    known = [(when, run) for run in runs if (when := show.started_at(run))]
    return [run for _, run in sorted(known, key=lambda pair: (pair[0], pair[1].run_id))]


def _history(run: RunRecord, runs: Sequence[RunRecord], anchor: _Anchors) -> list[Plot]:
    """One plot for each gated metric that an older run has too."""
    found = []
    for suite in run.suites:
        for metric in (m for m in suite.metrics if m.gate):
            points = [
                plots.Point(when, old.value, old.low, old.high, each.run_id == run.run_id)
                for each in runs
                if (when := show.started_at(each))
                and (old := _same(each, suite, metric))
                and old.value is not None
            ]
            if any(not point.current for point in points):
                title = f"{metric.title}\u00a0{show.arrow(metric.better)}".rstrip()
                key = anchor("over", suite.name, metric.name)
                svg = plots.history_plot(f"{suite.title}, {title}", points, key)
                found.append(Plot(title, Markup(svg), group=suite.title))
    return found


def _runs(runs: Sequence[RunRecord]) -> Grid:
    return _grid(
        "The runs in these plots, oldest first",
        ("Began", "Run", "Label", "Model", "Commit"),
        [
            [show.moment(r), r.run_id, r.label or None, show.model_of(r), show.commit_of(r)]
            for r in runs
        ],
    )


def _same(run: RunRecord, suite: SuiteRecord, metric: MetricRecord) -> MetricRecord | None:
    other = run.suite(suite.name)
    metrics = other.metrics if other else []
    return next((m for m in metrics if m.name == metric.name), None)


def _provenance(run: RunRecord) -> Iterable[Grid]:
    """The provenance as tables, whatever its shape: what is flat first, then each part."""
    flat: list[list[Cell]] = [[name, _cell(v)] for name, v in run.provenance.items() if _plain(v)]
    if flat:
        yield _grid("In short", ("What", "Value"), flat)
    for name, value in run.provenance.items():
        if _plain(value):
            continue
        items = list(value.items()) if isinstance(value, Mapping) else list(enumerate(value, 1))
        if items and all(isinstance(v, Mapping) and all(map(_plain, v.values())) for _, v in items):
            fields = list(dict.fromkeys(str(field) for _, v in items for field in v))
            texts = [{str(field): each for field, each in v.items()} for _, v in items]
            rows = [
                [str(key), *(_cell(text.get(field)) for field in fields)]
                for (key, _), text in zip(items, texts, strict=True)
            ]
            yield _grid(name.capitalize(), ("", *fields), rows)
        else:
            yield _grid(name.capitalize(), ("What", "Value"), list(_flat(value, "")))
    if run.usage:
        used: list[list[Cell]] = [[name, show.count_of(v)] for name, v in run.usage.items()]
        yield _grid("Usage", ("What", "Value"), used)


def _plain(value: Any) -> bool:
    return not isinstance(value, (Mapping, list, tuple))


def _cell(value: Any) -> Cell:
    """A value of the provenance; numbers are settings, shown as they are."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None or value == "" else str(finite(value))


def _flat(value: Any, path: str) -> Iterable[list[Cell]]:
    if _plain(value):
        yield [path, _cell(value)]
    elif not isinstance(value, Mapping) and all(map(_plain, value)):
        yield [path, ", ".join(str(_cell(each) or show.NOTHING) for each in value) or None]
    else:
        items = value.items() if isinstance(value, Mapping) else enumerate(value, 1)
        for key, each in items:
            yield from _flat(each, f"{path}.{key}" if path else str(key))
