"""Requests handed over in one file: answered in the cache, never lost, never handed over twice.

The server is a stand-in on loopback, the client is the real one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedLLM
from loopback_batches import BatchServer, Body, Lines, completion, row
from processes import _context, _fatal
from pydantic import BaseModel, ConfigDict

from curator.catalog import Catalog
from curator.errors import (
    BudgetExhausted,
    MissingError,
    ModelError,
    ModelOutputError,
    ServerUnavailable,
    UsageError,
)
from curator.llm import batch_api
from curator.llm.api import ApiLLM
from curator.llm.batch_api import BatchApi
from curator.llm.metered import Budget, Deferred, DeferringLLM, MeteredLLM, Prepared
from curator.prompting import Prompt
from curator.settings import load_settings


class Colour(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: str


PROMPT = Prompt("colour", "", frozenset({"thing"}), "Colour", "Name colours.", "{{ thing }}")
THINGS = [f"thing {n}" for n in range(10)]


def say(body: dict[str, Any]) -> str:
    return json.dumps({"colour": "red of " + body["messages"][-1]["content"]})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with BatchServer(say).running() as running:
        yield running


class Setup:
    """A model behind the server, with a catalog; made anew as a new process would."""

    def __init__(self, url: str, catalog: Catalog, **budget: Any) -> None:
        usual: dict[str, Any] = {"openai_base_url": url, "openai_api_key": "k"}
        settings = load_settings(**usual, api_timeout=10, api_retries=1)
        self.llm = MeteredLLM(ApiLLM(settings, "small"), catalog.cache, Budget(**budget))
        self.said: list[str] = []
        self.api = BatchApi(self.llm, catalog, notify=self.said.append, pauses=(0.01, 0.02))
        self.catalog = catalog

    def ready(self, things: list[str] | None = None) -> list[Prepared[Colour]]:
        named = THINGS if things is None else things
        return [self.llm.request(PROMPT, Colour, max_tokens=50, thing=thing) for thing in named]

    def generate(self, thing: str) -> str:
        made = self.llm.generate(PROMPT, Colour, max_tokens=50, thing=thing)
        return made.value.colour


@pytest.fixture
def setup(server: BatchServer, catalog: Catalog) -> Setup:
    return Setup(server.url, catalog)


def test_a_batch_fills_the_cache_and_the_rest_is_the_ordinary_way(
    server: BatchServer, setup: Setup
) -> None:
    first = setup.api.run(setup.ready())
    assert (first.wanted, first.submitted, first.waiting, first.cached) == (10, 10, 10, 0)
    again = setup.api.run(setup.ready())
    assert (again.submitted, again.waiting) == (0, 10), "what is under way is not handed over"
    server.finish()
    done = setup.api.run(setup.ready())
    assert (done.cached, done.waiting, done.left, done.unsent) == (10, 0, {}, 0)
    assert [setup.generate(thing) for thing in THINGS] == [f"red of {t}" for t in THINGS]
    assert not server.calls and setup.llm.usage.cached == 10
    assert server.made == server.uploads == 1
    assert setup.api.run(setup.ready()).submitted == 0
    usage = setup.catalog.cache.usage()[setup.llm.identity]
    assert (usage["calls"], usage["prompt_tokens"], usage["completion_tokens"]) == (10, 700, 90)


def test_what_goes_up_is_what_a_call_would_send(server: BatchServer, setup: Setup) -> None:
    setup.api.run(setup.ready(["rose"]))
    (file,) = server.files.values()
    line = json.loads(file)
    assert line["custom_id"] == setup.ready(["rose"])[0].key
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    body = line["body"]
    assert body["model"] == "small" and body["temperature"] == 0 and body["max_tokens"] == 50
    assert [m["content"] for m in body["messages"]] == ["Name colours.", "rose"]
    assert body["response_format"]["json_schema"]["schema"] == Colour.model_json_schema()
    (batch,) = server.batches.values()
    assert (batch["endpoint"], batch["completion_window"]) == ("/v1/chat/completions", "24h")


def test_waiting_to_the_end(server: BatchServer, setup: Setup) -> None:
    server.polls = 3
    report = setup.api.run(setup.ready(), wait=True)
    assert (report.submitted, report.cached, report.waiting) == (10, 10, 0)


def test_only_what_is_missing_is_handed_over_and_that_once(
    server: BatchServer, setup: Setup
) -> None:
    setup.generate("thing 3")
    twice = setup.ready() + setup.ready(["thing 1", "thing 2"])
    report = setup.api.run(twice)
    assert (report.wanted, report.cached, report.submitted) == (10, 1, 9)
    assert set(server.handed.values()) == {1} and server.handed.total() == 9


def test_no_requests_make_no_batch(server: BatchServer, setup: Setup) -> None:
    assert setup.api.run([]).wanted == 0
    setup.generate("rose")
    assert setup.api.run(setup.ready(["rose"]), wait=True).cached == 1
    assert server.made == server.uploads == 0


# ----------------------------------------------------------------- what comes badly


ODD: dict[str, Callable[[str, Body], Lines]] = {
    "not JSON": lambda key, _: ([f'{{"custom_id": "{key}", "resp'], []),
    "not an object": lambda *_: (["[1, 2]", "null", '"text"', ""], []),
    "no key": lambda key, _: ([row(key, completion("{}")).replace("custom_id", "id_")], []),
    "key is a number": lambda *_: (['{"custom_id": 3}'], []),
    "another's key": lambda *_: ([row("0" * 32, completion('{"colour": "x"}'))], []),
    "nothing at all": lambda *_: ([], []),
}
USELESS: dict[str, Callable[[str, Body], Lines]] = {
    "of another form": lambda key, _: ([row(key, completion('{"color": "red"}'))], []),
    "no JSON": lambda key, _: ([row(key, completion("Red, I think."))], []),
    "cut off": lambda key, _: ([row(key, completion('{"colour": "re'))], []),
    "nothing said": lambda key, _: ([row(key, completion(None))], []),
    "no choices": lambda key, _: ([row(key, {"choices": []})], []),
    "choices are none": lambda key, _: ([row(key, {"choices": [3], "usage": 4})], []),
    "no body": lambda key, _: ([row(key, None)], []),
    "an error in it": lambda key, _: ([row(key, {"error": {"message": "overloaded"}})], []),
    "HTTP 500": lambda key, _: ([], [row(key, {"error": {"message": "oops"}}, 500)]),
    "expired": lambda key, _: ([], [row(key, None, error={"code": "batch_expired"})]),
    "strange": lambda key, _: ([json.dumps({"custom_id": key, "response": [1], "error": "e"})], []),
}


@pytest.mark.parametrize("how", [*ODD, *USELESS])
def test_what_is_not_answered_is_left_to_the_ordinary_way(
    server: BatchServer, setup: Setup, how: str
) -> None:
    bad = {one.key for one in setup.ready(THINGS[:3])}
    good = server.becomes
    odd = {**ODD, **USELESS}[how]
    server.becomes = lambda key, body: odd(key, body) if key in bad else good(key, body)
    setup.api.run(setup.ready())
    server.finish()
    report = setup.api.run(setup.ready())
    assert (report.cached, report.waiting, sum(report.left.values())) == (7, 0, 3)
    assert report.unsent == 0 and len(report.left) == 1
    reason = next(iter(report.left))
    assert ("no answer to it" in reason) is (how in ODD)
    again = setup.api.run(setup.ready(), wait=True)
    assert again.submitted == 0 and again.left == report.left, "it is not handed over again"
    assert setup.generate("thing 1") == "red of thing 1"
    assert server.calls == {"thing 1": 1}
    assert setup.api.run(setup.ready()).cached == 8
    assert set(server.handed.values()) == {1}


def test_the_better_of_two_lines_counts(server: BatchServer, setup: Setup) -> None:
    server.becomes = lambda key, body: (
        [row(key, completion(say(body))), row(key, None), row(key, completion('{"colour": 3}'))],
        [row(key, None, error={"code": "late"})],
    )
    setup.api.run(setup.ready())
    server.finish()
    report = setup.api.run(setup.ready())
    # The lines come in reverse: the first answer that the server gave no error for is taken.
    assert report.cached + sum(report.left.values()) == 10


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_half_a_batch(server: BatchServer, setup: Setup, status: str) -> None:
    done = {one.key for one in setup.ready(THINGS[:4])}
    setup.api.run(setup.ready())
    server.finish(status, only=done.__contains__)
    report = setup.api.run(setup.ready())
    assert report.cached == 4 and report.waiting == 0
    ((reason, count),) = report.left.items()
    assert count == 6 and ("not done in time" if status == "expired" else status) in reason
    assert server.made == 1


def test_fenced_and_thoughtful_answers_fit(server: BatchServer, setup: Setup) -> None:
    server.becomes = lambda key, body: (
        [row(key, completion(f"<think>{{hm}}</think>\n```json\n{say(body)}\n```"))],
        [],
    )
    setup.api.run(setup.ready())
    server.finish()
    assert setup.api.run(setup.ready()).cached == 10


def test_a_batch_that_is_refused_is_an_error_and_free_again(
    server: BatchServer, setup: Setup
) -> None:
    setup.api.run(setup.ready())
    (batch,) = server.batches.values()
    batch["status"] = "failed"
    batch["errors"] = {"object": "list", "data": [{"code": "x", "message": "Enqueued too much."}]}
    with pytest.raises(ModelError, match="refused a batch: Enqueued too much") as caught:
        setup.api.run(setup.ready())
    assert caught.value.exit_code == 1 and server.made == 1, "not handed over again at once"
    assert setup.api.run(setup.ready()).submitted == 10
    server.finish()
    assert setup.api.run(setup.ready()).cached == 10


def test_files_that_are_gone(server: BatchServer, setup: Setup) -> None:
    setup.api.run(setup.ready())
    server.finish()
    server.files.clear()
    report = setup.api.run(setup.ready())
    assert report.left == {"the batch has no answer to it": 10}
    assert any("no more" in said for said in setup.said)


def test_a_batch_that_the_server_forgot_is_made_again(server: BatchServer, setup: Setup) -> None:
    setup.api.run(setup.ready())
    server.batches.clear()
    assert setup.api.run(setup.ready()).submitted == 10
    assert any("knows the batch" in said for said in setup.said)


@pytest.mark.parametrize("code", [404, 405, 501])
@pytest.mark.parametrize("what", ["POST /files", "POST /batches"])
def test_a_server_without_batches(server: BatchServer, setup: Setup, what: str, code: int) -> None:
    server.refuse[what] = (code, {"error": {"message": "Not Found"}})
    with pytest.raises(MissingError, match="has no Batch API") as caught:
        setup.api.run(setup.ready())
    assert "--batch-api" in caught.value.remedy and caught.value.exit_code == 3
    server.refuse.clear()
    assert setup.api.run(setup.ready()).submitted == 10, "nothing was noted that is not so"


@pytest.mark.parametrize("what", ["POST /files", "POST /batches"])
def test_a_server_that_answers_anything_with_a_page(
    server: BatchServer, setup: Setup, what: str
) -> None:
    server.refuse[what] = (200, {"hello": "world"})
    with pytest.raises(MissingError, match="has no Batch API"):
        setup.api.run(setup.ready())


def test_a_wrong_key(server: BatchServer, setup: Setup) -> None:
    server.refuse["POST /files"] = (401, {"error": {"message": "Who are you?"}})
    with pytest.raises(MissingError, match="refused the key"):
        setup.api.run(setup.ready())


def test_local_models_have_no_batches(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="--batch-api needs a model behind an API"):
        BatchApi(MeteredLLM(ScriptedLLM(), catalog.cache), catalog)


# ------------------------------------------------------------------------- limits


def test_many_requests_are_several_batches(
    server: BatchServer, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_api, "MAX_REQUESTS", 4)
    assert setup.api.run(setup.ready()).submitted == 10
    sizes = [batch["request_counts"]["total"] for batch in server.batches.values()]
    assert sizes == [4, 4, 2] and set(server.handed.values()) == {1}
    server.finish()
    assert setup.api.run(setup.ready()).cached == 10


def test_a_file_is_bounded_by_its_size(
    server: BatchServer, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.api.run(setup.ready(["thing 0"]))
    size = len(server.files["file-0"])
    monkeypatch.setattr(batch_api, "MAX_BYTES", 3 * size + 1)
    setup.api.run(setup.ready())
    assert all(len(file) <= 3 * size + 1 for file in server.files.values())
    assert server.made == 4 and server.handed.total() == 10


def test_no_more_calls_are_handed_over_than_the_budget_has(
    server: BatchServer, catalog: Catalog
) -> None:
    setup = Setup(server.url, catalog, max_calls=6)
    setup.generate("thing 0")
    report = setup.api.run(setup.ready())
    assert (report.cached, report.submitted, report.waiting, report.unsent) == (1, 5, 5, 4)
    server.finish()
    with pytest.raises(BudgetExhausted, match="max-calls"):
        setup.api.run(setup.ready())
    assert setup.api.report([one.key for one in setup.ready()]).cached == 6, "collected first"
    assert server.handed.total() == 5


def test_minutes_end_the_waiting_and_not_the_batch(server: BatchServer, catalog: Catalog) -> None:
    setup = Setup(server.url, catalog, max_minutes=0.001)
    setup.llm.budget._started += 0.5
    with pytest.raises(BudgetExhausted, match="max-minutes") as caught:
        setup.api.run(setup.ready(), wait=True)
    assert caught.value.exit_code == 4
    server.finish()
    later = Setup(server.url, catalog)
    assert later.api.run(later.ready()).cached == 10 and server.made == 1


def test_a_wait_outlasts_a_server_that_is_away_for_a_moment(
    server: BatchServer, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.api.run(setup.ready())
    asked = "GET /batches/batch_0"
    server.refuse[asked] = (500, {"error": {"message": "oops"}})
    naps = iter(range(100))

    def nap(_: float) -> None:
        if next(naps) == 2:
            server.refuse.clear()
            server.finish()

    with pytest.raises(ModelError):
        setup.api.run(setup.ready())  # at the first question it is an error
    monkeypatch.setattr("curator.llm.batch_api.time.sleep", nap)
    assert setup.api._wait(setup.ready()) == []
    assert setup.api.report([one.key for one in setup.ready()]).cached == 10


# --------------------------------------------------------------- restarts and kills


def test_the_account_outlives_the_process(server: BatchServer, setup: Setup) -> None:
    setup.api.run(setup.ready())
    server.finish()
    path = setup.catalog.store.path
    setup.catalog.close()
    again = Catalog(path)
    later = Setup(server.url, again)
    assert later.api.run(later.ready()).cached == 10
    assert server.made == 1
    again.close()


def test_two_at_once_hand_over_each_request_once(server: BatchServer, setup: Setup) -> None:
    others = [Setup(server.url, Catalog(setup.catalog.store.path)) for _ in range(3)]
    threads = [threading.Thread(target=one.api.run, args=(one.ready(),)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.made == 1 and set(server.handed.values()) == {1}
    server.finish()
    assert setup.api.run(setup.ready()).cached == 10
    for one in others:
        one.catalog.close()


def test_an_answer_whose_prompt_has_changed_is_kept_until_it_is_asked_for(
    server: BatchServer, setup: Setup
) -> None:
    setup.api.run(setup.ready())
    server.finish()
    other = setup.api.run(setup.ready(["another thing"]))
    assert (other.submitted, other.cached) == (1, 0)
    report = setup.api.run(setup.ready())
    assert (report.cached, report.submitted) == (10, 0)
    assert server.handed.total() == 11


@pytest.mark.parametrize("listed", [True, False])
def test_a_batch_whose_making_nobody_heard_of(
    server: BatchServer, setup: Setup, listed: bool
) -> None:
    """The connection is cut when the server has made it: it is found, not made again."""
    server.dies.add("POST /batches")
    with pytest.raises(ServerUnavailable):
        setup.api.run(setup.ready())
    assert server.made == 1
    server.dies.clear()
    if not listed:
        server.refuse["GET /batches"] = (404, {"error": {"message": "Not Found"}})
    server.finish()
    report = setup.api.run(setup.ready())
    assert report.submitted == (0 if listed else 10)
    assert server.made == (1 if listed else 2)
    server.finish()
    assert setup.api.run(setup.ready()).cached == 10


def killed(path: Path, url: str, name: str, when: str) -> None:
    """Runs the batches in a process that is killed before or after a function's first call."""
    _fatal(name, when, 1)
    setup = Setup(url, Catalog(path))
    setup.api.run(setup.ready())


