"""The catalog: which records are one paper, what is kept, and what survives a disaster."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fakes import add, many, record
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from curator.catalog import Catalog, Filters, StoredTag
from curator.catalog.papers import CHUNK
from curator.catalog.schema import records
from curator.errors import NotFoundError, StorageError
from curator.paper import Paper, Record, Rejected, id_of_key, paper_id_of


def only(catalog: Catalog) -> Paper:
    (paper,) = catalog.papers.select()
    return paper


def counts(report: Any) -> tuple[int, int, int]:
    return report.added, report.updated, report.unchanged


# ------------------------------------------------------------------ one paper or two


def test_the_same_record_twice_changes_nothing(catalog: Catalog) -> None:
    assert counts(add(catalog, *many(20))) == (20, 0, 0)
    before = catalog.papers.select()
    report = add(catalog, *many(20))
    assert counts(report) == (0, 0, 20)
    assert catalog.papers.select() == before
    assert set(report.paper_ids) == {p.id for p in before}


def test_twins_in_one_reading_are_one_paper(catalog: Catalog) -> None:
    report = add(
        catalog,
        record("Tülu 3: Pushing Frontiers", "First words."),
        record('T\\"ulu 3:  pushing frontiers', "First words."),
        record("TULU 3 - Pushing Frontiers.", "First words.", arxiv_id="2411.15124"),
    )
    assert counts(report) == (1, 1, 1)
    assert only(catalog).title == "Tülu 3: Pushing Frontiers"
    assert only(catalog).arxiv_id == "2411.15124"


def test_one_title_with_two_arxiv_ids_is_two_papers(catalog: Catalog) -> None:
    report = add(
        catalog,
        record("A Survey", "Of birds.", arxiv_id="2401.00001"),
        record("A Survey", "Of fish.", arxiv_id="2401.00002"),
        record("A Survey", "Of birds.", arxiv_id="2401.00001"),
    )
    assert counts(report) == (2, 0, 1)
    assert {p.abstract for p in catalog.papers.select()} == {"Of birds.", "Of fish."}
    assert len({p.id for p in catalog.papers.select()}) == 2
    assert counts(add(catalog, record("A Survey", "Of fish.", arxiv_id="2401.00002"))) == (0, 0, 1)


def test_one_title_with_two_dois_is_two_papers_also_in_two_readings(catalog: Catalog) -> None:
    add(catalog, record("Editorial", "Volume one.", doi="10.1234/one"), source="a")
    add(catalog, record("Editorial", "Volume two.", doi="10.1234/two"), source="b")
    assert catalog.papers.count() == 2


def test_an_identifier_joins_other_titles(catalog: Catalog) -> None:
    add(catalog, record("Working Title", "Text.", arxiv_id="2401.00001v1"), source="a")
    add(catalog, record("The Printed Title", "Text.", arxiv_id="2401.00001v1"), source="b")
    assert only(catalog).title == "Working Title"


def test_doi_and_arxiv_id_join_by_title_and_then_find_each_other(catalog: Catalog) -> None:
    add(catalog, record("Deep Things", "Text.", doi="10.1234/deep"), source="a")
    add(catalog, record("Deep Things", "Text.", arxiv_id="2401.00001"), source="b")
    paper = only(catalog)
    assert (paper.doi, paper.arxiv_id) == ("10.1234/deep", "2401.00001")
    report = add(catalog, record("Renamed", "Text.", arxiv_id="2401.00001"), source="c")
    add(catalog, record("Renamed too", "Text.", doi="10.1234/deep"), source="d")
    assert list(report.paper_ids) == [paper.id] == [only(catalog).id]


def test_a_third_record_with_another_arxiv_id_is_not_joined_through_the_doi_one(
    catalog: Catalog,
) -> None:
    add(
        catalog,
        record("Deep Things", "Text.", doi="10.1234/deep"),
        record("Deep Things", "Text.", arxiv_id="2401.00001"),
        record("Deep Things", "Text.", arxiv_id="2401.00002"),
    )
    assert sorted(p.arxiv_id or "" for p in catalog.papers.select()) == ["2401.00001", "2401.00002"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GPT-4", "GPT 4"),
        ("$\\alpha$-Zero", "α-zero"),
        ("Ｆｕｌｌ Width", "full width"),
        ("Naïve Bayes", "Naive Bayes"),
    ],
)
def test_titles_that_fold_alike_are_one_paper(catalog: Catalog, one: str, other: str) -> None:
    add(catalog, record(one), record(other))
    assert catalog.papers.count() == 1


def test_titles_in_other_scripts_are_kept_apart(catalog: Catalog) -> None:
    add(catalog, record("注意力机制"), record("强化学习"), record("Внимание"))
    assert catalog.papers.count() == 3


def test_a_clash_of_hashes_does_not_join_two_papers(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("merging", "catalog.placing"):
        monkeypatch.setattr(
            f"curator.{module}.id_of_key",
            lambda key, salt="": id_of_key(key if salt else "same", salt),
        )
    add(catalog, record("One thing"), record("Another thing"), source="a")
    add(catalog, record("A third thing"), source="b")
    assert sorted(p.title for p in catalog.papers.select()) == [
        "A third thing",
        "Another thing",
        "One thing",
    ]


@hypothesis_settings(max_examples=25)
@given(st.data())
def test_the_order_of_records_does_not_matter(data: st.DataObject) -> None:
    distinct = many(8)
    extra = data.draw(st.lists(st.sampled_from(distinct), max_size=6))
    shuffled = data.draw(st.permutations([*distinct, *extra]))
    with TemporaryCatalog() as catalog:
        report = add(catalog, *shuffled)
        assert report.added == len(distinct)
        assert report.unchanged == len(extra)
        found = {(p.id, p.title, p.arxiv_id, p.doi) for p in catalog.papers.select()}
        assert found == {(paper_id_of(r.title), r.title, r.arxiv_id, r.doi) for r in distinct}


@hypothesis_settings(max_examples=15)
@given(st.permutations([0, 1, 2, 3, 4, 5]))
def test_split_records_of_one_paper_become_one_in_any_order(order: list[int]) -> None:
    pieces = [
        record("Deep Things", "Text."),
        record("Deep Things", "Text.", doi="10.1234/deep"),
        record("Deep Things", "Text.", arxiv_id="2401.00001"),
        record("deep things", "Text.", categories=["cs.CL"]),
        record("Deep  things", "Text.", upvotes=3),
        record("Other Things", "Text.", doi="10.1234/other"),
    ]
    with TemporaryCatalog() as catalog:
        for n in order:
            add(catalog, pieces[n], source=f"source {n}")
        papers = {p.title.lower().replace("  ", " "): p for p in catalog.papers.select()}
        assert set(papers) == {"deep things", "other things"}
        deep = papers["deep things"]
        assert (deep.doi, deep.arxiv_id, deep.categories, deep.upvotes) == (
            "10.1234/deep",
            "2401.00001",
            ("cs.CL",),
            3,
        )


class TemporaryCatalog:
    """A catalog in memory, since hypothesis runs one test many times in one folder."""

    def __enter__(self) -> Catalog:
        from tempfile import TemporaryDirectory

        self._folder = TemporaryDirectory()
        self._catalog = Catalog(Path(self._folder.name) / "catalog.sqlite3")
        return self._catalog

    def __exit__(self, *_: object) -> None:
        self._catalog.close()
        self._folder.cleanup()


# ------------------------------------------------------------------------- updates


def test_a_newer_arxiv_version_brings_its_text_and_the_old_one_is_kept(catalog: Catalog) -> None:
    add(catalog, record("A Title", "Old text.", arxiv_id="2401.00001v1"), source="a")
    seq = catalog.papers.last_seq()
    report = add(catalog, record("A New Title", "New text.", arxiv_id="2401.00001v3"), source="b")
    assert counts(report) == (0, 1, 0)
    paper = only(catalog)
    assert (paper.title, paper.abstract) == ("A New Title", "New text.")
    assert paper.seq > seq
    with catalog.store.read() as connection:
        kept = connection.execute(
            text("SELECT abstract FROM records ORDER BY first_seen")
        ).scalars()
        assert list(kept) == ["Old text.", "New text."]


def test_an_older_version_changes_nothing(catalog: Catalog) -> None:
    add(catalog, record("A Title", "New text.", arxiv_id="2401.00001v3"), source="a")
    before = only(catalog)
    report = add(catalog, record("A Title", "Old text.", arxiv_id="2401.00001v2"), source="b")
    assert counts(report) == (0, 0, 1)
    assert only(catalog) == before


def test_a_source_that_corrects_itself_is_believed(catalog: Catalog) -> None:
    add(catalog, record("A Title", "Teh text."))
    assert counts(add(catalog, record("A Title", "The text."))) == (0, 1, 0)
    assert only(catalog).abstract == "The text."


def test_another_source_with_other_words_is_not(catalog: Catalog) -> None:
    add(catalog, record("A Title", "The text."), source="a")
    assert counts(add(catalog, record("A Title", "The text, cut ..."), source="b")) == (0, 0, 1)
    assert only(catalog).abstract == "The text."


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_texts_in_one_reading_the_fuller_stays(catalog: Catalog, turned: bool) -> None:
    entries = [record("A Title", "A text."), record("A Title", "A text with more words.")]
    add(catalog, *(entries[::-1] if turned else entries))
    assert only(catalog).abstract == "A text with more words."


def test_old_titles_still_name_the_paper(catalog: Catalog) -> None:
    """A source without identifiers that was read before a retitled version came."""
    old = record("The Old Title", "Old text.")
    add(catalog, old, source="list")
    add(catalog, record("The Old Title", "Old text.", arxiv_id="2401.00001v1"), source="arxiv")
    add(catalog, record("The New Title", "New text.", arxiv_id="2401.00001v2"), source="arxiv")
    assert counts(add(catalog, old, source="list")) == (0, 0, 1)
    assert only(catalog).title == "The New Title"


@pytest.mark.parametrize(
    "fields",
    [
        {"doi": "10.1234/x"},
        {"arxiv_id": "2401.00001"},
        {"authors": ["Ada Lovelace"]},
        {"published": "2024-01-02"},
        {"url": "https://example.org/x"},
        {"categories": ["cs.CL"]},
        {"upvotes": 4},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_missing_field_is_filled_and_counts_as_an_update(
    catalog: Catalog, fields: dict[str, Any]
) -> None:
    add(catalog, record(), source="a")
    assert counts(add(catalog, record(**fields), source="b")) == (0, 1, 0)
    ((name, value),) = fields.items()
    stored = getattr(only(catalog), name)
    assert stored == (tuple(value) if isinstance(value, list) else value)
    assert counts(add(catalog, record(**fields), source="b")) == (0, 0, 1)


def test_more_categories_are_added_and_kept(catalog: Catalog) -> None:
    add(catalog, record(categories=["cs.CL"]), source="a")
    assert counts(add(catalog, record(categories=["cs.LG", "cs.CL"]), source="b")) == (0, 1, 0)
    assert only(catalog).categories == ("cs.CL", "cs.LG")


def test_what_is_known_is_not_overwritten(catalog: Catalog) -> None:
    first: dict[str, Any] = {
        "authors": ["Ada"],
        "published": "2024-01-02",
        "url": "https://example.org/a",
    }
    other: dict[str, Any] = {
        "authors": ["Bob"],
        "published": "2025-01-02",
        "url": "https://example.org/b",
    }
    add(catalog, record(**first), source="a")
    before = only(catalog)
    assert counts(add(catalog, record(**other), source="b")) == (0, 0, 1)
    assert only(catalog) == before


def test_a_listed_day_is_noted_but_is_no_update(catalog: Catalog) -> None:
    add(catalog, record(published="2024-01-02"), source="a")
    assert counts(add(catalog, record(listed="2026-11-20"), source="b")) == (0, 0, 1)
    assert only(catalog).day == "2026-11-20"
    add(catalog, record(listed="2026-11-18"), source="c")
    add(catalog, record(listed="2026-11-25"), source="d")
    assert only(catalog).day == only(catalog).listed == "2026-11-18"
    assert catalog.papers.select(Filters(since="2026-11-18", until="2026-11-18"))


def test_the_most_upvotes_seen_are_kept(catalog: Catalog) -> None:
    for votes, outcome in [(5, (1, 0, 0)), (9, (0, 1, 0)), (3, (0, 0, 1)), (None, (0, 0, 1))]:
        assert counts(add(catalog, record(upvotes=votes))) == outcome
    assert only(catalog).upvotes == 9


def test_metadata_does_not_move_the_paper_to_the_indexes_again(catalog: Catalog) -> None:
    add(catalog, record())
    seq = catalog.papers.last_seq()
    add(catalog, record(doi="10.1234/x", upvotes=3))
    assert catalog.papers.last_seq() == seq


def test_where_a_paper_was_seen_is_kept(catalog: Catalog) -> None:
    add(catalog, record(where="line 1"), source="a")
    add(catalog, record(where="line 9"), source="b")
    add(catalog, record(where="line 2"), source="a")
    assert [(s["source"], s["place"]) for s in catalog.papers.seen(only(catalog).id)] == [
        ("a", "line 1"),
        ("b", "line 9"),
    ]


# ---------------------------------------------------------------- rejections, chunks


def test_rejected_entries_are_recorded_and_cleared_when_mended(catalog: Catalog) -> None:
    bad = [Rejected("line 2", "no title"), Rejected("line 3", "no abstract")]
    report = add(catalog, record(), *bad, source="a")
    add(catalog, Rejected("line 9", "no title"), source="b")
    assert [r for _, r in report.rejected] == bad
    assert report.entries == 3
    assert len(catalog.ledger.rejected()) == 3
    add(catalog, record(), record("Mended"), bad[1], source="a")
    assert [(r["source"], r["place"]) for r in catalog.ledger.rejected()] == [
        ("a", "line 3"),
        ("b", "line 9"),
    ]


def test_rejections_in_later_chunks_do_not_clear_earlier_ones(catalog: Catalog) -> None:
    add(catalog, Rejected("line 0", "bad"), *many(CHUNK), Rejected("line end", "bad"))
    assert len(catalog.ledger.rejected()) == 2


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, CHUNK + 1])
def test_chunk_boundaries(catalog: Catalog, size: int) -> None:
    records = many(size)
    reports = []
    for report in catalog.papers.add([*records, records[0]], "a"):
        reports.append(report.entries)
    assert reports[-1] == size + 1
    assert counts(report) == (size, 0, 1)
    assert [p.seq for p in catalog.papers.select(newest_first=False)] == list(range(1, size + 1))


@pytest.mark.parametrize("turned", [False, True])
def test_two_texts_in_one_reading_across_chunks_keep_the_fuller(
    catalog: Catalog, turned: bool
) -> None:
    one, other = record("A Title", "A text."), record("A Title", "A text with more words.")
    if turned:
        one, other = other, one
    add(catalog, one, *many(CHUNK), other)
    assert catalog.papers.resolve("A Title").abstract == "A text with more words."


def test_a_thousand_papers_are_changed_in_order_of_their_change(catalog: Catalog) -> None:
    add(catalog, *many(1200))
    add(catalog, record("Study number 3 of topic 3", "Changed.", arxiv_id="2401.00003"))
    changed = list(catalog.papers.changed_since(1190))
    assert [p.seq for p in changed] == list(range(1191, 1202))
    assert changed[-1].abstract == "Changed."


# --------------------------------------------------------------- many at once, killed


def test_two_threads_add_the_same_papers(catalog: Catalog) -> None:
    reports: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: reports.append(add(catalog, *many(300), source=n)))
        for n in ("one", "two")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert catalog.papers.count() == 300
    assert sum(r.added for r in reports) == 300
    assert sum(r.unchanged for r in reports) == 300


def _add_in_a_process(path: str, source: str, queue: Any) -> None:
    catalog = Catalog(Path(path))
    queue.put(counts(add(catalog, *many(300), source=source)))
    catalog.close()


@pytest.mark.slow
def test_two_processes_add_the_same_papers(tmp_path: Path) -> None:
    path = tmp_path / "shared.sqlite3"
    spawn = multiprocessing.get_context("spawn")
    queue = spawn.Queue()
    processes = [
        spawn.Process(target=_add_in_a_process, args=(str(path), name, queue))
        for name in ("one", "two")
    ]
    for process in processes:
        process.start()
    outcomes = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert [sum(column) for column in zip(*outcomes, strict=True)] == [300, 0, 300]
    catalog = Catalog(path)
    assert catalog.papers.count() == 300
    assert sorted(p.seq for p in catalog.papers.select()) == list(range(1, 301))
    catalog.close()


@pytest.mark.slow
def test_a_killed_process_keeps_whole_chunks(tmp_path: Path) -> None:
    path = tmp_path / "killed.sqlite3"
    script = f"""
        import itertools, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from fakes import record
        from curator.catalog import Catalog
        endless = (record(f"Endless study {{n}}", f"Text {{n}}.") for n in itertools.count())
        for report in Catalog(Path({str(path)!r})).papers.add(endless, "endless"):
            print(report.added, flush=True)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    seen = int(process.stdout.readline())
    time.sleep(0.02)  # somewhere inside a later chunk
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    catalog = Catalog(path)
    stored = catalog.papers.count()
    assert stored >= seen
    assert stored % CHUNK == 0
    titles = [record(f"Endless study {n}", f"Text {n}.") for n in range(stored + 200)]
    report = add(catalog, *titles, source="endless")
    assert counts(report) == (200, 0, stored)
    assert [p.seq for p in catalog.papers.select(newest_first=False)] == list(
        range(1, stored + 201)
    )
    catalog.close()


