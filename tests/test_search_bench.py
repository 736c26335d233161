"""The benchmark of search: its arithmetic, what it builds, and a run over very little data."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from fakes import FakeEmbedder, OverlapReranker
from hypothesis import given
from hypothesis import strategies as st

import evals.search.libraries
from curator.errors import InputError, ModelError
from curator.filters import Filters
from curator.identifiers import arxiv_id_of
from curator.text import plain, title_key
from evals.metrics import Row, difference, ratio
from evals.search import cold, filtering, growth, latency, sets
from evals.search.__main__ import main
from evals.search.bare import Brute, recall
from evals.search.exact import exact_retriever
from evals.search.figures import (
    average_difference,
    digest_of,
    ms,
    share,
    table,
    times_of,
    with_interval,
)
from evals.search.growth import Base, disk_of, moved_at_random, number_of, recombined
from evals.search.libraries import Libraries, Remembered
from evals.search.plot import growth_svg, ticks
from evals.search.probe import memory_now
from evals.search.quality import better_of_two, halved, ndcg_of, reciprocal_ranks

if TYPE_CHECKING:
    from curator.embedding import Vectors

FIELDS = ("graphs", "proofs", "galaxies", "proteins", "markets", "plasmas")
ARXIV = 80


def arxiv_row(number: int) -> dict[str, Any]:
    field = FIELDS[number % len(FIELDS)]
    return {
        "id": f"1801.{number:05d}",
        "title": f"A note on {field}, part {number}: what case {number * 7} shows",
        "abstract": f"We look at {field} in case {number}. Nobody has tried item {number * 3} yet. "
        f"It turns out well for {FIELDS[(number + 2) % 6]}.",
        "authors": f"Ada Fictive{number % 5}, Max Example",
        "categories": [f"cs.{field[:2].upper()}", f"x.{number % 9}"],
        "primary": f"cs.{field[:2].upper()}",
        "created": f"20{10 + number % 9}-0{1 + number % 9}-1{number % 10}",
        "updated": "",
        "doi": f"10.1103/PhysRevA.{number}.1" if number % 3 == 0 else "",
    }


def lines(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    file.parent.mkdir(exist_ok=True)
    with (gzip.open if file.suffix == ".gz" else open)(file, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The same files as the shared data has, in our own words and very small."""
    folder = tmp_path / "data"
    folder.mkdir()
    lines(folder / sets.ARXIV, [arxiv_row(n) for n in range(ARXIV)])
    lines(folder / sets.OTHERS, [arxiv_row(n) for n in range(ARXIV - 4, ARXIV + 20)])
    for name in ("ir_cranfield", "ir_cisi"):
        documents = [
            {"id": str(n), "title": f"{name} on {FIELDS[n % 6]} {n}", "text": f"Of {n * n} tests."}
            for n in range(12)
        ]
        lines(folder / name / "corpus.jsonl", documents)
        queries = [{"id": str(n), "text": f"tests of {FIELDS[n % 6]} {n}"} for n in range(8)]
        lines(folder / name / "queries.jsonl", queries)
        judged = "".join(f"{n}\t{n}\t1\n{n}\t{n + 1}\t1\n" for n in range(8))
        (folder / name / "qrels.tsv").write_text(judged)
    claims = [
        {
            "input": f"Item {n} of the {FIELDS[n % 6]} is blue.",
            "gold_ctx": [{"title": f"Colours of {FIELDS[n % 6]} {n}", "text": f"Item {n}: blue."}],
            "label": "SUPPORT",
        }
        for n in range(8)
    ]
    lines(folder / "scifact_claims_dev.jsonl", claims)
    return folder


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEmbedder:
    """What the libraries' vectors are made by."""
    embedder = FakeEmbedder()
    monkeypatch.setattr(evals.search.libraries, "open_embedder", lambda *_: embedder)
    return embedder


def libraries_of(data: Path, tmp_path: Path, count: int = ARXIV) -> Libraries:
    return Libraries(tmp_path / "bench", data, count, seed=0)


# ------------------------------------------------------------------------- figures


