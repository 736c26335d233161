"""Which records are one paper.

The answer depends on the *set* of records alone, never on the order they came in: links are
made from the surest to the least sure, ties are broken by what the records say, and a link is
left out where something tells the two sides apart. `SAME` lists the links, `_told_apart` what
speaks against them.

Two records that share an arXiv id are always one paper. A shared DOI or other identifier joins
unless the arXiv ids differ, or one source lists the two under ids of its own (some journals'
DOIs are shared by the parts of a series). A shared title joins unless identifiers, authors or
years tell them apart. A title cut short ("…") needs the abstract, an author or a long beginning
to agree as well; one without its subtitle the abstract.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, pairwise

from curator.identifiers import GUESSED, is_preprint_doi
from curator.text import fold, plain, title_key

__all__ = [
    "SAME",
    "Cluster",
    "Described",
    "Link",
    "cluster",
    "is_cut",
    "is_generic",
    "likeness",
    "main_title",
]

# The links, surest first.
SAME = ("a person said so", "arXiv id", "identifier", "title", "title cut short or subtitle")
_SAID, _ARXIV, _IDENTIFIER, _TITLE, _PART = range(5)

# A preprint and its printed form may lie some years apart; one title after more is another paper.
MAX_YEARS = 3
# Of the words of the shorter of two abstracts at least so many are in the other. Of the 27 pairs
# in 100,000 arXiv papers where one title is the other without its subtitle, all are two papers,
# and the most alike share .72 (`evals/identity.py`).
ALIKE = 0.8
# So many letters of a cut title must be there to search by, and so many say enough where no
# other title begins so: alone, or with an author in common. Of the 100,000 papers .45 % share
# their first 40 letters with another, and 1 % their first 24 and an author.
SHORTEST_CUT, WITH_AUTHOR, TELLING_CUT = 16, 24, 40
# Beyond so many different records of one title, only equal texts are compared: quadratic work.
MANY = 60

# Titles that say nothing about which paper it is. They join only with the same text.
_GENERIC = frozenset(
    title_key(title)
    for title in (
        "Abstract", "Abstracts", "Addendum", "Author index", "Book review", "Book reviews",
        "Comment", "Commentary", "Conclusion", "Conclusions", "Contents", "Correction",
        "Corrigendum", "Discussion", "Editorial", "Editorial board", "Editor's note", "Erratum",
        "Foreword", "Front matter", "Guest editorial", "In memoriam", "Index", "Introduction",
        "Issue information", "Keynote", "Letter", "Letter to the editor", "News", "Note",
        "Obituary", "Overview", "Panel", "Preface", "Reply", "Response", "Retraction", "Review",
        "Summary", "Table of contents", "Title pending", "Tutorial", "Untitled", "Welcome",
    )
)  # fmt: skip
_SUBTITLE = re.compile(r"(?<=[^\s:]):\s+|\s+[-–—]{1,3}\s+|(?<=[?!])\s+|\.\s+(?=[A-Z])")
# "Part 2" tells two papers apart, and is no subtitle.
_PART_NUMBER = re.compile(
    r"(?:part|pt|vol|volume|no|number|chapter|paper|lecture)\b|(?:[IVX]+|\d+)\b", re.IGNORECASE
)
_MARK = re.compile(r":| [-–—]|[?!.] ")
_CUT = re.compile(r"(?:…|\.\.\.)\s*[\"'”’)\]]*$")
_SUFFIXES = {"jr", "sr", "ii", "iii", "iv", "phd", "md"}
_WORD = re.compile(r"[a-z0-9]{3,}")


def is_cut(title: str) -> bool:
    """Whether a title ends in "…": the rest of it was left out."""
    return title.endswith(("…", "...", "…”", '…"')) and bool(_CUT.search(title))


def main_title(title: str) -> str | None:
    """The title without its subtitle; None where it has none."""
    if not _MARK.search(title):  # most titles, and quicker to find out
        return None
    parts = _SUBTITLE.split(plain(title), maxsplit=1)
    if len(parts) < 2 or len(title_key(parts[0])) < 3 or _PART_NUMBER.match(parts[1]):
        return None
    return parts[0]


def _surname(name: str) -> str:
    words = fold(name).replace(".", " ").replace(",", " ").split()
    while len(words) > 1 and words[-1] in _SUFFIXES:
        words.pop()
    return words[-1] if words else ""


def is_generic(key: str) -> bool:
    """Whether a title's key is one that many papers share ("Editorial")."""
    return key in _GENERIC


