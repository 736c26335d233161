"""The queue of tags that a person should decide, the question that teaches most first.

What a question teaches is estimated from stored numbers alone: how uncertain the tag is (the
entropy of its confidence, Lewis and Gale 1994), how few decided examples of the tag there are,
and how many waiting papers it would help with (the density of Settles and Craven 2008). Doubt
weighs most, since the queue is also there to find what is wrong. All of a paper's questions are
asked at once, so it is worth their mean.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log2
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.catalog import Catalog, StoredTag

__all__ = [
    "DENSITY",
    "HIGH",
    "LOW",
    "RUN",
    "Corrected",
    "ReviewItem",
    "ReviewQueue",
    "evidence_in",
    "leader",
    "reordered",
    "uncertainty",
]

Corrected = Mapping[str, Mapping[str, bool]]  # {paper id: {tag: whether it has it}}

# Tags with a confidence in between are asked about; suggestions always are.
LOW, HIGH = 0.1, 0.9
# The power of what a tag's waiting papers and examples count for; at 0 doubt alone counts.
DENSITY = 0.25
# So many papers in a row may be asked about for the same tag's sake while others wait.
RUN = 2


@dataclass(frozen=True)
class ReviewItem:
    """A paper with its tags that are to be decided, the one that teaches most first."""

    paper_id: str
    tags: tuple[StoredTag, ...]


@lru_cache(maxsize=4096)
def uncertainty(confidence: float) -> float:
    """The entropy of a yes or no with this probability of yes, in bits (0 to 1)."""
    if not 0 < confidence < 1:
        return 0.0
    return -sum(p * log2(p) for p in (confidence, 1 - confidence))


def evidence_in(tag: StoredTag, text: str) -> str:
    """The sentence that speaks for a tag, if a paper's stored text has it still; else ""."""
    return tag.evidence if tag.evidence in text else ""


def _doubt(tag: StoredTag) -> tuple[float, str]:
    return -uncertainty(tag.confidence), tag.tag


def leader(item: ReviewItem) -> str:
    """The tag for whose sake a paper stands where it does in the queue."""
    return item.tags[0].tag


def reordered(
    queue: Iterable[ReviewItem],
    corrections: Corrected,
    recent: Sequence[str] = (),
    *,
    density: float = DENSITY,
) -> list[ReviewItem]:
    """The queue once more is known: without what was decided, what teaches most first.

    ``recent`` names the leading tags of the papers asked about last, the latest at the end. The
    order depends on nothing else: equal worth goes by the ids of papers.
    """
    left: list[tuple[str, list[StoredTag]]] = []
    for item in queue:
        said = corrections.get(item.paper_id, {})
        if open_ := [tag for tag in item.tags if tag.tag not in said]:
            left.append((item.paper_id, open_))
    waiting = Counter(tag.tag for _, tags in left for tag in tags)
    known = Counter(tag for said in corrections.values() for tag in said)

    useful = {tag: (count / (1 + known[tag])) ** density for tag, count in waiting.items()}
    ranked = []
    for paper_id, tags in left:
        worth = {tag.tag: uncertainty(tag.confidence) * useful[tag.tag] for tag in tags}
        best_first = sorted(tags, key=lambda tag: (-worth[tag.tag], tag.tag))
        ranked.append((-fmean(worth.values()), ReviewItem(paper_id, tuple(best_first))))
    ranked.sort(key=lambda pair: (pair[0], pair[1].paper_id))
    return _mixed(ranked, recent)


def _mixed(ranked: Sequence[tuple[float, ReviewItem]], recent: Sequence[str]) -> list[ReviewItem]:
    """The same order, but no tag leads more than `RUN` papers in a row while others wait."""
    by_leader: dict[str, deque[tuple[float, ReviewItem]]] = {}
    for pair in ranked:
        by_leader.setdefault(leader(pair[1]), deque()).append(pair)

    def entry(tag: str) -> tuple[float, str, str]:
        worth, item = by_leader[tag][0]
        return worth, item.paper_id, tag

    best = [entry(tag) for tag in by_leader]
    heapq.heapify(best)
    last = deque(recent, maxlen=RUN)
    mixed: list[ReviewItem] = []
    while best:
        chosen = heapq.heappop(best)
        if best and list(last) == [chosen[2]] * RUN:
            chosen = heapq.heapreplace(best, chosen)
        tag = chosen[2]
        mixed.append(by_leader[tag].popleft()[1])
        last.append(tag)
        if by_leader[tag]:
            heapq.heappush(best, entry(tag))
    return mixed


class ReviewQueue:
    """The queue of one library, read again whenever its tags have changed.

    ``tag`` leaves only the questions about one tag.
    """

    def __init__(
        self, catalog: Catalog, tag: str | None = None, *, low: float = LOW, high: float = HIGH
    ) -> None:
        self._catalog = catalog
        self._tag = tag
        self._bounds = low, high
        self._state = -1  # the catalog's counter of changes of tags when they were read
        self._seen = 0  # of the corrections that this process has written
        self._items: dict[str, ReviewItem] = {}

    def ordered(
        self, skipped: Collection[str] = (), recent: Sequence[str] = ()
    ) -> list[ReviewItem]:
        """All that waits, best first, without the papers that were skipped."""
        left = (item for paper_id, item in self._read().items() if paper_id not in skipped)
        return reordered(left, self._catalog.corrections.all(), recent)

    def item(self, paper_id: str) -> ReviewItem | None:
        """What is to be decided of one paper, the most uncertain tag first."""
        return self._read().get(paper_id)

    def count(self, skipped: Collection[str] = ()) -> int:
        """How many papers wait."""
        return sum(paper_id not in skipped for paper_id in self._read())

    def _read(self) -> dict[str, ReviewItem]:
        """All that waits, by paper. What was answered here since is read by itself."""
        counter = "SELECT value FROM counters WHERE name = 'tags'"
        state, log = (
            int(self._catalog.store.glance(counter) or 0),
            self._catalog.corrections.written,
        )
        if self._state != state:
            ours = log[self._seen :]
            alone = self._state + sum(rows for _, rows in ours) == state
            changed = {paper_id for paper_id, _ in ours} if alone else None
            found = self._catalog.outputs.undecided(*self._bounds, changed)
            for paper_id in self._items.copy() if changed is None else changed:
                self._items.pop(paper_id, None)
            for paper_id, tags in found.items():
                if chosen := [tag for tag in tags if self._tag in (None, tag.tag)]:
                    self._items[paper_id] = ReviewItem(paper_id, tuple(sorted(chosen, key=_doubt)))
        self._state, self._seen = state, len(log)
        return self._items
