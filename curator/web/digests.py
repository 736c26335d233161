"""Digests: the archive, a page to edit one, its forms for reading elsewhere, and making one."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from curator.digest import formats
from curator.digest.desk import DigestDesk, desk_of, stored_digest
from curator.digest.document import ME, slug
from curator.errors import NotFoundError
from curator.readers import is_name
from curator.serving import Serving
from curator.text import clean
from curator.web.digests_desk import (
    Changed,
    change_of,
    remember,
    store,
)
from curator.web.digests_view import archive, of_desk, of_old, unsupported
from curator.web.pages import Served, render

__all__ = ["router"]

router = APIRouter()

IN_FEED = 20
# The digest's own page needs nothing from anywhere, and must not be able to use this site.
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
Id = Annotated[str, Field(max_length=100)]
Text = Annotated[str, Field(max_length=10_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LeadChange(_Strict):
    was: Text
    now: Text
    at: int = Field(ge=0, le=100)


class MoveChange(_Strict):
    paper: Id
    section: Id
    after: Id = ""
    before: Id = ""


class EditsChange(_Strict):
    """Those fields of `curator.digest.edits.Edits` that change; a neutral value ("", false, an
    empty list) takes an edit back."""

    version: int = 1
    tldrs: dict[Id, Text] = Field(default={}, max_length=200)
    pinned: dict[Id, StrictBool] = Field(default={}, max_length=200)
    dropped: dict[Id, StrictBool] = Field(default={}, max_length=200)
    titles: dict[Id, Text] = Field(default={}, max_length=200)
    notes: dict[Id, list[Text]] = Field(default={}, max_length=200)
    lead: list[LeadChange] = Field(default=[], max_length=50)
    sections: list[Id] = Field(default=[], max_length=200)
    moves: list[MoveChange] = Field(default=[], max_length=200)


class EditedDigest(_Strict):
    """``seen`` is the print of the edits that the change was made at (the last reply's)."""

    edits: EditsChange
    seen: str = Field(default="", max_length=100)


class WantedDigest(_Strict):
    week: str = Field(default="", max_length=40)
    reader: str = Field(default=ME, max_length=100)
    limit: int = 20


# ------------------------------------------------------------------------------- the archive


@router.get("/digests", include_in_schema=False)
def index(request: Request, serving: Served, job: int | None = None) -> Response:
    library = serving.library
    rows = archive(library)
    under_way = None
    if job is not None:
        try:
            under_way = serving.jobs.get(job).to_dict()
        except NotFoundError:  # the server was started again since
            under_way = None
    return render(
        request,
        "digests.html",
        title="Digests",
        rows=rows,
        readers=[profile.name for profile in library.catalog.readers.all()],
        feeds=list(dict.fromkeys(row["reader"] for row in rows if not row["old"])),
        job=under_way,
    )


@router.get("/api/digests")
def listed(serving: Served) -> list[dict[str, Any]]:
    """All digests, the newest first."""
    return archive(serving.library)


@router.post("/digests", include_in_schema=False)
def make_form(
    serving: Served,
    week: Annotated[str, Form(max_length=40)] = "",
    reader: Annotated[str, Form(max_length=100)] = ME,
    limit: Annotated[int, Form()] = 20,
) -> Response:
    job = _make(serving, week, reader, limit)
    return RedirectResponse(f"/digests?job={job.id}", status_code=303)


@router.post("/api/digests", status_code=202)
def make(body: WantedDigest, serving: Served) -> dict[str, Any]:
    """Makes a digest of a week ("": the present one), with the edits that are stored; the job."""
    job: dict[str, Any] = _make(serving, body.week, body.reader, body.limit).to_dict()
    return job


def _make(serving: Serving, week: str, reader: str, limit: int) -> Any:
    from curator.serving.work import digest_job

    return digest_job(serving, week.strip() or None, reader, limit)


# --------------------------------------------------------------------- forms to read elsewhere


@router.get("/digests/{reader}/feed.atom", include_in_schema=False)
def feed(request: Request, reader: str, serving: Served) -> Response:
    library = serving.library
    if not is_name(reader) or not library.catalog.digests.names(reader):
        library.catalog.readers.require(clean(reader))
    stored = [d for d in library.catalog.digests.documents(reader) if d.get("version") == 2]
    # With what editors did since: they took out what nobody should read.
    shown = [DigestDesk(library.catalog, library.grounder, d).edited() for d in stored[-IN_FEED:]]
    here = str(request.url.replace(query="", fragment=""))
    text = formats.to_atom(shown, url=here)
    return Response(text, media_type="application/atom+xml")


@router.get("/digests/{reader}/{name}/page", include_in_schema=False)
def whole_page(reader: str, name: str, serving: Served) -> Response:
    desk = _desk(serving, reader, name)
    page = formats.to_html(desk.edited()).encode("utf-8", "replace")
    return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})


