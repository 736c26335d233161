"""Semantic Scholar: answers of its API, its data sets, and the feed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from curator.errors import FetchError, UsageError
from curator.fetch import Fetched, Fetcher
from curator.paper import Record, Rejected
from curator.sources import jsonl, semantic_scholar
from curator.sources.base import FeedState, Page

FORMATS = Path(__file__).parents[2] / "shared" / "data" / "formats"
needs_formats = pytest.mark.skipif(not FORMATS.is_dir(), reason="../shared is absent")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SHA = "0123456789abcdef0123456789abcdef01234567"

PAPER = {
    "paperId": SHA,
    "corpusId": 1234567,
    "externalIds": {
        "ArXiv": "2401.01234",
        "DOI": "10.1234/BOAT.5",
        "ACL": "2024.acl-long.1",
        "PubMed": "77",
        "PubMedCentral": "88",
        "DBLP": "conf/boat/Strand24",
        "CorpusId": 1234567,
    },
    "url": f"https://www.semanticscholar.org/paper/{SHA}",
    "title": "Tides of Paper",
    "abstract": "We count the boats.",
    "venue": "arXiv.org",
    "publicationVenue": {"id": "v", "name": "Journal of Boats"},
    "year": 2024,
    "publicationDate": "2024-01-03",
    "authors": [{"authorId": "1", "name": "Ida Strand"}, {"authorId": None, "name": "Jo Vik"}],
    "citationCount": 12,
    "tldr": {"model": "tldr@v2.0.0", "text": "Boats are counted."},
    "s2FieldsOfStudy": [{"category": "Computer Science"}, {"category": "Computer Science"}],
}


def read(paper: Any) -> Record:
    found = semantic_scholar.entry(paper, "entry 1")
    assert isinstance(found, Record), found
    return found


class Service(Fetcher):
    """The API in memory; each answer is given once, in its order."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: Mapping[str, str] | None = None

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        validators: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Fetched:
        assert url.startswith("https://api.semanticscholar.org/graph/v1/paper/")
        self.asked.append((url.removeprefix(semantic_scholar.API), dict(params or {})))
        self.headers = headers
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Fetched(
            url, 200, answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        )


def refused(status: int) -> FetchError:
    error = FetchError(f"status {status}")
    error.status = status
    return error


def pull(rest: str, service: Service, key: str | None = None, **state: Any) -> list[Page]:
    return list(semantic_scholar.of(rest, key).pages(service, FeedState(now=NOW, **state)))


# --- Entries -------------------------------------------------------------------------------------


def test_a_paper_of_the_api() -> None:
    paper = read(PAPER)
    assert (paper.title, paper.abstract) == ("Tides of Paper", "We count the boats.")
    assert (paper.arxiv_id, paper.doi) == ("2401.01234", "10.1234/boat.5")
    assert (paper.published, paper.authors) == ("2024-01-03", ("Ida Strand", "Jo Vik"))
    assert dict(paper.ids) == {
        "acl": "2024.acl-long.1", "pmid": "77", "pmcid": "pmc88", "dblp": "conf/boat/strand24",
        "s2": "1234567",
    }  # fmt: skip
    assert paper.source_id == SHA
    # A preprint server is no venue, and Semantic Scholar's page no better than arXiv's.
    assert (paper.venue, paper.url) == ("Journal of Boats", None)
    assert paper.hints == {
        "citationCount": 12,
        "tldr": "Boats are counted.",
        "tldr_model": "tldr@v2.0.0",
        "fieldsOfStudy": ["Computer Science"],
    }


def test_a_paper_without_an_abstract_is_a_reference_whatever_a_model_says_of_it() -> None:
    paper = read(PAPER | {"abstract": None, "externalIds": None, "publicationDate": None})
    assert (paper.abstract, paper.published) == ("", "2024")
    assert paper.url == PAPER["url"]
    assert paper.ids == (("s2", "1234567"),)
    assert read({"paperId": SHA, "title": "Tides"}).ids == (("s2", SHA),)


