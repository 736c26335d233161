"""An answer: sentences, each with what it rests on, and how the reader can tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field, create_model
from typing_extensions import TypedDict

__all__ = [
    "Answer",
    "AnswerSentence",
    "Citation",
    "Rungs",
    "Source",
    "UsageReport",
    "answer_text",
    "draft_schema",
    "finished_sentences",
    "known_from",
    "quotation",
    "rungs_of",
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


class Rungs(TypedDict):
    """How many sentences were drafted, and how many are shown by each rung: passed the check
    as first drafted, after a repair, as the fallback model drafted them, or quoted. ``repairs``
    and ``fallbacks`` count how often these were asked for."""

    drafted: int
    passed: int
    repairs: int
    repaired: int
    fallbacks: int
    fallback: int
    quoted: int


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
    rungs: Rungs


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


def quotation(paper_id: str, quote: str, group: str = "") -> AnswerSentence:
    """A stored sentence, shown as it is."""
    sentence = AnswerSentence(
        text=quote,
        citations=[{"paper_id": paper_id, "quote": quote}],
        supported=True,
        score=1.0,
        origin="quote",
    )
    if group:
        sentence["group"] = group
    return sentence


def rungs_of(sentences: Sequence[AnswerSentence]) -> Rungs:
    """The rungs of an answer that no model took part in."""
    quoted = sum(sentence["origin"] == "quote" for sentence in sentences)
    return Rungs(drafted=0, passed=0, repairs=0, repaired=0, fallbacks=0, fallback=0, quoted=quoted)


def finished_sentences(draft: str) -> list[dict[str, Any]]:
    """The sentences that are complete in the text of a draft as far as it is written, those
    that do not fit `draft_schema` left out."""
    found: list[dict[str, Any]] = []
    at = draft.find("[") + 1
    while at:
        while at < len(draft) and draft[at] in ", \t\r\n":
            at += 1
        try:
            value, at = json.JSONDecoder().raw_decode(draft, at)
        except (ValueError, RecursionError):
            break
        if isinstance(value, dict) and isinstance(value.get("text"), str):
            found.append(value)
    return found


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
