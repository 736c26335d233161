"""Drafted sentences are kept as places in the papers, and come back word for word or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from curator.errors import InputError
from curator.grounding import RuleGrounder, Verdict
from evals import drafts
from evals.drafts import (
    SHORTEST,
    Draft,
    checked,
    decode,
    draft_claims,
    encode,
    fingerprint,
    main,
    read_drafts,
    report,
    text_of,
)
from evals.gold import Claim, Question
from evals.suites import SUITES
from evals.suites.base import own_rows
from evals.suites.own import sample_abstracts

TITLE = "Kites: A Study of Strings"
ABSTRACT = (
    "We fly 12 kites over a long beach. The red kite stays up for 40 minutes, whereas the blue "
    "one falls after 7 minutes. Longer strings help on calm days only."
)
FAULTS = {
    "wrong": {"number", "subject", "invented", "question", "garbled", "meaning", "fragment"},
    "unsure": {"cut", "condition", "number", "subject", "garbled", "meaning", "fragment"},
    "right": {""},
}


def draft(text: str, *, label: str = "right", kind: str = "answer", id: str = "d-x") -> Draft:
    row = {
        "id": id,
        "model": "0.5b",
        "kind": kind,
        "of": "q-1" if kind == "answer" else "",
        "title": TITLE,
        "abstract": fingerprint(ABSTRACT),
        "text": encode(text, TITLE, ABSTRACT),
        "label": label,
        "fault": "" if label == "right" else "meaning",
    }
    return Draft.model_validate(row)


# ------------------------------------------------------------------------- the data


@pytest.fixture(scope="module")
def rows() -> list[Draft]:
    return read_drafts()


@pytest.fixture(scope="module")
def abstracts() -> dict[str, str]:
    return sample_abstracts()


def test_there_are_enough_of_both_models_and_kinds(rows: list[Draft]) -> None:
    assert len(rows) >= 200
    assert {(row.model, row.kind) for row in rows} >= {
        ("0.5b", "answer"), ("0.5b", "tldr"), ("1.5b", "answer"),
    }  # fmt: skip
    assert len({row.id for row in rows}) == len(rows)
    labels = Counter(row.label for row in rows)
    assert labels["unsure"] <= 0.1 * len(rows)
    assert min(labels["right"], labels["wrong"]) >= 50


def test_labels_say_what_is_wrong(rows: list[Draft]) -> None:
    for row in rows:
        assert row.fault in FAULTS[row.label], row.id


def test_drafts_are_of_our_questions(rows: list[Draft]) -> None:
    questions = {question.id for question in own_rows("questions.jsonl", Question)(None)}
    for row in rows:
        assert row.of in questions if row.kind == "answer" else row.of == "", row.id


def test_every_text_comes_back_and_is_kept_in_the_one_way(
    rows: list[Draft], abstracts: dict[str, str]
) -> None:
    texts = Counter()  # type: ignore[var-annotated]
    for row in rows:
        text = text_of(row, abstracts)
        assert text.strip(), row.id
        assert encode(text, row.title, abstracts[row.title]) == row.text, row.id
        texts[row.model, row.title, text] += 1
    assert texts.most_common(1)[0][1] == 1, "one sentence of one model counts once"


def test_a_changed_or_removed_paper_is_an_error(
    rows: list[Draft], abstracts: dict[str, str]
) -> None:
    row = next(row for row in rows if not all(isinstance(piece, str) for piece in row.text))
    changed = abstracts[row.title].replace("a", "e", 1)  # as long as before
    with pytest.raises(InputError, match=f"{row.id} cannot be made again.*has changed") as caught:
        text_of(row, {**abstracts, row.title: changed})
    assert "labels" in caught.value.remedy
    with pytest.raises(InputError, match="is not among"):
        text_of(row, {})


def test_claims_leave_out_what_readers_could_dispute(rows: list[Draft]) -> None:
    claims = {claim.id: claim for claim in draft_claims()}
    assert set(claims) == {row.id for row in rows if row.label != "unsure"}
    for row in rows:
        if row.id in claims:
            assert claims[row.id].supported == (row.label == "right")
            assert claims[row.id].edits == ([] if row.label == "right" else [row.fault])


def test_they_are_a_suite_of_the_grounding_task() -> None:
    (suite,) = (suite for suite in SUITES if suite.name == "grounding-drafts")
    assert suite.task == "grounding"
    found = suite.sample(None, None, 0)
    assert all(isinstance(row, Claim) for row in found)
    assert [row.id for row in found] == [claim.id for claim in draft_claims()]


# ---------------------------------------------------------------- texts as places


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("We fly 12 kites over a long beach.", [(0, 34)]),
        ("They say: we fly 12 kites over", ["They say: we", (2, 20)]),
        ("Kites: A Study of Strings", [("title", 0, 25)]),
        ("Ants.", ["Ants."]),
        # Not from within a word, nor up to the middle of one.
        ("ong beach. The red kit", ["ong", (27, 43), "kit"]),
        ("the blue one", [(81, 93)]),
        ("the blue on", ["the blue on"]),
        ("Strings on a long beach: A Study of", ["Strings on", (20, 33), ("title", 5, 17)]),
    ],
)
def test_pieces(text: str, pieces: list[object]) -> None:
    found = encode(text, TITLE, ABSTRACT)
    assert decode(found, TITLE, ABSTRACT) == text
    assert found == pieces


words = st.sampled_from([*ABSTRACT.split(), *TITLE.split(), "", "é", "’", "\n", "kit", "40"])
cuts = st.tuples(st.integers(0, len(ABSTRACT)), st.integers(0, len(ABSTRACT))).map(
    lambda cut: ABSTRACT[min(cut) : max(cut)]
)
texts = st.one_of(
    st.lists(st.one_of(words, cuts), max_size=8).map(" ".join),
    st.lists(st.one_of(words, cuts, st.text(max_size=6)), max_size=8).map("".join),
)


@given(texts, st.sampled_from([TITLE, "", "a"]), st.sampled_from([ABSTRACT, "", ABSTRACT * 2]))
def test_every_text_survives(text: str, title: str, abstract: str) -> None:
    pieces = encode(text, title, abstract)
    assert decode(pieces, title, abstract) == text
    for piece in pieces:
        if isinstance(piece, str):
            assert piece
            continue
        source, (start, end) = (abstract, piece) if len(piece) == 2 else (title, piece[1:])
        assert end - start >= SHORTEST
        for place in (start, end):
            around = source[max(place - 1, 0) : place + 1]
            assert place in (0, len(source)) or not around.isalnum()


def test_what_is_copied_is_not_kept_in_words() -> None:
    said = "It is found that the red kite stays up for 40 minutes."
    literal = [piece for piece in encode(said, TITLE, ABSTRACT) if isinstance(piece, str)]
    assert "".join(literal) == "It is found that the."


@pytest.mark.parametrize("piece", [(0, 10_000), (-5, 9), (9, 9), (20, 5), ("title", 3, 26)])
def test_pieces_outside_of_the_text_are_an_error(piece: object) -> None:
    with pytest.raises(InputError, match="points outside") as caught:
        decode([piece], TITLE, ABSTRACT)  # type: ignore[list-item]
    assert caught.value.remedy


@pytest.mark.parametrize("piece", [[1], [1, 2, 3], ["abstract", 1, 2], 7, None, ["title", 1]])
def test_pieces_of_another_form_are_refused(piece: object) -> None:
    row = draft("We fly 12 kites over a long beach.").model_dump()
    with pytest.raises(ValidationError):
        Draft.model_validate({**row, "text": [piece]})


# ----------------------------------------------------------- what the check does


class Everything:
    """Lets everything pass that ``lets`` has, as said by the source's first sentence."""

    name = "test"

    def __init__(self, lets: bool) -> None:
        self.lets = lets

    def check(self, claim: str, sources: Sequence[str], title: str = "") -> Verdict:
        return Verdict(self.lets, 0.5, sources[0], "" if self.lets else "because")


