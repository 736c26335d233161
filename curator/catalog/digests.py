"""Digests as they were written, one for each reader and name, and what editors did to them."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import select, update
from sqlalchemy.dialects.sqlite import insert

from curator.catalog.schema import aliases, digests, now
from curator.catalog.store import Store
from curator.digest.document import ME, DigestDocument, every_paper
from curator.errors import StorageError

__all__ = ["Digests"]

ANYTHING = object()


class Digests:
    """Stores and reads digests. ``reader`` is `ME` unless another is named."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(
        self,
        document: DigestDocument,
        edits: dict[str, Any] | None = None,
        before: dict[str, Any] | object | None = ANYTHING,
    ) -> None:
        """Stores a digest in place of the one of that reader and name, and its edits with it
        (None: those that are stored stay). ``before``: the edits that were stored when the
        making of it began.

        Raises:
            StorageError: others are stored now; nothing is changed.
        """
        values: dict[str, Any] = {
            "since": document["since"],
            "until": document["until"],
            "document": document,
            "created": now(),
        }
        if edits is not None:
            values["edits"] = edits
        key = {"reader": document["reader"], "name": document["name"]}
        with self._store.write() as connection:
            mine = (digests.c.reader == key["reader"], digests.c.name == key["name"])
            stored = connection.execute(select(digests.c.edits).where(*mine)).scalar()
            if before is not ANYTHING and stored != before:
                raise StorageError(
                    "Somebody changed this digest while it was made; what they did is kept.",
                    remedy="Run the command again: it makes it with their changes.",
                    retryable=True,
                )
            connection.execute(
                insert(digests)
                .values(**key, **values)
                .on_conflict_do_update(index_elements=["reader", "name"], set_=values)
            )

    def get(self, name: str, reader: str = ME) -> DigestDocument | None:
        """The digest as it was written last."""
        query = select(digests.c.document).where(digests.c.reader == reader, digests.c.name == name)
        with self._store.read() as connection:
            return cast("DigestDocument | None", connection.execute(query).scalar())

    def edits(self, name: str, reader: str = ME) -> dict[str, Any] | None:
        """What an editor did to it; None if nobody did anything."""
        query = select(digests.c.edits).where(digests.c.reader == reader, digests.c.name == name)
        with self._store.read() as connection:
            return cast("dict[str, Any] | None", connection.execute(query).scalar())

    def save_edits(
        self,
        name: str,
        edits: dict[str, Any],
        reader: str = ME,
        before: dict[str, Any] | object | None = ANYTHING,
    ) -> bool:
        """Stores what an editor did; whether it did: there is such a digest, and its edits are
        those of ``before``, where that is given."""
        mine = (digests.c.reader == reader, digests.c.name == name)
        with self._store.write() as connection:
            if before is not ANYTHING:
                stored = connection.execute(select(digests.c.edits).where(*mine)).scalar()
                if (stored or None) != (before or None):
                    return False
            change = update(digests).where(*mine).values(edits=edits)
            return connection.execute(change).rowcount > 0

    def names(self, reader: str | None = ME) -> list[str]:
        """The names of one reader's digests, in order; with None those of all readers, each once
        (``2026-W47``, or ``jane/2026-W47`` for others than `ME`)."""
        query = select(digests.c.reader, digests.c.name).order_by(digests.c.name, digests.c.reader)
        if reader is not None:
            query = query.where(digests.c.reader == reader)
        with self._store.read() as connection:
            rows = connection.execute(query).all()
        if reader is not None:
            return [name for _, name in rows]
        return [name if whose == ME else f"{whose}/{name}" for whose, name in rows]

    def documents(self, reader: str = ME) -> list[DigestDocument]:
        """All digests of a reader, the earliest first."""
        query = (
            select(digests.c.document)
            .where(digests.c.reader == reader)
            .order_by(digests.c.since, digests.c.name)
        )
        with self._store.read() as connection:
            return [cast(DigestDocument, row) for row in connection.execute(query).scalars()]

    def shown(
        self, reader: str = ME, *, but: str = "", before: tuple[str, str] = ("9999", "")
    ) -> dict[str, str]:
        """``{paper id: digest}`` for the papers that a reader's earlier digests have shown,
        without those of the digest named ``but``. Earlier are those that begin before the first
        of the two ISO days, or on it and end before the second. A paper that was joined to
        another since counts as that one."""
        found: dict[str, str] = {}
        for document in self.documents(reader):
            if document["name"] != but and (document["since"], document.get("until", "")) < before:
                for paper in every_paper(_whole(document)):
                    found.setdefault(paper["paper_id"], document["name"])
        heirs = select(aliases.c.alias, aliases.c.paper_id)
        with self._store.read() as connection:
            moved = [row for row in connection.execute(heirs) if row.alias in found]
        return {**{row.paper_id: found[row.alias] for row in moved}, **found}


def _whole(document: DigestDocument) -> DigestDocument:
    """Digests of the first release had no notable papers."""
    return document if "notable" in document else cast(DigestDocument, {**document, "notable": []})
