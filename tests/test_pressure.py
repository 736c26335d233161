"""A server that refuses: all workers slow down together, and every paper is done once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from curator.batch import run_batch
from curator.errors import MissingError, ModelError, ServerUnavailable
from curator.llm.api import ApiLLM
from curator.llm.base import Request
from curator.llm.pressure import IN_BATCH, LONGEST_PAUSE, Pressure, backoff, pause_asked
from curator.settings import load_settings


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def in_batch() -> Iterator[None]:
    token = IN_BATCH.set(threading.Event())
    yield
    IN_BATCH.reset(token)


# ------------------------------------------------------------------- the arithmetic


def test_a_burst_of_refusals_halves_once(clock: Clock) -> None:
    pressure = Pressure(8, patience=60, clock=clock)
    tickets = [pressure.begin() for _ in range(8)]
    assert [pressure.refused(t, 3.0, last=False) for t in tickets] == [True] * 8
    assert pressure.limit == 4


def test_answers_open_it_again_and_never_beyond(clock: Clock) -> None:
    pressure = Pressure(8, patience=60, clock=clock)
    for _ in range(5):
        pressure.refused(pressure.begin(), 1.0, last=False)
        clock.now += 100
    assert pressure.limit == 1
    limits = []
    for _ in range(60):
        pressure.begin()
        pressure.answered()
        limits.append(pressure.limit)
    assert limits == sorted(limits) and limits[0] == 2 and limits[-1] == 8
    assert 8 < limits.index(8) < 40, "it grows by one for each round of answers"


def test_nobody_begins_before_the_moment_the_server_named() -> None:
    pressure = Pressure(4, patience=60)
    first = pressure.begin()
    begun: list[float] = []

    def work() -> None:
        pressure.begin()
        begun.append(time.monotonic())
        pressure.answered()

    started = time.monotonic()
    pressure.refused(first, 0.3, last=False)
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(begun) == 6
    assert 0.3 <= min(begun) - started <= max(begun) - started < 1


def test_a_later_moment_is_never_made_earlier(clock: Clock) -> None:
    pressure = Pressure(2, patience=60, clock=clock)
    one, two = pressure.begin(), pressure.begin()
    pressure.refused(one, 30.0, last=False)
    pressure.refused(two, 1.0, last=False)
    assert pressure._resume == clock.now + 30


@pytest.mark.usefixtures("in_batch")
def test_a_batch_waits_until_its_patience_is_over(clock: Clock) -> None:
    pressure = Pressure(2, patience=60, clock=clock)
    waited: list[float] = []
    while pressure.refused(pressure.begin(), 7.0, last=True) and len(waited) < 100:
        waited.append(clock.now)
        clock.now = pressure._resume
    clock.now = pressure._resume
    assert 5 <= len(waited) <= 8
    pressure.begin()
    pressure.answered()  # one answer, and the patience begins anew
    assert pressure.refused(pressure.begin(), 7.0, last=True)


def test_one_alone_has_no_more_tries_than_it_was_given(clock: Clock) -> None:
    pressure = Pressure(2, patience=60, clock=clock)
    assert not pressure.refused(pressure.begin(), 1.0, last=True)


@pytest.mark.usefixtures("in_batch")
def test_a_pause_of_hours_is_not_waited_for(clock: Clock) -> None:
    pressure = Pressure(2, patience=60, clock=clock)
    assert not pressure.refused(pressure.begin(), 3600.0, last=False)
    assert pressure._resume < clock.now, "and stops no other request"


def test_a_moment_that_is_always_too_near_is_not_believed_for_ever(clock: Clock) -> None:
    pressure = Pressure(2, patience=600, clock=clock)
    asked = 0
    while clock.now < 160:
        pressure.refused(pressure.begin(), 0.001, last=False)
        clock.now = pressure._resume + 0.001
        asked += 1
    assert asked < 25


def test_pauses_double_up_to_a_bound() -> None:
    for n in range(5_000):
        longest = min(0.5 * 2 ** min(n, 10), LONGEST_PAUSE)
        assert 0.75 * longest <= backoff(n) <= longest


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "?", "retry-after": "1"}, 1),
        ({"retry-after": formatdate(140, usegmt=True), "date": formatdate(100, usegmt=True)}, 40),
        ({"retry-after": formatdate(time.time() - 40, usegmt=True)}, None),
    ],
)
def test_the_pause_a_server_asks_for(headers: dict[str, str], pause: float | None) -> None:
    assert pause_asked(headers) == pause


# ------------------------------------------------------------------- a real server


class Colour(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: str


Refusal = tuple[int, dict[str, str], str]


class Storm:
    """A server that refuses as ``refuse`` says, given the seconds since the first request and
    the number of this one. ``asked`` and ``answered`` count by the user's text."""

    def __init__(self, refuse: Callable[[float, int], Refusal | None]) -> None:
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.times: list[tuple[float, int]] = []
        self.most = self._under_way = 0
        self._lock = threading.Lock()
        storm = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                code, headers, text = storm._take(body["messages"][-1]["content"], refuse)
                raw = text.encode()
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self.http.serve_forever, args=(0.002,))
        self._thread.start()

    def _take(self, user: str, refuse: Callable[[float, int], Refusal | None]) -> Refusal:
        now = time.monotonic()
        with self._lock:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            self.asked[user] += 1
            first = self.times[0][0] if self.times else now
            refusal = refuse(now - first, len(self.times))
            self.times.append((now, refusal[0] if refusal else 200))
        if refusal is None:
            time.sleep(0.05)
        with self._lock:
            self._under_way -= 1
            if refusal is None:
                self.answered[user] += 1
        if refusal is not None:
            return refusal
        message = {"role": "assistant", "content": json.dumps({"colour": user})}
        said = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        return 200, {}, json.dumps(said)

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self._thread.join()


