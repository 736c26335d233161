"""A digest's files: where they are, what an editor changed in them, and setting them aside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.cli.terminal import note

if TYPE_CHECKING:
    from curator.digest.edits import Edits
    from curator.library import Library

__all__ = ["bytes_of", "edits_in", "file_of", "is_old", "keep_edits", "set_aside"]


def file_of(out: Path, reader: str, name: str, ending: str) -> Path:
    """Where a form of a digest is written; the feed has all digests of a reader."""
    from curator.digest.document import ME, slug

    if ending == "atom":
        return out / ("digests.atom" if reader == ME else f"digests-{reader}.atom")
    return out / f"{slug(name, reader)}.{ending}"


def is_old(library: Library, name: str, reader: str) -> bool:
    """Whether the digest was written by a former version, whose files say nothing of edits."""
    before = library.catalog.digests.get(name, reader)
    return before is not None and before.get("version") != 2


def bytes_of(file: Path | None) -> bytes | None:
    """What a file has; None if it is not there.

    Raises:
        InputError: it cannot be read.
    """
    from curator.errors import InputError

    try:
        return file.read_bytes() if file is not None else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(
            f"{str(file)!r} cannot be read: {error}.",
            remedy="Make it readable, or choose another folder.",
        ) from error


def edits_in(library: Library, file: Path, data: bytes, name: str, reader: str) -> Edits:
    """What an editor did to the file, besides what they did before.

    Raises:
        InputError: it cannot be read as this digest; it stays as it is.
    """
    from typing import cast

    from curator.checking import decode_draft
    from curator.digest.edits import merge_edits, unseen
    from curator.digest.reading import read_edits
    from curator.errors import InputError

    before = library.catalog.digests.get(name, reader)
    if before is None:
        raise InputError(
            f"{str(file)!r} is there already, and this library did not write it.",
            remedy="Choose another folder, or --fresh: the file is then kept as .bak.",
        )
    try:
        found, warnings = read_edits(decode_draft(data, str(file)), before)
    except InputError as error:
        message = error.message if str(file) in error.message else f"{file}: {error.message}"
        raise InputError(message, remedy=error.remedy) from error
    stored = cast("Edits | None", library.catalog.digests.edits(name, reader))
    found, more = unseen(stored, found, before)
    for warning in [*warnings, *more]:
        note(f"{file.name}: {warning}")
    return merge_edits(stored, found)


def set_aside(file: Path) -> None:
    """Sets an old file aside, under a name that no other has."""
    from curator.errors import StorageError

    number = 0
    while (aside := file.with_name(f"{file.name}.bak{number or ''}")).exists():
        number += 1
    try:
        file.rename(aside)
    except OSError as error:
        raise StorageError(f"{str(file)!r} cannot be set aside: {error}.") from error
    note(f"Kept as {aside}")


def keep_edits(file: Path | None, edits: dict[str, Any]) -> None:
    """Writes an editor's changes aside, where no file has them.

    Raises:
        UsageError: there is no folder for it.
    """
    import json

    from curator.cli.files import write_whole
    from curator.errors import UsageError

    if file is None:
        raise UsageError(
            "--fresh would lose what was changed in this digest.",
            remedy="Add --out DIR: the changes are then kept there.",
        )
    aside = file.with_name(f"{file.stem}.edits.json")
    write_whole(aside, json.dumps(edits, ensure_ascii=False, indent=2) + "\n")
    note(f"Kept as {aside}")
