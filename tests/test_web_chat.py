"""The chat page and what its script asks for, over a real server on loopback."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shutil
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import quote

import httpx
import pytest
import served
from fakes import Said

from curator.errors import MissingError
from curator.library import Library
from curator.llm.base import Request
from curator.serving import Serving
from curator.threads import thread_name
from curator.web import chat_stream, chat_threads
from curator.web.chat_stream import EventLines
from curator.web.chat_view import address_of, answer_view, outside

QUESTION = "What accuracy does OwlNet reach?"
RAIN = "What does rain do to the range of OwlNet?"
SENTENCE = "OwlNet reaches an accuracy of 91.5% on the Barn test set."


class Model:
    """A scripted model; held back (`go` is clear) it says a word now and then, and notices when
    nobody listens any more."""

    def __init__(self) -> None:
        self.entered, self.go, self.stopped = (threading.Event() for _ in range(3))
        self.go.set()
        self.says: Callable[[Request], Said] = served.says
        self.first = '{"sentences": ['
        self.calls = 0

    def __call__(self, request: Request) -> Said:
        self.calls += 1
        self.entered.set()
        for _ in range(600):
            if self.go.is_set():
                break
            if request.on_text is not None:
                try:
                    request.on_text(self.first)
                except BaseException:
                    self.stopped.set()
                    raise
            self.go.wait(0.05)
        return self.says(request)


class Web:
    """A browser without a script: keeps cookies, and sends the page's token with changes."""

    opened: ClassVar[list[Web]] = []

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = httpx.Client(base_url=address, timeout=60)
        self.opened.append(self)
        page = self.client.get("/chat")
        found = re.search(r'<meta name="csrf" content="([^"]*)">', page.text)
        assert page.status_code == 200 and found, page.text[:500]
        self.csrf = found[1]
        self.headers = {"X-CSRF-Token": self.csrf, "Origin": address}

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def api(self, path: str, body: Any = None) -> httpx.Response:
        return self.client.post(path, json=body or {}, headers=self.headers)

    def form(self, path: str, **fields: str) -> httpx.Response:
        return self.client.post(
            path, data={"csrf": self.csrf, **fields}, headers={"Origin": self.address}
        )

    @contextmanager
    def stream(self, question: str = QUESTION, **body: Any) -> Iterator[httpx.Response]:
        given = {"question": question, **body}
        with self.client.stream("POST", "/api/ask", json=given, headers=self.headers) as reply:
            yield reply

    def ask(self, question: str = QUESTION, **body: Any) -> list[dict[str, Any]]:
        with self.stream(question, **body) as reply:
            assert reply.status_code == 200, reply.read()
            return [json.loads(line) for line in reply.iter_lines()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served.make_home(tmp_path_factory.mktemp("served") / "home")


@pytest.fixture(autouse=True)
def all_closed() -> Iterator[None]:
    yield
    while Web.opened:
        Web.opened.pop().client.close()


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def library(home: Path, model: Model, tmp_path: Path) -> Iterator[Library]:
    shutil.copytree(home, tmp_path / "copy")
    with served.open_library(tmp_path / "copy", model) as opened:
        yield opened


@pytest.fixture
def servings(monkeypatch: pytest.MonkeyPatch) -> list[Serving]:
    """The servings that `served.live` makes."""
    made: list[Serving] = []

    def make(*args: Any, **options: Any) -> Serving:
        made.append(Serving(*args, **options))
        return made[-1]

    monkeypatch.setattr(served, "Serving", make)
    return made


@pytest.fixture
def web(library: Library, servings: list[Serving]) -> Iterator[Web]:
    with served.live(library) as address:
        yield Web(address)


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


# ---------------------------------------------------------------------------- the stream


def test_an_answer_comes_event_by_event(web: Web, library: Library) -> None:
    events = web.ask(thread="owls")
    said = names(events)
    assert said[:2] == ["thread", "started"] and said[-1] == "answer"
    assert said.index("retrieved") < said.index("evidence") < said.index("sentence")
    assert events[0]["address"] == "/chat/owls"
    shown = next(event for event in events if event["event"] == "sentence")["shown"]
    assert shown["label"] in ("quoted", "checked 1.00") and shown["citations"][0]["number"] == 1
    assert shown["citations"][0]["quote"] == SENTENCE
    view = events[-1]["shown"]
    assert view["sentences"][0] == shown
    assert view["sources"][0]["title"] == served.OWL["title"]
    assert "[1]" in view["copy"] and "https://example.org/owl" in view["copy"]
    assert library.threads.said("owls")[0].answer == events[-1]["answer"]


def test_the_first_sentence_is_there_before_the_last_is_written(web: Web, model: Model) -> None:
    draft = {"text": "OwlNet reaches an accuracy of 91.5%.", "evidence": 1}
    model.first = '{"sentences": [' + json.dumps(draft) + ","
    model.go.clear()
    got: list[dict[str, Any]] = []
    early: list[bool] = []
    with web.stream() as reply:
        for line in reply.iter_lines():
            got.append(json.loads(line))
            if got[-1]["event"] == "sentence" and not early:
                early.append(model.entered.is_set() and not model.go.is_set())
                model.go.set()
    assert names(got)[-1] == "answer" and early == [True]
    assert "writing" in names(got)


def test_writing_is_told_once_in_a_row(web: Web, model: Model) -> None:
    model.go.clear()
    threading.Timer(0.5, model.go.set).start()
    events = names(web.ask())
    assert all(pair != ("writing", "writing") for pair in itertools.pairwise(events))


def test_while_nothing_comes_the_connection_is_kept_alive(
    web: Web, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_stream, "ALIVE", 0.05)

    def silent(request: Request) -> Said:
        time.sleep(0.4)
        return served.says(request)

    model.says = silent
    events = names(web.ask())
    assert events.count("alive") >= 3 and events[-1] == "answer"


def test_two_clients_are_told_their_places(web: Web, model: Model) -> None:
    model.go.clear()
    first: list[dict[str, Any]] = []
    other = Web(web.address)
    asking = threading.Thread(target=lambda: first.extend(other.ask()))
    asking.start()
    until(model.entered.is_set)
    with web.stream(RAIN) as reply:
        lines = reply.iter_lines()
        assert json.loads(next(lines)) == {"event": "queued", "position": 1}
        model.go.set()
        assert json.loads(next(lines)) == {"event": "started"}
        assert [json.loads(line) for line in lines][-1]["event"] == "answer"
    asking.join(20)
    assert first[-1]["event"] == "answer"


def test_who_leaves_while_being_answered_frees_the_place(
    web: Web, model: Model, servings: list[Serving], library: Library
) -> None:
    queue = servings[0].queue
    model.go.clear()
    with web.stream(thread="owls") as reply:
        lines = reply.iter_lines()
        assert json.loads(next(lines))["event"] == "thread"
        until(model.entered.is_set)
        assert queue.serving == 1
    until(lambda: queue.serving == 0, 3)
    assert model.stopped.is_set() and library.threads.said("owls") == []
    model.go.set()  # and the conversation goes on
    assert web.ask(thread="owls")[-1]["event"] == "answer"


def test_who_leaves_while_waiting_frees_the_place(
    web: Web, model: Model, servings: list[Serving]
) -> None:
    queue = servings[0].queue
    model.go.clear()
    other = Web(web.address)
    with other.stream() as first:
        until(model.entered.is_set)
        with web.stream(RAIN) as reply:
            lines = reply.iter_lines()
            assert json.loads(next(lines))["event"] == "queued"
            assert (queue.serving, queue.waiting) == (1, 1)
        until(lambda: queue.waiting == 0, 3)
        assert queue.serving == 1
        model.go.set()
        assert json.loads(list(first.iter_lines())[-1])["event"] == "answer"
    assert model.calls == 1


def test_who_leaves_the_form_frees_the_place(
    web: Web, model: Model, servings: list[Serving]
) -> None:
    model.go.clear()
    with pytest.raises(httpx.ReadTimeout):
        web.client.post(
            "/chat/owls",
            data={"csrf": web.csrf, "question": QUESTION},
            headers={"Origin": web.address},
            timeout=0.7,
        )
    assert model.entered.is_set()
    until(lambda: servings[0].queue.serving == 0, 3)


def test_a_stream_that_was_never_written_is_closed() -> None:
    closed = []

    async def stream() -> AsyncGenerator[dict[str, Any]]:
        try:
            yield {"event": "started"}
            yield {"event": "never"}
        finally:
            closed.append(True)

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(_: Any) -> None:
        await asyncio.sleep(60)

    async def work() -> None:
        events = stream()
        first = await anext(events)
        await asyncio.wait_for(EventLines([first], events)({}, receive, send), 5)

    asyncio.run(work())
    assert closed == [True]


@pytest.mark.parametrize("fault", [MissingError("No weights.", remedy="Pull them."), ValueError()])
def test_an_error_on_the_way_is_the_last_line(
    web: Web, library: Library, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(library, "ask", fails)
    last = web.ask()[-1]
    assert last["event"] == "error" and last["remedy"]
    assert last["error"] == ("No weights." if isinstance(fault, MissingError) else last["error"])
    assert "ValueError" not in json.dumps(last)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"question": ""}, 400),
        ({"question": " \n\t\u200b"}, 400),
        ({"question": "x" * 2001}, 400),
        ({"question": QUESTION, "thread": ""}, 400),
        ({"question": QUESTION, "thread": "a\nb"}, 400),
        ({"question": QUESTION, "thread": "x" * 101}, 400),
        ({"question": QUESTION, "filters": {"since": "the day before"}}, 400),
        ({"question": QUESTION, "filters": {"since": "2026-11", "until": "2025"}}, 400),
        ({"question": QUESTION, "filters": {"tags": ["no such tag"]}}, 404),
        ({"question": QUESTION, "filters": {"paper_ids": ["pnone"]}}, 404),
        ({"question": QUESTION, "filters": {"where": "tag:("}}, 400),
        ({"question": QUESTION, "filters": {"colour": "red"}}, 422),
        ({"thread": "owls"}, 422),
        ({"question": 7}, 422),
    ],
)
def test_what_cannot_be_asked_is_an_error_before_the_stream(
    web: Web, library: Library, body: dict[str, Any], status: int, servings: list[Serving]
) -> None:
    reply = web.api("/api/ask", body)
    assert reply.status_code == status and reply.json()["error"], reply.text
    assert library.threads.names() == []
    assert (servings[0].queue.serving, servings[0].queue.waiting) == (0, 0)


