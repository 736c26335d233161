"""The vector index, with the real Chroma in a folder and vectors from a fake embedder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import DIMENSIONS, FakeEmbedder, add, many, paper, record

from curator.catalog import Catalog
from curator.embedding import embedding_text
from curator.errors import IndexMismatch
from curator.index.vectors import EXACT_BELOW, VectorIndex
from curator.indexing import sync_vectors
from curator.locks import writer_lock


class Shelf:
    """Papers with vectors, in a folder."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.catalog, self.folder, self.embedder = catalog, folder, FakeEmbedder()
        self.index = self.open()

    def open(self, fingerprint: str = "fake 32d") -> VectorIndex:
        return VectorIndex(self.folder / "vectors", self.catalog.vectors, fingerprint)

    def sync(self, index: VectorIndex | None = None) -> int:
        return sync_vectors(
            self.catalog,
            index or self.index,
            self.embedder,
            lambda: writer_lock(self.folder / "lock"),
        )

    def find(
        self, query: str, limit: int = 5, index: VectorIndex | None = None, **options: set[str]
    ) -> list[str]:
        hits = (index or self.index).search(self.embedder.embed_query(query), limit, **options)
        assert hits == sorted(hits, key=lambda hit: (-hit[1], hit[0]))
        assert all(-1.001 <= score <= 1.001 for _, score in hits)
        found = self.catalog.papers.get(i for i, _ in hits)
        return [p.title for p in found.values()]


@pytest.fixture
def shelf(catalog: Catalog, tmp_path: Path) -> Shelf:
    add(
        catalog,
        record("Owls at night", "Owls see at night with large eyes."),
        record("Bats in caves", "Bats hear echoes in caves."),
        record("Bread and yeast", "Yeast makes bread rise in ovens."),
    )
    made = Shelf(catalog, tmp_path)
    assert made.sync() == 3
    return made


def test_near_texts_are_found_first(shelf: Shelf) -> None:
    assert shelf.find("owls see at night")[0] == "Owls at night"
    assert shelf.find("bread rise yeast")[0] == "Bread and yeast"
    assert len(shelf.find("owls")) == 3
    assert shelf.find("owls", 0) == []


def test_similarity_is_the_cosine(shelf: Shelf) -> None:
    (owl,) = [p for p in shelf.catalog.papers.select() if p.title == "Owls at night"]
    vector = shelf.embedder.embed([embedding_text(owl)])[0]
    ((paper_id, score),) = shelf.index.search(vector, 1)
    assert paper_id == owl.id
    assert score == pytest.approx(1, abs=1e-5)
    stored = shelf.index.vectors([owl, paper(title="Unknown")])
    assert set(stored) == {owl.id}
    assert np.allclose(stored[owl.id], vector, atol=1e-6)


def test_only_allowed_papers_are_found(shelf: Shelf) -> None:
    ids = {p.title: p.id for p in shelf.catalog.papers.select()}
    assert shelf.find("owls", allowed={ids["Bats in caves"]}) == ["Bats in caves"]
    assert shelf.find("owls", allowed=set()) == []
    assert shelf.find("owls", allowed={"unknown"}) == []
    assert len(shelf.find("owls", allowed={*ids.values(), "unknown"})) == 3


