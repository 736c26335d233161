"""Status: what the library holds, what it lacks, what is under way; starting and stopping work.

Nothing here tells a secret: addresses are shown without their queries, settings not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from curator.errors import CuratorError, UsageError
from curator.serving import work
from curator.serving.jobs import Job
from curator.serving.work_adding import hide_queries
from curator.web.map_kept import map_job
from curator.web.pages import Served, render

if TYPE_CHECKING:
    from curator.catalog import FeedRow
    from curator.serving import Serving

__all__ = ["router"]

router = APIRouter()

LARGEST = 20 * 1024 * 1024  # bytes of an uploaded file

Kind = Literal["sync", "index", "tldr", "tag", "digest", "retry", "map", "add", "records"]


class Wanted(BaseModel):
    """Work to be done. ``sources`` are for ``add``, ``text`` and ``format`` for ``records``,
    ``week``, ``reader`` and ``limit`` for ``digest``."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    sources: list[Annotated[str, Field(max_length=8_000)]] = Field([], max_length=100)
    text: str = ""
    format: Annotated[str, Field(max_length=20)] | None = None
    week: Annotated[str, Field(max_length=20)] | None = None
    reader: Annotated[str, Field(max_length=100)] = "me"
    limit: int = 20


# ------------------------------------------------------------------------------------ pages


@router.get("/status", include_in_schema=False)
def status_page(request: Request, serving: Served) -> HTMLResponse:
    return render(request, "status.html", title="Status", status=_status(serving))


@router.post("/status", include_in_schema=False)
def change_status(
    serving: Served,
    kind: Annotated[Kind | None, Form()] = None,
    stop: Annotated[int | None, Form()] = None,
    sources: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
    week: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """What the page's forms send where no script runs."""
    if stop is not None:
        serving.jobs.stop(stop)
    elif kind is not None:
        _start(
            serving, Wanted(kind=kind, sources=sources.splitlines(), text=text, week=week or None)
        )
    return RedirectResponse("/status#jobs", status_code=303)


# ---------------------------------------------------------------------------------- programs


@router.get("/api/status")
def status_data(serving: Served) -> dict[str, Any]:
    """What the library holds, the state of models and indexes, feeds, the queue, and jobs."""
    return _status(serving)


@router.post("/api/jobs", status_code=202)
def start_job(serving: Served, wanted: Wanted) -> dict[str, Any]:
    """Starts work in the background."""
    return _shown(_start(serving, wanted))


@router.get("/api/jobs/{number}")
def job_data(serving: Served, number: int) -> dict[str, Any]:
    """One job: its state, steps, notes, and what came of it."""
    return _shown(serving.jobs.get(number))


@router.post("/api/jobs/{number}/stop")
def stop_job(serving: Served, number: int) -> dict[str, Any]:
    """Stops a job before its next step; what it did is kept."""
    return _shown(serving.jobs.stop(number))


@router.post("/api/upload", status_code=202, response_model=None)
def upload(request: Request, serving: Served, file: UploadFile) -> Response:
    """Adds the records of a file: BibTeX, RIS, JSON Lines, and whatever else is read."""
    data = file.file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise UsageError(
            f"The file has more than {LARGEST >> 20} MiB.",
            remedy="Add it at the terminal: curator add FILE",
        )
    job = work.add_records_job(serving, data, name=(file.filename or "").rpartition("/")[2])
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/status#jobs", status_code=303)
    return JSONResponse(_shown(job), 202)


def _start(serving: Serving, wanted: Wanted) -> Job:
    if wanted.kind == "add":
        return work.add_job(serving, wanted.sources)
    if wanted.kind == "records":
        return work.add_records_job(serving, wanted.text, wanted.format)
    if wanted.kind == "digest":
        return work.digest_job(serving, wanted.week, wanted.reader, wanted.limit)
    plain = {
        "sync": work.sync_job,
        "index": work.index_job,
        "tldr": work.tldr_job,
        "tag": work.tag_job,
        "retry": work.retry_job,
        "map": map_job,
    }
    return plain[wanted.kind](serving)


def _shown(job: Job) -> dict[str, Any]:
    made = job.to_dict()
    return {
        **made,
        "title": hide_queries(job.title),
        "error": hide_queries(job.error),
        "notes": [hide_queries(note) for note in made["notes"]],
    }


# ------------------------------------------------------------------------------------ state


def _status(serving: Serving) -> dict[str, Any]:
    library = serving.library
    counts = library.status()
    jobs = serving.jobs.all()
    kept = ("papers", "entries", "words", "tldr", "tag", "marks", "answers")
    return {
        **{name: counts[name] for name in kept},
        "digests": len(counts["digests"]),
        "vectors": _vectors(serving, counts["vectors"]),
        "sentences": max(counts["sentences"].values(), default=0),
        "failures": len(library.catalog.ledger.failures()),
        "feeds": [_feed(row) for row in library.catalog.feeds.all()],
        "models": _models(serving),
        "queue": {"serving": serving.queue.serving, "waiting": serving.queue.waiting},
        "jobs": [_shown(job) for job in jobs],
        "busy": any(job.state in ("waiting", "running") for job in jobs)
        or bool(serving.queue.serving),
    }


def _vectors(serving: Serving, counts: dict[str, int]) -> dict[str, Any]:
    """How many papers have a vector by the present embedder; by the one that has made most,
    where that cannot be told without its weights."""
    library = serving.library
    try:
        fingerprint = library.embedder.fingerprint
    except CuratorError:
        fingerprint = max(counts, key=lambda name: counts[name], default="")
    papers = library.catalog.papers.count()
    missing = library.catalog.vectors.missing_count(fingerprint) if fingerprint else papers
    return {"have": papers - missing, "missing": missing, "by": fingerprint.partition(";")[0]}


def _feed(row: FeedRow) -> dict[str, Any]:
    return {
        "feed": hide_queries(row.spec),
        "last_try": row.last_try,
        "last_success": row.last_success,
        "failures": row.failures,
        "error": hide_queries(row.error),
        "unfinished": row.cursor is not None,
    }


def _models(serving: Serving) -> list[dict[str, str]]:
    """Each model's name, and whether it is there or how to get it. No server is asked."""
    settings = serving.library.settings
    wanted = [("writes", settings.model), ("embeds", settings.embedding)]
    if settings.fallback_model:
        wanted.append(("writes, where that fails", settings.fallback_model))
    if settings.reranker != "none":
        wanted.append(("ranks", settings.reranker))
    found = []
    for does, spec in wanted:
        name, state, remedy = spec, "ready", ""
        kind, _, rest = spec.partition(":")
        if kind == "local":
            from curator.weights import DEFAULTS, resolve

            purpose = {"embeds": "embed", "ranks": "rerank"}.get(does, "generate")
            try:
                resolved = resolve(rest or DEFAULTS[purpose], settings.models_dir)  # type: ignore[index]
                name = resolved.name
            except CuratorError as error:
                state, remedy = "missing", str(error)
        else:
            state = "by a server"
        found.append({"does": does, "name": name, "state": state, "remedy": remedy})
    return found
