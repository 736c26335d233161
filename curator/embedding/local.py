"""Vectors from a local ONNX model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from curator.embedding.base import TEXT_RECIPE, Bulk, unit
from curator.errors import UsageError

if TYPE_CHECKING:
    from curator.embedding.base import Vectors
    from curator.settings import Settings

__all__ = ["OnnxEmbedder"]


class OnnxEmbedder:
    """A sentence encoder under onnxruntime, with its own tokenizer.

    Inputs longer than the model's window (512 tokens for BGE) are cut at its end. The vector
    of a text depends on that text alone (`curator.onnx`); on another device than the processor
    it differs by about as much as int8 rounding does, so the fingerprint does not name it.

    Raises:
        WeightsMissing: the weights were never pulled.
        WeightsCorrupt: the file is not the pinned one.
        MissingError: ``CURATOR_DEVICE`` names what is not there.
    """

    def __init__(
        self, settings: Settings, name: str, notify: Callable[[str], None] | None = None
    ) -> None:
        from curator.onnx import OnnxModel
        from curator.weights import resolve

        weights = resolve(name, settings.models_dir)
        entry = weights.entry
        if entry is None or entry.purpose != "embed":
            raise UsageError(
                f"{name!r} does not make embeddings.", remedy="See `curator models list`."
            )
        self.name = f"local:{entry.name}"
        self._pooling = entry.pooling
        self._query_prefix = entry.query_prefix
        self._model = OnnxModel(
            weights.files["model.onnx"],
            weights.files["tokenizer.json"],
            max_tokens=entry.max_tokens or 512,
            threads=settings.threads,
            device=settings.device,
            notify=notify,
        )
        self.fingerprint = f"{self.name} {weights.sha256[:12]} {entry.dims}d; {TEXT_RECIPE}"
        self._dims = entry.dims or 0

    @property
    def bulk(self) -> Bulk:
        """Two calls: while one text is tokenized or put together, the other computes."""
        return Bulk(calls=2, texts=self._model.bulk_texts)

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        if not texts:
            return np.zeros((0, self._dims), dtype=np.float32)
        return unit(self._model.run(list(texts), batch=1, pool=self._pooling))

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed([self._query_prefix + text])[0]
        return vector
