"""A digest as JSON: the document itself."""

from __future__ import annotations

import json

from curator.digest.document import DigestDocument

__all__ = ["to_json"]


def to_json(document: DigestDocument) -> str:
    """The document, indented, in UTF-8 characters; ends with one line end."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    # Half a character, which UTF-8 cannot say, is written as JSON's own escape.
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"
