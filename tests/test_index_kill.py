"""An indexing process is killed at any moment, or the machine's disk lost a part; the next
``index`` finishes, and does only what is not stored yet."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import CountedEmbedder, Peer, embedded, opened, revised, row

from curator.embedding import embedding_text
from curator.embedding.bulk import AHEAD
from curator.library import Library

STORED = 48  # papers that are stored at a time here
CHANGED = 120
SMALL_BATCHES = {
    "curator.indexing:STORE_PAPERS": STORED,
    "curator.indexing:MOST_WAITING": 0,  # nothing is put aside while another batch is stored
    "curator.index.mirror:GROW": 32,
    "curator.index.agreement:COPIED": 50,
    "curator.index.agreement:MAX_BATCH": 50,
}
ROWS = [
    row(
        f"Study number {n} of topic {n % 7}",
        f"We study case {n}. It is about topic {n % 7}.",
        arxiv_id=f"2401.{n:05d}",
    )
    for n in range(240)
]
QUERIES = [f"study {n} topic {n % 7}" for n in range(0, 240, 71)]
FINGERPRINT = "fake 32d"


Found = list[tuple[str, float]]


def found(library: Library, *, once: bool = False) -> list[Found]:
    """What searching gives, by words and vectors and by vectors alone."""
    return [
        [(hit.paper.title, hit.score) for hit in hits]
        for query in QUERIES
        for mode in ("hybrid", "dense")
        if (hits := library.search(query, 5, mode=mode, once=once))
    ]


def check_same(results: list[Found], others: list[Found]) -> None:
    """The same, but for what is left to chance in Chroma's graph: the last of many neighbours."""
    assert len(results) == len(others) == 2 * len(QUERIES)
    for one, other in zip(results, others, strict=True):
        assert [title for title, _ in one] == [title for title, _ in other]
        assert [score for _, score in one] == pytest.approx([s for _, s in other], abs=5e-3)


def check_whole(library: Library) -> None:
    """The account, Chroma and the mirror have the same papers, and their right vectors."""
    papers = {paper.seq: paper for paper in library.catalog.papers.select()}
    index = library.vectors
    assert library.catalog.vectors.done_seqs(FINGERPRINT) == set(papers)
    assert library.catalog.vectors.counts() == {FINGERPRINT: len(papers)}
    assert index.is_sound()
    stored = index._writable().get(include=["embeddings"])
    assert set(map(int, stored["ids"])) == set(papers)
    assert index._mapped().present().tolist() == sorted(papers)
    seqs = [int(name) for name in stored["ids"]]
    right = library.embedder.embed([embedding_text(papers[seq]) for seq in seqs])
    assert np.allclose(stored["embeddings"], right, atol=1e-6)
    assert np.allclose(index.rows(np.array(seqs))[0], right, atol=1e-6)


