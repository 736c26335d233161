"""Masks for filters: they say what SQL says, whatever was asked before and whoever wrote since."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digests import empty_digest
from fakes import add, many, record
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from curator.catalog import AddReport, Catalog, Filters, StoredTag
from curator.catalog import columns as columns_module
from curator.catalog.columns import Coded, Lists, Texts
from curator.catalog.conditions import filtered
from curator.catalog.facets import KEPT, Facets
from curator.catalog.schema import papers
from curator.errors import NotFoundError
from curator.paper import Rejected
from curator.where import MAX_DEPTH, MAX_LEAVES

NAMES = ["Ada Lovelace", "ADA LÖW", "José Núñez", "李 雷", "B. Ek", "Bo Ek; Jr", "Ek", "  ", "Li"]
VENUES = [None, "", "ACL 2024", "Proc. of the Zürich Workshop", "acl", "100% Owls", "NeurIPS"]
CATEGORIES = ["cs.CL", "cs.LG", "CS.cl", 'odd "one"', "a\\b", "Ünder", "cs.LGX", "x,y", "[]"]
DAYS = ["2024-01-31", "2024-02-01", "2025-12-31", "2026-11", "2026", None]
SOURCES = ["/data/refs.bib", "/other/refs.bib", "arxiv:cs.CL", "arxiv:cs.LG", "rss:https://a.ex/é"]
TAGS = ["rag", "survey", "owls", "RAG"]


def asked(catalog: Catalog, filters: Filters, facets: Facets | None = None) -> np.ndarray[Any, Any]:
    """The mask, which must be what SQL says."""
    mask = (facets or catalog.facets).mask(filters)
    expected = np.zeros(catalog.papers.last_seq() + 1, np.bool_)
    with catalog.store.read() as connection:
        rows = connection.execute(filtered(select(papers.c.seq), filters))
        expected[[row.seq for row in rows]] = True
    assert mask.dtype == np.bool_
    assert mask.tolist() == expected.tolist(), filters
    return mask


def titles(catalog: Catalog, **filters: Any) -> set[str]:
    chosen = Filters(**filters)
    asked(catalog, chosen)
    return {paper.title for paper in catalog.papers.select(chosen)}


def populate(catalog: Catalog) -> None:
    """Papers with gaps between their numbers, some of several sources, tagged and marked."""
    chance = random.Random(7)
    for n, source in enumerate(SOURCES):
        entries = [
            record(
                f"Study {k}",
                f"We study case {k}." if k % 9 else f"We study case {k} with source {n}.",
                arxiv_id=f"2401.{k:05d}v{n + 1}" if k % 4 == 0 else None,
                authors=chance.sample(NAMES, chance.randrange(4)),
                venue=chance.choice(VENUES),
                categories=chance.sample(CATEGORIES, chance.randrange(4)),
                published=chance.choice(DAYS),
                listed=chance.choice(DAYS),
            )
            for k in chance.sample(range(40), 16)
        ]
        add(catalog, *entries, Rejected("line 99", "bad"), source=source)
    made = catalog.papers.select()
    for paper in chance.sample(made, len(made) * 2 // 3):
        found = [StoredTag(t, 0.9, "model", chance.random() < 0.3) for t in chance.sample(TAGS, 2)]
        catalog.outputs.save_tags(paper, found, taxonomy="t", model="m", recipe="r")
    for kind in ("liked", "read", "disliked"):
        catalog.marks.set(kind, [p.id for p in chance.sample(made, 9)])
    catalog.decisions.merge([made[0].id, made[1].id])
    assert len({paper.seq for paper in made}) < catalog.papers.last_seq()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path_factory.mktemp("facets") / "catalog.sqlite3")
    populate(catalog)
    yield catalog
    catalog.close()


# --------------------------------------------------------------- the same as in SQL

DAY_LIKE = st.sampled_from([*filter(None, DAYS), "2024-02", "2025", "", "zebra", "é"])
PARTS = st.one_of(
    st.sampled_from([*NAMES, "ek", "e", "l", "ad", "ada lo", "ek; bo", ";", "雷", "NÚÑ", "%", "_"]),
    st.text(max_size=4),
)
FILTERS = st.builds(
    Filters,
    since=st.none() | DAY_LIKE,
    until=st.none() | DAY_LIKE,
    tags=st.lists(st.sampled_from([*TAGS, "none"]), max_size=2).map(tuple),
    categories=st.lists(
        st.sampled_from([*CATEGORIES, "cs.cl", "cs", 'odd "ONE"', "ÜNDER", "%", "x"]), max_size=3
    ).map(tuple),
    author=st.none() | PARTS,
    venues=st.lists(st.one_of(PARTS, st.sampled_from(["zurich", "ACL", "100%"])), max_size=2).map(
        tuple
    ),
    sources=st.lists(st.sampled_from([*SOURCES, "refs.bib", "arxiv", "A.EX", "r"]), max_size=2).map(
        tuple
    ),
    unread=st.booleans(),
    liked=st.booleans(),
)
WHERE = st.recursive(
    st.one_of(
        st.sampled_from(
            [
                "liked",
                "disliked",
                "read",
                "unread",
                "since:2024-02",
                "until:2025",
                "day:2024-01-31",
                "day:2024..2025",
            ]
        ),
        st.builds("tag:{}".format, st.sampled_from(TAGS)),
        st.builds("category:{}".format, st.sampled_from(["cs.cl", "x,y", '"odd ""one"""'])),
        st.builds("author:{}".format, st.sampled_from(["ek", "löw", '"ada lo"', "李"])),
        st.builds("venue:{}".format, st.sampled_from(["acl", "zürich", '"100% owls"'])),
        st.builds("source:{}".format, st.sampled_from(["refs.bib", "arxiv:cs.CL", "rss"])),
        st.just("id:nothing"),
    ),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not {}".format, inner),
    ),
    max_leaves=6,
)


