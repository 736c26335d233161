"""Answers: is the right thing said, from the right sentence, and only where there is one?

A citation is good when the cited paper is a gold paper, the quote overlaps a gold passage,
and the grounding check finds the sentence in the quote: the check alone could be wrong about
what it was made to pass. A sentence is unsupported when its quote does not stand in the
paper's stored text, or the check does not find the sentence in its quotes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from curator.grounding import numbers_in
from curator.trace import traced
from evals.gold import Question
from evals.metrics import Facts, ratio
from evals.record import Curve, Table
from evals.tasks.base import (
    COMMON,
    Bench,
    EvalTask,
    Finding,
    Output,
    as_json,
    common_facts,
    held,
    overlap,
    waited,
)

__all__ = ["AskTask"]

# A quote that has so much of a gold passage's words is that passage's sentence.
OVERLAP = 0.6


class AskTask(EvalTask[Question]):
    """One question, as ``curator ask`` answers it."""

    name = "ask"
    row = Question
    kinds: ClassVar[dict[str, str]] = {
        "wrong_abstention": "an answerable question was refused",
        "answered_unanswerable": "a question without an answer in the library was answered",
        "wrong_paper": "the gold paper was not among those retrieved",
        "evidence_missed": "the gold paper was found, its sentence was not chosen as evidence",
        "not_said": "the sentence was among the evidence, the answer does not say what it must",
        "wrong_citation": "it says what it must, and cites another paper than the gold one",
        "unsupported": "a sentence is not supported by what it cites",
        "unsupported_number": "a number in a sentence does not stand in what it cites",
    }
    metrics = (
        ratio("must_include", "what must be said is said", "must_include", gate=True),
        ratio("correct", "answers that say all they must", "correct", gate=True),
        ratio("right_paper", "right paper cited (single, numeric)", "right_paper", gate=True),
        ratio(
            "citation_precision",
            "citations that are of a gold passage and support their sentence",
            lambda f: (f["good_citations"], f["citations"]),
            gate=True,
        ),
        ratio(
            "citation_recall",
            "gold passages that a good citation covers",
            lambda f: (f["covered"], f["passages"]),
            gate=True,
        ),
        ratio(
            "unsupported",
            "unsupported sentences",
            lambda f: (f["unsupported"], f["sentences"]),
            better="lower",
            gate=True,
            exact=True,
        ),
        ratio(
            "wrong_numbers",
            "sentences with a number that is not in what they cite",
            lambda f: (f["wrong_numbers"], f["sentences"]),
            better="lower",
            gate=True,
            exact=True,
        ),
        ratio(
            "quoted",
            "sentences that are quotes",
            lambda f: (f["quoted"], f["sentences"]),
            better="neither",
        ),
        ratio(
            "abstention_precision",
            "refusals that are right",
            lambda f: (f["refused_rightly"], f["refused"]),
        ),
        ratio(
            "abstention_recall",
            "unanswerable questions refused",
            lambda f: (f["refused_rightly"], f["unanswerable"]),
        ),
        ratio(
            "abstention_f1",
            "abstention F1",
            lambda f: (2 * f["refused_rightly"], f["refused"] + f["unanswerable"]),
            gate=True,
        ),
        *COMMON,
        ratio(
            "first_sentence",
            "seconds to the first sentence (answers)",
            "first_sentence",
            better="lower",
            unit="s",
        ),
        ratio("seconds", "seconds in all", "seconds", better="lower", unit="s"),
    )

    def prepare(self, bench: Bench) -> None:
        bench.library.index()
        # Loads the embedder and the cross-encoder; the model is loaded by the first question.
        bench.library.ask_context  # noqa: B018
        bench.library.search("warm", 1)

    def run(self, bench: Bench, row: Question) -> Output:
        events: list[dict[str, Any]] = []
        lost: list[str] = []
        first: list[float] = []
        started = time.perf_counter()
        with traced() as trace:

            def listen(event: dict[str, Any]) -> None:
                if event["event"] == "fallback_failed":
                    lost.append(event["reason"])
                if event["event"] == "sentence" and not first:
                    first.append(time.perf_counter() - started + waited(trace))
                if event["event"] in ("retrieved", "evidence"):
                    events.append(event)

            answer = bench.library.ask(row.question, on_event=listen)
            seconds = time.perf_counter() - started + waited(trace)
        return {
            "answer": dict(answer),
            "events": events,
            "first_sentence": first[0] if first else None,
            "seconds": seconds,
            "incomplete": lost,
            "trace": as_json(trace),
        }

    def facts(self, bench: Bench, row: Question, output: Output) -> dict[str, Any]:
        answer = output["answer"]
        unanswerable = row.kind == "unanswerable"
        refused = answer["abstained"]
        facts: dict[str, Any] = {
            "kind": row.kind,
            "unanswerable": int(unanswerable),
            "refused": int(refused),
            "refused_rightly": int(refused and unanswerable),
            "seconds": output["seconds"],
            **self._sentences(bench, row, answer),
        }
        if output["first_sentence"] is not None:
            facts["first_sentence"] = output["first_sentence"]
        said = 0.0 if refused else held(answer["answer"], row.must_include)
        success: bool | None = refused
        if not unanswerable:
            gold = {bench.paper(title).id for title in row.gold_titles}
            cited = {c["paper_id"] for s in answer["sentences"] for c in s["citations"]}
            if row.must_include:
                facts["must_include"] = said
                facts["correct"] = float(said == 1.0)
            if row.kind != "multi":
                facts["right_paper"] = float(not refused and bool(gold & cited))
            success = bool(facts.get("correct", facts.get("right_paper")))
            found = {e["event"]: e for e in output["events"]}
            facts["paper_found"] = bool(gold & set(found.get("retrieved", {}).get("paper_ids", ())))
            shown = [e["quote"] for e in found.get("evidence", {}).get("evidence", ())]
            facts["evidence_found"] = any(
                overlap(quote, passage) >= OVERLAP for quote in shown for passage in row.evidence
            )
        first_model = bench.library.llm.identity
        return {**facts, **common_facts(output, first_model, success=success)}

    @staticmethod
    def _sentences(bench: Bench, row: Question, answer: dict[str, Any]) -> dict[str, int]:
        """Counts over the sentences of an answer and their citations."""
        gold = {bench.paper(title).id for title in row.gold_titles}
        ids = [c["paper_id"] for s in answer["sentences"] for c in s["citations"]]
        papers = bench.library.catalog.papers.get(ids)
        counts = dict.fromkeys(
            ("sentences", "quoted", "unsupported", "wrong_numbers", "citations", "good_citations"),
            0,
        )
        covered: set[str] = set()
        for sentence in answer["sentences"]:
            quotes = [c["quote"] for c in sentence["citations"]]
            title = papers[sentence["citations"][0]["paper_id"]].title if quotes else ""
            stored = all(
                c["quote"] in papers[c["paper_id"]].text for c in sentence["citations"]
            ) and bool(quotes)
            verdict = bench.library.grounder.check(sentence["text"], quotes, title)
            counts["sentences"] += 1
            counts["quoted"] += sentence["origin"] == "quote"
            counts["unsupported"] += not (stored and verdict.supported)
            shown = numbers_in(" ".join([title, *quotes]))
            counts["wrong_numbers"] += bool(numbers_in(sentence["text"]) - shown)
            for citation in sentence["citations"]:
                matches = {p for p in row.evidence if overlap(citation["quote"], p) >= OVERLAP}
                good = citation["paper_id"] in gold and bool(matches) and verdict.supported
                counts["citations"] += bool(row.evidence) or row.kind == "unanswerable"
                counts["good_citations"] += good
                covered |= matches if good else set()
        # A refusal covers nothing; where there is no gold passage there is nothing to cover.
        return {**counts, "covered": len(covered), "passages": len(row.evidence)}

    def findings(self, row: Question, output: Output, facts: Facts) -> list[Finding]:
        answer = output["answer"]
        got = answer["answer"] + (f" ({answer['reason']})" if answer["reason"] else "")
        wanted = row.answer or "; ".join(row.evidence)

        def finding(kind: str) -> Finding:
            return Finding(kind, row.question, wanted, got)

        found = []
        if facts["unsupported"]:
            found.append(finding("unsupported"))
        if facts["wrong_numbers"]:
            found.append(finding("unsupported_number"))
        if facts["unanswerable"]:
            return found if facts["refused"] else [*found, finding("answered_unanswerable")]
        if facts["refused"]:
            return [*found, finding("wrong_abstention")]
        if facts.get("correct", 1.0) < 1.0 or facts.get("right_paper") == 0.0:
            if not facts["paper_found"]:
                found.append(finding("wrong_paper"))
            elif row.evidence and not facts["evidence_found"]:
                found.append(finding("evidence_missed"))
            elif facts.get("correct", 1.0) == 1.0:
                found.append(finding("wrong_citation"))
            else:
                found.append(finding("not_said"))
        return found

    def curves(self, facts: Sequence[Facts]) -> list[Curve]:
        return [
            Curve(
                name="latency",
                title="Seconds to the first sentence",
                x_label="seconds",
                y_label="answers",
                x=[f["first_sentence"] for f in facts if "first_sentence" in f],
                y=[],
                style="histogram",
            )
        ]

    def tables(self, facts: Sequence[Facts]) -> list[Table]:
        rows: list[list[str | int | float | None]] = []
        for kind in ("single", "multi", "numeric", "unanswerable"):
            own = [f for f in facts if f["kind"] == kind]
            said = [f["must_include"] for f in own if f.get("must_include") is not None]
            if own:
                share = round(sum(said) / len(said), 3) if said else None
                rows.append([kind, len(own), sum(f["refused"] for f in own), share])
        columns = ["kind", "questions", "refused", "must_include"]
        return [Table(title="By kind of question", columns=columns, rows=rows)]

    def shown(self, row: Question) -> tuple[dict[str, Any], dict[str, Any]]:
        fields = row.model_dump(exclude={"id", "cluster", "question"})
        return {"question": row.question}, fields
