"""BibTeX: entries as their file had them, with our tags; other papers as new entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from curator.exports.base import (
    ExportEntry,
    Keys,
    keywords,
    kind_of,
    laid_out,
    link,
    missing,
    name_of,
)
from curator.paper import Paper
from curator.sources.bibtex_syntax import AFTER, restored
from curator.sources.bibtex_values import inner, text_of, unbraced
from curator.text import plain, squeeze

__all__ = ["escaped", "tagged", "write"]

_SEPARATOR = re.compile(r"\s*[;,]\s*")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Mathematics, as `curator.text.plain` tells it from money; commands; what TeX would obey; what
# would begin an entry.
_MATH = r"\$(?=\S)[^$]*(?<=\S)\$(?!\d)"
_TOKEN = re.compile(
    rf"{_MATH}|\\[A-Za-z]+\*?|\\[^A-Za-z]|[\\&%#_$~^{{}}]|@[A-Za-z]+\s*(?=[{{(])|[^\\&%#_$~^{{}}@]+|@"
)
_AS_TEX = {
    "~": r"\textasciitilde{}", "^": r"\^{}", "\\": r"\textbackslash{}",
    **{mark: f"\\{mark}" for mark in "&%#_$"},
}  # fmt: skip
_ACCENTS = tuple("\"'`^~=.")
# BibTeX counts escaped braces too, so that a lone one needs another name; until all else is
# escaped a private character stands for it, which no stored text has.
_BRACE = {"{": "\ue000", "}": "\ue001"}
_BRACE_AS_TEX = {"\ue000": r"\textbraceleft{}", "\ue001": r"\textbraceright{}"}
_PIECES = re.compile(rf"({_MATH})")
_WORD = re.compile(r"(?<![\\\w{$^])\w[\w/+-]*(?![\w}$])")
_LIST_MARK = re.compile(r"[,;]|\band\b", re.IGNORECASE)


def write(entries: Iterable[ExportEntry]) -> Iterator[str]:
    """A whole file. A key that two files had for different papers is made another for the
    second, as BibTeX would leave that one out."""
    held = list(entries)
    origins = [entry.extra_of("bibtex") for entry in held]
    keys = Keys(extra["key"] for extra in origins if extra and extra.get("key"))
    return laid_out(_parts(held, origins, keys), AFTER)


def _parts(
    entries: list[ExportEntry], origins: list[Mapping[str, Any] | None], keys: Keys
) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    given: set[str] = set()
    for entry, extra in zip(entries, origins, strict=True):
        if extra and not entry.paper:
            yield restored(extra), extra
        elif extra and "fields" in extra:
            key = extra.get("key", "")
            if key in given:
                key = keys.unused(key)
            given.update([key] if key else [])
            yield restored(tagged({**extra, "key": key}, entry.tags)), extra
        elif entry.paper:
            yield _new(entry, entry.paper, keys.key(entry.paper)), None


def tagged(extra: Mapping[str, Any], tags: Iterable[str]) -> Mapping[str, Any]:
    """An entry's ``extra`` with our tags among its keywords; the same if they are all there."""
    fields: list[list[str]] = extra["fields"]
    at = next((i for i, (n, _) in enumerate(fields) if n.lower() in ("keywords", "keyword")), None)
    there = unbraced(text_of(fields[at][1], {})) if at is not None else ""
    new = missing(map(plain, _SEPARATOR.split(there)), tags)
    if not new:
        return extra
    separator = _SEPARATOR.search(there)
    mark = separator[0] if separator else ", "
    words = mark.join(escaped(word) for word in new)
    if at is not None:
        name, raw = fields[at]
        return {
            **extra,
            "fields": [*fields[:at], [name, _with(raw, words, mark)], *fields[at + 1 :]],
        }
    return _with_field(extra, "keywords", f"{{{words}}}")


def _with_field(extra: Mapping[str, Any], name: str, value: str) -> Mapping[str, Any]:
    """An entry with one more field, laid out as its last one is."""
    layout, fields = extra["layout"], extra["fields"]
    gaps, equals = (
        [given] * len(fields) if isinstance(given, str) else list(given)
        for given in (layout["gaps"], layout["equals"])
    )
    gap = gaps[-1] if gaps and "," in gaps[-1] and "%" not in gaps[-1] else ",\n  "
    equal = equals[-1] if equals else " = "
    widths = {len(other) + len(sign) for (other, _), sign in zip(fields, equals, strict=True)}
    if len(fields) > 1 and len(widths) == 1:  # the equals signs stand below each other
        equal = " " + equal.lstrip()
        equal = equal.rjust(widths.pop() - len(name))
    return {
        **extra,
        "fields": [*fields, [name, value]],
        "layout": {**layout, "gaps": [*gaps, gap], "equals": [*equals, equal]},
    }


