"""Vectors from any OpenAI-compatible server.

Servers differ in how many texts they take at once, how long each may be, and how they write the
numbers; what each takes is found out as it refuses. What comes back is trusted in nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any

from curator.embedding.base import TEXT_RECIPE, Bulk, unit
from curator.errors import MissingError, ModelError, ModelOutputError

if TYPE_CHECKING:
    from curator.embedding.base import Vectors
    from curator.settings import Settings

__all__ = ["ApiEmbedder"]

MOST_TEXTS = 32  # in one request: what text-embeddings-inference takes unless told otherwise
MOST_CHARACTERS = 200_000  # about 50,000 tokens; OpenAI takes 300,000 in one request
SHORTEST = 400  # characters; a server that refuses even these does not refuse for the length

_FORMATS = ("base64", "float")  # a quarter of the bytes; what every server has
_REFUSED = (400, 413, 422)
# llama.cpp's server calls it an internal error.
_TOO_MUCH = re.compile(r"too (large|long|many)|exceed|maximum|context (size|length)", re.IGNORECASE)


class ApiEmbedder:
    """Embeddings from an OpenAI-compatible server, several requests at once.

    Raises:
        MissingError: no key is set, the server refuses it, or does not know the model.
        ServerUnavailable: it does not answer.
        ModelError: it answers with an error, also after the SDK's retries (429 and 5xx, after
            the time that the server asks for).
        ModelOutputError: what it answers are not the vectors of the texts.
    """

    def __init__(
        self, settings: Settings, model: str, notify: Callable[[str], None] | None = None
    ) -> None:
        from curator.llm.api import make_client

        self.name = f"openai:{model}"
        self._model = model
        self._client = make_client(settings)
        # Without credentials: the fingerprint stands in the index and in logs.
        base = re.sub(r"//[^@/]*@", "//", settings.openai_base_url or "default")
        self.fingerprint = f"{self.name} at {base}; {TEXT_RECIPE}"
        self._notify = notify or (lambda _: None)
        self._calls = settings.api_concurrency
        self._slots = BoundedSemaphore(self._calls)
        self._lock = Lock()
        self._most = MOST_TEXTS
        self._format = 0
        self._dimensions = 0
        self._cut = False

    @property
    def bulk(self) -> Bulk:
        """Each call is one request."""
        return Bulk(calls=self._calls, texts=self._most)

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        requests = self._requests(texts)
        if not requests:
            return np.zeros((0, self._dimensions), dtype=np.float32)
        if len(requests) == 1:
            return self._ask(requests[0])[0]
        with ThreadPoolExecutor(min(self._calls, len(requests))) as pool:
            futures = [pool.submit(self._ask, request) for request in requests]
            try:
                return np.concatenate([future.result()[0] for future in futures])
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed([text])[0]
        return vector

    def _requests(self, texts: Sequence[str]) -> list[list[str]]:
        requests: list[list[str]] = []
        characters = 0
        for text in texts:
            characters += len(text)
            full = not requests or len(requests[-1]) >= self._most
            if full or characters > MOST_CHARACTERS:
                requests.append([])
                characters = len(text)
            requests[-1].append(text)
        return requests

    # ---------------------------------------------------------------- asking

    def _ask(self, texts: list[str]) -> tuple[Vectors, bool]:
        """The vectors of texts, and whether each of them could be embedded whole. What is
        refused is asked for in halves, down to one text, which is then cut."""
        import numpy as np

        try:
            return self._request(texts), True
        except _RefusedError as refusal:
            if len(texts) == 1:
                return self._shortened(texts[0], refusal), False
        half = len(texts) // 2
        first, whole = self._ask(texts[:half])
        second, also = self._ask(texts[half:])
        if whole and also:  # so they were too many, not one of them too long
            with self._lock:
                self._most = min(self._most, len(texts) - half)
        return np.concatenate([first, second]), whole and also

    def _shortened(self, text: str, refusal: _RefusedError) -> Vectors:
        """The vector of as much of the beginning of a text as the server takes."""
        length = len(text)
        while length > SHORTEST:
            length = length * 2 // 3
            try:
                row = self._request([text[:length]])
            except _RefusedError:
                continue
            with self._lock:
                first, self._cut = not self._cut, True
            if first:
                self._notify(
                    f"{self.name} takes no text of {len(text):,} characters; of such texts the "
                    f"beginning is embedded ({length:,} characters of this one)."
                )
            return row
        raise ModelError(refusal.error.message, remedy=refusal.error.remedy) from refusal.error

    def _request(self, texts: list[str]) -> Vectors:
        from curator.llm.api import translated

        tried = self._format
        try:
            with self._slots, translated(self.name):
                answer = self._client.embeddings.create(
                    model=self._model,
                    input=texts,
                    encoding_format=_FORMATS[tried],  # type: ignore[arg-type]
                )
        except ModelError as error:
            status = getattr(error.__cause__, "status_code", None)
            said = str(error.__cause__)
            if "encoding_format" in said and tried + 1 < len(_FORMATS):
                with self._lock:
                    self._format = max(self._format, tried + 1)
                return self._request(texts)
            if status in _REFUSED or (status == 500 and _TOO_MUCH.search(said)):
                raise _RefusedError(error) from error
            raise
        except ValueError as error:  # the SDK's, for what is no JSON
            raise self._wrong("what is no JSON") from error
        if not hasattr(answer, "data"):
            raise MissingError(
                f"What answers for {self.name} is no OpenAI-compatible server.",
                remedy="Check OPENAI_BASE_URL; it mostly ends in /v1.",
            )
        return self._checked(answer.data, len(texts))

    # -------------------------------------------------------------- checking

    def _checked(self, data: Any, count: int) -> Vectors:
        """Rows of shape (count, dimensions) and length 1, in the order of the texts."""
        import numpy as np

        if not isinstance(data, list) or len(data) != count:
            got = len(data) if isinstance(data, list) else "no list of"
            raise self._wrong(f"{got} vectors for {count} texts")
        places = [getattr(item, "index", None) for item in data]
        if any(place is not None for place in places):  # some servers leave them out
            if sorted(place if type(place) is int else -1 for place in places) != list(
                range(count)
            ):
                raise self._wrong("vectors that do not say which text each of them is of")
            data = sorted(data, key=lambda item: item.index)
        try:
            with np.errstate(over="ignore"):
                rows = np.array([_numbers(getattr(item, "embedding", None)) for item in data])
        except (ValueError, TypeError) as error:
            raise self._wrong("vectors that are not lists of as many numbers each") from error
        if rows.ndim != 2 or not rows.shape[1]:
            raise self._wrong("vectors without numbers")
        if not np.isfinite(rows).all() or not np.abs(rows).max(axis=1).all():
            raise self._wrong("vectors of zeros or of what is no number")
        with self._lock:
            self._dimensions = self._dimensions or rows.shape[1]
        if rows.shape[1] != self._dimensions:
            raise self._wrong(
                f"vectors of {rows.shape[1]} numbers, and before of {self._dimensions}"
            )
        return unit(rows)

    def _wrong(self, what: str) -> ModelOutputError:
        return ModelOutputError(
            f"{self.name} answered with {what}.",
            remedy="Is it an embedding model, and the server OpenAI-compatible? Check "
            "CURATOR_EMBEDDING and OPENAI_BASE_URL.",
        )


class _RefusedError(Exception):
    """The server takes no such request: too many texts, or one too long."""

    def __init__(self, error: ModelError) -> None:
        super().__init__(str(error))
        self.error = error


def _numbers(written: Any) -> Vectors:
    """A vector from a list of numbers, or from its 4-byte floats in base64."""
    import numpy as np

    if isinstance(written, str):
        return np.frombuffer(base64.b64decode(written, validate=True), dtype="<f4")
    if not isinstance(written, list):
        raise TypeError
    return np.array(written, dtype=np.float32)
