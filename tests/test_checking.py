"""Checking a draft: where its sentences are, which papers they are about, and what becomes of
them. The library, the word index and the check are the real ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import add, record
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from curator.checking import CheckedSentence, DraftChecker, decode_draft
from curator.claims import claim_of, says_nothing
from curator.cli.app import app
from curator.errors import InputError
from curator.grounding import RuleGrounder, Verdict
from curator.library import Library
from curator.markdown_sentences import markdown_blocks
from curator.mentions import pointers_in, short_names, stands_in
from curator.paper import Paper
from curator.text import squeeze

ORCHID = record(
    "Orchid: Scheduling Agent Programs on Shared Accelerators",
    "Serving systems treat each call alone. Orchid treats whole programs as the unit of "
    "scheduling. It raises throughput by 4x on three workloads. Unlike Bramble, Orchid keeps "
    "no cache of former programs. The scheduler preempts calls that have waited long.",
    arxiv_id="2401.00001",
    authors=["Ada Low", "Ben Strand"],
    published="2024-01-05",
    venue="NeurIPS",
)
BRAMBLE = record(
    "Bramble: Caching the Steps of Former Programs",
    "Bramble caches the steps of former programs. On long traces it saves 35% of all calls. "
    "Eviction follows the age of a step.",
    doi="10.1234/bramble.7",
)
MOSS = record(
    "How small can a retriever of sparse notes be?",
    "We shrink a retriever until it breaks. Recall stays at 91.5% with 2M parameters.",
    arxiv_id="2402.00002",
)
REFLECTION = record(
    "Reflection: On Agents That Think Twice",
    "Agents that think twice answer better. Each reflection costs one call.",
    arxiv_id="2403.00003",
)
SAGE_A = record("SAGE: Gardens for Robots", "SAGE places 40 robots in gardens.")
SAGE_B = record("SAGE: Sparse Attention Grows Early", "SAGE grows heads in the first 10 steps.")
TEX = record(
    'T\\"ulu Bounds for Narrow Networks',
    'We prove that $O(n^2)$ weights suffice. The gap is 5\\% on G\\"odel tasks.',
    doi="10.5555/(tex)12",
)
PAPERS = (ORCHID, BRAMBLE, MOSS, REFLECTION, SAGE_A, SAGE_B, TEX)

Marked = Callable[..., list[CheckedSentence]]


@pytest.fixture
def library() -> Iterator[Library]:
    with Library.open() as opened:
        add(opened.catalog, *PAPERS)
        yield opened


@pytest.fixture
def marked(library: Library) -> Marked:
    """The sentences of a draft, checked; offsets are compared with the text on the way."""
    checker = DraftChecker(library.catalog.papers.resolve, library.search, RuleGrounder())

    def run(text: str, paper: str | None = None, **options: Any) -> list[CheckedSentence]:
        chosen = library.catalog.papers.resolve(paper) if paper else None
        found = checker.check(text, paper=chosen, **options)
        for one in found:
            assert text[one.start : one.end] == one.text
            assert one.text == one.text.strip() != ""
        return found

    return run


def said(found: list[CheckedSentence]) -> list[tuple[str, str]]:
    """Status of each sentence, and the first word of its paper's title."""
    return [(one.status, title(one)) for one in found]


def title(one: CheckedSentence) -> str:
    return one.decisive.paper.title.split()[0].strip(":") if one.decisive else ""


