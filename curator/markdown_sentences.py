"""The sentences of a Markdown text, each with its place in the file.

markdown-it-py (CommonMark 0.31, https://spec.commonmark.org) says what is a paragraph, a link or
a comment, but not where in a paragraph each piece stands. So its inline parser is run by a loop
that notes the place of every character a reader sees. What no reader sees as prose (code blocks,
front matter, comments, images, addresses of links, displayed formulas) gives no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from curator.sentences import split_sentences
from curator.text import squeeze

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

__all__ = ["Block", "Kind", "Mark", "Sentence", "markdown_blocks"]

Kind = Literal["heading", "paragraph", "cell", "header", "rule"]

# Lists in lists, quotes in quotes: markdown-it leaves out what lies deeper.
DEEPEST = 100

_LINE_END = re.compile(r"\r\n?|\n")
_HREF = re.compile(r"""<a\s[^>]*?href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.I)
_TEX_ACCENT = re.compile(r"""[^\W\d_]\\["'^~=.`]\{?[^\W\d_]""")
_HIDDEN_HTML = re.compile(r"\s*<(?:script|style|pre|template)\b", re.I)


@dataclass(frozen=True, slots=True)
class Mark:
    """A link (``target``: its address), bold text, or a footnote's mark (``target``: its label).
    ``text`` is what the reader sees of it."""

    kind: Literal["link", "strong", "note"]
    text: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """``text`` is what a reader sees, in one line; ``start`` and ``end`` are its place in the
    file, in characters from 0, with the markup that belongs to it."""

    text: str
    start: int
    end: int
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph, a cell of a table, or a thematic break (``rule``).

    ``nodes`` are numbers of what it stands in, innermost first: itself, its table row or list
    item, the paragraph that led to the list ("Three things:"), outer list items. Blocks with a
    number in common are about one thing. ``inside``: it stands in a row, an item or a footnote.
    """

    kind: Kind
    nodes: tuple[int, ...]
    sentences: tuple[Sentence, ...] = ()
    level: int = 0
    note: str = ""
    inside: bool = False


@dataclass(slots=True)
class _Piece:
    """A part of a block's source and what is seen of it (nothing, of markup)."""

    start: int
    end: int
    shown: str
    token: Token | None = None  # of a delimiter: only later is known if it is markup
    is_line_end: bool = False

    @property
    def visible(self) -> str:
        if self.token is None:
            return self.shown
        return self.token.content if self.token.type == "text" else ""


@dataclass(slots=True)
class _Inline:
    """A traced block: its pieces, and marks as ``(kind, first piece, piece after, target)``."""

    pieces: list[_Piece] = field(default_factory=list)
    marks: list[tuple[Literal["link", "strong", "note"], int, int, str]] = field(
        default_factory=list
    )


def markdown_blocks(text: str, *, indented_code: bool = True) -> list[Block]:
    """The blocks of a text in order, with their sentences.

    ``indented_code`` False: lines indented by four spaces are text, as plain text files mean
    them. Offsets count the characters of ``text``, in which line ends may be of any kind.
    """
    parser = _parser(indented_code)
    env: dict[str, Any] = {}
    lines = _lines(text)
    return list(_walk(parser.parse(text, env), parser, env, text, lines))


def _parser(indented_code: bool) -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from mdit_py_plugins.footnote import footnote_plugin
    from mdit_py_plugins.front_matter import front_matter_plugin

    parser = MarkdownIt("commonmark", {"maxNesting": DEEPEST})
    parser.enable(["table", "strikethrough"])
    front_matter_plugin(parser)
    footnote_plugin(parser, move_to_end=False)
    dollarmath_plugin(parser, allow_space=False, allow_digits=False, double_inline=True)
    if not indented_code:
        parser.disable("code")
    # Paragraphs are read by _trace, which has to see emphasis before its marks are joined.
    parser.disable("inline")
    parser.inline.ruler2.disable("fragments_join")
    return parser


