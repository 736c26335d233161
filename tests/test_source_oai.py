"""OAI-PMH: records in three formats, the protocol's errors, and harvests that are cut short."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from test_source_xml import SAMPLES, Player, needs_samples, survives

from curator.errors import FetchError, InputError, UsageError
from curator.paper import Record, Rejected
from curator.sources import oai, oai_feed
from curator.sources.base import Feed, FeedState, Page

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ARXIV = "https://oaipmh.arxiv.org/oai"


def document(*content: str, verb: str = "ListRecords") -> bytes:
    inside = "\n".join(content)
    return f"""<?xml version="1.0"?><OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">
<responseDate>2026-11-20T11:59:00Z</responseDate><request verb="{verb}">https://x/oai</request>
{inside}</OAI-PMH>""".encode()


def listing(*content: str, token: str = "") -> bytes:
    return document("<ListRecords>", *content, token, "</ListRecords>")


def a_record(name: str, metadata: str, day: str = "2026-11-19", status: str = "") -> str:
    status = f' status="{status}"' if status else ""
    return f"""<record><header{status}><identifier>{name}</identifier>
<datestamp>{day}</datestamp><setSpec>cs</setSpec></header>{metadata}</record>"""


def arxiv_metadata(number: str, more: str = "") -> str:
    return f"""<metadata><arXiv xmlns="http://arxiv.org/OAI/arXiv/"><id>{number}</id>
<created>2024-01-02</created><updated>2024-03-04</updated><authors><author>
<keyname>Strand</keyname><forenames>Ida</forenames><suffix>Jr</suffix><affiliation>Oslo
</affiliation></author><author><keyname>:</keyname></author><author><keyname>The X
Collaboration</keyname></author></authors><title>On
  Paper</title><categories>cs.CL stat.ML</categories><comments>9 pages</comments>
<journal-ref>J. Paper 3</journal-ref><doi>10.1000/a 10.1000/b</doi><license>https://l/</license>
<abstract>  We find
it.</abstract>{more}</arXiv></metadata>"""


def dc(content: str) -> str:
    return f"""<metadata><oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"
xmlns:dc="http://purl.org/dc/elements/1.1/">{content}</oai_dc:dc></metadata>"""


def parsed(data: bytes) -> list[Record | Rejected]:
    return list(oai.parse(io.BytesIO(data)))


def one(metadata: str, name: str = "oai:x.org:1") -> Record:
    (found,) = parsed(listing(a_record(name, metadata)))
    assert isinstance(found, Record)
    assert found.where == f"record {name}"
    return found


# --- Records --------------------------------------------------------------------------------


def test_arxivs_own_format() -> None:
    found = one(arxiv_metadata("2401.01234"), "oai:arXiv.org:2401.01234")
    assert (found.arxiv_id, found.arxiv_version, found.doi) == ("2401.01234", None, "10.1000/a")
    assert (found.title, found.abstract) == ("On Paper", "We find it.")
    assert found.authors == ("Ida Strand Jr", "The X Collaboration")
    assert (found.published, found.updated) == ("2024-01-02", "2024-03-04")
    assert found.categories == ("cs.CL", "stat.ML")
    assert found.url == "https://arxiv.org/abs/2401.01234"
    assert found.hints == {
        "comment": "9 pages",
        "journal_ref": "J. Paper 3",
        "license": "https://l/",
    }


def test_arxivs_format_with_versions() -> None:
    raw = """<metadata><arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/"><id>0704.0001</id>
<submitter>Ida</submitter><version version="v1"><date>Mon, 2 Apr 2007 19:18:42 GMT</date>
<size>9kb</size></version><version version="v3"><date>Tue, 24 Jul 2007 20:10:27 GMT</date>
</version><title>On Paper</title><authors>I. Strand (1), J. Vik (1 and 2) and K. Ny ((1) Oslo
(Norway), (2) Rome)</authors><categories>hep-ph</categories>
<comments>This paper has been withdrawn by the author</comments>
<abstract>We find it.</abstract></arXivRaw></metadata>"""
    found = one(raw, "oai:arXiv.org:0704.0001")
    assert (found.arxiv_id, found.arxiv_version) == ("0704.0001", 3)
    assert (found.published, found.updated) == ("2007-04-02", "2007-07-24")
    assert found.authors == ("I. Strand", "J. Vik", "K. Ny")
    assert (found.hints["versions"], found.hints["withdrawn"]) == (2, True)


def test_dublin_core_of_a_library() -> None:
    found = one(
        dc(
            """<dc:title>On Paper</dc:title><dc:title>Om papir</dc:title>
