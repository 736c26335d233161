"""``python -m evals.tag_speed``: the tagger beside the plain loop, in one process on one model.

The plain loop is what one would write first: for each paper one call that gets the whole taxonomy
(the constant beginning, so llama.cpp reads it once) and the abstract, and answers with a list of
tags as JSON under a grammar. Both tag the same papers of gold_tags_dev; papers per
minute, and micro-F1 with borderline tags left out and parents closed. Ours is timed whole: reading
from the catalog, vectors of sentences and papers included, storing the tags included.

With ``--many N`` it also tags so many abstracts of arXiv in one run, before any model is loaded,
and prints the memory that the process had after each tenth. With ``--calls N`` the model decides
the two most uncertain tags of N papers (``curator tag --ask 2``), and the tokens it read a second,
from the question to the stored answer, stand beside those of llama.cpp that is given the same
tokens with nothing around it.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from curator.errors import ModelError
from curator.injections import stated
from curator.library import Library
from curator.llm.base import Request
from curator.paper import Paper
from curator.taxonomy import Taxonomy
from curator.text import plain, title_key
from evals.gold import TagGold
from evals.peers.ours import home_settings
from evals.suites import suites_for
from evals.suites.base import pick, read_rows

__all__ = ["main", "plain_prompt", "scored"]

DATA = Path(__file__).parents[2] / "shared" / "data"
SUITE = "tag-gold"
MOST_TAGS = 8


def plain_prompt(taxonomy: Taxonomy) -> str:
    """The constant part of the plain loop's prompt."""
    listed = "\n".join(f"{tag.name}: {tag.description}" for tag in taxonomy.tags)
    return (
        "You tag research papers. Give each paper the tags that say what it studies, how, and "
        f"what it delivers, and no others. The tags are:\n{listed}"
    )


class PlainTags(BaseModel):
    """``{"tags": [...]}``; what is no tag of the taxonomy is left out afterwards. (A grammar that
    knows the 60 tags makes llama.cpp several times slower, so it would flatter ours.)"""

    model_config = ConfigDict(extra="forbid")

    tags: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=MOST_TAGS)]


def scored(
    taxonomy: Taxonomy, rows: Sequence[TagGold], given: dict[str, set[str]]
) -> tuple[float, float, float]:
    """Micro-F1, precision and recall; ``given`` by the paper's title key."""
    right = wrong = missed = 0
    for row in rows:
        gold = closed(taxonomy, row.tags)
        left_out = set(row.borderline) - gold
        said = closed(taxonomy, given.get(title_key(row.title), set())) - left_out
        right += len(said & gold)
        wrong += len(said - gold)
        missed += len(gold - said)
    return (
        2 * right / max(1, 2 * right + wrong + missed),
        right / max(1, right + wrong),
        right / max(1, right + missed),
    )


def closed(taxonomy: Taxonomy, tags: Iterable[str]) -> set[str]:
    """The tags with their parents."""
    return {name for tag in tags for name in (tag, *taxonomy.ancestors(tag))}


def tag_plainly(library: Library, papers: Sequence[Paper]) -> dict[str, set[str]]:
    """The plain loop, past cache and budget."""
    system = plain_prompt(library.taxonomy)
    backend, found = library.llm.backend, {}
    known = library.taxonomy.resolve
    for paper in papers:
        heard = plain(" ".join(span.text for span in stated(paper.abstract)))
        user = f"Title: {plain(paper.title)}\nAbstract: {heard}"
        try:
            answer = backend.complete(Request(system, user, PlainTags, 160))
            value = PlainTags.model_validate_json(answer.text)
        except (ModelError, ValueError):
            continue  # an answer that was cut off: no tags
        found[title_key(paper.title)] = {name for tag in value.tags if (name := known(tag))}
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=Path(".evals/tag-speed"))
    parser.add_argument("--limit", type=int, default=40, help="how many labelled papers")
    parser.add_argument("--model", default="local")
    parser.add_argument("--calls", type=int, default=0, help="papers of which a model decides tags")
    parser.add_argument("--many", type=int, default=0, help="abstracts of arXiv to tag after it")
    chosen = parser.parse_args(arguments)
    home = chosen.work / "home"
    shutil.rmtree(home, ignore_errors=True)
    chosen.work.mkdir(parents=True, exist_ok=True)
    suite = suites_for([SUITE], full=True, data=chosen.data)[0]
    rows = [row for row in suite.sample(chosen.data, None, 0) if isinstance(row, TagGold)]
    rows = list(pick(rows, chosen.limit, 0, lambda _: ""))
    settings = home_settings(home).model_copy(update={"model": chosen.model})
    with Library(settings, notify=print) as library:
        files = suite.corpus.files(chosen.data, chosen.work) if suite.corpus else ()
        library.add([str(file) for file in files])
        every = {title_key(paper.title): paper for paper in library.catalog.papers.select()}
        papers = [every[title_key(row.title)] for row in rows]
        spare = next(paper for paper in every.values() if paper not in papers)
        list(library.tag([spare]))  # all is loaded
        started = time.perf_counter()
        for outcome in library.tag(papers):
            assert outcome.error is None, outcome.error
        ours = time.perf_counter() - started
        calls = library.llm.usage.llm_calls
        tags = library.catalog.outputs.tags(paper.id for paper in papers)
        mine = {
            title_key(p.title): {t.tag for t in tags.get(p.id, []) if not t.needs_review}
            for p in papers
        }
        print(f"ours: {ours:.1f} s", flush=True)
        if chosen.many:
            tag_many(library, chosen.data, chosen.work, chosen.many)
        if chosen.calls:
            rate_of_calls(library, [*every.values()][: chosen.calls])
        tag_plainly(library, [spare])  # its beginning is read
        started = time.perf_counter()
        theirs = tag_plainly(library, papers)
        loop = time.perf_counter() - started
        print(
            f"{len(papers)} papers, {library.llm.identity}, {calls} model calls of ours", flush=True
        )
        for name, given, seconds in (("ours", mine, ours), ("plain loop", theirs, loop)):
            f1, precision, recall = scored(library.taxonomy, rows, given)
            print(
                f"{name:<12} {60 * len(papers) / seconds:8.1f} papers/min   micro-F1 {f1:.3f}   "
                f"precision {precision:.3f}   recall {recall:.3f}"
            )
        print(f"ratio {loop / ours:.1f}")


