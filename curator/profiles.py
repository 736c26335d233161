"""What a profile means for papers: which of them a reader follows, and why.

======== ==============================================================================
author   one of the authors has this name: its words in their order, without accents and
         case, middle names passed over (as ``author:"Ada Lovelace"`` in ``curator search``)
tag      the paper has the tag, or one below it; suggestions that wait do not count
search   the paper has all that the query demands, and each of its other words as well (in
         any form: stems, but for words like "the"), in title, abstract or authors
======== ==============================================================================

A search ranks by its words, and none of them has to occur; who follows one means papers that
are about all of it, hence the stricter rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from curator.bibliographies import import_bibliography
from curator.digest.document import Reason
from curator.errors import NotFoundError, UsageError
from curator.query import Constraint, ParsedQuery, parse_query
from curator.readers import Profile
from curator.text import clean, fold, plain

if TYPE_CHECKING:
    from curator.catalog import Catalog
    from curator.index.lexical import LexicalIndex
    from curator.paper import Paper
    from curator.retrieval import Hit, Mode
    from curator.tag_names import TagNames
    from curator.taxonomy import Taxonomy

__all__ = [
    "Parts",
    "check_author",
    "check_search",
    "import_bibliography",
    "matches",
    "papers_of",
    "tag_names",
]

NAME_SHOWN = 80
MIDDLE_NAMES = 2

_WORD = re.compile(r"[^\W_]+")
_QUOTED = re.compile(r'"[^"]*"')
_CONDITION = re.compile(
    r"(?<!\S)-?(tag|category|venue|source|since|until|day|id):\S", re.IGNORECASE
)


class Parts(Protocol):
    """What of a library is needed (`curator.library.Library` has it)."""

    catalog: Catalog
    lexical: LexicalIndex

    @property
    def taxonomy(self) -> Taxonomy: ...

    def search(
        self, query: str | ParsedQuery, limit: int = 10, *, mode: Mode | None = None
    ) -> list[Hit]: ...


# ------------------------------------------------------------------------------- matching


def matches(library: Parts, profile: Profile, paper_ids: Sequence[str]) -> dict[str, list[Reason]]:
    """For each of these papers that the reader follows in some way, why: first authors, as the
    paper lists them, then tags and searches in the profile's order. Papers without a reason, and
    ids of none, are left out. Tags that are gone from taxonomy and library match nothing.
    """
    if not (profile.authors or profile.tags or profile.searches):
        return {}
    papers = library.catalog.papers.get(paper_ids)
    found: dict[str, list[Reason]] = {paper_id: [] for paper_id in papers}
    _by_authors(profile.authors, papers, found)
    _by_tags(library, profile.tags, found)
    _by_searches(library, profile.searches, papers, found)
    return {paper_id: reasons for paper_id, reasons in found.items() if reasons}


def _by_authors(
    names: Sequence[str], papers: Mapping[str, Paper], found: Mapping[str, list[Reason]]
) -> None:
    followed = [(name, _name_words(name)) for name in names]
    followed = [(name, words) for name, words in followed if words]
    if not followed:
        return
    known: dict[str, list[tuple[str, bool]]] = {}  # an author: who they are of those followed
    for paper_id, paper in papers.items():
        told = set()
        for author in paper.authors:
            if author not in known:
                own = _name_words(author)
                known[author] = [
                    (name, own == words) for name, words in followed if _is_named(own, words)
                ]
            for name, whole in known[author]:
                if name not in told:
                    told.add(name)
                    written = _short(author)
                    text = (
                        f"by {written}, whom you follow"
                        if whole
                        else f"by {written} (you follow “{_short(name)}”)"
                    )
                    found[paper_id].append(Reason(kind="author", text=text, paper_ids=[]))


def _name_words(name: str) -> list[str]:
    from curator.sources.names import flipped

    return _WORD.findall(fold(flipped(name)))


def _is_named(own: list[str], wanted: list[str]) -> bool:
    """Whether the words of a name stand in another's, with up to two more before the last."""
    *given, family = wanted
    size = len(given)
    for start in range(len(own) - size):
        if own[start : start + size] == given:
            reach = own[start + size : start + size + 1 + (MIDDLE_NAMES if given else 0)]
            if family in reach:
                return True
    return False


