"""Paper Curator: ``from curator import Library`` is the door for programs (docs/python.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curator.library import Library

__all__ = ["Library", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Later, since whoever wants only the version or one module need not load the rest.
    if name == "Library":
        from curator.library import Library

        return Library
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
