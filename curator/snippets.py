"""What of a found paper to show: its sentence that says most about the query, word for word,
with the words that were searched for marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from curator.evidence import paper_sentences
from curator.paper import Paper

__all__ = ["Snippet", "snippet_of"]

Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Snippet:
    """``text`` is a sentence of the stored abstract, or the title where there is none;
    ``matches`` are the places (start, end) of the query's words in it."""

    text: str
    matches: Spans

    def marked(self, before: str, after: str) -> str:
        """The text with every match between two marks."""
        parts, end = [], 0
        for start, stop in self.matches:
            parts += [self.text[end:start], before, self.text[start:stop], after]
            end = stop
        return "".join([*parts, self.text[end:]])


def snippet_of(
    paper: Paper, matches: Callable[[str], Spans], weight: Callable[[str], float] = lambda _: 1.0
) -> Snippet:
    """The sentence with the most of the query's words, each word counted once; of equals the
    first. ``matches`` finds the words (`LexicalIndex.highlights`), ``weight`` says how much a
    word, as it is written, matters."""
    best: tuple[float, Snippet] | None = None
    for sentence in paper_sentences(paper) or [paper.title]:
        spans = matches(sentence)
        words = {sentence[start:end].lower() for start, end in spans}
        score = sum(weight(word) for word in sorted(words))
        if best is None or score > best[0]:
            best = (score, Snippet(sentence, spans))
    assert best is not None
    return best[1]
