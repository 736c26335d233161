"""Questions about the library: which are told from those about papers, and what is counted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from commands import SAMPLES, curator, inline
from fakes import add, many, record
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from curator.catalog import Catalog, Filters, StoredTag
from curator.catalog.schema import marks, papers
from curator.index.lexical import LexicalIndex
from curator.library_answers import LISTED, CatalogAnswers, LibraryAnswer
from curator.library_questions import LibraryQuestion, parse_library_question
from curator.taxonomy import Tag, Taxonomy
from curator.when import spans_at

TODAY = date(2026, 11, 22)  # a Sunday

# How a researcher asks about what papers say. None of it is the library's to answer.
ABOUT_PAPERS = """
How many papers does the survey cover?
What is new about Mamba?
How many papers were reviewed in the study of hallucination?
How many papers on prompting does the survey discuss?
How many papers on ImageNet report top-1 accuracy?
How many papers are in S2ORC?
How many papers in PubMed were used for pretraining?
How many papers did the authors annotate?
How many papers does the benchmark contain?
How many articles are in the training corpus?
How many authors took part in the annotation?
How many abstracts were labelled by experts?
How many papers in the corpus are about agents?
How many papers use reinforcement learning from human feedback?
How many papers on average does a reviewer read?
How many papers per year does the field produce according to the survey?
What is new in the Transformer-XL architecture?
What is new in GPT-4 compared with GPT-3?
What is new since BERT?
What is new?
What is added to the loss?
What was added to the second version of the benchmark?
What did the annotators like about the summaries?
What did I-JEPA learn last?
What did the model read last?
Which authors propose sparse attention?
Which authors disagree about emergent abilities?
Which authors are the annotators in the study?
Who wrote the survey on agents?
Which venues does the dataset draw papers from?
Which venues were the reviewed papers published in?
Which categories are there in the taxonomy of hallucinations?
What categories of errors does the paper distinguish?
Which categories does the classifier predict?
How many categories are there?
How many categories does ImageNet have?
How many tags are there in the Penn Treebank?
How many tags does the tagger assign?
What tags are there in the CoNLL corpus?
Which tags are used for named entities?
Which sources are used for retrieval?
What sources of bias are there in reward models?
How many sources are there?
Which topics are there in the MMLU benchmark?
Which topics do people ask about most?
Do I have to fine-tune the retriever?
Do you have to train the reward model separately?
Do we have evidence that scaling helps reasoning?
Do I have enough data to train a tokenizer?
Is attention all you need?
Is BERT in the list of baselines?
Is GPT-4 better than the paper's model?
Have I understood correctly that LoRA freezes the weights?
Are there any papers that compare LoRA and full fine-tuning?
Are there papers showing that RLHF hurts diversity?
Which papers on agents report SWE-bench results?
Which papers are about agents that stay true to a character?
Which papers compare retrieval with long contexts?
What papers does the survey cite on tool use?
Which papers introduced mixture of experts?
When was the benchmark last updated?
When was the dataset released?
When did GPT-4 last improve on MMLU?
What is the last layer of the network?
What is the latest version of the dataset?
What are the most common errors of language models?
What are the main categories of jailbreaks?
Which sources do hallucinations come from?
Which author roles does CRediT distinguish?
How big is the library of skills in Voyager?
How large is the library of tools?
How many unread messages does the agent handle?
How many papers are liked by the simulated readers?
How many papers are read by the literature agent?
How many papers about dropout omit the baselines?
How many papers by each author does the corpus hold?
How many new papers does the retrieval system add each day?
How many papers are tagged as relevant by the screening model?
How many papers published in 2023 did the review screen?
List the papers that the survey considers.
Show me how LoRA works.
What do people read most on arXiv?
What have you learned about scaling laws?
What did we learn from the ablation last year?
How many papers were published on transformers in 2023?
how many papers did the meta-analysis include
what is new in this version of the dataset
which papers on RLHF do not use a reward model
do we have any proof that grokking is about circuits
how many of the papers are reproducible
which authors argued against scaling
what are the most used tags in Stack Overflow questions
how many new tags does the extension add
what was read aloud by the participants
how many papers cite the transformer paper
what did you find about sycophancy
have you seen evidence for emergent abilities
is there a benchmark in the library setting
what did the agent read before it answered
how many papers on GitHub link to code
how many publications per author are in DBLP
which journal articles were used to train SciBERT
which sources of uncertainty exist
which venue do the agents meet in
how many papers by humans versus models did judges prefer
show me the results on GSM8K
list the limitations of RAG
list papers that beat GPT-4 on MATH
how many papers in the review are from medicine
what tags does the model give
who has the most parameters, PaLM or GPT-3
are there any papers where LoRA fails
what is the oldest benchmark for QA
what is the last token used for
how many categories of harm are in the taxonomy
"""

ABOUT_THE_LIBRARY = """
How many papers on RAG since May?
What did I like last week?
Which authors do I have most papers of?
When did I last add papers?
How many papers are unread?
What is new this week?
Which venues are there?
Which categories are there?
What tags are there?
Which sources are there?
Do I have the paper "Attention Is All You Need"?
How many papers do I have?
How many papers are in my library?
How big is my library?
How many papers by Lovelace do I have?
How many papers did I add last month?
How many RAG papers do I have?
How many papers tagged survey are unread?
How many papers from 2025 are there?
Which papers did I like this month?
Which papers have I not read yet?
What have I read since Monday?
What did I dislike yesterday?
How many papers have I read this year?
Show me my unread papers.
List all papers by Ada Lovelace.
List my liked papers from last year.
What's new since yesterday?
What came in today?
Anything new this week?
What was added in the last three days?
Which papers were added this week?
What are my newest papers?
What is the oldest paper in my library?
Who are the most frequent authors in my library?
Which author has the most papers?
Which author appears most often?
Top authors since 2024?
Which tags do I have?
How many tags are there in my library?
Which journals do I have papers from?
When was the last paper added?
When was my library last updated?
What did I add last?
Which paper did I like last?
What is the last paper I read?
When did I last read a paper on agents?
Is "Deep Owls" in my library?
Is the paper Deep Owls already in my library?
Do I have arXiv 2401.00001?
Have I read the paper Deep Owls?
Do I have any papers on diffusion models?
Are there any papers about night vision by Turing?
How many papers in cs.CL since 2026-05-01?
How many of my papers are about agents?
How many papers on reinforcement learning were added between March and May?
How many papers published in NeurIPS do I have?
How many liked papers on agents do I have since last month?
Please tell me how many papers I have.
Which papers on tool use do I have?
How many unread papers are there on multi-agent systems?
How many papers haven't I read yet?
Do I have the BERT paper?
How many papers do we have from ACL?
Do I have any papers tagged benchmark from 2024?
How many papers with the tag survey are there in total?
papers I liked last week
my unread papers on agents
Number of papers on RAG in 2025?
How many papers came in since last Friday?
Could you show me papers by Hinton since 2020?
How many papers on "chain of thought" do I have?
What are the most common tags in my library?
Which papers do I still have to read?
how many papers have I liked in total
how many preprints about graph neural networks do I have
which of my papers are by Yoshua Bengio
do I already have "Scaling Laws for Neural Language Models"
list everything I liked in October
how many papers have come in since Monday
give me the number of unread papers
what was the last thing I added
which papers in my library are from 2023
how many papers are there in my library on quantization
what papers did we add yesterday
which papers on alignment have I read this year
how many different authors are in my library
who are my top authors
what are the newest papers on agents in my library
have I already added arXiv:2310.06825
is the LLaMA paper in my library?
which conferences are in my library?
how many papers in stat.ML do I have
what's new in my library since last week?
how many papers do I have that are tagged benchmark
which liked papers have I not read
show my papers from NeurIPS 2023
how many articles did I import in the last 30 days
what have I not read yet from this month
when was the last time I added a paper
how many papers published before 2020 do I have
which sources have I added papers from
did anything new come in today
how many of my papers are unread
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


