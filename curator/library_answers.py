"""Answers to questions about the library, from the catalog: counted, not written by a model.

An answer says how the question was understood (which days, which tag or which words), then the
number, and names up to ten of the papers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from curator.catalog import Catalog, Filters
from curator.catalog.counting import Counting, local_day
from curator.catalog.tagcounts import TagCounts
from curator.errors import NotFoundError
from curator.index.lexical import LexicalIndex
from curator.library_questions import LibraryQuestion, parse_library_question
from curator.paper import Paper
from curator.query import Constraint
from curator.taxonomy import Taxonomy
from curator.text import plain, title_key
from curator.where import Expr, Leaf, Not, all_of, parse_where

__all__ = ["LISTED", "CatalogAnswers", "LibraryAnswer"]

LISTED = 10
# "How many papers on X?" may after all be meant of what some paper says. Where X is so many words
# and none of the papers has them, it is left to them.
_FEW_WORDS = 2


@dataclass(frozen=True)
class LibraryAnswer:
    """``statements`` are sentences about the library, ``papers`` those that they speak of, in
    order, at most `LISTED`."""

    statements: tuple[str, ...]
    papers: tuple[Paper, ...] = ()


@dataclass
class _Reading:
    """A question in terms of the catalog. ``within``: sets of numbers that papers must be in."""

    said: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    conditions: list[Expr] = field(default_factory=list)
    within: list[set[int]] = field(default_factory=list)


class CatalogAnswers:
    """Answers from a catalog and its word index."""

    def __init__(
        self,
        catalog: Catalog,
        lexical: LexicalIndex,
        taxonomy: Callable[[], Taxonomy],
        today: Callable[[], date] = date.today,
    ) -> None:
        self._catalog = catalog
        self._lexical = lexical
        self._taxonomy = taxonomy
        self._today = today
        self._counting = Counting(catalog.store)

    def parse(self, text: str) -> LibraryQuestion | None:
        """What a question asks of the library; None unless that is sure."""
        return parse_library_question(text, self._today())

    def answer(
        self, question: LibraryQuestion, filters: Filters | None = None
    ) -> LibraryAnswer | None:
        """The answer; only papers that pass the filters count. None where the catalog shows
        that it was no question about the library after all (it names a tag that is none)."""
        if question.kind == "have":
            return self._have(question.name or "", filters)
        reading = self._read(question)
        if reading is None:
            return None
        if filters:
            reading.said.append("within the filters given")
        try:
            found = self._found(question, reading, filters)
        except NotFoundError as error:
            reading.notes.append(error.message)
            found = []
        if question.kind == "papers":
            return self._papers(question, reading, found)
        if question.kind == "last":
            return self._last(question, reading, found)
        return self._shelf(question, reading, [seq for seq, _ in found])

    # ---------------------------------------------------------------- reading

    def _read(self, question: LibraryQuestion) -> _Reading | None:
        reading = _Reading()
        conditions, said = reading.conditions, reading.said
        for mark in dict.fromkeys(question.marks):
            leaf = Leaf("mark", mark.removeprefix("un"))
            conditions.append(Not(leaf) if mark == "unread" else leaf)
            if mark != question.dated or not (question.since or question.until):
                said.append("not marked as read" if mark == "unread" else mark)
        if question.since or question.until:
            said.append(_days(question))
        for name in question.tags:
            tag = self._tag(name)
            if tag is None and not question.direct:
                return None
            if tag is None:
                reading.notes.append(f"There is no tag “{name}”.")
            conditions.append(Leaf("tag", tag or name))
            said.append(f"tagged {tag or name}")
        if question.category:
            conditions.append(Leaf("category", question.category))
            said.append(f"in the category {question.category}")
        if question.source:
            conditions.append(Leaf("source", question.source))
            said.append(f"from the source “{question.source}”")
        self._read_names(question, reading)
        if question.topic and not self._read_topic(question, question.topic, reading):
            return None
        return reading

    def _read_names(self, question: LibraryQuestion, reading: _Reading) -> None:
        venue, author = question.venue, question.author
        if question.origin:
            if self._counting.in_venue(question.origin) and not venue:
                venue = question.origin
            elif self._is_source(question.origin):
                reading.conditions.append(Leaf("source", question.origin))
                reading.said.append(f"from a source named “{question.origin}”")
            elif not author:
                author = question.origin
        if venue:
            reading.within.append(self._counting.in_venue(venue))
            reading.said.append(f"in a venue named “{venue}”")
        if author:
            reading.within.append(self._counting.by_author(author))
            reading.said.append(f"by an author named “{author}”")

    def _read_topic(self, question: LibraryQuestion, topic: str, reading: _Reading) -> bool:
        tag = self._tag(topic)
        if tag is not None and TagCounts(self._catalog.store).decided():
            untagged = self._catalog.ledger.tally("tag")
            reading.conditions.append(Leaf("tag", tag))
            reading.said.append(f"tagged {tag} (which is how “{topic}” was understood)")
            if waiting := untagged.waiting + untagged.failed:
                reading.notes.append(f"{_papers(waiting)} {_are(waiting)} not tagged yet.")
            return True
        if not self._lexical.words(topic):
            return False
        hits = self._with_words(topic, "title") | self._with_words(topic, "abstract")
        if not hits and not question.direct and len(topic.split()) > _FEW_WORDS:
            return False
        reading.within.append(hits)
        words = "the words in this order" if len(topic.split()) > 1 else "the word"
        reading.said.append(f"with “{topic}” in title or abstract ({words}, any ending)")
        return True

    def _tag(self, name: str) -> str | None:
        resolved = self._taxonomy().resolve(name)
        wanted = name.strip().lower().replace(" ", "-")
        return resolved or (wanted if wanted in TagCounts(self._catalog.store).decided() else None)

    def _is_source(self, name: str) -> bool:
        try:
            self._counting.seqs(Filters(sources=(name,)))
        except NotFoundError:
            return False
        return True

    def _with_words(self, text: str, where: Literal["title", "abstract"]) -> set[int]:
        if not self._lexical.count():
            return set()
        return set(self._lexical.matching(Constraint(where, text, phrase=True)).tolist())

    def _found(
        self, question: LibraryQuestion, reading: _Reading, filters: Filters | None
    ) -> list[tuple[int, str]]:
        base = filters or Filters()
        conditions = [*reading.conditions, *([parse_where(base.where)] if base.where else [])]
        where = all_of(conditions)
        found = self._counting.seqs(
            replace(base, where=str(where) if where else None),
            question.dated,
            question.since,
            question.until,
            oldest=question.oldest,
        )
        return [(seq, at) for seq, at in found if all(seq in some for some in reading.within)]

    # -------------------------------------------------------------- answering

    def _papers(
        self, question: LibraryQuestion, reading: _Reading, found: list[tuple[int, str]]
    ) -> LibraryAnswer:
        total = self._catalog.papers.count()
        said = ", ".join(reading.said)
        first = f"This library has {_papers(total)}."
        if reading.said:
            first = f"{len(found)} of the {_papers(total)} in this library: {said}."
        order = "oldest" if question.oldest else "latest"
        more = [f"The {order} {LISTED} of them follow."] if len(found) > LISTED else []
        return LibraryAnswer((first, *reading.notes, *more), self._first(found))

    def _last(
        self, question: LibraryQuestion, reading: _Reading, found: list[tuple[int, str]]
    ) -> LibraryAnswer:
        done = question.dated
        said = [part for part in reading.said if part != done]
        which = f" ({', '.join(said)})" if said else ""
        if not found:
            return LibraryAnswer((f"No paper was {done} yet{which}.", *reading.notes))
        day = local_day(found[0][1])
        same = [(seq, at) for seq, at in found if local_day(at) == day]
        first = f"Papers were last {done} on {day}{which}: {_papers(len(same))}."
        return LibraryAnswer((first, *reading.notes), self._first(same))

    def _shelf(
        self, question: LibraryQuestion, reading: _Reading, seqs: list[int]
    ) -> LibraryAnswer:
        kind = question.kind
        assert kind in ("authors", "venues", "categories", "tags", "sources")
        counts = self._counting.shelf(kind, seqs)
        which = f" ({', '.join(reading.said)})" if reading.said else ""
        name = kind if len(counts) != 1 else _SINGULAR[kind]
        first = f"{_papers(len(seqs))}{which} {_have(len(seqs))} {len(counts)} {name}"
        if not counts:
            return LibraryAnswer((first + ".", *reading.notes))
        best = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:LISTED]
        listed = "; ".join(f"{plain(name)} ({count})" for name, count in best)
        order = "those with most papers" if len(counts) > LISTED else "with how many papers"
        return LibraryAnswer((f"{first}, {order}: {listed}.", *reading.notes))

    def _have(self, name: str, filters: Filters | None) -> LibraryAnswer:
        allowed = self._catalog.papers.select_ids(filters) if filters else None
        try:
            paper = self._catalog.papers.resolve(name)
        except NotFoundError:
            pass
        else:
            if allowed is None or paper.id in allowed:
                begins = title_key(paper.title).startswith(title_key(name))
                part = begins and title_key(paper.title) != title_key(name)
                what = "has a paper whose title begins so" if part else "has this paper"
                return LibraryAnswer((f"Yes, this library {what}{self._told(paper)}.",), (paper,))
        hits = self._with_words(name, "title") if self._lexical.words(name) else set()
        found = self._counting.seqs(filters or Filters())
        listed = [(seq, at) for seq, at in found if seq in hits]
        if not listed:
            return LibraryAnswer((f"No, no paper in this library has the title “{name}”.",))
        these = f"{len(listed)} {'has' if len(listed) == 1 else 'have'} these words in the title"
        return LibraryAnswer(
            (f"No paper in this library has just the title “{name}”; {these}.",),
            self._first(listed),
        )

    def _told(self, paper: Paper) -> str:
        marks = self._catalog.marks.of([paper.id]).get(paper.id, {})
        told = [f"added on {local_day(paper.added)}"]
        told += [f"{mark} on {local_day(at)}" for mark, at in marks.items()]
        if "read" not in marks:
            told.append("not marked as read")
        return ": " + ", ".join(told)

    def _first(self, found: list[tuple[int, str]]) -> tuple[Paper, ...]:
        seqs = [seq for seq, _ in found[:LISTED]]
        papers = self._catalog.papers.at(seqs)
        return tuple(papers[seq] for seq in seqs if seq in papers)


_SINGULAR = {
    "authors": "author",
    "venues": "venue",
    "categories": "category",
    "tags": "tag",
    "sources": "source",
}


def _days(question: LibraryQuestion) -> str:
    done = "dated" if question.dated == "day" else question.dated
    since, until = question.since, question.until
    if since and until:
        return f"{done} on {since}" if since == until else f"{done} from {since} to {until}"
    return f"{done} on {since} or later" if since else f"{done} on {until} or earlier"


def _papers(count: int) -> str:
    return f"{count:,} paper{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
