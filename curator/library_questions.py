"""Questions about the library itself, told from questions about what papers say.

"How many papers on RAG since May?" is a matter of counting; no model has to guess at it. Only
what is surely such a question is read: a known beginning, and then nothing but known clauses up
to the end (a time, a tag, an author, a topic ...). One word that fits nowhere, and the question
is left to the papers: "How many papers does the survey cover?" is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from curator.library_grammar import (
    CLAUSES,
    DONE,
    HAVE,
    HEADS,
    LIBRARY,
    MOST_WORDS,
    NAMED,
    NOT_ALONE,
    NOT_IN_NAMES,
    NOUNS_TOO,
    POLITE,
    SHELVES,
    SHORT,
    TOPIC_FIRST,
)
from curator.text import squeeze
from curator.when import spans_at

__all__ = ["Dated", "Kind", "LibraryQuestion", "parse_library_question"]

Kind = Literal[
    "papers", "last", "have", "authors", "venues", "categories", "tags", "sources"
]  # fmt: skip
Dated = Literal["day", "added", "liked", "disliked", "read"]


@dataclass(frozen=True)
class LibraryQuestion:
    """``kind``: papers (how many, which), the last ones ``dated`` so, whether the paper ``name``
    is there, or which authors, venues ... there are, by number of papers.

    ``since`` and ``until`` are inclusive ISO days of what ``dated`` says: a paper's own day, when
    it was added, or when it was marked. ``origin`` is where papers are "from": the words do not
    say whether that is a venue, a source or a person. ``direct``: the question speaks of the
    asker or the library, so that it means nothing else in any conversation.
    """

    kind: Kind
    since: str | None = None
    until: str | None = None
    dated: Dated = "day"
    marks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    author: str | None = None
    venue: str | None = None
    category: str | None = None
    source: str | None = None
    origin: str | None = None
    topic: str | None = None
    name: str | None = None
    oldest: bool = False
    direct: bool = False


_LONGEST = 240  # characters; a longer question says more than these clauses can
_QUOTED = re.compile(r'["“”]([^"“”]{1,200})["“”]')
_PREPOSITIONS = frozenset(["by", "in", "as", "with", "of", "for", "on", "at", "from"])
_WORD_END = re.compile(r"(?=[\s,]|$)")


def parse_library_question(text: str, today: date | None = None) -> LibraryQuestion | None:
    """What a question asks of the library; None unless that is sure."""
    question = squeeze(text)
    if len(question) > _LONGEST:
        return None
    question = question.rstrip("?.! ")
    for pattern, written in SHORT:
        question = pattern.sub(written, question)
    question = POLITE.sub("", question)
    today = today or date.today()
    for head, effect in HEADS:
        match = head.match(question)
        if match and _at_end(question, match.end()):
            begun = _begun(match, effect)
            if begun is None:
                continue
            found = _finished(question, match.end(), begun, effect, today)
            if found is not None:
                return found
    return _topic_before(question, today) or _asked_for(question)


def _begun(match: re.Match[str], effect: dict[str, Any]) -> LibraryQuestion | None:
    groups = match.groupdict()
    kind = effect.get("kind", "papers")
    if effect.get("shelf"):
        kind = SHELVES[groups["shelf"].lower()] if groups.get("shelf") else "authors"
    found = LibraryQuestion(
        kind,
        dated=effect.get("dated", "day"),
        oldest=bool(groups.get("oldest")),
        direct=bool(effect.get("direct") or groups.get("own") or groups.get("mark")),
    )
    return _marked(found, match)


def _marked(found: LibraryQuestion, match: re.Match[str]) -> LibraryQuestion | None:
    """With the marks that a match names, and the day they give: when it was liked, say."""
    groups = match.groupdict()
    mark = (groups.get("mark") or groups.get("mark2") or "").lower()
    verb = DONE.get((groups.get("verb") or "").lower())
    negative = bool(groups.get("not")) or bool(verb and re.search(r"\b(?:not|never)\b", match[0]))
    if mark:
        mark = "unread" if mark == "not read" else mark
        found = replace(found, marks=(*found.marks, mark))
    if verb is None:
        return found
    if negative:
        return replace(found, marks=(*found.marks, "unread")) if verb == "read" else None
    if found.dated not in ("day", verb):
        return None  # "added papers that I liked last week": when is which?
    marks = found.marks if verb == "added" else (*found.marks, verb)
    dated: Any = verb
    return replace(found, dated=dated, marks=marks)


def _finished(
    text: str, at: int, begun: LibraryQuestion, effect: dict[str, Any], today: date
) -> LibraryQuestion | None:
    for found in _read(text, at, begun, today):
        if _sure(found, effect, begun, today):
            return found
    return None


def _sure(
    found: LibraryQuestion, effect: dict[str, Any], begun: LibraryQuestion, today: date
) -> bool:
    """Whether the clauses that were read make this a question about the library."""
    if found.venue or found.origin:
        # Where papers are "in S2ORC", that may be the corpus of a paper.
        return found.direct
    if effect.get("news"):
        # "What was added in 2019?" is of a benchmark, "... this week?" of the library.
        recent = (today - timedelta(days=366)).isoformat()
        return found.direct or (found.since or "") > recent
    if effect.get("clause"):
        return found != begun
    if effect.get("shelf"):
        # "How many categories are there?" may be meant of a benchmark.
        top = effect.get("top", ())
        return found.direct or (top is True or found.kind in top)
    return found.direct or not effect.get("ask")


def _read(text: str, at: int, found: LibraryQuestion, today: date) -> Iterator[LibraryQuestion]:
    """All readings of the rest of a question as clauses."""
    while at < len(text) and text[at] in " ,":
        at += 1
    if at >= len(text):
        yield found
        return
    if re.match(r"and |that (?=\w+ed\b)", text[at:]) and (
        found.since or found.marks or found.topic
    ):
        yield from _read(text, at + text[at:].index(" "), found, today)
    for span in spans_at(text, at, today):
        if found.since is None and found.until is None and _at_end(text, span.end):
            timed = replace(found, since=span.since, until=span.until)
            yield from _read(text, span.end, timed, today)
    for pattern, effect in CLAUSES:
        match = pattern.match(text, at)
        if not match or not _at_end(text, match.end()):
            continue
        more = _marked(_with(found, effect), match)
        if more is None:
            continue
        if effect.get("timed") and (more.since or not any(spans_at(text, match.end() + 1, today))):
            continue
        yield from _read(text, match.end(), more, today)
    for field, pattern in NAMED:
        match = pattern.match(text, at)
        for end in _ends(text, match.end(), MOST_WORDS.get(field, 6)) if match else ():
            named = _named(found, field, text[match.end() : end].strip(" ,"))  # type: ignore[union-attr]
            if named is not None:
                yield from _read(text, end, named, today)


def _with(found: LibraryQuestion, effect: dict[str, Any]) -> LibraryQuestion:
    return replace(
        found,
        direct=found.direct or bool(effect.get("direct")),
        dated=effect.get("dated", found.dated),
        marks=(*found.marks, *effect.get("marks", ())),
    )


def _named(found: LibraryQuestion, field: str, value: str) -> LibraryQuestion | None:
    """With a name for a field, if it can be one there."""
    quoted = _QUOTED.fullmatch(value)
    name = quoted[1] if quoted else re.sub(r"^the ", "", value)
    words = name.lower().split()
    if not words or (not quoted and not _may_be_a_name(words)):
        return None
    if field == "tag":
        if not quoted and _PREPOSITIONS.intersection(words):
            return None
        return replace(found, tags=(*found.tags, name))
    if field == "mention":
        field = "topic" if found.direct else ""
    if not field or getattr(found, field) is not None:
        return None
    if field in ("author", "venue", "origin") and not quoted:
        # A name has capitals; "in medicine" and "by hand" belong to a topic, or a sentence.
        capitals = [w[0].isupper() or w[0].isdigit() or len(w) < 4 for w in name.split()]
        if not all(capitals) or not any(c.isupper() for c in name) or words[0][0].isdigit():
            return None
    return replace(found, **{field: name})  # type: ignore[arg-type]


def _may_be_a_name(words: list[str]) -> bool:
    last = NOUNS_TOO if len(words) > 1 else frozenset[str]()
    inside = words[:-1] if words[-1] in last else words
    articles = {"the", "a", "an"}.intersection(words[1:])
    return words[0] not in NOT_ALONE and not articles and not NOT_IN_NAMES.intersection(inside)


def _topic_before(question: str, today: date) -> LibraryQuestion | None:
    match = TOPIC_FIRST.match(question)
    if not match or not _at_end(question, match.end()):
        return None
    begun = _begun(match, {"kind": "papers"})
    named = begun and _named(begun, "topic", match["topic"])
    for found in _read(question, match.end(), named, today) if named else ():
        if found.direct:
            return found
    return None


def _asked_for(question: str) -> LibraryQuestion | None:
    """Whether one paper is there."""
    from curator.identifiers import arxiv_id_of, doi_of

    for pattern in HAVE:
        match = pattern.fullmatch(question)
        if not match:
            continue
        groups = match.groupdict()
        name = (groups.get("name") or groups.get("sure") or "").strip(" ,")
        quoted = _QUOTED.fullmatch(name)
        name = quoted[1] if quoted else name
        name = re.sub(r"^(?:arxiv|doi)[: ]+", "", name, flags=re.I)
        known = quoted or arxiv_id_of(name) or doi_of(name)
        if groups.get("sure") and not known and not re.search(rf" in {LIBRARY}$", question, re.I):
            continue
        if not name or re.match(r"(?:any|some|to|that|which|it|they|there)\b", name, re.I):
            continue
        return LibraryQuestion("have", name=name, direct=True)
    return None


def _ends(text: str, start: int, most: int) -> Iterator[int]:
    """Where a name of up to ``most`` words may end; a quoted one ends with its quote."""
    if quoted := _QUOTED.match(text, start):
        yield quoted.end()
        return
    found = 0
    for match in _WORD_END.finditer(text, start + 1):
        if match.start() > start and text[match.start() - 1] not in " ,":
            yield match.start()
            found += 1
            if found == most or text[match.start() : match.start() + 1] == ",":
                return


def _at_end(text: str, at: int) -> bool:
    return at >= len(text) or text[at] in " ,"
