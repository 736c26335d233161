"""Calls that are cached, counted and bounded."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from curator.catalog import CachedOutput, ModelCache
from curator.errors import BudgetExhausted, ModelError, ModelOutputError
from curator.llm.base import LLM, Request
from curator.trace import Call, note_call

if TYPE_CHECKING:
    from curator.prompting import Prompt

__all__ = ["Budget", "Generated", "MeteredLLM", "Usage"]

M = TypeVar("M", bound=BaseModel)


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

    def _check(self) -> None:
        minutes = (time.monotonic() - self._started) / 60
        # Calls under way count: eight threads must not pass a budget of one together.
        calls = self._spent.llm_calls + self._under_way
        tokens = self._spent.prompt_tokens + self._spent.completion_tokens
        for name, limit, spent in (
            ("--max-calls", self.max_calls, calls),
            ("--max-tokens", self.max_tokens, tokens),
            ("--max-minutes", self.max_minutes, minutes),
        ):
            if limit is not None and spent >= limit:
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


class MeteredLLM:
    """A backend behind the cache of the catalog and the budget of the command."""

    def __init__(self, backend: LLM, cache: ModelCache, budget: Budget | None = None) -> None:
        self.backend = backend
        self.usage = Usage()
        self._cache = cache
        self._budget = budget or Budget()
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
        system, user = prompt.render(**values)
        request = Request(system, user, output, max_tokens, on_text)
        schema_hash = _hash(json.dumps(output.model_json_schema(), sort_keys=True))
        input_hash = _hash(f"{system}\0{user}\0{max_tokens}")
        key = _hash("\0".join((self.identity, prompt.hash, schema_hash, input_hash)))
        stored = self._cache.get(key)
        cached = stored is not None
        if stored is None:
            stored, usage = self._call(request, prompt, key, schema_hash, input_hash)
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

    def _call(
        self, request: Request, prompt: Prompt, key: str, schema_hash: str, input_hash: str
    ) -> tuple[CachedOutput, Usage]:
        self._budget.begin()
        spent = Usage(llm_calls=1)  # a call that fails was a call
        try:
            answer = self.backend.complete(request)
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
            self._budget.end(spent)
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
        self._cache.put(stored)
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


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
