"""What was made of papers: one-sentence summaries and tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, and_, or_, select
from sqlalchemy.dialects.sqlite import insert

from curator.batches import batched
from curator.catalog.blocks import values as listed
from curator.catalog.corrections import Ancestors, retag
from curator.catalog.ledger import Task, key_of, mark
from curator.catalog.papers import MANY
from curator.catalog.schema import corrections, now, papers, tags, tldrs
from curator.catalog.store import Store
from curator.paper import Paper

__all__ = ["Outputs", "StoredTag", "StoredTldr"]


@dataclass(frozen=True)
class StoredTldr:
    """A one-sentence summary. ``origin`` is ``quote`` or ``model``; ``quote`` is the stored
    sentence that supports it, verbatim."""

    paper_id: str
    text: str
    origin: str
    supported: bool
    score: float
    quote: str
    model: str
    prompt_hash: str


@dataclass(frozen=True)
class StoredTag:
    """One tag of one paper. ``source`` says who decided: ``similarity``, ``model``,
    ``parent``, ``default`` or ``human``; ``needs_review`` tags are suggestions, not decisions.
    ``evidence`` is the stored sentence that speaks for the tag, verbatim, or ""."""

    tag: str
    confidence: float
    source: str
    needs_review: bool = False
    evidence: str = ""


class Outputs:
    """Stores each result together with its line in the ledger, in one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save_tldr(self, paper: Paper, tldr: StoredTldr, recipe: str) -> None:
        values = asdict(tldr) | {"text_hash": paper.text_hash, "created": now()}
        with self._store.write() as connection:
            connection.execute(
                insert(tldrs)
                .values(**values)
                .on_conflict_do_update(index_elements=["paper_id"], set_=values)
            )
            mark(connection, paper.id, "tldr", "done", key_of(paper, recipe))

    def save_tags(
        self,
        paper: Paper,
        found: Sequence[StoredTag],
        *,
        taxonomy: str,
        model: str,
        recipe: str,
        ancestors: Ancestors | None = None,
    ) -> None:
        """Replaces the paper's tags. What a person said of them holds (`Corrections`)."""
        common = {
            "text_hash": paper.text_hash,
            "taxonomy": taxonomy,
            "model": model,
            "created": now(),
        }
        with self._store.write() as connection:
            rows = {row.pop("tag"): row | common for row in map(asdict, reversed(found))}
            retag(connection, paper.id, rows, ancestors)
            mark(connection, paper.id, "tag", "done", key_of(paper, recipe))

    def fail(self, paper: Paper, task: Task, reason: str, recipe: str) -> None:
        """Notes that a task failed for a paper; the next run tries it again."""
        with self._store.write() as connection:
            mark(connection, paper.id, task, "failed", key_of(paper, recipe), reason)

    def tldrs(self, paper_ids: Iterable[str]) -> dict[str, StoredTldr]:
        names = list(StoredTldr.__dataclass_fields__)
        columns = [tldrs.c[name] for name in names]
        found: dict[str, StoredTldr] = {}
        with self._store.read() as connection:
            for part in batched(paper_ids, MANY):
                # A summary of a text that is no longer stored is none.
                query = (
                    select(*columns)
                    .join(papers, papers.c.id == tldrs.c.paper_id)
                    .where(tldrs.c.paper_id.in_(part), tldrs.c.text_hash == papers.c.text_hash)
                )
                for row in connection.execute(query).mappings():
                    found[row["paper_id"]] = StoredTldr(**row)
        return found

    def tags(self, paper_ids: Iterable[str]) -> dict[str, list[StoredTag]]:
        """Tags by paper, surest first."""
        found: dict[str, list[StoredTag]] = {}
        order = (tags.c.needs_review, tags.c.confidence.desc(), tags.c.tag)
        with self._store.read() as connection:
            for part in batched(paper_ids, MANY):
                query = select(tags).where(tags.c.paper_id.in_(part)).order_by(*order)
                for row in connection.execute(query):
                    found.setdefault(row.paper_id, []).append(_tag_of(row))
        return found

    def undecided(
        self, low: float, high: float, paper_ids: Iterable[str] | None = None
    ) -> dict[str, list[StoredTag]]:
        """By paper (of these, or of all), the tags for a person to decide: suggestions, and
        tags of which the confidence is from ``low`` to below ``high``. A parent that came along
        with another tag is decided with that, and what a person has decided is not asked again.
        """
        doubtful = and_(
            tags.c.source != "parent", tags.c.confidence >= low, tags.c.confidence < high
        )
        said = and_(corrections.c.paper_id == tags.c.paper_id, corrections.c.tag == tags.c.tag)
        query = (
            select(tags)
            .outerjoin(corrections, said)
            .where(corrections.c.tag.is_(None), tags.c.source != "human")
            .where(or_(tags.c.needs_review, doubtful))
            .order_by(tags.c.paper_id, tags.c.tag)
        )
        if paper_ids is not None:
            query = query.where(tags.c.paper_id.in_(listed(paper_ids)))
        found: dict[str, list[StoredTag]] = {}
        with self._store.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.paper_id, []).append(_tag_of(row))
        return found


def _tag_of(row: Row[Any]) -> StoredTag:
    return StoredTag(row.tag, row.confidence, row.source, row.needs_review, row.evidence)
