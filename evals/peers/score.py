"""From a line of any system and its gold question to facts, by rules that are the same for all.

Nothing here calls a model. Two of the measures lean to one side, which is said where they are
shown: `unsupported` is judged by the check that our own sentences have to pass, which a true
free paraphrase may fail; `must_include` finds wordings, and quotes of a paper have the paper's.
The share of numbers that stand in the cited abstracts leans to neither. And whoever repeats
five abstracts whole says all that must be said: hence `words` and `cited_gold`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from curator.grounding import RuleGrounder, numbers_in, stems
from curator.sentences import split_sentences
from curator.text import title_key
from evals.gold import Question
from evals.metrics import Metric, ratio
from evals.peers.stuffed import REFUSAL
from evals.tasks.base import held

__all__ = [
    "METRICS",
    "REFUSALS",
    "SAYS_NOT",
    "PaperText",
    "facts",
    "papers_by_title",
    "refused",
    "sentences_of",
]

# What each system says when it has no answer, without case. Ours has a field of its own for
# it (`abstained`), so for ours no wording is looked at.
REFUSALS: dict[str, tuple[str, ...]] = {
    "paper-qa": ("i cannot answer",),  # paperqa.prompts.CANNOT_ANSWER_PHRASE
    "stuffed": (REFUSAL.rstrip(".").lower(),),
    "ours": (),
}
# Models reword what they are told to say; so a first sentence that says of the papers or of
# what is asked that it is not there is a refusal too, whichever system it comes from. That
# something else "does not provide" a thing may be the answer, hence the narrow patterns.
_GIVEN = (
    r"(?:contexts?|papers?|abstracts?|excerpts?|texts?|sources?|documents?|information|details?|"
    r"evidence|answer|question)"
)
_BESIDE = r"(?: (?:above|here|given|provided|available|itself|(?:in|from|of) the \w+))*"
SAYS_NOT = (
    r"\b(?:i|we) (?:cannot|can not|can't|could not|am unable to|are unable to) "
    r"(?:answer|determine|find|provide|say|tell)",
    r"\binsufficient (?:information|context|evidence|details?)\b",
    r"\b(?:is|are|contains?|provides?|gives?) (?:no|not enough) (?:\w+ )?"
    r"(?:information|context|details?)\b",
    rf"\b{_GIVEN}{_BESIDE} (?:cannot|(?:do|does|did|is|are|was|were|can) ?(?:not|n't))\b"
    r"(?: \w+ly)? (?:be )?(?:answer|provid|specif|stat|mention|contain|includ|giv|report|disclos|"
    r"discuss|determin|address|indicat|say|available|found|sufficient|enough)",
    r"\b(?:is|are|was|were) (?:not|nowhere) (?:\w+ly )?"
    r"(?:provided|specified|stated|mentioned|given|reported|disclosed|available|included|found)"
    rf"(?:\W*$| (?:in|by|within|from)\b.*\b{_GIVEN})",
)
_SAYS_NOT = re.compile("|".join(SAYS_NOT), re.I)
# Leading bullets and numbers, marks of emphasis, and headings that some models write.
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_EMPHASIS = re.compile(r"\*\*|__|`|^#+\s*", re.M)


@dataclass(frozen=True)
class PaperText:
    """What can be cited: a title and its abstract."""

    title: str
    abstract: str

    @property
    def text(self) -> str:
        return f"{self.title}\n{self.abstract}"


def papers_by_title(papers: Iterable[tuple[str, str]]) -> dict[str, list[PaperText]]:
    """Titles and abstracts by `title_key`, since a citation names a title; some are shared."""
    found: dict[str, list[PaperText]] = {}
    for title, abstract in papers:
        found.setdefault(title_key(title), []).append(PaperText(title, abstract))
    return found


def facts(
    system: str,
    line: Mapping[str, Any],
    question: Question,
    papers: Mapping[str, list[PaperText]],
    grounder: RuleGrounder | None = None,
) -> dict[str, Any] | None:
    """The facts of one line; None where the system failed, so that nothing can be scored.

    A fact that is absent is not what the question (or the answer) is about.
    """
    if line.get("error"):
        return None
    text = str(line.get("text") or "")
    cited = [paper for title in line["cited_titles"] for paper in papers.get(title_key(title), ())]
    declined = refused(system, line)
    found: dict[str, Any] = {
        **{name: line[name] for name in ("seconds", "llm_calls")},
        **{name: line[name] for name in ("prompt_tokens", "completion_tokens")},
        "declined": declined,
    }
    found["tokens"] = line["prompt_tokens"] + line["completion_tokens"]
    if question.kind == "unanswerable":
        found |= {"refused_unanswerable": declined, "answered_unanswerable": not declined}
        found["right"] = declined
    else:
        found["refused_answerable"] = declined
        said = held("" if declined else text, question.must_include)
        if said is not None:
            found["must_include"] = said
        found["right"] = not declined and said in (None, 1.0)
    if question.kind in ("single", "numeric"):
        gold = {title_key(title) for title in question.gold_titles}
        right = not declined and any(title_key(title) in gold for title in line["cited_titles"])
        found["right_paper"] = right
    if not declined:
        found |= _trust(text, line, question, cited, grounder or RuleGrounder())
    return found


def _trust(
    text: str,
    line: Mapping[str, Any],
    question: Question,
    cited: list[PaperText],
    grounder: RuleGrounder,
) -> dict[str, Any]:
    """How far a reader may trust what was answered."""
    sentences = sentences_of(text)
    gold = {title_key(title) for title in question.gold_titles}
    # A number that the question has is no claim of the answer.
    numbers = numbers_in(text) - numbers_in(question.question)
    there = {number for paper in cited for number in numbers_in(paper.text)}
    bare = {_value(number) for number in there}
    return {
        # A citation of a paper that the library does not have is as made up as one of nothing.
        "invented": bool(line["invented"])
        or any(title_key(title) not in _keys(cited) for title in line["cited_titles"]),
        "uncited": not line["cited_titles"],
        **({"cited": len(_keys(cited)), "cited_gold": len(_keys(cited) & gold)} if gold else {}),
        "words": len(text.split()),
        "sentences": len(sentences),
        "unsupported": sum(not _supported(s, cited, grounder) for s in sentences),
        "numbers": len(numbers),
        # "72.36" for "72.36%" is the same figure; "72.36%" for "72.36" may not be.
        "numbers_found": sum(n in there or (n == _value(n) and n in bare) for n in numbers),
    }


def refused(system: str, line: Mapping[str, Any]) -> bool:
    """Whether the system declined to answer: by its own field (ours), by its own words
    (`REFUSALS`), by other words to that effect in its first sentence (`SAYS_NOT`), or by
    saying nothing at all."""
    if system == "ours":
        return bool(line["refused"])
    sentences = sentences_of(str(line.get("text") or ""))
    if not sentences:
        return True
    first = sentences[0].lower()
    phrases = REFUSALS.get(system, ())
    if any(phrase in first for phrase in phrases) or _SAYS_NOT.search(first):
        return True
    # An answer that says it again in every sentence.
    return all(any(phrase in sentence.lower() for phrase in phrases) for sentence in sentences)


def sentences_of(text: str) -> list[str]:
    """The sentences of an answer that say something: no bullets, no headings."""
    found = []
    for raw in text.splitlines():
        part = _EMPHASIS.sub("", _BULLET.sub("", raw)).strip()
        found += [span.text for span in split_sentences(part) if _says_something(span.text)]
    return found


def _says_something(sentence: str) -> bool:
    return bool(stems(sentence)) and not sentence.rstrip().endswith(":")


def _supported(sentence: str, cited: list[PaperText], grounder: RuleGrounder) -> bool:
    """Whether some sentence of some cited paper supports it; never where nothing is cited."""
    return any(
        grounder.check(
            sentence, [paper.title, *(s.text for s in split_sentences(paper.abstract))], paper.title
        ).supported
        for paper in cited
    )


def _value(number: str) -> str:
    """A number of `numbers_in` without its unit."""
    match = re.match(r"-?\d+(?:\.\d+)?", number)
    return match.group() if match else number


def _keys(cited: Iterable[PaperText]) -> set[str]:
    return {title_key(paper.title) for paper in cited}


def _each(fact: str, of: str) -> Any:
    """The two numbers of a ratio of sums; not for samples without them."""
    return lambda f: (float(f[fact]), float(f[of])) if of in f else (0.0, 0.0)


def _amount(fact: str) -> Any:
    """The mean of an amount. In halves, since a mean of ones and zeros would be taken for a
    share, and get the interval of one."""
    return lambda f: (f[fact] / 2, 0.5) if fact in f else (0.0, 0.0)


METRICS: tuple[Metric, ...] = (
    ratio("right", "right¹", "right"),
    ratio("must_include", "what must be said is said (answerable)", "must_include"),
    ratio("right_paper", "right paper cited (single, numeric)", "right_paper"),
    ratio("cited_gold", "cited papers that are the right ones", _each("cited_gold", "cited")),
    ratio("refused_unanswerable", "refused, of the unanswerable", "refused_unanswerable"),
    ratio("refused_answerable", "refused, of the answerable", "refused_answerable", better="lower"),
    ratio("invented", "answers with an invented citation²", "invented", better="lower"),
    ratio("uncited", "answers that cite nothing", "uncited", better="lower"),
    ratio(
        "unsupported",
        "sentences that our check does not pass³",
        _each("unsupported", "sentences"),
        better="lower",
    ),
    ratio(
        "numbers_found",
        "numbers that stand in the cited abstracts",
        _each("numbers_found", "numbers"),
    ),
    ratio("words", "words of an answer", _amount("words"), better="neither"),
    ratio("llm_calls", "model calls", _amount("llm_calls"), better="lower"),
    ratio("prompt_tokens", "tokens read", _amount("prompt_tokens"), better="lower"),
    ratio("completion_tokens", "tokens written", _amount("completion_tokens"), better="lower"),
    ratio("seconds", "seconds", _amount("seconds"), better="lower", unit="s"),
)