def test_large_sets_of_allowed_papers_are_searched_to_the_end(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.index.vectors.EXACT_BELOW", 10)
    add(shelf.catalog, *many(120))
    shelf.sync()
    near_last = [p for p in shelf.catalog.papers.select() if p.title.startswith("Study")][:60]
    allowed = {p.id for p in near_last}
    found = shelf.index.search(shelf.embedder.embed_query("owls see at night"), 60, allowed)
    assert {i for i, _ in found} == allowed
    (first, *_) = shelf.index.search(shelf.embedder.embed_query("owls"), 3, {*allowed, "unknown"})
    assert first[0] in allowed
    assert EXACT_BELOW > 10


def test_a_changed_text_replaces_its_vector(shelf: Shelf) -> None:
    add(shelf.catalog, record("Owls at night", "Now about bread rise yeast ovens."))
    missing = shelf.catalog.vectors.missing("fake 32d")
    assert [p.title for p in missing] == ["Owls at night"]
    assert shelf.sync() == 1
    assert shelf.index.count() == 3
    (owl,) = [p for p in shelf.catalog.papers.select() if p.title == "Owls at night"]
    assert shelf.catalog.vectors.done("fake 32d")[owl.id] == owl.text_hash
    assert shelf.sync() == 0


def test_only_what_is_missing_is_embedded(shelf: Shelf) -> None:
    add(shelf.catalog, *many(300))
    shelf.embedder.texts.clear()
    told: list[tuple[int, int]] = []
    sync_vectors(
        shelf.catalog,
        shelf.index,
        shelf.embedder,
        lambda: writer_lock(shelf.folder / "lock"),
        lambda done, of: told.append((done, of)),
    )
    assert len(shelf.embedder.texts) == 300
    assert told[-1] == (300, 300)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_killed_between_chunks_goes_on(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    add(shelf.catalog, *many(300))
    real, calls = shelf.embedder.embed, []

    def dies(texts: list[str]) -> object:
        calls.append(len(texts))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(texts)

    monkeypatch.setattr(shelf.embedder, "embed", dies)
    with pytest.raises(KeyboardInterrupt):
        shelf.sync()
    monkeypatch.undo()
    assert shelf.index.count() == 3 + calls[0]
    assert shelf.sync() == 300 - calls[0]
    assert shelf.index.count() == 303


def test_vectors_without_an_account_are_made_again(shelf: Shelf) -> None:
    """Killed after Chroma's write and before the catalog's."""
    shelf.catalog.vectors.forget("fake 32d", [shelf.catalog.papers.select()[0].id])
    assert shelf.sync() == 1
    assert shelf.index.count() == 3


def test_another_index_on_the_same_folder_is_seen(shelf: Shelf) -> None:
    other = shelf.open()
    assert other.count() == 3
    add(shelf.catalog, record("Foxes by day", "Foxes walk by day."))
    shelf.sync()
    assert shelf.find("foxes walk by day", index=other)[0] == "Foxes by day"
    add(shelf.catalog, record("Whales at sea", "Whales swim at sea."))
    shelf.sync(other)
    assert shelf.find("whales swim at sea")[0] == "Whales at sea"
    assert shelf.index.count() == other.count() == 5


def test_papers_that_were_joined_leave_no_vector_behind(shelf: Shelf) -> None:
    one, other, _ = shelf.catalog.papers.select()
    joined, _ = shelf.catalog.decisions.merge([one.id, other.id])
    shelf.sync()
    assert shelf.index.count() == shelf.catalog.papers.count() == 2
    assert joined in shelf.catalog.vectors.done("fake 32d")
    shelf.catalog.decisions.split(joined, [2])
    shelf.sync()
    assert shelf.index.count() == shelf.catalog.papers.count() == 3
    assert shelf.find("owls see at night")[0] == "Owls at night"


def test_a_deleted_folder_heals(shelf: Shelf) -> None:
    shelf.index._close()
    shutil.rmtree(shelf.folder / "vectors")
    fresh = shelf.open()
    fresh.heal()
    assert shelf.catalog.vectors.done("fake 32d") == {}
    assert shelf.sync(fresh) == 3
    assert shelf.find("owls see at night", index=fresh)[0] == "Owls at night"


def test_damaged_files_heal(shelf: Shelf) -> None:
    shelf.index._close()
    for file in (shelf.folder / "vectors").rglob("*"):
        if file.is_file():
            file.write_bytes(b"garbage" * 100)
    fresh = shelf.open()
    assert shelf.sync(fresh) == 3
    assert shelf.find("owls see at night", index=fresh)[0] == "Owls at night"


def test_another_embedder_is_an_error_until_the_index_is_cleared(shelf: Shelf) -> None:
    other = shelf.open("another 32d")
    for call in (other.count, other.heal, lambda: other.search(np.ones(DIMENSIONS, np.float32), 3)):
        with pytest.raises(IndexMismatch, match="another embedder") as caught:
            call()
    assert "--rebuild" in str(caught.value)
    assert shelf.find("owls see at night")[0] == "Owls at night"  # nothing was harmed
    other.clear()
    assert other.count() == 0
    assert shelf.sync(other) == 3
    assert shelf.find("owls see at night", index=other)[0] == "Owls at night"
    # What the catalog says is what is there.
    assert shelf.catalog.vectors.counts() == {"another 32d": 3}


def test_an_empty_index(catalog: Catalog, tmp_path: Path) -> None:
    shelf = Shelf(catalog, tmp_path)
    assert shelf.index.count() == 0
    assert shelf.find("anything") == []
    assert shelf.index.vectors([paper(title="Unknown")]) == {}
    assert shelf.index.vectors([]) == {}
    assert shelf.sync() == 0


def test_two_libraries_in_one_process(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    catalog = Catalog(tmp_path / "b" / "catalog.sqlite3")
    other = Shelf(catalog, tmp_path / "b")
    add(catalog, record("Foxes by day", "Foxes walk by day."))
    other.sync()
    assert other.find("foxes") == ["Foxes by day"]
    add(shelf.catalog, record("Whales at sea", "Whales swim at sea."))
    shelf.sync()
    assert other.find("foxes") == ["Foxes by day"]
    assert shelf.find("whales swim at sea")[0] == "Whales at sea"
    add(catalog, record("Newts in ponds", "Newts live in ponds."))
    other.sync()
    assert len(other.find("newts")) == 2
    assert len(shelf.find("whales")) == 4
    catalog.close()


def test_the_embedded_text_is_plain() -> None:
    text = embedding_text(paper('T\\"ulu $\\alpha$', "5\\% of it."))
    assert text == "Tülu α. 5% of it."