<dc:creator>Strand, Ida</dc:creator><dc:creator>Vik, Jo, Jr.</dc:creator>
<dc:creator>Oslo Paper Group</dc:creator>
<dc:description xml:lang="no">Vi finner det, og vi skriver langt om hvordan vi fant det.
</dc:description><dc:description xml:lang="en">We find it.</dc:description>
<dc:description>Peer reviewed</dc:description><dc:subject>Paper</dc:subject>
<dc:date>2012-06-01T10:00:00Z</dc:date><dc:date>1998</dc:date><dc:date>nonsense</dc:date>
<dc:identifier>http://hdl.handle.net/1/2</dc:identifier>
<dc:identifier>Paper Review 3 (1998)</dc:identifier><dc:language>no</dc:language>
<dc:relation>info:eu-repo/semantics/altIdentifier/doi/10.1000/X.1</dc:relation>
<dc:relation>https://doi.org/10.9999/another.paper</dc:relation>
<dc:source>Paper Review 3</dc:source>"""
        )
    )
    assert (found.title, found.abstract) == ("On Paper", "We find it.")
    assert found.authors == ("Ida Strand", "Jo Vik Jr.", "Oslo Paper Group")
    assert (found.published, found.updated, found.doi) == ("1998", None, "10.1000/x.1")
    assert (found.url, found.arxiv_id) == ("http://hdl.handle.net/1/2", None)
    assert found.hints == {"journal_ref": "Paper Review 3", "keywords": ["Paper"], "language": "no"}


def test_dublin_core_of_arxiv() -> None:
    found = one(
        dc(
            """<dc:title>On Paper</dc:title><dc:creator>Strand, Ida</dc:creator>
