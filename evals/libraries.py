"""Libraries to measure in: built once for each set of papers, and used as throwaway copies.

A copy starts with nothing tagged or summarised, so that every output is made anew and its
cost is seen; what models said before comes from one cache that all copies share, with what
it cost at the time. The models themselves are loaded once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curator.errors import InputError
from curator.library import Library
from curator.llm.metered import Budget
from curator.settings import Settings
from evals.provenance import code_hash
from evals.suites.base import Corpus, Suite
from evals.tasks.base import Bench

__all__ = ["Libraries"]

Notify = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]

_READY = "ready.json"


class Libraries:
    """The libraries of one run, below ``folder``."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        *,
        notify: Notify,
        progress: Progress,
        budget: Budget | None = None,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._notify, self._progress = notify, progress
        self._budget = budget
        self.owner = self._open(folder / "models")
        self._work = folder / "work"
        self._work.mkdir(parents=True, exist_ok=True)
        for left in self._work.iterdir():  # by a run that was killed
            if not _alive(left.name.partition("-")[0]):
                shutil.rmtree(left, ignore_errors=True)

    def close(self) -> None:
        self.owner.close()

    @contextmanager
    def bench(self, suite: Suite, data: Path | None, *, model: bool) -> Iterator[Bench]:
        """A throwaway copy of the library of a suite's papers; ``model``: the language model
        is needed."""
        if suite.corpus is None:
            yield Bench(self.owner)
            return
        template = self._template(suite.corpus, data)
        with tempfile.TemporaryDirectory(dir=self._work, prefix=f"{os.getpid()}-") as place:
            taxonomy = suite.taxonomy(data, Path(place)) if suite.taxonomy and data else None
            with self._copy(template, model=model, taxonomy=taxonomy) as library:
                library.index()

                @contextmanager
                def beside(paper: Mapping[str, Any] | None) -> Iterator[Bench]:
                    with self._copy(template, model=model, taxonomy=taxonomy) as other:
                        if paper is not None:
                            file = other.home.root / "added.jsonl"
                            file.write_text(json.dumps(dict(paper)) + "\n", "utf-8")
                            other.add([str(file)])
                        yield Bench(other)

                yield Bench(library, beside)

    @contextmanager
    def _copy(
        self, template: Path, *, model: bool, taxonomy: Path | None = None
    ) -> Iterator[Library]:
        with tempfile.TemporaryDirectory(dir=self._work, prefix=f"{os.getpid()}-") as place:
            home = Path(place) / "home"
            shutil.copytree(template, home)
            library = self._open(home, taxonomy=taxonomy or self._settings.taxonomy)
            self._lend(library, model=model)
            try:
                yield library
            finally:
                library.close()

    def _open(self, home: Path, **changes: Any) -> Library:
        settings = self._settings.model_copy(update={"home": home, **changes})
        return Library(settings, notify=self._notify, progress=self._progress, budget=self._budget)

    def _lend(self, library: Library, *, model: bool) -> None:
        library.embedder = self.owner.embedder
        library.selector = self.owner.selector
        if model:
            library.llm = self.owner.llm
            if self._settings.fallback_model:
                library.fallback = self.owner.fallback

    def _template(self, corpus: Corpus, data: Path | None) -> Path:
        """The library of a corpus, as it is before anything is made of its papers. It is
        closed; nobody works in it."""
        with tempfile.TemporaryDirectory(dir=self._work, prefix=f"{os.getpid()}-") as place:
            files = list(corpus.files(data, Path(place)))
            digest = hashlib.sha256()
            for file in files:
                digest.update(file.read_bytes())
            made_of = {
                "papers": digest.hexdigest()[:16],
                "code": code_hash(),
                "embedder": self.owner.embedder.fingerprint,
            }
            # Another reader or embedder may make other papers or vectors of the same files.
            name = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
            home = self._folder / "libraries" / f"{corpus.name}-{name}"
            ready = home / _READY
            if ready.is_file():
                return home
            for old in home.parent.glob(f"{corpus.name}-*"):
                if old != home:
                    shutil.rmtree(old, ignore_errors=True)
            with self._open(home) as library:
                library.embedder = self.owner.embedder
                report = library.add([str(file) for file in files])
                if report.rejected:
                    source, first = report.rejected[0]
                    self._notify(
                        f"{corpus.name}: {len(report.rejected)} entries were rejected, the first "
                        f"at {Path(source).name}, {first.where}: {first.reason}"
                    )
                if not library.catalog.papers.count():
                    raise InputError(f"No paper could be read for the papers {corpus.name!r}.")
            part = ready.with_suffix(".part")
            part.write_text(json.dumps(made_of), "utf-8")
            part.replace(ready)
        return home


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
