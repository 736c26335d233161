"""Sections: each name is true of all its papers, nobody is lost, and none swallows the rest."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import paper
from hypothesis import given
from hypothesis import strategies as st

from curator.catalog import StoredTag
from curator.digest.sections import MOST, OTHER, given_tags, section_title, sections_of
from curator.paper import Paper
from curator.taxonomy import Taxonomy, load_taxonomy

TAXONOMY = """
version: 1
facets:
- {name: topic, description: What it is about.}
- {name: kind, description: What it is., rule: at-least-one, fallback: method}
tags:
- {name: birds, facet: topic, description: All birds.}
- {name: owls, facet: topic, parent: birds, description: Owls.}
- {name: barn-owls, facet: topic, parent: owls, description: Barn owls.}
- {name: gulls, facet: topic, parent: birds, description: Gulls.}
- {name: boats, facet: topic, description: Boats., was: [ships]}
- {name: ropes, facet: topic, description: Ropes.}
- {name: lamps, facet: topic, description: Lamps.}
- {name: moths, facet: topic, description: Moths.}
- {name: tides, facet: topic, description: Tides.}
- {name: sands, facet: topic, description: Sands.}
- {name: winds, facet: topic, description: Winds.}
- {name: survey, facet: kind, description: Surveys.}
- {name: method, facet: kind, description: Methods.}
"""
TOPICS = ["owls", "gulls", "boats", "ropes", "lamps", "moths", "tides", "sands", "winds"]
Found = list[tuple[str, str, list[str]]]


def loaded(folder: Path) -> Taxonomy:
    file = folder / "taxonomy.yaml"
    file.write_text(TAXONOMY, "utf-8")
    return load_taxonomy(file)


@pytest.fixture(scope="module")
def taxonomy(tmp_path_factory: pytest.TempPathFactory) -> Taxonomy:
    return loaded(tmp_path_factory.mktemp("taxonomy"))


def tag(name: str, confidence: float = 0.8, **fields: Any) -> StoredTag:
    return StoredTag(name, confidence, fields.pop("source", "model"), **fields)


def papers(count: int) -> list[Paper]:
    """Best first, in another order than that of their ids."""
    made = [paper(f"Title {n}", f"Text {n}.") for n in range(count)]
    assert count < 3 or [p.id for p in made] != sorted(p.id for p in made)
    return made


def tagged(those: Sequence[Paper], *names: Sequence[str]) -> dict[str, list[StoredTag]]:
    """The names in turn, over and over."""
    return {p.id: [tag(name) for name in names[n % len(names)]] for n, p in enumerate(those)}


def check(
    found: Found,
    those: Sequence[Paper],
    tags: Mapping[str, Sequence[StoredTag]],
    taxonomy: Taxonomy,
) -> None:
    """What holds whatever comes in."""
    rank = {p.id: n for n, p in enumerate(those)}
    ids = [paper_id for *_, members in found for paper_id in members]
    assert sorted(ids) == sorted(rank)
    assert len(found) <= MOST
    names = [name for name, *_ in found]
    assert len(set(names)) == len(names)
    for at, (name, title, members) in enumerate(found):
        assert members and title
        assert members == sorted(members, key=rank.__getitem__)
        if name == OTHER:
            assert at == len(found) - 1
            continue
        assert len(members) > 1 or len(those) == 1
        for paper_id in members:
            own = [t.tag for t in tags[paper_id] if not t.needs_review]
            true = {n for t in own if t in taxonomy.by_name for n in (t, *taxonomy.ancestors(t))}
            assert name in true
    heads = [rank[members[0]] for name, _, members in found if name != OTHER]
    assert heads == sorted(heads)


# ------------------------------------------------------------------------ ugly ones first


def test_no_papers(taxonomy: Taxonomy) -> None:
    assert sections_of([], {}, {}, taxonomy) == []


@pytest.mark.parametrize("count", [1, 2, 12])
def test_no_tags_and_no_vectors(taxonomy: Taxonomy, count: int) -> None:
    those = papers(count)
    assert sections_of(those, {}, {}, taxonomy) == [(OTHER, "Papers", [p.id for p in those])]


def test_one_paper_has_one_section(taxonomy: Taxonomy) -> None:
    (only,) = papers(1)
    found = sections_of([only], {only.id: [tag("owls"), tag("boats", 0.7)]}, {}, taxonomy)
    assert found == [("owls", "Owls", [only.id])]


def test_suggestions_and_what_is_given_by_default_name_nothing(taxonomy: Taxonomy) -> None:
    those = papers(4)
    tags = {
        p.id: [tag("owls", needs_review=True), tag("survey", source="default"), tag("method")]
        for p in those
    }
    assert [name for name, *_ in sections_of(those, tags, {}, taxonomy)] == [OTHER]


def test_tags_that_are_no_more_and_former_names(taxonomy: Taxonomy) -> None:
    those = papers(6)
    tags = tagged(those, ["deleted"], ["ships"], ["other", "boats"])
    found = sections_of(those, tags, {}, taxonomy)
    assert [(name, len(members)) for name, _, members in found] == [("boats", 4), (OTHER, 2)]


def test_all_papers_have_one_tag_and_nothing_else(taxonomy: Taxonomy) -> None:
    those = papers(20)
    found = sections_of(those, tagged(those, ["lamps"]), {}, taxonomy)
    assert found == [("lamps", "Lamps", [p.id for p in those])]


def test_a_section_of_nearly_all_is_split_by_children_and_other_tags(taxonomy: Taxonomy) -> None:
    those = papers(20)
    tags = tagged(those, ["birds", "owls"], ["birds", "gulls"], ["birds", "lamps"], ["birds"])
    found = sections_of(those, tags, {}, taxonomy)
    check(found, those, tags, taxonomy)
    assert max(len(members) for *_, members in found) <= 10
    assert {name for name, *_ in found} == {"birds", "owls", "gulls", "lamps"}


def test_a_child_that_all_have_names_the_section(taxonomy: Taxonomy) -> None:
    those = papers(9)
    tags = tagged(those, ["barn-owls"], ["gulls"], ["boats"])
    names = {name for name, *_ in sections_of(those, tags, {}, taxonomy)}
    assert names == {"barn-owls", "gulls", "boats"}


def test_a_tag_of_one_paper_makes_no_section(taxonomy: Taxonomy) -> None:
    those = papers(11)
    tags = tagged(those, ["owls"], ["boats"]) | {those[3].id: [tag("tides", 1.0)]}
    found = sections_of(those, tags, {}, taxonomy)
    assert found[-1] == (OTHER, "Other papers", [those[3].id])


def test_odd_vectors_do_no_harm(taxonomy: Taxonomy) -> None:
    those = papers(10)
    tags = tagged(those, ["owls"], ["boats"])
    odd = [np.full(4, np.nan), np.zeros(4), np.ones(3), np.ones(4), np.full(4, np.inf)]
    vectors = {p.id: odd[n % 5].astype(np.float32) for n, p in enumerate(those[:7])}
    check(sections_of(those, tags, vectors, taxonomy), those, tags, taxonomy)


def test_a_paper_given_twice_is_in_one_section_once(taxonomy: Taxonomy) -> None:
    those = papers(3)
    found = sections_of([*those, those[0]], tagged(those, ["owls"]), {}, taxonomy)
    assert [members for *_, members in found] == [[p.id for p in those]]


# --------------------------------------------------------------------------------- in order


@pytest.mark.parametrize(("count", "fewest"), [(10, 3), (18, 3), (30, 5), (60, 6), (300, 6)])
def test_three_to_seven_sections(taxonomy: Taxonomy, count: int, fewest: int) -> None:
    those = papers(count)
    tags = tagged(those, *([name] for name in TOPICS[: max(3, min(9, count // 4))]))
    found = sections_of(those, tags, {}, taxonomy)
    check(found, those, tags, taxonomy)
    assert fewest <= len(found) <= MOST


def test_fewer_sections_for_fewer_papers(taxonomy: Taxonomy) -> None:
    sizes = []
    for count in (2, 4, 6, 9):
        those = papers(count)
        tags = tagged(those, ["owls"], ["boats"], ["lamps"])
        found = sections_of(those, tags, {}, taxonomy)
        check(found, those, tags, taxonomy)
        sizes.append(sum(name != OTHER for name, *_ in found))
    assert sizes == [0, 1, 2, 3]


def test_vectors_decide_between_two_tags(taxonomy: Taxonomy) -> None:
    """Papers with both tags go where the papers lie that have one of them."""
    those = papers(12)
    tags = tagged(those, ["owls"], ["boats"], ["owls", "boats"])
    rows = np.eye(2, dtype=np.float32)
    near: dict[str, Any] = {
        p.id: rows[0] if n % 3 == 0 or n % 6 == 2 else rows[1] for n, p in enumerate(those)
    }
    found = {name: members for name, _, members in sections_of(those, tags, near, taxonomy)}
    for n, one in enumerate(those):
        assert one.id in found["owls" if n % 3 == 0 or n % 6 == 2 else "boats"]


def test_equal_input_gives_equal_sections_and_ranks_only_order_them(taxonomy: Taxonomy) -> None:
    those, order = papers(40), random.Random(7)
    tags = {
        p.id: [tag(t, 0.5 + order.random() / 2) for t in order.sample(TOPICS, 2)] for p in those
    }
    vectors = {p.id: np.asarray([order.gauss(0, 1) for _ in range(8)], np.float32) for p in those}
    found = sections_of(those, tags, vectors, taxonomy)
    check(found, those, tags, taxonomy)
    assert found == sections_of(those, dict(reversed(tags.items())), vectors, taxonomy)
    shuffled = order.sample(those, len(those))
    again = sections_of(shuffled, tags, vectors, taxonomy)
    assert {(name, frozenset(m)) for name, _, m in found} == {
        (name, frozenset(m)) for name, _, m in again
    }


def test_five_thousand_papers_take_no_time(taxonomy: Taxonomy) -> None:
    those, order = papers(5000), random.Random(3)
    tags = {p.id: [tag(t) for t in order.sample(TOPICS, 3)] for p in those}
    rows = np.random.default_rng(3).normal(size=(5000, 64)).astype(np.float32)
    vectors: dict[str, Any] = {p.id: rows[n] for n, p in enumerate(those)}
    begun = time.process_time()
    found = sections_of(those, tags, vectors, taxonomy)
    assert time.process_time() - begun < 5
    check(found, those, tags, taxonomy)
    assert max(len(members) for *_, members in found) <= 2500


@given(data=st.data(), count=st.integers(0, 26))
def test_whatever_comes_in(data: st.DataObject, count: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        taxonomy = loaded(Path(folder))
    those = [paper(f"Title {n}", f"Text {n}.") for n in range(count)]
    every = [*taxonomy.by_name, "gone", OTHER]
    stored = st.builds(
        StoredTag,
        st.sampled_from(every),
        st.floats(0, 1),
        st.sampled_from(["model", "similarity"]),
        st.booleans(),
    )
    tags = {p.id: data.draw(st.lists(stored, max_size=4)) for p in those}
    check(sections_of(those, tags, {}, taxonomy), those, tags, taxonomy)


# ------------------------------------------------------------------------------------ parts


def test_given_tags_bring_those_above_them(taxonomy: Taxonomy) -> None:
    stored = [tag("barn-owls", 0.9), tag("birds", 0.5), tag("ships", 2.0), tag("gulls", 0.1)]
    stored.append(tag("ropes", needs_review=True))
    assert given_tags(stored, taxonomy) == {
        **{"barn-owls": 0.9, "owls": 0.9, "birds": 0.9, "boats": 1.0, "gulls": 0.1}
    }


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("llm-agents", "LLM agents"),
        ("3d-vision", "3D vision"),
        ("other", "Other"),
        ("rl-post-training", "RL post training"),
        ("AI", "AI"),
        ("über-boote", "Über boote"),
        ("-", "-"),
        ("", ""),
    ],
)
def test_section_title(name: str, title: str) -> None:
    assert section_title(name) == title
