"""How a local model reads a sentence after a text: how likely it found each of its tokens, and
what it says to yes/no questions about the sentence.

Nothing is written. Of an answer that may only be "yes" or "no", the model's odds say more than
the one word that it would write. Of several sentences after the same text, the text is read
once: llama.cpp keeps what it computed for a common beginning, also across calls of
`curator.llm.local.LocalLLM.complete`.

This works on the ``llama_cpp.Llama`` that the model lends, at the level of its batches. The
calls above them give the scores of tokens only with ``logits_all``, which takes memory for
every token of the context (a gigabyte at 2,048); here it is for those of one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from curator.errors import ModelError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

__all__ = ["Lender", "Reading", "TokenReader", "token_reader"]

YES = ("Yes", "yes", " Yes", " yes")
NO = ("No", "no", " No", " no")
TINY = 1e-9  # of the probability that an answer has; so log-odds are at most 21 either way


class Lender(Protocol):
    """A model that lends its ``llama_cpp.Llama``; nobody else uses it meanwhile."""

    @property
    def name(self) -> str: ...

    def session(self) -> AbstractContextManager[Any]: ...


@dataclass(frozen=True)
class Reading:
    """What a model made of a sentence. Of each token: ``tokens`` (how it is written),
    ``said`` (its log-probability, natural), ``entropy`` of what was expected there, ``ranks``
    (0: nothing was likelier). ``yes``: for each question the log-odds of yes against no."""

    tokens: tuple[str, ...]
    said: tuple[float, ...]
    entropy: tuple[float, ...]
    ranks: tuple[int, ...]
    yes: tuple[float, ...]


class TokenReader:
    """Reads sentences with one local model."""

    def __init__(self, model: Lender) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return self._model.name

    def read(self, text: str, sentence: str, questions: Sequence[str] = ()) -> Reading:
        """``text`` may have the marks of a chat template ("<|im_start|>user"); each question
        comes after text and sentence, as if the others were not.

        Raises:
            ModelError: they are longer than the context, or llama.cpp fails.
        """
        with self._model.session() as llama:
            before = _tokens(llama, text)
            own = _tokens(llama, sentence)
            asked = [_tokens(llama, question) for question in questions]
            length = len(before) + len(own) + max(map(len, asked), default=0)
            if length > llama.n_ctx():
                raise ModelError(
                    f"{self.name} could not take {length} tokens.",
                    remedy="Raise CURATOR_CONTEXT_TOKENS.",
                )
            if not before or not own:
                raise ModelError(f"{self.name} was given nothing to read.")
            try:
                return _read(llama, before, own, asked)
            except RuntimeError as error:
                raise ModelError(f"{self.name} failed: {error}.", retryable=True) from error


def token_reader(model: object) -> TokenReader:
    """A reader of the model behind `curator.llm.open_llm`.

    Raises:
        UsageError: it is no local model; servers do not give what is needed.
    """
    if not hasattr(model, "session"):
        name = getattr(model, "name", "This model")
        raise UsageError(
            f"{name} does not tell how likely it finds a given sentence.",
            remedy="Use a local model: --model local (or local:NAME).",
        )
    return TokenReader(model)  # type: ignore[arg-type]


def _read(llama: Any, before: list[int], own: list[int], asked: Sequence[list[int]]) -> Reading:
    import numpy as np

    first = _after(llama, before)
    rows = np.concatenate([first, _feed(llama, own, every=True)[:-1]])
    chances = rows - _log_sum(rows)
    said = chances[np.arange(len(own)), own]
    entropy = -(np.exp(chances) * chances).sum(axis=1)
    ranks = (chances > said[:, None]).sum(axis=1)
    end = llama.n_tokens
    yes = []
    for question in asked:
        llama.n_tokens = end
        yes.append(_odds(llama, _feed(llama, question)[-1]))
    llama.n_tokens = end
    return Reading(
        tuple(llama.detokenize([token], before).decode("utf-8", "replace") for token in own),
        tuple(map(float, said)),
        tuple(map(float, entropy)),
        tuple(map(int, ranks)),
        tuple(yes),
    )


def _tokens(llama: Any, text: str) -> list[int]:
    return list(llama.tokenize(text.encode(), add_bos=False, special=True))


def _after(llama: Any, text: list[int]) -> Rows:
    """What is expected after a text: logits, shape (1, vocabulary). Of the text only that is
    computed which is not kept from the call before; the last token always is."""
    same = 0
    while same < min(llama.n_tokens, len(text) - 1) and llama.input_ids[same] == text[same]:
        same += 1
    llama.n_tokens = same
    return _feed(llama, text[same:])


def _feed(llama: Any, tokens: Sequence[int], *, every: bool = False) -> Rows:
    """Takes tokens in after those that were kept; the logits after ``every`` token or after the
    last one: shape (tokens or 1, vocabulary). As ``Llama.eval`` does, and with its books."""
    import numpy as np

    found = []
    llama._ctx.kv_cache_seq_rm(-1, llama.n_tokens, -1)
    for start in range(0, len(tokens), llama.n_batch):
        part = tokens[start : start + llama.n_batch]
        llama._batch.set_batch(batch=part, n_past=llama.n_tokens, logits_all=every)
        llama._ctx.decode(llama._batch)
        llama.input_ids[llama.n_tokens : llama.n_tokens + len(part)] = part
        llama.n_tokens += len(part)
        if every or start + len(part) == len(tokens):
            shape = (len(part) if every else 1, llama.n_vocab())
            found.append(np.ctypeslib.as_array(llama._ctx.get_logits(), shape=shape).copy())
    return np.concatenate(found)


def _log_sum(rows: Rows) -> Rows:
    """The logarithm of the sum of exponentials of each row, as a column."""
    import numpy as np

    top = rows.max(axis=1, keepdims=True)
    total: Rows = top + np.log(np.exp(rows - top).sum(axis=1, keepdims=True))
    return total


def _odds(llama: Any, logits: Rows) -> float:
    """The log-odds of yes against no, each in the writings that a model may begin with."""
    import numpy as np

    chances = np.exp(logits - logits.max())
    chances /= chances.sum()
    yes, no = (
        float(sum(chances[token] for token in {_tokens(llama, way)[0] for way in ways}))
        for ways in (YES, NO)
    )
    return float(np.log(yes + TINY) - np.log(no + TINY))
