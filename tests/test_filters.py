"""Which papers count: days as people write them, conditions, and filters as plain values."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import Any

import pytest
from fakes import add, record
from hypothesis import given
from hypothesis import strategies as st

from curator.catalog import Catalog, StoredTag
from curator.cli.options import filters_of
from curator.digest.period import day_of, days_of
from curator.errors import UsageError
from curator.filters import Filters
from curator.where import (
    MAX_DEPTH,
    MAX_LEAVES,
    And,
    Expr,
    Ids,
    Leaf,
    Not,
    Or,
    all_of,
    any_of,
    not_,
    parse_where,
)

TODAY = date(2026, 11, 20)  # a Friday


def parsed(text: str) -> Expr:
    return parse_where(text, today=TODAY)


def refused(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parsed(text)
    assert caught.value.remedy
    return caught.value.message


# ------------------------------------------------------------------------------ days


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2026-11-05", "2026-11-05", "2026-11-05"),
        (" 2026-11-5 ", "2026-11-05", "2026-11-05"),
        ("2026-11-05T23:59:00Z", "2026-11-05", "2026-11-05"),
        ("2026-11", "2026-11-01", "2026-11-30"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("9999-12", "9999-12-01", "9999-12-31"),
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026-W47", "2026-11-16", "2026-11-22"),
        ("2026w1", "2025-12-29", "2026-01-04"),
        ("today", "2026-11-20", "2026-11-20"),
        ("Yesterday", "2026-11-19", "2026-11-19"),
        ("0d", "2026-11-20", "2026-11-20"),
        ("7d", "2026-11-13", "2026-11-13"),
        ("2W", "2026-11-06", "2026-11-06"),
        ("3m", "2026-08-20", "2026-08-20"),
        ("11m", "2025-12-20", "2025-12-20"),
        ("1y", "2025-11-20", "2025-11-20"),
    ],
)
def test_days_as_people_write_them(value: str, first: str, last: str) -> None:
    assert days_of(value, "--since", TODAY) == (first, last)
    assert day_of(value, "--since", today=TODAY) == first
    assert day_of(value, "--until", today=TODAY, last=True) == last


@pytest.mark.parametrize(
    ("today", "ago", "day"),
    [
        (date(2026, 3, 31), "1m", "2026-02-28"),
        (date(2024, 2, 29), "1y", "2023-02-28"),
        (date(2024, 2, 29), "4y", "2020-02-29"),
        (date(2026, 1, 31), "2m", "2025-11-30"),
        (date(2026, 1, 15), "1m", "2025-12-15"),
        (date(2024, 3, 1), "1d", "2024-02-29"),
    ],
)
def test_so_many_months_ago_is_a_day_that_exists(today: date, ago: str, day: str) -> None:
    assert days_of(ago, "--since", today) == (day, day)


@pytest.mark.parametrize(
    "value",
    [
        *("2026-13", "2026-02-30", "0000", "2026-W54", "2021-W53", "9999-W52", "2026-W00"),
        *("-7d", "7", "d", "7h", "1.5w", "7days", "99999y", "week 47", "tomorrow", "26-11-05"),
        *("", "  ", "05.11.2026", "2026/11/05", "٧d", "x" * 500),
    ],
)
def test_what_is_no_day(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        days_of(value, "--since", TODAY)
    assert "--since" in caught.value.message and len(caught.value.message) < 80
    assert "2w" in caught.value.remedy


@pytest.mark.parametrize("value", [None, "", "  "])
def test_no_day_is_none(value: str | None) -> None:
    assert day_of(value, "--since") is None


# ------------------------------------------------------------------------ conditions


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("tag:rag", "tag:rag"),
        ("  TAG:rag  ", "tag:rag"),
        ("tag:rag and since:2026-10-01 and not tag:survey",
         "tag:rag and since:2026-10-01 and not tag:survey"),
        ("tag:rag since:2w -tag:survey", "tag:rag and since:2026-11-06 and not tag:survey"),
        ("tag:a AND tag:b Or Not tag:c", "tag:a and tag:b or not tag:c"),
        ("tag:a or tag:b and tag:c", "tag:a or tag:b and tag:c"),
        ("(tag:a or tag:b) and tag:c", "(tag:a or tag:b) and tag:c"),
        ("(tag:a or tag:b)(tag:c)", "(tag:a or tag:b) and tag:c"),
        ("not tag:a tag:b", "not tag:a and tag:b"),
        ("not (tag:a tag:b)", "not (tag:a and tag:b)"),
        ("-(tag:a or tag:b)", "not (tag:a or tag:b)"),
        ("not not tag:a", "tag:a"),
        ("not -tag:a", "tag:a"),
        ("((((tag:a))))", "tag:a"),
        ("(tag:a and (tag:b and tag:c))", "tag:a and tag:b and tag:c"),
        ("unread", "not read"),
        ("not unread", "read"),
        ("Liked or disliked read", "liked or disliked and read"),
        ('author:"Ada Lovelace"', 'author:"Ada Lovelace"'),
        ("author:“Ada Lovelace”", 'author:"Ada Lovelace"'),
        ("author:„Ada Lovelace“", 'author:"Ada Lovelace"'),
        ('venue:"the ""big"" one"', 'venue:"the ""big"" one"'),
        ('tag:"and"', "tag:and"),
        ("tag:and and tag:or", "tag:and and tag:or"),
        ('tag:"(x)" tag:"-y" tag:-z', 'tag:"(x)" and tag:-y and tag:-z'),
        ("source:arxiv:cs.CL", "source:arxiv:cs.CL"),
        ('source:"C:\\my papers\\a.bib"', 'source:"C:\\my papers\\a.bib"'),
        ("source:https://a.example/feed?x=1", "source:https://a.example/feed?x=1"),
        ("author:O'Neil category:cs.CL", "author:O'Neil and category:cs.CL"),
        ("day:2026-11-5", "day:2026-11-05"),
        ("day:2026-10..yesterday", "day:2026-10-01..2026-11-19"),
        ("day:2026-11-05..2026-11-05", "day:2026-11-05"),
        ("until:2026-10", "until:2026-10-31"),
        ("since:2026-10 or day:yesterday",
         "since:2026-10-01 or day:2026-11-19"),
        ("not day:2026-W47", "not day:2026-11-16..2026-11-22"),
        ("id:p1 or tag:x or id:p2 or id:p1", "id:p1 or id:p2 or tag:x"),
        ("not (id:p1 or id:p2)", "not (id:p1 or id:p2)"),
        ("tag:a\tand\n tag:b", "tag:a and tag:b"),
        ("author:Müller venue:東京", "author:Müller and venue:東京"),
        ("tag:a" + " or tag:a" * 150, "tag:a" + " or tag:a" * 150),
    ],
)  # fmt: skip
def test_conditions(text: str, normal: str) -> None:
    assert str(parsed(text)) == normal
    assert parsed(normal) == parsed(text)


def test_not_binds_closer_than_and_and_that_than_or() -> None:
    a, b, c = (Leaf("tag", name) for name in "abc")
    assert parsed("tag:a or not tag:b tag:c") == Or((a, And((Not(b), c))))


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("", 1, "missing"),
        ("   ", 1, "missing"),
        ("tag:rag and", 12, "missing"),
        ("tag:rag and or tag:x", 13, "'or' is no condition"),
        ("or tag:x", 1, "'or' is no condition"),
        ("and", 1, "'and' is no condition"),
        ("not", 4, "missing"),
        ("tag:rag surveys", 9, "'surveys' is no condition"),
        ("titel:x", 1, "no condition 'titel'"),
        ("tag:", 5, "Nothing stands after tag:"),
        ("tag: rag", 5, "Nothing stands after tag:"),
        ('tag:""', 1, "Nothing stands after tag:"),
        ('tag:"  "', 1, "Nothing stands after tag:"),
        ('tag:"rag', 5, "not closed"),
        ("author:“Ada", 8, "not closed"),
        ("(tag:a", 1, "not closed"),
        ("tag:b (tag:a or", 16, "missing"),
        ("tag:a)", 6, "closes nothing"),
        ("()", 2, "This ) is no condition"),
        ("tag:a ()", 8, "This ) is no condition"),
        ('"rag"', 1, 'This " is no condition'),
        ("- tag:a", 1, "'-' is no condition"),
        ("--tag:a", 1, "'--tag:a' is no condition"),
        ("tag:a & tag:b", 7, "'&' is no condition"),
        ("since:soon", 1, "since: cannot be 'soon'"),
        ("tag:x until:2026-02-30", 7, "until: cannot be"),
        ("not since:9999-W52", 5, "since: cannot be"),
        ("tag:x day:2026-11..2026-10", 7, "2026-11-01 is after 2026-10-31"),
        ("day:..2026", 1, "day: cannot be ''"),
        ("day:2025..", 1, "day: cannot be ''"),
        ("day:2025..2026..2027", 1, "day: cannot be"),
        ("since:2025..2026", 1, "since: cannot be"),
        ("()" * 5000, 2, "no condition"),
        ("(" * 10_000, 1 + MAX_DEPTH, "parentheses"),
        ("(" * 10_000 + "tag:a" + ")" * 10_000, 1 + MAX_DEPTH, "parentheses"),
        ("not " * 10_000, 40_000, "missing"),
        ("tag:a " * 10_000, 1 + 6 * MAX_LEAVES, "more than"),
        ("-tag:a or " * 10_000, 2 + 10 * MAX_LEAVES, "more than"),
    ],
)
def test_what_cannot_be_read_is_shown_with_its_place(text: str, place: int, problem: str) -> None:
    message = refused(text)
    assert problem in message
    assert f"at character {place}." in message
    assert len(message) < 400


def test_the_place_is_pointed_at() -> None:
    lines = refused("tag:rag and surveys").splitlines()
    assert lines[1][lines[2].index("^") :] == "surveys"
    far = refused("tag:rag or " * 100 + "surveys" + " or tag:x" * 50).splitlines()
    assert far[1][far[2].index("^") :].startswith("surveys")
    assert len(far[1]) < 100


def test_what_is_shown_of_it_cannot_trouble_a_terminal() -> None:
    assert "\x1b" not in refused("tag:rag \x1b[31m and")
    assert len(refused("tag:a\n\n\nx").splitlines()) == 3


LEAVES = st.one_of(
    st.builds(
        Leaf,
        st.sampled_from(["tag", "category", "author", "venue", "source"]),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    ),
    st.builds(Leaf, st.sampled_from(["since", "until"]), st.dates().map(date.isoformat)),
    st.tuples(st.dates(), st.dates()).map(
        lambda days: Leaf("day", "..".join(map(str, sorted({*days}))))
    ),
    st.builds(Leaf, st.just("mark"), st.sampled_from(["liked", "disliked", "read"])),
    st.builds(lambda name: Ids((name,)), st.text("p0123456789abcdef", min_size=1)),
)


def several(children: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    some = st.lists(children, min_size=1, max_size=4)
    return st.one_of(
        some.map(lambda parts: all_of(parts) or parts[0]),
        some.map(lambda parts: any_of(parts) or parts[0]),
        children.map(not_),
    )


@given(st.recursive(LEAVES, several, max_leaves=12))
def test_the_normal_form_means_the_same(expression: Expr) -> None:
    again = parse_where(str(expression))
    assert again == expression
    assert str(again) == str(expression)


PIECES = [
    *("tag:", "since:", "and", "or", "not", "(", ")", '"', "-", " ", "read", "x", "2w", ":", "“"),
    *("id:p1", "author:“a b”", "\n", "é", "\ud800", "\0"),
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_any_text_is_a_condition_or_an_error_for_the_reader(text: str) -> None:
    try:
        found = parsed(text)
    except UsageError as error:
        assert error.remedy
    else:
        assert parsed(str(found)) == found


# --------------------------------------------------------------------------- filters

FULL: dict[str, Any] = {
    "since": "2026-01-01",
    "until": "2026-02-01",
    "tags": ("a", "b"),
    "categories": ("cs.CL", "cs.LG"),
    "author": "Ada",
    "paper_ids": ("p1", "p2"),
    "venues": ("ACL",),
    "sources": ("x.bib",),
    "unread": True,
    "liked": True,
    "where": "not tag:c",
}


def test_filters_as_one_condition() -> None:
    assert Filters().expression is None
    assert str(Filters(**FULL).expression) == (
        "since:2026-01-01 and until:2026-02-01 and tag:a and tag:b and "
        "(category:cs.CL or category:cs.LG) and author:Ada and venue:ACL and source:x.bib and "
        "not read and liked and (id:p1 or id:p2) and not tag:c"
    )


@pytest.mark.parametrize("name", FULL)
def test_each_filter_counts_as_one(name: str) -> None:
    assert not Filters()
    assert Filters(**{name: FULL[name]})
    assert Filters(**{name: FULL[name]}).expression is not None


@pytest.mark.parametrize("given_", [{}, FULL, {"where": "since:2w or liked"}, {"unread": True}])
def test_filters_survive_json(given_: dict[str, Any]) -> None:
    filters = Filters(**given_)
    assert Filters.from_dict(json.loads(json.dumps(filters.to_dict()))) == filters
    # As the state of a conversation of an earlier version holds them.
    plain = json.loads(json.dumps(asdict(filters)))
    assert Filters.from_dict(plain) == Filters(**plain) == filters
    assert hash(Filters(**plain)) == hash(filters)


def test_only_what_is_given_is_written_down() -> None:
    assert Filters().to_dict() == {}
    assert Filters(tags=("a",), unread=True).to_dict() == {"tags": ["a"], "unread": True}
    assert Filters.from_dict(None) == Filters.from_dict({}) == Filters()


def test_a_filter_that_is_not_known_is_not_passed_over() -> None:
    with pytest.raises(UsageError, match="colour"):
        Filters.from_dict({"colour": "red"})


def test_the_condition_is_kept_in_its_normal_form() -> None:
    assert Filters(where="(tag:a) TAG:b").where == "tag:a and tag:b"
    assert Filters(where="unread") == Filters(where="not read")
    assert Filters(where="  ").where is None
    with pytest.raises(UsageError, match="character 1"):
        Filters(where="rag")


def test_one_word_is_one_value_and_lists_are_tuples() -> None:
    filters = Filters(tags="rag", venues=["ACL"], sources=None)  # type: ignore[arg-type]
    assert (filters.tags, filters.venues, filters.sources) == (("rag",), ("ACL",), ())


def test_arguments_that_are_no_text_are_mended() -> None:
    filters = Filters(author="A\udcffda", tags=("x\ud800",), where="tag:\udcff")
    assert json.dumps(filters.to_dict()).isascii()
    assert (filters.author, filters.tags, filters.where) == ("A?da", ("x?",), "tag:?")


# --------------------------------------------------------------------------- options


def test_options_become_filters() -> None:
    found = filters_of(
        "2026-10", "2026-10", ["a"], ["cs.CL"], "Ada", ("p1",),
        venues=["ACL"], sources=["x.bib"], unread=True, liked=True, where="not tag:c",
    )  # fmt: skip
    assert found == Filters(
        "2026-10-01", "2026-10-31", ("a",), ("cs.CL",), "Ada", ("p1",),
        ("ACL",), ("x.bib",), True, True, "not tag:c",
    )  # fmt: skip
    assert filters_of() == Filters()


@pytest.mark.parametrize(
    "options",
    [
        {"since": "soon"},
        {"until": "2026-13"},
        {"since": "2026-11-02", "until": "2026-11-01"},
        {"since": "2026-12", "until": "2026-11"},
        {"where": "rag"},
    ],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        filters_of(**options)


def test_one_month_may_be_both_ends() -> None:
    found = filters_of("2026-W47", "2026-W47")
    assert (found.since, found.until) == ("2026-11-16", "2026-11-22")


# ------------------------------------------------------------------ parents of tags


def test_a_parent_finds_what_its_children_are_on(catalog: Catalog) -> None:
    """Since it is stored along with them: also where a person said so, and not where one said
    that it is wrong."""
    parents = {"barn-owls": ["owls", "birds"], "owls": ["birds"]}
    add(catalog, *(record(f"Study {n}", f"We study {n}.") for n in "abcd"))
    papers = sorted(catalog.papers.select(), key=lambda paper: paper.title)
    by_run, by_person, refused, other = papers

    def ancestors(tag: str) -> list[str]:
        return parents.get(tag, [])

    run = [StoredTag("owls", 0.9, "model"), StoredTag("birds", 0.9, "parent")]
    for paper, tags in ((by_run, run), (by_person, []), (refused, run), (other, [])):
        catalog.outputs.save_tags(
            paper, tags, taxonomy="t", model="m", recipe="r", ancestors=ancestors
        )
    catalog.corrections.set(by_person.id, {"barn-owls": True}, ancestors)
    catalog.corrections.set(refused.id, {"birds": False}, ancestors)

    def found(**filters: Any) -> set[str]:
        return catalog.papers.select_ids(Filters(**filters))

    assert found(tags=("birds",)) == {by_run.id, by_person.id}
    assert found(tags=("owls",)) == {by_run.id, by_person.id, refused.id}
    assert found(where="tag:birds and tag:barn-owls") == {by_person.id}
