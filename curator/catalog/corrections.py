"""What people said of papers' tags, which holds over what the tagger finds.

A correction lies over the tags as the tagger left them. What it covers is kept with it, so that
taking it back, or tagging the paper again, never has to guess what was below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from curator.batches import batched
from curator.catalog.blocks import values
from curator.catalog.schema import corrections, now, papers, tags
from curator.catalog.store import Store

__all__ = ["Ancestors", "Correction", "Corrections", "move_corrections", "overlaid", "retag"]

Ancestors = Callable[[str], Sequence[str]]
Row = dict[str, Any]  # a row of `tags` without paper and tag

_FIELDS = tuple(column.name for column in tags.c if column.name not in ("paper_id", "tag"))
_MANY = 5_000


@dataclass
class Correction:
    """One thing a person said: whether the paper has the tag, of which text and when. The
    rows of tags that it covers are in ``replaced`` (None: there was no row)."""

    right: bool
    text_hash: str
    at: str
    replaced: dict[str, Row | None] = field(default_factory=dict)


class Corrections:
    """Sets and reads corrections. Each change shows in the stored tags at once.

    ``ancestors`` gives the parents of a tag, nearest first: a tag that is right brings them
    along, unless they were corrected themselves, and one that is wrong takes away those that
    came along with it alone.

    ``written`` notes what this object has changed: of which papers, and how many rows of tags.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.written: list[tuple[str, int]] = []

    def set(
        self, paper_id: str, said: Mapping[str, bool | None], ancestors: Ancestors | None = None
    ) -> dict[str, bool | None]:
        """Notes whether a paper has tags; None takes back what was said. Gives what was said
        before, for the tags of which that was something else: setting it undoes this."""
        return self.set_all({paper_id: said}, ancestors).get(paper_id, {})

    def set_all(
        self, said: Mapping[str, Mapping[str, bool | None]], ancestors: Ancestors | None = None
    ) -> dict[str, dict[str, bool | None]]:
        """The same for many papers, all or nothing. Ids of no paper are passed over."""
        changed: dict[str, dict[str, bool | None]] = {}
        rows: list[tuple[str, int]] = []
        with self._store.write() as connection:
            there = select(papers.c.id, papers.c.text_hash).where(papers.c.id.in_(values(said)))
            hashes = {row.id: row.text_hash for row in connection.execute(there)}
            for paper_id in (name for name in said if name in hashes):
                stored = _stored(connection, paper_id)
                before = _changed(stored, said[paper_id])
                if not before:
                    continue
                base = _base(connection, paper_id, stored)
                for tag in before:
                    right = said[paper_id][tag]
                    old = stored.pop(tag, None)
                    if right is not None:
                        kept = old.replaced if old else {}
                        stored[tag] = Correction(right, hashes[paper_id], now(), kept)
                rows.append((paper_id, _write(connection, paper_id, base, stored, ancestors)))
                changed[paper_id] = before
        self.written += rows
        return changed

    def unset(
        self,
        paper_id: str,
        names: Iterable[str] | None = None,
        ancestors: Ancestors | None = None,
    ) -> list[str]:
        """Takes back what was said of a paper's tags (None: of all); of which it was something.
        Its tags are again what the tagger found."""
        taken = self.of([paper_id]).get(paper_id, {}) if names is None else names
        return sorted(self.set(paper_id, dict.fromkeys(taken), ancestors))

    def of(self, paper_ids: Iterable[str]) -> dict[str, dict[str, bool]]:
        """``{paper id: {tag: whether the paper has it}}``; papers without any are left out."""
        found: dict[str, dict[str, bool]] = {}
        with self._store.read() as connection:
            for part in batched(paper_ids, _MANY):
                where = corrections.c.paper_id.in_(part)
                _collect(found, connection, where)
        return found

    def all(self) -> dict[str, dict[str, bool]]:
        """The same for all papers, in the order of their ids."""
        found: dict[str, dict[str, bool]] = {}
        with self._store.read() as connection:
            _collect(found, connection)
        return found

    def counts(self) -> dict[str, tuple[int, int]]:
        """``{tag: (how many papers have it, how many have it not)}``, as people said."""
        right = func.sum(corrections.c.right)
        query = select(corrections.c.tag, right, func.count()).group_by(corrections.c.tag)
        with self._store.read() as connection:
            rows = connection.execute(query.order_by(corrections.c.tag)).all()
        return {row[0]: (int(row[1]), int(row[2]) - int(row[1])) for row in rows}


def retag(
    connection: Connection, paper_id: str, found: Mapping[str, Row], ancestors: Ancestors | None
) -> None:
    """Replaces a paper's tags by what the tagger found and people said of it, in the caller's
    transaction. ``found`` are rows of ``tags`` without paper and tag, by tag."""
    said = _stored(connection, paper_id)
    below = {name: row for one in said.values() for name, row in one.replaced.items()}
    base: dict[str, Row] = {}
    for tag, row in found.items():
        # A tagger that hands on what people said, and what came along, found nothing by it.
        handed_on = row["source"] in ("human", "parent") and row["confidence"] == 1.0
        own = below.get(tag) if handed_on and (tag in said or tag in below) else row
        if own is not None:
            base[tag] = own
    _write(connection, paper_id, base, said, ancestors)


