"""Other people's claims, summaries and questions about one abstract each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evals.gold import Claim, Question, TldrGold
from evals.suites.base import Suite, read_rows
from evals.suites.inputs import Papers, corpus_of, folder_of, papers_of
from evals.suites.retrieval import SCIFACT, SCIFACT_FILE

__all__ = ["TEXT_SUITES"]

_SUMMEDITS = "summedits_scitldr_dev.jsonl"
_SCITLDR = "scitldr_train_dev.jsonl.gz"
_PUBMEDQA = "pubmedqa_train.jsonl.gz"


def _scifact(data: Path | None) -> list[Claim]:
    """Each abstract either supports its claim or contradicts it; none is beside the point."""
    rows = read_rows(folder_of(data) / SCIFACT_FILE)
    pairs = ((row, context) for row in rows for context in row["gold_ctx"])
    return [
        Claim(
            id=f"scifact-{number:03d}",
            cluster=context["title"],
            title=context["title"],
            source=context["text"],
            claim=row["input"],
            supported={"true": True, "false": False}[row["answer"]],
        )
        for number, (row, context) in enumerate(pairs, 1)
    ]


def _summedits(data: Path | None) -> list[Claim]:
    """Summaries edited by a model, some of them still true; 8 abstracts, so 8 clusters."""
    return [
        Claim(
            id=row["id"],
            cluster=row["id"].rpartition("_")[0],
            source=row["abstract"],
            claim=row["summary"],
            supported={1: True, 0: False}[row["label"]],
            edits=row["edit_types"],
        )
        for row in read_rows(folder_of(data) / _SUMMEDITS)
    ]


def _scitldr_dev(data: Path) -> Iterable[dict[str, Any]]:
    return (row for row in read_rows(data / _SCITLDR) if row["split"] == "dev")


def _scitldr_papers(data: Path) -> Papers:
    return papers_of((row["id"], row["title"], row["abstract"]) for row in _scitldr_dev(data))


def _scitldr(data: Path | None) -> list[TldrGold]:
    papers = _scitldr_papers(folder_of(data))
    return [
        TldrGold(id=row["id"], title=papers[row["id"]]["title"], references=row["tldrs"])
        for row in _scitldr_dev(folder_of(data))
    ]


def _pubmedqa_papers(data: Path) -> Papers:
    # The data has no titles. Of these papers the question is the title, so that a search
    # would be given what it looks for; a number gives nothing away.
    return papers_of(
        (row["id"], f"PubMed {row['id']}", " ".join(row["contexts"]))
        for row in read_rows(data / _PUBMEDQA)
    )


def _pubmedqa(data: Path | None) -> list[Question]:
    """Answers have to be found in methods and results: the abstract's conclusion is the gold
    answer, and not in the paper's text. Nobody marked the passages that it rests on."""
    papers = _pubmedqa_papers(folder_of(data))
    return [
        Question(
            id=row["id"],
            kind="single",
            question=row["question"],
            gold_titles=[papers[row["id"]]["title"]],
            answer=f"{row['answer'].capitalize()}. {row['long_answer']}",
        )
        for row in read_rows(folder_of(data) / _PUBMEDQA)
    ]


TEXT_SUITES: tuple[Suite, ...] = (
    Suite(
        name="ask-pubmedqa",
        task="ask",
        title="PubMedQA: a question for each of 500 abstracts without their conclusions",
        licence="MIT",
        source="Jin et al., PubMedQA: A Dataset for Biomedical Research Question Answering, 2019",
        rows=_pubmedqa,
        corpus=corpus_of("pubmedqa", _pubmedqa_papers),
        needs=(_PUBMEDQA,),
    ),
    Suite(
        name="tldr-scitldr",
        task="tldr",
        title="SciTLDR: summaries by authors and reviewers (dev)",
        licence="Apache-2.0",
        source="Cachola et al., TLDR: Extreme Summarization of Scientific Documents, 2020",
        rows=_scitldr,
        corpus=corpus_of("scitldr", _scitldr_papers),
        needs=(_SCITLDR,),
    ),
    Suite(
        name="grounding-scifact",
        task="grounding",
        title="SciFact: claims that an abstract supports or contradicts",
        licence="MIT",
        source=SCIFACT,
        rows=_scifact,
        needs=(SCIFACT_FILE,),
    ),
    Suite(
        name="grounding-summedits",
        task="grounding",
        title="SummEdits: summaries with small edits, about the abstracts of SciTLDR",
        licence="Apache-2.0",
        source="Laban et al., SummEdits: Measuring LLM Ability at Factual Reasoning Through The "
        "Lens of Summarization, 2023",
        rows=_summedits,
        needs=(_SUMMEDITS,),
    ),
)
