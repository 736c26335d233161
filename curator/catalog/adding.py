"""Adding entries to the catalog: the ledger takes each one whole, and papers follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, func, select, update

from curator.catalog.blocks import block_of, extended, hash_of, keys_of, values
from curator.catalog.placing import Change, Formed, Placing, reason_of
from curator.catalog.schema import papers, records, sources
from curator.catalog.values import dumps
from curator.merging import RANKS, Entered, merged
from curator.paper import Entry, Record, Rejected, Verbatim, text_hash
from curator.text import title_key

__all__ = ["AddReport", "ChunkWriter"]

Row = dict[str, Any]

_COLUMNS = tuple(column.name for column in records.c)
_IN_ORDER = itemgetter(*_COLUMNS)
_MARKS = ", ".join("?" * len(_COLUMNS))
_TEXTS = ("title", "abstract", "title_key", "text_hash")
_LISTS = ("ids", "authors", "categories")
_OPTIONAL = (
    "native_id", "arxiv_id", "arxiv_version", "doi", "published", "updated", "listed", "url",
    "venue", "upvotes", "hints", "extra",
)  # fmt: skip


@dataclass
class AddReport:
    """What became of the entries of one or more sources; the numbers count entries."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    votes: int = 0  # of the updated those that brought more votes and nothing else
    rejected: list[tuple[str, Rejected]] = field(default_factory=list)
    paper_ids: dict[str, None] = field(default_factory=dict)  # an ordered set

    @property
    def entries(self) -> int:
        return self.added + self.updated + self.unchanged + len(self.rejected)


@dataclass
class Reading:
    """One reading of one source, from its first entry to its last."""

    source: str
    kind: str
    started: str  # one time for the whole reading, to the microsecond
    complete: bool = True  # over all that the source has
    source_id: int = 0
    position: int = 0


