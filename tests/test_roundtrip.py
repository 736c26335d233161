"""A bibliography that goes through the library comes back whole, with tags as keywords."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import inline

from curator import exporting, exports
from curator.catalog import Filters, StoredTag
from curator.library import Library
from curator.paper import Entry, Record
from curator.sources import read
from curator.text import plain

FORMATS = Path(__file__).parents[2] / "shared" / "data" / "formats"
SAMPLES = sorted([*FORMATS.rglob("*.bib"), *FORMATS.rglob("*.ris")]) if FORMATS.is_dir() else []

BIB = """@string{jow = {Journal of Owls}}

@comment{kept as it is}

@article{low2020,
  title    = {Night {Owls} in \\"Uppsala},
  author   = {Low, Ada and Ek, Bo},
  journal  = jow,
  year     = 2020,
  abstract = {We study how owls hunt at night. Hearing alone leads them to the mouse.},
  keywords = {owls, night},
  oddfield = {kept too},
}

@book{ek1999, title = {A Book Without an Abstract}, publisher = {Owl Press}}
"""


def text_of(library: Library, format: str, source: str | None, author: str | None = None) -> str:
    entries = exporting.entries(library.catalog, format, Filters(author=author), source)
    return "".join(exports.write(format, entries))


def raw(entries: list[Entry]) -> list[object]:
    return [entry.extra for entry in entries]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library.open(tmp_path / "home")


@pytest.mark.seeds
@pytest.mark.skipif(not SAMPLES, reason="../shared is absent")
def test_no_field_of_the_real_samples_is_lost(library: Library, tmp_path: Path) -> None:
    for file in SAMPLES:
        format = "bibtex" if file.suffix == ".bib" else "ris"
        library.add([str(file)], index=False)
        again = tmp_path / f"again{file.suffix}"
        again.write_text(text_of(library, format, str(file)), "utf-8", newline="")
        before, after = list(read(str(file))), list(read(str(again)))
        assert raw(before) == raw(after), file.name
        assert [type(entry) for entry in before] == [type(entry) for entry in after]
    library.close()


def test_in_tagged_and_out(library: Library, tmp_path: Path) -> None:
    file = tmp_path / "refs.bib"
    file.write_text(BIB, "utf-8")
    report = library.add([str(file)], index=False)
    assert (report.added, len(report.rejected)) == (1, 1)
    (paper,) = library.catalog.papers.select()
    assert text_of(library, "bibtex", str(file)) == BIB
    tags = [StoredTag("birds", 0.9, "human"), StoredTag("doubtful", 0.2, "model", True)]
    library.catalog.outputs.save_tags(paper, tags, taxonomy="t", model="m", recipe="r")
    tagged = text_of(library, "bibtex", str(file))
    assert tagged == BIB.replace("{owls, night}", "{owls, night, birds}")
    file.write_text(tagged, "utf-8")  # into the same file, and once more
    report = library.add([str(file)], index=False)
    assert (report.added, report.updated, report.unchanged, len(report.rejected)) == (0, 0, 1, 1)
    assert library.catalog.papers.count() == 1
    assert text_of(library, "bibtex", str(file)) == tagged
    # What a filter lets pass keeps the abbreviations that it needs, and no more.
    chosen = text_of(library, "bibtex", None, author="ek")
    assert "@string{jow" in chosen
    assert "low2020" in chosen
    assert "ek1999" not in chosen
    assert text_of(library, "bibtex", None, author="nobody") == ""
    for format in exports.FORMATS:
        assert "Night" in text_of(library, format, None)
    library.close()


def test_an_entry_that_moves_or_goes(library: Library, tmp_path: Path) -> None:
    file = tmp_path / "refs.bib"
    one = "@article{a, title = {Owls}, abstract = {Owls hunt at night.}}\n"
    two = "@article{b, title = {Boats}, abstract = {Boats have keels.}}\n"
    for content in (one + two, two + one, two):
        file.write_text(content, "utf-8")
        library.add([str(file)], index=False)
        assert text_of(library, "bibtex", str(file)) == content
    assert library.catalog.papers.count() == 2  # what was taken out of a file stays here
    library.close()


@pytest.mark.parametrize("format", ["jsonl", "csv", "csl", "ris", "bibtex"])
def test_what_is_exported_can_be_added(tmp_path: Path, format: str) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    source = tmp_path / "papers.jsonl"
    source.write_text(
        '{"title": "=Owls, \\"and\\" mice", "abstract": "Owls hunt at night; 5% of mice.",'
        ' "arxiv_id": "2401.00001", "doi": "10.1234/x_y", "authors": ["Ada Low", "Bo van Ek"],'
        ' "published": "2024-01-02", "venue": "Owl & Letters"}\n',
        "utf-8",
    )
    out = tmp_path / f"out.{format}"
    assert inline("--home", str(first), "add", source, "--no-embed").code == 0
    result = inline("--home", str(first), "export", "-f", format, "-o", out)
    assert result.code == 0, result.err
    result = inline("--home", str(second), "add", out, "--no-embed")
    assert result.code == 0, result.err
    with Library.open(first) as a, Library.open(second) as b:
        (one,), (two,) = a.catalog.papers.select(), b.catalog.papers.select()
    for name in ("title", "abstract", "arxiv_id", "doi", "authors", "published", "venue"):
        ours, theirs = getattr(one, name), getattr(two, name)
        if format == "bibtex" and isinstance(theirs, str):  # where % and & are written \\%, \\&
            ours, theirs = plain(ours), plain(theirs)
        assert ours == theirs, name


def test_a_source_that_nothing_came_from(library: Library, tmp_path: Path) -> None:
    result = inline("--home", str(library.home.root), "export", "-f", "ris", "--source", "nowhere")
    assert result.code == 2
    assert "Nothing was ever added from 'nowhere'" in result.err
    result = inline("--home", str(library.home.root), "export", "-f", "word")
    assert result.code == 2
    assert "bibtex" in result.err
    library.close()


def test_the_samples_hold_records() -> None:
    """So that the comparison above compares something."""
    found = [entry for file in SAMPLES for entry in read(str(file))]
    assert not SAMPLES or sum(isinstance(entry, Record) for entry in found) > 100