def test_only_papers_of_the_filters_are_read(web: Web, library: Library) -> None:
    bat = library.catalog.papers.resolve("BatSense").id
    events = web.ask(RAIN, filters={"paper_ids": ["BatSense"], "since": "2026-11-01"})
    assert next(e for e in events if e["event"] == "retrieved")["paper_ids"] == [bat]
    none = web.ask(QUESTION, filters={"liked": True})
    assert none[-1]["shown"]["abstained"] and not none[-1]["shown"]["sources"]


def test_a_conversation_is_answered_once_at_a_time(
    web: Web, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_threads, "REST", 0.1)
    model.go.clear()
    with web.stream(thread="owls") as reply:
        until(model.entered.is_set)
        other = Web(web.address)
        for path, body in (
            ("/api/ask", {"question": RAIN, "thread": "owls"}),
            ("/api/threads/owls/undo", {}),
        ):
            refused = other.api(path, body)
            assert refused.status_code in (400, 404), refused.text
        model.go.set()
        assert json.loads(list(reply.iter_lines())[-1])["event"] == "answer"


# ------------------------------------------------------------------------- conversations


def test_a_new_conversation_is_named_after_its_question(web: Web) -> None:
    first, second = web.ask(new=True)[0], web.ask(new=True)[0]
    assert first["thread"] == "What accuracy does OwlNet reach"
    assert second["thread"] == "What accuracy does OwlNet reach (2)"
    page = web.get(first["address"]).text
    assert QUESTION in page and "91.5%" in page and "(2)" in page
    assert "thread" not in names(web.ask(RAIN))  # belongs to none
    assert len(web.get("/api/threads").json()["threads"]) == 2


