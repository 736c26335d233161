"""What a person did to a digest.md since it was written.

The document that it was written of is written once more, both texts are taken apart, and what
differs is an edit, unless the fingerprints in the file say that it was so from the beginning.
Nothing that a person wrote is lost: text that has no place of its own becomes a note where it
stands.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from curator.digest.document import DigestDocument
from curator.digest.edits import NOTABLE, Edits, LeadEdit, Move, no_edits, of_section
from curator.digest.layout import Known, Laid, LaidBlock, lay_out, written_papers
from curator.digest.markdown import HEADINGS, to_markdown
from curator.digest.written import Para, blocks_of, encoded, same
from curator.errors import InputError
from curator.text import clean

__all__ = ["LARGEST", "read_edits"]

LARGEST = 20_000_000  # characters; a digest of 5,000 papers has some four million
_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?:\s|$)", re.MULTILINE)
_ANEW = "Delete the file, and the digest is written anew."


def read_edits(text: str, document: DigestDocument) -> tuple[Edits, list[str]]:
    """The edits, to be merged into those that are stored, and warnings with line numbers.

    ``document`` is the digest as it was written last, with the edits of then
    (``catalog.digests.get``). A file that nobody touched gives no edits and no warnings.

    Raises:
        InputError: it is no text, empty, of another digest, or a merge was not ended.
    """
    text = _checked(text)
    written = lay_out(blocks_of(to_markdown(document)), Known())
    found = lay_out(blocks_of(text), _known(written))
    _check_whose(found, document)
    return _Reader(written, found).edits()


def _checked(text: str) -> str:
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text or len(text) > LARGEST:
        at = text.count("\n", 0, text.find("\0")) + 1 if "\0" in text else 1
        raise InputError(f"Line {at}: the digest's file is not text.", remedy=_ANEW)
    if not clean(text):
        raise InputError("Line 1: the digest's file is empty.", remedy=_ANEW)
    if conflict := _CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        raise InputError(
            f"Line {line}: a merge has left its conflict in the digest's file.",
            remedy="Choose one of the two versions, and delete the lines of signs.",
        )
    return text


def _known(written: Laid) -> Known:
    papers = {b.heading.key: name for name, b in written.papers.items() if b.heading}
    sections = {b.heading.key: tag for tag, b in written.sections.items() if b.heading}
    others = {same(title): kind for kind, title in HEADINGS.items()}
    return Known(papers, {k: tag for k, tag in sections.items() if tag != NOTABLE}, others)


def _check_whose(found: Laid, document: DigestDocument) -> None:
    header = found.header
    whose = f"digest {document['name']} of the reader {document['reader']!r}"
    if header and header.name:
        reader = header.words[0] if header.words else encoded(document["reader"])
        if header.name != document["name"] or reader != encoded(document["reader"]):
            raise InputError(
                f"Line {header.line}: this is not the {whose}, but {header.name} of {reader!r}.",
                remedy="Give the folder in which that digest lies.",
            )
    elif not (found.lead or found.sections or found.papers):
        raise InputError(f"Line 1: the file has nothing of the {whose}.", remedy=_ANEW)


class _Reader:
    """Compares a file as it was ``written`` (of the document) with the one ``found``."""

    def __init__(self, written: Laid, found: Laid) -> None:
        self._written = written
        self._found = found
        self._edits = no_edits()
        self._warnings = list(found.warnings)
        self._fixed = {
            para.key
            for block in [written.head, *written.rest]
            for para in [*([block.heading] if block.heading else []), *block.paras]
            if not para.quoted
        }
        as_written = written_papers(found.header)
        if as_written is None:
            self._warn(1, "the first comment is gone or broken; missing papers count as dropped")
            as_written = written_papers(written.header) or ({}, set())
        self._lists, self._pinned = as_written
        self._listed = [paper for own in self._lists.values() for paper in own]

    def edits(self) -> tuple[Edits, list[str]]:
        for paper, block in self._found.papers.items():
            if block.heading or block.paras or block.words:
                self._paper(paper, block)
        is_whole = self._dropped()
        for tag, block in self._found.sections.items():
            self._section(tag, block)
        if is_whole:
            self._gone_sections()
        self._document()
        self._order()
        self._moves()
        return self._edits, self._warnings

    def _warn(self, line: int, what: str) -> None:
        self._warnings.append(f"Line {line}: {what}.")

    # -------------------------------------------------------------------- papers

    def _paper(self, paper: str, block: LaidBlock) -> None:
        base = self._written.papers.get(paper)
        anchor = block.anchor if block.anchor.prints or not base else base.anchor
        keys = _keys(base)
        own = set(anchor.prints)
        if "drop" in block.words:
            self._edits["dropped"][paper] = True
        elif paper not in self._listed and base is None:
            self._edits["dropped"][paper] = False
            self._warn(
                block.anchor.line,
                f"{paper} was not in this digest; it comes in if the library has it",
            )
        is_pinned = base is not None and "pin" in base.words
        if "pin" in block.words and not is_pinned:
            self._edits["pinned"][paper] = True
        elif "pin" not in block.words and paper in self._pinned and is_pinned:
            self._edits["pinned"][paper] = False
        notes: list[Para] = []
        heading = block.heading
        if heading and heading.key not in keys and heading.print not in own:
            titles = {base.heading.key} if base and base.heading else set()
            self._kept(heading, titles, notes, "the title of a paper cannot be changed")
        lines = {para.key for para in (base.paras[1:] if base else ()) if not para.quoted}
        tldr = self._summary(paper, block, base, anchor.prints)
        for para in block.paras:
            if para is tldr or (para.print in own | set(anchor.note_prints) and not para.text):
                continue
            if para.is_note:
                notes.append(para)
            elif para.print not in own and para.key not in keys | self._fixed:
                self._kept(para, lines, notes)
        self._notes(paper, notes, anchor.note_prints, _notes_of(base))

    def _summary(
        self, paper: str, block: LaidBlock, base: LaidBlock | None, prints: Sequence[str]
    ) -> Para | None:
        """The paragraph that is the summary; it is an edit where a person wrote it."""
        old = base.paras[0] if base and base.paras else None
        written = prints[1] if len(prints) > 1 else ""
        for para in block.paras:
            if para.quoted:
                continue
            if para.print == written or (old is not None and para.key == old.key):
                human = para.mark.startswith("editor")
                taken_up = human and (old is None or not old.mark.startswith("editor"))
                if taken_up and (old is None or para.key != old.key):
                    self._edits["tldrs"][paper] = para.text
                return para
        known = _keys(base)
        fixed = set(prints) | {""}
        unknown = [
            (number, para)
            for number, para in enumerate(block.paras)
            if not para.quoted and not para.level and para.text
            if para.print not in fixed and para.key not in known | self._fixed
        ]
        first = next(
            (
                number
                for number, para in enumerate(block.paras)
                if para.print in prints or para.key in known
            ),
            len(block.paras),
        )
        marked = [para for _, para in unknown if para.mark]
        leading = [para for number, para in unknown if number < first]
        chosen = next(iter([*marked, *leading]), None)
        if chosen:
            self._edits["tldrs"][paper] = chosen.text
        elif "drop" not in block.words and (block.heading or block.paras):
            self._warn(
                block.anchor.line,
                f"{paper} has no summary any more; the old one comes back (drop takes a paper out)",
            )
        return chosen

    def _kept(self, para: Para, keys: set[str], notes: list[Para], why: str = "") -> None:
        """Keeps text that has no place as a note, unless it only leaves out words of what the
        program writes."""
        words = set(re.findall(r"\w+", para.key))
        lines = [set(re.findall(r"\w+", key)) for key in keys]
        if any(words <= line and 2 * len(words) >= len(line) for line in lines):
            self._warn(para.line, "this line is written by the program, and comes back as it was")
            return
        if why:
            self._warn(para.line, f"{why}; what it says now is kept as a note")
        notes.append(para)

    def _dropped(self) -> bool:
        """Papers whose blocks were deleted. Of a file that was cut off, the end is not deleted;
        whether it is whole."""
        found = self._found
        there = {
            paper
            for paper, block in found.papers.items()
            if block.heading or block.paras or "pin" in block.words
        }
        missing = [paper for paper in self._listed if paper not in there]
        cut: list[str] = []
        texts = {p.key for b in [*found.papers.values(), *found.rest] for p in b.paras}
        ends = {p.key for b in self._written.rest if b.anchor.kind == "end" for p in b.paras}
        if missing and not found.ended and not texts & ends:
            last = max((i for i, p in enumerate(self._listed) if p in there), default=-1)
            cut = [paper for paper in missing if self._listed.index(paper) > last]
            if cut:
                self._warnings.append(
                    f"The end of the file is missing; {len(cut)} of its papers stay."
                )
            missing = [paper for paper in missing if paper not in cut]
        for paper in missing:
            self._edits["dropped"][paper] = True
            self._edits["pinned"].pop(paper, None)
        for tag, block in found.sections.items():
            if "drop" in block.words:
                self._edits["dropped"] |= dict.fromkeys(found.lists[tag], True)
        return not cut

    # ------------------------------------------------------ sections, the whole digest

    def _section(self, tag: str, block: LaidBlock) -> None:
        base = self._written.sections.get(tag)
        anchor = block.anchor if block.anchor.prints or not base else base.anchor
        keys = _keys(base)
        heading = block.heading
        if heading and heading.key not in keys and heading.print not in anchor.prints:
            if tag == NOTABLE:
                self._warn(heading.line, "this heading cannot be changed")
            else:
                self._edits["titles"][tag] = heading.text
        notes = self._loose(block.paras, set(anchor.prints), keys)
        if tag == NOTABLE:
            self._extra = notes
        else:
            self._notes(of_section(tag), notes, anchor.note_prints, _notes_of(base))

    _extra: Sequence[Para] = ()

    def _gone_sections(self) -> None:
        for tag, base in self._written.sections.items():
            if tag in self._lists and tag not in self._found.sections and _notes_of(base):
                self._edits["notes"][of_section(tag)] = []

    def _document(self) -> None:
        head, base = self._found.head, self._written.head
        anchor = head.anchor if head.anchor.prints else base.anchor
        notes = self._loose(head.paras, set(anchor.prints), _keys(base))
        notes = self._lead(notes)
        notes += [para for para in self._extra if para not in notes]
        for block in self._found.rest:
            own = [*([block.heading] if block.heading else []), *block.paras]
            extra = self._loose(own, set(block.anchor.prints), self._fixed)
            for para in extra:
                self._warn(para.line, "text down here becomes a note below the title")
            notes += extra
        self._notes("", notes, anchor.note_prints, _notes_of(base))

    def _loose(self, paras: Iterable[Para], prints: set[str], keys: set[str]) -> list[Para]:
        """Notes, and text that is nothing else."""
        notes: list[Para] = []
        for para in paras:
            if para.is_note:
                notes.append(para)
            elif para.text and para.print not in prints and para.key not in keys | self._fixed:
                self._kept(para, keys, notes)
        return notes

    def _lead(self, head: list[Para]) -> list[Para]:
        """Reads the lead; what is left of the text above it, with what was added to the lead."""
        old = list(self._written.lead.paras) if self._written.lead else []
        block = self._found.lead
        keys = {para.key for para in old}
        if block is None:
            paras = [para for para in head if para.key in keys]
            head = [para for para in head if para.key not in keys]
            prints = {para.print for para in old}
        else:
            paras = [*([block.heading] if block.heading else []), *block.paras]
            prints = set(block.anchor.prints) or {para.print for para in old}
        rest, at = list(paras), 0
        pending: list[tuple[int, Para]] = []
        added: list[Para] = []
        for number, was in enumerate(old):
            place = next((i for i in range(at, len(rest)) if rest[i].key == was.key), None)
            if place is None:
                pending.append((number, was))
                continue
            added += self._gap(pending, rest[at:place], prints)
            pending, at = [], place + 1
        added += self._gap(pending, rest[at:], prints)
        return [*head, *(para for para in added if para.key not in keys)]

    def _gap(
        self, gone: list[tuple[int, Para]], new: Sequence[Para], prints: set[str]
    ) -> list[Para]:
        """Pairs sentences of the lead that are not there any more with what stands in their
        place; what is left over."""
        stale = [p for p in new if p.print in prints and not p.mark.startswith("editor")]
        fresh = [p for p in new if p not in stale and p.text and not p.quoted]
        left = [p for p in new if p.quoted]
        # Where fewer are left than were, the likest ones are the rewritten ones.
        while fresh and gone:
            if len(fresh) >= len(gone):
                number, was = gone.pop(0)
                now = max(fresh[: len(fresh) - len(gone)], key=lambda p: _likeness(p.key, was.key))
                left += fresh[: fresh.index(now)]
                fresh = fresh[fresh.index(now) + 1 :]
            else:
                now = fresh.pop(0)
                limit = len(gone) - len(fresh)
                best = max(range(limit), key=lambda i: _likeness(gone[i][1].key, now.key))
                for number, was in gone[:best]:
                    self._unlead(number, was, prints)
                number, was = gone[best]
                gone = gone[best + 1 :]
            self._edits["lead"].append(LeadEdit(was=was.text, now=now.text, at=number))
        if not stale:
            for number, was in gone:
                self._unlead(number, was, prints)
        return left + fresh

    def _unlead(self, number: int, was: Para, prints: set[str]) -> None:
        if was.print in prints:
            self._edits["lead"].append(LeadEdit(was=was.text, now="", at=number))

    def _notes(
        self, place: str, found: Sequence[Para], prints: Sequence[str], old: Sequence[Para]
    ) -> None:
        """The notes of a place, where they are others than the document's. Notes that came into
        the document after the file was written stay."""
        found = [para for para in found if para.text]
        if [para.key for para in found] == [para.key for para in old]:
            return
        touched = [para.print for para in found] != list(prints)
        if not touched and (old or not found):
            return
        later = [para for para in old if para.print not in prints]
        have = {para.key for para in found}
        texts = [p.text for p in found] + [p.text for p in later if p.key not in have]
        self._edits["notes"][place] = texts

    # ------------------------------------------------------------------------- order

    def _order(self) -> None:
        old = [tag for tag in self._lists if tag != NOTABLE]
        new = self._found.order
        if [tag for tag in new if tag in old] != [tag for tag in old if tag in new] or (
            set(new) - set(old)
        ):
            self._edits["sections"] = new

    def _moves(self) -> None:
        """The fewest papers that, put elsewhere, give the order of the file."""
        home = {paper: tag for tag, own in self._lists.items() for paper in own}
        rank = {paper: number for number, paper in enumerate(self._listed)}
        gone = {paper for paper, yes in self._edits["dropped"].items() if yes}
        for tag, papers in self._found.lists.items():
            there = [paper for paper in papers if paper not in gone]
            at_home = [paper for paper in there if home.get(paper) == tag]
            still = set(_longest_rising(at_home, rank))
            for number, paper in enumerate(there):
                if paper not in still:
                    behind = there[number + 1 :]
                    move = Move(
                        paper=paper,
                        section=tag,
                        after=there[number - 1] if number else "",
                        before=next((one for one in behind if one in still), ""),
                    )
                    self._edits["moves"].append(move)


def _keys(block: LaidBlock | None) -> set[str]:
    """What the program wrote in a block."""
    if block is None:
        return set()
    paras = [*([block.heading] if block.heading else []), *block.paras]
    return {para.key for para in paras if not para.quoted}


def _notes_of(block: LaidBlock | None) -> list[Para]:
    return [para for para in block.paras if para.quoted and para.text] if block else []


def _likeness(one: str, other: str) -> float:
    ours, theirs = set(re.findall(r"\w+", one)), set(re.findall(r"\w+", other))
    return len(ours & theirs) / max(1, len(ours | theirs))


def _longest_rising(papers: Sequence[str], rank: dict[str, int]) -> list[str]:
    """The longest part of a list that stands in the order of ``rank`` (patience sorting)."""
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for number, paper in enumerate(papers):
        at = bisect_left(tops, rank[paper])
        before.append(ends[at - 1] if at else -1)
        tops[at : at + 1] = [rank[paper]]
        ends[at : at + 1] = [number]
    found: list[str] = []
    number = ends[-1] if ends else -1
    while number >= 0:
        found.append(papers[number])
        number = before[number]
    return found[::-1]
