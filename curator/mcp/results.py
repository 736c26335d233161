"""What the tools give: plain values with a schema, so that programs need not read prose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from curator.answers import known_from
from curator.digest.formats.words import safe_url
from curator.serving.work_adding import public_source
from curator.text import clean, plain

if TYPE_CHECKING:
    from curator.answers import Answer
    from curator.catalog import StoredTag, StoredTldr
    from curator.checking import CheckedSentence
    from curator.paper import Paper

__all__ = [
    "Added",
    "Answered",
    "Checked",
    "DigestList",
    "DigestText",
    "Found",
    "PaperDetails",
    "PaperTags",
    "Record",
    "answered",
    "checked",
    "details",
    "found",
    "tags_of",
]


class Tag(BaseModel):
    """``suggested``: a person should still look at it."""

    tag: str
    confidence: float
    decided_by: str
    suggested: bool
    evidence: str = Field(description="The stored sentence that speaks for it, verbatim, or empty.")


class Hit(BaseModel):
    paper_id: str
    title: str
    day: str = Field(description="The day that places it in a week, ISO.")
    url: str | None
    authors: list[str]
    summary: str = Field(description="One sentence, or empty; see summary_known.")
    summary_known: str = Field(description="quoted, checked 0.97, or empty.")
    sentence: str = Field(description="The stored sentence that fits the query best, verbatim.")
    tags: list[str]


class Found(BaseModel):
    """The papers found, best first."""

    query: str
    papers: list[Hit]


class PaperDetails(BaseModel):
    """A paper as it is stored: title and abstract are the authors' words."""

    paper_id: str
    title: str
    abstract: str
    authors: list[str]
    day: str
    published: str | None
    venue: str | None
    url: str | None
    arxiv_id: str | None
    doi: str | None
    categories: list[str]
    summary: str
    summary_known: str
    tags: list[Tag]
    seen_in: list[str] = Field(description="The sources that have it.")


class Evidence(BaseModel):
    """A stored sentence, verbatim."""

    paper_id: str
    title: str
    quote: str


class Sentence(BaseModel):
    text: str
    known: str = Field(
        description="quoted: it stands in the paper word for word; checked 0.97: a model wrote "
        "it, and it was checked against the evidence with that score; from the catalog: counted."
    )
    evidence: list[Evidence]


class Source(BaseModel):
    paper_id: str
    title: str
    url: str | None


class Answered(BaseModel):
    """An answer; where the papers have none, ``abstained`` with the reason, and the nearest
    papers as sources."""

    question: str
    abstained: bool
    reason: str
    sentences: list[Sentence]
    sources: list[Source]
    model: str
    seconds: float


class CheckedText(BaseModel):
    text: str
    line: int
    supported: bool
    status: Literal[
        "supported", "unsupported", "doubtful", "contradicted", "no_claim", "paper_not_found"
    ]
    reason: str
    score: float | None = Field(description="Of the check, from 0 to 1.")
    quoted: bool = Field(description="It stands in the paper word for word.")
    evidence: Evidence | None = Field(description="The nearest stored sentence, if there is one.")


class Checked(BaseModel):
    """Each sentence of the text; ``no_claim`` are those that say nothing of a paper."""

    sentences: list[CheckedText]
    supported: int
    in_trouble: int = Field(description="About a paper, and not supported by it.")


class PaperTags(BaseModel):
    paper_id: str
    title: str
    tags: list[Tag]


class DigestName(BaseModel):
    name: str
    reader: str
    since: str
    until: str
    papers: int


class DigestList(BaseModel):
    """The newest first."""

    digests: list[DigestName]


class DigestText(BaseModel):
    """``text`` in the format asked for."""

    name: str
    reader: str
    format: Literal["markdown", "text", "html", "json"]
    text: str


class Record(BaseModel):
    """A paper to add. Title and abstract are needed."""

    title: str = Field(min_length=1, max_length=1_000)
    abstract: str = Field(min_length=1, max_length=50_000)
    authors: list[str] = Field(default_factory=list, max_length=1_000)
    url: str | None = Field(None, max_length=2_000)
    published: str | None = Field(None, max_length=40, description="2026-11-05, 2026-11 or 2026")
    doi: str | None = Field(None, max_length=300)
    arxiv_id: str | None = Field(None, max_length=100)


