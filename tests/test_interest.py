"""What a reader would choose, learned from few ratings; and what they are asked to rate."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeEmbedder
from numpy.typing import NDArray

from curator.errors import InputError
from curator.interest import Interest, ask_next, learn
from curator.interest.space import Space
from curator.interest.words import Vocabulary, as_written, word_counts
from curator.paper import Paper
from curator.stemming import stem
from curator.text import plain
from evals.interest import Plain, Ranker, Review, draws, ours, read_until

SUBJECTS = {
    "bees": "honey hive nectar swarm pollen queen drone wax bloom meadow",
    "ships": "harbour keel sail anchor rudder mast hull tide cargo crew",
    "bread": "dough yeast oven flour crust loaf rye salt knead baker",
    "clocks": "gear pendulum spring dial hour escapement weight brass tower chime",
}
COMMON = [
    "result",
    "measure",
    "effect",
    "data",
    "model",
    "large",
    "small",
    "change",
    "value",
    "test",
]

Vectors = Mapping[str, NDArray[np.float32]]


def library(size: int = 160, seed: int = 0) -> list[Paper]:
    """Papers of four subjects in turn, each of a few of its subject's words among common ones."""
    dice = random.Random(seed)
    made = []
    for number in range(size):
        subject = list(SUBJECTS)[number % len(SUBJECTS)]
        own = SUBJECTS[subject].split()
        text = dice.sample(own, 4) + dice.choices(COMMON, k=12)
        dice.shuffle(text)
        made.append(Paper(f"{subject} {number:03d}", " ".join(text[:4]), " ".join(text[4:])))
    return made


def vectors(papers: Sequence[Paper]) -> Vectors:
    rows = FakeEmbedder().embed([paper.text for paper in papers])
    return dict(zip((paper.id for paper in papers), rows, strict=True))


def none(papers: Sequence[Paper]) -> Vectors:
    return {}


PAPERS = library()
BEES = [paper for paper in PAPERS if paper.id.startswith("bees")]
REST = [paper for paper in PAPERS if not paper.id.startswith("bees")]


def learned(liked: int = 3, disliked: int = 3) -> Interest:
    return learn(BEES[:liked], REST[:disliked], BEES[liked:] + REST[disliked:], vectors)


# ------------------------------------------------------------------------------ scores


@pytest.mark.parametrize("source", [vectors, none], ids=["with vectors", "words alone"])
def test_what_is_like_the_liked_comes_first(source: object) -> None:
    interest = learn(BEES[:3], REST[:3], BEES[3:] + REST[3:], source)  # type: ignore[arg-type]
    mine, theirs = interest.scores(BEES[3:]), interest.scores(REST[3:])
    assert np.mean(mine) > 0.7
    assert np.mean(theirs) < 0.5
    best = sorted(zip(mine + theirs, BEES[3:] + REST[3:], strict=True), key=lambda p: -p[0])
    assert sum(paper in BEES for _, paper in best[:30]) >= 27


def test_vectors_alone_teach_too() -> None:
    """Papers in a script that has no words in common."""
    dice = np.random.default_rng(0)
    papers = [Paper(f"p{n:03d}", chr(0x4E00 + n), "") for n in range(100)]
    rows = dice.normal(size=(100, 16)).astype(np.float32)
    rows[:20, 0] += 6
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    given = {paper.id: row for paper, row in zip(papers, rows, strict=True)}
    interest = learn(papers[:3], [], papers[3:], lambda _: given)
    assert min(interest.scores(papers[3:20])) > max(interest.scores(papers[20:]))


@pytest.mark.parametrize("papers", [PAPERS, PAPERS[:1], []], ids=["many", "one", "no"])
def test_without_ratings_and_text_nothing_is_known(papers: list[Paper]) -> None:
    interest = learn([], [], papers, vectors)
    assert interest.scores(PAPERS) == [0.5] * len(PAPERS)
    assert not interest.knows
    assert interest.why(PAPERS[0]).words == () and interest.why(PAPERS[0]).papers == ()


def test_dislikes_alone_push_their_like_down_a_little() -> None:
    interest = learn([], BEES[:4], BEES[4:] + REST, vectors)
    mine, theirs = np.mean(interest.scores(BEES[4:])), np.mean(interest.scores(REST))
    assert mine < 0.5 < theirs
    likes = learn(BEES[:4], [], BEES[4:] + REST, vectors)
    assert 0.5 - mine < np.mean(likes.scores(BEES[4:])) - 0.5


