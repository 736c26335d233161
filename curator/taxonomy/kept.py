"""The taxonomies that a library's tags were made with, kept so that a change can be told.

``HOME/taxonomies/HASH.yaml``, in our own form, written once when tagging starts.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from curator.errors import InputError, StorageError
from curator.taxonomy.files import load_taxonomy
from curator.taxonomy.model import Taxonomy
from curator.taxonomy.written import to_yaml

__all__ = ["keep", "kept"]

FOLDER = "taxonomies"


def keep(home: Path, taxonomy: Taxonomy) -> Path:
    """Stores a taxonomy in a library's folder, if it is not there already; where it lies.

    Raises:
        StorageError: it cannot be written.
    """
    file = home / FOLDER / f"{taxonomy.hash}.yaml"
    if kept(home, taxonomy.hash) is not None:
        return file
    temporary = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(to_yaml(taxonomy), "utf-8")
            temporary.replace(file)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"{str(file)!r} cannot be written: {error.strerror or error}.",
            remedy="Free some space, or make the library's folder writable.",
        ) from error
    return file


def kept(home: Path, name: str) -> Taxonomy | None:
    """The taxonomy with that hash: the kept one, or the built-in one if it is that. None if
    neither is, or the file was changed since."""
    if not re.fullmatch(r"[0-9a-f]{16}", name):
        return None
    for source in (home / FOLDER / f"{name}.yaml", None):
        try:
            found = load_taxonomy(source)
        except InputError:
            continue
        if found.hash == name:
            return found
    return None
