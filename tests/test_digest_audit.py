"""The audit of digests: a good one passes, and each kind of fault is found in a spoilt one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import add, record

from curator.catalog import Catalog, StoredTag, StoredTldr
from curator.digest.building import build_document
from curator.digest.document import Citation, DigestDocument, Reason, every_paper
from curator.digest.formats import email_bytes, to_atom, to_html
from curator.digest.markdown import to_markdown
from curator.digest.period import Period
from curator.digest.trends import top_topics, trends_of
from curator.taxonomy import Taxonomy, load_taxonomy
from evals.digest_audit import main
from evals.digest_checks import audit_document, nearest_of
from evals.digest_forms import form_faults
from evals.digest_recount import Catalogued, chance_of

WEEK = Period("2026-W47", "2026-11-16", "2026-11-22")
TAXONOMY = """
version: 1
facets:
- {name: topic, description: What it is about.}
tags:
- {name: night-birds, facet: topic, description: Birds of the night.}
- {name: small-boats, facet: topic, description: Boats., was: [dinghies]}
"""
LANTERN = "See, the glass lantern is what we study."
# Title, abstract, the summary of it, and whether a model wrote that.
PAPERS = [
    (r"Owls \& Bats: $O(n^2)$ <b>Hunts</b>",
     r"Mice are quiet. An owl finds a mouse in 12 seconds by ear alone, which is 5\% faster.",
     r"An owl finds a mouse in 12 seconds by ear alone, which is 5\% faster.", False),
    ("Keels of Small Boats", "In storms, a boat with a keel of 3.5 m stays upright for 40 hours. "
     "We never saw one sink.", "A boat with a keel of 3.5 m stays upright for 40 hours.", True),
    ("Lichen Clocks", "Lichen grows 0.8 mm a year on the north side of old walls.",
     "Lichen grows 0.8 mm a year on the north side of old walls.", False),
    ("Moths and Lamps", "Moths fly to lamps because they keep the light overhead.",
     "Moths fly to lamps because they keep the light overhead.", False),
    ("Salt Roads", "Traders walked 30 km a day with salt from the coast.",
     "Traders walked 30 km a day with salt from the coast.", False),
]  # fmt: skip


@pytest.fixture
def taxonomy(tmp_path: Path) -> Taxonomy:
    file = tmp_path / "taxonomy.yaml"
    file.write_text(TAXONOMY, "utf-8")
    return load_taxonomy(file)


@pytest.fixture
def stored(catalog: Catalog, taxonomy: Taxonomy, tmp_path: Path) -> Catalogued:
    """Two weeks: before this one 40 papers of which two are on boats, then 40 of which 15
    say "glass lantern" and 25 are on boats, some by the tag's former name."""
    before = [record(f"Old study {n}", f"The thing {n} is a thing.", published="2026-11-11")
              for n in range(40)]  # fmt: skip
    now = [
        record(title, f"{abstract} {LANTERN}", published="2026-11-18",
               url=f"https://example.org/{n}?a=1&b=ü", authors=["Ada Núñez", "Bo Li"])
        for n, (title, abstract, _, _) in enumerate(PAPERS)
    ]  # fmt: skip
    now += [
        record(
            f"New study {n}", f"What {n} does. {LANTERN if n > 24 else ''}", published="2026-11-17"
        )
        for n in range(35)
    ]
    add(catalog, *before, *now)
    for paper in catalog.papers.select():
        number = int(paper.title.split()[-1]) if paper.title.split()[-1].isdigit() else -1
        names = []
        if number < 0:
            names = ["night-birds" if "Owls" in paper.title else "small-boats"]
        elif paper.day < "2026-11-16":
            names = ["dinghies"] if number < 2 else []
        elif number < 21:
            names = ["dinghies"]
        tags = [StoredTag(name, 0.9, "model") for name in names]
        catalog.outputs.save_tags(paper, tags, taxonomy="t", model="m", recipe="r")
    return Catalogued(tmp_path, {tag.name: tag.was for tag in taxonomy.tags})


@pytest.fixture
def good(catalog: Catalog, taxonomy: Taxonomy, stored: Catalogued) -> DigestDocument:
    """A digest of five of the 40 papers, as the program makes it."""
    by_title = {paper.title: paper for paper in catalog.papers.select()}
    papers = [by_title[title] for title, *_ in PAPERS]
    tldrs = {}
    for paper, (_, _, said, own) in zip(papers, PAPERS, strict=True):
        quote = next(
            s for s in paper.abstract.replace(". See", ".|See").split("|") if "See" not in s
        )
        quote = quote.removeprefix("Mice are quiet. ").removesuffix(" We never saw one sink.")
        origin = "model" if own else "quote"
        tldrs[paper.id] = StoredTldr(paper.id, said, origin, True, 0.9, quote, "m", "p")
    return build_document(
        WEEK,
        40,
        papers[:4],
        tldrs,
        catalog.outputs.tags(tldrs),
        [],
        taxonomy,
        "local:test",
        notable=papers[4:],
        why={papers[0].id: [Reason(kind="sources", text="on 2 lists", paper_ids=[])]},
        trends=trends_of(catalog, taxonomy, WEEK.since, WEEK.until),
        topics=top_topics(catalog, taxonomy, WEEK.since, WEEK.until),
    )


