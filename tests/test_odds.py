"""A local model's odds of yes: a model whose odds are known stands in for llama.cpp."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from curator.errors import ModelError, UsageError
from curator.llm.odds import Odds, odds_of

VOCABULARY = ["a", "b", "c", "d", "?", "Yes", "No", "yes", "no", " Yes", " No", " yes", " no"]


class FakeLlama:
    """After a token that of the next number is likeliest, by ``margin`` (natural logarithm);
    after a question mark, yes is by ``odds`` more likely than no."""

    def __init__(self, *, context: int = 64, batch: int = 4, odds: float = 2.0) -> None:
        self.n_batch, self.n_tokens, self.odds, self.margin = batch, 0, odds, 3.0
        self.input_ids = np.zeros(context, dtype=np.intc)
        self.decoded: list[list[int]] = []
        self._rows: Any = None
        self._given: tuple[list[int], int, bool] = ([], 0, False)
        self.failing = False
        self._batch = SimpleNamespace(set_batch=self._set)
        self._ctx = SimpleNamespace(
            decode=self._decode, get_logits=self._logits, kv_cache_seq_rm=lambda *_: True
        )

    def n_ctx(self) -> int:
        return len(self.input_ids)

    def n_vocab(self) -> int:
        return len(VOCABULARY)

    def tokenize(self, text: bytes, *, add_bos: bool, special: bool) -> list[int]:
        assert special and not add_bos
        said, found = text.decode(), []
        while said:
            way = max((w for w in VOCABULARY if said.startswith(w)), key=len)
            found.append(VOCABULARY.index(way))
            said = said[len(way) :]
        return found

    def _set(self, *, batch: Sequence[int], n_past: int, logits_all: bool) -> None:
        assert n_past == self.n_tokens and 0 < len(batch) <= self.n_batch
        self._given = (list(batch), n_past, logits_all)

    def _decode(self, _batch: Any) -> None:
        if self.failing:
            raise RuntimeError("llama_decode returned 1")
        tokens, _, every = self._given
        assert not every
        self.decoded.append(tokens)
        self._rows = np.asarray([self._row(tokens[-1])], dtype=np.float32)

    def _row(self, token: int) -> list[float]:
        row = [0.0] * len(VOCABULARY)
        if VOCABULARY[token] == "?":
            row = [-50.0] * len(VOCABULARY)
            row[VOCABULARY.index("Yes")] = self.odds
            row[VOCABULARY.index("No")] = 0.0
        else:
            row[(token + 1) % len(VOCABULARY)] = self.margin
        return row

    def _logits(self) -> Any:
        return self._rows.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


class Model:
    name = "local:fake"

    def __init__(self, llama: FakeLlama) -> None:
        self.llama = llama

    @contextmanager
    def loaded(self) -> Iterator[Any]:
        yield self.llama


def odds(llama: FakeLlama, prompt: str) -> float:
    return Odds(Model(llama)).log_odds(prompt)


@pytest.mark.parametrize("value", [2.0, -3.5, 0.0])
def test_yes_is_weighed_against_no(value: float) -> None:
    assert odds(FakeLlama(odds=value), "abcda?") == pytest.approx(value, abs=1e-4)


def test_every_way_to_say_yes_counts() -> None:
    # After " No" a " yes" is likeliest by three; of the other seven answers, three mean yes.
    wanted = math.log((math.exp(3) + 3) / 4)
    assert odds(FakeLlama(), "ab No") == pytest.approx(wanted, abs=1e-4)


def test_odds_are_bounded_where_neither_is_likely() -> None:
    assert -25 < odds(FakeLlama(odds=-400.0), "abcd?") < -10


def test_a_common_beginning_is_read_once() -> None:
    llama = FakeLlama(batch=8)
    odds(llama, "abcdabcdda?")
    llama.decoded.clear()
    odds(llama, "abcdabcdaab?")
    assert [len(part) for part in llama.decoded] == [4]
    odds(llama, "abcdabcdaab?")
    assert [len(part) for part in llama.decoded] == [4, 1]
    kept = list(llama.input_ids[: llama.n_tokens])
    assert kept == llama.tokenize(b"abcdabcdaab?", add_bos=False, special=True)


def test_nothing_is_left_over_from_what_was_asked_before() -> None:
    used = FakeLlama(odds=1.0)
    odds(used, "abcddcbaa?")
    assert odds(used, "abd No") == odds(FakeLlama(), "abd No")
    assert odds(used, "abd") == odds(FakeLlama(), "abd")


def test_a_long_prompt_goes_in_parts() -> None:
    llama = FakeLlama(batch=3)
    found = odds(llama, "abcd" * 5 + "ab No")
    assert [len(part) for part in llama.decoded] == [3] * 7 + [2]
    assert found == odds(FakeLlama(batch=64), "abcd" * 5 + "ab No")


def test_what_does_not_fit_is_an_error() -> None:
    odds(FakeLlama(), "a" * 63 + "?")
    with pytest.raises(ModelError, match="65 tokens"):
        odds(FakeLlama(), "a" * 64 + "?")
    with pytest.raises(ModelError, match="nothing"):
        odds(FakeLlama(), "")


def test_a_failing_model_is_an_error() -> None:
    llama = FakeLlama()
    llama.failing = True
    with pytest.raises(ModelError, match="llama_decode") as caught:
        odds(llama, "ab")
    assert caught.value.retryable


def test_a_server_cannot_be_asked() -> None:
    with pytest.raises(UsageError, match="openai:small") as caught:
        odds_of(SimpleNamespace(name="openai:small"))
    assert "--model local:NAME" in caught.value.remedy
    assert odds_of(Model(FakeLlama())).name == "local:fake"
