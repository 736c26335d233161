"""The library's pages: finding papers, one paper, marks and tags, over a real server."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fakes import add, record
from served import EVIL, OWL, live, make_home, open_library

from curator.library import Library
from curator.web.papers_asked import MOST_FOUND, PAGE, Asked
from curator.web.papers_changes import _back
from curator.web.papers_found import SNIPPET, pieces, safe
from curator.web.papers_page import marked


@dataclass
class Visit:
    """A reader with a browser's cookies at a server of a library."""

    library: Library
    client: httpx.Client
    address: str

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return self.client.get(path, params=parameters or None)

    def page(self, path: str, **parameters: Any) -> str:
        reply = self.get(path, **parameters)
        assert reply.status_code == 200, reply.text
        return reply.text

    def found(self, **parameters: Any) -> dict[str, Any]:
        reply = self.get("/api/search", **parameters)
        assert reply.status_code == 200, reply.text
        data: dict[str, Any] = reply.json()
        return data

    def csrf(self) -> str:
        token = re.search(r'<meta name="csrf" content="([^"]+)"', self.page("/library"))
        assert token
        return token[1]

    def change(self, path: str, **body: Any) -> httpx.Response:
        headers = {"X-CSRF-Token": self.csrf(), "Origin": self.address}
        return self.client.post(path, json=body, headers=headers)

    def fill_in(self, path: str, **fields: str) -> httpx.Response:
        form = {"csrf": self.csrf(), **fields}
        return self.client.post(path, data=form, headers={"Origin": self.address})

    def id_of(self, title: str) -> str:
        return self.library.catalog.papers.resolve(title).id


def visiting(home: Path) -> Iterator[Visit]:
    with (
        open_library(home) as library,
        live(library) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        yield Visit(library, client, address)


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Visit]:
    yield from visiting(make_home(tmp_path / "home"))


def many(number: int) -> dict[str, Any]:
    return {
        "title": f"Moth Report {number:02d}: Wings at Night",
        "abstract": f"Moths fly at night. Report {number} counts the moths of one garden.",
        "authors": ["Dee Luna"],
        "venue": "Journal of Moths",
        "published": f"2026-10-{number % 28 + 1:02d}",
        "categories": ["q-bio"],
    }


@pytest.fixture
def big(tmp_path: Path) -> Iterator[Visit]:
    long = {
        "title": "Ants " + "&<b>" * 240,
        "abstract": "Ant" * 3_300 + " walks. " + "<i>nest</i> " * 900 + "end.",
        "authors": [f"Author {n} <script>" for n in range(300)],
        "published": "2026-11-19",
        "categories": ["<b>x"],
    }
    yield from visiting(make_home(tmp_path / "home", *map(many, range(45)), long))


# ----------------------------------------------------------------------- searching


def test_without_words_the_newest_come_first(visit: Visit) -> None:
    found = visit.found()
    assert [hit["day"] for hit in found["hits"]] == ["2026-11-18", "2026-11-17", "2026-11-16"]
    assert found["total"] == 3 and not found["more"] and found["hits"][0]["score"] is None


def test_words_find_and_mark_a_stored_sentence(visit: Visit) -> None:
    (hit,) = visit.found(q='"two microphones"')["hits"]
    assert hit["title"] == OWL["title"] and hit["snippet"] in OWL["abstract"]
    words = [hit["snippet"][start:end] for start, end in hit["matches"]]
    assert words == ["two", "microphones"]
    assert visit.found(q="microphones")["total"] is None
    assert "<mark>microphones</mark>" in visit.page("/library", q="microphones")


def test_what_a_hit_tells(visit: Visit) -> None:
    hit = next(h for h in visit.found()["hits"] if h["title"] == OWL["title"])
    assert hit["authors"] == OWL["authors"] and hit["url"] == OWL["url"] and hit["marks"] == []
    assert hit["tldr"]["origin"] == "quote" and hit["tldr"]["text"] in OWL["abstract"]
    sure, unsure = hit["tags"]
    assert (sure["confidence"], sure["needs_review"]) == (0.93, False)
    assert (unsure["confidence"], unsure["needs_review"], unsure["said"]) == (0.41, True, None)
    page = visit.page("/library")
    assert page.count('class="chip waiting"') == 1 and ">0.93</span>" in page


