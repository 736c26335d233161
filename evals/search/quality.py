"""How well search finds: nDCG@10 of words, of vectors and of both, over four sets of queries.

nDCG is ir-measures' (gain = grade, discount = log2 of the rank + 1). What `hybrid` adds is its
difference to the better of words and vectors on the same queries; choosing the better one by
these same queries makes that difference smaller, if anything.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from curator.catalog.schema import papers as papers_table
from curator.text import title_key
from evals.gold import Query
from evals.metrics import Row, difference, ratio
from evals.search.figures import average_difference, digest_of, table, timed, with_interval
from evals.search.libraries import Libraries
from evals.search.sets import QuerySet, query_sets
from evals.suites.base import pick

if TYPE_CHECKING:
    from curator.library import Library

__all__ = ["DEPTH", "measure_quality", "ndcg_of", "reciprocal_ranks"]

DEPTH = 10
LISTED = 100  # of each ranking, for the fusion by reciprocal ranks
CONSTANT = 60  # of Cormack, Clarke and Büttcher, SIGIR 2009
MODES = ("lexical", "dense", "hybrid")
SHOWN = {"lexical": "words", "dense": "vectors", "rrf": "reciprocal ranks", "hybrid": "hybrid"}
HALVES = ("all", "even", "odd")
RERANK_SECONDS = 60.0  # longer than reading all of the papers takes
RERANK_TRIED = 3  # queries by which the time of the others is judged
_NDCG = ratio("ndcg", "nDCG@10", "ndcg")

Runs = dict[str, list[str]]  # query → paper ids, best first
Scores = dict[str, float]


def measure_quality(
    libraries: Libraries, *, rerank: bool = False, rerank_minutes: float = 10.0
) -> tuple[str, dict[str, Any]]:
    """Markdown, and all numbers."""
    sets = query_sets(libraries.data, libraries.seed)
    results: dict[str, Any] = {}
    rows: dict[str, dict[str, list[Row]]] = {}
    reranked: dict[str, Any] = {}
    for one in sets:
        with libraries.of_set(one.name) as library:
            scores = _scores(library, one, libraries.progress)
            rows[one.name] = {name: _rows(one, found) for name, found in scores.items()}
            results[one.name] = {
                "title": one.title,
                "papers": library.catalog.papers.count(),
                "ids": [query.id for query in one.queries],
                "digest": digest_of(query.id for query in one.queries),
                "ndcg": scores,
            }
            if rerank:
                minutes = rerank_minutes / len(sets)
                reranked[one.name] = _reranking(library, one, scores["hybrid"], minutes, libraries)
    for one in sets:
        results[one.name]["halves"] = {half: _half(rows[one.name], half) for half in HALVES}
    averages = {half: _averages(rows, half, libraries.seed) for half in HALVES}
    text = _shown(sets, results, averages, libraries)
    if rerank:
        text += "\n\n" + _shown_reranked(sets, reranked)
    return text, {"sets": results, "average": averages, "reranked": reranked}


# ----------------------------------------------------------------------- searching


def _scores(library: Library, one: QuerySet, progress: Callable[..., None]) -> dict[str, Scores]:
    relevant = _relevant(library, one.queries)
    runs: dict[str, Runs] = {name: {} for name in (*MODES, "rrf")}
    for done, query in enumerate(one.queries):
        for mode in MODES:
            hits = library.search(query.query, DEPTH, mode=mode)  # type: ignore[arg-type]
            runs[mode][query.id] = [hit.paper.id for hit in hits]
        lists = [
            [hit.paper.id for hit in library.search(query.query, LISTED, mode=mode)]
            for mode in ("lexical", "dense")
        ]
        runs["rrf"][query.id] = reciprocal_ranks(lists)[:DEPTH]
        progress(f"{one.title}: searched", done + 1, len(one.queries))
    return {name: ndcg_of(run, relevant) for name, run in runs.items()}


def _relevant(library: Library, queries: Iterable[Query]) -> dict[str, dict[str, int]]:
    """Query → paper id → grade. The judgements name papers by their titles."""
    with library.catalog.store.read() as connection:
        rows = connection.execute(select(papers_table.c.title_key, papers_table.c.id))
        by_title: dict[str, str] = dict(rows.all())
    return {
        query.id: {
            by_title.get(title_key(title)) or library.catalog.papers.resolve(title).id: grade
            for title, grade in query.relevant.items()
        }
        for query in queries
    }


def reciprocal_ranks(rankings: Sequence[Sequence[str]], constant: int = CONSTANT) -> list[str]:
    """One ranking of several: each adds 1 / (constant + rank). Equals in the order of the
    first ranking that has them."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, name in enumerate(ranking, 1):
            scores[name] = scores.get(name, 0.0) + 1 / (constant + rank)
    return sorted(scores, key=lambda name: -scores[name])


