"""How long a filtered search takes beside an unfiltered one, and whether it finds the same as
filtering first and ranking then.

Each kind of filter has up to `VALUES` values that no search of this process had before. For each
of them three searches are timed, of three different queries: one unfiltered, the first with that
value, and one more with it.
"""

from __future__ import annotations

import random
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import insert, select

from curator.batches import batched
from curator.catalog.facets import Facets
from curator.catalog.schema import now, sources, tags
from curator.catalog.schema import papers as papers_table
from curator.catalog.tagcounts import TagCounts
from curator.filters import Filters
from curator.text import fold
from evals.search.exact import exact_retriever
from evals.search.figures import ms, share, table, timed, times_of
from evals.search.libraries import Libraries, Remembered, retriever_of
from evals.search.sets import ARXIV, PARTS, Asked

if TYPE_CHECKING:
    from curator.library import Library
    from curator.retrieval import HybridRetriever
    from evals.search.bare import Brute

__all__ = ["Case", "dress", "filter_cases", "measure_filters", "shown_filters"]

VALUES = 40
LIMIT = 10
TAGS = 60  # each given to a twentieth of the papers
_TAGGED, _LIKED, _READ = 0.05, 0.01, 0.3
_LEAST_LETTERS = 4  # of a surname: "Li" is a part of too many other names
_TAG = "bench-{:02d}"


@dataclass(frozen=True)
class Case:
    """One kind of filter with its values. Where there is only one value (``touched``), it is
    new again after a mark of that kind was given and taken back."""

    name: str
    values: Sequence[Filters]
    touched: Literal["liked", "read"] | None = None


# --------------------------------------------------------------------------- cases


def dress(library: Library, seed: int) -> None:
    """Gives papers tags and marks at random, once."""
    with library.catalog.store.read() as connection:
        query = select(papers_table.c.id, papers_table.c.text_hash).order_by(papers_table.c.id)
        papers = [(row.id, row.text_hash) for row in connection.execute(query)]
    rng = random.Random(f"dress {seed}")
    if _TAG.format(TAGS - 1) not in TagCounts(library.catalog.store).decided():
        common = {"confidence": 1.0, "source": "human", "needs_review": False}
        about = common | {"taxonomy": "bench", "model": "bench", "created": now()}
        for number in range(TAGS):
            chosen = rng.sample(papers, max(1, int(_TAGGED * len(papers))))
            tag = about | {"tag": _TAG.format(number)}
            rows = [tag | {"paper_id": name, "text_hash": text} for name, text in chosen]
            with library.catalog.store.write() as connection:
                connection.execute(insert(tags).prefix_with("OR IGNORE", dialect="sqlite"), rows)
    marks = library.catalog.marks
    for kind, part in (("liked", _LIKED), ("read", _READ)):
        if not marks.counts()[kind]:  # type: ignore[index]
            chosen = rng.sample(papers, max(1, int(part * len(papers))))
            for some in batched([name for name, _ in chosen], 5_000):
                marks.set(kind, some)  # type: ignore[arg-type]


