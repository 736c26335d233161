"""JSON documents: which service or program wrote one, and the papers in it.

A list of papers stands in a document as it is, under one of a few names (``data``,
``results``, ``message.items``), or one paper under each identifier. The fields of an object
say whose it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from curator.errors import InputError
from curator.paper import Entry, Record, Rejected
from curator.sources import hf, openalex, semantic_scholar
from curator.sources.fields import Reader, about, columns_shown, dig, title_columns
from curator.sources.names import names_of
from curator.sources.values import (
    arxiv_of,
    categories_of,
    day_of,
    doi_in,
    excerpt,
    hints_of,
    name_in,
)

__all__ = ["Items", "cassette_error", "looks_like_cassette", "parse"]

Read = Callable[[Mapping[str, Any], str], Entry]

# Where services put the list of what they found.
_LISTS = ("data", "papers", "results", "items", "articles", "works", "records", "entries",
          "documents", "docs", "dailyPapers", "recommendedPapers", "publications",
          "message.items", "response.docs", "hits.hits", "data.papers", "feed.entry")  # fmt: skip
# What a paper is wrapped in inside such lists.
_WRAPPERS = ("_source", "citingPaper", "citedPaper")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")  # as `surrogateescape` reads them
_CASSETTE = re.compile(r"(?:\s|---|#[^\n]*\n)*interactions:\s*\n\s*-\s")
_PAGES = frozenset(name.partition(".")[0] for name in _LISTS)
_MANY_SHAPES = 1_000
_READS = "A list of objects with `title` and `abstract` is read, or such objects line by line."


def looks_like_cassette(head: str) -> bool:
    """Whether a file that starts so is YAML in which a test recorded HTTP calls (VCR)."""
    return bool(_CASSETTE.match(head)) and "request:" in head


def cassette_error() -> InputError:
    """Why such a recording is not read, and what to do."""
    return InputError(
        "It is a recording of HTTP calls (VCR), not a list of papers.",
        remedy="Save what the service answers, without the call, as JSON, or add the search "
        "itself (for example `curator add 's2:retrieval augmented generation'`).",
    )


def parse(
    value: Any, mapping: Mapping[str, str] | None = None, *, damaged: bool = False
) -> tuple[str, Iterator[Entry]]:
    """``(kind, entries)`` of a document that `json` has loaded; ``where`` is like ``entry 3``.

    ``mapping`` is as for `curator.sources.jsonl.parse_lines`; with it, no service's own way of
    writing is looked for. ``damaged`` says that the text had bytes that are not UTF-8, so that
    each entry has to be looked at for them.

    Raises:
        InputError: there are no papers in it; the message says what it seems to be.
        UsageError: the mapping names a field that is none of ours.
    """
    items = Items(mapping)
    if not items.mapping:
        from curator.sources import csl

        if csl.looks_like_document(value):
            return "csl-json", csl.parse(value)
    if isinstance(value, dict):
        named = _named_list(value)
        if named is None:
            _refuse(value)
            named = list(_singles(value, items))
            if not named:
                raise _no_papers(value)
        elif not named:
            raise InputError("It is the answer to a search that found nothing.", remedy=_READS)
        rows = named
    elif isinstance(value, list):
        rows = [(f"entry {n}", item) for n, item in enumerate(_flat(value), start=1)]
    else:
        raise InputError(f"It is one JSON value ({excerpt(str(value))}).", remedy=_READS)
    first = next((_unwrapped(item) for _, item in rows if isinstance(item, dict)), None)
    if first is None:
        raise InputError(
            "It is a JSON array without any object.",
            remedy="Each paper should be an object with `title` and `abstract`.",
        )
    return items.kind(first), _entries(rows, items, damaged)


def _entries(rows: Iterable[tuple[str, Any]], items: Items, damaged: bool) -> Iterator[Entry]:
    for where, item in rows:
        if damaged and _NOT_UTF8.search(shown := _shown(item)):
            yield Rejected(where, f"has bytes that are not UTF-8: {excerpt(shown)}")
        else:
            yield items.one(item, where)


class Items:
    """Makes records of objects of any shape; the shape is found once for each set of fields."""

    def __init__(self, mapping: Mapping[str, str] | None = None) -> None:
        self._plain = Reader(mapping)
        self.mapping = self._plain.mapping
        self._reads: dict[tuple[str, ...], Read | None] = {}

    def of(self, fields: Mapping[str, Any], where: str) -> Iterable[Entry]:
        """The record of an object, or those of a page of results that it turns out to be."""
        keys = tuple(fields)
        try:
            read = self._reads[keys]
        except KeyError:
            if len(self._reads) >= _MANY_SHAPES:
                self._reads.clear()
            page = not (self.mapping or title_columns(keys) or _PAGES.isdisjoint(keys))
            read = self._reads[keys] = None if page else self._shape(keys)[1]
        if read is not None:
            return (read(fields, where),)
        rows = _named_list(fields)
        if rows is None:
            return (self.one(fields, where),)
        return (self.one(item, f"{where}, {place}") for place, item in rows)

    def one(self, item: Any, where: str) -> Entry:
        """The record of an object that stands in a list, or why it is none."""
        if not isinstance(item, dict):
            return Rejected(where, f"not a JSON object: {excerpt(_shown(item))}")
        fields = _unwrapped(item)
        return self._shape(tuple(fields))[1](fields, where)

    def kind(self, fields: Mapping[str, Any]) -> str:
        """What wrote an object with these fields."""
        return self._shape(tuple(fields))[0]

    def _shape(self, keys: Collection[str]) -> tuple[str, Read]:
        if not self.mapping:
            for kind, fits, read in _SHAPES:
                if fits(keys):
                    return kind, read
        return "json", self._plain


def _fits_snapshot(keys: Collection[str]) -> bool:
    return "authors_parsed" in keys or ("versions" in keys and "update_date" in keys)


def snapshot_entry(paper: Mapping[str, Any], where: str) -> Record | Rejected:
    """A record of one line of arXiv's metadata snapshot.

    Its shape: https://www.kaggle.com/datasets/Cornell-University/arxiv. The paper was published
    on the day of its first version and updated on that of its last; ``update_date`` also moves
    when only a journal reference is added.
    """
    given = paper.get("versions")
    versions = [v for v in given if isinstance(v, dict)] if isinstance(given, list) else []
    days = [day_of(version.get("created")) for version in versions]
    name = paper.get("id")
    parsed = paper.get("authors_parsed")
    authors: list[str] = []
    for parts in parsed if isinstance(parsed, list) else ():
        # [family, given, suffix, and at times affiliations]
        if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
            family, first, suffix = [*parts[:3], "", "", ""][:3]
            authors.append(" ".join(filter(None, (first, family, suffix))))
    published = days[0] if days else None
    arxiv = arxiv_of(name, published)
    try:
        return Record.make(
            where=where,
            title=paper.get("title"),
            abstract=paper.get("abstract"),
            source_id=name if isinstance(name, str | int) else None,
            arxiv_id=f"{arxiv}v{len(versions)}" if arxiv and versions else arxiv,
            doi=doi_in(paper.get("doi")),
            authors=authors or names_of(paper.get("authors")) or (),
            published=published,
            updated=days[-1] if days else day_of(paper.get("update_date")),
            categories=categories_of(paper.get("categories")) or (),
            venue=name_in(paper.get("journal-ref")),
            hints=hints_of(paper, ("comments",)),
        )
    except ValueError as error:
        return Rejected(where, f"{error}: {about(paper)}")


def _fits_csl(keys: Collection[str]) -> bool:
    return "title" in keys and bool({"issued", "container-title", "itemType"} & set(keys))


def _csl_entry(item: Mapping[str, Any], where: str) -> Entry:
    """One reference by itself, as a line of JSON (Crossref's public data file is of such)."""
    from curator.sources import csl

    return replace(next(csl.parse([item])), where=where)


_SHAPES: tuple[tuple[str, Callable[[Collection[str]], bool], Read], ...] = (
    ("hf-scrape", hf.fits_scrape, hf.scraped),
    ("hf-json", hf.fits, hf.entry),
    ("openalex-json", openalex.fits, openalex.entry),
    ("s2-json", semantic_scholar.fits, semantic_scholar.entry),
    ("arxiv-json", _fits_snapshot, snapshot_entry),
    ("csl-json", _fits_csl, _csl_entry),
)


def _unwrapped(item: dict[str, Any]) -> dict[str, Any]:
    for name in _WRAPPERS:
        if isinstance(inner := item.get(name), dict):
            return inner
    return item


def _named_list(fields: Mapping[str, Any]) -> list[tuple[str, Any]] | None:
    """The list of papers in a page of results, each item with its place; None without one."""
    if title_columns(fields):
        return None  # a paper, whose own lists are something else
    for path in _LISTS:
        value = dig(fields, path)
        if isinstance(value, list) and (not value or any(isinstance(i, dict) for i in value)):
            return [(f"entry {n}", item) for n, item in enumerate(_flat(value), start=1)]
    return None


def _flat(values: list[Any]) -> Iterator[Any]:
    """The items of a list, in which some programs group papers into lists (batches, days)."""
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _singles(value: dict[str, Any], items: Items) -> Iterator[tuple[str, Any]]:
    """One paper, or papers that stand under their identifiers."""
    if _is_paper(value, items):
        yield "entry 1", value
    elif value and all(isinstance(inner, dict) for inner in value.values()):
        rows = [(f"entry {excerpt(key)}", {"id": key} | inner) for key, inner in value.items()]
        if 2 * sum(_is_paper(inner, items) for _, inner in rows) >= len(rows):
            yield from rows


def _is_paper(value: dict[str, Any], items: Items) -> bool:
    if items.mapping:
        return any(dig(value, column) is not None for column in items.mapping.values())
    named = (value[name] for name in title_columns(value))
    return items.kind(value) != "json" or any(isinstance(title, str | list) for title in named)


def _refuse(value: dict[str, Any]) -> None:
    """Raises `InputError` for documents that are known to have no papers' texts."""
    if isinstance(search := value.get("esearchresult"), dict):
        found = search.get("idlist")
        ids = [i for i in found if isinstance(i, str)][:200] if isinstance(found, list) else []
        raise InputError(
            f"It is the answer to a PubMed search (esearch): {len(ids)} numbers of papers, "
            "without titles and abstracts.",
            remedy="Save what efetch gives for them: https://eutils.ncbi.nlm.nih.gov/entrez/eutils/"
            f"efetch.fcgi?db=pubmed&retmode=xml&id={','.join(ids) or 'NUMBERS'}",
        )
    if isinstance(value.get("interactions"), list):
        raise cassette_error()
    if "nbformat" in value:
        raise InputError("It is a Jupyter notebook, not a list of papers.", remedy=_READS)
    for name in ("error", "errors", "detail", "message"):
        said = value.get(name)
        if isinstance(said, str) and said and len(value) <= 6:
            raise InputError(
                f"It is a message of some service, not a list of papers: {excerpt(said)}.",
                remedy="Ask the service again, and look at its answer before adding it.",
            )
    columns = [value[name] for name in title_columns(value)]
    if any(isinstance(column, dict) for column in columns) or any(
        isinstance(column, list) and len(column) > 1 and len(title_columns(value)) == 1
        for column in columns
        if isinstance(value.get("abstract", ""), list)
    ):
        raise InputError(
            "It is a table stored column by column (as pandas does).",
            remedy="Store it row by row: frame.to_json(FILE, orient='records', lines=True).",
        )


def _no_papers(value: dict[str, Any]) -> InputError:
    return InputError(
        f"It is one JSON object, in which no list of papers was found; its fields are "
        f"{columns_shown(value) or 'none'}.",
        remedy=_READS,
    )


def _shown(item: Any) -> str:
    try:
        return json.dumps(item, ensure_ascii=False)
    except (ValueError, RecursionError):  # nested more deeply than can be written
        return str(type(item).__name__)
