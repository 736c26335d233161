"""Changing the embedder: the former one serves until the new one has made as many vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fakes import FakeEmbedder, many
from processes import Peer, embedded, row

from curator.embedding import Bulk
from curator.errors import UsageError, WeightsMissing
from curator.library import Library
from curator.settings import Settings, load_settings

if TYPE_CHECKING:
    from curator.embedding import Vectors

OLD, NEW = "fakeA 32d; words", "fakeB 48d; words"
COUNT = 150
ROWS = [row(one.title, one.abstract) for one in many(COUNT)]
TITLE = ROWS[77]["title"]


class Named(FakeEmbedder):
    """Two fakes whose vectors have not even the same dimensions. Counts what it is asked."""

    bulk = Bulk(calls=1, texts=8)

    def __init__(self, name: str) -> None:
        super().__init__({"fakeA": OLD, "fakeB": NEW}[name])
        self.name = name
        self.asked = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = super().embed(texts)
        wide = self.fingerprint == NEW
        return np.pad(rows, ((0, 0), (0, 16))) if wide else rows

    def embed_query(self, text: str) -> Vectors:
        self.asked += 1
        rows: Vectors = self.embed([text])[0]
        self.texts.pop()
        return rows


class Switch:
    """Opens one library with one embedder or the other."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.said: list[str] = []
        self.missing: set[str] = set()
        self._made: dict[str, Named] = {}
        self._opened: list[Library] = []
        monkeypatch.setattr("curator.embedding.open_embedder", self._open_embedder)

    def _open_embedder(self, settings: Settings, notify: Any = None) -> Named:
        if settings.embedding in self.missing:
            raise WeightsMissing("The weights are not here.", remedy="Pull them.")
        if not settings.embedding.startswith("fake"):
            raise UsageError("No such embedder.")
        return self._made.setdefault(settings.embedding, Named(settings.embedding))

    def open(self, name: str) -> Library:
        self.said.clear()
        settings = load_settings(home=self.home, embedding=name)
        library = Library(settings, notify=self.said.append)
        self._opened.append(library)
        return library

    def asked(self, library: Library, title: str = TITLE) -> dict[str, int]:
        """Finds a paper; how often which embedder was asked."""
        before = {name: one.asked for name, one in self._made.items()}
        for mode in ("hybrid", "dense"):
            for once in (False, True):
                hits = library.search(title, 5, mode=mode, once=once)
                assert hits[0].paper.title == title, (mode, once)
        asked = {name: one.asked - before.get(name, 0) for name, one in self._made.items()}
        return {name: count for name, count in asked.items() if count}

    def embedded(self, name: str) -> int:
        return len(self._made[name].texts)

    def close(self) -> None:
        for library in self._opened:
            library.close()


def add(library: Library, rows: list[dict[str, Any]], *, embed: bool = True) -> None:
    from commands import write_lines

    file = write_lines(library.home.root / "papers.jsonl", *rows)
    library.add([str(file)], embed=embed)


@pytest.fixture
def switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Switch]:
    made = Switch(tmp_path / "switched", monkeypatch)
    library = made.open("fakeA")
    add(library, ROWS)
    assert library.catalog.vectors.counts() == {OLD: COUNT}
    assert made.asked(library) == {"fakeA": 4}
    assert made.said == []
    yield made
    made.close()


