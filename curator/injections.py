"""Sentences of an abstract that give orders to the program which reads it.

An abstract may be written for that program (*indirect prompt injection*, Greshake et al. 2023;
hidden lines for reviewing models were found in preprints in 2025). Such sentences stay in the
library and are found there, but nothing that is said of a paper is made of them. Rules, from
what is written about attacks: orders to drop what was said before (Perez and Ribeiro 2022),
made-up ends, roles and templates (Liu et al. 2024), orders about the output, and addresses to a
summariser or reviewer; in several languages, and under the disguises of `curator.disguises`.

A paper *about* such attacks quotes them and tells of them. So an order counts where it is one:
at the beginning of a sentence or clause, or said to "you" or about what is made of "this paper".
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from curator.disguises import is_mixed, readings, spelled_out, visible
from curator.injection_languages import OTHER_LANGUAGES
from curator.injection_marks import BLOCKS, MARKS, ROLES
from curator.injection_orders import GOES_ON, ORDERS, RUN_TOGETHER
from curator.sentences import Span, split_sentences

__all__ = ["injected", "is_injection", "stated"]

_QUOTED = re.compile(r"[\"“„«][^\"“”„«»]{2,}[\"”“»]|(?<!\w)['‘][^'‘’]{6,}['’](?!\w)")
# Who tells of attacks has these beside what is quoted.
_TELLS = re.compile(
    r"\b(?:attack\w*|adversar\w*|malicious|inject\w*|jailbreak\w*|prompts?|prompting|prompted|"
    r"instruct\w*|such as|e\.g\.|for example|phrases?|called|termed|asked|asking|we|our|models?|"
    r"users?|queries|query|question)\b",
    re.IGNORECASE,
)
# Where so many words are these, no other language needs to be thought of.
_ENGLISH = frozenset([
    "the", "a", "an", "of", "and", "to", "in", "for", "on", "with", "by", "from", "that", "this",
    "these", "is", "are", "be", "we", "our", "it", "its", "as", "at", "or", "which", "can", "not",
    "has", "have", "than", "between", "into", "their", "was", "were", "using", "such",
])  # fmt: skip
ENGLISH = 0.3
LONG_WORD = 14  # letters
BETWEEN = 2  # places
# A longer sentence is looked at in pieces that overlap, since some patterns look far back.
PIECE, OVERLAP = 1_200, 300  # characters


@lru_cache(maxsize=8192)
def is_injection(sentence: str) -> bool:
    """Whether a sentence (or title) gives an order to the program that reads it."""
    text = sentence.replace("``", '"').replace("''", '"')
    if len(text) > PIECE:
        starts = range(0, len(text) - OVERLAP, PIECE - OVERLAP)
        return any(is_injection(text[start : start + PIECE]) for start in starts)
    if not _is_order(text):
        return False
    rest = _QUOTED.sub(" X ", visible(text))
    return rest == visible(text) or not _TELLS.search(rest) or _is_order(rest)


def _is_order(text: str) -> bool:
    shown = visible(text)
    if MARKS.search(shown) or ROLES.search(shown) or spelled_out(shown) or is_mixed(shown):
        return True
    return any(_orders(reading) for reading in readings(text))


def _orders(reading: str) -> bool:
    words = reading.split()
    return (
        any(pattern.search(reading) for pattern in ORDERS)
        or any(RUN_TOGETHER.search(word) for word in words if len(word) >= LONG_WORD)
        or (
            sum(word in _ENGLISH for word in words) < ENGLISH * len(words)
            and any(pattern.search(reading) for pattern in OTHER_LANGUAGES)
        )
    )


@lru_cache(maxsize=2048)
def injected(text: str) -> frozenset[int]:
    """Which sentences of an abstract (by their ``index``) are orders to a program, or stand in
    a block of such, or go on with one beside them."""
    spans = split_sentences(text)
    blocks = [match.span() for match in BLOCKS.finditer(text)]
    found = {
        span.index
        for span in spans
        if any(start < span.end and span.start < end for start, end in blocks)
        or is_injection(span.text)
    }
    for order in (spans, spans[::-1]):
        before = -2
        for span in order:
            if abs(span.index - before) == 1 and GOES_ON.search(visible(span.text[:PIECE])):
                found.add(span.index)
            if span.index in found:
                before = span.index
    # No abstract goes on with its subject for one sentence between two orders.
    for one, other in pairwise(sorted(found)):
        if other - one <= BETWEEN:
            found.update(range(one, other))
    # In the midst of Latin letters, a sentence or two in other ones that no rule here can judge.
    strange = {span.index for span in spans if _is_strange(span.text)}
    return frozenset(found | strange if len(strange) * 2 < len(spans) else found)


def _is_strange(sentence: str) -> bool:
    """Whether most letters are neither Latin nor Greek."""
    letters = [c for c in sentence if c.isalpha()]
    strange = sum(c > "\u03ff" and not "\u1e00" <= c <= "\u1fff" for c in letters)
    return not sentence.isascii() and strange > len(letters) / 2


def stated(text: str) -> list[Span]:
    """The sentences of an abstract without those that are `injected`."""
    left_out = injected(text)
    return [span for span in split_sentences(text) if span.index not in left_out]
