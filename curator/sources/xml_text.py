"""Plain text from mixed content and from snippets of HTML, with spaces where they belong.

Titles and abstracts come with marks for italics, indices and formulas inside. Marks go, the
text stays; what a mark meant is kept where a character can say it (``CO<sub>2</sub>`` → CO₂).
"""

from __future__ import annotations

import html
import re
from typing import Any

from curator.sources.xml import Element, local
from curator.text import squeeze

__all__ = ["from_html", "inner", "path", "text", "texts"]

_UP = str.maketrans("0123456789+-−–=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾")
_DOWN = str.maketrans("0123456789+-−–=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋₌₍₎")
_INDEX = re.compile(r"[0-9+\-−–=()]+$")
# Elements that stand on lines of their own, in the vocabularies met here (HTML, JATS, DocBook).
_BLOCKS = frozenset(
    {"p", "br", "div", "sec", "title", "label", "li", "list", "item", "ul", "ol", "tr", "td", "th"}
    | {"table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "section", "blockquote", "pre", "dd"}
    | {"dt", "dl", "abstracttext", "simpara", "para", "disp-formula", "article", "header", "footer"}
)
_UNSEEN = frozenset(("script", "style", "annotation", "annotation-xml", "template"))


def path(names: str) -> str:
    """``"Article/Journal"`` as lxml's ``find`` wants it, in any namespace or none."""
    return "/".join(f"{{*}}{name}" for name in names.split("/"))


def text(parent: Element | None, names: str = "") -> str:
    """The text of an element, or of the first one at ``names`` under it; ``""`` if none."""
    found = parent.find(path(names)) if parent is not None and names else parent
    return "" if found is None else inner(found)


def texts(parent: Element, names: str) -> list[str]:
    """The texts of all elements at ``names``, without the empty ones."""
    return [found for element in parent.findall(path(names)) if (found := inner(element))]


def inner(element: Element) -> str:
    """All text inside one element. Digits that are raised or lowered stay so where all of them
    can (``10<sup>-6</sup>`` → 10⁻⁶; ``99m`` has no such form), and TeX is put in dollars."""
    parts: list[str] = []
    # A stack of its own: files are nested deeper than Python calls may be.
    todo: list[tuple[Any, int]] = [(element, -1)]
    while todo:
        node, begun = todo.pop()
        if isinstance(node, str):
            parts.append(node)
        elif begun >= 0:
            parts[begun:] = [_marked(local(node).lower(), "".join(parts[begun:]))]
        elif not isinstance(node.tag, str):
            # A reference to an entity of a DTD that is not loaded stays as it was written.
            parts.append(node.text if str(node.text).startswith("&") else "")
        elif local(node) == "math":
            # MathML's white space is layout of the file, and its annotations say it again.
            for part in node.iter():
                if local(part) not in ("", *_UNSEEN):
                    words = part.text or ""
                    parts.append(words if local(part) == "mtext" else words.strip())
        elif local(node).lower() not in _UNSEEN:
            todo.append((node, len(parts)))
            for child in reversed(node):
                todo.append((child.tail or "", -1))
                todo.append((child, -1))
            parts.append(node.text or "")
    return squeeze("".join(parts))


def _marked(name: str, content: str) -> str:
    if name in ("sup", "sub"):
        return _index(name, content)
    if name == "tex-math":
        content = content.strip()
        return content if content.startswith(("$", r"\(", r"\[")) else f"${content}$"
    return f" {content} " if name in _BLOCKS else content


def _index(name: str, content: str) -> str:
    if not _INDEX.match(content.strip()):
        return content
    return content.strip().translate(_UP if name == "sup" else _DOWN)


# Only what is a tag by its name and its attributes: "a <b and c> d" is a comparison.
_TAG = re.compile(
    r"</?(?:[a-z]{1,10}:)?(a|abbr|abstract|article|b|big|blockquote|body|bold|br|center|cite|code|"
    r"dd|div|dl|dt|em|fig|figure|figcaption|font|h[1-6]|header|footer|hr|html|i|iframe|img|inf|"
    r"italic|jats|label|li|list|list-item|math|mi|mn|mo|mrow|msub|msup|mtext|ol|p|pre|q|s|sc|sec|"
    r"section|small|span|strike|strong|sub|sup|table|tbody|td|th|thead|time|title|tr|tt|u|ul|"
    r"underline|wbr)"
    r"""(?:\s+[\w:.-]{1,40}\s*=\s*(?:"[^"<]{0,2000}"|'[^'<]{0,2000}'|[^\s"'<>]{1,500}))*\s*/?>""",
    re.IGNORECASE,
)
_HIDDEN = tuple(
    (re.compile(begin, re.IGNORECASE), re.compile(end, re.IGNORECASE))
    for begin, end in (
        ("<!--", "-->"),
        (r"<script\b", r"</script\s{0,9}>"),
        (r"<style\b", "</style>"),
    )
)
_RAISED = re.compile(r"<(sup|sub|inf)(?:\s[^<>]{0,100})?>([^<>]{1,40})</\1>", re.IGNORECASE)


def from_html(markup: str) -> str:
    """The text of a snippet of HTML or JATS, as feeds and catalogues have it in their fields."""
    if "<" in markup:
        for begin, end in _HIDDEN:
            markup = _without(markup, begin, end)
        markup = _RAISED.sub(
            lambda m: _index("sup" if m[1].lower() == "sup" else "sub", html.unescape(m[2])), markup
        )
        markup = _TAG.sub(lambda m: " " if m[1].lower() in _BLOCKS else "", markup)
    return squeeze(html.unescape(markup))


def _without(markup: str, begin: re.Pattern[str], end: re.Pattern[str]) -> str:
    """Cuts out what lies between two marks, in one pass: a single pattern would go back over
    the rest for each mark that is never closed."""
    kept: list[str] = []
    at = 0
    while (first := begin.search(markup, at)) and (last := end.search(markup, first.end())):
        kept.append(markup[at : first.start()])
        at = last.end()
    return " ".join([*kept, markup[at:]])
