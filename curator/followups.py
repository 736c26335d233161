"""Follow-up questions, made to stand on their own: by rules, without a model.

"Does it slow down inference?" after a question about LoRA is "Does LoRA slow down inference?",
"And on Cora?" is the last question once more with another benchmark. What a back-reference
means is taken from the last question's names, else from the titles of the papers cited
(`curator.names_asked`). A question without back-reference or ellipsis comes back as it was, and
so does one for which the conversation has nothing to fill in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from curator.back_references import AUXILIARY, Talk, counted, pointed, uncounted
from curator.grounding import numbers_in
from curator.names_asked import NameSpan, data_like, is_about, name_of, names_asked, subjects
from curator.stemming import stems, words
from curator.text import plain, squeeze

__all__ = ["Exchange", "acceptable", "is_about", "standalone"]

REMEMBERED = 6  # turns; an older subject is not what "it" means
LONGEST = 300  # characters of a question that is completed


@dataclass(frozen=True)
class Exchange:
    """A finished turn: the question as it was asked, the answer's text, and the titles of the
    papers that were cited, in the order of their numbers ("" for one that is stored no more)."""

    question: str
    answer: str = ""
    titles: tuple[str, ...] = ()


def standalone(question: str, history: Sequence[Exchange]) -> str:
    """The question as somebody would ask it who had not been there; the oldest turn first."""
    resolved: list[Exchange] = []
    for turn in history[-REMEMBERED:]:
        said = plain(squeeze(turn.question))
        resolved.append(replace(turn, question=_rewritten(said, resolved)))
    return _rewritten(question, resolved)


def _talk(history: Sequence[Exchange]) -> Talk:
    last = history[-1]
    about: list[str] = []
    for turn in reversed(history):  # a question about the library has no subject of its own
        if about := subjects(turn.question, [plain(t) for t in turn.titles if t.strip()]):
            break
    return Talk(last.question.rstrip("?.! "), about, [plain(title) for title in last.titles])


_CHATTER = re.compile(
    r"(?:many )?(?:thanks?|thank you|thx|ok(?:ay)?|yes|no|great|nice|good|cool|hi|hello|bye|wow|"
    r"i see|please|right|perfect|interesting)(?: (?:you|a lot|so much|very much|then))?",
    re.I,
)
_LEAD = re.compile(r"^(?:(?:and|but|or|so|then|ok(?:ay)?|also|now)\b,?\s+)+", re.I)
_WHAT_ABOUT = re.compile(r"^(?:what|how) about\s+", re.I)


def _rewritten(question: str, history: Sequence[Exchange]) -> str:
    asked = squeeze(question)
    bare = asked.rstrip("?.! ")
    if not history or not 0 < len(bare) <= LONGEST or _CHATTER.fullmatch(_LEAD.sub("", bare)):
        return question
    talk = _talk(history)
    if not talk.frame:
        return question
    core = counted(_LEAD.sub("", asked), talk)
    led = core != asked or bool(_WHAT_ABOUT.match(asked))
    made = (
        _named_only(core, asked, talk)
        or _joined(core, talk)
        or _completed(core, led, talk)
        or pointed(core, talk)
    )
    if made == core and made == _LEAD.sub("", asked):
        return question
    capital = asked[:1].isupper() and not _named(made.split(" ")[0])
    return made[:1].upper() + made[1:] if capital else made


def _named_only(core: str, asked: str, talk: Talk) -> str:
    """ "[2]", "And the second one?": of a paper nothing is asked, unless the last question was
    about another one."""
    name = re.sub(r"^the (.+) paper$", r"\1", _WHAT_ABOUT.sub("", core).rstrip("?.! "))
    if name in asked or name not in [*talk.about, *map(name_of, talk.titles)]:
        return ""
    rivals = [one for one in talk.about if one in talk.frame]
    return "" if rivals and name not in talk.about else f"Tell me about {name}."


# -------------------------------------------------------------- "why?", "how much?"

_JOINED = re.compile(
    r"(?:why(?: not)?|how(?: so| come)?|(?:by )?how (?:much|many)|how often|how long|when|where|"
    r"since when|for whom|compared (?:to|with) what|in what way|"
    r"why (?:is|was) (?:that|this)(?: so)?|how is (?:that|this) possible|"
    r"(?:what|which|how (?:many|much)) [\w-]+|"
    r"(?:in|on|by|with|for|from|at) (?:what|which|how (?:many|much))(?: [\w-]+){1,2})",
    re.I,
)
_AGAIN = re.compile(r"(?:really|are you sure|(?:is|was) (?:that|this) (?:true|so|right))", re.I)
_TAIL = re.compile(rf", and {_JOINED.pattern}$", re.I)
_MORE = re.compile(
    r"(?:can you )?(?:please )?"
    r"(?:tell me more|say more|more(?: details?)?|elaborate|go on|explain)",
    re.I,
)


def _joined(core: str, talk: Talk) -> str:
    bare = core.rstrip("?.! ")
    if _MORE.fullmatch(bare):
        return f"Tell me more about {talk.all}." if talk.about else core
    if _AGAIN.fullmatch(bare):
        return f"{talk.frame}?"
    if not _JOINED.fullmatch(bare):
        return ""
    frame = _TAIL.sub("", talk.frame)  # one "why?" after another does not pile up
    return f"{frame}, and {bare[:1].lower()}{bare[1:]}?" if len(frame) <= LONGEST else core


# ------------------------------------------------------- "and on Cora?", "what about X?"

_PREPOSITIONS = (
    "on|in|with|without|for|against|at|of|from|to|by|since|until|under|over|than|after|before|as"
)
_SENTENCE = re.compile(
    rf"\b(?:{AUXILIARY}|what|which|who|whom|whose|why|when|where|how|tell|explain|compare|show|"
    r"list|give|describe|summari[sz]e|find|name|i|you|we)\b",
    re.I,
)
_WITH_PREPOSITION = re.compile(rf"^({_PREPOSITIONS})\s+(.+)$", re.I)
_ONE = re.compile(r"^(?:the|a|an)\s+(.+?)\s+(?:ones?|version|variant|models?)$", re.I)
_SIZE = re.compile(r"\b\d+(?:\.\d+)?[BMK]\b")
_FIGURE = re.compile(r"\d[\d,.]*(?:%|[BMKk]\b)?")


def _completed(core: str, led: bool, talk: Talk) -> str:
    """The last question with the part that the new one replaces; "" where it is a question."""
    bare = core.rstrip("?.! ")
    rest = _WHAT_ABOUT.sub("", bare)
    if len(talk.frame) > LONGEST:
        return ""
    if re.match(r"(?:when|if|while)\s", rest, re.I) and rest != bare:
        return f"{talk.frame} {pointed(rest, talk)}?"
    if not _is_part(rest, led):
        return ""
    if one := _ONE.match(rest):
        return _another(rest, talk) if _named(one[1]) else _another_kind(one[1], talk)
    meant = pointed(rest, talk)
    if meant != rest:
        return f"What about {meant}?"
    if begins := _WITH_PREPOSITION.match(rest):
        return f"{_another_phrase(begins[1].lower(), begins[2], talk)}?"
    return _another(rest, talk)


def _is_part(text: str, led: bool) -> bool:
    """Whether it is no sentence. Without an "and" before it, only what cannot be key words, as
    one types them into a search box."""
    length = len(text.split())
    if _SENTENCE.search(text) or length > 6:
        return False
    names = names_asked(text) if length > 1 else _named(text)
    begins = _WITH_PREPOSITION.match(text) or _ONE.match(text)
    return led or begins is not None or bool(names and length <= 3)


def _named(thing: str) -> list[NameSpan]:
    """Names in a part of a question; its first word begins no sentence."""
    return names_asked(f"x {thing}")


def _another_kind(kind: str, talk: Talk) -> str:
    """ "the 7B one", "the larger one"."""
    if _SIZE.fullmatch(kind) and _SIZE.search(talk.frame):
        return f"{_SIZE.sub(kind, talk.frame, count=1)}?"
    name = talk.about[0] if talk.about else "one"
    if name in talk.frame:
        return f"{_put(talk.frame, [name], f'the {kind} {name}')}?"
    return f"{talk.frame}, and what about the {kind} {name}?"


def _another_phrase(preposition: str, thing: str, talk: Talk) -> str:
    frame = talk.frame
    named = [n for n in names_asked(frame) if n.preposition == preposition]
    is_name = bool(_named(thing))
    if is_name and named:
        return named[-1].replaced(frame, thing)
    if is_name and data_like(thing):
        if data := [n for n in names_asked(frame) if data_like(n.text) and n.preposition]:
            return data[-1].replaced(frame, thing)
    elif is_name and preposition == "for" and talk.about and talk.about[0] in frame:
        return _put(frame, talk.about, thing)
    pattern = (
        rf"\b{preposition}\s+(?P<thing>[^,?]+?)(?=\s+(?:{_PREPOSITIONS}|{AUXILIARY}|and)\b|,|$)"
    )
    phrases = [
        m for m in re.finditer(pattern, frame, re.I) if not talk.one or talk.one not in m["thing"]
    ]
    if not phrases or is_name:
        return f"{frame} {preposition} {thing}"
    start, end = phrases[-1].span("thing")
    if _FIGURE.fullmatch(thing) and (figure := _FIGURE.match(frame, start)):
        end = figure.end()
    return frame[:start] + thing + frame[end:]


def _another(thing: str, talk: Talk) -> str:
    """ "What about X?": X takes the place of what is of its kind."""
    parts = re.match(rf"(.+?)\s+({_PREPOSITIONS})\s+(.+)$", thing)
    if parts and _named(parts[1]) and _named(parts[3]):  # "Reflexion on HumanEval"
        made = _another(parts[1], talk).rstrip("?")
        other = replace(talk, frame=made, about=[parts[1]])
        return f"{_another_phrase(parts[2].lower(), parts[3], other)}?"
    frame = talk.frame
    names = names_asked(frame)
    others = [n for n in names if n.text not in talk.about]
    like = [n for n in names if data_like(n.text)] if data_like(thing) else []
    alike = [n for n in others if _alike(n.text, thing)]
    chosen = like or alike or (others if data_like(thing) else [])
    if chosen:
        return f"{chosen[-1].replaced(frame, thing)}?"
    if _named(thing) or _same_sort(thing, talk.one):
        return f"{_put(frame, talk.about, thing)}?"
    return f"{frame}, and what about {thing}?"


def _alike(one: str, other: str) -> bool:
    """``GPT-4`` and ``GPT-3``, ``English-French`` and ``English-German``."""
    first, second = re.split(r"[-\s]", one), re.split(r"[-\s]", other)
    return len(first) > 1 and len(second) > 1 and first[0].lower() == second[0].lower()


def _same_sort(thing: str, name: str) -> bool:
    """``graph convolutional networks`` and ``graph attention networks``."""
    return " " in thing and thing.split()[-1:] == name.split()[-1:]


def _put(frame: str, names: Sequence[str], thing: str) -> str:
    """The frame with the thing instead of these names, which stand side by side in it."""
    if not names:
        return f"{frame}, and what about {thing}"
    listed = r"(?:\s*(?:,|,?\s+and|,?\s+or|vs\.?|versus)\s+)".join(re.escape(n) for n in names)
    for pattern in (listed, re.escape(names[0])):
        found = re.search(rf"(?<![\w-])(?:the\s+)?{pattern}(?![\w-]*\w)", frame, re.I)
        if found:
            return frame[: found.start()] + thing + frame[found.end() :]
    return f"{frame}, and what about {thing}"


# --------------------------------------------------------- what a model makes of it

_LEFT_OUT = re.compile(
    r"it|its|they|them|their|this|that|these|those|ones?|former|latter|the|and|what|about|how|"
    r"first|second|third|last|paper|method|approach|model|system|technique|benchmark|work",
    re.I,
)


def acceptable(rewritten: str, question: str, history: Sequence[Exchange]) -> bool:
    """Whether a model's rewriting may be searched with: one question, in words of the
    conversation, with the names and numbers of the question, without anything of an answer but
    names, and without an open back-reference."""
    text = squeeze(rewritten)
    if not text or len(text) > LONGEST or "\n" in rewritten.strip() or "?" in text.rstrip("?"):
        return False
    asked = [question, *(turn.question for turn in history[-REMEMBERED:])]
    titles = [title for turn in history[-REMEMBERED:] for title in turn.titles]
    named = [n.text for turn in history[-REMEMBERED:] for n in names_asked(turn.answer)]
    known = stems(" ".join([*asked, *titles, *(n for n in named if not _FIGURE.fullmatch(n))]))
    if not set(stems(text)) <= set(known):
        return False
    if not set(numbers_in(text)) <= {n for one in [*asked, *titles] for n in numbers_in(one)}:
        return False
    kept = {w for w in words(uncounted(question)) if not _LEFT_OUT.fullmatch(w)}
    if not set(stems(" ".join(sorted(kept)))) <= set(stems(text)):
        return False
    return standalone(text, history) == text
