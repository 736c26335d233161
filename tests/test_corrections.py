"""What people say of tags: it holds over the tagger, moves with papers, and can be taken back."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes import add, record
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from curator.catalog import Catalog, Filters, StoredTag
from curator.catalog.corrections import Correction, overlaid
from curator.catalog.tagcounts import TagCounts
from curator.errors import StorageError

# owls ⊂ birds ⊂ animals, bats ⊂ animals
PARENTS = {"owls": ["birds", "animals"], "birds": ["animals"], "bats": ["animals"]}


def ancestors(tag: str) -> Sequence[str]:
    return PARENTS.get(tag, [])


@pytest.fixture
def ids(catalog: Catalog) -> dict[str, str]:
    """Ids by title."""
    add(catalog, *(record(title, f"{title} at night.") for title in ("One", "Two", "Three")))
    return {p.title: p.id for p in catalog.papers.select()}


def tag(catalog: Catalog, paper_id: str, *found: StoredTag, parents: bool = True) -> None:
    """What a run of the tagger stores."""
    catalog.outputs.save_tags(
        catalog.papers.get([paper_id])[paper_id],
        found,
        taxonomy="t",
        model="m",
        recipe="r",
        ancestors=ancestors if parents else None,
    )


def stored(catalog: Catalog, paper_id: str) -> dict[str, tuple[float, str, bool]]:
    found = catalog.outputs.tags([paper_id]).get(paper_id, [])
    return {t.tag: (t.confidence, t.source, t.needs_review) for t in found}


OWLS = StoredTag("owls", 0.4, "model", evidence="Owls at night.")
BIRDS = StoredTag("birds", 0.4, "parent")
DOUBT = StoredTag("bats", 0.2, "similarity", needs_review=True)
RIGHT = (1.0, "human", False)
BROUGHT = (1.0, "parent", False)


def test_a_right_tag_is_sure_at_once_and_stays_so(catalog: Catalog, ids: dict[str, str]) -> None:
    one = ids["One"]
    tag(catalog, one, OWLS, DOUBT)
    assert catalog.corrections.set(one, {"bats": True}) == {"bats": None}
    assert stored(catalog, one) == {"bats": RIGHT, "owls": (0.4, "model", False)}
    tag(catalog, one, StoredTag("bats", 0.1, "model", needs_review=True), parents=False)
    assert stored(catalog, one) == {"bats": RIGHT}
    tag(catalog, one, parents=False)  # the tagger does not find it at all
    assert stored(catalog, one) == {"bats": RIGHT}
    assert set(catalog.papers.select_ids(Filters(tags=("bats",)))) == {one}


def test_a_wrong_tag_goes_at_once_and_never_comes_back(
    catalog: Catalog, ids: dict[str, str]
) -> None:
    one, two = ids["One"], ids["Two"]
    tag(catalog, one, OWLS, DOUBT)
    tag(catalog, two, OWLS)
    catalog.corrections.set(one, {"owls": False, "never-given": False})
    assert set(stored(catalog, one)) == {"bats"}
    tag(catalog, one, StoredTag("owls", 0.99, "similarity"), StoredTag("never-given", 1.0, "model"))
    assert stored(catalog, one) == {}
    assert set(stored(catalog, two)) == {"owls"}, "one paper's correction is no other's"


def test_the_sentence_stays_with_a_corrected_tag(catalog: Catalog, ids: dict[str, str]) -> None:
    tag(catalog, ids["One"], OWLS)
    catalog.corrections.set(ids["One"], {"owls": True})
    (found,) = catalog.outputs.tags([ids["One"]])[ids["One"]]
    assert found == StoredTag("owls", 1.0, "human", evidence="Owls at night.")


def test_taking_it_back_gives_what_the_tagger_found(catalog: Catalog, ids: dict[str, str]) -> None:
    one = ids["One"]
    tag(catalog, one, OWLS, BIRDS, DOUBT)
    before = catalog.outputs.tags([one])
    catalog.corrections.set(one, {"owls": False, "bats": True, "new": True}, ancestors)
    assert catalog.corrections.unset(one, ancestors=ancestors) == ["bats", "new", "owls"]
    assert catalog.outputs.tags([one]) == before
    assert catalog.corrections.all() == {}
    assert catalog.corrections.unset(one) == catalog.corrections.unset("unknown") == []


def test_taking_back_gives_what_the_latest_run_found(catalog: Catalog, ids: dict[str, str]) -> None:
    one = ids["One"]
    tag(catalog, one, OWLS)
    catalog.corrections.set(one, {"owls": False, "bats": True})
    tag(catalog, one, StoredTag("owls", 0.7, "similarity"), StoredTag("bats", 0.3, "model", True))
    catalog.corrections.unset(one, ["owls", "bats"])
    assert stored(catalog, one) == {
        "owls": (0.7, "similarity", False),
        "bats": (0.3, "model", True),
    }


def test_a_tagger_that_hands_on_corrections_does_not_make_them_its_own(
    catalog: Catalog, ids: dict[str, str]
) -> None:
    """As one does that decides only some tags anew, and keeps the others as they are stored."""
    one = ids["One"]
    tag(catalog, one, DOUBT, StoredTag("fish", 1.0, "parent"))
    before = catalog.outputs.tags([one])
    catalog.corrections.set(one, {"bats": True, "new": True}, ancestors)
    for _ in range(2):
        tag(catalog, one, *catalog.outputs.tags([one])[one])
        assert set(stored(catalog, one)) == {"bats", "animals", "new", "fish"}
    catalog.corrections.unset(one, None, ancestors)
    assert catalog.outputs.tags([one]) == before


def test_the_other_way_round(catalog: Catalog, ids: dict[str, str]) -> None:
    one = ids["One"]
    tag(catalog, one, OWLS)
    catalog.corrections.set(one, {"owls": True})
    assert catalog.corrections.set(one, {"owls": True}) == {}, "no news"
    assert catalog.corrections.set(one, {"owls": False}) == {"owls": True}
    assert stored(catalog, one) == {}
    assert catalog.corrections.set(one, {"owls": None}) == {"owls": False}
    assert stored(catalog, one) == {"owls": (0.4, "model", False)}


# --------------------------------------------------------------------------- parents


def test_a_right_tag_brings_its_parents(catalog: Catalog, ids: dict[str, str]) -> None:
    one = ids["One"]
    tag(catalog, one, StoredTag("animals", 0.2, "model", needs_review=True))
    catalog.corrections.set(one, {"owls": True}, ancestors)
    assert stored(catalog, one) == {"owls": RIGHT, "birds": BROUGHT, "animals": BROUGHT}
    assert catalog.corrections.of([one]) == {one: {"owls": True}}, "nobody said that of birds"
    tag(catalog, one)
    assert set(stored(catalog, one)) == {"owls", "birds", "animals"}
    catalog.corrections.unset(one, ["owls"], ancestors)
    assert stored(catalog, one) == {}


def test_a_parent_that_is_wrong_does_not_come_along(catalog: Catalog, ids: dict[str, str]) -> None:
    one = ids["One"]
    catalog.corrections.set(one, {"birds": False}, ancestors)
    catalog.corrections.set(one, {"owls": True}, ancestors)
    assert stored(catalog, one) == {"owls": RIGHT, "animals": BROUGHT}
    catalog.corrections.unset(one, ["birds"], ancestors)
    assert stored(catalog, one) == {"owls": RIGHT, "birds": BROUGHT, "animals": BROUGHT}


def test_a_parent_stays_while_one_child_does(catalog: Catalog, ids: dict[str, str]) -> None:
    one = ids["One"]
    catalog.corrections.set(one, {"owls": True, "bats": True}, ancestors)
    catalog.corrections.unset(one, ["bats"], ancestors)
    assert stored(catalog, one) == {"owls": RIGHT, "birds": BROUGHT, "animals": BROUGHT}
    catalog.corrections.set(one, {"owls": False}, ancestors)
    assert stored(catalog, one) == {}


def test_a_wrong_tag_takes_the_parents_along_that_came_with_it(
    catalog: Catalog, ids: dict[str, str]
) -> None:
    one = ids["One"]
    animals = StoredTag("animals", 0.4, "parent")
    tag(catalog, one, OWLS, BIRDS, animals)
    catalog.corrections.set(one, {"owls": False}, ancestors)
    assert stored(catalog, one) == {}
    catalog.corrections.unset(one, None, ancestors)
    tag(catalog, one, OWLS, BIRDS, animals, StoredTag("bats", 0.9, "model"))
    catalog.corrections.set(one, {"owls": False}, ancestors)
    assert set(stored(catalog, one)) == {"bats", "animals"}, "bats are animals"
    own = StoredTag("birds", 0.8, "similarity")
    tag(catalog, one, OWLS, own, animals)
    assert set(stored(catalog, one)) == {"birds", "animals"}, "birds stand on their own"


def test_tags_of_another_taxonomy_have_no_parents(catalog: Catalog, ids: dict[str, str]) -> None:
    catalog.corrections.set(ids["One"], {"unheard-of": True, "": False}, ancestors)
    assert set(stored(catalog, ids["One"])) == {"unheard-of"}


NAMES = ("owls", "birds", "animals", "bats", "new")
SAID = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([True, False, None]), min_size=1)
FOUND = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from(["model", "parent", "similarity"]), max_size=4
)
_numbers = itertools.count()


@given(found=FOUND, steps=st.lists(SAID, max_size=6))
def test_whatever_is_said_and_taken_back(
    tmp_path_factory: pytest.TempPathFactory,
    empty_catalog: Path,
    found: dict[str, str],
    steps: list[dict[str, bool | None]],
) -> None:
    """After any words, the tags obey them; taken back one by one or all, nothing is left."""
    place = tmp_path_factory.getbasetemp() / f"said-{next(_numbers)}.sqlite3"
    place.write_bytes(empty_catalog.read_bytes())
    catalog = Catalog(place)
    add(catalog, record("One", "At night."))
    (one,) = (paper.id for paper in catalog.papers.select())
    tag(catalog, one, *(StoredTag(name, 0.5, source) for name, source in found.items()))
    first = catalog.outputs.tags([one])
    undone: list[tuple[dict[str, list[StoredTag]], dict[str, bool | None]]] = []
    for said in steps:
        before = catalog.outputs.tags([one])
        undone.append((before, catalog.corrections.set(one, said, ancestors)))
        holds = catalog.corrections.of([one]).get(one, {})
        now = stored(catalog, one)
        assert {name: now.get(name) == RIGHT for name in holds} == holds
        assert all(name in now for name, right in holds.items() if right)
    for before, back in reversed(undone):
        catalog.corrections.set(one, back, ancestors)
        assert catalog.outputs.tags([one]) == before
    assert catalog.outputs.tags([one]) == first
    catalog.close()


def test_what_is_covered_is_noted_once() -> None:
    """Two right tags with one parent: only one of them says what was below it."""
    said = {name: Correction(True, "h", "then") for name in ("owls", "bats")}
    rows, replaced = overlaid({}, said, ancestors)
    assert set(rows) == {"owls", "bats", "birds", "animals"}
    noted = [name for covered in replaced.values() for name in covered]
    assert sorted(noted) == sorted(set(noted)) == sorted(rows)


# ----------------------------------------------------------- reading, and unknown papers


def test_counts_all_and_of(catalog: Catalog, ids: dict[str, str]) -> None:
    one, two, three = (ids[title] for title in ("One", "Two", "Three"))
    changed = catalog.corrections.set_all(
        {one: {"a": True, "b": False}, "unknown": {"a": True}, two: {"a": False}, three: {}}
    )
    assert changed == {one: {"a": None, "b": None}, two: {"a": None}}
    assert catalog.corrections.all() == {one: {"a": True, "b": False}, two: {"a": False}}
    assert catalog.corrections.of([two, three, "unknown"]) == {two: {"a": False}}
    assert catalog.corrections.of([]) == {}
    assert catalog.corrections.counts() == {"a": (1, 1), "b": (0, 1)}


def test_filters_see_a_correction_in_a_process_that_stays(
    catalog: Catalog, ids: dict[str, str]
) -> None:
    tag(catalog, ids["One"], OWLS)
    assert catalog.facets.mask(Filters(tags=("owls",))).sum() == 1
    catalog.corrections.set(ids["One"], {"owls": False})
    assert catalog.facets.mask(Filters(tags=("owls",))).sum() == 0


# ------------------------------------------------------------- papers that are joined


def at(catalog: Catalog, when: str) -> None:
    with catalog.store.write() as connection:
        connection.execute(text("UPDATE corrections SET at = :at"), {"at": when})


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("last", [True, False])
def test_of_two_words_the_later_one_holds(
    catalog: Catalog, ids: dict[str, str], turned: bool, last: bool
) -> None:
    first, second = (ids["Two"], ids["One"]) if turned else (ids["One"], ids["Two"])
    catalog.corrections.set(first, {"owls": not last, "bats": True}, ancestors)
    at(catalog, "2020-01-01T00:00:00Z")
    catalog.corrections.set(second, {"owls": last}, ancestors)
    name, _ = catalog.decisions.merge([ids["One"], ids["Two"]])
    assert catalog.corrections.all() == {name: {"bats": True, "owls": last}}
    now = stored(catalog, name)
    assert ("owls" in now) == last
    assert now["bats"] == RIGHT and "animals" in now
    assert set(TagCounts(catalog.store).decided()) == set(now)


def test_what_is_said_of_one_paper_holds_over_the_tags_of_the_other(
    catalog: Catalog, ids: dict[str, str]
) -> None:
    for one in (ids["One"], ids["Two"]):
        tag(catalog, one, OWLS, DOUBT, StoredTag("fish", 0.9, "model"))
    catalog.corrections.set(ids["One"], {"owls": False}, ancestors)
    catalog.corrections.set(ids["Two"], {"bats": True}, ancestors)
    name, _ = catalog.decisions.merge([ids["One"], ids["Two"]])
    assert set(stored(catalog, name)) == {"bats", "animals", "fish"}
    catalog.corrections.unset(name, None, ancestors)
    assert stored(catalog, name) == {
        "owls": (0.4, "model", False),
        "fish": (0.9, "model", False),
        "bats": (0.2, "similarity", True),
    }


def test_corrections_move_with_a_paper_that_is_named_anew(catalog: Catalog) -> None:
    add(catalog, record("The New Title", "New text.", arxiv_id="2401.00001v2"), source="a")
    before = catalog.papers.resolve("2401.00001").id
    tag(catalog, before, OWLS, DOUBT)
    catalog.corrections.set(before, {"owls": False, "bats": True}, ancestors)
    add(catalog, record("The Old Title", "Old text.", arxiv_id="2401.00001v1"), source="b")
    after = catalog.papers.resolve("2401.00001").id
    assert after != before
    assert catalog.corrections.all() == {after: {"bats": True, "owls": False}}
    assert set(stored(catalog, after)) == {"bats", "animals"}
    catalog.corrections.unset(after, None, ancestors)
    assert stored(catalog, after) == {
        "owls": (0.4, "model", False),
        "bats": (0.2, "similarity", True),
    }


def test_corrections_stay_with_the_larger_part_of_a_split_paper(
    catalog: Catalog, ids: dict[str, str]
) -> None:
    name, _ = catalog.decisions.merge([ids["One"], ids["Two"]])
    catalog.corrections.set(name, {"owls": True})
    parts, _ = catalog.decisions.split(name, [2])
    assert len(parts) == 2
    (kept,) = catalog.corrections.all()
    assert kept in parts and stored(catalog, kept) == {"owls": RIGHT}


def test_corrections_survive_another_text(catalog: Catalog, ids: dict[str, str]) -> None:
    tag(catalog, ids["One"], OWLS)
    catalog.corrections.set(ids["One"], {"owls": False})
    add(catalog, record("One", "One, told anew."))
    assert catalog.corrections.of([ids["One"]]) == {ids["One"]: {"owls": False}}
    assert stored(catalog, ids["One"]) == {}


# ------------------------------------------------------------------------- what fails


def test_a_change_is_whole_or_not_at_all(catalog: Catalog, ids: dict[str, str]) -> None:
    one, two = ids["One"], ids["Two"]
    tag(catalog, one, OWLS)
    with catalog.store.write() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON corrections WHEN NEW.tag = 'b' "
                "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        )
    with pytest.raises(StorageError):
        catalog.corrections.set_all({one: {"owls": False}, two: {"a": True, "b": True}})
    assert catalog.corrections.all() == {}
    assert set(stored(catalog, one)) == {"owls"} and stored(catalog, two) == {}


def test_tags_of_people_before_there_were_corrections(tmp_path: Path) -> None:
    """A library of the release before: what a person had decided goes on holding."""
    path = tmp_path / "old.sqlite3"
    with_tags = Catalog(path)
    add(with_tags, record("One", "At night."))
    (one,) = (paper.id for paper in with_tags.papers.select())
    with_tags.close()
    db = sqlite3.connect(path)
    with db:
        db.execute("DROP TABLE corrections")
        db.execute("ALTER TABLE tags DROP COLUMN evidence")
        db.execute("DELETE FROM schema_migrations WHERE number >= 6")
        for name, source, review in (("owls", "human", 0), ("bats", "model", 0), ("a", "human", 1)):
            db.execute(
                "INSERT INTO tags VALUES (?, ?, 0.9, ?, ?, 'h', 't', 'm', 'then')",
                (one, name, source, review),
            )
    db.close()
    catalog = Catalog(path)
    assert catalog.corrections.all() == {one: {"owls": True}}
    tag(catalog, one, parents=False)
    assert stored(catalog, one) == {"owls": RIGHT}
    catalog.corrections.unset(one)
    assert stored(catalog, one) == {}
    catalog.close()