@pytest.mark.parametrize("question", ["/../.. ?#%", "𝔘" * 300, "﷽ " * 50, "x" * 2000])
def test_any_question_gives_a_name(web: Web, servings: list[Serving], question: str) -> None:
    name = chat_threads.new_name(servings[0], question)
    assert thread_name(name) == name
    assert name not in (".", "..")


@pytest.mark.parametrize(
    "name",
    ["a/b/undo", "50% & more?", "..", "<b>x</b>", 'q"uote', "naïve – 猫", "export", "#1", "a+b c"],
)
def test_names_with_odd_characters_work_everywhere(web: Web, library: Library, name: str) -> None:
    address = web.ask(thread=name)[0]["address"]
    assert library.threads.names() == [name]
    page = web.get(address)
    assert page.status_code == 200 and QUESTION in page.text
    assert "<b>x</b>" not in page.text and 'q"uote<' not in page.text
    given = web.get(address_of(name, format="md"))
    assert QUESTION in given.text
    disposition = given.headers["Content-Disposition"]
    assert re.fullmatch(
        r"attachment; filename=\"[A-Za-z0-9_-][\w.-]*\.md\"; filename\*=UTF-8''[\w.%~-]+\.md",
        disposition,
        re.ASCII,
    ), disposition
    if name != "..":
        undone = web.api(f"/api/threads/{quote(name, safe='')}/undo")
        assert undone.json() == {"thread": name, "question": QUESTION}
        assert library.threads.said(name) == []
    web.ask(RAIN, thread=name)
    assert web.form(address, do="delete").status_code == 303
    assert library.threads.names() == []


