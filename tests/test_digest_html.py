"""The page of a digest: what it says, what it never lets through, templates of the reader's own."""

from __future__ import annotations

import json
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import html5lib  # type: ignore[import-untyped]
import pytest
from digests import citing, digest_of, empty_digest, example, paper

from curator.digest.document import DigestDocument, DigestSection, Failure, Reason, Trend
from curator.digest.formats import chart_of, to_html, to_json
from curator.digest.formats.words import inline_markdown, rich, safe_url
from curator.errors import UsageError

EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> \"' onmouseover='x' </title></style>"
    "</details> {{ 7*7 }} {% raw %} [a](javascript:alert(1)) ![b](http://x/y.png) &lt;b&gt; "
    "\x00\x07\x1b[31m \u202eevil\u2066 \ud800 line\nbreak $\\frac{1}{2}$ " + "W" * 3000
)
ALLOWED = frozenset(
    [
        *("html", "head", "meta", "title", "style", "body", "a", "header", "p", "h1", "h2", "h3"),
        *("main", "section", "details", "summary", "span", "div", "blockquote", "bdi", "nav"),
        *("ul", "li", "article", "figure", "figcaption", "footer", "strong", "em", "code"),
        *("sup", "sub", "svg", "desc", "g", "rect", "text"),
    ]
)


def parsed(page: str) -> list[tuple[str, dict[str, str]]]:
    """Elements and their attributes, by a parser that fails where HTML is wrong."""
    parser = html5lib.HTMLParser(
        tree=html5lib.getTreeBuilder("etree"), strict=True, namespaceHTMLElements=False
    )
    tree = parser.parse(page)
    return [
        (str(e.tag).rpartition("}")[2], dict(e.attrib))
        for e in tree.iter()
        if isinstance(e.tag, str)
    ]


def assert_harmless(page: str) -> None:
    elements = parsed(page)
    assert {tag for tag, _ in elements} <= ALLOWED
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in elements:
        assert not [name for name in attributes if name.startswith("on") or name == "src"], tag
        if "href" in attributes:
            assert re.match(r"(https?://|mailto:|#)", attributes["href"])
            if not attributes["href"].startswith("#"):
                assert attributes["rel"] == "noopener noreferrer"
            else:
                assert attributes["href"][1:] in ids
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", page)


def hostile() -> DigestDocument:
    note = citing(EVIL, "human", supported=False, reason=EVIL)
    one = paper(
        1, EVIL, EVIL, url="javascript:alert(1)", authors=[EVIL] * 9, day=EVIL, tags=[EVIL],
        quote=EVIL, origin="model", why=[Reason(kind="text", text=EVIL, paper_ids=[EVIL])],
        notes=[note], paper_id=EVIL,
    )  # fmt: skip
    two = paper(2, "", "", url='https://x.org/" onclick="alert(1)', quote="")
    trend = Trend(
        kind="term", name=EVIL, title=EVIL, direction=-1, count=3, of=9, before=1, of_before=4,
        p_value=0.01, counts=[0, 3], papers=[{"paper_id": EVIL, "title": EVIL, "url": "data:x"}],
    )  # fmt: skip
    failure = Failure(paper_id=EVIL, title=EVIL, reason=EVIL)
    return digest_of(
        [
            DigestSection(tag=EVIL, title=EVIL, papers=[one], notes=[note]),
            DigestSection(tag=EVIL, title=EVIL, papers=[two], notes=[]),
        ],
        [paper(3, EVIL, EVIL)],
        reader=EVIL, name=EVIL, lead=[note, citing(EVIL, quote=EVIL)], notes=[note],
        weeks=[EVIL, EVIL], sizes=[0, 9], trends=[trend], failed=[failure], untagged=[failure],
        model=EVIL,
    )  # fmt: skip


