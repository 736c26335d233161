"""What back-references in a question mean: "[2]", "the latter", "it", "the method".

A pronoun that has its noun in the question itself is left alone ("Does Voyager reuse its
skills?"), and so is the "it" of "Is it possible to ...?".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from curator.names_asked import data_like, name_of, names_asked

__all__ = ["AUXILIARY", "Talk", "counted", "pointed", "uncounted"]

AUXILIARY = r"does|do|did|is|are|was|were|has|have|had|can|could|will|would|should|may|might|must"


@dataclass(frozen=True)
class Talk:
    """``frame`` is the last question; ``about`` what the conversation is about, in order;
    ``titles`` those cited last."""

    frame: str
    about: list[str]
    titles: list[str]

    @property
    def one(self) -> str:
        return self.said[0] if self.about else ""

    @property
    def said(self) -> list[str]:
        """With the article that a name was used with."""
        return [f"the {n}" if f"the {n} " in f"{self.frame} " else n for n in self.about]

    @property
    def all(self) -> str:
        head, tail = self.said[:3][:-1], self.said[:3][-1:]
        return " and ".join([", ".join(head), *tail] if head else tail)

    @property
    def data(self) -> str:
        """The benchmark or data set that was spoken of."""
        named = [n.text for n in names_asked(self.frame) if data_like(n.text)]
        return named[-1] if named else self.one

    @property
    def counted(self) -> list[str]:
        """What "the second one" counts: what the last question named, else what was cited."""
        return self.about if len(self.about) > 1 else [name_of(title) for title in self.titles]


# ------------------------------------------------------------- "[2]", "the latter"

_NUMBERED = re.compile(r"(?:\b(?:paper|number|source|reference|no\.)\s*)?\[(\d{1,2})\]", re.I)
_NUMBER = re.compile(r"\b(?:paper|number|source|reference|no\.)\s+(\d{1,2})\b(?![.,]?\d)", re.I)
_PLACES = {
    "former": 0, "first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2,
    "fourth": 3, "fifth": 4, "last": -1, "latter": -1,
}  # fmt: skip
_PLACED = re.compile(
    r"\bthe\s+(?:(?P<pair>former|latter)(?:\s+(?:one|paper|model|method|approach|system))?"
    r"|(?P<place>1st|2nd|3rd|first|second|third|fourth|fifth|last)"
    r"(?:\s+(?:one|paper|model|method|approach|system|work|study|benchmark|technique|article)\b"
    r"|\s*(?=[?.!]|$)))",
    re.I,
)


def counted(text: str, talk: Talk) -> str:
    """The question with the names of the papers or systems that it counts out."""

    def cited(match: re.Match[str]) -> str:
        place = int(match[1]) - 1
        name = name_of(talk.titles[place]) if 0 <= place < len(talk.titles) else ""
        return name or match[0]

    def placed(match: re.Match[str]) -> str:
        place = _PLACES[(match["pair"] or match["place"]).lower()]
        among = talk.counted
        if len(among) < 2 or place >= len(among):
            return match[0]
        return among[place] or match[0]

    return _PLACED.sub(placed, _NUMBER.sub(cited, _NUMBERED.sub(cited, text)))


def uncounted(text: str) -> str:
    """The text without the numbers that it calls papers by."""
    return _NUMBER.sub("", _NUMBERED.sub("", text))


# ------------------------------------------------------------ "it", "the method"

# A follow-up points back early: after so many words, or so many before a comma, what is meant
# stands among them. Set on the questions of gold_qa_dev, evals/data and PubMedQA (668, all of
# which stand on their own: after another one, none of them is changed).
_EARLY, _BEFORE_COMMA = 8, 4
# "Rank-one updates: are they enough?"; "That is nice. Is it slow?" says nothing to be meant.
_TOPIC = re.compile(
    r"\s*(?!that\b|this\b|i\b|thank|so\b|it\b)\S+\s[^:;.]*(?:[:;]|--|\s[-–—]|\.\s)", re.I
)
_SHORT = 10  # words of a question that says too little to stand alone
# "IT" is none. "Which of these is ...", but "of these models".
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|their|It|Its|They|Them|Their)\b(?!-|['’])"
    r"|(?<=\bof )(?:these|those)\b(?!\s+(?!is\b|was\b|has\b|does\b)\w+s\b)"
)
_EXPLETIVE = re.compile(
    r"\bit\s+(?:(?:is|was|has been|would be|seems)\s+)?(?:(?:not|also|still|ever)\s+)?"
    r"(?:(?:possible|true|likely|necessary|important|known|clear|hard|difficult|easy|easier|better|worth|feasible|safe|useful|common|enough|best|"
    r"time|the case|said|assumed)\b.*?\b(?:to|that|for|if|whether|when|\w+ing)\b"
    r"|(?:takes?|costs?|makes?|pays?|means?|helps?|matters?)\b.*?\b(?:to|that|if|whether|sense)\b)",
    re.I,
)
_CLAUSE = re.compile(
    r"\b(?:when|whenever|wherever|unless|that|if|because|what|how|whether|while|before|after"
    r"|where|why|and|but|so|once|until|since|although|which|who)\b|[.;:?!]\s",
    re.I,
)
_NOBODY = re.compile(
    r"^\s*(?:the\s+authors?|you|we|i|people|one|researchers|others|anyone|experts)\b", re.I
)
_THINGS = "method|approach|technique|model|system|framework|algorithm|agent|architecture"
_DATA = "benchmark|dataset|data set|corpus|test set|environment"
_PAPERS = "paper|work|study|article|publication|preprint|survey"
_DEFINITE = re.compile(
    r"\b(?P<which>the|this|that|these|those)\s+(?:(?:proposed|new)\s+)?"
    rf"(?P<noun>(?:{_THINGS}|{_DATA}|{_PAPERS}|author)(?P<many>s|es)?)(?P<own>['’]s?)?(?![\w-])"
    r"(?!\s+(?:of|that|which|who|used|behind|size|sizes|weights?|parameters?|family|card|outputs?|"
    r"answers?|itself)\b)(?!\s+(?:in|from|by|for|with|called)\s+[A-Z])",
    re.I,
)
# "the benchmark built from ..." says which; "Is the benchmark built from ...?" does not.
_TOLD_APART = re.compile(r"\s+(?:\w+ed|built|made|known|shown|given|available|with|for)\b", re.I)
_SUBJECT = re.compile(rf"\s+(?:{AUXILIARY}|\w+s)\b", re.I)  # "... programs it evolves"
_SAID = re.compile(
    r"\b(?P<before>about|of|for|than|with|like|by)\s+(?:this|that)(?=[?.!,]|$)"
    rf"|\b(?P<aux>{AUXILIARY})\s+(?:this|that)\s+(?=(?:work|help|scale|generali[sz]e|compare|apply|"
    r"differ|perform|cost|better|worse|faster|slower|cheaper|useful|new|needed)\b)",
    re.I,
)
_WHO = re.compile(r"^who\s+(?:are|were|is)\s+(?:they|he|she)(?=[?.!]*$)", re.I)
_QUALITY = re.compile(
    r"\bthe\s+(?:(?:main|key|biggest|final)\s+)?(?:limitations?|limits|results?|findings?|"
    r"contributions?|conclusions?|drawbacks?|baselines?|advantages?|disadvantages?|code|abstract|"
    r"take-?aways?|weakness(?:es)?|strengths?|training data|idea)(?=\s*[?.!]*$)",
    re.I,
)
_WHICH_ONE = re.compile(rf"^which\s+(?:one\s+)?(?:{AUXILIARY}|performs|works|wins|scores)\b", re.I)
_NOT_BACK = r"(?!\s+(?:days?|week|month|year|years|library|time|question|case))"
_SOME = re.compile(rf"\b(?:this|these){_NOT_BACK}\s+[a-z]+", re.I)


def pointed(core: str, talk: Talk) -> str:
    """The question with back-references replaced by what they mean."""
    if not talk.about:
        return core
    if _WHO.match(core):
        return f"Who are the authors of {talk.one}?"
    text = _PRONOUN.sub(lambda m: _pronoun(m, talk), core)
    text = _DEFINITE.sub(lambda m: _definite(m, talk), text)
    if text != core or names_asked(core) or len(core.split()) > _SHORT:
        return text
    if text == core:
        text = _SAID.sub(
            lambda m: f"{m['before'] or m['aux']} {talk.one}{' ' * bool(m['aux'])}", core
        )
    if text == core:
        text = _QUALITY.sub(lambda m: f"{m[0]} of {talk.one}", text)
    if text == core and _WHICH_ONE.match(core) and len(talk.about) > 1:
        text = f"{core.rstrip('?.! ')}, {' or '.join(talk.about[:3])}?"
    if text == core and _SOME.search(core):
        text = f"{core.rstrip('?.! ')} in {talk.one}?"
    return text


def _pronoun(match: re.Match[str], talk: Talk) -> str:
    word = match[0].lower()
    text, at = match.string, match.start()
    if _EXPLETIVE.match(text, at) or _bound(word, text[:at], text[match.end() :]):
        return match[0]
    meant = talk.one if word in ("it", "its") else talk.all
    return _possessive(meant) if word in ("its", "their") else meant


def _far(before: str) -> bool:
    """Whether so much stands before a back-reference that it is not the conversation's."""
    first, comma, _ = before.partition(",")
    enough = len(before.split()) >= _EARLY or bool(comma and len(first.split()) >= _BEFORE_COMMA)
    return enough or _TOPIC.match(before) is not None


