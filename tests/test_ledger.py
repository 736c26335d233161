"""The ledger and what was made of papers: everything is accounted for, nothing done twice."""

from __future__ import annotations

import pytest
from fakes import add, many, record

from curator.catalog import Catalog, Filters, StoredTag, StoredTldr, key_of
from curator.catalog.ledger import mark
from curator.catalog.tagcounts import TagCounts
from curator.paper import Paper


def tldr(paper: Paper, text: str = "It does things.") -> StoredTldr:
    return StoredTldr(paper.id, text, "model", True, 0.875, "It does things well.", "m@1", "hash")


def papers(catalog: Catalog) -> dict[str, Paper]:
    return {p.title: p for p in catalog.papers.select()}


def pending(catalog: Catalog, recipe: str = "r1") -> set[str]:
    return {p.title for p in catalog.ledger.pending("tldr", recipe)}


@pytest.fixture
def shelf(catalog: Catalog) -> Catalog:
    add(catalog, record("One"), record("Two"), record("Three", listed="2019-11-20"))
    return catalog


def test_what_is_done_is_not_pending_until_text_or_recipe_change(shelf: Catalog) -> None:
    assert pending(shelf) == {"One", "Two", "Three"}
    one = papers(shelf)["One"]
    shelf.outputs.save_tldr(one, tldr(one), "r1")
    assert pending(shelf) == {"Two", "Three"}
    assert shelf.ledger.is_done(one, "tldr", "r1")
    assert pending(shelf, "r2") == {"One", "Two", "Three"}
    assert not shelf.ledger.is_done(one, "tldr", "r2")
    assert not shelf.ledger.is_done(one, "tag", "r1")
    add(shelf, record("One", "Another text."))
    changed = papers(shelf)["One"]
    assert pending(shelf) == {"One", "Two", "Three"}
    assert not shelf.ledger.is_done(changed, "tldr", "r1")
    assert shelf.ledger.is_done(one, "tldr", "r1")  # the text it was done on


def test_metadata_makes_nothing_pending(shelf: Catalog) -> None:
    one = papers(shelf)["One"]
    shelf.outputs.save_tldr(one, tldr(one), "r1")
    add(shelf, record("One", upvotes=7, authors=["Ada"], listed="2026-01-01"), source="other")
    assert pending(shelf) == {"Two", "Three"}


def test_what_failed_is_pending_again_and_its_reason_is_kept(shelf: Catalog) -> None:
    one = papers(shelf)["One"]
    shelf.outputs.fail(one, "tldr", "the model is down", "r1")
    assert "One" in pending(shelf)
    assert not shelf.ledger.is_done(one, "tldr", "r1")
    (failure,) = shelf.ledger.failures()
    assert (failure["paper_id"], failure["reason"]) == (one.id, "the model is down")
    shelf.outputs.save_tldr(one, tldr(one), "r1")
    assert shelf.ledger.failures() == []
    assert "One" not in pending(shelf)


def test_what_was_skipped_is_not_pending(shelf: Catalog) -> None:
    one = papers(shelf)["One"]
    with shelf.store.write() as connection:
        mark(connection, one.id, "tldr", "skipped", key_of(one, "r1"), "too short")
    assert pending(shelf) == {"Two", "Three"}
    assert pending(shelf, "r2") == {"One", "Two", "Three"}


def test_limits_and_filters_of_what_is_pending(shelf: Catalog) -> None:
    assert len(shelf.ledger.pending("tldr", "r1", limit=2)) == 2
    old = Filters(until="2019-12-31")
    assert [p.title for p in shelf.ledger.pending("tldr", "r1", filters=old)] == ["Three"]
    assert shelf.ledger.pending("tldr", "r1", limit=1, filters=old)


def test_the_newest_come_first(catalog: Catalog) -> None:
    add(
        catalog,
        record("Old", listed="2019-01-01"),
        record("New", listed="2021-01-01"),
        record("Middle", listed="2020-01-01"),
    )
    assert [p.title for p in catalog.ledger.pending("tag", "r")] == ["New", "Middle", "Old"]


