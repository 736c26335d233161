"""Any OpenAI-compatible server. The only file that imports openai."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from curator.errors import (
    MissingError,
    ModelError,
    ModelOutputError,
    ServerUnavailable,
    UsageError,
)
from curator.llm.base import Completion, Request
from curator.llm.pressure import (
    CROWDED,
    IN_BATCH,
    NO_MONEY,
    Pressure,
    backoff,
    may_pass,
    pause_asked,
)
from curator.llm.streaming import Reply, complaint

if TYPE_CHECKING:
    from openai import APIError, OpenAI

    from curator.settings import Settings

__all__ = ["ApiLLM", "make_client", "translated"]

# Ways to ask for JSON, strictest first. Servers differ in which they take, and some take one
# in silence without obeying it (llama-cpp-python's does, FACTS); so each answer is validated,
# and what this server obeyed is remembered.
RUNGS = ("json_schema", "json_object", "prompt")
# Ways to get the answer, best first: in pieces with the count of tokens at the end, in pieces,
# in one piece.
MODES = ("counted", "streamed", "whole")

NO_KEY = "none"  # what is sent where no key is set: servers of one's own take any

_ABOUT_STREAMS = re.compile(r"\bstream", re.IGNORECASE)
_ABOUT_FORM = re.compile(r"response_format|json_(schema|object)|grammar", re.IGNORECASE)


class ApiLLM:
    """A model behind ``OPENAI_BASE_URL``.

    Where the request has ``on_text``, it is told the JSON object as far as it is written, after
    each piece that comes, and "" until it begins: never thoughts, never a code fence. An answer
    that does not fit is asked for in another way, and then the text begins anew.

    Raises:
        MissingError: no key is set for it.
        UsageError: ``OPENAI_BASE_URL`` is no address.
    """

    def __init__(self, settings: Settings, model: str) -> None:
        self._client = make_client(settings)
        self._model = model
        self._retries = settings.api_retries
        self.name = f"openai:{model}"
        # The address without credentials: the same name on another server is another model.
        host = self._client.base_url.host
        port = f":{self._client.base_url.port}" if self._client.base_url.port else ""
        self.identity = f"{self.name}@{host}{port}"
        self.concurrency = settings.api_concurrency
        self._once = self._client.with_options(max_retries=0)
        self._pressure = Pressure(self.concurrency, patience=settings.api_timeout)
        self._rung = self._mode = 0
        self._known = {("prompt", "whole")}
        self._lock = Lock()

    def complete(self, request: Request) -> Completion:
        started = time.monotonic()
        replies: list[Reply] = []
        try:
            text = self._descend(request, replies)
        except ModelError as error:
            if replies:
                error.calls = len(replies)
            error.prompt_tokens = sum(reply.prompt_tokens for reply in replies)
            error.completion_tokens = sum(reply.completion_tokens for reply in replies)
            error.seconds = time.monotonic() - started
            raise
        return Completion(
            text,
            sum(reply.prompt_tokens for reply in replies),
            sum(reply.completion_tokens for reply in replies),
            time.monotonic() - started,
            len(replies),
        )

    @property
    def client(self) -> OpenAI:
        """The SDK's client, for what is no call (`curator.llm.batch_api`)."""
        return self._client

    def body(self, request: Request) -> dict[str, Any]:
        """What ``complete`` would send first, as JSON."""
        return self._options(request, RUNGS[self._rung])

    def _descend(self, request: Request, replies: list[Reply]) -> str:
        """The first answer that fits, from the rung that this server is known to obey down.
        ``replies`` takes in all that was answered."""
        trouble: Exception | None = None
        for rung in range(self._rung, len(RUNGS)):
            try:
                reply = self._reply(request, RUNGS[rung], replies)
            except _Refused as error:
                trouble = error
                continue
            if isinstance(trouble, _Refused):
                self._remember(rung=rung)
            try:
                request.output.model_validate_json(reply.text)
            except ValidationError as error:
                trouble = error
                if reply.finish == "length":
                    break  # cut off: asking in another way would be cut off too
                if reply.streamed and reply.finish is None and "EOF" in str(error):
                    raise ModelError(
                        f"{self.name} broke off in the middle of its answer.", retryable=True
                    ) from error
                continue
            self._remember(rung=rung)  # what was taken but not obeyed is not asked again
            return reply.text
        raise ModelOutputError(
            f"{self.name} did not answer in the form asked for ({_first_line(trouble)}).",
            retryable=True,
        )

    def _reply(self, request: Request, rung: str, replies: list[Reply]) -> Reply:
        """The answer to one way of asking for JSON, streamed if that is wanted and can be."""
        mode = self._mode if request.on_text else len(MODES) - 1
        while True:
            try:
                reply = self._ask(request, rung, MODES[mode], replies)
            except _Refused as refused:
                if refused.form:
                    raise
                mode = len(MODES) - 1 if refused.ignored else mode + 1
                continue
            if request.on_text:
                self._remember(mode=mode)
            with self._lock:
                self._known.add((rung, MODES[mode]))
            return reply

    def _ask(self, request: Request, rung: str, mode: str, replies: list[Reply]) -> Reply:
        options = self._options(request, rung)
        if mode != "whole":
            options["stream"] = True
        if mode == "counted":
            options["stream_options"] = {"include_usage": True}
        reply = Reply(sum(len(message["content"]) for message in options["messages"]))
        with translated(self.name):
            answer = self._create(options, rung, mode)
        if mode == "whole" or request.on_text is None:
            return self._take_whole(answer, reply, replies)
        with answer:
            if "json" in answer.response.headers.get("content-type", ""):
                self._take_whole(self._body(answer), reply, replies)
                self._remember(mode=len(MODES) - 1)
                return reply
            reply.take_stream(self._chunks(answer, reply, replies), request.on_text)
        if not reply.events:
            raise _Refused("no stream came", ignored=True)
        return reply

    def _take_whole(self, answer: Any, reply: Reply, replies: list[Reply]) -> Reply:
        if trouble := complaint(answer):
            raise self._failed(trouble)
        if "choices" not in getattr(answer, "model_fields_set", ()):
            raise _no_server(self.name)
        replies.append(reply)
        reply.take_whole(answer)
        return reply

    def _chunks(self, stream: Any, reply: Reply, replies: list[Reply]) -> Iterator[Any]:
        """The pieces of a stream. Errors are translated here, apart from the caller's own."""
        pieces, end = iter(stream), object()
        while True:
            with translated(self.name, begun=True):
                piece = next(pieces, end)
            if piece is end:
                return
            if trouble := complaint(piece):
                raise self._failed(trouble)
            if not reply.events:
                replies.append(reply)
            yield piece

    def _failed(self, trouble: str) -> ModelError:
        reason = _short(trouble, self._client.api_key)
        return ModelError(f"{self.name} failed: {reason}.", retryable=True)

    def _body(self, stream: Any) -> Any:
        """What a server said that was asked for a stream and sent one JSON document."""
        import httpx2
        import openai
        from openai.types.chat import ChatCompletion

        with translated(self.name, begun=True):
            try:
                raw = stream.response.read()
            except httpx2.TimeoutException as error:
                raise openai.APITimeoutError(request=stream.response.request) from error
            except httpx2.RequestError as error:
                raise openai.APIConnectionError(request=stream.response.request) from error
        with translated(self.name):
            body = json.loads(raw)
        return ChatCompletion.construct(**body) if isinstance(body, dict) else body

    def _options(self, request: Request, rung: str) -> dict[str, Any]:
        schema = request.output.model_json_schema()
        system = request.system
        options: dict[str, Any] = {}
        if rung == "json_schema":
            options["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": request.output.__name__, "schema": schema},
            }
        else:
            system += f"\n\nAnswer with one JSON object of this schema only:\n{json.dumps(schema)}"
            if rung == "json_object":
                # `schema` is llama.cpp's extension; other servers ignore it.
                options["response_format"] = {"type": "json_object", "schema": schema}
        return options | {
            "model": self._model,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": request.user},
            ],
            "max_tokens": request.max_tokens,
            "temperature": 0,
        }

    def _create(self, options: dict[str, Any], rung: str, mode: str) -> Any:
        """One request, tried again where that can help. The SDK's own retries are off: they know
        nothing of the other threads, and would multiply with these.

        Raises:
            ServerUnavailable: in a batch, where the server lets nothing through any more.
        """
        import openai

        for tried in range(1_000):
            last = tried >= self._retries
            ticket = self._pressure.begin()
            try:
                answer = self._once.chat.completions.create(**options)
            except openai.APIStatusError as error:
                wait = pause_asked(error.response.headers)
                if error.status_code in CROWDED and self._retries and error.code != NO_MONEY:
                    if self._pressure.refused(ticket, wait, last=last):
                        continue
                    if IN_BATCH.get() is not None:
                        raise self._closed(error.status_code, wait) from error
                    raise
                self._pressure.failed()
                self._look_for_refusal(error, rung, mode, last=last)
                if last or not may_pass(error.status_code, error.code, error.response.headers):
                    raise
            except openai.APITimeoutError:
                self._pressure.failed()
                if last or (rung, mode) not in self._known:
                    raise
            except openai.APIConnectionError:
                self._pressure.failed()
                if last:
                    raise
            except BaseException:
                self._pressure.failed()
                raise
            else:
                self._pressure.answered()
                return answer
            time.sleep(backoff(tried))
        raise AssertionError("a server refuses and answers in turn, and never this request")

    def _closed(self, status: int, wait: float | None) -> ServerUnavailable:
        when = f"; it asks to wait {wait:,.0f} s" if wait else ""
        return ServerUnavailable(
            f"The server of {self.name} takes no more requests (HTTP {status}{when}).",
            remedy="What was done is kept; run the command again later to go on.",
        )

    def _look_for_refusal(self, error: Any, rung: str, mode: str, *, last: bool) -> None:
        """Raises _Refused if a part of the request is what the server does not take.

        Many do not say which. Then it is what this server was not yet seen to take: streaming
        before the form, for that is tried next.
        """
        if error.status_code not in (400, 422, 500, 501):
            return
        said, reason = str(error), _said(error)
        streamed, formed = mode != "whole", rung != "prompt"
        with self._lock:
            proven = mode in {known for _, known in self._known}
        if streamed and _ABOUT_STREAMS.search(said):
            raise _Refused(reason) from error
        if formed and _ABOUT_FORM.search(said):
            raise _Refused(reason, form=True) from error
        if error.status_code >= 500 and not last:
            return  # it may pass
        if streamed and not proven:
            raise _Refused(reason) from error
        if formed and error.status_code < 500:
            raise _Refused(reason, form=True) from error

    def _remember(self, *, rung: int = 0, mode: int = 0) -> None:
        with self._lock:
            self._rung, self._mode = max(self._rung, rung), max(self._mode, mode)


