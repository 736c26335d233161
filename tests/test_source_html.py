"""Saved web pages: papers' own pages, lists, and what a browser saves in their place."""

from __future__ import annotations

import html as standard
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import InputError
from curator.paper import Entry, Record, Rejected
from curator.sources import html

FORMATS = Path(__file__).parents[2] / "shared" / "data" / "formats"
needs_formats = pytest.mark.skipif(not FORMATS.is_dir(), reason="../shared is absent")

LONG = "We count the boats that carry paper through a harbour at night. " * 6


def read(text: str | bytes) -> list[Entry]:
    return list(html.parse(text.encode() if isinstance(text, str) else text))


def one(text: str | bytes) -> Record:
    (entry,) = read(text)
    assert isinstance(entry, Record), entry
    return entry


def page(head: str = "", body: str = "") -> str:
    charset = "<meta charset='utf-8'>"
    return f"<!DOCTYPE html>\n<html><head>{charset}{head}</head><body>{body}</body></html>"


def tags(**values: str) -> str:
    return "".join(
        f'<meta name="{name}" content="{standard.escape(value)}"/>'
        for name, value in values.items()
    )


# --- A paper's own page --------------------------------------------------------------------------


def test_a_page_of_arxiv() -> None:
    head = (
        tags(citation_title="Tides of Paper", citation_date="2024/01/03",
             citation_arxiv_id="2401.01234", citation_online_date="2024/02/01",
             citation_pdf_url="https://arxiv.org/pdf/2401.01234", citation_abstract="We count.")
        + '<meta name="citation_author" content="Strand, Ida"/>'
        + '<meta name="citation_author" content="Vik, Jo"/>'
        + '<link rel="canonical" href="https://arxiv.org/abs/2401.01234"/>'
        + '<meta property="og:description" content="Not this."/>'
    )  # fmt: skip
    body = '<blockquote class="abstract mathjax"><span>Abstract:</span>We count.</blockquote>'
    paper = one(page(head, body))
    assert (paper.where, paper.title, paper.abstract) == ("the page", "Tides of Paper", "We count.")
    assert (paper.arxiv_id, paper.published) == ("2401.01234", "2024-01-03")
    assert paper.authors == ("Ida Strand", "Jo Vik")
    assert paper.url == "https://arxiv.org/abs/2401.01234"
    # Without its tag the abstract is the one that is shown.
    shown = page(head.replace("citation_abstract", "x"), body)
    assert one(shown).abstract == "We count."


def test_a_page_of_a_journal() -> None:
    head = tags(
        citation_title="Tides of <i>Paper</i>",
        citation_authors="Strand, Ida; Vik, Jo",
        citation_publication_date="2024/1/3",
        citation_doi="doi:10.1234/BOAT.5",
        citation_journal_title="Journal of Boats",
        citation_abstract="&lt;p&gt;We <b>count</b> the boats.&lt;/p&gt;",
        citation_keywords="tides",
        citation_abstract_html_url="https://example.org/x",
    )
    paper = one(page(head))
    assert (paper.title, paper.abstract) == ("Tides of Paper", "We count the boats.")
    assert (paper.doi, paper.venue, paper.url) == (
        "10.1234/boat.5", "Journal of Boats", "https://example.org/x",
    )  # fmt: skip
    assert (paper.authors, paper.published) == (("Ida Strand", "Jo Vik"), "2024-01-03")
    assert paper.hints == {"keywords": ["tides"]}


def test_a_page_of_the_acl_and_one_of_openreview() -> None:
    head = tags(
        citation_title="Tides", citation_pdf_url="https://aclanthology.org/2024.boat-1.5.pdf"
    )
    head += "<link rel='canonical' href='https://aclanthology.org/2024.boat-1.5/'>"
    body = (
        '<div class="card-body acl-abstract"><h5>Abstract</h5><span>We count <b>all</b> boats.'
        "</span></div>"
    )
    paper = one(page(head, body))
    assert paper.abstract == "We count all boats."
    assert ("acl", "2024.boat-1.5") in paper.ids
    head = '<meta property="og:url" content="https://openreview.net/forum?id=AbCd1234x">'
    paper = one(page(head + tags(citation_title="Tides", citation_abstract=LONG)))
    assert paper.ids == (("openreview", "AbCd1234x"),)


