"""Hybrid search: two rankings made one, and filters that let nothing else through."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fakes import FakeEmbedder, add, many, record

from curator.catalog import Catalog, Filters
from curator.index.lexical import LexicalIndex
from curator.index.vectors import VectorIndex
from curator.indexing import sync_vectors
from curator.locks import writer_lock
from curator.query import ParsedQuery, parse_query
from curator.retrieval import HybridRetriever, Mode


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog and its indexes; made once, and copied."""
    folder = tmp_path_factory.mktemp("made")
    catalog = Catalog(folder / "catalog.sqlite3")
    add(
        catalog,
        record("Owls at night", "Owls see at night.", listed="2026-11-20", authors=["Ada"]),
        record("Bats at night", "Bats hear at night.", listed="2026-11-10", categories=["bio"]),
        record("Bread", "Yeast and ovens."),
        *many(30),
    )
    LexicalIndex(folder / "lexical", catalog.papers).sync()
    embedder = FakeEmbedder()
    vectors = VectorIndex(folder / "vectors", catalog.vectors, embedder.fingerprint)
    sync_vectors(catalog, vectors, embedder, lambda: writer_lock(folder / "lock"))
    vectors.close()
    catalog.close()
    return folder


@pytest.fixture
def catalog(made: Path, tmp_path: Path) -> Iterator[Catalog]:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    opened = Catalog(tmp_path / "catalog.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def search(catalog: Catalog, tmp_path: Path) -> Iterator[HybridRetriever]:
    embedder = FakeEmbedder()
    lexical = LexicalIndex(tmp_path / "lexical", catalog.papers)
    vectors = VectorIndex(tmp_path / "vectors", catalog.vectors, embedder.fingerprint)
    yield HybridRetriever(catalog.papers, lexical, vectors, embedder, facets=lambda: catalog.facets)
    vectors.close()


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_every_mode_ranks(search: HybridRetriever, mode: Mode) -> None:
    hits = search.search("owls see at night", 5, mode=mode)
    assert hits[0].paper.title == "Owls at night"
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((h.score for h in hits), reverse=True)
    assert len({hit.paper.id for hit in hits}) == len(hits) <= 5


def test_modes_differ_where_they_should(search: HybridRetriever) -> None:
    assert search.search("zzz unknown", mode="lexical") == []
    assert len(search.search("zzz unknown", mode="dense")) == 10
    both = {h.paper.title for h in search.search("owls", 3, mode="hybrid")}
    assert "Owls at night" in both
    assert len(search.search("owls", 100)) == 33  # vectors rank all


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        (Filters(since="2026-11-15", until="2026-11-20", author="ada"), {"Owls at night"}),
        (Filters(categories=("bio",)), {"Bats at night"}),
        (Filters(tags=("unknown",)), set()),
        (Filters(author="nobody"), set()),
        (Filters(paper_ids=("unknown",)), set()),
    ],
)
def test_filters_are_exact(
    search: HybridRetriever, mode: Mode, filters: Filters, titles: set[str]
) -> None:
    assert {h.paper.title for h in search.search("night", 50, filters, mode)} == titles


@pytest.mark.parametrize("query", ["", " ", "🙂", "the of"])
@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
def test_empty_queries_do_not_break(search: HybridRetriever, query: str, mode: Mode) -> None:
    assert len(search.search(query, 3, mode=mode)) <= 3


def test_words_alone_do_without_vectors(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    add(catalog, record("Owls"))
    lexical = LexicalIndex(tmp_path / "lexical", catalog.papers)
    lexical.sync()
    (hit,) = HybridRetriever(catalog.papers, lexical).search("owls")
    assert (hit.rank, hit.paper.title) == (1, "Owls")
    assert HybridRetriever(catalog.papers, lexical).search("owls", mode="dense") == []
    catalog.close()


def test_the_same_search_has_the_same_answer(search: HybridRetriever) -> None:
    first = search.search("study of topic 3", 20)
    assert first == search.search("study of topic 3", 20)
    assert search.search("study of topic 3", 5) == first[:5]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "lexical"])
