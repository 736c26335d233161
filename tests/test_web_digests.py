"""Digests on the page: every button, stale pages, forms to read elsewhere, hostile texts."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import digests
import feedparser
import httpx
import pytest
from served import BAT, EVIL, OWL, live, make_home, open_library

from curator.digest.desk import DigestDesk, desk_of
from curator.digest.document import DigestSection, every_paper
from curator.digest.edits import NOTABLE, merge_edits, no_edits
from curator.library import Library
from curator.readers import Profile
from curator.serving import Serving
from curator.web import digests_desk

NAME = "2026-W46"
HERE = f"/digests/me/{NAME}"


class Page:
    """A browser's tab, so to speak."""

    def __init__(self, address: str) -> None:
        self.client = httpx.Client(base_url=address, headers={"Origin": address}, timeout=30)
        self.csrf = self.seen = ""

    def get(self, path: str = HERE, status: int = 200) -> str:
        page = self.client.get(path)
        assert page.status_code == status, (path, page.status_code, page.text[:300])
        if found := re.search(r'<meta name="csrf" content="([^"]*)"', page.text):
            self.csrf = found[1]
        if found := re.search(r'name="seen" value="([^"]*)"', page.text):
            self.seen = found[1]
        return page.text

    def form(self, do: str, paper: str = "", path: str = HERE, **fields: str) -> httpx.Response:
        data = {"csrf": self.csrf, "seen": self.seen, "do": do, "paper": paper, **fields}
        return self.client.post(path, data=data)

    def press(self, do: str, paper: str = "", **fields: str) -> str:
        """As a person would: the page that comes of it."""
        self.get()
        reply = self.form(do, paper, **fields)
        assert reply.status_code == 303, reply.text
        assert reply.headers["location"].startswith(HERE)
        return self.get()

    def edit(self, edits: Any, seen: str | None = None, path: str = HERE) -> httpx.Response:
        if not self.csrf:
            self.get()
        body = {"edits": edits, "seen": self.seen if seen is None else seen}
        return self.client.post(f"/api{path}/edits", json=body, headers={"X-CSRF-Token": self.csrf})


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """The three papers in a digest of two sections, the hostile one also notable; the digest of
    `digests.example` besides."""
    with open_library(make_home(tmp_path / "home")) as opened:
        known = {paper.title: paper for paper in opened.catalog.papers.select()}

        def of(number: int, row: dict[str, Any], sentence: str) -> Any:
            paper = known[row["title"]]
            return digests.paper(
                number, paper.title, sentence, paper_id=paper.id, url=row["url"], tags=["audio"]
            )

        owl = of(1, OWL, "OwlNet reaches an accuracy of 91.5% on the Barn test set.")
        bat = of(2, BAT, "BatSense steers by echoes with 12 milliwatts.")
        evil = of(3, EVIL, "A study of <b onmouseover=window.hacked=3>markup</b> in titles.")
        made = digests.digest_of(
            [
                DigestSection(tag="night", title="By night", papers=[owl, bat], notes=[]),
                DigestSection(tag="<i>x", title="<i>Odd & end", papers=[evil], notes=[]),
            ],
            name=NAME,
            since="2026-11-09",
            until="2026-11-15",
            lead=[digests.citing("OwlNet reaches 91.5%.", "model", paper_id=owl["paper_id"])],
        )
        opened.catalog.digests.save(made)
        yield opened


@pytest.fixture
def ids(library: Library) -> dict[str, str]:
    document = library.catalog.digests.get(NAME)
    assert document is not None
    names = ("owl", "bat", "evil")
    return dict(zip(names, (p["paper_id"] for p in every_paper(document)), strict=True))


@contextmanager
def served(library: Library) -> Iterator[Page]:
    with live(library) as address:
        page = Page(address)
        with page.client:
            yield page


def stored(library: Library) -> Any:
    return library.catalog.digests.edits(NAME) or no_edits()


