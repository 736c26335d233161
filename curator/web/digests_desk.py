"""A digest on the page: what is shown of it, what each button changes, and storing that.

A page is made of edits that may have changed since, in another tab or at the terminal. So each
change comes with the print of the edits it was made at (`seen_of`): what others did meanwhile is
kept, and where both changed the same, the later one is told instead of taking its place.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from curator.digest.document import DigestDocument, DigestPaper, every_paper
from curator.digest.edits import Edits, Move, merge_edits, no_edits
from curator.errors import NotFoundError, UsageError
from curator.text import clean

if TYPE_CHECKING:
    from curator.digest.desk import DigestDesk
    from curator.library import Library
    from curator.serving import Serving

__all__ = [
    "CHANGED",
    "Changed",
    "change_of",
    "remember",
    "seen_of",
    "store",
]

LONGEST = 5_000  # characters of a summary or note
MOST_NOTES = 30  # of one place
# Another program may store edits between a reading and a writing, but not again and again.
ATTEMPTS = 5
KEPT = 100  # former edits that are remembered, to see what changed since
CHANGED = "It was changed elsewhere since this page was made; your change was not stored."

_before: WeakKeyDictionary[Serving, OrderedDict[str, Edits]] = WeakKeyDictionary()


class Changed(UsageError):
    """Somebody else changed the same since; nothing was stored."""


# ------------------------------------------------------------------------------ storing


def seen_of(edits: Edits | None) -> str:
    """A print of edits, to tell whether they are still the same."""
    text = json.dumps(edits or no_edits(), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def remember(serving: Serving, edits: Edits | None) -> str:
    """The print of edits that a page is made of."""
    seen = seen_of(edits)
    with serving.changing:
        kept = _before.setdefault(serving, OrderedDict())
        kept[seen] = edits or no_edits()
        kept.move_to_end(seen)
        while len(kept) > KEPT:
            kept.popitem(last=False)
    return seen


def store(
    serving: Serving, desk: DigestDesk, given: Mapping[str, Any], seen: str
) -> tuple[Edits, bool]:
    """Stores changes (those fields of `Edits` that change), made where the edits were ``seen``.
    All edits as they are now, and whether others had changed some since.

    Raises:
        Changed: others changed the same; nothing is stored.
        UsageError: a text is too long, or a section or paper is none.
    """
    for _ in range(ATTEMPTS):
        stored = desk.edits()
        now = stored or no_edits()
        changes = _checked(serving.library, desk, given)
        is_other = seen != seen_of(now)
        if is_other:
            base = _before.get(serving, OrderedDict()).get(seen)
            changes = _joined(changes, now, base)
        merged = merge_edits(now, cast(Edits, {**no_edits(), **changes}))
        if desk.replace(stored, merged):
            remember(serving, merged)
            return merged, is_other
    raise _changed()


def _joined(given: dict[str, Any], now: Edits, base: Edits | None) -> dict[str, Any]:
    """The changes as they are to be merged into ``now``; ``base`` are the edits that were seen,
    None if that is not known any more."""
    tables, before = cast(dict[str, Any], now), cast("dict[str, Any] | None", base)
    made = dict(given)
    for field in ("tldrs", "titles"):
        for key, value in given.get(field, {}).items():
            _same_or_changed(tables[field], before and before[field], key, value)
    for paper in {*given.get("pinned", {}), *given.get("dropped", {})}:
        for field in ("pinned", "dropped"):
            value = given.get(field, {}).get(paper)
            _same_or_changed(tables[field], before and before[field], paper, value)
    notes = {}
    for place, texts in given.get("notes", {}).items():
        mine, theirs = list(texts), now["notes"].get(place, [])
        had = base["notes"].get(place, []) if base else []
        if theirs not in (had, mine):
            if mine[: len(had)] != had:
                raise _changed()
            mine = [*theirs, *(text for text in mine[len(had) :] if text not in theirs)]
        notes[place] = mine
    if notes:
        made["notes"] = notes
    for move in given.get("moves", []):
        theirs_ = [m for m in now["moves"] if m["paper"] == move["paper"]]
        if theirs_ != [m for m in (base["moves"] if base else []) if m["paper"] == move["paper"]]:
            raise _changed()
    for field in ("lead", "sections"):
        if given.get(field) and tables[field] != (before[field] if before else []):
            raise _changed()
    return made


def _same_or_changed(
    now: Mapping[str, Any], before: Mapping[str, Any] | None, key: str, value: Any
) -> None:
    was = (before or {}).get(key)
    if (now.get(key) or None) not in (was or None, value or None):
        raise _changed()


def _changed() -> Changed:
    return Changed(CHANGED, remedy="Look at what is there now, and change it again.")


def _checked(library: Library, desk: DigestDesk, given: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in given.items() if value}
    if tldrs := made.get("tldrs"):
        made["tldrs"] = {paper: _text(text) for paper, text in tldrs.items()}
    if notes := made.get("notes"):
        made["notes"] = {place: _notes(texts) for place, texts in notes.items()}
    if titles := made.get("titles"):
        made["titles"] = {tag: _text(text) for tag, text in titles.items()}
    if lead := made.get("lead"):
        made["lead"] = [{**one, "was": _text(one["was"]), "now": _text(one["now"])} for one in lead]
    papers = {key for name in ("tldrs", "pinned", "dropped") for key in made.get(name, {})}
    papers |= {place for place in made.get("notes", {}) if place and ":" not in place}
    papers |= {move["paper"] for move in made.get("moves", [])}
    _require(library, desk, papers)
    titles = (desk.edits() or no_edits())["titles"]
    tags = {*desk.lists(), *titles, *made.get("titles", {})} if made.get("moves") else set()
    for move in made.get("moves", []):
        if move["section"] not in tags:
            raise UsageError(f"There is no section {clean(move['section'])[:60]!r}.")
    return made


def _require(library: Library, desk: DigestDesk, paper_ids: set[str]) -> None:
    """Edits may be of papers that the digest does not have yet, but not of none."""
    missing = paper_ids - {paper["paper_id"] for paper in every_paper(desk.document)}
    for paper_id in sorted(missing - set(library.catalog.papers.get(sorted(missing)))):
        raise NotFoundError(
            f"There is no paper {clean(paper_id)[:60]!r}.", remedy="See the Library."
        )


def _notes(texts: list[str]) -> list[str]:
    if len(texts) > MOST_NOTES:
        raise UsageError(f"More than {MOST_NOTES} notes are too many for one place.")
    return [text for one in texts if (text := _text(one))]


def _text(text: str) -> str:
    made = clean(text)
    if len(made) > LONGEST:
        raise UsageError(f"The text has {len(made):,} characters.", remedy=f"At most {LONGEST:,}.")
    return made


# ------------------------------------------------------------------------------ changing


def change_of(
    desk: DigestDesk, do: str, paper: str, text: str = "", section: str = ""
) -> dict[str, Any]:
    """What a button changes, as those fields of `Edits` that change. ``paper`` is its id, or for
    ``note`` and ``unnote`` any place of notes.

    Raises:
        UsageError: there is no such button, or it needs a text.
        NotFoundError: the digest has no such paper.
    """
    if do in ("pin", "unpin"):
        return {"pinned": {paper: do == "pin"}}
    if do in ("drop", "restore"):
        return {"dropped": {paper: do == "drop"}}
    if do == "reset":
        return {"tldrs": {paper: ""}}
    text = clean(text)
    if do in ("rewrite", "note", "unnote") and not text:
        raise UsageError("There is no text.", remedy="Write one.")
    if do == "rewrite":
        return {"tldrs": {paper: text}}
    if do in ("note", "unnote"):
        texts = _notes_at(desk, paper)
        if do == "note":
            return {"notes": {paper: [*texts, text]}}
        return {"notes": {paper: [one for one in texts if clean(one) != text]}}
    if do in ("up", "down", "move"):
        return {"moves": [_move(desk, do, paper, section)]}
    raise UsageError("That is no change.", remedy="Use the buttons of the page.")


def _notes_at(desk: DigestDesk, place: str) -> list[str]:
    made = desk.edited()
    if not place:
        return [note["text"] for note in made["notes"]]
    for section in made["sections"]:
        if place == f"section:{section['tag']}":
            return [note["text"] for note in section["notes"]]
    return [note["text"] for note in _paper_of(made, place)["notes"]]


def _paper_of(made: DigestDocument, paper_id: str) -> DigestPaper:
    found = next((one for one in every_paper(made) if one["paper_id"] == paper_id), None)
    if found is None:
        raise NotFoundError(
            f"The digest has no paper {clean(paper_id)[:60]!r}.",
            remedy="It may have been taken out; look at the page again.",
        )
    return found


def _move(desk: DigestDesk, do: str, paper: str, section: str) -> Move:
    lists = {tag: [p["paper_id"] for p in papers] for tag, (_, papers) in desk.lists().items()}
    here = next((tag for tag, ids in lists.items() if paper in ids), None)
    if here is None:
        _paper_of(desk.edited(), paper)
    tag = section if do == "move" else str(here)
    if tag not in lists:
        raise UsageError(f"There is no section {clean(section)[:60]!r}.")
    others = [one for one in lists[tag] if one != paper]
    at = len(others)
    if do != "move":
        at = lists[tag].index(paper) + (-1 if do == "up" else 1)
    if not 0 <= at <= len(others):
        raise UsageError(f"It is the {'first' if at < 0 else 'last'} of its section.")
    return {
        "paper": paper,
        "section": tag,
        "after": others[at - 1] if at else "",
        "before": others[at] if at < len(others) else "",
    }
