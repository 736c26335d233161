"""The lead: three sentences of which every number and name follows from what stands below."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from digests import digest_of, empty_digest, example, paper
from hypothesis import given
from hypothesis import strategies as st

from curator.digest.document import DigestSection, Trend, every_paper
from curator.digest.lead import LONGEST_TITLE, lead_of


def section(count: int, title: str = "Retrieval", start: int = 1) -> DigestSection:
    papers = [paper(n, f"Title {n}", f"We find {n}.") for n in range(start, start + count)]
    return DigestSection(tag=title.lower(), title=title, papers=papers, notes=[])


def trend(**changes: object) -> Trend:
    made = Trend(
        kind="tag",
        name="agents",
        title="Agents",
        direction=1,
        count=4,
        of=9,
        before=2,
        of_before=40,
        p_value=0.004,
        counts=[2, 4],
        papers=[],
    )
    made.update(changes)  # type: ignore[typeddict-item]
    return made


def texts(*args: object, **options: object) -> list[str]:
    return [sentence["text"] for sentence in lead_of(*args, **options)]  # type: ignore[arg-type]


def numbers(text: str) -> list[int]:
    bare = re.sub(r"\d{4}-\d\d-\d\d|\([\d.]+%\)", "", text)
    return [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*\d|\d", bare)]


# ------------------------------------------------------------------------ ugly ones first


def test_an_empty_week_says_so_and_no_more() -> None:
    assert texts(empty_digest()) == ["No papers came in from 2026-11-16 to 2026-11-22."]
    day = empty_digest(since="2026-11-20", until="2026-11-20", trends=[trend()])
    assert texts(day, [("Agents", 4)]) == ["No papers came in on 2026-11-20."]


def test_a_week_of_which_no_paper_is_in_the_digest() -> None:
    assert texts(digest_of([], seen=3)) == [
        "3 papers came in from 2026-11-16 to 2026-11-22.",
        "None of them is in this digest.",
    ]
    assert texts(digest_of([], seen=1)) == [
        "1 paper came in from 2026-11-16 to 2026-11-22.",
        "It is not in this digest.",
    ]


def test_one_paper() -> None:
    assert texts(digest_of([section(1)]), [("LLM agents", 1), ("Video", 1)]) == [
        "1 paper came in from 2026-11-16 to 2026-11-22, on LLM agents and video.",
        "It is in this digest.",
        "“Title 1”: We find 1.",
    ]


def test_two_papers() -> None:
    assert texts(digest_of([section(2)]), [("Retrieval", 2)])[:2] == [
        "2 papers came in from 2026-11-16 to 2026-11-22, all of them (2) on retrieval.",
        "Both of them are in this digest.",
    ]


def test_hostile_titles_and_summaries_stay_as_they_are() -> None:
    title = "<script>alert(1)</script> “*[x](javascript:1)*”\n\u202e $\\alpha$ & `code`"
    bad = paper(1, title, "<b>5 & 6</b> $x_1$ | **y**", origin="model", score=0.7, quote="Q <i>.")
    document = digest_of([DigestSection(tag="a", title="<i>A</i>", papers=[bad], notes=[])])
    last = lead_of(document)[-1]
    assert last["text"] == f"“{' '.join(title.split())}”: {bad['tldr']}"
    assert (last["origin"], last["score"]) == ("model", 0.7)
    assert last["citations"] == [{"paper_id": bad["paper_id"], "quote": "Q <i>."}]


def test_a_title_of_ten_thousand_characters_is_cut() -> None:
    document = digest_of([section(1)])
    document["sections"][0]["papers"][0]["title"] = "long " * 2000
    last = texts(document)[-1]
    assert last.endswith("long…”: We find 1.") and len(last) < LONGEST_TITLE + 30
    document["sections"][0]["papers"][0]["title"] = "x" * 10_000
    assert len(texts(document)[-1]) < LONGEST_TITLE + 30


def test_what_an_editor_wrote_and_nothing_supports_is_not_in_the_lead() -> None:
    document = digest_of([section(2)])
    own = document["sections"][0]["papers"][0]
    own["origin"], own["supported"], own["tldr"] = "human", False, "It is the best ever."
    assert texts(document)[-1] == "“Title 2”: We find 2."
    document["sections"][0]["papers"][1]["supported"] = False
    assert len(lead_of(document)) == 2
    empty = digest_of([section(1)])
    empty["sections"][0]["papers"][0]["tldr"] = " "
    assert len(lead_of(empty)) == 2


def test_a_paper_without_a_quote_has_no_citation() -> None:
    document = digest_of([section(1)])
    document["sections"][0]["papers"][0]["quote"] = ""
    assert lead_of(document)[-1]["citations"] == []


def test_only_notable_papers() -> None:
    document = digest_of([], [paper(1, "Also", "Also so.")], seen=5)
    assert texts(document)[1:] == ["1 of them is in this digest.", "“Also”: Also so."]


def test_an_editor_who_put_in_more_papers_than_came() -> None:
    assert texts(digest_of([section(3)], seen=2))[1] == "This digest has 3 papers."


def test_counts_that_cannot_be_are_not_said() -> None:
    document = digest_of([section(3)])
    assert texts(document, [("A", 4), ("B", 0)])[0].endswith("2026-11-22.")


# -------------------------------------------------------------------------- what came in


@pytest.mark.parametrize(
    ("seen", "tagged", "top", "ending"),
    [
        (9, 9, [("Retrieval", 5), ("3D vision", 2)],
         ", most of them (5) on retrieval and 2 on 3D vision."),
        (412, 412, [("LLM agents", 190), ("Reasoning", 128), ("Video", 80)],
         ": 190 on LLM agents, 128 on reasoning and 80 on video."),
        (412, 400, [("LLM agents", 190), ("Reasoning", 128)],
         "; of the 400 that are tagged, 190 are on LLM agents and 128 on reasoning."),
        (9, 1, [("Video", 1)], "; of the 1 that is tagged, 1 is on video."),
        (4, 4, [("AI for science", 2)], ": 2 on AI for science."),
        (4, None, [], "."),
        (5000, None, [("Games", 4000)], ", most of them (4,000) on games."),
    ],
)  # fmt: skip
def test_what_came_in(
    seen: int, tagged: int | None, top: Sequence[tuple[str, int]], ending: str
) -> None:
    sizes = [7, tagged] if tagged is not None else []
    document = digest_of([section(1)], seen=seen, sizes=sizes)
    begin = f"{seen:,} papers came in from 2026-11-16 to 2026-11-22"
    assert texts(document, top)[0] == begin + ending


# ------------------------------------------------------------------------------ what moved


def test_what_moved_most_up_and_down() -> None:
    fell = trend(kind="term", title="owl", direction=-1, count=0, before=9, p_value=0.001)
    weak = trend(title="Weak", p_value=0.04)
    document = digest_of([section(9)], weeks=["a", "b", "c"], trends=[weak, trend(), fell])
    assert texts(document)[1] == (
        "The share of papers tagged “Agents” rose most clearly, from 2 of 40 (5%) in the 2 weeks "
        "before to 4 of 9 (44%); that of papers that say “owl” fell most clearly, from 9 of 40 "
        "(22%) to 0 of 9 (0%)."
    )
    document["trends"] = [fell]
    assert texts(document)[1].startswith(
        "The share of papers that say “owl” fell most clearly, from 9 of 40 (22%) in the 2 weeks"
    )


@pytest.mark.parametrize(
    ("since", "weeks", "words"),
    [
        ("2026-11-16", 2, "the week before"),
        ("2026-11-16", 8, "the 7 weeks before"),
        ("2026-11-22", 4, "the 3 days before"),
        ("2026-11-22", 2, "the day before"),
        ("2026-11-13", 4, "the 30 days before"),
    ],
)
def test_what_it_is_compared_with(since: str, weeks: int, words: str) -> None:
    document = digest_of([section(9)], since=since, weeks=["x"] * weeks, sizes=[5000] * weeks)
    assert texts(document)[1] == (
        f"All of them are in this digest; no tag or term moved by more than chance against {words}."
    )


def test_where_nothing_moved_it_says_what_there_is() -> None:
    document = digest_of([section(5), section(2, "Other", 6)], [paper(9, "N", "N.")], seen=20)
    assert texts(document)[1] == (
        "8 of them are in this digest, 7 of these in 2 sections, most of them (5) on retrieval."
    )
    document = digest_of([section(2), section(2, "Agents", 3)], seen=20)
    assert texts(document)[1] == "4 of them are in this digest, in 2 sections."


def test_small_shares_are_not_nothing() -> None:
    rare = trend(count=40, of=5000, before=3, of_before=30_000)
    document = digest_of([section(1)], seen=5000, weeks=["a", "b"], trends=[rare])
    assert "from 3 of 30,000 (under 0.1%)" in texts(document)[1]
    assert "40 of 5,000 (0.8%)" in texts(document)[1]
    rare["count"] = 4999
    assert "4,999 of 5,000 (over 99%)" in texts(document)[1]


# ------------------------------------------------------------------------------ in general


def test_the_example_and_every_origin() -> None:
    found = lead_of(example(), [("Retrieval", 5)])
    assert [sentence["origin"] for sentence in found] == ["catalog", "catalog", "quote"]
    assert all(sentence["supported"] for sentence in found)
    assert found == lead_of(example(), [("Retrieval", 5)])


@given(
    sizes=st.lists(st.integers(1, 5), max_size=4),
    also=st.integers(0, 2),
    more=st.integers(0, 3000),
    weeks=st.integers(0, 8),
    counts=st.lists(st.integers(1, 3000), max_size=3),
)
def test_every_number_can_be_recounted(
    sizes: list[int], also: int, more: int, weeks: int, counts: list[int]
) -> None:
    sections = [section(size, f"Topic{chr(65 + n)}", 10 * n) for n, size in enumerate(sizes)]
    notable = [paper(100 + n, "N", "N.") for n in range(also)]
    inside = sum(sizes)
    document = digest_of(
        sections, notable, seen=inside + also + more, weeks=["x"] * weeks, sizes=[5000] * weeks
    )
    found = texts(document, [(f"Tag{chr(65 + n)}", count) for n, count in enumerate(counts)])
    seen = document["seen"]
    if not seen:
        assert len(found) == 1
        return
    assert numbers(found[0])[0] == seen
    assert set(numbers(found[0])[1:]) <= set(counts)
    assert set(numbers(found[1])) <= {inside + also, inside, len(sizes), weeks - 1, *sizes}
    assert len(found) == (3 if inside + also else 2)
    for text in found[:2]:
        assert text.endswith(".") and not text.endswith("..")
        assert not re.search(r"\b1 (papers|weeks|sections)\b|\b1 of them are", text)


def test_the_best_paper_is_named_wherever_it_stands() -> None:
    document = example()
    last = every_paper(document)[-1]
    assert last["title"] in lead_of(document, (), [last["paper_id"]])[-1]["text"]
    assert lead_of(document, (), ["p-gone"]) == lead_of(document)
