"""One-sentence summaries: written by the model from a few stored sentences and checked
against them; where the check fails, the stored sentence that says most."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from curator.catalog import StoredTldr
from curator.embedding import Embedder
from curator.errors import ModelOutputError
from curator.evidence import paper_sentences
from curator.grounding import Grounder
from curator.prompting import Prompt, load_prompt
from curator.sentences import split_sentences
from curator.text import fold, plain
from curator.trace import note_check

if TYPE_CHECKING:
    from curator.llm.metered import MeteredLLM
    from curator.paper import Paper

__all__ = ["TldrDraft", "TldrWriter", "key_sentence"]

MAX_WORDS = 30

# To be raised when the way a TLDR is made changes.
RECIPE = "tldr 4"

# Found on SciTLDR's training part, see key_sentence.
CUE_BONUS = 0.1
LENGTH_COST = 0.006
SHORT_WORDS = 22

# Where abstracts say what was done.
_CUE = re.compile(
    r"\b(we|this (?:paper|work|article)|our)\b.{0,60}?\b"
    r"(propose|present|introduce|develop|describe|show|study|investigate|demonstrate)",
    re.IGNORECASE,
)


class TldrDraft(BaseModel):
    """What the model writes."""

    model_config = ConfigDict(extra="forbid")
    tldr: str = Field(min_length=20, max_length=240)


class TldrWriter:
    """Writes TLDRs of papers; ``llm`` is cached, so the same paper costs one call ever."""

    def __init__(
        self,
        llm: MeteredLLM,
        grounder: Grounder,
        embedder: Embedder,
        prompts: Path | None = None,
    ) -> None:
        self._llm = llm
        self._embedder = embedder
        self._grounder = grounder
        self._prompt: Prompt = load_prompt(
            "tldr", {"title", "sentences"}, "TldrDraft", folder=prompts
        )

    @property
    def recipe(self) -> str:
        """Names all that a TLDR depends on, besides the paper's text."""
        parts = (self._llm.identity, self._prompt.hash, self._embedder.name, self._grounder.name)
        return "/".join((*parts, RECIPE))

    def write(self, paper: Paper) -> StoredTldr:
        """One sentence about a paper, quoted or checked.

        Raises:
            ModelError, BudgetExhausted, MissingError: as ``MeteredLLM.generate``; an answer
                that does not fit the form is no error, the paper is quoted instead.
        """
        sentences = paper_sentences(paper)
        try:
            made = self._llm.generate(
                self._prompt,
                TldrDraft,
                max_tokens=96,
                title=plain(paper.title),
                sentences=[plain(sentence) for sentence in sentences],
            )
            # A small model goes on and on; its first sentence is the summary.
            draft = next((span.text for span in split_sentences(made.value.tldr)), "")
        except ModelOutputError:
            draft = ""
        if draft and len(draft.split()) <= MAX_WORDS and draft[-1] in ".!?":
            verdict = self._grounder.check(draft, sentences, paper.title)
            quoted = fold(draft).strip(". ") in fold(verdict.quote)
            note_check(draft, verdict.supported, verdict.reason, verdict.score)
            if verdict.supported and not quoted and fold(draft).strip(".") != fold(paper.title):
                return self._stored(paper, draft, "model", round(verdict.score, 3), verdict.quote)
        elif draft:
            note_check(draft, False, "too long, or not a whole sentence")
        quote = key_sentence(paper, self._embedder)
        return self._stored(paper, quote, "quote", 1.0, quote)

    def _stored(self, paper: Paper, text: str, origin: str, score: float, quote: str) -> StoredTldr:
        return StoredTldr(
            paper_id=paper.id,
            text=text,
            origin=origin,
            supported=True,
            score=score,
            quote=quote,
            model=self._llm.identity,
            prompt_hash=self._prompt.hash,
        )


def key_sentence(paper: Paper, embedder: Embedder) -> str:
    """The stored sentence, verbatim, that comes nearest to saying what the paper is about.

    It is near the title and the whole text in meaning, says what was done, and is not long.
    On 250 papers of SciTLDR's training part, unigram F1 (best reference): first sentence 23.7,
    title 29.7, first sentence with a cue 30.9, this 34.0, the best sentence there is 42.5.
    """
    sentences = paper_sentences(paper)
    if not sentences:
        return paper.title
    # A question says what a paper is about and nothing of what it found.
    sentences = [s for s in sentences if not s.rstrip().endswith("?")] or sentences
    texts = [plain(paper.title), f"{plain(paper.title)}. {plain(paper.abstract)}"]
    vectors = embedder.embed([*texts, *map(plain, sentences)])
    title, whole, rest = vectors[0], vectors[1], vectors[2:]

    def score(i: int) -> float:
        too_long = max(0, len(sentences[i].split()) - SHORT_WORDS)
        near = float(rest[i] @ title) + float(rest[i] @ whole)
        return near + CUE_BONUS * bool(_CUE.search(sentences[i])) - LENGTH_COST * too_long

    return sentences[max(range(len(sentences)), key=lambda i: (round(score(i), 6), -i))]
