"""Conversations with scripted models: at a terminal, from a script, and what is kept of them."""

from __future__ import annotations

import codecs
import json
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT, WARM, inline, write_lines
from fakes import FakeEmbedder, OverlapReranker, Said, ScriptedLLM
from hypothesis import given
from hypothesis import strategies as st

from curator.cli.chat import split_paste
from curator.errors import ModelError, StorageError
from curator.library import Library
from curator.llm.base import Request
from curator.settings import load_settings
from curator.threads import KEPT, WHOLE, Threads, config_of, summarised
from graphs.state import Turn, add_turns

OWL = {
    "title": "OwlNet: Seeing at Night",
    "abstract": "We present OwlNet, a network for seeing at night. OwlNet reaches 71.5% accuracy "
    "on the DarkBench benchmark, 4.2 points above the best earlier network. It was trained on "
    "12,000 photographs of forests. The DarkBench benchmark holds 900 photographs that OwlNet "
    "has never seen. OwlNet reaches its accuracy on a telephone as well.",
    "arxiv_id": "2401.00001",
    "published": "2024-01-02",
}
BAT = {
    "title": "BatNet: Hearing *Shapes* <b>",
    "abstract": "Bats hear shapes. We introduce BatNet, which hears shapes from echoes. BatNet "
    "needs 3 microphones and runs on a telephone.",
    "doi": "10.1234/bat",
    "published": "2025-01-02",
}
ACCURACY = "What accuracy does OwlNet reach on the DarkBench benchmark?"
MICROPHONES = "How many microphones does BatNet need for hearing shapes?"
BREAD = "Which oven temperature bakes sourdough bread in Lisbon kitchens?"
REACHES = "OwlNet reaches 71.5% on the DarkBench benchmark."  # a word is left out: checked
STORED = "OwlNet reaches 71.5% accuracy on the DarkBench benchmark, 4.2 points above the best"


def says(request: Request) -> Said:
    """One sentence that passes the check for the owl, nothing usable for others."""
    line = next((row for row in request.user.splitlines() if STORED in row), None)
    if line is None or ACCURACY not in request.user:
        return ModelError("nothing to say")
    number = re.match(r"\[(\d+)\]", line)
    assert number, line
    return {"sentences": [{"text": REACHES, "evidence": int(number[1])}]}


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> ScriptedLLM:
    scripted = ScriptedLLM(says)
    monkeypatch.setattr("curator.llm.open_llm", lambda _settings, _spec: scripted)
    monkeypatch.setattr("curator.embedding.open_embedder", lambda *_: FakeEmbedder())
    monkeypatch.setattr("curator.reranking.open_reranker", lambda _: OverlapReranker())
    return scripted


