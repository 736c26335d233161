"""Searching by words, with the real tantivy: constraints, masks, ties, weights, highlights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import add, record
from hypothesis import given
from hypothesis import strategies as st

from curator.catalog import Catalog
from curator.index import best, lexical
from curator.index.lexical import LexicalIndex
from curator.query import Constraint, ParsedQuery, parse_query

PAPERS = {
    "deep": record(
        "Deep learning for the theory of mind",
        "Agents that learn. We train on GPT-4 answers.",
        authors=["Ada King Lovelace", "An Wang"],
    ),
    "shallow": record(
        "A shallow survey: learning deep things",
        "The theory that minds have. Not GPT, but 4 others.",
        authors=["Donald E. Knuth", "Ada Banks"],
    ),
    "godel": record(
        'G\\"odel machines and {D}eep \\emph{thoughts}',
        'Self-reference, na\\"ive and careful; C++ code at 5\\% cost.',
        authors=['Kurt G\\"odel', "José Núñez"],
    ),
    "names": record(
        "On banks and rivers",
        "Ada is a language, and Wang a tile. Lovelace is nobody here.",
        authors=["Ida Strand", "Wang An"],
    ),
}


@pytest.fixture
def index(catalog: Catalog, tmp_path: Path) -> LexicalIndex:
    add(catalog, *PAPERS.values())
    made = LexicalIndex(tmp_path / "lexical", catalog.papers)
    made.sync()
    return made


@pytest.fixture
def found(catalog: Catalog, index: LexicalIndex) -> object:
    """What a query finds, in order."""
    names = {one.title: name for name, one in PAPERS.items()}
    papers = catalog.papers.select()
    by_id = {paper.id: names[paper.title] for paper in papers}
    by_seq = {paper.seq: names[paper.title] for paper in papers}

    def find(text: str) -> list[str]:
        query = parse_query(text)
        hits = [by_id[paper_id] for paper_id, _ in index.search(query, 10)]
        mask = index.constrained(query, catalog.papers.last_seq() + 1)
        if mask is not None:  # the same for who searches by vectors
            satisfying = {by_seq[seq] for seq in mask.nonzero()[0].tolist() if seq in by_seq}
            assert set(hits) <= satisfying
            if not query.text or any(not part.negative for part in query.constraints):
                assert set(hits) == satisfying
        return hits

    return find


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        # phrases
        ('"deep learning"', {"deep"}),
        ('"learn deep"', {"shallow"}),
        ('"learning, DEEP"', {"shallow"}),
        ('"theory of mind"', {"deep", "shallow"}),  # any word that is not indexed stands there
        ('"theory mind"', set()),
        ('"mind agents"', set()),  # title and abstract are two texts
        ('"deep thought"', {"godel"}),
        ('"godel machine"', {"godel"}),
        ('"Gödel"', {"godel"}),
        ('"naive"', {"godel"}),
        ('"ada king"', {"deep"}),
        ('"king lovelace an"', set()),  # two authors are two names
        ('"unheard of"', set()),
        # fields
        ("title:learning", {"deep", "shallow"}),
        ("abstract:learning", {"deep"}),
        ("title:gpt-4", set()),
        ("abstract:gpt-4", {"deep"}),  # and not "GPT, but 4"
        ("abstract:C++", {"godel"}),
        ('title:"deep things" rivers', {"shallow"}),
        ("title:deep title:theory", {"deep"}),
        # authors: as they are written, with other names before the last
        ('author:"Ada Lovelace"', {"deep"}),
        ('author:"Ada King Lovelace"', {"deep"}),
        ('author:"Lovelace, Ada"', {"deep"}),
        ('author:"donald KNUTH"', {"shallow"}),
        ('author:"D. Knuth"', set()),
        ("author:e.", {"shallow"}),
        ('author:"Lovelace An"', set()),
        ('author:"Lovelace Wang"', set()),
        ("author:ada", {"deep", "shallow"}),
        ("author:an", {"deep", "names"}),
        ('author:"An Wang"', {"deep"}),
        ('author:"Wang An"', {"names"}),
        ("author:bank", set()),
        ("author:banks", {"shallow"}),
        ("author:nunez author:Gödel", {"godel"}),
        ('author:{\\"O}', set()),
        # what is not wanted
        ("-deep", {"names"}),
        ("-title:deep", {"names"}),
        ("-author:ada", {"godel", "names"}),
        ('-"deep learning"', {"shallow", "godel", "names"}),
        ("learning -survey", {"deep"}),
        ("rivers -title:banks", set()),
        ("title:deep -author:ada", {"godel"}),
        ("-ada -nunez", set()),
        # bare words only rank where something must occur, else one of them does
        ("rivers title:deep", {"deep", "shallow", "godel"}),
        ("rivers unheard", {"names"}),
        ("the title:deep", {"deep", "shallow", "godel"}),
        # what is not indexed cannot be looked for
        ('"the" rivers', {"names"}),
        ("-the rivers", {"names"}),
        ('title:of "and"', set()),
        ("the of", set()),
        ("", set()),
    ],
)
def test_constraints(found: object, query: str, hits: set[str]) -> None:
    assert callable(found)
    assert set(found(query)) == hits


def test_words_rank_and_without_any_the_newest_come_first(found: object) -> None:
    assert callable(found)
    assert found("rivers title:deep survey")[0] == "shallow"
    assert found("machines title:deep")[0] == "godel"
    assert found('-"deep learning"') == ["names", "godel", "shallow"]
    assert found("the -names") == ["names", "godel", "shallow", "deep"]


def test_a_text_is_words_and_no_language(index: LexicalIndex) -> None:
    assert len(index.search('title:deep -ada "unheard of"', 10)) > 1
    assert index.search(parse_query('title:deep -ada "unheard of"'), 10) == []
    assert index.search("naive \udcff", 10) == index.search("naive", 10)


def test_where_there_is_nothing_to_satisfy(index: LexicalIndex, tmp_path: Path) -> None:
    assert index.constrained(parse_query("deep learning"), 9) is None
    assert index.constrained(parse_query('title:of -"the"'), 9) is None
    assert sorted(index.matching(Constraint("title", "of")).tolist()) == [1, 2, 3, 4]


def test_an_index_that_is_not_there(catalog: Catalog, tmp_path: Path) -> None:
    index = LexicalIndex(tmp_path / "none", catalog.papers)
    assert index.search(parse_query("title:deep"), 10) == []
    assert index.matching(Constraint(None, "deep")).tolist() == []
    wanted, unwanted = (index.constrained(parse_query(t), 3) for t in ("title:a1", "-a1"))
    assert wanted is not None and wanted.tolist() == [False] * 3
    assert unwanted is not None and unwanted.tolist() == [True] * 3


def test_a_mask_shorter_and_longer_than_the_library(index: LexicalIndex) -> None:
    query = parse_query("title:deep")
    assert index.constrained(query, 0) is not None
    for size in range(7):
        mask = index.constrained(query, size)
        assert mask is not None
        assert mask.tolist() == [seq in (1, 2, 3) for seq in range(size)]
        allowed = np.ones(size, dtype=np.bool_)
        assert len(index.search("deep", 10, allowed)) == max(0, min(size, 4) - 1)


def test_every_paper_has_its_own_seq(catalog: Catalog, index: LexicalIndex) -> None:
    """New and changed papers of one transaction share a run of numbers."""
    changed = [replace(one, abstract=one.abstract + " Zebras.") for one in PAPERS.values()]
    fresh = [record(f"Fresh thing {word}", "About zebras.") for word in ("one", "two", "three")]
    mixed = [changed[0], fresh[0], changed[1], fresh[1], fresh[2], changed[2]]
    with index.feeding() as feed:
        for _ in catalog.papers.add(mixed, "papers.jsonl", follow=feed.take):
            pass
    for again in (False, True):
        papers = {paper.id: paper.seq for paper in catalog.papers.select()}
        assert len(set(papers.values())) == 7
        size = max(papers.values()) + 1
        for paper_id, seq in papers.items():
            allowed = np.arange(size) == seq
            assert [i for i, _ in index.search("deep banks zebras", 9, allowed)] == [paper_id]
        if not again:
            index.sync(rebuild=True)


# ------------------------------------------------------------------------- ties and masks

WORDS = ("ant", "bee", "cat", "dog", "eel")


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, LexicalIndex]]:
    """600 papers of few words, so that most have the score of many others, in several segments
    and with papers deleted."""
    folder = tmp_path_factory.mktemp("big")
    catalog = Catalog(folder / "catalog.sqlite3")
    index = LexicalIndex(folder / "lexical", catalog.papers)
    random = np.random.default_rng(7)
    for part in range(4):
        papers = []
        for n in range(150):
            words = random.choice(WORDS, size=random.integers(1, 4), p=[0.5, 0.3, 0.1, 0.07, 0.03])
            # A title of letters that are no words of a query, the same number for each.
            name = "".join(chr(ord("f") + int(d)) for d in f"{part * 150 + n:04d}")
            papers.append(record(f"{name} {words[0]}", " ".join(words)))
        add(catalog, *papers, source=f"part {part}")
        index.sync()
    add(catalog, *(replace(one, abstract="cat eel") for one in papers[::9]), source="part 3")
    index.sync()
    yield catalog, index
    catalog.close()


QUERIES = st.one_of(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join),
    st.sampled_from(
        ["title:ant bee", '-"ant bee"', "bee -cat", '"bee ant"', "title:eel", "-title:ant -bee"]
    ),
)


@given(st.data())
def test_limits_and_masks_give_what_filtering_the_full_ranking_would(
    big: tuple[Catalog, LexicalIndex], data: st.DataObject
) -> None:
    catalog, index = big
    size = catalog.papers.last_seq() + 1
    query = parse_query(data.draw(QUERIES))
    limit = data.draw(st.sampled_from([1, 2, 5, 40, 300, 10_000]))
    seqs = {paper.id: paper.seq for paper in catalog.papers.select()}
    full = index.search(query, 10_000)
    assert full == sorted(full, key=lambda hit: (-hit[1], hit[0]))
    assert index.search(query, limit) == full[:limit]

    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    share = data.draw(st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
    allowed = random.random(size) < share
    if data.draw(st.booleans()):  # none of the best, or nothing but them
        best_ones = {seqs[paper_id] for paper_id, _ in full[: len(full) // 2]}
        kept = data.draw(st.booleans())
        allowed &= np.array([(seq in best_ones) == kept for seq in range(size)])
    allowed = allowed[: data.draw(st.sampled_from([size, size, size // 2]))]
    expected = [h for h in full if seqs[h[0]] < len(allowed) and allowed[seqs[h[0]]]][:limit]
    with pytest.MonkeyPatch.context() as patch:
        for cost in (best.cost_in_query, lambda _: 0, lambda _: 10**9, lambda n: n):
            for few in (best.FEW, 0):
                patch.setattr(best, "cost_in_query", cost)
                patch.setattr(lexical, "FEW", few)
                assert index.search(query, limit, allowed) == expected


def test_constraints_find_what_reading_all_papers_finds(
    big: tuple[Catalog, LexicalIndex],
) -> None:
    catalog, index = big
    papers = catalog.papers.select()
    for first in WORDS:
        seqs = set(index.matching(Constraint("title", first)).tolist())
        assert seqs == {p.seq for p in papers if first in p.title.split()}
        for second in WORDS:
            pair = f"{first} {second}"
            seqs = set(index.matching(Constraint(None, pair, True)).tolist())
            assert seqs == {
                p.seq for p in papers if _next(pair, p.title) or _next(pair, p.abstract)
            }


def _next(pair: str, text: str) -> bool:
    return f" {pair} " in f" {text} "


# -------------------------------------------------------------------------------- weights


def test_weights(catalog: Catalog, tmp_path: Path) -> None:
    add(catalog, record("Of ants", "One."), record("Of bees", "Two."), record("Of cats", "Three."))
    index = LexicalIndex(tmp_path / "lexical", catalog.papers)
    index.sync()
    titles = {paper.id: paper.title for paper in catalog.papers.select()}

    def search(query: str, **weights: float) -> list[str]:
        hits = index.search(parse_query(query), 9, weights=weights)
        return [titles[paper_id] for paper_id, _ in hits]

    assert search("ants bees", ant=2.0) == ["Of ants", "Of bees"]
    assert search("ants bees", bee=2.0) == ["Of bees", "Of ants"]
    assert search("ants", cat=0.5) == ["Of ants", "Of cats"]
    assert search("ants", cat=1.5) == ["Of cats", "Of ants"]
    assert search("ants bees", ant=0.0) == ["Of bees"]
    assert search("ants", ant=0.0, zebra=1.0) == []
    assert search("ants -cat", cat=1.5, bee=0.1) == ["Of ants", "Of bees"]
    assert search("-cat", bee=0.1) == ["Of bees"]
    plain, same = (index.search("ants bees", 9, weights=w) for w in (None, {"ant": 1.0}))
    assert plain == same


# ----------------------------------------------------------------------------- highlights


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("Deep learning learns deeply.", "learn", ["learning", "learns"]),
        ("Training (trained) re-train", "training", ["Training", "trained", "train"]),
        ('G\\"odel, G\\"{o}del, G{\\"o}del, G{\\"{o}}del, Gödel', "godel", "all"),
        ("Go\u0308del et Go\u0308del", "Gödel", ["Go\u0308del", "Go\u0308del"]),
        ("{D}eep {L}earning of {BERT}s", "deep bert", ["{D}eep", "{BERT}s"]),
        ("\\textbf{deep} and \\emph{deep}er", "deep", ["\\textbf{deep}"]),
        ("S\\o{}ren S\\o ren Søren", "søren", ["S\\o{}ren", "S\\o ren", "Søren"]),
        ("\\L{}ukasz, {\\L}ukasz", "Łukasz", ["\\L{}ukasz", "{\\L}ukasz"]),
        ("$\\alpha$-Zero and \\alpha{}", "α", ["\\alpha", "\\alpha{}"]),
        ("\\href{http://deep.org} x", "deep org", ["deep", "org"]),
        ("{unclosed deep", "deep", ["deep"]),
        ('TÜLU Tülü T\\"ulu', "tulu", ["TÜLU", "Tülü", 'T\\"ulu']),
        ("the of and a", "the of", []),
        ("注意力机制 for us", "注意力机制", ["注意力机制"]),
        ("हिन्दी भाषा", "हिन्दी", ["हिन्दी"]),
        ("deep_learning x²", "deep", ["deep"]),
        ("", "deep", []),
        ("deep", "", []),
        ("deep", "\udcff", []),
        ("Deep nets by Ada", 'title:deep author:Ada -nets "by nets of"', ["Deep", "nets"]),
    ],
)
def test_highlights(index: LexicalIndex, text: str, query: str, marked: object) -> None:
    spans = index.highlights(text, parse_query(query))
    assert [text[start:end] for start, end in spans] == (
        text.split(", ") if marked == "all" else marked
    )


TEX = st.lists(
    st.sampled_from(
        [*"aeé \\{}$\"'`^-_.,\u0308", '\\"', "\\o", "\\emph{", "{\\'e}", "deep", "\\v{s}"]
    )
).map("".join)


@given(st.text() | TEX)
def test_highlights_are_places_of_words(text: str) -> None:
    analyzer = LexicalIndex(Path("nowhere"), papers=None)  # type: ignore[arg-type]
    query = "deep e"
    end = 0
    for start, stop in analyzer.highlights(text, query):
        assert end <= start < stop <= len(text)
        assert set(analyzer.words(text[start:stop])) & set(analyzer.words(query))
        end = stop
    bare = "".join(c if c.isalnum() else " " for c in text if ord(c) < 128)
    if text.isascii() and "\\" not in text and not set(text) & set("{}$"):
        found = {text[a:b] for a, b in analyzer.highlights(text, query)}
        assert found == {w for w in bare.split() if analyzer.words(w) in (["deep"], ["e"])}


@pytest.mark.parametrize("piece", ["{a", "\\v{s}", "{\\v{s}", "\\o", "a" * 9, "\\'", "\u0308"])
def test_long_text_takes_no_long_time(index: LexicalIndex, piece: str) -> None:
    import time

    began = time.perf_counter()
    index.highlights(piece * (50_000 // len(piece)), "deep")
    assert time.perf_counter() - began < 3


def test_words_alone_load_nothing_heavy(index: LexicalIndex, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from curator.catalog import Catalog; "
        "from curator.index.lexical import LexicalIndex; from curator.query import parse_query; "
        "home = Path(sys.argv[1]); "
        "index = LexicalIndex(home / 'lexical', Catalog(home / 'catalog.sqlite3').papers); "
        "assert index.search(parse_query('title:deep -author:knuth'), 5); "
        "assert index.highlights('deep', 'deep'); "
        "print(sorted({'numpy', 'chromadb', 'onnxruntime'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_two_objects_on_one_folder(catalog: Catalog, index: LexicalIndex, tmp_path: Path) -> None:
    """One writes, makes anew and deletes; the other sees it at its next search."""
    other = LexicalIndex(tmp_path / "lexical", catalog.papers)
    assert len(other.search("deep", 9)) == 3
    add(catalog, record("Deep ends", "Of pools."))
    index.sync()
    assert len(other.search("deep", 9)) == 4
    index.sync(rebuild=True)
    assert len(other.search("deep", 9)) == 4
    add(catalog, record("Deep pits", "Of peaches."))
    other.sync()
    assert len(index.search("deep", 9)) == 5
    assert _ids(index.search(ParsedQuery("deep"), 9)) == _ids(other.search("deep", 9))


def _ids(hits: Sequence[tuple[str, float]]) -> list[str]:
    return [paper_id for paper_id, _ in hits]


# -------------------------------------------------------- for who goes on reckoning


@given(st.data())
def test_ranked_is_search_with_all_ties(
    big: tuple[Catalog, LexicalIndex], data: st.DataObject
) -> None:
    catalog, index = big
    query = parse_query(data.draw(QUERIES))
    limit = data.draw(st.sampled_from([1, 7, 100]))
    allowed = None
    if data.draw(st.booleans()):
        share = data.draw(st.sampled_from([0.05, 0.5]))
        allowed = np.random.default_rng(limit).random(catalog.papers.last_seq() + 1) < share
    ids = {paper.seq: paper.id for paper in catalog.papers.select()}
    seqs, scores = index.ranked(query, limit, allowed)
    found = [(ids[seq], score) for seq, score in zip(seqs.tolist(), scores.tolist(), strict=True)]
    full = index.search(query, 10_000, allowed)
    assert sorted(found, key=lambda hit: (-hit[1], hit[0])) == full[: len(found)]
    assert len(found) >= min(limit, len(full))
    if limit < len(found):
        assert found[limit - 1][1] == found[-1][1]
    if len(found) < len(full):
        assert full[len(found)][1] < found[-1][1]
    assert list(zip((-scores).tolist(), seqs.tolist(), strict=True)) == sorted(
        zip((-scores).tolist(), seqs.tolist(), strict=True)
    )


def test_nothing_is_ranked(index: LexicalIndex, catalog: Catalog, tmp_path: Path) -> None:
    none = LexicalIndex(tmp_path / "none", catalog.papers)
    for searched, text, limit in ((index, "", 9), (index, "deep", 0), (none, "deep", 9)):
        seqs, scores = searched.ranked(ParsedQuery(text), limit)
        assert seqs.tolist() == scores.tolist() == []
        assert (str(seqs.dtype), str(scores.dtype)) == ("int64", "float64")
    assert none.frequencies(["deep"]) == [0]


def test_weights_and_frequencies(index: LexicalIndex) -> None:
    query = parse_query('deep learning "of minds" Deeply author:ada -survey the')
    assert index.weights(query) == {"deep": 1.0, "learn": 1.0, "mind": 1.0, "deepli": 1.0}
    many = index.weights(ParsedQuery(" ".join(f"word{n}" for n in range(100))))
    assert len(many) == 64
    assert "word63" in many
    assert index.frequencies(["deep", "learn", "agent", "zebra"]) == [3, 2, 1, 0]
    alike = index.ranked(query, 9, weights=index.weights(query))[1]
    assert alike.tolist() == index.ranked(query, 9)[1].tolist()
