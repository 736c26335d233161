"""When a first sentence is complete."""

import pytest

from evals.first_sentence import sentence_ends


@pytest.mark.parametrize(
    "text",
    ["It helps. ", "It helps.\n", "It helps [1].[2]", "By 4.5 points. It", "Does it? Yes"],
)
def test_a_complete_sentence(text: str) -> None:
    assert sentence_ends(text)


@pytest.mark.parametrize(
    "text",
    ["", "It helps", "It helps.", "By 4.", "By 4.5 points", "Models, e.g. BERT", "Li et al. say"],
)
def test_what_may_still_go_on(text: str) -> None:
    assert not sentence_ends(text)
