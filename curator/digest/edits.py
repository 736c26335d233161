"""What an editor did to a digest, as plain JSON, and doing it to a document.

Edits say what a person wants, never what the program made, so that they hold when the digest is
made anew of other papers. Those of one sitting are merged into those that are stored: a value
takes the place of the one before it, and a neutral one ("", false, an empty list) takes it back.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any, TypedDict, cast

from curator.digest.document import (
    DigestDocument,
    DigestPaper,
    DigestSection,
    Origin,
    Reason,
    Sentence,
    every_paper,
)
from curator.digest.written import same

__all__ = [
    "NOTABLE",
    "OWN",
    "Check",
    "Edits",
    "LeadEdit",
    "MakesLead",
    "Move",
    "apply_edits",
    "dropped_ids",
    "explicitly_pinned",
    "merge_edits",
    "no_edits",
    "of_section",
    "pinned_ids",
    "unseen",
]

Check = Callable[[str, str | None], Sentence]
MakesLead = Callable[[DigestDocument], list[Sentence]]

NOTABLE = "+notable"  # stands for a section's tag where the notable papers are meant
OWN = "own:"  # begins the tags of sections that an editor made
PINNED = "an editor pinned it"


class LeadEdit(TypedDict):
    """``now`` takes the place of the sentence ``was``, the ``at``-th (from 0); "" deletes it."""

    was: str
    now: str
    at: int


class Move(TypedDict):
    """A paper goes into a section (`NOTABLE`: to the notable papers), behind the paper ``after``
    ("": first); where that is not there, ahead of ``before``; else last."""

    paper: str
    section: str
    after: str
    before: str


class Edits(TypedDict):
    """``tldrs`` by paper id; ``pinned`` and ``dropped`` say yes or no of papers; ``titles`` of
    sections by tag; ``notes`` are all notes of a place: "" (below the title), `of_section`, or a
    paper's id. ``sections`` are tags in an editor's order, ``moves`` are done in their order."""

    version: int
    tldrs: dict[str, str]
    pinned: dict[str, bool]
    dropped: dict[str, bool]
    titles: dict[str, str]
    notes: dict[str, list[str]]
    lead: list[LeadEdit]
    sections: list[str]
    moves: list[Move]


def no_edits() -> Edits:
    """What nobody did."""
    return Edits(
        version=1,
        tldrs={},
        pinned={},
        dropped={},
        titles={},
        notes={},
        lead=[],
        sections=[],
        moves=[],
    )


def of_section(tag: str) -> str:
    """The place of a section's notes."""
    return f"section:{tag}"


def pinned_ids(edits: Edits | None) -> list[str]:
    """The papers that stay chosen for an editor's sake, in order: pinned, moved, with a summary
    or a note of theirs, and not dropped. Some may be in the library no more."""
    if not edits:
        return []
    kept = {paper for paper, yes in edits["pinned"].items() if yes}
    kept |= {paper for paper, text in edits["tldrs"].items() if text}
    kept |= {p for p, notes in edits["notes"].items() if notes and p and ":" not in p}
    kept |= {move["paper"] for move in edits["moves"]}
    return sorted(kept - set(dropped_ids(edits)))


def explicitly_pinned(edits: Edits | None) -> list[str]:
    """The papers that an editor said to keep, in so many words."""
    dropped = set(dropped_ids(edits))
    return (
        sorted(p for p, yes in edits["pinned"].items() if yes and p not in dropped) if edits else []
    )


def dropped_ids(edits: Edits | None) -> list[str]:
    """The papers that an editor wants left out, in order."""
    return sorted(p for p, yes in edits["dropped"].items() if yes) if edits else []


# ---------------------------------------------------------------------------- merging


def merge_edits(stored: Edits | None, read: Edits) -> Edits:
    """What both come to; ``read`` was done to a digest that ``stored`` had been done to."""
    merged = copy.deepcopy(stored) if stored else no_edits()
    tables = cast(dict[str, Any], merged)
    news = cast(dict[str, Any], read)
    for paper, dropped in read["dropped"].items():
        if not dropped and not merged["dropped"].get(paper):
            merged["pinned"][paper] = True  # a block that was put in, and had never been taken out
        if dropped:
            merged["pinned"].pop(paper, None)
    for name in ("tldrs", "pinned", "dropped", "titles", "notes"):
        joined = {**tables[name], **news[name]}
        tables[name] = {key: joined[key] for key in sorted(joined) if joined[key]}
    for paper in read["pinned"]:
        if merged["pinned"].get(paper) and paper not in read["dropped"]:
            merged["dropped"].pop(paper, None)
    merged["lead"] = _merged_lead(merged["lead"], read["lead"])
    merged["sections"] = list(read["sections"] or merged["sections"])
    merged["moves"] = [*_still_needed(merged["moves"], read["moves"]), *read["moves"]]
    return merged


