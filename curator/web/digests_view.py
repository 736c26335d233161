"""What the pages of digests show: the archive, and one digest with its edits done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from curator.digest.document import ME, DigestDocument, DigestPaper, Sentence, every_paper
from curator.digest.edits import NOTABLE, Edits, dropped_ids, no_edits, of_section
from curator.digest.formats.words import safe_url
from curator.digest.human import NOTHING
from curator.text import clean
from curator.web.pages import shown

if TYPE_CHECKING:
    from curator.digest.desk import DigestDesk
    from curator.library import Library

__all__ = ["archive", "is_week", "of_desk", "of_old", "origin_of", "unsupported"]

AUTHORS_SHOWN = 6
ABSTRACT_SHOWN = 10_000  # characters


def is_week(name: str) -> bool:
    """Whether a digest is one of an ISO week, and can be made anew by its name."""
    return re.fullmatch(r"\d{4}-W\d{2}", name) is not None


def archive(library: Library) -> list[dict[str, Any]]:
    """All digests of all readers, the newest first."""
    names = library.catalog.digests.names(None)
    readers = dict.fromkeys(name.rpartition("/")[0] or ME for name in names)
    rows = [
        _row(document, reader, library.catalog.digests.edits(str(document.get("name")), reader))
        for reader in readers
        for document in library.catalog.digests.documents(reader)
    ]
    rows.sort(key=lambda row: (row["reader"] != ME, row["reader"]))
    return sorted(rows, key=lambda row: (row["until"], row["since"], row["name"]), reverse=True)


def _row(document: DigestDocument, reader: str, edits: Any) -> dict[str, Any]:
    is_old = document.get("version") != 2
    return {
        "reader": reader,
        "name": str(document.get("name", "")),
        "since": str(document.get("since", "")),
        "until": str(document.get("until", "")),
        "old": is_old,
        "chosen": document.get("chosen", 0),
        "seen": document.get("seen", 0),
        "notable": len(document.get("notable", [])),
        "edited": edits is not None and edits != no_edits(),
    }


def origin_of(sentence: Mapping[str, Any]) -> dict[str, str]:
    """Where a sentence comes from: the class of its mark, its words, and what they mean."""
    origin = str(sentence["origin"])
    if origin == "human":
        if not sentence["supported"]:
            why = shown(sentence["reason"]) or "the stored text does not say so"
            return {"kind": "unsupported", "label": "editor, not supported", "why": why}
        if sentence["reason"] == NOTHING:
            return {"kind": "human", "label": "editor", "why": f"it {NOTHING}"}
        why = shown(sentence["reason"]) or "found in the stored text"
        return {"kind": "human", "label": "editor, checked", "why": why}
    if origin == "quote":
        return {"kind": "quote", "label": "quoted", "why": "word for word in the stored text"}
    if origin == "catalog":
        return {"kind": "catalog", "label": "counted", "why": "counted in the library"}
    label = f"checked {sentence['score']:.2f}"
    return {"kind": "model", "label": label, "why": "a model's sentence that passed the check"}


def of_desk(library: Library, desk: DigestDesk) -> dict[str, Any]:
    """One digest with its edits done. Texts are as people read them; templates escape them."""
    made, edits = desk.edited(), desk.edits() or no_edits()
    known = library.catalog.papers.get(
        [paper["paper_id"] for paper in every_paper(made)] + dropped_ids(edits)
    )
    abstracts = {one.id: one.abstract[:ABSTRACT_SHOWN] for one in known.values()}
    sections = [
        {
            "tag": section["tag"],
            "title": shown(section["title"]),
            "place": of_section(section["tag"]),
            "notes": _notes(section["notes"], of_section(section["tag"]), edits),
            "papers": _papers(section["papers"], edits, abstracts),
        }
        for section in made["sections"]
    ]
    sections.append(
        {
            "tag": NOTABLE,
            "title": "Also notable",
            "place": "",
            "notes": [],
            "papers": _papers(made["notable"], edits, abstracts),
        }
    )
    titles = {p["paper_id"]: p["title"] for p in every_paper(desk.document)}
    titles |= {one.id: one.title for one in known.values()}
    return {
        "reader": made["reader"],
        "name": made["name"],
        "since": made["since"],
        "until": made["until"],
        "seen_papers": made["seen"],
        "chosen": made["chosen"],
        "lead": [_sentence(sentence) for sentence in made["lead"]],
        "notes": _notes(made["notes"], "", edits),
        "sections": sections,
        "dropped": [(one, shown(titles.get(one)) or one) for one in dropped_ids(edits)],
        "edited": edits != no_edits(),
        "week": made["name"] if is_week(made["name"]) else "",
    }


def of_old(document: DigestDocument) -> dict[str, Any]:
    """What can be shown of a digest that an earlier release made."""
    old = cast(dict[str, Any], document)
    rows = []
    for section in _dicts(old.get("sections")):
        for paper in _dicts(section.get("papers")):
            title = shown(str(paper.get("title") or "")) or "(no title)"
            rows.append({"title": title, "url": safe_url(str(paper.get("url") or ""))})
    return {
        "name": str(old.get("name", "")),
        "reader": str(old.get("reader", ME)),
        "since": str(old.get("since", "")),
        "until": str(old.get("until", "")),
        "papers": rows,
        "week": old["name"] if is_week(str(old.get("name", ""))) else "",
    }


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _papers(
    papers: list[DigestPaper], edits: Edits, abstracts: Mapping[str, str]
) -> list[dict[str, Any]]:
    made = []
    for number, paper in enumerate(papers):
        paper_id = paper["paper_id"]
        mine = bool(edits["tldrs"].get(paper_id))
        quote = shown(paper["quote"])
        made.append(
            {
                "id": paper_id,
                "title": shown(paper["title"]) or "(no title)",
                "url": safe_url(paper["url"]),
                "authors": [shown(name) for name in paper["authors"][:AUTHORS_SHOWN]],
                "more_authors": max(0, len(paper["authors"]) - AUTHORS_SHOWN),
                "day": paper["day"],
                "tldr": shown(paper["tldr"]),
                "written": mine and edits["tldrs"][paper_id],
                # Made into the digest, and taken back since: it goes when it is made anew.
                "baked": paper["origin"] == "human" and not mine,
                "origin": origin_of(paper),
                "quote": quote if quote != shown(paper["tldr"]) else "",
                "tags": [shown(tag) for tag in paper["tags"]],
                "why": [shown(reason["text"]) for reason in paper["why"]],
                "pinned": paper["pinned"],
                "notes": _notes(paper["notes"], paper_id, edits),
                "abstract": shown(abstracts.get(paper_id)),
                "there": paper_id in abstracts,
                "first": number == 0,
                "last": number == len(papers) - 1,
            }
        )
    return made


def _notes(notes: list[Sentence], place: str, edits: Edits) -> list[dict[str, Any]]:
    mine = {clean(text) for text in edits["notes"].get(place, [])}
    return [
        {
            "text": shown(note["text"]),
            "written": note["text"],
            "origin": origin_of(note),
            "baked": clean(note["text"]) not in mine,
        }
        for note in notes
    ]


def _sentence(sentence: Sentence) -> dict[str, Any]:
    text = shown(sentence["text"])
    quotes = [shown(one["quote"]) for one in sentence["citations"]]
    return {
        "text": text,
        "origin": origin_of(sentence),
        "quotes": [quote for quote in quotes if quote and quote not in text],
        "papers": list(dict.fromkeys(one["paper_id"] for one in sentence["citations"])),
    }


def unsupported(made: DigestDocument) -> list[dict[str, str]]:
    """An editor's texts that the papers do not say, by their place (as those of `Edits.notes`, or
    the paper of a summary); they stay, and are marked in every form."""
    found: list[tuple[str, str, str]] = []
    places = [("", made["notes"]), ("", made["lead"])]
    places += [(of_section(one["tag"]), one["notes"]) for one in made["sections"]]
    for paper in every_paper(made):
        if not paper["supported"]:
            found.append((paper["paper_id"], paper["tldr"], paper["reason"]))
        places.append((paper["paper_id"], paper["notes"]))
    for place, sentences in places:
        found += [(place, one["text"], one["reason"]) for one in sentences if not one["supported"]]
    return [{"place": place, "text": text, "reason": why} for place, text, why in found]
