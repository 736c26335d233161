"""What every feed looks like to the one who pulls it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol

from curator.fetch import Fetcher
from curator.paper import Entry

__all__ = ["Feed", "FeedState", "Page"]

# JSON object: where a reading that was cut short goes on.
Cursor = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a feed, stored in one transaction together with ``cursor``.

    ``cursor`` is where the next page begins; None after the last one. ``validators`` is what
    the next pull sends so that an unchanged feed answers 304 (ETag, Last-Modified), by URL.
    ``shown_until`` is the latest moment, in the *service's* own dates, that this reading is
    known to cover; the next pull asks from there. ``of`` is how many entries there are in all.
    ``note`` is a sentence for whoever reads the feed.
    """

    entries: Sequence[Entry]
    cursor: Cursor | None = None
    validators: dict[str, dict[str, str]] = field(default_factory=dict)
    shown_until: str | None = None
    of: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class FeedState:
    """What is known of a feed from earlier pulls; all empty at the first.

    ``since`` is the last reading's ``shown_until`` (ISO date or timestamp); ``cursor`` is set
    where the last reading was cut short, and is gone on from before anything else.
    """

    since: str | None = None
    cursor: Cursor | None = None
    validators: dict[str, dict[str, str]] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def today(self) -> date:
        return self.now.date()


class Feed(Protocol):
    """A place that papers come from, named by its ``spec`` (``arxiv:cs.CL``)."""

    kind: str
    spec: str

    def pages(self, fetch: Fetcher, state: FeedState) -> Iterator[Page]:
        """Pulls page after page, lazily: a page is fetched only when it is asked for.

        Raises:
            FetchError: the service does not give what it should; earlier pages are kept.
        """
        ...
