"""Digests as the catalog keeps them: one for each reader and name, with an editor's changes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from digests import digest_of, empty_digest, example, paper
from fakes import add, record

from curator.catalog import Catalog
from curator.catalog.migrations import MIGRATIONS
from curator.digest.document import DigestSection, every_paper, slug
from curator.errors import StorageError


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "catalog.sqlite3")


def test_a_digest_is_replaced_under_its_name_and_its_edits_stay(catalog: Catalog) -> None:
    catalog.digests.save(empty_digest())
    assert catalog.digests.edits("2026-W47") is None
    assert catalog.digests.save_edits("2026-W47", {"pinned": ["p1"], "ü": [None]})
    catalog.digests.save(example())
    assert catalog.digests.get("2026-W47") == example()
    assert catalog.digests.edits("2026-W47") == {"pinned": ["p1"], "ü": [None]}
    catalog.digests.save(example(), {})
    assert catalog.digests.edits("2026-W47") == {}
    assert not catalog.digests.save_edits("2026-W48", {})
    assert catalog.digests.get("2026-W48") is None


def test_what_somebody_did_meanwhile_is_not_overwritten(catalog: Catalog) -> None:
    catalog.digests.save(empty_digest(), {"n": 1}, before=None)
    catalog.digests.save_edits("2026-W47", {"n": 2})
    with pytest.raises(StorageError, match="while it was made"):
        catalog.digests.save(example(), {"n": 3}, before={"n": 1})
    assert catalog.digests.get("2026-W47") == empty_digest()
    assert catalog.digests.edits("2026-W47") == {"n": 2}
    catalog.digests.save(example(), {"n": 3}, before={"n": 2})
    assert catalog.digests.edits("2026-W47") == {"n": 3}


def test_each_reader_has_their_own(catalog: Catalog) -> None:
    catalog.digests.save(empty_digest())
    catalog.digests.save(empty_digest(reader="jane"))
    catalog.digests.save(empty_digest(reader="jane", name="2026-W48"))
    assert catalog.digests.names() == ["2026-W47"]
    assert catalog.digests.names("jane") == ["2026-W47", "2026-W48"]
    assert catalog.digests.names(None) == ["jane/2026-W47", "2026-W47", "jane/2026-W48"]
    assert slug("2026-W47") == "digest-2026-W47"
    assert slug("2026-W47", "jane") == "digest-jane-2026-W47"


def test_what_was_shown_before(catalog: Catalog) -> None:
    """Also under the name that a paper has now."""
    add(catalog, record("Owls", arxiv_id="2401.00001"), record("Night Owls", doi="10.1234/owls"))
    one, other = (catalog.papers.resolve(name).id for name in ("2401.00001", "10.1234/owls"))
    old = DigestSection(tag="a", title="A", papers=[paper(1, "Owls", "x", paper_id=one)], notes=[])
    also = paper(2, "Night Owls", "y", paper_id=other)
    catalog.digests.save(
        digest_of([old], [also], name="2026-W46", since="2026-11-09", until="2026-11-15")
    )
    catalog.digests.save(digest_of([old], reader="jane"))
    assert catalog.digests.shown() == {one: "2026-W46", other: "2026-W46"}
    assert catalog.digests.shown(but="2026-W46") == {}
    assert catalog.digests.shown(before=("2026-11-09", "2026-11-15")) == {}
    assert set(catalog.digests.shown(before=("2026-11-09", "2026-11-16"))) == {one, other}
    assert catalog.digests.shown("jane") == {one: "2026-W47"}
    add(catalog, record("Owls", arxiv_id="2401.00001", doi="10.1234/owls"))
    (left,) = catalog.papers.select()
    assert catalog.digests.shown()[left.id] == "2026-W46"


def test_digests_of_the_first_release_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    Catalog(path).close()
    with sqlite3.connect(path) as db:
        db.executescript(
            "DROP TABLE digests; DROP TABLE readers; DROP TABLE ratings; DROP TABLE deliveries;"
            "CREATE TABLE digests ( name VARCHAR NOT NULL, since VARCHAR NOT NULL, until VARCHAR "
            "NOT NULL, document JSON NOT NULL, created VARCHAR NOT NULL, PRIMARY KEY (name) );"
            "INSERT INTO digests VALUES ('2026-W40', '2026-09-28', '2026-10-04', "
            """'{"name": "2026-W40", "since": "2026-09-28", "sections": [{"papers": """
            """[{"paper_id": "p1"}]}]}', 'then');"""
            "DELETE FROM schema_migrations WHERE number = 8;"
        )
    again = Catalog(path)
    assert again.digests.names() == ["2026-W40"]
    assert again.digests.shown() == {"p1": "2026-W40"}
    assert MIGRATIONS[-1][0] >= 8


def test_every_paper_of_a_document() -> None:
    assert [p["paper_id"][-1] for p in every_paper(example())] == ["1", "3", "2", "4"]


def test_edits_are_not_stored_over_others(catalog: Catalog) -> None:
    catalog.digests.save(empty_digest())
    mine, theirs = {"pinned": {"p1": True}}, {"pinned": {"p2": True}}
    assert catalog.digests.save_edits("2026-W47", mine, before=None)
    assert not catalog.digests.save_edits("2026-W47", theirs, before=None)
    assert catalog.digests.edits("2026-W47") == mine
    assert catalog.digests.save_edits("2026-W47", theirs, before=mine)
    assert not catalog.digests.save_edits("2026-W48", mine, before=None)
