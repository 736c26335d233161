"""Vectors from an OpenAI-compatible server: a real one on loopback, good and bad."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import add, many, record

from curator.catalog import Catalog
from curator.embedding import embedding_text, open_embedder
from curator.embedding.api import MOST_CHARACTERS, MOST_TEXTS, SHORTEST, ApiEmbedder
from curator.embedding.base import bulk_of
from curator.errors import (
    CuratorError,
    MissingError,
    ModelError,
    ModelOutputError,
    ServerUnavailable,
)
from curator.index.vectors import VectorIndex
from curator.indexing import sync_vectors
from curator.locks import writer_lock
from curator.settings import load_settings

DIMENSIONS = 8

Body = dict[str, Any]
Answer = tuple[int, Any, Mapping[str, str]]


def vector(text: str) -> list[float]:
    """What the server makes of a text: not of length 1."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    row = np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
    return [float(number) for number in row * 3]


def wanted(texts: Sequence[str]) -> Any:
    rows = np.array([vector(text) for text in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def item(index: int, row: Any, how: str | None = None) -> Body:
    if how == "base64":
        row = base64.b64encode(np.array(row, "<f4").tobytes()).decode()
    return {"object": "embedding", "index": index, "embedding": row}


def good(body: Body) -> Answer:
    how = body.get("encoding_format")
    data = [item(n, vector(text), how) for n, text in enumerate(body["input"])]
    return 200, {"object": "list", "model": body["model"], "data": data, "usage": {}}, {}


def refusal(code: int, message: str, **headers: str) -> Answer:
    return code, {"error": {"message": message, "type": "invalid_request_error"}}, headers


class Server:
    """Answers with ``reply``; remembers what it was asked, and how much at once."""

    def __init__(self) -> None:
        self.reply: Callable[[Body], Answer] = good
        self.bodies: list[Body] = []
        self.at_once = self.most_at_once = 0
        self.pause = 0.0
        self.lock = threading.Lock()
        self.clients: list[ApiEmbedder] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(size))
                code, said, headers = server.answer(self.path, body)
                data = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(code)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Clients that go away are no failure."""

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.002,))
        self.thread.start()

    def answer(self, path: str, body: Body) -> Answer:
        with self.lock:
            self.bodies.append(body)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            time.sleep(self.pause)
            if path != "/v1/embeddings":
                return refusal(404, "no such path")
            return self.reply(body)
        finally:
            with self.lock:
                self.at_once -= 1

    @property
    def sizes(self) -> list[int]:
        return [len(body["input"]) for body in self.bodies]

    def close(self) -> None:
        for client in self.clients:
            client._client.close()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    made = Server()
    yield made
    made.close()


def embedder(server: Server, told: list[str] | None = None, **options: Any) -> ApiEmbedder:
    notify = None if told is None else told.append
    settings = load_settings(
        **{
            "embedding": "openai:small",
            "openai_base_url": server.url,
            "openai_api_key": "sk-secret",
            "api_retries": 0,
            **options,
        }
    )
    made = open_embedder(settings, notify)
    assert isinstance(made, ApiEmbedder)
    server.clients.append(made)
    return made


def test_vectors_come_in_order_in_batches_at_once(server: Server) -> None:
    server.pause = 0.05
    texts = [f"text number {n}" for n in range(5 * MOST_TEXTS + 3)]
    made = embedder(server, api_concurrency=3)
    rows = made.embed(texts)
    assert rows.dtype == np.float32
    assert np.allclose(rows, wanted(texts), atol=1e-6)
    assert sorted(server.sizes) == [3, *[MOST_TEXTS] * 5]
    assert server.most_at_once == 3
    assert np.allclose(made.embed_query("what?"), wanted(["what?"])[0], atol=1e-6)
    assert made.embed([]).shape == (0, DIMENSIONS)
    assert {body["model"] for body in server.bodies} == {"small"}


def test_a_request_is_bounded_by_its_length_too(server: Server) -> None:
    texts = ["x" * (MOST_CHARACTERS // 3), "y" * (MOST_CHARACTERS + 1)] * 3 + ["z"]
    rows = embedder(server).embed(texts)
    assert np.allclose(rows, wanted(texts), atol=1e-6)
    for body in server.bodies:
        assert len(body["input"]) == 1 or sum(map(len, body["input"])) <= MOST_CHARACTERS


def test_several_calls_share_one_bound(server: Server) -> None:
    server.pause = 0.03
    made = embedder(server, api_concurrency=2)
    assert bulk_of(made).calls == 2
    made._most = 5  # as after a refusal: each call of embed becomes several requests
    threads = [
        threading.Thread(target=made.embed, args=([f"{n} {i}" for i in range(20)],))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.most_at_once == 2 and len(server.bodies) == 16


def test_the_order_is_that_of_the_index(server: Server) -> None:
    def shuffled(body: Body) -> Answer:
        code, said, headers = good(body)
        return code, {**said, "data": said["data"][::-1]}, headers

    server.reply = shuffled
    texts = ["a", "b", "c"]
    assert np.allclose(embedder(server).embed(texts), wanted(texts), atol=1e-6)


def test_a_server_without_an_index_keeps_the_order(server: Server) -> None:
    def bare(body: Body) -> Answer:
        return 200, {"data": [{"embedding": vector(text)} for text in body["input"]]}, {}

    server.reply = bare
    assert np.allclose(embedder(server).embed(["a", "b"]), wanted(["a", "b"]), atol=1e-6)


@pytest.mark.parametrize("answered", ["base64", "float"])
def test_numbers_in_either_writing_whatever_was_asked_for(server: Server, answered: str) -> None:
    server.reply = lambda body: good({**body, "encoding_format": answered})
    assert np.allclose(embedder(server).embed(["a", "b"]), wanted(["a", "b"]), atol=1e-6)


def test_a_server_that_knows_no_base64(server: Server) -> None:
    def picky(body: Body) -> Answer:
        if body.get("encoding_format") == "base64":
            return refusal(422, "encoding_format: must be float")
        return good(body)

    server.reply = picky
    made = embedder(server)
    for texts in (["a", "b"], ["c"]):
        assert np.allclose(made.embed(texts), wanted(texts), atol=1e-6)
    assert len(server.bodies) == 3  # what it takes is remembered


# ------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_server_that_takes_fewer_at_once(server: Server, code: int) -> None:
    def few(body: Body) -> Answer:
        return good(body) if len(body["input"]) <= 10 else refusal(code, "batch size > 10")

    server.reply = few
    told: list[str] = []
    made = embedder(server, told, api_concurrency=1)
    texts = [f"text {n}" for n in range(100)]
    assert np.allclose(made.embed(texts), wanted(texts), atol=1e-6)
    server.bodies.clear()
    assert np.allclose(made.embed(texts), wanted(texts), atol=1e-6)
    assert max(server.sizes) <= 10
    assert told == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (400, "This model's maximum context length is 512 tokens"),
        (413, "inputs must have less than 512 tokens"),
        (500, "input is too large to process. increase the physical batch size"),
    ],
)
def test_a_text_too_long_is_cut_and_only_that(server: Server, code: int, message: str) -> None:
    def short(body: Body) -> Answer:
        return good(body) if max(map(len, body["input"])) <= 1000 else refusal(code, message)

    server.reply = short
    told: list[str] = []
    made = embedder(server, told)
    texts = [f"text {n}" for n in range(20)] + ["long " * 1000] + ["x", "longer " * 300]
    rows = made.embed(texts)
    whole = [n for n, text in enumerate(texts) if len(text) <= 1000]
    assert np.allclose(rows[whole], wanted([texts[n] for n in whole]), atol=1e-6)
    sent = [text for body in server.bodies if len(body["input"]) == 1 for text in body["input"]]
    for n in (20, 22):
        # as much of its beginning as fits, give or take a third
        cut = max((t for t in sent if texts[n].startswith(t) and len(t) <= 1000), key=len)
        assert len(cut) > 600
        assert np.allclose(rows[n], wanted([cut])[0], atol=1e-6)
    assert len(told) == 1 and "5,000 characters" in told[0]
    assert made._most == MOST_TEXTS  # they were not too many


def test_a_text_that_is_refused_however_short(server: Server) -> None:
    def against(body: Body) -> Answer:
        return refusal(400, "content policy") if "bad" in body["input"][0][:5] else good(body)

    server.reply = against
    made = embedder(server)
    with pytest.raises(ModelError, match="content policy") as caught:
        made.embed(["bad " * 500])
    assert not caught.value.retryable
    assert len(server.bodies) < 12
    assert len(server.bodies[-1]["input"][0]) <= SHORTEST
    assert made.embed(["fine"]).shape == (1, DIMENSIONS)


def test_a_rate_limit_is_waited_for(server: Server) -> None:
    answers = [refusal(429, "slow down", **{"Retry-After": "1"}), refusal(503, "busy")]

    def limited(body: Body) -> Answer:
        return answers.pop(0) if answers else good(body)

    server.reply = limited
    started = time.monotonic()
    rows = embedder(server, api_retries=2).embed(["a"])
    assert np.allclose(rows, wanted(["a"]), atol=1e-6)
    assert time.monotonic() - started >= 1
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        (429, ModelError, True),
        (500, ModelError, True),
        (503, ModelError, True),
        (401, MissingError, False),
        (403, MissingError, False),
        (404, MissingError, False),
    ],
)
def test_errors_of_the_server(
    server: Server, code: int, kind: type[CuratorError], retryable: bool
) -> None:
    server.reply = lambda _: refusal(code, "no")
    with pytest.raises(kind) as caught:
        embedder(server).embed([f"text {n}" for n in range(200)])
    assert caught.value.retryable is retryable
    assert "sk-secret" not in str(caught.value)


def test_a_server_that_is_not_there(server: Server) -> None:
    made = embedder(server, openai_base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ServerUnavailable, match="cannot be reached"):
        made.embed(["a"])


def test_a_server_that_says_nothing(server: Server) -> None:
    server.pause = 1.0
    with pytest.raises(ModelError, match="in time"):
        embedder(server, api_timeout=0.1).embed(["a"])


def test_no_key() -> None:
    with pytest.raises(MissingError, match="No API key"):
        open_embedder(load_settings(embedding="openai:small"))


def test_a_library_is_embedded_but_for_what_the_server_refuses(
    server: Server, catalog: Catalog, tmp_path: Path
) -> None:
    def picky(body: Body) -> Answer:
        if any("Poison" in text for text in body["input"]):
            return refusal(400, "this is not allowed")
        return good(body)

    server.reply, server.pause = picky, 0.05
    add(catalog, *many(300), record("Poison in wells", "It is about poison."))
    made = embedder(server, api_concurrency=4)
    index = VectorIndex(tmp_path / "vectors", catalog.vectors, made.fingerprint)
    notes: list[str] = []
    lock = tmp_path / "lock"
    done = sync_vectors(catalog, index, made, lambda: writer_lock(lock), None, notes.append)
    assert done == index.count() == 300
    assert len(notes) == 1 and "Poison in wells" in notes[0] and "not allowed" in notes[0]
    assert server.most_at_once == 4
    papers = [p for p in catalog.papers.select() if "Poison" not in p.title]
    stored = index.vectors(papers)
    rows = np.array([stored[p.id] for p in papers])
    assert np.allclose(rows, wanted([embedding_text(p) for p in papers]), atol=1e-6)
    index.close()


# ------------------------------------------------------------------ wrong answers


def changed(**fields: Any) -> Callable[[Body], Answer]:
    def reply(body: Body) -> Answer:
        code, said, headers = good({**body, "encoding_format": "float"})
        return code, {**said, **fields}, headers

    return reply


ROW = [1.0, 2.0]
WRONG: dict[str, Any] = {
    "one too few": [item(0, ROW)],
    "one too many": [item(n, ROW) for n in range(3)],
    "none": [],
    "nothing": None,
    "no list": {"0": ROW},
    "a text": "vectors",
    "one index twice": [item(0, ROW), item(0, ROW)],
    "index from one": [item(1, ROW), item(2, ROW)],
    "index as text": [item(0, ROW), {"index": "1", "embedding": ROW}],
    "index true": [item(0, ROW), {"index": True, "embedding": ROW}],
    "an index missing": [item(0, ROW), {"embedding": ROW}],
    "ragged": [item(0, ROW), item(1, [1.0])],
    "no numbers": [item(0, []), item(1, [])],
    "nested": [item(0, [ROW]), item(1, [ROW])],
    "words": [item(0, ["a", "b"]), item(1, ROW)],
    "nulls": [item(0, [None, 1.0]), item(1, ROW)],
    "null": [item(0, None), item(1, ROW)],
    "too large": [item(0, [1e300, 1.0]), item(1, ROW)],
    "zeros": [item(0, [0.0, 0.0]), item(1, ROW)],
    "no base64": [item(0, "!!!"), item(1, ROW)],
    "cut base64": [item(0, base64.b64encode(b"12345").decode()), item(1, ROW)],
    "base64 of NaN": [item(0, [float("nan"), 1.0], "base64"), item(1, ROW, "base64")],
    "no vector": [{"index": 0}, {"index": 1}],
    "items that are texts": ["a", "b"],
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG.keys())
def test_what_are_no_vectors_is_an_error(server: Server, data: Any) -> None:
    server.reply = changed(data=data)
    with pytest.raises(ModelOutputError, match="openai:small answered with") as caught:
        embedder(server).embed(["a", "b"])
    assert "CURATOR_EMBEDDING" in caught.value.remedy


def test_not_a_number_in_json(server: Server) -> None:
    """JSON has no NaN, and Python writes it nonetheless."""
    server.reply = changed(data=[item(0, [float("nan"), 1.0])])
    with pytest.raises(ModelOutputError):
        embedder(server).embed(["a"])


def test_other_dimensions_than_before(server: Server) -> None:
    made = embedder(server)
    made.embed(["a"])
    server.reply = changed(data=[item(0, ROW)])
    with pytest.raises(ModelOutputError, match=f"of 2 numbers, and before of {DIMENSIONS}"):
        made.embed(["b"])


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"<html>Welcome</html>", "text/html"),
        (b"", "application/json"),
        (b"{'data': [", "application/json"),
        (b"[]", "application/json"),
        (b"7", "application/json"),
        (b"null", "application/json"),
        (b'{"error": {"message": "model is loading"}}', "application/json"),
    ],
)
def test_what_is_no_answer_at_all(server: Server, said: bytes, kind: str) -> None:
    server.reply = lambda _: (200, said, {"Content-Type": kind})
    with pytest.raises((ModelOutputError, MissingError)) as caught:
        embedder(server).embed(["a"])
    assert "OPENAI_BASE_URL" in caught.value.remedy
