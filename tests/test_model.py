"""The main job with the real local model, and with a real OpenAI-compatible server on loopback.

Never two models at work at once: the server sleeps while the local model runs.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import CURATOR, SAMPLES, SEEDS, Result, curator, write_lines

from curator.digest.document import DigestDocument, every_paper
from curator.taxonomy import load_taxonomy

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]

WEEK = "2026-W46"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the sample papers, words and vectors made."""
    home = tmp_path_factory.mktemp("prepared")
    added = curator("--home", home, "add", SAMPLES)
    assert added.code == 0, added.err
    return home


@pytest.fixture
def home(prepared: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test."""
    return Path(shutil.copytree(prepared, tmp_path / "library"))


TAG = ("tag", "--all", "--limit", "4", "--json")
DIGEST = ("digest", "--week", WEEK, "--limit", "3", "--also", "1", "--json")


@dataclass(frozen=True)
class Worked:
    """A library in which the local model has done its work, undisturbed, and what was shown."""

    home: Path
    tldr: Result
    tag: Result
    digest: Result
    calls: int  # the model's for TLDRs after DIGEST


@pytest.fixture(scope="module")
def worked(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Worked:
    """Made once: the real model needs seconds for each paper."""
    folder = tmp_path_factory.mktemp("worked")
    home = Path(shutil.copytree(prepared, folder / "library"))
    other = Path(shutil.copytree(prepared, folder / "other"))
    tag = curator("--home", other, *TAG)
    digest = curator("--home", home, *DIGEST)
    calls = _calls(home, "tldr")
    tldr = curator("--home", home, "tldr", "--limit", "4", "--json")
    return Worked(home, tldr, tag, digest, calls)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """llama-cpp-python's own server with the same weights: its address, and its log."""
    weights = json.loads(curator("models", "path", "0.5b", "--json").out)["path"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "llama_cpp.server", "--model", weights),
                *("--model_alias", "small", "--n_ctx", "4096", "--n_threads", "2"),
                *("--host", "127.0.0.1", "--port", str(port)),
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "GOMP_SPINCOUNT": "1000"},
        )
        try:
            address = f"http://127.0.0.1:{port}/v1"
            for _ in range(240):
                try:
                    urllib.request.urlopen(f"{address}/models", timeout=2).close()
                    break
                except OSError:
                    assert process.poll() is None, log.read_text()
                    time.sleep(0.5)
            yield address, log
        finally:
            process.terminate()
            process.wait(20)


def api(server: tuple[str, Path], model: str = "openai:small") -> dict[str, str]:
    return {"OPENAI_BASE_URL": server[0], "CURATOR_MODEL": model, "OPENAI_API_KEY": "sk-none"}


def stored_texts(home: Path) -> dict[str, str]:
    rows = curator("--home", home, "export").lines
    return {row["id"]: f"{row['title']}\n{row['abstract']}" for row in rows}


def check_answer(answer: dict[str, Any], texts: dict[str, str]) -> None:
    """The contract of ``ask --json``, and the one idea."""
    assert set(answer) == {
        *("question", "answer", "abstained", "reason", "sentences", "sources", "model", "usage"),
        "rungs",
    }
    origins = [sentence["origin"] for sentence in answer["sentences"]]
    assert answer["rungs"]["quoted"] <= origins.count("quote")
    assert set(answer["usage"]) == {"llm_calls", "prompt_tokens", "completion_tokens", "seconds"}
    for sentence in answer["sentences"]:
        assert set(sentence) - {"group"} == {"text", "citations", "supported", "score", "origin"}
        assert sentence["supported"] is True and 0 <= sentence["score"] <= 1
        assert sentence["citations"]
        for citation in sentence["citations"]:
            assert citation["quote"] in texts[citation["paper_id"]]
            assert citation["paper_id"] in {s["paper_id"] for s in answer["sources"]}
        if sentence["origin"] == "quote":
            assert sentence["text"] == sentence["citations"][0]["quote"]
    assert answer["abstained"] is (not answer["sentences"])