@pytest.mark.parametrize(
    ("parameters", "titles"),
    [
        ({"category": "cs.RO"}, ["BatSense"]),
        ({"category": ["cs.RO", "cs.SD"]}, ["BatSense", "OwlNet"]),
        ({"author": "strix"}, ["OwlNet"]),
        ({"since": "2026-11-17", "until": "2026-11-17"}, ["BatSense"]),
        ({"where": "category:cs.RO or author:strix"}, ["BatSense", "OwlNet"]),
        ({"where": "author:strix or author:myotis", "category": "cs.RO"}, ["BatSense"]),
        ({"author": "nobody at all"}, []),
        ({"venue": "nature"}, []),
        ({"liked": "1"}, ["BatSense"]),
        ({"disliked": "1"}, ["OwlNet"]),
        ({"unread": "1", "category": ["cs.RO", "cs.SD"]}, ["OwlNet"]),
    ],
)
def test_filters(visit: Visit, parameters: dict[str, Any], titles: list[str]) -> None:
    marks = visit.library.catalog.marks
    marks.set("liked", [visit.id_of("BatSense")])
    marks.set("read", [visit.id_of("BatSense")])
    marks.set("disliked", [visit.id_of("OwlNet")])
    found = visit.found(**parameters)
    assert [hit["title"].split(":")[0] for hit in found["hits"]] == titles
    assert found["total"] == len(titles)
    page = visit.page("/library", **parameters)
    assert page.count("<article") == len(titles)
    assert ("No paper fits" in page and 'id="nothing" hidden' not in page) == (not titles)


def test_filters_are_chips_that_go_and_tags_add_up(visit: Visit) -> None:
    first, second = (tag.name for tag in visit.library.taxonomy.tags[:2])
    page = visit.page("/library", tag=first, author="strix", q="owls")
    assert f'href="/library?q=owls&amp;tag={first}"' in page  # without the author
    assert 'href="/library?q=owls&amp;author=strix"' in page  # without the tag
    assert f'href="/library?tag={first}"' in visit.page("/library")
    assert f">{first} <span" in visit.page("/library") and f">{second} <span" not in page
    assert visit.found(tag=[first, second])["total"] == 0  # a suggestion is not a tag yet


def test_facets_count_what_passes(visit: Visit) -> None:
    tag = visit.library.taxonomy.tags[0].name
    assert f'{tag} <span class="faint">2</span>' in visit.page("/library")
    assert f'{tag} <span class="faint">1</span>' in visit.page("/library", author="strix")
    visit.library.catalog.corrections.set(visit.id_of("BatSense"), {tag: False})
    assert f'{tag} <span class="faint">1</span>' in visit.page("/library")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"since": "soon"}, "since cannot be"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "is after until"),
        ({"tag": "no-such-tag"}, "no tag"),
        ({"where": "tag:"}, "The condition"),
        ({"where": "liked) or (disliked"}, "The condition"),
        ({"where": "source:nowhere.bib"}, "Nothing was ever added"),
        ({"q": "x" * 2_001}, "2,001 characters"),
        ({"q": "owl", "page": MOST_FOUND // PAGE + 1}, "best 1,000"),
    ],
)
def test_what_cannot_be_read_is_a_400(visit: Visit, parameters: dict[str, Any], said: str) -> None:
    for path in ("/api/search", "/library", "/library/export"):
        reply = visit.get(path, **parameters)
        assert reply.status_code == 400 and said in reply.text, (path, reply.text)
    told = visit.get("/api/search", **parameters).json()
    assert told["remedy"]


@pytest.mark.parametrize("name", ["page", "sort", "liked"])
def test_values_of_the_wrong_kind_are_a_422(visit: Visit, name: str) -> None:
    reply = visit.get("/api/search", **{name: "-7x"})
    assert reply.status_code == 422 and name in reply.json()["error"]


def test_no_query_is_an_error_by_its_signs(visit: Visit) -> None:
    for q in ('"', "author:", "-", "((", "\x00", "{{7*7}}", "-owl", 'title:"', "��", "*" * 500):
        assert visit.get("/api/search", q=q).status_code == 200, q
        assert visit.get("/library", q=q).status_code == 200, q


