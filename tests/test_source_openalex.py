"""OpenAlex: its works, abstracts from their index, and the feed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import FetchError, UsageError
from curator.fetch import Fetched, Fetcher
from curator.paper import Record, Rejected
from curator.sources import jsonl, openalex
from curator.sources.base import FeedState, Page

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

WORK: dict[str, Any] = {
    "id": "https://openalex.org/W2741809807",
    "doi": "https://doi.org/10.1234/BOAT.5",
    "display_name": "Tides of <i>Paper</i> &amp; Boats",
    "title": "Tides of <i>Paper</i> &amp; Boats",
    "publication_year": 2024,
    "publication_date": "2024-01-03",
    "ids": {
        "openalex": "https://openalex.org/W2741809807",
        "pmid": "https://pubmed.ncbi.nlm.nih.gov/77",
        "pmcid": "https://www.ncbi.nlm.nih.gov/pmc/articles/88",
        "mag": 5,
    },
    "type": "article",
    "language": "en",
    "is_retracted": False,
    "cited_by_count": 3,
    "primary_location": {
        "landing_page_url": "https://arxiv.org/abs/2401.01234",
        "source": {"display_name": "arXiv (Cornell University)", "type": "repository"},
    },
    "locations": [
        {"landing_page_url": None, "pdf_url": "https://example.org/x.pdf", "source": None},
        {"landing_page_url": "https://doi.org/10.1234/boat.5",
         "source": {"display_name": "Journal of Boats", "type": "journal"}},
    ],
    "authorships": [
        {"author_position": "first", "author": {"id": "A1", "display_name": "Ida Strand"}},
        {"author": {"display_name": None}, "raw_author_name": "Vik, Jo"},
    ],
    "abstract_inverted_index": {"We": [0], "count": [1], "boats": [3, 5], "the": [2], "and": [4]},
    "keywords": [{"id": "k", "display_name": "Tides", "score": 0.5}],
    "topics": [{"display_name": "Ports", "score": 0.9}],
    "concepts": [],
    "updated_date": "2026-11-01T00:00:00.000",
}  # fmt: skip


def read(work: Any) -> Record:
    found = openalex.entry(work, "entry 1")
    assert isinstance(found, Record), found
    return found


class Service(Fetcher):
    """The API in memory; each answer is given once, in its order."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        validators: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Fetched:
        assert url.startswith("https://api.openalex.org/works")
        self.asked.append((url.removeprefix(openalex.API), dict(params or {})))
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


def pull(rest: str, service: Service, key: str | None = "K", **state: Any) -> list[Page]:
    return list(openalex.of(rest, key).pages(service, FeedState(now=NOW, **state)))


def results(count: int, following: str | None = None, *, of: int = 1_234) -> dict[str, Any]:
    return {"meta": {"count": of, "next_cursor": following}, "results": [WORK] * count}


# --- Works ---------------------------------------------------------------------------------------


def test_a_work() -> None:
    work = read(WORK)
    assert work.title == "Tides of Paper & Boats"
    assert work.abstract == "We count the boats and boats"
    assert (work.doi, work.arxiv_id, work.url) == ("10.1234/boat.5", "2401.01234", None)
    assert (work.published, work.authors) == ("2024-01-03", ("Ida Strand", "Jo Vik"))
    assert work.venue == "Journal of Boats"  # arXiv, which comes first, is none
    assert dict(work.ids) == {"openalex": "w2741809807", "pmid": "77", "pmcid": "pmc88"}
    assert work.hints == {
        "type": "article", "language": "en", "cited_by_count": 3,
        "keywords": ["Tides"], "topics": ["Ports"],
    }  # fmt: skip


def test_a_retracted_work_says_so_and_one_without_an_abstract_is_a_reference() -> None:
    work = read(WORK | {"is_retracted": True, "abstract_inverted_index": None, "doi": None})
    assert (work.hints["is_retracted"], work.abstract) == (True, "")
    assert read({"display_name": "Tides", "authorships": []}).title == "Tides"
    assert read(WORK | {"doi": None, "ids": {}, "primary_location": None}).url == (
        "https://example.org/x.pdf"
    )


