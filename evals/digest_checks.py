"""A digest's document, held against the catalog: each sentence, each number, each paper.

Sentences are checked anew by the rules of `curator.grounding`, and numbers are counted anew by
`evals.digest_recount`; nothing that made the document is asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from curator.digest.document import Citation, DigestDocument, DigestPaper, Origin, every_paper
from curator.grounding import RuleGrounder
from curator.sentences import split_sentences
from curator.stemming import words
from curator.text import fold, plain, squeeze, title_key
from evals.digest_recount import Catalogued, lead_faults, trend_faults

if TYPE_CHECKING:
    from curator.embedding import Vectors

__all__ = ["Fault", "Nearest", "audit_document", "nearest_of"]

ALIKE = 0.8  # word Jaccard


@dataclass(frozen=True)
class Fault:
    """``where`` is a digest's name and a place in it."""

    kind: str
    where: str
    what: str


@dataclass(frozen=True)
class Nearest:
    """The two summaries that are nearest to each other, by shared words or by cosine."""

    value: float
    one: str
    other: str


def audit_document(
    document: DigestDocument,
    catalog: Catalogued,
    earlier: Mapping[str, str] | None = None,
    above: Callable[[str], Sequence[str]] = lambda tag: (),
) -> list[Fault]:
    """What is wrong with a digest. ``earlier`` has the digest that showed a paper before, by ids
    of papers; ``above`` gives the tags that come along with one."""
    found: list[tuple[str, str, str]] = []
    for paper in every_paper(document):
        place = f"{paper['paper_id']} {paper['title'][:60]!r}"
        if paper["paper_id"] not in catalog.papers:
            found.append(("paper", place, "it is not in the catalog"))
            continue
        found += [("paper", place, what) for what in _stored_faults(paper, document, catalog)]
        cited = [Citation(paper_id=paper["paper_id"], quote=paper["quote"])]
        said = (paper["tldr"], paper["origin"], paper["supported"])
        found += [(kind, place, what) for kind, what in _said_faults(*said, cited, catalog)]
    for sentence in document["lead"]:
        place = f"lead {sentence['text'][:60]!r}"
        if sentence["origin"] == "catalog":
            found += [
                ("count", place, what) for what in lead_faults(sentence["text"], document, catalog)
            ]
            continue
        text = _without_title(sentence["text"], sentence["citations"], catalog)
        said = (text, sentence["origin"], sentence["supported"])
        faults = _said_faults(*said, sentence["citations"], catalog)
        found += [(kind, place, what) for kind, what in faults]
    found += [("trend", "trends", what) for what in trend_faults(document, catalog)]
    found += [("section", place, what) for place, what in _misplaced(document, catalog, above)]
    found += [("twice", place, what) for place, what in _repeated(document, earlier or {})]
    found += [("ledger", "ledger", what) for what in _ledger_faults(document, catalog, earlier)]
    return [Fault(kind, f"{document['name']} {place}", what) for kind, place, what in found]


def _said_faults(
    text: str, origin: Origin, supported: bool, cited: Sequence[Citation], catalog: Catalogued
) -> Iterator[tuple[str, str]]:
    """What is wrong with a sentence about a paper; an editor's are marked, and not judged."""
    if origin == "human":
        return
    if not supported:
        yield "unsupported", repr(text)
    stored = [(one["quote"], catalog.text(one["paper_id"]), one["paper_id"]) for one in cited]
    if not stored or not all(quote.strip() for quote, _, _ in stored):
        yield "source", f"{text!r} names no stored sentence"
        return
    for quote, whole, paper_id in stored:
        if quote not in whole:
            yield "source", f"{quote!r} does not stand in {paper_id}"
    if origin == "quote":
        # Pages show TeX as text, and say so.
        if not any(text in whole or _bare(text) in _bare(whole) for _, whole, _ in stored):
            yield "quote", f"{text!r} does not stand in the stored text"
    elif origin == "catalog":
        yield "check", f"{text!r} says that it is counted"
    for quote, _, paper_id in stored:
        yield from _check_faults(text, quote, paper_id, catalog)


def _check_faults(
    text: str, quote: str, paper_id: str, catalog: Catalogued
) -> Iterator[tuple[str, str]]:
    """Whether the abstract supports a sentence, and the one sentence that is shown for it does."""
    row = catalog.papers.get(paper_id)
    if row is None:
        return
    sentences = [span.text for span in split_sentences(row["abstract"])]
    tried = [[quote]] if quote == row["title"] else [sentences, [quote]]
    for sources in tried:
        verdict = RuleGrounder().check(text, sources, row["title"])
        if not verdict.supported:
            yield "check", f"{text!r}: {verdict.reason}"
            return


def _bare(text: str) -> str:
    return squeeze(plain(text))


