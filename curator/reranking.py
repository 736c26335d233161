"""How well a text answers a question: a cross-encoder that reads both together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from curator.errors import UsageError

if TYPE_CHECKING:
    from curator.settings import Settings

__all__ = ["Reranker", "open_reranker"]


class Reranker(Protocol):
    """Scores (query, text) pairs; higher is better. The scale is the model's own."""

    @property
    def name(self) -> str: ...

    def score(self, query: str, texts: Sequence[str]) -> list[float]: ...


class OnnxReranker:
    """The MS MARCO cross-encoder: one logit per pair, about 4 to 10 where the text answers
    the question and below 0 where it does not (FACTS, *Evidence first, tried*)."""

    def __init__(self, settings: Settings, name: str) -> None:
        from curator.onnx import OnnxModel
        from curator.weights import resolve

        weights = resolve(name, settings.models_dir)
        if weights.entry is None or weights.entry.purpose != "rerank":
            raise UsageError(f"{name!r} is not a reranker.", remedy="See `curator models list`.")
        self.name = f"local:{weights.entry.name}"
        self.identity = f"{self.name}@{weights.sha256[:12]}"
        self._model = OnnxModel(
            weights.files["model.onnx"],
            weights.files["tokenizer.json"],
            max_tokens=512,
            threads=settings.threads,
        )

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        if not texts:
            return []
        pairs = [(query, text) for text in texts]
        return [float(row[0]) for row in self._model.run(pairs, batch=8, pool="none")]


def open_reranker(settings: Settings) -> Reranker | None:
    """The reranker that ``CURATOR_RERANKER`` names, or None for ``none``."""
    from curator.weights import DEFAULTS

    kind, _, name = settings.reranker.partition(":")
    if kind == "none":
        return None
    if kind == "local":
        return OnnxReranker(settings, name or DEFAULTS["rerank"])
    raise UsageError(
        f"CURATOR_RERANKER cannot be {settings.reranker!r}.",
        remedy="Use local, local:NAME or none.",
    )
