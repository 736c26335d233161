"""The libraries that are measured in: built once by the library's own `add` and `index`.

Each is a folder of ``--home``. A build that was interrupted goes on where it was; a finished one
says in ``ready.json`` what it was made of.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.embedding import Embedder, open_embedder
from curator.errors import InputError, ModelError
from curator.library import Library
from curator.retrieval import HybridRetriever
from curator.settings import load_settings
from curator.shelf import Shelf
from evals.search.sets import ARXIV, arxiv_files, collection_files, files_of, need, title_files
from evals.suites.own import SAMPLES

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = ["Libraries", "Remembered", "mark_ready", "ready", "retriever_of"]

Notify = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]

_READY = "ready.json"


class Remembered:
    """An embedder that looks up vectors of queries, made beforehand, and makes none."""

    def __init__(self, embedder: Embedder, texts: Sequence[str], vectors: Vectors) -> None:
        self.name, self.fingerprint = embedder.name, embedder.fingerprint
        self._vectors: dict[str, Vectors] = dict(zip(texts, vectors, strict=True))

    def embed(self, texts: Sequence[str]) -> Vectors:
        raise AssertionError("nothing is embedded while searches are timed")

    def embed_query(self, text: str) -> Vectors:
        return self._vectors[text]


def retriever_of(library: Shelf, embedder: Embedder) -> HybridRetriever:
    """As `Library.search` makes one for each search."""
    return HybridRetriever(
        library.catalog.papers,
        library.lexical,
        library.vectors,
        embedder,
        facets=lambda: library.catalog.facets,
    )


@dataclass
class Libraries:
    """The libraries below ``folder``, of the papers in ``data``.

    Raises:
        MissingError: the embedder's weights are not there.
    """

    folder: Path
    data: Path
    distractors: int
    seed: int
    notify: Notify = lambda _: None
    progress: Progress = lambda _what, _done, _of: None

    @cached_property
    def embedder(self) -> Embedder:
        return open_embedder(load_settings(), self.notify)

    def of_set(self, name: str) -> AbstractContextManager[Library]:
        """The library that a set's queries are asked of."""
        if name == "scifact":
            return self.arxiv()
        if name == "titles":
            write = partial(title_files, seed=self.seed)
            return self._built(f"titles-{self.seed}", write, self.data / ARXIV)
        files = [self.data / file for file in files_of(name)]
        return self._built(name, lambda data, to: collection_files(name, data, to), *files)

    def arxiv(self) -> AbstractContextManager[Library]:
        """SciFact's abstracts among the arXiv papers."""
        files = [self.data / file for file in (ARXIV, *files_of("scifact"))]
        return self._built(self.arxiv_name, partial(arxiv_files, count=self.distractors), *files)

    def samples(self) -> AbstractContextManager[Library]:
        """The project's own sample library."""
        return self._built("samples", lambda _data, _to: [SAMPLES], SAMPLES)

    @property
    def arxiv_name(self) -> str:
        return f"arxiv-{self.distractors}"

    def home(self, name: str) -> Path:
        return self.folder / name / "library"

    @contextmanager
    def _built(
        self, name: str, write: Callable[[Path, Path], Sequence[Path]], *files: Path
    ) -> Iterator[Library]:
        """A library with a vector of each paper in ``files``, which ``write`` puts in a form
        that `Library.add` reads."""
        place = self.folder / name
        sizes = {file.name: file.stat().st_size for file in files if need(file.parent, file.name)}
        before = ready(place)
        if before and before["files"] != sizes:
            raise InputError(
                f"{str(place)!r} was made of other data.",
                remedy="Delete that folder, or choose another with --home.",
            )
        # Whatever is set for the reader's own library: what is measured is Chroma in a folder.
        settings = load_settings(home=self.home(name)).model_copy(update={"chroma_url": None})
        with Library(settings, notify=self.notify, progress=self.progress) as library:
            library.embedder = self.embedder
            made_of = {"files": sizes, "embedder": self.embedder.fingerprint}
            if before != made_of:
                self._fill(library, place, write)
                mark_ready(place, made_of)
                shutil.rmtree(place / "papers", ignore_errors=True)
            library.index()  # another release may want its word index anew
            yield library

    def _fill(
        self, library: Library, place: Path, write: Callable[[Path, Path], Sequence[Path]]
    ) -> None:
        papers = place / "papers"
        papers.mkdir(parents=True, exist_ok=True)
        self.notify(f"{place.name}: taking in its papers ...")
        report = library.add([str(file) for file in write(self.data, papers)], embed=False)
        if report.rejected:
            source, first = report.rejected[0]
            raise InputError(
                f"{place.name}: {len(report.rejected)} papers were rejected, the first at "
                f"{Path(source).name}, {first.where}: {first.reason}"
            )
        fingerprint = self.embedder.fingerprint
        if missing := library.catalog.vectors.missing_count(fingerprint):
            self.notify(
                f"{place.name}: making {missing:,} vectors, once; on two cores an hour for "
                "100,000. Interrupted, the next run goes on."
            )
            library.index()
        if missing := library.catalog.vectors.missing_count(fingerprint):
            raise ModelError(
                f"{place.name}: {missing:,} papers have no vector.",
                remedy="Run it again; `curator doctor` says whether the weights are there.",
            )


def ready(place: Path) -> Any:
    """What a finished library says it was made of; None for one that is not finished."""
    try:
        return json.loads((place / _READY).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def mark_ready(place: Path, made_of: Any) -> None:
    part = place / f"{_READY}.part"
    part.write_text(json.dumps(made_of), "utf-8")
    part.replace(place / _READY)
