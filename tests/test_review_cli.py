"""`curator tag review`: keys, scripts, tables, and what happens when it is killed."""

from __future__ import annotations

import codecs
import csv
import io
import os
import pty
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import CURATOR, ROOT, WARM, inline
from fakes import add, record
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from curator.catalog import StoredTag
from curator.cli.reviewing import Reviewing
from curator.errors import InputError, UsageError
from curator.library import Library
from curator.paper import Paper
from curator.review import ReviewItem, ReviewQueue
from curator.reviewsheet import COLUMNS, read, written
from curator.settings import load_settings
from curator.taxonomy import load_taxonomy
from curator.threads import Threads
from graphs.review import Review, ReviewContext

SENTENCE = "An agent calls tools."
# The tags of each paper, as the tagger left them: confidence, and whether it is a suggestion.
TAGS: dict[str, dict[str, tuple[float, bool]]] = {
    "Agents": {"tool-use": (0.5, False), "multi-agent-systems": (0.4, True)},
    "Browsers": {"computer-use-agents": (0.3, True)},
    "Sure": {"tool-use": (0.99, False)},
}


@pytest.fixture
def home() -> dict[str, str]:
    """A library with two papers to decide; ids by title."""
    with Library.open() as library:
        catalog = library.catalog
        add(
            catalog,
            record("Agents", f"It is about agents. {SENTENCE}", url="https://example.org/a"),
            record("Browsers", "They browse.", arxiv_id="2401.00001"),
            record("Sure", "It is sure."),
        )
        papers = {p.title: p for p in catalog.papers.select()}
        for title, tags in TAGS.items():
            found = [
                StoredTag(t, value, "model", review, SENTENCE if t == "tool-use" else "gone")
                for t, (value, review) in tags.items()
            ]
            catalog.outputs.save_tags(papers[title], found, taxonomy="t", model="m", recipe="r")
        return {title: paper.id for title, paper in papers.items()}


def said() -> dict[str, dict[str, bool]]:
    """What was said, by title."""
    with Library.open() as library:
        found = library.catalog.corrections.all()
        return {library.catalog.papers.get([i])[i].title: tags for i, tags in found.items()}


def tags_of(paper_id: str) -> set[str]:
    with Library.open() as library:
        return {t.tag for t in library.catalog.outputs.tags([paper_id]).get(paper_id, [])}


def review(*lines: str, args: tuple[str, ...] = ()) -> Any:
    return inline("tag", "review", *args, stdin="".join(f"{line}\n" for line in lines))


# ---------------------------------------------------------------- one word or two words


def test_tag_is_a_command_still(home: dict[str, str]) -> None:
    """These need weights that are not there, so they came to the command that tags."""
    for args in (("tag", home["Sure"]), ("tag", "--new"), ("tag", "--", "review"), ("tag",)):
        done = inline(*args)
        assert done.code == 3 and "models pull" in done.err, args
    assert inline("tag", "--new", "review").code == 2, "papers, or --new"
    assert "Usage" in inline("tag", "review", "--help").out
    assert "\n  tag review " in inline("--help").out


def test_review_takes_no_papers(home: dict[str, str]) -> None:
    assert inline("tag", "review", home["Sure"]).code == 2
    assert inline("--home", "elsewhere", "tag", "review", "--json").json == []


# ----------------------------------------------------------------------------- a script


def test_an_empty_library() -> None:
    done = review("y")
    assert (done.code, done.out) == (0, "Nothing is left to decide.\n")
    assert "0 right, 0 wrong, 0 skipped; 0 papers left to decide." in done.err


def test_nothing_said_changes_nothing(home: dict[str, str]) -> None:
    for lines in ((), ("",), ("q",), ("?", "w", "u", "q", "y")):
        done = review(*lines)
        assert done.code == 0 and said() == {}
    assert "There is nothing to undo." in done.out


def test_yes_and_no(home: dict[str, str]) -> None:
    done = review("y", "N", "yes")
    assert done.code == 0
    assert said() == {
        "Agents": {"tool-use": True, "multi-agent-systems": False},
        "Browsers": {"computer-use-agents": True},
    }
    assert "Nothing is left to decide." in done.out
    assert "2 right, 1 wrong, 0 skipped; 0 papers left to decide." in done.err
    assert tags_of(home["Browsers"]) == {"computer-use-agents", "llm-agents"}, "with its parent"


