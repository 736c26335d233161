"""The only place that parses XML: streaming, in constant memory, and without obeying it.

No entity is expanded, no DTD loaded, nothing fetched; a document that declares entities of its
own is refused. What comes before a break in the document is delivered, then the break named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import chain
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

from curator.errors import FetchError, InputError
from curator.fetch import Fetched
from curator.sources.xml_mend import utf8
from curator.text import squeeze, strip_controls

__all__ = [
    "Element", "NotXML", "answer", "document", "elements", "local", "root_name", "root_of",
]  # fmt: skip

Element = Any  # lxml's, which has no types

MAX_ELEMENT = 50_000_000  # bytes of one entry; the largest of PubMed have 3 MB
_MAX_PROLOG = 1 << 20  # bytes before the first element
_SAFE = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,  # keeps the parser's own limits: depth, length of a text
    "encoding": "utf-8",  # whatever the document says: `utf8` has seen to it
}
_READ = TypeVar("_READ")


class NotXML(InputError):
    """The content is something else: a web page, JSON, text, nothing at all."""


def elements(stream: BinaryIO, tags: set[str]) -> Iterator[Element]:
    """Each outermost element whose local name is one of ``tags``, in the document's order.

    An element is good until the next is asked for, and is emptied then; its ancestors' names
    and attributes are there too (``getparent()``). Memory does not grow with the document.

    Raises:
        NotXML: it is no XML at all; nothing has been yielded by then.
        InputError: it is broken from some line on, declares entities, or has an element of
            more than `MAX_ELEMENT` bytes. What came before has been yielded.
        OSError: the stream cannot be read.
    """
    from lxml import etree

    top, chunks, skipped = _opened(stream)
    # Only what is asked for, and the root, to clear what is not: all else costs time.
    parser = etree.XMLPullParser(
        events=("start", "end"), tag=[top, *(f"{{*}}{tag}" for tag in tags)], **_SAFE
    )
    depth = size = lines = 0
    root: Element = None
    any_read = False
    tail = b""
    for chunk in chain(chunks, [b""]):
        lines, tail = lines + chunk.count(b"\n"), (tail + chunk)[-100:]
        broken = None
        try:
            parser.feed(chunk) if chunk else parser.close()
        except etree.XMLSyntaxError as error:
            broken = error  # what was read before it still waits in the parser
        for event, element in parser.read_events():
            root = element if root is None else root
            if local(element) not in tags:
                continue
            depth += 1 if event == "start" else -1
            if event == "end" and depth == 0:
                any_read = True
                yield element
                element.clear(keep_tail=True)
        if broken is not None:
            cut = _is_cut(broken, tail, lines) and not next(chunks, b"")
            raise _broken(broken, skipped, cut=cut, any_read=any_read)
        size = size + len(chunk) if depth else 0
        if size > MAX_ELEMENT:
            raise InputError(f"It has an entry of more than {MAX_ELEMENT // 1_000_000} MB.")
        if root is not None:
            _prune(root, tags)


def document(content: bytes) -> Element:
    """The root of a whole document, for small ones.

    Raises:
        NotXML: it is no XML at all.
        InputError: it is broken, or declares entities.
    """
    from lxml import etree

    _, chunks, skipped = _opened(BytesIO(content))
    parser = etree.XMLParser(**_SAFE)
    whole = b"".join(chunks)
    try:
        parser.feed(whole)
        return parser.close()
    except etree.XMLSyntaxError as error:
        cut = _is_cut(error, whole, whole.count(b"\n"))
        raise _broken(error, skipped, cut=cut, any_read=False) from None


def root_of(content: bytes) -> str:
    """The local name of a document's root, after the checks that every document gets: what
    another library may then read.

    Raises:
        NotXML: it is no XML at all.
        InputError: it is broken before its root, or declares entities.
    """
    return str(_opened(BytesIO(content))[0]).rpartition("}")[2]


def answer(fetched: Fetched, read: Callable[[BinaryIO], _READ]) -> _READ:
    """What ``read`` makes of a server's document; its complaint becomes the server's fault.

    Raises:
        FetchError: the document cannot be used. The cause is the `InputError`.
    """
    try:
        return read(BytesIO(fetched.content))
    except InputError as error:
        host = urlsplit(fetched.url).hostname or fetched.url
        raise FetchError(
            f"The answer of {host} cannot be used. {error.message}",
            remedy=error.remedy or "Try again later; what was read before is kept.",
        ) from error


def local(element: Element) -> str:
    """An element's name without its namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def root_name(head: str) -> str:
    """The local name of the first element of a document that begins so, or ``""``."""
    at = 0
    while match := _BEFORE_ROOT.match(head, at):
        at = match.end()
        if match[1]:
            end = {"<?": "?>", "<!--": "-->"}.get(match[1], ">")
            close = head.find(">", at)
            if end == ">" and "[" in head[at : close if close >= 0 else at]:
                end = "]>"  # a DOCTYPE that declares things of its own
            found = head.find(end, at)
            if found < 0:
                return ""
            at = found + len(end)
    match = re.compile(r"<(?:[\w.-]{1,100}:)?([\w.-]{1,100})").match(head, at)
    return match[1] if match else ""


_BEFORE_ROOT = re.compile(r"[\ufeff\s]+|(<\?|<!--|<!)")


