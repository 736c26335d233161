"""Can this question be answered from this evidence?

The decision is made from the evidence, not left to the model: a large one refuses too often,
a small one too seldom (FACTS). Being on the topic is not enough; what the question names and
the kind of thing it asks for must stand in the evidence. How much each lack weighs is a
logistic regression fitted by ``python -m evals.fit_answerable``, all of whose weights point the
way they must: what is lacking never speaks for an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from curator.answer_features import (
    counted_things,
    features,
    is_named,
    measures_of,
    question_names,
)
from curator.evidence import Evidence
from curator.fitted import FITTED, read_fitted
from curator.text import fold

__all__ = ["NO_ANSWER", "Decision", "answerable", "doubt"]

# The one sentence that says so; prompts, code and tests share it.
NO_ANSWER = "The papers in this library do not answer this."

# The score of `curator.evidence`. Below it even the weights of a good place and length do not
# make up for what the cross-encoder says.
MIN_SCORE = -4.0


@dataclass(frozen=True)
class Decision:
    """Whether to answer; ``reason`` says, for people, what is missing."""

    answer: bool
    reason: str = ""


def answerable(question: str, evidence: Sequence[Evidence]) -> Decision:
    """Decides from the evidence, best first."""
    if not evidence or evidence[0].score < MIN_SCORE:
        return Decision(False, _FAR)
    found = features(question, evidence)
    if doubt(found) <= _weights()["bound"]:
        return Decision(True)
    return Decision(False, _reason(question, evidence, found))


def doubt(found: dict[str, float]) -> float:
    """The log-odds that what has these features (`curator.answer_features.features`) is no
    answer; questions above the fitted bound are refused."""
    weights = _weights()
    return weights["intercept"] + sum(weights[name] * value for name, value in found.items())


@lru_cache(maxsize=1)
def _weights() -> dict[str, float]:
    fitted = read_fitted(FITTED / "answerable.json", ("weights", "intercept", "bound"))
    return {**fitted["weights"], "intercept": fitted["intercept"], "bound": fitted["bound"]}


_FAR = "nothing in the library is close to the question"


def _reason(question: str, evidence: Sequence[Evidence], found: dict[str, float]) -> str:
    """What weighs most among that which can be said in words."""
    weights = _weights()
    names = question_names(question)
    papers = {e.paper.id: fold(e.paper.text) for e in evidence}
    unknown = [n for n in names if not any(is_named(n, text) for text in papers.values())]
    strange = [n for n in names if not is_named(n, papers[evidence[0].paper.id])]
    if unknown:
        named = f"no paper found names {', '.join(unknown)}"
    elif found["name_apart"]:
        named = f"no one paper found names all of {', '.join(names)}"
    else:
        named = f"the nearest paper does not name {', '.join(strange)}"
    reasons = {
        "far": _FAR,
        "no_figure": "no number is stated where the question asks for one",
        "unbound": f"no number is stated for {', '.join(names)}",
        "count_unsaid": f"no count of {', '.join(counted_things(question))} is stated",
        "measure_unsaid": f"no {', '.join(measures_of(question))} is stated",
        "kind_unsaid": "no value of the kind that is asked for is stated",
    }
    weighed = {name: weights[name] * found[name] for name in reasons}
    about_names = ("name_unknown", "names_apart", "name_apart", "first_lacks")
    reasons["names"] = named
    weighed["names"] = sum(weights[name] * found[name] for name in about_names)
    most = max(weighed, key=lambda name: weighed[name])
    return reasons[most] if weighed[most] > 0 else "the sentences found do not state it"
