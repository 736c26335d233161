"""Plain text from the text that papers really have: TeX accents, macros, odd spaces.

Nothing here changes what is stored. Stored text stays as it came, so that a quote is a
quote; these functions make the forms that are compared, searched and shown.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["clean", "fold", "plain", "squeeze", "strip_controls", "title_key"]

# TeX accent commands and the Unicode combining mark that each stands for.
_ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306",
    ".": "\u0307", '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323",
    "c": "\u0327", "k": "\u0328",
}  # fmt: skip
_LETTERS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł",
    "L": "Ł", "aa": "å", "AA": "Å", "i": "i", "j": "j",
}  # fmt: skip
_GREEK = {
    name: unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}")
    for name in (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
        *("mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
    )
} | {
    "lambda": "λ", "varepsilon": "ε", "varphi": "φ", "vartheta": "θ", "Gamma": "Γ",
    "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
_SYMBOLS = {
    "times": "×", "rightarrow": "→", "to": "→", "leftarrow": "←", "pm": "±", "approx": "≈",
    "sim": "~", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "infty": "∞", "cdot": "·",
    "ldots": "…", "dots": "…", "textendash": "–", "textemdash": "—", "star": "*", "ast": "*",
}  # fmt: skip
_NAMED = _LETTERS | _GREEK | _SYMBOLS

_ACCENT_MARK = re.compile(r"""\\([`'^~=."])(?:\s*\{\s*\\?([A-Za-z])\s*\}|\\?([A-Za-z]))""")
_ACCENT_WORD = re.compile(r"\\([uvHcdkr])\s*\{\s*\\?([A-Za-z])\s*\}")
_NAMED_COMMAND = re.compile(r"\\([A-Za-z]+)(\s*\{\}|(?![A-Za-z]))\s?")
_BRACED_COMMAND = re.compile(r"\\([A-Za-z]+)\s*\{([^{}]*)\}")
_ESCAPED = re.compile(r"\\([%&#_ ])")
# Escaped dollars and braces wait as private characters while the TeX ones are taken out.
_KEPT = {"\\$": "\ue000", "\\{": "\ue001", "\\}": "\ue002"}
# As pandoc tells mathematics from money ("$5 to $10"): no space inside either dollar sign,
# no digit after the second.
_MATH = re.compile(r"\$(?=\S)([^$]*)(?<=\S)\$(?!\d)")
# What strip_controls does, for text that is ASCII.
_ASCII_CONTROLS = dict.fromkeys([*range(32), 127]) | dict.fromkeys(map(ord, "\t\r\n\x0b\x0c"), " ")
_BEYOND_ASCII = re.compile(r"([^\x00-\x7f]+)")
# Of ASCII what title_key leaves out: all but digits and small letters.
_NOT_IN_KEYS = dict.fromkeys(i for i in range(128) if not chr(i).isalnum())


def _combine(mark: str, letter: str) -> str:
    return unicodedata.normalize("NFC", letter + _ACCENTS[mark])


# Of Unicode's Default_Ignorable_Code_Point those that str.isprintable() lets pass: the grapheme
# joiner, Hangul and Khmer fillers, variation selectors.
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def _unwrap(match: re.Match[str]) -> str:
    name, argument = match.groups()
    if name in _NAMED:  # \alpha{} is a letter, not an unknown name
        return str(_NAMED[name]) + argument
    return argument or name


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    r"""Text as a reader would write it: ``T\"ulu`` → ``Tülu``, ``5\%`` → ``5%``.

    Unknown macros become their argument, or their name where they have none, since in
    abstracts those are mostly the names of systems (``\benchname{}``).
    """
    if "\\" in text or "$" in text or "{" in text:
        text = _ACCENT_MARK.sub(lambda m: _combine(m[1], m[2] or m[3]), text)
        text = _ACCENT_WORD.sub(lambda m: _combine(m[1], m[2]), text)
        for escaped, kept in _KEPT.items():
            text = text.replace(escaped, kept)
        text = _ESCAPED.sub(r"\1", text)
        for _ in range(3):  # nested commands: \textbf{\emph{x}}
            text, changed = _BRACED_COMMAND.subn(_unwrap, text)
            if not changed:
                break
        text = _NAMED_COMMAND.sub(lambda m: _NAMED.get(m[1], m[1] + " "), text)
        text = _MATH.sub(r"\1", text).replace("{", "").replace("}", "")
        for escaped, kept in _KEPT.items():
            text = text.replace(kept, escaped[1])
    return squeeze(text)


def fold(text: str) -> str:
    """Lower case without accents, for searching: ``TÜLU 3`` and ``T\\"ulu 3`` → ``tulu 3``."""
    if text.isascii() and not ("\\" in text or "$" in text or "{" in text or "}" in text):
        return squeeze(text.lower())  # most text, and some thirty times faster
    return _fold(text)


@lru_cache(maxsize=4096)
def _fold(text: str) -> str:
    written = plain(text)
    if written.isascii():
        return squeeze(written.lower())
    # Only what is beyond ASCII needs Unicode's tables. A lone accent decomposes into a space and
    # the accent, hence squeezed once more.
    parts = _BEYOND_ASCII.split(written)
    parts[::2] = [part.lower() for part in parts[::2]]
    parts[1::2] = [_fold_beyond(part) for part in parts[1::2]]
    return squeeze("".join(parts))


@lru_cache(maxsize=4096)
def _fold_beyond(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def title_key(title: str) -> str:
    """What two writings of one title have in common: folded letters and digits, no spaces."""
    folded = fold(title)
    if folded.isascii():
        return folded.translate(_NOT_IN_KEYS)
    return "".join(c for c in folded if c.isalnum())


def squeeze(text: str) -> str:
    """One space wherever there was white space, none at the ends."""
    return " ".join(text.split())


def clean(text: str) -> str:
    """``squeeze(strip_controls(text))``, without looking at each character of good text."""
    if text.isprintable():  # then a space is all the white space there is
        short = text.strip() if "  " not in text else squeeze(text)
    else:
        short = squeeze(text)
        # Of white space, strip_controls drops \x1c to \x1f, which squeeze makes spaces.
        if not short.isprintable() or any(mark in text for mark in "\x1c\x1d\x1e\x1f"):
            return squeeze(strip_controls(text))
    if short.isascii() or not _IGNORABLE.search(short):
        return short
    return squeeze(strip_controls(text))


def strip_controls(text: str) -> str:
    """Without control characters, which terminals and feeds would obey or choke on.

    Tabs and line ends become spaces. Zero-width and direction marks go too: they can hide
    text from a reader that a model still sees; so can the marks and fillers that Unicode calls
    printable though nothing is to be seen of them.
    """
    if text.isprintable() and (text.isascii() or not _IGNORABLE.search(text)):
        return text  # nearly all text, and much faster to find out
    if text.isascii():
        return text.translate(_ASCII_CONTROLS)
    return "".join(
        " " if c in "\t\r\n\x0b\x0c\x85\u2028\u2029" else c
        for c in text
        if c in "\t\r\n\x0b\x0c\x85"
        or not (unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} or _IGNORABLE.match(c))
    )
