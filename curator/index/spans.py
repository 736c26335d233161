"""Where the words of a stored text stand, as they are written there.

The word index reads folded text; a reader is shown the stored one, in which a word may hold TeX
and accents: ``G{\\"o}del``, ``{D}eep``, ``na\\"ive``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["words_of"]

_LETTER = r"[^\W_]"
_ACCENT = r"""\\(?:[`'^~=."]|[uvHcdkr](?=\s*\{))(?:\s*\{\s*\\?[A-Za-z]\s*\}|\\?[A-Za-z])"""
_SPECIAL = r"\\(?:ss|ae|AE|oe|OE|aa|AA|o|O|l|L|i|j)(?:\{\}|\s(?=[a-z])|(?![A-Za-z]))"
_SIMPLE = f"(?:{_LETTER}|{_ACCENT}|{_SPECIAL})"
# The last two: letters in braces, with or without a command, and a command such as \alpha.
_WORD = re.compile(rf"(?:{_SIMPLE}|(?:\\[A-Za-z]+)?\{{{_SIMPLE}+\}}|\\[A-Za-z]+(?:\{{\}})?)+")


def words_of(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the words of a stored text, in order; marks and accents belong to their word."""
    # Python's letters do not include the marks that stand after them (é as e and its accent;
    # the vowels of Indic scripts). An "x" in the place of each keeps all places.
    written = text if text.isascii() else "".join(map(_letter, text))
    for match in _WORD.finditer(written):
        yield match.span()


def _letter(character: str) -> str:
    return "x" if unicodedata.category(character)[0] == "M" else character
