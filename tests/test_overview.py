"""Broad questions: which they are, how papers are grouped, and what the answer shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeEmbedder, OverlapReranker, ScriptedLLM, add, paper, record
from hypothesis import given
from hypothesis import strategies as st
from test_library_questions import ABOUT_PAPERS, ABOUT_THE_LIBRARY, lines

from curator.answerable import NO_ANSWER
from curator.answers import AnswerSentence, answer_text, known_from
from curator.broad_questions import broad_topic
from curator.catalog import Catalog, StoredTag
from curator.evidence import EvidenceSelector
from curator.grounding import RuleGrounder
from curator.grouping import OTHER, grouped
from curator.index.lexical import LexicalIndex
from curator.llm.metered import MeteredLLM
from curator.paper import Paper
from curator.retrieval import HybridRetriever
from curator.taxonomy import Facet, Tag, Taxonomy
from graphs import ask
from graphs.context import AskContext

BROAD = {
    "What are people doing about hallucination?": "hallucination",
    "what are researchers working on in robotics": "robotics",
    "Overview of retrieval-augmented generation": "retrieval-augmented generation",
    "Give me a short overview of GUI agents.": "GUI agents",
    "What approaches to long-context modelling are there?": "long-context modelling",
    "Which methods for tool use exist?": "tool use",
    "What are the main approaches to multi-agent coordination?": "multi-agent coordination",
    "What techniques exist for compressing the KV cache?": "compressing the KV cache",
    "Recent work on reward hacking": "reward hacking",
    "Recent work on reward hacking in my library": "reward hacking",
    "Latest research on diffusion language models?": "diffusion language models",
    "What's happening in speech generation?": "speech generation",
    "What is being done about prompt injection?": "prompt injection",
    "What work is there on AI scientists?": "AI scientists",
    "How are researchers tackling catastrophic forgetting?": "catastrophic forgetting",
    "Please summarise the recent literature on world models": "world models",
    "What does the literature say about self-correction?": "self-correction",
    "What are the current trends in agent memory?": "agent memory",
}


@pytest.mark.parametrize("question", BROAD)
def test_broad_questions_are_known_by_their_topic(question: str) -> None:
    assert broad_topic(question) == BROAD[question]


@pytest.mark.parametrize(
    "question",
    [
        *lines(ABOUT_PAPERS),
        *lines(ABOUT_THE_LIBRARY),
        "",
        "What are people doing about it?",
        "What are people doing about them?",
        "What approaches to evaluation does the paper name?",
        "What are the main approaches to planning and how do they compare?",
        "Recent work on agents that reach a higher score than GPT-4",
        "What methods does the survey list for decoding?",
        "What has been proposed against repetition, in training and in decoding?",
        "How do people in the study approach the task?",
        "Overview of the method of this paper",
    ],
)
def test_what_asks_for_more_or_less_than_an_overview(question: str) -> None:
    assert broad_topic(question) is None


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at(text: str) -> None:
    broad_topic(text)
    broad_topic(f"Recent work on {text}")


# -------------------------------------------------------------------------- groups


def papers(*titles: str) -> list[Paper]:
    return [paper(title, f"We study {title.lower()}.") for title in titles]


def test_papers_with_tags_are_grouped_by_them() -> None:
    some = papers("A one", "B two", "C three", "D four", "E five", "F six")
    names = [["all", "red"], ["all", "red"], ["all", "blue"], ["all", "blue"], ["all"], ["all"]]
    tags = {p.id: n for p, n in zip(some, names, strict=True)}
    groups = grouped(some, "topic", tags, {})
    assert [(g.name, len(g.paper_ids)) for g in groups] == [("red", 2), ("blue", 2), (OTHER, 2)]
    assert [i for g in groups for i in g.paper_ids] == [p.id for p in some]


def test_each_paper_is_in_one_group_and_groups_are_few() -> None:
    some = papers(*(f"Title {letter}" for letter in "ABCDEFGHIJKL"))
    tags = {p.id: [f"tag{n // 2}", f"tag{(n + 1) // 2}"] for n, p in enumerate(some)}
    groups = grouped(some, "topic", tags, {})
    ids = [i for g in groups for i in g.paper_ids]
    assert len(groups) <= 4
    assert len(ids) == len(set(ids))
    assert all(len(g.paper_ids) >= 2 for g in groups if g.name != OTHER)


def test_untagged_papers_are_grouped_by_vectors_and_named_by_their_words() -> None:
    some = [
        paper("OWL Hearing in the Dark", "We record OWL hearing at night."),
        paper("Bat Sonar", "We build bat sonar."),
        paper("More OWL Hearing", "Measures of OWL hearing are given."),
        paper("Bat Sonar Again", "We repeat bat sonar tests."),
        paper("Owl Hearing Revisited", "Old owl hearing tests are repeated."),
        paper("A Bat Sonar Survey", "Work on bat sonar is read."),
    ]
    axes = np.eye(2)
    vectors = {p.id: axes[int("Bat" in p.title)] for p in some}
    groups = grouped(some, "animals", {}, vectors)
    assert [g.name for g in groups] == ["OWL hearing", "bat sonar"]
    assert groups == grouped(some, "animals", {}, vectors)


def test_a_group_is_not_named_by_the_topic_itself() -> None:
    some = papers(*(f"Owl Hearing {n}" for n in ("One", "Two", "Three", "Four", "Five", "Six")))
    vectors = {p.id: np.eye(2)[n % 2] for n, p in enumerate(some)}
    assert "owl hearing" not in [g.name for g in grouped(some, "owl hearing", {}, vectors)]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_papers_are_not_grouped(count: int) -> None:
    some = papers("A one", "B two", "C three")[:count]
    assert grouped(some, "topic", {p.id: ["red"] for p in some}, {}) == []


def test_papers_without_tags_and_vectors_are_not_grouped() -> None:
    some = papers("A one", "B two", "C three", "D four")
    assert grouped(some, "topic", {}, {}) == []


# --------------------------------------------------------------------- the answer

TAXONOMY = Taxonomy(
    (Facet("problem", ""), Facet("contribution", "")),
    (
        Tag("sonar", "problem", "hears"),
        Tag("night-vision", "problem", "sees"),
        Tag("survey", "contribution", "surveys"),
    ),
    "hash",
)


class Shelf:
    """A library on animals that see or hear at night, and one paper on bread."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.catalog = catalog
        self.events: list[dict[str, Any]] = []
        add(
            catalog,
            *(
                record(
                    f"{animal} Study",
                    f"Much is unknown. Night animals such as {animal.lower()}s are old. "
                    f"We ask how night animals such as {animal.lower()}s {does}.",
                )
                for animal, does in (
                    *(("Owl", "see"), ("Cat", "see"), ("Lynx", "see"), ("Fox", "see")),
                    *(("Bat", "hear"), ("Moth", "hear"), ("Mole", "hear")),
                )
            ),
            record("Bread", "Flour is mixed. We bake sourdough bread in an oven."),
        )
        self.lexical = LexicalIndex(folder, catalog.papers)
        self.lexical.sync()
        self.llm = MeteredLLM(ScriptedLLM([]), catalog.cache)

    def tag(self) -> None:
        for found in self.catalog.papers.select():
            tag = "sonar" if "hear" in found.abstract else "night-vision"
            tags = [StoredTag("survey", 0.9, "model"), StoredTag(tag, 0.8, "model")]
            tags += [StoredTag("doubtful", 0.2, "model", needs_review=True)]
            self.catalog.outputs.save_tags(found, tags, taxonomy="t", model="m", recipe="r")

    def context(self, reranker: OverlapReranker | None = None) -> AskContext:
        embedder = FakeEmbedder()

        def vectors(papers: Sequence[Paper]) -> dict[str, Any]:
            return {p.id: np.eye(2)[int("hear" in p.abstract)] for p in papers}

        return AskContext(
            retriever=HybridRetriever(self.catalog.papers, self.lexical),
            papers=self.catalog.papers,
            selector=EvidenceSelector(embedder, reranker),
            grounder=RuleGrounder(),
            llm=self.llm,
            reranker=reranker,
            tags=self.catalog.outputs,
            taxonomy=TAXONOMY,
            vectors=vectors,
        )

    def ask(self, question: str, filters: dict[str, Any] | None = None) -> dict[str, Any]:
        state: Any = {"question": question, "filters": filters or {}}
        final: dict[str, Any] = {}
        graph: Any = ask.graph
        for kind, value in graph.stream(
            state,
            context=self.context(OverlapReranker()),
            stream_mode=["custom", "values"],
        ):
            if kind == "custom":
                self.events.append(value)
            else:
                final = value
        answer: dict[str, Any] = final["answer"]
        assert self.llm.usage.llm_calls == answer["usage"]["llm_calls"] == 0
        for sentence in answer["sentences"]:
            (citation,) = sentence["citations"]
            stored = self.catalog.papers.get([citation["paper_id"]])[citation["paper_id"]]
            assert sentence["text"] == citation["quote"]
            assert citation["quote"] in stored.text
            assert sentence["origin"] == "quote"
        return answer


