"""Identifiers of papers: arXiv ids, DOIs, and those of PubMed, ACL and OpenReview.

Each is brought to one writing, so that two records that name one paper are seen to do so.
"""

from __future__ import annotations

import re

__all__ = [
    "GUESSED",
    "SCHEMES",
    "arxiv_id_of",
    "doi_of",
    "identifier_of",
    "identifiers_in",
    "is_preprint_doi",
]

# https://info.arxiv.org/help/arxiv_identifier.html: new style since April 2007, old before.
# Months and archives are spelled out so that another list's "1234.5678" or "notes/1234567"
# is not taken for arXiv's.
_ARXIV_NEW = r"(?:0[7-9]|[1-9]\d)(?:0[1-9]|1[0-2])\.\d{4,5}"
_ARXIV_OLD = (
    r"(?P<archive>acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph"
    r"|cmp-lg|comp-gas|cond-mat|cs|dg-ga|funct-an|gr-qc|hep-(?:ex|lat|ph|th)|math|math-ph|mtrl-th"
    r"|nlin|nucl-(?:ex|th)|patt-sol|physics|plasm-ph|q-alg|q-bio|quant-ph|solv-int|supr-con)"
    r"(?:\.[A-Z]{2})?/(?P<number>\d{7})"
)
_ARXIV = re.compile(
    r"^(?:arxiv:\s*|oai:arxiv\.org:|(?:https?://)?(?:dx\.)?(?:doi\.org/)?10\.48550/arxiv\."
    r"|(?:https?://)?(?:(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html)"
    r"|(?:www\.)?huggingface\.co/papers)/)?"
    rf"(?:(?P<id>{_ARXIV_NEW})|{_ARXIV_OLD})(?:v(?P<version>\d{{1,3}}))?(?:\.pdf)?"
    r"(?:\s*\[[\w.-]+\]|/?(?:[?#]\S*)?)$",
    re.IGNORECASE | re.ASCII,
)
_PLAIN = re.compile(_ARXIV_NEW, re.ASCII)
_DOI = re.compile(
    r"^(?:doi:\s*|(?:https?://)?(?:dx\.|www\.)?doi\.org/)?(?P<id>10\.\d{4,9}/\S+)"
    r"(?:\s.*)?$",  # arXiv's metadata has several in one field, of which the first is taken
    re.IGNORECASE | re.ASCII,
)


def arxiv_id_of(text: str | None) -> tuple[str, int | None] | None:
    """``(identifier, version)`` from an arXiv id or address in any usual writing, or None."""
    if not text:
        return None
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return text, None  # nearly all of a list of arXiv
    if text.startswith("10.") and not text.startswith("10.48550/"):
        return None  # nearly all DOIs
    match = _ARXIV.match(text)
    if not match:
        return None
    # math.GT/0309136 and math/0309136 are one paper: the subject class is not part of the id.
    name = match["id"] or f"{match['archive']}/{match['number']}".lower()
    return name, int(match["version"]) if match["version"] else None


def doi_of(text: str | None) -> str | None:
    """A DOI in lower case without its address, or None."""
    match = _DOI.match(text.strip()) if text else None
    return match["id"].lower().rstrip(".,;") if match else None


# Servers of preprints: the printed paper has another DOI, so that two DOIs of which one is such
# do not tell two papers apart.
_PREPRINT_DOI = re.compile(
    r"10\.(?:48550/arxiv|1101/(?=\d{4}\.|\d{6})|64898/|21203/rs|2139/ssrn|31234/|31219/osf|31222/osf|20944/preprints"
    r"|26434/chemrxiv|36227/techrxiv|5281/zenodo|22541/|14293/s2199|32388/)"
)

# What names one paper, and how it is written: the patterns are matched on identifiers given
# by name, the addresses on links.
SCHEMES = ("arxiv", "doi", "pmid", "pmcid", "acl", "openreview", "s2", "openalex", "dblp")
# An arXiv id that was mended from a damaged one ("1306.256"): it joins as a DOI does, so that
# two entries of one list stay two where one of their ids is a guess.
GUESSED = "arxiv-guess"
_OTHERS = {
    "pmid": re.compile(r"^(?:pmid:?\s*)?(\d{1,9})$", re.I | re.ASCII),
    "pmcid": re.compile(r"^(?:pmcid:?\s*)?(pmc\d{1,9})$", re.I | re.ASCII),
    # https://aclanthology.org/info/ids/
    "acl": re.compile(r"^(?:acl:)?([A-Z]\d{2}-\d{4}|\d{4}\.[\w-]+\.\d{1,4})$", re.I | re.ASCII),
    "openreview": re.compile(r"^(?:openreview:)?([A-Za-z0-9_-]{8,14})$", re.ASCII),
    "s2": re.compile(r"^(?:corpusid:)?(\d{1,12}|[0-9a-f]{40})$", re.I | re.ASCII),
    "openalex": re.compile(
        r"^(?:https?://(?:api\.)?openalex\.org/(?:works/)?)?(w\d{4,12})$", re.I | re.ASCII
    ),
    "dblp": re.compile(r"^(?:dblp:)?((?:conf|journals|books|phd)/[\w/.-]{3,80})$", re.I | re.ASCII),
}
_ADDRESSES = (
    ("acl", re.compile(r"^https?://(?:www\.)?aclanthology\.org/([\w.-]+?)(?:v\d+)?(?:\.pdf)?/?$")),
    ("acl", re.compile(r"^https?://(?:www\.)?aclweb\.org/anthology/([\w.-]+?)(?:\.pdf)?/?$")),
    ("openreview", re.compile(r"^https?://openreview\.net/(?:forum|pdf)\?id=([\w-]+)")),
    ("pmid", re.compile(r"^https?://pubmed\.ncbi\.nlm\.nih\.gov/(\d+)/?$")),
    ("pmid", re.compile(r"^https?://(?:www\.)?ncbi\.nlm\.nih\.gov/pubmed/(\d+)/?$")),
    ("openalex", re.compile(r"^https?://openalex\.org/(W\d+)$")),
)
_ACL_DOI = re.compile(r"^10\.(?:18653/v1|3115/v1)/(.+)$")


def identifier_of(scheme: str, value: str) -> str | None:
    """``value`` in the one writing of its ``scheme`` (one of `SCHEMES`), or None if it is none.

    ``arxiv`` is given without its version.
    """
    text = value.strip()
    if scheme in {"arxiv", GUESSED}:
        found = arxiv_id_of(text)
        return found[0] if found else None
    if scheme == "doi":
        return doi_of(text)
    match = _OTHERS[scheme].match(text)
    if not match:
        return None
    return match[1] if scheme == "openreview" else match[1].lower()


def identifiers_in(*texts: str | None) -> list[tuple[str, str]]:
    """``(scheme, identifier)`` of each address or DOI that names a paper by another scheme."""
    found: list[tuple[str, str]] = []
    for text in texts:
        if not text:
            continue
        if text.startswith("10."):
            match = _ACL_DOI.match(text)
            if match and (name := identifier_of("acl", match[1])):
                found.append(("acl", name))
        elif text.startswith("http"):
            for scheme, pattern in _ADDRESSES:
                match = pattern.match(text)
                if match and (name := identifier_of(scheme, match[1])):
                    found.append((scheme, name))
                    break
    return found


def is_preprint_doi(doi: str) -> bool:
    """Whether a DOI (lower case) is one of a preprint server."""
    return bool(_PREPRINT_DOI.match(doi))