@pytest.mark.parametrize(
    ("index", "text"),
    [
        ({"boats": [1], "We": [0]}, "We boats"),
        ({"boats": [10**9], "We": [7], "count": [8]}, "We count boats"),
        ({"a": [3], "b": [3], "c": [-1, 1.5, "2", None, True], "d": 5}, "a b"),
        ({"a": []}, None),
        ({}, None),
        (None, None),
        ([["a", 0]], None),
        ("text", None),
    ],
)
def test_abstracts_from_their_index(index: Any, text: str | None) -> None:
    assert openalex.abstract_of(index) == text


@given(st.lists(st.sampled_from(["we", "count", "the", "boats."]), min_size=1, max_size=30))
def test_an_index_gives_back_the_text_it_was_made_of(words: list[str]) -> None:
    index: dict[str, list[int]] = {}
    for place, word in enumerate(words):
        index.setdefault(word, []).append(place)
    assert openalex.abstract_of(dict(sorted(index.items()))) == " ".join(words)


def test_an_absurd_abstract_is_refused_for_its_length() -> None:
    bad = openalex.entry(WORK | {"abstract_inverted_index": {"x" * 100: list(range(1_000))}}, "e")
    assert isinstance(bad, Rejected)
    assert "at most 50,000" in bad.reason


@pytest.mark.parametrize(
    "bad",
    [
        {"ids": [], "doi": 5, "id": {"x": 1}},
        {"primary_location": [], "locations": {"a": 1}},
        {"primary_location": {"source": 5, "landing_page_url": 7}, "locations": [None, "x"]},
        {"authorships": [None, {"author": 5}, {"author": {"display_name": ["x"]}}]},
        {"keywords": {"a": 1}, "topics": [5], "concepts": "x", "type": {"a": [1]}},
        {"publication_date": "2024-13-01", "publication_year": "soon"},
        {"title": None},
        {"ids": {"pmid": "x", "pmcid": "y", "openalex": "z"}},
    ],
)
def test_bad_minor_fields_do_not_cost_the_work(bad: dict[str, Any]) -> None:
    assert read(WORK | bad).title == "Tides of Paper & Boats"


def test_documents_and_lines_of_the_snapshot() -> None:
    kind, entries = jsonl.parse_document(json.dumps(results(2)))
    assert (kind, [type(entry) for entry in entries]) == ("openalex-json", [Record, Record])
    kind, entries = jsonl.parse_document(json.dumps(WORK))
    assert (kind, len(list(entries))) == ("openalex-json", 1)
    import io

    (line,) = jsonl.parse_lines(io.StringIO(json.dumps(WORK)))
    assert isinstance(line, Record)
    assert (line.where, line.abstract) == ("line 1", "We count the boats and boats")


# --- The feed ------------------------------------------------------------------------------------


def test_a_search_by_cursor() -> None:
    service = Service(results(100, "C2"), results(3))
    first, last = pull("tides  of paper", service)
    assert service.asked == [
        ("", {"api_key": "K", "per_page": 100, "cursor": "*", "search": "tides of paper"}),
        ("", {"api_key": "K", "per_page": 100, "cursor": "C2", "search": "tides of paper"}),
    ]
    assert (len(first.entries), first.of, first.shown_until) == (100, 1_234, None)
    assert first.cursor == {"from": None, "until": "2026-11-20", "next": "C2"}
    assert first.entries[0].where == "work W2741809807"
    assert (len(last.entries), last.cursor, last.shown_until) == (3, None, "2026-11-20")


def test_without_a_key_pages_have_numbers() -> None:
    # Cursors are refused to who has no key, and `mailto` does no harm.
    service = Service(results(99, "C2", of=102), results(2, of=102))
    feed = openalex.of("tides", None, "ida@example.org")
    first, last = feed.pages(service, FeedState(now=NOW))
    asked = [params for _, params in service.asked]
    assert [params["page"] for params in asked] == [1, 2]
    assert all("cursor" not in params and "api_key" not in params for params in asked)
    assert asked[0]["mailto"] == "ida@example.org"
    assert (first.cursor or {})["next"] == 2
    assert last.cursor is None


