"""Who digests are for, and what each of them said they want."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from curator.digest.document import ME
from curator.errors import UsageError
from curator.text import clean, fold, strip_controls

__all__ = [
    "ME",
    "Bibliographic",
    "Profile",
    "address_of",
    "checked",
    "is_name",
    "name_of",
    "profile_from",
    "profile_to",
    "zone_of",
]

MOST_FOLLOWED = 500  # of tags, authors and searches, each
LONGEST_TEXT, LONGEST_ITEM = 10_000, 400  # characters
LONGEST_ADDRESS, LONGEST_LOCAL = 254, 64  # RFC 5321, 4.5.3.1

_NAME = re.compile(r"[a-z0-9_-]{1,40}")
# RFC 5322's dot-atom; what may also stand between quotes is no address that anybody has.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


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


def checked(profile: Profile) -> Profile:
    """The same profile with all of it in its normal form: nothing twice, no control characters.

    Raises:
        UsageError: its name, address or zone is none, or it is larger than a profile may be.
    """
    text = "\n".join(map(str.rstrip, map(strip_controls, _encodable(profile.text).splitlines())))
    text = text.strip()
    if len(text) > LONGEST_TEXT:
        raise UsageError(
            f"The text has {len(text):,} characters; at most {LONGEST_TEXT:,} are kept.",
            remedy="Say in a few paragraphs what you work on; papers go into a bibliography.",
        )
    return replace(
        profile,
        name=name_of(profile.name),
        address=address_of(profile.address),
        zone=zone_of(profile.zone),
        text=text,
        tags=_items(profile.tags, "tags", str.casefold),
        authors=_items(profile.authors, "authors", fold),
        searches=_items(profile.searches, "searches", str),
    )


def _items(given: Iterable[str], what: str, key: Any) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for item in map(clean, map(_encodable, given)):
        if len(item) > LONGEST_ITEM:
            raise UsageError(
                f"{item[:40]!r}… has {len(item):,} characters.",
                remedy=f"Of {what}, each may have {LONGEST_ITEM}.",
            )
        if item:
            found.setdefault(key(item), item)
    if len(found) > MOST_FOLLOWED:
        raise UsageError(
            f"More than {MOST_FOLLOWED} {what} are followed.", remedy="Unfollow some first."
        )
    return tuple(found.values())


def _encodable(text: str) -> str:
    """Without the halves of characters that bytes of no text become on a command line."""
    return text.encode("utf-8", "replace").decode("utf-8")


def is_name(name: str) -> bool:
    """Whether a reader may be called so: part of file names and anchors."""
    return _NAME.fullmatch(name) is not None


def name_of(name: str) -> str:
    """A reader's name.

    Raises:
        UsageError: it may not be one.
    """
    if not is_name(name):
        raise UsageError(
            f"{clean(name)[:60]!r} cannot be a reader's name.",
            remedy="Use 1 to 40 of a-z, 0-9, _ and -, like jane or reading-group.",
        )
    return name


def address_of(address: str) -> str:
    """One bare e-mail address, its domain in ASCII (IDNA); "" for none.

    Raises:
        UsageError: it is none, or more than one, or one with a name beside it.
    """
    from email.errors import MessageError
    from email.headerregistry import Address

    if not address:
        return ""
    local, _, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
        whole = f"{local}@{domain}"
        good = (
            _LOCAL.fullmatch(local) is not None
            and not local.startswith("-")  # an option, to programs that send
            and len(local) <= LONGEST_LOCAL
            and all(map(_LABEL.fullmatch, domain.split(".")))
            and len(whole) <= LONGEST_ADDRESS
            and Address(addr_spec=whole).addr_spec == whole
        )
    except (ValueError, MessageError):  # idna's errors are ValueErrors
        good = False
    if not good:
        raise UsageError(
            f"{clean(address)[:80]!r} is not an e-mail address.",
            remedy="Give one bare address in plain letters, like jane@example.org.",
        )
    return whole


def zone_of(zone: str) -> str:
    """An IANA time zone as the database writes it; "" for this machine's.

    Raises:
        UsageError: there is none of that name here.
    """
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    if not zone:
        return ""
    # By name, and not by trying: ZoneInfo reads files, and "Europe" is a folder.
    known = {name.casefold(): name for name in sorted(available_timezones())}
    found = known.get(zone.strip().casefold())
    if found is None:
        wanted = clean(zone)[:60]
        near = get_close_matches(wanted.casefold(), known, n=3, cutoff=0.6)
        cities = [name for name in known if name.endswith(f"/{wanted.casefold()}")]
        names = list(dict.fromkeys(known[key] for key in (*cities, *near)))[:3]
        told = f"Did you mean {' or '.join(names)}?" if names else "Name one like Europe/Berlin."
        raise UsageError(
            f"There is no time zone {wanted!r}.",
            remedy=told if known else "This machine has none: pip install tzdata.",
        )
    return found


def profile_to(profile: Profile) -> dict[str, Any]:
    """Plain JSON values of a profile, without its name."""
    values = {key: value for key, value in asdict(profile).items() if key != "name"}
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def profile_from(name: str, values: Mapping[str, Any]) -> Profile:
    """The inverse of `profile_to`; what a later version stored besides is left out."""
    texts = {key: str(values.get(key) or "") for key in ("address", "zone", "text")}
    lists = {key: tuple(map(str, values.get(key) or ())) for key in ("tags", "authors", "searches")}
    entries = tuple(
        Bibliographic(
            str(entry.get("title") or ""),
            str(entry.get("abstract") or ""),
            str(entry.get("paper_id") or ""),
        )
        for entry in values.get("bibliography") or ()
    )
    return Profile(name, **texts, tags=lists["tags"], authors=lists["authors"],
                   searches=lists["searches"], bibliography=entries)  # fmt: skip
