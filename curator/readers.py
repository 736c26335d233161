"""Who digests are for, and what each of them said they want."""

from __future__ import annotations

from dataclasses import dataclass

from curator.digest.document import ME

__all__ = ["ME", "Bibliographic", "Profile"]


@dataclass(frozen=True)
class Bibliographic:
    """A paper of a reader's bibliography that need not be in the library. ``paper_id`` is the
    library's paper that it is, or "" if there is none."""

    title: str
    abstract: str
    paper_id: str


@dataclass(frozen=True)
class Profile:
    """A reader: where digests are sent, and what they should favour.

    ``zone`` is an IANA time zone ("" for this machine's); ``text`` is what they say they work
    on, in their own words; ``searches`` are queries in the language of ``curator search``.
    Ratings are stored apart: those of `ME` are the marks of ``curator like`` and ``dislike``.
    """

    name: str = ME
    address: str = ""
    zone: str = ""
    text: str = ""
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    bibliography: tuple[Bibliographic, ...] = ()