def move_corrections(connection: Connection, former: str, heir: str | None) -> None:
    """Gives what was said of a paper that is no more, and its tags, to the one that stands for
    it (None: to no other), in the caller's transaction. Of two words on one tag the later
    holds; at the same second, what was said of the heir."""
    of_former = _stored(connection, former)
    of_heir = _stored(connection, heir) if heir else {}
    if heir and (of_former or of_heir):
        # What the tagger found for the heir is newer, or as good.
        base = _base(connection, former, of_former) | _base(connection, heir, of_heir)
        for tag, one in of_former.items():
            if tag not in of_heir or one.at > of_heir[tag].at:
                of_heir[tag] = one
        connection.execute(delete(tags).where(tags.c.paper_id == former))
        _write(connection, heir, base, of_heir, None)
    connection.execute(delete(corrections).where(corrections.c.paper_id == former))


def overlaid(
    base: Mapping[str, Row], said: Mapping[str, Correction], ancestors: Ancestors | None
) -> tuple[dict[str, Row], dict[str, dict[str, Row | None]]]:
    """What a paper's tags are, and what each correction replaces of ``base``, by its tag.

    Without ``ancestors`` a right tag brings the parents that it brought before.
    """
    rows = dict(base)
    replaced: dict[str, dict[str, Row | None]] = {tag: {} for tag in said}
    for tag, one in sorted(said.items()):
        if tag in rows or one.right:
            replaced[tag][tag] = rows.pop(tag, None)
        if one.right:
            rows[tag] = _row(replaced[tag][tag], one, "human")
    for tag, one in sorted(said.items()):
        if one.right:
            for parent in ancestors(tag) if ancestors else sorted(one.replaced):
                known = rows.get(parent)
                if parent not in said and (known is None or known["needs_review"]):
                    replaced[tag][parent] = known
                    rows[parent] = _row(known, one, "parent")
    for tag, one in sorted(said.items()):
        if one.right or ancestors is None:
            continue
        for parent in ancestors(tag):
            known = rows.get(parent)
            if known is None or known["source"] != "parent" or parent in said:
                continue
            given = (name for name, row in rows.items() if not row["needs_review"])
            if not any(parent in ancestors(name) for name in given):
                replaced[tag][parent] = rows.pop(parent)
    return rows, replaced


def _row(known: Row | None, one: Correction, source: str) -> Row:
    decided = {"confidence": 1.0, "source": source, "needs_review": False, "created": one.at}
    empty = {"text_hash": one.text_hash, "taxonomy": "", "model": "", "evidence": ""}
    return {**empty, **(known or {}), **decided}


def _changed(
    stored: Mapping[str, Correction], said: Mapping[str, bool | None]
) -> dict[str, bool | None]:
    """What was said before of tags of which something else is said now."""
    before = {tag: stored[tag].right if tag in stored else None for tag in said}
    return {tag: was for tag, was in before.items() if was is not said[tag]}


def _stored(connection: Connection, paper_id: str) -> dict[str, Correction]:
    query = select(corrections).where(corrections.c.paper_id == paper_id)
    return {
        row.tag: Correction(row.right, row.text_hash, row.at, row.replaced)
        for row in connection.execute(query)
    }


def _tags(connection: Connection, paper_id: str) -> dict[str, Row]:
    query = select(tags).where(tags.c.paper_id == paper_id)
    return {
        row["tag"]: {name: row[name] for name in _FIELDS}
        for row in connection.execute(query).mappings()
    }


def _base(
    connection: Connection, paper_id: str, stored: Mapping[str, Correction]
) -> dict[str, Row]:
    """A paper's tags as they would be if nobody had said anything."""
    rows = _tags(connection, paper_id)
    for tag, one in stored.items():
        covered = one.replaced if tag in one.replaced else {tag: None, **one.replaced}
        for name, row in covered.items():
            if row is not None:
                rows[name] = row
            elif rows.get(name, {}).get("source") in ("human", "parent"):
                del rows[name]
    return rows


def _write(
    connection: Connection,
    paper_id: str,
    base: Mapping[str, Row],
    said: Mapping[str, Correction],
    ancestors: Ancestors | None,
) -> int:
    """Stores corrections, and the tags that follow from them; only what changes. Gives how many
    rows of tags it deleted and inserted."""
    rows, replaced = overlaid(base, said, ancestors)
    have = _tags(connection, paper_id)
    gone = [tag for tag, row in have.items() if rows.get(tag) != row]
    if gone:
        its = tags.c.paper_id == paper_id
        connection.execute(delete(tags).where(its, tags.c.tag.in_(values(gone))))
    new = [
        {"paper_id": paper_id, "tag": tag, **row}
        for tag, row in rows.items()
        if have.get(tag) != row
    ]
    if new:
        connection.execute(tags.insert(), new)
    before = _stored(connection, paper_id)
    after = {
        tag: Correction(one.right, one.text_hash, one.at, replaced[tag])
        for tag, one in said.items()
    }
    for tag in before.keys() - after.keys():
        connection.execute(delete(corrections).where(*_one(paper_id, tag)))
    for tag, one in after.items():
        if tag not in before:
            connection.execute(corrections.insert().values(paper_id=paper_id, tag=tag, **vars(one)))
        elif before[tag] != one:
            connection.execute(update(corrections).where(*_one(paper_id, tag)).values(**vars(one)))
    return len(gone) + len(new)


def _one(paper_id: str, tag: str) -> tuple[Any, Any]:
    return corrections.c.paper_id == paper_id, corrections.c.tag == tag


def _collect(found: dict[str, dict[str, bool]], connection: Connection, *where: Any) -> None:
    query = select(corrections.c.paper_id, corrections.c.tag, corrections.c.right).where(*where)
    for paper_id, tag, right in connection.execute(
        query.order_by(corrections.c.paper_id, corrections.c.tag)
    ):
        found.setdefault(paper_id, {})[tag] = right