def test_times_are_quantiles_in_milliseconds() -> None:
    found = times_of([n / 1000 for n in range(1, 102)])
    assert found.n == 101
    assert found.p50 == pytest.approx(51)
    assert found.p95 == pytest.approx(96)
    assert times_of([]).n == 0
    assert [ms(v) for v in (0.123, 12.34, 1234.5, None, float("nan"))] == [
        "0.12",
        "12.3",
        "1,234",
        "–",
        "–",
    ]


def test_numbers_as_they_are_shown() -> None:
    assert [share(v) for v in (0.4119, 1.0, -0.02, None)] == [".412", "1.000", "−.020", "–"]
    assert [share(v, signed=True) for v in (0.02, -0.02, -0.0001)] == ["+.020", "−.020", ".000"]
    assert with_interval(0.5, 0.4, None) == ".500"
    assert with_interval(0.5, 0.4, 0.6) == ".500 [.400, .600]"


def test_tables_are_markdown_whatever_stands_in_them() -> None:
    shown = table(["what", "n"], [["a|b\nc", 1234], ["d", None]])
    assert shown.splitlines() == ["| what | n |", "|---|---:|", "| a\\|b c | 1,234 |", "| d | – |"]
    assert table(["a"], []) == "| a |\n|---|"


def test_ids_are_named_with_their_order() -> None:
    names = {digest_of(ids) for ids in (["a", "bc"], ["ab", "c"], ["bc", "a"], ["a"], [])}
    assert len(names) == 5


