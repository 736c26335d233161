"""The sets of gold data that there are, and which of them a run takes."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from curator.errors import UsageError
from evals.suites.base import Suite
from evals.suites.own import OWN_SUITES
from evals.suites.shared import SHARED_SUITES

__all__ = ["SUITES", "suites_for"]

SUITES: tuple[Suite, ...] = OWN_SUITES + SHARED_SUITES


def suites_for(names: Sequence[str], *, full: bool, data: Path | None) -> list[Suite]:
    """The suites that a run takes, in their usual order.

    A name is a suite's or a task's. A task stands for all its suites, but without ``data``
    and ``full`` only for those that need no data. Without names: the quick ones, or all with
    ``full``. Whether a suite's data is there is for `Suite.missing` to say.

    Raises:
        UsageError: there is no suite or task of a name.
    """
    if not names:
        return [suite for suite in SUITES if full or suite.quick]
    tasks = list(dict.fromkeys(suite.task for suite in SUITES))
    known = [*tasks, *(suite.name for suite in SUITES)]
    for name in names:
        if name not in known:
            near = get_close_matches(name, known)
            meant = f"Did you mean {' or '.join(near)}? " if near else ""
            raise UsageError(
                f"There is no suite or task {name!r}.",
                remedy=f"{meant}Tasks: {', '.join(tasks)}. "
                f"Suites: {', '.join(known[len(tasks) :])}.",
            )
    return [
        suite
        for suite in SUITES
        if suite.name in names or (suite.task in names and (full or data or not suite.needs))
    ]
