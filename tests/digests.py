"""A digest to test with: all that a document can hold, in our own words."""

from __future__ import annotations

from typing import Any

from curator.digest.document import (
    Citation,
    DigestDocument,
    DigestPaper,
    DigestSection,
    Ledger,
    Origin,
    Reason,
    Sentence,
    Trend,
)

__all__ = ["citing", "digest_of", "empty_digest", "example", "paper"]


def citing(
    text: str,
    origin: Origin = "quote",
    *,
    paper_id: str = "p000000000001",
    quote: str = "",
    supported: bool = True,
    reason: str = "",
) -> Sentence:
    """A sentence; a quote cites itself."""
    cited = quote or (text if origin == "quote" else "")
    return Sentence(
        text=text,
        origin=origin,
        supported=supported,
        score=1.0 if supported else 0.1,
        citations=[Citation(paper_id=paper_id, quote=cited)] if cited else [],
        reason=reason,
    )


def paper(number: int, title: str, tldr: str, **changes: Any) -> DigestPaper:
    """One paper; by default its summary is a quote."""
    made = DigestPaper(
        paper_id=f"p{number:012x}",
        title=title,
        url=f"https://arxiv.org/abs/2611.{number:05d}",
        authors=["Ada Núñez", "Bo Li"],
        day="2026-11-18",
        upvotes=10 + number,
        tldr=tldr,
        origin="quote",
        supported=True,
        score=1.0,
        quote=tldr,
        reason="",
        tags=["retrieval"],
        why=[Reason(kind="upvotes", text=f"{10 + number} upvotes", paper_ids=[])],
        pinned=False,
        notes=[],
    )
    made.update(changes)  # type: ignore[typeddict-item]
    return made


def digest_of(
    sections: list[DigestSection], notable: list[DigestPaper] | None = None, **changes: Any
) -> DigestDocument:
    """A digest of these papers; the counts follow."""
    chosen = sum(len(section["papers"]) for section in sections)
    also = len(notable or [])
    seen = changes.pop("seen", chosen + also)
    rest = seen - chosen - also
    made = DigestDocument(
        version=2,
        reader="me",
        name="2026-W47",
        since="2026-11-16",
        until="2026-11-22",
        zone="",
        seen=seen,
        chosen=chosen,
        not_chosen=rest,
        lead=[],
        notes=[],
        sections=sections,
        notable=notable or [],
        weeks=[],
        sizes=[],
        trends=[],
        ledger=Ledger(
            seen=seen,
            chosen=chosen,
            notable=also,
            shown_before=0,
            dropped=0,
            disliked=0,
            no_abstract=0,
            not_chosen=rest,
            failed=0,
        ),
        failed=[],
        untagged=[],
        model="local:test@000000000000",
    )
    made.update(changes)  # type: ignore[typeddict-item]
    return made


def empty_digest(**changes: Any) -> DigestDocument:
    """A week without papers."""
    return digest_of([], **changes)


def example() -> DigestDocument:
    """Two sections, a model's sentence, TeX and hostile text in titles, notes, trends."""
    owls = paper(
        1,
        r"Night Owls: $O(n \log n)$ Search in $\mathbb{R}^d$ with $\alpha$-Trees",
        "Owls find a mouse in 12 seconds by ear alone.",
        why=[
            Reason(
                kind="interest",
                text="like “Bats at Dusk”, which you liked",
                paper_ids=["p0000000000aa"],
            )
        ],
        notes=[
            citing("Read this one first.", "human", supported=False, reason="names no paper"),
        ],
    )
    boats = paper(
        2,
        "<script>alert('keel')</script> & *Boats* [with](javascript:alert(1)) `keels`",
        "A keel of 3.5 m keeps a boat upright in 97 % of storms.",
        origin="model",
        score=0.93,
        quote="In 97% of storms a boat with a keel of 3.5 m stayed upright.",
        url=None,
        tags=["agents", "evaluation"],
    )
    moths = paper(3, "Moths and Lamps", "Moths fly to lamps because they keep them overhead.")
    lichen = paper(4, "Lichen Clocks", "Lichen grows 0.8 mm a year on the north side of walls.")
    return digest_of(
        [
            DigestSection(tag="retrieval", title="Retrieval", papers=[owls, moths], notes=[]),
            DigestSection(
                tag="agents",
                title="Agents",
                papers=[boats],
                notes=[citing("An editor's word on boats.", "human", supported=False)],
            ),
        ],
        [lichen],
        seen=9,
        lead=[
            citing("9 papers came in, most of them on retrieval (5).", "catalog"),
            citing("Papers on agents rose from 2 of 40 to 4 of 9.", "catalog"),
            citing("Owls find a mouse in 12 seconds by ear alone."),
        ],
        weeks=["2026-W44", "2026-W45", "2026-W46", "2026-W47"],
        sizes=[12, 15, 13, 9],
        trends=[
            Trend(
                kind="tag",
                name="agents",
                title="Agents",
                direction=1,
                count=4,
                of=9,
                before=2,
                of_before=40,
                p_value=0.004,
                counts=[0, 1, 1, 4],
                papers=[{"paper_id": boats["paper_id"], "title": boats["title"], "url": None}],
            )
        ],
    )
