"""What all formats start from: an entry, its keywords, its kind, its authors' names in parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from curator.identifiers import is_preprint_doi
from curator.paper import Paper
from curator.text import fold, plain, squeeze, strip_controls

__all__ = [
    "ExportEntry",
    "Keys",
    "Kind",
    "Name",
    "keywords",
    "kind_of",
    "laid_out",
    "link",
    "missing",
    "name_of",
]

Kind = Literal["article", "conference", "preprint", "other"]

_CONFERENCE = re.compile(
    r"\b(?:proceedings|proc\.|conference|conf\.|workshop|symposium|congress|findings of)"
    r"|^(?:neurips|nips|icml|iclr|(?:na|ea)?acl|emnlp|coling|cvpr|iccv|eccv|aaai|ijcai|kdd|sigir"
    r"|www|uai|aistats|colt|colm|interspeech|icassp|icra|iros|chi|recsys|wsdm|cikm)\b",
    re.IGNORECASE,
)
_PREPRINTS = re.compile(r"\b(?:arxiv|corr|biorxiv|medrxiv|ssrn|preprints?|openreview)\b", re.I)
_SUFFIX = re.compile(r"[JS][rR]\.?|III?|IV")  # not "Xi", which is a family's name
_UNIMPORTANT = {"a", "an", "the", "on", "of", "in", "to", "for", "and", "is", "are", "with"}


@dataclass(frozen=True, slots=True)
class ExportEntry:
    """A paper with what is known of it, or a part of a bibliography that is none.

    ``extra`` is `Record.extra` of the bibliography that the paper came from, of any format.
    Without a paper, ``extra`` is written back as it was in its own format, and left out in
    others. ``ids`` and ``hints`` are as in `Record`.
    """

    paper: Paper | None
    tldr: str | None = None
    tags: tuple[str, ...] = ()
    extra: Mapping[str, Any] | None = None
    ids: tuple[tuple[str, str], ...] = ()
    hints: Mapping[str, Any] = field(default_factory=dict)

    def extra_of(self, format: str) -> Mapping[str, Any] | None:
        """``extra`` if it is of that format."""
        return self.extra if self.extra and self.extra.get("format") == format else None


@dataclass(frozen=True, slots=True)
class Name:
    """A person's name in parts; of an organisation or a lone name only ``family``."""

    family: str
    given: str = ""
    suffix: str = ""


def name_of(text: str) -> Name:
    """The parts of "Ida van Strand Jr.": the family name is the last word, with the words in
    small letters before it."""
    words = text.split()
    suffix = words.pop() if len(words) > 2 and _SUFFIX.fullmatch(words[-1]) else ""
    start = len(words) - 1
    while start > 1 and words[start - 1][:1].islower():
        start -= 1
    return Name(" ".join(words[max(start, 0) :]), " ".join(words[: max(start, 0)]), suffix)


def keywords(entry: ExportEntry) -> list[str]:
    """Our tags, then the keywords that the paper came with."""
    given = entry.hints.get("keywords")
    words = [word for word in given if isinstance(word, str)] if isinstance(given, list) else []
    return missing([], [*entry.tags, *words])


def missing(existing: Iterable[str], words: Iterable[str]) -> list[str]:
    """Those words, on one line each, that are not there yet; case and accents do not count."""
    seen = {fold(word) for word in existing}
    found: list[str] = []
    for word in words:
        clean = squeeze(strip_controls(word))
        if clean and fold(clean) not in seen:
            seen.add(fold(clean))
            found.append(clean)
    return found


def kind_of(paper: Paper) -> Kind:
    """What a reference manager should list the paper as."""
    venue = plain(paper.venue or "")
    if venue and not _PREPRINTS.search(venue):
        return "conference" if _CONFERENCE.search(venue) else "article"
    if venue or paper.arxiv_id or (paper.doi and is_preprint_doi(paper.doi)):
        return "preprint"
    return "other"


def link(paper: Paper) -> str | None:
    """The best address for a reader."""
    if paper.url:
        return paper.url
    if paper.arxiv_id:
        return f"https://arxiv.org/abs/{paper.arxiv_id}"
    return f"https://doi.org/{paper.doi}" if paper.doi else None


class Keys:
    """Citation keys, each once: first author's family name, year, first word of the title."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {key.lower() for key in taken}
        self._next: dict[str, int] = {}

    def key(self, paper: Paper) -> str:
        family = _ascii(name_of(plain(paper.authors[0])).family) if paper.authors else ""
        words = [_ascii(word) for word in re.split(r"[\s:—–/-]+", plain(paper.title))]
        word = next((w for w in words if w and w not in _UNIMPORTANT), "")
        return self.unused(f"{family}{(paper.published or '')[:4]}{word[:30]}" or paper.id)

    def unused(self, key: str) -> str:
        """The key, with ``a``, ``b``, …, ``z``, ``aa`` after it where it is taken."""
        found = key
        number = self._next.get(key, 0)
        while found.lower() in self._taken:
            number += 1
            found = key + _letters(number)
        self._next[key] = number
        self._taken.add(found.lower())
        return found


def _ascii(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", fold(text))


def _letters(number: int) -> str:
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return letters


def laid_out(parts: Iterable[tuple[str, Mapping[str, Any] | None]], after: str) -> Iterator[str]:
    """Parts of a file with the white space between them.

    A part is its text and, where it is written back, its ``extra``, which knows the white space
    around it (``after`` unless it says otherwise). A part that is new stands apart by an empty
    line. The file ends as its last part did, or with a line end.
    """
    gap: str | None = None
    previous, was_new = "", False
    for text, extra in parts:
        if gap is None:
            yield str(extra.get("before", "")) if extra else ""
        elif extra is None or was_new:
            yield gap + "\n" * (2 - min(2, len(gap) - len(gap.rstrip("\n"))))
        elif "\n" not in gap and (
            extra.get("format") == "ris" or "%" in previous.rpartition("\n")[2]
        ):
            yield gap + "\n"  # what follows began a line in a file of its own
        else:
            yield gap
        yield text
        previous, was_new = text, extra is None
        gap = str(extra.get("after", after)) if extra else "\n"
    if gap:
        yield gap
