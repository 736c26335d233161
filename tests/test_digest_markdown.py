"""digest.md: Markdown that nobody can break out of, with anchors that hold what it is made of."""

from __future__ import annotations

import re
from typing import Any

import pytest
from digests import citing, digest_of, empty_digest, example, paper
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from curator.digest.document import DigestDocument, DigestSection
from curator.digest.edits import no_edits
from curator.digest.markdown import escape, to_markdown
from curator.digest.reading import read_edits
from curator.digest.written import blocks_of, paragraphs, same

HOSTILE = [
    "](javascript:alert(1))",
    "[click](http://evil.example)",
    "![x](http://evil.example/p.png)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- paper p000000000001 drop -->",
    "--> <!-- end -->",
    "# A heading",
    "a\n# A heading",
    "a\r\n\r\n## A heading",
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
    "<<<<<<< HEAD",
    "\\",
    "\\]",
    "trailing\\",
    "\u202eright to left\u202c and \u200bnothing\x00\x07",
    "pin",
    "drop",
    "",
    "(quoted)",
    "*(editor)*",
    "\x85line\u2028ends\x0b\x0c",
    "x" * 10_000,
]
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.text(alphabet="\\`*_[]<>#|~!&$-+=.)(1a \n“”\"'—:{}^@", max_size=25),
)


def hostile(text: str, **changes: Any) -> DigestDocument:
    """A digest in which every text is this one."""
    made = paper(
        1,
        text,
        text,
        url="https://example.org/a_(b) c",
        authors=[text] * 6,
        tags=[text],
        notes=[citing(text, "human", supported=False, reason=text)],
        why=[{"kind": "tag", "text": text, "paper_ids": []}],
        **changes,
    )
    other = paper(2, text, text, url=None, origin="human", reason=text)
    third = paper(3, text, text, notes=[citing(text, "human")], origin="human", supported=False)
    trends = example()["trends"]
    trends[0]["title"] = text
    trends[0]["papers"][0]["title"] = text
    return digest_of(
        [
            DigestSection(
                tag=text,
                title=text,
                papers=[made, other],
                notes=[citing(text, "human", supported=False, reason=text)],
            )
        ],
        [third],
        lead=[citing(text, "catalog"), citing(text), citing(text, "human")],
        notes=[citing(text, "human")],
        failed=[{"paper_id": "p2", "title": text, "reason": text}],
        trends=trends,
        model=text,
    )


# --------------------------------------------------------------------------- escaping


def unescaped(markdown: str) -> str:
    """What is left for a Markdown reader to see as markup."""
    bare = re.sub(r"(?<!\\)<!-- .*? -->", "", markdown)
    bare = re.sub(r"(?<!\\)`[\w.+:/-]+`", "a tag", bare)
    return re.sub(r"\\[!-/:-@\[-`{-~]", "x", bare)


@pytest.mark.parametrize("text", [text for text in HOSTILE if text])
def test_text_from_papers_is_never_markup(text: str) -> None:
    harmless, markdown = (
        unescaped(to_markdown(hostile("plain"))),
        unescaped(to_markdown(hostile(text))),
    )
    for sign in "<>[]`*#|$~&":
        assert markdown.count(sign) == harmless.count(sign), sign
    assert markdown.count("\n") == harmless.count("\n")
    assert "https://example.org/a_%28b%29%20c)" in markdown
    for line, own in zip(markdown.splitlines(), harmless.splitlines(), strict=True):
        start = re.match(r"(?:#+ |[-+=]+(?: |$)|\d+[.)] |> )?", line)
        as_there = re.match(r"(?:#+ |[-+=]+(?: |$)|\d+[.)] |> )?", own)
        assert start and as_there and start.group() == as_there.group(), line


@pytest.mark.parametrize("text", [text for text in HOSTILE if text])
def test_what_markdown_readers_make_of_it(text: str) -> None:
    """The same elements in the same order, whatever the texts are."""

    def elements(markdown: str) -> list[str]:
        tokens = MarkdownIt("commonmark").parse(markdown)
        return [token.type for token in tokens]

    assert elements(to_markdown(hostile(text))) == elements(to_markdown(hostile("plain")))
    html = MarkdownIt("commonmark").render(to_markdown(hostile(text)))
    for tag in ("<script", "<img", 'javascript:alert(1)"', 'evil.example"'):
        assert tag not in html


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


# --------------------------------------------------------------------------- what it says


