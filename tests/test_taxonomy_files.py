"""Taxonomies as people bring them: ugly files first, then lists, tables and arXiv's categories."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commands import inline
from hypothesis import given
from hypothesis import strategies as st

from curator.errors import CuratorError, InputError
from curator.taxonomy import Taxonomy, UnsoundTaxonomy, load_taxonomy, read_taxonomy


def load(folder: Path, text: str | bytes, name: str = "taxonomy.yaml") -> Taxonomy:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_taxonomy(file)


def faults(folder: Path, text: str, name: str = "taxonomy.yaml") -> list[str]:
    with pytest.raises(UnsoundTaxonomy) as caught:
        load(folder, text, name)
    assert caught.value.remedy
    assert all(str(fault) in str(caught.value) for fault in caught.value.faults[:20])
    return [str(fault) for fault in caught.value.faults]


# ------------------------------------------------------------- what is no text, or too much


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"tags:\n- name: a\x00b\n", "control character '\\\\x00' (line 2)"),
        (b"\x89PNG\r\n\x1a\n\x00", "not UTF-8 text"),
        (b"tags:\n- name: caf\xe9\n", "not UTF-8 text (line 2)"),
        (b"x" * 2_000_001, "more than 2,000,000 bytes"),
        ("tags: []".encode("utf-16"), "not UTF-8"),
        (b"# only a remark\n", "no list of tags"),
        (b"---\n---\n", "not YAML"),
        (b"tags:\n\t- name: a\n", "tab (line 2"),
        (b"tags: [{name: a: b}]", "not YAML"),
        (b"tags: &a [*a]", "no name"),
        (b"tags: !!binary aGk=", "not YAML that is only data"),
        (b"tags: !mine [a]", "not YAML that is only data"),
    ],
)
def test_files_that_are_none(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, data)
    assert said.replace("\\\\", "\\") in str(caught.value)


def test_a_device_that_never_ends_and_a_folder() -> None:
    with pytest.raises(InputError, match="more than"):
        load_taxonomy("/dev/zero")
    with pytest.raises(InputError, match="cannot be read"):
        load_taxonomy("/")
    with pytest.raises(InputError, match="cannot be read"):
        load_taxonomy("a\0b")


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 200_000, "{a: " * 100_000, "tags: " * 9])
def test_deep_nesting_is_an_error_and_does_not_end_the_process(tmp_path: Path, text: str) -> None:
    file = tmp_path / "deep.yaml"
    file.write_text(text, "utf-8")
    code = f"from curator.taxonomy import load_taxonomy as l; l({str(file)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.returncode == 1, done.returncode  # an exception, and no signal
    assert "InputError" in done.stderr


def test_anchors_do_not_multiply(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    lines += ["tags: *a39"]
    with pytest.raises(InputError):
        load(tmp_path, "\n".join(lines))


# -------------------------------------------------------------------- faults with their lines

GOOD = """
facets:
- {name: topic, rule: any}
tags:
- name: owls
  facet: topic
  description: birds of the night
