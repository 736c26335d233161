"""Tables as programs and people export them, and as they break."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import InputError, UsageError
from curator.paper import Entry, Record, Rejected
from curator.sources import tables

FORMATS = Path(__file__).parents[2] / "shared" / "data" / "formats"
needs_formats = pytest.mark.skipif(not FORMATS.is_dir(), reason="../shared is absent")

TEXT = "We count the boats, and the tides; nothing more."


def read(text: str, mapping: dict[str, str] | None = None) -> list[Entry]:
    return list(tables.parse(io.StringIO(text, newline=None), mapping))


def one(text: str, mapping: dict[str, str] | None = None) -> Record:
    (entry,) = read(text, mapping)
    assert isinstance(entry, Record), entry
    return entry


def shown(entries: list[Entry]) -> list[tuple[str, str]]:
    return [(e.where, e.title if isinstance(e, Record) else "-") for e in entries]


# --- What programs write -----------------------------------------------------------------------


def test_scopus() -> None:
    paper = one(
        "\ufeffAuthors,Author full names,Author(s) ID,Title,Year,Source title,Cited by,DOI,Link,"
        "Abstract,Author Keywords,Document Type,EID\n"
        '"Strand I.; Vik J.","Strand, Ida (57193001234); Vik, Jo (57193001235)",1;2,Tides of Paper,'
        f'2024,Journal of Boats,3,10.1234/BOAT.5,https://example.org/x,"{TEXT}",tides; boats,'
        "Article,2-s2.0-123\n"
    )
    assert (paper.where, paper.title, paper.abstract) == ("row 2", "Tides of Paper", TEXT)
    assert (paper.authors, paper.published) == (("Ida Strand", "Jo Vik"), "2024")
    assert (paper.doi, paper.venue) == ("10.1234/boat.5", "Journal of Boats")
    assert (paper.url, paper.source_id) == ("https://example.org/x", "2-s2.0-123")
    assert paper.hints == {"Document Type": "Article", "keywords": ["tides", "boats"]}


def test_web_of_science_in_both_its_forms() -> None:
    paper = one(
        "PT\tAU\tAF\tTI\tSO\tDE\tID\tAB\tDI\tPY\tUT\n"
        "J\tStrand, I\tStrand, Ida; Vik, Jo\tTides\tJ BOATS\ta; b\tPLUS\t"
        f"{TEXT}\t10.1234/x\t2024\tWOS:1\n"
    )
    assert (paper.title, paper.abstract, paper.authors) == ("Tides", TEXT, ("Ida Strand", "Jo Vik"))
    assert (paper.doi, paper.published, paper.source_id) == ("10.1234/x", "2024", "WOS:1")
    assert (paper.venue, paper.hints) == ("J BOATS", {"keywords": ["a", "b"]})
    paper = one(
        "Authors\tAuthor Full Names\tArticle Title\tSource Title\tAbstract\tPublication Date\t"
        "Publication Year\tDOI\tUT (Unique WOS ID)\tPubmed Id\n"
        f"Strand, I\tStrand, Ida\tTides\tJ BOATS\t{TEXT}\tNOV 5\t2024\t10.1234/x\tWOS:1\t77\n"
    )
    assert (paper.title, paper.authors, paper.published) == ("Tides", ("Ida Strand",), "2024")
    assert (paper.source_id, paper.ids) == ("WOS:1", (("pmid", "77"),))


def test_zotero() -> None:
    paper = one(
        '"Key","Item Type","Publication Year","Author","Title","Publication Title","DOI","Url",'
        '"Abstract Note","Date","Date Added","Archive ID","Manual Tags"\n'
        '"AB12","journalArticle","2024","Strand, Ida; Vik, Jo","Tides","Journal of Boats","",'
        f'"https://example.org/x","{TEXT}\nSecond ""line"".","2024-01-03","2024-05-01 10:00:00",'
        '"arXiv:2401.01234","tides; boats"\n'
    )
    assert (paper.source_id, paper.arxiv_id) == ("AB12", "2401.01234")
    assert paper.abstract == f'{TEXT} Second "line".'
    assert (paper.published, paper.venue) == ("2024-01-03", "Journal of Boats")
    assert paper.authors == ("Ida Strand", "Jo Vik")


def test_rayyan_and_asreview() -> None:
    paper = one(
        "key,title,year,month,day,journal,authors,url,abstract,doi,keywords,pubmed_id,notes\n"
        f'rayyan-1,Tides,2024,1,1,J Boats,"Strand, I. and Vik, J.",,"{TEXT}",,,77,"kept"\n'
    )
    assert (paper.abstract, paper.published, paper.ids) == (TEXT, "2024", (("pmid", "77"),))
    assert paper.authors == ("I. Strand", "J. Vik")
    paper = one(
        "record_id,primary_title,authors,notes_abstract,included\n"
        f'0,Tides,"Strand, I., Vik, J.","{TEXT}",1\n'
    )
    assert (paper.title, paper.abstract) == ("Tides", TEXT)
    assert paper.authors == ("I. Strand", "J. Vik")


@pytest.mark.parametrize(
    "text",
    [
        f'Title,Abstract\nTides,"{TEXT}"\n',
        f'Title;Abstract\nTides;"{TEXT}"\n',
        f"Title\tAbstract\nTides\t{TEXT}\n",
        f"TITLE|abstract\nTides|{TEXT}\n",
        f'sep=;\nTitle;Abstract\nTides;"{TEXT}"\n',
        f'"sep=,"\r\nTitle,Abstract\r\nTides,"{TEXT}"\r\n',
        f'\ufeffTitle,Abstract\rTides,"{TEXT}"\r',
        f'title , abstract\nTides,"{TEXT}"',
        f'Title,Abstract,,\nTides,"{TEXT}",,,,\n',
        f'Title,Title,Abstract,Abstract\n,Tides,"{TEXT}",other\n',
    ],
)
def test_how_tables_are_written(text: str) -> None:
    assert tables.looks_like(text)
    paper = one(text)
    assert (paper.where, paper.title, paper.abstract) == ("row 2", "Tides", TEXT)


def test_what_stands_above_the_head_is_left_out_and_rows_are_counted_as_on_screen() -> None:
    found = read("My papers\n\nTitle,Abstract\nA,B\n\nC,D\n,\n")
    assert shown(found) == [("row 4", "A"), ("row 6", "C")]


def test_a_table_without_abstracts_gives_references() -> None:
    found = read("Title,DOI\nTides,10.1234/x\n")
    assert [(r.title, r.abstract, r.doi) for r in found if isinstance(r, Record)] == [
        ("Tides", "", "10.1234/x")
    ]


# --- Columns that a user names -------------------------------------------------------------------


def test_a_mapping() -> None:
    text = f'Nom,Texte,titre court\nTides,"{TEXT}",T\n'
    mapping = {"title": "nom", "abstract": "Texte"}
    paper = one(text, mapping)
    assert (paper.title, paper.abstract) == ("Tides", TEXT)
    # The title is the user's, also where a column has that name.
    assert one("Title,Name\nx,Tides\n", {"title": "Name"}).title == "Tides"


def test_a_mapping_that_does_not_fit() -> None:
    with pytest.raises(InputError, match=r"no column 'Nom' \(for title\)") as caught:
        read("A,B\n1,2\n", {"title": "Nom", "abstract": "B"})
    assert "'A', 'B'" in caught.value.remedy
    with pytest.raises(UsageError, match="'titel' is no field"):
        read("A,B\n1,2\n", {"titel": "A"})


@pytest.mark.parametrize(
    "text", ["Nom,Texte\nA,B\n", "A good paper,What it says\n", "1;2;3\n4;5;6"]
)
def test_no_column_for_titles(text: str) -> None:
    with pytest.raises(InputError, match="none of its columns is called title") as caught:
        read(text)
    assert "--map title=COLUMN,abstract=COLUMN" in caught.value.remedy
    assert re.split("[,;]", text)[0] in caught.value.message


@pytest.mark.parametrize("text", ["", "\n\n", ",,\n"])
def test_no_rows_at_all(text: str) -> None:
    with pytest.raises(InputError, match="without any row"):
        read(text)


# --- Broken rows ---------------------------------------------------------------------------------


def test_ragged_rows() -> None:
    found = read("Title,Abstract,Year\nA\nB,text\nC,one, two,2024\nD,text,2024,,\n")
    assert shown(found) == [("row 2", "-"), ("row 3", "B"), ("row 4", "-"), ("row 5", "D")]
    torn, _, bad, _ = found
    assert isinstance(torn, Rejected)
    assert "1 of 3 cells" in torn.reason
    assert isinstance(bad, Rejected)
    assert "4 of 3 cells" in bad.reason
    assert bad.reason.endswith("C | one | two | 2024")


@pytest.mark.parametrize(
    "broken",
    [
        'B,"text that never ends\n',
        'B,"text that\ngoes on,\n',
        'B,"text "quoted" text\nand more\n',
        '"B,text\n',
    ],
)
def test_a_quotation_mark_too_many_spoils_only_its_row(broken: str) -> None:
    text = "Title,Abstract\nA,text\n" + broken + 'C,"fine, too"\nD,text\n'
    found = read(text)
    assert [r.title for r in found if isinstance(r, Record)][:1] == ["A"]
    assert [r.title for r in found if isinstance(r, Record)][-2:] == ["C", "D"]
    bad = [r for r in found if isinstance(r, Rejected)]
    assert bad
    assert "quotation mark" in bad[0].reason
    assert bad[0].where == "row 3"


def test_cells_that_are_far_too_long() -> None:
    text = f'Title,Abstract\nA,text\nB,"{"x" * 300_000}"\nC,text\n'
    found = read(text)
    assert shown(found) == [("row 2", "A"), ("row 3", "-"), ("row 4", "C")]
    huge = "Title,Abstract\nA,text\nB," + "x" * 3_000_000 + "\nC,text\n"
    assert [r.title for r in read(huge) if isinstance(r, Record)] == ["A", "C"]


def test_quotes_that_were_not_doubled_are_not_guessed_at() -> None:
    found = read('Title,Abstract\n"On "Tides"",text\n"On ""Tides""",text\n5" boats,text\n')
    assert shown(found) == [("row 2", "-"), ("row 3", 'On "Tides"'), ("row 4", '5" boats')]


