"""The library's map: drawn in the background, kept on disk, and added to without being redrawn.

``index/map.npz`` has the places of papers, the embedder whose vectors they are of, and the last
change that they know of. It can be made again at any time.
"""

from __future__ import annotations

import os
import weakref
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curator.errors import StorageError
from curator.web.map_layout import lay_out, place_among

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curator.library import Library
    from curator.serving import Serving
    from curator.serving.jobs import Job

__all__ = ["MOST", "Layout", "kept_layout", "map_job", "wanted_job"]

MOST = 20_000  # papers on the map, the newest


@dataclass(frozen=True)
class Layout:
    """Places of papers, (n, 2), from -1 to 1. ``drawn`` of them were laid out together; the
    others came later. ``change`` names what of the library it was made of."""

    ids: tuple[str, ...]
    places: NDArray[np.float32]
    fingerprint: str
    change: str
    drawn: int


def kept_layout(library: Library) -> tuple[Layout | None, bool]:
    """The layout by the present embedder, if there is one, and whether it is up to date.

    Raises:
        MissingError: the embedder's weights are missing.
    """
    layout = _load(_file(library), library.vectors.fingerprint)
    return layout, layout is not None and layout.change == _change(library)


def map_job(serving: Serving, *, anew: bool = False) -> Job:
    """Draws the map: puts later papers among those that it has, or draws all of it ``anew``.

    Raises:
        UsageError: it is under way.
        MissingError: the embedder's weights are missing.
    """
    library = serving.library
    change = _change(library)

    def work() -> dict[str, Any]:
        return _draw(serving, anew=anew)

    job = serving.jobs.start("map", "Draw the map", work)
    _tried[serving] = change, job
    return job


def wanted_job(serving: Serving) -> Job:
    """The job that draws what is missing: the one under way, a new one, or, where that has
    failed or was stopped for just this library, the one that did."""
    for job in serving.jobs.all():
        if job.kind == "map" and job.state in ("waiting", "running"):
            return job
    change, tried = _tried.get(serving, ("", None))
    ended_badly = tried is not None and tried.state in ("failed", "stopped")
    if tried is not None and ended_badly and change == _change(serving.library):
        return tried
    return map_job(serving)


_tried: weakref.WeakKeyDictionary[Serving, tuple[str, Job]] = weakref.WeakKeyDictionary()


def _draw(serving: Serving, *, anew: bool) -> dict[str, Any]:
    """Makes the layout and keeps it; how many papers are on it."""
    library = serving.library
    change = _change(library)  # before reading: what comes in meanwhile is drawn next
    papers = library.catalog.papers.select(limit=MOST)
    vectors = library.vectors.vectors(papers)
    ids = [paper.id for paper in papers if paper.id in vectors]
    former = None if anew else _load(_file(library), library.vectors.fingerprint)
    known = dict(zip(former.ids, former.places, strict=True)) if former else {}
    old = [i for i in ids if i in known]
    new = [i for i in ids if i not in known]
    # Among few, many have no place of their own: then it is a map of another library.
    whole = not old or former is None or len(ids) > 2 * former.drawn
    if whole:
        old, new, known = [], ids, {}

    def step(done: int, of: int) -> None:
        serving.jobs.progress("drawing", done, of)

    def rows(some: list[str]) -> NDArray[np.float32]:
        return np.stack([vectors[i] for i in some]).astype(np.float32)

    if new and whole:
        places = lay_out(rows(new), step)
    elif new:
        places = place_among(rows(new), rows(old), np.stack([known[i] for i in old]))
    else:
        places = np.zeros((0, 2), np.float32)
    known |= dict(zip(new, places, strict=True))
    layout = Layout(
        tuple(ids),
        np.array([known[i] for i in ids], np.float32).reshape(-1, 2),
        library.vectors.fingerprint,
        change,
        len(ids) if whole or former is None else former.drawn,
    )
    _save(_file(library), layout)
    return {"papers": len(ids), "placed": len(new), "without_vector": len(papers) - len(ids)}


# ------------------------------------------------------------------------------------ disk


def _file(library: Library) -> Path:
    return library.home.root / "index" / "map.npz"


def _change(library: Library) -> str:
    """Names the present texts and vectors."""
    catalog = library.catalog
    return f"{catalog.papers.last_seq()}.{catalog.papers.count()}.{catalog.vectors.generation()}"


def _load(file: Path, fingerprint: str) -> Layout | None:
    """None also for a file that is damaged: it is drawn again."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            layout = Layout(
                tuple(stored["ids"].tolist()),
                stored["places"].astype(np.float32),
                str(stored["fingerprint"]),
                str(stored["change"]),
                int(stored["drawn"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    is_whole = layout.places.shape == (len(layout.ids), 2) and np.isfinite(layout.places).all()
    return layout if is_whole and layout.fingerprint == fingerprint else None


def _save(file: Path, layout: Layout) -> None:
    part = file.with_name(f"map.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            np.savez_compressed(
                stream,
                ids=np.array(layout.ids, np.str_),
                places=layout.places,
                fingerprint=np.array(layout.fingerprint),
                change=np.array(layout.change),
                drawn=np.array(layout.drawn),
            )
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(f"The map cannot be kept: {error.strerror or error}.") from error
