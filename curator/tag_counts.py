"""How many papers have each tag, week by week, and a page about one tag.

Shares are of the papers that were tagged: those that wait for it say nothing about any tag, and
the newest week is the one that waits. Papers belong to the day a list showed them, else to the
day they were published or added (``papers.day``), as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from curator.catalog.tagcounts import TagCounts, TagTable
from curator.errors import UsageError
from curator.tag_names import TagNames
from curator.tag_trends import By, Change, changes, labels, starts
from curator.taxonomy import Taxonomy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.catalog import Catalog, StoredTag
    from curator.paper import Paper

__all__ = ["Companion", "TagCount", "TagPage", "TagReport", "TagStatistics"]

# Weeks (or months) shown where nobody said since when, and at most.
SHOWN, MOST_SHOWN = 12, 53
COMPANIONS = 8


@dataclass(frozen=True)
class TagCount:
    """One tag: the papers that have it, their share of those that were tagged, for how many more
    it waits for a person, and the papers of each week shown. ``facet`` is None for a tag that
    is not in the taxonomy, and empty where that knows no facets."""

    tag: str
    facet: str | None
    parent: str | None
    papers: int
    share: float
    suggested: int
    trend: tuple[int, ...]
    change: Change | None


@dataclass(frozen=True)
class TagReport:
    """The tags of a period: the papers in it, those of them that were tagged, and of these how
    many each week has (``sizes``). ``tags`` stand facet by facet, each parent before its
    children, the more frequent first; ``depths`` says how deep each stands. ``unused`` are the
    taxonomy's tags that no paper of the period has and that are not suggested for one."""

    by: By
    papers: int
    tagged: int
    weeks: tuple[str, ...]
    sizes: tuple[int, ...]
    tags: tuple[TagCount, ...]
    depths: tuple[int, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True)
class Companion:
    """A tag that goes with another: on how many of its papers, on what share of them, and on
    what share of all tagged papers."""

    tag: str
    papers: int
    share: float
    overall: float


@dataclass(frozen=True)
class TagPage:
    """What there is to know of one tag. ``newest`` are its latest papers, each with the tag as it
    is stored."""

    count: TagCount
    description: str
    aliases: tuple[str, ...]
    children: tuple[str, ...]
    by: By
    papers: int
    tagged: int
    weeks: tuple[str, ...]
    sizes: tuple[int, ...]
    newest: tuple[tuple[Paper, StoredTag], ...]
    companions: tuple[Companion, ...]


class TagStatistics:
    """Counts the tags of a library as a taxonomy groups them."""

    def __init__(self, catalog: Catalog, taxonomy: Taxonomy) -> None:
        self._catalog = catalog
        self._taxonomy = taxonomy
        self._counts = TagCounts(catalog.store)

    def report(
        self,
        since: str | None = None,
        until: str | None = None,
        *,
        by: By = "week",
        facet: str | None = None,
        limit: int | None = None,
        today: date | None = None,
    ) -> TagReport:
        """All tags of a period (inclusive ISO days), or those of one facet, or the ``limit`` most
        frequent of them. The weeks end with the last one that has a tagged paper and has begun
        by ``today``; without ``since`` there are `SHOWN`.

        Raises:
            UsageError: the taxonomy has no such facet.
        """
        facets = self._facets()
        if facet is not None and facet not in facets:
            raise UsageError(
                f"The taxonomy has no facet {facet!r}.",
                remedy=f"Its facets are {', '.join(facets) or 'none'}.",
            )
        table = self._table(since, until)
        days = _Weeks(table, by, bool(since), today or date.today())
        counted = self._counted(table, days, {*table.decided, *table.suggested})
        chosen = [count for count in counted if facet is None or count.facet == facet]
        chosen = sorted(chosen, key=_by_frequency)[:limit]
        ordered = list(_grouped(chosen, facets, self._taxonomy))
        stored = {count.tag for count in counted}
        return TagReport(
            by,
            int((table.days > 0).sum()),
            int(table.tagged.sum()),
            days.labels,
            days.sizes,
            tuple(count for count, _ in ordered),
            tuple(depth for _, depth in ordered),
            tuple(
                tag.name
                for tag in self._taxonomy.tags
                if tag.name not in stored and facet in (None, tag.facet)
            ),
        )

    def page(
        self,
        name: str,
        since: str | None = None,
        until: str | None = None,
        *,
        by: By = "week",
        limit: int = 5,
        today: date | None = None,
    ) -> TagPage:
        """One tag, by its name or an alias: counts, weeks, the ``limit`` newest papers, and the
        tags that go with it.

        Raises:
            NotFoundError: neither the taxonomy nor the library has such a tag.
        """
        tag = TagNames(self._taxonomy, self._counts).resolve(name)
        table = self._table(since, until)
        days = _Weeks(table, by, bool(since), today or date.today())
        # All are counted, since what is more than chance depends on how many are looked at.
        counted = {c.tag: c for c in self._counted(table, days, {*table.decided, tag})}
        known = self._taxonomy.by_name.get(tag)
        return TagPage(
            counted[tag],
            known.description if known else "",
            known.aliases if known else (),
            tuple(t.name for t in self._taxonomy.tags if t.parent == tag),
            by,
            int((table.days > 0).sum()),
            int(table.tagged.sum()),
            days.labels,
            days.sizes,
            tuple(self._newest(table, tag, limit)),
            tuple(self._companions(table, tag)),
        )

    # ------------------------------------------------------------------ parts

    def _facets(self) -> list[str]:
        named = [facet.name for facet in self._taxonomy.facets]
        return list(dict.fromkeys([*named, *(t.facet for t in self._taxonomy.tags if t.facet)]))

    def _table(self, since: str | None, until: str | None) -> TagTable:
        """With what is stored under former names of tags."""
        table = self._counts.read(since, until)
        now = {former: tag.name for tag in self._taxonomy.tags for former in tag.was}
        if not now.keys() & {*table.decided, *table.suggested}:
            return table
        decided = _renamed(table.decided, now)
        suggested = _renamed(table.suggested, now)
        return TagTable(table.days, table.tagged, decided, suggested)

    def _counted(self, table: TagTable, days: _Weeks, tags: Iterable[str]) -> list[TagCount]:
        tagged = int(table.tagged.sum())
        names = sorted(tags)
        trends = [days.count(table.decided.get(tag)) for tag in names]
        found = []
        for tag, trend, change in zip(names, trends, changes(trends, days.sizes), strict=True):
            known = self._taxonomy.by_name.get(tag)
            papers = len(table.decided.get(tag, ()))
            found.append(
                TagCount(
                    tag,
                    known.facet if known else None,
                    known.parent if known else None,
                    papers,
                    papers / tagged if tagged else 0.0,
                    len(table.suggested.get(tag, ())),
                    trend,
                    change,
                )
            )
        return found

    def _newest(self, table: TagTable, tag: str, limit: int) -> Iterable[tuple[Paper, StoredTag]]:
        import numpy as np

        own = table.decided.get(tag)
        if own is None:
            return
        newest = own[np.lexsort((own, table.days[own]))[::-1][:limit]].tolist()
        papers = self._catalog.papers.at(newest)
        stored = self._catalog.outputs.tags(paper.id for paper in papers.values())
        known = self._taxonomy.by_name.get(tag)
        names = {tag, *(known.was if known else ())}
        for seq in newest:
            paper = papers.get(seq)
            given = (t for t in stored.get(paper.id if paper else "", ()) if t.tag in names)
            first = next(given, None)
            if paper is not None and first is not None:
                yield paper, first

    def _companions(self, table: TagTable, tag: str) -> list[Companion]:
        """Tags that share more papers with it than by chance, the most surprising first. Its
        parents and children say nothing: they come along."""
        import numpy as np

        own = table.decided.get(tag)
        tagged = int(table.tagged.sum())
        if own is None or not tagged:
            return []
        mine = np.zeros(len(table.days), np.bool_)
        mine[own] = True
        by_name = self._taxonomy.by_name
        family = {tag, *(self._taxonomy.ancestors(tag) if tag in by_name else ())}
        family |= {name for name in by_name if tag in self._taxonomy.ancestors(name)}
        found = []
        for other, seqs in table.decided.items():
            shared = int(mine[seqs].sum())
            expected = len(own) * len(seqs) / tagged
            if other not in family and shared > max(1.0, expected):
                companion = Companion(other, shared, shared / len(own), len(seqs) / tagged)
                found.append((-(shared - expected) / expected**0.5, other, companion))
        return [companion for *_, companion in sorted(found)[:COMPANIONS]]


