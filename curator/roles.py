"""What each sentence of an abstract does, and a summary in four parts made of quotes.

The roles are those of CSAbstruct (Cohan et al. 2019): background, objective, method, result,
other. A logistic regression over the sentence's vector, its place and a few cues gives their
probabilities; the weights are in ``curator/fitted/roles.json``, made by
``evals/fit_roles.py``. Each part of the summary is a stored sentence, verbatim, or nothing:
abstracts often do not say what limits the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from curator.evidence import paper_sentences
from curator.fitted import FITTED, read_fitted
from curator.text import plain
from curator.tldr_candidates import addresses_reader

if TYPE_CHECKING:
    from curator.embedding import Vectors
    from curator.paper import Paper

__all__ = [
    "OWN_WORK",
    "ROLES",
    "Embeds",
    "RoleClassifier",
    "StructuredSummary",
    "inputs_of",
    "structured",
]

ROLES = ("background", "method", "objective", "other", "result")

_SHOWN = ("background", "method", "objective", "result")
# Below these no sentence is shown for a part.
MIN_PROBLEM = 0.5
MIN_METHOD = 0.35
MIN_RESULT = 0.35
MIN_LIMITS = 0.5
CUE_BONUS = 0.3
# Unit vectors of hundreds of dimensions beside inputs of about 1: without this the ridge of
# the regression weighs on them alone.
VECTOR_WEIGHT = 5.0

OWN_WORK = re.compile(
    r"\b(?:we|our|ours|us|i|my|(?:this|the (?:present|current)) (?:paper|work|article|study|"
    r"research|thesis|report|survey)|here|herein|the authors?|the proposed|"
    r"(?:is|are) (?:also |then |further )?(?:proposed|presented|introduced))\b",
    re.IGNORECASE,
)
_WORK = r"(?:we|our|this (?:paper|work|article|study)|the (?:paper|authors))"
CUES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_WORK}\b.{{0,60}}?\b(?:propos|present|introduc|develop|describ|design|build)",
        rf"\b{_WORK}\b.{{0,60}}?\b(?:stud|investigat|analy[sz]|explor|examin|address|aim|goal)",
        r"\b(?:we|experiments?|results?|evaluations?|analys[ie]s|findings)\b.{0,60}?\b"
        r"(?:show|demonstrat|find|found|prov|observ|indicat|reveal|establish|confirm|suggest)",
        r"\b(?:outperform|improv|achiev|state[- ]of[- ]the[- ]art|better|competitive|superior|"
        r"accuracy|significant|higher|lower)",
        r"\b(?:however|recent|widely|commonly|challeng\w*|existing|traditional\w*|difficult\w*|"
        r"important|problem|lack|limited|remains?)\b",
        r"\d+(?:\.\d+)? ?(?:\\?%|percent|points|times|x\b)",
        r"\b(?:code|data(?:set)?|model)s? (?:is|are|will be)\b.*\b(?:available|released?|public)",
        rf"^(?:in )?{_WORK}\b",
    )
)
_DOES, _SHOWS = CUES[0], CUES[2]
_LACKS = CUES[4]
_LIMITS = re.compile(
    r"\b(?:limitations?|limited (?:to|by)|drawbacks?|shortcomings?|fails? (?:to|on|when|for|in)|"
    r"failures?|still (?:fall|lag|far|struggle|need|require|fail)\w*|at the (?:cost|expense|price)|"
    r"does not (?:scale|work|help|hold|generali[sz]e|improve|transfer)|"
    r"do not (?:scale|work|help|hold|generali[sz]e|improve|transfer)|"
    r"(?:only|merely) (?:works?|holds?|applies|tested|evaluated|valid)|remains? (?:open|unclear|"
    r"unsolved|difficult|challenging|future)|future work|caveats?|degrad\w+|worse|"
    r"cannot|not yet|struggles?)\b",
    re.IGNORECASE,
)
_OURS = re.compile(
    rf"\b(?:{_WORK}|the (?:proposed|resulting|new)|it|ours|they|these|this)\b", re.IGNORECASE
)


class Embeds(Protocol):
    """The half of an embedder that makes vectors of texts."""

    def embed(self, texts: Sequence[str]) -> Vectors: ...


@dataclass(frozen=True)
class StructuredSummary:
    """Each part is a stored sentence, verbatim, or None where no sentence says it."""

    paper_id: str
    problem: str | None
    method: str | None
    result: str | None
    limits: str | None


def inputs_of(sentences: Sequence[str], vectors: Vectors | None) -> Vectors:
    """What the classifier sees of each plain sentence of one abstract: its vector (if there are
    any), its place, which cues it has, and those of its neighbours; whether it speaks of the
    paper's own work, and whether one before or after it does. Shape (sentences, inputs)."""
    import numpy as np

    count = len(sentences)
    shares = np.arange(count) / max(1, count - 1)
    ends = np.zeros((count, 2))
    ends[0, 0] = ends[-1, 1] = 1
    cues = np.array([[cue.search(text) is not None for cue in CUES] for text in sentences], float)
    around = np.zeros((count + 2, len(CUES)))
    around[1:-1] = cues
    length = np.array([min(len(text.split()), 60) / 60 for text in sentences])
    own = np.array([OWN_WORK.search(text) is not None for text in sentences], float)
    before = np.concatenate([[0.0], np.maximum.accumulate(own)[:-1]])
    after = np.concatenate([np.maximum.accumulate(own[::-1])[::-1][1:], [0.0]])
    whose = [own, before, after, own * shares, own * ends[:, 0], cues[:, 0] * ends[:, 0]]
    whose += [(1 - own) * (1 - before) * after, before * shares]
    parts = [
        np.stack([shares, shares**2, length, np.full(count, min(count, 15) / 15)], axis=1),
        *(ends, cues, around[:-2], around[2:], np.stack(whose, axis=1)),
    ]
    if vectors is not None:
        parts.append(vectors * VECTOR_WEIGHT)
    found: Vectors = np.concatenate(parts, axis=1).astype(np.float32)
    return found


