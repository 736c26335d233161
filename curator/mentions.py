"""Which stored papers a sentence names: by a link or identifier, a title, or a name.

A name is what stands before the colon of a title ("Autellix: ..."), where it is no word that
papers use for other things. What is found is looked up in the library, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from curator.errors import NotFoundError
from curator.identifiers import arxiv_id_of, doi_of, identifiers_in
from curator.markdown_sentences import Sentence
from curator.paper import Paper
from curator.query import Constraint, ParsedQuery
from curator.text import plain, squeeze, title_key

__all__ = [
    "LONGEST_QUERY",
    "FoundBy",
    "Mention",
    "Mentions",
    "Search",
    "pointers_in",
    "short_names",
    "stands_in",
    "without_pointers",
]

FoundBy = Literal["option", "link", "title", "name", "paragraph", "heading", "search"]

LOOKED_AT = 20  # hits in which a title is looked for
NAMESAKES = 50  # titles looked at that have a name in them
LONGEST_QUERY = 1_000  # characters of a sentence that are searched for
LONG_TITLE = 6  # words: nobody writes so many of a title by chance

_URL = re.compile(
    r"https?://[^\s<>\"'`|]+"
    r"|\b(?:www\.)?(?:arxiv\.org|huggingface\.co/papers|(?:dx\.)?doi\.org|aclanthology\.org"
    r"|openreview\.net)/[^\s<>\"'`|]+",
    re.I,
)
_WRITTEN = re.compile(
    r"\barxiv\s?:\s*[a-z.-]*/?\d[\d.]*\d(?:v\d+)?|\bdoi\s?:\s*10\.\d{4,9}/\S+"
    r"|(?<![\w./])10\.\d{4,9}/\S+",
    re.I,
)
# Figures may look like these, so they count only where they are found.
_PERHAPS = re.compile(r"(?<![\w.])\d{4}\.\d{4,5}(?:v\d+)?(?![\w%])|\bp[0-9a-f]{12}\b")
_EMPTY_URL = re.compile(r"\\(?:url|href)\{\s*\}")
_QUOTED = re.compile(r"[“„\"]([^“”„\"]{3,300})[”“\"]")
_BEFORE = re.compile(r"\s*[:?]\s|\s[-–—]+\s")
_WORD = re.compile(r"[^\W_][\w+./-]*[\w+]|[^\W_]")
_INNER_CAPITAL = re.compile(r"\w[A-Z]")
LONGEST_NAME = 60  # characters


class Search(Protocol):
    """`curator.library.Library.search`, as far as it is needed here."""

    def __call__(
        self,
        query: str | ParsedQuery,
        limit: int = ...,
        *,
        mode: Literal["hybrid", "dense", "lexical"] | None = ...,
    ) -> Iterable[Found]: ...


class Found(Protocol):
    """A hit of a search."""

    @property
    def paper(self) -> Paper: ...


@dataclass(frozen=True, slots=True)
class Mention:
    """``papers`` are those it may mean (one, but for namesakes), none where ``pointer`` points
    to one that is not stored. ``written`` is how the text names it."""

    papers: tuple[Paper, ...]
    by: FoundBy
    written: str = ""
    pointer: str = ""

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(paper.id for paper in self.papers)


class Mentions:
    """Finds mentions; what was looked up is kept for the rest of the draft."""

    def __init__(self, resolve: Callable[[str], Paper], search: Search) -> None:
        """``resolve`` is `curator.catalog.papers.Papers.resolve`."""
        self._resolve = resolve
        self._search = search
        self._pointed: dict[str, Paper | None] = {}
        self._names: dict[str, tuple[Paper, ...]] = {}

    def of(self, sentence: Sentence) -> list[Mention]:
        """What a sentence names by itself, each paper once: links before titles before names."""
        found = [*self._by_pointers(sentence), *self._by_words(sentence)]
        kept: list[Mention] = []
        for mention in found:
            known = {one for other in kept for one in other.ids}
            if mention.papers:
                new = not mention.ids & known
            else:
                new = mention.pointer not in {other.pointer for other in kept}
            if new:
                kept.append(mention)
        return kept

    # --------------------------------------------------------------- pointers

    def _by_pointers(self, sentence: Sentence) -> Iterator[Mention]:
        for mark in sentence.marks:
            if mark.kind == "link":
                yield from self._pointed_at(mark.target, mark.text)
        yield from self._pointed_at(sentence.text, "")

    def _pointed_at(self, text: str, written: str) -> Iterator[Mention]:
        for pointer, sure in pointers_in(text):
            paper = self._looked_up(pointer)
            if paper is not None or sure:
                papers = () if paper is None else (paper,)
                yield Mention(papers, "link", written, pointer)

    def _looked_up(self, pointer: str) -> Paper | None:
        if pointer not in self._pointed:
            arxiv = arxiv_id_of(pointer)
            name = arxiv[0] if arxiv else doi_of(pointer) or pointer
            try:
                self._pointed[pointer] = self._resolve(name)
            except NotFoundError:
                self._pointed[pointer] = None
        return self._pointed[pointer]

    # ------------------------------------------------------- titles and names

    def _by_words(self, sentence: Sentence) -> Iterator[Mention]:
        text = plain(sentence.text)
        query = text[:LONGEST_QUERY]
        hits = [hit.paper for hit in self._search(query, LOOKED_AT, mode="lexical")]
        marked = [mark.text for mark in sentence.marks if mark.kind != "note" and mark.text]
        for part in dict.fromkeys([*marked, *(squeeze(m[1]) for m in _QUOTED.finditer(text))]):
            yield from self._titled(part)
        key = title_key(text)
        for paper in hits:
            title = plain(paper.title)
            long = len(title.split()) >= LONG_TITLE
            if (title_key(title) in key) if long else (stands_in(title, text) and " " in title):
                yield Mention((paper,), "title", title)
        for paper in hits:
            for name in short_names(paper.title):
                if " " in name and stands_in(name, text) and self._is_distinctive(name, [paper]):
                    yield Mention((paper,), "name", name)
        for word in dict.fromkeys(_name_like(text)):
            if papers := self._named(word):
                yield Mention(papers, "name", word)

    def _titled(self, part: str) -> Iterator[Mention]:
        """The paper whose title or name is what a link, bold text or quotation says."""
        whole = part.rstrip(" .:,;!…")
        key = title_key(whole)
        if not key:
            return
        cut = part.rstrip().endswith(("…", "...")) and len(key) >= 20
        hits = [hit.paper for hit in self._search(whole[:LONGEST_QUERY], LOOKED_AT, mode="lexical")]
        for paper in hits:
            title = plain(paper.title)
            same = title_key(title) == key and (" " in whole or whole == title)
            if same or (cut and title_key(title).startswith(key)):
                yield Mention((paper,), "title", whole)
                return
        named = tuple(p for p in hits if whole in short_names(p.title))
        if named and self._is_distinctive(whole, named):
            yield Mention(named, "name", whole)

    def _named(self, word: str) -> tuple[Paper, ...]:
        """The papers whose title begins with this one word and a colon."""
        if word not in self._names:
            query = ParsedQuery("", (Constraint("title", word, phrase=True),))
            hits = self._search(query, NAMESAKES, mode="lexical")
            papers = tuple(h.paper for h in hits if word in short_names(h.paper.title))
            known = bool(papers) and self._is_distinctive(word, papers)
            self._names[word] = papers if known else ()
        return self._names[word]

    def _is_distinctive(self, name: str, papers: Iterable[Paper]) -> bool:
        """Whether no paper that has the name's words writes them small, as words of every day."""
        if _is_coined(name):
            return True
        if not any(c.isupper() for c in name):
            return False
        users = [hit.paper for hit in self._search(name, LOOKED_AT, mode="lexical")]
        return not any(stands_in(name.lower(), plain(p.text)) for p in [*papers, *users])