def test_bad_bytes_nuls_and_controls() -> None:
    found = read("Title,Abstract\nCaf\udce9 tides,text\nB\x00oats,te\x1b[0mxt\n")
    bad, good = found
    assert isinstance(bad, Rejected)
    assert "CSV UTF-8" in bad.reason
    assert bad.reason.isprintable()
    assert isinstance(good, Record)
    assert (good.title, good.abstract) == ("Boats", "te[0mxt")


def test_bad_values_of_minor_fields() -> None:
    paper = one("Title,Abstract,DOI,Year,Url,PMID,upvotes\nA,text,none,soon,ftp://x,none,many\n")
    assert (paper.doi, paper.published, paper.url, paper.ids) == (None, None, None, ())
    assert paper.upvotes is None


def test_rows_are_read_as_they_are_asked_for() -> None:
    class Endless(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
            assert size is not None
            assert size > 0
            return "A,text\n" if self.tell() else super().readline(size) or "A,text\n"

    rows = tables.parse(Endless("Title,Abstract\n"))
    assert all(isinstance(next(rows), Record) for _ in range(1_000))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ['"a\n', '"""\n', '"\n', ',"\n', '""""a""b\n', 'x,"y\n"', '",'])
def test_hostile_marks_take_no_long_time(piece: str) -> None:
    text = "Title,Abstract\n" + piece * (100_000 // len(piece))
    assert all(entry.where for entry in read(text))


# --- What is a table, and what is none -----------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Just a thought, or two.",
        "The ferry leaves, as it does, when the tide lets it.\nNobody, or nearly, owns a watch.\n",
        "Dear Ida,\nthank you, and Jo, for the boat.\nYours, Bo\n",
        "a, b\nc, d\n",
        '{"title": "A", "abstract": "B"}\n{"title": "C", "abstract": "D"}\n',
        "[1,2]\n[3,4]\n",
        "@article{a, title={A}, year=2024}\n@article{b, title={B}, year=2024}\n",
        "TY  - JOUR\nTI  - A\nER  - \n",
        "<html><body>a,b</body></html>",
        "Title: Tides, and boats\nAbstract: We count, and we count.\n",
        "title\nA\nB\n",
    ],
)
def test_prose_and_other_formats_are_no_tables(text: str) -> None:
    assert not tables.looks_like(text)


