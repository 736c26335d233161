"""The review on the page: answers, tabs, undo, hostile papers, and no lost word."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import EVIL, live, make_home, open_library

from curator.catalog import StoredTag
from curator.library import Library
from curator.review import ReviewQueue
from curator.threads import Threads
from curator.web.review_state import Learning, marked
from graphs.review import Review, ReviewContext


class Page:
    """A browser's tab, so to speak: it keeps the cookies and sends the token of the page."""

    def __init__(self, address: str) -> None:
        self.client = httpx.Client(base_url=address, headers={"Origin": address}, timeout=30)
        self.csrf = ""

    def get(self, path: str = "/review") -> httpx.Response:
        page = self.client.get(path)
        if found := re.search(r'<meta name="csrf" content="([^"]*)"', page.text):
            self.csrf = found[1]
        return page

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/api/review").raise_for_status().json()
        return found

    def post(self, body: Any, path: str = "/api/review") -> httpx.Response:
        if not self.csrf:
            self.get()
        return self.client.post(path, json=body, headers={"X-CSRF-Token": self.csrf})

    def answer(self, action: str, paper_id: str, **said: bool | None) -> dict[str, Any]:
        tags = {name.replace("_", "-"): right for name, right in said.items()}
        reply = self.post({"action": action, "paper_id": paper_id, "said": tags})
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def form(self, **fields: Any) -> httpx.Response:
        if not self.csrf:
            self.get()
        return self.client.post("/review", data={"csrf": self.csrf, **fields})


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Two papers wait: the owl's with a suggestion, the bat's with a doubtful tag; then one that
    is hostile."""
    home = make_home(tmp_path / "home")
    with open_library(home) as opened:
        evil = next(p for p in opened.catalog.papers.select() if "script" in p.title)
        first, second = (tag.name for tag in opened.taxonomy.tags[:2])
        sentence = next(s for s in evil.abstract.split(". ") if "markup" in s)
        opened.catalog.outputs.save_tags(
            evil,
            [
                StoredTag(first, 0.3, "similarity", evidence=sentence),
                StoredTag(second, 0.45, "model", needs_review=True),
                StoredTag("<b>own</b>", 0.6, "similarity"),
            ],
            taxonomy="t",
            model="test",
            recipe="test",
        )
        # What is learned changes what is asked next; one test has it.
        opened.on_corrected = lambda paper_ids: None  # type: ignore[method-assign]
        yield opened


@contextmanager
def served(library: Library) -> Iterator[Page]:
    with live(library) as address:
        page = Page(address)
        with page.client:
            yield page


def said(library: Library) -> dict[str, dict[str, bool]]:
    return library.catalog.corrections.all()


def test_answers_are_stored_and_the_queue_runs_dry(library: Library) -> None:
    with served(library) as page:
        state = page.state()
        assert state["waiting"] == 3 and not state["can_undo"]
        seen: dict[str, dict[str, bool]] = {}
        while state["paper"]:
            paper_id, tag = (
                state["paper"]["id"],
                next(t for t in state["tags"] if t["said"] is None),
            )
            right = len(seen) % 2 == 0
            seen.setdefault(paper_id, {})[tag["tag"]] = right
            reply = page.post(
                {"action": "decide", "paper_id": paper_id, "said": {tag["tag"]: right}}
            )
            assert reply.status_code == 200, reply.text
            state = reply.json()
        assert said(library) == seen and sum(map(len, seen.values())) == 5
        assert state["waiting"] == 0 and state["can_undo"]
        assert state["progress"] == {"decided": 3, "of": 3}
        assert "Nothing is left to decide" in page.get().text
        assert "curator tag" in page.get().text


def test_it_learns_while_it_goes_on(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Papers are tagged anew meanwhile; whatever comes, it ends, and nothing said is lost."""
    learned: list[str] = []

    def learn(paper_ids: Any) -> None:
        Library.on_corrected(library, paper_ids)
        learned.extend(paper_ids)

    monkeypatch.setattr(library, "on_corrected", learn)
    with served(library) as page:
        state = page.state()
        told: dict[str, dict[str, bool]] = {}
        for _ in range(100):
            if not state["paper"]:
                break
            tag = next(t["tag"] for t in state["tags"] if t["said"] is None)
            body = {"action": "decide", "paper_id": state["paper"]["id"], "said": {tag: False}}
            reply = page.post(body)
            if reply.status_code == 200:
                told.setdefault(body["paper_id"], {})[tag] = False
            state = reply.json()
        assert state["paper"] is None and said(library) == told
        deadline = time.monotonic() + 30
        while set(learned) != set(told) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert set(learned) == set(told)


