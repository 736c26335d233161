"""The gate against four real breakages, with the real 0.5B model and real indexes."""

from __future__ import annotations

import contextlib
import hashlib
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT

from curator.grounding import RuleGrounder, Verdict
from curator.paper import Paper
from curator.paths import default_models_dir
from curator.settings import load_settings
from curator.tagging import EmbeddingTagScorer, PaperScores
from evals.compare import GateReport, gate
from evals.record import RunRecord
from evals.run import Options, run_eval
from evals.suites import suites_for

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]

LIMIT = 12


def kept_answers() -> Path:
    """Where the model's answers of former sessions lie: outside the project, as weights do, and
    by all that stands between a request and its answer. The request itself, the prompt and the
    hash of the weights are in the key of each answer (`curator.llm.metered`)."""
    digest = hashlib.sha256(version("llama-cpp-python").encode())
    for file in sorted((ROOT / "curator" / "llm").glob("*.py")):
        digest.update(file.read_bytes())
    return default_models_dir().with_name("test-answers") / f"answers-{digest.hexdigest()[:16]}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of former sessions only answers come back: outputs that were made by what these tests
    break must never be taken for sound ones."""
    folder = tmp_path_factory.mktemp("evals")
    kept = kept_answers()
    with contextlib.suppress(OSError):
        shutil.copytree(kept, folder / "models")
    yield folder
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=kept.parent, prefix="answers-"))
        shutil.copytree(folder / "models", fresh, dirs_exist_ok=True)
        former = fresh.with_name(f"{fresh.name}-former")
        if kept.exists():
            kept.rename(former)
        fresh.rename(kept)
        for other in kept.parent.glob("answers-*"):  # what changed code cannot use any more, too
            if other != kept:
                shutil.rmtree(other, ignore_errors=True)


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Callable[..., RunRecord]:
    def go(*names: str, limit: int | None = LIMIT, fresh: bool = False, **more: Any) -> RunRecord:
        suites = suites_for([f"{name}-samples" for name in names], full=False, data=None)
        settings = load_settings(home=str(tmp_path / "home"), **more)
        record, _ = run_eval(settings, suites, folder, Options(limit=limit, fresh=fresh))
        return record

    return go


def fallen(report: GateReport) -> set[str]:
    assert not any("not run" in line or "failed" in line for line in report.missing)
    return {f"{row.suite.partition('-')[0]} {row.metric}" for row in report.fallen}


@pytest.mark.parametrize(
    ("prompt", "task", "shown", "lost"),
    [
        ("answer", "ask", "({{ item.title }}) {{ item.quote }}", ""),
        ("tldr", "tldr", "Title: {{ title }}", "Title: {{ title | length }}"),
    ],
)
def test_a_broken_prompt_is_caught(
    run: Callable[..., RunRecord], tmp_path: Path, prompt: str, task: str, shown: str, lost: str
) -> None:
    """It still loads and uses all its variables; the model just does not see the text."""
    before = run(task)
    text = (ROOT / "prompts" / f"{prompt}.md").read_text("utf-8")
    assert shown in text
    text = text.replace(shown, lost).replace("- {{ sentence }}", "-")
    broken = tmp_path / "prompts"
    broken.mkdir()
    (broken / f"{prompt}.md").write_text(text, "utf-8")
    report = gate(before, run(task, prompts=broken))
    assert f"{task} draft_score" in fallen(report)


def test_a_shuffled_retriever_is_caught(
    run: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    from curator.retrieval import HybridRetriever

    before = run("retrieval")
    honest = HybridRetriever.search

    def shuffled(self: HybridRetriever, query: str, *args: Any, **options: Any) -> Any:
        hits = list(honest(self, query, *args, **options))
        random.Random(query).shuffle(hits)
        return hits

    monkeypatch.setattr(HybridRetriever, "search", shuffled)
    after = run("retrieval", fresh=True)
    assert {"retrieval ndcg_10", "retrieval mrr_10"} <= fallen(gate(before, after))


def test_a_tagger_that_gives_everybody_the_commonest_tags_is_caught(
    run: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run("tag")
    common = {"new-method": 3.0, "efficiency": 2.9}

    def same(self: EmbeddingTagScorer, paper: Paper) -> PaperScores:
        odds = {tag.name: common.get(tag.name, -9.0) for tag in self.taxonomy.tags}
        return PaperScores(odds, lambda _: paper.title)

    monkeypatch.setattr(EmbeddingTagScorer, "score", same)
    assert "tag micro_f1" in fallen(gate(before, run("tag", fresh=True)))


def test_a_check_that_always_says_yes_is_caught(
    run: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run("grounding", limit=None)

    def yes(self: RuleGrounder, claim: str, sources: Sequence[str], title: str = "") -> Verdict:
        return Verdict(True, 1.0, sources[0])

    monkeypatch.setattr(RuleGrounder, "check", yes)
    after = run("grounding", limit=None, fresh=True)
    found = fallen(gate(before, after))
    assert {"grounding balanced_accuracy", "grounding false_passed", "grounding auroc"} <= found
