"""What a one-sentence summary may be: the title, a stored sentence, a sentence made shorter.

A sentence is made shorter only by leaving out: a frame ("In this paper,", "Extensive
experiments show that"), what stands in brackets, a purpose before the statement, a clause after
it. What is left must be a sentence, begin like one, and pass the check against the sentence it
comes from; so nothing that bounds, doubts or denies goes missing (`curator.grounding`). After
Zajic et al. (2007), *Multi-candidate reduction*: many reductions are made, a scorer chooses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from curator.grounding import Grounder
from curator.sentences import split_sentences
from curator.text import fold, plain, title_key

if TYPE_CHECKING:
    from curator.paper import Paper

__all__ = ["MAX_WORDS", "Candidate", "Kind", "addresses_reader", "candidates_of", "shortened"]

Kind = Literal["title", "sentence", "compressed", "draft"]

MAX_WORDS = 30
# Fewer words say nothing of what was done: a system's name alone, a keyword.
MIN_WORDS = 4
MIN_TITLE_WORDS = 3
MAX_VARIANTS = 12
# Some scripts have no spaces between words.
MAX_CHARACTERS = 320

_FRAME = re.compile(
    r"^(?:(?:however|furthermore|moreover|additionally|in addition|finally|lastly|specifically|"
    r"in particular|concretely|thus|therefore|hence|consequently|as a result|accordingly|"
    r"to this end|to that end|towards? this (?:end|goal)|for this (?:purpose|reason)|"
    r"interestingly|notably|importantly|overall|here|herein|first(?:ly)?|second(?:ly)?|"
    r"more (?:specifically|precisely)|in summary|in conclusion|"
    r"(?:in|with) (?:this|the present|our) (?:paper|work|article|study|letter|report|thesis)),?"
    r" +(?!(?:of|is|are|that|to)\b))+",
    re.IGNORECASE,
)
_SHOWN = re.compile(
    r"^(?:(?:(?:we|the authors?|this (?:paper|work|study))(?: \w+ly| also| further| then)?"
    r" (?:show|demonstrate|find|observe|prove|report|establish|verify|confirm)s?"
    r"(?: (?:empirically|experimentally|theoretically))?"
    r"|(?:(?:our|the|these|extensive|comprehensive|empirical|experimental|numerical|thorough|"
    r"various|several|many|both|human|quantitative|qualitative) )*"
    r"(?:results?|experiments?|evaluations?|analys[ie]s|findings|simulations?|studies)"
    r"(?: (?:on|in|with|across|over|for) [^,;:]{1,80}?)?"
    r" (?:show|demonstrate|indicate|reveal|confirm|verify|prove)s?)"
    r",? that|it is (?:shown|demonstrated|found|proved|proven) that) +",
    re.IGNORECASE,
)
# A reason or an aim before the statement. What begins with "if", "when", "unlike" stays.
_AIM = re.compile(
    r"^(?:to|in order to|inspired by|motivated by|based on|building (?:up)?on|by|using|"
    r"towards?|with (?:the|this) (?:goal|aim)|following|leveraging) [^;:?]{3,220}?, +"
    r"(?=(?:we|our|this (?:paper|work)|it)\b)",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r" ?(?:\((?![^()]*(?:\bnot\b|\bno\b|\bonly\b))[^()]*\)|\[[^\[\]]*\])")
# After these the rest may go. No "but", "although", "while", "if", "on": they bound what is said.
_TAIL = re.compile(
    r",? (?:—|–|--) |; |: |,? (?:such as|e\.g\.|i\.e\.) ?|"
    r", (?:which|where|whose|including|thus|thereby|hence|leading to|resulting in|allowing|"
    r"enabling|making|yielding|achieving|showing|demonstrating|providing|so that|namely|"
    r"and (?:we|our|then|thus|show|demonstrate|find|provide|discuss|evaluate|analyze|propose)|"
    r"as well as)\b|"
    r",? (?:by [a-z]+ing|using|via|in order to|so as to|and (?:show|demonstrate|evaluate|"
    r"discuss|analyze|provide|find) )\b",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:(?:we|they|it)(?: \w+ly| also| further| then)? (?!(?:can|to)\b)[a-z]{3,}|is|are|was|"
    r"were|has|have|can|does|do|achieves?|outperforms?|improves?|reduces?|increases?|yields?|"
    r"provides?|allows?|enables?|learns?|produces?|performs?|generates?|uses?|requires?|"
    r"generali[sz]es?|leads?|results? in|makes?|shows?|demonstrates?|proposes?|presents?|"
    r"introduces?|describes?|studies|investigates?|explores?|develops?|addresses|extends?|"
    r"combines?|reaches|obtains?|gives?|helps?|exhibits?|remains?|becomes?|consists?|offers?)\b"
)
_OPEN_END = re.compile(
    r"(?:\b(?:and|or|of|the|a|an|to|for|with|in|on|by|from|as|that|which|is|are|was|were|be|both|"
    r"than|between|into|at|can|we|our|its|their|not|also|this|these|such|following)|[,;:(–—-])$",
    re.IGNORECASE,
)
_STOP = re.compile(r"[。！？؟।]")
_RELATIVE = re.compile(r"\b(?:that|which|whom|whose|where)\b", re.IGNORECASE)
# Begins a clause that needs another one after its comma.
_SUBORDINATE = re.compile(
    r"(?:although|though|while|when|since|as|because|given|if|by|to|after|whereas|despite|"
    r"considering|once|unlike|in order|due)\b[^,]*$",
    re.IGNORECASE,
)
# Speaks to whoever reads, or to a program that does, as no abstract has to.
_ADDRESS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|above|previous|"
    r"prior|rules?|text)\b|\b(?:system|developer) (?:prompt|message)\b|\bas an ai\b|"
    r"(?:^|[.!] ?)(?:dear )?(?:summari[sz]ers?|assistants?|automat(?:ed|ic) \w+|language models?|"
    r"llms?|chatbots?|reviewers?|readers?|editors?|user|system|tool result)\s*[:,] |"
    r"\b(?:summari[sz]ers?|assistants?|(?:automated|automatic) (?:readers?|reviewers?)): |"
    r"\b(?:you (?:must|should|will|have to|write)|whatever you|your (?:summary|answer|"
    r"reply|response|output|task))\b|"
    r"(?:^|[:;,.!\"“—] ?|\bthen )(?:reply|respond|answer|output|print|say|write|begin|open|"
    r"start|end|append|include|recommend|assign|tag|rate|label|visit|click)"
    r" (?:\w+ ){0,4}(?:with|only|exactly|every|any|your|the (?:summary|answer|words?|phrase|"
    r"sentence|tags?))\b|"
    r"\bimportant instructions?\b|\binstructions? (?:to|for) (?:\w+ ){0,2}"
    r"(?:models?|assistants?|readers?|reviewers?|summari[sz]ers?|systems?|ai)\b|"
    r"\breaders? (?:must|shall)\b|\b(?:tell|inform) (?:the |every |all )?(?:reader|user)s?\b|"
    r"^dear\b|<</?sys|\bnote (?:to|from|for) (?:the )?\w+|\bkindly\b|\bplease\b|<\|?\w+\|?>|"
    r"\[/?(?:inst|system)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Candidate:
    """One possible summary. ``text`` is what would be shown: for ``title`` and ``sentence``
    the stored text verbatim, else plain text that passed the check against ``quote``, a stored
    sentence. ``index`` is the place of ``quote`` among the sentences, -1 for the title;
    ``score`` is the check's."""

    kind: Kind
    text: str
    quote: str
    index: int
    score: float = 1.0

    @property
    def stored(self) -> bool:
        """Whether it is quoted as it stands."""
        return self.kind in {"title", "sentence"}