@pytest.mark.parametrize(
    ("name", "when", "stage"),
    [
        ("curator.catalog.api_batches:ApiBatches.begin", "after", "submit"),
        ("curator.catalog.api_batches:ApiBatches.note", "after", "submit"),  # the file is there
        ("curator.llm.batch_api:BatchApi._take_in", "before", "submit"),  # the batch is made
        ("curator.catalog.api_batches:ApiBatches.arrive", "before", "collect"),
        ("curator.catalog.api_batches:ApiBatches.arrive", "after", "collect"),
        ("curator.catalog.cache:ModelCache.put_all", "after", "collect"),
        ("curator.catalog.api_batches:ApiBatches.settle", "after", "collect"),
    ],
)
def test_killed_anywhere_nothing_is_lost_or_handed_over_twice(
    server: BatchServer, setup: Setup, name: str, when: str, stage: str
) -> None:
    if stage == "collect":
        setup.api.run(setup.ready())
        server.finish()
    child = _context.Process(target=killed, args=(setup.catalog.store.path, server.url, name, when))
    child.start()
    child.join(90)
    assert child.exitcode == -9
    report = setup.api.run(setup.ready())
    if stage == "submit":
        assert report.cached == 0 and report.waiting == 10
        server.finish()
        report = setup.api.run(setup.ready())
    assert report.cached == 10
    assert set(server.handed.values()) == {1}, "each was in one batch"
    assert [setup.generate(thing) for thing in THINGS] == [f"red of {t}" for t in THINGS]
    assert not server.calls


