"""The vector index, with the real Chroma in a folder and vectors from a fake embedder."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder, add, many, paper, record
from numpy.typing import NDArray
from processes import chroma_server_fixture  # noqa: F401

from curator.catalog import Catalog
from curator.embedding import embedding_text
from curator.errors import StorageError
from curator.index.vectors import VectorIndex
from curator.indexing import sync_vectors
from curator.locks import writer_lock


class Shelf:
    """Papers with vectors, in a folder or on a server."""

    def __init__(self, catalog: Catalog, folder: Path, url: str | None = None) -> None:
        self.catalog, self.folder, self.embedder = catalog, folder, FakeEmbedder()
        self._url = url
        self._opened: list[VectorIndex] = []
        self.index = self.open()

    def open(self, fingerprint: str = "fake 32d") -> VectorIndex:
        path = self.folder / "vectors"
        self._opened.append(VectorIndex(path, self.catalog.vectors, fingerprint, url=self._url))
        return self._opened[-1]

    def close(self) -> None:
        for index in self._opened:
            index.close()

    def sync(self, index: VectorIndex | None = None) -> int:
        return sync_vectors(
            self.catalog,
            index or self.index,
            self.embedder,
            lambda: writer_lock(self.folder / "lock"),
        )

    def find(
        self,
        query: str,
        limit: int = 5,
        index: VectorIndex | None = None,
        *,
        allowed: set[str] | None = None,
        exact: bool = False,
    ) -> list[str]:
        """Titles; ``allowed`` are titles, too."""
        mask = None if allowed is None else self.mask(allowed)
        seqs, scores = (index or self.index).search(
            self.embedder.embed_query(query), limit, mask, exact=exact
        )
        assert sorted(scores, reverse=True) == list(scores)
        assert all(-1.001 <= score <= 1.001 for score in scores)
        titles = {p.seq: p.title for p in self.catalog.papers.select()}
        return [titles[seq] for seq in seqs.tolist() if seq in titles]

    def mask(self, titles: set[str]) -> NDArray[np.bool_]:
        mask = np.zeros(self.catalog.papers.last_seq() + 1, np.bool_)
        for p in self.catalog.papers.select():
            mask[p.seq] = p.title in titles
        return mask


# Where the vectors are, for tests of what should be the same.
anywhere = pytest.mark.parametrize("shelf", ["folder", "server"], indirect=True)


@pytest.fixture
def shelf(catalog: Catalog, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shelf]:
    url = None
    if getattr(request, "param", "folder") == "server":
        url = request.getfixturevalue("chroma_server").url
    add(
        catalog,
        record("Owls at night", "Owls see at night with large eyes."),
        record("Bats in caves", "Bats hear echoes in caves."),
        record("Bread and yeast", "Yeast makes bread rise in ovens."),
    )
    made = Shelf(catalog, tmp_path, url)
    assert made.sync() == 3
    yield made
    made.close()


@anywhere
def test_near_texts_are_found_first(shelf: Shelf) -> None:
    assert shelf.find("owls see at night")[0] == "Owls at night"
    assert shelf.find("bread rise yeast")[0] == "Bread and yeast"
    assert len(shelf.find("owls")) == 3
    assert shelf.find("owls", 0) == []


@anywhere
def test_similarity_is_the_cosine(shelf: Shelf) -> None:
    (owl,) = [p for p in shelf.catalog.papers.select() if p.title == "Owls at night"]
    vector = shelf.embedder.embed([embedding_text(owl)])[0]
    for exact in (False, True):
        (seq,), (score,) = shelf.index.search(vector, 1, exact=exact)
        assert seq == owl.seq
        assert score == pytest.approx(1, abs=1e-5)
    stored = shelf.index.vectors([owl, paper(title="Unknown")])
    assert set(stored) == {owl.id}
    assert np.allclose(stored[owl.id], vector, atol=1e-6)


@anywhere
def test_only_allowed_papers_are_found(shelf: Shelf) -> None:
    assert shelf.find("owls", allowed={"Bats in caves"}) == ["Bats in caves"]
    assert shelf.find("owls", allowed=set()) == []
    assert shelf.find("owls", allowed={"Bats in caves", "Owls at night"}) == [
        "Owls at night",
        "Bats in caves",
    ]
    for size in (0, 1, 100_000):  # masks of another length than the index
        mask = np.ones(size, np.bool_)
        seqs, _ = shelf.index.search(shelf.embedder.embed_query("owls"), 5, mask)
        assert len(seqs) == (3 if size > 3 else 0)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 1.0])
def test_masks_give_what_comparing_all_gives(shelf: Shelf, share: float) -> None:
    add(shelf.catalog, *many(400))
    shelf.sync()
    papers = shelf.catalog.papers.select()
    rows = shelf.embedder.embed([embedding_text(p) for p in papers])
    random = np.random.default_rng(4)
    for query in ("owls see at night", "study of topic 7", "bread"):
        vector = shelf.embedder.embed_query(query)
        mask = random.random(shelf.catalog.papers.last_seq() + 1) < share
        seqs, scores = shelf.index.search(vector, 10, mask)
        inside = [(-float(row @ vector), p.seq) for p, row in zip(papers, rows, strict=True)]
        wanted = sorted(pair for pair in inside if mask[pair[1]])[:10]
        assert scores == pytest.approx([-score for score, _ in wanted], abs=1e-6)
        assert len(set(seqs.tolist()) & {seq for _, seq in wanted}) >= len(wanted) - 1  # a tie


@anywhere
def test_a_changed_text_replaces_its_vector(shelf: Shelf) -> None:
    add(shelf.catalog, record("Owls at night", "Now about bread rise yeast ovens."))
    missing = shelf.catalog.vectors.missing("fake 32d")
    assert [p.title for p in missing] == ["Owls at night"]
    assert shelf.sync() == 1
    assert shelf.index.count() == 3
    (owl,) = [p for p in shelf.catalog.papers.select() if p.title == "Owls at night"]
    assert shelf.catalog.vectors.done("fake 32d")[owl.id] == owl.text_hash
    assert shelf.sync() == 0


@anywhere
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
    # What was begun before the interruption was seen is finished and kept.
    kept = shelf.index.count() - 3
    assert calls[0] <= kept < 300
    assert shelf.sync() == 300 - kept
    assert shelf.index.count() == 303


@anywhere
def test_vectors_without_an_account_are_made_again(shelf: Shelf) -> None:
    """Killed after Chroma's write and before the catalog's."""
    shelf.catalog.vectors.forget_seqs("fake 32d", [shelf.catalog.papers.select()[0].seq])
    assert not shelf.index.is_sound()
    assert shelf.sync() == 1
    assert shelf.index.is_sound()
    assert shelf.index.count() == 3


@anywhere
def test_a_lost_mirror_is_copied_from_chroma(shelf: Shelf) -> None:
    before = shelf.find("owls see at night", exact=True)
    shelf.index.close()
    shutil.rmtree(shelf.folder / "vectors-mirror")
    fresh = shelf.open()
    assert not fresh.is_sound()
    shelf.embedder.texts.clear()
    assert shelf.sync(fresh) == 0
    assert shelf.embedder.texts == []
    assert shelf.find("owls see at night", index=fresh, exact=True) == before


@pytest.mark.parametrize(
    "file", ["rows.f32", "marks.u32", "signs-*.u8", "mean-*.f32", "shape.json"]
)
@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_a_damaged_mirror_heals(shelf: Shelf, file: str, content: bytes | None) -> None:
    shelf.index.close()
    (path,) = (shelf.folder / "vectors-mirror").glob(f"*/{file}")
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    fresh = shelf.open()
    assert shelf.sync(fresh) == 0
    assert shelf.find("owls see at night", index=fresh, exact=True)[0] == "Owls at night"
    assert len(shelf.find("owls", index=fresh)) == 3


def test_the_vectors_of_the_first_release_are_taken_over(shelf: Shelf) -> None:
    """Its collection was named otherwise, and its records by the papers' ids."""
    import chromadb
    from chromadb.config import Settings

    papers = shelf.catalog.papers.select()
    rows = shelf.embedder.embed([embedding_text(p) for p in papers])
    shelf.index.close()
    shutil.rmtree(shelf.folder / "vectors")
    shutil.rmtree(shelf.folder / "vectors-mirror")
    client = chromadb.PersistentClient(
        path=str(shelf.folder / "vectors"), settings=Settings(anonymized_telemetry=False)
    )
    old = client.create_collection(
        "papers", metadata={"fingerprint": "fake 32d"}, embedding_function=None
    )
    old.add(
        ids=[p.id for p in papers] + ["gone"],
        embeddings=np.concatenate([rows, rows[:1]]),
        metadatas=[{"text_hash": p.text_hash} for p in papers] + [{"text_hash": "x"}],  # type: ignore[arg-type]
    )
    fresh = shelf.open()
    shelf.embedder.texts.clear()
    assert shelf.sync(fresh) == 0
    assert shelf.embedder.texts == []
    assert fresh.count() == 3
    for exact in (False, True):
        assert shelf.find("bread rise yeast", index=fresh, exact=exact)[0] == "Bread and yeast"


