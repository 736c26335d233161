"""The digest as Markdown that people edit: an anchor above each block says what it is.

Text from papers is escaped: it is data, never markup. `curator.digest.reading` finds out what a
person did to it, with the help of the anchors (`curator.digest.written`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from curator.digest.document import (
    DigestDocument,
    DigestPaper,
    DigestSection,
    Origin,
    Sentence,
    Trend,
    every_paper,
)
from curator.digest.edits import NOTABLE
from curator.digest.written import HOW_TO_EDIT, BlockKind, anchor_of, encoded
from curator.text import clean, plain

__all__ = ["HEADINGS", "escape", "to_markdown"]

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~!&$])")
_LEADING = re.compile(r"^(\s*\d*)([-+=.)])")  # of lists, "1." too, and underlines
_TAG = re.compile(r"[\w.+:/-]+")
AUTHORS_SHOWN = 4
HEADINGS = {"notable": "Also notable", "trends": "Trends", "failed": "Not summarised"}


def to_markdown(document: DigestDocument) -> str:
    """The whole digest; ends with one line end. The same document gives the same text."""
    blocks = [
        _head(document),
        _lead(document),
        *(block for section in document["sections"] for block in _section(section)),
        *_notable(document),
        _trends(document),
        _failed(document),
    ]
    closing = [
        "---",
        _ledger(document),
        "“quoted”: the sentence stands in the abstract word for word (TeX is shown as text). "
        "“checked”: written by a model and checked against a sentence of the abstract, with the "
        "score of the check. “counted”: counted in the library. “editor”: written by a person, "
        f"and checked where it says something of a paper. Model: {_text(document['model'])}.",
    ]
    blocks.append(_block("end", "", closing))
    return "\n\n".join([*filter(None, blocks), "\n".join(HOW_TO_EDIT)]) + "\n"


def _block(kind: BlockKind, name: str, paragraphs: Iterable[str], *words: str) -> str:
    body = "\n\n".join(filter(None, paragraphs))
    return f"{anchor_of(kind, name, body, *words)}\n{body}" if body else ""


def _head(document: DigestDocument) -> str:
    chosen = f"{document['chosen']} chosen"
    if document["notable"]:
        chosen += f", {len(document['notable'])} notable"
    body = [
        f"# Paper digest {_inside(document['name'])}",
        f"{_inside(document['since'])} to {_inside(document['until'])} · "
        f"{_count(document['seen'], 'paper')} seen, {chosen}, "
        f"{document['not_chosen']} not chosen, {len(document['failed'])} failed",
        *_notes(document["notes"]),
        "" if every_paper(document) else "No papers in this period.",
    ]
    lists = {section["tag"]: section["papers"] for section in document["sections"]}
    lists |= {NOTABLE: document["notable"]} if document["notable"] else {}
    words = (encoded(document["reader"]), f"papers={_arrangement(lists)}")
    return _block("digest", document["name"], body, *words)


def _lead(document: DigestDocument) -> str:
    return _block("lead", "", [_marked(sentence) for sentence in document["lead"]])


def _section(section: DigestSection) -> list[str]:
    body = [f"## {_text(section['title']) or 'Section'}", *_notes(section["notes"])]
    return [_block("section", section["tag"], body), *map(_paper, section["papers"])]


def _paper(paper: DigestPaper) -> str:
    why = [_text(reason["text"]) for reason in paper["why"]]
    body = [
        f"### {_linked(paper['title'], paper['url'])}",
        _summary(paper),
        f"Why: {'; '.join(why)}" if any(why) else "",
        _facts(paper),
        *_notes(paper["notes"]),
    ]
    return _block("paper", paper["paper_id"], body, *(["pin"] if paper["pinned"] else []))


def _notable(document: DigestDocument) -> list[str]:
    if not document["notable"]:
        return []
    blocks = [_block("notable", "", [f"## {HEADINGS['notable']}"])]
    for paper in document["notable"]:
        line = f"**{_linked(paper['title'], paper['url'])}**: {_summary(paper)}"
        words = ["pin"] if paper["pinned"] else []
        blocks.append(_block("paper", paper["paper_id"], [line, *_notes(paper["notes"])], *words))
    return blocks


def _summary(paper: DigestPaper) -> str:
    text = _own(paper["tldr"]) if paper["origin"] == "human" else _text(paper["tldr"])
    mark = _mark(paper["origin"], paper["supported"], paper["score"], paper["reason"])
    return f"{text} *({mark})*".strip()


def _facts(paper: DigestPaper) -> str:
    authors = [_text(name) for name in paper["authors"][:AUTHORS_SHOWN]]
    if len(paper["authors"]) > AUTHORS_SHOWN:
        authors.append("et al.")
    tags = ", ".join(f"`{t}`" if _TAG.fullmatch(t) else _inside(t) for t in paper["tags"])
    return " · ".join(filter(None, [", ".join(authors), _inside(paper["day"]), tags]))


def _trends(document: DigestDocument) -> str:
    if not document["trends"]:
        return ""
    lines = "\n".join(_trend(trend) for trend in document["trends"])
    return _block("rest", "", [f"## {HEADINGS['trends']}", lines])


def _trend(trend: Trend) -> str:
    moved = "up" if trend["direction"] > 0 else "down"
    papers = [_linked(str(paper["title"] or ""), paper["url"]) for paper in trend["papers"]]
    return (
        f"- {_text(trend['title']) or 'Unnamed'}: {moved}, {trend['count']} of {trend['of']} "
        f"papers, before that {trend['before']} of {trend['of_before']}"
        + (f": {'; '.join(papers)}" if papers else "")
    )


def _failed(document: DigestDocument) -> str:
    if not document["failed"]:
        return ""
    lines = [
        f"- {_text(failure['title'])}: {_text(failure['reason'])}" for failure in document["failed"]
    ]
    return _block("rest", "", [f"## {HEADINGS['failed']}", "\n".join(lines)])


def _ledger(document: DigestDocument) -> str:
    ledger = document["ledger"]
    parts = {
        "chosen": ledger["chosen"],
        "notable": ledger["notable"],
        "shown in an earlier digest": ledger["shown_before"],
        "dropped by an editor": ledger["dropped"],
        "disliked": ledger["disliked"],
        "without an abstract": ledger["no_abstract"],
        "not chosen": ledger["not_chosen"],
        "failed": ledger["failed"],
    }
    counted = [f"{number} {what}" for what, number in parts.items() if number]
    return f"{_count(ledger['seen'], 'paper')} seen: {', '.join(counted) or 'none chosen'}."


def _notes(notes: Iterable[Sentence]) -> list[str]:
    return [f"> {_marked(note)}" for note in notes if clean(note["text"])]


def _marked(sentence: Sentence) -> str:
    own = sentence["origin"] == "human"
    text = _own(sentence["text"]) if own else _text(sentence["text"])
    mark = _mark(sentence["origin"], sentence["supported"], sentence["score"], sentence["reason"])
    return f"{text} *({mark})*".strip()


def _mark(origin: Origin, supported: bool, score: float, reason: str) -> str:
    if origin == "human":
        if supported:
            return "editor"
        why = re.sub(r"[()\[\]]", " ", reason)
        why = clean(plain(why))
        return f"editor, not supported: {escape(why)}" if why else "editor, not supported"
    return {"quote": "quoted", "catalog": "counted"}.get(origin, f"checked {score:.2f}")


def _linked(title: str, url: str | None) -> str:
    text = _text(title) or "Untitled"
    address = clean(url or "")  # of which these would end a link early
    for sign in " ()<>\\":
        address = address.replace(sign, f"%{ord(sign):02X}")
    return f"[{text}]({address})" if address else text


def _arrangement(lists: Mapping[str, Sequence[DigestPaper]]) -> str:
    """Which papers stand where, as one word: ``tag:id,id;tag:id``; + marks the pinned."""
    return ";".join(
        f"{quote(tag, safe='+')}:"
        + ",".join(quote(p["paper_id"], safe="") + "+" * p["pinned"] for p in papers)
        for tag, papers in lists.items()
    )


def _text(text: str) -> str:
    """Text of a paper: TeX shown as text, no control characters, escaped."""
    return escape(clean(plain(clean(text))))


def _inside(text: str) -> str:
    """The same where it does not begin a line."""
    return _SPECIAL.sub(r"\\\1", clean(plain(clean(text))))


def _own(text: str) -> str:
    """An editor's text, which is not taken for TeX."""
    return escape(clean(text))


def escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    escaped = _SPECIAL.sub(r"\\\1", text.replace("\n", " "))
    return _LEADING.sub(lambda m: f"{m[1]}\\{m[2]}", escaped)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