- name: bread
  facet: topic
  description: baked dough
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: bread", "name: a b", "'a b' has blanks; use hyphens, as in 'a-b' (line 8)"),
        ("name: bread", "name: 'a,b'", "the name 'a,b' has ','"),
        ("name: bread", 'name: "a\\u0007b"', "control characters or invisible ones (line 8)"),
        ("name: bread", 'name: "a\\u200bb"', "invisible"),
        ("name: bread", "name: 'a;b:c\"'", "has"),
        ("name: bread", "name: -x", "does not begin with a letter"),
        ("name: bread", "name: '=x'", "has '='"),
        ("name: bread", f"name: {'x' * 81}", "more than 80 characters"),
        ("name: bread", "name: ''", "has no name"),
        ("name: bread", "name: no", "no name that is text: put 'no' into quotes (line 8)"),
        ("name: bread", "name: 2024-01-01", "put '2024-01-01' into quotes"),
        ("name: bread", "name: [bread]", "has no name"),
        ("name: bread", "name: Owls", "the tag 'Owls' occurs twice as 'owls'; first in line 5"),
        ("name: bread", "name: owls", "the tag 'owls' occurs twice; first in line 5 (line 8)"),
        ("baked dough", "[baked, dough]", "the description of the tag 'bread' is a list"),
        ("baked dough", "{a: b}", "is a mapping, and should be text"),
        ("baked dough", "12", "is '12', which is not text; put it into quotes (line 10)"),
        ("baked dough", "~", "no description"),
        ("baked dough", "d\n  aliases: {a: b}", "the aliases of the tag 'bread' is a mapping"),
        ("baked dough", "d\n  aliases: [[a]]", "an item of the aliases"),
        ("baked dough", "d\n  aliases: [owls]", "an alias of the tag 'bread', is the tag 'owls'"),
        ("baked dough", "d\n  was: [owls]", "a former name of the tag 'bread', is the tag 'owls'"),
        ("baked dough", "d\n  aliases: ['a,b']", "commas"),
        ("baked dough", "d\n  parent: [owls]", "the parent of the tag 'bread' is a list"),
        ("baked dough", "d\n  description: e", "'bread' has the key 'description' twice (line 11)"),
        ("baked dough", "d\n  exampels: [e]", "unknown key 'exampels'; is 'examples' meant?"),
        ("baked dough", "d\n  <<: {a: b}", "unknown key '<<'"),
        ("baked dough", "d\n  ? [a]\n  : b", "unknown key ''"),
        ("  facet: topic\n  description: b", "  description: b", "'owls' has no facet (line 5)"),
        ("rule: any", "rule: [any]", "the rule of the facet 'topic' is a list"),
        ("{name: topic, rule: any}", "[topic]", "a facet has no name: a list (line 3)"),
        ("{name: topic, rule: any}", "topic\n- topic", "the facet 'topic' occurs twice (line 3)"),
        ("facets:\n- {name", "facets:\n  topic: {name", "the list of facets is a mapping"),
        ("facets:", "tag: []\nfacets:", "the file has the unknown key 'tag'; is 'tags' meant?"),
    ],
)
def test_every_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    found = faults(tmp_path, GOOD.replace(old, new))
    assert any(said in fault for fault in found), found


def test_all_faults_are_named_at_once_in_order(tmp_path: Path) -> None:
    text = GOOD.replace("birds of the night", "''").replace("name: bread", "name: a b")
    found = faults(tmp_path, text + "  parent: nobody\n  colour: red\n")
    lines = [int(fault.rpartition("(line ")[2].rstrip(")")) for fault in found]
    assert lines == [5, 8, 8, 12]


def test_an_alias_of_two_tags(tmp_path: Path) -> None:
    text = GOOD.replace("birds of the night", "d\n  aliases: [Night Thing]")
    found = faults(tmp_path, text.replace("baked dough", "d\n  aliases: [night-thing]"))
    assert found == [
        "'night-thing', an alias of the tag 'bread', belongs to the tag 'owls', too (line 9)"
    ]


def test_cycles_name_each_tag_of_them_and_no_other(tmp_path: Path) -> None:
    tags = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "e")]
    text = "tags:\n" + "".join(f"- {{name: {n}, description: d, parent: {p}}}\n" for n, p in tags)
    found = faults(tmp_path, text)
    assert [fault.split("'")[1] for fault in found] == ["a", "b", "c", "e"]
    assert all("own ancestor" in fault for fault in found)


def test_very_many_faults_are_counted(tmp_path: Path) -> None:
    text = "tags:\n" + "".join(f"- {{name: t{n}}}\n" for n in range(500))
    with pytest.raises(UnsoundTaxonomy) as caught:
        load(tmp_path, text)
    assert len(caught.value.faults) == 500
    assert "and 480 more" in str(caught.value)
    assert len(str(caught.value)) < 3000


def test_too_many_tags(tmp_path: Path) -> None:
    text = "tags:\n" + "".join(f"- {{name: t{n}, description: d}}\n" for n in range(2001))
    assert "there are more than 2,000 tags (line 2002)" in faults(tmp_path, text)[0]
    lines = "\n".join(f"keyword {n}" for n in range(2001))
    assert "there are more than 2,000 tags (line 2001)" in faults(tmp_path, lines, "k.txt")[0]