def test_a_tag_keeps_its_place_when_it_is_answered(library: Library) -> None:
    with served(library) as page:
        state = page.state()
        while len(state["tags"]) < 3:
            state = page.answer("skip", state["paper"]["id"])
        names = [tag["tag"] for tag in state["tags"]]
        reply = page.post(
            {"action": "decide", "paper_id": state["paper"]["id"], "said": {names[1]: False}}
        ).json()
        assert [tag["tag"] for tag in reply["tags"]] == names
        assert [tag["said"] for tag in reply["tags"]] == [None, False, None]
        taken = page.post(
            {"action": "decide", "paper_id": state["paper"]["id"], "said": {names[1]: None}}
        ).json()
        assert [tag["said"] for tag in taken["tags"]] == [None, None, None]
        assert said(library) == {}


def test_undo_and_skip(library: Library) -> None:
    with served(library) as page:
        first = page.state()["paper"]["id"]
        state = page.answer("skip", first)
        assert state["paper"]["id"] != first and (state["waiting"], state["skipped"]) == (2, 1)
        second = state["paper"]["id"]
        tags = {tag["tag"]: True for tag in state["tags"]}
        page.post({"action": "decide", "paper_id": second, "said": tags}).raise_for_status()
        assert second in said(library)
        state = page.answer("undo", page.state()["paper"]["id"])
        assert state["paper"]["id"] == second and said(library) == {}
        state = page.answer("undo", second)
        assert state["paper"]["id"] == first and state["skipped"] == 0 and not state["can_undo"]
        refused = page.post({"action": "undo", "paper_id": first, "said": {}})
        assert refused.status_code == 400 and "nothing to undo" in refused.json()["error"]


def test_the_last_skip_can_be_taken_back(library: Library) -> None:
    with served(library) as page:
        state = page.state()
        while state["paper"]:
            last = state["paper"]["id"]
            state = page.answer("skip", last)
        assert state["skipped"] == 3 and state["waiting"] == 0
        assert page.answer("undo", "")["paper"]["id"] == last


def test_two_tabs_and_a_stale_paper(library: Library) -> None:
    with served(library) as page:
        first = page.state()
        paper_id, tag = first["paper"]["id"], first["tags"][0]["tag"]
        other = Page(str(page.client.base_url).rstrip("/"))
        with other.client:
            now = other.answer("skip", paper_id)
        reply = page.post({"action": "decide", "paper_id": paper_id, "said": {tag: True}})
        assert reply.status_code == 409 and said(library) == {}
        assert reply.json()["paper"]["id"] == now["paper"]["id"] and reply.json()["remedy"]
        assert page.post({"action": "skip", "paper_id": paper_id}).status_code == 409
        assert page.post({"action": "undo", "paper_id": paper_id}).status_code == 409
        assert page.state()["skipped"] == 1


def test_what_the_terminal_decides_meanwhile_is_not_asked(library: Library) -> None:
    with served(library) as page:
        shown = page.state()
        queue = ReviewQueue(library.catalog)
        context = ReviewContext(queue, library.catalog.corrections, lambda _: [])
        with Threads(library.home.root / "review.sqlite3").saver() as saver:
            terminal = Review(saver, context)
            assert terminal.paper_id == shown["paper"]["id"]
            terminal.answer("decide", {tag["tag"]: False for tag in shown["tags"]})
        reply = page.post(
            {
                "action": "decide",
                "paper_id": shown["paper"]["id"],
                "said": {shown["tags"][0]["tag"]: True},
            }
        )
        assert reply.status_code == 409
        assert not any(said(library)[shown["paper"]["id"]].values())
        assert reply.json()["waiting"] == 2


def test_it_goes_on_after_a_restart(library: Library) -> None:
    with served(library) as page:
        after = page.answer("skip", page.state()["paper"]["id"])
    with served(library) as page:
        state = page.state()
        assert state["paper"] == after["paper"] and state["skipped"] == 1 and state["can_undo"]


def test_forms_do_the_same_without_script(library: Library) -> None:
    with served(library) as page:
        text = page.get().text
        paper = re.search(r'name="paper_id" value="(p[0-9a-f]{12})"', text)
        assert paper
        listed = re.findall(r'name="listed" value="([^"]+)"', text)
        moved = page.form(paper_id=paper[1], answer="all", listed=listed)
        assert moved.status_code == 303 and moved.headers["location"] == "/review"
        assert said(library)[paper[1]] == dict.fromkeys(map(unescaped, listed), True)
        stale = page.form(paper_id=paper[1], answer="skip")
        assert stale.headers["location"] == "/review?told=moved"
        assert "at another paper now" in page.get("/review?told=moved").text
        now = page.state()["paper"]["id"]
        added = library.taxonomy.tags[-1].name
        assert page.form(paper_id=now, answer="add", tag=added).status_code == 303
        assert said(library)[now] == {added: True}
        for fields in ({"answer": "maybe"}, {"answer": "yes"}, {"answer": "add"}):
            refused = page.form(paper_id=now, **fields)
            assert refused.status_code == 400 and "Traceback" not in refused.text
        unknown = page.form(paper_id=now, answer="add", tag="no-such-tag-at-all")
        assert unknown.status_code == 400 and "no-such-tag-at-all" in unknown.text


