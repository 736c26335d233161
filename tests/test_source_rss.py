"""RSS and Atom feeds: what their text can be taken for, and feeds that are broken or hostile."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from test_source_xml import Player, survives

from curator.errors import FetchError, InputError, UsageError
from curator.fetch import Fetched
from curator.paper import Record, Rejected
from curator.sources import rss
from curator.sources.base import Feed, FeedState, Page

# Longer than any teaser, with sentences, in our own words.
ABSTRACT = (
    "We fold a sheet of paper until it tears, and ask which sheet lasts longest. Across forty "
    "sheets the thinnest last as long as the thickest, if they are folded slowly. A simple model "
    "of the fibres explains this, and predicts how a sheet that is glued behaves."
)
RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"
 xmlns:arxiv="http://arxiv.org/schemas/atom">
<channel><title>{title}</title><link>https://x.org</link>
{items}</channel></rss>"""


def feed(*items: str, title: str = "Paper Review") -> bytes:
    return RSS.format(title=title, items="\n".join(items)).encode()


def item(inside: str = "", *, title: str = "On Paper", text: str = ABSTRACT) -> str:
    return (
        f"<item><title>{title}</title><description><![CDATA[{text}]]></description>{inside}</item>"
    )


def parsed(data: bytes, charset: str | None = None) -> list[Record | Rejected]:
    return list(rss.parse(io.BytesIO(data), charset))


def one(data: bytes) -> Record:
    (found,) = parsed(data)
    assert isinstance(found, Record)
    return found


# --- Formats --------------------------------------------------------------------------------


def test_rss_2() -> None:
    found = one(
        feed(
            item(
                """<link>https://x.org/doi/10.1000/Fold.1?af=R</link>
<guid isPermaLink="false">x:1</guid><dc:creator>Strand, I., Vik, J. O.</dc:creator>
<category>Paper</category><category>Glue</category>
<pubDate>Tue, 03 Nov 2026 23:30:00 -0500</pubDate>
<prism:publicationName>Paper Review</prism:publicationName>""",
                title="On &lt;i&gt;Paper&lt;/i&gt; &amp; CO&lt;sub&gt;2&lt;/sub&gt;",
                text=f"<h2>ABSTRACT</h2><p>{ABSTRACT}</p>",
            )
        )
    )
    assert (found.title, found.abstract) == ("On Paper & CO₂", ABSTRACT)
    assert (found.doi, found.source_id) == ("10.1000/fold.1", "x:1")
    assert found.authors == ("I. Strand", "J. O. Vik")
    assert (found.published, found.listed) == ("2026-11-04", None)
    assert (found.venue, found.url) == ("Paper Review", "https://x.org/doi/10.1000/Fold.1?af=R")
    assert found.hints == {
        "feed_summary": True,
        "keywords": ["Paper", "Glue"],
        "feed": "Paper Review",
    }


def test_rss_1() -> None:
    found = one(
        f"""<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel rdf:about="https://x.org"><title>Preprints</title></channel>
<item rdf:about="https://x.org/1"><title>On Paper</title>
<link>https://x.org/content/10.1101/2026.11.01.123456v2?rss=1</link>
<description>{ABSTRACT}</description><dc:creator>Ida Strand</dc:creator><dc:creator>Jo Vik
</dc:creator><dc:date>2026-11-05</dc:date><dc:identifier>doi:10.1101/2026.11.01.123456</dc:identifier>
</item></rdf:RDF>""".encode()
    )
    assert (found.abstract, found.published) == (ABSTRACT, "2026-11-05")
    assert (found.doi, found.authors) == ("10.1101/2026.11.01.123456", ("Ida Strand", "Jo Vik"))


def test_rss_091_and_092_without_anything() -> None:
    for version in ("0.91", "0.92"):
        data = f"""<rss version="{version}"><channel><title>T</title><item><title>On Paper</title>
<link>https://x.org/1</link></item><item><description>{ABSTRACT}</description></item></channel>
</rss>""".encode()
        first, second = parsed(data)
        assert isinstance(first, Record)
        assert (first.abstract, first.url) == ("", "https://x.org/1")
        assert isinstance(second, Rejected)
        assert second.reason.startswith("no title: We fold a sheet of paper")
        assert second.where == "entry 2"