class TestAverageDifference:
    METRIC = ratio("x", "x", "x")

    def test_is_that_of_the_metric_where_there_is_one_set(self) -> None:
        rng = np.random.default_rng(1)
        first, second = rng.random(60), rng.random(60) + 0.1
        names = [str(i // 2) for i in range(60)]
        one, other = (
            [Row(str(i), names[i], {"x": float(v)}) for i, v in enumerate(values)]
            for values in (first, second)
        )
        ours = average_difference([((second - first).tolist(), names)])
        theirs = difference(self.METRIC, one, other)
        assert ours.value == pytest.approx(theirs.value)
        assert ours.low == pytest.approx(theirs.low, abs=0.01)
        assert ours.high == pytest.approx(theirs.high, abs=0.01)

    def test_each_set_counts_the_same(self) -> None:
        small, large = [0.2] * 10, [0.0] * 1000
        names = [str(i) for i in range(1000)]
        found = average_difference([(small, names[:10]), (large, names)])
        assert found.value == pytest.approx(0.1)
        assert found.low == pytest.approx(0.1)
        assert found.high == pytest.approx(0.1)

    def test_what_is_alike_counts_once(self) -> None:
        values = [1.0, -1.0] * 40
        alone = average_difference([(values, [str(i) for i in range(80)])])
        grouped = average_difference([(values, [f"{i % 2} {i // 16}" for i in range(80)])])
        assert alone.low is not None
        assert alone.high is not None
        assert grouped.low is not None
        assert grouped.high is not None
        assert grouped.high - grouped.low > 2 * (alone.high - alone.low)

    def test_few_clusters_have_no_interval(self) -> None:
        found = average_difference([([0.1, 0.3], ["a", "b"]), ([0.0] * 9, list("abcdefghi"))])
        assert found.value == pytest.approx(0.1)
        assert (found.low, found.high) == (None, None)


# ------------------------------------------------------------------------- quality


def test_reciprocal_ranks() -> None:
    assert reciprocal_ranks([["a", "b"], ["b", "c"]]) == ["b", "a", "c"]
    assert reciprocal_ranks([["a"], ["b"]]) == ["a", "b"], "equals: the first ranking's"
    assert reciprocal_ranks([[], ["b"]]) == ["b"]
    assert reciprocal_ranks([]) == []
    # With a small constant a first place outweighs two third ones, with 60 it does not.
    lists = [["x", "p", "b"], ["q", "r", "b"]]
    assert reciprocal_ranks(lists, 0)[0] == "x"
    assert reciprocal_ranks(lists)[0] == "b"


def test_ndcg_is_by_rank_and_grade() -> None:
    relevant = {"q": {"a": 3, "b": 1}, "none": {"a": 1}, "late": {"z": 1}}
    runs = {"q": ["b", "x", "a"], "none": [], "late": [*"abcdefghij", "z"]}
    found = ndcg_of(runs, relevant)
    ideal = 3 + 1 / np.log2(3)
    assert found["q"] == pytest.approx((1 + 3 / np.log2(4)) / ideal)
    assert (found["none"], found["late"]) == (0.0, 0.0)
    assert ndcg_of({"q": ["a", "b"]}, relevant)["q"] == pytest.approx(1.0)


def test_halves_and_the_better_of_two() -> None:
    rows = [Row(str(i), str(i), {"ndcg": float(i)}) for i in range(5)]
    assert [row.id for row in halved(rows, "even")] == ["0", "2", "4"]
    assert [row.id for row in halved(rows, "odd")] == ["1", "3"]
    assert halved(rows, "all") == rows
    assert better_of_two({"lexical": rows, "dense": rows[:2]}) == "lexical"
    assert better_of_two({"lexical": rows[:2], "dense": rows, "hybrid": rows}) == "dense"


# ---------------------------------------------------------------------------- sets


def test_titles_are_asked_of_abstracts_that_lack_them(data: Path, tmp_path: Path) -> None:
    (titles,) = (one for one in sets.query_sets(data, 0) if one.name == "titles")
    (file,) = sets.title_files(data, tmp_path, 0)
    papers = {row["title"]: row for row in map(json.loads, file.read_text().splitlines())}
    assert len(papers) == len(titles.queries) == ARXIV
    for query in titles.queries:
        (wanted,) = query.relevant
        assert papers[wanted]["abstract"] == arxiv_row(int(wanted[5:]))["abstract"]
        assert query.query not in json.dumps(papers[wanted])
    same, other = (
        [query.id for query in one.queries]
        for seed in (0, 1)
        for one in sets.query_sets(data, seed)
        if one.name == "titles"
    )
    assert same == [query.id for query in titles.queries] != other


def test_arxiv_papers_lie_in_files_of_about_the_same_size(data: Path, tmp_path: Path) -> None:
    files = sets.arxiv_files(data, tmp_path, 79)
    assert files[0].name == "scifact.jsonl"
    counts = [len(file.read_text().splitlines()) for file in files[1:]]
    assert sum(counts) == 79
    assert max(counts) == 2
    assert len(counts) == sets.PARTS
    first = json.loads(files[1].read_text().splitlines()[0])
    assert first["venue"] == "10.1103 PhysRevA"
    with pytest.raises(InputError, match="80 papers only"):
        sets.arxiv_files(data, tmp_path, 81)


def test_timed_queries_are_of_no_paper_there_is(data: Path) -> None:
    asked = sets.latency_queries(data)
    assert Counter(query.kind for query in asked) == {"title": 10, "keywords": 10, "claim": 8}
    known = {title_key(arxiv_row(n)["title"]) for n in range(ARXIV)}
    assert not any(title_key(query.text) in known for query in asked)
    keywords = next(query for query in asked if query.kind == "keywords")
    assert arxiv_row(int(keywords.id[5:]))["title"].endswith(keywords.text)


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=sets.ARXIV) as caught:
        sets.query_sets(tmp_path, 0)
    assert "--data" in caught.value.remedy


# ----------------------------------------------------------------------- libraries


class Stopping(FakeEmbedder):
    """Fails once it has embedded so many texts."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def embed(self, texts: Sequence[str]) -> Vectors:
        if len(self.texts) + len(texts) > self.after:
            raise KeyboardInterrupt
        return super().embed(texts)


class TestLibraries:
    def test_one_that_was_interrupted_goes_on_and_a_finished_one_is_left_alone(
        self, data: Path, tmp_path: Path, fake: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopping = Stopping(after=0)
        monkeypatch.setattr(evals.search.libraries, "open_embedder", lambda *_: stopping)
        with pytest.raises(KeyboardInterrupt), libraries_of(data, tmp_path).arxiv():
            pass
        assert not (tmp_path / "bench" / f"arxiv-{ARXIV}" / "ready.json").exists()
        monkeypatch.setattr(evals.search.libraries, "open_embedder", lambda *_: fake)
        with libraries_of(data, tmp_path).arxiv() as library:
            count = library.catalog.papers.count()
            assert count == ARXIV + 8
            assert library.catalog.vectors.missing_count(fake.fingerprint) == 0
        assert len(fake.texts) == count
        with libraries_of(data, tmp_path).arxiv() as library:
            assert library.catalog.papers.count() == count
        assert len(fake.texts) == count, "nothing is made twice"

    def test_vectors_that_are_there_are_not_made(
        self, data: Path, tmp_path: Path, fake: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(evals.search.libraries, "open_embedder", lambda *_: Stopping(after=0))
        with pytest.raises(KeyboardInterrupt), libraries_of(data, tmp_path).of_set("cisi"):
            pass
        monkeypatch.setattr(evals.search.libraries, "open_embedder", lambda *_: fake)
        with libraries_of(data, tmp_path).samples() as other:
            home = tmp_path / "bench" / "cisi" / "library"
            with type(other).open(home) as library:
                library.embedder = FakeEmbedder()
                library.index()
        fake.texts.clear()
        with libraries_of(data, tmp_path).of_set("cisi") as library:
            assert library.vectors.count() == 12
        assert fake.texts == []

    def test_one_of_other_data_is_not_taken_for_this(
        self, data: Path, tmp_path: Path, fake: FakeEmbedder
    ) -> None:
        with libraries_of(data, tmp_path).of_set("cranfield"):
            pass
        lines(data / "ir_cranfield" / "corpus.jsonl", [{"id": "1", "title": "x", "text": "y z."}])
        with (
            pytest.raises(InputError, match="other data"),
            libraries_of(data, tmp_path).of_set("cranfield"),
        ):
            pass


# ------------------------------------------------------------------------- filters


@pytest.mark.parametrize(("part", "passing"), [(0.5, 500), (0.1, 100), (0.01, 10)])
def test_days_pass_about_as_many_papers_as_they_should(part: float, passing: int) -> None:
    days = sorted(f"{2000 + n // 300}-{1 + n // 28 % 12:02d}-{1 + n % 28:02d}" for n in range(1000))
    near = filtering._days_near(days, part)
    assert len(set(near)) == len(near) == filtering.VALUES
    counts = [sum(day >= since for day in days) for since in near]
    assert abs(float(np.median(counts)) - passing) <= filtering.VALUES
    assert filtering._days_near([], 0.5) == []
    assert filtering._days_near(["2024-01-01"] * 3, 0.1) == ["2024-01-01"]


def test_filtered_searches_find_what_ranking_what_passes_finds(
    data: Path, tmp_path: Path, fake: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtering, "VALUES", 8)
    libraries = libraries_of(data, tmp_path)
    asked = sets.latency_queries(data)
    texts = [plain(query.text) for query in asked]
    remembered = Remembered(fake, texts, fake.embed(texts))
    with libraries.arxiv() as library:
        library.embedder = remembered
        brute = Brute(library)
        measured = filtering.measure_filters(library, remembered, brute, asked, libraries)
        names = [found["name"] for found in measured if found["n"]]
        assert {"tag", "liked", "unread", "venue", "source", "category, frequent"} <= {*names}
        for found in measured:
            if found["n"]:
                assert found["equal"] == 1.0, found["name"]
                assert found["overlap"] == 1.0, found["name"]
        by_name = {found["name"]: found for found in measured}
        assert by_name["tag"]["passing"] == 4
        assert by_name["source"]["passing"] == 2
        assert by_name["unread"]["share"] == pytest.approx(0.7, abs=0.02)
        assert "| tag |" in filtering.shown_filters(measured)

        # The reference knows of no mask but SQL's: a wrong one in the search is seen.
        exact = exact_retriever(library, remembered, brute)
        chosen = Filters(author="fictive1")
        papers = [hit.paper for hit in exact.search(asked[0].text, 10, chosen)]
        assert len(papers) == 10
        assert all("Ada Fictive1" in paper.authors for paper in papers)
        right = library.catalog.facets.mask(chosen).copy()
        right[papers[0].seq] = False
        monkeypatch.setattr(library.catalog.facets, "mask", lambda _: right)
        (wrong,) = (
            filtering._measure(library, remembered, exact, case, iter([asked[0].text] * 99))
            for case in [filtering.Case("author", [chosen])]
        )
        assert wrong["equal"] == 0.0
        assert wrong["overlap"] == pytest.approx(0.9)


def test_recall_is_of_what_is_wanted() -> None:
    assert recall([1, 2, 3], [3, 4]) == 0.5
    assert recall([], [1]) == 0.0
    assert recall([1], []) == 1.0


# -------------------------------------------------------------------------- growth


def base_of(count: int) -> Base:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((count, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Base(
        [f"First {n} words and last{n} one{n}" for n in range(count)],
        [[f"Sentence {n} {k}." for k in range(n % 4)] or [f"Only {n}."] for n in range(count)],
        [f"2015-01-{1 + n % 28:02d}" for n in range(count)],
        vectors,
    )


def test_recombined_papers_are_all_different_and_of_two() -> None:
    base = base_of(7)
    papers = [recombined(base, number) for number in range(7 * 6)]
    assert len({(paper["title"], paper["abstract"]) for paper in papers}) == 7 * 6
    assert len({paper["arxiv_id"] for paper in papers}) == 7 * 6
    for number, paper in enumerate(papers):
        assert paper["abstract"]
        assert paper["title"].startswith(f"First {number % 7} ")
        assert not paper["title"].endswith(f"one{number % 7}"), "the other half is another's"
        assert number_of(paper["arxiv_id"]) == number
    assert recombined(base, 40) == papers[40]
    assert recombined(base_of(1), 3)["abstract"], "of one paper it can only be made of itself"


@given(st.integers(0, 2_000_000))
def test_made_ids_are_arxiv_ids_and_say_their_number(number: int) -> None:
    name = growth._id_of(number)
    assert arxiv_id_of(name) == (name, None)
    assert number_of(name) == number


def test_moved_vectors_are_as_near_as_they_should_be() -> None:
    base = base_of(200).vectors
    moved = moved_at_random(base, np.random.default_rng(1))
    assert moved.dtype == np.float32
    assert np.allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-5)
    assert np.allclose((moved * base).sum(axis=1), growth.COSINE, atol=1e-4)
    again = moved_at_random(base, np.random.default_rng(2))
    assert not np.allclose(moved, again), "each repetition is another"


def test_holes_take_no_space(tmp_path: Path) -> None:
    (tmp_path / "index" / "vectors-mirror" / "x").mkdir(parents=True)
    file = tmp_path / "index" / "vectors-mirror" / "x" / "rows.f32"
    file.touch()
    os.truncate(file, 50_000_000)
    (tmp_path / "catalog.sqlite3").write_bytes(os.urandom(100_000))
    found = disk_of(tmp_path)
    assert found["mirror"] < 1_000_000
    assert 90_000 < found["catalog"] < 200_000
    assert found["words"] == found["Chroma"] == 0


def test_memory_is_what_is_touched() -> None:
    before = memory_now()
    held = np.ones(8_000_000)
    assert 50_000_000 < memory_now() - before < 200_000_000
    assert held.sum() == 8_000_000


# ---------------------------------------------------------------------------- plot


@given(st.floats(1e-3, 1e9))
def test_ticks_are_few_round_and_reach_the_top(high: float) -> None:
    marks = ticks(high)
    assert marks[0] == 0
    assert marks[-1] >= high * (1 - 1e-6)
    assert marks[-2] < high
    assert 4 <= len(marks) <= 8
    steps = np.diff(marks)
    assert np.allclose(steps, steps[0])


def test_no_height_has_ticks_too() -> None:
    assert ticks(0) == ticks(float("nan")) == [0.0, 1.0]


def point(papers: int) -> dict[str, Any]:
    return {
        "papers": papers,
        "hybrid": {"p50": 10.0, "p95": 20.0},
        "dense": {"p50": 2.0},
        "lexical": {"p50": 2.0},
        "disk": {"catalog": 3 * papers, "<odd> & part": 3 * papers},
        "memory": {"searching": 1000 * papers},
    }


@pytest.mark.parametrize("sizes", [(10_000,), (10_000, 30_000, 500_000)])
def test_the_plot_is_whole_and_its_names_are_apart(sizes: tuple[int, ...]) -> None:
    root = ET.fromstring(growth_svg([point(papers) for papers in sizes]))
    space = "{http://www.w3.org/2000/svg}"
    paths = [element.get("d", "") for element in root.iter(f"{space}path")]
    assert len(paths) == 4 + 3
    assert all(path.count("L") == len(sizes) - 1 for path in paths)
    texts = {e.text: e for e in root.iter(f"{space}text")}
    assert "disk: <odd> & part" in texts
    heights = sorted(float(texts[f"{name} p50"].get("y", 0)) for name in ("vectors", "words"))
    assert heights[1] - heights[0] >= 13
    width = float(root.get("viewBox", "").split()[2])
    assert all(0 <= float(e.get("cx", -1)) <= width for e in root.iter(f"{space}circle"))
    assert "10,000 papers: hybrid p50 10.0 ms" in root.get("aria-label", "")


# ---------------------------------------------------------------------------- cold


def test_ratios_are_to_the_import() -> None:
    found = cold.summed_up({cold.CHROMA: [2.0, 1.0, 4.0], "search": [3.0, 2.0, 2.5]})
    assert found["search"]["best_ratio"] == 2.0
    assert found["search"]["median_ratio"] == 1.25
    assert found[cold.CHROMA]["median_ratio"] == 1.0


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "import sys; sys.stderr.write('words')"])
def test_a_command_that_complains_is_not_measured(code: str) -> None:
    with pytest.raises(ModelError, match="ended with"):
        cold.seconds_of([sys.executable, "-c", code])
    assert 0 < cold.seconds_of([sys.executable, "-c", "print('fine')"]) < 60


# --------------------------------------------------------------------- the command


def test_wrong_arguments_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fake: FakeEmbedder
) -> None:
    assert main(["--plot", "x.svg", "--only", "cold"]) == 2
    assert "growth" in capsys.readouterr().err
    assert main(["--data", str(tmp_path / "none"), "--only", "quality"]) == 2
    said = capsys.readouterr().err
    assert "not in" in said
    assert "Traceback" not in said
    with pytest.raises(SystemExit) as caught:
        main(["--growth", "many"])
    assert caught.value.code == 2


def test_a_run_over_little_data(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fake: FakeEmbedder,
    reranker: OverlapReranker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("curator.reranking.open_reranker", lambda *_: reranker)
    monkeypatch.setattr(filtering, "VALUES", 3)
    monkeypatch.setattr(sets, "TITLES", 15)
    monkeypatch.setattr(growth, "QUERIES", 10)
    monkeypatch.setattr(latency, "WARM", 1)
    common = ["--data", str(data), "--home", str(tmp_path / "bench"), "--distractors", "60"]
    out, plot = tmp_path / "all.json", tmp_path / "docs" / "growth.svg"
    more = ["--growth", "20,40", "--plot", str(plot), "--out", str(out)]
    chosen = ["--only", "quality", "--only", "latency", "--only", "growth"]
    assert main([*common, *more, *chosen, "--rerank", "--rerank-minutes", "0"]) == 0
    shown = capsys.readouterr().out
    numbers = json.loads(out.read_text())
    assert numbers["quality"]["sets"]["scifact"]["papers"] == 68
    for name, found in numbers["quality"]["sets"].items():
        assert len(found["ids"]) == len(found["ndcg"]["hybrid"]), name
        assert found["halves"]["all"]["ndcg"]["hybrid"]["value"] > 0.3, name
    assert shown.count("average of the sets") == 3
    for name, found in numbers["quality"]["reranked"].items():
        sample = found["ids"]
        assert len(sample) == found["difference"]["n"] == 5, name
        assert {*sample} < {*numbers["quality"]["sets"][name]["ids"]}
        mean = float(
            np.mean([numbers["quality"]["sets"][name]["ndcg"]["hybrid"][i] for i in sample])
        )
        assert found["difference"]["first"] == pytest.approx(mean), name
    ways = numbers["latency"]["ways"]
    assert all(found["n"] == 28 and 0 < found["p50"] <= found["p95"] for found in ways.values())
    assert numbers["latency"]["recall"]["the mirror"]["all"]["worst_100"] == 1.0
    points = numbers["growth"]["points"]
    assert [(p["papers"], p["vectors"]) for p in points] == [(20, 20), (40, 40)]
    assert all(p["disk"][part] > 0 for p in points for part in ("catalog", "words", "mirror"))
    assert ET.parse(plot).getroot().tag.endswith("svg")
    for part in ("## Quality", "## Latency", "## Growth", "Filters:"):
        assert part in shown
    # What is finished is found again, without what it was made of.
    libraries = Libraries(tmp_path / "bench", data, 60, 0)
    monkeypatch.setattr(growth._Builder, "_base", None)
    assert growth._Builder(libraries).library(40).is_dir()
