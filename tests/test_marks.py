"""What readers say of papers: likes, dislikes and what is read, and the commands for it."""

from __future__ import annotations

import pytest
from commands import inline
from fakes import add, record
from sqlalchemy import text

from curator.catalog import Catalog, Filters
from curator.library import Library


@pytest.fixture
def papers(catalog: Catalog) -> dict[str, str]:
    """Ids by title."""
    add(catalog, *(record(title, f"{title} at night.") for title in ("Owls", "Bats", "Moths")))
    return {p.title: p.id for p in catalog.papers.select()}


def at(catalog: Catalog, when: str) -> None:
    """Makes all marks so old."""
    with catalog.store.write() as connection:
        connection.execute(text("UPDATE marks SET at = :at"), {"at": when})


# --------------------------------------------------------------------------- catalog


def test_marks_are_set_once_and_taken_back(catalog: Catalog, papers: dict[str, str]) -> None:
    owls, bats, moths = papers["Owls"], papers["Bats"], papers["Moths"]
    assert catalog.marks.set("liked", [owls, bats, owls]) == [owls, bats]
    assert catalog.marks.set("liked", [moths, owls]) == [moths]
    assert catalog.marks.unset("liked", [owls, moths, "unknown"]) == [owls, moths]
    assert catalog.marks.unset("liked", [owls]) == []
    assert catalog.marks.ids("liked") == [bats]
    assert catalog.marks.counts() == {"liked": 1, "disliked": 0, "read": 0}


def test_a_paper_is_liked_or_disliked(catalog: Catalog, papers: dict[str, str]) -> None:
    owls, bats = papers["Owls"], papers["Bats"]
    catalog.marks.set("liked", [owls, bats])
    catalog.marks.set("read", [owls])
    assert catalog.marks.set("disliked", [owls]) == [owls]
    assert set(catalog.marks.of([owls])[owls]) == {"disliked", "read"}
    assert catalog.marks.set("liked", [owls]) == [owls]
    assert catalog.marks.ids("disliked") == []
    assert set(catalog.marks.ids("liked")) == {owls, bats}


def test_what_is_no_paper_is_not_marked(catalog: Catalog, papers: dict[str, str]) -> None:
    assert catalog.marks.set("read", ["unknown", papers["Owls"], "", "p%"]) == [papers["Owls"]]
    assert catalog.marks.set("read", []) == catalog.marks.unset("read", []) == []
    assert catalog.marks.of(["unknown"]) == {}
    assert catalog.marks.counts()["read"] == 1


def test_the_time_of_a_mark_stays_when_it_is_set_again(
    catalog: Catalog, papers: dict[str, str]
) -> None:
    owls, bats = papers["Owls"], papers["Bats"]
    catalog.marks.set("read", [owls])
    at(catalog, "2020-01-01T00:00:00Z")
    catalog.marks.set("read", [bats, owls])
    assert catalog.marks.of([owls]) == {owls: {"read": "2020-01-01T00:00:00Z"}}
    assert catalog.marks.ids("read") == [bats, owls]


def test_marks_survive_adding_again_and_other_texts(
    catalog: Catalog, papers: dict[str, str]
) -> None:
    catalog.marks.set("liked", [papers["Owls"]])
    add(catalog, record("Owls", "Owls at night, told anew."), record("Bats", "Bats at night."))
    assert [p.title for p in catalog.papers.select(Filters(liked=True))] == ["Owls"]


def test_marks_move_with_a_paper_that_is_joined(catalog: Catalog, papers: dict[str, str]) -> None:
    catalog.marks.set("liked", [papers["Owls"]])
    catalog.marks.set("read", [papers["Bats"], papers["Owls"]])
    name, _ = catalog.decisions.merge([papers["Bats"], papers["Owls"]])
    assert set(catalog.marks.of([name])[name]) == {"liked", "read"}
    assert catalog.marks.counts() == {"liked": 1, "disliked": 0, "read": 1}


def test_marks_move_with_a_paper_that_is_named_anew(catalog: Catalog) -> None:
    """A first version that comes later, with another title, gives the paper another id."""
    add(catalog, record("The New Title", "New text.", arxiv_id="2401.00001v2"), source="a")
    before = catalog.papers.resolve("2401.00001").id
    catalog.marks.set("disliked", [before])
    add(catalog, record("The Old Title", "Old text.", arxiv_id="2401.00001v1"), source="b")
    after = catalog.papers.resolve("2401.00001").id
    assert after != before
    assert catalog.marks.ids("disliked") == [after]


@pytest.mark.parametrize("first", ["liked", "disliked"])
@pytest.mark.parametrize("turned", [False, True])
def test_of_two_opinions_the_later_one_holds(
    catalog: Catalog, papers: dict[str, str], first: str, turned: bool
) -> None:
    second = "disliked" if first == "liked" else "liked"
    one, other = papers["Owls"], papers["Bats"]
    if turned:
        one, other = other, one
    catalog.marks.set(first, [one])  # type: ignore[arg-type]
    at(catalog, "2020-01-01T00:00:00Z")
    catalog.marks.set(second, [other])  # type: ignore[arg-type]
    name, _ = catalog.decisions.merge([papers["Owls"], papers["Bats"]])
    assert set(catalog.marks.of([name])[name]) == {second}
    assert sum(catalog.marks.counts().values()) == 1


