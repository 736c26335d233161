"""Writing an answer's sentences: each is checked the moment it is complete, and shown if it passes.

The rungs of the ladder, in order: the first draft; one repair, where no sentence of it passed;
the fallback model, where one is set and still nothing passed; the stored sentences themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from curator.alignment import loses_subject
from curator.answers import (
    MAX_SENTENCE,
    AnswerSentence,
    Rungs,
    draft_schema,
    finished_sentences,
    quotation,
    rungs_of,
)
from curator.errors import BudgetExhausted, MissingError, ModelError
from curator.evidence import Evidence
from curator.mentions import short_names
from curator.prompting import program_prompt
from curator.stemming import STOP
from curator.text import fold, plain
from curator.trace import note_check, traced
from graphs.context import AskContext, Writer

__all__ = ["Cancelled", "Written", "says_nothing", "write"]

# Characters that end a sentence; a long one that lacks them was cut off at the length limit.
_ENDS = (".", "!", "?", ".”", '."')
# What the longest draft takes: three sentences of `curator.answers.MAX_SENTENCE`, as JSON.
MAX_TOKENS = 320


class Cancelled(Exception):
    """Nobody waits for this answer any more."""


@dataclass
class Written:
    """What came of it: ``sentences`` in the order they were shown, the model that wrote last,
    what it cost, and how many sentences each rung gave."""

    sentences: list[AnswerSentence] = field(default_factory=list)
    draft: list[dict[str, Any]] = field(default_factory=list)
    model: str = ""
    usage: dict[str, float] = field(default_factory=dict)
    rungs: Rungs = field(default_factory=lambda: rungs_of([]))


def write(
    question: str,
    evidence: Sequence[Evidence],
    context: AskContext,
    emit: Callable[[dict[str, Any]], None],
) -> Written:
    """Has sentences written from the evidence, which is numbered from 1, and shows those that
    pass; then quotes each piece of evidence that no sentence stands for.

    Raises:
        MissingError: the model's weights, key or server are missing.
        BudgetExhausted: no further call may start.
        Cancelled: the context says that nobody waits for it.
    """
    desk = _Desk(question, evidence, context, emit)
    done = desk.done
    with traced() as trace:
        done.rungs["passed"] = desk.draft(context.llm)
        # From here on the quotes are there, which no call that fails may take away.
        if not desk.passed and desk.refused and desk.unsaid:
            with suppress(MissingError, BudgetExhausted):
                done.rungs["repairs"] = 1
                done.rungs["repaired"] = desk.draft(context.llm, again=True)
        if not desk.passed and context.fallback is not None:
            try:
                done.rungs["fallbacks"] = 1
                done.rungs["fallback"] = desk.draft(context.fallback())
            except (MissingError, BudgetExhausted) as error:
                emit({"event": "fallback_failed", "reason": str(error)})
    done.usage = trace.spent()
    for item in desk.unsaid:
        desk.quote(item)
    return done


class _Desk:
    """One answer in the making. ``said`` are the numbers of the evidence that a sentence stands
    for; ``passed`` and ``refused`` count the drafted sentences."""

    def __init__(
        self,
        question: str,
        evidence: Sequence[Evidence],
        context: AskContext,
        emit: Callable[[dict[str, Any]], None],
    ) -> None:
        self.question = question
        self.evidence = evidence
        self.context = context
        self.emit = emit
        # Sentences of several papers each say whose they are.
        several = len({item.paper.id for item in evidence}) > 1
        self.groups = {e.number: _called(e.paper.title) if several else "" for e in evidence}
        self.done = Written()
        self.said: set[int] = set()
        self.passed = self.refused = 0

    @property
    def unsaid(self) -> list[Evidence]:
        return [item for item in self.evidence if item.number not in self.said]

    def draft(self, llm: Writer, *, again: bool = False) -> int:
        """Has a model write, ``again`` after its first draft was refused; how many of its
        sentences passed.

        Raises:
            Cancelled: nobody waits for it.
        """
        if self.context.cancelled():
            raise Cancelled
        done = self.done
        before, looked_at, seen = self.passed, 0, ""

        def look(text: str) -> None:
            nonlocal looked_at, seen
            if self.context.cancelled():
                raise Cancelled
            self.emit({"event": "writing"})
            if not text.startswith(seen):  # a server that was asked again, in another way
                looked_at = 0
            seen = text
            finished = finished_sentences(text)
            for sentence in finished[looked_at:]:
                looked_at += 1
                self._take(sentence)

        try:
            llm.generate(
                program_prompt("answer", self.context.prompts),
                draft_schema(len(self.evidence)),
                max_tokens=MAX_TOKENS,
                on_text=look,
                question=self.question,
                again=again,
                evidence=[
                    {
                        "number": item.number,
                        "title": plain(item.paper.title),
                        "quote": plain(item.quote),
                    }
                    for item in self.evidence
                ],
            )
        except ModelError:
            # What was complete until then has been checked; there is no draft to repair.
            self.refused = 0
        passed = self.passed - before
        if passed or not done.model:
            done.model = llm.identity
        return passed

    def _take(self, sentence: dict[str, Any]) -> None:
        """Checks one drafted sentence against all the evidence, and shows it if it passes.

        The citation is the evidence that the check found, which may not be the one the model
        named. A sentence that only repeats stored words becomes the quote it is.
        """
        text = str(sentence["text"]).strip()
        self.done.draft.append(sentence)
        self.done.rungs["drafted"] += 1
        copied = any(_same(text) == _same(item.quote) for item in self.evidence)
        if not copied and not text.endswith(_ENDS):
            if len(text) >= MAX_SENTENCE - 1:
                self._refuse(text, "cut off at the length limit", 0.0)
                return
            text = text.rstrip(" ,;:–—-") + "."
        if any(says_nothing(text, item.paper.title) for item in self.evidence):
            self._refuse(text, "it says nothing", 0.0)
            return
        # The number that the model gave is only a hint: what counts is what the check finds.
        hint = sentence.get("evidence")
        reason, nearest = "", 0.0
        for item in sorted(self.evidence, key=lambda e: (e.number != hint, e.number)):
            verdict = self.context.grounder.check(text, [item.quote], item.paper.title)
            if not verdict.supported:
                reason = reason or verdict.reason
                nearest = max(nearest, verdict.score)
                continue
            if pointing := loses_subject(text, item.quote, item.paper.title):
                reason = f"it does not say what {pointing!r} is"
                continue
            note_check(text, True, score=verdict.score)
            if item.number not in self.said:
                shown = self.quotation(item)
                if _same(text) not in _same(item.quote):
                    score = round(verdict.score, 3)
                    shown = {**shown, "text": text, "score": score, "origin": "model"}
                self.show(shown, item)
                self.passed += 1
            return
        self._refuse(text, reason, nearest)

    def _refuse(self, text: str, reason: str, score: float) -> None:
        note_check(text, False, reason, score)
        self.refused += 1
        # The reader need not wait for more drafts to see the best evidence; but where a better
        # model stands by, it may say that in fewer words.
        if not self.said and self.context.fallback is None:
            self.quote(self.evidence[0])

    def quote(self, item: Evidence) -> None:
        """Shows a stored sentence for which no drafted one stands."""
        self.show(self.quotation(item), item)
        self.done.rungs["quoted"] += 1

    def quotation(self, item: Evidence) -> AnswerSentence:
        """The stored sentence itself."""
        return quotation(item.paper.id, item.quote, self.groups[item.number])

    def show(self, sentence: AnswerSentence, item: Evidence) -> None:
        """Adds a sentence to the answer, and tells of it."""
        self.said.add(item.number)
        self.done.sentences.append(sentence)
        self.emit({"event": "sentence", "sentence": sentence})


def says_nothing(text: str, title: str) -> bool:
    """Whether a sentence is but names, or a part of the title, which the reader sees as the
    source anyway."""
    plainly = (word.strip(",.;:()") for word in plain(text).split())
    bare = not any(word[:1].islower() and word not in STOP for word in plainly)
    return bare or _same(text) in _same(title)


def _called(title: str) -> str:
    """What people call a paper: the name before the colon, else the whole title."""
    return next(iter(short_names(title)), plain(title))


def _same(text: str) -> str:
    """Texts that differ only in case, spelling of characters or the last full stop are one."""
    return fold(plain(text)).strip(". ")
