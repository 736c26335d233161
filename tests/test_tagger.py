"""Tagging papers of a library: what a change of the taxonomy touches, what corrections teach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import FakeEmbedder, add, record

from curator.catalog import Catalog
from curator.paper import Paper
from curator.tagger import Tagger
from curator.tagging import EmbeddingTagScorer
from curator.taxonomy import Facet, Tag, Taxonomy
from graphs.context import TagContext
from graphs.tag import graph, recipe

TOPIC = Facet("topic", "what it is about", "any")
OWLS = Tag("owls", "topic", "owls that hunt at night", aliases=("owl",))
BREAD = Tag("bread", "topic", "bread and yeast in ovens", aliases=("sourdough",))
CHESS = Tag("chess", "topic", "board games with kings")
FIRST = Taxonomy.of([TOPIC], [OWLS, BREAD, CHESS])

PAPERS = [
    record("An owl at night", "We watch an owl that hunts at night. Owls see well in the dark."),
    record("Sourdough rises", "Bread and yeast in ovens are weighed. Sourdough rises for a day."),
    record("Gears of clocks", "Wheels turn other wheels in old towers. Nobody oils them."),
]


class Shelf:
    """A catalog with three papers, tagged by a real graph; it notes what was decided."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        add(catalog, *PAPERS)
        self.papers = {paper.title: paper for paper in catalog.papers.select()}
        self.decided: list[tuple[str, list[str] | None]] = []
        self.known: dict[str, Taxonomy] = {}

    def tagger(self, taxonomy: Taxonomy = FIRST) -> Tagger:
        self.known[taxonomy.hash] = taxonomy
        background = [Paper(f"b{n}", f"Paper {n}", "Of this and that we write.") for n in range(3)]
        scorer = EmbeddingTagScorer(taxonomy, FakeEmbedder(), background=background)
        context = TagContext(self.catalog.papers, scorer, taxonomy)

        def decide(paper_id: str, only: list[str] | None, kept: list[dict[str, Any]]) -> Any:
            self.decided.append((paper_id, only))
            state: Any = {"paper_id": paper_id, "kept": kept}
            if only is not None:
                state["only"] = only
            return graph.invoke(state, context=context)

        return Tagger(
            self.catalog,
            taxonomy,
            scorer,
            decide,
            rest=lambda: recipe("e", scorer.fingerprint, ""),
            former=self.known.get,
        )

    def tag_all(self, tagger: Tagger) -> dict[str, set[str]]:
        """The tags that are given (no suggestions), by title."""
        return {
            paper.title: {t.tag for t in tagger.tag(paper) if not t.needs_review}
            for paper in tagger.prepared(self.papers.values())
        }


@pytest.fixture
def shelf(catalog: Catalog) -> Shelf:
    return Shelf(catalog)


def test_each_paper_is_decided_once(shelf: Shelf) -> None:
    tagger = shelf.tagger()
    first = shelf.tag_all(tagger)
    assert first["An owl at night"] == {"owls"}
    assert first["Sourdough rises"] == {"bread"}
    assert first["Gears of clocks"] == set()
    assert len(shelf.decided) == 3
    assert shelf.tag_all(tagger) == first == shelf.tag_all(shelf.tagger())
    assert len(shelf.decided) == 3


def test_every_tag_has_a_stored_sentence(shelf: Shelf) -> None:
    tagger = shelf.tagger()
    for paper in shelf.papers.values():
        for tag in tagger.tag(paper):
            assert tag.evidence in paper.text


def test_a_new_tag_is_decided_alone(shelf: Shelf) -> None:
    shelf.tag_all(shelf.tagger())
    shelf.decided.clear()
    clocks = Tag("clocks", "topic", "wheels of old towers", aliases=("clock", "gear"))
    now = shelf.tag_all(shelf.tagger(Taxonomy.of([TOPIC], [*FIRST.tags, clocks])))
    assert {tuple(only or ()) for _, only in shelf.decided} == {("clocks",)}
    assert now["Gears of clocks"] == {"clocks"}
    assert now["An owl at night"] == {"owls"}