@pytest.fixture
def storms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Storm]]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    made: list[Storm] = []

    def make(refuse: Callable[[float, int], Refusal | None]) -> Storm:
        made.append(Storm(refuse))
        return made[-1]

    yield make
    for storm in made:
        storm.close()


def refusal(code: int = 429, why: str = "Slow down.", kind: str = "", **headers: str) -> Refusal:
    error = {"message": why, "code": kind or None}
    return code, {n.replace("_", "-"): v for n, v in headers.items()}, json.dumps({"error": error})


def connect(storm: Storm, **settings: Any) -> ApiLLM:
    usual = {"openai_base_url": storm.url, "openai_api_key": "k", "api_timeout": 20}
    return ApiLLM(load_settings(**{**usual, **settings}), "small")


def ask(llm: ApiLLM, what: str) -> str:
    return llm.complete(Request("Name it.", what, Colour, 20)).text


def done_by(llm: ApiLLM, count: int) -> list[str]:
    names = [f"paper {n}" for n in range(count)]
    outcomes = list(run_batch(names, lambda n: ask(llm, n), workers=llm.concurrency))
    assert sorted(o.item for o in outcomes) == sorted(names)
    assert [o.error for o in outcomes if o.error] == []
    return names


@pytest.mark.parametrize("code", [429, 503])
def test_a_storm_costs_time_and_no_paper(storms: Callable[..., Storm], code: int) -> None:
    """Half of all is refused for two seconds, each time with a pause of one second."""
    storm = storms(
        lambda seconds, n: refusal(code, retry_after="1") if seconds < 2 and n % 2 else None
    )
    names = done_by(connect(storm, api_retries=2), 60)
    took = storm.times[-1][0] - storm.times[0][0]
    assert storm.answered == Counter(names), "each was answered once, and none asked again"
    assert 2 <= took < 4.5, "the storm, and one more pause at most"
    refused = [at for at, code in storm.times if code != 200]
    for at in refused:  # whoever was not under way yet keeps the pause
        inside = [t for t, _ in storm.times if at + 0.2 < t < at + 0.8]
        assert not inside
    assert storm.most == 8, "at its best there is a request for each worker"


