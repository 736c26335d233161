"""Hugging Face Daily Papers: answers of the API, scrapes of its pages, and the feed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from curator.errors import FetchError, UsageError
from curator.fetch import Fetched, Fetcher
from curator.paper import Entry, Record, Rejected
from curator.sources import hf, jsonl
from curator.sources.base import FeedState, Page

FORMATS = Path(__file__).parents[2] / "shared" / "data" / "formats"
needs_formats = pytest.mark.skipif(not FORMATS.is_dir(), reason="../shared is absent")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday

ABSTRACT = "We count the boats that carry paper through a harbour. " * 12


def item(number: str = "2611.01234", **paper: Any) -> dict[str, Any]:
    """One element of an answer, as the API gives it."""
    return {
        "paper": {
            "id": number,
            "authors": [{"_id": "a1", "name": "Ida Strand", "hidden": False}, {"name": "Jo Vik"}],
            "publishedAt": "2026-11-17T00:00:00.000Z",
            "submittedOnDailyAt": "2026-11-18T00:00:00.000Z",
            "title": f"Tides of Paper {number}",
            "summary": ABSTRACT,
            "upvotes": 12,
            "discussionId": "d1",
            "ai_summary": "A model says that boats are counted.",
            "ai_keywords": ["boats", "tides"],
            "organization": {"_id": "o", "name": "hrb", "fullname": "Harbour Lab"},
            "githubRepo": "https://github.com/example/boats",
        }
        | paper,
        "publishedAt": "2026-11-16T20:00:00.000Z",
        "title": f"Tides of Paper {number}",
        "summary": ABSTRACT,
        "numComments": 2,
        "submittedBy": {"fullname": "Bo Ek"},
    }


class Site(Fetcher):
    """The API in memory: the papers of each day, 100 a page."""

    def __init__(self, days: Mapping[str, list[Any]], etag: str = "") -> None:
        self.days = dict(days)
        self.etag = etag
        self.asked: list[dict[str, Any]] = []

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        validators: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> Fetched:
        assert url == "https://huggingface.co/api/daily_papers"
        asked = dict(params or {})
        self.asked.append(asked)
        assert str(asked["date"]) <= "2026-11-20", "the service answers 400 for the future"
        if self.etag and validators == {"etag": self.etag}:
            return Fetched(url, 304, b"")
        papers = self.days.get(str(asked["date"]), [])
        size, number = int(asked["limit"]), int(asked.get("p", 0))
        content = json.dumps(papers[size * number : size * (number + 1)]).encode()
        return Fetched(url, 200, content, validators={"etag": self.etag} if self.etag else {})


def pull(spec: str, site: Fetcher, **state: Any) -> list[Page]:
    return list(hf.of(spec).pages(site, FeedState(now=NOW, **state)))


def days(site: Site) -> list[str]:
    return [asked["date"] for asked in site.asked]


def entries(pages: list[Page]) -> list[Entry]:
    return [entry for page in pages for entry in page.entries]


# --- Entries -------------------------------------------------------------------------------------


def test_a_paper_of_the_api() -> None:
    paper = hf.entry(item(), "entry 1")
    assert isinstance(paper, Record)
    assert (paper.title, paper.abstract) == ("Tides of Paper 2611.01234", ABSTRACT.strip())
    assert (paper.arxiv_id, paper.source_id, paper.url) == ("2611.01234", "2611.01234", None)
    assert paper.authors == ("Ida Strand", "Jo Vik")
    assert (paper.published, paper.listed, paper.upvotes) == ("2026-11-17", "2026-11-18", 12)
    assert paper.hints == {
        "ai_summary": "A model says that boats are counted.",
        "ai_keywords": ["boats", "tides"],
        "organization": "Harbour Lab",
        "githubRepo": "https://github.com/example/boats",
        "numComments": 2,
    }


def test_a_paper_without_its_wrapper_and_one_that_is_not_of_arxiv() -> None:
    bare = hf.entry(item()["paper"], "entry 1", listed="2026-01-01")
    assert isinstance(bare, Record)
    assert (bare.arxiv_id, bare.listed) == ("2611.01234", "2026-11-18")
    own = hf.entry({"paper": {"id": "harbour-report", "title": "Report"}}, "x", "2026-11-18")
    assert isinstance(own, Record)
    assert (own.arxiv_id, own.url) == (None, "https://huggingface.co/papers/harbour-report")
    assert (own.abstract, own.listed) == ("", "2026-11-18")


@pytest.mark.parametrize(
    "bad",
    [
        {"authors": "x" * 50},
        {"authors": {"a": 1}},
        {"upvotes": "many"},
        {"upvotes": -3},
        {"publishedAt": "soon", "submittedOnDailyAt": 5},
        {"id": {"x": 1}},
        {"id": "../../etc <b>"},
        {"summary": ["a"]},
        {"ai_summary": {"deep": {}}, "ai_keywords": 5, "organization": [], "githubRepo": None},
    ],
)
def test_bad_minor_fields_do_not_cost_the_paper(bad: dict[str, Any]) -> None:
    paper = hf.entry(item(**bad), "entry 1")
    assert isinstance(paper, Record)
    assert paper.title.startswith("Tides")


def test_what_a_model_says_is_never_the_abstract() -> None:
    paper = hf.entry(item(summary=None) | {"summary": None}, "entry 1")
    assert isinstance(paper, Record)
    assert paper.abstract == ""


# --- Scrapes -------------------------------------------------------------------------------------


def scrape(text: Any, **more: Any) -> Record | Rejected:
    details = {"abstract": text, "arxiv_page_url": "https://arxiv.org/abs/2512.01234"}
    return hf.scraped(
        {
            "title": "Tides of Paper",
            "paper_url": "https://huggingface.co/papers/2512.01234",
            "authors": ["Jo Vik", "boatfan77"],
            "details": details,
            "scraped_date": "2025-12-09",
        }
        | more,
        "entry 1",
    )


def test_an_abstract_that_was_scraped() -> None:
    paper = scrape(ABSTRACT)
    assert isinstance(paper, Record)
    assert (paper.abstract, paper.arxiv_id) == (ABSTRACT.strip(), "2512.01234")
    assert paper.listed == "2025-12-09"
    # Names of users, and a few of the authors in any order, are not the paper's authors.
    assert paper.authors == ()
    assert paper.hints == {"names_on_page": ["Jo Vik", "boatfan77"]}


@pytest.mark.parametrize(
    "comment",
    [
        "The project page https://example.org/boats",
        "We count boats and find that there are many of them.",
        ABSTRACT + " 🚀",
        "We are excited to launch the harbour! " + ABSTRACT,
        ABSTRACT + " Stay tuned!",
        "Code: https://example.org/a Demo: https://example.org/b " + ABSTRACT,
    ],
)
def test_a_comment_is_never_taken_for_an_abstract(comment: str) -> None:
    bad = scrape(comment)
    assert isinstance(bad, Rejected)
    assert "looks like a comment" in bad.reason
    assert "`curator add hf:2025-12-09`" in bad.reason
    assert bad.reason.endswith("Tides of Paper")


def test_scrapes_with_damage() -> None:
    for text in ("", None, 5):
        bad = scrape(text)
        assert isinstance(bad, Rejected)
        assert "no abstract" in bad.reason
    assert isinstance(scrape(ABSTRACT, details="x"), Rejected)
    assert isinstance(scrape(ABSTRACT, title=None), Rejected)
    odd = scrape(ABSTRACT, scraped_date="?", paper_url=5, authors=None)
    assert isinstance(odd, Record)
    assert odd.listed is None


# --- The feed ------------------------------------------------------------------------------------


def test_a_day() -> None:
    site = Site({"2026-11-18": [item("2611.00001"), item("2611.00002"), "x", {}]})
    (page,) = pull("2026-11-18", site)
    first, second, text, empty = page.entries
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert isinstance(text, Rejected)
    assert isinstance(empty, Rejected)
    assert first.where == "2026-11-18, paper 2611.00001"
    assert (page.cursor, page.shown_until) == (None, "2026-11-18")
    assert site.asked == [{"date": "2026-11-18", "limit": 100}]


def test_the_day_asked_for_is_the_day_of_a_paper_that_does_not_say_its_own() -> None:
    site = Site({"2026-11-18": [item(submittedOnDailyAt=None)]})
    (paper,) = entries(pull("2026-11-18", site))
    assert isinstance(paper, Record)
    assert paper.listed == "2026-11-18"


def test_a_day_with_more_papers_than_fit_a_page() -> None:
    site = Site({"2026-11-18": [item(f"2611.{n:05d}") for n in range(1, 251)]}, etag="e")
    (page,) = pull("2026-11-18", site)
    assert len(page.entries) == 250
    assert [asked.get("p") for asked in site.asked] == [None, 1, 2]
    assert page.validators == {}


def test_a_service_that_gives_one_page_for_ever_does_not_hold_the_reader() -> None:
    class Stuck(Site):
        def get(self, url: str, **more: Any) -> Fetched:
            more["params"] = {**more["params"], "p": 0}
            return super().get(url, **more)

    site = Stuck({"2026-11-18": [item(f"2611.{n:05d}") for n in range(1, 101)]})
    (page,) = pull("2026-11-18", site)
    assert (len(page.entries), len(site.asked)) == (100, 2)


def test_weeks_and_months_are_read_day_by_day_up_to_today() -> None:
    site = Site({"2026-11-17": [item()]})
    pages = pull("2026-W47", site)
    assert days(site) == [f"2026-11-{day}" for day in range(16, 21)]
    assert [page.cursor for page in pages] == [
        *({"day": f"2026-11-{day}"} for day in range(17, 21)),
        None,
    ]
    assert [len(page.entries) for page in pages] == [0, 1, 0, 0, 0]
    site = Site({})
    pull("2026-02", site)
    assert (days(site)[0], days(site)[-1], len(site.asked)) == ("2026-02-01", "2026-02-28", 28)


def test_a_day_to_come_is_empty_and_not_asked_for() -> None:
    site = Site({})
    for spec in ("2026-11-21", "2026-W48", "2026-12"):
        (page,) = pull(spec, site)
        assert (list(page.entries), page.cursor, page.of) == ([], None, 0)
    assert site.asked == []


def test_without_a_period_a_week_is_read_and_then_what_is_new() -> None:
    site = Site({"2026-11-20": [item()]})
    pages = pull("", site)
    assert (days(site)[0], days(site)[-1], len(site.asked)) == ("2026-11-14", "2026-11-20", 7)
    assert pages[-1].shown_until == "2026-11-20"
    # The next pull reads the last days again, which may have grown.
    site = Site({"2026-11-20": [item()]})
    pages = pull("daily", site, since="2026-11-20")
    assert days(site) == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert len(entries(pages)) == 1


def test_a_reading_that_was_cut_short_goes_on_where_it_stopped() -> None:
    site = Site({})
    first = next(iter(hf.of("2026-W47").pages(site, FeedState(now=NOW))))
    assert days(site) == ["2026-11-16"]
    site = Site({})
    pull("2026-W47", site, cursor=first.cursor)
    assert days(site)[0] == "2026-11-17"
    site = Site({})
    pull("daily", site, cursor={"day": "2026-11-19"}, since="2026-11-01")
    assert days(site) == ["2026-11-19", "2026-11-20"]


def test_an_unchanged_day_costs_nothing() -> None:
    site = Site({"2026-11-18": [item()]}, etag="e1")
    (page,) = pull("2026-11-18", site)
    assert list(page.validators.values()) == [{"etag": "e1"}]
    (again,) = pull("2026-11-18", site, validators=page.validators)
    assert (list(again.entries), again.validators) == ([], page.validators)


@pytest.mark.parametrize(
    "spec",
    ["2026-13-01", "2026-W54", "2026-W60", "2026-13", "yesterday", "2026", "2026-11-20T00:00",
     "2026-11-1", "٢٠٢٦-11-20", "0000-01", "9999-12-31x"],
)  # fmt: skip
def test_periods_that_are_none(spec: str) -> None:
    with pytest.raises(UsageError, match="no day, week or month") as caught:
        hf.of(spec)
    assert "hf:2026-W47" in caught.value.remedy


def test_names_of_the_feed() -> None:
    assert (hf.of("").spec, hf.of(" 2026-W47 ").spec) == ("hf:daily", "hf:2026-W47")
    with pytest.raises(UsageError, match="no Daily Papers in 2022-05"):
        hf.of("2022-05")
    site = Site({})
    pull("2023-05", site)
    assert days(site)[0] == "2023-05-04"
    assert hf.of("9999-12-31").kind == "hf"


@pytest.mark.parametrize("content", [b"<html>busy</html>", b'{"error": "x"}', b"", b"\xff\xfe"])
def test_answers_that_are_no_list(content: bytes) -> None:
    class Broken(Site):
        def get(self, url: str, **more: Any) -> Fetched:
            return Fetched(url, 200, content)

    with pytest.raises(FetchError, match="Hugging Face answered with"):
        pull("2026-11-18", Broken({}))


# --- Real samples --------------------------------------------------------------------------------


@pytest.mark.seeds
@needs_formats
def test_a_real_answer() -> None:
    text = (FORMATS / "hf_daily_papers" / "api_daily_papers_2026-06.json").read_text("utf-8")
    kind, found = jsonl.parse_document(text)
    papers = list(found)
    assert (kind, len(papers)) == ("hf-json", 30)
    for paper in papers:
        assert isinstance(paper, Record)
        assert paper.arxiv_id
        assert len(paper.abstract) > 400
        assert paper.published
        assert paper.listed
        assert paper.published <= paper.listed
        assert paper.hints["ai_summary"] not in paper.abstract
    site = Site({"2026-06-12": json.loads(text)})
    assert len(entries(pull("2026-06-12", site))) == 30


@pytest.mark.seeds
@needs_formats
def test_a_real_scrape_in_which_half_of_the_abstracts_are_comments() -> None:
    text = (FORMATS / "misc" / "hf_scrape_dirty_2025-12-09.json").read_text("utf-8")
    kind, found = jsonl.parse_document(text)
    assert kind == "hf-scrape"
    papers = list(found)
    # Read by a person: entry 22 has nothing, the others have links, news or a single sentence.
    comments = {1, 3, 4, 6, 8, 10, 16, 17, 20, 21, 22, 23}
    bad = {n for n, paper in enumerate(papers, start=1) if isinstance(paper, Rejected)}
    assert (len(papers), bad) == (24, comments)
    assert all("`curator add hf:2025-12-09`" in p.reason for p in papers if isinstance(p, Rejected))


def test_today_is_the_services_today() -> None:
    late = FeedState(now=datetime(2026, 11, 20, 23, 59, tzinfo=UTC))
    site = Site({})
    list(hf.of("").pages(site, late))
    assert days(site)[-1] == "2026-11-20"
    assert date(2026, 11, 20) - timedelta(days=6) == date.fromisoformat(days(site)[0])