def test_the_end_of_what_is_given_without_a_key_is_said() -> None:
    cursor = {"from": None, "until": "2026-11-20", "next": 100}
    (page,) = pull("tides", Service(results(100)), key=None, cursor=cursor)
    *works, rest = page.entries
    assert len(works) == 100
    assert isinstance(rest, Rejected)
    assert (rest.where, page.cursor) == ("the rest", None)
    assert "openalex.org/settings/api" in rest.reason


def test_a_filter_and_what_is_new_since() -> None:
    service = Service(results(0))
    (page,) = pull("filter=primary_topic.id:T1,type:article", service, since="2026-11-19")
    ((_, asked),) = service.asked
    assert asked["filter"] == ("primary_topic.id:T1,type:article,from_publication_date:2026-10-20")
    assert asked["sort"] == "publication_date:desc"
    assert "search" not in asked
    assert (list(page.entries), page.shown_until) == ([], "2026-11-20")
    # A filter that names its own time is left as it is.
    service = Service(results(0))
    pull("filter=publication_year:2023", service, since="2026-11-19")
    assert service.asked[0][1]["filter"] == "publication_year:2023"
    service = Service(results(0))
    pull("tides", service, since="2026-11-19")
    assert service.asked[0][1]["filter"] == "from_publication_date:2026-10-20"


def test_a_reading_that_was_cut_short_goes_on_or_begins_again() -> None:
    cursor = {"from": "2026-10-01", "until": "2026-11-02", "next": "C9"}
    service = Service(results(1))
    (page,) = pull("tides", service, cursor=cursor, since="2026-11-01")
    asked = service.asked[0][1]
    assert (asked["cursor"], asked["filter"]) == ("C9", "from_publication_date:2026-10-01")
    assert page.shown_until == "2026-11-02"
    service = Service(refused(400), results(1))
    (page,) = pull("tides", service, cursor=cursor)
    assert (service.asked[1][1]["cursor"], page.shown_until) == ("*", "2026-11-20")
    with pytest.raises(FetchError):
        pull("tides", Service(refused(400), refused(400)), cursor=cursor)
    with pytest.raises(FetchError):
        pull("tides", Service(refused(401)))


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("W2741809807", "/W2741809807"),
        ("https://openalex.org/w2741809807", "/W2741809807"),
        ("10.1234/BOAT.5", "/doi:10.1234/boat.5"),
        ("https://doi.org/10.1234/boat.5", "/doi:10.1234/boat.5"),
    ],
)
def test_one_work(rest: str, path: str) -> None:
    service = Service(WORK)
    (page,) = pull(rest, service)
    assert service.asked == [(path, {"api_key": "K"})]
    assert isinstance(page.entries[0], Record)


def test_one_work_that_is_not_known() -> None:
    (page,) = pull("W1234", Service(refused(404)))
    (bad,) = page.entries
    assert isinstance(bad, Rejected)
    assert "does not know this work: W1234" in bad.reason
    with pytest.raises(FetchError):
        pull("W1234", Service(refused(503)))
    with pytest.raises(FetchError, match="no work"):
        pull("W1234", Service([1]))


@pytest.mark.parametrize("answer", [b"<html>", {"error": "x"}, [1], {"results": {}}, b""])
def test_answers_of_another_kind(answer: Any) -> None:
    with pytest.raises(FetchError, match="OpenAlex answered with"):
        pull("tides", Service(answer))


def test_a_service_that_repeats_itself_does_not_hold_the_reader() -> None:
    with pytest.raises(FetchError, match="the same page again"):
        pull("tides", Service(results(1, "C"), results(1, "C"), results(1, "C")))
    odd = {"results": [None, 5, WORK], "meta": "x"}
    (page,) = pull("tides", Service(odd))
    assert [type(entry) for entry in page.entries] == [Rejected, Rejected, Record]


@pytest.mark.parametrize("rest", ["", "  ", "filter=", "filter= , "])
def test_a_feed_needs_words(rest: str) -> None:
    with pytest.raises(UsageError, match="openalex: needs"):
        openalex.of(rest)


def test_names_of_the_feed_have_no_key_in_them() -> None:
    feed = openalex.of(" a  b ", "secret", "ida@example.org")
    assert (feed.kind, feed.spec) == ("openalex", "openalex:a b")
