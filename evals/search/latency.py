"""How quickly search answers: ours and the parts underneath, query by query, in one process.

All ways are asked each query in an order that is drawn anew, so that none always finds the
processor's cache as another left it. Queries' vectors are made beforehand, and timed apart.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from curator.text import plain
from evals.search.bare import LISTED, BareWords, Brute, own_collection, recall, with_metadata
from evals.search.figures import Times, digest_of, ms, share, table, timed, times_of
from evals.search.filtering import measure_filters, shown_filters
from evals.search.libraries import Libraries, Remembered, retriever_of
from evals.search.sets import Asked, latency_queries

if TYPE_CHECKING:
    from curator.embedding import Vectors
    from curator.library import Library

__all__ = ["measure_latency"]

LIMIT = 10
WARM = 20  # queries that are asked of each way before the clock runs


def measure_latency(libraries: Libraries) -> tuple[str, dict[str, Any]]:
    """Markdown, and all numbers."""
    asked = latency_queries(libraries.data)
    texts = list(dict.fromkeys(plain(query.text) for query in asked))
    embedder = libraries.embedder
    embedder.embed_query(texts[0])
    embedding: list[float] = []
    vectors = []
    for done, text in enumerate(texts):
        seconds, vector = timed(partial(embedder.embed_query, text))
        embedding.append(seconds)
        vectors.append(vector)
        libraries.progress("embedded queries", done + 1, len(texts))
    remembered = Remembered(embedder, texts, np.stack(vectors))
    with libraries.arxiv() as library:
        library.embedder = remembered
        papers = library.catalog.papers.count()
        brute = Brute(library)
        with_where = with_metadata(library, brute, libraries.progress)
        ways = _ways(library, remembered, brute, with_where, asked)
        alone = [_alone(ways["hybrid"], asked, libraries) for _ in range(2)]
        times = _measured(ways, asked, libraries)
        found = _recalls(library, remembered, brute, with_where, asked)
        filters = measure_filters(library, remembered, brute, asked, libraries)
    numbers = {
        "papers": papers,
        "queries": [asdict(query) for query in asked],
        "embedding": asdict(times_of(embedding)),
        "alone": [asdict(times_of(seconds)) for seconds in alone],
        "ways": {name: asdict(times_of(seconds)) for name, seconds in times.items()},
        "by_kind": _by_kind(times["hybrid"], asked),
        "recall": found,
        "filters": filters,
    }
    return _shown(numbers, asked, times_of(embedding), times) + shown_filters(filters), numbers


def _ways(
    library: Library, embedder: Remembered, brute: Brute, with_where: Any, asked: Sequence[Asked]
) -> dict[str, Callable[[Asked], Any]]:
    retriever = retriever_of(library, embedder)
    words = BareWords(library)
    queries = {query.text: words.query(query.text) for query in asked}
    own = own_collection(library)
    days, category = _where(library)

    def vector(query: Asked) -> Vectors:
        return embedder.embed_query(plain(query.text))

    def chroma(collection: Any, query: Asked, where: Any = None) -> Any:
        return collection.query(
            query_embeddings=[vector(query)],
            n_results=LISTED,
            where=where,
            include=["distances"],
        )

    return {
        "hybrid": lambda q: retriever.search(q.text, LIMIT),
        "words": lambda q: retriever.search(q.text, LIMIT, mode="lexical"),
        "vectors": lambda q: retriever.search(q.text, LIMIT, mode="dense"),
        "library": lambda q: library.search(q.text, LIMIT),
        "once": lambda q: library.search(q.text, LIMIT, once=True),
        "mirror": lambda q: library.vectors.search(vector(q), LISTED, exact=True),
        "tantivy": lambda q: words.search(queries[q.text]),
        "chroma own": lambda q: chroma(own, q),
        "chroma": lambda q: chroma(with_where, q),
        "chroma where day": lambda q: chroma(with_where, q, days),
        "chroma where category": lambda q: chroma(with_where, q, category),
        "brute": lambda q: brute.search(vector(q)),
    }


def _where(library: Library) -> tuple[dict[str, Any], dict[str, Any]]:
    """Conditions for a tenth of the papers by day, and for the most frequent category."""
    days = library.catalog.papers.days()
    with library.catalog.store.read() as connection:
        run = connection.exec_driver_sql
        total = run("SELECT count(*) FROM papers").scalar_one()
        query = "SELECT day FROM papers ORDER BY day DESC LIMIT 1 OFFSET ?"
        day = run(query, (total // 10,)).scalar() or days[-1]
        query = (
            "SELECT json_extract(categories, '$[0]') AS name FROM papers WHERE name IS NOT NULL "
            "GROUP BY name ORDER BY count(*) DESC LIMIT 1"
        )
        category = run(query).scalar() or "none"
    return {"day": {"$gte": int(day.replace("-", ""))}}, {"category": category}


def _alone(
    search: Callable[[Asked], Any], asked: Sequence[Asked], libraries: Libraries
) -> list[float]:
    """Every query once and nothing else between them, as a server meets them."""
    rng = random.Random(libraries.seed)
    for query in rng.sample(list(asked), min(WARM, len(asked))):
        search(query)
    return [timed(partial(search, query))[0] for query in asked]


def _measured(
    ways: dict[str, Callable[[Asked], Any]], asked: Sequence[Asked], libraries: Libraries
) -> dict[str, list[float]]:
    rng = random.Random(libraries.seed)
    for query in rng.sample(list(asked), min(WARM, len(asked))):
        for call in ways.values():
            call(query)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for done, query in enumerate(asked):
        for name in rng.sample(list(ways), len(ways)):
            times[name].append(timed(partial(ways[name], query))[0])
        libraries.progress("searched in all ways", done + 1, len(asked))
    return times


def _by_kind(seconds: Sequence[float], asked: Sequence[Asked]) -> dict[str, Any]:
    kinds = sorted({query.kind for query in asked})
    return {
        kind: asdict(
            times_of([s for s, query in zip(seconds, asked, strict=True) if query.kind == kind])
        )
        for kind in kinds
    }


def _recalls(
    library: Library, embedder: Remembered, brute: Brute, bare: Any, asked: Sequence[Asked]
) -> dict[str, dict[str, dict[str, float]]]:
    """By index and kind of query: how many of the exact nearest 10 and 100 are found, on average
    and at worst."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for query in asked:
        vector = embedder.embed_query(plain(query.text))
        exact = brute.search(vector)[0].tolist()
        rows = bare.query(query_embeddings=[vector], n_results=LISTED, include=[])
        answers = {
            "Chroma, as the library sets it": library.vectors.search(vector, LISTED)[0].tolist(),
            "Chroma, as it comes": [int(name) for name in rows["ids"][0]],
            "the mirror": library.vectors.search(vector, LISTED, exact=True)[0].tolist(),
        }
        for name, answer in answers.items():
            each = recall(answer[:LIMIT], exact[:LIMIT]), recall(answer, exact)
            for kind in ("all", query.kind):
                found.setdefault(name, {}).setdefault(kind, []).append(each)
    return {
        name: {
            kind: {
                "recall_10": statistics.fmean(ten for ten, _ in values),
                "worst_10": min(ten for ten, _ in values),
                "recall_100": statistics.fmean(hundred for _, hundred in values),
                "worst_100": min(hundred for _, hundred in values),
            }
            for kind, values in kinds.items()
        }
        for name, kinds in found.items()
    }