@hypothesis_settings(max_examples=150)
@given(FILTERS)
def test_filters_mean_what_they_mean_in_sql(shelf: Catalog, filters: Filters) -> None:
    asked(shelf, filters)
    asked(shelf, filters, Facets(shelf.store))


@hypothesis_settings(max_examples=150)
@given(WHERE, st.data())
def test_conditions_mean_what_they_mean_in_sql(
    shelf: Catalog, where: str, data: st.DataObject
) -> None:
    own = shelf.papers.select_ids(Filters())
    some = data.draw(st.lists(st.sampled_from([*sorted(own), "unknown"]), max_size=4))
    asked(shelf, Filters(where=where, paper_ids=tuple(some)))
    asked(shelf, Filters(where=f"not ({where})"), Facets(shelf.store))


def test_a_condition_and_its_opposite_part_all_papers(shelf: Catalog) -> None:
    everything = asked(shelf, Filters())
    for leaf in ("tag:rag", "category:cs.CL", "author:ek", "venue:acl", "source:refs", "liked",
                 "since:2024-02-01", "id:" + shelf.papers.select()[0].id):  # fmt: skip
        one, other = asked(shelf, Filters(where=leaf)), asked(shelf, Filters(where=f"-{leaf}"))
        assert one.any() and other.any()
        assert (one ^ other).tolist() == everything.tolist()


def nested(depth: int) -> str:
    """As deep as is allowed, in the shape that costs a parser most."""
    text = "tag:rag"
    for n in range(depth):
        text = f"not (day:2024 {('and', 'or')[n % 2]} {text})"
    return text


