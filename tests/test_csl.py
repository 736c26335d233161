"""References as JSON: CSL, Crossref and Zotero, each item for itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.paper import Record, Rejected, Verbatim
from curator.sources import csl

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "formats"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="../shared is absent")

ITEM = {
    "id": "strand21",
    "type": "paper-conference",
    "title": "Ferries of the North",
    "author": [{"family": "Strand", "given": "Ida"}, {"literal": "World Tide Office"}],
    "issued": {"date-parts": [[2021, 5, 4]]},
    "abstract": "We row.",
    "container-title": "Proc. of Seas",
    "DOI": "10.1000/abc",
    "URL": "https://seas.no/1",
    "PMID": "123",
    "keyword": "tide, salt",
    "note": "Read",
    "custom": {"kept": [1]},
}
ZOTERO = {
    "key": "AB12CD34",
    "version": 7,
    "library": {"id": 1},
    "data": {
        "key": "AB12CD34",
        "itemType": "preprint",
        "title": "Ferries of the <i>North</i>",
        "creators": [
            {"creatorType": "editor", "firstName": "Per", "lastName": "Vik"},
            {"creatorType": "author", "firstName": "Ida", "lastName": "van Strand"},
            {"creatorType": "author", "name": "World Tide Office"},
        ],
        "abstractNote": "We row.\nFar.",
        "date": "2021-05-04",
        "repository": "arXiv",
        "archiveID": "arXiv:1706.03762",
        "url": "http://arxiv.org/abs/1706.03762",
        "extra": "arXiv:1706.03762 [cs]\nPMID: 123\nDOI: 10.1000/abc\nCitation Key: strand21",
        "tags": [{"tag": "tide"}, {"tag": "salt", "type": 1}],
        "notes": [{"note": "<p>Read</p>"}],
    },
}


def one(item: Any) -> Record:
    (record,) = csl.parse([item])
    assert isinstance(record, Record), record
    return record


# --- The samples -------------------------------------------------------------------------


@pytest.mark.seeds
@needs_samples
def test_only_references_are_taken_for_references() -> None:
    found = {
        file.name
        for file in SAMPLES.glob("*/*.json")
        if csl.looks_like_document(json.loads(file.read_text("utf-8")))
    }
    assert found == {
        "citationjs_packages_plugin-bibtex_test_mapping_biblatex-csl.json",
        "citationjs_test_data_api_doi.json",
    }
    by_head = {
        file.name for file in SAMPLES.glob("*/*.json") if csl.looks_like(file.read_text("utf-8"))
    }
    assert by_head - found == {"citationjs_packages_plugin-bibtex_test_input.json"}


@pytest.mark.seeds
@needs_samples
def test_samples() -> None:
    folder = SAMPLES / "bibtex_csl"
    file = folder / "citationjs_packages_plugin-bibtex_test_mapping_biblatex-csl.json"
    items = json.loads(file.read_text("utf-8"))
    entries = list(csl.parse(items))
    assert [type(entry) for entry in entries] == [Record] * len(items)
    assert [(entry.extra or {})["item"] for entry in entries] == items
    crossref = json.loads((folder / "citationjs_test_data_api_doi.json").read_text("utf-8"))
    first, second, *_ = csl.parse(crossref)
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert first.authors == ("H. K. Hall Jr.",)
    assert (first.published, first.doi) == ("1957-10", "10.1021/ja01577a030")
    assert first.title == "Correlation of the Base Strengths of Amines1"
    assert second.abstract.startswith("High COVID-19 mortality")  # neither tags nor "Abstract"
    assert "<" not in second.abstract
    assert (second.published, second.venue) == ("2021-08-18", "Cold Spring Harbor Laboratory")


# --- Documents ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        [ITEM],
        ITEM,
        {"items": [ITEM]},
        {"status": "ok", "message-type": "work", "message": ITEM},
        {"status": "ok", "message-type": "work-list", "message": {"items": [ITEM], "total": 9}},
        {"10.1000/abc": [ITEM]},
        {"strand21": ITEM},
        {"config": {"id": "x"}, "items": [ITEM]},
    ],
)
def test_envelopes(document: Any) -> None:
    assert csl.looks_like_document(document)
    assert csl.looks_like(json.dumps(document, indent=1))
    (record,) = csl.parse(document)
    assert isinstance(record, Record)
    assert record.title == "Ferries of the North"


@pytest.mark.parametrize(
    "document",
    [
        None, 5, "text", [], {}, [[]], [1, 2], {"items": []}, {"a": {"b": 1}},
        [{"title": "A", "abstract": "B", "authors": ["Strand"], "doi": "10.1000/abc"}],
        [{"title": "A", "author": "Ida Strand"}],
        [{"title": "A", "author": [{"name": "Ida Strand"}]}],
        {"data": [{"paperId": "1", "title": "A", "externalIds": {"DOI": "10.1000/a"}}]},
        {"results": [{"id": "https://openalex.org/W1", "type": "article", "authorships": []}]},
        [{"paper": {"title": "A", "authors": [{"name": "B"}]}}],
    ],
)  # fmt: skip
def test_other_documents(document: Any) -> None:
    assert not csl.looks_like_document(document)
    assert not csl.looks_like(json.dumps(document))


# --- Items -------------------------------------------------------------------------------


def test_an_item_whole() -> None:
    record = one(ITEM)
    assert record.where == "entry 1"
    assert (record.title, record.abstract) == ("Ferries of the North", "We row.")
    assert record.authors == ("Ida Strand", "World Tide Office")
    assert (record.published, record.venue) == ("2021-05-04", "Proc. of Seas")
    assert (record.doi, record.url) == ("10.1000/abc", "https://seas.no/1")
    assert record.ids == (("pmid", "123"),)
    assert record.hints == {"keywords": ["tide", "salt"], "note": "Read"}
    assert record.extra == {
        "format": "csl", "item": ITEM, "type": "paper-conference", "key": "strand21"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"title": ["Ab"], "subtitle": ["Cd"]}, {"title": "Ab: Cd"}),
        ({"title": "Ab: Cd", "subtitle": ["cd"]}, {"title": "Ab: Cd"}),
        ({"title": "A<sub>2</sub> &amp; <b>C</b>"}, {"title": "A2 & C"}),
        ({"abstract": "<jats:title>Abstract</jats:title><jats:p>One.</jats:p><jats:p>Two</jats:p>"},
         {"abstract": "One. Two"}),
        ({"abstract": ["a"]}, {"abstract": "a"}),
        ({"abstract": {"x": 1}}, {"abstract": ""}),
        ({"abstract": None}, {"abstract": ""}),
        ({"author": [{"family": "Berg", "given": "Jan", "non-dropping-particle": "van der"}]},
         {"authors": ("Jan van der Berg",)}),
        ({"author": [{"family": "Hall", "given": "H. K.", "suffix": "Jr."}]},
         {"authors": ("H. K. Hall Jr.",)}),
        ({"author": [{"name": "Group"}, {}, 5, None]}, {"authors": ("Group",)}),
        ({"author": "Ida"}, {"authors": ()}),
        ({"author": [], "editor": [{"family": "Vik", "given": "Per"}]}, {"authors": ("Per Vik",)}),
        ({"issued": {"date-parts": [["2021", "5"]]}}, {"published": "2021-05"}),
        ({"issued": {"date-parts": [[2021, 13, 40]]}}, {"published": "2021"}),
        ({"issued": {"date-parts": [[2016], [2017]]}}, {"published": "2016"}),
        ({"issued": {"date-parts": [[None]]}}, {"published": None}),
        ({"issued": {"raw": "2021-05"}}, {"published": "2021-05"}),
        ({"issued": {"literal": "13th Century"}}, {"published": None}),
        ({"issued": "2021-05-04T10:00:00Z"}, {"published": "2021-05-04"}),
        ({"issued": 5, "posted": {"date-parts": [[2020, 1]]}}, {"published": "2020-01"}),
        ({"DOI": "https://doi.org/10.1000/ABC"}, {"doi": "10.1000/abc"}),
        ({"DOI": "none", "note": "DOI: 10.1000/def\nPMCID: PMC9"},
         {"doi": "10.1000/def", "ids": (("pmid", "123"), ("pmcid", "pmc9"))}),
        ({"DOI": 10.5}, {"doi": None}),
        ({"number": "arXiv:1706.03762"}, {"arxiv_id": "1706.03762"}),
        ({"note": "arXiv:1706.03762 [cs]"}, {"arxiv_id": "1706.03762"}),
        ({"note": "Builds on arXiv:1706.03762"}, {"arxiv_id": None}),
        ({"container-title": []}, {"venue": None}),
        ({"container-title": [], "publisher": "Press"}, {"venue": "Press"}),
        ({"id": 12}, {"source_id": "12"}),
        ({"citation-key": "k"}, {"source_id": "k"}),
        ({"keyword": None, "subject": ["Sea", 4], "note": ""}, {"hints": {"keywords": ["Sea"]}}),
        ({"URL": "not one"}, {"url": None}),
    ],
)  # fmt: skip
def test_fields(change: dict[str, Any], expected: dict[str, object]) -> None:
    record = one(ITEM | change)
    assert {name: getattr(record, name) for name in expected} == expected
    assert (record.extra or {})["item"] == ITEM | change


@pytest.mark.parametrize("item", [ZOTERO, ZOTERO["data"]], ids=["service", "Better BibTeX"])
def test_an_item_of_zotero(item: Any) -> None:
    record = one(item)
    assert (record.title, record.abstract) == ("Ferries of the North", "We row. Far.")
    assert record.authors == ("Ida van Strand", "World Tide Office")
    assert (record.published, record.venue, record.source_id) == (
        "2021-05-04", "arXiv", "strand21"
    )  # fmt: skip
    assert (record.arxiv_id, record.doi) == ("1706.03762", "10.1000/abc")
    assert record.ids == (("pmid", "123"),)
    assert record.hints == {"keywords": ["tide", "salt"], "note": "Read"}
    assert record.extra == {
        "format": "zotero-json", "item": item, "type": "preprint", "key": "strand21"
    }  # fmt: skip


def test_items_of_zotero_that_are_no_reference() -> None:
    note = {"itemType": "note", "note": "<p>hi</p>"}
    file = {"data": {"itemType": "attachment", "title": "Full Text"}}
    talk = {
        "itemType": "presentation",
        "title": "Ab",
        "creators": [{"creatorType": "presenter", "firstName": "Bo", "lastName": "Lund"}, 5],
    }
    entries = list(csl.parse([note, file, talk, {"itemType": "book", "creators": 5, "tags": 5}]))
    assert [type(entry) for entry in entries] == [Verbatim, Verbatim, Record, Rejected]
    assert isinstance(entries[2], Record)
    assert entries[2].authors == ("Bo Lund",)
    assert (entries[0].extra or {})["item"] == note


# --- Ugly documents ----------------------------------------------------------------------


def test_an_item_that_cannot_be_used_spoils_only_itself() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    items = [
        ITEM, "text", {"DOI": "10.1000/abc"}, ITEM | {"title": "a\ud800b"}, ITEM | {"x": deep},
        ITEM | {"title": "Ferries", "abstract": "word " * 11_000}, ITEM | {"title": "!"}, ITEM,
    ]  # fmt: skip
    entries = list(csl.parse(items))
    reasons = [(e.where, e.reason) for e in entries if isinstance(e, Rejected)]
    assert reasons == [
        ("entry 2", 'not a JSON object: "text"'),
        ("entry 3", "no title: 10.1000/abc"),
        ("entry 4", "has characters that are not Unicode: a\ufffdb"),
        ("entry 5", "is nested too deeply"),
        ("entry 6", "abstract has 54,999 characters; at most 50,000 are read: Ferries"),
        ("entry 7", "the title '!' has no letters: !"),
    ]  # fmt: skip
    kept = [entry.extra["item"] for entry in entries if entry.extra]
    assert kept[:3] == items[:3]
    assert kept[3] == ITEM | {"title": "a\ufffdb"}
    json.dumps([entry.extra for entry in entries], ensure_ascii=False).encode()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*ITEM, *ZOTERO["data"], "subtitle", "editor", "posted", "data"]),  # type: ignore[misc]
        VALUES,
        max_size=6,
    )
)
def test_any_item_is_read_or_rejected(item: dict[str, Any]) -> None:
    entries = list(csl.parse([item]))
    assert len(entries) == 1
    csl.looks_like_document(item)
    for entry in csl.parse(item):
        assert isinstance(entry, Record | Rejected | Verbatim)
