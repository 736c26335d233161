"""A digest's document in the forms that people read: a page, a letter, a feed, JSON.

Each form is made of the document and nothing else, so the same document gives the same bytes.
"""

from __future__ import annotations

from curator.digest.formats.atom import to_atom
from curator.digest.formats.chart import chart_of
from curator.digest.formats.data import to_json
from curator.digest.formats.email import email_bytes, message_id, to_email
from curator.digest.formats.html import to_html

__all__ = ["chart_of", "email_bytes", "message_id", "to_atom", "to_email", "to_html", "to_json"]
