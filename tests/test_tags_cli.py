"""`curator tags` and --tag, as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import curator, inline
from fakes import add, record

from curator.catalog import StoredTag
from curator.cli.tags import chart
from curator.library import Library


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Six papers on three weeks, tagged from the built-in taxonomy; one waits for its tags."""
    root = tmp_path / "lib"
    with Library.open(root) as library:
        rows = (
            ("2026-10-28", ("llm-agents", "computer-use-agents"), ()),
            ("2026-11-04", ("llm-agents",), ("tool-use",)),
            ("2026-11-04", ("reasoning",), ()),
            ("2026-11-10", ("llm-agents", "computer-use-agents"), ("reasoning",)),
            ("2026-11-11", ("my-own-tag",), ()),
            ("2026-11-11", None, ()),
        )
        entries = [
            record(f"Owls of kind {n}", f"We study owls of kind {n}.", published=day)
            for n, (day, *_) in enumerate(rows)
        ]
        add(library.catalog, *entries)
        papers = {paper.title: paper for paper in library.catalog.papers.select()}
        for entry, (_, tags, open_) in zip(entries, rows, strict=True):
            if tags is None:
                continue
            found = [StoredTag(tag, 0.9, "model") for tag in tags]
            found += [StoredTag(tag, 0.4, "model", True) for tag in open_]
            library.catalog.outputs.save_tags(
                papers[entry.title], found, taxonomy="t", model="m", recipe="r"
            )
        library.index(vectors=False)
    return root


def test_counts_for_people(home: Path) -> None:
    done = inline("--home", home, "tags")
    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert done.out.startswith("6 papers, 5 of them tagged")
    assert "2026-W44 to 2026-W46 (2 in the last)" in done.out
    rows = {words[0]: words[1:] for words in lines if words}
    assert rows["llm-agents"][:3] == ["3", "60%", "███"]
    assert rows["computer-use-agents"][:3] == ["2", "40%", "█·█"]
    assert rows["reasoning"][:4] == ["1", "20%", "+1", "·█·"]
    assert rows["tool-use"][:3] == ["0", "0%", "+1"]
    assert rows["(not"] == ["in", "the", "taxonomy)"]
    assert rows["my-own-tag"][:2] == ["1", "20%"]
    assert "\n    computer-use-agents" in done.out  # below its parent
    assert "On no paper: " in done.out
    assert not any(mark in done.out for mark in "▲▼")  # so few papers show no change
    assert "\x1b" not in done.out