def _with(raw: str, words: str, mark: str) -> str:
    """A raw value and more words."""
    piece = inner(raw)
    if piece is None:  # the name of an abbreviation, or several pieces
        return f"{raw} # {{{mark}{words}}}" if raw else f"{{{words}}}"
    opening, content, closing = piece
    if closing == '"':
        words = words.replace('"', '{"}')
    kept = content.rstrip()
    if not kept:
        mark = ""
    elif kept[-1] in ",;":
        mark = re.sub(r"\s*[,;]", "", mark)
    return f"{opening}{kept}{mark}{words}{content[len(kept) :]}{closing}"


def _new(entry: ExportEntry, paper: Paper, key: str) -> str:
    kind = kind_of(paper)
    venue = {"conference": "booktitle", "article": "journal"}.get(kind, "howpublished")
    year, month, day, *_ = [*(paper.published or "").split("-"), "", "", ""]
    ids = dict(entry.ids)
    fields = [
        ("title", _protected(paper.title)),
        ("author", " and ".join(map(_author, paper.authors))),
        (venue, escaped(paper.venue or "")),
        ("year", year),
        ("month", _MONTHS[int(month) - 1] if month else ""),
        ("day", day.lstrip("0")),
        ("eprint", paper.arxiv_id or ""),
        ("archiveprefix", "arXiv" if paper.arxiv_id else ""),
        ("primaryclass", paper.categories[0] if paper.arxiv_id and paper.categories else ""),
        ("doi", _address(paper.doi)),
        ("pmid", ids.get("pmid", "")),
        ("pmcid", ids.get("pmcid", "").upper()),
        ("url", _address(link(paper))),
        ("abstract", escaped(paper.abstract)),
        ("keywords", ", ".join(escaped(word.replace(",", " ")) for word in keywords(entry))),
        ("annote", escaped(entry.tldr or "")),
    ]
    lines = [
        f"  {name} = {value if name == 'month' else f'{{{value}}}'},\n"
        for name, value in fields
        if value
    ]
    type_ = {"conference": "inproceedings", "article": "article"}.get(kind, "misc")
    return f"@{type_}{{{key},\n{''.join(lines)}}}"


def escaped(text: str) -> str:
    r"""Text for a field: what TeX would obey is escaped, TeX that is meant is left.

    Mathematics and commands are meant, and so are braces around the argument of a command or
    around a command.
    """
    text = squeeze(text)
    found = _escaped(text)
    if _is_balanced(found):
        return found
    found = _escaped(re.sub(r"\\?([{}])", lambda match: _BRACE[match[1]], text))
    for private, name in _BRACE_AS_TEX.items():
        found = found.replace(private, name)
    return found


def _escaped(text: str) -> str:
    tokens = _TOKEN.findall(text)
    parts: list[str] = []
    meant: list[bool] = []  # for each open brace
    takes_argument = False  # what precedes is a command, or the end of an argument
    for token, following in pairwise([*tokens, ""]):
        if token == "{":
            meant.append(takes_argument or following[:1] == "\\")
            parts.append("{" if meant[-1] else r"\{")
            takes_argument = False
        elif token == "}":
            takes_argument = bool(meant) and meant.pop()
            parts.append("}" if takes_argument else r"\}")
        elif len(token) > 1 and token[0] == "@":
            parts.append("{@}" + token[1:])
        elif len(token) > 1 and token[0] == "$":
            parts.append(re.sub(r"(?<!\\)%", r"\\%", token))
        else:
            if not token.isspace():
                takes_argument = token[0] == "\\" and (
                    token[1:2].isalpha() or token[1:2] in _ACCENTS
                )
            parts.append(_AS_TEX.get(token, token))
    return "".join(parts)


def _is_balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def _protected(title: str) -> str:
    """A title whose names keep their capitals in styles that write titles small: ``{BERT}``."""

    def protect(match: re.Match[str]) -> str:
        word = match[0]
        return f"{{{word}}}" if word[1:] != word[1:].lower() else word

    pieces = _PIECES.split(escaped(title))  # every second one is mathematics
    pieces[::2] = (_WORD.sub(protect, piece) for piece in pieces[::2])
    return "".join(pieces)


def _author(name: str) -> str:
    text = escaped(name).replace(r"$\sim$", "~")
    parts = name_of(text)
    if parts.suffix:
        return f"{parts.family}, {parts.suffix}, {parts.given}"
    return f"{{{text}}}" if _LIST_MARK.search(text) else text


def _address(address: str | None) -> str:
    return (address or "").replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")
