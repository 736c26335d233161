"""What a record is, what is cleaned, what is refused, and what makes two of them one paper."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.identifiers import arxiv_id_of, doi_of
from curator.paper import Paper, Record, iso_date, paper_id_of


def make(**fields: Any) -> Record:
    return Record.make(**({"title": "A Title", "abstract": "An abstract."} | fields))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2401.01234", ("2401.01234", None)),
        (" arXiv:2401.01234v2 ", ("2401.01234", 2)),
        ("arXiv: 2401.01234 [cs.CL]", ("2401.01234", None)),
        ("https://arxiv.org/pdf/2401.01234v1.pdf", ("2401.01234", 1)),
        ("http://export.arxiv.org/abs/0704.0001", ("0704.0001", None)),
        ("arxiv.org/abs/2401.01234?context=cs", ("2401.01234", None)),
        ("https://huggingface.co/papers/2401.01234", ("2401.01234", None)),
        ("https://doi.org/10.48550/arXiv.2401.01234", ("2401.01234", None)),
        ("oai:arXiv.org:hep-th/9901001", ("hep-th/9901001", None)),
        ("math.GT/0309136v2", ("math/0309136", 2)),
        ("math/0309136", ("math/0309136", None)),
        ("1234.5678", None),  # there is no month 34
        ("notes/1234567", None),
        ("2401.01234 and more", None),
        ("https://evil.example/abs/2401.01234", None),
        ("２４０１.01234", None),
        ("", None),
        (None, None),
    ],
)
def test_arxiv_ids_in_all_writings(text: str | None, found: tuple[str, int | None] | None) -> None:
    assert arxiv_id_of(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.1234/AbC.5", "10.1234/abc.5"),
        ("doi: 10.1234/abc.", "10.1234/abc"),
        ("https://doi.org/10.1234/abc", "10.1234/abc"),
        ("http://dx.doi.org/10.1234/abc", "10.1234/abc"),
        ("doi.org/10.1234/abc", "10.1234/abc"),
        ("10.1234/abc 10.1234/def", "10.1234/abc"),
        ("10.1234/abc; 10.1234/def", "10.1234/abc"),
        ("11.1234/abc", None),
        ("10.1234/", None),
        (None, None),
    ],
)
def test_dois_in_all_writings(text: str | None, found: str | None) -> None:
    assert doi_of(text) == found


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        ("2024", "2024"),
        (2024, "2024"),
        ("2024-1-5", "2024-01-05"),
        ("2024-11-05T10:00:00Z", "2024-11-05"),
        ("2024-02-29", "2024-02-29"),
        (date(2024, 11, 5), "2024-11-05"),
        (datetime(2024, 11, 5, 10), "2024-11-05"),
        ("", None),
        (None, None),
    ],
)
def test_dates_are_as_exact_as_given(value: object, iso: str | None) -> None:
    assert iso_date(value) == iso


@pytest.mark.parametrize(
    "value", ["2024-13-01", "2023-02-29", "0000-01-01", "yesterday", "05/11/2024", True, 1.5, []]
)
def test_dates_that_do_not_exist_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        iso_date(value)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"title": None}, "no title"),
        ({"title": " \u200b\n"}, "no title"),
        ({"title": 5}, "title should be text, not int"),
        ({"title": "?!"}, "no letters"),
        ({"title": "x" * 1_001}, "1,001 characters"),
        ({"abstract": ""}, "no abstract"),
        ({"abstract": ["x"]}, "abstract should be text, not list"),
        ({"abstract": "x" * 50_001}, "50,001 characters"),
        ({"arxiv_id": "24.1"}, "is not an arXiv identifier"),
        ({"arxiv_id": 2401.0123}, "loses end zeros"),
        ({"arxiv_id": ["2401.01234"]}, "arxiv_id should be text"),
        ({"doi": "none"}, "is not a DOI"),
        ({"published": "2024-13-01"}, "is not a date"),
        ({"authors": 3}, "authors should be a list"),
        ({"upvotes": True}, "upvotes should be a number"),
        ({"upvotes": "many"}, "is not a number"),
        ({"upvotes": float("nan")}, "is not a number"),
        ({"upvotes": float("inf")}, "is not a number"),
        ({"upvotes": 10**30}, "should be between"),
        ({"upvotes": -1}, "should be between"),
        ({"source_id": {"a": 1}}, "id should be text"),
        ({"url": ["x"]}, "url should be text"),
    ],
)
def test_what_is_no_paper_is_refused_with_a_reason(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        make(**fields)


def test_text_is_cleaned_but_not_rewritten() -> None:
    record = make(title=' T\\"ulu\n 3\u200b ', abstract="It costs\x1b\x00 5\\%.\u202e")
    assert (record.title, record.abstract) == ('T\\"ulu 3', "It costs 5\\%.")


@pytest.mark.parametrize(
    ("authors", "names"),
    [
        ("Ida Strand, Jo Vik and Bo Ek", ("Ida Strand", "Jo Vik", "Bo Ek")),
        ("Strand, Ida; Vik, Jo", ("Strand, Ida", "Vik, Jo")),
        (["Ida  Strand", " ", None, "Jo\u200b Vik"], ("Ida Strand", "Jo Vik")),
        ([{"name": "Ida Strand"}, {"nom": "x"}], ("Ida Strand",)),
        (None, ()),
        ("", ()),
    ],
)
def test_authors_as_text_list_or_objects(authors: object, names: tuple[str, ...]) -> None:
    assert make(authors=authors).authors == names


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.org/a?b=1", "https://example.org/a?b=1"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ('https://example.org/"><script>', None),
        ("https://example.org/\x1b\u202ea", "https://example.org/a"),
        ("ftp://example.org", None),
        ("", None),
    ],
)
def test_only_safe_links_are_kept(url: str, kept: str | None) -> None:
    assert make(url=url).url == kept


def test_other_fields_can_carry_the_arxiv_id() -> None:
    assert make(source_id="arXiv:2401.01234v3").arxiv_version == 3
    assert make(url="http://arxiv.org/abs/2401.01234").arxiv_id == "2401.01234"
    assert make(doi="10.48550/arXiv.2401.01234").arxiv_id == "2401.01234"
    assert make(source_id=17).source_id == "17"


def test_the_link_is_the_best_known() -> None:
    assert make(url="https://x.org/", doi="10.1234/a").link == "https://x.org/"
    assert make(arxiv_id="2401.01234", doi="10.1234/a").link == "https://arxiv.org/abs/2401.01234"
    assert make(doi="10.1234/a").link == "https://doi.org/10.1234/a"
    assert make().link is None


def test_ids_follow_the_title_key() -> None:
    assert paper_id_of(r"T\"ulu 3: x") == paper_id_of("TÜLU 3 – X") != paper_id_of("TÜLU 4: x")
    assert paper_id_of("A", salt="10.1/a") != paper_id_of("A")
    assert len(paper_id_of("A")) == 13


def test_the_day_places_a_paper_in_its_week() -> None:
    paper = Paper("p", "T", "A", listed="2024-11", published="2024-11-05", added="2024-12-01T10:00")
    assert paper.day == "2024-11-05"
    assert Paper("p", "T", "A", published="2024", added="2024-12-01T10:00").day == "2024-12-01"


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_FIELDS = [
    "title",
    "abstract",
    "source_id",
    "arxiv_id",
    "doi",
    "authors",
    "published",
    "listed",
    "url",
    "categories",
    "upvotes",
]


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_FIELDS, _ANYTHING)))
def test_make_refuses_or_gives_what_can_be_stored(fields: dict[str, Any]) -> None:
    try:
        record = make(**fields)
    except ValueError as error:
        assert str(error)
        return
    repr(record).encode()  # no lone surrogates, which databases cannot store
    for value in (record.title, record.abstract, record.source_id, record.url, record.doi):
        (value or "").encode()
