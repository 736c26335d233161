"""What a one-sentence summary may be: the title, a stored sentence, a sentence made shorter.

A sentence is made shorter only by leaving out: a frame ("In this paper,", "Extensive
experiments show that"), what stands in brackets, a purpose before the statement, a clause after
it, and of a sentence that is too long what describes the thing made. What is left must be a
sentence, begin like one, and pass the check against the sentence it comes from; so nothing that
bounds, doubts or denies goes missing (`curator.grounding`). After
Zajic et al. (2007), *Multi-candidate reduction*: many reductions are made, a scorer chooses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from curator.grounding import Grounder
from curator.text import fold, plain, title_key

if TYPE_CHECKING:
    from curator.paper import Paper

__all__ = ["MAX_WORDS", "Candidate", "Kind", "addresses_reader", "candidates_of", "shortened"]

Kind = Literal["title", "sentence", "compressed", "draft"]

MAX_WORDS = 30
# Fewer words say nothing of what was done: a system's name alone, a keyword.
MIN_WORDS = 4
MIN_TITLE_WORDS = 3
MIN_BARE_WORDS = 8
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
    r"discuss|analyze|provide|find|propose|introduce|observe|establish|achieve|obtain|prove|"
    r"develop|investigate|derive|argue|examine)s? |, and (?:uses?|trains?|tests?) )\b",
    re.IGNORECASE,
)
# What is made or looked at stays so without what describes it further: "We propose a network that
# sees at night" says that a network is proposed.
_MAKES = re.compile(
    r"^(?:we|this (?:paper|work|article|study)|the authors)(?: here)?(?: \w+ly)?"
    r" (?:propos|present|introduc|develop|describ|design|build|construct|formulat|study|studies|"
    r"investigat|analy[sz]|explor|examin|consider|address|provid|train|releas|publish|creat|deriv|"
    r"establish|implement|offer|contribut)\w* (?!to\b)",
    re.IGNORECASE,
)
_DESCRIBES = re.compile(
    r",? (?:that|which|who|whose|where|in which|to|for|with|by|using|based on|under|across|"
    r"inspired by|trained (?:on|with)|capable of|able to|as (?:well as|a)|instead of|rather than|"
    r"and (?=(?:\w+ly |also |then )?(?:propose|introduce|develop|describe|"
    r"apply|show|demonstrate|find|prove|observe|establish|provide|study|investigate|analy[sz]e|"
    r"explore|examine|evaluate|compare|derive|argue|discuss|achieve|obtain)s?\b))\b",
    re.IGNORECASE,
)
# After these something else is meant if the rest goes.
_BOUND = re.compile(
    r"\b(?:no|not|nor|never|only|neither|few|hardly|without|whether|if|how|why|what|when|from|"
    r"between|both|either|such|so|too|enough|more|less|fewer|rather|other|same)\b",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"[:;]|\be\.g\.|\bi\.e\.|"
    r"\b(?:\w+ing|aim|goal|use|set|fact|idea|up|respect|(?:and|well as) \w+)$",
    re.IGNORECASE,
)
_OPENS = re.compile(r"\b(?:that|which|who|whose|where|to)\b", re.IGNORECASE)
_VERB = re.compile(
    r"\b(?:(?:[Ww]e|[Tt]hey|[Ii]t)(?: \w+ly| also| further| then)? (?!(?:can|to)\b)[a-z]{3,}|"
    r"is|are|was|were|has|have|can|does|do|achieves?|outperforms?|improves?|reduces?|increases?|yields?|"
    r"provides?|allows?|enables?|learns?|produces?|performs?|generates?|uses?|requires?|"
    r"generali[sz]es?|leads?|results? in|makes?|shows?|demonstrates?|proposes?|presents?|"
    r"introduces?|describes?|studies|investigates?|explores?|develops?|addresses|extends?|"
    r"combines?|reaches|obtains?|gives?|helps?|exhibits?|remains?|becomes?|consists?|offers?)\b"
)
_OPEN_END = re.compile(
    r"(?:\b(?:and|or|of|the|a|an|to|for|with|in|on|by|from|as|that|which|is|are|was|were|be|both|"
    r"than|between|into|at|can|we|our|its|their|not|also|this|these|such|following|order)|[,;:(–—-])$",
    re.IGNORECASE,
)
# A pair of which one half is gone.
_HALF = re.compile(r"\b(?:both|between)\b(?!.* and )|\beither\b(?!.* or )", re.IGNORECASE)
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
    return [_opening(paper, sentences)]


def addresses_reader(text: str) -> bool:
    """Whether a text seems to give its reader an instruction."""
    return _ADDRESS.search(plain(text)) is not None


def shortened(sentence: str) -> list[str]:
    """Shorter sentences that leave out parts of a plain one; unchecked, without the sentence
    itself, longest first."""
    heads = {sentence}
    for pattern in (_FRAME, _AIM, _SHOWN, _AIM):
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
    parts |= {kept for head in heads for kept in _bare(_body(head))}
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


def _opening(paper: Paper, sentences: Sequence[str]) -> Candidate:
    """The first words of a text without any sentence that is short enough; those of the title
    where it has no sentence that may be shown."""
    text = sentences[0] if sentences else paper.title.strip()
    words = list(re.finditer(r"\S+", text))[:MAX_WORDS]
    cut = text[: words[-1].end()] if words else text
    if len(cut) > MAX_CHARACTERS:
        ends = [m.end() for m in _STOP.finditer(cut[:MAX_CHARACTERS])]
        cut = cut[: ends[0] if ends else MAX_CHARACTERS]
    return Candidate("sentence", cut, cut, 0) if sentences else Candidate("title", cut, cut, -1)


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
        and not _HALF.search(text)
        and not _SUBORDINATE.match(text)
        and all(text.count(a) == text.count(b) for a, b in ("()", "[]", "“”"))
        and text.count('"') % 2 == 0
        and text.count("$") % 2 == 0
    )


def _bare(text: str) -> list[str]:
    """What a sentence that is too long says is made or looked at, without all or some of its
    description."""
    start = _MAKES.match(text)
    if start is None or _is_short(text):
        return []
    found = []
    for match in _DESCRIBES.finditer(text, start.end()):
        kept, rest = text[: match.start()], text[match.end() :].lstrip()
        if _OPENS.search(kept, start.end()) or _BOUND.search(kept):
            break
        # "Slow Thinking to Learn" is one name.
        whole = _is_whole(kept) and not _ASIDE.search(kept) and not rest[:1].isupper()
        if whole and len(kept.split()) >= MIN_BARE_WORDS:
            found.append(kept)
    return found


def _as_sentence(text: str) -> str:
    text = _body(text.strip(" ,;:"))
    # iGPT and xLSTM begin in lower case.
    if re.match(r"[a-z]+(?:[ '’-]|$)", text):
        text = text[0].upper() + text[1:]
    return f"{text}."
