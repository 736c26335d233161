"""A digest.md taken apart: its anchors, and the paragraphs that stand below each.

An anchor is an HTML comment, ``<!-- paper p0123456789ab 3f9a1c.77ab02/51d0aa pin -->``: a kind, a
name, fingerprints of the paragraphs as they were written (an editor's notes after the slash) and
what a person wrote into it. Paragraphs are compared by what a reader sees of them, so that other
line breaks, other marks of emphasis and straightened quotation marks are no edits.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, unquote

from curator.text import clean

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = [
    "HOW_TO_EDIT",
    "Anchor",
    "Block",
    "Para",
    "anchor_of",
    "blocks_of",
    "encoded",
    "paper_paras",
    "paragraphs",
    "same",
]

# The last lines of every file; no comments of a person's own.
HOW_TO_EDIT = (
    "<!-- This file is yours to edit: rewrite summaries, headings and the lead, add text, move or"
    " delete blocks with the comment above them. -->",
    "<!-- To keep a paper for good write pin into the comment above it, after its id, or as a line"
    " of its own; drop takes it out. Run curator digest again: your edits stay. -->",
)

BlockKind = Literal["top", "digest", "lead", "section", "paper", "notable", "rest", "end"]

_ANCHOR = re.compile(
    r"(?<!\\)<!--\s*(digest|lead|section|paper|notable|rest|end)(?=[\s-])([^>]{0,200000}?)-->"
)
_PRINTS = re.compile(
    r"[0-9a-f]{6}(?:\.[0-9a-f]{6})*(?:/[0-9a-f]{6}(?:\.[0-9a-f]{6})*)?|/[0-9a-f.]+"
)
_MARK = r"\((?:quoted|counted|checked [01]\.\d\d|editor(?:[,;:] [^()]*)?)\)"
_MARK_ONLY = re.compile(_MARK)
_MARK_AT_END = re.compile(rf"\s*{_MARK}$")
_SAME = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("–—―−‐‑", "-"),
    }
)


@dataclass(frozen=True, slots=True)
class Anchor:
    """``name`` is a paper's id or a section's tag; ``prints`` are fingerprints of the generated
    paragraphs, ``note_prints`` of notes; ``words`` are all others."""

    kind: BlockKind
    name: str = ""
    prints: tuple[str, ...] = ()
    note_prints: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    line: int = 1


@dataclass(frozen=True, slots=True)
class Para:
    """``text`` is what a reader sees in one line, without ``mark`` ("quoted", "editor, ...").
    Where it begins with bold text and a colon, these are its ``head`` and ``tail``. ``level`` is
    that of a heading, else 0."""

    text: str
    head: str = ""
    tail: str = ""
    mark: str = ""
    level: int = 0
    quoted: bool = False
    line: int = 1

    @property
    def key(self) -> str:
        return same(self.text)

    @property
    def print(self) -> str:
        return _print(self.key)

    @property
    def is_note(self) -> bool:
        """Whether it is written as notes are."""
        return self.level == 0 and (self.quoted or self.mark.startswith("editor"))


@dataclass(slots=True)
class Block:
    """An anchor and what stands below it; ``comments`` are lines of a person's own comments."""

    anchor: Anchor
    paras: list[Para] = field(default_factory=list)
    comments: list[int] = field(default_factory=list)


def same(text: str) -> str:
    """What two writings of a text have in common that differ only as editors and formatters
    make them differ: white space, kinds of quotation marks and dashes."""
    folded = unicodedata.normalize("NFC", clean(text)).replace("…", "...").translate(_SAME)
    return re.sub(r"-+", "-", folded)


def _print(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:6]


def encoded(name: str) -> str:
    """A name as one word that ends no comment."""
    return quote(name, safe="+:") or "-"


def anchor_of(kind: BlockKind, name: str, body: str, *words: str) -> str:
    """The comment to write above a block whose Markdown is ``body``."""
    paras = paper_paras(paragraphs(body)[0]) if kind == "paper" else paragraphs(body)[0]
    own = ".".join(para.print for para in paras if not para.quoted)
    notes = ".".join(para.print for para in paras if para.quoted)
    prints = f"{own}/{notes}" if notes else own
    named = encoded(name) if name else ""
    return f"<!-- {' '.join(part for part in (kind, named, prints, *words) if part)} -->"


def blocks_of(text: str) -> list[Block]:
    """All blocks in order; the first is what stands above the first anchor ("top")."""
    blocks: list[Block] = []
    anchor, start = Anchor("top"), 0
    for match in [*_ANCHOR.finditer(text), None]:
        body = text[start : match.start() if match else len(text)]
        line = text.count("\n", 0, start)
        paras, comments = paragraphs(body)
        placed = [replace(para, line=para.line + line) for para in paras]
        if anchor.kind == "paper":
            placed = paper_paras(placed)
        blocks.append(Block(anchor, placed, [number + line for number in comments]))
        if match:
            start = match.end()
            anchor = _anchor(match, text.count("\n", 0, match.start()) + 1)
    return blocks


