"""How figures, times and texts are shown, the same on the page and in the terminal.

Texts of a run are hostile: abstracts are poisoned on purpose, and models repeat them. What a
reader could not see, or what would turn the text around it, is shown as its code point.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

from evals.metrics import Better
from evals.record import MetricRecord, RunRecord

__all__ = [
    "NOTHING",
    "arrow",
    "clip",
    "commit_of",
    "count_of",
    "duration",
    "interval",
    "interval_of",
    "machine_of",
    "model_of",
    "moment",
    "number",
    "one_line",
    "places_of",
    "skipped_of",
    "started_at",
    "value_of",
    "visible",
]

NOTHING = "—"

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Blank in most fonts though Unicode calls them letters, marks or symbols: fillers, variation
# selectors (which can carry a whole hidden message), the empty Braille cell.
_BLANK = {
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
}


class _Visible(dict[int, str]):
    """What `str.translate` asks for each code point, remembered once answered."""

    def __missing__(self, code: int) -> str:
        hidden = code in _BLANK or unicodedata.category(chr(code)) in _HIDDEN
        self[code] = f"⟨U+{code:04X}⟩" if hidden else chr(code)
        return self[code]


_VISIBLE = _Visible({ord("\n"): "\n", ord("\t"): "\t"})


def visible(text: str) -> str:
    """The text with every invisible or direction-changing character as ``⟨U+202E⟩``."""
    if text.isascii() and text.isprintable():  # nearly all text, and much faster to find out
        return text
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def one_line(text: str) -> str:
    """The same on one line."""
    return " ".join(visible(text).split())


def clip(text: str, most: int) -> str:
    """At most so many characters of a text; an ellipsis says that there were more."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def places_of(*values: float | None) -> int:
    """How many decimals suit figures that are read together: the largest decides."""
    most = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    return 3 if most < 10 else 1 if most < 1000 else 0


def number(value: float | None, unit: str = "", places: int | None = None) -> str:
    """A figure with its unit; ``—`` for none, also where a float is no number."""
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    if isinstance(value, int):
        text = f"{value:,}"
    elif size >= 1e9 or 0 < size < 0.0005:
        text = f"{value:.2g}"
    else:
        text = f"{value:,.{places_of(value) if places is None else places}f}"
    return f"{text} {unit}" if unit else text


def count_of(value: float) -> str:
    """A count that was stored as a float."""
    return number(int(value)) if math.isfinite(value) and value == int(value) else number(value)


def value_of(metric: MetricRecord) -> str:
    """A metric's value, with as many decimals as its interval."""
    places = places_of(metric.value, metric.low, metric.high)
    return number(metric.value, clip(one_line(metric.unit), 12), places)


def interval_of(metric: MetricRecord) -> str:
    """``[0.621, 0.794]``; empty where nothing was scored."""
    if metric.value is None:
        return ""
    return interval(metric.low, metric.high, places_of(metric.value, metric.low, metric.high))


def interval(low: float | None, high: float | None, places: int | None = None) -> str:
    """Two bounds; empty where there are none."""
    if low is None or high is None:
        return ""
    places = places_of(low, high) if places is None else places
    return f"[{number(low, places=places)}, {number(high, places=places)}]"


def arrow(better: Better) -> str:
    return {"higher": "↑", "lower": "↓", "neither": ""}[better]


def duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def started_at(run: RunRecord) -> datetime | None:
    """When a run began, in UTC; None where the record does not say it in ISO 8601."""
    try:
        when = datetime.fromisoformat(run.started)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def moment(run: RunRecord) -> str:
    """The same for people; as it was written where it cannot be read."""
    when = started_at(run)
    return f"{when:%Y-%m-%d %H:%M} UTC" if when else run.started


def model_of(run: RunRecord) -> str:
    """The model that wrote; there is none where no suite of the run uses one."""
    models = run.provenance.get("models")
    if not isinstance(models, Mapping):
        return NOTHING
    name, fallback = models.get("model"), models.get("fallback")
    return f"{name or 'no model'}{f', then {fallback}' if fallback else ''}"


def commit_of(run: RunRecord) -> str:
    """The commit's first twelve digits, or whatever stands in their place."""
    return str(run.provenance.get("commit") or NOTHING)[:12]


def machine_of(run: RunRecord) -> str:
    machine = run.provenance.get("machine")
    if not isinstance(machine, Mapping):
        return str(machine or NOTHING)
    parts = []
    for name, value in machine.items():
        what, _, unit = str(name).partition("_")  # memory_gib
        if value is not None:
            parts.append(f"{what} {value} {unit.replace('gib', 'GiB')}".rstrip())
    return ", ".join(parts) or NOTHING


def skipped_of(run: RunRecord) -> list[tuple[str, str]]:
    """The suites that did not run, each with the reason."""
    return [
        (entry.get("suite") or entry.get("name") or NOTHING, entry.get("reason") or NOTHING)
        for entry in run.skipped
    ]
