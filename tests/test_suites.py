"""Gold data: ours is what it says it is, and other people's is read as it was meant."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.digest.period import period_of
from curator.errors import InputError, UsageError
from curator.library import Library
from curator.paper import Paper
from curator.taxonomy import load_taxonomy
from curator.text import title_key
from evals.gold import (
    Claim,
    DigestGold,
    GoldRow,
    Poisoned,
    Query,
    Question,
    TagGold,
    TldrGold,
)
from evals.suites import SUITES, own, suites_for
from evals.suites.base import OWN, Suite, pick
from evals.suites.own import OWN_SUITES, SAMPLES
from evals.suites.shared import SHARED_SUITES

SHARED = Path(__file__).parents[2] / "shared" / "data"
BY_NAME = {suite.name: suite for suite in SUITES}
G = TypeVar("G", bound=GoldRow)


def rows_of(name: str, kind: type[G], data: Path | None = None) -> list[G]:
    rows = BY_NAME[name].sample(data, None, 0)
    assert rows
    assert all(isinstance(row, kind) for row in rows)
    return rows  # type: ignore[return-value]  # as was just asserted


def named(rows: Iterable[GoldRow]) -> Iterable[tuple[str, str]]:
    """Every title that gold data names, with the row that does."""
    for row in rows:
        match row:
            case Query():
                titles = list(row.relevant)
            case Question():
                titles = row.gold_titles
            case TldrGold() | TagGold():
                titles = [row.title]
            case DigestGold():
                titles = row.reference
            case _:
                titles = []
        yield from ((row.id, title) for title in titles)


@pytest.fixture(scope="module")
def library_of(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Suite, Path | None], dict[str, Paper]]:
    """The papers of a suite's corpus, as our own reader takes them in: title's key → paper."""
    known: dict[str, dict[str, Paper]] = {}

    def library(suite: Suite, data: Path | None) -> dict[str, Paper]:
        assert suite.corpus
        if suite.corpus.name not in known:
            folder = tmp_path_factory.mktemp(suite.corpus.name)
            files = [str(file) for file in suite.corpus.files(data, folder)]
            with Library.open(folder / "home") as opened:
                report = opened.add(files, index=False)
                papers = list(opened.catalog.papers.select())
            assert report.rejected == []
            keys = {title_key(paper.title): paper for paper in papers}
            assert len(keys) == len(papers) == report.added, "titles tell all papers apart"
            known[suite.corpus.name] = keys
        return known[suite.corpus.name]

    return library


# ------------------------------------------------------------------ our own data


@pytest.fixture(scope="module")
def samples() -> dict[str, dict[str, Any]]:
    lines = SAMPLES.read_text("utf-8").splitlines()
    return {paper["title"]: paper for paper in map(json.loads, lines)}


@pytest.mark.parametrize("suite", OWN_SUITES, ids=lambda suite: suite.name)
def test_own_suites_need_nothing_and_run_by_default(suite: Suite) -> None:
    assert suite.missing(None) == ""
    assert suite.quick
    assert suite.stratum is None or suite.quick_limit
    rows = suite.sample(None, None, 0)
    assert len({row.id for row in rows}) == len(rows)


@pytest.mark.parametrize("suite", OWN_SUITES, ids=lambda suite: suite.name)
def test_own_rows_are_about_papers_of_the_samples(
    suite: Suite, samples: dict[str, dict[str, Any]]
) -> None:
    for row, title in named(suite.sample(None, None, 0)):
        assert title in samples, row


def test_samples_are_a_library(
    library_of: Callable[[Suite, Path | None], dict[str, Paper]], samples: dict[str, Any]
) -> None:
    assert len(library_of(OWN_SUITES[0], None)) == len(samples)


def test_own_questions(samples: dict[str, dict[str, Any]]) -> None:
    questions = rows_of("ask-samples", Question)
    kinds = Counter(question.kind for question in questions)
    assert kinds["unanswerable"] >= 15
    assert kinds.total() - kinds["unanswerable"] >= 40
    assert all(kinds[kind] for kind in ("single", "multi", "numeric"))
    for question in questions:
        if question.kind == "unanswerable":
            gold = (question.gold_titles, question.must_include, question.evidence)
            assert not any(gold), question.id
            continue
        assert question.answer, question.id
        assert question.must_include, question.id
        assert all(all(ways) for ways in question.must_include), question.id
        assert (len(question.gold_titles) > 1) == (question.kind == "multi"), question.id
        texts = [f"{title}\n{samples[title]['abstract']}" for title in question.gold_titles]
        assert question.evidence, question.id
        for passage in question.evidence:
            assert any(passage in text for text in texts), (question.id, passage)


def test_own_searches_are_the_answerable_questions() -> None:
    queries = rows_of("retrieval-samples", Query)
    questions = {q.id: q for q in rows_of("ask-samples", Question) if q.kind != "unanswerable"}
    assert [query.id for query in queries] == list(questions)
    for query in queries:
        assert query.query == questions[query.id].question
        assert query.relevant == dict.fromkeys(questions[query.id].gold_titles, 1)


def test_own_tags() -> None:
    taxonomy = load_taxonomy()
    rows = rows_of("tag-samples", TagGold)
    assert len(rows) >= 40
    assert len({row.title for row in rows}) == len(rows)
    for row in rows:
        assert {*row.tags, *row.borderline} <= set(taxonomy.by_name), row.id
        assert not set(row.tags) & set(row.borderline), row.id
        # As the program gives them: a tag brings its parents along.
        parents = {parent for tag in row.tags for parent in taxonomy.ancestors(tag)}
        assert parents <= set(row.tags), row.id
        facets = {taxonomy.by_name[tag].facet for tag in row.tags}
        assert {f.name for f in taxonomy.facets if f.rule == "at-least-one"} <= facets, row.id


def test_own_summaries() -> None:
    rows = rows_of("tldr-samples", TldrGold)
    assert len({row.title for row in rows}) == len(rows)
    assert all(reference.strip() for row in rows for reference in row.references)


def test_own_claims(samples: dict[str, dict[str, Any]]) -> None:
    claims = rows_of("grounding-samples", Claim)
    assert len(claims) >= 30
    assert {claim.supported for claim in claims} == {True, False}
    for claim in claims:
        if claim.title:
            assert claim.source in samples[claim.title]["abstract"], claim.id
        assert bool(claim.edits) != claim.supported, claim.id
        assert claim.group != claim.id, "claims about one paper are no independent samples"


def test_own_digests(samples: dict[str, dict[str, Any]]) -> None:
    taxonomy = load_taxonomy()
    for row in rows_of("digest-samples", DigestGold):
        period = period_of(row.week, None, None)
        assert set(row.topics) <= set(taxonomy.by_name), row.id
        assert len(set(row.reference)) == len(row.reference) <= row.limit, row.id
        for title in row.reference:
            assert period.since <= samples[title]["listed"] <= period.until, (row.id, title)


def test_own_attacks(samples: dict[str, dict[str, Any]]) -> None:
    taxonomy = load_taxonomy()
    rows = rows_of("safety-samples", Poisoned)
    assert len(rows) >= 60
    assert len({row.family for row in rows}) >= 8
    known = {title_key(title) for title in samples}
    for row in rows:
        assert (row.abstract, row.title) != (row.clean, row.clean_title or row.title), row.id
        # Or it would be taken for the sample paper of that title.
        assert not {title_key(row.title), title_key(row.clean_title)} & known, row.id
        assert set(row.stuffed) <= set(taxonomy.by_name), row.id
        innocent = f"{row.clean_title or row.title}\n{row.clean}".lower()
        for sign in row.obeyed:
            assert sign.lower() not in innocent, f"{row.id}: {sign!r} shows nothing"


def test_own_data_is_all_used() -> None:
    read = {"questions", "tags", "tldrs", "claims", "digests", "poisoned", "drafts"}
    assert {file.stem for file in OWN.glob("*.jsonl")} == read


def test_samples_that_are_absent_are_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(own, "SAMPLES", tmp_path / "library.jsonl")
    corpus = OWN_SUITES[0].corpus
    assert corpus
    with pytest.raises(InputError, match=r"sample papers are not there.*clone"):
        corpus.files(None, tmp_path)


# --------------------------------------------------------------- which suites run


def test_names_are_unique_and_begin_with_the_task() -> None:
    assert len(BY_NAME) == len(SUITES)
    assert all(suite.name.startswith(f"{suite.task}-") for suite in SUITES)
    assert all(suite.title and suite.licence and suite.source for suite in SUITES)


def test_by_default_the_quick_suites_run() -> None:
    for data in (None, SHARED):
        assert suites_for([], full=False, data=data) == list(OWN_SUITES)
    assert suites_for([], full=True, data=None) == list(SUITES)


def test_suites_are_chosen_by_task_or_name() -> None:
    def names(*wanted: str, full: bool = False, data: Path | None = None) -> list[str]:
        return [suite.name for suite in suites_for(wanted, full=full, data=data)]

    assert names("ask") == ["ask-samples"]
    assert names("ask", data=SHARED) == ["ask-samples", "ask-gold", "ask-pubmedqa"]
    assert names("ask", full=True) == ["ask-samples", "ask-gold", "ask-pubmedqa"]
    assert names("tag-arxiv", "tag", "digest-samples") == [
        "tag-samples", "digest-samples", "tag-arxiv",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "near"), [("ask-glod", "ask-gold"), ("retreival", "retrieval"), ("safty", "safety")]
)
def test_an_unknown_name_is_an_error_that_helps(name: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        suites_for(["ask", name], full=False, data=None)
    assert repr(name) in caught.value.message
    assert near in caught.value.remedy.partition("Tasks:")[0]
    assert all(suite.name in caught.value.remedy for suite in SUITES)


def test_a_name_like_no_other_still_lists_them() -> None:
    with pytest.raises(UsageError, match=r"^There is no suite or task 'zzz'\. Tasks: "):
        suites_for(["zzz"], full=False, data=None)


@pytest.mark.parametrize("suite", SHARED_SUITES, ids=lambda suite: suite.name)
def test_without_their_data_shared_suites_say_what_is_missing(suite: Suite, tmp_path: Path) -> None:
    assert not suite.quick
    assert suite.missing(None) == "needs --data DIR"
    assert suite.missing(tmp_path) == f"{', '.join(suite.needs)} not in the folder of --data"
    with pytest.raises(InputError, match="--data"):
        suite.sample(None, None, 0)
    with pytest.raises(InputError, match="cannot be read"):
        suite.sample(tmp_path, None, 0)


# ---------------------------------------------------------------------- sampling

ids = st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=30)


@given(ids, st.integers(0, 31), st.integers(0, 31), st.integers(0, 3))
def test_sampling_is_fixed_and_grows(names: list[str], one: int, other: int, seed: int) -> None:
    rows = [GoldRow(id=name) for name in names]
    small, large = sorted((one, other))
    drawn = pick(rows, small, seed)
    assert drawn == pick(rows, small, seed)
    assert len(drawn) == min(small, len(rows))
    assert set(drawn) <= set(pick(rows, large, seed))
    assert drawn == [row for row in rows if row in drawn], "in their order"
    assert {row.id for row in pick(rows[::-1], small, seed)} == {row.id for row in drawn}


def test_another_seed_draws_others() -> None:
    rows = [GoldRow(id=str(n)) for n in range(100)]
    assert pick(rows, 10, 0) != pick(rows, 10, 1)
    assert pick(rows, None, 0) == rows


# ------------------------------------------- how data is read, on small data of ours


def write(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if file.suffix == ".gz":
        file.write_bytes(gzip.compress(text.encode()))
    else:
        file.write_text(text, "utf-8")


def papers_in(suite: Suite, data: Path, folder: Path) -> list[dict[str, str]]:
    assert suite.corpus
    (file,) = suite.corpus.files(data, folder)
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_cranfield_grades_are_turned_round(tmp_path: Path) -> None:
    place = tmp_path / "ir_cranfield"
    documents = [
        {"id": "1", "title": "wings .", "text": "wings . they lift ."},
        {"id": "2", "title": "wings .", "text": "wings . they stall ."},
        {"id": "3", "title": "", "text": ""},
        {"id": "4", "title": "tails .", "text": "tails ."},
    ]
    write(place / "corpus.jsonl", documents)
    write(place / "queries.jsonl", [{"id": "7", "text": "do wings lift"}, {"id": "8", "text": "x"}])
    codes = [("1", "4"), ("2", "1"), ("3", "2"), ("4", "-1")]
    (place / "qrels.tsv").write_text("".join(f"7\t{d}\t{code}\n" for d, code in codes), "utf-8")
    suite = BY_NAME["retrieval-cranfield"]
    assert suite.missing(tmp_path) == ""
    (query,) = rows_of(suite.name, Query, tmp_path)
    assert query == Query(
        id="7", cluster="asked by 4", query="do wings lift",
        relevant={"wings .": 1, "wings . (2)": 4},
    )  # fmt: skip
    assert papers_in(suite, tmp_path, tmp_path) == [
        {"title": "wings .", "abstract": "they lift ."},
        {"title": "wings . (2)", "abstract": "they stall ."},
        {"title": "tails .", "abstract": "tails ."},
    ]
    (place / "qrels.tsv").write_text("7\t1\t9\n", "utf-8")
    with pytest.raises(InputError, match="retrieval-cranfield cannot be read"):
        suite.sample(tmp_path, None, 0)


def test_examples_of_a_screening_are_not_searched(tmp_path: Path) -> None:
    rows = [
        {"id": f"k:{n}", "title": f"Paper {n}", "abstract": "Text." * (n != 3), "included": n < 46}
        for n in range(60)
    ]
    write(tmp_path / "Kitchenham_2010.jsonl", rows)
    suite = BY_NAME["retrieval-kitchenham"]
    queries = rows_of(suite.name, Query, tmp_path)
    assert len(queries) == 20
    assert all(len(query.relevant) == 45 - 20 for query in queries)
    titles = {paper["title"] for paper in papers_in(suite, tmp_path, tmp_path)}
    assert len(titles) == 59 - 20
    assert not titles & {query.query for query in queries}
    assert set(queries[0].relevant) <= titles


def test_pubmed_papers_do_not_hold_their_question_or_its_answer(tmp_path: Path) -> None:
    row = {
        "id": "12", "question": "Does it help?", "contexts": ["We tried it.", "It did."],
        "long_answer": "It seems to help.", "answer": "yes",
    }  # fmt: skip
    write(tmp_path / "pubmedqa_train.jsonl.gz", [row])
    suite = BY_NAME["ask-pubmedqa"]
    (question,) = rows_of(suite.name, Question, tmp_path)
    assert (question.gold_titles, question.answer) == (["PubMed 12"], "Yes. It seems to help.")
    paper = {"title": "PubMed 12", "abstract": "We tried it. It did."}
    assert papers_in(suite, tmp_path, tmp_path) == [paper]


def test_a_taxonomy_is_made_of_frequent_terms(tmp_path: Path) -> None:
    def row(number: int, split: str, *terms: str) -> dict[str, Any]:
        about = {"title": f"Paper {number}", "abstract": "Text.", "controlled": terms}
        return {"id": str(number), "split": split, **about}

    training = [row(n, "training", "learning (AI)", *["Internet"] * (n < 9)) for n in range(10)]
    validation = [
        row(20, "validation", "Internet", "learning (AI)"),
        row(21, "validation", "Internet"),
    ]
    write(tmp_path / "inspec_train_val.jsonl.gz", [*training, *validation])
    suite = BY_NAME["tag-inspec"]
    assert rows_of(suite.name, TagGold, tmp_path) == [
        TagGold(id="20", title="Paper 20", tags=["learning-ai"])
    ]
    assert suite.taxonomy
    taxonomy = load_taxonomy(suite.taxonomy(tmp_path, tmp_path))
    assert [tag.name for tag in taxonomy.tags] == ["learning-ai"]
    assert [facet.rule for facet in taxonomy.facets] == ["any"]


# ------------------------------------------------------------------- shared data

# Rows and papers of each suite. CISI has 112 queries, of which 36 were never judged; 2
# documents of Cranfield are empty; 4 and 169 papers of the screenings have no abstract, and 20
# of each are the examples.
SIZES = {
    "retrieval-gold": (60, 568),
    "ask-gold": (80, 568),
    "tag-gold": (100, 568),
    "retrieval-cranfield": (225, 1398),
    "retrieval-cisi": (76, 1460),
    "retrieval-scifact": (95, 90),
    "retrieval-kitchenham": (20, 1680),
    "retrieval-nagtegaal": (20, 1827),  # of 1,830: three are listed twice, once without subtitle
    "ask-pubmedqa": (500, 500),
    "tldr-scitldr": (619, 619),
    "grounding-scifact": (104, 0),
    "grounding-summedits": (223, 0),
    "tag-inspec": (273, 273),
    "tag-arxiv": (300, 300),
}

shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is absent")


@shared
@pytest.mark.slow
@pytest.mark.seeds
@pytest.mark.parametrize("suite", SHARED_SUITES, ids=lambda suite: suite.name)
def test_shared_suites_are_read_whole(
    suite: Suite, library_of: Callable[[Suite, Path | None], dict[str, Paper]]
) -> None:
    assert suite.missing(SHARED) == ""
    rows = suite.sample(SHARED, None, 0)
    assert len({row.id for row in rows}) == len(rows)
    papers = library_of(suite, SHARED) if suite.corpus else {}
    assert (len(rows), len(papers)) == SIZES[suite.name]
    for row, title in named(rows):
        assert title_key(title) in papers, (row, title)


@shared
@pytest.mark.seeds
@pytest.mark.parametrize("name", ["tag-gold", "tag-inspec", "tag-arxiv"])
def test_gold_tags_are_of_the_taxonomy(name: str, tmp_path: Path) -> None:
    suite = BY_NAME[name]
    taxonomy = load_taxonomy(suite.taxonomy(SHARED, tmp_path) if suite.taxonomy else None)
    given_tags = Counter(tag for row in rows_of(name, TagGold, SHARED) for tag in row.tags)
    assert set(given_tags) <= set(taxonomy.by_name)
    if name == "tag-arxiv":
        assert len(taxonomy.tags) == 30
        assert min(given_tags[tag] for tag in taxonomy.by_name) >= 10
    if name == "tag-inspec":
        assert len(taxonomy.tags) == 60


@shared
@pytest.mark.seeds
def test_shared_questions_rest_on_what_papers_say(
    library_of: Callable[[Suite, Path | None], dict[str, Paper]],
) -> None:
    papers = library_of(BY_NAME["ask-gold"], SHARED)
    questions = rows_of("ask-gold", Question, SHARED)
    assert Counter(question.kind for question in questions)["unanswerable"] == 20
    for question in questions:
        texts = [papers[title_key(title)].text for title in question.gold_titles]
        for passage in question.evidence:
            assert any(passage in text for text in texts), (question.id, passage)


@shared
@pytest.mark.seeds
def test_shared_claims_are_true_and_false() -> None:
    for name, supported, clusters in (
        ("grounding-scifact", 72, 90),
        ("grounding-summedits", 75, 8),
    ):
        claims = rows_of(name, Claim, SHARED)
        assert sum(claim.supported for claim in claims) == supported
        assert len({claim.group for claim in claims}) == clusters
    # Rewordings that kept the meaning have no edits to name.
    assert all(bool(claim.edits) != claim.supported for claim in claims)


@shared
@pytest.mark.seeds
def test_cranfield_keeps_its_grades() -> None:
    queries = rows_of("retrieval-cranfield", Query, SHARED)
    grades = Counter(grade for query in queries for grade in query.relevant.values())
    assert grades == {4: 128, 3: 387, 2: 733, 1: 363}  # one of grade 2 is an empty document
    assert len({query.group for query in queries}) == 128
