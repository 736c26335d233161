"""One-sentence summaries: near to what people write, and nothing that the paper does not say."""

from __future__ import annotations

import itertools
import re
import time
from functools import cached_property
from typing import Any, ClassVar

from curator.text import fold, plain
from curator.trace import traced
from evals.gold import TldrGold
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

__all__ = ["TldrTask"]

# Below this the summary shares hardly a content word with any reference.
FAR_OFF = 0.2


class TldrTask(EvalTask[TldrGold]):
    """One paper, as ``curator tldr`` summarises it."""

    name = "tldr"
    row = TldrGold
    kinds: ClassVar[dict[str, str]] = {
        "unsupported": "the summary is not supported by the sentence it names",
        "far_off": "the summary shares hardly a word with any reference",
        "too_long": "more than 30 words",
    }
    metrics = (
        ratio("rouge1", "ROUGE-1 F (best reference)", "rouge1", gate=True),
        ratio("rouge2", "ROUGE-2 F (best reference)", "rouge2"),
        ratio("rougeL", "ROUGE-L F (best reference)", "rougeL", gate=True),
        ratio("compression", "words of the abstract per word", "compression", better="neither"),
        ratio("novelty", "word pairs not in title and abstract", "novelty", better="neither"),
        ratio(
            "unsupported",
            "unsupported summaries",
            "unsupported",
            better="lower",
            gate=True,
            exact=True,
        ),
        ratio("written", "summaries written or shortened", "written", better="neither"),
        *common(),
        ratio("seconds", "seconds per summary", "seconds", better="lower", unit="s"),
    )

    @cached_property
    def _scorer(self) -> Any:
        from rouge_score.rouge_scorer import RougeScorer

        # Stemmed, as SciTLDR's own evaluation does (Cachola et al. 2020).
        return RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)

    def prepare(self, bench: Bench) -> None:
        bench.library.index()
        bench.library.tldr_writer  # noqa: B018

    def run(self, bench: Bench, row: TldrGold) -> Output:
        paper = bench.paper(row.title)
        started = time.perf_counter()
        with traced() as trace:
            made = bench.library.tldr_of(paper)
        seconds = time.perf_counter() - started + waited(trace)
        return {
            "tldr": made.text,
            "origin": made.origin,
            "quote": made.quote,
            "seconds": seconds,
            "trace": as_json(trace),
        }

    def facts(self, bench: Bench, row: TldrGold, output: Output) -> dict[str, Any]:
        paper = bench.paper(row.title)
        text = output["tldr"]
        scores = [self._scorer.score(reference, text) for reference in row.references]
        rouge = {
            name: max(score[name].fmeasure for score in scores)
            for name in ("rouge1", "rouge2", "rougeL")
        }
        verdict = bench.library.grounder.check(text, [output["quote"]], paper.title)
        unsupported = output["quote"] not in paper.text or not verdict.supported
        pairs = _pairs(text)
        return {
            **rouge,
            "words": len(text.split()),
            "compression": len(paper.abstract.split()) / max(1, len(text.split())),
            "novelty": len(pairs - _pairs(paper.text)) / len(pairs) if pairs else None,
            "unsupported": float(unsupported),
            "written": float(output["origin"] == "model"),
            "seconds": output["seconds"],
            **common_facts(output, bench.library.llm.identity, success=not unsupported),
        }

    def findings(self, row: TldrGold, output: Output, facts: Facts) -> list[Finding]:
        kinds = []
        if facts["unsupported"]:
            kinds.append("unsupported")
        if facts["rouge1"] < FAR_OFF:
            kinds.append("far_off")
        if facts["words"] > 30:
            kinds.append("too_long")
        wanted = row.references[0]
        return [Finding(kind, row.title, wanted, output["tldr"]) for kind in kinds]


def _pairs(text: str) -> set[tuple[str, str]]:
    words = re.findall(r"\w+", fold(plain(text)))
    return set(itertools.pairwise(words))
