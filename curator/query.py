"""The language of searches: words, phrases, fields, and what is not wanted.

==================================  =====================================================
``mixture experts``                 words: they rank, and none of them has to occur
``"mixture of experts"``            must occur: in the title, the abstract or the authors
``title:word``, ``title:"a b"``     must occur in the title
``abstract:word``, ``"…"``          must occur in the abstract
``author:name``, ``"Ada Lovelace"``  must be one of the authors
``-word``, ``-"a b"``, ``-title:x``  must not occur
==================================  =====================================================

Questions and titles are written by people who know of no such language. So every text is a
query, and what is not clearly an operator is text: a hyphen that begins no token, a colon after
any other word, a quote that is never closed, an apostrophe.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from curator.text import squeeze

__all__ = ["Constraint", "Field", "ParsedQuery", "parse_query"]

Field = Literal["title", "abstract", "author"]

# Longer than any title. Between quotes further apart stands a text, and no phrase of it.
LONGEST_PHRASE = 400

_FIELD = "(?:title|abstract|author):"
_QUOTED = f'(?:"[^"]{{1,{LONGEST_PHRASE}}}"|[“„”][^“„”"]{{1,{LONGEST_PHRASE}}}[“”"])'
_OPERATOR = re.compile(
    rf"(?<!\S)(?P<minus>-)?(?P<field>{_FIELD})(?P<value>{_QUOTED}|[^\W_]\S*|[\\${{]\S*)"
    rf"|(?<!\S)-(?P<unwanted>{_QUOTED}|(?!{_FIELD})[^\W_]\S*)"
    rf"|(?<![^\W_])(?P<phrase>{_QUOTED})"  # not the inches of 3.5"
)
_QUOTES = tuple('"“„”')


@dataclass(frozen=True)
class Constraint:
    """What every hit must have, or (``negative``) must not have.

    ``text`` is as it was written, without quotes; ``field`` None means any field. Its words
    stand in this order next to each other, whether they were quoted (``phrase``) or not
    (``title:GPT-4``).
    """

    field: Field | None
    text: str
    phrase: bool = False
    negative: bool = False


@dataclass(frozen=True)
class ParsedQuery:
    """A query, read. ``text`` is what it is about in plain words, in the order written: without
    names of authors and without what is not wanted. It may be empty."""

    text: str
    constraints: tuple[Constraint, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it is words alone."""
        return not self.constraints


def parse_query(text: str) -> ParsedQuery:
    """Reads any text as a query; it never fails."""
    text = text.encode("utf-8", "replace").decode("utf-8")  # bytes of no text, from a terminal
    pieces: list[str] = []
    constraints: dict[Constraint, None] = {}
    end = 0
    for match in _OPERATOR.finditer(text):
        constraint = _constraint(match)
        if constraint is None:
            continue
        constraints[constraint] = None
        about = not constraint.negative and constraint.field != "author"
        pieces += [text[end : match.start()], constraint.text if about else " "]
        end = match.end()
    pieces.append(text[end:])
    return ParsedQuery(squeeze("".join(pieces)), tuple(constraints))


def _constraint(match: re.Match[str]) -> Constraint | None:
    """None where nothing in it could be looked for."""
    part = match["value"] or match["unwanted"] or match["phrase"]
    phrase = part.startswith(_QUOTES)  # no other part begins with a quote
    words = squeeze(part[1:-1]) if phrase else part
    if not any(c.isalnum() for c in words):
        return None
    field: Field | None = None
    for name in ("title", "abstract", "author"):
        if match["field"] == f"{name}:":
            field = name
    return Constraint(field, words, phrase, bool(match["minus"] or match["unwanted"]))