@pytest.mark.parametrize(
    "bad",
    [
        {"externalIds": [1]},
        {"externalIds": {"DOI": 5, "ArXiv": "x", "ACL": ["y"], "PubMed": {}}},
        {"authors": None},
        {"authors": [None, {"name": None}, 5]},
        {"tldr": "text", "venue": 5, "publicationVenue": [], "journal": "x"},
        {"year": "soon", "publicationDate": "2024-13-01"},
        {"corpusId": {"x": 1}, "paperId": ["y"], "citationCount": "many", "url": 5},
    ],
)
def test_bad_minor_fields_do_not_cost_the_paper(bad: dict[str, Any]) -> None:
    assert read(PAPER | bad).abstract == "We count the boats."


def test_a_paper_without_a_title_is_named_by_what_there_is() -> None:
    bad = semantic_scholar.entry({"paperId": SHA, "s2FieldsOfStudy": []}, "entry 1")
    assert isinstance(bad, Rejected)
    assert bad.reason.startswith('no title: {"paperId": "0123456789')


def test_documents_of_the_api_and_lines_of_the_data_sets() -> None:
    for value in (
        {"total": 2, "offset": 0, "data": [PAPER, None]},
        {"total": 2, "token": "T", "data": [PAPER, None]},
        [PAPER, None],  # a batch, of which one is not known
        {"recommendedPapers": [PAPER, None]},
        {"offset": 0, "data": [{"citingPaper": PAPER}, {"citingPaper": None}]},
    ):
        kind, entries = jsonl.parse_document(json.dumps(value))
        first, second = entries
        assert (kind, second.where) == ("s2-json", "entry 2")
        assert isinstance(first, Record)
        assert isinstance(second, Rejected)
    line = {
        "corpusid": 1234567, "externalids": {"ArXiv": "2401.01234", "DOI": None}, "title": "Tides",
        "authors": [{"authorId": "1", "name": "Ida Strand"}], "year": 2024,
        "publicationdate": None, "venue": "", "s2fieldsofstudy": None, "citationcount": 3,
    }  # fmt: skip
    old = {"id": SHA, "title": "Tides", "paperAbstract": "We count.", "inCitations": [],
           "authors": [{"name": "I. Strand", "ids": ["1"]}], "year": 2019, "doi": "10.1234/x",
           "journalName": "J", "s2Url": "https://semanticscholar.org/paper/x"}  # fmt: skip
    first, second = jsonl.parse_lines(iter_lines(line, old))
    assert isinstance(first, Record)
    assert (first.arxiv_id, first.ids, first.abstract) == ("2401.01234", (("s2", "1234567"),), "")
    assert isinstance(second, Record)
    assert (second.abstract, second.doi, second.published) == ("We count.", "10.1234/x", "2019")


def iter_lines(*values: Any) -> Any:
    import io

    return io.StringIO("\n".join(map(json.dumps, values)))


# --- The feed ------------------------------------------------------------------------------------


def test_a_search_page_by_page() -> None:
    service = Service(
        {"total": 3, "token": "T1", "data": [PAPER, None]},
        {"total": 3, "token": None, "data": [PAPER | {"title": ""}]},
    )
    first, last = pull("tides  of paper", service, key="K")
    assert [path for path, _ in service.asked] == ["/search/bulk", "/search/bulk"]
    (_, asked), (_, again) = service.asked
    assert (asked["query"], asked["sort"]) == ("tides of paper", "publicationDate:desc")
    assert "tldr" not in asked["fields"]
    assert "token" not in asked
    assert "publicationDateOrYear" not in asked
    assert again["token"] == "T1"
    assert service.headers == {"x-api-key": "K"}
    assert [type(entry) for entry in first.entries] == [Record, Rejected]
    assert first.entries[0].where == f"paper {SHA}"
    assert (first.of, first.cursor, first.shown_until) == (
        3,
        {"token": "T1", "from": None, "until": "2026-11-20"},
        None,
    )
    assert (last.cursor, last.shown_until) == (None, "2026-11-20")


