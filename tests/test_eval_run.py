"""A whole evaluation run with scripted models: what is kept, reused, counted apart, and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from commands import inline, write_lines
from fakes import FakeEmbedder, OverlapReranker, ScriptedLLM

from curator.errors import BudgetExhausted, InputError, ModelError, StorageError, UsageError
from curator.grounding import RuleGrounder, Verdict
from curator.llm.base import Request
from curator.llm.metered import Budget
from curator.settings import Settings, load_settings
from evals.compare import compare, gate
from evals.gold import Claim, Query, Question, TldrGold
from evals.record import RunRecord, SampleRecord, finite, load_run
from evals.run import Options, new_run_id, run_eval, runs_in
from evals.suites.base import Corpus, Suite

PAPERS = [
    {
        "title": f"{name}: a method for {topic}",
        "abstract": f"{name} is a method for {topic}. We test {name} on {n + 3} sets. "
        f"{name} raises accuracy on {topic} by {n + 11}%.",
    }
    for n, (name, topic) in enumerate(
        [
            ("Alder", "parsing trees"),
            ("Birch", "grounding claims"),
            ("Cedar", "ranking papers"),
            ("Dogwood", "planning routes"),
        ]
    )
]


def corpus(_data: Path | None, folder: Path) -> list[Path]:
    return [write_lines(folder / "papers.jsonl", *PAPERS)]


def suite(name: str, task: Any, rows: list[Any], **fields: Any) -> Suite:
    return Suite(
        name=name,
        task=task,
        title=name,
        licence="ours",
        source="ours",
        rows=lambda _: rows,
        corpus=Corpus("small", corpus),
        **fields,
    )


QUESTIONS = [
    Question(
        id=f"q{n}",
        kind="numeric",
        question=f"By how much does {paper['title'].split(':')[0]} raise accuracy?",
        gold_titles=[paper["title"]],
        must_include=[[f"{n + 11}%"]],
        evidence=[paper["abstract"].split(". ")[-1]],
    )
    for n, paper in enumerate(PAPERS)
] + [Question(id="none", kind="unanswerable", question="What does Zelkova cost?")]

ASK = suite("ask-small", "ask", QUESTIONS)
RETRIEVAL = suite(
    "retrieval-small",
    "retrieval",
    [
        Query(id=f"r{n}", query=p["title"].split(" for ")[1], relevant={p["title"]: 1})
        for n, p in enumerate(PAPERS)
    ],
)
TLDR = suite(
    "tldr-small",
    "tldr",
    [
        TldrGold(id=f"d{n}", title=p["title"], references=[p["abstract"].split(". ")[0]])
        for n, p in enumerate(PAPERS)
    ],
)
GROUNDING = suite(
    "grounding-small",
    "grounding",
    [
        Claim(
            id=f"c{n}{good}",
            cluster=p["title"],
            title=p["title"],
            source=p["abstract"],
            claim=f"{p['title'].split(':')[0]} raises accuracy by {n + 11 + (not good)}%.",
            supported=good,
            edits=[] if good else ["number_changed"],
        )
        for n, p in enumerate(PAPERS)
        for good in (True, False)
    ],
)


def says(request: Request) -> dict[str, Any]:
    """Copies the first sentence that it is shown."""
    if request.output.__name__ == "AnswerDraft":
        line = next(row for row in request.user.splitlines() if row.startswith("[1]"))
        return {"sentences": [{"text": line.partition(") ")[2], "evidence": 1}]}
    if request.output.__name__ == "TldrDraft":
        line = next(row for row in request.user.splitlines() if row.startswith("- "))
        return {"tldr": line[2:]}
    return dict.fromkeys(request.output.model_json_schema()["properties"], "yes")


Run = Callable[..., RunRecord]


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> ScriptedLLM:
    scripted = ScriptedLLM(says)
    monkeypatch.setattr("curator.llm.open_llm", lambda _settings, _spec: scripted)
    monkeypatch.setattr("curator.embedding.open_embedder", lambda *_: FakeEmbedder())
    monkeypatch.setattr("curator.reranking.open_reranker", lambda _: OverlapReranker())
    return scripted


@pytest.fixture
def settings(llm: ScriptedLLM) -> Settings:
    return load_settings()


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Run:
    def go(*suites: Suite, budget: Budget | None = None, **options: Any) -> RunRecord:
        record, place = run_eval(
            settings, suites, tmp_path / "evals", Options(**options), budget=budget
        )
        assert load_run(place).model_dump() == record.model_dump()
        return record

    return go


def value(record: RunRecord, suite_name: str, metric: str) -> Any:
    found = record.suite(suite_name)
    assert found is not None
    return next(m for m in found.metrics if m.name == metric)


def numbers(record: RunRecord) -> Any:
    return [(s.name, [m.model_dump() for m in s.metrics]) for s in record.suites]


class TestReuse:
    def test_a_second_run_gives_identical_numbers_and_makes_nothing(
        self, run: Run, llm: ScriptedLLM
    ) -> None:
        first = run(ASK, RETRIEVAL, TLDR, GROUNDING)
        asked = len(llm.requests)
        assert asked > 0
        second = run(ASK, RETRIEVAL, TLDR, GROUNDING)
        assert len(llm.requests) == asked
        assert numbers(first) == numbers(second)
        assert not any(s.cached for suite in first.suites for s in suite.samples)
        assert all(s.cached for suite in second.suites for s in suite.samples)

    def test_fresh_makes_outputs_again_but_counts_the_calls_as_they_were(
        self, run: Run, llm: ScriptedLLM
    ) -> None:
        first = run(ASK)
        asked = len(llm.requests)
        again = run(ASK, fresh=True)
        assert len(llm.requests) == asked  # the model's own cache
        for metric in ("calls", "tokens"):
            assert value(again, "ask-small", metric) == value(first, "ask-small", metric)
        seconds = value(again, "ask-small", "seconds").value
        assert seconds >= 0.5 * value(again, "ask-small", "calls").value  # as they took then

    def test_another_prompt_is_another_output(
        self, settings: Settings, run: Run, llm: ScriptedLLM, tmp_path: Path
    ) -> None:
        run(ASK)
        asked = len(llm.requests)
        folder = tmp_path / "prompts"
        folder.mkdir()
        text = (Path(__file__).parents[1] / "prompts" / "answer.md").read_text()
        (folder / "answer.md").write_text(text.replace("Write one to three", "Write up to three"))
        settings.prompts = folder
        run(ASK)
        assert len(llm.requests) == 2 * asked

    def test_a_cut_output_is_made_again(self, run: Run, tmp_path: Path) -> None:
        first = run(RETRIEVAL)
        for file in (tmp_path / "evals" / "outputs").rglob("*.json"):
            file.write_text('{"hits": [')
        assert value(run(RETRIEVAL), "retrieval-small", "ndcg_10") == value(
            first, "retrieval-small", "ndcg_10"
        )


class TestUnscored:
    def test_a_grade_that_cannot_be_computed_shows_as_unscored(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from evals.tasks import TASKS

        honest = TASKS["tldr"].facts

        def facts(bench: Any, row: Any, output: Any) -> dict[str, Any]:
            if row.id == "d1":
                raise ValueError("no grade")
            found = honest(bench, row, output)
            return {**found, "rouge1": float("nan")} if row.id == "d2" else found

        monkeypatch.setattr(TASKS["tldr"], "facts", facts)
        record = run(TLDR)
        found = record.suite("tldr-small")
        assert found is not None
        states = {s.id: s.status for s in found.samples}
        assert states == {"d0": "scored", "d1": "unscored", "d2": "scored", "d3": "scored"}
        rouge = value(record, "tldr-small", "rouge1")
        assert (rouge.n, rouge.unscored) == (2, 2)
        other = value(record, "tldr-small", "unsupported")
        assert (other.n, other.unscored) == (3, 1)
        assert "NaN" not in record.model_dump_json()
        kinds = {f.kind: f.count for f in found.failures}
        assert kinds["not_scored"] == 1

    def test_a_sample_that_fails_is_counted_apart_and_made_again_next_time(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from evals.tasks import TASKS

        honest = TASKS["tldr"].run

        def broken(bench: Any, row: Any) -> dict[str, Any]:
            if row.id == "d1":
                raise ModelError("the model had a bad day")
            return honest(bench, row)

        with monkeypatch.context() as patch:
            patch.setattr(TASKS["tldr"], "run", broken)
            found = run(TLDR).suite("tldr-small")
        assert found is not None
        assert (found.count("failed"), found.count("scored")) == (1, 3)
        lost = next(s for s in found.samples if s.status == "failed")
        assert "bad day" in lost.reason
        assert next(m for m in found.metrics if m.name == "rouge1").unscored == 1
        again = run(TLDR).suite("tldr-small")
        assert again is not None and again.count("failed") == 0

    def test_gold_of_a_paper_that_is_not_there_spoils_no_other_sample(self, run: Run) -> None:
        rows = [*TLDR.rows(None), TldrGold(id="x", title="Not In The Library", references=["x"])]
        found = run(suite("tldr-odd", "tldr", rows)).suite("tldr-odd")
        assert found is not None
        assert (found.count("failed"), found.count("scored")) == (1, 4)

    def test_an_output_that_a_lost_server_spoilt_is_not_kept(
        self, run: Run, llm: ScriptedLLM
    ) -> None:
        llm._script = lambda _: ModelError("429 too many requests", retryable=True)
        spoilt = run(ASK)
        assert value(spoilt, "ask-small", "quoted").value == 1.0
        assert value(spoilt, "ask-small", "schema_valid").value is None  # no answer is no misfit
        llm._script = says
        before = len(llm.requests)
        again = run(ASK)
        assert len(llm.requests) == before + 4
        assert value(again, "ask-small", "schema_valid").value == 1.0

    def test_an_answer_that_does_not_fit_its_schema_is_seen(
        self, run: Run, llm: ScriptedLLM
    ) -> None:
        llm._script = lambda request: "no json at all"
        record = run(ASK)
        assert value(record, "ask-small", "schema_valid").value == 0.0
        assert value(record, "ask-small", "quoted").value == 1.0  # and the reader loses nothing


class TestGate:
    """With scripted models; test_eval_model.py breaks the real ones."""

    def test_nothing_changed_passes(self, run: Run) -> None:
        record = run(ASK, RETRIEVAL, TLDR, GROUNDING)
        report = gate(record.baseline(), record)
        assert report.passed and report.rows
        assert all(row.verdict in ("same", "not comparable") for row in report.rows)

    def test_a_baseline_has_no_texts_and_is_read_again(self, run: Run, tmp_path: Path) -> None:
        record = run(ASK)
        record.baseline().save(tmp_path / "baseline.json")
        text = (tmp_path / "baseline.json").read_text()
        assert "Alder" not in text
        assert gate(load_run(tmp_path / "baseline.json"), record).passed

    def test_a_check_that_always_says_yes_is_stopped(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = run(GROUNDING)
        monkeypatch.setattr(
            RuleGrounder, "check", lambda self, claim, sources, title="": Verdict(True, 1.0, "")
        )
        after = run(GROUNDING, fresh=True)
        fallen = {row.metric for row in gate(before, after).fallen}
        assert {"false_passed", "auroc", "balanced_accuracy"} <= fallen

    def test_a_suite_or_a_sample_that_went_missing_is_stopped(self, run: Run) -> None:
        # Four samples are too few for an interval; what must be perfect is stopped all the same.
        both, one = run(TLDR, RETRIEVAL), run(TLDR)
        assert gate(both, one).missing == ["retrieval-small was not run"]
        few = run(TLDR, RETRIEVAL, limit=2)
        report = gate(both, few)
        assert not report.passed
        assert any("2 of 4 samples were not run" in line for line in report.missing)

    def test_what_must_be_perfect_may_not_fall_at_all(self, run: Run) -> None:
        before = run(TLDR)
        after = before.model_copy(deep=True)
        facts = after.suites[0].samples[0].facts
        assert facts is not None
        facts["unsupported"] = 1.0
        assert [row.metric for row in gate(before, after, margin=0.5).fallen] == ["unsupported"]

    def test_without_an_interval_the_size_of_the_fall_counts(self, run: Run) -> None:
        before = run(TLDR)
        for change, stopped in ((-0.05, []), (-0.3, ["rouge1"])):
            after = before.model_copy(deep=True)
            for sample in after.suites[0].samples:
                assert sample.facts is not None
                sample.facts["rouge1"] += change
            assert [row.metric for row in gate(before, after).fallen] == stopped

    def test_a_metric_that_is_gated_no_longer_is_named(self, run: Run) -> None:
        before = run(TLDR)
        before.suites[0].metrics[0].name = "former"
        report = gate(before, before)
        assert any("gated no longer" in line for line in report.missing)
        before.suites[0].task = "former"
        assert any("no task" in line for line in gate(before, before).missing)

    def test_compare_names_what_changed(self, run: Run, llm: ScriptedLLM) -> None:
        first = run(ASK)
        llm.identity = "other@2"
        llm._script = lambda request: "no json"
        second = run(ASK)
        rows = {row.metric: row for row in compare(first, second)}
        assert (rows["schema_valid"].first, rows["schema_valid"].second) == (1.0, 0.0)
        assert rows["must_include"].difference == 0.0
        assert "schema_valid" in {row.metric for row in gate(first, second).fallen}


class TestRun:
    def test_the_log_says_what_the_numbers_depend_on(self, run: Run, tmp_path: Path) -> None:
        from inspect_ai.log import read_eval_log

        record = run(ASK, limit=2, seed=7, label="mine")
        about = record.provenance
        assert {"commit", "dirty", "settings", "models", "prompts", "packages", "machine"} <= (
            about.keys()
        )
        assert about["models"]["model"] == "scripted@1"
        assert len(about["prompts"]["answer.md"]) == 16
        assert about["packages"]["inspect-ai"] and about["seed"] == 7 and about["limit"] == 2
        shown = json.dumps(about)
        assert str(tmp_path) not in shown and "api_key" not in shown
        found = record.suite("ask-small")
        assert found is not None and found.log is not None and len(found.samples) == 2
        (place,) = runs_in(tmp_path / "evals")
        log = read_eval_log(str(place / found.log))
        assert log.status == "success"
        assert log.eval.metadata is not None and log.eval.metadata["commit"] == about["commit"]

    def test_a_budget_stops_the_run_and_what_was_made_is_kept(
        self, run: Run, llm: ScriptedLLM
    ) -> None:
        with pytest.raises(BudgetExhausted):
            run(ASK, budget=Budget(max_calls=2))
        assert len(llm.requests) == 2
        run(ASK)
        assert len(llm.requests) == 4  # the fifth question is refused without a call

    def test_suites_without_their_data_are_skipped_and_said(self, run: Run, tmp_path: Path) -> None:
        far = suite("tldr-far", "tldr", [], needs=("far.jsonl",))
        record = run(far, RETRIEVAL, data=tmp_path)
        assert record.skipped == [
            {"suite": "tldr-far", "reason": "far.jsonl not in the folder of --data"}
        ]
        with pytest.raises(UsageError, match="No suite"):
            run(far)

    def test_a_killed_run_leaves_nothing_that_disturbs_the_next(
        self, run: Run, tmp_path: Path
    ) -> None:
        left = tmp_path / "evals" / "work" / "999999-left"
        left.mkdir(parents=True)
        (left / "catalog.sqlite3").write_text("half")
        run(RETRIEVAL)
        assert not list((tmp_path / "evals" / "work").iterdir())

    def test_the_escalation_to_a_second_model_is_counted(
        self, settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = ScriptedLLM(lambda _: "no json"), ScriptedLLM(says, name="larger")
        models = {"local": first, "local:larger": second}
        monkeypatch.setattr("curator.llm.open_llm", lambda _settings, spec: models[spec])
        settings.fallback_model = "local:larger"
        record = run(ASK)
        assert value(record, "ask-small", "escalation").value == pytest.approx(4 / 5)
        assert record.provenance["models"]["fallback"] == "larger@1"


class TestJudge:
    def test_its_agreement_with_gold_stands_beside_it(self, run: Run, llm: ScriptedLLM) -> None:
        def judged(request: Request) -> Any:
            if request.output.__name__ != "JudgeVerdict":
                return says(request)
            if "Birch" in request.user:
                return "no verdict"
            return {"reason": "because", "verdict": "yes"}

        llm._script = judged
        record = run(GROUNDING, judge="local")
        found = record.suite("grounding-small")
        assert found is not None
        assert "NOT CHECKED" in found.notes[0]  # eight claims are not enough
        yes = value(record, "grounding-small", "judge_yes")
        assert (yes.value, yes.n, yes.unscored) == (1.0, 6, 2)


class TestRunIds:
    def test_runs_of_one_second_are_in_the_order_they_began(self) -> None:
        begun = [datetime(2026, 11, 22, 4, 0, 7, micro, tzinfo=UTC) for micro in range(0, 900, 9)]
        ids = [new_run_id(started) for started in begun]
        assert ids == sorted(ids)
        late = new_run_id(datetime(2026, 11, 22, 4, 0, 7, 999_999, tzinfo=UTC))
        assert ids[-1] < late < new_run_id(datetime(2026, 11, 22, 4, 0, 8, tzinfo=UTC))

    def test_runs_that_begin_at_once_in_two_folders_have_two_names(self) -> None:
        started = datetime(2026, 11, 22, tzinfo=UTC)
        assert len({new_run_id(started) for _ in range(5)}) > 1

    def test_the_last_run_is_the_last_one_made(self, run: Run, tmp_path: Path) -> None:
        made = [run(RETRIEVAL).run_id for _ in range(3)]
        assert [path.name for path in runs_in(tmp_path / "evals")] == made


class TestRecords:
    def test_finite_takes_nan_out_of_any_depth(self) -> None:
        odd = {"a": [1.0, float("nan"), {"b": (float("inf"), 2)}]}
        assert finite(odd) == {"a": [1.0, None, {"b": [None, 2]}]}

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{", "cannot be read"),
            ("[]", "format"),
            ('{"format": 99}', "format"),
            ('{"format": 1}', "damaged"),
            ('{"format": 1, "seconds": NaN}', "cannot be read"),
        ],
    )
    def test_damaged_runs(self, tmp_path: Path, text: str, said: str) -> None:
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(InputError, match=said):
            load_run(tmp_path)

    def test_a_fact_is_never_written_as_nan(self) -> None:
        odd = SampleRecord(id="a", cluster="a", status="scored", facts={"x": float("nan")})
        assert json.loads(odd.model_dump_json())["facts"] == {"x": None}


class TestCommand:
    def test_a_run_from_the_command_line(self, llm: ScriptedLLM, tmp_path: Path) -> None:
        done = inline("eval", "-t", "retrieval-samples", "--limit", "3", "--out", tmp_path / "e")
        assert done.code == 0, done.err
        assert "nDCG@10" in done.out and "report.html" in done.out
        (place,) = runs_in(tmp_path / "e")
        assert (place / "report.html").stat().st_size > 1000
        listed = inline("eval", "runs", "--out", tmp_path / "e", "--json").json
        assert [row["run_id"] for row in listed] == [place.name]
        base = tmp_path / "base.json"
        made = inline("eval", "gate", "--baseline", base, "--update", "--out", tmp_path / "e")
        assert made.code == 0
        few = inline("eval", "-t", "retrieval-samples", "--limit", "2", "--out", tmp_path / "e")
        assert few.code == 0
        shrunk = inline("eval", "gate", "--baseline", base, "--update", "--out", tmp_path / "e")
        assert shrunk.code == 2 and "measures less" in shrunk.err
        stopped = inline("eval", "gate", "--baseline", base, "--out", tmp_path / "e")
        assert stopped.code == 1 and "Stopped" in stopped.out
        passed = inline(
            "eval",
            "gate",
            place.name,
            "--baseline",
            base,
            "--baseline",
            base,
            "--out",
            tmp_path / "e",
            "--json",
        )
        assert passed.code == 0 and passed.json["passed"]
        (runs_in(tmp_path / "e")[-1] / "run.json").write_text("{")
        listed = inline("eval", "runs", "--out", tmp_path / "e", "--json")
        assert [row["run_id"] for row in listed.json] == [place.name]
        assert "cannot be read" in listed.err
        compared = inline(
            "eval", "compare", place.name, place.name, "--out", tmp_path / "e", "--json"
        )
        assert {row["verdict"] for row in compared.json} <= {"same", "not comparable"}

    def test_two_at_once(self, run: Run, tmp_path: Path) -> None:
        from filelock import FileLock

        (tmp_path / "evals").mkdir()
        with (
            FileLock(tmp_path / "evals" / "eval.lock"),
            pytest.raises(StorageError, match="Another evaluation"),
        ):
            run(RETRIEVAL)

    def test_a_folder_that_cannot_be_used(self, llm: ScriptedLLM, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = inline("eval", "-t", "retrieval", "--out", tmp_path / "file" / "e")
        assert done.code == 3 and "--out" in done.err

    @pytest.mark.parametrize(
        ("args", "said"),
        [
            (["-t", "retreival"], "retrieval"),
            (["--data", "nowhere"], "nowhere"),
            (["compare", "last", "last~1"], "There are 0 runs"),
            (["compare", "nosuch"], "0 runs are called"),
            (["gate"], "There are 0 runs"),
            (["--limit", "0"], "limit"),
        ],
    )
    def test_bad_usage(self, llm: ScriptedLLM, args: list[str], said: str) -> None:
        done = inline("eval", *args)
        assert done.code == 2
        assert said in done.err

    def test_without_the_extra_packages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from importlib import util

        honest = util.find_spec
        monkeypatch.setattr(
            util, "find_spec", lambda name, *a: None if name == "inspect_ai" else honest(name, *a)
        )
        done = inline("eval", "suites")
        assert done.code == 3
        assert "pip install 'paper-curator[evals]'" in done.err

    def test_suites_say_whose_they_are(self, llm: ScriptedLLM) -> None:
        rows = inline("eval", "suites", "--json").json
        assert all(row["licence"] and row["source"] for row in rows)
        assert {row["name"] for row in rows if not row["missing"]} >= {"ask-samples"}