@anywhere
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


@anywhere
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


@pytest.mark.parametrize("lost", ["damaged", "deleted"])
def test_a_lost_chroma_is_filled_from_the_mirror(shelf: Shelf, lost: str) -> None:
    shelf.index.close()
    for file in list((shelf.folder / "vectors").rglob("*")):
        if file.is_file():
            file.write_bytes(b"garbage" * 100)
    if lost == "deleted":
        shutil.rmtree(shelf.folder / "vectors")
    fresh = shelf.open()
    shelf.embedder.texts.clear()
    assert shelf.sync(fresh) == 0
    assert shelf.embedder.texts == []
    assert fresh.count() == 3
    assert shelf.find("owls see at night", index=fresh)[0] == "Owls at night"


def test_what_both_have_lost_is_made_again(shelf: Shelf) -> None:
    shelf.index.close()
    for folder in ("vectors", "vectors-mirror"):
        shutil.rmtree(shelf.folder / folder)
    fresh = shelf.open()
    fresh.heal()
    assert shelf.catalog.vectors.done("fake 32d") == {}
    assert shelf.sync(fresh) == 3
    assert shelf.find("owls see at night", index=fresh)[0] == "Owls at night"


@anywhere
def test_another_embedder_builds_beside_the_first(shelf: Shelf) -> None:
    other = shelf.open("another 32d")
    assert other.count() == 0
    assert shelf.sync(other) == 3
    for index in (shelf.index, other):
        assert index.is_sound()
        assert shelf.find("owls see at night", index=index)[0] == "Owls at night"
    assert shelf.catalog.vectors.counts() == {"fake 32d": 3, "another 32d": 3}
    assert other.prune(keep=()) == ["fake 32d"]
    assert shelf.catalog.vectors.counts() == {"another 32d": 3}
    assert shelf.find("owls see at night", index=other)[0] == "Owls at night"
    assert shelf.open().count() == 0
    assert len(list((shelf.folder / "vectors-mirror").iterdir())) == 1


