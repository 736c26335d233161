"""Follow-ups made to stand on their own; dialogues.jsonl was written before the rules were."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT
from hypothesis import given
from hypothesis import strategies as st

from curator.followups import LONGEST, Exchange, acceptable, is_about, standalone
from curator.names_asked import name_of, names_asked, subjects

FILE = Path(__file__).parent / "fixtures" / "dialogues.jsonl"
DIALOGUES: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text().splitlines()]
LORA = Exchange(
    "How does LoRA reduce the number of trainable parameters?",
    "For GPT-3 175B the count of trained parameters falls by a factor of 10,000. [1]",
    ("LoRA: Low-Rank Adaptation of Large Language Models",),
)
TWO = Exchange(
    "Which methods finetune language models cheaply?",
    "",
    (*LORA.titles, "QLoRA: Efficient Finetuning of Quantized LLMs"),
)
REACT = Exchange(
    "How well does ReAct do on ALFWorld?",
    "",
    ("ReAct: Synergizing Reasoning and Acting in Language Models",),
)


def history_of(dialogue: dict[str, Any]) -> list[Exchange]:
    return [
        Exchange(turn["question"], turn["answer"], tuple(turn["titles"]))
        for turn in dialogue["history"]
    ]


def says(text: str, phrase: str) -> bool:
    """Whether one of the phrases (a|b) stands in a text as whole words."""
    return any(
        re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", text, re.I) for one in phrase.split("|")
    )


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda d: f"{d['id']}-{d['kind']}")
def test_dialogues(dialogue: dict[str, Any]) -> None:
    history = history_of(dialogue)
    made = standalone(dialogue["question"], history)
    if dialogue.get("same"):
        assert made == dialogue["question"]
        return
    assert [phrase for phrase in dialogue["must"] if not says(made, phrase)] == [], made
    never = [phrase for phrase in dialogue["never"] if says(made, phrase) or phrase in made.split()]
    assert never == [], made
    assert standalone(made, history) == made  # and what stands on its own is left alone


@pytest.mark.parametrize(
    ("last", "question", "made"),
    [
        (LORA, "how does this work?", "how does LoRA work?"),
        (LORA, "What does this work conclude?", "What does the LoRA paper conclude?"),
        (LORA, "And the authors?", "What about the authors of LoRA?"),
        (LORA, "Does QLoRA improve on it?", "Does QLoRA improve on LoRA?"),
        (LORA, "what's its rank?", "what's LoRA's rank?"),
        (LORA, "What are the limitations?", "What are the limitations of LoRA?"),
        (LORA, "Tell me more", "Tell me more about LoRA."),
        (LORA, "Are you sure?", "How does LoRA reduce the number of trainable parameters?"),
        (TWO, "Which one is better?", "Which one is better, LoRA or QLoRA?"),
        (TWO, "Which of these is better?", "Which of LoRA and QLoRA is better?"),
        (TWO, "[2]", "Tell me about QLoRA."),
        (REACT, "And Reflexion on HumanEval?", "How well does Reflexion do on HumanEval?"),
        (REACT, "And on FEVER and HotpotQA?", "How well does ReAct do on FEVER and HotpotQA?"),
        (REACT, "And without thoughts?", "How well does ReAct do on ALFWorld without thoughts?"),
        (REACT, "How many games are in the benchmark?", "How many games are in ALFWorld?"),
        (Exchange("How many papers on RAG since May?"), "And since June?",
         "How many papers on RAG since June?"),
    ],
)  # fmt: skip
def test_how_it_is_put(last: Exchange, question: str, made: str) -> None:
    assert standalone(question, [last]) == made


@pytest.mark.parametrize(
    "question",
    [
        "Is it true that LoRA merges weights?",
        "How long does it take to train a GPT-3?",
        "Steroids and hearing: do they help?",
        "Which benchmark covers driving and sports, and how many tasks does it contain?",
        "How does AlphaEvolve evaluate the candidate programs it evolves?",
        "How many cases does the benchmark built from merged contributions comprise?",
        "Does the model size matter?",
        "IT departments and language models",
        "graph neural networks",
        "Graph neural networks?",
        "ok thanks",
        "…",
        "它怎么样?",
        "[9]",
        f"{'Some pasted abstract. ' * 20} Is it new?",
    ],
)
def test_what_stands_on_its_own_is_left_alone(question: str) -> None:
    assert standalone(question, [LORA]) == question


def test_questions_that_were_written_for_other_things_are_left_alone() -> None:
    """All of our own gold questions stand alone, whatever was asked before."""
    rows = [
        json.loads(line)
        for line in (ROOT / "evals" / "data" / "questions.jsonl").read_text("utf-8").splitlines()
    ]
    asked = [row for row in rows if row["gold_titles"]]
    assert len(rows) > 80
    for place, row in enumerate(rows):
        for step in (3, 17, 41):
            before = asked[(place + step) % len(asked)]
            last = Exchange(before["question"], before["answer"], tuple(before["gold_titles"]))
            assert standalone(row["question"], [last]) == row["question"]


def test_a_new_subject_takes_the_place_of_the_old_one() -> None:
    turns = [
        LORA,
        Exchange("What does Voyager store in its skill library?", "", ("Voyager: An x",)),
    ]
    assert standalone("Does it need gradients?", turns) == "Does Voyager need gradients?"
    assert standalone("And its skills?", turns) == "What about Voyager's skills?"


def test_questions_about_the_library_between_do_not_end_a_subject() -> None:
    turns = [LORA, Exchange("How many papers did I add last week?", "7 papers.", ())]
    assert standalone("Does it slow down inference?", turns) == "Does LoRA slow down inference?"


def test_a_paper_that_is_gone_keeps_its_number() -> None:
    last = Exchange("Which methods finetune cheaply?", "", ("", *TWO.titles))
    assert standalone("What does [3] need?", [last]) == "What does QLoRA need?"
    assert standalone("What does [1] need?", [last]) == "What does [1] need?"
    assert standalone("Does it need much memory?", [last]) == "Does LoRA need much memory?"


def test_whys_do_not_pile_up() -> None:
    turns = [Exchange("Does LoRA slow down inference?", "", LORA.titles)]
    for question in ("Why?", "How?", "By how much?"):
        made = standalone(question, turns)
        turns.append(Exchange(question, "", LORA.titles))
    assert made == "Does LoRA slow down inference, and by how much?"


PIECES = ["it", "its", "they", "And", "what about", "the second one", "[1]", "[0]", "LoRA", "why",
          "the method", "on", "of these", "(", "\\1", "*", "?", "is", "does", "the 7B one", "\n",
          "µ", "''", "the latter", ":", "7"]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join) | st.text(max_size=80),
    st.lists(
        st.builds(
            Exchange,
            st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join) | st.text(max_size=40),
            st.just(""),
            st.lists(st.text(max_size=20) | st.sampled_from(LORA.titles), max_size=3).map(tuple),
        ),
        max_size=3,
    ),
)
def test_nothing_breaks_it_and_it_stays_short(question: str, history: list[Exchange]) -> None:
    made = standalone(question, history)
    assert (made == question) or made.strip()
    longest = max((len(t) for turn in history for t in turn.titles), default=0)
    assert len(made) <= len(question) * (2 + 3 * longest) + LONGEST + 3 * longest + 400


class TestNames:
    def test_names_and_what_is_before_them(self) -> None:
        question = "How did Tree of Thoughts with GPT-4 do on Game of 24 and F1 in May, Llama 2?"
        assert [(n.text, n.preposition) for n in names_asked(question)] == [
            ("Tree of Thoughts", ""),
            ("GPT-4", "with"),
            ("Game of 24", "on"),
            ("May", "in"),
            ("Llama 2", ""),
        ]

    def test_what_a_question_is_about(self) -> None:
        gat = ["Graph Attention Networks"]
        assert subjects("What accuracy do graph attention networks reach on Cora?", gat) == [
            "graph attention networks"
        ]
        assert subjects("How do GCN and GAT treat neighbours?", gat) == ["GCN", "GAT"]
        assert subjects("Does Voyager beat ReAct?", ["Voyager: An x"]) == ["Voyager"]
        assert subjects("What is reached on Cora?", gat) == ['"Graph Attention Networks"']
        assert subjects("What is reached on Cora?", []) == ["Cora"]
        assert subjects("", []) == []

    def test_what_a_paper_is_called(self) -> None:
        assert name_of("Open-Ended Trailblazer (POET): Endlessly Generating") == "POET"
        assert name_of("Attention Is All You Need") == '"Attention Is All You Need"'

    @pytest.mark.parametrize(
        ("question", "title", "is_it"),
        [
            ("Does LoRA slow down inference?", LORA.titles[0], True),
            ("Does QLoRA slow down inference?", LORA.titles[0], False),
            ("Is FlashAttention fast?", "FlashAttention-2: Faster Attention", False),
            ("What does PPO clip?", "Proximal Policy Optimization Algorithms", True),
            ("Is speculative decoding fast?", "Inference by Speculative Decoding", True),
            ("What are language models?", LORA.titles[0], False),
        ],
    )
    def test_which_papers_a_question_names(self, question: str, title: str, is_it: bool) -> None:
        assert is_about(question, title) == is_it


class TestAcceptable:
    QUESTION = "Does it slow down inference by 20%?"

    @pytest.mark.parametrize(
        ("made", "good"),
        [
            ("Does LoRA slow down inference by 20%?", True),
            ("Does inference slow down by 20% with LoRA?", True),
            ("Does LoRA slow down inference?", False),  # the number is gone
            ("Does LoRA slow down inference by 20% for GPT-3 175B by a factor of 10,000?", False),
            ("Does it slow down inference by 20%?", False),  # still points back
            ("Does LoRA slow down GPT-4 inference by 20%?", False),  # nobody spoke of it
            ("LoRA does not slow down inference by 20% since the product is merged.", False),
            ("Does LoRA slow down inference by 20%? Why?", False),
            ("Does LoRA slow down\ninference by 20%?", False),
            ("", False),
            ("Does LoRA slow down inference by 20%? " * 20, False),
        ],
    )
    def test_a_models_rewriting(self, made: str, good: bool) -> None:
        assert acceptable(made, self.QUESTION, [LORA]) == good

    def test_names_may_come_from_an_answer_and_facts_may_not(self) -> None:
        told = [Exchange("Which speech model is best?", "By far it is Whisper, at 5% errors.")]
        assert acceptable("Is Whisper multilingual?", "Is it multilingual?", told)
        assert not acceptable("Is Whisper by far multilingual?", "Is it multilingual?", told)

    @pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda d: d["id"])
    def test_our_own_rewriting_is_acceptable(self, dialogue: dict[str, Any]) -> None:
        history, question = history_of(dialogue), dialogue["question"]
        made = standalone(question, history)
        if made != question and not made.startswith("What about"):
            assert acceptable(made, question, history), made


def test_it_loads_nothing_heavy() -> None:
    heavy = ("numpy", "sqlalchemy", "pydantic", "tantivy", "langgraph", "onnxruntime")
    code = f"import sys, curator.followups; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