def parse(text: str) -> LibraryQuestion | None:
    return parse_library_question(text, TODAY)


def test_there_are_enough_questions() -> None:
    assert min(len(set(lines(ABOUT_PAPERS))), len(set(lines(ABOUT_THE_LIBRARY)))) >= 60


@pytest.mark.parametrize("question", lines(ABOUT_PAPERS))
def test_what_asks_for_the_content_of_papers_is_left_to_them(question: str) -> None:
    assert parse(question) is None


def test_no_question_of_the_evaluation_is_taken_for_one_about_the_library() -> None:
    from curator.broad_questions import broad_topic

    file = Path(__file__).parents[1] / "evals" / "data" / "questions.jsonl"
    asked = [json.loads(line)["question"] for line in file.read_text("utf-8").splitlines()]
    assert len(asked) > 50
    assert [question for question in asked if parse(question) or broad_topic(question)] == []


@pytest.mark.parametrize("question", lines(ABOUT_THE_LIBRARY))
def test_questions_about_the_library_are_known(question: str) -> None:
    assert parse(question) is not None


@pytest.mark.parametrize(
    "text", ["", "?", " ", "how many", "papers", "how many papers on", "since May", "\x00", "do I"]
)
def test_what_is_no_whole_question_is_none_of_these(text: str) -> None:
    assert parse(text) is None


