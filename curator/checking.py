"""Checking a person's own draft: is each sentence about a paper supported by its stored text?

For each sentence of a Markdown text it is found which stored paper it is about, and the sentence
is checked against that paper (`curator.grounding`). In this order a sentence is about

1. the papers that it names itself: by link or identifier, title, or name (`curator.mentions`);
2. the paper of the sentence before it in its paragraph, else after it; else in its table row or
   list item, in the line that led to its list;
3. the paper that a line of nothing but its title and authors, or a heading, has set;
4. a paper that a search finds and that supports it, or has clearly more of its words than any
   other.

What is checked is the sentence as it stands, without a label such as "**Autellix**:", addresses
and "(paper)". The check is not loosened for the words that newsletters wrap claims in. What it
does not follow may be judged by a model beyond that, which can call it "doubtful".
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from curator.claims import Nothing, claim_of, may_be_claim, says_nothing
from curator.entailment import Judge, RuleJudge
from curator.errors import InputError
from curator.grounding import Grounder, Verdict, stems
from curator.grounding import Status as Grounded
from curator.markdown_sentences import Block, Sentence, markdown_blocks
from curator.mentions import (
    LONGEST_QUERY,
    FoundBy,
    Mention,
    Mentions,
    Search,
    short_names,
    stands_in,
)
from curator.paper import Paper
from curator.sentences import split_sentences
from curator.text import fold, plain

__all__ = [
    "CheckedSentence",
    "DraftChecker",
    "PaperCheck",
    "Status",
    "decode_draft",
]

Status = Literal[
    "supported", "unsupported", "doubtful", "contradicted", "no_claim", "paper_not_found"
]

LARGEST = 2_000_000  # bytes: a newsletter has some ten thousand
FOUND = 5  # papers of a search that are looked at
# A paper is clearly meant that has this share of a sentence's words, and so much more of them
# than the next one; of sentences with at least so many. docs/check.md says what this gives.
SHARE = 0.7
MARGIN = 0.2
WORDS = 4
DOUBTFUL = 0.2  # a sentence that a model judged less probable than this is doubtful

_ONLY_NAMES = ("names the paper", "authors, venue or date, as stored")
_PLURAL = re.compile(r"\b(?:they|both|neither)\b|^\W*(?:these|their|all)\b", re.I)


@dataclass(frozen=True, slots=True)
class PaperCheck:
    """A sentence against one paper. ``quote`` is the stored sentence that decides, verbatim;
    ``score`` is the grounder's, from 0 to 1; ``quoted``: it stands there word for word.
    ``probability`` that the paper supports it, and which ``judge`` says so."""

    paper: Paper
    found_by: FoundBy
    status: Grounded
    quoted: bool
    quote: str
    score: float
    reason: str
    probability: float = 0.0
    judge: str = ""


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A sentence of the draft, marked. ``text`` is what the file has from ``start`` to ``end``
    (characters from 0), ``line`` and ``column`` count from 1; ``claim`` is what was checked.
    ``decisive`` is the paper that the status comes from, ``checks`` are all it was checked
    against. ``pointer`` is the identifier of a paper that is not stored, if there is one."""

    line: int
    column: int
    start: int
    end: int
    text: str
    claim: str
    status: Status
    reason: str
    decisive: PaperCheck | None = None
    checks: tuple[PaperCheck, ...] = ()
    pointer: str = ""

    @property
    def is_trouble(self) -> bool:
        """Whether it is about a paper and not supported. A sentence that names no paper in
        particular is none; one that points to a paper that is not stored is."""
        return self.status in {"unsupported", "doubtful", "contradicted"} or bool(
            self.status == "paper_not_found" and self.pointer
        )


@dataclass(slots=True)
class _Item:
    block: Block
    sentence: Sentence
    own: list[Mention]
    claim: str
    nothing: Nothing | None
    about: list[Mention] = field(default_factory=list)

    @property
    def leading(self) -> list[Mention]:
        """What it names by link or title, or begins with the name of: not in passing."""
        begins = re.sub(r"^\W+", "", self.sentence.text)
        return [
            mention
            for mention in self.own
            if mention.by != "name" or begins.startswith(mention.written)
        ]


