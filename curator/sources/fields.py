"""What exports call a field, and our fields made of it.

An export is one object or one row per paper, with a column for each field. Columns are found
by name, without regard to case, spaces, dashes and underscores; a user's own mapping goes
before that. What is looked for is worked out once for each set of column names, since a file
of 100,000 lines mostly has one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from curator.errors import InputError, UsageError
from curator.identifiers import GUESSED, SCHEMES
from curator.paper import Record, Rejected
from curator.sources.names import names_of
from curator.sources.values import (
    arxiv_of,
    categories_of,
    count_of,
    day_of,
    doi_in,
    excerpt,
    hints_of,
    keywords_of,
    name_in,
)

__all__ = [
    "FIELDS",
    "Reader",
    "about",
    "checked",
    "columns_missing",
    "columns_shown",
    "dig",
    "normal",
    "title_columns",
]

Read = Callable[[Mapping[str, Any], str], Record | Rejected]

# Our name for a field, and the names of others in the order in which they are looked for; the
# first that has a usable value is taken.
_ALIASES: dict[str, tuple[str, ...]] = {
    "title": ("title", "papertitle", "articletitle", "documenttitle", "primarytitle"),
    "abstract": ("abstract", "summary", "paperabstract", "abstractnote", "abstracttext",
                 "notesabstract"),
    "id": ("id", "paperid", "recordid", "key", "eid", "ut(uniquewosid)", "uid", "accessionnumber"),
    "arxiv_id": ("arxivid", "arxiv", "arxivnumber", "arxivpageurl", "arxivurl", "archiveid",
                 "eprint"),
    "doi": ("doi", "doiurl", "doilink", "digitalobjectidentifier"),
    "authors": ("authorfullnames", "authors", "author", "authornames", "creators", "authorlist"),
    "published": ("published", "date", "publishedat", "submitted", "publicationdate", "pubdate",
                  "publisheddate", "datepublished", "dateofpublication", "created", "createdat",
                  "year", "publicationyear", "pubyear"),
    "listed": ("listed",),
    "updated": ("updated", "updatedat", "updatedate", "updateddate", "lastupdated"),
    "url": ("url", "link", "paperurl", "articleurl", "landingpageurl", "absurl", "urls", "s2url"),
    "categories": ("categories", "category", "arxivcategories", "subjects"),
    "upvotes": ("upvotes",),
    "venue": ("venue", "journal", "journalname", "journaltitle", "journalref", "publicationtitle",
              "sourcetitle", "booktitle", "conference", "conferencename", "proceedingstitle",
              "publicationname", "containertitle"),
    "keywords": ("keywords", "keyword", "authorkeywords", "manualtags", "tags", "indexkeywords"),
}  # fmt: skip
_IDS: dict[str, tuple[str, ...]] = {
    "pmid": ("pmid", "pubmedid", "pubmed"),
    "pmcid": ("pmcid", "pmc"),
    "acl": ("aclid", "acl"),
    "openreview": ("openreviewid", "openreview"),
    "s2": ("corpusid", "s2corpusid", "s2id"),
    "openalex": ("openalexid", "openalex"),
    "dblp": ("dblpid", "dblpkey", "dblp"),
}
# The Web of Science's own file has names of two letters, of which ID is a list of keywords.
_WEB_OF_SCIENCE = {
    "title": ("ti",), "abstract": ("ab",), "id": ("ut",), "doi": ("di",), "authors": ("af", "au"),
    "published": ("py",), "venue": ("so",), "keywords": ("de", "id"),
}  # fmt: skip
# Remarks that stand beside a paper's text, kept under the name their source gives them.
_HINTS = ("comments", "comment", "note", "type", "itemtype", "documenttype", "language")

FIELDS = tuple(_ALIASES)  # what a user's mapping may name, besides identifiers (`SCHEMES`)
_MANY_PLANS = 1_000  # sets of column names that are remembered
_KEPT_HINTS = 20_000  # characters of JSON


def normal(name: str) -> str:
    """A column's name as names are compared: ``Publication Year`` and ``publication_year``."""
    return re.sub(r"[\s_.-]+", "", name).casefold()