@pytest.mark.parametrize(
    "document", [example(), empty_digest(), hostile()], ids=lambda d: d["name"][:9]
)
def test_nothing_of_a_papers_text_becomes_markup(document: DigestDocument) -> None:
    page = to_html(document)
    assert_harmless(page)
    assert page == to_html(json.loads(json.dumps(document))), "same document, same page"


def test_the_page_needs_nothing_else_and_can_be_moved_in() -> None:
    elements = parsed(to_html(example()))
    tags = [tag for tag, _ in elements]
    assert {"script", "link", "img", "iframe"}.isdisjoint(tags)
    assert [tags.count(tag) for tag in ("main", "header", "footer", "nav", "h1")] == [1] * 5
    assert ("html", {"lang": "en"}) in elements
    policy = next(a["content"] for _, a in elements if a.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))
    small = parsed(to_html(digest_of([DigestSection(tag="a", title="A", papers=[], notes=[])])))
    assert "nav" not in [tag for tag, _ in small], "two headings need no contents"


def test_every_sentence_says_where_it_is_from() -> None:
    page = to_html(example())
    for label in ("quoted", "checked .93", "counted"):
        assert f'<span class="origin">{label}</span>' in page
    assert "editor, not supported by the abstract: names no paper" in page
    assert "In 97% of storms a boat with a keel of 3.5 m stayed upright." in page
    assert page.count('<span class="text"') == page.count('<span class="origin">')
    assert "like “Bats at Dusk”, which you liked" in page
    assert "9 seen · 3 chosen · 1 also notable · 5 not chosen" in page
    assert "Agents rose: 4 of 9 papers (44 %), before that 2 of 40 (5 %)" in page


def test_a_model_sentence_that_did_not_pass_is_never_called_checked() -> None:
    bad = paper(1, "T", "Owls fly.", origin="model", supported=False, score=0.2, quote="Owls sit.")
    page = to_html(digest_of([DigestSection(tag="a", title="A", papers=[bad], notes=[])]))
    assert "not supported by the abstract</span>" in page
    assert "checked .20" not in page


def test_an_empty_week_says_so_and_one_paper_is_one_paper() -> None:
    assert "No papers in this issue." in to_html(empty_digest())
    one = [DigestSection(tag="a", title="A", papers=[paper(1, "Owls", "Owls hoot.")], notes=[])]
    page = to_html(digest_of(one))
    assert "1 paper chosen from 1" in page
    assert "No papers" not in page


def test_five_thousand_papers_take_less_than_five_seconds() -> None:
    papers = [paper(n, f"Title {n}", f"Paper {n} says {n}.") for n in range(5000)]
    document = digest_of([DigestSection(tag="a", title="A", papers=papers, notes=[])])
    started = time.process_time()
    page = to_html(document)
    assert time.process_time() - started < 5
    assert page.count("<article") == 5000


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (r"$\alpha$ at $10^{-3}$", "α at 10<sup>−3</sup>"),
        (r"CO$_2$ & $x_i^2$", "CO<sub>2</sub> &amp; x<sub>i</sub><sup>2</sup>"),
        ("snake_case and a_b cost $5", "snake_case and a<sub>b</sub> cost $5"),
        ("file_2 x_1", "file_2 x_1"),
        ("a<b $x^<$", "a&lt;b x^&lt;"),
    ],
)
def test_titles_with_tex(text: str, made: str) -> None:
    assert str(rich(text)) == made


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://arxiv.org/abs/2611.1", "https://arxiv.org/abs/2611.1"),
        ("HTTP://X.org/a b?q=<\">#f", "http://x.org/a%20b?q=%3C%22%3E#f"),
        ("https://x.org/100%/%41", "https://x.org/100%25/%41"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://[::1]:80/x", "https://[::1]:80/x"),
        *((bad, None) for bad in (
            None, "", "javascript:alert(1)", " java\nscript:x", "data:text/html,x", "//x.org",
            "https://", "https:x", "https://a@evil.org", "https://[x/", "https://x:99999/",
            "https://x.org\\@evil", "ftp://x.org",
        )),
    ],
)  # fmt: skip
def test_links_lead_to_the_web_only(url: str | None, safe: str | None) -> None:
    assert safe_url(url) == safe


