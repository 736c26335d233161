"""One-sentence summaries: the best of what the paper's own words give and the model writes.

The stored sentences, those sentences made shorter and the model's draft compete, the title where
nothing else is there; a scorer that was fitted on authors' summaries chooses
(`curator.tldr_scoring`), and knows background and what points to other sentences
(`curator.tldr_context`). What is not stored text word for word takes part only if it passed the
check against a stored sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel, ConfigDict, Field

from curator.catalog import StoredTldr
from curator.embedding import Embedder
from curator.errors import ModelOutputError
from curator.evidence import paper_sentences
from curator.grounding import Grounder
from curator.prompting import Prompt, program_prompt
from curator.roles import RoleClassifier
from curator.sentences import split_sentences
from curator.text import fold, plain
from curator.tldr_candidates import (
    MAX_WORDS,
    Candidate,
    addresses_reader,
    candidates_of,
)
from curator.tldr_context import Context, context_of
from curator.tldr_scoring import Scorer
from curator.trace import note_check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curator.llm.metered import MeteredLLM
    from curator.paper import Paper

__all__ = ["MAX_WORDS", "Chooses", "TldrDraft", "TldrWriter"]

# To be raised when the way a TLDR is made changes.
RECIPE = "tldr 8"


class TldrDraft(BaseModel):
    """What the model writes."""

    model_config = ConfigDict(extra="forbid")
    tldr: str = Field(min_length=20, max_length=240)


class Chooses(Protocol):
    """Chooses one of a paper's candidates; ``name`` changes with what it prefers."""

    @property
    def name(self) -> str: ...

    def best(self, candidates: Sequence[Candidate], context: Context) -> Candidate: ...


class TldrWriter:
    """Writes TLDRs of papers; ``llm`` is cached, so the same paper costs one call ever.

    Raises:
        MissingError: the fitted scorer or the classifier of roles, parts of the program,
            cannot be read.
    """

    def __init__(
        self,
        llm: MeteredLLM,
        grounder: Grounder,
        embedder: Embedder,
        prompts: Path | None = None,
        scorer: Chooses | None = None,
    ) -> None:
        self._llm = llm
        self._embedder = embedder
        self._grounder = grounder
        self._scorer = scorer or Scorer.load()
        self._roles = RoleClassifier.load()
        self._prompt: Prompt = program_prompt("tldr", prompts)

    @property
    def recipe(self) -> str:
        """Names all that a TLDR depends on, besides the paper's text."""
        parts = (self._llm.identity, self._prompt.hash, self._embedder.name, self._grounder.name)
        return "/".join((*parts, self._scorer.name, self._roles.name, RECIPE))

    def write(self, paper: Paper) -> StoredTldr:
        """One sentence about a paper, of at most 30 words, quoted or checked.

        ``origin`` is ``quote`` for the title or a stored sentence as it stands, ``model`` for
        what was written (by the model, or by leaving out parts of a sentence) and checked
        against the stored sentence ``quote``.

        Raises:
            ModelError, BudgetExhausted, MissingError: as ``MeteredLLM.generate``; an answer
                that does not fit the form is no error, the model then has no candidate.
        """
        sentences = paper_sentences(paper)
        candidates = candidates_of(paper, sentences, self._grounder)
        draft = self._draft(paper, sentences)
        if draft and all(_key(draft.text) != _key(c.text) for c in candidates):
            candidates.append(draft)
        best = candidates[0]
        if len(candidates) > 1:
            context = context_of(paper, sentences, self._embedder, self._roles)
            best = self._scorer.best(candidates, context)
        return StoredTldr(
            paper_id=paper.id,
            text=best.text,
            origin="quote" if best.stored else "model",
            supported=True,
            score=round(best.score, 3),
            quote=best.quote,
            model=self._llm.identity,
            prompt_hash=self._prompt.hash,
        )

    def _draft(self, paper: Paper, sentences: Sequence[str]) -> Candidate | None:
        """The model's sentence, if it is one and passed the check."""
        try:
            made = self._llm.generate(
                self._prompt,
                TldrDraft,
                max_tokens=96,
                title=plain(paper.title),
                sentences=[plain(sentence) for sentence in sentences],
            )
        except ModelOutputError:
            return None
        # A small model goes on and on; its first sentence is the summary.
        text = next((span.text for span in split_sentences(made.value.tldr)), "")
        if not text:
            return None
        if len(text.split()) > MAX_WORDS or text[-1] not in ".!" or addresses_reader(text):
            note_check(text, False, "too long, or not a whole statement")
            return None
        verdict = self._grounder.check(text, sentences, paper.title)
        note_check(text, verdict.supported, verdict.reason, verdict.score)
        if not verdict.supported or verdict.quote not in sentences:
            return None
        if addresses_reader(verdict.quote):
            return None  # an injected instruction, repeated
        index = sentences.index(verdict.quote)
        return Candidate("draft", text, verdict.quote, index, verdict.score)


def _key(text: str) -> str:
    return fold(text).strip(" .")
