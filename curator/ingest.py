"""Taking papers in: many sources, of which some may be unusable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from curator.catalog import AddReport, Change, Papers
from curator.errors import CuratorError, InputError, UsageError
from curator.paper import Record, Rejected
from curator.sources import expand, read

__all__ = ["ingest"]


def ingest(
    papers: Papers,
    sources: Sequence[str],
    progress: Callable[[int], None] | None = None,
    follow: Callable[[Change], None] | None = None,
) -> AddReport:
    """Stores the entries of all sources; what cannot be read is in the report and in the
    ledger, with the reason. ``progress`` gets the number of entries so far, ``follow`` what each
    chunk changed of the papers' texts.

    Raises:
        InputError, UsageError: no source could be read at all.
    """
    report = AddReport()
    unusable: list[CuratorError] = []

    def refuse(source: str, error: CuratorError) -> None:
        unusable.append(error)
        for _ in papers.add([Rejected("", str(error))], source, report):
            pass

    names: dict[str, None] = {}
    for source in sources:
        try:
            names.update(dict.fromkeys(expand([source])))
        except (InputError, UsageError) as error:
            refuse(source, error)
    usable = False
    for name in names:
        try:
            reading = read(name)
        except (InputError, UsageError) as error:
            refuse(name, error)
            continue
        usable = True
        for current in papers.add(_to_the_end(reading), reading.name, report, kind=reading.kind, follow=follow):
            if progress:
                progress(current.entries)
    if not usable and unusable:
        # Wholly unusable input is an error, not a list of rejections.
        raise unusable[0] if len(unusable) == 1 else InputError(" ".join(map(str, unusable)))
    return report


def _to_the_end(entries: Iterable[Record | Rejected]) -> Iterator[Record | Rejected]:
    """Entries of a source; where it breaks off (bad bytes, say), what came before stays."""
    try:
        yield from entries
    except InputError as error:
        yield Rejected("the rest", str(error))
