"""What only a prompt, a page or an answer's form has in it, for `curator.injections`: compared
with the text as it is written."""

from __future__ import annotations

import re

__all__ = ["BLOCKS", "MARKS", "ROLES"]

# Marks that only a prompt or an answer's form has; of the text as it is written.
MARKS = re.compile(
    r"<\|[\w/ -]{2,30}\|?>|\[/?(?:INST|SYS|SYSTEM|ASSISTANT|USER|/?TOOL_CALLS?)\b[^\]]{0,20}\]|"
    r"<</?SYS>>|</?(?:start|end)_of_(?:turn|text)>|"
    r"</?(?:system|assistant|instructions?|prompt|admin|developer|tool_(?:call|result|response)s?|"
    r"function_(?:call|result)s?|user_query|override|hidden|important|information)\b[^<>]{0,40}>|"
    r"</(?:context|documents?|evidence|abstract|paper|text|input|data)>|"
    r"#{2,}\s*(?:new |end |end of |begin |updated )?(?:instructions?|system|user|assistant|human|"
    r"responses?|inputs?|tasks?|prompt|context|output|question|answer)\b|"
    r"\{+\s*[\"'“]\w[\w -]{0,30}[\"'”]\s*:|"
    r"[\"']\s*,\s*[\"']\w[\w -]{0,30}[\"']\s*:\s*[\[\"'{\dtfn]|"
    r":\s*[\"“][^\"”]{0,200}[\"”]\s*\}\s*[\])}]*\s*$|\brole[\"']?\s*[:=]\s*[\"'](?:system|user|"
    r"assistant)|"
    r"<(?:script|iframe|img|svg|style|meta|object|embed|form|input|link|base)\b[^<>]{0,200}>?|"
    r"\bjavascript:|\bon(?:error|load|click|mouseover)\s*=|!\[[^\]]*\]\s?\(|<!--|"
    r"^\s*\[\d+\]\s*[(\"“]|^\s*\[[^\]]{1,60}\]:\s*https?:|\]\[[a-z]{3,}\]|"
    r"\b(?:drop|alter) table\b|\bunion (?:all )?select\b|\$\{jndi:|\$\((?:touch|curl|rm|wget|"
    r"cat)\b|"
    r"=\s?hyperlink\(|(?:%s){2,}|&&\s*(?:echo|rm|curl)\b|/etc/passwd|"
    r"(?:\b[a-z]{3,}_[a-z]{3,}\w*\s*[:=]\s*[^\s;,]+[;,]?\s+){2,}|"
    r"(?:\b\w+\s*[:=]\s*(?:true|false|null)\b[;,.]?\s*){2,}|(?:#[\w-]{3,}\s+){4,}|"
    r"\{%\s*(?:for|set|if|include|block|macro|import|end\w+)\b|<%=|\{\{ [^{}]+ \}\}|"
    r"[\]})\"”]{7,}|\\x1b|\\u00[0-7][0-9a-f]|```\s*(?:json|system|"
    r"python|bash|xml|html|yaml|prompt)\b",
    re.IGNORECASE,
)
# Roles are written in capitals; "System: a pump" is a heading.
ROLES = re.compile(
    r"(?:^|[.!?]\s+)\W*(?:SYSTEM|ASSISTANT|USER|DEVELOPER|ADMIN|TOOL|HUMAN)\s?[:>\]]"
)
# What belongs together although it is several sentences.
BLOCKS = re.compile(
    r"<!--.{0,1500}?-->|```\s*(?:json|system|python|bash|xml|html|yaml|prompt)\b.{0,1500}?```|"
    r"\[INST\].{0,1500}?\[/INST\]|<<SYS>>.{0,1500}?<</SYS>>|"
    r"<\|(?:im_start|start_header_id|system|user|assistant|begin_of_text)\b.{0,1500}?"
    r"<\|(?:im_end|eot_id|end|end_of_text)\|>|"
    r"<(system|assistant|instructions?|prompt|admin|developer|override|hidden|important|"
    r"information|tool_\w+|function_\w+)\b[^<>]{0,40}>.{0,1500}?</\1>|"
    r"<(\w+)\b[^<>]{0,200}(?:display:\s*none|visibility:\s*hidden|font-size:\s*[01]\w*|"
    r"color:\s*(?:white|#f{3,8}|transparent)|opacity:\s*0|\bhidden\b)[^<>]{0,200}>.{0,1500}?</\2>|"
    r"\\(?:textcolor|color)\s*\{\s*white\s*\}\s*\{[^{}]*\}|\\(?:phantom|hphantom)\{[^{}]{20,}\}|"
    r"(?:^|\s)(?:-{3,}|={3,}|#{3,}|\*{3,})\s*(?:begin|start|new|system|hidden|admin)\b.{0,1500}?"
    r"(?:-{3,}|={3,}|#{3,}|\*{3,})\s*end\b[^.]{0,80}?(?:-{3,}|={3,}|#{3,}|\*{3,})|"
    r"\b(?:question|q|user|human)\s*:[^?]{3,300}\?\s*(?:answer|a|assistant|ai|bot|model)\s*:"
    r"[^.]{1,300}\.",
    re.IGNORECASE | re.DOTALL,
)
