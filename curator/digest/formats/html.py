"""A digest as one page that needs nothing else: no script, no picture, no other file."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from curator.digest.document import DigestDocument
from curator.digest.formats.chart import chart_of
from curator.digest.formats.templating import render
from curator.digest.formats.view import view_of

__all__ = ["to_html"]


def to_html(document: DigestDocument, templates: Path | None = None) -> str:
    """The page. ``templates`` is a folder with ``digest.html.j2`` or ``digest.css`` in place of
    ours.

    Raises:
        UsageError: there is no such folder, or a template in it has a mistake.
    """
    return render(
        "digest.html.j2",
        templates,
        digest=view_of(document),
        chart=Markup(chart_of(document)),  # made of escaped text
    )
