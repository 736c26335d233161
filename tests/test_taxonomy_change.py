"""What a changed taxonomy means for papers that are tagged: told before anything is done."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from commands import inline
from fakes import FakeEmbedder
from hypothesis import given
from hypothesis import strategies as st

from curator.catalog import StoredTag
from curator.errors import StorageError
from curator.library import Library
from curator.paper import Paper
from curator.taxonomy import Facet, Tag, Taxonomy, load_taxonomy, to_yaml
from curator.taxonomy.change import Affected, Change, affected, compare
from curator.taxonomy.fit import TagFit
from curator.taxonomy.kept import keep, kept
from curator.taxonomy.uses import nearness, stored_tags, tagged_papers, used_hashes

ANIMALS, KIND = Facet("animals", ""), Facet("kind", "", "at-least-one", "method")
BIRDS = Tag("birds", "animals", "what flies and has feathers")
OWLS = Tag("owls", "animals", "birds that hunt in the night", "birds")
CATS = Tag("cats", "animals", "what hunts mice in houses")
METHOD = Tag("method", "kind", "how something is done")
OLD = Taxonomy.of((ANIMALS, KIND), (BIRDS, OWLS, CATS, METHOD))

STORED = {
    "p-owl": ["owls", "birds", "method"],
    "p-cat": ["cats", "method"],
    "p-bird": ["birds", "method"],
    "p-none": ["method"],
    "p-empty": [],
}


def changed(*tags: Tag, facets: tuple[Facet, ...] = OLD.facets) -> Taxonomy:
    return Taxonomy.of(facets, tags)


def far(_: Sequence[str]) -> dict[str, set[str]]:
    return {}


def adds_up(found: Affected, stored: Mapping[str, Collection[str]] = STORED) -> None:
    groups = [set(found.decide), set(found.settle), set(found.stay)]
    assert set.union(*groups) == set(stored)
    assert sum(map(len, groups)) == len(stored)
    assert all(found.decide.values())


def told(new: Taxonomy, near: Mapping[str, Collection[str]] | None = None) -> Affected:
    asked: list[str] = []

    def ask(tags: Sequence[str]) -> Mapping[str, Collection[str]]:
        asked.extend(tags)
        return near or {}

    change = compare(OLD, new)
    found = affected(change, new, STORED, ask)
    assert asked == list(change.to_decide)
    adds_up(found)
    return found


# ------------------------------------------------------------------------------- comparing


def test_the_same_taxonomy_changes_nothing() -> None:
    change = compare(OLD, Taxonomy.of(OLD.facets, OLD.tags))
    assert change == Change()
    assert change.is_none
    found = told(OLD)
    assert found.stay == set(STORED)


def test_another_order_or_a_description_of_a_facet_decides_nothing() -> None:
    facets = (KIND, replace(ANIMALS, description="which animals"))
    new = changed(METHOD, CATS, OWLS, BIRDS, facets=facets)
    assert new.hash != OLD.hash
    assert compare(OLD, new).is_none


def test_a_rename_keeps_what_is_stored() -> None:
    strix = replace(OWLS, name="strix", was=("owls",))
    new = changed(BIRDS, strix, CATS, METHOD)
    change = compare(OLD, new)
    assert change == Change(renamed={"strix": "owls"})
    found = told(new)
    assert not found.decide
    assert not found.settle
    assert found.renamed == 1
    assert new.resolve("owls") == "strix"


def test_a_renamed_parent_does_not_move_its_children() -> None:
    aves = replace(BIRDS, name="aves", was=("birds",))
    new = changed(aves, replace(OWLS, parent="aves"), CATS, METHOD)
    assert compare(OLD, new) == Change(renamed={"aves": "birds"})


def test_a_rename_that_also_rewords_is_decided_again_where_the_old_one_was() -> None:
    strix = replace(OWLS, name="strix", was=("owls",), description="birds with large eyes")
    change = compare(OLD, changed(BIRDS, strix, CATS, METHOD))
    assert change.renamed == {"strix": "owls"}
    assert change.edited == {"strix": ("description",)}
    found = told(changed(BIRDS, strix, CATS, METHOD))
    assert found.decide == {"p-owl": {"strix"}}


def test_a_rename_that_nobody_called_one_is_pointed_out() -> None:
    change = compare(OLD, changed(BIRDS, replace(OWLS, name="strix"), CATS, METHOD))
    assert (change.added, change.removed) == (("strix",), ("owls",))
    assert change.like_renames == {"owls": "strix"}


def test_former_names_that_do_not_fit_are_no_renames() -> None:
    # The old name is still there, or two say that they were it.
    both = changed(BIRDS, OWLS, replace(OWLS, name="strix", was=("owls",)), CATS, METHOD)
    assert compare(OLD, both).renamed == {}
    assert compare(OLD, both).added == ("strix",)
    twice = changed(
        *(BIRDS, CATS, METHOD),
        *(replace(OWLS, name=name, was=("owls",)) for name in ("strix", "bubo")),
    )
    assert compare(OLD, twice).renamed == {"strix": "owls"}
    assert compare(OLD, twice).added == ("bubo",)
    never = changed(BIRDS, OWLS, CATS, METHOD, Tag("x", "animals", "y", was=("nobody",)))
    assert compare(OLD, never).added == ("x",)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"description": "others"}, "description"),
        ({"excludes": "dogs"}, "excludes"),
        ({"aliases": ("felines",)}, "aliases"),
        ({"examples": ("a cat",)}, "examples"),
        ({"counterexamples": ("a dog",)}, "counterexamples"),
        ({"cue": "Cats?"}, "cue"),
    ],
)
def test_edits_are_named(fields: dict[str, str], said: str) -> None:
    change = compare(OLD, changed(BIRDS, OWLS, replace(CATS, **fields), METHOD))  # type: ignore[arg-type]
    assert change == Change(edited={"cats": (said,)})


# ------------------------------------------------------------------------ papers concerned


def test_an_edit_concerns_who_has_the_tag_or_comes_near_it_and_nobody_else() -> None:
    new = changed(BIRDS, OWLS, replace(CATS, description="what purrs"), METHOD)
    found = told(new, {"cats": {"p-none", "never tagged"}, "owls": {"p-bird"}})
    assert found.decide == {"p-cat": {"cats"}, "p-none": {"cats"}}
    assert found.counts() == {"cats": 2}
    assert found.stay == {"p-owl", "p-bird", "p-empty"}


def test_an_edited_parent_concerns_the_papers_of_its_children() -> None:
    new = changed(replace(BIRDS, description="what has wings"), OWLS, CATS, METHOD)
    assert told(new).decide == {"p-owl": {"birds"}, "p-bird": {"birds"}}


def test_a_new_tag_concerns_who_comes_near_it() -> None:
    new = changed(*OLD.tags, Tag("mice", "animals", "what is hunted"))
    assert told(new, {"mice": {"p-cat", "p-empty"}}).decide == {
        "p-cat": {"mice"},
        "p-empty": {"mice"},
    }
    assert not told(new).decide


def test_a_removed_tag_is_taken_off_without_deciding_anything() -> None:
    found = told(changed(BIRDS, OWLS, METHOD))
    assert not found.decide
    assert found.settle == {"p-cat"}


def test_a_removed_tag_that_another_took_over_is_decided_for_that_one() -> None:
    birds = replace(BIRDS, aliases=("Owls",))
    new = changed(birds, CATS, METHOD)
    assert compare(OLD, new).joined == {"owls": "birds"}
    found = told(new)
    assert found.decide == {"p-owl": {"birds"}, "p-bird": {"birds"}}


def test_a_moved_tag_is_put_in_order() -> None:
    new = changed(BIRDS, replace(OWLS, parent=None), CATS, METHOD)
    assert compare(OLD, new) == Change(moved=("owls",))
    assert told(new).settle == {"p-owl"}
    other = changed(BIRDS, OWLS, replace(CATS, facet="kind"), METHOD)
    assert told(other).settle == {"p-cat"}
    # A grandparent that changes moves the grandchildren, too.
    deep = changed(replace(BIRDS, parent="cats"), OWLS, CATS, METHOD)
    assert set(compare(OLD, deep).moved) == {"birds", "owls"}


def test_rules_of_facets_concern_papers_that_do_not_obey_them() -> None:
    one = changed(*OLD.tags, facets=(replace(ANIMALS, rule="exactly-one"), KIND))
    assert compare(OLD, one).facets == ("animals",)
    assert told(one).settle == {"p-owl", "p-none", "p-empty"}
    fallback = changed(*OLD.tags, facets=(ANIMALS, replace(KIND, fallback=None)))
    assert told(fallback).settle == {"p-empty"}
    free = changed(*OLD.tags, facets=(ANIMALS, replace(KIND, rule="any")))
    assert told(free).settle == {"p-owl", "p-cat", "p-bird", "p-none"}  # may have it by default


def test_a_rule_looks_at_renamed_tags_under_their_new_names() -> None:
    way = replace(METHOD, name="way", was=("method",))
    facets = (ANIMALS, replace(KIND, rule="exactly-one", fallback="way"))
    found = told(changed(BIRDS, OWLS, CATS, way, facets=facets))
    assert found.settle == set(STORED)  # all have what is the fallback, or nothing


_NAMES = st.sampled_from(["birds", "owls", "cats", "dogs", "mice"])


@given(
    st.lists(_NAMES, unique=True, min_size=1),
    st.lists(_NAMES, unique=True, min_size=1),
    st.dictionaries(st.sampled_from("abcdef"), st.lists(_NAMES, unique=True)),
    st.sampled_from(["any", "at-least-one", "exactly-one"]),
)
def test_groups_of_papers_add_up_whatever_changed(
    before: list[str], after: list[str], stored: dict[str, list[str]], rule: str
) -> None:
    old = Taxonomy.of((ANIMALS,), [Tag(n, "animals", f"about {n}") for n in before])
    new = Taxonomy.of(
        (replace(ANIMALS, rule=rule),),
        [Tag(n, "animals", f"about {n}", was=(before[0],)) for n in after],
    )
    change = compare(old, new)
    adds_up(affected(change, new, stored, lambda tags: {t: set("ab") for t in tags}), stored)
    assert set(change.added) == set(after) - set(before) - set(change.renamed)
    assert set(change.removed) == set(before) - set(after) - set(change.renamed.values())


# ----------------------------------------------------------------------- what libraries keep


def test_a_taxonomy_is_kept_and_found_again(tmp_path: Path) -> None:
    file = keep(tmp_path, OLD)
    assert file == tmp_path / "taxonomies" / f"{OLD.hash}.yaml"
    before = file.stat().st_mtime_ns
    assert keep(tmp_path, OLD) == file
    assert file.stat().st_mtime_ns == before
    assert kept(tmp_path, OLD.hash) == OLD
    arxiv = load_taxonomy("arxiv:cs.*")
    keep(tmp_path, arxiv)
    assert kept(tmp_path, arxiv.hash) == arxiv
    assert [f.name for f in file.parent.iterdir() if f.name.startswith(".")] == []


def test_what_was_changed_or_is_none_is_not_taken_for_it(tmp_path: Path) -> None:
    file = keep(tmp_path, OLD)
    file.write_text(to_yaml(changed(BIRDS)), "utf-8")
    assert kept(tmp_path, OLD.hash) is None
    assert keep(tmp_path, OLD) == file  # written anew
    assert kept(tmp_path, OLD.hash) == OLD
    file.write_text("tags: [", "utf-8")
    assert kept(tmp_path, OLD.hash) is None
    for name in ("", "t", "../../etc/passwd", "0" * 16, f"{OLD.hash}/.."):
        assert kept(tmp_path, name) is None
    assert kept(tmp_path, load_taxonomy().hash) == load_taxonomy()  # need not be kept


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taxonomies").write_text("in the way", "utf-8")
    with pytest.raises(StorageError) as caught:
        keep(tmp_path, OLD)
    assert caught.value.remedy


# --------------------------------------------------------------------------- a real library

PAPERS = {
    "Owls at night": "Owls are birds that hunt in the night with large eyes.",
    "Feathers": "What flies has feathers, and birds have them.",
    "Mice in houses": "Cats are what hunts mice in houses by day.",
    "Bread": "Dough with yeast is baked in ovens until brown.",
}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """Three of four papers tagged by `OLD`, all with vectors."""
    monkeypatch.setattr("curator.embedding.open_embedder", lambda *_: FakeEmbedder())
    with Library.open(tmp_path / "home") as made:
        rows = [{"title": title, "abstract": text} for title, text in PAPERS.items()]
        file = tmp_path / "papers.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        made.add([str(file)])
        keep(made.home.root, OLD)
        by = papers_of(made)
        save(made, by["Owls at night"], OLD, owls=0.9, birds=0.9, method=0.5)
        save(made, by["Feathers"], OLD, birds=0.9, method=0.5)
        save(made, by["Mice in houses"], OLD)
        yield made


def papers_of(library: Library) -> dict[str, Paper]:
    return {paper.title: paper for paper in library.catalog.papers.select()}


def save(library: Library, paper: Paper, taxonomy: Taxonomy, **tags: float) -> None:
    found = [StoredTag(n, c, "similarity", needs_review=c < 0.4) for n, c in tags.items()]
    library.catalog.outputs.save_tags(paper, found, taxonomy=taxonomy.hash, model="m", recipe="r")


def test_what_a_library_has_of_tags(library: Library) -> None:
    by = {title: paper.id for title, paper in papers_of(library).items()}
    assert used_hashes(library.catalog) == {OLD.hash: 2}
    assert tagged_papers(library.catalog) == sorted(i for t, i in by.items() if t != "Bread")
    save(library, papers_of(library)["Feathers"], OLD, birds=0.9, owls=0.3)
    assert stored_tags(library.catalog)[by["Feathers"]] == ["birds"]
    assert stored_tags(library.catalog, suggested=True)[by["Feathers"]] == ["birds", "owls"]
    assert stored_tags(library.catalog)[by["Mice in houses"]] == []
    aves = Taxonomy.of((), (replace(BIRDS, name="aves", was=("birds",)),))
    assert stored_tags(library.catalog, aves)[by["Owls at night"]] == ["aves"]


def test_papers_near_a_tag(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curator.taxonomy.uses.NEAR", 1.2)  # words of 32 dimensions mix
    by = papers_of(library)
    others = [Tag(f"t{n}", "animals", f"word{n} word{n + 50} word{n + 90}") for n in range(12)]
    taxonomy = changed(CATS, *others)
    fit = TagFit(taxonomy, library.embedder)
    vectors = library.vectors.vectors(list(by.values()))
    near = nearness(fit, list(by.values()), vectors)
    assert by["Mice in houses"].id in near["cats"]
    assert by["Bread"].id not in near["cats"]
    # Of what has no vector nothing is known.
    del vectors[by["Bread"].id]
    assert all(by["Bread"].id in ids for ids in nearness(fit, list(by.values()), vectors).values())


def test_diff_tells_what_a_file_changes(library: Library, tmp_path: Path) -> None:
    by = {title: paper.id for title, paper in papers_of(library).items()}
    new = changed(
        replace(BIRDS, description="what flies"), replace(OWLS, name="strix", was=("owls",)), METHOD
    )
    file = tmp_path / "new.yaml"
    file.write_text(to_yaml(new), "utf-8")
    library.close()
    done = inline("taxonomy", "diff", file, "--json")
    assert done.code == 0, done.err
    found = done.json
    assert (found["old"], found["new"]) == (OLD.hash, new.hash)
    assert found["renamed"] == [{"from": "owls", "to": "strix"}]
    assert found["edited"] == [{"tag": "birds", "fields": ["description"]}]
    assert found["removed"] == ["cats"]
    assert found["added"] == found["moved"] == found["facets"] == []
    assert set(found["decide"]) >= {by["Owls at night"], by["Feathers"]}
    assert by["Bread"] not in {**found["decide"], **dict.fromkeys(found["settle"])}
    assert len(found["decide"]) + len(found["settle"]) + found["stay"] == 3
    shown = inline("taxonomy", "diff", file).out
    for line in ("removed  cats", "renamed  owls → strix", "edited   birds (description)"):
        assert line in shown
    assert "Of 3 tagged papers" in shown
    assert "Nothing has changed" in inline("taxonomy", "diff", OLD.hash, OLD.hash).out


def test_diff_without_what_tags_were_made_with(library: Library) -> None:
    (library.home.root / "taxonomies" / f"{OLD.hash}.yaml").unlink()
    library.close()
    done = inline("taxonomy", "diff")
    assert done.code == 2
    assert f"{OLD.hash!r} that 2 papers were tagged with was not kept" in done.err
    assert "curator taxonomy diff OLD NEW" in done.err


def test_diff_of_an_empty_library_and_of_files_that_are_none(tmp_path: Path) -> None:
    done = inline("taxonomy", "diff")
    assert done.code == 0
    assert "No paper is tagged yet" in done.out + done.err
    assert "Nothing has changed" in done.out
    assert inline("taxonomy", "diff", "absent.yaml").code == 2
    assert inline("taxonomy", "diff", "builtin", "arxiv:nothing").code == 2


def test_check_on_a_real_library(library: Library, tmp_path: Path) -> None:
    library.close()
    file = tmp_path / "old.yaml"
    file.write_text(to_yaml(OLD), "utf-8")
    done = inline("taxonomy", "check", file, "--json")
    assert done.code == 0, done.err
    assert done.json["compared_by"] == "meaning"
    assert done.json["hash"] == OLD.hash
    assert done.json["warnings"] == len(done.json["findings"])
    file.write_text(to_yaml(OLD).replace("name: cats", "name: birds"), "utf-8")
    bad = inline("taxonomy", "check", file, "--json")
    assert bad.code == 2
    assert bad.json["hash"] is None
    assert [f["level"] for f in bad.json["findings"]] == ["error"]
    assert bad.json["findings"][0]["line"]
    assert "error: the tag 'birds' occurs twice" in inline("taxonomy", "check", file).out


def test_check_without_weights_compares_words(tmp_path: Path) -> None:
    done = inline("taxonomy", "check", "--json")
    assert done.code == 0, done.err
    assert done.json["compared_by"] == "words"
    assert done.json["findings"] == []
    assert "not by meaning" in done.err
    assert inline("taxonomy", "check", tmp_path / "absent.yaml").code == 2


def test_show_is_a_tree_with_counts(library: Library, tmp_path: Path) -> None:
    library.close()
    file = tmp_path / "old.yaml"
    file.write_text(to_yaml(OLD), "utf-8")
    lines = inline("taxonomy", "show", file).out.splitlines()
    assert [line.split() for line in lines] == [
        ["animals"],
        ["birds", "2"],
        ["owls", "1"],
        ["cats", "-"],
        ["kind", "(at", "least", "one,", "else", "method)"],
        ["method", "2"],
        [*["4", "tags,", "3", "of", "them", "in", "use"]],
    ]
    assert lines[2].index("owls") > lines[1].index("birds")
    shown = inline("taxonomy", "show", file, "--json").json
    assert {tag["tag"]: tag["papers"] for tag in shown["tags"]} == {
        **{"birds": 2, "owls": 1, "cats": 0, "method": 2}
    }
    assert len(inline("taxonomy", "show", "arxiv").out.splitlines()) == 151


def test_the_setting_takes_what_the_commands_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATOR_TAXONOMY", "arxiv:cs.CL,stat")
    shown = inline("taxonomy", "show", "--json").json
    assert "cs.CL" in {tag["tag"] for tag in shown["tags"]}
    assert len(shown["tags"]) == 7