def test_what_was_read_before_is_asked_for_with_some_weeks_of_patience() -> None:
    service = Service({"data": []})
    (page,) = pull("tides", service, since="2026-11-19")
    assert service.asked[0][1]["publicationDateOrYear"] == "2026-10-20:"
    assert (list(page.entries), page.shown_until) == ([], "2026-11-20")


def test_a_reading_that_was_cut_short_goes_on_and_covers_what_it_began_with() -> None:
    cursor = {"token": "T9", "from": "2026-10-01", "until": "2026-11-02"}
    service = Service({"token": None, "data": [PAPER]})
    (page,) = pull("tides", service, cursor=cursor, since="2026-10-31")
    asked = service.asked[0][1]
    assert (asked["token"], asked["publicationDateOrYear"]) == ("T9", "2026-10-01:")
    assert page.shown_until == "2026-11-02"
    # Tokens expire; then the search is begun again, once.
    service = Service(refused(400), {"data": [PAPER]})
    assert len(pull("tides", service, cursor=cursor)) == 1
    assert "token" not in service.asked[1][1]
    with pytest.raises(FetchError):
        pull("tides", Service(refused(400), refused(400)), cursor=cursor)
    with pytest.raises(FetchError):
        pull("tides", Service(refused(500)), cursor=cursor)


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("ARXIV:2401.01234", "/ARXIV:2401.01234"),
        ("arxiv:hep-th/9901001", "/ARXIV:hep-th/9901001"),
        ("doi:10.1234/a<b>", "/DOI:10.1234/a%3Cb%3E"),
        ("corpusid:123", "/CorpusId:123"),
        (SHA, f"/{SHA}"),
    ],
)
def test_one_paper(rest: str, path: str) -> None:
    service = Service(PAPER)
    (page,) = pull(rest, service)
    (asked, params) = service.asked[0]
    assert asked == path
    assert "tldr" in params["fields"]
    (paper,) = page.entries
    assert isinstance(paper, Record)
    assert (page.cursor, service.headers) == (None, None)


def test_one_paper_that_is_not_known() -> None:
    (page,) = pull("ARXIV:2401.99999", Service(refused(404)))
    (bad,) = page.entries
    assert isinstance(bad, Rejected)
    assert "does not know this paper" in bad.reason
    with pytest.raises(FetchError):
        pull("ARXIV:2401.99999", Service(refused(500)))


@pytest.mark.parametrize(
    "answer", [b"<html>", {"message": "x"}, [1], {"data": {}}, b"", {"data": [1], "token": 5}]
)
def test_answers_of_another_kind(answer: Any) -> None:
    with pytest.raises(FetchError, match="Semantic Scholar answered with"):
        pull("tides", Service(answer))


def test_a_service_that_repeats_itself_does_not_hold_the_reader() -> None:
    page = {"token": "T", "data": [PAPER]}
    with pytest.raises(FetchError, match="the same page again"):
        pull("tides", Service(page, page, page))


def test_a_feed_needs_words() -> None:
    for rest in ("", "  "):
        with pytest.raises(UsageError, match="s2: needs a search"):
            semantic_scholar.of(rest)
    assert semantic_scholar.of(" a  b ").spec == "s2:a b"
    assert semantic_scholar.of("a", "secret").spec == "s2:a"


# --- A real sample -------------------------------------------------------------------------------


@pytest.mark.seeds
@needs_formats
def test_a_real_answer() -> None:
    text = (FORMATS / "semantic_scholar" / "search_transformer.json").read_text("utf-8")
    kind, entries = jsonl.parse_document(text)
    papers = list(entries)
    assert (kind, len(papers)) == ("s2-json", 5)
    for paper in papers:
        assert isinstance(paper, Record)
        assert paper.arxiv_id
        assert "s2" in dict(paper.ids)
        assert paper.published
        assert len(paper.abstract) > 300
    service = Service(json.loads(text) | {"token": None})
    assert len(pull("transformer", service)[0].entries) == 5