class _Refused(Exception):
    """The server does not take a part of the request: the ``form`` of the answer, or that it
    should be streamed (which it may also have ``ignored``)."""

    def __init__(self, message: str, *, form: bool = False, ignored: bool = False) -> None:
        super().__init__(message)
        self.form, self.ignored = form, ignored


def make_client(settings: Settings) -> OpenAI:
    """The SDK's client; it retries lost connections, 408, 409, 429 and 5xx, with back-off.

    Raises:
        MissingError: neither a key nor a server of one's own is set, or it can be no key.
        UsageError: the address of the server is none.
    """
    import httpx2
    from openai import OpenAI

    key = settings.openai_api_key.get_secret_value().strip() if settings.openai_api_key else None
    if not key and not settings.openai_base_url:
        raise MissingError(
            "No API key is set.",
            remedy="Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs none; "
            "or use the local model with --model local.",
        )
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        # Sent, it would fail with a message that quotes it.
        raise MissingError(
            "The API key has characters that no key has (a space, or letters beyond ASCII).",
            remedy="Check OPENAI_API_KEY.",
        )
    try:
        return OpenAI(
            api_key=key or NO_KEY,
            base_url=settings.openai_base_url,
            timeout=settings.api_timeout,
            max_retries=settings.api_retries,
        )
    except httpx2.InvalidURL as error:
        raise UsageError(
            f"The server's address cannot be used ({error}).", remedy="Check OPENAI_BASE_URL."
        ) from error