class ChunkWriter:
    """Writes one chunk of entries inside the caller's transaction.

    What the same source already said in the same words is only noted as seen again. The rest
    is stored in the ledger, and the papers that it bears on are formed anew from all of their
    records (`curator.identity`, `curator.merging`).
    """

    def __init__(self, connection: Connection, reading: Reading, report: AddReport) -> None:
        self._connection = connection
        self._reading = reading
        self._report = report
        self.change: Change | None = None  # of the papers' texts, once written
        self._next_id = (connection.execute(select(func.max(records.c.id))).scalar() or 0) + 1
        self._source_row()

    def _source_row(self) -> None:
        reading, run = self._reading, self._connection.execute
        found = run(select(sources).where(sources.c.name == reading.source)).first()
        if found is None:
            values = {"name": reading.source, "kind": reading.kind, "last_read": reading.started}
            inserted = run(sources.insert().values(first_read=reading.started, **values))
            reading.source_id = int(inserted.inserted_primary_key[0])  # type: ignore[index]
            return
        reading.source_id = found.id
        if found.last_read != reading.started:
            same = update(sources).where(sources.c.id == found.id)
            run(same.values(kind=reading.kind, last_read=reading.started))

    # ---------------------------------------------------------------- writing

    def write(self, entries: Sequence[Entry]) -> None:
        prepared = [self._prepared(entry) for entry in entries]
        known = self._known({row["fingerprint"] for row, _ in prepared})
        fresh: dict[int, tuple[Row, Entered | None]] = {}
        for row, entered in prepared:
            mark = row["fingerprint"]
            if mark in known:
                _seen_again(known[mark], row)
            elif mark in fresh:
                _seen_again(fresh[mark][0], row)
            else:
                row["id"] = self._next_id
                self._next_id += 1
                fresh[mark] = (row, entered)
        reading = self._reading
        placing = Placing(self._connection, reading.started, complete=reading.complete)
        homes = self._place([pair for pair in fresh.values() if pair[1]], known, placing)  # type: ignore[misc]
        self._outcomes(fresh, homes, placing)
        self.change = placing.write_papers()
        self._store([row for row, _ in fresh.values()], [e for _, e in fresh.values() if e])
        placing.write_moves()
        self._note_again(known.values())
        self._count(entries, prepared, fresh, known, homes, placing)

    def _place(
        self, fresh: Sequence[tuple[Row, Entered]], known: dict[int, Row], placing: Placing
    ) -> dict[int, Formed]:
        """The paper of each fresh record, and of stored ones that it bears on, by order."""
        new = []
        for row, entered in fresh:
            entered.id, entered.upvotes, entered.listed = row["id"], row["upvotes"], row["listed"]
            new.append(entered)
        block, partnered = block_of(self._connection, new) if new else ([], set())
        back = {row["id"] for row in known.values() if row["returns"]}
        returned: list[Entered] = []
        if back:  # what its source had replaced and now says again
            block = extended(self._connection, block, back)
            returned = [record for record in block if record.id in back]
            for record in returned:
                record.current, record.last_seen = True, self._reading.started
        block = [record for record in block if record not in returned]
        bound = [*returned, *(r for n, r in enumerate(new) if n in partnered)]
        formed = placing.place(bound, block)
        formed += placing.place_alone([r for n, r in enumerate(new) if n not in partnered])
        return {member.order: paper for paper in formed for member in paper.members}

    def _outcomes(
        self,
        fresh: dict[int, tuple[Row, Entered | None]],
        homes: dict[int, Formed],
        placing: Placing,
    ) -> None:
        """What became of each new record, in the order they came."""
        before: dict[int, list[Entered]] = {}
        for row, entered in fresh.values():
            if entered is None:
                continue
            paper = homes[entered.order]
            row["paper_id"], row["current"] = paper.id, entered.current
            if paper.id is None:
                row["status"], row["reason"] = "rejected", "no abstract"
                continue
            if len(paper.members) == 1:
                row["status"] = "added"
                continue
            earlier = before.setdefault(
                id(paper), [m for m in paper.members if m.order not in fresh]
            )
            row["reason"] = reason_of(paper, entered)
            row["status"], row["votes"] = _outcome(earlier, entered, placing)
            earlier.append(entered)

    # -------------------------------------------------------------- preparing

    def _prepared(self, entry: Entry) -> tuple[Row, Entered | None]:
        reading = self._reading
        reading.position += 1
        row: Row = {
            "position": reading.position,
            "place": entry.where,
            "source_id": reading.source_id,
            "paper_id": None,
            "current": True,
            "reason": "",
            "first_seen": reading.started,
            "last_seen": reading.started,
        }
        if isinstance(entry, Record):
            return self._record(entry, row)
        reason = entry.reason if isinstance(entry, Rejected) else ""
        extra = dumps(entry.extra) if entry.extra else None
        row |= dict.fromkeys(_TEXTS, "") | dict.fromkeys(_OPTIONAL) | dict.fromkeys(_LISTS, "[]")
        row |= {
            "fingerprint": hash_of(reading.source, entry.where, reason, extra or ""),
            "status": "rejected" if isinstance(entry, Rejected) else "verbatim",
            "reason": reason,
            "extra": extra,
        }
        return row, None

    def _record(self, record: Record, row: Row) -> tuple[Row, Entered]:
        key, digest = title_key(record.title), text_hash(record.title, record.abstract)
        authors, categories = _json(record.authors), _json(record.categories)
        ids = _json(record.ids)
        hints = dumps(record.hints) if record.hints else None
        extra = dumps(record.extra) if record.extra else None
        version = record.arxiv_version
        # All that the record says, but for what changes from day to day (votes, the list it was
        # on) and where in the source it stands.
        fingerprint = hash_of(
            self._reading.source, digest, record.source_id or "", record.arxiv_id or "",
            str(version or ""), record.doi or "", ids, authors, record.published or "",
            record.updated or "", record.url or "", record.venue or "", categories,
            hints or "", extra or "",
        )  # fmt: skip
        entered = Entered(
            order=fingerprint,
            title=record.title,
            title_key=key,
            abstract=record.abstract,
            text_hash=digest,
            source=self._reading.source_id,
            native=None if extra else record.source_id,
            arxiv_id=record.arxiv_id,
            doi=record.doi,
            ids=record.ids,
            authors=record.authors,
            published=record.published,
            rank=RANKS.get(self._reading.kind, 1),
            arxiv_version=version,
            listed=record.listed,
            updated=record.updated,
            url=record.link,
            venue=record.venue,
            categories=record.categories,
            upvotes=record.upvotes,
            last_seen=self._reading.started,
            place=record.where,
        )
        row["fingerprint"] = fingerprint
        row["title"], row["abstract"] = record.title, record.abstract
        row["title_key"], row["text_hash"] = key, digest
        row["native_id"] = record.source_id
        row["arxiv_id"], row["arxiv_version"] = record.arxiv_id, version
        row["doi"], row["ids"], row["authors"] = record.doi, ids, authors
        row["published"], row["updated"] = record.published, record.updated
        row["listed"], row["upvotes"] = record.listed, record.upvotes
        row["url"], row["venue"] = entered.url, record.venue
        row["categories"], row["hints"], row["extra"] = categories, hints, extra
        row["status"] = ""
        return row, entered

    def _known(self, fingerprints: set[int]) -> dict[int, Row]:
        columns = (
            "id",
            "fingerprint",
            "paper_id",
            "current",
            "status",
            "upvotes",
            "listed",
            "position",
        )
        query = select(*(records.c[name] for name in columns)).where(
            records.c.fingerprint.in_(values(fingerprints))
        )
        return {
            row["fingerprint"]: {**row, "returns": not row["current"], "changed": {}}
            for row in self._connection.execute(query).mappings()
        }

    # ---------------------------------------------------------------- storing

    def _store(self, rows: list[Row], entered: list[Entered]) -> None:
        if rows:
            statement = f"INSERT INTO records ({', '.join(_COLUMNS)}) VALUES ({_MARKS})"
            self._connection.exec_driver_sql(statement, list(map(_IN_ORDER, rows)))
        keys = [(key, record.id) for record in entered for key in keys_of(record)]
        if keys:
            statement = "INSERT OR IGNORE INTO record_keys (key, record_id) VALUES (?, ?)"
            self._connection.exec_driver_sql(statement, keys)

    def _note_again(self, known: Iterable[Row]) -> None:
        """Seen once more: the time, more votes, an earlier listing."""
        rows = list(known)
        run = self._connection.execute
        if rows:
            seen = update(records).where(records.c.id.in_(values(row["id"] for row in rows)))
            run(seen.values(last_seen=self._reading.started))
        for row in rows:
            if not row["changed"]:
                continue
            run(update(records).where(records.c.id == row["id"]).values(**row["changed"]))
            if row["paper_id"]:
                self._more_of(row)

    def _more_of(self, row: Row) -> None:
        upvotes, listed = row["changed"].get("upvotes"), row["changed"].get("listed")
        paper = update(papers).where(papers.c.id == row["paper_id"])
        if upvotes is not None:
            most = func.max(func.coalesce(papers.c.upvotes, 0), upvotes)
            self._connection.execute(paper.values(upvotes=most))
        if listed is not None:
            first = func.min(func.coalesce(papers.c.listed, listed), listed)
            self._connection.execute(paper.values(listed=first, day=first))

    # --------------------------------------------------------------- counting

    def _count(
        self,
        entries: Sequence[Entry],
        prepared: Sequence[tuple[Row, Entered | None]],
        fresh: dict[int, tuple[Row, Entered | None]],
        known: dict[int, Row],
        homes: dict[int, Formed],
        placing: Placing,
    ) -> None:
        report, told = self._report, set()
        for entry, (row, _) in zip(entries, prepared, strict=True):
            if isinstance(entry, Verbatim):
                continue
            if isinstance(entry, Rejected):
                report.rejected.append((self._reading.source, entry))
                continue
            mark = row["fingerprint"]
            first = mark not in told
            told.add(mark)
            stored = fresh[mark][0] if mark in fresh else known[mark]
            paper = homes.get(mark)
            paper_id = paper.id if paper else placing.current_id(stored["paper_id"])
            if paper_id is None:
                reason = f"no abstract: {_excerpt(entry.title)}"
                report.rejected.append((self._reading.source, Rejected(entry.where, reason)))
                continue
            report.paper_ids[paper_id] = None
            if mark in fresh and first and stored["status"] == "added":
                report.added += 1
            elif first and (stored["status"] == "updated" if mark in fresh else _changes(stored)):
                report.updated += 1
                report.votes += stored["votes"] if mark in fresh else not stored["returns"]
            else:
                report.unchanged += 1


