"""An embedder whose vectors are kept in a file, so that the same texts are embedded once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.embedding.base import Embedder

    Vectors = NDArray[np.float32]

__all__ = ["KeptVectors"]


class KeptVectors:
    """For few texts (thousands) that come again and again. The embedder is opened when a text is
    new. The file holds vectors of one embedder only; name it after its fingerprint."""

    def __init__(self, make: Callable[[], Embedder], file: Path | None) -> None:
        self._make, self._file = make, file
        self._embedder: Embedder | None = None
        self._rows: dict[str, Vectors] = _read(file)
        self._saved = len(self._rows)

    @property
    def name(self) -> str:
        return self._opened().name

    @property
    def fingerprint(self) -> str:
        """That of the embedder, which is opened for it."""
        return self._opened().fingerprint

    def _opened(self) -> Embedder:
        self._embedder = self._embedder or self._make()
        return self._embedder

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (texts, dimensions)."""
        import numpy as np

        keys = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
        if new or not texts:
            made = self._opened().embed(list(new.values()))
            if not texts:
                return made
            self._rows |= dict(zip(new, made, strict=True))
        return np.stack([self._rows[key] for key in keys])

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question; not kept."""
        return self._opened().embed_query(text)

    def save(self) -> None:
        """Writes what it has, if it has a file and there is anything new. A file that cannot
        be written costs time later, no more."""
        import numpy as np

        if self._file is None or len(self._rows) == self._saved:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            rows = np.stack(list(self._rows.values()))
            part = self._file.with_name(f"{self._file.name}.{os.getpid()}.npz")
            np.savez(part, keys=np.array(list(self._rows)), rows=rows)
            part.replace(self._file)
            self._saved = len(self._rows)


def _read(file: Path | None) -> dict[str, Vectors]:
    """What the file holds; nothing, if it is damaged."""
    import numpy as np

    if file is None or not file.exists():
        return {}
    try:
        with np.load(file) as kept:
            return dict(zip(kept["keys"].tolist(), kept["rows"], strict=True))
    except (OSError, ValueError, KeyError, EOFError):
        return {}
