"""From a matplotlib figure to SVG that lives inside the page.

The figure is drawn in stand-in colours, which become the page's own (light or dark); text stays
text, in the page's font. The same figure gives the same bytes on every machine.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ACCENT", "FAINT", "GRID", "INK", "PAPER", "canvas", "to_svg"]

INK, FAINT, GRID, ACCENT, PAPER = "#010101", "#020202", "#030303", "#040404", "#050505"
_COLOURS = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    GRID: "var(--rule)",
    ACCENT: "var(--accent)",
    PAPER: "var(--card)",
}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "paper-curator",
    "text.parse_math": False,  # a dollar sign in a title is no formula
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": FAINT,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
}
_URL = re.compile(r"url\(#([^)]+)\)")


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """A figure of so many pixels. Never pyplot: it would keep figures and look for a screen."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        # A title in a script that the measuring font lacks; the page's font draws it.
        warnings.simplefilter("ignore")
        mpl.rcdefaults()  # whatever the reader's matplotlibrc says
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(width / 72, height / 72), facecolor="none")
        FigureCanvasSVG(figure)
        yield figure


def to_svg(figure: Figure, key: str, label: str) -> str:
    """The figure as an ``svg`` element. ``key`` makes its ids the page's only ones; ``label``
    is read out in its place."""
    out = io.BytesIO()
    nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(out, format="svg", metadata=nothing)
    root = ET.fromstring(out.getvalue())  # what matplotlib has just written
    width = float(root.get("viewBox", "0 0 1 1").split()[2])
    used = _used_ids(root)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.tail = (element.tail or "").strip() or None
        if element.tag != "text":
            element.text = None
        element.attrib = dict(_attributes(element, used, key))
    for parent in list(root.iter("defs")):  # its rules would hold for the whole page
        for style in parent.findall("style"):
            parent.remove(style)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", label)
    root.set("style", f"max-width: {width * 1.15:.0f}px")
    return ET.tostring(root, encoding="unicode")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _used_ids(root: ET.Element) -> set[str]:
    used: set[str] = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            used.update(_URL.findall(value))
            if _local(name) == "href":
                used.add(value.removeprefix("#"))
    return used


def _attributes(element: ET.Element, used: set[str], key: str) -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        match _local(name):
            case "id":
                if value in used:
                    yield "id", f"{key}-{value}"
            case "href":
                yield "href", f"#{key}-{value.removeprefix('#')}"
            case "style":
                yield "style", "; ".join(_declarations(value))
            case "transform" if value.startswith("rotate(-0 "):
                pass
            case "d":
                yield "d", " ".join(value.split())
            case local:
                yield local, _URL.sub(rf"url(#{key}-\1)", value)


def _declarations(style: str) -> Iterator[str]:
    for part in style.split(";"):
        name, _, value = (piece.strip() for piece in part.partition(":"))
        if name and name != "font-family":  # the page's
            yield f"{name}: {_COLOURS.get(value, value)}"
