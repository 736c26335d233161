"""PubMed's XML, as its website and its services give it.

The elements: https://dtd.nlm.nih.gov/ncbi/pubmed/doc/out/250101/. The tagged text format is in
`curator.sources.medline`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from curator.errors import InputError
from curator.paper import Record, Rejected
from curator.sources.values import day_of
from curator.sources.xml import Element, elements, local, root_name
from curator.sources.xml_entry import entry
from curator.sources.xml_text import inner, path, text, texts

__all__ = ["looks_like", "notice_of", "parse", "untranslated"]

_ROOTS = {
    "PubmedArticleSet", "PubmedBookArticleSet", "PubmedArticle", "PubmedBookArticle",
    "MedlineCitationSet", "eFetchResult", "eSearchResult", "eSummaryResult", "eLinkResult",
}  # fmt: skip
_NO_LABELS = {"", "UNLABELLED", "UNASSIGNED", "ABSTRACT"}


def looks_like(head: str) -> bool:
    """Whether a document that begins so is PubMed's."""
    return root_name(head) in _ROOTS


def parse(stream: BinaryIO) -> Iterator[Record | Rejected]:
    """The articles and book chapters, in constant memory; ``where`` is like ``PMID 29768149``.

    Raises:
        InputError: it is an error message of PubMed's, lists only identifiers, is no XML, or
            broken; what came before has been yielded.
    """
    number = 0
    others = {"ERROR", "IdList", "DocSum", "LinkSet", "OutputMessage"}
    books = {"PubmedBookArticle", "BookDocument"}
    wanted = {"PubmedArticle", "MedlineCitation", "DeleteCitation", *books, *others}
    for element in elements(stream, wanted):
        name = local(element)
        if name in others:
            raise _refusal(name, element)
        if name == "DeleteCitation":
            for gone in texts(element, "PMID"):
                yield Rejected(f"PMID {gone}", "deleted from PubMed")
            continue
        number += 1
        yield (_book if name in books else _article)(element, number)


def _refusal(name: str, element: Element) -> InputError:
    if name in ("ERROR", "OutputMessage"):
        return InputError(f"PubMed answers with an error: {inner(element)[:200]}")
    return InputError(
        "It lists only the identifiers or heads of articles, without abstracts.",
        remedy="Save the articles themselves (efetch; on the website: Save, format PubMed).",
    )


def _article(element: Element, number: int) -> Record | Rejected:
    citation = element if local(element) == "MedlineCitation" else element.find(
        path("MedlineCitation")
    )  # fmt: skip
    article = None if citation is None else citation.find(path("Article"))
    pmid = text(citation, "PMID")
    where = f"PMID {pmid}" if pmid else f"article {number}"
    if citation is None or article is None:
        return Rejected(where, "it has no article, only a frame for one")
    data = element.find(path("PubmedData"))
    title, translated = untranslated(text(article, "ArticleTitle"))
    vernacular = text(article, "VernacularTitle")
    kinds = texts(article, "PublicationTypeList/PublicationType")
    abstract, language = _abstract(article, citation)
    languages = texts(article, "Language")
    journal = article.find(path("Journal"))
    return entry(
        where,
        title=title or vernacular,
        abstract=abstract,
        doi=_doi(article, data),
        authors=_authors(article.find(path("AuthorList"))),
        published=_date(article.find(path("ArticleDate")))
        or _date(None if journal is None else journal.find(path("JournalIssue/PubDate"))),
        url=f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/" if pmid.isdecimal() else None,
        venue=text(journal, "Title") or text(citation, "MedlineJournalInfo/MedlineTA"),
        source_id=f"PMID:{pmid}" if pmid else None,
        ids=[("pmid", pmid), ("pmcid", _pmcid(data))],
        hints={
            "mesh": texts(citation, "MeshHeadingList/MeshHeading/DescriptorName"),
            "keywords": texts(citation, "KeywordList/Keyword"),
            "publication_types": kinds,
            "language": next((one for one in languages if one != "eng"), ""),
            "original_title": vernacular if translated else "",
            "abstract_language": language,
            "other_abstracts": _other_abstracts(citation),
            **notice_of(kinds, _retractions(citation)),
        },
    )


def _book(element: Element, number: int) -> Record | Rejected:
    document = element if local(element) == "BookDocument" else element.find(path("BookDocument"))
    pmid = text(document, "PMID")
    where = f"PMID {pmid}" if pmid else f"article {number}"
    if document is None:
        return Rejected(where, "it has no book, only a frame for one")
    book = document.find(path("Book"))
    title, whole = text(document, "ArticleTitle"), text(book, "BookTitle")
    lists = document.findall(path("AuthorList"))
    chapter = [one for one in lists if one.get("Type") != "editors"]
    whose = chapter[0] if chapter else None if book is None else book.find(path("AuthorList"))
    abstract, language = _abstract(document, document)
    data = element.find(path("PubmedBookData"))
    return entry(
        where,
        title=title or whole,
        abstract=abstract,
        doi=_doi(document, data),
        authors=_authors(whose),
        published=_date(document.find(path("ContributionDate")))
        or _date(None if book is None else book.find(path("PubDate"))),
        url=f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/" if pmid.isdecimal() else None,
        venue=whole if title else text(book, "Publisher/PublisherName"),
        source_id=f"PMID:{pmid}" if pmid else None,
        ids=[("pmid", pmid)],
        hints={
            "keywords": texts(document, "KeywordList/Keyword"),
            "publication_types": texts(document, "PublicationType"),
            "abstract_language": language,
        },
    )


