"""`curator profile`: keys, scripts, what is followed, and what goes wrong."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from commands import ROOT, Result
from fakes import add, many, record
from typer.testing import CliRunner

from curator.catalog.readers import Readers
from curator.cli.profile import profile
from curator.library import Library
from curator.paper import Paper
from curator.readers import ME, Profile


def run(*args: str | Path, stdin: str | bytes | None = None) -> Result:
    """``curator profile ARGS`` in this process."""
    done = CliRunner().invoke(profile, [str(arg) for arg in args], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Result(done.exit_code, done.stdout, done.stderr)


LATIN = "caf\udce9"  # bytes that are no UTF-8, as Python hands them over


@dataclass(frozen=True)
class Why:
    words: tuple[tuple[str, float], ...]
    papers: tuple[tuple[str, float], ...] = ()


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], list[str]]]:
    """Instead of what is learned: papers are asked about by title, and words are those of the
    liked titles. Gives what was rated at each question."""
    asked: list[tuple[list[str], list[str]]] = []

    def ask_next(
        papers: Sequence[Paper],
        vectors: Any,
        *,
        liked: Sequence[Paper],
        disliked: Sequence[Paper],
        count: int,
        **_: Any,
    ) -> list[Paper]:
        asked.append(([p.title for p in liked], [p.title for p in disliked]))
        vectors(papers)
        return sorted(papers, key=lambda p: p.title)[:count]

    class Learned:
        def why(self, paper: Paper, *, words: int) -> Why:
            own = dict.fromkeys(paper.title.split())
            return Why(tuple((word, 1.0) for word in own))

    module = ModuleType("curator.interest")
    module.ask_next = ask_next  # type: ignore[attr-defined]
    module.learn = lambda *_, **__: Learned()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "curator.interest", module)
    return asked


TITLES = ("Bats at dusk", "Crows", "Moths", "Owls at night")


@pytest.fixture
def home() -> dict[str, str]:
    """A library of four papers; their ids by title."""
    with Library.open() as library:
        add(
            library.catalog,
            *(record(title, f"We watch {title}.", authors=["Ada Núñez"]) for title in TITLES),
        )
        library.index(vectors=False)
        return {p.title: p.id for p in library.catalog.papers.select()}


def rated(reader: str = ME) -> tuple[set[str], set[str]]:
    """Titles of the liked and the disliked papers."""
    with Library.open() as library:
        known = {p.id: p.title for p in library.catalog.papers.select()}
        liked, disliked = Readers(library.catalog.store).ratings(reader)
        return {known[i] for i in liked}, {known[i] for i in disliked}


def stored(reader: str = ME) -> Profile | None:
    with Library.open() as library:
        return Readers(library.catalog.store).get(reader)


# --------------------------------------------------------------------------------------- init


def test_ratings_from_a_pipe(home: dict[str, str], scripted: list[Any]) -> None:
    done = run("init", stdin="y\nn\n\nS\nlike\n")
    assert done.code == 0, done.err
    assert rated() == ({"Bats at dusk", "Owls at night"}, {"Crows"})
    assert [line for line in done.out.splitlines() if line.startswith("[")] == [
        "[1 of 10]  Bats at dusk",
        "[2 of 10]  Crows",
        "[3 of 10]  Moths",
        "[3 of 10]  Owls at night",
    ]
    assert "2 liked, 1 disliked, 1 skipped; 3 ratings in all." in done.err
    # So few ratings only say what need not be asked about.
    assert scripted[:3] == [([], []), ([], ["Bats at dusk"]), ([], ["Bats at dusk", "Crows"])]


def test_from_some_ratings_on_they_are_learned_from(
    home: dict[str, str], scripted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curator.cli.rating.SPREAD", 2)
    assert run("init", stdin="y\nn\ny\n").code == 0
    assert scripted[1] == ([], ["Bats at dusk"])
    assert scripted[2] == (["Bats at dusk"], ["Crows"])


def test_who_wrote_what_they_work_on_is_learned_from_at_once(
    home: dict[str, str], scripted: list[Any]
) -> None:
    assert run("set", "--text", "bats").code == 0
    assert run("init", stdin="y\nq\n").code == 0
    assert scripted[1] == (["Bats at dusk"], [])


def test_it_goes_on_where_it_was(home: dict[str, str], scripted: list[Any]) -> None:
    assert run("init", stdin="y\nq\n").code == 0
    assert rated() == ({"Bats at dusk"}, set())
    done = run("init", stdin="n\n")
    assert "[1 of 9]  Crows" in done.out
    assert rated() == ({"Bats at dusk"}, {"Crows"})
    assert run("init", stdin="").code == 0  # nothing said is nothing done
    assert rated() == ({"Bats at dusk"}, {"Crows"})


def test_it_ends_when_the_goal_is_reached(home: dict[str, str], scripted: list[Any]) -> None:
    done = run("init", "--more", "2", stdin="y\ns\ny\ny\ny\n")
    assert done.code == 0
    assert rated() == ({"Bats at dusk", "Moths"}, set())
    assert run("init", "--more", "0").code == 2


def test_ten_ratings_are_enough(scripted: list[Any]) -> None:
    with Library.open() as library:
        add(library.catalog, *many(12))
    assert run("init", stdin="y\n" * 20).code == 0
    assert len(rated()[0]) == 10
    done = run("init", stdin="y\n")
    assert done.code == 0
    assert "10 papers are rated already; --more 10" in done.err
    assert len(rated()[0]) == 10
    done = run("init", "--more", "5", stdin="n\n" * 9)  # only two are left
    assert done.code == 0
    assert [len(part) for part in rated()] == [10, 2]


def test_undo_takes_back_what_was_said(home: dict[str, str], scripted: list[Any]) -> None:
    done = run("init", stdin="u\ny\nu\nn\ns\nu\nu\nu\ny\nq\n")
    assert done.code == 0, done.err
    assert done.out.count("There is nothing to undo.") == 2
    assert done.out.count("Taken back.") == 3
    assert rated() == ({"Bats at dusk"}, set())


def test_what_is_no_answer_ends_a_script_and_keeps_the_rest(
    home: dict[str, str], scripted: list[Any]
) -> None:
    done = run("init", stdin="y\nmaybe\x1b[31m\nn\n")
    assert done.code == 2
    assert "'maybe[31m' is no answer" in done.err
    assert "→ y, n, s" in done.err
    assert rated() == ({"Bats at dusk"}, set())
    assert run("init", stdin=b"\xff\xfe\n").code == 2


def test_help_and_the_whole_abstract(scripted: list[Any]) -> None:
    with Library.open() as library:
        names = [f"Author {n}" for n in range(9)]
        text = "word " * 200 + "the end \x1b[31m\u202e."
        add(library.catalog, record(r"On $\alpha$-owls", text, authors=names))
    done = run("init", stdin="?\nw\ny\n")
    assert done.code == 0
    assert "y this is for me" in done.out
    assert "[1 of 10]  On α-owls" in done.out
    assert "and 5 more" in done.out
    assert done.out.count("the end") == 1
    assert done.out.replace("\n", "").isprintable()


@pytest.mark.parametrize("count", [1, 3])
def test_a_small_library_is_rated_whole(scripted: list[Any], count: int) -> None:
    with Library.open() as library:
        add(library.catalog, *many(count))
    assert run("init", stdin="y\n" * 20).code == 0
    assert len(rated()[0]) == count
    done = run("init", stdin="y\n")
    assert done.code == 0
    assert "Every paper of the library is rated." in done.err


def test_an_empty_library_says_what_to_do(scripted: list[Any]) -> None:
    done = run("init", "--reader", "jane", stdin="y\n")
    assert done.code == 2
    assert "no papers to rate" in done.err
    assert "curator add" in done.err
    assert stored("jane") is None


def test_each_reader_rates_alone(home: dict[str, str], scripted: list[Any]) -> None:
    done = run("init", "--reader", "jane", stdin="n\ny\n")
    assert "There is a new reader now: jane." in done.err
    assert rated("jane") == ({"Crows"}, {"Bats at dusk"})
    assert rated() == (set(), set())
    assert run("init", "--reader", "../x", stdin="y\n").code == 2


def test_init_for_programs(home: dict[str, str], scripted: list[Any]) -> None:
    done = run("init", "--json", stdin="y\nn\nq\n")
    assert done.code == 0
    assert done.json == {
        "reader": "me",
        "rated": [
            {"paper_id": home["Bats at dusk"], "liked": True},
            {"paper_id": home["Crows"], "liked": False},
        ],
        "liked": 1,
        "disliked": 1,
        "next": [
            {"paper_id": home["Moths"], "title": "Moths"},
            {"paper_id": home["Owls at night"], "title": "Owls at night"},
        ],
    }
    assert "[1 of 10]" in done.err


def test_what_is_really_learned(home: dict[str, str]) -> None:
    """With the real chooser, without weights: each paper once, and words of what was liked."""
    done = run("init", stdin="y\ny\nn\ns\n")
    assert done.code == 0, done.err
    assert "Going by words only" in done.err
    asked = [line for line in done.out.splitlines() if line.startswith("[")]
    assert {line.partition("]  ")[2] for line in asked} == set(TITLES)
    liked, disliked = rated()
    assert (len(liked), len(disliked)) == (2, 1)
    words = [item["word"].lower() for item in run("show", "--json").json["words"]]
    assert words
    assert set(words) <= set(" ".join([*liked, "we watch"]).lower().split())


PROGRAM = """
import sys
from types import ModuleType
module = ModuleType("curator.interest")
module.ask_next = lambda papers, vectors, *, count, **_: sorted(
    papers, key=lambda p: p.title)[:count]
