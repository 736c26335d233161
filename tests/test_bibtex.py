"""BibTeX as people have it: every part is kept, and what is broken spoils only itself."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curator.paper import Entry, Record, Rejected, Verbatim
from curator.sources import bibtex
from curator.sources.bibliography import arxiv_in, date_of
from curator.sources.bibtex_names import people
from curator.sources.bibtex_syntax import AFTER, Block, restored, scan
from curator.sources.bibtex_values import address_of, text_of, unbraced
from curator.text import plain

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "formats" / "bibtex_csl"
FILES = sorted(SAMPLES.glob("*.bib"))
needs_samples = pytest.mark.skipif(not FILES, reason="../shared is absent")

ENTRY = """@inproceedings{strand2021ferry,
  title = {Ferries of the {North}},
  author = {Strand, Ida and Lund, Bo},
  year = 2021,
}"""


def written(blocks: Sequence[Block]) -> str:
    """The file that the blocks are of."""
    return "".join(
        block.extra.get("before", "") + restored(block.extra) + block.extra.get("after", AFTER)
        for block in blocks
    )


def records(text: str) -> list[Record]:
    return [entry for entry in bibtex.parse(text) if isinstance(entry, Record)]


def one(fields: str, kind: str = "article", more: str = "") -> Record:
    """The record of an entry with these fields."""
    title = "" if fields.lower().startswith("title") else "title = {Ferries}, "
    found = bibtex.parse(f"{more}@{kind}{{key, {title}{fields}}}")
    (record,) = (entry for entry in found if isinstance(entry, Record))
    return record


def kinds(entries: Sequence[Entry]) -> str:
    return "".join("RXV"[(Record, Rejected, Verbatim).index(type(entry))] for entry in entries)


# --- The samples -------------------------------------------------------------------------


@pytest.mark.seeds
@needs_samples
def test_of_the_samples_nothing_is_lost() -> None:
    for file in FILES:
        text = file.read_text("utf-8")
        assert bibtex.looks_like(text), file.name
        blocks = list(scan(text))
        assert written(blocks) == text, file.name
        assert [block.kind for block in blocks if block.kind == "broken"] == [], file.name
        stored = json.loads(json.dumps([block.extra for block in blocks]))
        assert stored == [block.extra for block in blocks], file.name


@pytest.mark.seeds
@needs_samples
def test_fields_of_the_samples_are_those_that_bibtexparser_finds() -> None:
    from bibtexparser import model
    from bibtexparser.splitter import Splitter

    logging.disable(logging.CRITICAL)
    compared = 0
    try:
        for file in FILES:
            text = file.read_text("utf-8")
            theirs = {}
            for block in Splitter(text).split().blocks:
                entry = getattr(block, "ignore_error_block", block)
                if isinstance(entry, model.Entry):
                    fields = [[field.key, field.value] for field in entry.fields]
                    theirs[(entry.start_line or 0) + 1] = [entry.entry_type, entry.key, fields]
            ours = {
                block.line: [
                    block.extra["type"].lower(), block.extra["key"], block.extra["fields"]
                ]
                for block in scan(text)
                if block.kind == "entry"
            }  # fmt: skip
            missed = {line for line in ours if line not in theirs}
            assert missed == ({7} if "different delimiters" in file.name else set()), file.name
            assert {line: ours[line] for line in theirs} == theirs, file.name
            compared += len(theirs)
    finally:
        logging.disable(logging.NOTSET)
    assert compared == 175


@pytest.mark.seeds
@needs_samples
def test_each_sample_is_read_or_refused_with_a_reason() -> None:
    entries = [entry for file in FILES for entry in bibtex.parse(file.read_text("utf-8"))]
    assert [kinds(entries).count(kind) for kind in "RXV"] == [143, 33, 13]
    reasons = {entry.reason.split(":")[0] for entry in entries if isinstance(entry, Rejected)}
    assert {reason for reason in reasons if not reason.startswith("the key ")} == {
        "no title",
        "the title '---~' has no letters",
    }
    assert len([reason for reason in reasons if reason.startswith("the key ")]) == 5
    assert all(entry.extra for entry in entries)


# --- Grammar -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "fields"),
    [
        ('@a{x, t="The {"A, B"} way", y={1}}', "x", [["t", '"The {"A, B"} way"'], ["y", "{1}"]]),
        (r"@a{x, t={end\\}, y={1}}", "x", [["t", r"{end\\}"], ["y", "{1}"]]),
        (r"@a{x, t={one \} brace}, y={1}}", "x", [["t", r"{one \} brace}"], ["y", "{1}"]]),
        (r"@a{x, t={one \{ brace}, y={1}}", "x", [["t", r"{one \{ brace}"], ["y", "{1}"]]),
        (r'@a{x, t="Herm\"an", y={1}}', "x", [["t", r'"Herm\"an"'], ["y", "{1}"]]),
        ('@a{x, t = "a" # foo # {b}, y=1}', "x", [["t", '"a" # foo # {b}'], ["y", "1"]]),
        ("@a(x, t={a) b}, y=1)", "x", [["t", "{a) b}"], ["y", "1"]]),
        ("@a{x, t={A}, y=1)", "x", [["t", "{A}"], ["y", "1"]]),
        ("@a{x, t={A}, y= , z={}}", "x", [["t", "{A}"], ["y", ""], ["z", "{}"]]),
        ("@a{x,, t={A},\n, y=1,,}", "x", [["t", "{A}"], ["y", "1"]]),
        ("@a{x, % why, not\n t={A}, % {\n}", "x", [["t", "{A}"]]),
        ("@a{t = {A}, y = 1}", "", [["t", "{A}"], ["y", "1"]]),
        ("@a{y = 1, t = {A}}", "", [["y", "1"], ["t", "{A}"]]),
        ("@a{, t={A}}", "", [["t", "{A}"]]),
        ("@a{x=y, t={A}}", "x=y", [["t", "{A}"]]),
        ("@a{Möller, 2020, t={A}}", None, []),
        ("@a{my key 2020, t={A}}", "my key 2020", [["t", "{A}"]]),
        ("@a{x}", "x", []),
        ("@a{x\n,\nt={A}}", "x", [["t", "{A}"]]),
        ("@a{x,\u00a0t\u00a0=\u00a0{A}}", "x", [["t", "{A}"]]),
        ("@ A {x, T={A}, T={B}}", "x", [["T", "{A}"], ["T", "{B}"]]),
        ("@a{x, author+an:orcid={1=\"2\"}}", "x", [["author+an:orcid", '{1="2"}']]),
        ("@a{x, s={@misc{in, t={B}}}, y=1}", "x", [["s", "{@misc{in, t={B}}}"], ["y", "1"]]),
        ("@a{x, t={mail me@home.no, {ok}}}", "x", [["t", "{mail me@home.no, {ok}}"]]),
    ],
)  # fmt: skip
def test_one_entry(text: str, key: str | None, fields: list[list[str]]) -> None:
    blocks = list(scan(text))
    assert written(blocks) == text
    assert [block.kind for block in blocks] == ["broken" if key is None else "entry"]
    if key is not None:
        assert (blocks[0].extra["key"], blocks[0].extra["fields"]) == (key, fields)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("% @a{x, t={A}}\n@b{y, t={B}}", ["text", "entry"]),
        ("by ida@strand.no {x}, see (@fig (3))\n@b{y, t={B}}", ["text", "entry"]),
        ("@comment{\n@a{x, t={A}}\n}\n@b{y, t={B}}", ["comment", "entry"]),
        ("@comment{@a{x, t={A}}}@b{y, t={B}}", ["comment", "entry"]),
        ("@comment{ never closed\n\n@b{y, t={B}}", ["comment", "entry"]),
        ("@comment jabref\n@b{y, t={B}}", ["text", "entry"]),
        ('@preamble{"a" # b}@string{c="d"}@string(e={f})', ["preamble", "string", "string"]),
        ("@a{x, t={A}} @b{y, t={B}}\n\n\ntext\n \n@c{z}\n", ["entry", "entry", "text", "entry"]),
        ("\n\n  text", ["text"]),
        (" \n@a{x}", ["entry"]),
        ("", []),
        (" \n ", []),
        ("@", ["text"]),
        ("@article", ["text"]),
    ],
)
def test_parts_between_entries(text: str, parts: list[str]) -> None:
    blocks = list(scan(text))
    assert [block.kind for block in blocks] == parts
    assert written(blocks) == (text if text.strip() else "")
    assert [text[block.start : block.end] for block in blocks] == list(
        map(restored, (block.extra for block in blocks))
    )


BROKEN = {
    "@a{x, title={A, year={1}": "the field 'title' has no closing brace",
    '@a{x, title="A, year=1': "the field 'title' has no closing quote",
    '@a{x, title="A, year={1}}': "a quote or brace of the field 'title' does not match",
    "@a{x, title={A} year={1}}": "a comma is missing after the field 'title'",
    "@a{x, title={A}, year 1}": "the field 'year' has no value",
    "@a{x title={A}}": "no comma after the key 'x'",
    "@a{x\n title={A}}": "no comma after the key 'x'",
    "@a{x, title={A},": "it has no end",
    "@a{x, title=": "it has no end",
    "@a{": "it has no end",
    "@string{a = {b} c}": "a comma is missing after the field 'a'",
    "@preamble{x": "the preamble has no end",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_entry_spoils_only_itself(broken: str) -> None:
    last = ENTRY.replace("strand2021ferry", "other")
    text = f"{ENTRY}\n\n{broken}\n\n{last}\n"
    entries = list(bibtex.parse(text))
    assert kinds(entries) == "RXR"
    assert [getattr(entry, "source_id", None) for entry in entries] == [
        "strand2021ferry",
        None,
        "other",
    ]
    rejected = entries[1]
    assert isinstance(rejected, Rejected)
    assert rejected.where == "line 7"
    reason, _, about = rejected.reason.partition(": ")
    if BROKEN[broken] != "it has no end":  # here there is something after it
        assert reason in (BROKEN[broken], "the field 'title' has no closing quote")
    assert about.startswith(broken[:20].replace("\n", " "))
    assert rejected.extra is not None
    assert rejected.extra["raw"] == broken
    assert written(list(scan(text))) == text
    alone = next(iter(bibtex.parse(broken)))
    assert isinstance(alone, Rejected)
    assert alone.reason.startswith(BROKEN[broken])


def test_entries_on_one_line_and_a_broken_one() -> None:
    text = "@a{x, title={Ab, year={1}} @b{y, title={Bc}} and @c{z, title={Cd}}"
    entries = list(bibtex.parse(text))
    assert kinds(entries) == "XRVR"
    assert written(list(scan(text))) == text


def test_an_entry_that_holds_the_next() -> None:
    """A closing brace is missing deep inside: the next entry must not be swallowed."""
    text = "@a{x, title={A {B}, year={1}\n}\n\n@b{y, title={Bc}}"
    assert kinds(list(bibtex.parse(text))) == "XR"


UGLY = [
    "@a{x, title={A\n", "@comment{\n", "@comment{", "@a{x,t={{} ", r"@a{x,t={{{\}\}\}};",
    '@a{x,t="{', "@a(", "@a{x,t={ ", ")@a()", r"@a{x,t={\}}", "@ ", "@a", "{", '"',
    "@a{x,t={}} ", '@string{a="', "@preamble{{", "@a{x\n", "@a{x,y=z#", "\n@a{x,y={", "@a{x,%\n",
    "@a{ ,", "@a{x,t={;@b{y,", '@a{x,t=", @b(y,', r"@a{x,a={\}};@a{y,b={", "  ", "% ",
    "@a{kkkkkkkkkkkkkkkkkkkkkkkkkk", "@a{x,title={" + "{" * 50, "x@a{", "@a{x,author={a and ",
]  # fmt: skip


@pytest.mark.parametrize("piece", UGLY)
def test_no_file_takes_long(piece: str) -> None:
    text = piece * (60_000 // len(piece))
    started = time.monotonic()
    assert written(list(scan(text))) == (text if text.strip() else "")
    list(bibtex.parse(text))
    assert time.monotonic() - started < 5  # in proportion it is some 0.2 s


def test_abbreviations_cannot_grow_without_end() -> None:
    doubling = "".join(f"@string{{a{n} = a{n - 1} # a{n - 1}}}\n" for n in range(1, 60))
    (record,) = records('@string{a0 = "la"}\n' + doubling + "@a{x, title={Ab}, note=a59}")
    assert len(json.dumps(record.hints)) < 10_000


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='@{}()"#=,%\\\n \taB1-', max_size=60))
@example("@a{b,c={\\}@a{b,")
def test_any_text_is_its_parts(text: str) -> None:
    assert written(list(scan(text))) == (text if text.strip() else "")
    for entry in bibtex.parse(text):
        assert entry.extra is not None


# --- What entries say --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("title = {{BERT}: {P}re-training}", {"title": "BERT: Pre-training"}),
        ('title = "{The Whole Title}"', {"title": "The Whole Title"}),
        ("title = {Foo}, subtitle = {Bar}", {"title": "Foo: Bar"}),
        ("title = {Foo?}, subtitle = {Bar}", {"title": "Foo? Bar"}),
        ("title = {  Over\n   two lines }", {"title": "Over two lines"}),
        ("title = {}, TITLE = {Second}", {"title": "Second"}),
        ("title = {First}, title = {Second}", {"title": "First"}),
        ('title = "On " # jan # {s}', {"title": "On Januarys"}),
        ("title = {Ferries}, abstract = {{We {TEST} $x_{i}$.}}", {"abstract": "We TEST $x_{i}$."}),
        ("author = {Lund, Bo}, editor = {Strand, Ida}", {"authors": ("Bo Lund",)}),
        ("editor = {Strand, Ida}", {"authors": ("Ida Strand",)}),
        ("journal = {J. Tides}, publisher = {P}", {"venue": "J. Tides"}),
        ("booktitle = {Proc. of {Sea}}, journal = {J}", {"venue": "Proc. of Sea"}),
        ("journaltitle = {J}", {"venue": "J"}),
        ("school = {Uni}", {"venue": "Uni"}),
        ("doi = {https://doi.org/10.1/x}", {"doi": None}),
        ("doi = {https://doi.org/10.1000/X_y}", {"doi": "10.1000/x_y"}),
        (r"doi = {10.1007/978-3-030\_12}", {"doi": "10.1007/978-3-030_12"}),
        ("doi = {DOI 10.1000/abc, see there}", {"doi": "10.1000/abc"}),
        ("doi = {none}", {"doi": None}),
        ("url = {http://dx.doi.org/10.1000/abc}", {"doi": "10.1000/abc"}),
        ("eprint = {1706.03762v5}, archivePrefix = {arXiv}, primaryClass = {cs.CL}",
         {"arxiv_id": "1706.03762", "arxiv_version": 5, "categories": ("cs.CL",)}),
        ("eprint = {hep-th/9901001}, eprinttype = {arxiv}", {"arxiv_id": "hep-th/9901001"}),
        ("eprint = {1706.03762}", {"arxiv_id": "1706.03762"}),
        ("eprint = {1234567}, eprinttype = {pubmed}",
         {"arxiv_id": None, "ids": (("pmid", "1234567"),)}),
        ("journal = {arXiv preprint arXiv:1706.03762}", {"arxiv_id": "1706.03762"}),
        ("journal = {CoRR}, volume = {abs/1706.03762}", {"arxiv_id": "1706.03762"}),
        (r"howpublished = {\url{https://arxiv.org/abs/1706.03762}}",
         {"arxiv_id": "1706.03762", "url": "https://arxiv.org/abs/1706.03762"}),
        ("eprint = {nonsense}, archiveprefix = {arXiv}", {"arxiv_id": None}),
        ("note = {arXiv:1706.03762 [cs]}", {"arxiv_id": "1706.03762"}),
        ("note = {Builds on arXiv:1706.03762, https://arxiv.org/abs/1706.03762}",
         {"arxiv_id": None, "url": None}),
        (r"note = {\url{https://x.no/a}}", {"url": "https://x.no/a"}),
        ("url = {https://aclanthology.org/P19-1001/}", {"ids": (("acl", "p19-1001"),)}),
        (r"url = {\url{https://x.no/a\_b\%20c}}", {"url": "https://x.no/a_b%20c"}),
        ("url = {not one}", {"url": None}),
        ("pmid = 123, pmcid = {PMC45}", {"ids": (("pmid", "123"), ("pmcid", "pmc45"))}),
        ("keywords = {tide; sea, salt}", {"hints": {"keywords": ["tide", "sea, salt"]}}),
        ("keyword = {tide, {North} sea}", {"hints": {"keywords": ["tide", "North sea"]}}),
        ("note = {Read}, annote = {Good}", {"hints": {"note": "Read Good"}}),
        ("year = 2020", {"published": "2020"}),
        ("year = 2020, month = sep", {"published": "2020-09"}),
        ("year = {2020}, month = 9, day = 4", {"published": "2020-09-04"}),
        ("year = {2020}, month = {September 4--6}", {"published": "2020-09"}),
        ('year = 2020, month = "4~" # sep', {"published": "2020-09-04"}),
        ("date = {2020-09-04}, year = 2021", {"published": "2020-09-04"}),
        ("date = {2020}, month = sep", {"published": "2020-09"}),
        ("date = {2001/2003}", {"published": "2001"}),
        ("date = {2020-09-04/2020-09-06}", {"published": "2020-09-04"}),
        ("year = {2001--03}", {"published": "2001"}),
        ("year = {in press}", {"published": None}),
        ("year = 2020, month = 13", {"published": "2020"}),
        ("year = 2020, month = feb, day = 31", {"published": "2020-02"}),
    ],
)  # fmt: skip
def test_fields(fields: str, expected: dict[str, object]) -> None:
    record = one(fields)
    assert {name: getattr(record, name) for name in expected} == expected


def test_an_entry_whole() -> None:
    (record,) = records(f"{ENTRY}\n")
    assert record.where == "line 1"
    assert (record.title, record.abstract) == ("Ferries of the North", "")
    assert record.authors == ("Ida Strand", "Bo Lund")
    assert (record.source_id, record.published) == ("strand2021ferry", "2021")
    assert record.extra == {
        "format": "bibtex",
        "type": "inproceedings",
        "key": "strand2021ferry",
        "fields": [
            ["title", "{Ferries of the {North}}"],
            ["author", "{Strand, Ida and Lund, Bo}"],
            ["year", "2021"],
        ],
        "layout": {
            "head": "@inproceedings{", "gaps": ",\n  ", "equals": " = ", "tail": ",\n}"
        },
        "after": "\n",
    }  # fmt: skip


def test_dblp_names_the_paper_by_its_key() -> None:
    (record,) = records("@inproceedings{DBLP:conf/nips/Strand20, title = {Ferries}}")
    assert ("dblp", "conf/nips/strand20") in record.ids


def test_abbreviations() -> None:
    text = '@string{jt = "J. of " # sea}@string{SEA = {Tides}}@string{sea = {Seas}}'
    assert one("journal = jt", more=text).venue == "J. of sea"  # not yet defined where used
    assert one('journal = "The " # Sea', more=text).venue == "The Seas"
    assert one("journal = unknown").venue == "unknown"


def test_what_an_entry_has_from_the_one_it_is_in() -> None:
    text = (
        "@inproceedings{a, title={Aa}, crossref={p}}\n"
        "@inproceedings{b, title={Bb}, year=1999, crossref=p}\n"
        "@inproceedings{c, title={Cc}, crossref={nowhere}}\n"
        "@proceedings{p, title={Proc. of Seas}, year=2003, month=may, editor={Lund, Bo},"
        " crossref={q}}\n@book{q, title={Q}, publisher={Press}, crossref={p}}\n"
    )
    a, b, c, p, q = records(text)
    assert (a.venue, a.published, a.authors) == ("Proc. of Seas", "2003-05", ())
    assert (b.venue, b.published) == ("Proc. of Seas", "1999-05")
    assert (c.venue, c.published) == (None, None)
    assert (p.venue, p.authors) == ("Q", ("Bo Lund",))
    assert q.title == "Q"


def test_keys_that_are_used_twice() -> None:
    others = "@a{, title={One}}@a{, title={Two}}@a{STRAND2021FERRY, title={Three}}"
    text = f"{ENTRY}\n{ENTRY}{others}"
    entries = list(bibtex.parse(text))
    assert kinds(entries) == "RXRRR"
    assert isinstance(entries[1], Rejected)
    assert entries[1].where == "line 6"
    assert entries[1].reason == (
        "the key 'strand2021ferry' is that of the entry in line 1: Ferries of the North"
    )
    same_line = "@a{x, title={One}}@a{x, title={Two}}"
    assert kinds(list(bibtex.parse(same_line))) == "RX"


def test_no_paper_but_nothing_lost() -> None:
    text = (
        "Some words\n@string{a = {b}}\n@preamble{a}\n@comment{c}\n@xdata{d, journal={J}}\n"
        "@Control{e, f={g}}\n@a{h, year=2000}\n@a{i, title={42 $\\to$ 43 --}}\n@a{j, title={!?}}\n"
    )
    entries = list(bibtex.parse(text))
    assert kinds(entries) == "VVVVVVXRX"
    assert [entry.where for entry in entries] == [f"line {n}" for n in range(1, 10)]
    assert [e.reason for e in entries if isinstance(e, Rejected)] == [
        "no title: @a{h}",
        "the title '!?' has no letters: @a{j}",
    ]


def test_too_long_is_refused_and_kept() -> None:
    long = f"@a{{x, title={{Ferries}}, abstract={{{'word ' * 11_000}}}}}"
    entries = list(bibtex.parse(f"{long}@a{{y, title={{{'w ' * 900}}}}}{ENTRY}"))
    assert kinds(entries) == "XXR"
    assert isinstance(entries[0], Rejected)
    assert entries[0].reason == "abstract has 54,999 characters; at most 50,000 are read: @a{x}"
    assert entries[0].extra is not None
    assert len(entries[0].extra["fields"][1][1]) == 55_002


def test_bytes_that_are_not_utf8() -> None:
    other = "@a{x, title = {Fähre}}\n".encode("cp1252").decode("utf-8", "surrogateescape")
    text = f"% é {other[10:20]}\n{ENTRY}\n{other}@a{{y, title={{Fähre}}}}"
    entries = list(bibtex.parse(text))
    assert kinds(entries) == "VRXR"
    assert isinstance(entries[2], Rejected)
    assert entries[2].reason == ("has bytes that are not UTF-8 (convert the file to UTF-8): @a{x}")
    assert entries[2].extra is not None
    assert entries[2].extra["fields"] == [["title", "{Fähre}"]]
    "".join(json.dumps(entry.extra, ensure_ascii=False) for entry in entries).encode()


def test_control_characters_and_line_ends() -> None:
    text = ENTRY.replace("Ferries", "Fer\x00ries\x1b[31m")
    (record,) = records("\ufeff" + text.replace("\n", "\r\n"))
    assert record.title == "Ferries[31m of the North"
    assert record.extra == records(text)[0].extra


# --- Values ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected", "shown"),
    [
        ("{A} {B}C", "A BC", "A BC"),
        (r"{\"o}l {\" o}l {\'{\i}}", r"\"{o}l \"{o}l \'{\i}", "öl öl í"),
        (r"Vrande{\v c}i{\'c}", r"Vrande\v{c}i\'{c}", "Vrandečić"),
        (r"Stra{\ss}e {\o}re", r"Stra{\ss}e {\o}re", "Straße øre"),
        (r"\emph{{NLP} tasks} {BERT}", r"\emph{NLP tasks} BERT", "NLP tasks BERT"),
        (r"$x_{i}^{2}$ {A}", r"$x_{i}^{2}$ A", "x_i^2 A"),
        (r"{\em Ferries} a\it b{\bf c}", "Ferries abc", "Ferries abc"),
        (r"{a \LaTeX}ed", r"a \LaTeX{}ed", None),
        (r"a\textasciitilde{} b\textbraceleft c{\textless}", r"a~ b\{c<", "a~ b{c<"),
        (r"x\^{}2 {\em a} ${\rm a} {b}$", r"x^2 a ${\rm a} {b}$", None),
        (r"{open", "open", "open"),
        (r"close}", "close", "close"),
        (r"set \{a\}", r"set \{a\}", "set {a}"),
    ],
)
def test_braces_that_only_protect_go(text: str, expected: str, shown: str | None) -> None:
    assert unbraced(text) == expected
    if shown is not None:
        assert plain(unbraced(text)) == shown


def test_pieces_of_a_value() -> None:
    strings = {"foo": "bar"}
    assert text_of('"a" # Foo # {b # "c"} # 12', strings) == 'abarb # "c"12'
    assert text_of(r"{a \{ # b}", strings) == r"a \{ # b"
    assert text_of("feb", strings) == "February"
    assert text_of("", strings) == ""
    assert text_of('"', strings) == '"'


def test_addresses() -> None:
    assert address_of(r"\url{https://x.no/\~{}ida/a\_b}") == "https://x.no/~ida/a_b"
    assert address_of(r"https://x.no/{\textasciitilde}ida") == "https://x.no/~ida"
    assert address_of(r"10.1002/(sici)1\%3C2$<$3") == "10.1002/(sici)1%3C2<3"


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("Strand, Ida and Lund, Bo", ["Ida Strand", "Bo Lund"]),
        ("Ida Strand AND Bo Lund\n  and  others", ["Ida Strand", "Bo Lund"]),
        ("van der Berg, Jan", ["Jan van der Berg"]),
        ("Hall, Jr., H. K.", ["H. K. Hall Jr."]),
        ("{Tides and Seas Institute} and Lund, B.", ["Tides and Seas Institute", "B. Lund"]),
        ("Hermann {von Helmholtz}", ["Hermann von Helmholtz"]),
        ("{\\'E}cole, Ren{\\'e}e", ["Ren\\'{e}e \\'{E}cole"]),
        ("von~Strand, I.~M.", ["I. M. von Strand"]),
        ("family=Berg, given=Jan, prefix=van der", ["Jan van der Berg"]),
        ("Ida Strand, Bo Lund, Per Vik", ["Ida Strand", "Bo Lund", "Per Vik"]),
        ("Strand, I.; Lund, B.", ["I. Strand", "B. Lund"]),
        ("Plato", ["Plato"]),
        ("others", []),
        ("A and ,", ["A"]),
        (", foo", ["foo"]),
        ("A } B", ["A B"]),
        ("", []),
        (" and ", []),
        ("a, b, c, d, e", ["c d e a b"]),
    ],
)  # fmt: skip
def test_people(field: str, names: list[str]) -> None:
    assert people(field) == names


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="Aab ,.;{}\\\"'~=-\n", max_size=40))
def test_any_author_field_gives_names(field: str) -> None:
    for name in people(field):
        assert name.strip() == name != ""


def test_a_long_author_field_takes_no_time() -> None:
    started = time.monotonic()
    assert len(people(" and ".join(["Strand, Ida"] * 20_000))) == 20_000
    people("}" * 100_000)
    people("{" * 100_000 + "a")
    people("a," * 100_000)
    assert time.monotonic() - started < 5


def test_arxiv_ids_named_in_remarks() -> None:
    assert arxiv_in("arXiv:1706.03762v2 [cs.CL]") == "1706.03762v2"
    assert arxiv_in(None, "see arxiv.org/abs/hep-th/9901001v1.") == "hep-th/9901001v1"
    assert arxiv_in("ArXiv e-prints 1706.03762.") == "1706.03762"
    assert arxiv_in("version 1706.03762", "arXiv:", "arXiv:nothing") is None


def test_dates_with_slashes() -> None:
    assert date_of("1948/07//", slashes=True) == "1948-07"
    assert date_of("2020/5/4/x", slashes=True) == "2020-05-04"
    assert date_of("2020/05") == "2020"
    assert date_of("2020/05/04") == "2020-05-04"
    assert date_of("2020/13/45") == "2020"
    assert date_of("1998 to 2001") == "1998"
    assert date_of("2016-2017") == "2016"
    assert date_of(None, "may") is None


# --- Which files are BibTeX --------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        ENTRY, "\ufeff" + ENTRY, f"% by Zotero\n\n{ENTRY}", "words before\n" + ENTRY,
        '@string{a = "b"}\n', "@Comment{x}", "@book{,\n  title = {A}", " @a{x, y=1}",
        "@article (x,\ny = 1)",
    ],
)  # fmt: skip
def test_it_looks_like_bibtex(head: str) -> None:
    assert bibtex.looks_like(head)


@pytest.mark.parametrize(
    "head",
    [
        "", "TY  - JOUR\nTI  - @a{x, y=1}", '{"title": "@article{x, y=1}"}', "ida@strand.no {x}",
        "@media print { a, b = c }", "@ida wrote (yesterday, at home)", "<style>@font-face{a:b}",
        "Daily Papers\n@user shared",
    ],
)  # fmt: skip
def test_it_does_not_look_like_bibtex(head: str) -> None:
    assert not bibtex.looks_like(head)


def test_places_are_in_order() -> None:
    text = "\n".join([ENTRY.replace("ferry", str(n)) for n in range(20)])
    lines = [int(record.where.split()[1]) for record in records(text)]
    assert all(one < other for one, other in pairwise(lines))
    assert lines[-1] == 1 + 19 * 5
