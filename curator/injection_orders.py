"""Orders to a program in English, for `curator.injections`: compared with folded text.

An order stands at the beginning of a sentence or clause, or is said to "you", to a program by
its name, or about what is made of "this paper".
"""

from __future__ import annotations

import re

__all__ = ["GOES_ON", "ORDERS", "RUN_TOGETHER"]

_PAPER = (
    r"(?:th(?:is|e (?:present|above|following|current|preceding)) (?:\w+ )?"
    r"(?:paper|work|article|abstract|study|manuscript|document|text|entry|record|preprint|"
    r"submission|page|publication|passage|item)\b)"
)
_MADE = (
    r"(?:summar(?:y|ies)|tl;?drs?|answers?|repl(?:y|ies)|responses?|outputs?|reviews?|digests?|"
    r"newsletters?|recommendations?|completions?|verdicts?|bullet points?)"
)
_TOOL = (
    r"(?:(?:(?:any|all|every|the|each|an?|dear|hey|hello|hi|ok|okay) ){0,3}"
    r"(?:(?:large |small )?language models?|llms?|ais?|ai (?:systems?|tools?|models?|"
    r"assistants?|agents?|readers?|reviewers?|summari[sz]ers?|bots?)|llm \w+|gpts?(?:-?\d\w*)?|"
    r"chatgpt|claude|gemini|copilot|chat ?bots?|bots?|(?:ai |digital |virtual )?assistants?|"
    r"summari[sz](?:ers?|ation (?:models?|systems?|tools?)|ing (?:models?|systems?|tools?))|"
    r"crawlers?|"
    r"search engines?|(?:re-?)?rank(?:ing|er) (?:models?|systems?)|tagging (?:models?|"
    r"components?)|indexers?|parsers?|taggers?|curators?|"
    r"rankers?|recommenders?|reviewers?|graders?|referees?|"
    r"(?:automat(?:ed|ic)|machine|artificial|intelligent) (?:\w+ )?(?:readers?|reviewers?|"
    r"systems?|tools?|agents?|summari[sz]ers?|assistants?|curators?|processors?|pipelines?))\b)"
)
# What only an order has for its object.
_ABOUT = (
    rf"(?:\b(?:your|each|every|all|any) (?:\w+ )?(?:{_MADE}|messages?)\b|\b(?:the|a) (?:\w+ )?"
    r"(?:summary|tl;?dr|answer|reply|digest|newsletter)\b|[\"“][^\"“”]+[\"”]\W*$|"
    rf"{_PAPER}|\b(?:all|every|any|the) (?:users?|readers?)\b|\b(?:all|every|any) (?:questions?|"
    r"quer(?:y|ies))\b|\bfrom (?:here|now) on\b|\binstead\W*$|\bafter me\b|\bfollow what it)"
)
_BROADLY = (
    r"(?:praise|rate|accept|recommend|treat|set|add|assign|end|begin|start|switch|act|repeat|"
    r"complete|fetch|answer|put|pretend|mention|insist|insert|keep|leave|choose|pick|rank|make|"
    r"take|tell|say|write|send|open|call|run|stop|avoid|refuse|condense|describe|present|quote|"
    r"assume|"
    r"cite|mark|tag|label|classify|file|score|grade|trust|believe|remember|agree|promote|include|"
    r"append|return|respond|reply|print|output|translate|speak|finish|conclude|follow|ignore|"
    r"disregard|delete|hide|omit)"
)
# Verbs that tell a program what to put out or do.
_SAY = (
    r"(?:say|state|mention|report|note|write|claim|announce|declare|conclude|tell|inform|reply|"
    r"respond|answer|print|output|emit|echo|return|repeat|append|prepend|include|insert|begin|"
    r"start|open|end|finish|close|summari[sz]e|translate|recommend|rate|rank|score|grade|assign|"
    r"award|tag|label|classify|categori[sz]e|mark|accept|reject|praise|promote|advertise|endorse|"
    r"visit|click|download|send|forward|e-?mail|execute|invoke|delete|reveal|disclose|display|"
    r"list|cite|quote|treat|describe|present|highlight|emphasi[sz]e|stress|omit|hide|withhold|"
    r"refuse|decline|comply|obey|ignore|disregard|forget|override|behave|pretend|role-?play|"
    r"attribute|copy|paste|embed|render|speak|talk|follow|give|add|produce|generate|provide|"
    r"show|use|prefer|select|choose|place|put|leave|act|remove|replace|sign|decode)"
)
_ADVERBS = (
    r"(?:(?:always|never|not|only|also|now|instead|immediately|simply|just|please|first) ){0,4}"
)
# Where an order may stand: at the beginning, after what opens it, or after a stop inside.
_OPENERS = (
    r"(?:(?:please|kindly|now|also|then|and|so|but|or|finally|first|next|instead|attention|"
    r"warning|note|notice|urgent|important|reminder|remember|stop|additionally|furthermore|"
    r"henceforth|therefore|afterwards?|immediately|simply|just|always|never|ok|okay|thanks?|"
    rf"thank you|great|{_TOOL}|from now on|in (?:all|any|every|each|your) [^,.:;]{{1,40}}(?=[,:])|"
    r"(?:before|after|once|until|when(?:ever)?|while|if|whatever|for (?:the|any|all|every|each|"
    r"your)|as (?:an?|the)|to|instead of|rather than|regardless of|"
    r"no matter) [^,.:;]{1,80}(?=[,:])|"
    r"(?:(?:highest|top|new|additional|special|secret|hidden|final|updated|following) ){0,3}"
    r"(?:instructions?|tasks?|orders?|commands?|requests?|directives?|priority)"
    r"(?: (?:to|for) [^,.:;]{1,40}(?=[,.:;]))?)[\s,:;.!—–-]+){0,4}"
)
_START = (
    r"(?:^\W*|[:;!?—–]\W+|(?<!i\.e)(?<!e\.g)(?<! al)\.\W+|"
    r", (?:and )?(?:then|instead|please|kindly) |"
    rf"\bplease ){_OPENERS}{_ADVERBS}"
)

