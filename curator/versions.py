"""What changed between two texts of one paper, word by word."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

__all__ = ["Edit", "changes"]


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
