"""An answer: sentences, each with what it rests on, and how the reader can tell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field, create_model
from typing_extensions import TypedDict

__all__ = [
    "Answer",
    "AnswerSentence",
    "Citation",
    "Source",
    "UsageReport",
    "answer_text",
    "draft_schema",
    "known_from",
]


class Citation(TypedDict):
    """A stored sentence of a paper; ``quote`` stands in the stored text verbatim."""

    paper_id: str
    quote: str


class AnswerSentence(TypedDict):
    """``origin`` is ``quote`` (the text is a stored sentence), ``model`` (the text was
    written, and checked against its citations with ``score`` from 0 to 1) or ``catalog`` (the
    text is about the library, was counted there, and needs no citation). ``group`` is the part
    of an overview that it belongs to."""

    text: str
    citations: list[Citation]
    supported: bool
    score: float
    origin: Literal["model", "quote", "catalog"]
    group: NotRequired[str]


class Source(TypedDict):
    paper_id: str
    title: str
    url: str | None


class UsageReport(TypedDict):
    llm_calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float


class Answer(TypedDict):
    """The contract of ``curator ask --json``; ``reason`` says why there is no answer."""

    question: str
    answer: str
    abstained: bool
    reason: str
    sentences: list[AnswerSentence]
    sources: list[Source]
    model: str
    usage: UsageReport


MAX_SENTENCES = 3
MAX_SENTENCE = 240  # characters; an unbounded sentence lets a small model ramble (FACTS)


@lru_cache(maxsize=32)
def draft_schema(evidence_count: int) -> type[BaseModel]:
    """What a model may write: one to three sentences, each with the number of the evidence
    it is taken from. Under a grammar made of it, a citation that does not exist cannot be
    written. (Allowed two numbers, the 0.5B model always gave both.)"""
    # Built at run time, so these are types that no static checker can follow.
    numbers: Any = Literal[tuple(range(1, evidence_count + 1))]
    config = ConfigDict(extra="forbid")
    text: Any = Annotated[str, Field(min_length=10, max_length=MAX_SENTENCE)]
    sentence: Any = create_model(
        "DraftSentence", __config__=config, text=(text, ...), evidence=(numbers, ...)
    )
    sentences: Any = Annotated[list[sentence], Field(min_length=1, max_length=MAX_SENTENCES)]
    return create_model("AnswerDraft", __config__=config, sentences=(sentences, ...))


def answer_text(sentences: Sequence[AnswerSentence], sources: Sequence[Source]) -> str:
    """The sentences as one text, with the number of their sources in brackets. Each group of an
    overview, and each paper that the catalog lists, is a line."""
    numbers = {source["paper_id"]: n for n, source in enumerate(sources, 1)}
    listing = any(sentence["origin"] == "catalog" for sentence in sentences)
    text, group = "", ""
    for sentence in sentences:
        cited = sorted({numbers[c["paper_id"]] for c in sentence["citations"]})
        part = f"{sentence['text']} {''.join(f'[{n}]' for n in cited)}".rstrip()
        if sentence.get("group", "") != group:
            group = sentence.get("group", "")
            part = f"{group}: {part}" if group else part
            text += "\n" if text else ""
        elif text:
            text += "\n" if listing else " "
        text += part
    return text


def known_from(sentence: AnswerSentence) -> str:
    """How the reader can trust a sentence, in a word or two."""
    if sentence["origin"] == "model":
        return f"checked {sentence['score']:.2f}"
    return "quoted" if sentence["origin"] == "quote" else "from the catalog"
