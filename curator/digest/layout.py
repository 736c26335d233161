"""How a digest.md is laid out: its lead, its sections, and the papers in each.

What carries no anchor any more is known by its heading; a block that stands there twice counts
once, and what only the second one says is kept as text of the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from curator.digest.edits import NOTABLE, OWN
from curator.digest.written import Anchor, Block, Para, same

__all__ = ["Known", "Laid", "LaidBlock", "lay_out", "written_papers"]

WORDS = ("pin", "drop")  # what a person may write into a comment, or as a line


@dataclass(slots=True)
class Known:
    """What is known by its heading, in the form of `same`: ids of papers, tags of sections, and
    the kind of other blocks."""

    papers: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class LaidBlock:
    """``heading`` is its own; ``paras`` are all others, without lines that only say ``words``."""

    anchor: Anchor
    heading: Para | None = None
    paras: list[Para] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    section: str = ""


@dataclass(slots=True)
class Laid:
    """``order`` are tags of sections as they come (`NOTABLE` among them), ``lists`` the papers in
    each; ``rest`` are blocks that nobody can edit."""

    head: LaidBlock
    header: Anchor | None = None
    lead: LaidBlock | None = None
    sections: dict[str, LaidBlock] = field(default_factory=dict)
    papers: dict[str, LaidBlock] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    rest: list[LaidBlock] = field(default_factory=list)
    ended: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def order(self) -> list[str]:
        return [tag for tag in self.lists if tag != NOTABLE]


def lay_out(blocks: Sequence[Block], known: Known) -> Laid:
    """Puts blocks in their places."""
    laid = Laid(LaidBlock(Anchor("top")))
    where = ""  # the section that is open; "" before the first
    waiting: list[str] = []  # papers above the first section
    for block in _regular(blocks, known):
        anchor, made = block.anchor, _laid(block)
        if anchor.kind in ("top", "digest"):
            if anchor.kind == "digest" and laid.header is None:
                laid.header = laid.head.anchor = anchor
            laid.head.paras += [*([made.heading] if made.heading else []), *made.paras]
        elif anchor.kind == "lead":
            laid.lead = _joined(laid.lead, made, laid, "The lead")
        elif anchor.kind in ("section", "notable"):
            where = anchor.name if anchor.kind == "section" else NOTABLE
            laid.lists.setdefault(where, [])
            twice = f"The section {where!r}" if where in laid.sections else ""
            laid.sections[where] = _joined(laid.sections.get(where), made, laid, twice)
        elif anchor.kind == "paper":
            before = laid.papers.get(anchor.name)
            made.section = before.section if before else where
            made = _joined(before, made, laid, f"The paper {anchor.name}")
            laid.papers[anchor.name] = made
            if before is None:
                (laid.lists[where] if where else waiting).append(anchor.name)
        else:
            laid.ended |= anchor.kind == "end"
            laid.rest.append(made)
        if anchor.kind != "end":
            laid.warnings += [
                f"Line {line}: a comment of yours is not kept." for line in block.comments
            ]
    if waiting:
        first = next(iter(laid.lists), "")
        laid.lists[first] = waiting + laid.lists.get(first, [])
        for paper in waiting:
            laid.papers[paper].section = first
    _dissolve_empty(laid)
    return laid


def written_papers(anchor: Anchor | None) -> tuple[dict[str, list[str]], set[str]] | None:
    """The papers in each section as the file was written, and which of them were pinned; None if
    its first comment does not say so any more."""
    word = next((w for w in anchor.words if w.startswith("papers=")), None) if anchor else None
    if word is None:
        return None
    lists: dict[str, list[str]] = {}
    pinned: set[str] = set()
    for part in filter(None, word.removeprefix("papers=").split(";")):
        tag, _, ids = part.partition(":")
        own = lists.setdefault(unquote(tag), [])
        for one in filter(None, ids.split(",")):
            paper = unquote(one.removesuffix("+"))
            own.append(paper)
            if one.endswith("+"):
                pinned.add(paper)
    return lists, pinned


def _laid(block: Block) -> LaidBlock:
    made = LaidBlock(block.anchor)
    made.words = {word.lower() for word in block.anchor.words} & set(WORDS)
    for para in block.paras:
        word = para.text.lower().strip(" .!")
        if para.level and made.heading is None and not made.paras:
            made.heading = para
        elif word in WORDS and not para.level and not para.quoted and block.anchor.kind == "paper":
            made.words.add(word)
        else:
            made.paras.append(para)
    return made


def _joined(first: LaidBlock | None, second: LaidBlock, laid: Laid, what: str) -> LaidBlock:
    """One block of two that are the same."""
    if first is None:
        return second
    if what:
        laid.warnings.append(f"Line {second.anchor.line}: {what} stands there twice.")
    have = {para.key for para in first.paras} | {first.heading.key if first.heading else ""}
    generated = {*first.anchor.prints, *second.anchor.prints}
    heading = [replace(second.heading, level=0)] if second.heading else []
    first.paras += [
        para
        for para in [*heading, *second.paras]
        if para.key not in have and (para.is_note or para.print not in generated)
    ]
    first.words |= second.words
    return first


def _dissolve_empty(laid: Laid) -> None:
    """A heading of a person's own without a paper below it is text, and stays where it is."""
    tags = list(laid.lists)
    for number, tag in enumerate(tags):
        block = laid.sections.get(tag)
        if block and "new" in block.anchor.words and not laid.lists[tag]:
            above = next(
                (laid.sections[t] for t in reversed(tags[:number]) if t in laid.sections), laid.head
            )
            heading = [replace(block.heading, level=0)] if block.heading else []
            above.paras += [*heading, *block.paras]
            del laid.lists[tag], laid.sections[tag]