@given(st.text(max_size=300))
def test_any_text_can_be_looked_at(text: str) -> None:
    parse(text)
    parse(f"How many papers on {text} since May?")


def test_a_long_question_is_looked_at_in_no_time() -> None:
    words = " ".join(["since May on papers in ACL by Ada"] * 400)
    assert parse(f"How many papers {words}") is None
    assert parse("How many papers " + "on a b c d " * 18) is None
    assert parse("How many papers " + "in A B by C D on e f " * 10 + "?") is None


@pytest.mark.parametrize(
    ("words", "since", "until"),
    [
        ("today", "2026-11-22", "2026-11-22"),
        ("yesterday", "2026-11-21", "2026-11-21"),
        ("this week", "2026-11-16", "2026-11-22"),
        ("last week", "2026-11-09", "2026-11-15"),
        ("in the last week", "2026-11-16", "2026-11-22"),
        ("in the past three days", "2026-11-20", "2026-11-22"),
        ("last month", "2026-10-01", "2026-10-31"),
        ("this month", "2026-11-01", "2026-11-22"),
        ("last year", "2025-01-01", "2025-12-31"),
        ("since May", "2026-05-01", None),
        ("since December", "2025-12-01", None),
        ("since last May", "2026-05-01", None),
        ("since last November", "2025-11-01", None),
        ("since Sunday", "2026-11-22", None),
        ("since last Sunday", "2026-11-15", None),
        ("since May 3, 2025", "2025-05-03", None),
        ("since the 3rd of May", None, None),
        ("since 3 May", "2026-05-03", None),
        ("after May", "2026-06-01", None),
        ("before 2024", None, "2023-12-31"),
        ("until yesterday", None, "2026-11-21"),
        ("in 2025", "2025-01-01", "2025-12-31"),
        ("from 2024", "2024-01-01", "2024-12-31"),
        ("from May on", "2026-05-01", None),
        ("in 2026-W47", "2026-11-16", "2026-11-22"),
        ("between 2023 and 2025", "2023-01-01", "2025-12-31"),
        ("from March to May", "2026-03-01", "2026-05-31"),
        ("since two weeks ago", "2026-11-08", None),
        ("since the beginning of the year", "2026-01-01", None),
    ],
)
def test_days_as_people_say_them(words: str, since: str | None, until: str | None) -> None:
    found = next(spans_at(words, 0, TODAY), None)
    if since is until is None:
        assert found is None
    else:
        assert found is not None
        assert (found.since, found.until, found.end) == (since, until, len(words))


@pytest.mark.parametrize("words", ["may", "2025", "since 31 June", "in June 31", "maybe", "todays"])
def test_what_is_no_time(words: str) -> None:
    assert not any(span.end == len(words) for span in spans_at(words, 0, TODAY))


# ------------------------------------------------------------------- a known library

TAXONOMY = Taxonomy(
    (),
    (
        Tag("retrieval-augmented-generation", "problem", "fetches", aliases=("rag",)),
        Tag("llm-agents", "problem", "acts", aliases=("agents",)),
        Tag("survey", "contribution", "surveys"),
    ),
    "hash",
)
OWL = "Deep Owls at Night"
BAT = "Hearing Bats with Retrieval"
CAT = "Cats: a Survey"
DOG = "Dogs Fetch Documents"
EEL = "Electric Eels"


