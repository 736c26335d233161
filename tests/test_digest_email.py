"""A digest as a letter: its parts, its headers, what cannot be smuggled into it."""

from __future__ import annotations

import email
import email.policy
import json
import re
from email.message import EmailMessage
from pathlib import Path

import pytest
from digests import citing, empty_digest, example
from test_digest_html import hostile, parsed

from curator.digest.document import DigestDocument
from curator.digest.formats import email_bytes, message_id, to_email
from curator.errors import UsageError


def letter(document: DigestDocument, unsubscribe: str = "") -> EmailMessage:
    """As it arrives: written out and read again."""
    sent = to_email(
        document, sender="Päper <a@example.org>", recipient="j@example.org", unsubscribe=unsubscribe
    ).as_bytes()
    got = email.message_from_bytes(sent, policy=email.policy.default)
    assert isinstance(got, EmailMessage)
    assert not got.defects
    return got


def bodies(message: EmailMessage) -> tuple[str, str]:
    plain, page = message.iter_parts()
    assert (plain.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    return plain.get_content(), page.get_content()


def test_it_has_two_parts_that_say_the_same() -> None:
    message = letter(example())
    assert message.get_content_type() == "multipart/alternative"
    plain, page = bodies(message)
    for said in ("checked .93", "quoted", "counted", "editor, not supported", "Lichen Clocks"):
        assert said in plain and said in page
    stored = "“In 97% of storms a boat with a keel of 3.5 m stayed upright.”"
    assert stored in " ".join(plain.split())
    assert "In 97% of storms a boat with a keel of 3.5 m stayed upright." in page
    assert message["From"] == "Päper <a@example.org>"
    assert message["Subject"] == "Paper digest: Week 47 of 2026, 3 papers chosen from 9"
    assert message["Date"] is None and message["Message-ID"] is None
    assert all(len(line) <= 72 or " " not in line.strip() for line in plain.splitlines())


def test_styles_stand_in_the_elements_and_nothing_is_fetched() -> None:
    elements = parsed(bodies(letter(example()))[1])
    styled = [tag for tag, attributes in elements if attributes.get("style")]
    assert {"h1", "h2", "h3", "p", "small"} <= set(styled)
    assert not [1 for tag, a in elements if tag in ("img", "link", "script") or "src" in a]


def test_hostile_text_stays_text_and_adds_no_header() -> None:
    message = letter(hostile())
    plain, page = bodies(message)
    tags = {tag for tag, _ in parsed(page)}
    assert {"script", "img", "iframe"}.isdisjoint(tags)
    for _, attributes in parsed(page):
        assert not [name for name in attributes if name.startswith("on")]
        assert re.match("https?://|mailto:", attributes.get("href", "https://"))
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202e]", plain)
    assert len(message["Subject"]) <= 150
    evil = "x\r\nBcc: victim@example.org"
    message = letter(empty_digest(reader=evil, name=evil, since=evil, until=evil))
    assert message["Bcc"] is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "nobody",
        "a@",
        "@b.org",
        "a@b.org, c@d.org",
        "a@b.org\r\nBcc: c@d.org",
        "<>",
        "(",
        "a b@c",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    for sender, recipient in ((address, "a@b.org"), ("a@b.org", address)):
        with pytest.raises(UsageError) as error:
            to_email(example(), sender=sender, recipient=recipient)
        assert error.value.remedy


def test_list_unsubscribe() -> None:
    assert letter(example())["List-Unsubscribe"] is None
    long = "https://example.org/u?" + "t" * 200
    message = letter(example(), f"{long} mailto:u@example.org")
    assert message["List-Unsubscribe"] == f"<{long}>, <mailto:u@example.org>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    plain, page = bodies(message)
    assert long in plain and f'href="{long}"' in page
    for link in ("mailto:u@example.org", "http://example.org/u"):
        assert letter(example(), link)["List-Unsubscribe-Post"] is None
    for link in ("javascript:x", "https://x>,<mailto:y", "https://x\r\nBcc: y", "x", "https://é"):
        with pytest.raises(UsageError):
            letter(example(), link)


def test_same_digest_same_bytes_and_the_id_follows_the_content() -> None:
    same = json.loads(json.dumps(example()))
    assert email_bytes(example(), sender="a@b.org") == email_bytes(same, sender="a@b.org")
    first = message_id(example(), "Example.org")
    assert first == message_id(same, "example.org")
    assert re.fullmatch(r"<digest\.me-2026-W47\.[0-9a-f]{24}@example\.org>", first)
    edited = example()
    edited["notes"].append(citing("One more.", "human"))
    assert message_id(edited, "example.org") != first
    evil = message_id(empty_digest(reader="a>\r\nBcc: b"), "example.org")
    assert re.fullmatch(r"<[A-Za-z0-9.@-]+>", evil)
    for domain in ("", "a b", "x>y", "-"):
        with pytest.raises(UsageError):
            message_id(example(), domain)


def test_the_file_is_a_draft_with_short_lines() -> None:
    written = email_bytes(hostile())
    assert b"X-Unsent: 1" in written
    assert max(len(line) for line in written.split(b"\r\n")) <= 998
    assert written.isascii()


def test_an_own_template_of_the_letter(tmp_path: Path) -> None:
    (tmp_path / "email.html.j2").write_text("<p>{{ digest.model }}</p>", "utf-8")
    message = to_email(
        empty_digest(model="<b>"), sender="a@b.org", recipient="c@d.org", templates=tmp_path
    )
    assert "<p>&lt;b&gt;</p>" in bodies(message)[1]
