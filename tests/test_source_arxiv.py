"""arXiv's search service: its documents, its feed, and the traps on the way."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_source_xml import SAMPLES, Player, needs_samples, survives

from curator.errors import FetchError, InputError, UsageError
from curator.paper import Record, Rejected
from curator.sources import arxiv, arxiv_atom, arxiv_query
from curator.sources.base import Feed, FeedState, Page

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FEED = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"
 xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">
 <id>https://arxiv.org/api/abc</id><title>arXiv Query: search_query=x</title>
 <updated>{updated}</updated>
 <opensearch:totalResults>{total}</opensearch:totalResults>
 <opensearch:startIndex>{start}</opensearch:startIndex>
 {entries}
</feed>"""
ENTRY = """<entry><id>http://arxiv.org/abs/{name}</id><title>On Paper
  {name}</title><summary>  What we find in {name}.
</summary><published>{day}T10:00:00Z</published><updated>{day}T11:00:00Z</updated>
<author><name>Ida Strand</name></author><category term="cs.CL"/></entry>"""
ERROR = """<feed xmlns="http://www.w3.org/2005/Atom"><entry>
<id>http://arxiv.org/api/errors#incorrect_id_format_for_x</id><title>Error</title>
<summary>incorrect id format for x</summary></entry></feed>"""


def feed(
    entries: Iterable[str] = (),
    *,
    total: object = None,
    start: object = 0,
    updated: str = "2026-11-20T11:59:00Z",
) -> bytes:
    listed = list(entries)
    text = FEED.format(
        entries="\n".join(listed),
        total=len(listed) if total is None else total,
        start=start,
        updated=updated,
    )
    return text.encode()


def paper(number: int, version: int = 1) -> str:
    day = NOW - timedelta(days=7) + timedelta(minutes=number)
    return ENTRY.format(name=f"2611.{number:05d}v{version}", day=day.date())


def parsed(data: str | bytes) -> list[Record | Rejected]:
    content = data.encode() if isinstance(data, str) else data
    return list(arxiv_atom.parse(io.BytesIO(content)))


def one(data: str | bytes) -> Record:
    (found,) = parsed(data)
    assert isinstance(found, Record)
    return found


# --- Documents ------------------------------------------------------------------------------


def test_an_entry() -> None:
    data = feed(
        [
            """<entry><id>http://arxiv.org/abs/math.GT/0309136v2</id>
            <title>Knots and
              &lt;things&gt;</title>
            <updated>2004-01-02T00:00:00Z</updated><published>2003-09-08T12:00:00Z</published>
            <link href="http://arxiv.org/abs/math/0309136v2" rel="alternate" type="text/html"/>
            <link title="pdf" href="http://arxiv.org/pdf/math/0309136v2" rel="related"/>
            <summary>  We tie $n &lt; 3$
            knots.</summary>
            <category term="math.AT"/><category term="math.GT"/><category term="57M25; 57M27"/>
            <category term="cond-mat.mtrl-sci"/>
            <arxiv:primary_category term="math.GT"/>
            <arxiv:comment>12 pages, 3 figures</arxiv:comment>
            <arxiv:journal_ref>J. Knots 3 (2004)</arxiv:journal_ref>
            <arxiv:doi>10.1000/ABC.1 10.1000/abc.2</arxiv:doi>
            <author><name>Ida  Strand</name><arxiv:affiliation>Oslo</arxiv:affiliation></author>
            <author><name>J. Vik</name></author></entry>"""
        ]
    )
    found = one(data)
    assert (found.arxiv_id, found.arxiv_version) == ("math/0309136", 2)
    assert (found.title, found.abstract) == ("Knots and <things>", "We tie $n < 3$ knots.")
    assert (found.published, found.updated) == ("2003-09-08", "2004-01-02")
    assert found.categories == ("math.GT", "math.AT", "cond-mat.mtrl-sci")
    assert (found.doi, found.authors) == ("10.1000/abc.1", ("Ida Strand", "J. Vik"))
    assert found.url == "https://arxiv.org/abs/math/0309136v2"
    assert found.hints == {"comment": "12 pages, 3 figures", "journal_ref": "J. Knots 3 (2004)"}
    assert found.where == "entry 1"