@pytest.fixture
def shelf(catalog: Catalog, tmp_path: Path) -> Shelf:
    return Shelf(catalog, tmp_path / "lexical")


QUESTION = "What are people doing about night animals?"


def test_an_overview_quotes_papers_in_groups_by_tag(shelf: Shelf) -> None:
    shelf.tag()
    answer = shelf.ask(QUESTION)
    groups = [sentence["group"] for sentence in answer["sentences"]]
    assert sorted(set(groups)) == ["night-vision", "sonar"]
    assert max(groups.count(name) for name in groups) == 3
    assert len({s["paper_id"] for s in answer["sources"]}) == len(answer["sentences"]) == 6
    assert "Bread" not in [source["title"] for source in answer["sources"]]
    for sentence in answer["sentences"]:
        hears = " hear." in sentence["text"]
        assert sentence["group"] == ("sonar" if hears else "night-vision")
        assert sentence["text"].startswith("We ask")  # what was done, not what is known
    assert [line.partition(":")[0] for line in answer["answer"].split("\n")] == list(
        dict.fromkeys(groups)
    )
    named = [event["event"] for event in shelf.events]
    assert named == ["retrieved", "evidence", *["sentence"] * 6]


def test_without_tags_vectors_make_the_groups(shelf: Shelf) -> None:
    answer = shelf.ask(QUESTION)
    assert not answer["abstained"]
    assert len(answer["sentences"]) >= 3


