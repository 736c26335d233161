"""The services that papers are pulled from, by the names that people give."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from curator.errors import UsageError
from curator.identifiers import arxiv_id_of

if TYPE_CHECKING:
    from curator.settings import Settings
    from curator.sources.base import Feed

__all__ = ["FEEDS", "open_feed"]

# What stands before the colon, the module that knows it, and an example for the help.
FEEDS: dict[str, tuple[str, str]] = {
    "hf": ("hf", "hf:2026-11-20, hf:2026-W47, hf:2026-11, hf:daily"),
    "arxiv": ("arxiv", 'arxiv:cs.CL, arxiv:cs.CL@2026-11-01, arxiv:2401.01234, arxiv:"a query"'),
    "arxiv-rss": ("rss", "arxiv-rss:cs.CL+cs.LG"),
    "oai": ("oai_feed", "oai:cs, oai:https://HOST/oai?set=SET"),
    "s2": ("semantic_scholar", "s2:words of a query"),
    "openalex": ("openalex", "openalex:words of a query"),
    "acl": ("acl", "acl:2022.naloma"),
    "rss": ("rss", "rss:https://journal.example/feed.xml"),
}
_SPEC = re.compile(r"([a-z][a-z0-9-]*):(?!//)(.*)", re.IGNORECASE | re.DOTALL)
_NEAR = {"atom": "rss", "huggingface": "hf", "semanticscholar": "s2", "doi": "openalex"}


def open_feed(spec: str, settings: Settings) -> Feed | None:
    """The feed of a spec like ``arxiv:cs.CL``; None for what is no spec (a file, an address).

    Raises:
        UsageError: it is the spec of no feed, or of one that cannot be.
    """
    if os.path.lexists(spec):
        return None
    if found := arxiv_id_of(spec) if spec.lower().startswith("http") else None:
        version = f"v{found[1]}" if found[1] else ""
        spec = f"arxiv:{found[0]}{version}"  # a paper's page on arXiv
    match = _SPEC.fullmatch(spec.strip())
    if not match:
        return None
    name, rest = match[1].lower(), match[2].strip()
    if len(name) == 1:
        return None  # a drive: C:\\papers.bib
    name = _NEAR.get(name, name)
    if name not in FEEDS:
        raise UsageError(
            f"There is no feed {name!r}, and no file {spec!r}.",
            remedy=f"Feeds are: {'; '.join(example for _, example in FEEDS.values())}.",
        )
    feed: Feed = _opener(name)(rest, **_options(name, settings))
    return feed


def _opener(name: str) -> Callable[..., Any]:
    module = import_module(f"curator.sources.{FEEDS[name][0]}")
    opener: Callable[..., Any] = module.of_arxiv if name == "arxiv-rss" else module.of
    return opener


def _options(name: str, settings: Settings) -> dict[str, Any]:
    if name == "s2" and settings.s2_api_key:
        return {"api_key": settings.s2_api_key.get_secret_value()}
    if name == "openalex":
        key = settings.openalex_api_key
        return {"api_key": key.get_secret_value() if key else None, "contact": settings.contact}
    return {}
