"""Where things lie on disk: one home per library, one cache of weights per machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from curator.errors import StorageError

APP = "paper-curator"

__all__ = ["APP", "Home", "default_home", "default_models_dir"]


def default_home() -> Path:
    """The platform's user data folder for this program."""
    from platformdirs import user_data_path

    return user_data_path(APP, appauthor=False)


def default_models_dir() -> Path:
    """The platform's cache folder for weights, shared by all libraries."""
    from platformdirs import user_cache_path

    return user_cache_path(APP, appauthor=False) / "models"


@dataclass(frozen=True)
class Home:
    """The folder of one library and the places inside it."""

    root: Path

    @property
    def catalog(self) -> Path:
        return self.root / "catalog.sqlite3"

    @property
    def lexical(self) -> Path:
        return self.root / "index" / "lexical"

    @property
    def vectors(self) -> Path:
        return self.root / "index" / "vectors"

    @property
    def tagging(self) -> Path:
        """Vectors of the taxonomy's phrases; derived, as the indexes are."""
        return self.root / "index" / "tagging"

    @property
    def threads(self) -> Path:
        return self.root / "threads.sqlite3"

    @property
    def write_lock(self) -> Path:
        return self.root / "write.lock"

    @property
    def sync_lock(self) -> Path:
        return self.root / "sync.lock"

    @property
    def hosts(self) -> Path:
        """When each server may be asked again."""
        return self.root / "hosts.json"

    def create(self) -> Home:
        """Makes the folder, or says why it cannot be used.

        Raises:
            StorageError: it cannot be made or written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The library folder {str(self.root)!r} cannot be made: {error.strerror or error}.",
                remedy="Choose another with --home DIR or CURATOR_HOME.",
            ) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise StorageError(
                f"The library folder {str(self.root)!r} is read-only.",
                remedy="Make it writable, or choose another with --home DIR or CURATOR_HOME.",
            )
        return self