def test_atom() -> None:
    found = one(
        f"""<feed xmlns="http://www.w3.org/2005/Atom"><title>Journal</title><id>j</id>
<updated>2026-11-06T00:00:00Z</updated><entry><id>urn:1</id>
<title type="html">On &lt;b&gt;Paper&lt;/b&gt;</title>
<link rel="alternate" href="https://doi.org/10.1000/fold.1"/>
<summary type="text">Paper, if p &lt; 0.05 and q &gt; 2.</summary>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>{ABSTRACT}</p></div></content>
<author><name>Strand, Ida</name></author><author><name>Paper Group</name></author>
<published>2026-11-05T10:00:00+02:00</published><updated>never</updated></entry></feed>""".encode()
    )
    assert (found.title, found.abstract) == ("On Paper", ABSTRACT)
    assert (found.doi, found.published, found.updated) == ("10.1000/fold.1", "2026-11-05", None)
    assert found.authors == ("Ida Strand", "Paper Group")


ARXIV = """<item><title>On $p&lt;q$ and $q&gt;r$ with T\\"ulu</title>
<link>https://arxiv.org/abs/2611.00001</link>
<description>arXiv:2611.00001v{version} Announce Type: {kind}
Abstract: If $a&lt;b$ and x &lt;i and j&gt; y, we &lt;unk&gt; see.</description>
<guid isPermaLink="false">oai:arXiv.org:2611.00001v{version}</guid>
<category>cs.CL</category><category>stat.ML</category>
<pubDate>Thu, 05 Nov 2026 00:00:00 -0500</pubDate><arxiv:announce_type>{kind}</arxiv:announce_type>
<dc:creator>Ida Strand, Jo Vik</dc:creator><arxiv:DOI>10.1000/fold</arxiv:DOI>
<arxiv:journal_reference>J. Paper 3</arxiv:journal_reference></item>"""


@pytest.mark.parametrize(
    ("kind", "listed", "updated"),
    [
        ("new", "2026-11-05", None),
        ("cross", "2026-11-05", None),
        ("replace", None, "2026-11-05"),
        ("replace-cross", None, "2026-11-05"),
    ],
)
def test_arxivs_daily_list(kind: str, listed: str | None, updated: str | None) -> None:
    found = one(feed(ARXIV.format(version=2, kind=kind), title="cs.CL updates on arXiv.org"))
    # TeX, and no HTML: nothing between "<" and ">" may be lost.
    assert found.title == 'On $p<q$ and $q>r$ with T\\"ulu'
    assert found.abstract == "If $a<b$ and x <i and j> y, we <unk> see."
    assert (found.arxiv_id, found.arxiv_version) == ("2611.00001", 2)
    assert (found.listed, found.updated, found.published) == (listed, updated, None)
    assert (found.authors, found.categories) == (("Ida Strand", "Jo Vik"), ("cs.CL", "stat.ML"))
    assert (found.doi, found.url) == ("10.1000/fold", "https://arxiv.org/abs/2611.00001")
    assert found.hints == {"announce_type": kind, "journal_ref": "J. Paper 3"}


def test_arxivs_daily_list_as_it_was_until_2023() -> None:
    old = """<item><title>On Paper. (arXiv:2301.00001v3 [cs.CL] UPDATED)</title>
<link>http://arxiv.org/abs/2301.00001</link><description>&lt;p&gt;We find $a &amp;lt; b$.
&lt;/p&gt;</description><dc:creator>&lt;a href="http://arxiv.org/a/1"&gt;Ida Strand&lt;/a&gt;,
&lt;a href="http://arxiv.org/a/2"&gt;Jo Vik&lt;/a&gt;</dc:creator></item>"""
    found = one(feed(old))
    assert (found.title, found.abstract) == ("On Paper", "We find $a < b$.")
    assert (found.arxiv_id, found.arxiv_version) == ("2301.00001", 3)
    assert found.authors == ("Ida Strand", "Jo Vik")
    assert found.hints == {"announce_type": "replace"}


# --- What is an abstract --------------------------------------------------------------------