def _lines(text: str) -> list[tuple[int, int]]:
    """Start and end of each line, as markdown-it counts lines."""
    found, start = [], 0
    for match in _LINE_END.finditer(text):
        found.append((start, match.start()))
        start = match.end()
    found.append((start, len(text)))
    return found


# ---------------------------------------------------------------------------- blocks


def _walk(
    tokens: list[Token], parser: MarkdownIt, env: Any, text: str, lines: list[tuple[int, int]]
) -> Iterator[Block]:
    around: list[int] = []  # numbers of what is open, innermost last
    opened: list[int] = []  # how many numbers each open container brought
    kind: Kind = "paragraph"
    level, note, number, cursor = 0, "", 0, 0
    inside = 0
    last: tuple[int, str] | None = None  # the block before, if a list may belong to it
    for token in tokens:
        name = token.type
        if name in {"list_item_open", "tr_open", "footnote_reference_open"}:
            number += 1
            around.append(number)
            inside += 1
            cursor = 0
            if name == "footnote_reference_open":
                note = str(token.meta.get("label", ""))
        elif name in {"list_item_close", "tr_close", "footnote_reference_close"}:
            around.pop()
            inside -= 1
            note = "" if name == "footnote_reference_close" else note
        elif name in {"bullet_list_open", "ordered_list_open", "blockquote_open", "table_open"}:
            leads = last is not None and last[1].endswith(":")
            around += [last[0]] if last and leads else []
            opened.append(int(leads))
            last = None
        elif name in {"bullet_list_close", "ordered_list_close", "blockquote_close", "table_close"}:
            if opened.pop():
                around.pop()
        elif name == "heading_open":
            kind, level = "heading", int(token.tag[1:])
        elif name in {"th_open", "td_open"}:
            kind = "header" if name == "th_open" else "cell"
        elif name == "paragraph_open":
            kind, level = "paragraph", 0
        elif name == "hr":
            number += 1
            last = None
            yield Block("rule", (number,))
        elif name == "inline" or (name == "html_block" and not _HIDDEN_HTML.match(token.content)):
            number += 1
            kind = "paragraph" if name == "html_block" else kind
            in_row = kind in {"cell", "header"}
            places, cursor = _places(token, text, lines, cursor if in_row else 0)
            traced = _trace(token.content, parser, env)
            sentences = _sentences(token.content, traced, places, whole=kind == "heading")
            last = (number, sentences[-1].text if sentences else "")
            nodes = (number, *reversed(around))
            yield Block(kind, nodes, sentences, level if kind == "heading" else 0, note, inside > 0)


def _places(
    token: Token, text: str, lines: list[tuple[int, int]], cursor: int
) -> tuple[list[int], int]:
    """Where in the file each character of a block's content stands, and one place more for its
    end; and where in the line a table's next cell begins.

    A content line is a file's line without what encloses it (``> ``, ``- ``, ``## ``).
    """
    first = token.map[0] if token.map else 0
    places: list[int] = []
    end = cursor
    for row, content in enumerate(token.content.split("\n")):
        start, stop = lines[min(first + row, len(lines) - 1)]
        line, body = text[start:stop], content.strip()
        at = line.find(body, cursor)
        if cursor == 0 and line.rstrip().endswith(body):
            at = len(line.rstrip()) - len(body)
        own = [at + i for i in range(len(body) + 1)]
        if at < 0:  # only a cell with a pipe in it is written otherwise in the file
            own = _escaped(line, body, cursor)
        lead = len(content) - len(content.lstrip())
        end = own[-1]
        if places:
            places.append(lines[min(first + row - 1, len(lines) - 1)][1])  # the line end between
        places += [start + own[min(max(i - lead, 0), len(body))] for i in range(len(content))]
    tail = lines[min(first + token.content.count("\n"), len(lines) - 1)][0] + end
    return [*places, tail], end


