"""Saved web pages: a paper's own page, arXiv's lists, and Hugging Face Daily Papers.

A paper's page says what it is in ``citation_*`` tags
(https://scholar.google.com/intl/en/scholar/inclusion.html), in schema.org's JSON-LD, or both.
arXiv's lists have the papers one below the other; a page of Daily Papers carries them as JSON.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from curator.errors import InputError
from curator.paper import Entry, Record, Rejected
from curator.sources import hf
from curator.sources.names import names_of
from curator.sources.values import arxiv_of, categories_of, day_of, doi_in, excerpt, untagged
from curator.text import squeeze

__all__ = ["looks_like", "parse"]

MAX_PAGE = 50_000_000  # bytes; the largest list that arXiv shows has some 3
_START = re.compile(
    r"(?:\s|\ufeff|<!--.{0,5000}?-->|<\?xml[^>]{0,200}\?>)*"
    r"<(?:!doctype\s+html|html|head|body|title|meta|div|table|p|h1)\b",
    re.IGNORECASE | re.S,
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{1,40})", re.IGNORECASE)
_LEAST = 250  # characters of a description that can be the abstract; blurbs are shorter
_CUT = re.compile(r"(?:\.\.\.|…)\s*$")
_LABEL = re.compile(r"^\s*(?:Title|Authors?|Subjects?|Comments?|Journal-ref|Abstract)\s*:\s*")
_LISTED = re.compile(r"\b\d{1,2} (?:[A-Z][a-z]{2,8}) \d{4}\b")
_PAPER = re.compile(r"^(?:https://huggingface\.co)?/papers/([\w.-]{4,40})$")
_HF_DAY = re.compile(r"/papers/date/(\d{4}-\d\d-\d\d)")
_HUMAN = re.compile(
    r"g-recaptcha|h-captcha|hcaptcha\.com|cf-challenge|cf-turnstile|challenges\.cloudflare\.com"
    r"|verify (?:that )?you are (?:a )?human|are you a robot|not a robot|unusual (?:traffic"
    r"|download|activity)|automated access|just a moment\.\.\.|checking your browser",
    re.IGNORECASE,
)
_SAYS = (
    (r"sign in|log ?in|einloggen|anmelden|register to", "a page to sign in"),
    (r"before you continue|cookie consent|your privacy|we value your privacy", "a consent page"),
    (r"access denied|forbidden|\b403\b|unauthori[sz]ed|\b401\b", "a refusal (access denied)"),
    (r"not found|\b404\b|does not exist|no longer available", "a page that was not found (404)"),
    (r"rate limit|too many requests|\b429\b|service unavailable|\b50[0-4]\b|bad gateway"
     r"|internal server error|temporarily unavailable|something went wrong", "an error page"),
)  # fmt: skip
_AGAIN = (
    "Open the address in a browser, wait until the paper or list is shown, and save that; or let "
    "Paper Curator fetch it (for example `curator add arxiv:cs.CL`)."
)
_READS = (
    "Read are a paper's own page (arXiv, ACL, OpenReview, journals), arXiv's lists, and pages of "
    "Hugging Face Daily Papers. Other pages can be saved as text, or as a table."
)


def looks_like(head: str) -> bool:
    """Whether a file that starts so is a web page."""
    return bool(_START.match(head))


def parse(content: bytes) -> Iterator[Entry]:
    """The papers of a saved page; ``where`` is ``the page`` or like ``entry 3``.

    Nothing is fetched, and no script is run.

    Raises:
        InputError: no paper can be told on it; the message says what it seems to be.
    """
    root = _tree(content)
    entries = _daily_papers(root) or _listing(root)
    if not entries and (entry := _own_page(root)):
        entries = [entry]
    if not entries:
        raise _refusal(root)
    return iter(entries)


def _tree(content: bytes) -> Any:
    from lxml import etree
    from lxml import html as lxml_html

    if len(content) > MAX_PAGE:
        raise InputError(f"It is a web page of more than {MAX_PAGE // 1_000_000} MB.")
    # Decoded here, since a page may declare one encoding and be in another. Without huge_tree
    # the parser stops at 256 levels, and it knows no entities but HTML's own.
    text = _decoded(content).replace("\0", "")
    parser = lxml_html.HTMLParser(
        encoding="utf-8", huge_tree=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = lxml_html.document_fromstring(text.encode(errors="replace"), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise InputError("It is an empty or broken web page.", remedy=_READS) from error
    return root


def _decoded(content: bytes) -> str:
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
                           (codecs.BOM_UTF16_BE, "utf-16")):  # fmt: skip
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    try:
        return content.decode()
    except UnicodeDecodeError:
        declared = _CHARSET.search(content[:8192])
    name = declared[1].decode() if declared else "windows-1252"
    try:
        if codecs.lookup(name).name in {"utf-8", "ascii"}:  # it is that, with damage
            name = "utf-8"
        elif codecs.lookup(name).name == "iso8859-1":
            name = "windows-1252"  # as browsers read it: https://encoding.spec.whatwg.org
        return content.decode(name, "replace")
    except (LookupError, ValueError, UnicodeError):
        return content.decode("windows-1252", "replace")


# --- A paper's own page --------------------------------------------------------------------


def _own_page(root: Any) -> Entry | None:
    tags = _meta(root)
    data = _linked_data(root)

    def first(*names: str) -> str | None:
        return next((tags[name][0] for name in names if tags.get(name)), None)

    title = first("citation_title") or data.get("name") or data.get("headline")
    if not title and first("dc.title", "dcterms.title", "prism.title") and first("dc.creator"):
        title = first("dc.title", "dcterms.title")
    if not isinstance(title, str) or not title.strip():
        return None
    authors: Any = tags.get("citation_author") or first("citation_authors")
    url = first("citation_abstract_html_url", "citation_public_url", "og:url")
    links = root.xpath("//link[@rel='canonical']/@href")
    where = "the page"
    abstract = _abstract(root, tags, data)
    doi = doi_in(first("citation_doi", "dc.identifier", "prism.doi", "doi"))
    arxiv = arxiv_of(first("citation_arxiv_id")) or next(
        filter(None, map(arxiv_of, [url, first("citation_pdf_url"), *links])), None
    )
    if "\ufffd" in f"{title}{abstract or ''}":
        return Rejected(where, f"has characters that could not be read: {excerpt(title)}")
    words = [
        word for name in ("citation_keywords", "citation_keyword") for word in tags.get(name, [])
    ]
    try:
        return Record.make(
            where=where,
            title=untagged(title),
            abstract=abstract,
            needs_abstract=False,
            arxiv_id=arxiv,
            doi=doi or doi_in(data.get("identifier")) or doi_in(data.get("sameAs")),
            authors=names_of(authors or tags.get("dc.creator") or data.get("author")) or (),
            published=day_of(
                first("citation_date", "citation_publication_date", "citation_online_date",
                      "citation_year", "dc.date", "prism.publicationdate")
                or data.get("datePublished")
            ),
            updated=day_of(data.get("dateModified")),
            url=url or next(iter(links), None),
            venue=first("citation_journal_title", "citation_conference_title",
                        "citation_inbook_title", "prism.publicationname"),
            ids=[("pmid", first("citation_pmid"))],
            hints={"keywords": words[:200]} if words else {},
        )  # fmt: skip
    except ValueError as error:
        return Rejected(where, f"{error}: {excerpt(title)}")


def _meta(root: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag in root.iter("meta"):
        name = tag.get("name") or tag.get("property") or ""
        content = (tag.get("content") or "").strip()
        if content and len(name) < 60:
            found.setdefault(name.lower(), []).append(content)
    return found


def _linked_data(root: Any) -> dict[str, Any]:
    """The first article among a page's JSON-LD, or nothing."""
    for text in root.xpath("//script[@type='application/ld+json']/text()")[:20]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        inner = value.get("@graph") if isinstance(value, dict) else None
        for item in (
            inner if isinstance(inner, list) else value if isinstance(value, list) else [value]
        ):
            kinds = item.get("@type") if isinstance(item, dict) else None
            if any("ScholarlyArticle" in str(kind) for kind in _list(kinds)):
                return dict(item)
    return {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _abstract(root: Any, tags: dict[str, list[str]], data: dict[str, Any]) -> str | None:
    """The abstract, from the place that is surest to hold it; a site's blurb is none."""
    sure = (
        *tags.get("citation_abstract", [])[:1],
        *(_text(node) for node in root.xpath(
            "//blockquote[contains(concat(' ', @class, ' '), ' abstract ')]"
            "|//div[contains(@class, 'acl-abstract')]/span"
            "|//section[@id='abstract' or @id='Abs1' or contains(@class, 'c-article-abstract')]//p"
        )[:1]),
        data.get("abstract"),
    )  # fmt: skip
    for text in sure:
        if isinstance(text, str) and (clean := squeeze(_LABEL.sub("", untagged(text)))):
            return clean
    names = ("dc.description", "dcterms.abstract", "og:description", "description")
    for text in [*(tags.get(name, [""])[0] for name in names), data.get("description")]:
        if isinstance(text, str) and len(text) >= _LEAST and not _CUT.search(text):
            return squeeze(untagged(text))
    return None


def _text(node: Any) -> str:
    return squeeze(str(node.text_content()))


# --- Lists -----------------------------------------------------------------------------------


def _listing(root: Any) -> list[Entry]:
    """arXiv's lists of a day or week: ``<dt>`` has the number, ``<dd>`` all else."""
    found: list[Entry] = []
    listed = None
    for node in root.xpath("//h3|//dl/dt"):
        if node.tag == "h3":
            day = _LISTED.search(_text(node))
            listed = day_of(day[0]) if day else listed
            continue
        links = node.xpath(".//a[contains(@href, '/abs/')]/@href")
        below = node.getnext()
        if not links or below is None or below.tag != "dd":
            continue
        arxiv = arxiv_of(links[0].rpartition("/abs/")[2])
        parts = {
            name: _LABEL.sub("", _text(part[0]))
            for name in ("title", "subjects", "comments", "journal-ref")
            if (part := below.xpath(f".//div[contains(@class, 'list-{name}')]"))
        }
        abstract = below.xpath(".//p[contains(@class, 'mathjax')]")
        where = f"entry {len(found) + 1}"
        codes = re.findall(r"\(([a-z-]+(?:\.[A-Za-z-]+)?)\)", parts.get("subjects", ""))
        try:
            found.append(
                Record.make(
                    where=where,
                    title=parts.get("title"),
                    abstract=_text(abstract[0]) if abstract else None,
                    needs_abstract=False,
                    arxiv_id=arxiv,
                    authors=[
                        _text(a) for a in below.xpath(".//div[contains(@class, 'list-authors')]//a")
                    ],
                    listed=listed,
                    categories=categories_of(codes) or (),
                    venue=parts.get("journal-ref"),
                    hints={"comments": parts["comments"]} if parts.get("comments") else {},
                )
            )
        except ValueError as error:
            found.append(Rejected(where, f"{error}: {excerpt(arxiv or _text(below))}"))
    return found


def _daily_papers(root: Any) -> list[Entry]:
    """The papers of a page of Hugging Face: from its JSON, or else a reason for each card."""
    found: list[Entry] = []
    for node in root.xpath("//*[@data-props]")[:500]:
        text = node.get("data-props")
        if '"dailyPapers"' not in text and '"paper"' not in text:
            continue
        try:
            props = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if not isinstance(props, dict):
            continue
        papers = props.get("dailyPapers") or [props]
        day = day_of(props.get("dateString") or props.get("date"))
        for item in papers if isinstance(papers, list) else ():
            inner = item.get("paper") if isinstance(item, dict) else None
            if isinstance(inner, dict) and "id" in inner and "title" in {**item, **inner}:
                found.append(hf.entry(item, f"entry {len(found) + 1}", day))
        if found:
            return found
    return _cards(root)


def _cards(root: Any) -> list[Entry]:
    found: dict[str, Entry] = {}
    address = " ".join(
        root.xpath("//link[@rel='canonical']/@href|//meta[@property='og:url']/@content")
    )
    day = _HF_DAY.search(address)
    feed = f"`curator add hf:{day[1] if day else 'DATE'}`"
    for link in root.xpath(
        "//h3//a[contains(@href, '/papers/')]|//article//a[contains(@href, '/papers/')]"
    ):
        match = _PAPER.match(link.get("href") or "")
        title = _text(link)
        if match and title and arxiv_of(match[1]) and match[1] not in found:
            found[match[1]] = Rejected(
                f"entry {len(found) + 1}",
                f"the page shows no abstract for this paper ({match[1]}); {feed} gets it with "
                f"its abstract: {excerpt(title)}",
            )
    return list(found.values())


# --- Pages without papers ------------------------------------------------------------------


def _refusal(root: Any) -> InputError:
    heads = root.xpath("//title|//h1|//h2")[:6]
    head = squeeze(" ".join(_text(node) for node in heads))[:500]
    for node in root.xpath("//style|//noscript"):
        node.drop_tree()
    marks = " ".join(root.xpath("//@class|//script/@src|//iframe/@src")[:5_000])
    body = _text(root)[:5_000]
    if _HUMAN.search(head) or _HUMAN.search(marks) or _HUMAN.search(body):
        what = "a page that asks whether you are human (a captcha)"
    elif root.xpath("//input[@type='password']"):
        what = "a page to sign in"
    else:
        said = (what for pattern, what in _SAYS if re.search(pattern, head, re.IGNORECASE))
        what = next(said, "")
    if what:
        return InputError(f"It is {what}, not a list of papers: {excerpt(head)}", remedy=_AGAIN)
    return InputError(f"It is a web page without a paper that can be told: {excerpt(head or body)}",
                      remedy=_READS)  # fmt: skip
