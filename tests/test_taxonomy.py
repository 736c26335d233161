"""Taxonomies: the built-in one is sound, and what is wrong with another is said all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import FakeEmbedder

from curator.errors import InputError
from curator.taxonomy import Facet, Tag, Taxonomy, load_taxonomy, to_yaml
from curator.taxonomy.fit import TagFit
from curator.taxonomy.lint import ENOUGH_PAPERS, OVERLAP_PAPERS, Finding, UsedTags, lint

SMALL = """
facets: [{name: topic, rule: any}, {name: kind, rule: at-least-one, fallback: method}]
tags:
- {name: agents, facet: topic, description: agents, aliases: [llm-agents]}
- {name: web-agents, facet: topic, description: of the web, parent: agents}
- {name: phone-agents, facet: topic, description: on phones, parent: web-agents}
- {name: method, facet: kind, description: a method}
"""


def load(folder: Path, text: str) -> Taxonomy:
    file = folder / "taxonomy.yaml"
    file.write_text(text, "utf-8")
    return load_taxonomy(file)


def test_the_builtin_taxonomy() -> None:
    taxonomy = load_taxonomy()
    assert len(taxonomy.tags) == len(taxonomy.by_name) == 60
    assert len(taxonomy.facets) == 6
    assert all(t.description and t.cue and t.examples for t in taxonomy.tags)
    names = [*taxonomy.by_name, *(a for t in taxonomy.tags for a in t.aliases)]
    assert len(names) == len(set(names))  # each alias belongs to one tag only
    assert taxonomy.hash == load_taxonomy().hash


def test_ancestors_and_aliases(tmp_path: Path) -> None:
    taxonomy = load(tmp_path, SMALL)
    assert taxonomy.ancestors("phone-agents") == ["web-agents", "agents"]
    assert taxonomy.ancestors("agents") == []
    assert taxonomy.resolve("LLM Agents") == taxonomy.resolve(" agents ") == "agents"
    assert taxonomy.resolve("unknown") is None


def test_the_hash_names_the_content_not_the_layout(tmp_path: Path) -> None:
    first = load(tmp_path, SMALL).hash
    assert load(tmp_path, SMALL.replace("\n-", "\n# a remark\n-")).hash == first
    assert load(tmp_path, SMALL.replace("on phones", "in pockets")).hash != first
    assert load(tmp_path, SMALL.replace("at-least-one", "exactly-one")).hash != first


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("name: method", "name: agents", "occurs twice"),
        ("parent: agents", "parent: nobody", "unknown parent 'nobody'"),
        ("facet: kind", "facet: colour", "unknown facet 'colour'"),
        ("description: agents", "description: ''", "no description"),
        ("description: agents", "description: agents, parent: phone-agents", "own ancestor"),
        ("parent: agents", "parent: web-agents", "own ancestor"),
        ("at-least-one", "sometimes", "unknown rule 'sometimes'"),
        ("fallback: method", "fallback: nothing", "unknown fallback 'nothing'"),
        ("- {name: method,", "- {nome: method,", "no name"),
        ("{name: topic,", "{nome: topic,", "facet has no name"),
        ("- {name: method, facet: kind, description: a method}", "- just text", "no name"),
        ("name: method", "name: 7", "no name"),
    ],
)
def test_faults_are_named(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in SMALL
    with pytest.raises(InputError, match="not sound") as caught:
        load(tmp_path, SMALL.replace(old, new))
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "just text", "tags: 7", "tags:", "facets: []", "a: [", "tags: []"]
)
def test_files_that_are_no_taxonomy(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        load(tmp_path, text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_taxonomy(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_taxonomy(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        load_taxonomy(tmp_path / "bytes.yaml")


def test_yaml_is_data_and_never_code(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not YAML"):
        load(tmp_path, "tags: !!python/object/apply:os.system ['true']")


# ---------------------------------------------------------------------------- hashes


def test_the_hash_of_the_builtin_taxonomy_is_what_papers_were_tagged_with() -> None:
    """New fields that a file does not use change nothing."""
    assert load_taxonomy().hash == "aed6878cafd63a14"


def test_every_field_that_decides_has_a_part_in_the_fingerprint() -> None:
    tag = Tag("owls", "animals", "birds of the night")
    same = [
        Tag("night-birds", "animals", "birds of the night", was=("owls",)),
        Tag("owls", "birds", "birds of the night", parent="birds"),
    ]
    assert {other.fingerprint for other in same} == {tag.fingerprint}
    others = [
        Tag("owls", "animals", "birds of the day"),
        Tag("owls", "animals", "birds of the night", excludes="bats"),
        Tag("owls", "animals", "birds of the night", aliases=("bats",)),
        Tag("owls", "animals", "birds of the night", examples=("bats",)),
        Tag("owls", "animals", "birds of the night", counterexamples=("bats",)),
        Tag("owls", "animals", "birds of the night", cue="bats"),
    ]
    assert len({other.fingerprint for other in [tag, *others]}) == 7


def test_counterexamples_are_in_the_hash_and_former_names_are_not() -> None:
    tag = Tag("owls", "", "birds of the night")
    plain = Taxonomy.of((), [tag]).hash
    assert Taxonomy.of((), [Tag("owls", "", "birds of the night", was=("x",))]).hash == plain
    more = Tag("owls", "", "birds of the night", counterexamples=("bats",))
    assert Taxonomy.of((), [more]).hash != plain


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    awkward = Tag(
        "no",
        "yes",
        "a: b # c\n'd'",
        parent="on",
        excludes="- x",
        cue="y: ?",
        aliases=("1.0", "null"),
        examples=("{a}", "“ü” 漢字", "\\t @"),
        counterexamples=("&a", "*b"),
        was=("2024-01-01",),
    )
    facets = (Facet("yes", "12", "exactly-one", "on"), Facet("x", ""))
    written = Taxonomy.of(facets, (awkward, Tag("on", "x", "true")))
    read = load(tmp_path, to_yaml(written))
    assert (read.hash, read.facets) == (written.hash, written.facets)
    assert read.tags == written.tags
    builtin = load_taxonomy()
    assert load(tmp_path, to_yaml(builtin)) == builtin


def test_former_names_mean_the_tag(tmp_path: Path) -> None:
    text = "tags: [{name: Owls, description: d, was: [bats], aliases: [Night Birds]}]"
    taxonomy = load(tmp_path, text)
    for name in ("owls", "OWLS", "bats", "night  birds", "night-birds"):
        assert taxonomy.resolve(name) == "Owls", name
    assert taxonomy.resolve("") is taxonomy.resolve("owl") is None


# ------------------------------------------------------------------------------ lint


def kinds(*tags: Tag, facets: tuple[Facet, ...] = (), used: UsedTags | None = None) -> list[str]:
    found = lint(Taxonomy.of(facets, tags), None, used or UsedTags())
    assert all(finding.message and finding.level == "warning" for finding in found)
    return [finding.kind for finding in found]


def sound(name: str, description: str, parent: str | None = None) -> Tag:
    return Tag(name, "f", description, parent, examples=("an example",), cue="Is it?")


OWLS = sound("owls", "birds that hunt mice in the night and see well in dim light")
BREAD = sound("bread", "dough with yeast or sourdough baked in ovens until brown")


def test_the_builtin_taxonomies_have_no_errors_and_ours_no_warnings() -> None:
    assert lint(load_taxonomy(), None, UsedTags()) == []
    arxiv = lint(load_taxonomy("arxiv"), None, UsedTags())
    assert [finding.kind for finding in arxiv] == ["no-examples"]
    assert len(arxiv[0].tags) == len(load_taxonomy("arxiv").tags)


def test_what_is_sound_is_not_complained_of() -> None:
    assert kinds(OWLS, BREAD, facets=(Facet("f", ""),)) == []


def test_texts_that_are_missing_or_odd() -> None:
    assert kinds(Tag("owls", "", "birds")) == ["short-description", "no-examples", "no-cue"]
    assert kinds(Tag("owls", "", "word " * 200, examples=("x",), cue="It is.")) == [
        "long-description",
        "cue-is-no-question",
    ]
    assert kinds(Tag("owls", "", OWLS.description, examples=("x",), cue="is " * 50 + "?")) == [
        "long-cue"
    ]


def test_tags_in_the_same_words_are_found_without_vectors() -> None:
    again = sound("strigiformes", "in dim light and in the night birds that see well hunt mice")
    assert kinds(OWLS, again, BREAD) == ["near-duplicate"]
    child = sound("strigiformes", again.description, parent="owls")
    assert kinds(OWLS, child, BREAD) == []  # a child may say much the same


def test_tags_of_the_same_meaning_are_found_by_vectors() -> None:
    again = sound("night-birds", "birds that see mice and hunt in the night in dim light well")
    taxonomy = Taxonomy.of((), (OWLS, again, BREAD))
    found = lint(taxonomy, TagFit(taxonomy, FakeEmbedder()), UsedTags())
    assert [(f.kind, f.tags) for f in found] == [("near-duplicate", ("owls", "night-birds"))]
    assert "likeness" in found[0].message


def test_likeness_is_that_of_descriptions_and_of_the_best_phrases() -> None:
    tags = [
        Tag(f"t{n}", "", f"about w{n} and w{n + 1}", examples=tuple(f"w{n + k}" for k in range(n)))
        for n in range(5)
    ]
    embedder = FakeEmbedder()
    found = TagFit(Taxonomy.of((), tags), embedder).likeness()
    texts = [[f"{tag.name}: {tag.description}", *tag.examples] for tag in tags]
    for a, of_a in enumerate(map(embedder.embed, texts)):
        for b, of_b in enumerate(map(embedder.embed, texts)):
            cosines = of_a @ of_b.T
            best = (cosines.max(axis=0).mean() + cosines.max(axis=1).mean()) / 2
            assert found[a, b] == pytest.approx((cosines[0, 0] + best) / 2, abs=1e-5)


def test_a_paper_fits_its_tag_best_however_small_the_taxonomy() -> None:
    embedder = FakeEmbedder()
    paper = embedder.embed(["owls hunt mice in the night and see well in dim light"])
    for tags in (
        (OWLS,),
        (OWLS, BREAD),
        (BREAD, *(sound(f"t{n}", f"w{n}") for n in range(30)), OWLS),
    ):
        fits = TagFit(Taxonomy.of((), tags), embedder)(paper)[0]
        assert fits.shape == (len(tags),)
        assert fits.argmax() == tags.index(OWLS)
        assert fits.max() > 1.5


def test_lint_of_one_tag_or_none() -> None:
    for tags in ((), (OWLS,)):
        taxonomy = Taxonomy.of((), tags)
        fit = TagFit(taxonomy, FakeEmbedder()) if tags else None
        assert lint(taxonomy, fit, UsedTags()) == []


def test_parents_facets_and_fallbacks() -> None:
    child = sound("cakes", "what is baked with sugar, eggs and some flour", parent="owls")
    moved = Tag("cakes", "g", child.description, "owls", "", (), ("x",), "Is it?")
    facets = (Facet("f", "", "at-least-one", "cakes"), Facet("g", ""), Facet("h", ""))
    found = lint(Taxonomy.of(facets, (OWLS, BREAD, moved)), None, UsedTags())
    assert [(f.kind, f.tags) for f in found] == [
        ("parent-in-another-facet", ("cakes", "owls")),
        ("fallback-in-another-facet", ("cakes",)),
        ("empty-facet", ()),
    ]
    idle = lint(Taxonomy.of((Facet("f", "", "any", "owls"),), (OWLS,)), None, UsedTags())
    assert [f.kind for f in idle] == ["idle-fallback"]


def test_tags_that_are_always_together_and_tags_never_used() -> None:
    cakes = sound("cakes", "what is baked with sugar, eggs and some flour")
    few = {f"p{n}": ["bread", "cakes"] for n in range(OVERLAP_PAPERS - 1)}
    assert kinds(OWLS, BREAD, cakes, used=UsedTags(len(few), few)) == []
    some = {f"p{n}": ["bread", "cakes", "unheard-of"] for n in range(OVERLAP_PAPERS)}
    assert kinds(OWLS, BREAD, cakes, used=UsedTags(len(some), some)) == ["overlap"]
    parted = some | {f"q{n}": ["bread"] for n in range(OVERLAP_PAPERS)}
    assert kinds(OWLS, BREAD, cakes, used=UsedTags(len(parted), parted)) == []
    many = UsedTags(ENOUGH_PAPERS, {"p": ["bread", "cakes"]})
    found = lint(Taxonomy.of((), (OWLS, BREAD, cakes)), None, many)
    assert [(f.kind, f.tags) for f in found] == [("never-used", ("owls",))]


def test_many_findings_of_a_kind_are_one() -> None:
    tags = [
        Tag(f"t{n}", "", " ".join(f"w{n}x{k}" for k in range(8)), cue="Is it?") for n in range(40)
    ]
    found = lint(Taxonomy.of((), tags), None, UsedTags())
    assert [f.kind for f in found] == ["no-examples"]
    assert isinstance(found[0], Finding)
    assert len(found[0].tags) == 40