def test_pages_follow_each_other_without_gap_or_repetition(big: Visit) -> None:
    for parameters in ({}, {"q": "moths of one garden"}, {"q": "moths", "sort": "newest"}):
        pages = [big.found(page=n, **parameters) for n in (1, 2, 3)]
        ids = [hit["paper_id"] for page in pages for hit in page["hits"]]
        assert len(set(ids)) == len(ids) == 49, parameters
        assert [page["more"] for page in pages] == [True, True, False]
        assert [hit["rank"] for page in pages for hit in page["hits"]] == list(range(1, 50))
    days = [hit["day"] for hit in big.found(q="moths", sort="newest")["hits"]]
    assert days == sorted(days, reverse=True)
    assert big.found(page=4)["hits"] == [] and not big.found(page=90_000)["more"]
    page = big.page("/library", page=2, category="q-bio")
    assert 'href="/library?category=q-bio"' in page  # back to the first
    assert 'href="/library?category=q-bio&amp;page=3"' in page
    assert 'id="more" hidden' in big.page("/library", page=3)


def test_an_empty_library_says_how_it_is_filled(tmp_path: Path) -> None:
    for visit in visiting(tmp_path / "home"):
        assert "curator add" in visit.page("/library")
        assert visit.found(q="owl") | {"took_ms": 0} == {
            "query": "owl",
            "hits": [],
            "took_ms": 0,
            "total": None,
            "page": 1,
            "more": False,
        }
        assert visit.get("/library/export").status_code == 200


# --------------------------------------------------------------------- hostile texts


def test_a_hostile_paper_is_text_everywhere(visit: Visit) -> None:
    paper_id = visit.id_of(EVIL["title"])
    visit.change(f"/api/papers/{paper_id}/marks", mark="liked", on=True)
    for path in ("/library", "/library?q=markup+titles", f"/papers/{paper_id}?similar=true"):
        page = visit.page(path)
        assert "&lt;script&gt;window.hacked=1" in page
        for markup in ("<script>window", "<img src=x", "<b onmouse", "<i>Eve", 'href="javascript:'):
            assert markup not in page, (path, markup)
        assert "{{ 7*7 }}" in page or "49" not in re.sub(r"<[^>]*>", "", page)
    hit = next(h for h in visit.found()["hits"] if h["paper_id"] == paper_id)
    assert hit["url"] is None and hit["authors"] == EVIL["authors"]


def test_links_that_a_page_may_have() -> None:
    assert safe("https://example.org/a?b=1") and safe("HTTP://example.org")
    for bad in ("javascript:alert(1)", " java\nscript:1", "data:text/html,x", "//x.org", "", None):
        assert safe(bad) is None
    assert safe('https://x.org/" onclick=') is None and safe("https://x.org\\@y.org") is None


def test_texts_without_end_are_cut_and_control_characters_go(big: Visit) -> None:
    hit = next(h for h in big.found(q="nest walks")["hits"] if h["title"].startswith("Ants"))
    assert len(hit["snippet"]) <= SNIPPET + 4
    assert all(0 <= a < b <= len(hit["snippet"]) for a, b in hit["matches"])
    for path in ("/library?q=nest", f"/papers/{hit['paper_id']}"):
        page = big.page(path)
        assert "<i>nest" not in page and "<b>" not in page and "Author 0 <script>" not in page
    assert "and 295 more" in big.page("/library") and "and 270 more" in big.page(
        f"/papers/{hit['paper_id']}"
    )


def test_matches_are_cut_out_of_a_text_and_nothing_is_lost() -> None:
    text = "owls hunt owls"
    assert pieces(text, [(0, 4), (10, 14)]) == [("owls", True), (" hunt ", False), ("owls", True)]
    assert pieces("", []) == [] and pieces("all", []) == [("all", False)]
    assert "".join(part for part, _ in pieces(text, [(5, 9)])) == text


# ------------------------------------------------------------------------- one paper