@pytest.fixture(scope="module")
def two_papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of them; made once, and copied."""
    home = tmp_path_factory.mktemp("two") / "home"
    with Library(load_settings(home=str(home))) as made:
        made.embedder = FakeEmbedder()
        made.add([str(write_lines(home / "two.jsonl", OWL, BAT))])
    return home


@pytest.fixture
def talk(llm: ScriptedLLM, two_papers: Path) -> Callable[..., Any]:
    """Runs ``curator chat`` on two papers with these lines on standard input."""
    shutil.copytree(two_papers, os.environ["CURATOR_HOME"])

    def talk(*lines: str, args: tuple[str, ...] = ()) -> Any:
        return inline("chat", *args, stdin="".join(f"{line}\n" for line in lines))

    return talk


@pytest.fixture
def library(talk: Callable[..., Any]) -> Iterator[Library]:
    with Library(load_settings()) as opened:
        yield opened


Talk = Callable[..., Any]


# ------------------------------------------------------------------------- an answer


def test_an_answer_shows_what_is_looked_at_then_numbered_sentences_then_papers(talk: Talk) -> None:
    done = talk(ACCURACY)
    assert done.code == 0, done.err
    assert done.err.startswith("  looking at: OwlNet: Seeing at Night")
    first, *_ = lines = done.out.splitlines()
    assert re.fullmatch(rf"  1\. {re.escape(REACHES)} \[1\] \(checked [01]\.\d\d\)", first)
    assert all(line.endswith("(quoted)") for line in lines if re.match(r"  [2-9]\. ", line))
    assert any(re.match(r"    \[1\] OwlNet: Seeing at Night  p\w+", line) for line in lines)
    assert "\x1b" not in done.out + done.err


def test_events_reach_the_reader_before_the_answer_is_whole(
    talk: Talk, llm: ScriptedLLM, capsys: pytest.CaptureFixture[str], library: Library
) -> None:
    from curator.catalog import Filters
    from curator.cli.conversation import Conversation

    seen: list[str] = []

    def looks(request: Request) -> Said:
        seen.append(capsys.readouterr().err)
        return says(request)

    llm._script = looks
    Conversation(library, "t", Filters(), asks=False).ask(ACCURACY)
    assert len(seen) == 1 and "looking at: OwlNet" in seen[0]


def test_what_the_catalog_counts_and_groups_are_shown_as_such(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Answers that no model wrote come without events, and may come without citations."""

    def ask(self: Library, question: str, *_: object, **__: object) -> dict[str, Any]:
        owl = self.catalog.papers.resolve("OwlNet")
        quoted = {"paper_id": owl.id, "quote": owl.abstract.split(". ")[0] + "."}
        known = {"supported": True, "score": 1.0}
        return {
            "question": question,
            "answer": "Two.",
            "abstained": False,
            "reason": "",
            "sentences": [
                {"text": "There are 2 papers.", "citations": [], "origin": "catalog", **known},
                {
                    **{"text": quoted["quote"], "citations": [quoted], "origin": "quote"},
                    **{"group": "Seeing \x1b[2J at night", **known},
                },
            ],
            "sources": [{"paper_id": owl.id, "title": owl.title, "url": owl.url}],
        }

    monkeypatch.setattr(Library, "ask", ask)
    done = talk("How many papers are there?", "/why 1", f"/export {tmp_path / 'a.md'}")
    assert done.code == 0, done.err
    first, group, second, *_ = done.out.splitlines()
    assert first.startswith("  1. There are 2 papers. (") and "[" not in first
    assert group == "  Seeing [2J at night:"
    assert second.startswith("  2. We present OwlNet") and second.endswith("[1] (quoted)")
    assert "from the catalog of your library" in done.out
    text = (tmp_path / "a.md").read_text("utf-8")
    assert "There are 2 papers." in text and "**Seeing" in text and "\x1b" not in text


def test_a_question_without_an_answer_names_the_nearest_papers(talk: Talk) -> None:
    done = talk(BREAD)
    assert done.code == 0
    assert "Nearest papers:" in done.out and "1." not in done.out


def test_why_shows_the_stored_sentence_and_its_paper(talk: Talk) -> None:
    done = talk(ACCURACY, "/why 1")
    after = done.out.splitlines()[-3:]
    assert after[0].startswith("  [1] OwlNet: Seeing at Night  p")
    assert STORED in after[1] and after[1].startswith("  “")
    assert "written by a model and checked" in after[2]


@pytest.mark.parametrize("number", ["0", "99", "-1", "x", "", "1.5", "²", "9" * 30])
def test_why_of_no_sentence_ends_a_script(talk: Talk, number: str) -> None:
    done = talk(ACCURACY, f"/why {number}")
    assert done.code == 2 and "Give a number from 1 to" in done.err
    assert talk("/why 1", args=("--thread", "empty")).code == 2


def test_why_says_so_when_the_stored_text_has_changed_since(talk: Talk, tmp_path: Path) -> None:
    talk(ACCURACY)
    other = {**OWL, "abstract": "OwlNet was withdrawn.", "arxiv_id": "2401.00001v2"}
    inline("add", write_lines(tmp_path / "other.jsonl", other))
    done = talk("/why 1")
    assert STORED in done.out and "has been changed since" in done.out


