"""`curator eval`: how good the answers, tags, summaries and digests are, in numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from curator.cli.options import AsJson, MaxCalls, MaxMinutes, MaxTokens, ModelName
from curator.cli.terminal import Progress, budget_of, command, flags, note, put, put_json
from curator.errors import InputError, MissingError, StorageError

if TYPE_CHECKING:
    from evals.record import RunRecord

__all__ = ["evaluate"]

evaluate = typer.Typer(
    help="Measure answers, tags, summaries, digests, retrieval and the check itself.",
    invoke_without_command=True,
    rich_markup_mode=None,
    epilog="A run is named by its folder, its id, `last`, or `last~1` for the one before.",
)

Out = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Where runs are kept.", show_default="`evals` in the library's folder"
    ),
]


@evaluate.callback()
@command
def run(
    context: typer.Context,
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--task", "-t", help="A task or a suite; may be repeated. `curator eval suites` lists."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="A folder with public evaluation data (SciTLDR, SciFact, ...)."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="All suites, and all their samples.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many samples each.")] = None,
    sample_seed: Annotated[int, typer.Option(help="Which samples --limit draws.")] = 0,
    model: ModelName = None,
    judge: Annotated[
        str | None,
        typer.Option(help="A model that grades answers and claims too; checked against gold."),
    ] = None,
    label: Annotated[str, typer.Option(help="A word to know the run by.")] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make outputs again that were made before.")
    ] = False,
    out: Out = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_minutes: MaxMinutes = None,
    as_json: AsJson = False,
) -> None:
    """Run the suites, print every figure with its interval, and write a report.

    Nothing that was made before by the same code, models, prompts and papers is made again.
    """
    if context.invoked_subcommand is not None:
        return
    _needed()
    from curator.settings import load_settings
    from evals.report.terminal import print_run
    from evals.run import Options, run_eval
    from evals.suites import suites_for

    if data is not None and not data.is_dir():
        raise InputError(f"There is no folder {str(data)!r} for --data.")
    suites = suites_for(tasks or [], full=full, data=data)
    settings = load_settings(home=flags.home, model=model)
    progress = flags.progress = Progress()
    try:
        record, place = run_eval(
            settings,
            suites,
            _folder(out),
            Options(data, limit, sample_seed, fresh, label, full, judge),
            notify=note,
            progress=progress,
            budget=budget_of(max_calls, max_tokens, max_minutes),
        )
    finally:
        progress.clear()
        flags.progress = None
    _write_report(record, place)
    if as_json:
        put_json(record.model_dump(mode="json", exclude={"suites": {"__all__": {"samples"}}}))
    else:
        print_run(record)
        put(f"\nReport: {place / 'report.html'}")
        put(f"Traces: inspect view --log-dir {place / 'logs'}")
    lost = sum(suite.count("failed") + suite.count("unscored") for suite in record.suites)
    if lost:
        note(f"{lost} samples could not be run or graded; the report says which and why.")
        raise typer.Exit(1)


@evaluate.command()
@command
def suites(
    data: Annotated[Path | None, typer.Option(help="As for a run.")] = None, as_json: AsJson = False
) -> None:
    """List the sets of gold data, whose they are, and whether they can be run here."""
    _needed()
    from evals.suites import SUITES

    rows = [
        {
            "name": suite.name,
            "task": suite.task,
            "quick": suite.quick,
            "title": suite.title,
            "licence": suite.licence,
            "source": suite.source,
            "missing": suite.missing(data),
        }
        for suite in SUITES
    ]
    if as_json:
        put_json(rows)
        return
    for row in rows:
        put(f"{row['name']:<22}{row['title']}")
        state = f"not here: {row['missing']}" if row["missing"] else "quick" if row["quick"] else ""
        put(f"{'':<22}{row['source']}; {row['licence']}{f' [{state}]' if state else ''}")


@evaluate.command()
@command
def runs(out: Out = None, as_json: AsJson = False) -> None:
    """List the runs that there are, the latest last."""
    _needed()
    from evals.record import load_run
    from evals.run import runs_in

    found = []
    for path in runs_in(_folder(out)):
        try:
            found.append(load_run(path))
        except InputError as error:  # one old or damaged run hides no other
            note(error.message)
    if as_json:
        put_json([r.model_dump(mode="json", include={"run_id", "started", "label"}) for r in found])
        return
    for r in found:
        model = r.provenance.get("models", {}).get("model", "no model")
        suites = ", ".join(suite.name for suite in r.suites)
        put(f"{r.run_id}  {r.seconds:>6.0f} s  {model}  {suites}{f'  [{r.label}]' * bool(r.label)}")
    if not found:
        note("There is no run yet: `curator eval` makes one.")


@evaluate.command()
@command
def compare(
    first: Annotated[str, typer.Argument(help="A run.")],
    second: Annotated[str, typer.Argument(help="Another, later one.")] = "last",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Compare two runs on the samples that both scored; differences are second minus first."""
    _needed()
    from evals.compare import compare as compared
    from evals.report.terminal import print_comparison

    rows = compared(_load(first, out), _load(second, out))
    if as_json:
        put_json([vars(row) for row in rows])
        return
    print_comparison(rows)


