"""Sending digests to a real mail server on this machine: once, safely, and to each reader."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from digests import digest_of, empty_digest, example
from loopback_smtp import PASSWORD, MailRoom, mail_room, wait_for
from pydantic import SecretStr

from curator.catalog import Catalog
from curator.catalog.deliveries import Deliveries
from curator.delivery.sending import Delivered, SendReport, is_empty, send, send_all
from curator.delivery.smtp import DeliveryError, Mailer, MailSettings, PerhapsSent
from curator.digest.document import DigestDocument
from curator.errors import CuratorError, MissingError, ServerUnavailable, UsageError
from curator.readers import Profile

ADA = Profile(name="ada", address="ada@example.org")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def digest(reader: str = "ada", **changes: Any) -> DigestDocument:
    return {**example(), "reader": reader, **changes}  # type: ignore[typeddict-item]


def compose(document: DigestDocument, profile: Profile) -> EmailMessage:
    letter = EmailMessage(policy.SMTP)
    letter["From"] = "Digest <digest@example.org>"
    letter["To"] = profile.address
    letter["Subject"] = f"Digest {document['name']}: owls and “boats”"
    letter["Message-ID"] = f"<{profile.name}.{document['name']}@example.org>"
    letter.set_content(f"{len(document['sections'])} sections for {profile.name}.\n")
    return letter


@pytest.fixture
def deliveries(catalog: Catalog) -> Deliveries:
    return Deliveries(catalog.store)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[MailRoom]:
    with mail_room(tmp_path) as running:
        yield running


def mailer(room: MailRoom, **options: Any) -> Mailer:
    return Mailer(room.settings(), timeout=5, **options)


def sent_to(room: MailRoom) -> list[str]:
    return [name for letter in room.letters for name in letter.recipients]


def go(room: MailRoom, deliveries: Deliveries, profile: Profile = ADA, **options: Any) -> Delivered:
    document = options.pop("document", digest(profile.name))
    message = options.pop("message", None) or compose(document, profile)
    patience = options.pop("patience", 5)
    return send(document, profile, message, deliveries, mailer(room, patience=patience), **options)


# ---------------------------------------------------------------------- once, and only once


def test_sent_once(room: MailRoom, deliveries: Deliveries) -> None:
    message = compose(digest(), ADA)
    first = go(room, deliveries, message=message, clock=lambda: NOON)
    assert first == Delivered("sent", reader="ada", name="2026-W47", address="ada@example.org")
    again = go(room, deliveries)
    assert again.state == "already" and "ada@example.org" in again.reason
    (letter,) = room.letters
    assert letter.recipients == ("ada@example.org",) and letter.sender == "digest@example.org"
    assert letter.message["Date"].datetime == NOON
    assert letter.message["Subject"] == "Digest 2026-W47: owls and “boats”"
    assert letter.message.get_content() == "2 sections for ada.\r\n"
    assert "Date" not in message, "the stored form stays as it is"
    (row,) = deliveries.all()
    assert (row.state, row.message_id) == ("sent", "<ada.2026-W47@example.org>")


def test_what_was_sent_is_not_sent_for_another_text_or_address(
    room: MailRoom, deliveries: Deliveries
) -> None:
    go(room, deliveries)
    moved = Profile(name="ada", address="ada@elsewhere.example")
    assert go(room, deliveries, moved, document=digest(lead=[])).state == "already"
    assert go(room, deliveries, document=digest(), again=True, empty=True).state == "already"
    assert sent_to(room) == ["ada@example.org"]
    assert go(room, deliveries, document=digest(name="2026-W48")).state == "sent"


def test_a_claim_that_is_left_is_perhaps_sent(room: MailRoom, deliveries: Deliveries) -> None:
    assert deliveries.begin("ada", "2026-W47", "ada@example.org", "<m>")
    assert not deliveries.begin("ada", "2026-W47", "ada@example.org", "<m>")
    result = go(room, deliveries)
    assert result.state == "perhaps" and "--again" in result.remedy
    assert not room.seen, "the server is not even asked"
    assert go(room, deliveries, again=True).state == "sent"
    assert go(room, deliveries, again=True).state == "already"
    assert len(room.letters) == 1


def test_a_person_says_what_became_of_it(deliveries: Deliveries) -> None:
    deliveries.begin("ada", "w", "a@b.example", "<m>")
    row = deliveries.of("w")["ada"]
    assert deliveries.resolve(row, arrived=True)
    assert not deliveries.resolve(row, arrived=False), "it is no open question any more"
    assert deliveries.of("w")["ada"].state == "sent"
    deliveries.begin("bo", "w", "b@b.example", "<n>")
    assert deliveries.resolve(deliveries.of("w")["bo"], arrived=False)
    assert deliveries.begin("bo", "w", "b@b.example", "<n>")


def test_failures_take_nothing_from_another_process(deliveries: Deliveries) -> None:
    """One that failed before it claimed must not free what another has claimed, or sent."""
    deliveries.begin("ada", "w", "a@b.example", "<m>")
    deliveries.failed("ada", "w", "no server")
    assert deliveries.of("w")["ada"].state == "sending"
    deliveries.sent("ada", "w")
    deliveries.failed("ada", "w", "no server")
    deliveries.failed("ada", "w", "refused", claimed=True)
    assert deliveries.of("w")["ada"].state == "sent"


def test_two_at_once_send_one(room: MailRoom, tmp_path: Path, catalog: Catalog) -> None:
    """Both have handed over all but the end when one claims it."""
    barrier = threading.Barrier(2)
    results: list[Delivered] = []

    class Together(Deliveries):
        def begin(self, *args: str) -> bool:
            barrier.wait(30)
            return super().begin(*args)

    def run() -> None:
        opened = Catalog(tmp_path / "catalog.sqlite3")
        results.append(go(room, Together(opened.store)))
        opened.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.state for one in results} in ({"sent", "already"}, {"sent", "perhaps"})
    assert sent_to(room) == ["ada@example.org"]


# ---------------------------------------------------------------------------- what fails


@pytest.mark.parametrize(
    ("step", "said", "state", "word"),
    [
        ("EHLO", None, "failed", "ended the connection"),
        ("MAIL", "550 not yours", "failed", "not yours"),
        ("MAIL", None, "failed", "before the message was complete"),
        ("RCPT", "550 5.1.1 no such user", "failed", "no such user"),
        ("RCPT", "450 4.2.0 greylisted", "failed", "greylisted"),
        ("DATA", "554 5.7.1 spam", "failed", "spam"),
        ("DATA", "451 4.3.0 try later", "failed", "try later"),
        ("DATA", None, "perhaps", "perhaps sent"),
        ("DATA", "199 what", "perhaps", "what"),
    ],
)
def test_each_failure_is_told_for_what_it_is(
    room: MailRoom, deliveries: Deliveries, step: str, said: str | None, state: str, word: str
) -> None:
    room.answers[step] = said
    report = send_all([(digest(), ADA)], compose, deliveries, mailer(room))
    (result,) = report.results
    assert result.state == state and word in result.reason and result.remedy
    assert report.exit_code == 1
    row = deliveries.of("2026-W47")["ada"]
    assert row.state == ("sending" if state == "perhaps" else "failed")
    room.answers.clear()
    before = len(room.letters)
    then = go(room, deliveries)
    if state == "perhaps":
        assert then.state == "perhaps" and len(room.letters) == before
    else:
        assert then.state == "sent" and sent_to(room) == ["ada@example.org"]


def test_a_server_that_thinks_too_long_perhaps_sent_it(
    room: MailRoom, deliveries: Deliveries
) -> None:
    room.slow = 2
    assert go(room, deliveries, patience=0.3).state == "perhaps"
    assert go(room, deliveries, patience=0.3).state == "perhaps"
    assert len(room.letters) == 1


def test_temporary_and_permanent(room: MailRoom) -> None:
    for said, permanent in (("450 later", False), ("550 never", True)):
        room.answers["RCPT"] = said
        with pytest.raises(DeliveryError) as caught:
            mailer(room).deliver(
                compose(digest(), ADA), "ada@example.org", claim=lambda: True, taken=lambda: None
            )
        assert (caught.value.permanent, caught.value.retryable) == (permanent, not permanent)
        assert caught.value.exit_code == 1 and not isinstance(caught.value, PerhapsSent)


def test_no_server_there(deliveries: Deliveries) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = Mailer(MailSettings(f"smtp://127.0.0.1:{port}", sender="a@b.example"))
    with pytest.raises(ServerUnavailable, match="cannot be reached") as caught:
        send(digest(), ADA, compose(digest(), ADA), deliveries, nobody)
    assert caught.value.exit_code == 3 and caught.value.remedy
    assert deliveries.of("2026-W47")["ada"].state == "failed"


@pytest.mark.parametrize("greeting", [b"", b"554 go away\r\n", b"not smtp\r\n", b"2" * 20_000])
def test_what_is_no_mail_server(deliveries: Deliveries, greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(greeting)
                time.sleep(0.5)

        thread = threading.Thread(target=serve)
        thread.start()
        strange = Mailer(
            MailSettings(f"smtp://127.0.0.1:{port}", sender="a@b.example"), timeout=0.3
        )
        with pytest.raises(ServerUnavailable) as caught:
            send(digest(), ADA, compose(digest(), ADA), deliveries, strange)
        thread.join()
    assert len(str(caught.value)) < 600


# ------------------------------------------------------------------------- several readers


def test_one_refused_stops_no_other(room: MailRoom, deliveries: Deliveries) -> None:
    readers = [Profile(name=n, address=f"{n}@example.org") for n in ("me", "ada", "cy", "bo")]
    room.answers["RCPT bo@example.org"] = "550 no such user"
    readers.append(Profile(name="no-address"))
    empty = {**empty_digest(), "reader": "zoe"}
    jobs: Any = [(digest(one.name), one) for one in readers]
    jobs.append((empty, Profile(name="zoe", address="zoe@example.org")))
    told: list[str] = []
    report = send_all(
        jobs, compose, deliveries, mailer(room), on_result=lambda one: told.append(one.reader)
    )
    states = {one.reader: one.state for one in report.results}
    assert states == {
        "ada": "sent",
        "bo": "failed",
        "cy": "sent",
        "me": "sent",
        "no-address": "failed",
        "zoe": "empty",
    }
    assert told == sorted(states), "in the order of their names"
    assert report.exit_code == 1
    assert sent_to(room) == ["ada@example.org", "cy@example.org", "me@example.org"]
    assert report.counts == {"sent": 3, "already": 0, "empty": 1, "failed": 2, "perhaps": 0}
    assert "curator profile set" in report.results[4].remedy
    room.answers.clear()
    second = send_all(jobs, compose, deliveries, mailer(room))
    assert second.counts == {"sent": 1, "already": 3, "empty": 1, "failed": 1, "perhaps": 0}
    assert sum(second.counts.values()) == len(jobs)


def test_a_letter_that_cannot_be_composed(room: MailRoom, deliveries: Deliveries) -> None:
    def broken(document: DigestDocument, profile: Profile) -> EmailMessage:
        if profile.name == "ada":
            raise UsageError("email.j2 line 3: no such thing", remedy="Mend it.")
        return compose(document, profile)

    jobs = [(digest("bo"), Profile(name="bo", address="bo@example.org")), (digest(), ADA)]
    report = send_all(jobs, broken, deliveries, mailer(room))
    assert [one.state for one in report.results] == ["failed", "sent"]
    assert "line 3" in deliveries.of("2026-W47")["ada"].reason


def test_a_dead_server_is_not_asked_for_everybody(deliveries: Deliveries) -> None:
    calls: list[str] = []

    class Dead:
        def deliver(self, message: EmailMessage, recipient: str, **_: Any) -> bool:
            calls.append(recipient)
            raise ServerUnavailable("No answer.", remedy="Wait.")

    readers = [Profile(name=f"r{n}", address=f"r{n}@example.org") for n in range(30)]
    report = send_all([(digest(one.name), one) for one in readers], compose, deliveries, Dead())
    assert report.counts["failed"] == 30 and calls == ["r0@example.org", "r1@example.org"]
    assert "Not tried" in report.results[2].reason
    assert {row.state for row in deliveries.all()} == {"failed"}


def test_nobody(deliveries: Deliveries, room: MailRoom) -> None:
    report = send_all([], compose, deliveries, mailer(room))
    assert report == SendReport([]) and report.exit_code == 0 and sum(report.counts.values()) == 0


def test_an_empty_week(room: MailRoom, deliveries: Deliveries) -> None:
    nothing: DigestDocument = {**empty_digest(), "reader": "ada"}
    assert is_empty(nothing) and not is_empty(example())
    assert not is_empty(digest_of([], example()["notable"]))
    assert go(room, deliveries, document=nothing).state == "empty"
    assert not room.seen and not deliveries.all()
    assert go(room, deliveries, document=nothing, empty=True).state == "sent"
    assert go(room, deliveries, document=nothing, empty=True).state == "already"


def test_a_digest_is_for_its_reader(room: MailRoom, deliveries: Deliveries) -> None:
    with pytest.raises(ValueError, match="not for"):
        go(room, deliveries, document=digest("bo"))
    assert not room.seen


def test_without_a_message_id_one_is_made(room: MailRoom, deliveries: Deliveries) -> None:
    message = compose(digest(), ADA)
    del message["Message-ID"]
    go(room, deliveries, message=message)
    first = deliveries.all()[0].message_id
    assert first == room.letters[0].message["Message-ID"] and first.endswith("@example.org>")
    go(room, deliveries, message=message, document=digest(name="2026-W48"))
    assert deliveries.all()[1].message_id != first


# ------------------------------------------------------------------- the wire: TLS and login


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize(("tls", "scheme"), [("starttls", "smtp"), ("implicit", "smtps")])
def test_tls_and_login(
    tmp_path: Path, deliveries: Deliveries, tls: str, scheme: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with mail_room(tmp_path, tls=tls, login=True) as room:
        settings = room.settings(scheme, f"?ca={room.ca}", user="j%C3%A4ne%40example.org")
        result = send(digest(), ADA, compose(digest(), ADA), deliveries, Mailer(settings))
        assert result.state == "sent"
        assert room.letters[0].tls is (tls == "starttls") and room.letters[0].user
        wrong = MailSettings(settings.url, SecretStr("wröng secret"), settings.sender)
        with pytest.raises(ServerUnavailable, match="does not let") as caught:
            send(digest("bo"), Profile("bo", "b@b.example"), compose(digest(), ADA), deliveries,
                 Mailer(wrong))  # fmt: skip
        said = f"{caught.value} {settings!r} {wrong!r} {capfd.readouterr()} {deliveries.all()}"
        assert "secret" not in said and PASSWORD not in said
        assert "app password" in caught.value.remedy


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_login_step_by_step(tmp_path: Path, deliveries: Deliveries) -> None:
    """By AUTH LOGIN, where PLAIN is not offered."""
    with mail_room(tmp_path, login=True, auth_exclude_mechanism=["PLAIN"]) as room:
        result = send(
            digest(), ADA, compose(digest(), ADA), deliveries,
            Mailer(room.settings(user="j%C3%A4ne%40example.org")),
        )  # fmt: skip
        assert result.state == "sent" and room.letters[0].user


@pytest.mark.parametrize("host", ["a..b.example", "x" * 70 + ".example"])
def test_hosts_that_cannot_be(deliveries: Deliveries, host: str) -> None:
    nowhere = Mailer(MailSettings(f"smtp://{host}", sender="a@b.example"))
    with pytest.raises(ServerUnavailable, match="no such name"):
        send(digest(), ADA, compose(digest(), ADA), deliveries, nowhere)


@pytest.mark.parametrize(("tls", "scheme"), [("starttls", "smtp"), ("implicit", "smtps")])
@pytest.mark.parametrize("fault", ["unknown authority", "another name"])
def test_a_certificate_that_proves_nothing(
    tmp_path: Path, deliveries: Deliveries, tls: str, scheme: str, fault: str
) -> None:
    known = "other.example.org" if fault == "another name" else "localhost"
    with mail_room(tmp_path, tls=tls, known=known) as room:
        options = "?tls=starttls" if tls == "starttls" else ""
        if fault == "another name":
            options = f"?ca={room.ca}"
        with pytest.raises(ServerUnavailable, match="cannot prove who it is") as caught:
            send(digest(), ADA, compose(digest(), ADA), deliveries,
                 Mailer(room.settings(scheme, options)))  # fmt: skip
        assert "?ca=" in caught.value.remedy and not caught.value.retryable
        assert "MAIL" not in room.seen and not room.letters


def test_no_starttls_no_mail(room: MailRoom, deliveries: Deliveries) -> None:
    plain = Mailer(room.settings("smtp", "?tls=starttls"))
    with pytest.raises(ServerUnavailable, match="STARTTLS"):
        send(digest(), ADA, compose(digest(), ADA), deliveries, plain)
    assert "MAIL" not in room.seen


def test_the_wrong_kind_of_tls(room: MailRoom, deliveries: Deliveries) -> None:
    with pytest.raises(ServerUnavailable) as caught:
        send(digest(), ADA, compose(digest(), ADA), deliveries,
             Mailer(room.settings("smtps"), timeout=2))  # fmt: skip
    assert caught.value.remedy and not room.letters


def test_login_where_none_is_offered(tmp_path: Path, deliveries: Deliveries) -> None:
    with mail_room(tmp_path, auth_require_tls=True) as room:
        asks = Mailer(room.settings(user="ada"))
        with pytest.raises(ServerUnavailable, match="offers no login"):
            send(digest(), ADA, compose(digest(), ADA), deliveries, asks)


@pytest.mark.parametrize(
    ("settings", "kind", "word"),
    [
        (MailSettings(""), MissingError, "CURATOR_SMTP_URL"),
        (MailSettings("smtp://mail.example.org"), MissingError, "CURATOR_MAIL_FROM"),
        (MailSettings("smtp://ada@m.example", None, "a@b.example"), MissingError, "PASSWORD"),
        (MailSettings("http://m.example", sender="a@b.example"), UsageError, "smtps://"),
        (MailSettings("m.example:587", sender="a@b.example"), UsageError, "smtps://"),
        (MailSettings("smtp://", sender="a@b.example"), UsageError, "smtps://"),
        (MailSettings("smtp://m.example:99999", sender="a@b.example"), UsageError, "smtps://"),
        (MailSettings("smtp://[::1", sender="a@b.example"), UsageError, "smtps://"),
        (MailSettings("smtp://m.example/inbox", sender="a@b.example"), UsageError, "smtps://"),
        (MailSettings("smtp://m%0aRCPT.example", sender="a@b.example"), UsageError, ""),
        (MailSettings("smtp://a%0d%0aRCPT@m.example", sender="a@b.example"), UsageError, ""),
        (MailSettings("smtp://m.example?tsl=none", sender="a@b.example"), UsageError, "tsl"),
        (MailSettings("smtp://m.example?tls=maybe", sender="a@b.example"), UsageError, "maybe"),
        (MailSettings("smtps://m.example?tls=none", sender="a@b.example"), UsageError, "none"),
        (MailSettings("smtp://m.example?ca=/no/such", sender="a@b.example"), MissingError, "/no/"),
        (MailSettings("smtp://u:hunter2@m.example", sender="a@b.example"), UsageError, "%40"),
        (
            MailSettings("smtp://u@m.example?tls=none", SecretStr("hunter2"), "a@b.example"),
            UsageError,
            "everybody",
        ),
        (MailSettings("smtp://m.example", sender="nobody"), UsageError, "MAIL_FROM"),
        (MailSettings("smtp://m.example", sender="a@b.example, c@d.example"), UsageError, "one"),
        (MailSettings("smtp://m.example", sender="a@b.example\nBcc: x@y.example"), UsageError, ""),
        (
            MailSettings("smtp://m.example", sender="a@b.example", unsubscribe="javascript:x"),
            UsageError,
            "mailto:",
        ),
        (
            MailSettings("smtp://m.example", sender="a@b.example", unsubscribe="https://x\r\nBcc:"),
            UsageError,
            "mailto:",
        ),
    ],
)
def test_settings_that_cannot_be_used(
    settings: MailSettings, kind: type[CuratorError], word: str
) -> None:
    with pytest.raises(kind) as caught:
        Mailer(settings)
    assert word in str(caught.value) and caught.value.remedy
    assert "hunter2" not in str(caught.value) and "hunter2" not in repr(caught.value.__context__)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("smtp://mail.example.org", "mail.example.org", 587, "starttls"),
        ("smtps://mail.example.org", "mail.example.org", 465, "implicit"),
        ("smtp://mail.example.org:25?tls=none", "mail.example.org", 25, "none"),
        ("smtp://localhost:1025", "localhost", 1025, "none"),
        ("smtp://127.0.0.1:1025?tls=starttls", "127.0.0.1", 1025, "starttls"),
        ("smtp://[::1]:25", "::1", 25, "none"),
    ],
)
def test_servers(url: str, host: str, port: int, tls: str) -> None:
    server = Mailer(MailSettings(url, sender="a@b.example")).server
    assert (server.host, server.port, server.tls) == (host, port, tls)


# ----------------------------------------------------------------- the wire: what is in a letter


def test_hostile_text_ends_nothing_early(room: MailRoom, deliveries: Deliveries) -> None:
    message = EmailMessage(policy.SMTP)
    message["From"], message["To"] = "digest@example.org", "ada@example.org"
    message["Message-ID"] = "<m@example.org>"
    text = (
        "one\n.\nMAIL FROM:<eve@example.org>\n..two\n.three\r.\rfour\n.\r\n"
        + ("ü" * 400 + "\n") * 9
    )
    message.set_content(text, cte="8bit")
    assert go(room, deliveries, message=message) == Delivered(
        "sent", reader="ada", name="2026-W47", address="ada@example.org"
    )
    (letter,) = room.letters
    assert "BODY=8BITMIME" in letter.options
    got = letter.content.partition(b"\r\n\r\n")[2].decode()
    # aiosmtpd takes the stuffed dots away again
    assert got.splitlines() == text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split(
        "\n"
    )
    assert room.seen.count("MAIL") == 1


def test_addresses_beyond_ascii(tmp_path: Path, deliveries: Deliveries) -> None:
    local = Profile(name="ada", address="dörte@bücher.example")
    domain = Profile(name="bo", address="bo@bücher.example")
    with mail_room(tmp_path) as room:
        assert go(room, deliveries, local).state == "sent"
        assert "SMTPUTF8" in room.letters[0].options
        assert sent_to(room) == ["dörte@bücher.example"]
        assert go(room, deliveries, domain).state == "sent"
        assert sent_to(room)[1] == "bo@xn--bcher-kva.example"
        assert "SMTPUTF8" not in room.letters[1].options
    with mail_room(tmp_path, enable_SMTPUTF8=False) as old:
        result = go(old, deliveries, local, document=digest(name="2026-W48"))
        assert result.state == "failed" and "SMTPUTF8" in result.reason and not old.letters


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.org\r\nRCPT TO:<eve@example.org>",
        "ada@example.org, eve@example.org",
        "<ada@example.org> <eve@example.org>",
        "ada@exa mple.org",
        "@example.org",
        "ada",
        "a" * 300 + "@example.org",
        "ada@\u2028example.org",
        "ada@.example..org",
    ],
)
def test_addresses_that_are_none(room: MailRoom, deliveries: Deliveries, address: str) -> None:
    message = compose(digest(), ADA)
    result = go(room, deliveries, Profile(name="ada", address=address), message=message)
    assert result.state == "failed" and result.remedy and len(result.reason) < 400
    assert not room.letters and not any("eve" in step for step in room.seen)


def test_a_message_too_large_is_not_begun(tmp_path: Path, deliveries: Deliveries) -> None:
    message = compose(digest(), ADA)
    message.set_content("x\n" * 5000)
    with mail_room(tmp_path, data_size_limit=4000) as room:
        result = go(room, deliveries, message=message)
    assert result.state == "failed" and "4,000" in result.reason and "MAIL" not in room.seen


def test_answers_are_shown_as_one_short_line(room: MailRoom, deliveries: Deliveries) -> None:
    room.answers["RCPT"] = "550-\x1b[31mred\x07\r\n550 " + "long " * 90
    reason = go(room, deliveries).reason
    assert "\x1b" not in reason and "\n" not in reason and len(reason) < 400


def test_a_server_that_says_the_password(room: MailRoom, deliveries: Deliveries) -> None:
    settings = replace(room.settings(), password=SecretStr("hunter2"))
    for said in ("hunter2", "aHVudGVyMg=="):  # in base64, too
        room.answers["RCPT"] = f"550 is it {said}?"
        result = send(digest(), ADA, compose(digest(), ADA), deliveries, Mailer(settings))
        assert "is it …?" in result.reason and said not in f"{result} {deliveries.all()}"


def test_a_claim_is_on_the_disk_before_it_counts(
    deliveries: Deliveries, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut must not make what was sent look as if it was not."""
    wal = Path(f"{catalog.store.path}-wal")
    synced: list[bool] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.path.samestat(os.fstat(descriptor), wal.stat()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    assert deliveries.begin("ada", "w", "a@b.example", "<m>")
    assert synced == [True]
    assert not deliveries.begin("ada", "w", "a@b.example", "<m>") and len(synced) == 1


def test_a_server_that_ends_before_the_letter_is_whole(
    room: MailRoom, deliveries: Deliveries
) -> None:
    """The claim is asked for only then, so that nothing is open afterwards."""
    asked: list[bool] = []
    room.answers["RCPT"] = None
    with pytest.raises(DeliveryError):
        mailer(room).deliver(
            compose(digest(), ADA),
            "ada@example.org",
            claim=lambda: asked.append(True) or True,  # type: ignore[func-returns-value]
            taken=lambda: None,
        )
    assert not asked


def test_without_a_claim_the_server_takes_nothing(room: MailRoom) -> None:
    went = mailer(room).deliver(
        compose(digest(), ADA), "ada@example.org", claim=lambda: False, taken=lambda: None
    )
    assert went is False
    wait_for(lambda: "RCPT ada@example.org" in room.seen)
    assert not room.letters
