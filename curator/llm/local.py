"""llama.cpp in this process. The only file that imports llama_cpp."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from curator.errors import ModelError, PromptError, UsageError, WeightsCorrupt
from curator.llm.base import Completion, Request

if TYPE_CHECKING:
    from curator.settings import Settings

__all__ = ["LocalLLM", "grammar_for", "load_llama"]

# libgomp reads GOMP_SPINCOUNT when llama_cpp loads it. With its default, threads that wait
# spin for so long that one other busy process makes a model many times slower (docs/adr/0006).
SPIN_COUNT = "1000"


class LocalLLM:
    """A GGUF model: by registry name, path, or ``hf:`` address.

    Loaded at the first call and kept; one lock, since ``Llama`` has none of its own.

    Raises:
        WeightsMissing: the weights were never pulled.
    """

    concurrency = 1

    def __init__(self, settings: Settings, name: str) -> None:
        from curator.weights import DEFAULTS, resolve

        self._weights = resolve(name or DEFAULTS["generate"], settings.models_dir)
        entry = self._weights.entry
        if entry is not None and entry.purpose != "generate":
            raise UsageError(
                f"{entry.name!r} does not write text; it is for {entry.purpose!r}.",
                remedy="See `curator models list`.",
            )
        self.name = f"local:{entry.name if entry else self._weights.path.name}"
        self.identity = f"{self.name}@{self._weights.sha256[:12]}"
        self._context = settings.context_tokens
        self._threads = settings.threads or os.cpu_count() or 1
        self._lock = Lock()
        self._llama: Any = None

    def complete(self, request: Request) -> Completion:
        grammar = grammar_for(json.dumps(request.output.model_json_schema()))
        messages = [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.user},
        ]
        with self._lock:
            llama = self._load()
            started = time.monotonic()
            try:
                chunks = llama.create_chat_completion(
                    messages=messages,
                    grammar=grammar,
                    max_tokens=request.max_tokens,
                    temperature=0.0,
                    seed=0,
                    stream=True,
                )
                text, prompt_tokens, completion_tokens = _written(llama, chunks, request.on_text)
            except ValueError as error:
                # "Requested tokens (5000) exceed context window of 4096"
                raise ModelError(
                    f"{self.name} could not take the prompt: {error}.",
                    remedy="Raise CURATOR_CONTEXT_TOKENS.",
                ) from error
            except RuntimeError as error:
                raise ModelError(f"{self.name} failed: {error}.", retryable=True) from error
            seconds = time.monotonic() - started
        return Completion(text, prompt_tokens, completion_tokens, seconds)

    @contextmanager
    def loaded(self) -> Iterator[Any]:
        """The ``llama_cpp.Llama`` itself, for what no request says; nobody else has it then."""
        with self._lock:
            yield self._load()

    def _load(self) -> Any:
        if self._llama is None:
            self._llama = load_llama(self._weights.path, self._context, self._threads)
        return self._llama


def _written(
    llama: Any, chunks: Iterator[Any], on_text: Callable[[str], None] | None
) -> tuple[str, int, int]:
    """The whole text of a streamed answer, the tokens of its prompt, and its own."""
    text, prompt, cut = "", None, False
    for chunk in chunks:
        if prompt is None:
            prompt = llama.n_tokens  # at the first chunk the prompt is read, and nothing else
        choice = chunk["choices"][0]
        cut = choice["finish_reason"] == "length"
        added = choice["delta"].get("content")
        if added:
            text += added
            if on_text is not None:
                on_text(text)
    # llama.cpp reads each token that it wrote to write the next one; where it was cut off, the
    # last one was not read.
    return text, prompt or 0, llama.n_tokens - (prompt or 0) + cut


def load_llama(path: Path, context: int, threads: int) -> Any:
    """A ``llama_cpp.Llama``, as this program runs it.

    Raises:
        WeightsCorrupt: llama.cpp does not accept the file.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    from llama_cpp import Llama

    try:
        return Llama(
            model_path=str(path),
            n_ctx=context,
            n_threads=threads,
            n_threads_batch=threads,
            n_gpu_layers=-1,  # all layers where llama.cpp was built for a GPU; else no effect
            verbose=False,
        )
    except (ValueError, RuntimeError, OSError) as error:
        raise WeightsCorrupt(
            f"llama.cpp cannot load {str(path)!r} ({error}).",
            remedy="Run `curator models verify`, or choose another model with --model.",
        ) from error


@lru_cache(maxsize=256)
def grammar_for(schema: str) -> Any:
    """The grammar of a JSON schema, given as JSON text.

    Built here and not by ``response_format``, which falls back to any JSON in silence when a
    schema cannot be converted (FACTS).

    Raises:
        PromptError: the schema has a part that llama.cpp cannot turn into a grammar.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    from llama_cpp.llama_grammar import LlamaGrammar

    try:
        return LlamaGrammar.from_json_schema(schema, verbose=False)
    except Exception as error:
        raise PromptError(
            f"No grammar can be made of the schema {schema[:200]}: {error}"
        ) from error
