"""The command that checks a person's own draft: check."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.options import AsJson
from curator.cli.terminal import command, note, open_library, put, put_json, strong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from curator.checking import CheckedSentence, PaperCheck
    from curator.entailment import Judge
    from curator.library import Library

__all__ = ["check"]

STATUSES = {
    "supported": "supported",
    "unsupported": "not supported",
    "doubtful": "doubtful",
    "contradicted": "contradicted",
    "no_claim": "no claim",
    "paper_not_found": "paper not found",
}


@command
def check(
    draft: Annotated[
        str | None, typer.Argument(help="Markdown or plain text; - reads standard input.")
    ] = None,
    *,
    paper: Annotated[
        str | None,
        typer.Option(help="All of it is about this paper: its id, arXiv id, DOI, or title."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Only the sentences that are in trouble.")
    ] = False,
    pairs: Annotated[
        Path | None,
        typer.Option(help='Check claims against texts: JSON Lines {"source", "claim"}.'),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Judges what the check leaves open: local:qwen2.5-coder-1.5b-instruct.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check each sentence of your own text against the papers it is about.

    Which stored paper a sentence is about follows from links, arXiv ids and DOIs, titles,
    names ("Autellix: ..." is a title's name), the sentence before, the list item, or the
    heading; else from a search with a clear result.

    curator check newsletter.md --quiet

    A sentence is supported if one stored sentence says all of it: quoted word for word, or
    checked (it leaves out words, and adds, turns round and swaps none). All else is not
    supported, which does not mean wrong: look at the stored sentence that is shown.

    curator check review.txt --paper 2401.01234 --json

    With --model, a model judges these: "doubtful" are those that it thinks are wrong, and the
    number is the probability that they are right. It takes a few seconds a sentence.

    Exit code 1 if a sentence about a paper is not supported, or points to a paper that is not
    in the library; else 0. A line of three dashes ends what a heading was about.
    """
    from curator.checking import decode_draft
    from curator.errors import MissingError, UsageError

    if (draft is None) == (pairs is None):
        raise UsageError(
            "Give a draft or --pairs." if draft is None else "Give a draft or --pairs, not both.",
            remedy="Try: curator check newsletter.md",
        )
    if pairs is not None:
        if paper or quiet:
            raise UsageError("--pairs goes with neither --paper nor --quiet.")
        with open_library() as library:
            failed = _check_pairs(library, pairs, _judge(library, model))
        raise typer.Exit(1 if failed else 0)
    assert draft is not None
    name = "standard input" if draft == "-" else draft
    text = decode_draft(_read(draft), name)
    with open_library() as library:
        if not library.catalog.papers.count():
            raise MissingError(
                "The library has no papers to check it against.",
                remedy="Add some: curator add FILE (or arxiv:ID). Is --home right?",
            )
        chosen = library.catalog.papers.resolve(paper) if paper else None
        found = library.check(
            text,
            judge=_judge(library, model),
            paper=chosen,
            indented_code=Path(draft).suffix.lower() not in {".txt", ".text"},
            progress=lambda done, of: library.progress("checked", done, of),
        )
    shown = [one for one in found if one.is_trouble or not quiet]
    for one in shown:
        if as_json:
            put_json(_as_json(one), lines=True)
        else:
            _show(one, draft)
    note(_summary(found))
    if any(one.is_trouble for one in found):
        raise typer.Exit(1)


def _read(draft: str) -> bytes:
    import sys

    from curator.checking import LARGEST
    from curator.errors import InputError

    if draft == "-":
        return sys.stdin.buffer.read(LARGEST + 1)
    try:
        with Path(draft).open("rb") as file:
            return file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{draft!r} cannot be read: {reason}.",
            remedy="Give a Markdown or text file, or - for standard input.",
        ) from error


def _judge(library: Library, model: str | None) -> Judge | None:
    if model is None:
        return None
    from curator.judging import model_judge
    from curator.llm import open_llm

    return model_judge(open_llm(library.settings, model))


