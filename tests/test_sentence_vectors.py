"""Vectors of sentences that are kept: never those of another text, and never in the way."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import inline, write_lines
from fakes import FakeEmbedder, OverlapReranker, add, record
from filelock import FileLock
from sqlalchemy import event

from curator import evidence, sentence_indexing
from curator.catalog import Catalog
from curator.catalog.migrations import MIGRATIONS
from curator.embedding.base import Bulk
from curator.errors import ModelError, ServerUnavailable, StorageError
from curator.evidence import Evidence, EvidenceSelector, sentence_texts
from curator.library import Library
from curator.paper import Paper
from curator.sentence_indexing import sync_sentences

PRINT = "fake 32d"
ONES = np.ones((1, 2), dtype=np.float32)
QUESTION = "Which error does OwlNet have at night?"
OWL = record(
    "OwlNet",
    "We present OwlNet today. It sees at night with 5\\% error. It costs little to run.",
    arxiv_id="2401.00001v1",
    published="2024-01-01",
)
BAT = record(
    "BatNet",
    "Bats hear shapes in caves. BatNet hears them by telephone.",
    published="2024-01-02",
)
TERSE = record("Terse", "Yes. It works.", published="2024-01-03")


class Picky(FakeEmbedder):
    """Says of each text whether it can be embedded; in small calls, two at once."""

    bulk = Bulk(2, 4)

    def __init__(self, fingerprint: str = PRINT) -> None:
        super().__init__(fingerprint)
        self.refuses: Callable[[str], Exception | None] = lambda _: None

    def embed(self, texts: Sequence[str]) -> Any:
        for text in texts:
            if error := self.refuses(text):
                raise error
        return super().embed(texts)


@pytest.fixture
def owls(catalog: Catalog) -> Catalog:
    add(catalog, OWL, BAT, TERSE)
    return catalog


def papers_of(catalog: Catalog) -> list[Paper]:
    return sorted(catalog.papers.select(), key=lambda paper: paper.title)


def ask(catalog: Catalog, embedder: FakeEmbedder | None = None) -> tuple[list[Evidence], list[str]]:
    """What is chosen, and which texts were embedded for it."""
    embedder = embedder or FakeEmbedder()
    selector = EvidenceSelector(embedder, OverlapReranker(), catalog.sentences)
    return selector.select(QUESTION, papers_of(catalog), 6), embedder.texts


def without(catalog: Catalog) -> list[Evidence]:
    """What is chosen where nothing is kept."""
    return EvidenceSelector(FakeEmbedder(), OverlapReranker()).select(
        QUESTION, papers_of(catalog), 6
    )


def sync(catalog: Catalog, embedder: FakeEmbedder | None = None, newest: int = -1) -> int:
    return sync_sentences(catalog, embedder or Picky(), newest)


# ------------------------------------------------------------------- the same evidence


@pytest.mark.parametrize("reranker", [OverlapReranker(), None])
def test_the_same_is_chosen_and_nothing_is_embedded_again(
    owls: Catalog, reranker: OverlapReranker | None
) -> None:
    papers = papers_of(owls)
    bare = EvidenceSelector(FakeEmbedder(), reranker).select(QUESTION, papers, 6)
    for expected in (7, 0, 0):
        embedder = FakeEmbedder()
        chosen = EvidenceSelector(embedder, reranker, owls.sentences).select(QUESTION, papers, 6)
        assert chosen == bare  # scores, too, to the last bit
        assert len(embedder.texts) == expected


def test_only_what_is_missing_is_embedded(owls: Catalog) -> None:
    ask(owls)
    add(owls, record("CatNet", "Cats sleep by day in the sun. Cats see at night as well."))
    chosen, texts = ask(owls)
    assert texts == [
        "CatNet: Cats sleep by day in the sun.",
        "CatNet: Cats see at night as well.",
    ]
    assert chosen == without(owls)
    assert ask(owls) == (chosen, [])


def test_papers_that_are_in_no_library_are_not_kept(owls: Catalog) -> None:
    stranger = Paper(id="p0", title="Stranger", abstract="Strangers see at night with error.")
    for _ in range(2):
        embedder = FakeEmbedder()
        selector = EvidenceSelector(embedder, None, owls.sentences)
        assert selector.select(QUESTION, [stranger])[0].paper == stranger
        assert embedder.texts == ["Stranger: Strangers see at night with error."]
    chosen, _ = ask(owls)  # beside one that is there
    selector.select(QUESTION, [*papers_of(owls), stranger])
    assert ask(owls) == (chosen, [])


def test_a_paper_without_an_abstract_has_nothing_to_keep(owls: Catalog) -> None:
    empty = Paper(id=papers_of(owls)[0].id, title="Empty", abstract="")
    embedder = FakeEmbedder()
    selector = EvidenceSelector(embedder, None, owls.sentences)
    assert selector.select(QUESTION, [empty]) == []
    assert embedder.texts == [] and owls.sentences.counts() == {}
    assert selector.select(QUESTION, [empty, *papers_of(owls)])


# ------------------------------------------------------------------- other texts


def test_a_new_version_of_the_abstract_is_embedded(owls: Catalog) -> None:
    ask(owls)
    sync(owls)
    add(
        owls,
        record(
            "OwlNet",
            "It sees at night with 3\\% error.",
            arxiv_id="2401.00001v2",
            published="2024-01-01",
        ),
    )
    chosen, texts = ask(owls)
    assert texts == ["OwlNet: It sees at night with 3% error."]
    assert chosen == without(owls)
    assert chosen[0].quote == "It sees at night with 3\\% error."
    assert owls.sentences.counts() == {PRINT: 3}  # in place of the old ones


def test_a_new_title_is_embedded_with_every_sentence(owls: Catalog) -> None:
    ask(owls)
    embedder = FakeEmbedder()
    renamed = [
        Paper(id=p.id, title=f"{p.title} 2", abstract=p.abstract, text_hash="other")
        for p in papers_of(owls)
    ]
    EvidenceSelector(embedder, None, owls.sentences).select(QUESTION, renamed)
    assert len(embedder.texts) == 7
    assert all(" 2: " in text for text in embedder.texts)


def test_another_way_of_splitting_makes_void_what_is_kept(
    owls: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(owls)
    monkeypatch.setattr(evidence, "paper_sentences", lambda paper: [paper.abstract])
    chosen, texts = ask(owls)
    assert len(texts) == 3
    assert chosen == without(owls)
    assert ask(owls)[1] == []


def test_another_embedder_has_its_own(owls: Catalog) -> None:
    ask(owls)
    other = FakeEmbedder("other 32d")
    assert len(ask(owls, other)[1]) == 7
    assert owls.sentences.counts() == {PRINT: 3, "other 32d": 3}
    owls.sentences.prune("other 32d")
    assert owls.sentences.counts() == {"other 32d": 3}
    assert ask(owls, FakeEmbedder("other 32d"))[1] == []


def test_where_a_text_ends_counts(owls: Catalog) -> None:
    (paper, *_) = papers_of(owls)
    rows = np.eye(2, dtype=np.float32)
    assert owls.sentences.put(PRINT, [(paper, ["ab", "c"], rows)]) == 1
    for texts in (["a", "bc"], ["ab"], ["c", "ab"], ["ab", "c", ""], ["abc"]):
        assert owls.sentences.get(PRINT, [(paper, texts)]) == [None]
    (kept,) = owls.sentences.get(PRINT, [(paper, ["ab", "c"])])
    assert kept is not None and kept.dtype == np.float32 and (kept == rows).all()


@pytest.mark.parametrize(
    "damage",
    [
        "vectors = substr(vectors, 1, 17)",
        "vectors = substr(vectors, 1, length(vectors) / 2)",
        "vectors = x''",
        "texts_hash = ''",
    ],
)
def test_what_is_damaged_is_made_again(owls: Catalog, damage: str) -> None:
    chosen, _ = ask(owls)
    with owls.store.write() as connection:
        connection.exec_driver_sql(f"UPDATE sentence_vectors SET {damage}")
    again, texts = ask(owls)
    assert again == chosen and len(texts) == 7
    assert ask(owls) == (chosen, [])


# ------------------------------------------------------------------- never in the way


def test_a_question_does_not_wait_for_who_writes(owls: Catalog) -> None:
    expected = without(owls)
    with closing(sqlite3.connect(owls.store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert ask(owls)[0] == expected
        assert time.monotonic() - started < 5.0  # and not the two minutes of a real writer
        assert owls.sentences.counts() == {}
        with pytest.raises(StorageError, match=r"0\.1 seconds"):
            owls.sentences.put(PRINT, [(papers_of(owls)[0], ["a"], ONES)])
        other.execute("ROLLBACK")
    with owls.store.write() as connection:  # whoever writes next is as patient as ever
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 120_000
    assert len(ask(owls)[1]) == 7
    assert ask(owls) == (expected, [])


def test_a_library_that_cannot_be_written_answers(owls: Catalog) -> None:
    def deny(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA query_only = ON")

    expected = without(owls)
    event.listen(owls.store.engine, "connect", deny)
    owls.store.engine.dispose()
    for _ in range(2):
        chosen, texts = ask(owls)
        assert chosen == expected and len(texts) == 7
    with pytest.raises(StorageError, match="cannot be written"):
        sync(owls)


def test_a_cache_that_is_gone_costs_time_only(owls: Catalog) -> None:
    with owls.store.write() as connection:
        connection.exec_driver_sql("DROP TABLE sentence_vectors")
    assert ask(owls)[0] == without(owls)


def test_papers_that_are_joined_lose_theirs(owls: Catalog) -> None:
    sync(owls)
    merged = owls.decisions.merge([papers_of(owls)[0].id, papers_of(owls)[2].id])[0]
    left = {paper.id for paper in papers_of(owls)}
    assert merged in left and len(left) == 2
    with owls.store.read() as connection:
        rows = connection.exec_driver_sql("SELECT paper_id FROM sentence_vectors").scalars()
        assert set(rows) <= left
    assert ask(owls)[0] == without(owls)


def test_a_library_of_the_release_before_has_the_same_table(owls: Catalog) -> None:
    """Papers take theirs with them there, too."""
    links = "PRAGMA foreign_key_list(sentence_vectors)"
    (create,) = (made for number, _, made in MIGRATIONS if number == 5)
    with owls.store.write() as connection:
        new = connection.exec_driver_sql(links).all()
        connection.exec_driver_sql("DROP TABLE sentence_vectors")
        create(connection)
        assert connection.exec_driver_sql(links).all() == new
    assert any("CASCADE" in link for link in new)
    assert sync(owls) == 3


# ------------------------------------------------------------------- before anybody asks


def many(catalog: Catalog, count: int) -> None:
    """Papers of two sentences each, a day apart."""
    rows = (
        record(
            f"Study {n}",
            f"We study the case {n} here. It is about topic {n % 7} only.",
            published=f"2024-{1 + n // 28:02}-{1 + n % 28:02}",
        )
        for n in range(count)
    )
    add(catalog, *rows)


def done_titles(catalog: Catalog) -> set[str]:
    made = catalog.sentences.get(PRINT, [(p, sentence_texts(p)) for p in papers_of(catalog)])
    pairs = zip(papers_of(catalog), made, strict=True)
    return {paper.title for paper, rows in pairs if rows is not None}


def test_made_before_it_is_the_same(owls: Catalog) -> None:
    assert sync(owls) == 3
    assert ask(owls) == (without(owls), [])
    embedder = Picky()
    assert sync(owls, embedder) == 0 and embedder.texts == []


def test_the_newest_so_many(catalog: Catalog) -> None:
    many(catalog, 60)
    told: list[tuple[int, int]] = []
    made = sync_sentences(catalog, Picky(), 10, lambda done, of: told.append((done, of)))
    assert made == 10
    assert done_titles(catalog) == {f"Study {n}" for n in range(50, 60)}
    assert told[-1] == (10, 10) and told == sorted(told)
    assert sync(catalog, newest=10) == 0
    assert sync(catalog, newest=25) == 15
    assert sync(catalog) == 35
    assert len(done_titles(catalog)) == 60


def test_the_newest_come_first(catalog: Catalog) -> None:
    many(catalog, 60)
    embedder = Picky()
    embedder.bulk = Bulk(1, 4)
    sync(catalog, embedder)
    numbers = [int(text.split()[1][:-1]) for text in embedder.texts]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) == 120


def test_what_has_changed_since_is_made_again(owls: Catalog) -> None:
    sync(owls)
    add(owls, record("OwlNet", "It sees at noon by now.", arxiv_id="2401.00001v2"))
    embedder = Picky()
    assert sync(owls, embedder) == 1
    assert embedder.texts == ["OwlNet: It sees at noon by now."]


def test_a_paper_without_sentences_is_done_once(
    owls: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def but_owl(paper: Paper) -> list[str]:
        return [] if paper.title == "OwlNet" else sentence_texts(paper)

    monkeypatch.setattr(sentence_indexing, "sentence_texts", but_owl)
    assert sync(owls) == 3
    assert sync(owls) == 0
    chosen, texts = ask(owls)  # which knows better
    assert len(texts) == 3 and chosen == without(owls)


def test_a_text_that_is_refused_costs_its_own_paper_only(catalog: Catalog) -> None:
    many(catalog, 30)
    embedder = Picky()
    embedder.refuses = lambda text: ModelError("too long") if "case 17 " in text else None
    assert sync(catalog, embedder) == 29
    assert done_titles(catalog) == {f"Study {n}" for n in range(30) if n != 17}
    assert sync(catalog) == 1  # is tried again


@pytest.mark.parametrize(
    "trouble", [ModelError("it is broken"), ServerUnavailable("it is gone"), KeyboardInterrupt()]
)
def test_what_was_made_before_the_trouble_is_stored(
    catalog: Catalog, trouble: BaseException
) -> None:
    many(catalog, 60)
    embedder = Picky()

    def refuses(text: str) -> Exception | None:
        if int(text.split()[1][:-1]) < 40:
            raise trouble
        return None

    embedder.refuses = refuses
    with pytest.raises(type(trouble)):
        sync(catalog, embedder)
    stored = done_titles(catalog)
    assert len(stored) >= 10
    assert stored <= {f"Study {n}" for n in range(40, 60)}
    assert sync(catalog) == 60 - len(stored)
    assert len(done_titles(catalog)) == 60


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from fakes import FakeEmbedder
from curator import sentence_indexing
from curator.catalog import Catalog
from curator.embedding.base import Bulk

class Slow(FakeEmbedder):
    bulk = Bulk(1, 2)
    def embed(self, texts):
        time.sleep(0.02)
        return super().embed(texts)

sentence_indexing.STORE_PAPERS = 4
sentence_indexing.sync_sentences(Catalog(Path({path!r})), Slow(), -1)
"""


