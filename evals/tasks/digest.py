"""Digests: every sentence can be traced, the week's topics are there, nothing is said twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from curator.catalog import Filters
from curator.digest.period import period_of
from curator.text import plain, title_key
from curator.trace import traced
from evals.gold import DigestGold
from evals.metrics import Facts, ratio
from evals.tasks.base import (
    Bench,
    EvalTask,
    Finding,
    Output,
    as_json,
    common,
    common_facts,
    waited,
)

__all__ = ["DigestTask"]


class DigestTask(EvalTask[DigestGold]):
    """One week, as ``curator digest`` writes it."""

    name = "digest"
    row = DigestGold
    kinds: ClassVar[dict[str, str]] = {
        "untraceable": "a sentence whose source does not stand in the paper's stored text",
        "topic_missing": "no paper of a topic that the week has",
        "not_chosen": "papers that a person would choose are not in it",
        "lost": "papers of the week are neither in it, nor left out, nor failed",
    }
    metrics = (
        ratio(
            "traceable",
            "sentences that stand in, or are checked against, the stored text",
            lambda f: (f["traceable"], f["sentences"]),
            gate=True,
            exact=True,
        ),
        ratio("topics", "topics covered", lambda f: (f["topics_covered"], f["topics"]), gate=True),
        ratio("redundancy", "nearest other sentence (cosine)", "redundancy", better="lower"),
        ratio(
            "agreement",
            "papers of the reference list that are in it",
            lambda f: (f["agreed"], f["reference"]),
            gate=True,
        ),
        ratio(
            "accounted", "weeks with every paper accounted for", "accounted", gate=True, exact=True
        ),
        *common(),
        ratio("seconds", "seconds per digest", "seconds", better="lower", unit="s"),
    )

    def prepare(self, bench: Bench) -> None:
        bench.library.index()

    def run(self, bench: Bench, row: DigestGold) -> Output:
        if bench.beside is None:
            raise LookupError("this suite needs copies of its library")
        # In a copy of its own: a digest takes summaries and tags that another one left.
        with bench.beside(None) as alone, traced() as trace:
            alone.library.tagger  # noqa: B018
            started = time.perf_counter()
            document = alone.library.digest(period_of(row.week, None, None), limit=row.limit)
            seconds = time.perf_counter() - started + waited(trace)
        return {
            "document": dict(document),
            "seconds": seconds,
            "incomplete": [*document["failed"], *document["untagged"]],
            "trace": as_json(trace),
        }

    def facts(self, bench: Bench, row: DigestGold, output: Output) -> dict[str, Any]:
        document = output["document"]
        entries = [entry for section in document["sections"] for entry in section["papers"]]
        papers = bench.library.catalog.papers.get(entry["paper_id"] for entry in entries)
        traceable = 0
        for entry in entries:
            paper = papers[entry["paper_id"]]
            verdict = bench.library.grounder.check(entry["tldr"], [entry["quote"]], paper.title)
            traceable += entry["quote"] in paper.text and verdict.supported
        chosen = {title_key(entry["title"]) for entry in entries}
        tags = {tag for entry in entries for tag in entry["tags"]}
        period = period_of(row.week, None, None)
        select = bench.library.catalog.papers.select
        week = {paper.id for paper in select(Filters(since=period.since, until=period.until))}
        inside = [entry["paper_id"] for entry in entries]
        failed = [failure["paper_id"] for failure in document["failed"]]
        accounted = (
            document["seen"] == len(week)
            and document["chosen"] == len(inside)
            and len({*inside, *failed}) == len(inside) + len(failed)
            and week.issuperset([*inside, *failed])
            and document["not_chosen"] == len(week) - len(inside) - len(failed)
        )
        return {
            "sentences": len(entries),
            "traceable": traceable,
            "topics": len(row.topics),
            "topics_covered": len(set(row.topics) & tags),
            "missing_topics": sorted(set(row.topics) - tags),
            "reference": len(row.reference),
            "agreed": sum(title_key(title) in chosen for title in row.reference),
            "redundancy": _redundancy(bench, [entry["tldr"] for entry in entries]),
            "accounted": float(accounted),
            "seconds": output["seconds"],
            **common_facts(
                output,
                bench.library.llm.identity,
                success=bool(entries) and traceable == len(entries),
            ),
        }

    def findings(self, row: DigestGold, output: Output, facts: Facts) -> list[Finding]:
        document = output["document"]
        titles = [e["title"] for section in document["sections"] for e in section["papers"]]
        asked, got = f"{row.week}, {row.limit} papers", "; ".join(titles)
        found = []
        if facts["traceable"] < facts["sentences"]:
            lost = facts["sentences"] - facts["traceable"]
            found.append(Finding("untraceable", asked, "all traceable", f"{lost} are not"))
        if facts["missing_topics"]:
            found.append(Finding("topic_missing", asked, ", ".join(facts["missing_topics"]), got))
        if facts["agreed"] < facts["reference"]:
            found.append(Finding("not_chosen", asked, "; ".join(row.reference), got))
        if not facts["accounted"]:
            numbers = {k: document[k] for k in ("seen", "chosen", "not_chosen")}
            found.append(
                Finding("lost", asked, "seen = chosen + not chosen + failed", str(numbers))
            )
        return found

    def shown(self, row: DigestGold) -> tuple[dict[str, Any], dict[str, Any]]:
        wanted = {"topics": row.topics, "reference": row.reference}
        return {"week": row.week, "limit": row.limit}, wanted


def _redundancy(bench: Bench, texts: Sequence[str]) -> float | None:
    """The mean, over sentences, of the similarity to the nearest other one."""
    if len(texts) < 2:
        return None
    import numpy as np

    vectors = bench.library.embedder.embed([plain(text) for text in texts])
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -1.0)
    return float(similar.max(axis=1).mean())
