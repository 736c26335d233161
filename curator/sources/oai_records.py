"""Records of OAI-PMH documents, in the formats arXiv, arXivRaw and oai_dc.

The protocol: https://www.openarchives.org/OAI/openarchivesprotocol.html; arXiv's formats:
https://info.arxiv.org/help/oa/index.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from curator.identifiers import arxiv_id_of
from curator.paper import Record, Rejected
from curator.sources.arxiv_atom import is_withdrawn
from curator.sources.names import flipped, names_of
from curator.sources.values import day_of, doi_in
from curator.sources.xml import Element, local
from curator.sources.xml_entry import entry
from curator.sources.xml_text import inner, path, text, texts

__all__ = ["record"]

Entry = Record | Rejected
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def record(element: Element, number: int) -> Entry:
    """The paper of a ``record`` element, the ``number``-th of its document."""
    header = element.find(path("header"))
    name = text(header, "identifier")
    where = f"record {name}" if name else f"record {number}"
    if header is not None and header.get("status") == "deleted":
        return Rejected(where, "withdrawn or deleted at the source")
    metadata = element.find(path("metadata"))
    inside = () if metadata is None else metadata
    content = next((one for one in inside if local(one)), None)  # not a comment
    if content is None:
        return Rejected(where, "it has no metadata")
    read = _FORMATS.get(local(content))
    if read is None:
        return Rejected(
            where, f"its metadata are in the format {local(content)[:40]!r}, which is not read"
        )
    return read(content, where, name)


def _arxiv(content: Element, where: str, name: str) -> Entry:
    authors = []
    for author in content.findall(path("authors/author")):
        parts = [text(author, part) for part in ("forenames", "keyname", "suffix")]
        full = " ".join(filter(None, parts))
        if re.search(r"\w", full):  # a colon stands between a collaboration and its members
            authors.append(full)
    return _of_arxiv(
        content,
        where,
        name,
        authors=authors,
        published=text(content, "created"),
        updated=text(content, "updated"),
    )


def _arxiv_raw(content: Element, where: str, name: str) -> Entry:
    versions = content.findall(path("version"))
    dates = [found for version in versions if (found := day_of(text(version, "date")))]
    last = versions[-1].get("version") or "" if versions else ""
    listed = text(content, "authors")
    # "A. Bo (1), C. Do (1 and 2) ((1) Oslo, (2) Rome)": from the inside out.
    while (bare := re.sub(r"\([^()]*\)", " ", listed)) != listed:
        listed = bare
    return _of_arxiv(
        content,
        where,
        name,
        authors=names_of(listed) or (),
        published=dates[0] if dates else text(content, "date"),
        updated=dates[-1] if len(dates) > 1 else None,
        version=last if re.fullmatch(r"v\d{1,3}", last) else "",
        hints={"versions": len(versions)},
    )


def _of_arxiv(
    content: Element,
    where: str,
    name: str,
    *,
    authors: list[str] | tuple[()],
    published: str | None,
    updated: str | None,
    version: str = "",
    hints: dict[str, object] | None = None,
) -> Entry:
    number = text(content, "id")
    comment = text(content, "comments")
    abstract = text(content, "abstract")
    return entry(
        where,
        title=text(content, "title"),
        abstract=abstract,
        arxiv_id=f"{number}{version}" if number else name,
        doi=text(content, "doi"),
        authors=authors,
        published=published,
        updated=updated,
        url=f"https://arxiv.org/abs/{number}" if arxiv_id_of(number) else None,
        categories=text(content, "categories").split(),
        source_id=name or number,
        hints={
            "comment": comment,
            "journal_ref": text(content, "journal-ref"),
            "report_number": text(content, "report-no"),
            "license": text(content, "license"),
            "withdrawn": is_withdrawn(comment, abstract),
            **(hints or {}),
        },
    )


def _dublin_core(content: Element, where: str, name: str) -> Entry:
    """What libraries and journals offer of a paper. Which of several descriptions is the
    abstract is not said: the longest one, of those in English where languages are named."""
    from_arxiv = arxiv_id_of(name) is not None
    comment, abstract = "", ""
    described = [
        (one.get(_LANGUAGE) or "", words)
        for one in content.findall(path("description"))
        if (words := inner(one))
    ]
    for _, words in described:
        if from_arxiv and words.startswith("Comment:"):
            comment = words.removeprefix("Comment:")
    texts_only = [(lang, words) for lang, words in described if not words.startswith("Comment:")]
    english = [words for lang, words in texts_only if lang.lower().startswith("en")]
    abstract = max(english or [words for _, words in texts_only], key=len, default="")
    named = texts(content, "identifier")
    related = [one for one in texts(content, "relation") if "altIdentifier" in one]
    pages = [one for one in named if one.startswith(("http://", "https://"))]
    url = next((one for one in pages if "doi.org/" not in one), pages[0] if pages else None)
    days = sorted(day for one in texts(content, "date") if (day := day_of(one)))
    titles = texts(content, "title")
    sources = [one for one in texts(content, "source") if not one.startswith("http")]
    other = [one for one in named if one not in pages and not doi_in(one)] if from_arxiv else []
    return entry(
        where,
        title=titles[0] if titles else "",
        abstract=abstract,
        arxiv_id=name if from_arxiv else next(filter(arxiv_id_of, named), None),
        doi=next((doi for one in (*named, *related) if (doi := doi_in(one))), None),
        authors=[flipped(one) for one in texts(content, "creator")],
        published=days[0] if days else None,
        # Elsewhere the later days are those of the library: received, made public.
        updated=days[-1] if from_arxiv and len(days) > 1 else None,
        url=url,
        source_id=name or (named[0] if named else None),
        hints={
            "comment": comment,
            "journal_ref": (other or sources or [""])[0],
            "keywords": texts(content, "subject"),
            "language": next((one for one in texts(content, "language") if one[:2] != "en"), ""),
        },
    )


_FORMATS: dict[str, Callable[[Element, str, str], Entry]] = {
    "arXiv": _arxiv,
    "arXivRaw": _arxiv_raw,
    "arXivOld": _arxiv_raw,
    "dc": _dublin_core,
}
