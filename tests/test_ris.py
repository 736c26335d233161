"""RIS and the Web of Science's files: every line is kept, and each record stands for itself."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curator.paper import Entry, Record, Rejected, Verbatim
from curator.sources import ris
from curator.sources.ris import AFTER, restored

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "formats" / "ris"
FILES = sorted(SAMPLES.glob("*.ris"))
needs_samples = pytest.mark.skipif(not FILES, reason="../shared is absent")

RECORD = (
    "TY  - JOUR\nTI  - Ferries of the North\nAU  - Strand, Ida\nAU  - Lund, Bo\nPY  - 2021\n"
    "ER  - \n"
)


def written(text: str) -> str:
    """The file that the parts of a text make."""
    return "".join(
        (entry.extra or {}).get("before", "")
        + restored(entry.extra or {})
        + (entry.extra or {}).get("after", AFTER)
        for entry in ris.parse(text)
    )


def kinds(text: str) -> str:
    return "".join("RXV"[(Record, Rejected, Verbatim).index(type(e))] for e in ris.parse(text))


def fields_of(entry: Entry) -> list[list[str]]:
    assert entry.extra is not None
    found: list[list[str]] = entry.extra["fields"]
    return found


def one(*lines: str) -> Record:
    """The record of these lines."""
    title = () if any(line.startswith(("TI", "T1", "CT", "BT", "ST")) for line in lines) else (
        "TI  - Ferries",
    )  # fmt: skip
    (record,) = ris.parse("\n".join(["TY  - JOUR", *title, *lines, "ER  - "]))
    assert isinstance(record, Record)
    return record


# --- The samples -------------------------------------------------------------------------


@pytest.mark.seeds
@needs_samples
def test_of_the_samples_nothing_is_lost() -> None:
    counts = []
    for file in FILES:
        text = file.read_text("utf-8")
        assert ris.looks_like(text), file.name
        assert written(text) == text.removeprefix("\ufeff"), file.name
        entries = list(ris.parse(text))
        stored = json.loads(json.dumps([entry.extra for entry in entries]))
        assert stored == [entry.extra for entry in entries], file.name
        counts.append(len([e for e in entries if not isinstance(e, Verbatim)]))
    assert counts == [1, 1, 1, 1, 2, 2, 2, 2, 1, 3, 1, 1, 4, 1, 2]


@pytest.mark.seeds
@needs_samples
def test_values_of_the_samples_are_those_that_rispy_finds() -> None:
    import rispy

    for file in FILES:
        text = file.read_text("utf-8").removeprefix("\ufeff")
        wos = "wos" in file.name
        parser = rispy.WokParser if wos else rispy.RisParser
        names = parser.DEFAULT_MAPPING
        theirs = rispy.loads(text, implementation=parser, delimiter_tags_mapping={})
        ours = [entry for entry in ris.parse(text) if not isinstance(entry, Verbatim)]
        assert len(theirs) == len(ours)
        for their, our in zip(theirs, ours, strict=True):
            known: dict[str, list[str]] = {}
            for tag, value in fields_of(our):
                known.setdefault(names.get(tag, tag), []).append(" ".join(value.split()))
            for name, value in their.items():
                if name == "unknown_tag":
                    assert all(known[tag] == values for tag, values in value.items())
                else:  # of repeated tags that are no list, it keeps the first
                    text = " ".join(value) if isinstance(value, list) else value
                    assert " ".join(" ".join(known[name]).split()).startswith(
                        " ".join(text.split())
                    ), (file.name, name)


@pytest.mark.seeds
@needs_samples
def test_records_of_the_samples() -> None:
    found = ris.parse((SAMPLES / "example_wos.ris").read_text("utf-8"))
    wos = next(entry for entry in found if isinstance(entry, Record))
    assert wos.title.startswith("Interactions stabilizing the structure of the core light-harv")
    assert wos.title.endswith("and its subunit (B820)")
    assert wos.authors == ("PS Parkes-Loach", "AP Majeed", "CJ Law", "PA Loach")
    assert (wos.doi, wos.published, wos.venue) == (
        "10.1021/bi049798f", "2004-06-08", "BIOCHEMISTRY"
    )  # fmt: skip
    assert wos.ids == (("pmid", "15170338"),)
    assert wos.hints["keywords"][:2] == [
        "CHEMICALLY SYNTHESIZED POLYPEPTIDES",
        "IN-VITRO RECONSTITUTION",
    ]
    assert (wos.source_id, wos.where) == ("WOS:000221807500019", "record 1, line 3")
    assert len(wos.abstract) > 1_000
    embase = next(iter(ris.parse((SAMPLES / "example_empty_tag.ris").read_text("utf-8"))))
    assert isinstance(embase, Record)
    assert embase.authors == ("E. Fanning",)
    assert embase.doi == "10.1177/2325967120950040"
    assert embase.abstract.endswith("safe return to sport...")
    assert ["SP", ""] in fields_of(embase)


# --- Records -----------------------------------------------------------------------------


def test_a_record_whole() -> None:
    (record,) = ris.parse(RECORD)
    assert isinstance(record, Record)
    assert record.where == "record 1, line 1"
    assert (record.title, record.authors) == ("Ferries of the North", ("Ida Strand", "Bo Lund"))
    assert record.extra == {
        "format": "ris",
        "type": "JOUR",
        "key": "",
        "fields": [
            ["TY", "JOUR"],
            ["TI", "Ferries of the North"],
            ["AU", "Strand, Ida"],
            ["AU", "Lund, Bo"],
            ["PY", "2021"],
        ],
        "end": "ER  - ",
        "after": "\n",
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (RECORD * 2, "RR"),
        (f"\n\n{RECORD}\n\n\n{RECORD}", "RR"),
        (f"Record #1\nProvider: X\n\n1.\n{RECORD}\n2.\n{RECORD}\nend", "VRVRV"),
        (RECORD.replace("ER  - \n", "") + RECORD, "RR"),
        (RECORD.replace("ER  - \n", "\n\n") + RECORD, "RR"),
        (RECORD.replace("ER  - \n", ""), "R"),
        (RECORD.replace("ER  - \n", "\n \n"), "R"),
        (RECORD.replace("ER  - \n", "SP  - "), "R"),
        (RECORD.rstrip("\n "), "R"),
        (RECORD.replace("  - ", " - "), "R"),
        (RECORD.replace("  - ", "-"), "R"),
        (RECORD.replace("  - ", "  -"), "R"),
        (RECORD.replace("TI  - ", "TI  - \t "), "R"),
        ("TY  - JOUR\nno tag\nTI  - Ab\nER  - \nTY  - JOUR\nno tag\nTI  - Ab\nER  - ", "RR"),
        ("TY  - JOUR\nER  - \n", "X"),
        ("TY  - \nER  - \n", "X"),
        ("TY  -", "X"),
        ("ER  - \nTI  - Ab\n", "V"),
        ("PT J\nTI Ab\n   Cd\nER\n\nPT J\nAU X, Y\nTI Ef\nER\n\nEF\n", "RRV"),
        ("FN x\nVR 1.0\nPT J\nTI Ab\nEF", "VRV"),
        (f"PT J\nTI Ab\nPT J\nTI Cd\nER\n{RECORD}", "RRR"),
        ("", ""),
        ("\n \n", ""),
    ],
)
def test_every_line_is_kept(text: str, found: str) -> None:
    assert kinds(text) == found
    assert written(text) == (text if text.strip() else "")


def test_a_value_over_several_lines() -> None:
    text = RECORD.replace("North\n", "North\nER and the\n      South, AB - one\n\nand more\n")
    (record,) = ris.parse(text)
    assert isinstance(record, Record)
    assert record.title == "Ferries of the North ER and the South, AB - one and more"
    assert fields_of(record)[1] == [
        "TI",
        "Ferries of the North\nER and the\n      South, AB - one\n\nand more",
    ]
    assert written(text) == text


def test_other_spaces_only_where_the_file_writes_them() -> None:
    (record,) = ris.parse("TY - JOUR\nTI - Ab\nAB\t- Cd\nIS - 3\nER -\n")
    assert [tag for tag, _ in fields_of(record)] == ["TY", "TI", "AB", "IS"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["T1  - Ab", "TI  - Cd"], {"title": "Cd"}),
        (["TI  - ", "T1  - Ab", "ST  - A"], {"title": "Ab"}),
        (["BT  - A Book", "T2  - A Series"], {"title": "A Book", "venue": "A Series"}),
        (["ST  - Short"], {"title": "Short"}),
        (["N2  - One", "AB  - Two"], {"abstract": "Two"}),
        (["N2  - One"], {"abstract": "One"}),
        (["AU  - Strand,Ida", "A1  - Lund, B., Jr."], {"authors": ("Ida Strand", "B. Lund Jr.")}),
        (["AU  - Fanning E.", "AU  - World Tide Office"],
         {"authors": ("E. Fanning", "World Tide Office")}),
        (["AU  - Brinch Hansen, Per"], {"authors": ("Per Brinch Hansen",)}),
        (["AU  - Strand, I.; Lund, B."], {"authors": ("I. Strand", "B. Lund")}),
        (["ED  - Lund, Bo"], {"authors": ("Bo Lund",)}),
        (["JO  - J", "JF  - Journal"], {"venue": "Journal"}),
        (["T2  - Proc. of Seas", "JA  - J"], {"venue": "Proc. of Seas"}),
        (["PB  - Press"], {"venue": "Press"}),
        (["DO  - http://dx.doi.org/10.1000/ABC"], {"doi": "10.1000/abc"}),
        (["DO  - see 10.1000/abc, there"], {"doi": "10.1000/abc"}),
        (["M3  - 10.1000/abc"], {"doi": "10.1000/abc"}),
        (["M3  - Article"], {"doi": None}),
        (["DO  - n/a", "UR  - https://doi.org/10.1000/abc"], {"doi": "10.1000/abc"}),
        (["UR  - http://a.no;https://b.no"], {"url": "http://a.no"}),
        (["UR  - see http://a.no/x?a=1;b"], {"url": "http://a.no/x?a=1;b"}),
        (["UR  - none", "L1  - http://a.no"], {"url": "http://a.no"}),
        (["AN  - arXiv:1706.03762v2"], {"arxiv_id": "1706.03762", "arxiv_version": 2}),
        (["UR  - http://a.no", "UR  - http://arxiv.org/abs/1706.03762"],
         {"arxiv_id": "1706.03762"}),
        (["T2  - arXiv preprint arXiv:1706.03762"], {"arxiv_id": "1706.03762"}),
        (["N1  - arXiv:1706.03762 [cs]"], {"arxiv_id": "1706.03762"}),
        (["N1  - Builds on arXiv:1706.03762"], {"arxiv_id": None}),
        (["AN  - 12345", "DB  - PubMed"], {"ids": (("pmid", "12345"),)}),
        (["AN  - 12345", "DB  - Scopus", "C2  - PMC678"], {"ids": (("pmcid", "pmc678"),)}),
        (["UR  - https://aclanthology.org/P19-1001"], {"ids": (("acl", "p19-1001"),)}),
        (["KW  - tide", "KW  - North sea; salt", "KW  - one", "two"],
         {"hints": {"keywords": ["tide", "North sea", "salt", "one", "two"]}}),
        (["N1  - Read", "N1  - Good"], {"hints": {"note": "Read Good"}}),
        (["ID  - k20"], {"source_id": "k20"}),
        (["PY  - 1948/07//"], {"published": "1948-07"}),
        (["Y1  - 2020//"], {"published": "2020"}),
        (["PY  - 2020", "DA  - 2020/05/04/"], {"published": "2020-05-04"}),
        (["PY  - 2020", "DA  - 2019/05/04/"], {"published": "2020"}),
        (["DA  - 2020/05//Spring"], {"published": "2020-05"}),
        (["DA  - May 2020"], {"published": "2020-05"}),
        (["PY  - 2020/13/40"], {"published": "2020"}),
        (["PY  - soon"], {"published": None}),
    ],
)  # fmt: skip
def test_fields(lines: list[str], expected: dict[str, object]) -> None:
    record = one(*lines)
    assert {name: getattr(record, name) for name in expected} == expected


def test_fields_of_the_web_of_science() -> None:
    text = (
        "FN Some Export\nVR 1.0\nPT C\nAU Strand, I\n   Lund, B\nAF Strand, Ida\n   Lund, Bo\n"
        "TI Ferries of\n   the North\nCT 3rd Conf. of Seas\nDE tide; North\n   sea\nID SALT\n"
        "AB We row.\nDI 10.1000/abc\nPD MAY\nPY 2020\nDA 2021-01-01\nPM 123\nUT WOS:1\nER\nEF\n"
    )
    assert ris.looks_like(text)
    _, record, _ = ris.parse(text)
    assert isinstance(record, Record)
    assert (record.title, record.authors) == ("Ferries of the North", ("Ida Strand", "Bo Lund"))
    assert (record.published, record.venue) == ("2020-05", "3rd Conf. of Seas")
    assert record.hints == {"keywords": ["tide", "North sea", "SALT"]}
    assert (record.doi, record.ids, record.source_id) == (
        "10.1000/abc", (("pmid", "123"),), "WOS:1"
    )  # fmt: skip
    assert (record.extra or {})["flavour"] == "wos"
    assert written(text) == text


# --- Ugly files --------------------------------------------------------------------------


def test_a_record_that_cannot_be_used_spoils_only_itself() -> None:
    long = f"TY  - JOUR\nTI  - Long\nAB  - {'word ' * 11_000}\nER  - \n"
    short = "TY  - JOUR\nAU  - Lund, Bo\nER  - \n\nTY  - JOUR\nTI  - 12\nER  - \n"
    text = f"{RECORD}\n{short}{long}{RECORD}"
    entries = list(ris.parse(text))
    assert kinds(text) == "RXRXR"
    assert [(e.where, e.reason) for e in entries if isinstance(e, Rejected)] == [
        ("record 2, line 8", "no title: TY JOUR, AU Lund, Bo"),
        ("record 4, line 15", "abstract has 54,999 characters; at most 50,000 are read: Long"),
    ]
    assert written(text) == text


def test_bytes_that_are_not_utf8() -> None:
    bad = RECORD.replace("Ferries", "Fähren").encode("cp1252").decode("utf-8", "surrogateescape")
    text = f"\n{RECORD}{bad}"
    _, rejected = ris.parse(text)
    assert isinstance(rejected, Rejected)
    assert rejected.where == "record 2, line 8"
    assert rejected.reason.startswith("has bytes that are not UTF-8")
    assert rejected.reason.endswith(": Fähren of the North")
    assert fields_of(rejected)[1] == ["TI", "Fähren of the North"]
    assert written(text) == f"\n{RECORD}{RECORD.replace('Ferries', 'Fähren')}"


def test_line_ends_and_control_characters() -> None:
    text = RECORD.replace("Ferries", "Fer\x00ries")
    for other in (text.replace("\n", "\r\n"), text.replace("\n", "\r"), "\ufeff" + text):
        (record,) = ris.parse(other)
        assert isinstance(record, Record)
        assert record.title == "Ferries of the North"
        assert record.extra == next(iter(ris.parse(text))).extra


@pytest.mark.parametrize(
    "piece",
    ["TY  - JOUR\n", "TY  - ", "TI  - a\n", "a\n", "\n", "ER  - \n", "PT J\n", "KW  - ;\n",
     "AU  - a, b; c\n", "UR  - http://a;\n", "TY  - JOUR\nTI  - a\nER  - \n", "   a\n"],
)  # fmt: skip
def test_no_file_takes_long(piece: str) -> None:
    text = "TY  - JOUR\nTI  - Ferries\n" + piece * (60_000 // len(piece))
    started = time.monotonic()
    assert written(text) == text
    assert time.monotonic() - started < 5


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["TY  - JOUR", "TY - X", "ER  - ", "ER  -", "TI  - Ab", "TI  -", "KW  - a; b", "AB - c",
             "PT J", "TI Cd", "   more", "ER", "EF", "", " ", "1.", "text", "ZZ  - ", "AU  - ,"]
        )
    )
)  # fmt: skip
def test_any_lines_are_kept(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert written(text) == (text if text.strip() else "")


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (RECORD, True), ("\ufeff" + RECORD, True), ("\n\n1.\n" + RECORD, True),
        ("TY  - Journal Article\nAU  - X", True), ("TY - JOUR\nTI - A", True),
        ("FN Clarivate\nVR 1.0\nPT J\n", True), ("PT J\nAU X", True),
        ("", False), ("PTY  - JOUR\n", False), ("@book{x, TY  - JOUR}", False),
        ("PMID- 123\nTI  - A\n", False), ("TY and so on\nPT words", False),
    ],
)  # fmt: skip
def test_which_files_are_ris(head: str, found: bool) -> None:
    assert ris.looks_like(head) is found
