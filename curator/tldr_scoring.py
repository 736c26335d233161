"""Which of the candidates is the best summary: a linear score over what can be counted.

The score orders the candidates of one paper by how much of the words an author would use each
can be expected to have (ROUGE-1 F1). The weights are in ``curator/fitted/tldr.json``;
``evals/fit_tldr.py`` made them from SciTLDR's training part (Cachola et al. 2020). A draft of the
model is scored like a shortened sentence: it has no weight of its own, since the training part
has no drafts. Words shared with an author are not all that a reader needs: what is only
background is chosen where nothing else is there, and what points to a sentence that the reader
does not see pays for it (`curator.tldr_context`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.fitted import FITTED, read_fitted
from curator.grounding import names_in
from curator.roles import ROLES
from curator.stemming import stems
from curator.text import fold, plain
from curator.tldr_candidates import MAX_WORDS, Candidate
from curator.tldr_context import Context, dangles

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = [
    "BACKGROUND_COST",
    "DANGLING_COST",
    "DETAIL_COST",
    "SHORT_COST",
    "TITLE_COST",
    "Scorer",
    "features_of",
    "reader_costs",
]

# More than scores can differ, so that background is a summary only where nothing else is there
# but the title, and a title only where nothing else is there: whoever reads the summary has the
# title before them.
TITLE_COST = 20.0
BACKGROUND_COST = 10.0
# The score orders by shared words alone; these make it prefer what can be read alone, says what
# the paper itself did, and says more than a few words. Set by reading what is chosen for the 52
# papers of ``samples/``; with that of background they take 0.3 points of ROUGE-1 off, as measured
# within the training part of SciTLDR.
DANGLING_COST = 0.2
DETAIL_COST = 0.15
SHORT_COST = 0.5
FEW_WORDS = 12

_PROPOSES = re.compile(
    r"\b(?:we|this (?:paper|work|article|study)|our)\b.{0,60}?\b(?:propos|present|introduc|"
    r"develop|describ|design|build|construct)",
    re.IGNORECASE,
)
_STUDIES = re.compile(
    r"\b(?:we|this (?:paper|work|article|study)|our)\b.{0,60}?\b(?:stud|investigat|analy[sz]|"
    r"explor|examin|address|consider|aim|focus|tackl|ask)",
    re.IGNORECASE,
)
_SHOWS = re.compile(
    r"\b(?:we|experiments?|results?|evaluations?|analys[ie]s)\b.{0,60}?\b(?:show|demonstrat|"
    r"find|prov|observ|indicat|reveal|establish|verif|confirm)",
    re.IGNORECASE,
)
_FOUND = re.compile(
    r"\b(?:outperform|improv|achiev|state[- ]of[- ]the[- ]art|better|faster|competitive|"
    r"superior|accura|reduc|significant)",
    re.IGNORECASE,
)
_BACKGROUND = re.compile(
    r"\b(?:have been|has been|are often|is often|recent(?:ly)?|widely|commonly|challeng\w*|"
    r"existing|previous|prior|traditional\w*|typically|however|despite|although|difficult)\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"^(?:it|its|they|their|this|these|those|such|he|both|the (?:method|model|approach|proposed|"
    r"resulting|latter|former|results?|algorithm|framework|experiments?)|our (?:method|model|"
    r"approach|results?|experiments?|algorithm|framework))\b(?! (?:paper|work|article|study))",
    re.IGNORECASE,
)
_WE = re.compile(r"^we\b", re.IGNORECASE)
_PAPER = re.compile(r"^(?:in )?this (?:paper|work|article|study)\b", re.IGNORECASE)
_EXAMPLE = re.compile(
    r"\b(?:for (?:example|instance)|code|available|github|https?|dataset is|released?)\b", re.I
)


def reader_costs(candidate: Candidate, context: Context) -> float:
    """What is taken off a candidate's score for what no summary shows to have words for."""
    if candidate.kind == "title":
        return TITLE_COST
    text = plain(candidate.text)
    background = bool(context.sentences) and context.background[candidate.index]
    return (
        BACKGROUND_COST * background
        + DANGLING_COST * dangles(text)
        + DETAIL_COST * (not context.is_own(text))
        + SHORT_COST * max(0.0, 1 - len(text.split()) / FEW_WORDS)
    )