def _check_pairs(library: Library, file: Path, judge: Judge | None) -> int:
    """A line for each pair; how many claims are not supported."""
    from curator.checking import DOUBTFUL
    from curator.cli.files import read_lines
    from curator.entailment import RuleJudge
    from curator.sentences import split_sentences

    rows = read_lines(file, ("source", "claim"))
    rules = RuleJudge()
    failed = 0
    for done, row in enumerate(rows, 1):
        sentences = [span.text for span in split_sentences(row["source"])]
        verdict = library.grounder.check(row["claim"], sentences)
        failed += not verdict.supported
        status: str = verdict.status
        by = judge if judge and status == "unsupported" and sentences else rules
        probability = by.probability(row["claim"], verdict, sentences)
        if by is not rules and probability < DOUBTFUL:
            status = "doubtful"
        put_json(
            {
                **({"id": row["id"]} if "id" in row else {}),
                "claim": row["claim"],
                "supported": verdict.supported,
                "status": status,
                "score": round(verdict.score, 4),
                "probability": round(probability, 4),
                "judge": by.name,
                "evidence": verdict.quote,
                "reason": verdict.reason,
            },
            lines=True,
        )
        library.progress("checked", done, len(rows))
    return failed


def _as_json(one: CheckedSentence) -> dict[str, Any]:
    first = one.decisive
    return {
        "line": one.line,
        "column": one.column,
        "start": one.start,
        "end": one.end,
        "text": one.text,
        "claim": one.claim,
        "status": one.status,
        "supported": one.status == "supported",
        "quoted": bool(first and first.quoted),
        "paper_id": first.paper.id if first else None,
        "title": first.paper.title if first else None,
        "found_by": first.found_by if first else None,
        "quote": first.quote if first else None,
        "score": round(first.score, 4) if first else None,
        "probability": round(first.probability, 4) if first else None,
        "judge": first.judge if first else None,
        "reason": one.reason,
        "pointer": one.pointer or None,
        "papers": [_paper_json(check) for check in one.checks],
    }


def _paper_json(check: PaperCheck) -> dict[str, Any]:
    return {
        "paper_id": check.paper.id,
        "title": check.paper.title,
        "found_by": check.found_by,
        "status": check.status,
        "quoted": check.quoted,
        "quote": check.quote,
        "score": round(check.score, 4),
        "probability": round(check.probability, 4),
        "judge": check.judge,
        "reason": check.reason,
    }


def _show(one: CheckedSentence, draft: str) -> None:
    from curator.text import clean, plain

    before, after = strong() if one.is_trouble else ("", "")
    status = STATUSES[one.status]
    if one.status == "supported" and one.decisive:
        how = "quoted" if one.decisive.quoted else "checked"
        status = f"{status}: {how}, {one.decisive.score:.2f}"
    elif one.reason and one.decisive and one.decisive.judge not in {"", "rules"}:
        by = one.decisive
        status = f"{status} ({by.probability:.2f} by {by.judge}): {one.reason}"
    elif one.reason:
        status = f"{status}: {one.reason}"
    place = "" if draft == "-" else f"{draft}:"
    put(f"{place}{one.line}:{one.column}: {before}{status}{after}")
    put(f"    {clean(one.text)}")
    for check in one.checks:
        says = "" if check is one.decisive or check.status == "supported" else f" ({check.reason})"
        put(f"    {check.paper.id}  {plain(check.paper.title)}{says}")
        put(f"      > {clean(check.quote)}")


def _summary(found: Sequence[CheckedSentence]) -> str:
    if not found:
        return "No sentences: nothing to check."
    counts: Counter[str] = Counter(one.status for one in found)
    quoted = sum(one.decisive.quoted for one in found if one.status == "supported" and one.decisive)
    parts = [f"{counts[status]} {said}" for status, said in STATUSES.items() if counts[status]]
    if counts["supported"]:
        parts[0] += f" ({quoted} quoted, {counts['supported'] - quoted} checked)"
    total = f"{len(found)} sentence" + ("s" if len(found) != 1 else "")
    text = f"{total}: {', '.join(parts)}."
    missing = sorted({one.pointer for one in found if one.pointer})
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        text += f" Not in the library: {', '.join(missing[:5])}{more}; `curator add` takes them in."
    return text