@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ('night "owls see"', {"Owls at night"}),
        ("night -owls -study", {"Bats at night", "Bread"}),
        ("night title:bats", {"Bats at night"}),
        ("night author:ada", {"Owls at night"}),
        ("night author:nobody", set()),
        ('night "no such phrase"', set()),
    ],
)
def test_constraints_hold_in_every_mode(
    search: HybridRetriever, mode: Mode, query: str, titles: set[str]
) -> None:
    found = {h.paper.title for h in search.search(parse_query(query), 50, mode=mode)}
    # Bare words rank; by words alone a paper without any of them is not found.
    assert found == titles - ({"Bread"} if mode == "lexical" else set())


def test_constraints_and_filters_together(search: HybridRetriever) -> None:
    query = parse_query("night -owls")
    assert search.search(query, filters=Filters(author="ada")) == []
    (hit,) = search.search(query, filters=Filters(categories=("bio",)))
    assert hit.paper.title == "Bats at night"


@pytest.mark.parametrize("mode", ["hybrid", "lexical"])
def test_constraints_alone_are_enough(search: HybridRetriever, mode: Mode) -> None:
    (hit,) = search.search(parse_query("author:ada"), mode=mode)
    assert hit.paper.title == "Owls at night"
    assert search.search(parse_query("author:ada"), mode="dense") == []


def test_plain_text_has_no_operators(search: HybridRetriever) -> None:
    asked = 'What do "owls" see at night - author:nobody?'
    assert search.search(asked)[0].paper.title == "Owls at night"
    assert search.search(ParsedQuery(asked)) == search.search(asked)


def test_asking_once_finds_the_same(search: HybridRetriever, catalog: Catalog) -> None:
    once = HybridRetriever(
        catalog.papers,
        search._lexical,
        search._vectors,
        search._embedder,
        facets=lambda: catalog.facets,
        exact=True,
    )
    for query in ("owls see at night", "study of topic 3", "bread"):
        assert once.search(query, 5) == search.search(query, 5)


def test_similar_papers_are_not_the_paper(search: HybridRetriever, catalog: Catalog) -> None:
    (owls,) = [p for p in catalog.papers.select() if p.title == "Owls at night"]
    hits = search.similar(owls, 3)
    assert hits[0].paper.title == "Bats at night"
    assert owls.id not in {hit.paper.id for hit in hits}
    assert len(search.similar(owls, 100)) == 32
    (hit,) = search.similar(owls, 5, Filters(categories=("bio",)))
    assert hit.paper.title == "Bats at night"
    words = HybridRetriever(catalog.papers, search._lexical)
    assert words.similar(owls, 3)[0].paper.title == "Bats at night"


def test_diverse_results_begin_with_the_best(search: HybridRetriever) -> None:
    usual = search.search("study of topic 3 at night", 10)
    diverse = search.search("study of topic 3 at night", 10, diverse=True)
    assert diverse[0].paper == usual[0].paper
    assert len({h.paper.id for h in diverse}) == 10
    assert [h.paper.id for h in diverse] != [h.paper.id for h in usual]
    assert [h.rank for h in diverse] == list(range(1, 11))


def test_a_reranker_has_a_say_as_long_as_it_has_time(
    search: HybridRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class LikesBread:
        name = "likes bread"

        def score(self, query: str, texts: Sequence[str]) -> list[float]:
            asked.extend(texts)
            return [9.0 if text.startswith("Bread") else -3.0 for text in texts]

    search._reranker = LikesBread
    usual = [h.paper.title for h in search.search("night ovens owls", 33)]
    assert asked == []
    titles = [h.paper.title for h in search.search("night ovens owls", 33, rerank_seconds=60)]
    assert len(asked) == 20
    assert titles.index("Bread") < usual.index("Bread")
    assert set(titles) == set(usual)
    asked.clear()
    assert len(search.search("night ovens owls", 33, rerank_seconds=1e-9)) == 33
    assert len(asked) == 4  # it always reads some


def test_papers_without_a_vector_are_found_by_words(
    search: HybridRetriever, catalog: Catalog
) -> None:
    add(catalog, record("Axolotls", "Axolotls grow limbs again."))
    search._lexical.sync()
    assert search.search("axolotls grow limbs")[0].paper.title == "Axolotls"
    assert "Axolotls" not in {h.paper.title for h in search.search("axolotls", 40, mode="dense")}
