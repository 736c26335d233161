"""Libraries of earlier releases are opened, and nothing in them is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fakes import add, record
from sqlalchemy import create_engine

from curator.catalog import Catalog, Filters, StoredTag
from curator.catalog.migrations import _FIRST
from curator.catalog.schema import metadata
from curator.paper import paper_id_of, text_hash

OLD, NEW = "Owls hunt at night.", "Owls hunt at night, by ear."
PAPER = paper_id_of("Night Owls")

# What the second release made of it: these tables went, and those came.
SECOND = """
ALTER TABLE papers ADD COLUMN venue VARCHAR;
DROP INDEX ix_papers_title_key;
DROP TABLE sightings; DROP TABLE versions; DROP TABLE rejections; DROP TABLE identifiers;
CREATE TABLE sources ( id INTEGER NOT NULL, name VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    first_read VARCHAR NOT NULL, last_read VARCHAR NOT NULL, PRIMARY KEY (id), UNIQUE (name) );
CREATE TABLE record_keys ( "key" INTEGER NOT NULL, record_id INTEGER NOT NULL,
    PRIMARY KEY ("key", record_id) ) WITHOUT ROWID;
CREATE TABLE aliases ( alias VARCHAR NOT NULL, paper_id VARCHAR NOT NULL,
    PRIMARY KEY (alias, paper_id), FOREIGN KEY(paper_id) REFERENCES papers (id) );
CREATE INDEX ix_aliases_paper_id ON aliases (paper_id);
CREATE TABLE removed ( paper_id VARCHAR NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (paper_id) );
CREATE INDEX ix_removed_seq ON removed (seq);
CREATE TABLE decisions ( one INTEGER NOT NULL, other INTEGER NOT NULL, kind VARCHAR NOT NULL,
    at VARCHAR NOT NULL, PRIMARY KEY (one, other) );
CREATE TABLE feeds ( spec VARCHAR NOT NULL, subscribed BOOLEAN NOT NULL, created VARCHAR NOT NULL,
    since VARCHAR, cursor JSON, validators JSON NOT NULL, reading_since VARCHAR, last_try VARCHAR,
    last_success VARCHAR, failures INTEGER NOT NULL, error TEXT NOT NULL, PRIMARY KEY (spec) );
CREATE TABLE records ( id INTEGER NOT NULL, fingerprint INTEGER NOT NULL, paper_id VARCHAR,
    source_id INTEGER NOT NULL, position INTEGER NOT NULL, place VARCHAR NOT NULL,
    current BOOLEAN NOT NULL, status VARCHAR NOT NULL, reason TEXT NOT NULL, title TEXT NOT NULL,
    abstract TEXT NOT NULL, title_key VARCHAR NOT NULL, text_hash VARCHAR NOT NULL,
    native_id VARCHAR, arxiv_id VARCHAR, arxiv_version INTEGER, doi VARCHAR, ids JSON NOT NULL,
    authors JSON NOT NULL, published VARCHAR, updated VARCHAR, listed VARCHAR, url VARCHAR,
    venue VARCHAR, categories JSON NOT NULL, upvotes INTEGER, hints JSON, extra JSON,
    first_seen VARCHAR NOT NULL, last_seen VARCHAR NOT NULL, PRIMARY KEY (id),
    UNIQUE (fingerprint), FOREIGN KEY(paper_id) REFERENCES papers (id),
    FOREIGN KEY(source_id) REFERENCES sources (id) );
