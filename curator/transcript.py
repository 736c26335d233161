"""A conversation as a document to keep: Markdown with citations and a list of sources.

Text from papers and questions is escaped: it is data, never markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curator.threads import Said

__all__ = ["to_markdown"]


def to_markdown(
    name: str, conversation: Iterable[Said], title_of: Callable[[str], str] = lambda _: ""
) -> str:
    """All that was said in a conversation; ends with one line end.

    ``title_of`` gives the title of a paper by its id, "" for an unknown one; it is asked where
    the answer itself did not keep the title.
    """
    from curator.answers import known_from

    sources: dict[str, dict[str, Any]] = {}
    quotes: dict[str, list[str]] = {}
    lines = [f"# Conversation {_text(name)}", ""]
    for number, said in enumerate(conversation, 1):
        answer = said.answer
        known = {source["paper_id"]: source for source in answer["sources"]}
        day = said.said_at.replace("T", " ").replace("+00:00", " UTC")
        asked = _text(f"Asked {day}")
        only = f" · only papers with: {_text(said.where)}" if said.where else ""
        lines += [f"## {number}. {_text(said.question)}", "", asked + only, ""]
        group = ""
        for sentence in answer["sentences"]:
            if sentence.get("group", "") != group:
                group = sentence.get("group", "")
                lines += [f"**{_text(group)}**", ""] if group else []
            for citation in sentence["citations"]:
                paper_id = citation["paper_id"]
                sources.setdefault(paper_id, known.get(paper_id) or {"title": "", "url": None})
                if citation["quote"] not in quotes.setdefault(paper_id, []):
                    quotes[paper_id].append(citation["quote"])
            places = {list(sources).index(c["paper_id"]) + 1 for c in sentence["citations"]}
            marks = "".join(f" \\[{place}\\]" for place in sorted(places))
            lines += [f"{_text(sentence['text'])}{marks} *({known_from(sentence)})*", ""]
        if not answer["sentences"]:
            reason = (
                f" ({_text(answer['reason'])})" if answer["abstained"] and answer["reason"] else ""
            )
            lines += [_text(answer["answer"]) + reason, ""]
        if not answer["sentences"] and known:
            named = [_text(s["title"] or title_of(i) or i) for i, s in known.items()]
            what = "Nearest papers" if answer["abstained"] else "Papers"
            lines += [f"{what}: {'; '.join(named)}.", ""]
    if sources:
        lines += ["## Sources", ""]
    for place, (paper_id, source) in enumerate(sources.items(), 1):
        title = _text(source["title"] or title_of(paper_id) or paper_id)
        url = _address(source["url"])
        lines.append(f"{place}. {f'[{title}]({url})' if url else title} `{_code(paper_id)}`")
        lines += [f"   - “{_text(quote)}”" for quote in quotes[paper_id]]
    if sources:
        lines += [
            "",
            "---",
            "",
            "“quoted”: the sentence stands in the abstract word for word (TeX is shown as text). "
            "“checked”: written by a model and checked against a sentence that is quoted under "
            "its source, with the score of the check.",
        ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _text(text: str) -> str:
    from curator.digest.markdown import escape
    from curator.text import clean, plain

    return escape(clean(plain(text)))


def _code(text: str) -> str:
    return text.replace("`", "")


def _address(url: str | None) -> str:
    """An address of the web that no sign in it can end early, else nothing."""
    if not url or not url.startswith(("https://", "http://")):
        return ""
    for sign, written in {"(": "%28", ")": "%29", " ": "%20", "\\": "%5C", "<": "%3C"}.items():
        url = url.replace(sign, written)
    return url
