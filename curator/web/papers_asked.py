"""What the Library page is asked for: words, filters, order and page, as its address says them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query

from curator.errors import NotFoundError, UsageError
from curator.filters import Filters

if TYPE_CHECKING:
    from curator.library import Library

__all__ = ["LONGEST_QUERY", "MOST_FOUND", "PAGE", "Asked", "AskedFor", "Chip"]

PAGE = 20  # papers
MOST_FOUND = 1_000  # a search ranks no more
LONGEST_QUERY = 2_000  # characters

_MARKS = ("liked", "unread", "disliked")
_TEXTS = ("author", "venue", "since", "until", "where")

Sort = Literal["relevance", "newest"]


@dataclass(frozen=True)
class Chip:
    """One filter that is set: what it is called, and the address without it."""

    name: str
    value: str
    without: str


@dataclass(frozen=True)
class Asked:
    """One request for papers. ``page`` counts from 1; ``q`` is as it was typed."""

    q: str = ""
    tag: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    author: str = ""
    venue: str = ""
    since: str = ""
    until: str = ""
    where: str = ""
    liked: bool = False
    unread: bool = False
    disliked: bool = False
    sort: Sort = "relevance"
    page: int = 1

    def filters(self, library: Library) -> Filters:
        """As the library takes them, with tags by the names that papers have them under.

        Raises:
            UsageError: a day, a condition or a tag is none; the query is too long.
        """
        from curator.digest.period import day_of

        if len(self.q) > LONGEST_QUERY:
            raise UsageError(
                f"The query has {len(self.q):,} characters.",
                remedy=f"Give {LONGEST_QUERY:,} at most.",
            )
        first, last = day_of(self.since, "since"), day_of(self.until, "until", last=True)
        if first and last and first > last:
            raise UsageError(f"since {first} is after until {last}.", remedy="Swap the two.")
        conditions = [f"({self.where})"] if self.where else []
        if self.disliked:
            conditions.append("disliked")
        try:
            self._condition()
            filters = self._with_tags(
                library,
                Filters(
                    since=first,
                    until=last,
                    tags=self.tag,
                    categories=self.category,
                    author=self.author or None,
                    venues=(self.venue,) if self.venue else (),
                    unread=self.unread,
                    liked=self.liked,
                    where=" and ".join(conditions) or None,
                ),
            )
            library.catalog.facets.mask(filters)  # a source may be none; what it finds is kept
        except NotFoundError as error:  # the library is there: what was asked for is wrong
            raise UsageError(error.message, remedy=error.remedy) from error
        return filters

    def _condition(self) -> None:
        """Reads the condition by itself: ``) or (`` would be one between parentheses."""
        try:
            Filters(where=self.where or None)
        except UsageError as error:
            message = error.message.replace("--where", "The condition")
            raise UsageError(message, remedy=error.remedy) from error

    @staticmethod
    def _with_tags(library: Library, filters: Filters) -> Filters:
        from curator.catalog.tagcounts import TagCounts
        from curator.tag_names import TagNames, names_tags

        if not names_tags(filters):
            return filters
        return TagNames(library.taxonomy, TagCounts(library.catalog.store)).in_filters(filters)

    # ------------------------------------------------------------------ addresses

    def parameters(self) -> list[tuple[str, str]]:
        """What is not as it is by itself, in a fixed order."""
        given = [("q", self.q)] if self.q else []
        given += [("tag", name) for name in self.tag]
        given += [("category", name) for name in self.category]
        given += [(name, getattr(self, name)) for name in _TEXTS if getattr(self, name)]
        given += [(name, "1") for name in _MARKS if getattr(self, name)]
        given += [("sort", self.sort)] if self.sort != "relevance" else []
        given += [("page", str(self.page))] if self.page > 1 else []
        return given

    def address(self, path: str = "/library", **extra: str) -> str:
        """The page (or another path) with these parameters, and ``extra`` ones."""
        query = urlencode([*self.parameters(), *extra.items()], errors="replace")
        return f"{path}?{query}" if query else path

    def on_page(self, page: int) -> str:
        """The address of a page of the same papers."""
        return replace(self, page=page).address()

    def adding(self, name: Literal["tag", "category"], value: str) -> str:
        """The address with one more tag or category."""
        if name == "tag":
            return replace(self, tag=tuple(dict.fromkeys((*self.tag, value))), page=1).address()
        return replace(
            self, category=tuple(dict.fromkeys((*self.category, value))), page=1
        ).address()

    @property
    def filtered(self) -> bool:
        """Whether anything but words says which papers count."""
        return bool(self.chips)

    @property
    def chips(self) -> list[Chip]:
        """The filters that are set, each with the address without it."""
        one = replace(self, page=1)
        chips = [
            Chip("tag", name, replace(one, tag=_less(self.tag, name)).address())
            for name in self.tag
        ]
        chips += [
            Chip("category", name, replace(one, category=_less(self.category, name)).address())
            for name in self.category
        ]
        for name in _TEXTS:
            if value := getattr(self, name):
                # mypy knows no fields of names that are computed
                chips.append(Chip(name, value, replace(one, **{name: ""}).address()))  # type: ignore[arg-type]
        for name in _MARKS:
            if getattr(self, name):
                chips.append(Chip("", name, replace(one, **{name: False}).address()))  # type: ignore[arg-type]
        return chips

    @property
    def unfiltered(self) -> str:
        """The address with the words alone."""
        return Asked(q=self.q, sort=self.sort).address()


def _less(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(other for other in names if other != name)


def _asked(
    q: str = "",
    tag: Annotated[list[str] | None, Query(max_length=20)] = None,
    category: Annotated[list[str] | None, Query(max_length=20)] = None,
    author: Annotated[str, Query(max_length=300)] = "",
    venue: Annotated[str, Query(max_length=300)] = "",
    since: Annotated[str, Query(max_length=40)] = "",
    until: Annotated[str, Query(max_length=40)] = "",
    where: Annotated[str, Query(max_length=2_000)] = "",
    liked: bool = False,
    unread: bool = False,
    disliked: bool = False,
    sort: Sort = "relevance",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Asked:
    return Asked(
        q.strip(),
        _names(tag),
        _names(category),
        author.strip(),
        venue.strip(),
        since.strip(),
        until.strip(),
        where.strip(),
        liked,
        unread,
        disliked,
        sort,
        page,
    )


def _names(given: list[str] | None) -> tuple[str, ...]:
    """A field of a form that was left empty names nothing."""
    return tuple(dict.fromkeys(name.strip() for name in given or () if name.strip()))


AskedFor = Annotated[Asked, Depends(_asked)]
