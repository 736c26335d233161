"""Vectors from text: a local ONNX model, or any OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from curator.embedding.api import ApiEmbedder
from curator.embedding.base import Bulk, Embedder, embedding_text
from curator.embedding.local import OnnxEmbedder
from curator.errors import UsageError

if TYPE_CHECKING:
    from curator.embedding.base import Vectors
    from curator.settings import Settings

__all__ = [
    "ApiEmbedder",
    "Bulk",
    "Embedder",
    "OnnxEmbedder",
    "Vectors",
    "embedding_text",
    "open_embedder",
]


def open_embedder(settings: Settings, notify: Callable[[str], None] | None = None) -> Embedder:
    """The embedder that ``CURATOR_EMBEDDING`` names. ``notify`` is told what a person should
    know: that a text was cut, or that a device was not used.

    Raises:
        UsageError: no embedder has that name, or no device.
        MissingError: weights, a device or a key are not there.
    """
    from curator.weights import DEFAULTS

    kind, _, name = settings.embedding.partition(":")
    if kind == "local":
        return OnnxEmbedder(settings, name or DEFAULTS["embed"], notify)
    if kind == "openai" and name:
        return ApiEmbedder(settings, name, notify)
    raise UsageError(
        f"CURATOR_EMBEDDING cannot be {settings.embedding!r}.",
        remedy="Use local, local:NAME or openai:MODEL.",
    )
