"""The digest: its period, and the document that is built of chosen papers.

(Choosing is in test_digest_choosing, the graph in test_graphs, each form in a file of its own.)
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from fakes import paper

from curator.catalog import StoredTag, StoredTldr
from curator.digest.building import build_document
from curator.digest.document import DigestDocument, Failure, Reason, every_paper
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


# ------------------------------------------------------------------------------ building

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
WEEK = Period("2026-W47", "2026-11-16", "2026-11-22")


def numbered(n: int, **fields: Any) -> Paper:
    return paper(f"Paper {n}", id=f"p{n}", **({"listed": "2026-11-17"} | fields))


def summary(n: int, text: str = "") -> StoredTldr:
    said = text or f"Finding number {n} is about {'abcdefghijkl'[n % 12] * 6}."
    return StoredTldr(f"p{n}", said, "quote", True, 1.0, said, "m", "h")


def document(count: int, **options: Any) -> DigestDocument:
    papers = [numbered(n) for n in range(count)]
    tldrs = {f"p{n}": summary(n) for n in range(30)} | options.pop("tldrs", {})
    return build_document(
        WEEK,
        options.pop("seen", count + len(options.get("notable", ()))),
        papers,
        tldrs,
        options.pop("tags", {}),
        options.pop("failed", []),
        TAXONOMY,
        "m",
        **options,
    )


def test_the_numbers_add_up() -> None:
    failed = [Failure(paper_id="p9", title="Nine", reason="down")]
    left = {"p20": "shown_before", "p21": "dropped", "p22": "disliked", "p23": "no_abstract"}
    left |= {f"p{n}": "not_chosen" for n in range(24, 28)}
    made = document(2, seen=13, failed=failed, notable=[numbered(4), numbered(5)], left=left)
    ledger: dict[str, int] = dict(made["ledger"])  # type: ignore[arg-type]
    assert ledger.pop("seen") == sum(ledger.values()) == 13
    assert made["chosen"] == 2 and made["not_chosen"] == 4
    assert [entry["paper_id"] for entry in made["notable"]] == ["p4", "p5"]


def test_an_empty_week_says_so() -> None:
    made = document(0)
    assert not made["sections"] and not made["notable"]
    assert len(made["lead"]) == 1 and made["lead"][0]["origin"] == "catalog"


def test_a_summary_that_repeats_an_earlier_one_is_left_out() -> None:
    same = "Owls hunt mice by ear alone in the dark of night."
    twice = {"p0": summary(0, same), "p2": summary(2, same.replace("alone", "only"))}
    made = document(3, tldrs=twice)
    assert [entry["paper_id"] for entry in every_paper(made)] == ["p0", "p1"]
    assert made["ledger"]["not_chosen"] == 1
    kept = document(3, tldrs=twice, pinned=["p2"])
    assert len(every_paper(kept)) == 3
    assert [entry["pinned"] for entry in every_paper(kept)] == [False, False, True]


def test_each_entry_has_what_is_stored_of_it() -> None:
    why = {"p0": [Reason(kind="upvotes", text="3 upvotes", paper_ids=[])]}
    tags = {"p0": [StoredTag("vision", 0.9, "model"), StoredTag("rl", 0.4, "model", True)]}
    (entry,) = every_paper(document(1, tags=tags, why=why))
    assert entry["tags"] == ["vision"]  # a suggestion is no tag
    assert entry["why"] == why["p0"]
    assert entry["origin"] == "quote" and entry["quote"] == entry["tldr"]


def test_papers_that_share_a_tag_stand_together() -> None:
    tags = {f"p{n}": [StoredTag("vision" if n % 2 else "agents", 0.9, "model")] for n in range(8)}
    made = document(8, tags=tags)
    assert {section["tag"] for section in made["sections"]} == {"vision", "agents"}
    assert made["sections"][0]["papers"][0]["paper_id"] == "p0"


def test_whose_it_is() -> None:
    made = document(1, reader="jane", zone="Europe/Berlin")
    assert (made["reader"], made["zone"], made["name"]) == ("jane", "Europe/Berlin", "2026-W47")
