"""What a user writes behind ``arxiv:``, as arXiv's search service wants to be asked.

The service: https://info.arxiv.org/help/api/user-manual.html#query_details.
"""

from __future__ import annotations

import re
from datetime import date

from curator.errors import UsageError

__all__ = ["ARCHIVES", "categories_in", "category_of", "dated", "query_of"]

# Archives that take papers now. Their subject classes change; those are checked for shape.
ARCHIVES = (
    "astro-ph", "cond-mat", "cs", "econ", "eess", "gr-qc", "hep-ex", "hep-lat", "hep-ph",
    "hep-th", "math", "math-ph", "nlin", "nucl-ex", "nucl-th", "physics", "q-bio", "q-fin",
    "quant-ph", "stat",
)  # fmt: skip
_SHAPE = re.compile(r"([A-Za-z-]+)(?:\.([A-Za-z]{2}|[A-Za-z]+-[A-Za-z]+))?$")
_FIELD = re.compile(r"(?<![\w-])(?:ti|au|abs|co|jr|cat|rn|id|all|submittedDate|lastUpdatedDate):")
# Words that every abstract has, and that the service does not index.
_COMMON = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to")
) | {"with"}


def dated(text: str) -> tuple[str, date | None]:
    """``cs.CL@2026-11-01`` as what is asked for, and the day to start from, if one is named.

    Raises:
        UsageError: it is not a day.
    """
    words, at, day = text.rpartition("@")
    if not at or not re.match(r"\d", day.strip()):
        return text, None  # an at sign of the search itself
    try:
        since = date.fromisoformat(day.strip())
    except ValueError:
        raise UsageError(
            f"{day.strip()[:40]!r} is not a day.", remedy="Write it as in cs.CL@2026-11-01."
        ) from None
    return words.strip(), since


def category_of(text: str) -> str | None:
    """``cs.CL`` from ``cs.cl``; None for what is no archive nor shaped like a category."""
    match = _SHAPE.match(text.strip())
    if not match or match[1].lower() not in ARCHIVES:
        return None
    archive, subject = match[1].lower(), match[2]
    if not subject:
        return archive
    return f"{archive}.{subject.upper() if len(subject) == 2 else subject.lower()}"


def categories_in(text: str) -> list[str]:
    """The clauses for categories joined by ``+`` or ``,``; none if the text is something else.

    An archive stands for all its subject classes (``cs``).

    Raises:
        UsageError: some of it are categories and some not, or it only looks like one.
    """
    parts = [part.strip() for part in re.split(r"[+,]", text) if part.strip()]
    names = [category_of(part) for part in parts]
    if not parts or not any(names):
        if len(parts) == 1 and re.fullmatch(r"[a-z]+(?:-[a-z]+)?\.[A-Z]{2}", parts[0]):
            raise _no_category(parts[0])
        return []
    clauses: list[str] = []
    for part, name in zip(parts, names, strict=True):
        if name is None:
            raise _no_category(part)
        clauses.append(f"cat:{name}")
        if "." not in name:
            clauses.append(f"cat:{name}.*")
    return clauses


def _no_category(text: str) -> UsageError:
    return UsageError(
        f"{text[:60]!r} is not a category of arXiv.",
        remedy=f"They look like cs.CL, math.AG or hep-th; the archives are {', '.join(ARCHIVES)}. "
        "To search for words, put them in quotes: 'arxiv:\"tree of thoughts\"'.",
    )


def query_of(text: str) -> str:
    """A search. What names fields (``au:``, ``ti:``) is passed on as it is; a text in quotes is
    a phrase; of other words all have to occur somewhere in a paper's record.

    Raises:
        UsageError: it has no word to search for, or its quotes or brackets do not match.
    """
    if text.count('"') % 2:
        raise UsageError("A quotation mark is missing.", remedy='Write "…" around phrases.')
    if _FIELD.search(text):
        if text.count("(") != text.count(")"):
            raise UsageError("The brackets of the search do not match.", remedy="Mend them.")
        return text
    clauses: list[str] = []
    for phrase, word in re.findall(r'"([^"]*)"|([^\s"]+)', text):
        clean = re.sub(r"[^\w.+/'-]+", " ", phrase or word).strip()
        if " " in clean or (phrase and clean):
            clauses.append(f'all:"{clean}"')
        elif re.search(r"\w", clean) and clean.lower() not in _COMMON:
            clauses.append(f"all:{clean}")
    if not clauses:
        raise UsageError(
            f"{text[:60]!r} has no word to search for.", remedy="Add some, or name a category."
        )
    return " AND ".join(clauses)
