"""Where in a stored sentence a claim is taken from, and what it leaves out there.

A claim that only leaves words out is still wrong if what it leaves out bounds it ("up to"),
reserves it ("may", "if"), denies it or puts it into somebody else's mouth. What bounds another
part of the sentence is no matter. So the words of the claim are found in the source first, in
order and as close together as can be; then each such word of the source is looked at for what
it belongs to: the word after it, its clause, or all that follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from curator.stemming import STOP, stem, words
from curator.text import fold

__all__ = [
    "OWN_WORK",
    "Alignment",
    "align",
    "bounds_in",
    "denied",
    "distance_in",
    "left_out",
    "loses_subject",
    "said_stems",
    "said_words",
]

_NEGATIONS = frozenset([
    "no", "not", "never", "none", "neither", "nor", "without", "cannot", "hardly", "barely",
    "fail", "fails", "failed", "unable", "lack", "lacks", "lacking", "unlikely",
])  # fmt: skip
# Words that bound or quantify what stands beside them.
_BOUNDS = frozenset([
    "upto", "atleast", "atmost", "morethan", "lessthan", "approximately", "almost", "nearly",
    "over", "under", "above", "below", "within", "beyond", "all", "every", "most", "many", "few",
    "some", "any", "even", "still", "ever",
])  # fmt: skip
# Words that hedge a whole statement, wherever in it they stand.
_HEDGES = frozenset([
    "only", "always", "never", "rarely", "seldom", "often", "usually", "sometimes", "mostly",
    "mainly", "partially", "partly", "may", "might", "could", "would", "should", "must", "if",
    "unless", "whether", "except", "potentially", "possibly", "perhaps", "likely", "when",
    "without", "until", "alone", "solely", "merely", "exclusively", "respectively",
])  # fmt: skip
# What begins a condition: it reserves the clause beside it, too.
_CONDITIONS = frozenset(["if", "unless", "when", "until", "except", "without", "only", "whether"])
# What limits what follows the clause that it ends ("trained on one set alone, it ...").
_LIMITS = frozenset(["alone", "solely", "merely", "exclusively"])
# Of these the claim has to keep what comes next: "all 101 languages" are not all languages.
_WHOLE = frozenset(["all", "every", "any", "most", "each"])
# What keeps a statement at a distance, or turns it round from outside; by their stems.
_DISTANCE = frozenset(map(stem, (
    "believe", "argue", "claim", "assume", "hypothesize", "hypothesise", "conjecture", "suggest",
    "suspect", "expect", "hope", "aim", "plan", "intend", "seem", "appear", "ask", "doubt",
    "refute", "deny", "dispute", "reject", "contradict", "contrary", "prevent", "avoid", "myth",
    "hint", "speculate", "envision",
    "previous", "previously", "prior", "existing", "baseline", "unlike", "instead", "false",
    "supposedly", "rather", "tend", "attempt", "try",
)))  # fmt: skip
# Several writings of one bound, so that exchanging them is no change.
_SAME = [
    (re.compile(pattern), word)
    for pattern, word in (
        (r"\b(?:up to|as (?:much|many|high|large) as)\b", "upto"),
        (r"\bat least\b", "atleast"),
        (r"\bat most\b", "atmost"),
        (r"\bmore than\b|\b(?:over|above)(?= [$€£~]?\d)", "morethan"),
        (r"\b(?:less|fewer) than\b|\b(?:under|below)(?= [$€£~]?\d)", "lessthan"),
        (r"\b(?:about|around|roughly)\b|\bsome(?= [$€£~]?\d)", "approximately"),
        (r"\bneither\b", "not"),
        (r"\bnor\b", "or"),
    )
]
_CLAUSE = re.compile(r"[,;:.!?()—–]+(?=\s|$)|\s[—–-]\s|\b(?:while|whereas|but)\b")
_PART = re.compile(r"[;:](?=\s|$)")
# Where within a clause another thing is spoken of.
_PHRASE = frozenset(["and", "or", "than", "versus", "compared", "against"])
SUBJECT = 5  # words that a sentence may take to name what it is about
# A sentence about the paper's own work: its name may stand for "we" or "our method".
_METHOD = r"the (?:proposed|resulting|approach|method|model|framework|system|algorithm)"
OWN_WORK = re.compile(
    rf"^\W*(?:we|our|this|these|it|its|in this|here|{_METHOD})\b"
    rf"|^[^,;:]{{3,60}}, (?:we|our|{_METHOD})\b",
    re.I,
)
_OWN = frozenset(["it", "we", "our"])
_POINTING = frozenset(
    ["it", "its", "they", "them", "their", "this", "that", "these", "those", "he", "she"]
)
# A word with a capital that does not begin the sentence, or has one inside.
_NAMED = re.compile(r"(?<=[\w,;:)] )[A-Z][\w-]*|\b\w+[A-Z][\w-]*")
_SKIPPED = frozenset(["the", "a", "an", "of", "as", "our", "its", "their", "these", "those", "to"])


@dataclass(frozen=True)
class _Source:
    """A sentence as words, with the clause and the part (between semicolons) of each."""

    words: tuple[str, ...]
    clauses: tuple[int, ...]
    parts: tuple[int, ...]


@dataclass(frozen=True)
class Alignment:
    """The places in the source's words that the claim's content words come from. ``in_order``:
    all of them are there, in the claim's order."""

    places: frozenset[int]
    in_order: bool