def _escaped(line: str, body: str, cursor: int) -> list[int]:
    """Where in its line each character of a cell stands whose pipes are written ``\\|``."""
    escaped = re.compile(re.escape(body).replace(r"\|", r"\\?\|"))
    match = escaped.search(line, cursor)
    if match is None:
        return [len(line)] * (len(body) + 1)
    places, at = [], match.start()
    for character in body:
        at += character == "|" and line[at] == "\\"
        places.append(at)
        at += 1
    return [*places, at]


# ---------------------------------------------------------------------------- inline


def _trace(content: str, parser: MarkdownIt, env: Any) -> _Inline:
    """What `ParserInline.parse` does, noting where each piece stands."""
    from markdown_it.rules_inline import StateInline

    traced = _Inline()
    state = StateInline(content, parser, env, [])
    inner = parser.inline.tokenize

    def tokenize(again: StateInline) -> None:
        if again is state:
            _tokenize(again, parser, traced)
        else:  # the description of an image, which is not shown
            inner(again)

    # Links call the parser for what stands in them.
    parser.inline.tokenize = tokenize  # type: ignore[method-assign, assignment]
    try:
        tokenize(state)
    finally:
        del parser.inline.tokenize
    for rule in parser.inline.ruler2.getRules(""):
        rule(state)
    _note_strong(traced)
    _end_titles(traced)
    return traced


def _tokenize(state: StateInline, parser: MarkdownIt, traced: _Inline) -> None:
    rules = parser.inline.ruler.getRules("")
    end = state.posMax
    while state.pos < end:
        start, before, known = state.pos, len(state.tokens), len(traced.pieces)
        matched = state.level < DEEPEST and any(rule(state, False) for rule in rules)
        if not matched:
            state.pending += state.src[state.pos]
            state.pos += 1
        _note(state, traced, start, before, known)
    if state.pending:
        state.pushPending()


def _note(state: StateInline, traced: _Inline, start: int, before: int, known: int) -> None:
    """Adds the pieces of what one rule has read, from ``start`` to the present place."""
    end = state.pos
    raw = state.src[start:end]
    new = {token.type: token for token in state.tokens[before:]}
    pieces = traced.pieces
    if "link_open" in new:
        if len(pieces) == known and "text" in new and raw.startswith("<"):
            pieces.append(_Piece(start, end, raw[1:-1]))
        address = str(new["link_open"].attrs.get("href", ""))
        traced.marks.append(("link", known, len(pieces), address))
    elif "html_inline" in new:
        if match := _HREF.match(raw):
            address = match[1] or match[2] or match[3] or ""
            traced.marks.append(("link", known, known, address))
        if re.match(r"<(?:br|/p|/div|/li|/h\d|/tr|/td|hr)\b", raw, re.I):
            pieces.append(_Piece(start, end, "\n"))
    elif "footnote_ref" in new:
        label = raw.removeprefix("[^").removesuffix("]")
        traced.marks.append(("note", known, known, label))
    elif "code_inline" in new:
        shown = new["code_inline"].content
        at = start + max(raw.replace("\n", " ").find(shown), 0)
        pieces.append(_Piece(at, at + len(shown), shown))
    elif "math_inline" in new or "math_inline_double" in new:
        pieces.append(_Piece(start, end, raw.replace("\n", " ")))
    elif "text_special" in new:
        # G\"odel has TeX in it, \"Godel\" escaped quotation marks.
        accent = _TEX_ACCENT.match(state.src, max(start - 1, 0)) is not None
        pieces.append(_Piece(start, end, raw if accent else new["text_special"].content))
    elif "softbreak" in new or "hardbreak" in new:
        # Spaces before a line end are not shown; they were noted as text.
        pieces.append(_Piece(start, end, "\n" if "hardbreak" in new else " ", is_line_end=True))
    elif raw[0] in "*_~" and "text" in new:
        _note_delimiters(state, pieces, start)
    elif "image" not in new and "footnote_anchor" not in new:
        pieces.append(_Piece(start, end, raw))


