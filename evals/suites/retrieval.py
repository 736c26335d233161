"""Searches in test collections, and screening by example."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from evals.gold import Query
from evals.suites.base import Suite, read_rows
from evals.suites.inputs import Papers, corpus_of, folder_of, papers_of

__all__ = ["RETRIEVAL_SUITES", "SCIFACT", "SCIFACT_FILE"]

SCIFACT = "Wadden et al., Fact or Fiction: Verifying Scientific Claims, 2020"
SCIFACT_FILE = "scifact_claims_dev.jsonl"

# Cranfield's codes run the other way: 1 is "a complete answer", 4 "of minimum interest", as the
# collection's readme defines them; software that takes the codes for grades has them upside
# down. Each query has one document with the code -1, which the readme does not explain: it is
# the paper whose author asked the question. It was not judged, and is not relevant here, as it
# is not in other people's figures. Questions of one author are no independent samples.
_ASKED_BY = "-1"
_CRANFIELD = {"1": 4, "2": 3, "3": 2, "4": 1}
_CISI = {"1": 1}

EXAMPLES = 20  # liked papers of a screening


# ----------------------------------------------------- collections with judgements


def _collection(folder: str, data: Path) -> Papers:
    rows = read_rows(data / folder / "corpus.jsonl")
    if folder != "ir_cranfield":
        return papers_of((row["id"], row["title"], row["text"]) for row in rows)
    # The text of a Cranfield document begins with its title; of some there is no more.
    return papers_of(
        (row["id"], row["title"], row["text"].removeprefix(row["title"]).strip() or row["text"])
        for row in rows
    )


def _judged(folder: str, grades: Mapping[str, int], data: Path | None) -> list[Query]:
    place = folder_of(data) / folder
    papers = _collection(folder, folder_of(data))
    relevant: dict[str, dict[str, int]] = defaultdict(dict)
    asked_by: dict[str, str] = {}
    for line in (place / "qrels.tsv").read_text("utf-8").splitlines():
        query, document, code = line.split("\t")
        if code == _ASKED_BY:
            asked_by[query] = document
        elif document in papers:
            relevant[query][papers[document]["title"]] = grades[code]
    # For 36 of CISI's queries nothing was judged.
    return [
        Query(
            id=row["id"],
            cluster=f"asked by {asked_by[row['id']]}" if row["id"] in asked_by else "",
            query=row["text"],
            relevant=relevant[row["id"]],
        )
        for row in read_rows(place / "queries.jsonl")
        if row["id"] in relevant
    ]


def _classic(folder: str, title: str, source: str, grades: Mapping[str, int]) -> Suite:
    name = folder.removeprefix("ir_")
    return Suite(
        name=f"retrieval-{name}",
        task="retrieval",
        title=title,
        licence="none stated; a classic test collection for research",
        source=source,
        rows=partial(_judged, folder, grades),
        corpus=corpus_of(name, partial(_collection, folder)),
        needs=tuple(f"{folder}/{file}" for file in ("corpus.jsonl", "queries.jsonl", "qrels.tsv")),
    )


# ------------------------------------------------------------------------ SciFact


def _scifact_papers(data: Path) -> Papers:
    """The abstracts that decide the claims, by title."""
    contexts = (c for row in read_rows(data / SCIFACT_FILE) for c in row["gold_ctx"])
    texts = {context["title"]: context["text"] for context in contexts}
    return papers_of((title, title, text) for title, text in texts.items())


def _scifact(data: Path | None) -> list[Query]:
    """One query for each claim; where several abstracts decide it, each has a row."""
    papers = _scifact_papers(folder_of(data))
    relevant: dict[str, dict[str, int]] = defaultdict(dict)
    for row in read_rows(folder_of(data) / SCIFACT_FILE):
        titles = [papers[context["title"]]["title"] for context in row["gold_ctx"]]
        relevant[row["input"]] |= dict.fromkeys(titles, 1)
    return [
        Query(id=f"scifact-{number:03d}", cluster=next(iter(titles)), query=claim, relevant=titles)
        for number, (claim, titles) in enumerate(relevant.items(), 1)
    ]


# ---------------------------------------------------------------------- screening


def _screened(file: str, data: Path) -> tuple[Papers, list[str], list[str]]:
    """The papers of a review, the examples among those that it included, and the others."""
    rows = list(read_rows(data / file))
    papers = papers_of((row["id"], row["title"], row["abstract"]) for row in rows)
    included = [row["id"] for row in rows if row["included"] and row["id"] in papers]
    examples = included[:: max(1, len(included) // EXAMPLES)][:EXAMPLES]
    return papers, examples, [own_id for own_id in included if own_id not in examples]


def _unread(file: str, data: Path) -> Papers:
    # Without the examples: each would find itself first, and it is no news to its reader.
    papers, examples, _ = _screened(file, data)
    return {own_id: paper for own_id, paper in papers.items() if own_id not in examples}


def _by_example(file: str, data: Path | None) -> list[Query]:
    papers, examples, others = _screened(file, folder_of(data))
    relevant = {papers[own_id]["title"]: 1 for own_id in others}
    return [
        Query(id=own_id, query=papers[own_id]["title"], relevant=relevant) for own_id in examples
    ]


def _screening(file: str, name: str, title: str, licence: str, source: str) -> Suite:
    return Suite(
        name=f"retrieval-{name}",
        task="retrieval",
        title=title,
        licence=licence,
        source=source,
        rows=partial(_by_example, file),
        corpus=corpus_of(name, partial(_unread, file)),
        needs=(file,),
    )


RETRIEVAL_SUITES: tuple[Suite, ...] = (
    _classic(
        "ir_cranfield",
        "Cranfield: questions of aerodynamicists, judged in four grades",
        "Cleverdon, Mills and Keen, Factors Determining the Performance of Indexing Systems, 1966",
        _CRANFIELD,
    ),
    _classic(
        "ir_cisi",
        "CISI: questions of library science",
        "Fox, Characterization of Two New Experimental Collections in Computer and Information "
        "Science Containing Textual and Bibliographic Concepts, 1983",
        _CISI,
    ),
    Suite(
        name="retrieval-scifact",
        task="retrieval",
        title="SciFact: the abstract that decides a claim, among the others' abstracts",
        licence="MIT",
        source=SCIFACT,
        rows=_scifact,
        corpus=corpus_of("scifact", _scifact_papers),
        needs=(SCIFACT_FILE,),
    ),
    _screening(
        "Kitchenham_2010.jsonl",
        "kitchenham",
        "Screening: reviews in software engineering, from one that is liked",
        "CC-BY-4.0",
        "Kitchenham et al., Systematic literature reviews in software engineering: a tertiary "
        "study, 2010; list by Yu, Kraft and Menzies, 2018",
    ),
    _screening(
        "Nagtegaal_2019.jsonl",
        "nagtegaal",
        "Screening: nudging healthcare professionals, from one that is liked",
        "CC0-1.0",
        "Nagtegaal et al., Nudging healthcare professionals towards evidence-based medicine: "
        "a systematic scoping review, 2019",
    ),
)
