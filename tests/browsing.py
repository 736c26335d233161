"""A page in a real, headless Chromium, watched all the while: what it says on the console, what
it asks for and of whom, and whether a hostile text was run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["CHROMIUM", "HEIGHTS", "Scheme", "launched", "violations", "visiting", "well_behaved"]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
HEIGHTS = {390: 844, 1280: 900}  # pixels, by the width of a phone and of a desk
Scheme = Literal["light", "dark"]

# Nothing of the browser itself may ask for anything either.
_QUIET = """disable-gpu disable-quic no-first-run disable-background-networking
disable-component-update disable-sync"""


@contextmanager
def launched() -> Iterator[Browser]:
    """The browser; close all contexts before it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[f"--{flag}" for flag in _QUIET.split()]
        )
        yield opened
        opened.close()


@contextmanager
def visiting(
    browser: Browser,
    address: str,
    width: int = 1280,
    *,
    scheme: Scheme = "light",
    expected: tuple[str, ...] = (),
    **options: Any,
) -> Iterator[Page]:
    """A page of a reader of one's own (no cookies of another), ``width`` pixels wide; paths are
    below ``address``.

    At its end it must have said nothing on the console but lines that contain one of
    ``expected``, have asked no other address, have opened no dialog of the browser, and have run
    no text of a paper.
    """
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": HEIGHTS[width]},
        color_scheme=scheme,
        reduced_motion="reduce",
        **options,
    )
    said: list[str] = []
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"uncaught: {error}"))
    page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
    try:
        yield page
        well_behaved(page)
        assert [line for line in said if not any(part in line for part in expected)] == []
        assert asked, "nothing was watched"
        assert {url for url in asked if not url.startswith(f"{address}/")} == set()
    finally:
        context.close()


def well_behaved(page: Page) -> None:
    """Nothing sticks out to the side, and no text of a paper was run."""
    assert page.evaluate("window.hacked") is None
    wide, inner = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inner, f"{page.url} is {wide} pixels wide, and the window {inner}"


def violations(page: Page) -> list[str]:
    """What axe finds against a page, a line each."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found
        for node in rule["nodes"][:3]
    ]