def _by_tags(library: Parts, tags: Sequence[str], found: Mapping[str, list[Reason]]) -> None:
    if not tags:
        return
    names, taxonomy = tag_names(library), library.taxonomy
    children: dict[str, set[str]] = {}
    for tag in taxonomy.tags:
        for parent in taxonomy.ancestors(tag.name):
            children.setdefault(parent, set()).add(tag.name)
    wanted: dict[str, tuple[str, ...]] = {}
    for name in tags:
        try:
            meant = names.meant(name)
        except NotFoundError:
            continue
        wanted.setdefault(meant[0], meant)
    given = library.catalog.outputs.tags(found) if wanted else {}
    for paper_id, stored in given.items():
        # Surest first: the child that is named is the one that is most certain.
        has = [tag.tag for tag in stored if not tag.needs_review]
        told: dict[str, str] = {}
        for name, meant in wanted.items():
            if not set(meant).isdisjoint(has):
                told[name] = f"on {_short(name)}, which you follow"
            elif below := next((tag for tag in has if tag in children.get(name, ())), None):
                told[name] = f"on {_short(below)}, a part of {_short(name)}, which you follow"
        for name, text in told.items():
            if told.keys().isdisjoint(children.get(name, ())):  # else that one says more
                found[paper_id].append(Reason(kind="tag", text=text, paper_ids=[]))


def _by_searches(
    library: Parts,
    searches: Sequence[str],
    papers: Mapping[str, Paper],
    found: Mapping[str, list[Reason]],
) -> None:
    if not searches or not papers:
        return
    _freshen(library)
    size = max(paper.seq for paper in papers.values()) + 1
    for search in searches:
        mask = library.lexical.constrained(_strict(parse_query(search)), size)
        if mask is None:  # it demands nothing
            continue
        text = f"matches your search “{_short(search)}”"
        for paper_id, paper in papers.items():
            if mask[paper.seq]:
                found[paper_id].append(Reason(kind="search", text=text, paper_ids=[]))


def _freshen(library: Parts) -> None:
    """The first search after papers came takes their words in."""
    library.search("the", 1, mode="lexical")


def _strict(query: ParsedQuery) -> ParsedQuery:
    """The query with each of its words demanded."""
    words = (Constraint(None, word) for word in query.text.split() if _WORD.search(word))
    return ParsedQuery(query.text, tuple(dict.fromkeys([*query.constraints, *words])))


def _short(text: str) -> str:
    shown = clean(plain(text))
    return shown if len(shown) <= NAME_SHOWN else f"{shown[: NAME_SHOWN - 1].rstrip()}…"


# ------------------------------------------------------------------ what can be followed


def tag_names(library: Parts) -> TagNames:
    """Finds tags by what people call them."""
    from curator.catalog.tagcounts import TagCounts
    from curator.tag_names import TagNames

    return TagNames(library.taxonomy, TagCounts(library.catalog.store))


def check_author(name: str) -> str:
    """A name that can be followed, without what a terminal would obey.

    Raises:
        UsageError: nothing in it is a name.
    """
    shown = clean(name)
    if not _name_words(shown):
        raise UsageError(f"{shown[:40]!r} names nobody.", remedy='Write author:"Ada Lovelace".')
    return shown


def check_search(library: Parts, text: str) -> str:
    """A query that can be followed.

    Raises:
        UsageError: it demands nothing, or means something else than it says.
    """
    search = clean(text)
    shown = _short(search)
    remedy = "Write search:\"sparse attention\" or search:'title:retrieval -survey'."
    parsed = parse_query(search)
    if outside := _CONDITION.search(search):
        word = outside[1].lower()
        raise UsageError(
            f"“{shown}”: {word}: is a condition of --where, and no part of a query.",
            remedy="Follow the tag by itself: tag:NAME." if word == "tag" else "Leave it out.",
        )
    if search.count('"') % 2:
        raise UsageError(
            f"“{shown}”: a quote is opened and never closed.", remedy='Close it with ".'
        )
    for word in ("OR", "NOT"):
        if word in _QUOTED.sub(" ", search).split():
            told = "follow two searches" if word == "OR" else "write -word for what is not wanted"
            raise UsageError(
                f"“{shown}”: there is no {word} in a query.", remedy=f"Instead, {told}."
            )
    wanted = [c.text for c in _strict(parsed).constraints if not c.negative]
    names = [c for c in parsed.constraints if c.field == "author" and not c.negative]
    if not names and not any(library.lexical.words(text) for text in wanted):
        raise UsageError(f"“{shown}” names no word to search by.", remedy=remedy)
    return search


def papers_of(library: Parts, kind: str, name: str) -> int:
    """How many papers of the library an author, a tag (with those below) or a search has."""
    if kind == "tag":
        from curator.filters import Filters

        taxonomy = library.taxonomy
        names = {*tag_names(library).meant(name)}
        names |= {t.name for t in taxonomy.tags if names & {*taxonomy.ancestors(t.name)}}
        select = library.catalog.papers.select_ids
        return len(set().union(*(select(Filters(tags=(tag,))) for tag in names)))
    author = ParsedQuery("", (Constraint("author", name, phrase=True),))
    query = author if kind == "author" else _strict(parse_query(name))
    _freshen(library)
    mask = library.lexical.constrained(query, library.catalog.papers.last_seq() + 1)
    return 0 if mask is None else int(mask.sum())
