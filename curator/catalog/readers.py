"""The readers that digests are for: their profiles, and what they said of papers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from curator.catalog.blocks import hash_of, values
from curator.catalog.marks import Marks
from curator.catalog.schema import (
    aliases,
    now,
    papers,
    ratings,
    readers,
    record_keys,
    records,
)
from curator.catalog.store import Store
from curator.errors import NotFoundError
from curator.identifiers import GUESSED
from curator.identity import is_generic
from curator.paper import Record
from curator.readers import (
    ME,
    Bibliographic,
    Profile,
    checked,
    is_name,
    profile_from,
    profile_to,
)
from curator.text import fold, title_key

__all__ = ["Readers", "move_ratings"]


class Readers:
    """Stores and reads profiles and ratings. `ME` is always there, with an empty profile at
    first; what `ME` rated are the marks ``liked`` and ``disliked``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._marks = Marks(store)

    # ---------------------------------------------------------------- profiles

    def save(self, profile: Profile) -> Profile:
        """Stores a profile in place of the reader's former one, and gives it in its normal form
        (`curator.readers.checked`).

        Raises:
            UsageError: its name, address or zone is none, or it is too large.
        """
        normal = checked(profile)
        with self._store.write() as connection:
            _put(connection, normal)
        return normal

    def update(self, name: str, change: Callable[[Profile], Profile]) -> Profile:
        """Changes a stored profile in one transaction, so that what another process changes
        meanwhile is not lost.

        Raises:
            NotFoundError: there is no such reader.
            UsageError: as `save`.
        """
        with self._store.write() as connection:
            stored = self._get(connection, name)
            if stored is None:
                raise self._unknown(connection, name)
            normal = checked(replace(change(stored), name=name))
            _put(connection, normal)
        return normal

    def get(self, name: str = ME) -> Profile | None:
        """A reader's profile; None if there is no such reader (`ME` always is)."""
        with self._store.read() as connection:
            return self._get(connection, name)

    def require(self, name: str = ME) -> Profile:
        """As `get`.

        Raises:
            NotFoundError: there is no such reader.
        """
        with self._store.read() as connection:
            found = self._get(connection, name)
            if found is None:
                raise self._unknown(connection, name)
            return found

    def all(self) -> list[Profile]:
        """All readers: `ME`, then the others by name."""
        with self._store.read() as connection:
            names = connection.execute(select(readers.c.name).order_by(readers.c.name)).scalars()
            wanted = [ME, *(name for name in names if name != ME)]
            found = [self._get(connection, name) for name in wanted]
        return [profile for profile in found if profile is not None]

    def remove(self, name: str) -> bool:
        """Forgets a reader, and what they rated; whether there was one. Their digests and what
        was sent stay: nothing is sent again to who comes back. The marks of `ME` stay as well:
        they belong to the library."""
        if not is_name(name):
            return False
        with self._store.write() as connection:
            gone = connection.execute(delete(readers).where(readers.c.name == name)).rowcount
            connection.execute(delete(ratings).where(ratings.c.reader == name))
        return gone > 0

    def _get(self, connection: Connection, name: str) -> Profile | None:
        if not is_name(name):
            return None
        query = select(readers.c.profile).where(readers.c.name == name)
        stored = connection.execute(query).scalar()
        if stored is None:
            return Profile() if name == ME else None
        profile = profile_from(name, stored)
        return replace(profile, bibliography=_followed(connection, profile.bibliography))

    def _unknown(self, connection: Connection, name: str) -> NotFoundError:
        names = list(connection.execute(select(readers.c.name).order_by(readers.c.name)).scalars())
        others = ", ".join(dict.fromkeys([ME, *names]))
        return NotFoundError(
            f"There is no reader {name[:60]!r}.",
            remedy=f"`curator profile set --reader NAME` makes one. There are: {others}.",
        )

    # ----------------------------------------------------------------- ratings

    def rate(self, reader: str, paper_ids: Iterable[str], liked: bool | None) -> list[str]:
        """Stores what a reader thinks of papers (None: nothing, any more); the ids of those for
        which it was news, in the order given. Ids of no paper are passed over.

        Raises:
            NotFoundError: there is no such reader.
        """
        wanted = list(dict.fromkeys(paper_ids))
        if reader == ME:
            if liked is not None:
                return self._marks.set("liked" if liked else "disliked", wanted)
            undone = {*self._marks.unset("liked", wanted), *self._marks.unset("disliked", wanted)}
            return [name for name in wanted if name in undone]
        with self._store.write() as connection:
            if self._get(connection, reader) is None:
                raise self._unknown(connection, reader)
            mine = (ratings.c.reader == reader, ratings.c.paper_id.in_(values(wanted)))
            query = select(ratings.c.paper_id, ratings.c.liked).where(*mine)
            before = {row.paper_id: bool(row.liked) for row in connection.execute(query)}
            if liked is None:
                connection.execute(delete(ratings).where(*mine))
                return [name for name in wanted if name in before]
            there = select(papers.c.id).where(papers.c.id.in_(values(wanted)))
            known = set(connection.execute(there).scalars())
            new = [name for name in wanted if name in known and before.get(name) is not liked]
            said = {"liked": liked, "at": now()}
            for name in new:
                connection.execute(
                    insert(ratings)
                    .values(reader=reader, paper_id=name, **said)
                    .on_conflict_do_update(index_elements=["reader", "paper_id"], set_=said)
                )
        return new

    def ratings(self, reader: str = ME) -> tuple[list[str], list[str]]:
        """``(liked, disliked)``: ids of papers, latest first; those of one second by id."""
        if reader == ME:
            return self._marks.ids("liked"), self._marks.ids("disliked")
        if not is_name(reader):
            return [], []
        query = (
            select(ratings.c.paper_id, ratings.c.liked)
            .where(ratings.c.reader == reader)
            .order_by(ratings.c.at.desc(), ratings.c.paper_id)
        )
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        return [r.paper_id for r in rows if r.liked], [r.paper_id for r in rows if not r.liked]

    # ----------------------------------------------------------- bibliographies

    def stored(self, entries: Sequence[Record]) -> list[str]:
        """The id of the paper that each entry is, or "": by arXiv id, then DOI and the other
        identifiers, then title. A title alone says nothing where it is one that many papers
        have, where several stored papers have it, or where the authors have no name in common.
        """
        keys = [_keys(entry) for entry in entries]
        titles = [title_key(entry.title) for entry in entries]
        with self._store.read() as connection:
            by_key = _by_key(connection, {key for each in keys for key in each})
            by_title = _by_title(connection, {t for t in titles if t and not is_generic(t)})
        found = []
        for entry, own, title in zip(entries, keys, titles, strict=True):
            named = next((by_key[key] for key in own if key in by_key), "")
            found.append(named or _of_title(entry, by_title.get(title, {})))
        return found


