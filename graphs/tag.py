"""Tagging one paper: score → (ask the model about what is doubtful) → settle.

Words and vectors decide what is plain; the model gets short yes/no questions about what is
uncertain (`curator.tagging.voting`). It is never asked to fill a list.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from curator.tagging import chance_of
from curator.taxonomy import Facet, Taxonomy
from graphs.context import TagContext
from graphs.state import TagState

__all__ = ["build", "graph", "recipe"]

# So many tags of a paper are suggested at most.
MAX_SUGGESTIONS = 4
# Part of the recipe: to be raised when the rules of this graph change.
RECIPE = "tag graph 4"


def score(state: TagState, runtime: Runtime[TagContext]) -> TagState:
    """Scores every tag and parts them into plain and uncertain ones. With ``only``, these tags
    alone are decided."""
    context = runtime.context
    paper = context.papers.get([state["paper_id"]])[state["paper_id"]]
    odds, bounds = dict(context.scorer.score(paper).odds), context.scorer.bounds
    asked = state.get("only")
    best = sorted(
        (tag for tag in odds if asked is None or tag in asked),
        key=lambda tag: (-odds[tag], tag),
    )
    uncertain = sorted(
        (tag for tag in best if bounds.low <= odds[tag] < bounds.high),
        key=lambda tag: (abs(odds[tag] - bounds.accept), tag),
    )
    return {
        "scores": odds,
        "accepted": {tag: odds[tag] for tag in best if odds[tag] >= bounds.accept},
        "uncertain": {tag: odds[tag] for tag in uncertain},
    }


def ask_model(state: TagState, runtime: Runtime[TagContext]) -> TagState:
    """Has the model decide the most uncertain tags."""
    context = runtime.context
    assert context.voter is not None
    paper = context.papers.get([state["paper_id"]])[state["paper_id"]]
    tags = [context.taxonomy.by_name[name] for name in _questions(state["uncertain"], runtime)]
    return {"votes": context.voter.votes(paper, tags), "model": context.voter.identity}


def settle(state: TagState, runtime: Runtime[TagContext]) -> TagState:
    """Joins both voices, adds parents, sees to each facet's rule, and gives each tag the
    sentence that speaks for it."""
    context = runtime.context
    taxonomy, bounds = context.taxonomy, context.scorer.bounds
    tags = {tag: _tag(tag, odds, "similarity") for tag, odds in state["accepted"].items()}
    suggested = 0
    for tag, odds in state["uncertain"].items():
        vote = (state.get("votes") or {}).get(tag)
        source = "similarity" if vote is None else "model"
        moved = odds + (vote or 0.0)
        if moved >= bounds.accept:
            tags[tag] = _tag(tag, moved, source)
        else:
            tags.pop(tag, None)
            agreed = vote is not None and vote <= 0 and odds < bounds.accept  # both say no
            if not agreed and suggested < MAX_SUGGESTIONS:
                suggested += 1
                tags[tag] = {**_tag(tag, moved, source), "needs_review": True}
    tags |= {tag["tag"]: dict(tag) for tag in state.get("kept") or ()}
    for facet in taxonomy.facets:
        _see_to(facet, tags, state["scores"], taxonomy, bounds.default)
    for tag in [name for name, given in tags.items() if not given["needs_review"]]:
        for parent in taxonomy.ancestors(tag):
            known = tags.get(parent)
            if known is None or known["needs_review"]:
                tags[parent] = {**tags[tag], "tag": parent, "source": "parent"}
            elif known["confidence"] < tags[tag]["confidence"]:
                # A paper has a tag's parent at least as likely as it has the tag.
                tags[parent] = {**known, "confidence": tags[tag]["confidence"]}
    paper = context.papers.get([state["paper_id"]])[state["paper_id"]]
    evidence = context.scorer.score(paper).evidence
    for given in tags.values():
        by_default = given["source"] == "default"
        given.setdefault("evidence", "" if by_default else evidence(given["tag"]))
    ordered = sorted(tags.values(), key=lambda t: (-t["confidence"], t["tag"]))
    return {"tags": ordered, "model": state.get("model", "")}


def has_doubts(state: TagState, runtime: Runtime[TagContext]) -> Literal["ask_model", "settle"]:
    return "ask_model" if _questions(state["uncertain"], runtime) else "settle"


def _questions(uncertain: dict[str, float], runtime: Runtime[TagContext]) -> list[str]:
    """What the model is asked: the most uncertain ones, if it has a say at all."""
    context = runtime.context
    return [] if context.voter is None else list(uncertain)[: context.questions]


def _see_to(
    facet: Facet,
    tags: dict[str, dict[str, Any]],
    scores: dict[str, float],
    taxonomy: Taxonomy,
    default: float,
) -> None:
    """Makes the tags obey a facet's rule: none too many, and one where one is asked for."""
    own = [tag.name for tag in taxonomy.tags if tag.facet == facet.name]
    given = [tag for tag in own if tag in tags and not tags[tag]["needs_review"]]
    if facet.rule == "exactly-one":
        ordered = sorted(given, key=lambda tag: (-tags[tag]["confidence"], tag))
        for extra in ordered[1:]:
            del tags[extra]
    if facet.rule == "any" or given or not own:
        return
    if facet.fallback is None:
        best = max(own, key=lambda tag: (scores[tag], tag))
        tags[best] = _tag(best, scores[best], "similarity")
    else:
        tags[facet.fallback] = {
            "tag": facet.fallback,
            "confidence": chance_of(default),
            "source": "default",
            "needs_review": False,
        }


def _tag(name: str, odds: float, source: str) -> dict[str, Any]:
    return {"tag": name, "confidence": chance_of(odds), "source": source, "needs_review": False}


def recipe(embedding: str, scorer: str, voter: str) -> str:
    """Names all that a paper's tags depend on, besides its text and the taxonomy (16 hex
    digits): the fingerprints of embedder and scorer, and the recipe of the voter ("": none) with
    how many questions it is asked."""
    parts = (embedding, RECIPE, scorer, voter)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


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
