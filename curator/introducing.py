"""Which paper introduces what a question names, and what only other papers say of that.

An abstract may state anything of other papers' systems: in error, from another setting, or to
mislead. Where the paper that introduces a system is at hand, its own words answer questions
about it; what others say of it counts only where that paper has nothing to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence

from curator.answer_features import asks_number, figures_of, is_named, question_names
from curator.grounding import numbers_in
from curator.injections import stated
from curator.mentions import short_names
from curator.paper import Paper
from curator.text import fold, plain

__all__ = ["introducers", "of_others"]

# Asks for other papers than those of what it names ("which methods build on LoRA?").
_FOR_OTHERS = re.compile(
    r"\b(?:which|what|how many) (?:[\w-]+ ){0,3}?(?:papers?|methods|systems|models|evaluations|"
    r"agents|frameworks|reviews|reports|approaches|works?|study|studies|datasets|surveys?|"
    r"techniques|algorithms|benchmarks|authors)\b|\b(?:other|later|recent|subsequent|follow-?up) "
    r"(?:\w+ )?(?:work|papers|authors|studies)\b|\bwho\b|"
    r"\b(?:successors?|build(?:s|ing)? (?:up)?on|critici\w+|reproduc\w+|replicat\w+)\b",
    re.I,
)
_OWN_VOICE = re.compile(r"\b(?:we|our|this (?:paper|work|article|study|report))\b", re.I)
_CALLS = r"(?:present|propos|introduc|releas|call|nam|dub|term)\w*"
# In so many sentences a paper names what it works with; in fewer it makes a remark.
WORKS_WITH = 2
_COMPOUND = re.compile(r"[\w.]+(?:-[\w.]+)+")


def introducers(name: str, papers: Iterable[Paper]) -> frozenset[str]:
    """The ids of the papers that introduce what is named so: whose title begins with it
    (``LoRA: ...``), else has it or is what it stands for, else whose authors say that they made
    it. None may do."""
    looked_at = list(papers)
    for introduces in (_begins_with, _titled, _says_so):
        found = frozenset(p.id for p in looked_at if introduces(name, p))
        if found:
            return found
    return frozenset()


def of_others(question: str, papers: Sequence[Paper]) -> Callable[[Paper, str], bool]:
    """Tells of a paper and a sentence of it whether what it says of the question's names is said
    in the place of a paper that introduces one of them, speaks of all of them, and has something
    to say itself.

    ``papers`` are in the order in which they were found. One that is nearer to the question than
    the introducing one, and names what that introduces again and again, may well be what is asked
    for: a paper that works with GPT-3 speaks of it.
    """
    names = question_names(question)
    if not names or _FOR_OTHERS.search(question):
        return lambda paper, sentence: False
    own = {name: introducers(name, papers) for name in names}
    introduced = frozenset().union(*own.values())
    ranks = {paper.id: rank for rank, paper in enumerate(papers)}
    speaks = {
        paper.id: frozenset(name for name in names if _stands_in(name, paper.text))
        for paper in papers
        if paper.id in introduced and _has_something(paper, question)
    }

    def is_of_others(paper: Paper, sentence: str) -> bool:
        if paper.id in introduced or paper.id not in ranks:
            return False
        said = frozenset(name for name in names if _stands_in(name, sentence))
        apart = _sentences_with(said, paper) < WORKS_WITH
        return any(
            (apart or ranks[i] < ranks[paper.id])
            and said <= named
            and any(i in own[n] for n in said)
            for i, named in speaks.items()
        )

    return is_of_others


def _sentences_with(names: Collection[str], paper: Paper) -> int:
    return sum(any(_stands_in(n, span.text) for n in names) for span in stated(paper.abstract))


def _stands_in(name: str, sentence: str) -> bool:
    """Whether a sentence has a name, and not only as a part of another ("Self-RAG")."""
    text = plain(sentence)
    if "-" not in name:
        text = _COMPOUND.sub(lambda match: match.group().replace("-", ""), text)
    return is_named(name, fold(text))


def _begins_with(name: str, paper: Paper) -> bool:
    return any(fold(name) == fold(short) for short in short_names(paper.title))


def _titled(name: str, paper: Paper) -> bool:
    """Whether the title has a name that is written as no word is, or is written out there."""
    if not (name.isupper() or re.search(r"\d|\w[A-Z]", name)):
        return False
    title = plain(paper.title)
    initials = "".join(w[0] for w in re.findall(r"[^\W_]+", title) if w[0].isupper())
    whole = rf"(?<![\w-]){re.escape(name)}(?![\w]|-\w)"
    return re.search(whole, title, re.I) is not None or (
        len(name) > 2 and name.isalpha() and name.upper() in initials
    )


def _says_so(name: str, paper: Paper) -> bool:
    """Whether the authors say of it that they made, trained or called it so."""
    whole = rf"(?<![\w-]){re.escape(plain(name))}(?!\w)"
    made = re.compile(rf"\b{_CALLS}\b.{{0,120}}?{whole}", re.I)
    ours = re.compile(rf"\bour (?:[\w-]+,? ){{1,4}}{whole}", re.I)
    texts = [plain(span.text) for span in stated(paper.abstract)]
    return any((_OWN_VOICE.search(t) and made.search(t)) or ours.search(t) for t in texts)


def _has_something(paper: Paper, question: str) -> bool:
    """Whether a paper states a figure, if one is asked for, beside those of the question."""
    if not asks_number(question):
        return True
    return bool(figures_of(" ".join(s.text for s in stated(paper.abstract))) - numbers_in(question))