def test_more_shows_what_was_found_and_not_said_each_once(talk: Talk) -> None:
    done = talk(ACCURACY, *["/more"] * 4, "/why 4")
    assert done.code == 0, done.err
    shown = re.findall(r"^  (\d+)\. (.*?) \[\d\]", done.out, re.M)
    assert [int(number) for number, _ in shown] == list(range(1, len(shown) + 1))
    texts = [text for _, text in shown]
    assert len(texts) == len(set(texts)) > 3
    assert not any(STORED in text for text in texts)  # it stands behind the first sentence
    papers = OWL["abstract"] + BAT["abstract"]
    assert all(text in papers for text in texts[1:])
    assert "No more was found." in done.out and f"“{texts[3]}”" in done.out


def test_more_of_nothing(talk: Talk) -> None:
    assert "No answer yet." in talk("/more", "/sources", args=("--thread", "empty")).out


def test_sources_have_addresses(talk: Talk) -> None:
    done = talk(ACCURACY, "/sources")
    assert "https://arxiv.org/abs/2401.00001" in done.out


# --------------------------------------------------------------------------- filters


def test_filters_narrow_widen_and_are_shown(talk: Talk) -> None:
    done = talk("/filter", "/filter since:2025-01-01", ACCURACY, "/filter", "/filter off", ACCURACY)
    assert done.code == 0, done.err
    none, narrow, *_ = lines = done.out.splitlines()
    assert none == "  No filter: all papers count."
    assert narrow == "  Only papers with: since:2025-01-01 (1 paper)"
    cut = [n for n, line in enumerate(lines) if line == none][1]
    assert not any("OwlNet: Seeing" in line for line in lines[:cut])
    assert any("OwlNet: Seeing" in line for line in lines[cut:])


def test_filters_of_options(talk: Talk) -> None:
    done = talk("/filter", ACCURACY, args=("--since", "2025-01-01", "--where", "not author:Low"))
    assert "since:2025-01-01 and not author:Low (1 paper)" in done.out
    assert "OwlNet: Seeing" not in done.out


def test_a_filter_that_cannot_be_read_keeps_the_last_one(talk: Talk) -> None:
    done = talk("/filter tag:rag and (")
    assert done.code == 2 and done.err.startswith("Error: ") and "→" in done.err
    assert inline("chat", "--where", "tag:", stdin="").code == 2


# --------------------------------------------------------------------------- threads


def test_the_last_answer_survives_a_restart(talk: Talk) -> None:
    first = talk(ACCURACY, "/why 1", "/sources", "/more").out
    again = talk("/why 1", "/sources", "/more")
    assert again.code == 0 and again.out and first.endswith(again.out)


def test_a_follow_up_after_a_restart_points_back(talk: Talk) -> None:
    talk(ACCURACY)
    assert "12,000 photographs" in talk("How many photographs was it trained on?").out


def test_threads_new_thread_and_forget(talk: Talk) -> None:
    done = talk(ACCURACY, "/new owls", MICROPHONES, "/threads", "/thread default", "/why 1")
    assert "  default, 1 question\n  owls (this one), 1 question\n" in done.out
    assert STORED in done.out.splitlines()[-2]
    assert talk("/new owls").code == 2
    assert talk("/thread nowhere").code == 2
    assert "Forgotten: owls (1 question)" in talk("/forget", args=("--thread", "owls")).out
    assert "owls" not in talk("/threads").out
    assert "1 question" in talk("/threads").out


def test_what_is_forgotten_is_not_in_the_file(talk: Talk, library: Library) -> None:
    talk(ACCURACY, "/new other", MICROPHONES, "/thread default", "/forget")
    kept = b"".join(file.read_bytes() for file in library.home.root.glob("threads.sqlite3*"))
    assert b"What accuracy" not in kept and b"How many microphones" in kept


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 101, "\x1b[2J"])
def test_names_that_are_none(talk: Talk, name: str) -> None:
    assert inline("chat", "--thread", name, stdin="").code == 2


