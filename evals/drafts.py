"""``python -m evals.drafts``: what the check does to sentences that small models really wrote.

The 0.5B and 1.5B models drafted them for our own questions and for the TLDRs of the sample
papers. Each was labelled by reading it beside the paper's title and abstract, not by the check
(how: evals/data/README.md). A draft is mostly copied, so it is kept as pieces: places in the
stored abstract or title, and in words only what stands in neither. The text is made again from
the papers, and a paper that has changed since is an error, not another sentence.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from curator.alignment import loses_subject
from curator.answers import MAX_SENTENCE
from curator.errors import InputError
from curator.grounding import Grounder, RuleGrounder
from curator.sentences import split_sentences
from curator.text import fold, plain
from curator.tldr_candidates import MAX_WORDS, addresses_reader
from evals.gold import Claim, GoldRow
from evals.metrics import LEVEL
from evals.suites.base import own_rows
from evals.suites.own import sample_abstracts
from graphs.drafting import says_nothing

__all__ = [
    "Checked",
    "Draft",
    "Piece",
    "checked",
    "decode",
    "draft_claims",
    "encode",
    "fingerprint",
    "main",
    "read_drafts",
    "report",
    "text_of",
]

# A shorter piece would say no more than the words themselves.
SHORTEST = 12

Piece = tuple[int, int] | tuple[Literal["title"], int, int] | str
"""``[start, end)`` in the abstract, the same in the title, or words that stand in neither."""


class Draft(GoldRow):
    """A drafted sentence, in pieces. ``of`` is the question that it was drafted for, empty for
    a TLDR; ``abstract`` the `fingerprint` of the text that the pieces point into; ``fault``
    says why a sentence is not ``right``."""

    model: Literal["0.5b", "1.5b"]
    kind: Literal["answer", "tldr"]
    of: str = ""
    title: str = Field(min_length=1)
    abstract: str = Field(min_length=8, max_length=8)
    text: list[Piece] = Field(min_length=1)
    label: Literal["right", "wrong", "unsure"]
    fault: str = ""


def fingerprint(abstract: str) -> str:
    """Eight hex digits of the SHA-256 of a text."""
    return hashlib.sha256(abstract.encode()).hexdigest()[:8]


# -------------------------------------------------------------------- texts as places


def encode(text: str, title: str, abstract: str) -> list[Piece]:
    """``text`` as pieces: from left to right the longest that the abstract, else the title has,
    of at least `SHORTEST` characters and between word bounds in both texts."""
    pieces: list[Piece] = []
    bounds = [n for n in range(len(text) + 1) if _is_bound(text, n)]
    start = loose = 0
    while start < len(text):
        found = _longest(text, start, bounds, title, abstract) if _is_bound(text, start) else None
        if found is None:
            start += 1
            continue
        piece, end = found
        if loose < start:
            pieces.append(text[loose:start])
        pieces.append(piece)
        start = loose = end
    if loose < len(text):
        pieces.append(text[loose:])
    return pieces


def _longest(
    text: str, start: int, bounds: Sequence[int], title: str, abstract: str
) -> tuple[Piece, int] | None:
    for end in reversed(bounds):
        if end - start < SHORTEST:
            return None
        if (place := _place(text[start:end], abstract)) is not None:
            return (place, place + end - start), end
        if (place := _place(text[start:end], title)) is not None:
            return ("title", place, place + end - start), end
    return None


def _place(words: str, source: str) -> int | None:
    place = source.find(words)
    while place >= 0:
        if _is_bound(source, place) and _is_bound(source, place + len(words)):
            return place
        place = source.find(words, place + 1)
    return None


def _is_bound(text: str, place: int) -> bool:
    return place in (0, len(text)) or not (text[place - 1].isalnum() and text[place].isalnum())


def decode(pieces: Iterable[Piece], title: str, abstract: str) -> str:
    """The text of pieces.

    Raises:
        InputError: a piece points outside of its text.
    """
    found = []
    for piece in pieces:
        if isinstance(piece, str):
            found.append(piece)
            continue
        source, (start, end) = (abstract, piece) if len(piece) == 2 else (title, piece[1:])
        if not 0 <= start < end <= len(source):
            raise InputError(
                f"A piece of a draft on {title!r} points outside of the stored text: {piece}.",
                remedy="Restore evals/data/drafts.jsonl and samples/library.jsonl to one version.",
            )
        found.append(source[start:end])
    return "".join(found)


def read_drafts() -> list[Draft]:
    """The drafts in ``evals/data``, in their order."""
    return own_rows("drafts.jsonl", Draft)(None)


def text_of(draft: Draft, abstracts: Mapping[str, str]) -> str:
    """A draft's sentence; ``abstracts`` are those of the papers by their titles.

    Raises:
        InputError: the paper is not there, or its text is not the one that was drafted from.
    """
    abstract = abstracts.get(draft.title)
    if abstract is None or fingerprint(abstract) != draft.abstract:
        what = "is not among" if abstract is None else "has changed in"
        raise InputError(
            f"The draft {draft.id} cannot be made again: {draft.title!r} {what} "
            "samples/library.jsonl.",
            remedy="Put the paper back, or remove its drafts: their labels were given by reading "
            "the text as it was.",
        )
    return decode(draft.text, draft.title, abstract)


def draft_claims() -> list[Claim]:
    """The drafts as claims about whole abstracts, without those labelled unsure."""
    abstracts = sample_abstracts()
    return [
        Claim(
            id=draft.id,
            cluster=draft.title,
            title=draft.title,
            source=abstracts[draft.title],
            claim=text_of(draft, abstracts),
            supported=draft.label == "right",
            edits=[draft.fault] if draft.label == "wrong" else [],
        )
        for draft in read_drafts()
        if draft.label != "unsure"
    ]


# ------------------------------------------------------------- what the check does to them


@dataclass(frozen=True)
class Checked:
    """A draft, its sentence, and what the check says of it. ``fate`` is what becomes of it in
    `graphs.drafting` and `curator.tldr`: it is ``refused``, ``said`` as it was drafted, or the
    stored sentence that it is a part of is ``quoted`` in its place."""

    draft: Draft
    text: str
    verbatim: bool
    passed: bool
    reason: str
    fate: Literal["refused", "said", "quoted"]


def checked(
    drafts: Iterable[Draft], abstracts: Mapping[str, str], grounder: Grounder
) -> list[Checked]:
    """Each draft compared with each sentence of its abstract, as the grounding task does."""
    found = []
    for draft in drafts:
        text, abstract = text_of(draft, abstracts), abstracts[draft.title]
        sentences = [span.text for span in split_sentences(abstract)]
        verdict = grounder.check(text, sentences, draft.title)
        said = fold(plain(text)).strip(". ")
        fate: Literal["refused", "said", "quoted"] = "said"
        taken = _is_taken(draft.kind, text, said, sentences)
        vague = draft.kind == "answer" and (
            says_nothing(text, draft.title) or loses_subject(text, verdict.quote, draft.title)
        )
        if not verdict.supported or not taken or vague:
            fate = "refused"
        elif draft.kind == "answer" and said in fold(plain(verdict.quote)):
            fate = "quoted"
        verbatim = said in fold(plain(abstract))
        found.append(Checked(draft, text, verbatim, verdict.supported, verdict.reason, fate))
    return found


def _is_taken(kind: str, text: str, said: str, sentences: Iterable[str]) -> bool:
    """Whether a draft gets as far as the check: it is no remainder that a limit of length left,
    and a TLDR is short and says nothing to the reader."""
    text = text.strip()
    if kind == "tldr":
        whole = len(text.split()) <= MAX_WORDS and text.endswith((".", "!"))
        return whole and not addresses_reader(text)
    ends = text.endswith((".", "!", "?", ".”", '."')) or len(text) < MAX_SENTENCE - 1
    return ends or any(said == fold(plain(sentence)).strip(". ") for sentence in sentences)


def report(rows: Sequence[Checked]) -> str:
    """Counts and shares for each model and kind, then every sentence judged otherwise than read."""
    lines = [
        f"{'':15}{'n':>5}{'copies':>8}{'right':>7}{'wrong':>7}{'unsure':>8}{'passed':>8}"
        f"  {'wrong of the passed':28}{'passed of the right':28}{'unsure passed':>13}"
    ]
    for what, some, seen in (
        ("the check alone", rows, False),
        ("the same without copies", [row for row in rows if not row.verbatim], False),
        ("as the reader sees them", rows, True),
    ):
        lines.append(what)
        for model, kind in sorted({(row.draft.model, row.draft.kind) for row in some}):
            own = [row for row in some if (row.draft.model, row.draft.kind) == (model, kind)]
            lines.append(_line(f"{model} {kind}", own, seen))
        lines.append(_line("together", some, seen))
    for what, label, passes in (
        ("Wrong and passed", "wrong", True),
        ("Right and refused", "right", False),
        ("Unsure and passed", "unsure", True),
    ):
        some = [row for row in rows if row.draft.label == label and row.passed is passes]
        lines.append(f"\n{what}: {len(some)}")
        for row in some:
            why = f"{row.draft.fault}; {row.fate}" if passes else row.reason
            at = f"{row.draft.id} {row.draft.model} {row.draft.kind}"
            lines.append(f"  {at} [{row.draft.title[:40]}] ({why})\n      {row.text.strip()}")
    return "\n".join(lines)


def _line(name: str, rows: Sequence[Checked], seen: bool) -> str:
    labels = Counter(row.draft.label for row in rows)
    passed = [row for row in rows if (row.fate != "refused" if seen else row.passed)]
    of = Counter(row.draft.label for row in passed)
    told = sum(row.draft.label != "unsure" for row in passed)
    # What is shown as a whole stored sentence says what is stored, whatever was drafted.
    false = sum(
        row.draft.label == "wrong" and not (seen and row.fate == "quoted") for row in passed
    )
    return (
        f"  {name:13}{len(rows):5}{sum(row.verbatim for row in rows):8}{labels['right']:7}"
        f"{labels['wrong']:7}{labels['unsure']:8}{told:8}  {_share(false, told):28}"
        f"{_share(of['right'], labels['right']):28}{of['unsure']:13}"
    )


def _share(part: int, whole: int) -> str:
    from scipy.stats import binomtest

    if not whole:
        return "-"
    interval = binomtest(part, whole).proportion_ci(LEVEL, "wilson")
    return f"{part}/{whole} {part / whole:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the report of the rules. Sentences labelled unsure are in no share."""
    argparse.ArgumentParser(description="Measures the check on drafted sentences.").parse_args(
        arguments
    )
    print(report(checked(read_drafts(), sample_abstracts(), RuleGrounder())))


if __name__ == "__main__":
    main()
