"""Cells of a table that no spreadsheet computes.

Spreadsheets take a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, which can
run programs (https://owasp.org/www-community/attacks/CSV_Injection). Such cells get an
apostrophe where we write them, and lose it where we read them.
"""

from __future__ import annotations

import re

__all__ = ["guarded", "unguarded"]

# The full-width forms too, which some spreadsheets take for the others.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet computes."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """What was given to `guarded`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell
