"""The program as a person meets it: what it prints, its exit codes, and the ugly cases."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import CURATOR, SAMPLES, SEEDS, curator, inline, write_lines

seeds = pytest.mark.skipif(not SEEDS.is_dir(), reason="../shared is absent")
GOOD = {"title": "A study of nothing", "abstract": "We study nothing and find nothing of note."}


def test_help_is_quick_and_light(tmp_path: Path) -> None:
    heavy = ["chromadb", "langgraph", "openai", "llama_cpp", "onnxruntime", "sqlalchemy"]
    code = (
        "import sys; sys.argv = ['curator', '--help']\n"
        "from curator.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"loaded = [m for m in {heavy} if m in sys.modules]; assert not loaded, loaded"
    )
    subprocess.run([CURATOR[0], "-c", code], check=True, capture_output=True)
    best = min(_seconds("--help") for _ in range(5))
    assert best < 0.3, f"curator --help took {best:.2f} s"


def _seconds(*args: str) -> float:
    started = time.perf_counter()
    assert curator(*args, cold=True).code == 0
    return time.perf_counter() - started


def test_every_command_explains_itself() -> None:
    listed = inline("--help").out
    for name in (
        *("add", "search", "show", "export", "ask", "chat", "tldr", "tag", "digest"),
        *("status", "index", "doctor", "models"),
    ):
        assert f"\n  {name} " in listed
        said = inline(name, "--help")
        assert said.code == 0 and len(said.out) > 100


def test_add_counts_entries_and_adding_again_adds_nothing() -> None:
    first = curator("add", SAMPLES, "--no-embed", "--json")
    assert first.code == 0
    assert first.json | {"papers": []} == {
        **{"added": 52, "updated": 0, "unchanged": 0},
        **{"rejected": [], "papers": []},
    }
    assert len(first.json["papers"]) == 52
    again = curator("add", SAMPLES, "--no-embed", "--json").json
    assert (again["added"], again["unchanged"]) == (0, 52)
    assert again["papers"] == first.json["papers"]


@seeds
@pytest.mark.seeds
def test_the_five_seed_pages() -> None:
    pages = sorted(SEEDS.glob("*.txt"))
    first = curator("add", *pages, "--no-embed", "--json").json
    assert (first["added"], first["updated"], first["unchanged"]) == (568, 0, 34)
    assert first["rejected"] == [] and len(first["papers"]) == 568
    again = curator("add", *pages, "--no-embed", "--json").json
    assert (again["added"], again["updated"], again["unchanged"]) == (0, 0, 602)
    hits = curator("search", "Tulu 3", "--mode", "lexical", "--json").json["hits"]
    assert hits[0]["title"].startswith("TÜLU 3")


class TestBadInput:
    def test_good_entries_go_in_and_each_bad_one_is_named(self, tmp_path: Path) -> None:
        file = write_lines(
            tmp_path / "mixed.jsonl",
            GOOD,
            "{not json",
            {"title": "No abstract here"},
            {**GOOD, "title": "Another", "published": "2024-13-45"},
            {**GOOD, "title": "The last one"},
        )
        result = curator("add", file, "--no-embed", "--json")
        assert result.code == 1
        assert result.json["added"] == 2
        rejected = {row["where"]: row["reason"] for row in result.json["rejected"]}
        assert set(rejected) == {"line 2", "line 3", "line 4"}
        assert "abstract" in rejected["line 3"] and "2024-13-45" in rejected["line 4"]
        assert all(row["source"] == str(file) for row in result.json["rejected"])
        assert "line 2" in result.err

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("empty.txt", b""),
            ("blank.jsonl", b"\n\n  \n"),
            ("binary.jsonl", bytes(range(256)) * 20),
            ("paper.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
            ("page.html", b"<!doctype html><html><body><p>Hello</p></body></html>"),
            ("prose.txt", b"It was a dark and stormy night; the rain fell.\n" * 3),
            ("broken.jsonl", b'{"title": "x", \n{"oops"\n'),
        ],
    )
    def test_wholly_unusable_input(self, tmp_path: Path, name: str, content: bytes) -> None:
        file = tmp_path / name
        file.write_bytes(content)
        result = inline("add", file, "--no-embed")
        assert result.code == 2, result.err
        assert name in result.err and result.err.startswith("Error: ")

    def test_an_unusable_file_among_good_ones(self, tmp_path: Path) -> None:
        (tmp_path / "empty.txt").write_bytes(b"")
        result = inline("add", tmp_path / "empty.txt", SAMPLES, "--no-embed", "--json")
        assert result.code == 1
        assert result.json["added"] == 52
        assert [row["source"] for row in result.json["rejected"]] == [str(tmp_path / "empty.txt")]

    def test_missing_file_and_no_match(self, tmp_path: Path) -> None:
        for source in (tmp_path / "nowhere.txt", f"{tmp_path}/*.txt", "ftp://example.org/x"):
            result = inline("add", source)
            assert result.code == 2 and "→" in result.err

    def test_standard_input(self) -> None:
        result = curator("add", "-", "--no-embed", "--json", stdin=json.dumps(GOOD) + "\n")
        assert result.code == 0 and result.json["added"] == 1

    @pytest.mark.parametrize(
        "args",
        [
            ("search",),
            ("search", "   "),
            ("search", "x", "--mode", "magic"),
            ("search", "x", "--since", "someday"),
            ("search", "x", "--where", "tag:rag and ("),
            ("search", "x", "--mode", "lexical", "--diverse"),
            ("similar", "pdoesnotexist"),
            ("search", "x", "--since", "2025-01-02", "--until", "2025-01-01"),
            ("search", "--queries", "nowhere.jsonl"),
            ("show", "pdoesnotexist"),
            ("digest", "--week", "2026-W99"),
            ("digest", "--format", "docx"),
            ("ask",),
            ("tldr", "--new", "--all"),
            ("tldr", "--model", "gpt-4"),
            ("tag", "--taxonomy", "nowhere.yaml"),
            ("models", "pull", "no-such-model"),
            ("frobnicate",),
            ("add",),
        ],
    )
    def test_bad_usage_exits_2(self, args: tuple[str, ...]) -> None:
        result = inline(*args)
        assert result.code == 2, (result.code, result.err)
        assert result.err.strip()

    def test_a_bad_setting_is_named(self) -> None:
        result = curator("status", env={"CURATOR_CONTEXT_TOKENS": "many"})
        assert result.code == 2 and "CURATOR_CONTEXT_TOKENS" in result.err


class TestNothingPulled:
    """Tests that are not marked ``model`` see an empty folder of weights."""

    def test_adding_and_searching_by_words_still_work(self) -> None:
        added = curator("add", SAMPLES, "--json")
        assert added.code == 0 and added.json["added"] == 52
        assert "curator models pull" in added.err
        found = curator("search", "low-rank adaptation", "--json")
        assert found.code == 0 and "LoRA" in found.json["hits"][0]["title"]
        assert "words only" in found.err

    @pytest.mark.parametrize(
        "args",
        [
            ("ask", "What is LoRA?"),
            ("chat",),
            ("tldr",),
            ("tag",),
            ("digest", "--week", "2026-W46"),
            ("index",),
            ("search", "x", "--mode", "dense"),
            ("models", "path", "0.5b"),
        ],
    )
    def test_the_rest_says_what_to_pull(self, args: tuple[str, ...]) -> None:
        result = inline(*args)
        assert result.code == 3, result.err
        assert "curator models pull" in result.err

    def test_the_doctor_names_the_remedies(self) -> None:
        result = curator("doctor", "--json")
        assert result.code == 3
        bad = {row["name"]: row["remedy"] for row in result.json if row["state"] == "bad"}
        assert {"model", "embedding", "reranker"} <= set(bad)
        assert all("curator models pull" in bad[name] for name in ("model", "embedding"))

    def test_the_report_comes_even_if_vectors_cannot_be_made(self, tmp_path: Path) -> None:
        file = write_lines(tmp_path / "mixed.jsonl", GOOD, "{not json")
        env = {
            **{"CURATOR_EMBEDDING": "openai:e", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
            "CURATOR_API_RETRIES": "0",
        }
        result = curator("add", file, "--json", env=env)
        assert result.code == 3 and "cannot be reached" in result.err
        assert result.json["added"] == 1 and result.json["rejected"][0]["where"] == "line 2"

    def test_no_key_and_no_server(self) -> None:
        curator("add", SAMPLES, "--no-embed")
        result = curator("tldr", "--model", "openai:gpt-x")
        assert result.code == 3 and "OPENAI_API_KEY" in result.err


def powerless() -> list[str]:
    """A prefix under which permissions hold for root too."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root without setpriv cannot be refused anything")
    drop = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"]