def check_tldrs(result: Result, texts: dict[str, str], count: int) -> None:
    assert result.code == 0, result.err
    assert len({row["paper_id"] for row in result.lines}) == len(result.lines) == count
    for row in result.lines:
        assert row["supported"] is True and row["origin"] in {"quote", "model"}
        assert row["quote"] in texts[row["paper_id"]]
        if row["origin"] == "quote":
            assert row["tldr"] == row["quote"]


def check_tags(result: Result, count: int) -> None:
    assert result.code == 0, result.err
    assert len({row["paper_id"] for row in result.lines}) == len(result.lines) == count
    taxonomy = load_taxonomy()
    for row in result.lines:
        names = {tag["tag"] for tag in row["tags"]}
        assert names <= set(taxonomy.by_name)
        assert any(taxonomy.by_name[name].facet == "contribution" for name in names)
        for tag in row["tags"]:
            assert 0 <= tag["confidence"] <= 1 and tag["source"]
            assert set(taxonomy.ancestors(tag["tag"])) <= names
        assert isinstance(row["needs_review"], bool)


def check_digest(document: DigestDocument, texts: dict[str, str]) -> None:
    papers = [paper for section in document["sections"] for paper in section["papers"]]
    assert document["chosen"] == len(papers) == len({p["paper_id"] for p in papers})
    ledger: dict[str, int] = dict(document["ledger"])  # type: ignore[arg-type]
    assert document["seen"] == ledger.pop("seen") == sum(ledger.values())
    assert ledger["notable"] == len(document["notable"])
    for paper in every_paper(document):
        assert paper["supported"] and paper["quote"] in texts[paper["paper_id"]]


@pytest.mark.seeds
@pytest.mark.skipif(not SEEDS.is_dir(), reason="../shared is absent")
def test_seeds_to_a_cited_answer(tmp_path: Path) -> None:
    home = tmp_path / "library"
    added = curator("--home", home, "add", *sorted(SEEDS.glob("*.txt")), "--json")
    assert (added.json["added"], added.json["unchanged"]) == (568, 34)
    questions = write_lines(
        tmp_path / "q.jsonl",
        {"id": "a", "question": "How many tasks are in OSWorld and how well do humans do?"},
        {"id": "b", "question": "What does OMNI use to decide which tasks are interesting?"},
        {"id": "c", "question": "What is the melting point of tungsten?"},
    )
    result = curator("--home", home, "ask", "--questions", questions)
    assert result.code == 0, result.err
    answers = {answer.pop("id"): answer for answer in result.lines}
    texts = stored_texts(home)
    for answer in answers.values():
        check_answer(answer, texts)
    assert not answers["a"]["abstained"] and answers["c"]["abstained"]
    assert answers["b"]["sources"][0]["title"].startswith("OMNI")
    alone = curator("--home", home, "ask", "What is OMNI?", "--json", "--model", "local")
    check_answer(alone.json, texts)
    assert alone.json["model"].startswith("local:qwen2.5-coder-0.5b-instruct@")


class TestSearch:
    """With the real embedding model and cross-encoder."""

    def run(self, home: Path, *args: str) -> list[dict[str, Any]]:
        done = curator("--home", home, *args, "--json")
        assert done.code == 0, done.err
        return done.json["hits"]  # type: ignore[no-any-return]

    def test_finds_by_meaning_and_by_words(self, home: Path) -> None:
        hits = self.run(home, "search", "teaching language models to call software")
        assert "Toolformer" in hits[0]["title"] or "Toolformer" in hits[1]["title"]
        (first, *_) = self.run(home, "search", '"retrieval-augmented generation"')
        assert "Retrieval" in first["title"]
        for start, end in first["matches"]:
            assert first["snippet"][start:end].lower().startswith(("retriev", "augment", "generat"))

    def test_options_change_what_is_found(self, home: Path) -> None:
        usual = [hit["paper_id"] for hit in self.run(home, "search", "language agents")]
        diverse = [
            hit["paper_id"] for hit in self.run(home, "search", "language agents", "--diverse")
        ]
        reread = [
            hit["paper_id"] for hit in self.run(home, "search", "language agents", "--rerank")
        ]
        assert diverse[0] == usual[0] and diverse != usual
        assert len(reread) == len(usual) == 10
        without = self.run(home, "search", "language agents -reflexion", "--limit", "52")
        assert usual[0] not in {hit["paper_id"] for hit in without} and len(without) > 30

    def test_papers_like_one(self, home: Path) -> None:
        hits = self.run(home, "similar", "QLoRA", "--limit", "3")
        assert hits[0]["title"].startswith("LoRA")
        assert all("QLoRA" not in hit["title"] for hit in hits)

    def test_searching_once_opens_no_chroma(self, home: Path) -> None:
        code = (
            "import sys; sys.argv[1:] = ['search', 'agents', '--limit', '1']\n"
            "from curator.__main__ import main\n"
            "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
            "assert 'chromadb' not in sys.modules"
        )
        environment = {**os.environ, "CURATOR_HOME": str(home)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b"  1. ")


