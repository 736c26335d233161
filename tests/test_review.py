"""The queue of tags to decide, and the graph that asks about them one paper at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT
from fakes import add, many, record

from curator.catalog import Catalog, StoredTag
from curator.review import (
    RUN,
    ReviewItem,
    ReviewQueue,
    leader,
    reordered,
    uncertainty,
)
from curator.threads import Threads
from graphs.review import Review, ReviewContext

PARENTS = {"owls": ["birds"]}


def ancestors(tag: str) -> Sequence[str]:
    return PARENTS.get(tag, [])


def item(paper_id: str, **tags: float) -> ReviewItem:
    return ReviewItem(
        paper_id, tuple(StoredTag(tag, value, "model") for tag, value in tags.items())
    )


def names(queue: Sequence[ReviewItem]) -> list[str]:
    return [one.paper_id for one in queue]


# -------------------------------------------------------------------------- the order


def test_uncertainty_is_entropy() -> None:
    assert [uncertainty(p) for p in (-0.1, 0.0, 0.5, 1.0, 1.1)] == [0, 0, 1, 0, 0]
    assert uncertainty(0.11) == pytest.approx(0.5, abs=0.001)
    assert uncertainty(0.2) == pytest.approx(uncertainty(0.8))


def test_what_is_even_comes_before_what_is_nearly_sure() -> None:
    queue = [item("a", x=0.9), item("b", y=0.5), item("c", z=0.15), item("d", w=0.7)]
    assert names(reordered(queue, {})) == ["b", "d", "c", "a"]


def test_a_tag_without_examples_comes_before_one_with_many() -> None:
    queue = [item("a", known=0.5), item("b", new=0.5)]
    corrected = {f"other{n}": {"known": n % 2 == 0} for n in range(8)}
    assert names(reordered(queue, corrected)) == ["b", "a"]
    assert names(reordered(queue, {f"o{n}": {"new": True} for n in range(8)})) == ["a", "b"]


def test_what_helps_with_many_papers_comes_before_what_is_alone() -> None:
    queue = [item("a", alone=0.5), *(item(f"m{n}", common=0.5) for n in range(5))]
    assert names(reordered(queue, {}))[:2] == ["m0", "m1"]


def test_a_paper_counts_for_the_mean_of_its_tags_and_the_best_of_them_leads() -> None:
    queue = [item("a", x=0.3), item("b", y=0.2, z=0.45, w=0.3), item("c", v=0.5)]
    ordered = reordered(queue, {})
    assert names(ordered) == ["c", "a", "b"]
    assert [tag.tag for tag in ordered[-1].tags] == ["z", "w", "y"]
    assert leader(ordered[-1]) == "z"


def test_doubt_alone_finds_what_is_wrong_first() -> None:
    """Of tags whose confidence is honest, those asked about first are wrong more often."""
    queue = [item(f"p{n:03d}", **{f"t{n % 4}": 0.5 + n % 50 / 100}) for n in range(200)]
    first = reordered(queue, {}, density=0)[:40]
    wrong = sum(1 - one.tags[0].confidence for one in first)
    assert wrong > 1.7 * 0.2 * sum(1 - one.tags[0].confidence for one in queue)


def test_what_is_decided_is_not_asked() -> None:
    queue = [item("a", x=0.5, y=0.4), item("b", x=0.5)]
    corrected = {"a": {"x": True}, "b": {"x": False}, "elsewhere": {"y": True}}
    assert reordered(queue, corrected) == [item("a", y=0.4)]
    assert reordered([], corrected) == reordered([item("c")], {}) == []


def test_no_tag_is_asked_about_ten_times_in_a_row() -> None:
    queue = [item(f"a{n:02d}", common=0.5) for n in range(30)]
    queue += [item(f"b{n:02d}", rare=0.85) for n in range(12)]
    leaders = [leader(one) for one in reordered(queue, {})]
    runs = [(tag, len(list(run))) for tag, run in groupby(leaders)]
    assert leaders.count("common") == 30 and leaders.count("rare") == 12
    *others, (tag, rest) = runs
    assert max(length for _, length in others) <= RUN
    assert tag == "common" and rest == 30 - 12 * RUN, "only once nothing else waits"


def test_the_last_answers_count_for_the_mixture() -> None:
    queue = [item("a", common=0.5), item("b", rare=0.85)]
    assert names(reordered(queue, {})) == ["a", "b"]
    assert names(reordered(queue, {}, ["common"])) == ["a", "b"]
    assert names(reordered(queue, {}, ["common"] * RUN)) == ["b", "a"]
    assert names(reordered(queue, {}, ["common", "rare"])) == ["a", "b"]
    assert names(reordered(queue[:1], {}, ["common"] * RUN)) == ["a"]


def test_the_order_does_not_depend_on_that_of_the_queue() -> None:
    queue = [item(f"p{n}", **{f"t{n % 3}": 0.1 + n % 5 / 10, "u": 0.4}) for n in range(40)]
    assert reordered(queue, {}) == reordered(queue[::-1], {}) == reordered(reordered(queue, {}), {})


def test_each_answer_makes_its_tag_less_urgent() -> None:
    """Answered one by one from the front, examples of all tags come in, not of one alone."""
    queue = [item(f"{tag}{n}", **{tag: 0.5}) for tag in "abcd" for n in range(10)]
    corrected: dict[str, dict[str, bool]] = {}
    recent: list[str] = []
    for _ in range(12):
        first = reordered(queue, corrected, recent)[0]
        corrected[first.paper_id] = {leader(first): True}
        recent = [*recent, leader(first)][-RUN:]
    counts = {tag: sum(tag in said for said in corrected.values()) for tag in "abcd"}
    assert counts == {"a": 3, "b": 3, "c": 3, "d": 3}


# -------------------------------------------------------------- what the catalog asks


def fill(catalog: Catalog, *found: dict[str, tuple[float, bool]]) -> list[str]:
    """Adds a paper with these tags for each; their ids in this order."""
    add(catalog, *(record(f"Study {n}", f"It is study {n}.") for n in range(len(found))))
    ids = {p.title: p.id for p in catalog.papers.select()}
    for n, tags in enumerate(found):
        paper = catalog.papers.get([ids[f"Study {n}"]])[ids[f"Study {n}"]]
        catalog.outputs.save_tags(
            paper,
            [StoredTag(t, value, "model", review) for t, (value, review) in tags.items()],
            taxonomy="t",
            model="m",
            recipe="r",
        )
    return [ids[f"Study {n}"] for n in range(len(found))]


def test_suggestions_and_doubtful_tags_are_asked_about(catalog: Catalog) -> None:
    sure, doubtful, suggested = fill(
        catalog,
        {"a": (0.95, False), "b": (0.9, False), "c": (0.05, False)},
        {"a": (0.899, False), "b": (0.1, False), "c": (0.99, False)},
        {"a": (0.01, True), "b": (0.99, True)},
    )
    queue = ReviewQueue(catalog)
    assert queue.item(sure) is None
    found = {one.paper_id: {tag.tag for tag in one.tags} for one in queue.ordered()}
    assert found == {doubtful: {"a", "b"}, suggested: {"a", "b"}}
    assert queue.count() == 2 and queue.count([suggested, "unknown"]) == 1
    assert names(queue.ordered([doubtful])) == [suggested]
    assert names(ReviewQueue(catalog, "b").ordered([doubtful])) == [suggested]
    assert ReviewQueue(catalog, "c").ordered() == []
    narrow = ReviewQueue(catalog, low=0.5, high=0.6)
    assert names(narrow.ordered()) == [suggested]


def test_parents_and_what_people_said_are_no_questions(catalog: Catalog) -> None:
    (one,) = fill(catalog, {"a": (0.5, False)})
    paper = catalog.papers.get([one])[one]
    catalog.outputs.save_tags(
        paper,
        [
            StoredTag("owls", 0.5, "model"),
            StoredTag("birds", 0.5, "parent"),
            StoredTag("mine", 0.5, "human"),
            StoredTag("fallback", 0.58, "default"),
        ],
        taxonomy="t",
        model="m",
        recipe="r",
    )
    queue = ReviewQueue(catalog)
    found = queue.item(one)
    assert found and {tag.tag for tag in found.tags} == {"owls", "fallback"}
    catalog.corrections.set(one, {"owls": False, "fallback": True})
    assert queue.item(one) is None and queue.ordered() == [], "it is read again"


def test_what_others_change_is_seen_beside_what_was_answered_here(
    catalog: Catalog, tmp_path: Path
) -> None:
    ids = fill(catalog, *({"a": (0.5, False), "b": (0.4, True)} for _ in range(4)))
    queue = ReviewQueue(catalog)
    other = Catalog(tmp_path / "catalog.sqlite3")
    left = {paper_id: {"a", "b"} for paper_id in ids}

    def seen() -> dict[str, set[str]]:
        found = {one.paper_id: {tag.tag for tag in one.tags} for one in queue.ordered()}
        assert queue.count() == len(found)
        return found

    assert seen() == left
    catalog.corrections.set(ids[0], {"a": True})
    left[ids[0]] = {"b"}
    assert seen() == left
    other.corrections.set(ids[1], {"a": True, "b": False})
    del left[ids[1]]
    assert seen() == left
    catalog.corrections.set(ids[2], {"a": False, "unheard": False})
    other.corrections.set(ids[2], {"b": False})
    del left[ids[2]]
    assert seen() == left
    catalog.corrections.unset(ids[0])
    left[ids[0]] = {"a", "b"}
    assert seen() == left
    name, _ = catalog.decisions.merge([ids[0], ids[3]])
    assert seen() == {name: {"a", "b"}}
    other.close()


# ------------------------------------------------------------------------- the graph


class World:
    """A library of papers with tags to decide, and a review that can be begun again."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        self.catalog = catalog
        self.told: list[list[str]] = []
        self.queue = ReviewQueue(catalog)
        self.context = ReviewContext(
            queue=self.queue,
            corrections=catalog.corrections,
            ancestors=ancestors,
            on_corrected=lambda ids: self.told.append(list(ids)),
        )
        self.threads = Threads(folder / "review.sqlite3")