def kinds(document: DigestDocument, stored: Catalogued, **more: Any) -> set[str]:
    return {fault.kind for fault in audit_document(document, stored, **more)}


def test_a_good_digest_passes_in_all_forms(good: DigestDocument, stored: Catalogued) -> None:
    assert [t["kind"] for t in good["trends"]] == ["tag", "term"], "there is something to recount"
    assert [s["origin"] for s in good["lead"]] == ["catalog", "catalog", "quote"]
    assert audit_document(good, stored, {}) == []
    for form, data in forms(good).items():
        assert list(form_faults(form, data, good)) == [], form


def forms(document: DigestDocument) -> dict[str, bytes]:
    return {
        "md": to_markdown(document).encode(),
        "html": to_html(document).encode(),
        "eml": email_bytes(document, sender="a@example.org", recipient="b@example.org"),
        "atom": to_atom([document]),
    }


def paper_of(document: DigestDocument, title: str) -> Any:
    return next(paper for paper in every_paper(document) if title in paper["title"])


def _says_the_opposite(document: Any) -> None:
    paper_of(document, "Keels")["tldr"] = "A boat with a keel of 3.5 m never stays upright."


def _another_number(document: Any) -> None:
    paper_of(document, "Keels")["tldr"] = "A boat with a keel of 3.5 m stays upright for 41 hours."


def _a_changed_quote(document: Any) -> None:
    paper_of(document, "Lichen")["tldr"] = "Lichen grows on the north side of walls."


def _an_invented_source(document: Any) -> None:
    paper = paper_of(document, "Keels")
    paper["quote"] = paper["tldr"]


def _no_source(document: Any) -> None:
    paper_of(document, "Moths")["quote"] = ""


def _unsupported(document: Any) -> None:
    paper_of(document, "Moths")["supported"] = False


def _another_papers_sentence(document: Any) -> None:
    one, other = paper_of(document, "Moths"), paper_of(document, "Lichen")
    one["tldr"], one["quote"] = other["tldr"], other["quote"]


def _lead_of_another_paper(document: Any) -> None:
    lead = document["lead"][2]
    other = paper_of(document, "Salt")
    lead["citations"] = [Citation(paper_id=other["paper_id"], quote=lead["citations"][0]["quote"])]


def _came_in(document: Any) -> None:
    document["lead"][0]["text"] = document["lead"][0]["text"].replace("40 papers", "41 papers")


def _a_topic(document: Any) -> None:
    text = document["lead"][0]["text"]
    document["lead"][0]["text"] = text.replace("(25)", "(26)")
    assert document["lead"][0]["text"] != text


def _a_moved_share(document: Any) -> None:
    text = document["lead"][1]["text"]
    document["lead"][1]["text"] = text.replace("25 of 40", "24 of 40")
    assert document["lead"][1]["text"] != text


def _a_number_of_its_own(document: Any) -> None:
    document["lead"][0]["text"] += " Of these 7 are good."


def _a_trend(document: Any) -> None:
    document["trends"][0]["count"] -= 1


def _a_sure_trend(document: Any) -> None:
    document["trends"][0]["p_value"] /= 10


def _a_trends_paper(document: Any) -> None:
    document["trends"][0]["papers"][0]["paper_id"] = paper_of(document, "Owls")["paper_id"]


def _sizes(document: Any) -> None:
    document["sizes"][0] += 1


def _a_title(document: Any) -> None:
    paper_of(document, "Keels")["title"] = "Keels of Large Boats"


def _a_link(document: Any) -> None:
    paper_of(document, "Keels")["url"] = "https://example.org/9"


def _an_author(document: Any) -> None:
    paper_of(document, "Keels")["authors"].reverse()


def _nobodys_paper(document: Any) -> None:
    paper_of(document, "Keels")["paper_id"] = "p00000000dead"


def _a_tag(document: Any) -> None:
    paper_of(document, "Keels")["tags"].append("night-birds")


def _the_wrong_section(document: Any) -> None:
    section = next(s for s in document["sections"] if s["papers"][0]["tags"] == ["small-boats"])
    section["tag"] = "night-birds"


def _twice(document: Any) -> None:
    document["notable"].append(copy.deepcopy(paper_of(document, "Keels")))