sys.modules["curator.interest"] = module
from curator.cli.profile import profile
profile(["init"])
"""


def test_single_keys_at_a_terminal(home: dict[str, str]) -> None:
    """Keys need no Enter; what was said is kept though the process is killed in the middle."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        start_new_session=True,
    )
    os.close(follower)
    seen = ""

    def until(text: str) -> None:
        nonlocal seen
        end = time.monotonic() + 60
        while text not in seen and time.monotonic() < end:
            if select.select([leader], [], [], 0.5)[0]:
                seen += os.read(leader, 4096).decode("utf-8", "replace")
        assert text in seen, seen
        seen = seen.partition(text)[2]

    try:
        until("Bats at dusk")
        os.write(leader, b"y")
        until("[2 of 10]  Crows")
        os.write(leader, b"z")
        until("'z' is no answer")
        os.write(leader, b"n")
        until("[3 of 10]  Moths")
        os.write(leader, b"u")
        until("Taken back.")
        os.write(leader, b"y")
        until("[3 of 10]  Moths")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(leader)
    assert rated() == ({"Bats at dusk", "Crows"}, set())


# --------------------------------------------------------------------------------- show, set


def test_show_tells_all(home: dict[str, str], scripted: list[Any], tmp_path: Path) -> None:
    text = tmp_path / "about.txt"
    text.write_text("\ufeffI watch birds.\nAt night.", "utf-8")
    run("set", "--address", "me@example.org", "--zone", "europe/berlin", "--text-file", text)
    run("follow", "tag:llm-agents", "author:ada nunez", "search:owls")
    run("rate", "like", home["Owls at night"], home["Bats at dusk"])
    run("rate", "dislike", home["Crows"])
    done = run("show")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert "Address   me@example.org" in lines
    assert "Zone      Europe/Berlin" in lines
    assert "Text      I watch birds." in lines
    assert lines[lines.index("Text      I watch birds.") + 1].strip() == "At night."
    assert "Follows   tag:llm-agents" in lines
    assert "Follows   author:ada nunez" in lines
    assert "Follows   search:owls" in lines
    assert "Likes     2 papers" in lines
    assert any(home["Crows"] in line for line in lines)
    assert "Learned   at, Bats, dusk, night, Owls" in lines
    shown = run("show", "--json").json
    assert shown["text"] == "I watch birds.\nAt night."
    assert set(shown["liked"]) == {home["Owls at night"], home["Bats at dusk"]}
    assert shown["disliked"] == [home["Crows"]]
    assert shown["words"][0] == {"word": "at", "weight": 1.0}


