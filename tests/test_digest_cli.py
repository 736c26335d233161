"""`curator digest` by the real program: all forms, edits that stay, readers, mail, odd weeks. The
models are behind a server on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from email import message_from_string, policy
from pathlib import Path
from typing import Any

import feedparser
import pytest
from commands import CURATOR, Result, curator, write_lines
from loopback_batches import BatchServer
from loopback_smtp import mail_room

FORMS = ("md", "html", "eml", "json")
TOPICS = ("owls hunt by ear", "boats need keels", "bridges carry trains", "moths seek lamps")


def draft(body: dict[str, Any]) -> str:
    return json.dumps({"tldr": "A thing of a new kind does better than things did before."})


def row(n: int, day: str = "2026-11-18", **fields: Any) -> dict[str, Any]:
    topic = TOPICS[n % len(TOPICS)]
    made = {
        "title": f"Study {n} of how {topic}",
        "abstract": f"We show in study number {n} that {topic}, and measure it {n + 3} times. "
        f"The result is {10 + n} percent better than all before.",
        "authors": ["Ada Núñez" if n % 5 == 0 else "Bo Li"],
        "listed": day,
        "upvotes": max(0, 50 - n),
        "url": f"https://example.org/{n}",
    }
    return made | fields


class Desk:
    """The program with a library of its own."""

    def __init__(self, server: BatchServer, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.env = {
            "CURATOR_HOME": str(folder / "home"),
            "CURATOR_MODEL": "openai:small",
            "CURATOR_EMBEDDING": "openai:e",
            "CURATOR_RERANKER": "none",
            "CURATOR_TAG_QUESTIONS": "0",
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "k",
            **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), ""),
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), ""),
        }

    def run(self, *args: str | Path) -> Result:
        return curator(*args, env=self.env)

    def add(self, *rows: dict[str, Any]) -> None:
        self.folder.mkdir(exist_ok=True)
        name = f"papers-{len(list(self.folder.glob('papers-*')))}.jsonl"
        done = self.run("add", write_lines(self.folder / name, *rows))
        assert done.code == 0, done.err

    def digest(self, *args: str | Path, week: str = "2026-W47") -> Result:
        return self.run("digest", "--week", week, *args)

    def files(self, *args: str | Path, week: str = "2026-W47") -> dict[str, str]:
        """All forms, by their endings."""
        done = self.digest("--format", "all", "--out", self.out, *args, week=week)
        assert done.code == 0, done.err
        found = {form: (self.out / f"digest-{week}.{form}").read_text() for form in FORMS}
        return found | {"atom": (self.out / "digests.atom").read_text()}


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer(draft).running() as running:
        yield running


@pytest.fixture
def desk(server: BatchServer, tmp_path: Path) -> Desk:
    return Desk(server, tmp_path)


@pytest.fixture
def week(desk: Desk) -> Desk:
    desk.add(*map(row, range(12)))
    return desk


def ids(document: dict[str, Any]) -> list[str]:
    sections = [p["paper_id"] for s in document["sections"] for p in s["papers"]]
    return [*sections, *(p["paper_id"] for p in document["notable"])]


# ------------------------------------------------------------------------------ all forms


def test_all_forms_of_one_week(week: Desk) -> None:
    files = week.files("--limit", "6", "--also", "3")
    document = json.loads(files["json"])
    ledger = dict(document["ledger"])
    assert ledger.pop("seen") == sum(ledger.values()) == 12
    assert len(ids(document)) == len(set(ids(document))) == 9
    stored = {p["id"]: p for p in week.run("export", "--format", "jsonl").lines}
    entries = [*(p for s in document["sections"] for p in s["papers"]), *document["notable"]]
    for entry in entries:
        paper = stored[entry["paper_id"]]
        assert entry["supported"] and entry["quote"] in paper["abstract"]
        assert (entry["title"], entry["url"]) == (paper["title"], paper["url"])
        for form in ("md", "html", "eml"):
            assert entry["url"] in files[form]
        for form in ("md", "html"):
            assert entry["title"] in files[form]
    feed = feedparser.parse(files["atom"])
    assert not feed.bozo and len(feed.entries) == 1
    assert week.files("--limit", "6", "--also", "3") == files, "same inputs, same bytes"


def test_the_reasons_are_told(week: Desk) -> None:
    done = week.digest("--why", "--limit", "2", "--also", "0")
    assert "50 upvotes, the most of 12 papers" in done.err
    assert "12 papers seen: 2 chosen, 10 not chosen" in done.err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--format", "docx"), "--format cannot be 'docx'"),
        (("--format", ","), "--format cannot be"),
        (("--format", "md,html"), "needs a folder"),
        (("--all-readers",), "need a folder"),
        (("--reader", "nobody"), "nobody"),
        (("--reader", "../x"), "../x"),
        (("--again",), "--send"),
        (("--send",), "CURATOR_SMTP_URL"),
        (("--all-readers", "--reader", "jane", "--json"), "not both"),
    ],
)
def test_what_is_no_digest(desk: Desk, args: tuple[str, ...], says: str) -> None:
    done = desk.digest(*args)
    assert done.code in (2, 3), done.err
    assert says in done.err and "→" in done.err


# -------------------------------------------------------------------------------- editing


def test_what_an_editor_did_stays_when_it_is_made_anew(week: Desk) -> None:
    files = week.files("--limit", "6", "--also", "2")
    before = json.loads(files["json"])
    first, second, third = ids(before)[:3]
    text = files["md"]
    summary = before["sections"][0]["papers"][0]["tldr"]
    claim = "The author won a prize of 900 euros for it."
    assert text.count(summary) >= 1
    block = re.search(rf"<!-- paper {first} .*?(?=<!-- )", text, re.S)
    assert block
    edited = block.group().replace(summary, claim)
    text = text.replace(block.group(), edited + "My note on it.\n\n")
    gone = re.search(rf"<!-- paper {second} .*?(?=<!-- )", text, re.S)
    assert gone
    text = text.replace(gone.group(), "")
    (week.out / "digest-2026-W47.md").write_text(text)
    week.add(row(20, upvotes=900, title="A late and famous paper", abstract="Lichen grows late."))
    after = week.files("--limit", "6", "--also", "2")
    document = json.loads(after["json"])
    papers = {p["paper_id"]: p for s in document["sections"] for p in s["papers"]}
    assert second not in ids(document) and document["ledger"]["dropped"] == 1
    mine = papers[first]
    assert mine["tldr"] == claim and mine["origin"] == "human" and not mine["supported"]
    assert [note["text"] for note in mine["notes"]] == ["My note on it."]
    assert any(p["title"] == "A late and famous paper" for p in papers.values())
    for form in ("md", "html", "eml"):
        assert claim in after[form] and "My note on it." in after[form]
    ledger = dict(document["ledger"])
    assert ledger.pop("seen") == sum(ledger.values()) == 13
    assert week.files("--limit", "6", "--also", "2") == after, "no byte changes the second time"
    assert third in ids(document)


def test_a_file_that_cannot_be_read_as_this_digest_is_left_alone(week: Desk) -> None:
    file = week.out / "digest-2026-W47.md"
    week.out.mkdir()
    file.write_text("My own notes.\n")
    done = week.digest("--out", week.out)
    assert done.code == 2 and "--fresh" in done.err
    assert file.read_text() == "My own notes.\n"
    done = week.digest("--out", week.out, "--fresh")
    assert done.code == 0 and "Kept as" in done.err
    assert file.with_name(file.name + ".bak").read_text() == "My own notes.\n"
    file.write_bytes(b"\xff\xfe\x00broken")
    again = week.digest("--out", week.out)
    assert again.code == 2 and file.read_bytes() == b"\xff\xfe\x00broken"


def test_a_file_of_a_former_version_is_set_aside(week: Desk) -> None:
    week.out.mkdir()
    file = week.out / "digest-2026-W47.md"
    file.write_text("# Paper digest 2026-W47\n\nOf the first release, with my words.\n")
    old = {"name": "2026-W47", "since": "2026-11-16", "until": "2026-11-22", "sections": []}
    with sqlite3.connect(week.folder / "home" / "catalog.sqlite3") as db:
        row = ("me", "2026-W47", "2026-11-16", "2026-11-22", json.dumps(old), "then")
        db.execute(
            "INSERT INTO digests (reader, name, since, until, document, created)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )
    done = week.digest("--out", week.out)
    assert done.code == 0 and "Kept as" in done.err, done.err
    assert "my words" in file.with_name(file.name + ".bak").read_text()
    assert week.digest("--out", week.out).code == 0


def test_fresh_forgets_the_edits(week: Desk) -> None:
    before = week.files("--limit", "4", "--also", "0")
    first = ids(json.loads(before["json"]))[0]
    file = week.out / "digest-2026-W47.md"
    file.write_text(re.sub(rf"<!-- paper {first} .*?(?=<!-- )", "", before["md"], flags=re.S))
    assert first not in ids(json.loads(week.files("--limit", "4", "--also", "0")["json"]))
    assert week.files("--limit", "4", "--also", "0", "--fresh") == before


def noted(document: dict[str, Any], paper_id: str) -> list[str]:
    entries = [*(p for s in document["sections"] for p in s["papers"]), *document["notable"]]
    (entry,) = (p for p in entries if p["paper_id"] == paper_id)
    return [note["text"] for note in entry["notes"]]


def test_what_the_review_and_the_file_say_of_one_paper_is_both_kept(week: Desk) -> None:
    before = week.files("--limit", "4", "--also", "0")
    first = ids(json.loads(before["json"]))[0]
    done = curator("digest", "review", "2026-W47", env=week.env, stdin="n Noted there.\nq\n")
    assert done.code == 0, done.err
    file = week.out / "digest-2026-W47.md"
    block = re.search(rf"<!-- paper {first} .*?(?=<!-- )", before["md"], re.S)
    assert block
    file.write_text(before["md"].replace(block.group(), block.group() + "Noted here.\n\n"))
    after = week.files("--limit", "4", "--also", "0")
    assert sorted(noted(json.loads(after["json"]), first)) == ["Noted here.", "Noted there."]
    assert ids(json.loads(after["json"])) == ids(json.loads(before["json"])), "no other moves"
    assert week.files("--limit", "4", "--also", "0") == after


def test_what_is_saved_while_it_is_made_is_kept(week: Desk, server: BatchServer) -> None:
    week.files("--limit", "4", "--also", "0")
    week.add(row(21, upvotes=700, title="A new paper", abstract="Lichen grows late on walls."))
    file = week.out / "digest-2026-W47.md"

    def save_and_draft(body: dict[str, Any]) -> str:
        file.write_text(file.read_text().replace("## ", "## My own ", 1))
        return draft(body)

    server.answer = save_and_draft
    done = week.digest("--limit", "4", "--also", "0", "--out", week.out)
    assert done.code == 0 and "changed while" in done.err
    assert "## My own " in file.with_name(file.name + ".bak").read_text()


def test_fresh_keeps_what_it_forgets(week: Desk) -> None:
    week.files("--limit", "2", "--also", "0")
    done = curator("digest", "review", "2026-W47", env=week.env, stdin="n A note.\nq\n")
    assert done.code == 0, done.err
    refused = week.digest("--fresh")
    assert refused.code == 2 and "--out" in refused.err
    other = week.folder / "other"
    assert week.digest("--fresh", "--out", other).code == 0
    assert "A note." in (other / "digest-2026-W47.edits.json").read_text()


# -------------------------------------------------------------------------------- readers


def test_each_paper_is_shown_once(week: Desk) -> None:
    """The next week's digest has what came in then, also where an old paper was listed anew."""
    shown = set(ids(json.loads(week.files("--limit", "5", "--also", "1")["json"])))
    week.add(*(row(n, "2026-11-24") for n in range(4)), *(row(n, "2026-11-24") for n in (30, 31)))
    later = json.loads(week.files(week="2026-W48")["json"])
    assert later["seen"] >= 2 and not shown & set(ids(later))