def ndcg_of(runs: Mapping[str, Sequence[str]], relevant: Mapping[str, Mapping[str, int]]) -> Scores:
    """nDCG@10 by query, 0 where nothing relevant was found."""
    import ir_measures

    qrels = [
        ir_measures.Qrel(query, paper, grade)
        for query, grades in relevant.items()
        for paper, grade in grades.items()
    ]
    run = [
        ir_measures.ScoredDoc(query, paper, float(DEPTH - place))
        for query, ranking in runs.items()
        for place, paper in enumerate(ranking[:DEPTH])
    ]
    found = dict.fromkeys(runs, 0.0)
    for value in ir_measures.iter_calc([ir_measures.parse_measure("nDCG@10")], qrels, run):
        found[value.query_id] = float(value.value)
    return found


def _reranking(
    library: Library, one: QuerySet, before: Scores, minutes: float, libraries: Libraries
) -> dict[str, Any]:
    """Hybrid and the cross-encoder, on as many queries as there is time for."""

    def search(query: Query) -> list[str]:
        hits = library.search(query.query, DEPTH, rerank_seconds=RERANK_SECONDS)
        return [hit.paper.id for hit in hits]

    search(one.queries[0])  # loads it
    tried = [timed(partial(search, query))[0] for query in one.queries[:RERANK_TRIED]]
    count = max(5, int(60 * minutes / statistics.median(tried)))
    chosen = pick(one.queries, count, libraries.seed)
    relevant = _relevant(library, chosen)
    runs: Runs = {}
    seconds = []
    for done, query in enumerate(chosen):
        took, runs[query.id] = timed(partial(search, query))
        seconds.append(took)
        libraries.progress(f"{one.title}: reranked", done + 1, len(chosen))
    after = ndcg_of(runs, relevant)
    first = [Row(q.id, q.group, {"ndcg": before[q.id]}) for q in chosen]
    second = [Row(q.id, q.group, {"ndcg": after[q.id]}) for q in chosen]
    return {
        "ids": [query.id for query in chosen],
        "seconds_p50": statistics.median(seconds),
        "ndcg": after,
        "difference": asdict(difference(_NDCG, first, second)),
    }


# ---------------------------------------------------------------------- arithmetic


def _rows(one: QuerySet, scores: Scores) -> list[Row]:
    return [Row(query.id, query.group, {"ndcg": scores[query.id]}) for query in one.queries]


def halved(rows: Sequence[Row], half: str) -> list[Row]:
    """The ``even`` rows, the ``odd`` ones, or ``all``."""
    return list({"all": rows, "even": rows[::2], "odd": rows[1::2]}[half])


def better_of_two(rows: Mapping[str, Sequence[Row]]) -> str:
    """``lexical`` or ``dense``, whichever has the higher mean."""
    means = {name: _mean(rows[name]) for name in ("lexical", "dense")}
    return max(means, key=lambda name: means[name])


def _mean(rows: Sequence[Row]) -> float:
    return statistics.fmean(row.facts["ndcg"] for row in rows if row.facts)


