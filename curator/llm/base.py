"""What every model backend takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from curator.llm.metered import Generated
    from curator.prompting import Prompt

__all__ = ["LLM", "Completion", "Request", "Writer"]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Request:
    """One call. ``output`` is the pydantic model whose JSON schema the answer must fit.
    A backend that streams tells ``on_text``, again and again, all that was written so far; what
    that raises ends the call."""

    system: str
    user: str
    output: type[BaseModel]
    max_tokens: int = 256
    on_text: Callable[[str], None] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Completion:
    """The raw text of an answer, and what it cost (tokens, seconds of wall time)."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    calls: int = 1


class LLM(Protocol):
    """A text model that answers in JSON of a given schema.

    ``identity`` names the model and its weights, so that stored outputs can be told apart.
    ``concurrency`` is how many calls may be under way at once.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def concurrency(self) -> int: ...

    def complete(self, request: Request) -> Completion:
        """Answers with JSON text that fits ``request.output``, at temperature 0.

        Raises:
            ModelError: the call failed; other calls may succeed.
            ModelOutputError: the answer does not fit (cut off by ``max_tokens``, say).
            MissingError: weights, key or server are missing.
        """
        ...


class Writer(Protocol):
    """A model behind cache and budget (``curator.llm.metered.MeteredLLM``)."""

    @property
    def identity(self) -> str: ...

    def generate(
        self,
        prompt: Prompt,
        output: type[M],
        *,
        max_tokens: int = 256,
        on_text: Callable[[str], None] | None = None,
        **values: Any,
    ) -> Generated[M]: ...
