"""Vectors from text: a local ONNX model, or any OpenAI-compatible server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from curator.batches import batched
from curator.errors import ModelError, UsageError
from curator.paper import Paper
from curator.text import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.settings import Settings

    Vectors = NDArray[np.float32]

__all__ = ["Embedder", "OnnxEmbedder", "embedding_text", "open_embedder"]

# Changing how a paper becomes text changes every vector, hence every fingerprint.
TEXT_RECIPE = "title. abstract; plain; 1"
BATCH = 16


class Embedder(Protocol):
    """Texts in, unit vectors out. ``fingerprint`` names all that the vectors depend on."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (texts, dimensions), each of length 1, in the order given."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question, of shape (dimensions,)."""
        ...


def embedding_text(paper: Paper) -> str:
    """The text of a paper that is embedded: a name may stand in the title alone."""
    return f"{plain(paper.title)}. {plain(paper.abstract)}"


class OnnxEmbedder:
    """A sentence encoder under onnxruntime, with its own tokenizer.

    Inputs longer than the model's window (512 tokens for BGE) are cut at its end.

    Raises:
        WeightsMissing: the weights were never pulled.
        WeightsCorrupt: the file is not the pinned one.
    """

    def __init__(self, settings: Settings, name: str) -> None:
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
        )
        self.fingerprint = f"{self.name} {weights.sha256[:12]} {entry.dims}d; {TEXT_RECIPE}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        hidden = self._model.run(list(texts), batch=BATCH, pool=self._pooling)
        norms = np.linalg.norm(hidden, axis=1, keepdims=True)
        return np.asarray(hidden / np.maximum(norms, 1e-9), dtype=np.float32)

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed([self._query_prefix + text])[0]
        return vector


class ApiEmbedder:
    """Embeddings from an OpenAI-compatible server.

    Raises:
        ServerUnavailable: it does not answer.
        ModelError: it answers with an error.
    """

    def __init__(self, settings: Settings, model: str) -> None:
        from curator.llm.api import make_client

        self.name = f"openai:{model}"
        self._model = model
        self._client = make_client(settings)
        # Without credentials: the fingerprint stands in the index and in logs.
        base = re.sub(r"//[^@/]*@", "//", settings.openai_base_url or "default")
        self.fingerprint = f"{self.name} at {base}; {TEXT_RECIPE}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        from curator.llm.api import translated

        rows: list[Any] = []
        with translated(self.name):
            for part in batched(texts, 64):
                answer = self._client.embeddings.create(model=self._model, input=part)
                if len(answer.data) != len(part):
                    raise ModelError(
                        f"{self.name} gave {len(answer.data)} vectors, not {len(part)}."
                    )
                rows += [item.embedding for item in sorted(answer.data, key=lambda d: d.index)]
        vectors = np.asarray(rows, dtype=np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(norms, 1e-9), dtype=np.float32)

    def embed_query(self, text: str) -> Vectors:
        vector: Vectors = self.embed([text])[0]
        return vector


def open_embedder(settings: Settings) -> Embedder:
    """The embedder that ``CURATOR_EMBEDDING`` names."""
    from curator.weights import DEFAULTS

    kind, _, name = settings.embedding.partition(":")
    if kind == "local":
        return OnnxEmbedder(settings, name or DEFAULTS["embed"])
    if kind == "openai" and name:
        return ApiEmbedder(settings, name)
    raise UsageError(
        f"CURATOR_EMBEDDING cannot be {settings.embedding!r}.",
        remedy="Use local, local:NAME or openai:MODEL.",
    )