def test_marks_stay_with_the_larger_part_of_a_split_paper(
    catalog: Catalog, papers: dict[str, str]
) -> None:
    name, _ = catalog.decisions.merge([papers["Owls"], papers["Bats"]])
    catalog.marks.set("liked", [name])
    ids, _ = catalog.decisions.split(name, [2])
    assert len(ids) == 2
    assert len(catalog.marks.ids("liked")) == 1
    assert set(catalog.marks.ids("liked")) < set(ids)


# ---------------------------------------------------------------------------- commands


@pytest.fixture
def home() -> dict[str, str]:
    """A library with papers; their ids by title."""
    with Library.open() as library:
        catalog = library.catalog
        add(
            catalog,
            record("Owls at Night", "Text.", arxiv_id="2401.00001"),
            record("Owls by Day", "Text.", doi="10.1234/day"),
            record("Bats", "Text."),
        )
        return {p.title: p.id for p in catalog.papers.select()}


def marked(kind: str) -> set[str]:
    with Library.open() as library:
        return {library.catalog.papers.get([i])[i].title for i in library.catalog.marks.ids(kind)}  # type: ignore[arg-type]


def test_papers_are_named_as_everywhere(home: dict[str, str]) -> None:
    done = inline("like", "arXiv:2401.00001v2", "https://doi.org/10.1234/DAY", home["Bats"][:8])
    assert done.code == 0
    assert [line.split()[:2] for line in done.out.splitlines()] == [
        ["liked", home[title]] for title in ("Owls at Night", "Owls by Day", "Bats")
    ]
    assert marked("liked") == set(home)
    again = inline("like", "Bats")
    assert (again.code, again.out.split()[:2]) == (0, ["liked", "already"])


def test_a_dislike_takes_a_like_back_and_undo_both(home: dict[str, str]) -> None:
    inline("like", "Bats")
    assert inline("dislike", "bats").out.startswith("disliked ")
    assert (marked("liked"), marked("disliked")) == (set(), {"Bats"})
    assert inline("dislike", "--undo", "Bats").out.startswith("not disliked ")
    assert inline("dislike", "--undo", "Bats").out.startswith("was not disliked ")
    assert marked("disliked") == set()


def test_read(home: dict[str, str]) -> None:
    assert inline("read", "Bats", "Owls by Day").code == 0
    assert marked("read") == {"Bats", "Owls by Day"}
    assert inline("read", "Bats", "--undo").code == 0
    assert marked("read") == {"Owls by Day"}


def test_unknown_and_ambiguous_names_are_said_and_the_others_done(home: dict[str, str]) -> None:
    done = inline("like", "nothing", "Bats", "Owls")
    assert done.code == 1
    assert marked("liked") == {"Bats"}
    assert done.out.count("\n") == 1
    assert "'nothing'" in done.err and "'Owls' may mean several" in done.err


def test_only_unknown_names(home: dict[str, str]) -> None:
    done = inline("like", "nothing", "--json")
    assert done.code == 2
    assert done.json == {
        "mark": "liked",
        "undone": False,
        "papers": [],
        "changed": [],
        "unknown": [{"name": "nothing", "reason": done.json["unknown"][0]["reason"]}],
    }
    assert "No paper 'nothing'" in done.json["unknown"][0]["reason"]


def test_json(home: dict[str, str]) -> None:
    inline("read", "Bats")
    done = inline("read", "Bats", "2401.00001", home["Bats"], "--json")
    assert done.code == 0
    assert done.json == {
        "mark": "read",
        "undone": False,
        "papers": [home["Bats"], home["Owls at Night"]],
        "changed": [home["Owls at Night"]],
        "unknown": [],
    }
    undone = inline("read", "Owls by Day", "Bats", "--undo", "--json").json
    assert (undone["undone"], undone["changed"]) == (True, [home["Bats"]])


def test_ids_from_standard_input(home: dict[str, str]) -> None:
    lines = f"\ufeff{home['Bats']}\r\n\n  Owls by Day  \nnothing\n"
    done = inline("like", "-", "2401.00001", stdin=lines)
    assert done.code == 1
    assert marked("liked") == set(home)
    assert "'nothing'" in done.err


@pytest.mark.parametrize("stdin", ["", "\n \n"])
def test_standard_input_without_a_name(home: dict[str, str], stdin: str) -> None:
    done = inline("like", "-", stdin=stdin)
    assert (done.code, done.out) == (2, "")
    assert "No paper is named" in done.err


def test_without_a_name(home: dict[str, str]) -> None:
    assert inline("read").code == 2