def markdown(page: Page) -> str:
    return page.get(f"{HERE}.md")


# ------------------------------------------------------------------------------ the archive


def test_the_archive_lists_all_readers_and_releases(library: Library) -> None:
    jane = digests.empty_digest(reader="jane", name="2026-W40", since="2026-09-28")
    jane["until"] = "2026-10-04"
    library.catalog.readers.save(Profile("jane"))
    library.catalog.digests.save(jane)
    old: Any = {
        "name": "2026-W30",
        "reader": "me",
        "since": "2026-07-20",
        "until": "2026-07-26",
        "sections": [{"papers": [{"title": "<u>Old</u>", "url": "javascript:1"}, {}, 7]}, None],
    }
    library.catalog.digests.save(old)
    with served(library) as page:
        text = page.get("/digests")
        order = ["2026-W47", NAME, "2026-W40", "2026-W30"]
        places = [text.index(f">{name}</a>") for name in order]
        assert places == sorted(places)
        assert "/digests/jane/2026-W40" in text and "earlier release" in text
        assert "/digests/jane/feed.atom" in text
        rows = page.client.get("/api/digests").json()
        assert [row["name"] for row in rows] == order and rows[-1]["old"]
        assert "No papers." in page.get("/digests/jane/2026-W40")
        former = page.get("/digests/me/2026-W30")
        assert "cannot be edited" in former and "&lt;u&gt;Old&lt;/u&gt;" in former
        assert "javascript:1" not in former and "Make it anew" in former
        assert page.client.get("/digests/me/2026-W30.json").json()["name"] == "2026-W30"
        for ending in (".md", ".eml", "/page"):
            assert "earlier release" in page.get(f"/digests/me/2026-W30{ending}", 404)
        assert page.form("pin", "p" + "0" * 12, "/digests/me/2026-W30").status_code == 404
        assert feedparser.parse(page.get("/digests/me/feed.atom")).entries


def test_without_digests_it_says_how_to_make_one(tmp_path: Path) -> None:
    with open_library(tmp_path / "home") as library, served(library) as page:
        assert "There is no digest yet" in page.get("/digests")
        assert feedparser.parse(page.get("/digests/me/feed.atom")).bozo == 0


@pytest.mark.parametrize(
    "path",
    [
        "/digests/nobody/2026-W47",
        "/digests/me/2026-W01",
        "/digests/me/..%2f..%2fetc%2fpasswd",
        "/digests/me/%2e%2e",
        "/digests/..%2f/2026-W47",
        "/digests/ME/2026-W47",
        "/digests/me/%00",
        "/digests/me/%ff%fe",
        f"/digests/me/{'x' * 3000}",
        "/digests/nobody/feed.atom",
        "/digests/%3Cscript%3E/feed.atom",
        "/digests/me/2026-W01.md",
        "/digests/me/2026-W01.json",
        "/digests/me/2026-W01.eml",
        "/digests/me/2026-W01/page",
        "/digests/me/%3Cscript%3Ewindow.hacked=1%3C/script%3E",
        "/api/digests/me/2026-W01",
    ],
)
def test_what_is_not_there(library: Library, path: str) -> None:
    with served(library) as page:
        text = page.get(path, 404)
        assert "Traceback" not in text and "<script>window" not in text and "root:" not in text


# ------------------------------------------------------------------------------ editing


def test_pin_and_unpin(library: Library, ids: dict[str, str]) -> None:
    with served(library) as page:
        assert "Pinned" in page.press("pin", ids["owl"])
        assert stored(library)["pinned"] == {ids["owl"]: True}
        assert f"{ids['owl']} " in markdown(page) and " pin " in markdown(page)
        page.press("unpin", ids["owl"])
        assert stored(library) == no_edits()