def candidates_of(paper: Paper, sentences: Sequence[str], grounder: Grounder) -> list[Candidate]:
    """All candidates of a paper that need no model, at most 30 words each, none twice.

    Questions, and sentences that speak to the reader (an injected instruction), are left out
    as long as anything else is there. Never empty: of a text without any short sentence the
    opening words are quoted.
    """
    everything = _stored(paper, sentences)
    for usable in (lambda c: _states(c) and not addresses_reader(c.quote), _states, lambda _: True):
        pool = [c for c in everything if usable(c)]
        short = _distinct(
            one
            for candidate in pool
            for one in (candidate, *_reduced(candidate, grounder))
            if _is_short(one.text)
        )
        if short:
            return short
    return [_opening(paper)]


def addresses_reader(text: str) -> bool:
    """Whether a text seems to give its reader an instruction."""
    return _ADDRESS.search(plain(text)) is not None


def shortened(sentence: str) -> list[str]:
    """Shorter sentences that leave out parts of a plain one; unchecked, without the sentence
    itself, longest first."""
    heads = {sentence}
    for pattern in (_FRAME, _SHOWN, _AIM):
        heads |= {pattern.sub("", head) for head in heads}
    heads |= {_FRAME.sub("", head) for head in heads}
    heads |= {_BRACKETS.sub("", head) for head in heads}
    whole = {head for head in heads if head != sentence and _is_whole(_body(head))}
    parts = whole | {
        body[: match.start()]
        for head in heads
        for body in (_body(head),)
        for match in _TAIL.finditer(body)
        if _is_clause(body[: match.start()])
    }
    made = {_as_sentence(part) for part in parts}
    usable = [m for m in made if len(m.split()) >= MIN_WORDS and fold(m) != fold(sentence)]
    return sorted(usable, key=lambda m: (-len(m), m))