# -------------------------------------------------------------- requests, not made


def test_a_request_has_the_key_its_answer_is_cached_under(setup: Setup) -> None:
    before = setup.ready(["rose"])[0]
    assert before.cached is None
    setup.generate("rose")
    after = setup.ready(["rose"])[0]
    assert after.key == before.key and after.cached is not None
    assert setup.catalog.cache.having([after.key, "0"]) == {after.key}


def test_ordinary_code_finds_out_what_a_batch_has_to_ask(server: BatchServer, setup: Setup) -> None:
    setup.generate("thing 3")
    deferring = DeferringLLM(setup.llm)
    there: list[str] = []
    for thing in [*THINGS, "thing 1"]:
        try:
            made = deferring.generate(PROMPT, Colour, max_tokens=50, thing=thing)
            there.append(made.value.colour)
        except Deferred:
            continue
    assert there == ["red of thing 3"] and len(deferring.requests) == 9
    server.polls = 1
    report = setup.api.run(deferring.requests.values(), wait=True)
    assert (report.wanted, report.cached) == (9, 9)
    assert [setup.generate(thing) for thing in THINGS] == [f"red of {t}" for t in THINGS]
    assert server.calls == {"thing 3": 1}


def test_an_answer_that_does_not_fit_never_gets_into_the_cache(
    server: BatchServer, setup: Setup
) -> None:
    server.becomes = lambda key, _: ([row(key, completion("{}"))], [])
    setup.api.run(setup.ready(["rose"]))
    server.finish()
    setup.api.run(setup.ready(["rose"]))
    assert setup.ready(["rose"])[0].cached is None
    server.answer = lambda _: "{}"
    with pytest.raises(ModelOutputError):  # asked itself, and refused for its own answer
        setup.generate("rose")
    assert server.calls["rose"] > 0