def test_a_paper_with_its_evidence(visit: Visit) -> None:
    page = visit.page(f"/papers/{visit.id_of('OwlNet')}")
    tag = visit.library.taxonomy.tags[0].name
    quote = "OwlNet reaches an accuracy of 91.5% on the Barn test set."
    assert f'title="Speaks for: TLDR, tag {tag}">{quote}</mark>' in page
    assert "Barn owls find mice" in page and "Rain halves its range." in page
    assert 'class="origin quote">quoted</span>' in page and "Ada Strix, Bo Tyto" in page
    assert 'href="https://example.org/owl"' in page and "papers.jsonl" in page
    assert str(visit.library.home.root.parent) not in page  # nor any folder of this machine
    assert f'href="/chat?paper={visit.id_of("OwlNet")}"' in page


def test_a_quote_that_the_text_has_no_more_marks_nothing(visit: Visit) -> None:
    assert marked("One. Two.", [("Three.", "TLDR"), ("", "tag x")]) == [("One. Two.", ())]
    assert marked("One. Two. One.", [("Two.", "TLDR"), ("Two.", "tag x")]) == [
        ("One. ", ()),
        ("Two.", ("TLDR", "tag x")),
        (" One.", ()),
    ]
    assert marked("", [("", "TLDR")]) == []


def test_papers_like_one(visit: Visit) -> None:
    owl = visit.id_of("OwlNet")
    found = visit.get(f"/api/papers/{owl}/similar").json()
    assert found["paper_id"] == owl and len(found["hits"]) == 2
    assert owl not in [hit["paper_id"] for hit in found["hits"]]
    assert visit.page(f"/papers/{owl}").count("<article") == 0
    assert visit.page(f"/papers/{owl}", similar="true").count("<article") == 2
    assert visit.get(f"/api/papers/{owl}/similar", limit=1).json()["hits"] == found["hits"][:1]
    assert visit.get(f"/api/papers/{owl}/similar", limit=0).status_code == 422


def test_a_former_id_leads_to_the_paper_and_no_id_nowhere(visit: Visit) -> None:
    owl, bat = visit.id_of("OwlNet"), visit.id_of("BatSense")
    visit.library.merge([owl, bat])
    left = visit.library.catalog.papers.resolve(owl).id
    gone = bat if left == owl else owl
    reply = visit.get(f"/papers/{gone}")
    assert (reply.status_code, reply.headers["location"]) == (303, f"/papers/{left}")
    assert visit.change(f"/api/papers/{gone}/marks", mark="read", on=True).json()["marks"]
    assert visit.library.catalog.marks.ids("read") == [left]
    assert "Text 2" in visit.page(f"/papers/{left}")  # both texts, and what differs
    for path in ("/papers/p000000000000", "/api/papers/nope/similar", "/papers/%00", "/papers/ "):
        assert visit.get(path).status_code == 404, path


def test_versions_show_what_changed(tmp_path: Path) -> None:
    changed = OWL | {"abstract": OWL["abstract"].replace("91.5%", "93.0%")}
    for visit in visiting(make_home(tmp_path / "home")):
        later = tmp_path / "later.jsonl"
        later.write_text(json.dumps(changed) + "\n", "utf-8")
        visit.library.add([str(later)])
        page = visit.page(f"/papers/{visit.id_of('OwlNet')}")
        assert "<del>91.5%</del>" in page and "<ins>93.0%</ins>" in page


# --------------------------------------------------------------------------- changes


def test_marks_are_set_and_taken_back(visit: Visit) -> None:
    owl = visit.id_of("OwlNet")
    path = f"/api/papers/{owl}/marks"
    assert list(visit.change(path, mark="liked", on=True).json()["marks"]) == ["liked"]
    assert 'data-mark="liked" aria-pressed="true"' in visit.page(f"/papers/{owl}")
    assert list(visit.change(path, mark="disliked", on=True).json()["marks"]) == ["disliked"]
    visit.change(path, mark="read", on=True)
    assert visit.found(author="strix")["hits"][0]["marks"] == ["disliked", "read"]
    assert list(visit.change(path, mark="disliked", on=False).json()["marks"]) == ["read"]
    assert visit.change(path, mark="loved", on=True).status_code == 422
    assert visit.change("/api/papers/p0000/marks", mark="read", on=True).status_code == 404