def _note_delimiters(state: StateInline, pieces: list[_Piece], start: int) -> None:
    """One piece for each token that a run of ``*``, ``_`` or ``~`` became."""
    own: list[Token] = []
    length = 0
    for token in reversed(state.tokens):
        if length >= state.pos - start:
            break
        own.append(token)
        length += len(token.content)
    for token in reversed(own):
        pieces.append(_Piece(start, start + len(token.content), token.content, token))
        start += len(token.content)


def _note_strong(traced: _Inline) -> None:
    opened: list[int] = []
    for i, piece in enumerate(traced.pieces):
        if piece.token is not None and piece.token.type == "strong_open":
            opened.append(i)
        elif piece.token is not None and piece.token.type == "strong_close" and opened:
            traced.marks.append(("strong", opened.pop(), i, ""))


def _end_titles(traced: _Inline) -> None:
    """A first line that is all bold or all a link is a title: no sentence goes on after it."""
    line_end = next((i for i, piece in enumerate(traced.pieces) if piece.is_line_end), 0)
    seen = [i for i in range(line_end) if traced.pieces[i].visible.strip()]
    for kind, first, after, _ in traced.marks:
        if seen and kind != "note" and first <= seen[0] and seen[-1] < after:
            traced.pieces[line_end].shown = "\n"


# ------------------------------------------------------------------------- sentences


def _sentences(
    content: str, traced: _Inline, places: list[int], *, whole: bool
) -> tuple[Sentence, ...]:
    """Cuts what is seen of a block into sentences (or not: ``whole``) and finds each one's
    place in the file."""
    seen: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    firsts: list[int] = []  # the offset in what is seen at which each piece begins
    total = 0
    for piece in traced.pieces:
        firsts.append(total)
        shown = piece.visible
        exact = len(shown) == piece.end - piece.start
        for i in range(len(shown)):
            starts.append(piece.start + i if exact else piece.start)
            ends.append(piece.start + i + 1 if exact else piece.end)
        seen.append(shown)
        total += len(shown)
    firsts.append(total)
    text = "".join(seen)
    marks: list[tuple[int, int, Mark]] = []
    for kind, one, other, target in traced.marks:
        first, last = firsts[one], firsts[other]
        marks.append((first, last, Mark(kind, squeeze(text[first:last]), target)))
    spans = [(0, total)] if whole and any(c.isalnum() for c in text) else list(_cut(text))
    found = []
    for i, (start, end) in enumerate(spans):
        # Markup next to a sentence belongs to it: the file's text from the end of the white
        # space before to the beginning of that after.
        left = ends[start - 1] if start else 0
        right = starts[end] if end < total else len(content)
        raw = content[left:right]
        left, right = left + len(raw) - len(raw.lstrip()), right - len(raw) + len(raw.rstrip())
        own = tuple(
            mark
            for first, last, mark in marks
            if (first < end and last > start)
            or (first == last and (start <= first or i == 0) and _holds(spans, i, first))
        )
        found.append(Sentence(squeeze(text[start:end]), places[left], places[right - 1] + 1, own))
    return tuple(found)


def _holds(spans: list[tuple[int, int]], i: int, place: int) -> bool:
    """Whether a mark of no length (a footnote's, after the full stop) belongs to sentence i:
    the last that begins before it."""
    return i + 1 == len(spans) or place < spans[i + 1][0] or spans[i][1] == place


def _cut(text: str) -> Iterator[tuple[int, int]]:
    """Sentences as places; a forced line break ends one, unless a small letter goes on."""
    start = 0
    for match in re.finditer(r"\n\s*(?![a-z\s])|$", text):
        part = text[start : match.start()]
        for span in split_sentences(part):
            if any(c.isalnum() for c in span.text):
                yield start + span.start, start + span.end
        start = match.end()
