"""The lead of a digest: the week in up to three sentences, none of which a model wrote freely.

The first two are counted: how many papers came in and what they are on, then what moved most
clearly (or, where nothing did, what the digest holds). The third is the first paper's summary,
which is quoted or was checked, below its title. Every number follows from the document and from
the counts given beside it. Titles and summaries stay as they are stored: formats escape them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from curator.digest.document import (
    Citation,
    DigestDocument,
    DigestPaper,
    Sentence,
    Trend,
    every_paper,
)
from curator.digest.sections import OTHER

__all__ = ["lead_of"]

LONGEST_TITLE = 300  # characters


def lead_of(
    document: DigestDocument, top: Sequence[tuple[str, int]] = (), best: Sequence[str] = ()
) -> list[Sentence]:
    """One to three sentences; of a period without papers one, which says so.

    Args:
        document: all of it but its lead.
        top: titles of the tags that most papers of the period have, and how many have each
            (`curator.digest.trends.top_topics`).
        best: ids of its papers, the best first; by default as they stand.
    """
    if not document["seen"]:
        return [_counted(f"No papers came in {_when(document)}.")]
    found = [_counted(_came_in(document, top)), _counted(_moved(document))]
    place = {paper_id: at for at, paper_id in enumerate(best)}
    papers = sorted(every_paper(document), key=lambda p: place.get(p["paper_id"], len(place)))
    first = next((p for p in papers if p["supported"] and p["tldr"].strip()), None)
    return [*found, _first(first)] if first else found


def _counted(text: str) -> Sentence:
    return Sentence(text=text, origin="catalog", supported=True, score=1.0, citations=[], reason="")


def _first(paper: DigestPaper) -> Sentence:
    cited = [Citation(paper_id=paper["paper_id"], quote=paper["quote"])] if paper["quote"] else []
    return Sentence(
        text=f"“{_short(paper['title'])}”: {paper['tldr']}",
        origin=paper["origin"],
        supported=True,
        score=paper["score"],
        citations=cited,
        reason=paper["reason"],
    )


def _came_in(document: DigestDocument, top: Sequence[tuple[str, int]]) -> str:
    seen = document["seen"]
    tagged = min(seen, document["sizes"][-1]) if document["sizes"] else seen
    top = [(_inline(title), count) for title, count in top if 0 < count <= tagged]
    begin = f"{_many(seen, 'paper')} came in {_when(document)}"
    if not top:
        return f"{begin}."
    if seen == 1:
        return f"{begin}, on {_listed([title for title, _ in top])}."
    parts = [f"{count:,} on {title}" for title, count in top]
    if tagged < seen:
        verb = "is" if top[0][1] == 1 else "are"
        parts[0] = parts[0].replace(" on ", f" {verb} on ", 1)
        return f"{begin}; of the {tagged:,} that {_be(tagged)} tagged, {_listed(parts)}."
    if 2 * top[0][1] > seen:
        whole = "all" if top[0][1] == seen else "most"
        parts[0] = f"{whole} of them ({top[0][1]:,}) on {top[0][0]}"
        return f"{begin}, {_listed(parts)}."
    return f"{begin}: {_listed(parts)}."


def _moved(document: DigestDocument) -> str:
    before = _before(document)
    by_chance = sorted(document["trends"], key=lambda trend: trend["p_value"])
    rising = next((t for t in by_chance if t["direction"] > 0), None)
    falling = next((t for t in by_chance if t["direction"] < 0), None)
    if rising is None and falling is None:
        held = _held(document)
        if before:
            return f"{held}; no tag or term moved by more than chance against {before}."
        return f"{held}."
    parts: list[str] = []
    for trend, verb in ((rising, "rose"), (falling, "fell")):
        if trend is not None:
            share = "that" if parts else "The share"
            when = "" if parts or not before else f" in {before}"
            earlier = _part(trend["before"], trend["of_before"])
            now = _part(trend["count"], trend["of"])
            moved = f"{verb} most clearly, from {earlier}{when} to {now}"
            parts.append(f"{share} of papers {_with(trend)} {moved}")
    return "; ".join(parts) + "."


def _with(trend: Trend) -> str:
    said = f"“{trend['title']}”"
    return f"tagged {said}" if trend["kind"] == "tag" else f"that say {said}"


def _held(document: DigestDocument) -> str:
    """How many papers the digest has, and where."""
    seen, sections = document["seen"], document["sections"]
    inside = sum(len(section["papers"]) for section in sections)
    also = len(document["notable"])
    if not inside + also:
        return "It is not in this digest" if seen == 1 else "None of them is in this digest"
    whole = inside + also
    if whole > seen:  # an editor may have put in others
        said = f"This digest has {_many(whole, 'paper')}"
    elif seen == 1:
        return "It is in this digest"
    else:
        some = ("Both" if seen == 2 else "All") if whole == seen else f"{whole:,}"
        said = f"{some} of them {_be(whole)} in this digest"
    if inside and len(sections) > 1:
        said += f", {inside:,} of these" if also else ","
        said += f" in {_many(len(sections), 'section')}"
        named = [section for section in sections if section["tag"] != OTHER]
        largest = max(named, key=lambda section: len(section["papers"]), default=None)
        if largest and 2 * len(largest["papers"]) > inside:
            said += f", most of them ({len(largest['papers']):,}) on {_inline(largest['title'])}"
    return said


def _before(document: DigestDocument) -> str:
    """What the period is compared with, or "" if with nothing."""
    many = len(document["weeks"]) - 1
    if many < 1:
        return ""
    first, last = date.fromisoformat(document["since"]), date.fromisoformat(document["until"])
    days = (last - first).days + 1
    if days in (1, 7):
        unit = "day" if days == 1 else "week"
        return f"the {unit} before" if many == 1 else f"the {many} {unit}s before"
    return f"the {days * many} days before"


def _when(document: DigestDocument) -> str:
    since, until = document["since"], document["until"]
    return f"on {since}" if since == until else f"from {since} to {until}"


def _part(count: int, of: int) -> str:
    percent = 100 * count / of if of else 0.0
    shown = f"{percent:.1f}" if 0 < percent < 1 else f"{percent:.0f}"
    if shown == "0.0" or (shown == "100" and count < of):
        shown = "under 0.1" if count < of / 2 else "over 99"
    return f"{count:,} of {of:,} ({shown}%)"


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _inline(title: str) -> str:
    """A heading within a sentence: ``Reasoning`` → ``reasoning``, ``LLM agents`` stays."""
    return title if title[1:2].isupper() or title[1:2].isdigit() else title[:1].lower() + title[1:]


def _short(title: str) -> str:
    title = " ".join(title.split())
    if len(title) <= LONGEST_TITLE:
        return title
    return title[:LONGEST_TITLE].rsplit(" ", 1)[0] + "…"