@evaluate.command()
@command
def gate(
    run: Annotated[str, typer.Argument(help="The run to judge.")] = "last",
    baseline: Annotated[Path, typer.Option(help="What it is compared with.")] = Path(
        "evals/baseline.json"
    ),
    margin: Annotated[
        float, typer.Option(min=0.0, help="Let pass a fall that is smaller than this.")
    ] = 0.0,
    update: Annotated[
        bool, typer.Option("--update", help="Make the run the new baseline instead.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --update: though it measures less than the old.")
    ] = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Exit with 1 where a gated metric fell by more than its interval."""
    _needed()
    from evals.compare import gate as judged
    from evals.compare import smaller
    from evals.record import load_run
    from evals.report.terminal import print_comparison

    record = _load(run, out)
    if update:
        if baseline.exists() and not force and (less := smaller(load_run(baseline), record)):
            raise InputError(
                f"The run measures less than the baseline: {'; '.join(less)}.",
                remedy="Run all that the baseline has, or add --force.",
            )
        try:
            record.baseline().save(baseline)
        except OSError as error:
            raise StorageError(f"{str(baseline)!r} cannot be written: {error}.") from error
        put(f"The baseline {baseline} is now run {record.run_id}.")
        return
    report = judged(load_run(baseline), record, margin)
    if as_json:
        put_json(
            {
                "passed": report.passed,
                "fallen": [vars(row) for row in report.fallen],
                "missing": report.missing,
                "rows": [vars(row) for row in report.rows],
            }
        )
    else:
        changed = [row for row in report.rows if row.verdict != "same"]
        if changed:
            print_comparison(changed)
        for line in report.missing:
            put(f"Missing: {line}")
        for row in report.fallen:
            interval = "no interval: too few clusters"
            if row.low is not None and row.high is not None:
                interval = f"95 % [{row.low:+.3f}, {row.high:+.3f}]"
            put(
                f"Fell: {row.suite}: {row.title}: {row.first:.3f} to {row.second:.3f} "
                f"(difference {row.difference:+.3f}, {interval})"
            )
        same = sum(row.verdict == "same" for row in report.rows)
        put(
            f"{'Passed' if report.passed else 'Stopped'}: {len(report.rows)} gated metrics, "
            f"{same} unchanged within their interval, {len(report.fallen)} worse, "
            f"{len(report.missing)} missing."
        )
    if not report.passed:
        raise typer.Exit(1)


@evaluate.command()
@command
def report(run: Annotated[str, typer.Argument(help="A run.")] = "last", out: Out = None) -> None:
    """Write the report of a run again, with the runs that there are by now as its history."""
    _needed()
    record = _load(run, out)
    place = _folder(out) / "runs" / record.run_id
    if not place.is_dir():  # given by its path
        place = Path(run) if Path(run).is_dir() else Path(run).parent
    _write_report(record, place)
    put(str(place / "report.html"))


def _write_report(record: RunRecord, place: Path) -> None:
    from evals.record import load_run
    from evals.report.html import write_report
    from evals.run import runs_in

    history = []
    for path in runs_in(place.parents[1]) if place.parent.name == "runs" else []:
        try:
            history.append(load_run(path))
        except InputError as error:  # an old or damaged run costs only its point in a plot
            note(error.message)
    write_report(record, history, place / "report.html")


def _load(name: str, out: Path | None) -> RunRecord:
    """A run by its path, its id or a part of it, ``last`` or ``last~N``."""
    from evals.record import load_run
    from evals.run import runs_in

    if Path(name).exists():
        return load_run(Path(name))
    known = runs_in(_folder(out))
    word, _, back = name.partition("~")
    if word == "last" and (not back or back.isdigit()):
        place = int(back or 0)
        if place < len(known):
            return load_run(known[-1 - place])
        raise InputError(
            f"There are {len(known)} runs, so none is {name!r}.", remedy="Make one: `curator eval`."
        )
    found = [path for path in known if name in path.name]
    if len(found) == 1:
        return load_run(found[0])
    raise InputError(
        f"{len(found)} runs are called {name!r}.", remedy="`curator eval runs` lists them."
    )


def _folder(out: Path | None) -> Path:
    from curator.settings import load_settings

    return out or load_settings(home=flags.home).home.expanduser() / "evals"


def _needed() -> None:
    """Says how to get the extra packages, where they are not there."""
    from importlib.util import find_spec

    absent = [
        name
        for name in ("inspect_ai", "ir_measures", "rouge_score", "sklearn", "scipy", "matplotlib")
        if find_spec(name) is None
    ]
    if absent:
        raise MissingError(
            f"`curator eval` needs packages that are not installed ({', '.join(absent)}).",
            remedy="pip install 'paper-curator[evals]'",
        )