def test_killed_in_the_middle_it_goes_on(catalog: Catalog) -> None:
    many(catalog, 200)
    code = KILLED.format(tests=str(Path(__file__).parent), path=str(catalog.store.path))
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        until = time.monotonic() + 60
        while catalog.sentences.counts().get(PRINT, 0) < 20:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    stored = done_titles(catalog)
    assert 20 <= len(stored) < 200
    assert stored == {f"Study {n}" for n in range(200 - len(stored), 200)}
    embedder = Picky()
    assert sync(catalog, embedder) == 200 - len(stored)
    assert len(embedder.texts) == 2 * (200 - len(stored))
    assert len(done_titles(catalog)) == 200


def test_one_process_at_a_time(owls: Catalog) -> None:
    said: list[str] = []
    with FileLock(owls.store.path.with_name("sentences.lock")):
        assert sync_sentences(owls, Picky(), -1, notify=said.append) == 0
    assert len(said) == 1 and "Another curator process" in said[0]
    assert sync_sentences(owls, Picky(), -1, notify=said.append) == 3
    assert len(said) == 1


def test_papers_that_go_while_they_are_embedded(owls: Catalog) -> None:
    embedder = Picky()
    joined: list[str] = []

    def refuses(text: str) -> Exception | None:
        if not joined:
            joined.append(text)
            owls.decisions.merge([papers_of(owls)[0].id, papers_of(owls)[2].id])
        return None

    embedder.bulk = Bulk(1, 100)
    embedder.refuses = refuses
    assert sync(owls, embedder) == 2
    assert ask(owls)[0] == without(owls)


