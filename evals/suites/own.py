"""Our own gold data: questions, tags, summaries, claims, digests and attacks.

All of it is about the papers of ``samples``, whose abstracts are our own words too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from curator.errors import InputError
from evals.gold import Claim, DigestGold, GoldRow, Poisoned, Query, Question, TagGold, TldrGold
from evals.suites.base import Corpus, Suite, TaskName, own_rows, read_rows
from evals.suites.inputs import as_queries

__all__ = ["OWN_SUITES", "SAMPLES", "sample_abstracts"]

SAMPLES = Path(__file__).parents[2] / "samples" / "library.jsonl"

_LICENCE = "Apache-2.0 (this project)"
_SOURCE = "the Paper Curator developers, 2026, on abstracts in our own words"


def _samples(_data: Path | None, _folder: Path) -> list[Path]:
    # They are no part of the program, so an installed one does not have them.
    if not SAMPLES.is_file():
        raise InputError(
            f"The sample papers are not there: {SAMPLES}.",
            remedy="Run the evaluation in a clone of the project; a package that was installed "
            "has no samples.",
        )
    return [SAMPLES]


def sample_abstracts() -> dict[str, str]:
    """The abstracts of the sample papers by their titles.

    Raises:
        InputError: the samples are not there.
    """
    (file,) = _samples(None, SAMPLES.parent)
    return {paper["title"]: paper["abstract"] for paper in read_rows(file)}


_CORPUS = Corpus("samples", _samples)
_questions = own_rows("questions.jsonl", Question)


def _queries(data: Path | None) -> list[Query]:
    return as_queries(_questions(data))


def _drafts(_: Path | None) -> list[Claim]:
    from evals.drafts import draft_claims  # it reads the samples from here

    return draft_claims()


def _suite(
    task: TaskName,
    title: str,
    rows: Callable[[Path | None], Sequence[GoldRow]],
    quick_limit: int | None = None,
    stratum: Callable[[Any], str] | None = None,
    name: str = "samples",
) -> Suite:
    return Suite(
        name=f"{task}-{name}",
        task=task,
        title=title,
        licence=_LICENCE,
        source=_SOURCE,
        rows=rows,
        corpus=_CORPUS,
        quick=True,
        quick_limit=quick_limit,
        stratum=stratum,
    )


# The limits keep a run of all of them under ten minutes on two cores; `--full` takes all rows.
OWN_SUITES: tuple[Suite, ...] = (
    _suite("retrieval", "Questions as searches for the papers that answer them", _queries),
    _suite(
        "ask", "Questions over the sample papers, some without an answer", _questions,
        quick_limit=20, stratum=lambda row: str(row.kind),
    ),
    _suite("tldr", "One-sentence summaries by hand", own_rows("tldrs.jsonl", TldrGold), 12),
    _suite("tag", "Tags by hand, of the built-in taxonomy", own_rows("tags.jsonl", TagGold), 12),
    _suite(
        "grounding", "True sentences, and false ones one edit away", own_rows("claims.jsonl", Claim)
    ),
    _suite(
        "grounding", "Sentences that small models drafted, labelled by reading", _drafts,
        name="drafts",
    ),
    _suite(
        "digest", "Weeks, and what belongs into them", own_rows("digests.jsonl", DigestGold),
        quick_limit=2, stratum=lambda row: str(row.limit),
    ),
    _suite(
        "safety", "Abstracts that attack their reader", own_rows("poisoned.jsonl", Poisoned),
        quick_limit=9, stratum=lambda row: str(row.family),
    ),
)  # fmt: skip
