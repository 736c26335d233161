"""Finding papers: words and vectors, made one ranking.

1. Words (tantivy) and vectors (Chroma) each give their best papers; every one of those gets
   both scores, and the two are mixed (`curator.fusion`).
2. The first papers are taken for relevant: the question's vector is moved towards theirs, and
   the words that tell them from others join the question's (pseudo-relevance feedback).
3. What the richer question finds is scored and mixed once more.

Filters and the constraints of a query are one mask over the numbers of texts (`Paper.seq`),
made before anything is ranked, so that what comes back is what ranking only the papers that
pass would give.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from curator.catalog import Filters, Papers
from curator.embedding import Embedder
from curator.paper import Paper
from curator.query import ParsedQuery
from curator.text import plain

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    from numpy.typing import NDArray

    from curator.catalog.facets import Facets
    from curator.embedding import Vectors
    from curator.index.lexical import LexicalIndex
    from curator.index.vectors import VectorIndex
    from curator.reranking import Reranker

    Mask = NDArray[np.bool_]
    Seqs = NDArray[np.int64]
    Scores = NDArray[np.float64]

__all__ = ["Hit", "HybridRetriever", "Mode", "Retriever"]

Mode = Literal["hybrid", "dense", "lexical"]

DEPTH = 100  # papers of each ranking that are candidates
SIMILAR_TERMS = 25  # of a paper, that papers like it are looked for by
DIVERSE_AMONG = 5  # times as many candidates as results, where results are to be diverse
RERANKED = 20
RERANK_WEIGHT = 0.25
REMEMBERED = 4_000  # papers whose stems are kept: the same ones come up again and again


@dataclass(frozen=True)
class Hit:
    """A found paper. ``score`` orders the hits of one search and means nothing across two."""

    rank: int
    paper: Paper
    score: float


class Retriever(Protocol):
    """Finds papers for a query."""

    def search(
        self,
        query: str | ParsedQuery,
        limit: int = 10,
        filters: Filters | None = None,
        mode: Mode = "hybrid",
    ) -> list[Hit]: ...


class HybridRetriever:
    """Searches both indexes and mixes what they find.

    ``embedder`` and ``vectors`` may be None (mode ``lexical`` needs neither). ``exact``: the
    vectors are compared one by one and Chroma is not opened, which is quicker for a process
    that asks only once.
    """

    def __init__(
        self,
        papers: Papers,
        lexical: LexicalIndex,
        vectors: VectorIndex | None = None,
        embedder: Embedder | None = None,
        *,
        facets: Callable[[], Facets] | None = None,
        reranker: Callable[[], Reranker | None] | None = None,
        exact: bool = False,
    ) -> None:
        self._papers = papers
        self._lexical = lexical
        self._vectors = vectors
        self._embedder = embedder
        self._facets = facets
        self._reranker = reranker
        self._exact = exact
        self._stems: dict[int, list[str]] = {}
        self._lock = threading.Lock()  # a server asks from several threads
        self._aside: ThreadPoolExecutor | None = None

    @property
    def lost(self) -> int:
        """How often Chroma has failed this: a change says that something is to be mended."""
        return self._vectors.lost if self._vectors is not None else 0

    def search(
        self,
        query: str | ParsedQuery,
        limit: int = 10,
        filters: Filters | None = None,
        mode: Mode = "hybrid",
        *,
        diverse: bool = False,
        rerank_seconds: float = 0.0,
    ) -> list[Hit]:
        """At most ``limit`` papers, best first.

        A text is words and nothing else; a parsed query's papers satisfy its constraints.
        ``diverse``: each paper is also unlike those before it. ``rerank_seconds``: for so long
        a cross-encoder reads the best papers with the query, and has a say.
        """
        asked = ParsedQuery(query) if isinstance(query, str) else query
        if limit <= 0:
            return []
        vector = None
        if mode != "lexical" and self._embedder and self._vectors and asked.text:
            vector = self._embedder.embed_query(plain(asked.text))
        elif mode == "dense":
            return []
        if vector is None:
            allowed = self._mask(asked, filters, constraints=False)
            return self._by_words(asked, limit, allowed)
        allowed = self._mask(asked, filters)
        wanted = limit * DIVERSE_AMONG if diverse else max(limit, RERANKED)
        seqs, scores = self.ranked(asked, vector, max(wanted, limit), allowed, mode)
        if rerank_seconds > 0:
            seqs, scores = self._reranked(asked.text, seqs, scores, rerank_seconds)
        if diverse:
            seqs, scores = self._diverse(seqs, scores, limit)
        return self._hits(seqs, scores, limit)

    def similar(self, paper: Paper, limit: int = 10, filters: Filters | None = None) -> list[Hit]:
        """Papers like one: near its vector, and with the words that tell it from others."""
        import numpy as np

        counts = Counter(self._lexical.words(f"{paper.title} {paper.abstract}"))
        rare = self._idf(list(counts))
        telling = {s: n * idf for (s, n), idf in zip(counts.items(), rare, strict=True)}
        best = sorted(telling, key=lambda s: (-telling[s], s))[:SIMILAR_TERMS]
        weights = {stem: telling[stem] for stem in best}
        allowed = self._mask(ParsedQuery(""), filters)
        vector = self._vector_of(paper)
        if vector is None:
            seqs, scores = self._lexical.ranked(ParsedQuery(""), DEPTH, allowed, weights)
        else:
            seqs, scores = self._mixed(vector, ParsedQuery(""), allowed, DEPTH, weights)
        others = np.flatnonzero(seqs != paper.seq)
        return self._hits(seqs[others], scores[others], limit)

    def ranked(
        self,
        query: ParsedQuery,
        vector: Vectors,
        limit: int,
        allowed: Mask | None = None,
        mode: Mode = "hybrid",
    ) -> tuple[Seqs, Scores]:
        """Numbers and scores of at least the best ``limit`` texts, best first, where the query's
        vector is known."""
        assert self._vectors is not None
        if mode == "dense":
            found, cosines = self._vectors.search(vector, limit, allowed, exact=self._exact)
            return found, cosines.astype(float)
        depth = max(DEPTH, limit)
        return self._mixed(vector, query, allowed, depth, feedback=True)

    # ----------------------------------------------------------------- mixing

    def _mixed(
        self,
        vector: Vectors,
        query: ParsedQuery,
        allowed: Mask | None,
        depth: int,
        weights: dict[str, float] | None = None,
        *,
        feedback: bool = False,
    ) -> tuple[Seqs, Scores]:
        """Mixes the ranking by words with that by a vector; with ``feedback``, both once more
        for the richer question."""
        from concurrent.futures import ThreadPoolExecutor

        import numpy as np

        from curator.fusion import VECTOR_PAPERS, WORD_PAPERS, mixed, moved

        assert self._vectors is not None
        with self._lock:
            if self._aside is None:
                self._aside = ThreadPoolExecutor(1, "words")
        # Both let go of the interpreter while they search.
        found = self._aside.submit(self._lexical.ranked, query, depth, allowed, weights)
        near, _ = self._vectors.search(vector, depth, allowed, exact=self._exact)
        seqs, words = found.result()
        candidates = np.union1d(seqs[:depth], near)
        rows, there = self._vectors.rows(candidates)
        scores = mixed(_looked_up(candidates, seqs, words), _cosines(rows, there, vector), depth)
        if feedback and len(candidates):
            order = _order(candidates, scores)
            first = [i for i in order[:VECTOR_PAPERS] if there[i]]
            vector = moved(vector, rows[first])
            weights = self._expanded(query, candidates[order[:WORD_PAPERS]])
            seqs, words = self._lexical.ranked(query, depth, allowed, weights)
            more = np.setdiff1d(seqs[:depth], candidates)
            if len(more):
                added, known = self._vectors.rows(more)
                candidates = np.concatenate([candidates, more])
                rows, there = np.concatenate([rows, added]), np.concatenate([there, known])
            by_words = _looked_up(candidates, seqs, words)
            scores = mixed(by_words, _cosines(rows, there, vector), depth)
        order = _order(candidates, scores)
        return candidates[order], scores[order]

    def _expanded(self, query: ParsedQuery, seqs: Seqs) -> dict[str, float]:
        from curator.fusion import expanded

        return expanded(self._lexical.weights(query), self._stems_at(seqs), self._idf)

    def _idf(self, stems: Sequence[str]) -> list[float]:
        from curator.fusion import idf_of

        total = self._lexical.count()
        return [idf_of(count, total) for count in self._lexical.frequencies(stems)]

    def _stems_at(self, seqs: Seqs) -> list[list[str]]:
        numbers = [int(seq) for seq in seqs]
        with self._lock:
            unknown = [seq for seq in numbers if seq not in self._stems]
            for seq, (title, abstract) in self._papers.texts_at(unknown).items():
                self._stems[seq] = self._lexical.words(f"{title} {abstract}")
            stems = [self._stems[seq] for seq in numbers if seq in self._stems]
            while len(self._stems) > REMEMBERED:
                self._stems.pop(next(iter(self._stems)))
        return stems

    def _vector_of(self, paper: Paper) -> Vectors | None:
        if self._vectors is None:
            return None
        stored = self._vectors.vectors([paper]).get(paper.id)
        if stored is None and self._embedder is not None:
            from curator.embedding import embedding_text

            stored = self._embedder.embed([embedding_text(paper)])[0]
        return stored

    # ------------------------------------------------------------ second looks

    def _reranked(
        self, text: str, seqs: Seqs, scores: Scores, seconds: float
    ) -> tuple[Seqs, Scores]:
        """Adds what the cross-encoder says of the best papers, as many as it reads in time."""
        import numpy as np

        reranker = self._reranker() if self._reranker else None
        if reranker is None or not len(seqs):
            return seqs, scores
        deadline = time.monotonic() + seconds
        papers = self._papers.at([int(seq) for seq in seqs[:RERANKED]])
        said: list[float] = []
        for start in range(0, min(RERANKED, len(seqs)), 4):
            if said and time.monotonic() > deadline:
                break
            part = [papers.get(int(seq)) for seq in seqs[start : start + 4]]
            texts = [f"{plain(p.title)}. {plain(p.abstract)}" if p else "" for p in part]
            said += reranker.score(plain(text), texts)
        logits = np.array(said)
        scores = scores.copy()
        # A paper that was not read is as good as the worst that was.
        scores[: len(said)] += RERANK_WEIGHT * (logits - logits.min()) / max(np.ptp(logits), 1e-9)
        order = _order(seqs, scores)
        return seqs[order], scores[order]

    def _diverse(self, seqs: Seqs, scores: Scores, limit: int) -> tuple[Seqs, Scores]:
        from curator.fusion import diverse

        assert self._vectors is not None
        among = slice(0, max(limit * DIVERSE_AMONG, limit))
        rows, _ = self._vectors.rows(seqs[among])
        chosen = diverse(scores[among], rows, limit)
        return seqs[chosen], scores[chosen]

    # ------------------------------------------------------------------- parts

    def _mask(
        self, query: ParsedQuery, filters: Filters | None, *, constraints: bool = True
    ) -> Mask | None:
        """Which texts may be found; None for all. The word index satisfies constraints by
        itself (``constraints`` False)."""
        masks = []
        if filters:
            assert self._facets is not None
            masks.append(self._facets().mask(filters))
        if constraints and query.constraints:
            size = len(masks[0]) if masks else self._papers.last_seq() + 1
            within = self._lexical.constrained(query, size)
            if within is not None:
                masks.append(within)
        if not masks:
            return None
        return masks[0] if len(masks) == 1 else masks[0] & masks[1]

    def _by_words(self, query: ParsedQuery, limit: int, allowed: Mask | None) -> list[Hit]:
        found = self._lexical.search(query, limit, allowed)
        papers = self._papers.get(paper_id for paper_id, _ in found)
        return _numbered((papers[name], score) for name, score in found if name in papers)

    def _hits(self, seqs: Seqs, scores: Scores, limit: int) -> list[Hit]:
        """The first ``limit`` texts that are still some paper's."""
        found: list[tuple[Paper, float]] = []
        start = 0
        while len(found) < limit and start < len(seqs):
            part = [int(seq) for seq in seqs[start : start + limit]]
            papers = self._papers.at(part)
            found += [
                (papers[seq], float(scores[start + i]))
                for i, seq in enumerate(part)
                if seq in papers
            ]
            start += limit
        return _numbered(found[:limit])


def _numbered(found: Iterable[tuple[Paper, float]]) -> list[Hit]:
    return [Hit(rank, paper, score) for rank, (paper, score) in enumerate(found, 1)]


def _looked_up(candidates: Seqs, seqs: Seqs, words: Scores) -> Scores:
    """The words' score of each candidate, 0 where it has none."""
    import numpy as np

    order = np.argsort(seqs)
    places = np.searchsorted(seqs, candidates, sorter=order)
    places[places == len(seqs)] = 0
    scores = np.zeros(len(candidates))
    if len(seqs):
        at = order[places]
        found = seqs[at] == candidates
        scores[found] = words[at[found]]
    return scores


def _cosines(rows: Vectors, there: Mask, vector: Vectors) -> Scores:
    import numpy as np

    cosines: Scores = np.full(len(rows), np.nan)
    if rows.shape[1]:
        cosines[there] = rows[there] @ vector
    return cosines


def _order(seqs: Seqs, scores: Scores) -> Seqs:
    """Best first, equals by number, so that the same search has the same answer."""
    import numpy as np

    return np.lexsort((seqs, -scores))