LINKS = "".join(
    f'<a href="/{n}">A part of the page with a long name, number {n}.</a>' for n in range(9)
)
MENU = "Home About us Contact Archive Search Subscribe Help Journals Books News Events Jobs " * 4


@pytest.mark.parametrize(
    ("text", "teaser"),
    [
        ("We fold paper.", "We fold paper."),
        (ABSTRACT + "…", ABSTRACT + "…"),
        (ABSTRACT + " [...]", ABSTRACT + " [...]"),
        (f"{ABSTRACT}<a href='x'>Read more</a>", ABSTRACT + "Read more"),
        (LINKS, None),
        (MENU, MENU.strip()),
        (f"<p>Publication date: May 2026</p><p><b>Source:</b> {ABSTRACT}</p>", None),
        (f"Article URL: https://x.org Comments URL: https://y.org {ABSTRACT}", None),
        ("x" * 12_000 + ". " + ABSTRACT, ""),
        ("", ""),
        ("<b>" * 100_000, ""),
    ],
)
def test_what_is_no_abstract_is_a_hint(text: str, teaser: str | None) -> None:
    found = one(feed(item(text=text)))
    assert found.abstract == ""
    assert "feed_summary" not in found.hints
    assert bool(found.hints.get("teaser")) == (teaser != "")
    if teaser:
        assert found.hints["teaser"] == teaser


@pytest.mark.parametrize(
    ("text", "abstract"),
    [
        (f"Abstract: {ABSTRACT}", ABSTRACT),
        (f"<b>Summary</b> – {ABSTRACT}", ABSTRACT),
        (f"Abstract interpretation is a theory. {ABSTRACT}", None),
        (
            "<p>Paper, Published online: 05 November 2026; <a href='https://x.org'>"
            f"doi:10.1000/x</a></p>{ABSTRACT}",
            ABSTRACT,
        ),
        (f'{ABSTRACT} See <a href="https://x.org">our data</a>.', None),
        ("紙を折る。" * 60, None),
    ],
)
def test_what_is_one(text: str, abstract: str | None) -> None:
    found = one(feed(item(text=text)))
    assert found.abstract == abstract or (abstract is None and len(found.abstract) > 200)
    assert found.abstract[0] not in "<:–"
    assert found.hints["feed_summary"] is True


def test_the_longer_text_is_taken() -> None:
    full = item(f"<content:encoded><![CDATA[<p>{ABSTRACT}</p>]]></content:encoded>", text="Short.")
    assert one(feed(full)).abstract == ABSTRACT


def test_comments_are_no_papers() -> None:
    (found,) = parsed(feed(item(title="By: Ida"), title="Comments on: On Paper"))
    assert found == Rejected("entry 1", "a reader's comment, not a paper: By: Ida")
    assert isinstance(parsed(feed(item(title="Comment on Paper")))[0], Record)


@pytest.mark.parametrize(
    ("link", "doi"),
    [
        ("https://www.x.org/articles/10.3389/fnins.2026.1/full", "10.3389/fnins.2026.1"),
        ("https://www.x.org/cgi/content/10.1101/2026.11.01.5v1?rss=1", "10.1101/2026.11.01.5"),
        ("https://doi.org/10.1000%2Ffold", "10.1000/fold"),
        ("https://x.org/paper/17", None),
        ("https://[bad", None),
        ("", None),
    ],
)
def test_dois_in_addresses(link: str, doi: str | None) -> None:
    assert one(feed(item(f"<link>{link}</link>"))).doi == doi


# --- Ugly feeds -----------------------------------------------------------------------------


def test_small_damage_costs_no_entry() -> None:
    data = feed(item(), item(title="R&D &eacute;t&eacute;"), item(title="3 < 4"))
    damaged = data.replace(b"forty", b"for\x00ty").replace(b"</title>", b"</title >")
    found = parsed(damaged)
    assert [record.title for record in found if isinstance(record, Record)] == [
        *("On Paper", "R&D été", "3 < 4")
    ]
    (bad,) = parsed(feed(item(title="Caf\x00")).replace(b"Caf\x00", b"Caf\xe9"))
    assert bad.where == "entry 1"
    assert isinstance(bad, Rejected)
    assert "not UTF-8" in bad.reason