_BEFORE = (
    r"(?:instructions?|prompts?|directions?|directives?|commands?|guidelines?|rules?|orders?|"
    r"context|constraints?|restrictions?|safeguards?|polic(?:y|ies)|"
    r"(?:what|that) (?:you|i|we|they|was|is) \w+|everything|all of (?:it|this|that)|"
    r"(?:the |all |any |this |that )*(?:above|foregoing)|"
    r"(?:text|content|sentences?|input|abstract|paper|data|tasks?|messages?|conversation)"
    r"(?: \w+){0,2} (?:above|before|preceding|previous|prior|so far)|"
    r"(?:above|before|preceding|previous|previously|prior|earlier)(?: \w+){0,2} "
    r"(?:text|content|sentences?|input|abstract|paper|data|tasks?|messages?|conversation))"
)
_NOT = r"(?:do not|don't|dont|must not|never|cannot|no longer|under no circumstances)"

ORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        # Drop what was said before.
        rf"{_START}(?:ignore|disregard|forget|override|overrule|bypass|discard|neglect|skip|"
        rf"abandon|cancel|stop following|{_NOT} (?:follow|obey|use)|pay no attention to)"
        rf"(?:\s+\S+){{0,5}}?\s+{_BEFORE}\b",
        rf"\byou (?:\w+ ){{0,3}}?(?:ignore|disregard|forget|override)(?:\s+\S+){{0,5}}?\s+"
        rf"{_BEFORE}\b",
        r"\b(?:all|any|the|your|these|those|previous|prior|earlier|above) (?:\w+ )?(?:previous |"
        r"prior |earlier |above |preceding )?(?:instructions?|prompts?|rules|guidelines|"
        r"restrictions)(?: above| before)? (?:are|is|were|was|have been|has been) (?:now |hereby |"
        r"all |only )*(?:void|cancel\w+|supersed\w+|revoked|obsolete|lifted|suspended|"
        r"overrid\w+|replaced|no longer|outdated|a test|invalid|withdrawn)\b",
        r"\b(?:supersedes?|overrides?|replaces?|takes? (?:precedence|priority) over|outranks?)"
        r"(?: \w+){0,3} (?:previous|prior|earlier|other|above|your|preceding)(?: \w+)?"
        r" (?:instructions?|prompts?|rules|guidelines|orders|directives)\b",
        r"^\W*(?:new|updated|additional|special|secret|hidden|real|actual|further|important)"
        r" (?:\w+ )?(?:instructions?|tasks?|directives?|orders?)"
        rf"(?: (?:to|for) (?:the |all |any )?{_TOOL})?\s*[:—–-]",
        # Roles and made-up ends.
        r"^\W*(?:system|developer|admin(?:istrator)?|root|operator|tool|function|assistant|user|"
        r"human)[ _-]?(?:prompt|message|note|override|result|output|update|notice|alert|"
        r"instructions?|command|directive|request|response|mode|call)s?\b[^.:]{0,30}[:—>\]]",
        rf"^\W*(?:system|assistant|developer|ai|chatbot|llm)\s*[:>\]]\s*(?:you\b|from now|new\b|"
        rf"please|ignore|the user|{_ADVERBS}{_SAY}\b)",
        r"(?:^|[.:;!—–-]\s*)(?:this is |here )?(?:the )?\W{0,3}(?:end|begin(?:ning)?|"
        r"start) of (?:the )?"
        r"(?:\w+ )?(?:abstracts?|documents?|papers?|texts?|inputs?|contexts?|evidences?|prompts?|"
        r"data|instructions?|messages?|conversations?|quotes?|sources?)\s*(?:[.:;!\])}>—–-]|$)",
        r"(?<!-)\b(?:begin|end) (?:system|admin|hidden|new|secret) (?:messages?|prompts?|notes?|"
        r"text|"
        r"instructions?|override|block|section)",
        r"\b(?:developer|debug|god|dan|maintenance|jailbreak|unrestricted|admin(?:istrator)?|sudo|"
        r"override) mode (?:is |has been )?(?:now )?(?:on|enabled|activated|engaged|unlocked)\b",
        # Said to "you".
        r"\byou are (?:now|no longer|hereby|required to|instructed to|asked to|ordered to|"
        r"(?:an? |the )(?:\w+ ){0,3}(?:assistant|ai|model|chatbot|bot|expert|reviewer|"
        r"summari[sz]er|pirate|assessor|system))\b",
        rf"(?<!what )(?<!all )(?<!everything )(?<!that )(?<!things )\byou (?:must|should|shall|"
        rf"have to|need to|ought to|will|can|may|are to|will now) {_ADVERBS}{_SAY}\b",
        rf"\byour (?:\w+ )?(?:{_MADE}|system prompt|(?:hidden |secret |previous |prior |earlier |"
        r"original |initial |new |real |actual |only )(?:prompts?|instructions?|tasks?|"
        r"rules?|guidelines|goals?))\b",
        r"\b(?:pretend|imagine|act as if|behave as (?:if|though)) (?:that )?you\b",
        rf"\b(?:if|since|because|as|whether) you(?:'re| are)? (?:an? |the )?(?:(?:\w+ )?{_TOOL}|"
        r"reading this|processing this|summari[sz]ing|reviewing|asked)",
        rf"\bas an? (?:\w+ )?{_TOOL},? (?:\w+ )?you\b",
        # Said to a program by its name.
        r"^\W*(?:dear|kindly)\b",
        rf"^\W*(?:hey|hello|hi|attention|calling|notes? (?:to|for)|message (?:to|for)|"
        rf"instructions? (?:to|for)|notice to|reminder (?:to|for)) (?:\w+ )?{_TOOL}"
        r"(?: \w+){0,6}?\s*[:,;—–!]",
        rf"^\W*(?:to|for) (?:\w+ )?{_TOOL}(?: \w+){{0,6}}?\s*(?:[:—–!]|, (?:please |you |{_SAY} ))",
        r"^\W*(?:to|for the attention of|attention,?|notes? (?:to|for)) (?:the |any |all |every )"
        r"(?:[\w-]+ ){0,3}(?:components?|modules?|models?|systems?|engines?|pipelines?|software|"
        r"programs?|bots?|agents?|algorithms?|readers?|editors?)\s*:",
        rf"\b(?:notes?|messages?|instructions?|reminders?|notices?|directives?) (?:to|for) {_TOOL}"
        rf"(?: \w+){{0,4}}\s*[:—]",
        rf"(?:^\W*|[:;.!—–]\s+){_TOOL}\s*[:,—–!-]\s*(?:please |you |kindly |always |never |do not |"
        rf"when |if |the correct |the right ){{0,2}}(?:{_SAY}\b|the |you )",
        rf"{_TOOL}(?: \w+ing (?:this|it)[\w ]{{0,30}}?)? (?:must|should|shall|has to|have to|"
        rf"are to|"
        rf"is to|needs? to|are (?:required|instructed|asked|requested|expected|ordered) to|is "
        rf"(?:required|instructed|asked|requested|expected|ordered|obliged|"
        rf"bound) to) {_ADVERBS}{_SAY}"
        r"\b[^.]*"
        rf"(?:{_PAPER}|[\"“”]|\bexactly\b|\bthe (?:words?|phrase|string|following|sentence)\b|"
        rf"\b(?:above|first|top|verbatim)\b)",
        rf"{_TOOL} (?:is|are) (?:obliged|bound) to\b",
        r"\breaders? (?:must|shall|should|are to|have to|need to) be (?:told|given|shown|informed|"
        r"directed|referred)\b",
        # About what is made of this paper.
        rf"\b{_MADE} (?:of|about|on|for|to|regarding) [^.]{{1,50}}? (?:must|shall) \w+",
        r"\b(?:other|all|every|remaining) (?:papers?|passages?|documents?|abstracts?|articles?|"
        r"entries|records|results?)(?: \w+){0,6}? (?:are|is|should be|"
        r"must be) (?:\w+ )?(?:outdated|"
        r"irrelevant|not relevant|retracted|ranked|listed|placed|ignored|locked|excluded|hidden)\b",
        rf"{_PAPER} (?:appears?|ranks?|comes?|stands?|is (?:ranked|listed|placed|shown)) (?:\w+ "
        r"){0,4}?(?:every|any|all|each) (?:search|quer|question|list|answer|digest)",
        r"\b(?:every|any|all|each) (?:search|quer)\w* (?:\w+ )?(?:must|should|shall|is answered)\b",
        rf"\b(?:any|every|all|each|the|a|your|no) (?:\w+ )?{_MADE} (?:of|about|on|for|that "
        rf"\w+|to|based on|mentioning|citing|from|regarding) (?:\w+ )?(?:{_PAPER}|it\b|this\b)"
        rf"[^.]{{0,40}}? (?:must|should|shall|has to|have to|needs? to|will|is to|are to)\b",
        rf"\b{_PAPER} (?:\w+ )?(?:must|should|shall|has to|needs? to|deserves to|is to|ought to) "
        rf"{_ADVERBS}be (?:\w+ly )?(?:ranked|recommended|mentioned|listed|placed|shown|returned|"
        r"selected|accepted|rated|scored|tagged|labell?ed|described|summari[sz]ed|presented|"
        r"featured|included|quoted|preferred|chosen|retrieved|displayed|cited (?:first|in (?:all|"
        r"any|every)|as the|for (?:all|any|every|each)))\b",
        rf"\b(?:when(?:ever)?|while|if|before|after) (?:you |you are |anyone |someone |asked to |"
        rf"a user |users |the user )?(?:\w+ )?(?:summari[sz]|review|describ|answer|tagg?|classify|"
        rf"classifi|rank|recommend|cit|process|index|translat|quot|rat|evaluat|grad|ask)(?:s|es|"
        rf"e|ed"
        rf"|ing)? (?:\w+ ){{0,3}}?(?:{_PAPER}|questions?|your)[^.]{{0,60}}?[,:] ?"
        rf"(?:please |you |kindly |always |never |do not |make sure |be sure |only |also )*"
        rf"(?:{_SAY}|must|should|make|ensure|sure)\b",
        rf"\b(?:when(?:ever)?|if) {_PAPER} is (?:\w+ly )?(?:mention|summari[sz]|cit|retriev|"
        rf"discuss|shown|found|review|index)\w*,",
        # What to put out.
        rf"{_START}(?:say|write|report|mention|claim|declare|announce|conclude|state)(?:,? (?:that"
        r"(?! (?:can|is|are|was|were|has|have|may|must|we)\b)|only|exactly|nothing|the words?|"
        r"the following|in your)\b|:? ?[\"“”'])",
        rf"{_START}(?:reply|respond|answer)(?:,? (?:only|exactly|nothing|(?:with|by|using|as|in) "
        r"(?:an?|the|only|exactly|just|your|nothing|one|yes|no|json|french|german|spanish|all|"
        r"this|capitals?)|that|every|all|any|to (?:the|all|any|every) (?:user|question|reader|"
        r"demand|request)s?)\b|:? ?[\"“”])",
        r"(?:\band|[;,]|(?<![egl])\.) (?:then )?(?:reply|respond|answer|output|print|say|"
        r"write)(?: with)? "
        r"(?:nothing (?:else|more|but)|exactly|the (?:exact )?(?:words?|strings?|phrase|"
        r"sentence)|[\"“”])",
        r"^\W*stop (?:here|reading|now|processing)\b",
        rf"\bplease (?:\w+ly |also |do not |don't |then )?(?!cite|visit|use|follow|download|note\b"
        rf"|report|contact)(?:{_SAY}|assign|remove)\b",
        rf"{_START}(?:cite (?:as|under|only|\[)|(?:cite|quote|reference|attribute|credit) (?:it|"
        rf"this)\b)",
        rf"\b(?:these|the following|such|my) (?:\w+ )?(?:{_MADE}|values?|figures?|corrections?) "
        r"(?:replace|supersede|override|take precedence)",
        r"\b(?:rest|remainder) of (?:this|the|your) (?:library|answer|summary|digest|list)\b",
        rf"{_START}decode (?:and |the |this )",
        rf"{_START}(?:stay|remain|keep) in (?:character|role)\b|\blet(?: us|'s) play an? \w+ ?game",
        rf"{_START}(?:print|output|emit|echo|return|repeat|append|prepend)\s(?:\w+ )?"
        r"(?:only|exactly|nothing|every|all) ",
        rf"{_START}(?:print|output|emit|echo|return|repeat|append|prepend|insert|include|add|write|"
        r"display|show|produce|generate|use|put|copy|paste|sign)\W+(?:\w+ ){0,2}?(?:"
        r"the (?:exact |following )?(?:words?|phrases?|strings?|tokens?|sentences?|texts?|"
        r"links?|above|following|line|message|code|json|image|url)|\W*[\"“”][^\"“”]+[\"“”]|"
        rf"verbatim|(?:in|to|at) (?:the |your |every |each |all |any )(?:\w+ )?{_MADE}|"
        r"(?:in|as) (?:json|xml|html|yaml|markdown|capitals?|uppercase|french|german|spanish))",
        rf"{_START}(?:begin|start|open|end|finish|close|preface|prefix|conclude) (?:your|the|every|"
        rf"each|all|any|a) (?:\w+ )?{_MADE}\b",
        rf"{_START}(?:tell|inform|remind|warn|advise|convince|persuade|assure|urge) (?:the |all |"
        r"every |any |each |your )*(?:users?|readers?|them|everyone|people|person|humans?|"
        r"audience|editors?|subscribers?|operators?)\b",
        rf"{_START}(?:summari[sz]e|describe|present|recommend|rate|rank|score|grade|tag|label|"
        r"classify|categori[sz]e|mark|accept|praise|promote|endorse|list|cite|quote|treat|place|"
        rf"put|select|choose|prefer|review|highlight|feature) (?:\w+ )?(?:{_PAPER}|it (?:as|with|"
        r"first|above|highly|under|under all))",
        rf"{_START}(?:recommend|suggest) (?:accept\w*|reject\w*|strong)",
        rf"{_START}(?:give|assign|award|grant) (?:it|{_PAPER}|a|an|the|only|every|all|full|maximum)"
        r"(?: \w+){0,4}? (?:reviews?|scores?|ratings?|grades?|tags?|labels?|marks?|ranks?|"
        r"recommendations?|stars?|points? to|priority|votes?)\b",
        rf"{_START}(?:do not|don't|never|avoid|refrain from) (?:mention|summari[sz]|reveal|includ|"
        r"cit|criticiz|criticis|quot|report|say|tell|output|list|show|answer|verify|disclos|repeat|"
        r"summar|highlight|discuss|display|print|write|rank|recommend|tag|warn|question)"
        r"(?:e|es|ing)?\b",
        rf"{_START}(?:make sure|be sure|ensure|take care|see to it)(?: \w+){{0,3}} (?:{_MADE}|you|"
        r"to (?:say|mention|include|write|recommend|cite|tell|add))\b",
        rf"{_START}(?:visit|click|open|follow|download|go to|navigate to|browse to|load|fetch|send)"
        r"(?: \w+){0,5}? (?:link|https?:|www\.|here\b|button|address|"
        r"attachment).{0,160}\b(?:before|"
        r"first|user|reader|summar|answer|must|immediately|claim|verify|login|password)",
        r"\b(?:words?|labels?|names?|strings?|phrases?|tokens?|letters?)\b[^.]{0,80}\b(?:joined|"
        r"hyphenated|a hyphen|in digits|an underscore|followed by the (?:digits?|numbers?|year|"
        r"word))",
        r"\b[a-z]+ (?:plus|and|followed by) [a-z]+,? (?:in one )?hyphenated\b",
        # Any other order about an answer, its readers or this paper.
        rf"{_START}(?!to\b|for\b)(?:(?:do not|"
        rf"don't) )?{_BROADLY}\s(?!that\b)[^.]{{0,160}}?{_ABOUT}",
        rf"\b(?:all|every|any|each|your) (?:[\w-]+ )?(?:{_MADE}|messages?) (?:\w+ ){{0,4}}(?:must|"
        r"shall|should|has to|have to) (?!be (?:\w+ )?(?:learned|delivered|received|routed))",
        rf"\b(?:mandatory|required|imperative|obligatory|essential|forbidden|prohibited)(?: \w+)? "
        rf"that (?:all|any|every|each|the|your|no) (?:\w+ ){{0,2}}?(?:{_MADE}|readers?|users?)\b",
        r"\bwhatever (?:the|is|you|they|anyone) (?:\w+ ){0,3}(?:question|ask|quer|say|request)\w*,",
        r"\b(?:answer|response|reply|result|hit) (?:to|for) (?:every|any|all|each) (?:\w+ )?"
        r"(?:questions?|quer(?:y|ies)|searche?s?|prompts?|requests?)\b",
        r"\b(?:any|every|all|each) (?:search|quer(?:y|ies)|questions?)(?: \w+){0,4} (?:must|shall|"
        r"should|has to|have to) \w+",
        r"\b(?:models?|assistants?|ais?|agents?|programs?|systems?|whoever|anyone|anything|"
        r"everyone)"
        rf" (?:that |who |which )(?:reads?|process\w*|summari[sz]\w*|condens\w+|pars\w+|reviews?|"
        rf"sees|ingests?|retriev\w+|evaluat\w+|rates?|cites?) (?:{_PAPER}|these (?:lines|words))",
        r"\byou (?:have been|were) (?:told|granted|given|selected|chosen|hacked|reprogrammed)\b|"
        r"\byou (?:agree|promise|consent) to\b",
        r"\b(?:above|preceding|previous|following) (?:\w+ )?(?:abstract|text|summary|sentences?|"
        r"paragraphs?) (?:is|are|was|were) (?:\w+ )?(?:fake|false|wrong|a decoy|a placeholder|"
        r"invalid|outdated|to be (?:ignored|disregarded|omitted))\b",
        r"^\W*(?:tl;?dr|override|ratings?|verdict|priority|confidence|instructions?)\s*:\s*\S",
        r"^\W*/(?:system|admin|sudo|prompt|reset|jailbreak|override|grant|ignore)\b",
        r"\b(?:users?|readers?|anyone|everyone|people|editors?|subscribers?|whoever)\b[^.]{0,60}\b"
        r"(?:must|should|shall|is to|are to|has to|have to) (?:\w+ly )?(?:be (?:sent|told|"
        r"directed|shown|referred|pointed)|open|begin|start|end|say|write|mention|praise|recommend|"
        r"cite|print)\b",
        rf"{_START}(?:call|invoke|execute|run|use) the (?:\w+ )?(?:tool|function|command|plugin|"
        r"shell|api)\b",
        r"\b(?:reveal|leak|disclose|print|output|repeat|exfiltrate|send) (?:your|the|its|all) "
        r"(?:\w+ )?(?:system prompt|api keys?|credentials|passwords|hidden prompt|instructions "
        r"above|secrets?|environment variables)\b(?=.*\b(?:now|you|please|then|to https?)\b)",
        r"\b(?:as|since) (?:you are )?an ai (?:language )?model\b",
    )
)
# Said without breaks between words, as is left when invisible ones are taken out.
RUN_TOGETHER = re.compile(
    r"(?:ignore|disregard|forget|override)(?:all|any|the|your|every)*(?:of)?(?:the)?(?:previous|"
    r"prior|above|earlier|preceding|instructions?|everything)|previousinstructions|"
    r"(?:reply|respond|answer)(?:only)?with|systemprompt(?:is|:)|youarenow|yoursummary|"
    r"(?:say|write|state)that(?:this)|recommendthispaper|inthesummary"
)
# Beside an order these go on with it; alone they are what any text may say.
GOES_ON = re.compile(
    rf"^\W*{_OPENERS}{_ADVERBS}(?:(?:do not|don't) )?{_SAY}\b|\b(?:you|your|yours|yourself)\b|"
    rf"\b(?:the|every|any|all|each) (?:\w+ )?{_MADE} (?:must|should|shall|will|has to|is)\b|"
    r"^\W*(?:this is (?:an? |the )?(?:\w+ )?(?:order|instruction|requirement|test|emergency|"
    r"mandatory|important|required|command|policy)|thank|failure to|it (?:must|should) be|"
    r"no exceptions?|end\b|do so|nothing else|(?:user|human|system|assistant)\s*:|\[\d+\]|"
    r"\w+: (?:true|yes|1)\b|"
    r"references?:)|\bi (?:will|am|must|shall|can(?:not)?)\b|"
    r"\b(?:must|shall) (?:\w+ )?be (?:said|included|"
    r"mentioned|ranked|recommended|cited|tagged|shown)\b",
    re.IGNORECASE,
)
