"""The queue of one model for many people, and answers as streams of events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import served
from fakes import Said
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import CuratorError, MissingError, UsageError
from curator.library import Library
from curator.llm.base import Request
from curator.serving import Answering, Busy, FairQueue, Serving, Ticket

QUESTION = "What accuracy does OwlNet reach?"


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work(), 60)

    asyncio.run(bounded())


# ------------------------------------------------------------------------------ the queue


def order_of(queue: FairQueue, tickets: list[Ticket]) -> list[Ticket]:
    """The order in which tickets get their turn, each leaving as soon as it has it."""
    served_: list[Ticket] = []
    while len(served_) < len(tickets):
        now = [t for t in tickets if t.serving]
        assert now, "nobody is served, and somebody waits"
        served_ += now
        for ticket in now:
            ticket.leave()
    return served_


def test_who_is_alone_is_served_at_once() -> None:
    async def work() -> None:
        queue = FairQueue()
        ticket = queue.enter("ada")
        assert ticket.serving and ticket.position == 0
        assert [position async for position in ticket.positions()] == []

    run(work)


def test_turns_go_round_among_clients() -> None:
    async def work() -> None:
        queue = FairQueue()
        busy = [queue.enter("ada") for _ in range(4)]
        bo, cy = queue.enter("bo"), queue.enter("cy")
        assert [t.position for t in [*busy, bo, cy]] == [0, 3, 4, 5, 1, 2]
        assert order_of(queue, [*busy, bo, cy]) == [busy[0], bo, cy, *busy[1:]]

    run(work)


def test_one_who_was_served_waits_for_those_who_were_not() -> None:
    async def work() -> None:
        queue = FairQueue()
        first, bo = queue.enter("ada"), queue.enter("bo")
        again = queue.enter("ada")
        cy = queue.enter("cy")
        first.leave()
        assert bo.serving
        assert (cy.position, again.position) == (1, 2)

    run(work)


def test_leaving_frees_the_place_and_moves_the_others_up() -> None:
    async def work() -> None:
        queue = FairQueue()
        ada, bo, cy = (queue.enter(name) for name in ("ada", "bo", "cy"))
        told: list[int] = []

        async def watch() -> None:
            async for position in cy.positions():
                told.append(position)

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0)
        bo.leave()
        await asyncio.sleep(0)
        ada.leave()
        await watching
        assert told == [2, 1] and cy.serving
        cy.leave()
        cy.leave()  # a second time it does nothing
        assert (queue.waiting, queue.serving) == (0, 0)

    run(work)


def test_the_queue_is_bounded_for_all_and_for_each() -> None:
    async def work() -> None:
        queue = FairQueue(most=3, per_client=2)
        queue.enter("ada"), queue.enter("ada")
        with pytest.raises(Busy, match="your questions") as refused:
            queue.enter("ada")
        assert refused.value.retryable and refused.value.remedy
        queue.enter("bo"), queue.enter("cy")
        with pytest.raises(Busy, match="3 questions"):
            queue.enter("di")

    run(work)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), max_size=25),
    st.integers(1, 3),
)
def test_nobody_is_lost_and_nobody_waits_beside_a_free_slot(
    steps: list[tuple[str, int]], slots: int
) -> None:
    async def work() -> None:
        queue = FairQueue(slots, most=100, per_client=100)
        there: list[Ticket] = []
        for client, leaving in steps:
            there.append(queue.enter(client))
            for _ in range(min(leaving, len(there)) if leaving > 1 else 0):
                there.pop(len(there) // 2).leave()
            assert queue.waiting + queue.serving == len(there)
            assert queue.serving == min(slots, len(there))
            waiting = sorted(t.position for t in there if not t.serving)
            assert waiting == list(range(queue.serving, len(there)))
        order_of(queue, there)
        assert (queue.waiting, queue.serving) == (0, 0)

    asyncio.run(work())


# ------------------------------------------------------------------------------ answers


class Model:
    """A scripted model that can be held back: ``entered`` is set once it writes, and it goes on
    when ``go`` is."""

    def __init__(self) -> None:
        self.entered, self.go, self.stopped = (threading.Event() for _ in range(3))
        self.go.set()
        self.deaf = False  # looks at nothing while it writes, as a server behind an API
        self.calls = 0

    def __call__(self, request: Request) -> Said:
        self.calls += 1
        self.entered.set()
        for _ in range(600):
            if self.go.wait(0.05):
                break
            if request.on_text is not None and not self.deaf:
                try:
                    request.on_text('{"sentences": [')
                except BaseException:
                    self.stopped.set()
                    raise
        return served.says(request)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served.make_home(tmp_path_factory.mktemp("served") / "home")


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def library(home: Path, model: Model, tmp_path: Path) -> Iterator[Library]:
    import shutil

    shutil.copytree(home, tmp_path / "copy")
    with served.open_library(tmp_path / "copy", model) as opened:
        yield opened


async def all_of(stream: AsyncGenerator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event async for event in stream]


async def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about")


def test_an_answer_comes_as_events_and_is_written_down(library: Library) -> None:
    async def work() -> None:
        answering = Serving(library).answering
        events = await all_of(answering.ask("ada", f"  {QUESTION}\n", thread="owls"))
        names = [event["event"] for event in events]
        assert names[0] == "started" and names[-1] == "answer"
        assert names.index("evidence") < names.index("sentence")
        answer = events[-1]["answer"]
        assert answer["question"] == QUESTION and answer["sentences"][0]["supported"]
        (said,) = library.threads.said("owls")
        assert said.answer == answer and said.evidence
        assert (answering.queue.waiting, answering.queue.serving) == (0, 0)

    run(work)


def test_the_second_is_told_its_place(library: Library, model: Model) -> None:
    async def work() -> None:
        answering = Serving(library).answering
        model.go.clear()
        first = asyncio.create_task(all_of(answering.ask("ada", QUESTION)))
        await until(model.entered.is_set)
        second = answering.ask("bo", QUESTION)
        assert await anext(second) == {"event": "queued", "position": 1}
        model.go.set()
        assert [event["event"] for event in await all_of(second)][-1] == "answer"
        assert (await first)[-1]["event"] == "answer"

    run(work)


def test_who_leaves_while_waiting_is_never_asked_for(library: Library, model: Model) -> None:
    async def work() -> None:
        answering = Serving(library).answering
        model.go.clear()
        first = asyncio.create_task(all_of(answering.ask("ada", QUESTION)))
        await until(model.entered.is_set)
        second = answering.ask("bo", "What does rain do to OwlNet?")
        await anext(second)
        await second.aclose()
        assert answering.queue.waiting == 0
        model.go.set()
        await first
        assert model.calls == 1

    run(work)


def test_who_leaves_while_being_answered_stops_the_model(library: Library, model: Model) -> None:
    async def work() -> None:
        answering = Serving(library).answering
        model.go.clear()
        reading = asyncio.create_task(all_of(answering.ask("ada", QUESTION, thread="owls")))
        await until(model.entered.is_set)
        reading.cancel()
        await until(model.stopped.is_set)
        await until(lambda: answering.queue.serving == 0)
        assert library.threads.said("owls") == [] and library.threads.turns("owls") == []
        model.go.set()  # the conversation can be gone on with
        events = await all_of(answering.ask("ada", QUESTION, thread="owls"))
        assert events[-1]["event"] == "answer"

    run(work)


def test_a_conversation_is_answered_once_at_a_time(library: Library, model: Model) -> None:
    async def work() -> None:
        answering = Answering(library, FairQueue(2))
        model.go.clear()
        first = asyncio.create_task(all_of(answering.ask("ada", QUESTION, thread="owls")))
        await until(model.entered.is_set)
        with pytest.raises(UsageError, match="being answered"):
            await all_of(answering.ask("ada", QUESTION, thread="owls"))
        model.go.set()
        await first

    run(work)


def test_asked_again_the_new_answer_takes_the_place_of_the_old(library: Library) -> None:
    async def work() -> None:
        answering = Serving(library).answering
        await all_of(answering.ask("ada", "What does rain do to OwlNet?", thread="owls"))
        await all_of(answering.ask("ada", QUESTION, thread="owls"))
        (_, old), turns = library.threads.said("owls"), library.threads.turns("owls")
        await all_of(answering.ask("ada", QUESTION, thread="owls", again=True))
        (first, new) = library.threads.said("owls")
        assert first.question == "What does rain do to OwlNet?"
        assert new.answer["sentences"] == old.answer["sentences"] and new.evidence == old.evidence
        assert library.threads.turns("owls") == turns
        await all_of(answering.ask("ada", "Where was it tested?", thread="owls"))
        assert len(library.threads.said("owls")) == 3

    run(work)


def test_asked_again_in_vain_the_old_answer_stays(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        answering = Answering(library, FairQueue(most=1, per_client=1))
        await all_of(answering.ask("ada", QUESTION, thread="owls"))
        kept = library.threads.said("owls"), library.threads.turns("owls")

        with pytest.raises(UsageError, match="meanwhile"):
            await all_of(answering.ask("ada", "Another question?", thread="owls", again=True))
        ticket = answering.queue.enter("ada")
        with pytest.raises(Busy):
            await all_of(answering.ask("ada", QUESTION, thread="owls", again=True))
        ticket.leave()
        monkeypatch.setattr(library, "ask", _missing)
        with pytest.raises(MissingError):
            await all_of(answering.ask("ada", QUESTION, thread="owls", again=True))
        assert (library.threads.said("owls"), library.threads.turns("owls")) == kept

    run(work)


def test_a_question_without_an_answer_is_asked_again(library: Library) -> None:
    async def work() -> None:
        answering = Serving(library).answering
        await all_of(answering.ask("ada", QUESTION, thread="owls"))
        question = "How many GPU-hours did the zebra telescope take?"
        events = await all_of(answering.ask("ada", question, thread="owls"))
        assert events[-1]["answer"]["abstained"]
        turns = library.threads.turns("owls")
        await all_of(answering.ask("ada", question, thread="owls", again=True))
        assert [said.question for said in library.threads.said("owls")] == [QUESTION, question]
        assert library.threads.turns("owls") == turns

    run(work)


def _missing(*_: object, **__: object) -> None:
    raise MissingError("No weights.", remedy="Pull them.")


def test_a_call_to_a_server_keeps_no_place_of_one_who_left(library: Library, model: Model) -> None:
    """It cannot be taken back, and another question need not wait for it."""

    async def work() -> None:
        answering = Answering(library, FairQueue(), one_model=False)
        model.deaf = True
        model.go.clear()
        reading = asyncio.create_task(all_of(answering.ask("ada", QUESTION, thread="owls")))
        await until(model.entered.is_set)
        reading.cancel()
        await until(lambda: answering.queue.serving == 0)
        assert answering.talking("owls")  # whose end it is still on its way to
        model.go.set()
        await until(lambda: not answering.talking("owls"))
        assert model.calls == 1 and library.threads.said("owls") == []

    run(work)


@pytest.mark.parametrize("question", ["", " \n\t", "x" * 2001])
def test_what_is_no_question_takes_no_place(library: Library, question: str) -> None:
    async def work() -> None:
        answering = Serving(library).answering
        with pytest.raises(UsageError):
            await all_of(answering.ask("ada", question))
        assert (answering.queue.waiting, answering.queue.serving) == (0, 0)

    run(work)


def test_an_error_reaches_who_asked_and_frees_the_place(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        answering = Serving(library).answering
        monkeypatch.setattr(library, "ask", _missing)
        with pytest.raises(CuratorError, match="No weights"):
            await all_of(answering.ask("ada", QUESTION, thread="owls"))
        await until(lambda: answering.queue.serving == 0)
        with pytest.raises(CuratorError, match="No weights"):
            await all_of(answering.ask("ada", QUESTION, thread="owls"))

    run(work)


def test_a_client_with_ten_questions_does_not_keep_others_waiting(
    library: Library, model: Model
) -> None:
    async def work() -> None:
        answering = Answering(library, FairQueue(per_client=20))
        model.go.clear()
        done: list[str] = []

        async def one(client: str, number: int) -> None:
            await all_of(answering.ask(client, f"{QUESTION} {number}"))
            done.append(client)

        tasks = [asyncio.create_task(one("ada", n)) for n in range(6)]
        await until(model.entered.is_set)
        tasks.append(asyncio.create_task(one("bo", 7)))
        await asyncio.sleep(0.05)
        model.go.set()
        await asyncio.gather(*tasks)
        assert done[:2] == ["ada", "bo"] and len(done) == 7

    run(work)
