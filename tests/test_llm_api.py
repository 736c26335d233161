"""A model behind an OpenAI-compatible server: a real one on loopback, which speaks the protocol
badly in many ways, and the SDK's own client."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from curator.answers import finished_sentences
from curator.catalog import Catalog
from curator.errors import (
    CuratorError,
    MissingError,
    ModelError,
    ModelOutputError,
    ServerUnavailable,
    UsageError,
)
from curator.llm.api import ApiLLM
from curator.llm.base import Completion, Request
from curator.llm.metered import Budget, MeteredLLM, Usage
from curator.llm.streaming import written
from curator.prompting import Prompt
from curator.settings import load_settings
from curator.trace import traced

KEY = "sk-very-secret-0123456789"
SECRET = "the user wants {a colour}"  # what a model thinks and nobody may read


class Colour(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: str


RED = '{"colour": "dark red, as told"}'
PROSE = "The colour is red."
Body = dict[str, Any]
Reply = Callable[["Handler", Body], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Quiet

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.owner.take(body)(self, body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""

    def send(self, code: int, data: bytes | str, headers: Mapping[str, str]) -> None:
        raw = data.encode() if isinstance(data, str) else data
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def begin(self, media_type: str = "text/event-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def piece(self, data: bytes | str) -> None:
        raw = data.encode() if isinstance(data, str) else data
        self.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw))

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    owner: Server

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are no failure."""


class Server:
    """Replies in turn, the last again and again; ``bodies`` is what it was asked."""

    def __init__(self) -> None:
        self.replies: list[Reply] = [good(RED)]
        self.bodies: list[Body] = []
        self.lock = threading.Lock()
        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.http.owner = self
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.002,))
        self.thread.start()

    def take(self, body: Body) -> Reply:
        with self.lock:
            self.bodies.append(body)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def says(self, *replies: Reply) -> None:
        self.replies = list(replies)

    @property
    def ways(self) -> list[tuple[str, str]]:
        """How it was asked, each time: for which form, and how to be sent."""
        return [(form_of(body), mode_of(body)) for body in self.bodies]

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def form_of(body: Body) -> str:
    return str(body.get("response_format", {}).get("type", "prompt"))


def mode_of(body: Body) -> str:
    if not body.get("stream"):
        return "whole"
    return "counted" if body.get("stream_options") else "streamed"


# ---------------------------------------------------------------- what servers say


def event(content: object = None, finish: str | None = None, **delta: object) -> str:
    """One piece of a stream."""
    choice = {"index": 0, "delta": {"content": content, **delta}, "finish_reason": finish}
    return data({"object": "chat.completion.chunk", "choices": [choice]})


def data(said: object) -> str:
    return f"data: {said if isinstance(said, str) else json.dumps(said)}\n\n"


USAGE: Body = {"prompt_tokens": 70, "completion_tokens": 9, "total_tokens": 79}
COUNTED = data({"choices": [], "usage": USAGE})
STOP, DONE = event(finish="stop"), data("[DONE]")


def stream(*events: str | bytes, media_type: str = "text/event-stream") -> Reply:
    """A stream that ends as HTTP should."""

    def reply(handler: Handler, _: Body) -> None:
        handler.begin(media_type)
        for said in events:
            handler.piece(said)
        handler.end()

    return reply


def in_pieces(text: str, size: int = 5) -> list[str]:
    return [event(text[at : at + size]) for at in range(0, len(text), size)]


def answer(text: object, finish: str = "stop", **fields: object) -> Body:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"object": "chat.completion", "choices": [choice], "usage": USAGE, **fields}


def whole(said: object, code: int = 200, media_type: str = "application/json") -> Reply:
    """One JSON document, or what is given as it is, whatever was asked for."""
    text = said if isinstance(said, str | bytes) else json.dumps(said)
    # Whoever tries again need not wait.
    headers = {"Content-Type": media_type, "retry-after-ms": "1"}
    return lambda handler, _: handler.send(code, text, headers)


def good(text: str, finish: str = "stop") -> Reply:
    """What a good server says: streamed and counted if it is asked to."""

    def reply(handler: Handler, body: Body) -> None:
        if mode_of(body) == "whole":
            return whole(answer(text, finish))(handler, body)
        counted = [COUNTED] if mode_of(body) == "counted" else []
        return stream(*in_pieces(text), event(finish=finish), *counted, DONE)(handler, body)

    return reply


def refusal(code: int, message: str = "This cannot be done.") -> Reply:
    return whole({"error": {"message": message, "type": "invalid_request_error"}}, code)


def choosy(
    *,
    forms: tuple[str, ...] = (),
    modes: tuple[str, ...] = (),
    refuse: Reply,
    then: Reply | None = None,
) -> Reply:
    """A server that refuses some ways of asking, each time."""

    def reply(handler: Handler, body: Body) -> None:
        refused = form_of(body) in forms or mode_of(body) in modes
        return (refuse if refused else then or good(RED))(handler, body)

    return reply


# ---------------------------------------------------------------- asking

Told = list[str] | None
LISTENING: tuple[Told, Told] = ([], None)


