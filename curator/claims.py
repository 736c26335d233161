"""What of a draft's sentence is to be checked, and which sentences claim nothing of a paper.

A sentence counts as a claim unless it is clearly none: letting one through unchecked is worse
than marking a phrase too many. Nothing here decides whether a claim is true.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from curator.grounding import names_in, numbers_in, stems
from curator.markdown_sentences import Kind
from curator.mentions import short_names, without_pointers
from curator.paper import Paper
from curator.text import fold, plain, squeeze, title_key

__all__ = ["Nothing", "claim_of", "may_be_claim", "says_nothing"]

Nothing = Literal[
    "names the paper",
    "authors, venue or date, as stored",
    "a question",
    "a greeting",
    "says nothing of a paper",
    "a heading",
    "the head of a table",
]

# Words of links and brackets that say only where something is.
_LABELS = frozenset(
    re.findall(
        r"\w+",
        "abs abstract and arxiv article blog code data dataset demo doi github here hf html hugging"
        " face link links model models or page paper pdf post poster preprint project repo slides "
        "source talk the thread tweet url version video website weights",
    )
)
# Words of sentences that speak of the newsletter, its writer and its readers.
_TALK = frozenset(
    stems(
        "afternoon again all along also always archive around ask back bit bonus break brief "
        "briefly busy catch caught cheers check choice click coffee collection come comment "
        "continue cover curate curated day dear deep digest discuss dive dozen edition editor "
        "email end enjoy enjoyed enough evening eye far favorite favourite feel finally five "
        "follow forget forward four friday friend fun get give glad go good great happy hear "
        "hello help here hey hi highlight hope inbox interesting introduction issue item join "
        "just keep last later leave let like link little look lot love mail mention monday month "
        "morning need newsletter next nice note now once other paper people pick place please "
        "plus post preprint promise quick quickly read reader reading recommend recommended "
        "regards reply rest roundup saturday say season section see send sent share sign sincerely "
        "skip soon sponsor standout start stay story subscribe subscriber summary sunday sure take "
        "tell thank thanks thing think thought three thursday today together tomorrow top topic "
        "tuesday tuned two unsubscribe until up upcoming usual want warmly watch way wednesday "
        "week weekend weekly welcome well wish worth year yesterday yours s ll re ve"
    )
)
# Of these, what an opinion of a paper itself is made of ("It is a great read").
_OPINION = frozenset(
    stems(
        "day enjoy enjoyed favorite favourite fun glad good great happy highlight interesting "
        "issue love month must nice note other paper pick please quick read reading recommend "
        "recommended section standout today top topic week well wish worth year s"
    )
)
_ABOUT_IT = re.compile(r"^\W*(?:it|its|they|their|this|these|the|here it|we|our)\b", re.I)
_GREETING = re.compile(
    r"^\W*(?:(?:hi|hello|hey|dear|welcome|thank you|see you)\b"
    r"|good (?:morning|afternoon|evening|day)\b"
    r"|thanks\b(?! to (?!all\b|every|our\b|you))|happy (?:\w+day|new|reading|weekend|holidays)\b"
    r"|until (?:next|then)(?=\s(?:time|week|month|issue)|\W*$)"
    r"|(?:all the )?(?:best|cheers|regards|yours|warmly|sincerely)(?: wishes| regards| truly"
    r"| sincerely)?(?=,|\W*$))",
    re.I,
)
_GREETING_WORDS = 12
_STATES = re.compile(
    r"\b(?:is|are|was|were|can|cannot|beats?|cuts?|doubl\w+|halv\w+|improv\w+|outperform\w*"
    r"|reduc\w+|achiev\w+|surpass\w*|solv\w+|mak\w+|shows?|prov\w+|wins?|gains?|lowers?|rais\w+"
    r"|speeds?|learns?|needs?|fails?|match\w*|reach\w*|sets?|gets?|runs?|trains?|halluc\w+)\b",
    re.I,
)
_SPEAKS_OF_RESEARCH = re.compile(
    r"\b(?:papers?|preprints?|stud(?:y|ies)|authors?|researchers?|et al|propos\w+|introduc\w+"
    r"|outperform\w*|achiev\w+|state[- ]of[- ]the[- ]art|benchmarks?|datasets?|experiments?"
    r"|results?|findings?|method|approach|framework|baselines?|ablations?)\b",
    re.I,
)
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]")
_SEPARATOR = re.compile(r"[”\"’']?(?:\s*[:|—]\s*|\s+[-–]+\s+|[.?!,][”\"’']?\s+)")
_LOOKED_AT = 400  # characters in which a label ends
_MONTHS = (
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)


def claim_of(text: str, papers: Sequence[Paper]) -> str:
    """The sentence without what only points to its papers: addresses and identifiers, "(paper)"
    and the like, and a title or name before a colon or dash, or in 'In "TITLE", ...'."""
    keys = _keys(papers)

    def bracket(match: re.Match[str]) -> str:
        inner = match[1] if match[1] is not None else match[2]
        words = re.findall(r"\w+", fold(inner))
        empty = all(word in _LABELS for word in words) or title_key(inner) in keys
        return " " if empty or _is_byline(inner, papers) else match.group()

    kept = squeeze(_BRACKETS.sub(bracket, without_pointers(text)))
    kept = re.sub(r"\s+([.,;:!?])", r"\1", kept)
    cut = 0
    for match in _SEPARATOR.finditer(kept[:_LOOKED_AT]):
        head = re.sub(r"^(?:In|From)\s+", "", kept[: match.start()])
        said = match.group().strip(" ”\"’'")
        if title_key(head) in keys and (said != "," or head != kept[: match.start()]):
            cut = match.end()
    return kept[cut:].lstrip(" ,;:.–—|•·*").strip()


def says_nothing(text: str, claim: str, papers: Sequence[Paper], kind: Kind) -> Nothing | None:
    """Why a sentence claims nothing of a paper; None if it does. ``papers`` are those that it
    names, as far as they are known."""
    if kind == "header":
        return "the head of a table"
    if _only_names(claim, papers):
        return "names the paper" if papers or without_pointers(text) != text else _NONE
    if _is_byline(claim, papers):
        return "authors, venue or date, as stored"
    said = set(stems(claim))
    names = {stem for paper in papers for stem in stems(" ".join(short_names(paper.title)))} & said
    if _is_greeting(claim) and not names:
        return "a greeting"
    if kind == "heading" and not _is_headline(claim, papers):
        return "a heading"
    if re.search(r"\?[\"”’')]*$", claim):
        return "a question"
    of_it = _ABOUT_IT.match(claim) or names
    allowed = (_OPINION if of_it else _TALK) | names
    if said <= allowed and not _measures(claim):
        return _NONE
    return None


_NONE: Nothing = "says nothing of a paper"


def _only_names(claim: str, papers: Sequence[Paper]) -> bool:
    key = title_key(claim)
    within = len(key) > 3 and any(key in title_key(paper.title) for paper in papers)
    labels = all(word in _LABELS for word in re.findall(r"\w+", fold(claim)))
    return not key or within or labels or key in _keys(papers)


def _is_greeting(claim: str) -> bool:
    short = len(claim.split()) <= _GREETING_WORDS and not numbers_in(claim)
    return short and _GREETING.match(claim) is not None


def may_be_claim(claim: str) -> bool:
    """Whether a sentence about no paper in particular may be about one all the same."""
    return bool(numbers_in(claim) or _strong_names(claim) or _SPEAKS_OF_RESEARCH.search(claim))


def _strong_names(claim: str) -> bool:
    return any(not name.isalpha() or not name[1:].islower() for name in names_in(claim))


def _measures(claim: str) -> bool:
    """Whether it has a figure that counts more than the papers of a newsletter."""
    return any(not n.isdigit() or len(n) > 2 for n in numbers_in(claim))


def _is_headline(claim: str, papers: Sequence[Paper]) -> bool:
    """Whether a heading says something of the paper that it names."""
    return bool(papers) and bool(numbers_in(claim) or _STATES.search(claim))


def _keys(papers: Sequence[Paper]) -> set[str]:
    """Titles and names in the form they are compared in."""
    texts = [text for paper in papers for text in (paper.title, *short_names(paper.title))]
    return {key for key in map(title_key, texts) if key}


def _is_byline(text: str, papers: Sequence[Paper]) -> bool:
    """Whether a phrase holds only what the library knows about a paper besides its text."""
    words = _split(text)
    for paper in papers:
        about = [*paper.authors, paper.venue or "", *paper.categories, _MONTHS]
        known = {word for word in _split(" ".join(map(plain, about))) if not word.isdigit()}
        dates = [date for date in (paper.published, paper.listed) if date]
        years = {date[:4] for date in dates}
        if words & years:  # a day or month alone may be a figure
            known |= {form for d in dates for n in d.split("-") for form in (n, str(int(n)))}
        if words - known <= {"by", "and", "et", "al", "authors", "author", "others", "in", "at"}:
            return True
    return False


def _split(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", fold(text)))
