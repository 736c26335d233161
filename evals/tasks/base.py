"""What a task is: how an output is made by our own code, and what is true of it.

A task asks the library for outputs through the calls that the commands use, states facts
about each, and names the metrics that are made of facts. It knows nothing of logs, caches or
reports.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from curator.text import fold, plain, title_key
from curator.trace import Trace
from evals.gold import GoldRow
from evals.metrics import Facts, Metric, ratio
from evals.record import Curve, Table

if TYPE_CHECKING:
    from curator.library import Library
    from curator.paper import Paper

__all__ = ["COMMON", "Bench", "EvalTask", "Finding", "common_facts", "held", "overlap"]

G = TypeVar("G", bound=GoldRow)
Output = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """Something that went wrong with a sample, in words that a person can act on."""

    kind: str
    asked: str
    expected: str
    got: str


@dataclass
class Bench:
    """Where a suite is measured: a library that holds its papers, and ``beside``, which
    gives a copy of it with another paper added, or with none."""

    library: Library
    beside: Callable[[Mapping[str, Any] | None], Any] | None = None

    @cached_property
    def by_title(self) -> dict[str, Paper]:
        return {title_key(paper.title): paper for paper in self.library.catalog.papers.select()}

    def paper(self, title: str) -> Paper:
        """A paper of the library by its title.

        Raises:
            LookupError: the gold data names a paper that the library does not hold.
        """
        try:
            return self.by_title[title_key(title)]
        except KeyError:
            raise LookupError(f"no paper {title!r} in the library of this suite") from None


class EvalTask(Generic[G]):
    """One kind of output."""

    name: ClassVar[str]
    row: ClassVar[type[GoldRow]]
    metrics: ClassVar[tuple[Metric, ...]]
    kinds: ClassVar[dict[str, str]] = {}
    uses_model: ClassVar[bool] = True

    def prepare(self, bench: Bench) -> None:
        """What is to be done once, so that no sample is timed with it."""

    def run(self, bench: Bench, row: G) -> Output:
        """The output for one row, made by our own code, as JSON. With ``incomplete``, where
        something was not to be had for the moment; it is not kept then."""
        raise NotImplementedError

    def facts(self, bench: Bench, row: G, output: Output) -> dict[str, Any]:
        """What is true of the output. A fact that cannot be computed is None; one that the
        row is not about is left out."""
        raise NotImplementedError

    def findings(self, row: G, output: Output, facts: Facts) -> list[Finding]:
        """What went wrong, by kind; the kinds are those of ``kinds``."""
        return []

    def found(self, row: G, output: Output, facts: Facts) -> list[Finding]:
        """The findings; none where a fact that they need could not be computed."""
        try:
            return self.findings(row, output, facts)
        except (KeyError, TypeError):
            return []

    def curves(self, facts: Sequence[Facts]) -> list[Curve]:
        return []

    def tables(self, facts: Sequence[Facts]) -> list[Table]:
        return []

    def shown(self, row: G) -> tuple[dict[str, Any], dict[str, Any]]:
        """Input and target, as they stand in the report."""
        fields = row.model_dump(exclude={"id", "cluster"})
        return fields, {}


def as_json(trace: Trace) -> dict[str, Any]:
    """A trace without ``cached``: an output costs what it cost when it was made."""
    calls = [{k: v for k, v in asdict(call).items() if k != "cached"} for call in trace.calls]
    return {"calls": calls, "checks": [asdict(check) for check in trace.checks]}


def waited(trace: Trace) -> float:
    """Seconds of the calls that came from the cache, which a clock did not see."""
    return sum(call.seconds for call in trace.calls if call.cached)


def common_facts(output: Output, first_model: str, *, success: bool | None) -> dict[str, Any]:
    """What holds for every task that uses a model: calls, tokens, valid answers, drafts that
    passed the check, whether a second model was called, and whether the item succeeded."""
    trace = output.get("trace") or {"calls": [], "checks": []}
    calls, checks = trace["calls"], trace["checks"]
    facts: dict[str, Any] = {
        "llm_calls": sum(call["calls"] for call in calls),
        "tokens": sum(call["prompt_tokens"] + call["completion_tokens"] for call in calls),
        "model_seconds": sum(call["seconds"] for call in calls),
        "drafts": sum(not call["failed"] for call in calls),
        "valid_drafts": sum(call["valid"] for call in calls),
        "checked": len(checks),
        "passed": sum(check["supported"] for check in checks),
        "nearness": sum(check["score"] for check in checks),
        "escalated": any(call["model"] != first_model for call in calls),
    }
    if success is not None:
        facts["success"] = success
    return facts


# For every task: schema-validity, verifier pass rate, escalation rate, cost per success.
COMMON: tuple[Metric, ...] = (
    ratio(
        "schema_valid",
        "model answers that fit their schema",
        lambda f: (f["valid_drafts"], f["drafts"]),
        gate=True,
    ),
    ratio(
        "verifier_pass",
        "drafted sentences that pass the check",
        lambda f: (f["passed"], f["checked"]),
        gate=True,
    ),
    # What a prompt does to drafts that do not pass, and are replaced by quotes.
    ratio(
        "draft_score",
        "how near drafts are to their source (the check's score)",
        lambda f: (f["nearness"], f["checked"]),
        gate=True,
    ),
    ratio("escalation", "items that a second model was asked for", "escalated", better="neither"),
    ratio("calls", "model calls per item", "llm_calls", better="lower"),
    ratio("tokens", "tokens per item", "tokens", better="lower"),
    ratio(
        "tokens_per_success",
        "tokens per successful item",
        lambda f: (f["tokens"], float(f["success"])),
        better="lower",
    ),
    ratio(
        "seconds_per_success",
        "model seconds per successful item",
        lambda f: (f["model_seconds"], float(f["success"])),
        better="lower",
        unit="s",
    ),
)


def common(*names: str) -> tuple[Metric, ...]:
    """Some of `COMMON`, by name; all of them without names."""
    return tuple(metric for metric in COMMON if not names or metric.name in names)


def held(text: str, groups: Sequence[Sequence[str]]) -> float | None:
    """The share of what must be said that is said, in any of its wordings; None if nothing
    must be."""
    if not groups:
        return None
    said = plain(text).casefold()
    return sum(any(_says(said, way) for way in ways) for ways in groups) / len(groups)


def _says(said: str, way: str) -> bool:
    """Whether a text has a wording; "3%" does not stand in "13%", nor "4.8" in "14.8"."""
    wanted = re.escape(plain(way).casefold())
    before = r"(?<![\d.])" if way[:1].isdigit() else ""
    after = r"(?!\.?\d)" if way[-1:].isdigit() else ""
    return re.search(before + wanted + after, said) is not None


def overlap(quote: str, passage: str) -> float:
    """The share of a gold passage's words that a quote has (containment; the passage is the
    shorter of the two, as a rule)."""
    words = set(re.findall(r"\w+", fold(passage)))
    return len(words & set(re.findall(r"\w+", fold(quote)))) / max(1, len(words))