def test_charts_in_digits(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = inline("--home", home, "tags", "--ascii", "--facet", "problem")
    assert plain.code == 0
    assert plain.out.isascii()
    assert " 909" in plain.out
    page = inline("--home", home, "tags", "llm-agents", "--ascii")
    assert page.out.isascii()
    assert "2 of" not in page.out and "####" in page.out


def test_a_terminal_that_cannot_show_blocks(home: Path) -> None:
    for encoding in ("latin-1", "ascii", "cp1252"):
        for args in (["tags"], ["tags", "agentic-llm"]):
            done = curator("--home", home, *args, env={"PYTHONIOENCODING": encoding}, cold=True)
            assert done.code == 0, done.err
            assert done.out.isascii()
            assert "llm-agents" in done.out


def test_json_holds_what_the_screen_shows(home: Path) -> None:
    data = inline("--home", home, "tags", "--json").json
    assert (data["papers"], data["tagged"], data["by"]) == (6, 5, "week")
    assert data["periods"] == [
        {"period": "2026-W44", "tagged": 1},
        {"period": "2026-W45", "tagged": 2},
        {"period": "2026-W46", "tagged": 2},
    ]
    agents = data["tags"][0]
    assert {**agents, "change": None} == {
        "tag": "llm-agents", "facet": "problem", "parent": None, "papers": 3, "share": 0.6,
        "suggested": 0, "trend": [1, 1, 1], "change": None,
    }  # fmt: skip
    assert agents["change"]["last_share"] == 0.5
    assert agents["change"]["before_share"] == pytest.approx(2 / 3)
    assert agents["change"]["marked"] is None
    assert data["tags"][-1]["tag"] == "my-own-tag" and data["tags"][-1]["facet"] is None
    assert "robotics" in data["unused"]
    november = inline("--home", home, "tags", "--since", "2026-11", "--by", "month", "--json").json
    assert november["since"] == "2026-11-01"
    assert [p["period"] for p in november["periods"]] == ["2026-11"]
    assert november["tags"][0]["papers"] == 2 and november["tags"][0]["change"] is None


def test_a_rise_is_marked(tmp_path: Path) -> None:
    with Library.open(tmp_path / "lib") as library:
        entries = [
            record(f"Study {n}", f"We study {n}.", published=f"2026-11-{3 + 7 * (n % 3):02}")
            for n in range(120)
        ]
        add(library.catalog, *entries)
        for n, paper in enumerate(library.catalog.papers.select()):
            late = paper.day == "2026-11-17"
            found = [StoredTag("reasoning" if late and n % 4 else "robotics", 0.9, "model")]
            library.catalog.outputs.save_tags(paper, found, taxonomy="t", model="m", recipe="r")
    done = inline("--home", tmp_path / "lib", "tags")
    (reasoning,) = [line for line in done.out.splitlines() if line.startswith("  reasoning")]
    (robotics,) = [line for line in done.out.splitlines() if line.startswith("  robotics")]
    assert reasoning.endswith("▲") and "··█" in reasoning
    assert robotics.endswith("▼")
    page = inline("--home", tmp_path / "lib", "tags", "reasoning", "--ascii")
    assert "before 0.0%" in page.out and "points; more than chance)" in page.out


def test_a_page_of_one_tag(home: Path) -> None:
    done = inline("--home", home, "tags", "agentic LLM")
    assert done.code == 0, done.err
    assert done.out.startswith("llm-agents, problem\n")
    assert "Also called: llm-agent," in done.out
    assert "3 papers, 60.0%." in done.out
    assert "2026-W46      1 of      2   50%" in done.out
    assert done.out.index("Owls of kind 3") < done.out.index("Owls of kind 0")
    data = inline("--home", home, "tags", "agentic-llm", "--limit", "1", "--json").json
    assert data["tag"]["tag"] == "llm-agents"
    assert [row["title"] for row in data["newest"]] == ["Owls of kind 3"]
    assert data["newest"][0]["source"] == "model"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["tags", "llm-agnets"], "Near it: llm-agents"),
        (["tags", ""], "no tag ''"),
        (["tags", "--by", "year"], "Use week or month"),
        (["tags", "--facet", "colour"], "Its facets are problem, method"),
        (["tags", "reasoning", "--facet", "problem"], "not both"),
        (["tags", "--since", "soon"], "--since cannot be 'soon'"),
        (["tags", "--since", "2026-12", "--until", "2026-11"], "is after"),
        (["tags", "--taxonomy", "nowhere.yaml"], "nowhere.yaml"),
        (["search", "owls", "--tag", "llm-agnets"], "Near it: llm-agents"),
        (["search", "owls", "--where", "liked or not tag:llm-agnets"], "Near it: llm-agents"),
        (["export", "--tag", "llm-agnets"], "Near it: llm-agents"),
        (["similar", "Owls of kind 0", "--tag", "llm-agnets"], "Near it: llm-agents"),
        (["ask", "How do owls hunt?", "--tag", "llm-agnets"], "Near it: llm-agents"),
    ],
)
def test_what_cannot_be(home: Path, args: list[str], said: str) -> None:
    done = inline("--home", home, *args)
    assert done.code == 2, done.out
    assert said in done.err
    assert done.out == ""