class Clock(datetime):
    """Each time is a second after the one before."""

    seconds = itertools.count()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(2026, 11, 22, tzinfo=tz) + timedelta(seconds=next(cls.seconds))


def test_the_newest_conversation_is_the_first(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curator.threads.datetime", Clock)  # times are kept in seconds
    for name in ("b", "a", "c"):
        web.ask(thread=name)
    web.ask(RAIN, thread="b")
    found = web.get("/api/threads").json()["threads"]
    assert [(one["name"], one["questions"]) for one in found] == [("b", 2), ("c", 1), ("a", 1)]
    side = web.get("/chat/a").text.partition('<details id="threads"')[2]
    assert side.index("/chat/b") < side.index("/chat/c") < side.index("/chat/a")


@pytest.mark.parametrize("path", ["/chat/never", "/chat/never?format=md"])
def test_an_unknown_conversation_is_not_found(web: Web, library: Library, path: str) -> None:
    reply = web.get(path)
    assert reply.status_code == 404 and "There is no conversation" in reply.text
    assert web.api("/api/threads/never/undo").status_code == 404
    assert web.form("/chat/never", do="delete").status_code == 404
    assert web.form("/chat/never", do="retry").status_code == 404
    assert library.threads.names() == []


def test_export_is_the_whole_conversation(web: Web, library: Library) -> None:
    web.ask(thread="owls")
    web.ask(RAIN, thread="owls")
    given = web.get("/chat/owls?format=md")
    assert given.headers["Content-Type"].startswith("text/markdown")
    assert given.text.startswith("# Conversation owls") and "## 2." in given.text
    assert "Rain halves its range" in given.text
    assert web.get("/chat?format=md").status_code == 404  # nothing was asked


def test_undo_takes_back_only_the_question_that_is_meant(web: Web, library: Library) -> None:
    web.ask(thread="owls")
    web.ask(RAIN, thread="owls")
    refused = web.api("/api/threads/owls/undo", {"question": QUESTION})
    assert refused.status_code == 400 and "meanwhile" in refused.json()["error"]
    assert web.api("/api/threads/owls/undo", {"question": RAIN}).status_code == 200
    assert [said.question for said in library.threads.said("owls")] == [QUESTION]


def test_retry_asks_the_last_question_again(web: Web, library: Library) -> None:
    web.ask(thread="owls", filters={"since": "2026-11-02"})
    (before,) = library.threads.said("owls")
    assert web.form("/chat/owls", do="retry").status_code == 303
    (after,) = library.threads.said("owls")
    assert (after.question, after.where) == (QUESTION, before.where) and after.where
    assert after.answer["sentences"] == before.answer["sentences"]
    assert len(library.threads.turns("owls")) == 1


def test_without_a_script_the_form_answers_too(web: Web, library: Library) -> None:
    reply = web.form("/chat", question=QUESTION, tag="", since="")
    assert reply.status_code == 303
    page = web.get(reply.headers["Location"])
    assert "91.5%" in page.text and 'class="origin' in page.text
    reply = web.form("/chat/owls", question=RAIN)
    assert reply.headers["Location"] == "/chat/owls#last"
    assert "Rain halves its range" in web.get("/chat/owls").text
    for fields in ({"question": ""}, {"question": "x" * 2001}, {"question": RAIN, "tag": "none"}):
        assert web.form("/chat/owls", **fields).status_code in (400, 404)
    assert web.form("/chat/owls", do="burn").status_code == 422
    assert len(library.threads.said("owls")) == 1


# ------------------------------------------------------------------------------ the page


def test_a_question_in_the_address_is_put_in_the_field_and_not_asked(
    web: Web, model: Model, library: Library
) -> None:
    page = web.get("/chat", params={"q": "</textarea><script>x</script>"}).text
    assert "&lt;/textarea&gt;&lt;script&gt;x" in page and "<script>x" not in page
    assert model.calls == 0 and library.threads.names() == []


def test_a_conversation_about_one_paper_stays_about_it(web: Web, library: Library) -> None:
    bat = library.catalog.papers.resolve("BatSense").id
    page = web.get(f"/chat?paper={bat}").text
    assert "Only about" in page and f'name="paper" value="{bat}"' in page
    assert web.get("/chat?paper=pnone").status_code == 404
    question = "How many obstacles does it avoid?"
    location = web.form("/chat/bats", question=question, paper=bat).headers["Location"]
    assert f'name="paper" value="{bat}"' in web.get(location).text
    assert 'name="paper"' not in web.get("/chat/bats?paper=").text
    (said,) = library.threads.said("bats")
    assert {source["paper_id"] for source in said.answer["sources"]} <= {bat}


def test_an_answer_that_abstains_says_so_with_the_nearest_papers(web: Web) -> None:
    question = "What is the capital of the Roman Empire under Diocletian?"
    view = web.ask(question, thread="owls")[-1]["shown"]
    assert view["abstained"] and view["reason"] and view["sources"] and not view["sentences"]
    assert "Nearest papers" in view["copy"]
    page = web.get("/chat/owls").text
    assert 'class="abstained"' in page and "Nearest papers" in page


def test_what_papers_and_models_say_is_never_markup(
    web: Web, library: Library, model: Model
) -> None:
    evil = library.catalog.papers.resolve(served.EVIL["title"]).id
    text = "A study of <b onmouseover=window.hacked=3>markup</b> {{ 7*7 }} in titles."
    model.says = lambda _: {"sentences": [{"text": text, "evidence": 1}]}
    question = "What is the study of markup in titles? <img src=x onerror=window.hacked=9>"
    events = web.ask(question, thread="<i>odd</i>", filters={"paper_ids": [evil]})
    assert events[-1]["shown"]["sources"][0]["url"] is None  # javascript: is no link
    for path in (address_of("<i>odd</i>"), f"/chat?paper={evil}"):
        page = web.get(path).text
        for markup in ("<img src=x", "<script>window", "<b onmouse", "<i>", "</script><script>w"):
            assert markup not in page, markup
        assert "javascript:window" not in re.sub(r"<bdi>.*?</bdi>|data-\w+=\"[^\"]*\"", "", page)
        assert "49" not in re.findall(r"study of.*?in titles", page)
    assert "&lt;img src=x onerror" in web.get(address_of("<i>odd</i>")).text


def test_events_are_one_line_each_whatever_is_in_them(web: Web, library: Library) -> None:
    odd = "rain\u2028of\u2029 \x85 OwlNet?"
    with web.stream(f"What does {odd} {RAIN}") as reply:
        body = reply.read().decode()
    assert body.isascii() and all(json.loads(line) for line in body.split("\n")[:-1])


def test_right_to_left_marks_and_long_titles_stay_in_their_place() -> None:
    title = "\u202eevil\u2066 " + "x" * 10_000
    citation = {"paper_id": "p1", "quote": "q"}
    sentence = {"text": 'T\\"ulu \u202ewins.', "citations": [citation, citation], "score": 1.0}
    answer = {
        "question": "q", "answer": "a", "abstained": False, "reason": "",
        "sentences": [{**sentence, "supported": True, "origin": "quote"}],
        "sources": [{"paper_id": "p1", "title": title, "url": "https://example.org/ a"}],
    }  # fmt: skip
    view = answer_view(answer)
    assert view["sentences"][0]["text"] == "Tülu wins."
    assert len(view["sentences"][0]["citations"]) == 1
    assert len(view["sources"][0]["title"]) == 300 and "\u202e" not in view["copy"]
    assert view["sources"][0]["url"] is None


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.org/a?b=c", True),
        ("HTTP://example.org", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("https://example.org/\n", False),
        ("https://e.org/" + "x" * 5000, False),
        ("", False),
        (None, False),
    ],
)
def test_only_addresses_of_the_web_are_links(url: str | None, kept: bool) -> None:
    assert outside(url) == (url if kept else None)