def test_tallies_add_up(catalog: Catalog) -> None:
    add(catalog, *many(10))
    shelf = catalog.papers.select()
    for paper in shelf[:4]:
        catalog.outputs.save_tldr(paper, tldr(paper), "r")
    for paper in shelf[3:6]:
        catalog.outputs.fail(paper, "tldr", "down", "r")
    with catalog.store.write() as connection:
        mark(connection, shelf[9].id, "tldr", "skipped", key_of(shelf[9], "r"), "why")
    tally = catalog.ledger.tally("tldr")
    assert (tally.done, tally.failed, tally.skipped, tally.waiting) == (3, 3, 1, 3)
    assert catalog.ledger.tally("tag").waiting == 10


def test_tldrs_come_back_as_they_were(shelf: Catalog) -> None:
    by_title = papers(shelf)
    stored = [tldr(by_title["One"], "“Ünïcode” 5 %\n"), tldr(by_title["Two"])]
    for one in stored:
        shelf.outputs.save_tldr(shelf.papers.get([one.paper_id])[one.paper_id], one, "r")
    ids = [p.id for p in by_title.values()]
    assert shelf.outputs.tldrs([*ids, "unknown"]) == {t.paper_id: t for t in stored}
    again = tldr(by_title["One"], "Other.")
    shelf.outputs.save_tldr(by_title["One"], again, "r2")
    assert shelf.outputs.tldrs(ids)[again.paper_id] == again


def save_tags(catalog: Catalog, paper: Paper, *tags: StoredTag) -> None:
    catalog.outputs.save_tags(paper, tags, taxonomy="t", model="m", recipe="r")


def test_tags_are_replaced_but_those_of_people_stay(shelf: Catalog) -> None:
    one = papers(shelf)["One"]
    save_tags(
        shelf,
        one,
        StoredTag("gone", 0.9, "model"),
        StoredTag("open", 0.5, "model", True),
    )
    shelf.corrections.set(one.id, {"kept": True})
    assert [t.tag for t in shelf.outputs.tags([one.id])[one.id]] == ["kept", "gone", "open"]
    save_tags(shelf, one, StoredTag("kept", 0.1, "similarity"), StoredTag("new", 0.8, "model"))
    assert shelf.outputs.tags([one.id]) == {
        one.id: [StoredTag("kept", 1.0, "human"), StoredTag("new", 0.8, "model")]
    }
    assert TagCounts(shelf.store).decided() == {"kept": 1, "new": 1}


def test_a_paper_without_tags_is_done_all_the_same(shelf: Catalog) -> None:
    one = papers(shelf)["One"]
    save_tags(shelf, one)
    assert shelf.ledger.is_done(one, "tag", "r")
    assert shelf.outputs.tags([one.id]) == {}


def test_thousands_of_papers_at_once(catalog: Catalog) -> None:
    ids = [f"p{n}" for n in range(40_000)]  # more than SQLite takes in one statement
    assert catalog.outputs.tags(ids) == {}
    assert catalog.outputs.tldrs(ids) == {}
    assert catalog.papers.get(ids) == {}
    add(catalog, *many(30))
    kept = list(catalog.papers.get([*ids, *(p.id for p in catalog.papers.select())]))
    assert len(kept) == 30


def test_the_account_of_vectors(shelf: Catalog) -> None:
    one, two, three = papers(shelf).values()
    log = shelf.vectors
    before = log.generation()
    log.mark("f", {p.id: p.text_hash for p in (one, two, three)})
    log.mark("g", {one.id: "old hash"})
    assert log.counts() == {"f": 3, "g": 1}
    assert log.missing_count("f") == 0
    assert log.missing_count("g") == 3
    assert log.generation() > before
    log.forget_seqs("f", [two.seq])
    assert [p.id for p in log.missing("f")] == [two.id]
    assert log.done("f") == {p.id: p.text_hash for p in (one, three)}
    log.forget_all("f")
    assert log.counts() == {"g": 1}