def said_words(text: str) -> tuple[str, ...]:
    """The words of a text, each bound in one writing."""
    return words(_said(text))


def said_stems(text: str) -> list[str]:
    """The content words of a text, stemmed, in order, without what bounds them."""
    return [stem(word) for word in said_words(text) if word not in STOP and word not in _BOUNDS]


def _said(text: str) -> str:
    """The text folded, with each bound in one writing."""
    said = fold(text)
    for pattern, word in _SAME:
        said = pattern.sub(word, said)
    return said


@lru_cache(maxsize=4096)
def _source(text: str) -> _Source:
    said = _said(text)
    found: list[str] = []
    clauses: list[int] = []
    parts: list[int] = []
    part = clause = start = 0
    for match in [*_CLAUSE.finditer(said), None]:
        end = match.start() if match else len(said)
        here = words(said[start:end])
        found += here
        clauses += [clause] * len(here)
        parts += [part] * len(here)
        if match:
            start = match.end() if not match[0].isalpha() else match.start()
            clause += 1
            part += bool(_PART.match(match[0]))
    return _Source(tuple(found), tuple(clauses), tuple(parts))


def align(claim_stems: tuple[str, ...], source: str) -> Alignment:
    """Finds the stems in the source: the shortest stretch that has them in order, else every
    place where one of them stands."""
    there = [stem(word) for word in _source(source).words]
    best: tuple[int, ...] = ()
    for first in (i for i, word in enumerate(there) if claim_stems and word == claim_stems[0]):
        places = [first]
        for wanted in claim_stems[1:]:
            place = next((i for i in range(places[-1] + 1, len(there)) if there[i] == wanted), -1)
            if place < 0:
                break
            places.append(place)
        if len(places) < len(claim_stems):
            break  # a later beginning finds no more
        if not best or places[-1] - places[0] < best[-1] - best[0]:
            best = tuple(places)
    if best:
        return Alignment(frozenset(best), in_order=True)
    wanted_stems = set(claim_stems)
    everywhere = (i for i, word in enumerate(there) if word in wanted_stems)
    return Alignment(frozenset(everywhere), in_order=not claim_stems)


def bounds_in(text: str) -> set[str]:
    """The bounds and hedges of a text, each in one writing."""
    return set(said_words(text)) & (_BOUNDS | _HEDGES)


def distance_in(text: str) -> set[str]:
    """The stems in a text that keep what it says at a distance."""
    return {stem(word) for word in words(text)} & _DISTANCE


def left_out(claim: str, source: str, alignment: Alignment) -> str:
    """What bound, reserve, negation or distance of the source the claim leaves out or adds, for
    people; empty if none."""
    ours, said = bounds_in(claim), set(said_words(claim))
    dropped = _binding(source, alignment) - ours
    for kept in (
        min(dropped, default=""),
        _compared(source, alignment, said),
        _widened(source, alignment, said),
    ):
        if kept:
            return f"the source says {kept!r}"
    if added := ours - bounds_in(source):
        return f"the source does not say {min(added)!r}"
    if source.rstrip(" \"'”’)").endswith("?"):
        return "the source asks, it does not state"
    if far := _far(source, alignment) - distance_in(claim):
        return f"the source says {min(far)!r}"
    if alignment.in_order and (mixed := _mixed(source, alignment)):
        return f"the source says {mixed!r} there"
    return denied(claim, source, alignment)


def _binding(source: str, alignment: Alignment) -> set[str]:
    """The bounds and hedges of the source that belong to what the claim is taken from."""
    there = _source(source)
    taken = alignment.places
    counted = _counted_clauses(there, taken)
    near = {clause + step for clause in counted for step in (-1, 1)}
    found = set()
    for i, word in enumerate(there.words):
        if word in _BOUNDS:
            binds = _beside(there, i, taken)
        elif word in _HEDGES:
            opens = word in _CONDITIONS and not any(
                there.clauses[j] == there.clauses[i] and there.words[j] not in STOP
                for j in range(max(0, i - 2), i)
            )
            clause = there.clauses[i]
            limits = word in _LIMITS and clause + 1 in counted
            near_by = limits or (opens and clause in near)
            binds = _beside(there, i, taken) or clause in counted or near_by
        else:
            continue
        if binds:
            found.add(word)
    return found