def test_two_readers_get_what_each_of_them_follows(week: Desk) -> None:
    assert week.run("profile", "set", "--reader", "jane", "--address", "jane@x.example").code == 0
    done = week.run("profile", "follow", "author:Ada Nunez", "--reader", "jane")
    assert done.code == 0, done.err
    done = week.digest("--all-readers", "--json", "--limit", "3", "--also", "0")
    assert done.code == 0, done.err
    mine, hers = sorted(done.json, key=lambda document: document["reader"] == "jane")
    authors = [p["authors"] for s in hers["sections"] for p in s["papers"]]
    assert authors == [["Ada Núñez"]] * 3
    assert ids(mine) != ids(hers)
    why = [r["text"] for s in hers["sections"] for p in s["papers"] for r in p["why"]]
    assert "by Ada Núñez, whom you follow" in why
    assert week.run("status", "--json").json["digests"] == ["jane/2026-W47", "2026-W47"]


def test_one_readers_file_stops_no_other(week: Desk) -> None:
    assert week.run("profile", "set", "--reader", "bob", "--text", "owls").code == 0
    args = ("--all-readers", "--out", week.out, "--limit", "2", "--also", "0")
    assert week.digest(*args).code == 0
    (week.out / "digest-bob-2026-W47.md").write_text("<<<<<<< HEAD\nmine\n")
    (week.out / "digest-2026-W47.md").unlink()
    done = week.digest(*args)
    assert done.code == 1 and "bob" in done.err and "digest-bob-2026-W47.md" in done.err
    assert (week.out / "digest-2026-W47.md").exists()