# ------------------------------------------------------------------------ ugly files


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b" \r\n\t\n", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (b"PK\x03\x04\x00\x00 a zip", "is not text"),
        ("Grüße aus Wien".encode("latin-1"), "not UTF-8: byte 0xfc in line 1"),
        (b"one\ntwo\n\xff", "byte 0xff in line 3"),
        ("Hello".encode("utf-16"), "UTF-16"),
        (b"x" * 2_000_001, "2,000,001 bytes"),
    ],
)
def test_files_that_are_no_drafts(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        decode_draft(data, "a.md")
    assert caught.value.remedy


def test_a_byte_order_mark_is_not_counted(marked: Marked) -> None:
    text = decode_draft(b"\xef\xbb\xbfOrchid is here.", "a.md")
    assert marked(text)[0].start == 0


def test_line_ends_of_all_kinds_give_the_same_but_for_offsets(marked: Marked) -> None:
    text = "# Orchid\n\nThe scheduler preempts calls\nthat have waited long. It adds\n2 caches.\n"
    unix = marked(text)
    for ends in ("\r\n", "\r"):
        other = marked(text.replace("\n", ends))
        assert [(o.line, o.column, o.status, o.claim) for o in other] == [
            (o.line, o.column, o.status, o.claim) for o in unix
        ]
    assert said(unix) == [("no_claim", ""), ("supported", "Orchid"), ("unsupported", "Orchid")]
    assert [(one.line, one.column) for one in unix] == [(1, 3), (3, 1), (4, 24)]


def test_a_draft_of_headings_only(marked: Marked) -> None:
    found = marked("# News\n\n## Orchid\n\n### What is new\n\nSetext\n======\n\n#\n")
    assert [one.status for one in found] == ["no_claim"] * 4


def test_only_markup(marked: Marked) -> None:
    text = (
        "---\ntitle: Orchid is 9x faster.\n---\n\n```\nOrchid is 9x faster.\n```\n\n"
        "    Orchid is 9x faster.\n\n<!-- Orchid is 9x faster. -->\n\n![Orchid is 9x faster.](x)\n"
        "\n<script>\nOrchid is 9x faster.\n</script>\n\n$$\n9x\n$$\n\n***\n\n[x]: http://a.b 'c'\n"
    )
    assert marked(text) == []


def test_a_huge_draft_takes_linear_time(marked: Marked) -> None:
    part = "Orchid treats whole programs as the unit of scheduling. Nothing else is said.\n\n"

    def seconds(times: int) -> float:
        started = time.process_time()
        assert len(marked(part * times)) == 2 * times
        return time.process_time() - started

    seconds(1)
    assert seconds(400) < 12 * max(seconds(100), 0.05)


@pytest.mark.parametrize(
    "text",
    ["[" * 5_000, "*a " * 5_000, "`" * 5_000, "> " * 3_000 + "x", "- " * 3_000 + "x", "<" * 5_000,
     "a" * 100_000, "x. " * 3_000, "(" * 5_000, "$" * 5_000, "|" * 3_000 + "\n|-|\n", "“" * 3_000],
    ids=lambda text: repr(text[:3]),
)  # fmt: skip
def test_hostile_markup_ends_soon(marked: Marked, text: str) -> None:
    started = time.process_time()
    marked(text)
    assert time.process_time() - started < 20


# -------------------------------------------------------------------------- sentences


def shown(text: str) -> list[str]:
    return [s.text for block in markdown_blocks(text) for s in block.sentences]


def test_what_a_reader_sees_is_cut_into_sentences() -> None:
    text = (
        "A *small* step, e.g. of **3.5\\%**.[^1] And `code. here` over\n"
        'two lines &amp; more ~~gone~~. [A\nlink](http://a.b/c. "t. t") ends.\n\n'
        "> Quoted: $a. b$ is\n> math. <b>Bold</b> is <!-- not. --> HTML.\n\n[^1]: A note. Of two.\n"
    )
    assert shown(text) == [
        "A small step, e.g. of 3.5%.",
        "And code. here over two lines & more gone.",
        "A link ends.",
        "Quoted: $a. b$ is math.",
        "Bold is HTML.",
        "A note.",
        "Of two.",
    ]


def test_places_of_sentences_with_markup() -> None:
    text = (
        "See *this*. **Bold [x](y)**  \nis \\% fine.[^1] End\n\n"
        "| a | b \\| c |\n|-|-|\n| d | e |\n\n[^1]: n"
    )
    places = [text[s.start : s.end] for block in markdown_blocks(text) for s in block.sentences]
    assert places == [
        "See *this*.",
        "**Bold [x](y)**  \nis \\% fine.[^1]",
        "End",
        *("a", "b \\| c", "d", "e"),
        "n",
    ]


def test_a_title_line_and_a_forced_break_end_a_sentence() -> None:
    assert shown("**A title**\nAda Low and others\ngo on.") == [
        "A title",
        "Ada Low and others go on.",
    ]
    assert shown("[A title](x)\nNext.") == ["A title", "Next."]
    assert shown("one\\\nTwo  \nthree") == ["one", "Two three"]
    assert shown("**A** line\nNext") == ["A line Next"]


@given(
    st.text(alphabet=st.sampled_from(list("ab. A!?\n\r#*_`[]()<>|-$\\:\"'^~1é&;=\t")), max_size=200)
)
def test_no_text_breaks_the_places(text: str) -> None:
    last = 0
    for block in markdown_blocks(text):
        for sentence in block.sentences:
            assert 0 <= sentence.start < sentence.end <= len(text)
            assert sentence.text == squeeze(sentence.text) != ""
            last = max(last, sentence.end)
    assert last <= len(text)


@given(st.lists(st.sampled_from(["Ab cd", "ef", "3.5 gh", "Ij."]), min_size=1, max_size=12))
def test_plain_text_is_its_own_place(words: list[str]) -> None:
    text = " ".join(words)
    found = [s for block in markdown_blocks(text) for s in block.sentences]
    assert [text[s.start : s.end] for s in found] == [s.text for s in found]
    assert squeeze(" ".join(s.text for s in found)) == squeeze(text)


def test_escapes_and_tex_accents() -> None:
    assert shown('A \\"word\\" of G\\"odel at 5\\% and \\*so\\*.') == [
        'A "word" of G\\"odel at 5% and *so*.'
    ]


def test_text_files_have_no_indented_code(marked: Marked) -> None:
    text = "    Orchid raises throughput by 9x.\n"
    assert marked(text) == []
    assert said(marked(text, indented_code=False)) == [("contradicted", "Orchid")]


# --------------------------------------------------------------------------- pointers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(https://arxiv.org/abs/2401.00001v2).", [("https://arxiv.org/abs/2401.00001v2", True)]),
        ("arXiv: 2401.00001, and", [("arxiv:2401.00001", True)]),
        ("arxiv.org/pdf/2401.00001.pdf", [("arxiv.org/pdf/2401.00001.pdf", True)]),
        ("doi:10.1234/a(b)c.", [("doi:10.1234/a(b)c", True)]),
        ("(10.1234/ab)", [("10.1234/ab", True)]),
        ("https://doi.org/10.1234/AB;", [("https://doi.org/10.1234/AB", True)]),
        ("2401.00001 only", [("2401.00001", False)]),
        ("https://example.org/2401.00001/x", [("2401.00001", False)]),
        ("cost 2401.5 or 12401.00001 or 2401.00001% of 10.5/3", []),
        ("https://github.com/a/b and http://[", []),
    ],
)  # fmt: skip
def test_pointers(text: str, found: list[tuple[str, bool]]) -> None:
    assert list(pointers_in(text)) == found