def test_undo_takes_back_also_after_a_restart(talk: Talk, library: Library) -> None:
    talk(ACCURACY, MICROPHONES, BREAD)
    threads = library.threads
    assert [t["question"] for t in threads.turns("default")] == [ACCURACY, MICROPHONES]
    assert talk("/undo").out == f"  Taken back: {BREAD}\n"  # was not answered, so left no turn
    assert [t["question"] for t in threads.turns("default")] == [ACCURACY, MICROPHONES]
    before = threads.turns("default")[:1]
    done = talk("/undo", "/why 1")
    assert MICROPHONES in done.out and STORED in done.out
    assert threads.turns("default") == before
    # What follows builds on what is left, and not on what was taken back.
    done = talk("How many photographs was it trained on?", "/undo", "/undo", "/undo", "/undo")
    assert "12,000 photographs" in done.out
    assert done.out.count("Nothing was asked yet.") == 2
    assert threads.turns("default") == []
    assert threads.said("default") == []
    talk(ACCURACY)
    assert threads.turns("default") == before


# ---------------------------------------------------------------------------- export


def test_export_has_all_that_was_said(talk: Talk, tmp_path: Path) -> None:
    file = tmp_path / "out" / "talk.md"
    done = talk(ACCURACY, MICROPHONES, "/filter since:2025-01-01", BREAD, f"/export {file}")
    assert done.code == 0 and f"3 questions and what was answered: {file} written." in done.out
    text = file.read_text("utf-8")
    for question in (ACCURACY, MICROPHONES, BREAD):
        assert question in text
    assert len(re.findall(r"^Asked 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", text, re.M)) == 3
    assert re.search(r"71\.5% on the DarkBench benchmark\. \\\[1\\\] \*\(checked", text)
    assert "only papers with: since:2025-01-01" in text and "Nearest papers: BatNet" in text
    sources = text.partition("## Sources")[2]
    assert "1. [OwlNet: Seeing at Night](https://arxiv.org/abs/2401.00001)" in sources
    assert f"“{STORED}" in sources  # the stored sentence that the model's one was checked against
    assert r"BatNet: Hearing \*Shapes\* \<b\>" in sources and "<b>" not in text
    cited = {int(n) for n in re.findall(r"\\\[(\d+)\\\]", text)}
    assert cited == {int(n) for n in re.findall(r"^(\d+)\. ", sources, re.M)}
    assert not [f for f in file.parent.iterdir() if f != file]


def test_export_overwrites_nothing_without_being_told(talk: Talk, tmp_path: Path) -> None:
    file = tmp_path / "my notes.md"
    file.write_text("mine")
    done = talk(ACCURACY, f'/export "{file}"')
    assert done.code == 2 and "is there already" in done.err and "--force" in done.err
    assert file.read_text() == "mine"
    done = talk(f"/export --force {file}")
    assert done.code == 0 and "overwritten" in done.out
    assert "DarkBench" in file.read_text("utf-8")
    assert talk(f"/export {tmp_path}").code == 2
    (tmp_path / "link.md").symlink_to(tmp_path / "gone.md")
    assert talk(f"/export {tmp_path / 'link.md'}").code == 2


def test_export_names_its_file_after_the_conversation(talk: Talk) -> None:
    talk(ACCURACY, "/export", args=("--thread", "../a/b c"))
    assert Path("a-b-c.md").is_file()  # in the folder where one is, wherever the name points
    assert "Nothing was asked yet." in talk("/export", args=("--thread", "new")).out


# ------------------------------------------------------------------- scripts and errors


def test_an_unknown_command_names_the_nearest(talk: Talk) -> None:
    done = talk("/sorces")
    assert done.code == 2 and "Did you mean /sources?" in done.err
    done = talk("/xyzzy")
    assert done.code == 2 and "/help" in done.err
    assert talk("/QUIT", "/sorces").code == 0


def test_a_script_ends_at_its_first_error(talk: Talk, llm: ScriptedLLM) -> None:
    done = talk("/nonsense", ACCURACY)
    assert done.code == 2 and done.out == "" and llm.requests == []
    assert talk(ACCURACY, args=("--max-calls", "0")).code == 4
    assert talk("What? " * 1000).code == 2
    assert talk("", "   ", "\u200b").code == 0