@dataclass(frozen=True)
class RoleClassifier:
    """Weights of shape (roles, inputs) and biases of shape (roles,): with the vectors of the
    embedder ``embedder`` among the inputs, and for any other embedder without."""

    name: str
    embedder: str
    with_vectors: tuple[Vectors, Vectors]
    without: tuple[Vectors, Vectors]

    @classmethod
    def load(cls, file: Path = FITTED / "roles.json") -> RoleClassifier:
        """The classifier in a file of ``evals/fit_roles.py``.

        Raises:
            MissingError: the file is not there, or is not whole.
        """
        import numpy as np

        kept = read_fitted(file, ("name", "embedder", "roles", "with_vectors", "without"))
        order = [kept["roles"].index(role) for role in ROLES]

        def part(name: str) -> tuple[Vectors, Vectors]:
            weights, bias = (np.array(kept[name][key], np.float32) for key in ("weights", "bias"))
            return weights[order], bias[order]

        return cls(kept["name"], kept["embedder"], part("with_vectors"), part("without"))

    def probabilities(self, sentences: Sequence[str], embedder: Embeds) -> Vectors:
        """Of each role, in the order of ``ROLES``, for all plain sentences of one abstract;
        shape (sentences, roles)."""
        known = bool(sentences) and getattr(embedder, "fingerprint", None) == self.embedder
        return self.from_vectors(sentences, embedder.embed(sentences) if known else None)

    def from_vectors(self, sentences: Sequence[str], vectors: Vectors | None) -> Vectors:
        """As `probabilities`, of the sentences' unit vectors by the embedder ``embedder``, or
        None where those of another are all there is."""
        import numpy as np

        if not sentences:
            return np.zeros((0, len(ROLES)), np.float32)
        weights, bias = self.without if vectors is None else self.with_vectors
        logits = inputs_of(sentences, vectors) @ weights.T
        exp = np.exp(logits + bias - (logits + bias).max(axis=1, keepdims=True))
        probabilities: Vectors = exp / exp.sum(axis=1, keepdims=True)
        return probabilities


def structured(paper: Paper, classifier: RoleClassifier, embedder: Embeds) -> StructuredSummary:
    """Problem, method, result and limits of a paper, each a stored sentence or None.

    The surest sentence of each role is taken, no sentence twice. The problem stands before the
    method; limits are named by words that say so, and are the paper's own: what stands among
    the background is of others.
    """
    sentences = [s for s in paper_sentences(paper) if not addresses_reader(s)]
    plainly = [plain(sentence) for sentence in sentences]
    probabilities = classifier.probabilities(plainly, embedder)
    chance = {role: [float(p) for p in probabilities[:, i]] for i, role in enumerate(ROLES)}
    numbers = range(len(sentences))
    # What is nothing of the four (links, thanks, what does not belong there) is never shown.
    free = {i for i in numbers if chance["other"][i] < max(chance[role][i] for role in _SHOWN)}

    def take(scores: Sequence[float], least: float, allowed: Callable[[int], bool]) -> int | None:
        usable = [i for i in numbers if i in free and allowed(i) and scores[i] >= least]
        if not usable:
            return None
        best = max(usable, key=lambda i: (scores[i], -i))
        free.discard(best)
        return best

    def states(i: int) -> bool:
        return not plainly[i].rstrip(" \"'”’)").endswith("?")

    def limits_it(i: int) -> bool:
        own = method is None or i > method
        return own and states(i) and bool(_LIMITS.search(plainly[i]) and _OURS.search(plainly[i]))

    does = [
        chance["method"][i]
        + chance["objective"][i] / 2
        + CUE_BONUS * bool(_DOES.search(plainly[i]))
        for i in numbers
    ]
    method = take(does, MIN_METHOD, states)
    limits = take([1 - p for p in chance["background"]], MIN_LIMITS, limits_it)
    tells = [chance["result"][i] + CUE_BONUS * bool(_SHOWS.search(plainly[i])) for i in numbers]
    result = take(tells, MIN_RESULT, states)
    asks = [
        chance["background"][i]
        + chance["objective"][i]
        + CUE_BONUS * bool(_LACKS.search(plainly[i]))
        for i in numbers
    ]
    problem = take(asks, MIN_PROBLEM, lambda i: method is None or i < method)
    quotes = [None if i is None else sentences[i] for i in (problem, method, result, limits)]
    return StructuredSummary(paper.id, *quotes)
