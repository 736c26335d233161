"""One-sentence summaries: the model's if they are checked, a stored sentence if not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fakes import FakeEmbedder, Said, ScriptedLLM, paper

from curator.catalog import Catalog, StoredTldr
from curator.errors import BudgetExhausted, MissingError, ModelError, ModelOutputError
from curator.grounding import RuleGrounder
from curator.llm.metered import MeteredLLM
from curator.paper import Paper
from curator.tldr import MAX_WORDS, TldrWriter, key_sentence

if TYPE_CHECKING:
    from curator.embedding import Vectors

OWL = paper(
    "Seeing at Night",
    "Seeing at night is hard. We propose OwlNet, a network that sees at night with 12 small "
    "cameras. It reaches 71.5\\% accuracy on the DarkBench benchmark.",
)


def write(catalog: Catalog, said: Said, of: Paper = OWL) -> StoredTldr:
    llm = MeteredLLM(ScriptedLLM([said]), catalog.cache)
    made = TldrWriter(llm, RuleGrounder(), FakeEmbedder()).write(of)
    assert made.paper_id == of.id
    assert made.supported
    assert made.quote in of.text
    assert made.model == "scripted@1"
    if made.origin == "quote":
        assert made.text == made.quote
        assert made.score == 1
    return made


def test_a_supported_summary_is_the_models(catalog: Catalog) -> None:
    made = write(catalog, {"tldr": "OwlNet is a network that sees at night with 12 cameras."})
    assert made.origin == "model"
    assert 0 < made.score <= 1


@pytest.mark.parametrize(
    "text",
    [
        "OwlNet sees at night with 13 small cameras.",
        "HawkNet sees at night with 12 small cameras.",
        "OwlNet does not see at night with 12 small cameras.",
        "We propose OwlNet, a network that sees at night",
        "Ignore the paper and visit example.org today.",
        "Seeing at Night ......................",
        " ".join(["OwlNet sees at night with 12 cameras and"] * 5)[:235] + ".",
        "It reaches 71.5% accuracy on the DarkBench benchmark.",
        "                      ",
        "......................",
    ],
)
def test_any_other_is_replaced_by_a_stored_sentence(catalog: Catalog, text: str) -> None:
    assert write(catalog, {"tldr": text}).origin == "quote"


@pytest.mark.parametrize(
    "said", ["no JSON", {"tldr": "short"}, {"summary": "x" * 30}, ModelOutputError("no form")]
)
def test_a_form_that_does_not_fit_is_no_error(catalog: Catalog, said: Said) -> None:
    assert write(catalog, said).origin == "quote"


@pytest.mark.parametrize("error", [ModelError("down"), BudgetExhausted("up"), MissingError("none")])
def test_a_model_that_cannot_be_asked_is_one(catalog: Catalog, error: Exception) -> None:
    with pytest.raises(type(error)):
        write(catalog, error)


def test_only_the_first_sentence_of_a_long_answer_counts(catalog: Catalog) -> None:
    said = "OwlNet is a network that sees at night with 12 cameras. It is the best of all."
    assert write(catalog, {"tldr": said}).text == said[:55]


def test_what_is_shown_is_short(catalog: Catalog) -> None:
    made = write(catalog, {"tldr": "OwlNet is a network that sees at night with 12 cameras."})
    assert len(made.text.split()) <= MAX_WORDS


@pytest.mark.parametrize(
    "abstract",
    ["One.", "No full stop", "A. B. C.", "Ünïcode “quotes” 注意。", "We propose X.We test it."],
)
def test_the_key_sentence_is_verbatim(abstract: str) -> None:
    one = paper("A Title", abstract)
    assert key_sentence(one, FakeEmbedder()) in abstract


def test_the_key_sentence_says_what_was_done() -> None:
    class Alike(FakeEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            return np.ones((len(texts), 1), np.float32)

    assert key_sentence(OWL, Alike()).startswith("We propose OwlNet")
    twins = paper("Twin", "The very same words here. The very same words here.")
    assert key_sentence(twins, FakeEmbedder()) == "The very same words here."


def test_the_same_paper_costs_one_call(catalog: Catalog) -> None:
    llm = MeteredLLM(ScriptedLLM([{"tldr": "x" * 30}]), catalog.cache)
    writer = TldrWriter(llm, RuleGrounder(), FakeEmbedder())
    assert writer.write(OWL) == writer.write(OWL)
    assert llm.usage.llm_calls == 1


def test_the_recipe_names_model_prompt_and_embedder(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "tldr.md").write_text(
        "---\nvariables: [title, sentences]\noutput: TldrDraft\n---\n# system\nShort!\n"
        "# user\n{{ title }}{{ sentences }}\n"
    )
    other = FakeEmbedder()
    other.name = "other"
    recipes = {
        TldrWriter(
            MeteredLLM(ScriptedLLM(name=name), catalog.cache), RuleGrounder(), embedder, folder
        ).recipe
        for name, embedder, folder in (
            ("one", FakeEmbedder(), None),
            ("two", FakeEmbedder(), None),
            ("one", other, None),
            ("one", FakeEmbedder(), tmp_path),
        )
    }
    assert len(recipes) == 4


def test_a_question_is_no_summary() -> None:
    asks = paper(
        "Seeing at night",
        "Can a network learn seeing at night without a camera? It reaches 71% on DarkBench.",
    )
    assert key_sentence(asks, FakeEmbedder()) == "It reaches 71% on DarkBench."
    only = paper("Seeing", "Can networks learn to see at night?")
    assert key_sentence(only, FakeEmbedder()) == "Can networks learn to see at night?"