def _the_ledger(document: Any) -> None:
    document["ledger"]["not_chosen"] -= 1


def _lost_papers(document: Any) -> None:
    for key in ("seen", "not_chosen"):
        document["ledger"][key] -= 1
        document[key] -= 1


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (_says_the_opposite, "check"),
        (_another_number, "check"),
        (_a_changed_quote, "quote"),
        (_an_invented_source, "source"),
        (_no_source, "source"),
        (_unsupported, "unsupported"),
        (_another_papers_sentence, "source"),
        (_lead_of_another_paper, "source"),
        (_came_in, "count"),
        (_a_topic, "count"),
        (_a_moved_share, "count"),
        (_a_number_of_its_own, "count"),
        (_a_trend, "trend"),
        (_a_sure_trend, "trend"),
        (_a_trends_paper, "trend"),
        (_sizes, "trend"),
        (_a_title, "paper"),
        (_a_link, "paper"),
        (_an_author, "paper"),
        (_nobodys_paper, "paper"),
        (_a_tag, "paper"),
        (_the_wrong_section, "section"),
        (_twice, "twice"),
        (_the_ledger, "ledger"),
        (_lost_papers, "ledger"),
    ],
)
def test_each_fault_is_found(
    good: DigestDocument, stored: Catalogued, spoil: Callable[[Any], None], kind: str
) -> None:
    spoil(good)
    assert kind in kinds(good, stored)


def test_what_an_earlier_digest_showed_is_not_shown_again(
    good: DigestDocument, stored: Catalogued
) -> None:
    paper = good["notable"][0]
    assert {"twice"} <= kinds(good, stored, earlier={paper["paper_id"]: "2026-W46"})
    paper["pinned"] = True  # an editor wants it once more
    assert "twice" not in kinds(good, stored, earlier={paper["paper_id"]: "2026-W46"})


def test_an_editors_sentence_is_marked_and_not_judged(
    good: DigestDocument, stored: Catalogued
) -> None:
    paper = paper_of(good, "Moths")
    paper |= {"tldr": "Moths sleep.", "origin": "human", "supported": False, "quote": ""}
    assert kinds(good, stored) == set()


@pytest.mark.parametrize("form", ["md", "html", "eml", "atom"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Lichen Clocks", "Lichen Watches"),
        ("0.8 mm a year", "0.9 mm a year"),
        ("example.org/2?a=3D1", "example.org/3?a=3D1"),
    ],
)
def test_a_form_that_shows_another_thing_is_found(
    good: DigestDocument, form: str, old: str, new: str
) -> None:
    data = forms(good)[form]
    if form != "eml":  # of which the text is quoted-printable
        old, new = old.replace("=3D", "="), new.replace("=3D", "=")
    spoilt = data.replace(old.encode(), new.encode())
    assert spoilt != data
    assert list(form_faults(form, spoilt, good))


def test_a_form_without_a_paper_or_of_bad_make_is_found(good: DigestDocument) -> None:
    made = forms(good)
    fewer = copy.deepcopy(good)
    fewer["notable"].clear()
    for form, data in forms(fewer).items():
        assert any("papers" in fault or "plain" in fault for fault in form_faults(form, data, good))
    assert list(form_faults("html", made["html"].replace(b"</main>", b"</div>"), good))
    assert list(form_faults("atom", made["atom"].replace(b"<id>", b"<idea>"), good))
    assert list(form_faults("atom", to_atom([]), good)) == [
        "atom cannot be read: the feed has no such entry"
    ]


def test_near_duplicates() -> None:
    texts = ["The owl hunts at night.", "The owl hunts, at NIGHT!", "A boat floats."]
    vectors = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], np.float32)
    by_words, by_cosine, alike = nearest_of(texts, vectors)
    assert by_words is not None and by_words.value == 1.0
    assert by_cosine is not None and by_cosine.value == pytest.approx(0.8)
    assert alike == [(texts[0], texts[1])]
    assert nearest_of(["One alone."]) == (None, None, [])


@pytest.mark.parametrize(
    ("counts", "chance"),
    [
        ((1, 10, 1, 10), 1.0),
        ((5, 10, 0, 10), 2 / 2**5),
        ((0, 20, 4, 10), 2 * (1 / 3) ** 4),
    ],
)
def test_the_chance_of_a_change(counts: tuple[int, int, int, int], chance: float) -> None:
    assert chance_of(*counts) == pytest.approx(chance)


def test_a_folder_without_a_catalog(tmp_path: Path) -> None:
    home = tmp_path / "nowhere"
    with pytest.raises(FileNotFoundError, match="has no catalog"):
        Catalogued(home)
    with pytest.raises(SystemExit, match="2"):
        main(["--home", str(home), "--week", "2026-W47", "--out", str(tmp_path / "out")])
    assert not home.exists(), "none is made"