def test_encodings() -> None:
    text = feed(item(title="Été")).decode()
    for codec in ("utf-8-sig", "utf-16"):
        assert one(text.encode(codec)).title == "Été"
    latin = text.replace("UTF-8", "ISO-8859-1").encode("latin-1")
    assert one(latin).title == "Été"
    bare = text.partition("?>")[2].encode("latin-1")
    (found,) = parsed(bare, "iso-8859-1")
    assert isinstance(found, Record)
    assert found.title == "Été"
    for charset in ("nonsense", "zip", "iso-8859-99", None):
        (found,) = parsed(text.partition("?>")[2].encode(), charset)
        assert isinstance(found, Record)
        assert found.title == "Été"


def test_feedparser_may_stumble(monkeypatch: pytest.MonkeyPatch) -> None:
    import feedparser

    def stumble(*_: object, **__: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(feedparser, "parse", stumble)
    with pytest.raises(InputError, match=r"cannot be read \(KeyError\)"):
        parsed(feed())


def test_a_feed_that_is_cut_short() -> None:
    data = feed(item(), item(title="Cut in two"))
    for end in (b"</description>", b"</item></channel>"):
        cut = data[: data.rindex(end)]
        found: list[Record | Rejected] = []
        with pytest.raises(InputError, match="ends in the middle"):
            found.extend(rss.parse(io.BytesIO(cut)))
        assert isinstance(found[0], Record)
        assert found[1] == Rejected("entry 2", "the feed ends in the middle of it: Cut in two")
    whole = parsed(data.replace(b"</rss>", b"</rss>\n<!-- made in 0.1 s --><br />"))
    assert [type(entry) for entry in whole] == [Record, Record]


def test_entries_that_are_lost_are_counted() -> None:
    swallowing = "<item><title>Never closed</item>"
    found = parsed(feed(item(), swallowing, swallowing, swallowing, item()))
    assert isinstance(found[0], Record)
    assert found[-1] == Rejected(
        "the feed", f"{6 - len(found)} of its entries cannot be read: its XML is broken"
    )
    assert len(found) < 6


def test_empty_feeds_are_no_error() -> None:
    weekend = feed("<skipDays><day>Saturday</day><day>Sunday</day></skipDays>")
    assert parsed(weekend) == []
    assert parsed(b"<feed xmlns='http://www.w3.org/2005/Atom'/>") == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "It is empty"),
        (b"<html><title>Paper</title></html>", "web page"),
        (b'{"version": "https://jsonfeed.org/version/1.1"}', "It is JSON"),
        (b"<OAI-PMH/>", "no feed: it begins with <OAI-PMH>"),
        (b"<!DOCTYPE rss [<!ENTITY x 'y'>]><rss><channel/></rss>", "declares entities"),
        (b"<rss><channel>" + b"<item/>" * 30_000, "more than 20,000 entries"),
        (b"<rss><channel><item>" + b"<category>a</category>" * 2_000, "keywords"),
        (b"<rss><channel>" + b" " * 16_000_000, "larger than 15 MB"),
    ],
)
def test_what_is_no_feed(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parsed(data)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "inside",
    [
        "<author>" + "a." * 100_000 + "</author>",
        "<dc:creator><![CDATA[" + "a@" * 100_000 + "]]></dc:creator>",
        "<itunes:keywords>" + " ".join(map(str, range(30_000))) + "</itunes:keywords>",
        "<description>" + "<div>" * 20_000 + "</description>",
        "<description>" + "&lt;a " * 30_000 + "</description>",
        "<title>" + "<![CDATA[" * 20_000 + "</title>",
    ],
)
def test_hostile_feeds_take_no_time(inside: str) -> None:
    data = feed(f"<item><title>On Paper</title>{inside}</item>")
    for whole in (data, data.replace(b"<rss", b"<rss xmlns:itunes='http://x.org/itunes'")):
        try:
            assert all(isinstance(entry, Record | Rejected) for entry in parsed(whole))
        except InputError as error:
            assert error.message


def test_whatever_is_broken() -> None:
    survives(rss.parse, feed(item(), ARXIV.format(version=1, kind="new"), item("<dc:creator/>")))


