"""A digest as the plain text of a letter: lines of 72 characters, links on lines of their own."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from curator.digest.formats.view import DigestView, LinkView, PaperView, SentenceView

__all__ = ["to_text"]

_WIDTH = 72


def to_text(digest: DigestView, unsubscribe: str = "") -> str:
    """The whole digest; ends with one line end. Nothing in it is markup."""
    whose = f" for {digest.reader}" if digest.reader else ""
    lines = [*_wrap(f"Paper digest{whose}: {digest.title}")]
    lines += ["=" * min(len(lines[0]), _WIDTH), *_wrap(f"{digest.days} · {digest.counts}"), ""]
    if digest.empty:
        lines += ["No papers in this issue.", ""]
    for sentence in [*digest.lead, *digest.notes]:
        lines += [*_sentence(sentence), ""]
    for section in digest.sections:
        lines += _heading(section.title)
        for note in section.notes:
            lines += [*_sentence(note), ""]
        for paper in section.papers:
            lines += [*_paper(paper), ""]
    lines += _rest(digest)
    lines += ["-" * _WIDTH, *_wrap(" · ".join(digest.ledger))]
    if digest.untagged:
        titles = "; ".join(f"{one.title_plain} ({one.reason})" for one in digest.untagged)
        lines += _wrap(f"Could not be tagged, so that their section is a guess: {titles}")
    lines += _wrap(
        "[quoted]: it stands in the abstract word for word. [checked]: a model wrote it, and it "
        "passed the check against the stored sentence below it. [counted]: a number from the "
        "library. [editor]: a person wrote it; the check marks it and changes nothing."
    )
    if digest.model:
        lines += _wrap(f"Model: {digest.model}")
    if unsubscribe:
        lines += ["", "Unsubscribe:", unsubscribe]
    return "\n".join(lines) + "\n"


def _rest(digest: DigestView) -> list[str]:
    """What comes after the sections: also notable, trends, what failed."""
    lines: list[str] = []
    if digest.notable:
        lines += _heading("Also notable")
        for paper in digest.notable:
            lines += [*_paper(paper, short=True), ""]
    if digest.trends:
        lines += _heading("Rising and falling")
        for trend in digest.trends:
            lines += [*_wrap(f"{trend.words} [counted]"), *_links(trend.papers, trend.more), ""]
    if digest.failed:
        lines += _heading("Not summarised")
        for failure in digest.failed:
            lines += _wrap(f"{failure.title_plain}: {failure.reason}", "- ")
        lines.append("")
    return lines


def _heading(title: str) -> list[str]:
    lines = _wrap(title.upper())
    return [*lines, "-" * min(len(lines[-1]), _WIDTH), ""]


def _paper(paper: PaperView, *, short: bool = False) -> list[str]:
    lines = _wrap(paper.title_plain, "* ")
    if paper.url:
        lines.append(f"  {paper.url}")
    if not short:
        lines += _wrap(" · ".join(part for part in (paper.authors, paper.day) if part), "  ")
    lines += _sentence(paper.summary, "  ") if paper.summary else ["  No summary."]
    for note in paper.notes:
        lines += _sentence(note, "  > ")
    why = [*(["pinned by the editor"] if paper.pinned else []), *paper.why]
    if why and not short:
        lines += _wrap(f"Why it is here: {'; '.join(why)}", "  ")
    if paper.tags and not short:
        lines += _wrap(f"Tags: {', '.join(paper.tags)}", "  ")
    return lines


def _sentence(sentence: SentenceView, indent: str = "") -> list[str]:
    """The sentence and its origin; the stored sentence too where it is another."""
    lines = _wrap(f"{sentence.plain} [{sentence.label}]", indent)
    if not sentence.same:
        for source in sentence.sources:
            lines += _wrap(f"Stored: “{source.quote.unescape()}”", indent + "  ")
    return lines


def _links(papers: Sequence[LinkView], more: int) -> list[str]:
    lines = []
    for paper in papers:
        lines += _wrap(paper.title_plain, "- ")
        if paper.url:
            lines.append(f"  {paper.url}")
    return [*lines, f"- and {more:,} more"] if papers and more else lines


def _wrap(text: str, indent: str = "") -> list[str]:
    """Lines of at most 72 characters where words allow it; a "- " or "* " stands once."""
    rest = " " * len(indent) if indent in ("- ", "* ") else indent
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