def filter_cases(library: Library) -> list[Case]:
    """The kinds of filters with values that the library's papers have."""
    columns = papers_table.c
    query = select(columns.day, columns.categories, columns.authors, columns.venue)
    days: list[str] = []
    categories: Counter[str] = Counter()
    surnames: Counter[str] = Counter()
    venues: Counter[str] = Counter()
    with library.catalog.store.read() as connection:
        for row in connection.execute(query):
            days.append(row.day)
            categories.update(row.categories)
            surnames.update({surname for name in row.authors if (surname := _surname(name))})
            venues.update([row.venue] if row.venue else [])
    days.sort()
    half, tenth, hundredth = (_days_near(days, part) for part in (0.5, 0.1, 0.01))
    frequent = [name for name, _ in categories.most_common(VALUES)]
    names = [name for name, _ in surnames.most_common(VALUES)]
    marked = [_TAG.format(number) for number in range(TAGS)]
    combined = list(zip(frequent, half, cycle(names), cycle(marked[VALUES:]), strict=False))
    return [
        Case("since, half of the papers", [Filters(since=day) for day in half]),
        Case("since, a tenth", [Filters(since=day) for day in tenth]),
        Case("since, a hundredth", [Filters(since=day) for day in hundredth]),
        Case("category, frequent", [Filters(categories=(name,)) for name in frequent]),
        Case("category, rare", [Filters(categories=(name,)) for name in _rare(categories, 5)]),
        Case("author, frequent surname", [Filters(author=name) for name in names]),
        Case("author, rare surname", [Filters(author=name) for name in _rare(surnames, 2)]),
        Case("venue", [Filters(venues=(name,)) for name, _ in venues.most_common(VALUES)]),
        Case("source", [Filters(sources=(name,)) for name in _files(library)]),
        Case("tag", [Filters(tags=(name,)) for name in marked[:VALUES]]),
        Case("unread", [Filters(unread=True)] * (VALUES // 2), "read"),
        Case("liked", [Filters(liked=True)] * (VALUES // 2), "liked"),
        Case(
            "--where: category and since",
            [Filters(where=f"category:{c} and since:{day}") for c, day, _, _ in combined],
        ),
        Case(
            "--where: tag, unread",
            [Filters(where=f"tag:{tag} unread") for tag in marked[VALUES:]],
        ),
        Case(
            "--where: (category or author), since, not tag",
            [
                Filters(where=f"(category:{c} or author:{name}) since:{day} not tag:{tag}")
                for c, day, name, tag in combined
            ],
        ),
    ]


def _files(library: Library) -> list[str]:
    """The names of the files that arXiv papers were read from."""
    with library.catalog.store.read() as connection:
        names = connection.execute(select(sources.c.name)).scalars()
        files = sorted(Path(name).name for name in names)
    return [name for name in files if name.startswith("arxiv-")]


def _surname(name: str) -> str:
    last = fold(name).split()[-1:]
    return last[0] if last and last[0].isalpha() and len(last[0]) >= _LEAST_LETTERS else ""


def _days_near(days: Sequence[str], part: float) -> list[str]:
    """Days since which about such a part of the papers is, each another; ``days`` are sorted."""
    if not days:
        return []
    distinct = sorted(set(days))
    middle = bisect_left(distinct, days[min(len(days) - 1, int((1 - part) * len(days)))])
    start = max(0, min(middle - VALUES // 2, len(distinct) - VALUES))
    return distinct[start : start + VALUES]


def _rare(counts: Counter[str], least: int) -> list[str]:
    """Names that stand in few papers, but in ``least`` of them."""
    return [name for count, name in sorted((c, n) for n, c in counts.items()) if count >= least][
        :VALUES
    ]


# ----------------------------------------------------------------------- measuring


def measure_filters(
    library: Library,
    embedder: Remembered,
    brute: Brute,
    asked: Sequence[Asked],
    libraries: Libraries,
) -> list[dict[str, Any]]:
    """One entry for each kind of filter."""
    dress(library, libraries.seed)
    cases = filter_cases(library)
    exact = exact_retriever(library, embedder, brute)
    measured = []
    for done, case in enumerate(cases):
        rng = random.Random(f"{case.name} {libraries.seed}")
        queries = cycle([query.text for query in rng.sample(list(asked), len(asked))])
        measured.append(_measure(library, embedder, exact, case, queries))
        libraries.progress("kinds of filters", done + 1, len(cases))
    return measured


def _measure(
    library: Library,
    embedder: Remembered,
    exact: HybridRetriever,
    case: Case,
    queries: Iterator[str],
) -> dict[str, Any]:
    if not case.values:
        return {"name": case.name, "n": 0}
    facets = library.catalog.facets
    # A retriever of its own, so that no kind of filter finds more papers' stems remembered.
    retriever = retriever_of(library, embedder)
    cold = [timed(lambda: Facets(library.catalog.store).mask(case.values[0]))[0] for _ in range(3)]
    columns = _without(case.values)
    if columns:
        facets.mask(columns)
    times: dict[str, list[float]] = {"unfiltered": [], "first": [], "seen": []}
    answers: list[tuple[str, Filters, list[str]]] = []
    passing = []
    touch = _touch(library, case)
    for number, filters in enumerate(case.values):
        touch()
        steps: list[tuple[str, str, Filters | None]] = [
            ("first", next(queries), filters),
            ("seen", next(queries), filters),
        ]
        steps.insert(number % 3, ("unfiltered", next(queries), None))
        for name, text, chosen in steps:
            started = perf_counter()
            hits = retriever.search(text, LIMIT, chosen)
            times[name].append(perf_counter() - started)
            if chosen:
                answers.append((text, chosen, [hit.paper.id for hit in hits]))
        passing.append(int(facets.mask(filters).sum()))
    same = overlap = 0.0
    for text, filters, found in answers:
        wanted = [hit.paper.id for hit in exact.search(text, LIMIT, filters)]
        same += found == wanted
        overlap += len({*found} & {*wanted}) / len(wanted) if wanted else float(not found)
    count = len(case.values)
    return {
        "name": case.name,
        "values": [asdict(filters) for filters in case.values],
        "n": count,
        "passing": statistics.median(passing),
        "share": statistics.median(passing) / max(1, library.catalog.papers.count()),
        "column_ms": statistics.median(cold) * 1e3,
        **{name: asdict(times_of(seconds)) for name, seconds in times.items()},
        "equal": same / len(answers),
        "overlap": overlap / len(answers),
    }


def _without(values: Sequence[Filters]) -> Filters | None:
    """A filter that needs the same columns as others and that none of them is."""
    first = values[0]
    if first.where:
        return Filters(where=f"({first.where}) or category:none-such")
    if first.since:
        return Filters(since="9999-01-01")
    if first.categories:
        return Filters(categories=("none-such",))
    if first.author:
        return Filters(author="none such")
    if first.venues:
        return Filters(venues=("none such",))
    if first.sources:
        return Filters(sources=("scifact.jsonl",))
    if first.tags:
        return Filters(tags=("none-such",))
    return None


def _touch(library: Library, case: Case) -> Callable[[], None]:
    """Gives a paper a mark and takes it back (or the other way round), so that what was known of
    such marks has to be looked up again; nothing, where each value is new by itself."""
    kind = case.touched
    if kind is None:
        return lambda: None
    marks = library.catalog.marks
    with library.catalog.store.read() as connection:
        query = select(papers_table.c.id).order_by(papers_table.c.id).limit(1)
        name = connection.execute(query).scalar_one()

    def touch() -> None:
        if marks.set(kind, [name]):
            marks.unset(kind, [name])
        else:
            marks.unset(kind, [name])
            marks.set(kind, [name])

    return touch


# --------------------------------------------------------------------------- shown


def shown_filters(measured: Sequence[dict[str, Any]]) -> str:
    rows = []
    for found in measured:
        if not found["n"]:
            continue
        base = found["unfiltered"]["p50"]
        rows.append(
            [
                found["name"],
                share(found["share"]),
                ms(base),
                ms(found["first"]["p50"]),
                f"{found['first']['p50'] / base:.2f}",
                ms(found["seen"]["p50"]),
                f"{found['seen']['p50'] / base:.2f}",
                ms(found["column_ms"]),
                f"{found['equal']:.2f}",
                f"{found['overlap']:.3f}",
                found["n"],
            ]
        )
    head = ["filter", "papers that pass", "unfiltered", "value's first use", "ratio"]
    head += ["value seen before", "ratio", "column's first load"]
    head += ["top 10 as exact", "papers in common", "values"]
    return (
        "Filters: p50 of hybrid searches in milliseconds, each kind in turns with unfiltered ones "
        "(to which the ratios are). The columns that a kind of filter looks at were loaded; what "
        "that takes (once in a process) stands apart. *As exact*: the share of searches whose top "
        "10 is, in this order, that of filtering first and ranking only what passes, with every "
        f"vector compared and the full ranking by words. Sources are {PARTS} files of {ARXIV}; "
        "venues are made from DOIs; tags and marks were given at random.\n\n" + table(head, rows)
    )