def test_drop_and_put_back(library: Library, ids: dict[str, str]) -> None:
    with served(library) as page:
        text = page.press("drop", ids["bat"])
        assert stored(library)["dropped"] == {ids["bat"]: True}
        assert f'id="{ids["bat"]}"' not in text and "Taken out" in text and "Put back" in text
        assert "BatSense" not in markdown(page) and "BatSense" not in page.get(f"{HERE}/page")
        text = page.press("restore", ids["bat"])
        assert stored(library) == no_edits() and "Put back" not in text
        assert "BatSense" in markdown(page)


def test_moving(library: Library, ids: dict[str, str]) -> None:
    def order() -> list[str]:
        return re.findall(r'<article class="card paper[^"]*" id="(p[0-9a-f]{12})"', page.get())

    with served(library) as page:
        assert order() == [ids["owl"], ids["bat"], ids["evil"]]
        page.press("down", ids["owl"])
        assert order() == [ids["bat"], ids["owl"], ids["evil"]]
        page.press("up", ids["owl"])
        assert order() == [ids["owl"], ids["bat"], ids["evil"]]
        assert page.form("up", ids["owl"]).status_code == 400
        assert page.form("down", ids["evil"]).status_code == 400
        page.press("move", ids["owl"], section="<i>x")
        assert order() == [ids["bat"], ids["evil"], ids["owl"]]
        page.press("move", ids["bat"], section=NOTABLE)
        assert order() == [ids["evil"], ids["owl"], ids["bat"]]
        assert "By night" not in markdown(page) and "Also notable" in markdown(page)
        assert page.form("move", ids["bat"], section="nowhere").status_code == 400
        assert page.form("move", "p" + "0" * 12, section=NOTABLE).status_code == 404


def test_a_summary_is_checked_and_marked_but_never_changed(
    library: Library, ids: dict[str, str]
) -> None:
    good = "OwlNet reaches an accuracy of 91.5% on the Barn test set."
    bad = "OwlNet reaches an accuracy of 99.9% on the Barn test set."
    with served(library) as page:
        text = page.press("rewrite", ids["owl"], text=f"  {good}\n")
        assert stored(library)["tldrs"] == {ids["owl"]: good}
        assert "editor, checked" in text and "editor, not supported" not in text
        text = page.press("rewrite", ids["owl"], text=bad)
        assert stored(library)["tldrs"] == {ids["owl"]: bad}
        assert bad in text and "editor, not supported" in text and "Not supported:" in text
        assert re.search(
            r"99\.9% on the Barn test set\.\s+\*\\?\(editor, not supported", markdown(page)
        )
        reply = page.edit({"pinned": {ids["owl"]: True}}).json()
        assert [row["text"] for row in reply["unsupported"]] == [bad]
        text = page.press("reset", ids["owl"])
        assert not stored(library)["tldrs"] and bad not in text and "quoted" in text


def test_the_feed_has_what_the_editor_did(library: Library, ids: dict[str, str]) -> None:
    with served(library) as page:
        page.press("drop", ids["owl"])
        feed = html.unescape(page.get("/digests/me/feed.atom"))
        assert OWL["title"] not in feed and BAT["title"] in feed


def test_notes(library: Library, ids: dict[str, str]) -> None:
    false = "BatSense steers by echoes with 99 milliwatts."
    with served(library) as page:
        text = page.press("note", ids["bat"], text="Read this one first.")
        assert "Read this one first." in text and "editor, not supported" not in text
        assert 'title="it says nothing of a paper">editor<' in text, "nothing was there to check"
        text = page.press("note", ids["bat"], text=false)
        assert stored(library)["notes"] == {ids["bat"]: ["Read this one first.", false]}
        assert "editor, not supported" in text and false in markdown(page)
        page.press("note", "", text="A quiet week.")
        page.press("note", "section:night", text="On the dark.")
        assert {*stored(library)["notes"]} == {"", "section:night", ids["bat"]}
        assert "A quiet week." in page.get(f"{HERE}/page") and "On the dark." in page.get()
        page.press("unnote", ids["bat"], text="Read this one first.")
        assert stored(library)["notes"][ids["bat"]] == [false]
        page.press("unnote", ids["bat"], text=false)
        assert ids["bat"] not in stored(library)["notes"]
        for fields in ({"text": " \u200b "}, {"text": "x" * 5_001}, {}):
            assert page.form("note", ids["bat"], **fields).status_code == 400
        assert page.form("note", "section:nowhere", text="x").status_code == 404


