"""A stand-in for the parts of OpenAI's API that batches need, on 127.0.0.1.

It keeps files and batches, and answers a batch as ``answer`` says, when ``finish`` is called or a
batch was asked after ``polls`` times. ``embed`` and single calls work, too, so that the whole
program can run against it. All that it was asked is counted: ``calls`` (single calls), ``uploads``,
``made`` (batches), and ``handed`` says how often each request was in a batch.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["BatchServer", "Body", "Lines", "completion", "row"]

Body = dict[str, Any]
# What becomes of a request in a batch: a line of the output file (or several, or none, or any
# text), and of the file of errors.
Lines = tuple[list[str], list[str]]


def completion(text: object, **fields: Any) -> Body:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 70, "completion_tokens": 9, "total_tokens": 79}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"object": "chat.completion", "choices": [choice], "usage": usage, **fields}


def row(key: str, body: Body | None, status: int = 200, error: Body | None = None) -> str:
    """A line of a file of answers."""
    response = None if body is None else {"status_code": status, "request_id": "r", "body": body}
    return json.dumps({"id": f"b-{key}", "custom_id": key, "response": response, "error": error})


class BatchServer:
    """The server; a context manager. ``url`` is what OPENAI_BASE_URL is to be."""

    def __init__(self, answer: Callable[[Body], str], *, polls: int | None = None) -> None:
        self.answer = answer
        self.polls = polls
        self.becomes: Callable[[str, Body], Lines] = lambda key, body: (
            [row(key, completion(self.answer(body)))],
            [],
        )
        self.refuse: dict[str, tuple[int, Body]] = {}  # by "METHOD /path", as sent
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, Body] = {}
        self.asked: list[str] = []
        self.calls: Counter[str] = Counter()
        self.handed: Counter[str] = Counter()
        self.dies: set[str] = set()  # these are done, and then the connection is cut
        self._lock = threading.RLock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self._reply(b"")

            def do_POST(self) -> None:
                self._reply(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            def _reply(self, sent: bytes) -> None:
                what = f"{self.command} {self.path.partition('?')[0].removeprefix('/v1')}"
                code, said = owner.take(what, sent)
                if what in owner.dies:
                    self.close_connection = True
                    return
                raw = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.send_header("retry-after-ms", "1")
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Clients that go away are no failure."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.002,))

    @contextmanager
    def running(self) -> Iterator[BatchServer]:
        self._thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            self._thread.join()

    # ------------------------------------------------------------------ the API

    def take(self, what: str, sent: bytes) -> tuple[int, Any]:
        with self._lock:
            self.asked.append(what)
            if what in self.refuse:
                return self.refuse[what]
            return self._do(what, sent)

    def _do(self, what: str, sent: bytes) -> tuple[int, Any]:
        said: Any = None
        if what == "POST /chat/completions":
            body = json.loads(sent)
            self.calls[body["messages"][-1]["content"]] += 1
            said = completion(self.answer(body))
        elif what == "POST /embeddings":
            said = self._embeddings(json.loads(sent))
        elif what == "POST /files":
            said = self._file(_uploaded(sent))
        elif what == "POST /batches":
            said = self._batch(json.loads(sent))
        elif what == "GET /batches":
            said = {"object": "list", "data": [*self.batches.values()], "has_more": False}
        elif found := re.fullmatch(r"GET /batches/(.+)", what):
            said = self._asked_after(found[1])
        elif found := re.fullmatch(r"GET /files/(.+)/content", what):
            said = self.files.get(found[1])
        return (404, {"error": {"message": "No such thing."}}) if said is None else (200, said)

    def finish(
        self, status: str = "completed", *, only: Callable[[str], bool] | None = None
    ) -> None:
        """Ends all batches that are under way. ``only`` says which requests had their turn."""
        with self._lock:
            for batch in self.batches.values():
                if batch["status"] == "in_progress":
                    self._end(batch, status, only or (lambda _: True))

    @property
    def uploads(self) -> int:
        return self.asked.count("POST /files")

    @property
    def made(self) -> int:
        return len(self.batches)

    def _file(self, content: bytes) -> Body:
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return {"id": name, "object": "file", "bytes": len(content), "purpose": "batch"}

    def _batch(self, asked: Body) -> Body:
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        self.handed.update(line["custom_id"] for line in lines)
        batch = {
            "id": f"batch_{len(self.batches)}",
            "object": "batch",
            "status": "in_progress",
            "asked": 0,
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            **asked,
        }
        self.batches[batch["id"]] = batch
        return batch

    def _asked_after(self, name: str) -> Body | None:
        batch = self.batches.get(name)
        if batch is None:
            return None
        batch["asked"] += 1
        due = self.polls is not None and batch["asked"] >= self.polls
        if due and batch["status"] == "in_progress":
            self._end(batch, "completed", lambda _: True)
        return batch

    def _end(self, batch: Body, status: str, only: Callable[[str], bool]) -> None:
        good: list[str] = []
        bad: list[str] = []
        for line in map(json.loads, self.files[batch["input_file_id"]].splitlines()):
            if only(line["custom_id"]):
                out, err = self.becomes(line["custom_id"], line["body"])
                good += out
                bad += err
        batch["status"] = status
        for kind, lines in (("output", good), ("error", bad)):
            if lines:
                text = "\n".join(reversed(lines))  # the order is not that of the requests
                batch[f"{kind}_file_id"] = self._file(text.encode())["id"]
        batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}

    def _embeddings(self, body: Body) -> Body:
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [
            {"index": n, "embedding": [1.0, *(len(text) % k / k for k in (3, 5, 7))]}
            for n, text in enumerate(texts)
        ]
        return {"object": "list", "data": data, "model": "e", "usage": {"prompt_tokens": 1}}


def _uploaded(sent: bytes) -> bytes:
    """The file in a multipart body."""
    mark = sent.partition(b"\r\n")[0]
    for part in sent.split(mark):
        head, _, content = part.partition(b"\r\n\r\n")
        if b'name="file"' in head:
            return content.removesuffix(b"\r\n")
    raise AssertionError("no file came")