@dataclass(eq=False)
class Described:
    """What one record says that bears on its identity.

    ``order`` breaks ties; it is made from the record's content and source, so that it is the
    same whenever and in whatever order the record comes in. ``ids`` are ``(scheme, value)``
    besides arXiv's and the DOI. ``native`` is the source's own id for it.
    """

    order: int
    title: str
    title_key: str
    abstract: str
    text_hash: str
    source: int
    native: str | None = None
    arxiv_id: str | None = None
    doi: str | None = None
    ids: tuple[tuple[str, str], ...] = ()
    authors: Sequence[str] = ()
    published: str | None = None

    @cached_property
    def surnames(self) -> frozenset[str]:
        return frozenset(_surname(name) for name in self.authors) - {""}

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(_WORD.findall(fold(self.abstract)))

    @cached_property
    def cut(self) -> bool:
        return is_cut(self.title)

    @cached_property
    def main_key(self) -> str | None:
        main = main_title(self.title)
        return title_key(main) if main else None

    @property
    def year(self) -> int | None:
        return int(self.published[:4]) if self.published else None


@dataclass(frozen=True)
class Link:
    """Why two records are one paper: one of `SAME`, and what they share."""

    one: Described
    other: Described
    level: int
    shared: str
    likeness: float = 0.0

    @property
    def reason(self) -> str:
        return f"same {SAME[self.level]}: {self.shared}" if self.level else SAME[0]


