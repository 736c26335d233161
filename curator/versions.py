"""What changed between two texts of one paper, word by word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curator.catalog.decisions import Joined

__all__ = ["Edit", "changes", "versions_of"]


@dataclass(frozen=True)
class Edit:
    """Words that were taken out and put in at one place; either may be empty. ``context`` are
    the words before it."""

    before: str
    after: str
    context: str


def changes(old: str, new: str, *, context: int = 4) -> list[Edit]:
    """The edits that make ``new`` of ``old``, in their order."""
    one, other = old.split(), new.split()
    edits = []
    for op, i, j, k, m in SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes():
        if op != "equal":
            around = " ".join(one[max(0, i - context) : i])
            edits.append(Edit(" ".join(one[i:j]), " ".join(other[k:m]), around))
    return edits


def versions_of(records: Iterable[Joined]) -> list[dict[str, Any]]:
    """Each text that a paper had, as plain values, oldest first, with what it changed of the one
    before; of the paper's records (`curator.catalog.decisions.Decisions.explain`)."""
    texts: dict[str, Joined] = {}
    for record in records:
        if record.abstract:
            texts.setdefault(record.text_hash, record)
    ordered = sorted(texts.values(), key=lambda r: (r.arxiv_version or 0, r.seen, r.number))
    rows = []
    for n, record in enumerate(ordered):
        before = ordered[n - 1] if n else None
        edits = [
            {"field": name, "before": e.before, "after": e.after, "context": e.context}
            for name in ("title", "abstract")
            if before is not None
            for e in changes(getattr(before, name), getattr(record, name))
        ]
        rows.append(
            {
                "arxiv_version": record.arxiv_version,
                "source": record.source,
                "place": record.place,
                "seen": record.seen,
                "title": record.title,
                "abstract": record.abstract,
                "changes": edits,
            }
        )
    return rows
