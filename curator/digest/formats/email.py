"""A digest as a letter: plain text, and HTML with its styles inside the elements."""

from __future__ import annotations

import hashlib
import json
import re
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from curator.digest.document import DigestDocument
from curator.digest.formats.plaintext import to_text
from curator.digest.formats.templating import render
from curator.digest.formats.view import DigestView, view_of
from curator.digest.formats.words import cut
from curator.errors import UsageError

__all__ = ["email_bytes", "message_id", "to_email"]

# Python folds a long word of a header into one that mail programs cannot read back, so that
# addresses of links get all the room that RFC 5322 allows.
_POLICY = SMTP.clone(max_line_length=998)
_LINK = re.compile(r"(?:https?://|mailto:)[!#-;=?-Z_a-z~%\[\]]+", re.IGNORECASE)
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_LONG_SUBJECT = 150


def to_email(
    document: DigestDocument,
    *,
    sender: str,
    recipient: str,
    unsubscribe: str = "",
    templates: Path | None = None,
) -> EmailMessage:
    """The letter, without Date and Message-ID (see `message_id`), which belong to the sending.

    ``unsubscribe`` is an https, http or mailto link, or several with a space between them
    (RFC 2369); one press is promised (RFC 8058) where one is https. ``templates`` is a folder
    with ``email.html.j2`` or ``email.css`` in place of ours.

    Raises:
        UsageError: an address or a link cannot be used, or a template has a mistake.
    """
    message = _letter(document, unsubscribe, templates)
    message["From"] = _address(sender, "sender")
    message["To"] = _address(recipient, "recipient")
    return message


def email_bytes(
    document: DigestDocument,
    *,
    sender: str = "",
    recipient: str = "",
    unsubscribe: str = "",
    templates: Path | None = None,
) -> bytes:
    """The letter as a ``.eml`` file: mail programs open it as a draft (``X-Unsent``).

    Raises:
        UsageError: as `to_email`.
    """
    message = _letter(document, unsubscribe, templates)
    if sender:
        message["From"] = _address(sender, "sender")
    if recipient:
        message["To"] = _address(recipient, "recipient")
    message["X-Unsent"] = "1"
    return message.as_bytes()


def message_id(document: DigestDocument, domain: str) -> str:
    """A Message-ID that follows from reader, name and content: sent twice, it is one letter.

    Raises:
        UsageError: ``domain`` is no domain name.
    """
    if not _DOMAIN.fullmatch(domain):
        raise UsageError(
            f"{domain!r} is no domain for a Message-ID.", remedy="Give one such as example.org."
        )
    whose = "-".join(
        re.sub(r"[^A-Za-z0-9]+", "-", document[key])[:40].strip("-") or "x"
        for key in ("reader", "name")
    )
    return f"<digest.{whose}.{_hash(document)[:24]}@{domain.lower()}>"


def _letter(document: DigestDocument, unsubscribe: str, templates: Path | None) -> EmailMessage:
    links = _links(unsubscribe)
    digest = view_of(document)
    message = EmailMessage(policy=_POLICY)
    message["Subject"] = _subject(digest)
    message["Auto-Submitted"] = "auto-generated"
    if links:
        message["List-Unsubscribe"] = ", ".join(f"<{link}>" for link in links)
        if any(link.lower().startswith("https:") for link in links):
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    first = links[0] if links else ""
    page = _inlined(render("email.html.j2", templates, digest=digest, unsubscribe=first))
    # Half characters cannot be sent.
    text, page = (
        part.encode("utf-8", "replace").decode("utf-8") for part in (to_text(digest, first), page)
    )
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    # "=_" cannot stand in quoted-printable text.
    message.set_boundary(f"=_digest_{_hash(document)[:32]}")
    return message


def _subject(digest: DigestView) -> str:
    whose = f" for {digest.reader}" if digest.reader else ""
    what = "no papers" if digest.empty else digest.counts
    return cut(f"Paper digest{whose}: {digest.title}, {what}", _LONG_SUBJECT)


def _inlined(page: str) -> str:
    import css_inline

    inliner = css_inline.CSSInliner(
        keep_at_rules=True,  # what is for dark screens cannot be put into elements
        load_remote_stylesheets=False,
    )
    return str(inliner.inline(page))


def _hash(document: DigestDocument) -> str:
    said = json.dumps(document, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(said.encode("ascii")).hexdigest()


def _address(text: str, what: str) -> str:
    remedy = "Give one address, such as ada@example.org or Ada Lovelace <ada@example.org>."
    wrong = UsageError(f"The {what} {cut(text, 80)!r} is no e-mail address.", remedy=remedy)
    if not text.isprintable() or not text.strip():
        raise wrong
    try:
        header: Any = _POLICY.header_factory("To", text)
    except (ValueError, IndexError, HeaderParseError):  # the parser of addresses has all three
        raise wrong from None
    if header.defects or len(header.addresses) != 1:
        raise wrong
    one = header.addresses[0]
    if not one.username or not one.domain or re.search(r"[\s<>,]", one.addr_spec):
        raise wrong
    return text.strip()


def _links(text: str) -> list[str]:
    links = text.split(" ") if text else []
    for link in links:
        if not _LINK.fullmatch(link):
            raise UsageError(
                f"{cut(link, 80)!r} is no link to unsubscribe with.",
                remedy="Give an address that begins with https://, http:// or mailto:.",
            )
    return links
