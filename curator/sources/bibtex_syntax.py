r"""The grammar of BibTeX files: the parts of a file, down to names and raw values.

Nothing is interpreted and nothing is lost: the parts and the white space between them are the
file. This is not left to ``bibtexparser``, whose splitter was measured first: it takes
``title={A} year={B}`` for one value, cannot read values that end in ``\\}``, lower-cases types,
and of a broken entry it gives back the beginning only, or takes the rest of the file with it.
On sound entries both agree (a test holds that on the samples).

The rules are BibTeX's own (http://tug.ctan.org/info/bibtex/tamethebeast/ttb_en.pdf: braces count
even after a backslash). Where these fail, escaped braces and quotes are left out of the count,
as other programs do. Beyond BibTeX, these are read: comments from ``%`` to the end of a line, an
entry without a key, repeated commas, empty values, and a closing bracket of the other kind.

The time is linear in the size of any file: a broken entry ends at the latest where the next one
begins, and what is looked at in vain beyond that is bounded (`_Scanner.patience`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["AFTER", "Block", "restored", "scan"]

Kind = Literal["entry", "string", "preamble", "comment", "text", "broken"]

AFTER = "\n\n"  # the white space after most parts; where it is another, `Block.extra` has it

# Where a part begins, or a comment that may hold such a beginning. An "@" in a word is an
# address of mail, and "@name (" in free text is mostly prose.
_START = re.compile(
    r'%[^\n]*+|(?<!\w)@\s*+([A-Za-z][\w-]*+)\s*+(?:\{|\((?=\s*+(?:"|[^\s,(){}=]++\s*+[,=])))'
)
# The beginning of an entry where none may be: on a new line or after a closing bracket it says
# that a brace is missing before it. Possessive, and without overlaps, hence linear.
_ENTRY = r"(?<!\w)@[A-Za-z]++[ \t]*+[{(][ \t]*+[^\s,{}=\"()@]++[ \t]*+,"
_HARD = rf"(?P<hard>[\n}})]\s*+{_ENTRY})"
_SOFT = rf"(?P<soft>{_ENTRY})"
_BRACES = {
    False: re.compile(rf"{_HARD}|{_SOFT}|[{{}}]"),
    True: re.compile(rf"\\[{{}}\\]|{_HARD}|{_SOFT}|[{{}}]"),
}
_QUOTES = {
    False: re.compile(rf"{_HARD}|{_SOFT}|[{{}}\"]"),
    True: re.compile(rf"\\[{{}}\\\"]|{_HARD}|{_SOFT}|[{{}}\"]"),
}
_SPACE = re.compile(r"\s*+")
_BETWEEN = re.compile(r"(?:\s++|%[^\n]*+)*+")  # a value and the comma after it
_COMMAS = re.compile(r"(?:[\s,]++|%[^\n]*+)*+")  # two fields
_KEY = re.compile(r"\s*+([^,{}\n]*+)")
_KEY_IN_PARENTHESES = re.compile(r"\s*+([^,{}\n)]*+)")
_NAME = re.compile(r"[^\s=,{}\"#()%@]++")
_EQUALS = re.compile(r"\s*+=\s*+")
_NO_KEY = re.compile(r"\s=|=\s|\"|=$")
_BARE = re.compile(r"[^\s=,{}\"#()@]++")  # a number, or the name of an abbreviation
_TO_BRACE = re.compile(r"[{}]")


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a file, beginning in ``line`` (from 1) at the character ``start``.

    ``extra`` holds JSON values, from which `restored` makes the part as it was. An entry
    (``kind`` "entry") has ``type``, ``key`` and ``fields``, pairs of a name and a raw value: the
    enclosing braces or quotes and ``#`` are kept. ``@string`` has fields too; all else is
    ``raw``. ``reason`` says why a part is broken.
    """

    kind: Kind
    line: int
    start: int
    end: int
    extra: Mapping[str, Any]
    reason: str = ""


def scan(text: str) -> Iterator[Block]:
    """The parts of a BibTeX file in their order; lines end in ``\\n``."""
    line, counted = 1, 0
    first = _skip(_SPACE, text, 0)
    for part in _Scanner(text).parts():
        line += text.count("\n", counted, part.start)
        counted = part.start
        extra: dict[str, Any] = {"format": "bibtex", **part.extra}
        after = text[part.end : _skip(_SPACE, text, part.end)]
        if after != AFTER:
            extra["after"] = after
        if part.start == first > 0:
            extra["before"] = text[:first]
        yield Block(part.kind, line, part.start, part.end, extra, part.reason)