@pytest.mark.parametrize(
    "address",
    [
        "https://huggingface.co/papers/2401.00001",
        "https://aclanthology.org/2024.acl-long.1/",
        "https://openreview.net/forum?id=abcDEF123",
        "https://pubmed.ncbi.nlm.nih.gov/123456/",
    ],
)
def test_addresses_of_papers(address: str) -> None:
    assert list(pointers_in(f"See ({address}), please.")) == [(address, True)]


def test_names() -> None:
    assert short_names("Orchid: A thing") == ("Orchid",)
    assert short_names("Long Name (LN): A thing") == ("Long Name", "LN")
    assert short_names('T\\"ulu 3 - A thing') == ("Tülu 3",)
    assert short_names("A title of no name at all") == ()
    assert short_names("Far too many words for one name: x") == ()
    assert stands_in("SAGE", "As SAGE's heads") and stands_in("SAGE", "(SAGE)")
    assert not stands_in("SAGE", "SAGE-32B") and not stands_in("SAGE", "pre-SAGE")


# ------------------------------------------------------------- which paper it is about

QUOTE = "The scheduler preempts calls that have waited long."
FALSE = "It raises throughput by 9x on three workloads."


@pytest.mark.parametrize(
    "draft",
    [
        f"{QUOTE} ([paper](https://arxiv.org/abs/2401.00001)) {FALSE}",
        f"{QUOTE} {FALSE} See arXiv:2401.00001v3.",
        f"Orchid is new. {QUOTE} {FALSE}",
        f"**Orchid: Scheduling agent programs on shared accelerators.** {QUOTE} {FALSE}",
        f"# Orchid\n\n{QUOTE}\n\n### Numbers\n\n{FALSE}",
        f"# [This one](https://arxiv.org/abs/2401.00001)\n\n{QUOTE} {FALSE}",
        f"**[Orchid](https://example.org)**\n\n{QUOTE}\n\n{FALSE}",
        f"1. **Orchid**\n\n   {QUOTE}\n   - {FALSE}",
        f"About Orchid:\n\n- {QUOTE}\n- {FALSE}",
        f"| Orchid | {QUOTE} | {FALSE} |\n|-|-|-|\n| Orchid | {QUOTE} | {FALSE} |",
        f"{QUOTE} {FALSE}[^a]\n\n[^a]: arXiv:2401.00001",
        f"{QUOTE} {FALSE} [1][]\n\n[1]: https://arxiv.org/abs/2401.00001",
        f'{QUOTE} {FALSE} (<a href="https://arxiv.org/abs/2401.00001">paper</a>)',
    ],
)
def test_the_paper_is_found(marked: Marked, draft: str) -> None:
    found = [one for one in marked(draft) if one.status not in ("no_claim",)]
    wanted = {one.claim: one for one in found}
    assert said([wanted[QUOTE]]) == [("supported", "Orchid")]
    decisive = wanted[QUOTE].decisive
    assert decisive and decisive.quoted
    assert said([wanted[FALSE]]) == [("contradicted", "Orchid")]
    assert "9" in wanted[FALSE].reason


