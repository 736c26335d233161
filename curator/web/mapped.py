"""The map: the library in two dimensions, coloured by tag, week by week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from curator.serving.jobs import Job
from curator.web.map_kept import kept_layout, map_job, wanted_job
from curator.web.pages import Served, render, shown

if TYPE_CHECKING:
    from curator.library import Library
    from curator.paper import Paper

__all__ = ["router"]

router = APIRouter()

COLOURS = 8  # that people can tell apart; all other tags share one more, grey
LONGEST = 200  # characters of a title


@router.get("/map", include_in_schema=False)
def map_page(request: Request) -> HTMLResponse:
    return render(request, "map.html", title="Map")


@router.get("/api/map")
def map_data(serving: Served) -> dict[str, Any]:
    """The papers with their places (``x`` and ``y`` from -1 to 1), the tags that colour them
    (``colour`` 0 to 7; 8 for all others) and the weeks, in order.

    ``state``: ``ready``; ``drawing`` (a job is at it; what there is of an older map is given);
    ``failed`` (``error`` says why); ``empty`` (no papers); ``no vectors``.
    """
    library = serving.library
    total = library.catalog.papers.count()
    layout, fresh = kept_layout(library)
    job: Job | None = None
    if not total:
        state = "empty"
    elif fresh:
        state = "ready" if layout and layout.ids else "no vectors"
    else:
        job = wanted_job(serving)
        state = "failed" if job.state in ("failed", "stopped") else "drawing"
    papers, tags = _points(library, layout.ids, layout.places.tolist()) if layout else ([], [])
    return {
        "state": state,
        "error": (job.error or "It was stopped.") if job and state == "failed" else "",
        "job": _progress(job, serving.jobs.all()) if job else None,
        "total": total,
        "later": len(layout.ids) - layout.drawn if layout else 0,
        "papers": papers,
        "tags": tags,
        "weeks": sorted({paper["week"] for paper in papers if paper["week"]}),
    }


@router.post("/api/map", status_code=202)
def draw_map(serving: Served) -> dict[str, Any]:
    """Draws the whole map anew."""
    job = map_job(serving, anew=True)
    return {"state": "drawing", "job": _progress(job, serving.jobs.all())}


def _progress(job: Job, jobs: Iterable[Job]) -> dict[str, Any]:
    behind = next((one.title for one in jobs if one.state == "running" and one is not job), "")
    return {
        "id": job.id,
        "state": job.state,
        "done": job.done,
        "of": job.of,
        "behind": behind if job.state == "waiting" else "",
    }


def _points(
    library: Library, ids: Iterable[str], places: list[list[float]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The papers that there still are, and the tags that colour them."""
    at = dict(zip(ids, places, strict=True))
    papers = library.catalog.papers.get(at)
    given = _given_tags(library, papers)
    colours = _colours(given.values())
    liked = set(library.catalog.marks.ids("liked"))
    points, counts = [], Counter[str]()
    for paper in papers.values():
        tag = next((name for name in given[paper.id] if name in colours), "")
        counts[tag] += 1
        x, y = at[paper.id]
        points.append(
            {
                "id": paper.id,
                "title": shown(paper.title)[:LONGEST] or paper.id,
                "day": paper.day,
                "week": _week(paper.day),
                "tag": tag,
                "x": round(x, 4),
                "y": round(y, 4),
                "liked": paper.id in liked,
            }
        )
    tags = [{"name": n, "count": counts[n], "colour": c} for n, c in colours.items()]
    if counts[""]:
        tags.append({"name": "", "count": counts[""], "colour": COLOURS})
    return points, tags


def _given_tags(library: Library, papers: dict[str, Paper]) -> dict[str, list[str]]:
    """The tags that say what papers are about, surest first; those of facets that every paper
    answers (what kind of contribution it is, say) would colour all alike."""
    taxonomy = library.taxonomy
    stored = library.catalog.outputs.tags(papers)
    facets = taxonomy.facet_of
    given = {}
    for paper_id in papers:
        tags = [tag for tag in stored.get(paper_id, []) if not tag.needs_review]
        tags.sort(key=lambda tag: (-tag.confidence, tag.tag))
        given[paper_id] = [
            tag.tag for tag in tags if tag.tag not in facets or facets[tag.tag].rule == "any"
        ]
    return given


def _colours(given: Iterable[list[str]]) -> dict[str, int]:
    """Up to eight tags that colour the most papers: each is the most frequent among those that
    the ones before leave grey (greedy cover)."""
    left = [set(names) for names in given if names]
    chosen: dict[str, int] = {}
    while left and len(chosen) < COLOURS:
        counts = Counter(name for names in left for name in names)
        best = min(counts, key=lambda name: (-counts[name], name))
        chosen[best] = len(chosen)
        left = [names for names in left if best not in names]
    return chosen


def _week(day: str) -> str:
    try:
        year, week, _ = date.fromisoformat(day).isocalendar()
    except ValueError:
        return ""
    return f"{year:04d}-W{week:02d}"