def test_what_is_shown(home: dict[str, str]) -> None:
    shown = review("y", "q").out
    assert "[0 done, 2 left]  Agents" in shown
    assert f"{home['Agents']} https://example.org/a" in shown
    assert f"1. tool-use             0.50 model  “{SENTENCE}”" in shown
    assert "2. multi-agent-systems  0.40 suggested\n" in shown, (
        "what is not in the text is no quote"
    )
    assert "\ntool-use?\n  right: tool-use\nmulti-agent-systems?\n" in shown
    assert "\x1b" not in shown
    assert "1. multi-agent-systems  0.40" in review("q").out
    assert "2. tool-use             right" in review("q").out


def test_why_shows_the_sentence_and_the_meaning(home: dict[str, str]) -> None:
    shown = review("w", "n", "w", "q").out
    assert f"“{SENTENCE}” (speaks for it)" in shown
    assert "tool-use: Language models that learn" in shown
    assert "“It is about agents.” (nearest in words)" in shown
    assert f"  It is about agents. {SENTENCE}\n" in shown


def test_numbers_toggle(home: dict[str, str]) -> None:
    review("2", "2", "2", "2")
    assert said()["Agents"] == {"multi-agent-systems": False}
    review("2", "1")  # what is open comes first now
    assert said()["Agents"] == {"multi-agent-systems": True, "tool-use": True}


@pytest.mark.parametrize("wrong", ["0", "3", "99", "yy", "+", "-", "²", "+nothing-like-it", "⑦"])
def test_what_is_no_answer_ends_a_script(home: dict[str, str], wrong: str) -> None:
    done = review("y", wrong, "y")
    assert done.code == 2 and "Error" in done.err
    assert said() == {"Agents": {"tool-use": True}}, "what was said before is kept"


def test_all_are_right(home: dict[str, str]) -> None:
    review("n", "a", "a")
    assert said() == {
        "Agents": {"tool-use": False, "multi-agent-systems": True},
        "Browsers": {"computer-use-agents": True},
    }


def test_tags_are_added_and_taken_by_name_alias_or_beginning(home: dict[str, str]) -> None:
    done = review("+Deep Research", "+tool-calling", "-multi-ag", "-llm-agents")
    assert done.code == 0, done.err
    assert said()["Agents"] == {
        "deep-research-agents": True,
        "tool-use": True,
        "multi-agent-systems": False,
    }
    assert said()["Browsers"] == {"llm-agents": False}
    several = review("+multi")
    assert several.code == 2 and "'multi' may mean multi" in several.err
    near = review("+tool-usee")
    assert near.code == 2 and "Did you mean tool-use?" in near.err


def test_undo_in_one_sitting_and_in_the_next(home: dict[str, str]) -> None:
    first = tags_of(home["Agents"])
    done = review("y", "y", "y", "u", "u", "n")
    assert said() == {"Agents": {"tool-use": True, "multi-agent-systems": False}}
    assert "1 right, 1 wrong, 0 skipped; 1 paper left to decide." in done.err
    done = review("u", "u", "u")
    assert done.code == 0 and "There is nothing to undo." in done.out
    assert said() == {} and tags_of(home["Agents"]) == first


def test_skipped_papers_come_again(home: dict[str, str]) -> None:
    done = review("s", "y")
    assert said() == {"Browsers": {"computer-use-agents": True}}
    assert "[1 done, 1 left]  Browsers" in done.out
    assert "1 right, 0 wrong, 1 skipped; 1 paper left to decide." in done.err
    assert "Agents" in review("q").out


def test_limit_and_tag(home: dict[str, str]) -> None:
    done = review("s", "y", args=("--limit", "1"))
    assert done.code == 0 and "Browsers" not in done.out and said() == {}
    done = review("y", "y", "y", args=("--tag", "multi-agent"))
    assert said() == {"Agents": {"multi-agent-systems": True}}
    assert "tool-use?" not in done.out
    unknown = inline("tag", "review", "--tag", "nothing")
    assert unknown.code == 2 and "no tag 'nothing'" in unknown.err
    assert inline("tag", "review", "--limit", "0").code == 2


def test_a_script_that_is_no_text(home: dict[str, str]) -> None:
    done = subprocess.run(
        [*CURATOR, "tag", "review"], input=b"y\n\xff\n", capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict"},
    )  # fmt: skip
    assert done.returncode == 2 and b"not text in UTF-8" in done.stderr
    assert b"Traceback" not in done.stderr


