"""Libraries of the first release: their texts, sightings and rejections become records."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, text

from curator.catalog.blocks import entered_of, hash_of, keys_of
from curator.catalog.schema import record_keys, records, sources

__all__ = ["records_of_first_tables"]


def records_of_first_tables(connection: Connection) -> None:
    """Makes a record of each text that a paper ever had, by its source, and of each rejection.

    What the first tables did not keep for each source (authors, dates, links) is taken from
    the paper. Adding a source again replaces these rows by what it really says.
    """
    run = connection.execute
    seen: dict[tuple[str, str], Any] = {}
    for row in run(text("SELECT * FROM sightings")).mappings():
        seen[row["paper_id"], row["source"]] = row
    others: dict[str, list[tuple[str, str]]] = {}
    for row in run(text("SELECT * FROM identifiers")).mappings():
        others.setdefault(row["paper_id"], []).append((row["scheme"], row["value"]))
    ids = _sources(connection, {source for _, source in seen})
    papers = {row["id"]: row for row in run(text("SELECT * FROM papers")).mappings()}
    told: set[tuple[str, str]] = set()
    for version in run(text("SELECT * FROM versions ORDER BY seen_at")).mappings():
        paper = papers[version["paper_id"]]
        told.add((paper["id"], version["source"]))
        _sources_of(connection, ids, version["source"], version["seen_at"])
        _store(connection, ids, paper, version, seen.get((paper["id"], version["source"])))
    for (paper_id, source), sighting in seen.items():
        if (paper_id, source) not in told:
            paper = papers[paper_id]
            text_of: dict[str, Any] = {
                "source": source,
                "title": paper["title"],
                "abstract": paper["abstract"],
                "text_hash": paper["text_hash"],
                "arxiv_version": paper["arxiv_version"],
                "seen_at": sighting["first_seen"],
            }
            _store(connection, ids, paper, text_of, sighting)
    _keep_identifiers(connection, others)
    for row in run(text("SELECT * FROM rejections")).mappings():
        _sources_of(connection, ids, row["source"], row["seen_at"])
        values = _empty(ids[row["source"]], row["place"], row["seen_at"]) | {
            "fingerprint": hash_of(row["source"], row["place"], row["reason"], ""),
            "status": "rejected",
            "reason": row["reason"],
        }
        run(records.insert().prefix_with("OR IGNORE").values(**values))


def _sources(connection: Connection, names: set[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for name in sorted(names):
        _sources_of(connection, ids, name, "")
    return ids


def _sources_of(connection: Connection, ids: dict[str, int], name: str, at: str) -> None:
    if name not in ids:
        kind = "daily-papers-text" if name.endswith(".txt") else "jsonl"
        values = {"name": name, "kind": kind, "first_read": at, "last_read": at}
        inserted = connection.execute(sources.insert().values(**values))
        ids[name] = int(inserted.inserted_primary_key[0])  # type: ignore[index]


def _empty(source_id: int, place: str, at: str) -> dict[str, Any]:
    texts = dict.fromkeys(("title", "abstract", "title_key", "text_hash", "reason"), "")
    lists: dict[str, Any] = {"ids": [], "authors": [], "categories": []}
    return {
        **texts,
        **lists,
        "source_id": source_id,
        "position": 0,
        "place": place,
        "current": True,
        "first_seen": at,
        "last_seen": at,
    }


def _store(
    connection: Connection, ids: dict[str, int], paper: Any, version: Any, sighting: Any
) -> None:
    from curator.text import title_key

    at = version["seen_at"]
    values = _empty(ids[version["source"]], sighting["place"] if sighting else "", at) | {
        "fingerprint": hash_of(
            "first tables", paper["id"], version["source"], version["text_hash"]
        ),
        "paper_id": paper["id"],
        "status": "added" if at == paper["added"] else "merged",
        "title": version["title"],
        "abstract": version["abstract"],
        "title_key": title_key(version["title"]),
        "text_hash": version["text_hash"],
        "arxiv_id": paper["arxiv_id"],
        "arxiv_version": version["arxiv_version"],
        "doi": paper["doi"],
        "authors": json.loads(paper["authors"]),
        "published": paper["published"],
        "listed": sighting["listed"] if sighting else None,
        "url": paper["url"],
        "categories": json.loads(paper["categories"]),
        "upvotes": paper["upvotes"],
        "last_seen": sighting["last_seen"] if sighting else at,
    }
    connection.execute(records.insert().prefix_with("OR IGNORE").values(**values))


def _keep_identifiers(connection: Connection, others: dict[str, list[tuple[str, str]]]) -> None:
    """Identifiers that a paper has besides those it shows, and the keys of all records."""
    query = text("SELECT records.*, 'jsonl' AS kind, 0 AS has_extra FROM records")
    rows = connection.execute(query.columns(*records.c)).all()
    given: set[str] = set()
    for row in rows:
        record = entered_of(row)
        extra = [
            pair
            for pair in others.get(row.paper_id, ())
            if pair not in {("arxiv", record.arxiv_id), ("doi", record.doi)}
        ]
        if extra and row.paper_id not in given:
            given.add(row.paper_id)
            record.ids = tuple(extra)
            connection.execute(
                records.update().where(records.c.id == row.id).values(ids=[list(p) for p in extra])
            )
        keys = [{"key": key, "record_id": row.id} for key in keys_of(record)]
        if keys:
            connection.execute(record_keys.insert().prefix_with("OR IGNORE"), keys)
