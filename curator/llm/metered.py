"""Calls that are cached, counted and bounded."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from curator.catalog import CachedOutput, ModelCache
from curator.errors import BudgetExhausted, CuratorError, ModelError, ModelOutputError
from curator.llm.base import LLM, Completion, Request
from curator.trace import Call, note_call

if TYPE_CHECKING:
    from curator.prompting import Prompt

__all__ = ["Budget", "Deferred", "DeferringLLM", "Generated", "MeteredLLM", "Prepared", "Usage"]

M = TypeVar("M", bound=BaseModel)

LOG_ODDS = "log odds"  # in the place of a schema's hash


@dataclass(frozen=True)
class Usage:
    """What was spent: calls that really ran, their tokens and seconds, and cache hits."""

    llm_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    cached: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.llm_calls + other.llm_calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
            self.cached + other.cached,
        )


@dataclass
class Budget:
    """Bounds of one command, for all its models together; None is no bound. Answers from the
    cache cost nothing."""

    max_calls: int | None = None
    max_tokens: int | None = None
    max_minutes: float | None = None
    _started: float = field(default_factory=time.monotonic)
    _spent: Usage = field(default_factory=Usage)
    _under_way: int = 0
    _lock: Lock = field(default_factory=Lock)

    def begin(self) -> None:
        """Notes that a call starts.

        Raises:
            BudgetExhausted: none may.
        """
        with self._lock:
            self._check()
            self._under_way += 1

    def end(self, spent: Usage) -> None:
        """Notes what the call cost."""
        with self._lock:
            self._under_way -= 1
            self._spent += spent

    def take(self, calls: int) -> int:
        """Notes that so many calls are handed over to be made elsewhere, or as many of them as
        may still be made; how many.

        Raises:
            BudgetExhausted: none may.
        """
        with self._lock:
            self._check()
            if self.max_calls is not None:
                calls = min(calls, self.max_calls - self._spent.llm_calls - self._under_way)
            self._spent += Usage(llm_calls=calls)
            return calls

    def check_time(self) -> None:
        """For whoever waits and calls nothing.

        Raises:
            BudgetExhausted: the minutes are over.
        """
        with self._lock:
            self._check("--max-minutes")

    def _check(self, only: str = "") -> None:
        minutes = (time.monotonic() - self._started) / 60
        # Calls under way count: eight threads must not pass a budget of one together.
        calls = self._spent.llm_calls + self._under_way
        tokens = self._spent.prompt_tokens + self._spent.completion_tokens
        for name, limit, spent in (
            ("--max-calls", self.max_calls, calls),
            ("--max-tokens", self.max_tokens, tokens),
            ("--max-minutes", self.max_minutes, minutes),
        ):
            if limit is not None and spent >= limit and only in ("", name):
                raise BudgetExhausted(
                    f"The budget of {name} {limit:g} is used up.",
                    remedy="What was done is kept; run the command again to go on.",
                )


@dataclass(frozen=True)
class Generated(Generic[M]):
    """A validated answer and how it came about."""

    value: M
    model: str
    prompt_hash: str
    usage: Usage


@dataclass(frozen=True)
class Prepared(Generic[M]):
    """A request, not made yet: the ``key`` that its answer is cached under, and that answer if
    there is one."""

    key: str
    request: Request
    prompt: Prompt
    output: type[M]
    schema_hash: str
    input_hash: str
    cached: CachedOutput | None


class MeteredLLM:
    """A backend behind the cache of the catalog and the budget of the command."""

    def __init__(self, backend: LLM, cache: ModelCache, budget: Budget | None = None) -> None:
        self.backend = backend
        self.usage = Usage()
        self.cache = cache
        self.budget = budget or Budget()
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self.backend.name

    @property
    def identity(self) -> str:
        return self.backend.identity

    @property
    def concurrency(self) -> int:
        return self.backend.concurrency

    def generate(
        self,
        prompt: Prompt,
        output: type[M],
        *,
        max_tokens: int = 256,
        on_text: Callable[[str], None] | None = None,
        **values: Any,
    ) -> Generated[M]:
        """Fills the prompt and returns the answer as ``output``. ``on_text`` is told all that
        was written so far, as it grows, and at the end the whole.

        Raises:
            BudgetExhausted: a call would be needed and none may start.
            ModelOutputError: the answer does not fit ``output``.
            ModelError, MissingError: as the backend's ``complete``.
        """
        ready = self.request(prompt, output, max_tokens=max_tokens, on_text=on_text, **values)
        stored = ready.cached
        cached = stored is not None
        if stored is None:
            stored, usage = self._call(ready)
            made = usage
        else:
            usage = Usage(cached=1)
            made = Usage(1, stored.prompt_tokens, stored.completion_tokens, stored.seconds)
            with self._lock:
                self.usage += usage
        if on_text is not None:
            on_text(stored.output)
        try:
            value = output.model_validate_json(stored.output)
        except ValidationError as error:
            self._note(prompt, made, valid=False, cached=cached)
            raise ModelOutputError(
                f"{self.name} did not answer in the form asked for "
                f"({error.errors()[0]['msg']}): {stored.output[:80]!r}."
            ) from error
        self._note(prompt, made, valid=True, cached=cached)
        return Generated(value, self.identity, prompt.hash, usage)

    def request(
        self,
        prompt: Prompt,
        output: type[M],
        *,
        max_tokens: int = 256,
        on_text: Callable[[str], None] | None = None,
        **values: Any,
    ) -> Prepared[M]:
        """What ``generate`` would ask with the same arguments, without asking it."""
        system, user = prompt.render(**values)
        schema_hash = _schema_hash(output)
        input_hash = _hash(f"{system}\0{user}\0{max_tokens}")
        key = _hash("\0".join((self.identity, prompt.hash, schema_hash, input_hash)))
        request = Request(system, user, output, max_tokens, on_text)
        stored = self.cache.get(key)
        return Prepared(key, request, prompt, output, schema_hash, input_hash, stored)

    def log_odds(self, prompt: Prompt, **values: Any) -> float:
        """A local model's log-odds of yes (`curator.llm.odds`), for a prompt that asks for yes or
        no; cached and counted as ``generate`` is.

        Raises:
            BudgetExhausted: a call would be needed and none may start.
            UsageError: this model does not tell.
            ModelError: the prompt is too long, or the model failed.
        """
        from curator.llm.odds import chat_prompt, odds_of

        system, user = prompt.render(**values)
        input_hash = _hash(f"{system}\0{user}")
        key = _hash("\0".join((self.identity, prompt.hash, LOG_ODDS, input_hash)))
        stored = self.cache.get(key)
        if stored is not None:
            with self._lock:
                self.usage += Usage(cached=1)
            return float(stored.output)
        odds = odds_of(self.backend)

        def ask() -> Completion:
            started = time.monotonic()
            said, tokens = odds.log_odds_and_tokens(chat_prompt(system, user))
            return Completion(repr(said), tokens, 0, time.monotonic() - started)

        return float(self._paid(prompt, key, LOG_ODDS, input_hash, ask)[0].output)

    def _call(self, ready: Prepared[Any]) -> tuple[CachedOutput, Usage]:
        request = ready.request
        return self._paid(
            ready.prompt,
            ready.key,
            ready.schema_hash,
            ready.input_hash,
            lambda: self.backend.complete(request),
        )

    def _paid(
        self,
        prompt: Prompt,
        key: str,
        schema_hash: str,
        input_hash: str,
        ask: Callable[[], Completion],
    ) -> tuple[CachedOutput, Usage]:
        """Asks, within the budget, and keeps the answer."""
        self.budget.begin()
        spent = Usage(llm_calls=1)  # a call that fails was a call
        try:
            answer = ask()
        except ModelError as error:
            spent = Usage(error.calls, error.prompt_tokens, error.completion_tokens, error.seconds)
            failed = not isinstance(error, ModelOutputError)
            self._note(prompt, spent, valid=False, cached=False, failed=failed)
            raise
        else:
            spent = Usage(
                answer.calls, answer.prompt_tokens, answer.completion_tokens, answer.seconds
            )
        finally:
            self.budget.end(spent)
            with self._lock:
                self.usage += spent
        stored = CachedOutput(
            key=key,
            model=self.identity,
            prompt=prompt.name,
            prompt_hash=prompt.hash,
            schema_hash=schema_hash,
            input_hash=input_hash,
            output=answer.text,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            seconds=answer.seconds,
        )
        self.cache.put(stored)
        return stored, spent

    def _note(
        self, prompt: Prompt, made: Usage, *, valid: bool, cached: bool, failed: bool = False
    ) -> None:
        note_call(
            Call(
                prompt.name,
                self.identity,
                valid,
                cached,
                made.prompt_tokens,
                made.completion_tokens,
                made.seconds,
                made.llm_calls,
                failed,
            )
        )


class Deferred(CuratorError):
    """The answer is not there yet; what was to be asked is noted (`DeferringLLM`)."""

    exit_code = 4
    retryable = True


class DeferringLLM(MeteredLLM):
    """The same model, cache and budget; but what is not in the cache is noted in ``requests``, by
    its key, and not asked. So ordinary code finds out what a batch has to ask."""

    def __init__(self, llm: MeteredLLM) -> None:
        super().__init__(llm.backend, llm.cache, llm.budget)
        self.requests: dict[str, Prepared[Any]] = {}

    def _call(self, ready: Prepared[Any]) -> tuple[CachedOutput, Usage]:
        """Raises Deferred."""
        with self._lock:
            self.requests[ready.key] = ready
        raise Deferred(f"The answer of {self.name} is not there yet.")


# A schema takes as long to make as a look into the cache, and the same few are asked for always.
@lru_cache(maxsize=256)
def _schema_hash(output: type[BaseModel]) -> str:
    return _hash(json.dumps(output.model_json_schema(), sort_keys=True))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
