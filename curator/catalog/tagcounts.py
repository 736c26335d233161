"""Which papers have which tags, read at once: what counts and trends are made of.

A hundred thousand papers with five tags each are half a million rows. They come as one line of
numbers for each tag, from indexes that hold all that is needed, so that none of the long rows of
papers is touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from curator.catalog.store import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TagCounts", "TagTable"]

_DAYS = (
    "SELECT day, group_concat(seq) FROM papers INDEXED BY ix_papers_day_seq "
    "WHERE day BETWEEN ? AND ? GROUP BY day"
)
_TAGS = (
    "SELECT tags.tag, tags.needs_review, group_concat(papers.seq) "
    "FROM tags INDEXED BY ix_tags_tag_paper "
    "CROSS JOIN papers INDEXED BY ix_papers_id_seq ON papers.id = tags.paper_id "
    "GROUP BY tags.tag, tags.needs_review"
)
_TRIED = (
    "SELECT group_concat(papers.seq) FROM papers INDEXED BY ix_papers_id_seq "
    "CROSS JOIN work ON work.paper_id = papers.id AND work.task = 'tag'"
)
_NOT_DONE = (
    "SELECT group_concat(papers.seq) FROM work CROSS JOIN papers ON papers.id = work.paper_id "
    "WHERE work.task = 'tag' AND work.status <> 'done'"
)
_COUNTS = "SELECT tag, count(*) FROM tags WHERE NOT needs_review GROUP BY tag"
# From each name to the next in the index, instead of past every row.
_NAMES = """
WITH RECURSIVE names(tag) AS (
    SELECT min(tag) FROM tags
    UNION ALL SELECT (SELECT min(tag) FROM tags WHERE tag > names.tag) FROM names
    WHERE names.tag IS NOT NULL
) SELECT tag FROM names WHERE tag IS NOT NULL
"""


@dataclass(frozen=True)
class TagTable:
    """The papers of a period and their tags, by the numbers of papers (``seq``).

    ``days`` has the day of each number (``date.toordinal``), 0 where it is of no paper of the
    period; ``tagged`` is True for papers that a run tagged, be it with no tag, and for those that
    have a tag. ``decided`` and ``suggested``: the papers of the period that have a tag, or for
    which it waits for a person; tags without such a paper are left out.
    """

    days: NDArray[np.int32]
    tagged: NDArray[np.bool_]
    decided: Mapping[str, NDArray[np.int64]]
    suggested: Mapping[str, NDArray[np.int64]]


class TagCounts:
    """Reads the tags that are stored."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, since: str | None = None, until: str | None = None) -> TagTable:
        """All tags of the papers of a period (inclusive ISO days), as of one moment."""
        import numpy as np

        given: dict[bool, dict[str, NDArray[np.int64]]] = {False: {}, True: {}}
        with self._store.read() as connection:
            run = connection.exec_driver_sql
            days = _days(connection, since, until)
            inside = days > 0
            tagged = np.zeros(len(days), np.bool_)
            tagged[_seqs(run(_TRIED).scalar())] = True
            tagged[_seqs(run(_NOT_DONE).scalar())] = False
            for tag, waiting, line in run(_TAGS):
                seqs = _seqs(line)
                seqs = seqs[inside[seqs]]
                if len(seqs):
                    given[bool(waiting)][tag] = seqs
                if not waiting:
                    tagged[seqs] = True
        return TagTable(days, tagged & inside, given[False], given[True])

    def decided(self) -> dict[str, int]:
        """How many papers have each tag, suggestions apart: the most frequent first."""
        with self._store.read() as connection:
            rows = connection.exec_driver_sql(_COUNTS).all()
        return dict(sorted(((tag, count) for tag, count in rows), key=lambda r: (-r[1], r[0])))

    def names(self) -> list[str]:
        """The tags that any paper has, or that are suggested for one."""
        with self._store.read() as connection:
            return list(connection.exec_driver_sql(_NAMES).scalars())

    def has(self, tag: str) -> bool:
        """Whether any paper has this tag, or it is suggested for one."""
        query = "SELECT EXISTS (SELECT 1 FROM tags WHERE tag = ?)"
        with self._store.read() as connection:
            return bool(connection.exec_driver_sql(query, (tag,)).scalar())


def _days(connection: Connection, since: str | None, until: str | None) -> NDArray[np.int32]:
    import numpy as np

    last = connection.exec_driver_sql("SELECT max(seq) FROM papers").scalar() or 0
    days = np.zeros(last + 1, np.int32)
    # No day comes before the empty text, and none after this.
    for day, line in connection.exec_driver_sql(_DAYS, (since or "", until or "~")):
        days[_seqs(line)] = date.fromisoformat(day).toordinal()
    return days


def _seqs(line: str | None) -> NDArray[np.int64]:
    import numpy as np

    return np.fromstring(line, np.int64, sep=",") if line else np.zeros(0, np.int64)