def _stored(paper: Paper, sentences: Sequence[str]) -> list[Candidate]:
    found = []
    if len(title_key(paper.title)) > 8 and len(plain(paper.title).split()) >= MIN_TITLE_WORDS:
        found.append(Candidate("title", paper.title, paper.title, -1))
    return found + [Candidate("sentence", s, s, i) for i, s in enumerate(sentences)]


def _is_short(text: str) -> bool:
    return len(text.split()) <= MAX_WORDS and len(text) <= MAX_CHARACTERS


def _states(candidate: Candidate) -> bool:
    return not candidate.text.rstrip(" \"'”’)").endswith("?")


def _reduced(candidate: Candidate, grounder: Grounder) -> list[Candidate]:
    if candidate.kind != "sentence" or addresses_reader(candidate.quote):
        return []
    found = []
    for text in shortened(plain(candidate.quote))[:MAX_VARIANTS]:
        if _is_short(text):
            verdict = grounder.check(text, [candidate.quote])
            if verdict.supported:
                found.append(
                    Candidate("compressed", text, candidate.quote, candidate.index, verdict.score)
                )
    return found


def _opening(paper: Paper) -> Candidate:
    """The first words of a text without any sentence that is short enough."""
    spans = split_sentences(paper.abstract)
    text = spans[0].text if spans else paper.title.strip()
    words = list(re.finditer(r"\S+", text))[:MAX_WORDS]
    cut = text[: words[-1].end()] if words else text
    if len(cut) > MAX_CHARACTERS:
        ends = [m.end() for m in _STOP.finditer(cut[:MAX_CHARACTERS])]
        cut = cut[: ends[0] if ends else MAX_CHARACTERS]
    return Candidate("sentence", cut, cut, 0)


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The first of each text; those that stand first are quoted as they are."""
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        first.setdefault(fold(candidate.text).strip(" ."), candidate)
    return list(first.values())


def _body(text: str) -> str:
    return text.rstrip(" .!")


def _is_clause(text: str) -> bool:
    """Whether a beginning of a sentence can stand alone: it has a verb, also after its last
    "that" or "which", closes its brackets, and does not end in a word that wants another."""
    return all(_VERB.search(part) for part in (text, _RELATIVE.split(text)[-1])) and _is_whole(text)


def _is_whole(text: str) -> bool:
    return (
        _VERB.search(text) is not None
        and not _OPEN_END.search(text)
        and not _SUBORDINATE.match(text)
        and all(text.count(a) == text.count(b) for a, b in ("()", "[]", "“”"))
        and text.count('"') % 2 == 0
        and text.count("$") % 2 == 0
    )


def _as_sentence(text: str) -> str:
    text = _body(text.strip(" ,;:"))
    # iGPT and xLSTM begin in lower case.
    if re.match(r"[a-z]+(?:[ '’-]|$)", text):
        text = text[0].upper() + text[1:]
    return f"{text}."
