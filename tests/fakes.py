"""Scripted models and small papers for tests. Nothing here ever makes what a user sees."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from curator.llm.base import Completion, Request
from curator.paper import Entry, Paper, Record
from curator.text import fold

if TYPE_CHECKING:
    from curator.catalog import AddReport, Catalog
    from curator.embedding import Vectors

DIMENSIONS = 32

Said = str | dict[str, Any] | Exception
Script = Callable[[Request], Said]


class FakeEmbedder:
    """Unit vectors of 32 dimensions: each word has a direction that its hash gives, a text is
    the sum of its words. Texts that share words are near each other, on every machine."""

    def __init__(self, fingerprint: str = "fake 32d") -> None:
        self.name = "fake"
        self.fingerprint = fingerprint
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return np.stack([self._vector(text) for text in texts])

    def embed_query(self, text: str) -> Vectors:
        return self._vector(text)

    @staticmethod
    def _vector(text: str) -> Vectors:
        total = np.zeros(DIMENSIONS)
        for word in _words(text) or [""]:
            total += _direction(word)
        return np.asarray(total / np.linalg.norm(total), dtype=np.float32)


class OverlapReranker:
    """The share of the query's words that a text has, on about the scale of the real one:
    from -10 for none to 8 for all."""

    name = "overlap"

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        wanted = set(_words(query))
        return [18 * len(wanted & set(_words(text))) / max(1, len(wanted)) - 10.0 for text in texts]


class ScriptedLLM:
    """Says what it is told to: a list of answers, taken in turn, or a function of the request.

    An answer that is an exception is raised. ``requests`` holds what it was asked.
    """

    def __init__(
        self, script: Iterable[Said] | Script = (), *, name: str = "scripted", concurrency: int = 1
    ) -> None:
        self.name = name
        self.identity = f"{name}@1"
        self.concurrency = concurrency
        self.requests: list[Request] = []
        self._script = script if callable(script) else None
        self._answers = [] if callable(script) else list(script)
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Completion:
        with self._lock:
            self.requests.append(request)
            said = None if self._script else self._answers.pop(0)
        if self._script:
            said = self._script(request)
        if isinstance(said, Exception):
            raise said
        text = said if isinstance(said, str) else json.dumps(said)
        return Completion(text, prompt_tokens=100, completion_tokens=10, seconds=0.5)


def record(title: str = "A Title", abstract: str = "An abstract of it.", **fields: Any) -> Record:
    return Record.make(title=title, abstract=abstract, **fields)


def many(count: int, start: int = 0) -> list[Record]:
    """Distinct papers."""
    return [
        record(
            f"Study number {n} of topic {n % 7}",
            f"We study case {n}. It is about topic {n % 7}.",
            where=f"line {n}",
            arxiv_id=f"2401.{n:05d}" if n % 3 == 0 else None,
            doi=f"10.1234/case.{n}" if n % 3 == 1 else None,
        )
        for n in range(start, start + count)
    ]


def add(catalog: Catalog, *entries: Entry, source: str = "papers.jsonl") -> AddReport:
    """Adds entries as one reading of a source."""
    from curator.catalog import AddReport as Report

    report = Report()
    for _ in catalog.papers.add(entries, source, report):
        pass
    return report


def paper(title: str = "A Title", abstract: str = "An abstract of it.", **fields: Any) -> Paper:
    """A paper that is in no catalog."""
    digest = hashlib.sha256(title.encode()).hexdigest()[:12]
    return Paper(**({"id": f"p{digest}", "title": title, "abstract": abstract} | fields))


@functools.cache
def _direction(word: str) -> Any:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(DIMENSIONS)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", fold(text))
