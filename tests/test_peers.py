"""The side by side with other programs: its rules, its embedding server, its errors. The
programs themselves, and models, are not run here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import ROOT, write_lines
from fakes import DIMENSIONS, FakeEmbedder, paper

from curator.errors import InputError, ServerUnavailable, UsageError, WeightsMissing
from evals.gold import Question
from evals.metrics import Row
from evals.peers import ours, score, servers, stuffed
from evals.peers.__main__ import Comparison, main, table, written
from evals.peers.serve_embeddings import QUERY, EmbeddingServer
from evals.suites.base import pick

TITLE = "OSWorld: Benchmarking Agents"
ABSTRACT = (
    "We introduce OSWorld, an environment with 369 tasks. While humans can accomplish over "
    "72.36% of the tasks, the best model achieves 12.24% success."
)
PAPERS = score.papers_by_title([(TITLE, ABSTRACT), ("Other Work", "We study 5 other things.")])


def question(kind: str = "numeric", **fields: Any) -> Question:
    given = {
        "gold_titles": [] if kind == "unanswerable" else [TITLE],
        "must_include": [] if kind == "unanswerable" else [["72.36"], ["human", "people"]],
    }
    asked = "What share of the 369 tasks do humans complete?"
    return Question.model_validate({"id": "q", "kind": kind, "question": asked, **given, **fields})


def line(text: str = "Humans can accomplish over 72.36% of the tasks.", **fields: Any) -> Any:
    return {
        **{"id": "q", "answer": text, "text": text, "contexts": [], "cited_titles": [TITLE]},
        **{"invented": [], "refused": False, "seconds": 2.0, "llm_calls": 3},
        **{"prompt_tokens": 900, "completion_tokens": 50, "error": None, **fields},
    }


def facts(system: str = "stuffed", asked: Question | None = None, **fields: Any) -> dict[str, Any]:
    found = score.facts(system, line(**fields), asked or question(), PAPERS)
    assert found is not None
    return found


class TestScore:
    def test_a_right_answer(self) -> None:
        found = facts()
        assert found["right"] and found["right_paper"] and found["must_include"] == 1.0
        assert (found["sentences"], found["unsupported"]) == (1, 0)
        assert (found["numbers"], found["numbers_found"]) == (1, 1)
        assert not found["declined"] and not found["invented"] and not found["uncited"]
        assert (found["tokens"], found["llm_calls"], found["seconds"]) == (950, 3, 2.0)

    def test_half_of_it_is_said(self) -> None:
        found = facts(text="It is 72.36%.")
        assert found["must_include"] == 0.5 and not found["right"]

    def test_another_paper_is_cited(self) -> None:
        found = facts(cited_titles=["Other Work"])
        assert not found["right_paper"] and found["right"], "it says what must be said"
        assert found["unsupported"] == 1, "the paper that is cited does not say it"
        assert found["numbers_found"] == 0

    def test_nothing_is_cited(self) -> None:
        found = facts(cited_titles=[])
        assert found["uncited"] and not found["invented"] and found["unsupported"] == 1

    @pytest.mark.parametrize(
        "fields", [{"invented": ["[7]"]}, {"cited_titles": [TITLE, "A Paper That Nobody Wrote"]}]
    )
    def test_a_citation_is_made_up(self, fields: dict[str, Any]) -> None:
        assert facts(**fields)["invented"]

    def test_numbers_are_looked_up_with_their_units(self) -> None:
        said = "Of 369 tasks humans do 72.36 and models 12.24%, or 99%, or 369%."
        found = facts(text=said)
        # 369 stands in the question; 99% and 369% stand nowhere.
        assert (found["numbers"], found["numbers_found"]) == (4, 2)

    def test_a_refusal_has_no_sentences_to_check(self) -> None:
        found = facts(text=stuffed.REFUSAL, cited_titles=[])
        assert found["declined"] and found["refused_answerable"] and found["must_include"] == 0
        assert not {"unsupported", "invented", "uncited", "numbers"} & set(found)

    def test_the_unanswerable(self) -> None:
        asked = question("unanswerable")
        refused = facts(asked=asked, text="The abstracts do not say how many GPU-days it took.")
        assert refused["refused_unanswerable"] and refused["right"]
        answered = facts(asked=asked)
        assert answered["answered_unanswerable"] and not answered["right"]
        assert "must_include" not in answered and "right_paper" not in answered

    def test_several_papers_need_not_be_one(self) -> None:
        found = facts(asked=question("multi", gold_titles=[TITLE, "Other Work"]))
        assert found["right"] and "right_paper" not in found

    def test_a_failure_is_not_scored(self) -> None:
        assert score.facts("ours", {"id": "q", "error": "it broke"}, question(), PAPERS) is None

    def test_whoever_cites_everything_is_not_precise(self) -> None:
        found = facts(cited_titles=[TITLE, "Other Work"])
        assert (found["cited"], found["cited_gold"], found["words"]) == (2, 1, 8)
        assert "cited" not in facts(asked=question("unanswerable"))

    def test_titles_are_found_in_another_writing(self) -> None:
        assert facts(cited_titles=["OSWORLD - benchmarking agents"])["right_paper"]


class TestRefused:
    @pytest.mark.parametrize(
        ("system", "text"),
        [
            ("paper-qa", "I cannot answer."),
            ("paper-qa", "I cannot answer this question due to insufficient information."),
            ("paper-qa", "The context does not provide the score that Kimi reports."),
            ("stuffed", "The papers do not answer this question."),
            ("stuffed", "The provided abstracts don't mention GPU-days."),
            ("stuffed", "The training cost is not specified in the abstracts. It uses GPUs."),
            ("stuffed", "The number of parameters is not explicitly stated."),
            ("stuffed", "There is no information about this."),
            ("stuffed", "The question cannot be answered from these."),
            ("stuffed", "**"),
            ("stuffed", ""),
        ],
    )
    def test_it_is(self, system: str, text: str) -> None:
        assert score.refused(system, line(text))

    @pytest.mark.parametrize(
        "text",
        [
            "It scores 72.36%. The paper does not say more.",
            "OSWorld shows that agents do not provide reliable answers.",
            "The method handles goals that are not specified in advance.",
            "The authors find no evidence of forgetting.",
            "LoRA does not include added latency.",
            "The study finds that models cannot plan.",
        ],
    )
    @pytest.mark.parametrize("system", ["paper-qa", "stuffed"])
    def test_it_is_not(self, system: str, text: str) -> None:
        assert not score.refused(system, line(text))

    def test_ours_says_so_itself(self) -> None:
        assert score.refused("ours", line("Anything.", refused=True))
        assert not score.refused("ours", line("The context does not provide it."))


def test_sentences_have_no_bullets_or_headings() -> None:
    said = "**Answer:**\n\n- It has 369 tasks.\n2. Humans do `72%`. It is hard.\n## Sources:\n"
    assert score.sentences_of(said) == ["It has 369 tasks.", "Humans do 72%.", "It is hard."]


class TestStuffed:
    @pytest.mark.parametrize(
        ("said", "cited"),
        [
            ("It is so [1]. And so [2][1].", [1, 2]),
            ("It is so [1, 3] and [Paper 2; 5].", [1, 3, 2, 5]),
            ("It is so [2-4].", [2, 3, 4]),
            ("It is [so] (2).", []),
        ],
    )
    def test_citations(self, said: str, cited: list[int]) -> None:
        assert stuffed.citations(said) == cited

    def test_line(self) -> None:
        papers = [paper(f"Paper {n}", "It is short.") for n in (1, 2)]
        made = stuffed.line_of("So it is [2]. And this [7].", papers, 1.5)
        assert made["cited_titles"] == ["Paper 2"] and made["invented"] == ["[7]"]
        assert made["text"] == "So it is. And this." and not made["refused"]
        assert stuffed.line_of(stuffed.REFUSAL, papers, 1.5)["refused"]

    def test_prompt(self) -> None:
        asked = stuffed.prompt("Why?", [paper('T\\"ulu', "5\\% of it."), paper("B", "C.")])
        assert asked.startswith(
            "Abstract [1]: Tülu\n5% of it.\n\nAbstract [2]: B\nC.\n\nQuestion: Why?"
        )


def test_our_line() -> None:
    sentence = {
        **{"text": "It is so.", "supported": True, "score": 1.0, "origin": "quote"},
        "citations": [{"paper_id": "p1", "quote": "It is so."}],
    }
    answer = {
        **{"question": "Is it?", "answer": "It is so. [1]", "abstained": False, "reason": ""},
        "sentences": [sentence],
        "sources": [{"paper_id": "p1", "title": TITLE, "url": None}],
        "model": "openai:small",
        "usage": {"llm_calls": 1, "prompt_tokens": 9, "completion_tokens": 3, "seconds": 0.5},
    }
    made = ours.line_of(answer, 0.7)
    assert made["text"] == "It is so." and made["cited_titles"] == [TITLE]
    assert made["invented"] == [] and made["sentences"] == [sentence]
    assert set(line()) - {"id"} <= set(made)


class TestEmbeddingServer:
    @pytest.fixture
    def server(self) -> Iterator[EmbeddingServer]:
        embedder = FakeEmbedder()
        embedder.name = "local:fake"
        with EmbeddingServer(embedder) as made:
            thread = threading.Thread(target=made.serve_forever, args=(0.02,))
            thread.start()
            yield made
            made.shutdown()
            thread.join()

    @staticmethod
    def ask(server: EmbeddingServer, path: str, body: Any = None) -> tuple[int, Any]:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("GET" if body is None else "POST", path, None if body is None else raw)
        answer = connection.getresponse()
        value = json.loads(answer.read())
        connection.close()
        return answer.status, value

    def test_the_real_client(self, server: EmbeddingServer) -> None:
        """The SDK asks for base64 and decodes it."""
        from openai import OpenAI

        texts = ["a paper about agents", "another one"]
        with OpenAI(base_url=server.address, api_key="none", max_retries=0) as client:
            made = client.embeddings.create(model="fake", input=texts)
            assert [model.id for model in client.models.list()] == ["fake", "fake" + QUERY]
        vectors = np.array([item.embedding for item in made.data], dtype=np.float32)
        assert np.array_equal(vectors, FakeEmbedder().embed(texts))

    def test_floats_and_one_text(self, server: EmbeddingServer) -> None:
        status, made = self.ask(
            server, "/v1/embeddings", {"model": "fake", "input": "one", "encoding_format": "float"}
        )
        assert status == 200 and made["data"][0]["index"] == 0
        assert len(made["data"][0]["embedding"]) == DIMENSIONS

    def test_questions_are_embedded_as_questions(
        self, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            FakeEmbedder, "embed_query", lambda self, text: self.embed([f"query: {text}"])[0]
        )
        body = {"model": "fake" + QUERY, "input": ["why"]}
        made = self.ask(server, "/v1/embeddings", body)[1]
        wanted = FakeEmbedder().embed(["query: why"])[0]
        assert np.allclose(made["data"][0]["embedding"], wanted)

    @pytest.mark.parametrize(
        ("path", "body", "status", "says"),
        [
            ("/v1/embeddings", b"{", 400, "JSON"),
            ("/v1/embeddings", [], 400, "object"),
            ("/v1/embeddings", {"input": "a"}, 404, "no model"),
            ("/v1/embeddings", {"model": "fake"}, 400, "input"),
            ("/v1/embeddings", {"model": "fake", "input": []}, 400, "input"),
            ("/v1/embeddings", {"model": "fake", "input": [1, 2]}, 400, "input"),
            ("/v1/embeddings", {"model": "fake", "input": ["a", " "]}, 400, "input"),
            ("/v1/embeddings", {"model": "fake", "input": "a", "dimensions": 7}, 400, "32"),
            (
                "/v1/embeddings",
                {"model": "fake", "input": "a", "encoding_format": "int8"},
                400,
                "base64",
            ),
            ("/v1/chat/completions", {"model": "fake"}, 404, "path"),
            ("/other", None, 404, "path"),
        ],
    )
    def test_what_it_refuses(
        self, server: EmbeddingServer, path: str, body: Any, status: int, says: str
    ) -> None:
        code, answer = self.ask(server, path, body)
        assert code == status and says in answer["error"]["message"]

    def test_a_failing_embedder_does_not_end_it(
        self, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        body = {"model": "fake", "input": "a"}
        with monkeypatch.context() as broken:
            broken.setattr(FakeEmbedder, "embed", lambda *_: 1 / 0)
            status, answer = self.ask(server, "/v1/embeddings", body)
            assert status == 500 and "ZeroDivisionError" in answer["error"]["message"]
        assert self.ask(server, "/v1/embeddings", body)[0] == 200


def test_the_embedding_server_says_what_is_missing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "evals.peers.serve_embeddings"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3 and "curator models pull" in done.stderr
    assert "Traceback" not in done.stderr


class TestServers:
    SERVER = (
        "import http.server, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), "
        "http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )

    def test_the_whole_group_is_ended(self, tmp_path: Path) -> None:
        port, log = servers.free_port(), tmp_path / "log"
        command = [sys.executable, "-c", self.SERVER, str(port)]
        address = f"http://127.0.0.1:{port}"
        with servers.running(command, address, log, "the server", 30):
            child = int(log.read_text().split()[0])
            os.kill(child, 0)
        assert not servers.answers(address)
        for _ in range(100):
            if not _runs(child):
                break
            threading.Event().wait(0.05)
        assert not _runs(child)

    def test_one_that_ends_at_once(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", "print('no such model'); raise SystemExit(5)"]
        with (
            pytest.raises(ServerUnavailable, match=r"ended with code 5 \(no such model\)"),
            servers.running(command, "http://127.0.0.1:9", tmp_path / "log", "the server", 30),
        ):
            pass

    def test_one_that_never_answers(self, tmp_path: Path) -> None:
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        with (
            pytest.raises(ServerUnavailable, match="did not answer within 0 s"),
            servers.running(command, "http://127.0.0.1:9", tmp_path / "log", "the server", 0.3),
        ):
            pass

    def test_weights_that_are_not_there(self) -> None:
        with pytest.raises(WeightsMissing, match="pull"):
            servers.model_weights()
        with pytest.raises(UsageError):
            servers.model_weights("0.6b")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that has ended and that nobody has waited for yet still has its number.
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def rows() -> list[Question]:
    kinds = [*["single"] * 40, *["multi"] * 12, *["numeric"] * 8, *["unanswerable"] * 20]
    return [question(kind, id=f"{kind}-{n}") for n, kind in enumerate(kinds)]


class TestSample:
    def test_each_kind_has_its_share(self) -> None:
        drawn = pick(rows(), 20, 0, lambda row: row.kind)
        counts = Counter(row.kind for row in drawn)
        assert counts == {"single": 10, "multi": 3, "numeric": 2, "unanswerable": 5}
        assert [row for row in rows() if row in drawn] == drawn
        assert (
            pick(rows(), 20, 0, lambda row: row.kind)
            == drawn
            != pick(rows(), 20, 1, lambda row: row.kind)
        )

    @pytest.mark.parametrize("limit", [1, 3, 7, 50, 80, 200])
    def test_any_number(self, limit: int) -> None:
        assert len(pick(rows(), limit, 0, lambda row: row.kind)) == min(limit, 80)

    def test_a_larger_one_goes_on(self) -> None:
        small = {row.id for row in pick(rows(), 20, 3, lambda row: row.kind)}
        assert small <= {row.id for row in pick(rows(), 40, 3, lambda row: row.kind)}


def test_table() -> None:
    pytest.importorskip("scipy")
    answered = [Row(str(n), str(n), facts(seconds=float(n))) for n in range(6)]
    made = table({"ours": answered, "stuffed": [Row("1", "1", None)], "paper-qa": []})
    lines = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in made.splitlines()}
    assert [cell.strip() for cell in lines["questions asked (failed)"]] == [
        "6 (0)",
        "1 (1)",
        "0 (0)",
    ]
    assert lines["seconds"][0].strip().startswith("2.5 [") and "(n 6)" in lines["seconds"][0]
    assert lines["seconds"][1].strip() == "–"
    assert lines["tokens read"][0].strip() == "900 (n 6)"
    assert all(metric.title in lines for metric in score.METRICS)


class TestWritten:
    def test_a_cut_last_line_is_taken_out(self, tmp_path: Path) -> None:
        file = tmp_path / "ours.jsonl"
        file.write_text('{"id": "a"}\n{"id": "b", "ans', "utf-8")
        assert written(file) == [{"id": "a"}]
        assert file.read_text("utf-8") == '{"id": "a"}\n'

    def test_another_bad_line_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="line 1"):
            written(write_lines(tmp_path / "ours.jsonl", "nothing", {"id": "a"}))

    def test_only_what_is_not_there_is_asked(self, tmp_path: Path) -> None:
        write_lines(tmp_path / "ours.jsonl", {"id": "single-0"})
        run = Comparison(rows()[:3], ["ours"], tmp_path, tmp_path, "0.5b", 0)
        assert [row.id for row in run.todo("ours")] == ["single-1", "single-2"]
        assert len(run.todo("stuffed")) == 3


class TestCommand:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        folder = tmp_path / "shared" / "data"
        folder.mkdir(parents=True)
        (tmp_path / "shared" / "seeds").mkdir()
        gold = [row.model_dump(exclude={"cluster"}) for row in rows()[:3]]
        write_lines(folder / "gold_qa_dev.jsonl", *gold)
        return folder

    @pytest.fixture(autouse=True)
    def signals(self) -> Iterator[None]:
        before = signal.getsignal(signal.SIGTERM)
        yield
        signal.signal(signal.SIGTERM, before)

    @pytest.mark.parametrize(
        ("more", "code", "says"),
        [
            (["--systems", "ours,theirs"], 2, "Known: ours, stuffed, paper-qa"),
            (["--limit", "0"], 2, "--limit"),
            (["--model", "0.6b"], 2, "0.5b"),
            ([], 3, "curator models pull qwen"),
        ],
    )
    def test_errors(
        self,
        data: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        more: list[str],
        code: int,
        says: str,
    ) -> None:
        args = ["--data", str(data), "--out", str(tmp_path / "out"), *more]
        assert main(args) == code
        shown = capsys.readouterr().err
        assert says in shown and ("→" in shown or says == "--limit")

    def test_no_data(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
        shown = capsys.readouterr().err
        assert "gold_qa_dev.jsonl" in shown and "--data" in shown

    def test_no_environment_of_paper_qa(
        self,
        data: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("evals.peers.__main__.resolve", lambda *_: None)
        monkeypatch.setattr("evals.peers.servers.model_weights", lambda *_: None)
        where = ["--peers-python", str(tmp_path / "python")]
        args = ["--data", str(data), "--out", str(tmp_path / "out"), *where]
        assert main(args) == 3
        assert "make peers" in capsys.readouterr().err