def test_every_sentence_says_where_it_is_from() -> None:
    text = to_markdown(example())
    assert "in 97 % of storms. *(checked 0.93)*" in text
    assert "Owls find a mouse in 12 seconds by ear alone. *(quoted)*" in text
    assert "most of them on retrieval (5). *(counted)*" in text
    assert "> Read this one first. *(editor, not supported: names no paper)*" in text
    assert "Why: like “Bats at Dusk”, which you liked" in text
    assert "up, 4 of 9 papers, before that 2 of 40" in text
    assert "O(n log n) Search in R^d with α-Trees" in text
    assert text.endswith("-->\n") and "9 papers seen: 3 chosen, 1 notable, 5 not chosen." in text


def test_a_week_without_papers_says_so() -> None:
    text = to_markdown(empty_digest())
    assert "No papers in this period." in text
    assert read_edits(text, empty_digest()) == (no_edits(), [])


def test_the_same_document_gives_the_same_bytes() -> None:
    assert to_markdown(example()) == to_markdown(example())


def test_a_reason_cannot_end_its_mark() -> None:
    made = example()
    made["sections"][0]["papers"][0]["notes"][0]["reason"] = "the source has no (42)* <b>"
    (note,) = [p for b in blocks_of(to_markdown(made)) for p in b.paras if "first" in p.text]
    assert (note.text, note.is_note) == ("Read this one first.", True)


# --------------------------------------------------------------------------- anchors


def test_every_block_has_its_anchor() -> None:
    kinds = [(b.anchor.kind, b.anchor.name) for b in blocks_of(to_markdown(example()))]
    assert kinds == [
        ("top", ""),
        ("digest", "2026-W47"),
        ("lead", ""),
        ("section", "retrieval"),
        ("paper", "p000000000001"),
        ("paper", "p000000000003"),
        ("section", "agents"),
        ("paper", "p000000000002"),
        ("notable", ""),
        ("paper", "p000000000004"),
        ("rest", ""),
        ("end", ""),
    ]


def test_fingerprints_are_of_what_is_below() -> None:
    for block in blocks_of(to_markdown(example())):
        own = tuple(para.print for para in block.paras if not para.quoted)
        notes = tuple(para.print for para in block.paras if para.quoted)
        assert (block.anchor.prints, block.anchor.note_prints) == (own, notes)


@given(TEXTS)
def test_whatever_the_texts_are_the_blocks_are_the_same(text: str) -> None:
    def kinds(made: DigestDocument) -> list[str]:
        return [block.anchor.kind for block in blocks_of(to_markdown(made))]

    assert kinds(hostile(text)) == kinds(hostile("plain"))


@given(TEXTS)
def test_a_file_that_nobody_touched_has_no_edits(text: str) -> None:
    made = hostile(text)
    assert read_edits(to_markdown(made), made) == (no_edits(), [])


def test_a_reader_of_any_name() -> None:
    for reader in ("jane doe", "--> <b>", "Ünal", "a/b"):
        made = digest_of(example()["sections"], reader=reader)
        assert read_edits(to_markdown(made), made) == (no_edits(), [])


# ----------------------------------------------------------------- what paragraphs say


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("one\ntwo  \nthree", "one two three"),
        ("*one* _two_ **three** `four`", "one two three four"),
        ("see [code](https://x.org)", "see code (https://x.org)"),
        ("<https://x.org>", "https://x.org"),
        ("a \\* b \\_c\\_ &amp; d", "a * b _c_ & d"),
        ("said. *(quoted)*", "said."),
        ("said. _(checked 0.93)_", "said."),
        ("said. (quoted)", "said."),
        ("said *(quoted)* and more", "said and more"),
        ("![alt](http://x/y.png)", "alt (http://x/y.png)"),
        ("[x]: http://y", "[x]: http://y"),
        ("**Note**: this", "Note: this"),
    ],
)
def test_what_a_reader_sees(markdown: str, text: str) -> None:
    (para,), _ = paragraphs(markdown)
    assert para.text == text


def test_lists_code_and_comments() -> None:
    found, comments = paragraphs("- a\n- b\n\n```\ncode\n```\n\n<!-- mine -->\n\ntext\n---\n")
    assert [para.text for para in found] == ["a", "b", "code", "text"]
    assert comments == [8]


def test_kinds_of_quotation_marks_and_dashes_are_the_same() -> None:
    assert same("“a” – b’s…  c\u00a0d") == same('"a" -- b\'s... c d')
    assert same("a b") != same("ab")
