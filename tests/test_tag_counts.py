"""Counts and trends of tags: what is counted, whose share it is, and which change is no chance."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from fakes import add, record
from hypothesis import given
from hypothesis import strategies as st

from curator.catalog import Catalog, StoredTag
from curator.catalog.tagcounts import TagCounts
from curator.errors import NotFoundError, UsageError
from curator.filters import Filters
from curator.tag_counts import SHOWN, TagCount, TagReport, TagStatistics
from curator.tag_names import TagNames, names_tags
from curator.tag_trends import change_p, changes, labels, starts
from curator.taxonomy import Tag, Taxonomy, load_taxonomy

TODAY = date(2026, 11, 20)  # a Friday of W47

TAXONOMY = """
version: 1
facets:
- {name: topic, description: What it is about.}
- {name: kind, description: What it is.}
tags:
- {name: birds, facet: topic, description: All birds., aliases: [avian, feathered-friends]}
- {name: owls, facet: topic, parent: birds, description: Owls.}
- {name: barn-owls, facet: topic, parent: owls, description: Barn owls.}
- {name: boats, facet: topic, description: Boats., aliases: [ships]}
- {name: survey, facet: kind, description: Surveys.}
"""


@pytest.fixture
def taxonomy(tmp_path: Path) -> Taxonomy:
    file = tmp_path / "taxonomy.yaml"
    file.write_text(TAXONOMY, "utf-8")
    return load_taxonomy(file)


def put(catalog: Catalog, *rows: tuple[str, Sequence[str], Sequence[str]]) -> list[str]:
    """A paper for each ``(day, tags, suggestions)``; their ids."""
    start = catalog.papers.count()
    entries = [
        record(f"Study number {start + n} of things", f"We study {start + n}.", published=day)
        for n, (day, *_) in enumerate(rows)
    ]
    add(catalog, *entries, source=f"s{start}")
    made = {paper.title: paper for paper in catalog.papers.select()}
    ids = []
    for entry, (_, tags, open_) in zip(entries, rows, strict=True):
        found = [
            *(StoredTag(tag, 0.9, "model") for tag in tags),
            *(StoredTag(tag, 0.4, "model", True) for tag in open_),
        ]
        paper = made[entry.title]
        ids.append(paper.id)
        catalog.outputs.save_tags(paper, found, taxonomy="t", model="m", recipe="r")
    return ids


def report(catalog: Catalog, taxonomy: Taxonomy, *args: str | None, **options: object) -> TagReport:
    return TagStatistics(catalog, taxonomy).report(*args, **{"today": TODAY, **options})  # type: ignore[arg-type]


def by_name(found: TagReport) -> dict[str, TagCount]:
    return {count.tag: count for count in found.tags}


# ---------------------------------------------------------------------------- counting


def test_an_empty_library(catalog: Catalog, taxonomy: Taxonomy) -> None:
    found = report(catalog, taxonomy)
    assert (found.papers, found.tagged, found.weeks, found.sizes, found.tags) == (0, 0, (), (), ())
    assert found.unused == ("birds", "owls", "barn-owls", "boats", "survey")
    page = TagStatistics(catalog, taxonomy).page("birds", today=TODAY)
    assert (page.count.papers, page.count.share, page.newest, page.companions) == (0, 0.0, (), ())


def test_papers_that_were_never_tagged(catalog: Catalog, taxonomy: Taxonomy) -> None:
    add(catalog, record("Owls", "Owls hunt.", published="2026-11-18"))
    found = report(catalog, taxonomy)
    assert (found.papers, found.tagged, found.weeks, found.tags) == (1, 0, (), ())


def test_decided_and_suggested_are_counted_apart(catalog: Catalog, taxonomy: Taxonomy) -> None:
    put(
        catalog,
        ("2026-11-16", ["birds", "owls"], ["boats"]),
        ("2026-11-17", ["birds"], ["owls", "boats"]),
        ("2026-11-09", [], []),  # tagged, and nothing fits
        ("2026-11-10", ["odd, \nname", "boats"], []),
    )
    add(catalog, record("Not tagged yet", "It waits.", published="2026-11-19"), source="later")
    found = report(catalog, taxonomy)
    assert (found.papers, found.tagged) == (5, 4)
    assert (found.weeks, found.sizes) == (("2026-W46", "2026-W47"), (2, 2))
    counts = by_name(found)
    shown = {tag: (c.papers, c.suggested, c.share, c.trend) for tag, c in counts.items()}
    assert shown == {
        "birds": (2, 0, 0.5, (0, 2)),
        "owls": (1, 1, 0.25, (0, 1)),
        "boats": (1, 2, 0.25, (1, 0)),
        "odd, \nname": (1, 0, 0.25, (1, 0)),
    }
    assert [c.facet for c in found.tags] == ["topic", "topic", "topic", None]
    assert found.unused == ("barn-owls", "survey")
    assert TagCounts(catalog.store).decided() == {
        "birds": 2, "boats": 1, "odd, \nname": 1, "owls": 1,
    }  # fmt: skip


def test_what_failed_is_not_tagged_but_what_has_tags_is(
    catalog: Catalog, taxonomy: Taxonomy
) -> None:
    put(catalog, ("2026-11-16", ["birds"], []), ("2026-11-16", [], []))
    with_tag, without = catalog.papers.select(newest_first=False)
    for paper in (with_tag, without):
        catalog.outputs.fail(paper, "tag", "no model", "r")
    found = report(catalog, taxonomy)
    assert (found.papers, found.tagged, by_name(found)["birds"].share) == (2, 1, 1.0)


def test_a_period_has_its_own_papers_only(catalog: Catalog, taxonomy: Taxonomy) -> None:
    put(
        catalog,
        ("2026-10-31", ["birds"], ["boats"]),
        ("2026-11-01", ["birds"], []),
        ("2026-11-30", ["boats"], []),
        ("2026-12-01", ["birds", "survey"], []),
    )
    found = report(catalog, taxonomy, "2026-11-01", "2026-11-30")
    shown = {tag: (c.papers, c.suggested) for tag, c in by_name(found).items()}
    assert (found.papers, shown) == (2, {"birds": (1, 0), "boats": (1, 0)})
    assert "survey" in found.unused
    empty = report(catalog, taxonomy, "2025-01-01", "2025-12-31")
    assert (empty.papers, empty.tags, empty.weeks) == (0, (), ())


def test_every_filter_counts_what_the_table_counts(catalog: Catalog, taxonomy: Taxonomy) -> None:
    """Against the search filters, on many papers at random, some of them joined to others."""
    chance = random.Random(3)
    names = ["birds", "owls", "boats", "survey", "other"]
    days = [date(2026, 6, 1) + timedelta(days=chance.randrange(180)) for _ in range(150)]
    ids = put(
        catalog,
        *(
            (day.isoformat(), chance.sample(names[:3], 2), chance.sample(names[3:], 1))
            for day in days
        ),
    )
    catalog.decisions.merge(ids[:2])
    for since, until in ((None, None), ("2026-08-15", None), ("2026-07-01", "2026-09-30")):
        found = by_name(report(catalog, taxonomy, since, until))
        for name in names:
            expected = len(catalog.papers.select_ids(Filters(since, until, (name,))))
            assert (found[name].papers if name in found else 0) == expected, (since, until, name)


def test_children_stand_below_their_parents(catalog: Catalog, taxonomy: Taxonomy) -> None:
    put(
        catalog,
        ("2026-11-16", ["birds", "owls", "barn-owls"], []),
        ("2026-11-16", ["boats"], []),
        ("2026-11-16", ["boats", "survey"], []),
    )
    found = report(catalog, taxonomy)
    stands = [(c.tag, depth) for c, depth in zip(found.tags, found.depths, strict=True)]
    assert stands == [
        ("boats", 0), ("birds", 0), ("owls", 1), ("barn-owls", 2), ("survey", 0),
    ]  # fmt: skip
    only = report(catalog, taxonomy, facet="kind")
    assert ([c.tag for c in only.tags], only.unused) == (["survey"], ())
    two = report(catalog, taxonomy, limit=2)
    assert [c.tag for c in two.tags] == ["boats", "barn-owls"]
    with pytest.raises(UsageError, match="colour") as caught:
        report(catalog, taxonomy, facet="colour")
    assert "topic, kind" in caught.value.remedy


def test_a_child_below_a_parent_that_no_paper_has(catalog: Catalog, taxonomy: Taxonomy) -> None:
    put(catalog, ("2026-11-16", ["birds", "barn-owls"], []))
    found = report(catalog, taxonomy)
    assert [(c.tag, d) for c, d in zip(found.tags, found.depths, strict=True)] == [
        ("barn-owls", 1), ("birds", 0),
    ][::-1]  # fmt: skip


def test_a_taxonomy_without_facets(catalog: Catalog) -> None:
    plain = Taxonomy((), (Tag("owls", "", "Owls."), Tag("boats", "", "Boats.")), "hash")
    put(catalog, ("2026-11-16", ["owls"], []), ("2026-11-16", ["kites", "owls"], []))
    found = report(catalog, plain)
    assert [(c.tag, c.facet) for c in found.tags] == [("owls", ""), ("kites", None)]
    assert found.unused == ("boats",)
    with pytest.raises(UsageError, match="facet") as caught:
        report(catalog, plain, facet="topic")
    assert "none" in caught.value.remedy


def test_what_is_stored_under_a_former_name_is_counted(
    catalog: Catalog, taxonomy: Taxonomy
) -> None:
    boats = replace(taxonomy.by_name["boats"], name="vessels", was=("boats",))
    renamed = Taxonomy(taxonomy.facets, (boats,), "hash")
    ids = put(
        catalog,
        ("2026-11-16", ["boats"], []),
        ("2026-11-17", ["vessels"], []),
        ("2026-11-18", ["boats", "vessels"], []),
    )
    (count,) = report(catalog, renamed).tags
    assert (count.tag, count.papers, count.share) == ("vessels", 3, 1.0)
    statistics = TagStatistics(catalog, renamed)
    for name in ("vessels", "boats", "ships"):
        page = statistics.page(name, today=TODAY)
        assert (page.count.tag, page.count.papers) == ("vessels", 3)
        assert [paper.id for paper, _ in page.newest] == ids[::-1]
        filters = TagNames(renamed, TagCounts(catalog.store)).in_filters(Filters(tags=(name,)))
        assert catalog.papers.select_ids(filters) == {*ids}


# ------------------------------------------------------------------------------- weeks


def test_weeks_end_with_the_last_that_has_begun(catalog: Catalog, taxonomy: Taxonomy) -> None:
    put(
        catalog,
        *((f"2026-{month:02}-15", ["birds"], []) for month in range(1, 11)),
        ("2026-11-12", ["birds"], []),
        ("2031-01-01", ["birds"], []),  # somebody's slip
    )
    found = report(catalog, taxonomy)
    assert len(found.weeks) == SHOWN
    assert (found.weeks[0], found.weeks[-1]) == ("2026-W35", "2026-W46")
    birds = by_name(found)["birds"]
    assert (birds.papers, sum(birds.trend)) == (12, 3)
    whole = report(catalog, taxonomy, "2026-01-01")
    assert (whole.weeks[0], len(whole.weeks)) == ("2026-W03", 44)
    months = report(catalog, taxonomy, "2026-01-01", by="month")
    assert months.weeks == tuple(f"2026-{m:02}" for m in range(1, 12))
    assert by_name(months)["birds"].trend == (1,) * 11
    future = report(catalog, taxonomy, "2030-01-01")
    assert (future.weeks, future.sizes) == (("2031-W01",), (1,))


def test_weeks_across_the_turn_of_a_year() -> None:
    begins = starts(date(2026, 12, 20), date(2027, 1, 6), "week", 99)
    assert labels(begins, "week") == ["2026-W51", "2026-W52", "2026-W53", "2027-W01"]
    assert starts(date(1990, 1, 1), date(2026, 11, 20), "week", 3)[0] == date(2026, 11, 2)
    months = starts(date(2025, 11, 30), date(2026, 2, 1), "month", 99)
    assert labels(months, "month") == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert labels([date(1, 1, 1)], "month") == ["0001-01"]
    assert starts(date(1, 1, 1), date(1, 1, 3), "week", 99) == [date(1, 1, 1)]


# ----------------------------------------------------------------------------- chance


def exact(last: int, of_last: int, before: int, of_before: int) -> float:
    """The two-sided probability, term by term in whole numbers."""
    total, chance = last + before, Fraction(of_last, of_last + of_before)
    terms = [
        math.comb(total, k) * chance**k * (1 - chance) ** (total - k) for k in range(total + 1)
    ]
    return float(min(1, 2 * min(sum(terms[: last + 1]), sum(terms[last:]))))


@given(st.integers(0, 40), st.integers(1, 60), st.integers(0, 40), st.integers(1, 600))
def test_the_probability_is_the_exact_one(
    last: int, of_last: int, before: int, of_before: int
) -> None:
    found = change_p(last, of_last, before, of_before)
    assert found == pytest.approx(exact(last, of_last, before, of_before), rel=1e-9)


def test_large_numbers_take_no_time_and_no_wrong_turn() -> None:
    assert change_p(50_000, 60_000, 500_000, 600_000) == pytest.approx(1.0, abs=0.01)
    assert 0 <= change_p(0, 10**6, 10**6, 10**6) < 1e-300
    # The normal approximation holds here.
    z = 150 / math.sqrt(20_300 / 4)
    assert change_p(10_300, 10**6, 10_000, 10**6) == pytest.approx(
        math.erfc(z / math.sqrt(2)), rel=0.02
    )


def test_a_change_is_marked_only_beyond_chance() -> None:
    rose, fell, steady, rare = [5, 5, 30], [30, 30, 3], [20, 20, 20], [0, 0, 1]
    found = changes([rose, fell, steady, rare], [50, 50, 50])
    assert [change and change.direction for change in found] == [1, -1, 0, 0]
    assert found[0] is not None
    assert (found[0].last, found[0].before) == (0.6, 0.1)
    # Half a week with half the papers is no change, though the counts fell.
    assert [c and c.direction for c in changes([[40, 40, 20]], [100, 100, 50])] == [0]
    # The same difference among a thousand tags is one that some tag shows by chance.
    alone = changes([[10, 10, 22]], [50, 50, 50])
    many = changes([[10, 10, 22], *([[20, 20, 20]] * 999)], [50, 50, 50])
    assert (alone[0] and alone[0].direction, many[0] and many[0].direction) == (1, 0)


@pytest.mark.parametrize("sizes", [[], [5], [0, 5], [5, 0], [0, 0]])
def test_nothing_to_compare(sizes: list[int]) -> None:
    assert changes([[0] * len(sizes)], sizes) == [None]


def test_where_nothing_changes_marks_are_rare() -> None:
    """400 lists of 30 tags with steady shares: Holm's correction keeps lists with a wrong mark
    at 5 % or fewer."""
    chance = random.Random(11)
    wrong = 0
    for _ in range(400):
        sizes = [40] * 6
        rows = [
            [sum(chance.random() < share for _ in range(size)) for size in sizes]
            for share in (chance.choice((0.02, 0.1, 0.4)) for _ in range(30))
        ]
        wrong += any(change and change.direction for change in changes(rows, sizes))
    assert wrong <= 20


# -------------------------------------------------------------------------- one tag


def test_a_page(catalog: Catalog, taxonomy: Taxonomy) -> None:
    ids = put(
        catalog,
        ("2026-11-10", ["birds", "owls", "boats"], []),
        ("2026-11-17", ["birds", "boats"], []),
        ("2026-11-18", ["birds"], []),
        ("2026-11-18", ["survey"], ["birds"]),
        ("2026-11-19", ["survey"], []),
    )
    page = TagStatistics(catalog, taxonomy).page("Feathered Friends", limit=2, today=TODAY)
    assert (page.count.tag, page.count.papers, page.count.suggested) == ("birds", 3, 1)
    assert (page.papers, page.tagged, page.weeks) == (5, 5, ("2026-W46", "2026-W47"))
    assert (page.count.trend, page.sizes) == ((1, 2), (1, 4))
    assert [(paper.id, tag.confidence) for paper, tag in page.newest] == [
        (ids[2], 0.9), (ids[1], 0.9),
    ]  # fmt: skip
    # Its own children come along with it and say nothing; surveys are never about birds.
    assert [c.tag for c in page.companions] == ["boats"]
    (boats,) = page.companions
    assert (boats.papers, boats.overall) == (2, 0.4)
    assert boats.share == pytest.approx(2 / 3)
    assert (page.children, page.aliases) == (("owls",), ("avian", "feathered-friends"))


def test_a_page_of_a_tag_that_another_taxonomy_gave(catalog: Catalog, taxonomy: Taxonomy) -> None:
    put(catalog, ("2026-11-10", ["Kites"], []))
    page = TagStatistics(catalog, taxonomy).page("kites", today=TODAY)
    assert (page.count.tag, page.count.facet, page.count.papers) == ("Kites", None, 1)


# ------------------------------------------------------------------------------ names


def test_names_of_tags(catalog: Catalog, taxonomy: Taxonomy) -> None:
    put(catalog, ("2026-11-10", ["avian", "Old Tag"], ["waiting"]))
    names = TagNames(taxonomy, TagCounts(catalog.store))
    assert names.meant(" birds ") == ("birds",)
    assert names.meant("ships") == ("boats",)
    assert names.meant("SHIPS") == ("boats",)
    assert names.meant("avian") == ("birds", "avian")  # another taxonomy stored it as a tag
    assert names.meant("Old Tag") == names.meant("old tag") == ("Old Tag",)
    assert names.meant("waiting") == ("waiting",)
    assert TagCounts(catalog.store).names() == ["Old Tag", "avian", "waiting"]


@pytest.mark.parametrize(
    ("typed", "near"),
    [("owl", "owls"), ("brids", "birds"), ("shipps", "boats"), ("barn", "barn-owls"),
     ("Old Tga", "Old Tag"), ("zzz", ""), ("", ""), ("*", ""), ("\x1b[31m", "")],
)  # fmt: skip
def test_an_unknown_tag_is_said_with_what_is_near(
    catalog: Catalog, taxonomy: Taxonomy, typed: str, near: str
) -> None:
    put(catalog, ("2026-11-10", ["Old Tag"], []))
    with pytest.raises(NotFoundError) as caught:
        TagNames(taxonomy, TagCounts(catalog.store)).meant(typed)
    assert near in caught.value.remedy
    assert ("Near it" in caught.value.remedy) == bool(near)
    assert "curator tags" in caught.value.remedy
    assert "\x1b" not in str(caught.value)


def test_filters_find_tags_by_any_of_their_names(catalog: Catalog, taxonomy: Taxonomy) -> None:
    ids = put(
        catalog,
        ("2026-11-10", ["birds", "owls"], []),
        ("2026-11-11", ["avian"], []),
        ("2026-11-12", ["boats"], ["owls"]),
    )
    names = TagNames(taxonomy, TagCounts(catalog.store))

    def found(**options: object) -> set[int]:
        chosen = names.in_filters(Filters(**options))  # type: ignore[arg-type]
        return {ids.index(name) for name in catalog.papers.select_ids(chosen)}

    assert found(tags=("ships",)) == {2}
    assert found(tags=("birds",)) == {0}
    assert found(tags=("avian",)) == {0, 1}
    assert found(tags=("avian", "owls")) == {0}
    assert found(tags=("avian",), where="not tag:owls") == {1}
    assert found(where="tag:ships or (tag:owls and not tag:ships)") == {0, 2}
    assert found(where="not tag:avian and since:2026-11-11") == {2}
    assert names.in_filters(Filters(since="2026-01-01")) == Filters(since="2026-01-01")
    for bad in ({"tags": ("nothing",)}, {"where": "liked or not tag:nothing"}):
        with pytest.raises(NotFoundError, match="nothing"):
            found(**bad)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), False),
        (Filters(tags=("x",)), True),
        (Filters(where="liked and not (since:2026 or -tag:x)"), True),
        (Filters(where='author:"tag:x" or not read'), False),
    ],
)
def test_whether_filters_name_tags(filters: Filters, expected: bool) -> None:
    assert names_tags(filters) is expected