def restored(extra: Mapping[str, Any]) -> str:
    """The text of a part from its `Block.extra`, without the white space around it."""
    if "raw" in extra:
        return str(extra["raw"])
    layout, fields = extra["layout"], extra["fields"]
    gaps, equals = (
        [value] * len(fields) if isinstance(value, str) else value
        for value in (layout["gaps"], layout["equals"])
    )
    middle = "".join(
        f"{gap}{name}{equal}{value}"
        for gap, equal, (name, value) in zip(gaps, equals, fields, strict=True)
    )
    return f"{layout['head']}{extra.get('key', '')}{middle}{layout['tail']}"


class _BrokenError(Exception):
    """A part does not follow the grammar; the message is a reason for the reader."""


@dataclass(frozen=True, slots=True)
class _Part:
    kind: Kind
    start: int
    end: int
    extra: Mapping[str, Any]
    reason: str = ""


class _Scanner:
    """``patience`` is how many characters may yet be looked at beyond something that looks like
    the beginning of an entry inside a value or comment (text in which BibTeX is quoted)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.patience = 4 * len(text)

    def parts(self) -> Iterator[_Part]:
        text = self.text
        given = looked = 0  # all before is given out; all before holds no beginning
        while match := _START.search(text, looked):
            if match[1] is None:
                looked = match.end()
                continue
            yield from self.free(given, match.start())
            part = self.part(match)
            yield part
            given = looked = part.end
        yield from self.free(given, len(text))

    def free(self, start: int, end: int) -> Iterator[_Part]:
        """The text between two parts, if there is any."""
        raw = self.text[start:end].strip()
        if raw:
            start = _skip(_SPACE, self.text, start)
            yield _Part("text", start, start + len(raw), {"raw": raw})

    def part(self, match: re.Match[str]) -> _Part:
        name = match[1].lower()
        if name == "comment":
            return self.comment(match)
        kind: Kind = "string" if name == "string" else "entry"
        read = self.preamble if name == "preamble" else self.fields
        try:
            part = read(match, escapes=False)
        except _BrokenError as error:
            try:
                return read(match, escapes=True)
            except _BrokenError:
                return self.broken(match, str(error))
        if kind == "entry" and "\\}" in self.text[part.start : part.end + 2]:
            # "{A\}}, year = 1}": to BibTeX the entry ends before the comma. If it is sound
            # without the escaped brace, that is how it was meant.
            try:
                other = read(match, escapes=True)
            except _BrokenError:
                return part
            if self.ends_well(other.end) and not self.ends_well(part.end):
                return other
        return part

    def ends_well(self, at: int) -> bool:
        at = _skip(_SPACE, self.text, at)
        return at == len(self.text) or self.text[at] in "@%"

    def fields(self, match: re.Match[str], *, escapes: bool) -> _Part:
        """An entry or ``@string``. Raises `_BrokenError`."""
        text = self.text
        is_string = match[1].lower() == "string"
        key, head_end, at = ("", match.end(), match.end()) if is_string else self.key(match)
        fields: list[list[str]] = []
        gaps: list[str] = []
        equals: list[str] = []
        while True:
            start = _skip(_COMMAS, text, at)
            if text[start : start + 1] in ("}", ")"):
                break
            name = _NAME.match(text, start)
            equal = _EQUALS.match(text, name.end()) if name else None
            if not name:
                raise _BrokenError("it has no end" if start == len(text) else _missing(fields))
            if not equal:
                raise _BrokenError(f"the field {name[0][:40]!r} has no value")
            end = self.value(equal.end(), escapes, f"the field {name[0][:40]!r}")
            following = _skip(_BETWEEN, text, end)
            fields.append([name[0], text[equal.end() : end]])
            if text[following : following + 1] not in (",", "}", ")"):
                raise _BrokenError(_missing(fields) if following < len(text) else "it has no end")
            gaps.append(text[at:start])
            equals.append(text[name.end() : equal.end()])
            at = end
        extra = {
            "type": match[1],
            **({} if is_string else {"key": key}),
            "fields": fields,
            "layout": {
                "head": text[match.start() : head_end],
                "gaps": _same(gaps),
                "equals": _same(equals),
                "tail": text[at : start + 1],
            },
        }
        return _Part("string" if is_string else "entry", match.start(), start + 1, extra)

    def key(self, match: re.Match[str]) -> tuple[str, int, int]:
        """The key of an entry, where it begins and where it ends."""
        text = self.text
        pattern = _KEY_IN_PARENTHESES if match[0].endswith("(") else _KEY
        found = pattern.match(text, match.end())
        assert found  # it may be empty
        key = found[1].rstrip()
        end = found.start(1) + len(key)
        at = _skip(_SPACE, text, end)
        following = text[at : at + 1]
        name = _NAME.match(key)
        if name and _EQUALS.match(key, name.end()) and (following == "{" or _NO_KEY.search(key)):
            return "", match.end(), match.end()  # the first field stands in its place
        if following not in (",", "}", ")"):
            word = key.split()[0][:40] if key else ""
            raise _BrokenError(
                f"no comma after the key {word!r}" if word and following else "it has no end"
            )
        return key, found.start(1), end

    def value(self, at: int, escapes: bool, owner: str) -> int:
        """Where a value ends: pieces in braces or quotes, numbers and names, joined by ``#``."""
        text = self.text
        while True:
            first = text[at : at + 1]
            if first == "{":
                at = self.enclosed(at + 1, _BRACES[escapes], owner, depth=1)
            elif first == '"':
                at = self.enclosed(at + 1, _QUOTES[escapes], owner, depth=0)
            else:
                at = _skip(_BARE, text, at)
            following = _skip(_SPACE, text, at)
            if text[following : following + 1] != "#":
                return at
            at = _skip(_SPACE, text, following + 1)

    def enclosed(self, at: int, pattern: re.Pattern[str], owner: str, depth: int) -> int:
        """The end of a piece in braces (``depth`` 1) or quotes (0), its beginning given."""
        quoted = depth == 0
        soft = 0
        for token in pattern.finditer(self.text, at):
            mark = token[0]
            if mark == "{":
                depth += 1
            elif mark == "}" and depth == 0:
                raise _BrokenError(f"a quote or brace of {owner} does not match")
            elif mark == "}":
                depth -= 1
            if depth == 0 and mark in ("}", '"') and quoted == (mark == '"'):
                self.patience -= token.end() - soft if soft else 0
                return token.end()
            if token["hard"] or (token["soft"] and self.patience <= 0):
                break
            if token["soft"]:
                soft = soft or token.start()
                depth += 1  # its brace is part of the token
        if soft:
            self.patience -= len(self.text) - soft
        raise _BrokenError(f"{owner} has no closing {'quote' if quoted else 'brace'}")

    def preamble(self, match: re.Match[str], *, escapes: bool) -> _Part:
        at = self.value(_skip(_SPACE, self.text, match.end()), escapes, "the preamble")
        end = _skip(_SPACE, self.text, at)
        if self.text[end : end + 1] not in ("}", ")"):
            raise _BrokenError("the preamble has no end")
        return _Part(
            "preamble", match.start(), end + 1, {"raw": self.text[match.start() : end + 1]}
        )

    def comment(self, match: re.Match[str]) -> _Part:
        """A comment may hold whole entries; where its brace is never closed, it is one line."""
        start, depth = match.start(), 1
        limit = min(match.end() + self.patience, len(self.text))
        if match[0].endswith("{"):
            for token in _TO_BRACE.finditer(self.text, match.end(), limit):
                depth += 1 if token[0] == "{" else -1
                if depth == 0:
                    return _Part(
                        "comment", start, token.end(), {"raw": self.text[start : token.end()]}
                    )
            self.patience -= limit - match.end()
        end = self.text.find("\n", match.end())
        raw = self.text[start : end if end >= 0 else len(self.text)].rstrip()
        return _Part("comment", start, start + len(raw), {"raw": raw})

    def broken(self, match: re.Match[str], reason: str) -> _Part:
        """A part that cannot be read: to where its braces close or the next entry begins."""
        end, depth = len(self.text), 1
        for token in _BRACES[False].finditer(self.text, match.end()):
            if token["hard"] or token["soft"]:
                end = self.text.index("@", token.start())
                break
            depth += 1 if token[0] == "{" else -1
            if depth == 0:
                end = token.end()
                break
        raw = self.text[match.start() : end].rstrip()
        start = match.start()
        return _Part("broken", start, start + len(raw), {"type": match[1], "raw": raw}, reason)


def _skip(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _same(values: list[str]) -> str | list[str]:
    """One string for a list of equal ones: most entries are laid out evenly."""
    return values[0] if values and len(set(values)) == 1 else values


def _missing(fields: list[list[str]]) -> str:
    return f"a comma is missing after the field {fields[-1][0][:40]!r}" if fields else "no comma"