def test_marks_by_a_plain_form(visit: Visit) -> None:
    owl = visit.id_of("OwlNet")
    reply = visit.fill_in(f"/papers/{owl}/marks", mark="liked:on", back="/library?q=owls")
    assert (reply.status_code, reply.headers["location"]) == (303, "/library?q=owls")
    assert visit.library.catalog.marks.ids("liked") == [owl]
    visit.fill_in(f"/papers/{owl}/marks", mark="liked:off")
    assert visit.library.catalog.marks.ids("liked") == []
    assert visit.fill_in(f"/papers/{owl}/marks", mark="liked").status_code == 400


def test_a_form_leads_back_to_pages_of_papers_only() -> None:
    for good in ("/library", "/library?q=a+b&tag=x", "/papers/p12ab#tags"):
        assert _back(good, "p1") == good
    for bad in ("https://x.org", "//x.org", "/\\x.org", "/library\r\nX: y", "/library.x", "", "/"):
        assert _back(bad, "p1") == "/papers/p1"
    assert _back("", "../x") == "/library"


def test_a_tag_is_removed_and_that_is_undone(visit: Visit) -> None:
    owl, name = visit.id_of("OwlNet"), visit.library.taxonomy.tags[0].name
    path = f"/api/papers/{owl}/tags"
    reply = visit.change(path, tag=name, has=False).json()
    assert (reply["tag"], reply["before"], reply["removed"]) == (name, None, [name])
    assert name not in [tag["tag"] for tag in reply["tags"]]
    assert f"Undo removing the tag {name}" in visit.page(f"/papers/{owl}")
    reply = visit.change(path, tag=name, has=reply["before"]).json()
    # Had it meanwhile been learned from, the paper may have been tagged anew: by a number.
    assert reply["removed"] == [] and reply["before"] is False
    assert visit.library.catalog.corrections.of([owl]) == {}


def test_a_tag_is_added_by_an_alias_and_a_suggestion_confirmed(visit: Visit) -> None:
    library, owl = visit.library, visit.id_of("OwlNet")
    path = f"/api/papers/{owl}/tags"
    aliased = next(tag for tag in library.taxonomy.tags[2:] if tag.aliases)
    reply = visit.change(path, tag=aliased.aliases[0], has=True).json()
    added = next(tag for tag in reply["tags"] if tag["tag"] == aliased.name)
    assert (added["said"], added["source"], added["confidence"]) == (True, "human", 1.0)
    for parent in library.taxonomy.ancestors(aliased.name):
        assert parent in [tag["tag"] for tag in reply["tags"]]
    suggested = library.taxonomy.tags[1].name
    reply = visit.change(path, tag=suggested, has=True).json()
    assert next(t for t in reply["tags"] if t["tag"] == suggested)["needs_review"] is False
    assert library.catalog.corrections.of([owl])[owl] == {aliased.name: True, suggested: True}


def test_tags_that_cannot_be_said(visit: Visit) -> None:
    owl, names = visit.id_of("OwlNet"), [tag.name for tag in visit.library.taxonomy.tags]
    path = f"/api/papers/{owl}/tags"
    for tag, has, status in (
        ("no-such-tag", True, 400),
        ("<script>", True, 400),
        (names[-1], False, 400),  # the paper has it not
        ("", True, 422),
        ("x" * 201, True, 422),
        (names[0], "perhaps", 422),
    ):
        reply = visit.change(path, tag=tag, has=has)
        assert reply.status_code == status and reply.json()["error"], (tag, reply.text)
    assert visit.library.catalog.corrections.of([owl]) == {}


def test_tags_by_a_plain_form(visit: Visit) -> None:
    owl, name = visit.id_of("OwlNet"), visit.library.taxonomy.tags[0].name
    path = f"/papers/{owl}/tags"
    reply = visit.fill_in(path, tag=name, has="false", back="https://evil.example/")
    assert (reply.status_code, reply.headers["location"]) == (303, f"/papers/{owl}")
    assert visit.library.catalog.corrections.of([owl]) == {owl: {name: False}}
    visit.fill_in(path, tag=name, has="null")
    assert visit.library.catalog.corrections.of([owl]) == {}
    assert visit.fill_in(path, tag=" ").status_code == 400
    assert visit.fill_in(path, tag="no-such-tag").status_code == 400


