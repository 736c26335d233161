"""A library of the first release is opened, and nothing in it is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from fakes import add, record

from curator.catalog import Catalog, StoredTag
from curator.catalog.migrations import _FIRST
from curator.paper import paper_id_of, text_hash

OLD, NEW = "Owls hunt at night.", "Owls hunt at night, by ear."
PAPER = paper_id_of("Night Owls")


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
