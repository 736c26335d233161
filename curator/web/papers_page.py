"""What the page of one paper shows: its text with the evidence marked, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from curator.errors import MissingError
from curator.serving.work_adding import public_source
from curator.versions import versions_of
from curator.web.pages import shown
from curator.web.papers_found import links_of, safe, tags_of

if TYPE_CHECKING:
    from curator.library import Library
    from curator.paper import Paper
    from curator.roles import RoleClassifier

__all__ = ["Segment", "marked", "page_of"]

KEYPHRASES = 10
CHANGES_SHOWN = 40  # of one version
_ROLES = ("problem", "method", "result", "limits")

# A part of a text as it is shown, and what it is evidence of.
Segment = tuple[str, tuple[str, ...]]


def page_of(library: Library, paper: Paper) -> dict[str, Any]:
    """All that the page of a paper shows, but similar papers; texts as people read them."""
    from curator.review import evidence_in

    catalog = library.catalog
    tldr = catalog.outputs.tldrs([paper.id]).get(paper.id)
    tags = catalog.outputs.tags([paper.id]).get(paper.id, [])
    evidence = {tag.tag: evidence_in(tag, paper.text) for tag in tags}
    # A quote is one only as long as the text has it.
    quote = tldr.quote if tldr and tldr.quote in paper.text else ""
    because = [(quote, "TLDR"), *((text, f"tag {name}") for name, text in evidence.items())]
    parts = tags_of(library, [paper.id])[paper.id]
    return {
        "paper_id": paper.id,
        "title": shown(paper.title) or paper.id,
        "title_because": [what for text, what in because if text and text in paper.title],
        "abstract": marked(paper.abstract, because),
        "authors": [shown(author) for author in paper.authors],
        "day": paper.day,
        "venue": shown(paper.venue),
        "categories": list(paper.categories),
        "links": links_of(paper),
        "tldr": tldr
        and {
            "text": shown(tldr.text),
            "origin": tldr.origin,
            "supported": tldr.supported,
            "score": tldr.score,
            "quote": shown(quote),
        },
        "tags": [{**tag, "evidence": shown(evidence[tag["tag"]])} for tag in parts["tags"]],
        "removed": parts["removed"],
        "marks": list(catalog.marks.of([paper.id]).get(paper.id, {})),
        "roles": _roles(library, paper),
        "keyphrases": [shown(k.phrase) for k in library.keyphrases_of(paper, KEYPHRASES)],
        "seen": [_place(seen) for seen in catalog.papers.seen(paper.id)],
        "versions": _versions(library, paper),
    }


def marked(text: str, because: Iterable[tuple[str, str]]) -> list[Segment]:
    """The text in parts, each with what the sentences (``because``: the sentence, and what it
    speaks for) that lie over it are evidence of. Sentences that are not in it mark nothing."""
    spans = []
    for sentence, what in because:
        start = text.find(sentence) if sentence else -1
        if start >= 0:
            spans.append((start, start + len(sentence), what))
    edges = sorted({0, len(text), *(edge for a, b, _ in spans for edge in (a, b))})
    segments = []
    for a, b in pairwise(edges):
        reasons = dict.fromkeys(what for start, end, what in spans if start <= a and b <= end)
        if part := _spaced(text[a:b]):
            segments.append((part, tuple(reasons)))
    return segments


def _spaced(part: str) -> str:
    """As it is shown, with a space at the ends where there was one."""
    inside = shown(part)
    if not inside:
        return " " if part[:1].isspace() else ""
    return f"{' ' * part[0].isspace()}{inside}{' ' * part[-1].isspace()}"


class _NoVectors:
    """Stands in for an embedder without weights; it is never asked."""

    def embed(self, texts: object) -> Any:
        raise AssertionError(texts)


@lru_cache(maxsize=1)
def _classifier() -> RoleClassifier:
    from curator.roles import RoleClassifier

    return RoleClassifier.load()


def _roles(library: Library, paper: Paper) -> list[tuple[str, str]]:
    """Problem, method, result and limits: the stored sentence of each that there is."""
    from curator.roles import structured

    try:
        embedder: Any = library.embedder
    except MissingError:
        embedder = _NoVectors()
    try:
        summary = structured(paper, _classifier(), embedder)
    except MissingError:  # the weights are gone, or the server does not answer
        summary = structured(paper, _classifier(), _NoVectors())
    quotes = [(role, getattr(summary, role)) for role in _ROLES]
    return [(role, shown(quote)) for role, quote in quotes if quote]


def _place(seen: dict[str, Any]) -> dict[str, Any]:
    """Where a paper was seen."""
    source = str(seen["source"])
    public = public_source(source)
    return {
        "source": shown(public),
        "link": safe(source) if public == source else None,
        "place": shown(seen["place"]),
        "first": str(seen["first_seen"])[:10],
        "last": str(seen["last_seen"])[:10],
    }


def _versions(library: Library, paper: Paper) -> list[dict[str, Any]]:
    """The texts that the paper had, oldest first, if there are several."""
    found = versions_of(library.catalog.decisions.explain(paper.id).records)
    if len(found) < 2:
        return []
    return [
        {
            "name": f"v{one['arxiv_version']}" if one["arxiv_version"] else f"Text {number}",
            "seen": str(one["seen"])[:10],
            "first": number == 1,
            "changes": [
                {name: shown(edit[name]) for name in ("field", "context", "before", "after")}
                for edit in one["changes"][:CHANGES_SHOWN]
            ],
            "more": max(0, len(one["changes"]) - CHANGES_SHOWN),
        }
        for number, one in enumerate(found, 1)
    ]
