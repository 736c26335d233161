"""What is on the screen of the last answer, and what can be asked of that."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from curator.cli.terminal import note, put

if TYPE_CHECKING:
    from curator.answers import Answer, AnswerSentence, Citation, Source
    from curator.catalog import Papers
    from curator.threads import Said

__all__ = ["Shown", "counted", "dim", "shown_text"]

MORE = 3  # further sentences at a time
TITLES_SHOWN, TITLE_SHOWN = 4, 60


class Shown:
    """An answer as it comes, or one from the transcript: its sentences by their numbers less
    one, the numbers of papers as they come to be cited, and all evidence."""

    def __init__(self, papers: Papers, said: Sequence[Said] = ()) -> None:
        self._papers = papers
        self.sentences: list[AnswerSentence] = []
        self.numbers: dict[str, int] = {}
        self.sources: dict[str, Source] = {}
        self.evidence: list[dict[str, Any]] = []
        for one in said:
            self.sentences = list(one.answer["sentences"])
            self.sources = {source["paper_id"]: source for source in one.answer["sources"]}
            self.evidence = one.evidence
            for sentence in self.sentences:
                self.number(c["paper_id"] for c in sentence["citations"])
            self.number(self.sources)

    def number(self, paper_ids: Iterable[str]) -> None:
        """Numbers papers that have no number yet."""
        for paper_id in paper_ids:
            self.numbers.setdefault(paper_id, len(self.numbers) + 1)

    def event(self, event: dict[str, Any]) -> None:
        """Shows what an answer in the making tells of."""
        if event["event"] == "evidence":
            self.evidence = list(event["evidence"])
            ids = list(dict.fromkeys(item["paper_id"] for item in self.evidence))
            titles = [_short(self.title(i)) for i in ids[:TITLES_SHOWN]]
            if titles:
                rest = f" and {len(ids) - TITLES_SHOWN} more" if len(ids) > TITLES_SHOWN else ""
                note(dim(f"  looking at: {', '.join(titles)}{rest}"))
        elif event["event"] == "sentence":
            self._sentence(event["sentence"])
        elif event["event"] == "fallback_failed":
            note(dim(f"  the fallback model was of no help: {event['reason']}"))

    def _sentence(self, sentence: AnswerSentence) -> None:
        from curator.answers import known_from

        group = sentence.get("group", "")
        if group and group != (self.sentences[-1].get("group") if self.sentences else ""):
            put(f"  {shown_text(group)}:")
        self.sentences.append(sentence)
        cited = [citation["paper_id"] for citation in sentence["citations"]]
        self.number(cited)
        marks = "".join(f"[{n}]" for n in sorted({self.numbers[i] for i in cited}))
        parts = [shown_text(sentence["text"]), marks, f"({known_from(sentence)})"]
        put(f"  {len(self.sentences)}. {' '.join(part for part in parts if part)}")

    def finish(self, answer: Answer) -> None:
        """Shows what no event told of."""
        sentences = answer["sentences"]
        streamed = self.sentences
        if streamed != sentences[: len(streamed)]:  # the answer is what counts
            put("  The whole answer:")
            self.sentences, self.numbers = [], {}
        for sentence in sentences[len(self.sentences) :]:
            self._sentence(sentence)
        self.sources = {source["paper_id"]: source for source in answer["sources"]}
        if answer["abstained"]:
            put(f"  {answer['answer']}" + (f" ({answer['reason']})" if answer["reason"] else ""))
            if self.sources:
                put("  Nearest papers:")
        elif not sentences:
            put(f"  {shown_text(answer['answer'])}")
        self.number(self.sources)
        self._list(self.numbers)

    def _list(self, paper_ids: Iterable[str]) -> None:
        for paper_id in paper_ids:
            title = self.title(paper_id)
            put(f"    [{self.numbers[paper_id]}] {title}{'  ' if title else ''}{paper_id}")

    def title(self, paper_id: str) -> str:
        """The paper's title as it is now, else as it was."""
        paper = self._papers.get([paper_id]).get(paper_id)
        known = self.sources.get(paper_id)
        return shown_text(paper.title if paper else known["title"] if known else "")

    def list_sources(self) -> None:
        """The papers with their numbers and addresses."""
        if not self.numbers:
            put("  No answer yet.")
        for paper_id, number in self.numbers.items():
            paper = self._papers.get([paper_id]).get(paper_id)
            known = self.sources.get(paper_id)
            url = (paper.url if paper else known and known["url"]) or ""
            put(f"  [{number}] {self.title(paper_id)}  {paper_id}  {url}".rstrip())

    def why(self, text: str) -> None:
        """What the sentence of this number rests on.

        Raises:
            UsageError: it is no number of a sentence.
        """
        from curator.errors import UsageError
        from curator.text import clean

        number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
        if not self.sentences:
            raise UsageError("No sentence has been shown yet.", remedy="Ask a question first.")
        if not 1 <= number <= len(self.sentences):
            raise UsageError(f"Give a number from 1 to {len(self.sentences)}, like /why 1.")
        sentence = self.sentences[number - 1]
        if not sentence["citations"]:
            put("  That is from the catalog of your library, and not from a paper's text.")
        for citation in sentence["citations"]:
            paper_id, quote = citation["paper_id"], citation["quote"]
            put(f"  [{self.numbers[paper_id]}] {self.title(paper_id)}  {paper_id}")
            put(f"  “{clean(quote)}”")
            paper = self._papers.get([paper_id]).get(paper_id)
            if paper is None:
                put("  (This paper is not in the library any more.)")
            elif quote not in paper.text:
                put("  (The stored text has been changed since; this is what it said.)")
        if sentence["origin"] == "model":
            score = f"{sentence['score']:.2f}"
            put(f"  Sentence {number} was written by a model and checked against it: {score} of 1.")

    def more(self) -> None:
        """A few of the stored sentences that were found and not shown yet."""
        cited = {(c["paper_id"], c["quote"]) for s in self.sentences for c in s["citations"]}
        left = [e for e in self.evidence if (e["paper_id"], e["quote"]) not in cited]
        if not left:
            put("  No more was found." if self.evidence else "  No answer yet.")
        papers = set(self.numbers)
        for item in left[:MORE]:
            citation: Citation = {"paper_id": item["paper_id"], "quote": item["quote"]}
            self._sentence(
                {
                    "text": item["quote"],
                    "citations": [citation],
                    "supported": True,
                    "score": 1.0,
                    "origin": "quote",
                }
            )
        self._list(i for i in self.numbers if i not in papers)
        if len(left) > MORE:
            put(f"  {counted(len(left) - MORE, 'sentence')} left: /more")


def _short(title: str) -> str:
    return title if len(title) <= TITLE_SHOWN else f"{title[: TITLE_SHOWN - 1].rstrip()}…"


def counted(number: int, noun: str) -> str:
    """``1 paper``, ``2 papers``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shown_text(text: str) -> str:
    """Text from anywhere, without TeX and without what a terminal would obey."""
    from curator.text import clean, plain

    return clean(plain(text))


def dim(text: str) -> str:
    """Fainter, where it goes to a terminal whose person has nothing against it."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if unwanted or not sys.stderr.isatty() else f"\x1b[2m{text}\x1b[0m"