def _opened(stream: BinaryIO) -> tuple[str, Iterator[bytes], int]:
    """The root's full name, the chunks from its start, and how many lines were skipped.

    A parser of its own reads up to the root: what a document declares is known before
    anything that could use it is read.
    """
    from lxml import etree

    chunks = utf8(stream)
    first = next(chunks, b"")
    start = first.lstrip()  # XML must begin with its declaration; saved pages often do not
    while not start and (first := next(chunks, b"")):
        start = first.lstrip()
    skipped = first[: len(first) - len(start)].count(b"\n")
    head = start.decode("utf-8", "replace")
    is_page = re.search(r"<!doctype\s+html\b", head[:2_000], re.IGNORECASE) or re.match(
        r"(?:html|head|body)$", root_name(head), re.IGNORECASE
    )
    if is_page or not head.startswith("<"):
        raise _not_xml(head)
    read = [start]
    scout = etree.XMLPullParser(events=("start",), **_SAFE)
    chunk: bytes | None = start
    while chunk is not None and sum(map(len, read)) < _MAX_PROLOG:
        for at in range(0, len(chunk), 1024):
            broken = None
            try:
                scout.feed(chunk[at : at + 1024])
            except etree.XMLSyntaxError as error:
                broken = error
            found = next(scout.read_events(), None)
            if found:
                declared = found[1].getroottree().docinfo.internalDTD
                if declared is not None and next(iter(declared.iterentities()), None) is not None:
                    raise _declares()
                return found[1].tag, chain(read, chunks), skipped
            if broken:
                raise _declares() if "<!ENTITY" in head else _broken(broken, skipped)
        chunk = next(chunks, None)
        if chunk is not None:
            read.append(chunk)
    if sum(map(len, read)) < _MAX_PROLOG:
        raise InputError("It ends before its first element.", remedy=_CUT)
    raise InputError(f"It has no element in its first {_MAX_PROLOG:,} bytes.")


def _prune(root: Element, tags: set[str]) -> None:
    """Drops all that was read and lies outside an open element of ``tags``.

    Whatever is still open is the last child of its parent, so all before a last child is done.
    """
    node = root
    while local(node) not in tags and len(node):
        del node[:-1]
        node = node[-1]


_CUT = "It was cut short when it was saved or loaded: get it again."


def _is_cut(error: Any, tail: bytes, lines: int) -> bool:
    """Whether a document that ends with ``tail``, after ``lines`` line ends, was cut short."""
    ended = re.match(r"Premature end|EndTag: '</' not found|no element found", error.msg or "")
    return bool(ended) or (
        not tail.rstrip().endswith(b">") and (error.lineno or 0) > lines  # in its last line
    )


def _broken(error: Any, skipped: int, *, cut: bool = False, any_read: bool = False) -> InputError:
    # Without the places inside the message, which do not know of skipped lines, and hints that
    # are for programmers.
    message = re.sub(
        r",? line \d+(?:, column \d+)?|, (?:use|try) XML_PARSE_HUGE.*", "", error.msg or ""
    )
    line = (error.lineno or 0) + skipped
    place = f" at line {line}" if error.lineno else ""
    before = " What comes before was read." if any_read else ""
    if cut:
        return InputError(f"It ends in the middle{place}.{before}", remedy=_CUT)
    why = message[:1].lower() + message[1:200]
    return InputError(
        f"It is broken XML{place} ({strip_controls(why)}).{before}",
        remedy="Get it again from where it came, or mend that line.",
    )


def _declares() -> InputError:
    return InputError(
        "It declares entities of its own (<!ENTITY …>), which are not read: they can make a "
        "small file fill the memory, or bring in other files.",
        remedy="Get it from its source as plain XML.",
    )


def _not_xml(head: str) -> NotXML:
    if not head:
        return NotXML("It is empty.", remedy="Get it again from where it came.")
    if head.startswith(("{", "[")):
        return NotXML(f"It is JSON, not XML: {_excerpt(head)}")
    if not head.startswith("<"):
        return NotXML(f"It is text, not XML: {_excerpt(head)}")
    match = re.search(r"<title[^>]{0,200}>([^<]{1,500})", head, re.I)
    named = f" ({_excerpt(match[1])})" if match else ""
    for pattern, what, remedy in _PAGES:
        if re.search(pattern, head, re.I):
            return NotXML(f"It is {what}, not XML{named}.", remedy=remedy)
    return NotXML(f"It is a web page, not XML{named}.", remedy="Check the address.")


# What servers send in place of the document, with status 200; the first that fits.
_PAGES = (
    (r"captcha|verify (?:that )?you are (?:a )?human|unusual (?:traffic|(?:download )?activity)"
     r"|automated access|are you a robot|cf-chl|just a moment",
     "a page that asks for proof of being human", "Wait an hour, then pull less often."),
    (r"<title[^>]{0,200}>[^<]{0,200}(?:\b[45]\d\d\b|not found|error|unavailable|maintenance"
     r"|forbidden|denied)", "an error page", "Try again later, or check the address."),
    (r"type=[\"']?password|<title[^>]{0,200}>[^<]{0,200}(?:log ?in|sign ?in|anmeld)",
     "a login page", "It is not open to everyone: save the file by hand, and add that."),
)  # fmt: skip


def _excerpt(text: str) -> str:
    text = squeeze(strip_controls(text[:200]))
    return text if len(text) <= 60 else text[:57] + "..."