def test_a_hostile_note_is_text_everywhere(library: Library, ids: dict[str, str]) -> None:
    evil = "</textarea><script>window.hacked=9</script>\u202e {{ 7*7 }} [a](javascript:1)"
    with served(library) as page:
        for text in (
            page.press("note", ids["owl"], text=evil),
            page.press("rewrite", ids["owl"], text=evil),
        ):
            assert "<script>window" not in text and "\u202e" not in text and "{{ 7*7 }}" in text
            assert "<i>Odd" not in text and "<b onmouseover" not in text
            assert not re.search(r'href="javascript', text)
        for path in (f"{HERE}/page", "/digests/me/feed.atom"):
            assert "<script>window" not in page.get(path)


def test_a_pages_policy_lets_nothing_run(library: Library) -> None:
    with served(library) as page:
        reply = page.client.get("/digests/me/2026-W47/page")
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "sandbox" in policy
        assert "script-src" not in policy and "allow-scripts" not in policy
        assert reply.headers["content-type"].startswith("text/html")
        assert "<script" not in reply.text and "alert(&#39;keel&#39;)" in reply.text
        ours = page.client.get(HERE).headers["content-security-policy"]
        assert "unsafe-inline" not in ours


# ------------------------------------------------------------------------------ stale pages


def test_what_others_did_meanwhile_is_kept(library: Library, ids: dict[str, str]) -> None:
    with served(library) as page:
        page.get()
        mine = page.seen
        page.press("pin", ids["bat"])
        reply = page.edit({"tldrs": {ids["owl"]: "Read it."}}, mine)
        assert reply.status_code == 200 and reply.json()["merged"]
        assert stored(library)["pinned"] == {ids["bat"]: True}
        assert stored(library)["tldrs"] == {ids["owl"]: "Read it."}
        again = page.edit({"pinned": {ids["owl"]: True}}, reply.json()["seen"])
        assert again.json()["merged"] is False


def test_the_same_changed_twice_is_told(library: Library, ids: dict[str, str]) -> None:
    with served(library) as page:
        page.get()
        mine = page.seen
        page.press("rewrite", ids["owl"], text="Theirs.")
        for change in ({"tldrs": {ids["owl"]: "Mine."}}, {"tldrs": {ids["owl"]: ""}}):
            reply = page.edit(change, mine)
            assert reply.status_code == 409
            assert reply.json()["edits"]["tldrs"] == {ids["owl"]: "Theirs."}
        assert page.edit({"tldrs": {ids["owl"]: "Theirs."}}, mine).status_code == 200
        page.seen = mine
        told = page.form("rewrite", ids["owl"], text="Mine.")
        assert told.status_code == 409 and "changed elsewhere" in told.text
        assert "Theirs." in told.text and ">Mine.</textarea>" in told.text, "the draft is kept"
        assert stored(library)["tldrs"] == {ids["owl"]: "Theirs."}
        now = page.edit({"tldrs": {ids["owl"]: "Mine."}}, reply.json()["seen"])
        assert now.status_code == 200 and stored(library)["tldrs"] == {ids["owl"]: "Mine."}


def test_drop_against_pin_and_move_against_move(library: Library, ids: dict[str, str]) -> None:
    move = {"paper": ids["owl"], "section": NOTABLE}
    with served(library) as page:
        page.get()
        mine = page.seen
        assert page.edit({"dropped": {ids["bat"]: True}, "moves": [move]}).status_code == 200
        assert page.edit({"pinned": {ids["bat"]: True}}, mine).status_code == 409
        other = {**move, "section": "<i>x"}
        assert page.edit({"moves": [other]}, mine).status_code == 409
        assert page.edit({"moves": [{**other, "paper": ids["evil"]}]}, mine).status_code == 200
        assert [m["section"] for m in stored(library)["moves"]] == [NOTABLE, "<i>x"]


