"""The grammars that a local model writes under. No weights are loaded here."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, ValidationError

from curator.answers import MAX_SENTENCES, draft_schema
from curator.errors import PromptError
from curator.llm.local import grammar_for
from curator.tagging.voting import decision_schema
from curator.tldr import TldrDraft

pytest.importorskip("llama_cpp")


def schema_of(model: type[BaseModel]) -> str:
    return json.dumps(model.model_json_schema())


@pytest.mark.parametrize(
    "model",
    [
        *(draft_schema(n) for n in range(1, 7)),
        decision_schema(("llm-agents",)),
        decision_schema(tuple(f"tag-{n}" for n in range(6))),
        decision_schema(("copy", "_x", "model-config", "3d")),
        TldrDraft,
    ],
    ids=lambda model: model.__name__,
)
def test_every_schema_of_ours_becomes_a_grammar(model: type[BaseModel]) -> None:
    assert grammar_for(schema_of(model)) is grammar_for(schema_of(model))


@pytest.mark.parametrize(
    "schema",
    [
        "not JSON",
        "[]",
        json.dumps({"$ref": "#/nowhere"}),
        json.dumps({"type": "string", "pattern": "^(?=a)b$"}),
        json.dumps({"type": "unheard-of"}),
    ],
)
def test_a_schema_that_cannot_become_one_is_an_error(schema: str) -> None:
    with pytest.raises(PromptError, match="No grammar"):
        grammar_for(schema)


def test_a_draft_can_only_cite_what_there_is() -> None:
    model = draft_schema(3)
    good = {"sentences": [{"text": "A sentence of some length.", "evidence": 3}]}
    model.model_validate(good)
    for evidence in (0, 4, -1, "1x", None, 1.5, [1]):
        with pytest.raises(ValidationError):
            model.model_validate(
                {"sentences": [{"text": "A sentence of some length.", "evidence": evidence}]}
            )
    for sentences in ([], good["sentences"] * (MAX_SENTENCES + 1), [{"evidence": 1}]):
        with pytest.raises(ValidationError):
            model.model_validate({"sentences": sentences})


def test_a_decision_has_yes_or_no_for_each_tag() -> None:
    model = decision_schema(("llm-agents", "copy"))
    said = model.model_validate({"llm-agents": "yes", "copy": "no"})
    assert said.model_dump(by_alias=True) == {"llm-agents": "yes", "copy": "no"}
    assert list(model.model_json_schema()["properties"]) == ["llm-agents", "copy"]
    for wrong in ({}, {"llm-agents": "yes"}, {"llm-agents": "maybe", "copy": "no"}):
        with pytest.raises(ValidationError):
            model.model_validate(wrong)