def test_an_error_in_a_source_keeps_whole_chunks(catalog: Catalog) -> None:
    def entries() -> Any:
        yield from many(CHUNK + 10)
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        for _ in catalog.papers.add(entries(), "a"):
            pass
    assert catalog.papers.count() == CHUNK
    assert counts(add(catalog, *many(CHUNK + 10), source="a")) == (10, 0, CHUNK)


# --------------------------------------------------------------------- bad files


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "newer.sqlite3"
    Catalog(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO schema_migrations VALUES (99, 'later', 'now')")
    connection.close()
    with pytest.raises(StorageError, match="newer version") as caught:
        Catalog(path)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("content", [b"hello, I am not a database\n" * 60, bytes(5000)])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.sqlite3"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"not a catalog|failed"):
        Catalog(path)
    assert path.read_bytes() == content


def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        Catalog(tmp_path)


def test_a_full_disk_loses_nothing(catalog: Catalog) -> None:
    add(catalog, *many(50))
    before = catalog.papers.select()
    with catalog.store.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    catalog.store.engine.dispose()

    from sqlalchemy import event

    def limit(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")

    event.listen(catalog.store.engine, "connect", limit)
    with pytest.raises(StorageError, match="full") as caught:
        add(catalog, *many(CHUNK, start=1000))
    assert caught.value.retryable
    del caught  # its traceback holds the connection
    assert catalog.papers.select() == before
    event.remove(catalog.store.engine, "connect", limit)
    catalog.store.engine.dispose()
    with catalog.store.engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count = 1073741823"))
    assert add(catalog, *many(CHUNK, start=1000)).added == CHUNK


def test_a_read_only_file_can_be_read_but_not_written(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    catalog = Catalog(path)
    add(catalog, record())
    catalog.close()
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if as_root:  # permissions do not bind root; SQLite's own flag does
        pytest.skip("root may write anywhere")
    path.chmod(stat.S_IRUSR)
    catalog = Catalog(path)
    assert catalog.papers.count() == 1
    with pytest.raises(StorageError, match="cannot be written"):
        add(catalog, record("Another"))
    catalog.close()


def test_a_refused_write_is_a_storage_error(catalog: Catalog) -> None:
    add(catalog, record())
    with catalog.store.engine.connect() as connection:
        connection.execute(text("PRAGMA query_only = ON"))
    with pytest.raises(StorageError, match="cannot be written"):
        add(catalog, record("Another"))
    with catalog.store.engine.connect() as connection:
        connection.execute(text("PRAGMA query_only = OFF"))
    assert catalog.papers.count() == 1


# ------------------------------------------------------------------------ finding


@pytest.fixture
def shelf(catalog: Catalog) -> Catalog:
    add(
        catalog,
        record(
            "Graph Networks",
            "Text.",
            arxiv_id="2401.00001",
            doi="10.1234/Graph",
            authors=["José Núñez", "Ada Lovelace"],
            categories=["cs.LG", "stat.ML"],
            published="2019-11-01",
        ),
        record("Graph Kernels", "Text.", authors=["A_B C%D"], published="2019-11-10"),
        record("Tree Search", "Text.", categories=["cs.LGX"], published="2019-11-20"),
        record("Undated", "Text.", authors=["AXB CYD"], published="2025"),
    )
    return catalog


def titles(catalog: Catalog, **filters: Any) -> set[str]:
    chosen = Filters(**filters)
    papers = catalog.papers.select(chosen)
    assert {p.id for p in papers} == catalog.papers.select_ids(chosen)
    return {p.title for p in papers}


def test_each_filter(shelf: Catalog) -> None:
    assert titles(shelf, until="2019-11-20", since="2019-11-10") == {"Graph Kernels", "Tree Search"}
    assert titles(shelf, since="2019-11-02", until="2019-11-10") == {"Graph Kernels"}
    assert titles(shelf, since="2019-11-21") == {"Undated"}  # its day is the one it was added
    assert titles(shelf, categories=("cs.LG",)) == {"Graph Networks"}
    assert titles(shelf, categories=("stat.ML", "cs.LGX")) == {"Graph Networks", "Tree Search"}
    assert titles(shelf, author="nunez") == {"Graph Networks"}
    assert titles(shelf, author="NÚÑEZ") == {"Graph Networks"}
    ids = tuple(p.id for p in shelf.papers.select() if p.title.startswith("Graph"))
    assert titles(shelf, paper_ids=ids) == {"Graph Networks", "Graph Kernels"}
    assert titles(shelf, paper_ids=ids, author="ada") == {"Graph Networks"}
    assert titles(shelf) == {"Graph Networks", "Graph Kernels", "Tree Search", "Undated"}


def test_tags_filter_by_decided_tags_and_all_of_them_must_be_there(shelf: Catalog) -> None:
    networks, kernels = (shelf.papers.resolve(f"Graph {n}") for n in ("Networks", "Kernels"))
    given_tags = [StoredTag("graphs", 0.9, "model"), StoredTag("trees", 0.5, "model", True)]
    for paper, found in (
        (networks, [*given_tags, StoredTag("nets", 0.8, "model")]),
        (kernels, given_tags),
    ):
        shelf.outputs.save_tags(paper, found, taxonomy="t", model="m", recipe="r")
    assert titles(shelf, tags=("graphs",)) == {"Graph Networks", "Graph Kernels"}
    assert titles(shelf, tags=("graphs", "nets")) == {"Graph Networks"}
    assert titles(shelf, tags=("trees",)) == set()


@pytest.mark.parametrize("wild", ["%", "_", "C%D", "A_B"])
def test_wildcards_are_letters_like_others(shelf: Catalog, wild: str) -> None:
    assert titles(shelf, author=wild) == {"Graph Kernels"}
    assert titles(shelf, categories=(wild,)) == set()
    assert titles(shelf, categories=("cs_LG",)) == set()


@pytest.mark.parametrize(
    "name",
    [
        "2401.00001",
        "arXiv:2401.00001v7",
        "https://arxiv.org/abs/2401.00001",
        "10.1234/GRAPH",
        "https://doi.org/10.1234/graph",
        "graph networks",
        "Graph Netw",
        " Graph  Networks. ",
    ],
)
def test_papers_are_found_by_all_their_names(shelf: Catalog, name: str) -> None:
    assert shelf.papers.resolve(name).title == "Graph Networks"


def test_papers_are_found_by_id_and_its_beginning(shelf: Catalog) -> None:
    for paper in shelf.papers.select():
        assert shelf.papers.resolve(paper.id) == paper
        assert shelf.papers.resolve(paper.id[:8]) == paper


def test_every_identifier_of_a_paper_names_it(catalog: Catalog) -> None:
    add(catalog, record("Twice Printed", "T.", arxiv_id="2401.00001", doi="10.1234/a"), source="a")
    add(catalog, record("Twice Printed", "T.", arxiv_id="2401.00001", doi="10.1234/b"), source="b")
    assert catalog.papers.resolve("10.1234/a") == catalog.papers.resolve("10.1234/b")


@pytest.mark.parametrize("name", ["Graph", "graph"])
def test_an_ambiguous_name_lists_its_meanings(shelf: Catalog, name: str) -> None:
    with pytest.raises(NotFoundError, match="several papers") as caught:
        shelf.papers.resolve(name)
    assert "Graph Kernels" in str(caught.value)
    assert "Graph Networks" in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "%", "p%", "____", "p___", "2401.99999", "Nothing", "�"])
def test_an_unknown_name(shelf: Catalog, name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        shelf.papers.resolve(name)
    assert caught.value.remedy


def test_papers_come_in_the_order_asked_and_unknown_ones_are_left_out(shelf: Catalog) -> None:
    ids = [p.id for p in shelf.papers.select()]
    assert list(shelf.papers.get([ids[2], "unknown", ids[0], ids[2]])) == [ids[2], ids[0]]


def test_hostile_text_is_stored_as_it_is(catalog: Catalog) -> None:
    hostile = "x'); DROP TABLE papers; -- ' \" %s {{ 7*7 }}"
    add(catalog, record(hostile, hostile, authors=[hostile], categories=[hostile]))
    paper = only(catalog)
    assert paper.title == paper.abstract == hostile
    assert catalog.papers.resolve(hostile) == paper
    assert json.dumps(catalog.papers.seen(paper.id))


@pytest.mark.parametrize("bad", ["no papers", "empty"])
def test_a_reading_without_papers(catalog: Catalog, bad: str) -> None:
    entries: list[Record | Rejected] = [Rejected("line 1", "bad")] if bad == "no papers" else []
    for report in catalog.papers.add(entries, "a"):
        assert counts(report) == (0, 0, 0)
    assert catalog.papers.count() == 0
    assert catalog.papers.last_seq() == 0


def test_one_title_and_two_papers(catalog: Catalog) -> None:
    """What one source lists under two ids of its own, or different people wrote, is two."""
    first = record("Editorial", "On owls and their nights.", source_id="1")
    second = record("Editorial", "On boats and their oars.", source_id="2")
    report = add(catalog, first, second)
    assert (report.added, report.unchanged) == (2, 0)
    again = add(catalog, first, second)
    assert (again.added, again.updated, again.unchanged) == (0, 0, 2)
    texts = {paper.abstract for paper in catalog.papers.select()}
    assert texts == {first.abstract, second.abstract}


def test_other_authors_or_years_are_other_papers(catalog: Catalog) -> None:
    add(catalog, record("Deep Owls", authors=["Ada Low", "Bo Ek"], published="2020-01-01"))
    others = add(catalog, record("Deep Owls", authors=["Cy Day", "Di Eve"]), source="b")
    same = add(catalog, record("Deep Owls", authors=["A. Low", "B. Ek"]), source="d")
    assert (others.added, same.added) == (1, 0)
    add(catalog, record("On Owls", published="2020-01-01"))
    later = add(catalog, record("On Owls", published="2026-01-01"), source="c")
    printed = add(catalog, record("On Owls", published="2021-06"), source="d")
    assert (later.added, printed.added) == (1, 0)


def test_a_text_that_does_not_win_is_kept_all_the_same(catalog: Catalog) -> None:
    add(catalog, record("Owls", "The first text of owls."), source="a")
    add(catalog, record("Owls", "Another text of owls."), source="b")
    with catalog.store.read() as connection:
        texts = set(connection.execute(select(records.c.abstract)).scalars())
    assert texts == {"The first text of owls.", "Another text of owls."}