def stop_after(embedder: Named, batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedder is interrupted, with so many batches stored."""
    real, calls = embedder.embed, []

    def stops(texts: list[str]) -> Any:
        calls.append(1)
        if len(calls) > batches:
            raise KeyboardInterrupt
        return real(texts)

    monkeypatch.setattr(embedder, "embed", stops)


def test_the_former_serves_until_the_new_is_whole(
    switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = switch.open("fakeB")
    for _ in range(2):
        assert switch.asked(library) == {"fakeA": 4}
    assert sum("fakeB has made vectors of 0 papers" in text for text in switch.said) == 1
    assert switch.embedded("fakeB") == 0  # a search does not begin with it

    with monkeypatch.context() as interrupted:
        stop_after(library.embedder, 5, interrupted)  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            library.index()
    counts = library.catalog.vectors.counts()
    assert 0 < counts[NEW] < counts[OLD] == COUNT
    assert switch.asked(library) == {"fakeA": 4}
    assert len(switch.said) == 1  # other numbers are no news
    again = switch.open("fakeB")
    assert switch.asked(again) == {"fakeA": 4}
    assert f"vectors of {counts[NEW]} papers" in switch.said[0] and "(150)" in switch.said[0]

    before = switch.embedded("fakeB")
    assert again.index()["vectors"] == COUNT - counts[NEW]
    assert switch.embedded("fakeB") == before + COUNT - counts[NEW]
    for one in (again, library):  # the one that was open all the time, too
        assert switch.asked(one) == {"fakeB": 4}
    assert again.catalog.vectors.counts() == {OLD: COUNT, NEW: COUNT}
    assert switch.embedded("fakeA") == COUNT


def test_what_comes_meanwhile_is_found(switch: Switch) -> None:
    """By its words, at once; the former makes no vectors any more."""
    library = switch.open("fakeB")
    add(library, [row("Newts in ponds", "Newts live in ponds.")], embed=False)
    assert library.search("newts ponds")[0].paper.title == "Newts in ponds"
    assert switch.asked(library) == {"fakeA": 4}
    assert library.catalog.vectors.counts() == {OLD: COUNT}
    assert any("1 paper" in text for text in switch.said)
    library.index()
    assert library.catalog.vectors.counts() == {OLD: COUNT, NEW: COUNT + 1}
    assert switch.asked(library, "Newts in ponds") == {"fakeB": 4}


def test_a_process_that_is_open_switches_when_another_has_made_all(switch: Switch) -> None:
    library = switch.open("fakeB")
    assert switch.asked(library) == {"fakeA": 4}
    other = switch.open("fakeB")
    other.index()
    assert switch.asked(library) == {"fakeB": 4}


def test_killed_half_way(switch: Switch) -> None:
    """With SIGKILL. The vectors of the former are not touched."""
    patches = {"curator.indexing:STORE_PAPERS": 24, "curator.indexing:MOST_WAITING": 0}
    moment = ("curator.index.vectors:upsert", "before", 3)
    with Peer(switch.home, fingerprint="fakeC 32d", patches=patches, dies=moment) as peer:
        peer.dies_of("index")
    library = switch.open("fakeB")
    stored = library.catalog.vectors.counts()["fakeC 32d"]
    assert 2 * 24 <= stored < 4 * 24
    assert switch.asked(library) == {"fakeA": 4}
    before = embedded(switch.home)
    with Peer(switch.home, fingerprint="fakeC 32d") as peer:
        assert peer.ask("index")["vectors"] == COUNT - stored
    assert embedded(switch.home) == before + COUNT - stored
    assert library.catalog.vectors.counts() == {OLD: COUNT, "fakeC 32d": COUNT}


def test_a_former_that_is_not_to_be_had(switch: Switch) -> None:
    """Papers are found by their words until the new one has made vectors."""
    switch.missing.add("fakeA")
    library = switch.open("fakeB")
    assert library.search(TITLE)[0].paper.title == TITLE
    assert library.search(TITLE, mode="dense") == []
    assert any("`curator index`" in text for text in switch.said)
    library.index()
    assert switch.asked(library) == {"fakeB": 4}


def test_a_new_one_that_is_not_to_be_had(switch: Switch) -> None:
    switch.missing.add("fakeB")
    library = switch.open("fakeB")
    assert library.search(TITLE)[0].paper.title == TITLE
    with pytest.raises(WeightsMissing):
        library.search(TITLE, mode="dense")
    assert sum("words only" in text for text in switch.said) == 1


def test_what_does_not_serve_is_pruned(switch: Switch, monkeypatch: pytest.MonkeyPatch) -> None:
    library = switch.open("fakeB")
    with monkeypatch.context() as interrupted:
        stop_after(library.embedder, 5, interrupted)  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            library.index()
    assert library.prune() == []  # the former serves
    assert switch.asked(library) == {"fakeA": 4}
    library.index()
    former = switch.open("fakeA")
    assert switch.asked(former) == {"fakeA": 4}
    assert library.prune() == [OLD]
    assert library.catalog.vectors.counts() == {NEW: COUNT}
    assert len(list((switch.home / "index" / "vectors-mirror").iterdir())) == 1
    assert switch.asked(library) == {"fakeB": 4}
    # Whoever still has the former set is answered by the one that has vectors.
    assert switch.asked(former) == {"fakeB": 4}
    assert switch.asked(switch.open("fakeA")) == {"fakeB": 4}
    # And can go back.
    assert switch.open("fakeA").index()["vectors"] == COUNT
    assert switch.asked(switch.open("fakeA")) == {"fakeA": 4}
    assert library.vectors.count() == COUNT and library.vectors.is_sound()