def _seen_again(stored: Row, row: Row) -> None:
    """Takes what may differ between two sightings of one record: more votes, an earlier day."""
    changed = stored.setdefault("changed", {})
    votes, listed = row["upvotes"], row["listed"]
    if votes is not None and (stored["upvotes"] is None or votes > stored["upvotes"]):
        stored["upvotes"] = changed["upvotes"] = votes
    if listed and (not stored["listed"] or listed < stored["listed"]):
        stored["listed"] = changed["listed"] = listed
    if row["extra"] and row["position"] != stored["position"]:
        stored["position"] = changed["position"] = row["position"]  # an entry that was moved


def _changes(stored: Row) -> bool:
    return "upvotes" in stored["changed"] or stored["returns"]


def _outcome(earlier: Sequence[Entered], record: Entered, placing: Placing) -> tuple[str, bool]:
    """``added``, ``updated`` or ``merged`` (which changed nothing of the paper), and whether
    more votes are all that is new."""
    was = [m if m.current else replace(m, current=placing.was_current(m)) for m in earlier]
    before = merged(was)
    if before is None:
        return ("added" if record.abstract else "merged"), False
    after = merged([*earlier, record])
    assert after is not None
    # Being listed once more changes no paper.
    changed = [name for name in before if name != "listed" and before[name] != after[name]]
    joined = len({m.paper_id for m in earlier if m.paper_id}) > 1
    return ("updated" if changed or joined else "merged"), changed == ["upvotes"] and not joined


def _excerpt(title: str) -> str:
    return repr(title if len(title) <= 60 else title[:57] + "...")


def _json(items: Sequence[Any]) -> str:
    return dumps(items) if items else "[]"
