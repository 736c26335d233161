"""What a server says, in one piece or many: the text without thoughts and fences, and its cost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Reply", "complaint", "written"]

# A model that reasons in its text closes its thoughts with this. The opening tag often stands in
# the prompt already, so it is not waited for.
_THOUGHT = "</think>"
_FENCE = re.compile(r"```\w*\s*(?=\{)")
_CLOSING = re.compile(r"\s*`{0,3}\s*\Z")

# What people reckon with for English text and the tokenizers of today.
_CHARACTERS_PER_TOKEN = 4


def written(raw: str) -> str:
    """As much of the JSON object as there is in what a model has said so far: "" until it begins.

    Thoughts count as such only before the object: a paper may write of ``<think>`` tags. Each
    longer ``raw`` gives the same text, continued, except that a model which thinks without an
    opening tag may begin its thoughts with a brace.
    """
    text = raw.lstrip()
    while not text.startswith(("{", "`")):
        _, closed, text = text.partition(_THOUGHT)
        if not closed:
            return ""
        text = text.lstrip()
    if text.startswith("{"):
        return text.rstrip()
    fence = _FENCE.match(text)
    return _CLOSING.sub("", text[fence.end() :]) if fence else ""


@dataclass
class Reply:
    """What a server has said to one request; ``prompt_characters`` is how long that was.

    ``streamed`` says that it came in pieces, ``events`` how many they were, ``finish`` why the
    model stopped (None where nobody said).
    """

    prompt_characters: int
    raw: str = ""
    streamed: bool = False
    events: int = 0
    finish: str | None = None
    _tokens: int = 0
    _usage: Any = None

    @property
    def text(self) -> str:
        """The answer; where there is no JSON object in it, all that was said."""
        return (written(self.raw) or self.raw).strip()

    @property
    def prompt_tokens(self) -> int:
        """As the server counts; where it does not say, a token for four characters."""
        return _count(self._usage, "prompt_tokens", self.prompt_characters // _CHARACTERS_PER_TOKEN)

    @property
    def completion_tokens(self) -> int:
        """As the server counts; where it does not say, a token for each piece of a stream that
        had text or thoughts, or for four characters of an answer in one piece.
        (llama-cpp-python's server does not, and sends each token by itself.)"""
        return _count(self._usage, "completion_tokens", self._tokens)

    def take_whole(self, answer: Any) -> None:
        """Takes an answer in one piece: an SDK object made without validation, so anything may
        be missing in it."""
        self._note(answer)
        choice = _first_choice(answer)
        self.raw = _text_of(getattr(choice, "message", None))
        self._tokens = -(-len(self.raw) // _CHARACTERS_PER_TOKEN)

    def take_stream(self, chunks: Iterable[Any], on_text: Callable[[str], None]) -> None:
        """Takes the pieces of an answer, and tells ``on_text`` after each what is written so far.
        It is told while the model thinks, too: that is how a caller ends a call. What either
        raises goes through, and what was taken stays."""
        self.streamed = True
        for chunk in chunks:
            self._note(chunk)
            delta = getattr(_first_choice(chunk), "delta", None)
            added = _text_of(delta)
            if added or any(
                getattr(delta, name, None) for name in ("reasoning_content", "reasoning")
            ):
                self._tokens += 1
            self.raw += added
            on_text(written(self.raw))

    def _note(self, said: Any) -> None:
        self.events += 1
        self._usage = getattr(said, "usage", None) or self._usage
        self.finish = getattr(_first_choice(said), "finish_reason", None) or self.finish


def complaint(said: Any) -> str:
    """What a server says went wrong, where it says so with HTTP 200; else ""."""
    error = getattr(said, "error", None)
    if error is None and getattr(said, "object", None) == "error":
        error = {"message": getattr(said, "message", None)}
    if isinstance(error, dict):
        error = error.get("message") or "it does not say why"
    return str(error or "")


def _first_choice(said: Any) -> Any:
    choices = getattr(said, "choices", None)
    return choices[0] if isinstance(choices, list) and choices else None


def _text_of(message: Any) -> str:
    """The text of a message or of a piece of one. Some servers give a list of parts, of which
    those that are thoughts have another type."""
    content = getattr(message, "content", None)
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
        content = "".join(str(part.get("text") or "") for part in parts)
    return content if isinstance(content, str) else ""


def _count(usage: Any, name: str, otherwise: int) -> int:
    count = getattr(usage, name, None)
    return count if isinstance(count, int) and count >= 0 else otherwise
