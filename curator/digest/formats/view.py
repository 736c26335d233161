"""What templates see of a digest: its document in words, escaped, with anchors and safe links.

A field of type `Markup` is escaped already; a ``str`` is plain text, escaped when written out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from curator.digest.document import (
    ME,
    DigestDocument,
    DigestPaper,
    Failure,
    Ledger,
    Sentence,
    Trend,
    every_paper,
)
from curator.digest.formats.chart import trend_words
from curator.digest.formats.words import (
    cut,
    day_words,
    days_words,
    inline_markdown,
    issue_title,
    origin_words,
    plural,
    rich,
    safe_url,
    shown,
)

__all__ = [
    "DigestView",
    "FailureView",
    "LinkView",
    "PaperView",
    "SectionView",
    "SentenceView",
    "SourceView",
    "TrendView",
    "view_of",
]

AUTHORS_SHOWN = 4
_LONG_TITLE, _LONG_NAME = 400, 80
LEDGER_WORDS = {
    "seen": "seen",
    "chosen": "chosen",
    "notable": "also notable",
    "shown_before": "shown in an earlier issue",
    "dropped": "dropped by the editor",
    "disliked": "like ones you disliked",
    "no_abstract": "without an abstract",
    "not_chosen": "not chosen",
    "failed": "not summarised",
}


@dataclass(frozen=True)
class SourceView:
    """A stored sentence and the title of the paper that has it ("" where that is plain)."""

    quote: Markup
    title: Markup
    anchor: str
    url: str | None


@dataclass(frozen=True)
class SentenceView:
    """``origin`` is quote, model, catalog or human; ``label`` says it in words; ``same``: the
    stored sentence is the sentence itself."""

    text: Markup
    plain: str
    origin: str
    supported: bool
    label: str
    sources: list[SourceView]
    same: bool


@dataclass(frozen=True)
class PaperView:
    """A paper; ``summary`` is None where there is none."""

    anchor: str
    title: Markup
    title_plain: str
    url: str | None
    authors: str
    day: str
    tags: list[str]
    why: list[str]
    pinned: bool
    summary: SentenceView | None
    notes: list[SentenceView]


@dataclass(frozen=True)
class SectionView:
    anchor: str
    title: str
    papers: list[PaperView]
    notes: list[SentenceView]


@dataclass(frozen=True)
class LinkView:
    """A title, where it is on the web, and where it is on this page ("" if it is not)."""

    title: Markup
    title_plain: str
    url: str | None
    anchor: str


@dataclass(frozen=True)
class TrendView:
    """``words`` say the counts; ``more`` of the papers that make them are not among
    ``papers``."""

    rising: bool
    words: str
    papers: list[LinkView]
    more: int


@dataclass(frozen=True)
class FailureView:
    title: Markup
    title_plain: str
    reason: str


@dataclass(frozen=True)
class DigestView:
    """The whole of it. ``contents`` are (anchor, title, how many papers) of what has a heading;
    ``ledger`` are phrases such as ``412 seen``."""

    name: str
    title: str
    days: str
    reader: str
    counts: str
    empty: bool
    lead: list[SentenceView]
    notes: list[SentenceView]
    sections: list[SectionView]
    notable: list[PaperView]
    trends: list[TrendView]
    failed: list[FailureView]
    untagged: list[FailureView]
    contents: list[tuple[str, str, int]]
    ledger: list[str]
    model: str


class _Anchors:
    """Names of places on the page: letters, digits and hyphens, none given twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def new(self, kind: str, name: str) -> str:
        base = f"{kind}-{re.sub(r'[^A-Za-z0-9]+', '-', name)[:60].strip('-') or 'x'}"
        anchor, number = base, 1
        while anchor in self._taken:
            number += 1
            anchor = f"{base}-{number}"
        self._taken.add(anchor)
        return anchor


