"""The command that makes digests, writes them in all forms, and sends them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from curator.cli.digest_files import bytes_of, edits_in, file_of, is_old, keep_edits, set_aside
from curator.cli.options import AsJson, MaxCalls, MaxMinutes, MaxTokens, ModelName
from curator.cli.shown import counted, shown_text
from curator.cli.terminal import budget_of, command, note, open_library, put, put_json

if TYPE_CHECKING:
    from email.message import EmailMessage

    from curator.digest.document import DigestDocument
    from curator.digest.edits import Edits
    from curator.digest.period import Period
    from curator.library import Library
    from curator.readers import Profile

__all__ = ["digest"]

# The endings of the files; a feed has all of a reader's digests.
FORMATS = {"md": "md", "html": "html", "email": "eml", "atom": "atom", "json": "json"}
IN_FEED = 20


@dataclass(frozen=True)
class _Wish:
    """What a person asked for."""

    week: str | None
    since: str | None
    until: str | None
    limit: int
    also: int
    formats: tuple[str, ...]
    out: Path | None
    templates: Path | None
    fresh: bool

    def period(self, profile: Profile) -> Period:
        from curator.delivery.weeks import today_in, week_of
        from curator.digest.period import period_of

        now = datetime.now(UTC)
        week = self.week
        if week and week.strip().lower() in ("last", "this"):
            week = week_of(now, profile.zone, last=week.strip().lower() == "last")
        return period_of(week, self.since, self.until, today=today_in(now, profile.zone))


@command
def digest(
    *,
    week: Annotated[
        str | None, typer.Option(help="An ISO week like 2026-W47, or last, or this.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="The first day (default: 6 days before the last).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The last day (default: today).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many papers it chooses.")] = 20,
    also: Annotated[int, typer.Option(min=0, help="How many more stand under “also”.")] = 10,
    formats: Annotated[
        str, typer.Option("--format", help="md, html, email, atom, json; several: md,html; or all.")
    ] = "md",
    out: Annotated[
        Path | None, typer.Option(help="A folder for the files; default is standard output.")
    ] = None,
    reader: Annotated[
        str, typer.Option(help="Whose digest: see `curator profile list`.", show_default="me")
    ] = "me",
    everyone: Annotated[
        bool, typer.Option("--all-readers", help="One for each reader, each by their profile.")
    ] = False,
    why: Annotated[bool, typer.Option("--why", help="Say why each paper was chosen.")] = False,
    templates: Annotated[
        Path | None, typer.Option(help="A folder whose templates replace the built-in ones.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget an editor's changes; the old file is kept.")
    ] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Mail it to its reader, once (see CURATOR_SMTP_URL).")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also send what was perhaps sent: killed in between.")
    ] = False,
    empty: Annotated[
        bool, typer.Option("--empty", help="Also send a digest without any paper.")
    ] = False,
    model: ModelName = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_minutes: MaxMinutes = None,
    as_json: AsJson = False,
) -> None:
    """Write the digest of a week: papers this reader would choose, one checked sentence each.

    Papers belong to the day a list showed them, else to the day they were published or added.
    What an earlier digest showed is not shown again. With --out, what you changed in the
    digest's .md file is kept when it is made anew; `curator digest review` asks paper by paper.
    The same papers, summaries, tags, profile and changes give the same digest, byte for byte.

    curator digest --week last --format all --out digests --send
    """
    from curator.errors import UsageError

    chosen = _formats(formats)
    if (len(chosen) > 1 or everyone) and out is None and not send and not as_json:
        what = "Digests of several readers need" if everyone else "More than one --format needs"
        raise UsageError(f"{what} a folder.", remedy="Add --out DIR.")
    if (again or empty) and not send:
        raise UsageError("--again and --empty say what to send.", remedy="Add --send.")
    if everyone and reader != "me":
        raise UsageError(
            "--reader and --all-readers: one of them, not both.", remedy="Leave one out."
        )
    wish = _Wish(week, since, until, limit, also, chosen, out, templates, fresh)
    with open_library(model=model, budget=budget_of(max_calls, max_tokens, max_minutes)) as library:
        readers = library.catalog.readers
        profiles = readers.all() if everyone else [readers.require(reader)]
        compose = _composer(library, profiles, templates) if send else None
        made, failed = _make_all(library, profiles, wish, why)
        documents = [document for document, _ in made]
        if as_json:
            put_json(documents if everyone else documents[0])
        elif out is None and not send:
            put(_text(library, documents[0], chosen[0], wish).rstrip("\n"))
        failed |= any(d["failed"] or d["untagged"] for d in documents)
        if compose is not None:
            failed |= _send(library, made, compose, again=again, empty=empty)
    if failed:
        raise typer.Exit(1)


def _formats(given: str) -> tuple[str, ...]:
    from curator.errors import UsageError

    names = [name.strip().lower() for name in given.split(",") if name.strip()]
    names = list(FORMATS) if names == ["all"] else list(dict.fromkeys(names))
    if not names or (unknown := [name for name in names if name not in FORMATS]):
        shown = unknown[0] if names else given
        raise UsageError(
            f"--format cannot be {shown!r}.", remedy=f"Use {', '.join(FORMATS)}, or all."
        )
    return tuple(names)


# ------------------------------------------------------------------------------- making


def _make_all(
    library: Library, profiles: list[Profile], wish: _Wish, why: bool
) -> tuple[list[tuple[DigestDocument, Profile]], bool]:
    """The digests, and whether one of several could not be made: that stops no other."""
    from curator.errors import BudgetExhausted, CuratorError, MissingError

    made, failed = [], False
    for profile in profiles:
        try:
            made.append((_make(library, profile, wish, why), profile))
        except CuratorError as error:
            if len(profiles) == 1 or isinstance(error, BudgetExhausted | MissingError):
                raise
            note(f"Failed: {profile.name}: {error}")
            failed = True
    return made, failed


def _make(library: Library, profile: Profile, wish: _Wish, why: bool) -> DigestDocument:
    """Makes, stores and writes the digest of one reader."""
    from curator.digest.edits import no_edits

    period = wish.period(profile)
    file = file_of(wish.out, profile.name, period.name, "md") if wish.out else None
    edits: Edits | None = no_edits() if wish.fresh else None
    was = bytes_of(file)
    if file is not None and was is not None:
        if wish.fresh or is_old(library, period.name, profile.name):
            set_aside(file)
            was = None
        else:
            edits = edits_in(library, file, was, period.name, profile.name)
    elif wish.fresh and (stored := library.catalog.digests.edits(period.name, profile.name)):
        keep_edits(file, stored)

    def on_event(event: dict[str, Any]) -> None:
        if event["event"] in {"tagged", "summarised"}:
            library.progress(event["event"], event["done"], event["of"])

    document = library.digest(
        period,
        limit=wish.limit,
        also=wish.also,
        reader=profile.name,
        edits=edits,
        on_event=on_event,
    )
    if not document["seen"]:
        days = library.catalog.papers.days()
        where = f" The latest papers are of {days[-1]}." if days else " The library is empty."
        note(f"No papers from {period.since} to {period.until}.{where}")
    if wish.out is not None:
        from curator.cli.files import write_whole

        for name in wish.formats:
            path = file_of(wish.out, profile.name, period.name, FORMATS[name])
            if name == "md" and bytes_of(path) != was:
                set_aside(path)
                note("It was changed while the digest was made. Put it back to keep that.")
            write_whole(path, _text(library, document, name, wish))
            note(f"Written: {path}")
    _tell(document, why)
    return document


def _text(library: Library, document: DigestDocument, name: str, wish: _Wish) -> str:
    """One form of a digest."""
    from curator.digest import formats
    from curator.digest.markdown import to_markdown

    if name == "md":
        return to_markdown(document)
    if name == "json":
        return formats.to_json(document)
    if name == "html":
        return formats.to_html(document, wish.templates)
    if name == "atom":
        stored = library.catalog.digests.documents(document["reader"])
        whole = [one for one in stored if one.get("version") == 2]
        return formats.to_atom(whole[-IN_FEED:], templates=wish.templates).decode()
    settings, whose = library.settings, document["reader"]
    address = library.catalog.readers.require(whose).address
    return formats.email_bytes(
        document,
        sender=settings.mail_from or "curator@localhost",
        # A letter that is not sent is for a mail program to open, wherever it goes then.
        recipient=address or f"{whose}@localhost",
        unsubscribe=settings.unsubscribe,
        templates=wish.templates,
    ).decode()


def _tell(document: DigestDocument, why: bool) -> None:
    """What else there is to say, for the person at the terminal."""
    from curator.digest.document import every_paper

    ledger = document["ledger"]
    names = [("chosen", "chosen"), ("notable", "also"), ("shown_before", "shown before")]
    names += [("dropped", "dropped"), ("disliked", "disliked"), ("no_abstract", "saying nothing")]
    names += [("not_chosen", "not chosen"), ("failed", "failed")]
    parts = [f"{ledger[key]:,} {text}" for key, text in names if ledger[key]]  # type: ignore[literal-required]
    if document["seen"]:
        note(f"{document['name']}: {counted(document['seen'], 'paper')} seen: {', '.join(parts)}")
    for row in document["untagged"]:
        note(f"Not tagged: {row['paper_id']}: {row['reason']}")
    for row in document["failed"]:
        note(f"Failed: {row['paper_id']}: {row['reason']}")
    if why:
        for paper in every_paper(document):
            reasons = "; ".join(reason["text"] for reason in paper["why"])
            note(f"  {shown_text(paper['title'])}: {shown_text(reasons)}")


# ------------------------------------------------------------------------------- sending


def _composer(
    library: Library, profiles: list[Profile], templates: Path | None
) -> Callable[[DigestDocument, Profile], EmailMessage]:
    """What makes the letters. All that is missing is told before anything is made.

    Raises:
        UsageError: no server is set, or a reader has no address.
    """
    from curator.delivery.mailserver import mail_server
    from curator.digest.formats import to_email
    from curator.errors import UsageError

    settings = _mail_settings(library)
    mail_server(settings)
    if not any(profile.address for profile in profiles):  # else the others are sent theirs
        name = profiles[0].name
        raise UsageError(
            f"Nobody knows where to send the digest of {name!r}.",
            remedy=f"Say so: curator profile set --reader {name} --address NAME@HOST",
        )
    return lambda document, profile: to_email(
        document,
        sender=settings.sender,
        recipient=profile.address,
        unsubscribe=settings.unsubscribe,
        templates=templates,
    )


def _mail_settings(library: Library) -> Any:
    from curator.delivery.mailserver import MailSettings

    settings = library.settings
    return MailSettings(
        url=settings.smtp_url or "",
        password=settings.smtp_password,
        sender=settings.mail_from,
        unsubscribe=settings.unsubscribe,
    )


def _send(
    library: Library,
    made: list[tuple[DigestDocument, Profile]],
    compose: Callable[[DigestDocument, Profile], EmailMessage],
    *,
    again: bool,
    empty: bool,
) -> bool:
    """Sends the digests; whether somebody has none who should have one."""
    from curator.delivery.sending import Delivered, send_all
    from curator.delivery.smtp import Mailer

    def told(result: Delivered) -> None:
        said = f"{result.state}: {result.reader}"
        note(": ".join(part for part in (said, result.reason) if part))
        if result.remedy:
            note(f"  {result.remedy}")

    if len(made) > 1:  # readers without an address get theirs as files
        for _, profile in made:
            if not profile.address:
                note(f"not sent: {profile.name}: has no address")
        made = [one for one in made if one[1].address]
    report = send_all(
        made,
        compose,
        library.catalog.deliveries,
        Mailer(_mail_settings(library)),
        again=again,
        empty=empty,
        on_result=told,
    )
    counts = ", ".join(f"{count} {state}" for state, count in report.counts.items() if count)
    note(f"{counted(len(report.results), 'digest')}: {counts}")
    return bool(report.exit_code)
