"""Reading what people really have: cut, wrapped, joined, mis-encoded and mistaken files."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import textwrap
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import InputError, UsageError
from curator.paper import Entry, Record, Rejected
from curator.settings import load_settings
from curator.sources import daily_papers, expand, formats, is_address, jsonl, read
from curator.sources.feeds import open_feed
from curator.text import title_key

FIXTURES = Path(__file__).parent / "fixtures"
SEEDS = Path(__file__).parents[2] / "shared" / "seeds"
TODAY = date(2026, 11, 20)

INVITATION = [
    "Get trending papers in your email inbox once a day!",
    "Get trending papers in your email inbox!",
]
HEAD = ["new", INVITATION[1], "Subscribe", "Daily Papers", "byAK and the research community"]


def page_records() -> list[Record]:
    return [r for r in read(str(FIXTURES / "page_spaced.txt")) if isinstance(r, Record)]


PAIRS = [(record.title, record.abstract) for record in page_records()]


def run_together(lines: Iterable[str]) -> str:
    return "\n".join([*INVITATION, "Subscribe" + "\n".join(lines)]) + "\n"


def spaced(lines: Iterable[str], day: str = "Aug 19") -> str:
    return "\n\n".join([*HEAD, day, *lines])


def flat(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return [line for pair in pairs for line in pair]


def entries(content: str | bytes, today: date | None = TODAY) -> list[Entry]:
    data = content.encode() if isinstance(content, str) else content
    return list(read("-", today=today, stdin=io.BytesIO(data)))


def pairs(found: Iterable[Entry]) -> list[tuple[str, str]]:
    return [(r.title, r.abstract) for r in found if isinstance(r, Record)]


def rejected(found: Iterable[Entry]) -> list[Rejected]:
    return [r for r in found if isinstance(r, Rejected)]


def kind(content: str) -> str:
    return read("-", stdin=io.BytesIO(content.encode())).kind


Render = Callable[[Iterable[str]], str]
LAYOUTS = pytest.mark.parametrize("render", [run_together, spaced])


# --- Daily Papers pages --------------------------------------------------------------------


@pytest.mark.seeds
@pytest.mark.skipif(not SEEDS.is_dir(), reason="../shared is absent")
def test_the_seeds_are_read_to_the_last_entry() -> None:
    found = [r for path in sorted(SEEDS.glob("*.txt")) for r in read(str(path), today=TODAY)]
    assert rejected(found) == []
    records = [r for r in found if isinstance(r, Record)]
    assert len(records) == 602
    assert len({title_key(r.title) for r in records}) == 568
    assert {r.listed for r in records} == {None, "2026-08-19", "2026-09-08"}


@pytest.mark.seeds
@pytest.mark.skipif(not SEEDS.is_dir(), reason="../shared is absent")
@pytest.mark.parametrize("missing", [0, 1], ids=["title", "abstract"])
def test_on_real_pages_a_broken_entry_spoils_only_itself(missing: int) -> None:
    for path in sorted(SEEDS.glob("*.txt")):
        real = pairs(read(str(path)))[:12]
        for broken in range(1, 11):
            if missing == 0 and len(real[broken - 1][1] + real[broken][1]) < 1_920:
                continue  # nobody could tell that these are not one abstract in two paragraphs
            lines = flat(real)
            del lines[2 * broken + missing]
            found = entries(run_together(lines))
            assert pairs(found) == real[:broken] + real[broken + 1 :]
            assert [r.where.split(",")[0] for r in rejected(found)] == [f"entry {broken + 1}"]


@pytest.mark.parametrize("name", ["page_run_together.txt", "page_spaced.txt"])
def test_both_layouts(name: str) -> None:
    reading = read(str(FIXTURES / name), today=TODAY)
    assert reading.kind == "daily-papers-text"
    assert reading.name == str(FIXTURES / name)
    found = list(reading)
    assert rejected(found) == []
    assert pairs(found) == PAIRS
    assert len(PAIRS) == 4
    first = found[0]
    assert isinstance(first, Record)
    at, day = ("line 3", None) if "run" in name else ("line 13", "2026-08-19")
    assert (first.where, first.listed) == (f"entry 1, {at}", day)


@LAYOUTS
def test_ugly_but_readable(render: Render) -> None:
    lines = flat(PAIRS)
    padded = [lines[0], *(f" \t{line}  " for line in lines[1:])]
    assert pairs(entries(render(padded))) == PAIRS
    assert pairs(entries(render(lines).replace("\n", "\r\n"))) == PAIRS
    assert pairs(entries(render(lines).replace("\n", "\r"))) == PAIRS
    assert pairs(entries("\ufeff" + render(lines))) == PAIRS
    assert pairs(entries(render(lines).encode("utf-16"))) == PAIRS
    assert pairs(entries(render(lines) + "\n\n \n")) == PAIRS
    short = [(title, abstract[:150].rsplit(" ", 1)[0]) for title, abstract in PAIRS]
    mixed = [PAIRS[0], short[1], *PAIRS[2:]]
    assert pairs(entries(render(flat(mixed)))) == mixed
    cut = [*PAIRS[:3], (PAIRS[3][0], PAIRS[3][1][:270].strip())]
    assert pairs(entries(render(flat(cut)))) == cut


@LAYOUTS
@pytest.mark.parametrize("width", [72, 100])
def test_abstracts_over_several_lines(render: Render, width: int) -> None:
    for broken, (title, abstract) in enumerate(PAIRS):
        wrapped = "\n".join(textwrap.wrap(abstract, width, break_long_words=False))
        lines = flat([*PAIRS[:broken], (title, wrapped), *PAIRS[broken + 1 :]])
        assert entries(render(lines)) != []
        assert pairs(entries(render(lines))) == PAIRS


@LAYOUTS
def test_abstracts_over_two_paragraphs(render: Render) -> None:
    for broken, (title, abstract) in enumerate(PAIRS):
        middle = abstract.index(". ", 100) + 1
        for cut in (middle, abstract.index(" ", middle + 2)):
            parts = [abstract[:cut].strip(), abstract[cut:].strip()]
            lines = [*flat(PAIRS[:broken]), title, *parts, *flat(PAIRS[broken + 1 :])]
            assert pairs(entries(render(lines))) == PAIRS
            assert rejected(entries(render(lines))) == []


@LAYOUTS
def test_a_title_without_an_abstract(render: Render) -> None:
    lines = flat(PAIRS)
    found = entries(render([*lines[:2], "A Lost Title: On Absence", *lines[2:]]))
    assert pairs(found) == PAIRS
    assert [type(r) for r in found] == [Record, Rejected, Record, Record, Record]
    (lost,) = rejected(found)
    assert lost.where.startswith("entry 2, line ")
    assert lost.reason == "a title without an abstract: 'A Lost Title: On Absence'"
    found = entries(render([*lines, "A Last Title: Where the Page Was Cut"]))
    assert (pairs(found), len(rejected(found))) == (PAIRS, 1)


@LAYOUTS
def test_an_abstract_without_a_title(render: Render) -> None:
    # As long as real ones, so that no two are taken for one abstract in two paragraphs.
    real = [
        (title, abstract + " " + "We add much more to say here. " * 20) for title, abstract in PAIRS
    ]
    real = [(title, abstract.strip()) for title, abstract in real]
    lines = flat(real)
    found = entries(render([*lines[:2], *lines[3:]]))
    assert pairs(found) == [real[0], *real[2:]]
    (lost,) = rejected(found)
    assert lost.reason.startswith("an abstract without a title: 'Newsletters about")
    found = entries(render(lines[1:]))
    assert pairs(found) == real[1:]
    assert rejected(found)[0].where.startswith("entry 1, line")


def test_a_page_with_one_lone_abstract_has_one_rejection() -> None:
    (lost,) = entries(spaced([PAIRS[0][1]]))
    assert isinstance(lost, Rejected)
    assert lost == Rejected("entry 1, line 13", lost.reason)


@LAYOUTS
def test_trailing_junk_is_rejected_and_hurts_nothing(render: Render) -> None:
    found = entries(render([*flat(PAIRS), "Company", "TOS", "Privacy"]))
    assert pairs(found) == PAIRS
    assert len(rejected(found)) == 3


@pytest.mark.parametrize("dropped", range(6))
def test_missing_head_lines(dropped: int) -> None:
    lines = spaced(flat(PAIRS)).split("\n\n")
    assert pairs(entries("\n\n".join(lines[dropped + 1 :]))) == PAIRS
    assert pairs(entries("\n\n".join(lines[:dropped] + lines[dropped + 1 :]))) == PAIRS


@pytest.mark.parametrize("dropped", [1, 2])
def test_missing_invitations(dropped: int) -> None:
    lines = run_together(flat(PAIRS)).split("\n")
    assert pairs(entries("\n".join(lines[dropped:]))) == PAIRS


def test_subscribe_alone_and_menus_above_the_head() -> None:
    lines = flat(PAIRS)
    assert pairs(entries("\n".join(["Subscribe", *lines]))) == PAIRS
    assert pairs(entries("\n".join([*INVITATION, "Subscribe", *lines]))) == PAIRS
    assert pairs(entries("Models\nDatasets\nLog In\n" + spaced(lines))) == PAIRS


def test_titles_that_start_with_subscribe_keep_their_letters() -> None:
    title, abstract = PAIRS[1]
    assert title.startswith("Subscriber Fatigue")
    swapped = [PAIRS[1], PAIRS[0]]
    assert pairs(entries(run_together(flat(swapped)))) == swapped
    assert pairs(entries(spaced(flat(swapped)))) == swapped
    assert pairs(entries("\n".join([*INVITATION, *flat(swapped)]))) == swapped
    assert pairs(entries("\n".join(flat(swapped)))) == swapped
    glued = [("SubscribeNet: a Title of its Own", abstract), PAIRS[0]]
    assert pairs(entries(run_together(flat(glued)))) == glued
    assert pairs(entries(spaced(flat(glued)))) == glued


def test_pages_joined_into_one_file() -> None:
    found = entries(spaced(flat(PAIRS[:2])) + "\n" + spaced(flat(PAIRS[2:]), "Sep 8"))
    assert pairs(found) == PAIRS
    days = [r.listed for r in found if isinstance(r, Record)]
    assert days == ["2026-08-19", "2026-08-19", "2026-09-08", "2026-09-08"]


@pytest.mark.parametrize(
    ("day", "today", "listed"),
    [
        ("Aug 19", date(2026, 8, 19), "2026-08-19"),
        ("Aug 19", date(2026, 8, 18), "2025-08-19"),
        ("Dec 31", date(2026, 1, 1), "2025-12-31"),
        ("September 8", date(2026, 11, 20), "2026-09-08"),
        ("Feb 29", date(2026, 11, 20), "2024-02-29"),
        ("Feb 29", date(1903, 1, 1), "1896-02-29"),
        ("Feb 30", date(2026, 11, 20), None),
        ("Aug 19, 2023", date(2026, 11, 20), "2023-08-19"),
    ],
)
def test_a_day_without_a_year(day: str, today: date, listed: str | None) -> None:
    found = entries(spaced(flat(PAIRS), day), today)
    assert pairs(found) == PAIRS
    assert {r.listed for r in found if isinstance(r, Record)} == {listed}


def test_the_year_comes_from_the_day_the_file_was_changed(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text(spaced(flat(PAIRS)), encoding="utf-8")
    os.utime(page, (1_600_000_000, 1_600_000_000))  # September 2020
    (first, *_) = read(str(page))
    assert isinstance(first, Record)
    assert first.listed == "2020-08-19"


def test_damaged_bytes_cost_one_entry_and_other_encodings_are_named() -> None:
    data = spaced(flat(PAIRS)).encode()
    damaged = data.replace(b"harbour", b"harb\xffur")
    found = entries(damaged)
    assert pairs(found) == PAIRS[1:]
    assert "not UTF-8" in rejected(found)[0].reason
    cut = spaced(flat([*PAIRS[:3], (PAIRS[3][0], PAIRS[3][1] + " é")])).encode()[:-1]
    assert pairs(entries(cut)) == PAIRS
    latin = spaced(flat([("Déjà Vu: " + t, "Très. " + a) for t, a in PAIRS[:2] + PAIRS[3:]]))
    with pytest.raises(InputError, match=r"not text in UTF-8 \(see line 13\).*iconv"):
        entries(latin.encode("latin-1"))


# --- JSON Lines ----------------------------------------------------------------------------

GOOD = {"title": "A Good Paper", "abstract": "It has all it needs."}


def lines_of(*values: object) -> str:
    return "\n".join(v if isinstance(v, str) else json.dumps(v) for v in values)


def test_json_lines() -> None:
    reading = read(str(FIXTURES / "papers.jsonl"))
    assert reading.kind == "jsonl"
    first, second, *bad = reading
    assert isinstance(first, Record)
    assert (first.where, first.arxiv_id, first.arxiv_version) == ("line 1", "2401.01234", 2)
    assert (first.source_id, first.published, first.upvotes) == ("a-1", "2024-01-03", 12)
    assert first.authors == ("Ida Strand", "Jo Vik")
    assert isinstance(second, Record)  # with the names that other exports use
    assert (second.where, second.published) == ("line 3", "2024-02")
    assert (second.doi, second.url) == ("10.1234/fatigue.7", "https://example.org/fatigue")
    assert second.abstract.startswith("Newsletters")
    assert [r.where for r in rejected(bad)] == ["line 4", "line 5", "line 6"]
    reasons = [r.reason for r in rejected(bad)]
    assert reasons[0].startswith("not valid JSON (unterminated string")
    assert reasons[1:] == ["no abstract: No Abstract Here", "not a JSON object: [1, 2]"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("oops", "not valid JSON"),
        ('{"title": "A", "abstract": "B"},', "not valid JSON (extra data"),
        ('{"title": "A", "abstract": "B", "upvotes": NaN}', "NaN is no JSON value"),
        ('{"title": "A", "abstract": "B", "upvotes": -Infinity}', "-Infinity is no JSON value"),
        ("[" * 200_000, "nested too deeply"),
        ('{"upvotes": ' + "9" * 5_000 + "}", "a number is too long"),
        ('"text"', "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"abstract": "B"}', "no title"),
        ('{"title": "A"}', "no abstract: A"),
        ('{"title": 7, "abstract": "B"}', "title should be text, not int"),
        ('{"title": "A", "abstract": {}}', "abstract should be text, not dict"),
        ('{"title": "A", "abstract": "B", "published": "2024-13-01"}', "is not a date"),
        ('{"title": "A", "abstract": "B", "authors": 3}', "authors should be a list"),
        ('{"title": "A", "abstract": "B", "upvotes": true}', "upvotes should be a number"),
        ("\x00\x01", "not valid JSON"),
    ],
)
def test_a_bad_line_is_rejected_and_the_others_go_in(line: str, reason: str) -> None:
    text = lines_of(GOOD, "", line.replace("\x00", "\x1b"), GOOD)
    first, bad, last = entries(text)
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert last.where == "line 4"
    assert isinstance(bad, Rejected)
    assert bad.where == "line 3"
    assert reason in bad.reason
    assert len(bad.reason) < 200
    assert bad.reason.isprintable()


def test_bad_lines_before_the_first_good_one_are_kept() -> None:
    found = entries(lines_of("oops", GOOD, GOOD))
    assert [type(r) for r in found] == [Rejected, Record, Record]


def test_names_that_other_exports_use() -> None:
    both = GOOD | {"summary": "Not this one.", "submitted": "2024-05", "published": ""}
    (found,) = entries(lines_of(both))
    assert isinstance(found, Record)
    assert (found.abstract, found.published) == (GOOD["abstract"], "2024-05")


def test_line_ends_marks_and_encodings() -> None:
    text = lines_of(GOOD, GOOD | {"title": "Ünï"})
    want = pairs(entries(text))
    assert len(want) == 2
    for written in (text.replace("\n", "\r\n"), text.replace("\n", "\r"), "\ufeff" + text + "\n\n"):
        assert pairs(entries(written)) == want
    assert pairs(entries(text.encode("utf-16"))) == want
    latin = json.dumps(GOOD | {"title": "Ünï"}, ensure_ascii=False).encode("latin-1")
    found = entries(json.dumps(GOOD).encode() + b"\n" + latin)
    assert "not UTF-8" in rejected(found)[0].reason


def test_a_line_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE", 1_000)
    found = entries(lines_of(GOOD, GOOD | {"more": "x" * 5_000}, GOOD))
    assert [type(r) for r in found] == [Record, Rejected, Record]
    assert rejected(found)[0].where == "line 2"


def test_lines_are_read_as_they_are_asked_for() -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert 0 < size <= 1 << 20  # never the whole
            return b"\n" * (size - len(line)) + line

    line = json.dumps(GOOD).encode() + b"\n"
    reading = iter(read("-", stdin=Endless()))
    assert all(isinstance(next(reading), Record) for _ in range(50))


def test_a_json_array_is_read_too() -> None:
    found = entries(json.dumps([GOOD, 5, {"title": "B"}, GOOD], indent=1))
    assert [type(r) for r in found] == [Record, Rejected, Rejected, Record]
    assert [r.where for r in found] == [f"entry {n}" for n in range(1, 5)]


# --- Which format, and what is none --------------------------------------------------------


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "page.jsonl").write_text(spaced(flat(PAIRS)), encoding="utf-8")
    (tmp_path / "lines.txt").write_text(lines_of(GOOD), encoding="utf-8")
    assert read(str(tmp_path / "page.jsonl")).kind == "daily-papers-text"
    assert read(str(tmp_path / "lines.txt")).kind == "jsonl"
    assert kind("\n".join(flat(PAIRS[:2]))) == "daily-papers-text"


PROSE = "\n\n".join(
    "The ferry leaves when the tide lets it, and nobody in the village owns a watch. " * 6
    for _ in range(4)
)
LICENCE = "\n".join(["The Licence of Things", "You may use, copy and alter the software. " * 9] * 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "It is empty"),
        (" \n\t\r\n", "It is empty"),
        ("\ufeff", "It is empty"),
        (b"%PDF-1.7\n\x00\xff", "It is a PDF"),
        (b"PK\x03\x04abc", "zip archive"),
        (b"\x1f\x8b\x08abc", "gzip"),
        (b"abc\x00def", "It is binary"),
        (bytes(range(128, 256)) * 4, "not text in UTF-8"),
        ("<!DOCTYPE html>\n<html><body>Daily Papers</body></html>", "a web page without a paper"),
        ("<?xml version='1.0'?><feed/>", "XML"),
        ("Just a thought.", "plain text"),
        (PROSE, "plain text"),
        (textwrap.fill(PROSE, 70), "plain text"),
        (LICENCE, "plain text"),
        ('{"title": "A", "abst', "no line of it is a JSON object"),
        ('[{"title": "A"', "starts as a JSON array"),
        ("[]", "array without any object"),
        ("\n\n".join(HEAD), "has no entries"),
        ("\n".join(["{x"] * 3_000), "plain text|one JSON document"),
        ("\n".join(['{"x'] * 3_000), "no line of it is a JSON object"),
    ],
)
def test_what_cannot_be_used_says_what_it_looks_like(content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        entries(content)
    assert caught.value.exit_code == 2
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("@article{key,\n title={A Title}}", "bibtex"),
        ("TY  - JOUR\nTI  - A Title\nER  - ", "ris"),
        ("title,abstract\nA Title,B\nC,D", "table"),
        ("title\tabstract\nA Title\tB", "table"),
        ('{\n "title": "A Title",\n "abstract": "B"\n}', "json"),
        ('{"title": "A Title", "abstract": "B"}', "jsonl"),
    ],
)
def test_the_format_is_found_out(content: str, expected: str) -> None:
    assert kind(content) == expected
    (first, *_) = entries(content)
    assert isinstance(first, Record)
    assert first.title == "A Title"
    packed = gzip.compress(content.encode())
    assert read("-", stdin=io.BytesIO(packed)).kind == expected


def test_a_format_may_be_named() -> None:
    text = b"abstract;title\nB;A\n"
    assert read("-", stdin=io.BytesIO(text), kind="table").kind == "table"
    with pytest.raises(UsageError, match="no format 'word'") as caught:
        read("-", stdin=io.BytesIO(text), kind="word")
    assert "bibtex" in caught.value.remedy


def test_jsonl_without_an_object(tmp_path: Path) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"not JSON Lines.*line 1: not valid JSON"):
        read(str(path))


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read(str(tmp_path / "absent.txt"))
    with pytest.raises(InputError, match="is a directory"):
        read(str(tmp_path))
    for name in ("a\0b", "x" * 5_000):
        with pytest.raises(InputError):
            read(name)
        expand([name])  # it is reading that says what is wrong


def test_pages_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_WHOLE", 1_000)
    with pytest.raises(InputError, match="It is larger than"):
        entries(spaced(flat(PAIRS)))


def test_addresses_are_not_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_address("https://x.org/a")
    assert not any(map(is_address, ("arxiv:cs.CL", "papers.txt", "C:\\papers.txt", "-")))
    (tmp_path / "http:").mkdir()
    (tmp_path / "http:" / "page").touch()
    assert not is_address("http://page")  # a file of that name, however odd


@pytest.mark.parametrize("spec", ["arxiv:cs.CL", "hf:2026-W47", "rss:https://x.org/feed"])
def test_feeds_are_known_by_their_names(spec: str) -> None:
    feed = open_feed(spec, load_settings())
    assert feed is not None
    assert feed.spec == spec


@pytest.mark.parametrize("spec", ["papers.txt", "-", "C:/papers.bib", "C:\\papers.bib", "/a:b/c"])
def test_files_are_no_feeds(spec: str) -> None:
    assert open_feed(spec, load_settings()) is None


@pytest.mark.parametrize("spec", ["nature:physics", "arxiv:", "rss:nowhere", "hf:2026-99", "s2:"])
def test_feeds_that_cannot_be(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_feed(spec, load_settings())
    assert caught.value.remedy


def test_standard_input_stays_open() -> None:
    pipe = io.BytesIO(lines_of(GOOD).encode())
    reading = read("-", stdin=pipe)
    assert (reading.name, reading.kind, len(list(reading))) == ("-", "jsonl", 1)
    assert not pipe.closed


# --- Globs and directories -----------------------------------------------------------------


def test_expand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.txt", "a.jsonl", "c.md", ".hidden.txt", "odd[1].txt"):
        (tmp_path / name).touch()
    (tmp_path / "sub.txt").mkdir()
    monkeypatch.chdir(tmp_path)
    assert expand(["*.txt"]) == ["b.txt", "odd[1].txt"]
    assert expand(["b.txt", "*.jsonl", "./b.txt", str(tmp_path / "b.txt"), "-", "-"]) == [
        "b.txt",
        "a.jsonl",
        "-",
    ]
    assert [Path(f).name for f in expand([str(tmp_path)])] == [
        ".hidden.txt",
        "a.jsonl",
        "b.txt",
        "odd[1].txt",
    ]
    assert expand(["odd[1].txt", "absent.txt"]) == ["odd[1].txt", "absent.txt"]
    assert expand([]) == []
    with pytest.raises(InputError, match="No file matches"):
        expand(["*.nope"])
    with pytest.raises(InputError, match="has no files of a kind that is read"):
        expand(["sub.txt"])


# --- Properties ----------------------------------------------------------------------------

_WORD = st.text("abcdefghijklmnopqrstuvwxyzéüπ", min_size=2, max_size=9)
_TITLE = st.lists(_WORD, min_size=2, max_size=12).map(lambda words: " ".join(words).title())
_SENTENCE = st.lists(_WORD, min_size=10, max_size=20).map(
    lambda words: "We show that " + " ".join(words) + "."
)
_ABSTRACT = st.lists(_SENTENCE, min_size=4, max_size=12).map(" ".join)
_PAIRS = st.lists(st.tuples(_TITLE, _ABSTRACT), min_size=1, max_size=6)


@LAYOUTS
@given(_PAIRS)
def test_what_was_written_is_read(render: Render, written: list[tuple[str, str]]) -> None:
    assert pairs(entries(render(flat(written)))) == written


@given(st.binary(max_size=400) | st.text(max_size=300).map(str.encode))
def test_no_bytes_raise_anything_but_an_input_error(data: bytes) -> None:
    try:
        found = entries(data)
    except InputError as error:
        assert error.remedy
    else:
        assert all(r.where for r in found)


_LINE = st.sampled_from(
    ["", *INVITATION, *HEAD, "Aug 19", "SubscribeX", *flat(PAIRS), "x.", "{}", json.dumps(GOOD)]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


@given(st.lists(_LINE, max_size=30))
def test_no_lines_stop_the_parser_and_none_is_lost(lines: list[str]) -> None:
    found = list(daily_papers.parse(lines, TODAY))
    assert all(r.where for r in found)
    texts = [r.abstract if isinstance(r, Record) else r.reason for r in found]
    assert len(texts) <= len(lines)
    with contextlib.suppress(InputError):
        entries("\n".join(lines))


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("piece", ["a\n", "% ", "{", "[", '{"', "x " * 300 + "\n", "\\", "\n a"])
def test_large_hostile_files_take_no_long_time(piece: str) -> None:
    data = (piece * (150_000 // len(piece))).encode()
    for start in (b"", b"Get trending papers in your email inbox!\n", b"@", b'{"a": 1}\n'):
        with contextlib.suppress(InputError):
            entries(start + data)
