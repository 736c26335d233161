"""What a local model makes of a sentence that the rules did not follow.

It is asked whether the sentence is right, after worked examples of faithful rewordings and of
small changes that are none. Its odds of yes become a probability by a logistic function that was
fitted on labelled claims (`curator.calibration`). The examples are the constant beginning of
every question, then comes the text: so both are read once for all sentences about a paper.

Small models judge poorly: docs/check.md has the figures, and what did not help. What they can do
is to tell some wrong sentences. Nothing here makes a sentence "supported".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from curator.calibration import Calibration, calibration, fitted_models
from curator.errors import UsageError
from curator.grounding import Verdict
from curator.llm.odds import Odds, odds_of

__all__ = ["ModelJudge", "model_judge"]

_SYSTEM = (
    "You check sentences about papers against the text of the paper. A sentence is right if the "
    "text says all of it, in the same or in other words. It is wrong if it names another thing, "
    'number or direction than the text, leaves out or adds a "not", or adds what the text does '
    "not say."
)
_QUESTION = "Is the sentence right?"
_PLANNER = (
    "The planner is trained on logged trips and cuts the waiting time of passengers by 12% in "
    "three cities."
)
_DROPOUT = (
    "We show that dropout can be left out of small encoders without loss of accuracy. It slows "
    "their training by a third."
)
_TEAMS = (
    "Sharing memory between agents raises the number of solved puzzles. How this scales to larger "
    "teams was not known. We study teams of up to 40 agents and find that the benefit vanishes "
    "beyond 15."
)
_COPIES = (
    "A method is presented for finding copied passages in source code. It compares syntax trees "
    "instead of words, so renaming variables does not hide a copy."
)
_NOISY = (
    "Teacher networks need many labels. We train a student from noisy labels only and reach the "
    "same error as its teacher."
)
_SIZE = "We examine how the {} of shared memory depends on team size, and find that it {} agents."
# Text, sentence, whether it is right. None of them is from a data set.
_EXAMPLES = (
    (_DROPOUT, "We demonstrate that eliminating dropout from small encoders does not harm "
     "accuracy.", True),
    (_PLANNER, "Trained on recorded journeys, the planner lowers waiting times of passengers by "
     "12%.", True),
    (_TEAMS, _SIZE.format("cost", "disappears beyond 15"), False),
    (_COPIES, "A method for finding copied passages in source code that compares syntax trees "
     "and was adopted by two universities.", False),
    (_PLANNER, "The planner is trained on simulated trips and cuts the waiting time of passengers "
     "by 12% in three cities.", False),
    (_TEAMS, _SIZE.format("benefit", "disappears beyond 15"), True),
    (_NOISY, "With nothing but clean labels, our student matches the error of the teacher.", False),
    (_COPIES, "A technique for detecting duplicated passages in source code by comparing syntax "
     "trees.", True),
    (_DROPOUT, "We prove that small encoders lose accuracy if dropout is left out.", False),
    (_NOISY, "With nothing but noisy labels, our student matches the error of the teacher.", True),
    (_TEAMS, _SIZE.format("benefit", "persists beyond 15"), False),
    (_NOISY, "Our teacher matches the error of the student, with nothing but noisy labels.", False),
    (_COPIES, "A technique for detecting duplicated passages in machine translations by comparing "
     "syntax trees.", False),
)  # fmt: skip


class ModelJudge:
    """One local model, with the weights that were fitted for it."""

    def __init__(self, odds: Odds, fit: Calibration) -> None:
        self._odds = odds
        self._fit = fit

    @property
    def name(self) -> str:
        return self._odds.name

    @property
    def prompt_hash(self) -> str:
        return hashlib.sha256(_prompt("", "").encode()).hexdigest()[:12]

    def probability(
        self, claim: str, verdict: Verdict, sources: Sequence[str], title: str = ""
    ) -> float:
        """Raises ModelError if the text does not fit into the model's context."""
        return self._fit.probability(self.facts(claim, sources))

    def facts(self, claim: str, sources: Sequence[str]) -> dict[str, float]:
        """``stated``: the log-odds of yes, none above 0. A small model's no means something,
        but a firmer yes does not mean more than a faint one: it grows with the words that claim
        and text have in common, whatever they say."""
        return {"stated": min(0.0, self._odds.log_odds(_prompt(" ".join(sources), claim)))}


def model_judge(model: object) -> ModelJudge:
    """A judge on a model of `curator.llm.open_llm`.

    Raises:
        UsageError: it is no local model, or there are no fitted weights for it: it was not
            measured, or did no better than chance.
    """
    odds = odds_of(model)
    fit = calibration(odds.name.removeprefix("local:"))
    if fit is None:
        raise UsageError(
            f"{odds.name} is not known to tell right sentences from wrong ones.",
            remedy=f"Use one of: {', '.join(f'local:{name}' for name in fitted_models())}.",
        )
    return ModelJudge(odds, fit)


def _prompt(text: str, sentence: str) -> str:
    turns = [_turn("system", _SYSTEM)]
    for source, claim, right in _EXAMPLES:
        turns.append(_turn("user", _asked(source, claim)))
        turns.append(_turn("assistant", "Yes" if right else "No"))
    turns.append(_turn("user", _asked(_safe(text), _safe(sentence))))
    return "".join(turns) + "<|im_start|>assistant\n"


def _asked(text: str, sentence: str) -> str:
    return f"Text: {text}\nSentence: {sentence}\n{_QUESTION}"


def _turn(who: str, text: str) -> str:
    return f"<|im_start|>{who}\n{text}<|im_end|>\n"


def _safe(text: str) -> str:
    """Without what would end a turn: a stored text must not answer in the model's place."""
    return " ".join(text.replace("<|", "< |").split())