@pytest.mark.parametrize(
    ("comment", "abstract", "withdrawn"),
    [
        ("This paper has been withdrawn by the author", "We find.", True),
        ("Withdrawn, see v2", "We find.", True),
        ("", "This paper has been withdrawn due to an error.", True),
        ("12 pages", "Money was withdrawn from banks. Papers are retracted.", False),
    ],
)
def test_withdrawn_papers_are_marked(comment: str, abstract: str, withdrawn: bool) -> None:
    assert arxiv_atom.is_withdrawn(comment, abstract) is withdrawn


def test_a_bad_entry_costs_only_itself() -> None:
    good = paper(1)
    damaged = paper(2).replace("What we find", "What we f\x00ind")
    no_date = paper(3).replace("T10:00", "-99T10:00")
    untitled = re.sub(r"<title>.*</title>", "<title> </title>", paper(4), flags=re.DOTALL)
    no_id = re.sub(r"<id>.*?</id>", "", paper(5))
    found = parsed(feed([good, damaged, no_date, untitled, no_id]))
    assert [type(one) for one in found] == [Record, Record, Record, Rejected, Record]
    assert [one.where for one in found] == [f"entry {number}" for number in range(1, 6)]
    assert isinstance(found[3], Rejected)
    assert found[3].reason.startswith("no title: What we find in 2611.00004")


def test_errors_and_empty_documents() -> None:
    with pytest.raises(arxiv_atom.ArxivError, match="error: incorrect id format for x"):
        parsed(ERROR)
    assert parsed(feed()) == []
    with pytest.raises(InputError, match="ends in the middle"):
        parsed(feed([paper(1)])[:-20])


def test_counts_that_are_none() -> None:
    results = arxiv_atom.parse_results(io.BytesIO(feed([paper(1)], total="many", start="-1")))
    assert (len(results.entries), results.total, results.start) == (1, None, None)
    (page,) = pages(Player(lambda url, params: feed([paper(1)], total="", start="9" * 30)))
    assert (len(page.entries), page.cursor) == (1, None)


def test_what_looks_like_it() -> None:
    assert arxiv_atom.looks_like(feed([paper(1)]).decode())
    assert arxiv_atom.looks_like(ERROR.replace("<entry>", "<id>http://arxiv.org/api/x</id><entry>"))
    blog = '<feed xmlns="http://www.w3.org/2005/Atom"><title>Blog</title>'
    assert not arxiv_atom.looks_like(f"{blog}{paper(1)}</feed>")
    assert not arxiv_atom.looks_like(f"{blog}<id>http://rss.arxiv.org/atom/cs.CL</id></feed>")
    assert not arxiv_atom.looks_like("<rss><channel>arxiv.org/api/</channel></rss>")


@pytest.mark.seeds
@needs_samples
@pytest.mark.parametrize("path", sorted((SAMPLES / "arxiv_atom").glob("*")), ids=lambda p: p.name)
def test_real_documents(path: Path) -> None:
    data = path.read_bytes()
    if path.suffix == ".html":
        assert not arxiv_atom.looks_like(data.decode())
        with pytest.raises(InputError, match="proof of being human"):
            parsed(data)
        return
    assert arxiv_atom.looks_like(data.decode()[:65_536])
    if "id_abc" in path.name:
        with pytest.raises(arxiv_atom.ArxivError, match="incorrect id format for abc"):
            parsed(data)
        return
    found = parsed(data)
    assert len(found) == data.count(b"<entry>")
    for record in found:
        assert isinstance(record, Record)
        assert record.arxiv_id
        assert record.arxiv_version
        assert record.abstract
        assert record.authors
        assert record.categories
        assert record.published
        assert record.updated
        assert record.url
        assert record.url.startswith("https://arxiv.org/abs/")
    results = arxiv_atom.parse_results(io.BytesIO(data))
    assert len(results.entries) == len(found)
    assert results.total is not None
    assert results.start is not None
    if len(data) < 50_000:
        survives(arxiv_atom.parse, data)