def test_a_script_that_is_no_text(talk: Talk) -> None:
    from typer.testing import CliRunner

    from curator.cli.app import app

    done = CliRunner().invoke(app, ["chat"], input=b"\xff\xfe\x00 \xc3(\n")
    assert done.exit_code == 2 and "UTF-8" in done.stderr


def test_a_question_may_come_after_a_byte_order_mark(talk: Talk) -> None:
    assert REACHES in talk("\ufeff" + ACCURACY).out


def test_help_names_every_command(talk: Talk) -> None:
    from curator.cli.conversation import _COMMANDS

    text = talk("/help").out
    assert all(f"  {name} " in text for name in [*_COMMANDS, "/quit"])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["What is", "", "  LoRA?", "/sources", "/why 1"], ["What is LoRA?", "/sources", "/why 1"]),
        (["/why 1", "And", "then?"], ["/why 1", "And then?"]),
        ([], []),
        (["", " "], []),
    ],
)
def test_pasted_lines(lines: list[str], said: list[str]) -> None:
    assert split_paste(lines) == said


# ------------------------------------------------------------------- what is kept of it


def turn(n: int, answer: str = "An answer.") -> Turn:
    return Turn(question=f"Question {n}?", answer=answer, paper_ids=[f"p{n}"])


@given(st.lists(st.integers(1, 5), max_size=40))
def test_old_turns_lose_their_answers_and_the_oldest_go(batches: list[int]) -> None:
    """However turns come in, at once or one by one, the same is kept."""
    every = [turn(n) for n in range(sum(batches))]
    kept: list[Turn] = []
    for size in batches:
        start = int(kept[-1]["question"].split()[1][:-1]) + 1 if kept else 0
        kept = add_turns(kept, every[start : start + size])
    assert kept == summarised(every)
    assert len(kept) == min(len(every), KEPT)
    assert kept[-WHOLE:] == every[-WHOLE:]
    for old, whole in zip(kept[:-WHOLE], every[-len(kept) :], strict=False):
        assert old == {**whole, "answer": ""}
    assert add_turns(kept, None) == []


def checkpoints(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT thread_id, count(*) FROM checkpoints GROUP BY 1").fetchall()
        orphans = db.execute(
            "SELECT count(*) FROM writes WHERE checkpoint_id NOT IN"
            " (SELECT checkpoint_id FROM checkpoints)"
        ).fetchone()
    assert orphans == (0,)
    return dict(rows)


def test_a_long_conversation_stays_small_and_is_exported_whole(
    talk: Talk, library: Library, tmp_path: Path
) -> None:
    lines = [f"{ACCURACY[:-1]} in test {n}?" for n in range(KEPT + 8)]
    assert talk(*lines).code == 0
    assert checkpoints(library.home.threads) == {"default": 1}
    turns = library.threads.turns("default")
    assert [t["question"] for t in turns] == lines[-KEPT:]
    assert [bool(t["answer"]) for t in turns] == [False] * (KEPT - WHOLE) + [True] * WHOLE
    with library.threads.saver() as saver:
        state = len(json.dumps(saver.get_tuple(config_of("default")).checkpoint, default=str))
    assert state < 40_000
    done = talk(f"/export {tmp_path / 'all.md'}")
    assert done.code == 0
    text = (tmp_path / "all.md").read_text("utf-8")
    assert all(f"## {n}. " in text for n in range(1, len(lines) + 1))
    assert text.count("(quoted)") + text.count("(checked") >= len(lines)


def test_undo_gives_an_old_turn_its_answer_back(talk: Talk, library: Library) -> None:
    talk(*[f"{ACCURACY[:-1]} in test {n}?" for n in range(WHOLE + 2)])
    assert [bool(t["answer"]) for t in library.threads.turns("default")][:3] == [False, False, True]
    talk("/undo")
    assert [bool(t["answer"]) for t in library.threads.turns("default")][:3] == [False, True, True]


def test_a_conversation_older_than_the_transcript_is_taken_over(
    talk: Talk, library: Library, tmp_path: Path
) -> None:
    talk(ACCURACY, MICROPHONES)
    turns = library.threads.turns("default")
    with closing(sqlite3.connect(library.home.threads)) as db:
        db.execute("DROP TABLE transcript")
        db.commit()
    assert "default (this one), 2 questions" in talk("/threads").out
    file = tmp_path / "old.md"
    assert talk("/why 1").code == 2  # of it only the text is known
    assert talk(f"/export {file}").code == 0
    assert "71.5" in file.read_text("utf-8") and "OwlNet: Seeing" in file.read_text("utf-8")
    talk("/undo")
    assert library.threads.turns("default") == turns[:1]


def test_an_entry_that_cannot_be_read(talk: Talk, library: Library) -> None:
    talk(ACCURACY)
    for broken in ("{", "[]", "{}", '{"answer": 1}'):
        with closing(sqlite3.connect(library.home.threads)) as db:
            db.execute("UPDATE transcript SET said = ?", (broken,))
            db.commit()
        done = talk("/sources")
        assert done.code == 3 and "→" in done.err


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "t.sqlite3").write_text("only words\n" * 200)
    threads = Threads(tmp_path / "t.sqlite3")
    uses: list[Callable[[], object]] = [
        threads.names,
        lambda: threads.said("x"),
        lambda: threads.undo("x"),
        lambda: threads.forget("x"),
        lambda: threads.count("x"),
    ]
    for use in uses:
        with pytest.raises(StorageError, match="conversations"):
            use()