CREATE INDEX ix_records_title_key ON records (title_key);
CREATE INDEX ix_records_ledger ON records (status, source_id);
CREATE INDEX ix_records_paper_id ON records (paper_id);
INSERT INTO schema_migrations VALUES (2, 'records', 'then')
"""


@pytest.fixture
def first_release(tmp_path: Path) -> Path:
    """Two papers, one of them in two versions and from two sources, tags, and a rejection."""
    path = tmp_path / "catalog.sqlite3"
    with sqlite3.connect(path) as db:
        db.executescript(_FIRST)
        db.execute("INSERT INTO schema_migrations VALUES (1, 'first tables', 'then')")
        db.execute("INSERT INTO counters VALUES ('seq', 3)")
        for name, title, abstract, arxiv, version, doi, seq in (
            (PAPER, "Night Owls", NEW, "2401.00001", 2, "10.1234/owls", 3),
            (paper_id_of("Boats"), "Boats", "Boats have keels.", None, None, None, 2),
        ):
            url = f"https://arxiv.org/abs/{arxiv}" if arxiv else None
            key, mark = title.lower().replace(" ", ""), text_hash(title, abstract)
            row: tuple[object, ...] = (
                name,
                title,
                abstract,
                key,
                '["Ada Low"]',
                "ada low",
                "2024-01-02",
                None,
            )
            row += ("2026-11-01T00:00:00Z", "2024-01-02", url, arxiv, version, doi, '["cs.CL"]')
            db.execute(f"INSERT INTO papers VALUES ({', '.join('?' * 18)})", (*row, 3, mark, seq))
        for scheme, value in (
            ("arxiv", "2401.00001"),
            ("doi", "10.1234/owls"),
            ("doi", "10.1234/old"),
        ):
            db.execute("INSERT INTO identifiers VALUES (?, ?, ?)", (scheme, value, PAPER))
        for name, title, abstract, version, source in (
            (PAPER, "Night Owls", OLD, 1, "/a.jsonl"),
            (PAPER, "Night Owls", NEW, 2, "/b.jsonl"),
            (paper_id_of("Boats"), "Boats", "Boats have keels.", None, "/page.txt"),
        ):
            db.execute(
                "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, '2026-11-01')",
                (name, text_hash(title, abstract), title, abstract, version, source),
            )
        for name, source in ((PAPER, "/a.jsonl"), (PAPER, "/b.jsonl"), (PAPER, "/page.txt"),
                             (paper_id_of("Boats"), "/page.txt")):  # fmt: skip
            db.execute(
                "INSERT INTO sightings VALUES (?, ?, 'line 1', NULL, '2026-11-01', '2026-11-01')",
                (name, source),
            )
        db.execute("INSERT INTO rejections VALUES ('/a.jsonl', 'line 9', 'no title', '2026-11-01')")
        db.execute(
            "INSERT INTO tags VALUES (?, 'owls', 0.9, 'human', 0, ?, 't', 'm', 'then')",
            (PAPER, text_hash("Night Owls", NEW)),
        )
    db.close()
    return path


def test_nothing_is_lost(first_release: Path) -> None:
    catalog = Catalog(first_release)
    assert {p.title for p in catalog.papers.select()} == {"Night Owls", "Boats"}
    paper = catalog.papers.resolve("10.1234/old")  # an identifier that it did not show
    assert (paper.id, paper.abstract, paper.arxiv_id) == (PAPER, NEW, "2401.00001")
    assert catalog.outputs.tags([PAPER])[PAPER] == [StoredTag("owls", 0.9, "human")]
    assert {seen["source"] for seen in catalog.papers.seen(PAPER)} == {
        "/a.jsonl", "/b.jsonl", "/page.txt",
    }  # fmt: skip
    texts = {r.arxiv_version: r.abstract for r in catalog.decisions.explain(PAPER).records}
    assert texts[1] == OLD
    assert texts[2] == NEW
    assert [(r["source"], r["reason"]) for r in catalog.ledger.rejected()] == [
        ("/a.jsonl", "no title")
    ]
    assert catalog.papers.last_seq() == 3
    catalog.close()


def test_what_was_read_before_is_known(first_release: Path) -> None:
    catalog = Catalog(first_release)
    report = add(
        catalog,
        record("Night Owls", OLD, arxiv_id="2401.00001v1", doi="10.1234/owls"),
        source="/a.jsonl",
    )
    assert (report.added, report.updated, list(report.paper_ids)) == (0, 0, [PAPER])
    assert catalog.papers.resolve(PAPER).abstract == NEW
    report = add(
        catalog, record("Night Owls", "Third.", arxiv_id="2401.00001v3"), source="/b.jsonl"
    )
    assert (report.updated, catalog.papers.resolve(PAPER).abstract) == (1, "Third.")
    add(catalog, record("Boats", "Boats have two keels."), source="/page.txt")
    assert catalog.papers.resolve("Boats").abstract == "Boats have two keels."
    assert catalog.papers.count() == 2
    catalog.close()
    Catalog(first_release).close()  # opened once more, nothing is done again


# ----------------------------------------------------------------- the second release


@pytest.fixture
def second_release(tmp_path: Path) -> Path:
    """Two papers with venues, one of them tagged, and what came of a source."""
    path = tmp_path / "second.sqlite3"
    with sqlite3.connect(path) as db:
        db.executescript(_FIRST + ";" + SECOND)
        db.execute("INSERT INTO schema_migrations VALUES (1, 'first tables', 'then')")
        db.execute("INSERT INTO counters VALUES ('seq', 5), ('vectors', 2)")
        db.execute("INSERT INTO sources VALUES (1, '/a.jsonl', 'jsonl', 'then', 'then')")
        for n, (title, venue) in enumerate(
            (("Night Owls", "Zürich  Workshop"), ("Boats", ""), ("Oars", None)), 3
        ):
            name, abstract = paper_id_of(title), f"{title} have wings."
            row: tuple[Any, ...] = (name, title, abstract, title.lower(), '["Ada Low"]', "ada low")
            row += ("2024-01-02", None, "2026-11-01T00:00:00Z", "2024-01-02", None, None, None)
            row += (None, '["cs.CL"]', 3, text_hash(title, abstract), n, venue)
            db.execute(f"INSERT INTO papers VALUES ({', '.join('?' * 19)})", row)
            row = (n, n, name, 1, n, f"line {n}", 1, "added", "", title, abstract, title.lower())
            row += (text_hash(title, abstract), *[None] * 4, "[]", '["Ada Low"]', "2024-01-02")
            row += (None, None, None, venue, '["cs.CL"]', 3, None, None, "then", "then")
            db.execute(f"INSERT INTO records VALUES ({', '.join('?' * 30)})", row)
        db.execute("INSERT INTO tags VALUES (?, 'owls', 0.9, 'human', 0, '', 't', 'm', 'then')",
                   (PAPER,))  # fmt: skip
    db.close()
    return path


def test_the_second_release_can_be_filtered(second_release: Path) -> None:
    catalog = Catalog(second_release)
    for filters, expected in (
        (Filters(venues=("zurich w",)), {"Night Owls"}),
        (Filters(where="not venue:zurich"), {"Boats", "Oars"}),
        (Filters(tags=("owls",), sources=("a.jsonl",), author="low"), {"Night Owls"}),
        (Filters(unread=True, since="2024-01-02"), {"Night Owls", "Boats", "Oars"}),
    ):
        found = catalog.papers.select(filters)
        assert {paper.title for paper in found} == expected
        assert set(catalog.facets.mask(filters).nonzero()[0]) == {paper.seq for paper in found}
    catalog.marks.set("liked", [PAPER])
    assert catalog.facets.mask(Filters(liked=True)).tolist() == [n == 3 for n in range(6)]
    add(catalog, record("Masts", venue="Zürich"), source="/b.jsonl")
    assert catalog.facets.mask(Filters(venues=("zurich",))).nonzero()[0].tolist() == [3, 6]
    catalog.close()


def test_a_library_that_was_opened_is_left_as_it_is(second_release: Path) -> None:
    Catalog(second_release).close()
    made = shape(second_release)
    with sqlite3.connect(second_release) as db:
        db.execute("UPDATE counters SET value = 7 WHERE name = 'tags'")
    db.close()
    Catalog(second_release).close()
    assert shape(second_release) == made
    with sqlite3.connect(second_release) as db:
        assert dict(db.execute("SELECT name, value FROM counters")) == {
            **{"seq": 5, "vectors": 2, "papers": 0, "records": 0, "tags": 7, "marks": 0},
        }
    db.close()


def shape(path: Path) -> dict[str, Any]:
    """The tables with their columns, indexes and triggers."""
    found: dict[str, Any] = {}
    with sqlite3.connect(path) as db:
        for name, kind, sql in db.execute("SELECT name, type, sql FROM sqlite_master").fetchall():
            if kind == "table":
                columns = db.execute(f"PRAGMA table_info({name})").fetchall()
                found[name] = {(c[1], c[2], c[3], bool(c[5])) for c in columns}
            elif kind == "index" and sql:
                index = db.execute(f"PRAGMA index_info({name})").fetchall()
                found[name] = [column[2] for column in index]
            elif kind == "trigger":
                found[name] = sql
    db.close()
    return found


def test_all_libraries_come_to_have_the_same_tables(
    first_release: Path, second_release: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.sqlite3"
    for path in (first_release, second_release, new):
        Catalog(path).close()
    assert shape(first_release) == shape(second_release) == shape(new)
    # And these are the tables that the program takes them to have.
    declared = tmp_path / "declared.sqlite3"
    engine = create_engine(f"sqlite:///{declared}")
    metadata.create_all(engine)
    engine.dispose()
    have, wanted = shape(new), shape(declared)
    assert {name for name in have if not name.startswith("count_")} - {"schema_migrations"} == {
        *wanted
    }
    assert all(have[name] == wanted[name] for name in wanted)
    assert sum(name.startswith("count_") for name in have) == 10
