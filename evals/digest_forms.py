"""What the forms of a digest show, read back by parsers that are not ours.

Each form gives its papers in order: title, link, summary. HTML must parse without an error, and a
feed without a complaint.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from curator.digest.document import DigestDocument, every_paper
from curator.text import clean, plain, squeeze, title_key

__all__ = ["Shown", "form_faults", "letter_page"]

_ATOM = "{http://www.w3.org/2005/Atom}"
_LONGEST = 400  # characters of a title that pages show


@dataclass(frozen=True)
class Shown:
    """A paper as a form shows it."""

    title: str
    url: str
    summary: str


def form_faults(form: str, data: bytes, document: DigestDocument) -> Iterator[str]:
    """What is wrong with one form (``md``, ``html``, ``eml`` or ``atom``) of a document; of a
    feed its entry is looked at."""
    try:
        if form == "md":
            bodies = {"": _parsed(_rendered(data.decode()))}
        elif form == "html":
            bodies = {"": _parsed(data.decode())}
        elif form == "eml":
            bodies = {"page": _parsed(letter_page(data))}
            yield from _plain_faults(_letter(data, "plain"), document)
        else:
            yield from _feed_faults(data)
            bodies = {"entry": _parsed(_entry(data, document), whole=False)}
    except (ValueError, LookupError, SyntaxError) as error:  # lxml's is the last
        yield f"{form} cannot be read: {error}"
        return
    for part, tree in bodies.items():
        where = f"{form} {part}".strip()
        yield from _paper_faults(where, list(_papers(tree)), document)
        words = title_key(_text(tree))
        for sentence in document["lead"]:
            if title_key(sentence["text"]) not in words:
                yield f"{where} does not show {sentence['text']!r}"
        for trend in document["trends"]:
            for said in (f"{trend['count']:,} of {trend['of']:,}", trend["title"]):
                if title_key(said) not in words:
                    yield f"{where} does not show {said!r} of {trend['name']!r}"


def letter_page(data: bytes) -> str:
    """The HTML of a letter."""
    return _letter(data, "html")


def _letter(data: bytes, kind: str) -> str:
    message = email.message_from_bytes(data, policy=email.policy.default)
    part = message.get_body((kind,))
    if part is None:
        raise ValueError(f"the letter has no {kind} part")
    return str(part.get_content())


def _rendered(text: str) -> str:
    from markdown_it import MarkdownIt

    page = str(MarkdownIt("commonmark").render(text))
    return f"<!DOCTYPE html><html><head><title>x</title></head><body>{page}</body></html>"


def _parsed(page: str, *, whole: bool = True) -> Element:
    """The page as a tree.

    Raises:
        ValueError: it is not HTML as it should be.
    """
    import html5lib  # type: ignore[import-untyped]
    from html5lib.html5parser import ParseError  # type: ignore[import-untyped]

    parser = html5lib.HTMLParser(
        tree=html5lib.getTreeBuilder("etree"), strict=True, namespaceHTMLElements=False
    )
    try:
        tree: Element = parser.parse(page) if whole else parser.parseFragment(page)
    except ParseError as error:
        raise ValueError(f"its HTML has an error: {error}") from error
    return tree


def _entry(data: bytes, document: DigestDocument) -> str:
    from lxml import etree

    feed = etree.fromstring(data)
    ending = f"/{document['reader']}/{document['name']}"
    for entry in feed.findall(f"{_ATOM}entry"):
        if unquote(entry.findtext(f"{_ATOM}id") or "").endswith(ending):
            return entry.findtext(f"{_ATOM}content") or ""
    raise LookupError("the feed has no such entry")


def _feed_faults(data: bytes) -> Iterator[str]:
    import feedparser

    feed = feedparser.parse(data)
    if feed.bozo:
        yield f"the feed is no good Atom: {feed.bozo_exception}"
    ids = [entry.get("id") for entry in feed.entries]
    if len(set(ids)) < len(ids) or None in ids:
        yield "entries of the feed without an id of their own"
    if any(not entry.get(field) for entry in feed.entries for field in ("title", "updated")):
        yield "an entry of the feed without a title or a time"


# ---------------------------------------------------------------------------- reading


def _papers(tree: Element) -> Iterator[Shown]:
    """Titles are headings of the third order, or (Markdown) the bold beginning of a paragraph;
    the summary is the next thing said."""
    parents = {child: parent for parent in tree.iter() for child in parent}
    for node in tree.iter():
        if node.tag == "h3":
            around = list(parents[node])
            said = (_said(one) for one in around[around.index(node) + 1 :])
            yield _shown(node, next((text for text in said if text), ""))
        elif _is_line(node):
            yield _shown(node[0], _unmarked(node)[len(_text(node[0])) + 1 :])


def _is_line(node: Element) -> bool:
    """Whether a paragraph begins with a title in bold and a colon."""
    bold = node.tag == "p" and len(node) > 0 and node[0].tag == "strong" and not node.text
    return bold and (node[0].tail or "").startswith(": ")


def _shown(heading: Element, summary: str) -> Shown:
    link = next((one for one in heading.iter() if one.tag == "a"), None)
    return Shown(_text(heading), "" if link is None else link.get("href", ""), summary)


def _said(node: Element) -> str:
    """The sentence in a block; "" if it has none, as a line of authors."""
    if node.tag not in ("p", "details"):
        return ""
    inner = next((one for one in node.iter("span") if one.get("class") == "text"), None)
    if inner is None and any(one.tag == "small" for one in node):
        inner = next((one for one in node.iter("span")), None)
    if inner is not None:
        return _text(inner)
    return _unmarked(node) if len(node) and node[-1].tag == "em" else ""


def _unmarked(node: Element) -> str:
    """The text without where it is from, which stands at its end in italics."""
    last = _text(node[-1]) if node[-1].tag == "em" else ""
    whole = _text(node)
    return whole[: len(whole) - len(last)] if last else whole


def _text(node: Element) -> str:
    parts = [text for text in node.itertext() if text is not None and not text.startswith("<!--")]
    return "".join(parts)


# -------------------------------------------------------------------------- comparing


def _paper_faults(where: str, found: list[Shown], document: DigestDocument) -> Iterator[str]:
    wanted = every_paper(document)
    if len(found) != len(wanted):
        yield f"{where} shows {len(found)} papers of {len(wanted)}"
        return
    for shown, paper in zip(found, wanted, strict=True):
        title = plain(clean(paper["title"]))
        key, got = title_key(title[:_LONGEST]), title_key(shown.title)
        if got != key and not (len(title) > _LONGEST and key.startswith(got[:300])):
            yield f"{where}: the title {paper['title']!r} is shown as {shown.title!r}"
        if unquote(shown.url) != unquote(paper["url"] or ""):
            yield f"{where}: {paper['title']!r} leads to {shown.url!r}"
        if title_key(shown.summary) != title_key(paper["tldr"]):
            yield f"{where}: the summary {paper['tldr']!r} is shown as {shown.summary!r}"


def _plain_faults(text: str, document: DigestDocument) -> Iterator[str]:
    """Titles, links and summaries stand in the letter's plain text, in order."""
    whole, at = unquote(squeeze(text)), 0
    for paper in every_paper(document):
        title = clean(plain(clean(paper["title"])))[: _LONGEST - 1]
        for said in (title, paper["url"] or "", clean(plain(clean(paper["tldr"])))):
            found = whole.find(unquote(said), at)
            if found < 0:
                yield f"the letter's plain text does not show {said!r} in its place"
                return
            at = found + len(unquote(said))