def test_what_the_reader_wrote_is_enough() -> None:
    text = "We keep bees: nectar, pollen, the swarm and its queen."
    interest = learn([], [], PAPERS, vectors, text=text)
    assert np.mean(interest.scores(BEES)) > 0.7
    assert np.mean(interest.scores(REST)) < 0.5
    by_vector = learn([], [], PAPERS, vectors, text_vectors=[*FakeEmbedder().embed([text])])
    assert np.mean(by_vector.scores(BEES)) > np.mean(by_vector.scores(REST))
    assert not learn([], [], PAPERS, vectors, text="the of and").knows


def test_more_ratings_make_surer() -> None:
    spread = [np.std(learned(count, 0).scores(BEES[10:])) for count in (1, 10)]
    tops = [max(learned(count, 0).scores(PAPERS)) for count in (1, 10)]
    assert tops[1] > tops[0] > 0.5
    assert all(value > 0 for value in spread)


def test_contradictions_teach_nothing() -> None:
    torn = learn([*BEES[:3], REST[0]], [REST[0], REST[1]], BEES[3:] + REST[2:], vectors)
    plain = learn(BEES[:3], [REST[1]], [*BEES[3:], REST[0], *REST[2:]], vectors)
    assert torn.scores(PAPERS) == plain.scores(PAPERS)


def test_the_order_of_papers_changes_nothing() -> None:
    def shuffled(papers: Sequence[Paper], seed: int) -> list[Paper]:
        return random.Random(seed).sample(papers, len(papers))

    first = learn(BEES[:5], REST[:5], BEES[5:] + REST[5:], vectors)
    for seed in range(3):
        again = learn(
            shuffled(BEES[:5], seed), shuffled(REST[:5], seed), shuffled(PAPERS, seed), vectors
        )
        assert again.scores(PAPERS) == first.scores(PAPERS)
        assert again.why(BEES[9]) == first.why(BEES[9])


PRINTS = """
import sys
sys.path.insert(0, sys.argv[1])
from test_interest import BEES, PAPERS, REST, ask_next, learned, vectors
print(learned().log_odds(PAPERS), learned().why(BEES[7]))
print([paper.id for paper in ask_next(PAPERS, vectors, liked=BEES[:2])])
"""