def test_pronouns_stay_with_the_sentence_before(marked: Marked) -> None:
    found = marked(
        "Bramble caches the steps of former programs. It saves 35% of all calls. "
        "Orchid treats whole programs as the unit of scheduling. It saves 35% of all calls.\n\n"
        "It saves 12% of all calls."
    )
    assert said(found[:4]) == [
        ("supported", "Bramble"),
        ("supported", "Bramble"),
        ("supported", "Orchid"),
        ("unsupported", "Orchid"),
    ]
    assert found[4].status == "paper_not_found" and not found[4].is_trouble


def test_a_search_finds_what_is_quoted_and_what_is_clearly_meant(marked: Marked) -> None:
    quoted, near, unclear = marked(
        "Recall stays at 91.5% with 2M parameters.\n\n"
        "Recall stays at 99% with a retriever of 2M parameters that we shrink.\n\n"
        "A new study shows that cats sleep for 16 hours."
    )
    assert said([quoted, near]) == [("supported", "How"), ("unsupported", "How")]
    assert quoted.decisive and quoted.decisive.found_by == "search"
    assert unclear.status == "paper_not_found" and "clearly" in unclear.reason


def test_a_title_with_a_question_mark_is_a_title(marked: Marked) -> None:
    found = marked(
        "How small can a retriever of sparse notes be? We shrink a retriever until it breaks.\n\n"
        "## How small can a retriever of sparse notes be?\n\nRecall stays at 91.5%.\n\nWhy so?"
    )
    assert [one.status for one in found] == [
        "no_claim",
        "supported",
        "no_claim",
        "supported",
        "no_claim",
    ]
    assert [one.reason for one in found if one.status == "no_claim"] == [
        *("names the paper",) * 2,
        "a question",
    ]


def test_words_of_every_day_are_no_names(marked: Marked) -> None:
    """ "Reflection" begins a title, but papers also write it small."""
    assert said(marked("Reflection needs 7 rounds.")) == [("paper_not_found", "")]
    assert said(marked("**Reflection: On Agents That Think Twice** needs 7 rounds.")) == [
        ("unsupported", "Reflection:".strip(":"))
    ]


