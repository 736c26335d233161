"""A small OpenAI-compatible ``/v1/embeddings`` on loopback around our own embedder.

Other programs embed with it, so that they search with what we search with. The protocol
has no word for "this is a question", which our embedder treats otherwise than a passage; so
there are two model names: the embedder's, and the same with ``-query``.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from curator.errors import CuratorError

if TYPE_CHECKING:
    from curator.embedding import Embedder, Vectors

__all__ = ["QUERY", "EmbeddingServer", "main", "model_name"]

QUERY = "-query"
# 64 abstracts have 100 kB; whoever sends more than this sends something else.
MAX_BODY = 16_000_000
MAX_TEXTS = 2048


class _Refused(Exception):
    """A request that cannot be served; the message goes to the client."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


def model_name(embedder: Embedder) -> str:
    """The name that clients ask for: ``local:bge-small-en-v1.5`` → ``bge-small-en-v1.5``."""
    return embedder.name.rpartition(":")[2]


class EmbeddingServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1 only; ``port`` 0 takes a free one."""

    daemon_threads = True

    def __init__(self, embedder: Embedder, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.model = model_name(embedder)
        self._embedder = embedder
        # onnxruntime uses all cores for one call; two at once would only be slower.
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def embed(self, model: str, texts: list[str]) -> Vectors:
        import numpy as np

        with self._lock:
            if model == self.model + QUERY:
                return np.stack([self._embedder.embed_query(text) for text in texts])
            return self._embedder.embed(texts)


class _Handler(BaseHTTPRequestHandler):
    server: EmbeddingServer
    protocol_version = "HTTP/1.1"  # clients keep their connection

    def do_GET(self) -> None:
        if self.path.rstrip("/") != "/v1/models":
            return self._refuse(_Refused("there is no such path", HTTPStatus.NOT_FOUND))
        names = (self.server.model, self.server.model + QUERY)
        models = [{"id": name, "object": "model", "owned_by": "curator"} for name in names]
        return self._send(HTTPStatus.OK, {"object": "list", "data": models})

    def do_POST(self) -> None:
        try:
            answer = self._embeddings(self._body())
        except _Refused as refused:
            return self._refuse(refused)
        except Exception as error:  # noqa: BLE001 - the client is told, the server goes on
            text = f"{type(error).__name__}: {error}"
            return self._refuse(_Refused(text, HTTPStatus.INTERNAL_SERVER_ERROR))
        return self._send(HTTPStatus.OK, answer)

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True  # what is not read would be taken for a next request
            raise _Refused("the body needs a Content-Length of at most 16 MB")
        raw = self.rfile.read(int(length))
        if self.path.rstrip("/") != "/v1/embeddings":
            raise _Refused("there is no such path", HTTPStatus.NOT_FOUND)
        try:
            body = json.loads(raw)
        except ValueError as error:
            raise _Refused(f"the body is not JSON: {error}") from error
        if not isinstance(body, dict):
            raise _Refused("the body is not a JSON object")
        return body

    def _embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        model = body.get("model")
        if model not in (self.server.model, self.server.model + QUERY):
            raise _Refused(f"there is no model {model!r}", HTTPStatus.NOT_FOUND)
        given = body.get("input")
        texts = [given] if isinstance(given, str) else given
        if (
            not isinstance(texts, list)
            or not 0 < len(texts) <= MAX_TEXTS
            or not all(isinstance(text, str) and text.strip() for text in texts)
        ):
            raise _Refused(f"`input` must be a text or 1 to {MAX_TEXTS} texts, none of them empty")
        kind = body.get("encoding_format") or "float"
        if kind not in ("float", "base64"):
            raise _Refused("`encoding_format` must be float or base64")
        vectors = self.server.embed(model, texts)
        if body.get("dimensions") not in (None, vectors.shape[1]):
            raise _Refused(f"the vectors have {vectors.shape[1]} dimensions")
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": vector.tolist()
                if kind == "float"
                else base64.b64encode(vector.astype("<f4").tobytes()).decode(),
            }
            for index, vector in enumerate(vectors)
        ]
        # Nobody is billed here, so tokens are not counted.
        usage = {"prompt_tokens": 0, "total_tokens": 0}
        return {"object": "list", "model": model, "data": data, "usage": usage}

    def _refuse(self, refused: _Refused) -> None:
        error = {"message": str(refused), "type": "invalid_request_error"}
        self._send(refused.status, {"error": error})

    def _send(self, status: HTTPStatus, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Requests are not logged: they hold the texts of people's papers."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m evals.peers.serve_embeddings")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    chosen = parser.parse_args(arguments)
    from curator.embedding import open_embedder
    from curator.settings import load_settings

    try:
        embedder = open_embedder(load_settings(embedding="local"))
        server = EmbeddingServer(embedder, chosen.port)
    except CuratorError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"Error: port {chosen.port} cannot be used: {error.strerror}.", file=sys.stderr)
        return 2
    with server:
        print(server.port, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
