"""Opening a taxonomy: the built-in one, a person's own file, or arXiv's categories."""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import yaml

from curator.errors import InputError
from curator.prompting import builtin_prompts
from curator.taxonomy.faults import Fault, UnsoundTaxonomy
from curator.taxonomy.keywords import from_lines, from_sequence, from_table
from curator.taxonomy.model import Tag, Taxonomy, folded_name
from curator.taxonomy.nodes import composed, is_null
from curator.taxonomy.written import from_nodes

__all__ = ["ARXIV", "BUILTIN", "arxiv_taxonomy", "load_taxonomy", "read_taxonomy"]

ARXIV = "arxiv"
BUILTIN = "builtin"
LARGEST = 2_000_000  # bytes; the built-in taxonomy has 35,000

_REMEDY = "See docs/taxonomy.md for the forms that are read."
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def load_taxonomy(source: Path | str | None = None) -> Taxonomy:
    """A taxonomy: that of a file (our YAML, a list of keywords, CSV), ``arxiv`` for arXiv's
    categories, ``arxiv:cs.*,stat.ML`` for some of them; ``builtin`` or nothing for our own.

    Raises:
        InputError: the file cannot be read, or is not a sound taxonomy; all faults are named.
    """
    taxonomy, faults = read_taxonomy(source)
    if faults:
        raise UnsoundTaxonomy(str(source or BUILTIN), faults, _REMEDY)
    return taxonomy


def read_taxonomy(source: Path | str | None = None) -> tuple[Taxonomy, list[Fault]]:
    """As `load_taxonomy`, but gives what is wrong, by line, instead of raising it.

    Raises:
        InputError: it cannot be read at all.
    """
    name = str(source) if source is not None else ""
    if name.lower() == ARXIV or name.lower().startswith(f"{ARXIV}:"):
        return arxiv_taxonomy(name[len(ARXIV) + 1 :]), []
    own = source is None or name.lower() == BUILTIN
    file = builtin_prompts() / "taxonomy.yaml" if own else Path(name)
    text = _text(file)
    kind = file.suffix.lower()
    if kind in {".csv", ".tsv"}:
        return from_table(text, "\t" if kind == ".tsv" else None)
    if kind in {".txt", ".lst", ".list"}:
        return from_lines(text)
    document = composed(text, str(file))
    if isinstance(document, yaml.MappingNode):
        return from_nodes(document)
    if isinstance(document, yaml.SequenceNode):
        return from_sequence(document)
    if isinstance(document, yaml.ScalarNode) and not is_null(document) and not kind:
        return from_lines(text)
    raise InputError(f"The taxonomy {str(file)!r} has no list of tags.", remedy=_REMEDY)


def _text(file: Path) -> str:
    """What the file says.

    Raises:
        InputError: it cannot be read, is too large, is no text, or says nothing.
    """
    name = str(file)
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"The taxonomy {name!r} cannot be read: {reason}.") from error
    if len(data) > LARGEST:
        raise InputError(
            f"The taxonomy {name!r} has more than {LARGEST:,} bytes: it is none.", remedy=_REMEDY
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"The taxonomy {name!r} cannot be read: it is not UTF-8 text (line {line}).",
            remedy="Save it as UTF-8.",
        ) from error
    if bad := _FORBIDDEN.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise InputError(
            f"The taxonomy {name!r} cannot be read: it has the control character "
            f"{bad[0]!r} (line {line}), as files that are no text have.",
            remedy=_REMEDY,
        )
    if not text.strip():
        raise InputError(f"The taxonomy {name!r} is empty.", remedy=_REMEDY)
    return text.replace("\r\n", "\n").replace("\r", "\n")


# -------------------------------------------------------------------------- arXiv


@lru_cache(maxsize=1)
def _arxiv() -> Taxonomy:
    return load_taxonomy(builtin_prompts() / "arxiv.yaml")


def arxiv_taxonomy(patterns: str = "") -> Taxonomy:
    """arXiv's categories as tags, described in our own words; all, or those that one of the
    patterns names (``cs.*,stat.ML``, in any case; ``math`` is ``math`` and ``math.*``).

    Six categories have two names on arXiv (``math.NA`` and ``cs.NA``): they are one tag, called
    by the name that was asked for. The names of former archives (``cmp-lg``) are known, too.

    Raises:
        InputError: a pattern names no category.
    """
    whole = _arxiv()
    wanted = [part.strip().lower() for part in patterns.split(",") if part.strip()]
    if not wanted:
        return whole
    used: set[str] = set()

    def asked(name: str) -> bool:
        found = {
            p for p in wanted if fnmatchcase(name.lower(), p) or name.lower().startswith(f"{p}.")
        }
        used.update(found)
        return bool(found)

    tags: list[Tag] = []
    for tag in whole.tags:
        twins = [alias for alias in tag.aliases if _is_category(alias)]
        names = [name for name in (tag.name, *twins, *tag.was) if asked(name)]
        if not names:
            continue
        if tag.name in names or names[0] in tag.was:
            tags.append(tag)
        else:
            others = tuple(alias for alias in tag.aliases if alias != names[0])
            tags.append(replace(tag, name=names[0], aliases=(tag.name, *others)))
    if unknown := [pattern for pattern in wanted if pattern not in used]:
        import difflib

        known = [tag.name for tag in whole.tags]
        by_folded = {folded_name(name): name for name in known}
        near = [by_folded[n] for n in difflib.get_close_matches(unknown[0], by_folded, 3)]
        raise InputError(
            f"arXiv has no category {unknown[0]!r}.",
            remedy=(f"Is one of these meant: {', '.join(near)}? " if near else "")
            + "`curator taxonomy show arxiv` lists all.",
        )
    return Taxonomy.of(whole.facets, tags)


def _is_category(name: str) -> bool:
    """Whether an alias is the other name of a category, like ``cs.NA`` or ``math.MP``."""
    return re.fullmatch(r"[a-z-]+\.[A-Za-z-]+", name) is not None