@contextmanager
def translated(name: str, *, begun: bool = False) -> Iterator[None]:
    """Turns the SDK's errors into ours; no key ever stands in a message. ``begun`` says that
    the server is in the middle of its answer, so there is one."""
    import openai

    try:
        yield
    except openai.APITimeoutError as error:
        raise ModelError(f"{name} did not answer in time.", retryable=True) from error
    except openai.APIConnectionError as error:
        if begun:
            raise ModelError(
                f"{name} broke off in the middle of its answer.", retryable=True
            ) from error
        raise ServerUnavailable(
            f"The server of {name} cannot be reached ({_said(error)}).",
            remedy="Start it, check OPENAI_BASE_URL, or use --model local.",
        ) from error
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise MissingError(
            f"The server refused the key for {name} (HTTP {error.status_code}).",
            remedy="Check OPENAI_API_KEY.",
        ) from error
    except openai.NotFoundError as error:
        raise MissingError(
            f"The server does not know {name} (HTTP 404).",
            remedy="Check the model's name and OPENAI_BASE_URL.",
        ) from error
    except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
        raise ModelError(f"{name} refused the request: {_said(error)}.") from error
    except openai.RateLimitError as error:
        if error.code == NO_MONEY:
            raise MissingError(
                f"The account for {name} has no quota left (HTTP 429).",
                remedy="Check its plan and billing; what was done is kept.",
            ) from error
        raise ModelError(
            f"{name} is rate-limited (HTTP 429), also after waiting.",
            remedy="Run the command again later; it goes on where it stopped.",
            retryable=True,
        ) from error
    except openai.APIError as error:
        if isinstance(error, openai.APIStatusError) and error.status_code == 405:
            raise _no_server(name) from error
        raise ModelError(f"{name} failed: {_said(error)}.", retryable=True) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        if not begun:
            raise _no_server(name) from error
        raise ModelError(f"{name} sent what is no part of an answer.", retryable=True) from error


def _no_server(name: str) -> MissingError:
    return MissingError(
        f"What answers for {name} is no OpenAI-compatible server.",
        remedy="Check OPENAI_BASE_URL; it mostly ends in /v1.",
    )


def _said(error: APIError) -> str:
    """What the SDK's error says, without the key: servers quote what they were sent."""
    sent = error.request.headers.get("authorization", "")
    said: object = error
    if error.body is None:
        said = str(error.__cause__ or "") or error
    elif isinstance(error.body, str) and not hasattr(error, "status_code"):
        said = error.body  # a bare text as the error of a stream, which the SDK leaves out
    return _short(str(said), sent.rpartition(" ")[2])


def _short(text: str, key: str) -> str:
    if key and key != NO_KEY:
        text = text.replace(key, "…")
    return text.strip().partition("\n")[0].rstrip(" .")[:300]


def _first_line(error: Exception | None) -> str:
    return str(error).partition("\n")[0][:300]