class _Weeks:
    """The weeks (or months) that are shown, and counting in them."""

    def __init__(self, table: TagTable, by: By, whole: bool, today: date) -> None:
        import numpy as np

        self._days = table.days
        dated = table.days[table.tagged]
        begun = dated[dated <= today.toordinal()]
        dated = begun if len(begun) else dated
        self._edges: NDArray[np.int64] = np.zeros(0, np.int64)
        self.labels: tuple[str, ...] = ()
        self.sizes: tuple[int, ...] = ()
        if not len(dated):
            return
        last = date.fromordinal(int(dated.max()))
        first = date.fromordinal(int(dated.min()))
        begins = starts(first, last, by, MOST_SHOWN if whole else SHOWN)
        # What is dated later than the last day is in no week.
        self._edges = np.array([*(d.toordinal() for d in begins), last.toordinal() + 1])
        self.labels = tuple(labels(begins, by))
        self.sizes = self.count(np.flatnonzero(table.tagged))

    def count(self, seqs: NDArray[np.int64] | None) -> tuple[int, ...]:
        """How many of these papers are of each week."""
        import numpy as np

        if seqs is None or not len(self._edges):
            return (0,) * len(self.labels)
        at = np.searchsorted(self._edges, self._days[seqs], side="right")
        counts = np.bincount(at, minlength=len(self._edges) + 1)
        return tuple(int(n) for n in counts[1 : len(self._edges)])


def _renamed(
    rows: Mapping[str, NDArray[np.int64]], now: Mapping[str, str]
) -> dict[str, NDArray[np.int64]]:
    import numpy as np

    found: dict[str, NDArray[np.int64]] = {}
    for tag, seqs in rows.items():
        name = now.get(tag, tag)
        found[name] = np.union1d(found[name], seqs) if name in found else seqs
    return found


def _by_frequency(count: TagCount) -> tuple[int, int, str]:
    return -count.papers, -count.suggested, count.tag


def _grouped(
    counts: Sequence[TagCount], facets: Sequence[str], taxonomy: Taxonomy
) -> Iterable[tuple[TagCount, int]]:
    """Facet by facet, what is in none at the end; each with how deep it stands below others of
    its facet."""
    for facet in [*facets, "", None]:
        own = {count.tag: count for count in counts if count.facet == facet}
        below: dict[str | None, list[str]] = {}
        for tag in own:
            ancestors = taxonomy.ancestors(tag) if tag in taxonomy.by_name else []
            below.setdefault(next((name for name in ancestors if name in own), None), []).append(
                tag
            )
        todo = [(tag, 0) for tag in reversed(below.get(None, []))]
        while todo:
            tag, depth = todo.pop()
            yield own[tag], depth
            todo += [(child, depth + 1) for child in reversed(below.get(tag, []))]