def test_conversations_do_not_share_turns(talk: Talk, library: Library) -> None:
    talk(ACCURACY, "/new b", MICROPHONES, "/undo")
    assert library.threads.turns("b") == []
    assert [t["question"] for t in library.threads.turns("default")] == [ACCURACY]


# ---------------------------------------------------------------------- at a terminal

DRIVER = """
import sys, time
sys.path.insert(0, {tests!r})
import curator.embedding, curator.llm, curator.reranking
from fakes import FakeEmbedder, OverlapReranker, ScriptedLLM
import test_chat
def says(request):
    if "900 photographs" in request.user and "How slowly" in request.user:
        print("WAITING", flush=True)
        time.sleep(4)
    return test_chat.says(request)
curator.llm.open_llm = lambda *_: ScriptedLLM(says)
curator.embedding.open_embedder = lambda *_: FakeEmbedder()
curator.reranking.open_reranker = lambda _: OverlapReranker()
sys.argv = ["curator", "chat"]
from curator.__main__ import main
main()
"""
SLOW = "How slowly does OwlNet reach its accuracy on the DarkBench benchmark?"


class Terminal:
    """The program at a terminal of its own."""

    def __init__(self, **env: str) -> None:
        self._master, slave = pty.openpty()
        self._process = WARM.start(
            [],
            files=(slave, slave, slave),
            env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT), **env},
            code=DRIVER.format(tests=str(ROOT / "tests")),
            new_session=True,
        )
        os.close(slave)
        self.text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def expect(self, wanted: str, seconds: float = 60) -> str:
        """Reads until this is there; gives what came up to and with it."""
        deadline = time.monotonic() + seconds
        while wanted not in self.text:
            left = deadline - time.monotonic()
            assert left > 0, f"no {wanted!r} in {self.text!r}"
            if select.select([self._master], [], [], left)[0]:
                try:
                    got = os.read(self._master, 65536)
                except OSError:
                    got = b""
                assert got, f"it ended without {wanted!r}: {self.text!r}"
                self.text += self._decoder.decode(got)
        before, _, self.text = self.text.partition(wanted)
        return before + wanted

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def interrupt_until(self, wanted: str) -> None:
        """As a person does who sees that nothing happened: what comes in the very moment in
        which readline begins to wait is seen only with the next key."""
        for _ in range(10):
            self.interrupt()
            try:
                self.expect(wanted, 3)
            except AssertionError:
                continue
            return
        raise AssertionError(f"no {wanted!r} after ten times Ctrl-C")

    def end(self, seconds: float = 30) -> int:
        deadline = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < deadline:
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.text += self._decoder.decode(os.read(self._master, 65536))
                except OSError:
                    break
        return self._process.wait(seconds)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(talk: Talk) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(**env: str) -> Terminal:
        opened.append(Terminal(**env))
        opened[-1].expect("/help says what you can do.")
        opened[-1].expect("› ")
        return opened[-1]

    yield start
    for one in opened:
        one.close()