def test_namesakes(marked: Marked) -> None:
    robots, heads, neither = marked(
        "SAGE places 40 robots in gardens.\n\nSAGE grows heads in the first 10 steps.\n\n"
        "SAGE bakes 3 cakes."
    )
    assert robots.decisive and "Gardens" in robots.decisive.paper.title
    assert heads.decisive and "Sparse" in heads.decisive.paper.title
    assert neither.status == "unsupported" and len(neither.checks) == 2


def test_a_paper_named_twice_is_one(marked: Marked) -> None:
    (one,) = marked(
        "Orchid ([Orchid](https://arxiv.org/abs/2401.00001), arXiv:2401.00001) treats whole "
        "programs as the unit of scheduling."
    )
    assert one.status == "supported" and len(one.checks) == 1


# ----------------------------------------------------------------- several papers at once


def test_a_sentence_with_two_papers(marked: Marked) -> None:
    quoted, half, linked = marked(
        "Unlike Bramble, Orchid keeps no cache of former programs.\n\n"
        "Orchid and Bramble treat whole programs as the unit of scheduling.\n\n"
        "[This](https://arxiv.org/abs/2401.00001) and [that](https://doi.org/10.1234/bramble.7): "
        "Eviction follows the age of a step."
    )
    assert said([quoted]) == [("supported", "Orchid")]  # it names Bramble itself
    assert half.status == "unsupported" and len(half.checks) == 2
    assert linked.status == "unsupported" and "only" in linked.reason + half.reason


def test_what_another_paper_says_of_the_one_in_the_heading(marked: Marked) -> None:
    """In a section on Orchid a sentence that names Bramble may still be Orchid's."""
    found = marked("## Orchid\n\nUnlike Bramble, it keeps no cache of former programs.")
    assert said(found[-1:]) == [("supported", "Orchid")]
    text = "## Orchid\n\nWe keep no trace.\nUnlike Bramble, we are new. QUOTE".replace(
        "QUOTE", QUOTE
    )
    assert [title(one) for one in marked(text)[1:]] == ["Orchid"] * 3
    assert marked(text)[-1].status == "supported"
    found = marked("## Orchid\n\nBramble, unlike others, keeps no cache of former programs.")
    assert found[-1].status != "supported"
    assert [check.paper.title for check in found[-1].checks] == [BRAMBLE.title]


def test_each_abstract_under_its_own_title_is_quoted(marked: Marked) -> None:
    """Also where it names other stored papers, in its own words or in those of others."""
    text = "\n\n".join(f"## {one.title}\n\n{one.abstract}" for one in PAPERS)
    found = [one for one in marked(text) if one.status != "no_claim"]
    assert len(found) == 16
    assert all(one.status == "supported" and one.decisive for one in found)
    assert all(one.decisive.quoted for one in found if one.decisive)


def test_they_speaks_of_all(marked: Marked) -> None:
    text = "Orchid and Bramble are out. {} eviction follows the age of a step."
    assert marked(text.format("In both,"))[-1].status != "supported"
    found = marked("Orchid and Bramble are out. They preempt calls that have waited long.")
    assert found[-1].status == "unsupported"


def test_a_paper_that_is_not_stored(marked: Marked) -> None:
    found = marked(
        "[Thorn](https://arxiv.org/abs/2409.09999) runs 7x faster. It is small.\n\n"
        "[A blog](https://example.org/post) says hello to 70% of people."
    )
    assert [one.status for one in found] == ["paper_not_found"] * 3
    assert [one.is_trouble for one in found] == [True, True, False]
    assert "2409.09999" in found[1].pointer
    (mixed,) = marked("Orchid keeps no cache, unlike [that](https://arxiv.org/abs/2409.09999).")
    assert mixed.status == "unsupported"


# ---------------------------------------------------------------------------- no claims