def test_an_empty_library_and_one_without_tags(tmp_path: Path) -> None:
    empty = inline("--home", tmp_path / "lib", "tags")
    assert (empty.code, empty.out) == (0, "")
    assert "No papers" in empty.err
    with Library.open(tmp_path / "lib") as library:
        add(library.catalog, record("Owls", "Owls hunt at night."))
    untagged = inline("--home", tmp_path / "lib", "tags")
    assert untagged.code == 0
    assert "1 paper, 0 of them tagged" in untagged.out
    assert "curator tag" in untagged.err
    data = inline("--home", tmp_path / "lib", "tags", "--json").json
    assert (data["periods"], data["tags"], len(data["unused"])) == ([], [], 60)


def test_names_that_a_terminal_would_obey(tmp_path: Path) -> None:
    with Library.open(tmp_path / "lib") as library:
        add(library.catalog, record("Owls", "Owls hunt at night."))
        (paper,) = library.catalog.papers.select()
        found = [StoredTag("\x1b[31mred\nowl", 0.9, "model")]
        library.catalog.outputs.save_tags(paper, found, taxonomy="t", model="m", recipe="r")
    for args in (["tags"], ["tags", "\x1b[31mred\nowl"]):
        done = inline("--home", tmp_path / "lib", *args)
        assert done.code == 0, done.err
        assert "\x1b" not in done.out + done.err
        assert "red owl" in done.out


# ------------------------------------------------------------------ tags that filter


def found(home: Path, *args: str) -> set[str]:
    done = inline("--home", home, *args)
    assert done.code == 0, done.err
    rows = done.lines if args[0] == "export" else done.json["hits"]
    return {row["title"].rpartition(" ")[2] for row in rows}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--tag", "llm-agents"], {"0", "1", "3"}),
        (["--tag", "agentic-llm"], {"0", "1", "3"}),
        (["--tag", "Agentic LLM", "--tag", "gui-automation"], {"0", "3"}),
        (["--tag", "my-own-tag"], {"4"}),
        (["--tag", "tool-use"], set()),  # a suggestion only
        (["--tag", "robotics"], set()),  # in the taxonomy, on no paper
        (["--where", "tag:agentic-llm and not tag:computer-use"], {"1"}),
        (["--where", 'tag:"agentic llm" or tag:my-own-tag'], {"0", "1", "3", "4"}),
        (["--tag", "agentic-llm", "--where", "since:2026-11"], {"1", "3"}),
    ],
)
def test_filters_take_aliases(home: Path, options: list[str], expected: set[str]) -> None:
    assert found(home, "export", *options) == expected
    search = ["search", "owls", "--mode", "lexical", "--json", *options]
    assert found(home, *search) == expected


def test_suggestions_in_an_export(home: Path) -> None:
    def tags(*args: str) -> dict[str, list[tuple[str, bool]]]:
        rows = inline("--home", home, "export", *args).lines
        return {
            row["title"][-1]: [(tag["tag"], tag["suggested"]) for tag in row["tags"]]
            for row in rows
        }

    assert tags()["3"] == [("computer-use-agents", False), ("llm-agents", False)]
    assert tags("--suggested")["3"][-1] == ("reasoning", True)
    done = inline("--home", home, "export", "-f", "csv", "--suggested")
    assert '"llm-agents; tool-use (suggested)"' in done.out
    assert "(suggested)" not in inline("--home", home, "export", "-f", "csv").out


# ------------------------------------------------------------------------------ charts


@pytest.mark.parametrize(
    ("counts", "blocks", "digits"),
    [
        ([], "", ""),
        ([0, 0], "··", "00"),
        ([1, 1], "██", "99"),
        ([0, 1, 1000], "·▁█", "019"),
        ([8, 4, 1, 0], "█▄▁·", "9520"),
    ],
)
def test_charts(counts: list[int], blocks: str, digits: str) -> None:
    assert chart(counts) == blocks
    assert chart(counts, ascii=True) == digits
