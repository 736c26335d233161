"""What readers change of papers: marks, and tags in place. Each change is there for scripts, as
JSON, and as a plain form that leads back to where it was sent from."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal
from weakref import WeakKeyDictionary

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from curator.errors import NotFoundError, UsageError
from curator.web.pages import Served
from curator.web.papers_found import tags_of

if TYPE_CHECKING:
    from curator.library import Library
    from curator.paper import Paper
    from curator.serving import Serving

__all__ = ["paper_named", "router"]

router = APIRouter()

MarkName = Literal["liked", "disliked", "read"]

_learning = threading.Lock()
# Papers whose corrections were not learned from yet, by server.
_to_learn: WeakKeyDictionary[Serving, set[str]] = WeakKeyDictionary()


class MarkChange(BaseModel):
    """A mark to set, or to take back."""

    mark: MarkName
    on: bool


class TagChange(BaseModel):
    """Whether the paper has the tag; null takes back what was said."""

    tag: str = Field(min_length=1, max_length=200)
    has: bool | None


@router.post("/api/papers/{paper_id}/marks")
def mark(paper_id: str, change: MarkChange, serving: Served) -> dict[str, Any]:
    """Likes a paper, dislikes it or marks it as read; gives its marks as they are now, each with
    when it was set."""
    paper = paper_named(serving.library, paper_id)
    marks = serving.library.catalog.marks
    (marks.set if change.on else marks.unset)(change.mark, [paper.id])
    return {"paper_id": paper.id, "marks": marks.of([paper.id]).get(paper.id, {})}


@router.post("/api/papers/{paper_id}/tags")
def tag(paper_id: str, change: TagChange, serving: Served) -> dict[str, Any]:
    """Corrects a tag of a paper; gives its tags as they are now, and what was said of the tag
    ``before``, which undoes this if it is sent."""
    library = serving.library
    paper = paper_named(library, paper_id)
    with serving.changing:
        name = _tag_named(library, paper.id, change.tag, new=change.has is True)
        before = library.catalog.corrections.set(
            paper.id, {name: change.has}, library.taxonomy.ancestors
        )
    if before:
        _learn_later(serving, paper.id)
    was = before.get(name, change.has)
    found = tags_of(library, [paper.id])[paper.id]
    return {"paper_id": paper.id, "tag": name, "before": was, **found}


@router.post("/papers/{paper_id}/marks", include_in_schema=False)
def mark_form(
    paper_id: str,
    serving: Served,
    mark_: Annotated[str, Form(alias="mark", max_length=40)],
    back: Annotated[str, Form(max_length=8_000)] = "",
) -> RedirectResponse:
    """The same from a form; ``mark`` is like ``liked:on`` or ``read:off``."""
    name, _, state = mark_.partition(":")
    for known in ("liked", "disliked", "read"):
        if name == known and state in ("on", "off"):
            mark(paper_id, MarkChange(mark=known, on=state == "on"), serving)
            return RedirectResponse(_back(back, paper_id), status_code=303)
    raise UsageError(f"A mark cannot be {mark_!r}.", remedy="Use the page's buttons.")


@router.post("/papers/{paper_id}/tags", include_in_schema=False)
def tag_form(
    paper_id: str,
    serving: Served,
    tag_: Annotated[str, Form(alias="tag", max_length=200)] = "",
    has: Annotated[Literal["true", "false", "null"], Form()] = "true",
    back: Annotated[str, Form(max_length=8_000)] = "",
) -> RedirectResponse:
    """The same from a form."""
    said = {"true": True, "false": False, "null": None}[has]
    if not tag_.strip():
        raise UsageError("No tag was named.", remedy="Type or choose one.")
    tag(paper_id, TagChange(tag=tag_, has=said), serving)
    return RedirectResponse(_back(back, paper_id), status_code=303)


def paper_named(library: Library, name: str) -> Paper:
    """A paper by its id, a former id, or what else names it.

    Raises:
        NotFoundError: there is none, or it may be several.
    """
    papers = library.catalog.papers
    return papers.get([name]).get(name) or papers.resolve(name)


def _back(address: str, paper_id: str) -> str:
    """Where a form was sent from; only pages of papers, whatever the form says."""
    pages = r"/(?:library(?:\?[^\\\s]*)?|papers/[\w.-]+)(?:#[\w-]*)?"
    if re.fullmatch(pages, address, re.ASCII):
        return address
    return f"/papers/{paper_id}" if re.fullmatch(r"[\w.-]+", paper_id, re.ASCII) else "/library"


def _tag_named(library: Library, paper_id: str, typed: str, *, new: bool) -> str:
    """The name under which the paper has the tag, or would get it."""
    from curator.catalog.tagcounts import TagCounts
    from curator.tag_names import TagNames

    stored = library.catalog.outputs.tags([paper_id]).get(paper_id, [])
    own = {tag.tag for tag in stored} | set(
        library.catalog.corrections.of([paper_id]).get(paper_id, {})
    )
    if typed in own:
        return typed
    try:
        meant = TagNames(library.taxonomy, TagCounts(library.catalog.store)).meant(typed)
    except NotFoundError as error:
        raise UsageError(error.message, remedy=error.remedy) from error
    found = next((name for name in meant if name in own), None)
    if found is None and not new:
        raise UsageError(f"The paper has no tag {meant[0]!r}.", remedy="Load the page again.")
    return found or meant[0]


def _learn_later(serving: Serving, paper_id: str) -> None:
    """Has the tagger learn, in the background: it scores some hundred papers. What is said while
    it learns is learned by the same job."""
    with _learning:
        _to_learn.setdefault(serving, set()).add(paper_id)

    def learn() -> None:
        while True:
            with _learning:
                waiting = sorted(_to_learn.pop(serving, ()))
            if not waiting:
                return
            serving.library.on_corrected(waiting)

    with suppress(UsageError):  # it is waiting already, or learned with what is said next
        serving.jobs.start("learn", "Learn from corrected tags", learn)
