"""Where a quoted sentence stands in the stored text of its paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote as quoted

from curator.errors import NotFoundError
from curator.web.chat_view import outside
from curator.web.pages import shown

if TYPE_CHECKING:
    from curator.library import Library

__all__ = ["passage"]


def passage(library: Library, paper_id: str, quote: str) -> dict[str, Any]:
    """The text with the quote in it: ``before``, ``quote`` and ``after``, each as people read it
    (TeX as text); ``field`` says of which text (``abstract`` or ``title``); ``paper_id``,
    ``title``, ``url`` (None: no link) and ``address``, the paper's page.

    Raises:
        NotFoundError: there is no such paper, or its text does not say so any more.
    """
    paper = library.catalog.papers.get([paper_id]).get(paper_id)
    if paper is None:
        raise NotFoundError(
            "This paper is not in the library any more.", remedy="Ask the question again."
        )
    texts: tuple[tuple[Literal["abstract", "title"], str], ...] = (
        ("abstract", paper.abstract),
        ("title", paper.title),
    )
    for field, text in texts:
        at = text.find(quote) if quote.strip() else -1
        if at >= 0:
            before, after = text[:at], text[at + len(quote) :]
            return {
                "paper_id": paper.id,
                "title": shown(paper.title),
                "url": outside(paper.url),
                "address": f"/papers/{quoted(paper.id, safe='')}",
                "field": field,
                # What is shown loses the spaces around it.
                "before": shown(before) + " " * before[-1:].isspace(),
                "quote": shown(quote),
                "after": " " * after[:1].isspace() + shown(after),
            }
    raise NotFoundError(
        "The stored text of this paper has been changed since; it does not say this any more.",
        remedy="Ask the question again.",
    )
