"""JSON of all kinds: whose it is, what its fields mean, and what it says where it is no list."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import InputError, UsageError
from curator.paper import Entry, Record, Rejected
from curator.sources import documents, jsonl
from curator.sources.names import names_of
from curator.sources.values import (
    arxiv_of,
    categories_of,
    count_of,
    day_of,
    doi_in,
    hints_of,
    keywords_of,
    untagged,
)

FORMATS = Path(__file__).parents[2] / "shared" / "data" / "formats"
needs_formats = pytest.mark.skipif(not FORMATS.is_dir(), reason="../shared is absent")

TITLE, ABSTRACT = "Tides of Paper", "We count the boats that carry paper."
GOOD = {"title": TITLE, "abstract": ABSTRACT}


def lines(*values: Any, mapping: dict[str, str] | None = None) -> list[Entry]:
    text = "\n".join(v if isinstance(v, str) else json.dumps(v) for v in values)
    return list(jsonl.parse_lines(io.StringIO(text), mapping))


def one(fields: dict[str, Any], mapping: dict[str, str] | None = None) -> Record:
    (entry,) = lines(fields, mapping=mapping)
    assert isinstance(entry, Record), entry
    return entry


def document(value: Any, mapping: dict[str, str] | None = None) -> tuple[str, list[Entry]]:
    kind, entries = jsonl.parse_document(json.dumps(value), mapping)
    return kind, list(entries)


def records(entries: Iterable[Entry]) -> list[Record]:
    return [entry for entry in entries if isinstance(entry, Record)]


# --- Values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2024-11-05", "2024-11-05"),
        ("2024/1/3", "2024-01-03"),
        ("2024-11-05T10:00:00Z", "2024-11-05"),
        ("2024-11", "2024-11"),
        ("20241105", "2024-11-05"),
        ("Mon, 2 Apr 2007 19:18:42 GMT", "2007-04-02"),
        ("November 5, 2024", "2024-11-05"),
        ("5. Nov 2024", "2024-11-05"),
        ("2024 Nov 5", "2024-11-05"),
        ("05.11.2024", "2024-11-05"),
        ("8/18/2022 0:00", "2022-08-18"),
        ("18/8/2022", "2022-08-18"),
        ("7/12/2023 0:00", "2023"),  # July or December
        ("3-5 May 2024", "2024-05"),
        ("JAN-FEB 2024", "2024"),
        ("Spring 2024", "2024"),
        (2024, "2024"),
        (2024.0, "2024"),
        ("2024.0", "2024"),
        (1_700_000_000, "2023-11-14"),
        (1_700_000_000_000, "2023-11-14"),
        ("1700000000", "2023-11-14"),
        ("2024-13-01", None),
        ("2023-02-29", None),
        ("0001-01-01", None),
        ("NOV 5", None),
        ("in press", None),
        ("２０２４", None),
        (5, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        ([2024], None),
        (None, None),
    ],
)
def test_days_in_all_writings(value: object, day: str | None) -> None:
    assert day_of(value) == day


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("Ida Strand, Jo Vik and Bo Ek", ["Ida Strand", "Jo Vik", "Bo Ek"]),
        ("Ida Strand, Jo Vik", ["Ida Strand", "Jo Vik"]),
        ("Ida Strand", ["Ida Strand"]),
        ("Strand, Ida; Vik, Jo", ["Ida Strand", "Jo Vik"]),
        ("Strand, Ida (57193001234); Vik, Jo (57193001235)", ["Ida Strand", "Jo Vik"]),
        ("Strand, Ida and Vik, Jo", ["Ida Strand", "Jo Vik"]),
        ("Strand, I., Vik, J.A.", ["I. Strand", "J.A. Vik"]),
        ("Strand I., Vik J.A.", ["I. Strand", "J.A. Vik"]),
        ("Strand I, Vik JA", ["I Strand", "JA Vik"]),
        ("Strand, Ida", ["Ida Strand"]),
        ("van der Berg, Jan", ["Jan van der Berg"]),
        ("Ida Strand;Jo Vik;", ["Ida Strand", "Jo Vik"]),
        ("Ida Strand, Jr., Jo Vik et al.", ["Ida Strand Jr.", "Jo Vik et al."]),
        ("Ida Strand, Jo Vik, et al.", ["Ida Strand", "Jo Vik"]),
        (["Strand, Ida", "Jo Vik", "Ek, Bo, Jr."], ["Ida Strand", "Jo Vik", "Bo Ek Jr."]),
        ([{"first": "Ida", "middle": ["M."], "last": "Strand"}], ["Ida M. Strand"]),
        ([{"given": "Jo", "family": "Vik"}, {"name": "Ida Strand"}], ["Jo Vik", "Ida Strand"]),
        ([{"author": {"display_name": "Ida Strand"}}, 5, None], ["Ida Strand"]),
        ({"name": "Ida Strand"}, ["Ida Strand"]),
        (["Harbour, Port, and Tide Group"], ["Harbour, Port, and Tide Group"]),
        (["Strand, Ida, PhD"], ["Ida Strand"]),
        ("", []),
        (7, None),
    ],
)
def test_names_become_given_family(value: object, names: list[str] | None) -> None:
    assert names_of(value) == names


@pytest.mark.parametrize(
    ("value", "day", "found"),
    [
        ("2401.01234v2", None, "2401.01234v2"),
        ("arXiv:2401.01234 [cs.CL]", None, "arXiv:2401.01234 [cs.CL]"),
        ("1306.256", "2013-06-11", "1306.2560"),
        ("812.0233", "2008-12-01", "0812.0233"),
        ("1612.0131199999998", "2016-12-05", "1612.01312"),
        ("1710.0009899999998", "2017-09-29", "1710.00099"),  # numbered in the night of the month
        ("1306.256", "2014-06-11", None),
        ("1306.256", None, None),
        ("1306.256", "2013", None),
        (2401.0123, None, "2401.01230"),
        (1501.1, None, "1501.10000"),
        (3.14, None, None),
        (2413.0123, None, None),
        ("1.5", "2013-01-01", None),
        (None, None, None),
    ],
)
def test_arxiv_ids_that_a_spreadsheet_has_eaten(
    value: object, day: str | None, found: str | None
) -> None:
    assert arxiv_of(value, day) == found


def test_other_values() -> None:
    assert doi_in("see https://doi.org/10.1234/AbC.5, page 3") == "10.1234/abc.5"
    assert doi_in(["none", "10.1234/x"]) == "10.1234/x"
    assert doi_in("10.116/j.crme.2006.011") is None
    assert doi_in(5) is None
    assert categories_of("cs.CL cs.LG") == ["cs.CL", "cs.LG"]
    assert categories_of("hep-th") == ["hep-th"]
    assert categories_of("Computer Science; Physics") == ["Computer Science", "Physics"]
    assert keywords_of("tides; boats ;") == ["tides", "boats"]
    assert keywords_of([{"display_name": "Tides"}, "boats", 5]) == ["Tides", "boats"]
    assert [count_of(v) for v in ("1,204", "12.0", 3.0, True, -1, 2**31, 1e300, "x")] == [
        1204, 12, 3, None, None, None, None, None,
    ]  # fmt: skip
    assert hints_of({"a": " x\n", "b": float("nan"), "c": [], "d": {"e": 1}, "f": 2}, "abcdf") == {
        "a": "x",
        "f": 2,
    }


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<jats:title>Abstract</jats:title><jats:p>H<jats:sub>2</jats:sub>O</jats:p>", "H2O"),
        ("&lt;p&gt;Tides &amp;amp; boats&lt;/p&gt;", "Tides & boats"),
        ("a < b and <unk> tokens", "a < b and <unk> tokens"),
        ("x &lt; y", "x < y"),
        ("R&D; AT&T", "R&D; AT&T"),
    ],
)
def test_tags_of_formatting_go_and_nothing_else(text: str, clean: str) -> None:
    assert " ".join(untagged(text).split()) == clean


# --- Fields ----------------------------------------------------------------------------------


def test_our_own_fields() -> None:
    paper = one(
        GOOD
        | {
            "venue": "Journal of Boats",
            "updated": "2024-03-01",
            "ids": [["pmid", "123"], ["nonsense", "1"], ["acl", "W19-1234"], 5],
            "hints": {"mood": "calm"},
            "keywords": ["tides", "boats"],
            "pmid": 123,
        }
    )
    assert (paper.venue, paper.updated) == ("Journal of Boats", "2024-03-01")
    assert paper.ids == (("pmid", "123"), ("acl", "w19-1234"))
    assert paper.hints == {"mood": "calm", "keywords": ["tides", "boats"]}
    assert one(GOOD | {"ids": {"pmid": "123"}}).ids == (("pmid", "123"),)


def test_names_that_other_exports_use() -> None:
    paper = one(
        {
            "Paper Title": TITLE,
            "paperAbstract": ABSTRACT,
            "pub_date": "not yet",
            "Year": 2024,
            "Author Full Names": "Strand, Ida; Vik, Jo",
            "DOI Link": "https://doi.org/10.1234/x",
            "Journal": {"name": "Journal of Boats"},
            "PubMed ID": 77,
        }
    )
    assert (paper.title, paper.abstract, paper.published) == (TITLE, ABSTRACT, "2024")
    assert (paper.authors, paper.doi) == (("Ida Strand", "Jo Vik"), "10.1234/x")
    assert (paper.venue, paper.ids) == ("Journal of Boats", (("pmid", "77"),))


@pytest.mark.parametrize(
    "bad",
    [
        {"doi": "10.116/j.crme.2006.011"},
        {"doi": 5},
        {"arxiv_id": "24.1"},
        {"arxiv_id": ["x"]},
        {"id": {"a": 1}},
        {"url": {"a": 1}},
        {"url": "javascript:alert(1)"},
        {"venue": ["", {}]},
        {"categories": 5},
        {"date": "2024-13-01"},
        {"year": "soon"},
        {"updated": []},
        {"ids": 5, "hints": [1], "keywords": {"a": {}}},
        {"keywords": 5},
    ],
)
def test_a_bad_value_of_a_minor_field_does_not_cost_the_paper(bad: dict[str, Any]) -> None:
    paper = one(GOOD | bad)
    assert (paper.title, paper.abstract) == (TITLE, ABSTRACT)
    assert (paper.doi, paper.arxiv_id, paper.url, paper.published) == (None, None, None, None)


def test_ids_that_lost_digits_are_guessed_in_a_list_of_arxiv() -> None:
    """A guess links the paper; as an identifier it is weaker than what the list itself says."""
    guessed = one(GOOD | {"id": "1306.256", "categories": ["cs.CL"], "created": "2013-06-11"})
    assert guessed.arxiv_id is None
    assert guessed.ids == (("arxiv-guess", "1306.2560"),)
    assert guessed.link == "https://arxiv.org/abs/1306.2560"
    assert one(GOOD | {"id": "1306.256", "created": "2013-06-11"}).ids == ()
    assert one(GOOD | {"id": "1306.2560", "categories": "cs.CL"}).arxiv_id == "1306.2560"


def test_the_mapping_of_a_user_goes_before_all_names() -> None:
    mapping = {"title": "name", "abstract": "meta.text", "authors": "people.full", "s2": "n",
               "keywords": "topics"}  # fmt: skip
    row = {
        "title": "Not this",
        "name": TITLE,
        "meta": {"text": ABSTRACT},
        "people": [{"full": "Strand, Ida"}, {"other": 1}],
        "n": 12345,
        "topics": "a; b",
    }
    paper = one(row, mapping)
    assert (paper.title, paper.abstract, paper.authors) == (TITLE, ABSTRACT, ("Ida Strand",))
    assert (paper.ids, paper.hints) == ((("s2", "12345"),), {"keywords": ["a", "b"]})
    first, second = lines(row, row | {"meta": None}, mapping=mapping)
    assert isinstance(first, Record)
    assert isinstance(second, Rejected)
    assert second.reason.startswith("no abstract")


def test_mappings_that_do_not_fit_are_said_with_what_there_is() -> None:
    with pytest.raises(UsageError, match="'titel' is no field") as caught:
        lines(GOOD, mapping={"titel": "title"})
    assert "abstract" in caught.value.remedy
    with pytest.raises(UsageError, match="No column"):
        lines(GOOD, mapping={"title": " "})
    with pytest.raises(InputError, match=r"no column 'Title' \(for title\)") as missing:
        lines("oops", GOOD, mapping={"title": "Title"})
    assert "'title', 'abstract'" in missing.value.remedy
    # One line that lacks the column is that line's own affair.
    assert len(records(lines(GOOD, {"x": TITLE} | GOOD, mapping={"title": "x"}))) == 1


# --- arXiv's snapshot and the shapes of others, line by line -----------------------------------

SNAPSHOT = {
    "id": "0704.0001",
    "submitter": "Ida Strand",
    "authors": "I. Strand, J. Vik",
    "title": "Tides of\n  Paper",
    "comments": "37 pages",
    "journal-ref": "J.Boats D76:013009,2007",
    "doi": "10.1234/PhysTide.76 10.1234/erratum",
    "report-no": None,
    "categories": "hep-ph cs.DL",
    "license": None,
    "abstract": "  We count the boats\nthat carry paper.\n",
    "versions": [
        {"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"},
        {"version": "v2", "created": "Tue, 24 Jul 2007 20:10:27 GMT"},
    ],
    "update_date": "2008-11-26",
    "authors_parsed": [["Strand", "I.", ""], ["Vik", "J.", "Jr."], ["Tide Collaboration", "", ""]],
}


def test_arxivs_snapshot() -> None:
    paper = one(SNAPSHOT)
    assert (paper.arxiv_id, paper.arxiv_version) == ("0704.0001", 2)
    assert (paper.title, paper.abstract) == (TITLE, ABSTRACT)
    assert (paper.published, paper.updated) == ("2007-04-02", "2007-07-24")
    assert paper.authors == ("I. Strand", "J. Vik Jr.", "Tide Collaboration")
    assert paper.categories == ("hep-ph", "cs.DL")
    assert (paper.doi, paper.venue) == ("10.1234/phystide.76", "J.Boats D76:013009,2007")
    assert paper.hints == {"comments": "37 pages"}


def test_arxivs_snapshot_with_damage() -> None:
    damage = {"versions": "x", "authors_parsed": [["A", 5], "x"], "update_date": 7, "doi": "none"}
    paper = one(SNAPSHOT | damage)
    assert (paper.arxiv_id, paper.arxiv_version) == ("0704.0001", None)
    assert (paper.published, paper.updated, paper.doi) == (None, None, None)
    assert paper.authors == ("I. Strand", "J. Vik")
    (bad,) = lines(SNAPSHOT | {"title": ""})
    assert isinstance(bad, Rejected)


def test_a_page_of_results_on_one_line_gives_all_of_its_papers() -> None:
    page = {"total": 3, "data": [GOOD | {"title": "One"}, GOOD | {"title": "Two"}, None]}
    found = lines(page, GOOD, {"data": "x"})
    assert [r.title for r in records(found)] == ["One", "Two", TITLE]
    places = [entry.where for entry in found]
    assert places == ["line 1, entry 1", "line 1, entry 2", "line 1, entry 3", "line 2", "line 3"]
    assert isinstance(found[2], Rejected)


def test_one_object_that_is_all_there_is_is_a_document() -> None:
    assert [entry.where for entry in lines({"data": [GOOD, GOOD]})] == ["entry 1", "entry 2"]
    with pytest.raises(InputError, match="esearch"):
        lines({"esearchresult": {"idlist": ["1"]}})
    with pytest.raises(InputError, match="no list of papers"):
        lines({"name": "x"}, "")
    assert [entry.where for entry in lines(GOOD)] == ["line 1"]
    assert len(lines({"name": "x"}, {"name": "y"})) == 2


def test_references_line_by_line() -> None:
    work = {"DOI": "10.1234/x", "title": [TITLE], "container-title": ["Journal of Boats"],
            "issued": {"date-parts": [[2024, 5]]}, "author": [{"given": "Ida", "family": "Strand"}],
            "abstract": "<jats:p>We count.</jats:p>"}  # fmt: skip
    _, paper = records(lines(GOOD, work))
    assert (paper.where, paper.title, paper.published) == ("line 2", TITLE, "2024-05")
    assert (paper.abstract, paper.authors) == ("We count.", ("Ida Strand",))


# --- Documents -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        [GOOD],
        [[GOOD]],
        {"data": [GOOD]},
        {"status": "ok", "papers": [GOOD]},
        {"results": [GOOD], "meta": {"count": 1}},
        {"response": {"docs": [GOOD]}},
        {"hits": {"hits": [{"_source": GOOD}]}},
        {"2401.01234": GOOD},
        GOOD,
    ],
)
def test_where_documents_keep_their_papers(value: Any) -> None:
    kind, entries = document(value)
    assert kind == "json"
    (paper,) = records(entries)
    assert (paper.title, paper.abstract) == (TITLE, ABSTRACT)
    assert paper.where.startswith("entry ")


def test_papers_under_their_identifiers() -> None:
    _, entries = document({"2401.01234": GOOD, "2401.01235": GOOD | {"id": "x"}})
    assert [(r.where, r.arxiv_id, r.source_id) for r in records(entries)] == [
        ("entry 2401.01234", "2401.01234", "2401.01234"),
        ("entry 2401.01235", None, "x"),
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"esearchresult": {"count": "42", "idlist": ["1", "2"]}}, "PubMed search.* 2 numbers"),
        ({"interactions": [], "version": 1}, "recording of HTTP calls"),
        ({"cells": [], "nbformat": 4}, "Jupyter notebook"),
        ({"error": "Rate limit exceeded"}, "message of some service.*Rate limit exceeded"),
        ({"message": "Not Found", "code": 404}, "message of some service.*Not Found"),
        ({"data": [], "total": 0}, "search that found nothing"),
        ({"title": {"0": "A"}, "abstract": {"0": "B"}}, "column by column"),
        ({"title": ["A", "C"], "abstract": ["B", "D"]}, "column by column"),
        ({"name": "x", "version": 1}, "no list of papers was found.*'name', 'version'"),
        ({}, "its fields are none"),
        ([], "array without any object"),
        ([1, "x", None], "array without any object"),
        ("text", "one JSON value"),
        (5, "one JSON value"),
    ],
)
def test_documents_without_papers_are_named(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        document(value)
    assert caught.value.remedy


def test_broken_documents_say_where() -> None:
    with pytest.raises(InputError, match=r"starts as a JSON object but is not valid JSON.*line 2"):
        jsonl.parse_document('{"data": [\n{"title": "A"')
    with pytest.raises(InputError, match="nested too deeply"):
        jsonl.parse_document("[" * 200_000)
    with pytest.raises(InputError, match="NaN is no JSON value"):
        jsonl.parse_document('{"title": NaN}')


def test_damaged_bytes_cost_one_entry_of_a_document() -> None:
    text = json.dumps([GOOD, GOOD | {"title": "Dam\udce9 Tides"}, GOOD], ensure_ascii=False)
    _, entries = jsonl.parse_document(text)
    first, bad, last = entries
    assert isinstance(first, Record)
    assert isinstance(last, Record)
    assert isinstance(bad, Rejected)
    assert "not UTF-8" in bad.reason
    assert bad.reason.isprintable()


def test_deeply_nested_values_are_no_trap() -> None:
    depth = 900
    deep = '{"title": "A", "notes": ' + "[" * depth + "]" * depth + "}"
    (entry,) = lines(deep)
    assert isinstance(entry, Rejected)
    text = '{"title": "", "hints": ' + '{"a":' * depth + "1" + "}" * depth + "}"
    assert len(lines(text, GOOD)) == 2


@pytest.mark.parametrize(
    ("head", "whole", "found"),
    [
        ('{\n  "data": [\n    {"title": "A"}', True, True),
        ('{"data": [\n {"title": "A"}', True, True),
        ('{"total": 5, "offset": 0,\n "data": []}', True, True),
        ('{"data": [{"title": "A"}, {"tit', False, True),
        ('{"data": [{"title": "A"}, {"tit', True, False),  # a line that breaks off
        ('{"title": "A"}\n{"title": "B"}', True, False),
        ('{"title": "A"},\n{"title": "B"},', True, False),
        ('{"title": "A", "abst\n{"title": "B"}', True, False),
        ("text", True, False),
        ("", True, False),
    ],
)
def test_one_object_or_one_a_line(head: str, whole: bool, found: bool) -> None:
    assert jsonl.looks_like_document(head, whole=whole) is found


def test_cassettes_are_known_and_named() -> None:
    text = "interactions:\n- request:\n    body: ''\n    uri: https://api.example\n"
    assert documents.looks_like_cassette(text)
    assert documents.looks_like_cassette("---\n# made by vcr\n" + text)
    assert not documents.looks_like_cassette("interactions: none\nrequest: no")
    assert not documents.looks_like_cassette("My interactions:\n- request: none")
    assert "VCR" in documents.cassette_error().message


# --- What nobody should send -----------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["title", "abstract", "authors", "id", "doi", "date", "paper", "summary", "ids",
                 "externalIds", "tldr", "paperId", "corpusid", "abstract_inverted_index",
                 "authorships", "primary_location", "locations", "details", "paper_url", "versions",
                 "authors_parsed", "update_date", "data", "results", "message", "items", "hints",
                 "keywords", "venue", "issued", "author", "upvotes", "publishedAt", "TI", "UT"]
            )
            | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(_JSON, st.sampled_from([None, {"title": "title"}, {"abstract": "paper.summary"}]))
def test_no_json_raises_anything_but_an_input_error(
    value: Any, mapping: dict[str, str] | None
) -> None:
    try:
        _, entries = documents.parse(value, mapping)
        found = list(entries)
    except InputError as error:
        assert error.remedy
    else:
        assert all(entry.where for entry in found)
    if isinstance(value, dict) and value:
        items = documents.Items(mapping)
        assert all(entry.where.startswith("line 1") for entry in items.of(value, "line 1"))


def test_ten_thousand_kinds_of_lines_are_no_burden() -> None:
    found = lines(*(GOOD | {f"field {n}": n} for n in range(3_000)))
    assert len(records(found)) == 3_000


# --- Real samples ----------------------------------------------------------------------------


@pytest.mark.seeds
@needs_formats
def test_a_real_list_in_lists() -> None:
    text = (FORMATS / "misc" / "gpt_paper_assistant_debug_papers.json").read_text("utf-8")
    kind, entries = jsonl.parse_document(text)
    found = list(entries)
    assert (kind, len(found), len(records(found))) == ("json", 19, 19)
    assert all(r.arxiv_id and len(r.authors) > 1 for r in records(found))
    # What somebody's model said of a paper is not its abstract.
    assert not any(r.hints.get("COMMENT") == r.abstract for r in records(found))


@pytest.mark.seeds
@needs_formats
def test_a_real_pubmed_search_is_refused_with_what_to_do() -> None:
    text = (FORMATS / "pubmed" / "esearch_2026.json").read_text("utf-8")
    with pytest.raises(InputError, match="esearch"):
        list(jsonl.parse_lines(io.StringIO(text)))
    with pytest.raises(InputError, match="esearch") as caught:
        jsonl.parse_document(text)
    assert "efetch.fcgi?db=pubmed&retmode=xml&id=4228" in caught.value.remedy


@pytest.mark.seeds
@needs_formats
def test_real_cassettes_are_known() -> None:
    files = [*FORMATS.glob("semantic_scholar/*.yaml"), *FORMATS.glob("crossref_s2_openalex/*.yaml")]
    assert len(files) == 23
    for file in files:
        assert documents.looks_like_cassette(file.read_text("utf-8")[:100_000]), file.name


@pytest.mark.seeds
@needs_formats
def test_a_real_sample_of_arxiv() -> None:
    import gzip

    with gzip.open(FORMATS.parent / "arxiv_100k.jsonl.gz", "rt", encoding="utf-8") as stream:
        text = "".join(next(stream) for _ in range(2_000))
    found = list(jsonl.parse_lines(io.StringIO(text)))
    assert len(records(found)) == 2_000
    # A quarter of the ids in this file have been through a spreadsheet.
    assert 400 < sum(bool(r.ids) for r in records(found)) < 600
    assert sum(bool(r.arxiv_id or r.ids) for r in records(found)) > 1_990
    assert all(r.published and r.authors and r.categories for r in records(found))
