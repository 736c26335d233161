"""The digest: its period, its choice, its sections, and Markdown that nobody can break out of.

(The graph that makes it is in test_graphs.)
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from fakes import paper
from hypothesis import given
from hypothesis import strategies as st

from curator.catalog import StoredTag, StoredTldr
from curator.digest.building import build_document, choose, section_title
from curator.digest.document import DigestDocument
from curator.digest.markdown import escape, to_markdown
from curator.digest.period import Period, period_of
from curator.errors import UsageError
from curator.paper import Paper
from curator.taxonomy import Tag, Taxonomy

TODAY = date(2026, 11, 20)
Options = tuple[str | None, str | None, str | None]


# --------------------------------------------------------------------------- period


@pytest.mark.parametrize(
    ("given_options", "period"),
    [
        (("2026-W47", None, None), Period("2026-W47", "2026-11-16", "2026-11-22")),
        (("2026W7", None, None), Period("2026-W07", "2026-02-09", "2026-02-15")),
        (("2020-w53", None, None), Period("2020-W53", "2020-12-28", "2021-01-03")),
        ((None, "2026-11-01", "2026-11-03"),
         Period("2026-11-01..2026-11-03", "2026-11-01", "2026-11-03")),
        ((None, "2026-11-18", None),
         Period("2026-11-18..2026-11-20", "2026-11-18", "2026-11-20")),
        ((None, None, "2026-03-02"), Period("2026-02-24..2026-03-02", "2026-02-24", "2026-03-02")),
        ((None, None, None), Period("2026-11-14..2026-11-20", "2026-11-14", "2026-11-20")),
        ((None, "2w", "yesterday"),
         Period("2026-11-06..2026-11-19", "2026-11-06", "2026-11-19")),
        ((None, "2026-10", "2026-10"),
         Period("2026-10-01..2026-10-31", "2026-10-01", "2026-10-31")),
    ],
)  # fmt: skip
def test_periods(given_options: Options, period: Period) -> None:
    assert period_of(*given_options, today=TODAY) == period


@pytest.mark.parametrize(
    "options",
    [
        ("2026-W54", None, None),
        ("2026-W00", None, None),
        ("2021-W53", None, None),
        ("week 47", None, None),
        ("0000-W01", None, None),
        ("../../etc", None, None),
        ("2026-W47", "2026-11-16", None),
        (None, "2026-11-31", None),
        (None, "soon", None),
        ("2026-W47", None, "today"),
        (None, "2026-11-20", "2026-11-10"),
        (None, "2026-11-21", None),
    ],
)
def test_what_is_no_period(options: Options) -> None:
    with pytest.raises(UsageError):
        period_of(*options, today=TODAY)


# ------------------------------------------------------------------ choice, sections


def numbered(n: int, **fields: Any) -> Paper:
    return paper(f"Paper {n}", id=f"p{n}", **({"listed": "2026-11-17"} | fields))


def test_the_most_upvoted_then_the_latest_are_chosen() -> None:
    papers = [
        numbered(1, upvotes=3),
        numbered(2, upvotes=9),
        numbered(3, upvotes=None, listed="2026-11-18"),
        numbered(4, upvotes=0, listed="2026-11-19"),
        numbered(5, upvotes=3, listed="2026-11-20"),
    ]
    assert [p.id for p in choose(papers, 4)] == ["p2", "p5", "p1", "p4"]
    assert choose(papers, 4) == choose(papers[::-1], 4)
    assert choose(papers, 0) == choose([], 5) == []


TAXONOMY = Taxonomy(
    (),
    (
        Tag("vision", "problem", "d"),
        Tag("agents", "problem", "d"),
        Tag("rl", "method", "d"),
        Tag("new-method", "contribution", "d"),
    ),
    "h",
)


def document(tags: dict[int, list[tuple[str, float]]], **options: Any) -> DigestDocument:
    papers = [numbered(n) for n in tags]
    return build_document(
        Period("2026-W47", "2026-11-16", "2026-11-22"),
        options.get("seen", len(papers)),
        papers,
        {p.id: StoredTldr(p.id, "T.", "quote", True, 1.0, "T.", "m", "h") for p in papers},
        {f"p{n}": [StoredTag(t, c, "model", c < 0) for t, c in own] for n, own in tags.items()},
        options.get("failed", []),
        TAXONOMY,
        "m",
    )


def sections(made: DigestDocument) -> dict[str, list[str]]:
    return {s["tag"]: [p["paper_id"] for p in s["papers"]] for s in made["sections"]}


def test_papers_are_grouped_by_a_topic_that_two_share() -> None:
    made = document(
        {
            1: [("vision", 0.9), ("agents", 0.5)],
            2: [("vision", 0.8)],
            3: [("agents", 0.9), ("new-method", 1.0)],
            4: [("rl", 0.9)],
            5: [],
            6: [("vision", -1.0), ("unknown", 1.0)],
        }
    )
    assert sections(made) == {"vision": ["p1", "p2"], "other": ["p3", "p4", "p5", "p6"]}
    assert made["sections"][-1]["papers"][3]["tags"] == ["unknown"]  # a suggestion is no tag


def test_the_largest_section_comes_first_and_the_rest_last() -> None:
    made = document(
        {n: [("agents" if n < 3 else "vision", 0.9)] for n in range(1, 6)} | {7: [], 8: [], 9: []}
    )
    assert list(sections(made)) == ["vision", "agents", "other"]


def test_it_adds_up() -> None:
    failed = [{"paper_id": "p9", "title": "Nine", "reason": "down"}]
    made = document({1: [], 2: []}, seen=10, failed=failed)
    assert (made["seen"], made["chosen"], made["not_chosen"], len(made["failed"])) == (10, 2, 7, 1)


def test_headings() -> None:
    assert section_title("llm-agents") == "LLM agents"
    assert section_title("3d-vision") == "3D vision"
    assert section_title("other") == "Other"


# ------------------------------------------------------------------------- Markdown

HOSTILE = [
    "](javascript:alert(1))",
    "[click](http://evil.example)",
    "![x](http://evil.example/p.png)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "# A heading",
    "a\n# A heading",
    "a | b | c",
    "`code` and ``more``",
    "*bold* __bold__ ~~gone~~",
    "$x^2$ and \\alpha & &amp; &#60;",
    "1. a list",
    "- a list",
    "+ a list",
    "=====",
    "---",
    "> a quote",
    "<!-- hidden -->",
    "\\",
    "\\]",
    "trailing\\",
]


def hostile(text: str) -> str:
    one = Paper(
        id="p1",
        title=text,
        abstract=text,
        authors=(text,) * 6,
        url="https://example.org/a_(b) c",
        listed="2026-11-17",
    )
    made = build_document(
        Period("2026-W47", "2026-11-16", "2026-11-22"),
        2,
        [one],
        {"p1": StoredTldr("p1", text, "quote", True, 1.0, text, "m", "h")},
        {},
        [{"paper_id": "p2", "title": text, "reason": text}],
        TAXONOMY,
        text,
    )
    return to_markdown(made)


def unescaped(markdown: str) -> str:
    """What is left for a Markdown reader to see as markup."""
    return re.sub(r"\\[!-/:-@\[-`{-~]", "x", markdown)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_papers_is_never_markup(text: str) -> None:
    harmless, markdown = unescaped(hostile("plain")), unescaped(hostile(text))
    for sign in "<>[]`*#|$~&":
        assert markdown.count(sign) == harmless.count(sign), sign
    assert markdown.count("\n") == harmless.count("\n")
    assert "https://example.org/a_%28b%29%20c)" in markdown
    for line, own in zip(markdown.splitlines(), harmless.splitlines(), strict=True):
        start = re.match(r"(?:#+ |[-+=]+(?: |$)|\d+[.)] |> )?", line)
        same = re.match(r"(?:#+ |[-+=]+(?: |$)|\d+[.)] |> )?", own)
        assert start and same and start.group() == same.group(), line


@given(st.text(max_size=30))
def test_escaping_can_be_undone(text: str) -> None:
    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escape(text))
    assert shown == text.replace("\n", " ")


def test_a_list_number_is_escaped_as_markdown_wants_it() -> None:
    assert escape("1. One") == "1\\. One"
    assert escape("12) One") == "12\\) One"
    assert escape("1.5 of it") == "1\\.5 of it"
    assert escape("-1 of it") == "\\-1 of it"
    assert escape("one. two") == "one. two"