class TestLocal:
    def test_tldr_tag_digest(self, worked: Worked) -> None:
        home, first = worked.home, worked.digest
        texts = stored_texts(home)
        check_tldrs(worked.tldr, texts, 4)
        check_tags(worked.tag, 4)
        assert first.code == 0, first.err
        check_digest(first.json, texts)
        started = time.monotonic()
        again = curator("--home", home, *DIGEST, cold=True)  # with other hashes of strings
        assert again.out == first.out, "the same inputs give the same bytes"
        assert time.monotonic() - started < 10
        text = curator("--home", home, *DIGEST[:-1]).out
        assert all(p["url"] in text for s in first.json["sections"] for p in s["papers"])

    def test_killed_and_run_again_repeats_no_call(self, home: Path) -> None:
        """Every call that had ended is in the cache; the second run makes only the others."""
        process = subprocess.Popen(
            [*CURATOR, "--home", str(home), "tldr", "--limit", "5", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        before = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        ended = _calls(home)
        assert 2 <= ended < 5
        again = curator("--home", home, "tldr", "--all", "--limit", "5", "--json")
        assert f"{5 - ended} model calls" in again.err
        assert _calls(home) == 5
        check_tldrs(again, stored_texts(home), 5)
        # What was shown before the kill is what is stored after it.
        assert [json.loads(line) for line in before] == again.lines[:2]

    def test_a_digest_killed_and_run_again(self, home: Path, worked: Worked) -> None:
        expected = worked.digest
        assert expected.code == 0, expected.err
        process = subprocess.Popen(
            [*CURATOR, "--home", str(home), *DIGEST],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while _calls(home, "tldr") < 2:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert _calls(home, "tldr") < 4
        again = curator("--home", home, *DIGEST)
        assert again.code == 0, again.err
        assert again.out == expected.out, "as if it had never been killed"
        assert _calls(home, "tldr") == worked.calls

    def test_tagging_killed_and_run_again(self, home: Path, tmp_path: Path) -> None:
        """All papers, since a few are tagged in less time than it takes to kill it."""
        args = ("tag", "--all", "--json")
        other = Path(shutil.copytree(home, tmp_path / "undisturbed"))
        process = subprocess.Popen(
            [*CURATOR, "--home", str(home), *args],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while _tagged(home) < 5:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        papers = len(stored_texts(home))
        assert 5 <= _tagged(home) < papers
        again = curator("--home", home, *args)
        assert again.code == 0, again.err
        assert again.out == curator("--home", other, *args).out, "as if it had never been killed"
        assert _tagged(home) == papers

    def test_a_budget_stops_and_goes_on(self, home: Path) -> None:
        args = ("--home", home, "tldr", "--limit", "3", "--json")
        stopped = curator(*args, "--max-calls", "1")
        assert stopped.code == 4 and len(stopped.lines) == 1
        assert "--max-calls" in stopped.err and "go on" in stopped.err
        # --new (the default) takes the next three; the first is done.
        rest = curator(*args)
        assert rest.code == 0 and len(rest.lines) == 3
        assert stopped.lines[0]["paper_id"] not in {row["paper_id"] for row in rest.lines}

    def test_chat_keeps_its_thread(self, home: Path) -> None:
        chat = ("--home", home, "chat", "--thread", "t")
        first = curator(*chat, stdin="How does LoRA reduce memory?\n/sources\n/why 1\n")
        assert first.code == 0, first.err
        assert "LoRA" in first.out and "“" in first.out
        second = curator(*chat, stdin="/threads\nDoes it slow down inference?\n/quit\n")
        assert second.code == 0 and "t (this one)" in second.out
        assert "inference" in second.out

    def test_a_damaged_weights_file_is_refused(self, tmp_path: Path, home: Path) -> None:
        fake = tmp_path / "broken.gguf"
        fake.write_bytes(b"GGUF" + bytes(5000))
        result = curator("--home", home, "tldr", "--limit", "1", "--model", f"local:{fake}")
        assert result.code == 3, result.err
        fake.write_bytes(b"not a model")
        result = curator("--home", home, "tldr", "--limit", "1", "--model", f"local:{fake}")
        assert result.code == 2 and "GGUF" in result.err

    def test_doctor_is_content(self, home: Path) -> None:
        result = curator("--home", home, "doctor", "--json")
        assert result.code == 0, result.out
        assert {row["state"] for row in result.json} == {"ok"}


class TestServer:
    def test_tldr_tag_digest_ask(self, home: Path, server: tuple[str, Path]) -> None:
        env, texts = api(server), stored_texts(home)
        check_tldrs(curator("--home", home, "tldr", "--limit", "3", "--json", env=env), texts, 3)
        tagged = curator("--home", home, "tag", "--all", "--limit", "3", "--json", env=env)
        check_tags(tagged, 3)
        args = ("--home", home, "digest", "--week", WEEK, "--limit", "3", "--also", "0", "--json")
        made = curator(*args, env=env)
        assert made.code == 0, made.err
        check_digest(made.json, texts)
        assert made.json["model"].startswith("openai:small@127.0.0.1")
        answer = curator("--home", home, "ask", "How does LoRA save memory?", "--json", env=env)
        check_answer(answer.json, texts)

    def test_killed_and_run_again(self, home: Path, server: tuple[str, Path]) -> None:
        env = {**os.environ, **api(server), "CURATOR_API_CONCURRENCY": "2"}
        process = subprocess.Popen(
            [*CURATOR, "--home", str(home), "tldr", "--limit", "4", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
        )
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        ended = _calls(home)
        assert 1 <= ended < 4
        again = curator("--home", home, "tldr", "--all", "--limit", "4", "--json", env=api(server))
        assert f"{4 - ended} model calls" in again.err
        check_tldrs(again, stored_texts(home), 4)

    def test_server_down(self, home: Path) -> None:
        with socket.socket() as probe:  # a port that nobody listens on
            probe.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
        env = {
            **{"OPENAI_BASE_URL": address, "CURATOR_MODEL": "openai:small"},
            "CURATOR_API_RETRIES": "0",
        }
        result = curator("--home", home, "tldr", "--limit", "2", env=env)
        assert result.code == 3
        assert "cannot be reached" in result.err and "OPENAI_BASE_URL" in result.err
        assert curator("--home", home, "status", "--json").json["tldr"]["waiting"] == 52
        doctor = curator("--home", home, "doctor", env=env)
        assert doctor.code == 3 and "cannot be reached" in doctor.out


def _tagged(home: Path) -> int:
    with sqlite3.connect(home / "catalog.sqlite3") as connection:
        query = "SELECT count(*) FROM work WHERE task = 'tag' AND status = 'done'"
        return int(connection.execute(query).fetchone()[0])


def _calls(home: Path, prompt: str = "tldr") -> int:
    with sqlite3.connect(home / "catalog.sqlite3") as connection:
        query = "SELECT count(*) FROM model_outputs WHERE prompt = ?"
        return int(connection.execute(query, (prompt,)).fetchone()[0])