def _bound(word: str, before: str, after: str) -> bool:
    """Whether the question itself has, before the pronoun, what that means. "It" as an object
    is never the subject of its own clause."""
    if _far(before):
        return True
    names = names_asked(before)
    aux = re.search(rf"\b({AUXILIARY})\b", before, re.I)
    rest = before[aux.end() :] if aux else ""
    between = before[names[-1].end :] if names else rest
    apart = word in ("its", "their", "they") or _CLAUSE.search(between) is not None
    if word == "it" and between.strip() and _SUBJECT.match(after):
        apart = True
    if names:
        return apart and not (word == "their" and len(names) == 1 and aux is None)
    if aux is None:
        return apart and bool(re.search(r"\b(?:an?|any|every|each)\s+\w+", before, re.I))
    if not rest.strip() or _NOBODY.match(rest):
        return False
    if aux[1].lower() in ("do", "are", "were", "have"):
        many = True
    elif aux[1].lower() in ("does", "is", "was", "has"):
        many = False
    else:
        many = re.search(r"^\s*(?:an?|the|one|every|each)\s", rest, re.I) is None
    return apart and many == (word in ("they", "them", "their"))


def _definite(match: re.Match[str], talk: Talk) -> str:
    before = match.string[: match.start()]
    noun = match["noun"].lower()
    if noun == "work" and re.search(r"\b(?:does|did|can|could|will|would|should)\s*$", before):
        after = match.string[match.end() :]
        if not re.match(r"\s*(?:[?.!,]|$|(?:for|in|on|with|so|when|if|as)\b)", after):
            return f"the {talk.one} paper"
        return f"{talk.one} work"
    if _far(before) or (names_asked(before) and match["which"].lower() == "the"):
        return match[0]
    told = _TOLD_APART.match(match.string, match.end())
    if told and not re.search(r"\b(?:is|are|was|were)\s*$", before):
        return match[0]
    if noun.startswith("author"):
        return f"the authors of {talk.one}"
    if re.fullmatch(f"(?:{_PAPERS})s?", noun):
        meant = (talk.all if match["many"] else talk.one).removeprefix("the ")
        made = f"the {meant} paper{match['many'] or ''}"
    elif re.fullmatch(f"(?:{_DATA})s?", noun):
        made = talk.data
    else:
        made = talk.all if match["many"] else talk.one
    return _possessive(made) if match["own"] else made


def _possessive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"