def test_corrections_are_learned_from_after_the_reply(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[list[str]] = []

    def slowly(paper_ids: list[str]) -> None:
        time.sleep(0.3)
        learned.append(list(paper_ids))

    monkeypatch.setattr(visit.library, "on_corrected", slowly)
    names = [tag.name for tag in visit.library.taxonomy.tags[2:5]]
    owl, bat = visit.id_of("OwlNet"), visit.id_of("BatSense")
    for paper_id, name in zip((owl, bat, owl), names, strict=True):
        assert visit.change(f"/api/papers/{paper_id}/tags", tag=name, has=True).status_code == 200
    assert len(learned) < 3  # nobody waited for it
    deadline = time.monotonic() + 10
    while {i for ids in learned for i in ids} != {owl, bat} and time.monotonic() < deadline:
        time.sleep(0.02)
    assert {i for ids in learned for i in ids} == {owl, bat}


def test_changes_without_the_pages_token_are_refused(visit: Visit) -> None:
    owl = visit.id_of("OwlNet")
    reply = visit.client.post(f"/api/papers/{owl}/marks", json={"mark": "liked", "on": True})
    assert reply.status_code == 403 and visit.library.catalog.marks.ids("liked") == []


# ----------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("format", "ending", "begins"),
    [
        ("bibtex", "bib", "@"),
        ("ris", "ris", "TY  - "),
        ("csl", "json", "["),
        ("zotero", "ris", "TY  - "),
        ("csv", "csv", '"id",'),
        ("md", "md", "- "),
        ("jsonl", "jsonl", '{"id": '),
    ],
)
def test_papers_as_files(visit: Visit, format: str, ending: str, begins: str) -> None:
    owl = visit.id_of("OwlNet")
    reply = visit.get(f"/papers/{owl}/export", format=format)
    assert reply.status_code == 200 and "OwlNet" in reply.text and "BatSense" not in reply.text
    assert reply.headers["content-disposition"] == f'attachment; filename="{owl}.{ending}"'
    assert reply.text.lstrip("\ufeff\n").startswith(begins), reply.text[:80]
    filtered = visit.get("/library/export", format=format, author="myotis").text
    assert "BatSense" in filtered and "OwlNet" not in filtered


def test_files_of_a_search_hold_what_is_shown(big: Visit) -> None:
    rows = big.get("/library/export", q="moths", format="jsonl", page=2).text.splitlines()
    shown = [h["paper_id"] for n in (1, 2) for h in big.found(q="moths", page=n)["hits"]]
    assert {json.loads(row)["id"] for row in rows} == set(shown) and len(rows) == 2 * PAGE
    reply = big.get("/library/export", format="exe")
    assert reply.status_code == 400 and "no format" in reply.text


def test_a_search_that_finds_nothing_exports_nothing(visit: Visit) -> None:
    reply = visit.get("/library/export", q='"no such phrase"', format="jsonl")
    assert reply.status_code == 200 and reply.text == ""


# ------------------------------------------------------------------------- addresses


def test_addresses_say_only_what_was_asked() -> None:
    asked = Asked(q="a & b", tag=("x y",), unread=True, sort="newest", page=3)
    assert asked.address() == "/library?q=a+%26+b&tag=x+y&unread=1&sort=newest&page=3"
    assert asked.adding("tag", "x y") == asked.on_page(1)
    assert Asked().address() == "/library" and Asked().chips == []
    assert [chip.value for chip in asked.chips] == ["x y", "unread"]
    assert asked.chips[1].without == "/library?q=a+%26+b&tag=x+y&sort=newest"


def test_keys_in_addresses_of_feeds_are_on_no_page(visit: Visit) -> None:
    address = "https://journal.example/feed.xml?key=TOPSECRET"
    report = add(visit.library.catalog, record("Keyed", "It came by a key."), source=address)
    (paper_id,) = report.paper_ids
    page = visit.get(f"/papers/{paper_id}").text
    assert "journal.example/feed.xml" in page and "TOPSECRET" not in page
