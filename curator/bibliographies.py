"""The papers that say what a reader wants: those they rated, and those of their bibliography."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curator.errors import InputError, UsageError
from curator.readers import Bibliographic, Profile
from curator.text import clean, title_key

if TYPE_CHECKING:
    from curator.paper import Paper, Record, Rejected
    from curator.profiles import Parts

__all__ = [
    "MOST_ENTRIES",
    "MOST_TEXTS",
    "Bibliography",
    "Taught",
    "import_bibliography",
    "joined",
    "read_bibliography",
    "taught",
]

MOST_ENTRIES = 5_000  # of a bibliography
ABSTRACT_KEPT = 2_000  # characters of an entry's abstract
MOST_TEXTS = 200  # entries that are no papers of the library; embedding them takes 3 s


@dataclass(frozen=True)
class Taught:
    """What a reader's interest is learned from (`curator.interest.learn`): papers of the library,
    liked ones latest first, and texts that stand for what they like besides."""

    liked: tuple[Paper, ...] = ()
    disliked: tuple[Paper, ...] = ()
    texts: tuple[str, ...] = ()


def taught(library: Parts, profile: Profile) -> Taught:
    """What a reader rated, wrote and brought. Entries of the bibliography that are papers of the
    library count as liked unless they are disliked; of the others at most `MOST_TEXTS`, evenly
    over the list, are texts, since each of them has to be embedded."""
    liked, disliked = library.catalog.readers.ratings(profile.name)
    cited = [entry.paper_id for entry in profile.bibliography if entry.paper_id]
    wanted = [name for name in dict.fromkeys([*liked, *cited]) if name not in set(disliked)]
    others = [entry for entry in profile.bibliography if not entry.paper_id]
    if len(others) > MOST_TEXTS:
        others = [others[n * len(others) // MOST_TEXTS] for n in range(MOST_TEXTS)]
    texts = (profile.text, *(f"{entry.title}. {entry.abstract}" for entry in others))
    get = library.catalog.papers.get
    return Taught(
        tuple(get(wanted).values()),
        tuple(get(disliked).values()),
        tuple(text.strip() for text in texts if text.strip()),
    )


@dataclass(frozen=True)
class Bibliography:
    """What a file had: entries, each paper once, and what in it is none."""

    entries: tuple[Bibliographic, ...]
    rejected: tuple[Rejected, ...] = ()

    @property
    def known(self) -> int:
        """How many of its entries are papers of the library."""
        return sum(bool(entry.paper_id) for entry in self.entries)


def import_bibliography(library: Parts, file: str | Path) -> list[Bibliographic]:
    """The entries of `read_bibliography`."""
    return list(read_bibliography(library, file).entries)


def read_bibliography(library: Parts, file: str | Path) -> Bibliography:
    """Reads a reader's papers (BibTeX, RIS, CSL or any other format of ``curator add``; ``-``
    for the pipe) without adding them to the library. Each is matched to the stored paper that
    it is, by arXiv id, DOI, other identifiers or title (`curator.catalog.readers`).

    Raises:
        InputError: the file cannot be read, has no paper, or more than `MOST_ENTRIES`.
        UsageError: it is an address or a feed.
    """
    from curator.sources import is_address, read

    name = str(file)
    if is_address(name):
        raise UsageError(
            "A bibliography is read from a file, and not from an address.",
            remedy="Save it first, then name the file.",
        )
    records, rejected = _read(read(name))
    if not records:
        why = f" ({rejected[0].where}: {rejected[0].reason})" if rejected else ""
        raise InputError(
            f"No paper could be read from {clean(name)!r}{why}.",
            remedy="Name a BibTeX, RIS or CSL-JSON file, as Zotero and others export it.",
        )
    stored = library.catalog.readers.stored(records)
    entries = (
        Bibliographic(record.title, record.abstract[:ABSTRACT_KEPT], paper_id)
        for record, paper_id in zip(records, stored, strict=True)
    )
    return Bibliography(joined((), entries), tuple(rejected))


def joined(
    one: Iterable[Bibliographic], other: Iterable[Bibliographic]
) -> tuple[Bibliographic, ...]:
    """Both lists as one, each paper once: with the later's words, in the earlier's place.

    Raises:
        InputError: more than `MOST_ENTRIES` come together.
    """
    found: dict[str, Bibliographic] = {}
    for entry in (*one, *other):
        found[entry.paper_id or title_key(entry.title)] = entry
    if len(found) > MOST_ENTRIES:
        raise _too_many()
    return tuple(found.values())


def _read(entries: Iterable[object]) -> tuple[list[Record], list[Rejected]]:
    from curator.paper import Record, Rejected

    records: list[Record] = []
    rejected: list[Rejected] = []
    try:
        for entry in entries:
            if isinstance(entry, Record):
                records.append(entry)
            elif isinstance(entry, Rejected):
                rejected.append(entry)
            if len(records) > MOST_ENTRIES:
                raise _too_many()
    except InputError as error:
        if not records or len(records) > MOST_ENTRIES:
            raise
        rejected.append(Rejected("the rest", str(error)))
    return records, rejected


def _too_many() -> InputError:
    return InputError(
        f"A bibliography may have {MOST_ENTRIES:,} papers, and that is more.",
        remedy="Export the part that you work on now: a collection of Zotero, say.",
    )