def test_notes_of_two_tabs_both_stay(library: Library, ids: dict[str, str]) -> None:
    with served(library) as page:
        page.press("note", ids["owl"], text="One.")
        mine = page.seen
        page.press("note", ids["owl"], text="Two.")
        reply = page.edit({"notes": {ids["owl"]: ["One.", "Three."]}}, mine)
        assert reply.status_code == 200
        assert stored(library)["notes"][ids["owl"]] == ["One.", "Two.", "Three."]
        assert page.edit({"notes": {ids["owl"]: ["None."]}}, mine).status_code == 409


def test_what_was_seen_is_not_known_any_more(library: Library, ids: dict[str, str]) -> None:
    """The server was started again, and the file edited in between."""
    edits = merge_edits(None, {**no_edits(), "tldrs": {ids["owl"]: "From the file."}})
    library.catalog.digests.save_edits(NAME, dict(edits))
    with served(library) as page:
        assert page.edit({"tldrs": {ids["owl"]: "Mine."}}, "0" * 16).status_code == 409
        assert page.edit({"tldrs": {ids["bat"]: "Mine."}}, "0" * 16).status_code == 200
        assert stored(library)["tldrs"] == {ids["owl"]: "From the file.", ids["bat"]: "Mine."}


def test_taken_back_after_it_was_made_says_when_it_goes(
    library: Library, ids: dict[str, str]
) -> None:

    with served(library) as page:
        page.press("rewrite", ids["owl"], text="Read it.")
        page.press("note", ids["owl"], text="Now.")
        document = library.catalog.digests.get(NAME)
        assert document is not None
        # As made anew with these edits.
        desk = DigestDesk(library.catalog, library.grounder, document)
        library.catalog.digests.save(desk.edited())
        page.press("unnote", ids["owl"], text="Now.")
        text = page.press("reset", ids["owl"])
        assert stored(library) == no_edits()
        assert text.count("goes when the digest is made anew") == 1
        assert "Goes when the digest is made anew" in text


@pytest.mark.parametrize(
    "edits",
    [
        {"pinned": {"p": "yes"}},
        {"unknown": {}},
        {"tldrs": {"p0123456789ab": 5}},
        {"tldrs": {"p0123456789ab": "Of no paper."}},
        {"dropped": {"p0123456789ab": True}},
        {"notes": {"p0123456789ab": ["x"]}},
        {"notes": {"": ["x"] * 31}},
        {"notes": {"": ["x" * 5_001]}},
        {"moves": [{"paper": "p0123456789ab", "section": NOTABLE}]},
        {"moves": [{"section": NOTABLE}]},
        {"lead": [{"was": "x", "now": "y", "at": -1}]},
        [],
        None,
    ],
)
def test_edits_that_are_none(library: Library, edits: Any) -> None:
    with served(library) as page:
        reply = page.edit(edits)
        assert reply.status_code in (400, 404, 422) and reply.json()["error"]
        assert stored(library) == no_edits()


def test_forms_that_are_none(library: Library, ids: dict[str, str]) -> None:
    with served(library) as page:
        page.get()
        assert page.form("burn", ids["owl"]).status_code == 400
        assert page.form("pin", "p0123456789ab").status_code == 404
        assert page.form("pin", "x" * 200).status_code == 422
        assert page.client.post(HERE, data={"csrf": page.csrf}).status_code == 422
        assert stored(library) == no_edits()


# ------------------------------------------------------------------- elsewhere, and making one


