"""Names in questions, and what a question is about: a system, a benchmark, a paper.

A name is written as no other word is (LoRA, GPT-4, SWE-bench), or with capitals inside a
sentence (Natural Questions, Tree of Thoughts).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from curator.mentions import short_names
from curator.text import fold, plain

__all__ = ["NameSpan", "data_like", "is_about", "name_of", "names_asked", "subjects"]

# Written like names, and names of nothing in particular.
_GENERIC = re.compile(
    r"AI|ML|NLP|[LV]LMs?|[CG]PUs?|APIs?|RL|QA|F1|BLEU|ROUGE|MRR|FID|URL|PDF|FLOP[sS]|SOTA|IDs?|USA"
    r"|RAM|I|\w+@\d+"
)
# Words that questions begin with; in a title-cased question they are no names either.
_STARTER = re.compile(
    r"what|which|who|whom|whose|why|when|where|how|is|are|was|were|do|does|did|can|could|will|would|"
    r"should|may|might|has|have|had|tell|explain|compare|show|list|give|describe|summari[sz]e|find|"
    r"name|in|on|at|for|with|by|from|to|of|the|an?|and|but|or|so|if|i",
    re.I,
)
_TOKEN = re.compile(r"[^\W_](?:[\w@./+&-]*[\w+])?")
_SIZE = re.compile(r"\d+(?:\.\d+)?[BMKkx%]|\d+-\w+|\d+(?:st|nd|rd|th|s|D)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_BEFORE = re.compile(
    r"\b(on|in|with|without|for|against|at|of|from|to|by|since|until|under|over|than|after|before|"
    r"as|like)\s+(?:the\s+|a\s+)?$",
    re.I,
)
_LISTED = re.compile(r"\s*(?:,|,?\s(?:and|or|versus|vs\.?))\s+(?:the\s+)?")
# Of what questions are often asked "on": their papers are seldom those that are cited.
_DATA = re.compile(
    r"cora|citeseer|pubmed|imagenet|cifar|mnist|coco|squad|(?:super)?glue|mmlu|gsm8k|math|svamp|asdiv|"
    r"aqua|humaneval|mbpp|hellaswag|winogrande|piqa|boolq|race|lambada|triviaqa|webquestions|nq|fever|"
    r"hotpotqa|popqa|musique|alfworld|webshop|minecraft|atari|wikitext|c4|pile|laion|librispeech|trec|"
    r"beir|cranfield|gpqa|arc|bbh|wmt1\d|flickr30k|vqav2|medqa|reddit|ppi|wikipedia|yelp|imdb|sst-2|"
    r"[mqs]nli|cola|celeba|ade20k|kinetics|d4rl|mujoco",
    re.I,
)
_DATA_SHAPE = re.compile(
    r"(?:QA|[Bb]ench(?:mark)?|Arena|Eval|NLI|GLUE|Shop|Questions|Corpus|MARCO|Game of \d+|CAR)$"
    r"|^(?:MS MARCO|TREC|WMT|CIFAR|ImageNet|ALF|English|German|French|Chinese)"
)


@dataclass(frozen=True)
class NameSpan:
    """A name at its place in a question, and the preposition before it, in small letters."""

    text: str
    start: int
    end: int
    preposition: str

    def replaced(self, question: str, thing: str) -> str:
        """The question with something else in its place."""
        return question[: self.start] + thing + question[self.end :]


def names_asked(question: str) -> list[NameSpan]:
    """The names in a question, in order, without such as name nothing in particular (GPU, F1).
    Its first word counts if it is written as no other word is."""
    found: list[tuple[int, int]] = []
    for match in _TOKEN.finditer(question):
        word, between = match[0], question[found[-1][1] : match.start()] if found else ""
        if found and (between == " " and _NUMBER.fullmatch(word) and not _follows(found, question)):
            found[-1] = (found[-1][0], match.end())
        elif found and between == " of " and (word[0].isupper() or _NUMBER.fullmatch(word)):
            if not _strong(question[slice(*found[-1])]):
                found[-1] = (found[-1][0], match.end())
            elif _is_name(word, first=False):
                found.append(match.span())
        elif _is_name(word, first=_begins(question[: match.start()])):
            if found and between == " ":
                found[-1] = (found[-1][0], match.end())
            else:
                found.append(match.span())
    spans = []
    for start, end in found:
        before = _BEFORE.search(question[:start])
        if not _GENERIC.fullmatch(question[start:end]):
            where = before[1].lower() if before else ""
            spans.append(NameSpan(question[start:end], start, end, where))
    return spans


def _begins(before: str) -> bool:
    """Whether a word with this before it begins a sentence."""
    return not re.search(r"\w", before) or before.rstrip(" \"'(")[-1:] in (".", "?", "!")


def _follows(found: list[tuple[int, int]], question: str) -> bool:
    """Whether the last name has its number already."""
    return bool(re.search(r"\s\d[\d.]*$", question[slice(*found[-1])]))


def _strong(word: str) -> bool:
    letters = any(map(str.isalpha, word))
    return letters and (
        any(map(str.isupper, word[1:])) or (any(map(str.isdigit, word)) and len(word) > 1)
    )


def _is_name(word: str, first: bool) -> bool:
    if _SIZE.fullmatch(word) or not any(map(str.isalpha, word)):
        return False
    if _STARTER.fullmatch(word) and (first or word != "May"):
        return False
    return _strong(word) or (word[0].isupper() and len(word) > 1 and not first)


def data_like(name: str) -> bool:
    """Whether a name is one of data: a benchmark, a corpus, a language."""
    return _DATA.fullmatch(name) is not None or _DATA_SHAPE.search(name) is not None


def name_of(title: str) -> str:
    """What a paper is called in a sentence: its name, else its title in quotation marks; ""
    where there is none."""
    names = short_names(title)
    if names:
        letters = [name for name in names if sum(map(str.isupper, name)) > 1 and " " not in name]
        return (letters or list(names))[-1 if letters else 0]
    whole = plain(title).strip()
    return f'"{whole}"' if whole else ""


def subjects(question: str, titles: Sequence[str]) -> list[str]:
    """What a question is about, in its own words if it names it: what the cited papers are
    called, else names that no preposition makes the place or the rival of something; else the
    papers' names, a title's phrase, the titles."""
    names = names_asked(question)
    known = [any(_called(n.text, title) for title in titles) for n in names]
    for i in range(1, len(names)):  # "GCN and GAT": with one of them the other
        if _LISTED.fullmatch(question[names[i - 1].end : names[i].start]):
            known[i - 1] = known[i] = known[i - 1] or known[i]
    called = [n.text for n, is_called in zip(names, known, strict=True) if is_called]
    free = [n.text for n in names if not n.preposition]
    if called or free:
        return list(dict.fromkeys(called or free))
    short = [name_of(title) for title in titles if short_names(title)]
    if short:
        return short
    phrases = [phrase for title in titles if (phrase := _shared(question, title))]
    if phrases or titles:
        return list(dict.fromkeys(phrases or [name_of(title) for title in titles]))
    return [n.text for n in names]


def is_about(question: str, title: str) -> bool:
    """Whether a question names a paper: by its name, its initials, or a phrase of its title."""
    if fold(plain(title)) in fold(question):
        return True
    if any(_stands(name, question) for name in short_names(title)):
        return True
    named = any(_called(n.text, title) for n in names_asked(question))
    return named or (not short_names(title) and bool(_shared(question, title)))


def _called(name: str, title: str) -> bool:
    own = short_names(title)
    if own:
        return any(fold(name).removesuffix("s") == fold(one).removesuffix("s") for one in own)
    initials = "".join(w[0] for w in re.findall(r"\w+", title) if w[0].isupper())
    letters = name.removesuffix("s")
    return _stands(name, title) or (len(letters) > 1 and letters.isupper() and letters in initials)


def _stands(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(fold(name))}(?![\w-]*\w)", fold(text)) is not None


def _shared(question: str, title: str) -> str:
    """The longest phrase that question and title share, of two words or a compound."""
    tokens = [match.span() for match in re.finditer(r"[\w-]*\w", question)]
    for length in range(min(6, len(tokens)), 0, -1):
        for i in range(len(tokens) - length + 1):
            phrase = question[tokens[i][0] : tokens[i + length - 1][1]]
            ends = (phrase.split()[0], phrase.split()[-1])
            worth = length > 1 or phrase.count("-") > 1
            if worth and not any(map(_STARTER.fullmatch, ends)) and _stands(phrase, title):
                return phrase
    return ""
