"""What the adapters of other people's data have in common: papers, titles, questions.

The data is read in place, from the folder of ``--data``; nothing of it is in the project.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from curator.errors import InputError
from curator.text import squeeze, title_key
from evals.gold import Query, Question
from evals.suites.base import Corpus, write_papers

__all__ = ["Papers", "as_queries", "corpus_of", "folder_of", "papers_of"]

Papers = dict[str, dict[str, str]]
"""The data's own id of a paper → ``title`` and ``abstract``."""


def folder_of(data: Path | None) -> Path:
    """The folder of ``--data``.

    Raises:
        InputError: none was given.
    """
    if data is None:
        raise InputError(
            "This suite's data is not part of the project.", remedy="Give its folder with --data."
        )
    return data


def papers_of(entries: Iterable[tuple[str, str, str]]) -> Papers:
    """Papers from ``(id, title, abstract)``, in that order.

    Gold data names papers by their titles, so where a title comes again its id is added. What
    has no title or no abstract is left out, since no library takes it.
    """
    papers: Papers = {}
    taken: set[str] = set()
    for own_id, title, abstract in entries:
        name = squeeze(title)
        if not title_key(name) or not abstract.strip():
            continue
        if title_key(name) in taken:
            name = f"{name} ({own_id})"
        taken.add(title_key(name))
        papers[own_id] = {"title": name, "abstract": squeeze(abstract)}
    return papers


def corpus_of(name: str, read: Callable[[Path], Papers]) -> Corpus:
    """A corpus of papers that have to be written anew for `curator add`.

    Only title and abstract are written: categories would give tags away, and some of these
    files have arXiv numbers whose end zeros were lost, which name other papers.
    """

    def files(data: Path | None, folder: Path) -> list[Path]:
        return [write_papers(folder / f"{name}.jsonl", read(folder_of(data)).values())]

    return Corpus(name, files)


def as_queries(questions: Iterable[Question]) -> list[Query]:
    """The answerable questions as searches for their gold papers."""
    return [
        Query(
            id=question.id,
            cluster=question.cluster or question.gold_titles[0],
            query=question.question,
            relevant=dict.fromkeys(question.gold_titles, 1),
        )
        for question in questions
        if question.gold_titles
    ]
