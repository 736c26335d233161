"""People as BibTeX writes them: ``von Last, Jr, First``, and braces around what is one name."""

from __future__ import annotations

import re

from curator.sources.bibtex_values import unbraced
from curator.sources.names import names_of
from curator.text import squeeze

__all__ = ["people"]

MAX_LENGTH = 500_000  # characters; the largest collaborations have some 5,000 authors
_OTHERS = {"and", "others", "et al.", "et al", "et. al."}
_EXTENDED = re.compile(r"\s*(given|family|prefix|suffix)(?:-i|-use)?\s*=")


def people(field: str) -> list[str]:
    """The names of an author field as "Given Family".

    What is one name follows BibTeX's rules, by ``bibtexparser``. Lists that are none of
    BibTeX's, by semicolons or with a comma after each name, are read by `names_of`.
    """
    from bibtexparser.middlewares.names import split_multiple_persons_names

    text = squeeze(field)[:MAX_LENGTH]
    if not _balanced(text):
        text = text.replace("{", "").replace("}", "")
    names = split_multiple_persons_names(text)
    if len(names) == 1 and "{" not in text and not _EXTENDED.match(text):
        pieces = [piece.split() for piece in text.split(",")]
        # "A B, C D, E F" is a list; a family name, "Jr" and a given name are not.
        if ";" in text or (len(pieces) > 2 and all(len(piece) > 1 for piece in pieces)):
            return names_of(text) or []
    found = (_given_family(name) for name in names if name.strip().lower() not in _OTHERS)
    return [name for name in found if name]


def _given_family(name: str) -> str:
    from bibtexparser.middlewares.names import parse_single_name_into_parts

    if _EXTENDED.match(name):  # biblatex: given=Hans, family=Harman
        return _extended(name)
    parts = parse_single_name_into_parts(name, strict=False)
    words = [*parts.first, *parts.von, *parts.last, *parts.jr]
    return squeeze(unbraced(" ".join(words)).replace("\\,", " ")).strip(" ,")


def _extended(name: str) -> str:
    parts: dict[str, str] = {}
    for piece in name.split(","):
        label, equal, value = piece.partition("=")
        if equal:
            parts.setdefault(label.strip(), squeeze(unbraced(value)).strip('"'))
    order = ("given", "prefix", "family", "suffix")
    return " ".join(parts[label] for label in order if parts.get(label))


def _balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\.|[{}]", text):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if depth < 0:
            return False
    return depth == 0
