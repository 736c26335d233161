"""Choosing evidence: stored sentences, verbatim, best first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from fakes import DIMENSIONS, FakeEmbedder, OverlapReranker, paper

from curator.evidence import EvidenceSelector, best_sentence, paper_sentences
from curator.paper import Paper

OWL = paper(
    "OwlNet", "We present OwlNet. It sees at night with 5\\% error. It costs little to run."
)
BAT = paper("BatNet", "Bats hear shapes in caves. BatNet hears them by telephone.")
TERSE = paper("Terse", "Yes. It works.")


@pytest.mark.parametrize("reranker", [OverlapReranker(), None])
def test_evidence_is_verbatim_numbered_and_in_order(reranker: OverlapReranker | None) -> None:
    chosen = EvidenceSelector(FakeEmbedder(), reranker).select(
        "Which error does OwlNet have at night?", [OWL, BAT, TERSE], 4
    )
    assert chosen[0].quote == "It sees at night with 5\\% error."
    assert [e.number for e in chosen] == [1, 2, 3, 4]
    assert [e.score for e in chosen] == sorted((e.score for e in chosen), reverse=True)
    for evidence in chosen:
        assert evidence.quote in evidence.paper.abstract


def test_a_name_that_stands_only_in_the_title_counts() -> None:
    selector = EvidenceSelector(FakeEmbedder(), OverlapReranker())
    (first, *_) = selector.select("How does OwlNet see at night?", [BAT, OWL])
    assert first.paper == OWL


def test_nothing_to_choose_from() -> None:
    selector = EvidenceSelector(FakeEmbedder(), OverlapReranker())
    assert selector.select("question", []) == []
    assert len(selector.select("", [OWL], 2)) == 2
    assert selector.select("question", [OWL], 0) == []


def test_only_the_nearest_are_read_by_the_reranker() -> None:
    class Counting(OverlapReranker):
        read = 0

        def score(self, query: str, texts: object) -> list[float]:
            assert isinstance(texts, list)
            Counting.read += len(texts)
            return super().score(query, texts)

    long = paper("Long", " ".join(f"This is sentence number {n} of it." for n in range(80)))
    assert len(EvidenceSelector(FakeEmbedder(), Counting()).select("number 7", [long], 3)) == 3
    assert Counting.read < 40


def test_the_order_of_equal_sentences_is_stable() -> None:
    twins = [paper(f"Twin {n}", "The very same sentence.", id=f"p{n}") for n in range(4)]
    selector = EvidenceSelector(FakeEmbedder(), None)
    first = [e.paper.id for e in selector.select("same sentence", twins)]
    assert first == [e.paper.id for e in selector.select("same sentence", twins)]


def test_short_sentences_are_kept_only_if_there_are_no_others() -> None:
    assert paper_sentences(TERSE) == ["Yes.", "It works."]
    assert paper_sentences(OWL) == [
        "It sees at night with 5\\% error.",
        "It costs little to run.",
    ]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("error at night", "It sees at night with 5\\% error."),
        ("costs of running", "It costs little to run."),
        ("nothing of the kind", "It sees at night with 5\\% error."),
        ("", "It sees at night with 5\\% error."),
    ],
)
def test_the_snippet_of_a_search(query: str, sentence: str) -> None:
    assert best_sentence(OWL, query) == sentence


def test_a_paper_of_no_sentences_is_its_title() -> None:
    empty = Paper(id="p", title="Only a title", abstract="")
    assert best_sentence(empty, "anything") == "Only a title"


class Flat(FakeEmbedder):
    """An embedder for which all texts are alike."""

    def embed(self, texts: Sequence[str]) -> Any:
        return np.full((len(texts), DIMENSIONS), 1 / DIMENSIONS, dtype=np.float32)

    def embed_query(self, text: str) -> Any:
        return np.ones(DIMENSIONS, dtype=np.float32)


class Level:
    """A reranker for which all sentences are alike."""

    name = "level"

    def score(self, query: str, texts: object) -> list[float]:
        assert isinstance(texts, list)
        return [0.0] * len(texts)


def test_what_is_found_first_and_said_last_goes_before() -> None:
    one = paper("One", "Birds are seen at noon. Birds are seen at dusk. Birds are seen at dawn.")
    two = paper("Two", one.abstract)
    chosen = EvidenceSelector(Flat(), Level()).select("zzz", [two, one], 6)
    assert chosen[0].paper == two
    assert chosen[0].quote == "Birds are seen at dawn."
    mine = [e.quote for e in chosen if e.paper == one]
    assert mine[0] == "Birds are seen at dawn."
    assert mine[-1] == "Birds are seen at noon."


def test_a_long_sentence_goes_before_a_short_one_up_to_a_point() -> None:
    long = "They say " + "much " * 30 + "of it."
    longer = "They say " + "much " * 300 + "of it."
    text = paper(
        "One", f"This is what it is. They say little here. {long} {longer} It is over now."
    )
    chosen = EvidenceSelector(Flat(), Level()).select("zzz", [text], 5)
    scores = {e.quote: e.score for e in chosen}
    assert scores[long] > scores["They say little here."]
    assert scores[longer] - scores[long] < 5.0


def test_a_question_about_several_papers_hears_several() -> None:
    abstract = "We study birds here. It sees at night with ease. It sees at night with care."
    papers = [paper(f"{name}: Seeing", abstract) for name in ("OwlNet", "BatNet", "CatNet")]
    selector = EvidenceSelector(Flat(), Level())
    chosen = selector.select("Which methods see at night, and how does each?", papers, 3)
    assert {e.paper.title for e in chosen} == {p.title for p in papers}
    assert [e.score for e in chosen] == sorted((e.score for e in chosen), reverse=True)
    one = selector.select("How does OwlNet see at night?", papers, 3)
    assert len({e.paper.id for e in one}) < 3