@pytest.fixture(scope="module", autouse=True)
def no_proxy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        yield


@pytest.fixture(scope="module")
def running(no_proxy: None) -> Iterator[tuple[Server, ApiLLM]]:
    """One server and one client for all: making the SDK's client takes longer than a test."""
    server = Server()
    llm = connect(server.url)
    yield server, llm
    llm._client.close()
    server.close()


@pytest.fixture
def server(running: tuple[Server, ApiLLM]) -> Server:
    """A server that nobody has asked yet, and that does all right."""
    server, _ = running
    server.says(good(RED))
    server.bodies.clear()
    return server


@pytest.fixture
def llm(running: tuple[Server, ApiLLM]) -> ApiLLM:
    """A model that knows nothing of its server yet."""
    return forgetful(running[1])


def connect(url: str, **settings: object) -> ApiLLM:
    usual = {"openai_base_url": url, "openai_api_key": KEY, "api_timeout": 20, "api_retries": 2}
    return ApiLLM(load_settings(**{**usual, **settings}), "small")


def forgetful(llm: ApiLLM) -> ApiLLM:
    llm._rung = llm._mode = 0
    llm._known = {("prompt", "whole")}
    return llm


def ask(llm: ApiLLM, told: list[str] | Callable[[str], None] | None = None) -> Completion:
    on_text = told.append if isinstance(told, list) else told
    return llm.complete(Request("Name a colour.", "rose", Colour, 50, on_text))


def grows(told: list[str]) -> bool:
    return all(later.startswith(earlier) for earlier, later in pairwise(told))


class TestStreaming:
    def test_the_text_so_far_is_told_as_it_grows(self, server: Server, llm: ApiLLM) -> None:
        told: list[str] = []
        made = ask(llm, told)
        assert made.text == told[-1] == RED
        assert grows(told) and len(set(told)) == len(in_pieces(RED))
        assert (made.prompt_tokens, made.completion_tokens, made.calls) == (70, 9, 1)
        assert server.bodies[0]["stream"] is True
        assert server.bodies[0]["stream_options"] == {"include_usage": True}

    def test_nobody_listens_so_nothing_is_streamed(self, server: Server, llm: ApiLLM) -> None:
        assert ask(llm).text == RED
        assert server.ways == [("json_schema", "whole")]
        assert "stream" not in server.bodies[0]

    def test_a_sentence_is_told_before_the_next_is_written(
        self, server: Server, llm: ApiLLM
    ) -> None:
        heard = threading.Event()

        def reply(handler: Handler, _: Body) -> None:
            handler.begin()
            handler.piece(event('{"sentences": [{"text": "One.", "evidence": 1},'))
            waited.append(heard.wait(10))
            handler.piece(event('{"text": "Two.", "evidence": 2}]}') + STOP)
            handler.end()

        def on_text(text: str) -> None:
            if [sentence["text"] for sentence in finished_sentences(text)] == ["One."]:
                heard.set()

        class Draft(BaseModel):
            sentences: list[dict[str, Any]]

        waited: list[bool] = []
        server.says(reply)
        made = llm.complete(Request("", "", Draft, 50, on_text))
        assert waited == [True] and len(finished_sentences(made.text)) == 2

    @pytest.mark.parametrize("size", [1, 3, 7, 1000])
    @pytest.mark.parametrize(
        "said",
        [
            f"<think>{SECRET}</think>{RED}",
            f"\n <think>\n{SECRET}\n</think>\n\n{RED}\n",
            f"{SECRET}</think>{RED}",  # the prompt ended with the opening tag
            f"<think>{SECRET}</think><think>{SECRET}</think> {RED}",
            f"<think>{SECRET} </think> {SECRET}</think>{RED}",
            f"```json\n{RED}\n```",
            f"```\n{RED}```\n",
            f"```JSON {RED}",
            f"<think>{SECRET}```json\n{{}}\n```</think>\n```json\n{RED}\n```",
        ],
    )
    def test_thoughts_and_fences_are_no_text(
        self, server: Server, llm: ApiLLM, said: str, size: int
    ) -> None:
        server.says(stream(*in_pieces(said, size), STOP, DONE))
        told: list[str] = []
        assert ask(llm, told).text == told[-1] == RED
        assert grows(told)
        assert server.ways == [("json_schema", "counted")]

    def test_thoughts_that_never_end_are_no_text(self, server: Server, llm: ApiLLM) -> None:
        said = f"<think>{SECRET}. Perhaps {RED}?"
        server.says(stream(*in_pieces(said), event(finish="length"), COUNTED, DONE))
        told: list[str] = []
        with pytest.raises(ModelOutputError) as caught:
            ask(llm, told)
        assert set(told) == {""} and SECRET not in str(caught.value)

    @pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
    def test_thoughts_in_a_field_of_their_own(
        self, server: Server, llm: ApiLLM, field: str
    ) -> None:
        thoughts = [event(None, **{field: part}) for part in (SECRET, RED, "{")]
        server.says(stream(*thoughts, *in_pieces(RED, 10), STOP, DONE))
        told: list[str] = []
        made = ask(llm, told)
        assert made.text == RED and told[:3] == ["", "", ""] and grows(told)
        assert made.completion_tokens == 3 + len(in_pieces(RED, 10)), "they were paid for"

    def test_content_in_parts(self, server: Server, llm: ApiLLM) -> None:
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": SECRET}]}
        other = {"type": "reasoning", "text": SECRET}
        parts = [thought, other, {"type": "text", "text": RED}, {"type": "text"}, None]
        server.says(stream(event(parts), STOP, DONE))
        told: list[str] = []
        assert ask(llm, told).text == RED and told == [RED, RED]
        server.says(whole(answer(parts)))
        assert ask(llm).text == RED

    def test_a_paper_may_write_of_thinking(self, server: Server, llm: ApiLLM) -> None:
        said = '{"colour": "It reasons in <think> tags, until </think>, in a ``` fence"}'
        for reply in (stream(*in_pieces(said, 2), STOP, DONE), good(said)):
            server.says(reply)
            told: list[str] = []
            assert ask(llm, told).text == said and grows(told)
        assert ask(llm).text == said

    @pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, json.JSONDecodeError])
    @pytest.mark.parametrize("thinking", [False, True])
    def test_what_on_text_raises_ends_the_call(
        self, server: Server, llm: ApiLLM, raised: type[BaseException], thinking: bool
    ) -> None:
        gone = threading.Event()

        def reply(handler: Handler, _: Body) -> None:
            handler.begin()
            handler.piece(event(None, reasoning_content="hm") if thinking else event('{"col'))
            handler.connection.settimeout(10)
            if handler.connection.recv(1) == b"":  # the client has hung up
                gone.set()

        def on_text(text: str) -> None:
            assert text == ("" if thinking else '{"col')
            raise error

        error = raised("stop", "", 0) if raised is json.JSONDecodeError else raised("stop")
        server.says(reply)
        with pytest.raises(raised) as caught:
            ask(llm, on_text)
        assert caught.value is error
        assert gone.wait(5), "the server is told that nobody waits"
        server.says(good(RED))
        assert ask(llm, []).text == RED, "the next call is none the worse"

    def test_errors_of_the_sdk_out_of_on_text_are_the_callers(
        self, server: Server, llm: ApiLLM
    ) -> None:
        import httpx2
        import openai

        error = openai.APIConnectionError(request=httpx2.Request("POST", server.url))

        def on_text(_: str) -> None:
            raise error

        with pytest.raises(openai.APIConnectionError) as caught:
            ask(llm, on_text)
        assert caught.value is error