def test_windows_files_are_read(tmp_path: Path) -> None:
    plain = load(tmp_path, GOOD)
    assert load(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()) == plain


@given(st.binary(max_size=200))
def test_any_bytes_give_a_taxonomy_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for name in ("x.yaml", "x.csv", "x.txt", "x"):
        try:
            taxonomy = load(folder, data, name)
        except CuratorError as error:
            assert str(error)
        else:
            assert taxonomy.tags


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["tags", "facets", "name", "description", "parent", "aliases"]),
                inner,
                max_size=4,
            ),
        ),
        max_leaves=20,
    )
)
def test_any_document_gives_a_taxonomy_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, document: object
) -> None:
    import yaml

    for shaped in (document, {"tags": document}, {"tags": [document], "facets": [document]}):
        try:
            load(tmp_path_factory.getbasetemp(), yaml.safe_dump(shaped), "any.yaml")
        except CuratorError as error:
            assert str(error)


# --------------------------------------------------------------------------- lists of keywords


def test_a_keyword_a_line(tmp_path: Path) -> None:
    text = "# mine\nLarge language models\n\n- C++ & Rust\n* 強化学習\r\n  owls  \n#not this\n"
    taxonomy = load(tmp_path, text, "mine.txt")
    assert [tag.name for tag in taxonomy.tags] == [
        *("large-language-models", "c++-rust", "強化学習", "owls")
    ]
    first = taxonomy.tags[0]
    assert first.cue == "Is the paper about Large language models?"
    assert first.description == "The paper is about Large language models."
    assert taxonomy.resolve("Large Language Models") == "large-language-models"
    assert taxonomy.resolve("c++ & rust") == "c++-rust"
    assert [facet.name for facet in taxonomy.facets] == ["topic"]
    assert taxonomy.facets[0].rule == "any"
    assert load(tmp_path, "owls\nbread\n", "noending").tags[1].name == "bread"
    yaml = "- Large language models\n- C++ & Rust\n- 強化学習\n- owls\n"
    assert load(tmp_path, yaml, "mine.yaml") == taxonomy


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("owls\nOwls\n", "k.txt", "the tag 'owls' occurs twice; first in line 1 (line 2)"),
        ("owls, bread\n", "k.txt", "'owls, bread' has a comma; one keyword stands in a line"),
        ("owls\n!!!\n", "k.txt", "a name is empty (line 2)"),
        ("x" * 100, "k.txt", "more than 80 characters"),
        ("ow\u200bls\n", "k.txt", "has control characters"),
        ("# nothing\n", "k.txt", "there are no tags"),
        ("- 12\n- owls\n", "k.yaml", "a keyword is '12', which is not text"),
        ("- [owls]\n", "k.yaml", "a keyword is a list, and should be text"),
        ("- {name: owls}\n", "k.yaml", "a keyword is a mapping"),
    ],
)
def test_faults_of_lists(tmp_path: Path, text: str, name: str, said: str) -> None:
    found = faults(tmp_path, text, name)
    assert any(said in fault for fault in found), found