Start = Callable[..., Terminal]


def test_ctrl_c_stops_an_answer_and_not_the_program(terminal: Start, library: Library) -> None:
    here = terminal()
    here.type(f"{ACCURACY}\r")
    here.expect("checked")
    here.expect("› ")
    here.type(f"{SLOW}\r")
    here.expect("WAITING")
    stopped = time.monotonic()
    here.interrupt()
    here.expect("Stopped.")
    here.expect("› ")
    assert time.monotonic() - stopped < 2, "not only when the model is done"
    here.interrupt_until("/quit or Ctrl-D leaves.")
    here.type(f"{MICROPHONES}\r")
    here.expect("3 microphones")
    here.expect("› ")
    here.type("\x04")
    assert here.end() == 0
    assert "Traceback" not in here.text
    asked = [t["question"] for t in library.threads.turns("default")]
    assert asked == [ACCURACY, MICROPHONES] == [s.question for s in library.threads.said("default")]
    assert checkpoints(library.home.threads) == {"default": 1}


def test_an_error_is_shown_and_the_conversation_goes_on(terminal: Start) -> None:
    here = terminal()
    for line, wanted in (
        ("/sorces", "Did you mean /sources?"),
        ("/filter tag:rag and (", "→"),
        ("/why 3", "No sentence has been shown yet."),
        (ACCURACY, "checked"),
    ):
        here.expect("› ") if line != "/sorces" else None
        here.type(f"{line}\r")
        here.expect(wanted)
    here.expect("› ")
    here.type("/quit\r")
    assert here.end() == 0


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_what_is_pasted_is_one_question(terminal: Start, library: Library, kind: str) -> None:
    here = terminal(TERM=kind)
    first, second = ACCURACY[:25], ACCURACY[25:]
    if kind == "xterm":  # bracketed, as terminals paste
        here.type(f"\x1b[200~{first}\n{second}\n\x1b[201~\r")
    else:
        here.type(f"{first}\r{second}\r")
    here.expect("checked")
    here.expect("› ")
    here.type("/quit\r")
    assert here.end() == 0
    (said,) = library.threads.said("default")
    assert said.question.replace("  ", " ").replace(" ", "") == ACCURACY.replace(" ", "")


def test_history_comes_back_and_a_broken_one_does_no_harm(
    terminal: Start, library: Library
) -> None:
    file = library.home.root / "chat_history"
    file.write_bytes(b"\xff\xfe broken\n")
    here = terminal()
    here.type("/threads\r")
    here.expect("No conversations yet.")
    here.expect("› ")
    here.type("/quit\r")
    assert here.end() == 0
    assert b"/threads" in file.read_bytes()
    here = terminal()
    here.type("\x1b[A\x1b[A\r")  # the line before /quit
    here.expect("No conversations yet.")
    here.type("/quit\r")
    assert here.end() == 0


def test_what_is_looked_at_is_dimmed_unless_nobody_wants_it(terminal: Start) -> None:
    for env, wanted in (({}, "\x1b[2m  looking at: OwlNet"), ({"NO_COLOR": "1"}, "  looking at: ")):
        here = terminal(**env)
        here.type(f"{ACCURACY}\r")
        before = here.expect("looking at: OwlNet")
        assert before.endswith(wanted) or wanted in before
        assert ("\x1b[2m" in before) == (not env)
        here.expect("checked")
        here.type("/quit\r")
        assert here.end() == 0