def test_what_was_liked_decides(week: Desk) -> None:
    """Papers like the liked ones come first, and say which."""
    week.add(*(row(n, "2026-11-02") for n in range(40, 56)))
    stored = week.run("export", "--format", "jsonl").lines
    old = [p for p in stored if p["listed"] == "2026-11-02"]
    liked = [p["id"] for p in old if "keels" in p["title"]]
    disliked = [p["id"] for p in old if "owls" in p["title"]]
    assert week.run("like", *liked).code == week.run("dislike", *disliked).code == 0
    document = week.digest("--json", "--limit", "3", "--also", "0").json
    papers = [p for s in document["sections"] for p in s["papers"]]
    assert all("keels" in p["title"] for p in papers)
    assert any(r["kind"] == "interest" for p in papers for r in p["why"])


# ----------------------------------------------------------------------------------- mail


def by_mail(desk: Desk, url: str) -> None:
    desk.env |= {"CURATOR_SMTP_URL": url, "CURATOR_MAIL_FROM": "Digest <d@example.org>"}
    assert desk.run("profile", "set", "--address", "me@x.example").code == 0


def test_it_is_sent_once(week: Desk, tmp_path: Path) -> None:
    with mail_room(tmp_path) as room:
        by_mail(week, room.settings().url)
        first = week.digest("--send", "--limit", "3")
        assert first.code == 0 and "sent: me" in first.err, first.err
        again = week.digest("--send", "--limit", "3")
        assert again.code == 0 and "already" in again.err
        (letter,) = room.letters
        assert letter.recipients == ("me@x.example",)
        kinds = [part.get_content_type() for part in letter.message.walk()]
        assert kinds[:3] == ["multipart/alternative", "text/plain", "text/html"]