def title_columns(columns: Iterable[str]) -> list[str]:
    """Those columns that are known to hold titles."""
    return [name for name in columns if normal(name) in {*_ALIASES["title"], "ti"}]


def checked(mapping: Mapping[str, str] | None) -> dict[str, str]:
    """A user's mapping (our field → their column), its left sides known to be ours.

    Raises:
        UsageError: a left side is no field of ours, or a right side is empty.
    """
    found: dict[str, str] = {}
    for ours, column in (mapping or {}).items():
        name = "id" if ours == "source_id" else ours
        if name not in _ALIASES and name not in _IDS:
            raise UsageError(
                f"{ours!r} is no field of a paper.",
                remedy=f"The fields are {', '.join([*FIELDS, *_IDS])}.",
            )
        if not column.strip():
            raise UsageError(f"No column is named for {ours!r}.", remedy="Write title=COLUMN.")
        found[name] = column
    return found


def columns_missing(
    mapping: Mapping[str, str], missing: Iterable[str], there: Iterable[str]
) -> InputError:
    """The error that says which columns of a mapping are not there, and which are."""
    lost = ", ".join(
        f"{column!r} (for {ours})" for ours, column in mapping.items() if column in missing
    )
    return InputError(
        f"It has no column {lost}.",
        remedy=f"Its columns are {columns_shown(there)}.",
    )


def columns_shown(columns: Iterable[str]) -> str:
    """Columns as a reader is told of them: the first thirty, each cut to 40 characters."""
    shown = [excerpt(name)[:40] for name in columns]
    return ", ".join(map(repr, shown[:30])) + (f" and {len(shown) - 30} more" * (len(shown) > 30))