def test_what_was_corrected_is_told(home: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[str]] = []
    monkeypatch.setattr(
        Library, "on_corrected", lambda _, ids: told.append(list(ids)), raising=False
    )
    review("y", "y", "s")
    review("+tool-use", "q")
    assert told == [[home["Agents"]], [home["Browsers"]]]


def test_two_at_once(home: dict[str, str]) -> None:
    place = load_settings().home / "review.lock"
    with FileLock(place):
        done = review("y")
    assert done.code == 3 and "Another process is reviewing" in done.err
    assert said() == {}


def test_what_is_decided_elsewhere_while_a_question_is_shown(
    home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Another process imports a table, and joins the paper to another, before the answer."""

    def lines(library: Library) -> Iterator[str]:
        yield "w"
        with Library.open() as other:
            other.catalog.corrections.set(
                home["Agents"], {"tool-use": True, "multi-agent-systems": False}
            )
        yield "n"
        with Library.open() as other:
            other.merge([home["Browsers"], home["Sure"]])
        yield "n"

    with Library.open() as library:
        queue = ReviewQueue(library.catalog)
        context = ReviewContext(queue, library.catalog.corrections, lambda _: [])
        with Threads(library.home.root / "review.sqlite3").saver() as saver:
            Reviewing(library, Review(saver, context), queue).run(lines(library))
    assert said()["Agents"] == {"tool-use": True, "multi-agent-systems": False}
    assert "That was decided elsewhere meanwhile." in capsys.readouterr().out


def test_a_damaged_file_of_the_review(home: dict[str, str]) -> None:
    place = load_settings().home / "review.sqlite3"
    place.write_bytes(b"not a database, and long enough to be looked at" * 100)
    done = review("y")
    assert done.code == 3 and "→" in done.err and said() == {}


def test_json_lists_the_questions_and_ends(home: dict[str, str]) -> None:
    done = review("y", args=("--json",))
    assert said() == {}
    assert done.json == [
        {
            "paper_id": home["Agents"],
            "title": "Agents",
            "tags": [
                {"tag": "tool-use", "confidence": 0.5, "source": "model", "evidence": SENTENCE},
                {
                    "tag": "multi-agent-systems",
                    "confidence": 0.4,
                    "source": "model",
                    "evidence": "",
                },
            ],
        },
        {
            "paper_id": home["Browsers"],
            "title": "Browsers",
            "tags": [
                {
                    "tag": "computer-use-agents",
                    "confidence": 0.3,
                    "source": "model",
                    "evidence": "",
                }
            ],
        },
    ]
    assert len(review(args=("--json", "--limit", "1")).json) == 1


def test_text_of_papers_does_nothing_to_a_terminal() -> None:
    with Library.open() as library:
        add(library.catalog, record("Nasty \x1b[2J \u202e title", "Text \x07 \x1b]0;x\x07."))
        (paper,) = library.catalog.papers.select()
        library.catalog.outputs.save_tags(
            paper, [StoredTag("bad\x1b[1m", 0.5, "model", False, paper.abstract)],
            taxonomy="t", model="m", recipe="r",
        )  # fmt: skip
    done = review("w", "y")
    assert done.code == 0 and not set("\x1b\x07\u202e") & set(done.out)


# ------------------------------------------------------------------------------- killed


def test_killed_between_question_and_answer(home: dict[str, str]) -> None:
    """The real program: what was answered is stored, and the same question comes again."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    with subprocess.Popen(
        [*CURATOR, "tag", "review"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
    ) as process:
        assert process.stdin and process.stdout
        patience = threading.Timer(60, process.kill)
        patience.start()

        def until(wanted: bytes) -> None:
            assert process.stdout
            while wanted != (line := process.stdout.readline()):
                assert line, f"it ended without {wanted!r}"

        until(b"tool-use?\n")
        process.stdin.write(b"y\n")
        process.stdin.flush()
        until(b"multi-agent-systems?\n")
        process.kill()
        patience.cancel()
        process.wait()
    assert said() == {"Agents": {"tool-use": True}}
    done = review("y", "q")
    assert "\nmulti-agent-systems?\n  right: multi-agent-systems\n" in done.out
    assert "Agents" in done.out and "tool-use?" not in done.out
    assert said() == {"Agents": {"tool-use": True, "multi-agent-systems": True}}
    review("u", "u")
    assert said() == {}, "also what the killed one had taken"


# --------------------------------------------------------------------------- a terminal


class Terminal:
    """``curator tag review`` at a terminal of its own."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        self._process = WARM.start(
            ["tag", "review"],
            files=(slave, slave, slave),
            env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT)},
            new_session=True,
        )
        os.close(slave)
        self.text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def expect(self, wanted: str, seconds: float = 60) -> str:
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

    def end(self) -> int:
        return self._process.wait(30)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(home: dict[str, str]) -> Iterator[Callable[[], Terminal]]:
    opened: list[Terminal] = []

    def start() -> Terminal:
        opened.append(Terminal())
        opened[-1].expect("? lists all keys.")
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_single_keys_mistakes_and_a_completed_tag(terminal: Callable[[], Terminal]) -> None:
    here = terminal()
    here.expect("tool-use? ")
    here.type("\x1b[A")  # an arrow says nothing
    time.sleep(0.2)
    for key, wanted in (("z", "'z' is no answer"), ("9", "There is no 9.")):
        here.type(key)
        here.expect(wanted)
    here.type("y")
    here.expect("right: tool-use")
    here.expect("multi-agent-systems? ")
    here.type("+deep-re\t\r")
    here.expect("right: deep-research-agents")
    here.expect("multi-agent-systems? ")
    here.type("+\r")  # nothing, after all
    here.expect("multi-agent-systems? ")
    here.type("ns")
    here.expect("Nothing is left to decide. u undoes, q leaves.")
    here.type("u")
    here.expect("Browsers")
    here.type("q")
    assert here.end() == 0
    assert said() == {
        "Agents": {
            "deep-research-agents": True,
            "multi-agent-systems": False,
            "tool-use": True,
        }
    }


def test_ctrl_c_leaves_and_keeps_what_was_said(terminal: Callable[[], Terminal]) -> None:
    here = terminal()
    here.expect("tool-use? ")
    here.type("y")
    here.expect("multi-agent-systems? ")
    here.interrupt()
    here.expect("Interrupted")
    assert here.end() == 130
    assert said() == {"Agents": {"tool-use": True}}
    again = terminal()
    again.expect("multi-agent-systems? ")
    again.type("\x04")
    assert again.end() == 0


# --------------------------------------------------------------------------- the tables


def rows_of(file: Path) -> list[dict[str, str]]:
    text = file.read_text("utf-8-sig")
    mark = "\t" if file.suffix == ".tsv" else ","
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=mark))


def answered(file: Path, *answers: str) -> Path:
    """Fills the answers in, in order."""
    rows = rows_of(file)
    for row, answer in zip(rows, answers, strict=True):
        row["right"] = answer
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, delimiter="\t" if file.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
    return file


@pytest.mark.parametrize("name", ["queue.csv", "queue.tsv", "new/folder/queue.CSV"])
def test_there_and_back(home: dict[str, str], tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    done = inline("tag", "review", "--export", file)
    assert done.code == 0 and "3 questions about 2 papers" in done.err
    rows = rows_of(file)
    assert [(r["title"], r["tag"], r["confidence"], r["source"]) for r in rows] == [
        ("Agents", "tool-use", "0.50", "model"),
        ("Agents", "multi-agent-systems", "0.40", "model"),
        ("Browsers", "computer-use-agents", "0.30", "model"),
    ]
    assert (rows[0]["url"], rows[0]["evidence"]) == ("https://example.org/a", SENTENCE)
    assert rows[1]["evidence"] == "", "what the text has not is no evidence"
    assert {r["right"] for r in rows} == {r["note"] for r in rows} == {""}
    answered(file, "Y", "", "False")
    done = inline("tag", "review", "--import", file)
    assert done.code == 0 and "not learned yet" in done.err
    assert done.out == "3 rows: 1 right, 1 wrong, 0 known already, 1 left open, 0 failed\n"
    assert said() == {"Agents": {"tool-use": True}, "Browsers": {"computer-use-agents": False}}
    again = inline("tag", "review", "--import", file, "--json").json
    assert again == {"rows": 3, "right": 0, "wrong": 0, "known": 2, "open": 1, "failed": []}
    assert [item["title"] for item in inline("tag", "review", "--json").json] == ["Agents"]


def test_export_of_a_part(home: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "queue.csv"
    inline("tag", "review", "--export", file, "--tag", "tool-use", "--limit", "1")
    assert [row["tag"] for row in rows_of(file)] == ["tool-use"]
    inline("tag", "review", "--export", file, "--tag", "mathematical-reasoning")
    assert rows_of(file) == [] and file.read_text("utf-8-sig").startswith('"paper_id"')


def table(tmp_path: Path, data: str | bytes, name: str = "given.csv") -> Path:
    file = tmp_path / name
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return file


def imported(file: Path) -> Any:
    done = inline("tag", "review", "--import", file, "--json")
    counts = done.json
    parts = ("right", "wrong", "known", "open")
    assert counts["rows"] == sum(counts[name] for name in parts) + len(counts["failed"])
    assert done.code == bool(counts["failed"])
    return counts


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t, id="as it is"),
        pytest.param(lambda t: "\ufeff" + t, id="byte order mark"),
        pytest.param(lambda t: t.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(lambda t: t.replace(",", ";"), id="semicolons"),
        pytest.param(lambda t: "\ufeffsep=;\r\n" + t.replace(",", ";"), id="sep= in Excel"),
        pytest.param(lambda t: t.replace(",", "\t"), id="tabs in a .csv"),
        pytest.param(lambda t: t.replace("right", " Right "), id="capitals and blanks"),
        pytest.param(lambda t: t + "\n,,,\n\n", id="empty rows"),
        pytest.param(lambda t: t.replace("\n", ",,,\n"), id="empty columns"),
        pytest.param(lambda t: t.rstrip("\n"), id="no end of line"),
        pytest.param(lambda t: ("\ufeff" + t).encode("utf-16-le"), id="UTF-16"),
        pytest.param(lambda t: t.replace("note", "Bemerkung für dich").encode("cp1252"), id="ANSI"),
    ],
)
def test_what_spreadsheets_make_of_it(
    home: dict[str, str], tmp_path: Path, change: Callable[[str], str | bytes]
) -> None:
    """The columns in another order and some left out; the title is not read."""
    text = (
        "right,note,tag,paper_id\n"
        f"x,note,tool-use,{home['Agents']}\n"
        f"0,note,multi-agent-systems,{home['Agents']}\n"
        f",note,computer-use-agents,{home['Browsers']}\n"
    )
    counts = imported(table(tmp_path, change(text)))
    assert counts | {"failed": []} == {
        "rows": 3, "right": 1, "wrong": 1, "known": 0, "open": 1, "failed": [],
    }  # fmt: skip
    assert counts["failed"] == []
    assert said() == {"Agents": {"tool-use": True, "multi-agent-systems": False}}


def test_papers_by_other_names_and_tags_by_aliases(home: dict[str, str], tmp_path: Path) -> None:
    with Library.open() as library:
        name = library.merge([home["Agents"], home["Browsers"]])
    gone = next(iter({home["Agents"], home["Browsers"]} - {name}))
    text = f"paper_id,tag,right\n{gone},Tool Calling,1\n2401.00001v2,rag,n\n"
    counts = imported(table(tmp_path, text))
    assert (counts["right"], counts["wrong"], counts["failed"]) == (1, 1, [])
    with Library.open() as library:
        assert set(library.catalog.corrections.all()) == {name}


def test_bad_rows_are_named_and_the_others_taken(home: dict[str, str], tmp_path: Path) -> None:
    agents, browsers = home["Agents"], home["Browsers"]
    text = (
        "paper_id,tag,right,evidence\n"
        f"{agents},tool-use,y,\n"
        f'{agents},multi-agent-systems,perhaps,"two\nlines"\n'
        "p000000000000,tool-use,y,\n"
        "Agents,tool-use,y,\n"
        f"{agents},no-such-tag,n,\n"
        ",tool-use,y,\n"
        f"{agents},,y,\n"
        f"{browsers},computer-use-agents,y,\n"
        f"{browsers},computer-use-agents,N,\n"
        f"{browsers},tool-use,y,,torn\n"
        f"{agents},tool-use,YES,\n"
        f"{agents}\n"
    )
    counts = imported(table(tmp_path, text))
    failed = {row["line"]: row["reason"] for row in counts["failed"]}
    assert sorted(failed) == [3, 5, 6, 7, 8, 9, 10, 11, 12]
    assert "'perhaps'" in failed[3]
    assert "'p000000000000'" in failed[5] and "'Agents'" in failed[6], "titles may be ambiguous"
    assert "'no-such-tag'" in failed[7]
    assert failed[8] == "names no paper" and failed[9] == "names no tag"
    assert failed[10] == failed[11] and "lines 10 and 11 contradict" in failed[10]
    assert "more cells" in failed[12]
    assert (counts["rows"], counts["right"], counts["known"], counts["open"]) == (12, 1, 1, 1)
    assert said() == {"Agents": {"tool-use": True}}
    listed = inline("tag", "review", "--import", tmp_path / "given.csv")
    assert listed.code == 1
    assert listed.out == "12 rows: 0 right, 0 wrong, 2 known already, 1 left open, 9 failed\n"
    assert "Line 7: no tag 'no-such-tag' in the taxonomy" in listed.err


@pytest.mark.parametrize(
    ("data", "name", "wanted"),
    [
        pytest.param("", "a.csv", "no column paper_id", id="empty"),
        pytest.param("paper_id,tag\np1,x\n", "a.csv", "no column right", id="no answers"),
        pytest.param("title,abstract\nA,B\n", "a.csv", "it has 'title', 'abstract'", id="other"),
        pytest.param('paper_id,tag,right\np1,"x,y\n', "a.csv", "line 2: a quotation", id="quote"),
        pytest.param("PK\x03\x04zip", "a.csv", "own file", id="renamed"),
        pytest.param("PK\x03\x04zip", "a.xlsx", "read and written as text", id="xlsx"),
        pytest.param(b"\x00\x01\x02paper_id", "a.csv", "is no text", id="binary"),
        pytest.param(
            "paper_id,tag,right\np000000000000,rag,y\np000000000001,rag,\n", "a.csv",
            "is of another library", id="another library",
        ),
        pytest.param("p" * 300_000, "a.csv", "quotation mark", id="a cell without end"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_taken(
    home: dict[str, str], tmp_path: Path, data: str | bytes, name: str, wanted: str
) -> None:
    done = inline("tag", "review", "--import", table(tmp_path, data, name))
    assert done.code == 2 and wanted in done.err, done.err
    assert done.out == "" and said() == {}


def test_usage_of_tables(home: dict[str, str], tmp_path: Path) -> None:
    for args in (
        ("--import", "nowhere.csv"),
        ("--import", str(tmp_path)),
        ("--import", "a.csv", "--export", "b.csv"),
        ("--import", "a.csv", "--tag", "rag"),
        ("--import", "a.csv", "--limit", "2"),
        ("--export", "queue.xlsx"),
    ):
        done = inline("tag", "review", *args)
        assert done.code == 2 and "Error" in done.err, args
    place = tmp_path / "file"
    place.write_text("x")
    assert inline("tag", "review", "--export", place / "queue.csv").code == 3


def paper(**fields: Any) -> Paper:
    return Paper(**{"id": "p000000000001", "title": "T", "abstract": "A.", **fields})


CELL = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)


@given(title=CELL, evidence=CELL, url=CELL, tag=CELL.filter(str.strip), mark=st.sampled_from(",\t"))
def test_any_text_comes_back_and_no_cell_is_a_formula(
    tmp_path_factory: pytest.TempPathFactory,
    title: str,
    evidence: str,
    url: str,
    tag: str,
    mark: str,
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.csv"
    stored = StoredTag(tag, 0.5, "model", evidence=evidence)
    item = ReviewItem("p000000000001", (stored,))
    text = "".join(
        written([item], {item.paper_id: paper(title=title, url=url, abstract=evidence)}, mark)
    )
    rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=mark))
    assert len(rows) == 2 and len(rows[1]) == len(COLUMNS)
    assert not any(cell.startswith(tuple("=+-@\t")) for cell in rows[1])
    rows[1][COLUMNS.index("right")] = "y"
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=mark).writerows(rows)
    file.write_bytes(out.getvalue().encode())
    sheet = read(file, lambda name: name, lambda _, name: name)
    assert sheet.failed == [] and sheet.said == {"p000000000001": {tag.strip(): True}}


def test_a_table_without_a_library() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read(Path("nowhere.csv"), lambda _: None, lambda *_: None)
    with pytest.raises(UsageError, match="text"):
        read(Path("queue.ods"), lambda _: None, lambda *_: None)
    assert {"rag", "tool-use", "llm-agents"} <= set(load_taxonomy().by_name) | {"rag"}