@pytest.mark.parametrize(
    "line",
    [
        "Hi all, and welcome back to the weekly digest!",
        "Hi Ada,",
        "Happy Monday!",
        "Best,",
        "All the best!",
        "Thanks to everyone.",
        "Until next week!",
        "Three papers caught our eye this week.",
        "Here is what we read.",
        "Let's dive in.",
        "Read it here.",
        "Next up:",
        "Thanks for reading, and see you next week!",
        "Why does it matter?",
        "🎉",
        "* * *",
        "12.",
        "[PDF](https://arxiv.org/pdf/2401.00001) | [code](https://github.com/a/b)",
        "By Ada Low and Ben Strand, NeurIPS 2024",
        "Ada Low, January 5, 2024",
        "(Low et al., 2024)",
        "Orchid is a great read.",
    ],
)
def test_what_claims_nothing(marked: Marked, line: str) -> None:
    for draft in (line, f"## Orchid\n\n{line}"):
        assert {one.status for one in marked(draft)} - {"no_claim"} <= (
            {"paper_not_found"} if draft == line and "Low" in line else set()
        )


@pytest.mark.parametrize(
    "line",
    [
        "It is fast.",
        "It reads long papers.",
        "Orchid helps people again.",
        "Orchid takes five days.",
        "Thanks to caching, Orchid is fast.",
        "Best results on all tasks.",
        "Hello, Orchid beats all.",
        "Happy users everywhere.",
        "It gains many points (5).",
        "Welcome gains of 9% for all.",
        "95% accuracy!",
        "By Eve Nobody, ICML 2023",
        "I think it beats all others.",
        "A must: it never fails.",
        "Surely it was better than Bramble.",
    ],
)
def test_what_claims_something_of_the_paper_in_question(marked: Marked, line: str) -> None:
    assert marked(f"## Orchid\n\n{line}")[-1].status == "unsupported"


def test_headlines_are_checked_where_they_say_something(marked: Marked) -> None:
    found = marked("## Orchid raises throughput by 9x\n\n## Orchid: it raises throughput by 4x\n")
    assert [one.status for one in found] == ["contradicted", "supported"]


def test_a_rule_ends_what_a_heading_was_about(marked: Marked) -> None:
    text = "## Orchid\n\n{}\n\nOur sponsor gives you 20% off."
    assert marked(text.format(""))[-1].status == "unsupported"
    assert marked(text.format("---"))[-1].status == "paper_not_found"
    assert marked(text.format("## Thanks"))[-1].status == "paper_not_found"


# ------------------------------------------------------------------------------- claims


@pytest.fixture
def orchid(library: Library) -> Paper:
    return library.catalog.papers.resolve("2401.00001")


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("Orchid: it is fast.", "it is fast."),
        ("Orchid — it is fast.", "it is fast."),
        ("“Orchid: Scheduling Agent Programs on Shared Accelerators”: It is fast.", "It is fast."),
        ("In Orchid, programs wait.", "programs wait."),
        ("It is fast (paper, code).", "It is fast."),
        ("It is fast [PDF] (https://a.b/c) arXiv:2401.00001.", "It is fast."),
        ("It is fast (Low et al., 2024).", "It is fast."),
        ("It is fast (on 3 workloads).", "It is fast (on 3 workloads)."),
        ("It is at \\url{https://a.b/c}.", "It is at."),
        ("Bramble: it is fast.", "Bramble: it is fast."),
        ("Orchid, unlike Bramble, is fast.", "Orchid, unlike Bramble, is fast."),
        ("Orchid shows that it is fast.", "Orchid shows that it is fast."),
    ],
)
def test_labels_and_addresses_are_left_away_and_nothing_else(
    orchid: Paper, text: str, claim: str
) -> None:
    assert claim_of(text, [orchid]) == claim


def test_says_nothing_without_a_paper() -> None:
    assert says_nothing("x", "", [], "paragraph") == "says nothing of a paper"
    assert says_nothing("Results", "Results", [], "header") == "the head of a table"
    assert says_nothing("It costs 5%.", "It costs 5%.", [], "paragraph") is None


def test_quotes_tex_and_accents(marked: Marked) -> None:
    found = marked(
        "## Tülu Bounds for Narrow Networks\n\n“We prove that $O(n^2)$ weights suffice.” "
        'The gap is 5% on Gödel tasks. The gap is 6\\% on G\\"odel tasks.\n'
    )
    assert [one.status for one in found[1:]] == ["supported", "supported", "contradicted"]
    assert marked("The gap is 5% on Gödel tasks (doi:10.5555/(tex)12).")[0].status == "supported"


