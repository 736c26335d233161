"""A paper: what is known of it, and what makes two records one paper."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from curator.identifiers import GUESSED, arxiv_id_of, doi_of, identifier_of, identifiers_in
from curator.text import clean, squeeze, strip_controls, title_key

__all__ = ["Entry", "Paper", "Record", "Rejected", "Verbatim", "iso_date", "paper_id_of"]

MAX_TITLE = 1_000
MAX_ABSTRACT = 50_000

_DATE = re.compile(r"^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[T ].*)?$")


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a source, cleaned, before the catalog decides which paper it is.

    ``where`` is the place in the source (``line 17``, ``entry 3``). Dates are ISO strings,
    as exact as the source gave them (``2024``, ``2024-11`` or ``2024-11-05``). ``listed``
    is the day a feed or list showed the paper, apart from its publication; ``updated`` the day
    its text last changed, where the source says so.

    ``ids`` are identifiers besides arXiv's and the DOI, as ``(scheme, value)``. ``hints`` is
    what the source says about the paper beyond its text (keywords, comments, a summary by
    somebody's model): kept with its origin, never taken for the paper's words. ``extra`` is the
    entry as a bibliography wrote it, so that it can be written back without loss. Both hold
    JSON values only. A reference without an abstract has an empty one: it can add to a paper
    that another source brings, but is none by itself.
    """

    title: str
    abstract: str
    where: str = ""
    source_id: str | None = None
    arxiv_id: str | None = None
    arxiv_version: int | None = None
    doi: str | None = None
    authors: tuple[str, ...] = ()
    published: str | None = None
    listed: str | None = None
    url: str | None = None
    categories: tuple[str, ...] = ()
    upvotes: int | None = None
    venue: str | None = None
    updated: str | None = None
    ids: tuple[tuple[str, str], ...] = ()
    hints: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] | None = None

    @classmethod
    def make(
        cls,
        *,
        title: object,
        abstract: object,
        where: str = "",
        source_id: object = None,
        arxiv_id: object = None,
        doi: object = None,
        authors: object = (),
        published: object = None,
        listed: object = None,
        url: object = None,
        categories: object = (),
        upvotes: object = None,
        venue: object = None,
        updated: object = None,
        ids: Iterable[tuple[str, object]] = (),
        hints: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
        needs_abstract: bool = True,
    ) -> Record:
        """Checks and cleans the fields of one entry.

        ``ids`` may hold values that are no identifiers of their scheme; those are left out.
        Without ``needs_abstract`` a missing abstract is an empty one (references, feeds).

        Raises:
            ValueError: the entry cannot be a paper; the message is a reason for the reader.
        """
        clean_title = _text(title, "title", MAX_TITLE)
        if needs_abstract or not _is_blank(abstract):
            clean_abstract = _text(abstract, "abstract", MAX_ABSTRACT)
        else:
            clean_abstract = ""
        if not title_key(clean_title):
            raise ValueError(f"the title {clean_title[:40]!r} has no letters")
        if isinstance(arxiv_id, float):
            raise ValueError(
                f"the arxiv_id {arxiv_id!r} is a number, which loses end zeros: quote it"
            )
        arxiv = arxiv_id_of(_string(arxiv_id, "arxiv_id"))
        if arxiv_id and arxiv is None:
            raise ValueError(f"the arxiv_id {str(arxiv_id)[:40]!r} is not an arXiv identifier")
        if arxiv is None:
            for other in (source_id, url, doi):  # these often carry the arXiv id
                if other and isinstance(other, str) and (arxiv := arxiv_id_of(other)):
                    break
        clean_doi = doi_of(_string(doi, "doi"))
        if doi and clean_doi is None:
            raise ValueError(f"the doi {str(doi)[:40]!r} is not a DOI")
        address = _url(url)
        arxiv, clean_doi, others = _named(arxiv, clean_doi, address, ids)
        return cls(
            title=clean_title,
            abstract=clean_abstract,
            where=where,
            source_id=squeeze(_string(source_id, "id") or "")[:200] or None,
            arxiv_id=arxiv[0] if arxiv else None,
            arxiv_version=arxiv[1] if arxiv else None,
            doi=clean_doi,
            authors=_strings(authors, "authors"),
            published=iso_date(published, "published"),
            listed=iso_date(listed, "listed"),
            url=address,
            categories=_strings(categories, "categories"),
            upvotes=_count(upvotes, "upvotes"),
            venue=squeeze(_string(venue, "venue") or "")[:300] or None,
            updated=iso_date(updated, "updated"),
            ids=others,
            hints=hints or {},
            extra=extra,
        )

    @property
    def link(self) -> str | None:
        """The best address for a reader: what the source gave, else arXiv, else the DOI."""
        if self.url:
            return self.url
        if self.arxiv_id:
            return f"https://arxiv.org/abs/{self.arxiv_id}"
        if self.doi:
            return f"https://doi.org/{self.doi}"
        guessed = next((value for scheme, value in self.ids if scheme == GUESSED), None)
        return f"https://arxiv.org/abs/{guessed}" if guessed else None


