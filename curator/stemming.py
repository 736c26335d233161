"""Words of a text for comparing texts: folded, split, and brought to a light stem."""

from __future__ import annotations

import re
from functools import lru_cache

from curator.text import fold

__all__ = ["STOP", "WORD", "number_words", "stem", "stems", "words"]

WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_UNITS = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
# "One" is more often a pronoun than a figure.
_NUMBERS = {name: str(value) for value, name in enumerate(_UNITS, 1) if name != "one"}
_NUMBERS |= {name: str(10 * value) for value, name in enumerate(_TENS, 2)}
_NUMBERS |= {
    f"{ten}-{unit}": str(10 * tens + value)
    for tens, ten in enumerate(_TENS, 2)
    for value, unit in enumerate(_UNITS[:9], 1)
}
_NUMBER_WORD = re.compile(
    rf"\b(?:(?:{'|'.join(_TENS)})-(?:{'|'.join(_UNITS[:9])})|{'|'.join(_TENS + _UNITS[1:])})\b",
    re.IGNORECASE,
)
STOP = frozenset([
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
_SUFFIXES = (
    ("izations", "iz"), ("ization", "iz"), ("isation", "iz"), ("ising", "iz"),
    ("izing", "iz"), ("ised", "iz"), ("ized", "iz"), ("ise", "iz"), ("ize", "iz"),
    ("sses", "ss"), ("ies", "y"), ("ied", "y"), ("ations", "at"), ("ation", "at"),
    ("ating", "at"), ("ated", "at"), ("ates", "at"), ("ate", "at"), ("ements", ""),
    ("ement", ""), ("ing", ""), ("edly", ""), ("ed", ""), ("es", ""), ("ly", ""),
    ("s", ""), ("e", ""),
)  # fmt: skip
_SHORT = 3  # letters that a stem has at least


def stems(text: str) -> list[str]:
    """The content words of a text, stemmed, in order."""
    return [stem(word) for word in words(text) if word not in STOP]


def number_words(text: str) -> str:
    """The text with its number words (two to ninety-nine) in digits."""
    return _NUMBER_WORD.sub(lambda match: _NUMBERS[match[0].lower()], text)


@lru_cache(maxsize=8192)
def words(text: str) -> tuple[str, ...]:
    """The words of a text in order: folded, parts of compounds apart, number words in digits."""
    text = re.sub(r"\b(ca|wo)n['’]t\b", "can not", fold(text))
    text = re.sub(r"n['’]t\b", " not", text)
    text = re.sub(r"['’]s\b", "", text)
    text = number_words(re.sub(r"(?<=\d),(?=\d{3}\b)", "", text))
    return tuple(
        part for match in WORD.finditer(text) for part in re.split(r"[-'’]", match.group()) if part
    )


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A light stem: enough to join the forms of one word, too little to join two words."""
    if len(word) <= _SHORT or word.isdigit():
        return word
    for suffix, replacement in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORT and not word.endswith("ss"):
            found = word[: len(word) - len(suffix)] + replacement
            if len(found) > _SHORT and found[-1] == found[-2] and found[-1] not in "lsz":
                found = found[:-1]
            return found
    return word
