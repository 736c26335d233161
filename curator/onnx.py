"""Running small ONNX text models.

On the processor a text is a run of its own, as many runs at once as there are threads:

* The weights are int8 with *dynamic* quantisation: each layer's inputs are scaled by the largest
  value in the whole batch. In a batch a text's vector depends on the texts beside it (cosine
  down to .992 among arXiv abstracts); alone it is the same vector every time.
* It is quicker: no padding, and what one text needs stays in a core's cache. Two threads did
  38 abstracts/s so, 16 in batches of 16 (docs/benchmarks.md).

A GPU wants the opposite. It is used for many texts only, since it takes seconds to start.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from curator.batches import batched
from curator.devices import CPU, Device, automatic, find_device, open_session
from curator.errors import MissingError, WeightsCorrupt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

__all__ = ["OnnxModel"]

DEVICE_FROM = 64  # fewer texts than this are computed on the processor, whatever the device
DEVICE_TOKENS = 16_384  # tokens in one run on a device, padding included
DEVICE_TEXTS = 512  # texts that are worth giving at once where there is a device
PROBE = 32  # texts that decide whether a device is quicker, and right
ALIKE = 0.95  # cosine to the processor's vectors; int8 rounding alone has been seen to make .99


class OnnxModel:
    """A model and its tokenizer. They are loaded in the background (imports and all, about a
    third of a second); whoever needs them first waits for the rest of it.

    ``device`` is ``cpu``, the name of a device, or ``auto``: a GPU where there is one and it
    proves quicker. ``notify`` is told where one is there and not used.

    Raises:
        UsageError: there is no device of that name.
        MissingError: the device is not there.
        WeightsCorrupt: a file cannot be loaded (raised by `run`).
    """

    def __init__(
        self,
        model: Path,
        tokenizer: Path,
        *,
        max_tokens: int,
        threads: int | None,
        device: str = "cpu",
        notify: Callable[[str], None] | None = None,
    ) -> None:
        # Whole before the thread begins: of a package whose modules import each other, two
        # threads that import it at once may see half.
        import numpy  # noqa: F401

        self._paths = model, tokenizer
        self._max_tokens = max_tokens
        self._threads = threads or _cores()
        self._notify = notify or (lambda _: None)
        self._device = None if device.strip().lower() == "auto" else find_device(device)
        self._on_device: Any = None
        self._deciding = Lock()
        self._device_free = Lock()  # DirectML allows one run at a time; others gain nothing
        self._pool = ThreadPoolExecutor(self._threads, "onnx")
        self._loading = self._pool.submit(self._load)

    @property
    def bulk_texts(self) -> int:
        """How many texts are best given at once: about a second's work."""
        if self._device is None and not automatic():
            self._device = CPU
        return 16 * self._threads if self._device is CPU else DEVICE_TEXTS

    def run(
        self, texts: Sequence[str] | Sequence[tuple[str, str]], *, batch: int, pool: str
    ) -> Rows:
        """One row per text or pair (at least one), in the order given; ``batch`` at most in one
        run on the processor. May be called from several threads.

        ``pool`` is ``cls`` (first token), ``mean`` (over real tokens) or ``none`` (the
        model's output as it is, for cross-encoders).
        """
        import numpy as np

        tokenizer, session = self._loading.result()
        encoded = tokenizer.encode_batch_fast(list(texts))
        order = sorted(range(len(encoded)), key=lambda i: len(encoded[i].ids))
        if len(texts) >= DEVICE_FROM and self._uses_device(encoded, session, pool):
            groups = list(_by_tokens(order, encoded))
            with self._device_free:
                outputs = [_infer(self._on_device, [encoded[i] for i in g], pool) for g in groups]
        else:
            # The longest first, so that no thread is left alone with a long one at the end.
            groups = list(batched(order, batch))[::-1]
            outputs = self._spread(session, [[encoded[i] for i in g] for g in groups], pool)
        rows: list[Any] = [None] * len(encoded)
        for group, output in zip(groups, outputs, strict=True):
            for i, row in zip(group, output, strict=True):
                rows[i] = row
        return np.asarray(rows, dtype=np.float32)

    # ---------------------------------------------------------------- loading

    def _load(self) -> tuple[Any, Any]:
        model, tokenizer = self._paths
        try:
            from tokenizers import Tokenizer

            session = open_session(model, CPU)
            reads = Tokenizer.from_file(str(tokenizer))
        except Exception as error:
            raise WeightsCorrupt(
                f"The model in {str(model.parent)!r} cannot be loaded ({error}).",
                remedy="Run `curator models verify`.",
            ) from error
        reads.enable_truncation(self._max_tokens)
        reads.no_padding()
        return reads, session

    # -------------------------------------------------------------- computing

    def _spread(self, session: Any, groups: list[list[Any]], pool: str) -> list[Rows]:
        """Runs on the processor, over its threads; a single one, as of a question, at once."""
        if len(groups) == 1:
            return [_infer(session, groups[0], pool)]
        futures = [self._pool.submit(_infer, session, group, pool) for group in groups]
        return _all_of(futures)

    def _uses_device(self, encoded: list[Any], session: Any, pool: str) -> bool:
        """Whether many texts go to a device, which is opened when this is first asked."""
        with self._deciding:
            if self._device is None:
                self._device = CPU
                for device in automatic():
                    if self._is_quicker(device, encoded[:PROBE], session, pool):
                        self._device = device
                        break
            elif self._device is not CPU and self._on_device is None:
                self._try(self._device, encoded[:PROBE], session, pool)
            return self._device is not CPU

    def _try(self, device: Device, sample: list[Any], session: Any, pool: str) -> float:
        """Opens a device; how many times the processor's speed it has.

        Raises:
            MissingError: it does not work, or gives other numbers than the processor.
        """
        on_device = open_session(self._paths[0], device)
        theirs = _infer(on_device, sample, pool)  # the first run compiles
        started = time.perf_counter()
        _infer(on_device, sample, pool)
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        ours = self._spread(session, [[one] for one in sample], pool)
        factor = (time.perf_counter() - started) / max(seconds, 1e-9)
        likeness = _cosines(theirs, ours).min()
        if not likeness >= ALIKE:
            raise MissingError(
                f"The device {device.name!r} gives other vectors than the processor (cosine "
                f"{likeness:.2f}).",
                remedy="Update its driver, or set CURATOR_DEVICE=cpu.",
            )
        self._on_device = on_device
        return factor

    def _is_quicker(self, device: Device, sample: list[Any], session: Any, pool: str) -> bool:
        """Int8 models mostly are not quicker on a GPU, whose kernels for them are few
        (https://github.com/microsoft/onnxruntime/issues/10267): so it is tried."""
        try:
            factor = self._try(device, sample, session, pool)
        except Exception as error:  # noqa: BLE001 - a driver may fail in any way
            why = error.message if isinstance(error, MissingError) else f"{error}."
            self._notify(f"{why} The processor is used.")
            return False
        if factor > 1:
            return True
        self._on_device = None
        self._notify(
            f"The device {device.name!r} has {factor:.1f} times the speed of the processor with "
            f"these weights, so that is used; CURATOR_DEVICE={device.name} takes it nonetheless."
        )
        return False


