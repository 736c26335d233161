"""Finding the stored records that may be of the same papers as new ones.

Records are looked up by hashes of what they share with others: identifiers, the title's key,
the title without its subtitle, the beginning of a title cut short. What is found brings the
other records of its paper, and what those are found by, until nothing more comes: so the same
records are compared whichever of them came in last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.sql import column

from curator.catalog.schema import record_keys, records, sources
from curator.identifiers import GUESSED
from curator.identity import SHORTEST_CUT, is_generic
from curator.merging import RANKS, Entered

__all__ = [
    "block_of",
    "entered_of",
    "extended",
    "hash_of",
    "keys_of",
    "load",
    "titles_of",
    "values",
]


def hash_of(*parts: str) -> int:
    """63 bits of a hash, which every database's integers hold."""
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") >> 1


def keys_of(record: Entered) -> list[int]:
    """What a record is stored under, and looked up by (besides its title)."""
    if record.keys is None:
        record.keys = _keys_of(record)
    return record.keys


def _keys_of(record: Entered) -> list[int]:
    keys = []
    if record.arxiv_id:
        keys.append(hash_of("arxiv", record.arxiv_id))
    if record.doi:
        keys.append(hash_of("doi", record.doi))
    for scheme, value in record.ids:
        keys.append(hash_of("arxiv" if scheme == GUESSED else scheme, value))
    if record.native and record.native != record.arxiv_id:
        keys.append(hash_of("native", str(record.source), record.native))
    if record.main_key:
        keys.append(hash_of("main", record.main_key))
    if is_generic(record.title_key):  # found by its text only
        keys.append(hash_of("text", record.title_key, record.abstract))
    if record.cut:
        keys.append(hash_of("cut", record.title_key[:SHORTEST_CUT]))
    return keys


def _lookups(record: Entered) -> list[int]:
    """The hashes under which others may be stored that this record can be joined with."""
    found = [*keys_of(record), hash_of("main", record.title_key)]
    if len(record.title_key) >= SHORTEST_CUT:
        found.append(hash_of("cut", record.title_key[:SHORTEST_CUT]))
    return found


def titles_of(record: Entered) -> list[str]:
    """The title keys of others that this record can be joined with."""
    return [record.title_key, record.main_key] if record.main_key else [record.title_key]


def block_of(connection: Connection, fresh: Iterable[Entered]) -> tuple[list[Entered], set[int]]:
    """``(stored records, positions)``: what may be of one paper with any of ``fresh``, with all
    other records of those papers; and which of ``fresh`` (by index) have any partner at all,
    stored or among themselves."""
    new = list(fresh)
    lookups = [_lookups(record) for record in new]
    partnered = _partners(new, lookups)
    loaded: dict[int, Entered] = {}
    hashes = {key for keys in lookups for key in keys}
    titles = {key for record in new for key in titles_of(record)}
    cuts = [record.title_key for record in new if record.cut]
    papers: set[str] = set()
    first = True
    while hashes or titles or cuts:
        ids = _by_hash(connection, hashes) | _by_title(connection, titles, cuts)
        found = load(connection, ids - loaded.keys())
        missing = {r.paper_id for r in found if r.paper_id} - papers
        papers |= missing
        found += _load_papers(connection, missing, {r.id or 0 for r in found} | loaded.keys())
        if first and found:
            partnered |= _partnered(new, lookups, found)
            first = False
        fresh_ones = [r for r in found if r.id not in loaded]
        loaded.update({r.id or 0: r for r in fresh_ones})
        hashes = {key for r in fresh_ones for key in _lookups(r)} - hashes
        titles = {key for r in fresh_ones for key in titles_of(r)} - titles
        cuts = [r.title_key for r in fresh_ones if r.cut]
    return list(loaded.values()), partnered


def _partners(new: list[Entered], lookups: list[list[int]]) -> set[int]:
    """Which of the new records may be joined with another of them."""
    stored: dict[object, list[int]] = {}
    for n, record in enumerate(new):
        for key in (*keys_of(record), record.title_key):
            stored.setdefault(key, []).append(n)
    found: set[int] = set()
    for n, record in enumerate(new):
        for key in (*lookups[n], *titles_of(record)):
            for other in stored.get(key, ()):
                if other != n:
                    found |= {n, other}
    return found