def test_wrapped_claims_are_not_waved_through(marked: Marked) -> None:
    (one,) = marked("The Orchid authors are delighted to find that calls vanish entirely.")
    assert one.status == "unsupported" and one.decisive and one.decisive.quote


def test_the_whole_draft_is_about_one_paper(marked: Marked) -> None:
    found = marked(f"# Review\n\n{QUOTE}\n\n---\n\nBramble is out. {FALSE}", paper="2401.00001")
    assert said(found) == [
        ("no_claim", ""),
        ("supported", "Orchid"),
        ("unsupported", "Orchid"),
        ("contradicted", "Orchid"),
    ]


# --------------------------------------------------------------------- the command line


DRAFT = f"# Orchid\n\nHello!\n\n{QUOTE} {FALSE}\n"


def run(*args: object, stdin: str | bytes | None = None) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["check", *(str(arg) for arg in args)], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def stored(library: Library) -> None:
    library.search("anything", mode="lexical")


@pytest.mark.usefixtures("stored")
def test_the_command(tmp_path: Path) -> None:
    file = tmp_path / "draft.md"
    file.write_bytes(DRAFT.replace("\n", "\r\n").encode())
    code, out, err = run(file)
    assert code == 1
    assert f"{file}:5:1: supported: quoted, 1.00" in out
    assert "contradicted: the source has no 9" in out and "> It raises throughput by 4x" in out
    assert "4 sentences: 1 supported (1 quoted, 0 checked), 1 contradicted, 2 no claim." in err
    code, out, _ = run(file, "--quiet")
    assert code == 1 and out.count(f"{file}:") == 1
    file.write_text(QUOTE)
    assert run(file)[0] == 0
    assert run(file, "--quiet")[1] == ""


@pytest.mark.usefixtures("stored")
def test_json_is_as_documented() -> None:
    code, out, _ = run("-", "--json", stdin=DRAFT)
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 1 and len(rows) == 4
    assert all(
        list(row)
        == ["line", "column", "start", "end", "text", "claim", "status", "supported", "quoted",
            "paper_id", "title", "found_by", "quote", "score", "probability", "judge", "reason",
            "pointer", "papers"]
        for row in rows
    )  # fmt: skip
    good, bad = rows[2:]
    assert (good["status"], good["quote"], good["score"]) == ("supported", QUOTE, 1.0)
    assert good["supported"] and good["quoted"] and good["found_by"] == "heading"
    assert DRAFT[bad["start"] : bad["end"]] == bad["text"] == FALSE
    assert bad["papers"][0]["paper_id"] == bad["paper_id"] and 0 < bad["score"] < 1
    assert rows[0]["paper_id"] is None and rows[0]["papers"] == []
    assert rows[0]["probability"] is rows[0]["judge"] is None
    assert good["judge"] == bad["judge"] == "rules"
    assert good["probability"] > 0.85 and bad["probability"] < 0.4


