"""The command that counts tags, and tells of one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.options import AsJson, Since, Until, filters_of
from curator.cli.shown import counted, shown_text
from curator.cli.terminal import command, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.catalog import StoredTag
    from curator.paper import Paper
    from curator.tag_counts import TagCount, TagPage, TagReport
    from curator.tag_trends import Change

__all__ = ["chart", "tags"]

BLOCKS, DIGITS = "·▁▂▃▄▅▆▇█", "0123456789"
BAR = 40


@command
def tags(
    tag: Annotated[
        str | None, typer.Argument(help="A tag, by its name or an alias: all about this one.")
    ] = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[str, typer.Option(help="week or month: what the chart counts by.")] = "week",
    facet: Annotated[
        str | None, typer.Option(help="Only the tags of this facet of the taxonomy.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="So many tags, the most frequent ones (default: all); of one tag so many papers "
            "(default: 5).",
        ),
    ] = None,
    taxonomy: Annotated[
        Path | None, typer.Option(help="A taxonomy file instead of the built-in one.")
    ] = None,
    ascii: Annotated[
        bool, typer.Option("--ascii", help="Charts in digits, also where blocks can be shown.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how many papers have each tag, week by week.

    Shares are of the papers that were tagged. Suggestions that wait for a person are counted
    apart (+3). A change of the last week against those before is marked (▲ ▼) where it is more
    than chance, with all tags looked at (an exact binomial test, 5 %).

    curator tags --since 3m --by month, or all about one tag: curator tags rag
    """
    from curator.errors import UsageError
    from curator.tag_counts import TagStatistics

    if by not in ("week", "month"):
        raise UsageError(f"--by cannot be {by!r}.", remedy="Use week or month.")
    if tag is not None and facet is not None:
        raise UsageError("Give a tag or --facet, not both.")
    period = filters_of(since, until)
    days = (period.since, period.until)
    with open_library(taxonomy=taxonomy) as library:
        statistics = TagStatistics(library.catalog, library.taxonomy)
        if tag is not None:
            page = statistics.page(tag, *days, by=by, limit=limit or 5)  # type: ignore[arg-type]
            data = _page(page)
        else:
            report = statistics.report(*days, by=by, facet=facet, limit=limit)  # type: ignore[arg-type]
            data = _report(report)
    if as_json:
        put_json({"since": days[0], "until": days[1], **data})
        return
    plain = ascii or not _writes_blocks()
    if tag is not None:
        _show_page(page, plain)
    else:
        _show_report(report, plain)


