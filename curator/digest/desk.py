"""A stored digest with its edits, as an editor has it before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from curator.digest.document import ME, DigestDocument, DigestPaper, every_paper
from curator.digest.edits import NOTABLE, Edits, apply_edits
from curator.digest.human import HumanCheck
from curator.errors import NotFoundError
from curator.readers import is_name
from curator.text import clean

if TYPE_CHECKING:
    from curator.catalog import Catalog
    from curator.grounding import Grounder

__all__ = ["DigestDesk", "desk_of", "stored_digest"]

NOTABLE_TITLE = "Also notable"


class DigestDesk:
    """A stored digest with its edits (``graphs.digest_review.Desk``)."""

    def __init__(self, catalog: Catalog, grounder: Grounder, document: DigestDocument) -> None:
        self._catalog = catalog
        self.document = document
        papers = catalog.papers
        self._check = HumanCheck(lambda i: papers.get([i]).get(i), grounder).check

    @property
    def thread(self) -> str:
        return f"digest {self.document['reader']} {self.document['name']}"

    def edits(self) -> Edits | None:
        kept = self._catalog.digests.edits(self.document["name"], self.document["reader"])
        return cast("Edits | None", kept or None)

    def save(self, edits: Edits) -> None:
        self._catalog.digests.save_edits(
            self.document["name"], cast(dict[str, Any], edits), self.document["reader"]
        )

    def replace(self, before: Edits | None, edits: Edits) -> bool:
        """Stores edits in the place of those that were read; not if others are stored now."""
        return self._catalog.digests.save_edits(
            self.document["name"],
            cast(dict[str, Any], edits),
            self.document["reader"],
            before=cast("dict[str, Any] | None", before),
        )

    def papers(self) -> list[str]:
        return [paper["paper_id"] for paper in every_paper(self.edited())]

    def edited(self) -> DigestDocument:
        """The digest with all edits done, as near as can be told before it is made anew."""
        edits = self.edits()
        made = apply_edits(self.document, edits, self._check)
        for paper in every_paper(made):  # an earlier pin may have been taken back
            paper["pinned"] = bool(edits and edits["pinned"].get(paper["paper_id"]))
        return made

    def lists(self) -> dict[str, tuple[str, list[DigestPaper]]]:
        """Title and papers of each section by its tag, the notable papers last."""
        made = self.edited()
        found = {s["tag"]: (s["title"], s["papers"]) for s in made["sections"]}
        return {**found, NOTABLE: (NOTABLE_TITLE, made["notable"])}

    def abstract(self, paper_id: str) -> str:
        found = self._catalog.papers.get([paper_id]).get(paper_id)
        return found.abstract if found else "(not in the library any more)"


def stored_digest(catalog: Catalog, reader: str, name: str) -> DigestDocument:
    """A stored digest; it may be one of an earlier release (its ``version`` is not 2).

    Raises:
        NotFoundError: there is no such reader or digest.
    """
    if not is_name(reader):
        raise NotFoundError(
            f"There is no reader {clean(reader)[:60]!r}.", remedy="See the list of digests."
        )
    document = catalog.digests.get(name, reader)
    if document is None:
        if not catalog.digests.names(reader):
            catalog.readers.require(reader)
        whose = "" if reader == ME else f" of the reader {reader!r}"
        raise NotFoundError(
            f"There is no digest {clean(name)[:60]!r}{whose}.", remedy="See the list of digests."
        )
    return document


def desk_of(catalog: Catalog, grounder: Grounder, reader: str, name: str) -> DigestDesk:
    """A stored digest with its edits.

    Raises:
        NotFoundError: there is no such digest, or an earlier release made it.
    """
    document = stored_digest(catalog, reader, name)
    if document.get("version") != 2:
        raise NotFoundError(
            f"The digest {clean(name)[:60]!r} was made by an earlier release: it has no such form.",
            remedy="Make it again.",
        )
    return DigestDesk(catalog, grounder, document)