def move_ratings(connection: Connection, former: str, heir: str | None) -> None:
    """Gives what readers said of a paper that is no more to the one that stands for it (None: to
    no other), in the caller's transaction. Where a reader rated both, the later word holds; at
    the same second, what was said of the heir."""
    rows = connection.execute(select(ratings).where(ratings.c.paper_id == former)).all()
    if rows and heir:
        query = select(ratings.c.reader, ratings.c.at).where(ratings.c.paper_id == heir)
        said = {row.reader: row.at for row in connection.execute(query)}
        for row in rows:
            if row.at > said.get(row.reader, ""):
                values_ = {"liked": row.liked, "at": row.at}
                connection.execute(
                    insert(ratings)
                    .values(reader=row.reader, paper_id=heir, **values_)
                    .on_conflict_do_update(index_elements=["reader", "paper_id"], set_=values_)
                )
    connection.execute(delete(ratings).where(ratings.c.paper_id == former))


def _put(connection: Connection, profile: Profile) -> None:
    said = {"profile": profile_to(profile), "changed": now()}
    connection.execute(
        insert(readers)
        .values(name=profile.name, **said)
        .on_conflict_do_update(index_elements=["name"], set_=said)
    )


def _followed(
    connection: Connection, entries: tuple[Bibliographic, ...]
) -> tuple[Bibliographic, ...]:
    """The entries with their papers' present ids: a paper may have been joined to another since,
    or be gone."""
    ids = {entry.paper_id for entry in entries if entry.paper_id}
    if not ids:
        return entries
    there = select(papers.c.id).where(papers.c.id.in_(values(ids)))
    now_named = {name: name for name in connection.execute(there).scalars()}
    if lost := ids - now_named.keys():
        heirs = (
            select(aliases.c.alias, func.min(aliases.c.paper_id).label("heir"))
            .where(aliases.c.alias.in_(values(lost)))
            .group_by(aliases.c.alias)
            .having(func.count() == 1)  # of a paper that was split, nobody knows which part
        )
        now_named |= {row.alias: row.heir for row in connection.execute(heirs)}
    return tuple(replace(e, paper_id=now_named.get(e.paper_id, "")) for e in entries)


def _keys(entry: Record) -> list[int]:
    """The hashes of its identifiers, the surest first."""
    keys = [hash_of("arxiv", entry.arxiv_id)] if entry.arxiv_id else []
    keys += [hash_of("doi", entry.doi)] if entry.doi else []
    named = [("arxiv" if scheme == GUESSED else scheme, value) for scheme, value in entry.ids]
    return keys + [hash_of(*pair) for pair in named]


def _by_key(connection: Connection, keys: set[int]) -> dict[int, str]:
    query = (
        select(record_keys.c.key, func.min(records.c.paper_id).label("paper_id"))
        .join(records, records.c.id == record_keys.c.record_id)
        .where(record_keys.c.key.in_(values(sorted(keys))), records.c.paper_id.is_not(None))
        .group_by(record_keys.c.key)
        .having(func.count(records.c.paper_id.distinct()) == 1)
    )
    return {row.key: row.paper_id for row in connection.execute(query)}


def _by_title(connection: Connection, keys: set[str]) -> dict[str, dict[str, set[str]]]:
    """By title the papers, each with the surnames of its authors."""
    query = (
        select(records.c.title_key, papers.c.id, papers.c.authors)
        .join(papers, papers.c.id == records.c.paper_id)
        .where(records.c.title_key.in_(values(sorted(keys))))
        .distinct()
    )
    found: dict[str, dict[str, set[str]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.title_key, {})[row.id] = _surnames(row.authors)
    return found


def _of_title(entry: Record, candidates: dict[str, set[str]]) -> str:
    own = _surnames(entry.authors)
    same = [name for name, theirs in candidates.items() if not own or not theirs or own & theirs]
    return same[0] if len(same) == 1 else ""


def _surnames(authors: Iterable[str]) -> set[str]:
    return {words[-1] for words in (fold(author).split() for author in authors) if words}