@pytest.fixture
def world(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    return World(catalog, tmp_path)


@pytest.fixture
def begun(world: World) -> Iterator[Callable[[], Review]]:
    with world.threads.saver() as saver:
        yield lambda: Review(saver, world.context)


Begun = Callable[[], Review]
TWO = ({"a": (0.5, False), "b": (0.4, True)}, {"a": (0.3, False)})


def test_one_paper_at_a_time_until_nothing_is_left(world: World, begun: Begun) -> None:
    one, two = fill(world.catalog, *TWO)
    review = begun()
    assert (review.paper_id, review.can_undo) == (one, False)
    review.answer("decide", {"a": True})
    assert review.paper_id == one, "b is still open"
    assert world.told == []
    review.answer("decide", {"b": False})
    assert review.paper_id == two
    assert world.told == [[one]], "once for both"
    review.answer("decide", {"a": False})
    assert (review.paper_id, world.told) == ("", [[one], [two]])
    assert world.catalog.corrections.all() == {one: {"a": True, "b": False}, two: {"a": False}}
    for action in ("skip", "look"):
        review.answer(action)
        assert review.paper_id == ""
    review.answer("decide", {"a": True})
    assert "" not in world.catalog.corrections.all()


def test_undo_goes_back_answer_by_answer(world: World, begun: Begun) -> None:
    one, two = fill(world.catalog, *TWO)
    first = world.catalog.outputs.tags([one, two])
    review = begun()
    review.answer("undo")
    assert review.paper_id == one, "there is nothing to undo"
    review.answer("decide", {"a": True, "owls": True})
    assert "birds" in {t.tag for t in world.catalog.outputs.tags([one])[one]}
    review.answer("decide", {"b": False})
    review.answer("skip")
    assert (review.paper_id, review.skipped) == ("", [two])
    review.answer("undo")
    assert (review.paper_id, review.skipped) == (two, [])
    review.answer("undo")
    assert review.paper_id == one
    assert world.catalog.corrections.all() == {one: {"a": True, "owls": True}}
    review.answer("undo")
    assert (review.paper_id, review.can_undo) == (one, False)
    assert world.catalog.corrections.all() == {}
    assert world.catalog.outputs.tags([one, two]) == first


def test_undo_gives_back_what_was_said_before(world: World, begun: Begun) -> None:
    (one,) = fill(world.catalog, {"a": (0.5, False), "b": (0.4, False)})
    world.catalog.corrections.set(one, {"z": True})
    review = begun()
    review.answer("decide", {"z": False})
    review.answer("decide", {"z": None})
    assert world.catalog.corrections.all() == {}
    review.answer("undo")
    assert world.catalog.corrections.all() == {one: {"z": False}}
    review.answer("undo")
    assert world.catalog.corrections.all() == {one: {"z": True}}


def test_it_goes_on_where_it_was_left(world: World) -> None:
    one, _ = fill(world.catalog, *TWO)
    with world.threads.saver() as saver:
        review = Review(saver, world.context)
        review.answer("decide", {"b": True})
    with world.threads.saver() as saver:
        review = Review(saver, world.context)
        assert review.paper_id == one
        review.answer("decide", {"a": True})
        review.answer("undo")
        review.answer("undo")
        assert world.catalog.corrections.all() == {}, "also what another process answered"
        review.leave()
        assert world.told[-1] == [one], "of a paper that is left in the middle, too"


def test_skipped_papers_come_again_once_the_others_are_done(world: World) -> None:
    one, two = fill(world.catalog, *TWO)
    with world.threads.saver() as saver:
        review = Review(saver, world.context)
        review.answer("skip")
        assert review.paper_id == two
    with world.threads.saver() as saver:
        review = Review(saver, world.context)
        assert review.paper_id == two, "not yet"
        review.answer("decide", {"a": True})
        assert (review.paper_id, review.skipped) == ("", [one])
    with world.threads.saver() as saver:
        assert Review(saver, world.context).paper_id == one


def test_what_changed_meanwhile_is_seen(world: World) -> None:
    """Between two sittings the tagger runs, papers are joined, and somebody else decides."""
    one, two = fill(world.catalog, *TWO)
    with world.threads.saver() as saver:
        assert Review(saver, world.context).paper_id == one
    world.catalog.corrections.set(one, {"a": True, "b": True})
    with world.threads.saver() as saver:
        review = Review(saver, world.context)
        assert review.paper_id == two
        review.answer("skip")
    name, _ = world.catalog.decisions.merge([one, two])
    gone = two if name == one else one
    with world.threads.saver() as saver:
        review = Review(saver, world.context)
        assert review.paper_id == ""
        review.answer("undo")  # of the skip; its paper may be no more
        review.answer("undo")
        assert review.paper_id in ("", name)
    assert world.catalog.papers.get([gone]) == {}


def test_the_next_question_depends_on_the_answers(world: World, begun: Begun) -> None:
    ids = fill(
        world.catalog,
        *({"common": (0.5, False)} for _ in range(4)),
        *({"rare": (0.5, False)} for _ in range(2)),
    )
    review = begun()
    asked = []
    while review.paper_id:
        asked.append(next(iter(world.catalog.outputs.tags([review.paper_id])[review.paper_id])).tag)
        review.answer("decide", {asked[-1]: True})
    assert asked == ["common", "rare", "common", "common", "rare", "common"]
    assert len(world.told) == len(ids)


def test_an_answer_that_is_none_is_refused_and_asked_again(world: World, begun: Begun) -> None:
    one, _ = fill(world.catalog, *TWO)
    review = begun()
    for wrong in ("shrug", 7):
        with pytest.raises(Exception, match="action"):
            review.answer(wrong)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="said"):
        review.answer("decide", {"a": "perhaps"})  # type: ignore[dict-item]
    assert begun().paper_id == one
    review = begun()
    review.answer("decide", {"a": True})
    assert world.catalog.corrections.all() == {one: {"a": True}}