def tag_many(library: Library, data: Path, work: Path, count: int) -> None:
    """Tags abstracts of arXiv, and prints rate and memory as it goes."""
    import orjson

    source = work / "many.jsonl"
    with source.open("wb") as out:
        for row in islice(read_rows(data / "arxiv_100k.jsonl.gz"), count):
            kept = {"title": row["title"], "abstract": row["abstract"]}
            out.write(orjson.dumps(kept) + b"\n")
    library.add([str(source)])
    due = library.catalog.ledger.pending("tag", library.tagger.recipe, limit=count)
    print(f"{len(due)} papers of arXiv; maximum resident memory {_megabytes()} MB")
    started, tenth = time.perf_counter(), max(1, len(due) // 10)
    failed = 0
    for done, outcome in enumerate(library.tag(due), 1):
        failed += outcome.error is not None
        if done % tenth == 0:
            rate = 60 * done / (time.perf_counter() - started)
            print(f"{done} tagged, {failed} failed, {rate:.0f}/min, {_megabytes()} MB", flush=True)


def rate_of_calls(library: Library, papers: Sequence[Paper]) -> None:
    """Prints the rate of the calls that decide tags, and llama.cpp's own."""
    from curator.llm import odds
    from curator.tagging.voters import open_voter

    library.settings = library.settings.model_copy(update={"tag_questions": 2})
    tagger = library._tagger_with(open_voter(library.llm, library.settings.prompts))
    read: list[tuple[list[int], int]] = []
    ours = 0.0
    plain_next, plain_ask = odds._next, library.llm.log_odds

    def next_(llama: Any, tokens: list[int]) -> Any:
        before = list(llama.input_ids[: llama.n_tokens])
        shared = zip(before, tokens[:-1], strict=False)
        same = next(
            (n for n, (a, b) in enumerate(shared) if a != b), min(len(before), len(tokens) - 1)
        )
        read.append((tokens, same))
        return plain_next(llama, tokens)

    def ask(*args: Any, **values: Any) -> float:
        nonlocal ours
        started = time.perf_counter()
        said = plain_ask(*args, **values)
        ours += time.perf_counter() - started
        return said

    tagger.tag(papers[0])  # the weights are read
    odds._next = next_
    library.llm.__dict__["log_odds"] = ask
    tagger = library._tagger_with(open_voter(library.llm, library.settings.prompts))
    for paper in papers[1:]:
        tagger.tag(paper)
    odds._next = plain_next
    bare = 0.0
    with library.llm.backend.loaded() as llama:  # type: ignore[attr-defined]
        for tokens, same in read:
            llama.n_tokens = 0
            llama.reset()
            if same:
                llama.eval(tokens[:same])
            started = time.perf_counter()
            llama.eval(tokens[same:])
            bare += time.perf_counter() - started
    count = sum(len(tokens) - same for tokens, same in read)
    print(
        f"{len(read)} calls, {count} tokens read: ours {count / ours:.1f} a second, llama.cpp "
        f"{count / bare:.1f}; ratio {bare / ours:.2f}",
        flush=True,
    )


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