# --------------------------------------------------------------------------- shown

_NAMES = {
    "hybrid": "hybrid (`HybridRetriever.search`, 10 papers)",
    "words": "words alone",
    "vectors": "vectors alone",
    "library": "hybrid by `Library.search`, which first looks for what is new",
    "once": "the same without Chroma (`once`)",
    "mirror": "the mirror alone, first 100",
    "tantivy": "bare tantivy, any of the stems, first 100",
    "chroma own": "bare Chroma, the library's collection, first 100",
    "chroma": "bare Chroma as it comes, first 100",
    "chroma where day": "bare Chroma, `where` day (a tenth of the papers)",
    "chroma where category": "bare Chroma, `where` category (the most frequent)",
    "brute": "numpy, all vectors compared, first 100",
}


def _shown(numbers: dict[str, Any], asked: Sequence[Asked], embedding: Times, seconds: Any) -> str:
    times = {name: times_of(each) for name, each in seconds.items()}
    alone = "; asked again: ".join(
        f"p50 {ms(found['p50'])}, p95 {ms(found['p95'])}" for found in numbers["alone"]
    )
    base = times["hybrid"].p50
    rows = [
        [name, ms(each.p50), ms(each.p95), f"{times[key].p50 / base:.2f}"]
        for key, name in _NAMES.items()
        for each in (times[key],)
    ]
    rows.append(
        ["the query's vector", ms(embedding.p50), ms(embedding.p95), f"{embedding.p50 / base:.2f}"]
    )
    kinds = ", ".join(
        f"{kind} {ms(found['p50'])} ({found['n']})" for kind, found in numbers["by_kind"].items()
    )
    recalls = [
        [
            f"{name}, {kind}",
            *(share(found[key]) for key in ("recall_10", "worst_10", "recall_100", "worst_100")),
        ]
        for name, kinds in numbers["recall"].items()
        for kind, found in kinds.items()
    ]
    return (
        f"## Latency\n\n{numbers['papers']:,} papers, {len(asked)} queries "
        f"({digest_of(query.id for query in asked)}), milliseconds in one warm process, vectors of "
        f"queries made beforehand. Hybrid alone, one query after the other: {alone}. In turns "
        "with all that is below, each of which pushes the others' data out of the processor's "
        f"cache, by kind of query: {kinds}.\n\n"
        + table(["what", "p50", "p95", "p50 to hybrid's"], rows)
        + "\n\nThe nearest found, of those that comparing all vectors finds:\n\n"
        + table(["index, queries", "of 10", "worst", "of 100", "worst"], recalls)
        + "\n\n"
    )