def _partnered(new: list[Entered], lookups: list[list[int]], found: list[Entered]) -> set[int]:
    hashes: set[int] = set()
    titles: set[str] = set()
    cut = False
    for record in found:
        hashes.update(_lookups(record))
        titles.update(titles_of(record))
        cut = cut or record.cut
    partnered = set()
    for n, record in enumerate(new):
        if (
            record.cut
            or not hashes.isdisjoint(lookups[n])
            or titles.intersection(titles_of(record))
        ):
            partnered.add(n)
    return partnered


def extended(connection: Connection, block: list[Entered], ids: set[int]) -> list[Entered]:
    """``block`` with the records ``ids``, those of their papers, and what bears on them."""
    have = {record.id for record in block}
    seeds = load(connection, ids - have)
    known = have | {record.id for record in seeds}
    same = _load_papers(connection, {r.paper_id for r in seeds if r.paper_id}, known)  # type: ignore[arg-type]
    more, _ = block_of(connection, [*seeds, *same])
    found = {record.id: record for record in (*more, *same, *seeds, *block)}
    return list(found.values())


def _by_hash(connection: Connection, hashes: Iterable[int]) -> set[int]:
    wanted = values(hashes)
    query = select(record_keys.c.record_id).where(record_keys.c.key.in_(wanted))
    return set(connection.execute(query).scalars())


def _by_title(connection: Connection, titles: Iterable[str], cuts: Iterable[str]) -> set[int]:
    # A generic title alone joins nothing, and may stand on thousands of records.
    plain = [key for key in titles if not is_generic(key)]
    query = select(records.c.id).where(records.c.title_key.in_(values(plain)))
    found = set(connection.execute(query).scalars())
    for key in cuts:
        if len(key) >= SHORTEST_CUT:
            begins = records.c.title_key.between(key, key + "\U0010ffff")
            found |= set(connection.execute(select(records.c.id).where(begins)).scalars())
    return found


def values(wanted: Iterable[Any]) -> Any:
    """A list of any length as one parameter, so that one prepared statement serves all."""
    each = func.json_each(json.dumps(list(wanted))).table_valued("value")
    return select(column("value")).select_from(each)


_COLUMNS = [c for c in records.c if c.name not in {"hints", "extra"}]
_HAS_EXTRA = records.c.extra.is_not(None).label("has_extra")
_BASE = (
    select(*_COLUMNS, _HAS_EXTRA, sources.c.kind)
    .join(sources, sources.c.id == records.c.source_id)
    .where(records.c.title_key != "")
)


def load(connection: Connection, ids: Iterable[int]) -> list[Entered]:
    wanted = list(ids)
    if not wanted:
        return []
    return [
        entered_of(row) for row in connection.execute(_BASE.where(records.c.id.in_(values(wanted))))
    ]


def _load_papers(connection: Connection, papers: Iterable[str], known: set[int]) -> list[Entered]:
    wanted = list(papers)
    if not wanted:
        return []
    rows = connection.execute(_BASE.where(records.c.paper_id.in_(values(wanted))))
    return [entered_of(row) for row in rows if row.id not in known]


def entered_of(row: Any) -> Entered:
    """A stored record as identity and merging see it."""
    return Entered(
        order=row.fingerprint,
        title=row.title,
        title_key=row.title_key,
        abstract=row.abstract,
        text_hash=row.text_hash,
        source=row.source_id,
        # A bibliography's keys are its owner's: two keys are often one paper entered twice.
        native=None if row.has_extra else row.native_id,
        arxiv_id=row.arxiv_id,
        doi=row.doi,
        ids=tuple((scheme, value) for scheme, value in row.ids),
        authors=row.authors,
        published=row.published,
        id=row.id,
        paper_id=row.paper_id,
        rank=RANKS.get(row.kind, 1),
        current=row.current,
        arxiv_version=row.arxiv_version,
        listed=row.listed,
        updated=row.updated,
        url=row.url,
        venue=row.venue,
        categories=row.categories,
        upvotes=row.upvotes,
        last_seen=row.last_seen,
        place=row.place,
        status=row.status,
    )