def test_show_of_nothing(scripted: list[Any]) -> None:
    done = run("show")
    assert done.code == 0
    assert "nothing yet: `curator profile init`" in done.out
    assert run("show", "--json").json["words"] == []


def test_tags_that_are_gone_are_said_to_be(home: dict[str, str], scripted: list[Any]) -> None:
    with Library.open() as library:
        Readers(library.catalog.store).save(Profile(tags=("gone-tag",)))
    assert "Follows   tag:gone-tag (there is no such tag now)" in run("show").out
    assert run("unfollow", "tag:gone-tag").code == 0
    assert stored() == Profile()


@pytest.mark.parametrize(
    "args",
    [
        ("show", "--reader", "bob"),
        ("follow", "search:owls", "--reader", "bob"),
        ("unfollow", "search:owls", "--reader", "bob"),
        ("rate", "like", "Crows", "--reader", "bob"),
        ("import", __file__, "--reader", "bob"),
        ("remove", "bob"),
    ],
)
def test_unknown_readers(home: dict[str, str], args: tuple[str, ...]) -> None:
    run("set", "--reader", "jane")
    done = run(*args)
    assert done.code == 2
    assert "There is no reader 'bob'." in done.err
    assert "There are: me, jane." in done.err
    assert stored("bob") is None


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--address", "jane@example.org\nBcc: x@example.org"), "not an e-mail address"),
        (("--zone", "Mars/Olympus"), "no time zone 'Mars/Olympus'"),
        (("--text", "x" * 20_000), "20,000 characters"),
        (("--text", "a", "--text-file", "b"), "do not go together"),
        (("--text-file", "gone.txt"), "cannot be read"),
        (("--text-file", "."), "cannot be read"),
    ],
)
def test_set_refuses_and_makes_nobody(args: tuple[str, ...], says: str) -> None:
    done = run("set", "--reader", "jane", *args)
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert stored("jane") is None
    assert run("set", "--reader", "../x").code == 2
    assert run("set").code == 2


