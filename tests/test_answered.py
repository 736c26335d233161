"""The record of what became of the questions."""

from __future__ import annotations

from typing import Any

from curator.answers import Answer, quotation, rungs_of
from curator.catalog import Catalog


def an_answer(**changed: Any) -> Answer:
    sentences = [quotation("p1", "Owls see at night."), quotation("p2", "Bats hear shapes.")]
    answer = Answer(
        question="What is seen?",
        answer="Owls see at night. [1] Bats hear shapes. [2]",
        abstained=False,
        reason="",
        sentences=sentences,
        sources=[],
        model="scripted@1",
        usage={"llm_calls": 2, "prompt_tokens": 90, "completion_tokens": 10, "seconds": 1.5},
        rungs=rungs_of(sentences),
    )
    answer.update(changed)  # type: ignore[typeddict-item]
    return answer


def test_a_new_library_has_answered_nothing(catalog: Catalog) -> None:
    assert set(catalog.answered.summary().values()) == {0}


def test_sums_add_up(catalog: Catalog) -> None:
    catalog.answered.note(an_answer())
    rungs = rungs_of([]) | {"drafted": 3, "repairs": 1, "fallbacks": 1, "fallback": 1}
    catalog.answered.note(an_answer(rungs=rungs))
    catalog.answered.note(an_answer(abstained=True, rungs=rungs_of([])))
    summary = catalog.answered.summary()
    assert summary["questions"] == 3
    assert summary["abstained"] == 1
    assert summary["quoted"] == 2
    assert (summary["drafted"], summary["passed"]) == (3, 0)
    assert (summary["repairs"], summary["repaired"]) == (1, 0)
    assert (summary["fallbacks"], summary["fallback"]) == (1, 1)
    assert (summary["llm_calls"], summary["tokens"], summary["seconds"]) == (6, 300, 4.5)


def test_no_word_of_a_question_is_kept(catalog: Catalog) -> None:
    catalog.answered.note(an_answer(question="A very secret question?"))
    catalog.store.close()
    file = catalog.store.path
    everything = b"".join(f.read_bytes() for f in file.parent.glob(f"{file.name}*"))
    assert b"scripted@1" in everything
    assert b"secret" not in everything
