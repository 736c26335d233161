"""Tagging by OpenAI's Batch API: what a model has to decide is handed over in one file.

A batch only fills the cache of answers; the papers are then tagged in the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from curator.llm.batch_api import BatchApi, BatchReport
from curator.llm.metered import Deferred, DeferringLLM, MeteredLLM
from curator.paper import Paper

if TYPE_CHECKING:
    from curator.tagger import Tagger

__all__ = ["hand_over"]


def hand_over(
    api: BatchApi,
    llm: MeteredLLM,
    tagger_with: Callable[[MeteredLLM], Tagger],
    papers: Iterable[Paper],
    outcomes: Callable[[Iterable[str]], Mapping[str, str]],
    *,
    wait: bool = False,
) -> tuple[BatchReport, list[Paper]]:
    """Hands over what a model has to decide about papers, and collects what earlier batches
    answered: how far they are, and the papers that need not wait. ``outcomes`` says what became
    of requests, by their keys.

    Raises:
        MissingError: the server has no Batch API, or cannot be reached.
        ModelError: it refused a batch.
        BudgetExhausted: no more may be asked.
    """
    asking = DeferringLLM(llm)
    tagger = tagger_with(asking)
    asked: list[tuple[Paper, str]] = []
    ready: list[Paper] = []
    for paper in tagger.prepared(papers):
        before = set(asking.requests)
        try:
            tagger.tag(paper)
            ready.append(paper)
        except Deferred:
            asked += [(paper, key) for key in asking.requests if key not in before]
    report = api.run(asking.requests.values(), wait=wait)
    state = outcomes([key for _, key in asked])
    ready += [paper for paper, key in asked if state.get(key) != "waiting"]
    return report, ready