def test_what_looks_like_it() -> None:
    assert rss.looks_like(feed().decode())
    assert rss.looks_like("<feed xmlns='http://www.w3.org/2005/Atom'>")
    assert rss.looks_like("<feed xmlns='x'><id>http://rss.arxiv.org/atom/cs.CL</id>")
    assert rss.looks_like("<rdf:RDF xmlns='http://purl.org/rss/1.0/'>")
    assert not rss.looks_like("<rdf:RDF><owl:Ontology/>")
    assert not rss.looks_like("<feed><id>http://arxiv.org/api/xyz</id></feed>")
    assert not rss.looks_like("<OAI-PMH/>")


# --- Feeds ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "address"),
    [
        ("https://x.org/feed.xml", "https://x.org/feed.xml"),
        (" HTTP://x.org ", "HTTP://x.org"),
        ("feed://x.org/atom", "https://x.org/atom"),
        ("feed:https://x.org/atom", "https://x.org/atom"),
    ],
)
def test_addresses(spec: str, address: str) -> None:
    player = Player({address: feed()})
    made: Feed = rss.of(spec)
    list(made.pages(player, FeedState()))
    assert (made.kind, made.spec) == ("rss", f"rss:{address}")


@pytest.mark.parametrize("spec", ["", "x.org/feed", "file:///etc/passwd", "https://", "feed:"])
def test_what_is_no_address(spec: str) -> None:
    with pytest.raises(UsageError, match="not an address") as caught:
        rss.of(spec)
    assert caught.value.remedy


def test_arxivs_lists() -> None:
    made = rss.of_arxiv("cs.cl + cs.LG,cs.CL")
    assert (made.kind, made.spec) == ("arxiv-rss", "arxiv-rss:cs.CL+cs.LG")
    player = Player(
        {"https://rss.arxiv.org/rss/cs.CL+cs.LG": feed(ARXIV.format(version=1, kind="new"))}
    )
    (page,) = made.pages(player, FeedState())
    assert [getattr(entry, "arxiv_id", None) for entry in page.entries] == ["2611.00001"]
    assert not page.note
    for spec in ("", "cs.CL+hello", "2401.01234"):
        with pytest.raises(UsageError) as caught:
            rss.of_arxiv(spec)
        assert caught.value.remedy


URL = "https://x.org/feed"


def pages(answer: Any, **state: Any) -> tuple[rss.RssFeed, Sequence[Page], Player]:
    made, player = rss.of(URL), Player({URL: answer})
    return made, list(made.pages(player, FeedState(**state))), player


def test_an_unchanged_feed_is_not_read_again() -> None:
    marks = {"etag": '"1"', "last_modified": "Thu, 05 Nov 2026 00:00:00 GMT"}
    _, (page,), player = pages(Fetched(URL, 200, feed(item()), validators=marks))
    assert (len(page.entries), page.of, page.cursor, page.validators) == (1, 1, None, {URL: marks})
    assert player.sent == [{}]
    _, (page,), player = pages(Fetched(URL, 304, b""), validators=page.validators)
    assert (page.entries, page.validators) == ([], {URL: marks})
    assert player.sent == [marks]


def test_a_feed_that_moved_is_noted() -> None:
    _, (page,), _ = pages(Fetched("https://y.org/new", 200, feed()))
    assert "https://y.org/new" in page.note
    _, (page,), _ = pages(Fetched("https://X.org/feed/", 200, feed()))
    assert not page.note


def test_a_web_page_in_place_of_a_feed() -> None:
    page = b"""<!doctype html><html><head><title>Paper Review</title><link rel="alternate"
 type="application/rss+xml" title="RSS" href="/journal/feed.xml"></head></html>"""
    with pytest.raises(FetchError, match="names a feed, though") as caught:
        pages(page)
    assert caught.value.remedy == "Use rss:https://x.org/journal/feed.xml"
    with pytest.raises(FetchError, match=r"x\.org cannot be used\. It is a web page"):
        pages(b"<html></html>")
    for other in (b"javascript:x", b"/f\xe9ed", b"https://[x"):
        with pytest.raises(FetchError, match="web page"):
            pages(page.replace(b"/journal/feed.xml", other))
    with pytest.raises(FetchError, match="ends in the middle"):
        pages(feed(item())[:-20])
