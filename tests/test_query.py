"""The language of searches: what is an operator, and what is only text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.query import LONGEST_PHRASE, Constraint, ParsedQuery, parse_query

C = Constraint


def phrase(text: str, field: str | None = None, *, negative: bool = False) -> Constraint:
    return C(field, text, True, negative)  # type: ignore[arg-type]


# What people paste and ask, with no operator in it.
TEXTS = [
    "How well do agents do on the web?",
    "Attention: a survey - part 2",
    "Attention is all you need",
    "GPT-4 and C++, e.g. on SWE-bench",
    "state-of-the-art / human-level (top-1)",
    "a - b -- c — d – e −5 -",
    "title:",
    "title: Deep nets; author: somebody; abstract:",
    "-title: nothing",
    "Title:Foo AUTHOR:bar Abstract:We",
    "foo:bar http://example.org/title:x https://a.b?c=-d",
    "std::title::of title::of title:-x title:)",
    "subtitle:x (title:x) x-title:y",
    "what's O'Neil's 'method' -'s",
    "``TeX quotes'' and `code`",
    'a 3.5" disk',
    'a 5" disk and a 3.5" disk',
    'an "unclosed quote',
    "an “unclosed quote",
    'title:"unclosed',
    '-"unclosed',
    "$-x$ $\\alpha$-Zero \\emph{-x} -\\alpha -_x --flag",
    'G\\"odel and Erd\\H{o}s',
    "\U0001f642 -\U0001f642 title:\U0001f642",
    "注意力机制 author：王",
    "x\u200by 2 - 1 = 1, -",
    "? ! … · * ~ ^2 AND OR NOT [a TO b] {c} \\",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_not_clearly_an_operator_is_text(text: str) -> None:
    assert parse_query(text) == ParsedQuery(text)
    assert parse_query(text).plain


@pytest.mark.parametrize(
    ("text", "about", "constraints"),
    [
        ('"deep nets"', "deep nets", [phrase("deep nets")]),
        ("“deep nets” now", "deep nets now", [phrase("deep nets")]),
        ("„tiefe Netze“ oder", "tiefe Netze oder", [phrase("tiefe Netze")]),
        ('on ("deep\n  nets")', "on (deep nets)", [phrase("deep nets")]),
        ('a "one" or "two"', "a one or two", [phrase("one"), phrase("two")]),
        ("title:deep nets", "deep nets", [C("title", "deep")]),
        ('nets title:"deep  work"', "nets deep work", [phrase("deep work", "title")]),
        ("abstract:GPT-4", "GPT-4", [C("abstract", "GPT-4")]),
        ("abstract:“in vivo”", "in vivo", [phrase("in vivo", "abstract")]),
        ("author:knuth", "", [C("author", "knuth")]),
        ('engines author:"Ada Lovelace"', "engines", [phrase("Ada Lovelace", "author")]),
        ("author:Núñez, author:O'Neil", "", [C("author", "Núñez,"), C("author", "O'Neil")]),
        ('author:{\\"O}berg', "", [C("author", '{\\"O}berg')]),
        ("title:$\\alpha$-Zero", "$\\alpha$-Zero", [C("title", "$\\alpha$-Zero")]),
        ("nets -deep", "nets", [C(None, "deep", negative=True)]),
        ("-deep", "", [C(None, "deep", negative=True)]),
        ('nets -"deep nets" now', "nets now", [phrase("deep nets", negative=True)]),
        ("-title:deep x", "x", [C("title", "deep", negative=True)]),
        ('-author:"Ada L" x', "x", [phrase("Ada L", "author", negative=True)]),
        ("-foo:bar x", "x", [C(None, "foo:bar", negative=True)]),
        ("x -state-of-the-art", "x", [C(None, "state-of-the-art", negative=True)]),
        ("title:subtitle:x", "subtitle:x", [C("title", "subtitle:x")]),
        ('title:a"b" c', 'a"b" c', [C("title", 'a"b"')]),
        ("title:a title:a", "a a", [C("title", "a")]),
        (
            'Attention: a "deep" survey - part 2',
            "Attention: a deep survey - part 2",
            [phrase("deep")],
        ),
        (
            'graphs "message passing" title:networks author:Kipf -survey what for?',
            "graphs message passing networks what for?",
            [
                phrase("message passing"),
                C("title", "networks"),
                C("author", "Kipf"),
                C(None, "survey", negative=True),
            ],
        ),
    ],
)
def test_operators(text: str, about: str, constraints: list[Constraint]) -> None:
    assert parse_query(text) == ParsedQuery(about, tuple(constraints))
    assert not parse_query(text).plain


@pytest.mark.parametrize(
    "nothing", ['""', '" "', '"…"', "“🙂”", 'title:""', 'x -"?!" y', '"+" -"-"']
)
def test_a_phrase_without_a_letter_or_digit_is_text(nothing: str) -> None:
    assert parse_query(nothing) == ParsedQuery(" ".join(nothing.split()))


def test_quotes_far_apart_hold_a_text_and_no_phrase() -> None:
    long = "word " * (LONGEST_PHRASE // 5)
    assert parse_query(f'"{long}"').constraints == (phrase(long.strip()),)
    assert parse_query(f'"{long}x"').plain


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\0", "-", '"', "“", "title:", "-title:", "\\"])
def test_next_to_nothing(text: str) -> None:
    assert parse_query(text) == ParsedQuery(text.strip())


def test_bytes_that_are_no_text() -> None:
    """As a terminal hands them over."""
    parsed = parse_query("caf\udce9 title:na\udcefve")
    assert parsed == ParsedQuery("caf? na?ve", (C("title", "na?ve"),))


OPERATORS = st.lists(
    st.sampled_from(
        [
            *'"“”„-:\\ \n(){}$',
            "title:",
            "author:",
            "abstract:",
            "-",
            ' "',
            '" ',
            "a",
            "bé",
            "1",
            "🙂",
        ]
    ),
    max_size=40,
).map("".join)


@given(st.text() | OPERATORS)
def test_any_text_is_a_query(text: str) -> None:
    parsed = parse_query(text)
    assert parsed.text == " ".join(parsed.text.split())
    for constraint in parsed.constraints:
        assert any(c.isalnum() for c in constraint.text)
        assert not constraint.phrase or '"' not in constraint.text
    # All that is left out is wanted otherwise, or is an operator.
    kept = parsed.text + "".join(constraint.text for constraint in parsed.constraints)
    assert {c for c in text if c.isalnum()} <= {*kept, *"title", *"abstract", *"author"}


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1))
def test_plain_words_come_back_as_they_are(words: list[str]) -> None:
    text = " ".join(words)
    assert parse_query(text) == ParsedQuery(text)


@given(st.text(st.characters(exclude_characters='"“”„-:', exclude_categories=["Cs"])))
def test_text_without_operators_comes_back(text: str) -> None:
    assert parse_query(text) == ParsedQuery(" ".join(text.split()))


@given(OPERATORS.filter(lambda text: not set(text) & set('"“”„')))
def test_an_operator_is_seen_whatever_stands_before_it(text: str) -> None:
    parsed = parse_query(f"{text} -gnu title:yak")
    assert parsed.constraints[-2:] == (C(None, "gnu", negative=True), C("title", "yak"))
    assert parsed.text.endswith("yak") and "gnu" not in parsed.text


@pytest.mark.parametrize(
    "piece", ['"', "“", "„", "„a", '"a ', "-a ", "title:", "title:a ", "-", '-"']
)
def test_long_input_takes_no_long_time(piece: str) -> None:
    began = time.perf_counter()
    parse_query(piece * (200_000 // len(piece)))
    assert time.perf_counter() - began < 3
