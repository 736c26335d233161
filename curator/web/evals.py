"""The latest evaluation: its figures in a table, its report as it was written.

Runs are read from their files; the packages that make them need not be installed.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from curator.errors import NotFoundError
from curator.web.pages import Served, render

if TYPE_CHECKING:
    from curator.serving import Serving

__all__ = ["router"]

router = APIRouter()

LISTED = 20  # runs
FORMAT = 1  # of run.json (`evals.record`)
# A report needs no script and nothing beside it; it is a page of its own, and opens no other.
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


@router.get("/evals", include_in_schema=False)
def evals_page(request: Request, serving: Served, run: str = "") -> HTMLResponse:
    """The figures of one run, by default of the latest that can be read."""
    folders = _runs(serving)
    if run:
        shown = _read(_named(folders, run))
    else:
        shown = next((read for folder in folders if (read := _read(folder))), None)
    return render(
        request,
        "evals.html",
        title="Evals",
        run=shown,
        runs=[folder.name for folder in folders[:LISTED]],
        asked=run,
    )


@router.get("/evals/{run}/report", include_in_schema=False)
def report(serving: Served, run: str) -> FileResponse:
    """The report of a run, as `curator eval` wrote it."""
    file = _named(_runs(serving), run) / "report.html"
    if not file.is_file():
        raise NotFoundError(
            "This run has no report.", remedy=f"Write it: curator eval report {run}"
        )
    return FileResponse(
        file, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY}
    )


def _runs(serving: Serving) -> list[Path]:
    """The runs' folders, the latest first."""
    folder = serving.library.home.root / "evals" / "runs"
    runs = (path for path in folder.glob("*") if (path / "run.json").is_file())
    return sorted(runs, key=lambda path: path.name, reverse=True)


def _named(folders: list[Path], name: str) -> Path:
    for folder in folders:
        if folder.name == name:
            return folder
    raise NotFoundError(
        "There is no such evaluation run.", remedy="See /evals for those there are."
    )


def _read(folder: Path) -> dict[str, Any] | None:
    file = folder / "run.json"
    try:
        return _figures(file, file.stat().st_mtime_ns, (folder / "report.html").is_file())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # damaged, or of a format that this version does not know


@lru_cache(maxsize=LISTED)
def _figures(file: Path, _changed: int, has_report: bool) -> dict[str, Any]:
    """What the page shows of a run: megabytes of samples are left out."""
    run = json.loads(file.read_text("utf-8"))
    if run["format"] != FORMAT:
        raise ValueError("another format")
    return {
        "id": file.parent.name,
        "started": str(run["started"])[:16].replace("T", " "),
        "minutes": round(float(run["seconds"]) / 60, 1),
        "label": str(run["label"]),
        "models": [f"{does}: {name}" for does, name in run["provenance"]["models"].items()],
        "has_report": has_report,
        "suites": [
            {
                "title": str(suite["title"]),
                "name": str(suite["name"]),
                "samples": len(suite["samples"]),
                "metrics": [_metric(metric) for metric in suite["metrics"]],
            }
            for suite in run["suites"]
        ],
        "skipped": [str(row.get("suite") or row.get("name") or row) for row in run["skipped"]],
    }


def _metric(metric: dict[str, Any]) -> dict[str, Any]:
    value, low, high = (_number(metric[key]) for key in ("value", "low", "high"))
    interval = f"{low}–{high}" if low and high else ""
    arrow = {"higher": "↑", "lower": "↓"}.get(metric["better"], "")
    unit = str(metric["unit"])
    return {
        "title": str(metric["title"]),
        "better": arrow,
        "means": f"{metric['better']} is better" if arrow else "",
        "value": f"{value} {unit}".strip() if value else "not scored",
        "interval": interval,
        "n": int(metric["n"]),
        "unscored": int(metric["unscored"]),
        "gate": bool(metric["gate"]),
    }


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
