"""The ACL Anthology's XML and the feed that gets it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from test_source_xml import SAMPLES, Player, needs_samples, survives

from curator.errors import FetchError, InputError, UsageError
from curator.fetch import Fetched
from curator.paper import Record, Rejected
from curator.sources import acl
from curator.sources.base import Feed, FeedState, Page

META = """<meta><booktitle>Proceedings of the <fixed-case>P</fixed-case>aper Workshop</booktitle>
<editor><first>E</first><last>Ditor</last></editor><month>August–September</month>
<year>2022</year></meta><frontmatter><url>2022.paper-1.0</url></frontmatter>"""


def collection(
    *papers: str, name: str = "2022.paper", volume: str = "1", meta: str = META
) -> bytes:
    inside = "\n".join(papers)
    return f"""<?xml version='1.0' encoding='UTF-8'?><collection id="{name}">
<volume id="{volume}" type="proceedings">{meta}{inside}</volume></collection>""".encode()


def a_paper(number: object = 1, more: str = "", title: str = "On Paper") -> str:
    return f'<paper id="{number}"><title>{title}</title>{more}</paper>'


def parsed(data: bytes) -> list[Record | Rejected]:
    return list(acl.parse(io.BytesIO(data)))


def one(data: bytes) -> Record:
    (found,) = parsed(data)
    assert isinstance(found, Record)
    return found


def test_a_paper() -> None:
    found = one(
        collection(
            a_paper(
                4,
                """<author><first>Ida</first><last>Strand</last><affiliation>Oslo</affiliation>