# ------------------------------------------------------------------------ headings without anchor


def _regular(blocks: Sequence[Block], known: Known) -> list[Block]:
    """Blocks of which each begins with an anchor; those that have none any more get one."""
    anchored: set[tuple[str, str]] = {(block.anchor.kind, block.anchor.name) for block in blocks}
    regular: list[Block] = []
    for block in blocks:
        regular.append(Block(block.anchor, [], list(block.comments)))
        own = block.anchor.kind in ("paper", "section", "notable", "rest", "digest")
        for number, para in enumerate(block.paras):
            if own and number == 0 and para.level:
                regular[-1].anchor = _meant(block.anchor, para, known, anchored)
            elif anchor := _by_heading(para, known, anchored, block.anchor.kind):
                regular.append(Block(anchor))
                if para.head:
                    heading = Para(para.head, level=3, line=para.line)
                    rest = replace(para, text=para.tail, head="", tail="")
                    regular[-1].paras += [heading, rest]
                    continue
            regular[-1].paras.append(para)
    return regular


def _meant(anchor: Anchor, heading: Para, known: Known, anchored: set[tuple[str, str]]) -> Anchor:
    """The anchor of the paper whose title stands below another's, where its own is gone."""
    paper = known.papers.get(heading.key)
    if anchor.kind != "paper" or paper in (None, anchor.name) or ("paper", paper) in anchored:
        return anchor
    unknown = anchor.name not in known.papers.values()  # a letter of it was changed
    if anchor.prints and heading.print == anchor.prints[0] and not unknown:
        return anchor
    return Anchor("paper", paper, line=anchor.line)


def _by_heading(
    para: Para, known: Known, anchored: set[tuple[str, str]], inside: str
) -> Anchor | None:
    paper = known.papers.get(same(para.head) if para.head else para.key)
    if paper and (para.level == 3 or para.head) and ("paper", paper) not in anchored:
        return Anchor("paper", paper, line=para.line)
    if para.level != 2 or inside == "end":
        return None
    tag = known.sections.get(para.key)
    if tag is not None:
        return None if ("section", tag) in anchored else Anchor("section", tag, line=para.line)
    other = known.others.get(para.key)
    if other == "notable":
        return None if ("notable", "") in anchored else Anchor("notable", line=para.line)
    if other:
        return Anchor("rest", line=para.line)
    name = OWN + hashlib.sha256(para.key.encode()).hexdigest()[:8]
    return Anchor("section", name, words=("new",), line=para.line)