class TestDisk:
    def test_read_only_home(self, tmp_path: Path) -> None:
        home = tmp_path / "library"
        curator("--home", home, "add", SAMPLES, "--no-embed")
        home.chmod(0o555)
        try:
            for args in (("status",), ("add", str(SAMPLES)), ("search", "lora")):
                result = curator("--home", home, *args, prefix=powerless())
                assert result.code == 3 and "read-only" in result.err and "--home" in result.err
        finally:
            home.chmod(0o755)
        assert curator("--home", home, "status", "--json").json["papers"] == 52

    def test_home_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder")
        result = curator("--home", tmp_path / "file" / "h", "status")
        assert result.code == 3 and "--home" in result.err

    @pytest.fixture
    def small_disk(self, tmp_path: Path) -> Iterator[Path]:
        place = tmp_path / "disk"
        place.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("only root can mount a small disk here")
        yield place
        subprocess.run(["umount", str(place)], check=True)

    def test_full_disk(self, small_disk: Path, tmp_path: Path) -> None:
        rows = [
            {**GOOD, "title": f"Study number {i}", "abstract": f"{i} words. " * 120}
            for i in range(1500)
        ]
        file = write_lines(tmp_path / "many.jsonl", *rows)
        home = small_disk / "home"
        result = curator("--home", home, "add", file, "--no-embed")
        assert result.code == 3
        assert "full" in result.err and "Free some space" in result.err
        kept = curator("--home", home, "status", "--json").json["papers"]
        bigger = tmp_path / "bigger"
        shutil.copytree(home, bigger)  # with room again, nothing is lost and the rest goes in
        again = curator("--home", bigger, "add", file, "--no-embed", "--json")
        assert again.code == 0
        assert again.json["unchanged"] == kept and again.json["added"] == 1500 - kept

    def test_a_file_size_limit_is_like_a_full_disk(self, tmp_path: Path) -> None:
        rows = [
            {**GOOD, "title": f"Study number {i}", "abstract": "word " * 200} for i in range(800)
        ]
        file = write_lines(tmp_path / "many.jsonl", *rows)
        shell = ["bash", "-c", 'ulimit -f 400; exec "$@"', "-"]
        result = curator("add", file, "--no-embed", prefix=shell)
        assert result.code == 3 and "→" in result.err
        assert curator("add", file, "--no-embed").code == 0
        assert curator("status", "--json").json["papers"] == 800