def decode_draft(data: bytes, name: str) -> str:
    """The text of a draft; line ends stay as they are, a byte order mark goes.

    Raises:
        InputError: it is empty, too large, or not UTF-8 text.
    """
    if len(data) > LARGEST:
        raise InputError(
            f"{name!r} has {len(data):,} bytes; a draft may have {LARGEST:,}.",
            remedy="Check it in parts.",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{name!r} is UTF-16, not UTF-8.", remedy="Save it as UTF-8.")
    if b"\0" in data:
        raise InputError(
            f"{name!r} is not text.",
            remedy="Give Markdown or plain text; other documents can be saved as such.",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name!r} is not UTF-8: byte {data[error.start]:#04x} in line {line}.",
            remedy=f"Convert it, for example: iconv -f WINDOWS-1252 -t UTF-8 {name}",
        ) from None
    if not text.strip():
        raise InputError(f"{name!r} is empty.", remedy="Give a draft with some sentences.")
    return text


class DraftChecker:
    """Marks the sentences of drafts, against one library.

    ``resolve`` is `curator.catalog.papers.Papers.resolve`, ``search`` is
    `curator.library.Library.search`; ``judge`` says how probable it is that a paper supports a
    sentence which the grounder did not follow.
    """

    def __init__(
        self,
        resolve: Callable[[str], Paper],
        search: Search,
        grounder: Grounder,
        judge: Judge | None = None,
    ) -> None:
        self._mentions = Mentions(resolve, search)
        self._search = search
        self._grounder = grounder
        self._judge = judge
        self._rules: Judge = RuleJudge()

    def check(
        self,
        text: str,
        *,
        paper: Paper | None = None,
        indented_code: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[CheckedSentence]:
        """The sentences of a text in order, headings among them.

        ``paper``: all of it is about this one. ``indented_code`` as in
        `curator.markdown_sentences.markdown_blocks`. ``progress`` gets how many sentences are
        done, of how many.
        """
        blocks = markdown_blocks(text, indented_code=indented_code)
        items = self._items(blocks, paper)
        context = _Context(blocks, items)
        starts = [0, *(m.end() for m in re.finditer(r"\r\n?|\n", text))]
        marked = []
        for i, item in enumerate(items):
            start, end = item.sentence.start, item.sentence.end
            row = bisect_right(starts, start) - 1
            place = (row + 1, start - starts[row] + 1, start, end, text[start:end], item.claim)
            status, reason, checks = self._checked(i, item, context, paper)
            checks = self._weighed(item.claim, checks)
            if status == "unsupported" and checks and self._is_doubtful(checks[0]):
                status = "doubtful"
            pointers = [m.pointer for m in item.about or item.own if not m.papers]
            pointer = pointers[0] if status == "paper_not_found" and pointers else ""
            decisive = checks[0] if checks else None
            marked.append(CheckedSentence(*place, status, reason, decisive, checks, pointer))
            if progress:
                progress(i + 1, len(items))
        return marked

    def _items(self, blocks: Sequence[Block], paper: Paper | None) -> list[_Item]:
        notes: dict[str, list[Mention]] = {}
        items = []
        for block in sorted(blocks, key=lambda block: not block.note):  # others point to notes
            for sentence in block.sentences:
                own = [] if paper else self._mentions.of(sentence)
                if block.note:
                    notes.setdefault(block.note, []).extend(own)
                for mark in sentence.marks:
                    own = own + (notes.get(mark.target, []) if mark.kind == "note" else [])
                known = [paper] if paper else [one for mention in own for one in mention.papers]
                claim = claim_of(sentence.text, known)
                nothing = says_nothing(sentence.text, claim, known, block.kind)
                items.append(_Item(block, sentence, own, claim, nothing))
        return sorted(items, key=lambda item: item.block.nodes[0])

    def _checked(
        self, i: int, item: _Item, context: _Context, paper: Paper | None
    ) -> tuple[Status, str, tuple[PaperCheck, ...]]:
        """Status, reason, and what it was checked against, what decides first."""
        if item.nothing:
            return "no_claim", item.nothing, ()
        near = [Mention((paper,), "option")] if paper else context.of(i)
        stored = [mention for mention in item.own if mention.papers]
        needed = item.own if stored else item.own + near
        checks = self._against(item.claim, [*item.own, *near])
        if not needed:
            if says := says_nothing(item.sentence.text, item.claim, [], item.block.kind):
                return "no_claim", says, ()
            found = self._searched(item.claim)
            if found is None:
                if may_be_claim(item.claim):
                    return "paper_not_found", "no stored paper is clearly meant", ()
                return "no_claim", "says nothing of a paper", ()
            needed, checks = [found], self._against(item.claim, [found])
        known = [one.paper for one in checks]
        if not item.own and (says := says_nothing("", item.claim, known, item.block.kind)):
            return "no_claim", says, ()
        required = item.own or _required(item, needed)
        subjects = required
        if stored and near and not item.leading:
            subjects = near  # it names a paper in passing ("two BERT networks map ...")
        status, reason, ordered = _judged(required, checks, subjects)
        # What is spoken of around it matters only where it decides.
        shown = {one for mention in [*required, *subjects] for one in mention.ids}
        ordered = ordered[:1] + tuple(one for one in ordered[1:] if one.paper.id in shown)
        if status == "supported":
            item.about = [Mention((ordered[0].paper,), "paragraph")]
        elif not stored and (item.own or not known):
            # It points to papers of which none is stored.
            item.about = [mention for mention in needed if not mention.papers]
            return "paper_not_found", f"{item.about[0].pointer} is not in the library", ()
        else:
            item.about = subjects if subjects is near else stored or needed
        context.note(i)
        return status, reason, ordered

    def _against(self, claim: str, mentions: Iterable[Mention]) -> list[PaperCheck]:
        found: dict[str, PaperCheck] = {}
        for mention in mentions:
            for paper in mention.papers:
                if paper.id not in found:
                    found[paper.id] = self._compared(claim, paper, mention.by)
        return list(found.values())

    def _compared(self, claim: str, paper: Paper, by: FoundBy) -> PaperCheck:
        verdict = self._grounder.check(claim, _sources(paper), paper.title)
        quoted = verdict.supported and _bare(claim) in _bare(verdict.quote)
        return PaperCheck(
            paper, by, verdict.status, quoted, verdict.quote, verdict.score, verdict.reason
        )

    def _weighed(self, claim: str, checks: Sequence[PaperCheck]) -> tuple[PaperCheck, ...]:
        """The checks with their probabilities. Only the one that decides is worth the seconds
        of a model, and only where the rules left it open."""
        weighed = []
        for check in checks:
            is_open = self._judge is not None and check is checks[0]
            judge = self._judge if is_open and check.status == "unsupported" else None
            verdict = Verdict(
                check.status == "supported",
                check.score,
                check.quote,
                contradicted=check.status == "contradicted",
            )
            by = judge or self._rules
            value = by.probability(claim, verdict, _sources(check.paper), check.paper.title)
            weighed.append(replace(check, probability=value, judge=by.name))
        return tuple(weighed)

    def _is_doubtful(self, check: PaperCheck) -> bool:
        judged = self._judge is not None and check.judge == self._judge.name
        return judged and check.probability < DOUBTFUL

    def _searched(self, claim: str) -> Mention | None:
        """The paper that supports a sentence, or clearly is what it speaks of."""
        papers = [hit.paper for hit in self._search(claim[:LONGEST_QUERY], FOUND)]
        for paper in papers:
            if self._compared(claim, paper, "search").status == "supported":
                return Mention((paper,), "search")
        wanted = set(stems(claim))
        if not papers or len(wanted) < WORDS:
            return None
        shares = [len(wanted & set(stems(paper.text))) / len(wanted) for paper in papers]
        best, *others = sorted(shares, reverse=True)
        if best < SHARE or best - max(others, default=0.0) < MARGIN:
            return None
        return Mention((papers[shares.index(best)],), "search")


def _sources(paper: Paper) -> list[str]:
    return [*(span.text for span in split_sentences(paper.abstract)), paper.title]


def _required(item: _Item, needed: list[Mention]) -> list[Mention]:
    """Mentions each of which has to be covered. What a sentence takes over from the one before
    it is one of several ("It ..."), unless it speaks of them all ("They ...")."""
    if len(needed) < 2 or _PLURAL.search(item.claim):
        return needed
    papers = tuple({one.id: one for mention in needed for one in mention.papers}.values())
    return [Mention(papers, needed[0].by)]


def _judged(
    required: Sequence[Mention], checks: Sequence[PaperCheck], subjects: Sequence[Mention]
) -> tuple[Status, str, tuple[PaperCheck, ...]]:
    """A sentence is supported if one stored sentence supports all of it, and each paper that is
    ``required`` (named by it) is either named there or supports it too. If none does, the
    nearest sentence of those that are its ``subjects`` decides."""
    supporting = [check for check in checks if check.status == "supported"]
    supporting.sort(key=lambda check: -check.score)
    able = {check.paper.id for check in supporting}
    for check in supporting:
        lacking = [
            mention
            for mention in required
            if not mention.ids & able and not _is_named_in(mention, check.quote)
        ]
        if not lacking:
            return "supported", "", _first(check, checks)
    refused = [check for check in checks if check.status != "supported"]
    if supporting:
        left = [mention for mention in required if not mention.ids & able]
        others = [check for check in refused if any(check.paper.id in m.ids for m in left)]
        chosen = others[0] if others else supporting[0]
        reason = f"only {plain(supporting[0].paper.title)!r} says so"
        return "unsupported", reason, _first(chosen, checks)
    if not refused:
        return "unsupported", "", ()
    about = {one for mention in subjects for one in mention.ids}
    nearest = max(refused, key=lambda check: (check.paper.id in about, check.score))
    return nearest.status, nearest.reason, _first(nearest, checks)


def _first(check: PaperCheck, checks: Sequence[PaperCheck]) -> tuple[PaperCheck, ...]:
    return (check, *(other for other in checks if other is not check))


def _is_named_in(mention: Mention, quote: str) -> bool:
    """Whether a stored sentence names what a mention means, in capitals as names are."""
    names = [mention.written, *(name for p in mention.papers for name in short_names(p.title))]
    text = plain(quote)
    return any(any(c.isupper() for c in name) and stands_in(name, text) for name in names)


def _bare(text: str) -> str:
    return fold(text).strip(" .\"'“”‘’")


class _Context:
    """Which papers are spoken of around each sentence."""

    def __init__(self, blocks: Sequence[Block], items: Sequence[_Item]) -> None:
        self._items = items
        self._near: dict[int, list[int]] = {}
        self._set: dict[int, list[Mention]] = {}
        of_block: dict[int, list[_Item]] = {}
        for item in items:
            of_block.setdefault(item.block.nodes[0], []).append(item)
        headings: list[tuple[int, list[Mention]]] = []
        lead: list[Mention] = []
        for block in blocks:
            inside = of_block.get(block.nodes[0], [])
            own = [mention for item in inside for mention in item.own]
            if block.kind == "rule":
                headings, lead = [], []
            elif block.kind == "heading":
                headings = [one for one in headings if one[0] < block.level]
                headings.append((block.level, own))
                lead = []
            elif not block.inside and own and all(item.nothing in _ONLY_NAMES for item in inside):
                lead = own
            above = next((found for _, found in reversed(headings) if found), [])
            self._set[block.nodes[0]] = lead or above
        for i, item in enumerate(items):
            item.about = item.leading or ([] if self._set[item.block.nodes[0]] else item.own)
            if item.about:
                self.note(i)

    def note(self, i: int) -> None:
        """What sentence ``i`` is about is known now."""
        block = self._items[i].block
        for node in block.nodes[: 2 if block.inside else 1]:
            near = self._near.setdefault(node, [])
            if i not in near:
                insort(near, i)

    def of(self, i: int) -> list[Mention]:
        """What the sentences around it are about: its paragraph before its list item, those
        before it before those after it; else what a heading has set."""
        block = self._items[i].block
        for node in block.nodes:
            others = [j for j in self._near.get(node, []) if j != i]
            k = bisect_left(others, i)
            if others:
                about = self._items[others[k - 1] if k else others[0]].about
                return [replace(mention, by="paragraph") for mention in about]
        return [replace(mention, by="heading") for mention in self._set[block.nodes[0]]]
