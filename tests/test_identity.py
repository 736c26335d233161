"""Which records are one paper, whatever order they come in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fakes import add, record
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from curator.catalog import Catalog
from curator.catalog.schema import records, sources
from curator.errors import UsageError
from curator.identity import is_cut, main_title
from curator.paper import Record

OWLS = "We study how owls hunt at night and find that hearing alone leads them to the mouse."
BOATS = "A hull with two keels is towed in a tank, and drag falls by a fifth at low speed."


@contextmanager
def temporary() -> Iterator[Catalog]:
    with TemporaryDirectory() as folder:
        catalog = Catalog(Path(folder) / "catalog.sqlite3")
        yield catalog
        catalog.close()


def groups(catalog: Catalog) -> set[frozenset[int]]:
    """The partition: which records (by source and content) are together."""
    query = select(records.c.paper_id, records.c.fingerprint).where(records.c.paper_id.is_not(None))
    found: dict[str, set[int]] = {}
    with catalog.store.read() as connection:
        for row in connection.execute(query):
            found.setdefault(row.paper_id, set()).add(row.fingerprint)
    return {frozenset(marks) for marks in found.values()}


def places(catalog: Catalog) -> set[frozenset[str]]:
    """The same, by where each record was seen."""
    return {
        frozenset(seen["place"] for seen in catalog.papers.seen(p.id))
        for p in catalog.papers.select()
    }


def papers(catalog: Catalog) -> set[Any]:
    """All that is known of all papers, but for when they came in."""
    return {
        (*(getattr(p, name) for name in p.__slots__ if name not in {"added", "seq"}), p.text_hash)
        for p in catalog.papers.select()
    }


# Few of each, so that random records meet in every way there is.
TITLES = (
    "Night Owls: How They Hunt in the Dark Without Any Light at All",
    "Night Owls",
    "Night Owls: How They Hunt in the Dark …",
    "Night owls - how they hunt in the dark without any light at all",
    "Night Owls: How They Hunt in the Daylight",
    "Editorial",
    "Hulls With Two Keels, Part 1",
    "Hulls With Two Keels, Part 2",
)
entries: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    title=st.sampled_from(TITLES),
    abstract=st.sampled_from(["", OWLS, OWLS + " More is said.", OWLS[:40] + " …", BOATS]),
    arxiv_id=st.sampled_from([None, None, "2401.00001v1", "2401.00001v2", "2401.00002"]),
    doi=st.sampled_from([None, None, "10.1234/owls", "10.1234/boats", "10.1101/2024.01.01.123"]),
    authors=st.sampled_from([[], ["Ada Low", "Bo Ek"], ["A. Low"], ["Cy Day", "Di Eve"]]),
    published=st.sampled_from([None, None, "2019", "2024-01-05", "2024-02"]),
    source_id=st.sampled_from([None, None, "1", "2"]),
    upvotes=st.sampled_from([None, 3, 9]),
    listed=st.sampled_from([None, "2024-03-01", "2024-02-01"]),
    categories=st.sampled_from([[], ["cs.CL"], ["cs.LG", "cs.CL"]]),
)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_order_of_arrival_never_changes_the_papers(data: st.DataObject) -> None:
    """Each record keeps its source; within a reading and between readings the order varies."""
    drawn = data.draw(st.lists(entries, min_size=2, max_size=9))
    rows = [
        (f"source {n % 3}", Record.make(where=f"entry {n}", needs_abstract=False, **fields))
        for n, fields in enumerate(drawn)
    ]
    outcomes = []
    for order in (rows, data.draw(st.permutations(rows))):
        with temporary() as catalog:
            for source in data.draw(st.permutations(["source 0", "source 1", "source 2"])):
                add(catalog, *(r for name, r in order if name == source), source=source)
            outcomes.append((papers(catalog), groups(catalog)))
    assert outcomes[0] == outcomes[1]


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_records_one_by_one_or_all_at_once(data: st.DataObject) -> None:
    drawn = data.draw(st.lists(entries, min_size=2, max_size=7))
    rows = [
        Record.make(where=f"entry {n}", needs_abstract=False, **fields)
        for n, fields in enumerate(drawn)
    ]
    with temporary() as whole, temporary() as single:
        for n, row in enumerate(rows):
            add(whole, row, source=f"source {n}")
        for n in data.draw(st.permutations(range(len(rows)))):
            add(single, rows[n], source=f"source {n}")
        assert papers(whole) == papers(single)
        assert groups(whole) == groups(single)
        before = papers(single)
        for n, row in enumerate(rows):  # once more: nothing is new
            report = add(single, row, source=f"source {n}")
            assert (report.added, report.updated) == (0, 0)
        assert papers(single) == before
        with single.store.read() as connection:
            assert len(connection.execute(select(sources)).all()) == len(rows)


def together(*rows: Record) -> bool:
    """Whether the rows, each from a source of its own, are one paper, in either order."""
    outcomes = set()
    for order in (rows, rows[::-1]):
        with temporary() as catalog:
            for n, row in enumerate(order):
                add(catalog, row, source=f"source {n}")
            outcomes.add(catalog.papers.count())
    assert len(outcomes) == 1
    return outcomes == {1}


LONG = "A Study of How Owls Hunt by Night and What Mice Can Do About It"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # The same title in another writing.
        (record("Ünï-code $\\alpha$"), record("uni code α"), True),
        (record("EPO: Explicit Policy", OWLS), record("EPO: Entropy Policy", BOATS), False),
        (record("Owls, Part 1", OWLS), record("Owls, Part 2", OWLS), False),
        # Cut short: a long beginning is enough, a shorter one needs the text or the people.
        (record(LONG, OWLS), record(LONG[:54] + " …", BOATS), True),
        (record(LONG, OWLS), record("A Study of How Owls Hunt ...", OWLS[:60] + "…"), True),
        (record(LONG, OWLS), record("A Study of How Owls Hunt ...", BOATS), False),
        (
            record(LONG, OWLS, authors=["Ada Low"]),
            record("A Study of How Owls Hunt by Night…", BOATS, authors=["A Low"]),
            True,
        ),
        (record(LONG, OWLS), record("A …", OWLS), False),
        # Without its subtitle.
        (record("Night Owls: A Field Study", OWLS), record("Night Owls", OWLS), True),
        (record("Night Owls: A Field Study", OWLS), record("Night Owls", BOATS), False),
        (record("Night Owls — A Field Study", OWLS), record("Night owls", OWLS), True),
        # Titles that say nothing.
        (record("Editorial", OWLS), record("Editorial", BOATS), False),
        (record("Editorial", OWLS), record("EDITORIAL", OWLS), True),
        # What tells one title apart.
        (record("Owls", authors=["A Low", "B Ek"]), record("Owls", authors=["C D", "E F"]), False),
        (record("Owls", published="2019"), record("Owls", published="2024"), False),
        (record("Owls", published="2022"), record("Owls", published="2024"), True),
        (record("Owls", doi="10.1234/a"), record("Owls", doi="10.1234/b"), False),
        (record("Owls", doi="10.1101/2024.01.01.1"), record("Owls", doi="10.1234/b"), True),
        (record("Owls", arxiv_id="2401.00001"), record("Owls", arxiv_id="2401.00002"), False),
        (
            record("Owls", ids=[("pmid", "12345678")]),
            record("Of owls and of mice", ids=[("pmid", "PMID: 12345678")]),
            True,
        ),
        (
            record("Owls", url="https://aclanthology.org/2024.owl-1.3/"),
            record("Of owls and of mice", doi="10.18653/v1/2024.owl-1.3"),
            True,
        ),
        # One DOI for the parts of a series: their arXiv ids know better.
        (
            record("Owls I", arxiv_id="2401.00001", doi="10.1234/series"),
            record("Owls II", arxiv_id="2401.00002", doi="10.1234/series"),
            False,
        ),
    ],
)  # fmt: skip
def test_one_paper_or_two(one: Record, other: Record, same: bool) -> None:
    assert together(one, other) is same


def test_a_guessed_arxiv_id_joins_sources_but_not_entries_of_one_list(catalog: Catalog) -> None:
    guess = [("arxiv-guess", "1306.2560")]
    whole = record("Night Owls", OWLS, arxiv_id="1306.2560", source_id="1306.2560", where="whole")
    lost = record("Night Owls", OWLS, ids=guess, source_id="1306.256", where="lost")
    add(catalog, whole, lost, source="a list with both")
    assert catalog.papers.count() == 2
    add(catalog, record("Of Owls", OWLS, ids=guess, where="other"), source="b")
    assert catalog.papers.count() == 2
    with temporary() as other:
        add(other, lost, source="a")
        add(other, record("Of Owls", BOATS, arxiv_id="1306.2560"), source="b")
        assert other.papers.count() == 1


def test_a_record_that_fits_two_papers_goes_to_the_nearer() -> None:
    first = record("Night Owls", OWLS, arxiv_id="2401.00001", where="first")
    second = record("Night Owls", BOATS, arxiv_id="2401.00002", where="second")
    page = record("Night Owls", BOATS + " Indeed.", where="page")
    for order in ([first, second, page], [page, first, second], [second, page, first]):
        with temporary() as catalog:
            for row in order:
                add(catalog, row, source=row.where)
            assert places(catalog) == {frozenset({"first"}), frozenset({"second", "page"})}


def test_a_link_joins_what_were_two_papers_and_all_names_go_on(catalog: Catalog) -> None:
    add(catalog, record("The Preprint", OWLS, arxiv_id="2401.00001"), source="a")
    add(catalog, record("The Printed Paper", OWLS, doi="10.1234/x"), source="b")
    names = [p.id for p in catalog.papers.select()]
    report = add(
        catalog, record("The Preprint", OWLS, arxiv_id="2401.00001", doi="10.1234/x"), source="c"
    )
    assert (report.added, report.updated, report.unchanged) == (0, 1, 0)
    (paper,) = catalog.papers.select()
    assert (paper.arxiv_id, paper.doi) == ("2401.00001", "10.1234/x")
    for name in (*names, "2401.00001", "10.1234/x", "The Preprint"):
        assert catalog.papers.resolve(name).id == paper.id
    assert len(catalog.papers.removed_since(0)) == 1


def test_a_second_paper_of_one_title_makes_the_name_ambiguous(catalog: Catalog) -> None:
    add(catalog, record("A Survey", OWLS, arxiv_id="2401.00001"), source="a")
    (before,) = catalog.papers.select()
    add(catalog, record("A Survey", BOATS, arxiv_id="2401.00002"), source="b")
    ids = {p.id for p in catalog.papers.select()}
    assert before.id not in ids
    with pytest.raises(Exception, match="several papers") as caught:
        catalog.papers.resolve(before.id)
    assert all(name in str(caught.value) for name in ids)


def test_a_reference_without_an_abstract_waits_for_its_paper(catalog: Catalog) -> None:
    waiting = Record.make(
        title="Night Owls", abstract="", doi="10.1234/owls", venue="Owl Letters",
        needs_abstract=False, where="entry 1",
    )  # fmt: skip
    report = add(catalog, waiting, source="refs.bib")
    assert (report.added, report.entries) == (0, 1)
    assert "no abstract: 'Night Owls'" in report.rejected[0][1].reason
    assert [r["reason"] for r in catalog.ledger.rejected()] == ["no abstract"]
    assert catalog.papers.count() == 0
    report = add(catalog, record("Night Owls", OWLS), source="page.txt")
    assert report.added == 1
    (paper,) = catalog.papers.select()
    assert (paper.doi, paper.venue) == ("10.1234/owls", "Owl Letters")
    assert catalog.ledger.rejected() == []
    assert catalog.ledger.entries() == {
        "added": 1, "updated": 0, "merged": 1, "rejected": 0, "mended": 0, "all": 2,
    }  # fmt: skip
    assert add(catalog, waiting, source="refs.bib").unchanged == 1


def test_what_was_made_of_a_paper_moves_with_it(catalog: Catalog) -> None:
    from curator.catalog import StoredTag

    add(catalog, record("The Printed Paper", OWLS, doi="10.1234/x"), source="a")
    (old,) = catalog.papers.select()
    catalog.outputs.save_tags(
        old, [StoredTag("owls", 0.9, "human")], taxonomy="t", model="m", recipe="r"
    )
    add(catalog, record("A Preprint", OWLS, arxiv_id="2401.00001v1", doi="10.1234/x"), source="b")
    add(catalog, record("A Preprint", OWLS, doi="10.1234/x"), source="c")
    (new,) = catalog.papers.select()
    assert new.id != old.id
    assert [t.tag for t in catalog.outputs.tags([new.id])[new.id]] == ["owls"]
    assert catalog.papers.resolve(old.id).id == new.id


def test_a_source_that_takes_a_wrong_identifier_back(catalog: Catalog) -> None:
    add(catalog, record("Night Owls", OWLS, doi="10.1234/boats"), source="a")
    add(catalog, record("Boats", BOATS, doi="10.1234/boats"), source="b")
    assert catalog.papers.count() == 1
    add(catalog, record("Night Owls", OWLS, doi="10.1234/owls"), source="a")
    assert {(p.title, p.doi) for p in catalog.papers.select()} == {
        ("Night Owls", "10.1234/owls"),
        ("Boats", "10.1234/boats"),
    }
    add(catalog, record("Night Owls", OWLS, doi="10.1234/boats"), source="a")  # and again wrong
    assert catalog.papers.count() == 1


@pytest.mark.parametrize(
    ("title", "main"),
    [
        ("Night Owls: A Field Study", "Night Owls"),
        ("Night Owls – A Field Study", "Night Owls"),
        ("Do Owls Hear? A Field Study", "Do Owls Hear?"),
        ("Night Owls. Part 1", None),
        ("Night Owls: II. Hearing", None),
        ("Night Owls", None),
        ("GPT-4", None),
        ("12:30 at Night", None),
        (": Owls", None),
    ],
)
def test_main_title(title: str, main: str | None) -> None:
    assert main_title(title) == main


@pytest.mark.parametrize(
    ("title", "cut"), [("Owls …", True), ("Owls...", True), ("Owls. . .", False), ("Owls.", False)]
)
def test_is_cut(title: str, cut: bool) -> None:
    assert is_cut(title) is cut


# ------------------------------------------------------------------------ corrections


def test_a_person_merges_and_splits_and_that_holds(catalog: Catalog) -> None:
    one, other = record("Night Owls", OWLS, where="1"), record("Owls by Night", BOATS, where="2")
    add(catalog, one, source="a")
    add(catalog, other, source="b")
    ids = [p.id for p in catalog.papers.select()]
    merged, change = catalog.decisions.merge(ids)
    assert change is not None
    assert change.last == catalog.papers.last_seq()
    (paper,) = catalog.papers.select()
    assert paper.id == merged
    add(catalog, one, source="a")
    add(catalog, record("Owls by Night", BOATS + " Mended.", where="2"), source="b")
    assert catalog.papers.count() == 1  # also for what the source made of it later
    explained = catalog.decisions.explain(merged)
    assert [(r.source, r.current) for r in explained.records] == [
        ("a", True), ("b", False), ("b", True),
    ]  # fmt: skip
    assert explained.records[0].reason == "a person said so"
    names, _ = catalog.decisions.split(merged, [2, 3])
    assert len(names) == catalog.papers.count() == 2
    add(catalog, one, source="a")
    add(catalog, record("Owls by Night", BOATS + " Mended again.", where="2"), source="b")
    assert catalog.papers.count() == 2


def test_a_split_is_stronger_than_an_identifier(catalog: Catalog) -> None:
    add(catalog, record("Night Owls", OWLS, doi="10.1234/x", where="1"), source="a")
    add(catalog, record("Night Owls", BOATS, doi="10.1234/x", where="2"), source="b")
    (paper,) = catalog.papers.select()
    catalog.decisions.split(paper.id, [2])
    assert places(catalog) == {frozenset({"1"}), frozenset({"2"})}
    add(catalog, record("Night Owls", BOATS, doi="10.1234/x", where="3"), source="c")
    assert places(catalog) == {frozenset({"1"}), frozenset({"2", "3"})}
    explained = catalog.decisions.explain(catalog.papers.select()[0].id)
    assert [reason for _, reason in explained.apart] == [
        "same identifier: DOI 10.1234/x, but a person split them"
    ]


def test_why_two_near_papers_are_two(catalog: Catalog) -> None:
    add(catalog, record("A Survey", OWLS, arxiv_id="2401.00001"), source="a")
    add(catalog, record("A Survey", BOATS, arxiv_id="2401.00002"), source="b")
    add(catalog, record("Alone", BOATS), source="b")
    found = [catalog.decisions.explain(name) for name in catalog.decisions.doubtful()]
    assert len(found) == 2
    for explained in found:
        ((other, reason),) = explained.apart
        assert other != explained.paper_id
        assert "same title: 'A Survey', but arXiv ids 2401.0000" in reason


@pytest.mark.parametrize("numbers", [[], [3], [0], [1, 2]])
def test_a_split_that_cannot_be(catalog: Catalog, numbers: list[int]) -> None:
    add(catalog, record("Night Owls", OWLS), source="a")
    add(catalog, record("Night Owls", BOATS), source="b")
    (paper,) = catalog.papers.select()
    with pytest.raises(UsageError):
        catalog.decisions.split(paper.id, numbers)
    with pytest.raises(UsageError):
        catalog.decisions.merge([paper.id, paper.id])
    assert catalog.papers.count() == 1
