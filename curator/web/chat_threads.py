"""Conversations by their names, and which papers a question is asked about."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from curator.errors import NotFoundError, UsageError
from curator.serving import Serving
from curator.text import clean
from curator.threads import thread_name
from curator.web.chat_view import address_of

if TYPE_CHECKING:
    from curator.catalog import Filters
    from curator.library import Library
    from curator.threads import Said

__all__ = [
    "Listed",
    "Only",
    "about_paper",
    "at_rest",
    "chosen",
    "known",
    "listed",
    "new_name",
    "take_back",
]

# One that was just stopped is let go of at the model's next word; who retries waits so long.
REST = 3.0  # seconds
NAME = 60  # characters of a name that is made from a question
_NO_NAME = re.compile(r"[\s/\\?#%]+")
_ABOUT = re.compile(r'(?:^|and )id:"?([^\s"]+)"?(?= and |$)')

_Text = Annotated[str, StringConstraints(max_length=200)]
_Several = Annotated[list[_Text], Field(max_length=50)]


class Only(BaseModel):
    """Only papers for which all that is given holds. ``since`` and ``until`` are days as people
    write them (``2026-11``, ``2w``); all ``tags`` are required, of the ``categories`` and
    ``paper_ids`` one each; ``where`` is a condition (`curator.where`)."""

    model_config = ConfigDict(extra="forbid")

    since: _Text | None = None
    until: _Text | None = None
    tags: _Several = []
    categories: _Several = []
    author: _Text | None = None
    liked: bool = False
    unread: bool = False
    paper_ids: _Several = []
    where: Annotated[str, StringConstraints(max_length=50_000)] | None = None


def chosen(library: Library, only: Only) -> Filters | None:
    """The filters that are meant; None where every paper counts.

    Raises:
        UsageError: a day is no day, the period is the wrong way round, or the condition cannot
            be read.
        NotFoundError: there is no such tag or paper.
    """
    from curator.catalog import Filters
    from curator.catalog.tagcounts import TagCounts
    from curator.digest.period import day_of
    from curator.tag_names import TagNames, names_tags

    first, last = day_of(only.since, "since"), day_of(only.until, "until", last=True)
    if first and last and first > last:
        raise UsageError(f"since {first} is after until {last}.", remedy="Exchange them.")
    filters = Filters(
        since=first,
        until=last,
        tags=tuple(tag for tag in only.tags if tag.strip()),
        categories=tuple(name for name in only.categories if name.strip()),
        author=(only.author or "").strip() or None,
        liked=only.liked,
        unread=only.unread,
        paper_ids=tuple(library.catalog.papers.resolve(name).id for name in only.paper_ids),
        where=only.where,
    )
    if names_tags(filters):
        names = TagNames(library.taxonomy, TagCounts(library.catalog.store))
        filters = names.in_filters(filters)
    return filters or None


# ------------------------------------------------------------------------ conversations


@dataclass(frozen=True)
class Listed:
    """A conversation in the list; ``last`` is when something was asked last, in UTC."""

    name: str
    address: str
    questions: int
    last: str


def listed(library: Library) -> list[Listed]:
    """All conversations, the newest first."""
    return [
        Listed(name, address_of(name), count, last)
        for name, count, last in library.threads.listed()
    ]


def known(library: Library, text: str) -> str:
    """The name of a conversation that there is.

    Raises:
        UsageError: it can be no name.
        NotFoundError: there is none of that name.
    """
    name = thread_name(text)
    if name not in library.threads.names():
        raise NotFoundError(
            f"There is no conversation “{name}”.", remedy="Begin a new one at /chat."
        )
    return name


def new_name(serving: Serving, question: str) -> str:
    """A name for a conversation that begins with a question; no other has it."""
    name = _NO_NAME.sub(" ", clean(question)).strip(" .")
    if len(name) > NAME:
        name = f"{name[:NAME].rsplit(' ', 1)[0][:NAME].rstrip(' ,;:')}…"
    if not name.isprintable() or not name:
        name = "Conversation"
    taken = set(serving.library.threads.names())
    number, found = 1, name
    while found in taken or serving.answering.talking(found):
        number += 1
        found = f"{name} ({number})"
    return found


def at_rest(serving: Serving, name: str) -> None:
    """Waits a moment for a conversation that was just stopped.

    Raises:
        UsageError: it is being answered.
    """
    deadline = time.monotonic() + REST
    while serving.answering.talking(name):
        if time.monotonic() > deadline:
            raise UsageError(
                "This conversation is being answered.", remedy="Wait for its end, or stop it."
            )
        time.sleep(0.02)


def take_back(serving: Serving, name: str, question: str | None = None) -> Said:
    """Takes the last question of a conversation back; only if it is ``question``, where given.

    Raises:
        UsageError: the conversation is being answered, or another question is its last now.
        NotFoundError: there is no such conversation.
    """
    known(serving.library, name)
    at_rest(serving, name)
    with serving.changing:
        last = serving.library.threads.said(name, 1)
        if question is not None and last and last[-1].question != question:
            raise UsageError(
                "Something else was asked here meanwhile.", remedy="Load the page again."
            )
        taken = serving.library.threads.undo(name)
    if taken is None:
        raise NotFoundError("Nothing was asked in it yet.", remedy="Ask a question.")
    return taken


def about_paper(library: Library, said: Said | None, paper: str | None) -> tuple[str, str] | None:
    """Id and title of the paper that alone is asked about: the one of this name, else (``paper``
    is None) the one that the last question was about; None: all papers.

    Raises:
        NotFoundError: there is no paper of that name.
    """
    if paper:
        found = library.catalog.papers.resolve(paper)
        return found.id, found.title
    if paper is None and said is not None and " or " not in said.where:
        ids = _ABOUT.findall(said.where)
        for one in library.catalog.papers.get(ids).values():
            return one.id, one.title
    return None
