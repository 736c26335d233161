r"""What raw BibTeX values say: abbreviations put in, braces that only protect taken off.

TeX stays, as everywhere in what is stored; `curator.text.plain` shows it. Only writings of it
that ``plain`` does not know are made ones that it does: ``{\v c}`` becomes ``\v{c}``,
``\textbraceleft{}`` a ``\{``, and ``{\em word}`` the word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from curator.text import squeeze

__all__ = ["MONTHS", "address_of", "inner", "text_of", "unbraced"]

MONTHS = {
    "jan": "January", "feb": "February", "mar": "March", "apr": "April", "may": "May",
    "jun": "June", "jul": "July", "aug": "August", "sep": "September", "oct": "October",
    "nov": "November", "dec": "December",
}  # fmt: skip

# Abbreviations can be made of abbreviations: forty of them, each twice the one before, would be
# a terabyte.
MAX_EXPANDED = 200_000  # characters

_BARE = re.compile(r"[^\s#\"{}]++")
_MARK = re.compile(r"[{}\"]")
_MARK_OR_ESCAPED = re.compile(r"\\[{}\\\"]|[{}\"]")
_ACCENT_IN_GROUP = re.compile(r"\{\\([\"'`^~=.])\s*(?:\{\s*(\\?[A-Za-z])\s*\}|(\\?[A-Za-z]))\s*\}")
_ACCENT_AND_SPACE = re.compile(r"\\([uvHcdkr])\s+(\\?[A-Za-z])(?![A-Za-z])")
_SYMBOLS = {
    "asciitilde": "~", "asciicircum": "^", "braceleft": r"\{", "braceright": r"\}",
    "underscore": r"\_", "bar": "|", "less": "<", "greater": ">", "quoteleft": "‘",
    "quoteright": "’", "quotedblleft": "“", "quotedblright": "”", "bullet": "•",
}  # fmt: skip
_SYMBOL = re.compile(rf"\\text({'|'.join(_SYMBOLS)})(?:\{{\}}|(?![A-Za-z])\s*)|\\([\^~])\{{\}}")
# Formatting that lasts to the end of its group.
_SWITCHES = {
    f"\\{name}"
    for name in (
        *("em", "it", "bf", "sc", "rm", "tt", "sf", "sl", "bfseries", "itshape", "scshape"),
        *("slshape", "ttfamily", "sffamily", "rmfamily", "mdseries", "upshape", "normalfont"),
    )
}
_TOKEN = re.compile(
    r"\{\\[A-Za-z]+\s*\}|\\[A-Za-z]+\*?\s*(?:\[[^\[\]{}]*\]\s*)?|\\.|[{}$]|[^\\{}$]+", re.DOTALL
)
_MARKS = tuple("\"'`^~=.")  # of accents
_IN_ADDRESS = re.compile(r"\\([_%&#$~{}])|\{\\(?:textasciitilde|~\{?\}?|_)\s*(?:\{\})?\}")
_URL = re.compile(r"\\(?:url|href|path|nolinkurl)\s*\{((?:[^{}]++|\{[^{}]*+\})*+)\}")


def text_of(raw: str, strings: Mapping[str, str]) -> str:
    """The text of a raw value: its pieces without braces or quotes, joined.

    ``strings`` has the texts of abbreviations by lower-case name; one that is not known stands
    for itself.
    """
    texts: list[str] = []
    size = 0
    for piece in _pieces(raw):
        if piece[0] in '{"' and len(piece) > 1:
            text = piece[1:-1]
        else:
            name = piece.lower()
            text = strings.get(name) or MONTHS.get(name) or piece
        size += len(text)
        if size > MAX_EXPANDED > len(raw):
            return raw
        texts.append(text)
    return "".join(texts)


def inner(raw: str) -> tuple[str, str, str] | None:
    """Opening mark, content and closing mark of a value in one piece; None for others."""
    pieces = _pieces(raw)
    if len(pieces) != 1 or pieces[0] != raw or len(raw) < 2 or raw[0] not in '{"':
        return None
    return raw[0], raw[1:-1], raw[-1]


def unbraced(text: str) -> str:
    r"""Text without the braces that keep capitals or hold a name together.

    Arguments of commands and mathematics keep theirs: ``{BERT} and $x_{i}$ for
    \emph{{NLP} tasks}`` → ``BERT and $x_{i}$ for \emph{NLP tasks}``.
    """
    if "\\" in text:
        text = _ACCENT_IN_GROUP.sub(lambda m: rf"\{m[1]}{{{m[2] or m[3]}}}", text)
        text = _ACCENT_AND_SPACE.sub(r"\\\1{\2}", text)
        text = _SYMBOL.sub(lambda m: _SYMBOLS[m[1]] if m[1] else m[2], text)
    if not any(mark in text for mark in "\\{}"):
        return text
    parts: list[str] = []
    kept: list[bool] = []  # for each open brace, whether it stays
    in_math = False
    takes_argument = False  # what precedes is a command, or the end of an argument
    for token in _TOKEN.findall(text):
        if token == "$":
            in_math = not in_math
        if token == "{":
            kept.append(in_math or takes_argument)
            takes_argument = False
            parts.append("{" if kept[-1] else "")
        elif token == "}":
            after_command = bool(parts) and parts[-1][:1] == "\\" and parts[-1][-1:].isalpha()
            takes_argument = bool(kept) and kept.pop()
            parts.append("}" if takes_argument else "{}" if after_command else "")
        elif in_math or token.rstrip() not in _SWITCHES:
            takes_argument = token[0] == "\\" and (token[1:2].isalpha() or token[1:2] in _MARKS)
            parts.append(token)
    return "".join(parts)


def address_of(text: str) -> str:
    """A DOI or an address without the escapes that TeX needs."""
    found = _URL.search(text)
    text = _IN_ADDRESS.sub(
        lambda m: m[1] or ("_" if "_" in m[0] else "~"), found[1] if found else text
    )
    text = text.replace("$<$", "<").replace("$>$", ">")
    return squeeze(text.replace("{", "").replace("}", ""))


def _pieces(raw: str) -> list[str]:
    """The pieces of a value that ``#`` joins."""
    if "#" not in raw:
        return [raw] if raw else []
    return _cut(raw, _MARK) or _cut(raw, _MARK_OR_ESCAPED) or [raw]


def _cut(raw: str, marks: re.Pattern[str]) -> list[str]:
    """The pieces, or none where braces and quotes do not match by this count."""
    found: list[str] = []
    at = 0
    while at < len(raw):
        if raw[at] in '{"':
            end = _end_of_piece(raw, at, marks)
            if end is None:
                return []
        else:
            bare = _BARE.match(raw, at)
            end = bare.end() if bare else at + 1
        piece = raw[at:end]
        at = end
        if piece != "#" and not piece.isspace():
            found.append(piece)
    return found


def _end_of_piece(raw: str, at: int, marks: re.Pattern[str]) -> int | None:
    depth, quoted = 0, raw[at] == '"'
    for mark in marks.finditer(raw, at + quoted):
        if mark[0] == '"' and quoted and depth == 0:
            return mark.end()
        depth += {"{": 1, "}": -1}.get(mark[0], 0)
        if mark[0] == "}" and depth == 0 and not quoted:
            return mark.end()
    return None
