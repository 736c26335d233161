"""How probable is it that a text supports a sentence? What the rules leave open, in numbers.

`curator.grounding` says yes only where every edit can be followed, so its no mostly means "not
followed". Here the same facts, and where there is a local model what that makes of the
sentence, become a probability. It never makes a sentence "supported"; it is shown as what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from curator.alignment import align, bounds_in, denied, distance_in
from curator.calibration import Calibration, calibration
from curator.errors import MissingError
from curator.grounding import Verdict, names_missing, numbers_in, turned
from curator.opposites import opposites_in
from curator.stemming import stems

__all__ = ["Judge", "RuleJudge", "nearest", "rule_facts"]


class Judge(Protocol):
    """Gives the probability that ``sources`` (sentences of one text) support a claim."""

    @property
    def name(self) -> str: ...

    def probability(
        self, claim: str, verdict: Verdict, sources: Sequence[str], title: str = ""
    ) -> float: ...


class RuleJudge:
    """From what the rules found, without a model."""

    name = "rules"

    def __init__(self, fit: Calibration | None = None) -> None:
        self._fit = fit or calibration("rules")
        if self._fit is None:
            raise MissingError("There is no calibration of the rules.")

    def probability(
        self, claim: str, verdict: Verdict, sources: Sequence[str], title: str = ""
    ) -> float:
        assert self._fit is not None
        return self._fit.probability(rule_facts(claim, verdict, sources, title))


def rule_facts(
    claim: str, verdict: Verdict, sources: Sequence[str], title: str = ""
) -> dict[str, float]:
    """What stands against a claim, each from 0 (nothing) to 1; ``passed`` stands for it."""
    if verdict.supported:
        return {"passed": 1.0}
    said = stems(claim)
    near = nearest(claim, sources)
    together = " ".join([*near, title])
    whole = " ".join([*sources, title])
    alignment = align(tuple(said), verdict.quote)
    opposites = opposites_in(claim, verdict.quote)
    bounds = bounds_in(claim) ^ bounds_in(verdict.quote)
    return {
        "contradicted": float(verdict.contradicted),
        "lacking": _share(said, whole),
        "apart": _share(said, together),
        "scattered": _share(said, f"{verdict.quote} {title}"),
        "number": float(bool(numbers_in(claim) - numbers_in(whole))),
        "name": float(bool(names_missing(claim, whole))),
        "turned": float(bool(turned(claim, verdict.quote))),
        "opposite": min(1.0, opposites[0][2] / 2) if opposites else 0.0,
        "denied": float(bool(denied(claim, verdict.quote, alignment))),
        "bound": float(bool(bounds)),
        "distance": float(bool(distance_in(verdict.quote) - distance_in(claim))),
    }


def nearest(claim: str, sources: Sequence[str], most: int = 2) -> list[str]:
    """The sentences that have the most of a claim's words, each counted where it comes first;
    in the order of the text."""
    left = set(stems(claim))
    chosen: list[int] = []
    rest = list(range(len(sources)))
    while rest and len(chosen) < most:
        # A long sentence has more words of any claim.
        best = max(
            rest, key=lambda i: len(left & set(words := stems(sources[i]))) / (50 + len(words))
        )
        if chosen and len(left & set(stems(sources[best]))) < 2:
            break
        chosen.append(best)
        rest.remove(best)
        left -= set(stems(sources[best]))
    return [sources[i] for i in sorted(chosen)]


def _share(said: Sequence[str], text: str) -> float:
    """The share of stems that a text has not."""
    have = set(stems(text))
    return sum(word not in have for word in said) / len(said) if said else 1.0