def test_the_state_holds_ids_only_and_stays_small(world: World) -> None:
    fill(world.catalog, *({"a": (0.5, False)} for _ in range(12)))
    with world.threads.saver() as saver:
        review = Review(saver, world.context)
        for n in range(12):
            review.answer(*(("skip",) if n % 3 else ("decide", {"a": True})))
    with world.threads.saver() as saver:
        (kept,) = list(saver.list(None))
        text = str(kept.checkpoint["channel_values"])
    assert "Study" not in text and len(text) < 4000


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
import test_review
from curator.catalog import Catalog
world = test_review.World(Catalog(Path({folder!r}) / "catalog.sqlite3"), Path({folder!r}))
kind = {kind!r}
if kind == "stored":
    class Deadly:
        def __getattr__(self, name):
            return getattr(world.catalog.corrections, name)
        def set(self, *args):
            world.catalog.corrections.set(*args)
            os.kill(os.getpid(), signal.SIGKILL)
    import dataclasses
    context = dataclasses.replace(world.context, corrections=Deadly())
else:
    context = world.context
with world.threads.saver() as saver:
    review = test_review.Review(saver, context)
    review.answer("decide", {{"a": True}})
    print(review.paper_id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["asked", "stored"])
def test_killed_between_two_questions(world: World, tmp_path: Path, kind: str) -> None:
    """After a question was asked, and right after an answer was stored in the catalog and not
    yet in the state."""
    one, two = fill(world.catalog, *TWO)
    code = KILLED.format(tests=str(ROOT / "tests"), root=str(ROOT), folder=str(tmp_path), kind=kind)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert world.catalog.corrections.all() == {one: {"a": True}}
    with world.threads.saver() as saver:
        review = Review(saver, world.context)
        assert review.paper_id == one and review.can_undo
        review.answer("decide", {"b": True})
        assert review.paper_id == two
        review.answer("undo")
        review.answer("undo")
        assert (review.paper_id, review.can_undo) == (one, False)
    assert world.catalog.corrections.all() == {}


def test_a_long_queue_is_read_and_ordered_quickly(catalog: Catalog) -> None:
    """Not a benchmark: what grows with the square of the queue would take minutes."""
    add(catalog, *many(1500))
    with catalog.store.write() as connection:
        rows: list[dict[str, Any]] = [
            {"p": p.id, "t": f"t{(n * 7 + k) % 40}", "c": 0.11 + (n + k) % 70 / 100}
            for n, p in enumerate(catalog.papers.select())
            for k in range(6)
        ]
        connection.exec_driver_sql(
            "INSERT INTO tags VALUES (:p, :t, :c, 'model', 0, '', '', '', '', '')", rows
        )
    queue = ReviewQueue(catalog)
    ordered = queue.ordered()
    assert len(ordered) == queue.count() == 1500
    leaders = [leader(one) for one in ordered]
    assert max(len(list(run)) for _, run in groupby(leaders[:1000])) <= RUN
