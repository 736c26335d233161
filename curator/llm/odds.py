"""A local model's odds of yes against no, for a question that it is asked.

Nothing is written. Of an answer that may only be "yes" or "no", the odds say more than the one
word that the model would write. Of several questions that begin alike, the beginning is read
once: llama.cpp keeps what it computed, also across calls of
`curator.llm.local.LocalLLM.complete`.

This works on the ``llama_cpp.Llama`` that the model lends, at the level of its batches. The
calls above them give the probabilities of tokens only with ``logits_all``, which takes memory
for every token of the context (a gigabyte at 2,048 tokens); here it is for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from curator.errors import ModelError, UsageError

__all__ = ["Lender", "Odds", "chat_prompt", "odds_of"]

# As a model may begin its answer.
YES = ("Yes", "yes", " Yes", " yes")
NO = ("No", "no", " No", " no")
TINY = 1e-9  # added to both probabilities: log-odds are at most 21 either way


class Lender(Protocol):
    """A model that lends its ``llama_cpp.Llama``; nobody else uses it meanwhile."""

    @property
    def name(self) -> str: ...

    def loaded(self) -> AbstractContextManager[Any]: ...


class Odds:
    """Asks one local model."""

    def __init__(self, model: Lender) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    def log_odds(self, prompt: str) -> float:
        """The natural logarithm of the odds that the model says yes next. The prompt has the
        marks of its chat template ("<|im_start|>user") and ends where an answer begins.

        Raises:
            ModelError: it is longer than the context, or llama.cpp fails.
        """
        return self.log_odds_and_tokens(prompt)[0]

    def log_odds_and_tokens(self, prompt: str) -> tuple[float, int]:
        """The log-odds, and how many tokens the prompt has."""
        with self._model.loaded() as llama:
            tokens = _tokens(llama, prompt)
            if not tokens:
                raise ModelError(f"{self.name} was asked nothing.")
            if len(tokens) > llama.n_ctx():
                raise ModelError(
                    f"{self.name} could not take {len(tokens)} tokens.",
                    remedy="Raise CURATOR_CONTEXT_TOKENS.",
                )
            try:
                return _yes_no(llama, _next(llama, tokens)), len(tokens)
            except RuntimeError as error:
                raise ModelError(f"{self.name} failed: {error}.", retryable=True) from error


def odds_of(model: object) -> Odds:
    """For a model of `curator.llm.open_llm`.

    Raises:
        UsageError: it is no local model; servers do not give what is needed.
    """
    if not hasattr(model, "loaded"):
        name = getattr(model, "name", "This model")
        raise UsageError(
            f"{name} does not tell how sure it is.",
            remedy="Use a local model: --model local:NAME.",
        )
    return Odds(model)  # type: ignore[arg-type]


def chat_prompt(system: str, user: str) -> str:
    """In the form that Qwen's models were trained on (ChatML), up to where the answer begins. What
    would end a turn is taken apart: a stored text must not answer in the model's place."""

    def safe(text: str) -> str:
        return text.replace("<|", "< |")

    return (
        f"<|im_start|>system\n{safe(system)}<|im_end|>\n"
        f"<|im_start|>user\n{safe(user)}<|im_end|>\n<|im_start|>assistant\n"
    )


def _tokens(llama: Any, text: str) -> list[int]:
    return list(llama.tokenize(text.encode(), add_bos=False, special=True))


def _next(llama: Any, tokens: list[int]) -> Any:
    """The logits of the token after these, shape (vocabulary,). What is kept of the call before
    is not computed again, but for the last token. As ``Llama.eval`` does, and with its books."""
    import numpy as np

    same = 0
    while same < min(llama.n_tokens, len(tokens) - 1) and llama.input_ids[same] == tokens[same]:
        same += 1
    llama.n_tokens = same
    llama._ctx.kv_cache_seq_rm(-1, same, -1)
    for start in range(same, len(tokens), llama.n_batch):
        part: Sequence[int] = tokens[start : start + llama.n_batch]
        llama._batch.set_batch(batch=part, n_past=start, logits_all=False)
        llama._ctx.decode(llama._batch)
        llama.input_ids[start : start + len(part)] = part
        llama.n_tokens = start + len(part)
    return np.ctypeslib.as_array(llama._ctx.get_logits(), shape=(llama.n_vocab(),)).copy()


def _yes_no(llama: Any, logits: Any) -> float:
    import numpy as np

    chances = np.exp(logits - logits.max())
    chances /= chances.sum()
    yes, no = (
        float(sum(chances[token] for token in {_tokens(llama, way)[0] for way in ways}))
        for ways in (YES, NO)
    )
    return float(np.log(yes + TINY) - np.log(no + TINY))