class _Viewer:
    """One document on its way to a view: knows the papers by their ids."""

    def __init__(self, document: DigestDocument) -> None:
        self._anchors = _Anchors()
        self._papers: dict[str, LinkView] = {}
        for paper in every_paper(document):
            if paper["paper_id"] not in self._papers:
                self._papers[paper["paper_id"]] = LinkView(
                    rich(paper["title"], _LONG_TITLE),
                    _title(paper["title"]),
                    safe_url(paper["url"]),
                    self._anchors.new("paper", paper["paper_id"]),
                )
        self._shown: set[str] = set()

    def section(
        self, tag: str, title: str, papers: Sequence[DigestPaper], notes: Sequence[Sentence]
    ) -> SectionView:
        return SectionView(
            anchor=self._anchors.new("section", tag),
            title=shown(title) or "Untitled",
            papers=[self.paper(paper) for paper in papers],
            notes=self.sentences(notes),
        )

    def paper(self, paper: DigestPaper) -> PaperView:
        link = self._papers[paper["paper_id"]]
        again = paper["paper_id"] in self._shown
        self._shown.add(paper["paper_id"])
        names = [cut(shown(name), _LONG_NAME) for name in paper["authors"][:AUTHORS_SHOWN]]
        more = " et al." if len(paper["authors"]) > AUTHORS_SHOWN else ""
        return PaperView(
            anchor=self._anchors.new("paper", paper["paper_id"]) if again else link.anchor,
            title=rich(paper["title"], _LONG_TITLE) if again else link.title,
            title_plain=_title(paper["title"]),
            url=safe_url(paper["url"]),
            authors=", ".join(name for name in names if name) + more,
            day=day_words(paper["day"]) if paper["day"] else "",
            tags=[cut(shown(tag), _LONG_NAME) for tag in paper["tags"]],
            why=[shown(reason["text"]) for reason in paper["why"] if reason["text"]],
            pinned=paper["pinned"],
            summary=self._summary(paper),
            notes=self.sentences(paper["notes"]),
        )

    def _summary(self, paper: DigestPaper) -> SentenceView | None:
        text = shown(paper["tldr"])
        if not text:
            return None
        quote = shown(paper["quote"])
        source = SourceView(rich(paper["quote"]), Markup(""), "", None)
        return SentenceView(
            text=rich(paper["tldr"]),
            plain=text,
            origin=paper["origin"],
            supported=paper["supported"],
            label=origin_words(
                paper["origin"], paper["supported"], paper["score"], paper["reason"]
            ),
            sources=[source] if quote else [],
            same=quote == text,
        )

    def sentences(self, sentences: Sequence[Sentence]) -> list[SentenceView]:
        return [self.sentence(sentence) for sentence in sentences if shown(sentence["text"])]

    def sentence(self, sentence: Sentence) -> SentenceView:
        human = sentence["origin"] == "human"
        plain = shown(sentence["text"])
        return SentenceView(
            text=inline_markdown(sentence["text"]) if human else rich(sentence["text"]),
            plain=plain,
            origin=sentence["origin"],
            supported=sentence["supported"],
            label=origin_words(
                sentence["origin"], sentence["supported"], sentence["score"], sentence["reason"]
            ),
            sources=[
                self._source(citation["paper_id"], citation["quote"])
                for citation in sentence["citations"]
                if shown(citation["quote"])
            ],
            same=all(shown(c["quote"]) == plain for c in sentence["citations"]),
        )

    def _source(self, paper_id: str, quote: str) -> SourceView:
        link = self._papers.get(paper_id)
        if link is None:
            return SourceView(rich(quote), rich(paper_id, _LONG_NAME), "", None)
        return SourceView(rich(quote), link.title, link.anchor, link.url)

    def trend(self, trend: Trend) -> TrendView:
        papers = []
        for paper in trend["papers"]:
            here = self._papers.get(paper.get("paper_id") or "")
            title = paper.get("title") or "Untitled"
            papers.append(
                LinkView(
                    rich(title, _LONG_TITLE),
                    _title(title),
                    safe_url(paper.get("url")),
                    here.anchor if here else "",
                )
            )
        more = max(trend["count"] - len(papers), 0)
        return TrendView(trend["direction"] > 0, trend_words(trend), papers, more)


def view_of(document: DigestDocument) -> DigestView:
    """The document as templates see it."""
    viewer = _Viewer(document)
    sections = [
        viewer.section(section["tag"], section["title"], section["papers"], section["notes"])
        for section in document["sections"]
    ]
    notable = [viewer.paper(paper) for paper in document["notable"]]
    trends = [viewer.trend(trend) for trend in document["trends"]]
    failed = [_failure(failure) for failure in document["failed"]]
    contents = [(section.anchor, section.title, len(section.papers)) for section in sections]
    if notable:
        contents.append(("notable", "Also notable", len(notable)))
    if trends:
        contents.append(("trends", "Rising and falling", 0))
    if failed:
        contents.append(("failed", "Not summarised", len(failed)))
    return DigestView(
        name=shown(document["name"]),
        title=issue_title(document["name"], document["since"], document["until"]),
        days=days_words(document["since"], document["until"]),
        reader="" if document["reader"] == ME else shown(document["reader"]),
        counts=f"{plural(document['chosen'], 'paper')} chosen from {document['seen']:,}",
        empty=not (document["chosen"] or notable),
        lead=viewer.sentences(document["lead"]),
        notes=viewer.sentences(document["notes"]),
        sections=sections,
        notable=notable,
        trends=trends,
        failed=failed,
        untagged=[_failure(failure) for failure in document["untagged"]],
        contents=contents,
        ledger=_ledger(document["ledger"]),
        model=shown(document["model"]),
    )


def _title(title: str) -> str:
    return cut(shown(title), _LONG_TITLE) or "Untitled"


def _failure(failure: Failure) -> FailureView:
    title = rich(failure["title"], _LONG_TITLE) or Markup("Untitled")
    return FailureView(title, _title(failure["title"]), shown(failure["reason"]))


def _ledger(ledger: Ledger) -> list[str]:
    """Every number that is not 0; how many were seen and chosen in any case."""
    always = ("seen", "chosen")
    counts = {key: value for key, value in ledger.items() if isinstance(value, int)}
    return [
        f"{counts[key]:,} {words}"
        for key, words in LEDGER_WORDS.items()
        if key in always or counts.get(key)
    ]