def test_a_text_is_text(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes(b"caf\xe9")
    assert "not text in UTF-8" in run("set", "--text-file", file).err
    file.write_bytes(b"x" * 200_000)
    assert run("set", "--text-file", file).code == 2
    assert run("set", "--text-file", "-", stdin="From a pipe.\n").code == 0
    known = stored()
    assert known and known.text == "From a pipe."


def test_what_was_set_is_forgotten_when_asked() -> None:
    run("set", "--address", "me@example.org", "--zone", "UTC", "--text", "T")
    done = run("set", "--address", "", "--text", "", "--json")
    assert done.json == {"reader": "me", "address": "", "zone": "UTC", "follows": 0, "text": ""}


# ---------------------------------------------------------------------------------- following


def test_follow_and_unfollow(home: dict[str, str]) -> None:
    done = run("follow", "tag:LLM Agents", "author:Ada Núñez", 'search:"owls at" night')
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "followed  tag:llm-agents  (0 papers here)",
        "followed  author:Ada Núñez  (4 papers here)",
        'followed  search:"owls at" night  (1 paper here)',
    ]
    again = run("follow", "author:ada  nunez", "search:moths", "--json")
    assert again.json == {
        "reader": "me",
        "followed": [
            {"kind": "author", "name": "ada nunez", "new": False, "papers": 4},
            {"kind": "search", "name": "moths", "new": True, "papers": 1},
        ],
        "failed": [],
    }
    gone = run("unfollow", "TAG:llm agents", "author:ADA NUNEZ", "search:moths")
    assert gone.code == 0, gone.err
    assert stored() == Profile(searches=('"owls at" night',))


@pytest.mark.parametrize(
    ("item", "says"),
    [
        ("tag:llm-agentz", "llm-agents"),
        ("owls", 'Write tag:NAME, author:"Full Name" or search'),
        ("venue:ACL", 'Write tag:NAME, author:"Full Name" or search'),
        ("tag:", 'Write tag:NAME, author:"Full Name" or search'),
        ("author:...", "names nobody"),
        ('search:"owls', "never closed"),
        ("search:the", "names no word"),
    ],
)
def test_what_cannot_be_followed(home: dict[str, str], item: str, says: str) -> None:
    done = run("follow", item)
    assert done.code == 2
    assert says in done.err
    assert stored() == Profile()
    both = run("follow", item, "search:owls", "--json")
    assert both.code == 1
    assert [f["name"] for f in both.json["failed"]] == [item]
    assert stored() == Profile(searches=("owls",))


def test_words_that_are_no_text(home: dict[str, str]) -> None:
    for args, code in (
        (("follow", f"search:{LATIN}", f"tag:{LATIN}", "--json"), 1),
        (("unfollow", f"author:{LATIN}"), 2),
        (("rate", "like", LATIN, "--json"), 2),
        (("import", LATIN), 2),
        (("set", "--text", LATIN), 0),
        (("set", "--address", f"a@{LATIN}.org"), 2),
        (("set", "--zone", LATIN), 2),
        (("show", "--reader", LATIN), 2),
        (("remove", LATIN), 2),
        (("set", "--reader", LATIN, "--zone", "UTC"), 2),
    ):
        done = run(*args)
        assert done.code == code, (args, done)
        assert "unforeseen" not in done.err
    assert stored() == Profile(text="caf?", searches=("caf?",))


