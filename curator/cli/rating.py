"""Ratings at the terminal or from a script: one paper at a time, a key for each answer, each
next paper the one from which most is learned; and what was learned from all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curator.cli.shown import counted, dim, shown_text
from curator.cli.terminal import note, put, strong

if TYPE_CHECKING:
    from curator.library import Library
    from curator.paper import Paper
    from curator.readers import Profile

__all__ = ["ENOUGH", "Rating", "learned_words"]

SPREAD = 5  # ratings, up to which the papers asked about only stand for the most others

ENOUGH = 10  # ratings, after which a ranking is much better than none
POOL = 2_000  # newest papers, of which some are asked about
BACKGROUND = 500  # newest papers that liked ones are compared with, to find telling words
SHOWN = 400  # characters of an abstract; w shows all
AUTHORS = 4
TELLING = 20  # words
LOOKED_AT = 200  # liked papers, of which the words are taken

HELP = (
    "y this is for me  n it is not  s skip, I cannot say  w whole abstract  u undo  q quit  ? this"
)
_ANSWERS = {"y": True, "yes": True, "like": True, "n": False, "no": False, "dislike": False}


@dataclass
class _Step:
    paper_id: str
    liked: bool | None  # None: skipped


class Rating:
    """Asks about papers until a reader has ``goal`` ratings more, none are left, or one says to
    leave. What is said is stored at once. ``asks`` says that a person sits there: what cannot be
    understood is then asked again, where a script ends. ``say`` shows a line.
    """

    def __init__(
        self,
        library: Library,
        reader: str,
        *,
        goal: int = ENOUGH,
        asks: bool = False,
        say: Callable[[str], None] = put,
    ) -> None:
        from curator.bibliographies import taught

        self._library = library
        self._readers = library.catalog.readers
        self._reader = reader
        self._goal = goal
        self._asks = asks
        self._say = say
        self._pool = {p.id: p for p in library.catalog.papers.select(limit=POOL)}
        self._profile = self._readers.require(reader)
        self._vectors = vectors_of(library)
        self._written = written_vectors(library, taught(library, self._profile).texts)
        self._again: str | None = None
        self._shown: str | None = None
        self.steps: list[_Step] = []

    def run(self, lines: Iterator[str]) -> None:
        """Takes answers until the end.

        Raises:
            UsageError: a script says what is no answer. What was said before is kept.
        """
        from curator.errors import UsageError

        try:
            while (paper := self.next()) is not None:
                self._show(paper)
                line = next(lines, "q").strip().lower()
                if line in ("q", "quit"):
                    break
                try:
                    self._obey(paper, line)
                except UsageError as error:
                    if not self._asks:
                        raise
                    note(f"  {error}")
        finally:
            self._sum_up()

    def next(self) -> Paper | None:
        """The paper to ask about now; None where there is none, or the goal is reached."""
        if sum(step.liked is not None for step in self.steps) >= self._goal:
            return None
        if self._again and self._again in self._pool:
            return self._pool[self._again]
        chosen = self.upcoming(1)
        self._again = chosen[0].id if chosen else None
        return chosen[0] if chosen else None

    def upcoming(self, count: int) -> list[Paper]:
        """The papers that would be asked about if none of them were answered."""
        from curator.bibliographies import taught
        from curator.interest import ask_next

        known_of = taught(self._library, self._profile)
        skipped = {step.paper_id for step in self.steps if step.liked is None}
        liked, disliked = known_of.liked, known_of.disliked
        known = {p.id for p in (*liked, *disliked)} | skipped
        if len(liked) + len(disliked) < SPREAD and not known_of.texts:
            # One like is no taste yet: five surveys in a row would be asked about after a survey.
            liked, disliked = (), (*liked, *disliked)
        return ask_next(
            [paper for paper_id, paper in self._pool.items() if paper_id not in known],
            self._vectors,
            liked=liked,
            disliked=disliked,
            others=[self._pool[name] for name in sorted(skipped) if name in self._pool],
            text_vectors=self._written,
            text="\n".join(known_of.texts),
            count=count,
        )

    # ---------------------------------------------------------------- answering

    def _show(self, paper: Paper) -> None:
        if paper.id == self._shown:
            if self._asks:
                put("for you?", end=" ")
            return
        self._shown = paper.id
        done = sum(step.liked is not None for step in self.steps)
        on, off = strong() if self._say is put else ("", "")
        names = [shown_text(name) for name in paper.authors[:AUTHORS]]
        others = [f"and {len(paper.authors) - AUTHORS} more"] if paper.authors[AUTHORS:] else []
        self._say(f"\n[{done + 1} of {self._goal}]  {on}{shown_text(paper.title)}{off}")
        self._say("  " + dim(" · ".join(filter(None, (", ".join(names + others), paper.day)))))
        text = shown_text(paper.abstract)
        self._say(f"  {text if len(text) <= SHOWN else f'{text[: SHOWN - 1].rstrip()}…'}")
        if self._asks:
            put("for you?", end=" ")

    def _obey(self, paper: Paper, line: str) -> None:
        from curator.errors import UsageError

        if not line:
            return
        if line in ("?", "h", "help"):
            self._say(f"  {HELP}")
        elif line in ("u", "undo"):
            self._undo()
        elif line in ("w", "whole"):
            self._say(f"  {shown_text(paper.abstract)}")
        elif line in ("s", "skip"):
            self._done(_Step(paper.id, None))
        elif line in _ANSWERS:
            self._readers.rate(self._reader, [paper.id], _ANSWERS[line])
            self._done(_Step(paper.id, _ANSWERS[line]))
        else:
            raise UsageError(
                f"{shown_text(line)[:40]!r} is no answer.",
                remedy="y, n, s (skip), u (undo) and q (quit) are; ? lists all.",
            )

    def _done(self, step: _Step) -> None:
        self.steps.append(step)
        self._again = None
        if self._asks:
            put({True: "  liked", False: "  disliked", None: "  skipped"}[step.liked])

    def _undo(self) -> None:
        if not self.steps:
            self._say("  There is nothing to undo.")
            return
        last = self.steps.pop()
        if last.liked is not None:
            self._readers.rate(self._reader, [last.paper_id], None)
        self._again, self._shown = last.paper_id, None
        self._say("  Taken back.")

    def _sum_up(self) -> None:
        liked, disliked = self._readers.ratings(self._reader)
        new = [step.liked for step in self.steps if step.liked is not None]
        skipped = len(self.steps) - len(new)
        note(
            f"{sum(new)} liked, {len(new) - sum(new)} disliked, {skipped} skipped; "
            f"{counted(len(liked) + len(disliked), 'rating')} in all."
        )


# ----------------------------------------------------------------------------- learning


def vectors_of(library: Library) -> Callable[[Sequence[Paper]], Mapping[str, Any]]:
    """Stored vectors of papers; of none where there are no weights to make or compare them."""
    from curator.errors import MissingError

    try:
        return library.vectors.vectors
    except MissingError as error:
        note(f"Going by words only: {error}")
        return lambda _: {}


def written_vectors(library: Library, texts: Sequence[str]) -> list[Any]:
    """The vectors of what a reader wrote and brought, where there are weights to make them."""
    from curator.errors import MissingError

    try:
        return list(library.embedder.embed(list(texts))) if texts else []
    except MissingError:  # `vectors_of` has said so
        return []


def learned_words(library: Library, profile: Profile) -> list[tuple[str, float]]:
    """``(word, weight)``: the words of liked papers that speak most for them, in the eyes of what
    was learned from a reader; the strongest first. Without a liked paper nothing is."""
    from curator.bibliographies import taught
    from curator.interest import learn

    known = taught(library, profile)
    if not known.liked:
        return []
    rated = {paper.id for paper in (*known.liked, *known.disliked)}
    others = [p for p in library.catalog.papers.select(limit=BACKGROUND) if p.id not in rated]
    interest = learn(
        known.liked,
        known.disliked,
        others,
        vectors_of(library),
        text_vectors=written_vectors(library, known.texts),
        text="\n".join(known.texts),
    )
    looked_at = known.liked[:LOOKED_AT]
    weights: dict[str, float] = {}
    written: dict[str, str] = {}
    for paper in looked_at:
        for word, weight in interest.why(paper, words=TELLING).words:
            key = written.setdefault(word.casefold(), word)
            weights[key] = weights.get(key, 0.0) + weight
    # Equal weights by the word, so that the same ratings show the same list.
    ordered = sorted(weights.items(), key=lambda item: (-item[1], item[0].casefold()))
    return [(word, weight / len(looked_at)) for word, weight in ordered[:TELLING]]
