"""The digest as data: which papers, in which sections, and every sentence with where it is from.

All formats are made of this one document, and editing changes it. No time of writing stands in
it, so the same papers, summaries, tags, profile and edits give the same document, byte for byte.
"""

from __future__ import annotations

from typing import Literal, TypedDict

__all__ = [
    "ME",
    "Citation",
    "DigestDocument",
    "DigestPaper",
    "DigestSection",
    "Failure",
    "Ledger",
    "Origin",
    "Reason",
    "Sentence",
    "Trend",
    "every_paper",
    "slug",
]

ME = "me"  # the reader that the marks of the command line belong to

# quote: word for word in the stored text; model: written by a model and passed the check;
# catalog: counted in the catalog; human: an editor's, checked and marked but never changed.
Origin = Literal["quote", "model", "catalog", "human"]


class Citation(TypedDict):
    """The stored sentence that decides, verbatim, and whose it is."""

    paper_id: str
    quote: str


class Sentence(TypedDict):
    """One sentence (an editor's may be several). ``supported``: it is quoted, counted or passed
    the check; a human one may not be, and then says so in every format (``reason``)."""

    text: str
    origin: Origin
    supported: bool
    score: float
    citations: list[Citation]
    reason: str


class Reason(TypedDict):
    """Why a paper is here, in words for the reader. It says nothing of what the paper says."""

    kind: Literal["interest", "text", "tag", "author", "search", "upvotes", "sources", "editor"]
    text: str
    paper_ids: list[str]


class DigestPaper(TypedDict):
    """``tldr`` is quoted from, or was checked against, the stored sentence ``quote``; an editor's
    (``origin`` human) may be unsupported, and ``reason`` then says why. ``notes`` are an
    editor's, below the summary."""

    paper_id: str
    title: str
    url: str | None
    authors: list[str]
    day: str
    upvotes: int | None
    tldr: str
    origin: Origin
    supported: bool
    score: float
    quote: str
    reason: str
    tags: list[str]
    why: list[Reason]
    pinned: bool
    notes: list[Sentence]


class DigestSection(TypedDict):
    """``tag`` names it for programs and anchors; an editor may give it another ``title``."""

    tag: str
    title: str
    papers: list[DigestPaper]
    notes: list[Sentence]


class Trend(TypedDict):
    """A tag or term of which the share changed by more than chance. ``count`` of ``of`` papers of
    the period have it, before that ``before`` of ``of_before``; ``counts`` has one number for
    each of the document's ``weeks``. ``papers`` are (id, title, url) of those that make the
    ``count``, at most ten of them."""

    kind: Literal["tag", "term"]
    name: str
    title: str
    direction: Literal[1, -1]
    count: int
    of: int
    before: int
    of_before: int
    p_value: float
    counts: list[int]
    papers: list[dict[str, str | None]]


class Failure(TypedDict):
    paper_id: str
    title: str
    reason: str


class Ledger(TypedDict):
    """What became of every paper of the period: the numbers add up to ``seen``."""

    seen: int
    chosen: int
    notable: int
    shown_before: int
    dropped: int
    disliked: int
    no_abstract: int
    not_chosen: int
    failed: int


class DigestDocument(TypedDict):
    """``reader`` is whose it is (`ME` by default), ``zone`` the IANA time zone of its days ("":
    this machine's). ``chosen`` and the other counts stand once more in ``ledger``. ``untagged``
    are chosen papers that could not be tagged, so that their section is a guess. ``weeks`` and
    ``sizes`` are what the trends' ``counts`` are of: labels, and how many papers (the tagged
    ones, or all where less than half are tagged)."""

    version: Literal[2]
    reader: str
    name: str
    since: str
    until: str
    zone: str
    seen: int
    chosen: int
    not_chosen: int
    lead: list[Sentence]
    notes: list[Sentence]
    sections: list[DigestSection]
    notable: list[DigestPaper]
    weeks: list[str]
    sizes: list[int]
    trends: list[Trend]
    ledger: Ledger
    failed: list[Failure]
    untagged: list[Failure]
    model: str


def every_paper(document: DigestDocument) -> list[DigestPaper]:
    """The papers of all sections, then the notable ones."""
    return [*(p for s in document["sections"] for p in s["papers"]), *document["notable"]]


def slug(name: str, reader: str = ME) -> str:
    """What a digest's files are called, without an ending: ``digest-2026-W47``, and for other
    readers than `ME` ``digest-jane-2026-W47``."""
    return f"digest-{name}" if reader == ME else f"digest-{reader}-{name}"
