"""Whether the evidence answers the question: names and figures must be there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import paper

from curator.answer_features import (
    FAR,
    asks_number,
    counted_things,
    features,
    figures_of,
    is_named,
    names_several,
    question_names,
)
from curator.answerable import MIN_SCORE, answerable, doubt
from curator.evidence import Evidence
from curator.sentences import split_sentences

ABSTRACT = (
    "We present OwlNet-2, a network of 12 layers for seeing at night. It reaches 71.5% accuracy on "
    "DarkBench, where GPT-4 reaches 60%. It was trained on 12,000 photographs."
)


def evidence(abstract: str = ABSTRACT, score: float = 5.0) -> list[Evidence]:
    one = paper("OwlNet-2: Seeing at Night", abstract)
    return [
        Evidence(n + 1, one, s.text, score - n) for n, s in enumerate(split_sentences(abstract))
    ]


@pytest.mark.parametrize(
    "question",
    [
        "What is OwlNet-2 for?",
        "what is owlnet-2 for",
        "What accuracy does OwlNet-2 reach on DarkBench?",
        "How many photographs was it trained on?",
        "How many layers does OwlNet2 have?",
        "What accuracy does GPT4 reach?",
        "Which networks see at night?",
        "Why?",
    ],
)
def test_what_the_evidence_answers(question: str) -> None:
    decision = answerable(question, evidence())
    assert decision.answer, decision.reason


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("What accuracy does HawkNet reach on DarkBench?", "HawkNet"),
        ("Is OwlNet-2 better than Claude on DarkBench?", "Claude"),
        ("What accuracy does it reach on LightBench?", "LightBench"),
        ("How many parameters does OwlNet-2 have?", "parameters"),
        ("What is the perplexity of OwlNet-2?", "perplexity"),
        ("How many cameras does OwlNet-2 need?", "cameras"),
    ],
)
def test_what_it_does_not(question: str, reason: str) -> None:
    decision = answerable(question, evidence())
    assert not decision.answer
    assert reason in decision.reason


def test_a_question_for_a_number_needs_one() -> None:
    wordy = evidence("We present OwlNet-2, which is very good. It reaches high accuracy.")
    assert not answerable("What accuracy does OwlNet-2 reach?", wordy).answer
    assert answerable("Is OwlNet-2 accurate?", wordy).answer


def test_the_number_of_the_question_is_no_answer() -> None:
    only = evidence("OwlNet-2 has 12 layers in all, which is what we study here.")
    assert not answerable("How much accuracy do the 12 layers of OwlNet-2 give?", only).answer


def test_a_name_with_a_number_is_no_figure() -> None:
    only = evidence("OwlNet-2 is compared with GPT-4 and with Qwen2.5-7B on many tasks.")
    assert not answerable("What accuracy does OwlNet-2 reach?", only).answer


def test_nothing_near() -> None:
    assert not answerable("What is OwlNet-2?", []).answer
    assert not answerable("What is OwlNet-2?", evidence(score=MIN_SCORE - 0.1)).answer
    assert answerable("What is OwlNet-2?", evidence(score=FAR)).answer


@pytest.mark.parametrize("question", ["", "?", "🙂", "(((", "how many", "How many ?", "a" * 10_000])
def test_odd_questions_do_not_break_it(question: str) -> None:
    answerable(question, evidence())


def test_a_name_is_looked_for_in_the_whole_paper_and_its_title() -> None:
    one = paper("OwlNet-2: Seeing at Night", "It sees at night. DarkBench is a benchmark.")
    found = [Evidence(1, one, "It sees at night.", 3.0)]
    assert answerable("Does OwlNet-2 work on DarkBench?", found).answer


OTHER = paper(
    "HawkNet: Seeing from Afar",
    "HawkNet is a network for eagles. On DarkBench it reaches 55.0% accuracy. Its licence is free.",
)


def of_both() -> list[Evidence]:
    first = evidence()
    return [*first, Evidence(len(first) + 1, OTHER, "HawkNet is a network for eagles.", 1.0)]


def test_names_that_no_one_paper_has_together() -> None:
    decision = answerable("Does HawkNet outdo GPT-4 on 12,000 photographs?", of_both())
    assert not decision.answer
    assert "GPT-4" in decision.reason
    assert "HawkNet" in decision.reason


def test_a_comparison_may_take_its_names_from_several_papers() -> None:
    question = "How do HawkNet and OwlNet-2 compare with each other on DarkBench?"
    assert answerable(question, of_both()).answer


def test_another_papers_value_is_no_answer() -> None:
    decision = answerable("Under which licence is OwlNet-2 released?", of_both())
    assert not decision.answer
    assert "licence" in decision.reason
    assert answerable("Under which licence is HawkNet released?", of_both()[::-1]).answer


def test_a_duration_is_asked_for_and_no_other_figure() -> None:
    timed = evidence(ABSTRACT + " Training takes 3 days.")
    assert answerable("How long does OwlNet-2 train?", timed).answer
    decision = answerable("How long does OwlNet-2 train?", evidence())
    assert not decision.answer
    assert "kind" in decision.reason


def test_what_is_lacking_never_speaks_for_an_answer() -> None:
    found = features("Why is OwlNet-2 good?", evidence())
    assert not any(found.values())
    for name in found:
        more = doubt({**found, name: 1.0}) - doubt(found)
        assert more <= 0 if name == "several" else more >= 0, name


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("What does the GPT-4-driven explorer do in Minecraft?", ["GPT-4", "Minecraft"]),
        ("How many parameters does Claude 2 have?", ["Claude 2"]),
        ("What top-1 accuracy does the 152-layer network reach?", []),
        ("What F1 does The LLM reach?", []),
        ("Does DPR beat BM25?", ["BM25", "DPR"]),
        ("How did Claude do in 2 of 5 tasks with Llama 70%?", ["Claude", "Llama"]),
        ("", []),
    ],
)
def test_what_a_question_names(question: str, names: list[str]) -> None:
    assert question_names(question) == names


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("Claude 2", "we use claude 2 and others", True),
        ("Claude 2", "we use claude-2.", True),
        ("Claude 2", "claude solves 2 tasks", False),
        ("Claude 2", "we use claude 2.1", False),
        ("GPT-4", "gpt4 is used", True),
        ("GPT-4", "gpt-4o is used", False),
        ("VLA", "two vlas", True),
        ("C++ 3", "a (c++ 3)", True),
    ],
)
def test_whether_a_text_has_a_name(name: str, text: str, named: bool) -> None:
    assert is_named(name, text) is named


def test_questions_about_several_papers() -> None:
    titles = ["Dense Passage Retrieval for Everything", "ColBERT: Late Meeting"]
    assert names_several("How many vectors has ColBERT, and how many DPR?", titles)
    assert not names_several("How many vectors has ColBERT?", titles)
    assert names_several("Which methods plan trajectories?", [])
    assert not names_several("What accuracy does DPR reach on ColBERT?", titles)


def test_what_is_counted() -> None:
    assert counted_things("How many trainable parameters does it have?") == ["trainable parameters"]
    assert counted_things("How many times fewer examples are there?") != []
    assert counted_things("How many times is it run?") == []
    assert counted_things("how many " + "a" * 20_000) == ["a" * 20_000]
    assert asks_number("What share of them is right?")
    assert not asks_number("What is shared?")
    assert figures_of("GPT-4 has a single layer") == {"single"}
    assert figures_of("GPT-4 and a 7B model reach 12%") == {"12%"}


class TestFitting:
    """The weights that ship are made by `evals.fit_answerable`."""

    def test_the_weights_that_ship_are_of_these_features(self) -> None:
        from evals.fit_answerable import EXPECTED, FITTED

        assert list(features("Why?", evidence())) == list(EXPECTED)
        assert list(json.loads(FITTED.read_text("utf-8"))["weights"]) == list(EXPECTED)

    def test_a_fit_learns_and_keeps_its_signs(self) -> None:
        from evals.fit_answerable import EXPECTED, fit

        empty = dict.fromkeys(EXPECTED, 0.0)
        telling, misleading = {**empty, "unbound": 1.0}, {**empty, "far": 1.0}
        rows = [telling, misleading, empty] * 400
        fitted = fit(rows, [True, False, False] * 400)
        assert fitted.doubt(telling) > 0 > fitted.doubt(empty)
        assert fitted.weights["far"] == 0.0
        assert fitted.weights["unbound"] > EXPECTED["unbound"]

    def test_no_row_is_judged_by_a_fit_on_itself(self) -> None:
        from evals.fit_answerable import EXPECTED, crossed, fit

        empty = dict.fromkeys(EXPECTED, 0.0)
        rows = [{**empty, "unbound": n / 16} for n in range(16)]
        refused = [n % 2 == 0 for n in range(16)]
        fitted = fit(rows, refused)
        doubts = crossed(rows, refused)
        within = [fitted.doubt(row) for row in rows]
        assert len(doubts) == 16
        assert all(abs(a - b) > 1e-6 for a, b in zip(doubts, within, strict=True))

    def test_the_bound_spares_the_answerable(self) -> None:
        from evals.fit_answerable import REFUSED, bound_of

        doubts = [n / 100 for n in range(100)]
        bound = bound_of(doubts, [False] * 100)
        assert sum(d > bound for d in doubts) == int(REFUSED * 100)

    def test_models_are_asked_once(self, tmp_path: Path) -> None:
        from fakes import FakeEmbedder, OverlapReranker

        from evals.fit_answerable import Remembered

        embedder = FakeEmbedder()
        models = Remembered(tmp_path / "scores")
        models._models = {"embedder": embedder, "reranker": OverlapReranker()}
        first = models.embed(["a cat", "a dog", "a cat"]), models.score("cat", ["a cat"])
        models.save()
        again = Remembered(tmp_path / "scores")
        again._models = {"embedder": None, "reranker": None}
        assert (again.embed(["a cat", "a dog", "a cat"]) == first[0]).all()
        assert again.score("cat", ["a cat"]) == first[1]
        assert embedder.texts == ["a cat", "a dog"]
