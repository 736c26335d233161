"""What happened while an output was made: which model calls, and what became of each draft.

``with traced() as trace`` collects what the code inside does, in whatever thread, so that
one answer's cost can be told from another's that is made at the same time. Traces nest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

__all__ = ["Call", "Check", "Trace", "note_call", "note_check", "traced"]


@dataclass(frozen=True)
class Call:
    """One answer of a model. From the cache, it still says what it cost when it was made;
    ``valid`` is whether it fitted its schema, ``failed`` that there was no answer at all (no
    server, too many requests). Seconds are of wall time."""

    prompt: str
    model: str
    valid: bool
    cached: bool
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    calls: int = 1
    failed: bool = False


@dataclass(frozen=True)
class Check:
    """What the check said of one drafted sentence; ``score`` from 0 to 1 says how near it is
    to its source, also where it did not pass."""

    text: str
    supported: bool
    reason: str = ""
    score: float = 0.0


@dataclass
class Trace:
    """Calls and checks, in the order they ended."""

    calls: list[Call] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def spent(self) -> dict[str, float]:
        """What was really spent: calls from the cache cost nothing."""
        real = [call for call in self.calls if not call.cached]
        return {
            "llm_calls": sum(call.calls for call in real),
            "prompt_tokens": sum(call.prompt_tokens for call in real),
            "completion_tokens": sum(call.completion_tokens for call in real),
            "seconds": sum(call.seconds for call in real),
        }


_open: ContextVar[tuple[Trace, ...]] = ContextVar("traces", default=())


@contextmanager
def traced() -> Iterator[Trace]:
    """Collects the calls and checks of the code inside."""
    trace = Trace()
    token = _open.set((*_open.get(), trace))
    try:
        yield trace
    finally:
        _open.reset(token)


def note_call(call: Call) -> None:
    for trace in _open.get():
        trace.calls.append(call)


def note_check(text: str, supported: bool, reason: str = "", score: float = 0.0) -> None:
    for trace in _open.get():
        trace.checks.append(Check(text, supported, reason, round(score, 4)))
