"""Which ISO week it is for a reader, who may live in another time zone than this machine."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

from curator.errors import UsageError

__all__ = ["today_in", "week_of", "zone_of"]


def zone_of(name: str) -> tzinfo | None:
    """The time zone of an IANA name; None, which `datetime.astimezone` takes for this machine's,
    for "".

    Raises:
        UsageError: there is no such zone.
    """
    from zoneinfo import ZoneInfo

    if not name:
        return None
    try:
        return ZoneInfo(name)
    # Names like "../x" are a ValueError, those of a folder ("America") an OSError.
    except (KeyError, ValueError, OSError) as error:
        shown = name if len(name) <= 40 else f"{name[:40]}…"
        raise UsageError(
            f"There is no time zone {shown!r}.",
            remedy="Give a name like Europe/Berlin, America/New_York or UTC "
            "(https://en.wikipedia.org/wiki/List_of_tz_database_time_zones).",
        ) from error


def today_in(moment: datetime, zone: str) -> date:
    """The day that it is somewhere at a moment, which must know its own time zone.

    Raises:
        UsageError: there is no such zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone is not one moment")
    return moment.astimezone(zone_of(zone)).date()


def week_of(moment: datetime, zone: str, *, last: bool = False) -> str:
    """The ISO week (``2026-W47``) that it is somewhere at a moment, or the one before (``last``).

    Weeks begin on Monday and belong to the year that their Thursday is in (ISO 8601), so
    2027-01-03 is still in ``2026-W53``.

    Raises:
        UsageError: there is no such zone.
    """
    day = today_in(moment, zone) - timedelta(weeks=1 if last else 0)
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"
