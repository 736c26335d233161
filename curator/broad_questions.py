"""Broad questions: what is being done about a topic, rather than what some paper says.

They are told by how they begin ("what are people doing about ...", "recent work on ..."); what
asks for anything more than a survey of the topic is no such question.
"""

from __future__ import annotations

import re

from curator.grounding import stems
from curator.text import squeeze

__all__ = ["broad_topic"]

_MOST_WORDS = 12  # a topic that takes more is a question of its own
_WHO = r"(?:people|researchers|others|authors|groups|labs|scientists|everyone|the community|we)"
_WORK = r"(?:work|research|papers|studies|literature|progress|advances|developments|results)"
_RECENT = r"(?:recent|latest|current|new|existing|ongoing)"
_KINDS = r"(?:approach|method|technique|strateg|line of work|direction|idea|solution|way|remed)"
_KIND = rf"{_KINDS}(?:s|es|y|ies)?"
_LINES = rf"(?:{_KIND}|lines of (?:work|research)|research directions)"
_WHAT = r"(?:what|which)"
_EXIST = (
    r"(?:are there|exist|are known|are being (?:tried|explored|developed)|do people (?:use|try))"
)
_TOPIC = r"(?P<topic>.+?)"

_PATTERNS = [
    re.compile(pattern, re.I)
    for pattern in (
        rf"what (?:are|is|have|has) {_WHO} (?:been )?(?:currently )?(?:doing|working on|trying|"
        rf"tried|done)(?: (?:about|on|in|with|around|for|against))? {_TOPIC}",
        rf"what (?:is being|is|has been|was) done (?:about|on|in|with|around|for|against) {_TOPIC}",
        rf"what (?:is|has been) (?:happening|going on|new) in (?:the )?(?:field|area|world) of "
        rf"{_TOPIC}",
        rf"what is (?:happening|going on) (?:in|with|around) {_TOPIC}",
        rf"what(?: {_RECENT})? {_WORK} (?:is there|are there|exists?|has been done|is being done) "
        rf"(?:about|on|in|for) {_TOPIC}",
        rf"(?:give (?:me )?)?(?:an |a |the )?(?:\w+ )?overview (?:of|on|about|over) {_TOPIC}",
        rf"overview[:,] {_TOPIC}",
        rf"(?:give me|write|I (?:need|want)|can you give me|could you give me) an? (?:\w+ )?"
        rf"overview (?:of|on|about|over) {_TOPIC}",
        rf"(?:summari[sz]e|survey|outline|sketch) (?:the |all )?(?:{_RECENT} )?{_WORK} "
        rf"(?:on|in|about) {_TOPIC}",
        rf"{_WHAT} (?:{_RECENT} |different |main |common )?{_LINES} "
        rf"(?:to|for|of|against|in|on) {_TOPIC} {_EXIST}",
        rf"{_WHAT} (?:{_RECENT} |different |main |common )?{_LINES} {_EXIST} "
        rf"(?:to|for|of|against|in|on) {_TOPIC}",
        rf"{_WHAT} are (?:the |some )?(?:{_RECENT} |different |main |common |major )?{_LINES} "
        rf"(?:to|for|of|against|in|on) {_TOPIC}",
        rf"how (?:are|do|have) {_WHO} (?:currently )?(?:approach|approaching|approached|tackle|"
        rf"tackling|tackled|address|addressing|addressed|dealing with|deal with) {_TOPIC}",
        rf"(?:(?:what is|what are|show me|find) )?(?:the )?{_RECENT} {_WORK} (?:on|in|about|for) "
        rf"{_TOPIC}",
        rf"what does (?:the|this) (?:literature|library) say about {_TOPIC}",
        rf"what (?:are the )?(?:{_RECENT} |main )?trends (?:are there )?in {_TOPIC}",
    )
]
_POLITE = re.compile(r"^(?:(?:please|hey|hi|ok|so|and|now|can you|could you|tell me)\b,? )+", re.I)
_SHORT = re.compile(r"\b(what|who)['’]s\b", re.I)
_HERE = re.compile(r" (?:in|from) (?:my|our|the|this) library$", re.I)
# What asks for more than a survey: a second question, a comparison, a figure, one paper.
_MORE = re.compile(
    r",? (?:and|or|but) (?:how|what|which|why|who|when|where|does|do|is|are)\b|[?;]|"
    r"\b(?:which|who|that|how (?:much|many|well|far)|compared? (?:to|with)|according to|"
    r"(?:the|this|that|these|those) (?:paper|authors?|study|survey|article)s?)\b",
    re.I,
)


def broad_topic(question: str) -> str | None:
    """The topic that a broad question asks about; None for any other question."""
    text = _SHORT.sub(r"\1 is", squeeze(question).rstrip("?.! "))
    text = _HERE.sub("", _POLITE.sub("", text))
    for pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        if not match:
            continue
        topic = match["topic"].strip(" ,:")
        if len(topic.split()) > _MOST_WORDS or _MORE.search(f" {topic}"):
            return None
        # "What are people doing about it?" is a follow-up.
        return topic if stems(topic) else None
    return None