class Known:
    """Five papers of which everything is known."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.catalog = catalog
        add(
            catalog,
            record(
                OWL,
                "Owls see at night. We fine-tune diffusion models for them.",
                arxiv_id="2401.00001",
                authors=["Ada Lovelace", "Bo Li"],
                published="2026-05-01",
                venue="NAACL 2026",
                categories=["cs.CL", "cs.AI"],
            ),
            record(
                BAT,
                "Bats hear. A diffusion model helps.",
                authors=["Lovelace, Ada", "Jun Liang"],
                published="2026-04-30",
                venue="ACL 2026",
                categories=["cs.CL"],
            ),
            record(CAT, "We read much on cats.", authors=["Bo Li"], published="2025-02-01"),
            source="one.jsonl",
        )
        add(
            catalog,
            record(DOG, "Dogs fetch what is asked.", published="2026-11-10", venue="ACL 2026"),
            record(EEL, "Models of diffusion in eels.", published="2024-03-05"),
            source="two.jsonl",
        )
        self.tag(OWL, "llm-agents")
        self.tag(BAT, "retrieval-augmented-generation")
        self.tag(CAT, "survey")
        self.tag(DOG, "retrieval-augmented-generation", "survey")
        for title, day in ((OWL, "01"), (BAT, "01"), (CAT, "01"), (DOG, "17"), (EEL, "20")):
            self.stamp(title, f"2026-11-{day}T12:00:00.000000+00:00")
        for kind, title, day in (
            ("liked", OWL, "12"),
            ("liked", CAT, "18"),
            ("disliked", EEL, "21"),
            ("read", OWL, "12"),
            ("read", BAT, "20"),
        ):
            self.mark(kind, title, f"2026-11-{day}T12:00:00Z")
        self.lexical = LexicalIndex(folder, catalog.papers)
        self.lexical.sync()
        self.answers = CatalogAnswers(catalog, self.lexical, lambda: TAXONOMY, lambda: TODAY)

    def id(self, title: str) -> str:
        return self.catalog.papers.resolve(title).id

    def tag(self, title: str, *tags: str) -> None:
        paper = self.catalog.papers.resolve(title)
        found = [StoredTag(tag, 0.9, "model") for tag in tags]
        self.catalog.outputs.save_tags(paper, found, taxonomy="t", model="m", recipe="r")

    def stamp(self, title: str, at: str) -> None:
        with self.catalog.store.write() as connection:
            connection.execute(update(papers).where(papers.c.id == self.id(title)).values(added=at))

    def mark(self, kind: Any, title: str, at: str) -> None:
        self.catalog.marks.set(kind, [self.id(title)])
        same = (marks.c.paper_id == self.id(title), marks.c.kind == kind)
        with self.catalog.store.write() as connection:
            connection.execute(update(marks).where(*same).values(at=at))

    def ask(self, question: str, filters: Filters | None = None) -> LibraryAnswer:
        parsed = self.answers.parse(question)
        assert parsed is not None, question
        answer = self.answers.answer(parsed, filters)
        assert answer is not None, question
        return answer

    def titles(self, question: str, filters: Filters | None = None) -> list[str]:
        return [paper.title for paper in self.ask(question, filters).papers]


@pytest.fixture
def known(catalog: Catalog, tmp_path: Path) -> Known:
    return Known(catalog, tmp_path / "lexical")


@pytest.mark.parametrize(
    ("question", "titles"),
    [
        ("How many papers do I have?", [DOG, OWL, BAT, CAT, EEL]),
        ("How many papers since May?", [DOG, OWL]),
        ("How many papers from 2025 are there?", [CAT]),
        ("How many papers on RAG since May?", [DOG]),
        ("How many papers on RAG do I have?", [DOG, BAT]),
        ("How many papers are tagged survey?", [DOG, CAT]),
        ("How many papers tagged survey are unread?", [DOG, CAT]),
        ("How many unread papers do I have since November?", [DOG]),
        ("What did I like last week?", [OWL]),
        ("What did I like this week?", [CAT]),
        ("What did I like?", [CAT, OWL]),
        ("What have I read since Monday?", [BAT]),
        ("Which papers did I dislike yesterday?", [EEL]),
        ("What is new this week?", [EEL, DOG]),
        ("What did I add today?", []),
        ("Which papers have I not read yet?", [DOG, CAT, EEL]),
        ("How many papers by Lovelace do I have?", [OWL, BAT]),
        ("How many papers by Ada Lovelace?", [OWL, BAT]),
        ("How many papers by A. Lovelace do I have?", [OWL, BAT]),
        ("How many papers by Li do I have?", [OWL, CAT]),
        ("How many papers by Turing do I have?", []),
        ("How many papers do I have in ACL?", [DOG, BAT]),
        ("How many papers do we have from ACL 2026?", [DOG, BAT]),
        ("How many papers do we have from Liang?", [BAT]),
        ("How many papers do I have from one.jsonl?", [OWL, BAT, CAT]),
        ("How many papers in cs.AI?", [OWL]),
        ("How many papers on diffusion models do I have?", [OWL, BAT]),
        ('How many papers about "see at night"?', [OWL]),
        ("Which agents papers do I have?", [OWL]),
        ("Show me my liked papers by Bo Li since 2026", [OWL]),
        ("When did I last add papers?", [EEL]),
        ("When did I last like a paper?", [CAT]),
        ("When did I last add a paper on agents?", [OWL]),
    ],
)
def test_counts_are_exact_and_name_the_papers(
    known: Known, question: str, titles: list[str]
) -> None:
    answer = known.ask(question)
    found = [paper.title for paper in answer.papers]
    assert sorted(found) == sorted(titles)
    if "last" not in question or "week" in question:
        assert answer.statements[0].startswith(("This library has", f"{len(titles)} of the 5"))


def test_the_latest_comes_first(known: Known) -> None:
    assert known.titles("What did I like?") == [CAT, OWL]
    assert known.titles("What is new this week?") == [EEL, DOG]
    assert known.titles("What is the oldest paper in my library?") == [EEL, CAT, BAT, OWL, DOG]
    assert known.titles("How many papers do I have in ACL?") == [DOG, BAT]


def test_an_answer_says_how_it_understood_the_question(known: Known) -> None:
    first, *notes = known.ask("How many papers on RAG since May?").statements
    assert "dated on 2026-05-01 or later" in first
    assert "tagged retrieval-augmented-generation" in first
    assert "“RAG”" in first
    assert notes == ["1 paper is not tagged yet."]
    (first,) = known.ask("How many papers on diffusion models do I have?").statements
    assert "“diffusion models” in title or abstract" in first
    (first,) = known.ask("What did I like last week?").statements
    assert "liked from 2026-11-09 to 2026-11-15" in first


def test_without_any_tags_topics_are_counted_by_words(catalog: Catalog, tmp_path: Path) -> None:
    add(catalog, record("RAG for Owls", "We fetch."), record("Owls", "They fly."))
    lexical = LexicalIndex(tmp_path / "lexical", catalog.papers)
    lexical.sync()
    answers = CatalogAnswers(catalog, lexical, lambda: TAXONOMY, lambda: TODAY)
    parsed = answers.parse("How many papers on RAG?")
    assert parsed is not None
    answer = answers.answer(parsed)
    assert answer is not None
    assert "in title or abstract" in answer.statements[0]
    assert [paper.title for paper in answer.papers] == ["RAG for Owls"]


@pytest.mark.parametrize(
    ("question", "statement"),
    [
        (
            "Which authors do I have most papers of?",
            "5 papers have 3 authors, with how many papers: "
            "Ada Lovelace (2); Bo Li (2); Jun Liang (1).",
        ),
        (
            "Which venues are there?",
            "2 venues, with how many papers: ACL 2026 (2); NAACL 2026 (1).",
        ),
        ("Which categories are there?", "cs.CL (2); cs.AI (1)."),
        (
            "What tags are there?",
            "retrieval-augmented-generation (2); survey (2); llm-agents (1).",
        ),
        ("How many tags do I have?", "5 papers have 3 tags"),
        ("Which tags do I have since May?", "(dated on 2026-05-01 or later)"),
        ("When did I last add papers?", "Papers were last added on 2026-11-20: 1 paper."),
        ("When did I last like a paper on agents?", "liked on 2026-11-12"),
        ("How many papers in my library are tagged fish?", "There is no tag “fish”."),
        ("How many papers do I have from the source nowhere?", "Nothing was ever added from"),
    ],
)
def test_what_there_is(known: Known, question: str, statement: str) -> None:
    assert statement in " ".join(known.ask(question).statements)


def test_sources_are_counted_once_for_each_paper(known: Known) -> None:
    (first,) = known.ask("Which sources are there?").statements
    assert "one.jsonl (3)" in first
    assert "two.jsonl (2)" in first


@pytest.mark.parametrize(
    ("question", "says", "titles"),
    [
        (f'Do I have the paper "{OWL}"?', "Yes, this library has this paper", [OWL]),
        ("Do I have the paper deep owls at night?", "Yes, this library has this paper", [OWL]),
        ("Do I have arXiv 2401.00001?", "Yes, this library has this paper", [OWL]),
        ("Is 2401.00001v3 in my library?", "Yes, this library has this paper", [OWL]),
        ("Is the paper Deep Owls in my library?", "whose title begins so", [OWL]),
        ("Do I have the bats paper?", "1 has these words in the title", [BAT]),
        ("Do I have the paper Goldfish?", "No, no paper in this library has the title", []),
        ("Is 2401.99999 in my library?", "No, no paper", []),
        ("Have I read the paper Electric Eels?", "not marked as read", [EEL]),
        (f"Have I read the paper {OWL}?", "read on 2026-11-12", [OWL]),
    ],
)
def test_whether_a_paper_is_there(
    known: Known, question: str, says: str, titles: list[str]
) -> None:
    answer = known.ask(question)
    assert says in answer.statements[0]
    assert [paper.title for paper in answer.papers] == titles


def test_filters_narrow_what_counts(known: Known) -> None:
    only = Filters(tags=("survey",))
    answer = known.ask("How many papers are unread?", only)
    assert sorted(paper.title for paper in answer.papers) == [CAT, DOG]
    assert "within the filters given" in answer.statements[0]
    both = Filters(where="venue:ACL", since="2026-11-01")
    assert known.titles("How many papers on RAG?", both) == [DOG]
    assert known.titles(f"Do I have the paper {OWL}?", only) == []


def test_what_the_catalog_does_not_bear_out_is_left_to_the_papers(known: Known) -> None:
    for question in (
        "How many papers are tagged relevant?",
        "How many papers on dropout omitting weak baselines?",
        "How many papers on of?",
    ):
        parsed = known.answers.parse(question)
        assert parsed is None or known.answers.answer(parsed) is None, question
    parsed = known.answers.parse("How many papers on goldfish?")
    assert parsed is not None
    assert known.answers.answer(parsed) is not None  # none, and that is the answer


def test_an_empty_library_is_counted_too(catalog: Catalog, tmp_path: Path) -> None:
    lexical = LexicalIndex(tmp_path / "lexical", catalog.papers)
    answers = CatalogAnswers(catalog, lexical, lambda: TAXONOMY, lambda: TODAY)
    for question in lines(ABOUT_THE_LIBRARY):
        parsed = answers.parse(question)
        answer = answers.answer(parsed) if parsed else None
        if answer is not None:
            assert answer.papers == ()
    parsed = answers.parse("When did I last add papers?")
    assert parsed is not None
    assert answers.answer(parsed) == LibraryAnswer(("No paper was added yet.",))


def test_no_more_than_ten_are_listed(catalog: Catalog, tmp_path: Path) -> None:
    add(catalog, *many(23))
    lexical = LexicalIndex(tmp_path / "lexical", catalog.papers)
    lexical.sync()
    answers = CatalogAnswers(catalog, lexical, lambda: TAXONOMY, lambda: TODAY)
    parsed = answers.parse("How many papers are unread?")
    assert parsed is not None
    answer = answers.answer(parsed)
    assert answer is not None
    assert answer.statements[0].startswith("23 of the 23 papers")
    assert len(answer.papers) == LISTED
    assert f"The latest {LISTED} of them follow." in answer.statements


class TestWithoutWeights:
    """Tests that are not marked ``model`` see an empty folder of weights."""

    def test_the_catalog_answers_and_no_model_library_is_loaded(self, tmp_path: Path) -> None:
        assert inline("add", SAMPLES, "--no-embed").code == 0
        heavy = ("onnxruntime", "chromadb", "llama_cpp", "openai", "sklearn")
        code = (
            "import sys; from curator.__main__ import main; from contextlib import suppress\n"
            "with suppress(SystemExit):\n    main()\n"
            f"print(*[m for m in {heavy!r} if m in sys.modules], 'none else', file=sys.stderr)"
        )
        asked = [sys.executable, "-c", code, "ask", "How many papers on RAG?", "--json"]
        done = subprocess.run(asked, capture_output=True, timeout=120, check=False)
        answer = json.loads(done.stdout)
        assert answer["model"] == "catalog" and not answer["abstained"]
        assert answer["sentences"][0]["text"].startswith("3 of the 52 papers")
        assert done.stderr.decode().strip() == "none else"

    def test_words_that_wait_to_be_indexed_are_counted_too(self) -> None:
        assert inline("add", SAMPLES, "--no-embed").code == 0
        shutil.rmtree(Path(os.environ["CURATOR_HOME"]) / "index" / "lexical")
        done = inline("ask", "How many papers on RAG?", "--json")
        assert done.json["sentences"][0]["text"].startswith("3 of the 52 papers")

    @pytest.mark.parametrize(
        "question", ["How does LoRA save memory?", "What are people doing about agents?"]
    )
    def test_any_other_question_says_what_to_pull_before_it_shows_anything(
        self, question: str
    ) -> None:
        assert inline("add", SAMPLES, "--no-embed").code == 0
        done = curator("ask", question)
        assert done.code == 3 and "curator models pull" in done.err
        assert done.out == ""