def chart(counts: Sequence[int], *, ascii: bool = False) -> str:
    """A column for each number, the highest for the greatest; numbers above 0 are told from 0."""
    levels = DIGITS if ascii else BLOCKS
    top, most = len(levels) - 1, max(counts, default=0)
    return "".join(levels[-(-top * count // most) if most else 0] for count in counts)


def _writes_blocks() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf8")


# ------------------------------------------------------------------------- all tags


def _show_report(report: TagReport, ascii: bool) -> None:
    if not report.papers:
        note("No papers.")
        return
    put(_header(report))
    if not report.tags:
        note("No tags. `curator tag` gives them.")
    names = [
        "  " * depth + shown_text(count.tag)
        for count, depth in zip(report.tags, report.depths, strict=True)
    ]
    width = max(map(len, names), default=0)
    open_width = max((len(_waiting(count)) for count in report.tags), default=0)
    heading = ""
    for name, count in zip(names, report.tags, strict=True):
        if _facet(count) != heading:
            heading = _facet(count)
            put(f"\n{heading}")
        row = f"  {name:<{width}}  {count.papers:>7,}  {count.share:>4.0%}"
        row += f"  {_waiting(count):>{open_width}}" if open_width else ""
        put(f"{row}  {chart(count.trend, ascii=ascii)}  {_change(count.change, ascii)}".rstrip())
    if report.unused:
        shown = ", ".join(report.unused[:8]) + (", …" if len(report.unused) > 8 else "")
        put(f"\nOn no paper: {shown if not ascii else shown.replace('…', '...')}")


def _facet(count: TagCount) -> str:
    if count.facet is None:
        return "(not in the taxonomy)"
    return shown_text(count.facet) or "(no facet)"


def _waiting(count: TagCount) -> str:
    return f"+{count.suggested:,}" if count.suggested else ""


def _header(found: TagReport | TagPage) -> str:
    text = f"{counted(found.papers, 'paper')}, {found.tagged:,} of them tagged; shares are of these"
    if found.weeks:
        last = f"{found.sizes[-1]:,} in the last" if len(found.weeks) > 1 else "the only one"
        text += f". Charts: {found.weeks[0]} to {found.weeks[-1]} ({last})"
    return f"{text}."


def _change(change: Change | None, ascii: bool) -> str:
    """The last week's share less that of the weeks before, in percentage points."""
    if change is None or not (change.last or change.before):
        return ""
    marks = {1: "up", -1: "down", 0: ""} if ascii else {1: "▲", -1: "▼", 0: ""}
    return f"{_points(change):>+6.1f} {marks[change.direction]}".rstrip()


def _points(change: Change) -> float:
    return 100 * (change.last - change.before)


def _report(report: TagReport) -> dict[str, Any]:
    return {
        "by": report.by,
        "papers": report.papers,
        "tagged": report.tagged,
        "periods": _periods(report),
        "tags": [_counts(count) for count in report.tags],
        "unused": list(report.unused),
    }


def _periods(found: TagReport | TagPage) -> list[dict[str, Any]]:
    return [
        {"period": label, "tagged": size}
        for label, size in zip(found.weeks, found.sizes, strict=True)
    ]


def _counts(count: TagCount) -> dict[str, Any]:
    change = count.change
    return {
        "tag": count.tag,
        "facet": count.facet,
        "parent": count.parent,
        "papers": count.papers,
        "share": round(count.share, 6),
        "suggested": count.suggested,
        "trend": list(count.trend),
        "change": change
        and {
            "last_share": round(change.last, 6),
            "before_share": round(change.before, 6),
            "p_value": float(f"{change.p_value:.4g}"),
            "marked": {1: "up", -1: "down", 0: None}[change.direction],
        },
    }


# -------------------------------------------------------------------------- one tag


def _show_page(page: TagPage, ascii: bool) -> None:
    count = page.count
    put(f"{shown_text(count.tag)}, {_facet(count)}")
    if page.description:
        put(f"  {shown_text(page.description)}")
    for what, names in (
        ("Also called", page.aliases),
        ("Below", (count.parent,) if count.parent else ()),
        ("Above", page.children),
    ):
        if names:
            put(f"  {what}: {', '.join(map(shown_text, names))}")
    put(_header(page))
    waiting = f"; suggested for {count.suggested:,} more" if count.suggested else ""
    put(f"\n{counted(count.papers, 'paper')}, {count.share:.1%}{waiting}.")
    if (change := count.change) and (change.last or change.before):
        marked = "more than chance" if change.direction else "no more than chance allows"
        put(
            f"Last {page.by}: {change.last:.1%}, before {change.before:.1%} "
            f"({_points(change):+.1f} points; {marked})."
        )
    most = max(count.trend, default=0)
    for label, papers, size in zip(page.weeks, count.trend, page.sizes, strict=True):
        bar = ("#" if ascii else "█") * (-(-BAR * papers // most) if most else 0)
        share = f"{papers / size:>4.0%}" if size else "   -"
        put(f"  {label}  {papers:>5,} of {size:>6,}  {share}  {bar}".rstrip())
    if page.newest:
        put("\nNewest:")
    for paper, tag in page.newest:
        put(f"  {paper.day}  {paper.id}  {tag.confidence:.2f}  {shown_text(paper.title)}")
        if quote := _evidence(paper, tag):
            put(f'    "{shown_text(quote)}"')
    if page.companions:
        put("\nGoes with:")
    width = max((len(shown_text(other.tag)) for other in page.companions), default=0)
    for other in page.companions:
        put(
            f"  {shown_text(other.tag):<{width}}  {other.papers:>5,}  {other.share:>4.0%} of these,"
            f" {other.overall:.0%} of all"
        )


def _evidence(paper: Paper, tag: StoredTag) -> str:
    """The sentence that speaks for the tag, if it is in the stored text: else it is no quote."""
    return tag.evidence if tag.evidence in paper.text else ""


def _page(page: TagPage) -> dict[str, Any]:
    return {
        "by": page.by,
        "papers": page.papers,
        "tagged": page.tagged,
        "periods": _periods(page),
        "tag": _counts(page.count),
        "description": page.description,
        "aliases": list(page.aliases),
        "children": list(page.children),
        "newest": [
            {
                "paper_id": paper.id,
                "title": paper.title,
                "day": paper.day,
                "confidence": tag.confidence,
                "source": tag.source,
                "evidence": _evidence(paper, tag),
            }
            for paper, tag in page.newest
        ],
        "with": [
            {
                "tag": other.tag,
                "papers": other.papers,
                "share": round(other.share, 6),
                "overall": round(other.overall, 6),
            }
            for other in page.companions
        ],
    }
