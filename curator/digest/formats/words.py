"""Hostile text as words on a page: plain, escaped once, with links that lead only to the web."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from markupsafe import Markup, escape

from curator.digest.document import Origin
from curator.text import clean, plain, squeeze

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

__all__ = [
    "cut",
    "day_words",
    "days_words",
    "inline_markdown",
    "issue_title",
    "origin_words",
    "percent",
    "plural",
    "rich",
    "safe_url",
    "shown",
]

_WEEK = re.compile(r"(\d{4})-W(\d{2})")
# A power or an index whose base is a number, a bracket, or one or two letters: CO_2, 10^-3.
_SCRIPT = re.compile(
    r"(?:(?<=[\d)\]ℝℕℤℂ])|(?<=\b[^\W\d_])|(?<=\b[^\W\d_]{2}))([_^])([+−-]?\d+|[^\W\d_])(?![\w{])"
)
_REPEATED = re.compile(r"(?<=</su[bp]>)([_^])([+−-]?\d+|[^\W\d_])(?![\w{])")
_WEB = re.compile(r"https?://[^\s/\\]", re.IGNORECASE)
_KEPT = "!$&'()*+,;=:@/~-._%"  # what may stand in a path; "%" is there already escaped
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


def shown(text: str) -> str:
    """One line of text as a reader would write it, without TeX, control and direction marks."""
    return clean(plain(clean(text)))


def rich(text: str, most: int | None = None) -> Markup:
    """`shown` and escaped; powers and indices of TeX (``$10^{-3}$``) are raised and lowered.
    ``most`` letters are kept."""
    escaped = str(escape(cut(shown(text), most)))
    if "$" in text and ("^" in escaped or "_" in escaped):
        for pattern in (_SCRIPT, _REPEATED):
            escaped = pattern.sub(_script, escaped)
    return Markup(escaped)  # escaped above; only <sup> and <sub> were added


def cut(text: str, most: int | None) -> str:
    """At most so many letters, the last an ellipsis where some are left out."""
    return text if most is None or len(text) <= most else text[: most - 1].rstrip() + "…"


def _script(match: re.Match[str]) -> str:
    element = "sup" if match[1] == "^" else "sub"
    return f"<{element}>{match[2].replace('-', '−')}</{element}>"


def inline_markdown(text: str) -> Markup:
    """An editor's words: emphasis, code and links of Markdown; HTML and pictures stay text."""
    return Markup(_markdown().renderInline(clean(squeeze(text))))


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).disable(["image", "html_inline"])

    def allowed(url: str) -> bool:
        return safe_url(url) is not None or bool(re.match(r"mailto:[^\s]+@", url))

    def opened(self, tokens, index, options, env):  # type: ignore[no-untyped-def]
        tokens[index].attrSet("rel", "noopener noreferrer")
        return self.renderToken(tokens, index, options, env)

    reader.validateLink = allowed  # type: ignore[method-assign]
    reader.add_render_rule("link_open", opened)
    return reader


def safe_url(url: str | None) -> str | None:
    """The address of a web page, percent-encoded, or None if it is anything else.

    Only http and https; no user name before the host, which could pass for another host.
    """
    text = clean(url or "")
    if not _WEB.match(text):
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError:  # UnicodeError is one
        return None
    if "@" in parts.netloc or not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host):
        return None
    place = f"[{host}]" if ":" in host else host
    place += f":{parts.port}" if parts.port else ""
    path, query, end = (
        quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", part), safe=_KEPT + extra, errors="replace")
        for part, extra in ((parts.path, ""), (parts.query, "?"), (parts.fragment, "?"))
    )
    return urlunsplit((parts.scheme.lower(), place, path, query, end))


def origin_words(origin: Origin, supported: bool, score: float, reason: str) -> str:
    """Where a sentence is from, in words: ``quoted``, ``checked .93``, ``counted``, ``editor…``."""
    checked = f"checked {score:.2f}".replace(" 0.", " .")
    if origin == "human":
        if supported:
            return f"editor, {checked}"
        because = f": {shown(reason)}" if reason else ""
        return f"editor, not supported by the abstract{because}"
    if not supported:
        return "not supported by the abstract"
    return {"quote": "quoted", "catalog": "counted"}.get(origin, checked)


def issue_title(name: str, since: str, until: str) -> str:
    """What an issue is called: ``Week 47 of 2026``, else its days."""
    if week := _WEEK.fullmatch(name):
        return f"Week {int(week[2])} of {week[1]}"
    return days_words(since, until)


def day_words(day: str) -> str:
    """``18 November 2026``; a text that is no day stays as it is."""
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        return shown(day)
    return f"{parsed.day} {_MONTHS[parsed.month - 1]} {parsed.year}"


def days_words(since: str, until: str) -> str:
    """``16–22 November 2026``, ``30 November – 6 December 2026``."""
    first, last = day_words(since), day_words(until)
    if first == last:
        return last
    a, b = first.split(" "), last.split(" ")
    if len(a) == len(b) == 3 and a[2] == b[2]:
        return f"{a[0]}–{last}" if a[1] == b[1] else f"{a[0]} {a[1]} – {last}"
    return f"{first} – {last}"


def plural(number: int, noun: str) -> str:
    """``1 paper``, ``5,000 papers``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(part: int, whole: int) -> str:
    """``44 %``; less than one is ``<1 %``, and nothing of nothing ``0 %``."""
    share = 100 * part / whole if whole else 0.0
    return "<1 %" if 0 < share < 1 else f"{share:.0f} %"
