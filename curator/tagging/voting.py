"""A model's word on tags that words and vectors leave uncertain.

It is asked about single tags, yes or no, and never to fill a list. Its word moves a tag's
log-odds. A local model is asked for its odds of yes, which say more than the word that it would
write: the 1.5B says yes to every uncertain tag of gold_tags_dev, but with better odds to those
that are right. What its odds are worth was fitted (``evals.fit_tags``); a local model of which
nothing is known, or which did no better than chance, has no vote. Models behind an API write yes
or no.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, create_model

from curator.errors import ModelOutputError
from curator.injections import stated
from curator.llm.base import Writer
from curator.paper import Paper
from curator.prompting import Prompt, program_prompt
from curator.taxonomy import Tag
from curator.text import plain

if TYPE_CHECKING:
    pass

__all__ = ["OddsVoter", "Vote", "Voter", "YesNoVoter", "decision_schema"]

YES_NO_VOTE = 1.0  # log-odds; what a model's yes or no is worth where nothing was measured


class Voter(Protocol):
    """Has a say on tags of a paper. ``identity`` names the model, ``recipe`` all that its word
    depends on."""

    @property
    def identity(self) -> str: ...

    @property
    def recipe(self) -> str: ...

    def votes(self, paper: Paper, tags: Sequence[Tag]) -> dict[str, float]:
        """By how much the log-odds of tags change; a tag without a word is left out.

        Raises:
            ModelError: the model failed.
            BudgetExhausted: no more calls may be made.
        """
        ...


@dataclass(frozen=True)
class Vote:
    """What a local model's log-odds of yes are worth: ``weight`` times how far they are from
    ``centre``."""

    weight: float
    centre: float


class YesNoVoter:
    """One call for all tags of a paper; the answer has yes or no for each of them and can have
    nothing else."""

    def __init__(
        self, llm: Writer, prompts: Path | None = None, worth: float = YES_NO_VOTE
    ) -> None:
        self._llm = llm
        self._prompt = program_prompt("tag", prompts)
        self._worth = worth

    @property
    def identity(self) -> str:
        return self._llm.identity

    @property
    def recipe(self) -> str:
        return _named(self.identity, self._prompt, self._worth)

    def votes(self, paper: Paper, tags: Sequence[Tag]) -> dict[str, float]:
        ordered = sorted(tags, key=lambda tag: tag.name)
        names = tuple(tag.name for tag in ordered)
        try:
            made = self._llm.generate(
                self._prompt,
                decision_schema(names),
                max_tokens=24 * len(names) + 16,
                title=plain(paper.title),
                abstract=_heard(paper),
                questions=[{"tag": t.name, "cue": t.cue or t.description} for t in ordered],
            )
        except ModelOutputError:
            return {}
        said = made.value.model_dump(by_alias=True)
        return {name: self._worth if said[name] == "yes" else -self._worth for name in names}


class OddsVoter:
    """A local model's odds, one question a tag. ``ask`` gives the log-odds of yes to a filled
    prompt; the paper comes first in it, so that it is read once for all its tags."""

    def __init__(
        self,
        ask: Callable[..., float],
        identity: str,
        vote: Vote,
        prompts: Path | None = None,
    ) -> None:
        self._ask = ask
        self._vote = vote
        self._prompt = program_prompt("tag_one", prompts)
        self.identity = identity

    @property
    def recipe(self) -> str:
        return _named(self.identity, self._prompt, self._vote)

    def votes(self, paper: Paper, tags: Sequence[Tag]) -> dict[str, float]:
        said = {
            tag.name: self._ask(
                self._prompt,
                title=plain(paper.title),
                abstract=_heard(paper),
                topic=f"{tag.name.replace('-', ' ')}: {tag.description}",
                cue=tag.cue or "Is the paper about this topic?",
            )
            for tag in tags
        }
        return {name: self._vote.weight * (odds - self._vote.centre) for name, odds in said.items()}


@lru_cache(maxsize=1024)
def decision_schema(tags: tuple[str, ...]) -> type[BaseModel]:
    """``yes`` or ``no`` for each tag, in this order."""
    # By alias, since a tag may be called what no attribute can be ("copy", "_x").
    fields: dict[str, Any] = {
        f"tag{n}": (Literal["yes", "no"], Field(alias=tag)) for n, tag in enumerate(tags)
    }
    return create_model("TagDecision", __config__=ConfigDict(extra="forbid"), **fields)


def _heard(paper: Paper) -> str:
    """The abstract without sentences that give orders to who reads it."""
    return plain(" ".join(span.text for span in stated(paper.abstract)))


def _named(identity: str, prompt: Prompt, worth: object) -> str:
    return hashlib.sha256(f"{identity}\0{prompt.hash}\0{worth}".encode()).hexdigest()[:12]