def test_linked_data_and_dublin_core() -> None:
    article = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "WebSite", "name": "A Site"},
            {
                "@type": ["ScholarlyArticle"], "headline": "Tides", "abstract": "We count.",
                "author": [{"@type": "Person", "givenName": "Ida", "familyName": "Strand"}],
                "datePublished": "2024-01-03", "sameAs": "https://doi.org/10.1234/x",
            },
        ],
    }  # fmt: skip
    script = f'<script type="application/ld+json">{json.dumps(article)}</script>'
    paper = one(page(script))
    assert (paper.title, paper.abstract, paper.doi) == ("Tides", "We count.", "10.1234/x")
    assert (paper.authors, paper.published) == (("Ida Strand",), "2024-01-03")
    dublin = {"DC.Title": "Tides", "DC.Creator": "Strand, Ida", "DC.Description": LONG}
    paper = one(page(tags(**dublin)))
    assert (paper.title, paper.authors, paper.abstract) == ("Tides", ("Ida Strand",), LONG.strip())


@pytest.mark.parametrize(
    "described", ["Read about boats on our site.", LONG[:-60] + "...", LONG[:-60] + "…", ""]
)
def test_a_blurb_is_no_abstract(described: str) -> None:
    paper = one(page(tags(citation_title="Tides", description=described)))
    assert paper.abstract == ""
    assert one(page(tags(citation_title="Tides", description=LONG))).abstract == LONG.strip()


def test_damage_to_a_page_costs_minor_fields_or_the_entry() -> None:
    paper = one(
        page(
            tags(citation_title="Tides", citation_doi="none", citation_date="soon",
                 citation_author="", citation_arxiv_id="x", citation_abstract_html_url="x y",
                 citation_abstract="We count.")
            + '<script type="application/ld+json">{"@type": "ScholarlyArticle", </script>'
            + '<script type="application/ld+json">[1, null, {"@type": 5}]</script>'
            + '<script type="application/ld+json">' + "[" * 100_000 + "</script>"
        )
    )  # fmt: skip
    assert (paper.doi, paper.published, paper.authors, paper.url) == (None, None, (), None)
    (bad,) = read(page(tags(citation_title="?!", citation_abstract="We count.")))
    assert isinstance(bad, Rejected)
    assert "no letters" in bad.reason


# --- Encodings -----------------------------------------------------------------------------------

CAFE = tags(citation_title="Café Tides", citation_abstract="Naïve boats – counted.")


@pytest.mark.parametrize(
    "content",
    [
        page(CAFE).encode(),
        b"\xef\xbb\xbf" + page(CAFE).encode(),
        page(CAFE).encode("utf-16"),
        page(CAFE).replace("utf-8", "windows-1252").encode("windows-1252"),
        page(CAFE).replace("utf-8", "iso-8859-1").encode("windows-1252"),
        page(CAFE).replace("charset='utf-8'", "").encode("windows-1252"),
        page(CAFE).replace("utf-8", "no-such-charset").encode("windows-1252"),
        page(CAFE).replace("utf-8", "windows-1252").encode(),  # it says so, and is UTF-8
        b"<?xml version='1.0' encoding='utf-8'?>" + page(CAFE).encode(),
        page(CAFE.replace("é", "&eacute;").replace("ï", "&#239;")).encode(),
    ],
)
def test_encodings(content: bytes) -> None:
    paper = one(content)
    assert (paper.title, paper.abstract) == ("Café Tides", "Naïve boats – counted.")


def test_bytes_that_are_no_text_spoil_only_what_they_stand_in() -> None:
    damaged = page(CAFE, "").encode().replace("ï".encode(), b"\xff")
    (bad,) = read(damaged)
    assert isinstance(bad, Rejected)
    assert "could not be read" in bad.reason
    assert one(page(CAFE, "x").encode().replace(b">x<", b">\xff\x00<")).title == "Café Tides"


# --- Lists ---------------------------------------------------------------------------------------


