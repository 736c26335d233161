"""The command that names the keyphrases of papers."""

from __future__ import annotations

from typing import Annotated

import typer

from curator.cli.options import AsJson, Since, Until, filters_of
from curator.cli.terminal import command, note, open_library, put, put_json

__all__ = ["keyphrases"]


@command
def keyphrases(
    papers: Annotated[
        list[str] | None,
        typer.Argument(help="Papers by id, arXiv id, DOI or title; else --all."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All papers, newest first.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many papers, newest first.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=100, help="At most so many phrases each.")] = 10,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Name the phrases that say what a paper is about, as its title or abstract has them.

    No model is asked and nothing is stored. The score is how likely somebody who indexes papers
    would choose the phrase.
    """
    from curator.errors import UsageError
    from curator.keyphrases import keyphrases_of
    from curator.text import plain

    if papers and everything:
        raise UsageError("Give papers, or --all; only one of them.")
    if not papers and not everything:
        raise UsageError(
            "No paper is named.", remedy="Name them by id, arXiv id, DOI or title, or add --all."
        )
    filters = filters_of(since, until)
    if papers and filters:
        raise UsageError("--since and --until choose among all papers.", remedy="Add --all.")
    with open_library() as library:
        resolve = library.catalog.papers.resolve
        if papers:
            chosen = list({paper.id: paper for paper in map(resolve, papers)}.values())[:limit]
        else:
            chosen = library.catalog.papers.select(filters, limit=limit)
        without = 0
        for done, paper in enumerate(chosen, 1):
            found = keyphrases_of(paper, top)
            without += not found
            if as_json:
                phrases = [{"phrase": each.phrase, "score": each.score} for each in found]
                put_json({"paper_id": paper.id, "keyphrases": phrases}, lines=True)
            else:
                put(f"{paper.id}  {plain(paper.title)}")
                put(f"    {'; '.join(plain(each.phrase) for each in found) or '(none)'}")
            library.progress("read", done, len(chosen))
    if without:
        note(f"{without} of {len(chosen)} papers have no keyphrases.")
