"""The chat page: conversations with the library, with and without a script in the browser."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from curator.errors import CuratorError, NotFoundError
from curator.serving import Serving
from curator.serving.answering import LONGEST, asked
from curator.text import clean
from curator.threads import thread_name
from curator.web import chat_api
from curator.web.chat_stream import Left, unless_left
from curator.web.chat_threads import (
    Only,
    about_paper,
    at_rest,
    chosen,
    known,
    listed,
    new_name,
)
from curator.web.chat_view import address_of, said_view
from curator.web.pages import Client, Served, render, shown

if TYPE_CHECKING:
    from curator.catalog import Filters
    from curator.library import Library

__all__ = ["router"]

router = APIRouter()
router.include_router(chat_api.router)

SHOWN = 30  # questions of a long conversation; the rest on request
TAGS = 200  # offered for the filter
TITLE = 80  # characters of a title in an example

_Short = Annotated[str, Form(max_length=200)]


@router.get("/chat", include_in_schema=False)
def begin(
    request: Request,
    serving: Served,
    thread: str = "",
    q: Annotated[str, Query(max_length=LONGEST)] = "",
    paper: str | None = None,
    format: Literal["md", ""] = "",
) -> Response:
    """A new conversation; or the one of ``thread``, for names that no path can hold."""
    return _page(request, serving, thread, q, paper, format)


@router.get("/chat/{thread:path}", include_in_schema=False)
def go_on(
    request: Request,
    thread: str,
    serving: Served,
    q: Annotated[str, Query(max_length=LONGEST)] = "",
    paper: str | None = None,
    format: Literal["md", ""] = "",
    all: bool = False,
) -> Response:
    """A conversation; ``format=md`` is the whole of it as a file."""
    if not thread:
        return RedirectResponse("/chat", status_code=303)
    return _page(request, serving, thread, q, paper, format, whole=all)


@router.post("/chat", include_in_schema=False)
@router.post("/chat/{thread:path}", include_in_schema=False)
async def send(
    request: Request,
    serving: Served,
    client: Client,
    thread: str = "",
    do: Annotated[Literal["ask", "retry", "delete"], Form()] = "ask",
    question: Annotated[str, Form()] = "",
    since: _Short = "",
    tag: _Short = "",
    paper: _Short = "",
    liked: Annotated[bool, Form()] = False,
) -> Response:
    """What the page's forms do where no script runs: the answer is waited for."""
    if do == "delete":
        await run_in_threadpool(_forget, serving, thread)
        return RedirectResponse("/chat", status_code=303)
    only = Only(
        since=since or None,
        tags=[tag] if tag else [],
        paper_ids=[paper] if paper else [],
        liked=liked,
    )
    name, question, filters = await run_in_threadpool(
        _understood, serving, thread, question, only, do == "retry"
    )

    async def answer() -> None:
        stream = serving.answering.ask(client, question, filters, thread=name, again=do == "retry")
        try:
            async for _ in stream:
                pass
        finally:
            await stream.aclose()

    try:
        await unless_left(request.receive, answer())
    except Left:
        return Response(status_code=499)  # nobody reads it
    return RedirectResponse(address_of(name) + "#last", status_code=303)


# ---------------------------------------------------------------------------------- helpers


def _understood(
    serving: Serving, thread: str, question: str, only: Only, again: bool
) -> tuple[str, str, Filters | None]:
    if again:  # the same of the same papers
        thread = known(serving.library, thread)
        last = serving.library.threads.said(thread, 1)
        only = Only(where=last[-1].where or None if last else None)
        filters = chosen(serving.library, only)
        if not last:
            raise NotFoundError("Nothing was asked in it yet.", remedy="Ask a question.")
        at_rest(serving, thread)
        return thread, last[-1].question, filters
    filters = chosen(serving.library, only)
    question = asked(clean(question))
    if not thread:
        return new_name(serving, question), question, filters
    thread = thread_name(thread)
    at_rest(serving, thread)
    return thread, question, filters


def _forget(serving: Serving, thread: str) -> None:
    name = known(serving.library, thread)
    at_rest(serving, name)
    with serving.changing:
        serving.library.threads.forget(name)


def _page(
    request: Request,
    serving: Serving,
    thread: str,
    question: str,
    paper: str | None,
    format: str,
    *,
    whole: bool = False,
) -> Response:
    library = serving.library
    name = known(library, thread) if thread else ""
    if format:
        return _export(library, name)
    said = library.threads.said(name, None if whole else SHOWN) if name else []
    count = library.threads.count(name) if name else 0
    conversations = listed(library)
    about = about_paper(library, said[-1] if said else None, paper)
    papers = library.catalog.papers.count()
    return render(
        request,
        "chat.html",
        title=shown(name) or "Chat",
        thread=name,
        threads=conversations,
        address=address_of(name) if name else "/chat",
        export=address_of(name, format="md") if name else "",
        no_paper=address_of(name, paper="") if name else "/chat",
        exchanges=[said_view(one, lambda i: _title(library, i)) for one in said],
        earlier=count - len(said),
        everything=address_of(name, all="true") if name else "",
        about=about,
        question=question,
        longest=LONGEST,
        papers=papers,
        tags=_tags(library)[:TAGS],
        examples=_examples(library) if papers and not said and not about else [],
    )


def _export(library: Library, name: str) -> Response:
    from curator.transcript import to_markdown

    said = library.threads.said(name) if name else []
    if not said:
        raise NotFoundError("Nothing was asked yet.", remedy="Ask a question first.")
    safe = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "conversation"
    ascii_only = re.sub(r"[^A-Za-z0-9_.-]+", "-", safe).strip(".-") or "conversation"
    names = f"filename=\"{ascii_only}.md\"; filename*=UTF-8''{quote(safe, safe='')}.md"
    return Response(
        to_markdown(name, said, lambda paper_id: _title(library, paper_id)),
        media_type="text/markdown",
        headers={"Content-Disposition": f"attachment; {names}", "Cache-Control": "no-store"},
    )


def _title(library: Library, paper_id: str) -> str:
    paper = library.catalog.papers.get([paper_id]).get(paper_id)
    return paper.title if paper else ""


def _tags(library: Library) -> list[str]:
    from curator.catalog.tagcounts import TagCounts

    return list(TagCounts(library.catalog.store).decided())


def _examples(library: Library) -> list[dict[str, Any]]:
    """Questions that this library can be asked, each with its address."""
    questions = ["What is new this week?"]
    tags: list[str] = []
    with suppress(CuratorError):  # a taxonomy that cannot be read is told where it is needed
        facets = library.taxonomy.facet_of
        # Of a facet with a fallback every paper has a tag; these are kinds, and no subjects.
        tags = [tag for tag in _tags(library) if tag in facets and not facets[tag].fallback]
    for tag in tags[:1]:
        subject = tag.replace("-", " ")
        questions += [f"How many papers on {subject}?", f"What are people doing about {subject}?"]
    for paper in library.catalog.papers.select(limit=1):
        title = shown(paper.title)
        if len(title) <= TITLE:
            questions.append(f"What does “{title}” find?")
    return [{"text": one, "address": f"/chat?q={quote(one, safe='')}"} for one in questions]