class TestServersThatDoNotStream:
    @pytest.mark.parametrize("code", [400, 422, 500, 501])
    @pytest.mark.parametrize(
        ("message", "modes", "left"),
        [
            ("Unknown parameter: stream_options", ("counted",), "streamed"),
            ("stream is not supported", ("counted", "streamed"), "whole"),
            ("No.", ("counted",), "streamed"),
            ("No.", ("counted", "streamed"), "whole"),
        ],
    )
    def test_refused_and_remembered(
        self,
        server: Server,
        llm: ApiLLM,
        code: int,
        message: str,
        modes: tuple[str, ...],
        left: str,
    ) -> None:
        server.says(choosy(modes=modes, refuse=refusal(code, message)))
        told: list[str] = []
        assert ask(llm, told).text == RED
        assert server.ways[-1] == ("json_schema", left)
        if code < 500 or "stream" in message:
            assert len(server.ways) == len(modes) + 1, "what is refused is not tried again"
        assert bool(told) is (left == "streamed")
        server.bodies.clear()
        assert ask(llm, told).calls == 1
        assert ask(llm).text == RED
        assert server.ways == [("json_schema", left), ("json_schema", "whole")]

    def test_a_failure_that_passes_is_no_refusal(self, server: Server, llm: ApiLLM) -> None:
        for code in (500, 503, 429, 408):
            server.says(whole("oops", code), good(RED))
            assert ask(llm, []).text == RED
        assert {mode for _, mode in server.ways} == {"counted"}
        assert server.ways[-1] == ("json_schema", "counted")

    def test_upstream_is_no_stream(self, server: Server, llm: ApiLLM) -> None:
        server.says(refusal(500, "upstream connect error"), good(RED))
        assert ask(llm, []).text == RED
        assert server.ways == [("json_schema", "counted")] * 2

    @pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8"])
    def test_ignored_with_one_json_document(
        self, server: Server, llm: ApiLLM, media_type: str
    ) -> None:
        server.says(whole(answer(RED), media_type=media_type))
        for _ in range(2):
            made = ask(llm, [])
            assert (made.text, made.calls, made.prompt_tokens) == (RED, 1, 70)
        assert server.ways == [("json_schema", "counted"), ("json_schema", "whole")]

    @pytest.mark.parametrize("media_type", ["text/plain", "text/event-stream"])
    def test_ignored_under_another_name(self, server: Server, llm: ApiLLM, media_type: str) -> None:
        server.says(whole(answer(RED), media_type=media_type))
        assert ask(llm, []).text == RED
        assert ask(llm, []).text == RED
        assert [mode for _, mode in server.ways] == ["counted", "whole", "whole"]

    def test_a_stream_under_another_name(self, server: Server, llm: ApiLLM) -> None:
        server.says(stream(*in_pieces(RED), STOP, DONE, media_type="text/plain"))
        told: list[str] = []
        assert ask(llm, told).text == RED and len(told) > 3

    def test_the_ladder_below_a_server_that_refuses_it_all(
        self, server: Server, llm: ApiLLM
    ) -> None:
        """No streams and no forms, and never a word about which: found out once."""
        forms, modes = ("json_schema", "json_object"), ("counted", "streamed")
        server.says(choosy(forms=forms, modes=modes, refuse=refusal(400)))
        assert ask(llm, []).text == RED
        assert len(server.ways) <= 9 and server.ways[-1] == ("prompt", "whole")
        server.bodies.clear()
        assert ask(llm, []).calls == 1
        assert server.ways == [("prompt", "whole")]

    @pytest.mark.parametrize("message", ["'response_format' type must be text", "No."])
    @pytest.mark.parametrize("code", [400, 422])
    def test_a_form_that_is_refused_costs_no_stream(
        self, server: Server, llm: ApiLLM, code: int, message: str
    ) -> None:
        server.says(choosy(forms=("json_schema",), refuse=refusal(code, message)))
        told: list[str] = []
        assert ask(llm, told).text == RED == told[-1]
        assert ask(llm, told).calls == 1
        assert server.ways[-2:] == [("json_object", "counted")] * 2
        assert len(server.ways) == (3 if "format" in message else 5)

    def test_eight_at_once(self, server: Server, llm: ApiLLM) -> None:
        refuse = refusal(400, "stream_options?")
        server.says(choosy(forms=("json_schema",), modes=("counted",), refuse=refuse))
        texts: list[str] = []
        threads = [
            threading.Thread(target=lambda: texts.append(ask(llm, []).text)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert texts == [RED] * 8
        ask(llm, [])
        assert server.ways[-1] == ("json_object", "streamed")


class TestOddStreams:
    @pytest.mark.parametrize(
        "events",
        [
            [event("", role="assistant"), *in_pieces(RED), STOP, COUNTED, DONE],
            [": keep-alive\n\n", ":\n\n", event(RED), ": still here\n\n", STOP, DONE],
            [data({"type": "ping"}), event(RED), data("null"), data('"ping"'), STOP, DONE],
            [event(RED), data({"choices": []}), data({"choices": None}), STOP],
            [event(RED), data({"choices": [{}]}), data({"choices": [None]}), STOP, DONE],
            [event(RED, "stop"), DONE, event("more")],
            [event(RED)],  # neither a reason nor an end: but whole
            ["event: message\nid: 7\nretry: 10\n" + event(RED), STOP, DONE],
            [event(RED).replace("\n", "\r\n"), STOP.replace("\n", "\r\n"), DONE],
            [event(RED).replace("\n", "\r"), STOP.replace("\n", "\r"), DONE],
            ["\n\n" + event(RED).replace("data: ", "data:"), STOP, DONE],
            [event(RED) + STOP + COUNTED + DONE],
            [bytes([byte]) for byte in (event(RED) + STOP + DONE).encode()],
        ],
        ids=range(13),
    )
    def test_are_read(self, server: Server, llm: ApiLLM, events: list[str | bytes]) -> None:
        server.says(stream(*events))
        told: list[str] = []
        made = ask(llm, told)
        assert made.text == told[-1] == RED and grows(told) and made.calls == 1
        assert len(server.bodies) == 1

    def test_text_of_all_the_world(self, server: Server, llm: ApiLLM) -> None:
        colour = "røt 赤 🟥 \u2028 \x85 end"
        said = json.dumps({"colour": colour}, ensure_ascii=False)
        piece = {"choices": [{"delta": {"content": said}}]}
        raw = f"data: {json.dumps(piece, ensure_ascii=False)}\n\n".encode()
        server.says(stream(*(raw[at : at + 3] for at in range(0, len(raw), 3)), STOP, DONE))
        assert Colour.model_validate_json(ask(llm, []).text).colour == colour

    def test_prose_without_a_reason_to_stop_is_not_broken_off(
        self, server: Server, llm: ApiLLM
    ) -> None:
        server.says(stream(*in_pieces(PROSE), DONE), good(RED))
        assert ask(llm, []).calls == 2

    def test_tokens_are_estimated_where_the_server_does_not_count(
        self, server: Server, llm: ApiLLM
    ) -> None:
        opening = event("", role="assistant")
        server.says(stream(opening, *in_pieces(RED, 4), STOP, DONE))
        made = ask(llm, [])
        assert made.completion_tokens == len(in_pieces(RED, 4))
        asked = sum(len(message["content"]) for message in server.bodies[0]["messages"])
        assert made.prompt_tokens == asked // 4 > 0
        body = answer(RED)
        del body["usage"]
        for said in (body, answer(RED, usage=None), answer(RED, usage={"prompt_tokens": "?"})):
            server.says(whole(said))
            made = ask(llm)
            assert (made.prompt_tokens, made.completion_tokens) == (asked // 4, len(RED) // 4 + 1)

    def test_the_last_count_counts(self, server: Server, llm: ApiLLM) -> None:
        """Some count in each piece, as far as they are."""
        growing = [
            {**json.loads(event(text)[6:]), "usage": {**USAGE, "completion_tokens": n}}
            for n, text in enumerate((RED[:9], RED[9:]), 1)
        ]
        server.says(stream(*map(data, growing), STOP, DONE))
        made = ask(llm, [])
        assert (made.prompt_tokens, made.completion_tokens) == (70, 2)


def cut_off(*events: str) -> Reply:
    """The connection breaks in the middle of the body."""

    def reply(handler: Handler, _: Body) -> None:
        handler.begin()
        for said in events:
            handler.piece(said)
        handler.close_connection = True

    return reply


def closed(*events: str) -> Reply:
    """The body has no length; it ends where the connection does."""

    def reply(handler: Handler, _: Body) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write("".join(events).encode())
        handler.close_connection = True

    return reply


class TestStreamsThatFail:
    @pytest.mark.parametrize("reply", [cut_off, closed, stream])
    def test_broken_off(self, server: Server, llm: ApiLLM, reply: Callable[..., Reply]) -> None:
        server.says(reply(event('{"colour": '), event('"dark')))
        told: list[str] = []
        with pytest.raises(ModelError, match="openai:small broke off") as caught:
            ask(llm, told)
        assert caught.value.retryable and not isinstance(caught.value, ModelOutputError)
        assert told == ['{"colour":', '{"colour": "dark']
        assert (caught.value.calls, caught.value.completion_tokens) == (1, 2)
        assert caught.value.prompt_tokens > 0 and caught.value.seconds > 0
        assert len(server.bodies) == 1, "what was shown is not shown again"

    def test_broken_off_before_it_began(self, server: Server, llm: ApiLLM) -> None:
        server.says(cut_off())
        with pytest.raises(ModelError, match="broke off") as caught:
            ask(llm, [])
        assert (caught.value.calls, caught.value.prompt_tokens) == (1, 0)

    def test_silence(self, server: Server) -> None:
        quiet = threading.Event()

        def reply(handler: Handler, _: Body) -> None:
            handler.begin()
            handler.piece(event('{"colour'))
            quiet.wait(10)

        server.says(reply)
        llm = connect(server.url, api_timeout=0.3)
        with pytest.raises(ModelError, match="did not answer in time") as caught:
            ask(llm, [])
        quiet.set()
        llm._client.close()
        assert caught.value.retryable and caught.value.completion_tokens == 1

    @pytest.mark.parametrize(
        "said",
        [
            data({"error": {"message": "overloaded", "code": 529}}),
            data({"error": "overloaded"}),
            data({"error": {}, "message": "overloaded"}),
            data({"object": "error", "message": "overloaded", "code": 500}),
            "event: error\n" + data({"error": {"message": "overloaded"}}),
        ],
        ids=range(5),
    )
    @pytest.mark.parametrize("first", [[], [event('{"col')]], ids=["at once", "later"])
    def test_an_error_inside(
        self, server: Server, llm: ApiLLM, said: str, first: list[str]
    ) -> None:
        server.says(stream(*first, said, DONE))
        with pytest.raises(ModelError) as caught:
            ask(llm, [])
        assert caught.value.retryable and caught.value.completion_tokens == len(first)
        if '{"error": {}' not in said:
            assert str(caught.value) == "openai:small failed: overloaded."

    @pytest.mark.parametrize("said", [b"data: {half\n\n", b"data: \xff\xfe\n\n", b"data: <p>\n\n"])
    def test_no_json_inside(self, server: Server, llm: ApiLLM, said: bytes) -> None:
        server.says(stream(event('{"col'), said, DONE))
        with pytest.raises(ModelError, match="no part of an answer") as caught:
            ask(llm, [])
        assert caught.value.retryable

    def test_cut_off_at_the_limit(self, server: Server, llm: ApiLLM) -> None:
        server.says(stream(*in_pieces(RED[:15]), event(finish="length"), COUNTED, DONE))
        with pytest.raises(ModelOutputError, match="form asked for") as caught:
            ask(llm, [])
        assert len(server.bodies) == 1, "asked in another way, it would be cut off too"
        spent = (caught.value.calls, caught.value.prompt_tokens, caught.value.completion_tokens)
        assert spent == (1, 70, 9)

    def test_an_error_document_instead(self, server: Server, llm: ApiLLM) -> None:
        server.says(whole({"error": {"message": "no credit", "code": 402}}))
        for told in LISTENING:
            with pytest.raises(ModelError, match=r"openai:small failed: no credit\.$"):
                ask(llm, told)

    def test_a_document_that_breaks_off(self, server: Server, llm: ApiLLM) -> None:
        def reply(handler: Handler, _: Body) -> None:
            handler.begin("application/json")
            handler.piece('{"choices": [')
            handler.close_connection = True

        server.says(reply)
        with pytest.raises(ModelError, match="broke off"):
            ask(llm, [])


class TestLadder:
    @pytest.fixture(params=[False, True], ids=["whole", "streamed"])
    def told(self, request: pytest.FixtureRequest) -> list[str] | None:
        return [] if request.param else None

    def test_what_each_rung_asks_for(self, server: Server, llm: ApiLLM) -> None:
        server.says(good(PROSE), good(PROSE), good(RED))
        assert ask(llm).calls == 3
        schema = Colour.model_json_schema()
        strict, loose, plain = server.bodies
        assert strict["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "Colour", "schema": schema},
        }
        assert loose["response_format"] == {"type": "json_object", "schema": schema}
        assert "response_format" not in plain
        for body in server.bodies:
            system, user = (message["content"] for message in body["messages"])
            assert user == "rose" and system.startswith("Name a colour.")
            assert ("additionalProperties" in system) is (body is not strict)
            assert (body["model"], body["max_tokens"], body["temperature"]) == ("small", 50, 0)

    @pytest.mark.parametrize(
        "said",
        [
            PROSE,
            "",
            "[]",
            '{"color": "red"}',
            '{"colour": "red", "more": 1}',
            f"{RED} I hope this helps.",
            f"<think>{SECRET}</think>",
            "```json\n{}\n```",
        ],
    )
    @pytest.mark.parametrize("rung", [1, 2])
    def test_disobeyed(
        self, server: Server, llm: ApiLLM, told: list[str] | None, said: str, rung: int
    ) -> None:
        server.says(*[good(said)] * rung, good(RED))
        made = ask(llm, told)
        assert (made.text, made.calls) == (RED, rung + 1)
        assert (made.prompt_tokens, made.completion_tokens) == (70 * made.calls, 9 * made.calls)
        assert told is None or told[-1] == RED
        server.bodies.clear()
        assert ask(llm, told).calls == 1, "what it obeyed is remembered"
        assert server.ways[0][0] == ("json_schema", "json_object", "prompt")[rung]

    @pytest.mark.parametrize("code", [400, 422, 500])
    @pytest.mark.parametrize("forms", [("json_schema",), ("json_schema", "json_object")])
    def test_refused(
        self,
        server: Server,
        llm: ApiLLM,
        told: list[str] | None,
        code: int,
        forms: tuple[str, ...],
    ) -> None:
        server.says(choosy(forms=forms, refuse=refusal(code, "body.response_format: 'text'?")))
        made = ask(llm, told)
        assert (made.text, made.calls, len(server.bodies)) == (RED, 1, len(forms) + 1)
        assert ask(llm, told).text == RED
        assert len(server.bodies) == len(forms) + 2

    @pytest.mark.parametrize("said", [PROSE, '{"color": "red"}', ""])
    def test_disobeyed_on_every_rung(
        self, server: Server, llm: ApiLLM, told: list[str] | None, said: str
    ) -> None:
        server.says(good(said))
        for _ in range(2):
            with pytest.raises(ModelOutputError, match="openai:small did not answer") as caught:
                ask(llm, told)
            error = caught.value
            assert (error.calls, error.prompt_tokens, error.completion_tokens) == (3, 210, 27)
            assert error.retryable and error.seconds > 0
        assert [form for form, _ in server.ways] == ["json_schema", "json_object", "prompt"] * 2

    def test_what_is_refused_is_remembered_though_the_model_is_useless(
        self, server: Server, llm: ApiLLM, told: list[str] | None
    ) -> None:
        refuse = refusal(400, "json_schema?")
        server.says(choosy(forms=("json_schema",), refuse=refuse, then=good(PROSE)))
        for _ in range(2):
            with pytest.raises(ModelOutputError):
                ask(llm, told)
        forms = [form for form, _ in server.ways]
        assert forms == ["json_schema", *["json_object", "prompt"] * 2]

    def test_a_prompt_that_is_too_long_teaches_nothing(
        self, server: Server, llm: ApiLLM, told: list[str] | None
    ) -> None:
        long = refusal(400, "This model's maximum context length is 4096 tokens.")
        server.says(long)
        with pytest.raises(ModelError, match=r"refused the request: .*maximum context") as caught:
            ask(llm, told)
        assert (caught.value.calls, caught.value.prompt_tokens) == (1, 0)
        assert not isinstance(caught.value, ModelOutputError)
        server.says(good(RED))
        assert ask(llm, told).text == RED
        assert server.ways[-1] == ("json_schema", "whole" if told is None else "counted")
        server.says(long)
        server.bodies.clear()
        with pytest.raises(ModelError):
            ask(llm, told)
        assert len(server.bodies) == 3, "one for each form; streaming is known to work"

    @pytest.mark.parametrize(
        "said",
        [
            f"<think>{SECRET}</think>{RED}",
            f"{SECRET}\n</think>\n\n{RED}",
            f"```json\n{RED}\n```",
            f"<think>{SECRET}</think>\n```\n{RED}\n```\n",
        ],
    )
    def test_thoughts_and_fences_in_one_piece(self, server: Server, llm: ApiLLM, said: str) -> None:
        server.says(whole(answer(said)))
        assert ask(llm).text == RED and len(server.bodies) == 1

    def test_thoughts_that_never_end_in_one_piece(self, server: Server, llm: ApiLLM) -> None:
        server.says(good(f"<think>{SECRET}. Perhaps {RED}"))
        with pytest.raises(ModelOutputError) as caught:
            ask(llm)
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize(
        "said",
        [
            {"choices": []},
            {"choices": None},
            {"choices": [None]},
            {"choices": [{}]},
            {"choices": [{"text": RED}]},
            {"choices": [{"message": None}]},
            {"choices": [{"message": {"content": None, "reasoning_content": RED}}]},
            {"choices": "none"},
            {"choices": [{"message": {"content": 7}}], "usage": "much"},
        ],
        ids=range(9),
    )
    def test_documents_without_an_answer(
        self, server: Server, llm: ApiLLM, told: list[str] | None, said: object
    ) -> None:
        server.says(whole(said))
        with pytest.raises(ModelOutputError, match="form asked for"):
            ask(llm, told)


class TestAccounting:
    PROMPT = Prompt("colour", "", frozenset({"thing"}), "Colour", "Name colours.", "{{ thing }}")

    @pytest.mark.parametrize("streamed", [False, True])
    @pytest.mark.parametrize(
        ("reply", "spent"),
        [
            (good(PROSE), (3, 210, 27)),
            (good(RED[:9], "length"), (1, 70, 9)),
            (refusal(401), (1, 0, 0)),
        ],
        ids=["no form", "cut off", "no key"],
    )
    def test_calls_that_fail_are_counted(
        self,
        server: Server,
        llm: ApiLLM,
        catalog: Catalog,
        reply: Reply,
        spent: tuple[int, int, int],
        streamed: bool,
    ) -> None:
        server.says(reply)
        budget = Budget(max_tokens=30)
        metered = MeteredLLM(llm, catalog.cache, budget)
        told: list[str] = []
        on_text = told.append if streamed else None
        with traced() as trace, pytest.raises(CuratorError):
            metered.generate(self.PROMPT, Colour, thing="rose", on_text=on_text)
        used = metered.usage
        assert (used.llm_calls, used.prompt_tokens, used.completion_tokens) == spent
        assert (used.seconds > 0) is (spent[1] > 0)
        if spent[1]:
            assert trace.spent()["prompt_tokens"] == spent[1]
            assert trace.spent()["llm_calls"] == spent[0]
            with pytest.raises(CuratorError, match="max-tokens"):
                metered.generate(self.PROMPT, Colour, thing="violet")

    def test_the_whole_is_told_at_the_end(
        self, server: Server, llm: ApiLLM, catalog: Catalog
    ) -> None:
        told: list[str] = []
        metered = MeteredLLM(llm, catalog.cache)
        made = metered.generate(self.PROMPT, Colour, thing="rose", on_text=told.append)
        assert told[-1] == RED and grows(told)
        assert made.usage == Usage(1, 70, 9, made.usage.seconds)


class TestErrors:
    @pytest.mark.parametrize("streamed", [False, True])
    @pytest.mark.parametrize(
        ("code", "kind", "message", "exit_code"),
        [
            (401, MissingError, "refused the key for openai:small (HTTP 401)", 3),
            (403, MissingError, "refused the key for openai:small (HTTP 403)", 3),
            (404, MissingError, "does not know openai:small (HTTP 404)", 3),
            (405, MissingError, "is no OpenAI-compatible server", 3),
            (400, ModelError, "openai:small refused the request", 1),
            (422, ModelError, "openai:small refused the request", 1),
            (429, ModelError, "openai:small is rate-limited (HTTP 429), also after waiting", 1),
            (402, ModelError, "openai:small failed", 1),
            (500, ModelError, "openai:small failed", 1),
            (503, ModelError, "openai:small failed", 1),
        ],
    )
    def test_statuses(
        self,
        server: Server,
        llm: ApiLLM,
        code: int,
        kind: type[CuratorError],
        message: str,
        exit_code: int,
        streamed: bool,
    ) -> None:
        """Each quotes the key, as some servers do."""
        server.says(refusal(code, f"Bad things happened to {KEY}, Bearer {KEY}."))
        with pytest.raises(CuratorError) as caught:
            ask(llm, [] if streamed else None)
        assert type(caught.value) is kind and caught.value.exit_code == exit_code
        assert message in str(caught.value)
        assert KEY not in str(caught.value) and "Traceback" not in str(caught.value)
        assert caught.value.retryable is (code in (402, 429, 500, 503))

    @pytest.mark.parametrize("streamed", [False, True])
    def test_the_key_stands_in_no_error_of_an_answer(
        self, server: Server, llm: ApiLLM, streamed: bool
    ) -> None:
        error = {"error": {"message": f"{KEY} has no credit"}}
        replies = [
            whole(error),
            stream(data(error)),
            stream(data({"object": "error", **error["error"]})),
        ]
        for reply in replies if streamed else replies[:1]:
            server.says(reply)
            with pytest.raises(ModelError, match="has no credit") as caught:
                ask(forgetful(llm), [] if streamed else None)
            assert KEY not in str(caught.value)

    def test_rate_limited_first(self, server: Server, llm: ApiLLM) -> None:
        for told in LISTENING:
            server.says(refusal(429), refusal(429), good(RED))
            assert ask(llm, told).text == RED
        assert len(server.bodies) == 6

    def test_retries_are_as_many_as_are_set(self, server: Server) -> None:
        for retries in (0, 1, 2):
            llm = connect(server.url, api_retries=retries)
            server.says(refusal(503))
            server.bodies.clear()
            with pytest.raises(ModelError):
                ask(llm)
            assert len(server.bodies) == retries + 1
            llm._client.close()

    def test_lost_connections_are_tried_again(self, server: Server, llm: ApiLLM) -> None:
        def drop(handler: Handler, _: Body) -> None:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True

        for told in LISTENING:
            server.says(drop, good(RED))
            assert ask(llm, told).text == RED

    @pytest.mark.parametrize("streamed", [False, True])
    def test_no_answer_in_time(self, server: Server, streamed: bool) -> None:
        over = threading.Event()

        def reply(handler: Handler, _: Body) -> None:
            over.wait(10)

        server.says(reply)
        llm = connect(server.url, api_timeout=0.2, api_retries=1)
        with pytest.raises(ModelError, match="did not answer in time") as caught:
            ask(llm, [] if streamed else None)
        over.set()
        llm._client.close()
        assert caught.value.retryable

    @pytest.mark.parametrize("streamed", [False, True])
    def test_nobody_is_there(self, streamed: bool) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"http://user:{KEY}@127.0.0.1:{probe.getsockname()[1]}/v1"
        llm = connect(address, api_retries=0)
        with pytest.raises(ServerUnavailable, match="cannot be reached") as caught:
            ask(llm, [] if streamed else None)
        assert "OPENAI_BASE_URL" in str(caught.value) and KEY not in str(caught.value)
        assert KEY not in llm.identity

    @pytest.mark.parametrize("streamed", [False, True])
    @pytest.mark.parametrize(
        ("said", "media_type"),
        [
            ("<html><p>It works!</p></html>", "text/html"),
            ('{"status": "ok"}', "application/json"),
            ("[1, 2]", "application/json"),
            ('"hello"', "application/json"),
            ("null", "application/json"),
            ("{half", "application/json"),
            (b"\xff\xfe\xfd", "application/json"),
            ("", "application/json"),
            ("", "text/plain"),
        ],
        ids=range(9),
    )
    def test_an_address_of_something_else(
        self, server: Server, llm: ApiLLM, said: str | bytes, media_type: str, streamed: bool
    ) -> None:
        server.says(whole(said, media_type=media_type))
        with pytest.raises(MissingError, match="no OpenAI-compatible server") as caught:
            ask(llm, [] if streamed else None)
        assert "/v1" in caught.value.remedy

    @pytest.mark.parametrize("address", ["http://[::1", "http://h:port/v1"])
    def test_an_address_that_is_none(self, address: str) -> None:
        with pytest.raises(UsageError, match="address") as caught:
            connect(address)
        assert "OPENAI_BASE_URL" in caught.value.remedy

    @pytest.mark.parametrize(
        "address", ["127.0.0.1:8000/v1", "ftp://127.0.0.1/v1", "http://127.0.0.1:99999999/v1"]
    )
    def test_an_address_that_leads_nowhere(self, address: str) -> None:
        llm = connect(address, api_retries=0)
        with pytest.raises(CuratorError, match="OPENAI_BASE_URL"):
            ask(llm)
        llm._client.close()

    @pytest.mark.parametrize("key", ["sk-two\nlines", "sk-two words", "sk-ключ", "sk-\x07bell"])
    def test_a_key_that_can_be_none(self, server: Server, key: str) -> None:
        with pytest.raises(MissingError, match="characters") as caught:
            connect(server.url, openai_api_key=key)
        assert key not in str(caught.value) and "sk-" not in str(caught.value)

    def test_a_key_with_the_end_of_its_line(self, server: Server) -> None:
        llm = connect(server.url, openai_api_key=f" {KEY}\n")
        assert ask(llm).text == RED
        llm._client.close()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", ""),
        ("<thi", ""),
        ("<think>", ""),
        ("<think>{", ""),
        ("<think></thin", ""),
        ("<think></think>", ""),
        ("<think></think>\n{", "{"),
        ("`", ""),
        ("```", ""),
        ("```js", ""),
        ("```json\n", ""),
        ("```json\n{", "{"),
        ("```json\n{ ", "{"),
        (" {} \n", "{}"),
        ('```json\n{"a": 1}\n``', '{"a": 1}'),
        ('{"a": "``', '{"a": "``'),
        ('{"a": "</think>', '{"a": "</think>'),
        ("Here it is: {", ""),
        ("[THINK]{", ""),
    ],
)
def test_what_is_written_so_far(raw: str, text: str) -> None:
    assert written(raw) == text