def test_killed_while_sending_it_is_not_sent_twice(week: Desk, tmp_path: Path) -> None:
    with mail_room(tmp_path) as room:
        by_mail(week, room.settings().url)
        room.slow = 60.0
        args = ["digest", "--week", "2026-W47", "--send", "--limit", "2", "--also", "0"]
        process = subprocess.Popen(
            [*CURATOR, *args],
            env={**os.environ, **week.env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        end = time.monotonic() + 120
        while not room.letters and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        room.slow = 0.0
        done = week.run(*args)
        assert done.code == 1 and "perhaps" in done.err and "--again" in done.err
        assert len(room.letters) == 1


def test_an_empty_week_says_so_and_is_not_sent(week: Desk, tmp_path: Path) -> None:
    with mail_room(tmp_path) as room:
        by_mail(week, room.settings().url)
        done = week.digest("--send", week="2026-W40")
        assert done.code == 0 and "No papers" in done.err and not room.letters
        assert week.digest("--send", "--empty", week="2026-W40").code == 0
        assert len(room.letters) == 1


# ------------------------------------------------------------------------------- odd weeks


def test_a_week_with_one_paper(desk: Desk) -> None:
    desk.add(row(1))
    document = json.loads(desk.files()["json"])
    assert len(ids(document)) == 1 and len(document["sections"]) == 1


def test_an_empty_library(desk: Desk) -> None:
    files = desk.files()
    assert json.loads(files["json"])["seen"] == 0
    assert "No papers" in files["md"] and "No papers" in files["html"]


def test_texts_that_want_to_be_markup(desk: Desk) -> None:
    hostile = "<script>alert(1)</script> ](javascript:alert(2)) <img src=x onerror=alert(3)>"
    desk.add(
        row(
            1, title=f"{hostile} $x^2$", abstract=f"We show {hostile} in all of 7 cases. It works."
        ),
        row(2, title="# A heading\u202e reversed", authors=[hostile, "\x1b[31mRed"]),
        row(3, title="<!-- end --> and --> more", url="javascript:alert(4)"),
    )
    files = desk.files()
    letter = message_from_string(files["eml"], policy=policy.default)
    (page,) = (p for p in letter.walk() if p.get_content_type() == "text/html")
    for text in (files["html"], files["atom"], page.get_content()):
        assert not re.search(r"<(?:script|img)\b", text, re.I)
        assert not re.search(r"href\W{1,6}javascript", text, re.I)
    assert "\x1b" not in "".join(files.values())
    assert "<script" not in re.sub(r"\\.", "", files["md"])
    assert desk.files() == files, "what they say of comments does not count"


@pytest.mark.timeout(600)
def test_five_thousand_papers_in_a_week(desk: Desk) -> None:
    """Where tagging costs calls, only the chosen ones are tagged."""
    desk.env |= {"CURATOR_TAG_QUESTIONS": "1"}
    desk.add(
        *(row(n % 40, title=f"Paper {n} of a large week", upvotes=n % 300) for n in range(5_000))
    )
    files = desk.files("--limit", "5", "--also", "3")
    ledger = json.loads(files["json"])["ledger"]
    assert ledger["seen"] == 5_000 == sum(v for k, v in ledger.items() if k != "seen")
    assert len(files["html"]) < 200_000
