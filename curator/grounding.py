"""Is this sentence supported by that text?

A check by rules, cheap and without a model, for sentences that stay close to their source
(free paraphrase is hard to check, FACTS: prefer compressing and quoting). A claim passes when

- it is quoted, or
- each of its numbers, with its unit, stands in the source,
- each of its names (capitals, digits inside words) stands in the source or its title,
- it neither adds nor drops a negation, and turns no comparison round,
- it has just the source's bounds and reserve (up to, only, may, if), and the source neither
  asks nor speaks of what others believe, refute or did before,
- all of its content words are in the source, in the source's order: it only leaves out.

The sources of a claim are sentences; the claim is compared with each, never with several at
once, so that the one sentence that is shown as its source is all that it rests on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from curator.sentences import split_sentences
from curator.text import fold, plain

__all__ = ["Grounder", "RuleGrounder", "Verdict", "names_in", "numbers_in", "stems"]

_CLAUSE = re.compile(r"[,;:.!?]\s")
_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_NUMBER = re.compile(
    r"(?<![\w.])[~≈<>]?[$€£]?(\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:\s?(%|percent\b|x\b|×|[kKMBT]\b|million\b|billion\b|trillion\b|thousand\b)"
    r"|[\s-](second|minute|hour|day|week|month|year)s?\b)?"
)
_MINUS = re.compile(r"(?:^|[\s(])[-−]$")
_NUMBER_WORDS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b", re.IGNORECASE)
_UNITS = {
    "percent": "%",
    "×": "x",
    "thousand": "k",
    "million": "m",
    "billion": "b",
    "trillion": "t",
}
_NEGATIONS = frozenset([
    "no", "not", "never", "none", "neither", "nor", "without", "cannot", "hardly", "barely",
    "fail", "fails", "failed", "unable", "lack", "lacks", "lacking", "unlikely",
])  # fmt: skip
# Words that bound or quantify what stands beside them.
_BOUNDS = frozenset([
    "upto", "atleast", "atmost", "morethan", "lessthan", "fewerthan", "about", "around",
    "approximately", "roughly", "almost", "nearly", "over", "under", "above", "below", "within",
    "beyond", "all", "every", "most", "many", "few", "some", "any", "even", "still", "ever",
])  # fmt: skip
# Words that hedge a whole statement, wherever in it they stand.
_HEDGES = frozenset([
    "only", "always", "never", "rarely", "seldom", "often", "usually", "sometimes", "mostly",
    "mainly", "partially", "partly", "may", "might", "could", "would", "should", "must", "if",
    "unless", "whether", "except", "potentially", "possibly", "perhaps", "likely", "when",
    "without", "until",
])  # fmt: skip
# What keeps a statement at a distance, or turns it round from outside; by their stems.
_DISTANCE = (
    "believe", "argue", "claim", "assume", "hypothesize", "hypothesise", "conjecture", "suggest",
    "suspect", "expect", "hope", "aim", "plan", "intend", "seem", "appear", "ask", "doubt",
    "refute", "deny", "dispute", "reject", "contradict", "contrary", "prevent", "avoid", "myth",
    "previous", "previously", "prior", "existing", "baseline", "unlike", "instead", "false",
    "supposedly", "rather", "tend", "attempt", "try",
)  # fmt: skip
_PHRASES = [
    (re.compile(rf"\b{first}[ -]{second}\b"), first + second)
    for first, second in (
        *(("up", "to"), ("at", "least"), ("at", "most")),
        *(("more", "than"), ("less", "than"), ("fewer", "than")),
    )
]
# A sentence about the paper's own work: its name may stand for "we" or "our method".
_OWN = re.compile(r"^\W*(we|our|this|these|the (?:proposed|resulting)|it|its|in this|here)\b", re.I)
_OPPOSITES = [
    ("more", "less"), ("more", "fewer"), ("higher", "lower"), ("high", "low"),
    ("better", "worse"), ("best", "worst"), ("increase", "decrease"), ("increase", "reduce"),
    ("improve", "degrade"), ("improve", "worsen"), ("larger", "smaller"), ("large", "small"),
    ("faster", "slower"), ("fast", "slow"), ("above", "below"), ("most", "least"),
    ("maximize", "minimize"), ("gain", "loss"), ("rise", "fall"), ("stronger", "weaker"),
    ("longer", "shorter"), ("before", "after"), ("with", "without"), ("all", "some"),
    ("outperform", "underperform"), ("supervised", "unsupervised"), ("positive", "negative"),
    ("easy", "hard"), ("open", "closed"), ("online", "offline"), ("static", "dynamic"),
]  # fmt: skip
_COMPARES = frozenset(["outperform", "beat", "surpass", "exceed"])
_STOP = frozenset([
    "a", "an", "the", "this", "that", "these", "those", "it", "its", "they", "their", "them",
    "we", "our", "us", "i", "you", "he", "she", "his", "her", "is", "are", "was", "were", "be",
    "been", "being", "am", "do", "does", "did", "done", "has", "have", "had", "having", "of",
    "in", "on", "at", "by", "for", "from", "to", "into", "onto", "over", "under", "with", "as",
    "and", "or", "but", "so", "if", "then", "than", "while", "when", "where", "which", "who",
    "whom", "whose", "what", "how", "why", "can", "could", "may", "might", "must", "shall",
    "should", "will", "would", "there", "here", "also", "such", "both", "each", "any", "some",
    "all", "only", "very", "more", "most", "much", "many", "other", "another", "about",
    "between", "among", "through", "during", "via", "per", "using", "use", "uses", "used",
    "based", "paper", "papers", "work", "works", "study", "studies", "authors", "author",
    "propose", "proposes", "proposed", "present", "presents", "presented", "introduce",
    "introduces", "introduced", "show", "shows", "showed", "shown", "describe", "describes",
    "called", "named", "new", "novel", "approach", "method", "one", "percent",
])  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """``score`` from 0 to 1; ``quote`` is the source sentence nearest to the claim, verbatim;
    ``reason`` says what stood against it, for people."""

    supported: bool
    score: float
    quote: str
    reason: str = ""


class Grounder(Protocol):
    """Checks a claim against sentences; ``name`` changes with what it lets pass."""

    @property
    def name(self) -> str: ...

    def check(self, claim: str, sources: Sequence[str], title: str = "") -> Verdict: ...


class RuleGrounder:
    """The rules above."""

    # Part of the recipe of what was checked; to be raised when the rules change.
    name = "rules 5"

    def check(self, claim: str, sources: Sequence[str], title: str = "") -> Verdict:
        """``sources`` are sentences of one or more papers, ``title`` adds their names."""
        folded = _normal(claim)
        usable = [source for source in sources if source.strip()]
        if not folded or not usable:
            return Verdict(False, 0.0, "", "there is nothing to check it against")
        for source in usable:
            if _stands_in(folded, _normal(source)):
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
    match = re.search(rf"(?<!\w){re.escape(claim)}(?!\w)", source)
    if not match or source.endswith("?"):
        return False
    before = _CLAUSE.split(source[: match.start()])[-1]
    around = f"{source[: match.start()]} {source[match.end() :]}"
    return not set(_words(before)) & _NEGATIONS and not _bounds(around) and not _distance(around)


def _compare(claim: str, source: str, title: str) -> Verdict:
    claim_words, source_words = stems(claim), stems(source)
    if not claim_words:
        return Verdict(False, 0.0, source, "it says nothing")
    # Where the paper speaks of itself, its name may stand for "we"; nowhere else, for there
    # the name would take the place of another subject.
    named = set(stems(title)) - set(source_words) if _OWN.search(plain(source)) else set()
    names_from = f"{source} {title}" if named else source
    rest = [word for word in claim_words if word not in named]
    have = set(source_words)
    covered = [word for word in rest if word in have]
    coverage = len(covered) / len(rest) if rest else 0.0
    score = coverage * (0.5 + 0.5 * len(rest) / max(len(rest), len(source_words)))
    lacking = [word for word in dict.fromkeys(rest) if word not in have]
    trouble = (
        _listed("the source has no", numbers_in(claim) - numbers_in(names_from))
        or _listed("the source does not name", _missing_names(claim, names_from))
        or _turned(claim, source)
        or _unreserved(claim, source)
        or _listed("not in the source:", lacking[:5])
        or ("it says nothing of the source" if not rest else "")
        or ("" if _in_order(rest, source_words) else "its words stand in another order there")
    )
    return Verdict(not trouble, score if not trouble else score * 0.4, source, trouble)


def _listed(what: str, items: Collection[str]) -> str:
    return f"{what} {', '.join(sorted(items))}" if items else ""


def _unreserved(claim: str, source: str) -> str:
    """What bound or reserve of the source the claim leaves out or adds, if any. Bounds count
    where the claim is taken from; what bounds another part of the source is no matter."""
    ours = _bounds(claim)
    theirs = _bounds(source)
    dropped = (_bounds(_part(claim, source)) & _BOUNDS) | (theirs & _HEDGES)
    if dropped - ours:
        return f"the source says {min(dropped - ours)!r}"
    if ours - theirs:
        return f"the source does not say {min(ours - theirs)!r}"
    if source.rstrip(" \"'”’)").endswith("?"):
        return "the source asks, it does not state"
    if far := _distance(source) - _distance(claim):
        return f"the source says {min(far)!r}"
    return ""


def _part(claim: str, source: str) -> str:
    """The part of the source from three words before the first word of the claim to its last."""
    words = _words(source)
    wanted = set(stems(claim))
    places = [i for i, word in enumerate(words) if _stem(word) in wanted]
    return " ".join(words[max(0, places[0] - 3) : places[-1] + 1]) if places else source


def _bounds(text: str) -> set[str]:
    folded = fold(text)
    for pattern, joined in _PHRASES:
        folded = pattern.sub(joined, folded)
    return set(_words(folded)) & (_BOUNDS | _HEDGES)


def _distance(text: str) -> set[str]:
    return {_stem(word) for word in _words(text)} & _DISTANCE_STEMS


def _in_order(claim_words: Sequence[str], source_words: Sequence[str]) -> bool:
    """Whether the claim only leaves words out: its words stand in the source in the same
    order, so that "A beats B" does not support "B beats A"."""
    left = iter(source_words)
    return all(word in left for word in claim_words)


def _turned(claim: str, source: str) -> str:
    """What negation or comparison the claim turns round, if any."""
    claim_words, source_words = _words(claim), _words(source)
    claim_set, source_set = set(claim_words), set(source_words)
    for word in claim_set & _NEGATIONS:
        if not source_set & _NEGATIONS:
            return f"the source does not say {word!r}"
    # A negation in the part that the claim is taken from, and not in the claim, was dropped.
    there = Counter(word for word in _words(_part(claim, source)) if word in _NEGATIONS)
    if dropped := there - Counter(claim_words):
        return f"the source says {min(dropped)!r} there"
    claim_stems = {_stem(w) for w in claim_set}
    source_stems = {_stem(w) for w in source_set}
    for pair in _OPPOSITES:
        for word, opposite in (pair, pair[::-1]):
            one, other = _stem(word), _stem(opposite)
            if one in claim_stems and one not in source_stems and other in source_stems:
                return f"the source says {opposite!r}, not {word!r}"
    for span in split_sentences(source):
        # "From 12% to 8%", "A scores 80 and B 70": figures belong to what stands beside them.
        theirs, ours = _numbers(span.text), _numbers(claim)
        both = [n for n in ours if ours.count(n) == theirs.count(n) == 1]
        if both != sorted(both, key=theirs.index):
            return "its figures stand in another order in the source"
    return _swapped(claim, source)


def _swapped(claim: str, source: str) -> str:
    """Whether the two sides of a comparison ("A outperforms B") have changed places."""
    said = [sides for span in split_sentences(source) for sides in _sides(_words(span.text))]
    for span in split_sentences(claim):
        for less, more in _sides(_words(span.text)):
            if any(less & higher and more & lower for lower, higher in said):
                return "the source compares them the other way round"
    return ""


def _sides(words: Sequence[str]) -> list[tuple[frozenset[str], frozenset[str]]]:
    """The content words on each side of a comparing word, without those on both sides."""
    found = []
    for i, word in enumerate(words):
        if word == "than" or _stem(word) in _COMPARES:
            left = frozenset(stems(" ".join(words[:i])))
            right = frozenset(stems(" ".join(words[i + 1 :])))
            sides = (left - right, right - left)
            found.append(sides[::-1] if words[i + 1 : i + 2] == ("by",) else sides)
    return found


def numbers_in(text: str) -> set[str]:
    """Numbers with their unit in one writing: ``1,000`` → ``1000``, ``5 percent`` → ``5%``.

    Numbers inside names (GPT-4, 7B models are names as well) count by their digits.
    """
    return set(_numbers(text))


def _numbers(text: str) -> list[str]:
    """The same in the order of the text."""
    found = []
    digits = _NUMBER_WORD.sub(lambda m: _NUMBER_WORDS[m[0].lower()], plain(text))
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
        for i, match in enumerate(_WORD.finditer(span.text)):
            word = match.group()
            for part in (word, *word.split("-")) if "-" in word else (word,):
                strong = (
                    (len(part) > 1 and part.isupper())
                    or re.search(r"[a-z][A-Z]", part) is not None
                    or (any(c.isdigit() for c in part) and any(c.isalpha() for c in part))
                )
                if strong or (i > 0 and part[:1].isupper() and len(part) > 1):
                    found.add(part)
    return found


def _missing_names(claim: str, source: str) -> set[str]:
    have = fold(source)
    compact = re.sub(r"[^\w]+", "", have)
    return {
        name
        for name in names_in(claim)
        if "-" not in name or not all(part in names_in(claim) for part in name.split("-"))
        if fold(name) not in have and re.sub(r"[^\w]+", "", fold(name)) not in compact
    }


def stems(text: str) -> list[str]:
    """The content words of a text, stemmed, in order."""
    return [_stem(word) for word in _words(text) if word not in _STOP]


@lru_cache(maxsize=8192)
def _words(text: str) -> tuple[str, ...]:
    text = re.sub(r"\b(ca|wo)n['’]t\b", "can not", fold(text))
    text = re.sub(r"n['’]t\b", " not", text)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    return tuple(
        _NUMBER_WORDS.get(part, part)
        for match in _WORD.finditer(text)
        for part in re.split(r"[-'’]", match.group())
        if part
    )


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    """A light stem: enough to join the forms of one word, too little to join two words."""
    if len(word) <= 3 or word.isdigit():
        return word
    for suffix, replacement in (
        ("izations", "iz"), ("ization", "iz"), ("isation", "iz"), ("ising", "iz"),
        ("izing", "iz"), ("ised", "iz"), ("ized", "iz"), ("ise", "iz"), ("ize", "iz"),
        ("sses", "ss"), ("ies", "y"), ("ied", "y"), ("ations", "at"), ("ation", "at"),
        ("ating", "at"), ("ated", "at"), ("ates", "at"), ("ate", "at"), ("ements", ""),
        ("ement", ""), ("ing", ""), ("edly", ""), ("ed", ""), ("es", ""), ("ly", ""),
        ("s", ""), ("e", ""),
    ):  # fmt: skip
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            stem = word[: len(word) - len(suffix)] + replacement
            if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsz":
                stem = stem[:-1]
            return stem
    return word


@lru_cache(maxsize=8192)
def _normal(text: str) -> str:
    """For comparing quotes: folded, one space, no full stop or quotation marks at the ends."""
    return " ".join(fold(text).split()).strip(" .\"'“”‘’")


_DISTANCE_STEMS = frozenset(_stem(word) for word in _DISTANCE)
