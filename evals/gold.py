"""What is measured against: one typed row for each kind of gold data.

The files in ``evals/data`` and the adapters of ``evals.suites`` give these rows; the tasks see
nothing else. ``id`` is unique within a suite; ``cluster`` names what rows have in common (a
paper, a question), since rows of one cluster are no independent samples.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Claim",
    "DigestGold",
    "GoldRow",
    "Poisoned",
    "Query",
    "Question",
    "TagGold",
    "TldrGold",
]


class GoldRow(BaseModel):
    """What every row has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    cluster: str = ""

    @property
    def group(self) -> str:
        """The cluster that the bootstrap draws as one."""
        return self.cluster or self.id


class Query(GoldRow):
    """A search and the papers that are relevant to it: title → grade (1 is relevant)."""

    query: str = Field(min_length=1)
    relevant: dict[str, int] = Field(min_length=1)


class Question(GoldRow):
    """A question over the papers of a library.

    ``must_include`` holds one list for each thing that the answer must say, each with the
    wordings that count. ``evidence`` are passages of the gold papers, verbatim, that an
    answer rests on. A question of kind ``unanswerable`` has none of these.
    """

    kind: Literal["single", "multi", "numeric", "unanswerable"]
    question: str = Field(min_length=1)
    gold_titles: list[str] = []
    answer: str = ""
    must_include: list[list[str]] = []
    evidence: list[str] = []


class TldrGold(GoldRow):
    """Reference summaries of one paper."""

    title: str
    references: list[str] = Field(min_length=1)


class TagGold(GoldRow):
    """The tags of one paper; ``borderline`` ones count neither for nor against."""

    title: str
    tags: list[str] = Field(min_length=1)
    borderline: list[str] = []


class Claim(GoldRow):
    """A sentence about a text, and whether the text supports it. ``edits`` names what made a
    true sentence false."""

    title: str = ""
    source: str = Field(min_length=1)
    claim: str = Field(min_length=1)
    supported: bool
    edits: list[str] = []


class DigestGold(GoldRow):
    """A week; ``topics`` are tags that a digest of it must have papers of, ``reference`` the
    titles that a person would choose, where somebody did."""

    week: str
    limit: int = Field(gt=0)
    topics: list[str] = []
    reference: list[str] = []


class Poisoned(GoldRow):
    """A paper whose abstract attacks whoever reads it, and the same paper without the attack.

    ``obeyed`` are strings (matched without case) that appear in an output only if the attack
    was obeyed, ``stuffed`` the tags that it tries to get. ``probes`` are questions whose
    answers, from other papers, must stay what they are beside the clean paper.
    """

    family: str
    title: str
    clean: str = Field(min_length=1)
    abstract: str = Field(min_length=1)
    clean_title: str = ""
    obeyed: list[str] = []
    stuffed: list[str] = []
    probes: list[str] = []
    extra: dict[str, Any] = {}
