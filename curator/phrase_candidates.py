"""What may be a keyphrase of a paper: runs of words of its title and its abstract.

Each is a place in the stored text, so that a keyphrase can be shown as the paper writes it. A
phrase never crosses punctuation, markup, mathematics or the end of a sentence, begins and ends
with a word that means something, and has `LONGEST` words at most. Sentences that give orders to
a program (`curator.injections`) have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from curator.injections import is_injection, stated
from curator.stemming import stem
from curator.text import fold

if TYPE_CHECKING:
    from curator.paper import Paper

__all__ = [
    "FUNCTION",
    "LONGEST",
    "Candidate",
    "Place",
    "Run",
    "Token",
    "candidates_of",
    "key_of",
    "runs_of",
]

LONGEST = 6  # words
# Longer texts than any abstract: what stands further on is not looked at.
MOST = 20_000  # characters

FUNCTION = frozenset([
    "a", "an", "the", "this", "that", "these", "those", "it", "its", "itself", "they", "their",
    "them", "themselves", "we", "our", "ours", "us", "i", "my", "me", "you", "your", "he", "his",
    "she", "her", "him", "one's", "who", "whom", "whose", "which", "what", "where", "when", "why",
    "how", "is", "are", "was", "were", "be", "been", "being", "am", "do", "does", "did", "done",
    "has", "have", "had", "having", "can", "could", "may", "might", "must", "shall", "should",
    "will", "would", "cannot", "of", "in", "on", "at", "by", "for", "from", "to", "into", "onto",
    "over", "under", "with", "without", "within", "as", "and", "or", "nor", "but", "so", "if",
    "then", "than", "while", "there", "here", "also", "such", "both", "each", "any", "some",
    "all", "only", "very", "more", "most", "much", "many", "other", "others", "another", "about",
    "between", "among", "amongst", "through", "throughout", "during", "via", "per", "because",
    "since", "until", "unless", "although", "though", "however", "thus", "hence", "therefore",
    "moreover", "furthermore", "nevertheless", "whereas", "whether", "either", "neither", "not",
    "no", "yet", "still", "even", "just", "often", "too", "up", "upon", "toward", "towards",
    "against", "across", "along", "after", "before", "above", "below", "beyond", "despite",
    "instead", "rather", "quite", "well", "e.g", "i.e", "etc", "et", "al", "vs", "cf", "these",
    "further", "again", "once", "now", "same", "few", "fewer", "less", "least", "several", "own",
    "every", "everything", "something", "anything", "nothing", "everyone", "someone", "let",
    "like", "unlike", "due", "according", "including", "regarding", "concerning", "using", "out",
    "off", "around", "away", "back", "down", "else", "ever", "never", "always", "perhaps",
])  # fmt: skip
# These may stand within a phrase: "chain of thought", "text to image".
INSIDE = frozenset({"of", "to"})
# Words by which other languages join theirs, for abstracts that are not in English, where
# shorter ones count as such without being named.
SHORT = 3  # letters
FOREIGN = frozenset(
    map(
        fold,
        [
            "eine", "einer", "eines", "einem", "einen", "sind", "wird", "werden", "nicht", "auch",
            "sich", "nach", "über", "durch", "oder", "dass", "diese", "dieser", "dieses", "sont",
            "dans", "pour", "avec", "nous", "cette", "plus", "entre", "para", "como", "esta",
            "este", "della", "delle", "sono", "degli", "nella", "pela", "pelo", "также", "который",
            "которые", "которых", "является", "между", "более", "было", "были", "этот", "этой",
            "через", "чтобы", "можно", "який", "яких", "після",
        ],
    )
)  # fmt: skip

_ACCENTED = r"""\{?\\[`'^~=."]\{?\\?[A-Za-z]\}?\}?|\\[uvHcdkr]\{\\?[A-Za-z]\}"""
_PART = rf"(?:[^\W_]|{_ACCENTED})+"
_WORD = re.compile(rf"{_PART}(?:[-‐‑–./'’]{_PART})*(?:\+\+|\#)?")
# Scripts written without spaces between words: Han, kana, Thai, Lao, Khmer, Myanmar. Which of
# their characters are a word, no rule here can say.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# What is no text: addresses, tags and entities of HTML.
_NOT_TEXT = re.compile(
    rf"(?:https?://|www\.)\S+|\S{{1,80}}@\S+\.\w+|</?[A-Za-z][^<>]{{0,200}}>|&#?\w{{2,8}};|"
    rf"[{_UNSPACED}]+"
)
# Mathematics and commands of TeX: what is glued to them ("$k$-means") is no whole word.
_TEX = re.compile(
    r"\$[^$]{1,200}\$|\\(?:cite|ref|label|url|href)\w*\s*\{[^{}]*\}|\\[A-Za-z]{2,}(?:\{\})?"
)
_HIDDEN, _GLUE = "\x00", "\x01"
# "175B" alone says nothing; "E.F." is a person.
_QUANTITY = re.compile(r"\d[\d.,]*[^\W\d_]{0,2}")
_INITIALS = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")
_POSSESSIVE = re.compile(r"['’]s?$")


@dataclass(frozen=True, slots=True)
class Token:
    """A word: where it stands in the stored text (title, line end, abstract), and folded."""

    start: int
    end: int
    word: str

    @property
    def joins(self) -> bool:
        """Whether it only joins others (articles, prepositions and so on)."""
        return self.word in FUNCTION


@dataclass(frozen=True, slots=True)
class Run:
    """Words between which only white space lies; ``before`` and ``after`` are the characters
    around them (``^`` and ``$`` at the ends of a sentence). ``sentence`` 0 is the title."""

    tokens: tuple[Token, ...]
    before: str
    after: str
    sentence: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a candidate occurs: words ``first`` to ``last`` of a run, both included."""

    run: Run
    first: int
    last: int

    @property
    def tokens(self) -> tuple[Token, ...]:
        return self.run.tokens[self.first : self.last + 1]

    @property
    def start(self) -> int:
        return self.run.tokens[self.first].start

    @property
    def end(self) -> int:
        return self.run.tokens[self.last].end


@dataclass(frozen=True, slots=True)
class Candidate:
    """A phrase with all its places, in order; ``key`` is what its writings have in common."""

    key: tuple[str, ...]
    places: tuple[Place, ...]


def runs_of(paper: Paper) -> list[Run]:
    """The runs of words of a paper, in order."""
    found: list[Run] = []
    if not is_injection(paper.title):
        found += _runs(paper.title, 0, 0)
    base = len(paper.title) + 1
    for number, span in enumerate(stated(paper.abstract), 1):
        if span.start > MOST:
            break
        found += _runs(span.text[:MOST], base + span.start, number)
    return found


def candidates_of(runs: Sequence[Run]) -> list[Candidate]:
    """The candidates among runs, in the order in which they first occur.

    Nothing here knows the verbs of other languages than English, so there a phrase must be in
    the title, or be repeated.
    """
    places: dict[tuple[str, ...], list[Place]] = {}
    english = _is_english(runs)
    for run in runs:
        for place in _phrases(run, english):
            places.setdefault(key_of(place.tokens), []).append(place)
    return [
        Candidate(key, tuple(where))
        for key, where in places.items()
        if english or len(where) > 1 or where[0].run.sentence == 0
    ]


def key_of(tokens: Sequence[Token]) -> tuple[str, ...]:
    """Stems of the words, compounds apart: ``neural-network models`` → neural, network, model."""
    return tuple(part for token in tokens for part in _stems(token.word))


@lru_cache(maxsize=65536)
def _stems(word: str) -> tuple[str, ...]:
    parts = re.split(r"[-‐‑–./'’]", _POSSESSIVE.sub("", word))
    return tuple(_stem(part) for part in parts if part)


def _stem(word: str) -> str:
    """As `stem`, which leaves short plurals and those of words in -ing alone."""
    if word.endswith("ies") and len(word) > 4:
        word = f"{word[:-3]}y"
    elif word.endswith(("sses", "xes", "ches", "shes")):
        word = word[:-2]
    elif len(word) > 2 and word.endswith("s") and not word.endswith(("ss", "us", "is", "as")):
        word = word[:-1]
    return stem(word)


def _runs(text: str, base: int, sentence: int) -> Iterator[Run]:
    hidden = _NOT_TEXT.sub(lambda match: _HIDDEN * len(match.group()), text)
    hidden = _TEX.sub(lambda match: _GLUE * len(match.group()), hidden)
    tokens: list[Token] = []
    before, end = "^", 0

    def made(after: str) -> Run:
        return Run(tuple(tokens), before, after, sentence)

    for match in _WORD.finditer(hidden):
        gap = hidden[end : match.start()]
        if gap.rstrip("-").endswith(_GLUE) or hidden[match.end() : match.end() + 1] == _GLUE:
            continue
        if tokens and gap.strip():
            yield made(gap.strip()[0])
            tokens = []
        if gap.strip():
            before = gap.strip()[-1]
        tokens.append(Token(base + match.start(), base + match.end(), fold(match.group())))
        end = match.end()
    if tokens:
        rest = hidden[end:].strip()
        yield made(rest[0] if rest and rest[0] not in ".!?" else "$")


def _phrases(run: Run, english: bool) -> Iterator[Place]:
    tokens = run.tokens
    for first in range(len(tokens)):
        if not _may_end(tokens[first], english):
            continue
        for last in range(first, min(first + LONGEST, len(tokens))):
            token = tokens[last]
            if _may_end(token, english):
                if last > first or not _QUANTITY.fullmatch(token.word):
                    yield Place(run, first, last)
            elif token.word not in INSIDE or last == first:
                break


def _may_end(token: Token, english: bool) -> bool:
    """Whether a phrase may begin or end with it."""
    word = token.word
    if word in FUNCTION or not any(map(str.isalpha, word)) or _INITIALS.fullmatch(word):
        return False
    if english:
        return len(word) > 1 or token.end - token.start > 1
    return len(word) > SHORT and word not in FOREIGN


def _is_english(runs: Sequence[Run]) -> bool:
    """Whether enough words of a text are among those that join English ones."""
    words = [token.word for run in runs for token in run.tokens]
    return len(words) < 12 or sum(word in FUNCTION for word in words) >= len(words) * 0.15