@pytest.mark.parametrize(
    "where",
    [
        nested(MAX_DEPTH),
        " or ".join(["source:refs"] * MAX_LEAVES),
        " ".join(f"-day:2024-01-{n % 28 + 1:02d}" for n in range(MAX_LEAVES)),
        " or ".join(f"(tag:rag author:{n} -source:rss)" for n in range(MAX_LEAVES // 3)),
        " or ".join(f"id:p{n}" for n in range(MAX_LEAVES)),
    ],
    ids=["deep", "sources", "days", "groups", "ids"],
)
def test_the_largest_conditions_that_are_allowed_can_be_answered(
    shelf: Catalog, where: str
) -> None:
    asked(shelf, Filters(where=where))


def test_thousands_of_ids(shelf: Catalog) -> None:
    own = [p.id for p in shelf.papers.select()]
    ids = tuple(f"p{n}" for n in range(40_000)) + tuple(own[:3])
    assert int(asked(shelf, Filters(paper_ids=ids)).sum()) == 3


# ---------------------------------------------------------------------- what it means


@pytest.fixture
def small(catalog: Catalog) -> Catalog:
    add(
        catalog,
        record("One", authors=["José Núñez", "Ada Low"], venue="Zürich Workshop",
               categories=["cs.CL"], published="2026-11-01"),
        record("Two", authors=["Ada Núñez"], venue="The ACL", published="2026-11-20"),
        source="/data/refs.bib",
    )  # fmt: skip
    add(catalog, record("Three", published="2026-11-30"), source="/old/refs.bib")
    add(catalog, record("Three", published="2026-11-30"), source="arxiv:cs.CL")
    return catalog


def test_a_venue_is_found_by_a_part_without_accents(small: Catalog) -> None:
    assert titles(small, venues=("zurich w",)) == {"One"}
    assert titles(small, venues=("acl", "ZÜRICH")) == {"One", "Two"}
    assert titles(small, where="not venue:acl") == {"One", "Three"}


def test_a_category_is_meant_in_any_case_but_whole(small: Catalog) -> None:
    assert titles(small, categories=("CS.cl",)) == {"One"}
    assert titles(small, categories=("cs",)) == set()


def test_marks(small: Catalog) -> None:
    ids = {p.title: p.id for p in small.papers.select()}
    small.marks.set("liked", [ids["One"]])
    small.marks.set("read", [ids["One"], ids["Two"]])
    assert titles(small, liked=True) == {"One"}
    assert titles(small, unread=True) == {"Three"}
    assert titles(small, unread=True, liked=True) == set()
    assert titles(small, where="read and not liked") == {"Two"}


def test_sources(small: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert titles(small, sources=("/data/refs.bib",)) == {"One", "Two"}
    assert titles(small, sources=("refs.bib",)) == {"One", "Two", "Three"}  # all of that name
    assert titles(small, sources=("arxiv:cs.CL",)) == {"Three"}
    assert titles(small, sources=("ARXIV",)) == {"Three"}  # a part of the name
    assert titles(small, sources=("efs.bi",)) == {"One", "Two", "Three"}
    assert titles(small, where="source:refs.bib -source:arxiv:cs.CL") == {"One", "Two"}
    # A file of this folder before others of its name; not in a cache of another folder.
    add(small, record("Four"), source=str(Path.cwd() / "refs.bib"))
    assert titles(small, sources=("refs.bib",)) == {"Four"}
    assert titles(small, sources=("./refs.bib",)) == {"Four"}
    monkeypatch.chdir(tmp_path)
    assert titles(small, sources=("refs.bib",)) == {"One", "Two", "Three", "Four"}


@pytest.mark.parametrize("name", ["nothing.bib", "%", "refs_bib", " ", "~nobody/x"])
def test_a_source_that_never_was_is_said(small: Catalog, name: str) -> None:
    for filters in (Filters(sources=(name,)), Filters(where=f'read or not source:"x{name}"')):
        for ask in (small.facets.mask, small.papers.select, small.papers.select_ids):
            with pytest.raises(NotFoundError, match="Nothing was ever added"):
                ask(filters)
    assert titles(small, since="2026-11-30") == {"Three"}  # it goes on


def test_a_source_that_brought_nothing_usable_has_no_papers(small: Catalog) -> None:
    add(small, Rejected("line 1", "no title"), source="broken.csv")
    assert titles(small, sources=("broken.csv",)) == set()
    assert titles(small, where="-source:broken.csv") == {"One", "Two", "Three"}


def test_an_empty_library(catalog: Catalog) -> None:
    for filters in (Filters(), Filters(author="x", venues=("y",)), Filters(where="not liked"),
                    Filters(since="2026-01-01", categories=("cs.CL",))):  # fmt: skip
        for _ in range(2):
            assert asked(catalog, filters).tolist() == [False]
    add(catalog, record("First", authors=["xyz"]))
    assert asked(catalog, Filters(author="xy")).tolist() == [False, True]


def test_a_mask_cannot_be_written_to(small: Catalog) -> None:
    for filters in (Filters(), Filters(since="2026-11-02"), Filters(where="-liked")):
        mask = small.facets.mask(filters)
        with pytest.raises(ValueError, match="read-only"):
            mask[0] = True
        assert small.facets.mask(filters) is mask  # kept for the next time


def test_only_so_many_masks_are_kept(small: Catalog) -> None:
    often = Filters(author="ada")
    kept = small.facets.mask(often)
    for n in range(KEPT * 2):
        small.facets.mask(Filters(since=f"2026-11-{n:03d}"))
        assert small.facets.mask(often) is kept
    assert len(small.facets._masks) == KEPT


# --------------------------------------------------------------------------- freshness

PANEL = [
    Filters(),
    Filters(since="2020-01-01"),
    Filters(until="2019-12-31"),
    Filters(categories=("cs.CL",)),
    Filters(author="low"),
    Filters(venues=("acl",)),
    Filters(tags=("rag",)),
    Filters(sources=("a.bib",)),
    Filters(sources=("b.bib",)),
    Filters(liked=True),
    Filters(unread=True),
    Filters(where="not (author:low or tag:rag or source:b.bib or liked)"),
]


def step(number: int, **fields: Any) -> Any:
    return record(f"Study {number}", f"We study case {number}.", **fields)


def page(catalog: Catalog, *entries: Any) -> None:
    with catalog.papers.paging("feed:x", "rss", AddReport()).page(entries):
        pass


def tag(catalog: Catalog, number: int, *names: str, review: bool = False) -> None:
    paper = catalog.papers.resolve(f"Study {number}")
    found = [StoredTag(name, 0.9, "model", review) for name in names]
    catalog.outputs.save_tags(paper, found, taxonomy="t", model="m", recipe="r")


def ids(catalog: Catalog, *numbers: int) -> list[str]:
    return [catalog.papers.resolve(f"Study {n}").id for n in numbers]


def chunks(catalog: Catalog) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("curator.catalog.papers.CHUNK", 10)
        add(catalog, *many(35, start=100), source="b.bib")


def by_hand(catalog: Catalog, statement: str) -> None:
    with catalog.store.write() as connection:
        assert connection.execute(text(statement)).rowcount


def broken_off(catalog: Catalog) -> None:
    def entries() -> Iterator[Any]:
        yield step(60, authors=["Ada Low"])
        raise ValueError("torn")

    with pytest.raises(ValueError, match="torn"):
        list(catalog.papers.add(entries(), "a.bib"))


# Every way in which what filters look at comes to be changed, one after the other.
WRITES: dict[str, Callable[[Catalog], Any]] = {
    "new papers": lambda c: add(c, step(20, authors=["Ada Low"]), step(21), source="a.bib"),
    "many new papers": chunks,
    "a page of a feed": lambda c: page(c, step(22, authors=["A Low"], published="2014-02-02")),
    "another text": lambda c: add(c, record("Study 1", "Quite another text."), source="a.bib"),
    "a newer version": lambda c: add(
        c, record("Study 2 anew", "New words.", arxiv_id="2401.00002v3"), source="b.bib"
    ),
    "another source has it": lambda c: add(c, step(3), source="b.bib"),
    "more categories": lambda c: add(c, step(4, categories=["cs.CL"]), source="c"),
    "authors where none were": lambda c: add(c, step(5, authors=["Bo Low"]), source="c"),
    "a venue": lambda c: add(c, step(6, venue="ACL"), source="c"),
    "a day": lambda c: add(c, step(7, published="2014-03-03"), source="c"),
    "a listing": lambda c: add(c, step(8, listed="2024-04-04"), source="c"),
    "an earlier listing of the same": lambda c: add(c, step(8, listed="2015-04-04"), source="c"),
    "a source corrects itself": lambda c: add(c, step(9, authors=["No One"]), source="a.bib"),
    "and returns to its word": lambda c: add(c, step(9, authors=["Cy Low"]), source="a.bib"),
    "two become one": lambda c: add(
        c, step(10, arxiv_id="2401.00010", doi="10.1234/ten"), source="d"
    ),
    "one that waited for its abstract": lambda c: (
        add(c, record("Waiting", "", needs_abstract=False, authors=["Di Low"]), source="a.bib"),
        add(c, record("Waiting", "At last."), source="c"),
    ),
    "tags": lambda c: tag(c, 11, "rag", "owls"),
    "a tag less": lambda c: tag(c, 11, "owls"),
    "a suggestion": lambda c: tag(c, 12, "rag", review=True),
    "a decided one": lambda c: tag(c, 12, "rag"),
    "no tag at all": lambda c: tag(c, 12),
    "a tag for one": lambda c: tag(c, 13, "rag"),
    "which moves with its paper": lambda c: c.decisions.merge(ids(c, 14, 13)),
    "a like": lambda c: c.marks.set("liked", ids(c, 15, 16)),
    "a dislike instead": lambda c: c.marks.set("disliked", ids(c, 15)),
    "read": lambda c: c.marks.set("read", ids(c, 15, 17)),
    "unread again": lambda c: c.marks.unset("read", ids(c, 15)),
    "no more liked": lambda c: c.marks.unset("liked", ids(c, 16)),
    "merged": lambda c: c.decisions.merge(ids(c, 18, 17)),
    "and split": lambda c: c.decisions.split(ids(c, 18)[0], [2]),
    "a new source of nothing": lambda c: add(c, Rejected("line 1", "bad"), source="new b.bib"),
    "nothing, since it broke off": broken_off,
    "a failed task": lambda c: c.outputs.fail(c.papers.resolve("Study 15"), "tag", "no", "r"),
    # Of these nothing is done alone today.
    "another suggestion": lambda c: tag(c, 12, "rag", review=True),
    "which is taken up": lambda c: by_hand(c, "UPDATE tags SET needs_review = 0"),
    "another mark": lambda c: by_hand(c, "UPDATE marks SET kind = 'liked' WHERE kind = 'disliked'"),
    "a record less": lambda c: by_hand(
        c, f"DELETE FROM records WHERE paper_id = '{ids(c, 3)[0]}' AND source_id = 2"
    ),
    "the last paper again": lambda c: add(c, step(22, authors=["Ed Low"]), source="a.bib"),
}  # fmt: skip

UNSEEN = (
    "a suggestion",
    "another suggestion",
    "a new source of nothing",
    "nothing, since it broke off",
    "a failed task",
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, Catalog]]:
    """Two openings of one library: what the second writes, the first has to see."""
    path = tmp_path_factory.mktemp("written") / "catalog.sqlite3"
    one, other = Catalog(path), Catalog(path)
    start = [
        step(n, authors=["Cy Low"] if n == 9 else [], arxiv_id="2401.00002v1" if n == 2 else None,
             published="2014-05-05" if n != 7 else None)
        for n in range(20) if n != 10
    ]  # fmt: skip
    add(other, *start, source="a.bib")
    add(other, record("Study 10", "We study case 10.", arxiv_id="2401.00010"), source="a.bib")
    add(other, record("Case ten", "We study case 10.", doi="10.1234/ten"), source="b.bib")
    yield one, other
    one.close()
    other.close()


@pytest.mark.parametrize("name", WRITES)
def test_what_another_opening_wrote_counts_at_once(
    written: tuple[Catalog, Catalog], name: str
) -> None:
    one, other = written
    for filters in PANEL:  # all columns are loaded, and their masks kept
        asked(one, filters)
    before = {filters: one.facets.mask(filters) for filters in PANEL}
    rows = set(sql_of(one))
    WRITES[name](other)
    for filters in PANEL:
        asked(one, filters)
        asked(one, filters, Facets(one.store))
    unchanged = [f for f in PANEL if one.facets.mask(f).tolist() == before[f].tolist()]
    if rows == set(sql_of(one)):
        assert unchanged == PANEL, "the panel changed, what filters look at did not"
        assert name in UNSEEN
    else:
        assert len(unchanged) < len(PANEL), "this step would be seen by no filter: mend the panel"


def sql_of(catalog: Catalog) -> list[Any]:
    """All that filters look at."""
    statements = (
        "SELECT id, seq, day, categories, venue_folded, authors_folded FROM papers",
        "SELECT paper_id, tag FROM tags WHERE NOT needs_review",
        "SELECT paper_id, kind FROM marks",
        "SELECT DISTINCT paper_id, source_id FROM records WHERE paper_id IS NOT NULL",
    )
    with catalog.store.read() as connection:
        return [tuple(row) for s in statements for row in connection.execute(text(s))]


def test_what_filters_do_not_look_at_costs_them_nothing(small: Catalog) -> None:
    kept = {filters: small.facets.mask(filters) for filters in PANEL if "bib" not in str(filters)}
    paper = small.papers.resolve("One")
    add(small, record("Two", authors=["Ada Núñez"], venue="The ACL", published="2026-11-20"),
        source="/data/refs.bib")  # fmt: skip
    small.outputs.fail(paper, "tldr", "no", "r")
    small.digests.save(empty_digest())
    with small.store.write() as connection:
        connection.execute(text("UPDATE papers SET upvotes = 7, url = 'https://a.example/'"))
        connection.execute(text("UPDATE papers SET day = day, authors_folded = authors_folded"))
    assert all(small.facets.mask(filters) is mask for filters, mask in kept.items())


def test_new_papers_are_added_to_the_columns(small: Catalog) -> None:
    for filters in PANEL[1:6]:
        asked(small, filters)
        asked(small, filters)
    columns = {name: column for name, (_, column) in small.facets._columns.items()}
    assert len(columns) == 4
    for n in range(3):
        add(small, step(n, authors=["Ada Low"], venue="ACL", categories=["cs.CL", f"new.{n}"]))
        for filters in PANEL[1:6]:
            assert asked(small, filters)[-1] == (filters.until is None)
        asked(small, Filters(categories=(f"new.{n}",)))
    assert all(small.facets._columns[name][1] is column for name, column in columns.items())


@pytest.mark.slow
def test_another_process_writes(small: Catalog) -> None:
    for filters in PANEL[:6]:
        asked(small, filters)
    script = f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from fakes import add, record
        from curator.catalog import Catalog
        catalog = Catalog(Path({str(small.store.path)!r}))
        add(catalog, record("Four", authors=["Ada Low"]), record("One", categories=["cs.LG"]))
        catalog.marks.set("liked", [catalog.papers.resolve("Four").id])
        catalog.close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)
    assert titles(small, author="low") == {"One", "Four"}
    assert titles(small, categories=("cs.lg",)) == {"One"}
    assert titles(small, liked=True) == {"Four"}


def test_a_write_that_is_not_committed_is_not_seen(small: Catalog) -> None:
    before = asked(small, Filters(liked=True))
    with pytest.raises(RuntimeError), small.store.write() as connection:
        connection.execute(text("INSERT INTO marks SELECT id, 'liked', 'now' FROM papers"))
        assert small.facets.mask(Filters(liked=True)) is before
        raise RuntimeError
    assert asked(small, Filters(liked=True)).tolist() == before.tolist()


def test_many_threads_ask_while_one_writes(catalog: Catalog) -> None:
    add(catalog, *many(50))
    done, wrong = threading.Event(), []

    def ask(seed: int) -> None:
        chance = random.Random(seed)
        while not done.is_set():
            filters = chance.choice(PANEL[:6] + PANEL[9:11])
            try:
                if len(catalog.facets.mask(filters)) < 51:
                    wrong.append("short")
            except Exception as error:  # noqa: BLE001 - whatever it is, the test has to show it
                wrong.append(repr(error))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for n in range(12):
        add(catalog, *many(5, start=100 + 5 * n), source=str(n))
        catalog.marks.set("liked", [p.id for p in catalog.papers.select(limit=n)])
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong
    for filters in PANEL[:6] + PANEL[9:11]:
        asked(catalog, filters)


# ---------------------------------------------------------------------------- columns

WORDS = ["ada", "löw", "李 雷", "a", "", "ek; bo", "aa", "aaaa", "abab", "😀", "x" * 40]
LINES = st.lists(st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join), max_size=12)


