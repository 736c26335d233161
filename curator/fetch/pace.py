"""How often a service is asked, and when it is left alone.

Each service says in its terms of use how often it may be called; who calls it more often is
answered 429, then banned. Waiting is not enough: a server that fails time after time is in
trouble, and asking it on does it harm and the reader no good. So after a few documents in a row
that had to be given up nobody asks that host for a while (a circuit breaker: M. Nygard, *Release
It!*, 2nd ed. 2018, ch. 5). One success ends that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from curator.errors import FetchError
from curator.fetch.guard import kind_of
from curator.fetch.pacestate import DAY, Entry, PaceState

__all__ = ["Pacer", "Patience", "Rule", "rule_of", "span"]

_TELL = 5.0  # seconds of waiting from which on the reader is told
_TOO_OFTEN = 3  # documents given up in a row
_FIRST_BLOCK, _LONGEST_BLOCK = 300.0, 3_600.0  # seconds; doubled each time in between
_MOMENT = 0.001  # what is left of a wait by rounding


@dataclass(frozen=True, slots=True)
class Rule:
    """At least ``interval`` seconds from request to request for all hosts of ``service``; with
    ``single``, never two at a time."""

    service: str
    interval: float
    single: bool = False


_RULES = (
    # info.arxiv.org/help/api/tou.html: one request every three seconds, one connection, over
    # the API, OAI-PMH and RSS together.
    Rule("arxiv.org", 3.0, single=True),
    Rule("api.semanticscholar.org", 1.0),  # one a second with a key; without, a shared pool
    Rule("api.openalex.org", 0.1),  # docs.openalex.org: ten a second
    Rule("api.crossref.org", 0.1),
    Rule("eutils.ncbi.nlm.nih.gov", 0.34),  # NBK25497: three a second without a key
    Rule("huggingface.co", 0.5),
)
_OTHERS = 1.0


def rule_of(host: str) -> Rule:
    """The rule for a host: that of its service, none for this machine, else a second."""
    host = host.lower().rstrip(".")
    for rule in _RULES:
        if host == rule.service or host.endswith(f".{rule.service}"):
            return rule
    if host == "localhost" or kind_of(host) == "loopback":
        return Rule(host, 0.0)
    return Rule(host, _OTHERS)


@dataclass(slots=True)
class Patience:
    """The seconds that may still be waited for one document."""

    left: float


class Pacer:
    """Gives turns. ``sleep`` and ``clock`` (seconds since 1970) belong together."""

    def __init__(
        self,
        state: Path | None,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        notify: Callable[[str], None],
    ) -> None:
        self._state = PaceState(state, clock)
        self._clock = clock
        self._sleep = sleep
        self._notify = notify

    @contextmanager
    def turn(self, host: str, place: str, patience: Patience, why: str = "") -> Iterator[None]:
        """Waits until ``host`` may be asked; the request is made inside the block.

        ``place`` is the host with its port, which failures are counted for. ``why`` is what the
        reader is told about a long wait.

        Raises:
            FetchError: it would take longer than ``patience``, or the host is left alone.
        """
        rule = rule_of(host)
        with self._alone(rule, patience):
            while (pause := self._take(rule, place)) > _MOMENT:
                if pause > patience.left:
                    raise _not_yet(
                        f"{host} may be asked again in {span(pause)} only, longer than this "
                        "command waits.",
                        pause,
                    )
                if pause > _TELL:
                    reason = why or "it asked for that, or failed a moment ago"
                    self._notify(f"Waiting {span(pause)} for {host}: {reason} ...")
                patience.left -= pause
                self._sleep(pause)
            yield

    def hold(self, host: str, seconds: float) -> None:
        """Nobody asks the service of ``host`` again before that time."""
        rule = rule_of(host)
        with self._state.open() as entries:
            now = self._clock()
            before = entries.get(_service(rule), Entry())
            until = max(before.until, now + min(seconds, DAY))
            entries[_service(rule)] = Entry(now, until)

    def succeeded(self, place: str) -> None:
        """The host answers: what it did before is forgotten."""
        with self._state.open() as entries:
            entries.pop(f"host {place}", None)

    def asked_for(self, place: str, seconds: float) -> None:
        """The host itself wants to be left alone for so long (at most a day is heeded)."""
        with self._state.open() as entries:
            now = self._clock()
            entries[f"host {place}"] = Entry(now, now + min(seconds, DAY), 0, asked=True)

    def gave_up(self, place: str, *, for_good: bool = False) -> None:
        """A document of the host had to be given up; ``for_good`` when once is enough (it
        answered "too many requests" to the last)."""
        with self._state.open() as entries:
            now = self._clock()
            failures = entries.get(f"host {place}", Entry()).failures + 1
            if for_good:
                failures = max(failures, _TOO_OFTEN)
            block = 0.0
            if failures >= _TOO_OFTEN:
                block = min(_FIRST_BLOCK * 2.0 ** min(failures - _TOO_OFTEN, 10), _LONGEST_BLOCK)
            entries[f"host {place}"] = Entry(now, now + block, failures)

    def _take(self, rule: Rule, place: str) -> float:
        """Takes the turn and returns 0, or the seconds until there may be one.

        The turn is taken when its time has come, not booked ahead: what another process learnt
        meanwhile counts, and one that is killed while it waits leaves no gap.
        """
        with self._state.open() as entries:
            now = self._clock()
            host = entries.get(f"host {place}")
            until = entries.get(_service(rule), Entry()).until
            if host is not None and host.asked:
                until = max(until, host.until)
            elif host is not None and host.until > now:
                raise _left_alone(place, host, now)
            if until - now > _MOMENT:
                return until - now
            if rule.interval:
                entries[_service(rule)] = Entry(now, now + rule.interval)
            return 0.0

    @contextmanager
    def _alone(self, rule: Rule, patience: Patience) -> Iterator[None]:
        """Holds the service for one process, where it allows one connection only."""
        if not rule.single:
            yield
            return
        release = self._state.take(rule.service, min(_TELL, patience.left))
        if release is None:
            self._notify(f"Another curator process is asking {rule.service}; waiting for it ...")
            began = time.monotonic()  # of another process's time, which no test clock moves
            release = self._state.take(rule.service, patience.left - _TELL)
            patience.left -= _TELL + time.monotonic() - began
        if release is None:
            raise _not_yet(
                f"Another curator process keeps {rule.service} busy, and it allows one at a time.",
                rule.interval,
            )
        try:
            yield
        finally:
            release()


def _service(rule: Rule) -> str:
    return f"service {rule.service}"


def _left_alone(place: str, entry: Entry, now: float) -> FetchError:
    times = f"{entry.failures} documents in a row" if entry.failures > 1 else "a document"
    ends = datetime.fromtimestamp(entry.until).astimezone()
    return _not_yet(
        f"{place} is left alone until {ends:%H:%M}, since it failed to give {times}.",
        entry.until - now,
    )


def _not_yet(message: str, wait: float) -> FetchError:
    error = FetchError(message, remedy="Run the command again then; it goes on where it stopped.")
    error.wait = wait
    return error


def span(seconds: float) -> str:
    """A time for the reader: ``45 s``, ``12 min``, ``3 h``."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 6_000 else f"{round(seconds / 3_600)} h"