def _anchor(match: re.Match[str], line: int) -> Anchor:
    words = match[2].split()
    prints = next((word for word in words if _PRINTS.fullmatch(word)), "")
    kind: Any = match[1]
    named = kind in ("section", "paper", "digest")
    name = unquote(words.pop(0)) if named and words and words[0] != prints else ""
    own, _, notes = prints.partition("/")
    return Anchor(
        kind,
        name,
        tuple(filter(None, own.split("."))),
        tuple(filter(None, notes.split("."))),
        tuple(word for word in words if word != prints),
        line,
    )


def paper_paras(paras: Sequence[Para]) -> list[Para]:
    """A paper's paragraphs, where one of title and summary in a line counts as two."""
    first = next((para for para in paras), None)
    if first is None or first.level or not first.head or first.quoted:
        return list(paras)
    heading = Para(first.head, level=3, line=first.line)
    return [heading, replace(first, text=first.tail, head="", tail=""), *paras[1:]]


def paragraphs(markdown: str) -> tuple[list[Para], list[int]]:
    """The paragraphs, headings and list items of a piece of Markdown, and the lines (from 1) of
    comments in it. What is no prose (code, HTML, pictures) counts as a paragraph too."""
    found: list[Para] = []
    comments: list[int] = []
    quotes = level = 0
    for token in _parser().parse(markdown):
        line = token.map[0] + 1 if token.map else 1
        if token.type in ("blockquote_open", "blockquote_close"):
            quotes += token.nesting
        elif token.type == "heading_open":
            level = int(token.tag[1:])
        elif token.type == "heading_close":
            level = 0
        elif token.type == "inline":
            para = _seen(token.children or [], level=level, line=line, quoted=quotes > 0)
            found += [para] if para.text or para.mark else []
        elif token.type in ("fence", "code_block", "html_block"):
            text = token.content
            if token.type == "html_block":
                text, hidden = re.subn(r"<!--.*?(?:-->|$)", " ", text, flags=re.DOTALL)
                ours = token.content.strip() in HOW_TO_EDIT
                comments += [line] if hidden and not ours else []
            if shown := clean(text):
                found.append(Para(shown, line=line, quoted=quotes > 0))
    return found, comments


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # A line above "---" is text of a person, not a heading; "[x]: y" is not to vanish.
    return MarkdownIt("commonmark").disable(["reference", "lheading"])


def _seen(children: Sequence[Token], *, level: int, line: int, quoted: bool) -> Para:
    """What a reader sees of a paragraph; addresses of links follow them in brackets, but for
    those of headings."""
    children = [child for child in children if child.type != "text" or child.content]
    parts: list[str] = []
    head, mark, href = "", "", ""
    begun = after = i = 0
    bold = bool(children) and children[0].type == "strong_open"
    while i < len(children):
        token = children[i]
        if token.type == "em_open" and (found := _mark_in(children[i + 1 :])):
            mark, i = found[0], i + found[1]
        elif token.type == "link_open":
            href, begun = str(token.attrs.get("href", "")), len(parts)
        elif token.type == "link_close":
            head = clean("".join(parts)) if bold else head
            if href and not level and clean("".join(parts[begun:])) != href:
                parts.append(f" ({href})")
        elif token.type == "strong_close" and bold:
            head, after, bold = head or clean("".join(parts)), len(parts), False
        else:
            parts.append(_shown(token))
        i += 1
    text, tail = clean("".join(parts)), clean("".join(parts[after:]))
    if not mark and (bare := _MARK_AT_END.search(text)):
        mark = bare.group().strip()[1:-1]
        text, tail = _MARK_AT_END.sub("", text), _MARK_AT_END.sub("", tail)
    if not (head and tail.startswith(":")):
        head = tail = ""
    return Para(text, head, tail.removeprefix(":").strip(), mark, level, quoted, line)


def _mark_in(after: Sequence[Token]) -> tuple[str, int] | None:
    """The mark that emphasised text is, and how many tokens it takes with its end."""
    end = next((i for i, child in enumerate(after) if child.type == "em_close"), 0)
    within = clean("".join(child.content or " " for child in after[:end]))
    return (within[1:-1], end + 1) if _MARK_ONLY.fullmatch(within) else None


def _shown(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type == "image":
        return f"{token.content} ({token.attrs.get('src', '')})"
    hidden = token.type == "html_inline" and token.content.startswith("<!--")
    return "" if hidden else token.content
