"""The map: neighbours stay neighbours, the same library gives the same picture, later papers
come among the others without moving them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from commands import write_lines
from served import EVIL, live, make_home, open_library

from curator.library import Library
from curator.serving import Serving
from curator.serving.jobs import Job
from curator.web import map_kept
from curator.web.map_kept import kept_layout, map_job
from curator.web.map_layout import lay_out, pca, place_among, trustworthiness


def groups(count: int, kinds: int = 6, seed: int = 1) -> Any:
    """Unit vectors around some middles, and whose group each is of."""
    chance = np.random.default_rng(seed)
    middles = chance.normal(size=(kinds, 48))
    of = np.arange(count) % kinds
    rows = middles[of] + chance.normal(scale=0.7, size=(count, 48))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), of


def papers(count: int, start: int = 0) -> list[dict[str, Any]]:
    topics = ["owls hear prey", "bats echo walls", "moles smell soil", "whales sing songs"]
    return [
        {
            "title": f"Study {n} of how {topics[n % 4]}",
            "abstract": f"We show that {topics[n % 4]} in case {n}. It is so for {topics[n % 4]}.",
            "url": f"https://example.org/{n}",
            "published": f"2026-11-{n % 20 + 1:02d}",
        }
        for n in range(start, start + count)
    ]


def add(library: Library, home: Path, rows: list[dict[str, Any]], *, embed: bool = True) -> None:
    file = write_lines(home.parent / f"more-{rows[0]['title'][6:10].strip()}.jsonl", *rows)
    library.add([str(file)], embed=embed)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "home", *papers(40))


@contextmanager
def serving_of(home: Path) -> Iterator[Serving]:
    with open_library(home) as library:
        serving = Serving(library)
        try:
            yield serving
        finally:
            serving.close()


def ended(job: Job) -> Job:
    end = time.monotonic() + 60
    while not job.ended:
        assert time.monotonic() < end, job
        time.sleep(0.01)
    return job


# ------------------------------------------------------------------------------ the layout


def test_neighbours_stay_neighbours_and_more_so_than_by_components() -> None:
    vectors, of = groups(240)
    places = lay_out(vectors)
    assert places.shape == (240, 2)
    assert np.isfinite(places).all()
    assert np.abs(places).max() == pytest.approx(1.0)
    assert trustworthiness(vectors, places) > 0.9
    assert trustworthiness(vectors, places) > trustworthiness(vectors, pca(vectors, 2)) + 0.02
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    assert (of[apart.argmin(axis=1)] == of).mean() > 0.95


def test_trustworthiness_of_the_best_and_of_chance() -> None:
    chance = np.random.default_rng(3)
    angle = chance.uniform(0, 2 * np.pi, 200)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    assert trustworthiness(ring, ring) == pytest.approx(1.0)
    assert trustworthiness(ring, chance.permutation(ring)) == pytest.approx(0.5, abs=0.08)


def test_the_same_vectors_give_the_same_picture() -> None:
    vectors, _ = groups(150)
    assert (lay_out(vectors) == lay_out(vectors.copy())).all()
    assert (lay_out(vectors, sample=60) == lay_out(vectors, sample=60)).all()


def test_of_many_a_sample_is_laid_out() -> None:
    vectors, _ = groups(400)
    steps: list[tuple[int, int]] = []
    places = lay_out(vectors, lambda done, total: steps.append((done, total)), sample=150)
    assert trustworthiness(vectors, places) > 0.85
    assert steps
    assert all(done < total for done, total in steps)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_few_papers(count: int) -> None:
    vectors, _ = groups(max(count, 1))
    places = lay_out(vectors[:count])
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert len({tuple(row) for row in places.tolist()}) == count


def test_papers_with_the_same_vector() -> None:
    same = np.zeros((30, 48), np.float32)
    same[:, 0] = 1
    assert np.isfinite(lay_out(same)).all()
    mixed = np.concatenate([same, groups(30)[0]])
    assert np.isfinite(lay_out(mixed)).all()


def test_later_papers_come_among_their_like() -> None:
    vectors, of = groups(260)
    old, places = vectors[:200], lay_out(vectors[:200])
    found = place_among(vectors[200:], old, places)
    near = np.linalg.norm(found[:, None] - places[None], axis=-1).argmin(axis=1)
    assert (of[near] == of[200:]).mean() > 0.95
    one = place_among(vectors[200:201], old, places)
    assert one == pytest.approx(found[:1], abs=1e-5), "whoever comes along"


def test_a_place_among_nobody() -> None:
    vectors, _ = groups(5)
    nothing = np.zeros((0, 48), np.float32)
    assert place_among(vectors, nothing, np.zeros((0, 2), np.float32)).shape == (5, 2)
    assert place_among(nothing, vectors, lay_out(vectors)).shape == (0, 2)


# ------------------------------------------------------------------------------- keeping it


def test_the_map_is_kept_and_later_papers_move_nobody(home: Path) -> None:
    with serving_of(home) as serving:
        library = serving.library
        assert kept_layout(library) == (None, False)
        first = ended(map_job(serving))
        assert first.state == "done", first.error
        assert first.result == {"papers": 43, "placed": 43, "without_vector": 0}
        before, fresh = kept_layout(library)
        assert before is not None
        assert fresh
        add(library, home, papers(10, 100))
        stale, fresh = kept_layout(library)
        assert stale is not None
        assert not fresh
        job = ended(map_job(serving))
        assert job.result == {"papers": 53, "placed": 10, "without_vector": 0}
        after, fresh = kept_layout(library)
        assert after is not None
        assert fresh
        assert after.drawn == 43
        places = dict(zip(after.ids, after.places.tolist(), strict=True))
        for paper_id, place in zip(before.ids, before.places.tolist(), strict=True):
            assert places[paper_id] == place, "it was moved"
        anew = ended(map_job(serving, anew=True))
        assert anew.result["placed"] == 53
    with serving_of(home) as serving:  # also by another process
        again, fresh = kept_layout(serving.library)
        assert fresh
        assert again is not None
        assert again.drawn == 53


def test_the_map_of_a_few_is_drawn_anew_when_many_come(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    with serving_of(home) as serving:
        assert ended(map_job(serving)).result["papers"] == 3
        add(serving.library, home, papers(30))
        assert ended(map_job(serving)).result["placed"] == 33


def test_papers_without_vectors_wait_for_theirs(home: Path) -> None:
    with serving_of(home) as serving:
        ended(map_job(serving))
        add(serving.library, home, papers(5, 200), embed=False)
        job = ended(map_job(serving))
        assert job.result == {"papers": 43, "placed": 0, "without_vector": 5}
        serving.library.index()
        layout, fresh = kept_layout(serving.library)
        assert layout is not None
        assert not fresh, "the new vectors are a change"
        assert ended(map_job(serving)).result["placed"] == 5


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn", b"\x93NUMPY garbage"])
def test_a_damaged_file_is_drawn_again(home: Path, damage: bytes) -> None:
    with serving_of(home) as serving:
        ended(map_job(serving))
        file = home / "index" / "map.npz"
        file.write_bytes(damage or file.read_bytes()[:-40])
        assert kept_layout(serving.library) == (None, False)
        assert ended(map_job(serving)).result["placed"] == 43
        assert [path.name for path in file.parent.glob("map.*")] == ["map.npz"]


def test_drawing_can_be_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_of(home) as serving:

        def stopped(vectors: Any, step: Any) -> Any:
            serving.jobs.stop(1)
            step(0, 10)
            raise AssertionError("it went on")

        monkeypatch.setattr(map_kept, "lay_out", stopped)
        job = ended(map_job(serving))
        assert job.state == "stopped"
        assert map_kept.wanted_job(serving) is job, "it is not begun again by itself"
        monkeypatch.undo()
        add(serving.library, home, papers(2, 300))
        assert ended(map_kept.wanted_job(serving)).state == "done", "but it is for new papers"


# --------------------------------------------------------------------------------- the page


def loaded(http: httpx.Client) -> Any:
    end = time.monotonic() + 60
    while (data := http.get("/api/map").json())["state"] == "drawing":
        assert time.monotonic() < end, data
        time.sleep(0.02)
    return data


def test_the_page_draws_what_is_missing(home: Path) -> None:
    with open_library(home) as library:
        owl = library.catalog.papers.resolve("OwlNet")
        library.catalog.marks.set("liked", [owl.id])
        with live(library) as url, httpx.Client(base_url=url, timeout=60) as http:
            assert http.get("/map").status_code == 200
            first = http.get("/api/map").json()
            assert first["state"] == "drawing"
            assert first["papers"] == []
            data = loaded(http)
            assert data["state"] == "ready"
            assert len(data["papers"]) == data["total"] == 43
            assert sum(tag["count"] for tag in data["tags"]) == 43
            assert data["weeks"] == sorted({paper["week"] for paper in data["papers"]})
            liked = [paper["id"] for paper in data["papers"] if paper["liked"]]
            assert liked == [owl.id]
            assert all(abs(paper[axis]) <= 1.1 for paper in data["papers"] for axis in "xy")
            evil = next(paper for paper in data["papers"] if "script" in paper["title"])
            assert evil["title"] == EVIL["title"], "text is text: the page makes no markup of it"
            assert "<script>window" not in http.get("/map").text
            assert len(http.get("/api/status").json()["jobs"]) == 1, "looking again draws nothing"


def test_it_is_drawn_anew_by_who_may(home: Path) -> None:
    with (
        open_library(home) as library,
        live(library) as url,
        httpx.Client(base_url=url, timeout=60) as http,
    ):
        found = re.search(r'name="csrf" content="([^"]*)"', http.get("/map").text)
        assert found
        loaded(http)
        assert http.post("/api/map", json={}).status_code == 403
        headers = {"X-CSRF-Token": found[1], "Origin": url}
        assert http.post("/api/map", json={}, headers=headers).status_code == 202
        assert len(loaded(http)["papers"]) == 43


def test_an_empty_library(tmp_path: Path) -> None:
    with (
        open_library(tmp_path / "empty") as library,
        live(library) as url,
        httpx.Client(base_url=url, timeout=60) as http,
    ):
        data = http.get("/api/map").json()
        assert (data["state"], data["papers"], data["tags"]) == ("empty", [], [])
        assert http.get("/api/status").json()["papers"] == 0
        assert http.get("/status").status_code == 200


def test_one_paper_and_none_with_a_vector(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with open_library(home) as library, live(library) as url:
        add(library, home, papers(1), embed=False)
        with httpx.Client(base_url=url, timeout=60) as http:
            assert loaded(http)["state"] == "no vectors"
            library.index()
            data = loaded(http)
            assert data["state"] == "ready"
            assert [(paper["x"], paper["y"]) for paper in data["papers"]] == [(0, 0)]
            assert data["tags"] == [{"name": "", "count": 1, "colour": 8}]


def test_a_map_that_cannot_be_kept_is_told_once(home: Path) -> None:
    with open_library(home) as library, live(library) as url:
        (home / "index" / "map.npz").mkdir()
        with httpx.Client(base_url=url, timeout=60) as http:
            data = loaded(http)
            assert data["state"] == "failed"
            assert "cannot be kept" in data["error"]
            loaded(http)
            assert len(http.get("/api/status").json()["jobs"]) == 1