def unseen(stored: Edits | None, read: Edits, written: DigestDocument) -> tuple[Edits, list[str]]:
    """``read`` once more, with what ``stored`` got after the file had been ``written`` and the
    person at the file therefore could not see; and warnings. Notes are added; of two different
    summaries that of the file holds, and the other one becomes a note."""
    made = copy.deepcopy(read)
    warnings: list[str] = []
    if not stored:
        return made, warnings
    shown = _shown_notes(written)
    tldrs = {paper["paper_id"]: paper["tldr"] for paper in every_paper(written)}
    for place, texts in stored["notes"].items():
        if place in made["notes"]:
            had = {same(text) for text in [*shown.get(place, []), *made["notes"][place]]}
            made["notes"][place] += [text for text in texts if same(text) not in had]
    for paper, text in stored["tldrs"].items():
        mine = made["tldrs"].get(paper)
        if text and mine and not _twin(text, mine) and not _twin(text, tldrs.get(paper, text)):
            before = made["notes"].get(paper, stored["notes"].get(paper, []))
            made["notes"][paper] = [*before, text]
            warnings.append(f"{paper} has two new summaries; the other one is now a note: {text}")
    return made, warnings


def _shown_notes(document: DigestDocument) -> dict[str, list[str]]:
    found = {"": document["notes"]}
    found |= {of_section(section["tag"]): section["notes"] for section in document["sections"]}
    found |= {paper["paper_id"]: paper["notes"] for paper in every_paper(document)}
    return {place: [note["text"] for note in notes] for place, notes in found.items()}


def _merged_lead(stored: list[LeadEdit], read: list[LeadEdit]) -> list[LeadEdit]:
    merged = [LeadEdit(was=e["was"], now=e["now"], at=e["at"]) for e in stored]
    for edit in read:
        made = next((one for one in merged if one["now"] and _twin(one["now"], edit["was"])), None)
        again = next((one for one in merged if _twin(one["was"], edit["was"])), None)
        if one := made or again:
            one["now"] = edit["now"]
        else:
            merged.append(LeadEdit(was=edit["was"], now=edit["now"], at=edit["at"]))
    return [edit for edit in merged if not _twin(edit["was"], edit["now"])]


def _twin(one: str, other: str) -> bool:
    return same(one) == same(other)


def _still_needed(moves: list[Move], later: list[Move]) -> list[Move]:
    """Earlier moves without those of papers that were moved again and nothing is placed by."""
    again = {move["paper"] for move in later}
    used = {paper for move in later for paper in (move["after"], move["before"])}
    kept: list[Move] = []
    for move in reversed(moves):
        if move["paper"] in used or move["paper"] not in again:
            kept.append(move)
            used |= {move["after"], move["before"]}
    return kept[::-1]


# --------------------------------------------------------------------------- applying


def apply_edits(
    document: DigestDocument, edits: Edits | None, check: Check, lead: MakesLead | None = None
) -> DigestDocument:
    """A new document with the edits done; ``check`` says what is found of an editor's text in the
    paper of that id (None: of no paper in particular). Texts are marked, never changed. ``lead``
    makes the lead anew, since what it counts may have changed.

    What belongs to papers or sections that are not there waits in the edits, and their texts stand
    below the title. Moved papers take their places among those that
    are new, and the counts follow.
    """
    made = copy.deepcopy(document)
    if not edits:
        return made
    _arrange(made, edits)
    for paper in every_paper(made):
        _edit_paper(paper, edits, check)
    tags = {section["tag"] for section in made["sections"]}
    for section in made["sections"]:
        section["title"] = edits["titles"].get(section["tag"]) or section["title"]
        place = of_section(section["tag"])
        if place in edits["notes"]:
            section["notes"] = [check(text, None) for text in edits["notes"][place]]
    if "" in edits["notes"]:
        made["notes"] = [check(text, None) for text in edits["notes"][""]]
    known = {same(note["text"]) for note in made["notes"]}
    for place, texts in edits["notes"].items():
        if place.startswith("section:") and place.removeprefix("section:") not in tags:
            made["notes"] += [check(text, None) for text in texts if same(text) not in known]
    known |= {same(note["text"]) for note in made["notes"]}
    for text in _homeless(made, edits):
        if same(text) not in known:
            known.add(same(text))
            made["notes"].append(check(text, None))
    _count(made, document)
    if lead is not None:
        made["lead"] = lead(made)
    _lead(made, edits["lead"], check)
    return made


def _homeless(made: DigestDocument, edits: Edits) -> list[str]:
    """What was written of papers that are not there and were not dropped: the library has none
    of that id, or has it no more."""
    there = {paper["paper_id"] for paper in every_paper(made)} | set(dropped_ids(edits))
    found = [text for paper, text in edits["tldrs"].items() if text and paper not in there]
    for place, texts in edits["notes"].items():
        if place and not place.startswith("section:") and place not in there:
            found += texts
    return found