@pytest.fixture
def library(home: Path) -> Iterator[Library]:
    """Opened in this process, once the others have ended."""
    library = opened(home)
    yield library
    library.close()


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A library without vectors, and the same one with all."""
    folder = tmp_path_factory.mktemp("homes")
    with Peer(folder / "bare") as peer:
        peer.ask("add", ROWS, embed=False)
    shutil.copytree(folder / "bare", folder / "whole")
    with Peer(folder / "whole", patches=SMALL_BATCHES) as peer:
        peer.ask("index")
    return {name: folder / name for name in ("bare", "whole")}


@pytest.fixture(scope="module")
def unkilled(homes: dict[str, Path]) -> list[Found]:
    library = opened(homes["whole"])
    results = found(library)
    library.close()
    return results


@pytest.fixture
def home(homes: dict[str, Path], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return Path(shutil.copytree(homes[getattr(request, "param", "bare")], tmp_path / "killed"))


whole = pytest.mark.parametrize("home", ["whole"], indirect=True)

PUT = "curator.index.mirror:_put"  # of rows, of signs, of marks: three calls for each batch
MOMENTS = [
    pytest.param(("curator.index.vectors:upsert", "before", 2), id="before Chroma's write"),
    pytest.param(("curator.index.vectors:upsert", "after", 2), id="after Chroma's write"),
    pytest.param((PUT, "after", 4), id="after the mirror's rows"),
    pytest.param((PUT, "after", 6), id="after the mirror's marks"),
    pytest.param(("os:truncate", "after", 2), id="while the mirror's first files are made"),
    pytest.param(
        ("curator.index.mirror:Mirror._declare", "before", 3), id="before the mean counts"
    ),
    pytest.param(("curator.index.mirror:Mirror._declare", "after", 3), id="after the mean counts"),
    pytest.param(("curator.catalog:VectorLog.mark", "after", 3), id="after the account"),
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_vectors_are_made(
    home: Path,
    library: Library,
    unkilled: list[Found],
    moment: tuple[str, str, int],
) -> None:
    with Peer(home, patches=SMALL_BATCHES, dies=moment) as peer:
        peer.dies_of("index")
    stored = library.catalog.vectors.counts().get(FINGERPRINT, 0)
    lost = embedded(home) - stored
    assert stored < len(ROWS)
    # The batch that was being stored, and the calls that lay ready.
    assert 0 <= lost <= STORED + (AHEAD + 1) * CountedEmbedder.bulk.texts
    assert library.index()["vectors"] == len(ROWS) - stored
    assert embedded(home) == len(ROWS) + lost
    check_whole(library)
    check_same(found(library), unkilled)
    check_same(found(library, once=True), unkilled)


# What each has to be copied from the other, and what the first release left.
@whole
@pytest.mark.parametrize(
    ("lost", "moment"),
    [
        ("vectors-mirror", ("curator.index.mirror:Mirror.write", "after", 2)),
        ("vectors", ("chromadb.api.models.Collection:Collection.upsert", "after", 2)),
    ],
)
def test_killed_while_what_was_lost_is_copied(
    home: Path,
    library: Library,
    unkilled: list[Found],
    lost: str,
    moment: tuple[str, str, int],
) -> None:
    before = embedded(home)
    shutil.rmtree(home / "index" / lost)
    with Peer(home, patches=SMALL_BATCHES, dies=moment) as peer:
        peer.dies_of("index")
    assert library.index() == {"words": 0, "vectors": 0}
    assert embedded(home) == before
    check_whole(library)
    check_same(found(library), unkilled)


@whole
@pytest.mark.parametrize(
    "moment",
    [
        ("curator.index.agreement:upsert", "after", 2),
        ("chromadb.api.client:Client.delete_collection", "before", 1),
    ],
)
def test_killed_while_the_first_release_is_taken_over(
    home: Path,
    library: Library,
    unkilled: list[Found],
    moment: tuple[str, str, int],
) -> None:
    import chromadb
    from chromadb.config import Settings

    papers = library.catalog.papers.select()
    rows = library.embedder.embed([embedding_text(paper) for paper in papers])
    before = embedded(home)
    for folder in ("vectors", "vectors-mirror"):
        shutil.rmtree(home / "index" / folder)
    client = chromadb.PersistentClient(
        path=str(home / "index" / "vectors"), settings=Settings(anonymized_telemetry=False)
    )
    about = {"fingerprint": FINGERPRINT}
    client.create_collection("papers", metadata=about, embedding_function=None).add(
        ids=[paper.id for paper in papers],
        embeddings=rows,
        metadatas=[{"text_hash": paper.text_hash} for paper in papers],
    )
    library.vectors.close()
    with Peer(home, patches=SMALL_BATCHES, dies=moment) as peer:
        peer.dies_of("index")
    assert library.index() == {"words": 0, "vectors": 0}
    assert embedded(home) == before
    check_whole(library)
    check_same(found(library), unkilled)


@whole
@pytest.mark.parametrize(
    "moment",
    [
        ("curator.index.vectors:agree", "before", 1),
        ("curator.index.mirror:Mirror.forget", "before", 1),
        ("os:truncate", "after", 2),  # the mirror grows: later texts have larger numbers
    ],
)
def test_killed_while_former_texts_are_taken_out(
    home: Path, library: Library, moment: tuple[str, str, int]
) -> None:
    with Peer(home, patches=SMALL_BATCHES) as peer:
        peer.ask(
            "add", [revised(one, "Now it is about owls.") for one in ROWS[:CHANGED]], embed=False
        )
    before = embedded(home)
    with Peer(home, patches=SMALL_BATCHES, dies=moment) as peer:
        peer.dies_of("index")
    stored = library.catalog.vectors.done_seqs(FINGERPRINT)
    assert library.index()["vectors"] == len(ROWS) - len(stored)
    assert embedded(home) - before <= CHANGED + STORED + (AHEAD + 1) * CountedEmbedder.bulk.texts
    check_whole(library)


@whole
@pytest.mark.parametrize(
    "moment",
    [
        ("curator.index.mirror:Mirror.drop", "after", 1),
        ("curator.index.place:Place.renew", "after", 1),
    ],
)
def test_killed_while_all_is_thrown_away(
    home: Path,
    library: Library,
    unkilled: list[Found],
    moment: tuple[str, str, int],
) -> None:
    with Peer(home, dies=moment) as peer:
        peer.dies_of("index", rebuild=True)
    library.index()
    check_whole(library)
    check_same(found(library), unkilled)


def test_killed_anywhere(home: Path, library: Library, tmp_path: Path) -> None:
    """So many vectors that Chroma writes its graph to the disk, which it does not do at once."""
    more = [row(f"Other study {n}", f"Its case is {n} and {n * n}.") for n in range(2_000)]
    with Peer(home) as peer:
        peer.ask("add", more, embed=False)
    patches: dict[str, Any] = {"curator.indexing:STORE_PAPERS": 500}
    for delay in (0.0, 0.2):
        with Peer(home, patches=patches) as peer:
            peer.tell("index")
            before = embedded(home)
            while embedded(home) < before + 600 and len(done(home)) < 2_240:
                time.sleep(0.01)
            time.sleep(delay)
            peer.kill()
    library.index()
    check_whole(library)
    for query in QUERIES:
        near, nearest = (
            [hit.score for hit in library.search(query, 10, mode="dense", once=once)]
            for once in (False, True)
        )
        assert near == pytest.approx(nearest, abs=1e-4)


def done(home: Path) -> set[int]:
    library = opened(home)
    seqs = library.catalog.vectors.done_seqs(FINGERPRINT)
    library.close()
    return seqs


@pytest.fixture(scope="module")
def large(homes: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many vectors that Chroma has written its graph to the disk."""
    home = tmp_path_factory.mktemp("large") / "home"
    shutil.copytree(homes["bare"], home)
    with Peer(home) as peer:
        peer.ask("add", [row(f"Other study {n}", f"Its case is {n}.") for n in range(1_200)])
    return home


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("data_level0.bin", "half"),  # what kills were seen to leave: one in ten
        ("index_metadata.pickle", "half"),
        ("link_lists.bin", "gone"),
        ("chroma.sqlite3", "garbage"),
    ],
)
def test_a_damaged_graph_is_made_anew_from_the_mirror(
    large: Path, tmp_path: Path, file: str, damage: str
) -> None:
    home = Path(shutil.copytree(large, tmp_path / "damaged"))
    before = embedded(home)
    (path,) = (home / "index" / "vectors").rglob(file)
    if damage == "half":
        os.truncate(path, path.stat().st_size // 2)
        if file == "data_level0.bin":  # Chroma may end a process that reads it
            (mirror,) = (home / "index" / "vectors-mirror").iterdir()
            mirror.with_suffix(".writing").touch()
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"garbage" * 1000)
    library = opened(home)
    right = found(library, once=True)
    check_same(found(library), right)
    check_same(found(library), right)  # now it has been mended
    assert library.vectors.count() == 1_440
    assert library.index() == {"words": 0, "vectors": 0}
    assert embedded(home) == before
    check_whole(library)
    library.close()


def test_the_count_of_embedded_texts_is_right(tmp_path: Path) -> None:
    """Else the tests above would say nothing."""
    embedder = CountedEmbedder(tmp_path / "embedded.log")
    assert embedded(tmp_path) == 0
    embedder.embed(["a", "b"])
    embedder.embed(["c"])
    assert embedded(tmp_path) == 3