def test_a_storm_without_a_moment(storms: Callable[..., Storm]) -> None:
    storm = storms(lambda seconds, n: refusal() if seconds < 2 and n % 2 else None)
    names = done_by(connect(storm, api_retries=1), 40)
    assert storm.answered == Counter(names)
    assert storm.asked.total() < 80, "a pause after each refusal, not one try after the other"


def test_everything_refused_for_longer_than_the_retries(storms: Callable[..., Storm]) -> None:
    storm = storms(lambda seconds, _: refusal(retry_after_ms="300") if seconds < 2.5 else None)
    names = done_by(connect(storm, api_retries=1), 20)
    assert storm.answered == Counter(names)
    early = sum(at - storm.times[0][0] < 2.4 for at, _ in storm.times)
    assert early < 8 + 4 + 2 + 8, "fewer and fewer ask"


def test_a_server_that_stays_closed_ends_the_batch(storms: Callable[..., Storm]) -> None:
    storm = storms(lambda *_: refusal(retry_after_ms="200"))
    llm = connect(storm, api_retries=1, api_timeout=1)
    finished = []
    with pytest.raises(ServerUnavailable, match="takes no more requests") as caught:
        for outcome in run_batch(map(str, range(500)), lambda n: ask(llm, n), workers=8):
            finished.append(outcome)
    assert not finished and len(storm.asked) <= 16, "the other papers are left for later"
    assert caught.value.exit_code == 3 and caught.value.retryable


def test_a_pause_of_an_hour_ends_the_batch_at_once(storms: Callable[..., Storm]) -> None:
    storm = storms(lambda *_: refusal(retry_after="3600"))
    llm = connect(storm)
    with pytest.raises(ServerUnavailable, match="asks to wait 3,600 s"):
        list(run_batch(map(str, range(500)), lambda n: ask(llm, n), workers=8))
    assert storm.asked.total() <= 16


def test_no_money_is_not_waited_for(storms: Callable[..., Storm]) -> None:
    storm = storms(lambda *_: refusal(429, "You exceeded your quota", "insufficient_quota"))
    llm = connect(storm)
    with pytest.raises(MissingError, match="no quota left"):
        list(run_batch(map(str, range(500)), lambda n: ask(llm, n), workers=8))
    assert storm.asked.total() <= 16


def test_one_question_has_its_retries_and_no_more(storms: Callable[..., Storm]) -> None:
    storm = storms(lambda *_: refusal(retry_after_ms="5"))
    for retries in (0, 1, 3):
        storm.asked.clear()
        with pytest.raises(ModelError, match="rate-limited"):
            ask(connect(storm, api_retries=retries), "a")
        assert storm.asked["a"] == retries + 1, "the SDK's own retries are not added"


def test_other_failures_are_tried_again_and_slow_nobody_down(storms: Callable[..., Storm]) -> None:
    storm = storms(lambda _, n: refusal(500, "oops") if n % 5 == 4 else None)
    llm = connect(storm, api_retries=3)
    names = done_by(llm, 40)
    assert storm.answered == Counter(names)
    assert llm._pressure.limit == 8


def test_who_stops_a_batch_does_not_wait_for_the_server(storms: Callable[..., Storm]) -> None:
    storm = storms(lambda _, n: refusal(retry_after="15") if n > 8 else None)
    llm = connect(storm)
    batch = run_batch(map(str, range(500)), lambda n: ask(llm, n), workers=8)
    next(batch)
    while not [code for _, code in storm.times if code != 200]:
        next(batch)
    started = time.monotonic()
    batch.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("told", ["true", "false"])
def test_a_server_that_says_whether_to_try_again(storms: Callable[..., Storm], told: str) -> None:
    code = 409 if told == "false" else 418
    storm = storms(lambda _, n: refusal(code, x_should_retry=told) if n == 0 else None)
    if told == "true":
        assert ask(connect(storm), "a")
    else:
        with pytest.raises(ModelError):
            ask(connect(storm), "a")
    assert storm.asked["a"] == (2 if told == "true" else 1)