def untranslated(title: str) -> tuple[str, bool]:
    """A title without the brackets that say it was translated, and whether it had them."""
    match = re.fullmatch(r"\[(.+?)\](\.?)", title)
    if not match or re.match(r"not available|in process", match[1], re.IGNORECASE):
        return ("", True) if match else (title, False)
    # Of "[A title.]." one full stop is enough.
    return match[1] + ("" if match[1].endswith((".", "?", "!")) else match[2]), True


def _joined(parts: list[Element]) -> str:
    """The parts of a structured abstract in one text, each after its label."""
    said: list[str] = []
    for part in parts:
        words, label = inner(part), (part.get("Label") or "").strip()
        labelled = words.lower().startswith(f"{label.lower()}:")
        if label.upper() in _NO_LABELS or labelled or not words:
            said.append(words)
        else:
            said.append(f"{label}: {words}")
    return " ".join(filter(None, said))


def _abstract(article: Element, citation: Element) -> tuple[str, str]:
    """The abstract; where there is only one in another place, that, with its language."""
    if main := _joined(article.findall(path("Abstract/AbstractText"))):
        return main, ""
    others = citation.findall(path("OtherAbstract"))
    others.sort(key=lambda one: one.get("Language", "eng") != "eng")  # English first
    for other in others:
        if found := _joined(other.findall(path("AbstractText"))):
            language = other.get("Language", "eng")
            return found, "" if language == "eng" else language
    return "", ""


def _other_abstracts(citation: Element) -> list[str]:
    found = (
        (other.get("Language", "eng"), _joined(other.findall(path("AbstractText"))))
        for other in citation.findall(path("OtherAbstract"))
    )
    return [f"{language}: {words}" for language, words in found if words]


def _authors(names: Element | None) -> list[str]:
    found: list[str] = []
    for author in () if names is None else names.findall(path("Author")):
        if author.get("ValidYN") == "N":
            continue  # a misprint; the name as it should be stands beside it
        parts = [text(author, "ForeName") or text(author, "Initials"), text(author, "LastName")]
        parts.append(text(author, "Suffix"))
        found.append(" ".join(filter(None, parts)) or text(author, "CollectiveName"))
    return [name for name in found if name]


def _date(element: Element | None) -> str | None:
    """A date from its parts, as exact as they allow: of a season only the year is known, of
    ``1998 Dec-1999 Jan`` the first is taken."""
    if whole := text(element, "MedlineDate"):
        return day_of(re.split(r"[-–/]", whole)[0])
    parts = [text(element, part) for part in ("Year", "Month", "Day")]
    mark = "-" if parts[1].isdecimal() else " "
    exact = (mark.join(parts[:count]) for count in (3, 2, 1) if all(parts[:count]))
    return next((found for one in exact if (found := day_of(one))), None)


def _doi(article: Element, data: Element | None) -> str | None:
    for place in article.findall(path("ELocationID")):
        if place.get("EIdType") == "doi" and place.get("ValidYN") != "N" and inner(place):
            return inner(place)
    return _named(data, "doi") or _named(article, "doi")


def _pmcid(data: Element | None) -> str | None:
    # "PMC123.1" is a version of PMC123.
    return (_named(data, "pmc") or "").partition(".")[0] or None


def _named(parent: Element | None, kind: str) -> str | None:
    """An identifier of the article itself: its references have lists of the same shape."""
    for one in () if parent is None else parent.findall(path("ArticleIdList/ArticleId")):
        if one.get("IdType") == kind and inner(one):
            return inner(one)
    return None


def _retractions(citation: Element) -> list[str]:
    return [
        text(one, "RefSource") or text(one, "PMID") or "yes"
        for one in citation.findall(path("CommentsCorrectionsList/CommentsCorrections"))
        if one.get("RefType") == "RetractionIn"
    ]


def notice_of(kinds: list[str], retracted_in: list[str]) -> dict[str, Any]:
    """Hints on what a reader should know before citing: ``retracted`` (and where it says so),
    or that the article itself is the ``notice`` of a retraction, a correction, a concern."""
    notices = ("Retraction of Publication", "Published Erratum", "Expression of Concern")
    found = [kind for kind in notices if kind in kinds]
    retracted = retracted_in or "Retracted Publication" in kinds
    return {"retracted": retracted, "notice": found}