def _drop(made: DigestDocument, dropped: set[str]) -> None:
    for section in made["sections"]:
        section["papers"] = [p for p in section["papers"] if p["paper_id"] not in dropped]
    made["notable"] = [p for p in made["notable"] if p["paper_id"] not in dropped]


def _lead(made: DigestDocument, edits: list[LeadEdit], check: Check) -> None:
    lead: list[Sentence | None] = list(made["lead"])
    added: list[Sentence] = []
    taken: set[int] = set()
    for edit in edits:
        at = _meant(made["lead"], edit, taken)
        if at is not None:
            taken.add(at)
        about = made["lead"][at]["citations"] if at is not None else []
        paper = about[0]["paper_id"] if about else None
        now = check(edit["now"], paper) if edit["now"] else None
        if at is not None:
            lead[at] = now
        elif now:
            added.append(now)
    made["lead"] = [sentence for sentence in lead if sentence] + added


def _meant(lead: list[Sentence], edit: LeadEdit, taken: set[int]) -> int | None:
    """The sentence that an edit was of: by its text, by its text with other figures, and, of one
    that was rewritten, by its place."""
    free = [i for i in range(len(lead)) if i not in taken]
    for form in (same, _without_figures):
        for i in free:
            if form(lead[i]["text"]) == form(edit["was"]):
                return i
    return edit["at"] if edit["now"] and edit["at"] in free else None


def _without_figures(text: str) -> str:
    return re.sub(r"\d+(?:[.,]\d+)*", "0", same(text))


def _arrange(made: DigestDocument, edits: Edits) -> None:
    lists: dict[str, list[DigestPaper]] = {s["tag"]: s["papers"] for s in made["sections"]}
    lists[NOTABLE] = made["notable"]
    for move in edits["moves"]:
        _move(made, lists, move, edits["titles"])
    _drop(made, set(dropped_ids(edits)))  # only now, for others were placed by them
    order = {tag: place for place, tag in enumerate(edits["sections"])}
    # New sections come behind the one that they followed.
    places, last = {}, -1
    for number, section in enumerate(made["sections"]):
        last = order.get(section["tag"], last)
        places[section["tag"]] = (last, section["tag"] not in order, number)
    made["sections"].sort(key=lambda section: places[section["tag"]])
    made["sections"] = [
        section for section in made["sections"] if section["papers"] or _has_notes(section, edits)
    ]


def _has_notes(section: DigestSection, edits: Edits) -> bool:
    own = edits["notes"].get(of_section(section["tag"]))
    return bool(section["notes"] if own is None else own)


def _move(
    made: DigestDocument,
    lists: dict[str, list[DigestPaper]],
    move: Move,
    titles: dict[str, str],
) -> None:
    found = next(
        ((own, p) for own in lists.values() for p in own if p["paper_id"] == move["paper"]), None
    )
    if found is None:
        return
    tag = move["section"]
    if tag not in lists and tag.startswith(OWN) and titles.get(tag):
        section = DigestSection(tag=tag, title=titles[tag], papers=[], notes=[])
        made["sections"].append(section)
        lists[tag] = section["papers"]
    own, paper = found
    if tag in lists:
        own.remove(paper)
        own = lists[tag]
        own.insert(_place(own, move), paper)


def _place(papers: list[DigestPaper], move: Move) -> int:
    ids = [paper["paper_id"] for paper in papers]
    if not move["after"]:
        return 0
    if move["after"] in ids:
        return ids.index(move["after"]) + 1
    return ids.index(move["before"]) if move["before"] in ids else len(ids)


def _edit_paper(paper: DigestPaper, edits: Edits, check: Check) -> None:
    paper_id = paper["paper_id"]
    if text := edits["tldrs"].get(paper_id):
        said = check(text, paper_id)
        paper["tldr"] = said["text"]
        origin: Origin = "human"
        paper["origin"] = origin
        paper["supported"] = said["supported"]
        paper["score"] = said["score"]
        paper["reason"] = said["reason"]
        paper["quote"] = next((c["quote"] for c in said["citations"]), "")
    if paper_id in edits["notes"]:
        paper["notes"] = [check(text, paper_id) for text in edits["notes"][paper_id]]
    if edits["pinned"].get(paper_id):
        paper["pinned"] = True
        if not any(reason["kind"] == "editor" for reason in paper["why"]):
            paper["why"].append(Reason(kind="editor", text=PINNED, paper_ids=[]))


def _count(made: DigestDocument, before: DigestDocument) -> None:
    """The counts of what is left; what was taken out was dropped."""
    gone = len(every_paper(before)) - len(every_paper(made))
    made["chosen"] = sum(len(section["papers"]) for section in made["sections"])
    ledger = made["ledger"]
    ledger["chosen"] = made["chosen"]
    ledger["notable"] = len(made["notable"])
    ledger["dropped"] += gone
