"""`curator digest review`: keys, scripts, and what happens when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from commands import ROOT, Result
from digests import citing, digest_of, example, paper
from fakes import add, record
from filelock import FileLock
from typer.testing import CliRunner

from curator.cli.digest_desk import _text_for
from curator.cli.digest_review import review
from curator.digest.document import DigestDocument, DigestSection, Sentence, every_paper
from curator.digest.edits import NOTABLE, Edits, apply_edits, merge_edits, no_edits
from curator.library import Library
from curator.settings import load_settings
from curator.threads import Threads
from graphs.digest_review import DigestReview, DigestReviewContext

TEXTS = {
    "Owls": "Owls find a mouse in 12 seconds by ear alone.",
    "Moths": "Moths fly to lamps because they keep them overhead.",
    "Boats": "A keel of 3.5 m keeps a boat upright.",
}


@pytest.fixture
def ids() -> dict[str, str]:
    """A library with a digest of three papers; ids by title."""
    with Library.open() as library:
        add(library.catalog, *(record(title, text) for title, text in TEXTS.items()))
        known = {p.title: p.id for p in library.catalog.papers.select()}
        made = {
            title: paper(n, title, text, paper_id=known[title])
            for n, (title, text) in enumerate(TEXTS.items())
        }
        library.catalog.digests.save(
            digest_of(
                [
                    DigestSection(
                        tag="night",
                        title="By night",
                        papers=[made["Owls"], made["Moths"]],
                        notes=[],
                    ),
                    DigestSection(tag="sea", title="At sea", papers=[made["Boats"]], notes=[]),
                ]
            )
        )
    return known


def run(*lines: str, args: tuple[str, ...] = ()) -> Result:
    app = typer.Typer()
    app.command()(review)
    done = CliRunner().invoke(app, list(args), input="".join(f"{line}\n" for line in lines))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert "Traceback" not in done.stderr
    return Result(done.exit_code, done.stdout, done.stderr)


def stored(name: str = "2026-W47", reader: str = "me") -> Edits:
    with Library.open() as library:
        return cast(Edits, library.catalog.digests.edits(name, reader) or no_edits())


def edits(**given: Any) -> Edits:
    made = no_edits()
    made.update(given)  # type: ignore[typeddict-item]
    return made


# ----------------------------------------------------------------------------- a script


def test_nothing_said_changes_nothing(ids: dict[str, str]) -> None:
    for lines in ((), ("",), ("q",), ("?", "w", "q", "d"), ("k", "k", "k")):
        done = run(*lines)
        assert done.code == 0 and stored() == no_edits()
    assert "All papers were looked at." in done.out
    assert "curator digest --week 2026-W47 --out DIR" in done.err


def test_what_is_shown(ids: dict[str, str]) -> None:
    shown = run("w", "q").out
    assert "[1 of 3]  Owls" in shown and "By night, 1 of 2" in shown
    assert f"{TEXTS['Owls']} (quoted)" in shown and "here for: 10 upvotes" in shown
    assert "\x1b" not in shown


def test_every_key(ids: dict[str, str]) -> None:
    done = run("p", "k", "d", "e A keel of 3.5 m keeps it dry.", "n Read this one first.", "k")
    assert done.code == 0
    assert stored() == edits(
        pinned={ids["Owls"]: True},
        dropped={ids["Moths"]: True},
        tldrs={ids["Boats"]: "A keel of 3.5 m keeps it dry."},
        notes={ids["Boats"]: ["Read this one first."]},
    )
    assert "(yours, not supported: not in the source: dry)" in done.out
    assert "> Read this one first.\n" in done.out, "which claims nothing, and is not marked"
    assert "1 pinned, 1 dropped, 1 summary rewritten, 1 note, 0 moved." in done.err


def test_moving(ids: dict[str, str]) -> None:
    assert run("-", "q").code == 0
    assert [m["after"] for m in stored()["moves"]] == [ids["Moths"]]
    assert "By night, 2 of 2" in run("q").out
    assert run("+", "m at s", "q").code == 0
    with Library.open() as library:
        document = library.catalog.digests.get("2026-W47")
        assert document
        made = apply_edits(document, stored(), citing_human)
    assert [[p["title"] for p in s["papers"]] for s in made["sections"]] == [
        ["Moths"],
        ["Boats", "Owls"],
    ]
    done = run("m also", "q")
    assert stored()["moves"][-1]["section"] == NOTABLE and "Also notable, 1 of 1" in done.out


def citing_human(text: str, paper_id: str | None) -> Sentence:
    return citing(text, "human", paper_id=paper_id or "")


@pytest.mark.parametrize("wrong", ["x", "e", "n", "m", "m nowhere", "+", "pp", "p it", "²", "m "])
def test_what_is_no_answer_ends_a_script(ids: dict[str, str], wrong: str) -> None:
    done = run("p", wrong, "d")
    assert done.code == 2 and "Error" in done.err
    assert stored() == edits(pinned={ids["Owls"]: True}), "what was said before is kept"


def test_undo_in_one_sitting_and_in_the_next(ids: dict[str, str]) -> None:
    done = run("d", "e Mine.", "u", "u", "u")
    assert stored() == no_edits() and "nothing to undo" in done.out
    run("p", "k", "d", "q")
    assert "[2 of 2]  Boats" in run("q").out
    done = run("u", "u", "u", "q")
    assert stored() == no_edits() and done.out.count("Taken back.") == 3


def test_a_pin_is_taken_back(ids: dict[str, str]) -> None:
    assert "not pinned any more" in run("p", "p").out and stored() == no_edits()


def test_it_goes_on_where_it_was_left_and_begins_anew_at_the_end(ids: dict[str, str]) -> None:
    run("k", "q")
    assert "Moths" in run("q").out
    assert "All papers" in run("k", "k").out
    assert "[1 of 3]  Owls" in run("q").out


def test_edits_made_elsewhere_are_kept(ids: dict[str, str]) -> None:
    run("p", "q")
    with Library.open() as library:
        now = merge_edits(stored(), edits(titles={"sea": "Out at sea"}))
        library.catalog.digests.save_edits("2026-W47", cast(dict[str, Any], now))
    done = run("u", "n Noted.", "q")
    assert "edited elsewhere" in done.out
    assert stored() == edits(
        pinned={ids["Owls"]: True}, titles={"sea": "Out at sea"}, notes={ids["Owls"]: ["Noted."]}
    )


def test_a_digest_that_was_made_anew(ids: dict[str, str]) -> None:
    run("q")
    with Library.open() as library:
        document = library.catalog.digests.get("2026-W47")
        assert document
        document["sections"][0]["papers"].pop(0)
        library.catalog.digests.save(document)
    assert "[1 of 2]  Moths" in run("q").out


# ------------------------------------------------------------------------- which digest


def test_which_digest(ids: dict[str, str]) -> None:
    with Library.open() as library:
        library.catalog.digests.save({**example(), "name": "2026-W48", "reader": "jane"})
        library.catalog.digests.save(cast(DigestDocument, {"name": "2026-W46", "reader": "me",
                                          "since": "a", "until": "b", "version": 1}))  # fmt: skip
    assert "Owls" in run("q").out
    assert "Owls" in run("q", args=("--week", "2026-W47")).out
    jane = run("d", "q", args=("2026-W48", "--reader", "jane"))
    assert "Night Owls" in jane.out and "--reader jane" in jane.err
    assert stored() == no_edits() != stored("2026-W48", "jane")
    assert '"dropped"' in run(args=("--json", "--reader", "jane")).out
    for args, said in (
        (("2026-W01",), "no digest '2026-W01'"),
        (("--reader", "joe"), "'joe' yet"),
        (("2026-W47", "--week", "2026-W47"), "not both"),
        (("--week", "soon"), "--week"),
        (("2026-W46",), "earlier release"),
    ):
        done = run(args=args)
        assert done.code == 2 and said in done.err, args


def test_no_digest_yet() -> None:
    done = run()
    assert done.code == 2 and "no digest yet" in done.err and "curator digest" in done.err


def test_two_at_once(ids: dict[str, str]) -> None:
    with FileLock(load_settings().home / "digest-review.lock"):
        done = run("d")
    assert done.code == 3 and "Another process" in done.err and stored() == no_edits()


def test_hostile_text_reaches_no_terminal(ids: dict[str, str]) -> None:
    with Library.open() as library:
        odd = "\x1b[2J\u202eevil\x07 $x$"
        made = paper(1, odd, odd, notes=[citing(odd, "human", supported=False, reason=odd)])
        section = DigestSection(tag="t", title=odd, papers=[made], notes=[])
        library.catalog.digests.save(digest_of([section]))
    shown = run("w", "q").out
    assert "\x1b" not in shown and "\u202e" not in shown and "\x07" not in shown


# ------------------------------------------------------------------------------ editors


def test_a_summary_in_an_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "editor.py"
    program.write_text(
        "import sys, pathlib\nf = pathlib.Path(sys.argv[1])\n"
        "f.write_text(f.read_text().replace('Old', 'New') + '\\nand more\\n')\n"
    )
    monkeypatch.setenv("EDITOR", f"{sys.executable} {program}")
    assert _text_for("e", "", lambda: "Old text.") == "New text. and more"
    monkeypatch.setenv("EDITOR", "true")
    assert _text_for("e", "", lambda: "Old text.") == "", "left as it was"
    for broken in ("false", "/no/such/program", "'"):
        monkeypatch.setenv("EDITOR", broken)
        assert _text_for("e", "", lambda: "Old text.") == ""
    assert _text_for("e", " pasted\n", lambda: "Old.") == "pasted"


# -------------------------------------------------------------------------------- kills

PROGRAM = """
import typer
from curator.cli.digest_review import review
app = typer.Typer()
app.command()(review)
app()
"""


def test_killed_it_goes_on_at_the_same_paper(ids: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdin and process.stdout
    process.stdin.write(b"p\nk\ne Mine.\n")
    process.stdin.flush()
    for line in process.stdout:
        if b"Mine." in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    said = edits(pinned={ids["Owls"]: True}, tldrs={ids["Moths"]: "Mine."})
    assert stored() == said
    assert "[2 of 3]  Moths" in run("q").out and stored() == said
    run("u", "q")
    assert stored() == edits(pinned={ids["Owls"]: True})


class Desk:
    """Edits in memory, of which the n-th writing kills."""

    def __init__(self, dies_at: int = 0, *, after: bool = False) -> None:
        self.kept: Edits | None = None
        self.dies_at, self.after, self.saved = dies_at, after, 0

    def papers(self) -> list[str]:
        made = apply_edits(example(), self.kept, citing_human)
        return [p["paper_id"] for p in every_paper(made)]

    def edits(self) -> Edits | None:
        return self.kept

    def save(self, edits: Edits) -> None:
        self.saved += 1
        dies = self.saved == self.dies_at
        if not dies or self.after:
            self.kept = edits
        if dies:
            raise KeyboardInterrupt


@pytest.fixture
def threads(tmp_path: Path) -> Iterator[Threads]:
    yield Threads(tmp_path / "review.sqlite3")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("dies_at", [1, 2, 3, 4])
def test_killed_while_an_answer_is_stored(threads: Threads, dies_at: int, after: bool) -> None:
    """The answer is stored once, and can be undone."""
    move = {"paper": "p000000000003", "section": NOTABLE, "after": "", "before": ""}
    todo: list[tuple[Any, dict[str, Any], bool]] = [
        ("change", {"pinned": {"p000000000001": True}}, False),
        ("change", {"dropped": {"p000000000001": True}}, True),
        ("change", {"moves": [move]}, False),
        ("undo", {}, False),
    ]
    calm, desk = Desk(), Desk(dies_at, after=after)
    with threads.saver() as saver:
        other = DigestReview(saver, DigestReviewContext(calm), "calm")
        review = DigestReview(saver, DigestReviewContext(desk), "killed")
        for action, given, on in todo:
            other.answer(action, given, on=on)
            try:
                review.answer(action, given, on=on)
            except KeyboardInterrupt:
                review = DigestReview(saver, DigestReviewContext(desk), "killed")
            assert (desk.kept, review.paper_id) == (calm.kept, other.paper_id)
        for _ in range(4):
            other.answer("undo")
            review.answer("undo")
        assert (desk.kept or no_edits()) == (calm.kept or no_edits()) == no_edits()
        assert review.paper_id == other.paper_id == "p000000000001"


def test_a_review_of_nothing(threads: Threads) -> None:
    desk = Desk()
    desk.papers = list  # type: ignore[method-assign]
    with threads.saver() as saver:
        review = DigestReview(saver, DigestReviewContext(desk), "none")
        assert review.paper_id == "" and not review.can_undo
        for action in ("keep", "undo", "look"):
            review.answer(cast(Any, action))
        assert review.paper_id == "" and desk.kept is None