def test_parts_of_a_stored_sentence_are_shown_as_that_sentence() -> None:
    some = [
        draft("Longer strings help", label="wrong"),  # only on calm days
        draft("The red kite stays up for 40 minutes."),
        draft("The red kite stays up for 9 minutes.", label="wrong"),
        draft("Twelve ants walk."),
    ]
    found = checked(some, {TITLE: ABSTRACT}, RuleGrounder())
    assert [row.verbatim for row in found] == [True, True, False, False]
    assert found[1].passed
    assert found[1].fate == "quoted"
    assert [row.passed for row in found[2:]] == [False, False]
    assert [row.fate for row in found[2:]] == ["refused", "refused"]
    assert all(row.reason for row in found[2:])


def test_what_a_limit_of_length_left_is_not_shown() -> None:
    long = "kites and " * 24
    some = [
        draft(long.strip(), id="cut"),
        draft(long[:238] + ".", id="whole"),
        draft("Kites fly", id="short"),
        draft("Kites fly", kind="tldr", id="no full stop"),
        draft("Kites fly.", kind="tldr", id="tldr"),
        draft("Kites " * 31 + ".", kind="tldr", id="too long"),
    ]
    assert len(long.strip()) == 239
    fates = {row.draft.id: row.fate for row in checked(some, {TITLE: ABSTRACT}, Everything(True))}
    assert fates == {
        "cut": "refused", "whole": "said", "short": "said",
        "no full stop": "refused", "tldr": "said", "too long": "refused",
    }  # fmt: skip


def test_the_report_counts() -> None:
    some = [
        draft("Kites fly."),
        draft("Kites fly low.", label="wrong"),
        draft("We fly 12 kites", label="wrong"),
        draft("Kites fly well.", label="unsure"),
    ]
    every = report(checked(some, {TITLE: ABSTRACT}, Everything(True)))
    alone, rest = every.split("the same without copies")
    own, seen = rest.split("as the reader sees them")
    assert "2/3 0.667 [" in alone
    assert "1/2 0.500 [" in own
    assert "1/3 0.333 [" in seen.partition("Wrong and passed: 2")[0], "a quote is not wrong"
    assert "Unsure and passed: 1" in every
    assert "We fly 12 kites" in every
    none = report(checked(some, {TITLE: ABSTRACT}, Everything(False)))
    assert "Wrong and passed: 0" in none
    assert "Right and refused: 1" in none
    assert "(because)" in none
    assert "0/1 0.000" in none


def test_the_command_reports_on_all_of_them(
    capsys: pytest.CaptureFixture[str], rows: list[Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "RuleGrounder", lambda: Everything(False))
    main([])
    told = capsys.readouterr().out
    right = sum(row.label == "right" for row in rows)
    assert f"Right and refused: {right}\n" in told
    assert "Wrong and passed: 0\n" in told