def test_what_is_not_followed_cannot_be_unfollowed(home: dict[str, str]) -> None:
    run("follow", "search:owls")
    done = run("unfollow", "search:bats")
    assert done.code == 2
    assert "me does not follow search:bats." in done.err
    assert run("unfollow", "search:bats", "search:owls").code == 1
    assert stored() == Profile()


# ------------------------------------------------------------------------- rating, importing


def test_rate_by_any_name(home: dict[str, str]) -> None:
    run("set", "--reader", "jane")
    done = run("rate", "like", "Crows", home["Moths"][:8], "gone", "--reader", "jane")
    assert done.code == 1
    assert "Not rated: No paper 'gone'" in done.err
    assert rated("jane") == ({"Crows", "Moths"}, set())
    assert run("rate", "dislike", "-", "--reader", "jane", stdin="Crows\n\n").code == 0
    assert rated("jane") == ({"Moths"}, {"Crows"})
    none = run("rate", "none", "Crows", "Owls at night", "--reader", "jane", "--json")
    assert none.json["changed"] == [home["Crows"]]
    assert rated() == (set(), set())
    assert run("rate", "love", "Crows").code == 2
    assert run("rate", "like", "gone").code == 2
    assert run("rate", "like", "-", stdin="").code == 2


def test_ratings_of_me_are_the_marks(home: dict[str, str]) -> None:
    run("rate", "like", "Crows")
    with Library.open() as library:
        assert library.catalog.marks.ids("liked") == [home["Crows"]]


def test_import_and_import_again(home: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "own.bib"
    file.write_text("@misc{a, title={Crows}}\n@misc{b, title={Elsewhere}, abstract={Text.}}\n")
    done = run("import", file)
    assert done.code == 0, done.err
    assert done.out == "2 papers read, 1 of them in the library; the bibliography has 2.\n"
    assert run("import", file, "--json").json["bibliography"] == 2
    known = stored()
    assert known and [e.paper_id for e in known.bibliography] == [home["Crows"], ""]
    with Library.open() as library:
        assert library.catalog.papers.count() == len(TITLES)
    other = tmp_path / "other.bib"
    other.write_text("@misc{c, title={Third}}\n@misc{d, author={Nobody}}\n")
    partly = run("import", other, "--replace", "--json")
    assert partly.code == 1
    assert partly.json["bibliography"] == 1
    assert len(partly.json["rejected"]) == 1
    assert run("set", "--no-bibliography").code == 0
    assert stored() == Profile()


@pytest.mark.parametrize("content", ["", "no bibliography\n", "@article{a, author={A}}"])
def test_import_of_what_is_none(home: dict[str, str], tmp_path: Path, content: str) -> None:
    file = tmp_path / "own.bib"
    file.write_text(content)
    done = run("import", file)
    assert done.code == 2
    assert done.err.startswith("Error: ")
    assert stored() == Profile()
    assert run("import", tmp_path / "gone.bib").code == 2


# ------------------------------------------------------------------------------ list, remove


def test_list_and_remove(home: dict[str, str]) -> None:
    run("set", "--reader", "jane", "--address", "jane@example.org", "--zone", "UTC")
    run("rate", "like", "Crows", "--reader", "jane")
    run("follow", "search:owls", "--reader", "jane")
    listed = run("list", "--json").json
    assert [row["reader"] for row in listed] == ["me", "jane"]
    assert listed[1] == {
        "reader": "jane",
        "address": "jane@example.org",
        "zone": "UTC",
        "follows": 1,
        "liked": 1,
        "disliked": 0,
    }
    assert "jane@example.org" in run("list").out
    assert run("remove", "jane").code == 0
    assert run("remove", "jane").code == 2
    assert [row["reader"] for row in run("list", "--json").json] == ["me"]
    run("rate", "like", "Crows")
    assert "stays" in run("remove", "me").out
    assert rated() == ({"Crows"}, set())


def test_help_teaches() -> None:
    done = run("--help")
    assert done.code == 0
    for name in ("init", "show", "set", "follow", "unfollow", "import", "rate", "list", "remove"):
        assert f"  {name} " in done.out
        assert run(name, "--help").code == 0
    assert json.dumps(run("follow", "--help").out).count("search:")
