"""The word index, with the real tantivy: finding, filtering, and healing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tantivy
from fakes import add, many, record

from curator.catalog import Catalog
from curator.index.lexical import FINGERPRINT, LexicalIndex
from curator.indexing import sync_words
from curator.locks import writer_lock
from curator.query import Constraint

PAPERS = [
    record('T\\"ulu 3: Pushing Frontiers', "We train open language models."),
    record("Tülü Weaving Patterns", "Carpets of Anatolia."),
    record("Retrieval for Question Answering", "Agents search the web."),
    record("Web Agents", "Retrieval is used by an agent that answers questions."),
    record("注意力机制", "一种新的方法。"),
    record("On $\\alpha$-Zero and GPT-4", "Chess.", authors=["José Núñez", "Ada O'Neil"]),
]


@pytest.fixture
def index(catalog: Catalog, tmp_path: Path) -> LexicalIndex:
    add(catalog, *PAPERS)
    made = LexicalIndex(tmp_path / "lexical", catalog.papers)
    assert made.behind()
    assert made.sync() == len(PAPERS)
    assert not made.behind()
    return made


def titles(catalog: Catalog, index: LexicalIndex, query: str) -> list[str]:
    hits = index.search(query, 10)
    assert [score for _, score in hits] == sorted((s for _, s in hits), reverse=True)
    found = catalog.papers.get(paper_id for paper_id, _ in hits)
    return [paper.title for paper in found.values()]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("Tülu 3", 'T\\"ulu 3: Pushing Frontiers'),
        ("tulu 3", 'T\\"ulu 3: Pushing Frontiers'),
        ('T\\"ulu frontier', 'T\\"ulu 3: Pushing Frontiers'),
        ("TULU weaving", "Tülü Weaving Patterns"),
        ("training language model", 'T\\"ulu 3: Pushing Frontiers'),
        ("weave", "Tülü Weaving Patterns"),
        ("α-zero", "On $\\alpha$-Zero and GPT-4"),
        ("gpt 4", "On $\\alpha$-Zero and GPT-4"),
        ("nunez", "On $\\alpha$-Zero and GPT-4"),
        ("O'Neil", "On $\\alpha$-Zero and GPT-4"),
        ("注意力机制", "注意力机制"),
    ],
)
def test_all_writings_find_each_other(
    catalog: Catalog, index: LexicalIndex, query: str, first: str
) -> None:
    assert titles(catalog, index, query)[0] == first


def test_a_word_of_the_title_counts_more(catalog: Catalog, index: LexicalIndex) -> None:
    assert titles(catalog, index, "retrieval")[0] == "Retrieval for Question Answering"
    assert titles(catalog, index, "agent")[0] == "Web Agents"


@pytest.mark.parametrize(
    "query",
    [
        "",
        " ",
        "the of and",
        "🙂",
        "???",
        '"',
        "()",
        "*",
        "~",
        "\\",
        "\0",
        "zzzunknown",
        "-:- AND OR",
    ],
)
def test_queries_that_find_nothing(index: LexicalIndex, query: str) -> None:
    assert index.search(query, 10) == []


@pytest.mark.parametrize(
    "query",
    [
        'title:"agents" AND (web OR',
        "agents -web +search*",
        "id:p123 agents",
        "agents]] [TO agents}",
        "agents " * 10_000,
        " ".join(f"word{n}" for n in range(10_000)).replace("word7 ", "agents "),
        "agents~2^9",
        "x" * 100_000 + " agents",
        "\x00agents\ud800"[:-1],
    ],
)
def test_queries_are_words_and_no_language(
    catalog: Catalog, index: LexicalIndex, query: str
) -> None:
    assert "Web Agents" in titles(catalog, index, query)


def test_limits(index: LexicalIndex) -> None:
    assert len(index.search("retrieval agents", 1)) == 1
    assert index.search("retrieval agents", 0) == []
    assert index.search("retrieval agents", -1) == []
    assert len(index.search("retrieval agents", 10**9)) == 2


def test_equal_scores_come_in_one_order(catalog: Catalog, tmp_path: Path) -> None:
    twins = [record(f"Twin {chr(97 + n)}{chr(97 + n)}", "Same words.") for n in range(20)]
    add(catalog, *twins)
    other = Catalog(tmp_path / "other.sqlite3")
    add(other, *reversed(twins))
    orders = []
    for store, name in ((catalog, "one"), (other, "two")):
        index = LexicalIndex(tmp_path / name, store.papers)
        index.sync()
        orders.append([i for i, _ in index.search("same words", 20)])
    other.close()
    assert orders[0] == orders[1] == sorted(orders[0])


# ------------------------------------------------------------------------- syncing


def test_new_and_changed_papers_are_taken_in(catalog: Catalog, index: LexicalIndex) -> None:
    add(catalog, *PAPERS, record("Fresh Bread", "About yeast."))
    add(catalog, record("Web Agents", "Now about spiders."))
    assert index.behind()
    assert index.sync() == 2
    assert titles(catalog, index, "yeast") == ["Fresh Bread"]
    assert titles(catalog, index, "spider") == ["Web Agents"]
    assert "Web Agents" not in titles(catalog, index, "questions")
    assert index.count() == len(PAPERS) + 1
    assert index.sync() == 0


def test_metadata_alone_writes_nothing(catalog: Catalog, index: LexicalIndex) -> None:
    add(catalog, record("Web Agents", PAPERS[3].abstract, upvotes=3))
    assert not index.behind()


def test_another_process_sees_what_was_added(
    catalog: Catalog, index: LexicalIndex, tmp_path: Path
) -> None:
    other = LexicalIndex(tmp_path / "lexical", catalog.papers)
    assert titles(catalog, other, "yeast") == []
    add(catalog, record("Fresh Bread", "About yeast."))
    index.sync()
    assert titles(catalog, other, "yeast") == ["Fresh Bread"]


def test_killed_between_commit_and_state(
    catalog: Catalog, index: LexicalIndex, tmp_path: Path
) -> None:
    state = tmp_path / "lexical" / "state.json"
    old = state.read_text()
    add(catalog, record("Fresh Bread", "About yeast."), record("Web Agents", "Now spiders."))
    index.sync()
    state.write_text(old)
    again = LexicalIndex(tmp_path / "lexical", catalog.papers)
    assert again.behind()
    again.sync()
    assert again.count() == catalog.papers.count()
    assert titles(catalog, again, "yeast") == ["Fresh Bread"]
    assert titles(catalog, again, "spiders") == ["Web Agents"]


def _garbage_segments(folder: Path) -> None:
    for file in folder.iterdir():
        if file.name not in ("state.json", "meta.json"):
            file.write_bytes(b"garbage" * 10)


def _garbage_everything(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_bytes(b"garbage" * 10)


def _truncate(folder: Path) -> None:
    for file in folder.iterdir():
        if file.suffix in (".store", ".term", ".idx", ".fast"):
            file.write_bytes(b"")


def _state(text: str) -> object:
    return lambda folder: (folder / "state.json").write_text(text)


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda folder: (folder / "state.json").unlink(),
        lambda folder: (folder / "meta.json").unlink(),
        lambda folder: (folder / "meta.json").write_text("{"),
        lambda folder: [f.unlink() for f in folder.iterdir() if f.suffix == ".store"],
        _state(""),
        _state("[]"),
        _state("null"),
        _state(json.dumps({"fingerprint": FINGERPRINT})),
        _state(json.dumps({"fingerprint": FINGERPRINT, "seq": "many"})),
        _state(json.dumps({"fingerprint": FINGERPRINT, "seq": None})),
        _state(json.dumps({"fingerprint": FINGERPRINT, "seq": 99_999})),
        _garbage_segments,
        _garbage_everything,
        _truncate,
    ],
)
def test_a_damaged_index_heals(
    catalog: Catalog, index: LexicalIndex, tmp_path: Path, damage: object
) -> None:
    assert callable(damage)
    damage(tmp_path / "lexical")
    again = LexicalIndex(tmp_path / "lexical", catalog.papers)
    sync_words(again, lambda: writer_lock(tmp_path / "lock"))
    assert titles(catalog, again, "spiders agents")
    assert again.count() == len(PAPERS)
    assert not again.behind()


def test_a_deleted_folder_heals_while_it_is_open(
    catalog: Catalog, index: LexicalIndex, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "lexical")
    assert index.behind()
    index.sync()
    assert titles(catalog, index, "agents")


def _former(folder: Path) -> None:
    """An index as the first release made them: without seq, and with another recipe."""
    shutil.rmtree(folder)
    folder.mkdir()
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    for name in ("title", "abstract", "authors"):
        builder.add_text_field(name)
    writer = tantivy.Index(builder.build(), path=str(folder)).writer(num_threads=1)
    writer.add_document(tantivy.Document(id=["p0"], title=["old agents"], abstract=["x"]))
    writer.commit()
    writer.wait_merging_threads()
    (folder / "state.json").write_text(json.dumps({"fingerprint": "words 1", "seq": len(PAPERS)}))


def test_an_index_of_a_former_recipe_counts_as_empty_and_is_made_anew(
    catalog: Catalog, index: LexicalIndex, tmp_path: Path
) -> None:
    _former(tmp_path / "lexical")
    told: list[str] = []
    again = LexicalIndex(tmp_path / "lexical", catalog.papers, told.append)
    for one in (index, again):  # the other had it open
        assert one.behind()
        assert one.count() == 0
        assert one.search("agents", 10) == []
        assert not one.matching(Constraint("title", "agents")).any()
    assert told == []
    assert sync_words(again, lambda: writer_lock(tmp_path / "lock")) == len(PAPERS)
    assert len(told) == 1
    assert "anew" in told[0]
    for one in (index, again):
        assert not one.behind()
        assert titles(catalog, one, "agents")[0] == "Web Agents"


def test_feeding_makes_an_index_of_a_former_recipe_anew(catalog: Catalog, tmp_path: Path) -> None:
    add(catalog, *PAPERS)
    index = LexicalIndex(tmp_path / "lexical", catalog.papers)
    index.sync()
    _former(tmp_path / "lexical")
    with index.feeding() as feed:
        for _ in catalog.papers.add([record("Fed", "About zebras.")], "a", follow=feed.take):
            pass
    assert titles(catalog, index, "zebras") == ["Fed"]
    assert index.count() == len(PAPERS) + 1


@pytest.mark.slow
def test_killed_while_it_is_made_anew(
    catalog: Catalog, index: LexicalIndex, tmp_path: Path
) -> None:
    """A process that ends in the middle, without any word: papers, but not all, are there."""
    add(catalog, *many(50), source="many")
    script = (
        "import os, sys; from pathlib import Path; from curator.catalog import Catalog; "
        "from curator.index.lexical import LexicalIndex; home = Path(sys.argv[1]); "
        "papers = Catalog(home / 'catalog.sqlite3').papers; "
        "index = LexicalIndex(home / 'lexical', papers); "
        "said = lambda feed: (feed.catch_up(before=20), feed.commit(), feed.catch_up(), "
        "os._exit(9)); "
        "feeding = index.feeding(0, fresh=True); said(feeding.__enter__())"
    )
    child = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert child.returncode == 9
    assert index.behind()
    assert 0 < index.count() < 20
    sync_words(index, lambda: writer_lock(tmp_path / "lock"))
    assert index.count() == catalog.papers.count()
    assert len(index.search("study of topic", 100)) == 50


def test_an_empty_library(catalog: Catalog, tmp_path: Path) -> None:
    index = LexicalIndex(tmp_path / "lexical", catalog.papers)
    assert index.count() == 0
    index.sync()
    assert index.search("anything", 10) == []
    assert index.count() == 0


def test_progress_is_told(catalog: Catalog, tmp_path: Path) -> None:
    add(catalog, *many(1001))
    told: list[int] = []
    LexicalIndex(tmp_path / "lexical", catalog.papers).sync(notify=told.append)
    assert told == [1000]


# ------------------------------------------------------------ following the catalog


def test_papers_that_are_joined_and_split_are_followed(
    catalog: Catalog, index: LexicalIndex
) -> None:
    one, other, *_ = (paper.id for paper in catalog.papers.select())
    catalog.decisions.merge([one, other])
    assert index.behind()
    assert index.sync() <= 1  # not all of it anew
    assert index.count() == catalog.papers.count() == len(PAPERS) - 1
    (joined,) = {catalog.papers.resolve(name).id for name in (one, other)}
    catalog.decisions.split(joined, [2])
    index.sync()
    assert index.count() == catalog.papers.count() == len(PAPERS)
    assert not index.behind()


def test_what_is_fed_is_found_and_gaps_are_filled(catalog: Catalog, index: LexicalIndex) -> None:
    """Another process may store papers between two chunks of ours."""
    with index.feeding() as feed:
        for _ in catalog.papers.add([record("First fed", "About zebras.")], "a", follow=feed.take):
            pass
        add(catalog, record("Stored by another", "About okapis."), source="b")
        for _ in catalog.papers.add([record("Last fed", "About gnus.")], "c", follow=feed.take):
            pass
    assert not index.behind()
    for word, title in (
        ("zebras", "First fed"),
        ("okapis", "Stored by another"),
        ("gnus", "Last fed"),
    ):
        assert titles(catalog, index, word) == [title]
    assert index.count() == catalog.papers.count()


def test_an_error_while_feeding_keeps_what_was_taken(catalog: Catalog, index: LexicalIndex) -> None:
    with pytest.raises(RuntimeError, match="torn"), index.feeding() as feed:
        for _ in catalog.papers.add([record("First fed", "About zebras.")], "a", follow=feed.take):
            pass
        raise RuntimeError("torn")
    assert titles(catalog, index, "zebras") == ["First fed"]
    assert not index.behind()
