"""A run: each suite is measured in turn, and what came of it is kept in one folder.

``FOLDER/runs/ID/`` holds ``run.json`` (everything), ``report.html`` and inspect's ``logs/``.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from curator.errors import StorageError, UsageError
from curator.llm.metered import Budget, Usage
from curator.settings import Settings
from evals.failures import grouped
from evals.inspection import Attempt, measure
from evals.libraries import Libraries
from evals.outputs import Outputs
from evals.provenance import prompt_hashes, provenance, system_hash
from evals.record import MetricRecord, RunRecord, SampleRecord, SuiteRecord, finite
from evals.suites.base import Suite
from evals.tasks import TASKS
from evals.tasks.base import EvalTask

__all__ = ["Options", "new_run_id", "run_eval", "runs_in"]

Notify = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class Options:
    """What a run takes. ``fresh``: outputs that were made before are made again (answers of
    models still come from their cache). ``full``: all rows of a suite, not only so many as are
    quick. ``judge`` names a model that grades as well."""

    data: Path | None = None
    limit: int | None = None
    seed: int = 0
    fresh: bool = False
    label: str = ""
    full: bool = False
    judge: str | None = None


def run_eval(
    settings: Settings,
    suites: Sequence[Suite],
    folder: Path,
    options: Options,
    *,
    notify: Notify = lambda _: None,
    progress: Progress = lambda _what, _done, _of: None,
    budget: Budget | None = None,
) -> tuple[RunRecord, Path]:
    """Measures the suites and gives the run and its folder.

    Raises:
        UsageError: not one of the suites can be run.
        MissingError, BudgetExhausted: as the commands; outputs that were made are kept.
    """
    skipped = [
        {"suite": suite.name, "reason": reason}
        for suite in suites
        if (reason := suite.missing(options.data))
    ]
    left_out = {entry["suite"] for entry in skipped}
    chosen = [suite for suite in suites if suite.name not in left_out]
    for entry in skipped:
        notify(f"Skipped {entry['suite']}: {entry['reason']}.")
    if not chosen:
        raise UsageError("No suite can be run.", remedy="Give --data DIR, or choose others.")
    order = list(TASKS)
    chosen.sort(key=lambda suite: order.index(suite.task))
    with _alone(folder):
        started = datetime.now(UTC)
        run_id = new_run_id(started)
        place = folder / "runs" / run_id
        libraries = Libraries(settings, folder, notify=notify, progress=progress, budget=budget)
        try:
            # A judge that is not to be had is better found now than after hours.
            judge = libraries.owner.open_model(options.judge) if options.judge else None
            any_model = any(TASKS[suite.task].uses_model for suite in chosen)
            about = provenance(settings, libraries.owner, model=any_model)
            about |= {"seed": options.seed, "limit": options.limit}
            records = [
                _suite(suite, settings, libraries, folder, place, options, about, progress)
                for suite in chosen
            ]
            models = [libraries.owner.llm] if any_model else []
            if any_model and settings.fallback_model:
                models.append(libraries.owner.fallback)

            def save() -> RunRecord:
                finished = datetime.now(UTC)
                spent = sum((model.usage for model in models), Usage())
                run = RunRecord(
                    run_id=run_id,
                    started=started.isoformat(timespec="seconds"),
                    finished=finished.isoformat(timespec="seconds"),
                    seconds=round((finished - started).total_seconds(), 1),
                    label=options.label,
                    provenance=about,
                    usage=asdict(spent),
                    suites=records,
                    skipped=skipped,
                )
                place.mkdir(parents=True, exist_ok=True)
                run.save(place / "run.json")
                return run

            run = save()
            if judge is not None:
                from evals.judge import judge_run

                about["models"] = {**about["models"], "judge": judge.identity}
                models.append(judge)
                judge_run(judge, settings.prompts, records, notify, progress)
                run = save()
        finally:
            libraries.close()
    return run, place


def new_run_id(started: datetime) -> str:
    """A name for a run that began then: names are in the order of their beginnings, to the
    microsecond, and those of runs in different folders differ all the same."""
    return f"{started:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One evaluation at a time in a folder.

    Raises:
        StorageError: another one runs there, or the folder cannot be used.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "eval.lock")
        lock.acquire(timeout=0.5)
    except Timeout:
        raise StorageError(
            f"Another evaluation is running in {str(folder)!r}.",
            remedy="Wait for it, or choose another folder with --out DIR.",
            retryable=True,
        ) from None
    except OSError as error:
        raise StorageError(
            f"The folder {str(folder)!r} cannot be used ({error.strerror or error}).",
            remedy="Choose another with --out DIR.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _suite(
    suite: Suite,
    settings: Settings,
    libraries: Libraries,
    folder: Path,
    place: Path,
    options: Options,
    about: dict[str, Any],
    progress: Progress,
) -> SuiteRecord:
    task = TASKS[suite.task]
    limit = options.limit if options.limit is not None or options.full else suite.quick_limit
    rows = suite.sample(options.data, limit, options.seed)
    started = time.monotonic()
    with libraries.bench(suite, options.data, model=task.uses_model) as bench:
        attempt = Attempt(
            suite=suite,
            task=task,
            bench=bench,
            rows=rows,
            outputs=Outputs(folder / "outputs"),
            system=system_hash(settings, libraries.owner, model=task.uses_model),
            papers=_papers(bench.library),
            prompts=prompt_hashes(settings),
            reuse=not options.fresh,
            workers=libraries.owner.llm.concurrency if task.uses_model else 1,
            progress=lambda done, of: progress(suite.name, done, of),
            provenance=about,
        )
        log, samples = measure(attempt, place / "logs")
    seconds = time.monotonic() - started
    return suite_record(suite, task, samples, rows, seconds, Path(log.location).name, options.seed)


def suite_record(
    suite: Suite,
    task: EvalTask[Any],
    samples: Sequence[SampleRecord],
    rows: Sequence[Any],
    seconds: float,
    log: str | None,
    seed: int,
) -> SuiteRecord:
    """What the samples of a suite say together."""
    record = SuiteRecord(
        name=suite.name,
        task=suite.task,
        title=suite.title,
        licence=suite.licence,
        source=suite.source,
        log=f"logs/{log}" if log else None,
        seconds=round(seconds, 3),
        metrics=[],
        samples=list(samples),
    )
    table = record.rows()
    for metric in task.metrics:
        estimate = metric.estimate(table, seed)
        record.metrics.append(
            MetricRecord(
                name=metric.name,
                title=metric.title,
                better=metric.better,
                gate=metric.gate,
                unit=metric.unit,
                **finite(asdict(estimate)),
            )
        )
    facts = [sample.facts for sample in samples if sample.facts is not None]
    record.curves = task.curves(facts) if facts else []
    record.tables = task.tables(facts) if facts else []
    record.failures = grouped(task, rows, samples)
    return record


def _papers(library: Any) -> str:
    """Names the papers that a library holds, and the taxonomy that they are tagged from."""
    import hashlib

    digest = hashlib.sha256(library.taxonomy.hash.encode())
    for paper in sorted(library.catalog.papers.select(), key=lambda p: p.id):
        # `added` is when this copy was made; it counts only where a paper has no other day.
        whole = replace(paper, added="", seq=0)
        digest.update(f"{whole!r} {paper.text_hash} {paper.day}\n".encode(errors="replace"))
    return digest.hexdigest()


def runs_in(folder: Path) -> list[Path]:
    """The runs of a folder, the oldest first."""
    return sorted(
        (path for path in (folder / "runs").glob("*") if (path / "run.json").is_file()),
        key=lambda path: path.name,
    )
