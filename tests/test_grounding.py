"""Is a sentence supported? What must pass, and above all what must not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curator.alignment import loses_subject
from curator.grounding import RuleGrounder, names_in, numbers_in

OWL = (
    "OwlNet reaches 71.5% accuracy on the DarkBench benchmark, 4.2 points above the best "
    "earlier network."
)
TRAINED = "It was trained on 12,000 photographs of forests for 3 days."
COSTS = "Training the larger model increases the cost of inference and lowers the error rate."
NOT = "We find that longer prompts do not improve the accuracy of small models."
BEATS = "On the DarkBench benchmark, OwlNet outperforms BatNet by 5 points at equal cost."
FROM = "The error rate falls from 12.5% to 8.1% when the memory is enlarged."
SOURCES = [OWL, TRAINED, COSTS, NOT, BEATS, FROM]
TITLE = "OwlNet: Seeing at Night"
TEX = r"T\"uNet gains 5\% over $\alpha$-Zero on 1,000 tasks."


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        (OWL, OWL),
        (OWL.upper(), OWL),
        (f"“{TRAINED}”", TRAINED),
        ("OwlNet reaches 71.5% accuracy on the DarkBench benchmark.", OWL),
        ("OwlNet reaches 71.5 percent accuracy on the benchmark.", OWL),
        ("OwlNet was trained on 12000 photographs of forests.", TRAINED),
        (
            "OwlNet was trained on twelve thousand photographs for three days.",
            "It was trained on 12 thousand photographs for 3 days.",
        ),
        ("OwlNet is faster than BatNet.", "OwlNet is 3 times faster than BatNet on all tasks."),
        ("The larger model increases the cost of inference.", COSTS),
        ("Longer prompts do not improve the accuracy of small models.", NOT),
        ("Longer prompts don't improve the accuracy of small models.", NOT),
        ("TüNet gains 5% over α-Zero.", TEX),
        ("TüNet gains 5 % over α-Zero on 1000 tasks.", TEX),
    ],
)
def test_what_the_source_says_is_supported(claim: str, source: str) -> None:
    verdict = RuleGrounder().check(claim, [source], TITLE)
    assert verdict.supported, verdict.reason
    assert verdict.quote == source
    assert 0.5 < verdict.score <= 1


UNSUPPORTED = [
    # numbers and their units
    ("OwlNet reaches 72.5% accuracy on the DarkBench benchmark.", OWL),
    ("OwlNet reaches 7.15% accuracy on the DarkBench benchmark.", OWL),
    ("OwlNet reaches 71.5 points of accuracy, 4.2% above the best earlier network.", OWL),
    ("It was trained on 12 photographs of forests for 3 days.", TRAINED),
    ("It was trained on 12,000 photographs of forests for 3 weeks.", TRAINED),
    ("It was trained on 12,000 photographs of forests for three hours.", TRAINED),
    ("It was trained on 12,000 photographs of old and new forests for 3 weeks.",
     "It was trained on 12,000 photographs of old and new forests for 3 days."),
    ("It was trained on 12 million photographs of forests for 3 days.", TRAINED),
    ("The error rate falls from 8.1% to 12.5% when the memory is enlarged.", FROM),
    ("OwlNet scores 70 on DarkBench and 80 on LightBench in our tests.",
     "OwlNet scores 80 on DarkBench and 70 on LightBench in our tests."),
    ("OwlNet scores 70 and BatNet scores 80 on the DarkBench benchmark.",
     "OwlNet scores 80 and BatNet scores 70 on the DarkBench benchmark."),
    # names
    ("HawkNet reaches 71.5% accuracy on the DarkBench benchmark.", OWL),
    ("OwlNet reaches 71.5% accuracy on the LightBench benchmark.", OWL),
    # negation
    ("OwlNet does not reach 71.5% accuracy on the DarkBench benchmark.", OWL),
    ("OwlNet doesn't reach 71.5% accuracy on the DarkBench benchmark.", OWL),
    ("OwlNet never reaches 71.5% accuracy on the DarkBench benchmark.", OWL),
    ("Longer prompts improve the accuracy of small models.", NOT),
    ("We find that longer prompts improve the accuracy of small models.", NOT),
    ("Longer prompts improve accuracy.", "Longer prompts don’t improve accuracy."),
    ("Prompts improve accuracy.", "We do not find that prompts improve accuracy."),
    ("Prompts improve accuracy.", "There is no evidence that prompts improve accuracy."),
    # direction
    ("Training the larger model decreases the cost of inference.", COSTS),
    ("Training the smaller model increases the cost of inference.", COSTS),
    ("Training the larger model increases the cost and raises the error rate.", COSTS),
    ("OwlNet reaches 71.5% accuracy, 4.2 points below the best earlier network.", OWL),
    ("The error rate rises from 12.5% to 8.1% when the memory is enlarged.", FROM),
    # who does what to whom
    ("BatNet outperforms OwlNet.", "OwlNet outperforms BatNet."),
    ("On the DarkBench benchmark, BatNet outperforms OwlNet by 5 points at equal cost.", BEATS),
    ("BatNet beats OwlNet on DarkBench by 5 points.", BEATS),
    ("OwlNet is outperformed by BatNet by 5 points at equal cost.", BEATS),
    ("Large models outperform small models on long inputs.",
     "Small models outperform large models on long inputs."),
    ("BatNet is more accurate than OwlNet on all tasks.",
     "OwlNet is more accurate than BatNet on all tasks."),
    # invention
    ("OwlNet reaches 71.5% accuracy and was deployed in hospitals across Europe.", OWL),
    ("It was trained on 12,000 photographs of forests bought from private collectors.", TRAINED),
    ("The authors won a prize.", OWL),
    ("art models", "smart models are good"),
    ("ion improves", "Attention improves accuracy."),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "source"), UNSUPPORTED)
def test_what_the_source_does_not_say_is_not(claim: str, source: str) -> None:
    verdict = RuleGrounder().check(claim, [source], TITLE)
    assert not verdict.supported
    assert verdict.reason
    assert 0 <= verdict.score < 1


@pytest.mark.parametrize(("claim", "source"), UNSUPPORTED)
def test_more_sources_do_not_support_it_either(claim: str, source: str) -> None:
    others = [s for s in SOURCES if s != source]
    if source in SOURCES:
        assert not RuleGrounder().check(claim, [source, *others[:1]], TITLE).supported


@pytest.mark.parametrize("claim", ["", " ", ".", "“”", "?!", "\n", "—"])
@pytest.mark.parametrize("sources", [[OWL], [], ["", " "]])
def test_nothing_is_supported_by_nothing(claim: str, sources: list[str]) -> None:
    verdict = RuleGrounder().check(claim, sources)
    assert not verdict.supported
    assert verdict.score == 0


def test_a_claim_rests_on_one_sentence_only() -> None:
    verdict = RuleGrounder().check(
        "OwlNet reaches 71.5% accuracy and was trained on 12,000 photographs.", SOURCES, TITLE
    )
    assert not verdict.supported and "the source has no" in verdict.reason
    assert verdict.quote in SOURCES


def test_the_quote_is_the_nearest_source() -> None:
    claim = "It was trained on 12,000 photographs."
    assert RuleGrounder().check(claim, SOURCES, TITLE).quote == TRAINED


def test_the_verdict_does_not_depend_on_the_order_of_other_sources() -> None:
    for claim, source in [*UNSUPPORTED[:8], (OWL, OWL)]:
        one = RuleGrounder().check(claim, [source, NOT], TITLE)
        other = RuleGrounder().check(claim, [NOT, source], TITLE)
        assert one.supported == other.supported


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,000 tasks and 5 percent", {"1000", "5%"}),
        ("5% or 5.0 % or 5\\%", {"5%"}),
        ("three times two", {"3", "2"}),
        ("one of them", set()),
        ("$1.5M and 2 million", {"1.5m", "2m"}),
        ("a 3x or 3× gain", {"3x"}),
        ("version 2.5.1", {"2.5"}),
        ("no numbers", set()),
        ("~40k", {"40k"}),
    ],
)
def test_numbers(text: str, numbers: set[str]) -> None:
    assert numbers <= numbers_in(text)
    assert len(numbers_in(text)) == len(numbers) or "version" in text


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("OwlNet beats GPT-4 on MMLU.", {"OwlNet", "GPT-4", "MMLU"}),
        ("The model is good. Training helps.", set()),
        ("We use Adam with xLSTM and iGPT.", {"Adam", "xLSTM", "iGPT"}),
        ("A 7B model.", {"7B"}),
    ],
)
def test_names(text: str, names: set[str]) -> None:
    assert names <= names_in(text)
    assert names or not names_in(text)


words = st.lists(
    st.sampled_from(["OwlNet", "not", "5%", "more", "than", "BatNet", "accuracy", "is", ".", "“"]),
    max_size=12,
).map(" ".join)


@given(st.one_of(words, st.text(max_size=60)), st.lists(st.one_of(words, st.text()), max_size=3))
def test_any_text_has_a_verdict(claim: str, sources: list[str]) -> None:
    verdict = RuleGrounder().check(claim, sources, "Title")
    assert 0 <= verdict.score <= 1
    assert verdict.quote in [*sources, ""]
    assert verdict.supported or verdict.reason


@given(words.filter(lambda text: any(c.isalnum() for c in text)), words)
def test_a_text_supports_itself(text: str, other: str) -> None:
    assert RuleGrounder().check(text, [other, text]).supported


@pytest.mark.parametrize("text", ["a" * 50_000, "a.b " * 12_000, "5 " * 20_000, "A" * 3_000 + "5%"])
def test_long_texts_take_no_long_time(text: str) -> None:
    started = time.monotonic()
    RuleGrounder().check("OwlNet reaches 5% accuracy on everything.", [text])
    assert time.monotonic() - started < 3


REFUSED = [
    # A negation left out, wherever it stands and however short its clause (found by the
    # evaluation: c-006, c-070).
    ("Bias is reduced, and mistakes remain.", "Bias is not reduced, and mistakes remain."),
    ("Bias is reduced.", "Bias is not reduced."),
    ("It often knows when it is wrong.", "It often does not know when it is wrong."),
    ("Owls see, and no bat hears.", "Owls do not see, and no bat hears."),
    # What the source reserves, bounds, quantifies or asks.
    ("The method improves recall.", "The method may improve recall."),
    ("The drug helps patients.", "The drug helps patients if given early."),
    ("It achieves 40% lower memory.", "It achieves up to 40% lower memory."),
    ("Training needs 8 GPUs.", "Training needs at least 8 GPUs."),
    ("The error stays over 5%.", "The error stays under 5%."),
    ("Models generalise to new tasks.", "Models rarely generalise to new tasks."),
    ("All language models improve.", "Language models improve."),
    ("Only LoRA reduces memory.", "LoRA reduces memory."),
    ("It works in all settings.", "It works in most settings."),
    ("Scale does improve reasoning.", "We ask: does scale improve reasoning?"),
    ("The score changes by 3 points.", "The score changes by -3 points."),
    ("OwlNet reaches 5%.", "Without any training, OwlNet reaches 5%, not 6%."),
    ("The error rate falls from 12.5% to 8.1%.", FROM),
    # What others say, or what is said from outside.
    ("Scaling improves reasoning.", "It is widely believed that scaling improves reasoning."),
    ("We claim that scale suffices.", "We refute the claim that scale suffices."),
    ("Attention models generalising.", "Attention prevents models from generalising."),
    # Another subject, word or order.
    (
        "OwlNet reaches 64.2% accuracy on DarkBench.",
        "The previous best network reaches 64.2% accuracy on DarkBench.",
    ),
    ("OwlNet reaches 64.2% accuracy.", "BatNet reaches 64.2% accuracy."),
    ("Models reason about medicine in court.", "Models reason about law in court."),
    ("GPT-4 leads on coding, Claude on maths.", "GPT-4 leads on maths, Claude on coding."),
    ("It translates English to French.", "It translates French to English."),
    ("It reduces bias but increases noise.", "It reduces noise but increases bias."),
    ("Cancer causes smoking.", "Smoking causes cancer."),
    ("It is fast.", "The new kernels are about twice as fast as their predecessor."),
    ("The kernels are fast.", "The new kernels are about twice as fast as their predecessor."),
    ("The network falls short.", "Trained on one set alone, the network falls short."),
    ("Ranks show that changes are small.", "Low ranks hint that changes are small."),
    ("Gains are seen in all languages.", "Gains are seen in all 101 languages tested."),
    # What a thing has is not what it is.
    ("OwlNet is a two-tower network that can hunt.", "Its two-tower network can hunt."),
    ("OwlNet is a network of towers.", "OwlNet's network of towers hunts."),
    # Right, but in an order that rules cannot follow: a quote costs style only.
    ("OwlNet outperforms BatNet by 5 points on DarkBench.", BEATS),
]


@pytest.mark.parametrize(("claim", "source"), REFUSED)
def test_small_edits_that_change_the_meaning(claim: str, source: str) -> None:
    verdict = RuleGrounder().check(claim, [source], TITLE)
    assert not verdict.supported and verdict.reason


KEPT = [
    # What bounds, reserves or denies another part of the sentence is no matter.
    (
        "The kernels reach 73% of peak.",
        "The kernels are about twice as fast and reach 73% of peak.",
    ),
    (
        "OwlNet gives shorter answers when asked to.",
        "OwlNet errs more often, invents facts, and gives shorter answers when asked to.",
    ),
    (
        "OwlNet needs no reward.",
        "It gives a loss on pairs of rejected answers: OwlNet needs no reward.",
    ),
    (
        "OwlNet is a two-tower network.",
        "OwlNet is a two-tower network; its two-tower network hunts.",
    ),
    ("Larger encoders help.", "We see that depth matters most and that larger encoders help."),
    # The same bound in another writing.
    ("It took about 6,000 trials.", "It took some 6,000 trials."),
    ("It sustains up to 225 TFLOPs.", "It sustains as much as 225 TFLOPs."),
    ("It is over 3 times faster.", "It is more than 3 times faster."),
    ("The town has twenty-five agents.", "The town has 25 agents."),
    ("The agent's score is 906.", "The agent score is 906."),
]


@pytest.mark.parametrize(("claim", "source"), KEPT)
def test_what_concerns_another_part_or_only_its_writing(claim: str, source: str) -> None:
    verdict = RuleGrounder().check(claim, [source], TITLE)
    assert verdict.supported, verdict.reason


@pytest.mark.parametrize(
    ("claim", "source", "status"),
    [
        (OWL, OWL, "supported"),
        ("Longer prompts improve the accuracy of small models.", NOT, "contradicted"),
        ("OwlNet reaches 72.5% accuracy on the DarkBench benchmark.", OWL, "contradicted"),
        ("Training the larger model lowers the cost of inference.", COSTS, "unsupported"),
        ("BatNet is better than OwlNet.", "BatNet is worse than OwlNet.", "contradicted"),
        ("OwlNet was deployed in 12 hospitals.", OWL, "unsupported"),
        ("The authors won a prize.", OWL, "unsupported"),
    ],
)
def test_contradicted_only_where_the_source_speaks_of_the_same(
    claim: str, source: str, status: str
) -> None:
    assert RuleGrounder().check(claim, [source], TITLE).status == status


def test_the_papers_name_may_stand_for_we_and_for_nothing_else() -> None:
    claim = "OwlNet reaches 64.2% accuracy on DarkBench."
    own = "Our network reaches 64.2% accuracy on DarkBench."
    model = "The model reaches 64.2% accuracy on DarkBench."
    other = "The older network reaches 64.2% accuracy on DarkBench."
    assert RuleGrounder().check(claim, [own], TITLE).supported
    assert RuleGrounder().check(claim, [model], TITLE).supported
    assert not RuleGrounder().check(claim, [other], TITLE).supported


KITES = "The red kite stays up for 40 minutes, whereas the blue one falls after 7 minutes."
RACE = "On Atari, SwiftNet learns far faster than SlowNet and about as well as OldNet."
SHARES = "On citations it obtains 83.0% on Cora, 72.5% on Citeseer and 79.0% on Pubmed."


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("The red kite stays up for 7 minutes.", KITES),
        ("The best gives true answers to 94%.",
         "The best gives true answers to 58%, humans to 94%."),
        ("SwiftNet learns faster than OldNet.", RACE),
        ("It obtains 83.0% on Pubmed.", SHARES),
        ("It obtains 83.0% on Citeseer.", SHARES),
        (
            "On CIFAR it reaches 72%.",
            "On CIFAR and ImageNet it reaches 90% and 72% respectively.",
        ),
    ],
)  # fmt: skip
def test_a_figure_is_not_taken_over_from_another_phrase(claim: str, source: str) -> None:
    verdict = RuleGrounder().check(claim, [source])
    assert not verdict.supported
    assert verdict.reason


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("The red kite stays up for 40 minutes.", KITES),
        ("SwiftNet learns faster than SlowNet.", RACE),
        ("It obtains 83.0% on Cora and 79.0% on Pubmed.", SHARES),
        ("It beats agents in the game ALFWorld and WebShop.",
         "It beats agents in the text game ALFWorld and the shopping site WebShop."),
    ],
)  # fmt: skip
def test_leaving_whole_phrases_out_is_fine(claim: str, source: str) -> None:
    verdict = RuleGrounder().check(claim, [source])
    assert verdict.supported, verdict.reason


@pytest.mark.parametrize(
    ("source", "lost"),
    [
        ("A model of 175 billion parameters takes around four GPU hours.", True),
        ("Our method takes around four GPU hours.", False),
        ("OwlNet takes around four GPU hours.", False),
        ("On one GPU it takes around four GPU hours.", False),
    ],
)
def test_what_it_is_must_be_clear(source: str, lost: bool) -> None:
    claim = "It takes around four GPU hours."
    assert bool(loses_subject(claim, source, "OwlNet: Seeing at Night")) is lost
    assert not loses_subject(source, source, "OwlNet: Seeing at Night")