def pointers_in(text: str) -> Iterator[tuple[str, bool]]:
    """Identifiers and addresses of papers as they are written, and whether each is surely one
    (``2401.01234`` alone may be a figure)."""
    rest = text
    for pattern in (_URL, _WRITTEN):
        for match in pattern.finditer(rest):
            pointer = _trimmed(match.group())
            if arxiv_id_of(pointer) or doi_of(pointer) or identifiers_in(_address(pointer)):
                yield pointer, True
            elif inner := _PERHAPS.search(pointer):
                yield inner.group(), False
        rest = pattern.sub(lambda m: " " * len(m.group()), rest)
    for match in _PERHAPS.finditer(rest):
        yield match.group(), False


def _address(pointer: str) -> str:
    bare = pointer.lower().startswith(("http", "arxiv:", "doi:", "10."))
    return pointer if bare else f"https://{pointer}"


def without_pointers(text: str) -> str:
    """The text without addresses and identifiers."""
    for pattern in (_URL, _WRITTEN):
        text = pattern.sub(lambda m: m.group()[len(_trimmed(m.group())) :], text)
    return _EMPTY_URL.sub("", text)


def _trimmed(pointer: str) -> str:
    """Without the punctuation of the sentence that it stands in."""
    text = re.sub(r"^(arxiv|doi)\s?:\s*", lambda m: f"{m[1].lower()}:", pointer, flags=re.I)
    while text and (text[-1] in ".,;:!?'\"*_»”’]}>" or _closes_nothing(text)):
        text = text[:-1]
    return text


def _closes_nothing(text: str) -> bool:
    return text[-1] == ")" and text.count(")") > text.count("(")


def short_names(title: str) -> tuple[str, ...]:
    """What stands before the colon (question mark, dash) of a title, if it is at most four
    words, and what a title gives in brackets there: ``Long Name (LN): ...`` → ``Long Name``,
    ``LN``."""
    written = plain(title)
    match = _BEFORE.search(written)
    name = written[: match.start()].strip() if match else ""
    names = [name]
    if inner := re.fullmatch(r"(.+?)\s*\(([^()]+)\)", name):
        names = [inner[1], inner[2]]
    return tuple(one for one in names if len(one) > 1 and len(one.split()) <= 4)


def stands_in(name: str, text: str) -> bool:
    """Whether a name stands in a text as whole words, in this very writing."""
    return bool(name) and re.search(rf"(?<![\w-]){re.escape(name)}(?![\w]|-\w)", text) is not None


def _name_like(text: str) -> Iterator[str]:
    """Words with a capital, or with letters and digits."""
    for match in _WORD.finditer(text):
        word = match.group().removesuffix(".")
        if 1 < len(word) <= LONGEST_NAME and (any(map(str.isupper, word)) or _is_coined(word)):
            yield word


def _is_coined(name: str) -> bool:
    """Whether it is written as no word is: ``FlashAttention-2``, ``BERT``, ``wav2vec``."""
    mixed = any(map(str.isdigit, name)) and any(map(str.isalpha, name))
    return mixed or _INNER_CAPITAL.search(name) is not None
