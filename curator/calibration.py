"""How probable it is that a checked sentence is supported: numbers between 0 and 1 that mean
what they say, in place of scores that only order.

A logistic regression over a few facts about the sentence, fitted by ``evals/fit_check.py`` on
labelled sentences of other papers than those it is measured on. No fact may speak for a
sentence that lacks more: where so few sentences were labelled, such a weight would be chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from curator.fitted import FITTED, read_fitted

__all__ = ["FILE", "Calibration", "calibration", "fitted_models"]

FILE = FITTED / "check.json"


@dataclass(frozen=True)
class Calibration:
    """Weights by fact; a fact that is not given counts as 0."""

    weights: Mapping[str, float]
    intercept: float

    def probability(self, facts: Mapping[str, float]) -> float:
        """Raises KeyError where a fact has no weight: it is another fact than was fitted."""
        return 1 / (1 + math.exp(-self.log_odds(facts)))

    def log_odds(self, facts: Mapping[str, float]) -> float:
        total = self.intercept + sum(self.weights[name] * value for name, value in facts.items())
        return min(30.0, max(-30.0, total))


def calibration(name: str) -> Calibration | None:
    """That of the rules (``rules``) or of a model by its registry name; None if there is none.

    Raises:
        MissingError: the fitted numbers are not there, or not whole.
    """
    kept = _kept().get(name)
    return Calibration(kept["weights"], kept["intercept"]) if kept else None


def fitted_models() -> list[str]:
    """The registry names of the models whose readings were fitted."""
    return sorted(name for name in _kept() if name != "rules")


@lru_cache(maxsize=1)
def _kept() -> dict[str, Any]:
    kept: dict[str, Any] = read_fitted(FILE, ("fits",))["fits"]
    return kept