def test_another_process_says_the_same() -> None:
    """With another order of sets."""
    folder = Path(__file__).parent
    said = [
        subprocess.run(
            [sys.executable, "-c", PRINTS, str(folder)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=folder.parent,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1] and b"bees" in said[0]


# -------------------------------------------------------------------------- ugly inputs


UGLY = [
    Paper("empty", "", ""),
    Paper("no abstract", "Honey of the hive", ""),
    Paper("signs", "!!! ???", "$$$ {{ }} \\ <b></b>"),
    Paper("script", "蜜蜂与花粉", "\u202ertl\u202c \x00 control"),
    Paper("long", "honey " * 2000, "x" * 10_000),
    Paper("html", "<script>alert(1)</script>", "[a](javascript:1) | **b**"),
    Paper("tex", "$\\alpha$ of \\textbf{honey}", 'T\\"ulu \\'),
]


@pytest.mark.parametrize("paper", UGLY, ids=lambda paper: paper.id)
@pytest.mark.parametrize("source", [vectors, none], ids=["with vectors", "words alone"])
def test_any_text_is_scored_and_learned_from(paper: Paper, source: object) -> None:
    for liked, disliked in (([paper], []), ([], [paper]), (BEES[:2], [paper])):
        interest = learn(liked, disliked, PAPERS, source)  # type: ignore[arg-type]
        scores = interest.scores([paper, *PAPERS])
        assert all(isfinite(score) and 0 <= score <= 1 for score in scores)
        for word, weight in interest.why(paper).words:
            assert word.isprintable() and word in plain(paper.title) + plain(paper.abstract)
            assert weight > 0
    assert ask_next([paper, *PAPERS[:9]], source, count=20)  # type: ignore[arg-type]


def test_a_paper_without_words_or_vector_is_average() -> None:
    interest = learn(BEES[:3], REST[:3], BEES[3:] + REST[3:], none)
    assert interest.scores([UGLY[0]]) == [0.5]


def test_missing_and_broken_vectors_are_done_without() -> None:
    def some(papers: Sequence[Paper]) -> Vectors:
        given = dict(vectors(papers))
        for at, paper in enumerate(papers):
            if at % 3 == 0:
                del given[paper.id]
            elif at % 3 == 1:
                given[paper.id] = np.full(32, np.nan if at % 2 else 0.0, dtype=np.float32)
        return given

    interest = learn(BEES[:3], REST[:3], BEES[3:] + REST[3:], some)
    assert np.mean(interest.scores(BEES[3:])) > 0.6 > np.mean(interest.scores(REST[3:]))


def test_vectors_of_two_embedders_are_refused() -> None:
    def mixed(papers: Sequence[Paper]) -> Vectors:
        return {p.id: np.ones(3 + n % 2, dtype=np.float32) for n, p in enumerate(papers)}

    with pytest.raises(InputError, match="differ in length") as refused:
        learn(BEES[:3], [], REST, mixed)
    assert "curator index" in refused.value.remedy
    with pytest.raises(InputError, match="differ in length"):
        learn([], [], PAPERS, vectors, text_vectors=[np.ones(7, dtype=np.float32)])


def test_one_liked_paper_and_nothing_else() -> None:
    interest = learn(BEES[:1], [], [], vectors)
    scores = interest.scores([BEES[0], BEES[1], REST[0]])
    assert scores[0] > scores[2] and all(map(isfinite, scores))


# --------------------------------------------------------------------------------- why


def without(paper: Paper, words: Sequence[str]) -> Paper:
    def kept(text: str) -> str:
        return " ".join(word for word in text.split() if word not in words)

    return Paper(paper.id, kept(paper.title), kept(paper.abstract))


@pytest.mark.parametrize("place", range(5, 25))
def test_the_named_words_carry_the_score(place: int) -> None:
    """The paper's vector stays what it was."""
    paper = BEES[place]
    given = vectors(PAPERS)
    interest = learn(BEES[:5], REST[:5], BEES[5:] + REST[5:], lambda _: given)
    why = interest.why(paper)
    assert why.words and list(why.words) == sorted(why.words, key=lambda word: -word[1])
    whole = interest.log_odds([paper])[0]
    for word, weight in why.words:
        left = interest.log_odds([without(paper, [word])])[0]
        assert whole - left == pytest.approx(weight, rel=1e-6)
    assert interest.log_odds([without(paper, [word for word, _ in why.words])])[0] < whole
    assert why.words[0][0] in SUBJECTS["bees"].split()


@pytest.mark.parametrize("place", range(5, 15))
def test_the_named_papers_carry_the_score(place: int) -> None:
    interest = learned(5, 5)
    why = interest.why(BEES[place], papers=5)
    assert why.papers and all(weight > 0 for _, weight in why.papers)
    named = {name for name, _ in why.papers}
    assert named <= {paper.id for paper in BEES[:5]}
    best = why.papers[0][0]
    rest = [paper for paper in BEES[:5] if paper.id != best]
    again = learn(rest, REST[:5], PAPERS, vectors)
    assert again.log_odds([BEES[place]])[0] < interest.log_odds([BEES[place]])[0]


def test_the_shares_of_all_liked_papers_add_up_to_the_score() -> None:
    interest = learn(BEES[:4], [], BEES[4:] + REST, vectors)
    paper = BEES[9]
    shares = interest.why(paper, papers=99).papers
    assert len(shares) == 4
    assert sum(weight for _, weight in shares) == pytest.approx(interest.log_odds([paper])[0])


def test_a_liked_paper_is_not_its_own_reason() -> None:
    assert BEES[0].id not in {name for name, _ in learned().why(BEES[0]).papers}


def test_words_are_named_as_they_are_written() -> None:
    text = "The Hives' state-of-the-art pollination in $\\alpha$-Ovens; T\\\"ulu"
    wanted = [next(iter(word_counts("", word).words)) for word in ("hives", "pollination", "tülu")]
    assert list(as_written(text, wanted).values()) == ["Hives", "pollination", "Tülu"]
    assert as_written("", wanted) == {}


def test_words_of_the_title_count_twice_and_numbers_not() -> None:
    counts = word_counts("Hive 2024", "The hive of a queen in 1999, 3d")
    assert dict(zip(counts.words, counts.counts, strict=True)) == {
        stem("hive"): 3,
        stem("queen"): 1,
    }


def test_unknown_words_only_dilute() -> None:
    texts = [word_counts("", paper.abstract) for paper in PAPERS]
    vocabulary = Vocabulary(texts)
    alone = vocabulary.rows([word_counts("", "honey")])
    diluted = vocabulary.rows([word_counts("", "honey zyzzyva")])
    assert alone.values.tolist() == [1.0]
    assert len(diluted.values) == 1 and 0 < diluted.values[0] < 1


def test_spread_is_the_covariance() -> None:
    """Against the same sum written out."""
    space = Space(PAPERS, vectors)
    direction = space.sums(space.points(BEES[:1]), np.ones(1))
    one_by_one = np.array([
        sum(
            space.along(space.points([other]), space.sums(space.points([paper]), np.ones(1)))[0]
            * space.along(space.points([other]), direction)[0]
            for other in PAPERS
        )
        / len(PAPERS)
        for paper in REST[:3]
    ])  # fmt: skip
    assert space.along(space.points(REST[:3]), space.spread(direction)) == pytest.approx(one_by_one)


# ------------------------------------------------------------------------------- asking


@pytest.mark.parametrize("source", [vectors, none], ids=["with vectors", "words alone"])
def test_at_first_all_subjects_are_asked_about(source: object) -> None:
    asked = ask_next(PAPERS, source, count=6)  # type: ignore[arg-type]
    assert {paper.id.split()[0] for paper in asked} == set(SUBJECTS)
    assert len({paper.id for paper in asked}) == 6


def test_what_was_rated_is_not_asked_again_nor_its_like() -> None:
    asked = ask_next(PAPERS, vectors, disliked=[p for p in PAPERS if p.id.startswith("sh")][:6])
    assert not {paper.id for paper in asked} & {paper.id for paper in PAPERS[1:24:4]}
    first = ask_next(PAPERS, vectors, disliked=PAPERS[1:24:4], count=3)
    assert not any(paper.id.startswith("ships") for paper in first)


def test_what_is_likely_liked_is_asked_about_more() -> None:
    before = ask_next(PAPERS, vectors, count=12)
    after = ask_next(PAPERS, vectors, text="honey nectar pollen swarm", count=12)

    def bees(papers: Sequence[Paper]) -> int:
        return sum(paper in BEES for paper in papers)

    assert bees(after) > bees(before)
    assert bees(after) < 12  # and yet not of nothing else


def test_the_same_is_asked_in_any_order() -> None:
    first = ask_next(PAPERS, vectors, liked=BEES[:2], count=8)
    for seed in range(3):
        again = random.Random(seed).sample(PAPERS, len(PAPERS))
        assert ask_next(again, vectors, liked=BEES[:2], count=8) == first


def test_asking_knows_its_limits() -> None:
    assert ask_next([], vectors) == []
    assert ask_next(PAPERS, vectors, count=0) == []
    assert ask_next(BEES[:3], vectors, liked=BEES[:3]) == []
    assert len(ask_next(BEES[:3], vectors, count=10)) == 3
    assert len(ask_next([BEES[0], BEES[0]], vectors, count=10)) == 1


def test_papers_that_say_nothing_are_asked_about_last() -> None:
    nothing = [Paper(f"nothing {n}", "", "") for n in range(20)]
    asked = ask_next([*nothing, *PAPERS], none, count=30)
    assert not set(asked) & set(nothing)


def test_very_many_papers_are_thinned_and_the_likely_ones_kept() -> None:
    papers = library(2600)
    liked = papers[:20:4]
    asked = ask_next(papers, none, liked=liked, count=5)
    assert len(asked) == 5 and not set(asked) & set(liked)
    assert any(paper.id.startswith("bees") for paper in asked)


# ---------------------------------------------------------------------------- measuring


def review() -> Review:
    papers = [Paper(f"r:{n}", p.title, p.abstract) for n, p in enumerate(PAPERS)]
    wanted = np.array([paper.id.startswith("bees") for paper in PAPERS])
    return Review("r", papers, wanted, FakeEmbedder().embed([paper.text for paper in papers]))


def test_what_is_read_is_counted_by_hand() -> None:
    wanted = np.array([True, False, True, False, False, True, False, False, False, False, True])
    scores = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0, 99])
    read, *found = read_until(scores, wanted, np.array([10]))  # the rated one is not read
    assert read == 6 / 10  # the third of three wanted ones is at place 6
    assert found == pytest.approx([1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 1.0])


def test_equal_scores_gain_nothing_from_the_order_of_the_file() -> None:
    wanted = np.arange(1000) < 50
    read, *found = read_until(np.zeros(1000), wanted, np.array([0, 999]))
    assert read > 0.8 and found[0] < 0.2 and 0.3 < found[4] < 0.7


@pytest.mark.parametrize("how", ["a", "b", "c1", "c0"])
def test_twenty_are_drawn_each_once(how: str) -> None:
    for part, rated in draws(review(), how, 2):
        assert len(set(rated.tolist())) == 20 and max(rated) < len(part.papers)
        if how == "a":
            assert part.wanted[rated].sum() == 10
        if how in ("b", "c1"):
            assert part.wanted[rated].any()


@pytest.mark.parametrize("rank", [ours, Plain(1, None, 1.0)], ids=["ours", "plain"])
def test_both_rankers_learn_from_the_same(rank: Ranker) -> None:
    (part, rated), *_ = draws(review(), "a", 1)
    read, *found = read_until(rank(part, rated), part.wanted, rated)
    assert 0.2 < read < 0.4  # 30 of 140 are wanted
    assert found == sorted(found) and found[-1] == 1.0
