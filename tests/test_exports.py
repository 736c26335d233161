"""What is written for other programs: in → tag → out loses nothing, and new entries are read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from fakes import add
from fakes import record as plain_record
from hypothesis import given, settings
from hypothesis import strategies as st

from curator import exporting
from curator.catalog import Catalog, Filters, StoredTag
from curator.cells import guarded, unguarded
from curator.errors import UsageError
from curator.exports import FORMATS, ExportEntry, write
from curator.exports.base import Keys, Name, kind_of, name_of
from curator.exports.bibtex import escaped
from curator.exports.table import COLUMNS
from curator.paper import Entry, Paper, Record, Verbatim
from curator.sources import bibtex, csl, ris
from curator.text import plain, title_key

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "formats"
FILES = sorted([*SAMPLES.glob("bibtex_csl/*.bib"), *SAMPLES.glob("ris/*.ris")])
needs_samples = pytest.mark.skipif(not FILES, reason="../shared is absent")
PARSERS = {"bibtex": bibtex.parse, "ris": ris.parse}
TAGS = ("llm-agents", "R&D")

PAPER = Paper(
    id="p1",
    title="BERT: Pre-training of $\\ell_1$ R&D at 5%",
    abstract="We cut cost_a by 50% {here}.",
    authors=("Ida van Strand", "World Tide Office", "H. K. Hall Jr.", "Tides, Seas and Sons"),
    published="2021-05-04",
    url="https://arxiv.org/abs/1706.03762",
    arxiv_id="1706.03762",
    doi="10.1000/abc_d",
    categories=("cs.CL", "cs.LG"),
)


def paper_of(record: Record) -> Paper:
    return Paper(
        id=f"p{record.where}", title=record.title, abstract=record.abstract,
        authors=record.authors, published=record.published, url=record.url,
        arxiv_id=record.arxiv_id, doi=record.doi, venue=record.venue,
    )  # fmt: skip


def stored(extra: Any) -> Any:
    """``extra`` as it comes back from the catalog."""
    return json.loads(json.dumps(extra))


def entries_of(found: Iterable[Entry], tags: tuple[str, ...] = ()) -> list[ExportEntry]:
    return [
        ExportEntry(paper_of(e), None, tags, stored(e.extra), e.ids, e.hints)
        if isinstance(e, Record)
        else ExportEntry(None, tags=tags, extra=stored(e.extra))
        for e in found
    ]


def text_of(format: str, entries: Iterable[ExportEntry]) -> str:
    return "".join(write(format, entries))


def there_and_back(format: str, text: str, *tags: str) -> str:
    return text_of(format, entries_of(PARSERS[format](text), tags))


def one_paper(format: str, paper: Paper = PAPER, **more: Any) -> str:
    return text_of(format, [ExportEntry(paper, **more)])


# --- Round trips -------------------------------------------------------------------------


@pytest.mark.seeds
@needs_samples
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name[-32:])
def test_a_sample_comes_back_as_it_was(file: Path) -> None:
    format = {".bib": "bibtex", ".ris": "ris"}[file.suffix]
    text = file.read_text("utf-8").removeprefix("\ufeff")
    assert there_and_back(format, text) == text
    before = list(PARSERS[format](text))
    written = there_and_back(format, text, *TAGS)
    after = list(PARSERS[format](written))
    assert [type(entry) for entry in after] == [type(entry) for entry in before]
    for one, other in zip(before, after, strict=True):
        assert one.extra is not None
        assert other.extra is not None
        if not isinstance(one, Record):
            assert {**other.extra} == {**one.extra}
            continue
        assert isinstance(other, Record)
        keywords = "keywords" if format == "bibtex" else "DE" if "flavour" in one.extra else "KW"
        fields = [field for field in other.extra["fields"] if field not in one.extra["fields"]]
        assert [name for name, _ in fields] == [keywords] * (2 if keywords == "KW" else 1)
        rest = [field for field in other.extra["fields"] if field not in fields]
        theirs = [field for field in one.extra["fields"] if field[0] != keywords or field in rest]
        assert rest == theirs
        ignored = ("fields", "layout", "separators")
        assert {k: v for k, v in other.extra.items() if k not in ignored} == {
            k: v for k, v in one.extra.items() if k not in ignored
        }
        words = [plain(word) for word in other.hints["keywords"]]
        assert sorted(words) == sorted([*one.hints.get("keywords", []), *TAGS])
        assert (other.title, other.abstract, other.authors, other.published, other.doi) == (
            one.title, one.abstract, one.authors, one.published, one.doi
        )  # fmt: skip
    assert there_and_back(format, written, *TAGS) == written


NAMES = st.text("abcXY-+:_é", min_size=1, max_size=8)
INSIDE = st.recursive(
    st.text("ab1é漢 ,;#%&$_~=\"'\n\t()", max_size=12),
    lambda inner: st.lists(inner | inner.map(lambda s: f"{{{s}}}"), max_size=3).map("".join),
    max_leaves=5,
)
VALUES = st.one_of(
    INSIDE.map(lambda text: f"{{{text}}}"),
    INSIDE.map(lambda text: f'"{text.replace(chr(34), "")}"'),
    st.integers(0, 10**6).map(str),
    st.sampled_from(["jan", "undefined", '"a" # jan # {b}', "{}", '""', f"{{{'long ' * 5_000}}}"]),
)
ENTRIES = st.tuples(
    st.text("abcXY:/+-_.é0'*", max_size=8),
    st.lists(
        st.tuples(NAMES | st.sampled_from(["title", "Title", "keywords", "year"]), VALUES),
        max_size=5,
    ),
    st.sampled_from(["{}", "()"]),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(ENTRIES, max_size=4),
    st.sampled_from(["\n\n", "\n", " ", "\n% c @x{y}\n", "\nwords\n"]),
)
def test_any_entries_come_back(entries: list[Any], between: str) -> None:
    text = between.join(
        f"@Type{mark[0] if key else '{'}{key},"
        + ",".join(f"\n {n}={v}" for n, v in fields)
        + f"\n{mark[1] if key else '}'}"
        for key, fields, mark in entries
    )
    found = list(bibtex.parse(text))
    parsed = [entry for entry in found if not isinstance(entry, Verbatim)]
    assert [(e.extra or {}).get("key") for e in parsed] == [key for key, _, _ in entries]
    assert [(e.extra or {})["fields"] for e in parsed] == [
        [[n, v] for n, v in fields] for _, fields, _ in entries
    ]
    assert there_and_back("bibtex", text) == text
    written = there_and_back("bibtex", text, "tag one", "tag-two")
    again = list(bibtex.parse(written))
    assert [type(e) for e in again] == [type(e) for e in found]
    assert there_and_back("bibtex", written, "tag one", "tag-two") == written
    for one, other in zip(found, again, strict=True):
        if isinstance(one, Record):
            assert isinstance(other, Record)
            words = [word.casefold() for word in other.hints["keywords"]]
            assert {"tag one", "tag-two"} <= {" ".join(word.split()) for word in words} | {
                word.strip() for text in words for word in text.split(",")
            }
            assert (one.title, one.published) == (other.title, other.published)


LINES = st.tuples(
    st.sampled_from(["TI", "T1", "AB", "KW", "AU", "ZZ", "X1", "N1", "PY"]),
    st.text("abé漢 ,;-=&\t", max_size=10) | st.sampled_from(["", "two\nlines", "x" * 20_000]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(LINES, max_size=6), max_size=3), st.sampled_from(["\n\n", "\n", "\n1.\n"]))
def test_any_records_come_back(records: list[Any], between: str) -> None:
    text = between.join(
        "\n".join(["TY  - JOUR", *(f"{tag}  - {value}" for tag, value in lines), "ER  - "])
        for lines in records
    )
    found = [entry for entry in ris.parse(text) if not isinstance(entry, Verbatim)]
    assert [(e.extra or {})["fields"][1:] for e in found] == [
        [[tag, value] for tag, value in lines] for lines in records
    ]
    assert there_and_back("ris", text) == text
    written = there_and_back("ris", text, "tag one")
    assert there_and_back("ris", written, "tag one") == written
    again = [entry for entry in ris.parse(written) if isinstance(entry, Record)]
    assert all("tag one" in entry.hints["keywords"] for entry in again)


# --- Our tags among the keywords ---------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (",\n  title = {A}", ",\n  title = {A},\n  keywords = {red, blue}"),
        (", title={A}, year=1", ", title={A}, year=1, keywords={red, blue}"),
        (",\n\ttitle     = {A},\n\tyear      = 1,",
         ",\n\ttitle     = {A},\n\tyear      = 1,\n\tkeywords  = {red, blue},"),
        (",\n  title = {A},  % a\n  year = 1",
         ",\n  title = {A},  % a\n  year = 1,\n  keywords = {red, blue}"),
        (", title={A}, keywords={}", ", title={A}, keywords={red, blue}"),
        (", title={A}, keywords=", ", title={A}, keywords={red, blue}"),
        (", title={A}, keywords={x}", ", title={A}, keywords={x, red, blue}"),
        (", title={A}, Keywords={x;y}", ", title={A}, Keywords={x;y;red;blue}"),
        (", title={A}, keyword = {x ; y ; }", ", title={A}, keyword = {x ; y ; red ; blue }"),
        (", title={A}, keywords={x, BLUE}", ", title={A}, keywords={x, BLUE, red}"),
        (", title={A}, keywords={{Red}, blue\n}", ", title={A}, keywords={{Red}, blue\n}"),
        (', title={A}, keywords="x,y"', ', title={A}, keywords="x,y,red,blue"'),
        (", title={A}, keywords=kw", ", title={A}, keywords=kw # {, red, blue}"),
        (', title={A}, keywords="x" # kw', ', title={A}, keywords="x" # kw # {, red, blue}'),
    ],
)  # fmt: skip
def test_tags_in_bibtex(fields: str, expected: str) -> None:
    assert there_and_back("bibtex", f"@a{{x{fields}}}\n", "red", "blue") == f"@a{{x{expected}}}\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", "KW  - red\nKW  - blue\n"),
        ("KW  - x\nSP  - 1\n", "KW  - x\nKW  - red\nKW  - blue\nSP  - 1\n"),
        ("KW  - x; y;\n", "KW  - x; y; red; blue\n"),
        ("KW  - x\ny\n", "KW  - x\ny\nred\nblue\n"),
        ("KW  - Red\nKW  - BLUE\n", "KW  - Red\nKW  - BLUE\n"),
        ("KW  -\n", "KW  -\nKW  - red\nKW  - blue\n"),
    ],
)
def test_tags_in_ris(lines: str, expected: str) -> None:
    record = "TY  - JOUR\nTI  - Ab\n{}ER  - \n"
    assert there_and_back("ris", record.format(lines), "red", "blue") == record.format(expected)


def test_tags_in_the_web_of_sciences_files() -> None:
    record = "PT J\nTI Ab\n{}ER\n\nEF\n"
    for lines, expected in (("", "DE red\n"), ("DE x;\n   y\n", "DE x;\n   y; red\n")):
        assert there_and_back("ris", record.format(lines), "red") == record.format(expected)


def test_tags_in_csl() -> None:
    items = [
        {"title": "Ab", "id": 1, "x": [None]},
        {"title": "Ab", "issued": {}, "keyword": "x;y"},
        {"title": "Ab", "keyword": "Red"},
        {"title": "Ab", "keyword": ["x"]},
        {"no": "title"},
        5,
    ]
    assert json.loads(text_of("csl", entries_of(csl.parse(items)))) == items
    tagged = json.loads(text_of("csl", entries_of(csl.parse(items), ("red",))))
    assert [item.get("keyword") for item in tagged[:4]] == ["red", "x;y;red", "Red", ["x", "red"]]
    assert tagged[4:] == items[4:]
    assert list(tagged[0]) == ["title", "id", "x", "keyword"]


def test_a_tag_that_tex_would_obey() -> None:
    written = there_and_back("bibtex", '@a{x, title={A}, keywords = "x"}', 'R&D "a"', "50%")
    assert written == '@a{x, title={A}, keywords = "x, R\\&D {"}a{"}, 50\\%"}'
    (record,) = bibtex.parse(written)
    assert isinstance(record, Record)
    assert [plain(word) for word in record.hints["keywords"]] == ["x", 'R&D "a"', "50%"]


# --- Parts that are no paper -------------------------------------------------------------


def test_what_is_no_paper_is_written_back_in_its_own_format_only() -> None:
    text = "% by hand\n@string{a = {b}}\n\n@a{x, title = {A}\n\n@a{y, year = 1}\n"
    entries = entries_of(bibtex.parse(text), TAGS)
    assert text_of("bibtex", entries) == text
    for format in FORMATS:
        if format != "bibtex":
            empty = {"csl": "[]\n", "csv": ",".join(f'"{c}"' for c in COLUMNS) + "\r\n"}
            assert text_of(format, entries) == empty.get(format, "")


def test_parts_of_several_files_do_not_run_together() -> None:
    first = "@a{x, title={Ab}}\n% the end"
    second = "@a{x, title={Cd}} @a{y, title={Ef}}"
    entries = [
        *entries_of(bibtex.parse(first)), *entries_of(bibtex.parse(second)), ExportEntry(PAPER),
        *entries_of(bibtex.parse("@a{z, title={Gh}}")),
    ]  # fmt: skip
    written = text_of("bibtex", entries)
    assert written.startswith(
        "@a{x, title={Ab}}\n% the end\n@a{xa, title={Cd}} @a{y, title={Ef}}\n\n@misc{"
    )
    assert written.endswith("\n}\n\n@a{z, title={Gh}}")
    found = list(bibtex.parse(written))
    assert [e.title for e in found if isinstance(e, Record)][:3] == ["Ab", "Cd", "Ef"]
    assert len(found) == 6
    mixed = text_of("ris", [*entries_of(ris.parse("TY  - A\nTI  - Ab")), ExportEntry(PAPER)])
    assert [type(entry) for entry in ris.parse(mixed)] == [Record, Record]


def test_no_entries() -> None:
    assert {format: text_of(format, []) for format in FORMATS if format != "csv"} == {
        "bibtex": "", "ris": "", "csl": "[]\n", "zotero": "", "md": ""
    }  # fmt: skip
    assert next(csv.reader(io.StringIO(text_of("csv", [])))) == list(COLUMNS)


def test_an_unknown_format() -> None:
    with pytest.raises(UsageError, match="docx"):
        write("docx", [])


# --- New entries -------------------------------------------------------------------------


def test_a_paper_as_bibtex() -> None:
    written = one_paper("bibtex", tldr="Short_one.", tags=("a", "b"), ids=(("pmid", "12"),),
                        hints={"keywords": ["B", "c, d", 5]})  # fmt: skip
    assert written == (
        "@misc{vanstrand2021bert,\n"
        "  title = {{BERT}: Pre-training of $\\ell_1$ R\\&D at 5\\%},\n"
        "  author = {Ida van Strand and World Tide Office and Hall, Jr., H. K. and "
        "{Tides, Seas and Sons}},\n"
        "  year = {2021},\n"
        "  month = may,\n"
        "  day = {4},\n"
        "  eprint = {1706.03762},\n"
        "  archiveprefix = {arXiv},\n"
        "  primaryclass = {cs.CL},\n"
        "  doi = {10.1000/abc_d},\n"
        "  pmid = {12},\n"
        "  url = {https://arxiv.org/abs/1706.03762},\n"
        "  abstract = {We cut cost\\_a by 50\\% \\{here\\}.},\n"
        "  keywords = {a, b, c d},\n"
        "  annote = {Short\\_one.},\n"
        "}\n"
    )
    (record,) = bibtex.parse(written)
    assert isinstance(record, Record)
    assert plain(record.title) == plain(PAPER.title)
    assert plain(record.abstract) == PAPER.abstract
    assert record.authors == PAPER.authors
    assert (record.published, record.arxiv_id, record.doi, record.url, record.categories) == (
        PAPER.published, PAPER.arxiv_id, PAPER.doi, PAPER.url, ("cs.CL",)
    )  # fmt: skip
    assert record.hints["keywords"] == ["a", "b", "c d"]


@pytest.mark.parametrize(
    ("venue", "kind", "first", "field"),
    [
        ("Proceedings of the 3rd Workshop on Seas", "conference", "@inproceedings{", "booktitle"),
        ("NeurIPS 2021", "conference", "@inproceedings{", "booktitle"),
        ("Journal of Tides", "article", "@article{", "journal"),
        ("CoRR", "preprint", "@misc{", "howpublished"),
        ("arXiv preprint arXiv:1706.03762", "preprint", "@misc{", "howpublished"),
        (None, "preprint", "@misc{", "eprint"),
    ],
)
def test_kinds_of_papers(venue: str | None, kind: str, first: str, field: str) -> None:
    paper = Paper("p1", "Ab", "", venue=venue, arxiv_id="1706.03762")
    assert kind_of(paper) == kind
    written = one_paper("bibtex", paper)
    assert written.startswith(first)
    assert f"\n  {field} = " in written
    assert kind_of(Paper("p1", "Ab", "", doi="10.1101/2020.01.01.123456")) == "preprint"
    assert kind_of(Paper("p1", "Ab", "")) == "other"


def test_keys() -> None:
    keys = Keys(["strand2021Ferries", "x"])
    paper = Paper("p1", "The Ferries of the North", "", authors=("Ida Strand",), published="2021")
    assert [keys.key(paper) for _ in range(28)] == [
        *(f"strand2021ferries{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
        "strand2021ferriesaa", "strand2021ferriesab",
    ]  # fmt: skip
    assert Keys().key(Paper("p1", 'À la carte: T\\"ulu', "", authors=("Zoë Ólafsdóttir",))) == (
        "olafsdottirla"
    )
    assert Keys().key(Paper("p1", "海", "", authors=("李明",))) == "p1"
    assert Keys().unused("p1") == "p1"


def test_keys_of_files_come_before_new_ones() -> None:
    paper = Paper("p1", "Ferries", "", authors=("Ida Strand",), published="2021")
    (record,) = bibtex.parse("@a{strand2021ferries, title={Other}}")
    written = text_of("bibtex", [ExportEntry(paper), *entries_of([record])])
    assert [e.source_id for e in bibtex.parse(written) if isinstance(e, Record)] == [
        "strand2021ferriesa",
        "strand2021ferries",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("R&D: 5% of #1, a_b", r"R\&D: 5\% of \#1, a\_b"),
        (r"R\&D at 5\%", r"R\&D at 5\%"),
        (r"$\alpha_{i}$ of T\"ulu", r"$\alpha_{i}$ of T\"ulu"),
        ("$5 to $10", r"\$5 to \$10"),
        ("$5%$", r"$5\%$"),
        ("a~b^c^{2}", r"a\textasciitilde{}b\^{}c\^{}\{2\}"),
        (r"end\\"[:-1], r"end\textbackslash{}"),
        ("{a} \\emph{b} {\\em c} \\href{d}{e}", r"\{a\} \emph{b} {\em c} \href{d}{e}"),
        (r"K\"{o}ln and K{\"o}ln", r"K\"{o}ln and K{\"o}ln"),
        ("$x_{i}$ of {a_b}", r"$x_{i}$ of \{a\_b\}"),
        ("{a}", r"\{a\}"),
        ("a}b", r"a\textbraceright{}b"),
        (r"\emph{a} {", r"\emph\textbraceleft{}a\textbraceright{} \textbraceleft{}"),
        ("b} @article{c,", r"b\textbraceright{} @article\textbraceleft{}c,"),
        (r"\emph{b} @article{c, d}", r"\emph{b} {@}article{c, d}"),
        ("ida@seas.no", "ida@seas.no"),
    ],
)
def test_escaping(text: str, expected: str) -> None:
    assert escaped(text) == expected


@settings(max_examples=150, deadline=None)
@given(st.text("aB1é漢 \\{}$%&#_~^\"'@,;=-\n", max_size=30), st.text('aB .,&{}\\"~-', max_size=12))
def test_any_new_entry_is_read_again(title: str, author: str) -> None:
    try:
        record = Record.make(title=f"X {title}", abstract=title, authors=[author],
                             published="2021-05", needs_abstract=False)  # fmt: skip
    except ValueError:
        return
    entries = [ExportEntry(paper_of(record), tags=(title,))] * 2
    written = text_of("bibtex", entries)
    found = list(bibtex.parse(written))
    assert [type(entry) for entry in found] == [Record, Record]
    for entry in found:
        assert isinstance(entry, Record)
        assert entry.published == "2021-05"
        assert len(entry.authors) <= 1
        if "\\" not in title:
            assert title_key(entry.title) == title_key(record.title)
    assert text_of("bibtex", entries_of(found)) == written
    written = text_of("ris", entries)
    for entry in ris.parse(written):
        assert isinstance(entry, Record)
        assert (entry.title, entry.abstract) == (record.title, record.abstract)
    assert text_of("ris", entries_of(ris.parse(written))) == written


def test_a_paper_as_ris_and_back() -> None:
    written = one_paper("ris", tldr="Short.", tags=("a", "b;c"), ids=(("pmcid", "pmc1"),))
    assert written.startswith("TY  - UNPB\nID  - p1\nTI  - BERT: ")
    assert "\nAU  - van Strand, Ida\nAU  - Office, World Tide\nAU  - Hall, H. K., Jr.\n" in written
    assert "\nDA  - 2021/05/04/\n" in written
    assert written.endswith("\nN1  - Short.\nER  - \n")
    (record,) = ris.parse(written)
    assert isinstance(record, Record)
    assert (record.title, record.abstract) == (PAPER.title, PAPER.abstract)
    assert record.authors[:3] == PAPER.authors[:3]
    assert (record.published, record.arxiv_id, record.doi, record.url) == (
        PAPER.published, PAPER.arxiv_id, PAPER.doi, PAPER.url
    )  # fmt: skip
    assert record.ids == (("pmcid", "pmc1"),)
    assert record.hints == {"keywords": ["a", "b,c"], "note": "Short."}


def test_a_paper_for_zotero() -> None:
    written = one_paper("zotero", tldr="Short.", tags=("a", "b"))
    assert written.startswith("TY  - MANSCPT\nTI  - BERT: Pre-training of ell _1 R&D at 5%\n")
    assert "\nDB  - arXiv\nAN  - arXiv:1706.03762\n" in written
    assert "\nKW  - a\nKW  - b\n" in written
    assert "\nAB  - We cut" in written
    assert "\nID  -" not in written


def test_zotero_gets_records_of_ris_files_and_no_other_lines() -> None:
    text = "1.\nTY  - JOUR\nTI  - Ab\nZZ  - kept\nER  - \n\nTY  - JOUR\nAU  - no title\nER  - \n"
    wos = "FN x\nVR 1.0\nPT J\nTI Cd\nER\n"
    entries = [*entries_of(ris.parse(text), ("a",)), *entries_of(ris.parse(wos), ("a",))]
    assert text_of("zotero", entries) == (
        "TY  - JOUR\nTI  - Ab\nZZ  - kept\nKW  - a\nER  - \n\n"
        "TY  - JOUR\nAU  - no title\nER  - \n\nTY  - GEN\nTI  - Cd\nKW  - a\nER  - \n"
    )


def test_a_paper_as_csl_and_back() -> None:
    written = one_paper("csl", tldr="Short.", tags=("a", "b"), ids=(("pmid", "12"),))
    (item,) = json.loads(written)
    assert (item["id"], item["type"]) == ("vanstrand2021bert", "article")
    assert item["author"][:3] == [
        {"family": "van Strand", "given": "Ida"},
        {"family": "Office", "given": "World Tide"},
        {"family": "Hall", "given": "H. K.", "suffix": "Jr."},
    ]
    assert item["issued"] == {"date-parts": [[2021, 5, 4]]}
    (record,) = csl.parse([item])
    assert isinstance(record, Record)
    assert title_key(record.title) == title_key(PAPER.title)
    assert record.authors[:3] == PAPER.authors[:3]
    assert (record.published, record.arxiv_id, record.doi, record.ids) == (
        PAPER.published, PAPER.arxiv_id, PAPER.doi, (("pmid", "12"),)
    )  # fmt: skip
    assert record.hints["keywords"] == ["a", "b"]
    two = json.loads(text_of("csl", [ExportEntry(PAPER), ExportEntry(PAPER)]))
    assert [item["id"] for item in two] == ["vanstrand2021bert", "vanstrand2021berta"]


def test_names() -> None:
    assert name_of("Ida van der Strand") == Name("van der Strand", "Ida")
    assert name_of("bell hooks") == Name("hooks", "bell")
    assert name_of("Plato") == Name("Plato")
    assert name_of("H. K. Hall III") == Name("Hall", "H. K.", "III")
    assert name_of("") == Name("")


# --- Tables and lists --------------------------------------------------------------------


def test_a_table_comes_back_as_it_was() -> None:
    evil = ['=cmd|"/c calc"!A1', "+1", "-1", "@x", "'=x", "''", "'", "a;=b", 'say "hi", all', "＝1"]
    entries = [
        ExportEntry(
            Paper(f"p{n}", text, text, (text,), "2021", None, "", "https://seas.no", upvotes=n),
            tldr=text, tags=(text,),
        )
        for n, text in enumerate(evil)
    ]  # fmt: skip
    written = text_of("csv", entries)
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    assert [tuple(row) for row in rows] == [COLUMNS] * len(evil)
    for row, text in zip(rows, evil, strict=True):
        for column in ("title", "authors", "tags", "tldr", "abstract"):
            assert row[column][:1] not in "=+-@＝"
            assert unguarded(row[column]) == text
    assert [row["upvotes"] for row in rows] == [str(n) for n in range(len(evil))]
    assert written.count("\r\n") == len(evil) + 1


@given(st.text("'=+-@a\t\r\n＝", max_size=8))
def test_guarding_can_be_undone(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell
    assert guarded(cell)[:1] not in tuple("=+-@\t\r\n＝")


def test_a_list_in_markdown() -> None:
    paper = Paper(
        "p1", "A [bad](javascript:x) *title* of T\\\"ulu", "", tuple(f"A. B{n}" for n in range(9)),
        "2021-05-04", url="https://x.no/a_(b)", venue="J. of <b>",
    )  # fmt: skip
    assert one_paper("md", paper, tldr="1. *Short*", tags=("a`b", "c")) == (
        "- [A \\[bad\\](javascript:x) \\*title\\* of Tülu](https://x.no/a_%28b%29)\n\n"
        "  A. B0, A. B1, A. B2, A. B3, A. B4, A. B5, et al. · J. of \\<b\\> · 2021-05-04 · "
        "`a b`, `c`\n\n"
        "  1\\. \\*Short\\*\n\n"
    )
    assert one_paper("md", Paper("p1", "Ab", "", added="2021-05-04")) == "- Ab\n\n  2021-05-04\n\n"


# --- Out of a library --------------------------------------------------------------------

OWLS = "Owls hunt at night. Hearing alone leads them to the mouse."
ONE_BIB = """@string{jow = {Journal of Owls}}