def _compared(source: str, alignment: Alignment, claim_words: set[str]) -> str:
    """What the source compares ("twice as fast as"), where the claim says it plainly."""
    there = _source(source).words
    for i in alignment.places:
        around = there[max(0, i - 1) : i] + there[i + 1 : i + 2]
        if around == ("as", "as") and "as" not in claim_words:
            return f"as {there[i]} as"
    return ""


def _widened(source: str, alignment: Alignment, claim_words: set[str]) -> str:
    """What the source says all or most of, where the claim says it of more."""
    there = _source(source)
    for i, word in enumerate(there.words[:-1]):
        following = there.words[i + 1]
        if word in _WHOLE & claim_words and following not in STOP:
            near = set(range(i + 2, i + 4)) & alignment.places
            if i + 1 not in alignment.places and near:
                return f"{word} {following}"
    return ""


def loses_subject(claim: str, source: str, title: str) -> str:
    """The word that a claim begins with and that points at something ("it"), where the source
    begins with another thing than the paper's own work; empty if none. Said on its own, such a
    claim would be taken for one about the paper."""
    ours = words(fold(claim))
    named = {word for name in _NAMED.findall(f"; {title}") for word in words(fold(name))}
    about = set(words(fold(source))[:SUBJECT])
    own = OWN_WORK.match(source) or (named | _OWN) & about
    return ours[0] if ours and ours[0] in _POINTING and not own else ""


def _mixed(source: str, alignment: Alignment) -> str:
    """What the claim leaves out before a figure or name of a further phrase, and so takes that
    for what another phrase is about: "58% for models, humans 94%" has no 94% for models."""
    there = _source(source)
    taken, telling = alignment.places, _telling(source)
    start = 0
    for i, word in enumerate(there.words):
        if i and (there.clauses[i] != there.clauses[i - 1] or word in _PHRASE):
            start = i
        if i not in taken or i not in telling or min(taken) >= start:
            continue
        first = i
        if not any(map(str.isdigit, word)):  # "the shopping site WebShop": another word for it
            while first > start and first - 1 not in taken and there.words[first - 1] not in STOP:
                first -= 1
        for before in range(start, first):
            dropped = there.words[before]
            if before not in taken and dropped not in STOP and dropped not in _BOUNDS:
                return dropped
    return ""


@lru_cache(maxsize=4096)
def _telling(source: str) -> frozenset[int]:
    """The places of figures and names."""
    named = {word for match in _NAMED.findall(source) for word in words(fold(match))}
    return frozenset(
        i
        for i, word in enumerate(_source(source).words)
        if word in named or any(map(str.isdigit, word))
    )


def _counted_clauses(there: _Source, taken: frozenset[int]) -> set[int]:
    """The clauses that the claim is taken from: two of its words there, or half of the clause."""
    found = set()
    for clause in {there.clauses[i] for i in taken}:
        content = [
            i
            for i, word in enumerate(there.words)
            if there.clauses[i] == clause and word not in STOP
        ]
        ours = len(taken & set(content))
        if ours > 1 or 2 * ours >= len(content):
            found.add(clause)
    return found


def _beside(there: _Source, place: int, taken: frozenset[int]) -> bool:
    """Whether the word at a place stands before a word of the claim, or after one where nothing
    comes after it in its clause."""
    after = place + 1
    while after < len(there.words) and there.words[after] in _SKIPPED:
        after += 1
    follows = after < len(there.words) and there.clauses[after] == there.clauses[place]
    # "most and that ...": what follows a word such as "and" is another phrase.
    if follows and (there.words[after] not in STOP or after in taken):
        return after in taken
    before = place - 1
    return before in taken and there.clauses[before] == there.clauses[place]


def _far(source: str, alignment: Alignment) -> set[str]:
    """The words of distance that what the claim is taken from may depend on: those in its
    clauses, and those before them in the same part of the sentence."""
    there = _source(source)
    counted = _counted_clauses(there, alignment.places) or set(there.clauses)
    last = max(counted, default=0)
    parts = {there.parts[i] for i, clause in enumerate(there.clauses) if clause in counted}
    return {
        found
        for i, word in enumerate(there.words)
        if there.clauses[i] <= last and there.parts[i] in parts
        if (found := stem(word)) in _DISTANCE
    }


def denied(claim: str, source: str, alignment: Alignment) -> str:
    """What negation the claim adds, or leaves out of the part that it is taken from."""
    claim_words = said_words(claim)
    source_words = _source(source).words
    ours = [word for word in claim_words if word in _NEGATIONS]
    if ours and not _NEGATIONS & set(source_words):
        return f"the source does not say {ours[0]!r}"
    if alignment.places:
        first, last = min(alignment.places), max(alignment.places)
        part = source_words[max(0, first - 3) : last + 1]
    else:
        part = source_words
    theirs = [word for word in part if word in _NEGATIONS]
    if len(theirs) > len(ours):
        missing = next((word for word in theirs if word not in ours), theirs[0])
        return f"the source says {missing!r} there"
    return ""
