"""Plain, folded and comparable forms of text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.text import fold, plain, squeeze, strip_controls, title_key


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (r"T\"ulu", "Tülu"),
        (r"G\"{o}del", "Gödel"),
        (r"na{\"\i}ve", "naïve"),
        (r"Erd\H{o}s and Fran\c{c}ois", "Erdős and François"),
        (r"5\% of A\&B", "5% of A&B"),
        (r"\alpha{}-stable, \alpha stable", "α-stable, αstable"),
        (r"\o{}re", "øre"),
        (r"$\pi$bench and O$^2$", "πbench and O^2"),
        (r"\textbf{\emph{both}}", "both"),
        (r"\benchname{} is new", "benchname is new"),
        (r"\collabvoyager learns", "collabvoyager learns"),
        ("less than $15 per paper, or $20 in all", "less than $15 per paper, or $20 in all"),
        (r"from \$5 to \$6", "from $5 to $6"),
        (r"the set \{a, b\}", "the set {a, b}"),
        ("plain", "plain"),
        ("", ""),
        ("\\", "\\"),
        ("$", "$"),
    ],
)
def test_plain_shows_what_the_author_meant(raw: str, shown: str) -> None:
    assert plain(raw) == shown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"T\"ulu 3", "TÜLU 3"),
        (r"G\"odel Machines", "Gödel machines"),
        (r"SOTOPIA-$\pi$", "SOTOPIA-$π$"),
        (r"\alpha{}-Net", "α-net"),
        ("O$^2$-Searcher", "O²-Searcher"),
        ("ﬁne-tuning", "Fine-Tuning"),
        ("e\u0301tude", "étude"),
        ("A  Title:\nTwo Lines", "A title – two lines"),
        (r"{\L}ukasz", "Łukasz"),
        ("Straße", "STRASSE"),
    ],
)
def test_writings_of_one_title_share_a_key(one: str, other: str) -> None:
    assert title_key(one) == title_key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("Part 1", "Part 2"), ("GTA", "GTA1"), ("D4RL", "D5RL"), ("论文一", "论文二")],
)
def test_different_titles_have_different_keys(one: str, other: str) -> None:
    assert title_key(one) != title_key(other)


def test_strip_controls_removes_what_hides_or_commands() -> None:
    assert strip_controls("a\x1b[31mb\u200bc\u202ed\ufeff\ud800\x00e") == "a[31mbcde"
    assert strip_controls("a\tb\r\nc\u2028d\x85e") == "a b  c d e"
    # Printable to Python, and nothing is to be seen of them.
    assert strip_controls("a\u034fb\ufe0fc\u3164d\U000e0101e\u180bf") == "abcdef"
    assert strip_controls("e\u0301tude") == "e\u0301tude"


@given(st.text(st.characters(), max_size=200) | st.text("\\{}$\"'abc ", max_size=60))
def test_never_raises_and_settles(text: str) -> None:
    plain(text)
    fold(text)
    assert squeeze(squeeze(text)) == squeeze(text)
    assert strip_controls(strip_controls(text)) == strip_controls(text)
    key = title_key(text)
    assert title_key(key) == key
    assert all(c.isalnum() for c in key)


@given(st.text(max_size=100))
def test_fold_of_text_without_tex_is_idempotent(text: str) -> None:
    if not set(unicodedata.normalize("NFKD", text)) & set("\\${}"):
        assert fold(fold(text)) == fold(text)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ["\\a{", "$", "\\", "{", "\\a ", "\\'", "\\a\\", "$a ", " \\{"])
def test_hostile_text_takes_no_long_time(piece: str) -> None:
    fold(piece * (50_000 // len(piece)))