def about(fields: Mapping[str, Any]) -> str:
    """Which entry is meant, for a reason: its title, else how it starts."""
    for name in title_columns(fields):
        if isinstance(fields[name], str) and fields[name].strip():
            return excerpt(fields[name])
    try:
        return excerpt(json.dumps(fields, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):  # nested more deeply than can be written
        return excerpt(", ".join(map(str, fields)))


def dig(fields: Mapping[str, Any], path: str) -> Any:
    """The value at ``a``, or at ``a.b`` inside objects; of a list, that of each of its objects."""
    if path in fields:
        return fields[path]
    value: Any = fields
    for name in path.split("."):
        if isinstance(value, list):
            if name.isdecimal() and int(name) < len(value):
                value = value[int(name)]
                continue
            value = [item[name] for item in value if isinstance(item, dict) and name in item]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return None
    return value


class Reader:
    """Makes records of objects (or rows) by the names of their fields. Calling it never raises.

    ``ours`` says that the format is our own JSON Lines. In that an abstract is needed, and
    dates, authors and votes that cannot be read are refused: whoever wrote the line by hand can
    mend it, and would not see that something is missing. Elsewhere such a field is left out.
    """

    def __init__(self, mapping: Mapping[str, str] | None = None, *, ours: bool = True) -> None:
        self.mapping = checked(mapping)
        self._ours = ours
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def __call__(self, fields: Mapping[str, Any], where: str) -> Record | Rejected:
        keys = tuple(fields)
        plan = self._plans.get(keys)
        if plan is None:
            if len(self._plans) >= _MANY_PLANS:
                self._plans.clear()
            plan = self._plans[keys] = _Plan(keys, self.mapping, self._ours)
        try:
            chosen = plan.chosen(fields)
            return Record.make(where=where, needs_abstract=self._ours, **chosen)
        except ValueError as error:
            return Rejected(where, f"{error}: {about(fields)}")


class _Plan:
    """Which columns each of our fields is taken from, for one set of column names."""

    def __init__(self, keys: tuple[str, ...], mapping: Mapping[str, str], ours: bool) -> None:
        by_name: dict[str, list[str]] = {}
        for key in keys:
            by_name.setdefault(normal(key), []).append(key)
        aliases = _WEB_OF_SCIENCE if {"ti", "ut"} <= by_name.keys() else _ALIASES
        self._steps: list[tuple[str, list[str], Callable[[Any], Any] | None]] = []
        self._mapped = [
            (name, column, _CONVERT.get(name))
            for name, column in mapping.items()
            if name != "keywords"
        ]
        self._keywords = mapping.get("keywords")
        for name, names in aliases.items():
            columns = [key for alias in names for key in by_name.get(alias, ())]
            if not columns or name in mapping:
                continue
            convert = _CONVERT.get(name)
            if ours and name in _STRICT and columns[0] == name:
                convert = _or_itself(convert)
            if name == "keywords":
                self._keywords = columns[0]
            else:
                self._steps.append(("source_id" if name == "id" else name, columns, convert))
        self._ids = [
            (scheme, key)
            for scheme, names in _IDS.items()
            if scheme not in mapping
            for name in names
            for key in by_name.get(name, ())
        ]
        self._own = [key for key in ("ids", "hints") if key in keys]
        self._hints = [key for name in _HINTS for key in by_name.get(name, ())]

    def chosen(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of `Record.make`."""
        found: dict[str, Any] = {"title": None, "abstract": None}
        for ours, columns, convert in self._steps:
            for column in columns:
                value = fields[column]
                if value is None or value == "":
                    continue
                if convert is not None and (value := convert(value)) is None:
                    continue
                found[ours] = value
                break
        if self._mapped or self._ids or self._own or self._hints or self._keywords:
            self._add_rest(fields, found)
        if "categories" in found and "arxiv_id" not in found and "source_id" in found:
            mended = _mended(found["source_id"], found.get("published"))
            if mended:
                found["ids"] = [*found.get("ids", ()), (GUESSED, mended)]
        return found

    def _add_rest(self, fields: Mapping[str, Any], found: dict[str, Any]) -> None:
        ids = [(scheme, fields[key]) for scheme, key in self._ids if _is_plain(fields[key])]
        hints = hints_of(fields, self._hints)
        for ours, column, convert in self._mapped:
            value = dig(fields, column)
            if ours in _IDS:
                if _is_plain(value):
                    ids.append((ours, value))
            elif value not in (None, ""):
                found["source_id" if ours == "id" else ours] = convert(value) if convert else value
        if self._keywords and (words := keywords_of(dig(fields, self._keywords))):
            hints["keywords"] = words
        if "ids" in self._own:
            ids += _own_ids(fields["ids"])
        if "hints" in self._own and isinstance(fields["hints"], dict):
            hints |= _own_hints(fields["hints"])
        found["ids"], found["hints"] = ids, hints


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _own_ids(value: Any) -> list[tuple[str, Any]]:
    pairs = value.items() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [
        (pair[0], pair[1])
        for pair in pairs
        if isinstance(pair, list | tuple)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and pair[0] in SCHEMES
        and _is_plain(pair[1])
    ]


def _own_hints(value: dict[str, Any]) -> dict[str, Any]:
    try:
        fits = len(json.dumps(value)) <= _KEPT_HINTS
    except (ValueError, RecursionError):
        fits = False
    return value if fits else hints_of(value, list(value)[:50])


def _mended(name: Any, published: Any) -> str | None:
    if isinstance(name, str):
        # Nearly all that get here are good ids, which Record.make finds by itself.
        if len(name) == (10 if name >= "1501" else 9) and name[4] == ".":
            return None
        if not name[:3].isdecimal():
            return None
    found = arxiv_of(name, published if isinstance(published, str) else None)
    return found if found != name else None


def _or_itself(convert: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    def converted(value: Any) -> Any:
        found = convert(value) if convert else None
        return value if found is None else found

    return converted


def _text(value: Any) -> Any:
    """Crossref has titles in lists; paragraphs stand in lists too."""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return value


def _name(value: Any) -> Any:
    return value if _is_plain(value) or isinstance(value, float) else None


def _address(value: Any) -> str | None:
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, str)), None)
    return value if isinstance(value, str) else None


# A value that its function cannot read leaves the field empty, but for these (see `Reader`).
_STRICT = {"published", "listed", "authors", "upvotes"}
_CONVERT: dict[str, Callable[[Any], Any]] = {
    "title": _text,
    "abstract": _text,
    "id": _name,
    "arxiv_id": arxiv_of,
    "doi": doi_in,
    "authors": names_of,
    "published": day_of,
    "listed": day_of,
    "updated": day_of,
    "url": _address,
    "categories": categories_of,
    "upvotes": count_of,
    "venue": name_in,
}
