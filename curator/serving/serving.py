"""One library, served: what the page, the endpoints and MCP share."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from curator.errors import CuratorError
from curator.serving.answering import Answering
from curator.serving.jobs import Jobs
from curator.serving.queue import FairQueue

if TYPE_CHECKING:
    from curator.library import Library

__all__ = ["Serving"]


class Serving:
    """``library`` with its queue, its answers and its jobs. ``token`` is what a client must know;
    None: whoever reaches the server may use it.

    ``changing`` is to be held by who changes what others may be changing at the same moment (a
    review, a digest's edits): the catalog's transactions do not span a reading and a writing.
    """

    def __init__(self, library: Library, *, token: str | None = None) -> None:
        self.library = library
        self.token = token
        # A local model is one; a server takes as many calls as it is set to.
        is_local = library.settings.model.startswith("local")
        self.queue = FairQueue(1 if is_local else library.settings.api_concurrency)
        self.answering = Answering(library, self.queue, one_model=is_local)
        self.jobs = Jobs(busy=lambda: bool(self.queue.serving or self.queue.waiting))
        self.changing = threading.RLock()
        library.progress = self.jobs.progress
        library.notify = self.jobs.note

    def warm(self) -> None:
        """Opens what the first question and the first search would wait for, as far as it is
        there; what is missing is told to whoever needs it."""
        library = self.library
        parts = ["llm", "taxonomy", "librarian", "grounder", "embedder", "reranker", "selector"]
        # One after the other: two threads that ask for a part at once may both open it.
        for name in [*parts, *(["fallback"] if library.settings.fallback_model else [])]:
            with suppress(CuratorError):
                getattr(library, name)
        with suppress(CuratorError):
            library.search("papers", 1)

    def close(self) -> None:
        """Stops the jobs, and takes no more questions; the library stays open."""
        self.jobs.close()
        self.answering.close()