@pytest.mark.parametrize(
    "question",
    [
        "What are people doing about tax reform?",
        "Recent work on EagleNet for night animals",
        "Overview of quantum gravity",
    ],
)
def test_a_topic_that_is_not_there_is_said_not_to_be(shelf: Shelf, question: str) -> None:
    answer = shelf.ask(question)
    assert answer["abstained"]
    assert answer["answer"] == NO_ANSWER
    assert answer["sentences"] == []
    assert answer["reason"]
    assert shelf.events[-1]["event"] == "abstained"


def test_one_relevant_paper_is_quoted_without_a_group(shelf: Shelf) -> None:
    answer = shelf.ask("What is being done about sourdough bread?")
    assert [s["text"] for s in answer["sentences"]] == ["We bake sourdough bread in an oven."]
    assert "group" not in answer["sentences"][0]


def test_filters_reach_the_overview(shelf: Shelf) -> None:
    only = [shelf.catalog.papers.resolve(f"{name} Study").id for name in ("Owl", "Bat")]
    shelf.lexical.sync()
    context = shelf.context(OverlapReranker())
    retriever = HybridRetriever(
        shelf.catalog.papers, shelf.lexical, facets=lambda: shelf.catalog.facets
    )
    assert len(retriever.search("night animals", 24)) > 2
    state: Any = {"question": QUESTION, "filters": {"paper_ids": only}}
    answer = ask.graph.invoke(state, context=replace(context, retriever=retriever))["answer"]
    assert {source["paper_id"] for source in answer["sources"]} == set(only)


def test_without_a_cross_encoder_the_selector_decides(shelf: Shelf) -> None:
    shelf.tag()
    state: Any = {"question": QUESTION, "filters": {}}
    answer = ask.graph.invoke(state, context=shelf.context(None))["answer"]
    assert {s["origin"] for s in answer["sentences"]} <= {"quote"}


def test_an_empty_library_has_no_overview(catalog: Catalog, tmp_path: Path) -> None:
    empty = Shelf.__new__(Shelf)
    empty.catalog, empty.events = catalog, []
    empty.lexical = LexicalIndex(tmp_path / "lexical", catalog.papers)
    empty.llm = MeteredLLM(ScriptedLLM([]), catalog.cache)
    assert empty.ask(QUESTION)["abstained"]


# ----------------------------------------------------------------- how it is shown


def said(text: str, origin: Any, group: str = "", paper_id: str = "") -> AnswerSentence:
    made = AnswerSentence(
        text=text,
        citations=[{"paper_id": paper_id, "quote": text}] if paper_id else [],
        supported=True,
        score=0.5,
        origin=origin,
    )
    if group:
        made["group"] = group
    return made


def test_the_text_of_an_answer_has_a_line_for_each_group_and_each_listed_paper() -> None:
    sources: Any = [{"paper_id": i, "title": i, "url": None} for i in ("p1", "p2")]
    plain = [said("A.", "model", paper_id="p1"), said("B.", "quote", paper_id="p2")]
    assert answer_text(plain, sources) == "A. [1] B. [2]"
    groups = [
        said("A.", "quote", "red", "p1"),
        said("B.", "quote", "red", "p2"),
        said("C.", "quote", "blue", "p1"),
    ]
    assert answer_text(groups, sources) == "red: A. [1] B. [2]\nblue: C. [1]"
    listed = [said("2 papers.", "catalog"), said("One", "quote", paper_id="p1")]
    assert answer_text(listed, sources) == "2 papers.\nOne [1]"
    assert answer_text([], []) == ""


def test_each_origin_is_told() -> None:
    assert known_from(said("A.", "model")) == "checked 0.50"
    assert known_from(said("A.", "quote")) == "quoted"
    assert known_from(said("A.", "catalog")) == "from the catalog"
