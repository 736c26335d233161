"""Is this sentence supported by that text?

A check by rules, cheap and without a model, for sentences that stay close to their source
(free paraphrase is hard to check, FACTS: prefer compressing and quoting). A claim passes when

- it is quoted, or
- each of its numbers, with its unit, stands in the source,
- each of its names (capitals, digits inside words) stands in the source or its title,
- it neither adds nor drops a negation, and turns no comparison round,
- it does not say of a thing that it is what the source says it has,
- it has just the source's bounds and reserve (up to, only, may, if), and the source neither
  asks nor speaks of what others believe, refute or did before,
- all of its content words are in the source, in the source's order: it only leaves out.

The sources of a claim are sentences; the claim is compared with each, never with several at
once, so that the one sentence that is shown as its source is all that it rests on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from curator.alignment import OWN_WORK, align, denied, left_out, said_stems, said_words
from curator.sentences import split_sentences
from curator.stemming import WORD, number_words, stem, stems, words
from curator.text import fold, plain

__all__ = [
    "Grounder",
    "RuleGrounder",
    "Status",
    "Verdict",
    "names_in",
    "names_missing",
    "numbers_in",
    "stems",
    "turned",
]

Status = Literal["supported", "unsupported", "contradicted"]

_POSSESSIVE = re.compile(r"['’]s?$")
_NUMBER = re.compile(
    r"(?<![\w.])[~≈<>]?[$€£]?(\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:\s?(%|percent\b|x\b|×|[kKMBT]\b|million\b|billion\b|trillion\b|thousand\b)"
    r"|[\s-](second|minute|hour|day|week|month|year)s?\b)?"
)
_MINUS = re.compile(r"(?:^|[\s(])[-−]$")
_UNITS = {
    "percent": "%",
    "×": "x",
    "thousand": "k",
    "million": "m",
    "billion": "b",
    "trillion": "t",
}
_OPPOSITES = [
    ("more", "less"), ("more", "fewer"), ("higher", "lower"), ("high", "low"),
    ("better", "worse"), ("best", "worst"), ("increase", "decrease"), ("increase", "reduce"),
    ("improve", "degrade"), ("improve", "worsen"), ("larger", "smaller"), ("large", "small"),
    ("faster", "slower"), ("fast", "slow"), ("above", "below"), ("most", "least"),
    ("maximize", "minimize"), ("gain", "loss"), ("rise", "fall"), ("stronger", "weaker"),
    ("longer", "shorter"), ("before", "after"), ("all", "some"),
    ("outperform", "underperform"), ("supervised", "unsupervised"), ("positive", "negative"),
    ("easy", "hard"), ("open", "closed"), ("online", "offline"), ("static", "dynamic"),
]  # fmt: skip
_IS_A = re.compile(r"\b(?:is|are|was|were)\s+(?:an?|the)\s+([\w-]+(?:\s+[\w-]+)?)", re.I)
_OWNER = r"(?:its|their|his|her|[\w-]+['’]s)"
# So much of a claim's content is in a sentence that speaks of the same thing.
_SAME_THING = 0.6
_COMPARES = frozenset(["outperform", "beat", "surpass", "exceed"])


@dataclass(frozen=True)
class Verdict:
    """``score`` from 0 to 1; ``quote`` is the source sentence nearest to the claim, verbatim;
    ``reason`` says what stood against it, for people; ``contradicted``: the source speaks of
    the same thing and says another."""

    supported: bool
    score: float
    quote: str
    reason: str = ""
    contradicted: bool = False

    @property
    def status(self) -> Status:
        if self.supported:
            return "supported"
        return "contradicted" if self.contradicted else "unsupported"


class Grounder(Protocol):
    """Checks a claim against sentences; ``name`` changes with what it lets pass."""

    @property
    def name(self) -> str: ...

    def check(self, claim: str, sources: Sequence[str], title: str = "") -> Verdict: ...


class RuleGrounder:
    """The rules above."""

    # Part of the recipe of what was checked; to be raised when the rules change.
    name = "rules 8"

    def check(self, claim: str, sources: Sequence[str], title: str = "") -> Verdict:
        """``sources`` are sentences of one or more papers, ``title`` adds their names."""
        folded = _normal(claim)
        usable = [source for source in sources if source.strip()]
        if not folded or not usable:
            return Verdict(False, 0.0, "", "there is nothing to check it against")
        for source in usable:
            if _stands_in(claim, source):
                return Verdict(True, 1.0, source)
        best = Verdict(False, -1.0, usable[0])
        for source in usable:
            verdict = _compare(claim, source, title)
            if (verdict.supported, verdict.score) > (best.supported, best.score):
                best = verdict
        return best


def _stands_in(claim: str, source: str) -> bool:
    """Whether the source has the claim word for word, does not deny it before ("we do not
    find that ..."), and adds no reserve around it ("... if given early")."""
    said, stored = _normal(claim), _normal(source)
    if said == stored:
        return True
    if not re.search(rf"(?<!\w){re.escape(said)}(?!\w)", stored):
        return False
    return not left_out(claim, source, align(tuple(said_stems(claim)), source))


def _compare(claim: str, source: str, title: str) -> Verdict:
    claim_words, source_words = said_stems(claim), said_stems(source)
    if not claim_words:
        return Verdict(False, 0.0, source, "it says nothing")
    # Where the paper speaks of itself, its name may stand for "we"; nowhere else, for there
    # the name would take the place of another subject.
    named = set(said_stems(title)) - set(source_words) if OWN_WORK.search(plain(source)) else set()
    names_from = f"{source} {title}" if named else source
    rest = [word for word in claim_words if word not in named]
    have = set(source_words)
    covered = [word for word in rest if word in have]
    coverage = len(covered) / len(rest) if rest else 0.0
    score = coverage * (0.5 + 0.5 * len(rest) / max(len(rest), len(source_words)))
    lacking = [word for word in dict.fromkeys(rest) if word not in have]
    alignment = align(tuple(rest), source)
    numbers = numbers_in(claim) - numbers_in(names_from)
    reversed_ = turned(claim, source)
    trouble = (
        _listed("the source has no", numbers)
        or _listed("the source does not name", names_missing(claim, names_from))
        or reversed_
        or left_out(claim, source, alignment)
        or _is_for_has(claim, source)
        or _listed("not in the source:", lacking[:5])
        or ("it says nothing of the source" if not rest else "")
        or ("" if alignment.in_order else "its words stand in another order there")
    )
    if not trouble:
        return Verdict(True, score, source)
    against = coverage >= _SAME_THING and (
        reversed_.startswith("the source")
        or bool(denied(claim, source, alignment))
        or _other_figure(claim, source, numbers)
    )
    return Verdict(False, score * 0.4, source, trouble, contradicted=against)


def _other_figure(claim: str, source: str, missing: set[str]) -> bool:
    """Whether the source has another figure of the same unit where the claim has this one."""
    others = {_unit(number) for number in numbers_in(source) - numbers_in(claim)}
    return bool(missing) and all(_unit(number) in others for number in missing)


def _unit(number: str) -> str:
    return number.lstrip("-0123456789.")


def _listed(what: str, items: Collection[str]) -> str:
    return f"{what} {', '.join(sorted(items))}" if items else ""


def turned(claim: str, source: str) -> str:
    """What comparison the claim turns round, for people; empty if none."""
    claim_stems = {stem(word) for word in said_words(claim)}
    source_stems = {stem(word) for word in said_words(source)}
    for pair in _OPPOSITES:
        for word, opposite in (pair, pair[::-1]):
            one, other = stem(word), stem(opposite)
            if one in claim_stems and one not in source_stems and other in source_stems:
                return f"the source says {opposite!r}, not {word!r}"
    for span in split_sentences(source):
        # "From 12% to 8%", "A scores 80 and B 70": figures belong to what stands beside them.
        theirs, ours = _numbers(span.text), _numbers(claim)
        both = [n for n in ours if ours.count(n) == theirs.count(n) == 1]
        if both != sorted(both, key=theirs.index):
            return "its figures stand in another order in the source"
    return _swapped(claim, source)


def _is_for_has(claim: str, source: str) -> str:
    """What the claim calls a thing that the source only says it has: "BLIP is a mixture of ..."
    where the source begins "Its mixture of ..."; for people, empty if nothing."""
    said, stored = plain(claim), plain(source)
    for match in _IS_A.finditer(said):
        phrase = r"\s+".join(map(re.escape, match.group(1).split()))
        owned = re.search(rf"(?:^|[.;:]\s+|,\s+and\s+){_OWNER}\s+{phrase}\b", stored, re.I)
        if owned and not re.search(
            rf"\b(?:is|are|was|were|as)\s+(?:an?|the)\s+{phrase}\b", stored, re.I
        ):
            return f"the source says {owned.group().strip(' .;:,')!r}, not that it is one"
    return ""


def _swapped(claim: str, source: str) -> str:
    """Whether the two sides of a comparison ("A outperforms B") have changed places."""
    said = [sides for span in split_sentences(source) for sides in _sides(words(span.text))]
    for span in split_sentences(claim):
        for less, more in _sides(words(span.text)):
            if any(less & higher and more & lower for lower, higher in said):
                return "the source compares them the other way round"
    return ""


def _sides(said: Sequence[str]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """The content words on each side of a comparing word, without those on both sides."""
    found = []
    for i, word in enumerate(said):
        if word == "than" or stem(word) in _COMPARES:
            left = frozenset(stems(" ".join(said[:i])))
            right = frozenset(stems(" ".join(said[i + 1 :])))
            sides = (left - right, right - left)
            found.append(sides[::-1] if said[i + 1 : i + 2] == ("by",) else sides)
    return found


def numbers_in(text: str) -> set[str]:
    """Numbers with their unit in one writing: ``1,000`` → ``1000``, ``5 percent`` → ``5%``.

    Numbers inside names (GPT-4, 7B models are names as well) count by their digits.
    """
    return set(_numbers(text))


def _numbers(text: str) -> list[str]:
    """The same in the order of the text."""
    found = []
    digits = number_words(plain(text))
    for match in _NUMBER.finditer(digits):
        value = match[1].replace(",", "")
        if "." in value:
            value = value.rstrip("0").rstrip(".")
        if _MINUS.search(digits[max(0, match.start(1) - 2) : match.start(1)]):
            value = f"-{value}"
        unit = (match[2] or match[3] or "").lower()
        found.append(value + _UNITS.get(unit, unit))
    return found


def names_in(text: str) -> set[str]:
    """Words that look like names: an inner capital, all capitals, or letters with digits;
    and capitalised words that do not begin a sentence."""
    found: set[str] = set()
    for span in split_sentences(plain(text)):
        for i, match in enumerate(WORD.finditer(span.text)):
            word = _POSSESSIVE.sub("", match.group())
            for part in (word, *word.split("-")) if "-" in word else (word,):
                strong = (
                    (len(part) > 1 and part.isupper())
                    or re.search(r"[a-z][A-Z]", part) is not None
                    or (any(c.isdigit() for c in part) and any(c.isalpha() for c in part))
                )
                if strong or (i > 0 and part[:1].isupper() and len(part) > 1):
                    found.add(part)
    return found


def names_missing(claim: str, source: str) -> set[str]:
    """The names of a claim that its source does not have, in any writing."""
    have = fold(source)
    compact = re.sub(r"[^\w]+", "", have)
    return {
        name
        for name in names_in(claim)
        if "-" not in name or not all(part in names_in(claim) for part in name.split("-"))
        if fold(name) not in have and re.sub(r"[^\w]+", "", fold(name)) not in compact
    }


@lru_cache(maxsize=8192)
def _normal(text: str) -> str:
    """For comparing quotes: folded, one space, no full stop or quotation marks at the ends."""
    return " ".join(fold(text).split()).strip(" .\"'“”‘’")
