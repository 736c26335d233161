"""The digest's page and letter in a real browser: readable, operable, and silent."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from digests import empty_digest, example
from test_digest_html import hostile

from curator.digest.document import DigestDocument
from curator.digest.formats import to_email, to_html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="neither chromium nor google-chrome is installed"),
]
CHECKED = "#paper-p000000000002 details.said"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--disable-gpu", "--no-first-run", "--disable-background-networking"],
        )
        yield opened
        opened.close()


@pytest.fixture
def said() -> list[str]:
    """What the page said on the console, and what it asked for beside itself."""
    return []


def opened(
    browser: Browser, said: list[str], file: Path, page_text: str, width: int,
    scheme: Literal["light", "dark"] = "light", *, touch: bool = False,
) -> Page:  # fmt: skip
    file.write_text(page_text, "utf-8")
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, has_touch=touch,
        reduced_motion="reduce",
    )  # fmt: skip
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda r: said.append(r.url) if r.url != file.as_uri() else None)
    page.goto(file.as_uri(), wait_until="networkidle")
    return page


def mail(document: DigestDocument) -> str:
    message = to_email(document, sender="a@example.org", recipient="b@example.org")
    part = message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("form", [to_html, mail])
def test_axe_finds_nothing(
    browser: Browser, said: list[str], tmp_path: Path,
    form: Callable[[DigestDocument], str], width: int,
    scheme: Literal["light", "dark"],
) -> None:  # fmt: skip
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    page = opened(browser, said, tmp_path / "d.html", form(example()), width, scheme)
    assert said == []
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    # A letter is shown inside another page, which has the landmarks.
    rules = {
        "region": {"enabled": form is to_html},
        "landmark-one-main": {"enabled": form is to_html},
    }
    found = Axe().run(page, options={"rules": rules})
    assert found.violations_count == 0, found.generate_report()
    page.context.close()


@pytest.mark.parametrize("width", [320, 390])
@pytest.mark.parametrize(
    "document", [example(), hostile(), empty_digest()], ids=["all", "evil", "none"]
)
@pytest.mark.parametrize("form", [to_html, mail])
def test_nothing_sticks_out_on_a_phone(
    browser: Browser, said: list[str], tmp_path: Path, document: DigestDocument, width: int,
    form: Callable[[DigestDocument], str],
) -> None:  # fmt: skip
    page = opened(browser, said, tmp_path / "d.html", form(document), width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
    page.context.close()


def test_tapping_a_sentence_shows_the_stored_one(
    browser: Browser, said: list[str], tmp_path: Path
) -> None:
    page = opened(browser, said, tmp_path / "d.html", to_html(example()), 390, touch=True)
    stored = page.locator(f"{CHECKED} blockquote")
    assert not stored.is_visible()
    page.locator(f"{CHECKED} .text").tap()
    assert stored.is_visible()
    assert stored.inner_text() == "In 97% of storms a boat with a keel of 3.5 m stayed upright."
    assert said == []
    page.context.close()


def test_pointer_and_keyboard_show_it_too(
    browser: Browser, said: list[str], tmp_path: Path
) -> None:
    page = opened(browser, said, tmp_path / "d.html", to_html(example()), 1280)
    stored = page.locator(f"{CHECKED} blockquote")
    before = page.evaluate("document.documentElement.scrollHeight")
    page.locator(f"{CHECKED} .text").hover()
    page.wait_for_timeout(600)
    assert stored.is_visible()
    assert page.evaluate("document.documentElement.scrollHeight") == before, "the page stays still"
    page.mouse.move(0, 0)
    assert not stored.is_visible()
    page.locator(f"{CHECKED} summary").focus()
    page.keyboard.press("Enter")
    assert stored.is_visible()
    page.context.close()


def test_the_first_tab_skips_to_the_papers_and_print_shows_the_sources(
    browser: Browser, said: list[str], tmp_path: Path
) -> None:
    page = opened(browser, said, tmp_path / "d.html", to_html(example()), 1280)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    box = page.locator(".skip").bounding_box()
    assert box and box["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.emulate_media(media="print")
    assert page.locator(f"{CHECKED} blockquote").is_visible()
    assert not page.locator("nav.contents").is_visible()
    page.context.close()
