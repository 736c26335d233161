"""What is present, missing or mismatched, and what to do about it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from curator.errors import CuratorError
from curator.locks import free_lock
from curator.paths import Home
from curator.settings import Settings

__all__ = ["Finding", "examine"]

LOW_DISK = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """``ok``; ``warn`` (works, but not as well as it could); ``bad`` (something will fail)."""

    name: str
    state: Literal["ok", "warn", "bad"]
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Looks at everything; never raises for what it finds."""
    checks: list[tuple[str, Callable[[Settings], Finding]]] = [
        ("python", _python),
        ("home", _home),
        ("catalog", _catalog),
        ("words", _words),
        ("model", _model),
        ("fallback", _fallback),
        ("embedding", _embedding),
        ("reranker", _reranker),
        ("vectors", _vectors),
        ("prompts", _prompts),
        ("taxonomy", _taxonomy),
    ]
    findings = []
    for name, check in checks:
        try:
            findings.append(check(settings))
        except CuratorError as error:
            findings.append(Finding(name, "bad", error.message, error.remedy))
        except Exception as error:  # noqa: BLE001 - a doctor does not die of what it finds
            findings.append(Finding(name, "bad", f"{type(error).__name__}: {error}"))
    return findings


def _python(_: Settings) -> Finding:
    from curator import __version__

    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", f"Python {version}, paper-curator {__version__}")


def _home(settings: Settings) -> Finding:
    home = Home(settings.home.expanduser()).create()
    free = shutil.disk_usage(home.root).free
    detail = f"{home.root} ({free / 1e9:.1f} GB free)"
    if free < LOW_DISK:
        return Finding("home", "warn", detail, "Free some space: indexes and weights need it.")
    return Finding("home", "ok", detail)


def _catalog(settings: Settings) -> Finding:
    from sqlalchemy import text

    from curator.catalog import Catalog

    catalog = Catalog(Home(settings.home.expanduser()).catalog)
    try:
        with catalog.store.read() as connection:
            said = connection.execute(text("PRAGMA quick_check")).scalar()
        papers = catalog.papers.count()
    finally:
        catalog.close()
    if said != "ok":
        return Finding(
            "catalog", "bad", f"damaged: {said}", "Restore catalog.sqlite3 from a backup."
        )
    if not papers:
        return Finding("catalog", "warn", "no papers yet", "Add some: curator add FILE")
    return Finding("catalog", "ok", f"{papers:,} papers, sound")


def _words(settings: Settings) -> Finding:
    from curator.catalog import Catalog
    from curator.index.lexical import LexicalIndex

    home = Home(settings.home.expanduser())
    catalog = Catalog(home.catalog)
    try:
        lexical = LexicalIndex(home.lexical, catalog.papers)
        behind = lexical.behind() and catalog.papers.count() > 0
        count = lexical.count()
    finally:
        catalog.close()
    if behind:
        return Finding("words", "warn", f"{count:,} papers; behind", "The next search mends it.")
    return Finding("words", "ok", f"{count:,} papers")


def _model(settings: Settings) -> Finding:
    return _llm("model", settings, settings.model)


def _fallback(settings: Settings) -> Finding:
    if not settings.fallback_model:
        return Finding("fallback", "ok", "none set")
    return _llm("fallback", settings, settings.fallback_model)


def _llm(name: str, settings: Settings, spec: str) -> Finding:
    from curator.llm import open_llm

    llm = open_llm(settings, spec)
    if spec.startswith("openai:"):
        from curator.llm.api import make_client, translated

        with translated(llm.name):
            known = [m.id for m in make_client(settings).models.list().data]
        model = spec.partition(":")[2]
        if model not in known:
            shown = ", ".join(known[:5])
            return Finding(
                name, "warn", f"{llm.identity}: the server lists {shown}", f"Is {model!r} right?"
            )
    return Finding(name, "ok", llm.identity)


def _embedding(settings: Settings) -> Finding:
    from curator.embedding import open_embedder

    return Finding("embedding", "ok", open_embedder(settings).fingerprint.partition(";")[0])


def _reranker(settings: Settings) -> Finding:
    from curator.reranking import open_reranker

    reranker = open_reranker(settings)
    if reranker is None:
        return Finding("reranker", "warn", "none: evidence is chosen by vectors alone")
    return Finding("reranker", "ok", reranker.name)


def _vectors(settings: Settings) -> Finding:
    from curator.shelf import Shelf

    with Shelf(settings) as shelf:
        with free_lock(shelf.home.write_lock) as free:
            if free:
                shelf.vectors.heal()
        papers = shelf.catalog.papers.count()
        have = papers - shelf.catalog.vectors.missing_count(shelf.vectors.fingerprint)
    if have < papers:
        return Finding("vectors", "warn", f"{have:,} of {papers:,} papers", "curator index")
    return Finding("vectors", "ok", f"{have:,} papers")


def _prompts(settings: Settings) -> Finding:
    from curator.prompting import PROGRAM, program_prompt

    folder = settings.prompts
    for name in PROGRAM:
        program_prompt(name, folder)
    return Finding("prompts", "ok", str(folder) if folder else "built-in")


def _taxonomy(settings: Settings) -> Finding:
    from curator.taxonomy import load_taxonomy

    taxonomy = load_taxonomy(settings.taxonomy)
    return Finding("taxonomy", "ok", f"{len(taxonomy.tags)} tags in {len(taxonomy.facets)} facets")
