"""What tools share: who asks, which papers count, errors in words, jobs that are waited for."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from starlette.requests import Request

from curator.catalog import Filters
from curator.errors import CuratorError, UsageError
from curator.mcp.results import Added, Rejection

if TYPE_CHECKING:
    from curator.library import Library
    from curator.serving import Serving
    from curator.serving.jobs import Job

__all__ = ["client_name", "filters_of", "finished", "told"]

P = ParamSpec("P")
T = TypeVar("T")

WAITED = 45.0  # seconds for a job; clients give up on a call after a minute or so
_LOOK = 0.1


def told(work: Callable[P, T]) -> Callable[P, T]:
    """The tool, with our errors as errors of a tool: what went wrong, and what to do."""

    @functools.wraps(work)
    def tried(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except CuratorError as error:
            raise ToolError(str(error)) from None

    return tried


def client_name(context: Context[Any, Any]) -> str:
    """By which turns go round among clients."""
    from curator.web.security import client_of

    request = context.request_context.request
    return client_of(request) if isinstance(request, Request) else "stdio"


def filters_of(
    library: Library,
    since: str | None,
    until: str | None,
    tags: Sequence[str] = (),
    papers: Sequence[str] = (),
) -> Filters | None:
    """
    Raises:
        UsageError: a day is none.
        NotFoundError: there is no such tag or paper.
    """
    from curator.catalog.tagcounts import TagCounts
    from curator.digest.period import day_of
    from curator.tag_names import TagNames

    first, last = day_of(since or None, "since"), day_of(until or None, "until", last=True)
    if first and last and first > last:
        raise UsageError(f"since {first} is after until {last}.", remedy="Swap the two.")
    ids = tuple(library.catalog.papers.resolve(name).id for name in papers)
    filters = Filters(since=first, until=last, tags=tuple(tags), paper_ids=ids)
    if tags:
        filters = TagNames(library.taxonomy, TagCounts(library.catalog.store)).in_filters(filters)
    return filters if filters else None


async def finished(serving: Serving, job: Job, context: Context[Any, Any]) -> Added:
    """What came of a job that adds papers, or that it goes on.

    Raises:
        ToolError: it failed.
    """
    until, told_of = time.monotonic() + WAITED, ""
    steps = 0
    while job.state in ("waiting", "running") and time.monotonic() < until:
        doing = f"{job.doing or job.state}: {job.done}"
        if doing != told_of:
            told_of, steps = doing, steps + 1
            await context.report_progress(steps, None, doing)
        await anyio.sleep(_LOOK)
    if job.state == "failed":
        raise ToolError(job.error)
    result = job.result
    return Added(
        state=job.state,
        job=job.id,
        **{
            name: int(result.get(name, 0)) for name in ("added", "updated", "unchanged", "rejected")
        },
        papers=list(result.get("papers", ())),
        reasons=[Rejection(**one) for one in result.get("reasons", ())],
    )