def test_a_rename_keeps_what_was_stored(shelf: Shelf) -> None:
    before = shelf.tagger()
    shelf.tag_all(before)
    stored = before.tag(shelf.papers["An owl at night"])
    shelf.decided.clear()
    birds = replace(OWLS, name="night-birds", was=("owls",))
    after = shelf.tagger(Taxonomy.of([TOPIC], [birds, BREAD, CHESS]))
    now = after.tag(shelf.papers["An owl at night"])
    assert [replace(t, tag="night-birds" if t.tag == "owls" else t.tag) for t in stored] == now
    assert all(only == [] for _, only in shelf.decided)


def test_a_removed_tag_goes_and_an_edited_one_is_decided_again(shelf: Shelf) -> None:
    shelf.tag_all(shelf.tagger())
    shelf.decided.clear()
    edited = replace(BREAD, description="cakes and sugar in tins", aliases=())
    now = shelf.tag_all(shelf.tagger(Taxonomy.of([TOPIC], [edited, CHESS])))
    assert {tuple(only or ()) for _, only in shelf.decided} == {("bread",)}
    assert now["An owl at night"] == set()
    assert now["Sourdough rises"] == set()


def test_where_the_former_taxonomy_is_not_known_all_is_decided(shelf: Shelf) -> None:
    shelf.tag_all(shelf.tagger())
    shelf.known.clear()
    shelf.decided.clear()
    shelf.tag_all(shelf.tagger(Taxonomy.of([TOPIC], [OWLS, BREAD])))
    assert [only for _, only in shelf.decided] == [None] * 3


def test_a_new_text_is_decided_whole(shelf: Shelf) -> None:
    shelf.tag_all(shelf.tagger())
    shelf.decided.clear()
    add(shelf.catalog, record("An owl at night", "Now it is all about yeast and bread in ovens."))
    shelf.papers = {paper.title: paper for paper in shelf.catalog.papers.select()}
    shelf.tag_all(shelf.tagger(Taxonomy.of([TOPIC], [OWLS, BREAD])))
    changed = shelf.papers["An owl at night"]
    assert changed.abstract.startswith("Now it is")
    assert dict(shelf.decided)[changed.id] is None


def test_corrections_hold_and_make_other_papers_due(shelf: Shelf) -> None:
    tagger = shelf.tagger()
    shelf.tag_all(tagger)
    plain = tagger.recipe
    gears = shelf.papers["Gears of clocks"]
    shelf.catalog.corrections.set(
        gears.id, {"chess": True, "owls": False}, tagger.taxonomy.ancestors
    )
    tagger.learn()
    assert tagger.recipe != plain
    now = shelf.tag_all(tagger)
    assert now["Gears of clocks"] == {"chess"}
    assert now["An owl at night"] == {"owls"}
    chess = next(t for t in tagger.tag(gears) if t.tag == "chess")
    assert (chess.source, chess.confidence) == ("human", 1.0)
    shelf.catalog.corrections.unset(gears.id)
    tagger.learn()
    assert tagger.recipe == plain
    assert shelf.tag_all(tagger)["Gears of clocks"] == set()


def test_a_correction_of_a_tag_that_is_no_more_harms_nothing(shelf: Shelf) -> None:
    gears = shelf.papers["Gears of clocks"]
    shelf.catalog.corrections.set(gears.id, {"astrology": True})
    tagger = shelf.tagger()
    assert shelf.tag_all(tagger)["Gears of clocks"] == {"astrology"}
    assert tagger.taxonomy.ancestors("astrology") == []


def test_waiting_papers_follow_what_was_said_at_once(shelf: Shelf) -> None:
    """A suggestion that what was said elsewhere makes unlikely does not wait as it was."""
    tagger = shelf.tagger()
    shelf.tag_all(tagger)
    first = shelf.papers["An owl at night"]
    with shelf.catalog.store.write() as connection:
        from sqlalchemy import update

        from curator.catalog.schema import tags

        waiting = update(tags).where(tags.c.paper_id == first.id)
        connection.execute(waiting.values(needs_review=True, confidence=0.2))
    gears = shelf.papers["Gears of clocks"]
    shelf.catalog.corrections.set(gears.id, {"owls": False}, tagger.taxonomy.ancestors)
    assert tagger.corrected() == 1
    stored = shelf.catalog.outputs.tags([first.id])[first.id]
    assert [t.needs_review for t in stored if t.tag == "owls"] == [False]