def test_downloads(library: Library, ids: dict[str, str]) -> None:
    with served(library) as page:
        page.press("drop", ids["bat"])
        types = {"md": "text/markdown", "json": "application/json", "eml": "message/rfc822"}
        for ending, media in types.items():
            reply = page.client.get(f"{HERE}.{ending}")
            assert reply.status_code == 200 and reply.headers["content-type"].startswith(media)
            assert f'filename="digest-{NAME}.{ending}"' in reply.headers["content-disposition"]
        document = page.client.get(f"{HERE}.json").json()
        assert ids["bat"] not in [paper["paper_id"] for paper in every_paper(document)]
        reply = page.client.get(f"/api{HERE}").json()
        assert reply["edits"]["dropped"] and reply["document"]["name"] == NAME
        named = digests.empty_digest(name="2026-11-01..2026-11-07")
        library.catalog.digests.save(named)
        assert page.client.get("/digests/me/2026-11-01..2026-11-07.md").status_code == 200
        assert "Make anew" not in page.get("/digests/me/2026-11-01..2026-11-07")


def test_the_feed_parses_with_hostile_titles(library: Library) -> None:
    with served(library) as page:
        reply = page.client.get("/digests/me/feed.atom")
        assert reply.headers["content-type"].startswith("application/atom+xml")
        feed = feedparser.parse(reply.content)
        assert not feed.bozo and len(feed.entries) == 2
        assert "2026" in feed.entries[0].title and feed.entries[0].content[0].value
        assert html.unescape(feed.feed.links[0].href).endswith("/digests/me/feed.atom")


def test_making_one_is_a_job(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from curator.serving import work

    asked: list[Any] = []

    def digest_job(
        serving: Serving, week: str | None = None, reader: str = "me", limit: int = 20
    ) -> Any:
        asked.append((week, reader, limit))
        return serving.jobs.start("digest", f"Digest <b>{week}</b>", lambda: {"name": NAME})

    monkeypatch.setattr(work, "digest_job", digest_job)
    with served(library) as page:
        page.get("/digests")
        reply = page.client.post("/digests", data={"csrf": page.csrf, "week": "", "reader": "me"})
        assert reply.status_code == 303
        text = page.get(reply.headers["location"])
        assert 'id="job"' in text and "&lt;b&gt;None" in text
        made = page.client.post(
            "/api/digests",
            json={"week": " 2026-W46 ", "limit": 5},
            headers={"X-CSRF-Token": page.csrf},
        )
        assert made.status_code == 202 and made.json()["kind"] == "digest"
        assert asked == [(None, "me", 20), ("2026-W46", "me", 5)]
        assert 'id="job"' not in page.get("/digests?job=999")
        assert "Make anew" in page.get()


def test_no_such_reader_or_week_to_make(library: Library) -> None:
    with served(library) as page:
        page.get("/digests")
        for body, status in (
            ({"reader": "nobody"}, 404),
            ({"week": "2026-W99"}, 400),
            ({"limit": 1000}, 400),
            ({"week": 5}, 422),
        ):
            headers = {"X-CSRF-Token": page.csrf}
            reply = page.client.post("/api/digests", json=body, headers=headers)
            assert reply.status_code == status and reply.json()["error"], body


def test_what_another_program_stores_at_the_same_moment_stays(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command line would, between the page's reading and its writing."""
    serving = Serving(library)
    desk = desk_of(library.catalog, library.grounder, "me", NAME)
    first, second = desk.papers()[:2]
    others: list[Any] = [{**no_edits(), "pinned": {second: True}}]

    def slow(now: Any, given: Any) -> Any:
        if others:
            desk.save(others.pop())
        return merge_edits(now, given)

    monkeypatch.setattr("curator.web.digests_desk.merge_edits", slow)
    seen = digests_desk.remember(serving, desk.edits())
    edits, is_other = digests_desk.store(serving, desk, {"pinned": {first: True}}, seen)
    assert edits["pinned"] == {first: True, second: True} and is_other
    assert desk.edits() == edits