def test_a_long_conversation_shows_its_end_and_offers_the_rest(web: Web, library: Library) -> None:
    answer = web.ask()[-1]["answer"]
    for number in range(33):
        library.threads.record("long", {**answer, "question": f"Question {number:03}?"})
    page = web.get("/chat/long").text
    assert "Question 002?" not in page and "Question 003?" in page and "3 earlier" in page
    assert "Question 000?" in web.get("/chat/long?all=true").text


def test_an_empty_library_says_how_to_add_papers(tmp_path: Path) -> None:
    with (
        served.open_library(tmp_path / "empty") as library,
        served.live(library) as address,
    ):
        page = Web(address).get("/chat").text
        assert "no papers in this library" in page and "curator add" in page


def test_examples_are_offered_before_the_first_question(web: Web) -> None:
    page = web.get("/chat").text
    assert 'class="examples"' in page and "/chat?q=What%20is%20new" in page


# --------------------------------------------------------------------------- the passage


def test_a_citation_opens_the_sentence_in_its_abstract(web: Web, library: Library) -> None:
    owl = library.catalog.papers.resolve("OwlNet").id
    found = web.get("/api/passage", params={"paper_id": owl, "quote": SENTENCE}).json()
    assert found["before"] + found["quote"] + found["after"] == served.OWL["abstract"]
    assert (found["quote"], found["field"]) == (SENTENCE, "abstract")
    assert found["address"] == f"/papers/{owl}" and found["url"] == served.OWL["url"]
    title = {"paper_id": owl, "quote": served.OWL["title"]}
    assert web.get("/api/passage", params=title).json()["field"] == "title"


@pytest.mark.parametrize(
    ("paper", "quote_", "status"),
    [
        ("OwlNet", "OwlNet reaches an accuracy of 99.9%.", 404),
        ("OwlNet", " ", 404),
        ("OwlNet", "", 422),
        (None, SENTENCE, 404),
        ("OwlNet", "x" * 20_001, 422),
    ],
)
def test_a_text_that_changed_since_is_not_shown_as_if_it_said_so(
    web: Web, library: Library, paper: str | None, quote_: str, status: int
) -> None:
    paper_id = library.catalog.papers.resolve(paper).id if paper else "pnone"
    reply = web.get("/api/passage", params={"paper_id": paper_id, "quote": quote_})
    assert reply.status_code == status and reply.json()["error"]


def test_a_hostile_abstract_is_only_text_in_the_passage(web: Web, library: Library) -> None:
    evil = library.catalog.papers.resolve(served.EVIL["title"])
    part = "[a link](javascript:window.hacked=5)"
    reply = web.get("/api/passage", params={"paper_id": evil.id, "quote": part})
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json()["quote"] == part and reply.json()["url"] is None