def listing(number: str, title: str = "Tides", abstract: str = "We count.") -> str:
    shown = f"<p class='mathjax'>{abstract}</p>" if abstract else ""
    return f"""
    <dt><a name='item1'>[1]</a> <a href="/abs/{number}" title="Abstract">arXiv:{number}</a></dt>
    <dd><div class='meta'>
      <div class='list-title mathjax'><span class='descriptor'>Title:</span> {title}</div>
      <div class='list-authors'><a href="/a/1">Ida Strand</a>, <a href="/a/2">Jo Vik</a></div>
      <div class='list-comments'><span class='descriptor'>Comments:</span> 9 pages</div>
      <div class='list-subjects'><span class='descriptor'>Subjects:</span>
        <span class="primary-subject">Computation and Language (cs.CL)</span>; Boats (cs.BT)</div>
      {shown}
    </div></dd>"""


def test_a_list_of_arxiv() -> None:
    text = page(
        "<title>Computation and Language</title>",
        "<h3>Showing new listings for Friday, 20 November 2026</h3>"
        f"<dl id='articles'><h3>New submissions</h3>{listing('2611.00001')}"
        f"{listing('2611.00002', title='')}{listing('hep-th/9901001')}"
        f"{listing('2611.00003', abstract='')}<dt>lost</dt></dl>",
    )
    first, bad, old, short = read(text)
    assert isinstance(first, Record)
    assert (first.where, first.title, first.abstract) == ("entry 1", "Tides", "We count.")
    assert (first.arxiv_id, first.listed) == ("2611.00001", "2026-11-20")
    assert first.authors == ("Ida Strand", "Jo Vik")
    assert (first.categories, first.hints) == (("cs.CL", "cs.BT"), {"comments": "9 pages"})
    assert isinstance(bad, Rejected)
    assert (bad.where, bad.reason) == ("entry 2", "no title: 2611.00002")
    assert isinstance(old, Record)
    assert old.arxiv_id == "hep-th/9901001"
    assert isinstance(short, Record)
    assert short.abstract == ""


