"""What moved: tags and terms of which the share in a digest's period is not what it was before.

The period is compared with up to seven stretches of the same length before it, all taken together,
by the exact test and Holm's correction of `curator.tag_trends`. Terms are very many, and most are
too rare to show anything whatever they do. As Tarone proposed (*A modified Bonferroni method for
discrete data*, Biometrics 46, 1990), those whose smallest possible p-value is too large anyway are
not looked at, so that they do not hide the others.

Of the terms that moved those are listed that say something: what the scorer of keyphrases
(`curator.keyphrases`) would show of the papers that have it, and neither what a tag says already
nor another term's words or papers once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from curator.catalog.tagcounts import TagCounts
from curator.digest.document import Trend
from curator.digest.sections import section_title
from curator.digest.terms import Key, Term, count_terms, written_as
from curator.keyphrases import MIN_SCORE, PhraseScorer
from curator.phrase_candidates import Token, candidates_of, key_of, runs_of
from curator.phrase_features import Words, features_of
from curator.tag_trends import LEVEL, Change, changes
from curator.taxonomy import Taxonomy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from curator.catalog import Catalog
    from curator.catalog.tagcounts import TagTable

__all__ = ["BEFORE", "LISTED", "PAPERS", "stretches_of", "top_topics", "trends_of", "worth_testing"]

BEFORE = 7  # stretches
LISTED = 6  # of each kind
PAPERS = 10
FEWEST = 5  # papers in the period, and before it: fewer show nothing
# Terms of more papers are what the library is on, not news in it.
_COMMON = 0.25
# Shares of papers in common from which two terms, or a tag and a term, are one thing.
_SAME, _RELATED = 0.5, 0.7
# Of a term's papers, so many have it within a longer one: then that is meant.
_LONGER = 0.7
_SAMPLE = 5  # papers that are asked whether a term is a keyphrase of theirs
_STRONGEST = 100  # terms that are asked for, of those that moved


@dataclass(frozen=True)
class _Base:
    """The papers that shares are of: their numbers (``seq``) in order, and each one's week.
    ``tagged`` says that these are those that were tagged, and not all."""

    seqs: NDArray[np.int64]
    weeks: NDArray[np.int64]
    labels: list[str]
    sizes: list[int]
    tagged: bool


def stretches_of(since: str, until: str) -> list[tuple[str, str, str]]:
    """``(label, first day, last day)`` of the period and the stretches before it, the earliest
    first. ISO weeks are called so (``2026-W47``), other stretches by their first day."""
    first, last = date.fromisoformat(since), date.fromisoformat(until)
    days = (last - first).days + 1
    is_week = days == 7 and first.weekday() == 0
    found = []
    for back in range(BEFORE, -1, -1):
        if first.toordinal() - back * days < 1:
            continue
        begin = first - timedelta(days=back * days)
        label = "{}-W{:02d}".format(*begin.isocalendar()[:2]) if is_week else begin.isoformat()
        found.append((label, begin.isoformat(), (begin + timedelta(days=days - 1)).isoformat()))
    return found


def trends_of(
    catalog: Catalog, taxonomy: Taxonomy, since: str, until: str
) -> tuple[list[str], list[int], list[Trend]]:
    """The weeks compared, the number of papers in each, and what moved, for a period of inclusive
    ISO days: at most `LISTED` tags, then as many terms, the least likely by chance first.

    Shares are of the papers that were tagged, if these are at least half of those in the period
    and of those before it; else of all papers, and then there are only terms. Weeks before the
    first paper are left out. Only texts of papers of these weeks are read.
    """
    stretches = stretches_of(since, until)
    table = TagCounts(catalog.store).read(stretches[0][1], until)
    base = _base(table, stretches)
    if len(base.sizes) < 2 or base.sizes[-1] < FEWEST or sum(base.sizes[:-1]) < FEWEST:
        return base.labels, base.sizes, []
    shown = _Shown(catalog, base)
    tags, listed = _tags(table, taxonomy, base, shown) if base.tagged else ([], {})
    return base.labels, base.sizes, [*tags, *_terms(catalog, taxonomy, base, shown, listed)]


def top_topics(
    catalog: Catalog, taxonomy: Taxonomy, since: str, until: str, limit: int = 3
) -> list[tuple[str, int]]:
    """What most papers of a period (inclusive ISO days) are on: ``(title, papers)`` of at most
    ``limit`` tags, the most frequent first; none where less than half of the papers were tagged.
    Tags of facets that ask for one ("benchmark") and those above or below a listed one are left
    out."""
    table = TagCounts(catalog.store).read(since, until)
    if 2 * table.tagged.sum() < (table.days > 0).sum():
        return []
    kinds = {facet.name for facet in taxonomy.facets if facet.fallback}
    counts = {
        tag: len(seqs)
        for tag, seqs in _known(table, taxonomy).items()
        if taxonomy.by_name[tag].facet not in kinds
    }
    found: list[str] = []
    for tag in sorted(counts, key=lambda tag: (-counts[tag], tag)):
        if len(found) < limit and not any(_related(taxonomy, tag, other) for other in found):
            found.append(tag)
    return [(section_title(tag), counts[tag]) for tag in found]


# ------------------------------------------------------------------------------ the papers


def _base(table: TagTable, stretches: Sequence[tuple[str, str, str]]) -> _Base:
    import numpy as np

    begins = [date.fromisoformat(first).toordinal() for _, first, _ in stretches]
    every = np.flatnonzero(table.days > 0)
    week = np.searchsorted(np.asarray(begins), table.days[every], side="right") - 1
    marked = table.tagged[every]
    last = week == len(stretches) - 1
    tagged = bool(marked.any()) and all(
        2 * marked[part].sum() >= part.sum() for part in (last, ~last)
    )
    if tagged:
        every, week = every[marked], week[marked]
    sizes = np.bincount(week, minlength=len(stretches))
    # The library began with the first week that has a paper; the period itself always counts.
    first = min(int(np.flatnonzero(sizes)[0]) if sizes.any() else BEFORE, len(stretches) - 1)
    labels = [label for label, *_ in stretches[first:]]
    return _Base(every, week - first, labels, sizes[first:].tolist(), tagged)


class _Shown:
    """The papers to show of those that make a count: those with the most votes, then the latest,
    then by id."""

    def __init__(self, catalog: Catalog, base: _Base) -> None:
        self._catalog = catalog
        now = base.seqs[base.weeks == len(base.sizes) - 1]
        rows: list[tuple[int, int, str, str]] = []
        for start in range(0, len(now), 5000):
            numbers = ",".join(map(str, now[start : start + 5000].tolist()))
            rows += catalog.store.glances(
                f"SELECT seq, coalesce(upvotes, 0), day, id FROM papers WHERE seq IN ({numbers})"
            )
        rows.sort(key=lambda row: row[3])
        rows.sort(key=lambda row: (row[1], row[2]), reverse=True)
        self._order = {row[0]: place for place, row in enumerate(rows)}

    def of(self, seqs: Iterable[int]) -> list[dict[str, str | None]]:
        best = sorted((s for s in seqs if s in self._order), key=self._order.__getitem__)[:PAPERS]
        papers = self._catalog.papers.at(best)
        found = (papers[seq] for seq in best if seq in papers)
        return [{"paper_id": p.id, "title": p.title, "url": p.url} for p in found]


def _trend(
    kind: str, name: str, title: str, counts: Sequence[int], sizes: Sequence[int], change: Change
) -> Trend:
    return Trend(
        kind="tag" if kind == "tag" else "term",
        name=name,
        title=title,
        direction=1 if change.direction > 0 else -1,
        count=counts[-1],
        of=sizes[-1],
        before=sum(counts[:-1]),
        of_before=sum(sizes[:-1]),
        p_value=float(f"{change.p_value:.6g}"),
        counts=list(counts),
        papers=[],
    )


# -------------------------------------------------------------------------------- tags


def _known(table: TagTable, taxonomy: Taxonomy) -> dict[str, NDArray[np.int64]]:
    """The papers of each tag of the taxonomy but those that say nothing, also of what is stored
    under former names."""
    import numpy as np

    former = {old: tag.name for tag in taxonomy.tags for old in tag.was}
    dull = {facet.fallback for facet in taxonomy.facets}
    found: dict[str, NDArray[np.int64]] = {}
    for stored, seqs in table.decided.items():
        name = stored if stored in taxonomy.by_name else former.get(stored, "")
        if name and name not in dull:
            found[name] = np.union1d(found[name], seqs) if name in found else seqs
    return found


def _tags(
    table: TagTable, taxonomy: Taxonomy, base: _Base, shown: _Shown
) -> tuple[list[Trend], dict[str, NDArray[np.int64]]]:
    """What moved, and the papers of each tag that did."""
    import numpy as np

    known = _known(table, taxonomy)
    week = np.full(len(table.days), -1, np.int64)
    week[base.seqs] = base.weeks
    own = {tag: seqs[week[seqs] >= 0] for tag, seqs in known.items()}
    # Of a tag and one above it with the same papers the lower says more.
    names = sorted(known, key=lambda tag: (-len(taxonomy.ancestors(tag)), tag))
    rows = [np.bincount(week[own[t]], minlength=len(base.sizes)).tolist() for t in names]
    found: list[Trend] = []
    listed: dict[str, NDArray[np.int64]] = {}
    for at, change in _moved(changes(rows, base.sizes)):
        tag = names[at]
        same = any(
            _related(taxonomy, tag, other) and _overlap(own[tag], papers) >= _RELATED
            for other, papers in listed.items()
        )
        if same or len(found) == LISTED:
            continue
        trend = _trend("tag", tag, section_title(tag), rows[at], base.sizes, change)
        found.append(trend)
        listed[tag] = own[tag]
        if trend["count"]:
            trend["papers"] = shown.of(own[tag].tolist())
    return found, listed


def _moved(found: Sequence[Change | None]) -> list[tuple[int, Change]]:
    """Places of what changed by more than chance, the least likely first."""
    moved = [(at, change) for at, change in enumerate(found) if change and change.direction]
    return sorted(moved, key=lambda pair: (pair[1].p_value, pair[0]))


def _related(taxonomy: Taxonomy, one: str, other: str) -> bool:
    return one == other or one in taxonomy.ancestors(other) or other in taxonomy.ancestors(one)


def _overlap(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    import numpy as np

    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / max(1, len(one) + len(other) - both)


# -------------------------------------------------------------------------------- terms


def _terms(
    catalog: Catalog,
    taxonomy: Taxonomy,
    base: _Base,
    shown: _Shown,
    listed: Mapping[str, NDArray[np.int64]],
) -> list[Trend]:
    read = catalog.papers.texts_at(base.seqs.tolist())
    texts = [read.get(seq, ("", "")) for seq in base.seqs.tolist()]
    common = _COMMON * len(texts)
    counted = [
        term
        for term in count_terms(texts, base.weeks.tolist())
        if len(term.texts) <= max(common, 2 * FEWEST)
    ]
    looked_at = worth_testing(counted, base.sizes)
    moved = _moved(changes([term.counts for term in looked_at], base.sizes))
    terms = [(looked_at[at], change) for at, change in moved[:_STRONGEST]]
    said = _tag_words(taxonomy, listed)
    asked: dict[Key, bool] = {}

    def says_something(term: Term, change: Change) -> bool:
        if term.key not in asked:
            asked[term.key] = _is_keyphrase(catalog, base, term, change.direction)
        return asked[term.key]

    found: list[Trend] = []
    taken: list[Term] = []
    for term, change in terms:
        if len(found) == LISTED:
            break
        if (
            any(_within(term.key, words) for words in said)
            or any(_overlap(base.seqs[term.texts], own) >= _SAME for own in listed.values())
            or any(_once_more(term, other) for other in taken)
            or not says_something(term, change)
            or any(_is_part(term, other) and says_something(other, c) for other, c in terms)
        ):
            continue
        title = written_as([texts[at] for at in term.texts.tolist()[:200]], term.key)
        if not title:
            continue
        trend = _trend("term", " ".join(term.key), title, term.counts, base.sizes, change)
        trend["papers"] = shown.of(base.seqs[term.texts].tolist()) if trend["count"] else []
        found.append(trend)
        taken.append(term)
    return found


def worth_testing(terms: Sequence[Term], sizes: Sequence[int]) -> list[Term]:
    """The terms of so many papers that a change could be more than chance, however many of them
    are looked at (Tarone 1990)."""
    chance = sizes[-1] / sum(sizes)
    many, least = 0, 0
    for papers, those in sorted(Counter(len(t.texts) for t in terms).items(), reverse=True):
        many += those
        if 2 * min(chance, 1 - chance) ** papers * many > LEVEL:
            break
        least = papers
    return [term for term in terms if least and len(term.texts) >= least]


def _within(short: Key, long: Key) -> bool:
    return any(long[i : i + len(short)] == short for i in range(len(long) - len(short) + 1))


def _once_more(term: Term, taken: Term) -> bool:
    """Whether a term is part of another or has it as part, or has mostly the same papers."""
    if _within(term.key, taken.key) or _within(taken.key, term.key):
        return True
    return _overlap(term.texts, taken.texts) >= _SAME


def _is_part(term: Term, other: Term) -> bool:
    """Whether a term is hardly said but within a longer one that moved as well."""
    return (
        len(other.key) > len(term.key)
        and len(other.texts) >= _LONGER * len(term.texts)
        and _within(term.key, other.key)
    )


def _tag_words(taxonomy: Taxonomy, listed: Iterable[str]) -> list[Key]:
    """What the listed tags are called, as terms."""
    names = [n for tag in listed for n in (tag, *taxonomy.by_name[tag].aliases)]
    return [key_of([Token(0, len(name), name.lower().replace(" ", "-"))]) for name in names]


def _is_keyphrase(catalog: Catalog, base: _Base, term: Term, direction: int) -> bool:
    """Whether those who index papers would choose the term for some of the papers that have it.
    Where it stands in sentences that give orders to a program, it is no phrase of theirs."""
    now = base.weeks[term.texts] == len(base.sizes) - 1
    own = term.texts[now if direction > 0 else ~now]
    # Spread over all of them, so that one author's habits do not decide.
    sample = base.seqs[own[:: max(1, len(own) // _SAMPLE)][:_SAMPLE]].tolist()
    scorer, words = PhraseScorer.load(), Words.load()
    scores = []
    for paper in catalog.papers.at(sample).values():
        candidates = candidates_of(runs_of(paper))
        asked = [c for c in candidates if c.key == term.key]
        asked += [c for c in candidates if len(c.key) == 1 and c.key[0] in term.key]
        scored = features_of(paper, asked, words) if asked else []
        whole = asked and asked[0].key == term.key
        scores.append(scorer.score(scored[0]) if whole else 0.0)
    return bool(scores) and sum(scores) / len(scores) >= MIN_SCORE
