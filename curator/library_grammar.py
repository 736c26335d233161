"""The words in which people ask about their library, as patterns.

`curator.library_questions` reads questions by them. A head begins a question and says what is
asked; clauses follow it, each of them narrowing down which papers are meant.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = [
    "CLAUSES",
    "DONE",
    "HAVE",
    "HEADS",
    "LIBRARY",
    "MOST_WORDS",
    "NAMED",
    "NOT_ALONE",
    "NOT_IN_NAMES",
    "NOUNS_TOO",
    "POLITE",
    "SHELVES",
    "SHORT",
    "TOPIC_FIRST",
]

_I = r"(?:I|we|you)"
_PAPERS = r"(?:papers?|articles?|preprints?|publications?|abstracts?)"
LIBRARY = (
    r"(?:(?:my|our) (?:\w+ )?(?:library|collection|catalog(?:ue)?|database)|(?:the|this) library"
    r"|here)"
)
DONE = {
    "like": "liked", "liked": "liked", "dislike": "disliked", "disliked": "disliked",
    "read": "read", "add": "added", "added": "added", "save": "added", "saved": "added",
    "import": "added", "imported": "added", "collect": "added", "collected": "added",
}  # fmt: skip
_VERB = "(?P<verb>" + "|".join(sorted(DONE, key=len, reverse=True)) + ")"
SHELVES = {
    "author": "authors", "venue": "venues", "journal": "venues", "conference": "venues",
    "categor": "categories", "tag": "tags", "topic": "tags", "source": "sources",
    "feed": "sources",
}  # fmt: skip
_SHELF = r"(?P<shelf>author|venue|journal|conference|categor|tag|topic|source|feed)(?:s|y|ies)?"
_MOST = r"(?:most (?:common|frequent|frequently used|used|prolific|represented)|top)"

POLITE = re.compile(
    r"^(?:(?:please|hey|hi|ok|okay|so|and|now|also|well|"
    r"(?:can|could|would) you(?: please)?(?: tell me)?|tell me|do you know|"
    r"I (?:want|would like|need) to (?:know|see))\b,? )+",
    re.I,
)
SHORT = [
    (re.compile(r"\b(what|which|who|that|there|where|when)['’]?s\b(?<=['’]s)", re.I), r"\1 is"),
    (re.compile(r"\b(I|we|you)['’]ve\b", re.I), r"\1 have"),
    (re.compile(r"\b(have|did|are|is|do|were|was|has)n['’]t\b", re.I), r"\1 not"),
]

# How a question may begin, and what it then asks. ``mark`` and ``verb`` are read by `_begun`.
HEADS: list[tuple[re.Pattern[str], dict[str, Any]]] = [
    (re.compile(pattern, re.I), effect)
    for pattern, effect in (
        # the last ones
        (rf"when did {_I} (?:last|most recently) {_VERB}(?: (?:any|some|new|a|the|my|of)\b)*"
         rf"(?: (?:{_PAPERS}|something|anything))?", {"kind": "last", "direct": True}),
        (rf"(?:when|how long ago) (?:was|were) (?:the|my) (?:last|latest|newest|most recent) "
         rf"{_PAPERS} {_VERB}", {"kind": "last", "direct": True}),
        (rf"when was the last time(?: that)? {_I} {_VERB}(?: (?:any|some|new|a|the|my)\b)*"
         rf"(?: (?:{_PAPERS}|something|anything))?", {"kind": "last", "direct": True}),
        (r"when was (?:my|the|this) library last (?:updated|added to)",
         {"kind": "last", "dated": "added", "direct": True}),
        (rf"(?:what|which {_PAPERS}) (?:did|have) {_I} {_VERB} (?:last|most recently)",
         {"kind": "last", "direct": True}),
        (rf"(?:what|which {_PAPERS}) did {_I} (?:last|most recently|just) {_VERB}",
         {"kind": "last", "direct": True}),
        (rf"(?:(?:what|which) (?:is|are|was|were) )?(?:the|my) (?:last|latest|most recent) "
         rf"(?:{_PAPERS}|thing)(?: that)? {_I} {_VERB}", {"kind": "last", "direct": True}),
        # who and what there is
        (rf"(?:(?:which|what|who) (?:is|are) |list |show )?(?:the |my )?{_MOST} {_SHELF}",
         {"shelf": True, "top": ("authors", "venues")}),
        (rf"(?:which|what) {_SHELF} (?:has|have) (?:the )?most {_PAPERS}"
         rf"(?: (?:of|from|by|in))?", {"shelf": True, "top": True}),
        (rf"(?:which|what) {_SHELF} (?:appears?|occurs?|comes? up|(?:is|are)(?: used)?) "
         rf"(?:the )?most(?: often| frequently| frequent| common)?", {"shelf": True, "top": True}),
        (rf"(?:(?:of )?(?:which|what) {_SHELF}|who(?P<who>m|se)?) do {_I} have (?:the )?most "
         rf"{_PAPERS}(?: (?:of|from|by|in))?", {"shelf": True, "direct": True}),
        (rf"who has (?:written |published )?(?:the )?most {_PAPERS}", {"kind": "authors"}),
        (rf"(?:which|what) {_SHELF} are there", {"shelf": True, "top": True}),
        (rf"(?:which|what|how many)(?: different)? {_SHELF}", {"shelf": True}),
        (rf"(?:list|show)(?: me)?(?: all)?(?: of)?(?: my| the| our)* {_SHELF}",
         {"shelf": True, "direct": True}),
        # what is new
        (r"did (?:anything|something) (?:new )?(?:come in|arrive)",
         {"kind": "papers", "dated": "added", "news": True}),
        (r"(?:what is|(?:is there )?anything|something|what (?:has come|came)(?: in)?|"
         r"what (?:has |have )?arrived|what (?:was|were|has been|is) added)(?: new)?"
         r"(?<!what is)(?<!thing)", {"kind": "papers", "dated": "added", "news": True}),
        (rf"(?:which|what|how many|are there any|any|list|show me) (?:{_PAPERS} are new|new "
         rf"{_PAPERS}(?: are there| do {_I} have| came in| arrived)?)",
         {"kind": "papers", "dated": "added", "news": True}),
        # papers
        (rf"what (?:did|have) {_I}(?: not)? {_VERB}(?: yet)?", {"kind": "papers", "direct": True}),
        (rf"how (?:big|large) is {LIBRARY}", {"kind": "papers", "direct": True}),
        (rf"(?:list|show)(?: me)? (?:everything|all)(?: that)? {_I} (?:have )?{_VERB}",
         {"kind": "papers", "direct": True}),
        (rf"(?:how many|(?:(?:what is|give me) )?(?:the )?number)"
         rf"(?: of (?P<own>my|our|the|all)| of)?(?: (?P<mark>unread|read|liked|disliked))? "
         rf"{_PAPERS}", {"kind": "papers"}),
        (rf"(?:do|have) {_I} (?:have|got|own) (?:any|some|many)"
         rf"(?: (?P<mark>unread|liked|disliked))? {_PAPERS}",
         {"kind": "papers", "direct": True, "clause": True}),
        (rf"are there (?:any|some|many)(?: (?P<mark>unread|liked|disliked))? {_PAPERS}",
         {"kind": "papers", "clause": True}),
        (rf"(?:list|show|show me|give me|count)(?: all)?(?: (?:of )?(?:my|the|our))?"
         rf"(?: (?P<mark>unread|read|liked|disliked))? {_PAPERS}",
         {"kind": "papers", "direct": True}),
        (rf"(?:(?:what|which) (?:is|are) )?(?:(?P<own>my|our)|the)?(?: )?(?:latest|newest|"
         rf"most recent|(?P<oldest>oldest|earliest)) {_PAPERS}", {"kind": "papers", "ask": True}),
        (rf"(?:which|what)(?: of (?P<own>my|our))?(?: (?P<mark>unread|liked|disliked))? {_PAPERS}",
         {"kind": "papers", "ask": True}),
        (rf"(?:(?P<own>my|our) |all )?(?P<mark>unread|liked|disliked) {_PAPERS}",
         {"kind": "papers"}),
        (rf"{_PAPERS}(?= (?:that )?{_I} )", {"kind": "papers", "ask": True}),
    )
]  # fmt: skip
# "How many RAG papers do I have?": the topic stands before its noun.
TOPIC_FIRST = re.compile(
    rf"(?:how many|which|what|do {_I} have (?:any|some|many)|"
    rf"(?:list|show)(?: me)?(?: all)? (?:my|the))"
    rf"(?: (?P<mark>unread|liked|disliked))? (?P<topic>\S+(?: \S+){{0,2}}?) {_PAPERS}",
    re.I,
)

CLAUSES: list[tuple[re.Pattern[str], dict[str, Any]]] = [
    (re.compile(pattern, re.I), effect)
    for pattern, effect in (
        (rf"(?:that )?(?:do|did) {_I} (?:currently |already |still )?(?:have|own|hold)(?: got)?"
         rf"(?: {_PAPERS} (?:of|from|by|in))?", {"direct": True}),
        (rf"have {_I} (?:got|added {_PAPERS} (?:from|by|in|of))", {"direct": True}),
        (rf"do my {_PAPERS} (?:come from|belong to|have)", {"direct": True}),
        (rf"(?:that )?{_I} (?:already |currently )?(?:have|own)(?: got)?", {"direct": True}),
        (rf"(?:that )?(?:(?:is|are) (?:there )?)?(?:stored |kept )?(?:in |of |from )?{LIBRARY}",
         {"direct": True}),
        (r"of mine|to my library", {"direct": True}),
        (r"(?:are |is )?there(?: (?:in total|altogether|overall))?|in total|altogether|overall|"
         r"so far|(?:right )?now|currently|at the moment", {}),
        (r"(?:that )?(?:(?:is|are) )?(?:still |currently )?(?:marked (?:as )?)?(?P<mark>unread)|"
         r"(?:that )?(?:is|are) (?:still |currently )?(?:marked (?:as )?)?"
         r"(?P<mark2>not read|unread|read|liked|disliked)(?: yet)?", {"direct": True}),
        (rf"(?:do {_I} |{_I} )(?:still )?(?:have|need)(?: still)?(?: left)? to read",
         {"direct": True, "marks": ("unread",)}),
        (rf"(?:have|did|do) (?:not )?{_I} (?:still )?(?P<not>not |never )?(?:already |ever )?"
         rf"{_VERB}(?: yet| already)?", {"direct": True}),
        (rf"(?:that |which )?{_I} (?:have |had |did )?(?P<not>not |never )?(?:already )?{_VERB}"
         rf"(?: yet| already)?", {"direct": True}),
        (r"(?:that )?(?:(?:were|was|have been|has been|got) )?(?:newly )?"
         r"(?:added|imported)(?: to (?:my|the) library)?|"
         r"(?:that )?(?:came in|(?:have|has) come in|(?:have |has )?arrived)",
         {"direct": True, "dated": "added"}),
        (r"(?:that )?(?:(?:were |was |are )?(?:published|dated)|are)", {"timed": True}),
    )
]  # fmt: skip

NAMED: list[tuple[str, re.Pattern[str]]] = [
    ("tag", re.compile(r"(?:that )?(?:(?:is|are) |have been )?tagged"
                       r"(?: with| as)? |(?:with|having|that have|have) the tag ", re.I)),
    ("category", re.compile(r"(?:(?:is|are) )?(?:in|from|of) (?:the )?(?:arXiv )?category |"
                            r"(?:(?:is|are) )?(?:in|from|of) (?=(?:cs|stat|math|eess|"
                            r"econ|physics|cond-mat|astro-ph|q-bio|q-fin|nlin)\.[a-z-]{2,}\b)",
                            re.I)),
    ("source", re.compile(r"(?:that )?(?:(?:is|are|came|come) )?(?:from|of) (?:the )?"
                          r"(?:source|feed|file) |(?:(?:is|are) )?from (?=[a-z]+:\S|"
                          r"\S+\.[a-z]{2,5}\b)", re.I)),
    ("venue", re.compile(r"(?:that )?(?:(?:is|are|was|were) )?(?:published |presented )?"
                         r"(?:(?:in|at) (?:the )?(?:venue |journal )?|from the (?:venue|journal) )",
                         re.I)),
    ("author", re.compile(r"(?:that )?(?:(?:is|are|was|were) )?(?:written |co-?authored )?by ",
                          re.I)),
    ("origin", re.compile(r"from |of ", re.I)),
    ("topic", re.compile(r"(?:that )?(?:(?:is|are) )?(?:on|about|regarding|concerning|"
                         r"(?:related|relating) to)(?: the topic(?: of)?)? ", re.I)),
    ("mention", re.compile(r"(?:that )?(?:mention|mentioning|contain|deal with|dealing with|"
                           r"discuss) ", re.I)),
]  # fmt: skip
MOST_WORDS = {"tag": 4, "category": 1, "source": 1, "author": 5, "venue": 6, "origin": 5}

# A topic, a tag or a name holds none of these: they begin or carry a statement.
NOT_IN_NAMES = frozenset(
    re.split(
        r"\s+",
        """does do did is are was were be been being has have had can could will would should may
        might must that which who whom whose what how why when where whether this these those it
        its they them their he she his her i me my we our you your each every not there since
        until per than use uses used cover covers covered include includes included consider
        considered review reviewed report reports reported show shows showed shown find finds
        found propose proposes proposed present presents presented evaluate evaluated compare
        compared cite cites cited appear appears contain contains train trained analyse analysed
        analyze analyzed examine examined select selected annotate annotated collect collected
        screen screened average total paper papers article articles authors author survey's
        paper's most many all any some say says said make makes made achieve achieves reach
        reaches outperform outperforms release released publish published if because while omit
        omits""",
    )
)
# ... but for these at the end of several: "tool use".
NOUNS_TOO = frozenset(["use", "review", "report"])
NOT_ALONE = frozenset(
    re.split(" ", "arxiv average github wikipedia twitter time purpose topic the a an")
)

_IS_PAPER = r"(?:paper|article|preprint)"
HAVE = [
    re.compile(pattern, re.I)
    for pattern in (
        rf"(?:do|have) {_I} (?:already |currently )?(?:have|got|own|added|saved|read|liked) "
        rf"(?:the |a |an |this )?{_IS_PAPER} (?:called |titled |entitled |named |with the title )?"
        rf"(?P<name>.+?)(?: (?:already )?in {LIBRARY})?",
        rf"(?:do|have) {_I} (?:already |currently )?(?:have|got|own|added|saved|read|liked) the "
        rf"(?P<name>\S+(?: \S+){{0,7}}?) {_IS_PAPER}(?: (?:already )?in {LIBRARY})?",
        rf"(?:do|have) {_I} (?:already |currently )?(?:have|got|own|added|saved|read|liked) "
        rf"(?:the )?(?P<sure>.+?)(?: in {LIBRARY})?",
        rf"(?:is|are) (?:the )?(?:{_IS_PAPER} )?(?:called |titled )?(?P<name>.+?)(?: {_IS_PAPER})? "
        rf"(?:already |also )?(?:in|part of) {LIBRARY}",
        rf"is there (?:a|the) {_IS_PAPER} (?:called|titled|entitled|named) (?P<name>.+?)"
        rf"(?: in {LIBRARY})?",
    )
]
