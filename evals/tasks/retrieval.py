"""Retrieval: are the relevant papers found, and how far up?

Measured by ir-measures, which is what the field's own evaluations use.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from evals.gold import Query
from evals.metrics import Facts, ratio
from evals.record import Curve
from evals.tasks.base import Bench, EvalTask, Finding, Output

__all__ = ["RetrievalTask"]

DEPTH = 100
_MEASURES = {"ndcg_10": "nDCG@10", "recall_10": "R@10", "recall_100": "R@100", "mrr_10": "RR@10"}


class RetrievalTask(EvalTask[Query]):
    """One search, hybrid as the commands search by default."""

    name = "retrieval"
    row = Query
    uses_model = False
    kinds: ClassVar[dict[str, str]] = {
        "not_found": "no relevant paper among the first 100",
        "too_low": "a relevant paper was found, but not among the first 10",
    }
    metrics = (
        ratio("ndcg_10", "nDCG@10", "ndcg_10", gate=True),
        ratio("recall_10", "recall@10", "recall_10", gate=True),
        ratio("recall_100", "recall@100", "recall_100"),
        ratio("mrr_10", "MRR@10", "mrr_10", gate=True),
        ratio("seconds", "seconds per search", "seconds", better="lower", unit="s"),
    )

    def prepare(self, bench: Bench) -> None:
        bench.library.index()
        bench.library.search("warm", 1)

    def run(self, bench: Bench, row: Query) -> Output:
        started = time.perf_counter()
        hits = bench.library.search(row.query, DEPTH)
        return {
            "seconds": time.perf_counter() - started,
            "hits": [
                {"paper_id": h.paper.id, "title": h.paper.title, "score": h.score} for h in hits
            ],
        }

    def facts(self, bench: Bench, row: Query, output: Output) -> dict[str, Any]:
        import ir_measures

        wanted = {bench.paper(title).id: grade for title, grade in row.relevant.items()}
        qrels = [ir_measures.Qrel(row.id, paper, grade) for paper, grade in wanted.items()]
        # By rank: two papers may share a score, and then the tool would choose their order.
        run = [
            ir_measures.ScoredDoc(row.id, hit["paper_id"], float(DEPTH - place))
            for place, hit in enumerate(output["hits"])
        ]
        measures = {ir_measures.parse_measure(m): name for name, m in _MEASURES.items()}
        found = dict.fromkeys(_MEASURES, 0.0)
        for value in ir_measures.iter_calc(list(measures), qrels, run):
            found[measures[value.measure]] = float(value.value)
        relevant = {paper for paper, grade in wanted.items() if grade > 0}
        ranks = [n for n, hit in enumerate(output["hits"], 1) if hit["paper_id"] in relevant]
        return {**found, "seconds": output["seconds"], "first": ranks[0] if ranks else None}

    def findings(self, row: Query, output: Output, facts: Facts) -> list[Finding]:
        first = facts["first"]
        if first is not None and first <= 10:
            return []
        wanted = "; ".join(list(row.relevant)[:3])
        got = "; ".join(hit["title"] for hit in output["hits"][:3]) or "nothing"
        kind = "not_found" if first is None else "too_low"
        return [Finding(kind, row.query, wanted, f"rank {first or '> 100'}; first: {got}")]

    def curves(self, facts: Sequence[Facts]) -> list[Curve]:
        if not facts:
            return []
        depths = [1, 2, 3, 5, 10, 20, 50, 100]
        share = [
            sum(f["first"] is not None and f["first"] <= k for f in facts) / len(facts)
            for k in depths
        ]
        return [
            Curve(
                name="success",
                title="Queries with a relevant paper among the first k",
                x_label="k",
                y_label="share of queries",
                x=[float(k) for k in depths],
                y=share,
            )
        ]

    def shown(self, row: Query) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"query": row.query}, {"relevant": row.relevant}
