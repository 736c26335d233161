"""A text model of a few hundred bytes, written by hand: what it takes to run the real ones.

Each token has a row of a table; the row is rounded to int8 as the real weights' inputs are, by
the largest value of the whole batch. So a careless batch changes a text's vector.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

WORDS = ("[UNK]", "[CLS]", "[SEP]", *(f"w{n}" for n in range(60)))
WIDTH = 6
_INT64, _FLOAT = 7, 1


def table() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """A row for each token, some a hundred times as large as others."""
    rows = np.random.default_rng(5).standard_normal((len(WORDS), WIDTH))
    return (rows * np.linspace(0.1, 10, len(WORDS))[:, None]).astype(np.float32)


def write_model(folder: Path) -> tuple[Path, Path]:
    """``model.onnx`` and ``tokenizer.json`` in a folder."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 1), ("[SEP]", 2)]
    )
    model, words = folder / "model.onnx", folder / "tokenizer.json"
    tokenizer.save(str(words))
    rows = table()
    initializer = (
        b"".join(_number(1, size) for size in rows.shape)
        + _number(2, _FLOAT)
        + _bytes(8, b"table")
        + _bytes(9, rows.tobytes())
    )
    graph = (
        _bytes(1, _node("Gather", ["table", "input_ids"], ["rows"]))
        + _bytes(1, _node("DynamicQuantizeLinear", ["rows"], ["q", "scale", "zero"]))
        + _bytes(1, _node("DequantizeLinear", ["q", "scale", "zero"], ["last_hidden_state"]))
        + _bytes(2, b"tiny")
        + _bytes(5, initializer)
        + _bytes(11, _value("input_ids", _INT64, ["b", "s"]))
        + _bytes(11, _value("attention_mask", _INT64, ["b", "s"]))
        + _bytes(12, _value("last_hidden_state", _FLOAT, ["b", "s", "w"]))
    )
    opset = _bytes(1, b"") + _number(2, 13)
    model.write_bytes(_number(1, 8) + _bytes(7, graph) + _bytes(8, opset))
    return model, words


def _node(kind: str, inputs: list[str], outputs: list[str]) -> bytes:
    names = [_bytes(1, name.encode()) for name in inputs]
    names += [_bytes(2, name.encode()) for name in outputs]
    return b"".join(names) + _bytes(4, kind.encode())


def _value(name: str, kind: int, shape: list[str]) -> bytes:
    dims = b"".join(_bytes(1, _bytes(2, dim.encode())) for dim in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, dims)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