@anywhere
def test_clearing_one_embedder_leaves_the_other(shelf: Shelf) -> None:
    other = shelf.open("another 32d")
    shelf.sync(other)
    other.clear()
    assert other.count() == 0 and other.is_sound()
    assert shelf.find("owls see at night")[0] == "Owls at night"
    assert shelf.catalog.vectors.counts() == {"fake 32d": 3}
    shelf.index.clear()
    assert shelf.catalog.vectors.counts() == {}
    assert shelf.sync() == 3
    assert shelf.find("owls see at night")[0] == "Owls at night"


def test_what_others_add_is_seen_without_opening_chroma_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one process two clients share Chroma; so the first is made blind to the second."""
    other = shelf.open()
    assert shelf.find("foxes walk by day", index=other)
    opened: list[int] = []
    monkeypatch.setattr(other, "_connect", lambda: opened.append(1))
    add(shelf.catalog, record("Foxes by day", "Foxes walk by day."))
    shelf.sync()
    found = other.search(shelf.embedder.embed_query("foxes walk by day"), 4)
    assert len(set(found[0].tolist())) == len(found[0]) == 4
    assert shelf.find("foxes walk by day", index=other)[0] == "Foxes by day"
    assert opened == []
    monkeypatch.undo()
    monkeypatch.setattr("curator.index.vectors.REOPEN_AFTER", 0)
    assert shelf.find("foxes walk by day", index=other)[0] == "Foxes by day"


def test_who_reads_does_not_open_what_is_being_written(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chroma's graph may be half there; it is looked at once the writer has ended."""
    other = shelf.open()
    (mirror,) = (shelf.folder / "vectors-mirror").iterdir()
    mark = mirror.with_suffix(".writing")
    mark.touch()
    with monkeypatch.context() as patch:
        patch.setattr(other, "_open", pytest.fail)
        assert shelf.find("owls see at night", index=other)[0] == "Owls at night"
        assert not other.is_sound()
    mark.unlink()
    assert other.is_sound() and other.count() == 3


def test_chroma_in_panic(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its compiled part raises what is no Exception where files vanish while it opens them."""
    panic = type("PanicException", (BaseException,), {})

    def opens(**_: object) -> None:
        raise panic("unable to open database file")

    other = shelf.open()
    with monkeypatch.context() as patch:
        patch.setattr("chromadb.PersistentClient", opens)
        assert shelf.find("owls see at night", index=other)[0] == "Owls at night"
        with pytest.raises(StorageError, match="unable to open"):
            other.heal()
    other.heal()
    assert other.is_sound() and other.count() == 3


def test_the_disk_is_full(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    add(shelf.catalog, record("Foxes by day", "Foxes walk by day."))

    def put(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("curator.index.mirror._put", put)
        with pytest.raises(StorageError, match="No space left") as raised:
            shelf.sync()
    assert "Free some space" in raised.value.remedy and raised.value.retryable
    assert len(shelf.catalog.vectors.missing("fake 32d")) == 1
    assert shelf.sync() == 1
    assert shelf.index.is_sound() and shelf.index.count() == 4
    assert shelf.find("foxes walk by day", exact=True)[0] == "Foxes by day"


def test_an_empty_index(catalog: Catalog, tmp_path: Path) -> None:
    shelf = Shelf(catalog, tmp_path)
    assert shelf.index.count() == 0
    assert shelf.find("anything") == []
    assert shelf.index.vectors([paper(title="Unknown")]) == {}
    assert shelf.index.vectors([]) == {}
    assert not list(tmp_path.glob("vectors*"))  # who reads makes nothing
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