class Rejection(BaseModel):
    source: str
    where: str
    reason: str


class Added(BaseModel):
    """``state`` is "running" where it takes longer than a call should; it goes on, and
    search_papers finds the papers as they come."""

    state: Literal["done", "running", "waiting", "stopped"]
    job: int = Field(description="Its number on the server's page Status.")
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    papers: list[str] = Field(default_factory=list, description="The first of their ids.")
    reasons: list[Rejection] = Field(default_factory=list)


# ------------------------------------------------------------------------ making them


def _shown(text: str) -> str:
    return clean(plain(clean(text)))


def _tag(tag: StoredTag) -> Tag:
    return Tag(
        tag=tag.tag,
        confidence=round(tag.confidence, 4),
        decided_by=tag.source,
        suggested=tag.needs_review,
        evidence=tag.evidence,
    )


def tags_of(paper: Paper, tags: Sequence[StoredTag]) -> PaperTags:
    return PaperTags(paper_id=paper.id, title=_shown(paper.title), tags=[_tag(t) for t in tags])


def _known(tldr: StoredTldr | None) -> str:
    if tldr is None:
        return ""
    return "quoted" if tldr.origin == "quote" else f"checked {tldr.score:.2f}"


def found(paper: Paper, tldr: StoredTldr | None, tags: Sequence[StoredTag], sentence: str) -> Hit:
    """A paper of a search."""
    return Hit(
        paper_id=paper.id,
        title=_shown(paper.title),
        day=paper.day,
        url=safe_url(paper.url),
        authors=list(paper.authors[:10]),
        summary=tldr.text if tldr else "",
        summary_known=_known(tldr),
        sentence=sentence,
        tags=[tag.tag for tag in tags if not tag.needs_review],
    )


def details(
    paper: Paper,
    tldr: StoredTldr | None,
    tags: Sequence[StoredTag],
    seen: Sequence[Mapping[str, Any]],
) -> PaperDetails:
    """All that is stored of a paper."""
    return PaperDetails(
        paper_id=paper.id,
        title=paper.title,
        abstract=paper.abstract,
        authors=list(paper.authors),
        day=paper.day,
        published=paper.published,
        venue=paper.venue,
        url=safe_url(paper.url),
        arxiv_id=paper.arxiv_id,
        doi=paper.doi,
        categories=list(paper.categories),
        summary=tldr.text if tldr else "",
        summary_known=_known(tldr),
        tags=[_tag(tag) for tag in tags],
        seen_in=[public_source(str(one["source"])) for one in seen],
    )


def answered(answer: Answer) -> Answered:
    """An answer, each sentence with its evidence."""
    titles = {source["paper_id"]: _shown(source["title"]) for source in answer["sources"]}
    return Answered(
        question=answer["question"],
        abstained=answer["abstained"],
        reason=answer["reason"],
        sentences=[
            Sentence(
                text=one["text"],
                known=known_from(one),
                evidence=[
                    Evidence(
                        paper_id=c["paper_id"],
                        title=titles.get(c["paper_id"], ""),
                        quote=c["quote"],
                    )
                    for c in one["citations"]
                ],
            )
            for one in answer["sentences"]
        ],
        sources=[
            Source(paper_id=s["paper_id"], title=_shown(s["title"]), url=safe_url(s["url"]))
            for s in answer["sources"]
        ],
        model=answer["model"],
        seconds=answer["usage"]["seconds"],
    )


def checked(sentences: Sequence[CheckedSentence]) -> Checked:
    """The sentences of a text, marked."""
    return Checked(
        sentences=[_marked(one) for one in sentences],
        supported=sum(one.status == "supported" for one in sentences),
        in_trouble=sum(one.is_trouble for one in sentences),
    )


def _marked(one: CheckedSentence) -> CheckedText:
    first = one.decisive
    return CheckedText(
        text=one.text,
        line=one.line,
        supported=one.status == "supported",
        status=one.status,
        reason=one.reason,
        score=round(first.score, 4) if first else None,
        quoted=bool(first and first.quoted),
        evidence=Evidence(
            paper_id=first.paper.id, title=_shown(first.paper.title), quote=first.quote
        )
        if first and first.quote
        else None,
    )