@pytest.mark.parametrize("limit", [0, 2, 5000], ids=["all looked through", "some", "signatures"])
@given(LINES, LINES, st.sampled_from([*WORDS, "ab", "öw", "a a", "雷", "xx", "; ", "zz"]))
def test_parts_of_texts_are_found_wherever_they_are(
    limit: int, first: list[str], second: list[str], part: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns_module, "_MANY", limit)
        patch.setattr(columns_module, "_ROWS", 3)
        texts, lines = Texts(), [*first, *second]
        seqs = np.arange(len(lines)) * 2 + 1
        size = len(lines) * 2 + 2
        for upto, new in ((len(first), first), (len(lines), second)):
            start = upto - len(new)
            texts.extend(seqs[start:upto], "\n".join(new), size)
            expected = {2 * n + 1 for n, line in enumerate(lines[:upto]) if part in line}
            for _ in range(2):
                assert set(np.flatnonzero(texts.containing(part)).tolist()) == expected


def test_values_that_many_share() -> None:
    coded = Coded()
    coded.extend(np.array([3, 1]), "b\na", 4)
    assert coded.between("b", None).tolist() == [False, False, False, True]
    coded.extend(np.array([5]), "aa", 6)
    assert coded.between("aa", None).tolist() == [False, False, False, True, False, True]
    assert coded.between(None, "aa").tolist() == [False, True, False, False, False, True]
    coded.extend(np.zeros(0, np.int64), "", 8)
    assert coded.between("", "z").tolist() == [False, True, False, True, False, True, False, False]


def test_lists_of_what_belongs_together() -> None:
    lists = Lists()
    lists.extend(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert not lists.of([1], 3).any()
    lists.extend(np.array([2, 0, 2, 1]), np.array([7, 7, 9, 9]))
    lists.extend(np.array([3]), np.array([7]))
    for things, expected in (([7], {0, 2, 3}), ([9], {1, 2}), ([7, 9], {0, 1, 2, 3}), ([8], set())):
        assert set(np.flatnonzero(lists.of(things, 5)).tolist()) == expected


def test_every_order_of_questions_gives_the_same(small: Catalog) -> None:
    panel = [Filters(since="2026-11-02"), Filters(until="2026-11-20", author="ada"),
             Filters(where="-since:2026-11-20 or author:low")]  # fmt: skip
    for order in itertools.permutations(panel):
        facets = Facets(small.store)
        for filters in [*order, *order]:
            asked(small, filters, facets)