@dataclass(eq=False)
class Cluster:
    """The records of one paper, and the links that joined them."""

    members: list[Described]
    links: list[Link] = field(default_factory=list)
    refused: list[tuple[Link, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.arxiv = {m.arxiv_id for m in self.members if m.arxiv_id}
        self.dois = {m.doi for m in self.members if m.doi}
        self.natives: dict[int, set[str]] = defaultdict(set)
        self.surnames: list[frozenset[str]] = [m.surnames for m in self.members]
        self.years = {m.year for m in self.members if m.year}
        for member in self.members:
            if member.native:
                self.natives[member.source].add(member.native)

    def absorb(self, other: Cluster) -> None:
        self.members += other.members
        self.links += other.links
        self.refused += other.refused
        self.arxiv |= other.arxiv
        self.dois |= other.dois
        self.surnames += other.surnames
        self.years |= other.years
        for source, natives in other.natives.items():
            self.natives[source] |= natives


def cluster(
    records: Collection[Described],
    *,
    together: Iterable[tuple[int, int]] = (),
    apart: Iterable[tuple[int, int]] = (),
) -> list[Cluster]:
    """The papers that ``records`` are of.

    ``together`` and ``apart`` are pairs of ``order`` numbers on which a person decided.
    """
    ordered = sorted(records, key=lambda record: record.order)
    by_order = {record.order: record for record in ordered}
    separate = {frozenset(pair) for pair in apart}
    home = {record.order: Cluster([record]) for record in ordered}
    links = [
        Link(by_order[one], by_order[other], _SAID, "")
        for one, other in together
        if one in by_order and other in by_order
    ]
    links += _links(ordered)
    links.sort(key=lambda n: (n.level, -n.likeness, *sorted((n.one.order, n.other.order))))
    for link in links:
        one, other = home[link.one.order], home[link.other.order]
        if one is other:
            continue
        if against := _told_apart(one, other, link.level, separate):
            one.refused.append((link, against))
            continue
        one.absorb(other)
        one.links.append(link)
        for member in other.members:
            home[member.order] = one
    return list({id(found): found for found in home.values()}.values())


def _links(records: Sequence[Described]) -> Iterator[Link]:
    by_arxiv: dict[str, list[Described]] = defaultdict(list)
    by_id: dict[str, list[Described]] = defaultdict(list)
    by_title: dict[str, list[Described]] = defaultdict(list)
    for record in records:
        if record.arxiv_id:
            by_arxiv[record.arxiv_id].append(record)
            by_id[f"arXiv id {record.arxiv_id}"].append(record)
        if record.doi:
            by_id[f"DOI {record.doi}"].append(record)
        for scheme, value in record.ids:
            by_id[f"{'arXiv id' if scheme == GUESSED else scheme} {value}"].append(record)
        key = record.title_key
        if not record.cut:
            by_title[f"{key} {record.abstract}" if is_generic(key) else key].append(record)
    for shared, group in by_arxiv.items():
        for one, other in pairwise(group):
            yield Link(one, other, _ARXIV, shared)
    for shared, group in by_id.items():
        for one, other in _pairs(group):
            # Where an identifier is shared by several papers, the nearest texts go together.
            near = 0.0 if len(group) == 2 else _closeness(one, other)
            yield Link(one, other, _IDENTIFIER, shared, near)
    for group in by_title.values():
        for one, other in _pairs(group):
            near = 0.0 if len(group) == 2 else _closeness(one, other)
            yield Link(one, other, _TITLE, repr(one.title), near)
    yield from _partial(records, by_title)


def _pairs(group: Sequence[Described]) -> Iterator[tuple[Described, Described]]:
    if len(group) <= MANY:
        yield from combinations(group, 2)
        return
    by_text: dict[str, list[Described]] = defaultdict(list)
    for record in group:
        by_text[record.text_hash].append(record)
    for same in by_text.values():
        yield from pairwise(same)


def _partial(records: Sequence[Described], by_title: dict[str, list[Described]]) -> Iterator[Link]:
    """Titles that were cut short, and titles without their subtitles."""
    for record in records:
        key = record.title_key
        if record.cut and len(key) >= SHORTEST_CUT:
            whole = [
                other
                for other in records
                if other is not record and other.title_key.startswith(key)
            ]
            single = len({other.title_key for other in whole if not other.cut}) <= 1
            for other in whole:
                near = likeness(record, other)
                enough = WITH_AUTHOR if record.surnames & other.surnames else TELLING_CUT
                if near >= ALIKE or (single and len(key) >= enough):
                    yield Link(record, other, _PART, repr(record.title), near)
        if record.main_key:
            for other in by_title.get(record.main_key, ()):
                near = likeness(record, other)
                if other is not record and near >= ALIKE:
                    yield Link(record, other, _PART, repr(other.title), near)


def likeness(one: Described, other: Described) -> float:
    """The share of the words of the shorter abstract that the other has."""
    if not one.words or not other.words:
        return 0.0
    return len(one.words & other.words) / min(len(one.words), len(other.words))


def _closeness(one: Described, other: Described) -> float:
    """How near two records of one title are: for choosing between several, not for deciding."""
    if one.text_hash == other.text_hash:
        return 2.0
    return likeness(one, other) + bool(one.surnames & other.surnames) / 2


def _told_apart(one: Cluster, other: Cluster, level: int, separate: set[frozenset[int]]) -> str:
    """What says that two groups of records are two papers; empty if nothing does."""
    if separate and any(
        frozenset((a.order, b.order)) in separate for a in one.members for b in other.members
    ):
        return "a person split them"
    if level == _SAID:
        return ""
    if one.arxiv and other.arxiv and one.arxiv.isdisjoint(other.arxiv):
        return f"arXiv ids {min(one.arxiv)} and {min(other.arxiv)}"
    if level == _ARXIV:
        return ""
    for source in one.natives.keys() & other.natives.keys():
        if one.natives[source].isdisjoint(other.natives[source]):
            return "one source lists both, under two ids of its own"
    if level == _IDENTIFIER:
        return ""
    if one.dois and other.dois and one.dois.isdisjoint(other.dois):
        printed = [{d for d in group if not is_preprint_doi(d)} for group in (one.dois, other.dois)]
        if all(printed):
            return f"DOIs {min(printed[0])} and {min(printed[1])}"
    return _other_people(one, other) or _other_years(one, other)


def _other_people(one: Cluster, other: Cluster) -> str:
    # One name alone may be a group's ("OpenAI") where another source lists its people.
    ours = [names for names in one.surnames if len(names) > 1]
    theirs = [names for names in other.surnames if len(names) > 1]
    if ours and theirs and not any(a & b for a in ours for b in theirs):
        return "no author in common"
    return ""


def _other_years(one: Cluster, other: Cluster) -> str:
    if one.years and other.years:
        gap = min(abs(a - b) for a in one.years for b in other.years)
        if gap > MAX_YEARS:
            return f"{gap} years between them"
    return ""
