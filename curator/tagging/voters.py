"""Which model has a say on tags, and what its word is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curator.errors import UsageError
from curator.tagging.scoring import fitted_tags
from curator.tagging.voting import OddsVoter, Voter, YesNoVoter

if TYPE_CHECKING:
    from curator.llm.metered import MeteredLLM

__all__ = ["open_voter"]


def open_voter(llm: MeteredLLM, prompts: Path | None = None) -> Voter:
    """The voter that a model makes.

    Raises:
        UsageError: it is a local model that was not measured, or did no better than chance.
    """
    kind, _, name = llm.name.partition(":")
    if kind != "local":
        return YesNoVoter(llm, prompts)
    votes = fitted_tags().votes
    if name not in votes:
        known = ", ".join(f"local:{one}" for one in votes)
        raise UsageError(
            f"{llm.name} is not known to tell right tags from wrong ones.",
            remedy=f"Leave out --ask (CURATOR_TAG_QUESTIONS), or use one of: {known}; or a model "
            "behind an API.",
        )
    return OddsVoter(llm.log_odds, llm.identity, votes[name], prompts)