@pytest.mark.usefixtures("stored")
def test_pairs(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    rows = [{"source": ORCHID.abstract, "claim": claim} for claim in (QUOTE, FALSE)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, _ = run("--pairs", file)
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [row["supported"] for row in found] == [True, False]
    assert found[0]["evidence"] == QUOTE and found[1]["reason"]
    assert [row["judge"] for row in found] == ["rules", "rules"]
    assert found[0]["probability"] > 0.85 > 2 * found[1]["probability"]


@pytest.mark.parametrize(
    ("args", "stdin", "reason"),
    [
        ((), None, "Give a draft"),
        (("a.md", "--pairs", "b.jsonl"), None, "not both"),
        (("--pairs", "b.jsonl", "--quiet"), None, "--quiet"),
        (("missing.md",), None, "No such file"),
        ((".",), None, "cannot be read"),
        (("a\0b",), None, "cannot be read"),
        (("-",), "", "is empty"),
        (("-",), b"\xff\xfa", "not UTF-8"),
        (("-", "--paper", "no such paper"), "Hello there.", "No paper"),
    ],
)
@pytest.mark.usefixtures("stored")
def test_bad_usage(args: tuple[str, ...], stdin: str | bytes | None, reason: str) -> None:
    code, out, err = run(*args, stdin=stdin)
    assert code == 2 and reason in err and out == ""


def test_a_library_without_papers_checks_nothing() -> None:
    code, out, err = run("-", stdin="Orchid is fast.")
    assert code == 3 and "no papers" in err and "curator add" in err and out == ""


@pytest.mark.usefixtures("stored")
def test_terminal_codes_of_a_draft_are_not_obeyed() -> None:
    _, out, _ = run("-", stdin="Orchid is \x1b[31mred\u202e.")
    assert "\x1b" not in out and "\u202e" not in out


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.usefixtures("stored")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "secret.md"
    file.write_text("x")
    file.chmod(0)
    assert run(file)[0] == 2


# ------------------------------------------------------------------- a model's judgement


class Guess:
    """Stands in for `curator.judging.ModelJudge`."""

    name = "local:guess"

    def __init__(self, value: float) -> None:
        self.value = value
        self.asked: list[tuple[str, str]] = []

    def probability(self, claim: str, verdict: Verdict, sources: object, title: str = "") -> float:
        self.asked.append((claim, verdict.status))
        return self.value


FREE = "Whole programs, not single calls, are what Orchid plans for."


def judged(library: Library, text: str, guess: Guess) -> list[CheckedSentence]:
    papers = library.catalog.papers
    checker = DraftChecker(papers.resolve, library.search, library.grounder, guess)
    return checker.check(text, paper=papers.resolve("2401.00001"))


def test_a_judged_sentence_is_never_supported(library: Library) -> None:
    guess = Guess(0.97)
    (one,) = judged(library, FREE, guess)
    assert one.status == "unsupported" and one.is_trouble
    assert one.decisive is not None
    assert (one.decisive.probability, one.decisive.judge) == (0.97, "local:guess")
    assert guess.asked == [(FREE, "unsupported")]
    (one,) = judged(library, FREE, Guess(0.19))
    assert one.status == "doubtful" and one.is_trouble
    assert one.decisive is not None and one.decisive.status == "unsupported"


def test_a_model_is_not_asked_where_the_rules_decide(library: Library) -> None:
    guess = Guess(0.01)
    found = judged(library, f"{QUOTE} {FALSE} Hello!", guess)
    assert [one.status for one in found] == ["supported", "contradicted", "no_claim"]
    assert guess.asked == []
    assert [one.decisive.judge for one in found if one.decisive] == ["rules", "rules"]


@pytest.mark.usefixtures("stored")
def test_the_command_with_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import curator.llm
    from curator import judging

    guess = Guess(0.11)
    monkeypatch.setattr(curator.llm, "open_llm", lambda _settings, spec: spec)
    monkeypatch.setattr(judging, "model_judge", lambda model: guess if model == "local" else None)
    args = ("-", "--paper", "2401.00001", "--model", "local")
    code, out, err = run(*args, stdin=f"{FREE} {FALSE}")
    assert code == 1
    assert "1:1: doubtful (0.11 by local:guess): the source does not" in out
    assert "2 sentences: 1 doubtful, 1 contradicted." in err
    code, out, _ = run(*args, "--json", stdin=FREE)
    row = json.loads(out)
    assert code == 1 and row["status"] == "doubtful" and row["supported"] is False
    assert (row["probability"], row["judge"]) == (0.11, "local:guess")
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps({"source": ORCHID.abstract, "claim": FREE}))
    code, out, _ = run("--pairs", file, "--model", "local")
    row = json.loads(out)
    assert code == 1 and row["status"] == "doubtful" and not row["supported"]


@pytest.mark.usefixtures("stored")
def test_a_server_cannot_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    code, out, err = run("-", "--model", "openai:small", stdin=FREE)
    assert code == 2 and not out
    assert "openai:small" in err and "local" in err