@router.get("/digests/{reader}/{name}.md", include_in_schema=False)
def markdown(reader: str, name: str, serving: Served) -> Response:
    from curator.digest.markdown import to_markdown

    desk = _desk(serving, reader, name)
    text = to_markdown(desk.edited()).encode("utf-8", "replace")
    return _download(text, "text/markdown", reader, name, "md")


@router.get("/digests/{reader}/{name}.json", include_in_schema=False)
def data(reader: str, name: str, serving: Served) -> Response:
    document = stored_digest(serving.library.catalog, reader, name)
    if document.get("version") == 2:
        document = _desk(serving, reader, name).edited()
    text = formats.to_json(document).encode("utf-8", "replace")
    return _download(text, "application/json", reader, name, "json")


@router.get("/digests/{reader}/{name}.eml", include_in_schema=False)
def letter(reader: str, name: str, serving: Served) -> Response:
    settings = serving.library.settings
    profile = serving.library.catalog.readers.get(reader)
    made = formats.email_bytes(
        _desk(serving, reader, name).edited(),
        sender=settings.mail_from or "curator@localhost",
        recipient=(profile.address if profile else "") or f"{reader}@localhost",
        unsubscribe=settings.unsubscribe,
    )
    return _download(made, "message/rfc822", reader, name, "eml")


def _desk(serving: Served, reader: str, name: str) -> DigestDesk:
    return desk_of(serving.library.catalog, serving.library.grounder, reader, name)


def _download(text: bytes, media: str, reader: str, name: str, ending: str) -> Response:
    file = re.sub(r"[^A-Za-z0-9._-]", "-", slug(name, reader))
    headers = {"Content-Disposition": f'attachment; filename="{file}.{ending}"'}
    return Response(text, media_type=media, headers=headers)


# ------------------------------------------------------------------------------- editing


@router.get("/digests/{reader}/{name}", include_in_schema=False)
def page(request: Request, reader: str, name: str, serving: Served) -> Response:
    document = stored_digest(serving.library.catalog, reader, name)
    if document.get("version") != 2:
        title = f"Digest {clean(name)}"
        return render(request, "digest_old.html", title=title, digest=of_old(document))
    return _page(request, serving, reader, name)


@router.post("/digests/{reader}/{name}", include_in_schema=False)
def change(
    request: Request,
    reader: str,
    name: str,
    serving: Served,
    do: Annotated[str, Form(max_length=20)],
    paper: Annotated[str, Form(max_length=100)] = "",
    text: Annotated[str, Form(max_length=20_000)] = "",
    section: Annotated[str, Form(max_length=100)] = "",
    seen: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """What a button of the page does (`change_of`)."""
    with serving.changing:
        desk = _desk(serving, reader, name)
        changes = change_of(desk, do, paper, text, section)
        if "notes" in changes:  # made of the notes as they are now
            seen = remember(serving, desk.edits())
        try:
            store(serving, desk, changes, seen)
        except Changed as changed:
            draft = {"paper": paper, "text": text} if do == "rewrite" else None
            told = f"{changed.message} {changed.remedy}"
            answer = _page(request, serving, reader, name, told=told, draft=draft)
            answer.status_code = 409
            return answer
    place = f"#{paper}" if re.fullmatch(r"p[0-9a-f]{12}", paper) and do != "drop" else ""
    return RedirectResponse(f"{request.url.path}{place}", status_code=303)


def _page(
    request: Request,
    serving: Serving,
    reader: str,
    name: str,
    told: str = "",
    draft: dict[str, str] | None = None,
) -> HTMLResponse:
    desk = _desk(serving, reader, name)
    return render(
        request,
        "digest.html",
        title=f"Digest {clean(name)}",
        digest=of_desk(serving.library, desk),
        seen=remember(serving, desk.edits()),
        told=told,
        draft=draft,
        here=request.url.path,
    )


@router.get("/api/digests/{reader}/{name}")
def edited(reader: str, name: str, serving: Served) -> dict[str, Any]:
    """A digest with its edits done, the edits, and their print (``seen``)."""
    desk = _desk(serving, reader, name)
    return {
        "seen": remember(serving, desk.edits()),
        "edits": desk.edits(),
        "document": desk.edited(),
    }


@router.post("/api/digests/{reader}/{name}/edits", response_model=None)
def edit(reader: str, name: str, body: EditedDigest, serving: Served) -> dict[str, Any] | Response:
    """Stores changes. ``merged`` says that others had changed something else meanwhile; where they
    changed the same, nothing is stored, and the reply (409) has what is there now."""
    given = body.edits.model_dump(include=body.edits.model_fields_set - {"version"})
    desk = _desk(serving, reader, name)
    try:
        edits, merged = store(serving, desk, given, body.seen)
    except Changed as changed:
        now = {"seen": remember(serving, desk.edits()), "edits": desk.edits()}
        return JSONResponse({"error": changed.message, "remedy": changed.remedy, **now}, 409)
    return {
        "seen": remember(serving, edits),
        "edits": edits,
        "merged": merged,
        "unsupported": unsupported(desk.edited()),
    }