def _without_title(text: str, cited: Sequence[Citation], catalog: Catalogued) -> str:
    """A sentence of the lead without the title in front, if that is the cited paper's."""
    for one in cited:
        row = catalog.papers.get(one["paper_id"])
        head, mark, rest = text.removeprefix("“").partition("”: ")
        while row is not None and mark:
            key = title_key(head)
            if (
                key
                and title_key(row["title"]).startswith(key)
                and (key == title_key(row["title"]) or head.endswith("…"))
            ):
                return rest
            more, mark, rest = rest.partition("”: ")
            head = f"{head}”: {more}"
    return text


def _stored_faults(
    paper: DigestPaper, document: DigestDocument, catalog: Catalogued
) -> Iterator[str]:
    row = catalog.papers[paper["paper_id"]]
    for name in ("title", "url", "day", "upvotes"):
        if row[name] != paper[name]:
            yield f"{name} is {paper[name]!r}, stored {row[name]!r}"
    if json.loads(row["authors"]) != paper["authors"]:
        yield f"authors are {paper['authors']}, stored {row['authors']}"
    if not document["since"] <= row["day"] <= document["until"] and not paper["pinned"]:
        yield f"it is of {row['day']}"
    if wrong := set(paper["tags"]) - catalog.tags(paper["paper_id"]):
        yield f"tags that it has not: {', '.join(sorted(wrong))}"


def _misplaced(
    document: DigestDocument, catalog: Catalogued, above: Callable[[str], Sequence[str]]
) -> Iterator[tuple[str, str]]:
    for section in document["sections"]:
        for paper in section["papers"]:
            given = catalog.tags(paper["paper_id"])
            true = given | {up for tag in given for up in above(tag)}
            if section["tag"] not in true | {"other"} and not paper["pinned"]:
                yield section["title"], f"{paper['title']!r} has not the tag {section['tag']!r}"


def _repeated(document: DigestDocument, earlier: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    papers = every_paper(document)
    for count in (
        Counter(paper["paper_id"] for paper in papers),
        Counter(title_key(paper["title"]) for paper in papers),
    ):
        yield from ((name, f"{times} times") for name, times in count.items() if times > 1)
    for paper in papers:
        if paper["paper_id"] in earlier and not paper["pinned"]:
            yield paper["paper_id"], f"shown before in {earlier[paper['paper_id']]}"


def _ledger_faults(
    document: DigestDocument, catalog: Catalogued, earlier: Mapping[str, str] | None
) -> Iterator[str]:
    ledger = document["ledger"]
    inside = {paper["paper_id"] for paper in every_paper(document)}
    week = catalog.week(document["since"], document["until"]).papers
    pinned = {paper["paper_id"] for paper in every_paper(document) if paper["pinned"]}
    parts = {key: value for key, value in ledger.items() if key != "seen"}
    total = sum(int(str(value)) for value in parts.values())
    wanted = {
        "seen": len(week | pinned),
        "chosen": sum(len(section["papers"]) for section in document["sections"]),
        "notable": len(document["notable"]),
        "failed": len(document["failed"]),
    }
    if earlier is not None:
        wanted["shown_before"] = len((week & set(earlier)) - inside)
    if total != ledger["seen"]:
        yield f"{total} papers in parts of {ledger['seen']}"
    for key, number in wanted.items():
        if ledger[key] != number:  # type: ignore[literal-required]
            yield f"{key} is {ledger[key]}, recounted {number}"  # type: ignore[literal-required]
    for key in ("seen", "chosen", "not_chosen"):
        if ledger[key] != document[key]:  # type: ignore[literal-required]
            yield f"{key} is said twice, and not the same"


def nearest_of(
    texts: Sequence[str], vectors: Vectors | None = None
) -> tuple[Nearest | None, Nearest | None, list[tuple[str, str]]]:
    """The nearest two texts by word Jaccard and by cosine (None without ``vectors``), and all
    pairs that say the same: Jaccard of 0.8 or more, or the same but for case and accents."""
    by_words: Nearest | None = None
    by_cosine: Nearest | None = None
    alike = []
    sets = [frozenset(words(text)) for text in texts]
    for i, j in combinations(range(len(texts)), 2):
        shared = len(sets[i] & sets[j]) / max(1, len(sets[i] | sets[j]))
        if by_words is None or shared > by_words.value:
            by_words = Nearest(round(shared, 4), texts[i], texts[j])
        if shared >= ALIKE or fold(texts[i]) == fold(texts[j]):
            alike.append((texts[i], texts[j]))
        if vectors is not None:
            cosine = float(vectors[i] @ vectors[j])
            if by_cosine is None or cosine > by_cosine.value:
                by_cosine = Nearest(round(cosine, 4), texts[i], texts[j])
    return by_words, by_cosine, alike
