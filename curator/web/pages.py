"""What all pages share: templates, how text is shown, who asks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from curator import __version__
from curator.serving import Serving
from curator.text import clean, plain
from curator.web.security import client_of, csrf_token

__all__ = ["Client", "Served", "render", "shown"]

# The pages' order in the menu: their name and the first part of their address.
MENU = (
    ("Chat", "chat"),
    ("Library", "library"),
    ("Review", "review"),
    ("Digests", "digests"),
    ("Map", "map"),
    ("Status", "status"),
)


def shown(text: str | None) -> str:
    """A stored text as people read it: TeX as Unicode, no control characters. It is escaped by
    the template."""
    return clean(plain(text or ""))


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["shown"] = shown
    made.globals.update(version=__version__, menu=MENU)
    return made


_templates = Jinja2Templates(env=_environment())


def render(request: Request, template: str, **values: Any) -> HTMLResponse:
    """A page. Its template extends ``base.html`` and is given ``title`` and the values."""
    page = request.url.path.strip("/").split("/")[0]
    return _templates.TemplateResponse(
        request, template, {"page": page, "csrf": csrf_token(request), **values}
    )


def _serving(request: Request) -> Serving:
    serving: Serving = request.app.state.serving
    return serving


# What routes are given: the library with its queue and jobs; who asks (for turns and limits).
Served = Annotated[Serving, Depends(_serving)]
Client = Annotated[str, Depends(client_of)]