def unescaped(text: str) -> str:
    import html

    return html.unescape(text)


@pytest.mark.parametrize(
    "body",
    [
        {"action": "decide", "paper_id": "", "said": {}},
        {"action": "burn", "paper_id": ""},
        {"action": "decide", "paper_id": "x" * 101},
        {"action": "decide", "said": {"a": True}},
        {"action": "decide", "paper_id": "p", "said": {"a": "yes"}},
        {"action": "decide", "paper_id": "p", "said": {"a": 1}},
        [],
    ],
)
def test_what_is_no_answer_is_refused(library: Library, body: Any) -> None:
    with served(library) as page:
        reply = page.post(body)
        assert reply.status_code in (400, 409, 422) and reply.json()["error"]
        assert said(library) == {}


def test_unknown_and_too_many_tags(library: Library) -> None:
    with served(library) as page:
        paper_id = page.state()["paper"]["id"]
        for tags in ({"no-such-tag-at-all": True}, {f"t{n}": True for n in range(61)}, {}):
            reply = page.post({"action": "decide", "paper_id": paper_id, "said": tags})
            assert reply.status_code == 400 and reply.json()["error"], tags
        assert said(library) == {}


def test_a_hostile_paper_is_text(library: Library) -> None:
    with served(library) as page:
        state = page.state()
        while "script" not in state["paper"]["title"]:
            state = page.answer("skip", state["paper"]["id"])
        assert state["paper"]["url"] is None, "javascript: is no address"
        pieces = state["paper"]["abstract"]
        assert any(piece["tags"] for piece in pieces)
        assert "7*7 in titles. It has" in "".join(piece["text"] for piece in pieces)
        text = page.get().text
        for bad in ("<script>window", "<img src=x", "<b onmouseover", "<i>Eve", 'href="javascript'):
            assert bad not in text
        assert "&lt;script&gt;window.hacked=1" in text and "&lt;b&gt;own&lt;/b&gt;" in text
        assert EVIL["title"] not in text
        state = page.post(
            {"action": "decide", "paper_id": state["paper"]["id"], "said": {"<b>own</b>": False}}
        ).json()
        assert {"<b>own</b>": False} in said(library).values()


def test_an_empty_library_says_what_to_do(tmp_path: Path) -> None:
    with open_library(tmp_path / "home") as library, served(library) as page:
        assert page.state()["paper"] is None
        assert "Nothing is left to decide" in page.get().text
        reply = page.post({"action": "decide", "paper_id": "", "said": {"agents": True}})
        assert reply.status_code == 400


def test_the_reply_does_not_wait_for_learning(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []
    go = threading.Event()

    def slow(paper_ids: Any) -> None:
        go.wait(20)
        told.append(list(paper_ids))

    monkeypatch.setattr(library, "on_corrected", slow)
    with served(library) as page:
        state = page.state()
        ids = []
        begun = time.monotonic()
        for _ in range(2):
            ids.append(state["paper"]["id"])
            tags = {tag["tag"]: True for tag in state["tags"]}
            state = page.post({"action": "decide", "paper_id": ids[-1], "said": tags}).json()
        assert time.monotonic() - begun < 15 and not told
        go.set()
        deadline = time.monotonic() + 10
        while sum(map(len, told)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert told == [[ids[0]], [ids[1]]]


def test_learning_takes_what_waits_together() -> None:
    learning, lots = Learning(), []

    def learn(lot: Any) -> None:
        lots.append(list(lot))
        if len(lots) == 1:
            learning.learn(["b", "c"], learn)
            learning.learn(["b"], learn)

    learning.learn(["a"], learn)
    assert lots == [["a"], ["b", "c"]]
    learning.learn([], learn)
    with pytest.raises(ValueError, match="no"):
        learning.learn(["d"], lambda _: (_ for _ in ()).throw(ValueError("no")))
    learning.learn(["e"], learn)
    assert lots[2:] == [["e"]], "it goes on after a failure"


def test_evidence_is_marked_where_it_stands() -> None:
    text = "One is here. Two is there. Three."
    assert marked(text, {"a": "Two is there.", "b": "Two is there.", "c": "gone"}) == [
        {"text": "One is here. ", "tags": []},
        {"text": "Two is there.", "tags": ["a", "b"]},
        {"text": " Three.", "tags": []},
    ]
    overlapping = marked(text, {"a": "One is here. Two", "b": "Two is there."})
    assert "".join(piece["text"] for piece in overlapping) == text
    assert marked("", {}) == [] and marked("All.", {"a": "All."}) == [
        {"text": "All.", "tags": ["a"]}
    ]