@preamble{"\\newcommand{\\owl}{O}"}

@article{low2020, title = {Night Owls}, journal = jow, abstract = {Owls hunt at night.}}

@book{ek1999, title = {A Book Without an Abstract}}
"""


def bring(catalog: Catalog, name: str, text: str, format: str = "bibtex") -> None:
    found = csl.parse(json.loads(text)) if format == "csl" else PARSERS[format](text)
    for _ in catalog.papers.add(found, name, kind=format):
        pass


def out_of(catalog: Catalog, format: str, source: str | None = None, **filters: Any) -> str:
    found = exporting.entries(catalog, format, Filters(**filters), source)
    return "".join(write(format, found))


def test_a_file_that_was_moved_and_added_again_comes_once(catalog: Catalog) -> None:
    for name in ("/a/refs.bib", "/b/refs.bib"):
        bring(catalog, name, ONE_BIB)
        assert out_of(catalog, "bibtex", name) == ONE_BIB
    assert catalog.papers.count() == 1
    text = out_of(catalog, "bibtex")
    # An abbreviation is said again, since the second file may have meant another.
    assert (
        text.replace("@string{jow = {Journal of Owls}}", "").strip()
        == ONE_BIB.replace("@string{jow = {Journal of Owls}}", "").strip()
    )


@pytest.mark.parametrize("key", ["low2020", "LOW2020", "owls"])
def test_a_paper_of_two_bibliographies_comes_once(catalog: Catalog, key: str) -> None:
    bring(catalog, "one.bib", ONE_BIB)
    second = f"@misc{{{key}, title = {{Night {{Owls}}}}, abstract = {{{OWLS}}}, note = {{mine}}}}\n"
    third = "@misc{boats, title = {Boats}, abstract = {Boats have keels.}}\n"
    bring(catalog, "two.bib", second + third)
    assert catalog.papers.count() == 2
    text = out_of(catalog, "bibtex")
    assert text.count("Night") == 1
    assert "low2020" in text and "mine" not in text and "boats" in text
    assert out_of(catalog, "bibtex", "two.bib") == second + third  # whole, as ever
    assert "mine" not in out_of(catalog, "bibtex", since="1900")
    assert out_of(catalog, "csv").count("Night") == 1


def test_two_keys_of_one_file_stay(catalog: Catalog) -> None:
    """Both may be cited."""
    both = "".join(
        f"@misc{{{key}, title = {{Night Owls}}, abstract = {{Owls hunt at night.}}}}\n"
        for key in ("preprint", "published")
    )
    bring(catalog, "one.bib", both)
    assert catalog.papers.count() == 1
    assert out_of(catalog, "bibtex") == both


def test_an_entry_that_others_refer_to_stays(catalog: Catalog) -> None:
    book = "@book{{{key}, title = {{The Book of Owls}}, abstract = {{Owls hunt at night.}}}}\n"
    chapter = (
        "@inbook{chapter, title = {Mice}, abstract = {Mice hide by day.}, crossref = {theirs}}\n"
    )
    bring(catalog, "one.bib", book.format(key="ours"))
    bring(catalog, "two.bib", chapter + book.format(key="Theirs"))
    bring(catalog, "three.bib", book.format(key="nobodys"))
    text = out_of(catalog, "bibtex")
    assert [key in text for key in ("ours", "chapter", "Theirs", "nobodys")] == [
        True, True, True, False,
    ]  # fmt: skip


def test_abbreviations_that_mean_something_else_stay(catalog: Catalog) -> None:
    files = [f"@string{{j = {{Journal {n}}}}}\n" for n in "ABA"]
    for n, start in enumerate(files):
        entry = f"@article{{k{n}, title = {{Owls {n}}}, journal = j, abstract = {{Of {n}.}}}}\n"
        bring(catalog, f"{n}.bib", start + entry)
    assert [
        word for word in out_of(catalog, "bibtex").split() if word.startswith(("A}", "B}", "@art"))
    ] == ["A}}", "@article{k0,", "B}}", "@article{k1,", "A}}", "@article{k2,"]


@pytest.mark.parametrize(
    ("format", "one", "two"),
    [
        ("ris", "TY  - JOUR\nTI  - Night Owls\nAB  - Owls hunt.\nER  - \n",
         "TY  - GEN\nTI  - Night owls\nAB  - Owls hunt!\nN1  - mine\nER  - \n"),
        ("csl", '[{"id": "a", "type": "book", "title": "Night Owls", "abstract": "Owls hunt."}]',
         '[{"id": "b", "title": "Night owls", "abstract": "Owls hunt!", "note": "mine"}]'),
    ],
    ids=["ris", "csl"],
)  # fmt: skip
def test_other_bibliographies_come_once_too(
    catalog: Catalog, format: str, one: str, two: str
) -> None:
    bring(catalog, "one", one, format)
    bring(catalog, "two", two, format)
    assert catalog.papers.count() == 1
    text = out_of(catalog, format)
    assert text.count("Night") == 1 and "mine" not in text
    assert "mine" in out_of(catalog, format, "two")


@pytest.fixture
def owls(catalog: Catalog) -> Catalog:
    """One paper with a tag, a suggestion, and a tag whose sentence is not in its text."""
    add(catalog, plain_record("Night Owls", OWLS))
    (one,) = catalog.papers.select()
    found = [
        StoredTag("birds", 0.9, "model", evidence="Owls hunt at night."),
        StoredTag("R&D, old", 0.8, "similarity", evidence="Owls are known to be blind."),
        StoredTag("hearing", 0.4, "model", True, "Hearing alone leads them to the mouse."),
    ]
    catalog.outputs.save_tags(one, found, taxonomy="t", model="m", recipe="r")
    return catalog


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_the_tags(owls: Catalog, format: str) -> None:
    def text(*, suggested: bool) -> str:
        found = exporting.entries(owls, format, Filters(), suggested=suggested)
        return "".join(write(format, found))

    decided, all_ = text(suggested=False), text(suggested=True)
    assert "birds" in decided and "old" in decided
    assert "hearing" not in decided and "suggested" not in decided
    assert "hearing (suggested)" in all_
    assert all_.count("(suggested)") == 1


@pytest.mark.parametrize("format", ["bibtex", "ris", "csl"])
def test_a_bibliography_has_suggestions_only_if_asked(catalog: Catalog, format: str) -> None:
    entry = {
        "bibtex": "@misc{a, title = {Night Owls}, abstract = {Owls hunt.}, keywords = {night}}\n",
        "ris": "TY  - JOUR\nTI  - Night Owls\nAB  - Owls hunt.\nKW  - night\nER  - \n",
        "csl": '[{"id": "a", "title": "Night Owls", "abstract": "Owls hunt.", "keyword": "night"}]',
    }[format]
    bring(catalog, "one", entry, format)
    (one,) = catalog.papers.select()
    found = [StoredTag("birds", 0.9, "model"), StoredTag("hearing", 0.4, "model", True)]
    catalog.outputs.save_tags(one, found, taxonomy="t", model="m", recipe="r")
    assert "hearing" not in out_of(catalog, format)
    given = exporting.entries(catalog, format, Filters(), suggested=True)
    text = "".join(write(format, given))
    assert text.index("night") < text.index("birds") < text.index("hearing (suggested)")


def test_rows_say_how_sure_who_and_why(owls: Catalog) -> None:
    papers = owls.papers.select()
    (row,) = exporting.rows(owls, papers)
    assert row["tags"] == [
        {
            "tag": "birds", "confidence": 0.9, "source": "model",
            "evidence": "Owls hunt at night.", "suggested": False,
        },
        # A sentence that the paper does not have is none of its own.
        {
            "tag": "R&D, old", "confidence": 0.8, "source": "similarity", "evidence": "",
            "suggested": False,
        },
    ]  # fmt: skip
    (whole,) = exporting.rows(owls, papers, suggested=True)
    assert whole["tags"][:2] == row["tags"]
    assert [(t["tag"], t["suggested"]) for t in whole["tags"][2:]] == [("hearing", True)]
    assert json.loads(json.dumps(whole)) == whole
