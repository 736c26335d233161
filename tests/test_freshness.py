"""Two processes with one library: what the one writes, the other finds; nobody waits to read."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from processes import Peer, Watched, embedded, opened, revised, row

from curator.filters import Filters
from curator.indexing import FEW

SECOND = 1.0  # until when what another process wrote must be found
WAIT = 2.5  # a search on two busy cores; who waits for a lock waits longer in these tests
MODES = ("lexical", "dense", "hybrid")
LINGUISTICS = Filters(categories=("cs.CL",))

BASE = [
    row(
        f"Base study {n} of topic {n % 7}",
        f"We look at case {n}, which is about topic {n % 7}.",
        categories=["cs.CL" if n % 2 else "cs.LG"],
        arxiv_id=f"2401.{n:05d}",
    )
    for n in range(150)
]
OKAPI = row(
    "Okapi",
    "Zebra zither zenith zodiac zonal zeppelin zest.",
    categories=["cs.CL"],
    arxiv_id="2402.00001",
)
CHANGED = revised(OKAPI, "Walrus waffle wagon wallaby warbler wasabi watt.")
SECOND_BEST = row("Zebra", "Zebra zither zenith zodiac zonal.", categories=["cs.CL"])


def fresh(number: int) -> dict[str, Any]:
    return row(
        f"Quokka{number} lemur{number}",
        f"About quokka{number} and lemur{number} today.",
        categories=["cs.CL"],
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("base") / "home"
    with Peer(home) as peer:
        peer.ask("add", [*BASE, SECOND_BEST])
    return home


@pytest.fixture
def home(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "shared"))


def soon(look: Callable[[], list[str]], title: str, since: float) -> None:
    """What is looked for comes first within a second of a moment."""
    found = look()
    while found[:1] != [title] and time.monotonic() < since + SECOND:
        found = look()
    assert found[:1] == [title]


def watching_ended(reader: Peer) -> Watched:
    reader.tell("stop")
    watched = reader.answer()
    assert isinstance(watched, Watched)
    assert watched.errors == []
    assert watched.faults == []
    assert watched.longest < WAIT
    return watched


@pytest.mark.parametrize("once", [False, True])
def test_what_another_process_writes_is_found(home: Path, once: bool) -> None:
    with Peer(home) as reader, Peer(home) as writer:

        def find(query: str, mode: str, **options: Any) -> list[str]:
            found = reader.ask("search", query, mode, once=once, **options)
            assert len(set(found)) == len(found)
            return found  # type: ignore[no-any-return]

        former, present = OKAPI["abstract"], CHANGED["abstract"]
        for mode in MODES:
            assert "Okapi" not in find(former, mode)

        since = writer.ask("add", [OKAPI])
        for mode in MODES:
            for filters in (None, LINGUISTICS):
                soon(partial(find, former, mode, filters=filters), "Okapi", since)
            assert "Okapi" not in find(former, mode, filters=Filters(categories=("cs.LG",)))

        writer.ask("tag", "Okapi", "animals")
        for mode in MODES:
            assert find(former, mode, filters=Filters(tags=("animals",))) == ["Okapi"]

        since = writer.ask("add", [CHANGED])
        for mode in MODES:
            soon(partial(find, present, mode), "Okapi", since)
            assert find(former, mode)[0] == "Zebra"
        assert find(former, "lexical") == ["Zebra"]

        heir = writer.ask("merge", ["Okapi", BASE[0]["title"]])
        joined = opened(home).catalog.papers.get([heir])[heir].title
        for mode in MODES:
            found = {title for query in (present, BASE[0]["title"]) for title in find(query, mode)}
            assert len(found & {"Okapi", BASE[0]["title"]}) <= 1
        assert find(joined, "lexical")[0] == joined


def test_a_retriever_that_is_kept_is_fresh(home: Path) -> None:
    """As a question keeps one while its answer is made. It finds what others have indexed."""
    with Peer(home) as reader, Peer(home) as writer:
        reader.ask("hold")
        assert reader.ask("held", BASE[3]["title"])[0] == BASE[3]["title"]
        since = writer.ask("add", [OKAPI])
        for mode in MODES:
            soon(partial(reader.ask, "held", OKAPI["abstract"], mode), "Okapi", since)
        writer.ask("merge", ["Okapi", BASE[0]["title"]])
        found = [title for mode in MODES for title in reader.ask("held", "Okapi", mode)]
        assert ("Okapi" in found) != (BASE[0]["title"] in found)


def test_searching_on_and_on_while_another_writes(home: Path) -> None:
    """Texts come, change and are joined; two processes search, of which the one opens Chroma
    again and again and the other never."""
    rows = [fresh(n) for n in range(10)]
    probes = [one["title"] for one in rows]
    often = {"curator.index.vectors:REOPEN_AFTER": 3, "curator.index.mirror:GROW": 4}
    kept, once, writer = (Peer(home, patches=often) for _ in range(3))
    with kept, once, writer:
        kept.tell("watch", probes, LINGUISTICS)
        once.tell("watch", probes, LINGUISTICS, once=True)
        done = writer.ask("add_steadily", rows, BASE[:40], 0.02)
        time.sleep(SECOND)
        for reader in (kept, once):
            watched = watching_ended(reader)
            assert watched.searches > len(rows)
            assert set(watched.seen) == set(done)
            assert max(watched.seen[title] - done[title] for title in done) < SECOND
    library = opened(home)
    library.index()
    assert library.vectors.is_sound()
    assert library.catalog.vectors.missing_count("fake 32d") == 0
    assert library.lexical.count() == library.catalog.papers.count() == library.vectors.count()
    library.close()


@pytest.mark.parametrize("embedders", [1, 2])
def test_searching_on_and_on_while_another_makes_all_anew(home: Path, embedders: int) -> None:
    if embedders == 2:
        with Peer(home, fingerprint="other 32d") as peer:
            peer.ask("index")
    with Peer(home) as reader, Peer(home) as writer:
        reader.ask("search", "study")
        reader.tell("watch", [BASE[1]["title"], BASE[3]["title"]], LINGUISTICS)
        for _ in range(3):
            assert writer.ask("index", rebuild=True)["words"] == 151  # the reader embeds, too
        watching_ended(reader)
        for peer in (reader, writer):
            for mode in MODES:
                assert peer.ask("search", BASE[5]["title"], mode)[0] == BASE[5]["title"]


def test_readers_do_not_wait_for_a_writer(home: Path) -> None:
    with Peer(home) as reader, Peer(home) as writer:
        reader.ask("search", "study")  # opens what is opened once
        writer.ask("add", [fresh(0)], embed=False)
        writer.tell("lock", 6.0)
        writer.answer()
        since = time.monotonic()
        for mode in (*MODES, None):
            for once in (False, True):
                started = time.monotonic()
                found = reader.ask("search", fresh(0)["title"], mode, once=once)
                assert time.monotonic() - started < WAIT
                assert (fresh(0)["title"] in found) == (mode != "dense")
        assert time.monotonic() - since < 6.0
        writer.answer()
        assert reader.ask("search", fresh(0)["title"], "dense")[0] == fresh(0)["title"]


def test_a_reader_does_not_wait_for_the_first_words(tmp_path: Path) -> None:
    home = tmp_path / "new"
    with Peer(home) as writer, Peer(home) as reader:
        writer.ask("add", BASE)
        shutil.rmtree(home / "index" / "lexical")
        writer.tell("lock", 6.0)
        writer.answer()
        started = time.monotonic()
        assert reader.ask("search", BASE[0]["title"], "lexical") == []
        assert reader.ask("search", BASE[0]["title"])[0] == BASE[0]["title"]
        assert time.monotonic() - started < 2 * WAIT
        assert sum("word index" in said for said in reader.ask("said")) == 1
        writer.answer()
        assert reader.ask("search", BASE[0]["title"], "lexical")[0] == BASE[0]["title"]


def test_two_writers_take_turns(home: Path) -> None:
    """More papers than one process embeds without waiting for the other's end."""
    parts = [[fresh(n) for n in range(start, start + 200)] for start in (0, 200)]
    with Peer(home) as holder, Peer(home) as one, Peer(home) as other:
        holder.tell("lock", 1.5)
        holder.answer()
        for name, peer, rows in zip("ab", (one, other), parts, strict=True):
            peer.tell("add", rows, file=f"{name}.jsonl")
        for peer in (one, other):
            peer.answer()
            waits = [text for text in peer.ask("said") if "writing to this library" in text]
            assert len(waits) == 1
        holder.answer()
    library = opened(home)
    assert library.catalog.papers.count() == library.lexical.count() == 551
    assert library.catalog.vectors.counts() == {"fake 32d": 551}
    assert library.vectors.count() == 551 and library.vectors.is_sound()
    # Few papers are embedded without waiting for whoever may be at them.
    assert 551 <= embedded(home) <= 551 + FEW
    for number in (0, 199, 200, 399):
        for mode in MODES:
            hits = library.search(fresh(number)["title"], 1, mode=mode)  # type: ignore[arg-type]
            assert hits[0].paper.title == fresh(number)["title"]
    library.close()