<variant script="hani"><first>艾达</first><last>海滩</last></variant></author>
<author><last>Vik</last></author><author><first/><last/></author>
<pages>1–10</pages><abstract>We <i>fold</i> a sheet <tex-math>n</tex-math> times.</abstract>
<url hash="1">2022.paper-1.4</url><doi>10.18653/v1/2022.paper-1.4</doi>
<award>Best Paper</award><retracted date="2023-01-01">It tore.</retracted>""",
                title="On <fixed-case>P</fixed-case>aper",
            )
        )
    )
    assert (found.title, found.abstract) == ("On Paper", "We fold a sheet $n$ times.")
    assert found.authors == ("Ida Strand", "Vik")
    assert (found.source_id, found.where) == ("2022.paper-1.4", "paper 2022.paper-1.4")
    assert found.ids == (("acl", "2022.paper-1.4"),)
    assert (found.doi, found.published) == ("10.18653/v1/2022.paper-1.4", "2022-08")
    assert found.venue == "Proceedings of the Paper Workshop"
    assert found.url == "https://aclanthology.org/2022.paper-1.4/"
    assert found.hints == {
        "awards": ["Best Paper"],
        "name_variants": ["Ida Strand = 艾达 海滩"],
        "retracted": "It tore.",
    }


@pytest.mark.parametrize(
    ("name", "volume", "number", "url", "identifier"),
    [
        ("2022.acl", "long", "12", "", "2022.acl-long.12"),
        ("P19", "1", "1", "", "P19-1001"),
        ("L06", "1", "471", "http://lrec.org/4_pdf.pdf", "L06-1471"),
        ("W05", "2", "3", "", "W05-0203"),
        ("C69", "1", "1", "", "C69-0101"),
        ("D19", "1", "7", "", "D19-1007"),
        ("D19", "50", "7", "", "D19-5007"),
        ("J89", "4", "9", "J89-4009", "J89-4009"),
    ],
)
def test_identifiers(name: str, volume: str, number: str, url: str, identifier: str) -> None:
    found = one(collection(a_paper(number, f"<url>{url}</url>"), name=name, volume=volume))
    assert found.source_id == identifier
    assert found.ids == (("acl", identifier.lower()),)
    assert found.url == f"https://aclanthology.org/{identifier}/"


def test_what_is_no_paper() -> None:
    disclaimer = a_paper(3).replace("<paper ", '<paper type="disclaimer" ')
    found = parsed(collection(a_paper(0), disclaimer, a_paper(5, title=" "), a_paper(6)))
    assert [entry.where for entry in found] == [
        f"paper 2022.paper-1.{number}" for number in (3, 5, 6)
    ]
    reasons = [entry.reason for entry in found if isinstance(entry, Rejected)]
    assert reasons[0] == "no paper, but disclaimer of its volume: On Paper"
    assert reasons[1].startswith("no title: 2022.paper-1.5")


def test_volumes_keep_their_own_frames() -> None:
    first = collection(a_paper(1, "<year>2021</year><month>May</month>")).decode()
    second = '<volume id="2">' + a_paper(1) + "</volume>"
    event = '<event id="x"><meta><title>An event</title></meta></event>'
    data = first.replace("</collection>", f"{event}{second}</collection>").encode()
    one_, two = parsed(data)
    assert isinstance(one_, Record)
    assert isinstance(two, Record)
    assert (one_.published, one_.source_id) == ("2021-05", "2022.paper-1.1")
    assert (two.published, two.venue, two.source_id) == (None, None, "2022.paper-2.1")


def test_odd_files() -> None:
    assert parsed(b"<collection id='2022.x'/>") == []
    assert parsed(b"<paper id='1'><title>Alone</title></paper>") == []
    nameless = one(
        b"<collection><volume><paper><title>On Paper</title></paper></volume></collection>"
    )
    assert (nameless.source_id, nameless.ids, nameless.url) == (None, (), None)
    with pytest.raises(InputError, match="ends in the middle"):
        parsed(collection(a_paper())[:-20])
    assert acl.looks_like(collection().decode())
    assert not acl.looks_like("<collection><item/></collection>")
    assert not acl.looks_like("<volumes><volume/></volumes>")


@pytest.mark.seeds
@needs_samples
@pytest.mark.parametrize("path", sorted((SAMPLES / "acl_xml").glob("*")), ids=lambda p: p.name)
def test_real_collections(path: Path) -> None:
    data = path.read_bytes()
    if path.suffix != ".xml":
        with pytest.raises(InputError, match="It is text, not XML"):
            parsed(data)
        return
    assert acl.looks_like(data.decode()[:65_536])
    found = parsed(data)
    assert len(found) == data.count(b"<paper ")
    for record in found:
        assert isinstance(record, Record)
        assert record.ids
        assert record.venue
        assert record.published
        assert bool(record.abstract) == (path.stem == "L06")
        assert record.url == f"https://aclanthology.org/{record.source_id}/"
    survives(acl.parse, data)


# --- The feed -------------------------------------------------------------------------------

ADDRESS = "https://raw.githubusercontent.com/acl-org/acl-anthology/master/data/xml/{}.xml"


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        ("2022.naloma", "acl:2022.naloma"),
        (" 2022.ACL-long ", "acl:2022.acl-long"),
        ("p19", "acl:P19"),
        ("P19-1", "acl:P19-1"),
    ],
)
def test_specs(spec: str, canonical: str) -> None:
    assert acl.of(spec).spec == canonical


@pytest.mark.parametrize("spec", ["", "2022", "2022.acl.long", "../etc", "P19-1001.pdf", "P19/1"])
def test_specs_that_cannot_be_used(spec: str) -> None:
    with pytest.raises(UsageError, match="no collection") as caught:
        acl.of(spec)
    assert caught.value.remedy


def pages(player: Player, spec: str, **state: Any) -> list[Page]:
    made: Feed = acl.of(spec)
    return list(made.pages(player, FeedState(**state)))


def test_a_collection_is_got_once() -> None:
    address = ADDRESS.format("2022.paper")
    etag = {"etag": '"1"'}
    player = Player({address: Fetched(address, 200, collection(a_paper()), validators=etag)})
    (page,) = pages(player, "2022.paper")
    assert (len(page.entries), page.of, page.cursor) == (1, 1, None)
    assert page.validators == {address: etag}
    again = Player({address: Fetched(address, 304, b"")})
    (page,) = pages(again, "2022.paper", validators=page.validators)
    assert (page.entries, page.validators) == ([], {address: etag})
    assert again.sent == [etag]


def test_one_volume_of_it() -> None:
    both = collection(a_paper()).replace(
        b"</collection>", b'<volume id="2">%s</volume></collection>' % a_paper(7).encode()
    )
    address = ADDRESS.format("2022.paper")
    (page,) = pages(Player({address: both}), "2022.paper-2")
    assert [entry.where for entry in page.entries] == ["paper 2022.paper-2.7"]
    with pytest.raises(FetchError, match="no volume '3'"):
        pages(Player({address: both}), "2022.paper-3")


def test_a_collection_that_is_not_there() -> None:
    missing = FetchError("status 404")
    missing.status = 404
    with pytest.raises(FetchError, match=r"no collection '2022\.nope'") as caught:
        pages(Player({ADDRESS.format("2022.nope"): missing}), "2022.nope")
    assert not caught.value.retryable
    other = FetchError("no answer")
    with pytest.raises(FetchError) as caught:
        pages(Player({ADDRESS.format("P19"): other}), "P19")
    assert caught.value is other
    with pytest.raises(FetchError, match="ends in the middle"):
        pages(Player({ADDRESS.format("P19"): collection(a_paper())[:-30]}), "P19")