@dataclass(frozen=True, slots=True)
class Rejected:
    """An entry that did not become a paper, and why. Nothing is dropped in silence."""

    where: str
    reason: str
    extra: Mapping[str, Any] | None = None  # as `Record.extra`


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A part of a bibliography that is no entry (a comment, an abbreviation): it is kept only
    to be written back in its place, and is not counted."""

    where: str
    extra: Mapping[str, Any]


Entry = Record | Rejected | Verbatim


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper of the library. ``seq`` grows with each change of its text."""

    id: str
    title: str
    abstract: str
    authors: tuple[str, ...] = ()
    published: str | None = None
    listed: str | None = None
    added: str = ""
    url: str | None = None
    arxiv_id: str | None = None
    doi: str | None = None
    categories: tuple[str, ...] = ()
    upvotes: int | None = None
    venue: str | None = None
    seq: int = 0
    text_hash: str = field(default="", compare=False)

    @property
    def day(self) -> str:
        """The day that places the paper in a week: listed, else published, else added."""
        for value in (self.listed, self.published):
            if value and len(value) == len("2024-11-05"):
                return value
        return self.added[:10]

    @property
    def text(self) -> str:
        """The stored text: what quotes are taken from and indexes are built on."""
        return f"{self.title}\n{self.abstract}"


def text_hash(title: str, abstract: str) -> str:
    """Names one version of a paper's text (SHA-256, 16 hex digits)."""
    return hashlib.sha256(f"{title}\n{abstract}".encode()).hexdigest()[:16]


def paper_id_of(title: str, salt: str = "") -> str:
    """A stable id from the title's key, so that the same paper has it in every library.

    48 bits: at 500,000 papers the chance of any clash is below one in a thousand, and the
    catalog gives the second of two clashing papers an id salted with its own identifier.
    """
    return id_of_key(title_key(title), salt)


def id_of_key(key: str, salt: str = "") -> str:
    """`paper_id_of` a title whose key is known."""
    return "p" + hashlib.sha256((key + salt).encode()).hexdigest()[:12]


def iso_date(value: object, name: str = "date") -> str | None:
    """``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD`` from a date or an ISO timestamp.

    Raises:
        ValueError: it is not a date that exists.
    """
    if value is None or value == "":
        return None
    if isinstance(value, date):
        return value.isoformat()[:10]
    try:
        return _iso_date(str(value))
    except ValueError:
        raise ValueError(f"{name} {str(value)[:40]!r} is not a date like 2024-11-05") from None


@lru_cache(maxsize=8192)  # papers of one list have few different days
def _iso_date(text: str) -> str:
    match = _DATE.match(text.strip())
    if not match:
        raise ValueError
    year, month, day = (int(part) if part else None for part in match.groups())
    date(year or 0, month or 1, day or 1)
    return "-".join([f"{year:04d}", *(f"{part:02d}" for part in (month, day) if part is not None)])


def _named(
    arxiv: tuple[str, int | None] | None,
    doi: str | None,
    address: str | None,
    ids: Iterable[tuple[str, object]],
) -> tuple[tuple[str, int | None] | None, str | None, tuple[tuple[str, str], ...]]:
    """arXiv id, DOI and the other identifiers, as far as they are known by any of them."""
    others = dict.fromkeys(identifiers_in(address, doi)) if address or doi else {}
    for scheme, value in ids:
        name = identifier_of(scheme, str(value)) if value not in (None, "") else None
        if name and scheme == "arxiv":
            arxiv = arxiv or arxiv_id_of(str(value))
        elif name and scheme == "doi":
            doi = doi or name
        elif name:
            others[scheme, name] = None
    return arxiv, doi, tuple(others)


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and (not value or value.isspace()))


def _string(value: object, name: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str | int | float):
        raise ValueError(f"{name} should be text, not {type(value).__name__}")
    return strip_controls(str(value))


def _text(value: object, name: str, limit: int) -> str:
    if _is_blank(value):
        raise ValueError(f"no {name}")
    if not isinstance(value, str):
        raise ValueError(f"{name} should be text, not {type(value).__name__}")
    text = clean(value)
    if not text:
        raise ValueError(f"no {name}")
    if len(text) > limit:
        raise ValueError(f"{name} has {len(text):,} characters; at most {limit:,} are read")
    return text


def _strings(value: object, name: str) -> tuple[str, ...]:
    """A tuple from a list, or from one string separated by ``;``, `` and `` or ``,``."""
    if value is None or value == "":
        return ()
    items: Iterable[object]
    if isinstance(value, str):
        if ";" in value:
            items = value.split(";")
        elif name == "authors":
            items = re.split(r"\s+and\s+|,", value)
        else:
            items = re.split(r"[,\s]+", value)
    elif isinstance(value, list | tuple):
        items = value
    else:
        raise ValueError(f"{name} should be a list, not {type(value).__name__}")
    found = []
    for item in items:
        given = item.get("name") if isinstance(item, dict) else item
        if isinstance(given, str) and (text := clean(given)):
            found.append(text)
    return tuple(found)


def _url(value: object) -> str | None:
    text = _string(value, "url")
    if not text:
        return None
    # Only what is safe to put behind a link in a digest; control characters are gone by now.
    return text.strip() if re.match(r"^https?://[^\s<>\"']+$", text.strip(), re.I) else None


def _count(value: object, name: str) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{name} should be a number, not {type(value).__name__}")
    try:
        count = int(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} {str(value)[:40]!r} is not a number") from None
    if not 0 <= count < 2**31:  # more than any database column promises to hold
        raise ValueError(f"{name} should be between 0 and {2**31 - 1:,}")
    return count
