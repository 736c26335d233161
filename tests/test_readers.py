"""Readers: their profiles and ratings in the catalog, what they follow, their bibliographies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import add, many, record
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from curator.bibliographies import (
    MOST_ENTRIES,
    MOST_TEXTS,
    Taught,
    joined,
    read_bibliography,
    taught,
)
from curator.catalog import Catalog, StoredTag
from curator.catalog.readers import Readers
from curator.errors import InputError, NotFoundError, UsageError
from curator.library import Library
from curator.profiles import (
    check_author,
    check_search,
    import_bibliography,
    matches,
    papers_of,
    tag_names,
)
from curator.readers import (
    ME,
    Bibliographic,
    Profile,
    address_of,
    checked,
    name_of,
    profile_from,
    profile_to,
    zone_of,
)

JANE = Profile(
    name="jane",
    address="jane@example.org",
    zone="Europe/Berlin",
    text="Keels.\nAnd boats.",
    tags=("llm-agents",),
    authors=("Ada Núñez",),
    searches=('"keel" boats',),
    bibliography=(Bibliographic("Own", "Text.", ""),),
)


@pytest.fixture
def readers(catalog: Catalog) -> Readers:
    return Readers(catalog.store)


@pytest.fixture
def papers(catalog: Catalog) -> dict[str, str]:
    """Ids by title."""
    add(catalog, *(record(title, f"{title} at night.") for title in ("Owls", "Bats", "Moths")))
    return {p.title: p.id for p in catalog.papers.select()}


def at(catalog: Catalog, paper_id: str, when: str) -> None:
    with catalog.store.write() as connection:
        statement = text("UPDATE ratings SET at = :at WHERE paper_id = :paper_id")
        connection.execute(statement, {"at": when, "paper_id": paper_id})


# ------------------------------------------------------------------- names, addresses, zones


@pytest.mark.parametrize("name", ["me", "jane", "reading-group_2", "a" * 40, "7"])
def test_names(name: str) -> None:
    assert name_of(name) == name


@pytest.mark.parametrize(
    "name", ["", "../x", "Jane", "a b", "a" * 41, "jane\n", "jané", "a/b", ".", "x\x00", "\udce9"]
)
def test_what_is_no_name(name: str, readers: Readers) -> None:
    with pytest.raises(UsageError, match="cannot be a reader's name") as caught:
        readers.save(Profile(name=name))
    assert caught.value.remedy
    assert [p.name for p in readers.all()] == [ME]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("jane@example.org", "jane@example.org"),
        ("j.d+papers@mail.example.co.uk", "j.d+papers@mail.example.co.uk"),
        ("root@localhost", "root@localhost"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("", ""),
    ],
)
def test_addresses(given: str, kept: str) -> None:
    assert address_of(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "jane",
        "@example.org",
        "jane@",
        "jane@example.org\n",
        "jane@example.org\nBcc: all@example.org",
        "jane\r\n@example.org",
        "a@example.org,b@example.org",
        "a@example.org b@example.org",
        "a@b@example.org",
        "Jane <jane@example.org>",
        "<jane@example.org>",
        '"jane doe"@example.org',
        "jane@example..org",
        "jane@-example.org",
        "jane@example.org.",
        "jane@[127.0.0.1]",
        ".jane@example.org",
        "-oQ@example.org",
        "jané@example.org",
        "jane@example.org\u202e",
        "jane@\udce9.org",
        " jane@example.org",
        f"{'a' * 65}@example.org",
        f"a@{'.'.join(['b' * 60] * 5)}",
    ],
)
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(UsageError, match="is not an e-mail address") as caught:
        address_of(given)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=40))
def test_no_address_breaks_a_header(local: str) -> None:
    for given_ in (local, f"{local}@example.org", f"jane@{local}", f"jane@example.org{local}"):
        try:
            kept = address_of(given_)
        except UsageError:
            continue
        assert kept.isascii()
        assert not set(kept) & set(' \r\n\t,;:<>()"\x00')


def test_zones() -> None:
    assert zone_of("Europe/Berlin") == "Europe/Berlin"
    assert zone_of("europe/berlin") == "Europe/Berlin"
    assert zone_of("UTC") == "UTC"
    assert zone_of("") == ""


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "../../etc/passwd", "/", "x" * 5000])
def test_what_is_no_zone(zone: str) -> None:
    with pytest.raises(UsageError, match="There is no time zone") as caught:
        zone_of(zone)
    assert caught.value.remedy
    assert len(str(caught.value)) < 250


def test_a_city_finds_its_zone() -> None:
    with pytest.raises(UsageError, match="Did you mean Europe/Berlin"):
        zone_of("Berlin")


# ---------------------------------------------------------------------------------- profiles


def test_a_profile_comes_back_as_it_was(readers: Readers) -> None:
    assert readers.get("jane") is None
    assert readers.save(JANE) == JANE
    assert readers.get("jane") == JANE
    changed = replace(JANE, zone="", tags=())
    readers.save(changed)
    assert readers.get("jane") == changed
    json.dumps(profile_to(JANE))
    assert profile_from("jane", json.loads(json.dumps(profile_to(JANE)))) == JANE


def test_what_a_later_version_stored_is_no_hindrance() -> None:
    assert profile_from("jane", {"colour": "red", "text": "T", "tags": None}) == Profile(
        name="jane", text="T"
    )


def test_me_is_always_there(readers: Readers) -> None:
    assert readers.get() == readers.require() == Profile()
    readers.save(JANE)
    readers.save(Profile(name="bob"))
    assert [p.name for p in readers.all()] == [ME, "bob", "jane"]
    readers.save(Profile(text="Boats"))
    assert [p.name for p in readers.all()] == [ME, "bob", "jane"]
    assert readers.require().text == "Boats"


def test_an_unknown_reader_is_told_with_those_there_are(readers: Readers) -> None:
    readers.save(JANE)
    for call in (
        lambda: readers.require("../x"),
        lambda: readers.update("../x", lambda p: p),
        lambda: readers.rate("../x", [], True),
    ):
        with pytest.raises(NotFoundError, match=r"There are: me, jane\.") as caught:
            call()
        assert "curator profile set --reader" in caught.value.remedy
    assert readers.ratings("../x") == ([], [])
    assert readers.remove("../x") is False


def test_a_profile_has_nothing_twice_and_nothing_that_a_terminal_obeys() -> None:
    profile = checked(
        Profile(
            text="  Keels\x1b[31m\r\n\tand\u202e boats \udce9 \n",
            tags=("rag", "RAG", "", "  "),
            authors=("Ada  Núñez", "ada nunez", "Ada N\u00fa\u00f1ez\n"),
            searches=("keel", "Keel", "keel"),
        )
    )
    assert profile.text == "Keels[31m\n and boats ?"
    assert profile.tags == ("rag",)
    assert profile.authors == ("Ada Núñez",)
    assert profile.searches == ("keel", "Keel")


def test_a_profile_has_bounds(readers: Readers) -> None:
    for profile in (
        Profile(text="x" * 10_001),
        Profile(searches=("x" * 401,)),
        Profile(tags=tuple(f"t{n}" for n in range(501))),
    ):
        with pytest.raises(UsageError) as caught:
            readers.save(profile)
        assert caught.value.remedy
    assert readers.get() == Profile()


def test_changes_of_two_processes_at_once_are_both_kept(readers: Readers) -> None:
    readers.save(Profile(name="jane"))

    def follow(name: str) -> None:
        readers.update("jane", lambda p: replace(p, authors=(*p.authors, name)))

    threads = [threading.Thread(target=follow, args=(f"Author {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(readers.require("jane").authors) == {f"Author {n}" for n in range(8)}


def test_an_update_cannot_rename(readers: Readers) -> None:
    readers.save(JANE)
    readers.update("jane", lambda p: replace(p, name="../x", text="T"))
    assert [p.name for p in readers.all()] == [ME, "jane"]
    assert readers.require("jane").text == "T"


# ----------------------------------------------------------------------------------- ratings


@pytest.mark.parametrize("reader", [ME, "jane"])
def test_ratings_are_set_once_and_taken_back(
    catalog: Catalog, readers: Readers, papers: dict[str, str], reader: str
) -> None:
    readers.save(JANE)
    owls, bats, moths = papers["Owls"], papers["Bats"], papers["Moths"]
    assert readers.rate(reader, [owls, bats, owls, "unknown"], True) == [owls, bats]
    assert readers.rate(reader, [moths, owls], True) == [moths]
    assert readers.rate(reader, [owls], False) == [owls]
    assert readers.ratings(reader) == (sorted([bats, moths]), [owls])
    assert readers.rate(reader, [owls, moths, "unknown"], None) == [owls, moths]
    assert readers.rate(reader, [owls], None) == []
    assert readers.ratings(reader) == ([bats], [])
    other = "jane" if reader == ME else ME
    assert readers.ratings(other) == ([], [])
    assert catalog.marks.ids("liked") == ([bats] if reader == ME else [])


def test_ratings_come_latest_first(
    catalog: Catalog, readers: Readers, papers: dict[str, str]
) -> None:
    readers.save(JANE)
    owls, bats, moths = papers["Owls"], papers["Bats"], papers["Moths"]
    readers.rate("jane", papers.values(), True)
    for paper_id, year in ((owls, 2024), (bats, 2026), (moths, 2025)):
        at(catalog, paper_id, f"{year}-01-01T00:00:00Z")
    assert readers.ratings("jane")[0] == [bats, moths, owls]
    readers.rate("jane", [owls], True)  # no news: its time stays
    assert readers.ratings("jane")[0] == [bats, moths, owls]
    readers.rate("jane", [owls], False)
    readers.rate("jane", [owls], True)
    assert readers.ratings("jane")[0][0] == owls


def test_marks_of_me_are_my_ratings(
    catalog: Catalog, readers: Readers, papers: dict[str, str]
) -> None:
    catalog.marks.set("liked", [papers["Owls"]])
    catalog.marks.set("read", [papers["Owls"], papers["Bats"]])
    assert readers.ratings() == ([papers["Owls"]], [])
    readers.rate(ME, [papers["Owls"]], None)
    assert catalog.marks.of([papers["Owls"]])[papers["Owls"]].keys() == {"read"}


def test_ratings_move_with_a_paper_that_is_joined(
    catalog: Catalog, readers: Readers, papers: dict[str, str]
) -> None:
    readers.save(JANE)
    readers.save(Profile(name="bob"))
    owls, bats = papers["Owls"], papers["Bats"]
    readers.rate("jane", [owls, bats], True)
    readers.rate("bob", [owls], True)
    readers.rate("bob", [bats], False)
    with catalog.store.write() as connection:
        later = text("UPDATE ratings SET at = '9999' WHERE reader = 'bob' AND paper_id = :paper")
        connection.execute(later, {"paper": bats})
    heir, _ = catalog.decisions.merge([owls, bats])
    assert readers.ratings("jane") == ([heir], [])
    assert readers.ratings("bob") == ([], [heir]), "the later word holds"


def test_ratings_move_with_a_paper_that_is_named_anew(catalog: Catalog, readers: Readers) -> None:
    readers.save(JANE)
    add(catalog, record("The New Title", "New text.", arxiv_id="2401.00001v2"), source="a")
    before = catalog.papers.resolve("2401.00001").id
    readers.rate("jane", [before], False)
    add(catalog, record("The Old Title", "Old text.", arxiv_id="2401.00001v1"), source="b")
    after = catalog.papers.resolve("2401.00001").id
    assert after != before
    assert readers.ratings("jane") == ([], [after])


def test_who_is_removed_takes_ratings_along(
    catalog: Catalog, readers: Readers, papers: dict[str, str]
) -> None:
    readers.save(JANE)
    readers.rate("jane", papers.values(), True)
    readers.rate(ME, [papers["Owls"]], True)
    assert readers.remove("jane") is True
    assert readers.get("jane") is None
    readers.save(Profile(name="jane"))
    assert readers.ratings("jane") == ([], [])
    assert readers.remove(ME) is False
    readers.save(Profile(text="T"))
    assert readers.remove(ME) is True
    assert readers.get() == Profile()
    assert readers.ratings(ME) == ([papers["Owls"]], [])  # the library's marks


# --------------------------------------------------------------------------------- following

AUTHORS = {
    "Boats one": ("Ada Núñez", "Li Wei"),
    "Boats two": ("Ada M. Nunez", "Kim Oliver"),
    "Boats three": ("Adam Nunez", "Bob Ada"),
    "Boats four": ("Nu{\\~n}ez Ada",),
    "Boats five": (),
}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "lib") as opened:
        entries = [
            record(title, f"A keel for {title.lower()}, and sparse sails.", authors=list(names))
            for title, names in AUTHORS.items()
        ]
        entries.append(record("Rowing", "Without any sail; attention is sparse. <b>Keels</b>"))
        add(opened.catalog, *entries)
        opened.index(vectors=False)
        yield opened


def ids(library: Library) -> dict[str, str]:
    return {p.title: p.id for p in library.catalog.papers.select()}


def why(library: Library, profile: Profile) -> dict[str, list[str]]:
    """Reasons by title."""
    known = ids(library)
    found = matches(library, profile, list(known.values()))
    titles = {paper_id: title for title, paper_id in known.items()}
    return {titles[paper_id]: [r["text"] for r in reasons] for paper_id, reasons in found.items()}


def test_authors_are_found_by_whole_names_without_accents(library: Library) -> None:
    found = why(library, Profile(authors=("ada nunez",)))
    assert found == {
        "Boats one": ["by Ada Núñez, whom you follow"],
        "Boats two": ["by Ada M. Nunez (you follow “ada nunez”)"],
    }
    assert why(library, Profile(authors=("Nunez, Ada",))).keys() == found.keys()
    assert why(library, Profile(authors=("Li",))) == {
        "Boats one": ["by Li Wei (you follow “Li”)"]  # and not Oliver
    }
    assert why(library, Profile(authors=("", "...", "Nobody"))) == {}


@pytest.mark.parametrize("name", ["ada nunez", "Núñez, Ada", "Li", "Wei", "Kim Oliver", "Nuñez"])
def test_authors_are_those_that_a_search_finds(library: Library, name: str) -> None:
    from curator.query import parse_query

    hits = library.search(parse_query(f'author:"{name}"'), 10, mode="lexical")
    assert why(library, Profile(authors=(name,))).keys() == {h.paper.title for h in hits}
    assert papers_of(library, "author", name) == len(hits) > 0


def test_tags_come_with_those_below_and_by_any_name(library: Library) -> None:
    known = ids(library)
    for title, tags in {
        "Boats one": [StoredTag("llm-agents", 0.9, "model")],
        "Boats two": [StoredTag("computer-use-agents", 0.9, "model")],
        "Boats three": [StoredTag("llm-agents", 0.4, "model", True)],
        "Boats four": [StoredTag("own-tag", 0.9, "human")],
    }.items():
        paper = library.catalog.papers.get([known[title]])[known[title]]
        library.catalog.outputs.save_tags(paper, tags, taxonomy="t", model="m", recipe="r")
    assert why(library, Profile(tags=("llm-agents", "gone-tag", "own-tag"))) == {
        "Boats one": ["on llm-agents, which you follow"],
        "Boats two": ["on computer-use-agents, a part of llm-agents, which you follow"],
        "Boats four": ["on own-tag, which you follow"],
    }
    assert papers_of(library, "tag", "llm-agents") == 2
    both = why(library, Profile(tags=("llm-agents", "computer-use-agents")))
    assert both["Boats two"] == ["on computer-use-agents, which you follow"]
    alias = next(t for t in library.taxonomy.tags if t.name == "llm-agents").aliases[0]
    assert why(library, Profile(tags=(alias,))).keys() == {"Boats one", "Boats two"}
    with pytest.raises(NotFoundError, match="llm-agents"):
        tag_names(library).resolve("llm-agentz")


def test_a_search_wants_all_its_words(library: Library) -> None:
    assert why(library, Profile(searches=("sparse attention",))) == {
        "Rowing": ["matches your search “sparse attention”"]
    }
    assert len(why(library, Profile(searches=("the keel AND sails",)))) == 6  # stems
    assert why(library, Profile(searches=("keel -boats",))).keys() == {"Rowing"}
    assert why(library, Profile(searches=('title:"boats two"',))).keys() == {"Boats two"}
    assert why(library, Profile(searches=('author:"Li Wei" keel',))).keys() == {"Boats one"}
    assert why(library, Profile(searches=('"sails sparse"', "the", ""))) == {}


def test_reasons_stand_in_one_order(library: Library) -> None:
    profile = Profile(searches=("keel", "boats"), authors=("Li Wei", "Ada Nunez"))
    assert why(library, profile)["Boats one"] == [
        "by Ada Núñez, whom you follow",
        "by Li Wei, whom you follow",
        "matches your search “keel”",
        "matches your search “boats”",
    ]


def test_only_candidates_match(library: Library) -> None:
    profile = Profile(searches=("keel",))
    one = ids(library)["Rowing"]
    assert matches(library, profile, [one, "gone", one]).keys() == {one}
    assert matches(library, profile, []) == {}
    assert matches(library, Profile(), [one]) == {}


def test_papers_that_came_just_now_match(library: Library) -> None:
    add(library.catalog, record("Zeppelins", "A keel in the air."), source="later")
    assert "Zeppelins" in why(library, Profile(searches=("keel air",)))


def test_hostile_names_are_shown_as_text(library: Library) -> None:
    name = "Eve \x1b[31m\u202e<script>alert(1)</script> " + "x" * 10_000
    add(library.catalog, record("Masks", "Text.", authors=[name]), source="later")
    (text_,) = why(library, Profile(authors=("Eve",)))["Masks"]
    assert len(text_) < 150
    assert text_.isprintable()


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("", "names no word"),
        ("the of and", "names no word"),
        ("-keel", "names no word"),
        ("?!", "names no word"),
        ('"keel and', "never closed"),
        ("tag:rag keel", "Follow the tag by itself"),
        ("keel since:2w", "condition of --where"),
        ("keel OR boats", "follow two searches"),
        ("keel NOT boats", "write -word"),
    ],
)
def test_searches_that_mean_nothing_are_told(library: Library, search: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_search(library, search)
    assert says in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "search",
    ["keel AND boats", '"NOT gate"', "title:keel", "author:will", "retrieval: a survey", "C++"],
)
def test_searches_that_can_be_followed(library: Library, search: str) -> None:
    assert check_search(library, f" {search}\n") == search


def test_a_name_has_letters() -> None:
    assert check_author(" Ada\x1b  Núñez\n") == "Ada Núñez"
    for name in ("", "...", "\u202e"):
        with pytest.raises(UsageError, match="names nobody"):
            check_author(name)


def test_five_thousand_candidates_take_no_two_seconds(tmp_path: Path) -> None:
    with Library.open(tmp_path / "lib") as library:
        entries = [
            replace(entry, authors=(f"Author {n % 700}", "Ada Núñez", f"Writer {n}"))
            for n, entry in enumerate(many(5_000))
        ]
        add(library.catalog, *entries)
        library.index(vectors=False)
        wanted = [paper.id for paper in library.catalog.papers.select()]
        assert len(wanted) == 5_000
        profile = Profile(
            authors=tuple(f"Author {n}" for n in range(50)),
            tags=("llm-agents",),
            searches=tuple(f"topic {n}" for n in range(10)),
        )
        started = time.process_time()
        found = matches(library, profile, wanted)
        assert time.process_time() - started < 2
        assert len(found) > 4_900


# ------------------------------------------------------------------------------ bibliography

BIB = """
@article{one, title = {Owls at {N}ight}, author = {N{\\'u}{\\~n}ez, Ada}, year = 2020,
  abstract = {They fly.}}
@misc{two, title = {A preprint under another title}, eprint = {2401.00001}, archiveprefix={arXiv}}
@article{three, title = {By its DOI}, doi = {10.1234/case.1}}
@article{four, title = {Not in the library}, abstract = {Something else.}}
@article{again, title = {Owls at Night}, author = {Ada N{\\'u}{\\~n}ez}}
@article{none, author = {Nobody}}
@article{other, title = {Bats}, author = {Somebody Else}}
@article{generic, title = {Editorial}}
"""


@pytest.fixture
def stored(library: Library) -> dict[str, str]:
    add(
        library.catalog,
        record("Owls at night", "Text.", authors=["Ada Núñez"]),
        record("An arXiv paper", "Text.", arxiv_id="2401.00001v3"),
        record("A journal's paper", "Text.", doi="10.1234/CASE.1"),
        record("Bats", "Text.", authors=["Bo Low"]),
        record("Editorial", "Text."),
        source="bib",
    )
    return ids(library)


def test_a_bibliography_is_matched_and_not_added(
    library: Library, stored: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "own.bib"
    file.write_text(BIB, "utf-8")
    before = library.catalog.papers.count(), library.catalog.ledger.entries()
    read = read_bibliography(library, file)
    assert [(e.title, e.paper_id) for e in read.entries] == [
        ("Owls at Night", stored["Owls at night"]),
        ("A preprint under another title", stored["An arXiv paper"]),
        ("By its DOI", stored["A journal's paper"]),
        ("Not in the library", ""),
        ("Bats", ""),  # by other people
        ("Editorial", ""),  # as many are called
    ]
    assert read.known == 3
    assert [r.reason for r in read.rejected]
    assert (library.catalog.papers.count(), library.catalog.ledger.entries()) == before
    assert import_bibliography(library, file) == list(read.entries)


def test_other_formats_of_bibliographies(
    library: Library, stored: dict[str, str], tmp_path: Path
) -> None:
    ris = tmp_path / "own.ris"
    ris.write_text("TY  - JOUR\nTI  - Owls at Night\nAU  - Núñez, Ada\nER  - \n", "utf-8")
    csl = tmp_path / "own.json"
    entry = {"id": "x", "type": "article", "title": "T", "DOI": "10.1234/case.1"}
    entry["container-title"] = "A Journal"
    csl.write_text(json.dumps([entry]), "utf-8")
    assert [e.paper_id for e in import_bibliography(library, ris)] == [stored["Owls at night"]]
    assert [e.paper_id for e in import_bibliography(library, csl)] == [stored["A journal's paper"]]


@pytest.mark.parametrize(
    "content", ["", "   \n", "no bibliography at all", "@article{x, author={A}}", "\x00\x01" * 99]
)
def test_what_is_no_bibliography(library: Library, tmp_path: Path, content: str) -> None:
    file = tmp_path / "own.bib"
    file.write_text(content)
    with pytest.raises(InputError) as caught:
        read_bibliography(library, file)
    assert caught.value.remedy or caught.value.message


@pytest.mark.parametrize("name", ["gone.bib", ".", "a\x00b", "x" * 5000])
def test_files_that_cannot_be_read(library: Library, name: str) -> None:
    with pytest.raises(InputError):
        read_bibliography(library, name)


def test_an_address_is_no_bibliography(library: Library) -> None:
    with pytest.raises(UsageError, match="Save it first"):
        read_bibliography(library, "https://example.org/own.bib")


def test_a_bibliography_that_breaks_off_keeps_what_came_before(
    library: Library, tmp_path: Path
) -> None:
    import gzip
    import random

    # Titles that hardly shrink: else all of it is in the first block that is unpacked.
    names = random.Random(0)
    titles = (f"{names.getrandbits(600):x}"[:120] for _ in range(4_000))
    entries = (f'{{"title": "T{title}", "abstract": "Text."}}\n' for title in titles)
    whole = gzip.compress("".join(entries).encode())
    file = tmp_path / "own.jsonl.gz"
    file.write_bytes(whole[: len(whole) * 3 // 4])
    read = read_bibliography(library, file)
    assert 100 < len(read.entries) < 4_000
    assert read.rejected[-1].where == "the rest"


@pytest.mark.slow
def test_fifty_megabytes_are_refused_soon(library: Library, tmp_path: Path) -> None:
    file = tmp_path / "huge.bib"
    entry = "@misc{{k{0}, title={{Title {0}}}, abstract={{" + "word " * 300 + "}}}}\n"
    with file.open("w") as stream:
        for n in range(33_000):
            stream.write(entry.format(n))
    assert file.stat().st_size > 50_000_000
    started = time.process_time()
    with pytest.raises(InputError, match="may have 5,000 papers") as caught:
        read_bibliography(library, file)
    assert time.process_time() - started < 15
    assert "Export the part" in caught.value.remedy


def test_bibliographies_join_without_repeating() -> None:
    one = (Bibliographic("Owls", "", ""), Bibliographic("Bats", "Old.", "p1"))
    two = (Bibliographic("Bats!", "New.", "p1"), Bibliographic("OWLS", "Text.", ""))
    assert joined(one, two) == (two[1], two[0])
    full = [Bibliographic(f"Title {n}", "", "") for n in range(MOST_ENTRIES)]
    assert len(joined(full, full)) == MOST_ENTRIES
    with pytest.raises(InputError):
        joined(full, one)


def test_papers_of_a_bibliography_are_followed_through_the_library(
    library: Library, stored: dict[str, str]
) -> None:
    readers = Readers(library.catalog.store)
    owls, bats = stored["Owls at night"], stored["Bats"]
    readers.save(
        Profile(
            name="jane",
            bibliography=(
                Bibliographic("Owls", "", owls),
                Bibliographic("Bats", "", bats),
                Bibliographic("Gone", "", "p000000000000"),
            ),
        )
    )
    heir = library.merge([owls, bats])
    found = readers.require("jane").bibliography
    assert [entry.paper_id for entry in found] == [heir, heir, ""]


def test_what_interest_is_learned_from(library: Library, stored: dict[str, str]) -> None:
    readers = Readers(library.catalog.store)
    owls, bats, rowing = stored["Owls at night"], stored["Bats"], stored["Rowing"]
    profile = readers.save(
        Profile(
            name="jane",
            bibliography=(
                Bibliographic("Owls", "", owls),
                Bibliographic("Bats", "", bats),
                Bibliographic("Else", "Where.", ""),
            ),
        )
    )
    readers.rate("jane", [rowing, owls], True)
    readers.rate("jane", [bats], False)
    known = taught(library, profile)
    assert [p.id for p in known.liked] == sorted([rowing, owls])
    assert [p.id for p in known.disliked] == [bats]
    assert known.texts == ("Else. Where.",)
    assert taught(library, Profile()) == Taught()
    many_own = tuple(Bibliographic(f"Title {n}", "", "") for n in range(1_000))
    texts = taught(library, Profile(text="Mine.", bibliography=many_own)).texts
    assert len(texts) == 1 + MOST_TEXTS
    assert texts[:3] == ("Mine.", "Title 0.", "Title 5.")
