"""What a question asks for and names, and what texts have of it.

`curator.evidence` and `curator.answerable` decide by these; all are plain functions of the
texts, without a model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from curator.grounding import names_in, numbers_in, stems
from curator.injections import stated as stated_in
from curator.text import fold, plain

if TYPE_CHECKING:
    from curator.evidence import Evidence

__all__ = [
    "asks_number",
    "counted_things",
    "features",
    "figures_of",
    "for_length",
    "is_named",
    "measures_of",
    "names_several",
    "question_names",
]

_ASKS_NUMBER = re.compile(
    r"\b(how many|how (?!much (?:does|do) (?:that|this|it) matter)much|how long|how large|how big|"
    r"how fast|how often|how quickly|how accurate|how high|how far|how close|how well|p-value|"
    r"by how much|(?:what|which) (?:[\w.-]+ ){0,4}?(?:score|accurac|perplexity|rates?\b|"
    r"area under|f1|bleu|rouge|speed-?up|cost|share\b|percentage|proportion|fraction|number|"
    r"quantity|throughput|figure|results?\b|exact match|error|fid\b|elo\b))",
    re.I,
)
_YES_NO = re.compile(
    r"^\W*(?:[^,?]{0,80}, )?(is|are|was|were|do|does|did|can|could|has|have|had|must|should|will|"
    r"would)\b",
    re.I,
)
# "how many trainable parameters does": up to three words, ended by a verb or preposition.
_COUNTED = re.compile(
    r"\bhow many (?:more |fewer |of )?"
    r"((?:(?!(?:do|does|did|is|are|was|were|has|have|had|can|could|of|in|on|at|to|for|with|from|"
    r"must|may|went|took|take|there|and|per|that|which|[a-z]{2,}ed)\b)[\w'-]+(?![\w'-])\s*){1,3})",
    re.I,
)
_PLURAL = (
    r"papers|methods|systems|models|evaluations|agents|frameworks|reviews|reports|remedies|"
    r"results|accuracies|benchmarks|approaches|works|studies|datasets|surveys|techniques|algorithms"
)
_SEVERAL = re.compile(
    rf"\b(each|both|respectively|compared?|versus)\b|"
    rf"\b(?:which|what|how many) (?:[\w-]+ ){{0,3}}?(?:{_PLURAL})\b",
    re.I,
)
# Kinds of value by how a question asks for them, and how a text gives them.
_KINDS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(asked, re.I), re.compile(given, re.I))
    for asked, given in (
        (
            r"\b(how long|how quickly|"
            r"how (?:many|much)(?: [\w-]+)? (?:hours?|days?|minutes?|time))\b",
            r"\d[\w.,]*[ -](?:\w+[ -])?(?:seconds?|minutes?|min|hours?|days?|weeks?|months?)\b|"
            r"\b(?:one|two|three|four|five|six|ten|several)[ -](?:\w+[ -])?"
            r"(?:seconds?|minutes?|hours?|days?|weeks?|months?)\b",
        ),
        (r"\b(paid|pay|cost|dollars?|price|expens)", r"\$|dollars?|USD|cents|€|euros?"),
        (
            r"\b(percentage|proportion|fraction|(?:what|which) share|how often|accurac|"
            r"how accurate|[a-z]+ rates?)\b",
            r"\d\s?\\?%|percent|per cent|\bof (?:the )?\w+ (?:cases|tasks)|\d\.\d",
        ),
        (r"\bparameters?\b", r"parameter|\b\d+(?:\.\d+)?\s?[BM]\b|billion|trillion|million"),
        (r"\bp-value", r"\bp\s?[<=]"),
    )
)
# Measures that a text names where it gives them, while "accuracy" it may leave out.
_MEASURES = re.compile(
    r"\b(p-values?|perplexity|area under|auroc|auc|false[- ]positive|false[- ]negative|bleu|rouge|"
    r"meteor|cider|psnr|ssim|fid|inception score|elo|kappa|brier|mrr|ndcg|map@|pass@|exact match|"
    r"top-[15]|word error|character error|f1|"
    r"gpu[- ]?(?:days?|hours?)|joules?|watts?|kwh|carbon|emissions?|hertz|flops|"
    r"paid|salary|wages?|cost|price|dollars?|parameters|latency|"
    r"learning rate|batch size|weight decay|optimi[sz]er|random seeds?|epochs?|"
    r"context (?:window|length)|vocabulary size|licen[cs]e|standard deviation|"
    r"confidence interval|effect size|recall points)\b",
    re.I,
)
_NO_NAMES = frozenset([
    "the", "a", "an", "in", "of", "i", "how", "what", "which", "does", "is", "and", "or", "do",
    "llm", "llms", "ai", "rl", "ml", "nlp", "gpu", "gpus", "api", "vlm", "vlms", "vla", "gui",
])  # fmt: skip
# What a long sentence is worth, in logits of the cross-encoder; with the other weights of
# `curator.evidence`.
LONG_SENTENCE, LONG, LONGEST = 5.0, 40, 60  # words
# Below this score (of `curator.evidence`, less what is for length) it is doubtful that a
# sentence is on the topic.
FAR = -3.0
_IN_WORDS = re.compile(
    r"\b(exactly one|only one|single|half|twice|double|third|quarter|dozens?|hundreds?|"
    r"thousands?|millions?|billions?)\b",
    re.I,
)
_MULTIPLES = frozenset(stems("times fold points"))


def for_length(sentence: str) -> float:
    """What speaks for a sentence by its length: short ones seldom say what is asked."""
    return LONG_SENTENCE * min(len(sentence.split()), LONGEST) / LONG


def question_names(question: str) -> list[str]:
    """What a question names, each once: ``GPT-4`` of "GPT-4-driven", ``Claude 2`` with its
    number. Its first word is a capital by its place, not by its nature; neither "top-1" nor
    "152-layer" is a name."""
    found = {name for name in names_in(question) if fold(name) not in _NO_NAMES}
    names: set[str] = set()
    for word in found:
        parts = word.split("-")
        suffixed = len(parts) > 1 and re.fullmatch(r"[a-z]{3,}", parts[-1])
        name = "-".join(parts[:-1]) if suffixed else word
        inside = len(parts) == 1 and any(word in other.split("-") for other in found - {word})
        unnamed = all(re.fullmatch(r"\d[\d.]*|[a-z]+", part) for part in name.split("-"))
        if inside or unnamed or _MEASURES.fullmatch(name):
            continue
        after = re.search(rf"{re.escape(name)} (\d{{1,2}}(?:\.\d)?)(?![\w.%]*[\w%])", question)
        names.add(f"{name} {after[1]}" if after else name)
    return sorted(names)


def is_named(name: str, folded_text: str) -> bool:
    """Whether a text has a name, also in another writing (``GPT4`` for ``GPT-4``). A number
    after a name is of the name ("Claude 2")."""
    if numbered := re.fullmatch(r"(.+) (\d[\d.]*)", fold(name)):
        pattern = rf"(?<!\w){re.escape(numbered[1])}[\s-]?{re.escape(numbered[2])}(?!\w|\.\d)"
        return re.search(pattern, folded_text) is not None
    wanted = re.sub(r"[^\w]+", "", fold(name))
    tokens = {re.sub(r"[^\w]+", "", token) for token in folded_text.split()}
    tokens.update(re.split(r"[^\w.]+|\.(?!\d)", folded_text))
    parts = [part for part in re.split(r"[-\s]", fold(name)) if part]
    return (
        wanted in tokens
        or wanted.removesuffix("s") in tokens
        or wanted + "s" in tokens
        or (len(parts) > 1 and all(is_named(part, folded_text) for part in parts))
    )


def names_several(question: str, titles: Iterable[str]) -> bool:
    """Whether a question is about several papers: by its words, or as it says "and" and two
    titles have a name of it each."""
    if _SEVERAL.search(question):
        return True
    names = question_names(question)
    found = {tuple(n for n in names if is_named(n, _with_initials(t))) for t in titles} - {()}
    return len(found) > 1 and re.search(r"\band\b", question) is not None


def asks_number(question: str) -> bool:
    """Whether a question asks for a figure."""
    return _ASKS_NUMBER.search(question) is not None


def counted_things(question: str) -> list[str]:
    """What a question asks the number of ("how many trainable parameters")."""
    found = [match[1].strip() for match in _COUNTED.finditer(question)]
    return [thing for thing in found if set(stems(thing)) - _MULTIPLES]


def measures_of(question: str) -> list[str]:
    """The measures and settings that a question names, which a text names where it has them."""
    return list(dict.fromkeys(match[1] for match in _MEASURES.finditer(question)))


def figures_of(text: str) -> set[str]:
    """The numbers of a text, also in words, without those inside names ("GPT-4")."""
    words = plain(text).split()
    digits = " ".join(w for w in words if not re.search(r"[A-Za-z]{2,}[-.]?\d|\d[BM]\b", w))
    return numbers_in(digits) | {word.lower() for word in _IN_WORDS.findall(digits)}


def features(question: str, evidence: Sequence[Evidence]) -> dict[str, float]:
    """What the evidence (best first, not empty) lacks of what a question asks for and names.

    Shares between 0 and 1, of which more speaks against an answer, except for ``several``.
    """
    names = question_names(question)
    papers = list({e.paper.id: e.paper for e in evidence}.values())
    titles = {p.id: _with_initials(p.title) for p in papers}
    whole = {p.id: f"{titles[p.id]} {fold(p.abstract)}" for p in papers}
    yes_no = bool(_YES_NO.search(question))
    several = names_several(question, [p.title for p in papers]) and not yes_no
    asks = asks_number(question)

    def lacking(text: str) -> float:
        return _share([not is_named(name, text) for name in names])

    least = min(lacking(text) for text in whole.values())
    # Where one paper has more of the names than others, a value in another is of something else.
    of_it = [p for p in papers if several or lacking(whole[p.id]) == least]
    near = {e.paper.id for e in evidence[:2]}
    of_it = [p for p in of_it if several or p.id in near] or of_it
    told = numbers_in(question)
    stated = [
        (p.id, span.text)
        for p in of_it
        for span in stated_in(p.abstract)
        if not asks or figures_of(span.text) - told
    ]
    texts = [_spaced(text) for _, text in stated]
    unbound = min((lacking(f"{fold(text)} {titles[i]}") for i, text in stated), default=1.0)
    kinds = [given for asked, given in _KINDS if asks and asked.search(question)]
    words = set(stems(" ".join(texts)))
    return {
        "far": max(0.0, FAR - evidence[0].score + for_length(evidence[0].quote)) / 5,
        "name_unknown": float(lacking(" ".join(whole.values())) > 0),
        "names_apart": 0.0 if several else least,
        "name_apart": float(least > 0 and not several),
        "first_lacks": lacking(whole[evidence[0].paper.id]),
        "unbound": unbound if asks and not several else 0.0,
        "asks_number": float(asks),
        "several": float(several),
        "no_figure": float(asks and not stated),
        "count_unsaid": _share([not words & set(stems(t)) for t in counted_things(question)]),
        "measure_unsaid": _share(
            [not any(_prefix(_spaced(m)) in t for t in texts) for m in measures_of(question)]
        ),
        "kind_unsaid": _share([not any(k.search(t) for t in texts) for k in kinds]),
    }


def _with_initials(title: str) -> str:
    """A folded title, with the short forms of what it names ("Dense Passage Retrieval": dpr)."""
    initials = re.sub(r"[^A-Z]", "", "".join(w[0] for w in plain(title).split()))
    short = [
        initials[i : i + n].casefold() for n in (3, 4) for i in range(max(0, len(initials) - n + 1))
    ]
    return " ".join([fold(title), *short])


def _spaced(text: str) -> str:
    return re.sub(r"(?<=[A-Za-z])-", " ", plain(text)).casefold()


def _prefix(measure: str) -> str:
    """What the forms of a measure's name share ("licence", "licensed")."""
    return measure[:5] if len(measure) < 9 else measure[:-2]


def _share(found: Sequence[bool], empty: float = 0.0) -> float:
    return sum(found) / len(found) if found else empty