class TestProcesses:
    def test_two_at_once(self, tmp_path: Path) -> None:
        """Both add the same and different papers; each is in once, and words find them."""
        common = [{**GOOD, "title": f"Common {i}"} for i in range(700)]
        files = [
            write_lines(
                tmp_path / f"{name}.jsonl",
                *common,
                *({**GOOD, "title": f"{name} {i}"} for i in range(300)),
            )
            for name in ("left", "right")
        ]
        running = [
            subprocess.Popen(
                [*CURATOR, "add", str(file), "--no-embed", "--json"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for file in files
        ]
        reports = []
        for process in running:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err.decode()
            assert b"Traceback" not in err
            reports.append(json.loads(out))
        assert sum(report["added"] for report in reports) == 1300
        assert sum(report["unchanged"] for report in reports) == 700
        status = curator("status", "--json").json
        assert (status["papers"], status["words"]) == (1300, 1300)

    def test_killed_while_adding(self, tmp_path: Path) -> None:
        rows = [{**GOOD, "title": f"Study number {i}"} for i in range(6000)]
        file = write_lines(tmp_path / "many.jsonl", *rows)
        for delay in (0.3, 0.5, 0.7):
            process = subprocess.Popen(
                [*CURATOR, "add", str(file), "--no-embed"], stderr=subprocess.DEVNULL
            )
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert curator("add", file, "--no-embed", "--json").code == 0
        status = curator("status", "--json").json
        assert (status["papers"], status["words"]) == (6000, 6000)

    def test_interrupted_by_the_keyboard(self, tmp_path: Path) -> None:
        rows = [{**GOOD, "title": f"Study number {i}"} for i in range(40000)]
        file = write_lines(tmp_path / "many.jsonl", *rows)
        process = subprocess.Popen(
            [*CURATOR, "add", str(file), "--no-embed"],
            stderr=subprocess.PIPE,
            # A job in the background (CI) is started with Ctrl-C ignored, and hands that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        catalog = Path(os.environ["CURATOR_HOME"]) / "catalog.sqlite3"
        deadline = time.monotonic() + 60
        while not catalog.exists() and time.monotonic() < deadline:  # a slow machine starts slowly
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert b"Traceback" not in err and b"run the command again" in err

    def test_interrupted_inside_an_exec(self, tmp_path: Path) -> None:
        """Dataclasses are made by `exec` of a text; Python ends itself by SIGINT after one."""
        (tmp_path / "interrupted.py").write_text(
            "import curator.__main__ as program\n"
            "def main():\n"
            "    try: exec('raise KeyboardInterrupt')\n"
            "    except KeyboardInterrupt: raise SystemExit(130)\n"
            "program.main = main\n"
            "program._as_a_module()\n"
        )
        run = subprocess.run([CURATOR[0], "-m", "interrupted"], cwd=tmp_path, check=False)
        assert run.returncode == 130

    def test_interrupted_while_it_is_loaded(self) -> None:
        code = (
            "import builtins\n"
            "real = builtins.__import__\n"
            "def slow(name, *rest):\n"
            "    if name == 'typer': raise KeyboardInterrupt\n"
            "    return real(name, *rest)\n"
            "builtins.__import__ = slow\n"
            "from curator.__main__ import main; main()\n"
        )
        done = subprocess.run([CURATOR[0], "-c", code], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (130, b"Interrupted.\n")

    def test_a_reader_that_stops_reading(self) -> None:
        curator("add", SAMPLES, "--no-embed")
        line = " ".join([*CURATOR, "export", "|", "head", "-n", "1"])
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line], capture_output=True, check=False
        )
        assert done.returncode == 0 and done.stderr == b""


class TestOutput:
    def test_export_is_read_back(self, tmp_path: Path) -> None:
        curator("add", SAMPLES, "--no-embed")
        out = tmp_path / "out.jsonl"
        assert curator("export", "--out", out).code == 0
        rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
        given = [json.loads(line) for line in SAMPLES.read_text("utf-8").splitlines()]
        for name in ("title", "abstract", "authors", "arxiv_id", "listed", "categories"):
            assert [row[name] for row in rows] == [row[name] for row in given]
        other = curator("--home", tmp_path / "other", "add", out, "--no-embed", "--json").json
        assert other["added"] == 52
        assert not list(tmp_path.glob(".out*"))

    def test_a_trec_run(self, tmp_path: Path) -> None:
        inline("add", SAMPLES, "--no-embed")
        queries = write_lines(
            tmp_path / "q.jsonl",
            {"id": "q1", "query": "language model"},
            {"id": 2, "query": "speech"},
        )
        run = tmp_path / "run.txt"
        done = inline(
            "search", "--queries", queries, "--trec", run, "--mode", "lexical", "--limit", "3"
        )
        assert done.code == 0
        rows = [line.split() for line in run.read_text().splitlines()]
        assert {row[0] for row in rows} == {"q1", "2"}
        assert [row[3] for row in rows if row[0] == "q1"][:2] == ["1", "2"]
        assert all(len(row) == 6 and row[1] == "Q0" for row in rows)

    def test_filters(self) -> None:
        inline("add", SAMPLES, "--no-embed")
        args = ("search", "models", "--mode", "lexical", "--limit", "60", "--json")
        everything = inline(*args).json["hits"]
        second = inline(*args, "--since", "2026-11-09").json["hits"]
        vision = inline(*args, "--category", "cs.CV").json["hits"]
        by = inline(*args, "--author", "vaswani").json["hits"]
        assert 0 < len(second) < len(everything)
        assert 0 < len(vision) < len(everything)
        assert [hit["title"] for hit in by] == ["Attention Is All You Need"]

    def test_show_by_any_name(self) -> None:
        inline("add", SAMPLES, "--no-embed")
        by_arxiv = inline("show", "1706.03762", "--json").json
        assert by_arxiv["title"] == "Attention Is All You Need"
        for name in (
            by_arxiv["id"],
            by_arxiv["id"][:8],
            "attention is all you NEED",
            "arXiv:1706.03762v5",
        ):
            assert inline("show", name, "--json").json["id"] == by_arxiv["id"]
        assert by_arxiv["seen"][0]["place"].startswith("line ")
        assert "Vaswani" in inline("show", "1706.03762").out

    def test_no_colour_and_no_bars_without_a_terminal(self) -> None:
        result = curator("add", SAMPLES, "--no-embed")
        assert "\x1b" not in result.out + result.err and "\r" not in result.err

    def test_status_adds_up(self) -> None:
        inline("add", SAMPLES, "--no-embed")
        status = inline("status", "--json").json
        for task in ("tldr", "tag"):
            assert sum(status[task].values()) == status["papers"] == 52


def test_lost_and_damaged_indexes_heal(tmp_path: Path) -> None:
    home = tmp_path / "library"
    curator("--home", home, "add", SAMPLES, "--no-embed")
    for damage in (
        lambda: shutil.rmtree(home / "index"),
        lambda: (home / "index" / "lexical" / "meta.json").write_text("{}"),
        (home / "index" / "lexical" / "state.json").unlink,
    ):
        damage()
        found = curator("--home", home, "search", "low-rank adaptation", "--json")
        assert found.code == 0 and "LoRA" in found.json["hits"][0]["title"]


def test_conversations_that_are_none(tmp_path: Path) -> None:
    from curator.errors import StorageError
    from curator.threads import Threads

    (tmp_path / "threads.sqlite3").write_text("only words\n" * 200)
    with pytest.raises(StorageError, match="conversations"):
        Threads(tmp_path / "threads.sqlite3").turns("x")


def test_a_catalog_that_is_none(tmp_path: Path) -> None:
    home = tmp_path / "library"
    home.mkdir()
    (home / "catalog.sqlite3").write_text("this is no database, only words\n" * 100)
    result = curator("--home", home, "status")
    assert result.code == 3 and "damaged" in result.err