# --------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_tables(tmp_path: Path, sign: str) -> None:
    rows = [
        ["Name", "description", "facet", "parent", "aliases", "examples"],
        ["Night birds", '"birds, of the\nnight"', "animals", "", "", ""],
        ["owls", "", "animals", "night-birds", '"strix; bubo ;"', '"an owl;two owls"'],
        ["bread", "baked", "food", "", "", ""],
    ]
    text = "\ufeff" + "\r\n".join(sign.join(row) for row in rows) + "\r\n\r\n"
    taxonomy = load(tmp_path, text, "t.tsv" if sign == "\t" else "t.csv")
    birds, owls, bread = taxonomy.tags
    assert (birds.name, birds.description) == ("night-birds", "birds, of the night")
    assert owls.description == "The paper is about owls."
    assert (owls.parent, owls.aliases) == ("night-birds", ("strix", "bubo"))
    assert owls.examples == ("an owl", "two owls")
    assert bread.cue == "Is the paper about bread?"
    assert [facet.name for facet in taxonomy.facets] == ["animals", "food"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("owls,birds\nbread,baked\n", "does not name the columns, as in: name,description"),
        ("name,colour\nowls,brown\n", "the column 'colour' is unknown"),
        ("name,tag\nowls,owls\n", "the column 'name' occurs twice"),
        ("name,description\nowls,d\n,e\n", "the row has no name (line 3)"),
        ("name,description\nowls,d,e\n", "more cells than there are columns (line 2)"),
        ("name,description\n", "there are no tags"),
        ('name,description\nowls,"a\nb"\nowls,c\n', "occurs twice; first in line 2 (line 4)"),
        ("name,parent\nowls,nobody\n", "unknown parent 'nobody' (line 2)"),
        ('name,description\nowls,"' + "x" * 140_000 + '"\n', "cannot be read: field larger"),
        ("name\n=cmd\n", "has '='"),
    ],
)
def test_faults_of_tables(tmp_path: Path, text: str, said: str) -> None:
    found = faults(tmp_path, text, "t.csv")
    assert any(said in fault for fault in found), found


# --------------------------------------------------------------------------------------- arXiv


def test_arxiv_categories() -> None:
    taxonomy = load_taxonomy("arxiv")
    twins = [a for tag in taxonomy.tags for a in tag.aliases if "." in a]
    assert len(taxonomy.tags) + len(twins) == 155
    assert sorted(twins) == ["cs.NA", "cs.SY", "math.IT", "math.MP", "q-fin.EC", "stat.TH"]
    assert {tag.facet for tag in taxonomy.tags} == {"archive"}
    for tag in taxonomy.tags:
        assert 10 <= len(tag.description.split()) <= 25, tag.name
        assert tag.cue, tag.name
    assert taxonomy.resolve("cs.na") == "math.NA"
    assert taxonomy.resolve("cmp-lg") == "cs.CL"
    assert taxonomy.resolve("Computer Vision") == "cs.CV"
    assert load_taxonomy(Path("arXiv")) == taxonomy


def test_some_categories() -> None:
    some = load_taxonomy("arxiv: CS.C*, stat.ml")
    assert [tag.name for tag in some.tags] == [
        *("cs.CC", "cs.CE", "cs.CG", "cs.CL", "cs.CR", "cs.CV", "cs.CY", "stat.ML")
    ]
    assert load_taxonomy("arxiv:").hash == load_taxonomy("arxiv:*").hash
    quantum = load_taxonomy("arxiv:quant-ph,q-bio")
    assert len(quantum.tags) == 11


def test_a_category_with_two_names_is_called_as_it_was_asked_for() -> None:
    computing = load_taxonomy("arxiv:cs")
    assert computing.resolve("math.NA") == "cs.NA"
    assert "cs.SY" in computing.by_name
    both = load_taxonomy("arxiv:cs.NA,math.NA")
    assert [tag.name for tag in both.tags] == ["math.NA"]
    assert [tag.name for tag in load_taxonomy("arxiv:cmp-lg").tags] == ["cs.CL"]


@pytest.mark.parametrize("patterns", ["cs.XX", "cs.CL,nonsense", "cs.[", "math.*x"])
def test_no_such_category(patterns: str) -> None:
    with pytest.raises(InputError, match="arXiv has no category"):
        load_taxonomy(f"arxiv:{patterns}")


def test_reading_gives_faults_instead_of_raising_them(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(GOOD.replace("name: bread", "name: a b"), "utf-8")
    _, found = read_taxonomy(file)
    assert [fault.line for fault in found] == [8]
    assert read_taxonomy("builtin") == (load_taxonomy(), [])


def test_a_person_sees_every_fault_and_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(GOOD.replace("name: bread", "name: a b").replace("baked dough", "''"), "utf-8")
    for name in ("show", "diff"):
        done = inline("taxonomy", name, file)
        assert done.code == 2
        assert "'a b' has blanks" in done.err
        assert "no description (line 8)" in done.err
        assert "docs/taxonomy.md" in done.err
    assert "no category 'cs.xx'" in inline("taxonomy", "show", "arxiv:cs.XX").err
