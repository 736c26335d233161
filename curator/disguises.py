"""The ways in which a text can be written so that a filter of words does not see it.

After Boucher et al. (2022), *Bad characters*, Wei et al. (2023), *Jailbroken*, and Greshake et
al. (2023), *Not what you've signed up for*: invisible characters, letters of other scripts that
look alike, figures for letters, spaced or divided words, text turned round, ROT13, base64 and
hexadecimal. What a text says under each of them is compared beside what it says as it stands;
ordinary text has one reading, itself.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator
from urllib.parse import unquote

from curator.text import fold, squeeze, strip_controls

__all__ = ["is_mixed", "readings", "spelled_out", "visible"]

# Letters of other scripts that look like Latin ones, folded (small, without accents).
_ALIKE = str.maketrans({
    other: letter
    for letter, others in {
        "a": "аαᴀɑ", "b": "вьβʙ", "c": "сϲᴄ", "d": "ԁᴅ", "e": "еεєᴇ", "f": "ꜰғ", "g": "ԍցɡɢ",
        "h": "һնʜ", "i": "іιıɪ", "j": "јᴊ", "k": "кκᴋ", "l": "ӏʟ", "m": "мᴍ", "n": "пηոɴ",
        "o": "оοօᴏ", "p": "рρᴘ", "q": "ԛզ", "r": "гʀᴦ", "s": "ѕꜱ", "t": "тτᴛ", "u": "υսᴜ",
        "v": "ѵνᴠ", "w": "ԝωᴡ", "x": "хχ", "y": "уγʏ", "z": "ᴢ",
    }.items()
    for other in others
})  # fmt: skip
# Greek letters stand in honest words ("μm").
_MIXED = re.compile(
    r"\b(?=\w*[A-Za-z])(?=\w*[\u0400-\u052f\u0530-\u058f\u13a0-\u13ff\u1d00-\u1d2b])[^\W\d_]{3,}\b"
)
MIXED = 3  # words; a stray letter of another keyboard is in many an honest text
_TAGS = re.compile("[\U000e0020-\U000e007e]+")
_BIDI = re.compile("[\u202d\u202e]")
_LEET = str.maketrans("013457@$!|", "oieastasil")
_LEET_WORD = re.compile(r"(?=\S*[a-z])(?=\S*[013457@$!|])[a-z013457@$!|]{3,}")
# "i g n o r e", "i.g.n.o.r.e": single letters, of which words have at most two in a row.
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W\d_][\s._*·|/-]+){6,}[^\W\d_](?![^\W_])")
_DIVIDED = re.compile(r"(?<=[^\W\d_])[-·.*_+|~^](?=[^\W\d_])")
_MARKUP = re.compile(r"[*_`~#>|=]+")
_KEYS = re.compile(r"ignore|disregard|previous|instruction|summar|assistant|recommend|prompt|reply")
_BASE64 = re.compile(r"(?<![\w+/])[A-Za-z0-9+/_-]{24,}={0,2}(?![\w+/])")
_HEX = re.compile(r"(?<!\w)(?:0x)?(?:[0-9a-fA-F]{2}[\s:,]?){16,}(?!\w)")
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|&#x?[0-9a-fA-F]{2,5};){4,}")
_ESCAPE = re.compile(r"\\[ux]([0-9a-fA-F]{2,4})|&#(x?)([0-9a-fA-F]{2,5});")
_PERCENT = re.compile(r"(?:\S*%[0-9a-fA-F]{2}){4,}\S*")
# Words that orders to a program have, turned round and in ROT13: no word of a language has them.
_REVERSED = re.compile(r"snoitcurtsni|erongi|tpmorp|yrammus|dragersid|tnatsissa|suoiverp")
_ROT13 = re.compile(r"vafgehpgvba|vtaber|cebzcg|fhzznel|qvfertneq|nffvfgnag|cerivbhf|flfgrz")


def visible(text: str) -> str:
    """The text without characters that are not to be seen."""
    return strip_controls(text)


def readings(text: str) -> Iterator[str]:
    """What a text says, folded: as it stands, and under each disguise that it seems to wear."""
    shown = visible(text)
    plainly = squeeze(_MARKUP.sub(" ", fold(shown)))
    yield plainly
    if _TAGS.search(text):
        yield fold("".join(chr(ord(c) - 0xE0000) for run in _TAGS.findall(text) for c in run))
    base = plainly
    if not plainly.isascii() and (alike := plainly.translate(_ALIKE)) != plainly:
        base = alike
        yield alike
    if len(_LEET_WORD.findall(base)) > 1:
        leet = _LEET_WORD.sub(lambda m: m.group().translate(_LEET), base)
        if leet != base:
            yield leet
    whole = _DIVIDED.sub("", base)
    if whole != base and set(_KEYS.findall(whole)) - set(_KEYS.findall(base)):
        yield whole
    if _SPACED.search(base):
        yield _SPACED.sub(lambda m: _joined(m.group()), base)
    if _REVERSED.search(base) or _BIDI.search(text):
        yield base[::-1]
    if _ROT13.search(base):
        yield codecs.decode(base, "rot13")
    for hidden in [*spelled_out(shown), *_unescaped(shown)]:
        yield squeeze(fold(hidden))


def spelled_out(text: str) -> list[str]:
    """What base64 and hexadecimal figures of a text stand for, where that is words."""
    found: list[str] = []
    for match in _BASE64.finditer(text):
        code = match.group().replace("-", "+").replace("_", "/").rstrip("=")
        found += _words(_from_base64(code))
    for match in _HEX.finditer(text):
        figures = re.sub(r"0x|[\s:,]", "", match.group())
        found += _words(bytes.fromhex(figures[: len(figures) // 2 * 2]))
    return found


def is_mixed(text: str) -> bool:
    """Whether several words are written with letters of two alphabets, as no keyboard does."""
    return len(_MIXED.findall(text)) >= MIXED


def _unescaped(text: str) -> list[str]:
    """The text with its escaped characters as what they stand for."""
    found = [_ESCAPE.sub(_character, text)] if _ESCAPES.search(text) else []
    return found + [unquote(match.group()) for match in _PERCENT.finditer(text)]


def _joined(letters: str) -> str:
    """Spaced letters as one long word: where the words end was lost with the spaces."""
    return re.sub(r"[\s._*·|/-]+", "", letters)


def _from_base64(code: str) -> bytes:
    try:
        return base64.b64decode(code + "=" * (-len(code) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _words(data: bytes) -> list[str]:
    """Bytes as text, where they are that and have several words."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return []
    ordinary = sum(c.isalpha() or c in " .,:;!?'\"-()\n" for c in text)
    return [text] if len(text.split()) > 1 and ordinary >= 0.8 * len(text) else []


def _character(match: re.Match[str]) -> str:
    code, hexadecimal, entity = match.groups()
    number = int(code, 16) if code else int(entity, 16 if hexadecimal else 10)
    return chr(number) if number < 0xD800 else " "
