"""Why a paper is in a digest, in words for its reader: what counted for it, strongest first.

These are facts about the reader, the lists and the library; they say nothing of what the paper
says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from curator.digest.document import Reason
from curator.grounding import stems
from curator.paper import Paper
from curator.text import plain

if TYPE_CHECKING:
    from curator.interest import Interest

__all__ = ["LIKELY", "reasons"]

LIKELY = 0.6  # an interest from which on a paper is like what the reader likes
WORDS, NEAREST = 3, 1
LONGEST_TITLE = 80
PLACES = 10  # a paper's place by upvotes is told up to here


def reasons(
    paper: Paper,
    *,
    interest: Interest | None = None,
    liked: Mapping[str, Paper] | None = None,
    said: Collection[str] = (),
    wrote: bool = False,
    follows: Sequence[Reason] = (),
    place: tuple[int, int] | None = None,
    sources: int = 1,
    pinned: bool = False,
) -> list[Reason]:
    """All that counted; nothing where nobody said anything of the paper.

    Args:
        liked: the liked papers, by id.
        said: the stems that these papers have.
        wrote: the reader said in their own words what they work on.
        place: which it is by upvotes, of how many papers (1 is the most upvoted).
    """
    found: list[Reason] = []
    if pinned:
        found.append(Reason(kind="editor", text="pinned by the editor", paper_ids=[]))
    found += follows
    if interest is not None:
        found += _interests(paper, interest, liked or {}, said, wrote)
    if paper.upvotes and place:
        at, of = place
        votes = f"{paper.upvotes:,} upvote{'' if paper.upvotes == 1 else 's'}"
        rank = "the most" if at == 1 else f"{_ordinal(at)}"
        told = f"{votes}, {rank} of {of:,} papers" if at <= PLACES and of > 1 else votes
        found.append(Reason(kind="upvotes", text=told, paper_ids=[]))
    if sources > 1:
        found.append(Reason(kind="sources", text=f"on {sources} lists", paper_ids=[]))
    return found


def _interests(
    paper: Paper,
    interest: Interest,
    liked: Mapping[str, Paper],
    said: Collection[str],
    wrote: bool,
) -> list[Reason]:
    if paper.id in liked:
        return [Reason(kind="interest", text="you liked it", paper_ids=[])]
    (score,) = interest.scores([paper])
    if score < LIKELY:
        return []
    why, found = interest.why(paper), []
    for paper_id, _ in why.papers[:NEAREST]:
        if near := liked.get(paper_id):
            text = f"like “{_short(near)}”, which you liked"
            found.append(Reason(kind="interest", text=text, paper_ids=[paper_id]))
    # A word may count because the disliked papers lack it; that is not to be told as liking it.
    words = [word for word, _ in why.words if (own := stems(word)) and set(own) <= set(said)]
    if shown := [f"“{plain(word)}”" for word in words[:WORDS]]:
        text = f"has {_listed(shown)}, as papers have that you like"
        found.append(Reason(kind="interest", text=text, paper_ids=[]))
    if not found and wrote:
        found.append(Reason(kind="text", text="near what you say you work on", paper_ids=[]))
    return found


def _short(paper: Paper) -> str:
    title = plain(paper.title)
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number if number < 20 else number % 10, "th")
    return f"{number}{ending}"