def _half(rows: Mapping[str, Sequence[Row]], half: str) -> dict[str, Any]:
    chosen = {name: halved(of, half) for name, of in rows.items()}
    best = better_of_two(chosen)
    estimates = {name: asdict(_NDCG.estimate(of)) for name, of in chosen.items()}
    gains = {
        name: asdict(difference(_NDCG, chosen[best], chosen[name])) for name in ("rrf", "hybrid")
    }
    return {"better": best, "ndcg": estimates, "gain": gains}


def _averages(
    rows: Mapping[str, Mapping[str, Sequence[Row]]], half: str, seed: int
) -> dict[str, Any]:
    gains: dict[str, list[tuple[list[float], list[str]]]] = {"rrf": [], "hybrid": []}
    means: dict[str, list[float]] = {name: [] for name in (*MODES, "rrf")}
    for of_set in rows.values():
        chosen = {name: halved(of, half) for name, of in of_set.items()}
        base = chosen[better_of_two(chosen)]
        for name, values in means.items():
            values.append(_mean(chosen[name]))
        for name, sets in gains.items():
            pairs = zip(base, chosen[name], strict=True)
            changes = [b.facts["ndcg"] - a.facts["ndcg"] for a, b in pairs if a.facts and b.facts]
            sets.append((changes, [row.cluster for row in base]))
    return {
        "ndcg": {name: statistics.fmean(values) for name, values in means.items()},
        "gain": {name: asdict(average_difference(sets, seed)) for name, sets in gains.items()},
    }


# --------------------------------------------------------------------------- shown


def _shown(
    sets: Sequence[QuerySet],
    results: Mapping[str, Any],
    averages: Mapping[str, Any],
    libraries: Libraries,
) -> str:
    columns = ("lexical", "dense", "rrf", "hybrid")
    rows = []
    for half in HALVES:
        for one in sets:
            found = results[one.name]["halves"][half]
            count = found["ndcg"]["hybrid"]["n"]
            rows.append(
                [
                    f"{one.title}, {half} {count}",
                    *(_interval(found["ndcg"][name]) for name in columns),
                    *(_interval(found["gain"][name], signed=True) for name in ("rrf", "hybrid")),
                ]
            )
        average = averages[half]
        rows.append(
            [
                f"**average of the sets, {half}**",
                *(with_interval(average["ndcg"][name], None, None) for name in columns),
                *(_interval(average["gain"][name], signed=True) for name in ("rrf", "hybrid")),
            ]
        )
    head = ["queries", *(SHOWN[name] for name in columns)]
    head += ["reciprocal ranks − better of the two", "hybrid − better of the two"]
    asked = "; ".join(
        f"{one.title}: {len(one.queries)} queries ({results[one.name]['digest']}) over "
        f"{results[one.name]['papers']:,} papers"
        for one in sets
    )
    return (
        "## Quality\n\nnDCG@10 with 95 % intervals (bootstrap over clusters; differences paired). "
        "The form was chosen on all these queries, feedback's sizes on the even ones of --seed 0; "
        f"reciprocal ranks have k = {CONSTANT} and the first {LISTED} of each list. "
        f"Seed {libraries.seed}. {asked}.\n\n" + table(head, rows)
    )


def _interval(found: Mapping[str, Any], *, signed: bool = False) -> str:
    return with_interval(found["value"], found["low"], found["high"], signed=signed)


def _shown_reranked(sets: Sequence[QuerySet], reranked: Mapping[str, Any]) -> str:
    rows = []
    for one in sets:
        found = reranked[one.name]
        change = found["difference"]
        rows.append(
            [
                f"{one.title}, {change['n']} of {len(one.queries)}",
                with_interval(change["first"], None, None),
                with_interval(change["second"], None, None),
                _interval(change, signed=True),
                f"{found['seconds_p50']:.2f}",
            ]
        )
    head = ["queries", "hybrid", "and the cross-encoder", "difference", "s a search, p50"]
    return "With the cross-encoder, on a sample of the queries:\n\n" + table(head, rows)