# ------------------------------------------------------------------- the library


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = Library.open(tmp_path / "home")
    library.embedder = FakeEmbedder()
    library.reranker = OverlapReranker()
    add(library.catalog, OWL, BAT, TERSE)
    yield library
    library.close()


def test_only_index_makes_them_and_only_if_it_is_told(library: Library) -> None:
    assert library.search("owls at night")
    assert library.index() == {"words": 0, "vectors": 0}
    assert library.catalog.sentences.counts() == {}
    assert library.index(sentences=2) == {"words": 0, "vectors": 0, "sentences": 2}
    assert library.index(sentences=-1)["sentences"] == 1
    assert library.index(sentences=-1)["sentences"] == 0
    assert library.index(rebuild=True, sentences=-1)["sentences"] == 3
    assert library.status()["sentences"] == {PRINT: 3}
    library.embedder.texts.clear()  # type: ignore[attr-defined]
    library.selector.select(QUESTION, papers_of(library.catalog))
    assert library.embedder.texts == []  # type: ignore[attr-defined]


def test_pruning_takes_those_of_former_embedders(library: Library) -> None:
    library.index(sentences=-1)
    library.catalog.sentences.put("old", [(papers_of(library.catalog)[0], ["a"], ONES)])
    library.prune()
    assert library.catalog.sentences.counts() == {PRINT: 3}


def test_the_commands_count_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curator.embedding.open_embedder", lambda *_: FakeEmbedder())
    rows = [{"title": f"Study {n}", "abstract": f"We study the case {n} here."} for n in range(5)]
    assert inline("add", write_lines(tmp_path / "papers.jsonl", *rows)).code == 0
    assert "Sentences" not in inline("status").out
    assert inline("index", "--sentences", "-2").code == 2
    assert inline("index", "--sentences", "0", "--json").json == {"words": 0, "vectors": 0}
    first = inline("index", "--sentences", "2", "--json").json
    assert first == {"words": 0, "vectors": 0, "sentences": 2}
    assert "sentences of 3 papers" in inline("index").out
    assert "sentences" not in inline("index").out
    assert f"\nSentences 5 papers ({PRINT})\n" in inline("status").out
    assert inline("status", "--json").json["sentences"] == {PRINT: 5}