def features_of(candidate: Candidate, context: Context) -> dict[str, float]:
    """Name → value, the same names for every candidate."""
    import numpy as np

    text = plain(candidate.text)
    words = text.split()
    length = len(words) / MAX_WORDS
    is_title = candidate.kind == "title"
    count = len(context.sentences)
    place = 0.0 if is_title else candidate.index / max(1, count - 1)
    title, whole, rest = context.vectors[0], context.vectors[1], context.vectors[2:]
    own = title if is_title or not count else rest[candidate.index]
    centre = rest.mean(axis=0) if count else title
    near_title = 0.0 if is_title else float(own @ title)
    near_whole = float(own @ whole)
    near_centre = float(own @ centre) / max(1e-9, float(np.linalg.norm(centre)))
    wholes = rest @ whole if count else np.zeros(1)
    titles = rest @ title if count else np.zeros(1)

    mine = set(stems(text))
    of_title = set(stems(context.title))
    spread = context.spread
    common = sum(spread.values())
    source = plain(candidate.quote)
    named = [name for name in names_in(context.title) if len(name) > 1]
    body = not is_title
    roles = dict.fromkeys(ROLES, 0.0)
    own = False
    if body and count:
        roles = dict(zip(ROLES, map(float, context.roles[candidate.index]), strict=True))
        own = context.own[candidate.index]
    return {
        "title": float(is_title),
        "shortened": float(candidate.kind in {"compressed", "draft"}),
        "first": float(candidate.index == 0),
        "last": float(body and candidate.index == count - 1),
        "place": place,
        "place_squared": place**2,
        "length": length,
        "length_squared": length**2,
        "title_length": length * is_title,
        "title_length_squared": length**2 * is_title,
        "near_title": near_title,
        "near_whole": near_whole * body,
        "near_centre": near_centre * body,
        "title_near_whole": near_whole * is_title,
        "title_near_centre": near_centre * is_title,
        "above_others": (near_whole - float(wholes.mean())) * body,
        "above_others_title": (near_title - float(titles.mean())) * body,
        "nearest_title": float(body and near_title >= float(titles.max()) - 1e-6),
        "nearest_whole": float(body and near_whole >= float(wholes.max()) - 1e-6),
        "of_title": len(mine & of_title) / max(1, len(of_title)) * body,
        "in_title": len(mine & of_title) / max(1, len(mine)) * body,
        "of_abstract": sum(spread[stem] for stem in mine) / max(1, common),
        "frequency": sum(spread[s] for s in mine) / max(1, len(mine)) / max(1, count),
        "title_frequency": is_title
        * (sum(spread[s] for s in mine) / max(1, len(mine)) / max(1, count)),
        "content": len(mine) / max(1, len(words)),
        "numbers": sum(any(c.isdigit() for c in word) for word in words) / max(1, len(words)),
        "proposes": float(_PROPOSES.search(text) is not None),
        "studies": float(_STUDIES.search(text) is not None),
        "shows": float(_SHOWS.search(text) is not None),
        "found": float(_FOUND.search(text) is not None),
        "source_proposes": float(body and _PROPOSES.search(source) is not None),
        "source_shows": float(body and _SHOWS.search(source) is not None),
        "first_cue": float(body and candidate.index == _first_cue(context)),
        "background": float(body and _BACKGROUND.search(text) is not None),
        "points_back": float(body and _POINTS_BACK.match(text) is not None),
        "we": float(_WE.match(text) is not None),
        "paper": float(_PAPER.match(text) is not None),
        "aside": float(_EXAMPLE.search(text) is not None),
        "named": float(body and any(fold(name) in fold(text) for name in named)),
        "colon_title": float(is_title and ":" in text),
        "kept": len(words) / max(1, len(source.split())),
        "brackets": float("(" in text),
        "commas": text.count(",") / max(1, len(words)),
        "own": float(own),
        "own_first": float(own and candidate.index == 0),
        "dangles": float(body and dangles(text)),
        **{f"role_{role}": roles[role] for role in ROLES if role != "other"},
    }


@dataclass(frozen=True)
class Scorer:
    """``weights`` times the features that ``names`` lists, each less its mean and divided by
    its scale. ``name`` changes with the fit."""

    name: str
    names: tuple[str, ...]
    weights: Vectors
    means: Vectors
    scales: Vectors

    @classmethod
    def load(cls, file: Path = FITTED / "tldr.json") -> Scorer:
        """The scorer in a file of ``evals/fit_tldr.py``.

        Raises:
            MissingError: the file is not there, or is not whole.
        """
        import numpy as np

        kept = read_fitted(file, ("name", "features", "weights", "means", "scales"))
        numbers = [np.array(kept[key], np.float32) for key in ("weights", "means", "scales")]
        return cls(str(kept["name"]), tuple(kept["features"]), *numbers)

    def scores(self, candidates: Sequence[Candidate], context: Context) -> list[float]:
        """For each candidate: higher is better. Only differences within a paper mean
        anything; short of the costs they are on the scale of ROUGE-1 F1, 0 to 1."""
        import numpy as np

        rows = [features_of(one, context) for one in candidates]
        table = np.array([[row[name] for name in self.names] for row in rows], dtype=np.float32)
        costs = np.array([reader_costs(one, context) for one in candidates])
        return [float(s) for s in ((table - self.means) / self.scales) @ self.weights - costs]

    def best(self, candidates: Sequence[Candidate], context: Context) -> Candidate:
        """The candidate of the highest score; among equals the first."""
        scores = self.scores(candidates, context)
        return candidates[max(range(len(scores)), key=lambda i: (round(scores[i], 6), -i))]


def _first_cue(context: Context) -> int:
    """The first sentence that says what is proposed, -1 if none does."""
    return next((i for i, s in enumerate(context.sentences) if _PROPOSES.search(s)), -1)