@pytest.mark.parametrize(
    "text",
    ["Nom,Texte,Annee\nA,B,2024\nC,D,2023\n", "Nom\tTexte\nA\tB\n", "sep=;\n1;2", "1;2;3\n4;5;6\n"],
)
def test_tables_without_a_known_column_are_tables(text: str) -> None:
    assert tables.looks_like(text)


@given(st.text(st.sampled_from("ab,;\t\"'\n\r |\x00\udce9"), max_size=80), st.booleans())
def test_no_text_raises_anything_but_an_input_error(text: str, headed: bool) -> None:
    text = ("title,abstract\n" if headed else "") + text
    tables.looks_like(text)
    try:
        found = read(text)
    except InputError as error:
        assert error.remedy
    else:
        assert all(entry.where.startswith("row ") for entry in found)


_CELL = st.text(st.characters(categories=["L", "N"], include_characters=' ,;"\n\t|'), max_size=30)


@given(st.lists(st.tuples(_CELL.map(lambda t: "T" + t), _CELL.map(lambda t: "A" + t)), max_size=5),
       st.sampled_from(",;\t|"))  # fmt: skip
def test_what_was_written_is_read(rows: list[tuple[str, str]], mark: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=mark, lineterminator="\n").writerows([("Title", "Abstract"), *rows])
    found = [(r.title, r.abstract) for r in read(out.getvalue()) if isinstance(r, Record)]
    assert found == [(" ".join(a.split()), " ".join(b.split())) for a, b in rows]


# --- A real sample -------------------------------------------------------------------------------


@pytest.mark.seeds
@needs_formats
def test_a_real_table_without_abstracts() -> None:
    text = (FORMATS / "crossref_s2_openalex" / "stub_retractions.csv").read_text("utf-8-sig")
    assert tables.looks_like(text)
    found = read(text)
    assert len(found) == text.count("\n") - 1 + (not text.endswith("\n"))
    records = [r for r in found if isinstance(r, Record)]
    assert len(records) == len(found)
    assert all(r.title and not r.abstract and r.venue for r in records)
    # The DOIs in it are those of the retraction and of the paper: none is simply "the DOI".
    assert {r.doi for r in records} == {None}