def test_an_editors_markdown_is_words_emphasis_and_safe_links() -> None:
    assert str(inline_markdown("**a** <b>x</b>")) == "<strong>a</strong> &lt;b&gt;x&lt;/b&gt;"
    link = str(inline_markdown("[x](https://x.org)"))
    assert link == '<a href="https://x.org" rel="noopener noreferrer">x</a>'
    for text in ("[x](javascript:alert(1))", "![x](https://x.org/a.png)", "[x](/etc)", "<data:x>"):
        assert not re.search('<img|javascript:[^)]*"|href="[^h]', str(inline_markdown(text)))
    started = time.process_time()
    inline_markdown("[*_" * 5000 + "`" * 5000)
    assert time.process_time() - started < 5


def test_the_chart_can_be_read_aloud_and_is_empty_without_trends() -> None:
    drawn = chart_of(example())
    assert 'role="img"' in drawn
    assert "<title" in drawn and "Agents rose: 4 of 9 papers" in drawn
    assert drawn.count("<rect") == 4
    tall = [float(h) for h in re.findall(r'height="([\d.]+)" fill', drawn)]
    assert tall == [1, pytest.approx(4.2, abs=0.01), pytest.approx(4.85, abs=0.01), 28]
    assert chart_of(empty_digest()) == ""


def test_json_is_the_document() -> None:
    assert json.loads(to_json(example())) == example()
    assert "Ada Núñez" in to_json(example())
    to_json(hostile()).encode("utf-8")  # half characters too


def test_a_readers_template_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "digest.css").write_text("body { color: teal }", "utf-8")
    page = to_html(example(), tmp_path)
    assert "color: teal" in page and "<h1>Week 47 of 2026</h1>" in page
    (tmp_path / "digest.html.j2").write_text(
        '{% extends "builtin/digest.html.j2" %}{% block empty %}Nothing.{% endblock %}', "utf-8"
    )
    assert "Nothing." in to_html(empty_digest(), tmp_path)
    (tmp_path / "digest.html.j2").write_text(
        "{{ digest.model }}{{ digest.title ~ '<b>' }}", "utf-8"
    )
    page = to_html(empty_digest(model="<script>"), tmp_path)
    assert page == "&lt;script&gt;Week 47 of 2026&lt;b&gt;"


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("a\n{% if %}", 2),
        ("a\n\n{{ digest.nothing }}", 3),
        ("{{ digest.model | safe }}", 1),
        ("\n{% autoescape false %}{{ digest.model }}{% endautoescape %}", 2),
        ("{{ digest.title.__class__.__mro__ }}", 1),
        ("\n{{ 1 / 0 }}", 2),
        ("\n{{ digest.title + 1 }}", 2),
        ("{% include 'none.j2' %}", 1),
    ],
)
def test_a_mistake_in_a_template_is_told_with_its_line(
    tmp_path: Path, template: str, line: int
) -> None:
    file = tmp_path / "digest.html.j2"
    file.write_text(template, "utf-8")
    with pytest.raises(UsageError) as error:
        to_html(example(), tmp_path)
    assert f"{file}, line {line}:" in str(error.value)
    assert error.value.remedy


def test_a_folder_of_templates_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"digest\.html\.j2"):
        to_html(example(), tmp_path / "none")
    (tmp_path / "digest.html.j2").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="template"):
        to_html(example(), tmp_path)


def test_right_to_left_titles_do_not_turn_what_stands_beside_them() -> None:
    odd: Any = paper(1, "ינשופים בלילה", "ינשופים שומעים.")
    page = to_html(digest_of([DigestSection(tag="a", title="A", papers=[odd], notes=[])]))
    assert "<bdi>ינשופים בלילה</bdi>" in page
    assert '<span class="text" dir="auto">ינשופים' in page
