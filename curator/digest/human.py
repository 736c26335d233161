"""Checking what an editor wrote: each sentence is marked, none is changed.

A note or summary of a paper is checked against that paper as the drafts of ``curator check`` are
(`curator.checking`), sentence by sentence. Only a sentence that claims something of a paper and
is not found there is marked; so is one that may be a claim while no stored paper is clearly meant.
One that speaks of the digest and its reader ("Read this one first.") claims nothing: it counts as
supported, for nothing stands against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from curator.checking import CheckedSentence, DraftChecker
from curator.claims import says_nothing
from curator.digest.document import Citation, Sentence
from curator.digest.markdown import escape
from curator.errors import NotFoundError
from curator.grounding import Grounder
from curator.mentions import Found, Search
from curator.paper import Paper
from curator.text import clean

__all__ = ["NOTHING", "HumanCheck", "unchecked"]

NOTHING = "says nothing of a paper"
GONE = "the paper is not in the library"

# Which to read when, which is no claim; what is left is judged by curator.claims.
_OF_IT = re.compile(r"\W*(?:it|its|they|their|this|these|that|the|here|we|our|an?)\b", re.I)
_WHEN = re.compile(
    r"\b(?:first|second|third|before|after|anything|everything|else|only|if)\b", re.I
)


class HumanCheck:
    """``lookup`` gives a stored paper by its id, None if there is none. ``resolve`` and
    ``search`` (of `curator.catalog.papers.Papers` and `curator.library.Library`) find what a text
    is about that belongs to no paper; without them, nothing is found."""

    def __init__(
        self,
        lookup: Callable[[str], Paper | None],
        grounder: Grounder,
        resolve: Callable[[str], Paper] | None = None,
        search: Search | None = None,
    ) -> None:
        self._lookup = lookup
        self._checker = DraftChecker(resolve or _no_paper, search or _no_hits, grounder)
        self._said: dict[tuple[str, str | None], Sentence] = {}

    def check(self, text: str, paper_id: str | None) -> Sentence:
        """The text as it is, with what was found: ``supported`` unless a sentence of it claims
        something of the paper (None: of any) that its stored text does not say; then ``reason``
        says which and why. ``score`` is that of its weakest claim, from 0 to 1; ``citations``
        are the stored sentences that decide, verbatim."""
        key = (text, paper_id)
        if key not in self._said:
            self._said[key] = self._checked(text, paper_id)
        made = self._said[key]
        return {**made, "citations": [{**citation} for citation in made["citations"]]}

    def _checked(self, text: str, paper_id: str | None) -> Sentence:
        paper = self._lookup(paper_id) if paper_id is not None else None
        if paper_id is not None and paper is None:
            return _sentence(text, False, 0.0, [], GONE)
        # An editor's text is no Markdown any more: a "#" in it is one.
        found = self._checker.check(escape(clean(text)), paper=paper)
        claims = [one for one in found if one.status != "no_claim" and not _is_talk(one, paper)]
        against = [one for one in claims if one.is_trouble or one.status == "paper_not_found"]
        stored = [one for one in claims if one.decisive]
        citations: list[Citation] = []
        for one in stored:
            if one.decisive is not None:
                cited = Citation(paper_id=one.decisive.paper.id, quote=one.decisive.quote)
                near = one.status == "supported" or one.decisive.score > 0
                citations += [cited] if near and cited not in citations else []
        if not stored and not against:
            return _sentence(text, True, 1.0, [], NOTHING)
        score = min((one.decisive.score for one in stored if one.decisive), default=0.0)
        reason = "; ".join(_reason(one, len(claims) > 1) for one in against)
        return _sentence(text, not against, score, citations, reason)


def unchecked(text: str, paper_id: str | None) -> Sentence:
    """For `curator.digest.edits.apply_edits` where only the arrangement matters: every text is
    marked as not checked."""
    del paper_id
    return _sentence(text, False, 0.0, [], "not checked")


def _is_talk(one: CheckedSentence, paper: Paper | None) -> bool:
    """Whether a sentence with no word of the paper only says when to read it."""
    if one.status != "unsupported" or not one.decisive or one.decisive.score > 0:
        return False
    if _OF_IT.match(one.claim):
        return False
    rest = clean(_WHEN.sub(" ", one.claim)).replace(" .", ".")
    known = [paper] if paper else []
    return rest != one.claim and says_nothing(rest, rest, known, "paragraph") is not None


def _reason(one: CheckedSentence, several: bool) -> str:
    said = one.reason or one.status.replace("_", " ")
    if one.status == "contradicted":
        said = f"contradicted, {said}"
    return f"“{clean(one.text)}”: {said}" if several else said


def _sentence(
    text: str, supported: bool, score: float, citations: list[Citation], reason: str
) -> Sentence:
    return Sentence(
        text=text,
        origin="human",
        supported=supported,
        score=round(score, 4),
        citations=citations,
        reason=reason,
    )


def _no_paper(name: str) -> Paper:
    raise NotFoundError(f"There is no paper {name!r}.")


def _no_hits(*args: object, **kwargs: object) -> Iterable[Found]:
    del args, kwargs
    return ()
