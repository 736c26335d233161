"""An answer as chat clients show it, and what such a client said before.

Chat clients show Markdown: what comes from papers is escaped, so that it is never a link, an
image or HTML. The footnotes name papers by their ids, so that a client that sends them back has
told what "it" and "[2]" mean; the server keeps nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from curator.answerable import NO_ANSWER
from curator.answers import Answer, AnswerSentence, Source, known_from
from curator.digest.formats.words import safe_url
from curator.digest.markdown import escape
from curator.errors import UsageError
from curator.text import clean, plain
from curator.web.openai_models import Known, Message, Spent
from graphs.state import Turn

__all__ = ["Writing", "conversation", "known", "spent"]

SOURCES = "Sources:"
_NOTE = re.compile(r"^- \[\d{1,3}\] .*\((p[0-9a-f]{12})\)$", re.M)


def known(answer: Answer) -> Known:
    """The answer as data."""
    sentences = [{**one, "known": known_from(one)} for one in answer["sentences"]]
    given = {
        name: answer[name] for name in ("sources", "abstained", "reason", "model", "rungs", "usage")
    }
    return Known.model_validate({**given, "sentences": sentences})


def spent(answer: Answer) -> Spent:
    """The tokens that the model took, 0 where none was asked."""
    usage = answer["usage"]
    read, written = usage["prompt_tokens"], usage["completion_tokens"]
    return Spent(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)


class Writing:
    """The text of one answer, sentence after sentence, then its footnotes."""

    def __init__(self) -> None:
        self.said: list[AnswerSentence] = []
        self._numbers: dict[str, int] = {}

    def sentence(self, sentence: AnswerSentence) -> str:
        """What is to be added for one more sentence."""
        text = _shown(sentence["text"])
        for citation in sentence["citations"]:
            self._numbers.setdefault(citation["paper_id"], len(self._numbers) + 1)
        cited = sorted({self._numbers[c["paper_id"]] for c in sentence["citations"]})
        marks = "".join(f"[{number}]" for number in cited)
        before = self._before(sentence)
        self.said.append(sentence)
        return f"{before}{text} {marks}".rstrip()

    def _before(self, sentence: AnswerSentence) -> str:
        """What parts a sentence from the one before: groups and lists begin lines."""
        last = self.said[-1] if self.said else None
        group = sentence.get("group", "")
        if group and (last is None or last.get("group", "") != group):
            return ("\n\n" if last else "") + f"{_shown(group)}: "
        if any(one["origin"] == "catalog" for one in self.said) and sentence["citations"]:
            listed = last is not None and last["citations"]
            return "\n- " if listed else "\n\n- "
        return " " if last else ""

    def rest(self, answer: Answer) -> str:
        """What is to be added at the end: sentences not yet said, and the footnotes; or that
        there is no answer."""
        if answer["abstained"]:
            reason = f" ({_shown(answer['reason'])})" if answer["reason"] else ""
            near = [f"- {_named(source)}" for source in answer["sources"]]
            return (
                NO_ANSWER + reason + ("\n\nNearest papers:\n\n" + "\n".join(near) if near else "")
            )
        text = "".join(self.sentence(one) for one in answer["sentences"][len(self.said) :])
        notes = self._notes({source["paper_id"]: source for source in answer["sources"]})
        return text + (f"\n\n{SOURCES}\n\n" + "\n".join(notes) if notes else "")

    def _notes(self, sources: dict[str, Source]) -> list[str]:
        lines = []
        for paper_id, number in self._numbers.items():
            source = sources.get(paper_id) or Source(paper_id=paper_id, title="", url=None)
            lines.append(f"- [{number}] {_named(source)}")
            for place, sentence in enumerate(self.said, 1):
                for citation in sentence["citations"]:
                    if citation["paper_id"] == paper_id and citation["quote"] != source["title"]:
                        how = f"sentence {place}, {known_from(sentence)}"
                        lines.append(f"  - {how}: “{_shown(citation['quote'])}”")
        lines += [
            f"- sentence {place}, {known_from(sentence)}"
            for place, sentence in enumerate(self.said, 1)
            if not sentence["citations"]
        ]
        return lines


def _named(source: Source) -> str:
    url = safe_url(source["url"])
    title = _shown(source["title"]) or "a paper that is not stored any more"
    return f"{title}{f', <{url}>' if url else ''} ({source['paper_id']})"


def _shown(text: str) -> str:
    return escape(clean(plain(clean(text))))


# ------------------------------------------------------------------- what was said


def conversation(messages: Sequence[Message]) -> tuple[str, list[Turn]]:
    """The question, and the answered questions before it.

    Raises:
        UsageError: the last message is no question, or one holds what is not text.
    """
    texts = [(message.role, _text(message)) for message in messages]
    role, question = texts[-1]
    if role != "user":
        raise UsageError(
            f"The last message is the {role}'s.", remedy="End with the user's: the question."
        )
    turns: list[Turn] = []
    asked = ""
    for role, text in texts[:-1]:
        if role in ("tool", "function"):
            raise UsageError(
                "There are no tools here, and so no answers of tools.", remedy="Leave them out."
            )
        if role == "user":
            asked = text
        elif role == "assistant":
            # What was not answered leaves nothing that a follow-up could mean.
            if asked and text and not text.startswith(NO_ANSWER):
                turns.append(_turn(asked, text))
            asked = ""
    return clean(question), turns


def _turn(question: str, said: str) -> Turn:
    body, _, notes = said.rpartition(f"\n{SOURCES}\n")
    ids = list(dict.fromkeys(_NOTE.findall(notes)))
    return Turn(question=question, answer=(body or said).strip(), paper_ids=ids)


def _text(message: Message) -> str:
    content = message.content or ""
    if isinstance(content, str):
        return content.strip()
    for part in content:
        if part.type not in ("text", "input_text"):
            raise UsageError(
                f"A message has a part of the type {part.type!r}; only text is read.",
                remedy="Send text.",
            )
    return " ".join(part.text or "" for part in content).strip()
