"""Makes the bytes of an XML file readable where one damaged spot would cost all of the rest.

XML knows no small errors: one byte of another encoding, one control character, one ``&nbsp;``
or bare ``&`` ends the reading of a whole file. Those four are mended here, in constant memory
and line by line, so that line numbers stay true; everything else is left to the parser.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from html.entities import html5
from typing import BinaryIO

from curator.errors import InputError

__all__ = ["BAD_BYTES", "utf8"]

# Stands where bytes could not be decoded: a noncharacter, which XML allows and no text has.
BAD_BYTES = "\ufdd0"

_CHUNK = 1 << 16
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,100}?\bencoding\s*=\s*["']([\w.:-]{1,40})["']""")
# Python knows more names than are safe to take from a file ("zip", "unicode_escape").
_ENCODING = re.compile(
    r"(?:utf_?8|us_?ascii|ascii|(?:utf|ucs)_?(?:16|32)\w*|(?:windows_?|cp)125\d|iso_?8859_?\d+"
    r"|latin_?\d|gbk|gb2312|gb_?18030|big5|euc_?(?:jp|kr)|shift_?jis|iso_?2022_?jp|koi8_?[ru])$"
)
_SEVERAL_BYTES = ("gb", "big5", "euc", "shift", "iso_2022", "iso2022")  # for one character
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what XML 1.0 forbids
_ESCAPED_BYTES = re.compile("[\ud800-\udfff]+")  # as `surrogateescape` leaves them
_AMPERSAND = re.compile(r"&(?:#[xX]([0-9a-fA-F]{1,8});|#([0-9]{1,8});|([A-Za-z]\w{0,31});)?")
_CDATA = "<![CDATA[", "]]>"
_LONGEST = 40  # characters; longer than any match of it
_OWN = {"amp", "lt", "gt", "quot", "apos"}


def utf8(stream: BinaryIO, charset: str | None = None) -> Iterator[bytes]:
    """The stream's text in UTF-8, in chunks of about 64 KB, without a byte order mark.

    ``charset`` is the encoding that a server named, for documents that name none themselves.

    Bytes that cannot be decoded become `BAD_BYTES`, characters that XML forbids a space;
    names of HTML's characters (``&eacute;``) the character, a bare ``&`` and names that
    nobody knows ``&amp;``. White space before the declaration is kept (the parser minds).

    Raises:
        InputError: it is in an encoding that is not known.
        OSError: the stream cannot be read.
    """
    chunk = stream.read(_CHUNK)
    encoding = _encoding(chunk, charset)
    # Other encodings have no way to say which byte was bad; theirs become question marks.
    errors = "surrogateescape" if encoding in ("utf-8-sig", "windows-1252") else "replace"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    held = ""
    inside = False  # a CDATA section that began in an earlier chunk
    while True:
        text = held + decoder.decode(chunk, final=not chunk)
        text, held = _split(text, last=not chunk)
        text, inside = _mended(text, inside)
        if text:
            yield text.encode("utf-8", "replace")
        if not chunk:
            return
        chunk = stream.read(_CHUNK)


def _encoding(head: bytes, charset: str | None) -> str:
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    match = _DECLARED.match(head)
    name = (match[1].decode("ascii") if match else charset or "utf-8").lower().replace("-", "_")
    if not _is_known(name):
        if match:
            raise InputError(
                f"It says that its encoding is {name.replace('_', '-')!r}, which is not known.",
                remedy="Save it again in UTF-8.",
            )
        name = "utf_8"  # a server's mistake is no reason to refuse what may be all right
    if name.startswith(("utf", "ucs", "us", "ascii")):
        return "utf-8-sig"  # whatever else it says could not have been read byte by byte
    if not name.startswith(_SEVERAL_BYTES) and _is_utf8(head):
        return "utf-8-sig"
    if re.match(r"(?:iso_?8859_?1|latin_?1)$", name):
        return "windows-1252"  # what is called Latin-1 has Windows' quotation marks
    return "gb18030" if name == "gb2312" else name


def _is_utf8(head: bytes) -> bool:
    """Whether bytes are UTF-8 whatever is said of them: other text hardly ever reads as that."""
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(head).isascii()
    except UnicodeDecodeError:
        return False


def _is_known(name: str) -> bool:
    try:
        return bool(_ENCODING.match(name) and codecs.lookup(name))
    except LookupError:
        return False


def _split(text: str, *, last: bool) -> tuple[str, str]:
    """Cuts where no mark, name or line end is cut in two; the rest waits for the next chunk."""
    if last:
        return text, ""
    tail = text[-_LONGEST:]
    at = max(tail.rfind("&"), tail.rfind("<"), tail.rfind("]"))
    if at < 0 or ";" in tail[at:] or ">" in tail[at:]:
        return text, ""
    cut = len(text) - len(tail) + at
    # Of "]]" both are kept together, so that the end of a CDATA section is seen.
    return (text[: cut - 1], text[cut - 1 :]) if text[cut - 1 : cut] == "]" else (
        text[:cut], text[cut:])  # fmt: skip


def _mended(text: str, inside: bool) -> tuple[str, bool]:
    if _ESCAPED_BYTES.search(text):
        text = _ESCAPED_BYTES.sub(BAD_BYTES, text)
    if _UNREADABLE.search(text):
        text = _UNREADABLE.sub(" ", text)
    done: list[str] = []
    at = 0
    while True:
        # Inside a CDATA section an ampersand is just that.
        if inside:
            end = text.find(_CDATA[1], at)
            if end < 0:
                return "".join((*done, text[at:])), True
            end += len(_CDATA[1])
            done.append(text[at:end])
            at = end
        begun = text.find(_CDATA[0], at)
        done.append(_AMPERSAND.sub(_ampersand, text[at : begun if begun >= 0 else len(text)]))
        if begun < 0:
            return "".join(done), False
        at, inside = begun, True


def _ampersand(match: re.Match[str]) -> str:
    whole = match[0]
    hexadecimal, decimal, name = match.groups()
    if name:
        if name in _OWN:
            return whole
        # Looked up once: what a name stands for is text, also where it is "<".
        return _escaped(html5.get(f"{name};", whole))
    if hexadecimal or decimal:
        return whole if _allowed(int(hexadecimal or decimal, 16 if hexadecimal else 10)) else " "
    return "&amp;"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _allowed(code: int) -> bool:
    """Whether XML 1.0 has the character: https://www.w3.org/TR/xml/#charsets."""
    return (
        code in (0x9, 0xA, 0xD)
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or 0x10000 <= code <= 0x10FFFF
    )