# --- Specs ----------------------------------------------------------------------------------


def query(spec: str) -> str:
    found = arxiv.of(spec)
    assert isinstance(found, arxiv.ArxivSearch)
    assert found.spec == f"arxiv:{spec.strip()}"
    return found._query


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        ("cs.CL", "cat:cs.CL"),
        ("cs.cl@2026-11-01", "cat:cs.CL"),
        ("cond-mat.mtrl-sci", "cat:cond-mat.mtrl-sci"),
        ("CS.CL + stat.ml", "cat:cs.CL OR cat:stat.ML"),
        ("hep-th", "cat:hep-th OR cat:hep-th.*"),
        ("math", "cat:math OR cat:math.*"),
        ('"tree of thoughts"', 'all:"tree of thoughts"'),
        ("tree of thoughts", "all:tree AND all:thoughts"),
        ('agents "tree of thoughts"', 'all:agents AND all:"tree of thoughts"'),
        ("self-training GPT-4 x:y", 'all:self-training AND all:GPT-4 AND all:"x y"'),
        ('"math"', 'all:"math"'),
        ("au:Tarjan AND cat:cs.DS", "au:Tarjan AND cat:cs.DS"),
        ("(ti:a OR ti:b) ANDNOT au:c@2026-01-01", "(ti:a OR ti:b) ANDNOT au:c"),
        ("mail@example", "all:mail example".replace("mail example", '"mail example"')),
    ],
)
def test_specs_that_search(spec: str, asked: str) -> None:
    assert query(spec) == asked


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        ("2401.01234", "arxiv:2401.01234"),
        ("2401.01234v2", "arxiv:2401.01234v2"),
        ("https://arxiv.org/abs/2401.01234v2", "arxiv:2401.01234v2"),
        (" 2401.01234, hep-th/9901001 ,2401.01234 ", "arxiv:2401.01234,hep-th/9901001"),
    ],
)
def test_specs_that_name_papers(spec: str, canonical: str) -> None:
    assert arxiv.of(spec).spec == canonical


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "says nothing"),
        ("2401.123", "'2401.123' is not an arXiv identifier"),
        ("2413.01234", "is not an arXiv identifier"),
        ("2401.01234,hello", "'hello' is not an arXiv identifier"),
        ("2401.01234@2026-11-01", "no day to start from"),
        ("cs.CL@2026-13-01", "'2026-13-01' is not a day"),
        ("cs.CL@2", "'2' is not a day"),
        ("cs.CL+hello", "'hello' is not a category"),
        ("xx.CL", "'xx.CL' is not a category"),
        ('"half', "quotation mark is missing"),
        ("(au:x", "brackets"),
        ("of the", "no word to search for"),
        ('"?!"', "no word to search for"),
    ],
)
def test_specs_that_cannot_be_used(spec: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        arxiv.of(spec)
    assert caught.value.remedy


def test_all_archives_are_categories() -> None:
    assert all(arxiv_query.category_of(name) == name for name in arxiv_query.ARCHIVES)
    assert arxiv_query.category_of("cs.") is None
    assert arxiv_query.category_of("cs.toolong") is None


# --- The feed -------------------------------------------------------------------------------


def pages(player: Player, spec: str = "cs.CL", **state: Any) -> list[Page]:
    made: Feed = arxiv.of(spec)
    return list(made.pages(player, FeedState(now=NOW, **state)))


def ids(found: Iterable[Page]) -> list[str]:
    return [str(getattr(e, "arxiv_id", e.where)) for page in found for e in page.entries]


def service(total: int, *, cap: int = 100) -> Any:
    """Plays the service with ``total`` papers, one a minute from a week ago on."""
    begin = NOW - timedelta(days=7)

    def answer(url: str, params: dict[str, Any]) -> bytes:
        assert url == "https://export.arxiv.org/api/query"
        assert (params["sortBy"], params["sortOrder"]) == ("submittedDate", "ascending")
        span = re.search(r" AND submittedDate:\[(\d{12}) TO (\d{12})\]$", params["search_query"])
        assert span
        first, last = (
            datetime.strptime(at, "%Y%m%d%H%M").replace(tzinfo=UTC) for at in span.groups()
        )
        assert params["start"] + params["max_results"] <= arxiv.DEEPEST, "arXiv's status 500"
        inside = [n for n in range(total) if first <= begin + timedelta(minutes=n) <= last]
        part = inside[params["start"] : params["start"] + min(cap, params["max_results"])]
        return feed(map(paper, part), total=len(inside), start=params["start"])

    return answer


def test_a_first_reading_goes_back_a_week() -> None:
    player = Player(service(3))
    (page,) = pages(player)
    assert ids([page]) == ["2611.00000", "2611.00001", "2611.00002"]
    assert page.entries[0].where == "arXiv:2611.00000"
    assert (page.cursor, page.of) == (None, 3)
    assert page.shown_until == "2026-11-20T11:59:00+00:00"
    assert player.asked[0]["search_query"] == (
        "(cat:cs.CL) AND submittedDate:[202611131200 TO 202611211200]"
    )


@pytest.mark.parametrize(
    ("spec", "since", "start"),
    [
        ("cs.CL@2026-11-01", None, "202611010000"),
        ("cs.CL@2026-11-01", "2026-11-19T10:00:00+00:00", "202611121000"),
        ("cs.CL@2026-11-18", "2026-11-19", "202611180000"),
        ("cs.CL", "2026-11-19", "202611120000"),
        ("cs.CL", "2026-01-01T00:00:00-05:00", "202512250500"),
        ("cs.CL", "garbage", "202611131200"),
        ("cs.CL", "2030-01-01", "202611211200"),  # by a clock that was wrong then
    ],
)
def test_where_a_reading_starts(spec: str, since: str | None, start: str) -> None:
    player = Player(service(0))
    (page,) = pages(player, spec, since=since)
    assert page.entries == []
    assert f"[{start} TO" in player.asked[0]["search_query"]


def test_pages_overlap_and_no_paper_comes_twice() -> None:
    player = Player(service(250))
    found = pages(player)
    assert [one["start"] for one in player.asked] == [0, 95, 190]
    assert ids(found) == [f"2611.{n:05d}" for n in range(250)]
    assert [page.of for page in found] == [250, 250, 250]
    assert [page.shown_until is not None for page in found] == [False, False, True]


def test_short_pages_are_no_end() -> None:
    player = Player(service(30, cap=7))
    assert ids(pages(player)) == [f"2611.{n:05d}" for n in range(30)]
    assert ids(pages(Player(service(9, cap=3)))) == [f"2611.{n:05d}" for n in range(9)]


@pytest.mark.parametrize("total", [150, 650])
def test_another_process_goes_on_where_one_was_killed(
    total: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arxiv, "DEEPEST", 300)
    whole = ids(pages(Player(service(total))))
    assert sorted(set(whole)) == [f"2611.{n:05d}" for n in range(total)]
    seen: list[str] = []
    state = FeedState(now=NOW)
    for _ in range(300):
        page = next(iter(arxiv.of("cs.CL").pages(Player(service(total)), state)))
        seen += ids([page])
        if page.cursor is None:
            break
        state = replace(state, cursor=page.cursor, now=NOW + timedelta(days=1))
    assert set(seen) == set(whole)
    assert page.of == total


def test_more_than_can_be_paged_through_is_asked_for_in_shorter_spans(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arxiv, "DEEPEST", 300)
    player = Player(service(450))
    found = pages(player)
    assert len(set(ids(found))) == 450
    spans = {re.findall(r"\d{12}", one["search_query"])[1] for one in player.asked}
    assert len(spans) > 2
    covered = [page.shown_until for page in found if page.shown_until]
    assert covered == sorted(covered)


def test_too_many_in_one_minute() -> None:
    player = Player(lambda url, params: feed([paper(1)], total=20_000))
    with pytest.raises(FetchError, match="more than 10,000 results for 2026-11-13"):
        pages(player)
    assert len(player.asked) < 30


def test_an_empty_page_that_should_not_be_is_asked_for_again() -> None:
    real = service(150)
    left = 2

    def flaky(url: str, params: dict[str, Any]) -> bytes:
        nonlocal left
        if params["start"] and left:
            left -= 1
            return feed([], total=150, start=params["start"])
        return bytes(real(url, params))

    assert len(ids(pages(Player(flaky)))) == 150


WRONG = {
    "an empty page after 95 of 150 results": feed([], total=150, start=95),
    "the same page again": feed(map(paper, range(100)), total=150, start=95),
    "the results from 0 on in place of those from 95": feed(map(paper, range(9)), total=150),
    "a broken answer .It ends in the middle at line": feed(map(paper, range(95, 150)), total=150)[
        :-30
    ],
}


@pytest.mark.parametrize("said", WRONG)
def test_nothing_is_missing_in_silence(said: str) -> None:
    real = service(150)

    def stubborn(url: str, params: dict[str, Any]) -> bytes:
        return WRONG[said] if params["start"] else bytes(real(url, params))

    player = Player(stubborn)
    found: list[Page] = []
    with pytest.raises(FetchError, match=f"arXiv gives {said}.* asked 4 times") as caught:
        for page in arxiv.of("cs.CL").pages(player, FeedState(now=NOW)):
            found.append(page)
    assert len(player.asked) == 5
    assert len(found) == 1
    assert found[0].cursor is not None
    assert caught.value.retryable


def test_a_web_page_is_not_asked_for_again() -> None:
    player = Player(lambda url, params: b"<!DOCTYPE html><html><body>captcha</body></html>")
    with pytest.raises(FetchError, match=r"export\.arxiv\.org cannot be used.*being human"):
        pages(player)
    assert len(player.asked) == 1


def refused() -> FetchError:
    error = FetchError("export.arxiv.org answers with status 400.")
    error.status = 400
    return error


@pytest.mark.parametrize("answer", [ERROR.encode(), refused()], ids=["document", "status"])
def test_a_search_that_arxiv_refuses(answer: Any) -> None:
    player = Player(lambda url, params: answer)
    with pytest.raises(FetchError, match=r"cannot read the search.*(incorrect id|status 400)") as e:
        pages(player, "ti:x AND")
    assert not e.value.retryable
    assert len(player.asked) == 1


def test_other_failures_are_passed_on() -> None:
    gone = FetchError("no answer")
    with pytest.raises(FetchError) as caught:
        pages(Player(lambda url, params: gone))
    assert caught.value is gone


def test_papers_by_number() -> None:
    names = [f"2611.{number:05d}" for number in range(150)]
    asked = ",".join([*names, "2611.00001v2", "hep-th/9901001"])

    def answer(url: str, params: dict[str, Any]) -> bytes:
        known = [name for name in params["id_list"].split(",") if name.startswith("2611.")]
        numbers = [int(name[5:10]) for name in known]
        return feed(
            paper(n, 2 if "v2" in name else 1) for n, name in zip(numbers, known, strict=True)
        )

    player = Player(answer)
    first, second = pages(player, asked)
    assert [one["max_results"] for one in player.asked] == [100, 52]
    assert (first.cursor, second.cursor, first.of) == ({"done": 100}, None, 152)
    *records, lost = second.entries
    assert all(isinstance(one, Record) for one in [*first.entries, *records])
    assert lost == Rejected("arXiv:hep-th/9901001", "arXiv has no paper of this number")
    (rest,) = pages(Player(answer), asked, cursor=first.cursor)
    assert rest == second


def test_rejected_results_say_where_they_stand() -> None:
    untitled = re.sub(r"<title>.*</title>", "<title/>", paper(1), flags=re.DOTALL)
    (page,) = pages(Player(lambda url, params: feed([paper(0), untitled])))
    assert [entry.where for entry in page.entries] == ["arXiv:2611.00000", "result 2"]
