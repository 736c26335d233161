"""Commands about papers themselves: add, show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.options import AsJson
from curator.cli.terminal import command, note, open_library, put, put_json

if TYPE_CHECKING:
    from curator.catalog import AddReport
    from curator.paper import Paper


@command
def add(
    sources: Annotated[
        list[str],
        typer.Argument(help="Files, globs, folders, addresses, feeds, or - for standard input."),
    ],
    embed: Annotated[
        bool, typer.Option(help="Make vectors at once; else `curator index` does later.")
    ] = True,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="Our field and the source's name of it, like title='Paper Title'."
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", help="The format, where its content does not show it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take papers into the library.

    Files: BibTeX, RIS, CSL-JSON, Zotero exports, JSON Lines, JSON, CSV and TSV, the arXiv bulk
    snapshot, arXiv, OAI-PMH, RSS, ACL and PubMed XML, saved HTML pages, and Daily Papers pages
    saved as text; also compressed (.gz, .zst, .bz2, .xz). Formats are found out by content.

    Feeds: arxiv:2401.01234, arxiv:cs.CL@2026-11-01, 'arxiv:"a query"', hf:2026-11-20,
    hf:2026-W47, s2:WORDS, openalex:WORDS, acl:2022.naloma, oai:cs, rss:ADDRESS; https://... is
    fetched and read like a file. `curator subscribe` pulls feeds again and again.

    Adding a source again adds only what is new. What cannot be read is named with file, place
    and reason (exit 1); the rest goes in.
    """
    from curator.errors import CuratorError

    trouble: CuratorError | None = None
    mapping = _mapping(columns)
    with open_library() as library:
        report = library.add(sources, index=False, mapping=mapping, kind=format)
        try:
            library.index(vectors=embed)
        except CuratorError as error:  # the papers are in: the report comes first
            trouble = error
    if as_json:
        put_json(_report(report))
    else:
        put(
            f"{report.added} added, {report.updated} updated, {report.unchanged} unchanged"
            f", {len(report.rejected)} rejected ({report.entries} entries)"
        )
    for source, rejected in report.rejected:
        note(f"Rejected: {', '.join(filter(None, (source, rejected.where)))}: {rejected.reason}")
    if trouble is not None:
        raise trouble
    if report.rejected:
        waiting = any(item.reason.startswith("no abstract") for _, item in report.rejected)
        raise typer.Exit(1 if report.paper_ids or waiting else 2)


def _mapping(columns: list[str] | None) -> dict[str, str] | None:
    from curator.errors import UsageError

    if not columns:
        return None
    mapping = {}
    for pair in (part for column in columns for part in column.split(",")):
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            raise UsageError(
                f"--map cannot be {pair!r}.", remedy="Write it as --map title='Paper Title'."
            )
        mapping[ours.strip()] = theirs.strip()
    return mapping


def _report(report: AddReport) -> dict[str, Any]:
    return {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "rejected": [
            {"source": source, "where": item.where, "reason": item.reason}
            for source, item in report.rejected
        ],
        "papers": list(report.paper_ids),
    }


def _title(paper: Paper) -> str:
    from curator.text import plain

    return plain(paper.title)


@command
def show(
    paper: Annotated[str, typer.Argument(help="A paper's id, arXiv id, DOI, or title.")],
    versions: Annotated[
        bool, typer.Option("--versions", help="Also every text it had, and what changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show one paper with its summary, tags, and where it was seen."""
    from curator import exporting
    from curator.versions import versions_of

    with open_library() as library:
        found = library.catalog.papers.resolve(paper)
        data = next(exporting.rows(library.catalog, [found]))
        data["seen"] = library.catalog.papers.seen(found.id)
        data["marks"] = library.catalog.marks.of([found.id]).get(found.id, {})
        if versions:
            records = library.catalog.decisions.explain(found.id).records
            data["versions"] = versions_of(records)
    if as_json:
        put_json(data)
        return
    put(_title(found))
    put(f"  {found.id}  {found.day}  {found.url or ''}".rstrip())
    if found.authors:
        put("  " + ", ".join(found.authors))
    if found.venue:
        put(f"  {found.venue}")
    if found.categories:
        put("  " + " ".join(found.categories))
    put()
    put(found.abstract)
    if tldr := data["tldr"]:
        put(f"\nTLDR ({'quoted' if tldr['origin'] == 'quote' else 'checked'}): {tldr['text']}")
    if data["tags"]:
        put("\nTags: " + ", ".join(f"{t['tag']} {t['confidence']:.2f}" for t in data["tags"]))
    for mark, day in data["marks"].items():
        put(f"\nMarked as {mark} ({day[:10]})")
    for sighting in data["seen"]:
        put(f"\nSeen in {sighting['source']}, {sighting['place']}")
    for number, version in enumerate(data.get("versions", ()), 1):
        name = f"v{version['arxiv_version']}" if version["arxiv_version"] else f"Text {number}"
        put(f"\n{name}, from {version['source']}, {version['place']} ({version['seen'][:10]})")
        for edit in version["changes"]:
            before = f"[-{edit['before']}-]" if edit["before"] else ""
            after = f"{{+{edit['after']}+}}" if edit["after"] else ""
            put(f"  {edit['field']}: … {edit['context']} {before}{after}".replace("  {", " {"))
        if number > 1 and not version["changes"]:
            put("  the same words")
