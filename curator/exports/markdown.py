"""A list to read, in Markdown. Text from papers is escaped: it is data, never markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from curator.exports.base import ExportEntry, link
from curator.paper import Paper
from curator.text import plain

__all__ = ["write"]

AUTHORS_SHOWN = 6


def write(entries: Iterable[ExportEntry]) -> Iterator[str]:
    """Each paper: its title with a link; authors, place, day and tags; the summary."""
    for entry in entries:
        if entry.paper:
            yield _paper(entry, entry.paper)


def _paper(entry: ExportEntry, paper: Paper) -> str:
    from curator.digest.markdown import escape

    title = escape(plain(paper.title))
    # Round brackets and spaces would end a link early.
    url = (link(paper) or "").replace("(", "%28").replace(")", "%29").replace(" ", "%20")
    url = url.replace("\\", "%5C")
    authors = [escape(plain(name)) for name in paper.authors[:AUTHORS_SHOWN]]
    if len(paper.authors) > AUTHORS_SHOWN:
        authors.append("et al.")
    tags = ", ".join(f"`{' '.join(tag.replace('`', ' ').split())}`" for tag in entry.tags)
    facts = [", ".join(authors), escape(plain(paper.venue or "")), paper.day, tags]
    parts = [
        f"[{title}]({url})" if url else title,
        " · ".join(fact for fact in facts if fact),
        escape(plain(entry.tldr or "")),
    ]
    paragraphs = "\n\n  ".join(part for part in parts if part)
    return f"- {paragraphs}\n\n"