def props(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return (
        '<div class="SVELTE_HYDRATER contents" data-target="DailyPapers" '
        f'data-props="{standard.escape(text)}"></div>'
    )


PAPER = {
    "paper": {"id": "2611.01234", "title": "Tides of Paper", "summary": LONG, "upvotes": 5,
              "authors": [{"name": "Ida Strand"}], "publishedAt": "2026-11-17T00:00:00.000Z"},
    "title": "Tides of Paper",
}  # fmt: skip
CARDS = (
    "<link rel='canonical' href='https://huggingface.co/papers/date/2026-11-18'>",
    "<article><a href='/papers/2611.01234'><img></a>"
    "<h3><a href='/papers/2611.01234'>Tides of Paper</a></h3></article>"
    "<article><h3><a href='https://huggingface.co/papers/2611.01235'>Boats</a></h3></article>"
    "<h3><a href='/papers/trending'>Trending</a></h3>",
)


def test_a_page_of_daily_papers_with_its_json() -> None:
    value = {"dailyPapers": [PAPER, {"paper": 5}, None], "dateString": "2026-11-18"}
    paper = one(page(CARDS[0], props({"user": 1}) + props(value) + CARDS[1]))
    assert (paper.title, paper.abstract) == ("Tides of Paper", LONG.strip())
    assert (paper.arxiv_id, paper.listed, paper.upvotes) == ("2611.01234", "2026-11-18", 5)
    assert one(page("", props({"paper": PAPER["paper"]}))).arxiv_id == "2611.01234"


@pytest.mark.parametrize(
    "broken", ["", props("{"), props("[1]"), props({"dailyPapers": "x"}), props('"dailyPapers"')]
)
def test_a_page_of_daily_papers_without_it_says_what_gets_them(broken: str) -> None:
    first, second = read(page(CARDS[0], broken + CARDS[1]))
    assert isinstance(first, Rejected)
    assert isinstance(second, Rejected)
    assert first.reason == (
        "the page shows no abstract for this paper (2611.01234); `curator add hf:2026-11-18` gets "
        "it with its abstract: Tides of Paper"
    )
    assert (second.where, second.reason.endswith("Boats")) == ("entry 2", True)
    without = read(page("", CARDS[1]))[0]
    assert isinstance(without, Rejected)
    assert "hf:DATE" in without.reason


# --- Pages without papers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (page("<title>One moment</title>", "<div class='g-recaptcha'></div>"), "a captcha"),
        (page("<title>Just a moment...</title>"), "a captcha"),
        (page("", "<h1>Boats</h1><p>Please verify you are human.</p>"), "a captcha"),
        (page("<title>Boats</title>", "<form><input type='password'></form>"), "to sign in"),
        (page("<title>Sign in to Boats</title>"), "to sign in"),
        (page("<title>Before you continue to Boats</title>"), "a consent page"),
        (page("", "<h1>Access Denied</h1>"), "access denied"),
        (page("<title>404 Not Found</title>"), "not found"),
        (page("<title>503 Service Unavailable</title>"), "an error page"),
        (page("<title>Boats for sale</title>", "<p>All of them</p>"), "without a paper.*Boats for"),
        (page("", CARDS[1].replace("2611.", "w")), "without a paper"),
        ("<html></html>", "without a paper|empty or broken"),
        ("<p>", "without a paper|empty or broken"),
        ("", "empty or broken"),
        ("<!-- only a comment -->", "without a paper|empty or broken"),
        (b"\x00\x00\x00", "without a paper|empty or broken"),
    ],
)
def test_pages_without_papers_are_named(text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(text)
    assert caught.value.remedy


def test_a_paper_about_captchas_is_a_paper() -> None:
    head = "<title>Verify you are human</title>" + tags(citation_title="Verify You Are Human")
    assert one(page(head, "<div class='g-recaptcha'></div>")).title == "Verify You Are Human"


def test_pages_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_PAGE", 1_000)
    with pytest.raises(InputError, match="more than"):
        read(page(body="x" * 2_000))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["<div>", "<a href='/papers/", "<!--", "&", "<meta name=", "<dl><dt>", "<h3>", "&lt;p"]
)
def test_hostile_pages_take_no_long_time(piece: str) -> None:
    text = "<html>" + piece * (200_000 // len(piece))
    html.looks_like(text)
    with pytest.raises(InputError):
        read(text)
    read(page(tags(citation_title="Tides") + tags(citation_abstract=piece * 5_000)))


def test_entities_of_a_document_type_are_not_expanded() -> None:
    text = (
        '<!DOCTYPE html [<!ENTITY a "boats"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
        '<html><meta name="citation_title" content="Tides &b; and &a;"></html>'
    )
    assert "root:" not in str(read(text))


# --- What is a page ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("<!DOCTYPE html><html>", True),
        ("\ufeff \n<!-- saved from url=(0014)about:internet -->\n<HTML>", True),
        ("<?xml version='1.0' encoding='utf-8'?>\n<!DOCTYPE html PUBLIC 'x'>", True),
        ("<meta charset='utf-8'>", True),
        ("<?xml version='1.0'?><feed>", False),
        ("<feed xmlns='x'>", False),
        ("<rss>", False),
        ("<html5lib>", False),
        ("text <html>", False),
        ("", False),
    ],
)
def test_what_looks_like_a_page(head: str, found: bool) -> None:
    assert html.looks_like(head) is found


_PIECES = st.sampled_from(
    ["<html>", "<meta name='citation_title' content='", "'>", "<dl><dt>", "<dd>", "</dd></dl>",
     "<a href='/abs/2401.01234'>", "<h3>", "20 November 2026", "<div class='list-title'>", "&b;",
     "<div data-props='{\"paper\": {\"id\": 5}}'>", "<script type='application/ld+json'>", "{}",
     "<article><h3><a href='/papers/2401.01234'>", "T", "\x00", "\udcff", "<p class='mathjax'>"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=12))
def test_no_page_raises_anything_but_an_input_error(pieces: list[str]) -> None:
    try:
        found = read("".join(pieces).encode(errors="surrogateescape"))
    except InputError as error:
        assert error.remedy
    else:
        assert all(entry.where for entry in found)


@pytest.mark.seeds
@needs_formats
def test_a_real_captcha() -> None:
    content = (FORMATS / "arxiv_atom" / "xiv_captcha.html").read_bytes()
    assert html.looks_like(content.decode())
    with pytest.raises(InputError, match=r"whether you are human \(a captcha\)"):
        html.parse(content)