<dc:description>  We find it.</dc:description><dc:description>Comment: 7 pages, a long comment
</dc:description><dc:date>2010-09-06</dc:date><dc:date>2011-01-01</dc:date>
<dc:identifier>http://arxiv.org/abs/1009.1022</dc:identifier>
<dc:identifier>J. Paper 34 (2008)</dc:identifier><dc:identifier>doi:10.1000/p</dc:identifier>"""
        ),
        "oai:arXiv.org:1009.1022",
    )
    assert (found.arxiv_id, found.doi, found.abstract) == ("1009.1022", "10.1000/p", "We find it.")
    assert (found.published, found.updated) == ("2010-09-06", "2011-01-01")
    assert found.hints["comment"] == "7 pages, a long comment"
    assert found.hints["journal_ref"] == "J. Paper 34 (2008)"


def test_records_that_are_no_papers_are_named() -> None:
    found = parsed(
        listing(
            a_record("oai:x:1", "", status="deleted"),
            a_record("oai:x:2", ""),
            a_record("oai:x:3", "<metadata><!-- x --><mods><title>T</title></mods></metadata>"),
            "<record><header/><metadata/></record>",
            a_record("oai:x:5", dc("<dc:description>Lost</dc:description>")),
            a_record("oai:x:6", dc("<dc:title>Found</dc:title><dc:date>soon</dc:date>")),
        )
    )
    assert [entry.where for entry in found] == [
        *("record oai:x:1", "record oai:x:2", "record oai:x:3", "record 4"),
        *("record oai:x:5", "record oai:x:6"),
    ]
    reasons = [entry.reason for entry in found if isinstance(entry, Rejected)]
    assert reasons == [
        "withdrawn or deleted at the source",
        "it has no metadata",
        "its metadata are in the format 'mods', which is not read",
        "it has no metadata",
        "no title: Lost",
    ]


# --- Documents ------------------------------------------------------------------------------


def error(code: str, said: str = "") -> bytes:
    return document(f'<error code="{code}">{said}</error>')


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("badArgument", r"the request is wrong \(from is no date\)"),
        ("badResumptionToken", "where the list was to go on"),
        ("cannotDisseminateFormat", "does not have this format"),
        ("idDoesNotExist", "no record of this name"),
        ("noSetHierarchy", "has no sets"),
        ("somethingNew", "with the error 'somethingNew'"),
    ],
)
def test_errors_of_the_protocol(code: str, said: str) -> None:
    with pytest.raises(oai.OaiError, match=said) as caught:
        parsed(error(code, "from is no date"))
    assert caught.value.code == code
    assert isinstance(caught.value, oai.BadResumptionToken) == (code == "badResumptionToken")


def test_no_records_match_is_no_error() -> None:
    assert parsed(error("noRecordsMatch", "nothing")) == []


@pytest.mark.parametrize(
    ("verb", "content"),
    [
        ("ListIdentifiers", "<header><identifier>oai:x:1</identifier></header>"),
        ("Identify", "<Identify><repositoryName>X</repositoryName></Identify>"),
        ("ListSets", "<ListSets><set><setSpec>cs</setSpec></set></ListSets>"),
        ("ListMetadataFormats", "<metadataFormat><schema>x</schema></metadataFormat>"),
    ],
)
def test_documents_without_papers_are_refused(verb: str, content: str) -> None:
    with pytest.raises(InputError, match=r"only the identifiers|holds no papers") as caught:
        parsed(document(content, verb=verb))
    assert "verb=ListRecords" in caught.value.remedy


def test_a_page_of_a_list() -> None:
    token = """<resumptionToken completeListSize="8" cursor="2"
        expirationDate="2026-11-21T00:00:00Z"> next|2 </resumptionToken>"""
    page = oai.parse_listing(
        io.BytesIO(listing(a_record("oai:x:1", dc("<dc:title>A</dc:title>")), token=token))
    )
    assert page.token == oai.ResumptionToken("next|2", 8, 2, "2026-11-21T00:00:00Z")
    assert (page.days, page.answered) == (["2026-11-19"], "2026-11-20T11:59:00Z")
    assert len(page.entries) == 1


def test_what_looks_like_it() -> None:
    assert oai.looks_like(error("badVerb").decode())
    assert oai.looks_like("<o:OAI-PMH xmlns:o='x'>")
    assert oai.looks_like(a_record("oai:x:1", ""))
    assert not oai.looks_like("<record><title>A library catalogue</title></record>")
    assert not oai.looks_like("<feed><OAI-PMH/></feed>")


@pytest.mark.seeds
@needs_samples
@pytest.mark.parametrize("path", sorted((SAMPLES / "arxiv_oai").glob("*")), ids=lambda p: p.name)
def test_real_documents_of_arxiv(path: Path) -> None:
    data = path.read_bytes()
    if path.suffix == ".json":
        with pytest.raises(InputError, match="It is JSON, not XML"):
            parsed(data)
        return
    assert oai.looks_like(data.decode()[:65_536])
    found = parsed(data)
    assert len(found) == data.count(b"<record>")
    for record in found:
        assert isinstance(record, Record)
        assert record.arxiv_id
        assert record.abstract
        assert record.authors
        assert ":" not in record.authors
        assert not any("," in name for name in record.authors)
        assert record.published
    survives(oai.parse, data)


@pytest.mark.seeds
@needs_samples
@pytest.mark.parametrize(
    "path", sorted((SAMPLES / "oai_pmh_generic").glob("*")), ids=lambda p: p.name
)
def test_real_documents_of_others(path: Path) -> None:
    data = path.read_bytes()
    assert oai.looks_like(data.decode()) or path.stem == "ListRecordsBroken"
    name = path.stem
    if name.startswith(("GetRecord", "ListRecords")) and "Broken" not in name:
        found = parsed(data)
        assert [isinstance(entry, Record) for entry in found] in ([True], [False, True])
        assert found[-1].where.startswith("record oai:test.example.com:")
    elif name == "noRecordsMatch":
        assert parsed(data) == []
    else:
        with pytest.raises(InputError) as caught:
            parsed(data)
        assert isinstance(caught.value, oai.OaiError) == name[0].islower()
    survives(oai.parse, data)


# --- Specs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("cs", {"set": "cs", "from": "2026-11-13"}),
        ("cs.CL", {"set": "cs:cs:CL", "from": "2026-11-13"}),
        ("physics.plasm-ph", {"set": "physics:physics:plasm-ph", "from": "2026-11-13"}),
        ("astro-ph.CO", {"set": "physics:astro-ph:CO", "from": "2026-11-13"}),
        ("hep-th", {"set": "physics:hep-th", "from": "2026-11-13"}),
        ("stat:stat:ML@2026-10-01", {"set": "stat:stat:ML", "from": "2026-10-01"}),
    ],
)
def test_sets_of_arxiv(spec: str, wanted: dict[str, str]) -> None:
    player = Player({ARXIV: error("noRecordsMatch")})
    (page,) = oai_feed.of(spec).pages(player, FeedState(now=NOW))
    assert player.asked == [
        {"url": ARXIV, "verb": "ListRecords", "metadataPrefix": "arXivRaw", **wanted}
    ]
    assert (page.entries, page.cursor) == ([], None)
    assert page.shown_until == "2026-11-20T11:59:00Z"


def test_any_archive() -> None:
    feed = oai_feed.of("https://x.org/oai?verb=ListRecords&set=a%3Ab&from=2026-01-01T00:00:00Z")
    player = Player({"https://x.org/oai": error("noRecordsMatch")})
    list(feed.pages(player, FeedState(now=NOW)))
    assert player.asked[0] == {
        **{"url": "https://x.org/oai", "verb": "ListRecords", "metadataPrefix": "oai_dc"},
        **{"set": "a:b", "from": "2026-01-01"},
    }


@pytest.mark.parametrize(
    "spec",
    [
        *("", "nonsense here", "cs.CL@tomorrow", "cs.CL@2026-02-30", "ftp://x.org/oai"),
        *("CS:CL:x:y", "https://x.org/oai?verb=Identify", "https://x.org/oai?resumptionToken=1"),
        *("https://x.org/oai?from=yesterday", "https://[x/oai"),
    ],
)
def test_specs_that_cannot_be_used(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        oai_feed.of(spec)
    assert caught.value.remedy


# --- Harvests -------------------------------------------------------------------------------


class Archive:
    """Plays an archive with 3 records a page, whose tokens can grow old."""

    def __init__(self, days: Iterable[str]) -> None:
        self.days = list(days)
        self.age = 0  # tokens of another age are not known

    def __call__(self, url: str, params: dict[str, Any]) -> bytes:
        start, offset = params.get("from", "0000"), 0
        if "resumptionToken" in params:
            assert set(params) == {"verb", "resumptionToken"}
            age, start, at = params["resumptionToken"].split("|")
            if int(age) != self.age:
                return error("badResumptionToken")
            offset = int(at)
        inside = [(n, day) for n, day in enumerate(self.days) if day >= start]
        if not inside:
            return error("noRecordsMatch")
        part = inside[offset : offset + 3]
        token = ""
        if offset + 3 < len(inside):
            token = (
                f'<resumptionToken completeListSize="{len(inside)}">{self.age}|{start}|{offset + 3}'
            )
            token += "</resumptionToken>"
        return listing(
            *(a_record(f"oai:x:{n}", dc(f"<dc:title>T{n}</dc:title>"), day) for n, day in part),
            token=token or "<resumptionToken/>",
        )


def harvest(player: Player, spec: str = "https://x.org/oai", **state: Any) -> list[Page]:
    made: Feed = oai_feed.of(spec)
    return list(made.pages(player, FeedState(now=NOW, **state)))


def names(pages: Iterable[Page]) -> list[str]:
    return [entry.where for page in pages for entry in page.entries]


ORDERED = [f"2026-11-{day:02d}" for day in (1, 1, 2, 2, 3, 3, 4, 5, 5, 6)]


def test_a_harvest_follows_the_tokens() -> None:
    pages = harvest(Player(Archive(ORDERED)))
    assert names(pages) == [f"record oai:x:{n}" for n in range(10)]
    assert [page.of for page in pages] == [10, 10, 10, 10]
    assert [page.cursor is None for page in pages] == [False, False, False, True]
    assert [page.shown_until for page in pages] == [None, None, None, "2026-11-20T11:59:00Z"]


def test_the_next_harvest_asks_for_what_changed() -> None:
    player = Player(Archive(ORDERED))
    assert names(harvest(player, since="2026-11-08T10:00:00Z")) == ["record oai:x:9"]
    assert player.asked[0]["from"] == "2026-11-06"
    until = "https://x.org/oai?until=2026-11-04&from=2026-11-01"
    player = Player(Archive(ORDERED))
    assert harvest(player, until, since="2026-11-20")[0].shown_until == "2026-11-20"
    assert player.asked == []


def test_another_process_goes_on_where_one_was_killed() -> None:
    archive = Archive(ORDERED)
    seen: list[str] = []
    state = FeedState(now=NOW)
    for _ in range(4):
        page = next(iter(oai_feed.of("https://x.org/oai").pages(Player(archive), state)))
        seen += names([page])
        state = replace(state, cursor=page.cursor)
    assert seen == [f"record oai:x:{n}" for n in range(10)]
    assert page.cursor is None
    assert page.shown_until == "2026-11-20T11:59:00Z"


@pytest.mark.parametrize("ordered", [True, False])
def test_a_token_that_is_too_old(ordered: bool) -> None:
    archive = Archive(ORDERED if ordered else reversed(ORDERED))
    player = Player(archive)
    pages = iter(oai_feed.of("https://x.org/oai").pages(player, FeedState(now=NOW)))
    first, second = next(pages), next(pages)
    archive.age += 1  # a night later
    player = Player(archive)
    rest = harvest(player, cursor=second.cursor)
    assert set(names([first, second, *rest])) == {f"record oai:x:{n}" for n in range(10)}
    # From the day that was reached, where the archive goes by days; else from the beginning.
    assert player.asked[1].get("from") == ("2026-11-03" if ordered else None)
    assert rest[-1].shown_until == "2026-11-20T11:59:00Z"


def test_one_day_alone_shows_no_order() -> None:
    archive = Archive(["2026-11-05"] * 5 + ["2026-11-01"])
    page = next(iter(oai_feed.of("https://x.org/oai").pages(Player(archive), FeedState(now=NOW))))
    archive.age += 1
    assert "record oai:x:5" in names(harvest(Player(archive), cursor=page.cursor))


def test_tokens_that_are_never_good() -> None:
    class Forgetful(Archive):
        def __call__(self, url: str, params: dict[str, Any]) -> bytes:
            self.age += 1
            return super().__call__(url, params)

    assert names(harvest(Player(Forgetful(ORDERED))))[-1] == "record oai:x:9"  # day by day
    player = Player(Forgetful(["2026-11-01", *["2026-11-02"] * 9]))
    with pytest.raises(FetchError, match="where the list was to go on") as caught:
        harvest(player)
    assert len(player.asked) < 20
    assert caught.value.retryable


def test_the_same_token_again_and_again() -> None:
    token = "<resumptionToken>same</resumptionToken>"
    page = listing(a_record("oai:x:1", dc("<dc:title>A</dc:title>")), token=token)
    player = Player({"https://x.org/oai": page})
    with pytest.raises(FetchError, match=r"x\.org gives the same page again"):
        harvest(player)
    assert len(player.asked) == 2


def test_only_an_old_token_starts_a_harvest_anew() -> None:
    url = "https://x.org/oai"
    token = "<resumptionToken>next</resumptionToken>"
    first = listing(a_record("oai:x:1", dc("<dc:title>A</dc:title>")), token=token)
    gone = FetchError("no answer")
    for answers, said in (
        ([first, gone], "no answer"),
        ([first, error("badArgument")], "request is wrong"),
        ([error("badResumptionToken")], "where the list was"),
    ):
        with pytest.raises(FetchError, match=said):
            harvest(Player({url: answers}))


@pytest.mark.parametrize("cursor", [{}, {"token": 7}, {"other": "x"}, {"token": "0||3", "new": 1}])
def test_cursors_of_other_versions_do_no_harm(cursor: dict[str, Any]) -> None:
    found = harvest(Player(Archive(ORDERED)), cursor=cursor)
    assert names(found)[-1] == "record oai:x:9"


def test_a_refusal_is_final_and_a_broken_page_is_not() -> None:
    url = "https://x.org/oai"
    player = Player({url: error("badArgument", "no such set")})
    with pytest.raises(FetchError, match=r"x\.org cannot be used.*\(no such set\)") as caught:
        harvest(player)
    assert (len(player.asked), caught.value.retryable) == (1, False)
    good = listing(a_record("oai:x:1", dc("<dc:title>A</dc:title>")))
    player = Player({url: [good[:-30], good[:-40], good]})
    assert names(harvest(player)) == ["record oai:x:1"]
    with pytest.raises(FetchError, match="ends in the middle"):
        harvest(Player({url: [good[:-30]] * 3}))
    with pytest.raises(FetchError, match="web page"):
        harvest(Player({url: [b"<html><body>Hello</body></html>"]}))
