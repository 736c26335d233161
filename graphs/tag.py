"""Tagging one paper: score → (ask the model about what is doubtful) → settle.

Similarity decides what is plain; the model gets short yes/no questions about the rest, under
a grammar that knows only these tags. It is never asked to fill a list.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, ConfigDict, Field, create_model

from curator.errors import ModelOutputError
from curator.injections import stated
from curator.prompting import Prompt, program_prompt
from curator.tagging import ACCEPT, FALLBACK_CONFIDENCE, HIGH, LOW, MODEL_WEIGHT, confidence_of
from curator.taxonomy import Facet, Taxonomy
from curator.text import plain
from graphs.context import TagContext
from graphs.state import TagState

__all__ = ["build", "decision_schema", "graph"]

MAX_QUESTIONS = 4
# Part of the recipe: to be raised when the rules of this graph change.
RECIPE = "tag graph 3"


def score(state: TagState, runtime: Runtime[TagContext]) -> TagState:
    """Scores every tag and parts them into plain and doubtful ones."""
    paper = runtime.context.papers.get([state["paper_id"]])[state["paper_id"]]
    scores = dict(runtime.context.scorer.score(paper))
    best = sorted(scores, key=lambda tag: (-scores[tag], tag))
    doubtful = sorted(
        (tag for tag in best if LOW <= scores[tag] < HIGH),
        key=lambda tag: abs(scores[tag] - ACCEPT),
    )[:MAX_QUESTIONS]
    return {
        "scores": scores,
        "accepted": {
            tag: scores[tag] for tag in best if scores[tag] >= ACCEPT and tag not in doubtful
        },
        "uncertain": {tag: scores[tag] for tag in doubtful},
    }


def ask_model(state: TagState, runtime: Runtime[TagContext]) -> TagState:
    """Has the model decide the doubtful tags."""
    context = runtime.context
    paper = context.papers.get([state["paper_id"]])[state["paper_id"]]
    tags = sorted(state["uncertain"])
    by_name = context.taxonomy.by_name
    try:
        made = context.llm.generate(
            _prompt(context.prompts),
            decision_schema(tuple(tags)),
            max_tokens=24 * len(tags) + 16,
            title=plain(paper.title),
            abstract=plain(" ".join(span.text for span in stated(paper.abstract))),
            questions=[
                {"tag": tag, "cue": by_name[tag].cue or by_name[tag].description} for tag in tags
            ],
        )
    except ModelOutputError:
        return {"decided": {}, "model": context.llm.identity}
    said = made.value.model_dump(by_alias=True)
    return {"decided": {tag: said[tag] == "yes" for tag in tags}, "model": made.model}


def settle(state: TagState, runtime: Runtime[TagContext]) -> TagState:
    """Joins both voices, adds parents, and sees to each facet's rule."""
    taxonomy = runtime.context.taxonomy
    tags: dict[str, dict[str, Any]] = {
        tag: _tag(tag, value, "similarity") for tag, value in state["accepted"].items()
    }
    for tag, value in state["uncertain"].items():
        said = (state.get("decided") or {}).get(tag)
        if said is None:
            moved, source = value, "similarity"
        else:
            moved, source = value + (MODEL_WEIGHT if said else -MODEL_WEIGHT), "model"
        if moved >= ACCEPT:
            tags[tag] = _tag(tag, moved, source)
        elif value >= ACCEPT or said:
            # One voice of two says yes: a suggestion, for a person to decide.
            tags[tag] = {**_tag(tag, moved, source), "needs_review": True}
    for facet in taxonomy.facets:
        _see_to(facet, tags, state["scores"], taxonomy)
    for tag in [name for name, given in tags.items() if not given["needs_review"]]:
        for parent in taxonomy.ancestors(tag):
            known = tags.get(parent)
            if known is None or known["needs_review"]:
                tags[parent] = {**tags[tag], "tag": parent, "source": "parent"}
    ordered = sorted(tags.values(), key=lambda t: (-t["confidence"], t["tag"]))
    return {"tags": ordered, "model": state.get("model", "")}


def has_doubts(state: TagState) -> Literal["ask_model", "settle"]:
    return "ask_model" if state["uncertain"] else "settle"


@lru_cache(maxsize=1024)
def decision_schema(tags: tuple[str, ...]) -> type[BaseModel]:
    """``yes`` or ``no`` for each tag, in this order."""
    # By alias, since a tag may be called what no attribute can be ("copy", "_x").
    fields: dict[str, Any] = {
        f"tag{n}": (Literal["yes", "no"], Field(alias=tag)) for n, tag in enumerate(tags)
    }
    return create_model("TagDecision", __config__=ConfigDict(extra="forbid"), **fields)


def _see_to(
    facet: Facet, tags: dict[str, dict[str, Any]], scores: dict[str, float], taxonomy: Taxonomy
) -> None:
    """Makes the tags obey a facet's rule: none too many, and one where one is asked for."""
    own = [tag.name for tag in taxonomy.tags if tag.facet == facet.name]
    given = [tag for tag in own if tag in tags and not tags[tag]["needs_review"]]
    if facet.rule == "exactly-one":
        for extra in sorted(given, key=lambda tag: (-tags[tag]["confidence"], tag))[1:]:
            del tags[extra]
    if facet.rule == "any" or given or not own:
        return
    if facet.fallback is None:
        best = max(own, key=lambda tag: (scores[tag], tag))
        tags[best] = _tag(best, scores[best], "similarity")
    else:
        tags[facet.fallback] = {
            "tag": facet.fallback,
            "confidence": FALLBACK_CONFIDENCE,
            "source": "default",
            "needs_review": False,
        }


def _tag(name: str, value: float, source: str) -> dict[str, Any]:
    confidence = confidence_of(value)
    return {"tag": name, "confidence": confidence, "source": source, "needs_review": False}


def recipe(taxonomy: Taxonomy, model: str, embedding: str, prompts: Path | None) -> str:
    """Names all that a paper's tags depend on, besides its text (16 hex digits)."""
    parts = (taxonomy.hash, model, embedding, _prompt(prompts).hash, RECIPE)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _prompt(folder: Path | None) -> Prompt:
    return program_prompt("tag", folder)


def build() -> StateGraph[TagState, TagContext, TagState, TagState]:
    """The graph, not yet compiled."""
    builder = StateGraph(TagState, context_schema=TagContext)
    builder.add_node("score", score)
    builder.add_node("ask_model", ask_model)
    builder.add_node("settle", settle)
    builder.add_edge(START, "score")
    builder.add_conditional_edges("score", has_doubts)
    builder.add_edge("ask_model", "settle")
    builder.add_edge("settle", END)
    return builder


graph = build().compile()
