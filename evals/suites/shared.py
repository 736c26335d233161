"""The suites whose data is beside the project, in the folder of ``--data``.

Here those over real Daily Papers pages, with gold data of ours; the others have modules of
their own.
"""

from __future__ import annotations

from pathlib import Path

from evals.gold import Query, Question, TagGold
from evals.suites.base import Corpus, Suite, read_rows
from evals.suites.inputs import as_queries, folder_of
from evals.suites.retrieval import RETRIEVAL_SUITES
from evals.suites.taxonomies import TAXONOMY_SUITES
from evals.suites.texts import TEXT_SUITES

__all__ = ["SHARED_SUITES"]

_SEEDS = "../seeds"
_QA = "gold_qa_dev.jsonl"
_TAGS = "gold_tags_dev.jsonl"
_LICENCE = "this project's; the papers are third-party text"
_SOURCE = "the Paper Curator developers, on five Daily Papers pages"


def _pages(data: Path | None, _: Path) -> list[Path]:
    # As `Suite.missing` looks for them: Path("data").parent would be another folder for a link.
    return sorted((folder_of(data) / _SEEDS).glob("*.txt"))


_CORPUS = Corpus("seeds", _pages)


def _questions(data: Path | None) -> list[Question]:
    rows = read_rows(folder_of(data) / _QA)
    # `near` names the papers that an unanswerable question is close to; nothing is scored by it.
    fields = [{name: value for name, value in row.items() if name != "near"} for row in rows]
    return [
        Question.model_validate({**row, "cluster": (row["gold_titles"] or [row["id"]])[0]})
        for row in fields
    ]


def _queries(data: Path | None) -> list[Query]:
    return as_queries(_questions(data))


def _tags(data: Path | None) -> list[TagGold]:
    rows = read_rows(folder_of(data) / _TAGS)
    return [
        TagGold.model_validate({**row, "id": f"dev-tags-{number:03d}"})
        for number, row in enumerate(rows, 1)
    ]


_GOLD_SUITES: tuple[Suite, ...] = (
    Suite(
        name="retrieval-gold",
        task="retrieval",
        title="Questions as searches in real Daily Papers pages",
        licence=_LICENCE,
        source=_SOURCE,
        rows=_queries,
        corpus=_CORPUS,
        needs=(_QA, _SEEDS),
    ),
    Suite(
        name="ask-gold",
        task="ask",
        title="Questions over real Daily Papers pages, some without an answer",
        licence=_LICENCE,
        source=_SOURCE,
        rows=_questions,
        corpus=_CORPUS,
        needs=(_QA, _SEEDS),
    ),
    Suite(
        name="tag-gold",
        task="tag",
        title="Tags by hand of papers in real Daily Papers pages",
        licence=_LICENCE,
        source=_SOURCE,
        rows=_tags,
        corpus=_CORPUS,
        needs=(_TAGS, _SEEDS),
    ),
)

SHARED_SUITES: tuple[Suite, ...] = (
    *_GOLD_SUITES,
    *RETRIEVAL_SUITES,
    *TEXT_SUITES,
    *TAXONOMY_SUITES,
)