def _infer(session: Any, group: list[Any], pool: str) -> Rows:
    """One run over encoded texts, padded to the longest: shape (texts, width of a row)."""
    import numpy as np

    width = max(len(one.ids) for one in group)
    ids = np.zeros((len(group), width), dtype=np.int64)
    mask, types = np.zeros_like(ids), np.zeros_like(ids)
    for row, one in enumerate(group):
        length = len(one.ids)
        ids[row, :length] = one.ids
        mask[row, :length] = 1
        types[row, :length] = one.type_ids
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
    wanted = (node.name for node in session.get_inputs())
    output = session.run(None, {name: feeds[name] for name in wanted})[0]
    if pool == "cls":
        output = output[:, 0]
    elif pool == "mean":
        weights = mask[:, :, None].astype(np.float32)
        output = (output * weights).sum(1) / np.maximum(weights.sum(1), 1)
    return np.asarray(output, dtype=np.float32)


def _cosines(one: Rows, other: list[Rows]) -> Rows:
    """Row by row."""
    import numpy as np

    there = np.concatenate(other)
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(there, axis=1)
    return np.asarray((one * there).sum(1) / np.maximum(norms, 1e-9), dtype=np.float32)


def _all_of(futures: list[Future[Rows]]) -> list[Rows]:
    try:
        return [future.result() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        raise


def _by_tokens(order: list[int], encoded: list[Any]) -> Iterator[list[int]]:
    """Groups of texts of like length, of at most `DEVICE_TOKENS` tokens with padding."""
    group: list[int] = []
    for i in order:
        if group and len(encoded[i].ids) * (len(group) + 1) > DEVICE_TOKENS:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


def _cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
